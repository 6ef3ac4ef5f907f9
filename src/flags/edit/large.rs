//! Large files: an edit of one item costs what the item costs, not what the file does.
//!
//! Where [`sure`] is sure of a file, its parts are told by [`outline`]: the edit is done to an excerpt, which is the head
//! of the document and a few items around the one that is meant, read, edited and verified like a file of its own. What
//! was changed of it is changed in the file at the same places; nothing else is, and nothing else can mean anything else,
//! since nothing reaches from one part into another.

use std::ops::Range;

use super::super::resource::{Document, Kind};
use super::page::{self, Step};
use super::splice::{self, Splice};
use super::{Edit, sure, verify};
use crate::limits;
use crate::yaml;
use crate::yaml::outline::{self, Item, Shape};

/// Items on either side of the one that is meant: enough to see how a person sets them apart.
const NEIGHBOURS: usize = 3;

/// Does an edit to a large file. None: it is not large, or has to be looked at as a whole.
pub(super) fn edit(bytes: &[u8], namespace: &str, edit: &Edit) -> Option<Step> {
    if bytes.len() < limits::EDIT_WHOLE_BYTES || bytes.len() > limits::FLAG_FILE_BYTES {
        return None;
    }
    by_parts(bytes, namespace, edit)
}

/// Does an edit to an excerpt of a file. None: it has to be looked at as a whole.
pub(super) fn by_parts(bytes: &[u8], namespace: &str, edit: &Edit) -> Option<Step> {
    let text = yaml::decode(bytes).ok()?;
    let (kind, key) = match edit {
        Edit::Put(resource) => (resource.kind(), resource.key()),
        Edit::Delete { kind, key } => (*kind, key.as_str()),
        Edit::Namespace(_) => return None,
    };
    // An item's end is a line's end then.
    if !text.ends_with('\n') || !sure::lines(text) {
        return None;
    }
    let outline = outline::of(text)?;
    let mut target: Option<(&outline::Document, Option<usize>)> = None;
    let mut found = 0;
    for document in outline.documents.iter().filter(|document| !document.entries.is_empty()) {
        let head: String = document.entries.iter().filter_map(|entry| small(text, entry)).collect();
        if declared(&head)?.namespace.key != namespace {
            continue;
        }
        let places = places(text, document, kind, key)?;
        found += places.len();
        if let Some(place) = places.last() {
            target = Some((document, Some(*place)));
        } else if target.is_none_or(|(_, place)| place.is_none()) {
            target = Some((document, None));
        }
    }
    let (document, place) = target?;
    if matches!(edit, Edit::Delete { .. }) && found != 1 {
        return None;
    }
    let excerpt = Excerpt::of(text, document, kind, place)?;
    let step = page::edit(excerpt.text.as_bytes(), namespace, edit).ok()?;
    let Some(splices) = step.splices else {
        return step.bytes.is_none().then(Step::default);
    };
    let splices = splices.into_iter().map(|splice| excerpt.place(splice)).collect::<Option<Vec<_>>>()?;
    let new = splice::apply(text, 0, splices.clone()).ok()?;
    let mark = bytes.get(..bytes.len() - text.len())?;
    Some(Step { bytes: Some([mark, new.as_bytes()].concat()), rewritten: step.rewritten, splices: Some(splices) })
}

fn declared(text: &str) -> Option<Document> {
    verify::declared(text).ok()?.into_iter().flatten().next()
}

/// An entry that is no list of flags or segments.
fn small<'t>(text: &'t str, entry: &outline::Entry) -> Option<&'t str> {
    let name = text.get(entry.key.clone())?;
    if matches!(name, "version" | "namespace") { text.get(entry.range.clone()) } else { None }
}

fn list<'o>(text: &str, document: &'o outline::Document, name: &str) -> Option<&'o outline::Entry> {
    document.entries.iter().find(|entry| text.get(entry.key.clone()) == Some(name))
}

/// Which items are of a key. None: that cannot be told.
fn places(text: &str, document: &outline::Document, kind: Kind, key: &str) -> Option<Vec<usize>> {
    let Some(entry) = list(text, document, page::plural(kind)) else { return Some(Vec::new()) };
    let (items, _) = entry.items()?;
    let mut places = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let slice = text.get(item.start..item.end)?;
        if !may_be(slice, key) {
            continue;
        }
        let document = declared(&format!("{}:\n{slice}", page::plural(kind)))?;
        let own = match kind {
            Kind::Flag => document.flags.first().map(|flag| flag.key == key),
            Kind::Segment => document.segments.first().map(|segment| segment.key == key),
        };
        if own? {
            places.push(at);
        }
    }
    Some(places)
}

/// Whether `key: <key>` stands somewhere in an item.
fn may_be(item: &str, key: &str) -> bool {
    item.match_indices(key).any(|(at, _)| {
        let before = item.get(..at).unwrap_or_default().trim_end_matches(['"', '\'', ' ', '\n', '\r']);
        let before = before.strip_suffix(':').map(|before| before.trim_end_matches(['"', '\'', ' ']));
        before.is_some_and(|before| before.ends_with("key"))
    })
}

/// Pieces of a text that are a text of their own.
struct Excerpt {
    text: String,
    /// Where each piece stands in the excerpt, and where it began.
    pieces: Vec<(Range<usize>, usize)>,
}

impl Excerpt {
    fn of(text: &str, document: &outline::Document, kind: Kind, place: Option<usize>) -> Option<Self> {
        let mut excerpt = Self { text: String::new(), pieces: Vec::new() };
        for entry in &document.entries {
            match &entry.value {
                Shape::Items { items, .. } => {
                    let own = text.get(entry.key.clone()) == Some(page::plural(kind));
                    let window = window(items, place.filter(|_| own))?;
                    let first = items.first()?;
                    excerpt.add(text, entry.range.start..first.start)?;
                    excerpt.add(text, window)?;
                }
                Shape::Opaque => {
                    if entry.range.len() > limits::EDIT_WHOLE_BYTES {
                        return None;
                    }
                    excerpt.add(text, entry.range.clone())?;
                }
            }
        }
        Some(excerpt)
    }

    fn add(&mut self, text: &str, range: Range<usize>) -> Option<()> {
        let start = self.text.len();
        self.text.push_str(text.get(range.clone())?);
        let end = self.text.len();
        match self.pieces.last_mut() {
            // Right behind the one before: one piece.
            Some((piece, from)) if *from + piece.len() == range.start => piece.end = end,
            _ => self.pieces.push((start..end, range.start)),
        }
        Some(())
    }

    /// A change of the excerpt as one of the text.
    fn place(&self, splice: Splice) -> Option<Splice> {
        let Range { start, end } = splice.range;
        // What is put in where two pieces meet belongs behind the first.
        let (piece, from) = self.pieces.iter().find(|(piece, _)| piece.start <= start && end <= piece.end)?;
        let start = from + (start - piece.start);
        Some(Splice { range: start..from + (end - piece.start), text: splice.text })
    }
}

/// The items around one; the last ones where there is none.
fn window(items: &[Item], place: Option<usize>) -> Option<Range<usize>> {
    let last = items.len().checked_sub(1)?;
    let from = place.unwrap_or(last).saturating_sub(NEIGHBOURS);
    let to = place.map_or(last, |place| (place + NEIGHBOURS).min(last));
    Some(items.get(from)?.start..items.get(to)?.end)
}
