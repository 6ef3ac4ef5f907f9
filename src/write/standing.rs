//! What writers do beside writing: they measure, and say how an environment stands.

use std::time::Instant;

use jiff::Timestamp;

use super::writer::Storage;
use super::writers::Writers;
use crate::audit::Outcome;
use crate::git::{Push, PushError};
use crate::serve;

/// Whether and how an environment can be written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// It takes no direct changes.
    pub protected: bool,
    /// Why nothing can be written to its storage now, as far as that is known without trying.
    pub read_only: Option<String>,
    /// Why the messages of its commits are not what a template says.
    pub warnings: Vec<String>,
    /// It can be changed while the provider is down.
    pub break_glass: bool,
    /// Changes that are served and wait for the provider.
    pub waiting: usize,
    /// When the first of them ends to be served.
    pub until: Option<Timestamp>,
}

impl Writers {
    /// Whether an environment takes no direct changes.
    #[must_use]
    pub fn is_protected(&self, environment: &serve::Environment) -> bool {
        self.inner().is_ok_and(|inner| inner.core.settings.load().is_protected(environment))
    }

    /// How an environment stands.
    #[must_use]
    pub fn standing(&self, environment: &serve::Environment) -> Standing {
        let inner = match self.inner() {
            Ok(inner) => inner,
            Err(refusal) => return Standing { read_only: Some(refusal.to_string()), ..Standing::default() },
        };
        let settings = inner.core.settings.load();
        let pending = inner.core.audit.pending(&environment.storage);
        let waiting = pending.iter().filter(|waiting| {
            waiting.event.outcome == Outcome::BreakGlass && waiting.event.environment == environment.name
        });
        Standing {
            protected: settings.is_protected(environment),
            read_only: inner.storage(&environment.storage).err().map(|refusal| refusal.to_string()),
            warnings: settings
                .storage(&environment.storage)
                .map(|storage| storage.wording.warnings(&environment.name))
                .unwrap_or_default(),
            break_glass: settings.break_glass(environment).is_some(),
            waiting: waiting.clone().count(),
            until: waiting.filter_map(|waiting| waiting.until).min(),
        }
    }
}

impl Storage {
    /// Pushes, and says how long that took and what came of it.
    pub(super) fn push(&self, push: &Push) -> Result<(), PushError> {
        let began = Instant::now();
        let pushed = self.repository.push(push, &self.core.halt);
        let result = match &pushed {
            Ok(()) => "ok",
            Err(PushError::Stale { .. }) => "moved",
            Err(PushError::Rejected(_)) => "rejected",
            Err(PushError::Failed(_)) => "failed",
            Err(PushError::Unknown(_)) => "unknown",
        };
        let storage = self.share.storage();
        self.core.audit.pushed(storage, result, began.elapsed());
        if result == "moved" {
            self.core.audit.retried(storage);
        }
        pushed
    }
}
