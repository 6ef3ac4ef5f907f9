//! One bounded JSON request to a provider's API.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Error, drive, retry_after};
use crate::limits;

/// A request. Without a body it is a GET, with one a POST; see [`ask`] for the other methods.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where. The credential below is sent there and nowhere else: no redirect is followed.
    pub url: Url,
    /// Media type that is asked for.
    pub accept: &'static str,
    /// Value of `Authorization`, with its scheme.
    pub authorization: Option<SecretString>,
    /// JSON.
    pub body: Option<Vec<u8>>,
}

/// Asks and waits, on a blocking thread, for the body of an answer of success: at most [`limits::NET_JSON_BYTES`].
///
/// # Errors
/// See [`Error`]; every status that is no success is [`Error::Status`], and its body is not read.
pub fn call(client: &Client, call: &Call, now: Timestamp, until: Instant, stop: &AtomicBool) -> Result<Vec<u8>, Error> {
    let request = request(client, call, None)?;
    drive(
        async {
            let response = request.send().await.map_err(|error| Error::of(&error))?;
            let status = response.status();
            if !status.is_success() {
                let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let retry_after = wait.and_then(|value| retry_after(value, now));
                return Err(Error::Status { status: status.as_u16(), retry_after });
            }
            body(response).await
        },
        until,
        stop,
    )?
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers that are text, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, at most [`limits::NET_JSON_BYTES`].
    pub body: Vec<u8>,
}

/// No answer, and whether the other side may have got the request all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Why.
    pub error: Error,
    /// Some of it may have gone out.
    pub sent: bool,
}

/// Asks likewise, with further headers, and brings whatever is answered: of a server whose refusals have words for the
/// caller.
///
/// # Errors
/// See [`Error`]; never [`Error::Status`].
pub fn exchange(
    client: &Client,
    call: &Call,
    headers: &[(&'static str, &str)],
    until: Instant,
) -> Result<Reply, Error> {
    ask(client, call, None, headers, until, &AtomicBool::new(false)).map_err(|unanswered| unanswered.error)
}

/// The same by any method, for whoever has to know what a missing answer means.
///
/// # Errors
/// See [`Unanswered`].
pub fn ask(
    client: &Client,
    call: &Call,
    method: Option<&'static str>,
    headers: &[(&'static str, &str)],
    until: Instant,
    stop: &AtomicBool,
) -> Result<Reply, Unanswered> {
    let unsent = |error| Unanswered { error, sent: false };
    let mut request = request(client, call, method).map_err(unsent)?;
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| unsent(Error::Local(format!("{name} has characters that a header cannot carry"))))?;
        value.set_sensitive(true);
        request = request.header(*name, value);
    }
    let answered = drive(
        async {
            // What fails before there is a connection has sent nothing.
            let response = request.send().await.map_err(|error| Unanswered {
                sent: !error.is_connect() && !error.is_builder(),
                error: Error::of(&error),
            })?;
            let status = response.status().as_u16();
            let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
            let headers = response.headers().iter();
            let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect();
            let body = body(response).await.map_err(|error| Unanswered { sent: true, error })?;
            Ok(Reply { status, headers, body })
        },
        until,
        stop,
    );
    // A connection has a deadline of its own, below that of any exchange: what is cut here was under way.
    answered.unwrap_or_else(|error| Err(Unanswered { sent: !matches!(error, Error::Local(_)), error }))
}

fn request(client: &Client, call: &Call, method: Option<&'static str>) -> Result<reqwest::RequestBuilder, Error> {
    let method = match method {
        Some(name) => Method::from_bytes(name.as_bytes()).map_err(|_| Error::Local(format!("no method: {name}")))?,
        None if call.body.is_some() => Method::POST,
        None => Method::GET,
    };
    let mut request = client
        .request(method, call.url.clone())
        .header(ACCEPT, call.accept)
        .header(USER_AGENT, concat!("yardarm/", env!("CARGO_PKG_VERSION")));
    if let Some(secret) = &call.authorization {
        let mut value = HeaderValue::from_str(secret.expose_secret())
            .map_err(|_| Error::Local("the credential has characters that a header cannot carry".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(body) = &call.body {
        request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
    }
    Ok(request)
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Error::of(&error))? {
        if body.len() + chunk.len() > limits::NET_JSON_BYTES {
            return Err(Error::TooLarge(limits::NET_JSON_BYTES as u64));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
