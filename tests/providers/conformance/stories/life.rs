//! Edited, draft, ready, closed, open again.

use yardarm::provider::api::{Edit, Failure, State};

use super::{Story, story};
use crate::conformance::stage::{BODY, Stage, TITLE};
use crate::scm::git::Git as _;
use crate::scm::plain;

pub fn stories() -> Vec<Story> {
    vec![
        story("edit the title alone", title, &["ok"]),
        story("edit the text alone", text, &["ok"]),
        story("edit the title of a draft", title_of_draft, &["ok"]),
        story("make it a draft, ready, twice each", draft, &["ok"]),
        story("close twice", close_twice, &["ok"]),
        story("close what is merged", close_merged, &["state"]),
        story("a closed one with a test merge is closed", test_merge, &["ok"]),
        story("reopen", reopen, &["ok", "unsupported"]),
        story("reopen what is open", reopen_open, &["ok"]),
        story("reopen what is merged", reopen_merged, &["state"]),
        story(
            "reopen where the branch is gone",
            reopen_gone,
            &["state", "not-found", "invalid", "nothing", "not-mergeable", "stale", "unsupported"],
        ),
        story("reopen beside another for the same branch", reopen_beside, &["exists", "state", "ok", "unsupported"]),
    ]
}

fn title(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    let edit = Edit { title: Some("Another".to_owned()), body: None };
    stage.api.edit(&stage.scm, number, &edit)?;
    let read = stage.read(number)?;
    assert_eq!((&*read.title, &*read.body), ("Another", BODY));
    Ok("ok")
}

fn text(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    let edit = Edit { title: None, body: Some("Another".to_owned()) };
    stage.api.edit(&stage.scm, number, &edit)?;
    let read = stage.read(number)?;
    assert_eq!((&*read.title, &*read.body), (TITLE, "Another"));
    Ok("ok")
}

/// It stays one, also where the title is what makes it one.
fn title_of_draft(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.set_draft(number, true)).unwrap();
    let edit = Edit { title: Some("Another".to_owned()), body: None };
    stage.api.edit(&stage.scm, number, &edit)?;
    let read = stage.read(number)?;
    assert_eq!((&*read.title, read.draft), ("Another", true));
    Ok("ok")
}

fn draft(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    for draft in [true, true, false, false, true] {
        let result = stage.api.set_draft(&stage.scm, number, draft);
        assert_eq!(matches!(result, Err(Failure::Unsupported(_))), !stage.api.offers().draft, "{result:?}");
        result?;
        let read = stage.read(number)?;
        assert_eq!((&*read.title, read.draft), (TITLE, draft));
    }
    Ok("ok")
}

fn close_twice(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    for _ in 0..2 {
        stage.api.close(&stage.scm, number)?;
        assert_eq!(stage.read(number)?.state, State::Closed);
    }
    Ok("ok")
}

fn merged(stage: &Stage) -> u64 {
    let number = stage.opened();
    stage.scm.world(|plain| plain.merge(number, None, "merge", "m", false)).unwrap();
    number
}

fn close_merged(stage: &Stage) -> Result<&'static str, Failure> {
    let number = merged(stage);
    let result = stage.api.close(&stage.scm, number);
    assert_eq!(stage.read(number)?.state, State::Merged);
    result.map(|()| "ok")
}

fn test_merge(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.api.close(&stage.scm, number)?;
    let read = stage.read(number)?;
    assert_eq!((read.state, read.merge_commit), (State::Closed, None));
    assert!(read.ended.or(read.updated).is_some());
    Ok("ok")
}

fn reopen(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.close(number)).unwrap();
    let result = stage.api.reopen(&stage.scm, number);
    assert_eq!(matches!(result, Err(Failure::Unsupported(_))), !stage.api.offers().reopen, "{result:?}");
    result?;
    let read = stage.read(number)?;
    assert_eq!((read.state, read.ended), (State::Open, None));
    Ok("ok")
}

fn reopen_open(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.api.reopen(&stage.scm, number)?;
    assert_eq!(stage.read(number)?.state, State::Open);
    Ok("ok")
}

fn reopen_merged(stage: &Stage) -> Result<&'static str, Failure> {
    let number = merged(stage);
    let result = stage.api.reopen(&stage.scm, number);
    assert_eq!(stage.read(number)?.state, State::Merged);
    result.map(|()| "ok")
}

fn reopen_gone(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.close(number)).unwrap();
    stage.git.with(|git| git.delete("topic"));
    stage.api.reopen(&stage.scm, number)?;
    Ok("ok")
}

fn reopen_beside(stage: &Stage) -> Result<&'static str, Failure> {
    let first = stage.opened();
    stage.scm.world(|plain| plain.close(first)).unwrap();
    let second = stage.opened();
    let result = stage.api.reopen(&stage.scm, first);
    let becomes = stage.scm.world(|plain| plain.proposal(second).unwrap().state.clone());
    assert_eq!(becomes, plain::State::Open);
    result.map(|()| "ok")
}
