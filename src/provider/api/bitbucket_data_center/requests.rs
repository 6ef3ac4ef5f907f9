//! The addresses, one question, one list, one change: what every operation is made of.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::bitbucket::{encoded, query};
use super::super::{Answer, Ask, Failure, Method, Place, Request};
use super::refusal::Refusal;
use super::shape::{Page, PullRequest, Remark};
use super::{BitbucketDataCenter, PAGE, READ};
use crate::limits;

impl BitbucketDataCenter {
    pub(super) fn repository(&self) -> String {
        let Place { owner, repository, .. } = &self.place;
        format!("projects/{}/repos/{}", encoded(owner), encoded(repository))
    }

    /// Below the repository.
    pub(super) fn url(&self, below: &str) -> String {
        format!("{}/{}/{below}", self.place.root, self.repository())
    }

    pub(super) fn pull_request_url(&self, number: u64, below: &str) -> String {
        self.url(&format!("pull-requests/{number}{below}"))
    }

    /// The server itself: what `/rest/api/…` stands below.
    pub(super) fn server(&self) -> &str {
        self.place.root.split_once("/rest/api").map_or(self.place.root.as_str(), |(server, _)| server)
    }

    /// The page of a pull request. It is only shown.
    pub(super) fn page(&self, number: u64) -> String {
        let Place { owner, repository, .. } = &self.place;
        let whose = owner
            .strip_prefix('~')
            .map_or_else(|| format!("projects/{}", encoded(owner)), |user| format!("users/{}", encoded(user)));
        format!("{}/{whose}/repos/{}/pull-requests/{number}", self.server(), encoded(repository))
    }

    pub(super) fn get<T: DeserializeOwned>(ask: &dyn Ask, url: String) -> Result<T, Failure> {
        let answer = ask.ask(&Request::new(Method::Get, url))?;
        if answer.is_success() { answer.json() } else { Err(Refusal::of(&answer).failure(READ)) }
    }

    /// A list, page by page, until `enough` says so or it ends.
    pub(super) fn all<T: DeserializeOwned>(
        ask: &dyn Ask,
        url: &str,
        parameters: &[(&str, &str)],
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, Failure> {
        let mut all: Vec<T> = Vec::new();
        let (mut start, limit) = ("0".to_owned(), PAGE.to_string());
        for _ in 0..limits::BITBUCKET_PAGES {
            let mut parameters = parameters.to_vec();
            parameters.extend([("start", start.as_str()), ("limit", limit.as_str())]);
            let found: Page<T> = Self::get(ask, url.to_owned() + &query(&parameters))?;
            let next = found.next_start.filter(|_| found.is_last == Some(false)).map(|next| next.to_string());
            all.extend(found.values);
            match next {
                Some(next) if next != start && !enough(&all) => start = next,
                _ => break,
            }
        }
        Ok(all)
    }

    pub(super) fn seen(&self, ask: &dyn Ask, number: u64) -> Result<PullRequest, Failure> {
        Self::get(ask, self.pull_request_url(number, ""))
    }

    /// One request for a change. The header says that no browser was made to send it.
    pub(super) fn request(method: Method, url: String, body: Option<Value>) -> Request {
        Request { body, headers: vec![("x-atlassian-token", "no-check".to_owned())], ..Request::new(method, url) }
    }

    pub(super) fn send(
        ask: &dyn Ask,
        method: Method,
        url: String,
        body: Option<Value>,
        needs: &str,
    ) -> Result<Answer, Failure> {
        let answer = ask.ask(&Self::request(method, url, body))?;
        if answer.is_success() { Ok(answer) } else { Err(Refusal::of(&answer).failure(needs)) }
    }

    /// Changes a pull request with the version that was seen. One that is out of date is read again and changed once
    /// more; after an answer that was lost it is looked at. `wanted` says whether it is as it should be already, or why
    /// it never will; then nothing is answered.
    pub(super) fn until(
        &self,
        ask: &dyn Ask,
        number: u64,
        needs: &str,
        wanted: impl Fn(&PullRequest) -> Result<bool, Failure>,
        request: impl Fn(&PullRequest) -> Request,
    ) -> Result<Option<Answer>, Failure> {
        let mut again = true;
        let mut seen = self.seen(ask, number)?;
        loop {
            if wanted(&seen)? {
                return Ok(None);
            }
            let failure = match ask.ask(&request(&seen)) {
                Ok(answer) if answer.is_success() => return Ok(Some(answer)),
                Ok(answer) => Refusal::of(&answer).failure(needs),
                Err(failure) => failure,
            };
            match failure {
                Failure::Stale(_) if again => {
                    again = false;
                    seen = self.seen(ask, number)?;
                }
                failure @ (Failure::Lost(_) | Failure::State(_)) => {
                    return if wanted(&self.seen(ask, number)?)? { Ok(None) } else { Err(failure) };
                }
                failure => return Err(failure),
            }
        }
    }

    /// The whole of a pull request as a change wants it: what is left out would be removed.
    pub(super) fn put(&self, seen: &PullRequest, members: &[(&str, Value)]) -> Request {
        let reviewers = seen.reviewers.iter().flatten().filter_map(|one| one.user.as_ref()?.name.as_deref());
        let mut body = json!({
            "version": seen.version,
            "title": seen.title.as_deref().unwrap_or_default(),
            "description": seen.description.as_deref().unwrap_or_default(),
            "reviewers": reviewers.map(|name| json!({"user": {"name": name}})).collect::<Vec<_>>(),
        });
        if let Some(object) = body.as_object_mut() {
            object.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        Self::request(Method::Put, self.pull_request_url(seen.id, ""), Some(body))
    }

    /// `POST …/{act}?version=`.
    pub(super) fn act(&self, seen: &PullRequest, act: &str) -> Request {
        let url = self.pull_request_url(seen.id, &format!("/{act}?version={}", seen.version.unwrap_or_default()));
        Self::request(Method::Post, url, Some(json!({"version": seen.version})))
    }

    pub(super) fn comment_now(&self, ask: &dyn Ask, number: u64, id: &str) -> Result<Option<Remark>, Failure> {
        match Self::get(ask, self.pull_request_url(number, &format!("/comments/{}", encoded(id)))) {
            Ok(remark) => Ok(Some(remark)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
