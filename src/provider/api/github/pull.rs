//! A pull request, its reviews and its checks, as GitHub writes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Check, CheckState, Proposal, State};
use crate::provider::api::{Mergeable, Reviews};

/// A pull request; those of a list have less.
#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    number: u64,
    /// What GraphQL knows it by.
    #[serde(default)]
    pub(super) node_id: String,
    html_url: String,
    state: String,
    #[serde(default)]
    pub(super) draft: bool,
    title: String,
    body: Option<String>,
    user: Option<User>,
    pub(super) head: Side,
    pub(super) base: Side,
    created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    /// Not in lists.
    merged: Option<bool>,
    merge_commit_sha: Option<String>,
    mergeable: Option<bool>,
    mergeable_state: Option<String>,
}

/// A branch of a repository.
#[derive(Debug, Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) sha: String,
    /// Null when it was deleted.
    repo: Option<Repository>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
}

/// Who is gone is `ghost` on GitHub's pages too.
fn login(user: Option<User>) -> String {
    user.map_or_else(|| "ghost".to_owned(), |user| user.login)
}

impl Pull {
    /// It comes from another repository, or from one that is gone, which cannot have been this one.
    pub(super) fn is_fork(&self) -> bool {
        self.head.repo.is_none() || self.head.repo != self.base.repo
    }

    pub(super) fn state(&self) -> State {
        match self.state.as_str() {
            _ if self.merged.unwrap_or(self.merged_at.is_some()) => State::Merged,
            "open" => State::Open,
            _ => State::Closed,
        }
    }

    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.merged_at.or(self.closed_at)
    }

    /// `mergeable` is null while GitHub is finding out, and says nothing once it has ended.
    fn mergeable(&self) -> Mergeable {
        let no = |why: &str| Mergeable::No(why.to_owned());
        let base = &self.base.name;
        match (self.state(), self.mergeable, self.mergeable_state.as_deref()) {
            (State::Closed | State::Merged, ..) | (State::Open, None, None) => Mergeable::Unknown,
            _ if self.draft => no("it is a draft"),
            (_, Some(false), _) | (_, _, Some("dirty")) => Mergeable::No(format!("it conflicts with {base}")),
            (_, None, _) | (_, _, Some("unknown")) => Mergeable::Checking,
            (_, _, Some("blocked")) => Mergeable::No(format!("reviews or checks that {base} asks for are missing")),
            (_, _, Some("behind")) => Mergeable::No(format!("its branch has to be brought up to date with {base}")),
            (_, _, Some("draft")) => no("it is a draft"),
            (_, Some(true), _) => Mergeable::Yes,
        }
    }

    /// Why it was not merged, as far as is known: what GitHub said, which may be no more than that, and what it shows.
    pub(super) fn reason(&self, said: &str) -> String {
        match self.mergeable() {
            Mergeable::No(why) => format!("{said}: {why}"),
            Mergeable::Checking => format!("{said}: GitHub is still finding out, ask again"),
            Mergeable::Yes | Mergeable::Unknown => said.to_owned(),
        }
    }

    /// Without reviews and checks.
    pub(super) fn proposal(self) -> Proposal {
        let state = self.state();
        Proposal {
            number: self.number,
            state,
            draft: self.draft,
            fork: self.is_fork(),
            ended: self.ended(),
            mergeable: self.mergeable(),
            // Until it is merged this is the commit of a test merge.
            merge_commit: self.merge_commit_sha.filter(|_| state == State::Merged),
            url: self.html_url,
            title: self.title,
            body: self.body.unwrap_or_default(),
            author: login(self.user),
            head: Some(self.head.name),
            head_commit: Some(self.head.sha),
            base: self.base.name,
            created: self.created_at,
            updated: self.updated_at,
            ..Proposal::default()
        }
    }
}

/// A review.
#[derive(Debug, Deserialize)]
pub(super) struct Review {
    user: Option<User>,
    state: String,
}

/// The latest verdict of each reviewer: a comment is none, and one that is dismissed takes back what was said before.
pub(super) fn reviews(reviews: Vec<Review>) -> Reviews {
    let mut latest = BTreeMap::new();
    for review in reviews {
        if matches!(review.state.as_str(), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED") {
            latest.insert(login(review.user), review.state);
        }
    }
    let who = |state: &str| latest.iter().filter(|(_, said)| *said == state).map(|(who, _)| who.clone()).collect();
    Reviews { approved_by: who("APPROVED"), changes_requested_by: who("CHANGES_REQUESTED"), required: None }
}

/// The newest status of each name.
#[derive(Debug, Deserialize)]
pub(super) struct Combined {
    pub(super) statuses: Vec<CommitStatus>,
}

/// A commit status.
#[derive(Debug, Deserialize)]
pub(super) struct CommitStatus {
    context: String,
    state: String,
    target_url: Option<String>,
}

impl CommitStatus {
    pub(super) fn check(self) -> Check {
        let state = match self.state.as_str() {
            "success" => CheckState::Success,
            "pending" => CheckState::Pending,
            _ => CheckState::Failure,
        };
        Check { name: self.context, state, url: self.target_url }
    }
}

/// What Apps say: GitHub Actions is one.
#[derive(Debug, Deserialize)]
pub(super) struct CheckRuns {
    pub(super) check_runs: Vec<CheckRun>,
}

/// A check run.
#[derive(Debug, Deserialize)]
pub(super) struct CheckRun {
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
}

impl CheckRun {
    pub(super) fn check(self) -> Check {
        let state = match (self.status.as_str(), self.conclusion.as_deref()) {
            ("completed", Some("success" | "neutral" | "skipped")) => CheckState::Success,
            ("completed", Some(_)) => CheckState::Failure,
            _ => CheckState::Pending,
        };
        Check { name: self.name, state, url: self.html_url }
    }
}
