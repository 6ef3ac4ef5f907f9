//! Who waits for the writer of a storage. Whoever comes first starts it, and it goes on until nobody waits: a storage
//! that nobody writes to costs no thread.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limits;

/// The queue of one storage.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    idle: Notify,
}

struct State<T> {
    waiting: VecDeque<T>,
    is_running: bool,
}

/// Too many wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), is_running: false }), idle: Notify::new() }
    }
}

impl<T> Queue<T> {
    /// Puts one at the end. Answers whether the writer has to be started, by whoever asks.
    pub(super) fn push(&self, one: T) -> Result<bool, Full> {
        let mut state = self.lock();
        if state.waiting.len() >= limits::WRITE_QUEUE {
            return Err(Full);
        }
        state.waiting.push_back(one);
        Ok(!std::mem::replace(&mut state.is_running, true))
    }

    /// The first, with those behind it that can go with it: `with(first, other)`. One that cannot ends the search if
    /// `bars(other)`. Nothing: the writer ends.
    pub(super) fn take(&self, with: impl Fn(&T, &T) -> bool, bars: impl Fn(&T) -> bool) -> Vec<T> {
        let mut state = self.lock();
        let Some(first) = state.waiting.pop_front() else {
            state.is_running = false;
            self.idle.notify_waiters();
            return Vec::new();
        };
        let (mut taken, mut left) = (vec![first], VecDeque::new());
        let mut is_over = false;
        for one in std::mem::take(&mut state.waiting) {
            let goes =
                !is_over && taken.len() < limits::WRITE_BATCH && taken.first().is_some_and(|first| with(first, &one));
            is_over |= !goes && bars(&one);
            if goes { taken.push(one) } else { left.push_back(one) }
        }
        state.waiting = left;
        taken
    }

    /// Ends when nobody waits and the writer has ended.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if !self.lock().is_running {
                return;
            }
            idle.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing foreign runs while it is held, but for the two questions about the first.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_one_kind_go_together_and_nobody_overtakes_a_bar() {
        let queue = Queue::default();
        assert_eq!(queue.push("a1"), Ok(true), "the first starts the writer");
        for one in ["b1", "a2", "!", "a3", "b2"] {
            assert_eq!(queue.push(one), Ok(false));
        }
        let take =
            || queue.take(|first, one| first.chars().next() == one.chars().next() && first != &"!", |one| *one == "!");
        assert_eq!(take(), ["a1", "a2"]);
        assert_eq!(take(), ["b1"]);
        assert_eq!(take(), ["!"]);
        assert_eq!(take(), ["a3"]);
        assert_eq!(take(), ["b2"]);
        assert!(take().is_empty());
        assert_eq!(queue.push("c"), Ok(true), "it has ended, and starts again");
    }

    #[tokio::test]
    async fn it_is_bounded_and_says_when_it_is_idle() {
        let queue = Queue::default();
        for n in 0..limits::WRITE_QUEUE {
            assert_eq!(queue.push(n), Ok(n == 0));
        }
        assert_eq!(queue.push(0), Err(Full));
        while !queue.take(|_, _| true, |_| false).is_empty() {}
        queue.idle().await;
    }
}
