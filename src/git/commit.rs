//! A commit made of values: blobs, trees, the commit, nothing of a work tree and no reference.
//!
//! Only the trees on the way to a changed file are read and written. What is not asked for stays as it is: the mode of a
//! file, entries whose names are no UTF-8, the order that Git demands. A path that leads through a symbolic link or a
//! submodule, or that would turn a directory into a file, is refused: such a change was meant for something else than
//! what is there. The objects are on no branch until a push and [`Mirror::adopt`] put them on one; nothing here ever
//! removes an object, so a commit that waits for its push survives whatever else goes on. A crash in between leaves
//! objects that nobody names.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind, EntryMode};
use gix::objs::{Kind, TreeRefIter, Write as _};
use jiff::Timestamp;

use super::error::{chain, machine};
use super::tree::read;
use super::{Error, Mirror};
use crate::limits;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name, without line ends and angle brackets.
    pub name: String,
    /// Address, likewise.
    pub email: String,
}

/// A commit to be made. Equal values make equal ids, unless it is signed by a method that uses chance.
#[derive(Debug, Clone)]
pub struct NewCommit {
    /// Commits that it stands on, hex. None: a first commit.
    pub parents: Vec<String>,
    /// What changes: path below the root of the repository, and the content or `None` if the file goes. A directory
    /// without a file goes with its last one.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// Who wrote it.
    pub author: Identity,
    /// Who made it.
    pub committer: Identity,
    /// When it was written, if not [`Self::at`]: of a commit that is made once more on top of something else.
    pub authored: Option<Timestamp>,
    /// When; of author and committer, UTC, whole seconds.
    pub at: Timestamp,
    /// Message.
    pub message: String,
    /// Signs it, where commits are signed.
    pub signer: Option<std::sync::Arc<super::sign::Signer>>,
}

/// A commit that was made and is in the repository, on no branch yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its id, hex.
    pub id: String,
    /// Id of its tree, hex: equal to that of its parent if nothing changes.
    pub tree: String,
    /// Path and blob id of every file that was written.
    pub blobs: Vec<(String, String)>,
}

/// A commit of the history, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its id, hex.
    pub id: String,
    /// Ids of its parents, hex.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Identity,
    /// Who made it.
    pub committer: Identity,
    /// When it was written.
    pub authored: Timestamp,
    /// When it was made.
    pub committed: Timestamp,
    /// Whole message.
    pub message: String,
}

impl Mirror {
    /// Makes the commit on top of the files of `base`, a commit (hex); without one, on top of nothing. What it is made
    /// of is in the repository then, on no branch.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for a path that cannot be written to, [`Error::UnknownCommit`] for a base or a parent that
    /// is not here, [`Error::Local`] if the disk or the signer refuses, [`Error::Damaged`].
    pub fn commit(&self, base: Option<&str>, new: &NewCommit) -> Result<Committed, Error> {
        let Some(repository) = self.reader()? else {
            return Err(Error::UnknownCommit(base.unwrap_or("of an empty repository").to_owned()));
        };
        let changes = Directory::of(&new.files)?;
        let root = match base {
            Some(commit) => Some(self.root(commit)?.1),
            None => None,
        };
        let mut writing = Writing { repository: &repository, blobs: Vec::new() };
        let tree = match self.note(writing.directory(root, &changes, ""))? {
            Some(tree) => tree,
            None => writing.object(Kind::Tree, &[])?,
        };
        let blobs = writing.blobs.iter().map(|(path, id)| (path.clone(), id.to_string())).collect();
        let mut parents = Vec::with_capacity(new.parents.len());
        for parent in &new.parents {
            self.root(parent)?;
            parents.push(ObjectId::from_hex(parent.as_bytes()).map_err(|_| Error::UnknownCommit(parent.clone()))?);
        }
        let mut commit = gix::objs::Commit {
            tree,
            parents: parents.into(),
            author: signature(&new.author, new.authored.unwrap_or(new.at)),
            committer: signature(&new.committer, new.at),
            encoding: None,
            message: message(&new.message).into(),
            extra_headers: Vec::new(),
        };
        if let Some(signer) = &new.signer {
            let header = match repository.object_hash() {
                gix::hash::Kind::Sha1 => "gpgsig",
                _ => "gpgsig-sha256",
            };
            let signature = signer.sign(&encoded(&commit)?)?;
            commit.extra_headers.push((header.into(), signature.trim_end().into()));
        }
        let id = writing.object(Kind::Commit, &encoded(&commit)?)?;
        Ok(Committed { id: id.to_string(), tree: tree.to_string(), blobs })
    }
}

fn encoded(object: &impl gix::objs::WriteTo) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    object.write_to(&mut bytes).map_err(|error| Error::Local(format!("the commit cannot be written: {error}")))?;
    Ok(bytes)
}

/// Who and when, with what a commit's header cannot carry left out.
fn signature(identity: &Identity, at: Timestamp) -> gix::actor::Signature {
    let clean = |text: &str| {
        let text: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
        text.trim().to_owned()
    };
    let (name, email) = (clean(&identity.name), clean(&identity.email));
    let name = if name.is_empty() { "unknown".to_owned() } else { name };
    let time = gix::date::Time { seconds: at.as_second(), offset: 0 };
    gix::actor::Signature { name: name.into(), email: email.into(), time }
}

/// The message as Git keeps one: line ends of Unix, no control characters, one line end at its end.
fn message(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!("{}\n", kept.trim_end())
}

/// What is to be done in a directory, by name.
#[derive(Default)]
struct Directory<'a>(BTreeMap<&'a str, Node<'a>>);

enum Node<'a> {
    Write(&'a [u8]),
    Remove,
    Below(Directory<'a>),
}

impl<'a> Directory<'a> {
    fn of(files: &'a [(String, Option<Vec<u8>>)]) -> Result<Self, Error> {
        let mut top = Self::default();
        for (path, content) in files {
            let refuse = |why: &str| Error::Unwritable { path: path.clone(), why: why.to_owned() };
            if path.split('/').count() > limits::GIT_TREE_DEPTH {
                return Err(refuse("it is too deep"));
            }
            let (mut at, mut rest) = (&mut top, path.as_str());
            while let Some((component, below)) = rest.split_once('/') {
                check(component).map_err(refuse)?;
                let node = at.0.entry(component).or_insert_with(|| Node::Below(Self::default()));
                let Node::Below(directory) = node else { return Err(refuse("it is a file and a directory at once")) };
                (at, rest) = (directory, below);
            }
            check(rest).map_err(refuse)?;
            match at.0.entry(rest) {
                Place::Vacant(place) => place.insert(content.as_deref().map_or(Node::Remove, Node::Write)),
                Place::Occupied(_) => return Err(refuse("it is named twice")),
            };
        }
        Ok(top)
    }

    /// Whether nothing is written here or below.
    fn only_removes(&self) -> bool {
        self.0.values().all(|node| match node {
            Node::Write(_) => false,
            Node::Remove => true,
            Node::Below(directory) => directory.only_removes(),
        })
    }
}

/// A name that every machine can check out, and that is no other name in disguise.
fn check(component: &str) -> Result<(), &'static str> {
    if component.chars().any(char::is_control) {
        return Err("it has control characters");
    }
    // What is a device's name on Windows may well be a namespace.
    let options =
        gix::validate::path::component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    match gix::validate::path::component(component.into(), None, options) {
        Ok(_) => Ok(()),
        Err(gix::validate::path::component::Error::Empty) => Err("a part of it is empty"),
        Err(gix::validate::path::component::Error::Relative) => Err("`.` and `..` are not followed"),
        Err(gix::validate::path::component::Error::DotGitDir) => Err("`.git` is Git's own"),
        Err(_) => Err("a part of it is no good name for a file"),
    }
}

struct Writing<'a> {
    repository: &'a gix::Repository,
    blobs: Vec<(String, ObjectId)>,
}

impl Writing<'_> {
    fn object(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectId, Error> {
        let format = self.repository.object_hash();
        let written = gix::objs::compute_hash(format, kind, bytes).and_then(|id| {
            if self.repository.has_object(id) {
                return Ok(id);
            }
            self.repository.objects.write_buf_with_known_id(kind, bytes, id)
        });
        written.map_err(|error| {
            let why = machine(&error).map_or_else(|| chain(&error), ToString::to_string);
            Error::Local(format!("the repository cannot be written: {why}"))
        })
    }

    /// The directory with its changes made; `None` if nothing is left in it.
    fn directory(
        &mut self,
        id: Option<ObjectId>,
        changes: &Directory<'_>,
        path: &str,
    ) -> Result<Option<ObjectId>, Error> {
        let mut entries = match id {
            Some(id) => entries(self.repository, id)?,
            None => Vec::new(),
        };
        let mut is_new = id.is_none();
        for (name, node) in &changes.0 {
            let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") };
            let at = entries.iter().position(|entry| entry.filename == *name);
            let there = at.and_then(|at| entries.get(at)).map(|entry| (entry.mode, entry.oid));
            let wanted = match node {
                Node::Write(bytes) => {
                    let mode = mode(there.map(|(mode, _)| mode), &path)?;
                    let blob = self.object(Kind::Blob, bytes)?;
                    self.blobs.push((path, blob));
                    Some((mode, blob))
                }
                Node::Remove => {
                    mode(there.map(|(mode, _)| mode), &path)?;
                    None
                }
                Node::Below(below) => match there {
                    Some((mode, id)) if mode.is_tree() => self.directory(Some(id), below, &path)?.map(|id| (mode, id)),
                    Some(there) if below.only_removes() => Some(there),
                    Some((mode, _)) => return Err(in_the_way(mode, path)),
                    None => self.directory(None, below, &path)?.map(|id| (EntryKind::Tree.into(), id)),
                },
            };
            if wanted == there {
                continue;
            }
            is_new = true;
            if let Some(at) = at {
                entries.remove(at);
            }
            if let Some((mode, oid)) = wanted {
                entries.push(Entry { mode, filename: (*name).into(), oid });
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        if !is_new {
            return Ok(id);
        }
        entries.sort();
        let tree = gix::objs::Tree { entries };
        self.object(Kind::Tree, &encoded(&tree)?).map(Some)
    }
}

/// Mode of a file that is written, or is to go, where something may be.
fn mode(there: Option<EntryMode>, path: &str) -> Result<EntryMode, Error> {
    match there {
        None => Ok(EntryKind::Blob.into()),
        Some(mode) if mode.is_blob() => Ok(mode),
        Some(mode) => Err(in_the_way(mode, path.to_owned())),
    }
}

fn in_the_way(mode: EntryMode, path: String) -> Error {
    let what = match mode.kind() {
        EntryKind::Tree => "there is a directory of that name",
        EntryKind::Link => "there is a symbolic link, and links are not followed",
        EntryKind::Commit => "there is a submodule, which is another repository's",
        EntryKind::Blob | EntryKind::BlobExecutable => "there is a file in the place of its directory",
    };
    Error::Unwritable { path, why: what.to_owned() }
}

fn entries(repository: &gix::Repository, id: ObjectId) -> Result<Vec<Entry>, Error> {
    let data = read(repository, id, Kind::Tree)?;
    let mut entries = Vec::new();
    for entry in TreeRefIter::from_bytes(&data, id.kind()) {
        entries.push(entry.map_err(|error| Error::Damaged(format!("tree {id}: {error}")))?.into());
    }
    Ok(entries)
}
