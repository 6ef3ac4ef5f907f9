//! GitLab's REST API v4, gitlab.com and self-managed, below a relative root or not.
//!
//! - A project is addressed by its whole path in one segment (`group%2Fsub%2Fproject`); of one that was renamed reads are
//!   redirected and writes answer 405, and both say so here.
//! - A draft is a draft by its title (`Draft: …`), so titles are read without that prefix and written with it.
//! - GitLab makes a merge request where there is nothing to merge; the branches are compared first.
//! - Lines that begin with a slash in a description or comment are commands to GitLab, which it carries out with our
//!   rights; no text of ours ever holds one ([`quick`]).
//! - Many a "no" comes without a reason (401 and 405 of a merge, 403 of an archived project): then the merge request or
//!   the project is read, and the reason is taken from there.

pub(super) mod hooks;
mod merge;
mod project;
mod quick;
mod refusal;
mod shape;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Api, Ask, Check, Comment, Edit, Failure, Merge, MergeMethod, Merged, New, Offers, Place, Proposal, State, Status,
};
use crate::limits;
use project::Project;
use shape::{Approvals, Compare, JobStatus, MergeRequest, Note, Reviewer};

/// What changing a merge request takes.
const NEEDS: &str = "the scope api and at least the role Developer in the project";
/// What reading takes.
const READS: &str = "the scope read_api or api, and at least the role Reporter in the project";
/// What a commit status takes.
const STATUS_NEEDS: &str = "the scope api and at least the role Developer in the project (Maintainer, if the branch is \
                            protected so)";

/// A project there.
#[derive(Debug)]
pub(super) struct Gitlab {
    project: Project,
}

impl Gitlab {
    pub(super) const fn new(place: Place) -> Self {
        Self { project: Project::of_requests(place) }
    }

    /// The merge request as the provider shows it.
    fn look(&self, ask: &dyn Ask, number: u64) -> Result<MergeRequest, Failure> {
        let url = self.project.url(&format!("merge_requests/{number}?include_rebase_in_progress=true"));
        self.project.get(ask, url, READS)
    }

    /// Changes it; answers it as it is then.
    fn put(&self, ask: &dyn Ask, number: u64, body: Value) -> Result<MergeRequest, Failure> {
        self.project.put(ask, &format!("merge_requests/{number}"), body, NEEDS)
    }

    /// What machines say of its head: statuses of the commit (jobs are among them), and the pipeline as a whole.
    fn checks(&self, ask: &dyn Ask, request: &MergeRequest) -> Result<Vec<Check>, Failure> {
        let statuses = match &request.sha {
            Some(sha) if !request.is_fork() => {
                let url =
                    self.project.url(&format!("repository/commits/{}/statuses?per_page=100", project::encoded(sha)));
                // The commit may be gone with its branch.
                self.project.get_if_there(ask, url, READS)?.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Ok(shape::checks(request, statuses))
    }

    /// Who asked for changes. GitLab tells it only about reviewers, and only since 16.9; older ones answer 404, or say
    /// that somebody has reviewed.
    fn changes_requested_by(&self, ask: &dyn Ask, request: &MergeRequest) -> Result<Vec<String>, Failure> {
        if !request.has_reviewers() {
            return Ok(Vec::new());
        }
        let url = self.project.url(&format!("merge_requests/{}/reviewers", request.iid));
        let reviewers: Vec<Reviewer> = self.project.get_if_there(ask, url, READS)?.unwrap_or_default();
        Ok(reviewers.into_iter().filter_map(Reviewer::wants_changes).collect())
    }

    /// Whether there is anything to merge; the branches' names are checked by it as well.
    fn compare(&self, ask: &dyn Ask, new: &New) -> Result<(), Failure> {
        let (from, to) = (project::encoded(&new.base), project::encoded(&new.head));
        let url = self.project.url(&format!("repository/compare?from={from}&to={to}&straight=false"));
        let compared: Compare = match self.project.get(ask, url, READS) {
            Err(Failure::NotFound(said)) if said.contains("Ref") => {
                let said = format!("{} or {} is no branch of the repository ({said})", new.head, new.base);
                return Err(Failure::Invalid(said));
            }
            other => other?,
        };
        if compared.is_empty() {
            let said = format!("{} has no commit that {} has not", new.head, new.base);
            return Err(Failure::Nothing(said));
        }
        Ok(())
    }

    fn state_event(&self, ask: &dyn Ask, number: u64, event: &str, wanted: State) -> Result<(), Failure> {
        let request = self.put(ask, number, json!({ "state_event": event }))?;
        match request.state() {
            state if state == wanted => Ok(()),
            State::Merged => Err(Failure::State(format!("!{number} is merged"))),
            State::Closed => Err(Failure::State(format!(
                "GitLab did not open !{number} again; it does not where the source branch or the fork is gone"
            ))),
            State::Open => Err(Failure::State(format!("GitLab did not close !{number}; it may be about to be merged"))),
        }
    }
}

impl Api for Gitlab {
    fn offers(&self) -> Offers {
        let methods = &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase];
        Offers { reopen: true, draft: true, methods }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        if new.head == new.base {
            return Err(Failure::Nothing(format!("{} would be merged into itself", new.head)));
        }
        self.compare(ask, new)?;
        let body = json!({
            "source_branch": new.head,
            "target_branch": new.base,
            "title": shape::title(&new.title, new.draft),
            "description": quick::disarm(&new.body),
        });
        Ok(self.project.post::<MergeRequest>(ask, "merge_requests", body, NEEDS)?.proposal())
    }

    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let (head, base) = (project::encoded(head), project::encoded(base));
        let path =
            format!("merge_requests?state=all&source_branch={head}&target_branch={base}&order_by=created_at&sort=desc");
        let found: Vec<MergeRequest> = self.project.pages(ask, &path, limits::PROPOSALS_LISTED, READS)?;
        Ok(found.iter().filter(|request| !request.is_fork()).map(MergeRequest::proposal).collect())
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let request = self.look(ask, number)?;
        let mut proposal = request.proposal();
        proposal.mergeable = request.mergeable();
        let url = self.project.url(&format!("merge_requests/{number}/approvals"));
        // Free editions have them since 13.2.
        let approvals: Option<Approvals> = self.project.get_if_there(ask, url, READS)?;
        proposal.reviews = approvals.map(Approvals::reviews).unwrap_or_default();
        proposal.reviews.changes_requested_by = self.changes_requested_by(ask, &request)?;
        proposal.checks = self.checks(ask, &request)?;
        Ok(proposal)
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let most = limits::PROPOSALS_LISTED;
        let path = "merge_requests?state=opened&order_by=updated_at&sort=desc";
        let mut all: Vec<MergeRequest> = self.project.pages(ask, path, most, READS)?;
        if let Some(since) = since {
            let since = project::encoded(&since.to_string());
            let path = format!("merge_requests?state=all&updated_after={since}&order_by=updated_at&sort=desc");
            let changed: Vec<MergeRequest> = self.project.pages(ask, &path, most, READS)?;
            // What ended between the two requests is in both: the later answer counts.
            all.retain(|open| !changed.iter().any(|changed| changed.iid == open.iid));
            all.extend(changed);
        }
        all.truncate(most);
        Ok(all.iter().map(MergeRequest::proposal).collect())
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        let mut body = serde_json::Map::new();
        if let Some(title) = &edit.title {
            // A draft stays one only if its title says so.
            let draft = self.look(ask, number)?.is_draft();
            body.insert("title".to_owned(), shape::title(title, draft).into());
        }
        if let Some(text) = &edit.body {
            body.insert("description".to_owned(), quick::disarm(text).into());
        }
        if body.is_empty() { Ok(()) } else { self.put(ask, number, body.into()).map(drop) }
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let request = self.look(ask, number)?;
        match request.state() {
            State::Merged => return Err(Failure::State(format!("!{number} is merged"))),
            _ if request.is_draft() == draft => return Ok(()),
            _ => {}
        }
        let title = shape::title(request.title.as_deref().unwrap_or_default(), draft);
        self.put(ask, number, json!({ "title": title })).map(drop)
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        self.state_event(ask, number, "close", State::Closed)
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        self.state_event(ask, number, "reopen", State::Open)
    }

    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        merge::merge(self, ask, number, merge)
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        let path = format!("merge_requests/{number}/notes?order_by=created_at&sort=asc&activity_filter=only_comments");
        let notes: Vec<Note> = self.project.pages(ask, &path, limits::PROPOSALS_LISTED, READS)?;
        Ok(notes.into_iter().filter_map(Note::comment).filter(|comment| comment.text.contains(marker)).collect())
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let body = json!({ "body": quick::disarm(text) });
        self.project.post::<Note>(ask, &format!("merge_requests/{number}/notes"), body, NEEDS).map(drop)
    }

    fn rewrite_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let path = format!("merge_requests/{number}/notes/{}", project::encoded(&comment.id));
        self.project.put::<Note>(ask, &path, json!({ "body": quick::disarm(text) }), NEEDS).map(drop)
    }

    fn delete_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment) -> Result<(), Failure> {
        let path = format!("merge_requests/{number}/notes/{}", project::encoded(&comment.id));
        self.project.delete(ask, &path, NEEDS)
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let mut body = json!({
            "state": shape::state_of_status(status.state),
            "name": status.context,
            "description": status.description,
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(status.url.as_ref().map(|url| ("target_url".to_owned(), url.clone().into())));
            // Without it GitLab takes a branch that holds the commit, which may be another one.
            members.extend(status.branch.as_ref().map(|branch| ("ref".to_owned(), branch.clone().into())));
        }
        let path = format!("statuses/{}", project::encoded(commit));
        let answer = self.project.send_post(ask, &path, Some(body))?;
        let said = refusal::words(&answer);
        match answer.status {
            200 | 201 => answer.json::<JobStatus>().map(drop),
            // It is in this state already.
            400 if said.contains("Cannot transition status") => Ok(()),
            // Two at once: the next one may do.
            409 if said.contains("in progress") => Err(Failure::Provider(said)),
            _ => Err(self.project.refused(ask, &answer, STATUS_NEEDS)),
        }
    }
}
