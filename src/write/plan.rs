//! What changes of the files a wish comes to. Pure: files as values in, files as values out.

use std::sync::Arc;

use super::{Change, Refusal, Written};
use crate::flags::edit::Rewritten;
use crate::flags::resource::view::View;

/// What the planner may look at.
pub trait Look {
    /// The bytes of a file of the view, by its path.
    ///
    /// # Errors
    /// It cannot be read now.
    fn text(&self, path: &str) -> Result<Vec<u8>, Refusal>;
    /// The view at an earlier commit, which a caller names as what it has seen; none if that commit is not known or is
    /// not in the branch's history.
    ///
    /// # Errors
    /// It cannot be read now.
    fn at(&self, commit: &str) -> Result<Option<Arc<View>>, Refusal>;
}

/// What is to be committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Planned {
    /// Path below the environment's directory, and the new bytes or `None` if the file goes. Empty: nothing changes.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// One for each change, in order.
    pub written: Vec<Written>,
    /// What lost its form, by path below the environment's directory.
    pub rewritten: Vec<(String, Rewritten)>,
    /// What is done, for the message of the commit.
    pub done: Vec<Done>,
}

/// One thing that is done, as templates see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// `create`, `update`, `delete`.
    pub verb: &'static str,
    /// `flag`, `segment`, `namespace`.
    pub kind: &'static str,
    /// Key of the namespace.
    pub namespace: String,
    /// Key; that of the namespace, if it is one.
    pub key: String,
}

/// Plans all of `changes`, each on top of the one before, or says why not. `seen` is the revision of the request, which
/// counts for every change that names none; `tip` the commit of `view`.
///
/// # Errors
/// The first change that cannot be made.
pub fn plan(
    view: &View,
    tip: &Arc<str>,
    changes: &[Change],
    seen: Option<&str>,
    look: &dyn Look,
) -> Result<Planned, Refusal> {
    let _ = (view, tip, changes, seen, look);
    Err(Refusal::Bug("not there yet".to_owned()))
}
