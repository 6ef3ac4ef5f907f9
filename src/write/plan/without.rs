//! A file of several documents without those of one namespace.
//!
//! A line that begins with `---` begins a document wherever it stands: no scalar may hold one. So a file is cut there,
//! and what is left keeps every byte.

use crate::flags::document::Format;
use crate::flags::resource;
use crate::yaml;

/// The file without the documents of a namespace.
///
/// # Errors
/// Why they cannot be told apart.
pub(super) fn namespace(bytes: &[u8], namespace: &str) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut kept = String::with_capacity(text.len());
    for part in parts(text) {
        let documents = yaml::parse(part, yaml::Limits::default())
            .map_err(|error| format!("its documents depend on each other: {error}"))?;
        let mut declared = documents.iter().filter(|node| !node.is_null());
        let first = declared.next().map(|node| resource::read(node, Format::Yaml));
        if declared.next().is_some() {
            return Err("two of its documents have no --- between them".to_owned());
        }
        if first.is_none_or(|document| document.namespace.key != namespace) {
            kept.push_str(part);
        }
    }
    Ok(kept.into_bytes())
}

/// The text cut before every line that begins a document.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut rest, mut at) = (text, 0);
    for line in text.split_inclusive('\n') {
        let begins =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if begins && at > 0 {
            let (part, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            parts.push(part);
            (rest, at) = (after, 0);
        }
        at += line.len();
    }
    parts.push(rest);
    parts
}
