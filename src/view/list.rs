//! Lists of flags, of segments and of namespaces: what is asked of them in a query, what of it is found, and a page of that.
//!
//! The query is the whole state of a list: a link to it shows the same again. A value that is not known asks for
//! nothing, so that a link of another version still leads to a list. Everything is searched at once and in memory; of
//! 5,000 flags that takes about a millisecond.

mod find;
mod query;

pub use find::{Entry, Found, find, offered};
pub use query::{By, Evaluated, Kind, Query, Sort, Turned, Used, Within};

/// At most so many characters of a text, with an ellipsis where something is missing.
#[must_use]
pub fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned() + "…",
    }
}

#[cfg(test)]
mod tests;
