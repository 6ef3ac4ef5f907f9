//! The commits of a branch environment once more, on top of its base.
//!
//! Each is put there as a merge of what it changed with what the base has got by then, resource by resource; its author,
//! its date and its message stay, the committer is ours, and so is the signature. What the base has already is left out.
//! Nothing is pushed from here, and a conflict of one commit leaves the branch as it was.

use std::sync::Arc;

use jiff::Timestamp;

use super::Refusal;
use super::round::unreadable;
use super::update::Merge;
use super::writer::Storage;
use super::writers::Conflicts;
use crate::git::{Logged, NewCommit};
use crate::{limits, serve};

/// The tip of `branch` (at `ours`) as it would be if it had begun at `theirs`.
pub(super) fn onto(
    storage: &Storage,
    branch: &serve::Environment,
    ours: &str,
    theirs: &Arc<str>,
    at: Timestamp,
) -> Result<Result<Arc<str>, Conflicts>, Refusal> {
    let is_ours = branch.base.is_some() && branch.branch.starts_with(crate::git::OURS);
    if !is_ours || storage.share.main() == branch.branch {
        return Err(Refusal::Bug(format!("\"{}\" is no branch that may be rewritten", branch.branch)));
    }
    let (repository, rules) = (&storage.repository, &storage.rules);
    let own = repository.own(ours, theirs, limits::REBASE_COMMITS).map_err(|error| unreadable(&error))?;
    if own.iter().any(|commit| commit.parents.len() != 1) {
        let message = "the branch has merge commits, and what was decided in them would be lost; update it by a merge";
        return Err(Refusal::Invalid { message: message.to_owned(), problems: Vec::new() });
    }
    let mut tip = theirs.clone();
    for commit in own {
        let parted = commit.parents.first().map(String::as_str);
        let files = match (Merge { storage, parted, ours: &commit.id, theirs: &tip }).files()? {
            Ok(files) => files,
            Err(conflicts) => return Ok(Err(of(&commit, conflicts, theirs))),
        };
        let again = NewCommit {
            parents: vec![tip.to_string()],
            files,
            author: commit.author,
            committer: rules.committer.clone(),
            authored: Some(commit.authored),
            at,
            message: commit.message,
            signer: rules.signer.clone(),
        };
        let made = repository.commit(Some(&tip), &again).map_err(|error| unreadable(&error))?;
        let changed = repository.changed_paths(Some(&tip), &made.id).map_err(|error| unreadable(&error))?;
        if !changed.is_empty() {
            tip = made.id.into();
        }
    }
    Ok(Ok(tip))
}

/// The conflicts of one commit: they name it, and the base's tip, which is the one that anybody can look at.
fn of(commit: &Logged, conflicts: Conflicts, theirs: &Arc<str>) -> Conflicts {
    let (id, subject) = (commit.id.get(..7).unwrap_or_default(), commit.message.lines().next().unwrap_or_default());
    let mut conflicts = conflicts;
    for conflict in &mut conflicts.conflicts {
        conflict.message = format!("commit {id} ({subject}): {}", conflict.message);
        conflict.commit = theirs.clone();
    }
    conflicts
}
