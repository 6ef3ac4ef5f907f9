//! The line that a finding is about, underlined, for a terminal or a CI log. Secrets that stand in the file are never
//! shown: whatever the table of keys calls a secret is covered, as are userinfo and queries in URLs, wherever they stand in the line.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::Finding;
use super::keys::{self, Key, Shape};
use super::substitute::is_reference;
use super::table::FILE;
use crate::{limits, yaml};

/// The lines of one file, ready to be shown.
pub struct Excerpts<'a> {
    lines: Vec<&'a str>,
    /// None if the file could not be read as YAML.
    cover: Option<Cover>,
}

/// What may not be shown.
#[derive(Default)]
struct Cover {
    /// Texts, wherever they stand, the longest first: an alias or a comment may repeat a secret.
    texts: Vec<SecretString>,
    /// Where secrets begin: escapes, folds and doubled quotes make the text in the file differ from the secret.
    starts: Vec<yaml::Position>,
    /// Where any node begins; a secret ends before the next one.
    nodes: Vec<yaml::Position>,
}

impl<'a> Excerpts<'a> {
    /// Prepares a file.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let bounds = yaml::Limits { nodes: limits::CONFIG_NODES, ..yaml::Limits::default() };
        let cover = yaml::parse(text, bounds).ok().map(|documents| {
            let mut cover = Cover::default();
            for document in &documents {
                cover.take(document, Some(Shape::Section(FILE)));
            }
            cover.texts.sort_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
            cover.nodes.sort_unstable();
            cover.nodes.dedup();
            cover
        });
        Self { lines: text.lines().collect(), cover }
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
        if let Some((line, at)) = finding.at.and_then(|at| Some((self.line(at)?, at))) {
            yaml::excerpt::show(&mut text, &line, at);
        }
        text
    }

    /// The line of a place, with its secrets covered. None if it may not be shown.
    fn line(&self, at: yaml::Position) -> Option<String> {
        let line = self.lines.get(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
        match &self.cover {
            Some(cover) => Some(cover.apply(line, at.line)),
            None => is_harmless(line).then(|| (*line).to_owned()),
        }
    }
}

/// Whether a line of a file that is no YAML may be shown: a key alone, or one that never holds a secret, with a value
/// that has nothing of userinfo or a query.
fn is_harmless(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let key = key.trim().trim_start_matches("- ").trim_matches(['"', '\'']);
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    is_word && (value.trim().is_empty() || (keys::is_open(FILE, key) && !value.contains(['@', '{', '[', '#', '?'])))
}

impl Cover {
    /// Covers what may not be shown of a line, one star a character.
    fn apply(&self, line: &str, number: u32) -> String {
        let at = |column: usize| yaml::Position { line: number, column: u32::try_from(column + 1).unwrap_or(u32::MAX) };
        let inside = |place: yaml::Position| {
            self.starts.iter().any(|start| {
                let end = self.nodes.iter().find(|node| *node > start);
                *start <= place && end.is_none_or(|end| place < *end)
            })
        };
        let stars = line.chars().enumerate().map(|(i, c)| if !c.is_whitespace() && inside(at(i)) { '*' } else { c });
        self.texts.iter().fold(stars.collect(), |line: String, secret| {
            let secret = secret.expose_secret();
            line.replace(secret, &"*".repeat(secret.chars().count()))
        })
    }

    fn take(&mut self, node: &yaml::Node, shape: Option<Shape>) {
        self.nodes.push(node.at);
        match &node.value {
            yaml::Value::Mapping(pairs) => {
                for (key, value) in pairs {
                    self.nodes.push(key.at);
                    let name = key.text().unwrap_or_default();
                    let below = match shape {
                        Some(Shape::Section(keys)) => {
                            keys::find(keys, name).map_or_else(|| guess(name), |key: &Key| Some(key.shape))
                        }
                        Some(Shape::Map(keys)) => Some(Shape::Section(keys)),
                        Some(Shape::Secret | Shape::Secrets) => Some(Shape::Secret),
                        _ => guess(name),
                    };
                    self.take(value, below);
                }
            }
            yaml::Value::Sequence(items) => items.iter().for_each(|item| self.take(item, shape)),
            yaml::Value::Scalar { text, .. } => self.scalar(text, node.at, shape),
        }
    }

    fn scalar(&mut self, text: &str, at: yaml::Position, shape: Option<Shape>) {
        // A key in PEM form may be given where the name of its file belongs.
        let secret = matches!(shape, Some(Shape::Secret | Shape::Secrets)) || text.contains("-----BEGIN");
        if secret && !is_reference(text) {
            self.starts.push(at);
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            self.texts.extend(lines.map(SecretString::from));
            return;
        }
        let Some((_, after)) = text.split_once("://") else {
            // user:password@host:path
            let userinfo = text.split_once('@').map(|(userinfo, _)| userinfo).filter(|userinfo| userinfo.contains(':'));
            self.texts.extend(userinfo.map(SecretString::from));
            return;
        };
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some((userinfo, _)) = authority.rsplit_once('@').filter(|(userinfo, _)| !userinfo.is_empty()) {
            self.texts.push(SecretString::from(userinfo));
        }
        let query = after.split_once(['?', '#']).map(|(_, query)| query).filter(|query| !query.is_empty());
        self.texts.extend(query.map(SecretString::from));
    }
}

/// A key that the table does not know: a slip of the hand in the name of a secret must not show the secret.
fn guess(name: &str) -> Option<Shape> {
    let name = name.to_lowercase();
    let telling = ["secret", "passw", "token", "credential", "bytes", "key"].iter().any(|word| name.contains(word));
    let near = ["secret", "secrets", "password", "access_token", "private_key_bytes", "credential"];
    (telling || keys::nearest(&name, near).is_some()).then_some(Shape::Secret)
}
