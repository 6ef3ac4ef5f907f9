//! What is to be done about which proposal, and when. Pure: time comes in as the length since some beginning.
//!
//! Two rules. One proposal has one thing done to it at a time: whatever is wished for meanwhile is remembered once and
//! done afterwards. And it is read at most once in [`limits::PROPOSAL_READS`]: the first wish is answered at once, so
//! that an event is visible as fast as the provider answers; what comes within the pause is one read at its end, which
//! sees the newest state whatever the wishes were about. A wish is never lost: a read that has begun does not count for
//! a wish that came after.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use crate::limits;

/// What is to be done, each at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Jobs(u8);

impl Jobs {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Open it at the provider.
    pub const OPEN: Self = Self(1);
    /// Read it; the only one that is paced.
    pub const READ: Self = Self(1 << 1);
    /// Say at the provider what it changes.
    pub const REPORT: Self = Self(1 << 2);
    /// Look whether what is served contains it.
    pub const LOOK: Self = Self(1 << 3);
    /// Remove its branch.
    pub const CLEAN: Self = Self(1 << 4);
    /// Find out how far it is from its base, and which environment it changes.
    pub const MEASURE: Self = Self(1 << 5);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Nothing to do.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The proposals of one storage.
#[derive(Debug)]
pub struct Pace<K> {
    slots: HashMap<K, Slot>,
    /// Those that nobody works on and that wait for something, by the moment when it may begin.
    due: BTreeSet<(Duration, K)>,
    between: Duration,
}

#[derive(Debug, Default)]
struct Slot {
    wanted: Jobs,
    running: bool,
    /// When the last read began.
    read: Option<Duration>,
    /// Nothing before this.
    not_before: Duration,
    /// Where it stands in `due`.
    due: Option<Duration>,
}

impl Slot {
    fn may_read(&self, between: Duration) -> Duration {
        self.read.map_or(Duration::ZERO, |read| read + between)
    }

    /// When the first of what is wanted may begin.
    fn begins(&self, between: Duration, now: Duration) -> Option<Duration> {
        if self.wanted.is_empty() || self.running {
            return None;
        }
        let only_read = self.wanted.without(Jobs::READ).is_empty();
        let at = if only_read { self.may_read(between) } else { Duration::ZERO };
        Some(at.max(self.not_before).max(now))
    }
}

impl<K: Clone + Ord + Hash> Default for Pace<K> {
    fn default() -> Self {
        Self::new(limits::PROPOSAL_READS)
    }
}

impl<K: Clone + Ord + Hash> Pace<K> {
    /// Reads of one are `between` apart.
    #[must_use]
    pub fn new(between: Duration) -> Self {
        Self { slots: HashMap::new(), due: BTreeSet::new(), between }
    }

    /// Wishes for something. Answers whether [`Self::next`] may be earlier now.
    pub fn want(&mut self, key: &K, jobs: Jobs, now: Duration) -> bool {
        self.forget_quiet(now);
        let slot = self.slots.entry(key.clone()).or_default();
        slot.wanted = slot.wanted.with(jobs);
        self.place(key, now)
    }

    /// Wishes for something that is known to be worth another try, whatever has failed before.
    pub fn want_anew(&mut self, key: &K, jobs: Jobs, now: Duration) -> bool {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.not_before = Duration::ZERO;
            if let Some(at) = slot.due.take() {
                self.due.remove(&(at, key.clone()));
            }
        }
        self.want(key, jobs, now)
    }

    /// What may begin now, at most `most`; each of them is being worked on until [`Self::ended`].
    pub fn take(&mut self, now: Duration, most: usize) -> Vec<(K, Jobs)> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some((at, key)) = self.due.first().cloned().filter(|(at, _)| *at <= now) else { break };
            self.due.remove(&(at, key.clone()));
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            let mut jobs = slot.wanted;
            if jobs.has(Jobs::READ) && slot.may_read(self.between) > now {
                jobs = jobs.without(Jobs::READ);
            }
            slot.due = None;
            slot.wanted = slot.wanted.without(jobs);
            slot.running = true;
            if jobs.has(Jobs::READ) {
                slot.read = Some(now);
            }
            taken.push((key, jobs));
        }
        taken
    }

    /// Takes one that nobody works on, for something that is not counted here. It is worked on until [`Self::ended`].
    pub fn claim(&mut self, key: &K) -> bool {
        let slot = self.slots.entry(key.clone()).or_default();
        if slot.running {
            return false;
        }
        slot.running = true;
        if let Some(at) = slot.due.take() {
            self.due.remove(&(at, key.clone()));
        }
        true
    }

    /// What was taken is done. What was not, and is to be tried again `later`, is wanted still.
    pub fn ended(&mut self, key: &K, left: Jobs, later: Duration, now: Duration) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.running = false;
        slot.wanted = slot.wanted.with(left);
        slot.not_before = if left.is_empty() { Duration::ZERO } else { now + later };
        self.place(key, now);
    }

    /// There is no such proposal any more.
    pub fn forget(&mut self, key: &K) {
        if let Some(at) = self.slots.remove(key).and_then(|slot| slot.due) {
            self.due.remove(&(at, key.clone()));
        }
    }

    /// When the next one may begin; never, if nothing waits.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// How many are waited for or worked on.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.slots.values().filter(|slot| slot.running || !slot.wanted.is_empty()).count()
    }

    fn place(&mut self, key: &K, now: Duration) -> bool {
        let Some(slot) = self.slots.get_mut(key) else { return false };
        let at = slot.begins(self.between, now);
        // What could have begun before now does not lose its place by another wish.
        let at = match (slot.due, at) {
            (Some(before), Some(at)) => Some(before.min(at)),
            (_, at) => at,
        };
        if slot.due == at {
            return false;
        }
        if let Some(before) = std::mem::replace(&mut slot.due, at) {
            self.due.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, key.clone()));
        }
        true
    }

    /// Slots are kept for the moment of the last read alone: past the pause they say nothing.
    fn forget_quiet(&mut self, now: Duration) {
        if self.slots.len() < self.slots.capacity() || self.slots.len() < 64 {
            return;
        }
        let between = self.between;
        self.slots.retain(|_, slot| slot.running || !slot.wanted.is_empty() || slot.may_read(between) > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_first_read_is_at_once_and_the_rest_is_one() {
        let mut pace = Pace::default();
        assert!(pace.want(&1, Jobs::READ, ms(0)));
        assert_eq!(pace.take(ms(0), 9), [(1, Jobs::READ)]);
        for at in 1..400 {
            pace.want(&1, Jobs::READ, ms(at));
        }
        assert_eq!(pace.next(), None, "one at a time");
        pace.ended(&1, Jobs::NONE, ms(0), ms(400));
        assert_eq!(pace.next(), Some(ms(1_000)));
        assert_eq!(pace.take(ms(999), 9), []);
        assert_eq!(pace.take(ms(1_000), 9), [(1, Jobs::READ)]);
        pace.ended(&1, Jobs::NONE, ms(0), ms(1_010));
        assert_eq!((pace.next(), pace.busy()), (None, 0));
    }

    #[test]
    fn what_is_no_read_does_not_wait_for_one() {
        let mut pace = Pace::default();
        pace.want(&1, Jobs::READ, ms(0));
        pace.take(ms(0), 9);
        pace.ended(&1, Jobs::NONE, ms(0), ms(5));
        pace.want(&1, Jobs::READ, ms(10));
        pace.want(&1, Jobs::LOOK, ms(20));
        assert_eq!(pace.take(ms(20), 9), [(1, Jobs::LOOK)]);
        pace.ended(&1, Jobs::NONE, ms(0), ms(21));
        assert_eq!(pace.take(ms(1_000), 9), [(1, Jobs::READ)]);
    }

    #[test]
    fn what_was_not_done_is_tried_later() {
        let mut pace = Pace::default();
        pace.want(&1, Jobs::READ, ms(0));
        pace.take(ms(0), 9);
        pace.ended(&1, Jobs::READ, ms(5_000), ms(10));
        pace.want(&1, Jobs::LOOK, ms(20));
        assert_eq!(pace.next(), Some(ms(5_010)));
        assert_eq!(pace.take(ms(5_010), 9), [(1, Jobs::READ.with(Jobs::LOOK))]);
        pace.ended(&1, Jobs::READ, ms(60_000), ms(5_020));
        assert_eq!(pace.next(), Some(ms(65_020)));
        pace.want_anew(&1, Jobs::READ, ms(5_030));
        assert_eq!(pace.next(), Some(ms(6_010)));
        pace.forget(&1);
        pace.ended(&1, Jobs::READ, ms(0), ms(5_020));
        assert_eq!(pace.next(), None);
    }

    proptest! {
        /// Ten thousand wishes on two hundred proposals, whatever their order and however long the provider takes: at
        /// most one read each per second, one at a time, and the last read of each began after its last wish.
        #[test]
        fn a_burst(seed in prop::collection::vec((0_u16..200, 0_u64..3, 1_u64..800), 10_000), most in 1_usize..16) {
            let mut pace = Pace::default();
            let (mut now, mut wishes) = (ms(0), HashMap::new());
            let mut reads: HashMap<u16, Vec<Duration>> = HashMap::new();
            let mut running: BTreeSet<(Duration, u16)> = BTreeSet::new();
            let mut turn = |pace: &mut Pace<u16>, running: &mut BTreeSet<(Duration, u16)>, now: Duration, took: u64| {
                while let Some((end, key)) = running.first().copied().filter(|(end, _)| *end <= now) {
                    running.remove(&(end, key));
                    pace.ended(&key, Jobs::NONE, ms(0), end);
                }
                for (key, jobs) in pace.take(now, most.saturating_sub(running.len())) {
                    assert_eq!(jobs, Jobs::READ);
                    assert!(!running.iter().any(|(_, other)| *other == key), "two at a time");
                    reads.entry(key).or_default().push(now);
                    running.insert((now + ms(took), key));
                }
            };
            for (key, pause, took) in seed {
                now += ms(pause);
                pace.want(&key, Jobs::READ, now);
                wishes.insert(key, now);
                turn(&mut pace, &mut running, now, took);
            }
            while pace.busy() > 0 {
                let ends = running.first().map(|(end, _)| *end);
                let next = pace.next().filter(|_| running.len() < most);
                now = now.max([ends, next].into_iter().flatten().min().unwrap());
                turn(&mut pace, &mut running, now, 100);
            }
            for (key, wished) in wishes {
                let reads = &reads[&key];
                prop_assert!(reads.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) >= limits::PROPOSAL_READS));
                prop_assert!(*reads.last().unwrap() >= wished, "the last read began before the last wish");
            }
        }
    }
}
