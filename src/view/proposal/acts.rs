//! What can be done with a proposal now: by what it is, by what its provider has, by who asks.
//!
//! What is not offered here may still be asked for; the server decides then. This is about not offering what is known
//! to be refused.

use serde::Serialize;

use crate::proposal::{Record, State};
use crate::provider::api::{MergeMethod, Offers};

/// What somebody may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Merge it.
    pub merge: bool,
    /// Everything else.
    pub change: bool,
}

/// What can be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one button each, which a template asks for by its name")]
pub struct Acts {
    /// Give it another title or description.
    pub edit: bool,
    /// Close it.
    pub close: bool,
    /// Open it again.
    pub reopen: bool,
    /// The provider opens another one in its place instead.
    pub replaces: bool,
    /// Mark it ready for review.
    pub ready: bool,
    /// Make it a draft.
    pub draft: bool,
    /// Merge it: in these ways, the usual one first.
    pub merge: Vec<Way>,
    /// Let its branch take up its base.
    pub update: bool,
}

/// A way to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Its name; empty for the one that the provider takes by itself.
    pub name: &'static str,
}

impl Way {
    const fn of(method: MergeMethod) -> Self {
        Self {
            name: match method {
                MergeMethod::Merge => "merge",
                MergeMethod::Squash => "squash",
                MergeMethod::Rebase => "rebase",
            },
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<MergeMethod> {
        [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase]
            .into_iter()
            .find(|method| Self::of(*method).name == name)
    }
}

impl Acts {
    /// What can be done with `record`, whose branch is `behind` its base; `usual` is the way to merge that the
    /// configuration names.
    #[must_use]
    pub fn of(record: &Record, offers: Offers, usual: Option<MergeMethod>, behind: u32, rights: Rights) -> Self {
        let seen = record.seen.as_ref();
        let draft = seen.is_some_and(|seen| seen.draft);
        let at_provider = record.number.is_some();
        let open = record.state == State::Open && at_provider;
        let closed = record.state == State::Closed && at_provider;
        let changes = |possible: bool| possible && rights.change;
        Self {
            edit: changes(open),
            close: changes(open || record.state == State::Planned),
            reopen: changes(closed && record.succeeded_by.is_none()),
            replaces: !offers.reopen,
            ready: changes(open && draft),
            draft: changes(open && !draft && offers.draft),
            merge: if open && rights.merge && !record.is_fork() && !draft { ways(offers, usual) } else { Vec::new() },
            update: changes(open && behind > 0 && record.branch_environment.is_some()),
        }
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !(self.edit || self.close || self.reopen || self.ready || self.draft || self.update) && self.merge.is_empty()
    }
}

fn ways(offers: Offers, usual: Option<MergeMethod>) -> Vec<Way> {
    let usual = usual.filter(|usual| offers.methods.contains(usual));
    let others = offers.methods.iter().copied().filter(|method| Some(*method) != usual);
    let ways: Vec<Way> = usual.into_iter().chain(others).map(Way::of).collect();
    if ways.is_empty() { vec![Way { name: "" }] } else { ways }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    const ALL: Offers =
        Offers { reopen: true, draft: true, methods: &[MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] };
    const FULL: Rights = Rights { merge: true, change: true };

    fn names(acts: &Acts) -> Vec<&str> {
        acts.merge.iter().map(|way| way.name).collect()
    }

    #[test]
    fn an_open_one() {
        let acts = Acts::of(&record(State::Open), ALL, Some(MergeMethod::Squash), 1, FULL);
        assert!(acts.edit && acts.close && acts.draft && acts.update && !acts.reopen && !acts.ready);
        assert_eq!(names(&acts), ["squash", "merge", "rebase"], "the usual way is the first");
        let own = Acts::of(&record(State::Open), ALL, None, 0, Rights { merge: false, change: true });
        assert!(own.close && own.merge.is_empty() && !own.update);
        let nothing = Acts::of(&record(State::Open), ALL, None, 1, Rights { merge: false, change: false });
        assert!(nothing.is_empty());
    }

    #[test]
    fn a_draft_is_made_ready_first_and_a_fork_is_merged_at_the_provider() {
        let mut draft = record(State::Open);
        draft.seen.as_mut().unwrap().draft = true;
        let acts = Acts::of(&draft, ALL, None, 0, FULL);
        assert!(acts.ready && !acts.draft && acts.merge.is_empty());
        let mut fork = record(State::Open);
        fork.seen.as_mut().unwrap().fork = true;
        assert!(Acts::of(&fork, ALL, None, 0, FULL).merge.is_empty());
    }

    #[test]
    fn by_what_the_provider_has() {
        let bare = Offers { reopen: false, draft: false, methods: &[] };
        let acts = Acts::of(&record(State::Open), bare, Some(MergeMethod::Rebase), 0, FULL);
        assert!(!acts.draft);
        assert_eq!(names(&acts), [""], "it has one way of its own");
        let closed = Acts::of(&record(State::Closed), bare, None, 0, FULL);
        assert!(closed.reopen && closed.replaces);
        for over in [State::Merged, State::Live, State::Gone, State::Failed] {
            assert!(Acts::of(&record(over), ALL, None, 1, FULL).is_empty(), "{over:?}");
        }
        let planned = crate::proposal::Record { number: None, ..record(State::Planned) };
        assert!(Acts::of(&planned, ALL, None, 1, FULL).close, "it can be given up");
    }
}
