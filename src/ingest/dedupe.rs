//! Which deliveries were seen, and what became of them: the same one is not worked on twice, but one whose run failed
//! may run again when the provider sends it again.
//!
//! Bounded: the oldest ids are forgotten first, which costs at most one fetch too many.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::limits;

/// An endpoint's storage and the provider's id of a delivery.
type Key = (Arc<str>, Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running {
        since: Timestamp,
        record: Arc<str>,
    },
    Done,
    /// Its run failed. Whoever ran it may try again by itself, and then says so under the same record.
    Failed {
        record: Arc<str>,
    },
}

/// What is to be done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// Run it: it is new, or its earlier run failed or was never heard of again.
    Run,
    /// It is being worked on.
    Running,
    /// It was worked on.
    Done,
}

/// The deliveries that were seen.
#[derive(Debug)]
pub(super) struct Seen {
    states: HashMap<Key, State>,
    /// In the order they came.
    order: VecDeque<Key>,
    /// Our record of a run -> its delivery.
    runs: HashMap<Arc<str>, Key>,
    capacity: usize,
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Self {
        Self { states: HashMap::new(), order: VecDeque::new(), runs: HashMap::new(), capacity: capacity.max(1) }
    }

    /// Asks whether to run a delivery, and notes that it runs under `record`.
    pub(super) fn begin(&mut self, storage: &Arc<str>, id: &str, record: &Arc<str>, now: Timestamp) -> Begin {
        let key: Key = (Arc::clone(storage), id.into());
        match self.states.get(&key) {
            Some(State::Done) => return Begin::Done,
            Some(State::Running { since, .. }) if now.duration_since(*since) < lost_after() => return Begin::Running,
            Some(State::Running { .. } | State::Failed { .. }) | None => {}
        }
        self.runs.insert(Arc::clone(record), key.clone());
        self.note(key, State::Running { since: now, record: Arc::clone(record) });
        Begin::Run
    }

    /// The run under `record` has ended. One that failed may be reported again, when it was tried again and succeeded.
    pub(super) fn finished(&mut self, record: &str, succeeded: bool) {
        let Some((record, key)) = self.runs.remove_entry(record) else { return };
        let Some(state) = self.states.get_mut(&key) else { return };
        if succeeded {
            *state = State::Done;
        } else {
            *state = State::Failed { record: Arc::clone(&record) };
            self.runs.insert(record, key);
        }
    }

    /// A delivery of an earlier life of this process was worked on.
    pub(super) fn seed(&mut self, storage: &Arc<str>, id: &str) {
        self.note((Arc::clone(storage), id.into()), State::Done);
    }

    fn note(&mut self, key: Key, state: State) {
        match self.states.insert(key.clone(), state) {
            None => self.order.push_back(key),
            Some(State::Running { record, .. } | State::Failed { record }) => drop(self.runs.remove(&record)),
            Some(State::Done) => {}
        }
        while self.order.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(State::Running { record, .. } | State::Failed { record }) = self.states.remove(&oldest) {
                self.runs.remove(&record);
            }
        }
    }
}

fn lost_after() -> SignedDuration {
    SignedDuration::try_from(limits::DELIVERY_RUNNING).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn once_unless_it_failed() {
        let mut seen = Seen::new(8);
        let (storage, other): (Arc<str>, Arc<str>) = ("flags".into(), "other".into());
        let begin = |seen: &mut Seen, record: &str, now| seen.begin(&storage, "id", &record.into(), at(now));
        assert_eq!(begin(&mut seen, "r1", 0), Begin::Run);
        assert_eq!(begin(&mut seen, "r2", 1), Begin::Running);
        assert_eq!(seen.begin(&other, "id", &"r3".into(), at(1)), Begin::Run, "another endpoint's ids are its own");
        seen.finished("r1", false);
        assert_eq!(begin(&mut seen, "r4", 2), Begin::Run);
        seen.finished("r1", true);
        assert_eq!(begin(&mut seen, "r5", 3), Begin::Running, "a record that is no longer its run says nothing");
        seen.finished("r4", true);
        assert_eq!(begin(&mut seen, "r6", 4), Begin::Done);
        seen.finished("unknown", false);
    }

    #[test]
    fn a_run_that_failed_and_then_succeeded_by_itself_is_done() {
        let mut seen = Seen::new(2);
        let storage: Arc<str> = "flags".into();
        assert_eq!(seen.begin(&storage, "id", &"r1".into(), at(0)), Begin::Run);
        seen.finished("r1", false);
        seen.finished("r1", false);
        seen.finished("r1", true);
        assert_eq!(seen.begin(&storage, "id", &"r2".into(), at(1)), Begin::Done);
        assert!(seen.runs.is_empty());
        // What failed and is never heard of again is forgotten with its id.
        for number in 0..10 {
            let record: Arc<str> = format!("n{number}").into();
            assert_eq!(seen.begin(&storage, &record, &record, at(2)), Begin::Run);
            seen.finished(&record, false);
            assert!(seen.runs.len() <= 2 && seen.states.len() <= 2);
        }
    }

    #[test]
    fn a_run_that_is_never_heard_of_again_does_not_block_for_ever() {
        let mut seen = Seen::new(8);
        let storage: Arc<str> = "flags".into();
        let window = limits::DELIVERY_RUNNING.as_secs().cast_signed();
        assert_eq!(seen.begin(&storage, "id", &"r1".into(), at(0)), Begin::Run);
        assert_eq!(seen.begin(&storage, "id", &"r2".into(), at(window - 1)), Begin::Running);
        assert_eq!(seen.begin(&storage, "id", &"r3".into(), at(window)), Begin::Run);
        assert_eq!(seen.runs.len(), 1);
        // A clock that was set back blocks it no longer than the window.
        assert_eq!(seen.begin(&storage, "id", &"r4".into(), at(0)), Begin::Running);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_nothing_grows() {
        let mut seen = Seen::new(3);
        let storage: Arc<str> = "flags".into();
        seen.seed(&storage, "old");
        assert_eq!(seen.begin(&storage, "old", &"r".into(), at(0)), Begin::Done);
        for number in 0..1_000 {
            let id = format!("id{number}");
            assert_eq!(seen.begin(&storage, &id, &format!("r{number}").into(), at(0)), Begin::Run);
            assert!(seen.states.len() <= 3 && seen.order.len() <= 3 && seen.runs.len() <= 3);
        }
        assert_eq!(seen.begin(&storage, "old", &"again".into(), at(0)), Begin::Run);
        assert_eq!(seen.begin(&storage, "id999", &"again".into(), at(0)), Begin::Running);
    }
}
