//! Gitea and Forgejo, which send the same payloads under their own headers.
//!
//! - Deleting a branch sends only `delete`, renaming one `delete` and `create`; so both count. Their `ref` is short
//!   from Gitea and full from Forgejo.
//! - The event header is coarse, `-Event-Type` exact; a commit status comes from Gitea with an empty event, also to
//!   hooks that never asked for it, and is nothing to us.
//! - The head of a proposal whose branch is gone is `refs/pull/N/head`; its label keeps the name.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "ref",
    "ref_type",
    "before",
    "after",
    "sha",
    "action",
    "number",
    "pull_request",
    "issue",
    "is_pull",
    "head",
    "base",
    "label",
    "repository",
    "full_name",
    "clone_url",
    "ssh_url",
    "html_url",
];

/// Under which names a flavour sends its headers.
pub(super) struct Flavour {
    pub(super) event: &'static str,
    pub(super) event_type: &'static str,
    pub(super) delivery: &'static str,
}

const GITEA: Flavour =
    Flavour { event: "x-gitea-event", event_type: "x-gitea-event-type", delivery: "x-gitea-delivery" };

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    classify_as(&GITEA, headers, payload)
}

pub(super) fn classify_as(flavour: &Flavour, headers: &Headers<'_>, payload: &[u8]) -> Notice {
    let event = headers.get(flavour.event).value();
    let exact = headers.get(flavour.event_type).value().or(event);
    let read = || payload::read(payload, KEEP).unwrap_or_default();
    let event = match event {
        Some("push") => Event::Push(push(&read())),
        Some("create") => Event::Push(appeared_or_gone(&read(), false)),
        Some("delete") => Event::Push(appeared_or_gone(&read(), true)),
        Some("issue_comment") => {
            let payload = read();
            if payload.flag("is_pull") == Some(true) || exact == Some("pull_request_comment") {
                Event::Proposal(proposal(&payload))
            } else {
                Event::Other { name: name_of(exact) }
            }
        }
        Some(name) if name.starts_with("pull_request") => Event::Proposal(proposal(&read())),
        _ => Event::Other { name: name_of(exact) },
    };
    Notice { id: headers.get(flavour.delivery).value().and_then(payload::shown), name: name_of(exact), event }
}

fn push(payload: &Node) -> Push {
    let change = payload.text("ref").and_then(|name| {
        let after = payload.text("after");
        Some(RefChange {
            name: ref_name(name, "refs/heads/")?,
            before: payload.text("before").and_then(payload::object_id),
            after: after.and_then(payload::object_id),
            deleted: after.is_some_and(payload::is_zero),
        })
    });
    Push { changes: change.into_iter().collect(), repository: repository(payload.at("repository")) }
}

/// `create` and `delete`: neither says where the ref was before.
fn appeared_or_gone(payload: &Node, deleted: bool) -> Push {
    let kind = if payload.text("ref_type") == Some("tag") { "refs/tags/" } else { "refs/heads/" };
    let change = payload.text("ref").and_then(|name| {
        let after = payload.text("sha").filter(|_| !deleted).and_then(payload::object_id);
        Some(RefChange { name: ref_name(name, kind)?, before: None, after, deleted })
    });
    Push { changes: change.into_iter().collect(), repository: repository(payload.at("repository")) }
}

fn proposal(payload: &Node) -> ProposalEvent {
    let branch = |side: &str| {
        let name = payload.text(&format!("pull_request.{side}.ref")).filter(|name| !name.starts_with("refs/"));
        name.or_else(|| payload.text(&format!("pull_request.{side}.label"))).and_then(payload::shown)
    };
    let number = ["number", "pull_request.number", "issue.number"].into_iter().find_map(|path| payload.number(path));
    ProposalEvent {
        kind: super::ProposalKind::Other,
        number,
        action: payload.text("action").and_then(payload::shown).unwrap_or_default(),
        source: branch("head"),
        target: branch("base"),
        repository: repository(payload.at("repository")),
    }
}

fn repository(node: &Node) -> RepositoryName {
    let urls = ["clone_url", "ssh_url", "html_url"];
    RepositoryName::new(node.text("full_name"), urls.iter().filter_map(|name| node.text(name)))
}
