//! What is being served: the current snapshot of every environment, and the signal that it changed.
//!
//! Swap first, then notify (I3): [`Environment::publish`] stores the new state before it raises the generation, so
//! whoever wakes up reads the new state or a newer one (I5). Readers never take a lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use tokio::sync::watch;

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
        }
    }

    /// The current state, without a lock. Hold it for one request only.
    pub fn load(&self) -> Guard<Arc<Served>> {
        self.current.load()
    }

    /// Makes `served` current, then tells every subscriber.
    pub fn publish(&self, served: Served) {
        self.current.store(Arc::new(served));
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
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
        Self { table: ArcSwap::from_pointee(Table::of(configured, Vec::new())) }
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
    pub fn set_configured(&self, configured: Vec<Arc<Environment>>) {
        self.table.rcu(|table| {
            let kept = |e: &&Arc<Environment>| configured.iter().any(|c| Some(&c.name) == e.base.as_ref());
            Table::of(configured.clone(), table.branches.iter().filter(kept).cloned().collect())
        });
    }

    /// Replaces the branch environments of one storage.
    pub fn set_branches(&self, storage: &str, branches: &[Arc<Environment>]) {
        self.table.rcu(|table| {
            let others = table.branches.iter().filter(|e| &*e.storage != storage);
            Table::of(table.configured.clone(), others.chain(branches).cloned().collect())
        });
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
