//! GitHub and GitHub Enterprise Server: pull requests.
//!
//! Source: GitHub's description of its REST API (2022-11-28). What REST has not, drafts of pull requests that exist, goes
//! through GraphQL, which stands beside the REST root. Reviews, statuses and check runs are requests of their own; a
//! credential that may not see checks still reads pull requests.

mod call;
mod hooks;
mod pull;
mod refusal;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answer, Api, Ask, Check, CheckState, Comment, Edit, Failure, Merge, MergeMethod, Merged, Method, New, Offers,
    Place, Proposal, State, Status,
};
use call::{Calls, encoded};
use pull::{CheckRun, CheckRuns, Combined, CommitStatus, Pull, Review};
use refusal::Refusal;

pub(super) use hooks::Webhooks;

/// What a credential needs at least.
mod needs {
    pub(super) const READ: &str = "`Pull requests: read` (classic tokens: the scope `repo`)";
    pub(super) const WRITE: &str = "`Pull requests: write` (classic tokens: the scope `repo`)";
    pub(super) const MERGE: &str = "`Pull requests: write` and `Contents: write` (classic tokens: the scope `repo`), and to be let by the rules \
         of the branch";
    pub(super) const STATUS: &str = "`Commit statuses: write` (classic tokens: the scope `repo:status`)";
    pub(super) const CHECKS: &str = "`Commit statuses: read` and `Checks: read` (classic tokens: the scope `repo`)";
}

/// A repository there.
#[derive(Debug)]
pub(super) struct Github {
    calls: Calls,
}

/// A comment of the conversation.
#[derive(Debug, Deserialize)]
struct IssueComment {
    id: u64,
    body: Option<String>,
}

impl Github {
    pub(super) fn new(place: Place) -> Self {
        Self { calls: Calls::new(place) }
    }

    fn pull(&self, ask: &dyn Ask, number: u64) -> Result<Pull, Failure> {
        self.calls.read(ask, &format!("/pulls/{number}"), needs::READ)
    }

    /// Changes fields of one.
    fn patch(&self, ask: &dyn Ask, number: u64, body: Value) -> Result<Result<Pull, Refusal>, Failure> {
        let answer = self.calls.send(ask, Method::Patch, &format!("/pulls/{number}"), Some(body))?;
        if answer.is_success() { answer.json().map(Ok) } else { Ok(Err(Refusal::of(&answer, needs::WRITE))) }
    }

    /// Those of a list, up to the first that `until` holds of.
    fn pulls(&self, ask: &dyn Ask, query: &str, until: impl Fn(&Pull) -> bool) -> Result<Vec<Pull>, Failure> {
        self.calls.pages(ask, &format!("/pulls?{query}"), needs::READ, until)
    }

    /// What machines say of a commit. A credential that may not know reads nothing here; all else goes on.
    fn checks(&self, ask: &dyn Ask, commit: &str) -> Result<Vec<Check>, Failure> {
        let at = |what: &str| format!("/commits/{}/{what}", encoded(commit));
        let refused = |answer: &Answer| Refusal::of(answer, needs::CHECKS).failure();
        let statuses = |page: Combined| page.statuses.into_iter().map(CommitStatus::check).collect();
        let runs = |page: CheckRuns| page.check_runs.into_iter().map(CheckRun::check).collect();
        let mut checks = seen(self.calls.pages_in(ask, &at("status"), refused, statuses, |_| false))?;
        checks.extend(seen(self.calls.pages_in(ask, &at("check-runs"), refused, runs, |_| false))?);
        Ok(checks)
    }

    /// Asks to merge in one way.
    fn put_merge(
        &self,
        ask: &dyn Ask,
        number: u64,
        merge: &Merge,
        method: Option<MergeMethod>,
    ) -> Result<Option<Refusal>, Failure> {
        let message = merge.message.as_deref().map(|message| message.split_once('\n').unwrap_or((message, "")));
        let body = with(&[
            ("sha", Some(&merge.head_commit)),
            ("merge_method", method.map(word)),
            ("commit_title", message.map(|(title, _)| title)),
            ("commit_message", message.map(|(_, rest)| rest.trim_start())),
        ]);
        let answer = self.calls.send(ask, Method::Put, &format!("/pulls/{number}/merge"), Some(body))?;
        Ok((!answer.is_success()).then(|| Refusal::of(&answer, needs::MERGE)))
    }

    /// Removes the branch of one that is merged. It may be gone already, for repositories can be set to do that
    /// themselves; and one that stays, whatever the reason, does not undo the merge.
    fn remove_branch(&self, ask: &dyn Ask, pull: &Pull) {
        if !pull.is_fork() {
            let name: Vec<String> = pull.head.name.split('/').map(encoded).collect();
            let at = format!("/git/refs/heads/{}", name.join("/"));
            let _ = self.calls.send(ask, Method::Delete, &at, None);
        }
    }
}

/// What the credential may not see, or GitHub has lost, is not there.
fn seen(read: Result<Vec<Check>, Failure>) -> Result<Vec<Check>, Failure> {
    match read {
        Err(Failure::Forbidden { .. } | Failure::NotFound(_) | Failure::Invalid(_)) => Ok(Vec::new()),
        read => read,
    }
}

/// A body of those fields that are there.
fn with(fields: &[(&str, Option<&str>)]) -> Value {
    let there = fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), Value::from((*value)?))));
    Value::Object(there.collect())
}

const fn word(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Merge => "merge",
        MergeMethod::Squash => "squash",
        MergeMethod::Rebase => "rebase",
    }
}

impl Api for Github {
    fn offers(&self) -> Offers {
        const METHODS: &[MergeMethod] = &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase];
        Offers { reopen: true, draft: true, methods: METHODS }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        let body = json!({
            "title": new.title, "body": new.body, "head": new.head, "base": new.base, "draft": new.draft,
        });
        let answer = self.calls.send(ask, Method::Post, "/pulls", Some(body))?;
        if answer.is_success() {
            return Ok(answer.json::<Pull>()?.proposal());
        }
        Err(Refusal::of(&answer, needs::WRITE).of_create(new))
    }

    /// GitHub's filter is by owner: it lets pass what comes from another repository of the same owner.
    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let owner = encoded(&self.calls.place().owner);
        let query =
            format!("state=all&sort=created&direction=desc&head={owner}:{}&base={}", encoded(head), encoded(base));
        let ours = |pull: &Pull| !pull.is_fork() && pull.head.name == head && pull.base.name == base;
        let pulls = self.pulls(ask, &query, |_| false)?;
        Ok(pulls.into_iter().filter(ours).map(Pull::proposal).collect())
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let pull = self.pull(ask, number)?;
        let reviews: Vec<Review> =
            self.calls.pages(ask, &format!("/pulls/{number}/reviews"), needs::READ, |_: &Review| false)?;
        let checks = self.checks(ask, &pull.head.sha)?;
        Ok(Proposal { reviews: pull::reviews(reviews), checks, ..pull.proposal() })
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let mut pulls = self.pulls(ask, "state=open&sort=created&direction=desc", |_| false)?;
        if let Some(since) = since {
            let old = move |pull: &Pull| pull.updated_at.is_some_and(|updated| updated < since);
            let ended = self.pulls(ask, "state=closed&sort=updated&direction=desc", old)?;
            pulls.extend(ended.into_iter().filter(|pull| pull.ended().is_none_or(|ended| ended >= since)));
        }
        // One that ends, or is opened, between two pages stands on both.
        let mut known = std::collections::HashSet::new();
        let mut proposals: Vec<Proposal> = pulls.into_iter().rev().map(Pull::proposal).collect();
        proposals.retain(|proposal| known.insert(proposal.number));
        proposals.reverse();
        proposals.truncate(crate::limits::PROPOSALS_LISTED);
        Ok(proposals)
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        if edit == &Edit::default() {
            return Ok(());
        }
        let body = with(&[("title", edit.title.as_deref()), ("body", edit.body.as_deref())]);
        self.patch(ask, number, body)?.map(|_| ()).map_err(Refusal::failure)
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let pull = self.pull(ask, number)?;
        if pull.draft == draft {
            return Ok(());
        }
        if pull.state() != State::Open {
            return Err(Failure::State("it is not open: only an open one can become a draft or ready".to_owned()));
        }
        let mutation = if draft { "convertPullRequestToDraft" } else { "markPullRequestReadyForReview" };
        let query = format!(
            "mutation($id: ID!) {{ {mutation}(input: {{ pullRequestId: $id }}) {{ pullRequest {{ isDraft }} }} }}"
        );
        self.calls.graphql(ask, &query, &json!({ "id": pull.node_id }), needs::WRITE)
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.patch(ask, number, json!({ "state": "closed" }))? {
            Ok(pull) if pull.state() == State::Merged => Err(Failure::State("it is merged".to_owned())),
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.of_state()),
        }
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.patch(ask, number, json!({ "state": "open" }))? {
            Ok(pull) if pull.state() == State::Merged => Err(Failure::State("it is merged".to_owned())),
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.of_state()),
        }
    }

    /// Without a method that is asked for, the first that the repository allows.
    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        let mut refusal = self.put_merge(ask, number, merge, merge.method)?;
        if merge.method.is_none() {
            for method in [MergeMethod::Squash, MergeMethod::Rebase] {
                if refusal.as_ref().is_some_and(Refusal::is_of_the_method) {
                    refusal = self.put_merge(ask, number, merge, Some(method))?;
                }
            }
        }
        let Some(refusal) = refusal else {
            if merge.delete_branch
                && let Ok(pull) = self.pull(ask, number)
            {
                self.remove_branch(ask, &pull);
            }
            return Ok(Merged::Done);
        };
        let failure = refusal.of_merge();
        if !matches!(failure, Failure::NotMergeable(_) | Failure::Stale(_)) {
            return Err(failure);
        }
        // An answer that was lost, or somebody else, may have merged it: this very head is what was wished for.
        let pull = self.pull(ask, number)?;
        match (pull.state(), failure) {
            (State::Merged, _) => {}
            (State::Closed, _) => {
                return Err(Failure::State("it is closed: only an open one can be merged".to_owned()));
            }
            (State::Open, Failure::NotMergeable(said)) => return Err(Failure::NotMergeable(pull.reason(&said))),
            (State::Open, failure) => return Err(failure),
        }
        if pull.head.sha != merge.head_commit {
            return Err(Failure::Stale(format!("it was merged with another head, {}", pull.head.sha)));
        }
        if merge.delete_branch {
            self.remove_branch(ask, &pull);
        }
        Ok(Merged::Done)
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        let at = format!("/issues/{number}/comments");
        let all: Vec<IssueComment> = self.calls.pages(ask, &at, needs::READ, |_: &IssueComment| false)?;
        let ours = all.into_iter().filter_map(|comment| {
            let text = comment.body.filter(|text| text.contains(marker))?;
            Some(Comment { id: comment.id.to_string(), text, version: None })
        });
        Ok(ours.collect())
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let at = format!("/issues/{number}/comments");
        self.calls.change(ask, Method::Post, &at, Some(json!({ "body": text })), needs::WRITE)
    }

    fn rewrite_comment(&self, ask: &dyn Ask, _: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let at = format!("/issues/comments/{}", encoded(&comment.id));
        self.calls.change(ask, Method::Patch, &at, Some(json!({ "body": text })), needs::WRITE)
    }

    fn delete_comment(&self, ask: &dyn Ask, _: u64, comment: &Comment) -> Result<(), Failure> {
        let at = format!("/issues/comments/{}", encoded(&comment.id));
        self.calls.remove(ask, &at, needs::WRITE)
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let state = match status.state {
            CheckState::Pending => "pending",
            CheckState::Success => "success",
            CheckState::Failure => "failure",
        };
        let body = with(&[
            ("state", Some(state)),
            ("context", Some(&status.context)),
            ("description", Some(&status.description)),
            ("target_url", status.url.as_deref()),
        ]);
        self.calls.change(ask, Method::Post, &format!("/statuses/{}", encoded(commit)), Some(body), needs::STATUS)
    }
}
