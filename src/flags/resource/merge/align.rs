//! What one person made of an ordered list: which entry became which, which are gone, what was added where.
//!
//! Entries that stayed as they were hold the others in place. Between them, entries that are the same in what makes them
//! up (a rule for the same segments) are one; of what is left, as many on either side are one after the other, and where
//! there are not as many, nobody can tell: they are gone, and new ones added.

use super::Entry;
use crate::limits;

/// A list beside the one that it was made of.
pub(super) struct Aligned<'l, T> {
    /// What each entry of the base became.
    became: Vec<Option<&'l T>>,
    /// What stands before each entry of the base, and behind the last.
    added: Vec<Vec<&'l T>>,
}

/// What became of an entry.
pub(super) enum Change<'l, T> {
    /// It is gone.
    Removed,
    /// It is this now, which may be as it was.
    Became(&'l T),
}

impl<'l, T> Aligned<'l, T> {
    /// What became of an entry of the base.
    pub(super) fn change(&self, index: usize) -> Change<'l, T> {
        self.became.get(index).copied().flatten().map_or(Change::Removed, Change::Became)
    }

    /// What was added before an entry of the base.
    pub(super) fn added(&self, index: usize) -> &[&'l T] {
        self.added.get(index).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Sets a list beside its base.
pub(super) fn aligned<'l, T: Entry>(base: &[T], list: &'l [T]) -> Aligned<'l, T> {
    let mut pairs = Vec::new();
    let mut from = (0, 0);
    for stayed in common(base, list, PartialEq::eq).into_iter().chain([(base.len(), list.len())]) {
        between(&mut pairs, base, list, from, stayed);
        pairs.push(stayed);
        from = (stayed.0 + 1, stayed.1 + 1);
    }
    let mut made = Aligned { became: vec![None; base.len()], added: vec![Vec::new(); base.len() + 1] };
    let mut from = (0, 0);
    for (before, after) in pairs {
        let new = list.get(from.1..after).unwrap_or_default();
        if let Some(slot) = made.added.get_mut(from.0) {
            slot.extend(new);
        }
        if let Some(slot) = made.became.get_mut(before) {
            *slot = list.get(after);
        }
        from = (before + 1, after + 1);
    }
    made
}

/// Pairs of what lies between two entries that stayed.
fn between<T: Entry>(
    pairs: &mut Vec<(usize, usize)>,
    base: &[T],
    list: &[T],
    from: (usize, usize),
    to: (usize, usize),
) {
    let (old, new) = (base.get(from.0..to.0).unwrap_or_default(), list.get(from.1..to.1).unwrap_or_default());
    let mut done = (0, 0);
    for same in common(old, new, T::is_same).into_iter().chain([(old.len(), new.len())]) {
        if same.0 - done.0 == same.1 - done.1 {
            pairs.extend((done.0..same.0).zip(done.1..same.1).map(|(a, b)| (from.0 + a, from.1 + b)));
        }
        if same != (old.len(), new.len()) {
            pairs.push((from.0 + same.0, from.1 + same.1));
        }
        done = (same.0 + 1, same.1 + 1);
    }
}

/// The longest common subsequence, as pairs of places; of lists too long to compare, what they begin and end with.
fn common<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let head = a.iter().zip(b).take_while(|(a, b)| same(a, b)).count();
    let (rest_a, rest_b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let inner_a = rest_a.get(..rest_a.len() - tail).unwrap_or_default();
    let inner_b = rest_b.get(..rest_b.len() - tail).unwrap_or_default();
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|at| (at, at)).collect();
    if inner_a.len().max(inner_b.len()) <= limits::DIFF_STEPS {
        pairs.extend(inner(inner_a, inner_b, same).into_iter().map(|(x, y)| (head + x, head + y)));
    }
    pairs.extend((0..tail).map(|at| (a.len() - tail + at, b.len() - tail + at)));
    pairs
}

fn inner<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    // Longest length from each pair of places to the ends.
    let mut lengths = vec![0_u32; (a.len() + 1) * width];
    let at = |x: usize, y: usize| x * width + y;
    let get = |lengths: &[u32], place: usize| lengths.get(place).copied().unwrap_or_default();
    for (x, one) in a.iter().enumerate().rev() {
        for (y, other) in b.iter().enumerate().rev() {
            let best = if same(one, other) {
                get(&lengths, at(x + 1, y + 1)) + 1
            } else {
                get(&lengths, at(x + 1, y)).max(get(&lengths, at(x, y + 1)))
            };
            if let Some(slot) = lengths.get_mut(at(x, y)) {
                *slot = best;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut x, mut y) = (0, 0);
    while let (Some(one), Some(other)) = (a.get(x), b.get(y)) {
        if same(one, other) {
            pairs.push((x, y));
            (x, y) = (x + 1, y + 1);
        } else if get(&lengths, at(x + 1, y)) >= get(&lengths, at(x, y + 1)) {
            x += 1;
        } else {
            y += 1;
        }
    }
    pairs
}
