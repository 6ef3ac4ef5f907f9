//! What a remote lacks, as a pack.
//!
//! The commits that are not reachable from what the remote has, and of each the trees and files that differ from those of
//! its parents: a change of one flag in a repository of 50,000 files is one commit, a tree a level and one file. Every
//! object is compared with its id before it leaves. The pack leans on nothing that is not in it (it is not thin), and
//! has no deltas: so any server takes it.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::ObjectId;
use gix::objs::tree::EntryMode;
use gix::objs::{Kind, TreeRefIter};

use crate::git::Error;
use crate::git::error::damaged;
use crate::git::transport::Patience;
use crate::git::tree::read;
use crate::limits;

/// A pack of everything that `new` needs and whoever has `known` lacks.
pub(super) fn pack(
    repository: &gix::Repository,
    new: ObjectId,
    known: Vec<ObjectId>,
    patience: &Patience,
) -> Result<Vec<u8>, Error> {
    let objects = lacking(repository, new, known, patience)?;
    let number =
        u32::try_from(objects.len()).map_err(|_| Error::TooLarge("the push has too many objects".to_owned()))?;
    let mut pack = Vec::new();
    pack.extend_from_slice(b"PACK\0\0\0\x02");
    pack.extend_from_slice(&number.to_be_bytes());
    for (id, kind) in objects {
        patience.check()?;
        let data = read(repository, id, kind)?;
        pack.extend_from_slice(&head(kind, data.len()));
        let mut encoder = ZlibEncoder::new(pack, Compression::fast());
        let written = encoder.write_all(&data).and_then(|()| encoder.finish());
        pack = written.map_err(|error| Error::Local(format!("the push cannot be compressed: {error}")))?;
        if pack.len() as u64 > limits::GIT_PUSH_BYTES {
            return Err(Error::TooLarge(format!("the push is larger than {} bytes", limits::GIT_PUSH_BYTES)));
        }
    }
    let mut hasher = gix::hash::hasher(repository.object_hash());
    hasher.update(&pack);
    let sum = hasher.try_finalize().map_err(|error| Error::Local(format!("the push cannot be hashed: {error}")))?;
    pack.extend_from_slice(sum.as_slice());
    Ok(pack)
}

/// Kind and size of an entry: four bits of the size, then seven a byte (gitformat-pack).
fn head(kind: Kind, size: usize) -> Vec<u8> {
    let kind: u8 = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let low = |bits: usize, mask: u8| u8::try_from(bits & usize::from(mask)).unwrap_or(mask);
    let (mut bytes, mut byte, mut rest) = (Vec::new(), (kind << 4) | low(size, 0x0f), size >> 4);
    while rest > 0 {
        bytes.push(byte | 0x80);
        byte = low(rest, 0x7f);
        rest >>= 7;
    }
    bytes.push(byte);
    bytes
}

fn lacking(
    repository: &gix::Repository,
    new: ObjectId,
    known: Vec<ObjectId>,
    patience: &Patience,
) -> Result<Vec<(ObjectId, Kind)>, Error> {
    let odd = |error: gix::Error| damaged("its history", &error);
    let mut found = Vec::new();
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let walk = repository.rev_walk([new]).with_hidden(known).all().map_err(odd)?;
    for commit in walk {
        patience.check()?;
        let commit = commit.map_err(odd)?;
        let tree = tree_of(repository, commit.id)?;
        let parents = commit.parent_ids.iter().map(|parent| tree_of(repository, *parent));
        found.push((commit.id, Kind::Commit));
        let bases = parents.collect::<Result<Vec<_>, Error>>()?;
        additions(repository, tree, &bases, &mut seen, &mut found, 0)?;
    }
    Ok(found)
}

fn tree_of(repository: &gix::Repository, commit: ObjectId) -> Result<ObjectId, Error> {
    let data = read(repository, commit, Kind::Commit)?;
    let tree = gix::objs::CommitRefIter::from_bytes(&data, commit.kind()).tree_id();
    tree.map_err(|error| damaged(&commit.to_string(), &error))
}

/// What is in a tree and not, under the same name, in one of the others.
fn additions(
    repository: &gix::Repository,
    tree: ObjectId,
    bases: &[ObjectId],
    seen: &mut HashSet<ObjectId>,
    found: &mut Vec<(ObjectId, Kind)>,
    depth: usize,
) -> Result<(), Error> {
    if bases.contains(&tree) || !seen.insert(tree) {
        return Ok(());
    }
    if depth > limits::GIT_TREE_DEPTH || found.len() > limits::GIT_ENTRIES {
        return Err(Error::TooLarge("the push has too many objects, or too deep ones".to_owned()));
    }
    found.push((tree, Kind::Tree));
    let mut known = Vec::with_capacity(bases.len());
    for base in bases {
        let named = children(repository, *base)?.into_iter().map(|(name, mode, id)| (name, (mode, id)));
        known.push(named.collect::<HashMap<_, _>>());
    }
    for (name, mode, id) in children(repository, tree)? {
        let same = || known.iter().filter_map(|base| base.get(&name));
        if mode.is_commit() || same().any(|(_, base)| *base == id) {
            continue;
        }
        if mode.is_tree() {
            let below: Vec<ObjectId> = same().filter(|(mode, _)| mode.is_tree()).map(|(_, base)| *base).collect();
            additions(repository, id, &below, seen, found, depth + 1)?;
        } else if seen.insert(id) {
            found.push((id, Kind::Blob));
        }
    }
    Ok(())
}

type Child = (Vec<u8>, EntryMode, ObjectId);

fn children(repository: &gix::Repository, tree: ObjectId) -> Result<Vec<Child>, Error> {
    let data = read(repository, tree, Kind::Tree)?;
    let entries = TreeRefIter::from_bytes(&data, tree.kind()).map(|entry| {
        let entry = entry.map_err(|error| Error::Damaged(format!("tree {tree}: {error}")))?;
        Ok((entry.filename.to_vec(), entry.mode, entry.oid.to_owned()))
    });
    entries.collect()
}
