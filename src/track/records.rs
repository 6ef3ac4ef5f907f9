//! The proposals that are known: a table in memory, and in which order they changed.
//!
//! Every change of a record gets a number. A reader who knows the number of what it saw last asks for the next one, and
//! gets each record that changed since once, as it is now: nothing is queued for anybody, and who is slow skips what was
//! between.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::git::Distance;
use crate::limits;
use crate::proposal::{Id, Record, State};

/// One proposal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is known of it.
    pub record: Arc<Record>,
    /// Number of its last change.
    pub version: u64,
    /// How far it is from its base; absent before that was found out.
    pub distance: Option<Distance>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Table {
    entries: HashMap<Id, Entry>,
    numbers: HashMap<(Arc<str>, u64), Id>,
    heads: HashMap<(Arc<str>, Arc<str>), Vec<Id>>,
    versions: BTreeMap<u64, Id>,
    last: u64,
}

impl Table {
    /// One, by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// One, by the number that its provider gave it.
    #[must_use]
    pub fn numbered(&self, storage: &Arc<str>, number: u64) -> Option<&Entry> {
        self.entries.get(self.numbers.get(&(storage.clone(), number))?)
    }

    /// Those of a branch, the newest last.
    pub fn of_head(&self, storage: &Arc<str>, head: &Arc<str>) -> impl Iterator<Item = &Entry> {
        let ids = self.heads.get(&(storage.clone(), head.clone()));
        ids.into_iter().flatten().filter_map(|id| self.entries.get(id))
    }

    /// The one that stands for a pair of branches now: open, or to be opened.
    #[must_use]
    pub fn in_play(&self, storage: &Arc<str>, head: &Arc<str>, base: &str) -> Option<&Entry> {
        let in_play = |entry: &&Entry| {
            *entry.record.base == *base && matches!(entry.record.state, State::Planned | State::Open | State::Failed)
        };
        // An open one first: at most one is.
        let mut found: Vec<&Entry> = self.of_head(storage, head).filter(in_play).collect();
        found.sort_by_key(|entry| (entry.record.state == State::Open, entry.record.since));
        found.pop()
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Number of the last change.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// The next record that changed after the change of this number.
    #[must_use]
    pub fn after(&self, version: u64) -> Option<&Entry> {
        let (_, id) = self.versions.range(version.checked_add(1)?..).next()?;
        self.entries.get(id)
    }

    /// Takes a record in, or its newest state. Answers the ids of those that are forgotten for it.
    pub fn put(&mut self, record: Record) -> Vec<Id> {
        let id = record.id.clone();
        let before = self.entries.get(&id).map(|entry| (entry.record.clone(), entry.distance, entry.version));
        if let Some((before, _, version)) = &before {
            self.versions.remove(version);
            if before.number != record.number {
                before.number.map(|number| self.numbers.remove(&(before.storage.clone(), number)));
            }
            if before.head != record.head {
                self.leave_head(before);
            }
        }
        if before.as_ref().is_none_or(|(before, ..)| before.head != record.head) {
            self.heads.entry((record.storage.clone(), record.head.clone())).or_default().push(id.clone());
        }
        if let Some(number) = record.number {
            self.numbers.insert((record.storage.clone(), number), id.clone());
        }
        self.last += 1;
        self.versions.insert(self.last, id.clone());
        let distance = before.and_then(|(_, distance, _)| distance);
        self.entries.insert(id, Entry { record: Arc::new(record), version: self.last, distance });
        self.forget_oldest()
    }

    /// Notes how far one is from its base. Answers whether that is news.
    pub fn measured(&mut self, id: &str, distance: Distance) -> bool {
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.distance != Some(distance)) else {
            return false;
        };
        entry.distance = Some(distance);
        self.last += 1;
        self.versions.remove(&entry.version);
        entry.version = self.last;
        self.versions.insert(self.last, entry.record.id.clone());
        true
    }

    /// Forgets one.
    pub fn remove(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.versions.remove(&entry.version);
        if let Some(number) = entry.record.number {
            self.numbers.remove(&(entry.record.storage.clone(), number));
        }
        self.leave_head(&entry.record);
        Some(entry)
    }

    fn leave_head(&mut self, record: &Record) {
        let at = (record.storage.clone(), record.head.clone());
        if let Some(ids) = self.heads.get_mut(&at) {
            ids.retain(|id| *id != record.id);
            if ids.is_empty() {
                self.heads.remove(&at);
            }
        }
    }

    /// Past the bound, those that ended first go, a tenth at a time.
    fn forget_oldest(&mut self) -> Vec<Id> {
        if self.entries.len() <= limits::PROPOSALS_KEPT {
            return Vec::new();
        }
        let ended = |state: State| !matches!(state, State::Planned | State::Open | State::Merged);
        let mut ended: Vec<(jiff::Timestamp, Id)> = self
            .entries
            .values()
            .filter(|entry| ended(entry.record.state))
            .map(|entry| (entry.record.changed, entry.record.id.clone()))
            .collect();
        ended.sort();
        let gone: Vec<Id> = ended.into_iter().take(limits::PROPOSALS_KEPT / 10).map(|(_, id)| id).collect();
        for id in &gone {
            self.remove(id);
        }
        gone
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;

    use super::*;

    pub(crate) fn record(id: &str, number: Option<u64>, head: &str, state: State) -> Record {
        Record {
            id: id.into(),
            storage: "flags".into(),
            environment: Some("production".into()),
            branch_environment: None,
            head: head.into(),
            base: "main".into(),
            head_commit: None,
            state,
            number,
            seen: None,
            read: None,
            stale: false,
            trouble: None,
            opened_by: None,
            since: Timestamp::UNIX_EPOCH,
            changed: Timestamp::UNIX_EPOCH,
            live: None,
            succeeded_by: None,
            history: Vec::new(),
        }
    }

    #[test]
    fn by_id_by_number_and_by_branch() {
        let (mut table, flags) = (Table::default(), Arc::<str>::from("flags"));
        table.put(record("a", Some(1), "topic", State::Closed));
        table.put(record("b", None, "topic", State::Planned));
        let topic: Arc<str> = "topic".into();
        assert_eq!(&*table.in_play(&flags, &topic, "main").unwrap().record.id, "b");
        assert!(table.in_play(&flags, &topic, "other").is_none());
        table.put(record("b", Some(2), "topic", State::Open));
        assert_eq!(&*table.numbered(&flags, 2).unwrap().record.id, "b");
        assert_eq!(table.of_head(&flags, &topic).count(), 2);
        table.remove("b");
        assert!(table.numbered(&flags, 2).is_none() && table.in_play(&flags, &topic, "main").is_none());
    }

    #[test]
    fn who_is_slow_skips_what_was_between() {
        let mut table = Table::default();
        table.put(record("a", Some(1), "x", State::Open));
        let seen = table.last();
        for _ in 0..5 {
            table.put(record("b", Some(2), "y", State::Open));
            table.put(record("a", Some(1), "x", State::Closed));
        }
        assert!(table.measured("b", Distance { ahead: 1, behind: 0 }));
        assert!(!table.measured("b", Distance { ahead: 1, behind: 0 }));
        let first = table.after(seen).unwrap();
        assert_eq!((&*first.record.id, first.record.state), ("a", State::Closed));
        let second = table.after(first.version).unwrap();
        assert_eq!(&*second.record.id, "b");
        assert!(table.after(second.version).is_none());
    }

    #[test]
    fn past_the_bound_those_that_ended_first_are_forgotten_and_open_ones_never() {
        let mut table = Table::default();
        for n in 0..limits::PROPOSALS_KEPT as u64 {
            let state = if n < 10 { State::Open } else { State::Live };
            let changed = Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
            table.put(Record { changed, ..record(&n.to_string(), Some(n), &n.to_string(), state) });
        }
        let gone = table.put(record("new", None, "new", State::Planned));
        assert_eq!((gone.len(), &*gone[0]), (limits::PROPOSALS_KEPT / 10, "10"));
        assert!(table.get("0").is_some() && table.get("10").is_none() && table.get("9999").is_some());
    }
}
