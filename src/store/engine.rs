//! sled, held at arm's length.
//!
//! ```text
//! <directory>/state/          sled's files
//! <directory>/state.seal      the seal as of the last flush, written after it
//! <directory>/state.opening   there while the store is being opened
//! <directory>/state.lock      locked by the process that uses the directory
//! <directory>/state.bad-…/    what could not be trusted
//! ```
//!
//! What a crash may leave, and what follows: a store newer than its seal file (between flush and file): fine, the
//! store's own seal holds. A store without a file (first flush): doubt. A marker (the process died while opening,
//! which is how an allocation that a damaged file asks for ends): doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use super::record::{self, Kind};
use super::seal::{self, Seal};
use super::{Fetch, Manifest, Opened, Pending, Place, quarantine};
use crate::analytics::row::Place as RowPlace;
use crate::disk::lock_within;
use crate::ingest::Delivery;
use crate::{audit, limits};

/// Why the store cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// sled says so.
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    /// sled panicked.
    #[error("sled panicked: {0}")]
    Panicked(String),
    /// The seal could not be written.
    #[error("seal: {0}")]
    Seal(#[from] io::Error),
}

/// An open store.
pub(super) struct Engine {
    db: sled::Db,
    files: Files,
    seal: Seal,
    /// Every key with the hash of its pair; the store itself is never read while running.
    index: BTreeMap<Vec<u8>, u64>,
    /// Held as long as the store is used.
    _lock: File,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("seal", &self.seal).finish_non_exhaustive()
    }
}

/// What a store had in it.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) manifests: Vec<(Place, Manifest)>,
    pub(super) fetches: Vec<(Arc<str>, Fetch)>,
    pub(super) events: Vec<audit::Event>,
    pub(super) intents: Vec<audit::Pending>,
    pub(super) proposals: Vec<crate::proposal::Record>,
    pub(super) rows: Vec<(RowPlace, Vec<u8>)>,
}

#[derive(Debug, Clone)]
struct Files {
    store: PathBuf,
    seal: PathBuf,
    opening: PathBuf,
    lock: PathBuf,
}

impl Files {
    fn of(directory: &Path) -> Self {
        Self {
            store: directory.join("state"),
            seal: directory.join("state.seal"),
            opening: directory.join("state.opening"),
            lock: directory.join("state.lock"),
        }
    }
}

/// See [`super::Store::open`].
pub(super) fn open(directory: &Path) -> (Option<Engine>, Content, Opened) {
    let files = Files::of(directory);
    let without = |why: String| (None, Content::default(), Opened::Without { why });
    let lock = match taken(directory, &files) {
        Ok(Some(lock)) => lock,
        Ok(None) => return (None, Content::default(), Opened::InUse),
        Err(why) => return without(why),
    };
    let there = files.store.exists() || files.seal.exists();
    let doubt = if files.opening.exists() {
        "the process died while opening it".to_owned()
    } else {
        match guarded_open(&files, there) {
            Ok((db, seal, index, content)) => {
                let opened = if there { Opened::Existing } else { Opened::Created };
                return (Some(Engine { db, files, seal, index, _lock: lock }), content, opened);
            }
            Err(why) => why,
        }
    };
    let beside = [files.seal.clone(), files.opening.clone()];
    // The stamp only names a directory for a person; no decision hangs on this clock.
    let to = match quarantine::move_aside(&files.store, &beside, jiff::Timestamp::now()) {
        Ok(to) => to,
        Err(error) => return without(format!("{doubt}; and it cannot be moved aside: {error}")),
    };
    match guarded_open(&files, false) {
        Ok((db, seal, index, _)) => {
            let engine = Engine { db, files, seal, index, _lock: lock };
            (Some(engine), Content::default(), Opened::Rebuilt { to, why: doubt })
        }
        Err(why) => without(format!("{doubt}; and no new one can be made: {why}")),
    }
}

/// The lock of the directory; nothing if another process has it.
fn taken(directory: &Path, files: &Files) -> Result<Option<File>, String> {
    fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let file = File::create(&files.lock).map_err(|e| format!("{}: {e}", files.lock.display()))?;
    let locked = lock_within(limits::STORE_LOCK, &file).map_err(|e| format!("{}: {e}", files.lock.display()))?;
    Ok(locked.then_some(file))
}

type Checked = (Seal, BTreeMap<Vec<u8>, u64>, Content);
type Whole = (sled::Db, Seal, BTreeMap<Vec<u8>, u64>, Content);

/// Opens behind the marker, on a thread of its own: a damaged store may panic, and nothing says that it may not hang.
fn guarded_open(files: &Files, there: bool) -> Result<Whole, String> {
    let io = |error: io::Error| format!("{}: {error}", files.opening.display());
    File::create(&files.opening).and_then(|marker| marker.sync_all()).map_err(io)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let mine = files.clone();
    let thread = std::thread::Builder::new().name("state-open".to_owned());
    let spawned = thread.spawn(move || {
        let opened = catch_unwind(AssertUnwindSafe(|| open_and_check(&mine, there)));
        let opened = opened.unwrap_or_else(|panic| Err(format!("sled panicked: {}", panic_text(&*panic))));
        // Nobody waits any more if it took too long; the store is dropped then.
        let _ = sender.send(opened);
    });
    let opened = match spawned {
        Ok(_) => receiver
            .recv_timeout(limits::STORE_OPEN_DEADLINE)
            .unwrap_or_else(|_| Err(format!("not open after {} s", limits::STORE_OPEN_DEADLINE.as_secs()))),
        Err(error) => Err(error.to_string()),
    };
    fs::remove_file(&files.opening).map_err(io)?;
    opened
}

fn open_and_check(files: &Files, there: bool) -> Result<Whole, String> {
    let db = sled::Config::new()
        .path(&files.store)
        .cache_capacity(limits::STORE_CACHE_BYTES)
        .flush_every_ms(None)
        .open()
        .map_err(|e| e.to_string())?;
    if there {
        let (seal, index, content) = check(&db, files)?;
        return Ok((db, seal, index, content));
    }
    let seal = Seal { id: RandomState::new().hash_one(0_u8), ..Seal::default() };
    db.insert(record::SEAL, seal.encode()).and_then(|_| db.flush()).map_err(|e| e.to_string())?;
    write_seal(files, seal).map_err(|e| e.to_string())?;
    Ok((db, seal, BTreeMap::new(), Content::default()))
}

/// Reads everything once and compares it with the seals.
fn check(db: &sled::Db, files: &Files) -> Result<Checked, String> {
    let beside = fs::read(&files.seal).map_err(|e| format!("{}: {e}", files.seal.display()))?;
    let beside = Seal::decode(&beside).ok_or("the seal beside it is damaged")?;
    let mut inside = None;
    let mut index = BTreeMap::new();
    let mut sum = 0_u64;
    let mut content = Content::default();
    let mut manifests: Vec<(Place, Vec<u8>)> = Vec::new();
    let mut rows: Vec<(RowPlace, Vec<u8>)> = Vec::new();
    for pair in db.iter() {
        let (key, value) = pair.map_err(|e| e.to_string())?;
        let payload = seal::unwrap(&key, &value).ok_or("a value is damaged")?;
        match record::kind(&key).ok_or("a key is none of ours")? {
            Kind::Seal => {
                inside = Seal::decode(&value);
                continue;
            }
            Kind::Delivery => content.deliveries.extend(record::delivery(payload)),
            Kind::Event => content.events.extend(record::read::<audit::Event>(payload)),
            Kind::Pending => content.intents.extend(record::read::<audit::Pending>(payload)),
            Kind::Proposal => content.proposals.extend(record::read::<crate::proposal::Record>(payload)),
            Kind::Fetch(storage) => content.fetches.extend(record::fetch(payload).map(|fetch| (storage, fetch))),
            Kind::Manifest(place) => match manifests.last_mut() {
                Some((last, whole)) if *last == place => whole.extend_from_slice(payload),
                _ => manifests.push((place, payload.to_vec())),
            },
            Kind::Row(place) => match rows.last_mut() {
                Some((last, whole)) if *last == place => whole.extend_from_slice(payload),
                _ => rows.push((place, payload.to_vec())),
            },
        }
        let hash = seal::hash(&key, &value);
        sum = sum.wrapping_add(hash);
        index.insert(key.to_vec(), hash);
    }
    let inside = inside.ok_or("it has lost its seal")?;
    if inside.id != beside.id {
        return Err("the seal beside it belongs to another store".to_owned());
    }
    if inside.sequence < beside.sequence {
        return Err(format!("it went back from write {} to {}", beside.sequence, inside.sequence));
    }
    if inside.sum != sum || inside.entries != index.len() as u64 {
        return Err("some of it is missing or older than the rest".to_owned());
    }
    // A manifest that cannot be read is one that is not there: whatever it was good for, Git has it.
    content.manifests =
        manifests.into_iter().filter_map(|(place, whole)| Some((place, record::manifest(&whole)?))).collect();
    // Counts that cannot be read are handed out as nothing: who reads them has them taken away.
    content.rows = rows.into_iter().map(|(place, whole)| (place, record::row(&whole).unwrap_or_default())).collect();
    content.deliveries.sort_by_key(|delivery| delivery.received);
    Ok((inside, index, content))
}

impl Engine {
    /// Number of the last write.
    #[cfg(test)]
    pub(super) const fn sequence(&self) -> u64 {
        self.seal.sequence
    }

    /// Writes one batch, whole or not at all, and flushes it.
    pub(super) fn write(&mut self, pending: &Pending) -> Result<(), Error> {
        catch_unwind(AssertUnwindSafe(|| self.write_unguarded(pending)))
            .unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&*panic))))
    }

    fn write_unguarded(&mut self, pending: &Pending) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (storage, fetch) in &pending.fetches {
            if let Some(payload) = record::fetch_payload(fetch) {
                self.insert(&mut batch, record::fetch_key(storage), &payload);
            }
        }
        for (key, delivery) in &pending.deliveries {
            if let Some(payload) = record::delivery_payload(delivery) {
                self.insert(&mut batch, key.clone(), &payload);
                let prefix = [b"d", delivery.storage.as_bytes(), b"\0"].concat();
                self.drop_oldest(&mut batch, &prefix, limits::DELIVERIES_KEPT);
            }
        }
        self.write_audit(&mut batch, pending);
        self.write_proposals(&mut batch, pending);
        for (place, manifest) in &pending.manifests {
            let parts = manifest.as_ref().map(|m| record::manifest_parts(place, m)).unwrap_or_default();
            self.write_parts(&mut batch, &record::manifest_prefix(place), parts);
        }
        for (place, row) in &pending.rows {
            let parts = row.as_ref().map(|row| record::row_parts(*place, row)).unwrap_or_default();
            self.write_parts(&mut batch, &record::row_prefix(*place), parts);
        }
        self.seal.sequence = self.seal.sequence.wrapping_add(1);
        self.seal.entries = self.index.len() as u64;
        batch.insert(record::SEAL, self.seal.encode());
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        Ok(write_seal(&self.files, self.seal)?)
    }

    /// Writes the parts of something long over those that are there.
    fn write_parts(&mut self, batch: &mut sled::Batch, prefix: &[u8], parts: Vec<(Vec<u8>, Vec<u8>)>) {
        let keep = parts.len();
        for (key, payload) in parts {
            self.insert(batch, key, &payload);
        }
        for key in self.keys(prefix).skip(keep).collect::<Vec<_>>() {
            self.remove(batch, &key);
        }
    }

    fn insert(&mut self, batch: &mut sled::Batch, key: Vec<u8>, payload: &[u8]) {
        let value = seal::wrap(&key, payload);
        let hash = seal::hash(&key, &value);
        batch.insert(key.as_slice(), value);
        let before = self.index.insert(key, hash).unwrap_or(0);
        self.seal.sum = self.seal.sum.wrapping_sub(before).wrapping_add(hash);
    }

    fn remove(&mut self, batch: &mut sled::Batch, key: &[u8]) {
        batch.remove(key);
        let before = self.index.remove(key).unwrap_or(0);
        self.seal.sum = self.seal.sum.wrapping_sub(before);
    }

    /// A record takes the place of the intent of the same id in one write, so that a crash leaves one of the two.
    fn write_audit(&mut self, batch: &mut sled::Batch, pending: &Pending) {
        for waiting in pending.intents.values() {
            let short = || audit::Pending { event: waiting.event.short(), ..waiting.clone() };
            if let Some(payload) = record::json(waiting).or_else(|| record::json(&short())) {
                self.insert(batch, record::pending_key(&waiting.event), &payload);
            }
        }
        for (event, done) in pending.events.values() {
            let intent = record::pending_key(event);
            if *done && self.index.contains_key(&intent) {
                self.remove(batch, &intent);
            }
            if let Some(payload) = record::json(&**event).or_else(|| record::json(&event.short())) {
                self.insert(batch, record::event_key(event), &payload);
            }
        }
        let storages: BTreeSet<&Arc<str>> = pending.events.values().map(|(event, _)| &event.storage).collect();
        for storage in storages {
            for (refused, most) in [(false, limits::AUDIT_KEPT), (true, limits::AUDIT_REFUSALS_KEPT)] {
                self.drop_oldest(batch, &record::event_prefix(storage, refused), most);
            }
        }
    }

    /// One that is too large even without what others wrote is not kept: what was kept of it before would be older. The
    /// number of records is the tracker's to bound, which says what it forgets; the bound here is for what it never said.
    fn write_proposals(&mut self, batch: &mut sled::Batch, pending: &Pending) {
        for ((storage, id), record) in &pending.proposals {
            let key = record::proposal_key(storage, id);
            let payload =
                record.as_ref().and_then(|record| record::json(&**record).or_else(|| record::json(&record.short())));
            match payload {
                Some(payload) => self.insert(batch, key, &payload),
                None if self.index.contains_key(&key) => self.remove(batch, &key),
                None => {}
            }
        }
        let storages: BTreeSet<&Arc<str>> = pending.proposals.keys().map(|(storage, _)| storage).collect();
        for storage in storages {
            self.drop_oldest(batch, &record::proposal_prefix(storage), limits::PROPOSALS_STORED);
        }
    }

    /// Keeps the records of a prefix at their number.
    fn drop_oldest(&mut self, batch: &mut sled::Batch, prefix: &[u8], most: usize) {
        let count = self.keys(prefix).count();
        for key in self.keys(prefix).take(count.saturating_sub(most)).collect::<Vec<_>>() {
            self.remove(batch, &key);
        }
    }

    fn keys(&self, prefix: &[u8]) -> impl Iterator<Item = Vec<u8>> {
        self.index.range(prefix.to_vec()..).map(|(key, _)| key).take_while(move |key| key.starts_with(prefix)).cloned()
    }

    /// Closes it; whatever goes wrong then is found at the next start.
    pub(super) fn close(self) {
        let Self { db, _lock: lock, .. } = self;
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        drop(lock);
    }

    /// Gives a store up that failed: it is moved aside at the next start. Nothing of it is run any more, not even the
    /// flush that dropping it would do.
    pub(super) fn abandon(self) {
        // The marker that says so; without it the seals decide at the next start.
        let _ = File::create(&self.files.opening);
        std::mem::forget(self.db);
    }
}

/// Writes the seal beside the store: a whole one or none.
fn write_seal(files: &Files, seal: Seal) -> io::Result<()> {
    let aside = files.seal.with_extension("seal-new");
    let mut file = File::create(&aside)?;
    file.write_all(&seal.encode())?;
    file.sync_all()?;
    fs::rename(&aside, &files.seal)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}
