//! Who changed what, when and from where: a record of every write that was made, refused, or whose end is not known.
//!
//! Git's history says what was changed. It does not say what was tried and refused, from where it came, and what was
//! served before it was pushed. A record holds names, addresses, revisions and messages; never a credential, a header
//! or a value of a flag.
//!
//! A record is written twice where it matters. Before a push is sent the *intent* is on the disk
//! ([`Sink::intend`]), so that a process that dies then finds it at its next start, looks at the branch, and says what
//! became of it. When the end is known the same record, told apart by its id, takes the place of the intent
//! ([`Sink::record`]); that may be written behind, because until it is written the intent is still there.

pub mod lines;
pub mod log;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One request to write, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Names the record; a record of the same id that comes later takes its place.
    pub id: Arc<str>,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked.
    pub by: Who,
    /// What kind of request it was.
    pub request: Kind,
    /// Storage.
    pub storage: Arc<str>,
    /// The environment that it went to, or was asked of where it was refused.
    pub environment: Arc<str>,
    /// Short name of the branch.
    pub branch: Arc<str>,
    /// What was changed, or would have been; the first [`limits::AUDIT_CHANGES`](crate::limits::AUDIT_CHANGES).
    pub changes: Vec<Changed>,
    /// Further changes that are not listed.
    pub more_changes: usize,
    /// Tip of the branch before, hex.
    pub before: Option<Arc<str>>,
    /// The commit that was made, hex.
    pub after: Option<Arc<str>>,
    /// The message that was asked for.
    pub message: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused, or not done after all.
    pub refusal: Option<Refused>,
    /// The reason that was given for serving it before it was pushed.
    pub break_glass: Option<String>,
    /// When the end was known.
    pub settled: Option<Timestamp>,
}

impl Event {
    /// The same with the first change alone: a record that would be too large to be kept must not be lost.
    #[must_use]
    pub fn short(&self) -> Self {
        let mut short = self.clone();
        short.more_changes = short.more_changes.saturating_add(short.changes.len().saturating_sub(1));
        short.changes.truncate(1);
        short
    }
}

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Name of the token, subject of the JWT; empty for anybody.
    pub name: Arc<str>,
    /// How that is known: `anonymous`, `token`, `jwt`.
    pub method: Arc<str>,
    /// Name of the person, where it is known.
    pub person: Option<String>,
    /// Address of the person, likewise.
    pub email: Option<String>,
    /// Where from.
    pub address: Option<IpAddr>,
}

/// What kind of request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Resources or namespaces.
    Change,
    /// A branch environment is made.
    CreateBranch,
    /// It is removed.
    DeleteBranch,
    /// It takes up what its base has got.
    UpdateBranch,
    /// It is proposed.
    Propose,
    /// Its proposal is closed.
    CloseProposal,
    /// Its proposal is opened again.
    ReopenProposal,
    /// Its proposal is ready for review.
    ReadyProposal,
    /// Its proposal is a draft.
    DraftProposal,
    /// Its proposal is merged.
    MergeProposal,
    /// Its proposal gets another title or description.
    EditProposal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Change,
        Self::CreateBranch,
        Self::DeleteBranch,
        Self::UpdateBranch,
        Self::Propose,
        Self::CloseProposal,
        Self::ReopenProposal,
        Self::ReadyProposal,
        Self::DraftProposal,
        Self::MergeProposal,
        Self::EditProposal,
    ];

    /// As in a record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::CreateBranch => "create-branch",
            Self::DeleteBranch => "delete-branch",
            Self::UpdateBranch => "update-branch",
            Self::Propose => "propose",
            Self::CloseProposal => "close-proposal",
            Self::ReopenProposal => "reopen-proposal",
            Self::ReadyProposal => "ready-proposal",
            Self::DraftProposal => "draft-proposal",
            Self::MergeProposal => "merge-proposal",
            Self::EditProposal => "edit-proposal",
        }
    }
}

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// `create`, `update`, `delete`, `put`.
    pub verb: Arc<str>,
    /// `flag`, `segment`, `namespace`.
    pub kind: Arc<str>,
    /// Key of the namespace.
    pub namespace: Arc<str>,
    /// Key; that of the namespace, if it is one.
    pub key: Arc<str>,
    /// The revision that the caller had seen, if it said so.
    pub before: Option<Arc<str>>,
    /// Revision now; absent of what is gone, and of a namespace.
    pub after: Option<Arc<str>>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is on its way to the remote; seen only of a process that died meanwhile, until the next one has looked.
    Intended,
    /// It is on the branch.
    Accepted,
    /// Everything was so already.
    Nothing,
    /// It was not done.
    Refused,
    /// Whether it was done is being looked for.
    Unknown,
    /// It turned out later that it was done.
    Landed,
    /// It turned out later that it was not done, and it will not be.
    Forgotten,
    /// It is served here and waits for the provider.
    BreakGlass,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Intended,
        Self::Accepted,
        Self::Nothing,
        Self::Refused,
        Self::Unknown,
        Self::Landed,
        Self::Forgotten,
        Self::BreakGlass,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Accepted => "accepted",
            Self::Nothing => "nothing",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Landed => "landed",
            Self::Forgotten => "forgotten",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A short, stable name: `conflict`, `protected`, `unavailable`.
    pub code: Arc<str>,
    /// What the caller was told.
    pub message: String,
}

/// A write that is about to be pushed, or that waits for being pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its record. `branch`, `before` and `after` say what is to be looked for.
    pub event: Event,
    /// Where the push moves the branch to, hex: `event.after`, or a commit on top of it where several writes go
    /// together; absent where it removes the branch.
    pub tip: Option<Arc<str>>,
    /// Until when it may be served without having been pushed; only of a broken glass.
    pub until: Option<Timestamp>,
    /// The request in the writer's own words, to be made once more; likewise.
    #[serde(default)]
    pub wish: Option<serde_json::Value>,
}

/// Takes records. Cheap to call, but where it says that it blocks.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Writes down what is about to be pushed, and returns when it is on the disk. Blocks. Where nothing can be kept,
    /// it returns all the same: Git is the truth, and the write goes on.
    fn intend(&self, pending: Vec<Pending>);

    /// Takes a record whose outcome is known, or known better than before. Ends what [`Self::intend`] wrote of the same
    /// id, but for [`Outcome::Unknown`] and [`Outcome::BreakGlass`], which are still to be looked after.
    fn record(&self, event: Event);

    /// A push was answered, or was not. `result` is a short, stable name: `ok`, `moved`, `rejected`, `failed`, `unknown`.
    fn pushed(&self, storage: &str, result: &'static str, took: Duration) {
        let _ = (storage, result, took);
    }

    /// A write is made once more, because the branch had moved.
    fn retried(&self, storage: &str) {
        let _ = storage;
    }

    /// What an earlier process left of a storage: neither done nor forgotten as far as is known, oldest first. It stays
    /// on the disk until it is recorded.
    fn pending(&self, storage: &str) -> Vec<Pending>;
}

/// Forgets everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn intend(&self, _: Vec<Pending>) {}

    fn record(&self, _: Event) {}

    fn pending(&self, _: &str) -> Vec<Pending> {
        Vec::new()
    }
}
