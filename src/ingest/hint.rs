//! What deliveries set in motion, and where that goes (I2): look again at a storage, read a proposal again.

use std::sync::Arc;

use jiff::Timestamp;

use crate::provider::ProposalKind;

/// What an authentic delivery sets in motion: "look again at this storage". Nothing in it is trusted (I2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Storage to look at.
    pub storage: Arc<str>,
    /// Record of the delivery that brought it; absent for polls and people.
    pub delivery: Option<Arc<str>>,
    /// Commit that the payload announces for the tracked branch, hex.
    pub commit: Option<String>,
    /// When the delivery came in.
    pub received: Timestamp,
}

/// Where hints go: to whoever looks at the remotes.
pub trait Hints: Send + Sync {
    /// Takes a hint. Must not wait.
    fn set(&self, hint: Hint);
}

/// What an authentic delivery says of a merge proposal: "read it again". Nothing of it is believed (I2); it decides which
/// proposal is read, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalHint {
    /// Storage whose repository it is in.
    pub storage: Arc<str>,
    /// Its number at the provider, where the payload has it.
    pub number: Option<u64>,
    /// What happened.
    pub kind: ProposalKind,
    /// The same in the provider's word.
    pub action: String,
    /// Branch that is to be merged, as the payload has it.
    pub source: Option<String>,
    /// Branch that it is to be merged into, likewise.
    pub target: Option<String>,
    /// Record of the delivery that brought it.
    pub delivery: Arc<str>,
    /// When the delivery came in.
    pub received: Timestamp,
}

/// Who keeps track of merge proposals.
pub trait Proposals: Send + Sync {
    /// Whether anybody wants to know of the proposals of a storage.
    fn tracks(&self, storage: &str) -> bool;
    /// Whether a branch is that of a proposal, and fetched for it.
    fn follows(&self, storage: &str, branch: &str) -> bool;
    /// Takes a hint. Must not wait.
    fn set(&self, hint: ProposalHint);
}

/// Nobody does.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProposals;

impl Proposals for NoProposals {
    fn tracks(&self, _: &str) -> bool {
        false
    }

    fn follows(&self, _: &str, _: &str) -> bool {
        false
    }

    fn set(&self, _: ProposalHint) {}
}
