//! Requests to one project: where they go, page by page, and what a refusal means.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::refusal;
use crate::provider::api::failure::shown;
use crate::provider::api::{Answer, Ask, Failure, Method, Place, Request};

/// What stands in a segment or a value as it is.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Most characters of what it says of the project.
const SHOWN: usize = 200;
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
    /// It is asked about its merge requests, which can be switched off.
    requests: bool,
}

impl Project {
    /// As far as its merge requests are concerned.
    pub(super) const fn of_requests(place: Place) -> Self {
        Self { place, requests: true }
    }

    /// As far as its hooks are concerned.
    pub(super) const fn of_hooks(place: Place) -> Self {
        Self { place, requests: false }
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
        if answer.is_success() { answer.json() } else { Err(self.refused(ask, &answer, needs)) }
    }

    /// Reads something that not every GitLab has, or that may be gone by itself: then it is none.
    pub(super) fn get_if_there<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        url: String,
        needs: &str,
    ) -> Result<Option<T>, Failure> {
        match self.get(ask, url, needs) {
            Err(Failure::NotFound(said)) if !said.contains("project") => Ok(None),
            other => other.map(Some),
        }
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
                return Err(self.refused(ask, &answer, needs));
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
            // With what was removed, by some versions.
            200 => answer.json::<IgnoredAny>().map(drop),
            201..=299 => Ok(()),
            404 if refusal::is_about_the_thing(&answer) => Ok(()),
            _ => Err(self.refused(ask, &answer, needs)),
        }
    }

    /// What an answer means that is none of what was asked for. A 403 may be about the credential or about the project,
    /// and a project that has moved takes no change by its old path: only the project itself tells. Of the address that
    /// it redirects to nothing is used but the id.
    pub(super) fn refused(&self, ask: &dyn Ask, answer: &Answer, needs: &str) -> Failure {
        let failure = match refusal::of(answer, needs) {
            Failure::NotFound(said) if said.contains("Project Not Found") => {
                let path = self.path();
                return Failure::NotFound(format!("there is no project {path}, or the token may not see it ({said})"));
            }
            failure @ (Failure::Forbidden { .. } | Failure::Moved(_)) if !refusal::is_about_scope(answer) => failure,
            failure => return failure,
        };
        match self.about(ask, refusal::moved_to(answer)) {
            Ok(about) => about.failure(&self.path(), self.requests).unwrap_or(failure),
            Err(moved @ Failure::Moved(_)) => moved,
            Err(_) => failure,
        }
    }

    /// The project, by its id where that is known; and if its path only redirects to that, then by that.
    fn about(&self, ask: &dyn Ask, id: Option<u64>) -> Result<About, Failure> {
        let by_id = |id: u64| self.root(&format!("projects/{id}"));
        let answer = ask.ask(&Request::new(Method::Get, id.map_or_else(|| self.url(""), by_id)))?;
        match refusal::moved_to(&answer) {
            Some(id) => ask.ask(&Request::new(Method::Get, by_id(id)))?.json(),
            None => answer.json(),
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

/// A project, as far as it may be the reason why something is refused.
#[derive(Debug, Deserialize)]
struct About {
    path_with_namespace: Option<String>,
    archived: Option<bool>,
    marked_for_deletion_on: Option<String>,
    merge_requests_enabled: Option<bool>,
}

impl About {
    /// The reason, if it is the project; `requests` if it was asked about its merge requests.
    fn failure(self, path: &str, requests: bool) -> Option<Failure> {
        if let Some(day) = self.marked_for_deletion_on {
            return Some(Failure::Archived(format!("it is going to be deleted on {}", shown(&day, SHOWN))));
        }
        if self.archived == Some(true) {
            return Some(Failure::Archived("it takes no changes until it is unarchived in its settings".to_owned()));
        }
        if requests && self.merge_requests_enabled == Some(false) {
            return Some(Failure::Unsupported("merge requests are switched off in the project's settings".to_owned()));
        }
        let now = self.path_with_namespace?;
        (!now.eq_ignore_ascii_case(path))
            .then(|| Failure::Moved(format!("its path is {} now; name it so", shown(&now, SHOWN))))
    }
}
