//! What a file can hold and nobody can mean: Flipt stores it without a word, and then it does not do what it seems to
//! say.
//!
//! Who writes a resource anew is refused them; those that stand in a file already stay there until somebody repairs
//! them, so that a flag with an old mistake can still be switched off.

use std::collections::HashSet;

use super::super::constraint::{self, Operator, Subject};
use super::super::snapshot::FlagKind;
use super::payload::Invalid;
use super::{Constraint, Flag, Resource, RolloutTo, Segment, value};
use crate::yaml::quote;

/// A sum of shares this little above 100 was meant to be 100.
const SUM_TOLERANCE: f32 = 0.101;

/// Every mistake of a resource.
#[must_use]
pub fn mistakes(resource: &Resource) -> Vec<Invalid> {
    match resource {
        Resource::Flag(flag) => of_flag(flag),
        Resource::Segment(segment) => of_segment(segment),
    }
}

/// The first mistake that another state of the same resource did not have. Places are not compared: a rule that moved
/// is no new mistake.
#[must_use]
pub fn new_mistake(resource: &Resource, before: Option<&Resource>) -> Option<Invalid> {
    let found = mistakes(resource);
    if found.is_empty() {
        return None;
    }
    let known = before.map(mistakes).unwrap_or_default();
    found.into_iter().find(|mistake| !known.iter().any(|known| known.message == mistake.message))
}

fn of_flag(flag: &Flag) -> Vec<Invalid> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (index, variant) in flag.variants.iter().enumerate().filter(|(_, variant)| !seen.insert(&variant.key)) {
        let what = format!("there is a variant {} already", quote(&variant.key));
        found.push(Invalid::new(format!("variants[{index}].key"), what));
    }
    if flag.kind == FlagKind::Boolean && !flag.rules.is_empty() {
        found.push(Invalid::new("rules", "the rules of a boolean flag are never looked at; send rollouts"));
    }
    for (index, rule) in flag.rules.iter().enumerate() {
        if rule.segments.keys.is_empty() {
            found.push(Invalid::new(format!("rules[{index}].segments"), "a rule needs a segment"));
        }
        let sum: f32 = rule.distributions.iter().map(|distribution| distribution.rollout).sum();
        if sum > 100.0 + SUM_TOLERANCE {
            let what = format!("the shares add up to {sum}, which is more than 100");
            found.push(Invalid::new(format!("rules[{index}].distributions"), what));
        }
    }
    for (index, rollout) in flag.rollouts.iter().enumerate() {
        match &rollout.to {
            RolloutTo::Segment { segments, .. } if segments.keys.is_empty() => {
                found.push(Invalid::new(format!("rollouts[{index}].segment.segments"), "a rollout needs a segment"));
            }
            RolloutTo::Threshold { percentage, .. } if !(0.0..=100.0).contains(percentage) => {
                let what = format!("{percentage} is not between 0 and 100");
                found.push(Invalid::new(format!("rollouts[{index}].threshold.percentage"), what));
            }
            RolloutTo::Nobody => {
                let what = "a rollout has a segment or a threshold; this one has neither and does nothing";
                found.push(Invalid::new(format!("rollouts[{index}]"), what));
            }
            RolloutTo::Segment { .. } | RolloutTo::Threshold { .. } => {}
        }
    }
    found
}

fn of_segment(segment: &Segment) -> Vec<Invalid> {
    let constraints = segment.constraints.iter().enumerate();
    let wrong = |(index, constraint): (usize, &Constraint)| {
        Some(Invalid::new(format!("constraints[{index}].value"), of_value(constraint)?))
    };
    constraints.filter_map(wrong).collect()
}

/// Why the value of a constraint is not what its type and operator ask for.
fn of_value(constraint: &Constraint) -> Option<String> {
    let Constraint { subject, operator, value, .. } = constraint;
    let operator = Operator::ALL.into_iter().find(|known| known.name() == operator)?;
    if operator.takes_list() {
        let what = if *subject == Subject::Number { "numbers, as in [1,2.5]" } else { "texts, as in [\"a\",\"b\"]" };
        return value::list(*subject, value).is_none().then(|| format!("{} is no JSON list of {what}", quote(value)));
    }
    if *subject == Subject::Boolean && !value.is_empty() && constraint::boolean(value).is_none() {
        return Some(format!("{} is neither true nor false; leave it empty", quote(value)));
    }
    constraint::Constraint::new(*subject, operator, &constraint.property, value).err().map(|error| error.to_string())
}
