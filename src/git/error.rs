//! Why Git did not do what was asked.

use std::time::Duration;

use crate::fault::Class;
use crate::net;

/// `Display` is for the operator and carries no secret.
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
    #[error("the remote took longer than {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// 429 or 503 with a time to come back.
    #[error("the remote asks to wait {} s", .0.as_secs())]
    Throttled(Duration),
    /// The remote spoke something else than Git, or a Git that we do not speak.
    #[error("the remote does not answer as a Git server: {0}")]
    Protocol(String),
    /// The mirror on this machine is damaged; the next fetch moves it aside and clones anew.
    #[error("the local mirror is damaged: {0}")]
    Damaged(String),
    /// A commit that is not in the mirror and on no branch of it: nothing is damaged by that.
    #[error("commit {0} is not in the mirror")]
    UnknownCommit(String),
    /// No repository where one was looked for.
    #[error("not in a Git repository: {0}")]
    NoRepository(String),
    /// A name that no commit has.
    #[error("\"{revision}\" names no commit: {why}")]
    UnknownRevision {
        /// As it was asked for.
        revision: String,
        /// Why, mostly in the words of the library.
        why: String,
    },
    /// A path to which nothing can be written.
    #[error("{path:?} cannot be written: {why}")]
    Unwritable {
        /// Below the root of the repository.
        path: String,
        /// What is in the way.
        why: String,
    },
    /// A file or a directory past its bound.
    #[error("{0}")]
    TooLarge(String),
    /// Disk full, no permission, no `ssh` or `git` program, a key that is none.
    #[error("{0}")]
    Local(String),
    /// Told to stop.
    #[error("stopped")]
    Stopped,
    /// Asked for something that nobody may ask for.
    #[error("{0}")]
    Bug(String),
}

fn hint(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) }
}

impl Error {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Deadline(_) | Self::Damaged(_) | Self::UnknownCommit(_) | Self::Stopped => {
                Class::Retry
            }
            Self::Throttled(_) => Class::Wait,
            Self::MissingBranch { .. }
            | Self::EmptyRemote
            | Self::Refused(_)
            | Self::NotFound(_)
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::TooLarge(_)
            | Self::Local(_) => Class::Operator,
            Self::Bug(_) => Class::Bug,
            Self::NoRepository(_) | Self::UnknownRevision { .. } | Self::Unwritable { .. } => Class::Caller,
        }
    }

    /// What a request over HTTP ended with, in the words of Git. `total` is the deadline that it had.
    pub(super) fn of_net(error: net::Error, total: Duration) -> Self {
        match error {
            net::Error::Tls(why) => Self::Tls(why),
            net::Error::Unreachable(why) => Self::Unreachable(why),
            net::Error::Deadline => Self::Deadline(total),
            net::Error::Stopped => Self::Stopped,
            net::Error::Status { retry_after: Some(wait), status: 429 | 503 } => Self::Throttled(wait),
            net::Error::Status { status: 429, .. } => Self::Throttled(crate::limits::GIT_THROTTLED),
            net::Error::Status { status: status @ (401 | 403 | 407), .. } => {
                Self::Refused(format!("HTTP status {status}"))
            }
            net::Error::Status { status: status @ (404 | 410), .. } => Self::NotFound(format!("HTTP status {status}")),
            net::Error::Status { status, .. } if status >= 500 || status == 408 => {
                Self::Unreachable(format!("HTTP status {status}"))
            }
            net::Error::Status { status, .. } => Self::Protocol(format!("HTTP status {status}")),
            error @ net::Error::TooLarge(_) => Self::Protocol(error.to_string()),
            net::Error::Protocol(why) => Self::Protocol(why),
            net::Error::Local(why) => Self::Local(why),
        }
    }
}

/// Everything that an error of gix says, outermost first, on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

/// What reading the mirror failed with: damage, unless this machine could not read at all.
pub(super) fn damaged(what: &str, error: &gix::Error) -> Error {
    let text = format!("{what}: {}", chain(error));
    if machine(error).is_some() { Error::Local(text) } else { Error::Damaged(text) }
}

/// A failure of this machine and of nothing that is stored on it: no memory, no handles, no space, no permission.
pub(super) fn machine(error: &gix::Error) -> Option<&std::io::Error> {
    use std::io::ErrorKind;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            // Too many open files, in this process or on the machine, have no kind of their own.
            let handles = matches!(io.raw_os_error(), Some(23 | 24));
            let kinds = matches!(
                io.kind(),
                ErrorKind::OutOfMemory
                    | ErrorKind::PermissionDenied
                    | ErrorKind::StorageFull
                    | ErrorKind::QuotaExceeded
                    | ErrorKind::ReadOnlyFilesystem
            );
            if handles || kinds {
                return Some(io);
            }
        }
        cause = error.source();
    }
    None
}
