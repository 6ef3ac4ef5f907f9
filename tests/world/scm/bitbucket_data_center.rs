//! Bitbucket Data Center's dialect: versions that every change names, full refs, `start` and `nextPageStart`, exceptions
//! by their Java names, 401 for whoever may not, dates of both kinds, and two interfaces beside this one.

mod comments;
mod hooks;
mod messages;
mod shape;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::plain::{Happened, Person, Plain, Refused, State, Status};
use super::{Asked, Dialect, Message};
use shape::{Dates, build, pull_request};

/// Root of its API: a port and a context path.
pub const ROOT: &str = "https://git.example.com:7990/bitbucket/rest/api/latest";

/// Its way to speak.
#[derive(Debug, Clone, Copy, Default)]
pub struct BitbucketDataCenter {
    /// Version 10 and later: dates are texts.
    pub iso_dates: bool,
    /// Before 7.4: no drafts, and builds only at their old address.
    pub old: bool,
}

impl BitbucketDataCenter {
    fn dates(self) -> Dates {
        if self.iso_dates { Dates::Iso } else { Dates::Millis }
    }
}

impl Dialect for BitbucketDataCenter {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        let mut answer = Request::admit(*self, plain, asked).map_or_else(|refused| refused, |mut it| it.answer());
        answer.headers.push(("content-type".to_owned(), "application/json;charset=UTF-8".to_owned()));
        answer
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        messages::of(plain, self.dates(), happened)
    }
}

/// A request of somebody who is known.
struct Request<'w> {
    version: BitbucketDataCenter,
    plain: &'w mut Plain,
    asked: &'w Asked,
    person: Person,
}

fn reply(plain: &Plain, status: u16, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Answer { status, headers: Vec::new(), body, at: plain.now }
}

fn error(plain: &Plain, status: u16, exception: &str, message: &str) -> Answer {
    let name = format!("com.atlassian.bitbucket.{exception}");
    reply(plain, status, &json!({"errors": [{"context": null, "message": message, "exceptionName": name}]}))
}

impl<'w> Request<'w> {
    fn admit(version: BitbucketDataCenter, plain: &'w mut Plain, asked: &'w Asked) -> Result<Self, Answer> {
        let Some(person) = plain.person(asked.credential.as_deref()).cloned() else {
            let words = "Authentication failed. Please check your credentials and try again.";
            return Err(error(plain, 401, "auth.IncorrectPasswordAuthenticationException", words));
        };
        if let Some((left, begins)) = plain.rate {
            if plain.now >= begins {
                plain.rate = None;
            } else if left == 0 {
                let mut answer = reply(plain, 429, &json!({"errors": [{"message": "You are being rate limited"}]}));
                let seconds = begins.as_second() - plain.now.as_second();
                answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
                return Err(answer);
            } else {
                plain.rate = Some((left - 1, begins));
            }
        }
        Ok(Self { version, plain, asked, person })
    }

    /// Below the repository; of the other interfaces below the server.
    fn path(&self) -> Result<Vec<&'w str>, Answer> {
        let asked = self.asked;
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let (project, repository, below) = match path.as_slice() {
            ["projects", project, "repos", repository, below @ ..] => (*project, *repository, below),
            ["branch-utils", "latest", "projects", project, "repos", repository, "branches"] => {
                (*project, *repository, &path[..1])
            }
            ["build-status", ..] => return Ok(path),
            _ => return Err(self.nowhere()),
        };
        let name = self.plain.renamed_to.as_ref().unwrap_or(&self.plain.repository);
        if project != self.plain.owner {
            return Err(self.error(
                404,
                "project.NoSuchProjectException",
                &format!("Project {project} does not exist."),
            ));
        }
        if self.plain.gone || repository != name {
            let words = format!("Repository {project}/{repository} does not exist.");
            return Err(self.error(404, "repository.NoSuchRepositoryException", &words));
        }
        Ok(below.to_vec())
    }

    fn answer(&mut self) -> Answer {
        let path = match self.path() {
            Ok(path) => path,
            Err(refused) => return refused,
        };
        let mut number = 0;
        if let ["pull-requests", told, ..] = path.as_slice() {
            number = told.parse().unwrap_or_default();
            if self.plain.proposal(number).is_none() {
                let words = format!("No pull request exists with ID {told} for this repository.");
                return self.error(404, "pull.NoSuchPullRequestException", &words);
            }
        }
        let looks = self.asked.method == "GET";
        if !looks && !matches!(path[0], "webhooks" | "commits" | "build-status") {
            if !self.person.writes {
                return self.no_right();
            }
            if self.plain.archived {
                let words = "The repository is archived, and cannot be changed.";
                return self.error(409, "repository.RepositoryArchivedException", words);
            }
        }
        match (self.asked.method, path.as_slice()) {
            ("GET", ["pull-requests"]) => self.list(),
            ("POST", ["pull-requests"]) => self.create(),
            ("GET", ["pull-requests", _]) => self.shown(200, number),
            ("PUT", ["pull-requests", _]) => self.put(number),
            ("POST", ["pull-requests", _, "decline"]) => self.act(number, &State::Open, Plain::close),
            ("POST", ["pull-requests", _, "reopen"]) => self.act(number, &State::Closed, Plain::reopen),
            ("GET", ["pull-requests", _, "merge"]) => self.mergeability(number),
            ("POST", ["pull-requests", _, "merge"]) => self.merge(number),
            ("GET", ["pull-requests", _, "activities"]) => self.activities(number),
            ("POST", ["pull-requests", _, "comments"]) => self.comment(number),
            (_, ["pull-requests", _, "comments", id]) => self.one_comment(number, id),
            ("POST", ["commits", commit, "builds"]) if !self.version.old => self.set_build(commit),
            ("POST", ["build-status", _, "commits", commit]) => self.set_build(commit),
            ("GET", ["build-status", _, "commits", commit]) => self.builds(commit),
            ("DELETE", ["branch-utils"]) => self.delete_branch(),
            (_, ["webhooks", rest @ ..]) => self.hooks(rest),
            _ => self.nowhere(),
        }
    }

    fn reply(&self, status: u16, body: &Value) -> Answer {
        reply(self.plain, status, body)
    }

    fn error(&self, status: u16, exception: &str, message: &str) -> Answer {
        error(self.plain, status, exception, message)
    }

    /// There is no such address in this version.
    fn nowhere(&self) -> Answer {
        self.reply(404, &json!({"message": "null for uri", "status-code": 404}))
    }

    fn no_right(&self) -> Answer {
        self.error(401, "AuthorisationException", "You are not permitted to access this resource")
    }

    fn stale(&self, exception: &str) -> Answer {
        let words = "You are attempting to modify a pull request based on out-of-date information.";
        self.error(409, exception, words)
    }

    fn shown(&self, status: u16, number: u64) -> Answer {
        self.reply(status, &pull_request(self.plain, self.version, number))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.asked.body.as_ref()?.pointer(name)?.as_str()
    }

    fn page(&self, values: &[Value]) -> Answer {
        let number = |name| self.asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit").unwrap_or(25).min(self.plain.page).max(1);
        let start = number("start").unwrap_or(0).min(values.len());
        let end = (start + limit).min(values.len());
        let last = end == values.len();
        self.reply(
            200,
            &json!({
                "size": end - start, "limit": limit, "start": start, "isLastPage": last,
                "values": values[start..end], "nextPageStart": (!last).then_some(end),
            }),
        )
    }

    fn list(&self) -> Answer {
        let state = self.asked.parameter("state").unwrap_or("OPEN");
        let (at, out) = (self.asked.parameter("at"), self.asked.parameter("direction") == Some("OUTGOING"));
        assert!(at.is_none_or(|at| at.starts_with("refs/heads/")), "a ref is told in full");
        let mut found: Vec<_> = self.plain.proposals.iter().collect();
        found.sort_by_key(|it| std::cmp::Reverse((it.updated, it.number)));
        let found = found.into_iter().filter(|it| !out || it.fork.is_none());
        let found = found.map(|it| pull_request(self.plain, self.version, it.number)).filter(|it| {
            let branch = if out { &it["fromRef"]["id"] } else { &it["toRef"]["id"] };
            (state == "ALL" || it["state"] == state) && at.is_none_or(|at| branch == at)
        });
        self.page(&found.collect::<Vec<_>>())
    }

    fn create(&mut self) -> Answer {
        let Some(title) = self.text("/title").map(str::to_owned).filter(|title| !title.is_empty()) else {
            return self.error(400, "validation.ArgumentValidationException", "Please supply a title.");
        };
        let branch = |name| Some(self.text(name)?.strip_prefix("refs/heads/")?.to_owned());
        let (Some(head), Some(base)) = (branch("/fromRef/id"), branch("/toRef/id")) else {
            return self.error(404, "repository.NoSuchBranchException", "A ref is told in full.");
        };
        let body = self.text("/description").unwrap_or_default().to_owned();
        let draft = !self.version.old && self.asked.body.as_ref().is_some_and(|body| body["draft"] == true);
        match self.plain.open(&self.person.name, &head, &base, &title, &body, draft, false) {
            Ok(number) => self.shown(201, number),
            Err(Refused::Exists(number)) => {
                let words = "Only one pull request may be open for a given source and target branch";
                let known = pull_request(self.plain, self.version, number);
                let body = json!({"errors": [{
                    "context": null, "message": words, "existingPullRequest": known,
                    "exceptionName": "com.atlassian.bitbucket.pull.DuplicatePullRequestException",
                }]});
                self.reply(409, &body)
            }
            Err(Refused::NothingToMerge) => {
                let words = format!("Branch {base} is already up-to-date with branch {head}.");
                self.error(409, "pull.EmptyPullRequestException", &words)
            }
            Err(Refused::NoSuchBranch(name)) => {
                self.error(404, "repository.NoSuchBranchException", &format!("Branch \"{name}\" does not exist."))
            }
            Err(refused) => self.error(409, "pull.IllegalPullRequestException", &format!("{refused:?}")),
        }
    }

    /// The version that a change names, in the query or the body, if it is the current one.
    fn is_current(&self, number: u64) -> bool {
        let in_query = self.asked.parameter("version").and_then(|version| version.parse().ok());
        let told = in_query.or_else(|| self.asked.body.as_ref()?["version"].as_u64());
        told == self.plain.proposal(number).map(|it| it.version)
    }

    fn put(&mut self, number: u64) -> Answer {
        if !self.is_current(number) {
            return self.stale("pull.PullRequestOutOfDateException");
        }
        let known = self.plain.proposal(number).unwrap().clone();
        if known.state != State::Open {
            return self.error(409, "pull.IllegalPullRequestStateException", "It is not open.");
        }
        let title = self.text("/title").unwrap_or(&known.title).to_owned();
        let body = self.text("/description").unwrap_or_default().to_owned();
        let draft = self.asked.body.as_ref().unwrap()["draft"].as_bool().filter(|_| !self.version.old);
        let people = |body: &Value| body["reviewers"].as_array().map_or(0, Vec::len);
        let before = people(&pull_request(self.plain, self.version, number));
        assert_eq!(before, people(self.asked.body.as_ref().unwrap()), "who is left out is no reviewer any more");
        if (title.as_str(), body.as_str()) != (&known.title, &known.body) {
            self.plain.edit(number, Some(&title), Some(&body)).unwrap();
        }
        if let Some(draft) = draft {
            self.plain.set_draft(number, draft).unwrap();
        }
        self.shown(200, number)
    }

    fn act(&mut self, number: u64, from: &State, act: fn(&mut Plain, u64) -> Result<(), Refused>) -> Answer {
        if !self.is_current(number) {
            return self.stale("pull.PullRequestOutOfDateException");
        }
        if self.plain.proposal(number).unwrap().state != *from {
            let words = "This pull request has already been declined, merged or reopened.";
            return self.error(409, "pull.IllegalPullRequestStateException", words);
        }
        match act(self.plain, number) {
            Ok(()) => self.shown(200, number),
            Err(Refused::NoSuchBranch(name)) => {
                self.error(409, "pull.IllegalPullRequestStateException", &format!("Branch {name} is gone."))
            }
            Err(refused) => self.error(409, "pull.DuplicatePullRequestException", &format!("{refused:?}")),
        }
    }

    /// What stands in the way.
    fn vetoes(&self, number: u64) -> Vec<Value> {
        match self.plain.mergeable(number) {
            Err(Refused::Protected) => vec![json!({
                "summaryMessage": "Not all required reviewers have approved yet",
                "detailedMessage": "At least 1 approval is required to merge this pull request.",
            })],
            Err(Refused::Draft) => vec![json!({
                "summaryMessage": "This pull request is a draft", "detailedMessage": "Mark it as ready to merge it.",
            })],
            _ => Vec::new(),
        }
    }

    fn mergeability(&mut self, number: u64) -> Answer {
        let proposal = self.plain.proposal(number).unwrap();
        if proposal.state != State::Open {
            return self.error(409, "pull.IllegalPullRequestStateException", "It is not open.");
        }
        let conflicted = self.plain.git.conflicts(&proposal.base, &proposal.head);
        let undecided = proposal.undecided > 0;
        let vetoes = self.vetoes(number);
        let outcome = match (undecided, conflicted) {
            (true, _) => "UNKNOWN",
            (false, true) => "CONFLICTED",
            (false, false) => "CLEAN",
        };
        let undecided = &mut self.plain.proposal_mut(number).unwrap().undecided;
        *undecided = undecided.saturating_sub(1);
        let can = outcome == "CLEAN" && vetoes.is_empty();
        let conflicted = outcome == "CONFLICTED";
        self.reply(200, &json!({"canMerge": can, "conflicted": conflicted, "outcome": outcome, "vetoes": vetoes}))
    }

    fn merge(&mut self, number: u64) -> Answer {
        if !self.is_current(number) {
            return self.stale("pull.PullRequestOutOfDateException");
        }
        let method = match self.text("/strategyId").unwrap_or("no-ff") {
            "squash" | "squash-ff-only" => "squash",
            "rebase-no-ff" | "rebase-ff-only" => "rebase",
            _ => "merge",
        };
        let message = self.text("/message").unwrap_or("Pull request").to_owned();
        self.plain.proposal_mut(number).unwrap().undecided = 0;
        let vetoes = self.vetoes(number);
        match self.plain.merge(number, None, method, &message, false) {
            Ok(_) => self.shown(200, number),
            Err(Refused::Conflict) => {
                let words = "The pull request has conflicts and cannot be merged.";
                self.error(409, "pull.PullRequestMergeConflictException", words)
            }
            Err(Refused::Protected | Refused::Draft) => {
                let body = json!({"errors": [{
                    "context": null, "message": "A merge check vetoed the merge.", "vetoes": vetoes,
                    "exceptionName": "com.atlassian.bitbucket.pull.PullRequestMergeVetoedException",
                }]});
                self.reply(409, &body)
            }
            Err(_) => self.error(409, "pull.IllegalPullRequestStateException", "It is not open."),
        }
    }

    fn set_build(&mut self, commit: &str) -> Answer {
        let text = |name| self.text(name).map(str::to_owned);
        let (Some(key), Some(state), Some(url)) = (text("/key"), text("/state"), text("/url")) else {
            return self.error(400, "validation.ArgumentValidationException", "key, state and url are required");
        };
        let tip = |branch: &str| self.plain.git.tip(branch).as_deref() == Some(commit);
        let known = self.plain.proposals.iter().any(|it| it.head_commit == commit || tip(&it.base));
        if self.asked.path[0] == "projects" && !known && !tip("main") && !tip("topic") {
            let words = format!("Commit '{commit}' does not exist in repository.");
            return self.error(404, "commit.NoSuchCommitException", &words);
        }
        let reference = text("/ref");
        assert!(reference.is_none_or(|name| name.starts_with("refs/")), "a ref is told in full");
        let state = match state.as_str() {
            "INPROGRESS" => "pending",
            "SUCCESSFUL" => "success",
            _ => "failure",
        };
        let description = text("/description").unwrap_or_default();
        let (commit, state) = (commit.to_owned(), state.to_owned());
        self.plain.set_status(Status { commit, context: key, state, description, url: Some(url) });
        self.reply(204, &Value::Null)
    }

    fn builds(&self, commit: &str) -> Answer {
        let of = self.plain.statuses.iter().filter(|status| status.commit == commit);
        self.page(&of.map(|status| build(status, self.version.dates(), self.plain.now)).collect::<Vec<_>>())
    }

    fn delete_branch(&mut self) -> Answer {
        let branch = self.text("/name").unwrap().strip_prefix("refs/heads/").unwrap().to_owned();
        if self.plain.git.tip(&branch).as_deref() == self.text("/endPoint") {
            self.plain.git.delete(&branch);
            return self.reply(204, &Value::Null);
        }
        self.error(400, "repository.RefOutOfDateException", "It points elsewhere.")
    }
}
