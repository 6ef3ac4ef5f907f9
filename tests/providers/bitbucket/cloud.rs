//! Bitbucket Cloud.

use yardarm::provider::Provider;
use yardarm::provider::api::{
    CheckState, Edit, Failure, Merge, MergeMethod, Mergeable, Merged, State, Status, open_or_join, say,
};

use super::{Stage, kind, new};
use crate::scm::Fault;
use crate::scm::bitbucket_cloud::{BitbucketCloud, ROOT};
use crate::scm::plain::{Happened, Verdict};

fn stage() -> Stage {
    Stage::new(Provider::BitbucketCloud, ROOT, Box::<BitbucketCloud>::default())
}

fn merge(stage: &Stage, method: Option<MergeMethod>) -> Merge {
    let head_commit = stage.git.with(|git| crate::scm::git::Git::tip(git, "topic").unwrap());
    Merge { head_commit, method, message: Some("Merge it".to_owned()), delete_branch: true }
}

#[test]
fn a_proposal_from_opened_to_merged() {
    let stage = stage();
    let opened = open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap();
    assert!(!opened.joined);
    let number = opened.proposal.number;
    assert_eq!(opened.proposal.head_commit.as_ref().map(String::len), Some(12), "abbreviated, and kept so");
    assert!(open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap().joined);
    assert_eq!(stage.asked("POST", "pullrequests"), 1);

    stage.scm.world(|plain| {
        plain.review(number, "ada", Verdict::ChangesRequested).unwrap();
        plain.review(number, "bob", Verdict::Approved).unwrap();
    });
    let edit = Edit { title: Some("Turn it on".to_owned()), body: None };
    stage.api.edit(&stage.scm, number, &edit).unwrap();
    stage.api.set_draft(&stage.scm, number, true).unwrap();
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert_eq!((read.title.as_str(), read.body.as_str(), read.draft), ("Turn it on", "For everybody.", true));
    assert_eq!(read.reviews.approved_by, ["bob"]);
    assert_eq!(read.reviews.changes_requested_by, ["ada"]);
    assert_eq!(read.mergeable, Mergeable::No("it is a draft".to_owned()));
    stage.api.set_draft(&stage.scm, number, false).unwrap();

    let commit = merge(&stage, None).head_commit;
    let status = Status {
        context: "yardarm/flags-of-an-environment-with-a-very-long-name".to_owned(),
        state: CheckState::Failure,
        description: "not valid".to_owned(),
        url: None,
        number,
        branch: Some("topic".to_owned()),
    };
    stage.api.set_status(&stage.scm, &commit, &status).unwrap();
    stage.api.set_status(&stage.scm, &commit, &Status { state: CheckState::Success, ..status }).unwrap();
    for text in ["one <!-- m -->", "two <!-- m -->", "two <!-- m -->"] {
        say(&*stage.api, &stage.scm, number, "<!-- m -->", text).unwrap();
    }
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert_eq!((read.checks.len(), read.checks[0].state, read.mergeable), (1, CheckState::Success, Mergeable::Yes));
    let comments = stage.api.comments(&stage.scm, number, "<!-- m -->").unwrap();
    assert_eq!(comments.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["two <!-- m -->"]);

    let other = Merge { head_commit: "0".repeat(40), ..merge(&stage, None) };
    assert_eq!(kind(stage.api.merge(&stage.scm, number, &other)), "stale");
    assert_eq!(stage.api.merge(&stage.scm, number, &merge(&stage, Some(MergeMethod::Squash))).unwrap(), Merged::Done);
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert_eq!((read.state, read.merge_commit.map(|commit| commit.len())), (State::Merged, Some(12)));
    assert_eq!(kind(stage.api.close(&stage.scm, number)), "state");
    assert_eq!(kind(stage.api.edit(&stage.scm, number, &edit)), "state");
    stage.check();
}

#[test]
fn what_is_declined_is_opened_anew() {
    let stage = stage();
    let number = stage.open("topic");
    stage.api.close(&stage.scm, number).unwrap();
    stage.api.close(&stage.scm, number).unwrap();
    assert_eq!(kind(stage.api.reopen(&stage.scm, number)), "unsupported");
    assert!(!stage.api.offers().reopen);
    let opened = open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap();
    assert_eq!((opened.joined, opened.proposal.number), (false, number + 1));
    let states: Vec<State> =
        stage.api.find(&stage.scm, "topic", "main").unwrap().into_iter().map(|found| found.state).collect();
    assert_eq!(states, [State::Open, State::Closed], "the newest first");
    stage.check();
}

/// Whether a second one is refused, or is the first one with other words, the vendor does not say.
#[test]
fn there_is_never_a_second_one() {
    for joins in [false, true] {
        let stage = Stage::new(Provider::BitbucketCloud, ROOT, Box::new(BitbucketCloud { joins }));
        let number = stage.open("topic");
        assert_eq!(stage.api.create(&stage.scm, &new("topic")), Err(Failure::Exists { number: Some(number) }));
        assert_eq!(stage.asked("POST", "pullrequests"), 1, "it was looked for");
        // Somebody else's, just after both looks.
        stage.branch("other");
        stage.scm.meanwhile(2, |plain| drop(plain.open("ada", "other", "main", "Hers", "", false, false)));
        let opened = open_or_join(&*stage.api, &stage.scm, &new("other")).unwrap();
        assert_eq!((opened.proposal.number, opened.proposal.author.as_str()), (number + 1, "ada"));
        assert_eq!(stage.scm.world(|plain| plain.proposals.len()), 2);
        stage.check();
    }
}

#[test]
fn nothing_to_merge_says_so() {
    let stage = stage();
    stage.git.with(|git| git.branch("same", "main"));
    assert_eq!(kind(stage.api.create(&stage.scm, &new("same"))), "nothing");
    assert_eq!(kind(stage.api.create(&stage.scm, &new("nowhere"))), "invalid");
    stage.check();
}

fn timeout() -> Fault {
    let words = r#"{"type":"error","error":{"message":"The operation took too long"}}"#;
    Fault::Answer(555, words.to_owned(), vec![("content-type".to_owned(), "application/json".to_owned())])
}

#[test]
fn a_change_that_took_too_long_is_looked_at() {
    let stage = stage();
    let number = stage.open("topic");
    stage.scm.misbehave("POST", "/merge", timeout(), 1);
    assert_eq!(kind(stage.api.merge(&stage.scm, number, &merge(&stage, None))), "lost");
    // This time it was done all the same.
    stage.scm.misbehave("POST", "/merge", Fault::Lost, 1);
    let wish = merge(&stage, None);
    assert_eq!(stage.api.merge(&stage.scm, number, &wish).unwrap(), Merged::Done);
    assert_eq!(stage.api.merge(&stage.scm, number, &wish).unwrap(), Merged::Done);
    let merges = stage.scm.world(|plain| plain.happened.iter().filter(|it| matches!(it, Happened::Merged(_))).count());
    assert_eq!(merges, 1);

    stage.branch("other");
    let number = stage.open("other");
    stage.scm.misbehave("POST", "/decline", timeout(), 1);
    assert_eq!(kind(stage.api.close(&stage.scm, number)), "lost");
    stage.scm.misbehave("POST", "/decline", Fault::Lost, 1);
    stage.api.close(&stage.scm, number).unwrap();
    stage.scm.misbehave("GET", "/file-conflicts", timeout(), 1);
    stage.branch("third");
    let number = stage.open("third");
    assert_eq!(kind(stage.api.read(&stage.scm, number)), "provider");
}

#[test]
fn a_merge_that_is_done_later_is_accepted() {
    let stage = stage();
    let number = stage.open("topic");
    let headers = vec![("location".to_owned(), "https://elsewhere.example/task".to_owned())];
    stage.scm.misbehave("POST", "/merge", Fault::Answer(202, String::new(), headers), 1);
    assert_eq!(stage.api.merge(&stage.scm, number, &merge(&stage, None)).unwrap(), Merged::Accepted);
}

#[test]
fn what_stands_in_the_way_of_a_merge_is_told() {
    let stage = stage();
    let number = stage.open("topic");
    stage.git.with(|git| git.set_conflict("main", "topic", true));
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert_eq!(read.mergeable, Mergeable::No("conflicts in production/features.yaml".to_owned()));
    assert_eq!(kind(stage.api.merge(&stage.scm, number, &merge(&stage, None))), "not-mergeable");
    stage.git.with(|git| git.set_conflict("main", "topic", false));
    stage.scm.world(|plain| plain.protected = true);
    let read = stage.api.read(&stage.scm, number).unwrap();
    assert!(matches!(read.mergeable, Mergeable::No(why) if why.contains("merge check")));
    let failure = stage.api.merge(&stage.scm, number, &merge(&stage, None)).unwrap_err();
    assert_eq!(failure, Failure::NotMergeable("You can't merge until you have 1 approval.".to_owned()));
    stage.check();
}

#[test]
fn forks_are_told_apart_also_when_they_are_gone() {
    let stage = stage();
    let number = stage.scm.world(|plain| plain.open_from_fork("mallory/flags", "topic", "main", "Take mine"));
    assert!(stage.api.read(&stage.scm, number).unwrap().fork);
    stage.scm.world(|plain| plain.proposal_mut(number).unwrap().fork_gone = true);
    assert!(stage.api.read(&stage.scm, number).unwrap().fork);
    assert_eq!(stage.api.find(&stage.scm, "topic", "main").unwrap(), []);
    let opened = open_or_join(&*stage.api, &stage.scm, &new("topic")).unwrap();
    assert_eq!((opened.joined, opened.proposal.fork), (false, false));
    assert_eq!(stage.asked("GET", "file-conflicts"), 0, "nothing of a fork is asked for");
    stage.check();
}

#[test]
fn long_lists_and_odd_names() {
    let stage = stage();
    stage.scm.world(|plain| plain.page = 3);
    for name in ["a \"b\" & c%20?#", "flipt/production/x"].into_iter().chain(["1", "2", "3", "4", "5", "6"]) {
        stage.branch(name);
        stage.open(name);
    }
    assert_eq!(stage.api.list(&stage.scm, None).unwrap().len(), 8);
    let found = stage.api.find(&stage.scm, "a \"b\" & c%20?#", "main").unwrap();
    assert_eq!(found.iter().map(|found| found.number).collect::<Vec<_>>(), [1]);
    let now = stage.scm.world(|plain| {
        let before = plain.now;
        plain.close(2).unwrap();
        before
    });
    stage.api.close(&stage.scm, 3).unwrap();
    let listed = stage.api.list(&stage.scm, Some(now)).unwrap();
    assert_eq!(listed.iter().filter(|listed| listed.state == State::Closed).count(), 2);
    assert_eq!(listed.len(), 8);
    stage.check();
}
