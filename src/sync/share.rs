//! What the worker of a storage and its writer have in common: the repository, what is followed, and where every branch
//! is known to be.
//!
//! The worker brings what is new on the remote, the writer what it has pushed. Both change what is served under one
//! lock, which is held while commits are read, assembled and published, and never while the network is asked. A reload
//! that keeps a storage's remote keeps this, too.

mod cover;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::watch;

pub use self::cover::Known;
use super::Repository;
use super::followed::Followed;
use super::shared_slot::Slot;
use super::status::Board;
use super::tips::Tips;
use crate::flags::document::{Format, SourceFile};
use crate::flags::problem::HazardPolicy;
use crate::flags::snapshot::{self, Input};
use crate::git::{self, FetchRequest};
use crate::{limits, serve};

/// One storage, shared.
pub struct Share {
    storage: Arc<str>,
    repository: RwLock<Option<Arc<dyn Repository>>>,
    followed: Mutex<Followed>,
    /// Changed only by whoever holds `followed`, and read by anybody at any time.
    tips: Mutex<Tips>,
    /// Commits that are served of branches before the remote has them. Changed only by whoever holds `followed`.
    covers: Mutex<BTreeMap<String, String>>,
    /// Commits that were pushed from here lately.
    written: Mutex<HashMap<String, Instant>>,
    slot: Arc<Slot>,
    /// Further branches to fetch, which nothing is served of: heads of merge proposals.
    also: Mutex<BTreeSet<Arc<str>>>,
    /// Fetches that have been followed.
    fetches: watch::Sender<u64>,
    moves: watch::Sender<u64>,
}

/// A push that has succeeded.
#[derive(Debug)]
pub struct Pushed<'a> {
    /// Short name of the branch.
    pub branch: &'a str,
    /// Where it was.
    pub old: Option<&'a str>,
    /// Where it is now; nowhere if it was removed.
    pub new: Option<&'a str>,
    /// Files of it that were read already, by blob.
    pub files: &'a [(Arc<str>, Format, Arc<SourceFile>)],
    /// States of environments that were put together already, by name.
    pub checked: &'a HashMap<Arc<str>, Arc<snapshot::Environment>>,
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
            covers: Mutex::default(),
            written: Mutex::default(),
            slot,
            also: Mutex::default(),
            fetches: watch::Sender::new(0),
            moves: watch::Sender::new(0),
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

    /// Every branch to fetch.
    #[must_use]
    pub fn branches(&self) -> Vec<String> {
        let mut branches = self.lock().plan().branches();
        let main = branches.first().cloned();
        let also = self.also.lock().unwrap_or_else(PoisonError::into_inner);
        branches
            .extend(also.iter().filter(|branch| main.as_deref() != Some(branch)).map(|branch| format!("{branch}?")));
        branches
    }

    /// Has these branches fetched, too, if they are there. Nothing is served of them. Answers whether any of them is new.
    pub fn fetch_also(&self, branches: BTreeSet<Arc<str>>) -> bool {
        let mut also = self.also.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = branches.iter().any(|branch| !also.contains(branch));
        *also = branches;
        is_new
    }

    /// Whether a branch is fetched that nothing is served of.
    #[must_use]
    pub fn fetches_also(&self, branch: &str) -> bool {
        self.also.lock().unwrap_or_else(PoisonError::into_inner).contains(branch)
    }

    /// How many fetches have been followed, now and whenever there is another one. Ends with the share.
    #[must_use]
    pub fn fetches(&self) -> watch::Receiver<u64> {
        self.fetches.subscribe()
    }

    /// How often branches may have moved, be it that a fetch was followed or that something was pushed from here.
    #[must_use]
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
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
        let live_at = followed.follow(repository, &self.covered(repository, &heads), from_disk);
        if live_at.is_ok() && !from_disk {
            self.fetches.send_modify(|fetches| *fetches += 1);
            self.moves.send_modify(|moves| *moves += 1);
        }
        Settled { heads, kept, live_at }
    }

    /// Takes a push that has succeeded, and makes the environments of its branch equal to it: since when, or nothing if
    /// something newer of the branch is known already. What covered the branch is on it now.
    ///
    /// # Errors
    /// [`git::Error`] if what was pushed cannot be read; another look is asked for then.
    pub fn wrote(&self, repository: &dyn Repository, pushed: &Pushed<'_>) -> Result<Option<Timestamp>, git::Error> {
        let mut followed = self.lock();
        let mut tips = self.tips();
        let is_newest = tips.wrote(pushed.branch, pushed.old, pushed.new);
        let heads = tips.known().clone();
        drop(tips);
        let was_covered = self.covers().remove(pushed.branch).is_some();
        let heads = self.covered(repository, &heads);
        if !is_newest {
            if was_covered {
                followed.follow_branch(repository, &heads, pushed.branch, pushed.checked)?;
            }
            return Ok(None);
        }
        if let Some(new) = pushed.new {
            let mut written = self.written();
            written.retain(|_, at| at.elapsed() < limits::COMMIT_AWAITED);
            written.insert(new.to_owned(), Instant::now());
        }
        for (blob, format, file) in pushed.files {
            followed.files().add(blob, *format, file);
        }
        let followed = repository
            .adopt(pushed.branch, pushed.new)
            .and_then(|()| followed.follow_branch(repository, &heads, pushed.branch, pushed.checked));
        self.moves.send_modify(|moves| *moves += 1);
        followed.map(Some).inspect_err(|_| self.slot.ring())
    }

    /// Fetches as the worker does, for whoever cannot wait for it.
    ///
    /// # Errors
    /// [`git::Error`]: then nothing has changed.
    pub fn fetch(&self, repository: &dyn Repository, stop: &Arc<AtomicBool>) -> Result<(), git::Error> {
        let branches = self.branches();
        let since = self.number();
        let request = FetchRequest { branches, expected: None, deadline: limits::GIT_FETCH_DEADLINE };
        let fetched = repository.fetch(&request, stop)?;
        self.fetched(repository, since, &fetched.heads, false).live_at.map(drop)
    }

    /// The files of a directory at a commit, as environments are made of them.
    ///
    /// # Errors
    /// [`git::Error`] if they cannot be read.
    pub fn inputs(&self, repository: &dyn Repository, commit: &str, directory: &str) -> Result<Vec<Input>, git::Error> {
        self.lock().inputs(repository, commit, directory)
    }

    /// What a blob was read as, if it is part of what is served.
    #[must_use]
    pub fn known(&self, blob: &Arc<str>, format: Format) -> Option<Arc<SourceFile>> {
        self.lock().files().known(blob, format)
    }

    /// What becomes of an environment's hazards.
    #[must_use]
    pub fn hazards(&self, environment: &serve::Environment) -> HazardPolicy {
        self.lock().hazards(environment)
    }

    /// The storage's own branch.
    #[must_use]
    pub fn main(&self) -> Arc<str> {
        self.lock().plan().branch.clone()
    }

    /// Shows what is served now.
    pub fn show(&self, board: &Board) {
        let followed = self.lock();
        let main = self.tip(&followed.plan().branch).map(Into::into);
        let environments = followed.status();
        board.update(&self.storage, |storage| {
            storage.environments = environments;
            storage.head = main;
        });
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
