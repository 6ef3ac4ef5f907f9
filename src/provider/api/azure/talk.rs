//! What is said of a pull request: threads of comments, and statuses.

use serde_json::{Value, json};

use super::super::{Ask, Check, CheckState, Comment, Failure, Method, Status};
use super::Azure;
use super::call::{CONTRIBUTE, STATUS, encoded};
use super::shape::{self, Iteration, Thread};

impl Azure {
    pub(super) fn marked_comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        let threads: Vec<Thread> = self.page(ask, &self.below(number, "/threads"))?;
        let mut ours = Vec::new();
        for thread in threads.into_iter().filter(|thread| thread.is_deleted != Some(true)) {
            for remark in thread.comments.into_iter().flatten().filter(|remark| remark.is_deleted != Some(true)) {
                let text = remark.content.unwrap_or_default();
                if text.contains(marker) {
                    let comment = Comment { id: format!("{}/{}", thread.id, remark.id), text, version: None };
                    ours.push(((thread.id, remark.id), comment));
                }
            }
        }
        ours.sort_unstable_by_key(|(id, _)| *id);
        Ok(ours.into_iter().map(|(_, comment)| comment).collect())
    }

    pub(super) fn open_thread(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let thread = json!({
            "comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}],
            "status": "closed",
        });
        self.at.send(ask, Method::Post, &self.below(number, "/threads"), Some(thread), CONTRIBUTE).map(drop)
    }

    pub(super) fn comment_url(&self, number: u64, comment: &Comment) -> Result<String, Failure> {
        let ids = comment.id.split_once('/');
        let ids = ids.and_then(|(thread, comment)| Some((thread.parse::<u64>().ok()?, comment.parse::<u64>().ok()?)));
        let Some((thread, comment)) = ids else {
            return Err(Failure::Invalid(format!("{} is no id of a comment there", comment.id)));
        };
        Ok(self.below(number, &format!("/threads/{thread}/comments/{comment}")))
    }

    /// What machines say of a head: statuses of the commit, and of the proposal as far as they are about its last push.
    pub(super) fn checks(&self, ask: &dyn Ask, number: u64, head: Option<&str>) -> Result<Vec<Check>, Failure> {
        let mut of_proposal: Vec<shape::Status> = self.page(ask, &self.below(number, "/statuses"))?;
        if of_proposal.iter().any(|status| status.iteration_id.is_some()) {
            let last = self.iterations(ask, number)?.iter().map(|iteration| iteration.id).max();
            of_proposal.retain(|status| status.iteration_id.is_none() || status.iteration_id == last);
        }
        let of_commit = match head.map(|head| self.page(ask, &self.commit_statuses(head))) {
            // The head of a fork is not in this repository.
            None | Some(Err(Failure::NotFound(_))) => Vec::new(),
            Some(statuses) => statuses?,
        };
        Ok(shape::checks(&of_commit, &of_proposal))
    }

    /// On the push of the proposal that has this head, where policies ask for it; on the commit, if it is no head of it.
    pub(super) fn say_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let iteration = match self.iterations(ask, status.number) {
            Ok(all) => all.iter().filter(|it| it.commit() == Some(commit)).map(|it: &Iteration| it.id).max(),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(failure),
        };
        let url = match iteration {
            Some(_) => self.below(status.number, "/statuses"),
            None => self.commit_statuses(commit),
        };
        let said: Vec<shape::Status> = self.page(ask, &url)?;
        let said = said.iter().filter(|known| known.is_named(&status.context) && known.iteration_id == iteration);
        if said.max_by_key(|known| known.id).is_some_and(|last| last.says(status)) {
            return Ok(());
        }
        let body = body(status, iteration);
        self.at.send(ask, Method::Post, &url, Some(body), STATUS).map(drop)
    }

    fn commit_statuses(&self, commit: &str) -> String {
        self.at.repository(&format!("/commits/{}/statuses", encoded(commit)))
    }
}

fn body(status: &Status, iteration: Option<u64>) -> Value {
    let state = match status.state {
        CheckState::Pending => "pending",
        CheckState::Success => "succeeded",
        CheckState::Failure => "failed",
    };
    let context = match status.context.rsplit_once('/') {
        Some((genre, name)) => json!({"genre": genre, "name": name}),
        None => json!({"name": status.context}),
    };
    let mut body = json!({"state": state, "description": status.description, "context": context});
    if let Some(body) = body.as_object_mut() {
        body.extend(status.url.as_ref().map(|url| ("targetUrl".to_owned(), json!(url))));
        body.extend(iteration.map(|iteration| ("iterationId".to_owned(), json!(iteration))));
    }
    body
}
