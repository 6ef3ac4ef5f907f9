//! The form of a segment.

use serde_json::{Value, json};

use super::act::{self, Act, Verb};
use super::constraint::ConstraintForm;
use super::sent::Sent;
use super::{Items, Wrong, items};
use crate::flags::resource::{Kind, Segment};

/// A segment, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentForm {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Every constraint has to match, not only one.
    pub all: bool,
    /// In the order of the file.
    pub constraints: Items<ConstraintForm>,
}

impl SegmentForm {
    /// A new segment.
    #[must_use]
    pub fn new() -> Self {
        Self { all: true, constraints: items([ConstraintForm::empty()]), ..Self::default() }
    }

    /// The form of a segment.
    #[must_use]
    pub fn of(segment: &Segment) -> Self {
        Self {
            key: segment.key.clone(),
            name: segment.name.clone(),
            description: segment.description.clone(),
            all: segment.all,
            constraints: items(segment.constraints.iter().map(ConstraintForm::of)),
        }
    }

    /// What was sent.
    #[must_use]
    pub fn read(sent: &Sent) -> Self {
        Self {
            key: sent.text("key"),
            name: sent.text("name"),
            description: sent.text("description"),
            all: sent.text("match") != "any",
            constraints: sent.items("constraints", ConstraintForm::read),
        }
    }

    pub(super) fn payload(&self, wrongs: &mut Vec<Wrong>) -> Value {
        let constraint =
            |item: &super::Item<ConstraintForm>| item.of.payload(&format!("constraints.{}", item.id), wrongs);
        let constraints: Vec<Value> = self.constraints.iter().map(constraint).collect();
        json!({
            "@type": Kind::Segment.type_url(),
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "matchType": if self.all { "ALL_MATCH_TYPE" } else { "ANY_MATCH_TYPE" },
            "constraints": constraints,
        })
    }

    /// Does what a button says; answers the name of the item that it was about.
    pub(super) fn act(&mut self, act: &Act) -> Option<String> {
        let (list, rest) = act.at.split_first()?;
        if list != "constraints" {
            return None;
        }
        let id = match (act.verb, rest.first()) {
            (Verb::Add, None) => Some(act::add(&mut self.constraints, ConstraintForm::empty())),
            (verb, id) => act::change(&mut self.constraints, verb, id.map(String::as_str)),
        };
        Some(id.map_or_else(|| list.clone(), |id| format!("{list}.{id}")))
    }
}
