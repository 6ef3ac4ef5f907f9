//! What both Bitbuckets need to write a request, and to read an answer that a change did not get.

use std::fmt::Write as _;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Failure;

/// What stands as it is in a segment of a path and in a value of a query: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a segment of a path, or as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A query of names that need no encoding, and values.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let mark = if text.is_empty() { '?' } else { '&' };
        let _ = write!(text, "{mark}{name}={}", encoded(value));
    }
    text
}

/// The answer to a change that succeeded and cannot be read: it was done, what came of it has to be looked for.
pub(super) fn done_unread(failure: Failure) -> Failure {
    match failure {
        Failure::Nonsense(why) => Failure::Lost(why),
        failure => failure,
    }
}

/// Whether a question that is not needed was refused, rather than not asked: what it would tell is unknown then.
pub(super) const fn is_a_refusal(failure: &Failure) -> bool {
    !matches!(
        failure,
        Failure::Unreachable(_)
            | Failure::Lost(_)
            | Failure::Wait { .. }
            | Failure::Provider(_)
            | Failure::Nonsense(_)
            | Failure::Credential(_)
    )
}

/// A date as text: RFC 3339, or with an offset without a colon as Bitbucket Data Center writes it.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

/// How a marker of ours ([`crate::proposal::marker`]) begins and ends as HTML, and as a link that nothing links to.
const HTML: (&str, &str) = ("<!-- yardarm:", " -->");
const LINK: (&str, &str) = ("[//]: # (yardarm:", ")");

/// A text as it is sent. Bitbucket shows comments of HTML to everybody, so a line with a marker becomes the definition of
/// a link, which Markdown hides everywhere.
pub(super) fn hidden(text: &str) -> String {
    lines(text, HTML, LINK)
}

/// A text as it was before [`hidden`].
pub(super) fn told(text: &str) -> String {
    lines(text, LINK, HTML)
}

fn lines(text: &str, from: (&str, &str), to: (&str, &str)) -> String {
    let line = |line: &str| {
        let bare = line.trim_end_matches(['\r', '\n']);
        let marker = bare.strip_prefix(from.0).and_then(|rest| rest.strip_suffix(from.1));
        match marker.filter(|marker| !marker.contains(['(', ')', '<', '>'])) {
            Some(marker) => format!("{}{marker}{}{}", to.0, to.1, line.get(bare.len()..).unwrap_or_default()),
            None => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Whether two ids of commits are the same as far as the shorter one tells; 7 digits tell nothing less than Git does.
pub(super) fn same_commit(one: &str, other: &str) -> bool {
    let most = one.len().min(other.len());
    most >= 7 && one.get(..most).zip(other.get(..most)).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_becomes_syntax() {
        assert_eq!(encoded("~ada/x y?&#%é"), "~ada%2Fx%20y%3F%26%23%25%C3%A9");
        assert_eq!(query(&[("q", "a=\"b\""), ("page", "2")]), "?q=a%3D%22b%22&page=2");
    }

    #[test]
    fn both_ways_to_write_a_date_are_read() {
        let expected = time("2018-07-05T19:33:14Z");
        assert!(expected.is_some());
        for text in ["2018-07-05T19:33:14+0000", "2018-07-05T19:33:14.000Z", "2018-07-05T21:33:14.000+02:00"] {
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_marker_is_hidden_and_found_again() {
        let text = "<!-- yardarm:proposal id=0123456789abcdef environment=a%20b -->\r\n\n<!-- theirs -->\nText\n";
        let sent = hidden(text);
        assert!(sent.starts_with("[//]: # (yardarm:proposal id=0123456789abcdef environment=a%20b)\r\n\n<!-- theirs"));
        assert_eq!((told(&sent).as_str(), told(text).as_str()), (text, text));
        assert_eq!(hidden("a <!-- yardarm:report -->"), "a <!-- yardarm:report -->", "only a line of its own");
    }

    #[test]
    fn commits_compare_as_far_as_they_are_told() {
        let whole = "d16660da4b5b1acb3085af52306378e50e98247b";
        assert!(same_commit("d16660da4b5b", whole) && same_commit(whole, "D16660DA4B5B") && same_commit(whole, whole));
        assert!(!same_commit("d16660da4b5c", whole) && !same_commit("", whole) && !same_commit("d16", whole));
    }
}
