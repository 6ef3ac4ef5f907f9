//! Bitbucket Cloud.
//!
//! One delivery tells of many refs (`push.changes`), by their short names; `new` is null for a deleted ref, `old` for
//! a new one. A payload over 256 KB is not sent at all, which polling covers. No clone URL is told, only the web page.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "push",
    "changes",
    "new",
    "old",
    "type",
    "name",
    "target",
    "hash",
    "closed",
    "repository",
    "full_name",
    "links",
    "html",
    "href",
    "pullrequest",
    "id",
    "source",
    "destination",
    "branch",
];

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    let name = headers.get("x-event-key").value();
    let read = || payload::read(payload, KEEP).unwrap_or_default();
    let event = match name {
        Some("repo:push") => Event::Push(push(&read())),
        Some(name) => match name.strip_prefix("pullrequest:") {
            Some(action) => Event::Proposal(proposal(&read(), action)),
            None => Event::Other { name: name_of(Some(name)) },
        },
        None => Event::Other { name: name_of(None) },
    };
    Notice { id: headers.get("x-request-uuid").value().and_then(payload::shown), name: name_of(name), event }
}

fn push(payload: &Node) -> Push {
    let all =
        payload.whole_list("push.changes").and_then(|changes| changes.iter().map(change).collect::<Option<Vec<_>>>());
    Push { changes: all.unwrap_or_default(), repository: repository(payload.at("repository")) }
}

fn change(node: &Node) -> Option<RefChange> {
    let (new, old) = (node.at("new"), node.at("old"));
    let named = if new.text("name").is_some() { new } else { old };
    let kind = match named.text("type") {
        Some("tag" | "annotated_tag") => "refs/tags/",
        _ => "refs/heads/",
    };
    Some(RefChange {
        name: ref_name(named.text("name")?, kind)?,
        before: old.text("target.hash").and_then(payload::object_id),
        after: new.text("target.hash").and_then(payload::object_id),
        deleted: !new.is_there(),
    })
}

/// `updated` is anything that was changed. Newer hooks tell new commits apart; what an older one means by it, only the
/// API says.
fn kind(action: &str) -> ProposalKind {
    match action {
        "created" => ProposalKind::Opened,
        "push" => ProposalKind::Commits,
        "updated" => ProposalKind::Edited,
        "approved" | "unapproved" | "changes_request_created" | "changes_request_removed" => ProposalKind::Reviewed,
        "fulfilled" => ProposalKind::Merged,
        "rejected" => ProposalKind::Closed,
        _ if action.starts_with("comment_") => ProposalKind::Commented,
        _ => ProposalKind::Other,
    }
}

fn proposal(payload: &Node, action: &str) -> ProposalEvent {
    let short = |path: &str| payload.text(path).and_then(payload::shown);
    ProposalEvent {
        kind: kind(action),
        number: payload.number("pullrequest.id"),
        action: payload::shown(action).unwrap_or_default(),
        source: short("pullrequest.source.branch.name"),
        target: short("pullrequest.destination.branch.name"),
        repository: repository(payload.at("repository")),
    }
}

fn repository(node: &Node) -> RepositoryName {
    RepositoryName::new(node.text("full_name"), node.text("links.html.href").into_iter())
}
