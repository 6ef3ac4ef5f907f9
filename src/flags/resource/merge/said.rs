//! A part of a flag or segment in a few words, for whoever has to choose between three of them.

use serde_json::Value;

use super::super::{Constraint, Distribution, Rollout, RolloutTo, Rule, Segments, Variant};
use crate::flags::constraint::Subject;
use crate::flags::snapshot::{FlagKind, SegmentOperator};

/// What can be said of a part.
pub(super) trait Said {
    /// The words; nothing where it is not there.
    fn said(&self) -> Option<String>;
}

impl Said for String {
    fn said(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Said for bool {
    fn said(&self) -> Option<String> {
        Some(if *self { "on" } else { "off" }.to_owned())
    }
}

impl Said for f32 {
    fn said(&self) -> Option<String> {
        Some(format!("{self} %"))
    }
}

impl Said for FlagKind {
    fn said(&self) -> Option<String> {
        Some(if *self == Self::Boolean { "boolean" } else { "variant" }.to_owned())
    }
}

impl Said for Value {
    fn said(&self) -> Option<String> {
        Some(serde_json::to_string_pretty(self).unwrap_or_default())
    }
}

impl<T: Said + ?Sized> Said for &T {
    fn said(&self) -> Option<String> {
        (*self).said()
    }
}

impl<T: Said> Said for Option<T> {
    fn said(&self) -> Option<String> {
        self.as_ref().and_then(Said::said)
    }
}

impl<T: Said> Said for Vec<T> {
    fn said(&self) -> Option<String> {
        Some(self.iter().filter_map(Said::said).collect::<Vec<_>>().join("\n"))
    }
}

impl Said for Segments {
    fn said(&self) -> Option<String> {
        let and = self.operator == SegmentOperator::And;
        Some(self.keys.join(if and { " AND " } else { " OR " }))
    }
}

impl Said for Distribution {
    fn said(&self) -> Option<String> {
        Some(format!("{} {} %", self.variant, self.rollout))
    }
}

impl Said for Rule {
    fn said(&self) -> Option<String> {
        let shares: Vec<String> = self.distributions.iter().filter_map(Said::said).collect();
        Some(format!("{} → {}", self.segments.said()?, shares.join(", ")))
    }
}

impl Said for RolloutTo {
    fn said(&self) -> Option<String> {
        Some(match self {
            Self::Segment { segments, value } => format!("{} → {}", segments.said()?, value.said()?),
            Self::Threshold { percentage, value } => format!("{percentage} % → {}", value.said()?),
            Self::Nobody => "{}".to_owned(),
        })
    }
}

impl Said for Rollout {
    fn said(&self) -> Option<String> {
        self.to.said()
    }
}

impl Said for (Subject, String, String, String) {
    fn said(&self) -> Option<String> {
        let (subject, property, operator, value) = self;
        let all = [subject.name(), property, operator, value];
        Some(all.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
    }
}

impl Said for Constraint {
    fn said(&self) -> Option<String> {
        (self.subject, self.property.clone(), self.operator.clone(), self.value.clone()).said()
    }
}

impl Said for Variant {
    fn said(&self) -> Option<String> {
        let attachment = self.attachment.as_ref().map(Value::to_string).unwrap_or_default();
        let all = [&self.key, &self.name, &self.description, &attachment];
        Some(all.into_iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join("\n"))
    }
}
