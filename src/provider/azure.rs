//! Azure DevOps, Services and Server.
//!
//! - Deliveries cannot be signed: the shared secret is the password of HTTP Basic, and the more a delivery is only a
//!   hint.
//! - What happened is said by the body. `resourceDetailsToSend` may have cut it down to nothing; then a push says that
//!   something moved, not what. `refUpdates` may be there and empty, which says the same.
//! - `git.pullrequest.merged` is a merge that was tried; only the proposal's state tells the rest.
//! - `git.pullrequest.updated` is said of everything else, and no field says what it was: only the message, in words. The
//!   proposal is shown as it is when the delivery is sent, not as it was when it happened.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "id",
    "eventType",
    "subscriptionId",
    "notificationId",
    "resource",
    "refUpdates",
    "name",
    "oldObjectId",
    "newObjectId",
    "repository",
    "project",
    "remoteUrl",
    "webUrl",
    "sshUrl",
    "pullRequest",
    "pullRequestId",
    "sourceRefName",
    "targetRefName",
    "status",
    "mergeStatus",
    "message",
    "text",
];

/// Words of the messages of `git.pullrequest.updated`, as they have been seen; the first that is in it counts.
const WORDS: [(&str, ProposalKind); 12] = [
    ("source branch", ProposalKind::Commits),
    ("target branch", ProposalKind::Retargeted),
    ("as a draft", ProposalKind::Drafted),
    ("published", ProposalKind::Readied),
    ("reactivated", ProposalKind::Reopened),
    ("abandoned", ProposalKind::Closed),
    ("completed", ProposalKind::Merged),
    ("approved", ProposalKind::Reviewed),
    ("rejected", ProposalKind::Reviewed),
    ("waiting for", ProposalKind::Reviewed),
    ("vote", ProposalKind::Reviewed),
    ("reviewer", ProposalKind::Reviewed),
];

pub(super) fn classify(_: &Headers<'_>, payload: &[u8]) -> Notice {
    let payload = payload::read(payload, KEEP).unwrap_or_default();
    let name = payload.text("eventType");
    let event = match name {
        Some("git.push") => Event::Push(push(payload.at("resource"))),
        Some("ms.vss-code.git-pullrequest-comment-event") => {
            Event::Proposal(proposal(payload.at("resource.pullRequest"), "comment", ProposalKind::Commented))
        }
        Some(name) => match name.strip_prefix("git.pullrequest.") {
            Some(action) => {
                let resource = payload.at("resource");
                Event::Proposal(proposal(resource, action, kind(action, resource, payload.text("message.text"))))
            }
            None => Event::Other { name: name_of(Some(name)) },
        },
        None => Event::Other { name: name_of(None) },
    };
    Notice { id: id(&payload), name: name_of(name), event }
}

/// One notification of one subscription; the event's own id where those are cut. The test button sends the same
/// sample each time, under a subscription of zeros: that is no id.
fn id(payload: &Node) -> Option<String> {
    let subscription = payload.text("subscriptionId");
    if subscription.is_some_and(|id| id.bytes().all(|byte| matches!(byte, b'0' | b'-'))) {
        return None;
    }
    let of_notification = subscription
        .zip(payload.number("notificationId"))
        .and_then(|(subscription, number)| payload::shown(&format!("{subscription}:{number}")));
    of_notification.or_else(|| payload.text("id").and_then(payload::shown))
}

fn push(resource: &Node) -> Push {
    let all =
        resource.whole_list("refUpdates").and_then(|updates| updates.iter().map(change).collect::<Option<Vec<_>>>());
    Push { changes: all.unwrap_or_default(), repository: repository(resource.at("repository")) }
}

fn change(node: &Node) -> Option<RefChange> {
    let after = node.text("newObjectId");
    Some(RefChange {
        name: ref_name(node.text("name")?, "refs/heads/")?,
        before: node.text("oldObjectId").and_then(payload::object_id),
        after: after.and_then(payload::object_id),
        deleted: after.is_some_and(payload::is_zero),
    })
}

fn kind(action: &str, resource: &Node, message: Option<&str>) -> ProposalKind {
    // Completing takes a while, in which its merge is queued.
    let merged = resource.text("status") == Some("completed") && resource.text("mergeStatus") != Some("queued");
    match action {
        "created" => ProposalKind::Opened,
        "merged" if merged => ProposalKind::Merged,
        "updated" => {
            // The title follows in brackets; whoever wrote it does not say what happened.
            let said = message.and_then(|text| text.split(['(', '\n']).next()).unwrap_or_default();
            let known = WORDS.iter().find(|(words, _)| said.contains(words)).map(|(_, kind)| *kind);
            match (known, resource.text("status")) {
                (Some(ProposalKind::Merged) | None, Some("completed")) if merged => ProposalKind::Merged,
                (Some(ProposalKind::Merged), _) | (None, Some("completed") | None) => ProposalKind::Other,
                (Some(kind), _) => kind,
                (None, Some("abandoned")) => ProposalKind::Closed,
                (None, Some(_)) => ProposalKind::Edited,
            }
        }
        _ => ProposalKind::Other,
    }
}

fn proposal(node: &Node, action: &str, kind: ProposalKind) -> ProposalEvent {
    let branch = |path: &str| {
        node.text(path).map(|name| name.strip_prefix("refs/heads/").unwrap_or(name)).and_then(payload::shown)
    };
    ProposalEvent {
        kind,
        number: node.number("pullRequestId"),
        action: payload::shown(action).unwrap_or_default(),
        source: branch("sourceRefName"),
        target: branch("targetRefName"),
        repository: repository(node.at("repository")),
    }
}

fn repository(node: &Node) -> RepositoryName {
    let full_name = node.text("project.name").zip(node.text("name")).map(|(project, name)| format!("{project}/{name}"));
    let urls = ["remoteUrl", "webUrl", "sshUrl"];
    RepositoryName::new(full_name.as_deref(), urls.iter().filter_map(|name| node.text(name)))
}
