//! What is trusted, and renews itself: the keys of an issuer of JWTs, and our own certificate.
//!
//! The keys of one URL are fetched by one task, which a reload does not disturb while the URL stays the same. The
//! certificate's files are looked at now and then; whether they are good is told to the log and to the metrics, while
//! there is still time.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::auth::jwt::KeySet;
use crate::config::{Config, JwtKeys};
use crate::http::certificate::{Certificate, Look};
use crate::http::{Settings, State};
use crate::issuer::{Health, Issuer, Keys, Pace, Published, Source};
use crate::limits;

/// The issuer whose keys are fetched, if there is one.
#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<Option<(Arc<Published>, AbortHandle)>>);

impl Trust {
    /// What of a configuration concerns requests, with whoever knows its JWTs. Needs a runtime around it.
    pub(super) fn settings(&self, config: &Config) -> Settings {
        let settings = Settings::from(config);
        let jwt = config.authentication.jwt.as_ref();
        let source = jwt.and_then(|jwt| match &jwt.keys {
            JwtKeys::Url { url, ca_certificate } => {
                Some(Source { url: url.clone(), ca_certificate: ca_certificate.clone() })
            }
            JwtKeys::File { .. } => None,
        });
        let published = self.follow(source);
        let Some(jwt) = jwt else { return settings };
        let keys = match (&jwt.keys, published) {
            (JwtKeys::File { keys, .. }, _) => Keys::Fixed(Arc::new(keys.clone())),
            (JwtKeys::Url { .. }, Some(published)) => Keys::Published(published),
            (JwtKeys::Url { .. }, None) => return settings,
        };
        let issuer = Arc::new(Issuer::new(keys, jwt.rules.clone()));
        Settings { authentication: settings.authentication.with_jwt(issuer), ..settings }
    }

    /// The keys of this place, from the task that has them already or from a new one.
    fn follow(&self, source: Option<Source>) -> Option<Arc<Published>> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((published, _)), Some(source)) = (&*current, &source)
            && published.source() == source
        {
            return Some(published.clone());
        }
        if let Some((_, task)) = current.take() {
            task.abort();
        }
        let published = Arc::new(Published::new(source?, Pace::default()));
        let renewed = published.clone();
        let task = tokio::spawn(async move { renewed.renew().await });
        *current = Some((published.clone(), task.abort_handle()));
        Some(published)
    }

    /// How the keys by URL are, where there are any.
    pub(super) fn health(&self) -> Option<Health> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|(published, _)| published.health())
    }

    fn keys(&self) -> Option<Arc<KeySet>> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|(published, _)| published.keys())
    }

    /// No more fetches.
    pub(super) fn stop(&self) {
        if let Some((_, task)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

fn same(one: Option<&Arc<KeySet>>, other: Option<&Arc<KeySet>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Looks at the certificate and the keys, and tells.
pub(super) fn watch(http: Arc<State>, trust: Arc<Trust>, certificate: Option<Arc<Certificate>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut beat = interval(limits::CERTIFICATE_LOOK);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut warned, mut keys) = (None, trust.keys());
        loop {
            beat.tick().await;
            // A key that was taken back ends the streams that it let in.
            let found = trust.keys();
            if !same(keys.as_ref(), found.as_ref()) {
                keys = found;
                http.settings.rcu(|settings| Settings {
                    authentication: settings.authentication.anew(),
                    ..Settings::clone(settings)
                });
                http.environments.streams().wake_all();
            }
            http.metrics
                .issuer(trust.health().map(|health| (health.keys, health.failure.is_some(), health.age_seconds)));
            let Some(certificate) = certificate.clone() else { continue };
            let looked = certificate.clone();
            match spawn_blocking(move || looked.look()).await {
                Ok(Look::Renewed) => {
                    warned = None;
                    tracing::info!(until = ?certificate.not_after(), "the certificate has changed on disk, and new connections get it");
                }
                Ok(Look::Unusable(error)) => {
                    let why = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, why, "the certificate has changed on disk and cannot be used; the last good one is served on");
                }
                Ok(Look::Same) => {}
                Err(error) if error.is_panic() => tracing::error!("bug: looking at the certificate panicked"),
                // The runtime is going away.
                Err(_) => return,
            }
            let end = certificate.not_after();
            http.metrics.certificate_end(end);
            if let Some(end) = end {
                warn(end, http.clock.now(), &mut warned);
            }
        }
    })
}

/// Says, once a day, that the certificate ends soon or has ended.
fn warn(end: Timestamp, now: Timestamp, warned: &mut Option<Timestamp>) {
    let duration = |of| SignedDuration::try_from(of).unwrap_or(SignedDuration::MAX);
    let left = end.duration_since(now);
    let lately = warned.is_some_and(|at| now.duration_since(at).abs() < duration(limits::CERTIFICATE_WARNING));
    if left > duration(limits::CERTIFICATE_SPARE) || lately {
        return;
    }
    *warned = Some(now);
    if left.is_negative() {
        tracing::error!(until = %end, "the certificate has expired: clients that look refuse to connect");
    } else {
        let days = left.as_hours() / 24;
        tracing::warn!(until = %end, days, "the certificate ends soon; who renews it has not done so");
    }
}
