//! Flag files as read, each once a blob.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Repository;
use crate::flags::document::{self, Format, SourceFile};
use crate::flags::snapshot::Input;
use crate::git::{self, Entry};
use crate::limits;

/// Every file that some environment of the storage is made of at the moment, by blob. A file lives as long as an
/// environment holds it.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_blob: HashMap<(Arc<str>, Format), Weak<SourceFile>>,
}

impl Files {
    /// The files of a commit, read from the repository only where the blob is new.
    pub(super) fn inputs(&mut self, repository: &dyn Repository, entries: &[Entry]) -> Result<Vec<Input>, git::Error> {
        entries.iter().filter_map(|entry| self.input(repository, entry).transpose()).collect()
    }

    fn input(&mut self, repository: &dyn Repository, entry: &Entry) -> Result<Option<Input>, git::Error> {
        let Some(format) = document::format_of(&entry.path) else { return Ok(None) };
        let key = (Arc::<str>::from(&*entry.blob), format);
        let file = if let Some(known) = self.by_blob.get(&key).and_then(Weak::upgrade) {
            known
        } else {
            let size = entry.size.and_then(|size| usize::try_from(size).ok());
            let file = Arc::new(match repository.blob(&entry.blob, limits::FLAG_FILE_BYTES) {
                Ok(text) => document::read(format, &text),
                Err(git::Error::TooLarge(_)) => document::too_large(format, size.unwrap_or(usize::MAX)),
                Err(error) => return Err(error),
            });
            self.by_blob.insert(key.clone(), Arc::downgrade(&file));
            file
        };
        Ok(Some(Input { path: entry.path.as_str().into(), blob: key.0, file }))
    }

    /// Forgets the files that no environment is made of any more.
    pub(super) fn forget_unused(&mut self) {
        self.by_blob.retain(|_, file| file.strong_count() > 0);
    }
}
