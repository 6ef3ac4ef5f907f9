//! Counting on the way of a request: no lock, no allocation, one addition in memory of the thread's own.
//!
//! A series (environment, namespace, flag, answer) has a cell, and the cell a place in every shard; a thread adds in its
//! shard alone, so that threads that evaluate the same flag do not wait for each other's cache lines. Where the cell is
//! says a table that is read without a lock and replaced as a whole when it grows. A series that is seen for the first
//! time waits beside it, behind a lock, until the next [`Tally::collect`], or until so many wait that the table grows at
//! once: the lock is met a few times in the life of a series and not again.
//!
//! Series are found by a hash of 64 bits with a seed that nobody knows: of 100,000 series two are counted together once
//! in four thousand million starts.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Series;
use crate::limits;

/// Threads that count without a word to each other; more share.
const SHARDS: usize = 8;
/// Cells of one block: what the tables of before and after growing share.
const BLOCK: usize = 128;

/// All cells.
#[derive(Debug)]
pub(super) struct Tally {
    table: ArcSwap<Table>,
    news: Mutex<News>,
    uncounted: AtomicU64,
    seed: u64,
}

#[derive(Debug, Clone, Default)]
struct Table {
    cells: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    series: Vec<Arc<Series>>,
    blocks: Vec<Arc<Block>>,
}

/// What stands beside the table.
#[derive(Debug, Default)]
struct News {
    /// Series that are not in it yet, by hash, and their counts.
    series: HashMap<u64, (Arc<Series>, u64), BuildHasherDefault<AsItIs>>,
    /// The table before this one, where somebody may still be counting.
    before: Option<Arc<Table>>,
}

#[derive(Debug)]
struct Block {
    shards: Box<[[AtomicU64; BLOCK]]>,
}

impl Default for Block {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| std::array::from_fn(|_| AtomicU64::new(0))).collect() }
    }
}

/// The counters of one namespace, for one request.
#[derive(Debug)]
pub struct Lane<'t> {
    counts: Option<Counts<'t>>,
}

#[derive(Debug)]
struct Counts<'t> {
    tally: &'t Tally,
    table: Guard<Arc<Table>>,
    environment: &'t Arc<str>,
    namespace: &'t Arc<str>,
    seed: u64,
    shard: usize,
}

impl Lane<'_> {
    /// Counters of nothing.
    pub(super) const fn off() -> Self {
        Self { counts: None }
    }

    /// Counts one answer of a flag: the key of a variant, `true` or `false`, or nothing.
    #[inline]
    pub fn count(&self, flag: &str, answer: &str) {
        let Some(counts) = &self.counts else { return };
        let hash = xxh3_64_with_seed(answer.as_bytes(), xxh3_64_with_seed(flag.as_bytes(), counts.seed));
        match counts.table.cell(hash, counts.shard) {
            Some(cell) => drop(cell.fetch_add(1, Ordering::Relaxed)),
            None => counts.tally.count_new(hash, counts, flag, answer),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0_u8);
        Self { table: ArcSwap::default(), news: Mutex::default(), uncounted: AtomicU64::new(0), seed }
    }
}

impl Tally {
    /// The counters of a namespace. Hold them for one request only.
    pub(super) fn lane<'t>(&'t self, environment: &'t Arc<str>, namespace: &'t Arc<str>) -> Lane<'t> {
        let seed = xxh3_64_with_seed(namespace.as_bytes(), xxh3_64_with_seed(environment.as_bytes(), self.seed));
        let counts = Counts { tally: self, table: self.table.load(), environment, namespace, seed, shard: shard() };
        Lane { counts: Some(counts) }
    }

    /// Takes everything that was counted since the last time.
    pub(super) fn collect(&self) -> Vec<(Arc<Series>, u64)> {
        let mut news = self.lock();
        let table = self.table.load_full();
        let mut counted = Vec::new();
        if let Some(before) = &news.before {
            before.drain(&mut counted);
        }
        table.drain(&mut counted);
        if !news.series.is_empty() {
            // The counts were given out here; in the table they begin at zero.
            counted.extend(news.series.values_mut().map(|(series, count)| (series.clone(), std::mem::take(count))));
            self.grow(&mut news);
        }
        counted
    }

    /// Evaluations that were not counted by flag, because there were too many series, since the last time.
    pub(super) fn take_uncounted(&self) -> u64 {
        self.uncounted.swap(0, Ordering::Relaxed)
    }

    /// Whether no other series finds a cell.
    pub(super) fn is_full(&self) -> bool {
        self.table.load().series.len() >= limits::ANALYTICS_SERIES
    }

    /// Begins anew, so that those that are not evaluated any more make room.
    pub(super) fn forget(&self) {
        let mut news = self.lock();
        news.before = Some(self.table.swap(Arc::default()));
    }

    #[cold]
    fn count_new(&self, hash: u64, lane: &Counts<'_>, flag: &str, answer: &str) {
        let mut news = self.lock();
        // It may have come into the table since this request began.
        if let Some(cell) = self.table.load().cell(hash, lane.shard) {
            cell.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Some((_, count)) = news.series.get_mut(&hash) {
            *count += 1;
            return;
        }
        let known = self.table.load().series.len();
        if known + news.series.len() >= limits::ANALYTICS_SERIES {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let series = Series {
            environment: lane.environment.clone(),
            namespace: lane.namespace.clone(),
            flag: flag.into(),
            answer: answer.into(),
        };
        news.series.insert(hash, (Arc::new(series), 1));
        if news.series.len() > known / 2 + BLOCK {
            self.grow(&mut news);
        }
    }

    /// Takes what waits into the table, with its counts.
    fn grow(&self, news: &mut News) {
        let mut table = Table::clone(&self.table.load());
        for (hash, (series, count)) in news.series.drain() {
            let at = table.series.len();
            if at >= table.blocks.len() * BLOCK {
                table.blocks.push(Arc::default());
            }
            let Ok(cell) = u32::try_from(at) else { return };
            table.cells.insert(hash, cell);
            table.series.push(series);
            if let Some(cell) = table.at(cell, 0) {
                cell.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.table.store(Arc::new(table));
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    #[inline]
    fn cell(&self, hash: u64, shard: usize) -> Option<&AtomicU64> {
        self.at(*self.cells.get(&hash)?, shard)
    }

    #[inline]
    fn at(&self, cell: u32, shard: usize) -> Option<&AtomicU64> {
        let cell = usize::try_from(cell).ok()?;
        self.blocks.get(cell / BLOCK)?.shards.get(shard)?.get(cell % BLOCK)
    }

    fn drain(&self, counted: &mut Vec<(Arc<Series>, u64)>) {
        for (series, cell) in self.series.iter().zip(0_u32..) {
            let cells = (0..SHARDS).filter_map(|shard| self.at(cell, shard));
            // Most have nothing, and to look does not take the line from whoever counts in it.
            let count: u64 =
                cells.filter(|cell| cell.load(Ordering::Relaxed) > 0).map(|cell| cell.swap(0, Ordering::Relaxed)).sum();
            if count > 0 {
                counted.push((series.clone(), count));
            }
        }
    }
}

/// The shard of this thread.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        mine.get()
    })
}

/// A hash that is one already.
#[derive(Debug, Default, Clone, Copy)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn place() -> (Arc<str>, Arc<str>) {
        ("production".into(), "shop".into())
    }

    fn add(sums: &mut BTreeMap<String, u64>, counted: Vec<(Arc<Series>, u64)>) {
        for (series, count) in counted {
            *sums.entry(format!("{}={}", series.flag, series.answer)).or_default() += count;
        }
    }

    #[test]
    fn every_count_is_given_out_once() {
        let (tally, (environment, namespace)) = (Tally::default(), place());
        let (threads, rounds, flags) = (6, 400, 300);
        let mut sums = BTreeMap::new();
        std::thread::scope(|scope| {
            let counting: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        for round in 0..rounds {
                            let lane = tally.lane(&environment, &namespace);
                            for flag in 0..flags {
                                lane.count(&flag.to_string(), if round % 4 == 0 { "true" } else { "false" });
                            }
                        }
                    })
                })
                .collect();
            while !counting.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                add(&mut sums, tally.collect());
            }
        });
        add(&mut sums, tally.collect());
        assert_eq!(sums.len(), 2 * flags);
        assert!((0..flags).all(|flag| sums[&format!("{flag}=true")] == threads * rounds / 4), "{sums:?}");
        assert!((0..flags).all(|flag| sums[&format!("{flag}=false")] == threads * rounds * 3 / 4));
        assert!(tally.collect().is_empty());
    }

    #[test]
    fn what_is_too_much_is_counted_without_a_name() {
        let (tally, (environment, namespace)) = (Tally::default(), place());
        let lane = tally.lane(&environment, &namespace);
        for flag in 0..limits::ANALYTICS_SERIES + 7 {
            lane.count(&flag.to_string(), "true");
        }
        assert!(!tally.is_full());
        assert_eq!(tally.collect().len(), limits::ANALYTICS_SERIES);
        assert!(tally.is_full());
        assert_eq!((tally.take_uncounted(), tally.take_uncounted()), (7, 0));
        tally.forget();
        // A request that began before counts where it began.
        lane.count("0", "true");
        tally.lane(&environment, &namespace).count("new", "true");
        let mut sums = BTreeMap::new();
        add(&mut sums, tally.collect());
        assert_eq!(sums, BTreeMap::from([("0=true".to_owned(), 1), ("new=true".to_owned(), 1)]));
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        let tally = Tally::default();
        let name = |text: &str| Arc::<str>::from(text);
        for (environment, namespace, flag, answer) in [
            ("a", "bc", "d", "e"),
            ("ab", "c", "d", "e"),
            ("a", "b", "cd", "e"),
            ("a", "b", "c", "de"),
            ("a", "b", "cde", ""),
        ] {
            tally.lane(&name(environment), &name(namespace)).count(flag, answer);
        }
        assert_eq!(tally.collect().len(), 5);
    }
}
