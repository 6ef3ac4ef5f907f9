//! A branch takes up what its base has got since: a merge commit, made without a work tree, or its own commits once more
//! on top of the base ([`rebase`](super::rebase)), each put there as such a merge.
//!
//! What only one side has changed is taken from it. A flag file that both have changed is merged by resource, and within a
//! resource by field; what comes of it is edited into the base's text, so that nobody's comments are lost. Anything else
//! that both have changed is a conflict, and then nothing is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::round::{author_of, unreadable};
use super::writer::Storage;
use super::writers::{Conflicts, Strategy, Updated};
use super::{By, Conflict, Refusal, rebase};
use crate::audit::Event;
use crate::flags::document;
use crate::flags::edit::{self, Edit};
use crate::flags::resource::view::File;
use crate::flags::resource::{Kind, Resource, merge};
use crate::flags::snapshot;
use crate::git::{Difference, NewCommit};
use crate::{limits, serve};

pub(super) fn update(
    storage: &Storage,
    event: &mut Event,
    base: &Arc<serve::Environment>,
    branch: &Arc<serve::Environment>,
    strategy: Strategy,
    by: &By,
    at: Timestamp,
) -> Result<Result<Updated, Conflicts>, Refusal> {
    let (ours, theirs) = (storage.tip(&branch.branch)?, storage.tip(&base.branch)?);
    let repository = &storage.repository;
    let updated = |commit: &str, made: bool| Updated {
        branch: storage.branch(branch, commit, &theirs),
        made,
        live: Some(branch.load().since),
    };
    event.before = Some(ours.clone());
    let parted = repository.merge_base(&ours, &theirs).map_err(|error| unreadable(&error))?;
    if parted.as_deref() == Some(&*theirs) {
        return Ok(Ok(updated(&ours, false)));
    }
    if parted.as_deref() == Some(&*ours) {
        event.after = Some(theirs.clone());
        storage.move_branch(event, &branch.branch, Some(&ours), Some(&theirs), false)?;
        return Ok(Ok(updated(&theirs, true)));
    }
    if strategy == Strategy::Rebase {
        let new = match rebase::onto(storage, branch, &ours, &theirs, at)? {
            Ok(new) => new,
            Err(conflicts) => return Ok(Err(conflicts)),
        };
        check(storage, base, branch, &new)?;
        event.after = Some(new.clone());
        storage.move_branch(event, &branch.branch, Some(&ours), Some(&new), true)?;
        return Ok(Ok(updated(&new, true)));
    }
    let merged = Merge { storage, parted: parted.as_deref(), ours: &ours, theirs: &theirs }.files()?;
    let files = match merged {
        Ok(files) => files,
        Err(conflicts) => return Ok(Err(conflicts)),
    };
    let rules = &storage.rules;
    let commit = NewCommit {
        parents: vec![ours.to_string(), theirs.to_string()],
        files,
        author: author_of(by, &rules.committer),
        committer: rules.committer.clone(),
        authored: None,
        at,
        message: format!("Merge branch '{}' into {}", base.branch, branch.branch),
        signer: rules.signer.clone(),
    };
    let committed = repository.commit(Some(&theirs), &commit).map_err(|error| unreadable(&error))?;
    check(storage, base, branch, &committed.id)?;
    let new: Arc<str> = committed.id.into();
    event.after = Some(new.clone());
    storage.move_branch(event, &branch.branch, Some(&ours), Some(&new), false)?;
    Ok(Ok(updated(&new, true)))
}

/// What both sides can be served of must be served of the two together.
fn check(
    storage: &Storage,
    base: &serve::Environment,
    branch: &serve::Environment,
    commit: &str,
) -> Result<(), Refusal> {
    let inputs = storage.share.inputs(&*storage.repository, commit, &branch.directory);
    let inputs = inputs.map_err(|error| unreadable(&error))?;
    let (ours, theirs) = (branch.load().flags.clone(), base.load().flags.clone());
    let flags = snapshot::assemble(&inputs, &ours, storage.share.hazards(branch));
    let is_new = |key: &&Arc<str>| !ours.held.contains(key) && !theirs.held.contains(key);
    let Some(held) = flags.held.iter().find(is_new) else { return Ok(()) };
    let problems: Vec<_> = flags.problems.iter().filter(|p| p.namespace.as_ref() == Some(held)).cloned().collect();
    let why = problems.first().map_or("", |problem| &problem.message);
    let message = format!("namespace \"{held}\" could not be served with what both have changed: {why}");
    Err(Refusal::Invalid { message, problems })
}

/// Two commits and where they parted.
pub(super) struct Merge<'s> {
    pub(super) storage: &'s Storage,
    pub(super) parted: Option<&'s str>,
    pub(super) ours: &'s str,
    pub(super) theirs: &'s str,
}

/// Path, and the bytes that it gets.
pub(super) type Files = Vec<(String, Option<Vec<u8>>)>;

impl Merge<'_> {
    /// What has to be written on top of the base's files.
    pub(super) fn files(&self) -> Result<Result<Files, Conflicts>, Refusal> {
        let changed = |to: &str| self.storage.repository.changed_paths(self.parted, to).map_err(|e| unreadable(&e));
        let theirs: BTreeMap<String, Difference> =
            changed(self.theirs)?.into_iter().map(|of| (of.path.clone(), of)).collect();
        let (mut files, mut conflicts) = (Vec::new(), Conflicts { conflicts: Vec::new(), files: Vec::new() });
        for our in changed(self.ours)? {
            match theirs.get(&our.path) {
                None => files.push((our.path, self.bytes(our.after.as_deref())?)),
                Some(their) if their.after == our.after => {}
                Some(their) => match self.both(&our, their, &mut conflicts)? {
                    Some(bytes) => files.push((our.path, Some(bytes))),
                    None if conflicts.conflicts.is_empty() => conflicts.files.push(our.path),
                    None => {}
                },
            }
        }
        let is_clean = conflicts.files.is_empty() && conflicts.conflicts.is_empty();
        Ok(if is_clean { Ok(files) } else { Err(conflicts) })
    }

    fn bytes(&self, blob: Option<&str>) -> Result<Option<Vec<u8>>, Refusal> {
        let read = |id: &str| self.storage.repository.blob(id, limits::FLAG_FILE_BYTES);
        blob.map(read).transpose().map_err(|error| unreadable(&error))
    }

    /// A file that both have changed, merged into theirs; nothing if it cannot be.
    fn both(
        &self,
        our: &Difference,
        their: &Difference,
        conflicts: &mut Conflicts,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let (Some(format), Some(ours), Some(theirs)) =
            (document::format_of(&our.path), self.bytes(our.after.as_deref())?, self.bytes(their.after.as_deref())?)
        else {
            return Ok(None);
        };
        let base = self.bytes(our.before.as_deref())?.unwrap_or_default();
        let path: Arc<str> = our.path.as_str().into();
        let file = |bytes: &[u8]| File::new(&path, &"".into(), format, bytes);
        let (base, our, their) = (file(&base), file(&ours), file(&theirs));
        if our.documents.is_err() || their.documents.is_err() {
            return Ok(None);
        }
        let mut text = theirs;
        let namespaces: BTreeSet<&str> =
            our.documents().iter().chain(base.documents()).map(|document| document.namespace.key.as_str()).collect();
        let before = conflicts.conflicts.len();
        for namespace in namespaces {
            let edits = self.edits(namespace, &base, &our, &their, conflicts);
            if edits.is_empty() {
                continue;
            }
            match edit::apply(Some(&text), namespace, &edits) {
                Ok(edited) => text = edited.bytes,
                Err(_) => return Ok(None),
            }
        }
        Ok((conflicts.conflicts.len() == before).then_some(text))
    }

    /// What of ours has to be done to theirs.
    fn edits(&self, namespace: &str, base: &File, our: &File, their: &File, conflicts: &mut Conflicts) -> Vec<Edit> {
        let (base, our, their) = (of(base, namespace), of(our, namespace), of(their, namespace));
        let mut edits = Vec::new();
        let keys: BTreeSet<&(Kind, String)> = base.keys().chain(our.keys()).collect();
        for place in keys {
            let (was, ours, theirs) = (base.get(place), our.get(place), their.get(place));
            if ours == was || ours == theirs {
                continue;
            }
            let (kind, key) = place.clone();
            let overlaps = match (ours, theirs) {
                (Some(ours), theirs) if theirs == was => {
                    edits.push(Edit::Put(ours.clone()));
                    continue;
                }
                (None, theirs) if theirs == was => {
                    edits.push(Edit::Delete { kind, key });
                    continue;
                }
                (Some(ours), Some(theirs)) => match merge(was, ours, theirs) {
                    Ok(both) => {
                        edits.push(Edit::Put(both));
                        continue;
                    }
                    Err(overlaps) => overlaps,
                },
                // One has removed what the other has changed.
                _ => Vec::new(),
            };
            conflicts.conflicts.push(Conflict {
                message: format!("the branch and its base have both changed {} {namespace}/{key}", kind.word()),
                namespace: namespace.to_owned(),
                kind: Some(kind),
                key,
                base: was.cloned(),
                ours: ours.cloned(),
                theirs: theirs.cloned(),
                overlaps,
                revision: None,
                commit: self.theirs.into(),
            });
        }
        edits
    }
}

/// The resources of a namespace in a file; of equal keys the last.
fn of(file: &File, namespace: &str) -> BTreeMap<(Kind, String), Resource> {
    let documents = || file.documents_of(namespace);
    let flags = documents().flat_map(|document| document.flags.iter().cloned().map(Resource::Flag));
    let segments = documents().flat_map(|document| document.segments.iter().cloned().map(Resource::Segment));
    flags.chain(segments).map(|resource| ((resource.kind(), resource.key().to_owned()), resource)).collect()
}
