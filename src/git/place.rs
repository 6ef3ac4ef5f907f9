//! The directory of a mirror: how it comes to be, what a crash may have left in it, and where a damaged one goes.
//!
//! A new mirror is made beside its place and renamed into it, so that half of one is never found there. Within a fetch a
//! crash can leave: temporary files and packs without an index (removed), `.keep` files and locks of references
//! (removed; one process owns the directory), objects that no reference names (harmless), references of which only some
//! have moved (the next fetch moves the others). After a power cut files may be short: the ends of packs and indices
//! are compared, which costs a few reads and finds that.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use gix::ThreadSafeRepository;
use gix::hash::Kind;

use super::error::{chain, damaged};
use super::{Error, scratch};
use crate::limits;

/// The file that makes a directory one of ours, with the remote that it mirrors.
const MARK: &str = "yardarm-remote";
/// The file that says that a reader found damage, and which.
const DAMAGE: &str = "yardarm-damaged";

/// How every repository is opened: nothing of the machine's Git configuration matters, and there is room for its packs.
pub(super) fn options() -> gix::open::Options {
    gix::open::Options::isolated()
        .open_path_as_is(true)
        .with(gix::sec::Trust::Full)
        .object_store_slots(gix::odb::store::init::Slots::Given(limits::GIT_PACK_SLOTS))
}

/// Opens what is there.
pub(super) fn open(directory: &Path) -> Result<ThreadSafeRepository, Error> {
    let opened = ThreadSafeRepository::open_opts(directory, options());
    opened.or_else(|error| {
        // A repository of the operator's may have a work tree.
        let inner = directory.join(".git");
        if inner.is_dir() {
            return ThreadSafeRepository::open_opts(&inner, options())
                .map_err(|error| damaged("it does not open", &error));
        }
        Err(damaged("it does not open", &error))
    })
}

/// Makes an empty mirror of `remote`, where nothing may be.
pub(super) fn create(directory: &Path, remote: &str, format: Kind) -> Result<ThreadSafeRepository, Error> {
    let making = beside(directory, "new");
    remove(&making)?;
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(|error| local(parent, &error))?;
    }
    let create = gix::create::Options { object_hash: Some(format), ..gix::create::Options::default() };
    ThreadSafeRepository::init_opts(&making, gix::create::Kind::Bare, create, options())
        .map_err(|error| Error::Local(format!("{}: {}", making.display(), chain(&error))))?;
    // Samples of hooks, which nobody here runs.
    remove(&making.join("hooks"))?;
    fs::write(making.join(MARK), remote).map_err(|error| local(&making, &error))?;
    fs::rename(&making, directory).map_err(|error| local(directory, &error))?;
    open(directory)
}

/// The remote that the directory is a mirror of; absent if it is none of ours.
pub(super) fn remote_of(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join(MARK)).ok()
}

/// What a reader found wrong that cannot be seen at a glance.
pub(super) fn damage_of(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join(DAMAGE)).ok()
}

/// Writes down what a reader found wrong.
pub(super) fn note_damage(directory: &Path, why: &str) {
    // If that cannot be written, it is found again.
    let _ = fs::write(directory.join(DAMAGE), why);
}

/// Whether nothing is there: no such directory, or an empty one.
pub(super) fn is_free(directory: &Path) -> Result<bool, Error> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        // A file, which is in the way.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(local(directory, &error)),
    }
}

/// Removes what a crash may have left.
pub(super) fn sweep(directory: &Path) -> Result<(), Error> {
    remove(&beside(directory, "new"))?;
    let packs = pack_directory(directory);
    for path in files(&packs)? {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let partner = match kind {
            "pack" => Some("idx"),
            "idx" | "rev" | "bitmap" => Some("pack"),
            _ => None,
        };
        let whole = name.starts_with("pack-") && partner.is_some_and(|kind| path.with_extension(kind).is_file());
        if !whole && name != "multi-pack-index" {
            remove(&path)?;
        }
    }
    for path in files(directory)?.into_iter().chain(below(&directory.join("refs"))?) {
        if path.extension().is_some_and(|kind| kind == "lock") {
            remove(&path)?;
        }
    }
    // Objects that were being written.
    for path in files(&directory.join("objects"))? {
        if path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(".tmp")) {
            remove(&path)?;
        }
    }
    scratch::SUFFIXES.iter().try_for_each(|suffix| scratch::sweep(&beside(directory, suffix)))
}

/// Every pack whose end does not say what its index expects is short or not the one that was written.
pub(super) fn check_packs(directory: &Path, format: Kind) -> Result<(), Error> {
    for index in indices(directory)? {
        let pack = index.with_extension("pack");
        let size = format.len_in_bytes();
        // An index ends with the checksum of its pack and its own; a pack with its own.
        let ends = tail(&index, size * 2).and_then(|index| Ok((index, tail(&pack, size)?)));
        let (named, found) = ends.map_err(|error| Error::Damaged(format!("{}: {error}", pack.display())))?;
        if named.get(..size) != Some(found.as_slice()) {
            return Err(Error::Damaged(format!("{}: it is not the pack of its index", pack.display())));
        }
    }
    Ok(())
}

fn tail(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let back = i64::try_from(bytes).map_err(io::Error::other)?;
    file.seek(SeekFrom::End(-back))?;
    let mut tail = Vec::with_capacity(bytes);
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

/// Moves the directory aside, as `<name>.bad-<n>`, and answers where it is now. The oldest go when there are too many.
pub(super) fn quarantine(directory: &Path) -> Result<PathBuf, Error> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prefix = format!("{name}.bad-");
    let parent = directory.parent().unwrap_or(Path::new("."));
    let mut kept = Vec::new();
    for path in entries(parent)? {
        let number = path.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_prefix(&prefix));
        if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
            kept.push((number, path));
        }
    }
    kept.sort();
    let next = kept.last().map_or(1, |(number, _)| number.saturating_add(1));
    let to = beside(directory, &format!("bad-{next}"));
    fs::rename(directory, &to).map_err(|error| local(directory, &error))?;
    let surplus = (kept.len() + 1).saturating_sub(limits::GIT_QUARANTINED);
    for (_, path) in kept.iter().take(surplus) {
        remove(path)?;
    }
    Ok(to)
}

/// The indices of the packs, one a pack.
pub(super) fn indices(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = files(&pack_directory(directory))?;
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "idx"));
    paths.sort();
    Ok(paths)
}

/// Whether there are many objects beside the packs, as Git guesses it: ids are evenly spread over 256 directories.
pub(super) fn has_many_loose(directory: &Path) -> Result<bool, Error> {
    Ok(files(&directory.join("objects").join("17"))?.len() > limits::GIT_LOOSE / 256)
}

/// Objects beside the packs, with their files.
pub(super) fn loose(directory: &Path) -> Result<Vec<(gix::ObjectId, PathBuf)>, Error> {
    let mut found = Vec::new();
    for below in directories(&directory.join("objects"))? {
        let Some(start) = below.file_name().and_then(OsStr::to_str).filter(|name| name.len() == 2) else { continue };
        for path in files(&below)? {
            let end = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if let Ok(id) = gix::ObjectId::from_hex(format!("{start}{end}").as_bytes()) {
                found.push((id, path));
            }
        }
    }
    Ok(found)
}

pub(super) fn pack_directory(directory: &Path) -> PathBuf {
    directory.join("objects").join("pack")
}

/// The directory's name with something behind it.
pub(super) fn beside(directory: &Path, suffix: &str) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    directory.with_file_name(name)
}

/// Removes whatever is there, and is content if nothing is.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(local(path, &error)),
        _ => Ok(()),
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match listed {
        // Nothing, or a file in its place, has nothing in it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        listed => listed.map_err(|error| local(directory, &error)),
    }
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = entries(directory)?;
    paths.retain(|path| path.is_file());
    Ok(paths)
}

pub(super) fn directories(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = entries(directory)?;
    paths.retain(|path| path.is_dir());
    Ok(paths)
}

/// Every file below the directory.
fn below(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        found.extend(files(&directory)?);
        open.extend(directories(&directory)?);
    }
    Ok(found)
}

pub(super) fn local(path: &Path, error: &io::Error) -> Error {
    Error::Local(format!("{}: {error}", path.display()))
}
