//! Text as a scalar: in the quotes that were there, if it can stand in them, and else as Flipt's writer chooses.

use saphyr_parser::ScalarStyle;

use crate::yaml::scalar::{Kind, kind};

/// Where a scalar is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a line of its own, behind a key or dash.
    Block,
    /// In brackets or braces, or as a key.
    Flow,
    /// In JSON.
    Json,
}

/// Text on one line. `style` is how its neighbours or what was there are written.
pub(super) fn inline(text: &str, style: ScalarStyle, place: Place) -> String {
    if place == Place::Json {
        return double(text);
    }
    match style {
        ScalarStyle::DoubleQuoted => double(text),
        ScalarStyle::SingleQuoted if single_can(text) => single(text),
        // Unquoted it was, or as a block that cannot stand here.
        _ if plain_means(text) && plain_can(text, place) => text.to_owned(),
        _ if plain_means(text) && single_can(text) => single(text),
        _ => double(text),
    }
}

/// Whether an unquoted scalar is text, so that it could have been quoted.
pub(super) fn is_text(text: &str) -> bool {
    kind(text) == Kind::Text
}

/// Whether unquoted it would still be read as text by every reader, old ones that take `yes` for true included.
fn plain_means(text: &str) -> bool {
    const OLD_BOOLEANS: [&str; 16] =
        ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"];
    kind(text) == Kind::Text
        && !OLD_BOOLEANS.contains(&text)
        && text != "<<"
        && text != "="
        && !is_base_60(text)
        && !is_date(text)
}

/// `190:20:30` was a number once.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    text.contains(':')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_'))
}

/// A date or time, which readers turn into one.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..4).all(digit) && bytes.get(4) == Some(&b'-') && digit(5)
}

/// Whether it can stand without quotes.
fn plain_can(text: &str, place: Place) -> bool {
    let mut chars = text.chars().peekable();
    let Some(first) = chars.peek().copied() else { return false };
    if text.starts_with("---") || text.starts_with("...") || text.starts_with(' ') || text.ends_with([' ', ':']) {
        return false;
    }
    if "#,[]{}&*!|>'\"%@`".contains(first) {
        return false;
    }
    if matches!(first, '-' | '?' | ':') && text.chars().nth(1).is_none_or(|second| second == ' ') {
        return false;
    }
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let refused = match c {
            ',' | '?' | '[' | ']' | '{' | '}' => place != Place::Block,
            ':' => place != Place::Block || chars.peek() == Some(&' '),
            '#' => before == ' ',
            c => !printable(c),
        };
        if refused {
            return false;
        }
        before = c;
    }
    true
}

/// Whether it can stand in single quotes on one line.
fn single_can(text: &str) -> bool {
    text.chars().all(printable)
}

/// A character that stands for itself on a line.
fn printable(c: char) -> bool {
    !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// In double quotes; every text can stand in them, and what comes out is JSON too.
pub(super) fn double(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if printable(c) => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

/// The lines of a text of several as a literal block, with its header; none if it cannot be one.
pub(super) fn literal(text: &str) -> Option<(&'static str, Vec<&str>)> {
    let printable = |line: &str| line.chars().all(|c| c == '\t' || printable(c));
    let blank_end = |line: &str| line.ends_with([' ', '\t']);
    if !text.contains('\n') || text.starts_with([' ', '\n', '\t']) {
        return None;
    }
    let (header, body) = match text.strip_suffix('\n') {
        None => ("|-", text),
        Some(body) if body.ends_with('\n') => ("|+", body),
        Some(body) => ("|", body),
    };
    let lines: Vec<&str> = body.split('\n').collect();
    if lines.iter().any(|line| !printable(line) || blank_end(line)) {
        return None;
    }
    Some((header, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        inline(text, ScalarStyle::Plain, Place::Block)
    }

    #[test]
    fn text_is_quoted_where_it_would_be_read_as_something_else() {
        for (text, written) in [
            ("beta", "beta"),
            ("beta test", "beta test"),
            ("", "\"\""),
            ("on", "\"on\""),
            ("n", "\"n\""),
            ("1.0", "\"1.0\""),
            ("null", "\"null\""),
            ("2026-01-31", "\"2026-01-31\""),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("#a", "'#a'"),
            ("a #b", "'a #b'"),
            ("it's", "it's"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("[\"a\"]", "'[\"a\"]'"),
            (" a", "' a'"),
            ("a\tb", "\"a\\tb\""),
            ("*", "'*'"),
        ] {
            assert_eq!(plain(text), written, "{text:?}");
        }
        assert_eq!(inline("it's", ScalarStyle::SingleQuoted, Place::Block), "'it''s'");
        assert_eq!(inline("a\nb", ScalarStyle::SingleQuoted, Place::Block), "\"a\\nb\"");
    }
}
