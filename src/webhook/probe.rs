//! Whether a running daemon takes a secret at an endpoint: a delivery of our own, of an event that nobody uses.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::limits;
use crate::net::{self, Call, Trust};
use crate::provider::Provider;
use crate::provider::signature::{Scheme, prove};

/// What an endpoint says to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It takes it.
    Taken,
    /// 401.
    Refused,
    /// 404.
    NoEndpoint,
    /// Something else than the daemon answers there.
    Strange(String),
    /// It cannot be asked from here.
    Unreachable(String),
}

/// Asks it. `secrets` are all that the configuration has: they decide the scheme.
#[must_use]
pub fn ask(
    url: &str,
    provider: Provider,
    secret: &SecretString,
    secrets: &[SecretString],
    verify_tls: bool,
    now: Timestamp,
) -> Said {
    let scheme = Scheme::of(provider, secrets);
    let (event, body): (_, &[u8]) = match provider {
        Provider::Github => (Some(("x-github-event", "ping")), b"{}"),
        Provider::Gitlab => (Some(("x-gitlab-event", "Yardarm Check")), b"{}"),
        Provider::BitbucketCloud | Provider::BitbucketDataCenter => (Some(("x-event-key", "yardarm:check")), b"{}"),
        Provider::Azure => (None, br#"{"eventType":"yardarm.check"}"#),
        Provider::Gitea => (Some(("x-gitea-event", "yardarm_check")), b"{}"),
        Provider::Forgejo => (Some(("x-forgejo-event", "yardarm_check")), b"{}"),
    };
    let id = format!("yardarm-check-{}", now.as_nanosecond());
    let Some(proof) = prove(scheme, secret, &id, now, body) else {
        return Said::Strange("this secret cannot be used: a signing token is whsec_ and base64".to_owned());
    };
    let delivery = match provider {
        Provider::Github => Some("x-github-delivery"),
        Provider::Gitlab => Some("idempotency-key"),
        Provider::BitbucketCloud => Some("x-request-uuid"),
        Provider::BitbucketDataCenter => Some("x-request-id"),
        Provider::Gitea => Some("x-gitea-delivery"),
        Provider::Forgejo => Some("x-forgejo-delivery"),
        Provider::Azure => None,
    };
    let mut headers: Vec<(&'static str, &str)> = event.into_iter().collect();
    headers.extend(delivery.map(|name| (name, id.as_str())));
    headers.extend(proof.iter().map(|(name, value)| (*name, value.expose_secret())));
    let Ok(url) = Url::parse(url) else { return Said::Strange("it is no URL".to_owned()) };
    let client = match net::client(&Trust { ca_certificate: None, insecure: !verify_tls }) {
        Ok(client) => client,
        Err(error) => return Said::Unreachable(error.to_string()),
    };
    let call = Call { url, accept: "*/*", authorization: None, body: Some(body.to_vec()) };
    let until = Instant::now() + limits::WEBHOOK_CHECK_DEADLINE;
    match net::ask(&client, &call, Some("POST"), &headers, until, &AtomicBool::new(false)) {
        Ok(reply) => match reply.status {
            200 | 202 => Said::Taken,
            401 => Said::Refused,
            404 => Said::NoEndpoint,
            status @ 300..=399 => Said::Strange(format!(
                "it redirects (status {status}), which a provider follows with its credentials or not at all: give the \
                 address that it redirects to"
            )),
            503 => Said::Unreachable("status 503: it is full, or shutting down".to_owned()),
            status => Said::Strange(format!("status {status}: something in front of the daemon answers")),
        },
        Err(unanswered) => Said::Unreachable(unanswered.error.to_string()),
    }
}
