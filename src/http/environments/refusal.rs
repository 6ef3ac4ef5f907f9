//! Why nothing was done, as Flipt's clients know it: a status, a code, and Flipt's words where it has some.
//!
//! | | status | code |
//! |---|---|---|
//! | the request makes no sense, or what would come of it | 400 | 3 |
//! | no such environment, namespace, resource | 404 | 5 |
//! | it is there already | 409 | 6 |
//! | protected here, or the provider refuses: a protected branch, a hook, an archived repository | 409 | 9 |
//! | somebody else changed the same | 409 | 10 |
//! | a bug | 500 | 13 |
//! | the provider is down, full, or does not let *us* write | 503 | 14 |
//! | nobody knows yet whether it was done | 504 | 4 |
//!
//! 401 and 403 are about the caller alone; a provider that refuses our own credential is an outage of ours.

use serde_json::{Value, json};

use crate::flags::resource::{Kind, Resource, payload};
use crate::http::error::{Code, Failure};
use crate::limits;
use crate::write::writers::Conflicts;
use crate::write::{Conflict, Refusal, RejectionKind};

/// Seconds until it is worth another try to write where our credential may not, or where there is no room: a person has
/// to do something first.
const AFTER_A_PERSON: u32 = 60;

/// What was asked for, for messages that Flipt's clients know.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// Something with a flag or segment.
    Resource {
        /// `create`, `update`, `delete`.
        verb: &'static str,
        kind: Kind,
        namespace: &'a str,
        key: &'a str,
    },
    /// Something with a namespace.
    Namespace {
        /// `create`, `update`, `delete`.
        verb: &'static str,
        key: &'a str,
    },
    /// Something with a branch environment.
    Branch(&'a str),
    /// Something that Flipt has no words for.
    Ours,
}

/// The answer.
pub(super) fn failure(refusal: Refusal, asked: Asked<'_>) -> Failure {
    let words = words(&refusal, asked);
    match refusal {
        Refusal::UnknownEnvironment(_) | Refusal::UnknownNamespace(_) | Refusal::UnknownResource { .. } => {
            Failure::not_found(words)
        }
        Refusal::AlreadyExists(_) => Failure::new(Code::AlreadyExists, words),
        Refusal::Invalid { problems, .. } => {
            let details = problems
                .iter()
                .take(limits::CONFLICTS_TOLD)
                .map(|problem| json!({ "@type": "yardarm.Problem", "problem": problem }));
            Failure::invalid(words).with_details(details.collect())
        }
        Refusal::Conflict(conflict) => Failure::new(Code::Conflict, words).with_details(vec![detail(&conflict)]),
        Refusal::Protected { environment, branch } => {
            let detail = json!({ "@type": "yardarm.Protected", "environmentKey": environment, "branch": branch });
            Failure::new(Code::Precondition, words).with_details(vec![detail])
        }
        Refusal::Rejected { kind: RejectionKind::Quota | RejectionKind::Permission, .. } => {
            Failure::new(Code::Down { seconds: AFTER_A_PERSON }, words)
        }
        Refusal::Rejected { .. } | Refusal::ReadOnly(_) => Failure::new(Code::Precondition, words),
        Refusal::Unavailable { retry_after, .. } => Failure::new(Code::Down { seconds: retry_after.max(1) }, words),
        Refusal::Unknown(_) => Failure::new(Code::Undecided, words),
        Refusal::Bug(why) => {
            tracing::error!(why, "a bug: a change could not be made");
            Failure::new(Code::Internal, "a bug: the change could not be made; the log says why")
        }
    }
}

/// Flipt's words where it has some, else ours.
fn words(refusal: &Refusal, asked: Asked<'_>) -> String {
    match (refusal, asked) {
        (Refusal::AlreadyExists(_), Asked::Resource { kind, namespace, key, .. }) => {
            let url = kind.type_url();
            format!("resource type \"{url}\": create resource \"{url}/{namespace}/{key}\"")
        }
        (Refusal::AlreadyExists(_), Asked::Namespace { key, .. }) => format!("create namespace \"{key}\""),
        (Refusal::AlreadyExists(_), Asked::Branch(key)) => format!("environment: \"{key}\""),
        (Refusal::UnknownResource { .. }, Asked::Resource { verb, kind, namespace, key }) => {
            let (url, word) = (kind.type_url(), kind.word());
            let before = match verb {
                "update" => format!("update resource \"{url}/{namespace}/{key}\": getting"),
                _ => "deleting".to_owned(),
            };
            format!("resource type \"{url}\": {before} {word} {namespace}/{key}: {word} {namespace}/{key} not found")
        }
        (Refusal::UnknownNamespace(_), Asked::Namespace { verb, key }) => {
            format!("{verb} namespace \"{key}\": namespace \"{key}\" not found")
        }
        (Refusal::Invalid { message, .. }, Asked::Resource { verb, kind, namespace, key }) => {
            let putting = if verb == "delete" { "deleting" } else { "putting" };
            format!("resource type \"{}\": {putting} {} {namespace}/{key}: {message}", kind.type_url(), kind.word())
        }
        (Refusal::Conflict(_), Asked::Resource { kind, .. }) => {
            format!("resource type \"{}\": {refusal}", kind.type_url())
        }
        _ => refusal.to_string(),
    }
}

/// The three versions of what two people have changed.
fn detail(conflict: &Conflict) -> Value {
    let version = |resource: &Option<Resource>| resource.as_ref().map(payload::to_json);
    json!({
        "@type": "yardarm.Conflict",
        "namespaceKey": conflict.namespace,
        "type": conflict.kind.map(Kind::type_url),
        "key": conflict.key,
        "base": version(&conflict.base),
        "ours": version(&conflict.ours),
        "theirs": version(&conflict.theirs),
        "overlaps": conflict.overlaps,
        "resourceRevision": conflict.revision,
        "revision": conflict.commit,
    })
}

/// A branch and its base have changed the same.
pub(in crate::http) fn conflicts(conflicts: &Conflicts) -> Failure {
    let count = conflicts.conflicts.len() + conflicts.files.len();
    let details = conflicts.conflicts.iter().map(detail);
    let files = conflicts.files.iter().map(|file| json!({ "@type": "yardarm.FileConflict", "file": file }));
    let places = if count == 1 { "one place".to_owned() } else { format!("{count} places") };
    let message = format!("the branch and its base have changed the same in {places}; nothing was changed");
    Failure::new(Code::Conflict, message).with_details(details.chain(files).take(limits::CONFLICTS_TOLD).collect())
}
