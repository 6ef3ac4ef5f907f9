//! What was counted, by time: for every flag and answer the counts of the last hour, day and month.
//!
//! Only slots in which something was counted take room. A slot that is over becomes a [`row`](super::row) to be kept;
//! which rows there are is known here, so that each is taken away when nobody looks so far back. To count and to close
//! slots are two things: who only reads counts what came meanwhile, and does not pay for the slot that is over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Bound, Range};
use std::sync::Arc;

use jiff::Timestamp;

use super::row::{self, Counts};
use super::span::{Slot, Span};
use super::totals::Totals;
use super::{Course, Series, Sums, Used};
use crate::limits;

/// All counts.
#[derive(Debug, Default)]
pub struct Book {
    places: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Flags>>,
    series: usize,
    /// Rows on the disk, or on their way there.
    rows: BTreeSet<row::Place>,
    /// The current slots.
    current: Option<[Slot; 3]>,
    /// Evaluations that have no series.
    uncounted: u64,
    totals: Totals,
}

/// What becomes of a row: it is written anew, or taken away.
pub type Change = (row::Place, Option<Counts>);

/// The flags of one namespace that were evaluated.
type Flags = BTreeMap<Arc<str>, Flag>;

#[derive(Debug, Default)]
struct Flag {
    last: Timestamp,
    answers: Vec<(Arc<str>, Line)>,
}

/// The counts of one answer.
#[derive(Debug, Default)]
struct Line {
    spans: [VecDeque<(Slot, u32)>; 3],
}

impl Line {
    fn of(&self, span: Span) -> &VecDeque<(Slot, u32)> {
        let [hour, day, month] = &self.spans;
        match span {
            Span::Hour => hour,
            Span::Day => day,
            Span::Month => month,
        }
    }

    fn of_mut(&mut self, span: Span) -> &mut VecDeque<(Slot, u32)> {
        let [hour, day, month] = &mut self.spans;
        match span {
            Span::Hour => hour,
            Span::Day => day,
            Span::Month => month,
        }
    }

    fn add(&mut self, span: Span, slot: Slot, count: u32) {
        let points = self.of_mut(span);
        // A clock that was put back adds to what is there already.
        match points.iter_mut().rev().find(|(of, _)| *of <= slot) {
            Some((of, sum)) if *of == slot => *sum = sum.saturating_add(count),
            _ => {
                let at = points.partition_point(|(of, _)| *of < slot);
                points.insert(at, (slot, count));
            }
        }
        while points.front().is_some_and(|(of, _)| *of < oldest(span, slot)) {
            points.pop_front();
        }
    }

    /// What was counted in some slots.
    fn within(&self, span: Span, slots: &Range<Slot>) -> impl Iterator<Item = (Slot, u32)> {
        let points = self.of(span);
        let first = points.partition_point(|(slot, _)| *slot < slots.start);
        points.range(first..).copied().take_while(|(slot, _)| *slot < slots.end)
    }

    fn is_empty(&self) -> bool {
        self.spans.iter().all(VecDeque::is_empty)
    }
}

/// The oldest slot that is kept while `current` is the current one.
const fn oldest(span: Span, current: Slot) -> Slot {
    (current + 1).saturating_sub(span.kept())
}

fn slots(now: Timestamp) -> [Slot; 3] {
    Span::ALL.map(|span| span.slot(now))
}

impl Book {
    /// The book of what was kept: rows, and what is to be kept of them anew because a slot ended while nobody was there.
    #[must_use]
    pub fn open(kept: Vec<(row::Place, Vec<u8>)>, now: Timestamp) -> (Self, Vec<Change>) {
        let mut book = Self { current: Some(slots(now)), ..Self::default() };
        let mut changes = Vec::new();
        for (place @ (span, slot), bytes) in kept {
            let wanted = oldest(span, span.slot(now))..=span.slot(now);
            match row::decode(&bytes).filter(|_| wanted.contains(&slot)) {
                Some(counts) => {
                    book.rows.insert(place);
                    book.take(span, slot, counts);
                }
                None => changes.push((place, None)),
            }
        }
        for span in Span::ALL {
            let Some(finer) = span.finer() else { continue };
            let made = book.fold(span, finer);
            for slot in made.range(..span.slot(now)) {
                changes.extend(book.close(span, *slot..slot.saturating_add(1)));
            }
        }
        (book, changes)
    }

    fn take(&mut self, span: Span, slot: Slot, counts: Counts) {
        // It was evaluated at some time in it; the minutes of the last hour say it best.
        let last = span.begin(slot);
        for (environment, namespaces) in counts {
            for (namespace, flags) in namespaces {
                for (flag, answers) in flags {
                    for (answer, count) in answers {
                        let series = Series {
                            environment: environment.clone(),
                            namespace: namespace.clone(),
                            flag: flag.clone(),
                            answer,
                        };
                        if let Some(line) = self.line(&series, last) {
                            line.add(span, slot, count);
                        }
                    }
                }
            }
        }
    }

    /// Makes the slots of a span that no row has of the finer ones; which those were.
    fn fold(&mut self, span: Span, finer: Span) -> BTreeSet<Slot> {
        let (rows, mut made) = (std::mem::take(&mut self.rows), BTreeSet::new());
        for line in self.lines_mut() {
            let points: Vec<_> = line.of(finer).iter().copied().collect();
            for (slot, count) in points {
                let slot = span.slot(finer.begin(slot));
                if !rows.contains(&(span, slot)) {
                    line.add(span, slot, count);
                    made.insert(slot);
                }
            }
        }
        self.rows = rows;
        made
    }

    fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        let flags = self.places.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut);
        flags.flat_map(|flag| flag.answers.iter_mut().map(|(_, line)| line))
    }

    fn line(&mut self, series: &Series, last: Timestamp) -> Option<&mut Line> {
        let full = self.series >= limits::ANALYTICS_SERIES;
        let namespaces = self.places.entry(series.environment.clone()).or_default();
        let flags = namespaces.entry(series.namespace.clone()).or_default();
        if full && !flags.get(&series.flag).is_some_and(|f| f.answers.iter().any(|(of, _)| *of == series.answer)) {
            return None;
        }
        let flag = flags.entry(series.flag.clone()).or_default();
        flag.last = flag.last.max(last);
        let at = flag.answers.iter().position(|(answer, _)| *answer == series.answer).unwrap_or_else(|| {
            self.series += 1;
            flag.answers.push((series.answer.clone(), Line::default()));
            flag.answers.len() - 1
        });
        flag.answers.get_mut(at).map(|(_, line)| line)
    }

    /// Books what was counted until `now`.
    pub fn add(&mut self, counted: Vec<(Arc<Series>, u64)>, now: Timestamp) {
        self.current.get_or_insert_with(|| slots(now));
        for (series, count) in counted {
            self.totals.add(&series, count);
            let small = u32::try_from(count).unwrap_or(u32::MAX);
            let Some(line) = self.line(&series, now) else {
                self.uncounted = self.uncounted.saturating_add(count);
                continue;
            };
            for span in Span::ALL {
                line.add(span, span.slot(now), small);
            }
        }
    }

    /// Books evaluations of which nobody knows what was evaluated.
    pub fn add_unnamed(&mut self, count: u64) {
        self.uncounted = self.uncounted.saturating_add(count);
        self.totals.add_others(count);
    }

    /// Turns over to the slots of `now`; what is to be kept of those that are over, and what no longer is.
    #[must_use]
    pub fn turn(&mut self, now: Timestamp) -> Vec<Change> {
        let before = self.current.replace(slots(now)).unwrap_or_else(|| slots(now));
        let mut changes = Vec::new();
        for (span, ended) in Span::ALL.into_iter().zip(before) {
            let current = span.slot(now);
            if current > ended {
                // More than one, where nobody turned for a while.
                changes.extend(self.close(span, ended.max(oldest(span, current))..current));
                changes.extend(self.drop_old(span, current));
            }
        }
        changes
    }

    /// The current minute as far as it is known, for a process that ends: the other slots are made of minutes again.
    #[must_use]
    pub fn leave(&mut self, now: Timestamp) -> Vec<Change> {
        let slot = Span::Hour.slot(now);
        self.close(Span::Hour, slot..slot.saturating_add(1))
    }

    /// Slots that are over; none in which nothing was counted.
    fn close(&mut self, span: Span, slots: Range<Slot>) -> Vec<Change> {
        let mut closed: BTreeMap<Slot, Counts> = BTreeMap::new();
        for (environment, namespaces) in &self.places {
            for (namespace, flags) in namespaces {
                for (key, flag) in flags {
                    for (answer, line) in &flag.answers {
                        for (slot, count) in line.within(span, &slots).filter(|(_, count)| *count > 0) {
                            let place = closed.entry(slot).or_default().entry(environment.clone()).or_default();
                            let flags = place.entry(namespace.clone()).or_default();
                            flags.entry(key.clone()).or_default().insert(answer.clone(), count);
                        }
                    }
                }
            }
        }
        self.rows.extend(closed.keys().map(|slot| (span, *slot)));
        closed.into_iter().map(|(slot, counts)| ((span, slot), Some(counts))).collect()
    }

    fn drop_old(&mut self, span: Span, current: Slot) -> Vec<Change> {
        let oldest = oldest(span, current);
        let old: Vec<_> = self.rows.range((span, 0)..(span, oldest)).copied().collect();
        for place in &old {
            self.rows.remove(place);
        }
        // Every minute would be often: what is old is not shown either.
        if span != Span::Hour {
            self.forget(current, span);
        }
        old.into_iter().map(|place| (place, None)).collect()
    }

    fn forget(&mut self, current: Slot, span: Span) {
        let now = span.begin(current);
        let mut series = 0;
        for namespaces in self.places.values_mut() {
            for flags in namespaces.values_mut() {
                for flag in flags.values_mut() {
                    for (_, line) in &mut flag.answers {
                        for span in Span::ALL {
                            let oldest = oldest(span, span.slot(now));
                            let points = line.of_mut(span);
                            let old = points.partition_point(|(slot, _)| *slot < oldest);
                            points.drain(..old);
                        }
                    }
                    flag.answers.retain(|(_, line)| !line.is_empty());
                    series += flag.answers.len();
                }
                flags.retain(|_, flag| !flag.answers.is_empty());
            }
            namespaces.retain(|_, flags| !flags.is_empty());
        }
        self.places.retain(|_, namespaces| !namespaces.is_empty());
        self.series = series;
    }

    fn flags(&self, environment: &str, namespace: &str) -> Option<&Flags> {
        self.places.get(environment)?.get(namespace)
    }

    /// Every flag of a namespace that was evaluated in the last month, and how in the last day.
    #[must_use]
    pub fn used(&self, environment: &str, namespace: &str, now: Timestamp) -> BTreeMap<Arc<str>, Used> {
        let (current, per_hour) = (Span::Day.slot(now), 3_600 / Span::Day.seconds());
        let used = |flag: &Flag| {
            let mut used = Used { last: flag.last, hours: [0; 24] };
            for (slot, count) in flag.answers.iter().flat_map(|(_, line)| line.of(Span::Day)) {
                let back = current.saturating_sub(*slot) / per_hour;
                let hour = usize::try_from(back).ok().and_then(|back| 23_usize.checked_sub(back));
                if let Some(sum) = hour.and_then(|hour| used.hours.get_mut(hour)) {
                    *sum += u64::from(*count);
                }
            }
            used
        };
        let flags = self.flags(environment, namespace).into_iter().flatten();
        flags.map(|(key, flag)| (key.clone(), used(flag))).collect()
    }

    /// When a flag was evaluated last.
    #[must_use]
    pub fn last(&self, environment: &str, namespace: &str, flag: &str) -> Option<Timestamp> {
        Some(self.flags(environment, namespace)?.get(flag)?.last)
    }

    /// The counts of one flag, or of all of them, from slot to slot, by answer; the most frequent answer first.
    #[must_use]
    pub fn course(
        &self,
        environment: &str,
        namespace: &str,
        flag: Option<&str>,
        span: Span,
        (first, last): (Slot, Slot),
    ) -> Course {
        let length = usize::try_from(last.saturating_sub(first)).unwrap_or(0) + 1;
        let wanted =
            flag.map_or((Bound::Unbounded, Bound::Unbounded), |key| (Bound::Included(key), Bound::Included(key)));
        let flags = self.flags(environment, namespace).into_iter().flat_map(|flags| flags.range::<str, _>(wanted));
        let lines = flags.flat_map(|(_, flag)| &flag.answers);
        let mut answers: BTreeMap<Arc<str>, Vec<u64>> = BTreeMap::new();
        for (answer, line) in lines {
            // Of all flags together the answers mean nothing.
            let answer = if flag.is_some() { answer.clone() } else { Arc::from("") };
            let counts = answers.entry(answer).or_insert_with(|| vec![0; length]);
            for (slot, count) in line.of(span).iter().filter(|(slot, _)| *slot >= first) {
                let at = usize::try_from(slot - first).ok();
                if let Some(sum) = at.and_then(|at| counts.get_mut(at)) {
                    *sum += u64::from(*count);
                }
            }
        }
        let mut answers: Vec<_> = answers.into_iter().filter(|(_, counts)| counts.iter().any(|n| *n > 0)).collect();
        answers.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
        Course { begins: (first..=last).map(|slot| span.begin(slot)).collect(), seconds: span.seconds(), answers }
    }

    /// What each flag of a namespace was answered within a span, by answer, the most frequent first.
    #[must_use]
    pub fn sums(&self, environment: &str, namespace: &str, span: Span, now: Timestamp) -> Sums {
        let first = (span.slot(now) + 1).saturating_sub(span.slots());
        let sum =
            |line: &Line| line.of(span).iter().filter(|(slot, _)| *slot >= first).map(|(_, n)| u64::from(*n)).sum();
        let of = |flag: &Flag| {
            let sums = flag.answers.iter().map(|(answer, line)| (answer.clone(), sum(line)));
            let mut sums: Vec<(Arc<str>, u64)> = sums.filter(|(_, count)| *count > 0).collect();
            sums.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            sums
        };
        let flags = self.flags(environment, namespace).into_iter().flatten();
        flags.map(|(key, flag)| (key.clone(), of(flag))).filter(|(_, sums)| !sums.is_empty()).collect()
    }

    /// What was counted since the start, by name as far as there are names, and all others together.
    #[must_use]
    pub fn totals(&self) -> (Vec<(Arc<Series>, u64)>, u64) {
        self.totals.all()
    }

    /// Evaluations that have no series.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }
}
