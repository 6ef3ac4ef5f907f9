//! What GitHub sends when something has happened to a pull request.

use serde_json::{Value, json};

use super::super::Message;
use super::super::plain::{Happened, Plain, Verdict};
use super::show;

pub(super) fn messages(plain: &Plain, happened: &Happened) -> Vec<Message> {
    let (number, action, more) = match happened {
        Happened::Opened(number) => (number, "opened", json!({})),
        Happened::Synchronized(number, before) => {
            let after = plain.proposal(*number).map(|proposal| proposal.head_commit.clone());
            (number, "synchronize", json!({ "before": before, "after": after }))
        }
        Happened::Edited(number) => (number, "edited", json!({ "changes": { "title": { "from": "as it was" } } })),
        Happened::Retargeted(number, before) => {
            (number, "edited", json!({ "changes": { "base": { "ref": { "from": before }, "sha": { "from": "0" } } } }))
        }
        Happened::Drafted(number) => (number, "converted_to_draft", json!({})),
        Happened::Readied(number) => (number, "ready_for_review", json!({})),
        Happened::Closed(number) | Happened::Merged(number) => (number, "closed", json!({})),
        Happened::Reopened(number) => (number, "reopened", json!({})),
        Happened::Reviewed(number, verdict) => return review(plain, *number, *verdict).into_iter().collect(),
        Happened::Commented(number) => return comment(plain, *number).into_iter().collect(),
        // No pull request is ever deleted.
        Happened::Deleted(_) => return Vec::new(),
    };
    let Some(proposal) = plain.proposal(*number) else { return Vec::new() };
    let mut payload = json!({ "action": action, "number": number, "pull_request": show::pull(plain, proposal) });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    vec![message("pull_request", plain, payload)]
}

fn message(event: &str, plain: &Plain, mut payload: Value) -> Message {
    payload["repository"] = show::repository(plain, &show::full_name(plain), false);
    payload["sender"] = show::user("ada");
    Message { headers: vec![("X-GitHub-Event", event.to_owned())], payload }
}

fn review(plain: &Plain, number: u64, verdict: Verdict) -> Option<Message> {
    let proposal = plain.proposal(number)?;
    let review = proposal.reviews.iter().rev().find(|review| review.verdict == verdict)?;
    // In the API these words are in capitals.
    let (action, state) = match verdict {
        Verdict::Approved => ("submitted", "approved"),
        Verdict::ChangesRequested => ("submitted", "changes_requested"),
        Verdict::Dismissed => ("dismissed", "dismissed"),
    };
    let payload = json!({
        "action": action, "review": show::review(plain, proposal, review, state),
        "pull_request": show::pull_of_list(plain, proposal),
    });
    Some(message("pull_request_review", plain, payload))
}

/// A comment comes on an issue that says that it is a pull request, and with no branch at all.
fn comment(plain: &Plain, number: u64) -> Option<Message> {
    let proposal = plain.proposal(number)?;
    let comment = proposal.comments.last()?;
    let url = format!("https://api.github.com/repos/{}/pulls/{number}", show::full_name(plain));
    let page = format!("https://github.com/{}/pull/{number}", show::full_name(plain));
    let issue = json!({
        "number": number, "title": proposal.title, "state": "open", "user": show::user(&proposal.author),
        "pull_request": { "url": url, "html_url": page, "diff_url": format!("{page}.diff"), "merged_at": null },
    });
    let payload = json!({ "action": "created", "issue": issue, "comment": show::comment(plain, number, comment) });
    Some(message("issue_comment", plain, payload))
}
