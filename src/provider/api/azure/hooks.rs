//! Webhooks of Azure DevOps: subscriptions of the organisation or collection, one for each kind of event.
//!
//! - Nothing is signed. The secret is the password of HTTP Basic, the only input of a subscription that is never shown
//!   again; a header would be. Which user stands beside it is all the same (`provider::signature`).
//! - A subscription is about a project and, where it names one, a repository. One for the whole project serves as well:
//!   what is about another repository is answered and not used.
//! - A subscription that met failures is on probation, and after more of them disabled, at once by a 410. Putting it with
//!   the status `enabled` makes it send again.
//! - What it tried is kept for some days. Nothing can be sent again by request: Azure DevOps retries by itself after 408,
//!   502, 503 and 504, and for the rest there is the next look at the remote.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::failure::shown;
use super::super::hooks::{Attempt, Hook, Hooks, Wanted};
use super::super::{Ask, Failure, Method, Place};
use super::call::{Caller, encoded};
use super::shape::{Page, Repository};

/// What managing subscriptions takes.
const NEEDS: &str = "the permission \"Edit subscriptions\" of service hooks, which project administrators have, and a \
     token of such a person with the scope Code (read)";

/// The user of HTTP Basic.
const USER: &str = "yardarm";

const PUSH: &str = "git.push";
const CREATED: &str = "git.pullrequest.created";
const UPDATED: &str = "git.pullrequest.updated";
const MERGED: &str = "git.pullrequest.merged";
const COMMENT: &str = "ms.vss-code.git-pullrequest-comment-event";

/// Inputs that leave events out, with what to say of them.
const FILTERS: [(&str, &str); 6] = [
    ("branch", "it is only about the branch"),
    ("pushedBy", "it is only about pushes by"),
    ("pullrequestCreatedBy", "it is only about proposals opened by"),
    ("pullrequestReviewersContains", "it is only about proposals that are reviewed by"),
    ("notificationType", "it is only about changes of the kind"),
    ("mergeResult", "it is only about merges that end as"),
];

/// The subscriptions for one repository.
#[derive(Debug)]
pub(in super::super) struct Subscriptions {
    at: Caller,
    page: String,
}

impl Subscriptions {
    pub(in super::super) fn new(place: Place) -> Self {
        let page = format!("{}/{}/_settings/serviceHooks", place.root, encoded(&place.owner));
        Self { at: Caller::new(place), page }
    }

    fn url(&self, id: &str, path: &str) -> String {
        self.at.root(&format!("/hooks/subscriptions/{}{path}", encoded(id)))
    }

    /// Ids of the project and of the repository.
    fn ids(&self, ask: &dyn Ask) -> Result<(String, String), Failure> {
        let repository: Repository = self.at.get(ask, &self.at.repository(""), &[])?.json()?;
        let project = repository.project.and_then(|project| project.id);
        project.zip(repository.id).ok_or_else(|| Failure::Nonsense("a repository without ids".to_owned()))
    }

    /// What is to be sent for one event; with an id to replace a subscription.
    fn wish(&self, ask: &dyn Ask, event: &str, wanted: &Wanted) -> Result<Value, Failure> {
        let (project, repository) = self.ids(ask)?;
        let mut publisher = json!({"projectId": project, "repository": repository});
        if let Some(publisher) = publisher.as_object_mut() {
            let filters: &[&str] = match event {
                PUSH => &["branch", "pushedBy"],
                CREATED => &["branch", "pullrequestCreatedBy", "pullrequestReviewersContains"],
                UPDATED => &["branch", "pullrequestCreatedBy", "pullrequestReviewersContains", "notificationType"],
                MERGED => &["branch", "pullrequestCreatedBy", "pullrequestReviewersContains", "mergeResult"],
                _ => &["branch"],
            };
            publisher.extend(filters.iter().map(|name| ((*name).to_owned(), json!(""))));
        }
        Ok(json!({
            "publisherId": "tfs",
            "eventType": event,
            "resourceVersion": if event == COMMENT { "2.0" } else { "1.0" },
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": publisher,
            "consumerInputs": {
                "url": wanted.url,
                "basicAuthUsername": USER,
                "basicAuthPassword": wanted.secret.expose_secret(),
                "acceptUntrustedCerts": if wanted.verify_tls { "false" } else { "true" },
                "resourceDetailsToSend": "all",
                "messagesToSend": "text",
                "detailedMessagesToSend": "none",
            },
        }))
    }
}

/// `Subscription`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    status: Option<String>,
    event_type: Option<String>,
    consumer_action_id: Option<String>,
    #[serde(default)]
    publisher_inputs: BTreeMap<String, Option<String>>,
    #[serde(default)]
    consumer_inputs: BTreeMap<String, Option<String>>,
}

impl Subscription {
    fn is_about(&self, project: &str, repository: &str) -> bool {
        let input = |name| input(&self.publisher_inputs, name);
        let all = input("repository").is_none();
        self.consumer_action_id.as_deref().is_none_or(|action| action == "httpRequest")
            && input("projectId").is_none_or(|id| id.eq_ignore_ascii_case(project))
            && (all || input("repository").is_some_and(|id| id.eq_ignore_ascii_case(repository)))
    }

    fn hook(self) -> Hook {
        let consumer = |name| input(&self.consumer_inputs, name);
        let status = self.status.as_deref().unwrap_or("enabled");
        let trouble = match status {
            "enabled" => None,
            "onProbation" => Some("on probation: deliveries failed lately"),
            "disabledBySystem" => Some("disabled by Azure DevOps: too many deliveries failed, or one was answered 410"),
            "disabledByUser" => Some("disabled by a person"),
            "disabledByInactiveIdentity" => Some("disabled: who made it is not active any more"),
            _ => Some("in a state that is not known here"),
        };
        let filters = FILTERS.iter().filter_map(|(name, words)| {
            input(&self.publisher_inputs, name).map(|value| format!("{words} {}", shown(value, 80)))
        });
        let cut = match consumer("resourceDetailsToSend") {
            Some("none" | "minimal") => {
                Some("it sends no details, so a delivery does not say what has moved".to_owned())
            }
            _ => None,
        };
        let silent = match consumer("messagesToSend") {
            Some("none") => Some("it sends no messages, so a delivery does not say what was changed".to_owned()),
            _ => None,
        };
        let odd = filters.chain(cut).chain(silent).collect();
        Hook {
            url: consumer("url").unwrap_or_default().to_owned(),
            events: self.event_type.iter().cloned().collect(),
            active: matches!(status, "enabled" | "onProbation"),
            trouble: trouble.map(str::to_owned),
            json: true,
            verifies_tls: consumer("acceptUntrustedCerts").is_none_or(|value| !value.eq_ignore_ascii_case("true")),
            has_secret: Some(consumer("basicAuthPassword").is_some() || consumer("basicAuthUsername").is_some()),
            odd,
            id: self.id,
        }
    }
}

/// An input that says something.
fn input<'i>(inputs: &'i BTreeMap<String, Option<String>>, name: &str) -> Option<&'i str> {
    inputs.get(name)?.as_deref().filter(|value| !value.is_empty())
}

/// `Notification`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    id: u64,
    subscription_id: Option<String>,
    created_date: Option<String>,
    result: Option<String>,
    details: Option<Details>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    event_type: Option<String>,
    response: Option<String>,
}

impl Hooks for Subscriptions {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        [PUSH, CREATED, UPDATED, MERGED, COMMENT].map(|event| vec![event]).into()
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        let events = "\"Code pushed\", \"Pull request created\", \"Pull request updated\", \"Pull request merge attempted\" \
             and \"Pull request commented on\"";
        vec![
            format!(
                "Open {} (Project settings, Service hooks) and create a subscription of the kind Web Hooks.",
                self.page
            ),
            format!("Do this five times, once for each of the events {events}."),
            "Choose this repository, and [Any] for every other filter.".to_owned(),
            format!("URL: {url}. It has to begin with https: Basic authentication is not sent otherwise."),
            format!(
                "Basic authentication username: {USER}. Basic authentication password: the webhook secret of this \
                 storage. Leave HTTP headers empty: they can be read by others."
            ),
            "Resource details to send: All. Messages to send: Text. Detailed messages to send: None.".to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let (project, repository) = self.ids(ask)?;
        let query = [("publisherId", "tfs"), ("consumerId", "webHooks"), ("consumerActionId", "httpRequest")];
        let all: Page<Subscription> = self.at.get(ask, &self.at.root("/hooks/subscriptions"), &query)?.json()?;
        let ours = all.value.into_iter().filter(|it| it.is_about(&project, &repository));
        Ok(ours.map(Subscription::hook).collect())
    }

    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        let wish = self.wish(ask, group.first().copied().unwrap_or(PUSH), wanted)?;
        let url = self.at.root("/hooks/subscriptions");
        Ok(self.at.send(ask, Method::Post, &url, Some(wish), NEEDS)?.json::<Subscription>()?.hook())
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        let mut wish = self.wish(ask, group.first().copied().unwrap_or(PUSH), wanted)?;
        if let Some(wish) = wish.as_object_mut() {
            wish.insert("id".to_owned(), json!(hook.id));
            wish.insert("status".to_owned(), json!("enabled"));
        }
        let answer = self.at.send(ask, Method::Put, &self.url(&hook.id, ""), Some(wish), NEEDS)?;
        Ok(answer.json::<Subscription>()?.hook())
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        match self.at.send(ask, Method::Delete, &self.url(&hook.id, ""), None, NEEDS) {
            Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// As the button "Test" does: a sample event of a repository that is not ours, with the inputs that are kept.
    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        let kept: Value = self.at.get(ask, &self.url(&hook.id, ""), &[])?.json()?;
        let part = |name: &str| kept.get(name).cloned().unwrap_or(Value::Null);
        let names = ["publisherId", "eventType", "consumerId", "consumerActionId", "publisherInputs", "consumerInputs"];
        let details: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), part(name))).filter(|(_, value)| !value.is_null()).collect();
        let wish = json!({"subscriptionId": hook.id, "details": details});
        self.at.send(ask, Method::Post, &self.at.root("/hooks/testnotifications"), Some(wish), NEEDS).map(drop)
    }

    fn attempts(&self, ask: &dyn Ask, hook: &Hook) -> Result<Vec<Attempt>, Failure> {
        let query = [("maxResults", "100"), ("status", "completed")];
        let all: Page<Notification> = self.at.get(ask, &self.url(&hook.id, "/notifications"), &query)?.json()?;
        let event = hook.events.first().map_or("", String::as_str);
        let mut attempts: Vec<(u64, Attempt)> = Vec::new();
        for it in all.value {
            let result = it.result.as_deref();
            if result == Some("filtered") {
                continue;
            }
            let details = it.details.as_ref();
            let subscription = it.subscription_id.as_deref().unwrap_or(&hook.id);
            let attempt = Attempt {
                id: it.id.to_string(),
                // As deliveries are told apart here: `provider::azure`.
                delivery: Some(format!("{subscription}:{}", it.id)),
                at: it.created_date.as_deref().and_then(|at| at.parse().ok()),
                event: details.and_then(|details| details.event_type.clone()).unwrap_or_else(|| event.to_owned()),
                status: details.and_then(|details| status_of(details.response.as_deref()?)),
                ok: result == Some("succeeded"),
            };
            attempts.push((it.id, attempt));
        }
        attempts.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        Ok(attempts.into_iter().map(|(_, attempt)| attempt).collect())
    }

    fn redeliver(&self, _: &dyn Ask, _: &Hook, _: &Attempt) -> Result<(), Failure> {
        Err(Failure::Unsupported(
            "Azure DevOps cannot be asked to send again; it retries by itself after 408, 502, 503 and 504".to_owned(),
        ))
    }
}

/// The status in the text of a response: `Status Code: 200`, or a status line.
fn status_of(response: &str) -> Option<u16> {
    let after = ["Status Code:", "HTTP/1.1", "HTTP/2"].iter().find_map(|mark| response.split_once(mark))?.1;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|status| (100..600).contains(status))
}
