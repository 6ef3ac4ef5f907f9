//! A constraint, with the operators and the sort of value that its type has.

use serde_json::{Value, json};

use super::sent::Sent;
use super::{Wrong, metadata};
use crate::flags::constraint::{Operator, Subject};
use crate::flags::resource::Constraint;
use crate::yaml::quote;

/// A constraint, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstraintForm {
    /// What it compares.
    pub subject: Subject,
    /// The name of the operator.
    pub operator: String,
    /// Property of the context.
    pub property: String,
    /// The value; a list an item a line where that says the same, else as JSON.
    pub value: String,
    /// The value as it was found, where that is no list and should be: it is not made one by being looked at, and stays
    /// until another one is typed. Empty otherwise.
    pub kept: String,
    /// For people.
    pub description: String,
}

/// How the value of a constraint is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// It has none.
    Nothing,
    /// Any text.
    Text,
    /// A number.
    Number,
    /// A time.
    Time,
    /// One item a line.
    List,
}

impl ConstraintForm {
    /// One that waits to be filled.
    pub(super) fn empty() -> Self {
        Self {
            subject: Subject::String,
            operator: Operator::Eq.name().to_owned(),
            property: String::new(),
            value: String::new(),
            kept: String::new(),
            description: String::new(),
        }
    }

    pub(super) fn of(constraint: &Constraint) -> Self {
        let Constraint { subject, property, operator, value, description } = constraint.clone();
        let form = Self { subject, operator, property, value, kept: String::new(), description };
        if form.typed() != Typed::List {
            return form;
        }
        let says_the_same = |other: &Self| other.list().as_ref() == Ok(&form.value);
        let as_lines = lines(&form.value).map(|value| Self { value, ..form.clone() }).filter(says_the_same);
        let kept = if says_the_same(&form) { String::new() } else { form.value.clone() };
        as_lines.unwrap_or(Self { kept, ..form })
    }

    pub(super) fn read(sent: &Sent) -> Self {
        let subject = sent.text("type");
        let subject = Subject::ALL.into_iter().find(|one| word(*one) == subject).unwrap_or(Subject::String);
        let mut operator = sent.text("operator");
        let known = |of: &[Operator]| of.iter().any(|one| one.name() == operator);
        // Whoever chooses another type does not have to know which operators it has not.
        if !known(subject.operators()) && known(&Operator::ALL) {
            operator = subject.operators().first().map(|first| first.name().to_owned()).unwrap_or_default();
        }
        Self {
            subject,
            operator,
            property: sent.text("property"),
            value: sent.text("value"),
            kept: sent.text("kept"),
            description: sent.text("description"),
        }
    }

    /// Whether its value is still the one that should be a list and is none.
    pub(super) fn is_kept(&self) -> bool {
        self.typed() == Typed::List && !self.kept.is_empty() && self.kept == self.value
    }

    /// How its value is typed.
    pub(super) fn typed(&self) -> Typed {
        use Operator as O;
        let operator = Operator::ALL.into_iter().find(|operator| operator.name() == self.operator);
        match (operator, self.subject) {
            (Some(O::Empty | O::NotEmpty | O::Present | O::NotPresent | O::True | O::False), _) => Typed::Nothing,
            (Some(operator), _) if operator.takes_list() => Typed::List,
            (_, Subject::Number) => Typed::Number,
            (_, Subject::DateTime) => Typed::Time,
            (_, Subject::Boolean) => Typed::Nothing,
            (_, Subject::String | Subject::Entity) => Typed::Text,
        }
    }

    pub(super) fn payload(&self, name: &str, wrongs: &mut Vec<Wrong>) -> Value {
        let value = match self.typed() {
            Typed::List => self.list(),
            _ => Ok(self.value.clone()),
        };
        let value = value.unwrap_or_else(|message| {
            wrongs.push(Wrong::new(format!("{name}.value"), message));
            String::new()
        });
        json!({
            "type": self.subject.name(),
            "property": if self.subject == Subject::Entity && self.property.is_empty() { "entity" } else { &self.property },
            "operator": self.operator,
            "value": value,
            "description": self.description,
        })
    }

    /// The list as JSON.
    fn list(&self) -> Result<String, String> {
        let typed = self.value.trim();
        if typed.is_empty() || typed.starts_with('[') || self.is_kept() {
            return Ok(self.value.clone());
        }
        let lines = self.value.lines().map(str::trim).filter(|line| !line.is_empty());
        if self.subject != Subject::Number {
            return Ok(lines.collect::<Value>().to_string());
        }
        let number = |line: &str| match metadata::json(line) {
            Ok(Value::Number(_)) => Ok(line.to_owned()),
            _ => Err(format!("{} is no number", quote(line))),
        };
        let numbers: Result<Vec<String>, String> = lines.map(number).collect();
        Ok(format!("[{}]", numbers?.join(",")))
    }
}

/// The short word of a type.
pub(super) const fn word(subject: Subject) -> &'static str {
    match subject {
        Subject::String => "string",
        Subject::Number => "number",
        Subject::Boolean => "boolean",
        Subject::DateTime => "datetime",
        Subject::Entity => "entity",
    }
}

/// A JSON list an item a line, if that can be typed.
fn lines(list: &str) -> Option<String> {
    let Ok(Value::Array(items)) = metadata::json(list) else { return None };
    let lines: Option<Vec<String>> = items.iter().map(line).collect();
    lines.map(|lines| lines.join("\n")).filter(|text| !text.is_empty() && !text.starts_with('['))
}

fn line(item: &Value) -> Option<String> {
    match item {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => {
            let plain = !text.is_empty() && text.trim() == text && super::sent::survives(text, false);
            plain.then(|| text.clone())
        }
        _ => None,
    }
}
