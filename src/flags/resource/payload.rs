//! Resources as the management API spells them, both ways: Flipt v2's `flipt.core.Flag` and `flipt.core.Segment` as
//! protobuf's JSON.
//!
//! Out: every list and text is there also when it is empty; what may be absent (an attachment, a default variant,
//! metadata) is left out. In: names in camel or snake case, words of an enumeration or their numbers, `null` for
//! absent, defaults for what is absent. A name that is not known is refused with the nearest that is, so that a misspelt
//! `enabeld` never turns a flag off; what Flipt's own web UI sends beside a resource is dropped.

mod object;
mod parse;

use serde_json::{Map, Value, json};

use super::super::snapshot::{FlagKind, SegmentOperator};
use super::view::Listed;
use super::{
    Constraint, Distribution, Flag, Kind, Namespace, Resource, Rollout, RolloutTo, Rule, Segment, Variant, value,
};

pub use parse::is_key;
pub use parse::{kind, namespace, resource};

/// What is wrong with what a client sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", .path, if .path.is_empty() { "" } else { ": " })]
pub struct Invalid {
    /// Where: `rules[0].distributions[1].rollout`; empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Invalid {
    /// Something wrong at a place.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl Kind {
    /// The kind of a type URL; `type.googleapis.com/` before it is tolerated.
    #[must_use]
    pub fn of_type_url(url: &str) -> Option<Self> {
        let name = url.strip_prefix("type.googleapis.com/").unwrap_or(url);
        [Self::Flag, Self::Segment].into_iter().find(|kind| kind.type_url() == name)
    }
}

/// A resource as the API answers it.
#[must_use]
pub fn to_json(resource: &Resource) -> Value {
    match resource {
        Resource::Flag(flag) => of_flag(flag),
        Resource::Segment(segment) => of_segment(segment),
    }
}

/// A flag as the API answers it.
#[must_use]
pub fn of_flag(flag: &Flag) -> Value {
    let mut out = object(json!({
        "@type": Kind::Flag.type_url(),
        "key": flag.key,
        "type": kind_name(flag.kind),
        "name": flag.name,
        "description": flag.description,
        "enabled": flag.enabled,
        "variants": flag.variants.iter().map(variant).collect::<Vec<_>>(),
        "rules": flag.rules.iter().map(rule).collect::<Vec<_>>(),
        "rollouts": flag.rollouts.iter().map(rollout).collect::<Vec<_>>(),
    }));
    if let Some(key) = &flag.default_variant {
        out.insert("defaultVariant".to_owned(), Value::String(key.clone()));
    }
    if let Some(metadata) = &flag.metadata {
        out.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
    Value::Object(out)
}

/// A segment as the API answers it.
#[must_use]
pub fn of_segment(segment: &Segment) -> Value {
    json!({
        "@type": Kind::Segment.type_url(),
        "key": segment.key,
        "matchType": if segment.all { "ALL_MATCH_TYPE" } else { "ANY_MATCH_TYPE" },
        "name": segment.name,
        "description": segment.description,
        "constraints": segment.constraints.iter().map(constraint).collect::<Vec<_>>(),
    })
}

/// A namespace as the API answers it.
#[must_use]
pub fn of_namespace(listed: &Listed) -> Value {
    let Namespace { key, name, description } = &listed.namespace;
    json!({ "key": key, "name": name, "description": description, "protected": listed.protected })
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

const fn kind_name(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Variant => "VARIANT_FLAG_TYPE",
        FlagKind::Boolean => "BOOLEAN_FLAG_TYPE",
    }
}

const fn operator_name(operator: SegmentOperator) -> &'static str {
    match operator {
        SegmentOperator::Or => "OR_SEGMENT_OPERATOR",
        SegmentOperator::And => "AND_SEGMENT_OPERATOR",
    }
}

fn variant(variant: &Variant) -> Value {
    let mut out = object(json!({ "key": variant.key, "name": variant.name, "description": variant.description }));
    if let Some(attachment) = &variant.attachment {
        out.insert("attachment".to_owned(), attachment.clone());
    }
    Value::Object(out)
}

fn rule(rule: &Rule) -> Value {
    let share = |d: &Distribution| json!({ "variant": d.variant, "rollout": value::of_share(d.rollout) });
    json!({
        "segmentOperator": operator_name(rule.segments.operator),
        "segments": rule.segments.keys,
        "distributions": rule.distributions.iter().map(share).collect::<Vec<_>>(),
    })
}

fn rollout(rollout: &Rollout) -> Value {
    let description = &rollout.description;
    match &rollout.to {
        RolloutTo::Segment { segments, value } => json!({
            "type": "SEGMENT_ROLLOUT_TYPE",
            "description": description,
            "segment": {
                "value": value,
                "segments": segments.keys,
                "segmentOperator": operator_name(segments.operator),
            },
        }),
        RolloutTo::Threshold { percentage, value } => json!({
            "type": "THRESHOLD_ROLLOUT_TYPE",
            "description": description,
            "threshold": { "percentage": value::of_share(*percentage), "value": value },
        }),
        RolloutTo::Nobody => json!({ "type": "UNKNOWN_ROLLOUT_TYPE", "description": description }),
    }
}

fn constraint(constraint: &Constraint) -> Value {
    json!({
        "type": constraint.subject.name(),
        "property": constraint.property,
        "operator": constraint.operator,
        "value": constraint.value,
        "description": constraint.description,
    })
}
