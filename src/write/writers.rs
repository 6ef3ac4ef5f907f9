//! One writer a storage, and what the API asks of them.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{By, Conflict, Outcome, Refusal, Request};
use crate::flags::resource::view::View;
use crate::serve;

/// The writers of all storages. Cheap to share; follows every reload.
#[derive(Default)]
pub struct Writers {
    _private: (),
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writers").finish_non_exhaustive()
    }
}

/// What management reads: an environment at the tip of its branch.
#[derive(Debug, Clone)]
pub struct Tip {
    /// The tip, hex; empty of a storage that has no commit.
    pub commit: Arc<str>,
    /// What is there.
    pub view: Arc<View>,
}

/// A branch environment, as its base lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Name of its environment.
    pub key: Arc<str>,
    /// Name of its base.
    pub base: Arc<str>,
    /// Short name of its branch.
    pub branch: Arc<str>,
    /// Its tip, hex.
    pub commit: Arc<str>,
    /// Commits that the base has not.
    pub ahead: u32,
    /// Commits of the base that it has not.
    pub behind: u32,
}

/// How a branch takes up what its base has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A merge commit.
    Merge,
    /// Its own commits once more, on top of the base.
    Rebase,
}

/// A branch that took up its base.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// As it is now.
    pub branch: Branch,
    /// Whether anything had to be done.
    pub made: bool,
    /// Since when it is served.
    pub live: Option<Timestamp>,
}

/// Why a branch cannot take up its base.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicts {
    /// Resources that both have changed in the same fields.
    pub conflicts: Vec<Conflict>,
    /// Other files that both have changed.
    pub files: Vec<String>,
}

impl Writers {
    /// The environment at its tip, as far as it is known here: the network is not asked. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] before the first fetch.
    pub fn tip(&self, environment: &serve::Environment) -> Result<Tip, Refusal> {
        let _ = (self, environment);
        Err(Refusal::Bug("not there yet".to_owned()))
    }

    /// Does what is asked, or says why not. Goes on to its end if the caller goes away.
    ///
    /// # Errors
    /// See [`Refusal`]; then nothing was changed, but where it says otherwise.
    pub async fn change(&self, request: Request) -> Result<Outcome, Refusal> {
        let _ = (self, request);
        Err(Refusal::Bug("not there yet".to_owned()))
    }

    /// The branch environments of a base, by key. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] before the first fetch.
    pub fn branches(&self, base: &serve::Environment) -> Result<Vec<Branch>, Refusal> {
        let _ = (self, base);
        Err(Refusal::Bug("not there yet".to_owned()))
    }

    /// Makes the branch `flipt/<base>/<key>` at the tip of the base, and its environment.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn create_branch(
        &self,
        base: &Arc<serve::Environment>,
        key: &str,
        by: By,
    ) -> Result<Arc<serve::Environment>, Refusal> {
        let _ = (self, base, key, by);
        Err(Refusal::Bug("not there yet".to_owned()))
    }

    /// Removes a branch environment and its branch.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn delete_branch(&self, base: &Arc<serve::Environment>, key: &str, by: By) -> Result<(), Refusal> {
        let _ = (self, base, key, by);
        Err(Refusal::Bug("not there yet".to_owned()))
    }

    /// Lets a branch take up what its base has got since.
    ///
    /// # Errors
    /// The outer one as elsewhere; the inner one if both have changed the same.
    pub async fn update_branch(
        &self,
        base: &Arc<serve::Environment>,
        key: &str,
        strategy: Strategy,
        by: By,
    ) -> Result<Result<Updated, Conflicts>, Refusal> {
        let _ = (self, base, key, strategy, by);
        Err(Refusal::Bug("not there yet".to_owned()))
    }
}
