//! GitLab: with a signing token (19.0 and newer, Standard Webhooks) or with the plain secret token.

use serde_json::{Value, json};

use super::{Delivery, Hook, Message, Push, sign};

const PROJECT_ID: u64 = 61_184;

/// Branches and tags share one shape under two names.
pub(super) fn push(push: &Push<'_>) -> Message {
    let repository = push.repository;
    let web = repository.web_url();
    let (event, kind) = if push.is_tag() { ("Tag Push Hook", "tag_push") } else { ("Push Hook", "push") };
    let commits: Vec<Value> = push
        .commits
        .iter()
        .map(|c| {
            json!({
                "id": c.id, "message": c.message, "title": c.message.lines().next(), "timestamp": push.at,
                "url": format!("{web}/-/commit/{}", c.id),
                "author": {"name": push.pusher.name, "email": "[REDACTED]"},
                "added": c.added, "modified": c.modified, "removed": c.removed,
            })
        })
        .collect();
    Message::new(
        event,
        json!({
            "object_kind": kind, "event_name": kind,
            "before": push.before_or_zeros(), "after": push.after_or_zeros(),
            "ref": push.reference, "ref_protected": true, "checkout_sha": push.after, "message": null,
            "user_id": 4_207, "user_name": push.pusher.name, "user_username": push.pusher.login, "user_email": "",
            "project_id": PROJECT_ID,
            "project": {
                "id": PROJECT_ID, "name": repository.name, "description": null, "web_url": web, "avatar_url": null,
                "git_ssh_url": format!("git@gitlab.example.com:{}.git", repository.full_name()),
                "git_http_url": format!("{web}.git"), "namespace": repository.owner, "visibility_level": 0,
                "path_with_namespace": repository.full_name(), "default_branch": "main", "ci_config_path": null,
                "homepage": web, "http_url": format!("{web}.git"),
            },
            "total_commits_count": commits.len(), "commits": commits, "push_options": {},
            "repository": {
                "name": repository.name, "description": null, "homepage": web, "git_http_url": format!("{web}.git"),
                "visibility_level": 0,
            },
        }),
    )
}

/// The signature covers id, timestamp and body.
pub(super) fn seal_signed(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let mut delivery = seal(hook, id, message);
    let timestamp = hook.at.as_second();
    let signature = sign::standard_webhooks(hook.secret, id, timestamp, &delivery.body);
    delivery.headers.extend([
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ]);
    delivery
}

/// The secret itself goes over the wire.
pub(super) fn seal_token(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let mut delivery = seal(hook, id, message);
    delivery.headers.push(("X-Gitlab-Token", hook.secret.to_owned()));
    delivery
}

fn seal(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", format!("GitLab/{}", if hook.secret.starts_with("whsec_") { "19.5.0" } else { "18.11.0" })),
        ("Idempotency-Key", id.to_owned()),
        ("X-Gitlab-Event", message.event.to_owned()),
        ("X-Gitlab-Event-UUID", "f3b6a1c8-2e7d-4d05-8b94-6a1c0e9d7f52".to_owned()),
        ("X-Gitlab-Instance", "https://gitlab.example.com".to_owned()),
        ("X-Gitlab-Webhook-UUID", "8c4d7e2a-1b6f-4395-a0e8-5f3b9c2d6e71".to_owned()),
    ];
    Delivery { id: String::new(), headers, body: message.payload.to_string().into_bytes() }
}
