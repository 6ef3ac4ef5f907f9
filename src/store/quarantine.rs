//! Moving what cannot be trusted out of the way, where a person can look at it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::limits;

/// Moves `path` and the files that belong to it to a directory of their own beside it, and keeps only the last few
/// of those.
///
/// # Errors
/// If `path` can neither be moved nor deleted.
pub(super) fn move_aside(path: &Path, beside: &[PathBuf], now: jiff::Timestamp) -> io::Result<Option<PathBuf>> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().unwrap_or(Path::new("."));
    // Several in one second get a number.
    let to = (0..1_000_u32).map(|n| parent.join(format!("{name}.bad-{stamp}-{n:03}"))).find(|to| !to.exists());
    let moved = match to {
        Some(to) if fs::rename(path, &to).is_ok() => {
            for file in beside {
                // A seal that is missing beside what was moved aside is no loss: the store is not used again.
                let _ = fs::rename(file, to.join(file.file_name().unwrap_or_default()));
            }
            Some(to)
        }
        _ => None,
    };
    for file in beside {
        remove(file)?;
    }
    remove(path)?;
    prune(parent, &format!("{name}.bad-"));
    Ok(moved)
}

/// Removes a file or a directory; one that is not there is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Deletes all but the newest; their names sort by age. What cannot be deleted is tried again next time.
fn prune(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let mut bad: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .collect();
    bad.sort();
    for old in bad.iter().rev().skip(limits::STORE_QUARANTINED) {
        let _ = remove(old);
    }
}
