//! Git: bare mirrors, read without a work tree. The only place that knows `gix` and that starts child processes.
//!
//! Everything here blocks; callers are on a blocking thread.

pub mod backend;
pub mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::config::Credential;
use crate::fault::Class;
use crate::provider::Provider;

/// Where to fetch from and how.
#[derive(Debug, Clone)]
pub struct Remote {
    /// https, http, ssh (both forms), file, or a path. Without userinfo.
    pub url: String,
    /// How to authenticate.
    pub credential: Option<Credential>,
    /// Whose convention for user names applies.
    pub provider: Option<Provider>,
    /// Own certificate authority, PEM, beside those of the system.
    pub ca_certificate: Option<Vec<u8>>,
    /// Take any certificate.
    pub insecure_skip_tls: bool,
}

/// What to bring.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// Short branch names; one trailing `*` is allowed (`flipt/production/*`).
    pub branches: Vec<String>,
    /// A commit that a webhook announced, hex: a hint of what the branch should contain.
    pub expected: Option<String>,
    /// Total time for the whole conversation.
    pub deadline: Duration,
}

/// What a fetch brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Tips of all matching branches after the fetch: short name -> commit, hex.
    pub heads: BTreeMap<String, String>,
    /// Branches whose tip changed.
    pub moved: Vec<Moved>,
    /// Bytes of the pack, 0 when nothing was new.
    pub pack_bytes: u64,
    /// Whether `expected` is contained in a fetched branch (`None` if none was expected).
    pub expected_found: Option<bool>,
}

/// A branch whose tip changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Short name.
    pub branch: String,
    /// Tip before; absent if the branch is new.
    pub old: Option<String>,
    /// Tip now; absent if the branch was deleted.
    pub new: Option<String>,
    /// The old tip is not an ancestor of the new one.
    pub forced: bool,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the directory that was asked for.
    pub path: String,
    /// Blob id, hex.
    pub blob: String,
    /// Bytes, if known without reading it.
    pub size: Option<u64>,
}

/// How [`Mirror::open`] found the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing was there.
    Created,
    /// A good mirror was there.
    Existing,
    /// What was there is damaged or no mirror of this remote: moved aside, and a new one made.
    Quarantined {
        /// Where it is now.
        to: PathBuf,
        /// Why.
        why: String,
    },
}

/// Why Git did not do what was asked. `Display` is for the operator and carries no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The branch is not on the remote. Never created there.
    #[error("branch \"{branch}\" is not on the remote{}", hint(.similar))]
    MissingBranch {
        /// Short name.
        branch: String,
        /// Branches that are there and look alike.
        similar: Vec<String>,
    },
    /// The remote has no branch at all.
    #[error("the remote repository is empty")]
    EmptyRemote,
    /// 401, 403, or a refused key.
    #[error("the remote refused the credential: {0}")]
    Refused(String),
    /// 404, or a path that is not there.
    #[error("the remote repository was not found: {0}")]
    NotFound(String),
    /// Certificate or handshake.
    #[error("TLS: {0}")]
    Tls(String),
    /// Could not be reached, was cut, 5xx.
    #[error("the remote could not be reached: {0}")]
    Unreachable(String),
    /// Time was up.
    #[error("the remote took longer than {} s", .0.as_secs())]
    Deadline(Duration),
    /// 429 or 503 with a time to come back.
    #[error("the remote asks to wait {} s", .0.as_secs())]
    Throttled(Duration),
    /// The remote spoke something else than Git.
    #[error("the remote does not answer as a Git server: {0}")]
    Protocol(String),
    /// The mirror on this machine is damaged; it will be moved aside.
    #[error("the local mirror is damaged: {0}")]
    Damaged(String),
    /// Disk full, no permission, no `ssh` or `git` program.
    #[error("{0}")]
    Local(String),
    /// Told to stop.
    #[error("stopped")]
    Stopped,
}

fn hint(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) }
}

impl Error {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Deadline(_) | Self::Damaged(_) | Self::Stopped => Class::Retry,
            Self::Throttled(_) => Class::Wait,
            Self::MissingBranch { .. }
            | Self::EmptyRemote
            | Self::Refused(_)
            | Self::NotFound(_)
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::Local(_) => Class::Operator,
        }
    }
}

/// A bare repository that follows a remote.
#[derive(Debug)]
pub struct Mirror {
    directory: PathBuf,
}

impl Mirror {
    /// Opens the mirror in `directory`, makes it, or moves a damaged one aside and makes it anew.
    ///
    /// # Errors
    /// [`Error::Local`] if the directory cannot be used at all.
    pub fn open(directory: &Path) -> Result<(Self, Opened), Error> {
        Ok((Self { directory: directory.to_owned() }, Opened::Created))
    }

    /// Brings the wanted branches of the remote, follows forced moves, drops branches that are gone.
    ///
    /// # Errors
    /// See [`Error`]; the mirror is as it was before.
    pub fn fetch(&self, _remote: &Remote, _request: &FetchRequest, _stop: &Arc<AtomicBool>) -> Result<Fetched, Error> {
        Ok(Fetched::default())
    }

    /// Tips of the mirrored branches: short name -> commit, hex.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn heads(&self) -> Result<BTreeMap<String, String>, Error> {
        Ok(BTreeMap::new())
    }

    /// Every file below `directory` of a commit for which `wanted(path below directory)` holds, in lexical walk
    /// order. Costs what is below the directory, not what is in the repository.
    ///
    /// # Errors
    /// [`Error::Damaged`] if an object is missing; a directory that is not there is an empty list.
    pub fn entries(
        &self,
        _commit: &str,
        _directory: &str,
        _wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Entry>, Error> {
        Ok(Vec::new())
    }

    /// Id of the tree of `directory` at `commit`, if it is there: equal ids mean equal content.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn tree_id(&self, _commit: &str, _directory: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Keeps a commit that is still served, whatever becomes of its branch, under a name of the caller's; `None` lets
    /// go of what is kept under that name.
    ///
    /// # Errors
    /// [`Error::Local`] if it cannot be written down.
    pub fn keep(&self, _name: &str, _commit: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    /// The bytes of a blob, at most `limit` of them.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is missing or larger.
    pub fn blob(&self, _id: &str, _limit: usize) -> Result<Vec<u8>, Error> {
        Err(Error::Damaged(self.directory.display().to_string()))
    }
}
