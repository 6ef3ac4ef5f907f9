//! What a proposal would change of what is served, from the mirror.

use std::collections::BTreeSet;
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

/// Of which configured environments somebody may know what changes in them. A branch may change several, and files of
/// none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readable {
    /// Of all, and of every other file as well.
    All,
    /// Of those with these names.
    Of(BTreeSet<Arc<str>>),
}

impl Readable {
    fn has(&self, environment: &Environment) -> bool {
        match self {
            Self::All => true,
            Self::Of(names) => names.contains(&environment.name),
        }
    }

    /// Whether somebody may know of a file. `environments` are those that are read from its branch.
    fn has_file(&self, path: &str, environments: &[Arc<Environment>]) -> bool {
        *self == Self::All || environments.iter().any(|environment| self.has(environment) && environment.holds(path))
    }
}

/// What a branch has that its base has not: as those see it who own flags, and as Git does.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Environment by environment.
    pub changes: Vec<Changed>,
    /// Whether every environment that is read from its base is told of.
    pub is_whole: bool,
    /// As `git diff` shows it, up to [`limits::COMPARED_BYTES`] and one file more.
    pub text: String,
}

impl Tracker {
    /// What a proposal changes, environment by environment, as far as somebody may know; those that it leaves alone are
    /// not named. Blocks; the provider is not asked.
    ///
    /// # Errors
    /// [`Refusal::State`] if its commits are not here (yet).
    pub fn changes(&self, record: &Record, to: &Readable) -> Result<Vec<Changed>, Refusal> {
        self.between(record, |inner, range, share, repository| {
            changes_of(&inner.of_base(&record.base, share), to, range, share, repository)
        })
    }

    /// The same, and the texts.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn compare(&self, record: &Record, to: &Readable) -> Result<Comparison, Refusal> {
        self.between(record, |inner, range, share, repository| {
            let of_base = inner.of_base(&record.base, share);
            let changes = changes_of(&of_base, to, range, share, repository)?;
            let is_whole = of_base.iter().all(|environment| to.has(environment));
            Ok(Comparison { changes, is_whole, text: text(range, repository, |path| to.has_file(path, &of_base))? })
        })
    }

    /// The same of a branch that nobody has proposed (yet).
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn compare_branch(
        &self,
        storage: &Arc<str>,
        head: &Arc<str>,
        base: &Arc<str>,
        to: &Readable,
    ) -> Result<Comparison, Refusal> {
        self.compare(&Record::planned(storage, head, base, &"".into(), Timestamp::UNIX_EPOCH), to)
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

/// The texts that differ, of the files that are `wanted`.
fn text(range: &Range, repository: &dyn Repository, wanted: impl Fn(&str) -> bool) -> Result<String, git::Error> {
    let mut text = String::new();
    for file in repository.changed_paths(Some(&range.from), &range.to)?.iter().filter(|file| wanted(&file.path)) {
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
    /// The configured environments that are read from the branch `base`.
    fn of_base(&self, base: &str, share: &Share) -> Vec<Arc<Environment>> {
        let mut environments = self.seams.environments.all();
        environments.retain(|environment| {
            environment.base.is_none() && environment.storage == *share.storage() && *environment.branch == *base
        });
        environments
    }
}

/// What is different between two states, of these environments, as far as somebody may know.
fn changes_of(
    environments: &[Arc<Environment>],
    to: &Readable,
    range: &Range,
    share: &Share,
    repository: &dyn Repository,
) -> Result<Vec<Changed>, git::Error> {
    let mut all_changes = Vec::new();
    for environment in environments.iter().filter(|environment| to.has(environment)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_one_environment_is_told_of_its_files_alone() {
        let text = |text: &str| Arc::<str>::from(text);
        let of = |name: &str, directory: &str| {
            Arc::new(Environment::new(text(name), None, false, text("s"), text(directory), text("main")))
        };
        let both = [of("production", "production"), of("staging", "staging")];
        let told = |to: &Readable, path: &str| to.has_file(path, &both);
        let one = Readable::Of([text("production")].into());
        assert!(told(&one, "production/shop/features.yaml"));
        for path in ["staging/shop/features.yaml", "production.yaml", "productions/a", "README.md", "production"] {
            assert!(!told(&one, path), "{path}");
            assert!(told(&Readable::All, path), "{path}");
        }
        assert!(one.has(&both[0]) && !one.has(&both[1]));
        let nothing = Readable::Of(BTreeSet::new());
        assert!(!told(&nothing, "production/shop/features.yaml"));
        let root = [of("production", "")];
        assert!(one.has_file("README.md", &root), "all of the repository is in its directory");
    }
}
