//! `authentication.methods.jwt`: whose JSON Web Tokens are taken, and what their holders may do.

use std::path::PathBuf;

use url::{Host, Url};

use super::access;
use super::check::Section;
use super::credentials::readable;
use super::report::Report;
use super::substitute::Sources;
use crate::auth::jwt::{Grant, KeySet, Mapping, Rules};

/// Whose JSON Web Tokens are taken.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// What they are verified with.
    pub keys: JwtKeys,
    /// What is asked of them, and what their holders may do.
    pub rules: Rules,
}

/// Keys of JSON Web Tokens.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// `public_key_file`, as it was when this was loaded.
    File {
        /// Where it is.
        path: PathBuf,
        /// What was in it.
        keys: KeySet,
    },
    /// `jwks_url`.
    Url {
        /// The key set.
        url: Url,
        /// Certificate authority of its server, PEM.
        ca_certificate: Option<Vec<u8>>,
    },
}

/// Reads the method; nothing where it is not enabled.
pub(super) fn jwt(method: &Section, sources: &Sources<'_>, report: &mut Report) -> Option<Jwt> {
    let enabled = method.flag("enabled");
    let keys = keys(method, enabled, sources, report);
    let rules = rules(method, report);
    if !enabled {
        if method.says("jwks_url") || method.says("public_key_file") {
            report.warning(&method.spot("enabled"), "JWTs are not taken without `enabled: true`");
        }
        return None;
    }
    if rules.are_wide() {
        report.warning(
            &method.spot("validate_claims"),
            "neither `audiences` nor `subject` is asked for: every token under these keys is taken, whatever service it was made for",
        );
    }
    Some(Jwt { keys: keys?, rules })
}

fn keys(method: &Section, enabled: bool, sources: &Sources<'_>, report: &mut Report) -> Option<JwtKeys> {
    let text = |key: &str| method.text(key).filter(|text| !text.is_empty());
    match (text("jwks_url"), text("public_key_file")) {
        (Some(_), Some(_)) => {
            report.error(&method.spot("public_key_file"), "one of `jwks_url` and `public_key_file`, not both");
            None
        }
        (None, None) => {
            // One that is there and could not be read has been reported.
            let said = |key: &str| method.says(key) && method.text(key).is_none();
            if enabled && !said("jwks_url") && !said("public_key_file") {
                report.error(&method.spot("jwks_url"), "one of `jwks_url` and `public_key_file` is required");
            }
            None
        }
        (Some(text), None) => of_url(text, method, sources, report),
        (None, Some(path)) => {
            if method.says("ca_cert_path") {
                report.warning(&method.spot("ca_cert_path"), "does not count without `jwks_url`");
            }
            of_file(path, method, sources, report)
        }
    }
}

fn of_url(text: &str, method: &Section, sources: &Sources<'_>, report: &mut Report) -> Option<JwtKeys> {
    let spot = method.spot("jwks_url");
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let Some(url) = url.filter(|url| url.username().is_empty() && url.password().is_none()) else {
        report.error(&spot, "no URL like `https://issuer.example.com/keys`, without user and password");
        return None;
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !loopback {
        report.warning(&spot, "whoever is on the way can put keys of their own there: use https");
    }
    let ca = method.text("ca_cert_path").filter(|path| !path.is_empty() && !sources.assumed);
    let ca_certificate = match ca {
        None => None,
        Some(path) => {
            let (path, content) = readable(path, method, "ca_cert_path", sources.files, report)?;
            if !String::from_utf8_lossy(&content).contains("-----BEGIN CERTIFICATE-----") {
                let message = format!("there is no certificate in PEM form in {}", path.display());
                report.error(&method.spot("ca_cert_path"), message);
                return None;
            }
            Some(content)
        }
    };
    Some(JwtKeys::Url { url, ca_certificate })
}

fn of_file(path: &str, method: &Section, sources: &Sources<'_>, report: &mut Report) -> Option<JwtKeys> {
    if sources.assumed {
        return Some(JwtKeys::File { path: PathBuf::from(path), keys: KeySet::default() });
    }
    let (path, content) = readable(path, method, "public_key_file", sources.files, report)?;
    match KeySet::of_pem(&content) {
        Ok(keys) => Some(JwtKeys::File { path, keys }),
        Err(error) => {
            report.error(&method.spot("public_key_file"), format!("{}: {error}", path.display()));
            None
        }
    }
}

fn rules(method: &Section, report: &mut Report) -> Rules {
    let (claims, mapping) = (method.section("validate_claims"), method.section("claims_mapping"));
    let claim = |key: &str| Some(claims?.text(key)?.to_owned()).filter(|text| !text.is_empty());
    let audiences = claims.and_then(|claims| claims.texts("audiences")).unwrap_or_default();
    let mut of = |section: Option<&Section>, key: &str| {
        let section = section?;
        let text = section.text(key).filter(|text| !text.is_empty())?;
        if !text.starts_with('/') {
            report.error(&section.spot(key), "no JSON pointer: one begins with `/`, as `/email` or `/user/email`");
        }
        Some(text.to_owned())
    };
    let usual = Mapping::default();
    let mapping = Mapping {
        subject: of(mapping, "sub").unwrap_or(usual.subject),
        name: of(mapping, "name").unwrap_or(usual.name),
        email: of(mapping, "email").unwrap_or(usual.email),
    };
    let claim_of_scopes = of(Some(method), "scopes_claim");
    let scopes = method.says("scopes").then(|| access::scopes(method, report));
    Rules {
        issuer: claim("issuer"),
        subject: claim("subject"),
        audiences: audiences.iter().filter(|text| !text.is_empty()).cloned().collect(),
        mapping,
        grant: Grant { claim: claim_of_scopes, scopes },
    }
}
