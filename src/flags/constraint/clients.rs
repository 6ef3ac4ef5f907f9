//! Where the engines inside Flipt's client SDKs judge a constraint otherwise than its server, because of its value.
//!
//! The engines know whole numbers of 32 bits, times of whole seconds in full RFC 3339, lists of texts without escapes,
//! and they trim nothing. A request may be odd in the same ways; that is not the constraint's fault and not told here.

use super::{Constraint, Relation, Test};

/// What the engines of clients make of a value that the server takes as it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlike {
    /// A number that is not whole, not of 32 bits, or not written as digits: nothing compares with it.
    Number,
    /// A list that they cannot read: nothing is in it.
    List,
    /// A date, or a time in a spelling of which they know nothing: nothing compares with it.
    Time,
    /// A time with a fraction of a second, which they throw away.
    Fraction,
    /// Blanks at an end, which the server takes off the values of requests, and they do not.
    Blank,
}

impl Constraint {
    /// Whether, and why, there is a value that clients judge otherwise because of how this constraint is written.
    pub(crate) fn unlike_in_clients(&self) -> Option<Unlike> {
        let value = &*self.value;
        match &self.test {
            Test::Number(relation, own) => {
                let can_hold = match relation {
                    Relation::Neq => true,
                    Relation::Lt => *own > f64::NEG_INFINITY,
                    Relation::Gt => *own < f64::INFINITY,
                    Relation::Eq | Relation::Lte | Relation::Gte => !own.is_nan(),
                };
                (can_hold && value.parse::<i32>().is_err()).then_some(Unlike::Number)
            }
            // Of an unreadable list the answer stays the same where nothing of it could be asked for.
            Test::NumberIn(list) => (!list.is_empty() && !are_whole_numbers(value)).then_some(Unlike::List),
            Test::NumberNotIn(list) => {
                let asked_for = |n: &f64| n.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(n);
                (list.iter().any(asked_for) && !are_whole_numbers(value)).then_some(Unlike::List)
            }
            Test::TextIn(list) | Test::TextNotIn(list) => {
                let asked_for = list.iter().any(|text| !text.is_empty());
                (asked_for && !are_plain_texts(value)).then_some(Unlike::List)
            }
            Test::Instant(..) if !is_full(value) => Some(Unlike::Time),
            Test::Instant(_, own) => (own.nanoseconds > 0).then_some(Unlike::Fraction),
            Test::Prefix | Test::Suffix => (value.trim() != value).then_some(Unlike::Blank),
            _ => None,
        }
    }
}

/// As the engines read a list of numbers.
fn are_whole_numbers(list: &str) -> bool {
    serde_json::from_str::<Vec<i32>>(list).is_ok()
}

/// As the engines read a list of texts: each in place, so without an escape.
fn are_plain_texts(list: &str) -> bool {
    serde_json::from_str::<Vec<&str>>(list).is_ok()
}

/// Whether a time that Go reads is one of RFC 3339 to the letter: an hour of two digits, a point before the fraction,
/// an offset below a day.
pub(crate) fn is_full(time: &str) -> bool {
    let two_digits = time.as_bytes().get(13) == Some(&b':');
    let offset = time.len().checked_sub(5).and_then(|at| time.get(at..));
    let offset_in_day = offset.and_then(|text| text.split_once(':')).is_some_and(|(h, m)| h <= "23" && m <= "59");
    two_digits && !time.contains(',') && (time.ends_with('Z') || offset_in_day)
}
