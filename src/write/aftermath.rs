//! What became of pushes whose end nobody has seen: because the answer was lost for good, or because the process died.
//!
//! Their intents are on the disk. After each fetch they are looked for: a commit that is on its branch has landed; one
//! that is not there once the remote cannot be working on it any more never will be, for it stands on a tip that the
//! branch has left or that a new change will take. What an earlier process left is said to be forgotten at the first
//! fetch that does not find it; should the remote have been at work on it still, a later look corrects the record. Nothing is pushed again: whoever asked was told that it is not known.

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
        let forgotten = Arc::<Mutex<Vec<Pending>>>::default();
        tokio::spawn(async move {
            loop {
                if *fetches.borrow_and_update() > 0 {
                    let (core, share, forgotten) = (core.clone(), share.clone(), forgotten.clone());
                    let looked = spawn_blocking(move || {
                        look(&core, &share, &mut forgotten.lock().unwrap_or_else(PoisonError::into_inner));
                    });
                    if looked.await.is_err() {
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

/// One look at everything that waits for one, and at what was said to be `forgotten` while a remote may still have been
/// working on it.
fn look(core: &Core, share: &Weak<Share>, forgotten: &mut Vec<Pending>) {
    let Some(share) = share.upgrade() else { return };
    let Some(repository) = share.repository() else { return };
    let settled = SignedDuration::try_from(limits::WRITE_SETTLED).unwrap_or(SignedDuration::MAX);
    let said = std::mem::take(forgotten);
    let waiting = core.audit.pending(share.storage()).into_iter().map(|pending| (pending, false));
    for (pending, was_said) in waiting.chain(said.into_iter().map(|pending| (pending, true))) {
        let Pending { event, tip, .. } = &pending;
        // A writer of this process is at it, or it is served and waits for the provider.
        if event.outcome == Outcome::BreakGlass || core.open().contains(&event.id) {
            continue;
        }
        let head = share.tip(&event.branch);
        let landed = match (&head, &event.after, tip) {
            (head, None, None) => head.is_none(),
            (Some(head), after, tip) => after
                .iter()
                .chain(tip)
                .any(|commit| **head == **commit || repository.contains(head, commit).unwrap_or(false)),
            (None, ..) => false,
        };
        let now = core.clock.now();
        let is_over = now.duration_since(event.at) >= settled;
        // Whoever pushed it is gone, and will not push it again.
        let is_orphan = event.at < core.began;
        if landed || (!was_said && (is_over || is_orphan)) {
            let (storage, revision) = (&event.storage, event.after.as_deref());
            tracing::warn!(%storage, environment = %event.environment, revision, by = %event.by.name, landed,
                "it was found out what became of a write");
            core.audit.record(records::found(event.clone(), landed, now));
        }
        if !landed && !is_over && is_orphan {
            forgotten.push(pending);
        }
    }
}
