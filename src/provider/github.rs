//! GitHub, and GitHub Enterprise Server, whose deliveries are the same.
//!
//! A branch that is created or deleted is a push (`created`, `deleted`); the events `create` and `delete` come beside
//! it and are not used.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "ref",
    "before",
    "after",
    "deleted",
    "action",
    "number",
    "pull_request",
    "issue",
    "head",
    "base",
    "repository",
    "full_name",
    "clone_url",
    "ssh_url",
    "html_url",
    "git_url",
];

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    let name = headers.get("x-github-event").value();
    let read = || payload::read(payload, KEEP).unwrap_or_default();
    let event = match name {
        Some("ping") => Event::Ping,
        Some("push") => Event::Push(push(&read())),
        Some("issue_comment") => {
            let payload = read();
            if payload.at("issue.pull_request").is_there() {
                Event::Proposal(proposal(&payload, "issue.number"))
            } else {
                Event::Other { name: name_of(name) }
            }
        }
        Some(name) if name.starts_with("pull_request") => Event::Proposal(proposal(&read(), "pull_request.number")),
        _ => Event::Other { name: name_of(name) },
    };
    Notice { id: headers.get("x-github-delivery").value().and_then(payload::shown), name: name_of(name), event }
}

fn push(payload: &Node) -> Push {
    let change = payload.text("ref").and_then(|name| {
        let after = payload.text("after");
        Some(RefChange {
            name: ref_name(name, "refs/heads/")?,
            before: payload.text("before").and_then(payload::object_id),
            after: after.and_then(payload::object_id),
            deleted: payload.flag("deleted").unwrap_or(false) || after.is_some_and(payload::is_zero),
        })
    });
    Push { changes: change.into_iter().collect(), repository: repository(payload.at("repository")) }
}

fn proposal(payload: &Node, number: &str) -> ProposalEvent {
    let short = |path: &str| payload.text(path).and_then(payload::shown);
    ProposalEvent {
        kind: super::ProposalKind::Other,
        number: payload.number("number").or_else(|| payload.number(number)),
        action: short("action").unwrap_or_default(),
        source: short("pull_request.head.ref"),
        target: short("pull_request.base.ref"),
        repository: repository(payload.at("repository")),
    }
}

fn repository(node: &Node) -> RepositoryName {
    let urls = ["clone_url", "ssh_url", "html_url", "git_url"];
    RepositoryName::new(node.text("full_name"), urls.iter().filter_map(|name| node.text(name)))
}
