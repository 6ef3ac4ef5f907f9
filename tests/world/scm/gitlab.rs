//! GitLab's dialect, as its documentation, its own specification and recorded answers have it: a project in one segment
//! of the path, offset pages, four ways to say no, a merge request whose mergeability is being looked at for a while,
//! quick actions in texts, and hooks whose secret goes with their URL.

mod answers;
mod commands;
mod hooks;
mod notes;
mod reply;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::plain::{Happened, Plain, Refused, Status};
use super::{Asked, Dialect, Message};
use reply::{Reply, limited, page, refused};

/// Id of the one project; a moved one is redirected to it.
pub const PROJECT: u64 = 42;

/// GitLab.
#[derive(Debug)]
pub struct Gitlab {
    /// Approvals that are needed: only paid editions say so.
    pub approvals_required: Option<u32>,
    /// `merge` makes a merge commit, `ff` only ever moves the target branch on.
    pub merge_method: &'static str,
    /// Hooks can sign (since 19.0).
    pub signs: bool,
    /// What a person has asked for may be told (since 16.9).
    pub reviewers: bool,
    /// Merging takes a right that whoever writes does not have.
    pub protects_target: bool,
    pub rest: Mutex<Rest>,
}

/// What this provider knows and the plain world does not.
#[derive(Debug, Default)]
pub struct Rest {
    /// In which way a proposal was merged.
    methods: BTreeMap<u64, String>,
    /// Whose branch is being rebased, and for how many more reads.
    rebasing: BTreeMap<u64, u32>,
    /// Commits of the base that a proposal's head does not stand on.
    behind: BTreeMap<u64, u64>,
    /// When hooks were tried by hand: five a minute.
    tried: Vec<Timestamp>,
}

impl Default for Gitlab {
    fn default() -> Self {
        Self {
            approvals_required: None,
            merge_method: "merge",
            signs: true,
            reviewers: true,
            protects_target: false,
            rest: Mutex::default(),
        }
    }
}

impl Gitlab {
    /// The base of a proposal has gone on without it.
    pub fn falls_behind(&self, number: u64, commits: u64) {
        self.rest.lock().unwrap().behind.insert(number, commits);
    }
}

impl Dialect for Gitlab {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        let limit = limited(plain);
        let reply = match &limit {
            Ok(_) => self.reply(plain, asked),
            Err(_) => Reply::new(429, Value::String("Retry later\n".to_owned())),
        };
        let mut headers = reply.headers;
        headers.extend(limit.unwrap_or_else(|used_up| used_up));
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let body = match reply.body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            body => serde_json::to_vec(&body).unwrap(),
        };
        Answer { status: reply.status, headers, body, at: plain.now }
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        webhooks::messages(self, plain, happened)
    }
}

impl Gitlab {
    fn reply(&self, plain: &mut Plain, asked: &Asked) -> Reply {
        let Some(person) = plain.person(asked.credential.as_deref()).cloned() else {
            return Reply::no(401, "401 Unauthorized");
        };
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let reads = asked.method == "GET";
        let (id, rest) = match path.as_slice() {
            ["metadata"] if reads => return self.metadata(),
            ["projects", id, rest @ ..] => (*id, rest),
            _ => return Reply::new(404, json!({ "error": "404 Not Found" })),
        };
        if let Some(no) = find_project(plain, asked, id, rest) {
            return no;
        }
        if !reads && plain.archived {
            return Reply::no(403, "403 Forbidden");
        }
        match (asked.method, rest) {
            (_, ["hooks", ..]) if !person.administers => return Reply::no(403, "403 Forbidden"),
            (_, ["hooks", rest @ ..]) => return self.hooks(plain, asked, rest),
            ("PUT", ["merge_requests", _, "merge"]) if !person.writes || self.protects_target => {
                return Reply::no(401, "401 Unauthorized");
            }
            ("GET", _) => {}
            _ if !person.writes => return Reply::no(403, "403 Forbidden"),
            _ => {}
        }
        match (asked.method, rest) {
            ("GET", []) => Reply::new(200, self.project(plain)),
            ("GET", ["repository", "compare"]) => compare(plain, asked),
            ("GET", ["repository", "commits", sha, "statuses"]) => {
                let statuses = plain.statuses.iter().enumerate().filter(|(_, status)| status.commit == *sha);
                page(plain, asked, statuses.map(|(at, status)| answers::status(plain, at as u64, status)).collect())
            }
            ("POST", ["statuses", sha]) => set_status(plain, asked, sha),
            ("GET", ["merge_requests"]) => self.list(plain, asked),
            ("POST", ["merge_requests"]) => self.create(plain, asked, &person.name),
            (_, ["merge_requests", number, rest @ ..]) => match number.parse::<u64>() {
                Ok(number) if plain.proposal(number).is_some() => self.one(plain, asked, number, rest, &person.name),
                Ok(_) => Reply::no(404, "404 Not found"),
                Err(_) => Reply::new(400, json!({ "error": "merge_request_iid is invalid" })),
            },
            _ => Reply::new(404, json!({ "error": "404 Not Found" })),
        }
    }

    fn metadata(&self) -> Reply {
        let version = if self.signs { "19.5.0-ee" } else { "17.11.2" };
        Reply::new(200, json!({ "version": version, "revision": "0a1b2c3", "enterprise": self.signs }))
    }

    fn list(&self, plain: &Plain, asked: &Asked) -> Reply {
        let wanted = |name: &str| asked.parameter(name);
        let after: Option<Timestamp> = wanted("updated_after").map(|text| text.parse().unwrap());
        let mut found: Vec<_> = plain
            .proposals
            .iter()
            .filter(|proposal| match wanted("state") {
                None | Some("all") => true,
                Some(state) => state == answers::state(&proposal.state),
            })
            .filter(|proposal| wanted("source_branch").is_none_or(|branch| branch == proposal.head))
            .filter(|proposal| wanted("target_branch").is_none_or(|branch| branch == proposal.base))
            .filter(|proposal| after.is_none_or(|after| proposal.updated >= after))
            .collect();
        if wanted("order_by") == Some("updated_at") {
            found.sort_by_key(|proposal| proposal.updated);
        }
        if wanted("sort") != Some("asc") {
            found.reverse();
        }
        page(plain, asked, found.into_iter().map(|proposal| self.merge_request(plain, proposal, false)).collect())
    }

    fn create(&self, plain: &mut Plain, asked: &Asked, by: &str) -> Reply {
        let text = |name: &str| asked.body.as_ref().and_then(|body| body[name].as_str()).map(str::to_owned);
        for name in ["title", "source_branch", "target_branch"] {
            if text(name).is_none() {
                return Reply::new(400, json!({ "error": format!("{name} is missing") }));
            }
        }
        let title = text("title").unwrap();
        if title.trim().is_empty() {
            return Reply::new(400, json!({ "message": { "title": ["can't be blank"] } }));
        }
        let (body, commands) = commands::taken_out(&text("description").unwrap_or_default());
        let (title, draft) = answers::split_title(&title);
        let (head, base) = (text("source_branch").unwrap(), text("target_branch").unwrap());
        match plain.open(by, &head, &base, &title, &body, draft, true) {
            Err(no) => refused(&no),
            Ok(number) => {
                commands::carry_out(plain, number, by, &commands);
                Reply::new(201, self.shown(plain, number))
            }
        }
    }

    /// As it is, without being looked at.
    fn shown(&self, plain: &Plain, number: u64) -> Value {
        self.merge_request(plain, plain.proposal(number).unwrap(), true)
    }

    fn one(&self, plain: &mut Plain, asked: &Asked, number: u64, rest: &[&str], by: &str) -> Reply {
        match (asked.method, rest) {
            ("GET", []) => {
                let mut shown = self.shown(plain, number);
                let proposal = plain.proposal_mut(number).unwrap();
                proposal.undecided = proposal.undecided.saturating_sub(1);
                let mut rest = self.rest.lock().unwrap();
                if asked.parameter("include_diverged_commits_count") == Some("true") {
                    shown["diverged_commits_count"] = rest.behind.get(&number).copied().unwrap_or(0).into();
                }
                if asked.parameter("include_rebase_in_progress") == Some("true") {
                    let left = rest.rebasing.get(&number).copied().unwrap_or(0);
                    shown["rebase_in_progress"] = (left > 0).into();
                    rest.rebasing.insert(number, left.saturating_sub(1));
                }
                Reply::new(200, shown)
            }
            ("PUT", []) => self.update(plain, asked, number, by),
            ("GET", ["approvals"]) => Reply::new(200, self.approvals(plain, number)),
            ("GET", ["reviewers"]) if self.reviewers => Reply::new(200, answers::reviewers(plain, number)),
            ("PUT", ["merge"]) => self.merge(plain, asked, number),
            ("PUT", ["rebase"]) => {
                let mut rest = self.rest.lock().unwrap();
                rest.rebasing.insert(number, 2);
                rest.behind.remove(&number);
                Reply::new(202, json!({ "rebase_in_progress": true }))
            }
            (_, ["notes", rest @ ..]) => notes::notes(plain, asked, number, rest, by),
            _ => Reply::new(404, json!({ "error": "404 Not Found" })),
        }
    }

    fn update(&self, plain: &mut Plain, asked: &Asked, number: u64, by: &str) -> Reply {
        let text = |name: &str| asked.body.as_ref().and_then(|body| body[name].as_str());
        if ["title", "description", "state_event", "target_branch"].iter().all(|name| text(name).is_none()) {
            let said =
                "title, description, state_event, target_branch are missing, at least one parameter must be provided";
            return Reply::new(400, json!({ "error": said }));
        }
        let done = (|| {
            if let Some(title) = text("title") {
                let (title, draft) = answers::split_title(title);
                if title != plain.proposal(number).unwrap().title {
                    plain.edit(number, Some(&title), None)?;
                }
                plain.set_draft(number, draft)?;
            }
            if let Some(description) = text("description") {
                let (description, commands) = commands::taken_out(description);
                plain.edit(number, None, Some(&description))?;
                commands::carry_out(plain, number, by, &commands);
            }
            if let Some(base) = text("target_branch") {
                plain.retarget(number, base)?;
            }
            match text("state_event") {
                // What it is already, and what cannot be, it is silent about.
                Some("close") => plain.close(number).or_else(|no| silent(no, false)),
                Some("reopen") => plain.reopen(number).or_else(|no| silent(no, true)),
                _ => Ok(()),
            }
        })();
        match done {
            Err(no) => refused(&no),
            Ok(()) => Reply::new(200, self.shown(plain, number)),
        }
    }

    fn merge(&self, plain: &mut Plain, asked: &Asked, number: u64) -> Reply {
        let body = asked.body.clone().unwrap_or_default();
        let squash = body["squash"].as_bool().unwrap_or(false);
        let delete = body["should_remove_source_branch"].as_bool().unwrap_or(false);
        let method = match (squash, self.merge_method) {
            (true, _) => "squash",
            (false, "ff") => "rebase",
            (false, _) => "merge",
        };
        let message = body["merge_commit_message"].as_str().unwrap_or("Merge branch");
        match plain.merge(number, body["sha"].as_str(), method, message, delete) {
            Err(no) => refused(&no),
            Ok(commit) => {
                if method == "rebase" {
                    plain.proposal_mut(number).unwrap().head_commit = commit;
                }
                self.rest.lock().unwrap().methods.insert(number, method.to_owned());
                Reply::new(200, self.shown(plain, number))
            }
        }
    }
}

fn silent(no: Refused, reopens: bool) -> Result<(), Refused> {
    match no {
        Refused::NotOpen | Refused::NotClosed | Refused::MergedAlready => Ok(()),
        Refused::NoSuchBranch(_) if reopens => Ok(()),
        no => Err(no),
    }
}

/// Why a project is not found by its id; none if it is.
fn find_project(plain: &Plain, asked: &Asked, id: &str, rest: &[&str]) -> Option<Reply> {
    let path = format!("{}/{}", plain.owner, plain.repository);
    let now = plain.renamed_to.as_ref().map_or(path.clone(), |name| answers::renamed(plain, name));
    if plain.gone {
        return Some(Reply::no(404, "404 Project Not Found"));
    }
    if id == PROJECT.to_string() || id == now {
        return None;
    }
    if id != path {
        return Some(Reply::no(404, "404 Project Not Found"));
    }
    if asked.method != "GET" {
        return Some(Reply::no(405, "Non GET methods are not allowed for moved projects"));
    }
    let slash = if rest.is_empty() { "" } else { "/" };
    let to = format!("https://gitlab.example.com/api/v4/projects/{PROJECT}{slash}{}", rest.join("/"));
    let mut reply = Reply::no(301, &format!("This resource has been moved permanently to {to}"));
    reply.headers.push(("location".to_owned(), to));
    Some(reply)
}

fn compare(plain: &Plain, asked: &Asked) -> Reply {
    let (Some(from), Some(to)) = (asked.parameter("from"), asked.parameter("to")) else {
        return Reply::new(400, json!({ "error": "from is missing, to is missing" }));
    };
    let (Some(_), Some(tip)) = (plain.git.tip(from), plain.git.tip(to)) else {
        return Reply::no(404, "404 Ref Not Found");
    };
    let beyond = plain.git.beyond(to, from);
    let commits: Vec<Value> = (0..beyond).map(|_| answers::commit(plain, &tip)).collect();
    Reply::new(
        200,
        json!({
            "commit": commits.last(),
            "commits": commits,
            "diffs": [],
            "compare_timeout": false,
            "compare_same_ref": from == to,
            "web_url": format!("{}/-/compare/{from}...{to}", answers::web(plain)),
        }),
    )
}

fn set_status(plain: &mut Plain, asked: &Asked, sha: &str) -> Reply {
    let text = |name: &str| asked.body.as_ref().and_then(|body| body[name].as_str()).map(str::to_owned);
    let Some(state) = text("state") else { return Reply::new(400, json!({ "error": "state is missing" })) };
    if !["pending", "running", "success", "failed", "canceled", "skipped"].contains(&state.as_str()) {
        return Reply::new(400, json!({ "error": "state does not have a valid value" }));
    }
    let is = |branch: &str| plain.git.tip(branch).as_deref() == Some(sha);
    if !plain.proposals.iter().any(|it| it.head_commit == sha || is(&it.head) || is(&it.base)) {
        return Reply::no(404, "404 Commit Not Found");
    }
    let context = text("name").or_else(|| text("context")).unwrap_or_else(|| "default".to_owned());
    let state = if state == "failed" { "failure".to_owned() } else { state };
    let known = plain.statuses.iter().find(|known| (known.commit.as_str(), &known.context) == (sha, &context));
    if known.is_some_and(|known| known.state == "pending" && state == "pending") {
        let said = "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \
                    \"enqueue\")";
        return Reply::no(400, said);
    }
    let description = text("description").unwrap_or_default();
    if description.chars().count() > 255 {
        return Reply::new(400, json!({ "message": { "description": ["is too long (maximum is 255 characters)"] } }));
    }
    plain.set_status(Status { commit: sha.to_owned(), context, state, description, url: text("target_url") });
    let at = plain.statuses.len() - 1;
    Reply::new(201, answers::status(plain, at as u64, &plain.statuses[at]))
}
