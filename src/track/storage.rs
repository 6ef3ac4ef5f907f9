//! One storage whose proposals are tracked: its provider, what is wished for, and how it goes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::pace::{Jobs, Pace};
use super::schedule::{Schedule, pause_after};
use super::{Scm, Wish, bounded};
use crate::limits;
use crate::proposal::{Id, Record};
use crate::provider::api::Failure;
use crate::write::writers::chance;

/// What is worked on: a proposal of the provider by its number, another one by its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    Number(u64),
    Plan(Id),
}

impl Subject {
    pub(super) fn of(record: &Record) -> Self {
        record.number.map_or_else(|| Self::Plan(record.id.clone()), Self::Number)
    }
}

/// A delivery that waits for a read.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) delivery: Arc<str>,
    pub(super) received: Timestamp,
}

/// One storage.
pub(super) struct Tracked {
    pub(super) name: Arc<str>,
    /// Where its environments are served from.
    pub(super) branch: Arc<str>,
    /// Names of its configured environments.
    pub(super) environments: Vec<Arc<str>>,
    pub(super) scm: Scm,
    pace: Mutex<Pace<Subject>>,
    pub(super) schedule: Mutex<Schedule>,
    pub(super) looks: Mutex<Looks>,
    awaiting: Mutex<HashMap<u64, Vec<Awaiting>>>,
    /// What people have said about proposals that are not open yet.
    wishes: Mutex<HashMap<Id, Wish>>,
    /// Heads that were seen, so that one that is gone is told from one that never was there.
    pub(super) heads: Mutex<HashMap<Arc<str>, Arc<str>>>,
    /// Failures in a row.
    failures: AtomicU32,
    /// Rung for every wish.
    pub(super) bell: Notify,
    /// Rung when something has ended.
    ended: Notify,
    stop: watch::Sender<bool>,
}

/// How the looks at the provider went.
#[derive(Debug, Default)]
pub(super) struct Looks {
    pub(super) last: Option<Timestamp>,
    pub(super) trouble: Option<(Failure, Timestamp)>,
    pub(super) missed: u64,
    pub(super) next: Option<Timestamp>,
}

impl Tracked {
    pub(super) fn new(
        name: Arc<str>,
        branch: Arc<str>,
        environments: Vec<Arc<str>>,
        scm: Scm,
        webhooks: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            branch,
            environments,
            scm,
            pace: Mutex::default(),
            schedule: Mutex::new(Schedule::new(webhooks)),
            looks: Mutex::default(),
            awaiting: Mutex::default(),
            wishes: Mutex::default(),
            heads: Mutex::default(),
            failures: AtomicU32::new(0),
            bell: Notify::new(),
            ended: Notify::new(),
            stop: watch::Sender::new(false),
        })
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace<Subject>> {
        lock(&self.pace)
    }

    /// Wishes for something.
    pub(super) fn want(&self, subject: &Subject, jobs: Jobs, now: Duration) {
        if !jobs.is_empty() && self.pace().want(subject, jobs, now) {
            self.bell.notify_one();
        }
    }

    /// Wishes for something about which there is news.
    pub(super) fn want_anew(&self, subject: &Subject, jobs: Jobs, now: Duration) {
        if self.pace().want_anew(subject, jobs, now) {
            self.bell.notify_one();
        }
    }

    /// Something that was taken is done; what is left is tried again `later`.
    pub(super) fn done(&self, subject: &Subject, left: Jobs, later: Duration, now: Duration) {
        self.pace().ended(subject, left, later, now);
        self.ended.notify_waiters();
        self.bell.notify_one();
    }

    /// Has a proposal to oneself, once nobody else works on it.
    pub(super) async fn claim(self: &Arc<Self>, subject: &Subject, origin: tokio::time::Instant) -> Claim {
        loop {
            let ended = self.ended.notified();
            if self.pace().claim(subject) {
                return Claim { storage: self.clone(), subject: subject.clone(), origin };
            }
            ended.await;
        }
    }

    /// A webhook works.
    pub(super) fn told(&self) {
        lock(&self.schedule).told();
    }

    /// The next look is not to wait.
    pub(super) fn look_soon(&self, now: Duration) {
        lock(&self.schedule).hurry(now);
        self.bell.notify_one();
    }

    /// Whose delivery the next read of a proposal answers.
    pub(super) fn awaits(&self, number: u64, delivery: Arc<str>, received: Timestamp) {
        bounded(lock(&self.awaiting).entry(number).or_default(), Awaiting { delivery, received });
    }

    /// Those that a read that begins now is going to answer.
    pub(super) fn awaiting(&self, subject: &Subject) -> Vec<Awaiting> {
        match subject {
            Subject::Number(number) => lock(&self.awaiting).remove(number).unwrap_or_default(),
            Subject::Plan(_) => Vec::new(),
        }
    }

    /// The read did not come to pass: the next one answers them.
    pub(super) fn await_again(&self, subject: &Subject, awaiting: Vec<Awaiting>) {
        if let (Subject::Number(number), false) = (subject, awaiting.is_empty()) {
            let mut all = lock(&self.awaiting);
            let waiting = all.entry(*number).or_default();
            for one in awaiting {
                bounded(waiting, one);
            }
        }
    }

    /// Whether a delivery about a proposal waits for its read.
    pub(super) fn expects(&self, number: u64) -> bool {
        lock(&self.awaiting).contains_key(&number)
    }

    /// What somebody says about a proposal that is going to be opened.
    pub(super) fn wishes(&self, id: &Id, wish: Wish) {
        let mut wishes = lock(&self.wishes);
        if wishes.len() >= limits::PROPOSALS_KEPT {
            wishes.clear();
        }
        wishes.insert(id.clone(), wish);
    }

    pub(super) fn wish(&self, id: &Id) -> Option<Wish> {
        lock(&self.wishes).get(id).cloned()
    }

    /// It is open: what was said about it stands there.
    pub(super) fn fulfilled(&self, id: &Id) {
        lock(&self.wishes).remove(id);
    }

    /// Has something tried again that failed.
    pub(super) fn want_later(&self, subject: &Subject, jobs: Jobs, failure: &Failure, now: Duration) {
        let pause = pause_after(failure, self.went_wrong(), chance());
        let mut pace = self.pace();
        if pace.claim(subject) {
            pace.ended(subject, jobs, pause, now);
        } else {
            pace.want(subject, jobs, now);
        }
        drop(pace);
        self.bell.notify_one();
    }

    /// The provider could be asked.
    pub(super) fn went_well(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// It could not; how often in a row.
    pub(super) fn went_wrong(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Tells its runner to end.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Takes over what another one of the same provider knew.
    pub(super) fn follow(&self, other: &Self) {
        lock(&self.heads).clone_from(&lock(&other.heads));
        let before = std::mem::take(&mut *lock(&other.looks));
        *lock(&self.looks) = before;
        *lock(&self.wishes) = std::mem::take(&mut *lock(&other.wishes));
    }
}

/// The right to work on one proposal, given back when dropped.
pub(super) struct Claim {
    storage: Arc<Tracked>,
    subject: Subject,
    origin: tokio::time::Instant,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.storage.done(&self.subject, Jobs::NONE, Duration::ZERO, self.origin.elapsed());
    }
}

/// Branches that are fetched for their proposals alone.
pub(super) fn heads_of<'r>(records: impl Iterator<Item = &'r Record>) -> BTreeSet<Arc<str>> {
    let open = records.filter(|record| record.is_open() && !record.is_fork() && !record.head.is_empty());
    // What Git would take for a pattern, or for something else than a branch, is no name of a branch.
    let plain = |name: &str| !name.contains(['*', '?', ':', '^', '~', '\\', '[']) && !name.starts_with('-');
    open.map(|record| record.head.clone()).filter(|head| plain(head)).collect::<HashSet<_>>().into_iter().collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
