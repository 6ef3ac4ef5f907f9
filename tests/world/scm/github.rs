//! GitHub's way to speak, as its description and recorded answers have it: a 404 for what may not be seen, a 422 for
//! nearly everything else, GraphQL for drafts, `mergeable` null while it is finding out, and the commit of a test merge
//! in every pull request that is not merged.
//!
//! Statuses whose name begins with `actions/` are shown as check runs.

mod hooks;
mod show;
mod talk;
mod webhook;

use jiff::Timestamp;
use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::plain::{Happened, Plain, Refused, State};
use super::{Asked, Dialect, Message};

/// GitHub, and GitHub Enterprise Server.
pub struct Github;

/// What comes of a request: status, body, further headers.
pub(super) struct Outcome {
    status: u16,
    body: Option<Value>,
    headers: Vec<(String, String)>,
}

impl Outcome {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    /// One of the errors that have nothing but a message.
    fn error(status: u16, message: &str) -> Self {
        let documentation = "https://docs.github.com/rest";
        Self::new(
            status,
            json!({ "message": message, "documentation_url": documentation, "status": status.to_string() }),
        )
    }

    /// The error that says which part of the request is wrong.
    fn invalid(errors: Value) -> Self {
        let mut error = Self::error(422, "Validation Failed");
        error.body.as_mut().unwrap()["errors"] = errors;
        error
    }

    fn custom(message: &str) -> Self {
        Self::invalid(json!([{ "resource": "PullRequest", "code": "custom", "message": message }]))
    }

    fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Dialect for Github {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        let before = plain.rate;
        let outcome = limited(plain).unwrap_or_else(|| routed(plain, asked));
        let outcome = unchanged(asked, outcome);
        if outcome.status == 304 {
            plain.rate = before; // They are free.
        }
        let mut headers = outcome.headers;
        let (left, reset) = plain.rate.unwrap_or((4_999, plain.now + jiff::SignedDuration::from_secs(3_600)));
        let rate = [("limit", 5_000), ("remaining", i64::from(left)), ("reset", reset.as_second())];
        headers.extend(rate.map(|(name, value)| (format!("x-ratelimit-{name}"), value.to_string())));
        headers.push(("x-ratelimit-resource".to_owned(), "core".to_owned()));
        if outcome.body.is_some() {
            headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
        }
        let body = outcome.body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Answer { status: outcome.status, headers, body, at: plain.now }
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        webhook::messages(plain, happened)
    }
}

/// The primary limit, counted down.
fn limited(plain: &mut Plain) -> Option<Outcome> {
    let (left, reset) = plain.rate?;
    if plain.now >= reset {
        plain.rate = None;
        return None;
    }
    let Some(fewer) = left.checked_sub(1) else {
        return Some(Outcome::error(403, "API rate limit exceeded for user ID 4242."));
    };
    plain.rate = Some((fewer, reset));
    None
}

/// Conditional requests.
fn unchanged(asked: &Asked, outcome: Outcome) -> Outcome {
    let (true, 200, Some(body)) = (asked.method == "GET", outcome.status, &outcome.body) else { return outcome };
    let sum = body
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let tag = format!("W/\"{sum:016x}\"");
    if asked.headers.get("if-none-match") == Some(&tag) {
        return Outcome::empty(304).header("etag", tag);
    }
    outcome.header("etag", tag)
}

fn routed(plain: &mut Plain, asked: &Asked) -> Outcome {
    let Some(person) = plain.person(asked.credential.as_deref()).cloned() else {
        return Outcome::error(401, "Bad credentials");
    };
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    if path == ["graphql"] && asked.method == "POST" {
        return graphql(plain, asked, person.writes);
    }
    let ["repos", owner, repository, rest @ ..] = path.as_slice() else { return not_found() };
    let new = plain.renamed_to.as_deref();
    let is_new = new.is_some_and(|new| new == *repository || new == format!("{owner}/{repository}"));
    if plain.gone || !is_new && (plain.owner != *owner || plain.repository != *repository) {
        return not_found();
    }
    if new.is_some() && !is_new {
        let elsewhere = format!("https://api.github.com/repositories/1/{}", rest.join("/"));
        let (status, message) =
            if asked.method == "GET" { (301, "Moved Permanently") } else { (307, "Temporary Redirect") };
        let mut moved = Outcome::error(status, message);
        moved.body.as_mut().unwrap()["url"] = elsewhere.as_str().into();
        return moved.header("location", elsewhere);
    }
    let is_hook = rest.first() == Some(&"hooks");
    if is_hook && !person.administers {
        return not_found();
    }
    if asked.method != "GET" && plain.archived {
        return Outcome::error(403, "Repository was archived so is read-only.");
    }
    if asked.method != "GET" && !person.writes {
        return Outcome::error(403, "Resource not accessible by personal access token")
            .header("x-accepted-github-permissions", "pull_requests=write");
    }
    if is_hook { hooks::routed(plain, asked, &rest[1..]) } else { repository_routed(plain, asked, rest, &person.name) }
}

fn repository_routed(plain: &mut Plain, asked: &Asked, rest: &[&str], by: &str) -> Outcome {
    let body = asked.body.clone().unwrap_or_default();
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    match (asked.method, rest) {
        ("GET", ["pulls"]) => pulls(plain, asked),
        ("POST", ["pulls"]) => create(plain, &body, by),
        ("GET", ["pulls", n]) => get(plain, number(n)),
        ("PATCH", ["pulls", n]) => patch(plain, number(n), &body),
        ("PUT", ["pulls", n, "merge"]) => merge(plain, number(n), &body),
        ("GET", ["pulls", n, "reviews"]) => match plain.proposal(number(n)) {
            Some(proposal) => page(plain, asked, show::reviews(plain, proposal)),
            None => not_found(),
        },
        ("GET", ["commits", commit, "status"]) => page_of(plain, asked, show::combined(plain, commit), "statuses"),
        ("GET", ["commits", commit, "check-runs"]) => {
            page_of(plain, asked, show::check_runs(plain, commit), "check_runs")
        }
        ("POST", ["statuses", commit]) => talk::set_status(plain, commit, &body, by),
        ("GET", ["issues", n, "comments"]) => match plain.proposal(number(n)) {
            Some(proposal) => {
                let all = proposal.comments.iter().map(|comment| show::comment(plain, number(n), comment)).collect();
                page(plain, asked, all)
            }
            None => not_found(),
        },
        ("POST", ["issues", n, "comments"]) => talk::comment(plain, number(n), &body, by),
        ("PATCH", ["issues", "comments", id]) => talk::rewrite(plain, number(id), &body),
        ("DELETE", ["issues", "comments", id]) => talk::uncomment(plain, number(id)),
        ("DELETE", ["git", "refs", name @ ..]) => delete_ref(plain, &name.join("/")),
        _ => not_found(),
    }
}

fn not_found() -> Outcome {
    Outcome::error(404, "Not Found")
}

/// A page of a list, and where the next one is.
pub(super) fn page(plain: &Plain, asked: &Asked, all: Vec<Value>) -> Outcome {
    let number = |name: &str, default: usize| asked.parameter(name).and_then(|it| it.parse().ok()).unwrap_or(default);
    let size = number("per_page", 30).clamp(1, plain.page.min(100));
    let at = number("page", 1).max(1);
    let last = all.len().div_ceil(size);
    let entries: Vec<Value> = all.into_iter().skip((at - 1) * size).take(size).collect();
    let outcome = Outcome::new(200, entries.into());
    if at >= last {
        return outcome;
    }
    let url = format!("https://api.github.com/{}?per_page={size}", asked.path.join("/"));
    outcome.header("link", format!("<{url}&page={}>; rel=\"next\", <{url}&page={last}>; rel=\"last\"", at + 1))
}

/// A page of the list inside of something.
fn page_of(plain: &Plain, asked: &Asked, mut whole: Value, name: &str) -> Outcome {
    let Value::Array(all) = whole[name].take() else { return not_found() };
    let mut outcome = page(plain, asked, all);
    whole[name] = outcome.body.take().unwrap();
    Outcome { body: Some(whole), ..outcome }
}

fn pulls(plain: &Plain, asked: &Asked) -> Outcome {
    let state = asked.parameter("state").unwrap_or("open");
    let mut all: Vec<_> =
        plain.proposals.iter().filter(|p| state == "all" || (state == "open") == (p.state == State::Open)).collect();
    // Without an owner the filter is ignored.
    if let Some((owner, branch)) = asked.parameter("head").and_then(|head| head.split_once(':')) {
        all.retain(|p| p.head == branch && show::owner(plain, p) == owner);
    }
    if let Some(base) = asked.parameter("base") {
        all.retain(|p| p.base == base);
    }
    all.sort_by_key(|p| if asked.parameter("sort") == Some("updated") { p.updated } else { p.created });
    if asked.parameter("direction") != Some("asc") {
        all.reverse();
    }
    page(plain, asked, all.into_iter().map(|proposal| show::pull_of_list(plain, proposal)).collect())
}

/// What is read twice is there: each read brings the answer nearer.
fn get(plain: &mut Plain, number: u64) -> Outcome {
    let Some(proposal) = plain.proposal(number) else { return not_found() };
    let shown = show::pull(plain, proposal);
    let proposal = plain.proposal_mut(number).unwrap();
    proposal.undecided = proposal.undecided.saturating_sub(1);
    Outcome::new(200, shown)
}

fn create(plain: &mut Plain, body: &Value, by: &str) -> Outcome {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let (head, base) = (text("head"), text("base"));
    match plain.open(by, head, base, text("title"), text("body"), body["draft"] == true, false) {
        Ok(number) => Outcome::new(201, show::pull(plain, plain.proposal(number).unwrap())),
        Err(Refused::NoSuchBranch(branch)) => {
            let field = if branch == head { "head" } else { "base" };
            Outcome::invalid(json!([{ "resource": "PullRequest", "field": field, "code": "invalid" }]))
        }
        Err(Refused::NothingToMerge | Refused::SameBranch) => {
            Outcome::custom(&format!("No commits between {base} and {head}"))
        }
        Err(Refused::Exists(_)) => exists(plain, head),
        Err(other) => Outcome::custom(&format!("{other:?}")),
    }
}

fn exists(plain: &Plain, head: &str) -> Outcome {
    Outcome::custom(&format!("A pull request already exists for {}:{head}.", plain.owner))
}

fn patch(plain: &mut Plain, number: u64, body: &Value) -> Outcome {
    let Some(known) = plain.proposal(number) else { return not_found() };
    let (head, is_open) = (known.head.clone(), known.state == State::Open);
    if let Some(base) = body["base"].as_str()
        && plain.retarget(number, base).is_err()
    {
        return Outcome::invalid(json!([{ "resource": "PullRequest", "field": "base", "code": "invalid" }]));
    }
    let (title, text) = (body["title"].as_str(), body["body"].as_str());
    if title.is_some() || text.is_some() {
        plain.edit(number, title, text).unwrap();
    }
    let changed = match body["state"].as_str() {
        Some("closed") if is_open => plain.close(number),
        Some("open") if !is_open => plain.reopen(number),
        _ => Ok(()),
    };
    let cannot = |why: &str| {
        let message = format!("state cannot be changed. {why}");
        Outcome::invalid(json!([{ "resource": "PullRequest", "code": "custom", "field": "state", "message": message }]))
    };
    match changed {
        Ok(()) => Outcome::new(200, show::pull(plain, plain.proposal(number).unwrap())),
        Err(Refused::Exists(_)) => exists(plain, &head),
        Err(Refused::NoSuchBranch(branch)) => cannot(&format!("The {branch} branch was force-pushed or recreated.")),
        Err(_) => cannot("The pull request cannot be reopened."),
    }
}

fn merge(plain: &mut Plain, number: u64, body: &Value) -> Outcome {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let method = body["merge_method"].as_str().unwrap_or("merge");
    let message = format!("{}\n\n{}", text("commit_title"), text("commit_message"));
    match plain.merge(number, body["sha"].as_str(), method, &message, false) {
        Ok(sha) => {
            Outcome::new(200, json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" }))
        }
        Err(Refused::NoSuchProposal) => not_found(),
        Err(Refused::OtherHead) => Outcome::error(409, "Head branch was modified. Review and try the merge again."),
        Err(Refused::Draft) => Outcome::error(405, "Pull Request is still a draft"),
        Err(Refused::Conflict) => Outcome::error(405, "Pull Request has merge conflicts"),
        Err(Refused::Protected) => {
            Outcome::error(405, "At least 1 approving review is required by reviewers with write access.")
        }
        Err(_) => Outcome::error(405, "Pull Request is not mergeable"),
    }
}

/// A pull request whose head goes is closed.
fn delete_ref(plain: &mut Plain, name: &str) -> Outcome {
    let branch = name.strip_prefix("heads/").filter(|branch| plain.git.tip(branch).is_some());
    let Some(branch) = branch else { return Outcome::error(422, "Reference does not exist") };
    plain.git.delete(branch);
    let open = plain.proposals.iter().filter(|p| p.head == branch && p.fork.is_none() && p.state == State::Open);
    for number in open.map(|p| p.number).collect::<Vec<_>>() {
        plain.close(number).unwrap();
    }
    Outcome::empty(204)
}

/// The two mutations for which there is no REST.
fn graphql(plain: &mut Plain, asked: &Asked, writes: bool) -> Outcome {
    let body = asked.body.clone().unwrap_or_default();
    let query = body["query"].as_str().unwrap_or_default();
    let mutations = [("convertPullRequestToDraft", true), ("markPullRequestReadyForReview", false)];
    let mutation = mutations.into_iter().find(|(name, _)| query.contains(name));
    let node = body["variables"]["id"].as_str().unwrap_or_default();
    let number = node.strip_prefix("PR_").and_then(|number| number.parse().ok()).unwrap_or_default();
    let Some((name, draft)) = mutation else {
        return Outcome::new(200, json!({ "errors": [{ "message": format!("Parse error on {query:?}") }] }));
    };
    let failed = |kind: &str, message: &str| {
        let error = json!({ "type": kind, "path": [name], "message": message });
        Outcome::new(200, json!({ "data": { name: Value::Null }, "errors": [error] }))
    };
    if !writes {
        return failed("FORBIDDEN", "Resource not accessible by personal access token");
    }
    if plain.archived {
        return failed("UNPROCESSABLE", "Repository was archived so is read-only.");
    }
    let set = if plain.gone { Err(Refused::NoSuchProposal) } else { plain.set_draft(number, draft) };
    match set {
        Ok(()) => Outcome::new(200, json!({ "data": { name: { "pullRequest": { "isDraft": draft } } } })),
        Err(_) => failed("NOT_FOUND", &format!("Could not resolve to a node with the global id of '{node}'")),
    }
}

/// As GitHub writes times.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
