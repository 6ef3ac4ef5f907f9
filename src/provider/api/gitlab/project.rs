//! Requests to one project: where they go, page by page, and what a refusal means.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::refusal;
use super::shape::About;
use crate::provider::api::{Answer, Ask, Failure, Method, Place, Request};

/// What stands in a segment or a value as it is.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As many as GitLab gives.
const PER_PAGE: usize = 100;

/// A text as one segment of a path, or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

/// One project.
#[derive(Debug)]
pub(super) struct Project {
    place: Place,
}

impl Project {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    /// Its whole path: `group/sub/project`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.place.owner, self.place.repository)
    }

    /// A URL below the root of the API.
    pub(super) fn root(&self, path: &str) -> String {
        format!("{}/{path}", self.place.root)
    }

    /// A URL below the project; of an empty path the project's own.
    pub(super) fn url(&self, path: &str) -> String {
        let id = encoded(&self.path());
        let slash = if path.is_empty() { "" } else { "/" };
        self.root(&format!("projects/{id}{slash}{path}"))
    }

    /// Reads something.
    pub(super) fn get<T: DeserializeOwned>(&self, ask: &dyn Ask, url: String, needs: &str) -> Result<T, Failure> {
        let answer = ask.ask(&Request::new(Method::Get, url))?;
        if answer.is_success() { answer.json() } else { Err(self.unread(ask, &answer, needs)) }
    }

    /// Reads a list to its end, at most `most` entries.
    pub(super) fn pages<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        path: &str,
        most: usize,
        needs: &str,
    ) -> Result<Vec<T>, Failure> {
        self.pages_of(ask, path, PER_PAGE, most, needs)
    }

    /// The same with pages of a size.
    pub(super) fn pages_of<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        path: &str,
        size: usize,
        most: usize,
        needs: &str,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut page = 1;
        let joint = if path.contains('?') { '&' } else { '?' };
        while all.len() < most {
            let url = self.url(&format!("{path}{joint}per_page={size}&page={page}"));
            let answer = ask.ask(&Request::new(Method::Get, url))?;
            if !answer.is_success() {
                return Err(self.unread(ask, &answer, needs));
            }
            let entries: Vec<T> = answer.json()?;
            let count = entries.len();
            all.extend(entries);
            match next_page(&answer, page, count, size) {
                Some(next) if count > 0 => page = next,
                _ => break,
            }
        }
        all.truncate(most);
        Ok(all)
    }

    /// Makes something.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        path: &str,
        body: Value,
        needs: &str,
    ) -> Result<T, Failure> {
        let answer = self.send_post(ask, path, Some(body))?;
        if answer.is_success() { answer.json() } else { Err(self.refused(ask, &answer, needs)) }
    }

    /// The same for who knows better what the answer means.
    pub(super) fn send_post(&self, ask: &dyn Ask, path: &str, body: Option<Value>) -> Result<Answer, Failure> {
        ask.ask(&Request { body, ..Request::new(Method::Post, self.url(path)) })
    }

    /// Changes something.
    pub(super) fn put<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        path: &str,
        body: Value,
        needs: &str,
    ) -> Result<T, Failure> {
        let answer = self.send_put(ask, path, body)?;
        if answer.is_success() { answer.json() } else { Err(self.refused(ask, &answer, needs)) }
    }

    /// The same for who knows better what the answer means.
    pub(super) fn send_put(&self, ask: &dyn Ask, path: &str, body: Value) -> Result<Answer, Failure> {
        ask.ask(&Request::new(Method::Put, self.url(path)).body(body))
    }

    /// Removes something; what is gone already is no error.
    pub(super) fn delete(&self, ask: &dyn Ask, path: &str, needs: &str) -> Result<(), Failure> {
        let answer = ask.ask(&Request::new(Method::Delete, self.url(path)))?;
        match answer.status {
            200..=299 => Ok(()),
            404 if !refusal::words(&answer).contains("Project") => Ok(()),
            _ => Err(self.refused(ask, &answer, needs)),
        }
    }

    /// What an answer without the thing that was to be read means. A project that has moved tells under its id where to;
    /// nothing else of the address that it redirects to is used.
    fn unread(&self, ask: &dyn Ask, answer: &Answer, needs: &str) -> Failure {
        let about = refusal::moved_to(answer).and_then(|id| {
            let answer = ask.ask(&Request::new(Method::Get, self.root(&format!("projects/{id}")))).ok()?;
            answer.json::<About>().ok()?.failure(&self.path())
        });
        match about {
            Some(moved @ Failure::Moved(_)) => moved,
            _ => refusal::of(answer, needs),
        }
    }

    /// What a refused change means. A 403 may be about the credential or about the project, and a project that has moved
    /// takes no change by its old path: only the project tells.
    pub(super) fn refused(&self, ask: &dyn Ask, answer: &Answer, needs: &str) -> Failure {
        let failure = refusal::of(answer, needs);
        if !matches!(failure, Failure::Forbidden { .. } | Failure::Moved(_)) || refusal::is_about_scope(answer) {
            return failure;
        }
        match self.get::<About>(ask, self.url(""), needs) {
            Ok(about) => about.failure(&self.path()).unwrap_or(failure),
            Err(moved @ Failure::Moved(_)) => moved,
            Err(_) => failure,
        }
    }
}

/// The number of the next page. GitLab names it in a header, empty at the end; where something in between has taken
/// the header away, a full page has one after it.
fn next_page(answer: &Answer, page: u64, count: usize, size: usize) -> Option<u64> {
    match answer.header("x-next-page") {
        Some(next) => next.trim().parse().ok().filter(|next| *next > page),
        None => (count >= size).then(|| page.saturating_add(1)),
    }
}
