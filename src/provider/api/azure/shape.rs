//! What Azure DevOps says of a pull request, as far as it is used. Any field may be missing or null.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::{Check, CheckState, Mergeable, Proposal, Reviews, State};

/// Every list comes in one of these.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(super) value: Vec<T>,
}

/// `GitPullRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequest {
    #[serde(rename = "pullRequestId")]
    pub(super) number: u64,
    #[serde(default)]
    status: String,
    created_by: Option<Identity>,
    creation_date: Option<String>,
    closed_date: Option<String>,
    title: Option<String>,
    description: Option<String>,
    source_ref_name: Option<String>,
    target_ref_name: Option<String>,
    merge_status: Option<String>,
    merge_failure_message: Option<String>,
    is_draft: Option<bool>,
    last_merge_source_commit: Option<Commit>,
    last_merge_commit: Option<Commit>,
    reviewers: Option<Vec<Reviewer>>,
    fork_source: Option<serde::de::IgnoredAny>,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    display_name: Option<String>,
    unique_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    commit_id: Option<String>,
}

/// `IdentityRefWithVote`: 10 approved, 5 approved with suggestions, 0 nothing, -5 waits for the author, -10 rejected.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reviewer {
    display_name: Option<String>,
    #[serde(default)]
    vote: i64,
    is_container: Option<bool>,
    is_required: Option<bool>,
}

/// `GitRepository`.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: Option<String>,
    pub(super) project: Option<Project>,
}

/// `TeamProjectReference`.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) id: Option<String>,
}

impl PullRequest {
    /// Where it stands. Completing takes a while, in which it is `completed` and its merge `queued`; if that fails it is
    /// `active` again. So it is merged once the merge is there.
    pub(super) fn state(&self) -> State {
        match self.status.as_str() {
            "abandoned" => State::Closed,
            "completed" if !self.is_queued() && (self.merge_commit().is_some() || self.merge() == "succeeded") => {
                State::Merged
            }
            _ => State::Open,
        }
    }

    fn merge(&self) -> &str {
        self.merge_status.as_deref().unwrap_or("notSet")
    }

    fn is_queued(&self) -> bool {
        self.merge() == "queued"
    }

    /// It was asked to be merged, and that is under way.
    pub(super) fn is_being_completed(&self) -> bool {
        self.status == "completed" && self.state() == State::Open
    }

    fn merge_commit(&self) -> Option<String> {
        self.last_merge_commit.as_ref()?.commit_id.clone()
    }

    pub(super) fn is_draft(&self) -> bool {
        self.is_draft.unwrap_or_default()
    }

    /// The head that the last test merge was made of.
    pub(super) fn head_commit(&self) -> Option<&str> {
        self.last_merge_source_commit.as_ref()?.commit_id.as_deref()
    }

    /// Id of the repository, by which policies are asked for.
    pub(super) fn repository_id(&self) -> Option<&str> {
        self.repository.as_ref()?.id.as_deref()
    }

    /// Full name of the ref that it is to be merged into.
    pub(super) fn target(&self) -> Option<&str> {
        self.target_ref_name.as_deref()
    }

    /// Why the last merge did not come to be.
    pub(super) fn obstacle(&self) -> Option<String> {
        match self.merge() {
            "conflicts" => Some("it conflicts with its base".to_owned()),
            "rejectedByPolicy" => Some("a policy of the base has rejected it".to_owned()),
            "failure" => Some(match self.merge_failure_message.as_deref() {
                Some(message) if !message.trim().is_empty() => super::super::failure::shown(message, 300),
                _ => "the merge fails at the provider".to_owned(),
            }),
            _ => None,
        }
    }

    fn mergeable(&self, reviews: &Reviews) -> Mergeable {
        if self.state() != State::Open {
            return Mergeable::Unknown;
        }
        if let Some(why) = self.obstacle() {
            return Mergeable::No(why);
        }
        if self.is_draft() {
            return Mergeable::No("it is a draft".to_owned());
        }
        if matches!(self.merge(), "queued" | "notSet") {
            return Mergeable::Checking;
        }
        let given = reviews.approved_by.len();
        match reviews.required {
            Some(required) if given < usize::try_from(required).unwrap_or(usize::MAX) => {
                Mergeable::No(format!("{given} of {required} approvals"))
            }
            _ if self.merge() == "succeeded" => Mergeable::Yes,
            _ => Mergeable::Unknown,
        }
    }

    /// Who voted how. Groups do not vote: what their members say is told of the members.
    fn reviews(&self, minimum: Option<u32>) -> Reviews {
        let people = self.reviewers.iter().flatten().filter(|reviewer| reviewer.is_container != Some(true));
        let mut reviews = Reviews::default();
        let mut asked = 0;
        for reviewer in people {
            asked += u32::from(reviewer.is_required == Some(true));
            let name = reviewer.display_name.clone().unwrap_or_default();
            match reviewer.vote {
                1.. => reviews.approved_by.push(name),
                0 => {}
                _ => reviews.changes_requested_by.push(name),
            }
        }
        reviews.required = minimum.into_iter().chain((asked > 0).then_some(asked)).max();
        reviews
    }

    /// In the words of all providers. `minimum` approvals are required by the policy of the base.
    pub(super) fn proposal(self, page: String, minimum: Option<u32>, checks: Vec<Check>) -> Proposal {
        let short = |name: &Option<String>| {
            name.as_deref().map(|name| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned())
        };
        let time = |text: &Option<String>| text.as_deref()?.parse::<Timestamp>().ok();
        let state = self.state();
        let reviews = self.reviews(minimum);
        let author = self.created_by.as_ref().and_then(|by| by.display_name.clone().or_else(|| by.unique_name.clone()));
        Proposal {
            number: self.number,
            url: page,
            state,
            draft: self.is_draft(),
            mergeable: self.mergeable(&reviews),
            reviews,
            checks,
            author: author.unwrap_or_default(),
            head: short(&self.source_ref_name),
            head_commit: self.head_commit().map(str::to_owned),
            fork: self.fork_source.is_some(),
            base: short(&self.target_ref_name).unwrap_or_default(),
            merge_commit: self.merge_commit().filter(|_| state == State::Merged),
            created: time(&self.creation_date),
            updated: None,
            ended: time(&self.closed_date).filter(|_| state != State::Open),
            version: None,
            title: self.title.unwrap_or_default(),
            body: self.description.unwrap_or_default(),
        }
    }
}

/// `GitStatus` and `GitPullRequestStatus`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    pub(super) id: u64,
    state: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
    context: Option<Context>,
    pub(super) iteration_id: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Context {
    genre: Option<String>,
    name: Option<String>,
}

impl Status {
    /// `genre/name`.
    fn name(&self) -> String {
        let context = self.context.as_ref();
        let name = context.and_then(|context| context.name.as_deref()).unwrap_or("unnamed");
        match context.and_then(|context| context.genre.as_deref()) {
            Some(genre) if !genre.is_empty() => format!("{genre}/{name}"),
            _ => name.to_owned(),
        }
    }

    fn check(&self) -> Check {
        let state = match self.state.as_deref() {
            Some("succeeded" | "notApplicable") => CheckState::Success,
            Some("failed" | "error") => CheckState::Failure,
            _ => CheckState::Pending,
        };
        Check { name: self.name(), state, url: self.target_url.clone() }
    }

    /// Whether it says the same under the same name.
    pub(super) fn says(&self, status: &super::super::Status) -> bool {
        let check = self.check();
        check.name == status.context
            && check.state == status.state
            && check.url == status.url
            && self.description.as_deref().unwrap_or_default() == status.description
    }

    /// Whether it is under a name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name() == name
    }
}

/// Of each name what was said last; what was said of the proposal itself counts more than what was said of its commit.
pub(super) fn checks(of_commit: &[Status], of_proposal: &[Status]) -> Vec<Check> {
    let mut latest: BTreeMap<String, (bool, u64, Check)> = BTreeMap::new();
    let all = of_commit.iter().map(|status| (false, status)).chain(of_proposal.iter().map(|status| (true, status)));
    for (own, status) in all {
        let check = status.check();
        let known = latest.get(&check.name).is_some_and(|(known, id, _)| (*known, *id) > (own, status.id));
        if !known {
            latest.insert(check.name.clone(), (own, status.id, check));
        }
    }
    latest.into_values().map(|(_, _, check)| check).collect()
}

/// `GitPullRequestIteration`: one for each push.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Iteration {
    pub(super) id: u64,
    source_ref_commit: Option<Commit>,
}

impl Iteration {
    /// Its head.
    pub(super) fn commit(&self) -> Option<&str> {
        self.source_ref_commit.as_ref()?.commit_id.as_deref()
    }
}

/// `GitPullRequestCommentThread`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thread {
    pub(super) id: u64,
    pub(super) is_deleted: Option<bool>,
    pub(super) comments: Option<Vec<Remark>>,
}

/// `Comment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remark {
    pub(super) id: u64,
    pub(super) content: Option<String>,
    pub(super) is_deleted: Option<bool>,
}

/// `GitCommitDiffs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Diffs {
    pub(super) common_commit: Option<String>,
    pub(super) target_commit: Option<String>,
}
