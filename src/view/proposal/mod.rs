//! Merge proposals as people see them: one as it stands, which of them are looked for, what can be done with one.
//!
//! Everything that a provider has said is somebody else's text. It stays text, in one line and not without end where a
//! line is wanted, and the only address that becomes a link is one of the web.

mod acts;
mod wanted;

use jiff::Timestamp;
use serde::Serialize;

pub use acts::{Acts, Rights, Way};
pub use wanted::{Group, Wanted};

use super::moment::Moment;
use crate::limits;
use crate::proposal::{Record, State, marker, report};
use crate::provider::api::{CheckState, Mergeable, Proposal};

/// One, as lists and its own page show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Face {
    /// Its id.
    pub id: String,
    /// Number at the provider, once there is one.
    pub number: Option<u64>,
    /// Title in one line; empty before the provider has said one.
    pub title: String,
    /// Its page at the provider.
    pub url: Option<String>,
    /// Where it stands: the name of the state.
    pub state: &'static str,
    /// How a chip of it looks.
    pub look: &'static str,
    /// Not ready for review.
    pub draft: bool,
    /// Who opened it: at the provider, or through Yardarm.
    pub author: String,
    /// The configured environment that it would change.
    pub environment: Option<String>,
    /// The branch environment that it comes from, while it is one.
    pub branch: Option<String>,
    /// The branch that is to be merged …
    pub head: String,
    /// … and the one that it is to be merged into.
    pub base: String,
    /// It comes from another repository.
    pub fork: bool,
    /// Who approved.
    pub approved_by: Vec<String>,
    /// Who asked for changes.
    pub refused_by: Vec<String>,
    /// How many approvals are needed, where the provider says.
    pub required: Option<u32>,
    /// What machines say: how many are content, are not, and have not said anything yet.
    pub checks: Counts,
    /// When it was opened.
    pub created: Moment,
    /// When something about it changed last.
    pub updated: Moment,
}

/// Checks by what they say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Content.
    pub passed: usize,
    /// Not content.
    pub failed: usize,
    /// Under way.
    pub pending: usize,
}

/// What one is still to get before it is merged: the name of a kind, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Want {
    /// `draft`, `changes`, `approvals`, `failed`, `pending`, `provider`, `checking`, `behind`.
    pub kind: &'static str,
    /// Names, or the provider's words.
    pub what: String,
}

/// As it is written.
#[must_use]
pub const fn name(state: State) -> &'static str {
    match state {
        State::Planned => "planned",
        State::Open => "open",
        State::Merged => "merged",
        State::Live => "live",
        State::Closed => "closed",
        State::Failed => "failed",
        State::Gone => "gone",
    }
}

const fn look(state: State) -> &'static str {
    match state {
        State::Live => "good",
        State::Merged | State::Planned => "warn",
        State::Open => "on",
        State::Failed => "bad",
        State::Closed | State::Gone => "off",
    }
}

impl Face {
    /// One as it is shown at `now`.
    #[must_use]
    pub fn of(record: &Record, now: Timestamp) -> Self {
        let none = Proposal::default();
        let seen = record.seen.as_ref().unwrap_or(&none);
        let author = [&*seen.author, record.opened_by.as_deref().unwrap_or_default()];
        let names = |all: &[String]| all.iter().map(|name| line(name, limits::UI_LINE_CHARACTERS)).collect();
        let text = |text: Option<&std::sync::Arc<str>>| text.map(ToString::to_string);
        let updated = seen.updated.into_iter().chain([record.changed]).chain(record.history.last().map(|last| last.at));
        Self {
            id: record.id.to_string(),
            number: record.number,
            title: line(&seen.title, limits::UI_LINE_CHARACTERS),
            url: web(&seen.url),
            state: name(record.state),
            look: look(record.state),
            draft: seen.draft && record.is_open(),
            author: author.into_iter().find(|name| !name.is_empty()).map_or_else(String::new, short),
            environment: text(record.environment.as_ref()),
            branch: text(record.branch_environment.as_ref()),
            head: short(&record.head),
            base: short(&record.base),
            fork: record.is_fork(),
            approved_by: names(&seen.reviews.approved_by),
            refused_by: names(&seen.reviews.changes_requested_by),
            required: seen.reviews.required,
            checks: counts(seen),
            created: Moment::of(seen.created.unwrap_or(record.since), now),
            updated: Moment::of(updated.max().unwrap_or(record.changed), now),
        }
    }
}

fn counts(seen: &Proposal) -> Counts {
    let count = |state: CheckState| seen.checks.iter().filter(|check| check.state == state).count();
    Counts {
        passed: count(CheckState::Success),
        failed: count(CheckState::Failure),
        pending: count(CheckState::Pending),
    }
}

/// What an open one waits for, what keeps it back longest first; nothing if nothing that is known keeps it back.
#[must_use]
pub fn wants(record: &Record, behind: u32) -> Vec<Want> {
    let Some(seen) = record.seen.as_ref().filter(|_| record.state == State::Open) else { return Vec::new() };
    let mut wants = Vec::new();
    let mut want = |kind, what: String| wants.push(Want { kind, what: line(&what, limits::UI_LINE_CHARACTERS) });
    if seen.draft {
        want("draft", String::new());
    }
    if !seen.reviews.changes_requested_by.is_empty() {
        want("changes", seen.reviews.changes_requested_by.join(", "));
    }
    let approvals = seen.reviews.approved_by.len();
    if let Some(required) = seen.reviews.required.filter(|required| approvals < *required as usize) {
        want("approvals", format!("{approvals} / {required}"));
    }
    for (state, kind) in [(CheckState::Failure, "failed"), (CheckState::Pending, "pending")] {
        let names: Vec<_> = seen.checks.iter().filter(|check| check.state == state).map(|check| &*check.name).collect();
        if !names.is_empty() {
            want(kind, names.join(", "));
        }
    }
    match &seen.mergeable {
        Mergeable::No(why) => want("provider", why.clone()),
        Mergeable::Checking => want("checking", String::new()),
        Mergeable::Yes | Mergeable::Unknown => {}
    }
    if behind > 0 {
        want("behind", behind.to_string());
    }
    wants
}

/// What one machine says of the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Its name.
    pub name: String,
    /// `success`, `failure`, `pending`.
    pub state: &'static str,
    /// Its page.
    pub url: Option<String>,
    /// It is ours.
    pub own: bool,
}

/// What the machines say, whoever is not content first.
#[must_use]
pub fn checks(record: &Record) -> Vec<Said> {
    let all = record.seen.as_ref().map(|seen| &*seen.checks).unwrap_or_default();
    let said = |state: CheckState, word| {
        all.iter().filter(move |check| check.state == state).map(move |check| Said {
            name: short(&check.name),
            state: word,
            url: check.url.as_deref().and_then(web),
            own: check.name == report::CONTEXT,
        })
    };
    let failed = said(CheckState::Failure, "failure");
    failed.chain(said(CheckState::Pending, "pending")).chain(said(CheckState::Success, "success")).collect()
}

/// The description without our marker, and whether it was cut.
#[must_use]
pub fn description(record: &Record) -> (String, bool) {
    let body = record.seen.as_ref().map(|seen| marker::without(&seen.body)).unwrap_or_default().trim();
    let cut: String = body.chars().take(limits::UI_TEXT_CHARACTERS).collect();
    let whole = cut.len() == body.len();
    (cut, !whole)
}

/// A name in one line.
#[must_use]
pub fn short(text: &str) -> String {
    line(text, limits::UI_LINE_CHARACTERS)
}

/// A text in one line of at most `most` characters; what is cut is seen to be, and so is what would turn the direction
/// of writing around.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = String::with_capacity(words.len().min(most));
    for c in words.chars().filter(|c| !c.is_control()).take(most) {
        match c {
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(c.escape_default());
            }
            c => line.push(c),
        }
    }
    if words.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

/// An address that may be a link: one of the web, and no script.
fn web(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && url.len() <= limits::UI_URL_BYTES).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::provider::api::{Check, Reviews};

    pub(super) fn record(state: State) -> Record {
        let text = Arc::<str>::from;
        let record = Record::planned(
            &text("flags"),
            &text("flipt/production/sale"),
            &text("main"),
            &text("ada"),
            Timestamp::UNIX_EPOCH,
        );
        let seen = Proposal {
            number: 7,
            url: "https://forge.example/7".to_owned(),
            title: "Sale".to_owned(),
            author: "rosa".to_owned(),
            ..Proposal::default()
        };
        Record {
            state,
            number: Some(7),
            environment: Some(text("production")),
            branch_environment: Some(text("sale")),
            seen: Some(seen),
            ..record
        }
    }

    fn check(name: &str, state: CheckState) -> Check {
        Check { name: name.to_owned(), state, url: Some("javascript:alert(1)".to_owned()) }
    }

    #[test]
    fn what_others_wrote_is_one_line_and_no_script() {
        let mut record = record(State::Open);
        let seen = record.seen.as_mut().unwrap();
        seen.title = format!("a\u{7}\n{}", "x".repeat(100_000));
        seen.url = "javascript:alert(1)".to_owned();
        seen.checks = vec![check("ci", CheckState::Success)];
        let face = Face::of(&record, Timestamp::UNIX_EPOCH);
        assert!(face.title.starts_with("a x") && face.title.ends_with('…'), "{}", face.title);
        assert_eq!(short("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!((face.url, face.author.as_str()), (None, "rosa"));
        assert_eq!(checks(&record)[0].url, None);
        assert_eq!(web("https://forge.example/7").as_deref(), Some("https://forge.example/7"));
        assert_eq!(web(" https://forge.example/7"), None);
    }

    #[test]
    fn what_keeps_it_back() {
        let mut one = record(State::Open);
        assert_eq!(wants(&one, 0), []);
        let seen = one.seen.as_mut().unwrap();
        seen.draft = true;
        seen.reviews = Reviews {
            approved_by: vec!["bob".to_owned()],
            changes_requested_by: vec!["eve".to_owned(), "kim".to_owned()],
            required: Some(2),
        };
        seen.checks = vec![check("slow", CheckState::Pending), check("ci", CheckState::Failure)];
        seen.mergeable = Mergeable::No("a conflict".to_owned());
        let told: Vec<_> = wants(&one, 3).into_iter().map(|want| format!("{} {}", want.kind, want.what)).collect();
        let wanted = [
            "draft ",
            "changes eve, kim",
            "approvals 1 / 2",
            "failed ci",
            "pending slow",
            "provider a conflict",
            "behind 3",
        ];
        assert_eq!(told, wanted);
        assert_eq!(checks(&one)[0].name, "ci");
        one.state = State::Merged;
        assert_eq!(wants(&one, 3), [], "it waits for nothing of this any more");
    }

    #[test]
    fn a_description_is_cut_and_has_no_marker() {
        let mut record = record(State::Open);
        let marker = marker::Marker { id: record.id.clone(), environment: None };
        record.seen.as_mut().unwrap().body = marker.put("For a week.");
        assert_eq!(description(&record), ("For a week.".to_owned(), false));
        record.seen.as_mut().unwrap().body = "ü".repeat(limits::UI_TEXT_CHARACTERS + 1);
        assert!(description(&record).1);
    }
}
