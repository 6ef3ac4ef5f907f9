//! How often which flag was answered what: counted where it is answered, booked by time, shown and kept.
//!
//! ```text
//! evaluation -> Lane -> Tally     one addition, no lock
//!                         \-> Book, every few seconds and before it is read    hour, day, month
//!                                \-> rows, when a slot is over -> the store    disposable
//! ```
//!
//! What clients evaluate from a snapshot they do not tell us, so it is not here: a flag that is not counted may be in
//! use all the same. Numbers are of flags that exist and of answers that they have; nothing of a caller is kept.
//!
//! All of it is bounded: series beyond [`limits::ANALYTICS_SERIES`] are counted without their names. Losing the store
//! loses the history, and nothing else.

mod book;
pub mod row;
mod span;
#[cfg(feature = "daemon")]
mod tally;
#[cfg(test)]
mod tests;

#[cfg(feature = "daemon")]
use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "daemon")]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "daemon")]
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use self::book::Book;
pub use self::span::{Slot, Span};
#[cfg(feature = "daemon")]
pub use self::tally::Lane;
#[cfg(feature = "daemon")]
use self::{row::Row, tally::Tally};
#[cfg(feature = "daemon")]
use crate::limits;

/// What is counted: one answer of one flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The environment.
    pub environment: Arc<str>,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The key of the flag.
    pub flag: Arc<str>,
    /// `true` or `false`, the key of a variant, or nothing where no variant was the answer.
    pub answer: Arc<str>,
}

/// How a flag was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// When it was evaluated last; after a restart as precisely as it was kept.
    pub last: Timestamp,
    /// Evaluations in the last 24 hours, hour by hour, the current one last. Hours end with the current quarter.
    pub hours: [u64; 24],
}

/// Counts in the course of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// When each slot begins.
    pub begins: Vec<Timestamp>,
    /// How long a slot is.
    pub seconds: u32,
    /// The count of every slot, by answer, the most frequent first.
    pub answers: Vec<(Arc<str>, Vec<u64>)>,
}

impl Course {
    /// The counts of all answers together.
    #[must_use]
    pub fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.begins.len()];
        for (_, counts) in &self.answers {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        sums
    }
}

/// Where rows go. It must not block.
pub trait Keep: Send + Sync {
    /// Takes a row over the one that is there, or takes that one away.
    fn keep(&self, row: row::Row);
}

/// Everything that is counted.
#[cfg(feature = "daemon")]
pub struct Analytics {
    on: AtomicBool,
    tally: Tally,
    /// Absent while what was kept is read; until then counts stay where they are counted.
    book: Mutex<Option<Book>>,
    keep: Option<Box<dyn Keep>>,
}

#[cfg(feature = "daemon")]
impl std::fmt::Debug for Analytics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analytics").field("on", &self.on).finish_non_exhaustive()
    }
}

#[cfg(feature = "daemon")]
impl Default for Analytics {
    fn default() -> Self {
        Self { on: AtomicBool::new(true), tally: Tally::default(), book: Mutex::new(Some(Book::default())), keep: None }
    }
}

#[cfg(feature = "daemon")]
impl Analytics {
    /// With a place to keep counts. What was kept there before is given to [`Self::restore`].
    #[must_use]
    pub fn new(keep: Box<dyn Keep>) -> Self {
        Self { book: Mutex::new(None), keep: Some(keep), ..Self::default() }
    }

    /// Reads what was kept: seconds, where many flags are in use. Counting goes on meanwhile.
    pub fn restore(&self, kept: Vec<(row::Place, Vec<u8>)>, now: Timestamp) {
        let (book, rows) = Book::open(kept, now);
        *self.lock() = Some(book);
        self.put(rows);
    }

    /// Whether what was kept has been read.
    #[must_use]
    pub fn restored(&self) -> bool {
        self.lock().is_some()
    }

    /// Counts, or does not. What is known stays.
    pub fn set_on(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Whether it counts.
    #[must_use]
    pub fn on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// The counters of one namespace, for one request.
    #[must_use]
    pub fn lane<'a>(&'a self, environment: &'a Arc<str>, namespace: &'a Arc<str>) -> Lane<'a> {
        if self.on() { self.tally.lane(environment, namespace) } else { Lane::off() }
    }

    /// Books what was counted until now.
    pub fn collect(&self, now: Timestamp) {
        let mut guard = self.lock();
        let Some(book) = guard.as_mut() else { return };
        // Under the book's lock, so that what is counted first is booked first.
        let counted = self.tally.collect();
        let rows = book.add(counted, now);
        book.uncounted = book.uncounted.saturating_add(self.tally.take_uncounted());
        drop(guard);
        if !rows.is_empty() && self.tally.is_full() {
            self.tally.forget();
        }
        self.put(rows);
    }

    /// The last word of a process that ends.
    pub fn finish(&self, now: Timestamp) {
        self.collect(now);
        let row = self.lock().as_mut().and_then(|book| book.leave(now));
        self.put(row.into_iter().collect());
    }

    /// Every flag of a namespace that was evaluated in the last month: when last, and how in the last day. A flag that
    /// is not in it was not evaluated here.
    #[must_use]
    pub fn used(&self, environment: &str, namespace: &str, now: Timestamp) -> BTreeMap<Arc<str>, Used> {
        self.read(now, |book| book.used(environment, namespace, now))
    }

    /// When a flag was evaluated last.
    #[must_use]
    pub fn last(&self, environment: &str, namespace: &str, flag: &str, now: Timestamp) -> Option<Timestamp> {
        self.read(now, |book| book.last(environment, namespace, flag))
    }

    /// The counts of one flag, or of all of a namespace, over a span that ends now.
    #[must_use]
    pub fn course(&self, environment: &str, namespace: &str, flag: Option<&str>, span: Span, now: Timestamp) -> Course {
        let last = span.slot(now);
        let first = (last + 1).saturating_sub(span.slots());
        self.read(now, |book| book.course(environment, namespace, flag, span, (first, last)))
    }

    /// The counts of one flag between two times, as finely as they are kept that far back.
    #[must_use]
    pub fn between(
        &self,
        environment: &str,
        namespace: &str,
        flag: &str,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Course {
        let span = Span::reaching(from, now);
        let oldest = (span.slot(now) + 1).saturating_sub(span.slots());
        let (first, last) = (span.slot(from).max(oldest), span.slot(to.min(now)));
        if first > last {
            return Course { seconds: span.seconds(), ..Course::default() };
        }
        self.read(now, |book| book.course(environment, namespace, Some(flag), span, (first, last)))
    }

    /// What each flag of a namespace was answered within a span that ends now, the most frequent answer first.
    #[must_use]
    pub fn sums(
        &self,
        environment: &str,
        namespace: &str,
        span: Span,
        now: Timestamp,
    ) -> BTreeMap<Arc<str>, Vec<(Arc<str>, u64)>> {
        self.read(now, |book| book.sums(environment, namespace, span, now))
    }

    /// Evaluations that were counted without a name since the start.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.lock().as_ref().map_or(0, |book| book.uncounted)
    }

    /// What was counted of the first series since the start, at most [`limits::METRIC_FLAGS`]; and of all others
    /// together.
    #[must_use]
    pub fn totals(&self, now: Timestamp) -> (Vec<(Series, u64)>, u64) {
        self.read(now, |book| {
            let mut all = book.totals();
            let named: Vec<_> = all.by_ref().take(limits::METRIC_FLAGS).collect();
            let others = all.map(|(_, count)| count).fold(book.uncounted, u64::saturating_add);
            (named, others)
        })
    }

    /// Something of the book of this moment; of an empty one while what was kept is read.
    fn read<T>(&self, now: Timestamp, of: impl FnOnce(&Book) -> T) -> T {
        self.collect(now);
        match &*self.lock() {
            Some(book) => of(book),
            None => of(&Book::default()),
        }
    }

    fn put(&self, rows: Vec<Row>) {
        for row in rows {
            if let Some(keep) = &self.keep {
                keep.keep(row);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Book>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
