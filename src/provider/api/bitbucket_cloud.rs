//! Bitbucket Cloud, `https://api.bitbucket.org/2.0`.
//!
//! - Commits of pull requests are abbreviated to 12 digits, and are kept so.
//! - A declined pull request cannot be opened again, and only an open one can be changed; a change says again what it
//!   leaves alone ([`shape::PullRequest::again`]).
//! - Vendor and sources disagree on what a second pull request for the same branches becomes, so [`Api::create`] looks
//!   before, and compares the number after.
//! - A merge or decline that takes too long is answered 555 and may have been done: it is looked at.
//! - A merge cannot be bound to a head. It is compared just before; a push in between is merged with the rest.
//! - Whether it could be merged is told in part: the files that conflict, and (newer) whether all merge checks pass.

mod hooks;
mod refusal;
mod shape;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::bitbucket::{self, done_unread, encoded, hidden, query, same_commit, told};
use super::{
    Answer, Api, Ask, Check, CheckState, Comment, Edit, Failure, Merge, MergeMethod, Merged, Method, New, Offers,
    Place, Proposal, Request, State, Status,
};
use crate::limits;
use shape::{Activity, Conflict, Page, PullRequest, Remark};

const READ: &str = "pullrequest (token: read:pullrequest:bitbucket, read:repository:bitbucket)";
const WRITE: &str = "pullrequest:write (token: write:pullrequest:bitbucket, read:repository:bitbucket)";
const MERGE: &str = "pullrequest:write (token: write:pullrequest:bitbucket, write:repository:bitbucket) and a user whom \
                     the branch restrictions let merge";
const STATUS: &str = "repository (token: read:repository:bitbucket, write:repository:bitbucket)";

/// Characters of a status's key.
const KEY_CHARACTERS: usize = 40;

/// A repository there.
#[derive(Debug)]
pub(super) struct BitbucketCloud {
    place: Place,
}

impl BitbucketCloud {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    /// Below the repository.
    fn url(&self, below: &str) -> String {
        let Place { root, owner, repository, .. } = &self.place;
        format!("{root}/repositories/{}/{}/{below}", encoded(owner), encoded(repository))
    }

    fn pull_request_url(&self, number: u64, below: &str) -> String {
        self.url(&format!("pullrequests/{number}{below}"))
    }

    fn get<T: DeserializeOwned>(ask: &dyn Ask, url: String) -> Result<T, Failure> {
        let answer = ask.ask(&Request::new(Method::Get, url))?;
        if answer.is_success() { answer.json() } else { Err(refusal::of(&answer, READ)) }
    }

    /// A whole list, at most `most`. Of the link to the next page nothing is used but the name of that page.
    fn all<T: DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        below: &str,
        parameters: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut all: Vec<T> = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..limits::BITBUCKET_PAGES {
            let mut parameters = parameters.to_vec();
            parameters.extend(page.as_deref().map(|page| ("page", page)));
            let found: Page<T> = Self::get(ask, self.url(below) + &query(&parameters))?;
            let empty = found.values.is_empty();
            all.extend(found.values);
            let next = found.next.as_deref().and_then(page_of);
            if all.len() >= most || empty || next.is_none() || next == page {
                break;
            }
            page = next;
        }
        all.truncate(most);
        Ok(all)
    }

    fn seen(&self, ask: &dyn Ask, number: u64) -> Result<PullRequest, Failure> {
        Self::get(ask, self.pull_request_url(number, ""))
    }

    /// One that is open, to be changed.
    fn open(&self, ask: &dyn Ask, number: u64) -> Result<PullRequest, Failure> {
        let seen = self.seen(ask, number)?;
        match seen.state() {
            State::Open => Ok(seen),
            State::Closed => Err(Failure::State(format!(
                "pull request #{number} is declined; Bitbucket Cloud changes only open ones"
            ))),
            State::Merged => {
                Err(Failure::State(format!("pull request #{number} is merged; Bitbucket Cloud changes only open ones")))
            }
        }
    }

    fn send(ask: &dyn Ask, method: Method, url: String, body: Option<Value>, needs: &str) -> Result<Answer, Failure> {
        let answer = ask.ask(&Request { body, ..Request::new(method, url) })?;
        if answer.is_success() { Ok(answer) } else { Err(refusal::of_change(&answer, needs)) }
    }

    /// Changes members of an open one.
    fn put(&self, ask: &dyn Ask, seen: &PullRequest, members: &[(&str, Value)]) -> Result<(), Failure> {
        let mut body = seen.again();
        for (name, value) in members {
            if let Some(object) = body.as_object_mut() {
                object.insert((*name).to_owned(), value.clone());
            }
        }
        Self::send(ask, Method::Put, self.pull_request_url(seen.id, ""), Some(body), WRITE).map(drop)
    }

    fn pull_requests(&self, ask: &dyn Ask, states: &[&str], q: Option<&str>) -> Result<Vec<Proposal>, Failure> {
        let mut parameters: Vec<(&str, &str)> = states.iter().map(|state| ("state", *state)).collect();
        parameters.extend(q.map(|q| ("q", q)));
        parameters.extend([("sort", "-created_on"), ("pagelen", "50")]);
        let found: Vec<PullRequest> = self.all(ask, "pullrequests", &parameters, limits::PROPOSALS_LISTED)?;
        Ok(found.iter().map(PullRequest::proposal).collect())
    }

    fn checks(&self, ask: &dyn Ask, seen: &PullRequest) -> Result<Vec<Check>, Failure> {
        let below = format!("pullrequests/{}/statuses", seen.id);
        let found: Vec<shape::Status> = self.all(ask, &below, &[("pagelen", "100")], limits::PROPOSALS_LISTED)?;
        Ok(found.into_iter().filter_map(|status| status.check(seen.head_commit())).collect())
    }

    /// The files that conflict, where they can be told: not of forks (nothing of them is asked for), and not by every
    /// Bitbucket.
    fn conflicts(&self, ask: &dyn Ask, seen: &PullRequest) -> Result<Option<Vec<String>>, Failure> {
        let (Some(head), Some(base)) = (seen.head_commit(), seen.destination.commit()) else { return Ok(None) };
        if seen.state() != State::Open || seen.is_fork() {
            return Ok(None);
        }
        let below = format!("file-conflicts/{}", encoded(&format!("{head}..{base}")));
        match self.all::<Conflict>(ask, &below, &[], limits::PROPOSALS_LISTED) {
            Ok(found) => Ok(Some(found.into_iter().filter_map(|conflict| conflict.path).take(20).collect())),
            Err(failure) if bitbucket::is_a_refusal(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// When it ended, which only the log of what happened to it says; the newest is enough of that.
    fn ended(&self, ask: &dyn Ask, seen: &PullRequest) -> Result<Option<Timestamp>, Failure> {
        if seen.state() == State::Open {
            return Ok(None);
        }
        let below = format!("pullrequests/{}/activity", seen.id);
        match self.all::<Activity>(ask, &below, &[("pagelen", "50")], 50) {
            Ok(happened) => Ok(seen.since(&happened)),
            Err(failure) if bitbucket::is_a_refusal(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn q(head: &str, base: &str) -> String {
        let quoted = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("source.branch.name = \"{}\" AND destination.branch.name = \"{}\"", quoted(head), quoted(base))
    }

    /// The page of a pull request. It is only shown.
    fn page(&self, number: u64) -> String {
        let Place { owner, repository, .. } = &self.place;
        format!("https://bitbucket.org/{}/{}/pull-requests/{number}", encoded(owner), encoded(repository))
    }
}

/// The name of a page out of the link to it.
fn page_of(link: &str) -> Option<String> {
    let link = url::Url::parse(link).ok()?;
    link.query_pairs().find(|(name, _)| name == "page").map(|(_, value)| value.into_owned())
}

/// A key of at most 40 characters. One that is longer ends in a sum of the whole, so that two do not become one.
fn key(context: &str) -> String {
    if context.chars().count() <= KEY_CHARACTERS {
        return context.to_owned();
    }
    let sum = format!("-{:08x}", crc32fast::hash(context.as_bytes()));
    context.chars().take(KEY_CHARACTERS.saturating_sub(sum.len())).chain(sum.chars()).collect()
}

const ENDED: [&str; 3] = ["MERGED", "DECLINED", "SUPERSEDED"];
const EVERY: [&str; 4] = ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"];

impl Api for BitbucketCloud {
    fn offers(&self) -> Offers {
        Offers { reopen: false, draft: true, methods: &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        let known = self.find(ask, &new.head, &new.base)?;
        if let Some(open) = known.iter().find(|known| known.state == State::Open) {
            return Err(Failure::Exists { number: Some(open.number) });
        }
        let body = json!({
            "type": "pullrequest",
            "title": new.title,
            "description": hidden(&new.body),
            "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}},
            "draft": new.draft,
        });
        let answer = Self::send(ask, Method::Post, self.url("pullrequests"), Some(body), WRITE)?;
        let made: PullRequest = answer.json().map_err(done_unread)?;
        if known.iter().any(|known| known.number == made.id) {
            return Err(Failure::Exists { number: Some(made.id) });
        }
        Ok(made.proposal())
    }

    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let mut found = self.pull_requests(ask, &EVERY, Some(&Self::q(head, base)))?;
        found.retain(|found| !found.fork && found.head.as_deref() == Some(head) && found.base == base);
        Ok(found)
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let seen = self.seen(ask, number)?;
        let conflicts = self.conflicts(ask, &seen)?;
        let ended = self.ended(ask, &seen)?;
        let checks = self.checks(ask, &seen)?;
        Ok(Proposal { checks, ended, mergeable: seen.mergeable(conflicts.as_deref()), ..seen.proposal() })
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let mut found = self.pull_requests(ask, &["OPEN"], None)?;
        if let Some(since) = since {
            let since = since.strftime("%Y-%m-%dT%H:%M:%S+00:00");
            found.extend(self.pull_requests(ask, &ENDED, Some(&format!("updated_on >= {since}")))?);
        }
        found.truncate(limits::PROPOSALS_LISTED);
        Ok(found)
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        let seen = self.open(ask, number)?;
        let title = edit.title.as_ref().map(|title| ("title", json!(title)));
        let body = edit.body.as_ref().map(|body| ("description", json!(hidden(body))));
        self.put(ask, &seen, &title.into_iter().chain(body).collect::<Vec<_>>())
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let seen = self.open(ask, number)?;
        if seen.is_draft() == draft { Ok(()) } else { self.put(ask, &seen, &[("draft", json!(draft))]) }
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.seen(ask, number)?.state() {
            State::Closed => return Ok(()),
            State::Merged => return Err(Failure::State(format!("pull request #{number} is merged already"))),
            State::Open => {}
        }
        let declined = Self::send(ask, Method::Post, self.pull_request_url(number, "/decline"), None, WRITE);
        match declined {
            Ok(_) => Ok(()),
            Err(failure @ (Failure::Lost(_) | Failure::Invalid(_))) => match self.seen(ask, number)?.state() {
                State::Closed => Ok(()),
                State::Merged => Err(Failure::State(format!("pull request #{number} was merged meanwhile"))),
                State::Open => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.seen(ask, number)?.state() {
            State::Open => Ok(()),
            State::Merged => Err(Failure::State(format!("pull request #{number} is merged already"))),
            State::Closed => Err(Failure::Unsupported(
                "Bitbucket Cloud cannot open a declined pull request again; a new one has to be opened".to_owned(),
            )),
        }
    }

    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        let seen = self.seen(ask, number)?;
        match seen.state() {
            State::Merged => return Ok(Merged::Done),
            State::Closed => return Err(Failure::State(format!("pull request #{number} is declined"))),
            State::Open => {}
        }
        let head = seen.head_commit().unwrap_or_default();
        if !same_commit(head, &merge.head_commit) {
            return Err(Failure::Stale(format!("the head of pull request #{number} is {head} now")));
        }
        let mut body = json!({"type": "pullrequest_merge_parameters", "close_source_branch": merge.delete_branch});
        let strategy = seen.strategy(merge.method).map_err(|known| {
            Failure::Invalid(format!("{} does not take this way to merge; it takes {known}", seen.proposal().base))
        })?;
        if let Some(object) = body.as_object_mut() {
            object.extend(strategy.map(|strategy| ("merge_strategy".to_owned(), json!(strategy))));
            object.extend(merge.message.as_ref().map(|message| ("message".to_owned(), json!(message))));
        }
        let request = Request::new(Method::Post, self.pull_request_url(number, "/merge")).body(body);
        let failure = match ask.ask(&request) {
            Ok(answer) if answer.status == 202 => return Ok(Merged::Accepted),
            Ok(answer) if answer.is_success() => return Ok(Merged::Done),
            Ok(answer) => refusal::of_merge(&answer, MERGE),
            Err(failure) => failure,
        };
        match failure {
            Failure::Lost(_) | Failure::Stale(_) if self.seen(ask, number)?.state() == State::Merged => {
                Ok(Merged::Done)
            }
            failure => Err(failure),
        }
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        let below = format!("pullrequests/{number}/comments");
        let parameters = [("sort", "created_on"), ("pagelen", "100")];
        let found: Vec<Remark> = self.all(ask, &below, &parameters, limits::BITBUCKET_COMMENTS)?;
        let ours = found.into_iter().filter(|remark| remark.deleted != Some(true)).filter_map(|remark| {
            let text = told(&remark.content?.raw?);
            if !text.contains(marker) {
                return None;
            }
            Some(Comment { id: remark.id.to_string(), text, version: None })
        });
        Ok(ours.collect())
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let body = json!({"type": "pullrequest_comment", "content": {"raw": hidden(text)}});
        Self::send(ask, Method::Post, self.pull_request_url(number, "/comments"), Some(body), WRITE).map(drop)
    }

    fn rewrite_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let body = json!({"type": "pullrequest_comment", "content": {"raw": hidden(text)}});
        let url = self.pull_request_url(number, &format!("/comments/{}", encoded(&comment.id)));
        Self::send(ask, Method::Put, url, Some(body), WRITE).map(drop)
    }

    fn delete_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment) -> Result<(), Failure> {
        let url = self.pull_request_url(number, &format!("/comments/{}", encoded(&comment.id)));
        match Self::send(ask, Method::Delete, url, None, WRITE) {
            // The comment, or all of it?
            Err(failure @ Failure::NotFound(_)) => {
                let there = self.comments(ask, number, "")?.iter().any(|known| known.id == comment.id);
                if there { Err(failure) } else { Ok(()) }
            }
            ended => ended.map(drop),
        }
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let state = match status.state {
            CheckState::Pending => "INPROGRESS",
            CheckState::Success => "SUCCESSFUL",
            CheckState::Failure => "FAILED",
        };
        let mut body = json!({
            "type": "build",
            "key": key(&status.context),
            "name": status.context,
            "state": state,
            "description": status.description,
            "url": status.url.clone().unwrap_or_else(|| self.page(status.number)),
        });
        if let (Some(branch), Some(object)) = (&status.branch, body.as_object_mut()) {
            object.insert("refname".to_owned(), json!(branch));
        }
        let url = self.url(&format!("commit/{}/statuses/build", encoded(commit)));
        Self::send(ask, Method::Post, url, Some(body), STATUS).map(drop)
    }
}
