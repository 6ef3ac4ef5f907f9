//! Webhooks: the same one is taken twice, a change resets what it leaves out, and the secret stays what it was.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::{Flavour, empty, fails, json_answer, missing, page, shapes};
use crate::scm::Asked;
use crate::scm::plain::{Hook, Person, Plain};

/// By what an event is asked for, and as what it is shown. Anything else is dropped without a word.
const EVENTS: &[(&[&str], &str)] = &[
    (&["create"], "create"),
    (&["delete"], "delete"),
    (&["fork"], "fork"),
    (&["push"], "push"),
    (&["issues", "issues_only"], "issues"),
    (&["issue_comment"], "issue_comment"),
    (&["pull_request", "pull_request_only"], "pull_request"),
    (&["pull_request", "pull_request_assign"], "pull_request_assign"),
    (&["pull_request", "pull_request_label"], "pull_request_label"),
    (&["pull_request", "pull_request_milestone"], "pull_request_milestone"),
    (&["pull_request", "pull_request_comment"], "pull_request_comment"),
    (&["pull_request", "pull_request_review"], "pull_request_review_approved"),
    (&["pull_request", "pull_request_review"], "pull_request_review_rejected"),
    (&["pull_request", "pull_request_comment"], "pull_request_review_comment"),
    (&["pull_request", "pull_request_sync"], "pull_request_sync"),
    (&["pull_request", "pull_request_review_request"], "pull_request_review_request"),
];

fn events(body: &Value) -> Vec<String> {
    let Some(asked) = body["events"].as_array() else { return vec!["push".to_owned()] };
    let asked: Vec<&str> = asked.iter().filter_map(Value::as_str).collect();
    let shown = EVENTS.iter().filter(|(names, _)| names.iter().any(|name| asked.contains(name)));
    shown.map(|(_, shown)| (*shown).to_owned()).collect()
}

pub fn answer(flavour: Flavour, plain: &mut Plain, person: &Person, below: &[&str], asked: &Asked) -> Answer {
    if !person.administers {
        return fails(plain, 403, "user should be an owner or a collaborator with admin write of a repository");
    }
    match (asked.method, below) {
        ("GET", []) => {
            let all = plain.hooks.iter().map(|it| shapes::hook(flavour, it)).collect();
            page(plain, asked, all)
        }
        ("POST", []) => create(flavour, plain, &asked.body.clone().unwrap_or_default()),
        (method, [id, rest @ ..]) => {
            let Some(at) = plain.hooks.iter().position(|it| it.id.to_string() == *id) else {
                return missing(plain, &[]);
            };
            match (method, rest) {
                ("GET", []) => {
                    let body = shapes::hook(flavour, &plain.hooks[at]);
                    json_answer(plain, 200, &body)
                }
                ("PATCH", []) => edit(flavour, plain, at, &asked.body.clone().unwrap_or_default()),
                ("DELETE", []) => {
                    plain.hooks.remove(at);
                    empty(plain, 204)
                }
                ("POST", ["tests"]) => empty(plain, 204),
                _ => missing(plain, &[]),
            }
        }
        _ => missing(plain, &[]),
    }
}

fn create(flavour: Flavour, plain: &mut Plain, body: &Value) -> Answer {
    let kind = body["type"].as_str().unwrap_or_default();
    let kinds: &[&str] = if flavour == Flavour::Gitea { &["gitea", "gogs"] } else { &["gitea", "gogs", "forgejo"] };
    if !kinds.contains(&kind) {
        return fails(plain, 422, &format!("Invalid hook type: {kind}"));
    }
    for name in ["url", "content_type"] {
        if body["config"][name].as_str().is_none() {
            return fails(plain, 422, &format!("Missing config option: {name}"));
        }
    }
    let mut more = BTreeMap::from([("type".to_owned(), json!(kind))]);
    for name in ["branch_filter", "authorization_header"] {
        if let Some(value) = body[name].as_str() {
            more.insert(name.to_owned(), value.into());
        }
    }
    let hook = Hook {
        id: plain.id(),
        url: body["config"]["url"].as_str().unwrap().to_owned(),
        secret: body["config"]["secret"].as_str().filter(|secret| !secret.is_empty()).map(ToOwned::to_owned),
        events: events(body),
        active: body["active"] == true,
        json: body["config"]["content_type"] == "json",
        verifies_tls: true,
        more,
        attempts: Vec::new(),
    };
    let answer = shapes::hook(flavour, &hook);
    plain.hooks.push(hook);
    json_answer(plain, 201, &answer)
}

fn edit(flavour: Flavour, plain: &mut Plain, at: usize, body: &Value) -> Answer {
    let hook = &mut plain.hooks[at];
    if let Some(url) = body["config"]["url"].as_str() {
        url.clone_into(&mut hook.url);
    }
    if let Some(kind) = body["config"]["content_type"].as_str() {
        hook.json = kind == "json";
    }
    hook.events = events(body);
    for name in ["branch_filter", "authorization_header"] {
        hook.more.insert(name.to_owned(), body.get(name).cloned().unwrap_or_else(|| "".into()));
    }
    if let Some(active) = body["active"].as_bool() {
        hook.active = active;
    }
    let answer = shapes::hook(flavour, hook);
    json_answer(plain, 200, &answer)
}
