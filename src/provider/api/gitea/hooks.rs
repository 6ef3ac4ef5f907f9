//! Webhooks of Gitea and Forgejo.
//!
//! - The same one is taken twice, and `active` is off unless it is said.
//! - A change resets what it leaves out (events to `push`, the filter of branches to none) and never changes the secret,
//!   though it says 200. So nothing is changed: a new one is made, and the old one removed after it.
//! - Events have other names when they are asked for than when they are shown; the unknown are dropped without a word.
//! - Whether a secret is set is not shown, what was delivered neither, and a repetition is a button on the web page.
//! - Certificates are verified or not by the whole server (`[webhook] SKIP_TLS_VERIFY`).

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::answers::refused;
use super::{Gitea, shapes};
use crate::provider::Provider;
use crate::provider::api::failure::shown;
use crate::provider::api::hooks::{Attempt, Hook, Hooks, Wanted};
use crate::provider::api::{Ask, Failure, Method, Place};

/// What managing webhooks takes.
const NEEDS: &str = "a token with write:repository, of an owner or an administrator of the repository";

/// Events as they are shown, and the name by which each is asked for.
const EVENTS: [(&str, &str); 8] = [
    ("create", "create"),
    ("delete", "delete"),
    ("push", "push"),
    ("pull_request", "pull_request_only"),
    ("pull_request_comment", "pull_request_comment"),
    ("pull_request_review_approved", "pull_request_review"),
    ("pull_request_review_rejected", "pull_request_review"),
    ("pull_request_sync", "pull_request_sync"),
];

/// Those of one repository.
#[derive(Debug)]
pub(in crate::provider::api) struct Webhooks {
    at: Gitea,
}

impl Webhooks {
    pub(in crate::provider::api) const fn new(place: Place) -> Self {
        Self { at: Gitea::new(place) }
    }

    /// Forgejo has a type of its own, which Gitea does not take.
    fn kind(&self) -> &'static str {
        if self.at.place.provider == Provider::Forgejo { "forgejo" } else { "gitea" }
    }
}

#[derive(Debug, Deserialize)]
struct Shown {
    id: u64,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    branch_filter: String,
    #[serde(default)]
    config: Config,
    events: Option<Vec<String>>,
    #[serde(default)]
    active: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: String,
}

impl Shown {
    fn hook(self) -> Hook {
        let mut odd = Vec::new();
        if !matches!(&*self.branch_filter, "" | "*" | "**") {
            odd.push(format!("it is only about branches that match {}", shown(&self.branch_filter, 80)));
        }
        // Gogs' is Forgejo's by another name; the others send what chats read.
        if !matches!(&*self.kind, "gitea" | "forgejo" | "gogs") {
            odd.push(format!("it sends what is made for {}", shown(&self.kind, 40)));
        }
        let mut events = self.events.unwrap_or_default();
        events.sort();
        Hook {
            id: self.id.to_string(),
            url: self.config.url,
            events,
            active: self.active,
            trouble: None,
            json: self.config.content_type == "json",
            verifies_tls: true,
            has_secret: None,
            odd,
        }
    }
}

impl Hooks for Webhooks {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        vec![EVENTS.iter().map(|(shown, _)| *shown).collect()]
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        let Place { owner, repository, provider, .. } = &self.at.place;
        let name = if *provider == Provider::Forgejo { "Forgejo" } else { "Gitea" };
        vec![
            format!("Open the repository {owner}/{repository}, then Settings, Webhooks, Add webhook, {name}."),
            format!("Target URL: {url}"),
            "HTTP method: POST. Content type: application/json. Secret: the one of this storage's webhook.".to_owned(),
            "Trigger on: Custom events. Repository events: Create, Delete, Push. Pull request events: Pull request, \
             Pull request comment, Pull request reviewed, Pull request synchronized."
                .to_owned(),
            "Branch filter: * or nothing. Active: on. Add webhook, then Test delivery.".to_owned(),
            "If the server does not reach this address, its administrator has to allow the host in [webhook] \
             ALLOWED_HOST_LIST."
                .to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let mut hooks = Vec::new();
        let listed = self.at.pages(ask, "hooks", &mut |it: Shown| {
            hooks.push(it.hook());
            true
        });
        listed.map(|()| hooks).map_err(|failure| match failure {
            Failure::Forbidden { said, .. } => Failure::Forbidden { needs: NEEDS.to_owned(), said },
            failure => failure,
        })
    }

    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        if !wanted.verify_tls {
            return Err(Failure::Unsupported(
                "whether certificates are verified is a setting of the whole server here: SKIP_TLS_VERIFY in its section \
                 [webhook]"
                    .to_owned(),
            ));
        }
        let mut events: Vec<&str> = group
            .iter()
            .map(|name| EVENTS.iter().find(|(shown, _)| shown == name).map_or(*name, |(_, asked)| *asked))
            .collect();
        events.dedup();
        let body = json!({
            "type": self.kind(),
            "active": true,
            "events": events,
            "branch_filter": "",
            "config": {
                "url": wanted.url,
                "content_type": "json",
                "secret": wanted.secret.expose_secret(),
            },
        });
        let answer = self.at.ask(ask, Method::Post, "hooks", Some(body))?;
        if answer.is_success() { Ok(answer.json::<Shown>()?.hook()) } else { Err(refused(&answer, NEEDS)) }
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        let made = self.create(ask, group, wanted)?;
        self.delete(ask, hook)?;
        Ok(made)
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        let answer = self.at.ask(ask, Method::Delete, &format!("hooks/{}", shapes::encoded(&hook.id)), None)?;
        if answer.is_success() || answer.status == 404 { Ok(()) } else { Err(refused(&answer, NEEDS)) }
    }

    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        let below = format!("hooks/{}/tests", shapes::encoded(&hook.id));
        let answer = self.at.ask(ask, Method::Post, &below, None)?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer, NEEDS)) }
    }

    fn attempts(&self, _: &dyn Ask, _: &Hook) -> Result<Vec<Attempt>, Failure> {
        Err(Failure::Unsupported(
            "what was delivered stands on the web page of the webhook only, not in the server's API".to_owned(),
        ))
    }

    fn redeliver(&self, _: &dyn Ask, _: &Hook, _: &Attempt) -> Result<(), Failure> {
        Err(Failure::Unsupported(
            "a delivery is repeated by a button on the web page of the webhook only, not by the server's API"
                .to_owned(),
        ))
    }
}
