//! Gitea and Forgejo, which answer alike: `https://HOST[/sub]/api/v1`. What is known here was seen on live servers
//! (Forgejo 17 and Gitea 1.24 of development); the traps are:
//!
//! - A proposal is taken also where there is nothing to merge, so the branches are compared before one is made.
//! - Gitea ignores the filters of the list of proposals, so every answer is filtered here. The lookup by a pair of
//!   branches knows one proposal of several, an ended one before an open one.
//! - A draft is a proposal whose title begins with `WIP:`.
//! - Once the branch is gone `head.ref` is `refs/pull/N/head`, and its label keeps the name. A proposal without a branch
//!   (`AGit`) has such a ref from the beginning.
//! - `mergeable` is false for a while after each push, and a merge in that time is refused in the words of a conflict.
//! - One that is closed can be opened again beside another for the same branches, or without its branch: not by us.

mod answers;
pub(super) mod hooks;
mod shapes;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::shown;
use super::{
    Answer, Api, Ask, CheckState, Comment, Edit, Failure, Merge, MergeMethod, Merged, Method, New, Offers, Place,
    Proposal, Request, State, Status,
};
use crate::limits;
use crate::provider::Provider;
use answers::{COMMENTS, PROPOSALS, STATUSES, refused};
use shapes::{Branch, Combined, Compared, IssueComment, Pull, Review};

/// Largest page that a server gives unless it is set otherwise.
const PAGE: usize = 50;

/// A repository there.
#[derive(Debug)]
pub(super) struct Gitea {
    place: Place,
}

impl Gitea {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    fn ask(&self, ask: &dyn Ask, method: Method, below: &str, body: Option<Value>) -> Result<Answer, Failure> {
        let mut request = Request::new(method, shapes::url(&self.place, below));
        request.body = body;
        ask.ask(&request)
    }

    fn get(&self, ask: &dyn Ask, below: &str) -> Result<Answer, Failure> {
        let answer = self.ask(ask, Method::Get, below, None)?;
        if answer.is_success() { Ok(answer) } else { Err(refused(&answer, PROPOSALS)) }
    }

    /// Everything of a list that `keep` takes, page after page; it answers whether to go on. Without a page's number some
    /// lists give everything, and the server may give less than was asked for: the end is a page that is empty, or as
    /// many entries as the server counts.
    fn pages<T: serde::de::DeserializeOwned>(
        &self,
        ask: &dyn Ask,
        below: &str,
        keep: &mut dyn FnMut(T) -> bool,
    ) -> Result<(), Failure> {
        let mark = if below.contains('?') { '&' } else { '?' };
        let (mut page, mut seen) = (1, 0);
        loop {
            let answer = self.get(ask, &format!("{below}{mark}page={page}&limit={PAGE}"))?;
            // Forgejo may put `null` in the place of a proposal that it cannot show.
            let entries: Vec<Option<T>> = answer.json::<Option<Vec<Option<T>>>>()?.unwrap_or_default();
            let count = entries.len();
            let mut go_on = true;
            for entry in entries.into_iter().flatten() {
                go_on &= keep(entry);
            }
            seen += count;
            page += 1;
            let all = answer
                .header("x-total-count")
                .and_then(|count| count.parse::<usize>().ok())
                .is_some_and(|all| seen >= all);
            if count == 0 || all || !go_on || seen >= limits::PROPOSALS_LISTED {
                return Ok(());
            }
        }
    }

    fn pull(&self, ask: &dyn Ask, number: u64) -> Result<(Pull, Answer), Failure> {
        let answer = self.get(ask, &format!("pulls/{number}"))?;
        Ok((answer.json()?, answer))
    }

    fn patch(&self, ask: &dyn Ask, number: u64, change: Value) -> Result<Pull, Failure> {
        let answer = self.ask(ask, Method::Patch, &format!("pulls/{number}"), Some(change))?;
        match answer.status {
            200..=299 => answer.json(),
            412 => Err(Failure::State("it is merged already".to_owned())),
            _ => Err(refused(&answer, PROPOSALS)),
        }
    }

    fn branch(&self, ask: &dyn Ask, name: &str) -> Result<Option<Branch>, Failure> {
        let answer = self.ask(ask, Method::Get, &format!("branches/{}", shapes::encoded(name)), None)?;
        match answer.status {
            404 => Ok(None),
            200..=299 => answer.json().map(Some),
            _ => Err(refused(&answer, PROPOSALS)),
        }
    }

    /// Proposals of a pair of branches of this repository that are in a state, at most `pages` pages of all.
    fn of_pair(&self, ask: &dyn Ask, state: &str, head: &str, base: &str, most: u32) -> Result<Vec<Proposal>, Failure> {
        let filter = match self.place.provider {
            Provider::Forgejo => format!("&base={}&head={}", shapes::encoded(base), shapes::encoded(head)),
            _ => format!("&base_branch={}", shapes::encoded(base)),
        };
        let below = format!("pulls?state={state}&sort=recentupdate{filter}");
        let (mut found, mut seen) = (Vec::<Proposal>::new(), 0_u32);
        self.pages(ask, &below, &mut |pull: Pull| {
            let proposal = pull.proposal();
            seen = seen.saturating_add(1);
            let ours = !proposal.fork && proposal.base == base && proposal.head.as_deref() == Some(head);
            if ours && found.iter().all(|known| known.number != proposal.number) {
                found.push(proposal);
            }
            state == "open" || (found.is_empty() && seen < most)
        })?;
        found.sort_by_key(|proposal| std::cmp::Reverse(proposal.number));
        Ok(found)
    }

    /// What a refused merge means. The server says "try again later" of a conflict and of "still finding out".
    fn not_merged(&self, ask: &dyn Ask, number: u64, answer: &Answer) -> Failure {
        let said = answers::said(answer);
        match answer.status {
            405 if said.contains("not allowed to merge PR") => {
                Failure::Forbidden { needs: "the right to merge into the base branch".to_owned(), said }
            }
            404 => match self.pull(ask, number) {
                Ok((pull, _)) if pull.state() != State::Open => Failure::State("it is closed".to_owned()),
                Ok(_) => refused(answer, PROPOSALS),
                Err(failure) => failure,
            },
            405 if said.contains("try again later") => match self.reread(ask, number) {
                Ok((_, super::Mergeable::No(why))) => Failure::NotMergeable(why),
                Ok(_) => Failure::Wait {
                    after: answers::LATER,
                    why: "the server is still finding out whether it can be merged".to_owned(),
                },
                Err(failure) => failure,
            },
            405 => Failure::NotMergeable(if said.is_empty() { "the server does not say why".to_owned() } else { said }),
            409 => Failure::Stale(said),
            _ => refused(answer, PROPOSALS),
        }
    }

    fn reread(&self, ask: &dyn Ask, number: u64) -> Result<(Pull, super::Mergeable), Failure> {
        let (pull, answer) = self.pull(ask, number)?;
        let base = self.branch(ask, &pull.base.name)?;
        let mergeable = pull.mergeable(base.as_ref(), None, answers::now(&answer));
        Ok((pull, mergeable))
    }
}

impl Api for Gitea {
    fn offers(&self) -> Offers {
        Offers { reopen: true, draft: true, methods: &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] }
    }

    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure> {
        let pair = format!("{}...{}", shapes::encoded(&new.base), shapes::encoded(&new.head));
        // How many is all that is wanted; Forgejo leaves the rest out if it is asked to.
        let brief = if self.place.provider == Provider::Forgejo { "?verification=false&files=false" } else { "" };
        let compared: Compared = self.get(ask, &format!("compare/{pair}{brief}"))?.json()?;
        if compared.total_commits == 0 {
            return Err(Failure::Nothing(format!("{} has no commit that {} has not", new.head, new.base)));
        }
        let title = shapes::title(&new.title, new.draft);
        let body = json!({ "head": new.head, "base": new.base, "title": title, "body": new.body });
        let answer = self.ask(ask, Method::Post, "pulls", Some(body))?;
        match answer.status {
            200..=299 => Ok(answer.json::<Pull>()?.proposal()),
            // The numbers in its text are the server's own, not the proposal's.
            409 if answers::said(&answer).contains("already exists") => Err(Failure::Exists { number: None }),
            422 if answers::said(&answer).contains("no changes") => Err(Failure::Nothing(answers::said(&answer))),
            _ => Err(refused(&answer, PROPOSALS)),
        }
    }

    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure> {
        let open = self.of_pair(ask, "open", head, base, u32::MAX)?;
        if !open.is_empty() {
            return Ok(open);
        }
        let below = format!("pulls/{}/{}", shapes::encoded(base), shapes::encoded(head));
        let answer = self.ask(ask, Method::Get, &below, None)?;
        let known = match answer.status {
            404 => return Ok(Vec::new()),
            200..=299 => answer.json::<Pull>()?.proposal(),
            _ => return Err(refused(&answer, PROPOSALS)),
        };
        let page = u32::try_from(PAGE).unwrap_or(u32::MAX);
        let ended = self.of_pair(ask, "closed", head, base, page.saturating_mul(limits::GITEA_PAGES_SOUGHT))?;
        Ok(if ended.is_empty() { vec![known] } else { ended })
    }

    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure> {
        let (pull, answer) = self.pull(ask, number)?;
        let mut proposal = pull.proposal();
        let mut reviews = Vec::new();
        self.pages(ask, &format!("pulls/{number}/reviews"), &mut |review: Review| {
            reviews.push(review);
            true
        })?;
        proposal.reviews = shapes::reviews(reviews);
        if let Some(commit) = &proposal.head_commit {
            let below = format!("commits/{commit}/status?page=1&limit={PAGE}");
            let answer = self.ask(ask, Method::Get, &below, None)?;
            proposal.checks = match answer.status {
                // The commit is not there any more.
                404 => Vec::new(),
                200..=299 => answer.json::<Combined>()?.checks(),
                _ => return Err(refused(&answer, STATUSES)),
            };
        }
        if proposal.state == State::Open {
            let base = self.branch(ask, &proposal.base)?;
            proposal.reviews.required = base.as_ref().and_then(Branch::required);
            proposal.mergeable = pull.mergeable(base.as_ref(), Some(&proposal.reviews), answers::now(&answer));
        }
        Ok(proposal)
    }

    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        let mut listed: Vec<Proposal> = Vec::new();
        self.pages(ask, "pulls?state=open&sort=recentupdate", &mut |pull: Pull| {
            // What is changed while the pages are read comes once more.
            if listed.iter().all(|known| known.number != pull.number) {
                listed.push(pull.proposal());
            }
            listed.len() < limits::PROPOSALS_LISTED
        })?;
        let Some(since) = since else { return Ok(listed) };
        self.pages(ask, "pulls?state=closed&sort=recentupdate", &mut |pull: Pull| {
            let proposal = pull.proposal();
            let (ended, updated) = (proposal.ended, proposal.updated);
            if ended.is_none_or(|at| at >= since) {
                listed.retain(|known| known.number != proposal.number);
                listed.push(proposal);
            }
            listed.len() < limits::PROPOSALS_LISTED && updated.is_none_or(|at| at >= since)
        })?;
        Ok(listed)
    }

    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure> {
        let mut change = serde_json::Map::new();
        if let Some(title) = &edit.title {
            let draft = self.pull(ask, number)?.0.draft();
            change.insert("title".to_owned(), shapes::title(title, draft).into());
        }
        if let Some(body) = &edit.body {
            change.insert("body".to_owned(), body.clone().into());
        }
        self.patch(ask, number, Value::Object(change)).map(drop)
    }

    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure> {
        let (pull, _) = self.pull(ask, number)?;
        if pull.draft() == draft {
            return Ok(());
        }
        let title = shapes::title(&pull.proposal().title, draft);
        if self.patch(ask, number, json!({ "title": title }))?.draft() == draft {
            return Ok(());
        }
        Err(Failure::Unsupported(
            "this server tells drafts by another prefix of the title than WIP: and [WIP]".to_owned(),
        ))
    }

    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        let closed = self.patch(ask, number, json!({ "state": "closed" }))?;
        match closed.state() {
            State::Closed => Ok(()),
            State::Merged => Err(Failure::State("it is merged already".to_owned())),
            State::Open => Err(Failure::State("the server leaves it open".to_owned())),
        }
    }

    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure> {
        let (pull, _) = self.pull(ask, number)?;
        let proposal = pull.proposal();
        match (proposal.state, &proposal.head) {
            (State::Open, _) => return Ok(()),
            (State::Merged, _) => return Err(Failure::State("it is merged already".to_owned())),
            (State::Closed, Some(head)) if !proposal.fork => {
                if pull.branch_is_gone() {
                    return Err(Failure::State(format!("its branch {head} is gone")));
                }
                if let Some(other) = self.of_pair(ask, "open", head, &proposal.base, u32::MAX)?.first() {
                    return Err(Failure::Exists { number: Some(other.number) });
                }
            }
            (State::Closed, _) => {}
        }
        match self.patch(ask, number, json!({ "state": "open" }))?.state() {
            State::Open => Ok(()),
            _ => Err(Failure::State("the server leaves it closed".to_owned())),
        }
    }

    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
        let (pull, _) = self.pull(ask, number)?;
        match pull.state() {
            State::Open => {}
            State::Merged => return Ok(Merged::Done),
            State::Closed => return Err(Failure::State("it is closed".to_owned())),
        }
        if !pull.head.sha.eq_ignore_ascii_case(&merge.head_commit) {
            return Err(Failure::Stale(format!("its head is {} now", shown(&pull.head.sha, 64))));
        }
        let style = match merge.method {
            Some(MergeMethod::Merge) => "merge",
            Some(MergeMethod::Squash) => "squash",
            Some(MergeMethod::Rebase) => "rebase",
            None => pull.default_style(),
        };
        let body = shapes::merge(self.place.provider, style, merge);
        let answer = self.ask(ask, Method::Post, &format!("pulls/{number}/merge"), Some(body))?;
        match answer.status {
            // Only a merge that waits for checks is accepted for later, and none is asked for.
            201 | 202 => Ok(Merged::Accepted),
            200..=299 => Ok(Merged::Done),
            // Somebody else has merged it: an empty message.
            405 if answers::said(&answer).is_empty() && self.pull(ask, number)?.0.state() == State::Merged => {
                Ok(Merged::Done)
            }
            _ => Err(self.not_merged(ask, number, &answer)),
        }
    }

    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure> {
        // This list has no pages.
        let all: Option<Vec<IssueComment>> = self.get(ask, &format!("issues/{number}/comments"))?.json()?;
        let mut ours: Vec<IssueComment> = all.unwrap_or_default();
        ours.retain(|comment| comment.body.contains(marker));
        ours.sort_by_key(|comment| comment.id);
        Ok(ours.into_iter().map(|it| Comment { id: it.id.to_string(), text: it.body, version: None }).collect())
    }

    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure> {
        let answer =
            self.ask(ask, Method::Post, &format!("issues/{number}/comments"), Some(json!({ "body": text })))?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer, COMMENTS)) }
    }

    fn rewrite_comment(&self, ask: &dyn Ask, _: u64, comment: &Comment, text: &str) -> Result<(), Failure> {
        let below = format!("issues/comments/{}", shapes::encoded(&comment.id));
        let answer = self.ask(ask, Method::Patch, &below, Some(json!({ "body": text })))?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer, COMMENTS)) }
    }

    fn delete_comment(&self, ask: &dyn Ask, _: u64, comment: &Comment) -> Result<(), Failure> {
        let below = format!("issues/comments/{}", shapes::encoded(&comment.id));
        let answer = self.ask(ask, Method::Delete, &below, None)?;
        if answer.is_success() || answer.status == 404 { Ok(()) } else { Err(refused(&answer, COMMENTS)) }
    }

    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure> {
        let state = match status.state {
            CheckState::Pending => "pending",
            CheckState::Success => "success",
            CheckState::Failure => "failure",
        };
        let Status { context, description, url, .. } = status;
        let mut body = json!({ "context": context, "state": state, "description": description });
        if let (Some(url), Some(body)) = (url, body.as_object_mut()) {
            body.insert("target_url".to_owned(), url.clone().into());
        }
        let answer = self.ask(ask, Method::Post, &format!("statuses/{}", shapes::encoded(commit)), Some(body))?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer, STATUSES)) }
    }
}
