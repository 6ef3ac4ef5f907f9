//! The way out: TLS, deadlines, bounds and the classes of errors of every request that this process makes.
//!
//! Three rules hold for all of them. A deadline covers the whole exchange and not one read of it, because a server that
//! sends a byte now and then would never reach the other kind. A redirect is followed only to the same origin, or from
//! http to https of the same host: so a credential never leaves the host that it belongs to. And no answer is read past
//! its bound.
//!
//! Requests run on a small runtime of their own, so that its connections outlive whoever asked first, and callers on
//! blocking threads ([`drive`]) need none.

mod error;
mod get;
pub mod installation;
mod json;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
pub use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::runtime::{Handle, Runtime};
use url::Url;

pub use error::Error;
pub use get::{Document, get};
pub use json::{Call, Reply, Unanswered, ask, call, exchange};

use crate::limits;

/// Whom to trust beside, or instead of, the certificate authorities of the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Own certificate authorities, PEM.
    pub ca_certificate: Option<Vec<u8>>,
    /// Take any certificate.
    pub insecure: bool,
}

/// Installs the one TLS implementation of this process. Whoever comes second changes nothing.
pub fn crypto() {
    // An error only says that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client with its own pool of connections. It follows no redirect by itself: see [`may_follow`].
///
/// # Errors
/// [`Error::Tls`] if the certificate authority is none.
pub fn client(trust: &Trust) -> Result<Client, Error> {
    let builder = Client::builder()
        .connect_timeout(limits::GIT_CONNECT_DEADLINE)
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(limits::NET_IDLE)
        .http2_adaptive_window(true)
        .tcp_keepalive(limits::NET_KEEP_ALIVE);
    crypto();
    let builder = if trust.insecure {
        builder.tls_danger_accept_invalid_certs(true)
    } else {
        builder.tls_backend_preconfigured(tls(trust.ca_certificate.as_deref())?)
    };
    builder.build().map_err(|error| Error::of(&error))
}

/// The system's authorities and our own. That the system has none is no error here: with http, or with an own
/// authority, none is needed, and where one is, the handshake says so.
fn tls(ca_certificate: Option<&[u8]>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_certificate {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| Error::Tls(format!("ca_cert: {error}")))?;
            roots.add(certificate).map_err(|error| Error::Tls(format!("ca_cert: {error}")))?;
            found = true;
        }
        if !found {
            return Err(Error::Tls("ca_cert has no certificate in PEM form".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether a redirect stays with whom we trusted: the same origin, or https instead of http on the same host.
#[must_use]
pub fn may_follow(from: &Url, to: &Url) -> bool {
    let upgrade = from.scheme() == "http" && to.scheme() == "https" && from.host() == to.host() && from.has_host();
    // The port of an upgrade is the scheme's own on both sides, or both are written out by the operator's server.
    (upgrade && (to.port().is_none() || from.port().is_some())) || from.origin() == to.origin()
}

/// `Retry-After` in both of its forms, never more than a day.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(limits::NET_RETRY_AFTER_MAX))
}

/// Waits on a blocking thread for `future`, until the deadline or until told to stop, whichever is first.
///
/// # Errors
/// [`Error::Deadline`] and [`Error::Stopped`]; what the future itself answers is inside.
///
/// # Panics
/// On a thread that drives asynchronous tasks: there it would stop them all.
pub fn drive<T>(future: impl Future<Output = T>, until: Instant, stop: &AtomicBool) -> Result<T, Error> {
    runtime()?.block_on(async {
        let mut future = std::pin::pin!(future);
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let now = Instant::now();
            if now >= until {
                return Err(Error::Deadline);
            }
            if let Ok(done) = tokio::time::timeout(limits::NET_STOP_LOOK.min(until - now), &mut future).await {
                return Ok(done);
            }
        }
    })
}

/// The runtime of the connections, for as long as the process lives: one thread.
fn runtime() -> Result<&'static Handle, Error> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("net")
                .enable_io()
                .enable_time()
                .build()
                .ok()
        })
        .as_ref()
        .map(Runtime::handle)
        .ok_or_else(|| Error::Local("no thread could be started for the network".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follows(from: &str, to: &str) -> bool {
        may_follow(&from.parse().unwrap(), &to.parse().unwrap())
    }

    #[test]
    fn a_redirect_stays_with_its_host() {
        assert!(follows("https://git.example.com/a", "https://git.example.com/b"));
        assert!(follows("https://git.example.com/a", "https://git.example.com:443/b"));
        assert!(follows("http://git.example.com/a", "https://git.example.com/a"));
        assert!(follows("http://127.0.0.1:8080/a", "https://127.0.0.1:8443/a"));
        assert!(!follows("https://git.example.com/a", "http://git.example.com/a"));
        assert!(!follows("https://git.example.com/a", "https://git.example.com.evil.org/a"));
        assert!(!follows("https://git.example.com/a", "https://git.example.com:8443/a"));
        assert!(!follows("http://git.example.com/a", "https://git.example.com:8443/a"));
        assert!(!follows("http://git.example.com/a", "https://other.example.com/a"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("999999999999", now), Some(limits::NET_RETRY_AFTER_MAX));
        for odd in ["", "soon", "-3", "1.5", "Sun, 99 Nov 2026"] {
            assert_eq!(retry_after(odd, now), None, "{odd}");
        }
    }

    #[test]
    fn waiting_ends_at_the_deadline_and_when_told() {
        let soon = Instant::now() + Duration::from_millis(30);
        let never = std::future::pending::<()>;
        assert!(matches!(drive(never(), soon, &AtomicBool::new(false)), Err(Error::Deadline)));
        let late = Instant::now() + Duration::from_secs(60);
        assert!(matches!(drive(never(), late, &AtomicBool::new(true)), Err(Error::Stopped)));
        assert!(matches!(drive(async { 7 }, late, &AtomicBool::new(false)), Ok(7)));
    }

    #[test]
    fn a_certificate_authority_must_be_one() {
        for pem in [&b"nonsense"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let trust = Trust { ca_certificate: Some(pem.to_vec()), insecure: false };
            assert!(matches!(client(&trust), Err(Error::Tls(_))));
        }
    }
}
