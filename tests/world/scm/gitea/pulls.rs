//! Proposals, their comments, and the statuses of their heads.

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::{Flavour, archived, empty, fails, json_answer, missing, page, refused, shapes};
use crate::scm::Asked;
use crate::scm::plain::{Plain, Refused, State, Status};

fn one(flavour: Flavour, plain: &Plain, status: u16, number: u64) -> Answer {
    let body = shapes::pull(flavour, plain, plain.proposal(number).unwrap());
    json_answer(plain, status, &body)
}

/// Each look brings the server nearer to knowing whether it can be merged.
pub fn get(flavour: Flavour, plain: &mut Plain, number: u64) -> Answer {
    let answer = one(flavour, plain, 200, number);
    let it = plain.proposal_mut(number).unwrap();
    it.undecided = it.undecided.saturating_sub(1);
    answer
}

pub fn list(flavour: Flavour, plain: &Plain, asked: &Asked) -> Answer {
    let state = asked.parameter("state").unwrap_or("open");
    let mut all: Vec<_> = plain
        .proposals
        .iter()
        .filter(|it| state == "all" || (state == "closed") == (it.state != State::Open))
        // Gitea takes no notice of them.
        .filter(|it| flavour == Flavour::Gitea || asked.parameter("base").is_none_or(|base| base == it.base))
        .filter(|it| flavour == Flavour::Gitea || asked.parameter("head").is_none_or(|head| head == it.head))
        .collect();
    all.reverse();
    if asked.parameter("sort") == Some("recentupdate") {
        all.sort_by_key(|it| std::cmp::Reverse(it.updated));
    }
    page(plain, asked, all.into_iter().map(|it| shapes::pull(flavour, plain, it)).collect())
}

/// One of them, the oldest, whatever its state.
pub fn of_pair(flavour: Flavour, plain: &Plain, base: &str, head: &str) -> Answer {
    match plain.proposals.iter().find(|it| it.fork.is_none() && it.base == base && it.head == head) {
        Some(it) => one(flavour, plain, 200, it.number),
        None => missing(plain, &[]),
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn not_a_commit(plain: &Plain, branch: &str) -> Answer {
    let (owner, repository) = (&plain.owner, &plain.repository);
    missing(
        plain,
        &[&format!(
            "could not find '{branch}' to be a commit, branch or tag in the head repository {owner}/{repository}"
        )],
    )
}

pub fn create(flavour: Flavour, plain: &mut Plain, asked: &Asked, by: &str) -> Answer {
    let body = asked.body.clone().unwrap_or_default();
    if plain.archived {
        return archived(plain);
    }
    let Some(title) = text(&body, "title").filter(|title| !title.is_empty()) else {
        return fails(plain, 422, "[Title]: Required");
    };
    let head = text(&body, "head").unwrap_or_default();
    let head = head.strip_prefix(&format!("{}:", plain.owner)).unwrap_or(head);
    let base = text(&body, "base").unwrap_or_default();
    let (title, draft) = split(title);
    match plain.open(by, head, base, title, text(&body, "body").unwrap_or_default(), draft, true) {
        Ok(number) => one(flavour, plain, 201, number),
        Err(Refused::NoSuchBranch(branch)) => not_a_commit(plain, &branch),
        Err(Refused::SameBranch) => {
            fails(plain, 422, "Invalid PullRequest: There are no changes between the head and the base")
        }
        Err(Refused::Exists(number)) => fails(
            plain,
            409,
            &format!(
                "pull request already exists for these targets [id: {}, issue_id: {number}, head_repo_id: 1, base_repo_id: 1, head_branch: {head}, base_branch: {base}]",
                1000 + number
            ),
        ),
        Err(other) => refused(plain, &other),
    }
}

/// A title, and whether it is that of a draft.
fn split(title: &str) -> (&str, bool) {
    title.strip_prefix("WIP:").map_or((title, false), |title| (title.trim_start(), true))
}

/// Also of an archived repository: the route does not look.
pub fn edit(flavour: Flavour, plain: &mut Plain, number: u64, asked: &Asked) -> Answer {
    let body = asked.body.clone().unwrap_or_default();
    if let Some(base) = text(&body, "base") {
        if plain.git.tip(base).is_none() {
            return json_answer(plain, 404, &json!({ "message": format!("new base '{base}' not exist"), "url": "" }));
        }
        plain.retarget(number, base).unwrap();
    }
    let was_archived = std::mem::take(&mut plain.archived);
    if let Some(title) = text(&body, "title") {
        let (title, draft) = split(title);
        if plain.proposal(number).unwrap().draft != draft {
            plain.set_draft(number, draft).unwrap();
        }
        if plain.proposal(number).unwrap().title != title {
            plain.edit(number, Some(title), None).unwrap();
        }
    }
    if let Some(text) = text(&body, "body") {
        plain.edit(number, None, Some(text)).unwrap();
    }
    plain.archived = was_archived;
    let state = plain.proposal(number).unwrap().state.clone();
    match (text(&body, "state"), state) {
        (Some(_), State::Merged) => return refused(plain, &Refused::MergedAlready),
        (Some("closed"), State::Open) => plain.close(number).unwrap(),
        // Without its branch as well, and beside another for the same branches.
        (Some("open"), State::Closed) => reopen(plain, number),
        (Some("open" | "closed") | None, _) => {}
        (Some(other), _) if flavour == Flavour::Gitea => return fails(plain, 412, &format!("unknown state: {other}")),
        (Some(_), _) => {}
    }
    one(flavour, plain, 201, number)
}

fn reopen(plain: &mut Plain, number: u64) {
    if plain.reopen(number).is_err() {
        let it = plain.proposal_mut(number).unwrap();
        it.state = State::Open;
        it.ended = None;
    }
}

pub fn merge(_: Flavour, plain: &mut Plain, number: u64, asked: &Asked) -> Answer {
    let body = asked.body.clone().unwrap_or_default();
    if plain.archived {
        return archived(plain);
    }
    let Some(style) = text(&body, "Do").or_else(|| text(&body, "do")) else {
        return fails(plain, 422, "[Do]: Required");
    };
    let it = plain.proposal(number).unwrap();
    if it.state == State::Closed {
        return missing(plain, &[]);
    }
    let method = match style {
        "merge" | "rebase" | "squash" => style,
        "rebase-merge" => "merge",
        _ => return fails(plain, 422, "[Do]: In"),
    };
    let delete = body["delete_branch_after_merge"] == true;
    let message = text(&body, "MergeTitleField").unwrap_or_default().to_owned();
    match plain.merge(number, text(&body, "head_commit_id"), method, &message, delete) {
        Ok(_) => empty(plain, 200),
        Err(Refused::MergedAlready) => fails(plain, 405, ""),
        Err(Refused::Draft) => fails(plain, 405, "Work in progress PRs cannot be merged"),
        Err(Refused::Conflict | Refused::Undecided) => fails(plain, 405, "Please try again later"),
        Err(Refused::Protected) => fails(plain, 405, "not allowed to merge [reason: Does not have enough approvals]"),
        Err(Refused::OtherHead) => fails(plain, 409, "head out of date"),
        Err(other) => refused(plain, &other),
    }
}

pub fn compare(flavour: Flavour, plain: &Plain, pair: &str) -> Answer {
    let Some((base, head)) = pair.split_once("...").or_else(|| pair.split_once("..")) else {
        return missing(plain, &[]);
    };
    for branch in [base, head] {
        if plain.git.tip(branch).is_none() {
            return not_a_commit(plain, branch);
        }
    }
    let count = plain.git.beyond(head, base);
    let mut body = shapes::shape(flavour, "compare main...feature/0");
    let commit = body["commits"][0].clone();
    body["total_commits"] = count.into();
    body["commits"] = Value::Array(vec![commit; count]);
    json_answer(plain, 200, &body)
}

pub fn comments(flavour: Flavour, plain: &mut Plain, number: u64, asked: &Asked, by: &str) -> Answer {
    if asked.method == "GET" {
        let it = plain.proposal(number).unwrap();
        let all: Vec<Value> = it.comments.iter().map(|it| shapes::comment(flavour, plain, number, it)).collect();
        return json_answer(plain, 200, &Value::Array(all));
    }
    if plain.archived {
        return archived(plain);
    }
    let body = asked.body.clone().unwrap_or_default();
    let Some(text) = text(&body, "body").filter(|text| !text.is_empty()) else {
        return fails(plain, 422, "[Body]: Required");
    };
    let id = plain.comment(number, by, text).unwrap();
    let it = plain.proposal(number).unwrap().comments.iter().find(|it| it.id == id).unwrap();
    let body = shapes::comment(flavour, plain, number, it);
    json_answer(plain, 201, &body)
}

pub fn comment(flavour: Flavour, plain: &mut Plain, id: &str, asked: &Asked) -> Answer {
    let found = plain.proposals.iter().find(|it| it.comments.iter().any(|it| it.id.to_string() == id));
    let Some(number) = found.map(|it| it.number) else { return missing(plain, &[]) };
    if plain.archived && asked.method == "PATCH" {
        return archived(plain);
    }
    let comments = &mut plain.proposal_mut(number).unwrap().comments;
    if asked.method == "DELETE" {
        comments.retain(|it| it.id.to_string() != id);
        return empty(plain, 204);
    }
    let comment = comments.iter_mut().find(|it| it.id.to_string() == id).unwrap();
    text(asked.body.as_ref().unwrap(), "body").unwrap().clone_into(&mut comment.text);
    let comment = comment.clone();
    let body = shapes::comment(flavour, plain, number, &comment);
    json_answer(plain, 200, &body)
}

pub fn status(flavour: Flavour, plain: &mut Plain, commit: &str, asked: &Asked) -> Answer {
    let known = plain.proposals.iter().any(|it| it.head_commit == commit)
        || ["main", "topic"].iter().any(|branch| plain.git.tip(branch).as_deref() == Some(commit));
    if !known {
        return match flavour {
            Flavour::Gitea => {
                fails(plain, 500, &format!("GetCommit[{commit}]: object does not exist [id: {commit}, rel_path: ]"))
            }
            Flavour::Forgejo => json_answer(plain, 404, &json!({ "message": commit, "url": "", "errors": [] })),
        };
    }
    let body = asked.body.clone().unwrap_or_default();
    let status = Status {
        commit: commit.to_owned(),
        context: text(&body, "context").unwrap_or("default").to_owned(),
        state: text(&body, "state").unwrap_or("pending").to_owned(),
        description: text(&body, "description").unwrap_or_default().to_owned(),
        url: text(&body, "target_url").map(ToOwned::to_owned),
    };
    let body = shapes::status(flavour, &status);
    plain.set_status(status);
    json_answer(plain, 201, &body)
}
