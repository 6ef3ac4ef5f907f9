//! What everybody is told while a glass is broken: in the header of every answer, in the status, in the log.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::watch;

use super::Waiting;
use crate::bell::Bell;
use crate::limits;

/// An environment that is served as the provider does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Name of the storage.
    pub storage: Arc<str>,
    /// Name of the environment.
    pub environment: Arc<str>,
    /// Since the first change of it.
    pub since: Timestamp,
    /// When the first of its changes ends to be served.
    pub until: Timestamp,
    /// Changes that wait.
    pub changes: usize,
    /// Who made the first one.
    pub by: Arc<str>,
    /// Why.
    pub reason: String,
}

/// Every broken glass of the process. Looking is cheap: there is none, as a rule.
#[derive(Debug)]
pub struct Glass {
    told: ArcSwapOption<Told>,
    changed: watch::Sender<()>,
    bell: Bell,
    reminded: Mutex<Option<Timestamp>>,
}

/// What is told.
#[derive(Debug)]
pub struct Told {
    /// Each of them, by name of the environment.
    pub broken: Vec<Broken>,
    /// All of them in one line: `<environment>; until=<time>; changes=<n>`, parted by commas.
    pub line: String,
}

impl Default for Glass {
    fn default() -> Self {
        Self {
            told: ArcSwapOption::empty(),
            changed: watch::Sender::new(()),
            bell: Bell::default(),
            reminded: Mutex::default(),
        }
    }
}

impl Glass {
    /// What is to be told; nothing, as a rule.
    #[must_use]
    pub fn told(&self) -> Option<Arc<Told>> {
        self.told.load_full()
    }

    /// Rings whenever something else is to be told.
    pub(in crate::write) const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether anything of a storage waits.
    pub(in crate::write) fn is_broken(&self, storage: &str) -> bool {
        self.told.load().as_ref().is_some_and(|told| told.broken.iter().any(|broken| *broken.storage == *storage))
    }

    /// Wakes whoever looks after it.
    pub(in crate::write) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes what waits now, of every storage; says so if it has begun or ended.
    pub(super) fn tell(&self, waiting: &[Waiting], now: Timestamp) {
        let broken = broken(waiting, now);
        let before = self.told.load_full();
        let known = before.as_ref().map_or(&[][..], |told| &told.broken);
        let of = |all: &[Broken], one: &Broken| all.iter().any(|other| other.environment == one.environment);
        for one in broken.iter().filter(|one| !of(known, one)) {
            *self.reminded.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            let Broken { storage, environment, until, changes, by, reason, .. } = one;
            tracing::error!(%storage, %environment, %until, changes, %by, reason,
                "the glass is broken: changes are served that the provider does not have");
        }
        for Broken { storage, environment, since, .. } in known.iter().filter(|one| !of(&broken, one)) {
            tracing::error!(%storage, %environment, %since,
                "the glass is whole again: what is served is what the provider has");
        }
        if known != broken {
            let line = broken.iter().map(Broken::line).collect::<Vec<_>>().join(", ");
            self.told.store((!broken.is_empty()).then(|| Arc::new(Told { broken, line })));
            self.changed.send_replace(());
            self.bell.ring();
        }
    }

    /// Says it once more, if it was long ago.
    pub(super) fn remind(&self, now: Timestamp) {
        let Some(told) = self.told() else { return };
        let mut reminded = self.reminded.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = SignedDuration::try_from(limits::GLASS_REMINDER).unwrap_or(SignedDuration::MAX);
        if reminded.is_some_and(|at| now.duration_since(at) < pause) {
            return;
        }
        *reminded = Some(now);
        drop(reminded);
        for Broken { storage, environment, since, until, changes, by, reason } in &told.broken {
            tracing::error!(%storage, %environment, %since, %until, changes, %by, reason, "the glass is still broken");
        }
    }
}

impl Broken {
    fn line(&self) -> String {
        const NAME: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
        let name = utf8_percent_encode(&self.environment, NAME);
        format!("{name}; until={:.0}; changes={}", self.until, self.changes)
    }
}

fn broken(waiting: &[Waiting], now: Timestamp) -> Vec<Broken> {
    let mut all: Vec<Broken> = Vec::new();
    for Waiting { pending, .. } in waiting {
        let (event, until) = (&pending.event, pending.until.unwrap_or(now));
        if let Some(known) = all.iter_mut().find(|known| known.environment == event.environment) {
            known.changes += 1;
            known.until = known.until.min(until);
            continue;
        }
        all.push(Broken {
            storage: event.storage.clone(),
            environment: event.environment.clone(),
            since: event.at,
            until,
            changes: 1,
            by: event.by.name.clone(),
            reason: event.break_glass.clone().unwrap_or_default(),
        });
    }
    all.sort_by(|one, other| one.environment.cmp(&other.environment));
    all
}
