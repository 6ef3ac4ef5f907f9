//! Webhooks of Bitbucket Data Center: one for all events, with the secret among its settings.
//!
//! - A change replaces all settings, secret included.
//! - After some failures in a row a hook is left out for a while, ten seconds to two hours, and takes up again by itself.
//!   What it tried is kept as the last invocation of each outcome; nothing is sent again by request.
//! - The test sends `diagnostics:ping`, unsigned also where there is a secret.
//! - Hooks of the project send too, and are not seen here.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::bitbucket::{done_unread, encoded, query};
use super::super::failure::shown;
use super::super::hooks::{Attempt, Hook, Hooks, Wanted};
use super::super::{Ask, Failure, Method, Place, Request};
use super::BitbucketDataCenter;
use super::refusal::Refusal;
use super::shape::Date;
use crate::limits;

const NEEDS: &str = "repository admin (HTTP access token: Repository admin)";

/// Sorted.
const EVENTS: &[&str] = &[
    "pr:comment:added",
    "pr:comment:deleted",
    "pr:comment:edited",
    "pr:declined",
    "pr:deleted",
    "pr:from_ref_updated",
    "pr:merged",
    "pr:modified",
    "pr:opened",
    "pr:reviewer:approved",
    "pr:reviewer:needs_work",
    "pr:reviewer:unapproved",
    "pr:reviewer:updated",
    "repo:refs_changed",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    id: u64,
    url: Option<String>,
    #[serde(default)]
    events: Vec<String>,
    active: Option<bool>,
    configuration: Option<Value>,
    ssl_verification_required: Option<bool>,
    credentials: Option<Value>,
}

impl From<Shape> for Hook {
    fn from(shape: Shape) -> Self {
        let mut events = shape.events;
        events.sort_unstable();
        let text = |of: &Option<Value>, name: &str| {
            let text = of.as_ref()?.get(name)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let signs_in = text(&shape.credentials, "username").is_some();
        Self {
            id: shape.id.to_string(),
            url: shape.url.unwrap_or_default(),
            events,
            active: shape.active != Some(false),
            trouble: None,
            json: true,
            verifies_tls: shape.ssl_verification_required != Some(false),
            has_secret: Some(text(&shape.configuration, "secret").is_some()),
            odd: signs_in.then(|| "it sends a user and a password as well".to_owned()).into_iter().collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Invocation {
    id: Option<u64>,
    event: Option<String>,
    #[serde(default)]
    start: Date,
    #[serde(default)]
    result: Outcome,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outcome {
    outcome: Option<String>,
    description: Option<String>,
}

fn wish(group: &[&str], wanted: &Wanted) -> Value {
    json!({
        "name": "Yardarm",
        "url": wanted.url,
        "active": true,
        "events": group,
        "configuration": {"secret": wanted.secret.expose_secret()},
        "sslVerificationRequired": wanted.verify_tls,
    })
}

impl BitbucketDataCenter {
    fn hook_url(&self, id: &str, below: &str) -> String {
        self.url(&format!("webhooks/{}{below}", encoded(id)))
    }

    fn set(ask: &dyn Ask, method: Method, url: String, body: Value) -> Result<Hook, Failure> {
        let answer = Self::send(ask, method, url, Some(body), NEEDS)?;
        Ok(answer.json::<Shape>().map_err(done_unread)?.into())
    }

    /// The last invocation of an outcome; none if there was none, or if it is no more known.
    fn latest(&self, ask: &dyn Ask, id: &str, outcome: &str) -> Result<Option<(Attempt, Outcome)>, Failure> {
        let url = self.hook_url(id, &format!("/latest?outcome={outcome}"));
        let answer = ask.ask(&Request::new(Method::Get, url))?;
        if !answer.is_success() {
            return Err(Refusal::of(&answer).failure(NEEDS));
        }
        if answer.status == 204 || answer.body.is_empty() {
            return Ok(None);
        }
        let found: Invocation = answer.json()?;
        let ok = found.result.outcome.as_deref() == Some("SUCCESS");
        let attempt = Attempt {
            id: found.id.map(|id| id.to_string()).unwrap_or_default(),
            delivery: None,
            at: found.start.0,
            event: found.event.unwrap_or_default(),
            status: found.result.description.as_deref().and_then(|said| said.trim().parse().ok()),
            ok,
        };
        Ok(Some((attempt, found.result)))
    }

    /// Why a hook does not get through, if its last failure came after its last success.
    fn trouble(&self, ask: &dyn Ask, id: &str) -> Result<Option<String>, Failure> {
        let mut last: Option<(Option<Timestamp>, Option<String>)> = None;
        for outcome in ["SUCCESS", "FAILURE", "ERROR"] {
            let Some((attempt, result)) = self.latest(ask, id, outcome)? else { continue };
            if last.as_ref().is_none_or(|(at, _)| attempt.at >= *at) {
                let said = result.description.unwrap_or_default();
                let why = format!("its last delivery ({}) met {}", attempt.event, shown(&said, 100));
                last = Some((attempt.at, (!attempt.ok).then_some(why)));
            }
        }
        Ok(last.and_then(|(_, why)| why))
    }
}

impl Hooks for BitbucketDataCenter {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        vec![EVENTS.to_vec()]
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        let Place { owner, repository, .. } = &self.place;
        let whose = owner
            .strip_prefix('~')
            .map_or_else(|| format!("projects/{}", encoded(owner)), |user| format!("users/{}", encoded(user)));
        let page = format!("{}/plugins/servlet/webhooks/{whose}/repos/{}", self.server(), encoded(repository));
        vec![
            format!("Open {page} (Repository settings, Webhooks) and choose \"Create webhook\"."),
            format!("Title: Yardarm. URL: {url}"),
            "Authentication: None. Secret: the one that is configured for this storage.".to_owned(),
            "SSL/TLS: leave \"Skip certificate verification\" off. Status: Active.".to_owned(),
            "Repository: Push.".to_owned(),
            "Pull request: Opened, Source branch updated, Modified, Reviewers updated, Approved, Unapproved, Needs work, \
             Merged, Declined, Deleted, Comment added, Comment edited, Comment deleted. Save."
                .to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let enough = |found: &[Shape]| found.len() >= limits::PROPOSALS_LISTED;
        let found = match Self::all::<Shape>(ask, &self.url("webhooks"), &[], enough) {
            Ok(found) => found,
            Err(Failure::Forbidden { said, .. }) => {
                return Err(Failure::Forbidden { needs: NEEDS.to_owned(), said });
            }
            Err(failure) => return Err(failure),
        };
        let mut hooks: Vec<Hook> = found.into_iter().map(Hook::from).collect();
        for hook in &mut hooks {
            hook.trouble = self.trouble(ask, &hook.id)?;
        }
        Ok(hooks)
    }

    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        Self::set(ask, Method::Post, self.url("webhooks"), wish(group, wanted))
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        Self::set(ask, Method::Put, self.hook_url(&hook.id, ""), wish(group, wanted))
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        match Self::send(ask, Method::Delete, self.hook_url(&hook.id, ""), None, NEEDS) {
            // The hook, or all of it?
            Err(failure @ Failure::NotFound(_)) => {
                let there = self.list(ask)?.iter().any(|known| known.id == hook.id);
                if there { Err(failure) } else { Ok(()) }
            }
            ended => ended.map(drop),
        }
    }

    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        let verifies = hook.verifies_tls.to_string();
        let parameters = [
            ("url", hook.url.as_str()),
            ("webhookId", hook.id.as_str()),
            ("sslVerificationRequired", verifies.as_str()),
        ];
        let url = self.url("webhooks/test") + &query(&parameters);
        Self::send(ask, Method::Post, url, Some(json!({})), NEEDS).map(drop)
    }

    fn attempts(&self, ask: &dyn Ask, hook: &Hook) -> Result<Vec<Attempt>, Failure> {
        let mut found = Vec::new();
        for outcome in ["SUCCESS", "FAILURE", "ERROR"] {
            found.extend(self.latest(ask, &hook.id, outcome)?.map(|(attempt, _)| attempt));
        }
        found.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
        Ok(found)
    }

    fn redeliver(&self, _: &dyn Ask, _: &Hook, _: &Attempt) -> Result<(), Failure> {
        Err(Failure::Unsupported(
            "Bitbucket Data Center sends nothing again by request; the next look at the remote covers it".to_owned(),
        ))
    }
}
