//! Who is in a segment.

use serde::Serialize;
use serde_json::Value;

use crate::flags::constraint::Subject;
use crate::flags::resource::{Constraint, Segment};
use crate::view::list::cut;

/// Constraints that are told.
const TOLD: usize = 3;
/// Characters of a value that are told.
const VALUE: usize = 40;

/// Who is in a segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Who {
    /// All of the constraints have to match, not only one.
    pub all: bool,
    /// The first of them; of none, everybody is in it.
    pub asks: Vec<Asks>,
    /// Further ones.
    pub more: usize,
}

/// What a constraint asks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asks {
    /// The property; absent of the entity id.
    pub property: Option<String>,
    /// As the file spells it, if it is one that we know; the template has a sign or a word for each.
    pub operator: String,
    /// What it is compared with; absent where the operator needs nothing.
    pub value: Option<String>,
}

/// Who is in a segment.
#[must_use]
pub fn of_segment(segment: &Segment) -> Who {
    Who {
        all: segment.all,
        asks: segment.constraints.iter().take(TOLD).map(asks).collect(),
        more: segment.constraints.len().saturating_sub(TOLD),
    }
}

fn asks(constraint: &Constraint) -> Asks {
    let operator = constraint.operator.to_lowercase();
    let valued = !matches!(&*operator, "empty" | "notempty" | "present" | "notpresent" | "true" | "false");
    let listed = matches!(&*operator, "isoneof" | "isnotoneof");
    Asks {
        property: (constraint.subject != Subject::Entity).then(|| cut(&constraint.property, VALUE)),
        value: valued.then(|| cut(&if listed { spread(&constraint.value) } else { constraint.value.clone() }, VALUE)),
        operator,
    }
}

/// A list as people write it: `pro, team`.
fn spread(list: &str) -> String {
    let Ok(items) = serde_json::from_str::<Vec<Value>>(list) else { return list.to_owned() };
    let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}
