//! The proposals as they are shown, and in which order they changed.
//!
//! Every change of a record gets a number. A reader who knows the number of what it saw last asks for the next one, and
//! gets each record that changed since once, as it is now: nothing is queued for anybody, and who is slow skips what was
//! between.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::git::Distance;
use crate::proposal::{Id, Record};

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
    versions: BTreeMap<u64, Id>,
    last: u64,
}

impl Table {
    /// One, by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
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

    /// Number of the last change of any record that `seen` is true of; zero where there is none.
    pub fn last_of(&self, seen: impl Fn(&Entry) -> bool) -> u64 {
        let mut newest = self.versions.iter().rev();
        let found = newest.find(|(_, id)| self.entries.get(*id).is_some_and(&seen));
        found.map_or(0, |(version, _)| *version)
    }

    /// Takes the newest state of a record. Answers the one of before, if there is any news.
    pub fn put(&mut self, record: &Record) -> Option<(Option<Arc<Record>>, Arc<Record>)> {
        let before = self.entries.get(&record.id);
        if before.is_some_and(|entry| *entry.record == *record) {
            return None;
        }
        let (known, distance) = (before.map(|entry| entry.record.clone()), before.and_then(|entry| entry.distance));
        if let Some(version) = before.map(|entry| entry.version) {
            self.versions.remove(&version);
        }
        self.last += 1;
        self.versions.insert(self.last, record.id.clone());
        let record = Arc::new(record.clone());
        self.entries.insert(record.id.clone(), Entry { record: record.clone(), version: self.last, distance });
        Some((known, record))
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
    pub fn remove(&mut self, id: &str) {
        if let Some(entry) = self.entries.remove(id) {
            self.versions.remove(&entry.version);
        }
    }

    /// Forgets those of a storage.
    pub fn remove_storage(&mut self, storage: &str) {
        let gone: Vec<Id> = self.all().filter(|e| *e.record.storage == *storage).map(|e| e.record.id.clone()).collect();
        for id in &gone {
            self.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::proposal::State;

    fn record(id: &str, state: State) -> Record {
        let text = Arc::<str>::from;
        let planned = Record::planned(&text("flags"), &text(id), &text("main"), &text("ada"), Timestamp::UNIX_EPOCH);
        Record { id: id.into(), state, ..planned }
    }

    #[test]
    fn who_is_slow_skips_what_was_between() {
        let mut table = Table::default();
        table.put(&record("a", State::Open));
        assert!(table.put(&record("a", State::Open)).is_none(), "no news");
        let seen = table.last();
        for _ in 0..5 {
            table.put(&record("b", State::Open));
            table.put(&record("a", State::Closed));
            table.put(&record("a", State::Open));
        }
        table.put(&record("a", State::Closed));
        assert!(table.measured("b", Distance { ahead: 1, behind: 0 }));
        assert!(!table.measured("b", Distance { ahead: 1, behind: 0 }));
        let first = table.after(seen).unwrap();
        assert_eq!((&*first.record.id, first.record.state), ("a", State::Closed));
        let second = table.after(first.version).unwrap();
        assert_eq!((&*second.record.id, second.distance.map(|d| d.ahead)), ("b", Some(1)));
        assert!(table.after(second.version).is_none());
        table.remove_storage("flags");
        assert!(table.after(0).is_none() && table.get("a").is_none());
    }
}
