//! The writer of a storage: one batch of wishes after the other, each to its end.
//!
//! ```text
//! tip -> chain of commits -> intents on the disk -> push --ok--> adopt, swap, tell -> answers
//!   ^                                                | moved: fetch, plan anew
//!   |                                                | refused: one by one, so that only the guilty is told
//!   |                                                | nobody knows: fetch, and look for what was sent
//!   '------------------------------------------------'
//! ```
//!
//! What a kill leaves: before the push, objects that nobody names; during it, the remote either has the push or has not;
//! after it, a mirror that the next fetch brings up to date. Which of them it was is judged after the next start's first
//! fetch, from the intents.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::glass::{Glass, is_down};
use super::plan::{Look, Planned};
use super::round::{Round, Target};
use super::settings::{self, Settings};
use super::views::Views;
use super::{Change, Outcome, Refusal, Request, audit as records};
use crate::audit::{Event, Pending, Sink};
use crate::clock::Clock;
use crate::flags::resource::view::View;
use crate::git::{self, Push, PushError};
use crate::limits;
use crate::serve::Environments;
use crate::sync::Repository;
use crate::sync::share::{Pushed, Share};
use crate::sync::status::Board;

/// Plans the changes of one wish: [`plan::plan`](super::plan::plan).
pub(super) type Planner = fn(&View, &Arc<str>, &[Change], Option<&str>, &dyn Look) -> Result<Planned, Refusal>;

/// What the writers of all storages share.
pub(super) struct Core {
    pub(super) environments: Arc<Environments>,
    pub(super) board: Arc<Board>,
    pub(super) audit: Arc<dyn Sink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) views: Views,
    /// Which commit was the last to change each flag and segment.
    pub(super) recents: super::recent::Recents,
    /// What everybody is told of changes that wait for the provider.
    pub(super) glass: Arc<Glass>,
    pub(super) planner: Planner,
    /// Breaks off whatever waits for a network.
    pub(super) halt: Arc<AtomicBool>,
    /// When this process began: what was asked for before, nobody is working on.
    pub(super) began: Timestamp,
    /// Records whose end this process is still working on.
    pub(super) open: Mutex<HashSet<Arc<str>>>,
    /// How long an outcome is looked for while somebody waits.
    pub(super) patience: Duration,
    /// What stops a writer in the tests.
    pub(super) fault: Fault,
}

/// Told of each step; in a test it may end the writer there, as a kill would.
pub(super) type Fault = Arc<dyn Fn(Step) + Send + Sync>;

/// The steps between which a kill can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing was done.
    Begun,
    /// The commits are in the mirror.
    Committed,
    /// The intents are on the disk.
    Intended,
    /// The remote has it.
    Pushed,
    /// It is served.
    Published,
}

/// One storage, as its writer sees it for one batch.
pub(super) struct Storage {
    pub(super) core: Arc<Core>,
    pub(super) share: Arc<Share>,
    pub(super) repository: Arc<dyn Repository>,
    pub(super) rules: settings::Storage,
}

/// Somebody's wish, and where its answer goes.
pub(super) struct Wish {
    pub(super) request: Request,
    pub(super) target: Target,
    pub(super) at: Timestamp,
    pub(super) event: Event,
    pub(super) answer: oneshot::Sender<Result<Outcome, Refusal>>,
}

impl Core {
    pub(super) fn open(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a wish: the record, then the answer.
    pub(super) fn end(&self, wish: Wish, result: Result<Outcome, Refusal>) {
        let now = self.clock.now();
        let Wish { event, answer, request, .. } = wish;
        let id = event.id.clone();
        if !request.dry_run {
            let record = match &result {
                Ok(outcome) => records::done(event, outcome, now),
                Err(refusal) => records::refused(event, refusal, now),
            };
            tell(&record);
            self.audit.record(record);
        }
        self.open().remove(&id);
        // Whoever has gone away learns it from the record.
        drop(answer.send(result));
    }
}

/// One line a write.
pub(super) fn tell(record: &Event) {
    let (storage, environment, by, outcome) =
        (&*record.storage, &*record.environment, &*record.by.name, record.outcome);
    let (revision, changes) = (record.after.as_deref(), record.changes.len() + record.more_changes);
    let (request, branch) = (record.request.name(), &*record.branch);
    match &record.refusal {
        None => {
            tracing::info!(
                storage,
                environment,
                branch,
                request,
                revision,
                by,
                changes,
                outcome = outcome.name(),
                "write"
            );
        }
        Some(refused) => {
            let (code, why) = (&*refused.code, &*refused.message);
            tracing::warn!(
                storage,
                environment,
                branch,
                request,
                by,
                changes,
                outcome = outcome.name(),
                code,
                why,
                "write"
            );
        }
    }
}

/// What a push that may have arrived would have done.
struct Sent {
    tip: Arc<str>,
    verdicts: Vec<Result<Outcome, Refusal>>,
}

impl Storage {
    /// Where a branch is.
    pub(super) fn tip(&self, branch: &Arc<str>) -> Result<Arc<str>, Refusal> {
        self.share.tip(branch).map(Into::into).ok_or_else(|| self.no_branch(branch))
    }

    /// Whether the storage may get its first commit from here: it is on this machine.
    pub(super) fn may_begin(&self) -> bool {
        self.repository.may_begin() && self.share.heads().is_empty()
    }

    pub(super) fn no_branch(&self, branch: &str) -> Refusal {
        let message = if self.share.heads().is_empty() {
            "the storage was not fetched yet".to_owned()
        } else {
            format!("the branch \"{branch}\" is not there")
        };
        Refusal::Unavailable { message, retry_after: limits::WRITE_RETRY_AFTER }
    }

    /// Does all of `wishes`, which are of one branch, or says to each why not.
    pub(super) fn write(&self, mut wishes: Vec<Wish>) {
        let Some(target) = wishes.first().map(|wish| wish.target.clone()) else { return };
        if !self.is_mended(&target.environment.branch, &mut wishes) {
            return;
        }
        let (mut sent, mut tries): (Vec<Sent>, u32) = (Vec::new(), 0);
        loop {
            (self.core.fault)(Step::Begun);
            let mut round = match Round::begin(self, &target) {
                Ok(round) => round,
                Err(refusal) => return self.refuse(wishes, &refusal),
            };
            let mut verdicts = Vec::with_capacity(wishes.len());
            for wish in &mut wishes {
                let before = round.tip.clone();
                let verdict = round.add(&wish.target, &wish.request, &wish.request.by, wish.at);
                if let Ok(Outcome { made: true, commit, .. }) = &verdict {
                    (wish.event.before, wish.event.after) = (before, Some(commit.clone()));
                }
                verdicts.push(verdict);
            }
            let Some(tip) = round.tip.clone().filter(|_| round.made > 0) else {
                return self.answer(wishes, verdicts, None);
            };
            (self.core.fault)(Step::Committed);
            self.intend(&wishes, &verdicts, &tip);
            (self.core.fault)(Step::Intended);
            let push = Push {
                branch: target.environment.branch.to_string(),
                old: round.old.as_deref().map(str::to_owned),
                new: Some(tip.to_string()),
                rewrites: false,
                deadline: limits::WRITE_PUSH_DEADLINE,
            };
            match self.push(&push) {
                Ok(()) => {
                    (self.core.fault)(Step::Pushed);
                    let live = self.publish(&target.environment.branch, &round, &tip);
                    (self.core.fault)(Step::Published);
                    self.answer(wishes, verdicts, live);
                    round.settle();
                    return;
                }
                Err(PushError::Rejected(rejection)) if round.made > 1 => {
                    let branch = &target.environment.branch;
                    tracing::info!(storage = %self.share.storage(), branch = %branch, why = %rejection,
                        "a push of several writes was refused: each goes alone");
                    for wish in wishes {
                        self.write(vec![wish]);
                    }
                    return;
                }
                Err(PushError::Rejected(git::Rejection { kind, message })) => {
                    return self.fail(wishes, verdicts, &Refusal::Rejected { kind, message });
                }
                Err(PushError::Failed(error)) if is_down(&error) => {
                    return self.cut_off(wishes, verdicts, &unreachable(&error));
                }
                Err(PushError::Failed(error)) => {
                    return self.fail(wishes, verdicts, &unreachable(&error));
                }
                Err(PushError::Stale { .. }) => {
                    tries += 1;
                    let fetched = self.share.fetch(&*self.repository, &self.core.halt);
                    if let Err(error) = &fetched
                        && sent.is_empty()
                        && is_down(error)
                    {
                        return self.cut_off(wishes, verdicts, &unreachable(error));
                    }
                    if let Err(error) = fetched {
                        let refusal = if sent.is_empty() { unreachable(&error) } else { unknown(&error) };
                        return self.fail(wishes, verdicts, &refusal);
                    }
                }
                Err(PushError::Unknown(error)) => {
                    tries += 1;
                    sent.push(Sent { tip, verdicts: verdicts.clone() });
                    if let Err(refusal) = self.look(&error) {
                        return self.fail(wishes, verdicts, &refusal);
                    }
                }
            }
            // Whatever was sent and not answered may have arrived.
            let branch = &target.environment.branch;
            if let Some(place) = sent.iter().position(|sent| self.has(branch, &sent.tip)) {
                let Sent { verdicts, .. } = sent.swap_remove(place);
                return self.answer(wishes, verdicts, Some(self.core.clock.now()));
            }
            if tries >= limits::WRITE_TRIES {
                let message = format!("the branch \"{branch}\" moved {tries} times while the change was being made");
                let refusal = Refusal::Unavailable { message, retry_after: 1 };
                return self.fail(wishes, verdicts, &refusal);
            }
            self.rest(pause(tries));
        }
    }

    /// What would be done.
    pub(super) fn look_only(&self, target: &Target, request: &Request, at: Timestamp) -> Result<Outcome, Refusal> {
        let mut round = Round::behind(self, target)?;
        round.add(target, request, &request.by, at)
    }

    /// Whether a branch has a commit.
    pub(super) fn has(&self, branch: &str, commit: &str) -> bool {
        let tip = self.share.tip(branch);
        tip.is_some_and(|tip| *tip == *commit || self.repository.contains(&tip, commit).unwrap_or(false))
    }

    /// Fetches, again and again for a while: only then can it be said what a push has done.
    pub(super) fn look(&self, lost: &git::Error) -> Result<(), Refusal> {
        let (began, mut tries) = (Instant::now(), 0);
        loop {
            let Err(error) = self.share.fetch(&*self.repository, &self.core.halt) else { return Ok(()) };
            tries += 1;
            if began.elapsed() >= self.core.patience || self.core.halt.load(Ordering::Relaxed) {
                tracing::error!(storage = %self.share.storage(), %lost, %error, "nobody knows whether a push has arrived");
                return Err(unknown(lost));
            }
            self.rest(pause(tries + 2));
        }
    }

    /// Lets time pass before another try, but for a process that ends.
    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.core.halt.load(Ordering::Relaxed) {
                return;
            }
            std::thread::park_timeout(left.min(limits::NET_STOP_LOOK));
        }
    }

    /// Writes down what is about to be pushed.
    fn intend(&self, wishes: &[Wish], verdicts: &[Result<Outcome, Refusal>], tip: &Arc<str>) {
        let made = |verdict: &Result<Outcome, Refusal>| verdict.as_ref().is_ok_and(|outcome| outcome.made);
        let pending = wishes.iter().zip(verdicts).filter(|(_, verdict)| made(verdict));
        let pending: Vec<Pending> = pending
            .map(|(wish, _)| Pending {
                event: Event { branch: wish.target.environment.branch.clone(), ..wish.event.clone() },
                tip: Some(tip.clone()),
                until: None,
                wish: None,
            })
            .collect();
        self.core.open().extend(pending.iter().map(|pending| pending.event.id.clone()));
        self.core.audit.intend(pending);
    }

    /// Serves what was pushed.
    fn publish(&self, branch: &str, round: &Round<'_>, tip: &str) -> Option<Timestamp> {
        let pushed = Pushed {
            branch,
            old: round.old.as_deref(),
            new: Some(tip),
            files: &round.files,
            checked: &round.checked(),
        };
        let wrote = self.share.wrote(&*self.repository, &pushed);
        self.share.show(&self.core.board);
        match wrote {
            // What is served is newer, and has it.
            Ok(live) => Some(live.unwrap_or_else(|| self.core.clock.now())),
            Err(error) => {
                tracing::error!(storage = %self.share.storage(), revision = tip, %error, "pushed, and cannot be served");
                None
            }
        }
    }

    pub(super) fn answer(&self, wishes: Vec<Wish>, verdicts: Vec<Result<Outcome, Refusal>>, live: Option<Timestamp>) {
        for (wish, verdict) in wishes.into_iter().zip(verdicts) {
            let verdict = verdict.map(|outcome| {
                // What was so already is served since earlier, as far as anybody can say.
                let live = live.or_else(|| (!outcome.made).then(|| wish.target.environment.load().since));
                Outcome { live, ..outcome }
            });
            self.core.end(wish, verdict);
        }
    }

    /// The provider is down: what needs no push is answered, what may break the glass does, the others are told.
    fn cut_off(&self, wishes: Vec<Wish>, verdicts: Vec<Result<Outcome, Refusal>>, refusal: &Refusal) {
        let mut made = Vec::new();
        for (wish, verdict) in wishes.into_iter().zip(verdicts) {
            if matches!(&verdict, Ok(outcome) if outcome.made) {
                made.push(wish);
            } else {
                self.answer(vec![wish], vec![verdict], None);
            }
        }
        self.behind_glass(made, refusal);
    }

    /// Tells those whose commit did not get there; what the others were told stands.
    fn fail(&self, wishes: Vec<Wish>, verdicts: Vec<Result<Outcome, Refusal>>, refusal: &Refusal) {
        for (wish, verdict) in wishes.into_iter().zip(verdicts) {
            let verdict = match verdict {
                Ok(outcome) if outcome.made => Err(refusal.clone()),
                verdict => verdict,
            };
            self.core.end(wish, verdict);
        }
    }

    pub(super) fn refuse(&self, wishes: Vec<Wish>, refusal: &Refusal) {
        for wish in wishes {
            self.core.end(wish, Err(refusal.clone()));
        }
    }
}

/// The pause before another try: doubled each time, half of it by chance.
fn pause(tries: u32) -> Duration {
    let whole = limits::WRITE_PAUSE.saturating_mul(2_u32.saturating_pow(tries)).min(limits::WRITE_PAUSE_MAX);
    whole.mul_f64(0.5 + 0.5 * super::writers::chance())
}

/// Why nothing was pushed.
pub(super) fn unreachable(error: &git::Error) -> Refusal {
    let retry_after = match error {
        git::Error::Throttled(wait) => u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1),
        _ => limits::WRITE_RETRY_AFTER,
    };
    let message = match error {
        git::Error::Stopped => "the process is shutting down".to_owned(),
        error => error.to_string(),
    };
    Refusal::Unavailable { message, retry_after }
}

fn unknown(error: &git::Error) -> Refusal {
    let text = "whether the change has arrived is not known; it is being looked for, and the audit will say";
    Refusal::Unknown(format!("{text}: {error}"))
}
