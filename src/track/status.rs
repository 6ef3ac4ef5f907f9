//! How the tracking of a storage goes, for the status API.

use jiff::Timestamp;
use serde::Serialize;

use super::Inner;
use super::schedule::Mode;
use super::storage::lock;
use crate::fault::Class;
use crate::proposal::State;
use crate::proposal::book::Book;

/// How the tracking of one storage goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What brings news.
    pub mode: Mode,
    /// Proposals that are open.
    pub open: usize,
    /// Proposals that are merged and not live yet.
    pub merged: usize,
    /// Proposals that something is to be done about.
    pub waiting: usize,
    /// When the last look at the provider's list began that went well.
    pub last_reconcile: Option<Timestamp>,
    /// When the next one is due.
    pub next_reconcile: Option<Timestamp>,
    /// Looks that found what no webhook had told.
    pub missed: u64,
    /// Why the provider cannot be asked; absent if it can.
    pub trouble: Option<Trouble>,
}

/// Why the provider cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What is to be done; nothing is tried again before a person acts where it is `operator`, but at the slow pace.
    pub class: Class,
    /// In words.
    pub message: String,
    /// Since when; absent of what the configuration does not say.
    pub since: Option<Timestamp>,
}

impl Inner {
    pub(super) fn status(&self, name: &str) -> Option<Status> {
        let Some(storage) = self.storage(name) else {
            let message = self.without.load().get(name).cloned()?;
            let trouble = Some(Trouble { class: Class::Operator, message, since: None });
            return Some(Status {
                mode: Mode::Poll,
                open: 0,
                merged: 0,
                waiting: 0,
                last_reconcile: None,
                next_reconcile: None,
                missed: 0,
                trouble,
            });
        };
        let count = |state| {
            let library = self.library();
            let records = library.books.get(name).into_iter().flat_map(Book::records);
            records.filter(|record| record.state == state).count()
        };
        let (open, merged) = (count(State::Open), count(State::Merged));
        let mode = lock(&storage.schedule).mode();
        let waiting = storage.pace().busy();
        let looks = lock(&storage.looks);
        let trouble = looks.trouble.as_ref().map(|(failure, since)| Trouble {
            class: failure.class(),
            message: failure.to_string(),
            since: Some(*since),
        });
        let (last_reconcile, next_reconcile, missed) = (looks.last, looks.next, looks.missed);
        Some(Status { mode, open, merged, waiting, last_reconcile, next_reconcile, missed, trouble })
    }
}
