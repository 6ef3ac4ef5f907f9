//! Requests to Azure DevOps, and what its refusals mean.
//!
//! - Every refusal carries a `typeKey` and a message that begins with a code (`TF401179: …`). Those are gone by, and the
//!   status only where they say nothing: the same refusal comes with another status on an older server.
//! - Whoever is not signed in gets the sign-in page, as 203 or behind a redirect, not 401.
//! - A server takes the versions of the API up to its own (2022.1: 7.1, 2022: 7.0, 2020: 6.0, 2019: 5.0) and refuses a later
//!   one before it does anything. So the newest is tried, and what the server takes is remembered. An operation that was
//!   not released yet in a version wants that to be said.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::super::failure::shown;
use super::super::{Answer, Ask, Failure, Method, Place, Request};
use crate::limits;

/// Everything but what never has a meaning in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Versions of the API, the newest first; what is asked here is the same in all of them.
const VERSIONS: [&str; 4] = ["7.1", "7.0", "6.0", "5.0"];

/// What proposals take of a credential.
pub(super) const CONTRIBUTE: &str =
    "the scope Code (read & write) and the permission \"Contribute to pull requests\" on the repository";

/// What a merge takes.
pub(super) const COMPLETE: &str = "the scope Code (read & write), the permission \"Contribute\" on the target branch, and \
     every policy of the branch fulfilled";

/// What statuses take.
pub(super) const STATUS: &str = "the scope Code (status), or Code (read & write)";

/// What reading takes.
pub(super) const READ: &str = "the scope Code (read) and the permission \"Read\" on the repository";

/// A place, and which version of the API it takes.
#[derive(Debug)]
pub(super) struct Caller {
    place: Place,
    version: AtomicUsize,
}

impl Caller {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, version: AtomicUsize::new(0) }
    }

    /// Below the repository. `path` begins with a slash or is empty, and is encoded.
    pub(super) fn repository(&self, path: &str) -> String {
        let Place { root, owner, repository, .. } = &self.place;
        format!("{root}/{}/_apis/git/repositories/{}{path}", encoded(owner), encoded(repository))
    }

    /// Below the project.
    pub(super) fn project(&self, path: &str) -> String {
        format!("{}/{}/_apis{path}", self.place.root, encoded(&self.place.owner))
    }

    /// Below the organisation or collection.
    pub(super) fn root(&self, path: &str) -> String {
        format!("{}/_apis{path}", self.place.root)
    }

    /// The page of a pull request, for people.
    pub(super) fn page(&self, number: u64) -> String {
        let Place { root, owner, repository, .. } = &self.place;
        format!("{root}/{}/_git/{}/pullrequest/{number}", encoded(owner), encoded(repository))
    }

    pub(super) fn get(&self, ask: &dyn Ask, url: &str, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(ask, &Request::new(Method::Get, with_query(url, query)), READ)
    }

    /// A request that changes something.
    pub(super) fn send(
        &self,
        ask: &dyn Ask,
        method: Method,
        url: &str,
        body: Option<serde_json::Value>,
        needs: &'static str,
    ) -> Result<Answer, Failure> {
        let request = Request::new(method, url.to_owned());
        self.ask(ask, &body.into_iter().fold(request, Request::body), needs)
    }

    fn ask(&self, ask: &dyn Ask, request: &Request, needs: &'static str) -> Result<Answer, Failure> {
        let mut released = true;
        loop {
            let at = self.version.load(Ordering::Relaxed);
            let version = VERSIONS.get(at).copied().unwrap_or("5.0");
            let version = if released { version.to_owned() } else { format!("{version}-preview") };
            let request = Request { url: with_query(&request.url, &[("api-version", &version)]), ..request.clone() };
            let answer = ask.ask(&request)?;
            if matches!(answer.status, 200..=202 | 204..=299) {
                return Ok(answer);
            }
            let refusal = Refusal::of(&answer);
            if refusal.is("VssVersionOutOfRangeException", "out of range for this server") && at + 1 < VERSIONS.len() {
                self.version.store(at + 1, Ordering::Relaxed);
                continue;
            }
            if released && refusal.is("VssInvalidPreviewVersionException", "-preview flag must be supplied") {
                released = false;
                continue;
            }
            return Err(refusal.meaning(&answer, needs));
        }
    }
}

/// A URL with parameters added.
fn with_query(url: &str, query: &[(&str, &str)]) -> String {
    query.iter().fold(url.to_owned(), |mut url, (name, value)| {
        let mark = if url.contains('?') { '&' } else { '?' };
        let _ = write!(url, "{mark}{name}={}", encoded(value));
        url
    })
}

/// A name or a value as it stands in a URL.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Refusal {
    message: String,
    type_key: String,
}

impl Refusal {
    fn of(answer: &Answer) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// By its key, or by its code or words where a proxy or an old server left the key out.
    fn is(&self, key: &str, words: &str) -> bool {
        self.type_key == key || self.message.contains(words)
    }

    fn meaning(&self, answer: &Answer, needs: &str) -> Failure {
        let said = shown(&self.message, 300);
        let said = if said.is_empty() { format!("status {}", answer.status) } else { said };
        if matches!(answer.status, 203 | 300..=399) {
            let why =
                format!("status {} with the sign-in page: it is wrong, has expired or was revoked", answer.status);
            return Failure::Credential(why);
        }
        if self.message.contains("TF400733") {
            return Failure::Wait { after: limits::PROVIDER_PAUSE, why: said };
        }
        if self.is("GitPullRequestExistsException", "TF401179") {
            return Failure::Exists { number: None };
        }
        if self.is("GitPullRequestStaleException", "TF401192") {
            return Failure::Stale(said);
        }
        if self.is("GitPullRequestNotEditableException", "TF401181") {
            return Failure::State(said);
        }
        if self.is("GitRepositoryDisabledException", "is disabled") && self.message.contains("epository") {
            return Failure::Archived(said);
        }
        if self.is("VssVersionOutOfRangeException", "out of range for this server") {
            return Failure::Unsupported(format!("Azure DevOps Server before 2019 cannot be used: {said}"));
        }
        match answer.status {
            403 => Failure::Forbidden { needs: needs.to_owned(), said },
            404 => Failure::NotFound(said),
            409 | 412 => Failure::Stale(said),
            _ => Failure::Invalid(said),
        }
    }
}
