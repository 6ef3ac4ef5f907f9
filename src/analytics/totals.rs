//! What was counted since the start, for whoever adds up differences: no number here ever goes down.
//!
//! The first series that are counted have a name, and keep it for the life of the process, whether they are evaluated
//! again or forgotten elsewhere; all others are one number. Were they chosen anew, a count would go from one to the
//! other, and each would look like a restart or a leap.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Series;
use crate::limits;

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Totals {
    named: BTreeMap<Arc<Series>, u64>,
    others: u64,
}

impl Totals {
    /// So many more of a series.
    pub(super) fn add(&mut self, series: &Arc<Series>, count: u64) {
        if let Some(total) = self.named.get_mut(series) {
            *total = total.saturating_add(count);
        } else if self.named.len() < limits::METRIC_FLAGS {
            self.named.insert(series.clone(), count);
        } else {
            self.add_others(count);
        }
    }

    /// So many more of no known series.
    pub(super) fn add_others(&mut self, count: u64) {
        self.others = self.others.saturating_add(count);
    }

    /// Each that has a name, and all others together.
    pub(super) fn all(&self) -> (Vec<(Arc<Series>, u64)>, u64) {
        (self.named.iter().map(|(series, total)| (series.clone(), *total)).collect(), self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(flag: &str) -> Arc<Series> {
        let (environment, namespace) = ("production".into(), "shop".into());
        Arc::new(Series { environment, namespace, flag: flag.into(), answer: "true".into() })
    }

    #[test]
    fn what_has_a_name_keeps_it_and_no_number_goes_down() {
        let mut totals = Totals::default();
        let name = |n: usize| series(&format!("flag-{n:05}"));
        (1..=limits::METRIC_FLAGS).for_each(|n| totals.add(&name(n), 1));
        // By its name it would stand before all of them.
        totals.add(&name(0), 5);
        totals.add_others(2);
        let (named, others) = totals.all();
        assert_eq!((named.len(), others), (limits::METRIC_FLAGS, 7));
        assert!(named.iter().all(|(of, total)| *of.flag != *name(0).flag && *total == 1));
        totals.add(&name(0), 1);
        totals.add(&name(7), 3);
        let (named, others) = totals.all();
        assert_eq!(others, 8);
        assert_eq!(named.iter().find(|(of, _)| **of == *name(7)).map(|(_, total)| *total), Some(4));
    }
}
