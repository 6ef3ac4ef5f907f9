//! The keys that an issuer publishes by URL: fetched, kept, renewed, and given up when they are too old.
//!
//! One task asks, at the pace that the issuer's `Cache-Control` sets within bounds, and sooner when somebody shows a
//! token of a key that is not known; never twice within [`Pace::pause`], whoever asks for it. What it cannot fetch or
//! read changes nothing: the last good keys count on, until [`Pace::kept`] is over. A set that can be read replaces
//! all of the one before it, so that a key which is taken back is gone with the next fetch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use crate::auth::jwt::{KeySet, KeysError};
use crate::net::{self, Client, Trust};
use crate::{limits, provider};

/// Where keys are published, and whom to trust on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The key set.
    pub url: Url,
    /// An own certificate authority, PEM, beside those of the system.
    pub ca_certificate: Option<Vec<u8>>,
}

/// How often, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two fetches where the issuer says nothing.
    pub interval: Duration,
    /// Bounds of what the issuer may say.
    pub bounds: (Duration, Duration),
    /// Least time between two fetches.
    pub pause: Duration,
    /// For one fetch.
    pub deadline: Duration,
    /// How long keys count after the last fetch that brought them.
    pub kept: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: limits::JWKS_INTERVAL,
            bounds: (limits::JWKS_INTERVAL_MIN, limits::JWKS_INTERVAL_MAX),
            pause: limits::JWKS_PAUSE,
            deadline: limits::JWKS_DEADLINE,
            kept: limits::JWKS_KEPT,
        }
    }
}

/// How the keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// How many there are to verify with.
    pub keys: usize,
    /// Seconds since the last fetch that brought keys; absent before the first.
    pub age_seconds: Option<u64>,
    /// Why the last fetch brought none.
    pub failure: Option<String>,
}

/// Keys by URL.
#[derive(Debug)]
pub struct Published {
    source: Source,
    pace: Pace,
    keys: ArcSwap<KeySet>,
    fetched: Mutex<(Option<Instant>, Option<String>)>,
    wanted: Notify,
}

/// Why there are no newer keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Net(#[from] net::Error),
    #[error("{0}")]
    Keys(#[from] KeysError),
}

impl Published {
    /// None yet.
    #[must_use]
    pub fn new(source: Source, pace: Pace) -> Self {
        let (keys, fetched) = (ArcSwap::default(), Mutex::default());
        Self { source, pace, keys, fetched, wanted: Notify::new() }
    }

    /// Where they come from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Those that count now.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// Somebody has shown a token of a key that is not there: look for newer ones, soon.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// How they are.
    #[must_use]
    pub fn health(&self) -> Health {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        Health {
            keys: self.keys.load().len(),
            age_seconds: fetched.0.map(|at| at.elapsed().as_secs()),
            failure: fetched.1.clone(),
        }
    }

    /// Fetches and renews, for as long as the task runs; it may be ended at any time.
    pub async fn renew(&self) {
        // A CA that is none was refused with the configuration; without a client nothing can be fetched until a reload.
        let trust = Trust { ca_certificate: self.source.ca_certificate.clone(), insecure: false };
        let client = match net::client(&trust) {
            Ok(client) => client,
            Err(error) => return self.failed(&error.into()),
        };
        let mut tries = 0_u32;
        loop {
            let begun = Instant::now();
            let next = match self.fetch(&client).await {
                Ok(fresh_for) => {
                    tries = 0;
                    let (least, most) = self.pace.bounds;
                    fresh_for.map_or(self.pace.interval, |fresh| fresh.clamp(least, most))
                }
                Err(why) => {
                    self.failed(&why);
                    tries = tries.saturating_add(1);
                    self.pace.pause.saturating_mul(1 << tries.min(6)).min(self.pace.interval)
                }
            };
            tokio::select! {
                () = sleep(next) => {}
                () = self.wanted.notified() => sleep_until(begun + self.pace.pause).await,
                () = self.too_old() => {}
            }
        }
    }

    /// Comes when the keys are older than they may be, once, and takes them away.
    async fn too_old(&self) {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).0;
        match fetched.filter(|_| !self.keys.load().is_empty()) {
            Some(at) => sleep_until(at + self.pace.kept).await,
            None => std::future::pending().await,
        }
        self.keys.store(Arc::default());
        tracing::error!(
            url = self.shown(),
            "the keys of JWTs could not be renewed for too long and do not count any more: every JWT is refused"
        );
    }

    async fn fetch(&self, client: &Client) -> Result<Option<Duration>, Failure> {
        let accept = "application/jwk-set+json, application/json";
        let document = net::get(client, &self.source.url, accept, limits::JWKS_BYTES, self.pace.deadline).await?;
        let keys = KeySet::of_jwks(&document.body)?;
        let before = self.keys.load_full();
        for why in keys.passed_over.iter().filter(|why| !before.passed_over.contains(why)) {
            tracing::warn!(url = self.shown(), why, "a key of JWTs is not used");
        }
        let failed = {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            let failed = fetched.1.is_some();
            *fetched = (Some(Instant::now()), None);
            failed
        };
        let changed = keys.ids() != before.ids();
        if changed || failed {
            tracing::info!(url = self.shown(), keys = keys.len(), changed, "the keys of JWTs were fetched");
        }
        // The same keys stay the same, and so do the verdicts that they gave.
        if *before != keys {
            self.keys.store(Arc::new(keys));
        }
        Ok(document.fresh_for)
    }

    /// Told when it begins, and when it is another reason than before.
    fn failed(&self, why: &Failure) {
        let why = why.to_string();
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let known = fetched.1.as_ref() == Some(&why);
        fetched.1 = Some(why.clone());
        drop(fetched);
        let keys = self.keys.load().len();
        if known {
            tracing::debug!(url = self.shown(), why, keys, "the keys of JWTs could not be fetched again");
        } else if keys == 0 {
            let message = "the keys of JWTs cannot be fetched, and there are none: every JWT is refused";
            tracing::error!(url = self.shown(), why, message);
        } else {
            let message = "the keys of JWTs cannot be fetched; the last ones count on for a while";
            tracing::warn!(url = self.shown(), why, keys, kept = ?self.pace.kept, message);
        }
    }

    fn shown(&self) -> String {
        provider::remote::without_userinfo(self.source.url.as_str())
    }
}
