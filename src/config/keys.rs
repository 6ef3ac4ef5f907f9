//! What a key is: the one description from which come the checks, the suggestions, the warnings about keys without
//! use, the names of variables, the JSON schema and the reference in `docs/configuration.md`.

use super::table::FILE;

/// One key of the file.
#[derive(Debug)]
pub(super) struct Key {
    /// As the file writes it.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// The value that counts where the file says nothing, as the reference shows it; empty = none.
    pub default: &'static str,
    /// One sentence for the operator.
    pub doc: &'static str,
    /// Whether Yardarm acts on it.
    pub status: Status,
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Keys that are known by name.
    Section(&'static [Key]),
    /// Names that the operator chooses; each holds these keys.
    Map(&'static [Key]),
    /// Text.
    Text,
    /// Text that is never shown.
    Secret,
    /// A file name. `${credential:NAME}` stands for the file itself here, not for its content.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number in this range.
    Integer(i64, i64),
    /// Go's notation: `30s`, `1m30s`, `100ms`.
    Duration,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts; one text is split at its blanks.
    Texts,
    /// A list of texts that are never shown.
    Secrets,
    /// Whatever stands there is not looked at.
    Any,
}

/// Whether Yardarm acts on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Flipt's key, with Flipt's meaning.
    Flipt,
    /// A key that only Yardarm has.
    Own,
    /// Flipt's key that changes nothing here, and why.
    Unused(&'static str),
}

/// The key of this name, as it stands or in other case.
pub(super) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|k| k.name == name).or_else(|| keys.iter().find(|k| k.name.eq_ignore_ascii_case(name)))
}

/// The nearest name, if one is near enough to be a slip of the hand.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(alike, _)| *alike >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Paths of every key of this name, with `<name>` for the names that an operator chooses.
pub(super) fn paths_of(name: &str) -> Vec<String> {
    fn walk(keys: &[Key], above: &str, name: &str, found: &mut Vec<String>) {
        for key in keys {
            let path = if above.is_empty() { key.name.to_owned() } else { format!("{above}.{}", key.name) };
            if key.name == name && !matches!(key.status, Status::Unused(_)) {
                found.push(path.clone());
            }
            match key.shape {
                Shape::Section(below) => walk(below, &path, name, found),
                Shape::Map(below) => walk(below, &format!("{path}.<name>"), name, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(FILE, "", name, &mut found);
    found
}

/// Whether a key of this name holds one value, and nowhere a secret.
pub(super) fn is_open(keys: &[Key], name: &str) -> bool {
    fn shapes(keys: &[Key], name: &str, found: &mut Vec<bool>) {
        for key in keys {
            let open =
                !matches!(key.shape, Shape::Secret | Shape::Secrets | Shape::Section(_) | Shape::Map(_) | Shape::Any);
            if key.name == name {
                found.push(open);
            }
            if let Shape::Section(below) | Shape::Map(below) = key.shape {
                shapes(below, name, found);
            }
        }
    }
    let mut found = Vec::new();
    shapes(keys, name, &mut found);
    !found.is_empty() && found.into_iter().all(|open| open)
}
