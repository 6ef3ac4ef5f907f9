//! What the tracker of proposals is given: providers by the links, deliveries by the ledger's way, records by the store.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use jiff::Timestamp;

use crate::config::Config;
use crate::ingest::Ingest;
use crate::ingest::deliveries::Log;
use crate::proposal::Record;
use crate::provider::api::{self, Answer, Ask, Failure, Request};
use crate::scm::{Link, Links};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::track::{Keep, Rules, Scm, Told};

/// The provider of a storage: that of its environments, which share a repository.
pub(super) fn reach(links: &Links, config: &Config, storage: &str) -> Option<Result<Scm, String>> {
    let environments = config.environments.iter().filter(|environment| *environment.storage == *storage);
    let linked: Vec<_> = environments.filter_map(|e| Some((e, links.of(&e.name)?))).collect();
    let mut rules = HashMap::new();
    let mut first = None;
    let mut missing = None;
    for (environment, one) in linked {
        match one {
            Ok(linked) => {
                let one = Rules {
                    removes_merged: linked.delete_merged_branches,
                    draft: linked.draft,
                    merge_method: linked.merge_method,
                    protected: environment.protected,
                    report: linked.report,
                };
                rules.insert(environment.name.clone(), one);
                first.get_or_insert(linked);
            }
            Err(why) => missing = missing.or(Some(why)),
        }
    }
    let Some(first) = first else { return missing.map(Err) };
    Some(Ok(Scm {
        provider: first.place.provider,
        api: api::of(first.place.clone()).into(),
        ask: first.link.clone(),
        background: Arc::new(Background(first.link.clone())),
        rules,
    }))
}

/// A link that leaves the rest of a rate limit to people.
struct Background(Arc<Link>);

impl Ask for Background {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        self.0.background().ask(request)
    }
}

/// Books what becomes of deliveries about proposals, and counts.
pub(super) struct Booked {
    deliveries: Arc<Log>,
    metrics: Arc<Metrics>,
    ingest: OnceLock<Weak<Ingest>>,
}

impl Booked {
    pub(super) fn new(deliveries: Arc<Log>, metrics: Arc<Metrics>) -> Self {
        Self { deliveries, metrics, ingest: OnceLock::new() }
    }

    /// Names who has to know whether a delivery may run again. Only the first call counts.
    pub(super) fn connect(&self, ingest: &Arc<Ingest>) {
        let _ = self.ingest.set(Arc::downgrade(ingest));
    }

    fn finished(&self, id: &str, result: Result<(), &str>) {
        if let Some(ingest) = self.ingest.get().and_then(Weak::upgrade) {
            ingest.finished(id, result);
        }
    }
}

impl Told for Booked {
    fn read(&self, storage: &str, delivery: &str, received: Timestamp, at: Timestamp) {
        // Before the record says so: whoever has read that it is done finds it done.
        self.finished(delivery, Ok(()));
        let since = Duration::try_from(at.duration_since(received)).unwrap_or_default();
        self.deliveries.update(delivery, |record| {
            record.steps.fetched = Some(since.as_secs_f64() * 1e3);
            record.steps.live = record.steps.fetched;
            record.error = None;
        });
        self.metrics.proposal_visible(storage, since);
    }

    fn failed(&self, delivery: &str, why: &str) {
        self.finished(delivery, Err(why));
    }

    fn missed(&self, storage: &str) {
        self.metrics.proposal_missed(storage);
    }

    fn looked(&self, storage: &str, ok: bool) {
        self.metrics.proposal_look(storage, ok);
    }
}

/// Keeps records in the store, behind.
pub(super) struct Kept(pub(super) Store);

impl Keep for Kept {
    fn keep(&self, record: &Arc<Record>) {
        self.0.put_proposal(record.clone());
    }

    fn forget(&self, storage: &str, id: &str) {
        self.0.forget_proposal(storage, id);
    }
}
