//! The check itself: that it finds what is wrong, and that every document can be read.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yardarm::provider::Provider;
use yardarm::provider::api::Answer;

use super::Spec;
use crate::scm::{Asked, Exchange};

fn exchange(method: &'static str, path: &str, body: Option<Value>, status: u16, answer: &Value) -> Exchange {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let asked = Asked {
        method,
        path: path.split('/').filter(|part| !part.is_empty()).map(|part| part.replace("%2F", "/")).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: BTreeMap::new(),
        body,
        credential: None,
    };
    let body = if answer.is_null() { Vec::new() } else { answer.to_string().into_bytes() };
    Exchange { asked, answer: Answer { status, headers: Vec::new(), body, at: jiff::Timestamp::UNIX_EPOCH } }
}

fn wrong(provider: Provider, exchange: &Exchange) -> Option<String> {
    Spec::of(provider).map(|spec| spec.check(exchange).join("\n"))
}

#[test]
fn what_is_right_passes() {
    let right = [
        (Provider::Github, exchange("GET", "/repos/a/b/pulls?state=all&per_page=100", None, 200, &json!([]))),
        (Provider::Github, exchange("DELETE", "/repos/a/b/git/refs/heads/x/y", None, 204, &Value::Null)),
        (Provider::Gitlab, exchange("GET", "/projects/a%2Fb/merge_requests?state=opened", None, 200, &json!([]))),
        (
            Provider::BitbucketCloud,
            exchange("GET", "/repositories/a/b/pullrequests?state=OPEN&q=x", None, 200, &json!({})),
        ),
        (
            Provider::BitbucketDataCenter,
            exchange("GET", "/projects/A/repos/b/pull-requests?limit=25", None, 200, &json!({ "values": [] })),
        ),
        (
            Provider::Azure,
            exchange("GET", "/p/_apis/git/repositories/r/pullRequests?api-version=7.1", None, 200, &json!([])),
        ),
        (Provider::Gitea, exchange("GET", "/repos/a/b/pulls?state=all", None, 200, &json!([{ "merged_at": null }]))),
        (Provider::Forgejo, exchange("GET", "/repos/a/b/pulls/main/x", None, 200, &json!({ "number": 1 }))),
    ];
    for (provider, exchange) in &right {
        if let Some(wrong) = wrong(*provider, exchange) {
            assert_eq!(wrong, "", "{}", provider.name());
        }
    }
}

#[test]
fn what_is_wrong_is_found_and_named() {
    let new = json!({ "title": "t", "head": "x", "base": "main" });
    let with = |name: &str, value: Value| {
        let mut new = new.clone();
        new[name] = value;
        Some(new)
    };
    let error = json!({ "message": "Validation Failed", "documentation_url": "https://docs.github.com/rest" });
    let wrongs = [
        (exchange("GET", "/repos/a/b/pull", None, 200, &json!([])), "no such operation"),
        (exchange("GET", "/repos/a/b/pulls?state=merged", None, 200, &json!([])), "state=merged"),
        (exchange("GET", "/repos/a/b/pulls?stat=open", None, 200, &json!([])), "stat is not described"),
        (exchange("GET", "/repos/a/b/pulls?page=x", None, 200, &json!([])), "page=x"),
        (exchange("GET", "/repos/a/b/pulls", None, 200, &json!([{ "number": 1 }])), "is a required property"),
        (exchange("GET", "/repos/a/b/pulls", None, 200, &json!({})), "array"),
        (exchange("POST", "/repos/a/b/pulls", None, 422, &error), "a body is missing"),
        (exchange("POST", "/repos/a/b/pulls", with("drafty", true.into()), 422, &error), "/drafty: the field"),
        (exchange("POST", "/repos/a/b/pulls", with("draft", "yes".into()), 422, &error), "request /draft"),
        (exchange("POST", "/repos/a/b/pulls", with("body", Value::Null), 422, &error), "request /body"),
        (exchange("POST", "/repos/a/b/pulls", Some(new.clone()), 418, &error), "status 418"),
        (exchange("POST", "/repos/a/b/pulls", Some(new.clone()), 422, &json!({ "messge": "" })), "/messge"),
        (exchange("DELETE", "/repos/a/b/git/refs/heads/x", None, 204, &json!({})), "a body where there is none"),
    ];
    for (exchange, expected) in &wrongs {
        if let Some(wrong) = wrong(Provider::Github, exchange) {
            assert!(wrong.contains(expected), "{expected}: {wrong}");
        }
    }
    let gitea = exchange("GET", "/repos/a/b/pulls/1", None, 200, &json!({ "base": { "reff": "main" } }));
    if let Some(wrong) = wrong(Provider::Gitea, &gitea) {
        assert!(wrong.contains("answer /base/reff"), "{wrong}");
    }
    let gitlab = exchange("GET", "/projects/1/merge_requests/1", None, 200, &json!({ "iid": "1", "number": 1 }));
    if let Some(wrong) = wrong(Provider::Gitlab, &gitlab) {
        assert!(wrong.contains("answer /number") && !wrong.contains("iid"), "{wrong}");
    }
}
