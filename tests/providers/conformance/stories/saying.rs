//! One comment and one status, kept up to date in place.

use yardarm::provider::api::{CheckState, Failure, Status};

use super::{Story, story};
use crate::conformance::stage::{ROBOT, Stage, report};

pub fn stories() -> Vec<Story> {
    vec![
        story("one comment, kept up to date", comment, &["ok"]),
        story("a comment that is there twice is one again", duplicate, &["ok"]),
        story("a comment behind several pages of others", pages, &["ok"]),
        story("a comment on one that is merged", merged, &["ok"]),
        story("a status, kept up to date", status, &["ok"]),
        story("a status on a commit that is not there", no_commit, &["not-found", "invalid", "provider", "ok"]),
    ]
}

/// Those that Yardarm did not remove. Where HTML is shown to everybody, the marker is hidden otherwise.
fn texts(stage: &Stage, number: u64) -> Vec<String> {
    let told = |text: &str| text.replace("[//]: # (yardarm:report)", "<!-- yardarm:report -->");
    stage.scm.world(|plain| plain.proposal(number).unwrap().comments.iter().map(|it| told(&it.text)).collect())
}

fn comment(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.comment(number, "rosa", "Looks good")).unwrap();
    stage.say(number, &report("1 flag changes: `checkout` in **production**"))?;
    let (asked, before) = (stage.asked(), texts(stage, number));
    stage.say(number, &report("1 flag changes: `checkout` in **production**"))?;
    let again = stage.scm.exchanges()[asked..].to_vec();
    assert!(again.iter().all(|it| it.asked.method == "GET"), "what is said already is not said again");
    assert_eq!(texts(stage, number), before);
    stage.say(number, &report("2 flags change"))?;
    assert_eq!(texts(stage, number), ["Looks good".to_owned(), report("2 flags change")]);
    Ok("ok")
}

fn duplicate(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    for text in [report("1 flag"), "Looks good".to_owned(), report("1 flag"), report("old")] {
        stage.scm.world(|plain| plain.comment(number, ROBOT, &text)).unwrap();
    }
    stage.say(number, &report("2 flags"))?;
    assert_eq!(texts(stage, number), [report("2 flags"), "Looks good".to_owned()]);
    Ok("ok")
}

fn pages(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    for count in 0..7 {
        stage.scm.world(|plain| plain.comment(number, "rosa", &format!("Thought {count}"))).unwrap();
    }
    stage.scm.world(|plain| plain.comment(number, ROBOT, &report("1 flag"))).unwrap();
    stage.scm.world(|plain| plain.page = 3);
    stage.say(number, &report("2 flags"))?;
    let texts = texts(stage, number);
    assert_eq!((texts.len(), texts.last()), (8, Some(&report("2 flags"))));
    Ok("ok")
}

fn merged(stage: &Stage) -> Result<&'static str, Failure> {
    let number = stage.opened();
    stage.scm.world(|plain| plain.merge(number, None, "merge", "m", false)).unwrap();
    stage.say(number, &report("live"))?;
    assert_eq!(texts(stage, number), [report("live")]);
    Ok("ok")
}

fn say(state: CheckState, description: &str) -> Status {
    Status {
        context: "yardarm/flags".to_owned(),
        state,
        description: description.to_owned(),
        url: None,
        number: 1,
        branch: Some("topic".to_owned()),
    }
}

fn status(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    let commit = stage.tip("topic");
    for (state, description) in [
        (CheckState::Pending, "reading"),
        (CheckState::Failure, "features.yaml:3: no such variant"),
        (CheckState::Failure, "features.yaml:3: no such variant"),
        (CheckState::Success, "valid, 2 flags change"),
        (CheckState::Success, "valid, 2 flags change"),
    ] {
        stage.api.set_status(&stage.scm, &commit, &say(state, description))?;
    }
    let statuses = stage.scm.world(|plain| plain.statuses.clone());
    let said: Vec<_> = statuses.iter().map(|it| (&*it.context, &*it.state, &*it.description)).collect();
    assert_eq!(said, [("yardarm/flags", "success", "valid, 2 flags change")]);
    let checks = stage.read(1)?.checks;
    assert!(checks.iter().all(|it| it.name.contains("yardarm/flags") && it.state == CheckState::Success), "{checks:?}");
    Ok("ok")
}

fn no_commit(stage: &Stage) -> Result<&'static str, Failure> {
    stage.opened();
    stage.api.set_status(&stage.scm, &"ab".repeat(20), &say(CheckState::Success, "valid"))?;
    Ok("ok")
}
