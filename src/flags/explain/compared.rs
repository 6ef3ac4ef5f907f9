//! One constraint and one value, in words. Whether they match is [`Constraint::matches`]' to say and nobody else's.

use std::borrow::Cow;

use super::engine;
use super::text::printable;
use super::{ConstraintLook, Outcome, Seen, State};
use crate::flags::constraint::{self, Constraint, Operator, Subject};
use crate::flags::evaluate::Context;
use crate::limits;

/// Asks one constraint.
pub(super) fn compare(number: usize, own: &Constraint, entity: &str, context: &Context) -> ConstraintLook {
    let given = match own.subject {
        Subject::Entity => Some(entity),
        _ => context.get(&own.property).map(|value| &**value),
    };
    let value = given.unwrap_or_default();
    let matched = own.matches(value);
    let state = state(own, given);
    let mut why = why(own, state, value, matched, context);
    if engine::matches(own, value) != matched {
        why = format!("{why}; client SDKs say {}: {}", if matched { "no" } else { "yes" }, engine::why(own));
    }
    ConstraintLook {
        number,
        subject: own.subject.name().to_owned(),
        property: cut(&own.property).into_owned(),
        operator: own.operator.name().to_owned(),
        value: cut(&own.value).into_owned(),
        seen: Seen { state, value: given.map(|value| cut(value).into_owned()) },
        outcome: Outcome::of(matched),
        decided: false,
        why,
    }
}

fn state(own: &Constraint, given: Option<&str>) -> State {
    let Some(value) = given else { return State::Missing };
    if value.is_empty() {
        return State::Empty;
    }
    if asks_for_presence(own.operator) {
        return if value.trim().is_empty() { State::Blank } else { State::Value };
    }
    let parses = match own.subject {
        Subject::Number => constraint::number(value).is_some(),
        Subject::Boolean => constraint::boolean(value).is_some(),
        Subject::DateTime => constraint::instant(value).is_some(),
        Subject::String | Subject::Entity => true,
    };
    match parses {
        false => State::Unparsable,
        true if value.trim().is_empty() => State::Blank,
        true => State::Value,
    }
}

const fn asks_for_presence(operator: Operator) -> bool {
    matches!(operator, Operator::Empty | Operator::NotEmpty | Operator::Present | Operator::NotPresent)
}

fn why(own: &Constraint, state: State, value: &str, matched: bool, context: &Context) -> String {
    let what = match own.subject {
        Subject::Entity => "the entity id".to_owned(),
        _ => quoted(&own.property),
    };
    if asks_for_presence(own.operator) {
        return match state {
            State::Missing => format!("{}, which counts as empty", absent(own, context)),
            State::Empty => format!("{what} is empty"),
            State::Blank => format!("{what} is blank, which counts as empty"),
            State::Unparsable | State::Value => format!("{what} is {}", quoted(value)),
        };
    }
    if own.never_matches() {
        return "the constraint compares with nothing and never matches".to_owned();
    }
    let negated = matches!(own.operator, Operator::Neq | Operator::NotContains | Operator::IsNotOneOf);
    let never = |nothing: &str| {
        let operator = own.operator.name();
        if negated { format!("; {nothing} never matches, not even {operator}") } else { String::new() }
    };
    match state {
        State::Missing => return format!("{}{}", absent(own, context), never("a missing value")),
        State::Empty => return format!("{what} is empty{}", never("an empty value")),
        State::Unparsable => {
            let expected = match own.subject {
                Subject::Number => "no number",
                Subject::Boolean => "neither true nor false",
                _ => "no date and no RFC 3339 time",
            };
            return format!("{} is {expected}{}", quoted(value), never("what does not parse"));
        }
        State::Blank | State::Value => {}
    }
    let compared = format!("{} {} {}", quoted(value), phrase(own, matched), compared_with(own));
    match near(own, value) {
        Some(near) if !matched => format!("{compared}: {near}"),
        _ => compared,
    }
}

/// That a property is missing, and which one may be meant.
fn absent(own: &Constraint, context: &Context) -> String {
    let plain = |key: &str| -> String {
        key.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(limits::QUOTED_CHARACTERS)
            .collect()
    };
    let missing = format!("the context has no {}", quoted(&own.property));
    if context.len() > limits::EXPLAINED_NEAR {
        return missing;
    }
    let wanted = plain(&own.property);
    match context.keys().find(|key| !wanted.is_empty() && plain(key) == wanted) {
        Some(near) => format!("{missing} (it has {})", quoted(near)),
        None => missing,
    }
}

/// What two texts differ in, if it is hard to see.
fn near(own: &Constraint, value: &str) -> Option<&'static str> {
    if !matches!(own.subject, Subject::String | Subject::Entity) || own.operator != Operator::Eq {
        return None;
    }
    let (value, other) = (value, &*own.value);
    if value.trim() == other.trim() {
        Some("they differ in the blanks around them")
    } else if value.len() == other.len() && value.eq_ignore_ascii_case(other) {
        Some("they differ in upper and lower case")
    } else {
        None
    }
}

/// The verb of a comparison that came out so.
fn phrase(own: &Constraint, matched: bool) -> &'static str {
    let dates = own.subject == Subject::DateTime;
    let (yes, no) = match own.operator {
        Operator::Eq if dates => ("is", "is not"),
        Operator::Neq if dates => ("is not", "is"),
        Operator::Lt if dates => ("is before", "is not before"),
        Operator::Lte if dates => ("is not after", "is after"),
        Operator::Gt if dates => ("is after", "is not after"),
        Operator::Gte if dates => ("is not before", "is before"),
        Operator::Eq => ("equals", "does not equal"),
        Operator::Neq => ("does not equal", "equals"),
        Operator::Lt => ("is less than", "is not less than"),
        Operator::Lte => ("is at most", "is not at most"),
        Operator::Gt => ("is more than", "is not more than"),
        Operator::Gte => ("is at least", "is not at least"),
        Operator::Prefix => ("begins with", "does not begin with"),
        Operator::Suffix => ("ends with", "does not end with"),
        Operator::Contains => ("contains", "does not contain"),
        Operator::NotContains => ("does not contain", "contains"),
        Operator::IsOneOf => ("is one of", "is none of"),
        Operator::IsNotOneOf => ("is none of", "is one of"),
        Operator::True | Operator::False => ("reads as", "does not read as"),
        Operator::Empty | Operator::NotEmpty | Operator::Present | Operator::NotPresent => ("is", "is"),
    };
    if matched { yes } else { no }
}

fn compared_with(own: &Constraint) -> String {
    match own.operator {
        Operator::True => "true".to_owned(),
        Operator::False => "false".to_owned(),
        operator if operator.takes_list() => printable(&cut(&own.value)).into_owned(),
        _ => quoted(&own.value),
    }
}

/// A text as an explanation repeats it.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(limits::EXPLAINED_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The same in quotes, with everything escaped that would not be seen.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text))
}
