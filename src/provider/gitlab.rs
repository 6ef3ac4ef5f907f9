//! GitLab, gitlab.com and self-managed; project, group and system hooks.
//!
//! - What happened is said by the body (`object_kind`, in system hooks `event_name`), which a signature covers; the
//!   header is asked only where a template of the operator's has changed the body.
//! - A push of more than a few refs sends no push event at all; the system hook `repository_update` still comes.
//! - There is no ping: the test button sends an ordinary event.
//! - `update` is any change of a merge request: new commits are one with `oldrev`, and what else it was, `changes` says.

use super::headers::Headers;
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "object_kind",
    "event_name",
    "ref",
    "before",
    "after",
    "changes",
    "refs",
    "object_attributes",
    "iid",
    "action",
    "oldrev",
    "draft",
    "work_in_progress",
    "title",
    "state",
    "reviewers",
    "previous",
    "current",
    "source_branch",
    "target_branch",
    "merge_request",
    "project",
    "path_with_namespace",
    "git_http_url",
    "git_ssh_url",
    "web_url",
    "repository",
    "homepage",
    "url",
];

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    let header = headers.get("x-gitlab-event").value();
    let payload = payload::read(payload, KEEP).unwrap_or_default();
    let kind = payload.text("object_kind").or_else(|| payload.text("event_name")).or(match header {
        Some("Push Hook") => Some("push"),
        Some("Tag Push Hook") => Some("tag_push"),
        Some("Merge Request Hook") => Some("merge_request"),
        Some("Note Hook") => Some("note"),
        _ => None,
    });
    let event = match kind {
        Some("push") => Event::Push(push(&payload, "refs/heads/")),
        Some("tag_push") => Event::Push(push(&payload, "refs/tags/")),
        Some("repository_update") => Event::Push(update(&payload)),
        Some("merge_request") => {
            Event::Proposal(ProposalEvent { kind: kind_of(&payload), ..proposal(&payload, "object_attributes") })
        }
        Some("note") if payload.at("merge_request").is_there() => {
            Event::Proposal(ProposalEvent { kind: ProposalKind::Commented, ..proposal(&payload, "merge_request") })
        }
        _ => Event::Other { name: name_of(kind.or(header)) },
    };
    // The id of Standard Webhooks is signed; the other is the same value. Without either there is none: two pushes may
    // well have the same bytes, so a digest of the body would drop a real one.
    let id = headers.get("webhook-id").value().or_else(|| headers.get("idempotency-key").value());
    Notice { id: id.and_then(payload::shown), name: name_of(kind.or(header)), event }
}

fn change(node: &Node, kind: &str) -> Option<RefChange> {
    let after = node.text("after");
    Some(RefChange {
        name: ref_name(node.text("ref")?, kind)?,
        before: node.text("before").and_then(payload::object_id),
        after: after.and_then(payload::object_id),
        deleted: after.is_some_and(payload::is_zero),
    })
}

fn push(payload: &Node, kind: &str) -> Push {
    Push { changes: change(payload, kind).into_iter().collect(), repository: repository(payload) }
}

fn update(payload: &Node) -> Push {
    let all = payload
        .whole_list("changes")
        .and_then(|items| items.iter().map(|item| change(item, "refs/heads/")).collect::<Option<Vec<_>>>());
    Push { changes: all.unwrap_or_default(), repository: repository(payload) }
}

/// What happened to a merge request.
fn kind_of(payload: &Node) -> ProposalKind {
    match payload.text("object_attributes.action") {
        Some("open") => ProposalKind::Opened,
        Some("update") => update_kind(payload),
        Some("approval" | "approved" | "unapproval" | "unapproved") => ProposalKind::Reviewed,
        Some("merge") => ProposalKind::Merged,
        Some("close") => ProposalKind::Closed,
        Some("reopen") => ProposalKind::Reopened,
        _ => ProposalKind::Other,
    }
}

/// What an update changed, the most telling first; one may hold several changes.
fn update_kind(payload: &Node) -> ProposalKind {
    if payload.text("object_attributes.oldrev").is_some() {
        return ProposalKind::Commits;
    }
    let changes = payload.at("changes");
    let draft = changes
        .flag("draft.current")
        .or_else(|| changes.flag("work_in_progress.current"))
        .or_else(|| by_title(changes.text("title.previous")?, changes.text("title.current")?));
    match draft {
        Some(true) => ProposalKind::Drafted,
        Some(false) => ProposalKind::Readied,
        None if changes.at("target_branch").is_there() => ProposalKind::Retargeted,
        // Asking for changes has no action of its own.
        None if changes.at("reviewers").is_there() && has_reviewed(changes) => ProposalKind::Reviewed,
        None => ProposalKind::Edited,
    }
}

/// Before 15.0 a title is all that says that it became a draft, or ready.
fn by_title(previous: &str, current: &str) -> Option<bool> {
    let is_draft = |title: &str| {
        let title = title.to_ascii_lowercase();
        ["draft:", "[draft]", "(draft)", "wip:", "[wip]"].iter().any(|prefix| title.starts_with(prefix))
    };
    (is_draft(previous) != is_draft(current)).then(|| is_draft(current))
}

/// Whether the state of any reviewer is another one than before. That one was asked to review is no review.
fn has_reviewed(changes: &Node) -> bool {
    let states = |path: &str| -> Vec<Option<String>> {
        changes.list(path).iter().map(|reviewer| reviewer.text("state").map(str::to_owned)).collect()
    };
    let (before, after) = (states("reviewers.previous"), states("reviewers.current"));
    before.len() == after.len() && before != after
}

fn proposal(payload: &Node, attributes: &str) -> ProposalEvent {
    let node = payload.at(attributes);
    let short = |path: &str| node.text(path).and_then(payload::shown);
    let action = payload.text("object_attributes.action").or_else(|| payload.text("object_kind"));
    ProposalEvent {
        kind: ProposalKind::Other,
        number: node.number("iid"),
        action: action.and_then(payload::shown).unwrap_or_default(),
        source: short("source_branch"),
        target: short("target_branch"),
        repository: repository(payload),
    }
}

fn repository(payload: &Node) -> RepositoryName {
    let urls = [
        "project.git_http_url",
        "project.git_ssh_url",
        "project.web_url",
        "repository.git_http_url",
        "repository.git_ssh_url",
        "repository.homepage",
        "repository.url",
    ];
    RepositoryName::new(payload.text("project.path_with_namespace"), urls.iter().filter_map(|path| payload.text(path)))
}
