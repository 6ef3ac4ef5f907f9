//! Moving a branch of the remote: a compare-and-swap that the server checks.

use std::time::Duration;

use super::Error;

/// One branch to be moved, made or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Short name.
    pub branch: String,
    /// Where it has to be, hex; `None`: it must not be there yet. Sent with the push and checked by the server.
    pub old: Option<String>,
    /// Where it goes, hex; `None`: it goes away.
    pub new: Option<String>,
    /// Total time for the whole conversation.
    pub deadline: Duration,
}

/// Why a push did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The branch is elsewhere. Nothing was changed.
    #[error("the branch has moved")]
    Stale {
        /// Where, if the server said so.
        actual: Option<String>,
    },
    /// The server understood and said no. Nothing was changed.
    #[error("{0}")]
    Rejected(Rejection),
    /// It failed before anything could have been changed.
    #[error(transparent)]
    Failed(Error),
    /// The connection was lost after the push was sent: nobody knows. Look at the branch before anything else.
    #[error("the outcome of the push is not known: {0}")]
    Unknown(Error),
}

/// A push that the server refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Of which sort.
    pub kind: RejectionKind,
    /// For the caller: what the server said, and what to do.
    pub message: String,
}

/// Sorts of refusals, told apart by what providers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// The branch is protected.
    Protected,
    /// A hook or a rule of the repository refused it.
    Hook,
    /// The repository or the account is full, or the push is too large.
    Quota,
    /// The credential may read and not write.
    Permission,
    /// The repository takes no pushes: archived, a mirror, in maintenance.
    ReadOnly,
    /// Something else.
    Other,
}
