//! Every key with its default, as the tables of `docs/configuration.md`; made from the table of keys.

use std::fmt::Write as _;

use super::keys::{Key, Shape, Status};
use super::table::FILE;

/// The reference, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    table("The file", "", FILE, &mut text);
    let mut unused = Vec::new();
    collect_unused(FILE, "", &mut unused);
    text.push_str(
        "### Keys of Flipt without use\n\nThey are read and reported as warnings.\n\n| key | why |\n|---|---|\n",
    );
    for (path, why) in unused {
        let _ = writeln!(text, "| `{path}` | {why} |");
    }
    text
}

fn below(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

fn table(title: &str, above: &str, keys: &'static [Key], text: &mut String) {
    let used: Vec<&Key> = keys.iter().filter(|key| !matches!(key.status, Status::Unused(_))).collect();
    let _ = write!(text, "### {title}\n\n| key | type | default | |\n|---|---|---|---|\n");
    for key in &used {
        let own = if key.status == Status::Own { " *" } else { "" };
        let _ = writeln!(text, "| `{}`{own} | {} | {} | {} |", key.name, kind(key.shape), default(key), key.doc);
    }
    text.push('\n');
    for key in used {
        let path = below(above, key.name);
        match key.shape {
            Shape::Section(keys) => table(&format!("`{path}`"), &path, keys, text),
            Shape::Map(keys) => {
                let path = format!("{path}.<name>");
                table(&format!("`{path}`"), &path, keys, text);
            }
            _ => {}
        }
    }
}

fn default(key: &Key) -> String {
    let is_value = match key.shape {
        Shape::Bool
        | Shape::Integer(..)
        | Shape::Word(_)
        | Shape::Duration
        | Shape::Text
        | Shape::Path
        | Shape::Texts => !key.default.contains([' ', '`', ':']) || matches!(key.shape, Shape::Texts),
        _ => false,
    };
    if key.default.is_empty() || !is_value || key.default == "none" {
        key.default.to_owned()
    } else {
        format!("`{}`", key.default)
    }
}

fn kind(shape: Shape) -> String {
    match shape {
        Shape::Section(_) => "section".to_owned(),
        Shape::Map(_) => "sections by name".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Secret => "secret".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer(0, 65_535) => "port".to_owned(),
        Shape::Integer(..) => "number".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Texts => "list of texts".to_owned(),
        Shape::Secrets => "list of secrets".to_owned(),
        Shape::Any => "anything".to_owned(),
    }
}

fn collect_unused(keys: &'static [Key], above: &str, found: &mut Vec<(String, &'static str)>) {
    for key in keys {
        let path = below(above, key.name);
        match (key.status, key.shape) {
            (Status::Unused(why), _) => found.push((path, why)),
            (_, Shape::Section(keys)) => collect_unused(keys, &path, found),
            (_, Shape::Map(keys)) => collect_unused(keys, &format!("{path}.<name>"), found),
            _ => {}
        }
    }
}
