//! A rollout of a boolean flag: who gets which answer.

use serde_json::{Value, json};

use super::sent::Sent;
use super::whom::SegmentsForm;
use super::{Wrong, share};
use crate::flags::resource::{Rollout, RolloutTo};

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RolloutForm {
    /// `segment`, `threshold`, `nobody`.
    pub sort: String,
    /// For people.
    pub description: String,
    /// For whom, of the first sort.
    pub segments: SegmentsForm,
    /// In percent, of the second.
    pub percentage: String,
    /// What they get.
    pub value: bool,
}

impl RolloutForm {
    pub(super) fn new(sort: &str) -> Self {
        let sort = if sort == "segment" { "segment" } else { "threshold" };
        Self {
            sort: sort.to_owned(),
            segments: SegmentsForm::empty(),
            percentage: "10".to_owned(),
            value: true,
            description: String::new(),
        }
    }

    pub(super) fn of(rollout: &Rollout) -> Self {
        let mut form = Self { description: rollout.description.clone(), ..Self::default() };
        match &rollout.to {
            RolloutTo::Segment { segments, value } => {
                (form.sort, form.segments, form.value) = ("segment".to_owned(), SegmentsForm::of(segments), *value);
            }
            RolloutTo::Threshold { percentage, value } => {
                (form.sort, form.percentage, form.value) = ("threshold".to_owned(), percentage.to_string(), *value);
            }
            RolloutTo::Nobody => "nobody".clone_into(&mut form.sort),
        }
        form
    }

    pub(super) fn read(sent: &Sent) -> Self {
        Self {
            sort: sent.text("sort"),
            description: sent.text("description"),
            segments: SegmentsForm::read(sent),
            percentage: sent.text("percentage"),
            value: sent.is_on("value"),
        }
    }

    pub(super) fn payload(&self, id: u32, wrongs: &mut Vec<Wrong>) -> Value {
        let description = &self.description;
        match self.sort.as_str() {
            "segment" => {
                let mut segment = json!({ "value": self.value });
                self.segments.put(&mut segment);
                json!({ "type": "SEGMENT_ROLLOUT_TYPE", "description": description, "segment": segment })
            }
            "threshold" => {
                let percentage = share(&self.percentage);
                if percentage.is_none() {
                    let message = "a number between 0 and 100 is needed";
                    wrongs.push(Wrong::new(format!("rollouts.{id}.percentage"), message));
                }
                let threshold = json!({ "percentage": percentage, "value": self.value });
                json!({ "type": "THRESHOLD_ROLLOUT_TYPE", "description": description, "threshold": threshold })
            }
            _ => json!({ "type": "UNKNOWN_ROLLOUT_TYPE", "description": description }),
        }
    }
}
