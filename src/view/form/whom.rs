//! For whom a rule or rollout is.

use serde_json::{Value, json};

use super::act::{self, Verb};
use super::sent::Sent;
use super::{Items, items};
use crate::flags::resource::Segments;
use crate::flags::snapshot::SegmentOperator;

/// For whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentsForm {
    /// Keys of segments.
    pub keys: Items<String>,
    /// All of them, not any.
    pub all: bool,
}

impl SegmentsForm {
    pub(super) fn of(segments: &Segments) -> Self {
        Self { keys: items(segments.keys.iter().cloned()), all: segments.operator == SegmentOperator::And }
    }

    pub(super) fn read(sent: &Sent) -> Self {
        Self { keys: sent.items("segments", Sent::own), all: sent.text("operator") == "all" }
    }

    /// One that waits to be filled.
    pub(super) fn empty() -> Self {
        Self { keys: items([String::new()]), all: false }
    }

    pub(super) fn put(&self, into: &mut Value) {
        let Value::Object(object) = into else { return };
        let keys: Vec<&str> = self.keys.iter().map(|key| key.of.trim()).filter(|key| !key.is_empty()).collect();
        object.insert("segments".to_owned(), json!(keys));
        let operator = if self.all { "AND_SEGMENT_OPERATOR" } else { "OR_SEGMENT_OPERATOR" };
        object.insert("segmentOperator".to_owned(), json!(operator));
    }

    /// The numbers of those that say something: a field that was added and left alone means nothing.
    pub(super) fn filled(&self) -> Vec<u32> {
        self.keys.iter().filter(|key| !key.of.trim().is_empty()).map(|key| key.id).collect()
    }

    pub(super) fn act(&mut self, verb: Verb, rest: &[&str]) -> Option<u32> {
        match (verb, rest) {
            (Verb::Add, []) => Some(act::add(&mut self.keys, String::new())),
            (_, rest) => act::change(&mut self.keys, verb, rest.first().copied()),
        }
    }
}
