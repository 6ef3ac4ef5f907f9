//! The line that a finding is about, underlined, for a terminal or a CI log. Secrets that stand in the file are never
//! shown: whatever the table of keys calls a secret is covered, as is userinfo in URLs, wherever it stands in the line.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::Finding;
use super::keys::{self, FILE, Key, Shape};
use super::substitute::is_reference;
use crate::{limits, yaml};

/// The lines of one file, ready to be shown.
pub struct Excerpts<'a> {
    lines: Vec<&'a str>,
    /// Texts to cover, the longest first; none if the file could not be read as YAML.
    covered: Option<Vec<SecretString>>,
}

impl<'a> Excerpts<'a> {
    /// Prepares a file.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let bounds = yaml::Limits { nodes: limits::CONFIG_NODES, ..yaml::Limits::default() };
        let covered = yaml::parse(text, bounds).ok().map(|documents| {
            let mut found = Vec::new();
            for document in &documents {
                cover(document, Some(Shape::Section(FILE)), &mut found);
            }
            found.sort_by_key(|text| std::cmp::Reverse(text.len()));
            found.dedup();
            found.into_iter().map(SecretString::from).collect()
        });
        Self { lines: text.lines().collect(), covered }
    }

    /// `file:line:column: error: key: message`, and the line with the place underlined.
    #[must_use]
    pub fn show(&self, file: &str, finding: &Finding) -> String {
        let mut text = file.to_owned();
        if let Some(at) = finding.at {
            let _ = write!(text, ":{}:{}", at.line, at.column);
        }
        let _ = write!(text, ": {}: ", finding.severity.name());
        if !finding.key.is_empty() {
            let _ = write!(text, "{}: ", finding.key);
        }
        text.push_str(&finding.message);
        text.push('\n');
        if let Some((line, underline)) = finding.at.and_then(|at| self.excerpt(at)) {
            let number = finding.at.map_or(0, |at| at.line).to_string();
            let _ = writeln!(text, "  {number} | {line}");
            let _ = writeln!(text, "  {} | {underline}", " ".repeat(number.len()));
        }
        text
    }

    fn excerpt(&self, at: yaml::Position) -> Option<(String, String)> {
        let line = self.lines.get(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
        let mut shown = match &self.covered {
            Some(covered) => covered.iter().fold((*line).to_owned(), |line, secret| {
                let secret = secret.expose_secret();
                line.replace(secret, &"*".repeat(secret.chars().count()))
            }),
            None if is_harmless(line) => (*line).to_owned(),
            None => return None,
        };
        let start = usize::try_from(at.column).ok()?.saturating_sub(1);
        let width = token(&shown, start);
        // One column for one character, so that the mark stands below its place.
        shown = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let kept: String = shown.chars().take(limits::EXCERPT_CHARACTERS).collect();
        if start > limits::EXCERPT_CHARACTERS {
            return None;
        }
        let width = width.min(limits::EXCERPT_CHARACTERS.saturating_sub(start)).max(1);
        Some((kept.trim_end().to_owned(), format!("{}{}", " ".repeat(start), "^".repeat(width))))
    }
}

/// How many characters the word has that begins at this column.
fn token(line: &str, start: usize) -> usize {
    let mut rest = line.chars().skip(start).peekable();
    let quote = rest.peek().copied().filter(|c| matches!(c, '"' | '\''));
    let mut width = 0;
    while let Some(c) = rest.next() {
        if let Some(quote) = quote {
            width += 1;
            if width > 1 && c == quote {
                break;
            }
            continue;
        }
        let ends = c.is_whitespace()
            || matches!(c, ',' | '}' | ']')
            || (c == ':' && rest.peek().is_none_or(|c| c.is_whitespace()));
        if ends {
            break;
        }
        width += 1;
    }
    width.max(1)
}

/// Whether a line of a file that is no YAML may be shown: a key with a harmless name, and nothing that could be a
/// part of a key or certificate.
fn is_harmless(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let key = key.trim().trim_start_matches("- ").trim_matches(['"', '\'']).to_lowercase();
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let lower = line.to_lowercase();
    let telling =
        ["secret", "password", "token", "credential", "_bytes", "key", "-----"].iter().any(|word| lower.contains(word));
    is_word && !telling && !value.contains('@')
}

/// Collects what may not be shown.
fn cover(node: &yaml::Node, shape: Option<Shape>, found: &mut Vec<String>) {
    match &node.value {
        yaml::Value::Mapping(pairs) => {
            for (key, value) in pairs {
                let name = key.text().unwrap_or_default();
                let below = match shape {
                    Some(Shape::Section(keys)) => {
                        keys::find(keys, name).map_or_else(|| guess(name), |key: &Key| Some(key.shape))
                    }
                    Some(Shape::Map(keys)) => Some(Shape::Section(keys)),
                    Some(Shape::Secret | Shape::Secrets) => Some(Shape::Secret),
                    _ => guess(name),
                };
                cover(value, below, found);
            }
        }
        yaml::Value::Sequence(items) => items.iter().for_each(|item| cover(item, shape, found)),
        yaml::Value::Scalar { text, .. } => {
            if matches!(shape, Some(Shape::Secret | Shape::Secrets)) && !is_reference(text) {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                found.extend(lines.map(str::to_owned));
            } else if let Some((_, after)) = text.split_once("://") {
                let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
                if let Some((userinfo, _)) = authority.rsplit_once('@').filter(|(userinfo, _)| !userinfo.is_empty()) {
                    found.push(userinfo.to_owned());
                }
            }
        }
    }
}

/// A key that the table does not know: a slip of the hand in the name of a secret must not show the secret.
fn guess(name: &str) -> Option<Shape> {
    let name = name.to_lowercase();
    let telling = ["secret", "passw", "token", "credential", "bytes", "key"].iter().any(|word| name.contains(word));
    let near = ["secret", "secrets", "password", "access_token", "private_key_bytes", "credential"];
    (telling || keys::nearest(&name, near).is_some()).then_some(Shape::Secret)
}
