//! GitHub and GitHub Enterprise Server.

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{Commit, Delivery, Encoding, Hook, Message, Person, Push, sign};

const HOOK_ID: u64 = 480_112_607;
const REPOSITORY_ID: u64 = 700_214_358;

/// `push`, and before it `create` or after it `delete` when a branch or tag came or went.
pub(super) fn push(push: &Push<'_>) -> Vec<Message> {
    let mut messages = Vec::new();
    if push.before.is_none() {
        messages.push(Message::new("create", ref_event(push)));
    }
    let head = push.after.and(push.commits.last()).map(|c| commit(push, c));
    let [before, after] = [push.before_or_zeros(), push.after_or_zeros()];
    messages.push(Message::new(
        "push",
        json!({
            "ref": push.reference,
            "before": before,
            "after": after,
            "created": push.before.is_none(),
            "deleted": push.after.is_none(),
            "forced": push.forced,
            "base_ref": null,
            "compare": format!("{}/compare/{before}...{after}", push.repository.web_url()),
            "commits": push.commits.iter().map(|c| commit(push, c)).collect::<Vec<_>>(),
            "head_commit": head,
            "repository": repository(push, true),
            "pusher": {"name": push.pusher.login, "email": push.pusher.email},
            "sender": account(push, push.pusher),
        }),
    ));
    if push.after.is_none() {
        messages.push(Message::new("delete", ref_event(push)));
    }
    messages
}

/// Sent when a webhook is made, and when somebody asks for it.
pub(super) fn ping(push: &Push<'_>) -> Message {
    let hooks = format!("{}/api/v3/repos/{}/hooks/{HOOK_ID}", push.repository.base, push.repository.full_name());
    Message::new(
        "ping",
        json!({
            "zen": "Keep it logically awesome.",
            "hook_id": HOOK_ID,
            "hook": {
                "type": "Repository", "id": HOOK_ID, "name": "web", "active": true, "events": ["push"],
                "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********"},
                "updated_at": push.at, "created_at": push.at, "url": hooks,
                "ping_url": format!("{hooks}/pings"), "test_url": format!("{hooks}/test"),
                "last_response": {"code": null, "status": "unused", "message": null},
            },
            "repository": repository(push, false),
            "sender": account(push, push.pusher),
        }),
    )
}

/// GitHub signs the bytes on the wire, also of a form.
pub(super) fn seal(hook: &Hook<'_>, id: &str, message: &Message, enterprise: Option<&str>) -> Delivery {
    let json = message.payload.to_string().into_bytes();
    let (content_type, body) = match hook.encoding {
        Encoding::Json => ("application/json", json),
        Encoding::Form => {
            let field: String = byte_serialize(&json).collect();
            ("application/x-www-form-urlencoded", format!("payload={field}").into_bytes())
        }
    };
    let key = hook.secret.as_bytes();
    let mut headers = vec![
        ("User-Agent", "GitHub-Hookshot/0a1b2c3".to_owned()),
        ("Accept", "*/*".to_owned()),
        ("Content-Type", content_type.to_owned()),
        ("X-GitHub-Delivery", id.to_owned()),
        ("X-GitHub-Event", message.event.to_owned()),
        ("X-GitHub-Hook-ID", HOOK_ID.to_string()),
        ("X-GitHub-Hook-Installation-Target-ID", REPOSITORY_ID.to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
        ("X-Hub-Signature", format!("sha1={}", sign::sha1(key, &body))),
        ("X-Hub-Signature-256", format!("sha256={}", sign::sha256(key, &body))),
    ];
    if let Some(version) = enterprise {
        headers.push(("X-GitHub-Enterprise-Version", version.to_owned()));
        headers.push(("X-GitHub-Enterprise-Host", "github.example.com".to_owned()));
    }
    Delivery { id: String::new(), headers, body }
}

fn ref_event(push: &Push<'_>) -> Value {
    json!({
        "ref": push.short(),
        "ref_type": if push.is_tag() { "tag" } else { "branch" },
        "pusher_type": "user",
        "master_branch": "main",
        "description": null,
        "repository": repository(push, false),
        "sender": account(push, push.pusher),
    })
}

fn commit(push: &Push<'_>, commit: &Commit) -> Value {
    let person = json!({"name": push.pusher.name, "email": push.pusher.email, "username": push.pusher.login});
    json!({
        "id": commit.id, "tree_id": commit.id, "distinct": true, "message": commit.message, "timestamp": push.at,
        "url": format!("{}/commit/{}", push.repository.web_url(), commit.id),
        "author": person, "committer": person,
        "added": commit.added, "removed": commit.removed, "modified": commit.modified,
    })
}

/// Push events give the times of a repository as numbers, every other event as text.
fn repository(push: &Push<'_>, in_push: bool) -> Value {
    let repository = push.repository;
    let (full_name, web) = (repository.full_name(), repository.web_url());
    let api = format!("{}/api/v3/repos/{full_name}", repository.base);
    let at = if in_push { json!(push.at.as_second()) } else { json!(push.at) };
    json!({
        "id": REPOSITORY_ID, "node_id": "R_kgDOCBNwAQ", "name": repository.name, "full_name": full_name,
        "owner": {"name": repository.owner, "login": repository.owner, "id": 90_417_223, "type": "Organization"},
        "private": true, "html_url": web, "description": null, "fork": false, "url": api,
        "branches_url": format!("{api}/branches{{/branch}}"), "compare_url": format!("{api}/compare/{{base}}...{{head}}"),
        "created_at": at, "updated_at": push.at, "pushed_at": at,
        "git_url": web.replacen("http", "git", 1), "clone_url": format!("{web}.git"), "svn_url": web,
        "homepage": null, "size": 12, "language": null, "archived": false, "disabled": false,
        "visibility": "private", "default_branch": "main", "master_branch": "main",
    })
}

fn account(push: &Push<'_>, person: &Person) -> Value {
    json!({
        "login": person.login, "id": 61_408_155, "node_id": "U_kgDOA6kFWw", "type": "User", "site_admin": false,
        "html_url": format!("{}/{}", push.repository.base, person.login),
    })
}
