//! Segments compared: who is in it and was not, and which flags that touches.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::constraint::Constraint;
use super::super::snapshot::{Flag, Namespace, Rollout, Segment, Targets};
use super::{Presence, TextEdit, pairs, presence, text_edit};

/// The differences of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentChange {
    /// Its key.
    pub key: Box<str>,
    /// Its name now; of a segment that is gone, as it was.
    pub name: Box<str>,
    /// Of the segment itself.
    pub change: Presence,
    /// Whether every constraint has to match, now.
    pub all: bool,
    /// What of it; of a new one, its constraints.
    pub edits: Vec<SegmentEdit>,
    /// Flags that name it, before or now.
    pub flags: Vec<Box<str>>,
}

/// One part of a segment that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum SegmentEdit {
    /// Its name.
    Name(TextEdit),
    /// Its description.
    Description(TextEdit),
    /// Whether every constraint has to match, or one is enough.
    Match {
        /// Every one, now.
        all: bool,
    },
    /// One of its constraints.
    Constraint {
        /// What became of it.
        change: Presence,
        /// Before.
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<Condition>,
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        new: Option<Condition>,
    },
    /// The same constraints in another order, which changes no answer.
    Order,
    /// Whether a constraint's value does not parse, so that the segment is left out of every rule and rollout.
    Malformed {
        /// Now.
        malformed: bool,
    },
}

/// A constraint, in the words of the format.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `STRING_COMPARISON_TYPE` and so on.
    pub subject: &'static str,
    /// Key of the context.
    pub property: Box<str>,
    /// `eq` and so on.
    pub operator: &'static str,
    /// As text; a list as JSON.
    pub value: Box<str>,
}

impl Condition {
    fn of(constraint: &Constraint) -> Self {
        Self {
            subject: constraint.subject.name(),
            property: constraint.property.clone(),
            operator: constraint.operator.name(),
            value: constraint.value.clone(),
        }
    }
}

pub(super) fn changes(old: Option<&Namespace>, new: Option<&Namespace>) -> Vec<SegmentChange> {
    let olds: Vec<&Segment> = old.into_iter().flat_map(Namespace::segments_by_key).collect();
    let news: Vec<&Segment> = new.into_iter().flat_map(Namespace::segments_by_key).collect();
    let differing: Vec<_> =
        pairs(&olds, &news, |segment| &segment.key).filter_map(|(old, new)| change(old, new)).collect();
    let touched: Vec<(&str, BTreeSet<&str>)> = if differing.is_empty() {
        Vec::new()
    } else {
        [old, new]
            .into_iter()
            .flatten()
            .flat_map(Namespace::flags_by_key)
            .map(|flag| (&*flag.key, named(flag)))
            .collect()
    };
    let with_flags = |mut change: SegmentChange| {
        let flags = touched.iter().filter(|(_, segments)| segments.contains(&*change.key)).map(|(flag, _)| *flag);
        change.flags = flags.collect::<BTreeSet<_>>().into_iter().map(Into::into).collect();
        change
    };
    differing.into_iter().map(with_flags).collect()
}

/// The segments that a flag names.
fn named(flag: &Flag) -> BTreeSet<&str> {
    let rollouts = flag.rollouts.iter().filter_map(|rollout| match rollout {
        Rollout::Segment { targets, .. } => Some(targets),
        _ => None,
    });
    let targets = flag.rules.iter().map(|rule| &rule.targets).chain(rollouts);
    targets.flat_map(|targets: &Targets| targets.segments.iter().map(|segment| &*segment.key)).collect()
}

fn change(old: Option<&Segment>, new: Option<&Segment>) -> Option<SegmentChange> {
    let shown = new.or(old)?;
    let mut edits = Vec::new();
    match (old, new) {
        (Some(old), Some(new)) => {
            edits.extend(text_edit(&old.name, &new.name).map(SegmentEdit::Name));
            edits.extend(text_edit(&old.description, &new.description).map(SegmentEdit::Description));
            if old.all != new.all {
                edits.push(SegmentEdit::Match { all: new.all });
            }
            if old.malformed != new.malformed {
                edits.push(SegmentEdit::Malformed { malformed: new.malformed });
            }
            constraints(&old.constraints, &new.constraints, &mut edits);
            if edits.is_empty() {
                return None;
            }
        }
        (None, Some(new)) => constraints(&[], &new.constraints, &mut edits),
        _ => {}
    }
    Some(SegmentChange {
        key: shown.key.clone(),
        name: shown.name.clone(),
        change: presence(old.is_some(), new.is_some()),
        all: shown.all,
        edits,
        flags: Vec::new(),
    })
}

fn constraints(old: &[Constraint], new: &[Constraint], edits: &mut Vec<SegmentEdit>) {
    let list = |constraints: &[Constraint]| constraints.iter().map(Condition::of).collect::<Vec<_>>();
    let (mut olds, mut news) = (list(old), list(new));
    if olds == news {
        return;
    }
    olds.sort();
    news.sort();
    if olds == news {
        edits.push(SegmentEdit::Order);
        return;
    }
    // What both have, each as often as both have it.
    let mut rest = Vec::new();
    for condition in olds {
        match news.binary_search(&condition) {
            Ok(at) => _ = news.remove(at),
            Err(_) => rest.push(condition),
        }
    }
    for old in rest {
        let same = |new: &Condition| new.property == old.property && new.subject == old.subject;
        let new = news.iter().position(same).map(|at| news.remove(at));
        let change = presence(true, new.is_some());
        edits.push(SegmentEdit::Constraint { change, old: Some(old), new });
    }
    let added = |new| SegmentEdit::Constraint { change: Presence::Added, old: None, new: Some(new) };
    edits.extend(news.into_iter().map(added));
}
