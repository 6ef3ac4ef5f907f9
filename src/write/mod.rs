//! The write way: an edit -> the smallest change of a text -> a commit -> a push that overwrites nobody -> live.
//!
//! ```text
//! Request --plan--> new texts --commit--> --push, old id checked by the server--> swap, tell --> Outcome
//!             ^                              | moved meanwhile: fetch, check the resources anew, plan again
//!             '------------------------------'
//! ```
//!
//! [`plan`](mod@plan) decides and is pure; [`writers`] do it, one storage's writes one after the other.

mod aftermath;
pub mod audit;
mod branch_name;
mod branches;
mod compiled;
mod earlier;
pub mod glass;
pub mod history;
pub mod message;
pub mod plan;
mod queue;
mod rebase;
pub mod recent;
mod round;
mod settings;
pub mod source;
pub mod standing;
#[cfg(test)]
mod tests;
pub(crate) mod text_diff;
mod update;
mod views;
mod wording;
mod writer;
pub mod writers;

pub(crate) use self::wording::own as own_templates;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::{Method, Person};
use crate::flags::change::Changes;
use crate::flags::edit::Rewritten;
use crate::flags::problem::Problem;
use crate::flags::resource::{Kind, Namespace, Resource};
pub use crate::git::{Identity, RejectionKind};
use crate::serve;

/// Somebody's wish.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where: a configured environment or one of a branch.
    pub environment: Arc<serve::Environment>,
    /// What: all of it or nothing, in one commit.
    pub changes: Vec<Change>,
    /// What the caller has seen: a commit of the branch, or a resource's revision where there is one change. None: the
    /// change is made to whatever is there.
    pub revision: Option<String>,
    /// Message of the commit; the template's, where there is none.
    pub message: Option<String>,
    /// Named at the end of the message.
    pub co_authors: Vec<Identity>,
    /// Who.
    pub by: By,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// Do it on this branch environment of [`Self::environment`], which is made if it is not there.
    pub on_branch: Option<String>,
    /// The provider may be down: serve it at once and push it later. The reason, for everybody to see.
    pub break_glass: Option<String>,
}

/// Who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Name of the token, subject of the JWT; empty for anybody.
    pub name: Arc<str>,
    /// How that is known.
    pub method: Method,
    /// Who it is, where that is known: the author of the commit.
    pub person: Option<Person>,
    /// Where from.
    pub address: Option<IpAddr>,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Key of the namespace.
    pub namespace: String,
    /// What is to be done.
    pub what: What,
    /// As [`Request::revision`], for this one alone.
    pub revision: Option<String>,
}

/// What is to be done to a namespace or to something in it.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It must not be there yet.
    Create(Resource),
    /// It must be there.
    Update(Resource),
    /// Whether or not it is there.
    Put(Resource),
    /// It must be there.
    Delete {
        /// Which kind.
        kind: Kind,
        /// Which of them.
        key: String,
    },
    /// It must not be there yet.
    CreateNamespace(Namespace),
    /// It must be there.
    UpdateNamespace(Namespace),
    /// With everything in it.
    DeleteNamespace,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Name of the environment that it was done in; not the one asked for where it went to a branch.
    pub environment: Arc<str>,
    /// Its branch.
    pub branch: Arc<str>,
    /// Tip of the branch now, hex.
    pub commit: Arc<str>,
    /// Whether that commit was made for this: a change that changes nothing makes none, and a dry run neither.
    pub made: bool,
    /// One for each change, in order.
    pub written: Vec<Written>,
    /// What lost its comments and its form, by path below the root of the repository.
    pub rewritten: Vec<(String, Rewritten)>,
    /// The change of the texts, as `git diff` shows it.
    pub text_diff: String,
    /// The change of what is served.
    pub changes: Changes,
    /// The message of the commit, or the one that it would have.
    pub message: String,
    /// What is odd about the new state and was not about the one before.
    pub warnings: Vec<Problem>,
    /// Since when it is served.
    pub live: Option<Timestamp>,
    /// It is served here and not pushed yet.
    pub break_glass: bool,
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Key of the namespace.
    pub namespace: String,
    /// What is there now; absent of what was deleted, and of a namespace.
    pub resource: Option<Resource>,
    /// Its revision.
    pub revision: Option<String>,
    /// Somebody else had changed other fields of it meanwhile; both are in it now.
    pub merged: bool,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such environment.
    #[error("environment: \"{0}\" not found")]
    UnknownEnvironment(String),
    /// No such namespace.
    #[error("namespace \"{0}\" not found")]
    UnknownNamespace(String),
    /// No such resource.
    #[error("{} {namespace}/{key} not found", .kind.word())]
    UnknownResource {
        /// Of which kind.
        kind: Kind,
        /// Key of the namespace.
        namespace: String,
        /// Its key.
        key: String,
    },
    /// It is there already. What it is in words: `flag default/checkout`, `namespace orders`, `branch x`.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// The change makes no sense, or what would come of it is no valid state.
    #[error("{message}")]
    Invalid {
        /// What is wrong, for the caller.
        message: String,
        /// The problems of the files as they would be.
        problems: Vec<Problem>,
    },
    /// Somebody else has changed the same since.
    #[error("{}", .0.message)]
    Conflict(Box<Conflict>),
    /// The environment takes no direct changes.
    #[error("environment \"{environment}\" is protected; put the change on a branch, such as \"{branch}\"")]
    Protected {
        /// Which.
        environment: Arc<str>,
        /// Key of a branch environment that it could go to.
        branch: String,
    },
    /// The provider said no.
    #[error("{message}")]
    Rejected {
        /// Of which sort.
        kind: RejectionKind,
        /// What it said, and what to do.
        message: String,
    },
    /// Not now: the provider is down, there are too many writes, the process ends.
    #[error("{message}")]
    Unavailable {
        /// Why.
        message: String,
        /// When to come back, seconds.
        retry_after: u32,
    },
    /// The storage cannot be written to.
    #[error("{0}")]
    ReadOnly(String),
    /// Whether it was done could not be found out in time. It is looked for again; the audit will say.
    #[error("{0}")]
    Unknown(String),
    /// A bug.
    #[error("{0}")]
    Bug(String),
}

impl Refusal {
    /// A short, stable name, for records and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownEnvironment(_) | Self::UnknownNamespace(_) | Self::UnknownResource { .. } => "not-found",
            Self::AlreadyExists(_) => "exists",
            Self::Invalid { .. } => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Protected { .. } => "protected",
            Self::Rejected { .. } => "rejected",
            Self::Unavailable { .. } => "unavailable",
            Self::ReadOnly(_) => "read-only",
            Self::Unknown(_) => "unknown",
            Self::Bug(_) => "bug",
        }
    }
}

/// Somebody else was faster.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// What happened, for the caller.
    pub message: String,
    /// Key of the namespace.
    pub namespace: String,
    /// Of which kind; absent of a namespace.
    pub kind: Option<Kind>,
    /// Key of the resource.
    pub key: String,
    /// As the caller had seen it; absent if it was not there, or if that is not known any more.
    pub base: Option<Resource>,
    /// As the caller wants it.
    pub ours: Option<Resource>,
    /// As it is.
    pub theirs: Option<Resource>,
    /// Fields that both have changed: `rules[1].distributions`, `enabled`.
    pub overlaps: Vec<String>,
    /// Its revision now.
    pub revision: Option<String>,
    /// Tip of the branch now, hex.
    pub commit: Arc<str>,
}
