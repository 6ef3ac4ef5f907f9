//! Bitbucket Data Center: two flavours of dates, and a version of old.

use jiff::Timestamp;
use yardarm::provider::Provider;
use yardarm::provider::api::{
    self, CheckState, Edit, Failure, Merge, MergeMethod, Mergeable, Merged, State, Status, open_or_join, say,
};

use super::{Stage, kind, new};
use crate::scm::Fault;
use crate::scm::bitbucket_data_center::{BitbucketDataCenter, ROOT};
use crate::scm::plain::{Plain, Verdict};

fn stage() -> Stage {
    of(BitbucketDataCenter::default())
}

fn of(version: BitbucketDataCenter) -> Stage {
    Stage::new(Provider::BitbucketDataCenter, ROOT, Box::new(version))
}

fn merge(stage: &Stage, method: Option<MergeMethod>) -> Merge {
    let head_commit = stage.git.with(|git| crate::scm::git::Git::tip(git, "topic").unwrap());
    Merge { head_commit, method, message: Some("Merge it".to_owned()), delete_branch: true }
}

fn status(number: u64) -> Status {
    Status {
        context: "yardarm/flags".to_owned(),
        state: CheckState::Success,
        description: "valid".to_owned(),
        url: None,
        number,
        branch: Some("topic".to_owned()),
    }
}

#[test]
fn a_proposal_from_opened_to_merged_in_either_kind_of_dates() {
    let mut told = Vec::new();
    for iso_dates in [false, true] {
        let stage = of(BitbucketDataCenter { iso_dates, old: false });
        let opened = open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap();
        assert!(!opened.joined && open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap().joined);
        let number = opened.proposal.number;
        stage.scm.world(|plain| {
            plain.review(number, "ada", Verdict::ChangesRequested).unwrap();
            plain.review(number, "bob", Verdict::Approved).unwrap();
        });
        let edit = Edit { title: None, body: Some("Only for some.".to_owned()) };
        stage.api.edit(&stage.scm, number, &edit).unwrap();
        stage.api.set_draft(&stage.scm, number, true).unwrap();
        let read = stage.api.read(&stage.scm, number).unwrap();
        assert_eq!((read.title.as_str(), read.body.as_str()), ("Turn the checkout on", "Only for some."));
        assert_eq!((read.draft, read.reviews.approved_by), (true, vec!["bob".to_owned()]));
        assert!(matches!(read.mergeable, Mergeable::No(why) if why.contains("draft")));
        stage.api.set_draft(&stage.scm, number, false).unwrap();

        let commit = merge(&stage, None).head_commit;
        stage.api.set_status(&stage.scm, &commit, &status(number)).unwrap();
        for text in ["one <!-- m -->", "two <!-- m -->", "two <!-- m -->"] {
            say(&*stage.api, &stage.scm, number, "<!-- m -->", text).unwrap();
        }
        let read = stage.api.read(&stage.scm, number).unwrap();
        assert_eq!((read.checks.len(), read.mergeable), (1, Mergeable::Yes));

        let other = Merge { head_commit: "0".repeat(40), ..merge(&stage, None) };
        assert_eq!(kind(stage.api.merge(&stage.scm, number, &other)), "stale");
        assert_eq!(stage.api.merge(&stage.scm, number, &merge(&stage, Some(MergeMethod::Rebase))), Ok(Merged::Done));
        let read = stage.api.read(&stage.scm, number).unwrap();
        assert_eq!((read.state, read.merge_commit.as_ref().map(String::len)), (State::Merged, Some(40)));
        assert_eq!(stage.git.with(|git| crate::scm::git::Git::tip(git, "topic")), None, "the branch was removed");
        assert_eq!(kind(stage.api.reopen(&stage.scm, number)), "state");
        told.push((read.created, read.updated, read.ended));
        if !iso_dates {
            stage.check();
        }
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].2.is_some());
}

#[test]
fn what_was_declined_is_opened_again() {
    let stage = stage();
    let number = stage.open("topic");
    for _ in 0..2 {
        stage.api.close(&stage.scm, number).unwrap();
    }
    assert_eq!(stage.api.read(&stage.scm, number).unwrap().state, State::Closed);
    assert_eq!(kind(stage.api.edit(&stage.scm, number, &Edit { title: Some("x".into()), body: None })), "state");
    for _ in 0..2 {
        stage.api.reopen(&stage.scm, number).unwrap();
    }
    assert_eq!((stage.asked("POST", "/decline"), stage.asked("POST", "/reopen")), (1, 1));
    assert_eq!(stage.api.read(&stage.scm, number).unwrap().state, State::Open);
    stage.check();
}

#[test]
fn a_version_that_is_out_of_date_is_read_again_once() {
    let stage = stage();
    let number = stage.open("topic");
    let edit = Edit { title: Some("Ours".to_owned()), body: None };
    stage.scm.meanwhile(1, move |plain| plain.edit(number, None, Some("Theirs")).unwrap());
    stage.api.edit(&stage.scm, number, &edit).unwrap();
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert_eq!((read.title.as_str(), read.body.as_str()), ("Ours", "Theirs"), "nobody's words are lost");
    for skip in [1, 3] {
        stage.scm.meanwhile(skip, move |plain| plain.edit(number, None, Some("Theirs again")).unwrap());
    }
    let edit = Edit { title: Some("Ours again".to_owned()), body: None };
    assert_eq!(kind(stage.api.edit(&stage.scm, number, &edit)), "stale");
    // Somebody else merged it in between.
    stage.scm.meanwhile(1, move |plain| {
        plain.merge(number, None, "merge", "m", false).unwrap();
    });
    assert_eq!(stage.api.merge(&stage.scm, number, &merge(&stage, None)), Ok(Merged::Done));
    stage.check();
}

#[test]
fn a_comment_that_moved_is_rewritten_once_more() {
    let stage = stage();
    let number = stage.open("topic");
    say(&*stage.api, &stage.scm, number, "m", "m one").unwrap();
    stage.scm.meanwhile(1, move |plain| plain.proposal_mut(number).unwrap().comments[0].version += 3);
    say(&*stage.api, &stage.scm, number, "m", "m two").unwrap();
    let comment = stage.api.comments(&stage.scm, number, "m").unwrap().remove(0);
    assert_eq!(comment.text, "m two");
    let before = api::Comment { version: Some(0), ..comment };
    stage.api.delete_comment(&stage.scm, number, &before).unwrap();
    stage.api.delete_comment(&stage.scm, number, &before).unwrap();
    assert_eq!(stage.api.comments(&stage.scm, number, "m").unwrap(), []);
    stage.check();
}

#[test]
fn it_says_which_one_exists_and_that_there_is_nothing() {
    let stage = stage();
    let number = stage.open("topic");
    assert_eq!(stage.api.create(&stage.scm, &new("topic")), Err(Failure::Exists { number: Some(number) }));
    stage.git.with(|git| git.branch("same", "main"));
    assert_eq!(kind(stage.api.create(&stage.scm, &new("same"))), "nothing");
    assert_eq!(kind(stage.api.create(&stage.scm, &new("nowhere"))), "not-found");
    stage.check();
}

#[test]
fn what_stands_in_the_way_of_a_merge_is_told() {
    let stage = stage();
    let number = stage.open("topic");
    stage.git.with(|git| git.set_conflict("main", "topic", true));
    assert_eq!(stage.api.read(&stage.scm, number).unwrap().mergeable, Mergeable::No("conflicts".to_owned()));
    assert_eq!(kind(stage.api.merge(&stage.scm, number, &merge(&stage, None))), "not-mergeable");
    stage.git.with(|git| git.set_conflict("main", "topic", false));
    stage.scm.world(|plain| plain.protected = true);
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert!(matches!(read.mergeable, Mergeable::No(why) if why.contains("reviewers")));
    let failure = stage.api.merge(&stage.scm, number, &merge(&stage, None)).unwrap_err();
    assert!(matches!(&failure, Failure::NotMergeable(why) if why.contains("required reviewers")), "{failure}");
    stage.check();
}

#[test]
fn who_may_not_is_told_so_and_not_that_the_token_is_wrong() {
    let stage = stage();
    stage.scm.ask_as("Bearer token-of-reader");
    let failure = stage.api.create(&stage.scm, &new("topic")).unwrap_err();
    assert!(matches!(&failure, Failure::Forbidden { needs, .. } if needs.contains("Repository")), "{failure}");
    stage.scm.ask_as("Bearer token-of-nobody");
    assert_eq!(kind(stage.api.create(&stage.scm, &new("topic"))), "credential");
    stage.check();
}

#[test]
fn an_old_version_takes_builds_elsewhere_and_has_no_drafts() {
    let stage = of(BitbucketDataCenter { iso_dates: false, old: true });
    let number = stage.open("topic");
    let commit = merge(&stage, None).head_commit;
    stage.api.set_status(&stage.scm, &commit, &status(number)).unwrap();
    assert_eq!(stage.asked("POST", "build-status/1.0"), 1);
    assert_eq!(stage.api.read(&stage.scm, number).unwrap().checks.len(), 1);
    assert_eq!(kind(stage.api.set_draft(&stage.scm, number, true)), "unsupported");
    stage.api.set_draft(&stage.scm, number, false).unwrap();
    // It tells what came of a merge only among what happened.
    let commit = stage.scm.world(|plain| plain.merge(number, None, "squash", "m", false)).unwrap();
    assert_eq!(stage.api.read(&stage.scm, number).unwrap().merge_commit, Some(commit));
}

#[test]
fn an_answer_that_was_lost_is_looked_for() {
    let stage = stage();
    stage.scm.misbehave("POST", "/pull-requests", Fault::Lost, 1);
    let opened = open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap();
    assert!(!opened.joined, "it is ours");
    let number = opened.proposal.number;
    for (part, act) in [("/decline", true), ("/reopen", false)] {
        stage.scm.misbehave("POST", part, Fault::Lost, 1);
        let done = if act { stage.api.close(&stage.scm, number) } else { stage.api.reopen(&stage.scm, number) };
        assert_eq!(done, Ok(()), "{part}");
    }
    stage.scm.misbehave("POST", "/merge", Fault::Lost, 1);
    assert_eq!(stage.api.merge(&stage.scm, number, &merge(&stage, None)), Ok(Merged::Done));
    stage.check();
}

#[test]
fn long_lists_odd_names_and_people_as_projects() {
    let stage = stage();
    stage.scm.world(|plain| {
        plain.page = 3;
        plain.owner = "~ada".to_owned();
    });
    let api = api::of(stage.scm.place());
    for name in ["a \"b\" & c%20?#", "flipt/production/x"].into_iter().chain(["1", "2", "3", "4", "5", "6"]) {
        stage.branch(name);
        api.create(&stage.scm, &new(name)).unwrap();
    }
    assert_eq!(api.list(&stage.scm, None).unwrap().len(), 8);
    let found = api.find(&stage.scm, "a \"b\" & c%20?#", "main").unwrap();
    assert_eq!(found.iter().map(|found| found.number).collect::<Vec<_>>(), [1]);
    let now: Timestamp = stage.scm.world(|plain| plain.now);
    api.close(&stage.scm, 2).unwrap();
    stage.scm.world(|plain| plain.merge(3, None, "merge", "m", false)).unwrap();
    let listed = api.list(&stage.scm, Some(now)).unwrap();
    assert_eq!(listed.iter().filter(|listed| listed.state != State::Open).count(), 2);
    assert_eq!(api.list(&stage.scm, Some(stage.scm.world(Plain::tick))).unwrap().len(), 6);
    stage.check();
}

#[test]
fn forks_are_told_apart_also_when_they_are_gone() {
    let stage = stage();
    let number = stage.scm.world(|plain| plain.open_from_fork("~mallory/flags", "topic", "main", "Take mine"));
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert!(read.fork && stage.asked("GET", "build-status") == 0);
    stage.scm.world(|plain| plain.proposal_mut(number).unwrap().fork_gone = true);
    assert!(stage.api.read(&stage.scm, number).unwrap().fork);
    assert!(!open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap().joined);
    stage.check();
}
