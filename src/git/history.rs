//! How commits stand to each other, and which of them touched a file.
//!
//! A history is walked newest first, as `git log -- <paths>` does with its default simplification: a commit that leaves
//! every asked path as one of its parents has it is not shown, and only that parent is followed; so a merge that only
//! took over the other side is passed by. Trees are compared by the ids of their entries and never by their content, and
//! what lies between the root and a path is remembered by id, because it is the same in most commits.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use gix::ObjectId;
use gix::objs::tree::EntryMode;
use gix::objs::{CommitRef, Kind, TreeRefIter};
use gix::traverse::commit::simple::CommitTimeOrder;
use jiff::Timestamp;

use super::commit::{Identity, Logged};
use super::error::damaged;
use super::tree::read;
use super::{Error, Mirror};
use crate::limits;

/// Commits that touched some paths, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// As many as were asked for, at most.
    pub commits: Vec<Logged>,
    /// There may be more of them: behind the last one, or beyond [`limits::GIT_WALK`] commits.
    pub more: bool,
}

/// A file that two commits do not have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Below the root of the repository.
    pub path: String,
    /// Id of what is there in the first one; absent if nothing is.
    pub before: Option<String>,
    /// Id of what is there in the second one; absent if nothing is.
    pub after: Option<String>,
}

/// How far two branches are from where they parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Distance {
    /// Commits of the one that the other has not; [`limits::GIT_DISTANCE`] means that many or more.
    pub ahead: u32,
    /// Commits of the other that the one has not, likewise.
    pub behind: u32,
}

impl Mirror {
    /// Whether `commit` is in the history of `tip`, or it itself. What is not here is in no history.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn contains(&self, tip: &str, commit: &str) -> Result<bool, Error> {
        let Some(repository) = self.reader()? else { return Ok(false) };
        let (Some(tip), Some(commit)) = (known(&repository, tip), known(&repository, commit)) else { return Ok(false) };
        if tip == commit {
            return Ok(true);
        }
        let base = repository.merge_base(commit, tip).map_err(|error| damaged("its history", &error));
        Ok(self.note(base)?.is_some_and(|base| base == commit))
    }

    /// The commit that an id means, whole: providers abbreviate some. None if it is not here, or may be another's as well.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn whole(&self, commit: &str) -> Result<Option<String>, Error> {
        let Some(repository) = self.reader()? else { return Ok(None) };
        if let Some(id) = known(&repository, commit) {
            return Ok(Some(id.to_string()));
        }
        let Ok(prefix) = gix::hash::Prefix::from_hex(commit) else { return Ok(None) };
        let found = repository.objects.lookup_prefix(prefix, None);
        let found = found.map_err(|error| damaged("an abbreviated id", &error));
        let id = self.note(found)?.and_then(Result::ok);
        Ok(id.and_then(|id| known(&repository, &id.to_string())).map(|id| id.to_string()))
    }

    /// The first parent of a commit, hex; none of one without, or that is not here.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn first_parent(&self, commit: &str) -> Result<Option<String>, Error> {
        let Some(repository) = self.reader()? else { return Ok(None) };
        let Some(id) = known(&repository, commit) else { return Ok(None) };
        let data = self.note(read(&repository, id, Kind::Commit))?;
        let parsed = CommitRef::from_bytes(&data, id.kind()).map_err(|error| damaged("a commit", &error));
        Ok(self.note(parsed)?.parents().next().map(|parent| parent.to_string()))
    }

    /// The best commit that two commits both come from, hex; none if they have nothing in common.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`].
    pub fn merge_base(&self, one: &str, two: &str) -> Result<Option<String>, Error> {
        let (repository, one, two) = self.both(one, two)?;
        let base = repository.merge_base(one, two).map_err(|error| damaged("its history", &error));
        Ok(self.note(base)?.map(|base| base.to_string()))
    }

    /// How many commits `branch` has that `base` has not, and the other way round. Both are commits, hex.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`].
    pub fn distance(&self, branch: &str, base: &str) -> Result<Distance, Error> {
        let (repository, branch, base) = self.both(branch, base)?;
        let count = |of: ObjectId, without: ObjectId| {
            let odd = |error: gix::Error| damaged("its history", &error);
            let walk = repository.rev_walk([of]).with_hidden([without]).all().map_err(odd)?;
            let mut number = 0;
            for commit in walk {
                commit.map_err(odd)?;
                number += 1;
                if number == limits::GIT_DISTANCE {
                    break;
                }
            }
            Ok(number)
        };
        Ok(Distance { ahead: self.note(count(branch, base))?, behind: self.note(count(base, branch))? })
    }

    /// The commits of `branch` that `base` has not, newest first: those behind `from`, if it is given, and at most
    /// `limit`. Both are commits, hex.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] of one of the two, or of a `from` that is not among them; [`Error::Damaged`].
    pub fn beyond(&self, branch: &str, base: &str, from: Option<&str>, limit: usize) -> Result<History, Error> {
        let (repository, branch, base) = self.both(branch, base)?;
        let unknown = || Error::UnknownCommit(from.unwrap_or_default().to_owned());
        let from = match from {
            Some(from) => Some(known(&repository, from).ok_or_else(unknown)?),
            None => None,
        };
        let odd = |error: gix::Error| damaged("its history", &error);
        let newest = gix::revision::walk::Sorting::ByCommitTime(CommitTimeOrder::NewestFirst);
        let walk = repository.rev_walk([branch]).with_hidden([base]).sorting(newest).all();
        let reader = Walk::new(&repository, &[]);
        let (mut found, mut skipping) = (History::default(), from.is_some());
        for (number, commit) in self.note(walk.map_err(odd))?.enumerate() {
            let id = self.note(commit.map_err(odd))?.id;
            if found.commits.len() == limit || number == limits::GIT_WALK {
                found.more = true;
                break;
            }
            if skipping {
                skipping = from != Some(id);
            } else {
                found.commits.push(self.note(reader.logged(id))?);
            }
        }
        if skipping && !found.more { Err(unknown()) } else { Ok(found) }
    }

    /// Files that are not alike in two commits, in the order of their paths; without a first one, all of the second.
    /// Costs what differs, not what is in the repository.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`], [`Error::TooLarge`] past [`limits::GIT_ENTRIES`].
    pub fn changed_paths(&self, from: Option<&str>, to: &str) -> Result<Vec<Difference>, Error> {
        let (repository, after) = self.root(to)?;
        let before = match from {
            Some(from) => Some(self.root(from)?.1),
            None => None,
        };
        let mut found = Vec::new();
        self.note(differences(&repository, before, Some(after), "", 0, &mut found))?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Commits in the history of `tip` that touched one of `paths` (files or directories, below the root), newest first:
    /// those behind `from`, if it is given, and at most `limit`.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] of `tip`, or of a `from` that the walk does not come by; [`Error::Damaged`].
    pub fn history(&self, tip: &str, paths: &[&str], from: Option<&str>, limit: usize) -> Result<History, Error> {
        let (mut repository, _) = self.root(tip)?;
        repository.object_cache_size_if_unset(limits::GIT_WALK_CACHE_BYTES);
        let unknown = || Error::UnknownCommit(from.unwrap_or(tip).to_owned());
        let tip = known(&repository, tip).ok_or_else(unknown)?;
        let from = match from {
            Some(from) => Some(known(&repository, from).ok_or_else(unknown)?),
            None => None,
        };
        let mut walk = Walk::new(&repository, paths);
        let (mut found, mut skipping) = (History::default(), from.is_some());
        self.note(walk.visit(tip))?;
        while let Some(id) = walk.next() {
            if walk.seen.len() > limits::GIT_WALK {
                found.more = true;
                break;
            }
            let touched = self.note(walk.step(id))?;
            if skipping {
                skipping = from != Some(id);
            } else if let Some(logged) = touched {
                if found.commits.len() == limit {
                    found.more = true;
                    break;
                }
                found.commits.push(logged);
            }
        }
        if skipping && !found.more { Err(unknown()) } else { Ok(found) }
    }

    /// The commits that `branch` has and `base` has not, along first parents, oldest first.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`], [`Error::TooLarge`] if they are more than `limit`.
    pub fn own(&self, branch: &str, base: &str, limit: usize) -> Result<Vec<Logged>, Error> {
        let (repository, mut at, base) = self.both(branch, base)?;
        let walk = Walk::new(&repository, &[]);
        let mut found = Vec::new();
        loop {
            let parted = repository.merge_base(at, base).map_err(|error| damaged("its history", &error));
            if self.note(parted)?.is_some_and(|parted| parted == at) {
                break;
            }
            if found.len() == limit {
                return Err(Error::TooLarge(format!("the branch has more than {limit} commits of its own")));
            }
            let logged = self.note(walk.logged(at))?;
            let parent = logged.parents.first().and_then(|parent| known(&repository, parent));
            found.push(logged);
            match parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
        found.reverse();
        Ok(found)
    }

    fn both(&self, one: &str, two: &str) -> Result<(gix::Repository, ObjectId, ObjectId), Error> {
        let unknown = |commit: &str| Error::UnknownCommit(commit.to_owned());
        let repository = self.reader()?.ok_or_else(|| unknown(one))?;
        let first = known(&repository, one).ok_or_else(|| unknown(one))?;
        let second = known(&repository, two).ok_or_else(|| unknown(two))?;
        Ok((repository, first, second))
    }
}

/// The id of a commit that is here.
fn known(repository: &gix::Repository, commit: &str) -> Option<ObjectId> {
    let id = ObjectId::from_hex(commit.as_bytes()).ok().filter(|id| id.kind() == repository.object_hash())?;
    let header = repository.try_find_header(id).ok().flatten()?;
    (header.kind() == Kind::Commit).then_some(id)
}

type Child = (String, EntryMode, ObjectId);

/// What is in a tree. Names that are no UTF-8 are told as well as they can be.
fn children(repository: &gix::Repository, tree: ObjectId) -> Result<Vec<Child>, Error> {
    let data = read(repository, tree, Kind::Tree)?;
    let entries = TreeRefIter::from_bytes(&data, tree.kind()).map(|entry| {
        let entry = entry.map_err(|error| Error::Damaged(format!("tree {tree}: {error}")))?;
        Ok((entry.filename.to_string(), entry.mode, entry.oid.to_owned()))
    });
    entries.collect()
}

fn child(repository: &gix::Repository, tree: ObjectId, name: &str) -> Result<Option<(EntryMode, ObjectId)>, Error> {
    let data = read(repository, tree, Kind::Tree)?;
    let mut entries = TreeRefIter::from_bytes(&data, tree.kind()).filter_map(Result::ok);
    let found = entries.find(|entry| entry.filename == name);
    Ok(found.map(|entry| (entry.mode, entry.oid.to_owned())))
}

fn differences(
    repository: &gix::Repository,
    before: Option<ObjectId>,
    after: Option<ObjectId>,
    path: &str,
    depth: usize,
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    let list = |tree: Option<ObjectId>| tree.map_or_else(|| Ok(Vec::new()), |tree| children(repository, tree));
    let mut pairs: HashMap<String, [Option<(EntryMode, ObjectId)>; 2]> = HashMap::new();
    for (name, mode, id) in list(before)? {
        pairs.entry(name).or_default()[0] = Some((mode, id));
    }
    for (name, mode, id) in list(after)? {
        pairs.entry(name).or_default()[1] = Some((mode, id));
    }
    for (name, [before, after]) in pairs {
        if before == after {
            continue;
        }
        if found.len() >= limits::GIT_ENTRIES || depth > limits::GIT_TREE_DEPTH {
            return Err(Error::TooLarge(format!("more than {} files differ", limits::GIT_ENTRIES)));
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        let tree = |side: Option<(EntryMode, ObjectId)>| side.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
        let file = |side: Option<(EntryMode, ObjectId)>| {
            side.filter(|(mode, _)| !mode.is_tree()).map(|(_, id)| id.to_string())
        };
        differences(repository, tree(before), tree(after), &path, depth + 1, found)?;
        let (before, after) = (file(before), file(after));
        if before.is_some() || after.is_some() {
            found.push(Difference { path, before, after });
        }
    }
    Ok(())
}

/// What each path is at a commit; absent where there is nothing.
type State = Vec<Option<(EntryMode, ObjectId)>>;

/// A commit, as far as a walk needs it.
struct Seen {
    parents: Vec<ObjectId>,
    /// When it was made.
    seconds: i64,
    state: State,
}

struct Walk<'a> {
    repository: &'a gix::Repository,
    paths: Vec<Vec<&'a str>>,
    /// Commits to come: newest first, and of equal age in the order in which they were found.
    queue: BinaryHeap<(i64, Reverse<usize>, ObjectId)>,
    seen: HashMap<ObjectId, Seen>,
    queued: HashSet<ObjectId>,
    /// Entry of a tree by number of the path and of its component.
    entries: HashMap<(ObjectId, usize, usize), Option<(EntryMode, ObjectId)>>,
}

impl<'a> Walk<'a> {
    fn new(repository: &'a gix::Repository, paths: &[&'a str]) -> Self {
        let components = |path: &&'a str| path.split('/').filter(|component| !component.is_empty()).collect();
        Self {
            repository,
            paths: paths.iter().map(components).collect(),
            queue: BinaryHeap::new(),
            seen: HashMap::new(),
            queued: HashSet::new(),
            entries: HashMap::new(),
        }
    }

    fn next(&mut self) -> Option<ObjectId> {
        self.queue.pop().map(|(.., id)| id)
    }

    /// Has a commit walked, once.
    fn visit(&mut self, id: ObjectId) -> Result<(), Error> {
        if self.queued.insert(id) {
            self.look(id)?;
            let seconds = self.seen.get(&id).map_or(0, |seen| seen.seconds);
            self.queue.push((seconds, Reverse(self.queued.len()), id));
        }
        Ok(())
    }

    /// Reads a commit, once.
    fn look(&mut self, id: ObjectId) -> Result<(), Error> {
        if self.seen.contains_key(&id) {
            return Ok(());
        }
        let data = read(self.repository, id, Kind::Commit)?;
        let commit = CommitRef::from_bytes(&data, id.kind()).map_err(|error| damaged(&id.to_string(), &error))?;
        // The history of a shallow clone ends where it was cut.
        let here = |parent: &ObjectId| self.repository.has_object(*parent);
        let parents: Vec<ObjectId> = commit.parents().filter(here).collect();
        let seconds = commit.time().map_or(0, |time| time.seconds);
        let state = self.state(commit.tree())?;
        self.seen.insert(id, Seen { parents, seconds, state });
        Ok(())
    }

    fn state(&mut self, root: ObjectId) -> Result<State, Error> {
        (0..self.paths.len()).map(|number| self.entry(root, number)).collect()
    }

    fn entry(&mut self, root: ObjectId, number: usize) -> Result<Option<(EntryMode, ObjectId)>, Error> {
        let components = self.paths.get(number).cloned().unwrap_or_default();
        let mut at = Some((gix::objs::tree::EntryKind::Tree.into(), root));
        for (depth, name) in components.into_iter().enumerate() {
            let Some((_, tree)) = at.filter(|(mode, _): &(EntryMode, ObjectId)| mode.is_tree()) else {
                return Ok(None);
            };
            let key = (tree, number, depth);
            at = if let Some(known) = self.entries.get(&key) {
                *known
            } else {
                let found = child(self.repository, tree, name)?;
                // Roots differ from commit to commit.
                if depth > 0 {
                    self.entries.insert(key, found);
                }
                found
            };
        }
        Ok(at)
    }

    /// Goes on from a commit to its parents, and answers it if it touched a path.
    fn step(&mut self, id: ObjectId) -> Result<Option<Logged>, Error> {
        let Some(Seen { parents, state, .. }) = self.seen.get(&id) else { return Ok(None) };
        let (parents, state) = (parents.clone(), state.clone());
        if parents.is_empty() {
            return if state.iter().any(Option::is_some) { self.logged(id).map(Some) } else { Ok(None) };
        }
        for parent in &parents {
            self.look(*parent)?;
            if self.seen.get(parent).is_some_and(|parent| parent.state == state) {
                self.visit(*parent)?;
                return Ok(None);
            }
        }
        for parent in parents {
            self.visit(parent)?;
        }
        self.logged(id).map(Some)
    }

    fn logged(&self, id: ObjectId) -> Result<Logged, Error> {
        let odd = |error: gix::Error| damaged(&id.to_string(), &error);
        let data = read(self.repository, id, Kind::Commit)?;
        let commit = CommitRef::from_bytes(&data, id.kind()).map_err(odd)?;
        let (author, committer) = (commit.author().map_err(odd)?, commit.committer().map_err(odd)?);
        let identity =
            |of: &gix::actor::SignatureRef<'_>| Identity { name: of.name.to_string(), email: of.email.to_string() };
        let at = |of: &gix::actor::SignatureRef<'_>| Timestamp::from_second(of.seconds()).unwrap_or_default();
        Ok(Logged {
            id: id.to_string(),
            parents: commit.parents().map(|parent| parent.to_string()).collect(),
            author: identity(&author),
            committer: identity(&committer),
            authored: at(&author),
            committed: at(&committer),
            message: commit.message.to_string(),
        })
    }
}
