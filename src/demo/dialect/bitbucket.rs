//! Bitbucket Cloud and Bitbucket Data Center: two products, two shapes, one name.

use serde_json::{Value, json};

use super::{Delivery, Hook, Message, Push, sign};

/// `repo:push`: refs by short name with their type, old and new as objects, and no clone URL anywhere.
pub(super) fn cloud_push(push: &Push<'_>) -> Message {
    let repository = push.repository;
    let (full_name, web) = (repository.full_name(), repository.web_url());
    let api = format!("{}/2.0/repositories/{full_name}", repository.base);
    let (kind, kinds) = if push.is_tag() { ("tag", "tags") } else { ("branch", "branches") };
    let actor = json!({
        "type": "user", "display_name": push.pusher.name, "nickname": push.pusher.login,
        "account_id": "712020:5b0c41f2-7d3e-4c19-9a60-2e8f13d4b7a1", "uuid": "{5b0c41f2-7d3e-4c19-9a60-2e8f13d4b7a1}",
    });
    let commit = |hash: &str, message: &str| {
        json!({
            "type": "commit", "hash": hash, "message": message, "date": date(push, "+00:00"), "parents": [],
            "author": {
                "type": "author", "raw": format!("{} <{}>", push.pusher.name, push.pusher.email), "user": actor,
            },
            "summary": {"type": "rendered", "raw": message, "markup": "markdown", "html": format!("<p>{message}</p>")},
            "links": {
                "self": {"href": format!("{api}/commit/{hash}")}, "html": {"href": format!("{web}/commits/{hash}")},
            },
        })
    };
    let side = |id: Option<&str>| {
        id.map(|id| {
            let message = push.commits.iter().find(|c| c.id == id).map_or("", |c| c.message.as_str());
            json!({
                "type": kind, "name": push.short(), "target": commit(id, message),
                "links": {
                    "self": {"href": format!("{api}/refs/{kinds}/{}", push.short())},
                    "html": {"href": format!("{web}/branch/{}", push.short())},
                },
            })
        })
    };
    let newest_first: Vec<Value> = push.commits.iter().rev().take(5).map(|c| commit(&c.id, &c.message)).collect();
    Message::new(
        "repo:push",
        json!({
            "push": {"changes": [{
                "old": side(push.before), "new": side(push.after),
                "created": push.before.is_none(), "closed": push.after.is_none(), "forced": push.forced,
                "truncated": push.commits.len() > 5, "commits": newest_first,
                "links": {"html": {"href": format!("{web}/branches/compare")}},
            }]},
            "repository": {
                "type": "repository", "scm": "git", "name": repository.name, "full_name": full_name, "website": null,
                "is_private": true, "uuid": "{d41f7c06-3b5a-4e92-8f17-60c2a9be5d34}",
                "owner": {"type": "team", "display_name": repository.owner, "username": repository.owner},
                "workspace": {"type": "workspace", "slug": repository.owner, "name": repository.owner},
                "links": {"self": {"href": api}, "html": {"href": web}},
            },
            "actor": actor,
        }),
    )
}

/// `repo:refs_changed`: full ref names and hashes, ids of zeros for what is not there.
pub(super) fn data_center_push(push: &Push<'_>) -> Message {
    let repository = push.repository;
    let kind = match (push.before, push.after) {
        (None, _) => "ADD",
        (_, None) => "DELETE",
        _ => "UPDATE",
    };
    let slug = repository.name.to_lowercase();
    let key = repository.owner.to_uppercase();
    let to_commit = push.commits.last().map(|c| {
        json!({
            "id": c.id, "displayId": c.id.get(..11), "message": c.message,
            "author": {"name": push.pusher.name, "emailAddress": push.pusher.email},
            "authorTimestamp": push.at.as_millisecond(), "committerTimestamp": push.at.as_millisecond(), "parents": [],
        })
    });
    Message::new(
        "repo:refs_changed",
        json!({
            "eventKey": "repo:refs_changed", "date": date(push, "+0000"),
            "actor": {
                "name": push.pusher.login, "emailAddress": push.pusher.email, "id": 1, "active": true,
                "displayName": push.pusher.name, "slug": push.pusher.login, "type": "NORMAL",
            },
            "repository": {
                "slug": slug, "id": 84, "name": repository.name, "hierarchyId": "5d7d0c8f1a2b3c4d5e6f", "scmId": "git",
                "state": "AVAILABLE", "statusMessage": "Available", "forkable": true, "public": false,
                "project": {"key": key, "id": 84, "name": repository.owner, "public": false, "type": "NORMAL"},
                "links": {
                    "clone": [
                        {"href": format!("ssh://git@bitbucket.example.com:7999/{}/{slug}.git", key.to_lowercase()), "name": "ssh"},
                        {"href": format!("{}/scm/{}/{slug}.git", repository.base, key.to_lowercase()), "name": "http"},
                    ],
                    "self": [{"href": format!("{}/projects/{key}/repos/{slug}/browse", repository.base)}],
                },
            },
            "changes": [{
                "ref": {
                    "id": push.reference, "displayId": push.short(),
                    "type": if push.is_tag() { "TAG" } else { "BRANCH" },
                },
                "refId": push.reference, "fromHash": push.before_or_zeros(), "toHash": push.after_or_zeros(), "type": kind,
            }],
            "toCommit": to_commit,
        }),
    )
}

/// The button "Test connection": it is not signed.
pub(super) fn data_center_ping() -> Message {
    Message { event: "diagnostics:ping", payload: json!({"test": true}), signed: false }
}

pub(super) fn seal_cloud(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let body = message.payload.to_string().into_bytes();
    let headers = vec![
        ("User-Agent", "Bitbucket-Webhooks/2.0".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("X-Event-Key", message.event.to_owned()),
        ("X-Hook-UUID", "9f6d8b5a-5f0c-4b57-9a2e-6d4f8b1c7e30".to_owned()),
        ("X-Request-UUID", id.to_owned()),
        ("X-Attempt-Number", "1".to_owned()),
        ("X-Event-Time", hook.at.to_string()),
        ("X-Hub-Signature", format!("sha256={}", sign::sha256(hook.secret.as_bytes(), &body))),
    ];
    Delivery { id: String::new(), headers, body }
}

pub(super) fn seal_data_center(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let body = message.payload.to_string().into_bytes();
    let mut headers = vec![
        ("User-Agent", "Atlassian HttpClient 4.2.0 / Bitbucket-9.4.0 (9004000) / Default".to_owned()),
        ("Content-Type", "application/json; charset=utf-8".to_owned()),
        ("X-Event-Key", message.event.to_owned()),
        ("X-Request-Id", id.to_owned()),
    ];
    if message.signed {
        headers.push(("X-Hub-Signature", format!("sha256={}", sign::sha256(hook.secret.as_bytes(), &body))));
    }
    Delivery { id: String::new(), headers, body }
}

fn date(push: &Push<'_>, offset: &str) -> String {
    format!("{}{offset}", push.at.strftime("%Y-%m-%dT%H:%M:%S"))
}
