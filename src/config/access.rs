//! `authentication`, and the rate limits of `server`: who may ask, and how often.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use super::check::Section;
use super::credentials::{readable, required};
use super::jwt::{self, Jwt};
use super::report::Report;
use super::substitute::Sources;
use crate::auth::peer::Network;
use crate::auth::rate::Rate;
use crate::auth::tokens::{Digest, Token};
use crate::auth::{Scope, Scopes, file};
use crate::limits;

/// `authentication`. Methods that are not here are refused by `load` until they are served.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    /// Every API needs a credential. Absent where the file does not say, which is not the same as a written `false`:
    /// [`crate::auth::open_to_anybody`].
    pub required: Option<bool>,
    /// Evaluation and client routes do not.
    pub exclude_evaluation: bool,
    /// OFREP routes do not.
    pub exclude_ofrep: bool,
    /// Tokens of the configuration itself, and those of [`Self::token_file`] as it was when this was loaded.
    pub tokens: Vec<Token>,
    /// `methods.token.storage.file`.
    pub token_file: Option<TokenFile>,
    /// `methods.jwt`, where it is enabled.
    pub jwt: Option<Jwt>,
}

/// The file of tokens.
#[derive(Debug, Clone)]
pub struct TokenFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it said when the configuration was loaded.
    pub tokens: Vec<Token>,
}

/// `server.rate_limit` and `server.trusted_proxies`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests of one caller.
    pub requests: Option<Rate>,
    /// Wrong credentials from one address.
    pub failures: Option<Rate>,
    /// Proxies whose word about addresses is believed.
    pub trusted_proxies: Vec<Network>,
}

/// Reads `authentication`. A method that is not served is refused where it would be the one that protects.
pub(super) fn authentication(section: Option<&Section>, sources: &Sources<'_>, report: &mut Report) -> Authentication {
    let Some(section) = section else { return Authentication::default() };
    let demanded = section.says("required").then(|| section.flag("required"));
    let required_everywhere = demanded == Some(true);
    let exclude = section.section("exclude");
    let methods = section.section("methods");
    let (mut tokens, mut token_file) = (Vec::new(), None);
    let (mut of_issuer, mut jwt_enabled) = (None, false);
    if let Some(methods) = methods {
        for (method, instead) in [
            ("oidc", "give tokens (`methods.token`) or take the provider's own (`methods.jwt`)"),
            ("github", "give tokens (`methods.token`), or leave authentication to a proxy"),
            ("kubernetes", "take the same tokens by `methods.jwt`, with the `jwks_url` of the cluster and an audience"),
        ] {
            if required_everywhere && methods.enables(method) {
                let message = format!(
                    "the method `{method}` is not supported: with `required: true` nobody could use it; {instead}"
                );
                report.error(&methods.spot(method), message);
            }
        }
        of_issuer = methods.section("jwt").and_then(|method| jwt::jwt(method, sources, report));
        jwt_enabled = methods.section("jwt").is_some_and(|method| method.flag("enabled"));
        if let Some(token) = methods.section("token") {
            (tokens, token_file) = of_method(token, sources, report);
        }
    }
    let none = tokens.is_empty() && token_file.as_ref().is_none_or(|file| file.tokens.is_empty()) && !jwt_enabled;
    if required_everywhere && none && !sources.assumed {
        report.warning(
            &section.spot("required"),
            "a token is required, but there is none: every request but health, readiness and metrics is refused",
        );
    } else if !required_everywhere && !none {
        report.warning(
            &section.spot("required"),
            if demanded.is_some() {
                "tokens are given, but `required` is false: everybody may do everything without one"
            } else {
                "tokens are given, but `required` is not true: everybody may evaluate and read without one"
            },
        );
    }
    Authentication {
        required: demanded,
        exclude_evaluation: exclude.is_some_and(|s| s.flag("evaluation")),
        exclude_ofrep: exclude.is_some_and(|s| s.flag("ofrep")),
        tokens,
        token_file,
        jwt: of_issuer,
    }
}

/// The tokens of `methods.token`, and its file.
fn of_method(method: &Section, sources: &Sources<'_>, report: &mut Report) -> (Vec<Token>, Option<TokenFile>) {
    let enabled = method.flag("enabled");
    let Some(storage) = method.section("storage") else { return (Vec::new(), None) };
    let given = storage.map("tokens");
    let path = storage.text("file").filter(|path| !path.is_empty());
    if !enabled && (!given.is_empty() || path.is_some()) {
        report.warning(&method.spot("enabled"), "these tokens do not count without `enabled: true`");
    }
    let mut tokens: Vec<Token> = Vec::new();
    for (name, section) in given {
        let credential = required(section, "credential", report);
        let (scopes, expires) = (scopes(section, report), expires(section, report));
        let Some(credential) = credential.filter(|_| enabled) else { continue };
        let token =
            Token { name: name.as_str().into(), digest: Digest::of(credential.expose_secret()), scopes, expires };
        if let Some(twin) = tokens.iter().find(|other| other.digest == token.digest).filter(|_| !sources.assumed) {
            let message = format!("the credential is that of `{}`: one token, one name", twin.name);
            // Flipt takes the last one. It makes a difference only where they may do different things.
            if (&twin.scopes, twin.expires) == (&token.scopes, token.expires) {
                report.warning(&section.spot("credential"), message);
            } else {
                report.error(&section.spot("credential"), message);
            }
            continue;
        }
        tokens.push(token);
    }
    let file = path.filter(|_| enabled).and_then(|path| token_file(path, storage, sources, report));
    (tokens, file)
}

fn token_file(path: &str, storage: &Section, sources: &Sources<'_>, report: &mut Report) -> Option<TokenFile> {
    if sources.assumed {
        return Some(TokenFile { path: PathBuf::from(path), tokens: Vec::new() });
    }
    let (path, content) = readable(path, storage, "file", sources.files, report)?;
    let read = std::str::from_utf8(&content).map_err(|_| "not UTF-8".to_owned());
    match read.and_then(|text| file::TokenFile::parse(text).map_err(|error| error.to_string())) {
        Ok(file) => Some(TokenFile { path, tokens: file.tokens() }),
        Err(why) => {
            let message = format!("{} is no file of tokens (`yardarm token` makes one): {why}", path.display());
            report.error(&storage.spot("file"), message);
            None
        }
    }
}

/// `scopes`; everything where the file does not say. One that cannot be read allows nothing, and has been reported.
pub(super) fn scopes(section: &Section, report: &mut Report) -> Scopes {
    if !section.says("scopes") {
        return Scopes::all();
    }
    let texts = section.texts("scopes").unwrap_or_default();
    let spot = section.spot("scopes");
    if texts.is_empty() {
        report.error(&spot, "a token without a scope may do nothing; leave the key out for everything");
    }
    if texts.len() > limits::SCOPES {
        report.error(&spot, format!("a token has at most {} scopes", limits::SCOPES));
    }
    let mut scopes = Vec::new();
    // By number: what a reference brought is not shown.
    for (n, text) in texts.iter().enumerate() {
        match text.parse::<Scope>() {
            Ok(scope) => scopes.push(scope),
            Err(error) => report.error(&spot, format!("scope {}: {error}", n + 1)),
        }
    }
    Scopes::of(scopes)
}

fn expires(section: &Section, report: &mut Report) -> Option<Timestamp> {
    let text = section.text("expires").filter(|text| !text.is_empty())?;
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(day);
    if time.is_none() {
        report.error(&section.spot("expires"), "no time like 2027-01-30T09:00:00Z, and no day like 2027-01-30");
    }
    // One that cannot be read never leaves `load`; until then it is over.
    time.or(Some(Timestamp::MIN))
}

/// Reads `server.rate_limit` and `server.trusted_proxies`.
pub(super) fn rates(server: Option<&Section>, report: &mut Report) -> Rates {
    let Some(server) = server else { return Rates::default() };
    let limit = server.section("rate_limit");
    let count = |key: &str| {
        let count = limit.and_then(|limit| limit.integer(key)).and_then(|count| u32::try_from(count).ok());
        count.filter(|count| *count > 0)
    };
    let requests = count("requests_per_second").map(|requests| {
        let rate = Rate::per(Duration::from_secs(1), requests);
        Rate { burst: count("burst").unwrap_or(rate.burst), ..rate }
    });
    if let Some(limit) = limit.filter(|limit| requests.is_none() && limit.says("burst")) {
        report.warning(&limit.spot("burst"), "does not count without `requests_per_second`");
    }
    let mut trusted_proxies = Vec::new();
    for (n, text) in server.texts("trusted_proxies").unwrap_or_default().iter().enumerate() {
        match text.parse::<Network>() {
            Ok(network) => trusted_proxies.push(network),
            Err(error) => report.error(&server.spot("trusted_proxies"), format!("entry {}: {error}", n + 1)),
        }
    }
    let failures = count("failures_per_minute").map(|failures| Rate::per(Duration::from_secs(60), failures));
    Rates { requests, failures, trusted_proxies }
}
