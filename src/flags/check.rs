//! One document against the format: closed structures, the gates of versions 1.0 to 1.6, required fields, references
//! inside the document; and its compiled flags and segments.
//!
//! Errors are what Flipt refuses. Hazards are what it takes in silence although it does not mean what it seems to say.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::parts::{List, Spent};
use super::document::{Document, Foreign, Format};
use super::field::{Finding, Path, Report, finding};
use super::snapshot::{Flag, Segment, last_of_each};
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

/// The segments of a document by key; of several the last.
pub(super) type Segments = HashMap<Box<str>, Arc<Segment>>;

/// A document, and what the reading of its next version may want to know.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) document: Document,
    pub(super) version: u8,
    pub(super) scope: Segments,
    /// Of [`Document::flags`].
    pub(super) flags: Vec<Trace>,
    /// Of [`Document::segments`].
    pub(super) segments: Vec<Trace>,
}

/// Where something compiled comes from.
#[derive(Clone, Copy)]
pub(super) struct Trace {
    /// Index of its item in the list.
    pub(super) item: usize,
    /// Where its key stands.
    pub(super) at: Position,
    /// Nothing was found wrong with it by itself.
    pub(super) clean: bool,
}

/// What a list was compiled to.
struct Compiled<T> {
    values: Vec<Arc<T>>,
    traces: Vec<Trace>,
}

impl<T> Compiled<T> {
    fn with_capacity(items: usize) -> Self {
        Self { values: Vec::with_capacity(items), traces: Vec::with_capacity(items) }
    }

    fn push(&mut self, value: Arc<T>, trace: Trace) {
        self.values.push(value);
        self.traces.push(trace);
    }
}

/// The lists of a document that is read by its parts, where it has them.
#[derive(Default)]
pub(super) struct Lists<'t> {
    pub(super) flags: Option<List<'t, Flag>>,
    pub(super) segments: Option<List<'t, Segment>>,
    /// What of a former version may be taken over.
    pub(super) version: u8,
    pub(super) scope: Option<&'t Segments>,
    pub(super) foreign: &'t [Foreign],
}

struct Reader<'r> {
    report: &'r mut Report,
    format: Format,
    version: u8,
    namespace: Option<Arc<str>>,
    segments: Segments,
    foreign: Vec<Foreign>,
}

/// Checks and compiles one document. Problems and their number go to the report.
pub(super) fn document(report: &mut Report, format: Format, node: &Node) -> Checked {
    let Some((reader, [flags, segments])) = head(report, format, node) else { return Checked::default() };
    let mut reader = reader;
    let segments = reader.all_segments(segments, &Path::Root.key("segments"));
    let flags = reader.all_flags(flags, &Path::Root.key("flags"));
    reader.checked(segments, flags, None)
}

/// The same for a document whose lists are not in the node. None: it has to be read as a whole.
pub(super) fn document_by_parts(
    report: &mut Report,
    node: &Node,
    lists: &mut Lists<'_>,
    spent: &mut Spent,
) -> Option<Checked> {
    let (mut reader, [flags, segments]) = head(report, Format::Yaml, node)?;
    if reader.version != lists.version {
        return None;
    }
    let path = Path::Root.key("segments");
    let segments = match &mut lists.segments {
        Some(list) => reader.listed_segments(list, &path, spent)?,
        None => reader.all_segments(segments, &path),
    };
    let path = Path::Root.key("flags");
    let flags = match &mut lists.flags {
        Some(list) => reader.listed_flags(list, lists.scope?, lists.foreign, &path, spent)?,
        None => reader.all_flags(flags, &path),
    };
    let order = lists.flags.as_ref().and_then(|list| list.same_keys(&flags.values));
    Some(reader.checked(segments, flags, order))
}

/// Reads everything but the lists, and finds these.
fn head<'r, 'n>(report: &'r mut Report, format: Format, node: &'n Node) -> Option<(Reader<'r>, [Option<&'n Node>; 2])> {
    let root = Path::Root;
    let first = report.problems.len();
    let [version, namespace, flags, segments] =
        report.fields(node, &root, ["version", "namespace", "flags", "segments"])?;
    let (segments_known, foreign) = (Segments::new(), Vec::new());
    let mut reader =
        Reader { report, format, version: since::LISTS, namespace: None, segments: segments_known, foreign };
    let namespace = reader.namespace(namespace, &root.key("namespace"));
    reader.report.namespace.clone_from(&namespace);
    for problem in reader.report.problems.iter_mut().skip(first) {
        problem.namespace.clone_from(&namespace);
    }
    reader.namespace = namespace;
    reader.version(version, &root.key("version"));
    Some((reader, [flags, segments]))
}

impl Reader<'_> {
    /// Puts together what was read. `order` says in which order the flags stand by their keys, where that is known.
    fn checked(self, segments: Compiled<Segment>, flags: Compiled<Flag>, order: Option<Arc<[u32]>>) -> Checked {
        let order = order.unwrap_or_else(|| {
            let order = last_of_each(&flags.values, |flag| &flag.key);
            if order.len() < flags.values.len() {
                flag::repeated(self.report, &flags);
            }
            order
        });
        let places = |traces: &[Trace]| traces.iter().map(|trace| trace.at).collect::<Vec<_>>();
        let document = Document {
            namespace: self.namespace,
            segments: places(&segments.traces).into_iter().zip(segments.values).collect(),
            places: places(&flags.traces),
            flags: flags.values.into(),
            order,
            foreign: self.foreign.into(),
            ..Document::default()
        };
        let (flags, segments) = (flags.traces, segments.traces);
        Checked { document, version: self.version, scope: self.segments, flags, segments }
    }

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
