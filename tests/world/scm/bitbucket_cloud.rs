//! Bitbucket Cloud's dialect: 12 digits of a commit, pages that name the next one, `q`, no way back from a declined pull
//! request, and a second pull request for the same branches that is the first one with other words.

mod hooks;
mod messages;
mod shape;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::plain::{Happened, Person, Plain, Refused, State, Status};
use super::{Asked, Dialect, Message};
use shape::{commit_status, date, pull_request, remark};

/// Root of its API.
pub const ROOT: &str = "https://api.bitbucket.org/2.0";

/// Its way to speak.
#[derive(Debug, Clone, Copy, Default)]
pub struct BitbucketCloud {
    /// A second pull request for the same branches is not refused, it is the first one with other words. The vendor does
    /// not say which it is, and those who tried say either.
    pub joins: bool,
}

impl Dialect for BitbucketCloud {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        let mut answer = Request::admit(*self, plain, asked).map_or_else(|refused| refused, |mut it| it.answer());
        answer.headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
        if let Some((left, _)) = plain.rate {
            answer.headers.push(("x-ratelimit-limit".to_owned(), "1000".to_owned()));
            answer.headers.push(("x-ratelimit-nearlimit".to_owned(), (left < 200).to_string()));
        }
        answer
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        messages::of(plain, happened)
    }
}

/// A request of somebody who is known, for the one repository.
struct Request<'w> {
    kind: BitbucketCloud,
    plain: &'w mut Plain,
    asked: &'w Asked,
    person: Person,
    /// Below the repository.
    path: Vec<&'w str>,
}

/// Whether a commit is there, as far as anything points to it.
fn is_known(plain: &Plain, commit: &str) -> bool {
    let tip = |branch: &str| plain.git.tip(branch).as_deref() == Some(commit);
    tip("main") || tip("topic") || plain.proposals.iter().any(|it| it.head_commit == commit || tip(&it.base))
}

fn reply(plain: &Plain, status: u16, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Answer { status, headers: Vec::new(), body, at: plain.now }
}

fn error(plain: &Plain, status: u16, message: &str) -> Answer {
    reply(plain, status, &json!({"type": "error", "error": {"message": message}}))
}

impl<'w> Request<'w> {
    fn admit(kind: BitbucketCloud, plain: &'w mut Plain, asked: &'w Asked) -> Result<Self, Answer> {
        let Some(person) = plain.person(asked.credential.as_deref()).cloned() else {
            return Err(error(plain, 401, "Token is invalid, expired, or not supported for this endpoint."));
        };
        if let Some((left, begins)) = plain.rate {
            if plain.now >= begins {
                plain.rate = None;
            } else if left == 0 {
                return Err(error(plain, 429, "Rate limit for this resource has been exceeded"));
            } else {
                plain.rate = Some((left - 1, begins));
            }
        }
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let ["repositories", owner, repository, below @ ..] = path.as_slice() else {
            return Err(error(plain, 404, "Resource not found"));
        };
        let name = plain.renamed_to.as_ref().unwrap_or(&plain.repository);
        if plain.gone || *owner != plain.owner || repository != name {
            return Err(error(plain, 404, &format!("Repository {owner}/{repository} not found")));
        }
        Ok(Self { kind, path: below.to_vec(), plain, asked, person })
    }

    fn answer(&mut self) -> Answer {
        let number = self.path.get(1).and_then(|number| number.parse::<u64>().ok());
        if self.path[0] == "pullrequests"
            && self.path.len() > 1
            && number.and_then(|n| self.plain.proposal(n)).is_none()
        {
            return self.error(404, &format!("Pull request {} does not exist", self.path[1]));
        }
        let number = number.unwrap_or_default();
        let path = self.path.clone();
        let looks = self.asked.method == "GET";
        if !looks && path[0] != "hooks" {
            if !self.person.writes {
                return self.error(403, "Your credentials lack one or more required privilege scopes.");
            }
            if self.plain.archived {
                return self.error(403, "This repository is archived. Archived repositories are read-only.");
            }
        }
        match (self.asked.method, path.as_slice()) {
            ("GET", ["pullrequests"]) => self.list(),
            ("POST", ["pullrequests"]) => self.create(),
            ("GET", ["pullrequests", _]) => self.one(number),
            ("PUT", ["pullrequests", _]) => self.put(number),
            ("POST", ["pullrequests", _, "decline"]) => self.decline(number),
            ("POST", ["pullrequests", _, "merge"]) => self.merge(number),
            ("GET", ["pullrequests", _, "statuses"]) => self.statuses(number),
            ("GET", ["pullrequests", _, "activity"]) => self.activity(number),
            ("GET", ["file-conflicts", spec]) => self.conflicts(spec),
            ("POST", ["commit", commit, "statuses", "build"]) => self.set_status(commit),
            ("GET", ["pullrequests", _, "comments"]) => self.comments(number),
            ("POST", ["pullrequests", _, "comments"]) => self.comment(number),
            ("PUT" | "DELETE", ["pullrequests", _, "comments", id]) => self.change_comment(number, id),
            (_, ["hooks", rest @ ..]) => self.hooks(rest),
            _ => self.error(404, "Resource not found"),
        }
    }

    fn reply(&self, status: u16, body: &Value) -> Answer {
        reply(self.plain, status, body)
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        error(self.plain, status, message)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.asked.body.as_ref()?.pointer(name)?.as_str()
    }

    fn page(&self, values: &[Value], most: usize) -> Answer {
        let number = |name| self.asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let length = number("pagelen").unwrap_or(10).min(most).min(self.plain.page).max(1);
        let page = number("page").unwrap_or(1).max(1);
        let from = ((page - 1) * length).min(values.len());
        let shown = &values[from..(from + length).min(values.len())];
        let mut body = json!({"values": shown, "pagelen": length, "page": page, "size": values.len()});
        if from + length < values.len() {
            let path = self.asked.path.join("/");
            body["next"] = format!("{ROOT}/{path}?pagelen={length}&page={}", page + 1).into();
        }
        self.reply(200, &body)
    }

    fn one(&mut self, number: u64) -> Answer {
        let body = pull_request(self.plain, number, true);
        let undecided = &mut self.plain.proposal_mut(number).unwrap().undecided;
        *undecided = undecided.saturating_sub(1);
        self.reply(200, &body)
    }

    fn list(&self) -> Answer {
        let asked: Vec<&str> = self.asked.query.iter().filter(|(n, _)| n == "state").map(|(_, v)| v.as_str()).collect();
        let asked = if asked.is_empty() { vec!["OPEN"] } else { asked };
        let mut found = Vec::new();
        for proposal in self.plain.proposals.iter().rev() {
            let body = pull_request(self.plain, proposal.number, false);
            match self.asked.parameter("q").map_or(Ok(true), |q| shape::fits(&body, q)) {
                Ok(true) if asked.contains(&body["state"].as_str().unwrap()) => found.push(body),
                Ok(_) => {}
                Err(why) => return self.error(400, &why),
            }
        }
        self.page(&found, 50)
    }

    fn create(&mut self) -> Answer {
        let Some(title) = self.text("/title").map(str::to_owned).filter(|title| !title.is_empty()) else {
            return self.error(400, "title: This field is required.");
        };
        let Some(head) = self.text("/source/branch/name").map(str::to_owned) else {
            return self.error(400, "source: This field is required.");
        };
        let base = self.text("/destination/branch/name").unwrap_or("main").to_owned();
        let body = self.text("/description").unwrap_or_default().to_owned();
        let draft = self.asked.body.as_ref().is_some_and(|body| body["draft"] == true);
        match self.plain.open(&self.person.name, &head, &base, &title, &body, draft, false) {
            Ok(number) => self.reply(201, &pull_request(self.plain, number, true)),
            Err(Refused::Exists(number)) if self.kind.joins => {
                self.plain.edit(number, Some(&title), Some(&body)).unwrap();
                self.reply(201, &pull_request(self.plain, number, true))
            }
            Err(Refused::Exists(_)) => self.error(400, "There is already an open pull request for these branches"),
            Err(Refused::NothingToMerge) => self.error(400, "There are no changes to be pulled"),
            Err(Refused::NoSuchBranch(name)) => self.error(400, &format!("branch not found: {name}")),
            Err(refused) => self.error(400, &format!("{refused:?}")),
        }
    }

    fn put(&mut self, number: u64) -> Answer {
        let known = self.plain.proposal(number).unwrap().clone();
        if known.state != State::Open {
            return self.error(400, "Only open pull requests can be mutated");
        }
        let Some(title) = self.text("/title").map(str::to_owned).filter(|title| !title.is_empty()) else {
            return self.error(400, "title: This field is required.");
        };
        let body = self.text("/description").unwrap_or_default().to_owned();
        let base = self.text("/destination/branch/name").unwrap_or(&known.base).to_owned();
        let draft = self.asked.body.as_ref().is_some_and(|body| body["draft"] == true);
        let reviewers = |body: &Value| body["reviewers"].as_array().map_or(0, Vec::len);
        let before = reviewers(&pull_request(self.plain, number, true));
        assert_eq!(before, reviewers(self.asked.body.as_ref().unwrap()), "who is left out is no reviewer any more");
        if (title.as_str(), body.as_str()) != (&known.title, &known.body) {
            self.plain.edit(number, Some(&title), Some(&body)).unwrap();
        }
        if base != known.base && self.plain.retarget(number, &base).is_err() {
            return self.error(400, &format!("branch not found: {base}"));
        }
        self.plain.set_draft(number, draft).unwrap();
        self.reply(200, &pull_request(self.plain, number, true))
    }

    fn decline(&mut self, number: u64) -> Answer {
        match self.plain.close(number) {
            Ok(()) => self.reply(200, &pull_request(self.plain, number, true)),
            Err(_) => self.error(400, "This pull request is already closed."),
        }
    }

    fn merge(&mut self, number: u64) -> Answer {
        let method = match self.text("/merge_strategy").unwrap_or("merge_commit") {
            "squash" | "squash_fast_forward" => "squash",
            "rebase_fast_forward" | "rebase_merge" => "rebase",
            _ => "merge",
        };
        let message = self.text("/message").unwrap_or("Merged in topic").to_owned();
        let delete = self.asked.body.as_ref().is_some_and(|body| body["close_source_branch"] == true);
        self.plain.proposal_mut(number).unwrap().undecided = 0;
        match self.plain.merge(number, None, method, &message, delete) {
            Ok(_) => self.reply(200, &pull_request(self.plain, number, true)),
            Err(Refused::Conflict) => self.error(400, "You can't merge until you resolve all merge conflicts."),
            Err(Refused::Protected) => self.error(400, "You can't merge until you have 1 approval."),
            Err(Refused::Draft) => self.error(400, "You can't merge a draft pull request."),
            Err(_) => self.error(400, "This pull request is already closed."),
        }
    }

    fn statuses(&self, number: u64) -> Answer {
        let head = &self.plain.proposal(number).unwrap().head_commit;
        let of = self.plain.statuses.iter().filter(|status| status.commit == *head);
        let values: Vec<Value> = of.map(|status| commit_status(status, self.plain.now)).collect();
        self.page(&values, 100)
    }

    /// The newest first.
    fn activity(&self, number: u64) -> Answer {
        let proposal = self.plain.proposal(number).unwrap();
        let body = pull_request(self.plain, number, false);
        let update = |state: &Value, at| json!({"update": {"state": state, "date": date(at), "title": proposal.title}});
        let mut all = vec![update(&"OPEN".into(), proposal.created)];
        for comment in &proposal.comments {
            all.insert(0, json!({"comment": remark(self.plain, number, comment)}));
        }
        if let Some(ended) = proposal.ended {
            all.insert(0, update(&body["state"], ended));
            all.insert(0, update(&body["state"], proposal.updated));
        }
        self.page(&all, 50)
    }

    /// `head..base`, abbreviated.
    fn conflicts(&self, spec: &str) -> Answer {
        let (head, base) = spec.split_once("..").unwrap();
        let fits = |commit: Option<String>, told: &str| commit.is_some_and(|commit| commit.starts_with(told));
        let found = self.plain.proposals.iter().find(|proposal| {
            fits(Some(proposal.head_commit.clone()), head) && fits(self.plain.git.tip(&proposal.base), base)
        });
        let Some(found) = found else { return self.error(404, &format!("Commit {head} not found")) };
        let conflict = json!({
            "type": "file_conflict", "path": "production/features.yaml", "scenario": "content",
            "message": "File modified in both source and destination",
        });
        let conflicts = self.plain.git.conflicts(&found.base, &found.head);
        self.page(&if conflicts { vec![conflict] } else { Vec::new() }, 100)
    }

    fn set_status(&mut self, commit: &str) -> Answer {
        let text = |name| self.text(name).map(str::to_owned);
        let (Some(key), Some(state), Some(url)) = (text("/key"), text("/state"), text("/url")) else {
            return self.error(400, "key, state and url are required");
        };
        assert!(key.len() <= 40, "a key has at most 40 characters");
        if !is_known(self.plain, commit) {
            return self.error(404, &format!("Commit {commit} not found"));
        }
        let state = match state.as_str() {
            "INPROGRESS" => "pending",
            "SUCCESSFUL" => "success",
            _ => "failure",
        };
        let status = Status {
            commit: commit.to_owned(),
            context: key,
            state: state.to_owned(),
            description: text("/description").unwrap_or_default(),
            url: Some(url),
        };
        self.plain.set_status(status.clone());
        self.reply(201, &commit_status(&status, self.plain.now))
    }

    fn comments(&self, number: u64) -> Answer {
        let proposal = self.plain.proposal(number).unwrap();
        let values: Vec<Value> = proposal.comments.iter().map(|it| remark(self.plain, number, it)).collect();
        self.page(&values, 100)
    }

    fn comment(&mut self, number: u64) -> Answer {
        let Some(text) = self.text("/content/raw").map(str::to_owned) else {
            return self.error(400, "content: This field is required.");
        };
        let id = self.plain.comment(number, &self.person.name, &text).unwrap();
        let comment = self.plain.proposal(number).unwrap().comments.iter().find(|it| it.id == id).unwrap();
        self.reply(201, &remark(self.plain, number, comment))
    }

    fn change_comment(&mut self, number: u64, id: &str) -> Answer {
        let text = self.text("/content/raw").map(str::to_owned);
        let delete = self.asked.method == "DELETE";
        let comments = &mut self.plain.proposal_mut(number).unwrap().comments;
        let Some(at) = comments.iter().position(|comment| comment.id.to_string() == id) else {
            return self.error(404, &format!("Comment {id} not found"));
        };
        if delete {
            comments.remove(at);
            return self.reply(204, &Value::Null);
        }
        comments[at].text = text.unwrap();
        let comment = comments[at].clone();
        self.reply(200, &remark(self.plain, number, &comment))
    }
}
