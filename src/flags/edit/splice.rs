//! Changes in place: what is wanted of a node -> the few bytes that have to be others.
//!
//! Nothing is moved that stays, and nothing is written that is there. What belongs to a list item or an entry of a
//! mapping goes with it: the comment lines right above it, and those below that are indented deeper.

mod entries;
mod items;
mod values;

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::lines;
use super::scalar::Place;
use super::style::Style;
use super::value::Value;
use super::write::Writer;
use crate::yaml::spans::{Form, Pair, Spot};

/// A range of the text and what is to stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Why something cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck(pub(super) String);

pub(super) type Done = Result<(), Stuck>;

fn stuck<T>(why: &str) -> Result<T, Stuck> {
    Err(Stuck(why.to_owned()))
}

/// Collects the splices of one edit.
pub(super) struct Splicer<'t> {
    /// It ends with a line end.
    pub(super) text: &'t str,
    pub(super) style: &'t Style,
    pub(super) splices: Vec<Splice>,
    /// Nodes that were changed or taken away: if an anchor is in them, its aliases have to be looked after.
    pub(super) touched: Vec<Spot>,
}

impl<'t> Splicer<'t> {
    pub(super) const fn new(text: &'t str, style: &'t Style) -> Self {
        Self { text, style, splices: Vec::new(), touched: Vec::new() }
    }

    pub(super) fn push(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.splices.push(Splice { range, text: text.into() });
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    fn touch(&mut self, spot: &Spot) {
        self.touched.push(spot.clone());
    }

    /// The column in which what begins at a place is indented; only blanks and dashes may be before it.
    fn column(&self, at: usize) -> Result<usize, Stuck> {
        let before = self.slice(lines::start(self.text, at)..at);
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        if before.bytes().all(|byte| matches!(byte, b' ' | b'-')) && !before.starts_with("---") {
            Ok(before.len())
        } else {
            stuck("it is not indented with blanks alone")
        }
    }

    fn place_of(spot: &Spot) -> Place {
        let quoted = |pair: &Pair| matches!(pair.key.form, Form::Scalar { style: ScalarStyle::DoubleQuoted, .. });
        let json = !spot.pairs().is_empty() && spot.pairs().iter().all(quoted);
        if json { Place::Json } else { Place::Flow }
    }

    fn flow(&self, key: &str, value: &Value, place: Place, at: usize) -> String {
        let mut writer = Writer::new(self.style, lines::eol(self.text, at));
        writer.flow(key, value, place);
        writer.out
    }

    /// Something below this node changes; what else is in it does not.
    fn touch_outside(&mut self, spot: &Spot) {
        if spot.anchor != 0 {
            let Spot { start, body, end, tail, anchor, tag, .. } = *spot;
            self.touched.push(Spot { start, body, end, tail, anchor, tag, form: Form::Alias(0) });
        }
    }

    /// The lines of an entry or item that begins at `start`, in a column, and ends at `tail`: from the comments right
    /// above it to those below that are indented deeper.
    pub(super) fn chunk(&self, start: usize, tail: usize, column: usize) -> Range<usize> {
        let mut from = lines::start(self.text, start);
        let comment = |at: usize| {
            let line = lines::content(self.text, at);
            let inner = line.trim_start_matches([' ', '\t']);
            inner.starts_with('#').then(|| line.len() - inner.len())
        };
        let own = self.slice(from..start);
        // Behind another dash it has no lines of its own above.
        while own.trim().is_empty() && from > 0 {
            let above = lines::start(self.text, from - 1);
            match comment(above) {
                Some(depth) if depth == column => from = above,
                _ => break,
            }
        }
        let last = tail.saturating_sub(1).max(start);
        let mut to = if self.slice(start..tail).ends_with('\n') { tail } else { lines::end(self.text, last) };
        while to < self.text.len() {
            match comment(to) {
                Some(depth) if depth > column => to = lines::end(self.text, to),
                _ => break,
            }
        }
        from..to
    }

    /// What stands between the entries of a collection in brackets.
    fn separator(&self, open: usize, entries: impl Iterator<Item = (usize, usize)>) -> String {
        let entries: Vec<(usize, usize)> = entries.collect();
        let mut between = entries.windows(2).rev().filter_map(|pair| match pair {
            [(_, end), (start, _)] => self.text.get(*end..*start),
            _ => None,
        });
        if let Some(between) = between.find(|between| !between.contains('#') && between.starts_with(',')) {
            return between.to_owned();
        }
        // Of a single one that stands on a line of its own, the next does so too.
        let first = entries.first().map_or(open, |(start, _)| *start);
        let lead = self.slice(open..first);
        let own_line = entries.len() == 1 && lead.contains('\n') && lead.trim().is_empty();
        format!(",{}", if own_line { lead } else { " " })
    }
}

/// A text, which begins at `offset`, with its splices done.
///
/// # Errors
/// Two of them meet.
pub(super) fn apply(text: &str, offset: usize, mut splices: Vec<Splice>) -> Result<String, String> {
    splices.sort_by_key(|splice| (splice.range.start, !splice.range.is_empty()));
    let mut out = String::with_capacity(text.len() + splices.iter().map(|splice| splice.text.len()).sum::<usize>());
    let mut at = offset;
    for Splice { range, text: new } in splices {
        let between =
            range.start.checked_sub(offset).zip(at.checked_sub(offset)).and_then(|(to, from)| text.get(from..to));
        let Some(between) = between else { return Err("two changes meet in one place".to_owned()) };
        out.push_str(between);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(at.checked_sub(offset).and_then(|from| text.get(from..)).unwrap_or_default());
    Ok(out)
}
