//! Project hooks: what they are told is not what they show, their secret goes with their URL, they are switched off when
//! the other side fails too often, and a test that is answered well switches them on again.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::{Attempt, Hook, Plain};
use super::reply::{Reply, page, page_of};
use super::{Gitlab, PROJECT, answers};

/// Every kind of event.
const EVENTS: [&str; 18] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "resource_deploy_token_events",
    "vulnerability_events",
];

/// Settings that are kept as they were sent.
const KEPT: [&str; 5] =
    ["name", "description", "push_events_branch_filter", "branch_filter_strategy", "custom_webhook_template"];

impl Gitlab {
    pub(super) fn hooks(&self, plain: &mut Plain, asked: &Asked, rest: &[&str]) -> Reply {
        let body = asked.body.clone().unwrap_or_default();
        let at = |plain: &Plain, id: &str| plain.hooks.iter().position(|hook| hook.id.to_string() == id);
        match (asked.method, rest) {
            ("GET", []) => page(plain, asked, plain.hooks.iter().map(|hook| self.hook(hook)).collect()),
            ("POST", []) => {
                let Some(url) = body["url"].as_str() else {
                    return Reply::new(400, json!({ "error": "url is missing" }));
                };
                if !url.starts_with("http") {
                    return Reply::new(422, json!({ "error": "Invalid url given" }));
                }
                let mut hook = Hook {
                    id: plain.id(),
                    url: url.to_owned(),
                    secret: None,
                    events: vec!["push_events".to_owned()],
                    active: true,
                    json: true,
                    verifies_tls: true,
                    more: [("branch_filter_strategy".to_owned(), "wildcard".into())].into(),
                    attempts: Vec::new(),
                };
                if let Err(no) = self.change(&mut hook, &body) {
                    return no;
                }
                let shown = self.hook(&hook);
                plain.hooks.push(hook);
                Reply::new(201, shown)
            }
            (method, [id, rest @ ..]) => match (at(plain, id), method, rest) {
                (None, ..) => Reply::no(404, "404 Not found"),
                (Some(at), "GET", []) => Reply::new(200, self.hook(&plain.hooks[at])),
                (Some(at), "PUT", []) => match self.change(&mut plain.hooks[at], &body) {
                    Err(no) => no,
                    Ok(()) => Reply::new(200, self.hook(&plain.hooks[at])),
                },
                (Some(at), "DELETE", []) => {
                    plain.hooks.remove(at);
                    Reply::none(204)
                }
                (Some(at), "POST", ["test", trigger]) if EVENTS.contains(trigger) => self.test(plain, at, trigger),
                (Some(at), "GET", ["events"]) => {
                    let shown = plain.hooks[at].attempts.iter().rev().map(|it| attempt(&plain.hooks[at], it));
                    page_of(asked, shown.collect(), plain.page.min(20))
                }
                (Some(at), "POST", ["events", attempt, "resend"]) => self.resend(plain, at, attempt),
                _ => Reply::new(404, json!({ "error": "404 Not Found" })),
            },
            _ => Reply::new(404, json!({ "error": "404 Not Found" })),
        }
    }

    fn change(&self, hook: &mut Hook, body: &Value) -> Result<(), Reply> {
        if let Some(url) = body["url"].as_str()
            && url != hook.url
        {
            url.clone_into(&mut hook.url);
            hook.secret = None;
        }
        if let Some(token) = body["token"].as_str() {
            let signs = hook.secret.as_ref().is_some_and(|secret| secret.starts_with("whsec_"));
            if !signs {
                hook.secret = Some(token.to_owned()).filter(|token| !token.is_empty());
            }
        }
        // An older one knows no such parameter, and is silent about it.
        if let Some(token) = body["signing_token"].as_str().filter(|_| self.signs) {
            if !token.starts_with("whsec_") {
                return Err(Reply::new(422, json!({ "message": { "signing_token": ["is invalid"] } })));
            }
            hook.secret = Some(token.to_owned());
        } else if body.get("signing_token") == Some(&Value::Null) && self.signs {
            hook.secret = hook.secret.take().filter(|secret| !secret.starts_with("whsec_"));
            if let Some(token) = body["token"].as_str() {
                hook.secret = Some(token.to_owned());
            }
        }
        for event in EVENTS {
            if let Some(on) = body[event].as_bool() {
                hook.events.retain(|known| known != event);
                if on {
                    hook.events.push(event.to_owned());
                }
            }
        }
        if let Some(verify) = body["enable_ssl_verification"].as_bool() {
            hook.verifies_tls = verify;
        }
        for name in KEPT {
            if let Some(value) = body.get(name) {
                hook.more.insert(name.to_owned(), value.clone());
            }
        }
        Ok(())
    }

    fn hook(&self, hook: &Hook) -> Value {
        let signs = hook.secret.as_ref().is_some_and(|secret| secret.starts_with("whsec_"));
        let more = |name: &str| hook.more.get(name).cloned().unwrap_or_default();
        let disabled_until = more("disabled_until");
        let alert = match (hook.active, disabled_until.is_null()) {
            (true, _) => "executable",
            (false, true) => "disabled",
            (false, false) => "temporarily_disabled",
        };
        let mut shown = json!({
            "id": hook.id,
            "url": hook.url,
            "name": more("name"),
            "description": more("description"),
            "created_at": "2026-11-22T10:00:00.000Z",
            "project_id": PROJECT,
            "enable_ssl_verification": hook.verifies_tls,
            "repository_update_events": false,
            "alert_status": alert,
            "disabled_until": disabled_until,
            "url_variables": [],
            "custom_headers": [],
            "push_events_branch_filter": more("push_events_branch_filter"),
            "branch_filter_strategy": more("branch_filter_strategy"),
            "custom_webhook_template": more("custom_webhook_template"),
        });
        for event in EVENTS {
            shown[event] = hook.events.iter().any(|on| on == event).into();
        }
        if self.signs {
            let there = hook.secret.is_some();
            answers::add(&mut shown, json!({ "token_present": there && !signs, "signing_token_present": signs }));
        }
        shown
    }

    /// Five a minute.
    fn too_often(&self, plain: &mut Plain) -> Option<Reply> {
        let now = plain.tick();
        let mut rest = self.rest.lock().unwrap();
        rest.tried.retain(|at| *at > now - SignedDuration::from_mins(1));
        if rest.tried.len() >= 5 {
            let said = "This endpoint has been requested too many times. Try again later.";
            let mut no = Reply::new(429, json!({ "message": { "error": said } }));
            no.headers.push(("retry-after".to_owned(), "60".to_owned()));
            return Some(no);
        }
        rest.tried.push(now);
        None
    }

    fn test(&self, plain: &mut Plain, at: usize, trigger: &str) -> Reply {
        if let Some(no) = self.too_often(plain) {
            return no;
        }
        let (id, now) = (plain.id(), plain.now);
        let hook = &mut plain.hooks[at];
        let status = hook.more.get("test_is_answered").and_then(Value::as_u64).unwrap_or(200);
        let status = u16::try_from(status).unwrap();
        let event = trigger.replace("_events", "_hooks");
        hook.attempts.push(Attempt { id, delivery: format!("test-{id}"), event, status: Some(status), at: now });
        if status >= 300 {
            let said = format!("Hook executed successfully but returned HTTP {status}");
            return Reply::no(422, &said);
        }
        hook.active = true;
        hook.more.remove("disabled_until");
        Reply::new(201, json!({ "message": "201 Created" }))
    }

    fn resend(&self, plain: &mut Plain, at: usize, attempt: &str) -> Reply {
        let Some(found) = plain.hooks[at].attempts.iter().find(|it| it.id.to_string() == attempt).cloned() else {
            return Reply::no(404, "404 Not Found");
        };
        if let Some(no) = self.too_often(plain) {
            return no;
        }
        let again = Attempt { id: plain.id(), status: Some(200), at: plain.now, ..found };
        plain.hooks[at].attempts.push(again);
        Reply::new(201, json!({ "response_status": 200 }))
    }
}

fn attempt(hook: &Hook, attempt: &Attempt) -> Value {
    let status = attempt.status.map_or_else(|| "internal error".to_owned(), |status| status.to_string());
    json!({
        "id": attempt.id,
        "url": hook.url,
        "trigger": attempt.event,
        "request_headers": { "Content-Type": "application/json", "Idempotency-Key": attempt.delivery,
            "X-Gitlab-Token": "[REDACTED]" },
        "request_data": { "object_kind": "push" },
        "response_headers": {},
        "response_body": "",
        "response_status": status,
        "execution_duration": 0.1,
        "created_at": answers::moment(attempt.at),
    })
}
