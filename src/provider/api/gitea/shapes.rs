//! The shapes of Gitea's and Forgejo's answers, as far as they are used, and what they mean.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use crate::limits;
use crate::provider::Provider;
use crate::provider::api::{Check, CheckState, Merge, Mergeable, Place, Proposal, Reviews, State};
use crate::provider::gitea::without_draft_prefix;

/// What stands as it is in a segment of a path and in a value of a query: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn url(place: &Place, below: &str) -> String {
    let Place { root, owner, repository, .. } = place;
    let slash = if below.is_empty() { "" } else { "/" };
    format!("{root}/repos/{}/{}{slash}{below}", encoded(owner), encoded(repository))
}

/// A title as the server wants it.
pub(super) fn title(title: &str, draft: bool) -> String {
    if draft && without_draft_prefix(title).is_none() { format!("WIP: {title}") } else { title.to_owned() }
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    login: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Side {
    /// The branch, or what it was called; of `AGit` `user/topic`.
    #[serde(default)]
    label: String,
    /// The branch while it is there.
    #[serde(rename = "ref", default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) sha: String,
    /// -1 if the repository is gone.
    #[serde(default)]
    repo_id: i64,
    repo: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    #[serde(default)]
    default_merge_style: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    #[serde(default)]
    html_url: String,
    user: Option<User>,
    title: String,
    #[serde(default)]
    body: String,
    state: String,
    /// Old servers do not say.
    draft: Option<bool>,
    #[serde(default)]
    mergeable: bool,
    #[serde(default)]
    merged: bool,
    merged_at: Option<Timestamp>,
    merge_commit_sha: Option<String>,
    pub(super) base: Side,
    pub(super) head: Side,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    /// 1: pushed to `refs/for/…`, without a branch.
    #[serde(default)]
    flow: u8,
}

impl Pull {
    pub(super) fn state(&self) -> State {
        match (self.merged, &*self.state) {
            (true, _) => State::Merged,
            (false, "closed") => State::Closed,
            _ => State::Open,
        }
    }

    pub(super) fn draft(&self) -> bool {
        self.draft.unwrap_or_else(|| without_draft_prefix(&self.title).is_some())
    }

    /// `head.ref` is that of the proposal itself.
    pub(super) fn branch_is_gone(&self) -> bool {
        self.head.name.starts_with("refs/")
    }

    fn head_branch(&self) -> Option<&str> {
        let gone = self.branch_is_gone();
        let name = if gone { &self.head.label } else { &self.head.name };
        // An open one without a branch never had one: of `AGit`, which Gitea does not tell.
        let never = self.flow != 0 || (gone && self.state() == State::Open);
        (!never && !name.is_empty()).then_some(name)
    }

    /// How the repository merges if nothing else is said.
    pub(super) fn default_style(&self) -> &str {
        match self.base.repo.as_ref().and_then(|repository| repository.default_merge_style.as_deref()) {
            Some(style @ ("rebase" | "rebase-merge" | "squash" | "fast-forward-only")) => style,
            _ => "merge",
        }
    }

    /// Without what takes a request of its own.
    pub(super) fn proposal(&self) -> Proposal {
        let state = self.state();
        let title = without_draft_prefix(&self.title).filter(|_| self.draft()).unwrap_or(&self.title);
        let gone = self.head.repo.is_none() || self.head.repo_id < 0;
        Proposal {
            number: self.number,
            url: self.html_url.clone(),
            state,
            draft: self.draft() && state == State::Open,
            title: title.to_owned(),
            body: self.body.clone(),
            author: self.user.as_ref().map(|user| user.login.clone()).unwrap_or_default(),
            head: self.head_branch().map(ToOwned::to_owned),
            head_commit: Some(self.head.sha.clone()).filter(|sha| !sha.is_empty()),
            fork: gone || self.head.repo_id != self.base.repo_id,
            base: if self.base.name.is_empty() { self.base.label.clone() } else { self.base.name.clone() },
            merge_commit: self.merge_commit_sha.clone().filter(|_| state == State::Merged),
            created: self.created_at,
            updated: self.updated_at,
            ended: if state == State::Open { None } else { self.merged_at.or(self.closed_at).or(self.updated_at) },
            version: None,
            reviews: Reviews::default(),
            checks: Vec::new(),
            mergeable: Mergeable::Unknown,
        }
    }

    /// Whether it could be merged. False is said of a conflict and of "not known yet"; the latter of what changed lately,
    /// the proposal or its base.
    pub(super) fn mergeable(&self, base: Option<&Branch>, reviews: Option<&Reviews>, now: Timestamp) -> Mergeable {
        let fresh = |at: Option<Timestamp>| {
            let after = SignedDuration::try_from(limits::GITEA_CHECKING).unwrap_or_default();
            at.is_some_and(|at| now.duration_since(at) < after)
        };
        if self.state() != State::Open {
            Mergeable::Unknown
        } else if self.draft() {
            Mergeable::No("it is a draft".to_owned())
        } else if !self.mergeable && (fresh(self.updated_at) || fresh(base.and_then(Branch::changed))) {
            Mergeable::Checking
        } else if !self.mergeable {
            Mergeable::No(format!("it conflicts with {}", self.base.name))
        } else if let (Some(required), Some(reviews)) = (base.and_then(Branch::required), reviews)
            && usize::try_from(required).is_ok_and(|required| reviews.approved_by.len() < required)
        {
            Mergeable::No(format!("it has {} of {required} approvals", reviews.approved_by.len()))
        } else {
            Mergeable::Yes
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    commit: Option<BranchCommit>,
    #[serde(default)]
    required_approvals: u32,
}

#[derive(Debug, Deserialize)]
struct BranchCommit {
    timestamp: Option<Timestamp>,
}

impl Branch {
    /// When its tip was made, as its committer says.
    fn changed(&self) -> Option<Timestamp> {
        self.commit.as_ref()?.timestamp
    }

    /// Approvals that its protection asks for.
    pub(super) fn required(&self) -> Option<u32> {
        (self.required_approvals > 0).then_some(self.required_approvals)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Compared {
    #[serde(default)]
    pub(super) total_commits: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct IssueComment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) body: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Review {
    #[serde(default)]
    id: u64,
    user: Option<User>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    dismissed: bool,
}

/// The latest verdict of each reviewer. Comments and requests to review leave it as it is; a dismissed one is none, while
/// one that is stale (about an older head) goes on counting, as it does for the server unless its protection says
/// otherwise, and then the server dismisses it.
pub(super) fn reviews(mut all: Vec<Review>) -> Reviews {
    all.sort_by_key(|review| review.id);
    let mut verdicts = BTreeMap::new();
    for review in all {
        let (Some(user), "APPROVED" | "REQUEST_CHANGES") = (review.user, &*review.state) else { continue };
        if review.dismissed {
            verdicts.remove(&user.login);
        } else {
            verdicts.insert(user.login, review.state == "APPROVED");
        }
    }
    let of = |verdict: bool| verdicts.iter().filter(|it| *it.1 == verdict).map(|it| it.0.clone()).collect();
    Reviews { approved_by: of(true), changes_requested_by: of(false), required: None }
}

/// The latest status of each context.
#[derive(Debug, Deserialize)]
pub(super) struct Combined {
    statuses: Option<Vec<CommitStatus>>,
}

#[derive(Debug, Deserialize)]
struct CommitStatus {
    #[serde(default)]
    context: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    target_url: String,
}

impl Combined {
    pub(super) fn checks(self) -> Vec<Check> {
        let check = |status: CommitStatus| Check {
            name: status.context,
            state: match &*status.status {
                "success" | "skipped" => CheckState::Success,
                "pending" => CheckState::Pending,
                // Servers keep whatever they are told; a branch that asks for the check takes none of it.
                _ => CheckState::Failure,
            },
            url: Some(status.target_url).filter(|url| !url.is_empty()),
        };
        self.statuses.unwrap_or_default().into_iter().map(check).collect()
    }
}

/// What asks for a merge. Gitea has renamed its fields in 1.26, so it gets the message under the old names and the new
/// ones; names that differ in case only are the same to both.
pub(super) fn merge(provider: Provider, style: &str, merge: &Merge) -> Value {
    let does = if provider == Provider::Gitea { "do" } else { "Do" };
    let mut body = serde_json::Map::from_iter([
        (does.to_owned(), style.into()),
        ("head_commit_id".to_owned(), merge.head_commit.clone().into()),
        ("delete_branch_after_merge".to_owned(), merge.delete_branch.into()),
    ]);
    let message = merge.message.as_deref().unwrap_or_default();
    let (title, text) = message.split_once('\n').unwrap_or((message, ""));
    for (old, new, value) in [
        ("MergeTitleField", "merge_title_field", title.trim()),
        ("MergeMessageField", "merge_message_field", text.trim()),
    ] {
        if !value.is_empty() {
            body.insert(old.to_owned(), value.into());
            if provider == Provider::Gitea {
                body.insert(new.to_owned(), value.into());
            }
        }
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests;
