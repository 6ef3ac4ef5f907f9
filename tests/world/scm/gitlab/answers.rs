//! Answers in the shape that GitLab gives them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::plain::{Comment, Plain, Proposal, State, Status, Verdict};
use super::{Gitlab, PROJECT};

/// The web page of the project.
pub(super) fn web(plain: &Plain) -> String {
    format!("https://gitlab.example.com/{}/{}", plain.owner, plain.repository)
}

/// A new name, with the group where it stays in it.
pub(super) fn renamed(plain: &Plain, name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{}/{name}", plain.owner) }
}

/// As the API writes moments.
pub(super) fn moment(at: Timestamp) -> Value {
    Value::String(format!("{}.000Z", at.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// A number that stays with a name.
pub(super) fn id(name: &str) -> u64 {
    name.bytes().fold(7, |id, byte| (id * 31 + u64::from(byte)) % 1_000_003)
}

pub(super) fn user(name: &str) -> Value {
    json!({
        "id": id(name),
        "username": name,
        "public_email": null,
        "name": name,
        "state": "active",
        "locked": false,
        "avatar_url": null,
        "web_url": format!("https://gitlab.example.com/{name}"),
    })
}

pub(super) const fn state(state: &State) -> &'static str {
    match state {
        State::Open => "opened",
        State::Closed => "closed",
        State::Merged => "merged",
    }
}

/// The title without the prefix of a draft, and whether it had one.
pub(super) fn split_title(title: &str) -> (String, bool) {
    for prefix in ["Draft:", "[Draft]", "(Draft)"] {
        if title.len() > prefix.len() && title.is_char_boundary(prefix.len()) {
            let (head, rest) = title.split_at(prefix.len());
            if head.eq_ignore_ascii_case(prefix) {
                return (rest.trim_start().to_owned(), true);
            }
        }
    }
    (title.to_owned(), false)
}

/// The title as everybody sees it.
pub(super) fn title(proposal: &Proposal) -> String {
    if proposal.draft { format!("Draft: {}", proposal.title) } else { proposal.title.clone() }
}

/// The project that a proposal comes from; none if that was deleted.
pub(super) fn source_project(proposal: &Proposal) -> Option<u64> {
    match &proposal.fork {
        None => Some(PROJECT),
        Some(_) if proposal.fork_gone => None,
        Some(fork) => Some(1_000 + id(fork)),
    }
}

/// The last word of everybody who said something.
fn verdicts(proposal: &Proposal) -> Vec<(&str, Verdict)> {
    let mut last: Vec<(&str, Verdict)> = Vec::new();
    for review in &proposal.reviews {
        last.retain(|(by, _)| *by != review.by);
        last.push((&review.by, review.verdict));
    }
    last
}

impl Gitlab {
    /// What GitLab says of whether it could be merged: (detailed, as before 15.6).
    pub(super) fn merge_status(&self, plain: &Plain, proposal: &Proposal) -> (&'static str, &'static str) {
        if proposal.state != State::Open {
            return ("not_open", "can_be_merged");
        }
        let approved = verdicts(proposal).iter().filter(|(_, verdict)| *verdict == Verdict::Approved).count();
        let needed = self.approvals_required.map_or(usize::from(plain.protected), |needed| needed as usize);
        if proposal.undecided > 1 {
            ("preparing", "preparing")
        } else if proposal.undecided == 1 {
            ("checking", "checking")
        } else if proposal.fork.is_none() && plain.git.tip(&proposal.head).is_none() {
            ("commits_status", "cannot_be_merged")
        } else if plain.git.conflicts(&proposal.base, &proposal.head) {
            ("conflict", "cannot_be_merged")
        } else if proposal.draft {
            ("draft_status", "can_be_merged")
        } else if verdicts(proposal).iter().any(|(_, verdict)| *verdict == Verdict::ChangesRequested) {
            ("requested_changes", "can_be_merged")
        } else if approved < needed {
            ("not_approved", "can_be_merged")
        } else {
            ("mergeable", "can_be_merged")
        }
    }

    /// A merge request of a list, or alone.
    pub(super) fn merge_request(&self, plain: &Plain, proposal: &Proposal, alone: bool) -> Value {
        let (detailed, old) = self.merge_status(plain, proposal);
        let page = format!("{}/-/merge_requests/{}", web(plain), proposal.number);
        let method = self.rest.lock().unwrap().methods.get(&proposal.number).cloned();
        let commit = |ours: &str| {
            let is = method.as_deref().unwrap_or("merge") == ours;
            proposal.merge_commit.clone().filter(|_| is)
        };
        let ended = |state: State| if proposal.state == state { proposal.ended.map(moment) } else { None };
        let reviewers: Vec<Value> = verdicts(proposal).iter().map(|(by, _)| user(by)).collect();
        let mut all = json!({
            "id": 6_000_000 + proposal.number,
            "iid": proposal.number,
            "project_id": PROJECT,
            "title": title(proposal),
            "description": proposal.body,
            "state": state(&proposal.state),
            "created_at": moment(proposal.created),
            "updated_at": moment(proposal.updated),
            "merged_by": null,
            "merge_user": null,
            "merged_at": ended(State::Merged),
            "closed_by": null,
            "closed_at": ended(State::Closed),
            "target_branch": proposal.base,
            "source_branch": proposal.head,
            "user_notes_count": proposal.comments.len(),
            "upvotes": 0,
            "downvotes": 0,
            "author": user(&proposal.author),
            "assignees": [],
            "assignee": null,
            "reviewers": reviewers,
            "source_project_id": source_project(proposal),
            "target_project_id": PROJECT,
            "labels": [],
            "draft": proposal.draft,
            "imported": false,
            "imported_from": "none",
            "work_in_progress": proposal.draft,
        });
        let more = json!({
            "milestone": null,
            "merge_when_pipeline_succeeds": false,
            "merge_status": old,
            "detailed_merge_status": detailed,
            "merge_after": null,
            "sha": proposal.head_commit,
            "merge_commit_sha": commit("merge"),
            "squash_commit_sha": commit("squash"),
            "discussion_locked": null,
            "should_remove_source_branch": null,
            "force_remove_source_branch": false,
            "prepared_at": moment(proposal.created),
            "reference": format!("!{}", proposal.number),
            "references": { "short": format!("!{}", proposal.number), "relative": format!("!{}", proposal.number),
                "full": format!("{}/{}!{}", plain.owner, plain.repository, proposal.number) },
            "web_url": page,
            "time_stats": { "time_estimate": 0, "total_time_spent": 0, "human_time_estimate": null,
                "human_total_time_spent": null },
            "squash": false,
            "squash_on_merge": false,
            "task_completion_status": { "count": 0, "completed_count": 0 },
            "has_conflicts": detailed == "conflict",
            "blocking_discussions_resolved": true,
        });
        add(&mut all, more);
        if alone {
            let head = &proposal.head_commit;
            let base = plain.git.tip(&proposal.base);
            let pipeline =
                plain.statuses.iter().any(|status| status.commit == *head).then(|| pipeline(plain, proposal));
            let more = json!({
                "subscribed": false,
                "changes_count": "1",
                "latest_build_started_at": null,
                "latest_build_finished_at": null,
                "first_deployed_to_production_at": null,
                "pipeline": null,
                "head_pipeline": pipeline,
                "diff_refs": { "base_sha": base, "head_sha": head, "start_sha": base },
                "merge_error": null,
                "first_contribution": false,
                "user": { "can_merge": !self.protects_target },
            });
            add(&mut all, more);
        }
        all
    }

    pub(super) fn approvals(&self, plain: &Plain, number: u64) -> Value {
        let proposal = plain.proposal(number).unwrap();
        let approved: Vec<Value> = verdicts(proposal)
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Approved)
            .map(|(by, _)| json!({ "user": user(by), "approved_at": moment(proposal.updated) }))
            .collect();
        let mut all = json!({
            "user_has_approved": false,
            "user_can_approve": true,
            "approved": !approved.is_empty(),
            "approved_by": approved,
        });
        if let Some(needed) = self.approvals_required {
            let left = (needed as usize).saturating_sub(approved.len());
            add(&mut all, json!({ "approvals_required": needed, "approvals_left": left }));
        }
        all
    }

    pub(super) fn project(&self, plain: &Plain) -> Value {
        let path = match &plain.renamed_to {
            Some(name) => renamed(plain, name),
            None => format!("{}/{}", plain.owner, plain.repository),
        };
        json!({
            "id": PROJECT,
            "name": path.rsplit('/').next(),
            "path_with_namespace": path,
            "default_branch": "main",
            "archived": plain.archived,
            "merge_requests_enabled": true,
            "merge_method": self.merge_method,
            "web_url": web(plain),
        })
    }
}

/// The pipeline that GitLab makes for statuses from outside.
fn pipeline(plain: &Plain, proposal: &Proposal) -> Value {
    let of_head = || plain.statuses.iter().filter(|status| status.commit == proposal.head_commit);
    let status = if of_head().any(|status| status.state == "failure") {
        "failed"
    } else if of_head().any(|status| status.state == "pending") {
        "pending"
    } else {
        "success"
    };
    json!({
        "id": 900 + proposal.number,
        "project_id": PROJECT,
        "sha": proposal.head_commit,
        "ref": proposal.head,
        "status": status,
        "source": "external",
        "web_url": format!("{}/-/pipelines/{}", web(plain), 900 + proposal.number),
        "tag": false,
    })
}

/// More members.
pub(super) fn add(to: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("an object") };
    to.as_object_mut().unwrap().extend(more);
}

pub(super) fn reviewers(plain: &Plain, number: u64) -> Value {
    let proposal = plain.proposal(number).unwrap();
    let one = |(by, verdict): &(&str, Verdict)| {
        let state = match verdict {
            Verdict::Approved => "approved",
            Verdict::ChangesRequested => "requested_changes",
            Verdict::Dismissed => "unapproved",
        };
        json!({ "user": user(by), "state": state, "created_at": moment(proposal.updated) })
    };
    verdicts(proposal).iter().map(one).collect()
}

pub(super) fn commit(plain: &Plain, sha: &str) -> Value {
    json!({
        "id": sha,
        "short_id": &sha[..8],
        "created_at": moment(plain.now),
        "parent_ids": [],
        "title": "Turn on",
        "message": "Turn on\n",
        "author_name": "Ada",
        "author_email": "ada@example.com",
        "authored_date": moment(plain.now),
        "committer_name": "Ada",
        "committer_email": "ada@example.com",
        "committed_date": moment(plain.now),
        "trailers": {},
        "extended_trailers": {},
        "web_url": format!("{}/-/commit/{sha}", web(plain)),
    })
}

pub(super) fn status(plain: &Plain, at: u64, status: &Status) -> Value {
    let state = if status.state == "failure" { "failed" } else { &status.state };
    json!({
        "id": 500 + at,
        "sha": status.commit,
        "ref": null,
        "status": state,
        "name": status.context,
        "target_url": status.url,
        "description": status.description,
        "created_at": moment(plain.now),
        "started_at": null,
        "finished_at": null,
        "allow_failure": false,
        "coverage": null,
        "pipeline_id": 900,
        "author": user("yardarm-bot"),
    })
}

pub(super) fn note(plain: &Plain, proposal: &Proposal, comment: &Comment) -> Value {
    json!({
        "id": comment.id,
        "type": null,
        "body": comment.text,
        "author": user(&comment.by),
        "created_at": moment(plain.now),
        "updated_at": moment(plain.now),
        "system": false,
        "noteable_id": 6_000_000 + proposal.number,
        "noteable_type": "MergeRequest",
        "project_id": PROJECT,
        "resolvable": false,
        "confidential": false,
        "internal": false,
        "imported": false,
        "imported_from": "none",
        "noteable_iid": proposal.number,
        "commands_changes": {},
    })
}
