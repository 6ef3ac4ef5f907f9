//! Starts, reloads and stops the workers: one for each storage that has a remote, or a repository on this machine.
//!
//! A storage with neither begins empty at each start, and has what was written to it. A repository on this machine
//! (`backend.path` without a remote) is read where it stands and polled for what others commit to it; only writes change
//! it.
//!
//! Whatever fails at the start, the process goes on, answers `/ready` with 503 and the status with the reason, and
//! keeps trying; `fetch_policy: strict` does not end it. A process that has ended tells nobody why, and one that is
//! restarted in a loop asks the remote no less often.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::followed::Followed;
use super::pipeline::{Pipeline, Plan, Planned};
use super::schedule::Policy;
use super::share::Share;
use super::shared_slot::Slot;
use super::status::{self, Board};
use super::worker::{self, Parts, Pulse};
use super::{Mirrored, Observer, Source, Standing, own};
use crate::clock::Clock;
use crate::config::{self, Config, PushWith};
use crate::git::Remote;
use crate::ingest::{Hint, Hints};
use crate::limits;
use crate::serve::{self, Environments, Served};
use crate::store::Store;

/// What all workers share.
#[derive(Clone)]
pub struct Seams {
    /// Where flags are served from.
    pub environments: Arc<Environments>,
    /// Where the status goes.
    pub board: Arc<Board>,
    /// What is remembered across restarts.
    pub store: Store,
    /// Who else is told.
    pub observer: Arc<dyn Observer>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The running workers.
pub struct Workers {
    seams: Seams,
    slots: ArcSwap<HashMap<Arc<str>, Arc<Slot>>>,
    shares: ArcSwap<HashMap<Arc<str>, Arc<Share>>>,
    running: Mutex<HashMap<Arc<str>, Running>>,
}

struct Running {
    job: Job,
    stop: watch::Sender<bool>,
    halt: Arc<AtomicBool>,
    pulse: Arc<Pulse>,
    task: JoinHandle<()>,
}

/// What a worker was told to do. One whose job a reload does not change goes on, with all it knows of its remote: that
/// webhooks are healthy, that it was asked to wait, a connection that is warm.
struct Job {
    branch: Arc<str>,
    environments: Vec<Planned>,
    policy: Policy,
    path: Option<PathBuf>,
    remote: Option<Remote>,
    push_with: PushWith,
}

impl Job {
    fn of(plan: &Plan, storage: &config::Storage, config: &Config) -> Self {
        Self {
            branch: plan.branch.clone(),
            environments: plan.environments.clone(),
            policy: policy(storage),
            path: storage.path.clone(),
            remote: remote(config, storage),
            push_with: storage.push_with,
        }
    }

    /// Whether both follow the same repository, however they reach it.
    fn follows_as(&self, other: &Self) -> bool {
        let url = |job: &Self| job.remote.as_ref().map(|remote| remote.url.clone());
        (&self.branch, &self.path) == (&other.branch, &other.path) && url(self) == url(other)
    }

    fn is(&self, other: &Self) -> bool {
        // An environment stays the same object as long as nothing of it changes.
        let same = |(a, b): (&Planned, &Planned)| Arc::ptr_eq(&a.environment, &b.environment) && a.hazards == b.hazards;
        (&self.branch, self.policy, &self.path, &self.remote, self.push_with)
            == (&other.branch, other.policy, &other.path, &other.remote, other.push_with)
            && self.environments.len() == other.environments.len()
            && self.environments.iter().zip(&other.environments).all(same)
    }
}

fn policy(storage: &config::Storage) -> Policy {
    Policy { interval: storage.poll_interval, ceiling: storage.poll_ceiling, webhooks: storage.webhook.is_some() }
}

impl Running {
    /// Tells it to end, and a fetch that is under way to break off.
    fn tell_to_stop(&self) {
        self.halt.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
    }
}

impl Workers {
    /// No worker yet; see [`Self::apply`].
    #[must_use]
    pub fn new(seams: Seams) -> Self {
        Self { seams, slots: ArcSwap::default(), shares: ArcSwap::default(), running: Mutex::default() }
    }

    /// Puts the environments of `config` in the table and its storages on the board, and starts nothing: what is asked
    /// for from now on is known, and not served yet.
    pub fn prepare(&self, config: &Config) {
        self.plans(config);
    }

    /// Makes the workers those of `config`. One whose job stays the same goes on, unless it fails: whoever reloads then
    /// has perhaps mended what it fails of. Of those that start anew, what is served, the slots and the status are kept.
    /// Must be called within a runtime.
    pub fn apply(&self, config: &Config) {
        self.apply_from(config, &|storage| source(config, storage));
    }

    /// As [`Self::apply`], with repositories from elsewhere.
    pub(super) fn apply_from(&self, config: &Config, source: &dyn Fn(&config::Storage) -> Option<Arc<dyn Source>>) {
        let plans = self.plans(config);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *running);
        let old_slots = self.slots.load();
        let (old_shares, mut shares) = (self.shares.load(), HashMap::new());
        let mut slots = HashMap::new();
        for (plan, storage) in plans {
            let old = before.remove(&plan.name);
            let Some(source) = source(storage) else {
                let known = old_shares.get(&plan.name).filter(|_| old.is_none()).cloned();
                if let Some(share) = self.serve_own(&plan, config, known) {
                    shares.insert(plan.name.clone(), share);
                }
                retire(old);
                continue;
            };
            let slot = old_slots.get(&plan.name).cloned().unwrap_or_default();
            slots.insert(plan.name.clone(), slot.clone());
            let (name, job) = (plan.name.clone(), Job::of(&plan, storage, config));
            let known =
                old.as_ref().filter(|old| old.job.follows_as(&job)).and_then(|_| old_shares.get(&name).cloned());
            let share = known.unwrap_or_else(|| self.share_of(&plan, slot.clone()));
            shares.insert(name.clone(), share.clone());
            let worker = match old {
                Some(old) if old.job.is(&job) && !old.task.is_finished() && !self.fails(&name) => old,
                old => self.start(plan, job, source, share, old),
            };
            running.insert(name, worker);
        }
        for gone in before.into_values() {
            retire(Some(gone));
        }
        self.slots.store(Arc::new(slots));
        self.shares.store(Arc::new(shares));
    }

    fn plans<'c>(&self, config: &'c Config) -> Vec<(Plan, &'c config::Storage)> {
        let Seams { environments, board, .. } = &self.seams;
        let known = environments.all();
        let plans: Vec<(Plan, &config::Storage)> =
            config.storages.values().map(|storage| (plan(config, storage, &known), storage)).collect();
        let of_plan = |name: &str| {
            plans.iter().flat_map(|(plan, _)| &plan.environments).map(|p| &p.environment).find(|e| *e.name == *name)
        };
        environments.set_configured(config.environments.iter().filter_map(|e| of_plan(&e.name).cloned()).collect());
        let shown = |(plan, storage): &(Plan, &config::Storage)| {
            status::Storage::new(plan.name.clone(), url(storage), plan.branch.clone())
        };
        board.set(plans.iter().map(shown).collect());
        plans
    }

    /// What the worker and the writer of a storage have in common; nothing for one that nobody works for.
    #[must_use]
    pub fn share(&self, storage: &str) -> Option<Arc<Share>> {
        self.shares.load().get(storage).cloned()
    }

    fn share_of(&self, plan: &Plan, slot: Arc<Slot>) -> Arc<Share> {
        let Seams { environments, store, clock, .. } = self.seams.clone();
        let followed = Followed::new(plan.clone(), environments, store, clock);
        Arc::new(Share::new(plan.name.clone(), followed, slot))
    }

    fn fails(&self, storage: &str) -> bool {
        let Seams { board, clock, .. } = &self.seams;
        board.get(storage, clock.now()).is_some_and(|storage| storage.failure.is_some())
    }

    fn start(&self, plan: Plan, job: Job, source: Arc<dyn Source>, share: Arc<Share>, old: Option<Running>) -> Running {
        let Seams { environments, board, store, observer, clock } = self.seams.clone();
        let pulse = Arc::new(Pulse::default());
        let policy = job.policy;
        let (name, stop) = (plan.name.clone(), watch::Sender::new(false));
        let halt = Arc::<AtomicBool>::default();
        let parts = Parts {
            name: name.clone(),
            slot: share.slot().clone(),
            pipeline: Pipeline::new(plan, source, share, environments, store, clock.clone()),
            policy,
            board,
            observer,
            clock,
            pulse: pulse.clone(),
            halt: halt.clone(),
            random: Box::new(random),
        };
        let stopped = stop.subscribe();
        let task = tokio::spawn(async move {
            // One worker at a time is at a mirror.
            if let Some(old) = old {
                old.tell_to_stop();
                if timeout(limits::DRAIN_DEADLINE, old.task).await.is_err() {
                    tracing::warn!(storage = %name, "the worker of before has not ended; starting beside it");
                }
            }
            worker::run(parts, stopped).await;
        });
        Running { job, stop, halt, pulse, task }
    }

    /// A storage of this process only: what was written to it in this life, nothing at first, and that is current.
    fn serve_own(&self, plan: &Plan, config: &Config, known: Option<Arc<Share>>) -> Option<Arc<Share>> {
        let Seams { environments, store, clock, board, .. } = &self.seams;
        let share = known.unwrap_or_else(|| self.share_of(plan, Arc::default()));
        share.begin(Followed::new(plan.clone(), environments.clone(), store.clone(), clock.clone()));
        let name = utf8_percent_encode(&plan.name, NON_ALPHANUMERIC);
        let directory = config.state_directory.join("memory").join(format!("{name}.git"));
        let repository = share.repository().map_or_else(|| own(&directory), Ok);
        match repository {
            Ok(repository) => {
                share.set_repository(Some(repository.clone()));
                let heads = share.heads();
                if !heads.is_empty() {
                    if let Err(error) = share.fetched(&*repository, share.number(), &heads, true).live_at {
                        tracing::error!(storage = %plan.name, %error, "what was written in this life cannot be served");
                    }
                    share.show(board);
                    return Some(share);
                }
            }
            Err(error) => {
                tracing::warn!(storage = %plan.name, %error, "nothing can be written to this storage");
                self.serve_empty(plan);
                return None;
            }
        }
        self.serve_empty(plan);
        Some(share)
    }

    fn serve_empty(&self, plan: &Plan) {
        let now = self.seams.clock.now();
        let mut shown = Vec::new();
        for Planned { environment, .. } in &plan.environments {
            environment.publish(Served { since: now, ..Served::default() });
            shown.push(status::Environment {
                name: environment.name.clone(),
                base: None,
                commit: None,
                from_disk: false,
                since: Some(now),
                namespaces: Vec::new(),
                held: Vec::new(),
                problems: Vec::new(),
            });
        }
        self.seams.board.update(&plan.name, |storage| storage.environments = shown);
    }

    /// Whether every worker still turns: what the watchdog asks.
    #[must_use]
    pub fn alive(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().all(|worker| !worker.task.is_finished() && worker.pulse.alive(Instant::now()))
    }

    /// Tells every worker to stop and waits for them until `deadline`. Answers whether all of them ended.
    pub async fn stop(&self, deadline: Instant) -> bool {
        self.slots.store(Arc::default());
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in running.values() {
            worker.tell_to_stop();
        }
        let mut all = true;
        for (name, worker) in running {
            if timeout_at(deadline, worker.task).await.is_err() {
                all = false;
                tracing::warn!(storage = %name, "a run did not end in time; leaving it");
            }
        }
        all
    }
}

impl Hints for Workers {
    /// Puts a wish in the slot of its storage and wakes its worker. One for a storage that is not there is dropped.
    fn set(&self, hint: Hint) {
        if let Some(slot) = self.slots.load().get(&hint.storage) {
            slot.set(hint);
        } else {
            tracing::warn!(storage = %hint.storage, "hint for a storage that nobody works for");
        }
    }
}

/// Stops a worker that nobody takes over from.
fn retire(old: Option<Running>) {
    if let Some(old) = old {
        old.tell_to_stop();
    }
}

/// What the configuration makes of a storage. An environment that stays what it was stays the same object, so that
/// its streams and its last good state go on.
fn plan(config: &Config, storage: &config::Storage, known: &[Arc<serve::Environment>]) -> Plan {
    let of_storage = config.environments.iter().filter(|environment| environment.storage == storage.name);
    let environments = of_storage.map(|wanted| {
        let same = known.iter().find(|e| {
            e.base.is_none()
                && e.name == wanted.name
                && e.default == wanted.default
                && e.storage == storage.name
                && e.directory == wanted.directory
                && e.branch == storage.branch
        });
        let environment = same.cloned().unwrap_or_else(|| {
            Arc::new(serve::Environment::new(
                wanted.name.clone(),
                None,
                wanted.default,
                storage.name.clone(),
                wanted.directory.clone(),
                storage.branch.clone(),
            ))
        });
        Planned { environment, hazards: wanted.hazards }
    });
    Plan {
        name: storage.name.clone(),
        remote: url(storage).unwrap_or_default(),
        branch: storage.branch.clone(),
        environments: environments.collect(),
    }
}

/// What a storage follows.
fn url(storage: &config::Storage) -> Option<String> {
    let here = || storage.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    storage.remote.clone().or_else(here)
}

/// Where a storage is fetched from; nothing for one of this process only.
fn source(config: &Config, storage: &config::Storage) -> Option<Arc<dyn Source>> {
    let Some(remote) = remote(config, storage) else {
        return Some(Arc::new(Standing { directory: storage.path.clone()? }));
    };
    let directory = mirror_directory(&config.state_directory, storage, &remote.url);
    Some(Arc::new(Mirrored { directory, remote, push_with: storage.push_with }))
}

fn remote(config: &Config, storage: &config::Storage) -> Option<Remote> {
    let scm = config.environments.iter().filter(|e| e.storage == storage.name).find_map(|e| e.scm.as_ref());
    let provider = storage.webhook.as_ref().map(|webhook| webhook.provider).or(scm.map(|scm| scm.provider));
    Some(Remote {
        url: storage.remote.clone()?,
        credential: storage.credential.clone(),
        provider,
        ca_certificate: storage.ca_certificate.clone(),
        insecure_skip_tls: storage.insecure_skip_tls,
    })
}

/// Where the mirror of a storage lives. Its name says which remote it follows, so that a storage that is pointed at
/// another one does not mix two histories. With a remote and `backend.path` it is below that path, beside whatever
/// else is there: what we did not make we do not move aside.
pub(crate) fn mirror_directory(state: &Path, storage: &config::Storage, url: &str) -> PathBuf {
    let name = utf8_percent_encode(&storage.name, NON_ALPHANUMERIC);
    let digest = Sha256::digest(url.as_bytes());
    let digest = hex::encode(digest.get(..6).unwrap_or_default());
    let parent = storage.path.as_ref().map_or_else(|| state.join("mirrors"), |path| path.join(".yardarm"));
    parent.join(format!("{name}-{digest}.git"))
}

/// Chance, from 0 to 1: the hasher's keys are the standard library's source of it.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}
