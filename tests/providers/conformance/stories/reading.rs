//! What the provider says of a proposal.

use yardarm::provider::api::{CheckState, Failure, Mergeable, State};

use super::{Story, story};
use crate::conformance::stage::{Stage, is_commit};
use crate::scm::plain::{Status, Verdict};

pub fn stories() -> Vec<Story> {
    vec![
        story("read approvals", approvals, &["ok"]),
        story("read that changes are asked for", changes_asked_for, &["ok"]),
        story("read a review that was taken back", taken_back, &["ok"]),
        story("read checks", checks, &["ok"]),
        story("read while mergeability is found out", undecided, &["ok", "not told"]),
        story("read one with a conflict", conflict, &["ok"]),
        story("read a draft", draft, &["ok"]),
        story("read after a push", pushed, &["ok"]),
        story("read one of a fork", fork, &["ok"]),
        story("read one of a fork that vanished", vanished, &["ok"]),
        story("read a closed one whose branch is gone", branch_gone, &["ok"]),
        story("list over several pages", pages, &["ok"]),
        story("list what ended lately", ended, &["ok"]),
        story("list when there is none", none, &["ok"]),
        story("read when the rate limit is used up", rate, &["ok", "wait"]),
    ]
}

fn review(stage: &Stage, by: &str, verdict: Verdict) {
    stage.scm.world(|plain| plain.review(1, by, verdict)).unwrap();
}

fn approvals(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    review(stage, "rosa", Verdict::Approved);
    assert_eq!(stage.read(1)?.reviews.approved_by, ["rosa"]);
    review(stage, "karl", Verdict::ChangesRequested);
    review(stage, "karl", Verdict::Approved);
    let mut reviews = stage.read(1)?.reviews;
    reviews.approved_by.sort();
    assert_eq!(
        (reviews.approved_by, reviews.changes_requested_by.len()),
        (vec!["karl".to_owned(), "rosa".to_owned()], 0)
    );
    Ok("ok")
}

fn changes_asked_for(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    review(stage, "karl", Verdict::Approved);
    review(stage, "karl", Verdict::ChangesRequested);
    let reviews = stage.read(1)?.reviews;
    assert_eq!((reviews.approved_by.len(), reviews.changes_requested_by), (0, vec!["karl".to_owned()]));
    Ok("ok")
}

fn taken_back(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    review(stage, "rosa", Verdict::Approved);
    review(stage, "rosa", Verdict::Dismissed);
    let reviews = stage.read(1)?.reviews;
    assert_eq!((reviews.approved_by.len(), reviews.changes_requested_by.len()), (0, 0));
    Ok("ok")
}

fn checks(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    let commit = stage.tip("topic");
    for (context, state) in [("ci/build", "success"), ("ci/test", "failure"), ("ci/deploy", "pending")] {
        let status = Status {
            commit: commit.clone(),
            context: context.to_owned(),
            state: state.to_owned(),
            description: "as it is".to_owned(),
            url: None,
        };
        stage.scm.world(|plain| plain.set_status(status));
    }
    let mut checks: Vec<_> = stage.read(1)?.checks.into_iter().map(|it| (it.name, it.state)).collect();
    checks.sort_by(|a, b| a.0.cmp(&b.0));
    let expected =
        [("ci/build", CheckState::Success), ("ci/deploy", CheckState::Pending), ("ci/test", CheckState::Failure)];
    assert_eq!(checks, expected.map(|(name, state)| (name.to_owned(), state)));
    Ok("ok")
}

/// And known in the end.
fn undecided(stage: &Stage) -> Result<&'static str, Failure> {
    stage.scm.world(|plain| plain.undecided = 2);
    stage.scm.world(|plain| plain.open("rosa", "topic", "main", "t", "b", false, false)).unwrap();
    let read = stage.read(1)?.mergeable;
    if read == Mergeable::Unknown {
        return Ok("not told");
    }
    assert_eq!(read, Mergeable::Checking);
    for _ in 0..5 {
        if stage.read(1)?.mergeable == Mergeable::Yes {
            return Ok("ok");
        }
    }
    panic!("it never knows: {:?}", stage.read(1)?.mergeable);
}

fn conflict(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    assert_eq!(stage.read(1)?.mergeable, Mergeable::Yes);
    stage.git.with(|git| git.set_conflict("main", "topic", true));
    stage.later();
    let read = stage.read(1)?;
    assert!(matches!(&read.mergeable, Mergeable::No(why) if !why.is_empty()), "{read:?}");
    Ok("ok")
}

fn draft(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    stage.scm.world(|plain| plain.set_draft(1, true)).unwrap();
    stage.later();
    let read = stage.read(1)?;
    assert!(read.draft && !matches!(read.mergeable, Mergeable::Yes | Mergeable::Checking), "{read:?}");
    Ok("ok")
}

fn pushed(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    let commit = stage.push("topic");
    assert!(is_commit(stage.read(1)?.head_commit.as_deref(), &commit));
    Ok("ok")
}

fn fork(stage: &Stage) -> Result<&'static str, Failure> {
    stage.scm.world(|plain| plain.open_from_fork("stranger/flags", "topic", "main", "Take mine"));
    let read = stage.read(1)?;
    assert!(read.fork && read.author == "stranger", "{read:?}");
    let listed = stage.api.list(&stage.scm, None)?;
    assert!(listed.len() == 1 && listed[0].fork, "{listed:?}");
    Ok("ok")
}

fn vanished(stage: &Stage) -> Result<&'static str, Failure> {
    stage.scm.world(|plain| {
        plain.open_from_fork("stranger/flags", "topic", "main", "Take mine");
        plain.proposals[0].fork_gone = true;
    });
    stage.opened();
    let read = stage.read(1)?;
    assert!(read.fork && read.state == State::Open, "{read:?}");
    let listed = stage.api.list(&stage.scm, None)?;
    assert_eq!(listed.iter().map(|it| (it.number, it.fork)).collect::<Vec<_>>().len(), 2);
    assert!(listed.iter().all(|it| it.fork == (it.number == 1)), "{listed:?}");
    Ok("ok")
}

fn branch_gone(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    let commit = stage.tip("topic");
    stage.scm.world(|plain| plain.close(1)).unwrap();
    stage.git.with(|git| crate::scm::git::Git::delete(git, "topic"));
    let read = stage.read(1)?;
    assert!(!read.fork && read.state == State::Closed && read.ended.or(read.updated).is_some(), "{read:?}");
    assert!(read.head.as_deref().is_none_or(|head| head == "topic"), "{read:?}");
    assert!(read.head_commit.is_none() || is_commit(read.head_commit.as_deref(), &commit), "{read:?}");
    Ok("ok")
}

fn pages(stage: &Stage) -> Result<&'static str, Failure> {
    for number in 1..=8 {
        stage.branch(&format!("topic-{number}"));
        stage.opened_from(&format!("topic-{number}"));
    }
    stage.scm.world(|plain| plain.page = 3);
    let mut listed: Vec<u64> = stage.api.list(&stage.scm, None)?.iter().map(|it| it.number).collect();
    listed.sort_unstable();
    assert_eq!(listed, (1..=8).collect::<Vec<_>>());
    let found = stage.api.find(&stage.scm, "topic-1", "main")?;
    assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [1]);
    Ok("ok")
}

fn ended(stage: &Stage) -> Result<&'static str, Failure> {
    for head in ["long-ago", "closed", "merged", "open"] {
        stage.branch(head);
        stage.opened_from(head);
    }
    stage.scm.world(|plain| plain.close(1)).unwrap();
    stage.later();
    let since = stage.scm.world(|plain| plain.now);
    stage.later();
    stage.scm.world(|plain| plain.close(2)).unwrap();
    stage.scm.world(|plain| plain.merge(3, None, "merge", "m", false)).unwrap();
    let listed = stage.api.list(&stage.scm, Some(since))?;
    let end = |number| listed.iter().find(|it| it.number == number).map(|it| it.state);
    assert_eq!((end(2), end(3), end(4)), (Some(State::Closed), Some(State::Merged), Some(State::Open)));
    let open: Vec<u64> = listed.iter().filter(|it| it.state == State::Open).map(|it| it.number).collect();
    assert_eq!(open, [4]);
    Ok("ok")
}

fn none(stage: &Stage) -> Result<&'static str, Failure> {
    assert_eq!(stage.api.list(&stage.scm, None)?, []);
    Ok("ok")
}

/// Until the provider's own time has come.
fn rate(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    stage.scm.world(|plain| plain.rate = Some((0, plain.now + jiff::SignedDuration::from_secs(90))));
    let result = stage.read(1);
    if let Err(Failure::Wait { after, .. }) = &result {
        assert!((1..=90).contains(&after.as_secs()), "{after:?}");
    }
    result.map(|_| "ok")
}
