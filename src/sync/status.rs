//! What the status API, `/ready` and the metrics say about each storage.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::fault::Class;
use crate::flags::problem::Problem;

/// What makes a storage move at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Polling at `poll_interval`.
    #[default]
    Poll,
    /// Webhooks prove healthy; polling is stretched.
    Webhook,
}

/// One storage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Its name.
    pub name: Arc<str>,
    /// Its remote, without userinfo.
    pub remote: Option<String>,
    /// Its branch.
    pub branch: Arc<str>,
    /// What makes it move.
    pub mode: Mode,
    /// Tip of the branch as last seen on the remote, hex.
    pub head: Option<Arc<str>>,
    /// End of the last fetch that succeeded.
    pub last_fetch: Option<Timestamp>,
    /// Seconds since then.
    pub staleness_seconds: Option<f64>,
    /// How long the last fetch took, milliseconds.
    pub fetch_milliseconds: Option<f64>,
    /// When it polls next.
    pub next_poll: Option<Timestamp>,
    /// When the last authentic delivery came.
    pub last_delivery: Option<Timestamp>,
    /// Commits that polling found and no webhook had announced.
    pub missed_deliveries: u64,
    /// Why the last fetch failed; absent if it did not.
    pub failure: Option<Failure>,
    /// Its environments, branch environments included.
    pub environments: Vec<Environment>,
}

/// A fetch that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What is to be done.
    pub class: Class,
    /// What failed.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// Tries since then.
    pub attempts: u64,
}

/// One environment of a storage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Its name.
    pub name: Arc<str>,
    /// Its base, for a branch environment.
    pub base: Option<Arc<str>>,
    /// Commit that is served, hex.
    pub commit: Option<Arc<str>>,
    /// Served from disk, not from a sync of this run.
    pub from_disk: bool,
    /// When the served commit was taken.
    pub since: Option<Timestamp>,
    /// Namespaces that are served, with their number of flags.
    pub namespaces: Vec<(Arc<str>, usize)>,
    /// Namespaces held at an earlier state.
    pub held: Vec<Arc<str>>,
    /// Errors and hazards.
    pub problems: Vec<Problem>,
}
