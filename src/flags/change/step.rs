//! Rules and rollouts, compared as lists whose order counts: what is new, gone, moved or another.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::super::snapshot::{Flag, Rollout, Rule, SegmentOperator, Targets};
use crate::limits;

/// A rule or a rollout, as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// For whom.
    pub target: Target,
    /// What they get of a boolean flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<bool>,
    /// What they get of a variant flag, in the order of the file; empty is the default variant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Portion>,
}

/// For whom a step is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Target {
    /// A share of everyone.
    Percentage {
        /// In percent, as the file has it.
        percentage: f32,
    },
    /// The entities of segments.
    Segments {
        /// In the order of the file; those with a malformed constraint take no part and are missing.
        keys: Vec<Box<str>>,
        /// Whether all of them have to match.
        all: bool,
    },
    /// An empty rollout.
    Nobody,
}

/// The share of one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Portion {
    /// Its key.
    pub variant: Box<str>,
    /// In percent, as the file has it.
    pub rollout: f32,
}

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// Of a variant flag.
    Rule,
    /// Of a boolean flag.
    Rollout,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is the same, tried sooner or later than before.
    Moved,
    /// It is another.
    Changed,
}

/// One step that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepEdit {
    /// Of which list.
    pub list: StepKind,
    /// What became of it.
    pub change: StepChange,
    /// Its place before, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_rank: Option<usize>,
    /// Its place now, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_rank: Option<usize>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Step>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Step>,
}

pub(super) fn rules(flag: &Flag) -> Vec<Step> {
    let portions = |rule: &Rule| {
        let portion = |share| {
            let variant = flag.variant_of(share).map(|variant| variant.key.clone()).unwrap_or_default();
            Portion { variant, rollout: share.rollout }
        };
        rule.distributions.iter().map(portion).collect()
    };
    let step = |rule: &Rule| Step { target: segments(&rule.targets), value: None, variants: portions(rule) };
    flag.rules.iter().map(step).collect()
}

pub(super) fn rollouts(flag: &Flag) -> Vec<Step> {
    let step = |rollout: &Rollout| match rollout {
        Rollout::Threshold { percentage, value } => {
            let target = Target::Percentage { percentage: *percentage };
            Step { target, value: Some(*value), variants: Vec::new() }
        }
        Rollout::Segment { targets, value } => {
            Step { target: segments(targets), value: Some(*value), variants: Vec::new() }
        }
        Rollout::Empty => Step { target: Target::Nobody, value: None, variants: Vec::new() },
    };
    flag.rollouts.iter().map(step).collect()
}

fn segments(targets: &Targets) -> Target {
    let list = targets.repeated.as_ref().unwrap_or(&targets.segments);
    let keys = list.iter().map(|segment| segment.key.clone()).collect();
    Target::Segments { keys, all: targets.operator == SegmentOperator::And }
}

/// Compares two lists. What both have in the same order is the same; of the rest, an equal step has moved, one for the
/// same entities (or at the same place) has changed, and what is left is new or gone.
pub(super) fn edits(list: StepKind, old: &[Step], new: &[Step]) -> Vec<StepEdit> {
    let (mut olds, mut news) = unmatched(old, new);
    let mut edits = Vec::new();
    let edit = |change, from: Option<usize>, to: Option<usize>| StepEdit {
        list,
        change,
        old_rank: from.map(|at| at + 1),
        new_rank: to.map(|at| at + 1),
        old: from.and_then(|at| old.get(at)).cloned(),
        new: to.and_then(|at| new.get(at)).cloned(),
    };
    let whole = |step: &Step, _: usize| format!("{step:?}");
    let target = |step: &Step, _: usize| match &step.target {
        Target::Percentage { .. } => "percentage".to_owned(),
        target => format!("{target:?}"),
    };
    let place = |_: &Step, at: usize| at.to_string();
    let ways: [(StepChange, &Naming); 3] =
        [(StepChange::Moved, &whole), (StepChange::Changed, &target), (StepChange::Changed, &place)];
    for (change, name) in ways {
        let mut waiting: HashMap<String, VecDeque<usize>> = HashMap::new();
        for at in &olds {
            waiting.entry(old.get(*at).map(|step| name(step, *at)).unwrap_or_default()).or_default().push_back(*at);
        }
        let mut taken = Vec::new();
        news.retain(|to| {
            let key = new.get(*to).map(|step| name(step, *to)).unwrap_or_default();
            let Some(from) = waiting.get_mut(&key).and_then(VecDeque::pop_front) else { return true };
            edits.push(edit(change, Some(from), Some(*to)));
            taken.push(from);
            false
        });
        taken.sort_unstable();
        olds.retain(|at| taken.binary_search(at).is_err());
    }
    edits.extend(olds.into_iter().map(|at| edit(StepChange::Removed, Some(at), None)));
    edits.extend(news.into_iter().map(|at| edit(StepChange::Added, None, Some(at))));
    edits.sort_by_key(|edit| (edit.new_rank.or(edit.old_rank), edit.new_rank.is_some()));
    edits
}

/// What two steps that belong together have in common, of a step and its place.
type Naming = dyn Fn(&Step, usize) -> String;

/// The places of both lists that a longest common subsequence leaves out.
fn unmatched(old: &[Step], new: &[Step]) -> (Vec<usize>, Vec<usize>) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let olds = old_rest.get(..old_rest.len() - end).unwrap_or_default();
    let news = new_rest.get(..new_rest.len() - end).unwrap_or_default();
    let all = |steps: &[Step]| (start..start + steps.len()).collect::<Vec<_>>();
    let (rows, columns) = (olds.len(), news.len());
    if rows.saturating_mul(columns) > limits::DIFF_STEPS * limits::DIFF_STEPS || rows == 0 || columns == 0 {
        return (all(olds), all(news));
    }
    // lengths[row][column]: the longest common subsequence of what is behind.
    let width = columns + 1;
    let mut lengths = vec![0_u32; (rows + 1) * width];
    let at = |lengths: &[u32], row: usize, column: usize| lengths.get(row * width + column).copied().unwrap_or(0);
    for (row, old) in olds.iter().enumerate().rev() {
        for (column, new) in news.iter().enumerate().rev() {
            let best = if old == new {
                at(&lengths, row + 1, column + 1) + 1
            } else {
                at(&lengths, row + 1, column).max(at(&lengths, row, column + 1))
            };
            if let Some(cell) = lengths.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    let (mut only_old, mut only_new) = (Vec::new(), Vec::new());
    while row < rows && column < columns {
        if olds.get(row) == news.get(column) {
            (row, column) = (row + 1, column + 1);
        } else if at(&lengths, row + 1, column) >= at(&lengths, row, column + 1) {
            only_old.push(start + row);
            row += 1;
        } else {
            only_new.push(start + column);
            column += 1;
        }
    }
    only_old.extend(start + row..start + rows);
    only_new.extend(start + column..start + columns);
    (only_old, only_new)
}
