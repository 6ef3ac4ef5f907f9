use serde_json::{Value, json};

use super::*;

/// The proposal of a delivery that a live Forgejo sent.
fn recorded(name: &str) -> Pull {
    let text = include_str!("../../../../../fixtures/webhooks/forgejo/live.jsonl");
    let line = text.lines().find(|line| line.contains(name)).unwrap();
    let delivery: Value = serde_json::from_str(line).unwrap();
    let payload: Value = serde_json::from_str(delivery["body"].as_str().unwrap()).unwrap();
    serde_json::from_value(payload["pull_request"].clone()).unwrap()
}

#[test]
fn a_fork_is_one_while_it_is_there_and_after() {
    let there = recorded("pr-from-fork-forgejo-json-pull_request-opened").proposal();
    assert_eq!((there.fork, there.head.as_deref()), (true, Some("from-fork")));
    let gone = recorded("pr-fork-deleted-forgejo-json-pull_request-edited").proposal();
    assert_eq!((gone.fork, gone.head.as_deref(), gone.state), (true, Some("from-fork"), State::Closed));
}

#[test]
fn a_branch_that_is_gone_keeps_its_name() {
    let pull = recorded("pr-head-branch-deleted-forgejo-json-pull_request-closed");
    let proposal = pull.proposal();
    assert!(pull.branch_is_gone() && !proposal.fork);
    assert_eq!((proposal.head.as_deref(), proposal.state), (Some("topic/h-del"), State::Closed));
}

#[test]
fn what_was_pushed_without_a_branch_has_none() {
    let proposal = recorded("pr-agit-forgejo-json-pull_request-opened").proposal();
    assert_eq!((proposal.head, proposal.fork, proposal.state), (None, false, State::Open));
}

#[test]
fn a_squash_names_its_commit_and_a_closed_one_none() {
    let merged = recorded("merge-squash-forgejo-json-pull_request-closed").proposal();
    assert_eq!((merged.state, merged.merge_commit.map(|id| id.len())), (State::Merged, Some(40)));
    assert!(merged.ended.is_some());
    let closed = recorded("pr-closed-forgejo-json-pull_request-closed").proposal();
    assert_eq!((closed.state, closed.merge_commit), (State::Closed, None));
}

/// An open one, with what differs.
fn open(mut more: Value) -> Pull {
    let mut pull = json!({
        "number": 1, "title": "t", "body": "", "state": "open", "mergeable": false, "updated_at": "2026-11-22T10:00:00Z",
        "base": {"label": "main", "ref": "main", "repo_id": 1, "repo": {}},
        "head": {"label": "topic", "ref": "topic", "sha": "a", "repo_id": 1, "repo": {}},
    });
    pull.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    serde_json::from_value(pull).unwrap()
}

fn branch(changed: &str, required: u32) -> Branch {
    serde_json::from_value(json!({"commit": {"timestamp": changed}, "required_approvals": required})).unwrap()
}

#[test]
fn no_means_not_known_yet_of_what_has_just_changed() {
    let soon: Timestamp = "2026-11-22T10:00:05Z".parse().unwrap();
    let later: Timestamp = "2026-11-22T11:00:00Z".parse().unwrap();
    let old = branch("2026-11-20T10:00:00+01:00", 0);
    let pull = open(json!({}));
    assert_eq!(pull.mergeable(Some(&old), None, soon), Mergeable::Checking);
    assert_eq!(pull.mergeable(Some(&old), None, later), Mergeable::No("it conflicts with main".to_owned()));
    // The base has moved.
    let moved = branch("2026-11-22T10:59:50Z", 0);
    assert_eq!(pull.mergeable(Some(&moved), None, later), Mergeable::Checking);

    let draft = open(json!({"draft": true}));
    assert_eq!(draft.mergeable(Some(&old), None, soon), Mergeable::No("it is a draft".to_owned()));
    assert_eq!(open(json!({"mergeable": true})).mergeable(None, None, soon), Mergeable::Yes);
    assert_eq!(open(json!({"state": "closed"})).mergeable(None, None, soon), Mergeable::Unknown);
}

#[test]
fn missing_approvals_are_counted() {
    let now: Timestamp = "2026-11-22T11:00:00Z".parse().unwrap();
    let pull = open(json!({"mergeable": true}));
    let mut reviews = Reviews { approved_by: vec!["rosa".to_owned()], ..Reviews::default() };
    let base = branch("2026-11-20T10:00:00Z", 2);
    let asked = pull.mergeable(Some(&base), Some(&reviews), now);
    assert_eq!(asked, Mergeable::No("it has 1 of 2 approvals".to_owned()));
    reviews.approved_by.push("karl".to_owned());
    assert_eq!(pull.mergeable(Some(&base), Some(&reviews), now), Mergeable::Yes);
}

#[test]
fn titles_tell_drafts_where_nothing_else_does() {
    for title in ["WIP: t", "wip:t", "[WIP] t", "[wip]   t"] {
        let proposal = open(json!({ "title": title })).proposal();
        assert_eq!((proposal.draft, &*proposal.title), (true, "t"), "{title}");
    }
    for title in ["WIPE the cache", "t WIP:", "WI"] {
        let proposal = open(json!({ "title": title })).proposal();
        assert_eq!((proposal.draft, &*proposal.title), (false, title));
    }
    assert_eq!(
        (title("t", true), title("WIP: t", true), title("t", false)),
        ("WIP: t".into(), "WIP: t".into(), "t".into())
    );
}

#[test]
fn the_latest_verdict_of_each_counts() {
    let review = |id: u64, who: &str, state: &str, dismissed: bool| -> Review {
        serde_json::from_value(json!({"id": id, "user": {"login": who}, "state": state, "dismissed": dismissed}))
            .unwrap()
    };
    let told = reviews(vec![
        review(6, "karl", "APPROVED", false),
        review(1, "rosa", "APPROVED", false),
        review(2, "rosa", "COMMENT", false),
        review(3, "karl", "REQUEST_CHANGES", false),
        review(4, "vera", "REQUEST_CHANGES", false),
        review(5, "olga", "APPROVED", true),
        review(7, "ida", "PENDING", false),
        review(8, "ida", "REQUEST_REVIEW", false),
        serde_json::from_value(json!({"id": 9, "user": null, "state": "APPROVED"})).unwrap(),
    ]);
    assert_eq!(
        (told.approved_by, told.changes_requested_by),
        (vec!["karl".into(), "rosa".into()], vec!["vera".into()])
    );
}

#[test]
fn a_message_goes_under_the_names_that_the_server_knows() {
    let wish = Merge {
        head_commit: "a".repeat(40),
        method: None,
        message: Some("Turn it on\n\nAll of it.".to_owned()),
        delete_branch: true,
    };
    let forgejo = merge(Provider::Forgejo, "squash", &wish);
    assert_eq!((&forgejo["Do"], &forgejo["MergeTitleField"]), (&json!("squash"), &json!("Turn it on")));
    assert_eq!(
        (&forgejo["MergeMessageField"], &forgejo["delete_branch_after_merge"]),
        (&json!("All of it."), &json!(true))
    );
    assert_eq!(forgejo["merge_title_field"], Value::Null);
    let gitea = merge(Provider::Gitea, "squash", &wish);
    assert_eq!((&gitea["do"], &gitea["merge_title_field"]), (&json!("squash"), &json!("Turn it on")));
}
