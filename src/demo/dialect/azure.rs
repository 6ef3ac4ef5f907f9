//! Azure DevOps: no signature; a user and a password that only sender and receiver know.

use serde_json::json;

use super::{Delivery, Hook, Message, Push, sign};

/// The user name of the subscription; only the password is secret.
pub(super) const USER: &str = "yardarm";

const SUBSCRIPTION: &str = "7d1b6c2e-4a51-4a0e-9d1c-3a5b8f0c2d11";

/// `git.push`. The identity of a delivery is in the body: `subscriptionId`, `notificationId` and `id`.
pub(super) fn push(hook: &Hook<'_>, push: &Push<'_>) -> Message {
    let repository = push.repository;
    let organisation = format!("{}/{}", repository.base, repository.owner);
    let web = format!("{organisation}/{0}/_git/{0}", repository.name);
    let text = format!("{} pushed updates to {} of {}.", push.pusher.name, push.short(), repository.name);
    let person = json!({"name": push.pusher.name, "email": push.pusher.email, "date": push.at});
    let commits: Vec<_> = push
        .commits
        .iter()
        .map(|c| {
            json!({
                "commitId": c.id, "author": person, "committer": person, "comment": c.message,
                "url": format!("{web}/commit/{}", c.id),
            })
        })
        .collect();
    Message::new(
        "git.push",
        json!({
            "subscriptionId": SUBSCRIPTION, "notificationId": notification(hook.id), "id": hook.id,
            "eventType": "git.push", "publisherId": "tfs", "scope": "all",
            "message": {"text": text, "html": text, "markdown": text},
            "detailedMessage": {"text": text, "html": text, "markdown": text},
            "resource": {
                "commits": commits,
                "refUpdates": [{
                    "name": push.reference, "oldObjectId": push.before_or_zeros(), "newObjectId": push.after_or_zeros(),
                }],
                "repository": {
                    "id": "9e2f61b4-0c7d-4a83-b5e1-47d3a6f8c902", "name": repository.name,
                    "url": format!("{organisation}/_apis/git/repositories/9e2f61b4-0c7d-4a83-b5e1-47d3a6f8c902"),
                    "project": {
                        "id": "31a7d8e5-94b2-4f6c-a0d3-8c5e7b1f2946", "name": repository.name,
                        "url": format!("{organisation}/_apis/projects/31a7d8e5-94b2-4f6c-a0d3-8c5e7b1f2946"),
                        "state": "wellFormed", "visibility": "unchanged", "lastUpdateTime": "0001-01-01T00:00:00",
                    },
                    "defaultBranch": "refs/heads/main", "remoteUrl": web,
                },
                "pushedBy": {
                    "id": "b17c4f90-8e3d-4a26-95f1-0d6b2c7e8a43", "displayName": push.pusher.name,
                    "uniqueName": push.pusher.email, "url": format!("{organisation}/_apis/Identities/1"),
                },
                "pushId": 14, "date": push.at, "url": format!("{organisation}/_apis/git/pushes/14"),
            },
            "resourceVersion": "1.0",
            "resourceContainers": {
                "collection": {"id": "a6c3e9f1-5d28-4b7e-9c04-1f8b2d6a7e53"},
                "account": {"id": "e85b0d27-6f1c-4932-b7a8-3d9c4e5f1a60"},
                "project": {"id": "31a7d8e5-94b2-4f6c-a0d3-8c5e7b1f2946"},
            },
            "createdDate": push.at,
        }),
    )
}

/// The button "Test" sends an event of a repository that is not ours.
pub(super) fn sample(hook: &Hook<'_>, real: &Push<'_>) -> Message {
    let elsewhere = super::Repository {
        base: "https://dev.azure.com".to_owned(),
        owner: "fabrikam-fiber-inc".to_owned(),
        name: "Fabrikam-Fiber-Git".to_owned(),
    };
    push(hook, &Push { repository: &elsewhere, ..real.clone() })
}

pub(super) fn seal(hook: &Hook<'_>, id: &str, message: &Message) -> Delivery {
    let headers = vec![
        ("User-Agent", "VSServices/20.262.0.0 (Service=vsrm.dev.azure.com/ServiceHooks)".to_owned()),
        ("Content-Type", "application/json; charset=utf-8".to_owned()),
        ("Authorization", sign::basic(USER, hook.secret)),
        ("X-VSS-ActivityId", id.to_owned()),
        ("X-VSS-SubscriptionId", SUBSCRIPTION.to_owned()),
        ("Request-Id", id.to_owned()),
    ];
    Delivery { id: String::new(), headers, body: message.payload.to_string().into_bytes() }
}

/// What tells one delivery from another: both are in the body, no header has them.
pub(super) fn identity(id: &str) -> String {
    format!("{SUBSCRIPTION}:{}", notification(id))
}

/// Azure counts notifications; a number that follows from the id is the same for a repeated delivery.
fn notification(id: &str) -> u32 {
    crc32fast::hash(id.as_bytes()) % 1_000_000
}
