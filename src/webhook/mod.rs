//! The webhook of a storage seen from here: what is to be entered at the provider, what the provider has, and whether a
//! delivery comes all the way through.
//!
//! The provider is asked when a person asks, never by itself, one question at a time for each storage; what came of it is
//! kept, so that a page can show it with its age. Nothing is changed here: `yardarm webhook` does that.

pub mod probe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::time::Instant;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use url::Url;

use self::probe::Said;
use crate::clock::Clock;
use crate::config::{Config, Storage};
use crate::ingest::Delivery;
use crate::ingest::deliveries::Log;
use crate::limits;
use crate::provider::Provider;
use crate::provider::api::hooks::plan::{self, Step, Wish};
use crate::provider::api::hooks::{self, Attempt, Hook};
use crate::provider::api::{Failure, Place};
use crate::provider::signature::Scheme;
use crate::scm::{Link, Links};

/// The webhooks of all storages.
#[derive(Debug, Default)]
pub struct Desk(ArcSwap<BTreeMap<Arc<str>, Arc<Site>>>);

/// The webhook of one storage.
pub struct Site {
    /// Storage.
    pub storage: Arc<str>,
    /// Who sends, as far as the configuration says.
    pub provider: Option<Provider>,
    /// Paths at which deliveries are taken, the usual one first.
    pub paths: Vec<String>,
    secrets: Vec<SecretString>,
    /// Where its API is; an error says what is missing for that.
    way: Result<(Arc<Link>, Place), String>,
    working: Mutex<()>,
    seen: Mutex<Option<Arc<Seen>>>,
    checked: Mutex<Option<Arc<Checked>>>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("storage", &self.storage).finish_non_exhaustive()
    }
}

/// What the provider has.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it was asked.
    pub at: Timestamp,
    /// Where its webhook sends to; absent where none leads here.
    pub url: Option<String>,
    /// What is as it should be, and what is not.
    pub steps: Vec<Step>,
    /// What was sent lately, the newest first, where it keeps that.
    pub last: Vec<Attempt>,
    /// Deliveries that failed and were not taken since.
    pub lost: usize,
    /// Why it could not be asked.
    pub failure: Option<String>,
}

impl Seen {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let kept = |step: &Step| matches!(step, Step::Keep { .. });
        let taken = self.last.first().is_none_or(|last| last.ok);
        self.failure.is_none() && self.url.is_some() && self.steps.iter().all(kept) && taken
    }
}

/// What came of a check from end to end.
#[derive(Debug, Clone)]
pub struct Checked {
    /// When it began.
    pub at: Timestamp,
    /// Each leg of the way, as far as it was gone.
    pub legs: Vec<Leg>,
}

/// One leg of the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Which.
    pub name: Name,
    /// Whether it was gone; `None` where that cannot be told from here.
    pub ok: Option<bool>,
    /// What is to be said of it; empty where the name says all.
    pub words: String,
    /// How long it took, milliseconds.
    pub took: Option<f64>,
}

/// The legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The provider has the webhook that it should have.
    There,
    /// It was asked to send a test.
    Sent,
    /// The test came, and it was verified.
    Arrived,
    /// The endpoint takes its secret, tried from here.
    Taken,
}

impl Name {
    /// As texts know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Sent => "sent",
            Self::Arrived => "arrived",
            Self::Taken => "taken",
        }
    }
}

impl Desk {
    /// Takes over a configuration. What is known of a webhook that stays is kept.
    pub fn apply(&self, config: &Config, links: &Links) {
        let before = self.0.load();
        let with_remote = config.storages.values().filter(|storage| storage.remote.is_some());
        let sites = with_remote.map(|storage| {
            let site = Site::of(storage, config, links);
            if let Some(old) = before.get(&storage.name).filter(|old| old.paths == site.paths) {
                lock(&site.seen).clone_from(&*lock(&old.seen));
                lock(&site.checked).clone_from(&*lock(&old.checked));
            }
            (storage.name.clone(), Arc::new(site))
        });
        self.0.store(Arc::new(sites.collect()));
    }

    /// That of a storage; none for one without a remote.
    #[must_use]
    pub fn site(&self, storage: &str) -> Option<Arc<Site>> {
        self.0.load().get(storage).cloned()
    }
}

impl Site {
    fn of(storage: &Storage, config: &Config, links: &Links) -> Self {
        let of_storage = config.environments.iter().filter(|environment| environment.storage == storage.name);
        let mut way = Err(format!("no environment of storage `{}` has `scm` with `credentials`", storage.name));
        for environment in of_storage {
            match links.of(&environment.name) {
                Some(Ok(linked)) => {
                    way = Ok((linked.link.clone(), linked.place.clone()));
                    break;
                }
                Some(Err(why)) => way = Err(why),
                None => {}
            }
        }
        let webhook = storage.webhook.as_ref();
        Self {
            storage: storage.name.clone(),
            provider: webhook.map(|webhook| webhook.provider).or(way.as_ref().ok().map(|(_, place)| place.provider)),
            paths: paths(storage, config),
            secrets: webhook.map(|webhook| webhook.secrets.clone()).unwrap_or_default(),
            way,
            working: Mutex::default(),
            seen: Mutex::default(),
            checked: Mutex::default(),
        }
    }

    /// How many secrets are taken.
    #[must_use]
    pub fn secrets(&self) -> usize {
        self.secrets.len()
    }

    /// What to do at the provider, step by step, for an endpoint at `url`; nothing where it is not known which it is.
    #[must_use]
    pub fn by_hand(&self, url: &str) -> Vec<String> {
        let place = self.way.as_ref().map(|(_, place)| place.clone());
        let place = place.ok().or_else(|| {
            Some(Place {
                provider: self.provider?,
                root: String::new(),
                owner: "OWNER".to_owned(),
                repository: "REPOSITORY".to_owned(),
            })
        });
        place.and_then(hooks::of).map(|hooks| hooks.by_hand(url)).unwrap_or_default()
    }

    /// Why the provider cannot be asked.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        self.way.as_ref().err().map(String::as_str)
    }

    /// What the provider had when it was asked last.
    #[must_use]
    pub fn seen(&self) -> Option<Arc<Seen>> {
        lock(&self.seen).clone()
    }

    /// What came of the last check.
    #[must_use]
    pub fn checked(&self) -> Option<Arc<Checked>> {
        lock(&self.checked).clone()
    }

    /// Asks the provider what it has. Blocks for as long as that takes; somebody who asks meanwhile gets no second one.
    pub fn look(&self, clock: &dyn Clock) {
        let Some(_one) = self.alone() else { return };
        self.looked(clock.now());
    }

    /// Whoever is the only one at work; none while somebody is. It guards nothing that a panic could leave half-done.
    fn alone(&self) -> Option<MutexGuard<'_, ()>> {
        match self.working.try_lock() {
            Ok(alone) => Some(alone),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn looked(&self, at: Timestamp) -> Option<Hook> {
        let mut seen = Seen { at, url: None, steps: Vec::new(), last: Vec::new(), lost: 0, failure: None };
        let found = match &self.way {
            Ok((link, place)) => self.ask(link, place, &mut seen).unwrap_or_else(|failure| {
                seen.failure = Some(failure.to_string());
                None
            }),
            Err(why) => {
                seen.failure = Some(why.clone());
                None
            }
        };
        *lock(&self.seen) = Some(Arc::new(seen));
        found
    }

    fn ask(&self, link: &Link, place: &Place, seen: &mut Seen) -> Result<Option<Hook>, Failure> {
        let Some(hooks) = hooks::of(place.clone()) else { return Ok(None) };
        let all = hooks.list(link)?;
        let ours: Vec<&Hook> = all.iter().filter(|hook| leads_to(hook, &self.paths)).collect();
        let Some(url) = ours.first().map(|hook| hook.url.clone()) else { return Ok(None) };
        let (mut refused, mut newest) = (Vec::new(), Vec::new());
        for hook in &ours {
            match hooks.attempts(link, hook) {
                Ok(attempts) => {
                    if plan::is_refused(&attempts) {
                        refused.push(hook.id.clone());
                    }
                    seen.lost += plan::lost(&attempts).len();
                    newest.extend(attempts);
                }
                Err(Failure::Unsupported(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        newest.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
        newest.truncate(limits::WEBHOOK_ATTEMPTS_SHOWN);
        seen.last = newest;
        let verify_tls = ours.iter().all(|hook| hook.verifies_tls);
        let wish = Wish { url: &url, verify_tls, new_secret: false, refused: &refused };
        seen.steps = plan::plan(&all, &hooks.groups(), &wish);
        seen.url = Some(url);
        Ok(ours.first().map(|hook| (*hook).clone()))
    }

    /// Goes the whole way: looks what the provider has, has it send a test, and waits for that in `log`. Where it sends no
    /// test, or none comes, the endpoint is tried from here. Blocks for up to half a minute.
    pub fn check(&self, log: &Log, clock: &dyn Clock) {
        let Some(_one) = self.alone() else { return };
        let at = clock.now();
        let mut legs = Vec::new();
        let hook = self.looked(at);
        let seen = self.seen();
        legs.push(there(seen.as_deref()));
        if let Some(hook) = hook {
            let arrived = self.send(&hook, log, clock, &mut legs);
            if !arrived {
                legs.push(self.taken(&hook, clock));
            }
        }
        *lock(&self.checked) = Some(Arc::new(Checked { at, legs }));
    }

    /// Has a test sent. Whether it is known to have come.
    fn send(&self, hook: &Hook, log: &Log, clock: &dyn Clock, legs: &mut Vec<Leg>) -> bool {
        let Ok((link, place)) = &self.way else { return false };
        let Some(hooks) = hooks::of(place.clone()) else { return false };
        let begun = clock.now();
        let leg = |name, ok, words: String| Leg { name, ok, words, took: None };
        match hooks.test(&**link, hook) {
            Ok(()) => legs.push(leg(Name::Sent, Some(true), String::new())),
            // It was sent, and the provider says already that it was not taken.
            Err(Failure::State(why)) => legs.push(leg(Name::Sent, Some(true), why)),
            Err(failure @ Failure::Unsupported(_)) => {
                legs.push(leg(Name::Sent, None, failure.to_string()));
                return false;
            }
            Err(failure) => {
                legs.push(leg(Name::Sent, Some(false), failure.to_string()));
                return false;
            }
        }
        let Some(delivery) = self.awaited(log, begun) else {
            legs.push(leg(Name::Arrived, Some(false), String::new()));
            return false;
        };
        let took = delivery.received.duration_since(begun).as_secs_f64().max(0.0) * 1e3;
        let verified = delivery.verified.map(ToOwned::to_owned);
        let (ok, words) = (verified.is_some(), verified.unwrap_or_else(|| delivery.detail.clone()));
        legs.push(Leg { name: Name::Arrived, ok: Some(ok), words, took: Some(took) });
        true
    }

    /// The first delivery since then: the test, as far as anybody can tell.
    fn awaited(&self, log: &Log, since: Timestamp) -> Option<Arc<Delivery>> {
        let until = Instant::now() + limits::WEBHOOK_TEST_DEADLINE;
        let (_nobody_sends, wait) = mpsc::channel::<()>();
        let kept = limits::DELIVERIES_KEPT + limits::REFUSALS_KEPT;
        loop {
            let found = log.list(&self.storage, kept).into_iter().rev().find(|delivery| delivery.received >= since);
            if found.is_some() || Instant::now() >= until {
                return found;
            }
            // Only time can come of this: it is under way from elsewhere.
            let _ = wait.recv_timeout(limits::WEBHOOK_TEST_GLANCE);
        }
    }

    fn taken(&self, hook: &Hook, clock: &dyn Clock) -> Leg {
        let leg = |ok, words: &str| Leg { name: Name::Taken, ok, words: words.to_owned(), took: None };
        let (Some(secret), Some(provider)) = (self.secrets.first(), self.provider) else {
            return leg(Some(false), "the configuration has no secret for it");
        };
        // Where it is sent to is the provider's word, and whoever may edit the webhook there wrote it.
        if Scheme::of(provider, &self.secrets).shows_the_secret() {
            return leg(None, "not tried from here: it would show the secret to whatever address the provider names");
        }
        match probe::ask(&hook.url, provider, secret, &self.secrets, hook.verifies_tls, clock.now()) {
            Said::Taken => leg(Some(true), ""),
            Said::Refused => leg(Some(false), "status 401: another daemon, or one with other secrets, answers there"),
            Said::NoEndpoint => leg(Some(false), "status 404: what answers there has no such endpoint"),
            Said::Strange(why) => leg(Some(false), &why),
            Said::Unreachable(why) => leg(None, &why),
        }
    }
}

/// The first leg, told of what was seen.
fn there(seen: Option<&Seen>) -> Leg {
    let leg = |ok, words: String| Leg { name: Name::There, ok: Some(ok), words, took: None };
    let Some(seen) = seen else { return leg(false, String::new()) };
    if let Some(failure) = &seen.failure {
        return leg(false, failure.clone());
    }
    let Some(url) = &seen.url else { return leg(false, "no webhook at the provider leads to this storage".to_owned()) };
    let wrong: Vec<String> = seen.steps.iter().filter_map(wrong).collect();
    if wrong.is_empty() { leg(true, url.clone()) } else { leg(false, wrong.join("; ")) }
}

/// What is wrong with what a step is about.
#[must_use]
pub fn wrong(step: &Step) -> Option<String> {
    match step {
        Step::Keep { .. } => None,
        Step::Create { events } => Some(format!("nothing sends {}", events.join(", "))),
        Step::Repair { why, .. } => Some(why.join("; ")),
        Step::Delete { why, .. } => Some(why.clone()),
    }
}

/// Paths at which the daemon takes deliveries for a storage.
#[must_use]
pub fn paths(storage: &Storage, config: &Config) -> Vec<String> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~'));
    let segment = |text: &str| {
        if plain(text) { text.to_owned() } else { utf8_percent_encode(text, NON_ALPHANUMERIC).to_string() }
    };
    let of_storage = config.environments.iter().filter(|environment| environment.storage == storage.name);
    std::iter::once(format!("/webhooks/{}", segment(&storage.name)))
        .chain(of_storage.map(|environment| format!("/api/v2/webhooks/{}", segment(&environment.name))))
        .collect()
}

/// Whether a hook sends to one of these endpoints, on whatever host.
#[must_use]
pub fn leads_to(hook: &Hook, paths: &[String]) -> bool {
    let path = Url::parse(&hook.url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    paths.iter().any(|known| path.ends_with(known.as_str()))
}

/// Whatever was written is whole.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
