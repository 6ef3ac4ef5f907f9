//! How often one caller may ask: by name where it has one, else by address.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::error::{Code, Failure};
use crate::auth::peer::{self, Network};
use crate::auth::rate::Buckets;
use crate::auth::{Caller, Method};
use crate::config;

/// The limits of the configuration, and what has been counted against them. Copies share the counts.
#[derive(Debug, Clone, Default)]
pub struct Rates(Option<Arc<Limits>>);

#[derive(Debug)]
struct Limits {
    requests: Option<Buckets>,
    failures: Option<Buckets>,
    trusted: Vec<Network>,
    begun: Instant,
}

impl From<&config::Rates> for Rates {
    fn from(config: &config::Rates) -> Self {
        if config.requests.is_none() && config.failures.is_none() && config.trusted_proxies.is_empty() {
            return Self::default();
        }
        Self(Some(Arc::new(Limits {
            requests: config.requests.map(Buckets::new),
            failures: config.failures.map(Buckets::new),
            trusted: config.trusted_proxies.clone(),
            begun: Instant::now(),
        })))
    }
}

impl Rates {
    /// Counts one request of this caller.
    pub(super) fn count(&self, caller: &Caller, request: &HttpRequest) -> Result<(), Duration> {
        let Some((limits, buckets)) = self.0.as_ref().and_then(|limits| Some((limits, limits.requests.as_ref()?)))
        else {
            return Ok(());
        };
        if caller.method == Method::Anonymous {
            buckets.take(&(caller.method, limits.holder(request)), limits.begun.elapsed())
        } else {
            buckets.take(&(caller.method, &*caller.name), limits.begun.elapsed())
        }
    }

    /// Whether a credential from there is still looked at.
    pub(super) fn look_at_credential(&self, request: &HttpRequest) -> Result<(), Duration> {
        self.failures(|limits, buckets| buckets.look(&limits.holder(request), limits.begun.elapsed()))
    }

    /// Counts a wrong credential.
    pub(super) fn count_failure(&self, request: &HttpRequest) {
        // Whether this was one too many is told to the next one.
        let _ = self.failures(|limits, buckets| buckets.take(&limits.holder(request), limits.begun.elapsed()));
    }

    /// Where a request comes from, as far as that is known: behind proxies of ours, from whom they had it.
    pub(super) fn origin(&self, request: &HttpRequest) -> Option<IpAddr> {
        let connection = request.peer_addr()?.ip();
        Some(self.0.as_ref().map_or(connection, |limits| limits.origin(connection, request)).to_canonical())
    }

    fn failures(&self, act: impl FnOnce(&Limits, &Buckets) -> Result<(), Duration>) -> Result<(), Duration> {
        let limits = self.0.as_ref().and_then(|limits| Some((limits, limits.failures.as_ref()?)));
        limits.map_or(Ok(()), |(limits, buckets)| act(limits, buckets))
    }
}

impl Limits {
    fn holder(&self, request: &HttpRequest) -> IpAddr {
        let connection = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        peer::holder(self.origin(connection, request))
    }

    fn origin(&self, connection: IpAddr, request: &HttpRequest) -> IpAddr {
        static FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
        let lists = request.headers().get_all(&FORWARDED).filter_map(|value| value.to_str().ok());
        peer::origin(connection, &self.trusted, lists)
    }
}

/// What who asks too often is told.
pub(super) fn failure(wait: Duration) -> Failure {
    let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    Failure::new(Code::TooMany { seconds }, "too many requests")
}
