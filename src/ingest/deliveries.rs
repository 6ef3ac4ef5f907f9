//! The records of deliveries, as the status API shows them: the newest of each storage, in memory.
//!
//! Refused requests have a ring of their own, so that a flood of forgeries cannot push out what was real; and they are
//! not written behind, so that it cannot fill a disk. Nothing here holds a body, a header or a secret.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Delivery;
use crate::bell::Bell;
use crate::limits;

/// The records of all storages.
#[derive(Debug, Default)]
pub struct Log {
    rings: Mutex<HashMap<Arc<str>, Rings>>,
    behind: OnceLock<mpsc::Sender<Arc<Delivery>>>,
    unwritten: AtomicU64,
    bell: Bell,
}

/// A commit that polling found and no delivery had announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Storage.
    pub storage: Arc<str>,
    /// The commit, hex.
    pub commit: String,
    /// When it was clear that nothing would announce it.
    pub at: Timestamp,
}

/// Newest last.
#[derive(Debug, Default)]
struct Rings {
    authentic: VecDeque<Arc<Delivery>>,
    refused: VecDeque<Arc<Delivery>>,
    missed: VecDeque<Missed>,
}

impl Log {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends every authentic record, and every change to one, to `sender` as well. When its queue is full the record
    /// is not written: it is history, not truth. Only the first call counts.
    pub fn write_behind(&self, sender: mpsc::Sender<Arc<Delivery>>) {
        drop(self.behind.set(sender));
    }

    /// Rings at every new record, and at every change of one.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// How many records the queue of the writer had no room for.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Adds a record.
    pub fn push(&self, delivery: Delivery) {
        let delivery = Arc::new(delivery);
        self.keep(Arc::clone(&delivery));
        self.bell.ring();
        self.write(delivery);
    }

    /// Adds records of an earlier life of this process, oldest first, without writing them again.
    pub fn restore(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            self.keep(Arc::new(delivery));
        }
    }

    /// Changes a record; says whether it is (still) there.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Delivery)) -> bool {
        let changed = {
            let mut rings = self.lock();
            let mut all = rings.values_mut().flat_map(|ring| ring.authentic.iter_mut().rev());
            let Some(found) = all.find(|delivery| &*delivery.id == id) else { return false };
            change(Arc::make_mut(found));
            Arc::clone(found)
        };
        self.bell.ring();
        self.write(changed);
        true
    }

    /// Notes commits that nothing announced.
    pub fn missed(&self, storage: &str, commits: &[String], at: Timestamp) {
        let storage: Arc<str> = storage.into();
        let mut rings = self.lock();
        let ring = &mut rings.entry(storage.clone()).or_default().missed;
        ring.extend(commits.iter().map(|commit| Missed { storage: storage.clone(), commit: commit.clone(), at }));
        while ring.len() > limits::MISSED_KEPT {
            ring.pop_front();
        }
        drop(rings);
        self.bell.ring();
    }

    /// Those of a storage, newest first, since this process has begun.
    #[must_use]
    pub fn missed_of(&self, storage: &str) -> Vec<Missed> {
        self.lock().get(storage).map(|ring| ring.missed.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// The newest records of a storage, newest first, at most `limit`.
    #[must_use]
    pub fn list(&self, storage: &str, limit: usize) -> Vec<Arc<Delivery>> {
        let rings = self.lock();
        let Some(ring) = rings.get(storage) else { return Vec::new() };
        let mut all: Vec<Arc<Delivery>> = ring.authentic.iter().chain(&ring.refused).rev().cloned().collect();
        drop(rings);
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.received));
        all.truncate(limit);
        all
    }

    fn keep(&self, delivery: Arc<Delivery>) {
        let mut rings = self.lock();
        let storage = rings.entry(Arc::clone(&delivery.storage)).or_default();
        let (ring, bound) = if delivery.verified.is_some() {
            (&mut storage.authentic, limits::DELIVERIES_KEPT)
        } else {
            (&mut storage.refused, limits::REFUSALS_KEPT)
        };
        ring.push_back(delivery);
        while ring.len() > bound {
            ring.pop_front();
        }
    }

    fn write(&self, delivery: Arc<Delivery>) {
        let Some(sender) = self.behind.get().filter(|_| delivery.verified.is_some()) else { return };
        if sender.try_send(delivery).is_err() {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A panic while it was held leaves whole records: the lock is never held over foreign code but `change`.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Rings>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Outcome, Steps};

    fn record(id: usize, verified: bool) -> Delivery {
        Delivery {
            id: id.to_string().into(),
            storage: "flags".into(),
            provider: "github",
            delivery_id: None,
            event: None,
            received: jiff::Timestamp::from_second(i64::try_from(id).unwrap()).unwrap(),
            verified: verified.then_some("hmac-sha256"),
            outcome: if verified { Outcome::Accepted } else { Outcome::Unauthorized },
            status: if verified { 202 } else { 401 },
            detail: String::new(),
            commit: None,
            steps: Steps::default(),
            error: None,
        }
    }

    fn ids(log: &Log, limit: usize) -> Vec<String> {
        log.list("flags", limit).iter().map(|delivery| delivery.id.to_string()).collect()
    }

    #[test]
    fn newest_first_and_bounded() {
        let log = Log::new();
        for id in 0..limits::DELIVERIES_KEPT + 10 {
            log.push(record(id, true));
        }
        let newest = limits::DELIVERIES_KEPT + 9;
        assert_eq!(ids(&log, 2), [newest.to_string(), (newest - 1).to_string()]);
        assert_eq!(ids(&log, usize::MAX).len(), limits::DELIVERIES_KEPT);
        assert!(log.list("unknown", 9).is_empty());
    }

    #[test]
    fn a_flood_of_forgeries_hides_nothing() {
        let log = Log::new();
        log.push(record(1, true));
        for id in 2..10_000 {
            log.push(record(id, false));
        }
        let all = ids(&log, usize::MAX);
        assert_eq!(all.len(), limits::REFUSALS_KEPT + 1);
        assert_eq!((all.first().unwrap().as_str(), all.last().unwrap().as_str()), ("9999", "1"));
    }

    #[test]
    fn changes_reach_the_list_and_the_writer_and_a_full_writer_blocks_nothing() {
        let log = Log::new();
        let (sender, mut receiver) = mpsc::channel(2);
        log.write_behind(sender);
        log.restore([record(0, true)]);
        log.push(record(1, true));
        log.push(record(2, false));
        assert!(log.update("1", |delivery| delivery.error = Some("late".to_owned())));
        assert!(!log.update("2", |_| ()), "refused requests have nothing to add");
        assert!(!log.update("gone", |_| ()));
        log.push(record(3, true));
        assert_eq!(log.unwritten(), 1);
        assert_eq!(receiver.try_recv().unwrap().error, None);
        assert_eq!(receiver.try_recv().unwrap().error.as_deref(), Some("late"));
        assert!(receiver.try_recv().is_err());
        assert_eq!(ids(&log, usize::MAX), ["3", "2", "1", "0"]);
        assert_eq!(log.list("flags", 3)[2].error.as_deref(), Some("late"));
    }
}
