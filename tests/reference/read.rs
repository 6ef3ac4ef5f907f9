//! Flag files, and the snapshot that clients get, as plain lists.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::Value;

use super::{Constraint, Flag, Namespace, Rollout, Rule, Segment, Share, Targets};

/// The namespaces of files: texts in load order. Only files that are valid may be given.
pub(crate) fn files<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeMap<String, Namespace> {
    let mut namespaces: BTreeMap<String, Namespace> = BTreeMap::new();
    // Segments of each namespace as they stand when a flag is read.
    let mut known: BTreeMap<String, BTreeMap<String, Segment>> = BTreeMap::new();
    for document in texts.into_iter().flat_map(documents) {
        let name = match &document["namespace"] {
            Value::String(key) => key.clone(),
            Value::Object(fields) => fields.get("key").map_or(String::new(), text),
            _ => "default".to_owned(),
        };
        let segments = known.entry(name.clone()).or_default();
        for node in list(&document["segments"]) {
            let segment = segment(node, "match_type");
            segments.insert(segment.key.clone(), segment);
        }
        let flags = namespaces.entry(name).or_default();
        for node in list(&document["flags"]) {
            let flag = flag(node, segments);
            flags.insert(flag.key.clone(), flag);
        }
    }
    namespaces
}

/// Every document of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            let mut value = serde_yaml::Value::deserialize(document).unwrap();
            value.apply_merge().unwrap();
            serde_json::to_value(value).unwrap()
        })
        .filter(|document| !document.is_null())
        .collect()
}

fn list(node: &Value) -> &[Value] {
    node.as_array().map_or(&[], Vec::as_slice)
}

fn text(node: &Value) -> String {
    node.as_str().unwrap_or_default().to_owned()
}

#[expect(clippy::cast_possible_truncation)]
fn single(node: &Value) -> f32 {
    node.as_f64().unwrap() as f32
}

/// Segments of files and of snapshots, which differ in the name of one field and in longer words.
pub(crate) fn segment(node: &Value, match_type: &str) -> Segment {
    Segment {
        key: text(&node["key"]),
        any: text(&node[match_type]).starts_with("ANY"),
        constraints: list(&node["constraints"]).iter().map(constraint).collect(),
    }
}

fn constraint(node: &Value) -> Constraint {
    let subject = text(&node["type"]);
    let subject = subject.strip_suffix("_COMPARISON_TYPE").unwrap();
    Constraint {
        subject: subject.strip_suffix("_CONSTRAINT").unwrap_or(subject).to_owned(),
        property: text(&node["property"]),
        operator: text(&node["operator"]),
        value: match &node["value"] {
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(item).collect();
                format!("[{}]", items.join(","))
            }
            value => text(value),
        },
    }
}

/// An item of a list as it stands in the array in text.
fn item(node: &Value) -> String {
    match node {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => n.to_string(),
            (_, Some(n), _) => format!("\"{n}\""),
            (.., n) => n.unwrap().to_string(),
        },
        node => node.to_string(),
    }
}

fn flag(node: &Value, segments: &BTreeMap<String, Segment>) -> Flag {
    let variants: Vec<(String, Value, bool)> = list(&node["variants"])
        .iter()
        .map(|v| (text(&v["key"]), v["attachment"].clone(), v["default"].as_bool().unwrap_or(false)))
        .collect();
    let of_key = |key: &str| {
        let (key, attachment, _) = variants.iter().find(|(known, ..)| known == key).unwrap();
        (key.clone(), attachment.clone())
    };
    let default = variants.iter().rfind(|(.., is_default)| *is_default);
    Flag {
        key: text(&node["key"]),
        boolean: node["type"] == "BOOLEAN_FLAG_TYPE",
        enabled: node["enabled"].as_bool().unwrap_or(false),
        default: default.map(|(key, attachment, _)| (key.clone(), attachment.clone())),
        rules: list(&node["rules"])
            .iter()
            .map(|rule| Rule {
                targets: targets(&rule["segment"], segments),
                shares: list(&rule["distributions"])
                    .iter()
                    .map(|share| Share {
                        variant: of_key(&text(&share["variant"])),
                        rollout: single(&share["rollout"]),
                    })
                    .collect(),
            })
            .collect(),
        rollouts: list(&node["rollouts"])
            .iter()
            .map(|rollout| match (rollout.get("segment"), rollout.get("threshold")) {
                (Some(segment), _) => {
                    Rollout::Segment(targets(segment, segments), segment["value"].as_bool().unwrap_or(false))
                }
                (_, Some(threshold)) => {
                    Rollout::Threshold(single(&threshold["percentage"]), threshold["value"].as_bool().unwrap_or(false))
                }
                _ => Rollout::Nothing,
            })
            .collect(),
    }
}

fn targets(node: &Value, segments: &BTreeMap<String, Segment>) -> Targets {
    let keys: Vec<String> = match node {
        Value::String(key) => vec![key.clone()],
        node if node["key"].is_string() => vec![text(&node["key"])],
        node => list(&node["keys"]).iter().map(text).collect(),
    };
    Targets {
        and: node["operator"] == "AND_SEGMENT_OPERATOR",
        segments: keys.iter().map(|key| segments[key].clone()).collect(),
    }
}

/// The flags of a snapshot as clients get it.
pub(crate) fn snapshot(bytes: &[u8]) -> Namespace {
    let snapshot: Value = serde_json::from_slice(bytes).unwrap();
    let attachment = |node: &Value| serde_json::from_str(node.as_str().unwrap()).unwrap();
    let condition = |node: &Value| Targets {
        and: node["segmentOperator"] == "AND_SEGMENT_OPERATOR",
        segments: list(&node["segments"]).iter().map(|node| segment(node, "matchType")).collect(),
    };
    list(&snapshot["flags"])
        .iter()
        .map(|node| {
            let flag = Flag {
                key: text(&node["key"]),
                boolean: node["type"] == "BOOLEAN_FLAG_TYPE",
                enabled: node["enabled"].as_bool().unwrap(),
                default: node.get("defaultVariant").map(|v| (text(&v["key"]), attachment(&v["attachment"]))),
                rules: list(&node["rules"])
                    .iter()
                    .map(|rule| Rule {
                        targets: condition(rule),
                        shares: list(&rule["distributions"])
                            .iter()
                            .map(|share| Share {
                                variant: (text(&share["variantKey"]), attachment(&share["variantAttachment"])),
                                rollout: single(&share["rollout"]),
                            })
                            .collect(),
                    })
                    .collect(),
                rollouts: list(&node["rollouts"])
                    .iter()
                    .map(|rollout| match rollout["type"].as_str().unwrap() {
                        "SEGMENT_ROLLOUT_TYPE" => Rollout::Segment(
                            condition(&rollout["segment"]),
                            rollout["segment"]["value"].as_bool().unwrap(),
                        ),
                        _ => Rollout::Threshold(
                            single(&rollout["threshold"]["percentage"]),
                            rollout["threshold"]["value"].as_bool().unwrap(),
                        ),
                    })
                    .collect(),
            };
            (flag.key.clone(), flag)
        })
        .collect()
}
