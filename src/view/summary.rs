//! What a flag does, and who is in a segment, in as little as fits into a row of a list.
//!
//! A summary is what evaluation comes to and not what the file says: a rollout that everybody is in ends it, and what
//! stands behind it is not told, because nobody gets there; one that nobody is in, or that gives what they would get
//! anyway, is not told either. Neighbours that give the same are one. The words are the template's
//! (`parts/summary.html`): here is only what is to be said, and in which order.

mod segment;

pub use segment::{Asks, Who, of_segment};

use serde::Serialize;

use crate::flags::resource::{Flag, RolloutTo, Rule, Segments};
use crate::flags::snapshot::{FlagKind, SegmentOperator};
use crate::limits;
use crate::view::list::cut;

/// Parts that are told of one flag; a row has no room for more.
const PARTS: usize = 3;
/// Segments or variants that are named in one part.
const NAMED: usize = 3;

/// What a flag does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// A variant flag whose switch is off, so that nobody gets to its rules.
    pub off: bool,
    /// In the order in which they are tried.
    pub parts: Vec<Part>,
    /// Further parts.
    pub more: usize,
    /// Whoever is in none of them.
    pub rest: Gets,
}

/// Those who get the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// What they get.
    pub gets: Gets,
    /// Who they are: any of these.
    pub whom: Vec<Whom>,
}

/// Who.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Whom {
    /// So many of all.
    Share {
        /// In percent.
        percent: String,
    },
    /// Those in segments.
    Segments {
        /// The first of their keys.
        keys: Vec<String>,
        /// Further ones.
        more: usize,
        /// In every one of them.
        all: bool,
    },
}

/// What somebody gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Gets {
    /// True or false.
    Value {
        /// True.
        on: bool,
    },
    /// No variant.
    Nothing,
    /// One variant, or shares of several.
    Variants {
        /// The first of them.
        shares: Vec<Share>,
        /// Further ones.
        more: usize,
    },
}

/// The share of one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Its key.
    pub variant: String,
    /// In percent, unless it is all of them.
    pub percent: Option<String>,
}

/// What a flag does.
#[must_use]
pub fn of_flag(flag: &Flag) -> Summary {
    let (steps, rest) = match flag.kind {
        FlagKind::Boolean => (rollouts(flag), Gets::Value { on: flag.enabled }),
        FlagKind::Variant if flag.enabled => (rules(flag), default_of(flag)),
        FlagKind::Variant => (Vec::new(), default_of(flag)),
    };
    let (mut parts, mut rest) = joined(steps, rest);
    let more = parts.len().saturating_sub(PARTS);
    parts.truncate(PARTS);
    shorten(&mut parts, &mut rest);
    Summary { off: flag.kind == FlagKind::Variant && !flag.enabled, parts, more, rest }
}

/// A condition of a step: nobody, everybody, or some.
enum Reach {
    Nobody,
    Some(Whom, Option<f32>),
    Everybody,
}

fn rollouts(flag: &Flag) -> Vec<(Reach, Gets)> {
    let one = |to: &RolloutTo| match to {
        RolloutTo::Segment { segments, value } => (of_segments(segments), Gets::Value { on: *value }),
        RolloutTo::Threshold { percentage, value } => (of_share(*percentage), Gets::Value { on: *value }),
        RolloutTo::Nobody => (Reach::Nobody, Gets::Nothing),
    };
    flag.rollouts.iter().map(|rollout| one(&rollout.to)).collect()
}

fn rules(flag: &Flag) -> Vec<(Reach, Gets)> {
    flag.rules.iter().map(|rule| (of_segments(&rule.segments), shares(flag, rule))).collect()
}

fn of_share(percentage: f32) -> Reach {
    if percentage >= 100.0 {
        Reach::Everybody
    } else if percentage > 0.0 {
        Reach::Some(Whom::Share { percent: percent(percentage) }, Some(percentage))
    } else {
        Reach::Nobody
    }
}

fn of_segments(segments: &Segments) -> Reach {
    let all = segments.operator == SegmentOperator::And;
    match segments.keys.len() {
        0 if all => Reach::Everybody,
        0 => Reach::Nobody,
        count => {
            let keys = segments.keys.iter().take(NAMED).cloned().collect();
            let whom = Whom::Segments { keys, more: count.saturating_sub(NAMED), all: all && count > 1 };
            Reach::Some(whom, None)
        }
    }
}

fn shares(flag: &Flag, rule: &Rule) -> Gets {
    let given: Vec<_> = rule.distributions.iter().filter(|one| one.rollout > 0.0).collect();
    if given.is_empty() {
        return default_of(flag);
    }
    let share = |variant: &str, rollout: f32| Share {
        variant: variant.to_owned(),
        percent: (rollout < 100.0).then(|| percent(rollout)),
    };
    let shares = given.iter().take(NAMED).map(|one| share(&one.variant, one.rollout)).collect();
    Gets::Variants { shares, more: given.len().saturating_sub(NAMED) }
}

fn default_of(flag: &Flag) -> Gets {
    flag.default_variant.as_ref().map_or(Gets::Nothing, |variant| Gets::Variants {
        shares: vec![Share { variant: variant.clone(), percent: None }],
        more: 0,
    })
}

/// What is left of the steps when nothing is told that changes no answer, and what everybody else gets.
fn joined(steps: Vec<(Reach, Gets)>, mut rest: Gets) -> (Vec<Part>, Gets) {
    let mut parts: Vec<Part> = Vec::new();
    // The share of the part that is being made: a second one of the same entities adds only what it has more.
    let mut widest: Option<f32> = None;
    for (reach, gets) in steps {
        let (whom, percentage) = match reach {
            Reach::Nobody => continue,
            Reach::Everybody => {
                rest = gets;
                break;
            }
            Reach::Some(whom, percentage) => (whom, percentage),
        };
        let Some(part) = parts.last_mut().filter(|part| part.gets == gets) else {
            widest = percentage;
            parts.push(Part { gets, whom: vec![whom] });
            continue;
        };
        match (percentage, widest) {
            (Some(new), Some(known)) if new <= known => {}
            (Some(new), known) => {
                if known.is_some() {
                    part.whom.retain(|whom| !matches!(whom, Whom::Share { .. }));
                }
                part.whom.push(whom);
                widest = Some(new);
            }
            (None, _) if part.whom.contains(&whom) => {}
            (None, _) => part.whom.push(whom),
        }
    }
    while parts.last().is_some_and(|part| part.gets == rest) {
        parts.pop();
    }
    (parts, rest)
}

/// Cuts keys that have no room. What is compared was compared as a whole before.
fn shorten(parts: &mut [Part], rest: &mut Gets) {
    for whom in parts.iter_mut().flat_map(|part| &mut part.whom) {
        if let Whom::Segments { keys, .. } = whom {
            for key in keys {
                *key = cut(key, limits::UI_KEY_CHARACTERS);
            }
        }
    }
    for gets in parts.iter_mut().map(|part| &mut part.gets).chain([rest]) {
        if let Gets::Variants { shares, .. } = gets {
            for share in shares {
                share.variant = cut(&share.variant, limits::UI_KEY_CHARACTERS);
            }
        }
    }
}

/// A share as people write it: `30`, `33.3`.
fn percent(percentage: f32) -> String {
    let text = format!("{percentage:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
