//! The revision of a resource: the id of its content.
//!
//! It is the id that Git would give to a blob with the resource's canonical JSON: as
//! [`to_json`](super::payload::to_json) spells it, without blanks, the keys of every object sorted by their bytes, whole
//! numbers without a point. So it is the same wherever and however the resource is written, changes with every change
//! of it and with nothing else, and `git hash-object` can check it.

use std::fmt::Write as _;

use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::Resource;
use super::payload::to_json;

/// The revision of a resource: 40 lower-case hex digits.
#[must_use]
pub fn revision(resource: &Resource) -> String {
    let mut text = String::new();
    canonical(&mut text, &to_json(resource));
    hex::encode(Sha1::new().chain_update(format!("blob {}\0", text.len())).chain_update(&text).finalize())
}

/// Compact JSON with sorted keys, whatever order the map of the library keeps.
fn canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut sorted: Vec<(&String, &Value)> = map.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                super::super::json::write_text(out, key);
                out.push(':');
                canonical(out, value);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(out, item);
            }
            out.push(']');
        }
        Value::String(text) => super::super::json::write_text(out, text),
        // Writing to a text cannot fail.
        other => _ = write!(out, "{other}"),
    }
}
