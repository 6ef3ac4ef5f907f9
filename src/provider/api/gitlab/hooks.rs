//! GitLab's project hooks.
//!
//! - A secret of the form `whsec_…` is a signing token, with which GitLab signs since 19.0; any other is sent along as it
//!   is. Older servers pass a signing token over in silence, and would deliver what nobody takes; so it is made sure of
//!   before that the server knows them, and after that it took it.
//! - A hook that failed too often is switched off, for a while and then for good. No setting switches it on again; a
//!   test that is answered well does.
//! - A template of the body, and a filter of branches, keep deliveries from being what they have to be.

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::project::{Project, encoded};
use super::{refusal, shape};
use crate::limits;
use crate::provider::api::failure::shown;
use crate::provider::api::hooks::{Attempt, Hook, Hooks, Wanted};
use crate::provider::api::{Ask, Failure, Place};

/// What managing hooks takes.
const NEEDS: &str = "the scope api and the role Maintainer or Owner in the project";
/// Prefix of a signing token.
const SIGNING_TOKEN: &str = "whsec_";
/// The first version that signs.
const SIGNS_SINCE: u32 = 19;
/// As many as GitLab gives of a hook's past.
const EVENTS_PER_PAGE: usize = 20;
/// What one group sends: nothing else is of use.
const EVENTS: [&str; 3] = ["merge_requests_events", "note_events", "push_events"];
/// Most characters of a setting or a reason.
const SHOWN: usize = 200;

/// Hooks of a project.
#[derive(Debug)]
pub(in crate::provider::api) struct GitlabHooks {
    project: Project,
}

/// A hook as GitLab shows it. The kinds of events are members of their own.
#[derive(Deserialize)]
struct Shown {
    id: u64,
    url: String,
    enable_ssl_verification: Option<bool>,
    alert_status: Option<String>,
    disabled_until: Option<String>,
    token_present: Option<bool>,
    signing_token_present: Option<bool>,
    push_events_branch_filter: Option<String>,
    branch_filter_strategy: Option<String>,
    custom_webhook_template: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Shown {
    fn signs(&self) -> bool {
        self.signing_token_present == Some(true)
    }

    fn hook(self) -> Hook {
        // The one that cannot be chosen is of system hooks.
        let events = self.more.iter().filter(|(name, on)| {
            name.ends_with("_events") && *name != "repository_update_events" && **on == Value::Bool(true)
        });
        let mut events: Vec<String> = events.map(|(name, _)| name.clone()).collect();
        events.sort();
        let status = self.alert_status.as_deref().unwrap_or("executable");
        let until = self.disabled_until.as_deref().map(|until| format!(" until {}", shown(until, SHOWN)));
        let trouble = match status {
            "executable" => None,
            "temporarily_disabled" => {
                Some(format!("GitLab does not send{}, because the last attempts failed", until.unwrap_or_default()))
            }
            "disabled" => Some("GitLab has switched it off, because too many attempts failed".to_owned()),
            other => Some(format!("GitLab says {}", shown(other, SHOWN))),
        };
        let mut odd = Vec::new();
        let set = |setting: &Option<String>| setting.clone().filter(|setting| !setting.trim().is_empty());
        if set(&self.custom_webhook_template).is_some() {
            odd.push("a custom webhook template replaces the body".to_owned());
        }
        let filter = set(&self.push_events_branch_filter);
        if let Some(filter) = filter.filter(|_| self.branch_filter_strategy.as_deref() != Some("all_branches")) {
            odd.push(format!("pushes are sent only of branches like {}", shown(&filter, SHOWN)));
        }
        Hook {
            id: self.id.to_string(),
            active: status == "executable",
            trouble,
            json: true,
            verifies_tls: self.enable_ssl_verification.unwrap_or(true),
            has_secret: match (self.token_present, self.signing_token_present) {
                (None, None) => None,
                (token, signing) => Some(token == Some(true) || signing == Some(true)),
            },
            odd,
            events,
            url: self.url,
        }
    }
}

/// One attempt of a hook's past. What was sent and answered is not read.
#[derive(Deserialize)]
struct Event {
    id: u64,
    trigger: Option<String>,
    request_headers: Option<Map<String, Value>>,
    /// A number as text; words where there was no answer.
    response_status: Option<Value>,
    created_at: Option<String>,
}

impl Event {
    fn attempt(self) -> Attempt {
        let header = |name: &str| {
            let headers = self.request_headers.as_ref()?;
            let (_, value) = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            value.as_str().map(|value| shown(value, SHOWN))
        };
        let status = match &self.response_status {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            _ => None,
        };
        Attempt {
            delivery: header("idempotency-key").or_else(|| header("webhook-id")),
            at: self.created_at.as_deref().and_then(shape::moment),
            event: shown(self.trigger.as_deref().unwrap_or("unnamed"), SHOWN),
            ok: status.is_some_and(|status: u16| matches!(status, 200..=299)),
            status,
            id: self.id.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    version: Option<String>,
}

impl GitlabHooks {
    pub(in crate::provider::api) const fn new(place: Place) -> Self {
        Self { project: Project::of_hooks(place) }
    }

    /// Every setting, as it should be.
    fn body(group: &[&str], before: &[String], wanted: &Wanted) -> Value {
        let secret = wanted.secret.expose_secret();
        let mut body = json!({
            "url": wanted.url,
            "enable_ssl_verification": wanted.verify_tls,
            "custom_webhook_template": "",
            "push_events_branch_filter": "",
            "branch_filter_strategy": "all_branches",
        });
        if let Some(members) = body.as_object_mut() {
            let unwanted = before.iter().map(String::as_str).filter(|event| !group.contains(event));
            members.extend(unwanted.map(|event| (event.to_owned(), false.into())));
            members.extend(group.iter().map(|event| ((*event).to_owned(), true.into())));
            // The other one is left alone: a hook that has both serves an endpoint that is about to change from one to
            // the other without a gap.
            let kind = if secret.starts_with(SIGNING_TOKEN) { "signing_token" } else { "token" };
            members.insert(kind.to_owned(), secret.into());
        }
        body
    }

    /// Whether the server knows signing tokens, if it is going to get one.
    fn check_signing(&self, ask: &dyn Ask, wanted: &Wanted) -> Result<(), Failure> {
        if !is_signing(wanted) {
            return Ok(());
        }
        let version = match self.project.get::<Metadata>(ask, self.project.root("metadata"), NEEDS) {
            Ok(metadata) => metadata.version.unwrap_or_default(),
            // Before 15.2.
            Err(Failure::NotFound(_)) => "0".to_owned(),
            Err(failure) => return Err(failure),
        };
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        // One that cannot be read is of a version to come, or of a build of its own.
        if major.is_some_and(|major| major < SIGNS_SINCE) { Err(unsigned()) } else { Ok(()) }
    }

    fn path(hook: &Hook, rest: &str) -> String {
        format!("hooks/{}{rest}", encoded(&hook.id))
    }
}

fn is_signing(wanted: &Wanted) -> bool {
    wanted.secret.expose_secret().starts_with(SIGNING_TOKEN)
}

fn unsigned() -> Failure {
    Failure::Unsupported(format!(
        "this GitLab has no signing tokens (it has them since {SIGNS_SINCE}.0, unless they are switched off): use a secret \
         that does not begin with {SIGNING_TOKEN}"
    ))
}

impl Hooks for GitlabHooks {
    fn groups(&self) -> Vec<Vec<&'static str>> {
        vec![EVENTS.to_vec()]
    }

    fn needs(&self) -> &'static str {
        NEEDS
    }

    fn by_hand(&self, url: &str) -> Vec<String> {
        vec![
            format!("open the project {}, Settings, Webhooks, Add new webhook", self.project.path()),
            format!("URL: {url}"),
            "Secret: generate a signing token (GitLab 19.0 and later) and configure it here as the secret, whsec_ and \
             all; on older servers enter the configured secret as Secret token"
                .to_owned(),
            "Trigger: Push events (All branches), Comments, Merge request events; nothing else".to_owned(),
            "Custom webhook template: leave it empty".to_owned(),
            "SSL verification: enable it".to_owned(),
            "Add webhook, then Test, Push events: it has to say 200 or 202".to_owned(),
        ]
    }

    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure> {
        let all: Vec<Shown> = self.project.pages(ask, "hooks", limits::PROPOSALS_LISTED, NEEDS)?;
        Ok(all.into_iter().map(Shown::hook).collect())
    }

    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        self.check_signing(ask, wanted)?;
        let mut body = Self::body(group, &[], wanted);
        if let Some(members) = body.as_object_mut() {
            members.insert("name".to_owned(), "Yardarm".into());
            members.insert("description".to_owned(), "Feature flags: what is pushed is live at once".into());
        }
        let made: Shown = self.project.post(ask, "hooks", body, NEEDS)?;
        let signs = made.signs();
        let hook = made.hook();
        if is_signing(wanted) && !signs {
            // It would deliver what is refused.
            self.delete(ask, &hook)?;
            return Err(unsigned());
        }
        Ok(hook)
    }

    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure> {
        self.check_signing(ask, wanted)?;
        let path = Self::path(hook, "");
        let body = Self::body(group, &hook.events, wanted);
        let mended: Shown = self.project.put(ask, &path, body, NEEDS)?;
        if is_signing(wanted) && !mended.signs() {
            return Err(unsigned());
        }
        let mended = mended.hook();
        if mended.active {
            return Ok(mended);
        }
        self.test(ask, &mended)?;
        let url = self.project.url(&path);
        self.project.get::<Shown>(ask, url, NEEDS).map(Shown::hook)
    }

    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        self.project.delete(ask, &Self::path(hook, ""), NEEDS)
    }

    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure> {
        let answer = self.project.send_post(ask, &Self::path(hook, "/test/push_events"), None)?;
        match answer.status {
            200..=299 => answer.json::<IgnoredAny>().map(drop),
            422 => Err(Failure::State(format!("GitLab's test delivery failed: {}", refusal::words(&answer)))),
            _ => Err(self.project.refused(ask, &answer, NEEDS)),
        }
    }

    fn attempts(&self, ask: &dyn Ask, hook: &Hook) -> Result<Vec<Attempt>, Failure> {
        let path = Self::path(hook, "/events");
        let found = self.project.pages_of::<Event>(ask, &path, EVENTS_PER_PAGE, limits::HOOK_ATTEMPTS, NEEDS);
        match found {
            // Before 17.3.
            Err(Failure::NotFound(said)) if !said.contains("Project") => Err(Failure::Unsupported(
                "this GitLab does not tell of a hook's past (GitLab does since 17.3)".to_owned(),
            )),
            other => Ok(other?.into_iter().map(Event::attempt).collect()),
        }
    }

    fn redeliver(&self, ask: &dyn Ask, hook: &Hook, attempt: &Attempt) -> Result<(), Failure> {
        let path = Self::path(hook, &format!("/events/{}/resend", encoded(&attempt.id)));
        let answer = self.project.send_post(ask, &path, None)?;
        match answer.status {
            200..=299 => answer.json::<IgnoredAny>().map(drop),
            422 => Err(Failure::State(format!("GitLab does not send it again: {}", refusal::words(&answer)))),
            _ => Err(self.project.refused(ask, &answer, NEEDS)),
        }
    }
}
