//! The operations that meet every condition. Each works on the first proposal of its world, or opens it.

use yardarm::provider::api::{CheckState, Edit, Failure, Merge, Status};

use super::stage::{self, ROBOT, Stage};

pub struct Operation {
    pub name: &'static str,
    /// Brings the world to where it makes sense.
    pub before: fn(&Stage),
    /// On the proposal of this number.
    pub run: fn(&Stage, u64) -> Result<(), Failure>,
    /// It is told a number.
    pub numbered: bool,
    /// It changes something.
    pub writes: bool,
}

pub fn operations() -> Vec<Operation> {
    let operation = |name, before, run, numbered, writes| Operation { name, before, run, numbered, writes };
    vec![
        operation("open or join", |_| (), |stage, _| stage.open_or_join(&stage::new("topic")).map(drop), false, true),
        operation(
            "find",
            open,
            |stage, _| {
                let found = stage.api.find(&stage.scm, "topic", "main")?;
                assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [1]);
                Ok(())
            },
            false,
            false,
        ),
        operation("read", open, |stage, number| stage.read(number).map(drop), true, false),
        operation(
            "list",
            open,
            |stage, _| {
                let listed = stage.api.list(&stage.scm, None)?;
                assert_eq!(listed.iter().map(|it| it.number).collect::<Vec<_>>(), [1]);
                Ok(())
            },
            false,
            false,
        ),
        operation(
            "edit",
            open,
            |stage, number| {
                let edit = Edit { title: Some("Another title".to_owned()), body: Some("Another text".to_owned()) };
                stage.api.edit(&stage.scm, number, &edit)
            },
            true,
            true,
        ),
        operation("make it a draft", open, |stage, it| stage.api.set_draft(&stage.scm, it, true), true, true),
        operation(
            "make it ready",
            |stage| {
                open(stage);
                stage.scm.world(|plain| plain.set_draft(1, true)).unwrap();
            },
            |stage, it| stage.api.set_draft(&stage.scm, it, false),
            true,
            true,
        ),
        operation("close", open, |stage, number| stage.api.close(&stage.scm, number), true, true),
        operation(
            "reopen",
            |stage| {
                open(stage);
                stage.scm.world(|plain| plain.close(1)).unwrap();
            },
            |stage, number| stage.api.reopen(&stage.scm, number),
            true,
            true,
        ),
        operation(
            "merge",
            open,
            |stage, number| {
                let head_commit = stage.tip("topic");
                let merge = Merge { head_commit, method: None, message: None, delete_branch: false };
                stage.api.merge(&stage.scm, number, &merge).map(drop)
            },
            true,
            true,
        ),
        operation("comment", open, |stage, number| stage.say(number, &stage::report("1 flag")), true, true),
        operation(
            "comment anew",
            |stage| {
                open(stage);
                for text in ["1 flag", "1 flag, said twice"] {
                    stage.scm.world(|plain| plain.comment(1, ROBOT, &stage::report(text))).unwrap();
                }
            },
            |stage, number| stage.say(number, &stage::report("2 flags")),
            true,
            true,
        ),
        operation(
            "status",
            open,
            |stage, number| {
                let status = Status {
                    context: "yardarm/flags".to_owned(),
                    state: CheckState::Success,
                    description: "valid, 1 flag changes".to_owned(),
                    url: Some("https://flags.example/proposals/1".to_owned()),
                    number,
                    branch: Some("topic".to_owned()),
                };
                stage.api.set_status(&stage.scm, &stage.tip("topic"), &status)
            },
            false,
            true,
        ),
    ]
}

fn open(stage: &Stage) {
    assert_eq!(stage.opened(), 1);
}
