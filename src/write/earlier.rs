//! What a resource was when it had a revision that somebody still has: looked for in the history of its files, as far
//! back as is worth a request's time.

use std::sync::Arc;

use super::Refusal;
use super::round::{below, unreadable};
use super::writer::Storage;
use crate::flags::document;
use crate::flags::resource::view::{File, View};
use crate::flags::resource::{self, Kind, Resource};
use crate::limits;

/// Where a resource is looked for.
pub(super) struct Place<'p> {
    /// Commit to look back from, hex.
    pub(super) tip: &'p str,
    /// The environment's directory.
    pub(super) directory: &'p str,
    /// The environment at the tip.
    pub(super) view: &'p View,
    /// Key of the namespace.
    pub(super) namespace: &'p str,
}

/// The newest state of a resource that has this revision. Renamed files are not followed, and the first
/// [`limits::REVISION_BYTES`] of former versions are looked at.
pub(super) fn find(
    storage: &Storage,
    place: &Place<'_>,
    kind: Kind,
    key: &str,
    revision: &str,
) -> Result<Option<Resource>, Refusal> {
    let files: Vec<(&File, String)> =
        place.view.files_of(place.namespace).map(|file| (file, below(place.directory, &file.path))).collect();
    let paths: Vec<&str> = files.iter().map(|(_, path)| path.as_str()).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    let repository = &storage.repository;
    let history = repository.history(place.tip, &paths, None, limits::REVISION_COMMITS);
    let (mut left, mut seen) = (limits::REVISION_BYTES, Vec::new());
    for commit in history.map_err(|error| unreadable(&error))?.commits {
        for (file, path) in &files {
            let Some(format) = document::format_of(&file.path) else { continue };
            let read = repository.read_file(&commit.id, path, left).map_err(|error| unreadable(&error));
            // One that is larger than what is left ends the search, as does a history that cannot be read.
            let Ok(Some((blob, bytes))) = read else { continue };
            if seen.contains(&blob) {
                continue;
            }
            left = left.saturating_sub(bytes.len());
            let then = File::new(&file.path, &Arc::from(blob.as_str()), format, &bytes);
            seen.push(blob);
            let then = View { files: vec![then] }.get(place.namespace, kind, key);
            if let Some(then) = then.filter(|then| resource::revision(then) == revision) {
                return Ok(Some(then));
            }
        }
    }
    Ok(None)
}
