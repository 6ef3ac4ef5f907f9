//! One bounded document by GET, on whatever runtime the caller is on.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{ACCEPT, AGE, CACHE_CONTROL, HeaderMap, USER_AGENT};
use url::Url;

use super::Error;

/// A document, and for how long its server says that it need not be asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The bytes.
    pub body: Vec<u8>,
    /// What `Cache-Control` and `Age` say; absent where they say nothing.
    pub fresh_for: Option<Duration>,
}

/// Asks for a document of at most `bound` bytes, which has to be there whole within `deadline`.
///
/// # Errors
/// See [`Error`]; every status that is no success is [`Error::Status`], a redirect too.
pub async fn get(
    client: &Client,
    url: &Url,
    accept: &'static str,
    bound: usize,
    deadline: Duration,
) -> Result<Document, Error> {
    let exchange = async {
        let request = client.get(url.clone()).header(ACCEPT, accept);
        let request = request.header(USER_AGENT, concat!("yardarm/", env!("CARGO_PKG_VERSION")));
        let mut response = request.send().await.map_err(|error| Error::of(&error))?;
        if !response.status().is_success() {
            return Err(Error::Status { status: response.status().as_u16(), retry_after: None });
        }
        let fresh_for = fresh_for(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Error::of(&error))? {
            if body.len() + chunk.len() > bound {
                return Err(Error::TooLarge(bound as u64));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Document { body, fresh_for })
    };
    tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(Error::Deadline))
}

/// RFC 9111, as much of it as one client of one document needs.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let texts = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = texts.flat_map(|text| text.split(',')).map(|one| one.trim().to_ascii_lowercase()).peekable();
    directives.peek()?;
    let mut found = None;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            found = found.or(seconds.trim_matches('"').parse::<u64>().ok());
        }
    }
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok()).unwrap_or(0);
    found.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_document_is_fresh() {
        let of = |cache_control: &[&str], age: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in cache_control {
                headers.append(CACHE_CONTROL, value.parse().unwrap());
            }
            if let Some(age) = age {
                headers.insert(AGE, age.parse().unwrap());
            }
            fresh_for(&headers).map(|fresh| fresh.as_secs())
        };
        assert_eq!(of(&["public, max-age=19800, must-revalidate, no-transform"], None), Some(19_800));
        assert_eq!(of(&["public", "Max-Age=\"60\""], Some("20")), Some(40));
        assert_eq!(of(&["max-age=60"], Some("90")), Some(0));
        assert_eq!(of(&["max-age=60, no-cache"], None), Some(0));
        assert_eq!(of(&["no-store"], None), Some(0));
        assert_eq!(of(&["max-age=-1"], None), None);
        assert_eq!(of(&["max-age=99999999999999999999999"], None), None);
        assert_eq!(of(&["private"], None), None);
        assert_eq!(of(&[], Some("5")), None);
    }
}
