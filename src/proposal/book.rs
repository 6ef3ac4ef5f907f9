//! All proposals of one storage: each under one id, one number, and of the open ones one a pair of branches.
//!
//! What the machine decides for one record, the book decides between them: which record a proposal of the provider belongs
//! to, and who stands aside where two are open for the same branches. Providers allow that after a reopen, and for a
//! moment it happens here when somebody opens by hand what Yardarm is about to open. The one with the higher number
//! stays, whatever became known first; the other one is closed here, with its successor, until that one has ended.
//!
//! A book that was lost is written again from what the provider lists ([`Book::listed`]): ids come from the markers, and
//! where there is none from the number, so that they are the same as before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::machine::{Effect, Event, differs, step};
use super::record::{Entry, Id, Record, Source, State, id_of_number};
use super::{history, marker};
use crate::limits;
use crate::provider::api::{self, Proposal};

/// A configured environment of the storage. (A branch environment is none: it is known by its name.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub environment: Arc<str>,
    /// Its branch, short name: what a proposal is merged into.
    pub branch: Arc<str>,
}

/// The proposals of a storage.
#[derive(Debug, Clone)]
pub struct Book {
    storage: Arc<str>,
    targets: Vec<Target>,
    records: BTreeMap<Id, Record>,
    numbers: BTreeMap<u64, Id>,
    open: BTreeMap<Pair, Id>,
}

/// (head, base).
type Pair = (Arc<str>, Arc<str>);

/// A branch that somebody wants proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The configured environment that it would change, where that is known.
    pub environment: Option<Arc<str>>,
    /// The branch, short name.
    pub head: Arc<str>,
    /// The branch that it is to be merged into, short name.
    pub base: Arc<str>,
    /// Who wants it.
    pub by: Arc<str>,
}

/// What came of something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The record that it was about.
    pub id: Id,
    /// What is to be done, of this record and of others that it touched, each at most once.
    pub effects: Vec<(Id, Effect)>,
    /// Records that are no more.
    pub dropped: Vec<Id>,
}

impl Book {
    /// An empty one.
    #[must_use]
    pub const fn new(storage: Arc<str>, targets: Vec<Target>) -> Self {
        Self { storage, targets, records: BTreeMap::new(), numbers: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// The storage.
    #[must_use]
    pub const fn storage(&self) -> &Arc<str> {
        &self.storage
    }

    /// Takes records up that were kept; what does not fit to the others is left out and answered. Each of them is to be
    /// read again.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Record>) -> Vec<Id> {
        let mut left_out = Vec::new();
        for mut record in kept {
            let double = self.records.contains_key(&record.id)
                || record.number.is_some_and(|number| self.numbers.contains_key(&number))
                || pair(&record).is_some_and(|pair| self.open.contains_key(&pair));
            let ours = record.storage == self.storage && self.targets.iter().any(|target| target.branch == record.base);
            if double || !ours {
                left_out.push(record.id);
                continue;
            }
            record.stale = record.number.is_some() && !record.state.is_ended();
            self.place(&mut record);
            self.put(record);
        }
        left_out.extend(self.drop_oldest(None));
        left_out
    }

    /// By id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Record> {
        self.records.get(id)
    }

    /// By number.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Option<&Record> {
        self.numbers.get(&number).and_then(|id| self.records.get(id))
    }

    /// The one that is open, or about to be, for a pair of branches.
    #[must_use]
    pub fn open(&self, head: &str, base: &str) -> Option<&Record> {
        self.open.get(&(head.into(), base.into())).and_then(|id| self.records.get(id))
    }

    /// All of them, in no order that means anything.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Those to which a move of a branch means something, and whether it is their head.
    #[must_use]
    pub fn about(&self, branch: &str) -> Vec<(Id, bool)> {
        let wanted = |record: &&Record| !record.state.is_final();
        let side = |record: &Record| {
            let head = *record.head == *branch && !record.is_fork();
            (head || *record.base == *branch).then(|| (record.id.clone(), head))
        };
        self.records.values().filter(wanted).filter_map(side).collect()
    }

    /// Somebody wants a branch proposed: the one that is open is joined, one that could not be opened is tried again, or
    /// a new one begins. Whether it is open at the provider already, its record says.
    pub fn ask(&mut self, wish: &Wish, now: Timestamp) -> Outcome {
        let Wish { environment, head, base, by } = wish;
        let known = self.open(head, base).or_else(|| self.failed(head, base)).map(|record| record.id.clone());
        let (id, dropped) = known.map_or_else(
            || {
                let mut record = Record::planned(&self.storage, head, base, by, now);
                record.environment.clone_from(environment);
                let id = record.id.clone();
                self.begin(record);
                (id.clone(), self.drop_oldest(Some(&id)))
            },
            |id| (id, Vec::new()),
        );
        let mut outcome = self.take(&id, Event::Asked { by: by.clone() }, now);
        outcome.dropped.extend(dropped);
        outcome
    }

    /// A proposal stands in a list of the provider. Nothing comes of one that is none of ours: it is to be merged into a
    /// branch of which nothing is served, or comes from a fork.
    pub fn listed(&mut self, proposal: &Proposal, now: Timestamp) -> Option<Outcome> {
        let known = self.numbered(proposal.number).map(|record| (record.id.clone(), record.state));
        let (id, dropped) = match known {
            Some((id, State::Gone)) => {
                self.revive(&id, proposal, now);
                (id, Vec::new())
            }
            Some((id, _)) => (id, Vec::new()),
            None if proposal.fork || !self.targets.iter().any(|target| *target.branch == *proposal.base) => {
                return None;
            }
            None => self.adopt(proposal, now),
        };
        let mut outcome = self.take(&id, Event::Listed(Box::new(proposal.clone())), now);
        outcome.dropped.extend(dropped);
        Some(outcome)
    }

    /// Something happened to one of them. Of one that is not in the book nothing comes.
    pub fn take(&mut self, id: &str, event: Event, now: Timestamp) -> Outcome {
        let Some(before) = self.owner(id, &event).cloned() else {
            return Outcome { id: id.into(), ..Outcome::default() };
        };
        let id = before.id.clone();
        let done = step(before.clone(), event, now);
        let mut record = done.record;
        self.place(&mut record);
        let mut effects: BTreeSet<(Id, Effect)> = done.effects.into_iter().map(|effect| (id.clone(), effect)).collect();
        let held = pair(&before).filter(|pair| self.open.get(pair) == Some(&id));
        self.remove(&before);
        let other = pair(&record).and_then(|pair| self.open.get(&pair)).and_then(|id| self.records.get(id)).cloned();
        if let Some(other) = other {
            if other.number < record.number {
                let stands = aside(other.clone(), &record, now);
                self.remove(&other);
                self.put(stands);
                effects.insert((other.id, Effect::Tell));
            } else {
                record = aside(record, &other, now);
                if (record.state, &record.succeeded_by) == (before.state, &before.succeeded_by) {
                    record.changed = before.changed;
                }
                effects.retain(|(_, effect)| *effect == Effect::Read);
                if differs(before.clone(), &record) {
                    effects.insert((id.clone(), Effect::Tell));
                }
            }
        }
        let left = held.filter(|was| pair(&record).as_ref() != Some(was));
        self.put(record);
        if let Some(pair) = left
            && let Some(next) = self.next_in_line(&pair)
        {
            effects.insert((next, Effect::Read));
        }
        Outcome { id, effects: effects.into_iter().collect(), dropped: Vec::new() }
    }

    /// It was found out which of several environments one would change: the only one whose files it touches.
    pub fn concerns(&mut self, id: &str, environment: &Arc<str>) -> Outcome {
        let Some(record) = self.records.get(id).filter(|record| record.environment.is_none()).cloned() else {
            return Outcome { id: id.into(), ..Outcome::default() };
        };
        let mut record = Record { environment: Some(environment.clone()), ..record };
        self.place(&mut record);
        let id = record.id.clone();
        self.records.insert(id.clone(), record);
        Outcome { effects: vec![(id.clone(), Effect::Tell)], id, dropped: Vec::new() }
    }

    /// Whose the event is: what is said about a number is about the record that has it.
    fn owner(&self, id: &str, event: &Event) -> Option<&Record> {
        match event {
            Event::Read(said) | Event::Listed(said) => self.numbered(said.number).or_else(|| self.records.get(id)),
            _ => self.records.get(id),
        }
    }

    /// One of the same branches that could not be opened, the latest.
    fn failed(&self, head: &str, base: &str) -> Option<&Record> {
        let same = |record: &&Record| record.state == State::Failed && *record.head == *head && *record.base == *base;
        self.records.values().filter(same).filter(|record| record.number.is_none()).max_by_key(|record| record.changed)
    }

    /// The record for a proposal that is not known by its number.
    fn adopt(&mut self, proposal: &Proposal, now: Timestamp) -> (Id, Vec<Id>) {
        let marked = marker::find(&proposal.body);
        let without_number = |id: &Id| self.records.get(id).is_some_and(|record| record.number.is_none());
        if let Some(marker) = marked.as_ref().filter(|marker| without_number(&marker.id)) {
            return (marker.id.clone(), Vec::new());
        }
        if let (Some(head), api::State::Open) = (&proposal.head, proposal.state)
            && let Some(waiting) = self.open(head, &proposal.base).or_else(|| self.failed(head, &proposal.base))
            && waiting.number.is_none()
        {
            return (waiting.id.clone(), Vec::new());
        }
        let free = marked.map(|marker| marker.id).filter(|id| !self.records.contains_key(id));
        let id = free.unwrap_or_else(|| id_of_number(&self.storage, proposal.number));
        self.begin(Record::found(&self.storage, id.clone(), proposal, now));
        let dropped = self.drop_oldest(Some(&id));
        (id, dropped)
    }

    /// The provider shows again what it had not: a new record under the same id, with what was known of it.
    fn revive(&mut self, id: &Id, proposal: &Proposal, now: Timestamp) {
        let Some(gone) = self.records.get(id).cloned() else { return };
        self.remove(&gone);
        let mut record = Record::found(&self.storage, id.clone(), proposal, now);
        (record.seen, record.history, record.opened_by) = (gone.seen, gone.history, gone.opened_by);
        let what = "seen again at the provider".to_owned();
        history::note(&mut record.history, Entry { at: now, source: Source::Provider, by: None, what });
        self.begin(record);
    }

    /// Which environment it would change: a branch environment tells its base; else the only one of the branch, or the
    /// one that the marker names among several.
    fn place(&self, record: &mut Record) {
        let names: Vec<&Arc<str>> = self
            .targets
            .iter()
            .filter(|target| target.branch == record.base)
            .map(|target| &target.environment)
            .collect();
        let among = |name: &str| names.iter().copied().find(|known| &***known == name).cloned();
        let branch = record.head.strip_prefix("flipt/").and_then(|rest| rest.split_once('/'));
        let branch = branch.filter(|(_, key)| !record.is_fork() && !key.contains('/'));
        let branch = branch.and_then(|(base, key)| Some((among(base)?, key)));
        record.branch_environment = branch.as_ref().map(|(_, key)| (*key).into());
        let marked = || marker::find(&record.seen.as_ref()?.body)?.environment.and_then(|name| among(&name));
        record.environment = match (branch, &*names) {
            (Some((base, _)), _) => Some(base),
            (None, [only]) => Some(Arc::clone(only)),
            (None, _) => marked().or_else(|| among(record.environment.as_deref()?)),
        };
    }

    /// One that stood aside for another that has ended: the newest that the provider has open for the pair.
    fn next_in_line(&mut self, of: &Pair) -> Option<Id> {
        let waits = |record: &&mut Record| {
            record.state == State::Closed
                && record.seen.as_ref().is_some_and(|seen| seen.state == api::State::Open)
                && (&record.head, &record.base) == (&of.0, &of.1)
        };
        let next = self.records.values_mut().filter(waits).max_by_key(|record| record.number)?;
        next.stale = true;
        Some(next.id.clone())
    }

    fn begin(&mut self, mut record: Record) {
        self.place(&mut record);
        // It may not hold its branches yet: whoever does is found out when the first event is taken.
        self.records.insert(record.id.clone(), record);
    }

    fn put(&mut self, record: Record) {
        if let Some(number) = record.number {
            self.numbers.insert(number, record.id.clone());
        }
        if let Some(pair) = pair(&record) {
            self.open.insert(pair, record.id.clone());
        }
        self.records.insert(record.id.clone(), record);
    }

    fn remove(&mut self, record: &Record) {
        if let Some(number) = record.number.filter(|number| self.numbers.get(number) == Some(&record.id)) {
            self.numbers.remove(&number);
        }
        if let Some(pair) = pair(record).filter(|pair| self.open.get(pair) == Some(&record.id)) {
            self.open.remove(&pair);
        }
        self.records.remove(&record.id);
    }

    /// Keeps the book at its bound: what ended first goes first, then what is merged; what is open goes last, and the
    /// provider still has it.
    fn drop_oldest(&mut self, but: Option<&Id>) -> Vec<Id> {
        let rank = |state: State| match state {
            State::Live | State::Gone | State::Closed | State::Failed => 0,
            State::Merged => 1,
            State::Open => 2,
            State::Planned => 3,
        };
        let mut dropped = Vec::new();
        while self.records.len() > limits::PROPOSALS_KEPT {
            let candidates = self.records.values().filter(|record| Some(&record.id) != but);
            let Some(oldest) = candidates.min_by_key(|record| (rank(record.state), record.changed)).cloned() else {
                break;
            };
            self.remove(&oldest);
            dropped.push(oldest.id);
        }
        dropped
    }
}

/// The branches for which it is the open one. A fork's are not ours.
fn pair(record: &Record) -> Option<Pair> {
    (record.is_open() && !record.is_fork() && !record.head.is_empty())
        .then(|| (record.head.clone(), record.base.clone()))
}

/// A record as it stands aside for another one of the same branches.
fn aside(mut record: Record, holder: &Record, now: Timestamp) -> Record {
    record.state = State::Closed;
    record.changed = now;
    record.succeeded_by = Some(holder.id.clone());
    let number = holder.number.map_or_else(|| "another one".to_owned(), |number| format!("#{number}"));
    let what = format!("{number} is open for the same branches");
    history::note_once(&mut record.history, now, Source::Provider, &what);
    record
}
