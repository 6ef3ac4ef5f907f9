//! One request, one answer.

use std::fmt;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;

/// Methods that the providers' APIs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it goes over the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request without its credential.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Whole URL, encoded.
    pub url: String,
    /// Media type that is asked for.
    pub accept: &'static str,
    /// Further headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Option<Value>,
}

impl Request {
    /// A request for JSON.
    #[must_use]
    pub fn new(method: Method, url: String) -> Self {
        Self { method, url, accept: "application/json", headers: Vec::new(), body: None }
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// A body may hold the secret of a webhook.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, bounded.
    pub body: Vec<u8>,
    /// When it came: what `Retry-After` and the ends of rate limits are counted from.
    pub at: Timestamp,
}

impl Answer {
    /// A header, the first of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is a success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body as JSON of a shape.
    ///
    /// # Errors
    /// [`Failure::Nonsense`] for HTML, a cut answer, another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::nonsense(self, &error))
    }
}

/// Asks a provider. Implementations answer what every provider means alike as a [`Failure`] ([`Failure::common`]):
/// no connection, a wrong token, a rate limit, a server that fails. What means something only to the operation
/// (403 for a scope, 404, 405, 409, 412, 422 …) comes back as an [`Answer`].
pub trait Ask: Send + Sync {
    /// One request.
    ///
    /// # Errors
    /// See above.
    fn ask(&self, request: &Request) -> Result<Answer, Failure>;
}
