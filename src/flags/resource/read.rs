//! A document of a flag file -> what it declares.
//!
//! Only for a document that [`document::read`](super::super::document::read) finds without an error: what is wrong with
//! one is told there, and here a field of a wrong type is as good as absent. Hazards are no errors and are declared as
//! they stand.

use super::super::constraint::{self, Subject};
use super::super::document::Format;
use super::super::snapshot::{FlagKind, SegmentOperator};
use super::value;
use super::{
    Constraint, Distribution, Document, Flag, Namespace, Rollout, RolloutTo, Rule, Segment, Segments, Variant,
};
use crate::yaml::{self, Kind, Node};

/// The version of a document that names none.
const NEWEST: &str = "1.6";
/// The namespace of a document that names none.
const DEFAULT: &str = "default";

/// What a document declares.
#[must_use]
pub fn read(node: &Node, format: Format) -> Document {
    let version = text(node, "version");
    let version = if version.is_empty() { NEWEST.to_owned() } else { version };
    let lists = has_lists(&version);
    Document {
        namespace: namespace(node.get("namespace")),
        flags: items(node, "flags").iter().map(|node| flag(node, format)).collect(),
        segments: items(node, "segments").iter().map(|node| segment(node, format, lists)).collect(),
        version,
    }
}

/// Whether a document of this version writes lists as lists.
pub(super) fn has_lists(version: &str) -> bool {
    version >= NEWEST
}

/// The text of a field that stands there; absent and null are empty.
fn text(node: &Node, field: &str) -> String {
    node.get(field).filter(|node| !node.is_null()).and_then(Node::text).unwrap_or_default().to_owned()
}

fn items<'n>(node: &'n Node, field: &str) -> &'n [Node] {
    match node.get(field).map(|node| &node.value) {
        Some(yaml::Value::Sequence(items)) => items,
        _ => &[],
    }
}

fn switch(node: &Node, field: &str) -> bool {
    node.get(field).and_then(Node::kind) == Some(Kind::Bool(true))
}

/// A number as 32-bit float: from YAML by way of 64 bits, from JSON at once, as the two readers of Flipt do.
#[expect(clippy::cast_possible_truncation, reason = "32-bit floats are the rule")]
fn share(node: &Node, field: &str, format: Format) -> f32 {
    let Some(node) = node.get(field) else { return 0.0 };
    let number = node.kind().and_then(Kind::number).unwrap_or_default();
    match format {
        Format::Json => node.text().and_then(|text| text.parse().ok()).unwrap_or(number as f32),
        Format::Yaml => number as f32,
    }
}

fn namespace(node: Option<&Node>) -> Namespace {
    let Some(node) = node else {
        return Namespace { key: DEFAULT.to_owned(), name: DEFAULT.to_owned(), description: String::new() };
    };
    if let Some(key) = node.text() {
        return Namespace { key: key.to_owned(), name: key.to_owned(), description: String::new() };
    }
    let (key, name) = (text(node, "key"), text(node, "name"));
    let name = if name.is_empty() { key.clone() } else { name };
    Namespace { key, name, description: text(node, "description") }
}

pub(super) fn flag(node: &Node, format: Format) -> Flag {
    let boolean = node.get("type").and_then(Node::text) == Some("BOOLEAN_FLAG_TYPE");
    let variants = items(node, "variants");
    let metadata = match node.get("metadata").map(value::of_node) {
        Some(serde_json::Value::Object(map)) if !map.is_empty() => Some(map),
        _ => None,
    };
    Flag {
        key: text(node, "key"),
        name: text(node, "name"),
        description: text(node, "description"),
        kind: if boolean { FlagKind::Boolean } else { FlagKind::Variant },
        enabled: switch(node, "enabled"),
        metadata,
        default_variant: variants.iter().rfind(|node| switch(node, "default")).map(|node| text(node, "key")),
        variants: variants.iter().map(variant).collect(),
        rules: items(node, "rules").iter().map(|node| rule(node, format)).collect(),
        rollouts: items(node, "rollouts").iter().map(|node| rollout(node, format)).collect(),
    }
}

fn variant(node: &Node) -> Variant {
    Variant {
        key: text(node, "key"),
        name: text(node, "name"),
        description: text(node, "description"),
        attachment: node.get("attachment").filter(|node| !node.is_null()).map(value::of_node),
    }
}

fn rule(node: &Node, format: Format) -> Rule {
    let distribution =
        |node: &Node| Distribution { variant: text(node, "variant"), rollout: share(node, "rollout", format) };
    Rule {
        segments: node.get("segment").map(segments).unwrap_or_default(),
        distributions: items(node, "distributions").iter().map(distribution).collect(),
    }
}

/// `segment: beta`, `{key: beta}` or `{keys: […], operator: …}`.
fn segments(node: &Node) -> Segments {
    let key = node.text().or_else(|| node.get("key").and_then(Node::text));
    let keys = match key {
        Some(key) => vec![key.to_owned()],
        None => items(node, "keys").iter().filter_map(Node::text).map(str::to_owned).collect(),
    };
    let and = node.get("operator").and_then(Node::text) == Some("AND_SEGMENT_OPERATOR");
    Segments { keys, operator: if and { SegmentOperator::And } else { SegmentOperator::Or } }
}

fn rollout(node: &Node, format: Format) -> Rollout {
    let to = match (node.get("segment"), node.get("threshold")) {
        (Some(node), _) => RolloutTo::Segment { segments: segments(node), value: switch(node, "value") },
        (None, Some(node)) => {
            RolloutTo::Threshold { percentage: share(node, "percentage", format), value: switch(node, "value") }
        }
        (None, None) => RolloutTo::Nobody,
    };
    Rollout { description: text(node, "description"), to }
}

pub(super) fn segment(node: &Node, format: Format, lists: bool) -> Segment {
    Segment {
        key: text(node, "key"),
        name: text(node, "name"),
        description: text(node, "description"),
        all: node.get("match_type").and_then(Node::text) != Some("ANY_MATCH_TYPE"),
        constraints: items(node, "constraints").iter().map(|node| constraint(node, format, lists)).collect(),
    }
}

fn constraint(node: &Node, format: Format, lists: bool) -> Constraint {
    let kind = node.get("type").and_then(Node::text);
    let subject = Subject::ALL.into_iter().find(|subject| Some(subject.name()) == kind).unwrap_or(Subject::String);
    let operator = text(node, "operator");
    let value = if matches!(operator.as_str(), "isoneof" | "isnotoneof") {
        list_value(subject, node, format, lists)
    } else {
        text(node, "value")
    };
    Constraint { subject, property: text(node, "property"), operator, value, description: text(node, "description") }
}

/// A list as the API carries it: from a list since version 1.6, from a JSON array in text before. What is no such array
/// stays as it is.
fn list_value(subject: Subject, node: &Node, format: Format, lists: bool) -> String {
    if !lists {
        let text = text(node, "value");
        return value::list(subject, &text).unwrap_or(text);
    }
    let Some(yaml::Value::Sequence(items)) = node.get("value").map(|node| &node.value) else { return String::new() };
    let texts = items.iter().filter_map(Node::text);
    if subject == Subject::Number {
        let json = format == Format::Json;
        let numbers: Vec<String> = texts.filter_map(|text| constraint::list_number(text, json)).collect();
        return format!("[{}]", numbers.join(","));
    }
    constraint::list_of_texts(texts)
}
