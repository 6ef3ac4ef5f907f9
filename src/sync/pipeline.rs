//! One run, on one page: fetch -> read -> check -> swap -> tell.
//!
//! The network is asked outside of every lock; what it brings is read, checked and swapped by [`super::followed`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::branches;
use super::followed::Followed;
use super::share::Share;
use super::{Repository, Source};
use crate::clock::Clock;
use crate::flags::problem::HazardPolicy;
use crate::git::{self, FetchRequest, Fetched, Opened};
use crate::limits;
use crate::serve::{self, Environments};
use crate::store::{Fetch, Store};

/// What the configuration makes of one storage.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: Arc<str>,
    /// What it follows, as the status shows it.
    pub remote: String,
    /// Its branch.
    pub branch: Arc<str>,
    /// Its configured environments.
    pub environments: Vec<Planned>,
}

/// One configured environment.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Where it is served from.
    pub environment: Arc<serve::Environment>,
    /// What becomes of hazards; holds for its branch environments, too.
    pub hazards: HazardPolicy,
}

impl Plan {
    /// Every branch to fetch.
    #[must_use]
    pub fn branches(&self) -> Vec<String> {
        let patterns = self.environments.iter().map(|e| format!("{}*", branches::prefix(&e.environment.name)));
        std::iter::once(self.branch.to_string()).chain(patterns).collect()
    }

    /// Whether a base is one of this storage's environments.
    pub(super) fn has(&self, base: Option<&Arc<str>>) -> bool {
        self.environments.iter().any(|e| Some(&e.environment.name) == base)
    }
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the fetch brought; absent if the network was not asked.
    pub fetched: Option<Fetched>,
    /// When the fetch had ended.
    pub fetched_at: Timestamp,
    /// How long the fetch took.
    pub took: Duration,
    /// When everything that came of it was being served.
    pub live_at: Timestamp,
    /// Tip of the storage's branch.
    pub head: Option<Arc<str>>,
    /// A commit that we have pushed and that the fetch did not find yet; empty of a branch that was removed.
    pub unconfirmed: Option<String>,
}

/// Everything that the runs of one storage need, and what they remember from one to the next.
pub struct Pipeline {
    plan: Plan,
    source: Arc<dyn Source>,
    share: Arc<Share>,
    /// The mirror has no branch yet: the next fetch brings the whole repository.
    empty: bool,
    table: Arc<Environments>,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Pipeline {
    /// A pipeline that has done nothing yet.
    #[must_use]
    pub fn new(
        plan: Plan,
        source: Arc<dyn Source>,
        share: Arc<Share>,
        table: Arc<Environments>,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { plan, source, share, empty: true, table, store, clock }
    }

    /// Serves what is on this machine's disk; the network is not asked.
    ///
    /// # Errors
    /// [`git::Error`] if there is no mirror and none can be made, or if it is damaged.
    pub fn restore(&mut self) -> Result<Report, git::Error> {
        let (table, store, clock) = (self.table.clone(), self.store.clone(), self.clock.clone());
        self.share.begin(Followed::new(self.plan.clone(), table, store, clock));
        // What the source says may have changed, a credential for one.
        self.share.set_repository(None);
        let repository = self.repository()?;
        let since = self.share.number();
        let heads = repository.heads()?;
        let at = self.clock.now();
        self.empty = heads.is_empty();
        let settled = self.share.fetched(&*repository, since, &heads, true);
        let live_at = settled.live_at?;
        Ok(self.report(None, at, Duration::ZERO, live_at, &settled.heads))
    }

    /// Makes what is served equal to the remote.
    ///
    /// # Errors
    /// [`git::Error`]: then what was served before is still served.
    pub fn sync(&mut self, expected: Option<String>, stop: &Arc<AtomicBool>) -> Result<Report, git::Error> {
        let deadline = if self.empty { limits::GIT_CLONE_DEADLINE } else { limits::GIT_FETCH_DEADLINE };
        let request = FetchRequest { branches: self.share.branches(), expected, deadline };
        let began = Instant::now();
        let repository = self.repository()?;
        let since = self.share.number();
        let mut fetched = repository.fetch(&request, stop)?;
        let (took, fetched_at) = (began.elapsed(), self.clock.now());
        self.store.put_fetch(&self.plan.name, Fetch { remote: self.plan.remote.clone(), at: fetched_at });
        self.empty = fetched.heads.is_empty();
        let settled = self.share.fetched(&*repository, since, &fetched.heads, false);
        // What the fetch found of these was older than what is served, and is no news.
        fetched.moved.retain(|moved| !settled.kept.contains(&moved.branch));
        self.tell_moves(&fetched);
        let live_at = settled.live_at.inspect_err(|error| {
            // The next fetch makes a damaged mirror anew: that is a clone, and has a clone's time.
            self.empty = matches!(error, git::Error::Damaged(_));
        })?;
        let unconfirmed = settled.kept.first().map(|branch| settled.heads.get(branch).cloned().unwrap_or_default());
        let report = self.report(Some(fetched), fetched_at, took, live_at, &settled.heads);
        let report = Report { unconfirmed, ..report };
        // What was fetched is served; now there is time.
        if let Err(error) = repository.compact(stop) {
            tracing::warn!(storage = %self.plan.name, %error, "packs of the mirror could not be joined");
        }
        Ok(report)
    }

    /// When the remote was last fetched from, in this run or in an earlier one.
    #[must_use]
    pub fn last_fetch(&self) -> Option<Timestamp> {
        self.store.fetched(&self.plan.name, &self.plan.remote)
    }

    /// The environments as the status shows them.
    #[must_use]
    pub fn status(&self) -> Vec<super::status::Environment> {
        self.share.status()
    }

    /// Forgets everything that can be read again: what a run that broke off may have left is not built upon.
    pub fn reset(&mut self) {
        self.share.forget();
    }

    fn repository(&mut self) -> Result<Arc<dyn Repository>, git::Error> {
        if let Some(open) = self.share.repository() {
            return Ok(open);
        }
        let (repository, opened) = self.source.open()?;
        match opened {
            Opened::Created => tracing::info!(storage = %self.plan.name, "mirror made"),
            Opened::Existing => {}
            Opened::Quarantined { to, why } => {
                tracing::error!(storage = %self.plan.name, moved_to = %to.display(), why, "mirror moved aside");
            }
        }
        self.share.set_repository(Some(repository.clone()));
        Ok(repository)
    }

    fn tell_moves(&self, fetched: &Fetched) {
        let storage = &self.plan.name;
        if let Some(renewed) = &fetched.renewed {
            let (moved_to, why) = (renewed.to.display(), &renewed.why);
            tracing::error!(%storage, %moved_to, why, "the mirror was damaged: moved aside and cloned anew");
        }
        for moved in &fetched.moved {
            let (branch, old, new) = (&moved.branch, moved.old.as_deref(), moved.new.as_deref());
            match (old, new) {
                (Some(old), None) => tracing::warn!(%storage, branch, old, "branch deleted"),
                (None, new) => tracing::info!(%storage, branch, revision = new, "branch appeared"),
                (Some(old), new) if moved.forced => {
                    tracing::warn!(%storage, branch, old, revision = new, "history rewritten; followed");
                }
                (old, new) => tracing::debug!(%storage, branch, old, revision = new, "branch moved"),
            }
        }
    }

    fn report(
        &self,
        fetched: Option<Fetched>,
        fetched_at: Timestamp,
        took: Duration,
        live_at: Timestamp,
        heads: &BTreeMap<String, String>,
    ) -> Report {
        let head = heads.get(&*self.plan.branch).map(|head| head.as_str().into());
        Report { fetched, fetched_at, took, live_at, head, unconfirmed: None }
    }
}
