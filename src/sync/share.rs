//! What the worker of a storage and its writer have in common: the repository, what is followed, and where every branch
//! is known to be.
//!
//! The worker brings what is new on the remote, the writer what it has pushed. Both change what is served under one
//! lock, which is held while commits are read, assembled and published, and never while the network is asked. A reload
//! that keeps a storage's remote keeps this, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;

use super::Repository;
use super::followed::Followed;
use super::shared_slot::Slot;
use crate::git;

/// One storage, shared.
pub struct Share {
    storage: Arc<str>,
    repository: RwLock<Option<Arc<dyn Repository>>>,
    followed: Mutex<Followed>,
    slot: Arc<Slot>,
}

impl Share {
    pub(super) fn new(storage: Arc<str>, followed: Followed, slot: Arc<Slot>) -> Self {
        Self { storage, repository: RwLock::default(), followed: Mutex::new(followed), slot }
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

    /// Makes every environment equal to its branch, and answers since when.
    ///
    /// # Errors
    /// See [`Followed::follow`].
    pub(super) fn follow(
        &self,
        repository: &dyn Repository,
        heads: &BTreeMap<String, String>,
        from_disk: bool,
    ) -> Result<Timestamp, git::Error> {
        self.lock().follow(repository, heads, from_disk)
    }

    pub(super) fn status(&self) -> Vec<super::status::Environment> {
        self.lock().status()
    }

    /// Forgets everything that can be read again.
    pub(super) fn forget(&self) {
        self.set_repository(None);
        self.lock().forget();
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        // Whoever panicked has left what it followed so far, and was told to forget it.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
