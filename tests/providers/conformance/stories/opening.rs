//! From a branch to a proposal, once.

use yardarm::provider::api::{Failure, New, State};

use super::{Story, story};
use crate::conformance::stage::{self, BODY, ROBOT, Stage, TITLE, is_commit};
use crate::scm::Fault;
use crate::scm::plain::Plain;

pub fn stories() -> Vec<Story> {
    vec![
        story("open", open, &["ok"]),
        story("open a draft", draft, &["ok"]),
        story("open from a branch with odd letters", odd, &["ok"]),
        story("join the one that is open", join, &["ok"]),
        story("open while somebody else does", race, &["ok"]),
        story("open, and the answer is lost", lost, &["ok"]),
        story("open again after one was closed", after_closed, &["ok"]),
        story("open beside one from a fork", beside_fork, &["ok"]),
        story("open where there is nothing to merge", nothing, &["nothing"]),
        story("open from a branch that is not there", no_branch, &["not-found", "invalid"]),
        story("open into a branch that is not there", no_base, &["not-found", "invalid"]),
        story("find where there is none", none, &["ok"]),
        story("find one that was closed", closed, &["ok"]),
    ]
}

fn open(stage: &Stage) -> Result<&'static str, Failure> {
    let opened = stage.open_or_join(&stage::new("topic"))?;
    assert!(!opened.joined);
    for proposal in [opened.proposal, stage.read(1)?] {
        assert_eq!((proposal.number, proposal.state, proposal.draft, proposal.fork), (1, State::Open, false, false));
        assert_eq!((&*proposal.title, &*proposal.body, &*proposal.author), (TITLE, BODY, ROBOT));
        assert_eq!((proposal.head.as_deref(), &*proposal.base), (Some("topic"), "main"));
        assert!(is_commit(proposal.head_commit.as_deref(), &stage.tip("topic")), "{proposal:?}");
        assert!(proposal.url.starts_with("http") && proposal.created.is_some(), "{proposal:?}");
        assert_eq!((proposal.merge_commit, proposal.ended), (None, None));
    }
    Ok("ok")
}

fn draft(stage: &Stage) -> Result<&'static str, Failure> {
    let opened = stage.open_or_join(&New { draft: true, ..stage::new("topic") })?;
    assert!(opened.proposal.draft && opened.proposal.title == TITLE, "{opened:?}");
    let read = stage.read(1)?;
    assert!(read.draft && read.title == TITLE, "{read:?}");
    assert!(stage.scm.world(|plain| plain.proposals[0].draft));
    Ok("ok")
}

fn odd(stage: &Stage) -> Result<&'static str, Failure> {
    let head = "flags/neue-kasse/ä+b%c#1";
    stage.branch(head);
    assert_eq!(stage.open_or_join(&stage::new(head))?.proposal.head.as_deref(), Some(head));
    let again = stage.open_or_join(&stage::new(head))?;
    assert!(again.joined && again.proposal.number == 1);
    assert_eq!(stage.read(1)?.head.as_deref(), Some(head));
    Ok("ok")
}

fn join(stage: &Stage) -> Result<&'static str, Failure> {
    stage.branch("other");
    let (_, number) = (stage.opened_from("other"), stage.opened());
    let opened =
        stage.open_or_join(&New { title: "Another".to_owned(), body: String::new(), ..stage::new("topic") })?;
    assert!(opened.joined && opened.proposal.number == number && opened.proposal.title == TITLE, "{opened:?}");
    assert_eq!(stage.scm.world(|plain| plain.proposals.len()), 2);
    Ok("ok")
}

/// Whenever it happens.
fn race(stage: &Stage) -> Result<&'static str, Failure> {
    let theirs = |plain: &mut Plain| drop(plain.open("rosa", "topic", "main", "Rosa's", "", false, false));
    for skip in 0.. {
        let before = stage.asked();
        stage.scm.meanwhile(skip, theirs);
        let opened = stage.open_or_join(&stage::new("topic"))?;
        let asked = stage.asked() - before;
        stage.scm.behave();
        let open = stage.scm.world(|plain| {
            let open: Vec<u64> = plain.proposals.iter().filter(|it| it.ended.is_none()).map(|it| it.number).collect();
            for number in &open {
                plain.close(*number).unwrap();
            }
            open
        });
        assert_eq!(open, [opened.proposal.number], "before request {skip}");
        if skip >= asked {
            break;
        }
        assert_eq!(opened.joined, opened.proposal.author == "rosa");
    }
    Ok("ok")
}

fn lost(stage: &Stage) -> Result<&'static str, Failure> {
    stage.scm.misbehave("POST", "", Fault::Lost, 1);
    let opened = stage.open_or_join(&stage::new("topic"))?;
    assert!(!opened.joined && opened.proposal.number == 1, "{opened:?}");
    assert_eq!(stage.scm.world(|plain| plain.proposals.len()), 1);
    Ok("ok")
}

fn after_closed(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    stage.scm.world(|plain| plain.close(1)).unwrap();
    let opened = stage.open_or_join(&stage::new("topic"))?;
    assert!(!opened.joined && opened.proposal.number == 2, "{opened:?}");
    let found = stage.api.find(&stage.scm, "topic", "main")?;
    let open: Vec<u64> = found.iter().filter(|it| it.state == State::Open).map(|it| it.number).collect();
    assert_eq!(open, [2]);
    Ok("ok")
}

/// A stranger's branch of the same name is not ours.
fn beside_fork(stage: &Stage) -> Result<&'static str, Failure> {
    stage.scm.world(|plain| plain.open_from_fork("stranger/flags", "topic", "main", "Take mine"));
    let opened = stage.open_or_join(&stage::new("topic"))?;
    assert!(!opened.joined && opened.proposal.number == 2, "{opened:?}");
    let again = stage.open_or_join(&stage::new("topic"))?;
    assert!(again.joined && again.proposal.number == 2, "{again:?}");
    Ok("ok")
}

fn nothing(stage: &Stage) -> Result<&'static str, Failure> {
    stage.git.with(|git| git.branch("same", "main"));
    let result = stage.open_or_join(&stage::new("same"));
    assert_eq!(stage.scm.world(|plain| plain.proposals.len()), 0);
    result.map(|_| "ok")
}

fn no_branch(stage: &Stage) -> Result<&'static str, Failure> {
    stage.open_or_join(&stage::new("nowhere")).map(|_| "ok")
}

fn no_base(stage: &Stage) -> Result<&'static str, Failure> {
    stage.open_or_join(&New { base: "nowhere".to_owned(), ..stage::new("topic") }).map(|_| "ok")
}

fn none(stage: &Stage) -> Result<&'static str, Failure> {
    assert_eq!(stage.api.find(&stage.scm, "topic", "main")?, []);
    Ok("ok")
}

fn closed(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    stage.scm.world(|plain| plain.close(1)).unwrap();
    let found = stage.api.find(&stage.scm, "topic", "main")?;
    assert_eq!(found.iter().map(|it| (it.number, it.state)).collect::<Vec<_>>(), [(1, State::Closed)]);
    Ok("ok")
}
