//! Merging at GitLab: which commit comes of it, and why it is refused.

use yardarm::provider::api::{Failure, MergeMethod, Mergeable, Merged, State};

use super::World;
use crate::scm::git::Git as _;
use crate::scm::gitlab::Gitlab;
use crate::scm::plain::Verdict;

#[test]
fn every_way_to_merge_names_its_commit() {
    for (merge_method, method, commit_is_head) in
        [("merge", Some(MergeMethod::Merge), false), ("merge", Some(MergeMethod::Squash), false), ("ff", None, true)]
    {
        let world = World::of(Gitlab { merge_method, ..Gitlab::default() });
        world.open();
        assert_eq!(world.merge(method), Ok(Merged::Done));
        let read = world.api.read(&world.scm, 1).unwrap();
        assert_eq!(read.merge_commit, world.git.tip("main"), "{merge_method} {method:?}");
        assert_eq!(read.merge_commit == read.head_commit, commit_is_head);
    }
}

#[test]
fn a_rebase_makes_another_head_which_is_looked_at_first() {
    let gitlab = Gitlab::default();
    gitlab.falls_behind(1, 3);
    let world = World::of(gitlab);
    world.open();
    let Err(Failure::Stale(said)) = world.merge(Some(MergeMethod::Rebase)) else { panic!("it is rebased first") };
    assert!(said.contains("rebasing"), "{said}");
    // While it lasts it is neither merged nor mergeable.
    assert_eq!(world.api.read(&world.scm, 1).unwrap().mergeable, Mergeable::Checking);
    assert!(matches!(world.merge(Some(MergeMethod::Rebase)), Err(Failure::Stale(_))));
    world.git.with(|git| git.commit("topic"));
    let git = world.git.clone();
    world.scm.world(|plain| plain.pushed("topic"));
    assert_eq!(world.count("PUT", "/merge"), 1, "only the rebase was asked for");
    assert_eq!(world.merge(Some(MergeMethod::Rebase)), Ok(Merged::Done));
    assert!(git.tip("main").is_some());
}

#[test]
fn another_head_is_not_merged() {
    let world = World::new();
    world.open();
    let seen = world.head();
    world.git.with(|git| git.commit("topic"));
    world.scm.world(|plain| plain.pushed("topic"));
    assert!(matches!(world.merge_again(&seen), Err(Failure::Stale(_))));
    // It moves between the look and the merge.
    let seen = world.head();
    let git = world.git.clone();
    world.scm.meanwhile(1, move |plain| {
        git.with(|git| git.commit("topic"));
        plain.pushed("topic");
    });
    let Err(Failure::Stale(said)) = world.merge_again(&seen) else { panic!("it has moved") };
    assert!(said.contains("SHA does not match"), "{said}");
    assert_eq!(world.api.read(&world.scm, 1).unwrap().state, State::Open);
}

#[test]
fn a_missing_right_is_not_a_bad_token() {
    let world = World::of(Gitlab { protects_target: true, ..Gitlab::default() });
    world.open();
    let Err(Failure::Forbidden { needs, .. }) = world.merge(None) else { panic!("the right is missing") };
    assert!(needs.contains("Protected branches"), "{needs}");
    world.scm.ask_as("Bearer revoked");
    assert!(matches!(world.merge(None), Err(Failure::Credential(_))));
}

#[test]
fn conflicts_and_approvals_are_reasons() {
    let world = World::of(Gitlab { approvals_required: Some(1), ..Gitlab::default() });
    world.open();
    world.scm.world(|plain| plain.protected = true);
    let Err(Failure::NotMergeable(why)) = world.merge(None) else { panic!("an approval is missing") };
    assert_eq!(why, "it has not the approvals that it needs");
    world.scm.world(|plain| plain.review(1, "carol", Verdict::ChangesRequested)).unwrap();
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!(read.reviews.changes_requested_by, ["carol"]);
    assert_eq!(read.mergeable, Mergeable::No("a reviewer has asked for changes".to_owned()));
    world.scm.world(|plain| plain.review(1, "carol", Verdict::Approved)).unwrap();
    world.git.with(|git| git.set_conflict("main", "topic", true));
    let Err(Failure::NotMergeable(why)) = world.merge(None) else { panic!("it conflicts") };
    assert_eq!(why, "it conflicts with its target branch");
    world.git.with(|git| git.set_conflict("main", "topic", false));
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!((read.reviews.approved_by.as_slice(), read.reviews.required), (&["carol".to_owned()][..], Some(1)));
    assert_eq!(read.mergeable, Mergeable::Yes);
}
