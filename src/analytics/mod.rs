//! How often which flag was answered what: counted where it is answered, booked by time, shown and kept.
//!
//! ```text
//! evaluation -> Lane -> Tally     one addition, no lock
//!                         \-> Book, every few seconds and before it is read    hour, day, month; totals
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
mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "daemon")]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "daemon")]
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use self::book::{Book, Change};
pub use self::span::{Slot, Span};
#[cfg(feature = "daemon")]
pub use self::tally::Lane;
#[cfg(feature = "daemon")]
use self::tally::Tally;

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

/// What flags were answered, by flag; the most frequent answer of each first.
pub type Sums = BTreeMap<Arc<str>, Vec<(Arc<str>, u64)>>;

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
        let (book, changes) = Book::open(kept, now);
        *self.lock() = Some(book);
        self.put(changes);
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

    /// Books what was counted until now, and keeps the slots that are over. Milliseconds, where many flags are in use:
    /// none of it is for the thread of a request.
    pub fn collect(&self, now: Timestamp) {
        let mut guard = self.lock();
        let Some(book) = guard.as_mut() else { return };
        self.count(book, now);
        let changes = book.turn(now);
        drop(guard);
        if !changes.is_empty() && self.tally.is_full() {
            self.tally.forget();
        }
        self.put(changes);
    }

    /// Under the book's lock, so that what is counted first is booked first.
    fn count(&self, book: &mut Book, now: Timestamp) {
        book.add(self.tally.collect(), now);
        book.add_unnamed(self.tally.take_uncounted());
    }

    /// The last word of a process that ends.
    pub fn finish(&self, now: Timestamp) {
        self.collect(now);
        let changes = self.lock().as_mut().map(|book| book.leave(now)).unwrap_or_default();
        self.put(changes);
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

    /// The counts of some flags between two times, as finely as they are kept that far back, in the order of the flags.
    #[must_use]
    pub fn between<'f>(
        &self,
        environment: &str,
        namespace: &str,
        flags: impl IntoIterator<Item = &'f str>,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Vec<Course> {
        let span = Span::reaching(from, now);
        let oldest = (span.slot(now) + 1).saturating_sub(span.slots());
        let (first, last) = (span.slot(from).max(oldest), span.slot(to.min(now)));
        let course = |book: &Book, flag: &str| {
            if first > last {
                return Course { seconds: span.seconds(), ..Course::default() };
            }
            book.course(environment, namespace, Some(flag), span, (first, last))
        };
        self.read(now, |book| flags.into_iter().map(|flag| course(book, flag)).collect())
    }

    /// What each flag of a namespace was answered within a span that ends now.
    #[must_use]
    pub fn sums(&self, environment: &str, namespace: &str, span: Span, now: Timestamp) -> Sums {
        self.read(now, |book| book.sums(environment, namespace, span, now))
    }

    /// Evaluations that were counted without a name since the start.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.lock().as_ref().map_or(0, Book::uncounted)
    }

    /// What was counted since the start: of the series that came first, at most
    /// [`METRIC_FLAGS`](crate::limits::METRIC_FLAGS), each; and of all others together. None of it ever goes down.
    #[must_use]
    pub fn totals(&self, now: Timestamp) -> (Vec<(Arc<Series>, u64)>, u64) {
        self.read(now, Book::totals)
    }

    /// Something of the book of this moment; of an empty one while what was kept is read.
    fn read<T>(&self, now: Timestamp, of: impl FnOnce(&Book) -> T) -> T {
        match &mut *self.lock() {
            Some(book) => {
                self.count(book, now);
                of(book)
            }
            None => of(&Book::default()),
        }
    }

    /// Hands rows on, which are made of counts here, when nobody waits for the book.
    fn put(&self, changes: Vec<Change>) {
        let Some(keep) = &self.keep else { return };
        for change in changes {
            keep.keep(row::row(change));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Book>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
