//! What a browser sends, taken apart: names with points become a tree whose branches stand in the order in which they
//! came.

use super::{Item, Items};
use crate::limits;

/// A field, or a list of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    text: Option<String>,
    parts: Vec<(String, Sent)>,
}

impl Sent {
    /// The tree of some fields; none if they are more than a form may have ([`limits::FORM_FIELDS`]).
    #[must_use]
    pub fn of<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Option<Self> {
        let mut all = Self::default();
        for (count, (name, text)) in fields.into_iter().enumerate() {
            if count >= limits::FORM_FIELDS {
                return None;
            }
            all.put(&mut name.splitn(limits::FORM_DEPTH, '.'), text);
        }
        Some(all)
    }

    fn put<'f>(&mut self, name: &mut impl Iterator<Item = &'f str>, text: &str) {
        let Some(part) = name.next() else {
            self.text.get_or_insert_with(|| normal(text));
            return;
        };
        // What belongs together comes together, so the last is looked at first.
        if let Some((_, found)) = self.parts.iter_mut().rev().find(|(own, _)| own == part) {
            return found.put(name, text);
        }
        let mut fresh = Self::default();
        fresh.put(name, text);
        self.parts.push((part.to_owned(), fresh));
    }

    /// A part of this, if anything of it came.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.parts.iter().find(|(own, _)| own == name).map(|(_, part)| part)
    }

    /// The text of a field; empty where it did not come. What no field of a page can carry (a carriage return, say)
    /// comes in quotes, in a field of the same name with `.quoted` behind it.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let Some(field) = self.get(name) else { return String::new() };
        let quoted = field.get("quoted").and_then(|quoted| quoted.text.as_deref());
        match quoted.map(|quoted| (quoted, serde_json::from_str(quoted))) {
            Some((_, Ok(text))) => text,
            Some((as_it_is, Err(_))) => as_it_is.to_owned(),
            None => field.text.clone().unwrap_or_default(),
        }
    }

    /// Whether a box is ticked.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name).as_str(), "on" | "true")
    }

    /// The items of a list, in the order in which they came.
    pub(super) fn items<T>(&self, name: &str, read: impl Fn(&Self) -> T) -> Items<T> {
        let parts = self.get(name).map(|list| list.parts.as_slice()).unwrap_or_default();
        let item = |(id, sent): &(String, Self)| Some(Item { id: id.parse().ok()?, of: read(sent) });
        parts.iter().filter_map(item).collect()
    }

    /// The text of this field itself.
    pub(super) fn own(&self) -> String {
        self.text.clone().unwrap_or_default()
    }
}

/// Browsers end lines as the mail did.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Whether a field of a page gives a text back as it was: one of several lines, or of one.
pub(super) fn survives(text: &str, lines: bool) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\t' && !(lines && c == '\n'))
}
