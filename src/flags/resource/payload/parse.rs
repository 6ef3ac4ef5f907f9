//! What a client sent -> a resource that a flag file can hold.

use serde_json::Value;

use super::super::super::constraint::{Operator, Subject};
use super::super::super::field::{Path, nearest};
use super::super::super::snapshot::{FlagKind, SegmentOperator};
use super::super::{
    Constraint, Distribution, Flag, Kind, Namespace, Resource, Rollout, RolloutTo, Rule, Segment, Segments, Variant,
    value,
};
use super::Invalid;
use super::object::{Object, at, described};
use crate::yaml::quote;

const OPERATORS: [(&str, u64, SegmentOperator); 2] =
    [("OR_SEGMENT_OPERATOR", 0, SegmentOperator::Or), ("AND_SEGMENT_OPERATOR", 1, SegmentOperator::And)];
const FLAG_KINDS: [(&str, u64, FlagKind); 2] =
    [("VARIANT_FLAG_TYPE", 0, FlagKind::Variant), ("BOOLEAN_FLAG_TYPE", 1, FlagKind::Boolean)];
const MATCH_TYPES: [(&str, u64, bool); 2] = [("ALL_MATCH_TYPE", 0, true), ("ANY_MATCH_TYPE", 1, false)];
const SUBJECTS: [(&str, u64, Subject); 5] = [
    (Subject::String.name(), 1, Subject::String),
    (Subject::Number.name(), 2, Subject::Number),
    (Subject::Boolean.name(), 3, Subject::Boolean),
    (Subject::DateTime.name(), 4, Subject::DateTime),
    (Subject::Entity.name(), 5, Subject::Entity),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum RolloutKind {
    Unknown,
    Segment,
    Threshold,
}

const ROLLOUT_KINDS: [(&str, u64, RolloutKind); 3] = [
    ("UNKNOWN_ROLLOUT_TYPE", 0, RolloutKind::Unknown),
    ("SEGMENT_ROLLOUT_TYPE", 1, RolloutKind::Segment),
    ("THRESHOLD_ROLLOUT_TYPE", 2, RolloutKind::Threshold),
];

/// Which kind a payload is of, by its `@type`.
///
/// # Errors
/// It has none, or one that is not known; in Flipt's words.
pub fn kind(payload: &Value) -> Result<Kind, Invalid> {
    let Some(url) = payload.get("@type").and_then(Value::as_str) else {
        return Err(Invalid::new("", "Any JSON doesn't have '@type'"));
    };
    Kind::of_type_url(url).ok_or_else(|| Invalid::new("", format!("could not resolve Any message type: {url}")))
}

/// A payload of a kind under a key. The payload may repeat the key, and must not name another one.
///
/// What comes out can be written to a file; what is a mistake all the same is told by
/// [`mistakes`](super::super::mistakes).
///
/// # Errors
/// The first thing that is wrong.
pub fn resource(kind: Kind, key: &str, payload: &Value) -> Result<Resource, Invalid> {
    let own = self::kind(payload)?;
    if own != kind {
        return Err(Invalid::new("@type", format!("{} where {} is expected", own.type_url(), kind.type_url())));
    }
    match kind {
        Kind::Flag => flag(key, payload).map(Resource::Flag),
        Kind::Segment => segment(key, payload).map(Resource::Segment),
    }
}

/// A namespace. `protected` and `revision` may stand beside it; they are not part of it.
///
/// # Errors
/// The first thing that is wrong.
pub fn namespace(payload: &Value) -> Result<Namespace, Invalid> {
    let path = Path::Root;
    let names = ["key", "name", "description", "protected"];
    let object = Object::of(payload, &path, "namespace", &names, |name| name == "revision")?;
    object.switch("protected")?;
    let key = a_key(object.text("key")?, &path.key("key"))?;
    let name = object.optional_line("name")?;
    let name = if name.is_empty() { key } else { name };
    Ok(Namespace { key: key.to_owned(), name: name.to_owned(), description: object.text("description")?.to_owned() })
}

fn a_key<'k>(key: &'k str, path: &Path<'_>) -> Result<&'k str, Invalid> {
    if key.is_empty() {
        return Err(at(path, "key must not be empty"));
    }
    if !is_key(key) {
        let what = "is no key; keys are made of ASCII letters, digits, \"-\", \"_\" and \",\"";
        return Err(at(path, format!("{} {what}", quote(key))));
    }
    Ok(key)
}

/// Whether a text can be the key of a namespace, flag or segment.
#[must_use]
pub fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b','))
}

/// The key of the request, if the payload does not name another one.
fn key(object: &Object<'_, '_>, key: &str) -> Result<String, Invalid> {
    let path = object.path.key("key");
    let own = object.text("key")?;
    let key = a_key(if key.is_empty() { own } else { key }, &path)?;
    if !own.is_empty() && own != key {
        let message = format!("the payload has the key {} and the request {}", quote(own), quote(key));
        return Err(at(&path, format!("{message}; a key cannot be changed")));
    }
    Ok(key.to_owned())
}

/// What Flipt's web UI sends with every row of a list.
fn of_ui(name: &str) -> bool {
    matches!(name, "id" | "rank")
}

fn flag(request_key: &str, payload: &Value) -> Result<Flag, Invalid> {
    let path = Path::Root;
    let names = [
        "@type",
        "key",
        "type",
        "name",
        "description",
        "enabled",
        "variants",
        "rules",
        "rollouts",
        "defaultVariant",
        "metadata",
    ];
    // The UI's form has fields of its own for what it is typing.
    let typed = |name: &str| name.starts_with("metadata-key-") || name.starts_with("metadata-value-");
    let object = Object::of(payload, &path, "flag", &names, typed)?;
    let flag = Flag {
        key: key(&object, request_key)?,
        name: object.line("name")?.to_owned(),
        description: object.text("description")?.to_owned(),
        kind: object.choice("type", &FLAG_KINDS)?.unwrap_or(FlagKind::Variant),
        enabled: object.switch("enabled")?,
        metadata: metadata(&object)?,
        variants: object.each("variants", variant)?,
        default_variant: Some(object.text("defaultVariant")?).filter(|key| !key.is_empty()).map(str::to_owned),
        rules: object.each("rules", rule)?,
        rollouts: object.each("rollouts", rollout)?,
    };
    let has = |key: &str| flag.variants.iter().any(|variant| variant.key == key);
    if let Some(key) = flag.default_variant.as_deref().filter(|key| !has(key)) {
        return Err(at(&path.key("defaultVariant"), format!("the flag has no variant {}", quote(key))));
    }
    let shares = flag.rules.iter().enumerate().flat_map(|(rule, of)| {
        of.distributions.iter().enumerate().map(move |(place, share)| (rule, place, &*share.variant))
    });
    if let Some((rule, place, key)) = shares.into_iter().find(|(.., key)| !has(key)) {
        let path = format!("rules[{rule}].distributions[{place}].variant");
        return Err(Invalid::new(path, format!("the flag has no variant {}", quote(key))));
    }
    if flag.kind == FlagKind::Variant && !flag.rollouts.is_empty() {
        let what = "rollouts belong to boolean flags; send rules, or the type BOOLEAN_FLAG_TYPE";
        return Err(at(&path.key("rollouts"), what));
    }
    Ok(flag)
}

fn metadata(object: &Object<'_, '_>) -> Result<Option<serde_json::Map<String, Value>>, Invalid> {
    let path = object.path.key("metadata");
    match object.get("metadata") {
        None => Ok(None),
        Some(Value::Object(map)) => {
            if let Some((key, _)) = map.iter().find(|(_, value)| value.is_null()) {
                return Err(at(&path.key(key), "metadata may not be null; leave the entry out"));
            }
            Ok(Some(value::normal_map(map)).filter(|map| !map.is_empty()))
        }
        Some(other) => Err(at(&path, format!("{} where an object is expected", described(other)))),
    }
}

fn variant(value: &Value, path: &Path<'_>) -> Result<Variant, Invalid> {
    let names = ["key", "name", "description", "attachment"];
    let object = Object::of(value, path, "variant", &names, of_ui)?;
    let attachment = match object.get("attachment") {
        None => None,
        Some(value @ (Value::Object(_) | Value::Array(_))) => Some(value::normal(value)),
        Some(other) => {
            let what = format!("{} where an object or a list is expected", described(other));
            return Err(at(&path.key("attachment"), what));
        }
    };
    Ok(Variant {
        key: object.line("key")?.to_owned(),
        name: object.optional_line("name")?.to_owned(),
        description: object.text("description")?.to_owned(),
        attachment,
    })
}

fn segment_key(value: &Value, path: &Path<'_>) -> Result<String, Invalid> {
    let Value::String(key) = value else {
        return Err(at(path, format!("{} where the key of a segment is expected", described(value))));
    };
    a_key(key, path).map(str::to_owned)
}

fn rule(value: &Value, path: &Path<'_>) -> Result<Rule, Invalid> {
    let names = ["segments", "segmentOperator", "distributions"];
    let object = Object::of(value, path, "rule", &names, of_ui)?;
    Ok(Rule { segments: segments(&object)?, distributions: object.each("distributions", distribution)? })
}

fn segments(object: &Object<'_, '_>) -> Result<Segments, Invalid> {
    Ok(Segments {
        keys: object.each("segments", segment_key)?,
        operator: object.choice("segmentOperator", &OPERATORS)?.unwrap_or_default(),
    })
}

fn distribution(value: &Value, path: &Path<'_>) -> Result<Distribution, Invalid> {
    let object = Object::of(value, path, "distribution", &["variant", "rollout"], of_ui)?;
    let rollout = object.share("rollout")?;
    if !(0.0..=100.0).contains(&rollout) {
        return Err(at(&path.key("rollout"), format!("{rollout} is not between 0 and 100")));
    }
    Ok(Distribution { variant: object.line("variant")?.to_owned(), rollout })
}

fn rollout(value: &Value, path: &Path<'_>) -> Result<Rollout, Invalid> {
    let names = ["type", "description", "segment", "threshold"];
    let object = Object::of(value, path, "rollout", &names, of_ui)?;
    let kind = object.choice("type", &ROLLOUT_KINDS)?.unwrap_or(RolloutKind::Unknown);
    let to = match (kind, object.get("segment"), object.get("threshold")) {
        (RolloutKind::Segment, Some(value), None) => {
            let path = path.key("segment");
            let names = ["segments", "segmentOperator", "value"];
            let object = Object::of(value, &path, "segment of a rollout", &names, of_ui)?;
            RolloutTo::Segment { segments: segments(&object)?, value: object.switch("value")? }
        }
        (RolloutKind::Threshold, None, Some(value)) => {
            let path = path.key("threshold");
            let object = Object::of(value, &path, "threshold", &["percentage", "value"], of_ui)?;
            RolloutTo::Threshold { percentage: object.share("percentage")?, value: object.switch("value")? }
        }
        (RolloutKind::Unknown, None, None) => RolloutTo::Nobody,
        (_, Some(_), Some(_)) => return Err(at(path, "a rollout has a segment or a threshold, not both")),
        (RolloutKind::Segment, None, _) => return Err(at(&path.key("segment"), "the segment is missing")),
        (RolloutKind::Threshold, _, None) => return Err(at(&path.key("threshold"), "the threshold is missing")),
        (RolloutKind::Unknown, ..) => {
            let what = "the type is missing; SEGMENT_ROLLOUT_TYPE or THRESHOLD_ROLLOUT_TYPE";
            return Err(at(&path.key("type"), what));
        }
    };
    Ok(Rollout { description: object.text("description")?.to_owned(), to })
}

fn segment(request_key: &str, payload: &Value) -> Result<Segment, Invalid> {
    let path = Path::Root;
    let names = ["@type", "key", "name", "description", "matchType", "constraints"];
    let object = Object::of(payload, &path, "segment", &names, |_| false)?;
    Ok(Segment {
        key: key(&object, request_key)?,
        name: object.line("name")?.to_owned(),
        description: object.text("description")?.to_owned(),
        all: object.choice("matchType", &MATCH_TYPES)?.unwrap_or(true),
        constraints: object.each("constraints", constraint)?,
    })
}

fn constraint(value: &Value, path: &Path<'_>) -> Result<Constraint, Invalid> {
    let names = ["type", "property", "operator", "value", "description"];
    let object = Object::of(value, path, "constraint", &names, of_ui)?;
    let Some(subject) = object.choice("type", &SUBJECTS)? else {
        let known: Vec<&str> = SUBJECTS.iter().map(|(name, ..)| *name).collect();
        return Err(at(&path.key("type"), format!("the type is missing; one of {}", known.join(", "))));
    };
    let operator = object.line("operator")?;
    let known: Vec<&str> = subject.operators().iter().map(|operator| operator.name()).collect();
    if !known.contains(&operator) {
        let path = path.key("operator");
        if Operator::ALL.iter().any(|other| other.name() == operator) {
            let what = format!("\"{operator}\" does not compare {}; one of {}", subject.name(), known.join(", "));
            return Err(at(&path, what));
        }
        let hint = nearest(operator, &known)
            .map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean {near}?"));
        return Err(at(&path, format!("{} is not known here; {hint}", quote(operator))));
    }
    let text = object.text("value")?;
    let list = matches!(operator, "isoneof" | "isnotoneof").then(|| value::list(subject, text)).flatten();
    Ok(Constraint {
        subject,
        property: object.line("property")?.to_owned(),
        operator: operator.to_owned(),
        value: list.unwrap_or_else(|| text.to_owned()),
        description: object.text("description")?.to_owned(),
    })
}
