//! The simulators against what the live servers answered: the same status, the same words, the same shape.

use serde_json::{Value, json};

use super::{FLAVOURS, YARDARM, ask, opened, world};
use crate::scm::Scm;
use crate::scm::git::Shared;
use crate::scm::gitea::shapes::{Recorded, recorded};
use crate::scm::plain::Verdict;

type Prepare = fn(&Scm, &Shared);

/// The recorded exchange, what the world is before it, and the same request of this world.
fn cases() -> Vec<(&'static str, Prepare, &'static str, &'static str, Value)> {
    let none: Prepare = |_, _| ();
    let closed: Prepare = |scm, git| {
        opened(scm, git);
        scm.world(|plain| plain.close(1)).unwrap();
    };
    let merged: Prepare = |scm, git| {
        opened(scm, git);
        scm.world(|plain| plain.merge(1, None, "merge", "m", false)).unwrap();
    };
    let commented: Prepare = |scm, git| {
        opened(scm, git);
        scm.world(|plain| plain.comment(1, "rosa", "c1")).unwrap();
    };
    let hooked: Prepare = |scm, _| {
        let body = json!({"type": "gitea", "active": true, "config": {"url": "http://127.0.0.1:9/h", "content_type": "json", "secret": "s"}});
        assert_eq!(ask(scm, YARDARM, "POST", "/hooks", body).status, 201);
    };
    let new = |title: &str, head: &str, base: &str| json!({"title": title, "head": head, "base": base, "body": ""});
    let hook = |kind: &str| json!({"type": kind, "active": true, "events": ["push", "pull_request"], "branch_filter": "main", "authorization_header": "Bearer abc", "config": {"url": "http://127.0.0.1:9/h", "content_type": "json", "secret": "s"}});
    vec![
        ("pull create", none, "POST", "/pulls", new("One", "topic", "main")),
        ("pull create: duplicate (409)", opened, "POST", "/pulls", new("Two", "topic", "main")),
        ("pull create: no such head", none, "POST", "/pulls", new("x", "none", "main")),
        ("pull create: no such base", none, "POST", "/pulls", new("x", "topic", "none")),
        ("pull create: head is base", none, "POST", "/pulls", new("x", "main", "main")),
        ("pull create: no title (422)", none, "POST", "/pulls", new("", "topic", "main")),
        ("pull create: no commits between", none, "POST", "/pulls", new("nothing between", "same", "main")),
        ("pull create: WIP title", none, "POST", "/pulls", new("WIP: Two", "topic", "main")),
        (
            "pull create: archived (423)",
            |scm, _| scm.world(|plain| plain.archived = true),
            "POST",
            "/pulls",
            new("x", "topic", "main"),
        ),
        ("pull get", opened, "GET", "/pulls/1", Value::Null),
        ("pull get (404)", none, "GET", "/pulls/9999", Value::Null),
        ("pull by base and head (404)", none, "GET", "/pulls/main/none", Value::Null),
        ("pull by base and head when closed", closed, "GET", "/pulls/main/topic", Value::Null),
        ("pull edit: title", opened, "PATCH", "/pulls/1", json!({"title": "New title"})),
        ("pull edit: base that is not", opened, "PATCH", "/pulls/1", json!({"base": "none"})),
        ("pull close", opened, "PATCH", "/pulls/1", json!({"state": "closed"})),
        ("pull reopen", closed, "PATCH", "/pulls/1", json!({"state": "open"})),
        ("pull reopen: merged", merged, "PATCH", "/pulls/1", json!({"state": "open"})),
        (
            "merge: work in progress (405)",
            |scm, git| {
                opened(scm, git);
                scm.world(|plain| plain.set_draft(1, true)).unwrap();
            },
            "POST",
            "/pulls/1/merge",
            json!({"Do": "merge"}),
        ),
        ("merge: closed", closed, "POST", "/pulls/1/merge", json!({"Do": "merge"})),
        (
            "merge: conflict in the content",
            |scm, git| {
                opened(scm, git);
                git.with(|git| git.set_conflict("main", "topic", true));
            },
            "POST",
            "/pulls/1/merge",
            json!({"Do": "merge"}),
        ),
        (
            "merge merge: head_commit_id is another (409)",
            opened,
            "POST",
            "/pulls/1/merge",
            json!({"Do": "merge", "head_commit_id": "1".repeat(40)}),
        ),
        ("merge merge", opened, "POST", "/pulls/1/merge", json!({"Do": "merge"})),
        ("merge: merged already (405)", merged, "POST", "/pulls/1/merge", json!({"Do": "merge"})),
        ("merge: no style (422)", opened, "POST", "/pulls/1/merge", json!({})),
        ("pull get after merge merge", merged, "GET", "/pulls/1", Value::Null),
        (
            "pull get after merge and branch delete",
            |scm, git| {
                opened(scm, git);
                scm.world(|plain| plain.merge(1, None, "merge", "m", true)).unwrap();
            },
            "GET",
            "/pulls/1",
            Value::Null,
        ),
        (
            "reviews list",
            |scm, git| {
                opened(scm, git);
                scm.world(|plain| plain.review(1, "rosa", Verdict::ChangesRequested)).unwrap();
                scm.world(|plain| plain.review(1, "rosa", Verdict::Approved)).unwrap();
            },
            "GET",
            "/pulls/1/reviews",
            Value::Null,
        ),
        ("comment create", opened, "POST", "/issues/1/comments", json!({"body": "c1"})),
        ("comment create, empty", opened, "POST", "/issues/1/comments", json!({"body": ""})),
        ("comment edit", commented, "PATCH", "/issues/comments/101", json!({"body": "c2"})),
        ("comments list", commented, "GET", "/issues/1/comments", Value::Null),
        ("comment delete", commented, "DELETE", "/issues/comments/101", Value::Null),
        ("branch get", none, "GET", "/branches/main", Value::Null),
        ("branch get, protected", |scm, _| scm.world(|it| it.protected = true), "GET", "/branches/main", Value::Null),
        ("branch get (404)", none, "GET", "/branches/none", Value::Null),
        ("compare main...feature/0", none, "GET", "/compare/main...topic", Value::Null),
        ("compare, no such branch", none, "GET", "/compare/main...none", Value::Null),
        ("compare with itself", none, "GET", "/compare/main...main", Value::Null),
        ("status create, no such commit", none, "POST", STATUS_NOWHERE, json!({"state": "success", "context": "x"})),
        ("status combined by branch name, none set", none, "GET", "/commits/main/status", Value::Null),
        ("hooks list", hooked, "GET", "/hooks?page=1&limit=50", Value::Null),
        ("hook get", hooked, "GET", "/hooks/101", Value::Null),
        ("hook create type gitea", none, "POST", "/hooks", hook("gitea")),
        ("hook create type forgejo", none, "POST", "/hooks", hook("forgejo")),
        ("hook create: unknown type (422)", none, "POST", "/hooks", hook("github")),
        ("hook edit: inactive only", hooked, "PATCH", "/hooks/101", json!({"active": false})),
        ("hook edit: url only", hooked, "PATCH", "/hooks/101", json!({"config": {"url": "http://127.0.0.1:9/other"}})),
        ("hook edit: secret only", hooked, "PATCH", "/hooks/101", json!({"config": {"secret": "new"}})),
        (
            "hook edit: events",
            hooked,
            "PATCH",
            "/hooks/101",
            json!({"events": ["push", "create", "delete", "pull_request"], "active": true}),
        ),
        ("hook test (204)", hooked, "POST", "/hooks/101/tests", Value::Null),
        ("hook delete", hooked, "DELETE", "/hooks/101", Value::Null),
        ("hook delete again (404)", none, "DELETE", "/hooks/101", Value::Null),
        (
            "repo get by the old name (redirect)",
            |scm, _| scm.world(|plain| plain.renamed_to = Some("banners".to_owned())),
            "GET",
            "",
            Value::Null,
        ),
    ]
}

const STATUS_NOWHERE: &str = "/statuses/0000000000000000000000000000000000000001";

/// The skeleton of a text of the server: ids and names of the recording are not those of this world.
fn words(text: &str) -> String {
    let text = text.replace("forge/api-1795380493", "REPO").replace("forge/api-1795380933", "REPO");
    let text = text.replace("acme/flags", "REPO").replace("topic/1", "topic");
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let mut text: String = text.chars().map(digits).collect();
    while text.contains("00") {
        text = text.replace("00", "0");
    }
    text
}

/// The same kinds under the same names; `null` is of any kind, and of lists the first entry tells.
fn same_shape(at: &str, ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            let (mut left, mut right) = (names(ours), names(theirs));
            left.sort();
            right.sort();
            assert_eq!(left, right, "{at}");
            for (name, value) in ours {
                same_shape(&format!("{at}/{name}"), value, &theirs[name]);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                same_shape(&format!("{at}/*"), ours, theirs);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (ours, theirs) => {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert_eq!(kind(ours), kind(theirs), "{at}: {ours} and {theirs}");
        }
    }
}

#[test]
fn the_simulators_answer_as_the_servers_did() {
    for flavour in FLAVOURS {
        for (name, prepare, method, path, body) in cases() {
            println!("{flavour:?}: {name}");
            let (scm, git) = world(flavour);
            prepare(&scm, &git);
            let recorded: &Recorded = recorded(flavour).iter().find(|it| it.name == name).unwrap();
            let answer = ask(&scm, YARDARM, method, path, body);
            assert_eq!((method, answer.status), (&*recorded.method, recorded.status), "{name}");
            let location =
                |headers: &[(String, String)]| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("location"));
            assert_eq!(location(&answer.headers), location(&recorded.headers), "{name}");
            let Ok(ours) = serde_json::from_slice::<Value>(&answer.body) else {
                assert!(!recorded.answer.is_object(), "{name}: no JSON");
                continue;
            };
            if let (Some(ours), Some(theirs)) = (ours["message"].as_str(), recorded.answer["message"].as_str()) {
                assert_eq!(words(ours), words(theirs), "{name}");
            }
            // `mergeable` is a question of when it was asked.
            for name in ["state", "draft", "merged", "events", "active", "branch_filter", "total_commits"] {
                let (ours, theirs) = (&ours[name], &recorded.answer[name]);
                let compared = !(ours.is_null() && theirs.is_null());
                assert!(!compared || ours == theirs, "{name}: {ours} and {theirs}");
            }
            same_shape("", &ours, &recorded.answer);
        }
    }
}
