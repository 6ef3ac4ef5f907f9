//! The marker in a description and in a comment: by it a proposal is found again when nothing else is left.
//!
//! ```text
//! <!-- yardarm:proposal id=0123456789abcdef environment=production -->
//! ```
//!
//! It stands at the beginning, where no provider cuts. It is read however it comes back: escaped, wrapped anew, with other
//! ends of lines. Anybody can write one, so it proves nothing: it only says under which id a proposal is kept, and one that
//! names two ids, or an id that belongs to another proposal ([`super::book`]), says nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use super::record::{Id, is_id};
use crate::limits;

const NAME: &str = "yardarm:proposal";
const REPORT: &str = "yardarm:report";

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Id of the record.
    pub id: Id,
    /// The configured environment that it would change.
    pub environment: Option<Arc<str>>,
}

impl Marker {
    /// The line for a description.
    #[must_use]
    pub fn line(&self) -> String {
        let environment = self.environment.as_deref().map(|name| format!(" environment={}", encoded(name)));
        format!("<!-- {NAME} id={}{} -->", self.id, environment.unwrap_or_default())
    }

    /// A description with this marker and no other.
    #[must_use]
    pub fn put(&self, description: &str) -> String {
        let whole = |text: &str| format!("{}\n\n{}", self.line(), text.replace(NAME, "yardarm proposal"));
        let text = whole(without(description));
        // Somebody took pains to write another one: then the text is changed that hides it.
        if find(&text).as_ref() == Some(self) { text } else { whole(&plain(description)) }
    }
}

/// The line for the comment that tells what a proposal changes. There is one of it on a proposal.
#[must_use]
pub fn of_comment(id: &str) -> String {
    format!("<!-- {REPORT} id={id} -->")
}

/// A description without the marker that [`Marker::put`] put there, for people.
#[must_use]
pub fn without(description: &str) -> &str {
    let parts = description.trim_start().strip_prefix("<!--").and_then(|rest| rest.split_once("-->"));
    match parts {
        Some((marker, rest)) if marker.trim_start().starts_with(NAME) => rest.trim_start(),
        _ => description,
    }
}

/// The marker of a description; none if there is none that can be read whole, or several that differ.
#[must_use]
pub fn find(description: &str) -> Option<Marker> {
    let text = plain(description);
    let mut found: Option<Marker> = None;
    for marker in text.split(NAME).skip(1).filter_map(read) {
        match &mut found {
            None => found = Some(marker),
            Some(known) if known.id != marker.id => return None,
            Some(known) if known.environment != marker.environment => known.environment = None,
            Some(_) => {}
        }
    }
    found
}

/// What follows the name. Words that say nothing to us are passed over; a value at the very end may have been cut.
fn read(rest: &str) -> Option<Marker> {
    let (mut id, mut environment) = (None, None);
    let inside = rest.split("--").next().unwrap_or_default();
    let ends = inside.len() < rest.len();
    let inside: String = inside.chars().take(4 * limits::NAME_CHARACTERS).collect();
    for word in inside.split_whitespace() {
        if let Some(value) = word.strip_prefix("id=").filter(|value| is_id(value)) {
            id = id.or(Some(value.into()));
        } else if let Some(value) = word.strip_prefix("environment=").filter(|_| ends) {
            environment = environment.or_else(|| decoded(value));
        }
    }
    Some(Marker { id: id?, environment })
}

/// A text as it was before somebody made it safe for Markdown or HTML.
fn plain(text: &str) -> String {
    let mut plain = text.replace('\\', "");
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&#45;", "-"), ("&#61;", "="), ("&#x3D;", "="), ("&#58;", ":")]
    {
        if plain.contains(entity) {
            plain = plain.replace(entity, character);
        }
    }
    plain
}

/// A name in which nothing ends a comment, a word or a line.
fn encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        let doubled = byte == b'-' && encoded.ends_with('-');
        if (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) && !doubled {
            encoded.push(char::from(byte));
        } else {
            _ = write!(encoded, "%{byte:02x}");
        }
    }
    // Before the end of the comment stands no dash.
    if encoded.ends_with('-') {
        encoded.pop();
        encoded.push_str("%2d");
    }
    encoded
}

fn decoded(value: &str) -> Option<Arc<str>> {
    let name = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    let fine = !name.is_empty() && name.chars().count() <= limits::NAME_CHARACTERS && !name.contains(char::is_control);
    fine.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(environment: Option<&str>) -> Marker {
        Marker { id: "0123456789abcdef".into(), environment: environment.map(Into::into) }
    }

    #[test]
    fn what_was_put_is_found_and_taken_away_again() {
        for name in [None, Some("production"), Some("prod--eu-"), Some("Grüße -->"), Some("a b"), Some("50%")] {
            let text = marker(name).put("What and why.");
            assert_eq!(find(&text), Some(marker(name)), "{text}");
            assert_eq!(without(&text), "What and why.");
            assert_eq!(text.matches("--").count(), 2, "{text}");
            assert_eq!(marker(name).put(&text), text, "put twice");
        }
        assert_eq!(find(&marker(None).put("")), Some(marker(None)));
        assert_eq!(without("<!-- a template -->\ntext"), "<!-- a template -->\ntext");
    }

    #[test]
    fn it_is_found_however_it_comes_back() {
        for text in [
            "&lt;!-- yardarm:proposal id=0123456789abcdef environment=production --&gt;\r\n\r\ntext",
            "\\<\\!-- yardarm:proposal id\\=0123456789abcdef environment\\=production --\\>",
            "> <!-- yardarm:proposal\r\n> id=0123456789abcdef\r\n> environment=production\r\n> -->",
            "text\n\n<!--yardarm:proposal id=0123456789abcdef environment=production-->\ntext",
            "<!-- yardarm:proposal environment=production since=now id=0123456789abcdef -->",
            "<p>&lt;!-- yardarm:proposal&nbsp;id=0123456789abcdef&nbsp;environment=production --&gt;</p>",
        ] {
            assert_eq!(find(text), Some(marker(Some("production"))), "{text}");
        }
    }

    #[test]
    fn a_cut_one_says_what_is_whole() {
        let text = marker(Some("production")).line();
        for length in 0..text.len() {
            let cut: String = text.chars().take(length).collect();
            let found = find(&cut);
            assert!([None, Some(marker(None)), Some(marker(Some("production")))].contains(&found), "{cut}: {found:?}");
        }
        // At its beginning it survives what Azure leaves of a long text.
        let long: String = marker(None).put(&"ä".repeat(10_000)).chars().take(4_000).collect();
        assert_eq!(find(&long), Some(marker(None)));
    }

    #[test]
    fn what_others_write_is_harmless() {
        let other = "<!-- yardarm:proposal id=fedcba9876543210 environment=staging -->";
        assert_eq!(find(&format!("{}\n{other}", marker(None).line())), None);
        assert_eq!(find(&format!("{other}\n{other}")).unwrap().environment.as_deref(), Some("staging"));
        let elsewhere = other.replace("staging", "production");
        assert_eq!(find(&format!("{other}\n{elsewhere}")).unwrap().environment, None);
        for nothing in [
            "",
            "yardarm:proposal",
            "<!-- yardarm:proposal id= -->",
            "<!-- yardarm:proposal id=0123456789ABCDEF -->",
            "<!-- yardarm:proposal id=0123456789abcdef0 -->",
            "<!-- yardarm:proposal --> id=0123456789abcdef",
            "<!-- yardarm:report id=0123456789abcdef -->",
        ] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
        for hostile in [
            other.to_owned(),
            "&lt;!-- yardarm&#58;proposal id=fedcba9876543210 --&gt;".to_owned(),
            "yardarm\\:proposal id=fedcba9876543210".to_owned(),
            "yardarm\\\\:propo\\sal id=fedcba9876543210".to_owned(),
        ] {
            let text = marker(None).put(&hostile);
            assert_eq!(find(&text), Some(marker(None)), "{text}");
        }
    }
}
