//! The text of one flag file -> its documents, checked against the format (versions 1.0 to 1.6).
//!
//! Reading looks at one file only, so its result can be kept by blob id; what needs the other files of the namespace
//! (references to segments) is judged by [`super::snapshot::assemble`]. What comes out is compiled: no trace of the
//! text is kept.

use std::fmt;
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use super::check::{self, Checked};
use super::field::{Path, Report, finding};
use super::problem::{Problem, Severity};
use super::snapshot::{Flag, Segment, SegmentOperator};
use crate::limits;
use crate::yaml::{self, Position, Reason, json};

pub(super) mod parts;

use parts::Parts;

/// How a file's text is read; chosen by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `features.yaml`, `features.yml`: a stream of documents.
    Yaml,
    /// `features.json`: one document.
    Json,
}

/// One file, read and checked by itself.
#[derive(Debug, Clone, Default)]
pub struct SourceFile {
    /// SHA-1 of the bytes, lower-case hex: the digest of Flipt's snapshots is made of it.
    pub sha1: Box<str>,
    /// What is wrong with the file by itself; `file` is empty here and filled in by whoever knows the path.
    pub problems: Vec<Problem>,
    /// In the order of the file; none if it is no YAML or JSON at all.
    pub(super) documents: Vec<Document>,
    /// Which namespaces the file feeds cannot be told.
    pub(super) unreadable: bool,
    /// Of a large file, what its next version may take over.
    parts: Option<Arc<Parts>>,
}

/// One document of a file: what it adds to a namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    /// None: it is in error, and cannot be told.
    pub(super) namespace: Option<Arc<str>>,
    /// It has an error of its own; nothing below is filled in.
    pub(super) failed: bool,
    /// It has a hazard of its own.
    pub(super) hazardous: bool,
    /// With the place of each key.
    pub(super) segments: Vec<(Position, Arc<Segment>)>,
    /// Their references to segments of this document are resolved.
    pub(super) flags: Arc<[Arc<Flag>]>,
    /// The place of each flag's key.
    pub(super) places: Vec<Position>,
    /// The last flag of each key, sorted by key: indices.
    pub(super) order: Arc<[u32]>,
    /// References that other documents have to resolve, by flag.
    pub(super) foreign: Arc<[Foreign]>,
}

/// The targets of a rule or rollout that name a segment which the document does not define.
#[derive(Clone)]
pub(super) struct Foreign {
    /// Index into [`Document::flags`].
    pub(super) flag: usize,
    /// Index into the flag's rollouts, or else its rules.
    pub(super) rollout: bool,
    /// Which of them.
    pub(super) index: usize,
    pub(super) operator: SegmentOperator,
    /// What is to be added to the lines of their places.
    pub(super) line: i64,
    /// All segments that are named, with their places: see [`Foreign::place`].
    pub(super) keys: Arc<[(Position, Box<str>)]>,
    /// Path of the `segment` field below the flag: see [`Foreign::key_path`].
    pub(super) key_path: Arc<str>,
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|(at, key)| (self.place(*at), key)).collect();
        let what = (self.flag, self.rollout, self.index, self.operator);
        f.debug_tuple("Foreign").field(&what).field(&keys).field(&self.key_path()).finish()
    }
}

impl Foreign {
    /// Where one of the keys stands.
    pub(super) fn place(&self, at: Position) -> Position {
        let line = i64::from(at.line).saturating_add(self.line);
        Position { line: u32::try_from(line).unwrap_or_default(), ..at }
    }

    /// Path of the `segment` field.
    pub(super) fn key_path(&self) -> String {
        format!("flags[{}].{}", self.flag, self.key_path)
    }

    /// The same of a flag that stands elsewhere now.
    pub(super) fn moved(&self, flag: usize, by: i64) -> Self {
        Self { flag, line: self.line.saturating_add(by), ..self.clone() }
    }
}

/// Whether a path, relative to the environment's directory, is a flag file, and of which format.
///
/// Flipt's rule: the base name is `features.yaml`, `.yml` or `.json` and there is at least one directory above it.
#[must_use]
pub fn format_of(path: &str) -> Option<Format> {
    match path.rsplit_once('/')?.1 {
        "features.yaml" | "features.yml" => Some(Format::Yaml),
        "features.json" => Some(Format::Json),
        _ => None,
    }
}

/// Reads one file. Never fails: what is wrong is in [`SourceFile::problems`].
#[must_use]
pub fn read(format: Format, bytes: &[u8]) -> SourceFile {
    read_after(None, format, bytes)
}

/// The same, and of a large file what is as in `previous`, a former version of it, is taken over from there: it costs
/// what changed. What comes out is the same in every respect.
#[must_use]
pub fn read_after(previous: Option<&SourceFile>, format: Format, bytes: &[u8]) -> SourceFile {
    read_from(limits::PARTS_BYTES, previous, format, bytes)
}

/// The same; files of `large` bytes and more count as large.
pub(super) fn read_from(large: usize, previous: Option<&SourceFile>, format: Format, bytes: &[u8]) -> SourceFile {
    // A file that is not read feeds no digest.
    let too_large = bytes.len() > limits::FLAG_FILE_BYTES;
    let sha1 = if too_large { String::new() } else { hex::encode(Sha1::digest(bytes)) }.into();
    let by_parts = format == Format::Yaml && bytes.len() >= large && !too_large;
    let before = previous.filter(|_| by_parts).and_then(|file| file.parts.as_ref());
    if let Some(before) = before
        && let Ok(text) = yaml::decode(bytes)
    {
        let mut reading = Reading::default();
        if let Some((documents, parts)) = parts::read(before, text, &mut reading) {
            return SourceFile { sha1, parts: Some(Arc::new(parts)), ..reading.end(documents) };
        }
    }
    let (text, stream) = match parse(format, bytes) {
        Ok(read) => read,
        Err(error) => {
            let problems = vec![problem_of(format, error)];
            // What the version before was made of is of use again once this one is repaired.
            let parts = before.map(Arc::clone);
            return SourceFile { sha1, problems, documents: Vec::new(), unreadable: true, parts };
        }
    };
    let mut reading = Reading::default();
    let is_clean = stream.repeated.is_empty();
    let mut repeated = stream.repeated.into_iter().peekable();
    let mut checked = Vec::with_capacity(stream.documents.len());
    for (index, node) in stream.documents.iter().enumerate() {
        let mut own = Vec::new();
        while let Some((_, error)) = repeated.next_if(|(document, _)| *document == index) {
            own.push(error);
        }
        // A document of nothing, as after a last `---`, feeds nothing.
        if node.is_null() && own.is_empty() {
            continue;
        }
        let report = reading.begin();
        let mut document = check::document(report, format, node);
        for error in own {
            report.errors += 1;
            if report.problems.len() < limits::FLAG_PROBLEMS {
                let namespace = document.document.namespace.clone();
                report.problems.push(Problem { namespace, ..problem_of(format, error) });
            }
        }
        reading.judge(&mut document);
        checked.push((index, document));
    }
    let parts = (by_parts && is_clean).then(|| parts::of_whole(text, &stream.documents, &checked, stream.copied > 0));
    let parts = parts.flatten().map(Arc::new).or_else(|| before.map(Arc::clone));
    SourceFile { sha1, parts, ..reading.end(checked.into_iter().map(|(_, document)| document)) }
}

/// A file while its documents are read.
#[derive(Default)]
struct Reading {
    report: Report,
}

impl Reading {
    /// Begins a document.
    fn begin(&mut self) -> &mut Report {
        (self.report.errors, self.report.hazards, self.report.namespace) = (0, 0, None);
        &mut self.report
    }

    /// Ends it: what was told of it since it began decides whether it counts.
    const fn judge(&self, checked: &mut Checked) {
        checked.document.failed = self.report.errors > 0;
        checked.document.hazardous = self.report.hazards > 0;
    }

    fn end(self, checked: impl IntoIterator<Item = Checked>) -> SourceFile {
        let mut report = self.report;
        let kept = |Checked { document, .. }: Checked| {
            let Document { failed, hazardous, .. } = document;
            if failed {
                Document { namespace: document.namespace, failed, hazardous, ..Document::default() }
            } else {
                document
            }
        };
        let documents: Vec<Document> = checked.into_iter().map(kept).collect();
        if report.untold > 0 {
            report.problems.truncate(limits::FLAG_PROBLEMS.saturating_sub(1));
            let message = format!("{} more problems are not shown", report.untold + 1);
            report.error(
                Position { line: 1, column: 1 },
                &Path::Root,
                finding("more-problems", message, "repair the first ones"),
            );
            if let Some(last) = report.problems.last_mut() {
                (last.at, last.namespace) = (None, None);
                if !documents.iter().any(|document| document.failed) {
                    let hazardous = documents.iter().any(|document| document.hazardous);
                    last.severity = if hazardous { Severity::Hazard } else { Severity::Warning };
                }
            }
        }
        report.problems.sort_by_key(|problem| (problem.at.is_none(), problem.at));
        let unreadable = documents.iter().any(|document| document.namespace.is_none());
        SourceFile { problems: report.problems, documents, unreadable, ..SourceFile::default() }
    }
}

/// What becomes of a file of `size` bytes that is too large to be read at all.
#[must_use]
pub fn too_large(format: Format, size: usize) -> SourceFile {
    let problems = vec![problem_of(format, oversize(size))];
    SourceFile { problems, unreadable: true, ..SourceFile::default() }
}

fn oversize(size: usize) -> yaml::Error {
    yaml::Error {
        at: Position { line: 1, column: 1 },
        message: format!("the file has {size} bytes; {} are read", limits::FLAG_FILE_BYTES),
        reason: Reason::Limit,
        key_path: String::new(),
    }
}

fn parse(format: Format, bytes: &[u8]) -> Result<(&str, yaml::Stream), yaml::Error> {
    if bytes.len() > limits::FLAG_FILE_BYTES {
        return Err(oversize(bytes.len()));
    }
    let text = yaml::decode(bytes)?;
    match format {
        Format::Yaml => yaml::read(text, yaml::Limits::default()),
        Format::Json => json::read(text, yaml::Limits::default()),
    }
    .map(|stream| (text, stream))
}

fn problem_of(format: Format, error: yaml::Error) -> Problem {
    let (code, help) = match (error.reason, format) {
        (Reason::Encoding, _) => ("encoding", "save the file as UTF-8"),
        (Reason::Character, _) => ("control-character", "remove it, or write it as an escape in double quotes"),
        (Reason::Syntax, Format::Yaml) if error.message.contains("tab") => {
            ("yaml-syntax", "indent with spaces; YAML allows no tabs there")
        }
        (Reason::Syntax, Format::Yaml) => ("yaml-syntax", "check indentation, quotes and brackets near this place"),
        (Reason::Syntax, Format::Json) => ("json-syntax", "check commas, quotes and brackets near this place"),
        (Reason::RepeatedKey, _) => ("duplicate-field", "keep one of them"),
        (Reason::Limit, _) => ("too-large", "split the file, or write it without such nesting and aliases"),
    };
    Problem {
        severity: Severity::Error,
        code,
        file: "".into(),
        at: Some(error.at),
        key_path: error.key_path,
        namespace: None,
        message: error.message,
        help: help.to_owned(),
    }
}

#[cfg(test)]
impl SourceFile {
    /// All that comes out of a read, as text.
    pub(super) fn shown(&self) -> String {
        format!("{:#?}", Self { parts: None, ..self.clone() })
    }

    /// Whether a next version may take over something.
    pub(super) const fn is_kept(&self) -> bool {
        self.parts.is_some()
    }
}
