//! The token of an installation of a GitHub App, made once for all who use it.
//!
//! An app signs a short-lived statement with its key, and has it exchanged for a token that is good for an hour
//! (docs.github.com, "Authenticating as a GitHub App installation"). Git and the API take the same one, so it is kept
//! here, for the process, and renewed before its end. Its form is not looked at: GitHub changes it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{Call, Error, call};
use crate::limits;

/// Where the API of github.com is.
pub const GITHUB: &str = "https://api.github.com";

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Installation {
    /// Client id of the app.
    pub client_id: String,
    /// Number of the installation.
    pub id: u64,
    /// Root of the API.
    pub api: String,
    /// Which key it signs with, so that a wrong one is not hidden by the token that another one brought.
    pub key: KeyName,
}

/// A private key, without telling it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// Its file.
    File(PathBuf),
    /// SHA-256 of its text.
    Digest([u8; 32]),
}

impl KeyName {
    /// That of a text.
    #[must_use]
    pub fn of_text(key: &SecretString) -> Self {
        Self::Digest(Sha256::digest(key.expose_secret()).into())
    }
}

#[derive(Debug, Clone)]
struct Token {
    secret: SecretString,
    until: Timestamp,
}

type Place = Arc<Mutex<Option<Token>>>;

/// Every installation of this process. One that asks holds its own place, so that two who need a token at one time make
/// one exchange of it.
fn place(installation: &Installation) -> Place {
    static PLACES: OnceLock<Mutex<HashMap<Installation, Place>>> = OnceLock::new();
    let mut places = PLACES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if places.len() >= limits::APP_TOKENS && !places.contains_key(installation) {
        // Only reloads come to so many: those that nobody is using now are made again when they are.
        places.retain(|_, place| Arc::strong_count(place) > 1);
    }
    places.entry(installation.clone()).or_default().clone()
}

/// What an exchange needs.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// What time it is.
    pub now: Timestamp,
    /// The end of it.
    pub until: Instant,
    /// Told to stop.
    pub stop: &'a AtomicBool,
}

/// A token that is good for a while: the one that is there, or a new one. `key` brings the app's private key, PEM.
///
/// # Errors
/// See [`Error`]; a refusal is [`Error::Status`].
pub fn token(
    installation: &Installation,
    key: impl FnOnce() -> Result<SecretString, Error>,
    exchange: &Exchange<'_>,
) -> Result<SecretString, Error> {
    let place = place(installation);
    let mut token = place.lock().unwrap_or_else(PoisonError::into_inner);
    let spare = SignedDuration::try_from(limits::APP_TOKEN_SPARE).unwrap_or(SignedDuration::ZERO);
    if let Some(token) = token.as_ref().filter(|token| token.until.duration_since(exchange.now) > spare) {
        return Ok(token.secret.clone());
    }
    Ok(token.insert(installation.exchange(&key()?, exchange)?).secret.clone())
}

/// Forgets a token that was refused; one that somebody has renewed since stays.
pub fn forget(installation: &Installation, refused: &SecretString) {
    let place = place(installation);
    let mut token = place.lock().unwrap_or_else(PoisonError::into_inner);
    if token.as_ref().is_some_and(|token| token.secret.expose_secret() == refused.expose_secret()) {
        *token = None;
    }
}

impl Installation {
    fn exchange(&self, key: &SecretString, exchange: &Exchange<'_>) -> Result<Token, Error> {
        #[derive(Deserialize)]
        struct Issued {
            token: String,
            expires_at: Timestamp,
        }
        let url: Url = format!("{}/app/installations/{}/access_tokens", self.api.trim_end_matches('/'), self.id)
            .parse()
            .map_err(|error| Error::Local(format!("github_app api_url: {error}")))?;
        let request = Call {
            url,
            accept: "application/vnd.github+json",
            authorization: Some(statement(&self.client_id, key, exchange.now)?),
            body: Some(b"{}".to_vec()),
        };
        let answer = call(exchange.client, &request, exchange.now, exchange.until, exchange.stop)?;
        let issued: Issued = serde_json::from_slice(&answer)
            .map_err(|_| Error::Protocol("GitHub's answer has no token in it".to_owned()))?;
        Ok(Token { secret: issued.token.into(), until: issued.expires_at })
    }
}

/// The signed statement of an app, a JSON Web Token (docs.github.com, "Generating a JSON Web Token for a GitHub App"):
/// issued a minute ago, against clocks that go wrong, and good for less than the ten minutes that are allowed.
fn statement(client_id: &str, key: &SecretString, now: Timestamp) -> Result<SecretString, Error> {
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

/// The key of an app from its file.
///
/// # Errors
/// [`Error::Local`] with the name of the file.
pub fn read_key(path: &Path) -> Result<SecretString, Error> {
    std::fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| Error::Local(format!("the private key of the GitHub App: {}: {error}", path.display())))
}

/// GitHub hands out PKCS#1; tools that convert make PKCS#8 of it.
fn key_pair(pem: &SecretString) -> Result<RsaKeyPair, Error> {
    let odd = |why: &dyn std::fmt::Display| Error::Local(format!("the private key of the GitHub App: {why}"));
    let der =
        PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| odd(&"it is no key in PEM form"))?;
    match &der {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(odd(&"it is no RSA key")),
    }
    .map_err(|error| odd(&error))
}

#[cfg(test)]
#[path = "installation_tests.rs"]
mod tests;
