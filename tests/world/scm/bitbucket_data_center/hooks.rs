//! Its webhooks: the secret among the settings, shown as it was sent; the last invocation of each outcome is kept.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::super::plain::{Attempt, Hook};
use super::Request;

fn shown(hook: &Hook) -> Value {
    let secret = hook.secret.as_ref().map_or_else(|| json!({}), |secret| json!({"secret": secret}));
    json!({
        "id": hook.id, "name": hook.more.get("name").cloned().unwrap_or_else(|| json!("")), "url": hook.url,
        "events": hook.events, "active": hook.active, "configuration": secret,
        "sslVerificationRequired": hook.verifies_tls, "createdDate": 1_530_808_431_270_i64,
        "updatedDate": 1_530_808_431_270_i64, "scopeType": "repository",
    })
}

fn outcome(attempt: &Attempt) -> &'static str {
    match attempt.status {
        Some(200..=299) => "SUCCESS",
        Some(_) => "FAILURE",
        None => "ERROR",
    }
}

impl Request<'_> {
    pub(super) fn hooks(&mut self, path: &[&str]) -> Answer {
        if !self.person.administers {
            return self.no_right();
        }
        if let ["test"] = path {
            let status = json!({"request": {"method": "POST"}, "response": {"statusCode": 200}});
            return self.reply(200, &status);
        }
        let at = path.first().map(|id| self.plain.hooks.iter().position(|hook| hook.id.to_string() == **id));
        match (self.asked.method, at, path.get(1)) {
            ("GET", None, _) => self.page(&self.plain.hooks.iter().map(shown).collect::<Vec<_>>()),
            ("POST", None, _) => {
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
                self.filled(self.plain.hooks.len() - 1)
            }
            (_, Some(None), _) => {
                self.error(404, "webhook.NoSuchWebhookException", "The requested webhook does not exist.")
            }
            ("GET", Some(Some(at)), Some(&"latest")) => self.latest(at),
            ("GET", Some(Some(at)), None) => self.reply(200, &shown(&self.plain.hooks[at])),
            ("PUT", Some(Some(at)), None) => self.filled(at),
            ("DELETE", Some(Some(at)), None) => {
                self.plain.hooks.remove(at);
                self.reply(204, &Value::Null)
            }
            _ => self.nowhere(),
        }
    }

    /// All settings are those that were sent; what was not is gone.
    fn filled(&mut self, at: usize) -> Answer {
        let body = self.asked.body.clone().unwrap_or_default();
        let hook = &mut self.plain.hooks[at];
        body["url"].as_str().unwrap_or_default().clone_into(&mut hook.url);
        let events = body["events"].as_array().into_iter().flatten();
        hook.events = events.filter_map(Value::as_str).map(str::to_owned).collect();
        hook.secret = body["configuration"]["secret"].as_str().map(str::to_owned);
        hook.active = body["active"].as_bool().unwrap_or(true);
        hook.verifies_tls = body["sslVerificationRequired"].as_bool().unwrap_or(true);
        hook.more = BTreeMap::from([("name".to_owned(), body["name"].clone())]);
        let shown = shown(hook);
        self.reply(200, &shown)
    }

    fn latest(&self, at: usize) -> Answer {
        let wanted = self.asked.parameter("outcome");
        let attempts = self.plain.hooks[at].attempts.iter().rev();
        let mut found = attempts.filter(|attempt| wanted.is_none_or(|wanted| wanted == outcome(attempt)));
        let Some(attempt) = found.next() else { return self.reply(204, &Value::Null) };
        let start = self.version.dates().of(attempt.at);
        let said = attempt.status.map_or_else(|| "Connection refused".to_owned(), |status| status.to_string());
        let hook = &self.plain.hooks[at];
        let body = json!({
            "id": attempt.id, "event": attempt.event, "start": start, "finish": start, "duration": 1,
            "eventScope": {"type": "REPOSITORY", "id": "1"},
            "request": {"url": hook.url, "method": "POST"},
            "result": {"outcome": outcome(attempt), "description": said},
        });
        self.reply(200, &body)
    }
}
