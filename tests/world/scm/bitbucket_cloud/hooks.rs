//! Its webhooks: a secret goes in and never comes out.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::super::plain::Hook;
use super::Request;
use super::shape::uuid;

/// The events of the specification that a pull request or a push causes; it refuses others.
const EVENTS: &[&str] = &[
    "repo:push",
    "pullrequest:approved",
    "pullrequest:changes_request_created",
    "pullrequest:changes_request_removed",
    "pullrequest:comment_created",
    "pullrequest:comment_deleted",
    "pullrequest:comment_reopened",
    "pullrequest:comment_resolved",
    "pullrequest:comment_updated",
    "pullrequest:created",
    "pullrequest:fulfilled",
    "pullrequest:push",
    "pullrequest:rejected",
    "pullrequest:unapproved",
    "pullrequest:updated",
];

fn shown(hook: &Hook) -> Value {
    let mut body = json!({
        "type": "webhook_subscription",
        "uuid": uuid(&hook.id.to_string()),
        "url": hook.url,
        "description": hook.more.get("description"),
        "subject_type": "repository",
        "active": hook.active,
        "events": hook.events,
        "secret_set": hook.secret.is_some(),
        "created_at": "2026-11-22T10:00:00.000000+00:00",
        "skip_cert_verification": !hook.verifies_tls,
    });
    if body["description"].is_null() {
        body["description"] = "".into();
    }
    body
}

impl Request<'_> {
    pub(super) fn hooks(&mut self, path: &[&str]) -> Answer {
        if !self.person.administers {
            return self.error(403, "Your credentials lack one or more required privilege scopes.");
        }
        let at = path.first().map(|id| self.plain.hooks.iter().position(|hook| uuid(&hook.id.to_string()) == **id));
        match (self.asked.method, at) {
            ("GET", None) => {
                let all: Vec<Value> = self.plain.hooks.iter().map(shown).collect();
                self.page(&all, 100)
            }
            ("POST", None) => {
                let id = self.plain.id();
                let hook = Hook {
                    id,
                    url: String::new(),
                    secret: None,
                    events: Vec::new(),
                    active: true,
                    json: true,
                    verifies_tls: true,
                    more: BTreeMap::new(),
                    attempts: Vec::new(),
                };
                self.plain.hooks.push(hook);
                let at = self.plain.hooks.len() - 1;
                match self.fill(at) {
                    Ok(()) => self.reply(201, &shown(&self.plain.hooks[at])),
                    Err(why) => {
                        self.plain.hooks.pop();
                        self.error(400, &why)
                    }
                }
            }
            (_, Some(None)) => self.error(404, "Webhook not found"),
            ("GET", Some(Some(at))) => self.reply(200, &shown(&self.plain.hooks[at])),
            ("PUT", Some(Some(at))) => match self.fill(at) {
                Ok(()) => self.reply(200, &shown(&self.plain.hooks[at])),
                Err(why) => self.error(400, &why),
            },
            ("DELETE", Some(Some(at))) => {
                self.plain.hooks.remove(at);
                self.reply(204, &Value::Null)
            }
            _ => self.error(404, "Resource not found"),
        }
    }

    /// A secret that is not sent stays.
    fn fill(&mut self, at: usize) -> Result<(), String> {
        let body = self.asked.body.clone().unwrap_or_default();
        let hook = &mut self.plain.hooks[at];
        if let Some(url) = body["url"].as_str() {
            url.clone_into(&mut hook.url);
        }
        if let Some(events) = body["events"].as_array() {
            hook.events = events.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        if let Some(unknown) = hook.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
            return Err(format!("events: {unknown} is not an event"));
        }
        if hook.url.is_empty() || hook.events.is_empty() {
            return Err("url and events are required".to_owned());
        }
        if let Some(secret) = body.get("secret") {
            hook.secret = secret.as_str().filter(|secret| !secret.is_empty()).map(str::to_owned);
        }
        if let Some(active) = body["active"].as_bool() {
            hook.active = active;
        }
        if let Some(skip) = body["skip_cert_verification"].as_bool() {
            hook.verifies_tls = !skip;
        }
        if let Some(description) = body.get("description") {
            hook.more.insert("description".to_owned(), description.clone());
        }
        Ok(())
    }
}
