//! Where a flag or segment stands in Git, as a person finds it there.

use super::Refusal;
use super::history::Named;
use super::round::{below, unreadable};
use super::writers::{Tip, Writers};
use crate::flags::resource::place::{self, Place};
use crate::{limits, serve};

/// The file with the definition that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Below the root of the repository.
    pub path: String,
    /// Its lines; none where they cannot be told.
    pub place: Option<Place>,
}

impl Writers {
    /// Where a resource stood in what was read at a commit. Blocks.
    ///
    /// # Errors
    /// As [`Self::tip`].
    pub fn source(
        &self,
        environment: &serve::Environment,
        tip: &Tip,
        named: &Named,
    ) -> Result<Option<Source>, Refusal> {
        let storage = self.inner()?.storage(&environment.storage)?;
        let Named { namespace, kind, key } = named;
        let Some(file) = tip.view.home(namespace, *kind, key) else { return Ok(None) };
        let bytes = storage.repository.blob(&file.blob, limits::FLAG_FILE_BYTES);
        let bytes = bytes.map_err(|error| unreadable(&error))?;
        let place = place::place(&bytes, namespace, *kind, key);
        Ok(Some(Source { path: below(&environment.directory, &file.path), place }))
    }
}
