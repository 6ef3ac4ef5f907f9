//! The text of one flag file -> its documents, checked against the format (versions 1.0 to 1.6).
//!
//! Reading looks at one file only, so its result can be kept by blob id; what needs the other files of the namespace
//! (references to segments) is judged by [`super::snapshot::assemble`]. What comes out is compiled: no trace of the
//! text is kept.

use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use super::check;
use super::field::{Path, Report, finding};
use super::problem::{Problem, Severity};
use super::snapshot::{Flag, Segment, SegmentOperator};
use crate::limits;
use crate::yaml::{self, Position, Reason, json};

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
    /// With the place of each key. Their references to segments of this document are resolved.
    pub(super) flags: Vec<(Position, Arc<Flag>)>,
    /// References that other documents have to resolve.
    pub(super) foreign: Vec<Foreign>,
}

/// The targets of a rule or rollout that name a segment which the document does not define.
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    /// Index into [`Document::flags`].
    pub(super) flag: usize,
    /// Index into the flag's rollouts, or else its rules.
    pub(super) rollout: bool,
    /// Which of them.
    pub(super) index: usize,
    pub(super) operator: SegmentOperator,
    /// All segments that are named, with their places.
    pub(super) keys: Vec<(Position, Box<str>)>,
    /// Path of the `segment` field.
    pub(super) key_path: String,
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
    // A file that is not read feeds no digest.
    let too_large = bytes.len() > limits::FLAG_FILE_BYTES;
    let sha1 = if too_large { String::new() } else { hex::encode(Sha1::digest(bytes)) }.into();
    let stream = match parse(format, bytes) {
        Ok(stream) => stream,
        Err(error) => {
            let problems = vec![problem_of(format, error)];
            return SourceFile { sha1, problems, documents: Vec::new(), unreadable: true };
        }
    };
    let mut report = Report::default();
    let mut documents = Vec::with_capacity(stream.documents.len());
    let mut repeated = stream.repeated.into_iter().peekable();
    for (index, node) in stream.documents.into_iter().enumerate() {
        (report.errors, report.hazards, report.namespace) = (0, 0, None);
        let mut own = Vec::new();
        while let Some((_, error)) = repeated.next_if(|(document, _)| *document == index) {
            own.push(error);
        }
        // A document of nothing, as after a last `---`, feeds nothing.
        if node.is_null() && own.is_empty() {
            continue;
        }
        let mut document = check::document(&mut report, format, &node);
        for error in own {
            report.errors += 1;
            if report.problems.len() < limits::FLAG_PROBLEMS {
                let problem = problem_of(format, error);
                report.problems.push(Problem { namespace: document.namespace.clone(), ..problem });
            }
        }
        if report.errors > 0 {
            document = Document { namespace: document.namespace, failed: true, ..Document::default() };
        }
        document.hazardous = report.hazards > 0;
        documents.push(document);
    }
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
    SourceFile { sha1, problems: report.problems, documents, unreadable }
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

fn parse(format: Format, bytes: &[u8]) -> Result<yaml::Stream, yaml::Error> {
    if bytes.len() > limits::FLAG_FILE_BYTES {
        return Err(oversize(bytes.len()));
    }
    let text = yaml::decode(bytes)?;
    match format {
        Format::Yaml => yaml::read(text, yaml::Limits::default()),
        Format::Json => json::read(text, yaml::Limits::default()),
    }
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
