//! One credential at one provider: every request of the daemon to it goes through here.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Counts;
use super::kept::Kept;
use super::pace::{Heard, Lane, Pace, Turn, Wish};
use super::proof::{self, Proof};
use crate::clock::Clock;
use crate::config::Credential;
use crate::limits;
use crate::net::installation::{self, Installation};
use crate::net::{self, Call, Client, Reply, Trust};
use crate::provider::Provider;
use crate::provider::api::{Answer, Ask, Failure, Method, Request};

/// Where a link leads, and with what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) provider: Provider,
    /// Root of the REST API, without a slash at its end.
    pub(super) root: String,
    pub(super) credential: Credential,
    pub(super) trust: Trust,
}

/// The way to a provider. It may be asked from any blocking thread, of several at once; it keeps to its pace itself.
pub struct Link {
    key: Key,
    root: Url,
    proof: Proof,
    client: Client,
    inner: Mutex<Inner>,
    left: Condvar,
    clock: Arc<dyn Clock>,
    counts: Arc<dyn Counts>,
    stop: Arc<AtomicBool>,
}

struct Inner {
    pace: Pace,
    kept: Kept,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("root", &self.key.root).finish_non_exhaustive()
    }
}

impl Link {
    /// Makes one; nothing is sent yet.
    ///
    /// # Errors
    /// Why there can be none, in words for the operator.
    pub(super) fn new(
        key: Key,
        clock: Arc<dyn Clock>,
        counts: Arc<dyn Counts>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, String> {
        let root = Url::parse(&key.root).map_err(|error| format!("the root of its API: {error}"))?;
        let proof = proof::of(&key.credential, key.provider, &key.root)
            .ok_or("a key of ssh opens no API: `scm.credentials` has to name another credential")?;
        let client = net::client(&key.trust).map_err(|error| error.to_string())?;
        let inner = Mutex::new(Inner { pace: Pace::new(key.provider, clock.now()), kept: Kept::default() });
        Ok(Self { key, root, proof, client, inner, left: Condvar::new(), clock, counts, stop })
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// The same link for what runs by itself: it leaves a part of the rate limit to whoever waits.
    #[must_use]
    pub const fn background(&self) -> Background<'_> {
        Background(self)
    }

    fn go(&self, request: &Request, background: bool) -> Result<Answer, Failure> {
        let url = self.allowed(&request.url)?;
        let begun = Instant::now();
        let until = begun + limits::PROVIDER_DEADLINE;
        let lane = if url.path().ends_with("/graphql") { Lane::Graphql } else { Lane::Rest };
        let wish = Wish { changes: request.method != Method::Get, background, lane };
        let count = |outcome| self.counts.request(self.key.provider, outcome, begun.elapsed());
        let tag = match self.enter(wish, request, begun) {
            Ok(tag) => tag,
            Err(failure) => {
                count("refused");
                return Err(failure);
            }
        };
        let replied = self.send(url, request, tag.as_deref(), until);
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.pace.leave();
        self.left.notify_all();
        let reply = match replied {
            Ok(reply) => reply,
            Err(failure) => {
                count(if matches!(failure, Failure::Lost(_)) { "lost" } else { "unreachable" });
                return Err(failure);
            }
        };
        let answer = Answer { status: reply.status, headers: bounded(reply.headers), body: reply.body, at: now };
        let heard = Heard::of(&answer);
        let failure = Failure::common(&answer).or_else(|| self.turned_away(&answer));
        inner.pace.hear(lane, heard, failure.as_ref(), now);
        let outcome = outcome(answer.status);
        let answer = inner.kept.meet(request, answer);
        drop(inner);
        count(outcome);
        if let Some(left) = heard.left {
            self.counts.remaining(self.key.provider, left);
        }
        failure.map_or(Ok(answer), Err)
    }

    /// Waits for a turn where that is a matter of seconds, and brings the tag of what was answered before.
    fn enter(&self, wish: Wish, request: &Request, begun: Instant) -> Result<Option<String>, Failure> {
        let latest = begun + limits::PROVIDER_TURN;
        let mut inner = self.inner();
        loop {
            let wait = match inner.pace.enter(wish, self.clock.now()) {
                Turn::Go => return Ok(inner.kept.tag(request).map(str::to_owned)),
                Turn::Later(after, why) => return Err(Failure::Wait { after: whole(after), why }),
                Turn::Soon(wait) => wait,
                Turn::Full => limits::PROVIDER_TURN,
            };
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::Unreachable("stopped".to_owned()));
            }
            let now = Instant::now();
            if now >= latest {
                let why = "too many requests to it are under way or wait".to_owned();
                return Err(Failure::Wait { after: limits::PROVIDER_TURN, why });
            }
            inner = self.left.wait_timeout(inner, wait.min(latest - now)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn send(&self, url: Url, request: &Request, tag: Option<&str>, until: Instant) -> Result<Reply, Failure> {
        let reply = self.once(url.clone(), request, tag, until)?;
        // The token of an app can end before its time: made anew once.
        let (Proof::App(app, _), 401) = (&self.proof, reply.0.status) else { return Ok(reply.0) };
        installation::forget(app, &reply.1);
        Ok(self.once(url, request, tag, until)?.0)
    }

    /// One exchange, and the secret that went with it.
    fn once(
        &self,
        url: Url,
        request: &Request,
        tag: Option<&str>,
        until: Instant,
    ) -> Result<(Reply, SecretString), Failure> {
        let (name, secret) = match &self.proof {
            Proof::Header(name, value) => (*name, value.clone()),
            Proof::App(app, key) => {
                let now = self.clock.now();
                let exchange = installation::Exchange { client: &self.client, now, until, stop: &self.stop };
                let token = installation::token(app, || proof::pem(key), &exchange)
                    .map_err(|error| of_installation(app, error))?;
                ("authorization", token)
            }
        };
        let shown = match &self.proof {
            Proof::App(..) => proof::bearer(&secret),
            Proof::Header(..) => secret.clone(),
        };
        let github = self.key.provider == Provider::Github;
        let accept = match request.accept {
            "application/json" if github => "application/vnd.github+json",
            accept => accept,
        };
        let mut headers: Vec<(&'static str, &str)> = Vec::new();
        if github {
            headers.push(("x-github-api-version", "2022-11-28"));
        }
        headers.extend(tag.map(|tag| ("if-none-match", tag)));
        headers.extend(request.headers.iter().map(|(name, value)| (*name, value.as_str())));
        let authorization = if name == "authorization" {
            Some(shown)
        } else {
            headers.push((name, shown.expose_secret()));
            None
        };
        let body = request.body.as_ref().map(|body| body.to_string().into_bytes());
        let call = Call { url, accept, authorization, body };
        let reply = net::ask(&self.client, &call, Some(request.method.name()), &headers, until, &self.stop).map_err(
            |unanswered| {
                let why = unanswered.error.to_string();
                // Asking again for something that was asked for changes nothing.
                let lost = unanswered.sent && request.method != Method::Get;
                if lost { Failure::Lost(why) } else { Failure::Unreachable(why) }
            },
        )?;
        Ok((reply, secret))
    }

    /// The URL, if it is below the configured root. What an answer names is asked for only there.
    fn allowed(&self, url: &str) -> Result<Url, Failure> {
        let outside =
            || Failure::Unsupported("a bug: a request was to leave the configured root of the API".to_owned());
        let url = Url::parse(url).map_err(|_| outside())?;
        let root = self.root.path().trim_end_matches('/');
        // Three interfaces stand beside the root that is configured.
        let beside = match self.key.provider {
            Provider::Github => root.strip_suffix("/api/v3").map(|server| vec![format!("{server}/api/graphql")]),
            Provider::BitbucketDataCenter => root
                .rsplit_once("/api/")
                .map(|(rest, _)| ["build-status", "branch-utils"].map(|of| format!("{rest}/{of}")).to_vec()),
            _ => None,
        };
        let below =
            |root: &str| url.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let plain = url.username().is_empty() && url.password().is_none();
        let same = plain && url.origin() == self.root.origin();
        if same && (below(root) || beside.iter().flatten().any(|beside| below(beside))) {
            Ok(url)
        } else {
            Err(outside())
        }
    }

    /// A redirect is not followed. Azure DevOps shows whom it does not know a page to sign in, others where a repository
    /// has gone.
    fn turned_away(&self, answer: &Answer) -> Option<Failure> {
        let html = || answer.header("content-type").is_some_and(|kind| kind.contains("text/html"));
        match (self.key.provider, answer.status) {
            (Provider::Azure, 203) if html() => {
                Some(Failure::Credential("it answers with its page to sign in".to_owned()))
            }
            (provider, 301 | 302 | 303 | 307 | 308) => {
                let to = answer.header("location").and_then(|to| self.root.join(to).ok());
                let elsewhere = to.as_ref().is_none_or(|to| to.origin() != self.root.origin());
                Some(match to {
                    _ if provider == Provider::Azure && elsewhere => {
                        Failure::Credential("it answers with its page to sign in".to_owned())
                    }
                    Some(to) if elsewhere => Failure::Moved(format!(
                        "status {}, to {}: write the new address into `remote` and `scm.api_url`",
                        answer.status,
                        to.origin().ascii_serialization()
                    )),
                    _ => Failure::Moved(format!(
                        "status {}: write its new name into `remote`, or into `scm.owner` and `scm.repository`",
                        answer.status
                    )),
                })
            }
            _ => None,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is for whoever asks over this link.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Ask for Link {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        self.go(request, false)
    }
}

/// See [`Link::background`].
#[derive(Debug, Clone, Copy)]
pub struct Background<'l>(&'l Link);

impl Ask for Background<'_> {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        self.0.go(request, true)
    }
}

fn of_installation(app: &Installation, error: net::Error) -> Failure {
    let id = app.id;
    match error {
        net::Error::Status { status: status @ (401 | 403), .. } => Failure::Credential(format!(
            "status {status} for the GitHub App: its client id or its key is wrong, or it was suspended"
        )),
        net::Error::Status { status: 404, .. } => {
            Failure::Credential(format!("the GitHub App has no installation {id} (status 404)"))
        }
        net::Error::Status { status: 429 | 503, retry_after } => {
            let after = retry_after.unwrap_or(limits::PROVIDER_PAUSE);
            Failure::Wait { after, why: "for a token of the GitHub App".to_owned() }
        }
        net::Error::Status { status, .. } => {
            Failure::Provider(format!("status {status} for a token of the GitHub App"))
        }
        net::Error::Local(why) => Failure::Credential(why),
        error => Failure::Unreachable(format!("for a token of the GitHub App: {error}")),
    }
}

/// A caller that comes back after whole seconds shall find it open.
fn whole(after: Duration) -> Duration {
    Duration::from_secs(after.as_secs() + u64::from(after.subsec_nanos() > 0))
}

fn bounded(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut left = limits::PROVIDER_HEADER_BYTES;
    headers
        .into_iter()
        .filter(|(name, value)| {
            let size = name.len() + value.len();
            let fits = size <= left;
            if fits {
                left -= size;
            }
            fits
        })
        .collect()
}

const fn outcome(status: u16) -> &'static str {
    match status {
        304 => "304",
        200..=299 => "2xx",
        300..=399 => "3xx",
        429 => "429",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
