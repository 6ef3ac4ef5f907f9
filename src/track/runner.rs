//! The runner of a storage: hands what is wished for to threads that may block, looks at the provider's list when it is
//! time, and hears what is fetched and served.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep_until;

use super::pace::Jobs;
use super::propose::Words;
use super::storage::{Subject, Tracked, heads_of, lock};
use super::{Inner, Library, Scm};
use crate::config::Config;
use crate::limits;
use crate::proposal::book::{Book, Target};
use crate::proposal::{Event, Record, State};
use crate::sync::share::Share;

impl Inner {
    /// See [`Tracker::apply`](super::Tracker::apply).
    pub(super) fn apply(self: &Arc<Self>, config: &Config) {
        let before = self.storages.load();
        let (mut storages, mut without) = (HashMap::new(), HashMap::new());
        for (name, storage) in &config.storages {
            let scm: Scm = match (self.seams.reach)(config, name) {
                None => continue,
                Some(Ok(scm)) => scm,
                Some(Err(why)) => {
                    tracing::warn!(storage = &**name, why, "merge proposals cannot be tracked");
                    without.insert(name.clone(), why);
                    continue;
                }
            };
            let of_storage = config.environments.iter().filter(|e| e.storage == *name);
            let environments: Vec<Arc<str>> = of_storage.map(|e| e.name.clone()).collect();
            let webhooks = storage.webhook.is_some();
            let tracked = Tracked::new(name.clone(), storage.branch.clone(), environments, scm, webhooks);
            if let Some(old) = before.get(name) {
                tracked.follow(old);
            }
            storages.insert(name.clone(), tracked);
        }
        self.open_books(&storages, &before);
        self.words.store(Arc::new(Words::of(config)));
        // What an unknown storage had is not shown, and not forgotten: it may come back with the next reload.
        self.without.store(Arc::new(without));
        let fresh: Vec<Arc<Tracked>> = storages.values().cloned().collect();
        for old in self.storages.swap(Arc::new(storages)).values() {
            old.stop();
        }
        for storage in fresh {
            self.resume(&storage);
            tokio::spawn(run(self.clone(), storage));
        }
    }

    /// A book for each storage, with what was known of it.
    fn open_books(&self, storages: &HashMap<Arc<str>, Arc<Tracked>>, old: &HashMap<Arc<str>, Arc<Tracked>>) {
        let mut library = self.library();
        let Library { books, table, kept } = &mut *library;
        let mut before = std::mem::take(books);
        let mut kept = std::mem::take(kept);
        for (name, storage) in storages {
            let same =
                |old: &Arc<Tracked>| (&old.branch, &old.environments) == (&storage.branch, &storage.environments);
            if old.get(name).is_some_and(same)
                && let Some(book) = before.remove(name)
            {
                books.insert(name.clone(), book);
                continue;
            }
            let target =
                |environment: &Arc<str>| Target { environment: environment.clone(), branch: storage.branch.clone() };
            let mut book = Book::new(name.clone(), storage.environments.iter().map(target).collect());
            let known: Vec<Record> = match before.remove(name) {
                Some(book) => book.records().cloned().collect(),
                None => kept.extract_if(.., |record| record.storage == *name).collect(),
            };
            for id in book.restore(known) {
                table.remove(&id);
                self.seams.keep.forget(name, &id);
            }
            for record in book.records() {
                table.put(record);
            }
            books.insert(name.clone(), book);
        }
        // A storage without a provider shows nothing; should it get one, the list tells what there is.
        for name in before.keys() {
            table.remove_storage(name);
        }
    }

    /// What an earlier process, or an earlier configuration, left to be done.
    fn resume(&self, storage: &Arc<Tracked>) {
        let library = self.library();
        let Some(book) = library.books.get(&storage.name) else { return };
        let left = book.records().filter_map(|record| {
            let jobs = match record.state {
                State::Planned => Jobs::OPEN,
                State::Open if record.stale => Jobs::READ.with(Jobs::MEASURE),
                State::Open => Jobs::MEASURE,
                State::Merged => Jobs::LOOK,
                _ => return None,
            };
            Some((Subject::of(record), jobs))
        });
        let left: Vec<(Subject, Jobs)> = left.collect();
        drop(library);
        let now = self.elapsed();
        for (subject, jobs) in left {
            storage.want(&subject, jobs, now);
        }
    }

    /// Branches of the storage may have moved: those that have become events of their proposals.
    fn moved(&self, storage: &Tracked, share: &Share) {
        let heads = share.heads();
        let mut seen = lock(&storage.heads);
        let mut gone: Vec<Arc<str>> = seen.keys().filter(|branch| !heads.contains_key(&***branch)).cloned().collect();
        // What is no longer asked for is not gone.
        gone.retain(|branch| branch.starts_with("flipt/") || share.fetches_also(branch));
        seen.retain(|branch, _| heads.contains_key(&**branch));
        let mut fresh: Vec<(Arc<str>, Option<Arc<str>>)> = gone.into_iter().map(|branch| (branch, None)).collect();
        for (branch, commit) in &heads {
            if seen.get(&**branch).is_none_or(|known| **known != **commit) {
                let (branch, commit): (Arc<str>, Arc<str>) = (branch.as_str().into(), commit.as_str().into());
                seen.insert(branch.clone(), commit.clone());
                fresh.push((branch, Some(commit)));
            }
        }
        drop(seen);
        for (branch, commit) in fresh {
            let about = self.library().books.get(&storage.name).map(|book| book.about(&branch)).unwrap_or_default();
            for (id, head) in about {
                self.happened(storage, &id, Event::Moved { head, commit: commit.clone() });
                if let Some(record) = self.record(&id).filter(|record| record.is_open()) {
                    storage.want(&Subject::of(&record), Jobs::MEASURE, self.elapsed());
                }
            }
        }
    }

    /// Something is served: what is merged may be live.
    fn served(&self, storage: &Tracked) {
        let merged: Vec<Subject> = {
            let library = self.library();
            let records = library.books.get(&storage.name).into_iter().flat_map(Book::records);
            records.filter(|record| record.state == State::Merged).map(Subject::of).collect()
        };
        let now = self.elapsed();
        for subject in merged {
            storage.want(&subject, Jobs::LOOK, now);
        }
    }

    /// Has the heads of open proposals fetched, which nothing is served of.
    pub(super) fn follow_heads(&self, storage: &Tracked) {
        let Some(share) = self.seams.workers.share(&storage.name) else { return };
        let heads = self.library().books.get(&storage.name).map(|book| heads_of(book.records())).unwrap_or_default();
        let is_ours = |head: &Arc<str>| {
            storage
                .environments
                .iter()
                .any(|name| head.strip_prefix("flipt/").is_some_and(|h| h.starts_with(&format!("{name}/"))))
        };
        let heads = heads.into_iter().filter(|head| !is_ours(head)).take(limits::PROPOSALS_LISTED).collect();
        if share.fetch_also(heads) {
            share.slot().ring();
        }
    }
}

/// Until the storage is told to stop.
async fn run(inner: Arc<Inner>, storage: Arc<Tracked>) {
    let mut stop = storage.stopped();
    let mut tasks: JoinSet<()> = JoinSet::new();
    let (mut working, mut looking) = (0_usize, false);
    let (ended, mut endings) = tokio::sync::mpsc::unbounded_channel();
    let mut share = None;
    let mut moves: Option<watch::Receiver<u64>> = None;
    let mut served = Vec::new();
    let mut glance = tokio::time::interval(limits::TRACK_GLANCE);
    loop {
        // A reload of the workers may have given the storage another share, and other environments.
        let now_share = inner.seams.workers.share(&storage.name);
        let same = match (&share, &now_share) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        if !same {
            moves = now_share.as_ref().map(|share| share.moves());
            share = now_share;
            inner.follow_heads(&storage);
            if let Some(share) = &share {
                inner.moved(&storage, share);
            }
        }
        let environments = storage.environments.iter().filter_map(|name| inner.seams.environments.get(name));
        let environments: Vec<_> = environments.filter(|e| e.base.is_none()).collect();
        let is_new = served.len() != environments.len()
            || !served.iter().zip(&environments).all(|((known, _), now)| Arc::ptr_eq(known, now));
        if is_new {
            served = environments
                .into_iter()
                .map(|environment| {
                    let generation = environment.subscribe();
                    (environment, generation)
                })
                .collect();
            inner.served(&storage);
        }

        let now = inner.elapsed();
        let taken = storage.pace().take(now, limits::PROPOSAL_THREADS.saturating_sub(working));
        for (subject, jobs) in taken {
            working += 1;
            let (inner, storage, ended) = (inner.clone(), storage.clone(), ended.clone());
            tasks.spawn(async move {
                let (of, with) = (storage.clone(), subject.clone());
                let run = inner.clone();
                let worked = spawn_blocking(move || run.work(&of, &with, jobs)).await;
                let (left, later) = worked.unwrap_or_else(|error| {
                    tracing::error!(storage = &*storage.name, %error, "bug: work on a proposal broke off");
                    (Jobs::NONE, Duration::ZERO)
                });
                storage.done(&subject, left, later, inner.elapsed());
                let _ = ended.send(false);
            });
        }
        let due = lock(&storage.schedule).next();
        if !looking && due <= now {
            looking = true;
            let (inner, storage, ended) = (inner.clone(), storage.clone(), ended.clone());
            tasks.spawn(async move {
                let of = storage.clone();
                if let Err(error) = spawn_blocking(move || inner.look(&of)).await {
                    tracing::error!(storage = &*storage.name, %error, "bug: a look at the provider broke off");
                }
                let _ = ended.send(true);
            });
        }
        let work = storage.pace().next().filter(|_| working < limits::PROPOSAL_THREADS);
        let next = [work, (!looking).then(|| lock(&storage.schedule).next())].into_iter().flatten().min();
        let next = next.unwrap_or(Duration::MAX).min(inner.elapsed() + limits::TRACK_GLANCE);
        select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = storage.bell.notified() => {}
            Some(look) = endings.recv() => {
                if look { looking = false } else { working = working.saturating_sub(1) }
                while tasks.try_join_next().is_some() {}
            }
            () = changed(&mut moves) => {
                if let Some(share) = &share {
                    inner.moved(&storage, share);
                }
            }
            () = any(&mut served) => {
                inner.served(&storage);
                if let Some(share) = &share {
                    inner.moved(&storage, share);
                }
            }
            () = sleep_until(inner.origin + next) => {}
            _ = glance.tick() => {}
        }
    }
    // What is under way is at most some requests to the provider; nobody is told of it any more.
    tasks.detach_all();
}

/// Branches may have moved. Ends never where nothing is fetched.
async fn changed(moves: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = moves
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *moves = None;
    std::future::pending::<()>().await;
}

/// One of the environments serves something else. Ends never where there is none.
async fn any(served: &mut [(Arc<crate::serve::Environment>, watch::Receiver<u64>)]) {
    if served.is_empty() {
        return std::future::pending().await;
    }
    let all = served.iter_mut().map(|(_, generation)| Box::pin(generation.changed()));
    if select_all(all).await.0.is_err() {
        std::future::pending::<()>().await;
    }
}
