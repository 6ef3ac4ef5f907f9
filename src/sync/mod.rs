//! From "something moved" to "it is served": one worker a storage.
//!
//! ```text
//! hint, or time  --slot, schedule-->  worker  --pipeline-->  fetch, read, check, swap, tell
//! ```
//!
//! A worker makes one run at a time. A run asks the remote for the tips of its branches and makes what is served equal
//! to them, wherever it was before; so losing, repeating or reordering hints changes nothing but latency (I6), and
//! start, poll, hint and retry are the same run. What a run cannot take (an unreachable remote, a branch that is gone,
//! a bad file) leaves the last good state served and is on the [`status::Board`].
//!
//! [`slot`] and [`schedule`] decide and are pure; [`pipeline`] is the algorithm on one page; [`share`] is what it has in
//! common with whoever writes; [`worker`] is the loop around them; [`workers`] starts, reloads and stops the loops.

mod branches;
pub(crate) mod files;
mod followed;
mod last_good;
pub mod pipeline;
pub mod schedule;
pub mod share;
mod shared_slot;
pub mod slot;
pub mod status;
#[cfg(test)]
pub(crate) mod tests;
pub mod tips;
pub mod worker;
pub mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use self::slot::Covered;
use crate::config::PushWith;
use crate::git::{
    self, Committed, Difference, Distance, Entry, FetchRequest, Fetched, History, Mirror, Moved, NewCommit, Opened,
    Push, PushError, Remote,
};

/// A bare repository that follows a remote; see [`Mirror`] for what the methods promise. Everything blocks.
#[expect(clippy::missing_errors_doc, reason = "as in Mirror")]
pub trait Repository: Send + Sync {
    /// [`Mirror::fetch`].
    fn fetch(&self, request: &FetchRequest, stop: &Arc<AtomicBool>) -> Result<Fetched, git::Error>;
    /// [`Mirror::heads`].
    fn heads(&self) -> Result<BTreeMap<String, String>, git::Error>;
    /// [`Mirror::tree_id`].
    fn tree_id(&self, commit: &str, directory: &str) -> Result<Option<String>, git::Error>;
    /// [`Mirror::entries`].
    fn entries(&self, commit: &str, directory: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, git::Error>;
    /// [`Mirror::blob`].
    fn blob(&self, id: &str, limit: usize) -> Result<Vec<u8>, git::Error>;
    /// [`Mirror::compact`].
    fn compact(&self, stop: &AtomicBool) -> Result<(), git::Error>;
    /// [`Mirror::keep`].
    fn keep(&self, name: &str, commit: Option<&str>) -> Result<(), git::Error>;

    /// Makes a commit on top of the files of `base`, on no branch.
    fn commit(&self, base: Option<&str>, new: &NewCommit) -> Result<Committed, git::Error> {
        let _ = (base, new);
        Err(read_only())
    }
    /// Moves a branch of the remote, if it is where it is thought to be.
    ///
    /// # Errors
    /// See [`PushError`].
    fn push(&self, push: &Push, stop: &Arc<AtomicBool>) -> Result<(), PushError> {
        let _ = (push, stop);
        Err(PushError::Failed(read_only()))
    }
    /// Points a branch of the mirror where the remote's is now known to be; `None` if it is gone.
    fn adopt(&self, branch: &str, commit: Option<&str>) -> Result<(), git::Error> {
        let _ = (branch, commit);
        Ok(())
    }
    /// Whether it has no commit and may get its first one from here: it is on this machine, where nobody else's can come
    /// to light later.
    fn may_begin(&self) -> bool {
        false
    }
    /// [`Mirror::contains`].
    fn contains(&self, tip: &str, commit: &str) -> Result<bool, git::Error> {
        let _ = (tip, commit);
        Ok(false)
    }
    /// [`Mirror::whole`].
    fn whole(&self, commit: &str) -> Result<Option<String>, git::Error> {
        let _ = commit;
        Ok(None)
    }
    /// [`Mirror::first_parent`].
    fn first_parent(&self, commit: &str) -> Result<Option<String>, git::Error> {
        let _ = commit;
        Ok(None)
    }
    /// [`Mirror::merge_base`].
    fn merge_base(&self, one: &str, two: &str) -> Result<Option<String>, git::Error> {
        let _ = (one, two);
        Err(read_only())
    }
    /// [`Mirror::distance`].
    fn distance(&self, branch: &str, base: &str) -> Result<Distance, git::Error> {
        let _ = (branch, base);
        Ok(Distance::default())
    }
    /// [`Mirror::beyond`].
    fn beyond(&self, branch: &str, base: &str, from: Option<&str>, limit: usize) -> Result<History, git::Error> {
        let _ = (branch, base, from, limit);
        Err(read_only())
    }
    /// [`Mirror::changed_paths`].
    fn changed_paths(&self, from: Option<&str>, to: &str) -> Result<Vec<Difference>, git::Error> {
        let _ = (from, to);
        Err(read_only())
    }
    /// [`Mirror::history`].
    fn history(&self, tip: &str, paths: &[&str], from: Option<&str>, limit: usize) -> Result<History, git::Error> {
        let _ = (tip, paths, from, limit);
        Err(read_only())
    }
    /// [`Mirror::own`].
    fn own(&self, branch: &str, base: &str, limit: usize) -> Result<Vec<git::Logged>, git::Error> {
        let _ = (branch, base, limit);
        Err(read_only())
    }
    /// [`Mirror::read_file`].
    fn read_file(&self, commit: &str, path: &str, limit: usize) -> Result<Option<(String, Vec<u8>)>, git::Error> {
        let _ = (commit, path, limit);
        Ok(None)
    }
}

fn read_only() -> git::Error {
    git::Error::Local("the storage cannot be written to".to_owned())
}

/// Where a [`Repository`] comes from, each time it has to be opened (anew).
pub trait Source: Send + Sync + 'static {
    /// Opens it, makes it, or moves a damaged one aside and makes it.
    ///
    /// # Errors
    /// See [`Mirror::open`].
    fn open(&self) -> Result<(Arc<dyn Repository>, Opened), git::Error>;
}

/// The mirror of a remote on this machine.
#[derive(Debug, Clone)]
pub struct Mirrored {
    /// Where it lives.
    pub directory: PathBuf,
    /// What it follows.
    pub remote: Remote,
    /// What pushes to it.
    pub push_with: PushWith,
}

impl Source for Mirrored {
    fn open(&self) -> Result<(Arc<dyn Repository>, Opened), git::Error> {
        let (mirror, opened) = Mirror::open(&self.directory)?;
        Ok((Arc::new(Following { mirror, remote: self.remote.clone(), push_with: self.push_with }), opened))
    }
}

/// A repository of the operator's on this machine, without a remote: read where it stands, and written to as by a push.
/// What others commit to it is found by looking at its branches.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Where it is.
    pub directory: PathBuf,
}

impl Source for Standing {
    fn open(&self) -> Result<(Arc<dyn Repository>, Opened), git::Error> {
        if !self.directory.exists() {
            return Err(git::Error::NotFound(format!("{} does not exist", self.directory.display())));
        }
        let (mirror, _) = Mirror::open_path(&self.directory)?;
        Ok((Arc::new(Read { mirror, seen: Mutex::default(), own: false }), Opened::Existing))
    }
}

struct Read {
    mirror: Mirror,
    /// Tips as of the last look.
    seen: Mutex<BTreeMap<String, String>>,
    /// It is nobody else's.
    own: bool,
}

impl Read {
    /// What a fetch of a remote with these branches would bring.
    fn look(&self, request: &FetchRequest) -> Result<Fetched, git::Error> {
        let wanted = |name: &str| {
            let whole = |p: &str| p.strip_suffix('?').unwrap_or(p) == name;
            let matches = |p: &String| p.strip_suffix('*').map_or_else(|| whole(p), |start| name.starts_with(start));
            request.branches.iter().any(matches)
        };
        let mut all = self.mirror.heads()?;
        let (none, similar) = (all.is_empty(), all.keys().take(3).cloned().collect());
        all.retain(|name, _| wanted(name));
        match request.branches.first() {
            _ if none => return Err(git::Error::EmptyRemote),
            Some(branch) if !branch.ends_with('*') && !all.contains_key(branch) => {
                return Err(git::Error::MissingBranch { branch: branch.clone(), similar });
            }
            _ => {}
        }
        let seen = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), all.clone());
        let names: BTreeSet<&String> = seen.keys().chain(all.keys()).collect();
        let moved = names.into_iter().map(|name| Moved {
            branch: name.clone(),
            old: seen.get(name).cloned(),
            new: all.get(name).cloned(),
            // Nobody asks whether the history of one's own repository was rewritten.
            forced: false,
        });
        let moved = moved.filter(|moved| moved.old != moved.new).collect();
        let expected_found = request.expected.as_ref().map(|commit| all.values().any(|head| head == commit));
        Ok(Fetched { heads: all, moved, pack_bytes: 0, expected_found, renewed: None })
    }
}

struct Following {
    mirror: Mirror,
    remote: Remote,
    push_with: PushWith,
}

/// A repository that is nowhere else: of a storage without remote and without a path, for as long as this process lives.
///
/// # Errors
/// See [`Mirror::empty`].
fn own(directory: &Path) -> Result<Arc<dyn Repository>, git::Error> {
    Ok(Arc::new(Read { mirror: Mirror::empty(directory)?, seen: Mutex::default(), own: true }))
}

/// What both kinds do alike: everything but fetching.
macro_rules! repository {
    ($kind:ty, $fetch:expr, $push:expr, $own:expr) => {
        impl Repository for $kind {
            fn fetch(&self, request: &FetchRequest, stop: &Arc<AtomicBool>) -> Result<Fetched, git::Error> {
                $fetch(self, request, stop)
            }
            fn heads(&self) -> Result<BTreeMap<String, String>, git::Error> {
                self.mirror.heads()
            }
            fn tree_id(&self, commit: &str, directory: &str) -> Result<Option<String>, git::Error> {
                self.mirror.tree_id(commit, directory)
            }
            fn entries(
                &self,
                commit: &str,
                directory: &str,
                wanted: &dyn Fn(&str) -> bool,
            ) -> Result<Vec<Entry>, git::Error> {
                self.mirror.entries(commit, directory, wanted)
            }
            fn blob(&self, id: &str, limit: usize) -> Result<Vec<u8>, git::Error> {
                self.mirror.blob(id, limit)
            }
            fn compact(&self, stop: &AtomicBool) -> Result<(), git::Error> {
                self.mirror.compact(stop).map(drop)
            }
            fn keep(&self, name: &str, commit: Option<&str>) -> Result<(), git::Error> {
                self.mirror.keep(name, commit)
            }
            fn commit(&self, base: Option<&str>, new: &NewCommit) -> Result<Committed, git::Error> {
                self.mirror.commit(base, new)
            }
            fn push(&self, push: &Push, stop: &Arc<AtomicBool>) -> Result<(), PushError> {
                $push(self, push, stop)
            }
            fn adopt(&self, branch: &str, commit: Option<&str>) -> Result<(), git::Error> {
                self.mirror.adopt(branch, commit)
            }
            fn may_begin(&self) -> bool {
                $own(self)
            }
            fn contains(&self, tip: &str, commit: &str) -> Result<bool, git::Error> {
                self.mirror.contains(tip, commit)
            }
            fn whole(&self, commit: &str) -> Result<Option<String>, git::Error> {
                self.mirror.whole(commit)
            }
            fn first_parent(&self, commit: &str) -> Result<Option<String>, git::Error> {
                self.mirror.first_parent(commit)
            }
            fn merge_base(&self, one: &str, two: &str) -> Result<Option<String>, git::Error> {
                self.mirror.merge_base(one, two)
            }
            fn distance(&self, branch: &str, base: &str) -> Result<Distance, git::Error> {
                self.mirror.distance(branch, base)
            }
            fn beyond(
                &self,
                branch: &str,
                base: &str,
                from: Option<&str>,
                limit: usize,
            ) -> Result<History, git::Error> {
                self.mirror.beyond(branch, base, from, limit)
            }
            fn changed_paths(&self, from: Option<&str>, to: &str) -> Result<Vec<Difference>, git::Error> {
                self.mirror.changed_paths(from, to)
            }
            fn history(
                &self,
                tip: &str,
                paths: &[&str],
                from: Option<&str>,
                limit: usize,
            ) -> Result<History, git::Error> {
                self.mirror.history(tip, paths, from, limit)
            }
            fn own(&self, branch: &str, base: &str, limit: usize) -> Result<Vec<git::Logged>, git::Error> {
                self.mirror.own(branch, base, limit)
            }
            fn read_file(
                &self,
                commit: &str,
                path: &str,
                limit: usize,
            ) -> Result<Option<(String, Vec<u8>)>, git::Error> {
                self.mirror.read_file(commit, path, limit)
            }
        }
    };
}

repository!(
    Following,
    |of: &Self, request, stop| of.mirror.fetch(&of.remote, request, stop),
    |of: &Self, push, stop| of.mirror.push(&of.remote, push, of.push_with, stop),
    |_: &Self| false
);
repository!(
    Read,
    |of: &Self, request, _| of.look(request),
    |of: &Self, push, stop| of.mirror.advance(push, stop),
    |of: &Self| of.own || of.mirror.heads().is_ok_and(|heads| heads.is_empty())
);

/// Who is told how the work on a storage goes: the deliveries' records, the metrics. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// A fetch has ended.
    fn fetch_ended(&self, storage: &str, ok: bool, took: Duration);
    /// Polling found commits that no delivery had announced.
    fn missed(&self, storage: &str, commits: &[String]);
    /// What a delivery announced, or something newer, was fetched and is being served; `held` says what of it is not.
    fn delivery_done(&self, storage: &str, delivery: &Covered, fetched: Timestamp, live: Timestamp, held: Option<&str>);
    /// The run for a delivery failed. It is tried again; a repetition of the delivery may run, too.
    fn delivery_failed(&self, storage: &str, delivery: &Covered, error: &str);
}
