//! What is to be written, before it has a form: values with their keys in the order in which Flipt writes them.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Map;

use super::super::resource::{
    Constraint, Distribution, Flag, Namespace, Resource, Rollout, RolloutTo, Rule, Segment, Segments, Variant,
};
use super::super::snapshot::{FlagKind, SegmentOperator};
use super::Error;
use crate::yaml::{self, Node, json};

/// Minor versions from which something is known.
pub(super) mod since {
    pub(in crate::flags::edit) const TYPE: u8 = 1;
    pub(in crate::flags::edit) const METADATA: u8 = 3;
    pub(in crate::flags::edit) const DEFAULT_VARIANT: u8 = 3;
    pub(in crate::flags::edit) const LISTS: u8 = 6;
}

/// A value without a form.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// A boolean, number or null, as it is written.
    Bare(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(Vec<(Cow<'static, str>, Value)>),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn bool(value: bool) -> Self {
        Self::Bare(if value { "true" } else { "false" }.to_owned())
    }

    /// A share in percent, with the fewest digits that are read as the same number.
    pub(super) fn percent(value: f32) -> Self {
        let size = value.abs();
        let exponent = size != 0.0 && !(1e-4..1e21).contains(&size);
        Self::Bare(if exponent { go_exponent(&format!("{value:e}")) } else { value.to_string() })
    }

    pub(super) fn is_empty_collection(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Map(pairs) => pairs.is_empty(),
            Self::Text(_) | Self::Bare(_) => false,
        }
    }
}

/// `1e-05`: two digits at least.
fn go_exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text.to_owned(),
    }
}

type Pairs = Vec<(Cow<'static, str>, Value)>;

fn add(pairs: &mut Pairs, key: &'static str, value: Value) {
    pairs.push((Cow::Borrowed(key), value));
}

fn add_text(pairs: &mut Pairs, key: &'static str, text: &str) {
    if !text.is_empty() {
        add(pairs, key, Value::text(text));
    }
}

fn add_list<T>(pairs: &mut Pairs, key: &'static str, items: &[T], make: impl Fn(&T) -> Value) {
    if !items.is_empty() {
        add(pairs, key, Value::List(items.iter().map(make).collect()));
    }
}

/// A resource for a document of version 1.`minor`.
///
/// # Errors
/// The format has no form for it.
pub(super) fn resource(resource: &Resource, minor: u8) -> Result<Value, Error> {
    match resource {
        Resource::Flag(it) => Ok(flag(it, minor)),
        Resource::Segment(it) => segment(it, minor),
    }
}

/// A flag.
pub(super) fn flag(flag: &Flag, minor: u8) -> Value {
    let mut pairs = Pairs::new();
    add(&mut pairs, "key", Value::text(&flag.key));
    add(&mut pairs, "name", Value::text(&flag.name));
    if minor >= since::TYPE || flag.kind == FlagKind::Boolean {
        add(&mut pairs, "type", Value::text(kind(flag.kind)));
    }
    add_text(&mut pairs, "description", &flag.description);
    add(&mut pairs, "enabled", Value::bool(flag.enabled));
    if let Some(metadata) = flag.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
        add(&mut pairs, "metadata", object(metadata));
    }
    // Of several variants of one key, as the file may have them, the first is the one.
    let default = flag.default_variant.as_deref();
    let default = flag.variants.iter().position(|variant| Some(variant.key.as_str()) == default);
    if !flag.variants.is_empty() {
        let variants = flag.variants.iter().enumerate().map(|(at, it)| variant(it, Some(at) == default));
        add(&mut pairs, "variants", Value::List(variants.collect()));
    }
    add_list(&mut pairs, "rules", &flag.rules, rule);
    add_list(&mut pairs, "rollouts", &flag.rollouts, rollout);
    Value::Map(pairs)
}

pub(super) const fn kind(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Variant => "VARIANT_FLAG_TYPE",
        FlagKind::Boolean => "BOOLEAN_FLAG_TYPE",
    }
}

pub(super) fn variant(variant: &Variant, default: bool) -> Value {
    let mut pairs = Pairs::new();
    if default {
        add(&mut pairs, "default", Value::bool(true));
    }
    add(&mut pairs, "key", Value::text(&variant.key));
    add_text(&mut pairs, "name", &variant.name);
    add_text(&mut pairs, "description", &variant.description);
    if let Some(attachment) = variant.attachment.as_ref().filter(|value| !value.is_null()) {
        add(&mut pairs, "attachment", json_value(attachment));
    }
    Value::Map(pairs)
}

pub(super) const fn operator(operator: SegmentOperator) -> &'static str {
    match operator {
        SegmentOperator::Or => "OR_SEGMENT_OPERATOR",
        SegmentOperator::And => "AND_SEGMENT_OPERATOR",
    }
}

fn segments(segments: &Segments) -> Pairs {
    let mut pairs = Pairs::new();
    add_list(&mut pairs, "keys", &segments.keys, |key| Value::text(key));
    add(&mut pairs, "operator", Value::text(operator(segments.operator)));
    pairs
}

pub(super) fn rule(rule: &Rule) -> Value {
    let mut pairs = Pairs::new();
    add(&mut pairs, "segment", Value::Map(segments(&rule.segments)));
    add_list(&mut pairs, "distributions", &rule.distributions, distribution);
    Value::Map(pairs)
}

pub(super) fn distribution(distribution: &Distribution) -> Value {
    let mut pairs = Pairs::new();
    add(&mut pairs, "variant", Value::text(&distribution.variant));
    add(&mut pairs, "rollout", Value::percent(distribution.rollout));
    Value::Map(pairs)
}

pub(super) fn rollout(rollout: &Rollout) -> Value {
    let mut pairs = Pairs::new();
    add_text(&mut pairs, "description", &rollout.description);
    match &rollout.to {
        RolloutTo::Segment { .. } => add(&mut pairs, "segment", rollout_to(&rollout.to)),
        RolloutTo::Threshold { .. } => add(&mut pairs, "threshold", rollout_to(&rollout.to)),
        RolloutTo::Nobody => {}
    }
    Value::Map(pairs)
}

/// What stands under `segment` or `threshold` of a rollout.
pub(super) fn rollout_to(to: &RolloutTo) -> Value {
    let (mut pairs, value) = match to {
        RolloutTo::Segment { segments: whom, value } => (segments(whom), *value),
        RolloutTo::Threshold { percentage, value } => {
            (vec![(Cow::Borrowed("percentage"), Value::percent(*percentage))], *value)
        }
        RolloutTo::Nobody => (Pairs::new(), false),
    };
    if value {
        add(&mut pairs, "value", Value::bool(true));
    }
    Value::Map(pairs)
}

pub(super) const fn match_type(all: bool) -> &'static str {
    if all { "ALL_MATCH_TYPE" } else { "ANY_MATCH_TYPE" }
}

/// A segment.
///
/// # Errors
/// A constraint has no form in the format.
pub(super) fn segment(segment: &Segment, minor: u8) -> Result<Value, Error> {
    let mut pairs = Pairs::new();
    add(&mut pairs, "key", Value::text(&segment.key));
    add(&mut pairs, "name", Value::text(&segment.name));
    add_text(&mut pairs, "description", &segment.description);
    if !segment.constraints.is_empty() {
        let constraints = segment.constraints.iter().map(|it| constraint(it, minor)).collect::<Result<_, _>>()?;
        add(&mut pairs, "constraints", Value::List(constraints));
    }
    add(&mut pairs, "match_type", Value::text(match_type(segment.all)));
    Ok(Value::Map(pairs))
}

pub(super) fn constraint(constraint: &Constraint, minor: u8) -> Result<Value, Error> {
    let mut pairs = Pairs::new();
    add(&mut pairs, "type", Value::text(constraint.subject.name()));
    add(&mut pairs, "property", Value::text(&constraint.property));
    add(&mut pairs, "operator", Value::text(&constraint.operator));
    if let Some(value) = constraint_value(constraint, minor)? {
        add(&mut pairs, "value", value);
    }
    add_text(&mut pairs, "description", &constraint.description);
    Ok(Value::Map(pairs))
}

/// Whether its value is a list in the file, from version 1.6 on.
pub(super) fn takes_list(constraint: &Constraint) -> bool {
    matches!(constraint.operator.as_str(), "isoneof" | "isnotoneof")
}

/// The value of a constraint: text, or a list from version 1.6 on; none where there is nothing to write.
pub(super) fn constraint_value(constraint: &Constraint, minor: u8) -> Result<Option<Value>, Error> {
    let text = constraint.value.as_str();
    if !takes_list(constraint) || minor < since::LISTS {
        // Before 1.6 a list has to be there.
        let needed = takes_list(constraint) || !text.is_empty();
        return Ok(needed.then(|| Value::text(text)));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        let value = yaml::quote(text);
        let property = yaml::quote(&constraint.property);
        Error::Invalid(format!(
            "the value {value} of the constraint on {property} is no JSON array, which {} needs",
            constraint.operator
        ))
    };
    let mut stream = json::read(text, yaml::Limits::default()).map_err(|_| invalid())?;
    match stream.documents.pop() {
        Some(Node { value: yaml::Value::Sequence(items), .. }) => {
            items.iter().map(list_item).collect::<Option<_>>().map(Value::List).ok_or_else(invalid).map(Some)
        }
        _ => Err(invalid()),
    }
}

fn list_item(node: &Node) -> Option<Value> {
    match &node.value {
        yaml::Value::Scalar { text, plain: false } => Some(Value::text(text)),
        yaml::Value::Scalar { text, plain: true } if node.kind()?.number().is_some() => {
            Some(Value::Bare(text.to_string()))
        }
        _ => None,
    }
}

/// The head of a namespace.
pub(super) fn namespace(namespace: &Namespace) -> Value {
    let mut pairs = Pairs::new();
    add(&mut pairs, "key", Value::text(&namespace.key));
    add_text(&mut pairs, "name", &namespace.name);
    add_text(&mut pairs, "description", &namespace.description);
    Value::Map(pairs)
}

/// A JSON object, its keys in the order in which Flipt writes them.
pub(super) fn object(map: &Map<String, serde_json::Value>) -> Value {
    let mut pairs: Vec<_> = map.iter().map(|(key, value)| (Cow::Owned(key.clone()), json_value(value))).collect();
    pairs.sort_by(|(a, _): &(Cow<'static, str>, Value), (b, _)| natural(a, b));
    Value::Map(pairs)
}

/// JSON as it is written.
pub(super) fn json_value(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Bare("null".to_owned()),
        serde_json::Value::Bool(value) => Value::bool(*value),
        serde_json::Value::Number(value) => Value::Bare(number(value)),
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => Value::List(items.iter().map(json_value).collect()),
        serde_json::Value::Object(map) => object(map),
    }
}

/// A number as a person writes it: whole numbers without point or exponent.
fn number(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    match number.as_f64() {
        Some(value) if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) => go_exponent(&format!("{value:e}")),
        Some(value) => value.to_string(),
        None => number.to_string(),
    }
}

/// The order of keys: letters behind what is no letter, numbers in texts by their size.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars().peekable(), b.chars().peekable());
    let mut digits = false;
    loop {
        let (Some(x), Some(y)) = (left.peek().copied(), right.peek().copied()) else {
            return left.count().cmp(&right.count());
        };
        if x == y {
            digits = x.is_ascii_digit();
            left.next();
            right.next();
            continue;
        }
        return match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => x.cmp(&y),
            // Behind equal digits a digit makes the number longer, so larger.
            (true, false) => {
                if digits {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if digits {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) => {
                let (a, b): (String, String) =
                    (left.take_while(char::is_ascii_digit).collect(), right.take_while(char::is_ascii_digit).collect());
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b)).then(x.cmp(&y))
            }
        };
    }
}
