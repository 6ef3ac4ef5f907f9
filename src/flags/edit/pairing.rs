//! Which item of a new list was which of the old: so that one that is added, taken out or moved leaves the others alone.

use std::collections::HashMap;

/// Comparisons that one list may cost; longer ones are paired by their place.
const COMPARISONS: usize = 1_000_000;

/// How alike two items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alike(u8);

impl Alike {
    /// Equal, or alike by so many points; of none they are different things.
    pub(super) fn of(equal: bool, points: u8) -> Self {
        Self(if equal { u8::MAX } else { points.min(u8::MAX - 1) })
    }
}

/// By key; of equal keys the first is the first.
pub(super) fn by_key<'t, T>(old: &'t [T], new: &'t [T], key: impl Fn(&'t T) -> &'t str) -> Vec<Option<usize>> {
    let mut places: HashMap<&str, std::collections::VecDeque<usize>> = HashMap::new();
    for (at, item) in old.iter().enumerate() {
        places.entry(key(item)).or_default().push_back(at);
    }
    new.iter().map(|item| places.get_mut(key(item)).and_then(std::collections::VecDeque::pop_front)).collect()
}

/// By likeness: what is equal in order first, then what is equal elsewhere, then what is most alike.
pub(super) fn pair<T: PartialEq>(old: &[T], new: &[T], alike: impl Fn(&T, &T) -> Alike) -> Vec<Option<usize>> {
    let mut found = in_order(old, new);
    let mut free = free_of(old.len(), &found);
    if free.len().saturating_mul(new.len()) > COMPARISONS {
        return found;
    }
    for floor in [u8::MAX, 1] {
        for (at, item) in new.iter().enumerate() {
            if found.get(at).is_none_or(Option::is_some) {
                continue;
            }
            let best = free
                .iter()
                .enumerate()
                .filter_map(|(place, old_at)| Some((alike(old.get(*old_at)?, item), place, *old_at)))
                .filter(|(likeness, ..)| likeness.0 >= floor)
                .max_by_key(|(likeness, _, old_at)| (*likeness, usize::MAX - old_at.abs_diff(at)));
            if let (Some((_, place, old_at)), Some(slot)) = (best, found.get_mut(at)) {
                free.swap_remove(place);
                *slot = Some(old_at);
            }
        }
    }
    found
}

/// What is equal in order; between those one after the other, where `may` allows it.
pub(super) fn pair_in_gaps<T: PartialEq>(old: &[T], new: &[T], may: impl Fn(&T, &T) -> bool) -> Vec<Option<usize>> {
    let mut found = in_order(old, new);
    // What only moved is not changed into something else.
    let mut free = free_of(old.len(), &found);
    if free.len().saturating_mul(new.len()) <= COMPARISONS {
        for (at, item) in new.iter().enumerate() {
            let Some(slot) = found.get_mut(at).filter(|slot| slot.is_none()) else { continue };
            if let Some(place) = free.iter().position(|old_at| old.get(*old_at) == Some(item)) {
                *slot = Some(free.remove(place));
            }
        }
    }
    let taken: std::collections::HashSet<usize> = found.iter().flatten().copied().collect();
    let mut next = 0;
    for (at, item) in new.iter().enumerate() {
        if let Some(old_at) = found.get(at).copied().flatten() {
            next = next.max(old_at + 1);
        } else if let Some(before) = old.get(next).filter(|_| !taken.contains(&next))
            && may(before, item)
            && let Some(slot) = found.get_mut(at)
        {
            *slot = Some(next);
            next += 1;
        }
    }
    found
}

fn free_of(old: usize, found: &[Option<usize>]) -> Vec<usize> {
    let taken: std::collections::HashSet<usize> = found.iter().flatten().copied().collect();
    (0..old).filter(|at| !taken.contains(at)).collect()
}

/// The longest run of equal items in both orders.
fn in_order<T: PartialEq>(old: &[T], new: &[T]) -> Vec<Option<usize>> {
    let mut found = vec![None; new.len()];
    let first = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - first;
    let last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    for (at, slot) in found.iter_mut().enumerate().take(first) {
        *slot = Some(at);
    }
    for (back, slot) in found.iter_mut().rev().enumerate().take(last) {
        *slot = old.len().checked_sub(back + 1);
    }
    let old_middle = old.get(first..old.len() - last).unwrap_or_default();
    let new_middle = new.get(first..new.len() - last).unwrap_or_default();
    if old_middle.is_empty() || new_middle.is_empty() || old_middle.len().saturating_mul(new_middle.len()) > COMPARISONS
    {
        return found;
    }
    let width = new_middle.len() + 1;
    let mut longest = vec![0_u32; (old_middle.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or_default();
    for (i, a) in old_middle.iter().enumerate().rev() {
        for (j, b) in new_middle.iter().enumerate().rev() {
            let best = if a == b {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (old_middle.get(i), new_middle.get(j)) {
        if a == b {
            if let Some(slot) = found.get_mut(first + j) {
                *slot = Some(first + i);
            }
            i += 1;
            j += 1;
        } else if at(&longest, i + 1, j) >= at(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

/// Which of the places stay when the others are moved around them: the longest rising run.
pub(super) fn staying(places: &[Option<usize>]) -> Vec<bool> {
    let mut stays = vec![false; places.len()];
    // The last of the best run of each length, and what was before each.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; places.len()];
    for (at, place) in places.iter().enumerate() {
        let Some(place) = *place else { continue };
        let length = ends.partition_point(|(end, _)| *end < place);
        if let (Some(slot), Some(length)) = (before.get_mut(at), length.checked_sub(1)) {
            *slot = ends.get(length).map(|(_, at)| *at);
        }
        match ends.get_mut(length) {
            Some(end) => *end = (place, at),
            None => ends.push((place, at)),
        }
    }
    let mut next = ends.last().map(|(_, at)| *at);
    while let Some(at) = next {
        if let Some(stay) = stays.get_mut(at) {
            *stay = true;
        }
        next = before.get(at).copied().flatten();
    }
    stays
}
