//! The loop around the runs of one storage: wait for a wish, for the time, or for the end; run; say how it went.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::Observer;
use super::pipeline::{Pipeline, Report};
use super::schedule::{Ended, Policy, Schedule, Trigger};
use super::shared_slot::Slot;
use super::slot::Work;
use super::status::{self, Board};
use crate::clock::Clock;
use crate::fault::Class;
use crate::{git, limits};

/// What a worker is made of.
pub struct Parts {
    /// Name of the storage.
    pub name: Arc<str>,
    /// What it runs.
    pub pipeline: Pipeline,
    /// When it runs.
    pub policy: Policy,
    /// Where wishes come in.
    pub slot: Arc<Slot>,
    /// Where its status goes.
    pub board: Arc<Board>,
    /// Who else is told.
    pub observer: Arc<dyn Observer>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the watchdog looks.
    pub pulse: Arc<Pulse>,
    /// Makes a running fetch break off.
    pub halt: Arc<AtomicBool>,
    /// Chance, from 0 to 1.
    pub random: Box<dyn FnMut() -> f64 + Send>,
}

/// By when a worker has to turn again, if it is alive.
#[derive(Debug, Default)]
pub struct Pulse {
    by: Mutex<Option<Instant>>,
}

impl Pulse {
    /// Whether the worker kept its word.
    #[must_use]
    pub fn alive(&self, now: Instant) -> bool {
        self.by.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|by| now <= by)
    }

    fn promise(&self, by: Instant) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = by.checked_add(limits::WORKER_GRACE);
    }
}

/// Runs until `stop` says so. A run that is under way then is waited for; `parts.halt` makes it break off.
pub async fn run(parts: Parts, mut stop: watch::Receiver<bool>) {
    let Parts { name, pipeline, policy, slot, board, observer, clock, pulse, halt, random } = parts;
    let mut worker = Worker {
        name,
        pipeline: Some(pipeline),
        schedule: Schedule::new(policy),
        slot,
        board,
        observer,
        clock,
        pulse,
        random,
        origin: Instant::now(),
        halt,
    };
    worker.restore().await;
    while worker.wait(&mut stop).await {
        worker.turn().await;
    }
    tracing::debug!(storage = %worker.name, "worker ended");
}

struct Worker {
    name: Arc<str>,
    /// Absent only while it runs.
    pipeline: Option<Pipeline>,
    schedule: Schedule,
    slot: Arc<Slot>,
    board: Arc<Board>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    random: Box<dyn FnMut() -> f64 + Send>,
    /// What the schedule's time counts from.
    origin: Instant,
    /// Makes a running fetch break off.
    halt: Arc<AtomicBool>,
}

/// Why a run brought nothing.
enum Failure {
    Git(git::Error),
    /// It panicked.
    Bug(String),
}

impl Worker {
    /// Waits for the next run; false if there is none any more.
    async fn wait(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        loop {
            if *stop.borrow() {
                return false;
            }
            let due = self.schedule.due(self.slot.is_fresh());
            if self.now() >= due {
                return true;
            }
            let due = self.at(due);
            self.pulse.promise(due);
            tokio::select! {
                biased;
                changed = stop.changed() => if changed.is_err() { return false },
                () = self.slot.rung() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// Serves what is on the disk, before the network is asked.
    async fn restore(&mut self) {
        // How old it is was written down by an earlier run, and is told before anything of it is served.
        let last = self.pipeline.as_ref().and_then(Pipeline::last_fetch);
        self.board.update(&self.name, |storage| storage.last_fetch = storage.last_fetch.max(last));
        let restored = self.blocking(|pipeline, _| pipeline.restore()).await;
        match restored {
            Ok(report) => self.show(|storage| storage.head.clone_from(&report.head)),
            // The first fetch makes it anew, or says what is wrong.
            Err(Failure::Git(error)) => {
                tracing::warn!(storage = %self.name, %error, "nothing could be served from disk");
            }
            Err(Failure::Bug(panic)) => tracing::error!(storage = %self.name, panic, "bug: restoring panicked"),
        }
    }

    /// One run.
    async fn turn(&mut self) {
        let (work, hinted) = self.slot.take();
        let trigger = self.schedule.trigger(hinted, !work.is_empty());
        if hinted {
            self.announce(&work);
        }
        let expected = work.commits.last().cloned();
        tracing::debug!(storage = %self.name, trigger = trigger.name(), deliveries = work.deliveries.len(), "run");
        let began = Instant::now();
        let outcome = self.blocking(move |pipeline, halt| pipeline.sync(expected, halt)).await;
        match outcome {
            Ok(report) => self.succeeded(trigger, work, &report),
            Err(Failure::Git(git::Error::Stopped)) => self.slot.put_back(work),
            Err(failure) => self.failed(trigger, work, &failure, began.elapsed()),
        }
    }

    /// What the deliveries of a run say, to the schedule.
    fn announce(&mut self, work: &Work) {
        let now = self.now();
        if work.commits.is_empty() && !work.deliveries.is_empty() {
            self.schedule.announced(now, None);
        }
        for commit in &work.commits {
            self.schedule.announced(now, Some(commit));
        }
        let last = work.deliveries.iter().map(|delivery| delivery.received).max();
        self.board.update(&self.name, |storage| storage.last_delivery = storage.last_delivery.max(last));
    }

    fn succeeded(&mut self, trigger: Trigger, mut work: Work, report: &Report) {
        let (name, observer) = (self.name.clone(), self.observer.clone());
        observer.fetch_ended(&name, true, report.took);
        let fetched = report.fetched.clone().unwrap_or_default();
        // A mirror that was made anew shows every branch as new; nobody had to announce that.
        let moved = fetched.moved.iter().filter(|_| fetched.renewed.is_none());
        let tips = moved.filter_map(|moved| moved.new.clone()).collect();
        let mut found = fetched.expected_found;
        if let Some(commit) = report.unconfirmed.clone() {
            if found.is_none() {
                // Awaited as if it had been announced.
                found = Some(false);
                work.commits.extend(Some(commit).filter(|commit| !commit.is_empty()));
            } else {
                self.slot.ring();
            }
        }
        let ended = Ended::Fetched { found, tips };
        let random = (self.random)();
        let verdict = self.schedule.ended(self.now(), trigger, ended, random);

        if !verdict.missed.is_empty() {
            let commits = verdict.missed.join(", ");
            tracing::warn!(storage = %name, commits, "missed delivery: polling found what no webhook announced");
            observer.missed(&name, &verdict.missed);
        }
        let environments = self.pipeline.as_ref().map(Pipeline::status).unwrap_or_default();
        let wanted = work.commits.last().map_or("", String::as_str);
        if verdict.awaiting {
            tracing::info!(storage = %name, revision = wanted, "announced commit is not there yet");
        } else if verdict.given_up {
            let after = limits::COMMIT_AWAITED.as_secs();
            tracing::warn!(storage = %name, revision = wanted, after, "announced commit never appeared");
            let error = format!("the announced commit {wanted} did not appear on the remote within {after} s");
            for delivery in &work.deliveries {
                observer.delivery_failed(&name, delivery, &error);
            }
        } else {
            let held = held(&environments);
            for delivery in &work.deliveries {
                observer.delivery_done(&name, delivery, report.fetched_at, report.live_at, held.as_deref());
            }
        }
        self.show(|storage| {
            storage.head.clone_from(&report.head);
            storage.last_fetch = Some(report.fetched_at);
            storage.fetch_milliseconds = Some(report.took.as_secs_f64() * 1e3);
            storage.missed_deliveries += verdict.missed.len() as u64;
            if storage.failure.take().is_some() {
                tracing::info!(storage = %name, "the remote can be fetched from again");
            }
        });
        if verdict.awaiting {
            // Not told of the next failure alone: what it waits for was no failure.
            work.deliveries.iter_mut().for_each(|delivery| delivery.told = false);
            self.slot.put_back(work);
        }
    }

    fn failed(&mut self, trigger: Trigger, mut work: Work, failure: &Failure, took: Duration) {
        let (class, message, wait) = match failure {
            Failure::Git(error) => {
                let wait = if let git::Error::Throttled(wait) = error { Some(*wait) } else { None };
                (error.class(), error.to_string(), wait)
            }
            Failure::Bug(panic) => (Class::Bug, format!("bug: a run panicked: {panic}"), None),
        };
        let name = self.name.clone();
        self.observer.fetch_ended(&name, false, took);
        let random = (self.random)();
        self.schedule.ended(self.now(), trigger, Ended::Failed { class, wait }, random);
        for delivery in work.deliveries.iter_mut().filter(|delivery| !delivery.told) {
            self.observer.delivery_failed(&name, delivery, &message);
            delivery.told = true;
        }
        let now = self.clock.now();
        self.show(|storage| {
            let before = storage.failure.take();
            let same = before.as_ref().is_some_and(|before| before.class == class && before.message == message);
            match (same, class) {
                // The same again is on the board; a log that repeats itself is not read.
                (true, _) => tracing::debug!(storage = %name, class = class.name(), message, "fetch failed again"),
                (false, Class::Retry | Class::Wait) => {
                    tracing::warn!(storage = %name, class = class.name(), message, "fetch failed; trying again");
                }
                (false, _) => tracing::error!(storage = %name, class = class.name(), message, "fetch failed"),
            }
            storage.failure = Some(match before {
                Some(before) => status::Failure { class, message, attempts: before.attempts + 1, ..before },
                None => status::Failure { class, message, since: now, attempts: 1 },
            });
        });
        self.slot.put_back(work);
    }

    /// Writes the status of the storage, with everything that this worker knows by itself.
    fn show(&self, change: impl FnOnce(&mut status::Storage)) {
        let environments = self.pipeline.as_ref().map(Pipeline::status);
        let now = self.now();
        let pause = self.schedule.due(false).saturating_sub(now);
        let next = SignedDuration::try_from(pause).ok().and_then(|pause| self.clock.now().checked_add(pause).ok());
        let mode = self.schedule.mode(now);
        self.board.update(&self.name, |storage| {
            storage.mode = mode;
            storage.next_poll = next;
            if let Some(environments) = environments {
                storage.environments = environments;
            }
            change(storage);
        });
    }

    /// Runs the pipeline on a thread that may block. A panic costs what the pipeline remembered, nothing else.
    async fn blocking(
        &mut self,
        run: impl FnOnce(&mut Pipeline, &Arc<AtomicBool>) -> Result<Report, git::Error> + Send + 'static,
    ) -> Result<Report, Failure> {
        let Some(mut pipeline) = self.pipeline.take() else {
            return Err(Failure::Bug("the pipeline was lost".to_owned()));
        };
        self.pulse.promise(Instant::now() + limits::GIT_CLONE_DEADLINE);
        let halt = self.halt.clone();
        let ended = spawn_blocking(move || {
            let ended = catch_unwind(AssertUnwindSafe(|| run(&mut pipeline, &halt)));
            if ended.is_err() {
                pipeline.reset();
            }
            (pipeline, ended)
        });
        match ended.await {
            Ok((pipeline, ended)) => {
                self.pipeline = Some(pipeline);
                ended.map_err(|panic| Failure::Bug(text(&*panic)))?.map_err(Failure::Git)
            }
            Err(error) => Err(Failure::Bug(error.to_string())),
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// A moment of the schedule on the runtime's clock; one too far away to name is a day away.
    fn at(&self, moment: Duration) -> Instant {
        let day = Duration::from_secs(24 * 3_600);
        self.origin.checked_add(moment.min(self.now() + day)).unwrap_or_else(|| Instant::now() + day)
    }
}

/// What of the newest commits is not served, in one sentence.
fn held(environments: &[status::Environment]) -> Option<String> {
    let held = environments.iter().filter(|environment| !environment.held.is_empty());
    let held: Vec<String> = held
        .map(|environment| {
            let why = environment.problems.first().map_or(String::new(), |p| format!(" ({}: {})", p.file, p.message));
            format!("{}: {} held at the last good state{why}", environment.name, environment.held.join(", "))
        })
        .collect();
    (!held.is_empty()).then(|| held.join("; "))
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}
