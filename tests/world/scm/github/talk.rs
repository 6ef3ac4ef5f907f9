//! What is said of pull requests: comments, and statuses of their heads.

use serde_json::{Value, json};

use super::super::plain::{Plain, Proposal, Status};
use super::{Outcome, not_found, show};

pub(super) fn set_status(plain: &mut Plain, commit: &str, body: &Value, by: &str) -> Outcome {
    let is = |branch: &str| plain.git.tip(branch).as_deref() == Some(commit);
    let known = |p: &Proposal| p.head_commit == commit || is(&p.head) || is(&p.base);
    if !plain.proposals.iter().any(known) {
        return Outcome::error(422, &format!("No commit found for SHA: {commit}"));
    }
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let status = Status {
        commit: commit.to_owned(),
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        state: text("state").unwrap_or_default(),
        description: text("description").unwrap_or_default(),
        url: text("target_url"),
    };
    if status.description.chars().count() > 140 {
        return Outcome::invalid(json!([{
            "resource": "Status", "field": "description", "code": "custom",
            "message": "description is too long (maximum is 140 characters)",
        }]));
    }
    plain.set_status(status.clone());
    Outcome::new(201, show::status(plain, &status, by))
}

pub(super) fn comment(plain: &mut Plain, number: u64, body: &Value, by: &str) -> Outcome {
    match body["body"].as_str() {
        Some(text) if !text.trim().is_empty() => match plain.comment(number, by, text) {
            Ok(_) => {
                let comment = plain.proposal(number).unwrap().comments.last().unwrap();
                Outcome::new(201, show::comment(plain, number, comment))
            }
            Err(_) => not_found(),
        },
        _ => Outcome::invalid(json!([{ "resource": "IssueComment", "field": "body", "code": "missing_field" }])),
    }
}

pub(super) fn rewrite(plain: &mut Plain, id: u64, body: &Value) -> Outcome {
    let mut all = plain.proposals.iter_mut().flat_map(|p| p.comments.iter_mut().map(|comment| (p.number, comment)));
    let Some((number, comment)) = all.find(|(_, comment)| comment.id == id) else { return not_found() };
    body["body"].as_str().unwrap_or_default().clone_into(&mut comment.text);
    let comment = comment.clone();
    Outcome::new(200, show::comment(plain, number, &comment))
}

pub(super) fn uncomment(plain: &mut Plain, id: u64) -> Outcome {
    let Some(proposal) = plain.proposals.iter_mut().find(|p| p.comments.iter().any(|comment| comment.id == id)) else {
        return not_found();
    };
    proposal.comments.retain(|comment| comment.id != id);
    Outcome::empty(204)
}
