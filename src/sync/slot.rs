//! The slot of a storage: the latest wish, and a wake-up with one place.
//!
//! However many deliveries come in, a storage has at most one fetch running and one waiting: everything that arrives
//! while a fetch runs is covered by the next one, because a fetch brings the newest state whatever it was asked for.
//! The slot remembers which deliveries a fetch covers, so that each of them learns how it went; it never queues work.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::ingest::Hint;
use crate::limits;

/// A delivery that a run has to answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Record of the delivery.
    pub id: Arc<str>,
    /// When it came in.
    pub received: Timestamp,
    /// It was told that a run for it failed.
    pub told: bool,
}

/// What one run has to cover. Empty for a poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Deliveries in the order in which they came, each once. Past [`limits::DEDUPE_IDS`] further ones are covered
    /// without being remembered: their ids are forgotten elsewhere as well.
    pub deliveries: Vec<Covered>,
    /// The commits that were announced, each once, the latest announcement last: what the fetch should bring. Past
    /// [`limits::ANNOUNCED_COMMITS`] the oldest go.
    pub commits: Vec<String>,
}

impl Work {
    /// Nobody waits for this run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.commits.is_empty()
    }

    fn cover(&mut self, ids: &mut HashSet<Arc<str>>, delivery: Covered) {
        if self.deliveries.len() < limits::DEDUPE_IDS && ids.insert(delivery.id.clone()) {
            self.deliveries.push(delivery);
        }
    }

    fn want(&mut self, commit: String) {
        self.commits.retain(|known| *known != commit);
        if self.commits.len() >= limits::ANNOUNCED_COMMITS {
            self.commits.remove(0);
        }
        self.commits.push(commit);
    }
}

/// The slot as a value: what is pending, and whether somebody asked for it since the last run began.
#[derive(Debug, Default)]
pub struct State {
    pending: Work,
    ids: HashSet<Arc<str>>,
    fresh: bool,
}

impl State {
    /// Puts a wish in. Answers whether it was the first since the last [`Self::take`], that is, whether the worker has
    /// to be woken.
    pub fn set(&mut self, hint: Hint) -> bool {
        if let Some(id) = hint.delivery {
            self.pending.cover(&mut self.ids, Covered { id, received: hint.received, told: false });
        }
        if let Some(commit) = hint.commit {
            self.pending.want(commit);
        }
        !std::mem::replace(&mut self.fresh, true)
    }

    /// Asks for a run without a wish of one's own. Answers as [`Self::set`].
    pub fn ring(&mut self) -> bool {
        !std::mem::replace(&mut self.fresh, true)
    }

    /// Somebody asked since the last run began.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Everything that is pending becomes the work of the run that begins now, and whether somebody asked for it.
    pub fn take(&mut self) -> (Work, bool) {
        self.ids.clear();
        (std::mem::take(&mut self.pending), std::mem::take(&mut self.fresh))
    }

    /// The run could not do its work: the next one covers it too. Nobody is woken: when to try again is the
    /// schedule's business.
    pub fn put_back(&mut self, work: Work) {
        let newer = std::mem::replace(&mut self.pending, work);
        self.ids = self.pending.deliveries.iter().map(|d| d.id.clone()).collect();
        for delivery in newer.deliveries {
            self.pending.cover(&mut self.ids, delivery);
        }
        for commit in newer.commits {
            self.pending.want(commit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hint(id: usize, commit: Option<&str>) -> Hint {
        Hint {
            storage: "s".into(),
            delivery: Some(format!("d{id}").into()),
            commit: commit.map(str::to_owned),
            received: Timestamp::UNIX_EPOCH,
        }
    }

    fn ids(work: &Work) -> Vec<&str> {
        work.deliveries.iter().map(|d| &*d.id).collect()
    }

    #[test]
    fn a_burst_is_one_run_that_covers_all_of_it_and_wants_the_newest_commit() {
        let mut slot = State::default();
        assert!(slot.set(hint(1, Some("a"))));
        assert!(!slot.set(hint(2, Some("b"))));
        assert!(!slot.set(hint(2, Some("b"))));
        assert!(!slot.set(hint(3, None)));
        let (work, fresh) = slot.take();
        assert!(fresh);
        assert_eq!(ids(&work), ["d1", "d2", "d3"]);
        assert_eq!(work.commits, ["a", "b"]);
        assert_eq!(slot.take(), (Work::default(), false));
        assert!(slot.set(hint(4, None)), "the next one rings again");
    }

    #[test]
    fn work_that_failed_is_covered_by_the_next_run_without_asking_for_one() {
        let mut slot = State::default();
        slot.set(hint(1, Some("a")));
        let (work, _) = slot.take();
        slot.set(hint(1, Some("a")));
        slot.set(hint(2, Some("b")));
        slot.put_back(work.clone());
        assert!(slot.is_fresh());
        let (both, _) = slot.take();
        assert_eq!(ids(&both), ["d1", "d2"]);
        assert_eq!(both.commits, ["a", "b"], "the newer announcement stands last");

        slot.put_back(work);
        assert!(!slot.is_fresh(), "what was put back asks for nothing");
        assert_eq!(ids(&slot.take().0), ["d1"]);
    }

    #[test]
    fn what_a_flood_leaves_behind_is_bounded() {
        let mut slot = State::default();
        for id in 0..limits::DEDUPE_IDS + 10 {
            slot.set(hint(id, Some("a")));
        }
        let (work, fresh) = slot.take();
        assert!(fresh);
        assert_eq!(work.deliveries.len(), limits::DEDUPE_IDS);
    }

    /// What may happen to a slot.
    #[derive(Debug, Clone)]
    enum Step {
        Set(usize),
        Begin,
        Succeed,
        Fail,
    }

    proptest! {
        /// I6: whatever is lost, repeated or reordered, every wish that was put in is covered by a run that began
        /// after it, and a slot never asks for more runs than it got wishes.
        #[test]
        fn no_wish_is_lost(steps in prop::collection::vec(prop_oneof![
            (0_usize..6).prop_map(Step::Set), Just(Step::Begin), Just(Step::Succeed), Just(Step::Fail),
        ], 0..80)) {
            let mut slot = State::default();
            let mut running: Option<Work> = None;
            let mut open: HashSet<String> = HashSet::new();
            let (mut wishes, mut rings) = (0, 0);
            for step in steps.into_iter().chain([Step::Succeed, Step::Begin, Step::Succeed]) {
                match step {
                    Step::Set(id) => {
                        wishes += 1;
                        rings += usize::from(slot.set(hint(id, None)));
                        open.insert(format!("d{id}"));
                        // While a run that already covers this id goes on, a newer wish of the same id still needs
                        // a run of its own: it may announce what the running fetch has missed.
                        prop_assert!(slot.is_fresh());
                    }
                    Step::Begin if running.is_none() => running = Some(slot.take().0),
                    Step::Succeed => {
                        if let Some(work) = running.take() {
                            for id in ids(&work) {
                                if !slot.pending.deliveries.iter().any(|d| &*d.id == id) {
                                    open.remove(id);
                                }
                            }
                        }
                    }
                    Step::Fail => if let Some(work) = running.take() { slot.put_back(work) },
                    Step::Begin => {}
                }
            }
            prop_assert!(open.is_empty(), "never covered: {open:?}");
            prop_assert!(rings <= wishes);
        }
    }
}
