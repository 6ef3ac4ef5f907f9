//! A file of several documents without those of one namespace.
//!
//! A line that begins with `---` begins a document wherever it stands: no scalar may hold one. So a file is cut there,
//! and what is left keeps every byte.

use super::super::document::Format;
use super::super::resource;
use crate::yaml;

/// A file without the documents of a namespace; every other byte of it stays.
///
/// # Errors
/// Why they cannot be told apart.
pub fn without(bytes: &[u8], namespace: &str) -> Result<Vec<u8>, String> {
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

#[cfg(test)]
mod tests {
    use super::without;

    fn left(text: &str) -> String {
        String::from_utf8(without(text.as_bytes(), "x").unwrap()).unwrap()
    }

    #[test]
    fn only_the_documents_of_the_namespace_go() {
        assert_eq!(
            left("namespace: a\n---\nnamespace: x\n--- # last\nnamespace: b"),
            "namespace: a\n--- # last\nnamespace: b"
        );
        assert_eq!(
            left("# all\n---\nnamespace: {key: x}\n---\nnamespace: b\n...\n"),
            "# all\n---\nnamespace: b\n...\n"
        );
        assert_eq!(left("namespace: a\r\n---\r\nnamespace: x\r\n"), "namespace: a\r\n");
        assert_eq!(left("namespace: x\n---\n---\nflags: []\n"), "---\n---\nflags: []\n");
        // What looks like the beginning of a document inside of a scalar is none.
        let text = "namespace: a\nflags:\n- key: f\n  name: F\n  description: |\n    ---\n    x\n  ---a: 1\n";
        assert_eq!(left(&format!("{text}---\nnamespace: x\n")), text);
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_alone() {
        assert!(without(b"%YAML 1.2\n---\nnamespace: x\n", "x").unwrap_err().contains("depend on each other"));
        assert!(without(b"namespace: a\n...\nnamespace: x\n", "x").is_err());
        assert!(without(b"\xff", "x").is_err());
    }
}
