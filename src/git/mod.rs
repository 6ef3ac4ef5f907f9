//! Git: bare mirrors, read without a work tree. The only place that knows `gix` and that starts child processes.
//!
//! A [`Mirror`] is a cache of a remote and never the truth (I1): it may be deleted at any time, what is damaged is moved
//! aside and made anew, and what a fetch was in the middle of when the process was killed is swept up at the next
//! start. One fetch writes at a time; readers never wait for it. A [`Standing`] repository is one of the user's, which the
//! commands read by revision.
//!
//! Everything here blocks; callers are on a blocking thread.

mod ahead;
pub mod backend;
mod commit;
mod compact;
mod credential;
mod error;
mod fetch;
mod history;
mod list;
mod mirror;
mod pack;
mod place;
pub mod program;
mod push;
mod scratch;
mod sign;
mod standing;
mod transport;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use commit::{Committed, Identity, Logged, NewCommit};
pub use compact::Compaction;
pub use error::Error;
pub use history::{Difference, Distance, History};
pub use mirror::Mirror;
pub use push::{OURS, Push, PushError, Rejection, RejectionKind};
pub use sign::Signer;
pub use standing::Standing;

use crate::config::Credential;
use crate::provider::Provider;

/// Where to fetch from and how.
#[derive(Debug, Clone, PartialEq)]
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
    /// Why the mirror had to be made anew for this fetch, and where the old one is now.
    pub renewed: Option<Renewed>,
}

/// A mirror that was moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Where it is now.
    pub to: PathBuf,
    /// Why.
    pub why: String,
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
    /// What was there is damaged or no mirror: moved aside, and a new one is made by the next fetch.
    Quarantined {
        /// Where it is now.
        to: PathBuf,
        /// Why.
        why: String,
    },
}
