//! What a person asks a flag: for whom, in which context, as it was typed.
//!
//! A context is written as people write one, a line a property: `country=de`. An object of JSON is taken as well; that
//! is read where requests are read, so that a question here and a request of an application mean the same.

use crate::flags::constraint::Subject;
use crate::flags::evaluate::Context;
use crate::flags::snapshot::{Flag, Rollout};

/// A line of a context that says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// From 1.
    pub line: usize,
}

/// Whether the text is meant as JSON.
#[must_use]
pub fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Reads lines of `property=value`; empty ones are passed over, and of a property that comes twice the last counts.
///
/// Blanks around the property are no part of it, and those around the value are none either: nobody sees them.
///
/// # Errors
/// The first line without a property or without its `=`.
pub fn lines(text: &str) -> Result<Context, Unclear> {
    let mut context = Context::default();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match line.split_once('=').map(|(property, value)| (property.trim(), value.trim())) {
            Some((property, value)) if !property.is_empty() => context.insert(property.to_owned(), value.to_owned()),
            _ => return Err(Unclear { line: number }),
        }
    }
    Ok(context)
}

/// A context as pairs, sorted, for whoever writes it down again.
#[must_use]
pub fn pairs(context: &Context) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = context.keys().filter_map(|key| Some((key, context.get(key)?.as_str()))).collect();
    pairs.sort_unstable();
    pairs
}

/// The properties that a flag looks at, each once, in the order in which they are met.
#[must_use]
pub fn properties(flag: &Flag) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let rules = flag.rules.iter().map(|rule| &rule.targets);
    let rollouts = flag.rollouts.iter().filter_map(|rollout| match rollout {
        Rollout::Segment { targets, .. } => Some(targets),
        Rollout::Threshold { .. } | Rollout::Empty => None,
    });
    for segment in rules.chain(rollouts).flat_map(|targets| &targets.segments) {
        for constraint in &segment.constraints {
            if constraint.subject != Subject::Entity && !found.contains(&&*constraint.property) {
                found.push(&constraint.property);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_line_by_line() {
        let read = |text: &str| lines(text).map(|context| format!("{:?}", pairs(&context)));
        assert_eq!(read("").unwrap(), "[]");
        assert_eq!(
            read("\n country = de \r\n\norders=\nq=a=b").unwrap(),
            r#"[("country", "de"), ("orders", ""), ("q", "a=b")]"#
        );
        assert_eq!(read("a=1\na=2").unwrap(), r#"[("a", "2")]"#);
        assert_eq!(lines("a=1\ncountry de").unwrap_err(), Unclear { line: 2 });
        assert_eq!(lines("=de").unwrap_err(), Unclear { line: 1 });
        assert!(is_json(" \n{\"a\": 1}") && !is_json("a={"));
    }
}
