//! Azure DevOps, Services and Server.
//!
//! - Deliveries cannot be signed: the shared secret is the password of HTTP Basic, and the more a delivery is only a
//!   hint.
//! - What happened is said by the body. `resourceDetailsToSend` may have cut it down to nothing; then a push says that
//!   something moved, not what. `refUpdates` may be there and empty, which says the same.
//! - `git.pullrequest.merged` is a merge that was tried; only the proposal's state tells the rest.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, Push, RefChange, RepositoryName, name_of, ref_name};

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
];

pub(super) fn classify(_: &Headers<'_>, payload: &[u8]) -> Notice {
    let payload = payload::read(payload, KEEP).unwrap_or_default();
    let name = payload.text("eventType");
    let event = match name {
        Some("git.push") => Event::Push(push(payload.at("resource"))),
        Some("ms.vss-code.git-pullrequest-comment-event") => {
            Event::Proposal(proposal(payload.at("resource.pullRequest"), "comment"))
        }
        Some(name) => match name.strip_prefix("git.pullrequest.") {
            Some(action) => Event::Proposal(proposal(payload.at("resource"), action)),
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

fn proposal(node: &Node, action: &str) -> ProposalEvent {
    let branch = |path: &str| {
        node.text(path).map(|name| name.strip_prefix("refs/heads/").unwrap_or(name)).and_then(payload::shown)
    };
    ProposalEvent {
        kind: super::ProposalKind::Other,
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
