//! What its webhooks say: the event in a header and in the body, and what was before where something changed.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::super::Message;
use super::super::plain::{Happened, Plain, Verdict};
use super::BitbucketDataCenter;
use super::shape::{Dates, pull_request, reference, remark, status_of, user};

static DELIVERIES: AtomicU64 = AtomicU64::new(1);

fn message(plain: &Plain, dates: Dates, event: &str, number: u64, more: &[(&str, Value)]) -> Vec<Message> {
    let version = BitbucketDataCenter { iso_dates: matches!(dates, Dates::Iso), old: false };
    let mut payload = json!({
        "eventKey": event,
        "date": Dates::Iso.of(plain.now),
        "actor": user("ada"),
        "pullRequest": pull_request(plain, version, number),
    });
    for (name, value) in more {
        payload[*name] = value.clone();
    }
    let delivery = DELIVERIES.fetch_add(1, Ordering::Relaxed);
    let headers =
        vec![("X-Event-Key", event.to_owned()), ("X-Request-Id", format!("8423b2a3-19d0-4c2b-8b1e-{delivery:012x}"))];
    vec![Message { headers, payload }]
}

pub(super) fn of(plain: &Plain, dates: Dates, happened: &Happened) -> Vec<Message> {
    let plainly = |event: &str, number: u64| message(plain, dates, event, number, &[]);
    let modified = |number: u64, title: &str, body: &str, target: Value| {
        let before =
            [("previousTitle", json!(title)), ("previousDescription", json!(body)), ("previousTarget", target)];
        message(plain, dates, "pr:modified", number, &before)
    };
    let number = match happened {
        Happened::Opened(number) => return plainly("pr:opened", *number),
        Happened::Closed(number) => return plainly("pr:declined", *number),
        Happened::Merged(number) => return plainly("pr:merged", *number),
        Happened::Deleted(number) => return plainly("pr:deleted", *number),
        Happened::Reopened(_) => return Vec::new(),
        Happened::Synchronized(number, before) => {
            return message(plain, dates, "pr:from_ref_updated", *number, &[("previousFromHash", json!(before))]);
        }
        Happened::Edited(number)
        | Happened::Retargeted(number, _)
        | Happened::Drafted(number)
        | Happened::Readied(number)
        | Happened::Reviewed(number, _)
        | Happened::Commented(number) => *number,
    };
    let Some(proposal) = plain.proposal(number) else { return Vec::new() };
    let here = format!("{}/{}", plain.owner, plain.repository);
    let target = |branch: &str| {
        let mut target = reference(branch, &plain.git.tip(branch).unwrap_or_default(), &here);
        target.as_object_mut().unwrap().remove("repository");
        target
    };
    match happened {
        Happened::Edited(_) => modified(number, "before", &proposal.body, target(&proposal.base)),
        Happened::Retargeted(_, base) => modified(number, &proposal.title, &proposal.body, target(base)),
        Happened::Drafted(_) | Happened::Readied(_) => {
            let mut messages = modified(number, &proposal.title, &proposal.body, target(&proposal.base));
            // Messages are written later than what they tell of.
            let draft = matches!(happened, Happened::Drafted(_));
            messages[0].payload["pullRequest"]["draft"] = draft.into();
            messages[0].payload["previousDraft"] = (!draft).into();
            messages
        }
        Happened::Reviewed(_, verdict) => {
            let event = match verdict {
                Verdict::Approved => "pr:reviewer:approved",
                Verdict::ChangesRequested => "pr:reviewer:needs_work",
                Verdict::Dismissed => "pr:reviewer:unapproved",
            };
            let by = proposal.reviews.last().map_or("ada", |review| &review.by);
            let participant = json!({
                "user": user(by), "role": "REVIEWER", "approved": *verdict == Verdict::Approved,
                "status": status_of(*verdict), "lastReviewedCommit": proposal.head_commit,
            });
            let more = [("participant", participant), ("previousStatus", json!("UNAPPROVED"))];
            message(plain, dates, event, number, &more)
        }
        _ => {
            let comment = proposal.comments.last().map_or(Value::Null, |it| remark(it, dates, plain.now));
            message(plain, dates, "pr:comment:added", number, &[("comment", comment)])
        }
    }
}
