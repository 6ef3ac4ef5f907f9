//! JSON inside of flags: attachments, metadata, and the lists that constraints carry as text.
//!
//! Numbers are 64-bit floats, as Flipt keeps them, and whole ones have no point. Everything is brought to one form, so
//! that two spellings of the same are equal.

use serde_json::{Map, Number, Value};

use super::super::constraint::{self, Subject};
use crate::yaml::{self, Kind, Node, json};

/// What a node holds, as JSON: a mapping without its keys that are no text, a number without a form in JSON as null.
/// Neither stands in a file that has no error.
pub(super) fn of_node(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Sequence(items) => Value::Array(items.iter().map(of_node).collect()),
        yaml::Value::Mapping(pairs) => {
            let texts = pairs.iter().filter(|(key, _)| key.kind() == Some(Kind::Text));
            Value::Object(
                texts.map(|(key, value)| (key.text().unwrap_or_default().to_owned(), of_node(value))).collect(),
            )
        }
        yaml::Value::Scalar { text, .. } => match node.kind() {
            Some(Kind::Null) | None => Value::Null,
            Some(Kind::Bool(value)) => Value::Bool(value),
            Some(Kind::Text) => Value::String(text.to_string()),
            Some(kind) => kind.number().map_or(Value::Null, of_number),
        },
    }
}

/// A value that came as JSON, in the same form.
pub(super) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, of_number),
        Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect()),
        other => other.clone(),
    }
}

/// A mapping that came as JSON, in the same form.
pub(super) fn normal_map(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), normal(value))).collect()
}

/// A number in the fewest digits that are this float, without a point if it is whole: Flipt's form, as far as whole
/// numbers of 64 bits go.
pub(super) fn of_number(number: f64) -> Value {
    let digits = if number.fract() == 0.0 { number.to_string() } else { String::new() };
    let whole = digits.parse().map(|n: i64| n.into()).or_else(|_| digits.parse().map(|n: u64| n.into()));
    whole.ok().or_else(|| Number::from_f64(number)).map_or(Value::Null, Value::Number)
}

/// A share in the fewest digits that are this 32-bit float: 33.3, not 33.29999923706055.
pub(super) fn of_share(share: f32) -> Value {
    share.to_string().parse().map_or(Value::Null, of_number)
}

/// The list of `isoneof`, compact: `["a","b"]`, `[1,2.5]`. None if the text is no JSON array of what the subject
/// compares, or has a number that the list of a file cannot hold.
pub(super) fn list(subject: Subject, text: &str) -> Option<String> {
    let node = json::read(text, yaml::Limits::default()).ok()?.documents.pop()?;
    let yaml::Value::Sequence(items) = &node.value else { return None };
    if subject == Subject::Number {
        let numbers: Option<Vec<String>> = items.iter().map(list_number).collect();
        return Some(format!("[{}]", numbers?.join(",")));
    }
    let texts: Option<Vec<&str>> =
        items.iter().map(|item| (item.kind() == Some(Kind::Text)).then(|| item.text()).flatten()).collect();
    Some(constraint::list_of_texts(texts?.into_iter()))
}

fn list_number(node: &Node) -> Option<String> {
    let yaml::Value::Scalar { text, plain: true } = &node.value else { return None };
    constraint::list_number(text, false).filter(|number| !number.starts_with('"'))
}
