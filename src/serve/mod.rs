//! What is being served: the current snapshot of every environment, and the signal that it changed.
//!
//! Swap first, then notify (I3): [`Environment::publish`] stores the new state before it raises the generation and
//! wakes the streams of the namespaces that changed, so whoever wakes up reads the new state or a newer one (I5).
//! Readers never take a lock.

pub mod clients;
mod seen;
pub mod streams;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::seen::Seen;
use self::streams::{Place, Streams, Ticket};
use crate::bell::Bell;
use crate::flags::snapshot;

/// The state of one environment that clients see.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// Its flags.
    pub flags: Arc<snapshot::Environment>,
    /// Commit they were read from, hex; absent before anything was read.
    pub commit: Option<Arc<str>>,
    /// When this commit was taken.
    pub since: Timestamp,
}

/// One environment, configured or of a branch.
#[derive(Debug)]
pub struct Environment {
    /// Key of the API.
    pub name: Arc<str>,
    /// The configured environment that this one is a branch of.
    pub base: Option<Arc<str>>,
    /// Whether it answers where none is named.
    pub default: bool,
    /// Storage it lives in.
    pub storage: Arc<str>,
    /// Directory below the root of the repository.
    pub directory: Arc<str>,
    /// Branch it is read from, short name.
    pub branch: Arc<str>,
    current: ArcSwap<Served>,
    generation: watch::Sender<u64>,
    places: Mutex<HashMap<Arc<str>, Arc<Place>>>,
    retired: AtomicBool,
    past: seen::Past,
    /// Of all environments of the table that this one is in.
    bell: OnceLock<Arc<Bell>>,
}

impl Environment {
    /// An environment that serves nothing yet.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        base: Option<Arc<str>>,
        default: bool,
        storage: Arc<str>,
        directory: Arc<str>,
        branch: Arc<str>,
    ) -> Self {
        Self {
            name,
            base,
            default,
            storage,
            directory,
            branch,
            current: ArcSwap::default(),
            generation: watch::Sender::new(0),
            places: Mutex::default(),
            retired: AtomicBool::new(false),
            past: seen::Past::default(),
            bell: OnceLock::new(),
        }
    }

    /// Whether a file, by its path below the root of the repository, is in its directory.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        self.directory.is_empty() || path.strip_prefix(&*self.directory).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The current state, without a lock. Hold it for one request only.
    pub fn load(&self) -> Guard<Arc<Served>> {
        self.current.load()
    }

    /// Makes `served` current, then tells every subscriber, and of the streams those whose namespace changed.
    pub fn publish(&self, served: Served) {
        let served = Arc::new(served);
        let before = self.current.swap(served.clone());
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
        let generation = self.generation();
        if let Some(commit) = &served.commit {
            self.past.note(commit, generation);
        }
        let digest = |of: &Served, place: &Place| of.flags.namespaces.get(&place.namespace).map(|n| n.digest.clone());
        for place in self.places() {
            if digest(&before, &place) != digest(&served, &place) {
                place.changed(generation);
                place.wake();
            }
        }
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// Sits a stream down where it is woken at every change of `namespace`, which need not exist yet.
    #[must_use]
    pub fn sit(&self, namespace: &str, ticket: &Ticket) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = if let Some(place) = places.get(namespace) {
            place.clone()
        } else {
            if places.len() == places.capacity() {
                places.retain(|_, place| Arc::strong_count(place) > 1);
            }
            let place = Arc::new(Place::new(namespace.into()));
            places.insert(place.namespace.clone(), place.clone());
            place
        };
        place.sit(ticket.seat());
        place
    }

    /// Whether this environment is no longer in the table: its streams end, so that their clients come back to
    /// whatever has the name now.
    #[must_use]
    pub fn retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        for place in self.places() {
            place.wake();
        }
    }

    fn places(&self) -> Vec<Arc<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// How often something was published. A state that is loaded afterwards is at least as new.
    #[must_use]
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// How many of those who listen have what this commit (hex) brought.
    #[must_use]
    pub fn seen(&self, commit: &str) -> Seen {
        let (since, served) = (self.past.when(commit), self.load());
        let places = self.places().into_iter().filter(|place| served.flags.namespaces.contains_key(&place.namespace));
        places.fold(Seen::default(), |all, place| {
            let here = place.seen(since);
            Seen { by: all.by + here.by, of: all.of + here.of }
        })
    }

    /// A wake-up for every publish from now on; several may come as one.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}

/// Every environment that can be asked for.
#[derive(Debug, Default)]
pub struct Environments {
    table: ArcSwap<Table>,
    streams: Arc<Streams>,
    bell: Arc<Bell>,
}

/// The table of one moment.
#[derive(Debug, Clone, Default)]
struct Table {
    configured: Vec<Arc<Environment>>,
    branches: Vec<Arc<Environment>>,
    by_name: HashMap<Arc<str>, Arc<Environment>>,
    default: Option<Arc<Environment>>,
}

impl Environments {
    /// The configured environments; branch environments come and go by [`Self::set_branches`].
    #[must_use]
    pub fn new(configured: Vec<Arc<Environment>>) -> Self {
        let table = ArcSwap::from_pointee(Table::of(configured, Vec::new()));
        let environments = Self { table, streams: Arc::default(), bell: Arc::default() };
        environments.adopt();
        environments
    }

    /// The open streams of all environments.
    #[must_use]
    pub fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    /// Rings whenever anything is published in one of them, or there are others.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// By name: a configured environment first, so that a branch can never shadow one; then a branch environment.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Environment>> {
        self.table.load().by_name.get(name).cloned()
    }

    /// The one that answers where none is named.
    #[must_use]
    pub fn default_environment(&self) -> Option<Arc<Environment>> {
        self.table.load().default.clone()
    }

    /// All of them, the configured ones first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Environment>> {
        let table = self.table.load();
        table.configured.iter().chain(&table.branches).cloned().collect()
    }

    /// Replaces the set of configured environments (a reload) and keeps the branch environments whose base is left.
    #[expect(clippy::needless_pass_by_value, reason = "the caller made the list for this table")]
    pub fn set_configured(&self, configured: Vec<Arc<Environment>>) {
        let before = self.table.rcu(|table| {
            let kept = |e: &&Arc<Environment>| configured.iter().any(|c| Some(&c.name) == e.base.as_ref());
            Table::of(configured.clone(), table.branches.iter().filter(kept).cloned().collect())
        });
        self.retire_since(&before);
    }

    /// Replaces the branch environments of one storage.
    pub fn set_branches(&self, storage: &str, branches: &[Arc<Environment>]) {
        let before = self.table.rcu(|table| {
            let others = table.branches.iter().filter(|e| &*e.storage != storage);
            Table::of(table.configured.clone(), others.chain(branches).cloned().collect())
        });
        self.retire_since(&before);
    }

    /// Retires what `before` could be asked for and the table of now cannot; what has come back is in use again.
    fn retire_since(&self, before: &Table) {
        let now = self.table.load();
        for environment in now.by_name.values() {
            environment.retired.store(false, Ordering::Release);
        }
        for (name, environment) in &before.by_name {
            if !now.by_name.get(name).is_some_and(|e| Arc::ptr_eq(e, environment)) {
                environment.retire();
            }
        }
        self.adopt();
    }

    fn adopt(&self) {
        for environment in self.all() {
            drop(environment.bell.set(self.bell.clone()));
        }
        self.bell.ring();
    }
}

impl Table {
    fn of(configured: Vec<Arc<Environment>>, branches: Vec<Arc<Environment>>) -> Self {
        let mut by_name = HashMap::with_capacity(configured.len() + branches.len());
        for environment in configured.iter().chain(&branches) {
            by_name.entry(environment.name.clone()).or_insert_with(|| environment.clone());
        }
        let default = configured.iter().find(|e| e.default).cloned();
        Self { configured, branches, by_name, default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, base: Option<&str>) -> Arc<Environment> {
        let text = Arc::<str>::from;
        let default = base.is_none();
        Arc::new(Environment::new(text(name), base.map(text), default, text("s"), text(""), text("main")))
    }

    #[test]
    fn an_environment_is_retired_while_it_is_not_in_the_table() {
        let (main, topic) = (environment("main", None), environment("topic", Some("main")));
        let environments = Environments::new(vec![main.clone()]);
        environments.set_branches("s", std::slice::from_ref(&topic));
        assert!(!topic.retired());
        environments.set_branches("s", &[]);
        assert!(topic.retired() && environments.get("topic").is_none());
        environments.set_branches("s", std::slice::from_ref(&topic));
        assert!(!topic.retired(), "it is in use again");
        let other = environment("main", None);
        environments.set_configured(vec![other.clone()]);
        assert!(main.retired() && !other.retired() && !topic.retired());
    }

    #[test]
    fn a_branch_never_shadows_a_configured_environment() {
        let (main, shadow) = (environment("main", None), environment("main", Some("main")));
        let environments = Environments::new(vec![main.clone()]);
        environments.set_branches("s", std::slice::from_ref(&shadow));
        assert!(Arc::ptr_eq(&environments.get("main").unwrap(), &main));
    }

    #[test]
    fn a_subscriber_that_wakes_reads_the_state_that_woke_it() {
        let main = environment("main", None);
        let mut changes = main.subscribe();
        main.publish(Served { commit: Some("one".into()), ..Served::default() });
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert_eq!(main.load().commit.as_deref(), Some("one"));
        assert!(!changes.has_changed().unwrap());
    }

    #[test]
    fn places_and_seats_that_nobody_uses_are_forgotten() {
        let main = environment("main", None);
        let streams = Arc::new(Streams::default());
        let kept = streams.enter().unwrap();
        let place = main.sit("kept", &kept);
        for n in 0..10_000 {
            let ticket = streams.enter().unwrap();
            drop(main.sit(&n.to_string(), &ticket));
        }
        assert_eq!(streams.open(), 1);
        assert!(main.places().len() < 100, "{}", main.places().len());
        assert!(main.places().iter().any(|p| Arc::ptr_eq(p, &place)));
    }
}
