//! One document against the format: closed structures, the gates of versions 1.0 to 1.6, required fields, references
//! inside the document; and its compiled flags and segments.
//!
//! Errors are what Flipt refuses. Hazards are what it takes in silence although it does not mean what it seems to say.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::{Document, Foreign, Format};
use super::field::{Finding, Path, Report, finding};
use super::snapshot::Segment;
use crate::yaml::{Kind, Node, Position, Value, clip, quote};

mod clients;
mod flag;
mod rule;
mod segment;
mod target;

pub(super) use target::{empty_targets, resolve};

/// Minor versions from which a field or form is known.
mod since {
    pub(super) const TYPE: u8 = 1;
    pub(super) const METADATA: u8 = 3;
    pub(super) const DEFAULT_VARIANT: u8 = 3;
    pub(super) const LISTS: u8 = 6;
}

const VERSIONS: [(&str, u8); 7] = [("1.0", 0), ("1.1", 1), ("1.2", 2), ("1.3", 3), ("1.4", 4), ("1.5", 5), ("1.6", 6)];

type Segments = HashMap<Box<str>, Arc<Segment>>;

struct Reader<'r> {
    report: &'r mut Report,
    format: Format,
    version: u8,
    segments: Segments,
    foreign: Vec<Foreign>,
}

/// Checks and compiles one document. Problems and their number go to the report.
pub(super) fn document(report: &mut Report, format: Format, node: &Node) -> Document {
    let root = Path::Root;
    let first = report.problems.len();
    let Some([version, namespace, flags, segments]) =
        report.fields(node, &root, ["version", "namespace", "flags", "segments"])
    else {
        return Document::default();
    };
    let mut reader = Reader { report, format, version: since::LISTS, segments: Segments::new(), foreign: Vec::new() };
    let namespace = reader.namespace(namespace, &root.key("namespace"));
    reader.report.namespace.clone_from(&namespace);
    for problem in reader.report.problems.iter_mut().skip(first) {
        problem.namespace.clone_from(&namespace);
    }
    reader.version(version, &root.key("version"));
    let segments = reader.all_segments(segments, &root.key("segments"));
    let flags = reader.all_flags(flags, &root.key("flags"));
    Document { namespace, segments, flags, foreign: reader.foreign, ..Document::default() }
}

impl Reader<'_> {
    fn version(&mut self, node: Option<&Node>, path: &Path<'_>) {
        let Some(node) = node else { return };
        let found = (node.kind() == Some(Kind::Text)).then(|| node.text()).flatten();
        if let Some((_, minor)) = VERSIONS.iter().find(|(name, _)| Some(*name) == found) {
            self.version = *minor;
            return;
        }
        let text = node.text().unwrap_or_default();
        let what = if VERSIONS.iter().any(|(name, _)| *name == text) {
            finding("version", format!("the version {text} is not quoted"), format!("write version: \"{text}\""))
        } else {
            let what = format!("the version {} is not known", quote(text));
            finding("version", what, "write \"1.6\", or an older one down to \"1.0\"")
        };
        self.report.error(node.at, path, what);
    }

    /// The namespace, or none if it cannot be told.
    fn namespace(&mut self, node: Option<&Node>, path: &Path<'_>) -> Option<Arc<str>> {
        let Some(node) = node else { return Some("default".into()) };
        if !matches!(node.value, Value::Mapping(_)) {
            return self.report.key(node, path).map(Into::into);
        }
        let [key, name, description] = self.report.fields(node, path, ["key", "name", "description"])?;
        if let Some(name) = name {
            self.report.line(name, &path.key("name"));
        }
        self.report.description(description, path);
        let Some(key) = key else {
            self.report.namespace = Some("".into());
            let what = "the namespace has no key: it is served under an empty one, not as \"default\"";
            self.report.hazard(node.at, &path.key("key"), finding("namespace-without-key", what, "add key: default"));
            return Some("".into());
        };
        self.report.key(key, &path.key("key")).map(Into::into)
    }

    /// Reports a field that the document's version does not know.
    fn gate(&mut self, field: Option<&Node>, path: &Path<'_>, name: &str, since: u8) -> bool {
        if let Some(node) = field.filter(|_| self.version < since) {
            let what = format!("\"{name}\" is not known in version 1.{}", self.version);
            let help = format!("set version: \"1.{since}\" or later, or remove \"{name}\"");
            self.report.error(node.at, &path.key(name), finding("not-in-version", what, help));
            return false;
        }
        true
    }
}

/// The hazard of a second definition.
pub(super) fn duplicate(what: &str, key: &str, first: Position, rule: &str) -> Finding {
    let message = format!("the {what} \"{}\" is defined again, first in line {}; {rule}", clip(key), first.line);
    finding("duplicate-key", message, "keep one of them, or rename it")
}
