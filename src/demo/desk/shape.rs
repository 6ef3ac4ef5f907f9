//! What the server shows, in Gitea's fields.

use serde_json::{Value, json};

use super::{Book, Pull, State, Status};

/// A draft is one by its title.
pub(super) fn title(it: &Pull) -> String {
    if it.draft { format!("WIP: {}", it.title) } else { it.title.clone() }
}

/// A title, and whether it is that of a draft.
pub(super) fn split(title: &str) -> (&str, bool) {
    title.strip_prefix("WIP:").map_or((title, false), |title| (title.trim_start(), true))
}

pub(super) fn status(it: &Status) -> Value {
    json!({
        "status": it.state, "context": it.context, "description": it.description, "target_url": it.url,
    })
}

pub(super) fn comment((id, by, text): &(u64, String, String)) -> Value {
    json!({ "id": id, "body": text, "user": user(by) })
}

pub(super) fn review((id, by, approves): &(u64, String, bool)) -> Value {
    let state = if *approves { "APPROVED" } else { "REQUEST_CHANGES" };
    json!({ "id": id, "user": user(by), "state": state, "official": true, "stale": false, "dismissed": false })
}

pub(super) fn user(login: &str) -> Value {
    json!({ "login": login, "username": login })
}

impl Book {
    pub(super) fn repository(&self) -> Value {
        let web = self.place.web_url();
        json!({
            "id": 1, "name": self.place.name, "full_name": self.place.full_name(), "owner": user(&self.place.owner),
            "html_url": web, "clone_url": format!("{web}.git"), "default_branch": "main",
            "default_merge_style": "merge",
        })
    }

    /// Where a person looks at a proposal.
    fn page(&self, number: u64) -> String {
        format!("{}/{}/pulls/{number}", self.web, self.place.full_name())
    }

    /// A proposal as it is now.
    pub(super) fn pull(&self, it: &Pull) -> Value {
        let tip = |branch: &str| self.repository.tip(branch).ok().flatten();
        let (head, base) = (tip(&it.head), tip(&it.base));
        let open = it.state == State::Open;
        let joins = || {
            let pair = head.as_deref().zip(base.as_deref());
            pair.is_some_and(|(head, base)| matches!(self.joined(base, head), Ok(Some(_))))
        };
        let merged = it.state == State::Merged;
        let repository = self.repository();
        let reference = if head.is_some() { it.head.clone() } else { format!("refs/pull/{}/head", it.number) };
        json!({
            "id": it.number, "number": it.number, "html_url": self.page(it.number), "user": user(&it.author),
            "title": title(it), "body": it.body, "draft": it.draft,
            "state": if open { "open" } else { "closed" },
            "mergeable": !open || !it.draft && joins(),
            "merged": merged, "merge_commit_sha": it.merge_commit,
            "merged_at": it.ended.filter(|_| merged), "merged_by": it.merged_by.as_deref().map(user),
            "created_at": it.created, "updated_at": it.updated, "closed_at": it.ended,
            "comments": it.comments.len(),
            "base": { "label": it.base, "ref": it.base, "sha": base, "repo_id": 1, "repo": repository },
            "head": { "label": it.head, "ref": reference, "sha": it.head_commit, "repo_id": 1, "repo": repository },
        })
    }

    /// What a webhook says of it.
    pub(super) fn event(&self, it: &Pull, action: &str, changes: &Value) -> Value {
        json!({
            "action": action, "number": it.number, "pull_request": self.pull(it), "changes": changes,
            "repository": self.repository(), "sender": user(&it.author), "review": null, "commit_id": "",
        })
    }
}
