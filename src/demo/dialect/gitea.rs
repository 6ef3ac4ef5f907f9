//! Gitea and Forgejo: one shape, and every header under the names of all their ancestors.

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{Commit, Delivery, Encoding, Hook, Message, Person, Push, Sender, sign};

/// A new branch is a `create` and a `push`; a branch that goes is a `delete` and nothing else.
pub(super) fn push(sender: Sender, push: &Push<'_>) -> Vec<Message> {
    // Gitea gives the short name in these two events, a Forgejo hook of its own type the full one.
    let name = if sender == Sender::Forgejo { push.reference } else { push.short() };
    let kind = if push.is_tag() { "tag" } else { "branch" };
    let (repository, pusher) = (repository(push), account(push, push.pusher));
    let deleted = Message::new(
        "delete",
        json!({"ref": name, "ref_type": kind, "pusher_type": "user", "repository": repository, "sender": pusher}),
    );
    match (push.before, push.after) {
        (_, None) if push.is_tag() => vec![deleted, moved(push)],
        (_, None) => vec![deleted],
        (None, Some(after)) => vec![
            Message::new(
                "create",
                json!({"sha": after, "ref": name, "ref_type": kind, "repository": repository, "sender": pusher}),
            ),
            moved(push),
        ],
        _ => vec![moved(push)],
    }
}

/// The button "Test delivery": a push that moves nothing.
pub(super) fn test(push: &Push<'_>) -> Message {
    moved(&Push { before: push.after.or(push.before), after: push.after.or(push.before), commits: &[], ..push.clone() })
}

/// The digest covers the JSON, also where the body on the wire is a form around it.
pub(super) fn seal(sender: Sender, hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let key = hook.secret.as_bytes();
    let json = format!("{:#}", message.payload).into_bytes();
    let (digest, legacy) = (sign::sha256(key, &json), sign::sha1(key, &json));
    let (content_type, body) = match hook.encoding {
        Encoding::Json => ("application/json", json),
        Encoding::Form => {
            let field: String = byte_serialize(&json).collect();
            ("application/x-www-form-urlencoded", format!("payload={field}").into_bytes())
        }
    };
    let mut headers = vec![("User-Agent", "Go-http-client/1.1".to_owned()), ("Content-Type", content_type.to_owned())];
    let families: &[[&'static str; 4]] = &[
        ["X-Forgejo-Delivery", "X-Forgejo-Event", "X-Forgejo-Event-Type", "X-Forgejo-Signature"],
        ["X-GitHub-Delivery", "X-GitHub-Event", "X-GitHub-Event-Type", ""],
        ["X-Gitea-Delivery", "X-Gitea-Event", "X-Gitea-Event-Type", "X-Gitea-Signature"],
        ["X-Gogs-Delivery", "X-Gogs-Event", "X-Gogs-Event-Type", "X-Gogs-Signature"],
    ];
    let families = if sender == Sender::Forgejo { families } else { families.get(1..).unwrap_or_default() };
    for [delivery, event, event_type, signature] in families {
        headers.push((delivery, id.to_owned()));
        headers.push((event, message.event.to_owned()));
        headers.push((event_type, message.event.to_owned()));
        if !signature.is_empty() {
            headers.push((signature, digest.clone()));
        }
    }
    headers.push(("X-Hub-Signature", format!("sha1={legacy}")));
    headers.push(("X-Hub-Signature-256", format!("sha256={digest}")));
    headers.push(("Accept-Encoding", "gzip".to_owned()));
    Delivery { id: String::new(), headers, body }
}

fn moved(push: &Push<'_>) -> Message {
    let [before, after] = [push.before_or_zeros(), push.after_or_zeros()];
    let newest_first: Vec<Value> = push.commits.iter().rev().take(15).map(|c| commit(push, c)).collect();
    Message::new(
        "push",
        json!({
            "ref": push.reference, "before": before, "after": after,
            "compare_url": format!("{}/compare/{before}...{after}", push.repository.web_url()),
            "total_commits": push.commits.len(), "head_commit": newest_first.first(), "commits": newest_first,
            "repository": repository(push),
            "pusher": account(push, push.pusher), "sender": account(push, push.pusher),
        }),
    )
}

fn commit(push: &Push<'_>, commit: &Commit) -> Value {
    let person = json!({"name": push.pusher.name, "email": push.pusher.email, "username": push.pusher.login});
    json!({
        "id": commit.id, "message": commit.message, "timestamp": push.at, "author": person, "committer": person,
        "url": format!("{}/commit/{}", push.repository.web_url(), commit.id), "verification": null,
        "added": commit.added, "removed": commit.removed, "modified": commit.modified,
    })
}

fn repository(push: &Push<'_>) -> Value {
    let repository = push.repository;
    let (full_name, web) = (repository.full_name(), repository.web_url());
    let api = format!("{}/api/v1/repos/{full_name}", repository.base);
    json!({
        "id": 29, "name": repository.name, "full_name": full_name, "description": "", "empty": false,
        "owner": {
            "id": 1, "login": repository.owner, "username": repository.owner, "full_name": "", "visibility": "public",
            "email": format!("{}@example.com", repository.owner),
        },
        "private": false, "fork": false, "template": false, "parent": null, "mirror": false, "size": 25,
        "html_url": web, "url": api, "clone_url": format!("{web}.git"), "original_url": "",
        "ssh_url": format!("ssh://git@forge.example.com/{full_name}.git"),
        "default_branch": "main", "archived": false, "created_at": push.at, "updated_at": push.at,
        "permissions": {"admin": true, "push": true, "pull": true}, "has_pull_requests": true,
        "object_format_name": if push.after.or(push.before).is_some_and(|id| id.len() == 64) { "sha256" } else { "sha1" },
        "repo_transfer": null, "topics": [],
    })
}

fn account(push: &Push<'_>, person: &Person) -> Value {
    json!({
        "id": 7, "login": person.login, "username": person.login, "full_name": person.name, "email": person.email,
        "html_url": format!("{}/{}", push.repository.base, person.login), "is_admin": false, "active": true,
        "visibility": "public",
    })
}
