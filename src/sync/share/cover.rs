//! What is served of a branch before the remote has it: a commit of ours that lies over the remote's tip like a pane.
//!
//! Where the remote's branch is stays known underneath, and fetches go on moving that. The cover is taken off by
//! whoever laid it, or by the push that makes it true.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Share;
use crate::flags::document::{Format, SourceFile};
use crate::flags::snapshot;
use crate::git;
use crate::sync::Repository;

/// A file of a commit that was read already: its blob, how it is written, and what it was read as.
pub type Known = (Arc<str>, Format, Arc<SourceFile>);

impl Share {
    /// The commit that covers a branch.
    #[must_use]
    pub fn cover_of(&self, branch: &str) -> Option<String> {
        self.covers().get(branch).cloned()
    }

    /// What is served of a branch: its cover, or where the remote has it.
    #[must_use]
    pub fn shown(&self, branch: &str) -> Option<String> {
        self.cover_of(branch).or_else(|| self.tip(branch))
    }

    /// Lays a commit over a branch that was not followed yet: the next look at the branch takes it.
    pub fn remember_cover(&self, branch: &str, commit: &str) {
        let _followed = self.lock();
        self.covers().entry(branch.to_owned()).or_insert_with(|| commit.to_owned());
    }

    /// Lays a commit over a branch, and makes the environments of the branch equal to it.
    ///
    /// # Errors
    /// [`git::Error`] if it cannot be read; the cover stays, and another look takes it.
    pub fn cover(
        &self,
        repository: &dyn Repository,
        branch: &str,
        commit: &str,
        files: &[Known],
        checked: &HashMap<Arc<str>, Arc<snapshot::Environment>>,
    ) -> Result<Timestamp, git::Error> {
        let mut followed = self.lock();
        self.covers().insert(branch.to_owned(), commit.to_owned());
        for (blob, format, file) in files {
            followed.files().add(blob, *format, file);
        }
        let heads = self.covered(repository, &self.heads());
        followed.follow_branch(repository, &heads, branch, checked)
    }

    /// Takes the cover off a branch, and makes its environments equal to what the remote has, as far as that is known.
    ///
    /// # Errors
    /// [`git::Error`] if that cannot be read; another look is asked for then.
    pub fn uncover(&self, repository: &dyn Repository, branch: &str) -> Result<(), git::Error> {
        let mut followed = self.lock();
        if self.covers().remove(branch).is_none() {
            return Ok(());
        }
        let heads = self.covered(repository, &self.heads());
        let followed = followed.follow_branch(repository, &heads, branch, &HashMap::new());
        followed.map(drop).inspect_err(|_| self.slot.ring())
    }

    /// Whether the cover of a branch can be read: a mirror that was made anew has not got it.
    pub fn has_cover(&self, repository: &dyn Repository, branch: &str) -> bool {
        self.cover_of(branch).is_some_and(|commit| is_there(repository, &commit))
    }

    /// What is served: where branches are known to be, and the covers over them.
    pub(super) fn covered(
        &self,
        repository: &dyn Repository,
        heads: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut heads = heads.clone();
        for (branch, commit) in self.covers().iter().filter(|(_, commit)| is_there(repository, commit)) {
            heads.insert(branch.clone(), commit.clone());
        }
        heads
    }

    pub(super) fn covers(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.covers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_there(repository: &dyn Repository, commit: &str) -> bool {
    repository.contains(commit, commit).unwrap_or(false)
}
