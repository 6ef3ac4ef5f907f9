//! What is known of one proposal.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::limits;
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
    /// What made it so: how the next read's news came to be known.
    #[serde(default)]
    pub prompted: Option<Source>,
    /// Looks in a row that did not find it; see [`super::machine`].
    #[serde(default)]
    pub missed: u8,
    /// Looks in a row at which the provider was still finding out whether it could be merged.
    #[serde(default)]
    pub checking: u8,
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
    /// The one that was opened in its place, where the provider could not reopen it; or that is open for the same
    /// branches, which some providers allow.
    pub succeeded_by: Option<Id>,
    /// What was said of it at the provider.
    #[serde(default)]
    pub reported: Option<Reported>,
    /// What led here, the oldest first; bounded, the middle goes.
    pub history: Vec<Entry>,
}

impl Record {
    /// One that somebody wants opened, and that is at no provider yet.
    #[must_use]
    pub fn planned(storage: &Arc<str>, head: &Arc<str>, base: &Arc<str>, by: &Arc<str>, now: Timestamp) -> Self {
        let moment = now.as_microsecond().to_string();
        Self {
            id: id(&[storage, head, base, &moment]),
            storage: storage.clone(),
            environment: None,
            branch_environment: None,
            head: head.clone(),
            base: base.clone(),
            head_commit: None,
            state: State::Planned,
            number: None,
            seen: None,
            read: None,
            stale: false,
            prompted: None,
            missed: 0,
            checking: 0,
            trouble: None,
            opened_by: Some(by.clone()),
            since: now,
            changed: now,
            live: None,
            succeeded_by: None,
            reported: None,
            history: Vec::new(),
        }
    }

    /// One that is at the provider, before anything of it is taken in.
    #[must_use]
    pub fn found(storage: &Arc<str>, id: Id, proposal: &Proposal, now: Timestamp) -> Self {
        let head: Arc<str> = proposal.head.as_deref().unwrap_or_default().into();
        let mut record = Self::planned(storage, &head, &proposal.base.as_str().into(), &"".into(), now);
        record.id = id;
        record.opened_by = None;
        record.number = Some(proposal.number);
        record.since = proposal.created.filter(|at| *at <= now).unwrap_or(now);
        record
    }

    /// The same without the long texts of others, which come again with the next look.
    #[must_use]
    pub fn short(&self) -> Self {
        let mut short = self.clone();
        if let Some(seen) = &mut short.seen {
            // The marker stands at the beginning.
            seen.body = seen.body.chars().take(limits::PROPOSAL_SHORT_CHARACTERS).collect();
            seen.title = seen.title.chars().take(limits::PROPOSAL_SHORT_CHARACTERS).collect();
            seen.checks.clear();
        }
        let middle = short.history.len().saturating_sub(limits::PROPOSAL_HISTORY_FIRST);
        short.history.drain(limits::PROPOSAL_HISTORY_FIRST.min(middle)..middle);
        short
    }

    /// Whether it stands, or is going to stand, at the provider as an open one.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Planned | State::Open)
    }

    /// Whether it comes from another repository, as far as that is known.
    #[must_use]
    pub fn is_fork(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.fork)
    }
}

/// The id of a proposal without a marker.
#[must_use]
pub fn id_of_number(storage: &str, number: u64) -> Id {
    id(&[storage, &number.to_string()])
}

fn id(parts: &[&str]) -> Id {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize().iter().take(8).copied().collect::<Vec<u8>>()).into()
}

/// Whether a text has the shape of an id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether two ids of commits mean the same one, where a provider may have abbreviated one of them.
#[must_use]
pub fn same_commit(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    short == long || (short.len() >= 7 && long.starts_with(short))
}

/// What was said of a proposal at the provider, so that it is said once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Of which head and merge base, in which words: another one is another report.
    pub digest: Arc<str>,
    /// When.
    #[serde(default)]
    pub at: Timestamp,
    /// Why it was not said, or not all of it.
    pub trouble: Option<Failure>,
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

impl State {
    /// Nothing that happens changes it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Live | Self::Gone)
    }

    /// It is not going to be merged as it stands, or has been.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Live | Self::Gone | Self::Closed | Self::Failed)
    }
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
    /// Who did it through Yardarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Arc<str>>,
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
