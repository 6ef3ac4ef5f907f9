//! The recorded shapes, with this world's values in them.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Flavour;
use crate::scm::plain::{self, Hook, Plain, State, Verdict};

/// One recorded exchange.
#[derive(Debug, serde::Deserialize)]
pub struct Recorded {
    pub name: String,
    pub method: String,
    pub path: String,
    pub body: Value,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub answer: Value,
}

fn read(text: &str) -> Vec<Recorded> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

static GITEA: LazyLock<Vec<Recorded>> =
    LazyLock::new(|| read(include_str!("../../../../fixtures/api/gitea/exchanges.jsonl")));
static FORGEJO: LazyLock<Vec<Recorded>> =
    LazyLock::new(|| read(include_str!("../../../../fixtures/api/forgejo/exchanges.jsonl")));

/// The recorded exchanges of a flavour.
pub fn recorded(flavour: Flavour) -> &'static [Recorded] {
    match flavour {
        Flavour::Gitea => &GITEA,
        Flavour::Forgejo => &FORGEJO,
    }
}

/// A recorded answer, by the name of its exchange.
pub fn shape(flavour: Flavour, name: &str) -> Value {
    recorded(flavour).iter().find(|it| it.name == name).unwrap_or_else(|| panic!("{name}")).answer.clone()
}

fn set(object: &mut Value, values: Value) {
    let Value::Object(values) = values else { panic!() };
    object.as_object_mut().unwrap().extend(values);
}

/// Seconds, as the servers write them.
pub fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn user(flavour: Flavour, name: &str) -> Value {
    let mut user = shape(flavour, "comment create")["user"].clone();
    set(&mut user, json!({ "login": name, "username": name, "html_url": format!("https://forge.example/git/{name}") }));
    user
}

/// The repository, or a fork of it.
pub fn repository(flavour: Flavour, plain: &Plain, fork: Option<&str>) -> Value {
    let full = fork.map_or_else(|| format!("{}/{}", plain.owner, plain.repository), ToOwned::to_owned);
    let (owner, name) = full.split_once('/').unwrap();
    let mut repository = shape(flavour, "pull get")["base"]["repo"].clone();
    set(
        &mut repository,
        json!({
            "id": if fork.is_some() { 2 } else { 1 },
            "owner": user(flavour, owner),
            "name": name,
            "full_name": full,
            "fork": fork.is_some(),
            "archived": plain.archived,
            "html_url": format!("https://forge.example/git/{full}"),
            "clone_url": format!("https://forge.example/git/{full}.git"),
            "ssh_url": format!("ssh://git@forge.example/{full}.git"),
            "default_branch": "main",
        }),
    );
    repository
}

/// A proposal as it is now. `mergeable` is asked of the world: false of a draft, a conflict, and while it is found out.
pub fn pull(flavour: Flavour, plain: &Plain, it: &plain::Proposal) -> Value {
    let page = format!("https://forge.example/git/{}/{}/pulls/{}", plain.owner, plain.repository, it.number);
    let mergeable = match it.state {
        State::Open => {
            !it.draft && it.undecided == 0 && !(it.fork.is_none() && plain.git.conflicts(&it.base, &it.head))
        }
        State::Closed | State::Merged => true,
    };
    let there = plain.git.tip(&it.head).is_some() || it.fork.is_some() && !it.fork_gone;
    let head_repo = match &it.fork {
        Some(_) if it.fork_gone => Value::Null,
        fork => repository(flavour, plain, fork.as_deref()),
    };
    let merged = it.state == State::Merged;
    let ended = it.ended.map(time);
    let mut pull = shape(flavour, "pull get");
    set(
        &mut pull,
        json!({
            "id": 1000 + it.number,
            "url": if flavour == Flavour::Gitea { page.clone() } else { format!("https://forge.example/git/api/v1/repos/{}/{}/pulls/{}", plain.owner, plain.repository, it.number) },
            "number": it.number,
            "user": user(flavour, &it.author),
            "title": title(it),
            "body": it.body,
            "assignee": null,
            "assignees": null,
            "state": if it.state == State::Open { "open" } else { "closed" },
            "draft": it.draft,
            "comments": it.comments.len(),
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "mergeable": mergeable,
            "merged": merged,
            "merged_at": if merged { json!(ended) } else { Value::Null },
            "merge_commit_sha": it.merge_commit,
            "merged_by": if merged { user(flavour, "yardarm-bot") } else { Value::Null },
            "created_at": time(it.created),
            "updated_at": time(it.updated),
            "closed_at": ended,
        }),
    );
    let base = plain.git.tip(&it.base).unwrap_or_default();
    set(
        &mut pull["base"],
        json!({ "label": it.base, "ref": it.base, "sha": base, "repo_id": 1, "repo": repository(flavour, plain, None) }),
    );
    set(
        &mut pull["head"],
        json!({
            "label": it.head,
            "ref": if there { it.head.clone() } else { format!("refs/pull/{}/head", it.number) },
            "sha": it.head_commit,
            "repo_id": if it.fork_gone { -1 } else if it.fork.is_some() { 2 } else { 1 },
            "repo": head_repo,
        }),
    );
    pull
}

/// A draft is one by its title.
pub fn title(it: &plain::Proposal) -> String {
    if it.draft { format!("WIP: {}", it.title) } else { it.title.clone() }
}

pub fn reviews(flavour: Flavour, plain: &Plain, number: u64) -> Vec<Value> {
    let it = plain.proposal(number).unwrap();
    let mut reviews: Vec<Value> = Vec::new();
    for review in &it.reviews {
        // Dismissing is no review of its own: it marks those that are there. So does a new verdict.
        for known in &mut reviews {
            if known["user"]["login"] == review.by.as_str() {
                known["dismissed"] = true.into();
            }
        }
        let state = match review.verdict {
            Verdict::Approved => "APPROVED",
            Verdict::ChangesRequested => "REQUEST_CHANGES",
            Verdict::Dismissed => continue,
        };
        let mut shape = shape(flavour, "reviews list")[0].clone();
        set(
            &mut shape,
            json!({
                "id": review.id,
                "user": user(flavour, &review.by),
                "state": state,
                "commit_id": review.commit,
                "stale": review.commit != it.head_commit,
                "official": true,
                "dismissed": false,
            }),
        );
        reviews.push(shape);
    }
    reviews
}

pub fn comment(flavour: Flavour, plain: &Plain, number: u64, it: &plain::Comment) -> Value {
    let page = format!("https://forge.example/git/{}/{}/pulls/{number}", plain.owner, plain.repository);
    let mut shape = shape(flavour, "comment create");
    set(
        &mut shape,
        json!({
            "id": it.id,
            "html_url": format!("{page}#issuecomment-{}", it.id),
            "pull_request_url": page,
            "user": user(flavour, &it.by),
            "body": it.text,
        }),
    );
    shape
}

pub fn status(flavour: Flavour, it: &plain::Status) -> Value {
    let mut shape = shape(flavour, "status create");
    set(
        &mut shape,
        json!({
            "status": it.state,
            "target_url": it.url.clone().unwrap_or_default(),
            "description": it.description,
            "context": it.context,
            "creator": user(flavour, "yardarm-bot"),
        }),
    );
    shape
}

pub fn combined(flavour: Flavour, plain: &Plain, commit: &str) -> Value {
    let statuses: Vec<Value> =
        plain.statuses.iter().filter(|it| it.commit == commit).map(|it| status(flavour, it)).collect();
    if statuses.is_empty() {
        return shape(flavour, "status combined by branch name, none set");
    }
    let mut combined = shape(flavour, "status combined");
    set(
        &mut combined,
        json!({
            "state": "pending",
            "sha": commit,
            "total_count": statuses.len(),
            "statuses": statuses,
            "repository": repository(flavour, plain, None),
        }),
    );
    combined
}

pub fn branch(flavour: Flavour, plain: &Plain, name: &str, tip: &str) -> Value {
    let protected = plain.protected && name == "main";
    let mut branch = shape(flavour, if protected { "branch get, protected" } else { "branch get" });
    branch["name"] = name.into();
    branch["commit"]["id"] = tip.into();
    branch["commit"]["timestamp"] = "2026-11-20T10:00:00Z".into();
    branch
}

pub fn hook(flavour: Flavour, it: &Hook) -> Value {
    let mut shape = shape(flavour, "hook create type gitea");
    set(
        &mut shape,
        json!({
            "id": it.id,
            "type": it.more.get("type"),
            "branch_filter": it.more.get("branch_filter").cloned().unwrap_or_else(|| "".into()),
            "config": { "content_type": if it.json { "json" } else { "form" }, "url": it.url },
            "events": it.events,
            "authorization_header": it.more.get("authorization_header").cloned().unwrap_or_else(|| "".into()),
            "active": it.active,
        }),
    );
    if flavour == Flavour::Forgejo {
        set(&mut shape, json!({ "url": it.url, "content_type": if it.json { "json" } else { "form" } }));
    }
    shape
}
