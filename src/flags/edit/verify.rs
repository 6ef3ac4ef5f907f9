//! Whether a text says what it is meant to say: nothing leaves an edit that was not read again.

use serde_json::Value as Json;

use super::super::document::{self, Format};
use super::super::problem::Severity;
use super::super::resource::{self, Constraint, Document, Flag, Segment};
use super::Error;
use crate::yaml::{self, Node, json};

/// The documents of a text, as declared; of one that holds nothing there is none.
///
/// # Errors
/// It is no YAML.
pub(super) fn declared(text: &str) -> Result<Vec<Option<Document>>, yaml::Error> {
    let nodes = yaml::parse(text, yaml::Limits::default())?;
    Ok(nodes.iter().map(|node| (!node.is_null()).then(|| resource::read(node, Format::Yaml))).collect())
}

/// Whether a file says exactly this.
///
/// # Errors
/// It does not; the message says where.
pub(super) fn content(bytes: &[u8], wanted: &[Document]) -> Result<(), Error> {
    let found = yaml::decode(bytes)
        .and_then(declared)
        .map_err(|error| Error::Unfaithful(format!("line {}: {}", error.at.line, error.message)))?;
    let found: Vec<Document> = found.into_iter().flatten().collect();
    if found.len() != wanted.len() {
        return Err(Error::Unfaithful(format!("{} documents where {} were meant", found.len(), wanted.len())));
    }
    // What is declared is read leniently: a word that nobody knows would be passed over.
    if let Some(error) = first_error(bytes) {
        return Err(Error::Invalid(error));
    }
    match found.iter().zip(wanted).position(|(found, wanted)| !same(found, wanted)) {
        Some(at) => Err(Error::Unfaithful(format!("document {} says something else", at + 1))),
        None => Ok(()),
    }
}

/// What the format refuses in a file, if anything.
pub(super) fn first_error(bytes: &[u8]) -> Option<String> {
    let file = document::read(Format::Yaml, bytes);
    let problem = file.problems.into_iter().find(|problem| problem.severity == Severity::Error)?;
    Some(format!("{}: {}", problem.key_path, problem.message))
}

/// Whether two documents declare the same, whatever spelling of numbers and lists they came in.
pub(super) fn same(a: &Document, b: &Document) -> bool {
    a == b || normal(a) == normal(b)
}

fn normal(document: &Document) -> Document {
    Document {
        flags: document.flags.iter().map(normal_flag).collect(),
        segments: document.segments.iter().map(normal_segment).collect(),
        ..document.clone()
    }
}

/// A flag, its numbers as 64-bit floats and what is empty absent.
pub(super) fn normal_flag(flag: &Flag) -> Flag {
    let mut flag = flag.clone();
    flag.metadata = flag.metadata.filter(|map| !map.is_empty());
    if let Some(map) = &mut flag.metadata {
        map.values_mut().for_each(normal_json);
    }
    for variant in &mut flag.variants {
        variant.attachment = variant.attachment.take().filter(|value| !value.is_null());
        variant.attachment.iter_mut().for_each(normal_json);
    }
    flag
}

/// A segment, the lists of its constraints in one spelling.
pub(super) fn normal_segment(segment: &Segment) -> Segment {
    let mut segment = segment.clone();
    for constraint in &mut segment.constraints {
        if let Some(value) = normal_list(constraint) {
            constraint.value = value;
        }
    }
    segment
}

fn normal_list(constraint: &Constraint) -> Option<String> {
    if !super::value::takes_list(constraint) {
        return None;
    }
    let node = json::read(&constraint.value, yaml::Limits::default()).ok()?.documents.pop()?;
    let yaml::Value::Sequence(items) = &node.value else { return None };
    let item = |node: &Node| match node.kind().and_then(yaml::Kind::number) {
        Some(number) => Some(number.to_string()),
        None => node.text().map(yaml_text),
    };
    Some(items.iter().map(item).collect::<Option<Vec<String>>>()?.join(","))
}

fn yaml_text(text: &str) -> String {
    format!("{text:?}")
}

fn normal_json(value: &mut Json) {
    match value {
        Json::Number(number) => {
            if let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(normal_json),
        Json::Object(map) => map.values_mut().for_each(normal_json),
        Json::Null | Json::Bool(_) | Json::String(_) => {}
    }
}
