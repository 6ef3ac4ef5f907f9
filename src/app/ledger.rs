//! Books what becomes of runs: in the deliveries' records, in the metrics, and in what counts as seen. And counts what
//! becomes of writes ([`Counting`]).

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use jiff::Timestamp;

use crate::audit;
use crate::clock::Clock;
use crate::ingest::Ingest;
use crate::ingest::deliveries::Log;
use crate::provider::Provider;
use crate::scm::Counts;
use crate::sync::Observer;
use crate::sync::slot::Covered;
use crate::telemetry::metrics::Metrics;

/// See [`Observer`].
pub(super) struct Ledger {
    deliveries: Arc<Log>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    /// Ingest hints to the workers, and these tell the ledger: the circle is closed here, without owning.
    ingest: OnceLock<Weak<Ingest>>,
}

impl Ledger {
    pub(super) fn new(deliveries: Arc<Log>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self { deliveries, metrics, clock, ingest: OnceLock::new() }
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

impl Observer for Ledger {
    fn fetch_ended(&self, storage: &str, ok: bool, took: Duration) {
        self.metrics.fetch(storage, ok, took);
    }

    fn missed(&self, storage: &str, commits: &[String]) {
        for _ in commits {
            self.metrics.missed_delivery(storage);
        }
        self.deliveries.missed(storage, commits, self.clock.now());
    }

    fn delivery_done(
        &self,
        storage: &str,
        delivery: &Covered,
        fetched: Timestamp,
        live: Timestamp,
        held: Option<&str>,
    ) {
        // Before the record says so: whoever has read that it is done finds it done.
        self.finished(&delivery.id, Ok(()));
        let since = |step: Timestamp| Duration::try_from(step.duration_since(delivery.received)).unwrap_or_default();
        self.deliveries.update(&delivery.id, |record| {
            record.steps.fetched = Some(since(fetched).as_secs_f64() * 1e3);
            record.steps.live = Some(since(live).as_secs_f64() * 1e3);
            // What an earlier run failed with is over.
            record.error = held.map(str::to_owned);
        });
        self.metrics.live(storage, since(live));
    }

    fn delivery_failed(&self, _storage: &str, delivery: &Covered, error: &str) {
        self.finished(&delivery.id, Err(error));
    }
}

/// Counts writes, and what is asked of providers.
#[derive(Debug)]
pub(super) struct Counting(pub(super) Arc<Metrics>);

impl audit::log::Copy for Counting {
    fn copy(&self, event: &Arc<audit::Event>) {
        self.0.write(event);
    }

    fn pushed(&self, storage: &str, result: &'static str, took: Duration) {
        self.0.push(storage, result, took);
    }

    fn retried(&self, storage: &str) {
        self.0.write_retry(storage);
    }
}

impl Counts for Counting {
    fn request(&self, provider: Provider, outcome: &'static str, took: Duration) {
        self.0.provider_request(provider, outcome, took);
    }

    fn remaining(&self, provider: Provider, left: u64) {
        self.0.provider_remaining(provider, left);
    }
}
