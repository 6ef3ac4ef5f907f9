//! The body of a delivery, read for the few fields that are used.
//!
//! [`read`] walks the JSON once and keeps only objects' members whose names were asked for; everything else is skipped
//! without being stored. What is kept is bounded: text, list length, nesting and number of nodes, so that 25 MB of
//! brackets cost 25 MB of reading and no memory. Nothing in a payload is an error but broken JSON: a field that is
//! missing, null, of another type or too long is simply not there, and the code that asks says what follows from that.
//! The walk never recurses deeper than [`limits::PAYLOAD_DEPTH`]; below that `serde_json` skips without a stack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// A part of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Node {
    /// Not there, null, not of use, or over a bound.
    #[default]
    Absent,
    /// True or false.
    Flag(bool),
    /// A whole number from 0.
    Number(u64),
    /// Text, printable or not.
    Text(Box<str>),
    /// A list; `cut` if the payload had more than was kept.
    List {
        /// What was kept, in order.
        items: Vec<Node>,
        /// There was more.
        cut: bool,
    },
    /// The members that were asked for; of repeated names the last.
    Object(Vec<(Box<str>, Node)>),
}

/// The text is not one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not JSON")]
pub struct NotJson;

static ABSENT: Node = Node::Absent;

impl Node {
    /// The member at a dotted path; absent if any step of it is.
    #[must_use]
    pub fn at(&self, path: &str) -> &Node {
        path.split('.').fold(self, |node, name| match node {
            Self::Object(members) => {
                members.iter().rev().find(|(known, _)| &**known == name).map_or(&ABSENT, |(_, node)| node)
            }
            _ => &ABSENT,
        })
    }

    /// The text at a path, if it is text and not empty.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.at(path) {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The number at a path; providers have changed numbers into text before, so digits count as well.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<u64> {
        match self.at(path) {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The flag at a path.
    #[must_use]
    pub fn flag(&self, path: &str) -> Option<bool> {
        match self.at(path) {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The list at a path, only if all of it is there.
    #[must_use]
    pub fn whole_list(&self, path: &str) -> Option<&[Node]> {
        match self.at(path) {
            Self::List { items, cut: false } => Some(items),
            _ => None,
        }
    }

    /// What was kept of the list at a path.
    #[must_use]
    pub fn list(&self, path: &str) -> &[Node] {
        match self.at(path) {
            Self::List { items, .. } => items,
            _ => &[],
        }
    }

    /// Whether there is anything.
    #[must_use]
    pub fn is_there(&self) -> bool {
        *self != Self::Absent
    }
}

/// Reads a JSON text, keeping the members named in `keep`, at any depth.
///
/// # Errors
/// The text is not one JSON value.
pub fn read(text: &[u8], keep: &[&str]) -> Result<Node, NotJson> {
    let mut budget = limits::PAYLOAD_NODES;
    let mut json = serde_json::Deserializer::from_slice(text);
    let node = Walk { keep, depth: 0, budget: &mut budget }.deserialize(&mut json).map_err(|_| NotJson)?;
    json.end().map_err(|_| NotJson)?;
    Ok(node)
}

/// The value of `payload` in a form body, decoded. `None` if the form has no such field.
#[must_use]
pub fn of_form(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let value = body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"payload="))?;
    if !value.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(value));
    }
    // A plus is a space before it is decoded; `%2B` stays a plus.
    let mut decoded = Vec::with_capacity(value.len());
    for (number, piece) in value.split(|byte| *byte == b'+').enumerate() {
        if number > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_encoding::percent_decode(piece));
    }
    Some(Cow::Owned(decoded))
}

/// `text`, if it is short and can be shown to a person as it is: what may go into records, logs and the status API.
#[must_use]
pub fn shown(text: &str) -> Option<String> {
    let printable = !text.is_empty() && !text.chars().any(|c| c.is_control() || is_invisible(c));
    (printable && text.len() <= limits::PAYLOAD_TEXT_SHOWN).then(|| text.to_owned())
}

/// Marks that turn or hide the text around them: a name that holds one could be shown as another.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A full object id in lower case; `None` for zeros of any length and for what is no id.
#[must_use]
pub fn object_id(text: &str) -> Option<String> {
    let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && !is_zero(text)).then(|| text.to_ascii_lowercase())
}

/// Whether an id says "no object": nothing but zeros, of any length.
#[must_use]
pub fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

struct Walk<'w> {
    keep: &'w [&'w str],
    depth: usize,
    budget: &'w mut usize,
}

impl Walk<'_> {
    /// One level down, or nothing when a bound is reached.
    fn below(&mut self) -> Option<Walk<'_>> {
        *self.budget = self.budget.checked_sub(1)?;
        (self.depth < limits::PAYLOAD_DEPTH).then_some(Walk {
            keep: self.keep,
            depth: self.depth + 1,
            budget: self.budget,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A member's name, borrowed where the text allows it.
struct Name<'n>(Cow<'n, str>);

impl<'de: 'n, 'n> Deserialize<'de> for Name<'n> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Name<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Take)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(u64::try_from(number).map_or(Node::Absent, Node::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(if text.len() <= limits::PAYLOAD_TEXT { Node::Text(text.into()) } else { Node::Absent })
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        loop {
            let full = items.len() >= limits::PAYLOAD_LIST;
            let Some(walk) = self.below().filter(|_| !full) else {
                let mut cut = false;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    cut = true;
                }
                return Ok(Node::List { items, cut });
            };
            match list.next_element_seed(walk)? {
                Some(item) => items.push(item),
                None => return Ok(Node::List { items, cut: false }),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Node, A::Error> {
        let mut members: Vec<(Box<str>, Node)> = Vec::new();
        while let Some(Name(name)) = object.next_key()? {
            let wanted = self.keep.contains(&&*name);
            match self.below().filter(|_| wanted) {
                Some(walk) => {
                    let node = object.next_value_seed(walk)?;
                    members.retain(|(known, _)| **known != *name);
                    members.push((name.into(), node));
                }
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_asked_for_and_nothing_else() {
        let text = br#"{"ref":"refs/heads/main","junk":{"ref":[[[1]]]},"repository":{"full_name":"a/b","id":7,"x":1},"n":"12","ok":true,"z":null}"#;
        let node = read(text, &["ref", "repository", "full_name", "id", "n", "ok", "z"]).unwrap();
        assert_eq!(node.text("ref"), Some("refs/heads/main"));
        assert_eq!(node.text("repository.full_name"), Some("a/b"));
        assert_eq!(node.number("repository.id"), Some(7));
        assert_eq!(node.number("n"), Some(12));
        assert_eq!(node.flag("ok"), Some(true));
        assert!(!node.at("z").is_there());
        assert!(!node.at("junk").is_there());
        assert!(!node.at("repository.x").is_there());
    }

    #[test]
    fn of_repeated_names_the_last_counts() {
        assert_eq!(read(br#"{"ref":"a","ref":"b"}"#, &["ref"]).unwrap().text("ref"), Some("b"));
        assert_eq!(read(br#"{"ref":"a","ref":null}"#, &["ref"]).unwrap().text("ref"), None);
    }

    #[test]
    fn depth_length_and_number_are_bounded() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(read(deep.as_bytes(), &[]).is_ok());
        let deep = r#"{"a":"#.repeat(100_000) + "1" + &"}".repeat(100_000);
        assert!(read(deep.as_bytes(), &["a"]).is_ok());

        let long = format!("[{}0]", "0,".repeat(1_000_000));
        let Node::List { items, cut } = read(long.as_bytes(), &[]).unwrap() else { panic!("a list") };
        assert_eq!((items.len(), cut), (limits::PAYLOAD_LIST, true));

        let wide = format!(r#"{{"a":[{}[]]}}"#, "[[[[[]]]]],".repeat(200_000));
        assert!(read(wide.as_bytes(), &["a"]).is_ok());

        let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(limits::PAYLOAD_TEXT + 1));
        assert_eq!(read(huge.as_bytes(), &["a"]).unwrap().text("a"), None);
    }

    #[test]
    fn broken_text_is_said_to_be_broken() {
        for text in [&b""[..], b"{", b"{}x", b"\xff", b"{\"a\":\"\xff\"}", b"nul", b"[1,]", b"{\"a\" 1}"] {
            assert_eq!(read(text, &["a"]), Err(NotJson), "{text:?}");
        }
    }

    #[test]
    fn the_payload_of_a_form() {
        assert_eq!(of_form(b"payload=%7B%22a%22%3A+1%7D").as_deref(), Some(&br#"{"a": 1}"#[..]));
        assert_eq!(of_form(b"x=1&payload=%2B&payload=2").as_deref(), Some(&b"+"[..]));
        assert_eq!(of_form(b"payload=").as_deref(), Some(&b""[..]));
        assert_eq!(of_form(b"payload=%zz%").as_deref(), Some(&b"%zz%"[..]));
        assert_eq!(of_form(b"payload=%+41+%2").as_deref(), Some(&b"% 41 %2"[..]));
        assert_eq!(of_form(b"payloads=1"), None);
        assert_eq!(of_form(b""), None);
    }

    #[test]
    fn ids_are_whole_or_nothing() {
        let id = "A1".repeat(20);
        assert_eq!(object_id(&id), Some(id.to_lowercase()));
        assert_eq!(object_id(&"b".repeat(64)), Some("b".repeat(64)));
        for text in ["", "0", "abc", &"0".repeat(40), &"0".repeat(64), &"g".repeat(40), &"ä".repeat(20)] {
            assert_eq!(object_id(text), None, "{text}");
        }
        assert!(is_zero("0") && is_zero(&"0".repeat(64)) && !is_zero("") && !is_zero("01"));
    }

    #[test]
    fn only_harmless_text_is_shown() {
        assert_eq!(shown("pull_request"), Some("pull_request".to_owned()));
        assert_eq!(shown("zweig/ä-日本").as_deref(), Some("zweig/ä-日本"));
        for text in ["", "a\nb", "a\u{1b}[31m", "a\u{202e}b", &"x".repeat(limits::PAYLOAD_TEXT_SHOWN + 1)] {
            assert_eq!(shown(text), None, "{text:?}");
        }
    }
}
