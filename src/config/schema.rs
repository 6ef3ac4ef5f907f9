//! The JSON schema of the file, made from the table of keys: for editors that complete and check while one writes.

use serde_json::{Map, Value, json};

use super::keys::{Key, Shape, Status};
use super::table::FILE;

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut root = object(FILE);
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("Configuration of Yardarm"));
        root.insert(
            "$defs".to_owned(),
            json!({"reference": {
                "description": "A value that stands somewhere else.",
                "type": "string",
                "pattern": "^\\$\\{(env|file|credential):[^{}$]+\\}$",
            }}),
        );
    }
    root
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut schema = shape(key.shape);
    let Value::Object(fields) = &mut schema else { return schema };
    match key.status {
        Status::Unused("") => {}
        Status::Unused(why) => {
            fields.insert("description".to_owned(), json!(format!("No use in Yardarm: {why}.")));
            fields.insert("deprecated".to_owned(), json!(true));
        }
        Status::Flipt | Status::Own => {
            fields.insert("description".to_owned(), json!(key.doc));
            if let Some(default) = default(key) {
                fields.insert("default".to_owned(), default);
            }
        }
    }
    schema
}

/// The default as a value, where it is one and not a description.
fn default(key: &Key) -> Option<Value> {
    match key.shape {
        Shape::Bool => key.default.parse::<bool>().ok().map(|b| json!(b)),
        Shape::Integer(..) => key.default.parse::<i64>().ok().map(|n| json!(n)),
        Shape::Word(words) => words.contains(&key.default).then(|| json!(key.default)),
        Shape::Duration => super::duration::parse(key.default).ok().map(|_| json!(key.default)),
        _ => None,
    }
}

fn shape(shape: Shape) -> Value {
    let reference = json!({"$ref": "#/$defs/reference"});
    match shape {
        Shape::Section(keys) => object(keys),
        Shape::Map(keys) => json!({"type": ["object", "null"], "additionalProperties": object(keys)}),
        Shape::Text | Shape::Path => json!({"type": ["string", "number", "boolean", "null"]}),
        Shape::Secret => json!({"type": ["string", "number", "null"]}),
        Shape::Bool => json!({"anyOf": [{"type": ["boolean", "null"]}, {"enum": ["true", "false"]}, reference]}),
        Shape::Integer(least, most) => {
            let number = if most == i64::MAX {
                json!({"type": ["integer", "null"], "minimum": least})
            } else {
                json!({"type": ["integer", "null"], "minimum": least, "maximum": most})
            };
            json!({"anyOf": [number, {"type": "string", "pattern": "^[0-9]+$"}, reference]})
        }
        Shape::Duration => {
            json!({"anyOf": [{"type": "string", "pattern": "^(0|([0-9]*\\.?[0-9]+(ns|us|µs|μs|ms|s|m|h))+)$"}, {"type": "null"}, reference]})
        }
        Shape::Word(words) => json!({"anyOf": [{"enum": words}, {"type": "null"}, reference]}),
        Shape::Texts | Shape::Secrets => json!({"anyOf": [
            {"type": "array", "items": {"type": ["string", "number"]}},
            {"type": ["string", "null"]},
        ]}),
        Shape::Any => json!({}),
    }
}
