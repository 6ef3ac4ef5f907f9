//! Bitbucket Server and Data Center.
//!
//! - The test button sends `diagnostics:ping` without a signature, also when a secret is set. It is answered and does
//!   nothing; [`is_unsigned_ping`] knows it by its header alone.
//! - Dates are integers before version 10 and texts since; none is looked at.
//! - Clone links are missing in older versions; project and slug are always there.
//! - A mirror says `mirror:repo_synchronized`, with `refLimitExceeded` when its list of refs is cut.

use super::headers::{Field, Headers};
use super::payload::{self, Node};
use super::{Event, Notice, ProposalEvent, ProposalKind, Push, RefChange, RepositoryName, name_of, ref_name};

/// Members of the payload that are looked at.
const KEEP: &[&str] = &[
    "changes",
    "ref",
    "refId",
    "id",
    "displayId",
    "type",
    "fromHash",
    "toHash",
    "refLimitExceeded",
    "repository",
    "slug",
    "project",
    "key",
    "links",
    "clone",
    "self",
    "href",
    "pullRequest",
    "fromRef",
    "toRef",
    "draft",
    "previousDraft",
    "previousTarget",
];

const EVENT: &str = "x-event-key";
const PING: &str = "diagnostics:ping";

/// Whether this is the test button's request, as far as an unsigned head can say.
pub(super) fn is_unsigned_ping(headers: &Headers<'_>) -> bool {
    headers.get(EVENT) == Field::Is(PING) && headers.get("x-hub-signature") == Field::Absent
}

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    let name = headers.get(EVENT).value();
    let read = || payload::read(payload, KEEP).unwrap_or_default();
    let event = match name {
        Some(PING) => Event::Ping,
        Some("repo:refs_changed" | "mirror:repo_synchronized") => Event::Push(push(&read())),
        Some(name) => match name.strip_prefix("pr:") {
            Some(action) => Event::Proposal(proposal(&read(), action)),
            None => Event::Other { name: name_of(Some(name)) },
        },
        None => Event::Other { name: name_of(None) },
    };
    Notice { id: headers.get("x-request-id").value().and_then(payload::shown), name: name_of(name), event }
}

fn push(payload: &Node) -> Push {
    let cut = payload.flag("refLimitExceeded") == Some(true);
    let all = payload
        .whole_list("changes")
        .filter(|_| !cut)
        .and_then(|changes| changes.iter().map(change).collect::<Option<Vec<_>>>());
    Push { changes: all.unwrap_or_default(), repository: repository(payload.at("repository")) }
}

fn change(node: &Node) -> Option<RefChange> {
    let kind = if node.text("ref.type") == Some("TAG") { "refs/tags/" } else { "refs/heads/" };
    let name = ["ref.id", "refId", "ref.displayId"].into_iter().find_map(|path| node.text(path))?;
    let after = node.text("toHash");
    Some(RefChange {
        name: ref_name(name, kind)?,
        before: node.text("fromHash").and_then(payload::object_id),
        after: after.and_then(payload::object_id),
        deleted: node.text("type") == Some("DELETE") || after.is_some_and(payload::is_zero),
    })
}

/// `modified` says what was before; of a draft only newer versions do.
fn kind(payload: &Node, action: &str) -> ProposalKind {
    let differs =
        |before: &str, now: &str| payload.text(before).is_some_and(|before| payload.text(now) != Some(before));
    match action {
        "opened" => ProposalKind::Opened,
        "from_ref_updated" => ProposalKind::Commits,
        "modified" if differs("previousTarget.id", "pullRequest.toRef.id") => ProposalKind::Retargeted,
        "modified" => match (payload.flag("previousDraft"), payload.flag("pullRequest.draft")) {
            (Some(false), Some(true)) => ProposalKind::Drafted,
            (Some(true), Some(false)) => ProposalKind::Readied,
            _ => ProposalKind::Edited,
        },
        "reviewer:updated" => ProposalKind::Edited,
        "merged" => ProposalKind::Merged,
        "declined" => ProposalKind::Closed,
        "reopened" => ProposalKind::Reopened,
        "deleted" => ProposalKind::Deleted,
        _ if action.starts_with("reviewer:") => ProposalKind::Reviewed,
        _ if action.starts_with("comment:") => ProposalKind::Commented,
        _ => ProposalKind::Other,
    }
}

fn proposal(payload: &Node, action: &str) -> ProposalEvent {
    let branch = |side: &str| {
        let full = payload.text(&format!("pullRequest.{side}.id")).and_then(|id| id.strip_prefix("refs/heads/"));
        full.or_else(|| payload.text(&format!("pullRequest.{side}.displayId"))).and_then(payload::shown)
    };
    ProposalEvent {
        kind: kind(payload, action),
        number: payload.number("pullRequest.id"),
        action: payload::shown(action).unwrap_or_default(),
        source: branch("fromRef"),
        target: branch("toRef"),
        repository: repository(payload.at("pullRequest.toRef.repository")),
    }
}

fn repository(node: &Node) -> RepositoryName {
    let full_name = node.text("project.key").zip(node.text("slug")).map(|(key, slug)| format!("{key}/{slug}"));
    let links = node.list("links.clone").iter().chain(node.list("links.self"));
    RepositoryName::new(full_name.as_deref(), links.filter_map(|link| link.text("href")))
}
