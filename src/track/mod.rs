//! Where every merge proposal stands, at every moment, without asking the provider when somebody looks.
//!
//! ```text
//! webhook --hint--.                                        .--> table --> API, event stream
//! fetch, push ----+--> wishes of a storage --pace--> job --+--> store, behind
//! served ---------+      (one a proposal)             |    '--> further wishes
//! reconcile ------+                                   v
//! people ---------'                            provider, mirror
//! ```
//!
//! What happens becomes an event of the machine in [`proposal`](crate::proposal), which is pure: it answers the record
//! as it is now, and what is to be done about it. Here that is done: on threads that may block, never two for one
//! proposal, reads at most one a second of each ([`pace`]). A webhook is believed nothing but that something happened.
//! What webhooks lose, a look at the provider's list finds ([`schedule`]).
//!
//! The table is in memory and written behind. Losing what was written loses nothing: the first look at the list finds
//! the proposals again, each under its old id, which its description or its number says.

mod acts;
pub mod diff;
mod effects;
pub mod pace;
mod propose;
mod reconcile;
pub mod records;
mod report;
mod runner;
pub mod schedule;
mod status;
mod storage;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::time::Instant;

pub use self::acts::Act;
use self::pace::Jobs;
pub use self::propose::{Proposed, Wish};
use self::records::{Entry, Table};
pub use self::status::Status;
use self::storage::{Subject, Tracked};
use crate::audit;
use crate::clock::Clock;
use crate::config::{Config, ScmReport};
use crate::ingest::{ProposalHint, Proposals};
use crate::limits;
use crate::proposal::book::{Book, Outcome};
use crate::proposal::{Effect, Event, Record};
use crate::provider::Provider;
use crate::provider::api::{Api, Ask, Failure, MergeMethod};
use crate::serve::Environments;
use crate::serve::streams::Place;
use crate::sync::workers::Workers;
use crate::write;
use crate::write::writers::Writers;

/// The API of a storage's provider, and the way to it.
#[derive(Clone)]
pub struct Scm {
    /// Who that is.
    pub provider: Provider,
    /// What can be asked for.
    pub api: Arc<dyn Api>,
    /// Who asks.
    pub ask: Arc<dyn Ask>,
    /// Who asks for what nobody waits for: of a rate limit that is short it leaves the rest to people.
    pub background: Arc<dyn Ask>,
    /// What the environments with this provider say, by name.
    pub rules: HashMap<Arc<str>, Rules>,
}

/// What one environment says about its proposals.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Branches of ours are removed once they are merged.
    pub removes_merged: bool,
    /// A proposal begins as a draft where nobody says.
    pub draft: bool,
    /// How proposals are merged where nobody says.
    pub merge_method: Option<MergeMethod>,
    /// A write to a branch of it opens a proposal by itself.
    pub protected: bool,
    /// What is said on them.
    pub report: ScmReport,
}

impl fmt::Debug for Scm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scm").field("api", &self.api).finish_non_exhaustive()
    }
}

/// How the providers of a configuration are reached: for a storage its API, nothing where none of its environments has a
/// provider, or what is missing, in words.
pub type Reach = dyn Fn(&Config, &str) -> Option<Result<Scm, String>> + Send + Sync;

/// Keeps records across restarts, behind.
pub trait Keep: Send + Sync {
    /// Takes the newest state of a record.
    fn keep(&self, record: &Arc<Record>);
    /// A record is forgotten.
    fn forget(&self, storage: &str, id: &str);
}

/// Who is told what becomes of deliveries. Must not block.
pub trait Told: Send + Sync {
    /// What a delivery was about has been read and is visible since `at`.
    fn read(&self, storage: &str, delivery: &str, received: Timestamp, at: Timestamp);
    /// It could not be read; it is tried again.
    fn failed(&self, delivery: &str, why: &str);
    /// A look at the provider's list found something that no webhook had told.
    fn missed(&self, storage: &str);
    /// A look at the provider has ended.
    fn looked(&self, storage: &str, ok: bool);
}

/// What the tracker needs of the rest.
pub struct Seams {
    /// Whose mirrors are looked into.
    pub workers: Arc<Workers>,
    /// Who pushes.
    pub writers: Arc<Writers>,
    /// What is served.
    pub environments: Arc<Environments>,
    /// How providers are reached.
    pub reach: Box<Reach>,
    /// What is kept.
    pub keep: Box<dyn Keep>,
    /// Who hears of deliveries.
    pub told: Arc<dyn Told>,
    /// Where records of acts go.
    pub audit: Arc<dyn audit::Sink>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Keeps track of the proposals of all storages. Cheap to share; follows every reload. One that was made from nothing
/// tracks nothing.
#[derive(Default)]
pub struct Tracker {
    inner: Option<Arc<Inner>>,
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").finish_non_exhaustive()
    }
}

struct Inner {
    seams: Seams,
    library: Mutex<Library>,
    /// Where readers of the event stream sit.
    place: Place,
    storages: ArcSwap<HashMap<Arc<str>, Arc<Tracked>>>,
    /// Storages whose provider cannot be used, and why.
    without: ArcSwap<HashMap<Arc<str>, String>>,
    words: ArcSwap<propose::Words>,
    draining: AtomicBool,
    origin: Instant,
    life: String,
}

/// A book a storage, and what is shown of all of them.
#[derive(Default)]
struct Library {
    books: HashMap<Arc<str>, Book>,
    table: Table,
    /// What an earlier process kept, until it is known whether its storage is tracked.
    kept: Vec<Record>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The environment has no provider that could be asked.
    #[error("{0}")]
    NoProvider(String),
    /// No such proposal, or no such branch.
    #[error("{0}")]
    Unknown(String),
    /// The caller asks for what makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Not as it stands now.
    #[error("{0}")]
    State(String),
    /// The provider did not do it.
    #[error("{0}")]
    Provider(Failure),
    /// The provider could not be asked, and will be.
    #[error("{failure}; the proposal is planned as {id}, and opened as soon as the provider can be asked")]
    Planned {
        /// Why it could not.
        failure: Failure,
        /// Id of the record.
        id: crate::proposal::Id,
    },
    /// The push that it takes was not done.
    #[error(transparent)]
    Write(write::Refusal),
    /// The branch and its base have changed the same.
    #[error("the branch and its base have changed the same; nothing was changed")]
    Conflicts(Box<write::writers::Conflicts>),
    /// The process ends.
    #[error("the process is shutting down")]
    Draining,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(_) => Self::Invalid(failure.to_string()),
            _ => Self::Provider(failure),
        }
    }
}

impl Tracker {
    /// A tracker for what [`Self::apply`] is going to say, and what an earlier process kept.
    #[must_use]
    pub fn new(seams: Seams, kept: Vec<Record>) -> Self {
        let inner = Inner {
            seams,
            library: Mutex::new(Library { kept, ..Library::default() }),
            place: Place::new("".into()),
            storages: ArcSwap::default(),
            without: ArcSwap::default(),
            words: ArcSwap::default(),
            draining: AtomicBool::new(false),
            origin: Instant::now(),
            life: uuid::Uuid::new_v4().simple().to_string(),
        };
        Self { inner: Some(Arc::new(inner)) }
    }

    /// Tracks the storages of `config` that have a provider, and no others. Must be called within a runtime, after the
    /// workers know the configuration.
    pub fn apply(&self, config: &Config) {
        if let Some(inner) = &self.inner {
            inner.apply(config);
        }
    }

    /// Does nothing new from now on. What is under way at a provider goes on; the next start finds what came of it.
    pub fn stop(&self) {
        let Some(inner) = &self.inner else { return };
        inner.draining.store(true, Ordering::Release);
        for storage in inner.storages.swap(Arc::default()).values() {
            storage.stop();
        }
    }

    /// Reads of the table.
    #[must_use]
    pub fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        match &self.inner {
            Some(inner) => read(&inner.library().table),
            None => read(&Table::default()),
        }
    }

    /// One proposal.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Entry> {
        self.read(|table| table.get(id).cloned())
    }

    /// The proposals of branches of a storage into its own, by branch: of each the one that counts most, the open one or
    /// the newest.
    #[must_use]
    pub fn of_branches(&self, storage: &str, base: &str) -> HashMap<Arc<str>, Entry> {
        self.read(|table| {
            let mut found: HashMap<Arc<str>, Entry> = HashMap::new();
            let rank = |entry: &Entry| (entry.record.is_open(), entry.record.since, entry.record.number);
            for entry in table.all().filter(|e| *e.record.storage == *storage && *e.record.base == *base) {
                if found.get(&entry.record.head).is_none_or(|known| rank(known) < rank(entry)) {
                    found.insert(entry.record.head.clone(), entry.clone());
                }
            }
            found
        })
    }

    /// Names this life of the process: numbers of changes mean something within it alone.
    #[must_use]
    pub fn life(&self) -> &str {
        self.inner.as_ref().map_or("0", |inner| &inner.life)
    }

    /// Where whoever wants to hear of every change sits down. Look at [`Table::after`] whenever woken.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.inner.as_ref().map(|inner| &inner.place)
    }

    /// How the tracking of a storage goes; nothing for one without a provider.
    #[must_use]
    pub fn status(&self, storage: &str) -> Option<Status> {
        self.inner.as_ref()?.status(storage)
    }

    /// Why nothing can be proposed in a storage; nothing if it can.
    #[must_use]
    pub fn missing(&self, storage: &str) -> Option<String> {
        let none = || "the environment has no `scm`: give it one, with the provider's type and a credential".to_owned();
        let Some(inner) = &self.inner else { return Some(none()) };
        if inner.storages.load().contains_key(storage) {
            return None;
        }
        Some(inner.without.load().get(storage).cloned().unwrap_or_else(none))
    }

    fn inner(&self) -> Result<&Arc<Inner>, Refusal> {
        let none = || Refusal::NoProvider("nothing can be proposed here".to_owned());
        let inner = self.inner.as_ref().ok_or_else(none)?;
        if inner.draining.load(Ordering::Acquire) { Err(Refusal::Draining) } else { Ok(inner) }
    }
}

impl Proposals for Tracker {
    fn tracks(&self, storage: &str) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.storages.load().contains_key(storage))
    }

    fn follows(&self, storage: &str, branch: &str) -> bool {
        let share = self.inner.as_ref().and_then(|inner| inner.seams.workers.share(storage));
        share.is_some_and(|share| share.fetches_also(branch))
    }

    fn set(&self, hint: ProposalHint) {
        if let Some(inner) = &self.inner {
            inner.hinted(hint);
        }
    }
}

impl Inner {
    fn library(&self) -> MutexGuard<'_, Library> {
        // Every change of it is a whole one.
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn storage(&self, name: &str) -> Option<Arc<Tracked>> {
        self.storages.load().get(name).cloned()
    }

    /// Time for [`pace`] and [`schedule`].
    fn elapsed(&self) -> std::time::Duration {
        self.origin.elapsed()
    }

    /// Takes in that something happened to a proposal, and has done what follows.
    fn happened(&self, storage: &Tracked, id: &str, event: Event) {
        self.took(storage, Jobs::NONE, |book, now| book.take(id, event, now));
    }

    /// Has something written into the book of a storage, shows and keeps what came of it, and has done what follows: all
    /// but what is in `but`, which whoever calls does.
    fn took(&self, storage: &Tracked, but: Jobs, write: impl FnOnce(&mut Book, Timestamp) -> Outcome) -> Outcome {
        let now = self.seams.clock.now();
        let mut library = self.library();
        let Library { books, table, .. } = &mut *library;
        let Some(book) = books.get_mut(&storage.name) else { return Outcome::default() };
        let outcome = write(book, now);
        let mut changed = Vec::new();
        let mut wanted: Vec<(Subject, Jobs)> = Vec::new();
        let touched = outcome.effects.iter().map(|(id, _)| id).chain([&outcome.id]);
        for id in touched.collect::<BTreeSet<_>>() {
            let Some(record) = book.get(id) else { continue };
            changed.extend(table.put(record));
            let jobs = outcome.effects.iter().filter(|(of, _)| of == id);
            let jobs = jobs.fold(Jobs::NONE, |jobs, (_, effect)| jobs.with(job(*effect)));
            wanted.push((Subject::of(record), jobs.without(but)));
        }
        outcome.dropped.iter().for_each(|id| table.remove(id));
        drop(library);
        for (before, record) in &changed {
            self.seams.keep.keep(record);
            tell(before.as_deref(), record);
        }
        for id in &outcome.dropped {
            self.seams.keep.forget(&storage.name, id);
        }
        if !changed.is_empty() {
            self.place.wake();
        }
        let now = self.elapsed();
        for (subject, jobs) in wanted {
            storage.want(&subject, jobs, now);
        }
        outcome
    }

    /// A webhook says that something happened.
    fn hinted(&self, hint: ProposalHint) {
        let Some(storage) = self.storage(&hint.storage) else { return };
        let ProposalHint { number, action, delivery, received, target, .. } = hint;
        storage.told();
        let Some(number) = number else {
            storage.look_soon(self.elapsed());
            return self.seams.told.read(&storage.name, &delivery, received, self.seams.clock.now());
        };
        match self.id_of(&storage, &Subject::Number(number)) {
            Some(id) => {
                storage.awaits(number, delivery, received);
                self.happened(&storage, &id, Event::Hinted { action });
                // Also one of which nothing more is expected.
                storage.want_anew(&Subject::Number(number), Jobs::READ, self.elapsed());
            }
            // A proposal into a branch of which nothing is served is none of ours; should it become one, the list tells.
            None if target.as_deref().is_some_and(|target| target != &*storage.branch) => {
                self.seams.told.read(&storage.name, &delivery, received, self.seams.clock.now());
            }
            None => {
                storage.awaits(number, delivery, received);
                storage.want_anew(&Subject::Number(number), Jobs::READ, self.elapsed());
            }
        }
    }
}

/// What is to be done, as the pace counts it.
const fn job(effect: Effect) -> Jobs {
    match effect {
        Effect::Open => Jobs::OPEN,
        Effect::Read => Jobs::READ,
        Effect::Report => Jobs::REPORT,
        Effect::Look => Jobs::LOOK,
        Effect::Clean => Jobs::CLEAN,
        Effect::Tell => Jobs::NONE,
    }
}

/// One line for each change of state.
fn tell(before: Option<&Record>, record: &Record) {
    let (storage, proposal, environment) = (&*record.storage, &*record.id, record.environment.as_deref());
    let (state, number, branch) = (record.state, record.number, &*record.head);
    if before.map(|before| before.state) != Some(record.state) {
        tracing::info!(storage, environment, proposal, number, branch, ?state, "proposal");
    }
    if let Some(trouble) =
        record.trouble.as_ref().filter(|trouble| before.and_then(|b| b.trouble.as_ref()) != Some(trouble))
    {
        let class = trouble.class().name();
        tracing::warn!(storage, environment, proposal, number, branch, class, %trouble, "proposal");
    }
}

/// Characters that a provider and a person can read.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(most).collect();
    if text.chars().nth(most).is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// At most so many deliveries wait for one read.
fn bounded<T>(list: &mut Vec<T>, item: T) {
    if list.len() < limits::PROPOSAL_DELIVERIES {
        list.push(item);
    }
}
