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

/// A request. Without a body it is a GET, with one a POST.
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
    let request = request(client, call)?;
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
    /// Its body, at most [`limits::NET_JSON_BYTES`].
    pub body: Vec<u8>,
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
    let mut request = request(client, call)?;
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|_| Error::Local(format!("{name} cannot be {value:?}")))?;
        request = request.header(*name, value);
    }
    drive(
        async {
            let response = request.send().await.map_err(|error| Error::of(&error))?;
            Ok(Reply { status: response.status().as_u16(), body: body(response).await? })
        },
        until,
        &AtomicBool::new(false),
    )?
}

fn request(client: &Client, call: &Call) -> Result<reqwest::RequestBuilder, Error> {
    let method = if call.body.is_some() { Method::POST } else { Method::GET };
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
