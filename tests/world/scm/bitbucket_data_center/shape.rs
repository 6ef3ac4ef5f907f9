//! What its answers look like, after the recordings and the specification.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::plain::{Comment, Plain, Proposal, State, Status, Verdict};
use super::BitbucketDataCenter;

/// How it writes dates.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dates {
    /// Milliseconds.
    Millis,
    /// Texts; the offset has no colon.
    Iso,
}

impl Dates {
    pub(super) fn of(self, at: Timestamp) -> Value {
        match self {
            Self::Millis => at.as_millisecond().into(),
            Self::Iso => at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string().into(),
        }
    }
}

/// A number for a name.
fn number_of(name: &str) -> u32 {
    crc32fast::hash(name.as_bytes()) >> 8
}

pub(super) fn user(name: &str) -> Value {
    json!({
        "name": name, "emailAddress": format!("{name}@example.com"), "id": number_of(name), "displayName": name,
        "active": true, "slug": name, "type": "NORMAL",
        "links": {"self": [{"href": format!("https://git.example.com:7990/bitbucket/users/{name}")}]},
    })
}

fn repository(full_name: &str) -> Value {
    let (key, slug) = full_name.split_once('/').unwrap();
    let server = "https://git.example.com:7990/bitbucket";
    json!({
        "slug": slug, "id": number_of(full_name), "name": slug, "hierarchyId": "5aa23c1a1280b0c0acce", "scmId": "git",
        "state": "AVAILABLE", "statusMessage": "Available", "forkable": true, "public": false, "archived": false,
        "project": {
            "key": key, "id": number_of(key), "name": key.trim_start_matches('~'), "public": false, "type": "NORMAL",
        },
        "links": {
            "clone": [{"href": format!("{server}/scm/{}/{slug}.git", key.to_lowercase()), "name": "http"}],
            "self": [{"href": format!("{server}/projects/{key}/repos/{slug}/browse")}],
        },
    })
}

pub(super) fn reference(branch: &str, commit: &str, full_name: &str) -> Value {
    json!({
        "id": format!("refs/heads/{branch}"), "displayId": branch, "latestCommit": commit, "type": "BRANCH",
        "repository": repository(full_name),
    })
}

/// A pull request.
pub(super) fn pull_request(plain: &Plain, version: BitbucketDataCenter, number: u64) -> Value {
    let proposal = plain.proposal(number).unwrap();
    let dates = version.dates();
    let here = format!("{}/{}", plain.owner, plain.repository);
    let from = proposal.fork.clone().unwrap_or_else(|| here.clone());
    let base = plain.git.tip(&proposal.base).unwrap_or_else(|| proposal.head_commit.clone());
    let state = match proposal.state {
        State::Open => "OPEN",
        State::Closed => "DECLINED",
        State::Merged => "MERGED",
    };
    let page = format!(
        "https://git.example.com:7990/bitbucket/projects/{}/repos/{}/pull-requests/{number}",
        plain.owner, plain.repository
    );
    let author = json!({"user": user(&proposal.author), "role": "AUTHOR", "approved": false, "status": "UNAPPROVED"});
    let mut body = json!({
        "id": number, "version": proposal.version, "title": proposal.title, "description": proposal.body,
        "state": state, "open": proposal.state == State::Open, "closed": proposal.state != State::Open,
        "createdDate": dates.of(proposal.created), "updatedDate": dates.of(proposal.updated),
        "fromRef": reference(&proposal.head, &proposal.head_commit, &from),
        "toRef": reference(&proposal.base, &base, &here),
        "locked": false, "author": author, "reviewers": reviewers(proposal), "participants": [],
        "links": {"self": [{"href": page}]},
    });
    if proposal.fork_gone {
        body["fromRef"]["repository"] = Value::Null;
    }
    if !version.old {
        body["draft"] = proposal.draft.into();
    }
    if let Some(ended) = proposal.ended {
        body["closedDate"] = dates.of(ended);
    }
    if let Some(commit) = proposal.merge_commit.as_ref().filter(|_| !version.old) {
        body["properties"] = json!({"mergeCommit": {"id": commit, "displayId": &commit[..11]}});
    }
    body
}

/// Who said something, as each of them said it last.
fn reviewers(proposal: &Proposal) -> Vec<Value> {
    let mut last: Vec<(&str, &str, Verdict)> = Vec::new();
    for review in proposal.reviews.iter().rev() {
        if last.iter().all(|(by, ..)| *by != review.by) {
            last.push((&review.by, &review.commit, review.verdict));
        }
    }
    let participant = |(by, commit, verdict): (&str, &str, Verdict)| {
        let status = status_of(verdict);
        json!({
            "user": user(by), "role": "REVIEWER", "approved": verdict == Verdict::Approved, "status": status,
            "lastReviewedCommit": commit,
        })
    };
    last.into_iter().map(participant).collect()
}

pub(super) fn status_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "APPROVED",
        Verdict::ChangesRequested => "NEEDS_WORK",
        Verdict::Dismissed => "UNAPPROVED",
    }
}

pub(super) fn build(status: &Status, dates: Dates, now: Timestamp) -> Value {
    let state = match status.state.as_str() {
        "pending" => "INPROGRESS",
        "success" => "SUCCESSFUL",
        _ => "FAILED",
    };
    json!({
        "key": status.context, "name": status.context, "state": state, "url": status.url,
        "description": status.description, "createdDate": dates.of(now), "updatedDate": dates.of(now),
    })
}

pub(super) fn remark(comment: &Comment, dates: Dates, now: Timestamp) -> Value {
    json!({
        "properties": {"repositoryId": 1}, "id": comment.id, "version": comment.version, "text": comment.text,
        "author": user(&comment.by), "createdDate": dates.of(now), "updatedDate": dates.of(now), "comments": [],
        "severity": "NORMAL", "state": "OPEN",
    })
}
