//! What the servers send, in their own order: `closed` of a merge before the push that it is.

use serde_json::{Value, json};

use super::{Flavour, shapes};
use crate::scm::Message;
use crate::scm::plain::{Happened, Plain, Verdict};

fn message(flavour: Flavour, event: &str, exact: &str, payload: Value) -> Message {
    let mut headers = Vec::new();
    if flavour == Flavour::Forgejo {
        headers.extend([("X-Forgejo-Event", event.to_owned()), ("X-Forgejo-Event-Type", exact.to_owned())]);
    }
    headers.extend([
        ("X-GitHub-Event", event.to_owned()),
        ("X-GitHub-Event-Type", exact.to_owned()),
        ("X-Gitea-Event", event.to_owned()),
        ("X-Gitea-Event-Type", exact.to_owned()),
        ("X-Gogs-Event", event.to_owned()),
        ("X-Gogs-Event-Type", exact.to_owned()),
    ]);
    Message { headers, payload }
}

pub fn of(flavour: Flavour, plain: &Plain, happened: &Happened) -> Vec<Message> {
    let pull = |number: &u64| shapes::pull(flavour, plain, plain.proposal(*number).unwrap());
    let title = |number: &u64| shapes::title(plain.proposal(*number).unwrap());
    let payload = |number: &u64, action: &str, more: Value| {
        let mut payload = json!({
            "action": action,
            "number": number,
            "pull_request": pull(number),
            "requested_reviewer": null,
            "repository": shapes::repository(flavour, plain, None),
            "sender": shapes::user(flavour, "rosa"),
            "commit_id": "",
            "review": null,
        });
        payload.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        payload
    };
    let plain_one = |number: &u64, action: &str, more: Value| {
        vec![message(flavour, "pull_request", "pull_request", payload(number, action, more))]
    };
    let edited = |number: &u64, changes: Value| plain_one(number, "edited", json!({ "changes": changes }));
    let synchronized = |number: &u64| {
        message(flavour, "pull_request", "pull_request_sync", payload(number, "synchronized", json!({})))
    };
    match happened {
        Happened::Opened(number) => {
            let mut all = plain_one(number, "opened", json!({}));
            // With the same head, some moments later.
            if flavour == Flavour::Gitea {
                all.push(synchronized(number));
            }
            all
        }
        Happened::Synchronized(number, _) => vec![synchronized(number)],
        Happened::Edited(number) => edited(number, json!({ "title": { "from": "what it was" } })),
        Happened::Retargeted(number, before) => edited(number, json!({ "ref": { "from": before } })),
        Happened::Drafted(number) => {
            let before = title(number).trim_start_matches("WIP: ").to_owned();
            edited(number, json!({ "title": { "from": before } }))
        }
        Happened::Readied(number) => edited(number, json!({ "title": { "from": format!("WIP: {}", title(number)) } })),
        // Nothing is sent for a dismissal, and proposals cannot be deleted here but as issues, of which we are not told.
        Happened::Reviewed(_, Verdict::Dismissed) | Happened::Deleted(_) => Vec::new(),
        Happened::Reviewed(number, verdict) => {
            let word = if *verdict == Verdict::Approved { "approved" } else { "rejected" };
            let kind = format!("pull_request_review_{word}");
            let review = json!({ "review": { "type": kind, "content": "so be it" } });
            vec![message(flavour, &format!("pull_request_{word}"), &kind, payload(number, "reviewed", review))]
        }
        Happened::Commented(number) => {
            let it = plain.proposal(*number).unwrap();
            let Some(comment) = it.comments.last() else { return Vec::new() };
            let payload = json!({
                "action": "created",
                "issue": { "number": number, "title": it.title, "state": "open" },
                "pull_request": pull(number),
                "comment": shapes::comment(flavour, plain, *number, comment),
                "repository": shapes::repository(flavour, plain, None),
                "sender": shapes::user(flavour, &comment.by),
                "is_pull": true,
            });
            vec![message(flavour, "issue_comment", "pull_request_comment", payload)]
        }
        Happened::Closed(number) | Happened::Merged(number) => plain_one(number, "closed", json!({})),
        Happened::Reopened(number) => plain_one(number, "reopened", json!({})),
    }
}
