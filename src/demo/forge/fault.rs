//! What a forge does wrong, as data, and the book of what it was asked.

use std::time::Duration;

/// What a request of the Git protocol is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every one of them.
    Any,
    /// `GET …/info/refs`: what the server can do, and in the old protocol its refs.
    Advertise,
    /// `POST …/git-upload-pack` with `command=ls-refs`.
    List,
    /// `POST …/git-upload-pack` that asks for objects.
    Fetch,
    /// `POST …/git-receive-pack`.
    Push,
}

impl Kind {
    /// Whether `self`, as a pattern, means `other`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// What a request meets instead of an honest answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 401, whatever the credential.
    Refuse,
    /// This status, with a text body.
    Status(u16),
    /// This status with `Retry-After` in seconds.
    Throttle(u16, u64),
    /// A redirect to this URL, the rest of the path and the query behind it.
    Redirect(String),
    /// No answer until the faults are taken back; then the honest one.
    Stall,
    /// The connection ends after so many bytes of the honest body.
    CutAfter(usize),
    /// The honest body, so many bytes at a time with a pause between.
    Trickle {
        /// Bytes of each piece.
        bytes: usize,
        /// Pause before each piece.
        pause: Duration,
    },
    /// The honest answer of the copy that lags behind (`Forge::freeze_replica`).
    Lag,
}

/// One request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it was about.
    pub kind: Kind,
    /// Path of the repository as it was asked for.
    pub path: String,
    /// Who asked, if a credential was sent.
    pub user: Option<String>,
    /// What it met; absent for an honest answer.
    pub fault: Option<Fault>,
}

/// Faults to come and requests that were.
#[derive(Debug, Default)]
pub(super) struct Book {
    plans: Vec<(Kind, Fault, usize)>,
    seen: Vec<Seen>,
    strays: Vec<String>,
    /// Raised by `clear`: an answer that was held back by an earlier plan goes on.
    age: u64,
}

impl Book {
    pub(super) fn plan(&mut self, on: Kind, fault: Fault, times: usize) {
        self.plans.push((on, fault, times));
    }

    pub(super) fn clear(&mut self) {
        self.plans.clear();
        self.age += 1;
    }

    pub(super) fn age(&self) -> u64 {
        self.age
    }

    pub(super) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Notes a request that means nothing here.
    pub(super) fn stray(&mut self, path: &str) {
        self.strays.push(path.to_owned());
    }

    pub(super) fn strays(&self) -> &[String] {
        &self.strays
    }

    /// Notes a request and answers what it meets: the oldest plan that means it and is not used up.
    pub(super) fn meet(&mut self, kind: Kind, path: &str, user: Option<String>) -> Option<Fault> {
        let plan = self.plans.iter_mut().find(|(on, _, times)| on.covers(kind) && *times > 0);
        let fault = plan.map(|(_, fault, times)| {
            *times = times.saturating_sub(1);
            fault.clone()
        });
        self.seen.push(Seen { kind, path: path.to_owned(), user, fault: fault.clone() });
        fault
    }
}
