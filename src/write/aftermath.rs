//! What became of pushes whose end nobody has seen: because the answer was lost for good, or because the process died.
//!
//! Their intents are on the disk. After each fetch they are looked for: a commit that is on its branch has landed; one
//! that is not there once the remote cannot be working on it any more never will be, for it stands on a tip that the
//! branch has left or that a new change will take. Nothing is pushed again: whoever asked was told that it is not known.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::SignedDuration;
use tokio::task::spawn_blocking;

use super::audit as records;
use super::writer::Core;
use crate::audit::{Outcome, Pending};
use crate::limits;
use crate::sync::share::Share;

/// The shares that somebody looks at, by address: one that is made anew gets a look of its own.
#[derive(Default)]
pub(super) struct Watched(Mutex<HashSet<usize>>);

impl Watched {
    /// Looks at a storage after each of its fetches for as long as it is there. Must be called within a runtime.
    /// False if somebody does already.
    pub(super) fn watch(self: &Arc<Self>, core: &Arc<Core>, share: &Arc<Share>) -> bool {
        let place = Arc::as_ptr(share) as usize;
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place) {
            return false;
        }
        let (watched, core) = (self.clone(), core.clone());
        let (mut fetches, share) = (share.fetches(), Arc::downgrade(share));
        tokio::spawn(async move {
            loop {
                if *fetches.borrow_and_update() > 0 {
                    let (core, share) = (core.clone(), share.clone());
                    if spawn_blocking(move || look(&core, &share)).await.is_err() {
                        tracing::error!("bug: looking for what became of writes panicked");
                    }
                }
                if fetches.changed().await.is_err() {
                    break;
                }
            }
            watched.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        });
        true
    }
}

/// One look at everything that waits for one.
fn look(core: &Core, share: &Weak<Share>) {
    let Some(share) = share.upgrade() else { return };
    let Some(repository) = share.repository() else { return };
    for Pending { event, tip, .. } in core.audit.pending(share.storage()) {
        // A writer of this process is at it, or it is served and waits for the provider.
        if event.outcome == Outcome::BreakGlass || core.open().contains(&event.id) {
            continue;
        }
        let head = share.tip(&event.branch);
        let landed = match (&head, &event.after, &tip) {
            (head, None, None) => head.is_none(),
            (Some(head), after, tip) => after
                .iter()
                .chain(tip)
                .any(|commit| **head == **commit || repository.contains(head, commit).unwrap_or(false)),
            (None, ..) => false,
        };
        let now = core.clock.now();
        let settled = SignedDuration::try_from(limits::WRITE_SETTLED).unwrap_or(SignedDuration::MAX);
        if landed || now.duration_since(event.at) >= settled {
            let (storage, revision) = (&event.storage, event.after.as_deref());
            tracing::warn!(%storage, environment = %event.environment, revision, by = %event.by.name, landed,
                "it was found out what became of a write");
            core.audit.record(records::found(event, landed, now));
        }
    }
}
