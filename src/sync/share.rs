//! What the worker of a storage and its writer have in common: the repository, what is followed, and where every branch
//! is known to be.
//!
//! The worker brings what is new on the remote, the writer what it has pushed. Both change what is served under one
//! lock, which is held while commits are read, assembled and published, and never while the network is asked. A reload
//! that keeps a storage's remote keeps this, too.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use jiff::Timestamp;

use super::Repository;
use super::followed::Followed;
use super::shared_slot::Slot;
use super::tips::Tips;
use crate::{git, limits};

/// One storage, shared.
pub struct Share {
    storage: Arc<str>,
    repository: RwLock<Option<Arc<dyn Repository>>>,
    followed: Mutex<Followed>,
    /// Changed only by whoever holds `followed`, and read by anybody at any time.
    tips: Mutex<Tips>,
    /// Commits that were pushed from here lately.
    written: Mutex<HashMap<String, Instant>>,
    slot: Arc<Slot>,
}

/// What came of a fetch.
pub(super) struct Settled {
    /// Where every branch is known to be now.
    pub(super) heads: BTreeMap<String, String>,
    /// Branches of which the fetch knew less than we do.
    pub(super) kept: Vec<String>,
    /// Since when everything that was found is served.
    pub(super) live_at: Result<Timestamp, git::Error>,
}

impl Share {
    pub(super) fn new(storage: Arc<str>, followed: Followed, slot: Arc<Slot>) -> Self {
        Self {
            storage,
            repository: RwLock::default(),
            followed: Mutex::new(followed),
            tips: Mutex::default(),
            written: Mutex::default(),
            slot,
        }
    }

    /// Name of the storage.
    #[must_use]
    pub fn storage(&self) -> &Arc<str> {
        &self.storage
    }

    /// The repository, once it is open.
    #[must_use]
    pub fn repository(&self) -> Option<Arc<dyn Repository>> {
        self.repository.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_repository(&self, repository: Option<Arc<dyn Repository>>) {
        *self.repository.write().unwrap_or_else(PoisonError::into_inner) = repository;
    }

    /// Where wishes for another look go.
    #[must_use]
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Another configuration: nothing of it was read yet.
    pub(super) fn begin(&self, followed: Followed) {
        *self.lock() = followed;
    }

    /// What a fetch notes before it asks the remote; see [`Tips`].
    #[must_use]
    pub fn number(&self) -> u64 {
        self.tips().number()
    }

    /// Where a branch is known to be.
    #[must_use]
    pub fn tip(&self, branch: &str) -> Option<String> {
        self.tips().known().get(branch).cloned()
    }

    /// Where every branch is known to be.
    #[must_use]
    pub fn heads(&self) -> BTreeMap<String, String> {
        self.tips().known().clone()
    }

    /// Takes the branches that a fetch found which noted `since`, and makes every environment equal to its branch.
    pub(super) fn fetched(
        &self,
        repository: &dyn Repository,
        since: u64,
        told: &BTreeMap<String, String>,
        from_disk: bool,
    ) -> Settled {
        let mut followed = self.lock();
        let written = self.written();
        let behind = |known: &str, told: &str| {
            let lately = |at: &Instant| at.elapsed() < limits::COMMIT_AWAITED;
            // A remote of several machines may show for a while what was before our push.
            written.get(known).is_some_and(lately) && repository.contains(known, told).unwrap_or(false)
        };
        let mut tips = self.tips();
        let kept = tips.fetched(since, told, behind);
        let heads = tips.known().clone();
        drop((tips, written));
        for branch in &kept {
            // The fetch has pointed the mirror's own reference to where it found the branch.
            if let Err(error) = repository.adopt(branch, heads.get(branch).map(String::as_str)) {
                tracing::warn!(storage = %self.storage, branch, %error, "a branch of the mirror could not be moved");
            }
        }
        let live_at = followed.follow(repository, &heads, from_disk);
        Settled { heads, kept, live_at }
    }

    pub(super) fn status(&self) -> Vec<super::status::Environment> {
        self.lock().status()
    }

    /// Forgets everything that can be read again.
    pub(super) fn forget(&self) {
        self.set_repository(None);
        self.lock().forget();
    }

    fn tips(&self) -> MutexGuard<'_, Tips> {
        self.tips.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        // Whoever panicked has left what it followed so far, and was told to forget it.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
