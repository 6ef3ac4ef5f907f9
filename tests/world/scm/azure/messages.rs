//! What the subscriptions send. The resource is rendered when it is sent, not when it happened.

use serde_json::{Value, json};

use super::super::Message;
use super::super::plain::{Happened, Plain, Verdict};
use super::PROJECT_ID;
use super::shown::pull_request;

pub(super) fn of(plain: &Plain, happened: &Happened) -> Vec<Message> {
    let updated = |number: &u64, text: &str| message(plain, *number, "git.pullrequest.updated", text);
    // A merge that was tried, of an open one too.
    let tried = |number: &u64| {
        message(plain, *number, "git.pullrequest.merged", "Ada Push has created a pull request merge commit")
    };
    let messages = match happened {
        Happened::Opened(number) => {
            let created = message(plain, *number, "git.pullrequest.created", "Ada Push created a new pull request");
            vec![created, tried(number)]
        }
        Happened::Synchronized(number, _) => {
            vec![updated(number, "Ada Push updated the source branch of pull request"), tried(number)]
        }
        Happened::Edited(number) => vec![updated(number, "Ada Push updated pull request")],
        Happened::Retargeted(number, _) => vec![updated(number, "Ada Push changed the target branch of pull request")],
        Happened::Drafted(number) => vec![updated(number, "Ada Push marked the pull request as a draft")],
        Happened::Readied(number) => vec![updated(number, "Ada Push published the pull request")],
        Happened::Reviewed(number, verdict) => {
            let text = match verdict {
                Verdict::Approved => "Ada Push approved pull request",
                Verdict::ChangesRequested => "Ada Push rejected pull request",
                Verdict::Dismissed => "Ada Push reset their vote on pull request",
            };
            vec![updated(number, text)]
        }
        Happened::Commented(number) => {
            vec![message(plain, *number, COMMENT, "Ada Push has commented on a pull request")]
        }
        Happened::Closed(number) => vec![updated(number, "Ada Push abandoned pull request")],
        Happened::Reopened(number) => vec![updated(number, "Ada Push reactivated pull request")],
        Happened::Merged(number) => vec![tried(number), updated(number, "Ada Push completed pull request")],
        Happened::Deleted(_) => Vec::new(),
    };
    messages.into_iter().flatten().collect()
}

const COMMENT: &str = "ms.vss-code.git-pullrequest-comment-event";

fn message(plain: &Plain, number: u64, event: &str, text: &str) -> Option<Message> {
    let resource = pull_request(plain, plain.proposal(number)?);
    let text = if text.ends_with("pull request") {
        format!("{text} {number} ({}) in {}", resource["title"].as_str().unwrap(), plain.repository)
    } else {
        text.to_owned()
    };
    let id = format!("{:08x}-b3ad-44c8-a7f1-c4835f2df06b", crc32fast::hash(format!("{event} {text}").as_bytes()));
    let (version, resource): (_, Value) = if event == COMMENT {
        let remark = plain.proposal(number)?.comments.last().map(|it| it.text.clone()).unwrap_or_default();
        let comment = json!({"id": 1, "parentCommentId": 0, "content": remark, "commentType": "text"});
        ("2.0", json!({"comment": comment, "pullRequest": resource}))
    } else {
        ("1.0", resource)
    };
    let payload = json!({
        "subscriptionId": "1c5284f3-2ff5-5f57-b70d-4a856569872e",
        "notificationId": u64::from(crc32fast::hash(id.as_bytes())) + u64::try_from(plain.now.as_second()).unwrap() % 1_000,
        "id": id,
        "eventType": event,
        "publisherId": "tfs",
        "message": {"text": text},
        "resource": resource,
        "resourceVersion": version,
        "resourceContainers": {"project": {"id": PROJECT_ID}},
        "createdDate": plain.now.to_string(),
    });
    Some(Message { headers: Vec::new(), payload })
}
