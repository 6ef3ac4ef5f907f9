//! Gitea and Forgejo, which send the same payloads under their own headers.
//!
//! - Deleting a branch sends only `delete`, renaming one `delete` and `create`; so both count. Their `ref` is short
//!   from Gitea and full from Forgejo.
//! - The event header is coarse, `-Event-Type` exact; a commit status comes from Gitea with an empty event, also to
//!   hooks that never asked for it, and is nothing to us.
//! - Nothing says that a proposal became a draft but its title, nor where it was before but `changes`. Nothing is sent
//!   when a review is dismissed, or when the base moves.
//! - The head of a proposal whose branch is gone is `refs/pull/N/head`; its label keeps the name.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

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
    "changes",
    "title",
    "from",
    "draft",
    "merged",
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
                Event::Proposal(proposal(&payload, exact))
            } else {
                Event::Other { name: name_of(exact) }
            }
        }
        Some(name) if name.starts_with("pull_request") => Event::Proposal(proposal(&read(), exact)),
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

fn proposal(payload: &Node, exact: Option<&str>) -> ProposalEvent {
    let branch = |side: &str| {
        let name = payload.text(&format!("pull_request.{side}.ref")).filter(|name| !name.starts_with("refs/"));
        name.or_else(|| payload.text(&format!("pull_request.{side}.label"))).and_then(payload::shown)
    };
    let number = ["number", "pull_request.number", "issue.number"].into_iter().find_map(|path| payload.number(path));
    ProposalEvent {
        kind: kind(payload, exact.unwrap_or_default()),
        number,
        action: payload.text("action").and_then(payload::shown).unwrap_or_default(),
        source: branch("head"),
        target: branch("base"),
        repository: repository(payload.at("repository")),
    }
}

fn kind(payload: &Node, exact: &str) -> ProposalKind {
    // A comment has actions of its own; a review that only comments is one.
    if matches!(exact, "pull_request_comment" | "issue_comment" | "pull_request_review_comment") {
        return ProposalKind::Commented;
    }
    match payload.text("action").unwrap_or_default() {
        "opened" => ProposalKind::Opened,
        "synchronized" => ProposalKind::Commits,
        "edited" if payload.at("changes.ref").is_there() => ProposalKind::Retargeted,
        "edited" => drafted(payload).unwrap_or(ProposalKind::Edited),
        "reviewed" => ProposalKind::Reviewed,
        "closed" if payload.flag("pull_request.merged") == Some(true) => ProposalKind::Merged,
        "closed" => ProposalKind::Closed,
        "reopened" => ProposalKind::Reopened,
        "deleted" => ProposalKind::Deleted,
        "assigned"
        | "unassigned"
        | "label_updated"
        | "label_cleared"
        | "milestoned"
        | "demilestoned"
        | "review_requested"
        | "review_request_removed" => ProposalKind::Edited,
        _ => ProposalKind::Other,
    }
}

/// Whether a change of the title made it a draft, or ready.
fn drafted(payload: &Node) -> Option<ProposalKind> {
    let before = without_draft_prefix(payload.text("changes.title.from")?).is_some();
    let title = || payload.text("pull_request.title").is_some_and(|title| without_draft_prefix(title).is_some());
    match (before, payload.flag("pull_request.draft").unwrap_or_else(title)) {
        (false, true) => Some(ProposalKind::Drafted),
        (true, false) => Some(ProposalKind::Readied),
        _ => None,
    }
}

/// What makes a title that of a draft, unless a server is set otherwise; letters of any case.
const DRAFT: [&str; 2] = ["WIP:", "[WIP]"];

/// A draft's title without what makes it one; `None` if it is none.
pub(super) fn without_draft_prefix(title: &str) -> Option<&str> {
    DRAFT.iter().find_map(|prefix| {
        let (start, rest) = title.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| rest.trim_start())
    })
}

fn repository(node: &Node) -> RepositoryName {
    let urls = ["clone_url", "ssh_url", "html_url"];
    RepositoryName::new(node.text("full_name"), urls.iter().filter_map(|name| node.text(name)))
}
