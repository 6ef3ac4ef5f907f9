//! Comments, and what they command.

use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::Plain;
use super::reply::{Reply, page};
use super::{answers, commands};

pub(super) fn notes(plain: &mut Plain, asked: &Asked, number: u64, rest: &[&str], by: &str) -> Reply {
    let text = asked.body.as_ref().and_then(|body| body["body"].as_str()).map(str::to_owned);
    match (asked.method, rest) {
        ("GET", []) => {
            let proposal = plain.proposal(number).unwrap();
            let mut notes: Vec<Value> =
                proposal.comments.iter().map(|comment| answers::note(plain, proposal, comment)).collect();
            if asked.parameter("sort") != Some("asc") {
                notes.reverse();
            }
            page(plain, asked, notes)
        }
        ("POST", []) => {
            let Some(text) = text else { return Reply::new(400, json!({ "error": "body is missing" })) };
            let (text, commands) = commands::taken_out(&text);
            commands::carry_out(plain, number, by, &commands);
            if text.trim().is_empty() {
                return Reply::new(202, json!({ "commands_changes": {}, "summary": ["done"] }));
            }
            plain.comment(number, by, &text).unwrap();
            let proposal = plain.proposal(number).unwrap();
            Reply::new(201, answers::note(plain, proposal, proposal.comments.last().unwrap()))
        }
        ("PUT" | "DELETE", [id]) => {
            let id: Option<u64> = id.parse().ok();
            let comments = &mut plain.proposal_mut(number).unwrap().comments;
            let Some(at) = comments.iter().position(|comment| Some(comment.id) == id) else {
                return Reply::no(404, "404 Note Not Found");
            };
            if asked.method == "DELETE" {
                comments.remove(at);
                return Reply::none(204);
            }
            let (text, commands) = commands::taken_out(&text.unwrap_or_default());
            comments[at].text = text;
            commands::carry_out(plain, number, by, &commands);
            let proposal = plain.proposal(number).unwrap();
            Reply::new(200, answers::note(plain, proposal, &proposal.comments[at]))
        }
        _ => Reply::new(404, json!({ "error": "404 Not Found" })),
    }
}
