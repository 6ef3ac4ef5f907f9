//! What to answer to a delivery: pure functions of endpoint, head, body and time.
//!
//! [`admit`] decides what the head can decide, [`judge`] the rest. Between them lies only the reading of the body. The
//! one thing left to the caller is whether the same delivery was seen before.
//!
//! Authentic deliveries are never answered with an error, whatever their payload says or lacks: GitLab and Azure take
//! hooks out of service that answer 4xx, and a payload that cannot be read still says that something moved.

use std::borrow::Cow;

use jiff::Timestamp;

use super::endpoint::{Endpoint, Tracked};
use super::{Outcome, Proposals};
use crate::provider::headers::{Field, Headers};
use crate::provider::remote::Named;
use crate::provider::signature::{self, Claim, Refusal, Signed};
use crate::provider::{self, Event, ProposalEvent, Push, RefChange, RepositoryName, payload};

/// What is known of a request before its body.
#[derive(Debug, Clone)]
pub struct Head<'h> {
    /// Method, upper case.
    pub method: Cow<'h, str>,
    /// Header fields.
    pub headers: Headers<'h>,
}

impl Head<'_> {
    /// The same, free of what it was borrowed from.
    #[must_use]
    pub fn into_owned(self) -> Head<'static> {
        Head { method: Cow::Owned(self.method.into_owned()), headers: self.headers.into_owned() }
    }
}

/// A delivery whose body is worth reading.
#[derive(Debug, Clone)]
pub struct Admitted {
    claim: Claim,
    form: bool,
    /// Length that the head declares.
    pub declared: Option<usize>,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// In a word.
    pub outcome: Outcome,
    /// Status to answer.
    pub status: u16,
    /// In a sentence: what matched, or why nothing did. For people who are allowed to know.
    pub detail: String,
    /// How the sender was verified; absent if it was not.
    pub verified: Option<&'static str>,
    /// The provider's id of the delivery.
    pub delivery_id: Option<String>,
    /// The provider's name of the event.
    pub event: Option<String>,
    /// Commit that it announces for the tracked branch.
    pub commit: Option<String>,
    /// What it says of a merge proposal.
    pub proposal: Option<Box<ProposalEvent>>,
    /// A branch moved that is fetched, or may have.
    pub moved: bool,
}

impl Verdict {
    pub(super) fn refused(outcome: Outcome, status: u16, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            status,
            detail: detail.into(),
            verified: None,
            delivery_id: None,
            event: None,
            commit: None,
            proposal: None,
            moved: false,
        }
    }

    fn unauthorized(refusal: Refusal) -> Self {
        Self::refused(Outcome::Unauthorized, 401, refusal.to_string())
    }
}

/// Decides what a head can decide.
///
/// # Errors
/// The verdict, when there is nothing to read the body for.
#[expect(clippy::result_large_err, reason = "made once a delivery, and moved straight into its record")]
pub fn admit(endpoint: &Endpoint, head: &Head<'_>, body_cap: usize, now: Timestamp) -> Result<Admitted, Verdict> {
    if head.method != "POST" {
        return Err(Verdict::refused(Outcome::Unsupported, 405, "a webhook is sent by POST"));
    }
    if provider::is_unsigned_ping(endpoint.provider, &head.headers) {
        let detail = "a test request, which this provider does not sign; it does nothing";
        let mut verdict = Verdict::refused(Outcome::Ignored, 200, detail);
        verdict.event = Some("ping".to_owned());
        return Err(verdict);
    }
    let unsupported = |detail: &str| Verdict::refused(Outcome::Unsupported, 415, detail);
    let form = match media_type(&head.headers).as_deref() {
        Some("application/json") => false,
        Some("application/x-www-form-urlencoded") if endpoint.provider.sends_forms() => true,
        _ => return Err(unsupported("the content type is neither JSON nor, where the provider has it, a form")),
    };
    match head.headers.get("content-encoding") {
        Field::Absent | Field::Is("") => {}
        Field::Is(coding) if coding.eq_ignore_ascii_case("identity") => {}
        _ => return Err(unsupported("the body is encoded; no provider compresses its webhooks")),
    }
    let declared = head.headers.get("content-length").value().and_then(|text| text.parse::<u64>().ok());
    let declared = declared.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared.is_some_and(|length| length > body_cap) {
        return Err(too_large(body_cap));
    }
    let claim = signature::claim(endpoint.scheme(), &head.headers, now).map_err(Verdict::unauthorized)?;
    if endpoint.scheme().is_decided_by_head() {
        claim.verify(&endpoint.secrets, b"").map_err(Verdict::unauthorized)?;
    }
    Ok(Admitted { claim, form, declared })
}

/// The verdict on a body that goes over the cap.
#[must_use]
pub fn too_large(cap: usize) -> Verdict {
    Verdict::refused(Outcome::TooLarge, 413, format!("the body is larger than {cap} bytes"))
}

/// Decides the rest, with the body. The outcome is [`Outcome::Accepted`] whether or not the delivery was seen before.
#[must_use]
pub fn judge(
    endpoint: &Endpoint,
    head: &Head<'_>,
    admitted: &Admitted,
    body: &[u8],
    proposals: &dyn Proposals,
) -> Verdict {
    // A form is decoded before its sender is known only where the decoded field is what is signed.
    let decoded = || if admitted.form { payload::of_form(body) } else { Some(Cow::Borrowed(body)) };
    let verify = |signed: &[u8]| admitted.claim.verify(&endpoint.secrets, signed);
    let (payload, verified) = match endpoint.scheme().form() {
        Signed::Payload => {
            let payload = decoded();
            let verified = verify(payload.as_deref().unwrap_or_default());
            (payload, verified)
        }
        Signed::Body => match verify(body) {
            Ok(scheme) => (decoded(), Ok(scheme)),
            Err(refusal) => (None, Err(refusal)),
        },
    };
    let verified = match verified {
        Ok(scheme) => scheme,
        Err(refusal) => return Verdict::unauthorized(refusal),
    };
    let notice = provider::classify(endpoint.provider, &head.headers, payload.as_deref().unwrap_or_default());
    let storage = &endpoint.storage;
    let (mut proposal, mut pushed) = (None, false);
    let (outcome, detail, commit) = match notice.event {
        Event::Ping => (Outcome::Ignored, "a ping: the endpoint and its secret are right".to_owned(), None),
        Event::Other { .. } => (Outcome::Ignored, format!("`{}` is not used", notice.name), None),
        Event::Proposal(event) => match another(endpoint, &event.repository) {
            Some(detail) => (Outcome::OtherRepository, detail, None),
            None if proposals.tracks(storage) => {
                let number = event.number.map_or_else(String::new, |number| format!(" #{number}"));
                proposal = Some(Box::new(event));
                (
                    Outcome::Accepted,
                    format!("something happened to proposal{number}: it is read from the provider"),
                    None,
                )
            }
            None => (Outcome::Ignored, "an event of a proposal: recorded".to_owned(), None),
        },
        Event::Push(push) => {
            let verdict = another(endpoint, &push.repository).map_or_else(
                || moved(endpoint, &push, &|branch| proposals.follows(storage, branch)),
                |detail| (Outcome::OtherRepository, detail, None),
            );
            pushed = verdict.0 == Outcome::Accepted;
            verdict
        }
    };
    Verdict {
        status: if outcome == Outcome::Accepted { 202 } else { 200 },
        outcome,
        detail,
        verified: Some(verified),
        delivery_id: notice.id,
        event: Some(notice.name),
        commit,
        proposal,
        moved: pushed,
    }
}

/// What to say if a payload names another repository.
fn another(endpoint: &Endpoint, name: &RepositoryName) -> Option<String> {
    let here = endpoint.repository.as_ref()?;
    if here.is_named(endpoint.provider, name) != Named::Other {
        return None;
    }
    let there = name.full_name.as_deref().or(name.urls.first().map(String::as_str)).unwrap_or_default();
    Some(format!("the payload is about `{there}`, this storage is `{here}`: nothing fetched"))
}

/// What a push of this repository means for the branches that are served.
fn moved(endpoint: &Endpoint, push: &Push, follows: &dyn Fn(&str) -> bool) -> (Outcome, String, Option<String>) {
    let exactly = push.changes.iter().rev().find(|change| endpoint.tracks(&change.name) == Tracked::Exactly);
    if let Some(change) = exactly {
        let to = match (&change.after, change.deleted) {
            (_, true) => "was deleted".to_owned(),
            (Some(id), false) => format!("moved to {id}"),
            (None, false) => "moved".to_owned(),
        };
        let commit = change.after.clone().filter(|_| !change.deleted);
        return (Outcome::Accepted, format!("`{}` {to}: fetching", change.name), commit);
    }
    let by_pattern = push.changes.iter().find(|change| endpoint.tracks(&change.name) == Tracked::ByPattern);
    if let Some(change) = by_pattern {
        return (Outcome::Accepted, format!("`{}` of a branch environment moved: fetching", change.name), None);
    }
    let proposed = |change: &&RefChange| change.name.strip_prefix("refs/heads/").is_some_and(follows);
    if let Some(change) = push.changes.iter().find(proposed) {
        let commit = change.after.clone().filter(|_| !change.deleted);
        return (Outcome::Accepted, format!("`{}` of a proposal moved: fetching", change.name), commit);
    }
    match push.changes.first() {
        None => (Outcome::Accepted, "the payload does not say which refs moved: fetching".to_owned(), None),
        Some(change) => {
            let others = push.changes.len() - 1;
            let more = if others == 0 { String::new() } else { format!(" and {others} more") };
            (Outcome::Ignored, format!("`{}`{more} is not served here", change.name), None)
        }
    }
}

/// The media type without its parameters, lower case.
fn media_type(headers: &Headers<'_>) -> Option<String> {
    let value = headers.get("content-type").value()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
