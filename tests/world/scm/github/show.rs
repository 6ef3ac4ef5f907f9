//! What GitHub shows, in the shapes of its description.

use serde_json::{Value, json};

use super::super::plain::{Comment, Plain, Proposal, Refused, Review, State, Status, Verdict};
use super::time;

const API: &str = "https://api.github.com";

pub(super) fn user(name: &str) -> Value {
    let url = format!("{API}/users/{name}");
    let at = |rest: &str| format!("{url}/{rest}");
    json!({
        "login": name, "id": id_of(name), "node_id": format!("U_{}", id_of(name)),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", id_of(name)), "gravatar_id": "",
        "url": url, "html_url": format!("https://github.com/{name}"), "followers_url": at("followers"),
        "following_url": at("following{/other_user}"), "gists_url": at("gists{/gist_id}"),
        "starred_url": at("starred{/owner}{/repo}"), "subscriptions_url": at("subscriptions"),
        "organizations_url": at("orgs"), "repos_url": at("repos"), "events_url": at("events{/privacy}"),
        "received_events_url": at("received_events"), "type": "User", "user_view_type": "public", "site_admin": false,
    })
}

fn id_of(name: &str) -> u64 {
    name.bytes().fold(17, |id, byte| (id * 31 + u64::from(byte)) % 90_000_000)
}

/// The repository, or a fork of it; `minimal` leaves out what the smaller schema has not.
pub(super) fn repository(plain: &Plain, full_name: &str, minimal: bool) -> Value {
    const WITHOUT: &[&str] = &[
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "hooks",
        "languages",
        "merges",
        "stargazers",
        "subscribers",
        "subscription",
        "tags",
        "teams",
    ];
    const WITH: &[(&str, &str)] = &[
        ("archive", "{archive_format}{/ref}"),
        ("assignees", "assignees{/user}"),
        ("blobs", "git/blobs{/sha}"),
        ("branches", "branches{/branch}"),
        ("collaborators", "collaborators{/collaborator}"),
        ("comments", "comments{/number}"),
        ("commits", "commits{/sha}"),
        ("compare", "compare/{base}...{head}"),
        ("contents", "contents/{+path}"),
        ("git_commits", "git/commits{/sha}"),
        ("git_refs", "git/refs{/sha}"),
        ("git_tags", "git/tags{/sha}"),
        ("issue_comment", "issues/comments{/number}"),
        ("issue_events", "issues/events{/number}"),
        ("issues", "issues{/number}"),
        ("keys", "keys{/key_id}"),
        ("labels", "labels{/name}"),
        ("milestones", "milestones{/number}"),
        ("notifications", "notifications{?since,all,participating}"),
        ("pulls", "pulls{/number}"),
        ("releases", "releases{/id}"),
        ("statuses", "statuses/{sha}"),
        ("trees", "git/trees{/sha}"),
    ];
    let (owner, name) = full_name.split_once('/').unwrap();
    let ours = full_name == format!("{}/{}", plain.owner, plain.repository);
    let (url, page) = (format!("{API}/repos/{full_name}"), format!("https://github.com/{full_name}"));
    let mut shown = json!({
        "id": id_of(full_name), "node_id": format!("R_{}", id_of(full_name)), "name": name, "full_name": full_name,
        "private": true, "owner": user(owner), "html_url": page, "description": null, "fork": !ours, "url": url,
    });
    for name in WITHOUT {
        shown[format!("{name}_url")] = format!("{url}/{name}").into();
    }
    for (name, template) in WITH {
        shown[format!("{name}_url")] = format!("{url}/{template}").into();
    }
    if minimal {
        return shown;
    }
    let more = json!({
        "created_at": time(plain.now), "updated_at": time(plain.now), "pushed_at": time(plain.now),
        "git_url": format!("git://github.com/{full_name}.git"), "ssh_url": format!("git@github.com:{full_name}.git"),
        "clone_url": format!("{page}.git"), "svn_url": page, "homepage": null, "size": 1, "stargazers_count": 0,
        "watchers_count": 0, "language": null, "has_issues": true, "has_projects": true, "has_downloads": true,
        "has_wiki": true, "has_pages": false, "has_discussions": false, "forks_count": 0, "mirror_url": null,
        "archived": plain.archived, "disabled": false, "open_issues_count": 0, "license": null,
        "allow_forking": true, "is_template": false, "web_commit_signoff_required": false, "topics": [],
        "visibility": "private", "forks": 0, "open_issues": 0, "watchers": 0, "default_branch": "main",
    });
    shown.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shown
}

pub(super) fn full_name(plain: &Plain) -> String {
    format!("{}/{}", plain.owner, plain.renamed_to.as_ref().unwrap_or(&plain.repository))
}

/// Whose branch the head is.
pub(super) fn owner<'p>(plain: &'p Plain, proposal: &'p Proposal) -> &'p str {
    proposal.fork.as_deref().and_then(|fork| fork.split('/').next()).unwrap_or(&plain.owner)
}

/// A pull request as lists have it.
pub(super) fn pull_of_list(plain: &Plain, proposal: &Proposal) -> Value {
    let Proposal { number, head, base, head_commit, .. } = proposal;
    let name = full_name(plain);
    let (url, issue) = (format!("{API}/repos/{name}/pulls/{number}"), format!("{API}/repos/{name}/issues/{number}"));
    let page = format!("https://github.com/{name}/pull/{number}");
    let statuses = format!("{API}/repos/{name}/statuses/{head_commit}");
    let review_comment = format!("{API}/repos/{name}/pulls/comments{{/number}}");
    let ours = repository(plain, &format!("{}/{}", plain.owner, plain.repository), false);
    let theirs = match &proposal.fork {
        Some(_) if proposal.fork_gone => Value::Null,
        Some(fork) => repository(plain, fork, false),
        None => ours.clone(),
    };
    let base_commit = plain.git.tip(base).unwrap_or_default();
    let ended = proposal.ended.map(time);
    let href = |url: &str| json!({ "href": url });
    json!({
        "url": url, "id": 2_000_000 + number, "node_id": format!("PR_{number}"), "html_url": page,
        "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "issue_url": issue,
        "number": number, "state": if proposal.state == State::Open { "open" } else { "closed" }, "locked": false,
        "title": proposal.title, "user": user(&proposal.author),
        "body": if proposal.body.is_empty() { Value::Null } else { proposal.body.clone().into() },
        "created_at": time(proposal.created), "updated_at": time(proposal.updated), "closed_at": ended,
        "merged_at": ended.filter(|_| proposal.state == State::Merged), "merge_commit_sha": merge_commit(proposal),
        "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [], "labels": [],
        "milestone": null, "draft": proposal.draft, "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"), "review_comment_url": review_comment,
        "comments_url": format!("{issue}/comments"), "statuses_url": statuses,
        "head": {
            "label": format!("{}:{head}", owner(plain, proposal)), "ref": head, "sha": head_commit,
            "user": user(owner(plain, proposal)), "repo": theirs,
        },
        "base": {
            "label": format!("{}:{base}", plain.owner), "ref": base, "sha": base_commit, "user": user(&plain.owner),
            "repo": ours,
        },
        "_links": {
            "self": href(&url), "html": href(&page), "issue": href(&issue),
            "comments": href(&format!("{issue}/comments")), "review_comments": href(&format!("{url}/comments")),
            "review_comment": href(&review_comment), "commits": href(&format!("{url}/commits")),
            "statuses": href(&statuses),
        },
        "author_association": "COLLABORATOR", "auto_merge": null, "active_lock_reason": null,
    })
}

/// Until it is merged: the commit of a test merge, also of one that was closed.
fn merge_commit(proposal: &Proposal) -> Option<String> {
    let test = || proposal.head_commit.chars().rev().collect();
    proposal.merge_commit.clone().or_else(|| (proposal.undecided == 0).then(test))
}

/// A pull request by itself.
pub(super) fn pull(plain: &Plain, proposal: &Proposal) -> Value {
    let mut shown = pull_of_list(plain, proposal);
    let merged = proposal.state == State::Merged;
    let failing = plain.statuses.iter().any(|it| it.commit == proposal.head_commit && it.state != "success");
    let (mergeable, word) = match plain.mergeable(proposal.number) {
        Ok(()) if failing => (Some(true), "unstable"),
        Ok(()) => (Some(true), "clean"),
        Err(Refused::Draft) => (Some(true), "draft"),
        Err(Refused::Conflict) => (Some(false), "dirty"),
        Err(Refused::Protected) => (Some(true), "blocked"),
        Err(_) => (None, "unknown"),
    };
    let more = json!({
        "merged": merged, "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": word,
        "merged_by": merged.then(|| user("yardarm-bot")), "comments": proposal.comments.len(), "review_comments": 0,
        "maintainer_can_modify": false, "commits": plain.git.beyond(&proposal.head, &proposal.base), "additions": 1,
        "deletions": 0, "changed_files": 1,
    });
    shown.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shown
}

/// A dismissal is no review of its own: it changes the last one of its reviewer.
pub(super) fn reviews(plain: &Plain, proposal: &Proposal) -> Vec<Value> {
    let mut shown: Vec<(&Review, &str)> = Vec::new();
    for review in &proposal.reviews {
        match review.verdict {
            Verdict::Approved => shown.push((review, "APPROVED")),
            Verdict::ChangesRequested => shown.push((review, "CHANGES_REQUESTED")),
            Verdict::Dismissed => {
                if let Some((_, state)) = shown.iter_mut().rev().find(|(known, _)| known.by == review.by) {
                    *state = "DISMISSED";
                }
            }
        }
    }
    shown.into_iter().map(|(it, state)| review(plain, proposal, it, state)).collect()
}

pub(super) fn review(plain: &Plain, proposal: &Proposal, review: &Review, state: &str) -> Value {
    let name = full_name(plain);
    let url = format!("{API}/repos/{name}/pulls/{}", proposal.number);
    let page = format!("https://github.com/{name}/pull/{}#pullrequestreview-{}", proposal.number, review.id);
    json!({
        "id": review.id, "node_id": format!("PRR_{}", review.id), "user": user(&review.by), "body": "", "state": state,
        "html_url": page, "pull_request_url": url, "author_association": "MEMBER",
        "_links": { "html": { "href": page }, "pull_request": { "href": url } },
        "submitted_at": time(plain.now), "commit_id": review.commit,
    })
}

pub(super) fn comment(plain: &Plain, number: u64, comment: &Comment) -> Value {
    let name = full_name(plain);
    json!({
        "url": format!("{API}/repos/{name}/issues/comments/{}", comment.id),
        "html_url": format!("https://github.com/{name}/pull/{number}#issuecomment-{}", comment.id),
        "issue_url": format!("{API}/repos/{name}/issues/{number}"), "id": comment.id,
        "node_id": format!("IC_{}", comment.id), "user": user(&comment.by), "created_at": time(plain.now),
        "updated_at": time(plain.now), "body": comment.text, "author_association": "COLLABORATOR",
        "performed_via_github_app": null,
    })
}

/// The newest status of each name, and what they come to.
pub(super) fn combined(plain: &Plain, commit: &str) -> Value {
    let ours = || plain.statuses.iter().filter(|it| it.commit == commit && !is_run(it));
    let any = |state: &str| ours().any(|it| it.state == state);
    let state = if any("failure") || any("error") {
        "failure"
    } else if any("pending") || ours().next().is_none() {
        "pending"
    } else {
        "success"
    };
    let statuses: Vec<Value> = ours()
        .map(|it| {
            let mut shown = status(plain, it, "yardarm-bot");
            shown.as_object_mut().unwrap().remove("creator");
            shown
        })
        .collect();
    let (name, total) = (full_name(plain), statuses.len());
    json!({
        "state": state, "statuses": statuses, "sha": commit, "total_count": total,
        "repository": repository(plain, &format!("{}/{}", plain.owner, plain.repository), true),
        "commit_url": format!("{API}/repos/{name}/commits/{commit}"),
        "url": format!("{API}/repos/{name}/commits/{commit}/status"),
    })
}

pub(super) fn status(plain: &Plain, status: &Status, by: &str) -> Value {
    json!({
        "url": format!("{API}/repos/{}/statuses/{}", full_name(plain), status.commit), "avatar_url": null, "id": 77,
        "node_id": "SC_77", "state": status.state, "description": status.description, "target_url": status.url,
        "context": status.context, "created_at": time(plain.now), "updated_at": time(plain.now), "creator": user(by),
    })
}

fn is_run(status: &Status) -> bool {
    status.context.starts_with("actions/")
}

pub(super) fn check_runs(plain: &Plain, commit: &str) -> Value {
    let ours = plain.statuses.iter().filter(|it| it.commit == commit && is_run(it));
    let runs: Vec<Value> = ours
        .map(|it| {
            let done = it.state != "pending";
            let url = format!("{API}/repos/{}/check-runs/9", full_name(plain));
            json!({
                "id": 9, "head_sha": commit, "node_id": "CR_9", "external_id": "", "url": url, "html_url": it.url,
                "details_url": it.url, "status": if done { "completed" } else { "in_progress" },
                "conclusion": done.then_some(&it.state), "started_at": time(plain.now),
                "completed_at": done.then(|| time(plain.now)), "name": it.context, "check_suite": { "id": 5 },
                "output": {
                    "title": null, "summary": null, "text": null, "annotations_count": 0,
                    "annotations_url": format!("{url}/annotations"),
                },
                "app": null, "pull_requests": [],
            })
        })
        .collect();
    json!({ "total_count": runs.len(), "check_runs": runs })
}
