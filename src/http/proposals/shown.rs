//! A proposal as it is shown, and why something was not done with it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::fault::Class;
use crate::http::environments::{conflicts, refused_write};
use crate::http::error::{Code, Failure};
use crate::proposal::{Entry as Happened, Live, State, marker};
use crate::provider::api::{Check, Failure as ByProvider, Mergeable, Reviews};
use crate::serve::Seen;
use crate::track::Refusal;
use crate::track::diff::Changed;
use crate::track::records::Entry;

/// Seconds until it is worth another try where a person has to do something first.
const AFTER_A_PERSON: u32 = 60;
/// The same where it may go away by itself.
const SOON: u32 = 5;

/// One.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Shown<'e> {
    id: &'e str,
    storage: &'e str,
    environment_key: Option<&'e str>,
    branch_key: Option<&'e str>,
    state: State,
    draft: bool,
    number: Option<u64>,
    url: Option<&'e str>,
    title: Option<&'e str>,
    author: Option<&'e str>,
    opened_by: Option<&'e str>,
    head: &'e str,
    base: &'e str,
    head_commit: Option<&'e str>,
    merge_commit: Option<&'e str>,
    fork: bool,
    ahead: Option<u32>,
    behind: Option<u32>,
    reviews: Option<&'e Reviews>,
    checks: &'e [Check],
    mergeable: Option<&'e Mergeable>,
    live: Option<SinceThen<'e>>,
    trouble: Option<Trouble>,
    created: Timestamp,
    updated: Option<Timestamp>,
    ended: Option<Timestamp>,
    changed: Timestamp,
    /// When the provider was read last, and whether something has happened since.
    read: Option<Timestamp>,
    stale: bool,
    succeeded_by: Option<&'e str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    all: Option<All<'e>>,
}

/// Since when it is live, and how far that has come.
#[derive(Debug, Serialize)]
struct SinceThen<'e> {
    #[serde(flatten)]
    live: &'e Live,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
}

/// What one alone tells beside.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct All<'e> {
    body: &'e str,
    changes: Option<&'e [Changed]>,
    /// Why there are none.
    changes_trouble: Option<String>,
    history: &'e [Happened],
}

/// Why the last thing that was asked of the provider was not done.
#[derive(Debug, Serialize)]
struct Trouble {
    class: Class,
    message: String,
}

impl<'e> Shown<'e> {
    pub(in crate::http) fn of(entry: &'e Entry) -> Self {
        let record = &entry.record;
        let seen = record.seen.as_ref();
        let text = |text: &'e Option<Arc<str>>| text.as_deref();
        Self {
            id: &record.id,
            storage: &record.storage,
            environment_key: text(&record.environment),
            branch_key: text(&record.branch_environment),
            state: record.state,
            draft: seen.is_some_and(|seen| seen.draft),
            number: record.number,
            url: seen.map(|seen| &*seen.url).filter(|url| !url.is_empty()),
            title: seen.map(|seen| &*seen.title),
            author: seen.map(|seen| &*seen.author),
            opened_by: text(&record.opened_by),
            head: &record.head,
            base: &record.base,
            head_commit: text(&record.head_commit).or_else(|| seen?.head_commit.as_deref()),
            merge_commit: seen.and_then(|seen| seen.merge_commit.as_deref()),
            fork: record.is_fork(),
            ahead: entry.distance.map(|distance| distance.ahead),
            behind: entry.distance.map(|distance| distance.behind),
            reviews: seen.map(|seen| &seen.reviews),
            checks: seen.map(|seen| &*seen.checks).unwrap_or_default(),
            mergeable: seen.map(|seen| &seen.mergeable),
            live: record.live.as_ref().map(|live| SinceThen { live, seen: None }),
            trouble: record
                .trouble
                .as_ref()
                .or_else(|| record.reported.as_ref()?.trouble.as_ref())
                .map(|failure| Trouble { class: failure.class(), message: failure.to_string() }),
            created: seen.and_then(|seen| seen.created).unwrap_or(record.since),
            updated: seen.and_then(|seen| seen.updated),
            ended: seen.and_then(|seen| seen.ended),
            changed: record.changed,
            read: record.read,
            stale: record.stale,
            succeeded_by: text(&record.succeeded_by),
            all: None,
        }
    }

    /// Description, changes and history as well, and how many clients have it.
    pub(super) fn tell_all(&mut self, entry: &'e Entry, changes: &'e Result<Vec<Changed>, Refusal>, by: Option<Seen>) {
        if let Some(live) = &mut self.live {
            live.seen = by;
        }
        self.all = Some(All {
            body: entry.record.seen.as_ref().map(|seen| marker::without(&seen.body)).unwrap_or_default(),
            changes: changes.as_deref().ok(),
            changes_trouble: changes.as_ref().err().map(ToString::to_string),
            history: &entry.record.history,
        });
    }
}

/// One as Flipt tells it of a branch, and the least of what is ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Brief<'e> {
    url: &'e str,
    state: &'static str,
    id: &'e str,
    number: Option<u64>,
    draft: bool,
    /// In our words.
    stage: State,
    title: Option<&'e str>,
}

impl<'e> Brief<'e> {
    pub(in crate::http) fn of(entry: &'e Entry) -> Self {
        let record = &entry.record;
        let seen = record.seen.as_ref();
        Self {
            url: seen.map(|seen| &*seen.url).unwrap_or_default(),
            state: match record.state {
                State::Open => "PROPOSAL_STATE_OPEN",
                State::Merged | State::Live => "PROPOSAL_STATE_MERGED",
                State::Closed => "PROPOSAL_STATE_CLOSED",
                State::Planned | State::Failed | State::Gone => "PROPOSAL_STATE_UNKNOWN",
            },
            id: &record.id,
            number: record.number,
            draft: seen.is_some_and(|seen| seen.draft),
            stage: record.state,
            title: seen.map(|seen| &*seen.title),
        }
    }
}

/// Why something was not done, as a status and words.
///
/// | | status |
/// |---|---|
/// | it makes no sense | 400 |
/// | no such proposal or branch | 404 |
/// | not as it stands: nothing to merge, another head, conflicts, not approved, closed, protected | 409 |
/// | the environment has no provider, or the provider no such function | 501 |
/// | the provider is down, wants us to wait, or does not take *our* credential | 503 |
/// | whether it was done is not known | 504 |
pub(in crate::http) fn refused(refusal: Refusal) -> Failure {
    let words = refusal.to_string();
    match refusal {
        Refusal::NoProvider(_) => Failure::new(Code::Unimplemented, words),
        Refusal::Unknown(_) => Failure::not_found(words),
        Refusal::Invalid(_) => Failure::invalid(words),
        Refusal::State(_) => Failure::new(Code::Precondition, words),
        Refusal::Write(refusal) => refused_write(refusal),
        Refusal::Conflicts(told) => conflicts(&told),
        Refusal::Draining => Failure::new(Code::Unavailable, words),
        Refusal::Provider(failure) | Refusal::Planned { failure, .. } => match (&failure, failure.class()) {
            (ByProvider::Unsupported(_), _) => Failure::new(Code::Unimplemented, words),
            (ByProvider::Lost(_), _) => Failure::new(Code::Undecided, words),
            (ByProvider::Wait { after, .. }, _) => {
                let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1);
                Failure::new(Code::Down { seconds }, words)
            }
            (_, Class::Retry | Class::Wait) => Failure::new(Code::Down { seconds: SOON }, words),
            (_, Class::Operator) => Failure::new(Code::Down { seconds: AFTER_A_PERSON }, words),
            (_, Class::Caller | Class::Bug) => Failure::new(Code::Precondition, words),
        },
    }
}
