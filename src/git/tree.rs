//! Reading commits: what is below a directory, and the bytes of a file.
//!
//! Only trees on the way to the directory and below it are read. Whatever is read is compared with its id: gix does not,
//! and a disk that flips a bit must not change a flag.

use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};

use super::error::damaged;
use super::mirror::tips;
use super::{Entry, Error, Mirror, mirror};
use crate::limits;

impl Mirror {
    /// Every file below `directory` of a commit for which `wanted(path below directory)` holds, in lexical walk
    /// order. Costs what is below the directory, not what is in the repository. Symbolic links and submodules are no
    /// files.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`]; [`Error::Damaged`] if an object is missing; [`Error::TooLarge`] if the directory has
    /// more entries than any has. A directory that is not there is an empty list.
    pub fn entries(&self, commit: &str, directory: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, Error> {
        let (repository, root) = self.root(commit)?;
        let Some(top) = self.note(below(&repository, root, directory))? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut looked_at = 0;
        // What is still to be listed, last first: so the order is that of a walk.
        let mut open = vec![Todo::Tree(String::new(), top, 0)];
        while let Some(todo) = open.pop() {
            match todo {
                Todo::Blob(path, blob) => {
                    let size = repository.try_find_header(blob).ok().flatten().map(|header| header.size());
                    found.push(Entry { path, blob: blob.to_string(), size });
                }
                Todo::Tree(path, id, depth) => {
                    let mut children = self.note(list(&repository, id))?;
                    looked_at += children.len();
                    if looked_at > limits::GIT_ENTRIES || depth > limits::GIT_TREE_DEPTH {
                        let text = format!(
                            "the directory \"{directory}\" has more than {} entries or is deeper than {}",
                            limits::GIT_ENTRIES,
                            limits::GIT_TREE_DEPTH
                        );
                        return Err(Error::TooLarge(text));
                    }
                    children.sort_by(|a, b| b.name.cmp(&a.name));
                    for Child { name, kind, id } in children {
                        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                        match kind {
                            EntryKind::Tree => open.push(Todo::Tree(path, id, depth + 1)),
                            EntryKind::Blob | EntryKind::BlobExecutable if wanted(&path) => {
                                open.push(Todo::Blob(path, id));
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Id of the tree of `directory` at `commit`, if it is there: equal ids mean equal content.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`].
    pub fn tree_id(&self, commit: &str, directory: &str) -> Result<Option<String>, Error> {
        let (repository, root) = self.root(commit)?;
        let id = self.note(below(&repository, root, directory))?;
        if directory.is_empty() {
            self.note(list(&repository, root))?;
        }
        Ok(id.map(|id| id.to_string()))
    }

    /// The bytes of a blob, at most `limit` of them.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it is larger, [`Error::Damaged`] if it is missing or not what its id says.
    pub fn blob(&self, id: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let missing = || Error::Damaged(format!("blob {id} is missing"));
        let repository = self.reader()?.ok_or_else(missing)?;
        let parsed = ObjectId::from_hex(id.as_bytes()).map_err(|_| missing())?;
        // The header first: what is too large is not even unpacked.
        let header = repository.try_find_header(parsed).map_err(|error| damaged(id, &error));
        let header = self.note(header.and_then(|header| header.ok_or_else(missing)))?;
        if header.size() > limit as u64 {
            return Err(Error::TooLarge(format!("the file has {} bytes; {limit} are allowed", header.size())));
        }
        self.note(read(&repository, parsed, Kind::Blob))
    }

    /// The file at `path` of a commit, at most `limit` bytes of it: its id and its bytes. Nothing, if there is no file;
    /// symbolic links are none.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Damaged`], [`Error::TooLarge`].
    pub fn read_file(&self, commit: &str, path: &str, limit: usize) -> Result<Option<(String, Vec<u8>)>, Error> {
        let (repository, root) = self.root(commit)?;
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(tree) = self.note(below(&repository, root, directory))? else { return Ok(None) };
        let child = self.note(list(&repository, tree))?.into_iter().find(|child| child.name == name);
        match child {
            Some(Child { kind: EntryKind::Blob | EntryKind::BlobExecutable, id, .. }) => {
                let id = id.to_string();
                let bytes = self.blob(&id, limit)?;
                Ok(Some((id, bytes)))
            }
            _ => Ok(None),
        }
    }

    /// The root tree of a commit.
    pub(super) fn root(&self, commit: &str) -> Result<(gix::Repository, ObjectId), Error> {
        let unknown = || Error::UnknownCommit(commit.to_owned());
        let repository = self.reader()?.ok_or_else(unknown)?;
        let id = ObjectId::from_hex(commit.as_bytes()).map_err(|_| unknown())?;
        let there = repository.try_find_header(id);
        if let Ok(None) = there {
            // A commit that no reference names was never promised; one that a reference names is lost.
            let named = |prefix| tips(&repository, prefix).is_ok_and(|tips| tips.values().any(|tip| *tip == id));
            if !named("refs/heads/") && !named(mirror::KEPT) {
                return Err(unknown());
            }
        }
        let data = self.note(read(&repository, id, Kind::Commit))?;
        let tree = gix::objs::CommitRefIter::from_bytes(&data, id.kind()).tree_id();
        let tree = self.note(tree.map_err(|error| damaged(commit, &error)))?;
        Ok((repository, tree))
    }
}

enum Todo {
    Tree(String, ObjectId, usize),
    Blob(String, ObjectId),
}

struct Child {
    name: String,
    kind: EntryKind,
    id: ObjectId,
}

/// The tree of `directory`, if it is there and one.
fn below(repository: &gix::Repository, root: ObjectId, directory: &str) -> Result<Option<ObjectId>, Error> {
    let mut at = root;
    for component in directory.split('/').filter(|component| !component.is_empty()) {
        let data = read(repository, at, Kind::Tree)?;
        let mut children = TreeRefIter::from_bytes(&data, at.kind()).filter_map(Result::ok);
        match children.find(|child| child.filename == component) {
            Some(child) if child.mode.is_tree() => at = child.oid.to_owned(),
            _ => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// What is in a tree. Names that are no UTF-8 cannot be asked for by anybody and are left out.
fn list(repository: &gix::Repository, id: ObjectId) -> Result<Vec<Child>, Error> {
    let data = read(repository, id, Kind::Tree)?;
    let mut children = Vec::new();
    for entry in TreeRefIter::from_bytes(&data, id.kind()) {
        let entry = entry.map_err(|error| Error::Damaged(format!("tree {id}: {error}")))?;
        if let Ok(name) = std::str::from_utf8(entry.filename) {
            children.push(Child { name: name.to_owned(), kind: entry.mode.kind(), id: entry.oid.to_owned() });
        }
    }
    Ok(children)
}

/// The bytes of an object, compared with its id.
pub(super) fn read(repository: &gix::Repository, id: ObjectId, kind: Kind) -> Result<Vec<u8>, Error> {
    if kind != Kind::Blob {
        let header = repository.try_find_header(id).map_err(|error| damaged(&id.to_string(), &error))?;
        if header.is_some_and(|header| header.size() > limits::GIT_TREE_BYTES) {
            return Err(Error::TooLarge(format!("{kind} {id} has more than {} bytes", limits::GIT_TREE_BYTES)));
        }
    }
    let found = repository.try_find_object(id).map_err(|error| damaged(&id.to_string(), &error))?;
    let mut object = found.ok_or_else(|| Error::Damaged(format!("{kind} {id} is missing")))?;
    if object.kind != kind {
        return Err(Error::Damaged(format!("{id} is a {} and no {kind}", object.kind)));
    }
    let hashed = gix::objs::compute_hash(id.kind(), kind, &object.data).map_err(|error| damaged("hash", &error))?;
    if hashed != id {
        return Err(Error::Damaged(format!("{kind} {id} has the content of {hashed}")));
    }
    Ok(std::mem::take(&mut object.data))
}
