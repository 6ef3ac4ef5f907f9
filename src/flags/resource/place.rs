//! Where in a file something stands, for whoever wants to look at it there.

use super::Kind;
use super::view::DEFAULT;
use crate::yaml;
use crate::yaml::spans::{self, Spot};

/// Lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The first, from 1.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// What stands there, as it stands there.
    pub text: String,
}

/// The lines with the definition of a resource that counts: the last of its key. None in a file that cannot be read,
/// and where it stands behind an alias.
#[must_use]
pub fn place(bytes: &[u8], namespace: &str, kind: Kind, key: &str) -> Option<Place> {
    let text = yaml::decode(bytes).ok()?;
    let pages = spans::read(text, yaml::Limits::default()).ok()?;
    let list = match kind {
        Kind::Flag => "flags",
        Kind::Segment => "segments",
    };
    let found = pages.iter().rev().filter(|page| namespace_of(&page.root) == namespace).find_map(|page| {
        let items = page.root.pair(list)?.value.items();
        items.iter().rfind(|item| item.node.pair("key").and_then(|pair| pair.value.text()) == Some(key))
    })?;
    let start = text.get(..found.dash)?.rfind('\n').map_or(0, |end| end + 1);
    // The end of a node may lie behind the line end that closes it.
    let body = text.get(start..found.node.end)?.trim_end();
    let end = text.get(start + body.len()..)?.find('\n').map_or(text.len(), |end| start + body.len() + end);
    let shown = text.get(start..end)?.trim_end();
    let first = text.get(..start)?.matches('\n').count() + 1;
    Some(Place { first, last: first + shown.matches('\n').count(), text: shown.to_owned() })
}

fn namespace_of(root: &Spot) -> &str {
    let Some(pair) = root.pair("namespace") else { return DEFAULT };
    let key = pair.value.pair("key").map_or(&pair.value, |key| &key.value);
    key.text().filter(|text| !text.is_empty()).unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: \"1.6\"\nnamespace: {key: shop, name: Shop}\nflags:\n  # about a\n  - key: a\n    \
                        name: A\n    description: |\n      long\n\n  - {key: b, name: B} # beside\n---\nflags:\n- key: \
                        a\n  name: other\nsegments:\n- key: a\n";

    fn of(namespace: &str, kind: Kind, key: &str) -> Option<(usize, usize, String)> {
        place(FILE.as_bytes(), namespace, kind, key).map(|place| (place.first, place.last, place.text))
    }

    #[test]
    fn lines_of_the_definition_that_counts() {
        let a = "  - key: a\n    name: A\n    description: |\n      long";
        assert_eq!(of("shop", Kind::Flag, "a"), Some((5, 8, a.to_owned())));
        assert_eq!(of("shop", Kind::Flag, "b"), Some((10, 10, "  - {key: b, name: B} # beside".to_owned())));
        assert_eq!(of("default", Kind::Flag, "a"), Some((13, 14, "- key: a\n  name: other".to_owned())));
        assert_eq!(of("default", Kind::Segment, "a"), Some((16, 16, "- key: a".to_owned())));
        assert_eq!(of("shop", Kind::Segment, "a"), None);
        assert_eq!(place(b"\xff", "shop", Kind::Flag, "a"), None);
        assert_eq!(place(b"flags: [*x]", "default", Kind::Flag, "a"), None);
        let json = br#"{"namespace": "shop", "flags": [{"key": "a"}]}"#;
        assert_eq!(place(json, "shop", Kind::Flag, "a").map(|place| place.first), Some(1));
    }
}
