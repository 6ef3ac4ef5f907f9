//! An environment as of a commit, compiled as it would have been served: for questions about the past.
//!
//! What is served is not looked at, and nothing is kept: files that are as they are now are shared with what is served,
//! the others are read for this one question.

use std::sync::Arc;

use super::Refusal;
use super::round::unreadable;
use super::writers::Writers;
use crate::flags::document;
use crate::flags::snapshot::{self, Environment, Input};
use crate::{git, limits, serve};

impl Writers {
    /// An environment as of a commit in the history of its branch, and the whole id of the commit, which may be asked
    /// for by its first digits; none if it is not there. Blocks.
    ///
    /// # Errors
    /// As [`Self::tip`].
    pub fn compiled(
        &self,
        environment: &serve::Environment,
        commit: &str,
    ) -> Result<Option<(Arc<str>, Environment)>, Refusal> {
        let (storage, tip) = self.place(environment)?;
        let (repository, share) = (&storage.repository, &storage.share);
        let look = || -> Result<Option<(Arc<str>, Environment)>, git::Error> {
            let Some(commit) = repository.whole(commit)? else { return Ok(None) };
            if !repository.contains(&tip, &commit)? {
                return Ok(None);
            }
            let wanted = |path: &str| document::format_of(path).is_some();
            let entries = repository.entries(&commit, &environment.directory, &wanted)?;
            if entries.len() > limits::FLAG_FILES {
                let text = format!("the directory has {} flag files, more than {}", entries.len(), limits::FLAG_FILES);
                return Err(git::Error::TooLarge(text));
            }
            let mut inputs = Vec::with_capacity(entries.len());
            for entry in entries {
                let Some(format) = document::format_of(&entry.path) else { continue };
                let blob: Arc<str> = entry.blob.into();
                let file = match share.known(&blob, format) {
                    Some(file) => file,
                    None => Arc::new(document::read(format, &repository.blob(&blob, limits::FLAG_FILE_BYTES)?)),
                };
                inputs.push(Input { path: entry.path.into(), blob, file });
            }
            let nothing = Environment::default();
            let compiled = snapshot::assemble(&inputs, &nothing, share.hazards(environment));
            Ok(Some((commit.into(), compiled)))
        };
        look().map_err(|error| unreadable(&error))
    }
}
