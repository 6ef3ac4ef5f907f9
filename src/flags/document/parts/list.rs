//! The items of one list: those that are known, and those that are read.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Foreign, Hash, Known, Lines, Mark, Spent, hash};
use crate::flags::check::Trace;
use crate::flags::snapshot::Flag;
use crate::limits;
use crate::yaml::outline::{self, Follows, Item};
use crate::yaml::{Node, Position};

/// Where a list stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    pub(super) text: &'t str,
    pub(super) items: &'t [Item],
    pub(super) column: usize,
    pub(super) follows: Follows,
}

/// A list that is read by its items.
pub(in crate::flags) struct List<'t, T> {
    place: Place<'t>,
    before: &'t Known<T>,
    order: Option<&'t Arc<[u32]>>,
    /// Of each item its mark, and which of the former version it is.
    items: Vec<(Mark, Option<u32>)>,
}

impl<'t, T> List<'t, T> {
    /// Finds the items that are known. Lines are counted to the end of the list.
    pub(super) fn new(
        place: Place<'t>,
        seed: u64,
        before: &'t Known<T>,
        order: Option<&'t Arc<[u32]>>,
        lines: &mut Lines<'t>,
    ) -> Option<Self> {
        let mut search = Search { marks: &before.marks, next: 0, missed: 0, by_hash: None };
        let mut items = Vec::with_capacity(place.items.len());
        for (index, item) in place.items.iter().enumerate() {
            let bytes = place.text.get(item.start..item.end)?;
            let follows = if index + 1 < place.items.len() { Follows::Item } else { place.follows };
            let hash = hash(seed, bytes, follows);
            if index == 0 {
                lines.to(item.start);
            }
            let line = lines.line;
            let found = search.find(hash);
            match found.and_then(|found| before.marks.get(found)) {
                Some(mark) => lines.skip(item.end, mark.lines),
                None => lines.to(item.end),
            }
            let mark = Mark { hash, line, lines: lines.line - line, nodes: 0, at: Position::default() };
            items.push((mark, found.and_then(|found| u32::try_from(found).ok())));
        }
        Some(Self { place, before, order, items })
    }

    /// How many items it has.
    pub(in crate::flags) fn len(&self) -> usize {
        self.items.len()
    }

    fn former(&self, item: usize) -> Option<(&'t Mark, usize)> {
        let former = usize::try_from(self.items.get(item)?.1?).ok()?;
        Some((self.before.marks.get(former)?, former))
    }

    /// How many lines an item that is known has moved.
    pub(in crate::flags) fn moved_by(&self, item: usize) -> i64 {
        let now = self.items.get(item).map_or(0, |(mark, _)| mark.line);
        self.former(item).map_or(0, |(mark, _)| i64::from(now) - i64::from(mark.line))
    }

    /// What an item was compiled to in the former version, with the place of its key now.
    pub(in crate::flags) fn known(&self, item: usize) -> Option<(Position, &'t Arc<T>)> {
        let (mark, former) = self.former(item)?;
        let line = i64::from(mark.at.line).saturating_add(self.moved_by(item));
        Some((Position { line: u32::try_from(line).ok()?, ..mark.at }, self.before.compiled.get(former)?))
    }

    /// Takes over an item that is known. None: there is too much in the text.
    pub(in crate::flags) fn take(&mut self, item: usize, spent: &mut Spent) -> Option<()> {
        let nodes = self.former(item)?.0.nodes;
        self.items.get_mut(item)?.0.nodes = nodes;
        spent.add(usize::try_from(nodes).ok()?, 0)
    }

    /// Reads an item by itself. None: it does not read, or there is too much in the text.
    pub(in crate::flags) fn read(&mut self, item: usize, spent: &mut Spent) -> Option<Node> {
        let Item { start, end, .. } = *self.place.items.get(item)?;
        let follows = if item + 1 < self.items.len() { Follows::Item } else { self.place.follows };
        let mut part = outline::item(self.place.text.get(start..end)?, self.place.column, follows)?;
        spent.add(part.nodes, part.copied)?;
        let (mark, _) = self.items.get_mut(item)?;
        mark.nodes = u32::try_from(part.nodes).ok()?;
        // A copy counts for the whole text, so it is made again.
        mark.hash = mark.hash.filter(|_| part.copied == 0);
        outline::move_lines(&mut part.node, i64::from(mark.line) - 1);
        Some(part.node)
    }

    /// The marks of what was compiled.
    pub(super) fn marks(self, traces: &[Trace]) -> Vec<Mark> {
        let mark = |trace: &Trace| {
            let mark = self.items.get(trace.item).map(|(mark, _)| *mark)?;
            Some(Mark { hash: mark.hash.filter(|_| trace.clean), at: trace.at, ..mark })
        };
        traces.iter().filter_map(mark).collect()
    }
}

impl List<'_, Flag> {
    /// The references of a flag that is known which its document did not resolve.
    pub(in crate::flags) fn foreign_of<'f>(&self, item: usize, foreign: &'f [Foreign]) -> &'f [Foreign] {
        let Some((_, former)) = self.former(item).filter(|_| !foreign.is_empty()) else { return &[] };
        let first = foreign.partition_point(|other| other.flag < former);
        let end = foreign.partition_point(|other| other.flag <= former);
        foreign.get(first..end).unwrap_or_default()
    }

    /// The order of the flags by their keys, if it is still that of the former version.
    pub(in crate::flags) fn same_keys(&self, flags: &[Arc<Flag>]) -> Option<Arc<[u32]>> {
        let before = &self.before.compiled;
        let mut pairs = before.iter().zip(flags);
        let same = before.len() == flags.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b) || a.key == b.key);
        self.order.filter(|_| same).map(Arc::clone)
    }
}

/// Looks for items in the order in which they stood.
struct Search<'m> {
    marks: &'m [Mark],
    /// Where the next one is expected.
    next: usize,
    missed: usize,
    /// Made when much is not where it was.
    by_hash: Option<HashMap<Hash, usize>>,
}

impl Search<'_> {
    fn find(&mut self, hash: Hash) -> Option<usize> {
        hash?;
        let near = self.marks.iter().skip(self.next).take(limits::PARTS_NEAR);
        let found = near.zip(self.next..).find(|(mark, _)| mark.hash == hash).map(|(_, found)| found);
        let found = found.or_else(|| {
            self.missed += 1;
            if self.missed <= limits::PARTS_NEAR {
                return None;
            }
            let all = || self.marks.iter().map(|mark| mark.hash).zip(0..).collect();
            self.by_hash.get_or_insert_with(all).get(&hash).copied()
        });
        if let Some(found) = found {
            self.next = found + 1;
        }
        found
    }
}
