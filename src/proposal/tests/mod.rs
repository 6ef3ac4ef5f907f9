//! What becomes of proposals: single stories here, generated histories in [`generated`].

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use super::machine::{Effect, Event, Step, step};
use super::marker::Marker;
use super::record::{Record, Source, State, id_of_number};
use super::{Book, Target, Wish};
use crate::limits;
use crate::provider::api::{self, Check, CheckState, Failure, Mergeable, Proposal};

mod books;
mod generated;
mod reports;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(super) fn proposal(number: u64) -> Proposal {
    Proposal {
        number,
        title: "Show it to more people".to_owned(),
        author: "alice".to_owned(),
        head: Some("topic".to_owned()),
        head_commit: Some("1111111111111111111111111111111111111111".to_owned()),
        base: "main".to_owned(),
        mergeable: Mergeable::Yes,
        ..Proposal::default()
    }
}

fn planned() -> Record {
    Record::planned(&"flags".into(), &"topic".into(), &"main".into(), &"alice".into(), at(0))
}

/// Takes events one second after the other; answers the record and the effects of the last one.
fn after(record: Record, events: impl IntoIterator<Item = Event>) -> Step {
    let mut last = Step { record, effects: Vec::new() };
    for (number, event) in events.into_iter().enumerate() {
        last = step(last.record, event, at(1) + i64::try_from(number).unwrap().seconds());
    }
    last
}

fn read(change: impl FnOnce(&mut Proposal)) -> Event {
    let mut said = proposal(12);
    change(&mut said);
    Event::Read(Box::new(said))
}

fn told(record: &Record) -> Vec<&str> {
    record.history.iter().map(|entry| &*entry.what).collect()
}

fn opened() -> Record {
    after(planned(), [Event::Asked { by: "alice".into() }, read(|_| {})]).record
}

fn merged(said: &mut Proposal) {
    said.state = api::State::Merged;
    said.merge_commit = Some("1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b".to_owned());
}

fn served() -> Event {
    Event::Served { commit: "5e6f1a2b3c4d".into(), at: at(500) }
}

#[test]
fn from_the_wish_to_live() {
    let asked = after(planned(), [Event::Asked { by: "alice".into() }]);
    assert_eq!(asked.effects, [Effect::Open]);
    let open = after(asked.record, [read(|_| {})]);
    assert_eq!(open.record.state, State::Open);
    assert_eq!(open.effects, [Effect::Report, Effect::Tell]);
    let merged = after(open.record, [Event::Hinted { action: "closed".to_owned() }, read(merged)]);
    assert_eq!(merged.record.state, State::Merged);
    assert_eq!(merged.effects, [Effect::Look, Effect::Tell]);
    let live = after(merged.record, [served()]);
    assert_eq!(live.record.state, State::Live);
    assert_eq!(live.effects, [Effect::Clean, Effect::Tell]);
    assert_eq!(told(&live.record), ["opened as #12", "merged as 1a2b3c4", "live with 5e6f1a2"]);
    let sources: Vec<Source> = live.record.history.iter().map(|entry| entry.source).collect();
    assert_eq!(sources, [Source::Yardarm, Source::Webhook, Source::Yardarm]);
    assert_eq!(live.record.history[0].by.as_deref(), Some("alice"));
}

#[test]
fn live_is_final_and_what_disputes_it_is_noted_once() {
    let live = after(opened(), [read(merged), served()]).record;
    let disputed = after(live.clone(), [read(|_| {}), read(|_| {}), read(|said| said.state = api::State::Closed)]);
    assert_eq!((disputed.record.state, &disputed.record.live), (State::Live, &live.live));
    assert_eq!(disputed.record.history.len(), live.history.len() + 1);
    let later = Event::Served { commit: "ffff".into(), at: at(900) };
    let events = [read(merged), later, Event::Missing, Event::Missing, Event::Failed(Failure::NotFound("x".into()))];
    assert_eq!(after(live.clone(), events).record.live, live.live);
}

#[test]
fn gone_takes_two_looks_and_a_number() {
    let once = after(opened(), [Event::Missing]);
    assert_eq!((once.record.state, &*once.effects), (State::Open, &[Effect::Read][..]));
    let found = after(once.record.clone(), [read(|_| {}), Event::Missing]);
    assert_eq!(found.record.state, State::Open, "a look that finds it begins to count anew");
    let twice = after(once.record, [Event::Missing]);
    assert_eq!((twice.record.state, &*twice.effects), (State::Gone, &[Effect::Tell][..]));
    assert_eq!(after(planned(), [Event::Missing, Event::Missing]).record.state, State::Planned);
    let merged = after(opened(), [read(merged), Event::Missing, Event::Missing, served()]);
    assert_eq!(merged.record.state, State::Live, "what is merged will be live without its proposal");
    let end = after(twice.record.clone(), [read(|_| {}), served(), Event::Hinted { action: String::new() }]);
    assert_eq!((end.record, end.effects), (twice.record, Vec::new()));
}

#[test]
fn closed_with_a_test_merge_is_closed() {
    let closed = after(
        opened(),
        [read(|said| {
            merged(said);
            said.state = api::State::Closed;
        })],
    );
    assert_eq!(closed.record.state, State::Closed);
    assert_eq!(closed.record.seen.as_ref().unwrap().merge_commit, None);
    assert_eq!(closed.effects, [Effect::Tell]);
    assert_eq!(after(closed.record.clone(), [served()]).record.state, State::Closed);
    let again = after(closed.record, [read(|_| {})]);
    assert_eq!((again.record.state, &*again.effects), (State::Open, &[Effect::Report, Effect::Tell][..]));
    assert_eq!(told(&again.record), ["opened as #12", "closed", "reopened"]);
}

#[test]
fn what_a_person_did_and_what_is_seen_of_it_are_one_entry() {
    let closed = |said: &mut Proposal| said.state = api::State::Closed;
    let done = |what: &str| Event::Done { by: "alice".into(), what: what.to_owned() };
    for events in [[done("closed"), read(closed)], [read(closed), done("closed")]] {
        let record = after(opened(), events).record;
        assert_eq!(told(&record), ["opened as #12", "closed"]);
        assert_eq!((record.history[1].by.as_deref(), record.history[1].source), (Some("alice"), Source::Person));
    }
    let record = after(opened(), [done("merged"), done("merged"), read(merged), read(merged)]).record;
    assert_eq!(told(&record), ["opened as #12", "merged as 1a2b3c4"]);
    let record = after(opened(), [done("closed"), read(closed), done("reopened"), read(|_| {}), read(closed)]).record;
    assert_eq!(told(&record), ["opened as #12", "closed", "reopened", "closed"]);
}

#[test]
fn the_review_is_told_each_step_once() {
    let approved = |names: &'static [&str]| {
        move |said: &mut Proposal| said.reviews.approved_by = names.iter().map(ToString::to_string).collect()
    };
    let failing = |state| move |said: &mut Proposal| said.checks = vec![Check { name: "ci".into(), state, url: None }];
    let events = [
        read(|said| said.draft = true),
        read(|_| {}),
        read(approved(&["bob"])),
        read(approved(&["bob"])),
        read(|said| said.reviews.changes_requested_by = vec!["bob".into(), "carol\n<b>".into()]),
        read(approved(&["bob"])),
        read(|_| {}),
        read(failing(CheckState::Pending)),
        read(failing(CheckState::Failure)),
        read(failing(CheckState::Failure)),
        read(failing(CheckState::Success)),
        read(|said| said.title = "Another".to_owned()),
        read(|said| {
            said.title = "Another".to_owned();
            said.head_commit = Some("222222222222".to_owned());
        }),
    ];
    let record = after(opened(), events).record;
    assert_eq!(
        told(&record),
        [
            "opened as #12",
            "made a draft",
            "marked ready",
            "approved by bob",
            "changes requested by bob",
            "changes requested by carol <b>",
            "approved by bob",
            "request for changes of carol <b> taken back",
            "approval of bob taken back",
            "check ci failed",
            "check ci passed",
            "title changed to \"Another\"",
            "new commits",
        ]
    );
    assert_eq!(record.head_commit.as_deref(), Some("222222222222"));
}

#[test]
fn our_own_status_is_no_news_and_abbreviated_commits_are_the_same() {
    let status = Check { name: super::report::CONTEXT.into(), state: CheckState::Failure, url: None };
    let events = [read(|said| said.checks = vec![status]), read(|said| said.head_commit = Some("111111111111".into()))];
    let record = after(opened(), events).record;
    assert_eq!(told(&record), ["opened as #12"]);
    assert_eq!(record.head_commit.unwrap().len(), 40);
}

#[test]
fn moves_of_branches() {
    let commit = |digit: &str| Some(Arc::from(digit.repeat(40)));
    let head = |digit: &str| Event::Moved { head: true, commit: commit(digit) };
    assert_eq!(after(opened(), [head("2")]).effects, [Effect::Read, Effect::Report, Effect::Tell]);
    assert_eq!(after(opened(), [head("2"), head("2")]).effects, [], "it has not moved");
    assert_eq!(after(opened(), [head("1")]).effects, []);
    let gone = after(opened(), [Event::Moved { head: true, commit: None }]);
    assert_eq!((gone.record.stale, &*gone.effects), (true, &[Effect::Read, Effect::Tell][..]));
    assert_eq!(after(opened(), [Event::Moved { head: false, commit: commit("2") }]).effects, [Effect::Report]);
    assert_eq!(after(opened(), [Event::Moved { head: false, commit: None }]).effects, [Effect::Read]);
    let merged = after(opened(), [read(merged), Event::Moved { head: false, commit: commit("2") }]);
    assert_eq!(merged.effects, [Effect::Look]);
    let lost = after(planned(), [Event::Moved { head: true, commit: None }]).record;
    assert_eq!(lost.state, State::Failed);
    assert!(lost.trouble.unwrap().to_string().contains("\"topic\" is gone"));
    let fork = after(opened(), [read(|said| said.fork = true), Event::Moved { head: false, commit: commit("2") }]);
    assert_eq!(fork.effects, [], "of a fork nothing is reported");
}

#[test]
fn trouble_is_kept_and_nothing_is_tried_for_it() {
    let lost = after(planned(), [Event::Failed(Failure::Lost("no answer".into()))]);
    assert_eq!((lost.record.state, &*lost.effects), (State::Planned, &[Effect::Tell][..]));
    let refused = after(lost.record, [Event::Failed(Failure::Nothing("no commits".into()))]);
    assert_eq!((refused.record.state, &*refused.effects), (State::Failed, &[Effect::Tell][..]));
    assert_eq!(told(&refused.record), ["could not be opened: there is nothing to merge: no commits"]);
    let again = after(refused.record, [Event::Asked { by: "bob".into() }]);
    assert_eq!((again.record.state, &again.record.trouble), (State::Planned, &None));
    assert_eq!(again.effects, [Effect::Open, Effect::Tell]);
    let open = after(opened(), [Event::Failed(Failure::Credential("revoked".into()))]);
    assert_eq!((open.record.state, &*open.effects), (State::Open, &[Effect::Tell][..]));
    let again = after(open.record.clone(), [Event::Failed(Failure::Credential("revoked".into()))]);
    assert_eq!(again.effects, [], "the same trouble is no news");
    assert_eq!(after(open.record, [read(|_| {})]).record.trouble, None);
}

#[test]
fn a_list_says_where_it_stands_and_no_more() {
    let approved = |said: &mut Proposal| said.reviews.approved_by = vec!["bob".into()];
    let known = after(opened(), [read(approved)]).record;
    let listed = |change: fn(&mut Proposal)| {
        let mut said = Proposal { mergeable: Mergeable::Unknown, ..proposal(12) };
        change(&mut said);
        Event::Listed(Box::new(said))
    };
    let same = after(known.clone(), [listed(|_| {})]);
    assert_eq!((same.record, same.effects), (known.clone(), vec![Effect::Report]), "nothing was said of it yet");
    let known = after(known, [Event::Reported(super::Reported::default())]).record;
    let same = after(known.clone(), [listed(|_| {})]);
    assert_eq!((same.record, same.effects), (known.clone(), vec![]));
    let other = after(known.clone(), [listed(|said| said.title = "Another".into())]);
    assert_eq!(other.effects, [Effect::Read, Effect::Tell]);
    assert_eq!(other.record.seen.unwrap().reviews.approved_by, ["bob"]);
    let ended = after(known, [listed(merged)]);
    assert_eq!((ended.record.state, &*ended.effects), (State::Merged, &[Effect::Look, Effect::Tell][..]));
}

#[test]
fn what_could_not_be_said_is_said_when_the_provider_answers_again() {
    let said = |trouble| Event::Reported(super::Reported { digest: "a".into(), trouble: Some(trouble), at: at(0) });
    let lacking = Failure::Forbidden { needs: "repo".into(), said: "no".into() };
    for (trouble, again) in [(Failure::Credential("revoked".into()), true), (lacking, false)] {
        let step = after(opened(), [said(trouble), read(|_| {})]);
        assert_eq!(step.effects.contains(&Effect::Report), again);
        assert_eq!(step.record.reported.unwrap().trouble.is_none(), again);
        assert_eq!(after(opened(), [read(|_| {})]).effects, []);
    }
}

#[test]
fn while_the_provider_finds_out_it_is_asked_again_some_times() {
    let checking = || read(|said| said.mergeable = Mergeable::Checking);
    let mut record = opened();
    for _ in 0..limits::PROPOSAL_CHECKING {
        let step = after(record, [checking()]);
        assert!(step.effects.contains(&Effect::Read));
        record = step.record;
    }
    assert_eq!(after(record.clone(), [checking()]).effects, []);
    assert!(after(record, [read(|_| {}), checking()]).effects.contains(&Effect::Read));
}

#[test]
fn the_history_keeps_its_first_and_its_last() {
    let titles = (0..500).map(|number| read(move |said| said.title = format!("title {number}")));
    let record = after(opened(), titles).record;
    assert_eq!(record.history.len(), limits::PROPOSAL_HISTORY);
    assert_eq!(record.history[0].what, "opened as #12");
    assert_eq!(record.history[1].what, "title changed to \"title 0\"");
    assert_eq!(record.history.last().unwrap().what, "title changed to \"title 499\"");
}

#[test]
fn what_is_known_of_ids() {
    assert_eq!(id_of_number("flags", 12), id_of_number("flags", 12));
    assert_ne!(id_of_number("flags", 12), id_of_number("flags", 13));
    assert_ne!(id_of_number("flags1", 2), id_of_number("flags", 12));
    assert!(super::record::is_id(&id_of_number("flags", 12)));
    assert!(super::record::is_id(&planned().id));
}
