//! Azure DevOps, Services and Server.
//!
//! - There is no time at which anything of a pull request changed last: what is listed are the active ones and those that
//!   were closed since.
//! - Completing one is a job of the provider's: the answer says that it was taken, and only a later read what came of it.
//!   A merge commit is told of active ones too; that is a test merge and means nothing.
//! - It would open a second one for nothing to merge, and an ended one is not closed again. So both are looked at first.
//! - Comments stand in threads. Ours is closed from the beginning: a policy may hold back a merge until every thread is
//!   resolved.
//! - Statuses are kept, each beside the former; of one name the last counts. So the same is not said twice.
//! - Lists cut descriptions at 400 characters, and so does [`Api::list`] here ([`description`]).

mod call;
mod description;
pub(super) mod hooks;
mod policy;
mod shape;
mod talk;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Api, Ask, Comment, Edit, Failure, Merge, MergeMethod, Merged, Method, New, Offers, Place, Proposal, State, Status,
};
use crate::limits;
use call::{COMPLETE, CONTRIBUTE, Caller};
use shape::{Diffs, Iteration, Page, PullRequest};

/// Entries of a page that are asked for.
const PAGE: &str = "100";

/// A repository there.
#[derive(Debug)]
pub(super) struct Azure {
    at: Caller,
}

impl Azure {
    pub(super) const fn new(place: Place) -> Self {
        Self { at: Caller::new(place) }
    }

    fn pull_request(&self, number: u64) -> String {
        self.at.repository(&format!("/pullrequests/{number}"))
    }

    /// What belongs to one. The path is spelled with a capital letter there, in the specification as well.
    fn below(&self, number: u64, path: &str) -> String {
        self.at.repository(&format!("/pullRequests/{number}{path}"))
    }

    fn look(&self, ask: &dyn Ask, number: u64) -> Result<PullRequest, Failure> {
        self.at.get(ask, &self.pull_request(number), &[])?.json()
    }

    fn change(&self, ask: &dyn Ask, number: u64, change: Value, needs: &'static str) -> Result<PullRequest, Failure> {
        self.at.send(ask, Method::Patch, &self.pull_request(number), Some(change), needs)?.json()
    }

    /// All pages of a search, `most` entries at most.
    fn search(&self, ask: &dyn Ask, criteria: &[(&str, &str)], most: usize) -> Result<Vec<PullRequest>, Failure> {
        let mut all: Vec<PullRequest> = Vec::new();
        while all.len() < most {
            let skip = all.len().to_string();
            let mut query = criteria.to_vec();
            query.extend([("$top", PAGE), ("$skip", &*skip)]);
            let page: Page<PullRequest> = self.at.get(ask, &self.at.repository("/pullrequests"), &query)?.json()?;
            if page.value.is_empty() {
                break;
            }
            all.extend(page.value);
        }
        all.truncate(most);
        Ok(all)
    }

    /// Without what takes a request of its own.
    fn listed(&self, mut all: Vec<PullRequest>) -> Vec<Proposal> {
        all.sort_unstable_by_key(|it| std::cmp::Reverse(it.number));
        all.dedup_by_key(|it| it.number);
        let proposal = |it: PullRequest| {
            let page = self.at.page(it.number);
            it.proposal(page, None, Vec::new())
        };
        all.into_iter().map(proposal).collect()
    }

    fn page<T: DeserializeOwned>(&self, ask: &dyn Ask, url: &str) -> Result<Vec<T>, Failure> {
        Ok(self.at.get(ask, url, &[])?.json::<Page<T>>()?.value)
    }

    fn iterations(&self, ask: &dyn Ask, number: u64) -> Result<Vec<Iteration>, Failure> {
        self.page(ask, &self.below(number, "/iterations"))
    }
}

impl Api for Azure {
    fn offers(&self) -> Offers {
        Offers { reopen: true, draft: true, methods: &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        let branches = [
            ("baseVersionType", "branch"),
            ("baseVersion", &*new.base),
            ("targetVersionType", "branch"),
            ("targetVersion", &*new.head),
            ("$top", "1"),
        ];
        let missing = |failure| match failure {
            Failure::NotFound(said) if said.contains("TF401175") => Failure::Invalid(said),
            failure => failure,
        };
        let diffs: Diffs =
            self.at.get(ask, &self.at.repository("/diffs/commits"), &branches).map_err(missing)?.json()?;
        if diffs.common_commit.is_some() && diffs.common_commit == diffs.target_commit {
            return Err(Failure::Nothing(format!("{} has no commit that {} has not", new.head, new.base)));
        }
        let wish = json!({
            "sourceRefName": format!("refs/heads/{}", new.head),
            "targetRefName": format!("refs/heads/{}", new.base),
            "title": new.title,
            "description": description::fitted(&new.body),
            "isDraft": new.draft,
        });
        let url = self.at.repository("/pullrequests");
        let made: PullRequest = self.at.send(ask, Method::Post, &url, Some(wish), CONTRIBUTE)?.json()?;
        let page = self.at.page(made.number);
        Ok(made.proposal(page, None, Vec::new()))
    }

    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let (head, base) = (format!("refs/heads/{head}"), format!("refs/heads/{base}"));
        let criteria = [
            ("searchCriteria.status", "all"),
            ("searchCriteria.sourceRefName", &*head),
            ("searchCriteria.targetRefName", &*base),
        ];
        let mut found = self.listed(self.search(ask, &criteria, limits::PROPOSALS_LISTED)?);
        found.retain(|proposal| !proposal.fork);
        for proposal in &mut found {
            // Of the open one, of which there is one at most, the whole text counts: by it ours is told from another's.
            if proposal.state == State::Open && description::may_be_cut(&proposal.body) {
                *proposal = self.look(ask, proposal.number)?.proposal(self.at.page(proposal.number), None, Vec::new());
            }
        }
        Ok(found)
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let pull_request = self.look(ask, number)?;
        let required = if pull_request.state() == State::Open { self.required(ask, &pull_request)? } else { None };
        let checks = self.checks(ask, number, pull_request.head_commit())?;
        Ok(pull_request.proposal(self.at.page(number), required, checks))
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let mut all = self.search(ask, &[("searchCriteria.status", "active")], limits::PROPOSALS_LISTED)?;
        let since = since.map(|since| since.to_string());
        let mut ended = vec![("searchCriteria.status", "all")];
        if let Some(since) = &since {
            ended.extend([("searchCriteria.queryTimeRangeType", "closed"), ("searchCriteria.minTime", &**since)]);
        }
        all.extend(self.search(ask, &ended, limits::PROPOSALS_LISTED.saturating_sub(all.len()))?);
        Ok(self.listed(all))
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        let title = edit.title.as_ref().map(|title| ("title".to_owned(), json!(title)));
        let body = edit.body.as_ref().map(|body| ("description".to_owned(), json!(description::fitted(body))));
        let change: serde_json::Map<String, Value> = title.into_iter().chain(body).collect();
        if change.is_empty() { Ok(()) } else { self.change(ask, number, change.into(), CONTRIBUTE).map(drop) }
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let changed = self.change(ask, number, json!({"isDraft": draft}), CONTRIBUTE)?;
        if changed.is_draft() == draft {
            return Ok(());
        }
        Err(Failure::Unsupported("this Azure DevOps Server has no drafts".to_owned()))
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.look(ask, number)?.state() {
            State::Closed => Ok(()),
            State::Merged => Err(Failure::State("it is completed already".to_owned())),
            State::Open => self.change(ask, number, json!({"status": "abandoned"}), CONTRIBUTE).map(drop),
        }
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        match self.look(ask, number)?.state() {
            State::Open => Ok(()),
            State::Merged => Err(Failure::State("it is completed; a new one has to be opened".to_owned())),
            State::Closed => match self.change(ask, number, json!({"status": "active"}), CONTRIBUTE) {
                // TF401398: one of its branches is gone.
                Err(Failure::Invalid(said)) => Err(Failure::State(said)),
                done => done.map(drop),
            },
        }
    }

    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        let now = self.look(ask, number)?;
        match now.state() {
            State::Merged => return Ok(Merged::Done),
            State::Closed => return Err(Failure::State("it is abandoned".to_owned())),
            State::Open if now.is_being_completed() => return Ok(Merged::Accepted),
            State::Open => {}
        }
        if now.head_commit().is_some_and(|head| head != merge.head_commit) {
            return Err(Failure::Stale("its branch has other commits".to_owned()));
        }
        if now.is_draft() {
            return Err(Failure::NotMergeable("it is a draft".to_owned()));
        }
        let strategy = match merge.method {
            Some(MergeMethod::Merge) => Some("noFastForward"),
            Some(MergeMethod::Squash) => Some("squash"),
            Some(MergeMethod::Rebase) => Some("rebase"),
            None => self.strategy(ask, &now)?,
        };
        let mut options = json!({"deleteSourceBranch": merge.delete_branch});
        if let Some(options) = options.as_object_mut() {
            options.extend(strategy.map(|strategy| ("mergeStrategy".to_owned(), json!(strategy))));
            options.extend(merge.message.as_ref().map(|text| ("mergeCommitMessage".to_owned(), json!(text))));
        }
        let wish = json!({
            "status": "completed",
            "lastMergeSourceCommit": {"commitId": merge.head_commit},
            "completionOptions": options,
        });
        let taken = self.change(ask, number, wish, COMPLETE)?;
        if let Some(why) = taken.obstacle() {
            return Err(Failure::NotMergeable(why));
        }
        Ok(if taken.state() == State::Merged { Merged::Done } else { Merged::Accepted })
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        self.marked_comments(ask, number, marker)
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        self.open_thread(ask, number, text)
    }

    fn rewrite_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let url = self.comment_url(number, comment)?;
        self.at.send(ask, Method::Patch, &url, Some(json!({"content": text})), CONTRIBUTE).map(drop)
    }

    fn delete_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment) -> Result<(), Failure> {
        let url = self.comment_url(number, comment)?;
        match self.at.send(ask, Method::Delete, &url, None, CONTRIBUTE) {
            Ok(_) => Ok(()),
            // Gone already, or what it belongs to: a look tells.
            Err(Failure::NotFound(said)) => {
                let there = self.marked_comments(ask, number, "")?.iter().any(|known| known.id == comment.id);
                if there { Err(Failure::NotFound(said)) } else { Ok(()) }
            }
            Err(failure) => Err(failure),
        }
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        self.say_status(ask, commit, status)
    }
}
