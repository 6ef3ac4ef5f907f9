//! What became of a flag or a segment over time: the commits that changed it, what it was, and the way back.
//!
//! A file's history is not a flag's: most commits of a namespace's file change another flag. So the files of the
//! namespace are followed through the history of the branch, and of each commit that touched one of them the declared
//! resource is compared with that of its parents. A file that was renamed is followed where the resource came out of it
//! unchanged. All of it is bounded ([`limits::HISTORY_EXAMINED`]); a page that ends there says where to go on.

use std::collections::VecDeque;
use std::sync::Arc;

use super::round::unreadable;
use super::writer::Storage;
use super::writers::{Tip, Writers};
use super::{Change, Conflict, Refusal, What, branch_name};
use crate::flags::resource::view::View;
use crate::flags::resource::{Kind, Resource, merge, revision};
use crate::git::{self, Logged};
use crate::{limits, serve};

/// A flag or segment, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Key of the namespace.
    pub namespace: String,
    /// Of which kind.
    pub kind: Kind,
    /// Its key.
    pub key: String,
}

/// What a commit did to a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The commit.
    pub commit: Logged,
    /// `create`, `update`, `delete`.
    pub verb: &'static str,
    /// Fields that are not as they were: `enabled`, `rules[1].distributions`.
    pub fields: Vec<String>,
    /// As it was then; absent if it was gone.
    pub resource: Option<Resource>,
}

/// A part of a history, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Commits that changed the resource.
    pub entries: Vec<Entry>,
    /// Older ones are behind this commit, or there are none.
    pub next: Option<String>,
}

/// The way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// As it was at this commit, hex.
    To(String),
    /// As if this commit had not been, hex.
    Undo(String),
}

impl Writers {
    /// An environment as of a commit in the history of its branch, hex; none if it is not there. Blocks.
    ///
    /// # Errors
    /// As [`Self::tip`].
    pub fn at(&self, environment: &serve::Environment, commit: &str) -> Result<Option<Tip>, Refusal> {
        let (storage, tip) = self.place(environment)?;
        if !is_commit(commit) {
            return Ok(None);
        }
        let in_history = storage.repository.contains(&tip, commit);
        if !in_history.map_err(|error| unreadable(&error))? {
            return Ok(None);
        }
        let view = look(&storage, environment, commit).map_err(|error| unreadable(&error))?;
        Ok(Some(Tip { commit: commit.into(), view }))
    }

    /// The commits that changed a resource, newest first: behind `from`, if it is given, at most `limit`. Blocks.
    ///
    /// # Errors
    /// [`Refusal::UnknownResource`] if no commit that was looked at has it; [`Refusal::Invalid`] of a `from` that is
    /// not in the history; else as [`Self::tip`].
    pub fn history(
        &self,
        environment: &serve::Environment,
        named: &Named,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page, Refusal> {
        let (storage, tip) = self.place(environment)?;
        let newest = look(&storage, environment, &tip).map_err(|error| unreadable(&error))?;
        let mut paths: Vec<String> =
            newest.files_of(&named.namespace).map(|file| below(environment, &file.path)).collect();
        for name in ["features.yaml", "features.yml", "features.json"] {
            add(&mut paths, below(environment, &format!("{}/{name}", named.namespace)));
        }
        let there = newest.get(&named.namespace, named.kind, &named.key).is_some();
        let walk = Walk { storage: &storage, environment, named, tip: &tip };
        let page = walk.page(paths, from, limit).map_err(|error| match error {
            git::Error::UnknownCommit(commit) => Refusal::Invalid {
                message: format!("commit {commit} is not in the history of branch \"{}\"", environment.branch),
                problems: Vec::new(),
            },
            error => unreadable(&error),
        })?;
        if page.entries.is_empty() && page.next.is_none() && from.is_none() && !there {
            return Err(unknown(named));
        }
        Ok(page)
    }

    /// The commits of a branch environment that its base has not, newest first: behind `from`, if it is given, at most
    /// `limit`. Blocks, and makes nothing.
    ///
    /// # Errors
    /// [`Refusal::UnknownEnvironment`] if this base has no such branch; [`Refusal::Invalid`] of a `from` that is not
    /// among them; else as [`Self::tip`].
    pub fn commits(
        &self,
        base: &serve::Environment,
        key: &str,
        from: Option<&str>,
        limit: usize,
    ) -> Result<git::History, Refusal> {
        let inner = self.inner()?;
        let environment = inner.branch_of(base, branch_name::key(&base.name, key));
        let environment = environment.ok_or_else(|| match inner.storage(&base.storage) {
            Ok(storage) => storage.no_environment(key),
            Err(refusal) => refusal,
        })?;
        let (storage, tip) = self.place(&environment)?;
        let parted = storage.tip(&base.branch)?;
        storage.repository.beyond(&tip, &parted, from, limit).map_err(|error| match error {
            git::Error::UnknownCommit(commit) => Refusal::Invalid {
                message: format!(
                    "commit {commit} is not among those that \"{}\" has and its base has not",
                    environment.name
                ),
                problems: Vec::new(),
            },
            error => unreadable(&error),
        })
    }

    /// The change that brings a resource back, to be made on top of the tip; and the tip. Blocks.
    ///
    /// # Errors
    /// [`Refusal::UnknownResource`] if there is nothing to bring back; [`Refusal::Conflict`] if it was changed since in
    /// the same fields; [`Refusal::Invalid`] of a commit that is not in the history, or that left the resource alone.
    pub fn back(&self, environment: &serve::Environment, named: &Named, back: &Back) -> Result<(Change, Tip), Refusal> {
        let (Back::To(commit) | Back::Undo(commit)) = back;
        let (storage, _) = self.place(environment)?;
        let tip = self.tip(environment)?;
        let Some(then) = self.at(environment, commit)? else {
            let message = format!("commit {commit} is not in the history of branch \"{}\"", environment.branch);
            return Err(Refusal::Invalid { message, problems: Vec::new() });
        };
        let of = |view: &View| view.get(&named.namespace, named.kind, &named.key);
        let (then, now) = (of(&then.view), of(&tip.view));
        let wanted = match back {
            Back::To(_) => then,
            Back::Undo(_) => {
                let parent = parent(&storage, commit).map_err(|error| unreadable(&error))?;
                let before = match parent {
                    Some(parent) => {
                        let view = look_before(&storage, environment, &parent);
                        of(&*view.map_err(|error| unreadable(&error))?)
                    }
                    None => None,
                };
                undone(named, &tip, before, then, now.clone())?
            }
        };
        let what = match (wanted, now) {
            (Some(wanted), Some(_)) => What::Update(wanted),
            (Some(wanted), None) => What::Create(wanted),
            (None, Some(_)) => What::Delete { kind: named.kind, key: named.key.clone() },
            (None, None) => return Err(unknown(named)),
        };
        // What comes in between is seen, and joined or refused.
        let revision = Some(tip.commit.to_string());
        Ok((Change { namespace: named.namespace.clone(), what, revision }, tip))
    }

    pub(super) fn place(&self, environment: &serve::Environment) -> Result<(Storage, String), Refusal> {
        let storage = self.inner()?.storage(&environment.storage)?;
        let tip = storage.tip(&environment.branch)?;
        Ok((storage, tip.to_string()))
    }
}

/// What the resource would be if a commit that made `then` of `before` had not been, and everything since had.
fn undone(
    named: &Named,
    tip: &Tip,
    before: Option<Resource>,
    then: Option<Resource>,
    now: Option<Resource>,
) -> Result<Option<Resource>, Refusal> {
    if before == then {
        let message = format!("that commit left {} {}/{} as it was", named.kind.word(), named.namespace, named.key);
        return Err(Refusal::Invalid { message, problems: Vec::new() });
    }
    let overlaps = match (&then, &before, &now) {
        _ if now == then => return Ok(before),
        (Some(then), Some(before), Some(now)) => match merge(Some(then), before, now) {
            Ok(merged) => return Ok(Some(merged)),
            Err(overlaps) => overlaps,
        },
        _ => Vec::new(),
    };
    Err(Refusal::Conflict(Box::new(Conflict {
        message: format!(
            "{} {}/{} was changed since that commit, so that it cannot be undone by itself",
            named.kind.word(),
            named.namespace,
            named.key
        ),
        namespace: named.namespace.clone(),
        kind: Some(named.kind),
        key: named.key.clone(),
        revision: now.as_ref().map(revision),
        base: then,
        ours: before,
        theirs: now,
        overlaps,
        commit: tip.commit.clone(),
    })))
}

/// One look through a history.
struct Walk<'w> {
    storage: &'w Storage,
    environment: &'w serve::Environment,
    named: &'w Named,
    tip: &'w str,
}

impl Walk<'_> {
    fn page(&self, mut paths: Vec<String>, from: Option<&str>, limit: usize) -> Result<Page, git::Error> {
        let mut page = Page::default();
        let mut last = from.map(str::to_owned);
        let (mut waiting, mut more) = (VecDeque::new(), true);
        for _ in 0..limits::HISTORY_EXAMINED {
            if waiting.is_empty() {
                if !more {
                    return Ok(page);
                }
                let wanted: Vec<&str> = paths.iter().map(String::as_str).collect();
                let step = limits::HISTORY_STEP;
                let found = self.storage.repository.history(self.tip, &wanted, last.as_deref(), step)?;
                (waiting, more) = (found.commits.into(), found.more);
            }
            let Some(commit): Option<Logged> = waiting.pop_front() else { continue };
            let id = commit.id.clone();
            let (entry, came_from) = self.look_at(commit)?;
            last = Some(id);
            if let Some(path) = came_from.filter(|path| !paths.contains(path)) {
                // The rest of it is to be found in another file.
                paths.push(path);
                (waiting, more) = (VecDeque::new(), true);
            }
            if let Some(entry) = entry {
                page.entries.push(entry);
                if page.entries.len() == limit {
                    break;
                }
            }
        }
        page.next = last.filter(|_| more || !waiting.is_empty());
        Ok(page)
    }

    /// What a commit did to the resource, and the file that its parent had it in.
    fn look_at(&self, commit: Logged) -> Result<(Option<Entry>, Option<String>), git::Error> {
        let Named { namespace, kind, key } = self.named;
        let view = look(self.storage, self.environment, &commit.id)?;
        let after = view.get(namespace, *kind, key);
        // Of a file that could not be read nothing can be said.
        let unread = |view: &View| view.broken().any(|(file, _)| file.directory() == namespace);
        let (mut came_from, mut before) = (None, None);
        for (n, parent) in commit.parents.iter().enumerate() {
            let parent = look_before(self.storage, self.environment, parent)?;
            let there = parent.get(namespace, *kind, key);
            if came_from.is_none() {
                came_from = parent.home(namespace, *kind, key).map(|file| below(self.environment, &file.path));
            }
            if there == after || unread(&parent) && there.is_none() {
                return Ok((None, came_from));
            }
            if n == 0 {
                before = there;
            }
        }
        let (verb, fields) = match (&before, &after) {
            (None, None) => return Ok((None, came_from)),
            (_, None) if unread(&view) => return Ok((None, came_from)),
            (None, Some(_)) => ("create", Vec::new()),
            (Some(_), None) => ("delete", Vec::new()),
            // Without a base every field that differs is one.
            (Some(before), Some(after)) => ("update", merge(None, before, after).err().unwrap_or_default()),
        };
        Ok((Some(Entry { commit, verb, fields, resource: after }), came_from))
    }
}

fn look(storage: &Storage, environment: &serve::Environment, commit: &str) -> Result<Arc<View>, git::Error> {
    let Storage { core, share, repository, .. } = storage;
    core.views.at(share, &**repository, commit, &environment.directory)
}

/// The first parent of a commit that changed anything; of one that did not, it is as good itself.
fn parent(storage: &Storage, commit: &str) -> Result<Option<String>, git::Error> {
    let whole = storage.repository.history(commit, &[""], None, 1)?;
    Ok(match whole.commits.into_iter().next() {
        Some(found) if found.id == commit => found.parents.into_iter().next(),
        _ => Some(commit.to_owned()),
    })
}

/// The same as [`look`], of a parent: there is nothing before the place where a history was cut off.
fn look_before(storage: &Storage, environment: &serve::Environment, commit: &str) -> Result<Arc<View>, git::Error> {
    match look(storage, environment, commit) {
        Err(git::Error::UnknownCommit(_)) => Ok(Arc::default()),
        other => other,
    }
}

fn below(environment: &serve::Environment, path: &str) -> String {
    if environment.directory.is_empty() { path.to_owned() } else { format!("{}/{path}", environment.directory) }
}

fn add(paths: &mut Vec<String>, path: String) {
    if !paths.contains(&path) {
        paths.push(path);
    }
}

fn unknown(named: &Named) -> Refusal {
    let Named { namespace, kind, key } = named.clone();
    Refusal::UnknownResource { kind, namespace, key }
}

/// A whole id of a commit.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
