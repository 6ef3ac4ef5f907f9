//! Pull requests, their threads and statuses.

use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::{Plain, Proposal, Refused, State, Status};
use super::shown::{person, pull_request, repository};
use super::{Error, REPOSITORY_ID, ROOT, Said, list, stray};

pub(super) fn answer(plain: &mut Plain, asked: &Asked, path: &[&str], by: &str, squash_only: bool) -> Said {
    let lower: Vec<String> = path.iter().map(|part| part.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match (asked.method, lower.as_slice()) {
        ("GET", []) => Ok((200, repository(plain))),
        ("GET", ["diffs", "commits"]) => diffs(plain, asked),
        ("GET", ["pullrequests"]) => Ok((200, search(plain, asked))),
        ("POST", ["pullrequests"]) => create(plain, asked, by),
        (_, ["commits", _, "statuses"]) => commit_statuses(plain, asked, path[1]),
        (_, ["pullrequests", number, rest @ ..]) => {
            let number = number.parse().unwrap_or(0);
            if plain.proposal(number).is_none() {
                return Err(refused(&Refused::NoSuchProposal));
            }
            match (asked.method, rest) {
                ("GET", []) => {
                    let shown = pull_request(plain, plain.proposal(number).unwrap());
                    let proposal = plain.proposal_mut(number).unwrap();
                    proposal.undecided = proposal.undecided.saturating_sub(1);
                    Ok((200, shown))
                }
                ("PATCH", []) => change(plain, asked, number, squash_only),
                ("GET", ["iterations"]) => Ok((200, list(&iterations(plain, number)))),
                (_, ["statuses"]) => statuses(plain, asked, number),
                (_, ["threads", rest @ ..]) => threads(plain, asked, number, rest, by),
                _ => Err(stray(asked)),
            }
        }
        _ => Err(stray(asked)),
    }
}

fn refused(why: &Refused) -> Error {
    match why {
        Refused::NoSuchProposal => Error(
            404,
            "GitPullRequestNotFoundException",
            "TF401180: The requested pull request was not found.".to_owned(),
        ),
        Refused::NoSuchBranch(_) | Refused::SameBranch => Error(
            400,
            "GitPullRequestCannotBeActivated",
            "TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists, \
             or the requested refs are not branches"
                .to_owned(),
        ),
        Refused::Exists(_) => Error(
            409,
            "GitPullRequestExistsException",
            "TF401179: An active pull request for the source and target branch already exists.".to_owned(),
        ),
        Refused::OtherHead => Error(
            409,
            "GitPullRequestStaleException",
            "TF401192: The source branch has been modified since the last merge attempt.".to_owned(),
        ),
        Refused::NotOpen | Refused::MergedAlready | Refused::NotClosed => Error(
            400,
            "GitPullRequestNotEditableException",
            "TF401181: The pull request cannot be edited due to its state.".to_owned(),
        ),
        why => Error(400, "InvalidArgumentValueException", format!("Invalid argument value.\r\nParameter name: {why:?}")),
    }
}

fn invalid(what: &str) -> Error {
    Error(400, "InvalidArgumentValueException", format!("Invalid argument value.\r\nParameter name: {what}"))
}

/// A full name of a branch, as everything but versions has it.
fn branch(name: &Value) -> Result<String, Error> {
    let name = name.as_str().and_then(|name| name.strip_prefix("refs/heads/"));
    name.map(str::to_owned).ok_or_else(|| refused(&Refused::NoSuchBranch(String::new())))
}

fn diffs(plain: &Plain, asked: &Asked) -> Said {
    let tip = |name: &str| {
        let branch = asked.parameter(name).unwrap_or_default();
        let said = format!("TF401175:The version descriptor <Branch: {branch} > could not be resolved to a version");
        let tip = plain.git.tip(branch).map(|tip| (branch.to_owned(), tip));
        tip.ok_or(Error(404, "GitUnresolvableToCommitException", said))
    };
    let ((base, base_tip), (target, target_tip)) = (tip("baseVersion")?, tip("targetVersion")?);
    let ahead = plain.git.beyond(&target, &base);
    let common = if ahead == 0 { target_tip.clone() } else { format!("{:040x}", 0xc0_u64) };
    let body = json!({
        "allChangesIncluded": true, "changeCounts": {"Edit": ahead}, "changes": [],
        "commonCommit": common, "baseCommit": base_tip, "targetCommit": target_tip,
        "aheadCount": ahead, "behindCount": plain.git.beyond(&base, &target),
    });
    Ok((200, body))
}

fn search(plain: &Plain, asked: &Asked) -> Value {
    let criterion = |name: &str| asked.parameter(&format!("searchCriteria.{name}"));
    let named =
        |name: &str, branch: &str| criterion(name).is_none_or(|wanted| wanted == format!("refs/heads/{branch}"));
    let status = criterion("status").unwrap_or("active");
    let closed_since = criterion("minTime").filter(|_| criterion("queryTimeRangeType") == Some("closed"));
    let closed_since = closed_since.map(|since| since.parse::<jiff::Timestamp>().unwrap());
    let number = |name: &str, default: usize| asked.parameter(name).map_or(default, |text| text.parse().unwrap());
    let found = plain.proposals.iter().rev().filter(|it| {
        let state = match it.state {
            State::Open => "active",
            State::Closed => "abandoned",
            State::Merged => "completed",
        };
        (status == "all" || status == state)
            && named("sourceRefName", &it.head)
            && named("targetRefName", &it.base)
            && closed_since.is_none_or(|since| it.ended.is_some_and(|ended| ended >= since))
    });
    let page = found.skip(number("$skip", 0)).take(number("$top", 101).min(plain.page));
    let shown = page.map(|it| {
        let mut shown = pull_request(plain, it);
        shown["description"] = json!(it.body.chars().take(400).collect::<String>());
        shown
    });
    list(&shown.collect::<Vec<_>>())
}

fn create(plain: &mut Plain, asked: &Asked, by: &str) -> Said {
    let body = asked.body.clone().unwrap_or_default();
    let (head, base) = (branch(&body["sourceRefName"])?, branch(&body["targetRefName"])?);
    let description = body["description"].as_str().unwrap_or_default();
    if description.encode_utf16().count() > 4000 {
        return Err(invalid("The description is longer than 4000 characters."));
    }
    let title = body["title"].as_str().ok_or_else(|| invalid("title"))?;
    let draft = body["isDraft"] == true;
    // It takes one that has nothing to merge.
    let number = plain.open(by, &head, &base, title, description, draft, true).map_err(|why| refused(&why))?;
    Ok((201, pull_request(plain, plain.proposal(number).unwrap())))
}

fn change(plain: &mut Plain, asked: &Asked, number: u64, squash_only: bool) -> Said {
    let body = asked.body.clone().unwrap_or_default();
    let state = plain.proposal(number).unwrap().state.clone();
    if body["status"].is_null() && state == State::Merged {
        return Err(refused(&Refused::MergedAlready));
    }
    let (title, description) = (body["title"].as_str(), body["description"].as_str());
    if description.is_some_and(|text| text.encode_utf16().count() > 4000) {
        return Err(invalid("The description is longer than 4000 characters."));
    }
    if title.is_some() || description.is_some() {
        plain.edit(number, title, description).map_err(|why| refused(&why))?;
    }
    if let Some(draft) = body["isDraft"].as_bool() {
        plain.set_draft(number, draft).map_err(|why| refused(&why))?;
    }
    match body["status"].as_str() {
        Some("abandoned") => plain.close(number).map_err(|why| refused(&why))?,
        Some("active") => plain.reopen(number).map_err(|why| refused(&why))?,
        Some("completed") => return complete(plain, &body, number, squash_only),
        _ => {}
    }
    Ok((200, pull_request(plain, plain.proposal(number).unwrap())))
}

/// Takes the wish; what came of it, a later read tells.
fn complete(plain: &mut Plain, body: &Value, number: u64, squash_only: bool) -> Said {
    let Some(head) = body["lastMergeSourceCommit"]["commitId"].as_str() else {
        return Err(invalid("You must specify a valid LastMergeSourceCommit to perform this operation."));
    };
    let options = &body["completionOptions"];
    let method = match options["mergeStrategy"].as_str() {
        Some("squash") => "squash",
        Some("rebase" | "rebaseMerge") => "rebase",
        _ => "merge",
    };
    let message = options["mergeCommitMessage"].as_str().unwrap_or("Merged PR");
    let delete = options["deleteSourceBranch"] == true;
    plain.proposal_mut(number).unwrap().undecided = 0;
    let done = if squash_only && method != "squash" {
        Err(Refused::Protected)
    } else {
        plain.merge(number, Some(head), method, message, delete)
    };
    match done {
        Ok(_) => {
            let until = plain.undecided;
            let proposal = plain.proposal_mut(number).unwrap();
            proposal.undecided = 1;
            let shown = pull_request(plain, plain.proposal(number).unwrap());
            plain.proposal_mut(number).unwrap().undecided = until;
            Ok((200, shown))
        }
        Err(why @ (Refused::Conflict | Refused::Protected)) => {
            let mut shown = pull_request(plain, plain.proposal(number).unwrap());
            shown["mergeStatus"] = json!(if why == Refused::Conflict { "conflicts" } else { "rejectedByPolicy" });
            Ok((200, shown))
        }
        Err(why) => Err(refused(&why)),
    }
}

/// One for each commit that the branch has beyond its base, of which only the last is known.
fn iterations(plain: &Plain, number: u64) -> Vec<Value> {
    let proposal = plain.proposal(number).unwrap();
    let last = plain.git.beyond(&proposal.head, &proposal.base).max(1);
    let each = (1..=last).map(|id| {
        let commit = if id == last { proposal.head_commit.clone() } else { format!("{:040x}", 0x17e0 + id) };
        json!({
            "id": id, "description": "", "author": person(&proposal.author), "createdDate": proposal.created.to_string(),
            "updatedDate": proposal.updated.to_string(), "sourceRefCommit": {"commitId": commit},
            "hasMoreCommits": false, "reason": if id == 1 { "create" } else { "push" },
        })
    });
    each.collect()
}

fn status_shown(at: usize, status: &Status, iteration: Option<&Value>) -> Value {
    let (genre, name) = status.context.rsplit_once('/').unwrap_or(("", &status.context));
    let state = match status.state.as_str() {
        "success" => "succeeded",
        "failure" => "failed",
        _ => "pending",
    };
    let mut shown = json!({
        "id": at + 1, "state": state, "description": status.description,
        "context": {"name": name, "genre": genre}, "creationDate": "2026-11-22T10:00:00Z",
        "updatedDate": "2026-11-22T10:00:00Z", "createdBy": person("somebody"), "targetUrl": status.url,
    });
    if let Some(iteration) = iteration {
        shown["iterationId"] = iteration.clone();
    }
    shown
}

fn take_status(plain: &mut Plain, body: &Value, commit: String) -> Result<(), Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (genre, name) = (text(&body["context"]["genre"]), text(&body["context"]["name"]));
    if name.is_empty() {
        return Err(invalid("context.name"));
    }
    let state = match body["state"].as_str() {
        Some("succeeded" | "notApplicable") => "success",
        Some("failed" | "error") => "failure",
        Some("pending") => "pending",
        _ => return Err(invalid("state")),
    };
    let context = if genre.is_empty() { name } else { format!("{genre}/{name}") };
    let url = body["targetUrl"].as_str().map(str::to_owned);
    plain.set_status(Status { commit, context, state: state.to_owned(), description: text(&body["description"]), url });
    Ok(())
}

fn statuses(plain: &mut Plain, asked: &Asked, number: u64) -> Said {
    let iterations = iterations(plain, number);
    let head = plain.proposal(number).unwrap().head_commit.clone();
    let last = iterations.last().map(|it| it["id"].clone());
    if asked.method == "POST" {
        let body = asked.body.clone().unwrap_or_default();
        if !body["iterationId"].is_null() && Some(&body["iterationId"]) != last.as_ref() {
            return Err(invalid("iterationId"));
        }
        take_status(plain, &body, head.clone())?;
    }
    let all = plain.statuses.iter().enumerate().filter(|(_, it)| it.commit == head);
    let mut all: Vec<Value> = all.map(|(at, it)| status_shown(at, it, last.as_ref())).collect();
    if asked.method == "POST" { Ok((200, all.pop().unwrap_or_default())) } else { Ok((200, list(&all))) }
}

fn commit_statuses(plain: &mut Plain, asked: &Asked, commit: &str) -> Said {
    let tips = |it: &Proposal| [&it.head, &it.base].into_iter().filter_map(|branch| plain.git.tip(branch)).collect();
    let mut known: Vec<String> = plain.proposals.iter().flat_map(|it| -> Vec<String> { tips(it) }).collect();
    known.extend(plain.proposals.iter().flat_map(|it| it.merge_commit.iter().chain([&it.head_commit]).cloned()));
    known.extend(plain.statuses.iter().map(|it| it.commit.clone()));
    if !known.iter().any(|known| known == commit) {
        let said = format!("TF401175:The version descriptor <Commit: {commit} > could not be resolved to a version");
        return Err(Error(404, "GitUnresolvableToCommitException", said));
    }
    if asked.method == "POST" {
        take_status(plain, &asked.body.clone().unwrap_or_default(), commit.to_owned())?;
    }
    let all = plain.statuses.iter().enumerate().filter(|(_, it)| it.commit == commit);
    let mut all: Vec<Value> = all.map(|(at, it)| status_shown(at, it, None)).collect();
    if asked.method == "POST" { Ok((201, all.pop().unwrap_or_default())) } else { Ok((200, list(&all))) }
}

/// A thread has the number of its one comment; votes are told in threads of the system.
fn threads(plain: &mut Plain, asked: &Asked, number: u64, path: &[&str], by: &str) -> Said {
    let url = format!("{ROOT}/_apis/git/repositories/{REPOSITORY_ID}/pullRequests/{number}/threads");
    let thread = |id: u64, by: &str, text: &str, kind: &str| {
        json!({
            "id": id, "publishedDate": "2026-11-22T10:00:00Z", "lastUpdatedDate": "2026-11-22T10:00:00Z", "isDeleted": false,
            "comments": [{
                "id": 1, "parentCommentId": 0, "author": person(by), "content": text, "commentType": kind,
                "publishedDate": "2026-11-22T10:00:00Z", "lastUpdatedDate": "2026-11-22T10:00:00Z",
            }],
            "_links": {"self": {"href": format!("{url}/{id}")}},
        })
    };
    let body = asked.body.clone().unwrap_or_default();
    match (asked.method, path) {
        ("GET", []) => {
            let proposal = plain.proposal(number).unwrap();
            let votes = proposal.reviews.iter().map(|it| thread(it.id, &it.by, &format!("{} voted", it.by), "system"));
            let said = proposal.comments.iter().map(|it| thread(it.id, &it.by, &it.text, "text"));
            let mut gone = thread(32_000, "somebody", "", "text");
            gone["isDeleted"] = json!(true);
            gone["comments"][0]["content"] = Value::Null;
            gone["comments"][0]["isDeleted"] = json!(true);
            Ok((200, list(&votes.chain(said).chain([gone]).collect::<Vec<_>>())))
        }
        ("POST", []) => {
            let text = body["comments"][0]["content"].as_str().ok_or_else(|| invalid("comments"))?;
            let id = plain.comment(number, by, text).map_err(|why| refused(&why))?;
            Ok((200, thread(id, by, text, "text")))
        }
        ("PATCH" | "DELETE", [id, "comments", "1"]) => {
            let id: u64 = id.parse().unwrap_or(0);
            let comments = &mut plain.proposal_mut(number).unwrap().comments;
            let Some(at) = comments.iter().position(|it| it.id == id) else {
                return Err(Error(404, "CommentThreadNotFoundException", format!("The thread {id} was not found.")));
            };
            if asked.method == "DELETE" {
                comments.remove(at);
                return Ok((200, Value::Null));
            }
            let text = body["content"].as_str().ok_or_else(|| invalid("content"))?;
            text.clone_into(&mut comments[at].text);
            Ok((200, thread(id, by, text, "text")["comments"][0].clone()))
        }
        _ => Err(stray(asked)),
    }
}

pub(super) fn policies(plain: &Plain, asked: &Asked, squash_only: bool) -> Said {
    if asked.parameter("repositoryId") != Some(REPOSITORY_ID) {
        return Err(invalid("repositoryId"));
    }
    let scope = json!([{"refName": "refs/heads/main", "matchKind": "Exact", "repositoryId": REPOSITORY_ID}]);
    let policy = |id: u64, kind: &str, name: &str, settings: Value| {
        json!({
            "id": id, "isEnabled": true, "isBlocking": true, "isDeleted": false, "revision": 1, "settings": settings,
            "type": {"id": kind, "displayName": name},
        })
    };
    let approvals = json!({"minimumApproverCount": 1, "creatorVoteCounts": false, "scope": scope});
    let strategy = json!({"allowSquash": true, "scope": scope});
    let mut all = Vec::new();
    if plain.protected {
        all.push(policy(103, "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd", "Minimum number of reviewers", approvals));
    }
    if squash_only {
        all.push(policy(104, "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab", "Require a merge strategy", strategy));
    }
    all.retain(|policy| asked.parameter("policyType").is_none_or(|kind| policy["type"]["id"] == kind));
    Ok((200, list(&all)))
}
