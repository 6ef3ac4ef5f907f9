//! Declared views, kept by what they are made of.
//!
//! A list of flags that is asked for after each edit must not cost the reading of every file: documents are kept by blob,
//! bounded by the bytes of their texts, and whole views by the tree of the directory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::flags::document::{self, Format};
use crate::flags::resource::Document;
use crate::flags::resource::view::{File, View};
use crate::git;
use crate::limits;
use crate::sync::Repository;
use crate::sync::share::Share;

/// What was read of a blob.
type Documents = Result<Arc<[Document]>, Arc<str>>;

/// The views of all storages.
#[derive(Default)]
pub(super) struct Views {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    blobs: HashMap<(Arc<str>, Format), Blob>,
    trees: HashMap<(Arc<str>, Arc<str>), Tree>,
    bytes: usize,
    turn: u64,
}

struct Blob {
    documents: Documents,
    bytes: usize,
    used: u64,
}

struct Tree {
    view: Arc<View>,
    used: u64,
}

impl Views {
    /// What a directory of a commit declares. Blocks.
    pub(super) fn at(
        &self,
        share: &Share,
        repository: &dyn Repository,
        commit: &str,
        directory: &str,
    ) -> Result<Arc<View>, git::Error> {
        let Some(tree) = repository.tree_id(commit, directory)? else { return Ok(Arc::default()) };
        let place = (share.storage().clone(), Arc::<str>::from(tree));
        if let Some(view) = self.lock().tree(&place) {
            return Ok(view);
        }
        let entries = repository.entries(commit, directory, &|path| document::format_of(path).is_some())?;
        if entries.len() > limits::FLAG_FILES {
            let text = format!("the directory has {} flag files, more than {}", entries.len(), limits::FLAG_FILES);
            return Err(git::Error::TooLarge(text));
        }
        let mut view = View::default();
        for entry in entries {
            let Some(format) = document::format_of(&entry.path) else { continue };
            let (path, blob): (Arc<str>, Arc<str>) = (entry.path.into(), entry.blob.into());
            let known = self.lock().blob(&blob, format);
            let file = if let Some(documents) = known {
                File { path, blob, documents }
            } else {
                match repository.blob(&blob, limits::FLAG_FILE_BYTES) {
                    Ok(bytes) => self.read(share, &path, &blob, format, &bytes),
                    Err(git::Error::TooLarge(why)) => File { path, blob, documents: Err(why.into()) },
                    Err(error) => return Err(error),
                }
            };
            view.files.push(file);
        }
        let view = Arc::new(view);
        self.lock().keep_tree(place, view.clone());
        Ok(view)
    }

    /// Reads a file and keeps what it declares; what is served of it was checked already.
    pub(super) fn read(&self, share: &Share, path: &Arc<str>, blob: &Arc<str>, format: Format, bytes: &[u8]) -> File {
        let file = match share.known(blob, format) {
            Some(source) => File::checked(path, blob, format, bytes, &source),
            None => File::new(path, blob, format, bytes),
        };
        self.put(&file, format, bytes.len());
        file
    }

    /// Keeps what was read elsewhere.
    pub(super) fn put(&self, file: &File, format: Format, bytes: usize) {
        self.lock().keep_blob((file.blob.clone(), format), file.documents.clone(), bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Whatever a panic left is a cache of fewer things.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn tree(&mut self, place: &(Arc<str>, Arc<str>)) -> Option<Arc<View>> {
        self.turn += 1;
        let tree = self.trees.get_mut(place)?;
        tree.used = self.turn;
        Some(tree.view.clone())
    }

    fn blob(&mut self, blob: &Arc<str>, format: Format) -> Option<Documents> {
        self.turn += 1;
        let kept = self.blobs.get_mut(&(blob.clone(), format))?;
        kept.used = self.turn;
        Some(kept.documents.clone())
    }

    fn keep_tree(&mut self, place: (Arc<str>, Arc<str>), view: Arc<View>) {
        if self.trees.len() >= limits::VIEWS
            && let Some(oldest) = self.trees.iter().min_by_key(|(_, tree)| tree.used).map(|(place, _)| place.clone())
        {
            self.trees.remove(&oldest);
        }
        self.trees.insert(place, Tree { view, used: self.turn });
    }

    fn keep_blob(&mut self, key: (Arc<str>, Format), documents: Documents, bytes: usize) {
        let before = self.blobs.insert(key, Blob { documents, bytes, used: self.turn });
        self.bytes = (self.bytes + bytes).saturating_sub(before.map_or(0, |blob| blob.bytes));
        if self.bytes <= limits::VIEW_BYTES {
            return;
        }
        // A quarter at once, the longest unused first, so that it is not looked for at every read.
        let mut by_age: Vec<_> = self.blobs.iter().map(|(key, blob)| (blob.used, key.clone())).collect();
        by_age.sort_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.bytes <= limits::VIEW_BYTES / 4 * 3 {
                break;
            }
            if let Some(blob) = self.blobs.remove(&key) {
                self.bytes = self.bytes.saturating_sub(blob.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_what_is_used_stays() {
        let mut kept = Kept::default();
        let key = |n: usize| (Arc::<str>::from(n.to_string()), Format::Yaml);
        let size = limits::VIEW_BYTES / 8;
        for n in 0..40 {
            kept.keep_blob(key(n), Ok(Arc::default()), size);
            assert!(kept.blob(&key(0).0, Format::Yaml).is_some(), "it is used all the time");
            assert!(kept.bytes <= limits::VIEW_BYTES);
        }
        assert_eq!(kept.bytes, kept.blobs.len() * size);
        kept.keep_blob(key(0), Ok(Arc::default()), size);
        assert_eq!(kept.bytes, kept.blobs.len() * size, "the same again counts once");
        for n in 0..limits::VIEWS * 2 {
            kept.keep_tree(("s".into(), n.to_string().into()), Arc::default());
        }
        assert_eq!(kept.trees.len(), limits::VIEWS);
    }
}
