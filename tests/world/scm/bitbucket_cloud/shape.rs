//! What its answers look like, after the recordings and the specification.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::plain::{Comment, Plain, Proposal, State, Status, Verdict};

/// 12 digits.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// An id as it writes them, of a name.
pub(super) fn uuid(name: &str) -> String {
    let sum = crc32fast::hash(name.as_bytes());
    format!("{{{sum:08x}-0000-4000-8000-{sum:012x}}}")
}

pub(super) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

pub(super) fn account(name: &str) -> Value {
    json!({
        "type": "user", "display_name": name, "nickname": name, "uuid": uuid(name),
        "account_id": format!("557058:{}", &uuid(name)[1..9]),
    })
}

pub(super) fn repository(full_name: &str) -> Value {
    let name = full_name.rsplit('/').next().unwrap_or(full_name);
    let html = format!("https://bitbucket.org/{full_name}");
    json!({
        "type": "repository", "name": name, "full_name": full_name, "uuid": uuid(full_name),
        "links": {"html": {"href": html}},
    })
}

/// The strategies that the branch takes; the second is what its settings prefer.
const STRATEGIES: [&str; 4] = ["merge_commit", "squash", "fast_forward", "rebase_fast_forward"];

/// A pull request. `own`: as its own address shows it, with who takes part.
pub(super) fn pull_request(plain: &Plain, number: u64, own: bool) -> Value {
    let proposal = plain.proposal(number).unwrap();
    let here = format!("{}/{}", plain.owner, plain.repository);
    let from = proposal.fork.clone().unwrap_or_else(|| here.clone());
    let base = plain.git.tip(&proposal.base).unwrap_or_else(|| proposal.head_commit.clone());
    let state = match proposal.state {
        State::Open => "OPEN",
        State::Closed => "DECLINED",
        State::Merged => "MERGED",
    };
    let source = if proposal.fork_gone { Value::Null } else { repository(&from) };
    let mut body = json!({
        "type": "pullrequest",
        "id": number,
        "title": proposal.title,
        "description": proposal.body,
        "summary": {"raw": proposal.body, "markup": "markdown", "html": ""},
        "state": state,
        "draft": proposal.draft,
        "author": account(&proposal.author),
        "source": {
            "repository": source,
            "branch": {"name": proposal.head},
            "commit": {"hash": short(&proposal.head_commit)},
        },
        "destination": {
            "repository": repository(&here),
            "branch": {
                "name": proposal.base, "merge_strategies": STRATEGIES, "default_merge_strategy": "merge_commit",
            },
            "commit": {"hash": short(&base)},
        },
        "merge_commit": proposal.merge_commit.as_deref().map(|commit| json!({"hash": short(commit)})),
        "close_source_branch": false,
        "closed_by": (proposal.state != State::Open).then(|| account("yardarm-bot")),
        "reason": "",
        "comment_count": proposal.comments.len(),
        "task_count": 0,
        "created_on": date(proposal.created),
        "updated_on": date(proposal.updated),
        "links": {
            "self": {"href": format!("{}/repositories/{here}/pullrequests/{number}", super::ROOT)},
            "html": {"href": format!("https://bitbucket.org/{here}/pull-requests/{number}")},
        },
    });
    if own {
        let participants = participants(proposal);
        body["reviewers"] = participants.iter().map(|one| one["user"].clone()).collect();
        body["participants"] = participants.into();
        if proposal.state == State::Open && proposal.undecided == 0 {
            body["mergeable"] = plain.mergeable(number).is_ok().into();
        }
    }
    body
}

/// Who said something, as each of them said it last.
fn participants(proposal: &Proposal) -> Vec<Value> {
    let mut seen: Vec<&str> = Vec::new();
    for review in proposal.reviews.iter().rev() {
        if !seen.contains(&review.by.as_str()) {
            seen.push(&review.by);
        }
    }
    let last = |by: &&str| proposal.reviews.iter().rev().find(|review| review.by == *by).unwrap().verdict;
    let participant = |by: &str, verdict: Verdict| {
        let state = match verdict {
            Verdict::Approved => Some("approved"),
            Verdict::ChangesRequested => Some("changes_requested"),
            Verdict::Dismissed => None,
        };
        json!({
            "type": "participant", "user": account(by), "role": "REVIEWER", "state": state,
            "approved": verdict == Verdict::Approved, "participated_on": date(proposal.updated),
        })
    };
    seen.iter().map(|by| participant(by, last(by))).collect()
}

pub(super) fn commit_status(status: &Status, now: Timestamp) -> Value {
    let state = match status.state.as_str() {
        "pending" => "INPROGRESS",
        "success" => "SUCCESSFUL",
        _ => "FAILED",
    };
    json!({
        "type": "build", "key": status.context, "name": status.context, "state": state,
        "description": status.description, "url": status.url, "refname": null,
        "created_on": date(now), "updated_on": date(now), "commit": {"type": "commit", "hash": status.commit},
    })
}

pub(super) fn remark(plain: &Plain, number: u64, comment: &Comment) -> Value {
    json!({
        "type": "pullrequest_comment", "id": comment.id, "user": account(&comment.by), "deleted": false,
        "content": {"raw": comment.text, "markup": "markdown", "html": ""},
        "created_on": date(plain.now), "updated_on": date(plain.now),
        "pullrequest": {"type": "pullrequest", "id": number},
    })
}

/// Whether a pull request fits a filter: `a.b = "c" AND d >= 2026-01-01T00:00:00Z`.
pub(super) fn fits(body: &Value, q: &str) -> Result<bool, String> {
    for clause in q.split(" AND ") {
        let mut words = clause.splitn(3, ' ');
        let (Some(field), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("Invalid query: {clause}"));
        };
        let Some(is) = body.pointer(&format!("/{}", field.replace('.', "/"))).and_then(Value::as_str) else {
            return Err(format!("Invalid field name: {field}"));
        };
        let value = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => value.to_owned(),
        };
        let fits = match operator {
            "=" => is == value,
            ">=" => {
                is.parse::<Timestamp>().unwrap() >= value.parse::<Timestamp>().map_err(|error| error.to_string())?
            }
            _ => return Err(format!("Invalid operator: {operator}")),
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}
