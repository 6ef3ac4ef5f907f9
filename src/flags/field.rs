//! The fields of a document, read by the type that the format gives them, with a problem for everything else.
//!
//! Reading never stops: a value of a wrong type is reported and its place stays empty, so that a file is told all of
//! its problems at once.

use std::fmt;
use std::sync::Arc;

use super::problem::{Problem, Severity};
use crate::limits;
use crate::yaml::{Kind, Node, Position, Value, clip, quote};

/// Where the reader is, as links up the stack: nothing is built until a problem asks for it.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub(super) const fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    pub(super) const fn item(&'p self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => f.write_str(&clip(key)),
            Path::Key(parent, key) => write!(f, "{parent}.{}", clip(key)),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) problems: Vec<Problem>,
    /// The namespace that the document being read feeds.
    pub(super) namespace: Option<Arc<str>>,
    /// Of the document being read; they count on when [`limits::FLAG_PROBLEMS`] are told.
    pub(super) errors: usize,
    /// Of the document being read.
    pub(super) hazards: usize,
    /// Problems that were not told.
    pub(super) untold: usize,
}

/// What a message says: code, what is wrong, what to do.
pub(super) struct Finding {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

/// Shorthand for a [`Finding`].
pub(super) fn finding(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { code, message: message.into(), help: help.into() }
}

impl Report {
    /// How much was found so far, told or not.
    pub(super) const fn found(&self) -> usize {
        self.problems.len() + self.untold
    }

    pub(super) fn error(&mut self, at: Position, path: &Path<'_>, what: Finding) {
        self.errors += 1;
        self.tell(Severity::Error, at, path, what);
    }

    pub(super) fn hazard(&mut self, at: Position, path: &Path<'_>, what: Finding) {
        self.hazards += 1;
        self.tell(Severity::Hazard, at, path, what);
    }

    pub(super) fn warning(&mut self, at: Position, path: &Path<'_>, what: Finding) {
        self.tell(Severity::Warning, at, path, what);
    }

    fn tell(&mut self, severity: Severity, at: Position, path: &Path<'_>, what: Finding) {
        if self.problems.len() >= limits::FLAG_PROBLEMS {
            self.untold += 1;
            return;
        }
        self.problems.push(Problem {
            severity,
            code: what.code,
            file: "".into(),
            at: Some(at),
            key_path: path.to_string(),
            namespace: self.namespace.clone(),
            message: what.message,
            help: what.help,
        });
    }

    /// The values of a mapping by the names that may stand in it; any other name is a problem.
    pub(super) fn fields<'n, const N: usize>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
        names: [&'static str; N],
    ) -> Option<[Option<&'n Node>; N]> {
        let Value::Mapping(pairs) = &node.value else {
            self.wrong_type(node, path, "a mapping");
            return None;
        };
        let mut found = [None; N];
        for (key, value) in pairs {
            let name = key.text().unwrap_or_default();
            match names.iter().position(|known| *known == name).and_then(|at| found.get_mut(at)) {
                Some(slot) => *slot = Some(value),
                None => self.error(key.at, &path.key(name), unknown_field(name, &names)),
            }
        }
        Some(found)
    }

    /// A field that has to be there.
    pub(super) fn required<'n>(
        &mut self,
        field: Option<&'n Node>,
        owner: &Node,
        path: &Path<'_>,
        name: &str,
    ) -> Option<&'n Node> {
        if field.is_none() {
            self.error(
                owner.at,
                &path.key(name),
                finding("missing-field", format!("\"{name}\" is missing"), format!("add \"{name}\"")),
            );
        }
        field
    }

    /// Text: quoted, or looking like nothing else.
    pub(super) fn text<'n>(&mut self, node: &'n Node, path: &Path<'_>) -> Option<&'n str> {
        match node.kind() {
            Some(Kind::Text) => node.text(),
            Some(Kind::Null) | None => {
                self.wrong_type(node, path, "text");
                None
            }
            Some(kind) => {
                let text = node.text().unwrap_or_default();
                self.error(
                    node.at,
                    path,
                    finding(
                        "wrong-type",
                        format!("{} is {} where text is expected", clip(text), kind.name()),
                        format!("put it in quotes: {}", quote(text)),
                    ),
                );
                None
            }
        }
    }

    /// Text of at least one character on one line (the format's `^.+$`).
    pub(super) fn line<'n>(&mut self, node: &'n Node, path: &Path<'_>) -> Option<&'n str> {
        let text = self.text(node, path)?;
        if text.is_empty() {
            self.error(node.at, path, finding("empty-text", "the text is empty", "write at least one character"));
            return None;
        }
        if text.contains('\n') {
            let what = "the text has more than one line";
            self.error(node.at, path, finding("several-lines", what, "write it on one line"));
            return None;
        }
        Some(text)
    }

    /// A key of a namespace, flag or segment.
    pub(super) fn key<'n>(&mut self, node: &'n Node, path: &Path<'_>) -> Option<&'n str> {
        let text = self.text(node, path)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b',');
        if text.is_empty() || !text.bytes().all(allowed) {
            self.error(
                node.at,
                path,
                finding(
                    "invalid-key",
                    format!("{} is no key", quote(text)),
                    "keys are made of ASCII letters, digits, \"-\", \"_\" and \",\"",
                ),
            );
            return None;
        }
        Some(text)
    }

    /// A description: text, or null, which is as good as none.
    pub(super) fn description<'n>(&mut self, node: Option<&'n Node>, path: &Path<'_>) -> &'n str {
        match node {
            Some(node) if !node.is_null() => self.text(node, &path.key("description")).unwrap_or_default(),
            _ => "",
        }
    }

    /// `true` or `false`, unquoted; absent is false.
    pub(super) fn flag_of(&mut self, node: Option<&Node>, path: &Path<'_>) -> bool {
        let Some(node) = node else { return false };
        if let Some(Kind::Bool(value)) = node.kind() {
            return value;
        }
        let help = match node.text().map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "on" | "y" | "true") => "write true, without quotes",
            Some("no" | "off" | "n" | "false") => "write false, without quotes",
            _ => "write true or false, without quotes",
        };
        let what = format!("{} where true or false is expected", described(node));
        self.error(node.at, path, finding("wrong-type", what, help));
        false
    }

    /// A finite number, unquoted.
    pub(super) fn number(&mut self, node: &Node, path: &Path<'_>) -> Option<f64> {
        let number = node.kind().and_then(Kind::number).filter(|number| number.is_finite());
        if number.is_none() {
            let what = format!("{} where a number is expected", described(node));
            self.error(node.at, path, finding("wrong-type", what, "write a number, without quotes"));
        }
        number
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, path: &Path<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, path)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = nearest(text, &known)
            .map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean {near}?"));
        self.error(node.at, path, finding("unknown-value", format!("{} is not known here", quote(text)), help));
        None
    }

    /// The items of a list; absent is empty, null is not.
    pub(super) fn list<'n>(&mut self, node: Option<&'n Node>, path: &Path<'_>) -> &'n [Node] {
        match node.map(|node| (&node.value, node)) {
            None => &[],
            Some((Value::Sequence(items), _)) => items,
            Some((_, node)) => {
                self.wrong_type(node, path, "a list");
                &[]
            }
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node, path: &Path<'_>, expected: &str) {
        let help = if node.is_null() {
            "leave the field out, or give it a value".to_owned()
        } else {
            format!("write {expected}")
        };
        let what = format!("{} where {expected} is expected", described(node));
        self.error(node.at, path, finding("wrong-type", what, help));
    }
}

/// A node as messages name it.
fn described(node: &Node) -> String {
    match &node.value {
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Scalar { .. } if node.is_null() => "null".to_owned(),
        Value::Scalar { text, plain: false } => format!("the text {}", quote(text)),
        Value::Scalar { text, plain: true } => format!("{} ({})", clip(text), node.kind().map_or("text", Kind::name)),
    }
}

fn unknown_field(name: &str, names: &[&str]) -> Finding {
    let help = nearest(name, names)
        .map_or_else(|| format!("known here: {}", names.join(", ")), |near| format!("did you mean \"{near}\"?"));
    finding("unknown-field", format!("the field {} is not known here", quote(name)), help)
}

/// The word that a person may have meant.
pub(super) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    // The distance costs the product of the lengths; no word of the format is this long.
    if text.len() > 64 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), *word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
