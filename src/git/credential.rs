//! From a credential to the one header that carries it.
//!
//! The user name that goes with a token is each provider's convention (the pages are named at each arm); where nobody
//! is named it is `x-token-auth`, which Bitbucket demands and the others take as any. An app of GitHub signs a
//! short-lived statement with its key, and has it exchanged for a token that is good for an hour.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::Error;
use crate::config::{Credential, KeySource};
use crate::provider::Provider;
use crate::{limits, net};

/// A token of an app, and until when it is good.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Client, installation and API that it came from.
    of: (String, u64, Option<String>),
    secret: SecretString,
    until: Timestamp,
}

/// The value of `Authorization` for Git over HTTP; `None` without a credential.
///
/// `token` is what an earlier call left there: a token of an app is asked for once and used until shortly before its end.
pub(super) fn authorization(
    credential: Option<&Credential>,
    provider: Option<Provider>,
    token: &mut Option<Token>,
    exchange: &Exchange<'_>,
) -> Result<Option<SecretString>, Error> {
    match credential {
        None => Ok(None),
        Some(Credential::Basic { username, password }) => Ok(Some(basic(username, password))),
        Some(Credential::AccessToken(secret)) => Ok(Some(basic(user_of_token(provider, secret), secret))),
        Some(Credential::GithubApp { client_id, installation_id, key, api_url }) => {
            let of = (client_id.clone(), *installation_id, api_url.clone());
            let good = |token: &&Token| token.of == of && token.until.duration_since(exchange.now) > spare();
            let secret = match token.as_ref().filter(good) {
                Some(token) => token.secret.clone(),
                None => token.insert(exchange.installation_token(of, key)?).secret.clone(),
            };
            Ok(Some(basic("x-access-token", &secret)))
        }
        Some(Credential::Ssh { .. }) => {
            Err(Error::Local("the credential is an ssh key, but the remote is reached over http".to_owned()))
        }
    }
}

fn spare() -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(limits::APP_TOKEN_SPARE).unwrap_or(jiff::SignedDuration::ZERO)
}

/// Which user a token belongs to.
fn user_of_token(provider: Option<Provider>, secret: &SecretString) -> &'static str {
    match provider {
        // docs.github.com, "Authenticating as a GitHub App installation"; any name goes with a personal token.
        Some(Provider::Github) => "x-access-token",
        // docs.gitlab.com, "Clone using a token"; any name goes with personal, project and group tokens.
        Some(Provider::Gitlab) => "oauth2",
        // support.atlassian.com, "Using API tokens": those start with ATATT; access tokens of a repository,
        // project or workspace do not.
        Some(Provider::BitbucketCloud) if secret.expose_secret().starts_with("ATATT") => "x-bitbucket-api-token-auth",
        _ => "x-token-auth",
    }
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", STANDARD.encode(pair)).into()
}

/// What the exchange of a token needs beside the credential.
pub(super) struct Exchange<'a> {
    pub(super) client: &'a reqwest::Client,
    pub(super) now: Timestamp,
    pub(super) until: Instant,
    pub(super) total: Duration,
    pub(super) stop: &'a AtomicBool,
}

impl Exchange<'_> {
    fn installation_token(&self, of: (String, u64, Option<String>), key: &KeySource) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Issued {
            token: String,
            expires_at: Timestamp,
        }
        let (client_id, installation, api_url) = &of;
        let base = api_url.as_deref().unwrap_or("https://api.github.com").trim_end_matches('/');
        let url: Url = format!("{base}/app/installations/{installation}/access_tokens")
            .parse()
            .map_err(|error| Error::Local(format!("github_app api_url: {error}")))?;
        let call = net::Call {
            url,
            accept: "application/vnd.github+json",
            authorization: Some(statement(client_id, key, self.now)?),
            body: Some(b"{}".to_vec()),
        };
        let answer =
            net::call(self.client, &call, self.now, self.until, self.stop).map_err(|error| {
                match Error::of_net(error, self.total) {
                    Error::Refused(why) => Error::Refused(format!("the GitHub App: {why}")),
                    Error::NotFound(why) => Error::Refused(format!("the GitHub App has no such installation: {why}")),
                    error => error,
                }
            })?;
        let issued: Issued = serde_json::from_slice(&answer)
            .map_err(|_| Error::Protocol("GitHub's answer has no token in it".to_owned()))?;
        Ok(Token { of, secret: issued.token.into(), until: issued.expires_at })
    }
}

/// The signed statement of an app, a JSON Web Token (docs.github.com, "Generating a JSON Web Token for a GitHub App"):
/// issued a minute ago, against clocks that go wrong, and good for less than the ten minutes that are allowed.
fn statement(client_id: &str, key: &KeySource, now: Timestamp) -> Result<SecretString, Error> {
    let claims = serde_json::json!({
        "iat": now.as_second() - 60,
        "exp": now.as_second() + 540,
        "iss": client_id,
    });
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signed = format!("{head}.{body}");
    let pair = key_pair(key)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Error::Local("the private key of the GitHub App does not sign".to_owned()))?;
    Ok(format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// GitHub hands out PKCS#1; tools that convert make PKCS#8 of it.
fn key_pair(key: &KeySource) -> Result<RsaKeyPair, Error> {
    let odd = |why: &dyn std::fmt::Display| Error::Local(format!("the private key of the GitHub App: {why}"));
    let pem = match key {
        KeySource::Text(text) => text.clone(),
        KeySource::Path(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| odd(&format!("{}: {error}", path.display())))?;
            text.into()
        }
    };
    let der =
        PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| odd(&"it is no key in PEM form"))?;
    match &der {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(odd(&"it is no RSA key")),
    }
    .map_err(|error| odd(&error))
}
