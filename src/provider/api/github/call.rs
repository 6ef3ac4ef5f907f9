//! How GitHub is asked: URLs, headers, pages, GraphQL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::failure::shown;
use super::super::{Answer, Ask, Failure, Method, Place, Request};
use super::refusal::Refusal;
use crate::limits;

/// Entries of one page: the most that GitHub gives.
const PAGE: usize = 100;

/// What a segment of a path, or a value of a query, keeps as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A segment of a path, or a value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// The requests of one repository.
#[derive(Debug)]
pub(super) struct Calls {
    place: Place,
}

impl Calls {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    fn request(method: Method, url: String) -> Request {
        let mut request = Request::new(method, url);
        request.accept = "application/vnd.github+json";
        request.headers.push(("x-github-api-version", "2022-11-28".to_owned()));
        request
    }

    /// One request below the repository; the answer whatever its status.
    pub(super) fn send(&self, ask: &dyn Ask, method: Method, at: &str, body: Option<Value>) -> Result<Answer, Failure> {
        let Place { root, owner, repository, .. } = &self.place;
        let url = format!("{root}/repos/{}/{}{at}", encoded(owner), encoded(repository));
        let mut request = Self::request(method, url);
        request.body = body;
        ask.ask(&request)
    }

    /// Reads one thing.
    pub(super) fn read<T: DeserializeOwned>(&self, ask: &dyn Ask, at: &str, needs: &str) -> Result<T, Failure> {
        let answer = self.send(ask, Method::Get, at, None)?;
        if answer.is_success() { answer.json() } else { Err(Refusal::of(&answer, needs).failure()) }
    }

    /// Reads a list, page by page, up to the first entry that `until` holds of, which is left out.
    pub(super) fn pages<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        at: &str,
        needs: &str,
        until: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Failure> {
        self.pages_or(ask, at, |answer| Refusal::of(answer, needs).failure(), until)
    }

    /// The same, where an answer that is no success has a meaning of its own.
    pub(super) fn pages_or<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        at: &str,
        refused: impl Fn(&Answer) -> Failure,
        until: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Failure> {
        self.pages_in(ask, at, refused, |list: Vec<T>| list, until)
    }

    /// The same, where each page is inside of something.
    pub(super) fn pages_in<P: DeserializeOwned, T>(
        &self,
        ask: &dyn Ask,
        at: &str,
        refused: impl Fn(&Answer) -> Failure,
        entries: impl Fn(P) -> Vec<T>,
        until: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Failure> {
        let mark = if at.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1..=limits::GITHUB_PAGES {
            let at = format!("{at}{mark}per_page={PAGE}&page={page}");
            let answer = self.send(ask, Method::Get, &at, None)?;
            if !answer.is_success() {
                return Err(refused(&answer));
            }
            for entry in entries(answer.json()?) {
                if until(&entry) {
                    return Ok(all);
                }
                all.push(entry);
            }
            if !has_next(&answer) {
                break;
            }
        }
        Ok(all)
    }

    /// Changes something.
    pub(super) fn change(
        &self,
        ask: &dyn Ask,
        method: Method,
        at: &str,
        body: Option<Value>,
        needs: &str,
    ) -> Result<(), Failure> {
        let answer = self.send(ask, method, at, body)?;
        if answer.is_success() { Ok(()) } else { Err(Refusal::of(&answer, needs).failure()) }
    }

    /// Removes something, or finds it gone.
    pub(super) fn remove(&self, ask: &dyn Ask, at: &str, needs: &str) -> Result<(), Failure> {
        let answer = self.send(ask, Method::Delete, at, None)?;
        if answer.is_success() || matches!(answer.status, 404 | 410) {
            return Ok(());
        }
        Err(Refusal::of(&answer, needs).failure())
    }

    /// A mutation of GraphQL, which answers 200 also when it does nothing.
    pub(super) fn graphql(&self, ask: &dyn Ask, query: &str, variables: &Value, needs: &str) -> Result<(), Failure> {
        let root = &self.place.root;
        let url = match root.strip_suffix("/api/v3") {
            Some(server) => format!("{server}/api/graphql"),
            None => format!("{root}/graphql"),
        };
        let request = Self::request(Method::Post, url).body(json!({ "query": query, "variables": variables }));
        let answer = ask.ask(&request)?;
        if !answer.is_success() {
            return Err(Refusal::of(&answer, needs).failure());
        }
        let outcome: Outcome = answer.json()?;
        outcome.errors.into_iter().next().map_or(Ok(()), |error| Err(error.failure(needs)))
    }
}

/// Whether there is another page. Where it is, is not looked at: pages have numbers.
fn has_next(answer: &Answer) -> bool {
    next(answer).is_some()
}

fn next(answer: &Answer) -> Option<&str> {
    answer.header("link")?.split(',').find(|link| link.contains("rel=\"next\""))
}

/// Of the URL of the next page nothing but the cursor in it.
pub(super) fn next_cursor(answer: &Answer) -> Option<String> {
    let url = next(answer)?.split_once('<')?.1.split_once('>')?.0;
    let url = url::Url::parse(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
}

#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(default)]
    errors: Vec<GraphqlError>,
}

#[derive(Debug, Deserialize)]
struct GraphqlError {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
}

impl GraphqlError {
    fn failure(self, needs: &str) -> Failure {
        let said = shown(&self.message, 300);
        match self.kind.as_deref() {
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => Failure::Forbidden { needs: needs.to_owned(), said },
            Some("NOT_FOUND") => Failure::NotFound(said),
            Some("RATE_LIMITED") => Failure::Wait { after: limits::PROVIDER_PAUSE, why: said },
            _ if said.contains("not supported") => Failure::Unsupported(said),
            _ if said.contains("archived") => Failure::Archived(said),
            _ => Failure::Invalid(said),
        }
    }
}
