//! One writer a storage, and what the API asks of them.
//!
//! Nothing here blocks a thread that answers requests: a wish waits in the queue of its storage, the writer works on a
//! thread of its own, and it goes on to the end of what it has begun if whoever asked goes away.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::aftermath::Watched;
use super::queue::Queue;
use super::round::{Target, unreadable};
use super::settings::Settings;
use super::writer::{Core, Planner, Storage, Wish};
use super::{By, Conflict, Outcome, Refusal, Request, audit as records, branch_name, plan};
use crate::audit::{Event, Sink};
use crate::clock::Clock;
use crate::config::Config;
use crate::flags::resource::view::View;
use crate::serve::Environments;
use crate::sync::status::Board;
use crate::sync::workers::Workers;
use crate::{limits, serve};

/// What the writers need of the rest.
pub struct Seams {
    /// Who fetches, and shares what is followed.
    pub workers: Arc<Workers>,
    /// What is served.
    pub environments: Arc<Environments>,
    /// Where the status goes.
    pub board: Arc<Board>,
    /// Where records go.
    pub audit: Arc<dyn Sink>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The writers of all storages. Cheap to share; follows every reload.
#[derive(Default)]
pub struct Writers {
    inner: Option<Arc<Inner>>,
}

pub(super) struct Inner {
    pub(super) core: Arc<Core>,
    workers: Arc<Workers>,
    queues: Mutex<HashMap<Arc<str>, Arc<Queue<Job>>>>,
    draining: AtomicBool,
    dry_runs: Semaphore,
    watched: Arc<Watched>,
}

/// What the writer of a storage does next.
pub(super) enum Job {
    /// A change, which may go together with others of its branch.
    Change(Box<Wish>),
    /// Something else, alone.
    Task(Task),
}

type Task = Box<dyn FnOnce(Result<&Storage, Refusal>) + Send>;

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writers").finish_non_exhaustive()
    }
}

/// What management reads: an environment at the tip of its branch.
#[derive(Debug, Clone)]
pub struct Tip {
    /// The tip, hex; empty of a storage that has no commit.
    pub commit: Arc<str>,
    /// What is there.
    pub view: Arc<View>,
}

/// A branch environment, as its base lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Name of its environment.
    pub key: Arc<str>,
    /// Name of its base.
    pub base: Arc<str>,
    /// Short name of its branch.
    pub branch: Arc<str>,
    /// Its tip, hex.
    pub commit: Arc<str>,
    /// Commits that the base has not.
    pub ahead: u32,
    /// Commits of the base that it has not.
    pub behind: u32,
}

/// How a branch takes up what its base has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A merge commit.
    Merge,
    /// Its own commits once more, on top of the base.
    Rebase,
}

/// A branch that took up its base.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// As it is now.
    pub branch: Branch,
    /// Whether anything had to be done.
    pub made: bool,
    /// Since when it is served.
    pub live: Option<Timestamp>,
}

/// Why a branch cannot take up its base.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicts {
    /// Resources that both have changed in the same fields.
    pub conflicts: Vec<Conflict>,
    /// Other files that both have changed.
    pub files: Vec<String>,
}

impl Writers {
    /// Writers for what `config` says. They do nothing until they are asked.
    #[must_use]
    pub fn new(seams: Seams, config: &Config) -> Self {
        Self::with(seams, config, plan::plan, limits::WRITE_LOOKED_FOR, Arc::new(|_| ()))
    }

    pub(super) fn with(
        seams: Seams,
        config: &Config,
        planner: Planner,
        patience: std::time::Duration,
        fault: super::writer::Fault,
    ) -> Self {
        let Seams { workers, environments, board, audit, clock } = seams;
        let core = Core {
            environments,
            board,
            audit,
            began: clock.now(),
            clock,
            settings: ArcSwap::from_pointee(Settings::of(config)),
            views: super::views::Views::default(),
            recents: super::recent::Recents::default(),
            glass: Arc::default(),
            planner,
            patience,
            halt: Arc::default(),
            open: Mutex::default(),
            fault,
        };
        let (queues, draining) = (Mutex::default(), AtomicBool::new(false));
        let dry_runs = Semaphore::new(limits::DRY_RUNS);
        Self {
            inner: Some(Arc::new(Inner {
                core: Arc::new(core),
                workers,
                queues,
                draining,
                dry_runs,
                watched: Arc::default(),
            })),
        }
    }

    /// Takes over another configuration. What is under way goes on as it was.
    pub fn reload(&self, config: &Config) {
        if let Some(inner) = &self.inner {
            inner.core.settings.store(Arc::new(Settings::of(config)));
        }
    }

    /// Begins to look after what earlier processes left, and what this one will: for the storages that there are now.
    /// Must be called within a runtime, after every change of the workers.
    pub fn look_after(&self) {
        let Some(inner) = &self.inner else { return };
        inner.core.show_glass();
        for share in inner.core.settings.load().storages().filter_map(|name| inner.workers.share(name)) {
            if inner.watched.watch(&inner.core, &share) {
                super::glass::recall(&inner.core, &share);
                super::glass::watch(inner, &share);
            }
        }
    }

    /// Takes nothing new, and waits until `deadline` for what is under way; then that is broken off. Answers whether all
    /// of it ended by itself.
    pub async fn stop(&self, deadline: Instant) -> bool {
        let Some(inner) = &self.inner else { return true };
        inner.draining.store(true, Ordering::Release);
        let queues: Vec<_> = inner.queues.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let idle = async {
            for queue in &queues {
                queue.idle().await;
            }
        };
        let all = timeout_at(deadline, idle).await.is_ok();
        inner.core.halt.store(true, Ordering::Relaxed);
        if !all {
            tracing::warn!("a write did not end in time; leaving it: the next start finds out what became of it");
        }
        all
    }

    /// The environment at its tip, as far as it is known here: the network is not asked. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] before the first fetch.
    pub fn tip(&self, environment: &serve::Environment) -> Result<Tip, Refusal> {
        let inner = self.inner()?;
        let storage = inner.storage(&environment.storage)?;
        let Some(commit) = storage.share.shown(&environment.branch) else {
            if storage.may_begin() {
                return Ok(Tip { commit: "".into(), view: Arc::default() });
            }
            return Err(storage.no_branch(&environment.branch));
        };
        let Storage { core, share, repository, .. } = &storage;
        let view = core.views.at(share, &**repository, &commit, &environment.directory);
        Ok(Tip { commit: commit.into(), view: view.map_err(|error| unreadable(&error))? })
    }

    /// Does what is asked, or says why not. Goes on to its end if the caller goes away.
    ///
    /// # Errors
    /// See [`Refusal`]; then nothing was changed, but where it says otherwise.
    pub async fn change(&self, request: Request) -> Result<Outcome, Refusal> {
        let inner = self.inner()?;
        let at = inner.core.clock.now();
        let event = records::asked(&request, at);
        let target = match inner.target(&request) {
            Ok(target) => target,
            Err(refusal) => return Err(inner.refused(event, request.dry_run, refusal)),
        };
        if request.dry_run {
            return inner.dry_run(target, request, at).await;
        }
        let (answer, answered) = oneshot::channel();
        let name = target.environment.storage.clone();
        let wish = Wish { request, target, at, event: event.clone(), answer };
        if let Err(refusal) = inner.enqueue(&name, Job::Change(Box::new(wish))) {
            return Err(inner.refused(event, false, refusal));
        }
        answered.await.unwrap_or_else(|_| Err(panicked()))
    }

    /// The branch environments of a base, by key. Blocks.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] before the first fetch.
    pub fn branches(&self, base: &serve::Environment) -> Result<Vec<Branch>, Refusal> {
        self.inner()?.branches(base)
    }

    /// Makes the branch `flipt/<base>/<key>` at the tip of the base, and its environment.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn create_branch(
        &self,
        base: &Arc<serve::Environment>,
        key: &str,
        by: By,
    ) -> Result<Arc<serve::Environment>, Refusal> {
        self.inner()?.create_branch(base, key, &by).await
    }

    /// Removes a branch environment and its branch.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn delete_branch(&self, base: &Arc<serve::Environment>, key: &str, by: By) -> Result<(), Refusal> {
        self.inner()?.delete_branch(base, key, &by).await
    }

    /// Removes the branch of a branch environment that was merged, if it still is at the commit that was merged (hex, may
    /// be abbreviated). Answers whether it did, or it was gone already.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn delete_merged_branch(
        &self,
        base: &Arc<serve::Environment>,
        key: &str,
        merged: &str,
        by: &By,
    ) -> Result<bool, Refusal> {
        self.inner()?.delete_merged_branch(base, key, merged, by).await
    }

    /// Lets a branch take up what its base has got since.
    ///
    /// # Errors
    /// The outer one as elsewhere; the inner one if both have changed the same.
    pub async fn update_branch(
        &self,
        base: &Arc<serve::Environment>,
        key: &str,
        strategy: Strategy,
        by: By,
    ) -> Result<Result<Updated, Conflicts>, Refusal> {
        self.inner()?.update_branch(base, key, strategy, &by).await
    }

    /// What is to be told of changes that are served and wait for the provider; nothing, as a rule.
    #[must_use]
    pub fn glass(&self) -> Option<Arc<super::glass::Told>> {
        self.inner.as_ref()?.core.glass.told()
    }

    /// Rings whenever that is something else; none where nothing is written.
    #[must_use]
    pub fn glass_bell(&self) -> Option<&crate::bell::Bell> {
        Some(self.inner.as_ref()?.core.glass.bell())
    }

    pub(super) fn inner(&self) -> Result<&Arc<Inner>, Refusal> {
        self.inner.as_ref().ok_or_else(|| Refusal::ReadOnly("nothing can be written here".to_owned()))
    }
}

impl Inner {
    /// A storage as it is now.
    pub(super) fn storage(&self, name: &Arc<str>) -> Result<Storage, Refusal> {
        let later = |message: &str| Refusal::Unavailable {
            message: message.to_owned(),
            retry_after: limits::WRITE_RETRY_AFTER,
        };
        let share = self.workers.share(name).ok_or_else(|| later("the storage is not there"))?;
        let repository = share.repository().ok_or_else(|| later("the storage was not opened yet"))?;
        let rules =
            self.core.settings.load().storage(name).cloned().ok_or_else(|| later("the storage is not there"))?;
        Ok(Storage { core: self.core.clone(), share, repository, rules })
    }

    /// Where a request goes.
    fn target(&self, request: &Request) -> Result<Target, Refusal> {
        let environment = &request.environment;
        if environment.retired() {
            return Err(Refusal::UnknownEnvironment(environment.name.to_string()));
        }
        let Some(asked) = &request.on_branch else {
            if self.core.settings.load().is_protected(environment) {
                return Err(Refusal::Protected { environment: environment.name.clone(), branch: self.free_key() });
            }
            return Ok(Target { environment: environment.clone(), from: None });
        };
        let key = self.key(environment, asked)?;
        if let Some(known) = self.branch_of(environment, &key) {
            return Ok(Target { environment: known, from: None });
        }
        self.is_free(&key)?;
        Ok(Target { environment: Arc::new(branch_of(environment, &key)), from: Some(environment.branch.clone()) })
    }

    /// The key of a branch environment that is asked for; a random one, if none is.
    pub(super) fn key(&self, base: &serve::Environment, asked: &str) -> Result<String, Refusal> {
        let invalid = |message: String| Refusal::Invalid { message, problems: Vec::new() };
        if base.base.is_some() {
            return Err(invalid(format!("\"{}\" is a branch itself, and has no branches", base.name)));
        }
        let key = branch_name::key(&base.name, asked);
        if key.is_empty() {
            return Ok(self.free_key());
        }
        branch_name::fault(key).map_or_else(|| Ok(key.to_owned()), |why| Err(invalid(why)))
    }

    /// The branch environment of this base and key.
    pub(super) fn branch_of(&self, base: &serve::Environment, key: &str) -> Option<Arc<serve::Environment>> {
        let is = |e: &Arc<serve::Environment>| e.base.as_ref() == Some(&base.name) && *e.name == *key;
        self.core.environments.all().into_iter().find(is)
    }

    /// Whether no environment has this name, however it is spelt.
    pub(super) fn is_free(&self, key: &str) -> Result<(), Refusal> {
        let taken = |e: &Arc<serve::Environment>| e.name.to_lowercase() == key.to_lowercase();
        match self.core.environments.all().into_iter().find(taken) {
            Some(known) => Err(Refusal::AlreadyExists(format!("environment \"{}\"", known.name))),
            None => Ok(()),
        }
    }

    fn free_key(&self) -> String {
        let random = || branch_name::random(RandomState::new().hash_one(0_u8));
        let mut key = random();
        for _ in 0..limits::WRITE_TRIES {
            if self.is_free(&key).is_ok() {
                break;
            }
            key = random();
        }
        key
    }

    /// Puts a job in the queue of its storage, and starts the writer if it rests.
    pub(super) fn enqueue(self: &Arc<Self>, name: &Arc<str>, job: Job) -> Result<(), Refusal> {
        let busy = |message: &str| Refusal::Unavailable {
            message: message.to_owned(),
            retry_after: limits::WRITE_RETRY_AFTER,
        };
        if self.draining.load(Ordering::Acquire) {
            return Err(busy("the process is shutting down"));
        }
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.entry(name.clone()).or_default().clone()
        };
        if queue.push(job).map_err(|_| busy("too many changes wait for their turn"))? {
            let (inner, name) = (self.clone(), name.clone());
            spawn_blocking(move || inner.run(&name, &queue));
        }
        Ok(())
    }

    /// The writer: until nobody waits.
    fn run(&self, name: &Arc<str>, queue: &Queue<Job>) {
        let with = |first: &Job, other: &Job| match (first, other) {
            (Job::Change(first), Job::Change(other)) => {
                first.target.environment.branch == other.target.environment.branch
            }
            _ => false,
        };
        loop {
            let jobs = queue.take(with, |job| matches!(job, Job::Task(_)));
            if jobs.is_empty() {
                return;
            }
            let ids: Vec<Arc<str>> = jobs.iter().filter_map(Job::id).collect();
            if catch_unwind(AssertUnwindSafe(|| self.turn(name, jobs))).is_err() {
                tracing::error!(storage = %name, "bug: a write panicked");
                let mut open = self.core.open();
                open.retain(|id| !ids.contains(id));
            }
        }
    }

    fn turn(&self, name: &Arc<str>, jobs: Vec<Job>) {
        let storage = self.storage(name);
        let mut wishes = Vec::new();
        for job in jobs {
            match job {
                Job::Change(wish) => wishes.push(*wish),
                Job::Task(task) => task(storage.as_ref().map_err(Clone::clone)),
            }
        }
        match &storage {
            Ok(storage) => storage.write(wishes),
            Err(refusal) => wishes.into_iter().for_each(|wish| self.core.end(wish, Err(refusal.clone()))),
        }
    }

    async fn dry_run(self: &Arc<Self>, target: Target, request: Request, at: Timestamp) -> Result<Outcome, Refusal> {
        let Ok(_one) = self.dry_runs.acquire().await else { return Err(panicked()) };
        let inner = self.clone();
        let looked = spawn_blocking(move || {
            let storage = inner.storage(&target.environment.storage)?;
            storage.look_only(&target, &request, at)
        });
        looked.await.unwrap_or_else(|_| Err(panicked()))
    }

    /// Writes down a refusal that needed no writer.
    pub(super) fn refused(&self, event: Event, is_dry: bool, refusal: Refusal) -> Refusal {
        if !is_dry {
            self.core.audit.record(records::refused(event, &refusal, self.core.clock.now()));
        }
        refusal
    }
}

impl Job {
    fn id(&self) -> Option<Arc<str>> {
        match self {
            Self::Change(wish) => Some(wish.event.id.clone()),
            Self::Task(_) => None,
        }
    }
}

/// What a branch environment is, before it is in the table.
pub(super) fn branch_of(base: &serve::Environment, key: &str) -> serve::Environment {
    serve::Environment::new(
        key.into(),
        Some(base.name.clone()),
        false,
        base.storage.clone(),
        base.directory.clone(),
        branch_name::branch(&base.name, key).into(),
    )
}

pub(super) fn panicked() -> Refusal {
    Refusal::Bug("bug: the change broke off; see the log".to_owned())
}

/// Chance, from 0 to 1: the hasher's keys are the standard library's source of it.
pub(crate) fn chance() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}
