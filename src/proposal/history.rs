//! What led to where a proposal stands, in words: told from the difference of two looks at it, each thing once.
//!
//! Nothing here comes from a webhook, so that it is the same whatever was delivered twice, late or never. What a person
//! did through Yardarm is told when it is done and seen again at the next look; that is one entry, with the name.

use std::sync::Arc;

use jiff::Timestamp;

use super::record::{Entry, Source, same_commit};
use super::report;
use crate::limits;
use crate::provider::api::{Check, CheckState, Proposal, Reviews, State};

/// What is different, in the order in which it will have happened: (when, what).
pub(super) fn differences(old: Option<&Proposal>, new: &Proposal, now: Timestamp) -> Vec<(Timestamp, String)> {
    let past = |at: Option<Timestamp>| at.filter(|at| *at <= now).unwrap_or(now);
    let mut told = Vec::new();
    let begun = Proposal { reviews: Reviews::default(), checks: Vec::new(), state: State::Open, ..new.clone() };
    if old.is_none() {
        let draft = if new.draft { ", a draft" } else { "" };
        told.push((past(new.created), format!("opened as #{}{draft}", new.number)));
    }
    let old = old.unwrap_or(&begun);
    let mut tell = |what: String| told.push((now, what));
    if old.title != new.title {
        tell(format!("title changed to \"{}\"", shown(&new.title)));
    }
    if old.base != new.base {
        tell(format!("to be merged into \"{}\" instead of \"{}\"", shown(&new.base), shown(&old.base)));
    }
    if let (Some(before), Some(after)) = (&old.head_commit, &new.head_commit)
        && !same_commit(before, after)
    {
        tell("new commits".to_owned());
    }
    match (old.draft, new.draft) {
        (false, true) => tell("made a draft".to_owned()),
        (true, false) => tell("marked ready".to_owned()),
        _ => {}
    }
    reviews(old, new, &mut tell);
    checks(&old.checks, &new.checks, &mut tell);
    match (old.state, new.state) {
        (State::Open, State::Open) | (State::Closed, State::Closed) => {}
        (_, State::Merged) => {
            let merged = new.merge_commit.as_deref().map_or_else(
                || "merged".to_owned(),
                |commit| format!("merged as {}", commit.chars().take(7).collect::<String>()),
            );
            if old.state != State::Merged || old.merge_commit != new.merge_commit {
                told.push((past(new.ended), merged));
            }
        }
        (_, State::Closed) => told.push((past(new.ended), "closed".to_owned())),
        (_, State::Open) => told.push((now, "reopened".to_owned())),
    }
    told
}

fn reviews(old: &Proposal, new: &Proposal, tell: &mut impl FnMut(String)) {
    let without = |all: &[String], known: &[String]| -> Vec<String> {
        all.iter().filter(|name| !known.contains(name)).map(|name| shown(name)).collect()
    };
    let (before, after) = (&old.reviews, &new.reviews);
    for name in without(&after.approved_by, &before.approved_by) {
        tell(format!("approved by {name}"));
    }
    for name in without(&after.changes_requested_by, &before.changes_requested_by) {
        tell(format!("changes requested by {name}"));
    }
    // Who changed sides has said so above.
    let still = [&*after.approved_by, &*after.changes_requested_by].concat();
    for name in without(&before.approved_by, &still) {
        tell(format!("approval of {name} taken back"));
    }
    for name in without(&before.changes_requested_by, &still) {
        tell(format!("request for changes of {name} taken back"));
    }
}

/// Checks that fail, and that fail no more. Ours is told in other places.
fn checks(old: &[Check], new: &[Check], tell: &mut impl FnMut(String)) {
    let state = |checks: &[Check], name: &str| checks.iter().find(|check| check.name == name).map(|check| check.state);
    for check in new.iter().filter(|check| check.name != report::CONTEXT) {
        match (state(old, &check.name), check.state) {
            (Some(CheckState::Failure), CheckState::Failure) => {}
            (_, CheckState::Failure) => tell(format!("check {} failed", shown(&check.name))),
            (Some(CheckState::Failure), CheckState::Success) => tell(format!("check {} passed", shown(&check.name))),
            _ => {}
        }
    }
}

/// A text of somebody else in one line, not without end.
pub(super) fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(limits::QUOTED_CHARACTERS).collect();
    if line.chars().nth(limits::QUOTED_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

/// Things that can only happen in turns: what was told of one and has not been followed by another of its kind is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Opened,
    Closed,
    Merged,
    Draft,
    Ready,
}

impl Turn {
    fn of(what: &str) -> Option<Self> {
        Some(match what.split(' ').next()? {
            "opened" | "reopened" => Self::Opened,
            "closed" => Self::Closed,
            "merged" => Self::Merged,
            "made" => Self::Draft,
            "marked" => Self::Ready,
            _ => return None,
        })
    }

    const fn is_of_the_review(self) -> bool {
        matches!(self, Self::Draft | Self::Ready)
    }
}

/// Adds an entry, unless the same was told already: then what is known of it is put together.
pub(super) fn note(history: &mut Vec<Entry>, entry: Entry) {
    if let Some(turn) = Turn::of(&entry.what) {
        let same_kind = |known: &&mut Entry| {
            Turn::of(&known.what).is_some_and(|known| known.is_of_the_review() == turn.is_of_the_review())
        };
        if let Some(known) = history.iter_mut().rev().find(same_kind)
            && Turn::of(&known.what) == Some(turn)
        {
            join(known, entry);
            return;
        }
    }
    history.push(entry);
    if history.len() > limits::PROPOSAL_HISTORY {
        history.remove(limits::PROPOSAL_HISTORY_FIRST);
    }
}

fn join(known: &mut Entry, entry: Entry) {
    if known.by.is_none() && entry.by.is_some() {
        known.by = entry.by;
        known.source = entry.source;
    }
    if entry.what.len() > known.what.len() {
        known.what = entry.what;
    }
}

/// Adds an entry of which there is only one.
pub(super) fn note_once(history: &mut Vec<Entry>, at: Timestamp, source: Source, what: &str) {
    if !history.iter().any(|known| known.what == what) {
        note(history, Entry { at, source, by: None::<Arc<str>>, what: what.to_owned() });
    }
}
