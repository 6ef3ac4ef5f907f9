//! The smallest edit: a text and what is to become of it -> the text that a careful person would have saved.
//!
//! The text is edited in place. Comments, blank lines, the order of keys, quotes, anchors, indentation, line ends and
//! every byte outside of what changes stay as they are. What comes out is read again and must be exactly what was asked
//! for; where an edit cannot be made in place, the smallest part that can be is written anew, and [`Edited::rewritten`]
//! says so.

mod alias;
mod fresh;
mod large;
mod lines;
mod page;
mod pairing;
mod scalar;
mod splice;
mod style;
mod sure;
mod value;
mod verify;
mod want;
mod without;
mod write;

pub use without::without;

use super::resource::{Kind, Namespace, Resource};

/// One thing to do to the documents of one namespace in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// The resource is to be like this: replaced where one of its kind and key is there (the last of them, which counts),
    /// added behind the others of its kind where there is none.
    Put(Resource),
    /// It is to go, every definition of it.
    Delete {
        /// Which kind.
        kind: Kind,
        /// Which of them.
        key: String,
    },
    /// The head of the namespace is to be like this. The key is not changed by it.
    Namespace(Namespace),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edited {
    /// The new file.
    pub bytes: Vec<u8>,
    /// What could not be edited in place and was written anew.
    pub rewritten: Vec<Rewritten>,
}

/// A part of a file that lost its comments and its form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rewritten {
    /// `flag "checkout"`, `segment "beta"`, or `document 2`.
    pub what: String,
    /// Why, for the person who asked.
    pub why: String,
}

/// Why a file cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no YAML, or no flag file; line and message are in the text.
    #[error("the file cannot be edited while it has an error: {0}")]
    Unreadable(String),
    /// No document of the file is of the namespace.
    #[error("the file has nothing of namespace \"{0}\"")]
    NoNamespace(String),
    /// What is asked for cannot be written in the format.
    #[error("{0}")]
    Invalid(String),
    /// What came out is not what was asked for, in every way that was tried: a bug, and nothing is changed.
    #[error("bug: the edited text does not say what was asked for: {0}")]
    Unfaithful(String),
}

/// Does edits to the documents of one namespace in a file, one after the other. `bytes` is the file, or none if there is
/// no file yet.
///
/// A resource that is new goes behind the others of its kind in the *last* document of the namespace: of two definitions
/// the last counts, so nothing before it can hide behind what follows.
///
/// # Errors
/// The file cannot be read, has nothing of the namespace, or cannot say what is asked for. Nothing is lost then.
pub fn apply(bytes: Option<&[u8]>, namespace: &str, edits: &[Edit]) -> Result<Edited, Error> {
    let Some(bytes) = bytes else { return fresh::file(namespace, edits) };
    let mut edited = Edited { bytes: bytes.to_vec(), rewritten: Vec::new() };
    for edit in edits {
        let step = match large::edit(&edited.bytes, namespace, edit) {
            Some(step) => step,
            None => page::edit(&edited.bytes, namespace, edit)?,
        };
        if let Some(bytes) = step.bytes {
            edited.bytes = bytes;
        }
        edited.rewritten.extend(step.rewritten);
    }
    Ok(edited)
}

#[cfg(test)]
mod tests;
