//! What GitHub really sent and answered, as it was recorded; beside the specifications, not part of the repository.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;
use yardarm::provider::api::{self, Answer, Ask, Failure, Method, Place, Request, State};
use yardarm::provider::headers::Headers;
use yardarm::provider::{Event, Provider, classify};

use crate::spec;

fn recorded(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = spec::beside("recordings") else {
        spec::missing("the recordings");
        return None;
    };
    let file: PathBuf = folder.join("github").join(path);
    Some(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

#[test]
fn recorded_deliveries_are_read_as_what_happened() {
    let recordings = [
        ("drone__pr_opened", "pull_request", "opened", 1),
        ("drone__pr_sync", "pull_request", "commits", 1),
        ("drone__pr_edited", "pull_request", "edited", 1),
        ("drone__pr_closed", "pull_request", "closed", 1),
        ("drone__pr_reopened", "pull_request", "reopened", 1),
        ("drone__pr_ready_for_review", "pull_request", "readied", 38),
        ("drone__pr_review_submitted", "pull_request_review", "commented", 205),
        ("drone__pr_review_edited", "pull_request_review", "commented", 206),
        ("octokit__pull_request.opened.14", "pull_request", "opened", 2),
        // With the commit of a test merge.
        ("octokit__pull_request.closed.4", "pull_request", "closed", 2),
        ("octokit__pull_request.converted_to_draft.7", "pull_request", "drafted", 2),
        ("octokit__pull_request.ready_for_review.17", "pull_request", "readied", 2),
        ("octokit__pull_request.reopened.19", "pull_request", "reopened", 2),
        ("octokit__pull_request.synchronize.22", "pull_request", "commits", 2),
        ("octokit__pull_request_review.submitted.3", "pull_request_review", "commented", 2),
        ("octokit__pull_request_review.dismissed.1", "pull_request_review", "reviewed", 2),
    ];
    for (name, event, kind, number) in recordings {
        let Some(payload) = recorded(&format!("{name}.json")) else { return };
        let headers = [("x-github-event", event.as_bytes())];
        let Event::Proposal(read) = classify(Provider::Github, &Headers::new(headers), &payload).event else {
            panic!("{name} is no proposal");
        };
        assert_eq!(serde_json::to_value(read.kind).unwrap(), kind, "{name}");
        assert_eq!(read.number, Some(number), "{name}");
        assert!(read.source.is_some() && read.target.is_some() && read.repository.full_name.is_some(), "{name}");
    }
}

/// Answers from the recordings, by what the path ends in.
struct Recorded;

impl Ask for Recorded {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let path = request.url.split('?').next().unwrap();
        let name = match (request.method, path.rsplit('/').next().unwrap()) {
            (Method::Get, "pulls") => "drone__pulls",
            (Method::Get, "comments") => "drone__issue_comments",
            (Method::Get, "hooks") => "drone__hooks",
            (Method::Get, "404") => "drone__error",
            (Method::Get, "1347") => "drone__pr",
            (Method::Post, "comments") => "drone__issue_comment",
            (Method::Get, _) => return Ok(empty(path)),
            other => panic!("{other:?}"),
        };
        let status = if name == "drone__error" { 404 } else { 200 };
        Ok(answer(status, recorded(&format!("api/{name}.json")).unwrap()))
    }
}

/// What was not recorded: nothing is there.
fn empty(path: &str) -> Answer {
    let (_, end) = path.rsplit_once('/').unwrap();
    let body = match end {
        "status" => r#"{"state":"pending","statuses":[],"total_count":0}"#,
        "check-runs" => r#"{"total_count":0,"check_runs":[]}"#,
        _ => "[]",
    };
    answer(200, body.into())
}

fn answer(status: u16, body: Vec<u8>) -> Answer {
    Answer { status, headers: Vec::new(), body, at: Timestamp::UNIX_EPOCH }
}

#[test]
fn recorded_answers_are_read() {
    let Some(pull) = recorded("api/drone__pr.json") else { return };
    let pull: Value = serde_json::from_slice(&pull).unwrap();
    let place = Place {
        provider: Provider::Github,
        root: "https://api.github.com".to_owned(),
        owner: "octocat".to_owned(),
        repository: "Hello-World".to_owned(),
    };
    let api = api::of(place.clone());
    let read = api.read(&Recorded, 1347).unwrap();
    assert_eq!((read.number, read.state, read.merge_commit), (1347, State::Open, None));
    assert_eq!(read.head_commit.as_deref(), pull["head"]["sha"].as_str());
    assert_eq!(
        (read.head.as_deref(), Some(read.base.as_str())),
        (pull["head"]["ref"].as_str(), pull["base"]["ref"].as_str())
    );
    assert_eq!(read.author, "octocat");
    assert_eq!(api.list(&Recorded, None).unwrap().len(), 1);
    let comments = api.comments(&Recorded, 1347, "Me too").unwrap();
    assert_eq!(comments.iter().map(|it| (it.id.as_str(), it.text.as_str())).collect::<Vec<_>>(), [("1", "Me too")]);
    let missing = api.read(&Recorded, 404).unwrap_err();
    assert!(matches!(&missing, Failure::NotFound(why) if why.starts_with("Not Found, which GitHub")), "{missing}");
    let hook = api::hooks::of(place).unwrap().list(&Recorded).unwrap().remove(0);
    assert_eq!(hook.events, ["pull_request", "push"]);
    assert!(hook.active && hook.json && hook.verifies_tls);
}
