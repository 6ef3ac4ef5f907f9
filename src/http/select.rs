//! Which environment and which namespace a request is about, by Flipt's rules.
//!
//! A header that names an unknown environment is an error; a body or a path that does falls back to the header, and
//! without one to the default environment. Clients depend on both.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use super::auth::Pass;
use super::error::{Code, Failure};
use crate::flags::snapshot::Namespace;
use crate::serve::{Environment, Environments, Served};

static ENVIRONMENT: [HeaderName; 2] =
    [HeaderName::from_static("x-flipt-environment"), HeaderName::from_static("grpc-metadata-x-flipt-environment")];
static NAMESPACE: [HeaderName; 2] =
    [HeaderName::from_static("x-flipt-namespace"), HeaderName::from_static("grpc-metadata-x-flipt-namespace")];

/// The first of two headers, without the blanks around it; nothing if it is blank.
pub(super) fn header<'r>(headers: &'r HeaderMap, names: &[HeaderName; 2]) -> Option<&'r str> {
    let value = names.iter().find_map(|name| headers.get(name))?.as_bytes();
    // Names have letters of all languages. What is no text is a name that nobody has, and not no name: that would be
    // answered with the flags of another environment.
    let value = std::str::from_utf8(value).map_or("\u{fffd}", str::trim);
    (!value.is_empty()).then_some(value)
}

/// Whether a name means the default environment, whatever that is called.
fn is_default(name: &str) -> bool {
    matches!(name, "" | "default")
}

/// The environment that the header names, or the default one where it names none.
pub(super) fn by_header(
    environments: &Environments,
    headers: &HeaderMap,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    by_name(environments, header(headers, &ENVIRONMENT).unwrap_or_default(), pass, namespace)
}

/// The environment that something names which must exist; the default one for nothing and for `default`.
fn by_name(
    environments: &Environments,
    name: &str,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    if is_default(name) {
        let found = if name.is_empty() { None } else { environments.get(name) };
        let found = found.or_else(|| environments.default_environment()).ok_or_else(|| unknown(name))?;
        pass.permit_default(&found.name, namespace)?;
        return Ok(found);
    }
    pass.permit(name, namespace)?;
    environments.get(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure::not_found(format!("failed to get environment \"{name}\" from context: environment: \"{name}\" not found"))
}

/// The environment of one evaluation: what its body says; without that, what the header says; without that, the one
/// that is called `default`, and last the default one.
pub(super) fn for_evaluation(
    environments: &Environments,
    headers: &HeaderMap,
    named: &str,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    let named = if named.trim().is_empty() { header(headers, &ENVIRONMENT).unwrap_or("default") } else { named };
    named_or_header(environments, headers, named, pass, namespace)
}

/// The environment of an explanation: looked for as that of an evaluation, but one that is not known is an error. Who
/// asks why wants to hear of a name that is misspelt.
pub(super) fn for_explanation(
    environments: &Environments,
    headers: &HeaderMap,
    named: &str,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    let named = if named.trim().is_empty() { header(headers, &ENVIRONMENT).unwrap_or("default") } else { named };
    by_name(environments, named, pass, namespace)
}

/// The environment of an item of a batch, or of a path: the named one, else what the header says.
pub(super) fn named_or_header(
    environments: &Environments,
    headers: &HeaderMap,
    named: &str,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    if is_default(named) && environments.get(named).is_some() {
        return by_name(environments, named, pass, namespace);
    }
    if is_default(named) {
        return by_header(environments, headers, pass, namespace);
    }
    pass.permit(named, namespace)?;
    if let Some(found) = environments.get(named) {
        return Ok(found);
    }
    // Who may not ask the one that answers in its place learns that the other is not there, which is theirs to know.
    by_header(environments, headers, pass, namespace).map_err(|failure| match failure.code {
        Code::Forbidden => unknown(named),
        _ => failure,
    })
}

/// The environment of a list of flags: the header, then the query, then the default one.
pub(super) fn by_header_or(
    environments: &Environments,
    headers: &HeaderMap,
    query: &str,
    pass: &Pass<'_>,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    by_name(environments, header(headers, &ENVIRONMENT).unwrap_or_else(|| query.trim()), pass, namespace)
}

/// The namespace of an OFREP request.
pub(super) fn namespace_header(headers: &HeaderMap) -> &str {
    header(headers, &NAMESPACE).unwrap_or("default")
}

/// The namespace that a body names.
pub(super) fn namespace_or_default(named: &str) -> &str {
    if named.is_empty() { "default" } else { named }
}

/// A namespace of what is served.
pub(super) fn namespace<'s>(served: &'s Served, key: &str) -> Result<&'s Arc<Namespace>, Failure> {
    served.flags.namespaces.get(key).ok_or_else(|| Failure::not_found(format!("namespace \"{key}\" not found")))
}

/// A segment of the path, decoded. A slash that hides in one makes the path unknown.
pub(super) fn segment<'r>(request: &'r HttpRequest, name: &str) -> Result<Cow<'r, str>, Failure> {
    let raw = request.match_info().get(name).unwrap_or_default();
    let decoded = percent_decode_str(raw).decode_utf8_lossy();
    if decoded.contains('/') { Err(Failure::not_found("Not Found")) } else { Ok(decoded) }
}

/// A parameter of the query: the last of those with one of the two names, the first name first. Anything that is not
/// a parameter is passed over: clients in use send JSON there.
pub(super) fn query<'r>(request: &'r HttpRequest, names: [&str; 2]) -> Option<Cow<'r, str>> {
    let of = |wanted: &str| {
        url::form_urlencoded::parse(request.query_string().as_bytes())
            .filter_map(|(name, value)| (name == wanted).then_some(value))
            .last()
    };
    if request.query_string().is_empty() { None } else { names.into_iter().find_map(of) }
}

/// Whether a validator that a client sent names this tag: as it is, quoted, weak, or one of a list of those.
pub(super) fn not_modified(request: &HttpRequest, tag: &str) -> bool {
    let bare = |tag: &str| -> String {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.trim_matches('"').to_owned()
    };
    let Some(sent) = request.headers().get(actix_web::http::header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    sent.trim() == tag || {
        let tag = bare(tag);
        !tag.is_empty() && sent.split(',').any(|one| bare(one) == tag)
    }
}

/// Whether the client takes gzip.
pub(super) fn takes_gzip(request: &HttpRequest) -> bool {
    let Some(accepted) = request.headers().get(actix_web::http::header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok())
    else {
        return false;
    };
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |weight: &str| {
            weight.strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        };
        named && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn validators_in_every_form() {
        let sent = |value: &str| TestRequest::get().insert_header(("If-None-Match", value)).to_http_request();
        for value in ["abc", " abc ", "\"abc\"", "W/\"abc\"", "x, abc", "\"x\", W/\"abc\""] {
            assert!(not_modified(&sent(value), "abc"), "{value}");
            assert!(not_modified(&sent(value), "W/\"abc\""), "{value}");
        }
        for value in ["", "ABC", "*", "ab", "x,y"] {
            assert!(!not_modified(&sent(value), "abc"), "{value}");
        }
        assert!(!not_modified(&sent("\"\""), ""));
        assert!(!not_modified(&TestRequest::get().to_http_request(), "abc"));
    }

    #[test]
    fn gzip_unless_refused() {
        let sent = |value: &str| TestRequest::get().insert_header(("Accept-Encoding", value)).to_http_request();
        for value in ["gzip", "GZIP", "deflate, gzip;q=0.5", "br,gzip"] {
            assert!(takes_gzip(&sent(value)), "{value}");
        }
        for value in ["", "br", "identity", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            assert!(!takes_gzip(&sent(value)), "{value}");
        }
    }

    #[test]
    fn queries_that_are_no_queries_are_passed_over() {
        let request = |uri: &str| TestRequest::with_uri(uri).to_http_request();
        let limit = |uri: &str| query(&request(uri), ["limit", "limit"]).map(Cow::into_owned);
        assert_eq!(limit("/?{%22limit%22:1}="), None);
        assert_eq!(limit("/"), None);
        assert_eq!(limit("/?limit=1&limit=2"), Some("2".to_owned()));
        let token = request("/?page_token=1&x=%ff");
        assert_eq!(query(&token, ["pageToken", "page_token"]).as_deref(), Some("1"));
    }
}
