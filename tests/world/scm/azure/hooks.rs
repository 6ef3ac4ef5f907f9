//! Subscriptions.

use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::{Attempt, Hook, Plain};
use super::{Error, ROOT, Said, list, stray};

/// A subscription's id for a number.
fn guid(id: u64) -> String {
    format!("d455cb11-20a0-4b15-b546-{id:012x}")
}

pub(super) fn answer(plain: &mut Plain, asked: &Asked, path: &[&str]) -> Said {
    let person = plain.person(asked.credential.as_deref()).unwrap().clone();
    if !person.administers {
        let said = format!(
            "Access Denied: {} needs the following permission(s) on the resource PublisherSecurity/Project to perform this \
             action: Edit Subscriptions",
            person.name
        );
        return Err(Error(403, "AccessCheckException", said));
    }
    let body = asked.body.clone().unwrap_or_default();
    match (asked.method, path) {
        ("GET", ["subscriptions"]) => {
            let mut all: Vec<Value> = plain.hooks.iter().map(shown).collect();
            all.push(of_others());
            Ok((200, list(&all)))
        }
        ("POST", ["subscriptions"]) => {
            let id = plain.id();
            let mut hook = blank(id);
            take(&mut hook, &body)?;
            plain.hooks.push(hook);
            Ok((200, shown(plain.hooks.last().unwrap())))
        }
        ("POST", ["testnotifications"]) => {
            let id = plain.id();
            let now = plain.now;
            let hook = find(plain, body["subscriptionId"].as_str().unwrap_or_default())?;
            let event = body["details"]["eventType"].as_str().unwrap_or_default().to_owned();
            hook.attempts.push(Attempt { id, delivery: id.to_string(), event, status: Some(200), at: now });
            Ok((200, notification(hook, hook.attempts.last().unwrap())))
        }
        (method, ["subscriptions", id, rest @ ..]) => {
            let hook = find(plain, id)?;
            match (method, rest) {
                ("GET", []) => Ok((200, shown(hook))),
                ("PUT", []) => {
                    take(hook, &body)?;
                    Ok((200, shown(hook)))
                }
                ("DELETE", []) => {
                    let id = hook.id;
                    plain.hooks.retain(|hook| hook.id != id);
                    Ok((200, Value::Null))
                }
                ("GET", ["notifications"]) => Ok((
                    200,
                    list(&hook.attempts.iter().map(|attempt| notification(hook, attempt)).collect::<Vec<_>>()),
                )),
                _ => Err(stray(asked)),
            }
        }
        _ => Err(stray(asked)),
    }
}

fn find<'p>(plain: &'p mut Plain, id: &str) -> Result<&'p mut Hook, Error> {
    let said = format!("The subscription with the id {id} was not found.");
    let found = plain.hooks.iter_mut().find(|hook| guid(hook.id) == id);
    found.ok_or(Error(404, "SubscriptionNotFoundException", said))
}

fn blank(id: u64) -> Hook {
    Hook {
        id,
        url: String::new(),
        secret: None,
        events: Vec::new(),
        active: true,
        json: true,
        verifies_tls: true,
        more: std::collections::BTreeMap::new(),
        attempts: Vec::new(),
    }
}

/// What is left out of a PUT is gone; a password of stars stays what it was.
fn take(hook: &mut Hook, body: &Value) -> Result<(), Error> {
    let consumer = &body["consumerInputs"];
    let (Some(event), Some(url)) = (body["eventType"].as_str(), consumer["url"].as_str()) else {
        return Err(Error(400, "SubscriptionInputException", "A required input is missing: url".to_owned()));
    };
    hook.events = vec![event.to_owned()];
    url.clone_into(&mut hook.url);
    match consumer["basicAuthPassword"].as_str() {
        Some("********") => {}
        password => hook.secret = password.map(str::to_owned),
    }
    hook.verifies_tls = consumer["acceptUntrustedCerts"] != "true";
    hook.active = !body["status"].as_str().unwrap_or("enabled").starts_with("disabled");
    hook.more.remove("status");
    for name in ["publisherInputs", "consumerInputs", "resourceVersion"] {
        hook.more.insert(name.to_owned(), body[name].clone());
    }
    Ok(())
}

fn shown(hook: &Hook) -> Value {
    let id = guid(hook.id);
    let mut consumer = hook.more.get("consumerInputs").cloned().unwrap_or_else(|| json!({}));
    consumer["url"] = json!(hook.url);
    consumer.as_object_mut().unwrap().remove("basicAuthPassword");
    if hook.secret.is_some() {
        consumer["basicAuthPassword"] = json!("********");
    }
    let status = if hook.active { "enabled" } else { "disabledBySystem" };
    json!({
        "id": id, "url": format!("{ROOT}/_apis/hooks/subscriptions/{id}"),
        "status": hook.more.get("status").cloned().unwrap_or_else(|| json!(status)),
        "publisherId": "tfs", "eventType": hook.events.first(), "subscriber": null,
        "resourceVersion": hook.more.get("resourceVersion").cloned().unwrap_or_else(|| json!("1.0")),
        "eventDescription": "Repository flags", "consumerId": "webHooks", "consumerActionId": "httpRequest",
        "actionDescription": "To host flags.example.com",
        "createdDate": "2026-11-22T10:00:00Z", "modifiedDate": "2026-11-22T10:00:00Z",
        "publisherInputs": hook.more.get("publisherInputs").cloned().unwrap_or_else(|| json!({})),
        "consumerInputs": consumer,
        "_links": {"self": {"href": format!("{ROOT}/_apis/hooks/subscriptions/{id}")}},
    })
}

/// One of another project, which is never ours.
fn of_others() -> Value {
    json!({
        "id": "00000000-20a0-4b15-b546-7e9fb9973cc7", "status": "enabled", "publisherId": "tfs", "eventType": "git.push",
        "resourceVersion": "1.0", "consumerId": "webHooks", "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": "11111111-7749-4ff8-a78f-f9c1f0e56729", "repository": "", "branch": ""},
        "consumerInputs": {"url": "https://elsewhere.example.com/"},
    })
}

fn notification(hook: &Hook, attempt: &Attempt) -> Value {
    let ok = attempt.status.is_some_and(|status| (200..300).contains(&status));
    let response =
        attempt.status.map(|status| format!("Status Code: {status}\r\nReason Phrase: X\r\nHTTP Version: 1.1"));
    json!({
        "id": attempt.id, "subscriptionId": guid(hook.id), "eventId": "03c164c2-8912-4d5e-8009-3707d5f83734",
        "status": "completed", "result": if ok { "succeeded" } else { "failed" },
        "createdDate": attempt.at.to_string(), "modifiedDate": attempt.at.to_string(),
        "details": {"eventType": attempt.event, "publisherId": "tfs", "requestAttempts": 1, "response": response},
    })
}
