//! What a large file was made of, kept for its next version: a change of one flag then costs about one flag.
//!
//! A compiled flag follows from the bytes of its item and from three more things: the version of its document, the
//! segments of its document that it names, and, where it has problems, its place in the file, which their words tell.
//! So what is kept of an item is a hash of its bytes, and it is taken over by an item of the same bytes in the same list
//! of a document of the same version. An item with a problem is always read again, and so is a flag that names a
//! segment which appeared, vanished or became malformed; one that names a segment which is another now gets that one.
//!
//! **No text is kept**, so equal hashes count as equal bytes. They have 128 bits, and begin with a number that this
//! process chose by chance: nobody can look for two items that it takes for one.
//!
//! What reads by parts is what a whole read gives, or nothing ([`super::read`] then reads the whole): wherever the text
//! has no outline, a part does not read alone, or a bound of the whole text could be passed.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::{Foreign, Reading};
use crate::flags::check::{self, Checked, Lists, Segments, Trace};
use crate::flags::snapshot::{Flag, Segment};
use crate::limits;
use crate::yaml::outline::{self, Follows, Item, Outline};
use crate::yaml::{Node, Position, Value};

mod list;
mod moved;

pub(in crate::flags) use list::List;
pub(in crate::flags) use moved::Moved;

/// What the next version of a file may take over.
pub(in crate::flags) struct Parts {
    /// With what the hashes begin.
    seed: u64,
    documents: Vec<DocumentParts>,
}

/// Of one document.
struct DocumentParts {
    version: u8,
    /// The segments that its flags were resolved with.
    scope: Segments,
    flags: Known<Flag>,
    segments: Known<Segment>,
    /// Of the flags, by their index.
    foreign: Arc<[Foreign]>,
    /// The order of the flags by their keys, if each key is there once.
    order: Option<Arc<[u32]>>,
}

/// The items of one list, those that could be compiled.
struct Known<T> {
    compiled: Arc<[Arc<T>]>,
    marks: Vec<Mark>,
}

/// By what an item is found again.
#[derive(Clone, Copy)]
struct Mark {
    /// None: it is read again.
    hash: Hash,
    /// The line of its first byte, its head included.
    line: u32,
    lines: u32,
    nodes: u32,
    /// Where its key stands.
    at: Position,
}

/// 128 bits.
type Hash = Option<(NonZeroU64, u64)>;

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

/// The hash of an item. What follows it is a part of it: the last of a list was read as the last.
fn hash(seed: u64, item: &str, follows: Follows) -> Hash {
    let follows = match follows {
        Follows::Item => 0,
        Follows::Key => 1,
        Follows::Marker => 2,
        Follows::End => 3,
    };
    let both = xxh3_128_with_seed(item.as_bytes(), seed.wrapping_add(follows)).to_le_bytes();
    let (first, last) = both.split_at(8);
    let half = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    Some((NonZeroU64::new(half(first))?, half(last)))
}

/// What one read costs, counted over all parts: the whole has bounds.
#[derive(Default)]
pub(in crate::flags) struct Spent {
    nodes: usize,
    copied: usize,
}

impl Spent {
    fn add(&mut self, nodes: usize, copied: usize) -> Option<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.copied = self.copied.saturating_add(copied);
        (self.nodes <= limits::YAML_NODES && self.copied <= limits::YAML_COPIED).then_some(())
    }
}

/// Counts the lines of a text once, forward.
#[derive(Clone, Copy)]
struct Lines<'t> {
    bytes: &'t [u8],
    at: usize,
    /// From 1.
    line: u32,
}

impl<'t> Lines<'t> {
    const fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, line: 1 }
    }

    fn to(&mut self, at: usize) {
        let passed = self.bytes.get(self.at..at).unwrap_or_default();
        // Compilers make vector instructions of this, and a text is passed at most once.
        #[expect(clippy::naive_bytecount, reason = "no dependency for one line")]
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.skip(at, u32::try_from(lines).unwrap_or(u32::MAX));
    }

    fn skip(&mut self, at: usize, lines: u32) {
        self.at = self.at.max(at);
        self.line = self.line.saturating_add(lines);
    }
}

/// What stays of a file that was read as a whole. `checked` are the documents that are not null, each with its index;
/// `copied` says that the text has anchors somewhere.
pub(super) fn of_whole(text: &str, roots: &[Node], checked: &[(usize, Checked)], copied: bool) -> Option<Parts> {
    let outline = outline::of(text)?;
    if outline.documents.len() != roots.len() {
        return None;
    }
    let seed = RandomState::new().hash_one(text.len());
    let mut lines = Lines::new(text);
    let mut documents = Vec::with_capacity(checked.len());
    for (index, checked) in checked {
        let (document, Value::Mapping(pairs)) = (outline.documents.get(*index)?, &roots.get(*index)?.value) else {
            return None;
        };
        // As many keys and items as the whole has are the same ones: see `outline`.
        let keys = document.entries.iter().map(|entry| text.get(entry.key.clone()));
        if !keys.eq(pairs.iter().map(|(key, _)| key.text())) {
            return None;
        }
        let (mut flags, mut segments) = (Vec::new(), Vec::new());
        for (place, (entry, (key, value))) in document.entries.iter().zip(pairs).enumerate() {
            let (marks, traces) = match key.text() {
                Some("flags") => (&mut flags, &checked.flags),
                Some("segments") => (&mut segments, &checked.segments),
                _ => continue,
            };
            let (Some((items, _)), Value::Sequence(nodes)) = (entry.items(), &value.value) else { continue };
            if items.len() != nodes.len() {
                return None;
            }
            let follows = document.follows(place);
            let list = Whole { text, seed, items, nodes, follows, copied };
            *marks = list.marks(traces, &mut lines)?;
        }
        documents.push(DocumentParts::new(checked, flags, segments));
    }
    Some(Parts { seed, documents })
}

/// A list in a text that was read as a whole.
struct Whole<'t> {
    text: &'t str,
    seed: u64,
    items: &'t [Item],
    nodes: &'t [Node],
    follows: Follows,
    copied: bool,
}

impl Whole<'_> {
    fn marks(&self, traces: &[Trace], lines: &mut Lines<'_>) -> Option<Vec<Mark>> {
        let mut traces = traces.iter().peekable();
        let mut marks = Vec::with_capacity(traces.len());
        for (index, (item, node)) in self.items.iter().zip(self.nodes).enumerate() {
            let bytes = self.text.get(item.start..item.end)?;
            lines.to(item.start);
            let line = lines.line;
            lines.to(item.end);
            let Some(trace) = traces.next_if(|trace| trace.item == index) else { continue };
            let follows = if index + 1 < self.items.len() { Follows::Item } else { self.follows };
            // What an anchor elsewhere stands for is not in the bytes.
            let by_itself = !self.copied || !bytes.contains(['&', '*']);
            marks.push(Mark {
                hash: (trace.clean && by_itself).then(|| hash(self.seed, bytes, follows)).flatten(),
                line,
                lines: lines.line - line,
                nodes: u32::try_from(count(node)).unwrap_or(u32::MAX),
                at: trace.at,
            });
        }
        Some(marks)
    }
}

/// Nodes of a tree.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::Sequence(items) => items.iter().map(count).sum::<usize>(),
        Value::Mapping(pairs) => pairs.iter().map(|(key, value)| count(key) + count(value)).sum::<usize>(),
    }
}

impl DocumentParts {
    fn new(checked: &Checked, flags: Vec<Mark>, segments: Vec<Mark>) -> Self {
        let document = &checked.document;
        let compiled = document.segments.iter().map(|(_, segment)| Arc::clone(segment)).collect();
        Self {
            version: checked.version,
            scope: checked.scope.clone(),
            flags: Known { compiled: Arc::clone(&document.flags), marks: flags },
            segments: Known { compiled, marks: segments },
            foreign: Arc::clone(&document.foreign),
            order: (document.order.len() == document.flags.len()).then(|| Arc::clone(&document.order)),
        }
    }
}

/// Reads a text of which a former version is known: its documents, and what stays of them. None: it has to be read as a
/// whole, and what was told of it then is of no use.
pub(super) fn read(before: &Parts, text: &str, reading: &mut Reading) -> Option<(Vec<Checked>, Parts)> {
    let Outline { documents: outlined } = outline::of(text)?;
    let (mut read, mut documents) = (Vec::new(), Vec::new());
    let mut known = before.documents.iter();
    let (mut spent, mut lines) = (Spent::default(), Lines::new(text));
    for document in &outlined {
        spent.add(1, 0)?;
        if document.entries.is_empty() {
            continue;
        }
        let known = known.next()?;
        let foreign = &*known.foreign;
        let mut lists = Lists { version: known.version, scope: Some(&known.scope), foreign, ..Lists::default() };
        let mut pairs = Vec::with_capacity(document.entries.len());
        for (index, entry) in document.entries.iter().enumerate() {
            let name = text.get(entry.key.clone())?;
            let follows = document.follows(index);
            let (at, value) = if let Some((items, column)) = entry.items() {
                lines.to(entry.key.start);
                let at = Position { line: lines.line, column: 1 };
                spent.add(2, 0)?;
                let place = list::Place { text, items, column, follows };
                match name {
                    "flags" => {
                        let order = known.order.as_ref();
                        lists.flags = Some(List::new(place, before.seed, &known.flags, order, &mut lines)?);
                    }
                    "segments" => {
                        lists.segments = Some(List::new(place, before.seed, &known.segments, None, &mut lines)?);
                    }
                    _ => return None,
                }
                (at, Node { at, value: Value::Sequence(Vec::new()) })
            } else {
                lines.to(entry.range.start);
                let above = lines.line - 1;
                let mut part = outline::entry(text.get(entry.range.clone())?, follows)?;
                spent.add(part.nodes, part.copied)?;
                outline::move_lines(&mut part.node, i64::from(above));
                (Position { line: part.at.line.saturating_add(above), ..part.at }, part.node)
            };
            pairs.push((Node { at, value: Value::Scalar { text: name.into(), plain: true } }, value));
        }
        let at = pairs.first().map(|(key, _)| key.at)?;
        let root = Node { at, value: Value::Mapping(pairs) };
        let mut checked = check::document_by_parts(reading.begin(), &root, &mut lists, &mut spent)?;
        let marks = |list: Option<Vec<Mark>>| list.unwrap_or_default();
        let flags = marks(lists.flags.map(|list| list.marks(&checked.flags)));
        let segments = marks(lists.segments.map(|list| list.marks(&checked.segments)));
        documents.push(DocumentParts::new(&checked, flags, segments));
        reading.judge(&mut checked);
        read.push(checked);
    }
    Some((read, Parts { seed: before.seed, documents }))
}
