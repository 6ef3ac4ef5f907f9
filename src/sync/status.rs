//! What the status API, `/ready` and the metrics say about each storage.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde::Serialize;

use crate::bell::Bell;
use crate::fault::Class;
use crate::flags::problem::Problem;
use crate::serve;

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
    /// End of the last fetch that succeeded, in this run or in an earlier one.
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

impl Storage {
    /// Whether an environment of this storage has a snapshot. One without a remote has it from the start, and no commit
    /// before the first edit.
    #[must_use]
    pub fn serves(&self, environment: &serve::Environment) -> bool {
        environment.load().commit.is_some() || (self.remote.is_none() && self.failure.is_none())
    }
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
    /// Namespaces that are served, by key, with their number of flags.
    #[serde(serialize_with = "as_object")]
    pub namespaces: Vec<(Arc<str>, usize)>,
    /// Namespaces held at an earlier state.
    pub held: Vec<Arc<str>>,
    /// Errors and hazards.
    pub problems: Vec<Problem>,
}

/// `{"shop": 12}`
fn as_object<S: serde::Serializer>(namespaces: &[(Arc<str>, usize)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(namespaces.iter().map(|(key, flags)| (&**key, flags)))
}

/// The status of every storage. Written once a run by its worker, read by whoever asks.
#[derive(Debug, Default)]
pub struct Board {
    storages: RwLock<BTreeMap<Arc<str>, Storage>>,
    bell: Bell,
}

impl Board {
    /// Every storage by name, with its staleness as of `now`.
    #[must_use]
    pub fn all(&self, now: Timestamp) -> Vec<Storage> {
        let storages = self.storages.read().unwrap_or_else(PoisonError::into_inner);
        storages.values().map(|storage| storage.clone().aged(now)).collect()
    }

    /// One storage, with its staleness as of `now`.
    #[must_use]
    pub fn get(&self, name: &str, now: Timestamp) -> Option<Storage> {
        let storages = self.storages.read().unwrap_or_else(PoisonError::into_inner);
        storages.get(name).map(|storage| storage.clone().aged(now))
    }

    /// Rings whenever a storage may stand otherwise.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Changes one storage as a whole; one that is not on the board stays off it.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut Storage)) {
        let mut storages = self.storages.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(storage) = storages.get_mut(name) {
            change(storage);
            drop(storages);
            self.bell.ring();
        }
    }

    /// Puts exactly these storages on the board. What is known of one that stays (same name, same remote) is kept.
    pub fn set(&self, storages: Vec<Storage>) {
        let mut board = self.storages.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *board);
        *board = storages
            .into_iter()
            .map(|new| {
                let known = before.remove(&new.name).filter(|old| old.remote == new.remote);
                let storage = match known {
                    Some(old) if old.branch == new.branch => old,
                    _ => new,
                };
                (storage.name.clone(), storage)
            })
            .collect();
        drop(board);
        self.bell.ring();
    }
}

impl Storage {
    /// A storage of which nothing is known yet.
    #[must_use]
    pub fn new(name: Arc<str>, remote: Option<String>, branch: Arc<str>) -> Self {
        Self {
            name,
            remote,
            branch,
            mode: Mode::default(),
            head: None,
            last_fetch: None,
            staleness_seconds: None,
            fetch_milliseconds: None,
            next_poll: None,
            last_delivery: None,
            missed_deliveries: 0,
            failure: None,
            environments: Vec::new(),
        }
    }

    fn aged(mut self, now: Timestamp) -> Self {
        // A clock that was set back makes nothing younger than new.
        self.staleness_seconds = self.last_fetch.map(|fetch| now.duration_since(fetch).as_secs_f64().max(0.0));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness_is_as_of_the_question_and_a_reload_keeps_what_is_known() {
        let board = Board::default();
        board.update("a", |_| panic!("not on the board"));
        let storage = |remote: &str| Storage::new("a".into(), Some(remote.to_owned()), "main".into());
        board.set(vec![storage("r1")]);
        let then = Timestamp::UNIX_EPOCH;
        let later = Timestamp::from_second(90).unwrap();
        assert_eq!(board.get("a", later).unwrap().staleness_seconds, None);
        board.update("a", |storage| {
            storage.last_fetch = Some(then);
            storage.missed_deliveries = 3;
        });
        assert_eq!(board.all(later)[0].staleness_seconds, Some(90.0));
        board.update("a", |storage| storage.last_fetch = Some(later));
        assert_eq!(board.all(then)[0].staleness_seconds, Some(0.0));

        board.set(vec![storage("r1"), Storage::new("b".into(), None, "main".into())]);
        assert_eq!(board.get("a", later).unwrap().missed_deliveries, 3);
        board.set(vec![storage("r2")]);
        assert_eq!(board.get("a", later).unwrap().missed_deliveries, 0, "another repository has another history");
        assert!(board.get("b", later).is_none());
    }
}
