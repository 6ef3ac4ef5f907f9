//! What makes a restart fast and a history visible; never the truth (I1).
//!
//! The store keeps the record of the last deliveries and of the last writes; of each environment, where its last good
//! state stands in the mirror; of each storage, when its remote was last reached and what was known of its merge
//! proposals; and how often flags were evaluated. All of it is written behind:
//! whoever hands something in never waits for a disk, but who is about to push a write, which has to be found again
//! after a crash ([`Store::put_pending`]). All of it is read once, when the store is opened. Deleting or damaging the directory costs history and time: flags come from Git.
//!
//! The engine is sled 0.34, which is fast and survives kills, but which panics on damaged files, sometimes opens them
//! empty, and sometimes older than they were. So it is not trusted: it is opened behind a marker and on a thread that
//! may panic or hang, every value is sealed with a checksum over its key and itself, and one seal over all of them is
//! repeated in a file beside it ([`seal`]). On any doubt the directory is moved aside, three of those are kept, and an
//! empty one takes its place ([`quarantine`]). An error while running ends the writing, not the daemon.

mod engine;
mod quarantine;
mod record;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::engine::Engine;
use crate::analytics::row::{Place as RowPlace, Row};
use crate::ingest::Delivery;
use crate::proposal::{self, Record};
use crate::{audit, limits};

/// Where the last good state of an environment stands in the mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Commit that was served, hex.
    pub commit: Arc<str>,
    /// When it was taken.
    pub since: Timestamp,
    /// Its namespaces.
    pub namespaces: Vec<Good>,
}

/// The last good state of one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// Its key.
    pub namespace: Arc<str>,
    /// A commit that contains all of its sources.
    pub commit: Arc<str>,
    /// (path below the environment's directory, blob), in load order.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
}

/// How [`Store::open`] found the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing was there.
    Created,
    /// A good store was there.
    Existing,
    /// What was there could not be trusted: moved aside, and an empty one made.
    Rebuilt {
        /// Where it is now; absent if it could only be deleted.
        to: Option<PathBuf>,
        /// Why.
        why: String,
    },
    /// Another process has it, and what is beside it; nothing is kept.
    InUse,
    /// Nothing can be kept: the directory cannot be written.
    Without {
        /// Why.
        why: String,
    },
}

/// The last fetch of a storage that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Where from: a storage that was pointed elsewhere has not been fetched yet.
    pub remote: String,
    /// When it had ended.
    pub at: Timestamp,
}

/// The store. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pending: Mutex<Pending>,
    bell: Notify,
    engine: Mutex<Option<Engine>>,
    manifests: Mutex<HashMap<Place, Manifest>>,
    fetches: Mutex<HashMap<Arc<str>, Known>>,
}

/// A fetch as it is known, and as of when it is on the disk or on its way there.
#[derive(Debug, Clone)]
struct Known {
    fetch: Fetch,
    written: Option<Timestamp>,
}

/// (storage, environment).
type Place = (Arc<str>, Arc<str>);

/// What was handed in and is not written yet: the newest of each.
#[derive(Debug, Default)]
struct Pending {
    deliveries: BTreeMap<Vec<u8>, Arc<Delivery>>,
    manifests: HashMap<Place, Option<Manifest>>,
    fetches: HashMap<Arc<str>, Fetch>,
    intents: HashMap<Arc<str>, audit::Pending>,
    /// By id; whether the intent goes with it.
    events: HashMap<Arc<str>, (Arc<audit::Event>, bool)>,
    /// By storage and id; nothing for one that is forgotten.
    proposals: HashMap<(Arc<str>, proposal::Id), Option<Arc<Record>>>,
    /// Counts of evaluations; nothing for those that are not kept any more.
    rows: BTreeMap<RowPlace, Option<Arc<[u8]>>>,
    /// Records that were not taken because too many waited.
    dropped: u64,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
            && self.manifests.is_empty()
            && self.fetches.is_empty()
            && self.intents.is_empty()
            && self.events.is_empty()
            && self.proposals.is_empty()
            && self.rows.is_empty()
    }
}

/// What a store that was opened had in it.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Deliveries of all storages, oldest first.
    pub deliveries: Vec<Delivery>,
    /// Records of writes.
    pub events: Vec<audit::Event>,
    /// Writes whose end is not known.
    pub intents: Vec<audit::Pending>,
    /// Proposals of all storages as they were last known, in no order. The provider knows them better.
    pub proposals: Vec<Record>,
    /// Counts of evaluations.
    pub rows: Vec<(RowPlace, Vec<u8>)>,
}

impl Store {
    /// Opens the store in `directory`, or makes it; see [`Opened`]. Never fails and never panics, whatever is there.
    #[must_use]
    pub fn open(directory: &Path) -> (Self, Remembered, Opened) {
        let (engine, content, opened) = engine::open(directory);
        let store = Self::with(engine, content.manifests.into_iter().collect());
        let known = |fetch: Fetch| Known { written: Some(fetch.at), fetch };
        lock(&store.inner.fetches).extend(content.fetches.into_iter().map(|(storage, fetch)| (storage, known(fetch))));
        let remembered = Remembered {
            deliveries: content.deliveries,
            events: content.events,
            intents: content.intents,
            proposals: content.proposals,
            rows: content.rows,
        };
        (store, remembered, opened)
    }

    /// A store that forgets everything when the process ends.
    #[must_use]
    pub fn none() -> Self {
        Self::with(None, HashMap::new())
    }

    fn with(engine: Option<Engine>, manifests: HashMap<Place, Manifest>) -> Self {
        let inner = Inner {
            pending: Mutex::default(),
            bell: Notify::new(),
            engine: Mutex::new(engine),
            manifests: Mutex::new(manifests),
            fetches: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Hands in the newest state of a delivery's record.
    pub fn put_delivery(&self, delivery: Arc<Delivery>) {
        let key = record::delivery_key(&delivery);
        let mut pending = lock(&self.inner.pending);
        if pending.deliveries.len() >= limits::STORE_PENDING && !pending.deliveries.contains_key(&key) {
            pending.dropped = pending.dropped.saturating_add(1);
        } else {
            pending.deliveries.insert(key, delivery);
        }
        drop(pending);
        self.inner.bell.notify_one();
    }

    /// The last good state of an environment.
    #[must_use]
    pub fn manifest(&self, storage: &Arc<str>, environment: &Arc<str>) -> Option<Manifest> {
        lock(&self.inner.manifests).get(&(storage.clone(), environment.clone())).cloned()
    }

    /// Hands in the last good state of an environment; `None` if it is gone.
    pub fn put_manifest(&self, storage: &Arc<str>, environment: &Arc<str>, manifest: Option<Manifest>) {
        let place = (storage.clone(), environment.clone());
        {
            let mut manifests = lock(&self.inner.manifests);
            if manifests.get(&place) == manifest.as_ref() {
                return;
            }
            match &manifest {
                Some(manifest) => manifests.insert(place.clone(), manifest.clone()),
                None => manifests.remove(&place),
            };
        }
        lock(&self.inner.pending).manifests.insert(place, manifest);
        self.inner.bell.notify_one();
    }

    /// When a storage was last fetched from this remote, in this run or an earlier one.
    #[must_use]
    pub fn fetched(&self, storage: &str, remote: &str) -> Option<Timestamp> {
        let fetches = lock(&self.inner.fetches);
        fetches.get(storage).filter(|known| known.fetch.remote == remote).map(|known| known.fetch.at)
    }

    /// Hands in the last fetch of a storage. A quiet repository is fetched from every few seconds: what is on the disk
    /// may be [`limits::STORE_FETCH_PAUSE`] behind, which a process that ends in order makes good.
    pub fn put_fetch(&self, storage: &Arc<str>, fetch: Fetch) {
        {
            let mut fetches = lock(&self.inner.fetches);
            let before = fetches.get(storage).filter(|known| known.fetch.remote == fetch.remote);
            let written = before.and_then(|known| known.written);
            let fresh = written
                .is_some_and(|written| fetch.at.duration_since(written).unsigned_abs() < limits::STORE_FETCH_PAUSE);
            let written = if fresh { written } else { Some(fetch.at) };
            fetches.insert(storage.clone(), Known { fetch: fetch.clone(), written });
            if fresh {
                return;
            }
        }
        lock(&self.inner.pending).fetches.insert(storage.clone(), fetch);
        self.inner.bell.notify_one();
    }

    /// Hands in a write that is about to be pushed, or what is known of one that waits: it is on the disk when this
    /// returns. Blocks.
    pub fn put_pending(&self, intents: Vec<audit::Pending>) {
        let named = intents.into_iter().map(|intent| (intent.event.id.clone(), intent));
        lock(&self.inner.pending).intents.extend(named);
        self.flush();
    }

    /// Hands in the newest state of the record of a write. With `done` its intent goes in the same write.
    pub fn put_event(&self, event: Arc<audit::Event>, done: bool) {
        let mut pending = lock(&self.inner.pending);
        let refused = event.outcome == audit::Outcome::Refused;
        if pending.events.len() >= limits::STORE_PENDING && refused && !pending.events.contains_key(&event.id) {
            pending.dropped = pending.dropped.saturating_add(1);
        } else {
            pending.events.insert(event.id.clone(), (event, done));
        }
        drop(pending);
        self.inner.bell.notify_one();
    }

    /// Hands in the newest state of a proposal. One that is not kept is found again at the provider.
    pub fn put_proposal(&self, record: Arc<Record>) {
        self.proposal((record.storage.clone(), record.id.clone()), Some(record));
    }

    /// A proposal is forgotten.
    pub fn forget_proposal(&self, storage: &str, id: &str) {
        self.proposal((storage.into(), id.into()), None);
    }

    fn proposal(&self, key: (Arc<str>, proposal::Id), record: Option<Arc<Record>>) {
        let mut pending = lock(&self.inner.pending);
        if pending.proposals.len() >= limits::STORE_PENDING && !pending.proposals.contains_key(&key) {
            pending.dropped = pending.dropped.saturating_add(1);
        } else {
            pending.proposals.insert(key, record);
        }
        drop(pending);
        self.inner.bell.notify_one();
    }

    /// Hands in counts of evaluations, or that they are not kept any more. There are four a minute at most.
    pub fn put_row(&self, (place, row): Row) {
        lock(&self.inner.pending).rows.insert(place, row);
        self.inner.bell.notify_one();
    }

    /// Ends when something was handed in.
    pub async fn rung(&self) {
        self.inner.bell.notified().await;
    }

    /// Writes everything that was handed in, and returns when it is on the disk. Blocks.
    pub fn flush(&self) {
        // The engine first: two flushes at a time must not write an older state over a newer one.
        let mut engine = lock(&self.inner.engine);
        let pending = std::mem::take(&mut *lock(&self.inner.pending));
        if pending.dropped > 0 {
            tracing::warn!(dropped = pending.dropped, "records not kept: the disk is too slow");
        }
        let Some(open) = engine.as_mut() else { return };
        if pending.is_empty() {
            return;
        }
        if let Err(error) = open.write(&pending) {
            tracing::error!(%error, "the state store failed; nothing more is kept until the next start");
            if let Some(broken) = engine.take() {
                broken.abandon();
            }
        }
    }

    /// Writes what was handed in and gives the directory free. What is handed in from now on is forgotten. Blocks.
    pub fn close(&self) {
        for (storage, known) in &*lock(&self.inner.fetches) {
            if known.written != Some(known.fetch.at) {
                lock(&self.inner.pending).fetches.insert(storage.clone(), known.fetch.clone());
            }
        }
        self.flush();
        if let Some(engine) = lock(&self.inner.engine).take() {
            engine.close();
        }
    }
}

impl audit::log::Keep for Store {
    fn put_pending(&self, pending: Vec<audit::Pending>) {
        Self::put_pending(self, pending);
    }

    fn put_event(&self, event: Arc<audit::Event>, done: bool) {
        Self::put_event(self, event, done);
    }
}

impl crate::analytics::Keep for Store {
    fn keep(&self, row: Row) {
        self.put_row(row);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
