//! When the provider is asked for everything, whatever webhooks say. Pure.
//!
//! Webhooks are lost, so every storage is looked at now and then: rarely while they prove right, often while there is
//! none or while a look has found what none had told. Who asks us to wait is not asked before; who fails is asked ever
//! more rarely.

use std::time::Duration;

use serde::Serialize;

use crate::fault::Class;
use crate::limits;
use crate::provider::api::Failure;

/// What brings news of proposals at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Looking often: there is no webhook, or it missed something, or none has told anything yet.
    #[default]
    Poll,
    /// Webhooks prove right.
    Webhook,
}

/// When to look next.
#[derive(Debug, Clone)]
pub struct Schedule {
    webhooks: bool,
    proven: bool,
    failures: u32,
    next: Duration,
}

impl Schedule {
    /// The first look is due at once. `webhooks`: there is one that could tell.
    #[must_use]
    pub const fn new(webhooks: bool) -> Self {
        Self { webhooks, proven: webhooks, failures: 0, next: Duration::ZERO }
    }

    /// When the next look is due.
    #[must_use]
    pub const fn next(&self) -> Duration {
        self.next
    }

    /// What brings news.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.webhooks && self.proven { Mode::Webhook } else { Mode::Poll }
    }

    /// A webhook has told of a proposal: they work.
    pub const fn told(&mut self) {
        self.proven = true;
    }

    /// There is a webhook now, or none any more.
    pub const fn set_webhooks(&mut self, webhooks: bool) {
        self.webhooks = webhooks;
    }

    /// Look soon: somebody asks for it, or something was mended.
    pub fn hurry(&mut self, now: Duration) {
        self.next = self.next.min(now);
    }

    /// A look has ended well. `missed`: it found what no webhook had told. `chance` is between 0 and 1.
    pub fn looked(&mut self, missed: bool, chance: f64, now: Duration) {
        self.failures = 0;
        self.proven &= !missed;
        let pause = match self.mode() {
            Mode::Webhook => limits::RECONCILE_INTERVAL,
            Mode::Poll => limits::RECONCILE_OFTEN,
        };
        self.next = now + jittered(pause, chance);
    }

    /// A look has failed.
    pub fn failed(&mut self, failure: &Failure, chance: f64, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.next = now + pause_after(failure, self.failures, chance);
    }
}

/// How long nothing is tried again after the `failures`th failure in a row.
#[must_use]
pub fn pause_after(failure: &Failure, failures: u32, chance: f64) -> Duration {
    match (failure, failure.class()) {
        (Failure::Wait { after, .. }, _) => after.saturating_add(Duration::from_secs_f64(chance)),
        (_, Class::Operator | Class::Caller) => jittered(limits::RECONCILE_INTERVAL, chance),
        _ => {
            let doubled = limits::PROPOSAL_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(10));
            jittered(doubled.min(limits::RECONCILE_INTERVAL), chance)
        }
    }
}

/// A fifth more or less, so that many daemons do not ask at one moment.
fn jittered(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: f64 = 0.5;

    #[test]
    fn rarely_while_webhooks_prove_right_and_often_after_one_was_missed() {
        let second = Duration::from_secs(1);
        let mut schedule = Schedule::new(true);
        assert_eq!((schedule.next(), schedule.mode()), (Duration::ZERO, Mode::Webhook));
        schedule.looked(false, HALF, second);
        assert_eq!(schedule.next(), second + limits::RECONCILE_INTERVAL);
        schedule.looked(true, HALF, second);
        assert_eq!((schedule.next(), schedule.mode()), (second + limits::RECONCILE_OFTEN, Mode::Poll));
        schedule.looked(false, HALF, second);
        assert_eq!(schedule.mode(), Mode::Poll, "a quiet minute proves nothing");
        schedule.told();
        schedule.looked(false, HALF, second);
        assert_eq!(schedule.mode(), Mode::Webhook);
        let mut alone = Schedule::new(false);
        alone.told();
        alone.looked(false, HALF, second);
        assert_eq!((alone.next(), alone.mode()), (second + limits::RECONCILE_OFTEN, Mode::Poll));
        alone.hurry(second);
        assert_eq!(alone.next(), second);
    }

    #[test]
    fn who_asks_to_wait_is_not_asked_before() {
        let hour = Duration::from_secs(3_600);
        let wait = Failure::Wait { after: hour, why: String::new() };
        let mut schedule = Schedule::new(true);
        schedule.failed(&wait, 0.0, hour);
        assert_eq!(schedule.next(), hour * 2);
        let down = Failure::Provider("status 500".to_owned());
        let pauses: Vec<_> = (1..20).map(|n| pause_after(&down, n, HALF)).collect();
        assert_eq!(pauses[0], limits::PROPOSAL_RETRY);
        assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0]) && pauses[18] == limits::RECONCILE_INTERVAL);
        let wrong = Failure::Credential(String::new());
        assert_eq!(pause_after(&wrong, 1, HALF), limits::RECONCILE_INTERVAL);
    }
}
