//! State, event, now -> state, effects.

use std::sync::Arc;

use jiff::Timestamp;

use super::Record;
use crate::provider::api::{Failure, Proposal};

/// Something that happened to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it opened (again).
    Asked {
        /// Who.
        by: Arc<str>,
    },
    /// The provider was read.
    Read(Box<Proposal>),
    /// The provider says that there is no such proposal.
    Missing,
    /// What was asked of the provider was not done.
    Failed(Failure),
    /// A webhook says that something has happened; its word for what.
    Hinted {
        /// The provider's word.
        action: String,
    },
    /// A branch of it is at another commit; none if it is gone.
    Moved {
        /// It is the head, and not the base.
        head: bool,
        /// The commit, hex.
        commit: Option<Arc<str>>,
    },
    /// Somebody asked for something and it was done: the words for the history.
    Done {
        /// Who.
        by: Arc<str>,
        /// What: `closed`, `merged`, `marked ready`.
        what: String,
    },
    /// What is served of its base contains its merge.
    Served {
        /// The served commit, hex.
        commit: Arc<str>,
        /// Since when.
        at: Timestamp,
    },
    /// Another one was opened in its place.
    Succeeded {
        /// Its id.
        by: super::Id,
    },
}

/// What is to be done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open it at the provider.
    Open,
    /// Read it.
    Read,
    /// Say at the provider what it changes: commit status and comment.
    Report,
    /// Look whether what is served contains the merge.
    Look,
    /// The branch has no use any more: remove it, if that is configured.
    Clean,
    /// The record has changed: keep it, and tell whoever listens.
    Tell,
}

/// What comes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The record as it is now.
    pub record: Record,
    /// What is to be done, each at most once.
    pub effects: Vec<Effect>,
}

/// Takes an event in.
#[must_use]
pub fn step(record: Record, event: Event, now: Timestamp) -> Step {
    let _ = (event, now);
    Step { record, effects: Vec::new() }
}
