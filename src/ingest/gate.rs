//! How many bytes of bodies are held at one time.
//!
//! Bytes count when they have come, not when they are promised: otherwise a few heads that announce large bodies and
//! never send them would shut everybody else out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes held by all deliveries together.
#[derive(Debug)]
pub(super) struct Gate {
    held: AtomicUsize,
    bound: usize,
}

/// The bytes held by one delivery; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gate {
    pub(super) fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), bound })
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
        let grown = self.gate.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|sum| *sum <= self.gate.bound)
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
        let gate = Gate::new(10);
        let (mut one, mut two) = (gate.enter(), gate.enter());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && gate.is_full() && !one.grow(1));
        assert!(!one.grow(usize::MAX));
        drop(one);
        assert!(two.grow(6) && !two.grow(1));
        drop(two);
        assert!(!gate.is_full());
        assert_eq!(gate.held.load(Ordering::Relaxed), 0);
    }
}
