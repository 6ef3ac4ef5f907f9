//! Bitbucket Data Center (and Server), `https://HOST[/context]/rest/api/latest`.
//!
//! - Every change of a pull request or comment names the version that was seen. One that is out of date is answered 409;
//!   then it is read again, and changed once more if that still makes sense.
//! - New commits do not change the version, so a merge cannot be bound to a head; it is compared just before.
//! - Insufficient rights are answered 401 like a wrong token; [`Failure::common`] tells them apart by the exception.
//! - Builds of all machines are listed, and by versions before 7.4 taken, at `/rest/build-status` beside this API; a
//!   branch is removed at `/rest/branch-utils`.
//! - A repository of a person has the project `~user`.

mod hooks;
mod refusal;
mod requests;
mod shape;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::bitbucket::{done_unread, encoded, hidden, is_a_refusal, same_commit, told};
use super::{
    Api, Ask, Check, CheckState, Comment, Edit, Failure, Merge, MergeMethod, Mergeable, Merged, Method, New, Offers,
    Place, Proposal, State, Status,
};
use crate::limits;
use refusal::Refusal;
use shape::{Activity, Build, Mergeability, PullRequest, Remark};

const READ: &str = "repository read (HTTP access token: Repository read)";
const WRITE: &str = "repository read and to be the author, else repository write (HTTP access token: Repository write)";
const MERGE: &str = "repository write (HTTP access token: Repository write) and branch permissions that let merge";

/// Bytes of the address of a build.
const BUILD_URL_BYTES: usize = 450;

/// Entries of a page that are asked for.
const PAGE: usize = 100;

/// A repository there.
#[derive(Debug)]
pub(super) struct BitbucketDataCenter {
    place: Place,
}

impl BitbucketDataCenter {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    fn open(seen: &PullRequest) -> Result<(), Failure> {
        match seen.state() {
            State::Open => Ok(()),
            State::Closed => Err(Failure::State(format!("pull request #{} is declined", seen.id))),
            State::Merged => Err(Failure::State(format!("pull request #{} is merged already", seen.id))),
        }
    }

    fn pull_requests(
        &self,
        ask: &dyn Ask,
        parameters: &[(&str, &str)],
        enough: impl Fn(&[PullRequest]) -> bool,
    ) -> Result<Vec<Proposal>, Failure> {
        let most = |found: &[PullRequest]| found.len() >= limits::PROPOSALS_LISTED || enough(found);
        let mut found = Self::all(ask, &self.url("pull-requests"), parameters, most)?;
        found.truncate(limits::PROPOSALS_LISTED);
        Ok(found.iter().map(PullRequest::proposal).collect())
    }

    fn checks(&self, ask: &dyn Ask, commit: &str) -> Result<Vec<Check>, Failure> {
        let url = format!("{}/rest/build-status/latest/commits/{}", self.server(), encoded(commit));
        match Self::all::<Build>(ask, &url, &[], |found| found.len() >= limits::PROPOSALS_LISTED) {
            Ok(found) => Ok(found.into_iter().filter_map(Build::check).collect()),
            Err(failure) if is_a_refusal(&failure) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// What came of a merge, as the log of what happened says it: not every version says it of the pull request itself.
    fn merge_commit(&self, ask: &dyn Ask, number: u64) -> Result<Option<String>, Failure> {
        let enough = |found: &[Activity]| found.iter().any(|activity| activity.merge_commit().is_some());
        let happened = Self::all::<Activity>(ask, &self.pull_request_url(number, "/activities"), &[], enough)?;
        Ok(happened.iter().find_map(Activity::merge_commit).map(str::to_owned))
    }

    fn mergeable(&self, ask: &dyn Ask, seen: &PullRequest) -> Result<Mergeable, Failure> {
        if seen.state() != State::Open {
            return Ok(Mergeable::Unknown);
        }
        match Self::get::<Mergeability>(ask, self.pull_request_url(seen.id, "/merge")) {
            Ok(found) => Ok(found.mergeable(seen.is_draft())),
            Err(failure @ Failure::NotFound(_)) => Err(failure),
            Err(failure) if is_a_refusal(&failure) => Ok(Mergeable::Unknown),
            Err(failure) => Err(failure),
        }
    }

    /// Removes a merged branch, if it is still where it was merged. The merge is done whatever comes of it.
    fn delete_branch(&self, ask: &dyn Ask, branch: &str, commit: &str) {
        let url = format!("{}/rest/branch-utils/latest/{}/branches", self.server(), self.repository());
        let body = json!({"name": format!("refs/heads/{branch}"), "endPoint": commit, "dryRun": false});
        let _ = Self::send(ask, Method::Delete, url, Some(body), MERGE);
    }
}

/// Comments that contain `marker`, those that answer others too.
fn collect(remark: &Remark, marker: &str, into: &mut Vec<Comment>) {
    let text = told(remark.text.as_deref().unwrap_or_default());
    let id = remark.id.to_string();
    if text.contains(marker) && into.iter().all(|known| known.id != id) {
        into.push(Comment { id, text, version: remark.version });
    }
    for answer in remark.comments.iter().flatten() {
        collect(answer, marker, into);
    }
}

const fn strategy(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Merge => "no-ff",
        MergeMethod::Squash => "squash",
        MergeMethod::Rebase => "rebase-ff-only",
    }
}

impl Api for BitbucketDataCenter {
    fn offers(&self) -> Offers {
        Offers { reopen: true, draft: true, methods: &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        let repository = json!({"slug": self.place.repository, "project": {"key": self.place.owner}});
        let mut body = json!({
            "title": new.title,
            "description": hidden(&new.body),
            "fromRef": {"id": format!("refs/heads/{}", new.head), "repository": repository},
            "toRef": {"id": format!("refs/heads/{}", new.base), "repository": repository},
        });
        if let (true, Some(object)) = (new.draft, body.as_object_mut()) {
            object.insert("draft".to_owned(), json!(true));
        }
        let answer = Self::send(ask, Method::Post, self.url("pull-requests"), Some(body), READ)?;
        Ok(answer.json::<PullRequest>().map_err(done_unread)?.proposal())
    }

    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let at = format!("refs/heads/{head}");
        let parameters = [("state", "ALL"), ("at", at.as_str()), ("direction", "OUTGOING"), ("order", "NEWEST")];
        let mut found = self.pull_requests(ask, &parameters, |_| false)?;
        found.retain(|found| !found.fork && found.head.as_deref() == Some(head) && found.base == base);
        Ok(found)
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let seen = self.seen(ask, number)?;
        let checks = match seen.head_commit() {
            Some(commit) if !seen.is_fork() => self.checks(ask, commit)?,
            _ => Vec::new(),
        };
        let mut proposal = Proposal { checks, mergeable: self.mergeable(ask, &seen)?, ..seen.proposal() };
        if proposal.state == State::Merged && proposal.merge_commit.is_none() {
            proposal.merge_commit = self.merge_commit(ask, number)?;
        }
        Ok(proposal)
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let of = |state| [("state", state), ("direction", "INCOMING"), ("order", "NEWEST")];
        let mut found = self.pull_requests(ask, &of("OPEN"), |_| false)?;
        if let Some(since) = since {
            // Servers sort by the last change, and nobody promises it: a whole page has to be older.
            let before = |one: &PullRequest| one.proposal().updated.is_some_and(|updated| updated < since);
            for state in ["MERGED", "DECLINED"] {
                let ended = self.pull_requests(ask, &of(state), |found| found.iter().rev().take(PAGE).all(before))?;
                found.extend(ended.into_iter().filter(|one| one.updated.is_none_or(|updated| updated >= since)));
            }
        }
        found.truncate(limits::PROPOSALS_LISTED);
        Ok(found)
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        let wanted = edit.body.as_deref().map(hidden);
        let title = edit.title.as_ref().map(|title| ("title", json!(title)));
        let body = wanted.as_ref().map(|body| ("description", json!(body)));
        let members: Vec<_> = title.into_iter().chain(body).collect();
        let as_wanted = |seen: &PullRequest| {
            Self::open(seen)?;
            let (title, body) = (seen.title.as_deref(), seen.description.as_deref().unwrap_or_default());
            Ok(edit.title.as_deref().is_none_or(|wanted| title == Some(wanted))
                && wanted.as_deref().is_none_or(|wanted| body == wanted))
        };
        self.until(ask, number, WRITE, as_wanted, |seen| self.put(seen, &members)).map(drop)
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let as_wanted = |seen: &PullRequest| {
            Self::open(seen)?;
            Ok(seen.is_draft() == draft)
        };
        let answer = self.until(ask, number, WRITE, as_wanted, |seen| self.put(seen, &[("draft", json!(draft))]))?;
        match answer.map(|answer| answer.json::<PullRequest>()) {
            Some(Ok(now)) if now.is_draft() != draft => {
                Err(Failure::Unsupported("this Bitbucket has no drafts; they came with version 8.18".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        let as_wanted = |seen: &PullRequest| match seen.state() {
            State::Merged => Self::open(seen).map(|()| false),
            state => Ok(state == State::Closed),
        };
        self.until(ask, number, WRITE, as_wanted, |seen| self.act(seen, "decline")).map(drop)
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        let as_wanted = |seen: &PullRequest| match seen.state() {
            State::Merged => Self::open(seen).map(|()| false),
            state => Ok(state == State::Open),
        };
        self.until(ask, number, WRITE, as_wanted, |seen| self.act(seen, "reopen")).map(drop)
    }

    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        let as_wanted = |seen: &PullRequest| {
            if seen.state() == State::Merged {
                return Ok(true);
            }
            Self::open(seen)?;
            let head = seen.head_commit().unwrap_or_default();
            if same_commit(head, &merge.head_commit) {
                return Ok(false);
            }
            Err(Failure::Stale(format!("the head of pull request #{number} is {head} now")))
        };
        let request = |seen: &PullRequest| {
            let mut request = self.act(seen, "merge");
            if let Some(object) = request.body.as_mut().and_then(Value::as_object_mut) {
                object.extend(merge.method.map(|method| ("strategyId".to_owned(), json!(strategy(method)))));
                object.extend(merge.message.as_ref().map(|message| ("message".to_owned(), json!(message))));
            }
            request
        };
        self.until(ask, number, MERGE, as_wanted, request)?;
        if merge.delete_branch
            && let Ok(Some(branch)) = self.seen(ask, number).map(|seen| seen.proposal().head)
        {
            self.delete_branch(ask, &branch, &merge.head_commit);
        }
        Ok(Merged::Done)
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        let enough = |found: &[Activity]| found.len() >= limits::BITBUCKET_COMMENTS;
        let activities = Self::all::<Activity>(ask, &self.pull_request_url(number, "/activities"), &[], enough)?;
        let mut ours = Vec::new();
        for activity in activities.iter().filter(|activity| activity.comment_action.as_deref() != Some("DELETED")) {
            if let Some(remark) = &activity.comment {
                collect(remark, marker, &mut ours);
            }
        }
        ours.sort_by_key(|comment| comment.id.parse::<u64>().unwrap_or(u64::MAX));
        Ok(ours)
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let url = self.pull_request_url(number, "/comments");
        Self::send(ask, Method::Post, url, Some(json!({"text": hidden(text)})), READ).map(drop)
    }

    fn rewrite_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let url = self.pull_request_url(number, &format!("/comments/{}", encoded(&comment.id)));
        let put = |version: Option<u64>| {
            Self::send(ask, Method::Put, url.clone(), Some(json!({"text": hidden(text), "version": version})), READ)
        };
        match put(comment.version) {
            Ok(_) => return Ok(()),
            Err(Failure::Stale(_)) => {}
            Err(failure) => return Err(failure),
        }
        match self.comment_now(ask, number, &comment.id)? {
            Some(now) if now.text.as_deref().is_some_and(|now| told(now) == text) => Ok(()),
            Some(now) => put(now.version).map(drop),
            None => Err(Failure::NotFound(format!("comment {} is gone", comment.id))),
        }
    }

    fn delete_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment) -> Result<(), Failure> {
        let delete = |version: Option<u64>| {
            let below = format!("/comments/{}?version={}", encoded(&comment.id), version.unwrap_or_default());
            match Self::send(ask, Method::Delete, self.pull_request_url(number, &below), None, READ) {
                // The comment, or all of it?
                Err(failure @ Failure::NotFound(_)) => {
                    let there = self.comments(ask, number, "")?.iter().any(|known| known.id == comment.id);
                    if there { Err(failure) } else { Ok(()) }
                }
                ended => ended.map(drop),
            }
        };
        match delete(comment.version) {
            Err(Failure::Stale(_)) => match self.comment_now(ask, number, &comment.id)? {
                Some(now) => delete(now.version),
                None => delete(comment.version),
            },
            ended => ended,
        }
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let state = match status.state {
            CheckState::Pending => "INPROGRESS",
            CheckState::Success => "SUCCESSFUL",
            CheckState::Failure => "FAILED",
        };
        let page = status.url.clone().filter(|url| url.len() <= BUILD_URL_BYTES);
        let mut body = json!({
            "key": status.context,
            "name": status.context,
            "state": state,
            "description": status.description,
            "url": page.unwrap_or_else(|| self.page(status.number)),
        });
        let older = body.clone();
        if let (Some(branch), Some(object)) = (&status.branch, body.as_object_mut()) {
            object.insert("ref".to_owned(), json!(format!("refs/heads/{branch}")));
        }
        let url = self.url(&format!("commits/{}/builds", encoded(commit)));
        let answer = ask.ask(&Self::request(Method::Post, url, Some(body)))?;
        if answer.is_success() {
            return Ok(());
        }
        let refusal = Refusal::of(&answer);
        if !refusal.is_no_such_function() {
            return Err(refusal.failure(READ));
        }
        let url = format!("{}/rest/build-status/1.0/commits/{}", self.server(), encoded(commit));
        Self::send(ask, Method::Post, url, Some(older), READ).map(drop)
    }
}
