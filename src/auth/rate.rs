//! How often somebody may ask.
//!
//! One number for each key, the moment when its bucket would be full again (the generic cell rate algorithm): a
//! request moves it on by what a request costs, and is refused where that leads further ahead than the burst.
//!
//! Keys can be addresses, which an attacker has many of, so the memory is fixed: [`Buckets`] are sets of a few places,
//! and where a set is full the one that owes least makes room. What that forgets is a debt that was small; it never
//! refuses anybody who did not ask too often. The place of a key depends on a secret of the process, so that nobody can
//! choose to share one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits;

/// Places of one set.
const PLACES: usize = 8;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How long it takes until one more is allowed.
    pub every: Duration,
    /// How many may come at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// So many in this time, and as many at once.
    #[must_use]
    pub fn per(time: Duration, count: u32) -> Self {
        Self { every: time / count.max(1), burst: count.max(1) }
    }
}

/// What everybody has asked for lately.
#[derive(Debug)]
pub struct Buckets {
    sets: Box<[Mutex<[Place; PLACES]>]>,
    secret: RandomState,
    every: u64,
    most: u64,
}

/// One key, and when its bucket is full again, in nanoseconds. Time 0 is a place that is free.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: u64,
    full_at: u64,
}

impl Buckets {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self::with_sets(rate, limits::RATE_KEYS / PLACES)
    }

    fn with_sets(rate: Rate, sets: usize) -> Self {
        let every = nanoseconds(rate.every).max(1);
        Self {
            sets: (0..sets.max(1)).map(|_| Mutex::default()).collect(),
            secret: RandomState::new(),
            every,
            most: every.saturating_mul(u64::from(rate.burst.max(1))),
        }
    }

    /// Counts one request at the time `now` (since any beginning, never backwards).
    ///
    /// # Errors
    /// It is one too many; one is allowed again after this time. Then it is not counted.
    pub fn take(&self, key: &impl Hash, now: Duration) -> Result<(), Duration> {
        self.with(key, now, |place, now| {
            let full_at = place.full_at.max(now).saturating_add(self.every);
            self.within(full_at, now)?;
            place.full_at = full_at;
            Ok(())
        })
    }

    /// Whether one more would be allowed; it is not counted.
    ///
    /// # Errors
    /// It would be one too many.
    pub fn look(&self, key: &impl Hash, now: Duration) -> Result<(), Duration> {
        self.with(key, now, |place, now| self.within(place.full_at.max(now).saturating_add(self.every), now))
    }

    fn within(&self, full_at: u64, now: u64) -> Result<(), Duration> {
        match full_at.saturating_sub(now).saturating_sub(self.most) {
            0 => Ok(()),
            too_early => Err(Duration::from_nanos(too_early)),
        }
    }

    fn with(
        &self,
        key: &impl Hash,
        now: Duration,
        act: impl FnOnce(&mut Place, u64) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let key = self.secret.hash_one(key);
        let sets = u64::try_from(self.sets.len()).unwrap_or(1).max(1);
        let set = usize::try_from((key >> 8) % sets).ok().and_then(|set| self.sets.get(set));
        let Some(set) = set else { return Ok(()) };
        // Every state that a place can be in is whole.
        let mut places = set.lock().unwrap_or_else(PoisonError::into_inner);
        let now = nanoseconds(now);
        let known = places.iter().position(|place| place.key == key && place.full_at > 0);
        let home = match known {
            Some(at) => places.get_mut(at),
            None => places.iter_mut().min_by_key(|place| place.full_at),
        };
        let Some(home) = home else { return Ok(()) };
        let mut place = if known.is_some() { *home } else { Place { key, full_at: 0 } };
        let answer = act(&mut place, now);
        if place.full_at > 0 {
            *home = place;
        }
        answer
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let buckets = Buckets::new(Rate { every: MS(100), burst: 3 });
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", MS(1_000)), Ok(()));
        }
        assert_eq!(buckets.take(&"a", MS(1_000)), Err(MS(100)));
        assert_eq!(buckets.take(&"a", MS(1_040)), Err(MS(60)), "who is refused does not wait longer for it");
        assert_eq!(buckets.take(&"b", MS(1_040)), Ok(()), "nobody pays for another");
        assert_eq!(buckets.look(&"a", MS(1_099)), Err(MS(1)));
        assert_eq!(buckets.look(&"a", MS(1_100)), Ok(()));
        assert_eq!(buckets.take(&"a", MS(1_100)), Ok(()));
        assert_eq!(buckets.take(&"a", MS(1_100)), Err(MS(100)));
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", MS(60_000)), Ok(()), "a pause fills the bucket, and no more than that");
        }
        assert!(buckets.take(&"a", MS(60_000)).is_err());
    }

    #[test]
    fn whoever_comes_in_masses_makes_nobody_wait() {
        let buckets = Buckets::with_sets(Rate { every: MS(1_000), burst: 1 }, 4);
        assert_eq!(buckets.take(&"honest", MS(5)), Ok(()));
        for n in 0..100_000_u32 {
            assert_eq!(buckets.take(&n, MS(6)), Ok(()), "{n}");
        }
        assert_eq!(buckets.sets.len() * PLACES, 32);
        assert_eq!(buckets.take(&"honest", MS(1_005)), Ok(()));
    }

    #[test]
    fn what_is_only_looked_at_takes_no_place() {
        let buckets = Buckets::with_sets(Rate { every: MS(1_000), burst: 1 }, 1);
        assert_eq!(buckets.take(&"a", MS(1)), Ok(()));
        for n in 0..1_000_u32 {
            assert_eq!(buckets.look(&n, MS(2)), Ok(()));
        }
        assert!(buckets.take(&"a", MS(2)).is_err());
    }

    #[test]
    fn rates_of_words() {
        assert_eq!(Rate::per(Duration::from_secs(60), 10), Rate { every: Duration::from_secs(6), burst: 10 });
        assert_eq!(Rate::per(Duration::from_secs(1), 0).burst, 1);
    }

    proptest! {
        /// Over any stretch of time no more pass than the rate and one burst, and never fewer than the rate alone.
        #[test]
        fn no_more_than_allowed(pauses in prop::collection::vec(0_u64..300, 1..200), burst in 1_u32..6) {
            let buckets = Buckets::with_sets(Rate { every: MS(100), burst }, 1);
            let (mut now, mut passed) = (1_000, 0_u64);
            for pause in &pauses {
                now += pause;
                passed += u64::from(buckets.take(&0, MS(now)).is_ok());
            }
            let time = now - 1_000;
            prop_assert!(passed <= u64::from(burst) + time / 100);
            prop_assert!(passed >= u64::try_from(pauses.len()).unwrap().min(1 + time / 100 / 3));
        }

        #[test]
        fn after_the_time_that_was_told_one_passes(calls in 1_usize..20, at in 0_u64..1_000) {
            let buckets = Buckets::with_sets(Rate { every: MS(70), burst: 2 }, 1);
            for _ in 0..calls {
                let _ = buckets.take(&0, MS(at + 1));
            }
            if let Err(wait) = buckets.take(&0, MS(at + 1)) {
                prop_assert!(buckets.take(&0, MS(at + 1) + wait).is_ok());
            }
        }
    }
}
