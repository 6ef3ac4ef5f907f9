//! Webhooks at GitHub: a secret that is never shown and that an update without it removes, and a record of deliveries.

use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::{Attempt, Hook, Plain};
use super::{Outcome, not_found, page, time};

pub(super) fn routed(plain: &mut Plain, asked: &Asked, rest: &[&str]) -> Outcome {
    let body = asked.body.clone().unwrap_or_default();
    let at = |id: &str| plain.hooks.iter().position(|hook| hook.id.to_string() == id);
    match (asked.method, rest) {
        ("GET", []) => page(plain, asked, plain.hooks.iter().map(|hook| show(plain, hook)).collect()),
        ("POST", []) => create(plain, &body),
        (method, [id, rest @ ..]) => {
            let Some(at) = at(id) else { return not_found() };
            match (method, rest) {
                ("GET", []) => Outcome::new(200, show(plain, &plain.hooks[at])),
                ("PATCH", []) => {
                    set(&mut plain.hooks[at], &body);
                    Outcome::new(200, show(plain, &plain.hooks[at]))
                }
                ("DELETE", []) => {
                    plain.hooks.remove(at);
                    Outcome::empty(204)
                }
                ("POST", ["pings"]) => {
                    let delivery = format!("ping-{}", plain.now.as_second());
                    attempt(plain, at, delivery, "ping".to_owned());
                    Outcome::empty(204)
                }
                ("GET", ["deliveries"]) => deliveries(plain, asked, at),
                ("POST", ["deliveries", id, "attempts"]) => {
                    let known = plain.hooks[at].attempts.iter().find(|attempt| attempt.id.to_string() == *id);
                    let Some(Attempt { delivery, event, .. }) = known.cloned() else { return not_found() };
                    attempt(plain, at, delivery, event);
                    Outcome::new(202, json!({}))
                }
                _ => not_found(),
            }
        }
        _ => not_found(),
    }
}

/// The endpoint takes it this time.
fn attempt(plain: &mut Plain, at: usize, delivery: String, event: String) {
    let (id, now) = (plain.id(), plain.tick());
    plain.hooks[at].attempts.push(Attempt { id, delivery, event, status: Some(202), at: now });
}

fn create(plain: &mut Plain, body: &Value) -> Outcome {
    if body["config"]["url"].as_str().is_none() {
        return Outcome::invalid(json!([{ "resource": "Hook", "field": "config", "code": "missing_field" }]));
    }
    let mut hook = Hook {
        id: plain.id(),
        url: String::new(),
        secret: None,
        events: vec!["push".to_owned()],
        active: true,
        json: false,
        verifies_tls: true,
        more: std::collections::BTreeMap::new(),
        attempts: Vec::new(),
    };
    set(&mut hook, body);
    let same = |known: &Hook| {
        (&known.url, known.json) == (&hook.url, hook.json)
            && known.events.iter().any(|event| hook.events.contains(event))
    };
    if plain.hooks.iter().any(same) {
        let message = "Hook already exists on this repository";
        return Outcome::invalid(json!([{ "resource": "Hook", "code": "custom", "message": message }]));
    }
    plain.hooks.push(hook);
    let at = plain.hooks.len() - 1;
    attempt(plain, at, format!("ping-{}", plain.now.as_second()), "ping".to_owned());
    Outcome::new(201, show(plain, &plain.hooks[at]))
}

/// A `config` replaces the one before, whole.
fn set(hook: &mut Hook, body: &Value) {
    if let Some(config) = body.get("config") {
        let text = |name: &str| config[name].as_str().map(str::to_owned);
        hook.url = text("url").unwrap_or_default();
        hook.secret = text("secret");
        hook.json = config["content_type"] == "json";
        hook.verifies_tls = config["insecure_ssl"] != "1";
    }
    if let Some(events) = body["events"].as_array() {
        hook.events = events.iter().filter_map(|event| Some(event.as_str()?.to_owned())).collect();
    }
    if let Some(active) = body["active"].as_bool() {
        hook.active = active;
    }
}

fn show(plain: &Plain, hook: &Hook) -> Value {
    let url = format!("https://api.github.com/repos/{}/{}/hooks/{}", plain.owner, plain.repository, hook.id);
    let mut config = json!({
        "url": hook.url, "content_type": if hook.json { "json" } else { "form" },
        "insecure_ssl": if hook.verifies_tls { "0" } else { "1" },
    });
    if hook.secret.is_some() {
        config["secret"] = "********".into();
    }
    let last = hook.attempts.last().map(|attempt| (attempt.status, words(attempt)));
    let last = match last {
        Some((code, status)) => {
            json!({ "code": code.unwrap_or(0), "status": if taken(code) { "active" } else { "failed" }, "message": status })
        }
        None => json!({ "code": null, "status": "unused", "message": null }),
    };
    json!({
        "type": "Repository", "id": hook.id, "name": "web", "active": hook.active, "events": hook.events,
        "config": config, "updated_at": time(plain.now), "created_at": time(plain.now), "url": url,
        "test_url": format!("{url}/test"), "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"), "last_response": last,
    })
}

fn taken(status: Option<u16>) -> bool {
    status.is_some_and(|status| (200..300).contains(&status))
}

fn words(attempt: &Attempt) -> &'static str {
    match attempt.status {
        status if taken(status) => "OK",
        Some(_) => "Invalid HTTP Response",
        None => "failed to connect to host",
    }
}

/// The newest first; a cursor leads on, no number of a page.
fn deliveries(plain: &Plain, asked: &Asked, at: usize) -> Outcome {
    let mut all: Vec<&Attempt> = plain.hooks[at].attempts.iter().rev().collect();
    match asked.parameter("status") {
        Some("failure") => all.retain(|attempt| !taken(attempt.status)),
        Some("success") => all.retain(|attempt| taken(attempt.status)),
        _ => {}
    }
    let cursor = asked.parameter("cursor").and_then(|cursor| cursor.strip_prefix("v1_")?.parse::<u64>().ok());
    let size = asked.parameter("per_page").and_then(|it| it.parse().ok()).unwrap_or(30).min(plain.page.min(100));
    let rest: Vec<&Attempt> = all.into_iter().filter(|it| cursor.is_none_or(|cursor| it.id < cursor)).collect();
    let earlier =
        |it: &Attempt| plain.hooks[at].attempts.iter().any(|known| known.delivery == it.delivery && known.id < it.id);
    let shown: Vec<Value> = rest
        .iter()
        .take(size)
        .map(|it| {
            json!({
                "id": it.id, "guid": it.delivery, "delivered_at": time(it.at), "redelivery": earlier(it),
                "duration": 0.1, "status": words(it), "status_code": it.status.unwrap_or(0), "event": it.event,
                "action": null, "installation_id": null, "repository_id": 1, "throttled_at": null,
            })
        })
        .collect();
    let outcome = Outcome::new(200, shown.into());
    match rest.get(size - 1).filter(|_| rest.len() > size) {
        Some(last) => {
            let url = format!("https://api.github.com/{}?per_page={size}&cursor=v1_{}", asked.path.join("/"), last.id);
            outcome.header("link", format!("<{url}>; rel=\"next\""))
        }
        None => outcome,
    }
}
