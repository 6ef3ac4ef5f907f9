//! What its webhooks say: the event in a header, the pull request with the repository and who did it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::super::Message;
use super::super::plain::{Happened, Plain, Verdict};
use super::shape::{account, date, pull_request, remark, repository};

static DELIVERIES: AtomicU64 = AtomicU64::new(1);

fn message(plain: &Plain, event: &str, number: u64, more: &[(&str, Value)]) -> Message {
    let here = format!("{}/{}", plain.owner, plain.repository);
    let mut payload = json!({
        "pullrequest": pull_request(plain, number, true),
        "repository": repository(&here),
        "actor": account("ada"),
    });
    for (name, value) in more {
        payload[*name] = value.clone();
    }
    let delivery = DELIVERIES.fetch_add(1, Ordering::Relaxed);
    let headers = vec![
        ("X-Event-Key", format!("pullrequest:{event}")),
        ("X-Hook-UUID", "70e0ac26-d8e8-58dd-845a-6e94c5bbe8fc".to_owned()),
        ("X-Request-UUID", format!("b7959925-d3c6-4872-a92d-{delivery:012x}")),
        ("X-Attempt-Number", "1".to_owned()),
    ];
    Message { headers, payload }
}

pub(super) fn of(plain: &Plain, happened: &Happened) -> Vec<Message> {
    let plainly = |event: &str, number: u64| vec![message(plain, event, number, &[])];
    match happened {
        Happened::Opened(number) => plainly("created", *number),
        // Newer hooks get both.
        Happened::Synchronized(number, _) => {
            vec![message(plain, "updated", *number, &[]), message(plain, "push", *number, &[])]
        }
        Happened::Edited(number)
        | Happened::Retargeted(number, _)
        | Happened::Drafted(number)
        | Happened::Readied(number) => plainly("updated", *number),
        Happened::Reviewed(number, verdict) => {
            let by = plain.proposal(*number).and_then(|it| it.reviews.last()).map_or("ada", |review| &review.by);
            let (event, what) = match verdict {
                Verdict::Approved => ("approved", "approval"),
                Verdict::ChangesRequested => ("changes_request_created", "changes_request"),
                Verdict::Dismissed => ("unapproved", "approval"),
            };
            vec![message(plain, event, *number, &[(what, json!({"date": date(plain.now), "user": account(by)}))])]
        }
        Happened::Commented(number) => {
            let comment = plain.proposal(*number).and_then(|it| it.comments.last());
            let comment = comment.map_or(Value::Null, |comment| remark(plain, *number, comment));
            vec![message(plain, "comment_created", *number, &[("comment", comment)])]
        }
        Happened::Closed(number) => plainly("rejected", *number),
        Happened::Merged(number) => plainly("fulfilled", *number),
        // It has neither.
        Happened::Reopened(_) | Happened::Deleted(_) => Vec::new(),
    }
}
