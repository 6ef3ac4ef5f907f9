//! What Prometheus is told.
//!
//! The names of evaluation metrics are Flipt's, so that dashboards keep working; what is Yardarm's own begins with
//! `yardarm_`. No label takes a value that a caller can choose: environments and namespaces are those that exist
//! (counted together past a [bound](crate::limits::METRIC_NAMESPACES)), storages those of the configuration. Flags have
//! labels in one metric, and no more than [so many](crate::limits::METRIC_FLAGS): 100,000 flags would be 100,000 series.

mod flags;
mod gauges;
mod lanes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use self::flags::CountsOfFlags;
use self::flags::Flags;
use self::gauges::{Trust, gauges};
pub use self::lanes::Lane;
use self::lanes::Lanes;
use crate::audit::{self, Event};
use crate::flags::evaluate::Reason;
use crate::ingest::Outcome;
use crate::provider::Provider;
use crate::sync::status::Storage;

/// Media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: a fetch, and the way from a delivery to its flags being live.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDelivery {
    storage: String,
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFetch {
    storage: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStorage {
    storage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfWrite {
    storage: String,
    outcome: &'static str,
    /// Why it was refused.
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPush {
    storage: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRefusal {
    reason: &'static str,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody that is known.
    Unauthenticated,
    /// Somebody who may not.
    Forbidden,
    /// Somebody who asks too often.
    TooMany,
}

impl Refusal {
    const ALL: [Self; 3] = [Self::Unauthenticated, Self::Forbidden, Self::TooMany];

    const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::TooMany => "rate",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProvider {
    provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// Every counter of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    deliveries: Family<OfDelivery, Counter>,
    fetches: Family<OfFetch, Counter>,
    fetch_time: Family<OfStorage, Histogram, fn() -> Histogram>,
    missed: Family<OfStorage, Counter>,
    writes: Family<OfWrite, Counter>,
    write_time: Family<OfStorage, Histogram, fn() -> Histogram>,
    pushes: Family<OfPush, Counter>,
    push_time: Family<OfStorage, Histogram, fn() -> Histogram>,
    retries: Family<OfStorage, Counter>,
    live_time: Family<OfStorage, Histogram, fn() -> Histogram>,
    streams_refused: Counter,
    refused: Family<OfRefusal, Counter>,
    proposal_looks: Family<OfFetch, Counter>,
    proposals_missed: Family<OfStorage, Counter>,
    proposal_time: Family<OfStorage, Histogram, fn() -> Histogram>,
    provider_requests: Family<OfRequest, Counter>,
    provider_time: Family<OfProvider, Histogram, fn() -> Histogram>,
    provider_left: Family<OfProvider, Gauge>,
    lanes: Arc<Lanes>,
    flags: Arc<Flags>,
    trust: Mutex<Trust>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let deliveries = Family::default();
        registry.register("yardarm_deliveries", "Webhook deliveries, by what became of them", deliveries.clone());
        let fetches = Family::default();
        registry.register("yardarm_fetches", "Fetches from the remote", fetches.clone());
        let fetch_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "How long fetches take";
        registry.register_with_unit("yardarm_fetch_duration", help, Unit::Seconds, fetch_time.clone());
        let missed = Family::default();
        let help = "Commits that polling found and no webhook had announced";
        registry.register("yardarm_missed_deliveries", help, missed.clone());
        let live_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "From the head of a delivery to its commit being served";
        registry.register_with_unit("yardarm_delivery_to_live", help, Unit::Seconds, live_time.clone());
        let writes = Family::default();
        let help = "Requests to write, by what became of them, and why they were refused";
        registry.register("yardarm_writes", help, writes.clone());
        let write_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "From a request to write to its end, of those that made a commit";
        registry.register_with_unit("yardarm_write_duration", help, Unit::Seconds, write_time.clone());
        let pushes = Family::default();
        registry.register("yardarm_pushes", "Pushes to the remote", pushes.clone());
        let push_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit("yardarm_push_duration", "How long pushes take", Unit::Seconds, push_time.clone());
        let retries = Family::default();
        let help = "Writes that were made once more because the branch had moved";
        registry.register("yardarm_write_retries", help, retries.clone());
        let proposal_looks = Family::default();
        let help = "Looks at everything that a provider has of proposals";
        registry.register("yardarm_proposal_looks", help, proposal_looks.clone());
        let proposals_missed = Family::default();
        let help = "Looks that found news of proposals that no webhook had told";
        registry.register("yardarm_proposals_missed", help, proposals_missed.clone());
        let proposal_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "From a delivery about a proposal to its new state being visible";
        registry.register_with_unit("yardarm_proposal_visible_duration", help, Unit::Seconds, proposal_time.clone());
        let streams_refused = Counter::default();
        let help = "Streams that were refused because too many were open";
        registry.register("yardarm_streams_refused", help, streams_refused.clone());
        let refused = Family::default();
        for refusal in Refusal::ALL {
            let _ = refused.get_or_create(&OfRefusal { reason: refusal.name() });
        }
        registry.register("yardarm_requests_refused", "Requests of clients that were turned away", refused.clone());
        let provider_requests = Family::default();
        let help = "Requests to the providers' APIs, by what was answered";
        registry.register("yardarm_provider_requests", help, provider_requests.clone());
        let provider_time = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "How long requests to the providers' APIs take, with the wait for a turn";
        registry.register_with_unit("yardarm_provider_request_duration", help, Unit::Seconds, provider_time.clone());
        let provider_left = Family::default();
        let help = "Requests that the provider's rate limit leaves, as its last answer says";
        registry.register("yardarm_provider_rate_remaining", help, provider_left.clone());
        let build: Family<OfBuild, Gauge> = Family::default();
        build.get_or_create(&OfBuild { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("yardarm_build_info", "The version that runs", build);
        let lanes = Arc::new(Lanes::default());
        registry.register_collector(Box::new(lanes.clone()));
        let flags = Arc::new(Flags::default());
        registry.register_collector(Box::new(flags.clone()));
        Self {
            registry,
            deliveries,
            fetches,
            fetch_time,
            missed,
            writes,
            write_time,
            pushes,
            push_time,
            retries,
            live_time,
            streams_refused,
            refused,
            proposal_looks,
            proposals_missed,
            proposal_time,
            provider_requests,
            provider_time,
            provider_left,
            lanes,
            flags,
            trust: Mutex::default(),
        }
    }

    /// One delivery. The storage of an endpoint that does not exist is not counted by name.
    pub fn delivery(&self, storage: &str, provider: &'static str, outcome: Outcome) {
        let storage = if outcome == Outcome::UnknownEndpoint { String::new() } else { storage.to_owned() };
        let labels = OfDelivery { storage, provider, outcome: outcome.name() };
        self.deliveries.get_or_create(&labels).inc();
    }

    /// One fetch from a remote.
    pub fn fetch(&self, storage: &str, ok: bool, took: Duration) {
        let result = if ok { "ok" } else { "error" };
        self.fetches.get_or_create(&OfFetch { storage: storage.to_owned(), result }).inc();
        self.fetch_time.get_or_create(&OfStorage { storage: storage.to_owned() }).observe(took.as_secs_f64());
    }

    /// A commit that no webhook announced.
    pub fn missed_delivery(&self, storage: &str) {
        self.missed.get_or_create(&OfStorage { storage: storage.to_owned() }).inc();
    }

    /// A delivery whose commit is served now.
    pub fn live(&self, storage: &str, since_delivery: Duration) {
        self.live_time.get_or_create(&OfStorage { storage: storage.to_owned() }).observe(since_delivery.as_secs_f64());
    }

    /// A write of which something new is known.
    pub fn write(&self, event: &Event) {
        let (storage, outcome) = (event.storage.to_string(), event.outcome.name());
        let reason = event.refusal.as_ref().map_or_else(String::new, |refused| refused.code.to_string());
        self.writes.get_or_create(&OfWrite { storage: storage.clone(), outcome, reason }).inc();
        if let (audit::Outcome::Accepted, Some(settled)) = (event.outcome, event.settled) {
            let took = Duration::try_from(settled.duration_since(event.at)).unwrap_or_default();
            self.write_time.get_or_create(&OfStorage { storage }).observe(took.as_secs_f64());
        }
    }

    /// A push, and what came of it.
    pub fn push(&self, storage: &str, result: &'static str, took: Duration) {
        self.pushes.get_or_create(&OfPush { storage: storage.to_owned(), result }).inc();
        self.push_time.get_or_create(&OfStorage { storage: storage.to_owned() }).observe(took.as_secs_f64());
    }

    /// A write that is made once more.
    pub fn write_retry(&self, storage: &str) {
        self.retries.get_or_create(&OfStorage { storage: storage.to_owned() }).inc();
    }

    /// A stream that found no seat.
    pub fn stream_refused(&self) {
        self.streams_refused.inc();
    }

    /// A look at everything that a provider has of proposals.
    pub fn proposal_look(&self, storage: &str, ok: bool) {
        let result = if ok { "ok" } else { "error" };
        self.proposal_looks.get_or_create(&OfFetch { storage: storage.to_owned(), result }).inc();
    }

    /// Such a look found what no webhook had told.
    pub fn proposal_missed(&self, storage: &str) {
        self.proposals_missed.get_or_create(&OfStorage { storage: storage.to_owned() }).inc();
    }

    /// What a delivery about a proposal was about is visible now.
    pub fn proposal_visible(&self, storage: &str, since_delivery: Duration) {
        let labels = OfStorage { storage: storage.to_owned() };
        self.proposal_time.get_or_create(&labels).observe(since_delivery.as_secs_f64());
    }

    /// A request to a provider's API; those that were not let out are not timed.
    pub fn provider_request(&self, provider: Provider, outcome: &'static str, took: Duration) {
        let provider = provider.name();
        self.provider_requests.get_or_create(&OfRequest { provider, outcome }).inc();
        if outcome != "refused" {
            self.provider_time.get_or_create(&OfProvider { provider }).observe(took.as_secs_f64());
        }
    }

    /// What a provider's rate limit leaves.
    pub fn provider_remaining(&self, provider: Provider, left: u64) {
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        self.provider_left.get_or_create(&OfProvider { provider: provider.name() }).set(left);
    }

    /// A request that was turned away.
    pub fn refused(&self, why: Refusal) {
        self.refused.get_or_create(&OfRefusal { reason: why.name() }).inc();
    }

    /// When the certificate that is served ends.
    pub fn certificate_end(&self, end: Option<Timestamp>) {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).certificate_end = end;
    }

    /// The keys of the issuer of JWTs, where they are fetched: how many count, whether the last fetch failed, and how
    /// many seconds ago the last good one was.
    pub fn issuer(&self, keys: Option<(usize, bool, Option<u64>)>) {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).issuer = keys;
    }

    /// Names who knows how often each flag was answered what: some of them, and all others together. Only the first
    /// call counts.
    pub fn flags(&self, of: Box<CountsOfFlags>) {
        let _ = self.flags.0.set(of);
    }

    /// The counters of one namespace that exists.
    #[must_use]
    pub fn lane(&self, environment: &Arc<str>, namespace: &Arc<str>) -> Arc<Lane> {
        self.lanes.get(environment, namespace)
    }

    /// One evaluation request that gave one answer.
    pub fn evaluation(&self, environment: &Arc<str>, namespace: &Arc<str>, reason: Reason, took: Duration) {
        let lane = self.lane(environment, namespace);
        lane.answered(reason, 1);
        lane.took(took);
    }

    /// Everything as Prometheus reads it, with what `storages`, the number of open streams and the
    /// changes that wait behind glass, by environment, say now.
    #[must_use]
    pub fn encode(&self, storages: &[Storage], streams: usize, waiting: &[(Arc<str>, usize)]) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // Formatting into a string does not fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &gauges(storages, streams, waiting));
        let trust = *self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = encode_registry(&mut text, &trust.gauges());
        let _ = encode_eof(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn a_scrape_holds_counters_lanes_and_gauges() {
        let metrics = Metrics::new();
        metrics.delivery("flags", "gitea", Outcome::Accepted);
        metrics.delivery("\"}evil", "gitea", Outcome::UnknownEndpoint);
        metrics.fetch("flags", true, Duration::from_millis(20));
        metrics.missed_delivery("flags");
        metrics.live("flags", Duration::from_millis(40));
        metrics.evaluation(&"prod".into(), &"default".into(), Reason::Match, Duration::from_micros(30));
        let text = metrics.encode(&[], 3, &[("production".into(), 2)]);
        for line in [
            r#"yardarm_deliveries_total{storage="flags",provider="gitea",outcome="accepted"} 1"#,
            r#"yardarm_deliveries_total{storage="",provider="gitea",outcome="unknown-endpoint"} 1"#,
            r#"yardarm_fetches_total{storage="flags",result="ok"} 1"#,
            r#"yardarm_fetch_duration_seconds_count{storage="flags"} 1"#,
            r#"yardarm_missed_deliveries_total{storage="flags"} 1"#,
            r#"yardarm_delivery_to_live_seconds_bucket{le="0.05",storage="flags"} 1"#,
            r#"flipt_evaluations_requests_total{flipt_environment="prod",flipt_namespace="default"} 1"#,
            r#"flipt_evaluations_results_total{flipt_environment="prod",flipt_namespace="default",flipt_reason="MATCH_EVALUATION_REASON"} 1"#,
            r#"flipt_evaluations_latency_milliseconds_bucket{le="0.05",flipt_environment="prod",flipt_namespace="default"} 1"#,
            "flipt_evaluations_streams_in_progress 3",
            r#"yardarm_break_glass{environment="production"} 2"#,
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn namespaces_without_end_are_counted_together() {
        let metrics = Metrics::new();
        for n in 0..limits::METRIC_NAMESPACES + 50 {
            metrics.lane(&"prod".into(), &n.to_string().into()).snapshot();
        }
        let text = metrics.encode(&[], 0, &[]);
        assert!(text.contains(
            "flipt_evaluations_snapshot_requests_total{flipt_environment=\"other\",flipt_namespace=\"other\"} 50\n"
        ));
    }
}
