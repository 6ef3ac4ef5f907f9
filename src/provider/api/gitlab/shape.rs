//! What GitLab answers, as far as it is used, and what it means. Everything may be missing or null, as it is in answers
//! of one version or another; only what a merge request cannot be without has to be there.

use jiff::Timestamp;
use serde::Deserialize;

use super::quick;
use crate::provider::api::failure::shown;
use crate::provider::api::{Check, CheckState, Comment, Mergeable, Proposal, Reviews, State};

/// Most characters of a name, a reason.
const SHOWN: usize = 200;
/// By which a title says that it is one of a draft. The last two only before GitLab 15.
const DRAFT_PREFIXES: [&str; 5] = ["draft:", "[draft]", "(draft)", "wip:", "[wip]"];

/// A merge request, of a list or by itself.
#[derive(Debug, Deserialize)]
pub(super) struct MergeRequest {
    pub(super) iid: u64,
    pub(super) title: Option<String>,
    description: Option<String>,
    state: Option<String>,
    draft: Option<bool>,
    work_in_progress: Option<bool>,
    web_url: Option<String>,
    author: Option<User>,
    source_branch: Option<String>,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    /// Head of the source branch.
    pub(super) sha: Option<String>,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    merged_at: Option<String>,
    closed_at: Option<String>,
    detailed_merge_status: Option<String>,
    merge_status: Option<String>,
    merge_error: Option<String>,
    rebase_in_progress: Option<bool>,
    merge_when_pipeline_succeeds: Option<bool>,
    reviewers: Option<Vec<User>>,
    head_pipeline: Option<Pipeline>,
}

#[derive(Debug, Deserialize)]
struct User {
    username: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pipeline {
    status: Option<String>,
    source: Option<String>,
    web_url: Option<String>,
}

impl User {
    /// The name that people mention.
    fn name(self) -> Option<String> {
        self.username.or(self.name).map(|name| shown(&name, SHOWN))
    }
}

impl MergeRequest {
    pub(super) fn state(&self) -> State {
        match self.state.as_deref() {
            Some("merged") => State::Merged,
            Some("closed") => State::Closed,
            // `locked` is a merge under way.
            _ => State::Open,
        }
    }

    pub(super) fn is_draft(&self) -> bool {
        self.draft.or(self.work_in_progress).unwrap_or_else(|| self.title.as_deref().is_some_and(|t| bare(t).1))
    }

    /// Whether it comes from another project; of one whose project is gone nobody knows, so it does.
    pub(super) fn is_fork(&self) -> bool {
        self.source_project_id.is_none() || self.source_project_id != self.target_project_id
    }

    pub(super) fn has_reviewers(&self) -> bool {
        self.reviewers.as_ref().is_some_and(|reviewers| !reviewers.is_empty())
    }

    /// It is going to be merged when its pipeline has succeeded.
    pub(super) fn is_set_to_merge(&self) -> bool {
        self.merge_when_pipeline_succeeds.unwrap_or(false)
    }

    pub(super) fn is_being_rebased(&self) -> bool {
        self.rebase_in_progress.unwrap_or(false)
    }

    /// Without what takes requests of their own.
    pub(super) fn proposal(&self) -> Proposal {
        let state = self.state();
        let title = self.title.as_deref().unwrap_or_default();
        let moment = |text: &Option<String>| text.as_deref().and_then(moment);
        let is_page = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
        let author = self.author.as_ref().and_then(|author| author.username.as_ref().or(author.name.as_ref()));
        // A fast-forward leaves no commit of its own: then the head is what was merged.
        let merge_commit = || [&self.merge_commit_sha, &self.squash_commit_sha, &self.sha].into_iter().flatten().next();
        Proposal {
            number: self.iid,
            url: self.web_url.as_ref().filter(is_page).cloned().unwrap_or_default(),
            state,
            draft: self.is_draft(),
            title: if self.is_draft() { bare(title).0 } else { title }.to_owned(),
            body: quick::rearm(self.description.as_deref().unwrap_or_default()),
            author: author.map(|name| shown(name, SHOWN)).unwrap_or_default(),
            head: self.source_branch.clone(),
            head_commit: self.sha.clone(),
            fork: self.is_fork(),
            base: self.target_branch.clone(),
            merge_commit: if state == State::Merged { merge_commit().cloned() } else { None },
            created: moment(&self.created_at),
            updated: moment(&self.updated_at),
            ended: match state {
                State::Open => None,
                State::Merged => moment(&self.merged_at),
                State::Closed => moment(&self.closed_at),
            },
            ..Proposal::default()
        }
    }

    /// Whether it could be merged now.
    pub(super) fn mergeable(&self) -> Mergeable {
        if self.state() != State::Open {
            return Mergeable::Unknown;
        }
        if self.state.as_deref() == Some("locked") || self.is_being_rebased() {
            return Mergeable::Checking;
        }
        // Before 15.6 there is only the second, which knows nothing of drafts.
        let status = match (self.detailed_merge_status.as_deref(), self.merge_status.as_deref()) {
            (None, _) if self.is_draft() => "draft_status",
            (Some(status), _) | (None, Some(status)) => status,
            (None, None) => return Mergeable::Unknown,
        };
        let Some(why) = why_not(status) else {
            return if matches!(status, "mergeable" | "can_be_merged") { Mergeable::Yes } else { Mergeable::Checking };
        };
        Mergeable::No(match self.merge_error.as_deref().filter(|error| !error.is_empty()) {
            Some(error) => format!("{why} ({})", shown(error, SHOWN)),
            None => why,
        })
    }
}

/// Why a state of mergeability keeps from merging; none for "it does not", and for "it is being looked at".
fn why_not(status: &str) -> Option<String> {
    let why = match status {
        "mergeable"
        | "can_be_merged"
        | "preparing"
        | "unchecked"
        | "checking"
        | "approvals_syncing"
        | "cannot_be_merged_recheck"
        | "cannot_be_merged_rechecking" => return None,
        "ci_must_pass" => "its pipeline has to succeed first",
        "ci_still_running" => "its pipeline is still running",
        "commits_status" => "its source branch is gone or has no commits",
        "conflict" | "cannot_be_merged" => "it conflicts with its target branch",
        "discussions_not_resolved" => "not all of its threads are resolved",
        "draft_status" => "it is a draft",
        "jira_association_missing" => "it has to name a Jira issue",
        "locked_lfs_files" | "locked_paths" => "it changes files that somebody has locked",
        "merge_request_blocked" => "another merge request has to be merged first",
        "merge_time" => "it may not be merged before a set time",
        "need_rebase" => "it has to be rebased first",
        "not_approved" => "it has not the approvals that it needs",
        "not_open" => "it is not open",
        "requested_changes" => "a reviewer has asked for changes",
        "security_policy_pipeline_check" | "security_policy_violations" => "a security policy is not satisfied",
        "status_checks_must_pass" => "its external status checks have to pass first",
        "title_regex" => "its title has not the form that the project asks for",
        other => return Some(format!("GitLab says {}", shown(other, SHOWN))),
    };
    Some(why.to_owned())
}

/// A title without what says that it is a draft's, and whether it said so.
fn bare(title: &str) -> (&str, bool) {
    let mut rest = title.trim_start();
    let mut draft = false;
    while let Some(after) = DRAFT_PREFIXES.iter().find_map(|prefix| {
        let (head, after) = rest.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(after.trim_start())
    }) {
        rest = after;
        draft = true;
    }
    // A title cannot be empty.
    if rest.is_empty() { (title, draft) } else { (rest, draft) }
}

/// A title that makes a draft, or does not.
pub(super) fn title(title: &str, draft: bool) -> String {
    let bare = bare(title).0;
    if draft { format!("Draft: {bare}") } else { bare.to_owned() }
}

/// A moment in either of GitLab's forms: `2026-11-22T10:00:00.000Z`, and `2026-11-22 10:00:00 UTC` as of webhooks.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{}Z", text.strip_suffix(" UTC")?).parse().ok())
}

/// What two branches have between them.
#[derive(Debug, Deserialize)]
pub(super) struct Compare {
    commits: Option<Vec<serde::de::IgnoredAny>>,
    compare_timeout: Option<bool>,
}

impl Compare {
    /// The one has no commit that the other has not. Where GitLab gave up comparing, there is something.
    pub(super) fn is_empty(&self) -> bool {
        self.commits.as_ref().is_some_and(Vec::is_empty) && self.compare_timeout != Some(true)
    }
}

/// Who approved.
#[derive(Debug, Deserialize)]
pub(super) struct Approvals {
    approved_by: Option<Vec<Approval>>,
    /// Only of paid editions.
    approvals_required: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Approval {
    user: Option<User>,
}

impl Approvals {
    pub(super) fn reviews(self) -> Reviews {
        let approved = self.approved_by.into_iter().flatten().filter_map(|approval| approval.user?.name());
        Reviews { approved_by: approved.collect(), changes_requested_by: Vec::new(), required: self.approvals_required }
    }
}

/// A reviewer and what came of the review.
#[derive(Debug, Deserialize)]
pub(super) struct Reviewer {
    user: Option<User>,
    state: Option<String>,
}

impl Reviewer {
    /// The name of one who asks for changes.
    pub(super) fn wants_changes(self) -> Option<String> {
        (self.state.as_deref() == Some("requested_changes")).then_some(self.user?.name()?)
    }
}

/// A status of a commit: a job's, or one that was set from outside.
#[derive(Debug, Deserialize)]
pub(super) struct JobStatus {
    id: Option<u64>,
    name: Option<String>,
    status: Option<String>,
    allow_failure: Option<bool>,
    target_url: Option<String>,
}

/// What machines say, each name once.
pub(super) fn checks(request: &MergeRequest, mut statuses: Vec<JobStatus>) -> Vec<Check> {
    // Of repeated names the newest counts.
    statuses.sort_by_key(|status| std::cmp::Reverse(status.id));
    let mut checks: Vec<Check> = Vec::new();
    for status in statuses {
        let name = shown(status.name.as_deref().unwrap_or("default"), SHOWN);
        if !checks.iter().any(|known| known.name == name) {
            let state = check_state(status.status.as_deref(), status.allow_failure.unwrap_or(false));
            checks.push(Check { name, state, url: status.target_url });
        }
    }
    checks.reverse();
    // One that was made only to hold statuses from outside says nothing of its own.
    let pipeline = request.head_pipeline.as_ref().filter(|pipeline| {
        pipeline.status.is_some() && (checks.is_empty() || pipeline.source.as_deref() != Some("external"))
    });
    if let Some(pipeline) = pipeline {
        let state = check_state(pipeline.status.as_deref(), false);
        checks.insert(0, Check { name: "pipeline".to_owned(), state, url: pipeline.web_url.clone() });
    }
    checks
}

fn check_state(status: Option<&str>, may_fail: bool) -> CheckState {
    match status {
        Some("success" | "skipped") => CheckState::Success,
        Some("failed" | "canceled" | "manual") if may_fail => CheckState::Success,
        Some("failed" | "canceled") => CheckState::Failure,
        _ => CheckState::Pending,
    }
}

/// GitLab's word for a state that is set.
pub(super) const fn state_of_status(state: CheckState) -> &'static str {
    match state {
        CheckState::Pending => "pending",
        CheckState::Success => "success",
        CheckState::Failure => "failed",
    }
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    id: Option<u64>,
    body: Option<String>,
    system: Option<bool>,
}

impl Note {
    /// One that somebody wrote.
    pub(super) fn comment(self) -> Option<Comment> {
        let system = self.system.unwrap_or(false);
        let text = quick::rearm(&self.body.unwrap_or_default());
        (!system).then_some(Comment { id: self.id?.to_string(), text, version: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_a_matter_of_the_title() {
        for (title, expected) in [
            ("Draft: a", ("a", true)),
            ("draft:a", ("a", true)),
            ("[Draft] (draft) Draft: a", ("a", true)),
            ("WIP: a", ("a", true)),
            ("Drafting", ("Drafting", false)),
            ("Draft:", ("Draft:", true)),
            ("ä", ("ä", false)),
            ("", ("", false)),
        ] {
            assert_eq!(bare(title), expected);
        }
        assert_eq!((title("a", true), title("Draft: a", true)), ("Draft: a".to_owned(), "Draft: a".to_owned()));
        assert_eq!(title("[draft] a", false), "a");
    }

    #[test]
    fn moments_have_two_forms() {
        let expected: Timestamp = "2023-12-05T18:43:00Z".parse().unwrap();
        for text in ["2023-12-05T18:43:00.000Z", "2023-12-05 18:43:00 UTC", "2023-12-05T19:43:00.000+01:00"] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        assert_eq!((moment("yesterday"), moment("")), (None, None));
    }

    #[test]
    fn what_keeps_from_merging_is_said_in_words() {
        let request = |status: &str| -> MergeRequest {
            let text =
                format!(r#"{{"iid":1,"target_branch":"main","state":"opened","detailed_merge_status":"{status}"}}"#);
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(request("mergeable").mergeable(), Mergeable::Yes);
        for status in ["preparing", "unchecked", "checking", "approvals_syncing"] {
            assert_eq!(request(status).mergeable(), Mergeable::Checking, "{status}");
        }
        assert_eq!(request("draft_status").mergeable(), Mergeable::No("it is a draft".to_owned()));
        let old = r#"{"iid":1,"target_branch":"main","title":"WIP: a","work_in_progress":true,"merge_status":"can_be_merged"}"#;
        let old: MergeRequest = serde_json::from_str(old).unwrap();
        assert_eq!(old.mergeable(), Mergeable::No("it is a draft".to_owned()));
        assert_eq!((old.is_draft(), old.proposal().title), (true, "a".to_owned()));
        assert_eq!(request("of_tomorrow").mergeable(), Mergeable::No("GitLab says of_tomorrow".to_owned()));
    }
}
