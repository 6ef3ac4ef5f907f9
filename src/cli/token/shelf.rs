//! The file of tokens, written so that whoever reads it finds all of what was or all of what is.
//!
//! A change is written to another file of the same directory, brought to the disk, and renamed. A crash leaves the old
//! file, and beside it at most one whose name begins with `.tokens-`, which means nothing. Two changes at one time wait
//! for each other at a lock, on a file of its own (`FILE.lock`, which stays), because the one that is locked must not
//! be the one that is replaced.
//!
//! A new file can be read and written by its owner alone. One that is there keeps its owner, its group and its mode:
//! a daemon that may read it may read the next one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::auth::file::{FileError, TokenFile};
use crate::disk::lock_within;
use crate::limits;

/// Why the file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShelfError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    File(#[from] FileError),
    #[error("more than {} bytes", limits::TOKEN_FILE_BYTES)]
    TooLarge,
    #[error("another one is changing it; if nobody is, see who holds {}", .0.display())]
    Locked(PathBuf),
    #[error("its owner or group would change ({0}), and who reads it now might not then; run this as its owner")]
    Owner(io::Error),
    /// What the change itself says.
    #[error("{0}")]
    Refused(String),
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<TokenFile, ShelfError> {
    let mut text = String::new();
    File::open(path)?.take(limits::TOKEN_FILE_BYTES + 1).read_to_string(&mut text)?;
    if is_too_large(&text) {
        return Err(ShelfError::TooLarge);
    }
    Ok(TokenFile::parse(&text)?)
}

/// Changes the file, or makes it where there is none and `create` says so.
pub(super) fn change(
    path: &Path,
    create: bool,
    act: impl FnOnce(&mut TokenFile) -> Result<(), ShelfError>,
) -> Result<(), ShelfError> {
    // What a link leads to is replaced, not the link.
    let path = match std::fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if create && error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error.into()),
    };
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let _lock = lock(&path)?;
    let (mut tokens, before) = match read(&path) {
        Ok(tokens) => (tokens, Some(std::fs::metadata(&path)?)),
        Err(ShelfError::Io(error)) if create && error.kind() == io::ErrorKind::NotFound => (TokenFile::default(), None),
        Err(error) => return Err(error),
    };
    act(&mut tokens)?;
    let text = tokens.render();
    if is_too_large(&text) {
        return Err(ShelfError::TooLarge);
    }
    // Only its owner may read it.
    let mut next = tempfile::Builder::new().prefix(".tokens-").tempfile_in(directory)?;
    next.write_all(text.as_bytes())?;
    if let Some(before) = before {
        let ours = next.as_file().metadata()?;
        if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
            fchown(next.as_file(), Some(before.uid()), Some(before.gid())).map_err(ShelfError::Owner)?;
        }
        next.as_file().set_permissions(std::fs::Permissions::from_mode(before.mode() & 0o777))?;
    }
    next.as_file().sync_all()?;
    next.persist(&path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn is_too_large(text: &str) -> bool {
    u64::try_from(text.len()).is_ok_and(|size| size > limits::TOKEN_FILE_BYTES)
}

/// Waits for whoever else changes the file; the lock ends with the process at the latest.
fn lock(path: &Path) -> Result<File, ShelfError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name)?;
    if lock_within(limits::TOKEN_FILE_LOCK, &file)? { Ok(file) } else { Err(ShelfError::Locked(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tokens::{Digest, Token};
    use crate::auth::{Action, Scope, Scopes};

    fn token(name: &str) -> Token {
        let scopes = Scopes::of([Scope::everywhere(Action::Read)]);
        Token { name: name.into(), digest: Digest::of(name), scopes, expires: None }
    }

    fn add(path: &Path, name: &str) -> Result<(), ShelfError> {
        let now = jiff::Timestamp::UNIX_EPOCH;
        change(path, true, |tokens| tokens.add(token(name), now).map_err(|e| ShelfError::Refused(e.to_string())))
    }

    #[test]
    fn a_new_file_is_its_owners_and_an_old_one_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        add(&path, "one").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        add(&link, "two").unwrap();
        assert_eq!(mode(&path), 0o640);
        assert!(link.is_symlink());
        assert_eq!(read(&path).unwrap().entries().len(), 2);
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["link", "tokens.json", "tokens.json.lock"]);
    }

    #[test]
    fn what_cannot_be_changed_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        for text in ["nonsense", "{\"version\": 2, \"tokens\": []}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(add(&path, "one"), Err(ShelfError::File(_))));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, "").unwrap();
        add(&path, "one").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(add(&path, "one"), Err(ShelfError::Refused(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert!(matches!(read(&directory.path().join("nothing")), Err(ShelfError::Io(_))));
        assert!(matches!(change(&directory.path().join("nothing"), false, |_| Ok(())), Err(ShelfError::Io(_))));
    }

    #[test]
    fn many_at_one_time_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || (0..4).for_each(|m| add(path, &format!("{n}-{m}")).unwrap()));
            }
        });
        assert_eq!(read(&path).unwrap().entries().len(), 32);
    }
}
