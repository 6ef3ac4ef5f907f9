//! When a storage is looked at next: a pure machine over (state, now, what happened, random).
//!
//! Webhooks make a storage fast, polling makes it right. The schedule holds the two together:
//!
//! - A poll comes every `poll_interval`, give or take a tenth, so that a fleet does not knock in step.
//! - Each success while webhooks prove healthy doubles the pause, up to `poll_ceiling`. Healthy means: a delivery
//!   announced something within [`limits::WEBHOOK_PROOF`], and no commit is known that none announced.
//! - A commit that a poll finds and no delivery announced is *suspect*: its delivery may only be late. The pause is
//!   short again at once; if the next poll finds it still unannounced, the delivery was missed.
//! - A commit that was announced but that the remote does not show yet (a replica lags behind) is awaited with short
//!   retries, then given up.
//! - A failure is answered by its class: retried with backoff, waited out as the remote told, or left to a person
//!   while polling goes on.
//!
//! Time is a distance from any fixed moment, on a clock that never goes back: a wall clock that is set does not move
//! a poll. `random` is a number from 0 to 1.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::status::Mode;
use crate::fault::Class;
use crate::limits;

/// What the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// `poll_interval`.
    pub interval: Duration,
    /// `poll_ceiling`; one below the interval counts as the interval.
    pub ceiling: Duration,
    /// Whether deliveries can come in at all. Without an endpoint nothing is ever missed.
    pub webhooks: bool,
}

/// Why a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The first look of this process.
    Start,
    /// A delivery, or a person.
    Hint,
    /// It was time.
    Poll,
    /// Work that an earlier run could not finish.
    Retry,
}

impl Trigger {
    /// The name as logs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Hint => "hint",
            Self::Poll => "poll",
            Self::Retry => "retry",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The fetch succeeded.
    Fetched {
        /// Whether the announced commit is there; absent if none was announced.
        found: Option<bool>,
        /// New tips of the branches that moved.
        tips: Vec<String>,
    },
    /// The fetch failed.
    Failed {
        /// What is to be done.
        class: Class,
        /// How long the remote asks to wait.
        wait: Option<Duration>,
    },
}

/// What else follows from the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The announced commit is not there yet: the work is not done.
    pub awaiting: bool,
    /// The announced commit is given up.
    pub given_up: bool,
    /// Commits whose deliveries never came.
    pub missed: Vec<String>,
}

/// The machine.
#[derive(Debug)]
pub struct Schedule {
    policy: Policy,
    /// When the next run is due without anybody asking.
    next: Duration,
    /// Not sooner than this, whoever asks.
    not_before: Duration,
    /// Failures in a row.
    failures: u32,
    /// Doublings of the pause.
    stretch: u32,
    /// When a delivery last announced something.
    proof: Option<Duration>,
    /// Since when, and how often, an announced commit is looked for in vain.
    awaited: Option<(Duration, u32)>,
    /// Commits that a poll found and no delivery has announced so far.
    suspects: Vec<String>,
    /// Commits that were announced lately.
    announced: VecDeque<String>,
    /// Nothing was fetched yet by this process.
    fresh: bool,
}

impl Schedule {
    /// A schedule whose first run is due at once.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy: Policy { ceiling: policy.ceiling.max(policy.interval), ..policy },
            next: Duration::ZERO,
            not_before: Duration::ZERO,
            failures: 0,
            stretch: 0,
            proof: None,
            awaited: None,
            suspects: Vec::new(),
            announced: VecDeque::new(),
            fresh: true,
        }
    }

    /// When the next run is due; `hinted` if somebody has asked for one.
    #[must_use]
    pub fn due(&self, hinted: bool) -> Duration {
        if hinted { self.not_before } else { self.next.max(self.not_before) }
    }

    /// What a run that begins now is called: `hinted` if somebody asked for it, `work` if an earlier one left some.
    #[must_use]
    pub fn trigger(&self, hinted: bool, work: bool) -> Trigger {
        match (self.fresh, hinted, work) {
            (true, ..) => Trigger::Start,
            (_, true, _) => Trigger::Hint,
            (_, _, true) => Trigger::Retry,
            _ => Trigger::Poll,
        }
    }

    /// A delivery came for this storage, with the commit that it announces.
    pub fn announced(&mut self, now: Duration, commit: Option<&str>) {
        self.proof = Some(now);
        let Some(commit) = commit else {
            // It says that something moved, not what: whatever a poll found before may be it.
            self.suspects.clear();
            return;
        };
        self.suspects.retain(|suspect| suspect != commit);
        if !self.announced.iter().any(|known| known == commit) {
            if self.announced.len() >= limits::ANNOUNCED_COMMITS {
                self.announced.pop_front();
            }
            self.announced.push_back(commit.to_owned());
            // A new commit has its own time to appear.
            self.awaited = None;
        }
    }

    /// A run has ended: when the next one is due, and what else follows.
    pub fn ended(&mut self, now: Duration, trigger: Trigger, ended: Ended, random: f64) -> Verdict {
        match ended {
            Ended::Fetched { found, tips } => self.fetched(now, trigger, found, tips, random),
            Ended::Failed { class, wait } => {
                self.failed(now, class, wait, random);
                Verdict::default()
            }
        }
    }

    /// What makes the storage move at `now`.
    #[must_use]
    pub fn mode(&self, now: Duration) -> Mode {
        if self.policy.webhooks && self.suspects.is_empty() && self.proven(now) { Mode::Webhook } else { Mode::Poll }
    }

    fn fetched(
        &mut self,
        now: Duration,
        trigger: Trigger,
        found: Option<bool>,
        tips: Vec<String>,
        random: f64,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        self.fresh = false;
        self.failures = 0;
        self.not_before = now;

        if trigger == Trigger::Poll && self.policy.webhooks {
            verdict.missed = std::mem::take(&mut self.suspects);
            let known: HashSet<&String> = self.announced.iter().collect();
            self.suspects = tips.into_iter().filter(|tip| !known.contains(tip)).collect();
        }
        if !verdict.missed.is_empty() {
            self.proof = None;
        }
        if self.mode(now) == Mode::Webhook {
            if self.pause() < self.policy.ceiling {
                self.stretch += 1;
            }
        } else {
            self.stretch = 0;
        }

        if found == Some(false) {
            let (since, tries) = self.awaited.unwrap_or((now, 0));
            if now.saturating_sub(since) < limits::COMMIT_AWAITED {
                self.awaited = Some((since, tries.saturating_add(1)));
                let pause = doubled(limits::COMMIT_RETRY_MIN, tries).min(limits::COMMIT_RETRY_MAX);
                self.next = now.saturating_add(jittered(pause, random));
                verdict.awaiting = true;
                return verdict;
            }
            verdict.given_up = true;
        }
        self.awaited = None;
        self.next = now.saturating_add(jittered(self.pause(), random));
        verdict
    }

    fn failed(&mut self, now: Duration, class: Class, wait: Option<Duration>, random: f64) {
        self.failures = self.failures.saturating_add(1);
        self.stretch = 0;
        self.awaited = None;
        // Somebody who asks again may know that the remote is back; but never faster than the first step of backoff.
        self.not_before = now.saturating_add(limits::FETCH_BACKOFF_MIN);
        let pause = match class {
            Class::Retry => {
                let whole = doubled(limits::FETCH_BACKOFF_MIN, self.failures - 1).min(limits::FETCH_BACKOFF_MAX);
                // Half of it fixed, half of it by chance: a fleet that failed together does not come back together.
                scaled(whole, 0.5 + 0.5 * unit(random)).max(limits::FETCH_BACKOFF_MIN)
            }
            Class::Wait => {
                let told = wait.unwrap_or(self.policy.interval);
                let told = told.clamp(limits::FETCH_BACKOFF_MIN, limits::FETCH_WAIT_MAX);
                self.not_before = now.saturating_add(told);
                scaled(told, 1.0 + 0.1 * unit(random))
            }
            Class::Operator | Class::Caller | Class::Bug => {
                jittered(self.policy.interval, random).max(limits::FETCH_BACKOFF_MIN)
            }
        };
        self.next = now.saturating_add(pause);
    }

    fn pause(&self) -> Duration {
        doubled(self.policy.interval, self.stretch).min(self.policy.ceiling)
    }

    fn proven(&self, now: Duration) -> bool {
        self.proof.is_some_and(|proof| now.saturating_sub(proof) <= limits::WEBHOOK_PROOF)
    }
}

/// `base` doubled `times` times, at most as long as a duration can be.
fn doubled(base: Duration, times: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(times))
}

/// A tenth more or less.
fn jittered(pause: Duration, random: f64) -> Duration {
    scaled(pause, 0.9 + 0.2 * unit(random))
}

/// `pause` times `factor`; what no duration can hold stays as it was.
fn scaled(pause: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(pause.as_secs_f64() * factor).unwrap_or(pause)
}

fn unit(random: f64) -> f64 {
    if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIDDLE: f64 = 0.5;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn schedule(webhooks: bool) -> Schedule {
        Schedule::new(Policy { interval: seconds(30), ceiling: seconds(300), webhooks })
    }

    fn nothing_new() -> Ended {
        Ended::Fetched { found: None, tips: Vec::new() }
    }

    fn tip(commit: &str) -> Ended {
        Ended::Fetched { found: None, tips: vec![commit.to_owned()] }
    }

    fn failed(class: Class) -> Ended {
        Ended::Failed { class, wait: None }
    }

    /// The pause until the next poll, after a poll at `now` that ended like this.
    fn poll(schedule: &mut Schedule, now: Duration, ended: Ended) -> (Duration, Verdict) {
        let verdict = schedule.ended(now, Trigger::Poll, ended, MIDDLE);
        (schedule.due(false).checked_sub(now).unwrap(), verdict)
    }

    #[test]
    fn the_first_look_is_due_at_once_and_is_a_start_until_one_succeeds() {
        let mut schedule = schedule(true);
        assert_eq!(schedule.due(false), Duration::ZERO);
        assert_eq!(schedule.trigger(true, true), Trigger::Start);
        schedule.ended(seconds(1), Trigger::Start, failed(Class::Retry), MIDDLE);
        assert_eq!(schedule.trigger(false, false), Trigger::Start);
        schedule.ended(seconds(2), Trigger::Start, tip("a"), MIDDLE);
        assert_eq!(schedule.trigger(false, false), Trigger::Poll);
        assert_eq!(schedule.trigger(true, true), Trigger::Hint);
        assert_eq!(schedule.trigger(false, true), Trigger::Retry);
        assert!(schedule.suspects.is_empty(), "what moved before the start was nobody's duty to announce");
    }

    #[test]
    fn without_webhooks_it_polls_at_the_interval_give_or_take_a_tenth() {
        for (random, pause) in [(0.0, 27.0), (0.5, 30.0), (1.0, 33.0), (f64::NAN, 30.0), (7.0, 33.0)] {
            let mut schedule = schedule(false);
            for round in 0..5 {
                let now = seconds(round * 40);
                let verdict = schedule.ended(now, Trigger::Poll, tip(&round.to_string()), random);
                assert_eq!(verdict, Verdict::default(), "without an endpoint nothing is missed");
                assert!(((schedule.due(false).checked_sub(now).unwrap()).as_secs_f64() - pause).abs() < 1e-6);
            }
            assert_eq!(schedule.mode(seconds(200)), Mode::Poll);
        }
    }

    #[test]
    fn proven_webhooks_stretch_polling_up_to_the_ceiling_until_the_proof_is_old() {
        let mut schedule = schedule(true);
        assert_eq!(poll(&mut schedule, seconds(0), nothing_new()).0, seconds(30), "nothing is proven yet");
        schedule.announced(seconds(10), Some("a"));
        schedule.ended(seconds(10), Trigger::Hint, tip("a"), MIDDLE);
        assert_eq!(schedule.due(false), seconds(10 + 60));
        assert_eq!(schedule.mode(seconds(10)), Mode::Webhook);
        let mut now = seconds(70);
        for pause in [120, 240, 300, 300, 300] {
            assert_eq!(poll(&mut schedule, now, nothing_new()).0, seconds(pause));
            now += seconds(pause);
        }
        let late = seconds(10) + limits::WEBHOOK_PROOF + seconds(1);
        assert_eq!(poll(&mut schedule, late, nothing_new()).0, seconds(30));
        assert_eq!(schedule.mode(late), Mode::Poll);
    }

    #[test]
    fn a_missed_delivery_is_told_once_and_shortens_polling() {
        let mut schedule = schedule(true);
        schedule.announced(seconds(0), Some("a"));
        for now in [0, 60, 200] {
            poll(&mut schedule, seconds(now), nothing_new());
        }
        let (pause, verdict) = poll(&mut schedule, seconds(500), tip("b"));
        assert_eq!(pause, seconds(30), "short at once");
        assert_eq!(verdict.missed, Vec::<String>::new(), "it may only be late");
        let (pause, verdict) = poll(&mut schedule, seconds(530), nothing_new());
        assert_eq!((pause, verdict.missed), (seconds(30), vec!["b".to_owned()]));
        let (pause, verdict) = poll(&mut schedule, seconds(560), nothing_new());
        assert_eq!((pause, verdict.missed), (seconds(30), Vec::new()));
        schedule.announced(seconds(570), Some("c"));
        schedule.ended(seconds(570), Trigger::Hint, tip("c"), MIDDLE);
        assert_eq!(schedule.due(false), seconds(630), "proven again");
    }

    #[test]
    fn a_delivery_that_is_only_late_is_not_missed() {
        for announced in [Some("b"), None] {
            let mut schedule = schedule(true);
            poll(&mut schedule, seconds(0), nothing_new());
            poll(&mut schedule, seconds(30), tip("b"));
            schedule.announced(seconds(35), announced);
            schedule.ended(seconds(35), Trigger::Hint, nothing_new(), MIDDLE);
            assert_eq!(poll(&mut schedule, seconds(95), nothing_new()).1, Verdict::default());
        }
    }

    #[test]
    fn a_commit_that_was_announced_and_came_late_is_not_missed() {
        let mut schedule = schedule(true);
        schedule.announced(seconds(0), Some("late"));
        assert_eq!(poll(&mut schedule, seconds(100), tip("late")).1, Verdict::default());
        assert_eq!(poll(&mut schedule, seconds(200), nothing_new()).1, Verdict::default());
    }

    #[test]
    fn a_commit_that_the_remote_does_not_show_yet_is_awaited_and_then_given_up() {
        let mut schedule = schedule(true);
        let absent = || Ended::Fetched { found: Some(false), tips: Vec::new() };
        schedule.announced(seconds(0), Some("a"));
        let (mut now, mut tries) = (seconds(0), 0);
        loop {
            let verdict = schedule.ended(now, Trigger::Retry, absent(), MIDDLE);
            if verdict.given_up {
                break;
            }
            assert!(verdict.awaiting);
            let due = schedule.due(false);
            assert!(due > now && due <= now + limits::COMMIT_RETRY_MAX.mul_f64(1.1));
            now = due;
            tries += 1;
        }
        assert!(now >= limits::COMMIT_AWAITED && now < limits::COMMIT_AWAITED + limits::COMMIT_RETRY_MAX * 2);
        assert!((10..40).contains(&tries), "{tries} tries");
        assert!(schedule.due(false) >= now + seconds(30), "then it polls as ever");

        schedule.announced(now, Some("b"));
        let first = schedule.ended(now, Trigger::Hint, absent(), MIDDLE);
        assert!(first.awaiting, "the next commit has its own time");
        let found = Ended::Fetched { found: Some(true), tips: vec!["b".to_owned()] };
        assert_eq!(schedule.ended(now + seconds(1), Trigger::Retry, found, MIDDLE), Verdict::default());
    }

    #[test]
    fn failures_are_answered_by_their_class() {
        let at = |class, wait, random| {
            let mut schedule = schedule(true);
            schedule.ended(seconds(0), Trigger::Poll, Ended::Failed { class, wait }, random);
            (schedule.due(false).as_millis(), schedule.due(true).as_millis())
        };
        let floor = limits::FETCH_BACKOFF_MIN.as_millis();
        assert_eq!(at(Class::Retry, None, 1.0), (floor, floor));
        assert_eq!(at(Class::Operator, None, 0.5), (30_000, floor));
        assert_eq!(at(Class::Bug, None, 0.5), (30_000, floor));
        assert_eq!(at(Class::Wait, Some(seconds(90)), 0.0), (90_000, 90_000), "never sooner than told");
        assert_eq!(at(Class::Wait, Some(seconds(90)), 1.0), (99_000, 90_000));
        assert_eq!(at(Class::Wait, None, 0.0), (30_000, 30_000));
        let most = limits::FETCH_WAIT_MAX.as_millis();
        assert_eq!(at(Class::Wait, Some(Duration::MAX), 0.0), (most, most), "a remote cannot stop us for ever");
    }

    #[test]
    fn backoff_grows_to_its_limit_and_is_over_with_the_first_success() {
        let mut schedule = schedule(true);
        let (mut now, mut before) = (seconds(0), Duration::ZERO);
        for _ in 0..40 {
            schedule.ended(now, Trigger::Poll, failed(Class::Retry), 1.0);
            let pause = schedule.due(false).checked_sub(now).unwrap();
            assert!(pause >= before && pause <= limits::FETCH_BACKOFF_MAX);
            (now, before) = (schedule.due(false), pause);
        }
        assert_eq!(before, limits::FETCH_BACKOFF_MAX);
        assert_eq!(poll(&mut schedule, now, nothing_new()).0, seconds(30));
        assert_eq!(schedule.due(true), now, "whoever asks is served at once again");
    }

    proptest! {
        /// Whatever happens in whatever order: the next look is in the future and within the longest of its bounds,
        /// nothing panics, and a commit is reported missed at most once.
        #[test]
        fn it_always_looks_again(
            interval in 1_u64..100_000, ceiling in 0_u64..10_000_000,
            steps in prop::collection::vec((0_u8..7, 0_u8..5, 0.0_f64..1.0, 0_u64..100_000), 0..60),
        ) {
            let policy = Policy { interval: seconds(interval), ceiling: seconds(ceiling), webhooks: true };
            let mut schedule = Schedule::new(policy);
            let (mut now, mut told) = (Duration::ZERO, Vec::new());
            for (what, commit, random, later) in steps {
                now += seconds(later);
                let name = format!("{commit}-{}", now.as_secs());
                let verdict = match what {
                    0 => { schedule.announced(now, Some(&name)); continue }
                    1 => { schedule.announced(now, None); continue }
                    2 => schedule.ended(now, Trigger::Poll, tip(&name), random),
                    3 => schedule.ended(now, Trigger::Hint, Ended::Fetched { found: Some(commit > 2), tips: vec![] }, random),
                    4 => schedule.ended(now, Trigger::Retry, failed(Class::Retry), random),
                    5 => schedule.ended(now, Trigger::Poll, Ended::Failed { class: Class::Wait, wait: Some(seconds(later)) }, random),
                    _ => schedule.ended(now, Trigger::Poll, failed(Class::Operator), random),
                };
                for missed in verdict.missed {
                    prop_assert!(!told.contains(&missed));
                    told.push(missed);
                }
                let longest = seconds(interval.max(ceiling)).max(limits::FETCH_BACKOFF_MAX).max(limits::FETCH_WAIT_MAX);
                prop_assert!(schedule.due(false) > now);
                prop_assert!(schedule.due(false) <= now + longest.mul_f64(1.2));
                prop_assert!(schedule.due(true) <= schedule.due(false));
            }
        }
    }
}
