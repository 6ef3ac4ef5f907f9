//! The proposals of the demonstration: a Gitea, as far as Yardarm asks one, over the forge's own repository.
//!
//! It is a few lists behind one lock. People work on it by its methods, Yardarm by [`api`]; both leave what happened for
//! the [`herald`](super::herald), who announces it as the real server would. Nothing of it is fit for anything but a
//! demonstration: the simulators that the providers' interfaces are tested against are others, and stricter.

mod api;
mod shape;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::web;
use jiff::Timestamp;
use serde_json::Value;

use super::dialect::{Person, Repository};
use super::forge::{Error, Forge};
use super::loopback::{Loopback, Port};
use crate::git::{self, program};

/// A running server.
#[derive(Debug)]
pub(super) struct Desk {
    book: Arc<Book>,
    server: Loopback,
}

/// Everything that it knows.
#[derive(Debug)]
pub(super) struct Book {
    /// Where the repository is.
    place: Repository,
    /// Where people look at its proposals: scheme, host and port.
    web: String,
    token: String,
    repository: program::Repository,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    /// By number, which begins at 1.
    pulls: Vec<Pull>,
    statuses: Vec<Status>,
    hooks: Vec<Value>,
    happened: Vec<Happened>,
    ids: u64,
}

/// Something that a webhook tells.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    /// The server's name of the event.
    pub(super) event: &'static str,
    pub(super) payload: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Merged,
}

#[derive(Debug, Clone)]
struct Pull {
    number: u64,
    title: String,
    body: String,
    author: String,
    head: String,
    base: String,
    /// The head as it is, or as it was when it ended.
    head_commit: String,
    draft: bool,
    state: State,
    merge_commit: Option<String>,
    merged_by: Option<String>,
    created: Timestamp,
    updated: Timestamp,
    ended: Option<Timestamp>,
    /// Reviewer, and whether they approve.
    reviews: Vec<(u64, String, bool)>,
    comments: Vec<(u64, String, String)>,
}

#[derive(Debug, Clone)]
struct Status {
    commit: String,
    context: String,
    state: String,
    description: String,
    url: String,
}

/// Why something is not done, in the words of the server.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    message: String,
}

impl Refused {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<git::Error> for Refused {
    fn from(error: git::Error) -> Self {
        Self::new(500, error.to_string())
    }
}

impl Desk {
    /// Serves on a free port of loopback.
    pub(super) fn start(forge: &Forge, token: String) -> Result<Self, Error> {
        let port = Port::free()?;
        let book = Arc::new(Book {
            place: forge.place().clone(),
            web: port.url(),
            token,
            repository: forge.repository().clone(),
            lists: Mutex::default(),
        });
        let server = port.serve(web::Data::from(Arc::clone(&book)), api::answer)?;
        Ok(Self { book, server })
    }

    /// Root of its API.
    pub(super) fn root(&self) -> String {
        format!("{}/api/v1", self.book.web)
    }

    /// What Yardarm shows to be let in.
    pub(super) fn token(&self) -> &str {
        &self.book.token
    }

    pub(super) fn book(&self) -> &Arc<Book> {
        &self.book
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}

/// A proposal that somebody opens.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: String,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) draft: bool,
}

/// All of these block.
impl Book {
    /// What has happened since the last time, in order.
    pub(super) fn take_happened(&self) -> Vec<Happened> {
        std::mem::take(&mut self.lists().happened)
    }

    pub(super) fn open(&self, new: New) -> Result<u64, Refused> {
        let New { title, body, author, head, base, draft } = new;
        let missing =
            |branch: &str| Refused::new(404, format!("could not find '{branch}' to be a commit, branch or tag"));
        let head_commit = self.repository.tip(&head)?.ok_or_else(|| missing(&head))?;
        self.repository.tip(&base)?.ok_or_else(|| missing(&base))?;
        let now = Timestamp::now();
        let mut lists = self.lists();
        if lists.pulls.iter().any(|it| it.state == State::Open && it.head == head && it.base == base) {
            return Err(Refused::new(409, "pull request already exists for these targets"));
        }
        let number = u64::try_from(lists.pulls.len()).unwrap_or(u64::MAX).saturating_add(1);
        lists.pulls.push(Pull {
            number,
            title,
            body,
            author,
            head,
            base,
            head_commit,
            draft,
            state: State::Open,
            merge_commit: None,
            merged_by: None,
            created: now,
            updated: now,
            ended: None,
            reviews: Vec::new(),
            comments: Vec::new(),
        });
        self.tell(&mut lists, number, "pull_request", "opened", &Value::Null);
        Ok(number)
    }

    pub(super) fn review(&self, number: u64, by: &str, approves: bool) -> Result<(), Refused> {
        let mut lists = self.lists();
        let id = lists.id();
        lists.open_one(number)?.reviews.push((id, by.to_owned(), approves));
        let word = if approves { "pull_request_review_approved" } else { "pull_request_review_rejected" };
        self.tell(&mut lists, number, word, "reviewed", &Value::Null);
        Ok(())
    }

    /// A check of the head says how it went; of a name the last counts.
    pub(super) fn check(&self, number: u64, context: &str, passed: bool, description: &str) -> Result<(), Refused> {
        let mut lists = self.lists();
        let commit = lists.open_one(number)?.head_commit.clone();
        lists.set_status(Status {
            commit,
            context: context.to_owned(),
            state: if passed { "success" } else { "failure" }.to_owned(),
            description: description.to_owned(),
            url: String::new(),
        });
        Ok(())
    }

    fn edit(&self, number: u64, title: Option<&str>, body: Option<&str>) -> Result<(), Refused> {
        let mut lists = self.lists();
        let it = lists.any(number)?;
        let before = shape::title(it);
        if let Some(title) = title {
            let (title, draft) = shape::split(title);
            (it.title, it.draft) = (title.to_owned(), draft);
        }
        if let Some(body) = body {
            body.clone_into(&mut it.body);
        }
        self.tell(&mut lists, number, "pull_request", "edited", &serde_json::json!({ "title": { "from": before } }));
        Ok(())
    }

    fn set_open(&self, number: u64, open: bool) -> Result<(), Refused> {
        let mut lists = self.lists();
        let it = lists.any(number)?;
        match (it.state, open) {
            (State::Merged, _) => {
                return Err(Refused::new(412, "cannot change state of this pull request, it was already merged"));
            }
            (State::Open, true) | (State::Closed, false) => return Ok(()),
            (State::Open | State::Closed, _) => {}
        }
        it.state = if open { State::Open } else { State::Closed };
        it.ended = (!open).then(Timestamp::now);
        self.tell(&mut lists, number, "pull_request", if open { "reopened" } else { "closed" }, &Value::Null);
        Ok(())
    }

    fn comment(&self, number: u64, by: &str, text: &str) -> Result<u64, Refused> {
        let mut lists = self.lists();
        let id = lists.id();
        lists.any(number)?.comments.push((id, by.to_owned(), text.to_owned()));
        Ok(id)
    }

    /// Merges; the herald sees that the base moved.
    pub(super) fn merge(&self, number: u64, by: &Person, message: &str, way: &Way<'_>) -> Result<(), Refused> {
        let it = self.lists().open_one(number)?.clone();
        if it.draft {
            return Err(Refused::new(405, "The PR is a work in progress"));
        }
        if way.head_commit.is_some_and(|head| head != it.head_commit) {
            return Err(Refused::new(409, "head commit has changed"));
        }
        let conflict = || Refused::new(405, "Please try again later");
        let tip = |branch: &str| self.repository.tip(branch)?.ok_or_else(conflict);
        let (onto, from) = (tip(&it.base)?, tip(&it.head)?);
        let tree = self.joined(&onto, &from)?.ok_or_else(conflict)?;
        let message = if message.is_empty() { format!("{} (#{number})", it.title) } else { message.to_owned() };
        let (name, email) = (format!("user.name={}", by.name), format!("user.email={}", by.email));
        let mut arguments = vec!["-c", &name, "-c", &email, "commit-tree", &tree, "-m", &message, "-p", &onto];
        if way.style == "merge" {
            arguments.extend(["-p", &from]);
        }
        let commit = self.repository.git(arguments)?.trim().to_owned();
        self.repository.git(["update-ref", &format!("refs/heads/{}", it.base), &commit, &onto])?;
        if way.delete_branch {
            self.repository.delete_branch(&it.head)?;
        }
        let mut lists = self.lists();
        let it = lists.any(number)?;
        it.state = State::Merged;
        it.ended = Some(Timestamp::now());
        it.merge_commit = Some(commit);
        it.merged_by = Some(by.login.clone());
        self.tell(&mut lists, number, "pull_request", "closed", &Value::Null);
        Ok(())
    }

    /// A branch has moved: the proposals that it is the head of have other commits now.
    pub(super) fn moved(&self, branch: &str, tip: &str) {
        let mut lists = self.lists();
        let mut moved = Vec::new();
        for it in lists.pulls.iter_mut().filter(|it| it.state == State::Open && it.head == branch) {
            if it.head_commit != tip {
                tip.clone_into(&mut it.head_commit);
                moved.push(it.number);
            }
        }
        for number in moved {
            self.tell(&mut lists, number, "pull_request_sync", "synchronized", &Value::Null);
        }
    }

    /// The tree of two commits joined; none where they conflict.
    fn joined(&self, onto: &str, from: &str) -> Result<Option<String>, git::Error> {
        let base = self.repository.git(["merge-base", onto, from])?;
        if base.trim() == onto {
            let tree = self.repository.git(["rev-parse", &format!("{from}^{{tree}}")])?;
            return Ok(Some(tree.trim().to_owned()));
        }
        // Git says a conflict by failing; an old one that knows no such thing fails as well.
        let tree = self.repository.git(["merge-tree", "--write-tree", onto, from]).ok();
        Ok(tree.map(|tree| tree.trim().to_owned()))
    }

    fn tell(&self, lists: &mut Lists, number: u64, event: &'static str, action: &str, changes: &Value) {
        let Ok(it) = lists.any(number) else { return };
        it.updated = Timestamp::now();
        let it = it.clone();
        let payload = self.event(&it, action, changes);
        lists.happened.push(Happened { event, payload });
    }

    /// A panic while it was held leaves whole lists.
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it is merged.
#[derive(Debug, Default)]
pub(super) struct Way<'w> {
    /// `merge`, `squash`, `rebase`.
    pub(super) style: &'w str,
    pub(super) head_commit: Option<&'w str>,
    pub(super) delete_branch: bool,
}

impl Lists {
    fn id(&mut self) -> u64 {
        self.ids = self.ids.saturating_add(1);
        self.ids
    }

    fn any(&mut self, number: u64) -> Result<&mut Pull, Refused> {
        let found = self.pulls.iter_mut().find(|it| it.number == number);
        found.ok_or_else(|| Refused::new(404, "The target couldn't be found."))
    }

    fn open_one(&mut self, number: u64) -> Result<&mut Pull, Refused> {
        let it = self.any(number)?;
        if it.state == State::Open { Ok(it) } else { Err(Refused::new(412, "the pull request is not open")) }
    }

    fn set_status(&mut self, status: Status) {
        self.statuses.retain(|known| (&known.commit, &known.context) != (&status.commit, &status.context));
        self.statuses.push(status);
    }
}
