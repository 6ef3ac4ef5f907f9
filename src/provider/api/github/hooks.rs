//! Webhooks of a repository at GitHub.
//!
//! Source: GitHub's description of its REST API (2022-11-28). Who may not manage webhooks is mostly told 404, as if there
//! were none. A change of `config` replaces it whole: the secret goes with it, or is gone. What a delivery came to is
//! kept for some days and can be asked for and sent again, under the same id.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::hooks::{Attempt, Hook, Hooks, Wanted};
use super::super::{Answer, Ask, Failure, Method, Place};
use super::call::{Calls, encoded, next_cursor};
use super::refusal::Refusal;
use crate::limits;

const EVENTS: [&str; 5] = ["check_suite", "issue_comment", "pull_request", "pull_request_review", "push"];
const NEEDS: &str = "`Webhooks: write` of the repository (classic tokens: the scope `admin:repo_hook`), and a person or \
                     App that administers it";

/// Those of one repository.
#[derive(Debug)]
pub(in crate::provider::api) struct Webhooks {
    calls: Calls,
}

#[derive(Debug, Deserialize)]
struct Shown {
    id: u64,
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: Config,
    last_response: Option<LastResponse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    url: Option<String>,
    content_type: Option<String>,
    /// Text or a number.
    insecure_ssl: Value,
    /// Stars, where there is one.
    secret: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LastResponse {
    code: Option<i64>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    id: u64,
    guid: Option<String>,
    delivered_at: Option<Timestamp>,
    event: String,
    action: Option<String>,
    /// 0 without an answer.
    status_code: Option<u16>,
}

impl Shown {
    fn hook(self) -> Hook {
        let mut events = self.events;
        events.sort();
        let json = self.config.content_type.as_deref() == Some("json");
        let insecure = self.config.insecure_ssl == "1" || self.config.insecure_ssl == 1;
        Hook {
            id: self.id.to_string(),
            url: self.config.url.unwrap_or_default(),
            events,
            active: self.active,
            trouble: self.last_response.and_then(LastResponse::trouble),
            json,
            verifies_tls: !insecure,
            has_secret: Some(self.config.secret.is_some_and(|secret| !secret.is_empty())),
            odd: Vec::new(),
        }
    }
}

impl LastResponse {
    /// Of a hook that was never used there is no code.
    fn trouble(self) -> Option<String> {
        let code = self.code.filter(|code| !(200..300).contains(code))?;
        let said = super::super::failure::shown(&self.message.unwrap_or_default(), 200);
        Some(if code == 0 { said } else { format!("status {code}: {said}") })
    }
}

impl Delivery {
    fn attempt(self) -> Attempt {
        let status = self.status_code.filter(|code| *code != 0);
        Attempt {
            id: self.id.to_string(),
            delivery: self.guid,
            at: self.delivered_at,
            event: self.action.map_or_else(|| self.event.clone(), |action| format!("{}.{action}", self.event)),
            ok: status.is_some_and(|status| (200..300).contains(&status)),
            status,
        }
    }
}

/// Of a list, 404 means that the webhooks may not be seen, unless the repository is gone.
fn of_list(answer: &Answer) -> Failure {
    match answer.status {
        404 => Failure::Forbidden {
            needs: NEEDS.to_owned(),
            said: "status 404, which GitHub also says of webhooks that may not be seen".to_owned(),
        },
        _ => Refusal::of(answer, NEEDS).failure(),
    }
}

impl Webhooks {
    pub(in crate::provider::api) fn new(place: Place) -> Self {
        Self { calls: Calls::new(place) }
    }

    fn at(hook: &Hook) -> String {
        format!("/hooks/{}", encoded(&hook.id))
    }

    /// The pages that people see.
    fn page(&self) -> String {
        let Place { root, owner, repository, .. } = self.calls.place();
        let server = match root.strip_suffix("/api/v3") {
            Some(server) => server.to_owned(),
            None => root.replacen("://api.", "://", 1),
        };
        format!("{server}/{}/{}", encoded(owner), encoded(repository))
    }
}

fn body(group: &[&str], wanted: &Wanted) -> Value {
    json!({
        "active": true, "events": group,
        "config": {
            "url": wanted.url, "content_type": "json", "secret": wanted.secret.expose_secret(),
            "insecure_ssl": if wanted.verify_tls { "0" } else { "1" },
        },
    })
}

impl Hooks for Webhooks {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        vec![EVENTS.to_vec()]
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        vec![
            format!("Open {}/settings/hooks/new (Settings, Webhooks, Add webhook).", self.page()),
            format!("Payload URL: {url}"),
            "Content type: application/json".to_owned(),
            "Secret: the first secret of this storage's webhook.".to_owned(),
            "SSL verification: Enable SSL verification.".to_owned(),
            "Which events: Let me select individual events; then Check suites, Issue comments, Pull requests, Pull \
             request reviews and Pushes."
                .to_owned(),
            "Active: yes; then Add webhook. GitHub sends a ping at once, which is answered 200.".to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let hooks = self.calls.pages_or(ask, "/hooks", of_list, |_: &Shown| false)?;
        Ok(hooks.into_iter().map(Shown::hook).collect())
    }

    /// One that is there already, for GitHub refuses the same twice at times, is made as it should be.
    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        let mut body = body(group, wanted);
        if let Value::Object(body) = &mut body {
            body.insert("name".to_owned(), "web".into());
        }
        let answer = self.calls.send(ask, Method::Post, "/hooks", Some(body))?;
        if answer.is_success() {
            return answer.json().map(Shown::hook);
        }
        let failure = of_list(&answer);
        if !matches!(&failure, Failure::Invalid(said) if said.contains("already exists")) {
            return Err(failure);
        }
        let there = self.list(ask)?.into_iter().find(|hook| hook.url == wanted.url);
        there.map_or(Err(failure), |hook| self.repair(ask, &hook, group, wanted))
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        let answer = self.calls.send(ask, Method::Patch, &Self::at(hook), Some(body(group, wanted)))?;
        if answer.is_success() { answer.json().map(Shown::hook) } else { Err(Refusal::of(&answer, NEEDS).failure()) }
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        self.calls.remove(ask, &Self::at(hook), NEEDS)
    }

    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        self.calls.change(ask, Method::Post, &format!("{}/pings", Self::at(hook)), None, NEEDS)
    }

    fn attempts(&self, ask: &dyn Ask, hook: &Hook) -> Result<Vec<Attempt>, Failure> {
        let list = format!("{}/deliveries?per_page=100", Self::at(hook));
        let (mut at, mut all) = (list.clone(), Vec::new());
        for _ in 0..limits::GITHUB_DELIVERY_PAGES {
            let answer = self.calls.send(ask, Method::Get, &at, None)?;
            if !answer.is_success() {
                return Err(Refusal::of(&answer, NEEDS).failure());
            }
            all.extend(answer.json::<Vec<Delivery>>()?.into_iter().map(Delivery::attempt));
            let Some(cursor) = next_cursor(&answer) else { break };
            at = format!("{list}&cursor={}", encoded(&cursor));
        }
        Ok(all)
    }

    fn redeliver(&self, ask: &dyn Ask, hook: &Hook, attempt: &Attempt) -> Result<(), Failure> {
        let at = format!("{}/deliveries/{}/attempts", Self::at(hook), encoded(&attempt.id));
        self.calls.change(ask, Method::Post, &at, None, NEEDS)
    }
}
