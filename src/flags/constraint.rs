//! One constraint of a segment: compiled once, then asked with a value.
//!
//! What each operator means is Flipt v2's server to the letter, with the leniencies of Go's readers of numbers,
//! booleans and dates, because files in the field rely on them. A value of a request that does not parse never
//! matches, also not a negated operator. A value of a *file* that does not parse is [`Malformed`]: the segment that
//! holds it takes no part in evaluation (and is reported, which Flipt does not).

use std::cmp::Ordering;

use crate::yaml::{self, Kind, Value, json};

mod clients;
mod parse;

pub(crate) use clients::{Unlike, is_full};
pub use parse::{Instant, boolean, instant, number};

#[cfg(test)]
mod tests;

/// What sort of value a constraint compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A property as text.
    String,
    /// A property as 64-bit float.
    Number,
    /// A property as boolean.
    Boolean,
    /// A property as instant.
    DateTime,
    /// The entity id as text; the property is not looked at.
    Entity,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::String, Self::Number, Self::Boolean, Self::DateTime, Self::Entity];

    /// As the file spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "STRING_COMPARISON_TYPE",
            Self::Number => "NUMBER_COMPARISON_TYPE",
            Self::Boolean => "BOOLEAN_COMPARISON_TYPE",
            Self::DateTime => "DATETIME_COMPARISON_TYPE",
            Self::Entity => "ENTITY_ID_COMPARISON_TYPE",
        }
    }

    /// As the client snapshot spells it.
    #[must_use]
    pub const fn client_name(self) -> &'static str {
        match self {
            Self::String => "STRING_CONSTRAINT_COMPARISON_TYPE",
            Self::Number => "NUMBER_CONSTRAINT_COMPARISON_TYPE",
            Self::Boolean => "BOOLEAN_CONSTRAINT_COMPARISON_TYPE",
            Self::DateTime => "DATETIME_CONSTRAINT_COMPARISON_TYPE",
            Self::Entity => "ENTITY_ID_CONSTRAINT_COMPARISON_TYPE",
        }
    }

    /// Whether it compares texts.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Entity)
    }

    /// The operators that the format allows for it.
    #[must_use]
    pub const fn operators(self) -> &'static [Operator] {
        use Operator as O;
        match self {
            Self::String | Self::Entity => &[
                O::Eq,
                O::Neq,
                O::Empty,
                O::NotEmpty,
                O::Prefix,
                O::Suffix,
                O::Contains,
                O::NotContains,
                O::IsOneOf,
                O::IsNotOneOf,
            ],
            Self::Number => {
                &[O::Eq, O::Neq, O::Lt, O::Lte, O::Gt, O::Gte, O::Present, O::NotPresent, O::IsOneOf, O::IsNotOneOf]
            }
            Self::Boolean => &[O::True, O::False, O::Present, O::NotPresent],
            Self::DateTime => &[O::Eq, O::Neq, O::Lt, O::Lte, O::Gt, O::Gte, O::Present, O::NotPresent],
        }
    }
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the format's own words")]
pub enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Empty,
    NotEmpty,
    Prefix,
    Suffix,
    Contains,
    NotContains,
    Present,
    NotPresent,
    True,
    False,
    IsOneOf,
    IsNotOneOf,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Eq,
        Self::Neq,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::Empty,
        Self::NotEmpty,
        Self::Prefix,
        Self::Suffix,
        Self::Contains,
        Self::NotContains,
        Self::Present,
        Self::NotPresent,
        Self::True,
        Self::False,
        Self::IsOneOf,
        Self::IsNotOneOf,
    ];

    /// As file and snapshot spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Empty => "empty",
            Self::NotEmpty => "notempty",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::Contains => "contains",
            Self::NotContains => "notcontains",
            Self::Present => "present",
            Self::NotPresent => "notpresent",
            Self::True => "true",
            Self::False => "false",
            Self::IsOneOf => "isoneof",
            Self::IsNotOneOf => "isnotoneof",
        }
    }

    /// Whether its value is a list.
    #[must_use]
    pub const fn takes_list(self) -> bool {
        matches!(self, Self::IsOneOf | Self::IsNotOneOf)
    }
}

/// A constraint, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// What it compares.
    pub subject: Subject,
    /// How.
    pub operator: Operator,
    /// The key of the context that it looks at.
    pub property: Box<str>,
    /// The value as the snapshot of clients carries it: lists as a JSON array.
    pub value: Box<str>,
    test: Test,
}

/// The value of a constraint that cannot be what its type and operator ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What is compared, with the value of the file already parsed. Text operators use [`Constraint::value`].
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Blank,
    NotBlank,
    Eq,
    Neq,
    Prefix,
    Suffix,
    Contains,
    NotContains,
    /// Sorted.
    TextIn(Box<[Box<str>]>),
    TextNotIn(Box<[Box<str>]>),
    Number(Relation, f64),
    NumberIn(Box<[f64]>),
    NumberNotIn(Box<[f64]>),
    Truth(bool),
    Instant(Relation, Instant),
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

impl Relation {
    const fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Eq => Self::Eq,
            Operator::Neq => Self::Neq,
            Operator::Lt => Self::Lt,
            Operator::Lte => Self::Lte,
            Operator::Gt => Self::Gt,
            Operator::Gte => Self::Gte,
            _ => return None,
        })
    }

    /// NaN is ordered to nothing: only `neq` holds for it.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Neq => order != Some(Ordering::Equal),
            Self::Lt => order == Some(Ordering::Less),
            Self::Lte => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Gte => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Constraint {
    /// Compiles a constraint. An operator that the subject does not know never matches.
    ///
    /// # Errors
    /// The value does not parse.
    pub fn new(subject: Subject, operator: Operator, property: &str, value: &str) -> Result<Self, Malformed> {
        let test = match (subject, operator) {
            (Subject::String | Subject::Entity, Operator::Empty)
            | (Subject::Number | Subject::Boolean | Subject::DateTime, Operator::NotPresent) => Test::Blank,
            (Subject::String | Subject::Entity, Operator::NotEmpty)
            | (Subject::Number | Subject::Boolean | Subject::DateTime, Operator::Present) => Test::NotBlank,
            (Subject::String | Subject::Entity, operator) => match operator {
                Operator::Eq => Test::Eq,
                Operator::Neq => Test::Neq,
                Operator::Prefix => Test::Prefix,
                Operator::Suffix => Test::Suffix,
                Operator::Contains => Test::Contains,
                Operator::NotContains => Test::NotContains,
                Operator::IsOneOf => Test::TextIn(texts(value)?),
                Operator::IsNotOneOf => Test::TextNotIn(texts(value)?),
                _ => Test::Never,
            },
            (Subject::Number, Operator::IsOneOf) => Test::NumberIn(numbers(value)?),
            (Subject::Number, Operator::IsNotOneOf) => Test::NumberNotIn(numbers(value)?),
            (Subject::Number, operator) => match Relation::of(operator) {
                Some(_) if value.is_empty() => Test::Never,
                Some(relation) => {
                    let malformed = || Malformed(format!("{} is no number", yaml::quote(value)));
                    Test::Number(relation, number(value).ok_or_else(malformed)?)
                }
                None => Test::Never,
            },
            (Subject::Boolean, Operator::True) => Test::Truth(true),
            (Subject::Boolean, Operator::False) => Test::Truth(false),
            (Subject::Boolean, _) => Test::Never,
            (Subject::DateTime, operator) => match Relation::of(operator) {
                Some(_) if value.is_empty() => Test::Never,
                Some(relation) => {
                    let malformed = || Malformed(format!("{} is no date and no RFC 3339 time", yaml::quote(value)));
                    Test::Instant(relation, instant(value).ok_or_else(malformed)?)
                }
                None => Test::Never,
            },
        };
        // A list with escapes is written again without: the engines of clients do not read them.
        let value = match &test {
            Test::TextIn(_) | Test::TextNotIn(_) if value.contains('\\') => rewritten(value).into(),
            _ => value.into(),
        };
        Ok(Self { subject, operator, property: property.into(), value, test })
    }

    /// Whether a value (of the context, or the entity id) fulfils it. Of a missing property the value is empty.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        // Go trims what Unicode calls White_Space; so does `str::trim`.
        match &self.test {
            Test::Blank => return value.trim().is_empty(),
            Test::NotBlank => return !value.trim().is_empty(),
            Test::Never => return false,
            _ if value.is_empty() => return false,
            _ => {}
        }
        let own = &*self.value;
        match &self.test {
            Test::Eq => value == own,
            Test::Neq => value != own,
            Test::Prefix => value.trim().starts_with(own),
            Test::Suffix => value.trim().ends_with(own),
            Test::Contains => value.contains(own),
            Test::NotContains => !value.contains(own),
            Test::TextIn(list) => is_in(list, value),
            Test::TextNotIn(list) => !is_in(list, value),
            Test::Number(relation, own) => number(value).is_some_and(|n| relation.holds(n.partial_cmp(own))),
            Test::NumberIn(list) => number(value).is_some_and(|n| list.contains(&n)),
            Test::NumberNotIn(list) => number(value).is_some_and(|n| !list.contains(&n)),
            Test::Truth(own) => boolean(value) == Some(*own),
            Test::Instant(relation, own) => instant(value).is_some_and(|at| relation.holds(Some(at.cmp(own)))),
            Test::Blank | Test::NotBlank | Test::Never => false,
        }
    }

    /// Whether no value at all can match: a comparison with nothing.
    #[must_use]
    pub fn never_matches(&self) -> bool {
        match &self.test {
            Test::Never => true,
            Test::Eq => self.value.is_empty(),
            _ => false,
        }
    }
}

fn is_in(sorted: &[Box<str>], value: &str) -> bool {
    sorted.binary_search_by(|own| (**own).cmp(value)).is_ok()
}

/// The items of a JSON array as text; `null` is an empty list, and an item `null` an empty text, as for Go's reader.
fn texts(value: &str) -> Result<Box<[Box<str>]>, Malformed> {
    let mut texts = items(value, "strings", |item| match &item.value {
        Value::Scalar { text, plain: false } => Some(Box::from(text.as_str())),
        _ if item.is_null() => Some("".into()),
        _ => None,
    })?;
    texts.sort_unstable();
    texts.dedup();
    Ok(texts.into())
}

fn numbers(value: &str) -> Result<Box<[f64]>, Malformed> {
    let numbers = items(value, "numbers", |item| match &item.value {
        Value::Scalar { text, plain: true } if item.is_null() => (!text.is_empty()).then_some(0.0),
        Value::Scalar { text, plain: true } => text.parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    })?;
    Ok(numbers.into())
}

fn items<T>(value: &str, what: &str, read: impl Fn(&yaml::Node) -> Option<T>) -> Result<Vec<T>, Malformed> {
    let malformed = || Malformed(format!("{} is no JSON array of {what}", yaml::quote(value)));
    let mut stream = json::read(value, yaml::Limits::default()).map_err(|_| malformed())?;
    match stream.documents.pop() {
        Some(node) if node.is_null() => Ok(Vec::new()),
        Some(yaml::Node { value: Value::Sequence(items), .. }) => {
            items.iter().map(|item| read(item).ok_or_else(malformed)).collect()
        }
        _ => Err(malformed()),
    }
}

/// A JSON array of strings in its own order, with the fewest escapes; null is an empty text here too.
fn rewritten(value: &str) -> String {
    let text = |item: &yaml::Node| if item.is_null() { Some("".into()) } else { item.text().map(Into::into) };
    let list: Vec<Box<str>> = items(value, "strings", text).unwrap_or_default();
    list_of_texts(list.iter().map(|text| &**text))
}

/// Texts as the compact JSON array that a constraint carries.
pub(super) fn list_of_texts<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut out = String::from("[");
    for text in texts {
        if out.len() > 1 {
            out.push(',');
        }
        super::json::write_text(&mut out, text);
    }
    out.push(']');
    out
}

/// A number of a list as Flipt writes it: whole numbers in decimal, others without exponent. Numbers past the signed
/// 64 bits become a *string*, which makes the list malformed; it is kept, so that the segment drops out as it does there.
pub(super) fn list_number(text: &str, is_json: bool) -> Option<String> {
    match yaml::scalar::kind(text) {
        _ if is_json => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n.to_string()),
        Kind::Int(n) => Some(n.to_string()),
        Kind::Unsigned(n) => Some(format!("\"{n}\"")),
        Kind::Float(n) if n.is_finite() => Some(n.to_string()),
        _ => None,
    }
}
