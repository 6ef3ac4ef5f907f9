//! A repository of the user's, read where it stands: which commit a revision names, and what is in it.
//!
//! The one way to look at commits without a configuration: for the commands that check and compare. Any repository that
//! Git makes will do: with a work tree, bare, a linked work tree, with SHA-1 or SHA-256. Nothing is ever written, no
//! hook, filter or program of its configuration is run, and who owns it does not matter: only objects are read.

use std::path::{Path, PathBuf};

use arc_swap::ArcSwapOption;
use gix::ThreadSafeRepository;

use super::error::chain;
use super::mirror::Owner;
use super::{Entry, Error, Mirror, place};

/// A repository that was found on this machine.
#[derive(Debug)]
pub struct Standing {
    mirror: Mirror,
    work_tree: Option<PathBuf>,
}

impl Standing {
    /// The repository that a directory is in: itself, or the nearest above it.
    ///
    /// # Errors
    /// [`Error::NoRepository`]; [`Error::Damaged`] if one is there that does not open.
    pub fn discover(from: &Path) -> Result<Self, Error> {
        let none = |why: &dyn std::fmt::Display| Error::NoRepository(format!("{}: {why}", from.display()));
        let metadata = from.metadata().map_err(|error| none(&error))?;
        if !metadata.is_dir() {
            return Err(none(&"not a directory"));
        }
        let (found, _) = gix::discover::upwards(from).map_err(|_| none(&"there is no Git repository here or above"))?;
        let (directory, work_tree) = found.into_repository_and_work_tree_directories();
        let repository = ThreadSafeRepository::open_opts(&directory, place::options())
            .map_err(|error| Error::Damaged(format!("{}: {}", directory.display(), chain(&error))))?;
        let mirror = Mirror::of(directory, Owner::Operator, ArcSwapOption::from_pointee(repository));
        Ok(Self { mirror, work_tree })
    }

    /// The directory in which the files of the repository stand; a bare one has none.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The commit that a revision names, as Git reads revisions: a branch, a tag, `origin/main`, `HEAD~2`, an id or the
    /// start of one.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`].
    pub fn commit(&self, revision: &str) -> Result<String, Error> {
        let repository = self.repository()?;
        let find = || repository.rev_parse_single(revision)?.object()?.peel_to_commit();
        match find() {
            Ok(commit) => Ok(commit.id.to_string()),
            Err(error) => Err(self.unknown(revision, &chain(&error))),
        }
    }

    /// The best commit that two commits both come from: what `A...B` of Git begins at.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] if they have none.
    pub fn merge_base(&self, one: &str, two: &str) -> Result<String, Error> {
        let repository = self.repository()?;
        let name = format!("{one}...{two}");
        let id = |hex: &str| gix::ObjectId::from_hex(hex.as_bytes()).map_err(|_| Error::UnknownCommit(hex.to_owned()));
        match repository.merge_base(id(one)?, id(two)?) {
            Ok(Some(base)) => Ok(base.to_string()),
            Ok(None) | Err(_) => Err(self.unknown(&name, "the two have no commit in common")),
        }
    }

    /// [`Mirror::entries`].
    ///
    /// # Errors
    /// As there.
    pub fn entries(&self, commit: &str, directory: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, Error> {
        self.mirror.entries(commit, directory, wanted)
    }

    /// [`Mirror::tree_id`].
    ///
    /// # Errors
    /// As there.
    pub fn tree_id(&self, commit: &str, directory: &str) -> Result<Option<String>, Error> {
        self.mirror.tree_id(commit, directory)
    }

    /// [`Mirror::blob`].
    ///
    /// # Errors
    /// As there.
    pub fn blob(&self, id: &str, limit: usize) -> Result<Vec<u8>, Error> {
        self.mirror.blob(id, limit)
    }

    fn repository(&self) -> Result<gix::Repository, Error> {
        let nothing = || Error::NoRepository(self.mirror.directory.display().to_string());
        self.mirror.reader()?.ok_or_else(nothing)
    }

    fn unknown(&self, revision: &str, why: &str) -> Error {
        let shallow = self.repository().and_then(|r| r.is_shallow().map_err(|e| Error::Local(chain(&e))));
        let hint = if shallow.unwrap_or(false) {
            " (the clone is shallow: fetch its history, with `fetch-depth: 0` or `git fetch --unshallow`)"
        } else {
            ""
        };
        // What the library says of the usual case is long and about references.
        let why = if why.contains("not be found") || why.contains("not found") {
            "there is no such branch, tag or commit"
        } else {
            why
        };
        Error::UnknownRevision { revision: revision.to_owned(), why: format!("{why}{hint}") }
    }
}
