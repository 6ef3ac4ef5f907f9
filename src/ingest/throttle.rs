//! One line in a while for what strangers can cause as often as they like.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Lets the first event of an interval through, by name.
#[derive(Debug)]
pub(super) struct Throttle {
    interval: SignedDuration,
    /// When one was last let through, and how many were not since.
    names: Mutex<HashMap<Arc<str>, (Timestamp, u64)>>,
}

impl Throttle {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
        Self { interval, names: Mutex::default() }
    }

    /// Whether this event may pass; then how many before it did not. Names must come from a bounded set.
    pub(super) fn pass(&self, name: &Arc<str>, now: Timestamp) -> Option<u64> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get_mut(name) {
            Some((last, held_back)) if now.duration_since(*last).abs() < self.interval => {
                *held_back += 1;
                None
            }
            Some(entry) => Some(std::mem::replace(entry, (now, 0)).1),
            None => {
                names.insert(Arc::clone(name), (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_while_and_the_others_are_counted() {
        let throttle = Throttle::new(Duration::from_secs(10));
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(throttle.pass(&a, at(0)), Some(0));
        assert_eq!(throttle.pass(&a, at(1)), None);
        assert_eq!(throttle.pass(&b, at(1)), Some(0));
        assert_eq!(throttle.pass(&a, at(9)), None);
        assert_eq!(throttle.pass(&a, at(10)), Some(2));
        assert_eq!(throttle.pass(&a, at(20)), Some(0));
        // A clock that was set far back does not silence it.
        assert_eq!(throttle.pass(&a, at(-1_000)), Some(0));
    }
}
