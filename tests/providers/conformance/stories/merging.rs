//! From approved to merged.

use yardarm::provider::api::{Failure, Merge, MergeMethod, Merged, State};

use super::{Story, story};
use crate::conformance::stage::{Stage, is_commit};
use crate::scm::git::Git as _;
use crate::scm::plain;

pub fn stories() -> Vec<Story> {
    vec![
        story("merge by a merge commit", |stage| by(stage, MergeMethod::Merge), &["ok", "unsupported"]),
        story("merge by squash", |stage| by(stage, MergeMethod::Squash), &["ok", "unsupported"]),
        story("merge by rebase", |stage| by(stage, MergeMethod::Rebase), &["ok", "unsupported"]),
        story("a merge by somebody else is recognised", theirs, &["ok"]),
        story("merge and remove the branch", remove, &["ok"]),
        story("merge with another head", other_head, &["stale"]),
        story("merge a draft", draft, &["not-mergeable", "state"]),
        story("merge with a conflict", conflict, &["not-mergeable"]),
        story("merge while mergeability is found out", undecided, &["wait", "not-mergeable", "ok"]),
        story("merge into a protected branch without approval", protected, &["not-mergeable", "forbidden"]),
        story("merge twice", twice, &["ok", "state"]),
        story("merge what is closed", closed, &["state", "not-mergeable"]),
        story("merge, and the answer is lost", lost, &["lost", "ok"]),
    ]
}

fn wish(stage: &Stage) -> Merge {
    Merge {
        head_commit: stage.tip("topic"),
        method: None,
        message: Some("Turn it on\n\nAll of it.".to_owned()),
        delete_branch: false,
    }
}

/// Merged at the provider; where it says "later", after some more reads.
fn settled(stage: &Stage, number: u64) -> Result<(), Failure> {
    for _ in 0..5 {
        if stage.read(number)?.state == State::Merged {
            break;
        }
    }
    let read = stage.read(number)?;
    assert_eq!(read.state, State::Merged, "{read:?}");
    assert!(is_commit(read.merge_commit.as_deref(), &stage.tip("main")), "{read:?}");
    assert!(read.ended.or(read.updated).is_some() && !read.draft, "{read:?}");
    assert!(read.head.as_deref().is_none_or(|head| head == "topic"), "{read:?}");
    Ok(())
}

fn by(stage: &Stage, method: MergeMethod) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.git.with(|git| git.commit("main"));
    stage.scm.world(|plain| plain.pushed("main"));
    stage.later();
    let before = stage.tip("main");
    let result = stage.api.merge(&stage.scm, number, &Merge { method: Some(method), ..wish(stage) });
    let offered = stage.api.offers().methods.contains(&method);
    assert_eq!(matches!(result, Err(Failure::Unsupported(_))), !offered, "{result:?}");
    if !offered {
        assert_eq!(stage.tip("main"), before);
    }
    result?;
    settled(stage, number)?;
    assert_ne!(stage.tip("main"), before);
    Ok("ok")
}

/// Squash: none of the commits of the branch are in the base.
fn theirs(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.merge(number, None, "squash", "m", true)).unwrap();
    settled(stage, number)?;
    Ok("ok")
}

fn remove(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.api.merge(&stage.scm, number, &Merge { delete_branch: true, ..wish(stage) })?;
    settled(stage, number)?;
    assert_eq!(stage.git.tip("topic"), None);
    Ok("ok")
}

/// Nothing is merged that nobody has looked at.
fn other_head(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    let seen = wish(stage);
    stage.push("topic");
    stage.later();
    unmerged(stage, number, &seen)
}

fn draft(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.set_draft(number, true)).unwrap();
    unmerged(stage, number, &wish(stage))
}

fn conflict(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.git.with(|git| git.set_conflict("main", "topic", true));
    stage.later();
    unmerged(stage, number, &wish(stage))
}

fn undecided(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.undecided = 3);
    stage.push("topic");
    let result = stage.api.merge(&stage.scm, number, &wish(stage));
    if matches!(result, Ok(Merged::Done)) {
        settled(stage, number)?;
    }
    result.map(|_| "ok")
}

fn protected(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.protected = true);
    unmerged(stage, number, &wish(stage))
}

fn twice(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.api.merge(&stage.scm, number, &wish(stage))?;
    settled(stage, number)?;
    let tip = stage.tip("main");
    let result = stage.api.merge(&stage.scm, number, &wish(stage));
    assert_eq!(stage.tip("main"), tip);
    result.map(|_| "ok")
}

fn closed(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.close(number)).unwrap();
    unmerged(stage, number, &wish(stage))
}

/// And the next look says that it is merged.
fn lost(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    let before = stage.asked();
    stage.api.merge(&stage.scm, number, &wish(stage))?;
    let asked = stage.scm.exchanges()[before..].to_vec();
    let merging = asked.iter().find(|it| it.asked.method != "GET").unwrap().asked.method;

    stage.branch("second");
    let second = stage.opened_from("second");
    stage.scm.misbehave(merging, "", crate::scm::Fault::Lost, 1);
    let merge = Merge { head_commit: stage.tip("second"), ..wish(stage) };
    let result = stage.api.merge(&stage.scm, second, &merge);
    stage.scm.behave();
    for _ in 0..5 {
        if stage.read(second)?.state == State::Merged {
            break;
        }
    }
    assert_eq!(stage.read(second)?.state, State::Merged);
    result.map(|_| "ok")
}

/// Tries; the base stays where it is, and the proposal as it was.
fn unmerged(stage: &Stage, number: u64, merge: &Merge) -> Result<&'static str, Failure> {
    let (tip, trace) = (stage.tip("main"), stage.trace());
    let result = stage.api.merge(&stage.scm, number, merge);
    assert_eq!((stage.tip("main"), stage.trace()), (tip, trace));
    assert!(stage.scm.world(|plain| plain.proposal(number).unwrap().state != plain::State::Merged));
    result.map(|_| "ok")
}
