//! How many bytes of bodies are held at one time.
//!
//! Bytes count when they have come, not when they are promised: otherwise a few heads that announce large bodies and
//! never send them would shut everybody else out. For the same reason the last quarter is for small bodies only: most
//! deliveries are small, and who sends is not known before the last byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes held by all deliveries together.
#[derive(Debug)]
pub(super) struct Gate {
    held: AtomicUsize,
    bound: usize,
    /// A body up to this size is small.
    small: usize,
}

/// The bytes held by one delivery; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gate {
    pub(super) fn new(bound: usize, small: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), bound, small })
    }

    pub(super) fn is_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.bound
    }

    pub(super) fn enter(self: &Arc<Self>) -> Held {
        Held { gate: Arc::clone(self), bytes: 0 }
    }
}

impl Held {
    /// Holds more; false, and nothing more held, if that goes over the bound.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Gate { held, bound, small } = &*self.gate;
        let is_small = self.bytes.saturating_add(bytes) <= *small;
        let room = if is_small { *bound } else { bound - bound / 4 };
        let grown = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|sum| *sum <= room)
        });
        if grown.is_ok() {
            self.bytes += bytes;
        }
        grown.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gate.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let gate = Gate::new(10, 10);
        let (mut one, mut two) = (gate.enter(), gate.enter());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && gate.is_full() && !one.grow(1));
        assert!(!one.grow(usize::MAX));
        drop(one);
        assert!(two.grow(6) && !two.grow(1));
        drop(two);
        assert!(!gate.is_full());
        assert_eq!(gate.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let gate = Gate::new(100, 10);
        let mut large = gate.enter();
        assert!(large.grow(10) && large.grow(65) && !large.grow(1));
        assert!(!gate.is_full());
        let mut small = gate.enter();
        assert!(small.grow(10) && !small.grow(1), "what has grown is no longer small");
        let mut others = [gate.enter(), gate.enter()];
        assert!(others.iter_mut().all(|other| other.grow(7)));
        drop(large);
        assert!(small.grow(51) && !small.grow(1));
    }
}
