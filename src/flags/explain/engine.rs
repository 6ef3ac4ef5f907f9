//! How Flipt's client SDKs judge, which evaluate by themselves: as the server, but for what is written here.
//!
//! The engine that all of them carry (recorded with 0.21.4 and the JavaScript 0.5.1) reads numbers as whole numbers of 32
//! bits, truth values as `true` and `false` only, times as RFC 3339 only and by the second, trims nothing, reads no list
//! with escapes, and rounds the boundaries of shares. An application may so get another answer than the server gives, and
//! who asks why should hear of it. Nothing here is ever served.

use std::borrow::Cow;

use crate::flags::bucket;
use crate::flags::constraint::{Constraint, Instant, Operator, Subject, instant, is_full};
use crate::flags::evaluate::Context;
use crate::flags::snapshot::{Distribution, Flag, FlagKind, Rollout, Segment, SegmentOperator, Targets, Variant};

/// What a client SDK answers: the value of a boolean flag, or the variant, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'f> {
    Boolean(bool),
    Variant(Option<&'f str>),
}

/// What a client SDK answers.
pub(super) fn value<'f>(flag: &'f Flag, entity: &str, context: &Context) -> Value<'f> {
    let fulfilled = |targets: &Targets| {
        let mut segments = targets.segments.iter().map(|segment| is_in(segment, entity, context));
        match targets.operator {
            SegmentOperator::And => segments.all(|is_in| is_in),
            SegmentOperator::Or => segments.any(|is_in| is_in),
        }
    };
    if flag.kind == FlagKind::Boolean {
        let decided = flag.rollouts.iter().find_map(|rollout| match rollout {
            Rollout::Threshold { percentage, value } => {
                (f32::from(bucket::of_boolean(&flag.key, entity)) < *percentage).then_some(*value)
            }
            Rollout::Segment { targets, value } => fulfilled(targets).then_some(*value),
            Rollout::Empty => None,
        });
        return Value::Boolean(decided.unwrap_or(flag.enabled));
    }
    let rule = flag.rules.iter().filter(|_| flag.enabled).find(|rule| fulfilled(&rule.targets));
    let share = rule.and_then(|rule| share(&rule.distributions, bucket::of_variant(&flag.key, entity)));
    let key = |variant: &'f Variant| &*variant.key;
    Value::Variant(match share {
        Some(share) => flag.variant_of(share).map(key),
        None => flag.default_variant.as_ref().map(key),
    })
}

fn share(distributions: &[Distribution], bucket: u32) -> Option<&Distribution> {
    let rollouts: Vec<f32> = distributions.iter().map(|distribution| distribution.rollout).collect();
    distributions
        .iter()
        .zip(bucket::boundaries_of_clients(&rollouts))
        .find(|(_, end)| bucket < *end)
        .map(|(share, _)| share)
}

fn is_in(segment: &Segment, entity: &str, context: &Context) -> bool {
    let fulfilled = |own: &Constraint| {
        let value = match own.subject {
            Subject::Entity => entity,
            _ => context.get(&own.property).map_or("", String::as_str),
        };
        matches(own, value)
    };
    if segment.all || segment.constraints.is_empty() {
        segment.constraints.iter().all(fulfilled)
    } else {
        segment.constraints.iter().any(fulfilled)
    }
}

/// Whether a value fulfils a constraint there.
pub(super) fn matches(own: &Constraint, value: &str) -> bool {
    match own.operator {
        Operator::Empty | Operator::NotPresent => return value.is_empty(),
        Operator::NotEmpty | Operator::Present => return !value.is_empty(),
        _ if value.is_empty() => return false,
        _ => {}
    }
    match own.subject {
        Subject::String | Subject::Entity => match own.operator {
            Operator::Prefix => value.starts_with(&*own.value),
            Operator::Suffix => value.ends_with(&*own.value),
            // A list that is not read has nobody in it.
            operator if operator.takes_list() && serde_json::from_str::<Vec<&str>>(&own.value).is_err() => {
                operator == Operator::IsNotOneOf
            }
            _ => own.matches(value),
        },
        Subject::Number => match (own.operator, value.parse::<i32>()) {
            (_, Err(_)) => false,
            (operator, _) if operator.takes_list() => {
                let list = serde_json::from_str::<Vec<i32>>(&own.value);
                if list.is_ok() { own.matches(value) } else { operator == Operator::IsNotOneOf }
            }
            _ => own.value.parse::<i32>().is_ok() && own.matches(value),
        },
        Subject::Boolean => matches!(value, "true" | "false") && own.matches(value),
        Subject::DateTime => match (seconds(value), seconds(&own.value)) {
            (Some(value), Some(other)) => match own.operator {
                Operator::Eq => value == other,
                Operator::Neq => value != other,
                Operator::Lt => value < other,
                Operator::Lte => value <= other,
                Operator::Gt => value > other,
                Operator::Gte => value >= other,
                _ => false,
            },
            _ => false,
        },
    }
}

/// An RFC 3339 time to the letter, without its fraction: the letters may be small, a blank may stand for `T`, and a leap
/// second is the one before it.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let time = match (time.get(..6), time.get(6..8), time.get(8..)) {
        (Some(before), Some("60"), Some(after)) => Cow::Owned(format!("{before}59{after}")),
        _ => Cow::Borrowed(time),
    };
    let text = format!("{date}T{}", time.replace('z', "Z"));
    if is_full(&text) { instant(&text).map(Instant::seconds) } else { None }
}

/// Why a value is judged otherwise there.
pub(super) const fn why(own: &Constraint) -> &'static str {
    match (own.operator, own.subject) {
        (Operator::Empty | Operator::NotEmpty | Operator::Present | Operator::NotPresent, _) => {
            "to them blanks are not empty"
        }
        (_, Subject::Number) => "they read whole numbers of 32 bits only",
        (_, Subject::Boolean) => "they read true and false only",
        (_, Subject::DateTime) => "they read RFC 3339 times only, and by the second",
        (_, Subject::String | Subject::Entity) if own.operator.takes_list() => "they read no list with escapes",
        (_, Subject::String | Subject::Entity) => "they take the blanks around it as a part of it",
    }
}
