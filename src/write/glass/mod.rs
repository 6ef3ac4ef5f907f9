//! Writing while the provider is down, for whoever may break the glass.
//!
//! ```text
//! push fails --glass allowed--> commits stay here, intents on the disk, served at once over the remote's tip
//! provider is back --remote where it was--> the same commits are pushed
//!                  '-remote elsewhere-----> each is made once more on what is there; what conflicts is told, and given up
//! time is up -----------------------------> what the remote has is served again; that is told, too
//! ```
//!
//! Nothing of it overwrites anybody: each request carries the commit that its author has seen, so what others have
//! changed since is merged field by field or refused, as if it had been asked for now.

mod kept;
mod shown;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::kept::Kept;
pub use self::shown::{Broken, Glass, Told};
pub(super) use self::watch::watch;
use super::round::{Round, Target};
use super::writer::{Core, Storage, Wish, tell, unreachable};
use super::{Outcome, Refusal, Request};
use crate::audit::{Event, Outcome as End, Pending, Refused};
use crate::flags::snapshot;
use crate::git::{self, Push, PushError};
use crate::limits;
use crate::sync::share::{Known, Pushed, Share};

/// Code of the refusal in the record of a change that could not be pushed after all.
pub const CONFLICT: &str = "break-glass-conflict";
/// Likewise, because it has waited for too long.
pub const EXPIRED: &str = "break-glass-expired";

/// A change that is served and not pushed yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) pending: Pending,
    kept: Option<Kept>,
}

/// What became of one that waited: its commit, nothing if everything was so already, or why it cannot be made.
type Ended = (Waiting, Result<Option<Arc<str>>, Refusal>);

/// Those that waited, made once more.
struct Replay {
    old: Option<Arc<str>>,
    tip: Option<Arc<str>>,
    files: Vec<Known>,
    checked: HashMap<Arc<str>, Arc<snapshot::Environment>>,
    ends: Vec<Ended>,
}

/// Whether an error says that the provider is down, and not that it has said no.
pub(super) const fn is_down(error: &git::Error) -> bool {
    matches!(error, git::Error::Unreachable(_) | git::Error::Deadline(_) | git::Error::Throttled(_))
}

impl Core {
    /// What waits in a storage, in the order in which it was asked for.
    pub(super) fn waiting(&self, storage: &str) -> Vec<Waiting> {
        let pending =
            self.audit.pending(storage).into_iter().filter(|pending| pending.event.outcome == End::BreakGlass);
        let kept = |pending: &Pending| pending.wish.clone().and_then(|wish| serde_json::from_value(wish).ok());
        let mut waiting: Vec<Waiting> = pending.map(|pending| Waiting { kept: kept(&pending), pending }).collect();
        waiting.sort_by_key(|waiting| waiting.kept.as_ref().map(|kept| kept.place));
        waiting
    }

    /// Tells everybody how it stands.
    pub(super) fn show_glass(&self) {
        let settings = self.settings.load();
        let waiting: Vec<Waiting> = settings.storages().flat_map(|storage| self.waiting(storage)).collect();
        self.glass.tell(&waiting, self.clock.now());
    }
}

/// Lays what an earlier process has left over its branches, before anything of them is served.
pub(super) fn recall(core: &Core, share: &Share) {
    let now = core.clock.now();
    for waiting in core.waiting(share.storage()).into_iter().rev().filter(|waiting| !waiting.is_over(now)) {
        if let Some(commit) = &waiting.pending.event.after {
            share.remember_cover(&waiting.pending.event.branch, commit);
        }
    }
}

impl Waiting {
    fn is_over(&self, now: Timestamp) -> bool {
        self.pending.until.is_none_or(|until| until <= now)
    }
}

impl Storage {
    fn waiting(&self, branch: &str) -> Vec<Waiting> {
        let mut waiting = self.core.waiting(self.share.storage());
        waiting.retain(|waiting| *waiting.pending.event.branch == *branch);
        waiting
    }

    /// How long a wish may be served that the provider does not get, if that is asked for and allowed.
    fn may_break(&self, wish: &Wish) -> Option<Duration> {
        wish.request.break_glass.as_ref()?;
        self.core.settings.load().break_glass(&wish.target.environment)
    }

    /// Pushes first what waits on a branch; false if that cannot be done, and then everybody was answered.
    pub(super) fn is_mended(&self, branch: &Arc<str>, wishes: &mut Vec<Wish>) -> bool {
        if !self.core.glass.is_broken(self.share.storage()) {
            return true;
        }
        self.mend(branch).map_err(|refusal| self.behind_glass(std::mem::take(wishes), &refusal)).is_ok()
    }

    /// Serves at once what may break the glass, and refuses the others: the provider is down.
    pub(super) fn behind_glass(&self, wishes: Vec<Wish>, why: &Refusal) {
        let (mut wishes, others): (Vec<Wish>, Vec<Wish>) =
            wishes.into_iter().partition(|wish| self.may_break(wish).is_some());
        for wish in others {
            let refusal = if wish.request.break_glass.is_some() { not_allowed(&wish, why) } else { why.clone() };
            self.core.end(wish, Err(refusal));
        }
        let Some(target) = wishes.first().map(|wish| wish.target.clone()) else { return };
        let branch = &target.environment.branch;
        if self.share.shown(branch).is_none() {
            return self.refuse(wishes, why);
        }
        let mut round = match Round::behind(self, &target) {
            Ok(round) => round,
            Err(refusal) => return self.refuse(wishes, &refusal),
        };
        let mut place =
            self.waiting(branch).iter().filter_map(|w| w.kept.as_ref()).map(|k| k.place + 1).max().unwrap_or(0);
        let (mut verdicts, mut pending) = (Vec::new(), Vec::new());
        for wish in &mut wishes {
            let before = round.tip.clone();
            let added = self.fits(wish, place, why);
            let added = added.and_then(|()| round.add(&wish.target, &wish.request, &wish.request.by, wish.at));
            let verdict = added.map(|outcome| Outcome { break_glass: outcome.made, ..outcome });
            if let Ok(outcome @ Outcome { made: true, commit, .. }) = &verdict {
                (wish.event.before, wish.event.after) = (before.clone(), Some(commit.clone()));
                let kept = Kept::of(&wish.request, Some(outcome), place, before);
                pending.push(self.pending(wish, &kept));
                place += 1;
            }
            verdicts.push(verdict);
        }
        let Some(tip) = round.tip.clone().filter(|_| round.made > 0) else {
            return self.answer(wishes, verdicts, None);
        };
        self.keep_cover(branch, Some(&tip));
        self.core.audit.intend(pending);
        let live = self.share.cover(&*self.repository, branch, &tip, &round.files, &round.checked());
        self.share.show(&self.core.board);
        self.core.show_glass();
        let live = live.inspect_err(|error| {
            tracing::error!(storage = %self.share.storage(), %branch, %error, "a change behind glass cannot be served");
        });
        self.answer(wishes, verdicts, live.ok());
        round.settle();
    }

    /// Whether a wish can be kept until the provider is back.
    fn fits(&self, wish: &Wish, place: u32, why: &Refusal) -> Result<(), Refusal> {
        let kept = Kept::of(&wish.request, None, place, None);
        let bytes = serde_json::to_vec(&kept).map_or(usize::MAX, |kept| kept.len());
        if bytes > limits::GLASS_WISH_BYTES {
            let most = limits::GLASS_WISH_BYTES;
            let message =
                format!("{why}; the change is too large to be kept until then: {bytes} bytes, at most {most}");
            return Err(Refusal::Unavailable { message, retry_after: limits::WRITE_RETRY_AFTER });
        }
        if self.core.waiting(self.share.storage()).len() >= limits::GLASS_WAITING {
            let message = format!("{why}; {} changes wait already, which is as many as may", limits::GLASS_WAITING);
            return Err(Refusal::Unavailable { message, retry_after: limits::WRITE_RETRY_AFTER });
        }
        Ok(())
    }

    fn pending(&self, wish: &Wish, kept: &Kept) -> Pending {
        let environment = &wish.target.environment;
        let lasts = SignedDuration::try_from(self.may_break(wish).unwrap_or_default()).unwrap_or_default();
        let event = Event {
            environment: environment.name.clone(),
            branch: environment.branch.clone(),
            outcome: End::BreakGlass,
            ..wish.event.clone()
        };
        let until = self.core.clock.now().checked_add(lasts).ok();
        Pending { tip: event.after.clone(), event, until, wish: serde_json::to_value(kept).ok() }
    }

    /// Pushes what waits on a branch, if the provider can be reached: everything that waited has ended then.
    pub(super) fn mend(&self, branch: &Arc<str>) -> Result<(), Refusal> {
        let (mut sent, mut tries): (Vec<Replay>, u32) = (Vec::new(), 0);
        loop {
            let waiting = self.waiting(branch);
            if waiting.is_empty() {
                return Ok(());
            }
            let cover = self.share.cover_of(branch);
            let has = |replay: &Replay| replay.tip.as_ref().is_some_and(|tip| self.has(branch, tip));
            if let Some(place) = sent.iter().position(has) {
                let replay = sent.swap_remove(place);
                self.ended(branch, replay.ends, CONFLICT);
                return Ok(());
            }
            if cover.as_ref().is_some_and(|cover| self.has(branch, cover)) {
                self.ended(branch, waiting.into_iter().map(as_it_is).collect(), CONFLICT);
                return Ok(());
            }
            let known: Option<Arc<str>> = self.share.tip(branch).map(Into::into);
            let stands = waiting.first().and_then(|first| first.kept.as_ref()).is_some_and(|kept| kept.seen == known);
            let replay = if stands && self.share.has_cover(&*self.repository, branch) {
                let ends = waiting.into_iter().map(as_it_is).collect();
                let (files, checked) = (Vec::new(), HashMap::new());
                Replay { old: known, tip: cover.map(Into::into), files, checked, ends }
            } else {
                self.replay(branch, waiting)?
            };
            if replay.tip == replay.old {
                self.ended(branch, replay.ends, CONFLICT);
                return Ok(());
            }
            let push = Push {
                branch: branch.to_string(),
                old: replay.old.as_deref().map(str::to_owned),
                new: replay.tip.as_deref().map(str::to_owned),
                rewrites: false,
                deadline: limits::WRITE_PUSH_DEADLINE,
            };
            match self.push(&push) {
                Ok(()) => {
                    let (old, new) = (replay.old.as_deref(), replay.tip.as_deref());
                    let pushed = Pushed { branch, old, new, files: &replay.files, checked: &replay.checked };
                    if let Err(error) = self.share.wrote(&*self.repository, &pushed) {
                        tracing::error!(storage = %self.share.storage(), %error, "pushed, and cannot be served");
                    }
                    self.ended(branch, replay.ends, CONFLICT);
                    return Ok(());
                }
                Err(PushError::Rejected(git::Rejection { kind, message })) => {
                    let refusal = Refusal::Rejected { kind, message };
                    let ends = replay.ends.into_iter().map(|(waiting, end)| (waiting, end.and(Err(refusal.clone()))));
                    self.ended(branch, ends.collect(), CONFLICT);
                    return Ok(());
                }
                Err(PushError::Failed(error)) => return Err(unreachable(&error)),
                Err(PushError::Stale { .. }) => {
                    self.share.fetch(&*self.repository, &self.core.halt).map_err(|error| unreachable(&error))?;
                }
                Err(PushError::Unknown(error)) => {
                    sent.push(replay);
                    self.look(&error)?;
                }
            }
            tries += 1;
            if tries >= limits::WRITE_TRIES {
                let message = format!("the branch \"{branch}\" moved {tries} times while what waits was being made");
                return Err(Refusal::Unavailable { message, retry_after: 1 });
            }
        }
    }

    /// Makes once more what waits, each on top of what is there.
    fn replay(&self, branch: &Arc<str>, waiting: Vec<Waiting>) -> Result<Replay, Refusal> {
        let target = |event: &Event| {
            let known = self.core.environments.get(&event.environment);
            let known = known.filter(|e| e.branch == *branch && e.storage == *self.share.storage());
            known.map(|environment| Target { environment, from: None })
        };
        let Some(first) = waiting.iter().find_map(|waiting| target(&waiting.pending.event)) else {
            let gone = |waiting: Waiting| {
                let name = waiting.pending.event.environment.to_string();
                (waiting, Err(Refusal::UnknownEnvironment(name)))
            };
            let ends = waiting.into_iter().map(gone).collect();
            return Ok(Replay { old: None, tip: None, files: Vec::new(), checked: HashMap::new(), ends });
        };
        let mut round = Round::begin(self, &first)?;
        round.lineage = self.share.cover_of(branch).map(Into::into);
        let ends = waiting.into_iter().map(|waiting| {
            let event = &waiting.pending.event;
            let again = || {
                let target = target(event).ok_or_else(|| Refusal::UnknownEnvironment(event.environment.to_string()))?;
                let request = waiting.kept.as_ref().and_then(|kept| kept.request(event, target.environment.clone()));
                let request: Request =
                    request.ok_or_else(|| Refusal::Bug("what was kept of it cannot be read".to_owned()))?;
                round.add(&target, &request, &request.by, event.at)
            };
            let end = { again }().map(|outcome| outcome.made.then_some(outcome.commit));
            (waiting, end)
        });
        let ends = ends.collect();
        round.settle();
        Ok(Replay {
            old: round.old.clone(),
            tip: round.tip.clone(),
            checked: round.checked(),
            files: round.files,
            ends,
        })
    }

    /// The end of those that waited on a branch: the records, then what the remote has is served.
    fn ended(&self, branch: &str, ends: Vec<Ended>, code: &'static str) {
        for end in ends {
            self.end_one(end, code);
        }
        if let Err(error) = self.share.uncover(&*self.repository, branch) {
            tracing::error!(storage = %self.share.storage(), branch, %error, "what the remote has cannot be served");
        }
        self.keep_cover(branch, None);
        self.share.show(&self.core.board);
        self.core.show_glass();
    }

    fn end_one(&self, (waiting, end): Ended, code: &'static str) {
        let now = self.core.clock.now();
        let event = Event { settled: Some(now), ..waiting.pending.event };
        let record = match end {
            Ok(commit) => Event { outcome: End::Landed, after: commit, ..event },
            Err(refusal) => {
                let (storage, environment, by) = (&event.storage, &event.environment, &event.by.name);
                let changes = what(&event);
                tracing::error!(%storage, %environment, %by, changes, code, why = %refusal,
                    "a change behind glass was given up; what the provider has is served");
                let message = refusal.to_string().chars().take(limits::AUDIT_MESSAGE_CHARACTERS).collect();
                let refusal = Some(Refused { code: code.into(), message });
                Event { outcome: End::Forgotten, refusal, ..event }
            }
        };
        tell(&record);
        self.core.audit.record(record);
    }

    /// Looks after what waits: what is over ends, what an earlier process has left is served, and after a fetch
    /// everything is pushed.
    pub(super) fn tend(&self, is_back: bool) {
        let mut branches: Vec<Arc<str>> = Vec::new();
        for waiting in self.core.waiting(self.share.storage()) {
            let branch = waiting.pending.event.branch;
            if !branches.contains(&branch) {
                branches.push(branch);
            }
        }
        for branch in branches {
            self.expire(&branch);
            if !is_back {
                self.lay(&branch);
            } else if let Err(why) = self.mend(&branch) {
                tracing::debug!(storage = %self.share.storage(), %branch, %why, "what waits behind glass cannot be pushed yet");
            }
        }
        self.core.glass.remind(self.core.clock.now());
    }

    /// Ends what has waited for too long; what is left stands on what the remote has.
    fn expire(&self, branch: &Arc<str>) {
        let now = self.core.clock.now();
        let (over, left): (Vec<_>, Vec<_>) = self.waiting(branch).into_iter().partition(|w| w.is_over(now));
        if over.is_empty() {
            return;
        }
        let ended = over.into_iter().map(|waiting| {
            let message = "the provider was not back in time".to_owned();
            (waiting, Err(Refusal::Unavailable { message, retry_after: limits::WRITE_RETRY_AFTER }))
        });
        if left.is_empty() {
            return self.ended(branch, ended.collect(), EXPIRED);
        }
        ended.for_each(|ended| self.end_one(ended, EXPIRED));
        self.rebuild(branch, left);
    }

    /// Serves what waits, if it is not yet.
    fn lay(&self, branch: &Arc<str>) {
        let waiting = self.waiting(branch);
        let Some(last) = waiting.last().and_then(|waiting| waiting.pending.event.after.clone()) else { return };
        self.share.remember_cover(branch, &last);
        if !self.share.has_cover(&*self.repository, branch) {
            return self.rebuild(branch, waiting);
        }
        let cover = self.share.cover_of(branch);
        let mine = |e: &crate::serve::Environment| e.branch == *branch && e.storage == *self.share.storage();
        let shows = |e: &crate::serve::Environment| e.load().commit.as_deref() == cover.as_deref();
        if let Some(cover) = &cover
            && self.core.environments.all().iter().any(|e| mine(e) && !shows(e))
        {
            let laid = self.share.cover(&*self.repository, branch, cover, &[], &HashMap::new());
            self.share.show(&self.core.board);
            if let Err(error) = laid {
                tracing::error!(storage = %self.share.storage(), %branch, %error, "a change behind glass cannot be served");
            }
        }
    }

    /// Makes what waits once more on what the remote is known to have, and serves that.
    fn rebuild(&self, branch: &Arc<str>, waiting: Vec<Waiting>) {
        let Ok(replay) = self.replay(branch, waiting) else { return };
        let Replay { old, tip, files, checked, ends } = replay;
        let (mut before, mut pending) = (old.clone(), Vec::new());
        for (waiting, end) in ends {
            let (Ok(Some(commit)), Some(kept)) = (&end, &waiting.kept) else {
                self.end_one((waiting, end), CONFLICT);
                continue;
            };
            let kept = Kept { seen: before.replace(commit.clone()), ..kept.clone() };
            let event = Event { after: Some(commit.clone()), ..waiting.pending.event };
            let (tip, wish) = (Some(commit.clone()), serde_json::to_value(kept).ok());
            pending.push(Pending { event, tip, wish, ..waiting.pending });
        }
        let Some(tip) = tip.filter(|tip| Some(tip) != old.as_ref()) else {
            return self.ended(branch, Vec::new(), CONFLICT);
        };
        self.keep_cover(branch, Some(&tip));
        self.core.audit.intend(pending);
        if let Err(error) = self.share.cover(&*self.repository, branch, &tip, &files, &checked) {
            tracing::error!(storage = %self.share.storage(), %branch, %error, "a change behind glass cannot be served");
        }
        self.share.show(&self.core.board);
        self.core.show_glass();
    }

    /// Keeps the commits of a cover in the mirror, which nothing else names.
    fn keep_cover(&self, branch: &str, commit: Option<&str>) {
        if let Err(error) = self.repository.keep(&format!("glass\0{branch}"), commit) {
            tracing::warn!(storage = %self.share.storage(), branch, %error, "a commit behind glass could not be kept");
        }
    }
}

fn as_it_is(waiting: Waiting) -> Ended {
    let commit = waiting.pending.event.after.clone();
    (waiting, Ok(commit))
}

fn not_allowed(wish: &Wish, why: &Refusal) -> Refusal {
    let environment = &wish.target.environment.name;
    let message =
        format!("{why}; and the glass of \"{environment}\" cannot be broken: break_glass is not enabled for it");
    Refusal::Unavailable { message, retry_after: limits::WRITE_RETRY_AFTER }
}

/// What was to be changed, for people.
fn what(event: &Event) -> String {
    let one = |c: &crate::audit::Changed| format!("{} {} {}/{}", c.verb, c.kind, c.namespace, c.key);
    event.changes.iter().take(5).map(one).collect::<Vec<_>>().join(", ")
}
