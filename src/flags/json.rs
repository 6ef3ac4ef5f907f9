//! JSON out: attachments and metadata as compact text with sorted keys, and the pieces of the client snapshot.

use crate::yaml::{self, Kind, Node, Value};

/// A text in quotes, with the escapes that JSON demands and no others.
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x8 => "\\b",
            0xc => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(clean..at).unwrap_or_default());
        if escape.is_empty() {
            const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
            out.push_str("\\u00");
            out.extend([HEX.get(usize::from(byte >> 4)), HEX.get(usize::from(byte & 15))].into_iter().flatten());
        } else {
            out.push_str(escape);
        }
        clean = at + 1;
    }
    out.push_str(text.get(clean..).unwrap_or_default());
    out.push('"');
}

/// Where and why a tree is no JSON.
pub(super) struct NotJson<'n> {
    /// The place.
    pub(super) node: &'n Node,
    /// What stands there.
    pub(super) message: String,
}

/// A tree as compact JSON; keys sorted by their bytes, numbers as 64-bit floats (Flipt keeps no others).
pub(super) fn write_tree<'n>(out: &mut String, node: &'n Node) -> Result<(), NotJson<'n>> {
    match &node.value {
        Value::Scalar { text, plain: false } => write_text(out, text),
        Value::Scalar { text, plain: true } => match yaml::scalar::kind(text) {
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Kind::Text => write_text(out, text),
            number => match number.number().filter(|n| n.is_finite()) {
                Some(number) => write_number(out, number),
                None => return Err(NotJson { node, message: format!("{} has no form in JSON", yaml::quote(text)) }),
            },
        },
        Value::Sequence(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_tree(out, item)?;
            }
            out.push(']');
        }
        Value::Mapping(pairs) => {
            let mut sorted: Vec<(&str, &Node)> = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                match key.kind() {
                    Some(Kind::Text) => sorted.push((key.text().unwrap_or_default(), value)),
                    other => {
                        let name = other.map_or("no text", Kind::name);
                        let text = yaml::quote(key.text().unwrap_or_default());
                        return Err(NotJson { node: key, message: format!("the key {text} is {name}, not text") });
                    }
                }
            }
            sorted.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_tree(out, value)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// A number as Go's JSON writes it: shortest digits, with an exponent below 1e-6 and from 1e21 on.
fn write_number(out: &mut String, number: f64) {
    use std::fmt::Write as _;
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => _ = write!(out, "{digits}e+{exponent}"),
            _ => out.push_str(&text),
        }
    } else {
        _ = write!(out, "{number}");
    }
}
