//! What a large file declares after a small change: what its former version declared, but for the items that differ.
//!
//! Only where the parts of both texts can be told ([`outline`]) and everything but items of their lists of flags and
//! segments is the same, byte by byte; an item that differs is read by itself, and one with an anchor or alias is left
//! to the reading of the whole.

use super::super::document::Format;
use super::{Document, read};
use crate::limits;
use crate::yaml::outline::{self, Entry, Follows, Item};
use crate::yaml::{self, Node};

/// The documents of `new`, if they can be told from those of `old`, a file in YAML without an error.
pub(super) fn declared(former: &[Document], old: &[u8], new: &[u8]) -> Option<Vec<Document>> {
    if new.len() < limits::PARTS_BYTES { None } else { by_parts(former, old, new) }
}

fn by_parts(former: &[Document], old: &[u8], new: &[u8]) -> Option<Vec<Document>> {
    let (old, new) = (yaml::decode(old).ok()?, yaml::decode(new).ok()?);
    let (was, is) = (outline::of(old)?.documents, outline::of(new)?.documents);
    if was.len() != is.len() || was.iter().filter(|document| !document.entries.is_empty()).count() != former.len() {
        return None;
    }
    let mut former = former.iter();
    let mut documents = Vec::with_capacity(is.len());
    for (was, is) in was.iter().zip(&is) {
        if was.entries.is_empty() && is.entries.is_empty() {
            continue;
        }
        let before = former.next()?;
        if was.entries.len() != is.entries.len() {
            return None;
        }
        let mut document = Document {
            version: before.version.clone(),
            namespace: before.namespace.clone(),
            flags: Vec::new(),
            segments: Vec::new(),
        };
        for (index, (one, other)) in was.entries.iter().zip(&is.entries).enumerate() {
            let key = new.get(other.key.clone())?;
            if old.get(one.key.clone())? != key {
                return None;
            }
            let sides = Sides { old: (old, one, was.follows(index)), new: (new, other, is.follows(index)) };
            let version = &before.version;
            match key {
                "flags" => document.flags = sides.list(&before.flags, |node| read::flag(node, Format::Yaml))?,
                "segments" => {
                    let read = |node: &Node| read::segment(node, Format::Yaml, read::has_lists(version));
                    document.segments = sides.list(&before.segments, read)?;
                }
                _ if old.get(one.range.clone())? == new.get(other.range.clone())? => {}
                _ => return None,
            }
        }
        documents.push(document);
    }
    Some(documents)
}

/// An entry of the top in both texts, and what follows it.
struct Sides<'s> {
    old: (&'s str, &'s Entry, Follows),
    new: (&'s str, &'s Entry, Follows),
}

impl Sides<'_> {
    /// The items of a list: of those that are the same what is known, of the others what is read.
    fn list<T: Clone>(&self, known: &[T], read: impl Fn(&Node) -> T) -> Option<Vec<T>> {
        let ((old, was, was_follows), (new, is, is_follows)) = (self.old, self.new);
        let (Some((was, before)), Some((is, column))) = (was.items(), is.items()) else {
            // Of neither anything can be told: then they have to be the same.
            let same = old.get(was.range.clone())? == new.get(is.range.clone())?;
            return same.then(|| known.to_vec());
        };
        if before != column || was.len() != known.len() {
            return None;
        }
        let same = |one: &Item, other: &Item| old.get(one.start..one.end) == new.get(other.start..other.end);
        let head = was.iter().zip(is).take_while(|(one, other)| same(one, other)).count();
        let rest = was.len().min(is.len()) - head;
        let tail = was.iter().rev().zip(is.iter().rev()).take(rest).take_while(|(one, other)| same(one, other)).count();
        let alone = |text: &str, items: &[Item], at: usize, follows: Follows| {
            let item = items.get(at)?;
            let follows = if at + 1 < items.len() { Follows::Item } else { follows };
            outline::item(text.get(item.start..item.end)?, column, follows).filter(|part| part.copied == 0)
        };
        for at in head..was.len() - tail {
            alone(old, was, at, was_follows)?;
        }
        let mut list = Vec::with_capacity(is.len());
        list.extend_from_slice(known.get(..head)?);
        for at in head..is.len() - tail {
            list.push(read(&alone(new, is, at, is_follows)?.node));
        }
        list.extend_from_slice(known.get(known.len() - tail..)?);
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::super::document;
    use super::super::super::problem::Severity;
    use super::super::view::declared as whole;
    use super::*;

    fn listed() -> String {
        let mut text = String::from("# Large.\nversion: \"1.6\"\nnamespace: {key: large, name: Large}\nflags:\n");
        for n in 0..12 {
            writeln!(
                text,
                "  # Number {n}.\n  - key: flag-{n}\n    name: Flag {n}\n    description: |\n      A text\n      - of lines: x\n    type: BOOLEAN_FLAG_TYPE\n    enabled: true\n    rollouts:\n      - segment: {{key: seg-{}, value: true}}\n",
                n % 7
            )
            .unwrap();
        }
        text.push_str("segments:\n");
        for n in 0..7 {
            writeln!(text, "- key: seg-{n}\n  name: Seg\n  match_type: ALL_MATCH_TYPE\n  constraints: [{{type: STRING_COMPARISON_TYPE, property: p, operator: isoneof, value: [a, b]}}]").unwrap();
        }
        text + "---\nnamespace: small\nflags:\n- {key: f, name: F}\n"
    }

    fn after(old: &str, new: &str) -> Option<Vec<Document>> {
        by_parts(&whole(Format::Yaml, old.as_bytes()).unwrap(), old.as_bytes(), new.as_bytes())
    }

    #[test]
    fn a_small_change_is_read_by_itself() {
        let old = listed();
        let lines = |from: &str, to: &str| old.replacen(from, to, 1);
        let item = "  - key: new\n    name: New\n    metadata: {n: 1}\n";
        for new in [
            old.clone(),
            lines("enabled: true\n", "enabled: false # now\n"),
            lines("  # Number 6.\n", &format!("{item}  # Number 6.\n")),
            lines("segments:\n", &format!("{item}segments:\n")),
            lines("value: [a, b]", "value: [a, b, c]"),
            lines("- {key: f, name: F}", "- {key: f, name: G}\n- {key: g, name: G}"),
            lines("    name: Flag 11\n", "    name: Last\n"),
        ] {
            let found = after(&old, &new);
            assert_eq!(found.as_deref(), Some(&*whole(Format::Yaml, new.as_bytes()).unwrap()));
        }
    }

    #[test]
    fn what_cannot_be_told_is_left_to_the_whole() {
        let old = listed();
        for (from, to) in [
            ("version: \"1.6\"", "version: \"1.5\""),
            ("name: Large}", "name: Larger}"),
            ("  - key: flag-3\n", "  - &three\n    key: flag-3\n"),
            ("segments:\n", "segments: []\n#"),
            ("---\nnamespace: small", "namespace: small"),
        ] {
            assert_eq!(after(&old, &old.replacen(from, to, 1)), None, "{to}");
        }
        // A small file is read as a whole.
        let documents = whole(Format::Yaml, old.as_bytes()).unwrap();
        assert_eq!(declared(&documents, old.as_bytes(), old.as_bytes()), None);
    }

    #[test]
    fn no_change_of_a_line_is_told_otherwise_than_by_the_whole() {
        let old = listed();
        let lines: Vec<&str> = old.lines().collect();
        let odd = [
            "",
            "  - key: x",
            "    name: \"x",
            "      - of",
            "  # x",
            "---",
            "key: x",
            "    enabled: false",
            "\"",
            "- {key: z, name: Z}",
        ];
        let mut told = 0;
        for (at, line) in lines.iter().enumerate().filter(|(at, _)| at % 5 == 0 || *at > lines.len() - 12) {
            for replaced in odd.iter().copied().chain([*line]) {
                for keep in [true, false] {
                    let mut new = lines.clone();
                    if keep {
                        new.insert(at, replaced);
                    } else {
                        new[at] = replaced;
                    }
                    let new = new.join("\n") + "\n";
                    let problems = document::read(Format::Yaml, new.as_bytes()).problems;
                    if problems.iter().any(|problem| problem.severity == Severity::Error) {
                        continue;
                    }
                    if let Some(found) = after(&old, &new) {
                        assert_eq!(found, whole(Format::Yaml, new.as_bytes()).unwrap(), "{at}: {replaced:?}");
                        told += 1;
                    }
                }
            }
        }
        assert!(told > 40, "only {told} were told by their parts");
    }
}
