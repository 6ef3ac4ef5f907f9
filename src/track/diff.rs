//! What a proposal would change of what is served, from the mirror.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Inner, Refusal, Tracker};
use crate::flags::change::{self, Changes};
use crate::flags::snapshot;
use crate::git;
use crate::limits;
use crate::proposal::{Record, State};
use crate::serve::Environment;
use crate::sync::Repository;
use crate::sync::share::Share;
use crate::write::text_diff;

/// What it changes of one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Which.
    pub environment: Arc<str>,
    /// What.
    pub changes: Changes,
}

/// The two states between which it lies, as commits, hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Where it parted from its base.
    pub from: String,
    /// Its head; of one that is merged, what came of it.
    pub to: String,
}

/// What a branch has that its base has not: as those see it who own flags, and as Git does.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Environment by environment.
    pub changes: Vec<Changed>,
    /// Every environment that is read from its base: what the texts may be about.
    pub environments: Vec<Arc<str>>,
    /// As `git diff` shows it, up to [`limits::COMPARED_BYTES`] and one file more.
    pub text: String,
}

impl Tracker {
    /// What a proposal changes, environment by environment; those that it leaves alone are not named. Blocks; the
    /// provider is not asked.
    ///
    /// # Errors
    /// [`Refusal::State`] if its commits are not here (yet).
    pub fn changes(&self, record: &Record) -> Result<Vec<Changed>, Refusal> {
        self.between(record, |inner, range, share, repository| inner.changes(&record.base, range, share, repository))
    }

    /// The same, and the texts.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn compare(&self, record: &Record) -> Result<Comparison, Refusal> {
        self.between(record, |inner, range, share, repository| {
            let changes = inner.changes(&record.base, range, share, repository)?;
            let all = inner.seams.environments.all();
            let environments = of_base(&all, share.storage(), &record.base).map(|one| one.name.clone()).collect();
            Ok(Comparison { changes, environments, text: text(range, repository)? })
        })
    }

    /// The same of a branch that nobody has proposed (yet).
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn compare_branch(&self, storage: &Arc<str>, head: &Arc<str>, base: &Arc<str>) -> Result<Comparison, Refusal> {
        self.compare(&Record::planned(storage, head, base, &"".into(), Timestamp::UNIX_EPOCH))
    }

    fn between<T>(
        &self,
        record: &Record,
        read: impl FnOnce(&Inner, &Range, &Share, &dyn Repository) -> Result<T, git::Error>,
    ) -> Result<T, Refusal> {
        let inner = self.inner.as_ref().ok_or_else(|| not_here(record))?;
        let share = inner.seams.workers.share(&record.storage).ok_or_else(|| not_here(record))?;
        let repository = share.repository().ok_or_else(|| not_here(record))?;
        let found = range(record, &share, &*repository)
            .and_then(|range| range.map(|range| read(inner, &range, &share, &*repository)).transpose());
        found
            .map_err(|error| {
                tracing::warn!(storage = &*record.storage, proposal = &*record.id, %error, "what a proposal changes cannot be read");
                Refusal::State(format!("what it changes cannot be read: {error}"))
            })?
            .ok_or_else(|| not_here(record))
    }
}

/// The texts that differ.
fn text(range: &Range, repository: &dyn Repository) -> Result<String, git::Error> {
    let mut text = String::new();
    for file in repository.changed_paths(Some(&range.from), &range.to)? {
        if text.len() > limits::COMPARED_BYTES {
            break;
        }
        let bytes = |id: &Option<String>| id.as_ref().map(|id| repository.blob(id, limits::COMPARED_BYTES)).transpose();
        match (bytes(&file.before), bytes(&file.after)) {
            (Ok(before), Ok(after)) => {
                text.push_str(&text_diff::of_file(&file.path, before.as_deref(), after.as_deref()));
            }
            (Err(git::Error::TooLarge(_)), _) | (_, Err(git::Error::TooLarge(_))) => {
                let path = &file.path;
                text.extend(["diff --git a/", path, " b/", path, "\ntoo large to be compared here\n"]);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        }
    }
    Ok(text)
}

fn not_here(record: &Record) -> Refusal {
    Refusal::State(format!("the commits of the branch \"{}\" were not fetched yet", record.head))
}

impl Inner {
    /// What is different between two states, of the environments that are read from the branch `base`.
    fn changes(
        &self,
        base: &str,
        range: &Range,
        share: &Share,
        repository: &dyn Repository,
    ) -> Result<Vec<Changed>, git::Error> {
        let environments = self.seams.environments.all();
        let mut all_changes = Vec::new();
        for environment in of_base(&environments, share.storage(), base) {
            let directory = &environment.directory;
            if repository.tree_id(&range.from, directory)? == repository.tree_id(&range.to, directory)? {
                continue;
            }
            let before = state(share, repository, &range.from, environment)?;
            let after = state(share, repository, &range.to, environment)?;
            let changes = change::between(&before, &after);
            if changes != Changes::default() {
                all_changes.push(Changed { environment: environment.name.clone(), changes });
            }
        }
        Ok(all_changes)
    }
}

/// The environments that are read from a branch.
fn of_base<'e>(
    all: &'e [Arc<Environment>],
    storage: &'e Arc<str>,
    branch: &'e str,
) -> impl Iterator<Item = &'e Arc<Environment>> {
    all.iter().filter(move |one| one.base.is_none() && one.storage == *storage && *one.branch == *branch)
}

/// Between which commits a proposal lies; nothing if they are not here.
///
/// # Errors
/// [`git::Error`] if the mirror cannot be read.
pub fn range(record: &Record, share: &Share, repository: &dyn Repository) -> Result<Option<Range>, git::Error> {
    let seen = record.seen.as_ref();
    let whole = |commit: Option<&str>| commit.map_or(Ok(None), |commit| repository.whole(commit));
    if matches!(record.state, State::Merged | State::Live)
        && let Some(to) = whole(seen.and_then(|seen| seen.merge_commit.as_deref()))?
        && let Some(from) = repository.first_parent(&to)?
    {
        return Ok(Some(Range { from, to }));
    }
    let head = whole(seen.and_then(|seen| seen.head_commit.as_deref()))?;
    let head = match head {
        Some(head) => Some(head),
        None => whole(record.head_commit.as_deref())?,
    };
    let (Some(to), Some(base)) = (head.or_else(|| share.tip(&record.head)), share.tip(&record.base)) else {
        return Ok(None);
    };
    Ok(repository.merge_base(&to, &base)?.map(|from| Range { from, to }))
}

/// An environment as it is at a commit.
fn state(
    share: &Share,
    repository: &dyn Repository,
    commit: &str,
    environment: &Environment,
) -> Result<snapshot::Environment, git::Error> {
    let inputs = share.inputs(repository, commit, &environment.directory)?;
    Ok(snapshot::assemble(&inputs, &snapshot::Environment::default(), share.hazards(environment)))
}
