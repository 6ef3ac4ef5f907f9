//! GitHub, and GitHub Enterprise Server, whose deliveries are the same.
//!
//! A branch that is created or deleted is a push (`created`, `deleted`); the events `create` and `delete` come beside
//! it and are not used. A pull request that is closed was merged only if it says so: the commit of a test merge stands in
//! the closed one as well. A comment on it comes as one on an issue. Checks that are through come as a suite of checks,
//! which names the pull requests of the repository that have that head.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

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
    "changes",
    "merged",
    "merged_at",
    "review",
    "check_suite",
    "pull_requests",
    "state",
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
                Event::Proposal(proposal(&payload, "issue.number", ProposalKind::Commented))
            } else {
                Event::Other { name: name_of(name) }
            }
        }
        Some("check_suite") => match checked(&read()) {
            Some(event) => Event::Proposal(event),
            None => Event::Other { name: name_of(name) },
        },
        Some(name) if name.starts_with("pull_request") => {
            let payload = read();
            let kind = match name {
                "pull_request" => kind(&payload),
                "pull_request_review" => review_kind(&payload),
                "pull_request_review_comment" | "pull_request_review_thread" => ProposalKind::Commented,
                _ => ProposalKind::Other,
            };
            Event::Proposal(proposal(&payload, "pull_request.number", kind))
        }
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

/// What happened to the pull request itself.
fn kind(payload: &Node) -> ProposalKind {
    let merged = payload.flag("pull_request.merged").unwrap_or(payload.at("pull_request.merged_at").is_there());
    match payload.text("action").unwrap_or_default() {
        "opened" => ProposalKind::Opened,
        "synchronize" => ProposalKind::Commits,
        "edited" if payload.at("changes.base").is_there() => ProposalKind::Retargeted,
        "edited"
        | "assigned"
        | "unassigned"
        | "labeled"
        | "unlabeled"
        | "milestoned"
        | "demilestoned"
        | "locked"
        | "unlocked"
        | "review_requested"
        | "review_request_removed" => ProposalKind::Edited,
        "converted_to_draft" => ProposalKind::Drafted,
        "ready_for_review" => ProposalKind::Readied,
        "closed" if merged => ProposalKind::Merged,
        "closed" => ProposalKind::Closed,
        "reopened" => ProposalKind::Reopened,
        _ => ProposalKind::Other,
    }
}

/// A review that only says something is a comment; so is a change of its text.
fn review_kind(payload: &Node) -> ProposalKind {
    match (payload.text("action"), payload.text("review.state")) {
        (Some("submitted"), Some("commented")) | (Some("edited"), _) => ProposalKind::Commented,
        (Some("submitted" | "dismissed"), _) => ProposalKind::Reviewed,
        _ => ProposalKind::Other,
    }
}

/// What machines say of a pull request of this repository has come to an end: then it is worth reading. Of several with
/// the same head, the first.
fn checked(payload: &Node) -> Option<ProposalEvent> {
    let action = payload.text("action").filter(|action| *action == "completed")?;
    let pull = payload.list("check_suite.pull_requests").first()?;
    let short = |path: &str| pull.text(path).and_then(payload::shown);
    Some(ProposalEvent {
        kind: ProposalKind::Other,
        number: Some(pull.number("number")?),
        action: format!("checks {action}"),
        source: short("head.ref"),
        target: short("base.ref"),
        repository: repository(payload.at("repository")),
    })
}

fn proposal(payload: &Node, number: &str, kind: ProposalKind) -> ProposalEvent {
    let short = |path: &str| payload.text(path).and_then(payload::shown);
    ProposalEvent {
        kind,
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
