//! Where the parts of a text stand, found without reading them: the entries of its documents, the items of their lists.
//!
//! A large file changes in one place. Whoever knows its parts reads one of them instead of the whole: [`of`] tells where
//! they stand, [`item`] and [`entry`] read one of them by itself. Only the plain form is taken apart: documents that are
//! block mappings of plain keys, each written once, and of their values those block sequences whose dashes stand below
//! each other. Every other value is one opaque part, and every text that is not plainly of this form has no outline:
//! a directive, a flow collection or a scalar at the top, a quoted or `?` key, a tab in front of something, text behind
//! `---`.
//!
//! **To whom lines between parts belong.** The comment lines directly above a part, none indented deeper than its dash
//! (its key), are its head and belong to it. Blank lines, comments above a blank line and deeper comments belong to the
//! part before: a deeper line may be the text of a block scalar, which ends where the part ends. Before the first part
//! of a document there is no such part, and they belong to none; behind the key of a list they belong to the list.
//!
//! **Why a part means by itself what it means in its place.** [`of`] only sees lines, and a line may lie inside quotes or
//! brackets. So nothing is believed until each part was read alone: below a key of its own, which puts the scanner where
//! it stands in the whole text before the part, and above the line that follows there ([`Follows`]). It has to be exactly
//! one item, with what follows whole behind it. Then, from part to part:
//!
//! - What a scanner carries over a line is a quote or bracket that is open, a plain or block scalar that may go on, the
//!   indents, and the anchors. A part with an open quote or bracket does not read alone, since what follows closes none:
//!   a text cannot be cut inside one. Nor do two such cuts make up for each other, for the first part already fails.
//! - A plain scalar goes on only deeper than the dash, and a block scalar's text stands deeper than it. The line where
//!   the next part begins, its head included, is not deeper, so it ends both, whichever line it is. Head and part are
//!   not separated from each other, and a deeper comment is never moved from one to the next.
//! - The indents are those of the dash and its key: what follows was read behind the part, as the next item or key.
//! - An anchor of an earlier part is not known to one that reads alone: then it fails. An own one wins in both.
//!
//! And no boundary is missed: the dashes of a block sequence stand in one column with nothing before them, the keys of
//! the top in the first, and each such line is a boundary here. Where a whole text was read anyway it is enough to count:
//! as many items as boundaries are the same items.
//!
//! Generated texts, good and damaged, are compared with the whole read in the tests and by a fuzz target.

use std::ops::Range;

use super::text::characters;
use crate::limits;

mod alone;

#[cfg(test)]
mod tests;

pub use alone::{Part, entry, item, move_lines};

/// The parts of a text. All ranges are bytes of the text that was given, a byte order mark included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// As many as a reader finds.
    pub documents: Vec<Document>,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The keys of its mapping in the order of the text. None: the document is null.
    pub entries: Vec<Entry>,
    /// Where it ends: at the line of its `...`, of the next `---`, or the end of the text.
    pub end: usize,
    /// What stands there.
    pub before: Follows,
}

/// A key of the top with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Head, key and value, up to where the next one begins.
    pub range: Range<usize>,
    /// The key, plain text.
    pub key: Range<usize>,
    /// What is known of the value.
    pub value: Shape,
}

/// What is known of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Anything.
    Opaque,
    /// A block sequence of at least one item.
    Items {
        /// Blanks before each dash.
        column: usize,
        /// One behind the other, the last to the end of the entry.
        items: Vec<Item>,
    },
}

/// An item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Where its head begins, at the start of a line.
    pub start: usize,
    /// Its dash.
    pub dash: usize,
    /// Where the next one begins.
    pub end: usize,
}

/// What stands behind a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Follows {
    /// The next item of the same list.
    Item,
    /// The next key of the top.
    Key,
    /// `---` or `...`.
    Marker,
    /// Nothing.
    #[default]
    End,
}

impl Entry {
    /// The items of the value, if it is a block sequence, and their column.
    #[must_use]
    pub fn items(&self) -> Option<(&[Item], usize)> {
        match &self.value {
            Shape::Items { column, items } => Some((items, *column)),
            Shape::Opaque => None,
        }
    }
}

impl Document {
    /// What stands behind the entry of this index.
    #[must_use]
    pub fn follows(&self, entry: usize) -> Follows {
        if entry + 1 < self.entries.len() { Follows::Key } else { self.before }
    }
}

/// The parts of a text; none if it is not plainly of the form that can be taken apart.
#[must_use]
pub fn of(text: &str) -> Option<Outline> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = Reader { text, bytes: text.as_bytes(), at: start };
    let mut outline = Outline::default();
    let mut open: Option<Document> = None;
    // Behind `...` only `---` opens a document.
    let mut closed = false;
    loop {
        reader.skip_blank()?;
        let line = reader.line();
        match marker(line) {
            Some(marker) => {
                is_readable(line)?;
                let (here, follows) = (reader.at, Follows::Marker);
                if let Some(document) = open.take() {
                    outline.documents.push(Document { end: here, before: follows, ..document });
                } else if marker == Marker::End {
                    return None;
                }
                closed = marker == Marker::End;
                open = (!closed).then(Document::default);
                reader.at = reader.after_line();
            }
            None if line.is_empty() => break,
            None => {
                if closed {
                    return None;
                }
                let document = open.get_or_insert_default();
                let entry = reader.entry()?;
                let name = |entry: &Entry| text.get(entry.key.clone());
                let known = document.entries.iter().any(|known| name(known) == name(&entry));
                if known || document.entries.len() >= limits::OUTLINE_ENTRIES {
                    return None;
                }
                document.entries.push(entry);
            }
        }
    }
    if let Some(document) = open {
        outline.documents.push(Document { end: text.len(), before: Follows::End, ..document });
    }
    Some(outline)
}

#[derive(PartialEq, Eq)]
enum Marker {
    Start,
    End,
}

fn marker(line: &str) -> Option<Marker> {
    let (marker, rest) = line.split_at_checked(3)?;
    let marker = match marker {
        "---" => Marker::Start,
        "..." => Marker::End,
        _ => return None,
    };
    is_nothing(rest).then_some(marker)
}

/// Whether only blanks or a comment stand there, behind something.
fn is_nothing(rest: &str) -> bool {
    let bare = rest.trim_start_matches(' ');
    bare.is_empty() || (bare.len() < rest.len() && bare.starts_with('#') && !bare.contains('\r'))
}

/// What belongs to no part, and so is read with none, is looked at here: a comment that a scanner refuses.
fn is_readable(line: &str) -> Option<()> {
    characters(line).ok().filter(|()| !line.contains('\u{feff}'))
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// The start of a line, or the end.
    at: usize,
}

impl<'t> Reader<'t> {
    /// The line here without its end.
    fn line(&self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        if line.len() < rest.len() { line.strip_suffix('\r').unwrap_or(line) } else { line }
    }

    fn after_line(&self) -> usize {
        after_line(self.bytes, self.at)
    }

    /// Passes over blank lines and comments. None: a tab or another line break is among them.
    fn skip_blank(&mut self) -> Option<()> {
        while self.at < self.bytes.len() {
            let line = self.line();
            let bare = line.trim_start_matches(' ');
            if bare.starts_with(['\t', '\r']) || (bare.starts_with('#') && bare.contains('\r')) {
                return None;
            }
            if !bare.is_empty() && !bare.starts_with('#') {
                break;
            }
            is_readable(line)?;
            self.at = self.after_line();
        }
        Some(())
    }

    /// The entry whose key stands here; goes on to where the next thing of the top stands.
    fn entry(&mut self) -> Option<Entry> {
        let begin = self.at;
        let line = self.line();
        let length = line.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
        let (name, rest) = line.split_at_checked(length)?;
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let value = rest.strip_prefix(':')?;
        if !value.is_empty() && !value.starts_with(' ') || line.contains('\r') {
            return None;
        }
        let key = begin..begin + length;
        let start = head(self.bytes, begin, 0);
        let body = self.after_line();
        self.at = body;
        let mut shape = Shape::Opaque;
        if is_nothing(value) {
            is_readable(value)?;
            self.skip_blank()?;
            let line = self.line();
            let column = line.len() - line.trim_start_matches(' ').len();
            if is_dash(self.bytes, self.at + column)? {
                let mut items = Vec::new();
                self.items(column, &mut items)?;
                shape = Shape::Items { column, items };
            }
        }
        if shape == Shape::Opaque {
            self.at = next(self.bytes, body.saturating_sub(1), 0).unwrap_or(self.bytes.len());
            self.next_top()?;
        }
        let end = self.boundary();
        if let Shape::Items { items, .. } = &mut shape
            && let Some(last) = items.last_mut()
        {
            last.end = end;
        }
        Some(Entry { range: start..end, key, value: shape })
    }

    /// Where a part ends whose follower stands here: before the head of a key, at a marker.
    fn boundary(&self) -> usize {
        if self.at >= self.bytes.len() || marker(self.line()).is_some() {
            self.at
        } else {
            head(self.bytes, self.at, 0)
        }
    }

    /// From a candidate on to the first one that is a line of the top. None: a tab stands in front of a line.
    fn next_top(&mut self) -> Option<()> {
        while let Some(first) = self.bytes.get(self.at) {
            match first {
                b'\t' => return None,
                b' ' | b'\n' | b'\r' | b'#' => {
                    self.at = next(self.bytes, self.at, 0).unwrap_or(self.bytes.len());
                }
                _ => break,
            }
        }
        Some(())
    }

    /// Every item from here on, and then to the next line of the top.
    fn items(&mut self, column: usize, items: &mut Vec<Item>) -> Option<()> {
        loop {
            let dash = self.at + column;
            let blank = self.bytes.get(self.at..dash).is_some_and(|indent| indent.iter().all(|b| *b == b' '));
            if blank && is_dash(self.bytes, dash)? {
                let start = head(self.bytes, self.at, column);
                if let Some(before) = items.last_mut() {
                    before.end = start;
                }
                items.push(Item { start, dash, end: self.bytes.len() });
            } else {
                match self.bytes.get(self.at) {
                    Some(b' ' | b'\n' | b'\r' | b'#') => {}
                    Some(b'\t') => return None,
                    _ => return Some(()),
                }
            }
            self.at = next(self.bytes, self.at, column).unwrap_or(self.bytes.len());
        }
    }
}

/// Whether a dash that begins an item stands there. None: one with a tab behind it, which may be anything.
fn is_dash(bytes: &[u8], at: usize) -> Option<bool> {
    if bytes.get(at) != Some(&b'-') {
        return Some(false);
    }
    match bytes.get(at + 1) {
        None | Some(b' ' | b'\n' | b'\r') => Some(true),
        Some(b'\t') => None,
        Some(_) => Some(false),
    }
}

fn after_line(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end + 1)
}

/// Where the comment lines directly above a line begin, none of them indented deeper than `column`.
fn head(bytes: &[u8], line: usize, column: usize) -> usize {
    let mut start = line;
    loop {
        // The line above ends right before this one.
        let Some(before) = start.checked_sub(1).and_then(|end| bytes.get(..end)) else { return start };
        let above = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let indent = before.iter().skip(above).take_while(|byte| **byte == b' ').count();
        if indent > column || before.get(above + indent) != Some(&b'#') {
            return start;
        }
        start = above;
    }
}

/// The next line behind a place whose first byte is no blank, or that has a dash in this column.
///
/// The one loop that sees every byte: blocks without such a line, which is most of them, are passed over in the form that
/// compilers make vector instructions of.
fn next(bytes: &[u8], at: usize, column: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    let found =
        |end: u8, first: u8, dash: u8| u8::from(end == b'\n') & (u8::from(first != b' ') | u8::from(dash == b'-'));
    let block = |at: usize| -> Option<&[u8; BLOCK]> { bytes.get(at..at + BLOCK)?.try_into().ok() };
    let mut at = at;
    while let (Some(ends), Some(firsts), Some(dashes)) = (block(at), block(at + 1), block(at + 1 + column)) {
        let lines = ends.iter().zip(firsts).zip(dashes);
        let any = lines.clone().fold(0, |any, ((end, first), dash)| any | found(*end, *first, *dash));
        if any != 0 {
            let place = lines.into_iter().position(|((end, first), dash)| found(*end, *first, *dash) != 0);
            return place.map(|place| at + place + 1);
        }
        at += BLOCK;
    }
    // The end of the text, where not all of the three are there.
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    (at..bytes.len().saturating_sub(1))
        .find(|at| found(byte(*at), byte(at + 1), byte(at + 1 + column)) != 0)
        .map(|at| at + 1)
}
