//! What GitLab sends when something has happened to a merge request; the moments in the form of its webhooks.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Message;
use super::super::plain::{Happened, Plain, Proposal, State, Verdict};
use super::answers::{add, id, source_project, state, title, web};
use super::{Gitlab, PROJECT};

pub(super) fn messages(gitlab: &Gitlab, plain: &Plain, happened: &Happened) -> Vec<Message> {
    let of = |number: &u64| plain.proposal(*number);
    let update = |number: &u64, changes: Value, more: Value| {
        of(number).map(|proposal| merge_request(gitlab, plain, proposal, "update", changes, more)).into_iter().collect()
    };
    let simple = |number: &u64, action: &str, changes: Value| {
        of(number).map(|it| merge_request(gitlab, plain, it, action, changes, json!({}))).into_iter().collect()
    };
    let moved = |from: u8, to: u8| json!({ "state_id": { "previous": from, "current": to } });
    match happened {
        Happened::Opened(number) => {
            // A moment later what was found out while it was being prepared.
            let noise = json!({ "merge_status": { "previous": "preparing", "current": "unchecked" },
                "prepared_at": { "previous": null, "current": stamp(plain.now) } });
            let opened: Vec<Message> = simple(number, "open", json!({}));
            opened.into_iter().chain(update(number, noise, json!({}))).collect()
        }
        Happened::Synchronized(number, before) => update(number, json!({}), json!({ "oldrev": before })),
        Happened::Edited(number) => {
            update(number, json!({ "description": { "previous": "", "current": "new" } }), json!({}))
        }
        Happened::Retargeted(number, before) => {
            let base = of(number).map(|proposal| proposal.base.clone());
            update(number, json!({ "target_branch": { "previous": before, "current": base } }), json!({}))
        }
        Happened::Drafted(number) | Happened::Readied(number) => {
            let draft = matches!(happened, Happened::Drafted(_));
            let shown = of(number).map(title).unwrap_or_default();
            let bare = shown.trim_start_matches("Draft: ").to_owned();
            let before = if draft { bare } else { format!("Draft: {bare}") };
            let changes = json!({ "draft": { "previous": !draft, "current": draft },
                "title": { "previous": before, "current": shown } });
            update(number, changes, json!({}))
        }
        Happened::Reviewed(number, Verdict::Approved) => {
            let one: Vec<Message> = simple(number, "approval", json!({}));
            one.into_iter().chain(simple(number, "approved", json!({}))).collect()
        }
        Happened::Reviewed(number, Verdict::Dismissed) => simple(number, "unapproved", json!({})),
        // It is told only by what is said of the reviewers.
        Happened::Reviewed(number, Verdict::ChangesRequested) => {
            let of = |state: &str| json!([{ "username": "carol", "state": state, "re_requested": false }]);
            let changes = json!({ "reviewers": { "previous": of("unreviewed"), "current": of("requested_changes") } });
            update(number, changes, json!({}))
        }
        Happened::Commented(number) => of(number).map(|proposal| note(gitlab, plain, proposal)).into_iter().collect(),
        Happened::Closed(number) => simple(number, "close", moved(1, 2)),
        Happened::Merged(number) => simple(number, "merge", moved(4, 3)),
        Happened::Reopened(number) => simple(number, "reopen", moved(2, 1)),
        // Nothing is sent.
        Happened::Deleted(_) => Vec::new(),
    }
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn project(plain: &Plain) -> Value {
    let full = format!("{}/{}", plain.owner, plain.repository);
    let (ssh, http) = (format!("git@gitlab.example.com:{full}.git"), format!("{}.git", web(plain)));
    json!({
        "id": PROJECT,
        "name": plain.repository,
        "description": null,
        "web_url": web(plain),
        "avatar_url": null,
        "git_ssh_url": ssh,
        "git_http_url": http,
        "namespace": plain.owner,
        "visibility_level": 0,
        "path_with_namespace": full,
        "default_branch": "main",
        "ci_config_path": "",
        "homepage": web(plain),
        "url": ssh,
        "ssh_url": ssh,
        "http_url": http,
    })
}

fn person(name: &str) -> Value {
    json!({ "id": id(name), "name": name, "username": name, "avatar_url": null, "email": "[REDACTED]" })
}

fn attributes(gitlab: &Gitlab, plain: &Plain, proposal: &Proposal) -> Value {
    let (detailed, old) = gitlab.merge_status(plain, proposal);
    let source = source_project(proposal);
    let state_id = match proposal.state {
        State::Open => 1,
        State::Closed => 2,
        State::Merged => 3,
    };
    let mut all = json!({
        "assignee_id": null,
        "author_id": id(&proposal.author),
        "created_at": stamp(proposal.created),
        "description": proposal.body,
        "draft": proposal.draft,
        "head_pipeline_id": null,
        "id": 6_000_000 + proposal.number,
        "iid": proposal.number,
        "last_edited_at": null,
        "merge_commit_sha": proposal.merge_commit,
        "merge_error": null,
        "merge_params": { "force_remove_source_branch": "0" },
        "merge_status": old,
        "merge_user_id": null,
        "merge_when_pipeline_succeeds": false,
        "milestone_id": null,
        "source_branch": proposal.head,
        "source_project_id": source,
    });
    let more = json!({
        "state_id": state_id,
        "target_branch": proposal.base,
        "target_project_id": PROJECT,
        "title": title(proposal),
        "updated_at": stamp(proposal.updated),
        "url": format!("{}/-/merge_requests/{}", web(plain), proposal.number),
        "source": source.map(|_| project(plain)),
        "target": project(plain),
        "last_commit": { "id": proposal.head_commit, "message": "Turn on\n", "title": "Turn on",
            "timestamp": "2026-11-22T10:00:00+00:00", "url": format!("{}/-/commit/{}", web(plain), proposal.head_commit),
            "author": { "name": "Ada", "email": "[REDACTED]" } },
        "work_in_progress": proposal.draft,
        "assignee_ids": [],
        "reviewer_ids": [],
        "labels": [],
        "state": state(&proposal.state),
        "blocking_discussions_resolved": proposal.state == State::Open,
        "first_contribution": false,
        "detailed_merge_status": detailed,
    });
    add(&mut all, more);
    all
}

fn merge_request(
    gitlab: &Gitlab,
    plain: &Plain,
    proposal: &Proposal,
    action: &str,
    mut changes: Value,
    more: Value,
) -> Message {
    add(
        &mut changes,
        json!({ "updated_at": { "previous": stamp(proposal.created), "current": stamp(proposal.updated) } }),
    );
    let mut attributes = attributes(gitlab, plain, proposal);
    attributes["action"] = action.into();
    add(&mut attributes, more);
    let payload = json!({
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": person(&proposal.author),
        "project": project(plain),
        "object_attributes": attributes,
        "labels": [],
        "changes": changes,
        "repository": repository(plain),
    });
    Message { headers: vec![("X-Gitlab-Event", "Merge Request Hook".to_owned())], payload }
}

fn repository(plain: &Plain) -> Value {
    let ssh = format!("git@gitlab.example.com:{}/{}.git", plain.owner, plain.repository);
    json!({ "name": plain.repository, "url": ssh, "description": null, "homepage": web(plain) })
}

fn note(gitlab: &Gitlab, plain: &Plain, proposal: &Proposal) -> Message {
    let comment = proposal.comments.last();
    let by = comment.map_or("somebody", |comment| comment.by.as_str());
    let number = comment.map_or(0, |comment| comment.id);
    let payload = json!({
        "object_kind": "note",
        "event_type": "note",
        "user": person(by),
        "project_id": PROJECT,
        "project": project(plain),
        "object_attributes": {
            "action": "create",
            "attachment": null,
            "author_id": id(by),
            "created_at": stamp(plain.now),
            "id": number,
            "note": comment.map(|comment| comment.text.clone()),
            "noteable_id": 6_000_000 + proposal.number,
            "noteable_type": "MergeRequest",
            "project_id": PROJECT,
            "system": false,
            "updated_at": stamp(plain.now),
            "url": format!("{}/-/merge_requests/{}#note_{number}", web(plain), proposal.number),
        },
        "repository": repository(plain),
        "merge_request": attributes(gitlab, plain, proposal),
    });
    Message { headers: vec![("X-Gitlab-Event", "Note Hook".to_owned())], payload }
}
