//! A number that grows with every change of something, and whoever wants to be called then.
//!
//! Whoever listens remembers the number that it saw last and compares: several changes may come as one, and none is
//! missed. Nothing is queued.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rings at every change.
#[derive(Default)]
pub struct Bell {
    rung: AtomicU64,
    heard: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("rung", &self.rung()).finish_non_exhaustive()
    }
}

impl Bell {
    /// Something has changed, and whoever looks finds it changed. To be called without a lock.
    pub fn ring(&self) {
        self.rung.fetch_add(1, Ordering::AcqRel);
        if let Some(call) = self.heard.get() {
            call();
        }
    }

    /// How often.
    #[must_use]
    pub fn rung(&self) -> u64 {
        self.rung.load(Ordering::Acquire)
    }

    /// Has `call` called whenever it rings; it must not wait. Only the first call counts.
    pub fn hear(&self, call: impl Fn() + Send + Sync + 'static) {
        drop(self.heard.set(Box::new(call)));
    }
}
