//! A bare repository that follows a remote.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use gix::ThreadSafeRepository;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use sha2::{Digest as _, Sha256};

use super::error::damaged;
use super::transport::Pool;
use super::{Error, Opened, place};

/// Whose directory a mirror is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Ours alone: what is not good is moved aside.
    Us,
    /// The operator named it: what we have not made is never moved aside, and changed by writes alone ([`Mirror::advance`]).
    Operator,
}

/// A bare repository that follows a remote. Readers and one writer may use it at the same time.
pub struct Mirror {
    pub(super) directory: PathBuf,
    pub(super) owner: Owner,
    /// As of the last fetch; readers take what is there and are not waited for. Absent until there is one.
    pub(super) repository: ArcSwapOption<ThreadSafeRepository>,
    /// Held by the one fetch that runs.
    pub(super) fetching: Mutex<Pool>,
    /// Held by the one push that runs, over a network as fetches are; apart from theirs.
    pub(super) pushing: Mutex<Pool>,
    /// Held by the one compaction that runs.
    pub(super) compacting: Mutex<()>,
    /// Branches that were moved by our own pushes. Held while references move, never over a network.
    pub(super) adopted: Mutex<Adopted>,
    /// What a reader found; the next fetch makes the mirror anew.
    damage: Mutex<Option<String>>,
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A poisoned lock guards nothing that could be half done: every change here is one assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mirror {
    /// Opens the mirror in `directory`, which is ours alone, or moves aside what is damaged or no mirror. Where there is
    /// none, the first fetch makes it: only the remote knows how its ids are made.
    ///
    /// # Errors
    /// [`Error::Local`] if the directory cannot be used at all.
    pub fn open(directory: &Path) -> Result<(Self, Opened), Error> {
        Self::open_as(directory, Owner::Us)
    }

    /// Opens a directory that the operator named: `backend.path`. A repository that is there and not made by us can be
    /// read and, by [`Self::advance`], written to, for a storage without a remote; nothing in it is ever moved or fetched
    /// into.
    ///
    /// # Errors
    /// [`Error::Local`] if the directory cannot be used at all, [`Error::Damaged`] if what is there and not ours is no
    /// repository.
    pub fn open_path(directory: &Path) -> Result<(Self, Opened), Error> {
        Self::open_as(directory, Owner::Operator)
    }

    /// Makes an empty repository of ours in `directory`, for a storage that has no other place than this machine and no
    /// longer life than this process: what an earlier one has left there goes.
    ///
    /// # Errors
    /// [`Error::Local`] if something else is there, or if the directory cannot be written to.
    pub fn empty(directory: &Path) -> Result<Self, Error> {
        if !place::is_free(directory)? && place::remote_of(directory).is_none() {
            let text = format!("{} holds something that is not ours; give another path", directory.display());
            return Err(Error::Local(text));
        }
        place::remove(directory)?;
        let repository = place::create(directory, "", gix::hash::Kind::Sha1)?;
        Ok(Self::of(directory.to_owned(), Owner::Us, ArcSwapOption::from_pointee(repository)))
    }

    fn open_as(directory: &Path, owner: Owner) -> Result<(Self, Opened), Error> {
        let mirror = Self::of(directory.to_owned(), owner, ArcSwapOption::empty());
        if place::is_free(directory)? {
            return Ok((mirror, Opened::Created));
        }
        if !mirror.is_ours() {
            mirror.reopen()?;
            return Ok((mirror, Opened::Existing));
        }
        let opened = place::sweep(directory).and_then(|()| mirror.reopen()).and_then(|()| mirror.check());
        match opened {
            Ok(()) => Ok((mirror, Opened::Existing)),
            Err(Error::Damaged(why)) => {
                mirror.repository.store(None);
                let to = place::quarantine(directory)?;
                Ok((mirror, Opened::Quarantined { to, why }))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn of(directory: PathBuf, owner: Owner, repository: ArcSwapOption<ThreadSafeRepository>) -> Self {
        Self {
            directory,
            owner,
            repository,
            fetching: Mutex::default(),
            pushing: Mutex::default(),
            compacting: Mutex::default(),
            adopted: Mutex::default(),
            damage: Mutex::default(),
        }
    }

    /// Whether the directory, with what is in it, may be changed.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == Owner::Us || place::remote_of(&self.directory).is_some()
    }

    /// Takes in what a fetch or a compaction has changed: a handle that has been open for long runs out of room for
    /// the indices of new packs.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        self.repository.store(Some(Arc::new(place::open(&self.directory)?)));
        Ok(())
    }

    /// What can be found wrong at a glance: references, the commits they name with their root trees, ends of packs.
    fn check(&self) -> Result<(), Error> {
        if let Some(why) = place::damage_of(&self.directory) {
            return Err(Error::Damaged(why));
        }
        if place::remote_of(&self.directory).is_none() {
            return Err(Error::Damaged("it does not say what it is a mirror of".to_owned()));
        }
        let Some(repository) = self.reader()? else { return Ok(()) };
        repository.head_name().map_err(|error| damaged("HEAD", &error))?;
        place::check_packs(&self.directory, repository.object_hash())?;
        for tip in self.heads()?.values() {
            self.tree_id(tip, "")?;
        }
        Ok(())
    }

    /// The repository for one thread, if there is one yet.
    pub(super) fn reader(&self) -> Result<Option<gix::Repository>, Error> {
        if self.repository.load().is_none() && !self.is_ours() && !place::is_free(&self.directory)? {
            self.reopen()?;
        }
        Ok(self.repository.load().as_ref().map(|repository| repository.to_thread_local()))
    }

    /// Keeps an account of damage: for the next fetch, and for whoever opens the mirror next.
    pub(super) fn note<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Damaged(why)) = &read {
            lock(&self.damage).get_or_insert_with(|| why.clone());
            if self.is_ours() {
                place::note_damage(&self.directory, why);
            }
        }
        read
    }

    pub(super) fn damage(&self) -> Option<String> {
        lock(&self.damage).take()
    }

    /// Tips of the mirrored branches: short name -> commit, hex.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn heads(&self) -> Result<BTreeMap<String, String>, Error> {
        let Some(repository) = self.reader()? else { return Ok(BTreeMap::new()) };
        let tips = self.note(tips(&repository, "refs/heads/"))?;
        Ok(tips.into_iter().map(|(name, id)| (name, id.to_string())).collect())
    }

    /// Takes over what a push has done to a branch of the remote: it is at `commit` now, or gone. A fetch that has asked
    /// the remote before, and will hear only now, leaves that branch as it is.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] if it is not in the mirror, [`Error::Local`] if it cannot be written down.
    pub fn adopt(&self, branch: &str, commit: Option<&str>) -> Result<(), Error> {
        let id = match commit {
            Some(commit) => {
                self.root(commit)?;
                let id = gix::ObjectId::from_hex(commit.as_bytes());
                Some(id.map_err(|_| Error::UnknownCommit(commit.to_owned()))?)
            }
            None => None,
        };
        let Some(repository) = self.reader()? else { return Ok(()) };
        if !self.is_ours() {
            // The push was made there: its branch is where it went.
            return Ok(());
        }
        let mut adopted = lock(&self.adopted);
        set(&repository, vec![(format!("refs/heads/{branch}"), id)])?;
        adopted.last += 1;
        let last = adopted.last;
        adopted.branches.insert(branch.to_owned(), last);
        Ok(())
    }

    /// Keeps a commit that is still served, whatever becomes of its branch, under a name of the caller's; `None` lets
    /// go of what is kept under that name.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] if it is not in the mirror, [`Error::Local`] if it cannot be written down.
    pub fn keep(&self, name: &str, commit: Option<&str>) -> Result<(), Error> {
        let Some(repository) = self.reader()? else {
            return commit.map_or(Ok(()), |commit| Err(Error::UnknownCommit(commit.to_owned())));
        };
        if !self.is_ours() {
            // The operator's own repository keeps what the operator wants.
            return Ok(());
        }
        // Any name is good: a reference's may neither be as long nor have everything that an environment's may.
        let reference = format!("{KEPT}{}", hex::encode(Sha256::digest(name)));
        let id = match commit {
            Some(commit) => {
                let unknown = || Error::UnknownCommit(commit.to_owned());
                let id = gix::ObjectId::from_hex(commit.as_bytes()).map_err(|_| unknown())?;
                if !repository.has_object(id) {
                    return Err(unknown());
                }
                Some(id)
            }
            None => None,
        };
        set(&repository, vec![(reference, id)])
    }
}

/// Branches that were moved by our own pushes, and when: what a fetch has asked for before says nothing of them.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    /// Counts them.
    pub(super) last: u64,
    /// Short name -> its number. Forgotten when a fetch begins.
    pub(super) branches: BTreeMap<String, u64>,
}

impl Adopted {
    /// Forgets all: a fetch that begins now will see them.
    pub(super) fn begin(&mut self) -> u64 {
        self.branches.clear();
        self.last
    }

    /// Whether a fetch that began then has not seen what was done to a branch.
    pub(super) fn since(&self, begun: u64, branch: &str) -> bool {
        self.branches.get(branch).is_some_and(|number| *number > begun)
    }
}

/// Where commits that are still served are kept.
pub(super) const KEPT: &str = "refs/yardarm/keep/";

/// What references below `prefix` point at: rest of the name -> id.
pub(super) fn tips(repository: &gix::Repository, prefix: &str) -> Result<BTreeMap<String, gix::ObjectId>, Error> {
    let odd = |error: gix::Error| damaged("its references", &error);
    let references = repository.references().map_err(odd)?;
    let mut tips = BTreeMap::new();
    for reference in references.prefixed(prefix).map_err(odd)? {
        let mut reference = reference.map_err(|error| Error::Damaged(format!("its references: {error}")))?;
        let name = reference.name().as_bstr().to_string();
        let id = reference.follow_to_object().map_err(|error| damaged(&name, &error))?;
        if let Some(short) = name.strip_prefix(prefix) {
            tips.insert(short.to_owned(), id.detach());
        }
    }
    Ok(tips)
}

/// Moves, makes or removes a reference, if it is where it has to be.
pub(super) fn compare_and_set(
    repository: &gix::Repository,
    name: String,
    old: Option<gix::ObjectId>,
    new: Option<gix::ObjectId>,
) -> Result<(), Error> {
    let expected = match old {
        Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
        None => PreviousValue::MustNotExist,
    };
    let change = match new {
        Some(id) => Change::Update { log: LogChange::default(), expected, new: Target::Object(id) },
        None => Change::Delete { expected, log: RefLog::AndReference },
    };
    let name = name.try_into().map_err(|error| Error::Bug(format!("a branch has a name that is none: {error}")))?;
    let moved = repository.edit_references([RefEdit { change, name, deref: false }]);
    moved.map(drop).map_err(|error| Error::Local(format!("references: {}", super::error::chain(&error))))
}

/// Points references, or removes them. One that is removed may be the directory of one that is new (`a`, `a/b`): so they
/// go first.
pub(super) fn set(repository: &gix::Repository, targets: Vec<(String, Option<gix::ObjectId>)>) -> Result<(), Error> {
    let (new, gone): (Vec<_>, Vec<_>) = targets.into_iter().partition(|(_, id)| id.is_some());
    for targets in [gone, new] {
        if targets.is_empty() {
            continue;
        }
        let mut edits = Vec::with_capacity(targets.len());
        for (name, id) in targets {
            let name =
                name.try_into().map_err(|error| Error::Local(format!("a branch has a name that is none: {error}")))?;
            let change = match id {
                Some(id) => {
                    Change::Update { log: LogChange::default(), expected: PreviousValue::Any, new: Target::Object(id) }
                }
                None => Change::Delete { expected: PreviousValue::Any, log: RefLog::AndReference },
            };
            edits.push(RefEdit { change, name, deref: false });
        }
        repository
            .edit_references(edits)
            .map_err(|error| Error::Local(format!("references: {}", super::error::chain(&error))))?;
    }
    Ok(())
}
