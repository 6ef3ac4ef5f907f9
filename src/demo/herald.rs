//! Announces what moves at the demonstration's forge, whoever moved it: a person with Git, Yardarm's own pushes, a merge
//! at the desk. A real server does so by its hooks; this one looks at its branches.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::desk::Book;
use super::dialect::{Commit, Delivery, Encoding, Hook, Person, Push, Repository, Sender};
use super::outside::Outside;
use crate::git::program;
use crate::limits;

/// Who announces, and to whom.
#[derive(Debug, Clone)]
pub(super) struct Herald {
    pub(super) book: Arc<Book>,
    pub(super) repository: program::Repository,
    pub(super) place: Repository,
    pub(super) outside: Outside,
    /// Where the daemon takes its deliveries.
    pub(super) endpoint: String,
    pub(super) secret: String,
    pub(super) pusher: Person,
}

/// Branches and their tips.
type Tips = BTreeMap<String, String>;

impl Herald {
    /// Goes on until it is aborted. What there is at the beginning is no news.
    pub(super) fn begin(self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut known = self.look().await;
            self.book.take_happened();
            let mut tick = tokio::time::interval(limits::DEMO_HERALD);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let now = self.look().await;
                if now.is_empty() {
                    continue;
                }
                for delivery in self.news(&known, &now).await {
                    // A daemon that does not answer is shown by its own log, and polling finds what it missed.
                    let _ = self.outside.deliver(&self.endpoint, &delivery).await;
                }
                known = now;
            }
        })
    }

    /// The branches that the daemon follows here; nothing where they cannot be read just now.
    async fn look(&self) -> Tips {
        let repository = self.repository.clone();
        let listed = tokio::task::spawn_blocking(move || {
            repository.git([
                "for-each-ref",
                "--format=%(refname:short) %(objectname)",
                "refs/heads/main",
                "refs/heads/flipt",
            ])
        });
        let listed = listed.await.ok().and_then(Result::ok).unwrap_or_default();
        let pair = |line: &str| line.split_once(' ').map(|(name, tip)| (name.to_owned(), tip.to_owned()));
        listed.lines().filter_map(pair).collect()
    }

    async fn news(&self, known: &Tips, now: &Tips) -> Vec<Delivery> {
        let herald = self.clone();
        let (known, now) = (known.clone(), now.clone());
        tokio::task::spawn_blocking(move || herald.told(&known, &now)).await.unwrap_or_default()
    }

    /// Blocks.
    fn told(&self, known: &Tips, now: &Tips) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let all: std::collections::BTreeSet<&String> = known.keys().chain(now.keys()).collect();
        for branch in all {
            let (before, after) = (known.get(branch), now.get(branch));
            if before == after {
                continue;
            }
            if let Some(after) = after {
                self.book.moved(branch, after);
            }
            let commits: Vec<Commit> = after.map(|after| self.commit(before, after)).into_iter().collect();
            let reference = format!("refs/heads/{branch}");
            let push = Push {
                repository: &self.place,
                reference: &reference,
                before: before.map(String::as_str),
                after: after.map(String::as_str),
                forced: false,
                commits: &commits,
                pusher: &self.pusher,
                at: Timestamp::now(),
            };
            deliveries.extend(self.sealed(|hook| Sender::Gitea.deliveries(hook, &push)));
        }
        for happened in self.book.take_happened() {
            deliveries
                .extend(self.sealed(|hook| vec![Sender::Gitea.event(hook, happened.event, happened.payload.clone())]));
        }
        deliveries
    }

    fn commit(&self, before: Option<&String>, after: &String) -> Commit {
        let git = |arguments: &[&str]| self.repository.git(arguments).unwrap_or_default();
        let range = before.map_or_else(|| after.clone(), |before| format!("{before}..{after}"));
        let modified = git(&["log", "--format=", "--name-only", "-n", "5", &range]);
        Commit {
            id: after.clone(),
            message: git(&["log", "-1", "--format=%B", after]).trim().to_owned(),
            added: Vec::new(),
            modified: modified.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
            removed: Vec::new(),
        }
    }

    fn sealed(&self, make: impl FnOnce(&Hook<'_>) -> Vec<Delivery>) -> Vec<Delivery> {
        let id = uuid::Uuid::new_v4().to_string();
        make(&Hook { secret: &self.secret, id: &id, encoding: Encoding::Json, at: Timestamp::now() })
    }
}
