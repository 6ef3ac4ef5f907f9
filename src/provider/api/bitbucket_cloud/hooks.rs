//! Webhooks of Bitbucket Cloud: one for all events.
//!
//! - The secret is never shown; a change that leaves it out leaves it. It is sent with every repair, so that a second run
//!   heals one that is wrong.
//! - It sends JSON only, and drops what is larger than 256 KB without a word: the next look at the remote covers that.
//! - Its log of requests is a page that has to be switched on; no interface reads it or sends anything again.
//! - It refuses addresses that are not public.

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::bitbucket::{done_unread, encoded};
use super::super::hooks::{Attempt, Hook, Hooks, Wanted};
use super::super::{Ask, Failure, Method, Place};
use super::BitbucketCloud;
use crate::limits;

const NEEDS: &str = "admin rights on the repository; scopes webhook, repository and pullrequest (token: \
                     read:webhook:bitbucket, write:webhook:bitbucket, delete:webhook:bitbucket, \
                     read:repository:bitbucket, read:pullrequest:bitbucket)";

/// Sorted.
const EVENTS: &[&str] = &[
    "pullrequest:approved",
    "pullrequest:changes_request_created",
    "pullrequest:changes_request_removed",
    "pullrequest:comment_created",
    "pullrequest:comment_deleted",
    "pullrequest:comment_updated",
    "pullrequest:created",
    "pullrequest:fulfilled",
    "pullrequest:push",
    "pullrequest:rejected",
    "pullrequest:unapproved",
    "pullrequest:updated",
    "repo:push",
];

/// Longest secret that it takes.
const SECRET_CHARACTERS: usize = 128;

#[derive(Debug, Deserialize)]
struct Shape {
    uuid: String,
    url: Option<String>,
    active: Option<bool>,
    #[serde(default)]
    events: Vec<String>,
    secret_set: Option<bool>,
    skip_cert_verification: Option<bool>,
}

impl From<Shape> for Hook {
    fn from(shape: Shape) -> Self {
        let mut events = shape.events;
        events.sort_unstable();
        Self {
            id: shape.uuid,
            url: shape.url.unwrap_or_default(),
            events,
            active: shape.active != Some(false),
            trouble: None,
            json: true,
            verifies_tls: shape.skip_cert_verification != Some(true),
            has_secret: shape.secret_set,
            odd: Vec::new(),
        }
    }
}

fn wish(group: &[&str], wanted: &Wanted) -> Result<Value, Failure> {
    let secret = wanted.secret.expose_secret();
    if secret.chars().count() > SECRET_CHARACTERS {
        return Err(Failure::Invalid(format!(
            "Bitbucket Cloud takes secrets of at most {SECRET_CHARACTERS} characters, and this one is longer"
        )));
    }
    Ok(json!({
        "type": "webhook_subscription",
        "description": "Yardarm",
        "url": wanted.url,
        "active": true,
        "skip_cert_verification": !wanted.verify_tls,
        "secret": secret,
        "events": group,
    }))
}

impl BitbucketCloud {
    fn hook_url(&self, hook: &Hook) -> String {
        self.url(&format!("hooks/{}", encoded(&hook.id)))
    }

    fn set(ask: &dyn Ask, method: Method, url: String, body: Value) -> Result<Hook, Failure> {
        let answer = Self::send(ask, method, url, Some(body), NEEDS)?;
        Ok(answer.json::<Shape>().map_err(done_unread)?.into())
    }
}

impl Hooks for BitbucketCloud {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        vec![EVENTS.to_vec()]
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        let Place { owner, repository, .. } = &self.place;
        let page = format!("https://bitbucket.org/{}/{}/admin/webhooks", encoded(owner), encoded(repository));
        vec![
            format!("Open {page} (Repository settings, Webhooks) and choose \"Add webhook\"."),
            format!("Title: Yardarm. URL: {url}"),
            "Secret: the one that is configured for this storage.".to_owned(),
            "Status: Active. Leave \"Skip certificate verification\" off.".to_owned(),
            "Choose \"Choose from a full list of triggers\", then Repository: Push.".to_owned(),
            "Pull request: Created, Updated, Push, Approved, Approval removed, Changes Request created, Changes Request \
             removed, Merged, Declined, Comment created, Comment updated, Comment deleted. Save."
                .to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let found: Result<Vec<Shape>, Failure> =
            self.all(ask, "hooks", &[("pagelen", "100")], limits::PROPOSALS_LISTED);
        match found {
            Ok(found) => Ok(found.into_iter().map(Hook::from).collect()),
            Err(Failure::Forbidden { said, .. }) => Err(Failure::Forbidden { needs: NEEDS.to_owned(), said }),
            Err(failure) => Err(failure),
        }
    }

    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        Self::set(ask, Method::Post, self.url("hooks"), wish(group, wanted)?)
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        Self::set(ask, Method::Put, self.hook_url(hook), wish(group, wanted)?)
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        match Self::send(ask, Method::Delete, self.hook_url(hook), None, NEEDS) {
            // The hook, or all of it?
            Err(failure @ Failure::NotFound(_)) => {
                let there = self.list(ask)?.iter().any(|known| known.id == hook.id);
                if there { Err(failure) } else { Ok(()) }
            }
            ended => ended.map(drop),
        }
    }

    fn test(&self, _: &dyn Ask, _: &Hook) -> Result<(), Failure> {
        Err(Failure::Unsupported("Bitbucket Cloud sends no test delivery; push a commit instead".to_owned()))
    }

    fn attempts(&self, _: &dyn Ask, _: &Hook) -> Result<Vec<Attempt>, Failure> {
        Err(Failure::Unsupported(
            "Bitbucket Cloud shows what it sent only on its page: Repository settings, Webhooks, View requests, with \
             \"Enable History\""
                .to_owned(),
        ))
    }

    fn redeliver(&self, _: &dyn Ask, _: &Hook, _: &Attempt) -> Result<(), Failure> {
        Err(Failure::Unsupported(
            "Bitbucket Cloud sends nothing again by request; the next look at the remote covers it".to_owned(),
        ))
    }
}
