//! State, event, now -> state, effects.
//!
//! The provider is believed: what it said when it was last read is where a proposal stands. Everything else is a reason
//! to read it again, or happens after the merge, of which the provider knows nothing. Three things are not as simple.
//!
//! * *Live* is final. A look that says "open" afterwards comes from a replica that is behind, or from a provider that
//!   was set back: it is noted once, and what is served is not disputed by it.
//! * *Gone* takes [`limits::PROPOSAL_MISSED`] looks in a row, and only of one that had a number and is not merged: what is
//!   merged will be live whether or not its proposal can still be seen. It is final too; a provider that shows the proposal
//!   again (a credential that was short of a right for an hour) begins a new record under the same id
//!   ([`super::book::Book::listed`]).
//! * What could not be done is kept as the record's trouble and never tried again from here: when, the runner decides by
//!   the failure's class.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::history::{differences, note, note_once};
use super::record::{Entry, Live, Record, Reported, Source, State, same_commit};
use crate::fault::Class;
use crate::limits;
use crate::provider::api::{self, Failure, Mergeable, Proposal};

/// Something that happened to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it opened (again).
    Asked {
        /// Who.
        by: Arc<str>,
    },
    /// The provider was read: everything that it says of it.
    Read(Box<Proposal>),
    /// It stood in a list of the provider, without what takes a request of its own: reviews, checks, mergeability.
    Listed(Box<Proposal>),
    /// The provider was read, and says that there is no such proposal.
    Missing,
    /// What was asked of the provider was not done.
    Failed(Failure),
    /// A webhook says that something has happened; its word for what.
    Hinted {
        /// The provider's word. For the log: nothing follows from it.
        action: String,
    },
    /// A branch of it is at another commit; none if it is gone.
    Moved {
        /// It is the head, and not the base.
        head: bool,
        /// The commit, hex.
        commit: Option<Arc<str>>,
    },
    /// Somebody asked for something and it was done: the words for the history.
    Done {
        /// Who.
        by: Arc<str>,
        /// What: `closed`, `reopened`, `merged`, `marked ready`, `made a draft`; anything else is kept as it is.
        what: String,
    },
    /// What is served of its base contains its merge.
    Served {
        /// The served commit, hex.
        commit: Arc<str>,
        /// Since when.
        at: Timestamp,
    },
    /// Another one was opened in its place.
    Succeeded {
        /// Its id.
        by: super::Id,
    },
    /// It was said at the provider what it changes, or could not be.
    Reported(Reported),
}

/// What is to be done outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Open it at the provider.
    Open,
    /// Read it.
    Read,
    /// Say at the provider what it changes: commit status and comment.
    Report,
    /// Look whether what is served contains the merge.
    Look,
    /// The branch has no use any more: remove it, if that is configured.
    Clean,
    /// The record has changed: keep it, and tell whoever listens.
    Tell,
}

/// What comes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The record as it is now.
    pub record: Record,
    /// What is to be done, each at most once, in this order.
    pub effects: Vec<Effect>,
}

/// Takes an event in.
#[must_use]
pub fn step(record: Record, event: Event, now: Timestamp) -> Step {
    let before = record.clone();
    let mut turn = Turn { record, effects: BTreeSet::new(), now };
    turn.take(event);
    if differs(before, &turn.record) {
        turn.effects.insert(Effect::Tell);
    }
    Step { record: turn.record, effects: turn.effects.into_iter().collect() }
}

/// Whether there is something to tell: not that it was looked at, or is going to be.
pub(super) fn differs(before: Record, after: &Record) -> bool {
    let Record { read, stale, prompted, missed, checking, .. } = *after;
    Record { read, stale, prompted, missed, checking, ..before } != *after
}

/// An event on its way into a record.
struct Turn {
    record: Record,
    effects: BTreeSet<Effect>,
    now: Timestamp,
}

impl Turn {
    fn take(&mut self, event: Event) {
        match event {
            _ if self.record.state == State::Gone => {}
            Event::Asked { by } => self.asked(by),
            Event::Read(proposal) => self.read(*proposal),
            Event::Listed(proposal) => self.listed(*proposal),
            Event::Missing => self.missing(),
            Event::Failed(failure) => self.failed(failure),
            Event::Hinted { .. } => self.read_again(Source::Webhook),
            Event::Moved { head: true, commit } => self.head_moved(commit),
            Event::Moved { head: false, commit } => self.base_moved(commit.is_none()),
            Event::Done { by, what } => self.done(by, &what),
            Event::Served { commit, at } => self.served(commit, at),
            Event::Succeeded { by } => {
                if by != self.record.id && self.record.state != State::Live {
                    self.record.succeeded_by = Some(by);
                }
            }
            Event::Reported(reported) => self.record.reported = Some(reported),
        }
    }

    fn asked(&mut self, by: Arc<str>) {
        match self.record.state {
            State::Planned | State::Failed if self.record.number.is_none() => {
                self.become_(State::Planned, self.now);
                self.record.opened_by.get_or_insert(by);
                self.effects.insert(Effect::Open);
            }
            State::Closed | State::Failed => self.read_again(Source::Person),
            _ => {}
        }
    }

    /// What the provider says is where it stands, unless its merge is served already.
    fn read(&mut self, said: Proposal) {
        if self.record.number.is_some_and(|number| number != said.number) {
            return;
        }
        let said = sober(said);
        self.record.read = Some(self.now);
        self.record.stale = false;
        self.record.missed = 0;
        self.record.trouble = None;
        let source = self.record.prompted.take().unwrap_or(Source::Provider);
        self.understand(said, source);
        self.say_again();
        self.ask_again_while_checking();
    }

    /// What could not be said because the provider was away, or did not take the credential, may be said now that it
    /// has answered.
    fn say_again(&mut self) {
        let passing = |failure: &Failure| {
            matches!(failure, Failure::Credential(_)) || matches!(failure.class(), Class::Retry | Class::Wait)
        };
        if let Some(reported) = self.record.reported.as_mut().filter(|said| said.trouble.as_ref().is_some_and(passing))
        {
            reported.trouble = None;
            reported.digest = Arc::default();
            if self.record.state == State::Open && !self.record.is_fork() {
                self.effects.insert(Effect::Report);
            }
        }
    }

    /// A list says enough to know where it stands. For the rest it is read, if it is open and anything is different.
    fn listed(&mut self, said: Proposal) {
        if self.record.number.is_some_and(|number| number != said.number) {
            return;
        }
        let mut said = sober(said);
        let known = self.record.seen.as_ref();
        if let Some(known) = known {
            said.reviews = known.reviews.clone();
            said.checks.clone_from(&known.checks);
            said.mergeable = known.mergeable.clone();
            said.version = said.version.or(known.version);
        }
        self.record.missed = 0;
        let news = known != Some(&said);
        let stands = match said.state {
            api::State::Open => self.record.state == State::Open,
            api::State::Closed => self.record.state == State::Closed,
            api::State::Merged => matches!(self.record.state, State::Merged | State::Live),
        };
        if news || !stands {
            let open = said.state == api::State::Open;
            self.understand(said, Source::Provider);
            if news && open {
                self.read_again(Source::Provider);
            }
        }
        // What could not be said, or was about to be when the process ended.
        let said = self.record.reported.as_ref().is_some_and(|reported| reported.trouble.is_none());
        if self.record.state == State::Open && !said && !self.record.is_fork() {
            self.effects.insert(Effect::Report);
        }
    }

    fn understand(&mut self, said: Proposal, source: Source) {
        let live = self.record.state == State::Live;
        if live && said.state != api::State::Merged {
            let what = "the provider says that it is not merged; it is served";
            note_once(&mut self.record.history, self.now, source, what);
            return;
        }
        let first = self.record.seen.is_none();
        for (at, what) in differences(self.record.seen.as_ref(), &said, self.now) {
            let ours = if first && what.starts_with("opened") { self.record.opened_by.clone() } else { None };
            let source = if ours.is_some() { Source::Yardarm } else { source };
            note(&mut self.record.history, Entry { at, source, by: ours, what });
        }
        self.record.number = Some(said.number);
        if let Some(head) = said.head.as_deref().filter(|head| **head != *self.record.head) {
            self.record.head = head.into();
        }
        let retargeted = said.base != *self.record.base;
        if retargeted {
            self.record.base = said.base.as_str().into();
        }
        let moved = self.head_is(said.head_commit.as_deref());
        let opened = self.record.state != State::Open;
        let ended = said.ended.filter(|at| *at <= self.now).unwrap_or(self.now);
        match said.state {
            _ if live => {}
            api::State::Open => {
                self.become_(State::Open, self.now);
                self.record.succeeded_by = None;
                if !said.fork && (opened || first || moved || retargeted) {
                    self.effects.insert(Effect::Report);
                }
            }
            api::State::Closed => self.become_(State::Closed, ended),
            api::State::Merged => {
                self.become_(State::Merged, ended);
                self.effects.insert(Effect::Look);
            }
        }
        self.record.seen = Some(said);
    }

    /// Takes the head that the provider says; an abbreviated id does not take the place of the whole one.
    fn head_is(&mut self, commit: Option<&str>) -> bool {
        let Some(commit) = commit else { return false };
        let moved = !self.record.head_commit.as_deref().is_some_and(|known| same_commit(known, commit));
        let longer = self.record.head_commit.as_deref().is_some_and(|known| known.len() < commit.len());
        if moved || longer {
            self.record.head_commit = Some(commit.into());
        }
        moved
    }

    fn ask_again_while_checking(&mut self) {
        let seen = self.record.seen.as_ref().filter(|_| self.record.state == State::Open);
        if !seen.is_some_and(|seen| seen.mergeable == Mergeable::Checking) {
            self.record.checking = 0;
        } else if self.record.checking < limits::PROPOSAL_CHECKING {
            self.record.checking += 1;
            self.effects.insert(Effect::Read);
        }
    }

    fn missing(&mut self) {
        if self.record.number.is_none() || matches!(self.record.state, State::Merged | State::Live) {
            return;
        }
        self.record.missed = self.record.missed.saturating_add(1);
        if self.record.missed < limits::PROPOSAL_MISSED {
            self.record.stale = true;
            self.effects.insert(Effect::Read);
        } else {
            self.record.stale = false;
            self.become_(State::Gone, self.now);
            note_once(&mut self.record.history, self.now, Source::Provider, "gone from the provider");
        }
    }

    /// What has not been opened may be on its way all the same, or come to be: only what trying again does not change
    /// ends the plan.
    fn failed(&mut self, failure: Failure) {
        if self.record.state == State::Live {
            return;
        }
        let lasting = !matches!(failure.class(), Class::Retry | Class::Wait);
        if self.record.state == State::Planned && lasting {
            self.could_not_open(&failure);
        }
        self.record.trouble = Some(failure);
    }

    fn could_not_open(&mut self, why: &Failure) {
        self.become_(State::Failed, self.now);
        let what = super::history::shown(&format!("could not be opened: {why}"));
        note(&mut self.record.history, Entry { at: self.now, source: Source::Yardarm, by: None, what });
    }

    fn head_moved(&mut self, commit: Option<Arc<str>>) {
        match self.record.state {
            State::Planned if commit.is_none() => {
                let gone = Failure::State(format!("the branch \"{}\" is gone", self.record.head));
                self.could_not_open(&gone);
                self.record.trouble = Some(gone);
            }
            State::Planned | State::Open | State::Closed | State::Failed => {}
            State::Merged | State::Live | State::Gone => return,
        }
        let known = self.record.head_commit.as_deref().zip(commit.as_deref());
        if known.is_some_and(|(known, commit)| known.len() == commit.len() && known == commit) {
            return;
        }
        // The whole of what a provider has abbreviated is no other commit.
        let moved = !known.is_some_and(|(known, commit)| same_commit(known, commit));
        let there = commit.is_some();
        self.record.head_commit = commit;
        if moved && self.record.state == State::Open {
            self.read_again(Source::Git);
            if there && !self.record.is_fork() {
                self.effects.insert(Effect::Report);
            }
        }
    }

    /// What it changes is compared with where it parted from the base, which may be another place now: the report looks,
    /// and says nothing twice. What is merged may be served now.
    fn base_moved(&mut self, gone: bool) {
        match self.record.state {
            State::Open if gone => self.read_again(Source::Git),
            State::Open if !self.record.is_fork() => _ = self.effects.insert(Effect::Report),
            State::Merged => _ = self.effects.insert(Effect::Look),
            _ => {}
        }
    }

    fn done(&mut self, by: Arc<str>, what: &str) {
        let what = super::history::shown(what);
        note(&mut self.record.history, Entry { at: self.now, source: Source::Person, by: Some(by), what });
        self.read_again(Source::Person);
    }

    fn served(&mut self, commit: Arc<str>, at: Timestamp) {
        match self.record.state {
            State::Merged => {
                self.become_(State::Live, at);
                self.record.stale = false;
                let what = format!("live with {}", commit.chars().take(7).collect::<String>());
                note(&mut self.record.history, Entry { at, source: Source::Yardarm, by: None, what });
                self.record.live = Some(Live { commit, at });
                self.effects.insert(Effect::Clean);
            }
            // Its commits are served: it is merged, and the provider has not been asked since.
            State::Open => self.read_again(Source::Git),
            _ => {}
        }
    }

    /// Has it read, if there is anything to read.
    fn read_again(&mut self, why: Source) {
        if self.record.number.is_some() && !self.record.state.is_final() {
            self.record.stale = true;
            self.record.prompted.get_or_insert(why);
            self.effects.insert(Effect::Read);
        }
    }

    fn become_(&mut self, state: State, at: Timestamp) {
        if self.record.state != state {
            self.record.state = state;
            self.record.changed = at;
            self.record.trouble = None;
        }
    }
}

/// What a provider says without what it cannot mean: of what is not merged there is no merge commit, only a test of one.
fn sober(mut said: Proposal) -> Proposal {
    if said.state != api::State::Merged {
        said.merge_commit = None;
    }
    said
}
