//! Cross-origin requests, as the browser SDKs need them.
//!
//! A listed origin may send credentials. `*` may not: whoever lists everybody has not said that every page on the web
//! may use a visitor's cookie.

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::BREAK_GLASS;
use crate::config;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "OPTIONS"];
/// The headers that a page may read; `Etag` is what clients revalidate with.
const EXPOSED: &str = "Link, Etag";
/// The same of an answer that says when to come back.
const EXPOSED_WITH_PAUSE: &str = "Link, Etag, Retry-After";
/// Seconds that a browser may keep the answer to a preflight.
const MAX_AGE: &str = "300";

/// The answer to a preflight, if this is one.
pub(super) fn preflight(cors: &config::Cors, head: &RequestHead) -> Option<HttpResponse> {
    let asked = |name| head.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = asked(header::ORIGIN)?;
    let method = asked(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    if head.method != Method::OPTIONS {
        return None;
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    let headers = allowed_headers(cors, asked(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default());
    if let (Some(origin), true, Some(headers)) = (allowed(cors, origin), METHODS.contains(&method), headers) {
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, method))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        if !headers.is_empty() {
            response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, headers));
        }
        for (name, value) in origin {
            response.insert_header((name, value));
        }
    }
    Some(response.finish())
}

/// Adds to an answer what a page of another origin needs in order to read it.
pub(super) fn decorate(cors: &config::Cors, origin: Option<&str>, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.and_then(|origin| allowed(cors, origin)) {
        for (name, value) in origin {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let exposed = if headers.contains_key(header::RETRY_AFTER) { EXPOSED_WITH_PAUSE } else { EXPOSED };
        let exposed = if headers.contains_key(BREAK_GLASS) {
            HeaderValue::from_str(&format!("{exposed}, X-Yardarm-Break-Glass"))
        } else {
            Ok(HeaderValue::from_static(exposed))
        };
        if let Ok(exposed) = exposed {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

/// What is said of an origin that is allowed.
fn allowed<'o>(cors: &config::Cors, origin: &'o str) -> Option<Vec<(header::HeaderName, &'o str)>> {
    if cors.allowed_origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
        let allowed = (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        Some(vec![allowed, (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")])
    } else if cors.allowed_origins.iter().any(|listed| listed == "*") {
        Some(vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")])
    } else {
        None
    }
}

/// The headers that were asked for, if all are allowed, spelled as the configuration spells them.
fn allowed_headers(cors: &config::Cors, asked: &str) -> Option<String> {
    let any = cors.allowed_headers.iter().any(|listed| listed == "*");
    let spelled = |name: &str| {
        let listed = cors.allowed_headers.iter().find(|listed| listed.eq_ignore_ascii_case(name));
        listed.cloned().or_else(|| any.then(|| name.to_owned()))
    };
    let names = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
    Some(names.map(spelled).collect::<Option<Vec<_>>>()?.join(", "))
}
