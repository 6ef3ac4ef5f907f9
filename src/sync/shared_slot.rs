//! The slot of a storage as threads share it: a lock around the pure machine of [`super::slot`], and a bell.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::slot::{State, Work};
use crate::ingest::Hint;

/// A [`State`] that is shared between whoever takes deliveries in and the one worker.
#[derive(Debug, Default)]
pub struct Slot {
    state: Mutex<State>,
    bell: Notify,
}

impl Slot {
    /// Puts a wish in and wakes the worker. Never blocks for longer than a push to a list takes.
    pub fn set(&self, hint: Hint) {
        if self.state().set(hint) {
            self.bell.notify_one();
        }
    }

    /// Wakes the worker for a run that nobody else asks for.
    pub fn ring(&self) {
        if self.state().ring() {
            self.bell.notify_one();
        }
    }

    /// See [`State::is_fresh`].
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.state().is_fresh()
    }

    /// See [`State::take`].
    pub fn take(&self) -> (Work, bool) {
        self.state().take()
    }

    /// See [`State::put_back`].
    pub fn put_back(&self, work: Work) {
        self.state().put_back(work);
    }

    /// Ends when a wish is put in; one that was put in before nobody waited counts. May end once too often.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a whole one, so what a panicking thread left behind is as good as ever.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
