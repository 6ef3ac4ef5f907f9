//! Which commit was the last to change each flag and segment: what a list says of every row.
//!
//! A flag's own history ([`super::history`]) is followed for one flag at a time; for thousands it would be walked
//! thousands of times. Here it is walked once for all of an environment, newest first, and of each commit it is noted
//! what it changed; after a push only the new commits are looked at. That is done behind the requests, on one thread an
//! environment: whoever asks waits a little and is told what is known by then. It is bounded by
//! [`limits::RECENT_COMMITS`], and it is only ever a memory: nothing depends on it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Refusal;
use super::views::Views;
use super::writer::Storage;
use super::writers::Writers;
use crate::flags::resource::view::View;
use crate::flags::resource::{Kind, Resource};
use crate::git::{self, Logged};
use crate::{limits, serve};

/// A flag or segment: namespace, kind, key.
type Place = (String, Kind, String);

/// The commit that changed something last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit, hex.
    pub commit: String,
    /// Who made the change.
    pub author: String,
    /// When it was committed.
    pub at: Timestamp,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// The tip that this goes up to, hex.
    tip: String,
    changes: HashMap<Place, Arc<Change>>,
    /// The last commit that was looked at, from which it goes on to the past.
    oldest: Option<String>,
    looked_at: usize,
    /// Nothing more will be known of this tip; older changes are not told.
    whole: bool,
}

impl Recent {
    /// Whether nothing more will be known of what stands at this tip. What is known of one before it is told too, while
    /// that is looked at.
    #[must_use]
    pub fn is_whole(&self, tip: &str) -> bool {
        tip.is_empty() || self.whole && self.tip == tip
    }

    /// The last change of something, as far as it is known.
    #[must_use]
    pub fn of(&self, namespace: &str, kind: Kind, key: &str) -> Option<&Change> {
        self.changes.get(&(namespace.to_owned(), kind, key.to_owned())).map(|change| &**change)
    }
}

/// What is known of all environments that were asked for.
#[derive(Default)]
pub(super) struct Recents {
    places: Mutex<HashMap<String, Arc<Known>>>,
}

#[derive(Default)]
struct Known {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    recent: Arc<Recent>,
    working: bool,
}

impl Known {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known is all that will be, until there is another tip: whoever waits would ask again and again.
    fn give_up(&self, tip: &str) {
        let known = self.lock().recent.clone();
        self.tell(&Recent { tip: tip.to_owned(), whole: true, ..(*known).clone() });
    }

    fn tell(&self, recent: &Recent) {
        self.lock().recent = Arc::new(recent.clone());
        self.moved.notify_all();
    }
}

/// Ends the work, however it ends.
struct Working(Arc<Known>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.lock().working = false;
        self.0.moved.notify_all();
    }
}

impl Recents {
    fn known(&self, storage: &Storage, environment: &serve::Environment) -> Arc<Known> {
        let place = format!("{}\0{}\0{}", storage.share.storage(), environment.branch, environment.directory);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= limits::RECENT_PLACES && !places.contains_key(&place) {
            // Where somebody is at work it goes on, so that nobody begins the same again.
            places.retain(|_, known| known.lock().working);
        }
        places.entry(place).or_default().clone()
    }
}

impl Writers {
    /// What is known of the last changes in an environment. What is not known yet is found out behind; this waits for
    /// that, but not longer than `patience`. Blocks, within a runtime.
    ///
    /// # Errors
    /// As [`Self::tip`].
    pub fn recent(&self, environment: &serve::Environment, patience: Duration) -> Result<Arc<Recent>, Refusal> {
        let until = Instant::now() + patience;
        let inner = self.inner()?;
        let storage = inner.storage(&environment.storage)?;
        let Some(tip) = storage.share.shown(&environment.branch) else { return Ok(Arc::default()) };
        let known = storage.core.recents.known(&storage, environment);
        let mut state = known.lock();
        if state.recent.is_whole(&tip) {
            return Ok(state.recent.clone());
        }
        if !state.working {
            state.working = true;
            drop(state);
            let (work, directory) = (Working(known.clone()), environment.directory.clone());
            let tip = tip.clone();
            // A runtime that ends drops it at once, and with it the mark that somebody works: no lock is held here.
            tokio::task::spawn_blocking(move || {
                if let Err(error) = look(&storage, &directory, &tip, &work.0) {
                    work.0.give_up(&tip);
                    tracing::warn!(storage = %storage.share.storage(), %error, "the last changes of flags are not known");
                }
            });
            state = known.lock();
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !state.working || state.recent.is_whole(&tip) {
                return Ok(state.recent.clone());
            }
            state = known.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Finds out what is not known yet, and tells of it as it goes.
fn look(storage: &Storage, directory: &str, tip: &str, known: &Known) -> Result<(), git::Error> {
    let before = known.lock().recent.clone();
    // What lies far back is read once and not kept beside what is in use.
    let views = Views::default();
    let mut recent = Recent { tip: tip.to_owned(), ..Recent::default() };
    let follows = !before.tip.is_empty() && storage.repository.contains(tip, &before.tip)?;
    let walk = Walk { storage, directory, tip, views };
    if follows && before.tip == tip {
        recent = (*before).clone();
    } else if let Some(commits) = follows.then(|| walk.behind(None, Some(&before.tip))).transpose()?
        // Of more than that the rest is not looked at: then it begins anew.
        && commits.len() < limits::HISTORY_STEP
    {
        for commit in commits {
            walk.note(&commit, &mut recent)?;
        }
        for (place, change) in &before.changes {
            recent.changes.entry(place.clone()).or_insert_with(|| change.clone());
        }
        (recent.oldest, recent.looked_at, recent.whole) = (before.oldest.clone(), before.looked_at, before.whole);
    }
    known.tell(&recent);
    while !recent.whole {
        let commits = walk.behind(recent.oldest.as_deref(), None)?;
        let mut told = Instant::now();
        recent.whole = commits.len() < limits::HISTORY_STEP;
        for commit in commits {
            if storage.core.halt.load(std::sync::atomic::Ordering::Relaxed) {
                return Ok(());
            }
            walk.note(&commit, &mut recent)?;
            recent.oldest = Some(commit.id);
            recent.looked_at += 1;
            if told.elapsed() > limits::RECENT_TELL {
                known.tell(&recent);
                told = Instant::now();
            }
        }
        recent.whole |= recent.looked_at >= limits::RECENT_COMMITS;
        known.tell(&recent);
    }
    Ok(())
}

/// One look through the history of a directory.
struct Walk<'w> {
    storage: &'w Storage,
    directory: &'w str,
    tip: &'w str,
    views: Views,
}

impl Walk<'_> {
    /// The next commits that touched the directory, behind `from` and before `end`.
    fn behind(&self, from: Option<&str>, end: Option<&str>) -> Result<Vec<Logged>, git::Error> {
        let found = self.storage.repository.history(self.tip, &[self.directory], from, limits::HISTORY_STEP)?;
        let ended = |commit: &Logged| match end {
            // All that a push brought; what is older is known.
            Some(end) => commit.id != *end && !self.storage.repository.contains(end, &commit.id).unwrap_or(false),
            None => true,
        };
        Ok(found.commits.into_iter().filter(ended).collect())
    }

    /// Notes what a commit changed, of what no newer one did.
    fn note(&self, commit: &Logged, recent: &mut Recent) -> Result<(), git::Error> {
        let after = self.view(&commit.id)?;
        let mut touched: Option<HashSet<Place>> = None;
        for parent in &commit.parents {
            let differs = differences(&*self.view(parent)?, &after);
            // Of a merge: what is as none of its parents had it.
            touched = Some(match touched {
                Some(touched) => touched.intersection(&differs).cloned().collect(),
                None => differs,
            });
        }
        let touched = touched.unwrap_or_else(|| differences(&View::default(), &after));
        let change =
            Arc::new(Change { commit: commit.id.clone(), author: commit.author.name.clone(), at: commit.committed });
        for place in touched {
            recent.changes.entry(place).or_insert_with(|| change.clone());
        }
        Ok(())
    }

    fn view(&self, commit: &str) -> Result<Arc<View>, git::Error> {
        match self.views.at(&self.storage.share, &*self.storage.repository, commit, self.directory) {
            // There is nothing before the place where a history was cut off.
            Err(git::Error::UnknownCommit(_)) => Ok(Arc::default()),
            other => other,
        }
    }
}

/// What is not the same in two states; files that are the same are not looked into.
fn differences(old: &View, new: &View) -> HashSet<Place> {
    let blobs =
        |view: &View| view.files.iter().map(|file| (file.path.clone(), file.blob.clone())).collect::<HashSet<_>>();
    let (olds, news) = (blobs(old), blobs(new));
    let (old, new) = (declared(old, &news), declared(new, &olds));
    let differs = |place: &&Place| old.get(*place) != new.get(*place);
    old.keys().chain(new.keys()).filter(differs).cloned().collect()
}

/// What the files declare that are not among `known`.
fn declared(view: &View, known: &HashSet<(Arc<str>, Arc<str>)>) -> HashMap<Place, Resource> {
    let mut found = HashMap::new();
    for file in view.files.iter().filter(|file| !known.contains(&(file.path.clone(), file.blob.clone()))) {
        for document in file.documents() {
            let namespace = &document.namespace.key;
            for flag in &document.flags {
                found.insert((namespace.clone(), Kind::Flag, flag.key.clone()), Resource::Flag(flag.clone()));
            }
            for segment in &document.segments {
                let place = (namespace.clone(), Kind::Segment, segment.key.clone());
                found.insert(place, Resource::Segment(segment.clone()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_tip_before_is_not_all() {
        let known = Recent { tip: "a".to_owned(), whole: true, ..Recent::default() };
        assert!(known.is_whole("a"));
        assert!(!known.is_whole("b"), "a push came, and who asks is to ask again");
        assert!(!Recent { whole: false, ..known }.is_whole("a"));
        assert!(Recent::default().is_whole(""), "where there is no commit there is nothing to be known");
    }
}
