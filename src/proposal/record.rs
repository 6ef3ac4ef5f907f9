//! What is known of one proposal.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::api::{Failure, Proposal};

/// Id of a record: 16 hexadecimal digits, which the marker in the description carries ([`super::marker`]); of a proposal
/// that has no marker made of its storage and number. So it is the same after the state directory is gone.
pub type Id = Arc<str>;

/// One proposal, of one storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its id.
    pub id: Id,
    /// Storage whose repository it is in.
    pub storage: Arc<str>,
    /// The configured environment that it would change; absent if it is none of ours, or of several.
    pub environment: Option<Arc<str>>,
    /// The branch environment that it comes from, where it is one.
    pub branch_environment: Option<Arc<str>>,
    /// Branch that is to be merged, short name.
    pub head: Arc<str>,
    /// Branch that it is to be merged into, short name.
    pub base: Arc<str>,
    /// Tip of `head` as it is known here, hex.
    pub head_commit: Option<Arc<str>>,
    /// State.
    pub state: State,
    /// Number at the provider, once there is one.
    pub number: Option<u64>,
    /// What the provider said when it was last read.
    pub seen: Option<Proposal>,
    /// When that was.
    pub read: Option<Timestamp>,
    /// Something has happened since: it is going to be read again.
    pub stale: bool,
    /// Why the last thing that was asked of the provider was not done.
    pub trouble: Option<Failure>,
    /// Who opened it through Yardarm; absent if it was opened at the provider.
    pub opened_by: Option<Arc<str>>,
    /// When this record began.
    pub since: Timestamp,
    /// When its state changed last.
    pub changed: Timestamp,
    /// Since when it is live, and how that is known.
    pub live: Option<Live>,
    /// The one that was opened in its place, where the provider could not reopen it.
    pub succeeded_by: Option<Id>,
    /// What led here, the oldest first; bounded, the middle goes.
    pub history: Vec<Entry>,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The branch is there, the proposal is going to be opened.
    Planned,
    /// Open; whether it is a draft, `seen` says.
    Open,
    /// Merged, and what is served does not contain it yet.
    Merged,
    /// Merged, and served. Final.
    Live,
    /// Closed at the provider. It may be opened again.
    Closed,
    /// It could not be opened; `trouble` says why. It may be tried again.
    Failed,
    /// The provider has no such proposal any more. Final.
    Gone,
}

/// Since when a merge is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The served commit that contains it, hex.
    pub commit: Arc<str>,
    /// Since when.
    pub at: Timestamp,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// How it came to be known.
    pub source: Source,
    /// What, in words: `opened as #12`, `approved by bob`, `merged as 1a2b3c4`, `new commits`.
    pub what: String,
}

/// How something came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A delivery of the provider's webhook.
    Webhook,
    /// A look at the provider's API.
    Provider,
    /// A move of a branch.
    Git,
    /// Somebody, by Yardarm's API or interface.
    Person,
    /// Yardarm.
    Yardarm,
}
