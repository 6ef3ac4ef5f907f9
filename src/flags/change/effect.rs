//! Who gets another answer, counted and not guessed: an entity falls into one of 100 parts (boolean) or 1,000 (variant),
//! and for every part both states are asked.
//!
//! What no count can tell is who is in a segment. So the count is made for those in no segment that the flag names, and
//! for those in just the one (or, for AND, just the ones) of each step. A segment without constraints has everyone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::bucket;
use super::super::snapshot::{Flag, FlagKind, Rollout, Segment, SegmentOperator, Targets};
use crate::limits;

/// Of a group of entities, who gets another answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// The group.
    pub whom: Whom,
    /// Parts into which it is divided.
    pub of: u32,
    /// Parts whose answer is another.
    pub changed: u32,
    /// Each answer with its parts before and now, the most frequent now first.
    pub shares: Vec<Share>,
    /// From which answer to which.
    pub moves: Vec<Move>,
}

/// A group of entities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "group", rename_all = "camelCase")]
pub enum Whom {
    /// All.
    Everyone,
    /// Those in no segment that the flag names, before or now.
    InNoSegment,
    /// Those in these and in no other that the flag names.
    OnlyIn {
        /// Keys.
        segments: Vec<Box<str>>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "answer", rename_all = "camelCase")]
pub enum Answer {
    /// A boolean flag is on.
    On,
    /// A boolean flag is off.
    Off,
    /// A variant.
    Variant {
        /// Its key.
        key: Box<str>,
    },
    /// No variant.
    Nothing,
}

/// How frequent an answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Which.
    #[serde(flatten)]
    pub answer: Answer,
    /// Parts before; absent if the flag is new.
    pub before: Option<u32>,
    /// Parts now; absent if it is gone.
    pub after: Option<u32>,
}

/// Parts that go from one answer to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// Before.
    pub from: Answer,
    /// Now.
    pub to: Answer,
    /// How many.
    pub parts: u32,
}

/// The effects of a change; where the kind of the flag changes there is nothing to compare.
pub(super) fn of(old: Option<&Flag>, new: Option<&Flag>) -> Vec<Effect> {
    if let (Some(old), Some(new)) = (old, new)
        && old.kind != new.kind
    {
        return Vec::new();
    }
    let mut groups: BTreeSet<Vec<Box<str>>> = BTreeSet::from([Vec::new()]);
    for targets in [old, new].into_iter().flatten().flat_map(targets) {
        let keys = targets.segments.iter().filter(|segment| !segment.constraints.is_empty()).map(|s| s.key.clone());
        if targets.operator == SegmentOperator::And {
            let mut keys: Vec<Box<str>> = keys.collect();
            keys.sort_unstable();
            groups.insert(keys);
        } else {
            groups.extend(keys.map(|key| vec![key]));
        }
    }
    let alone = groups.len() == 1;
    let effects: Vec<Effect> = groups
        .into_iter()
        .take(limits::DIFF_GROUPS)
        .map(|keys| {
            let whom = match keys.is_empty() {
                true if alone => Whom::Everyone,
                true => Whom::InNoSegment,
                false => Whom::OnlyIn { segments: keys.clone() },
            };
            effect(whom, &keys, old, new)
        })
        .collect();
    if let [first, others @ ..] = &*effects
        && !others.is_empty()
        && others.iter().all(|other| (&other.shares, &other.moves) == (&first.shares, &first.moves))
        && first.whom == Whom::InNoSegment
        && effects.len() < limits::DIFF_GROUPS
    {
        let everyone = Effect { whom: Whom::Everyone, ..first.clone() };
        return Some(everyone).filter(|effect| told(effect, old, new)).into_iter().collect();
    }
    effects.into_iter().filter(|effect| told(effect, old, new)).collect()
}

const fn told(effect: &Effect, old: Option<&Flag>, new: Option<&Flag>) -> bool {
    effect.changed > 0 || old.is_none() || new.is_none()
}

fn targets(flag: &Flag) -> Vec<&Targets> {
    match flag.kind {
        FlagKind::Variant => flag.rules.iter().map(|rule| &rule.targets).collect(),
        FlagKind::Boolean => flag
            .rollouts
            .iter()
            .filter_map(|rollout| match rollout {
                Rollout::Segment { targets, .. } => Some(targets),
                _ => None,
            })
            .collect(),
    }
}

fn effect(whom: Whom, keys: &[Box<str>], old: Option<&Flag>, new: Option<&Flag>) -> Effect {
    let is_in = |segment: &Segment| segment.constraints.is_empty() || keys.contains(&segment.key);
    let before = old.map(|flag| answers(flag, &is_in));
    let after = new.map(|flag| answers(flag, &is_in));
    let mut counts: BTreeMap<&Got<'_>, (u32, u32)> = BTreeMap::new();
    for answer in before.iter().flatten() {
        counts.entry(answer).or_default().0 += 1;
    }
    for answer in after.iter().flatten() {
        counts.entry(answer).or_default().1 += 1;
    }
    let mut moves: BTreeMap<(&Got<'_>, &Got<'_>), u32> = BTreeMap::new();
    let both = before.iter().flatten().zip(after.iter().flatten());
    for pair in both.filter(|(from, to)| from != to) {
        *moves.entry(pair).or_default() += 1;
    }
    let mut shares: Vec<Share> = counts
        .iter()
        .map(|(answer, (before, after))| Share {
            answer: answer.answer(),
            before: old.map(|_| *before),
            after: new.map(|_| *after),
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse((share.after, share.before)));
    let moves: Vec<Move> =
        moves.iter().map(|((from, to), parts)| Move { from: from.answer(), to: to.answer(), parts: *parts }).collect();
    let of = before.as_ref().or(after.as_ref()).map_or(0, |parts| u32::try_from(parts.len()).unwrap_or(u32::MAX));
    Effect { whom, of, changed: moves.iter().map(|step| step.parts).sum(), shares, moves }
}

/// An answer, before it is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Got<'f> {
    On,
    Off,
    Variant(&'f str),
    Nothing,
}

impl Got<'_> {
    fn answer(self) -> Answer {
        match self {
            Self::On => Answer::On,
            Self::Off => Answer::Off,
            Self::Variant(key) => Answer::Variant { key: key.into() },
            Self::Nothing => Answer::Nothing,
        }
    }
}

/// The answer of every part, as [`super::super::evaluate`] gives it.
fn answers<'f>(flag: &'f Flag, is_in: &dyn Fn(&Segment) -> bool) -> Vec<Got<'f>> {
    let matches = |targets: &Targets| match targets.operator {
        SegmentOperator::And => targets.segments.iter().all(|segment| is_in(segment)),
        SegmentOperator::Or => targets.segments.iter().any(|segment| is_in(segment)),
    };
    match flag.kind {
        FlagKind::Boolean => {
            (0_u8..100).map(|part| if boolean(flag, part, &matches) { Got::On } else { Got::Off }).collect()
        }
        FlagKind::Variant => {
            let default = flag.default_variant.as_ref().map(|variant| &variant.key);
            let rule = flag.rules.iter().find(|rule| flag.enabled && matches(&rule.targets));
            let answer = |part: u32| {
                let share = rule.and_then(|rule| rule.distributions.iter().find(|share| part < share.end));
                let key = share.map_or(default, |share| flag.variant_of(share).map(|variant| &variant.key));
                key.map_or(Got::Nothing, |key| Got::Variant(key))
            };
            (0..bucket::BUCKETS).map(answer).collect()
        }
    }
}

fn boolean(flag: &Flag, part: u8, matches: &dyn Fn(&Targets) -> bool) -> bool {
    let decided = flag.rollouts.iter().find_map(|rollout| match rollout {
        Rollout::Threshold { percentage, value } => (f32::from(part) < *percentage).then_some(*value),
        Rollout::Segment { targets, value } => matches(targets).then_some(*value),
        Rollout::Empty => None,
    });
    decided.unwrap_or(flag.enabled)
}
