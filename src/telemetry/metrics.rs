//! What Prometheus is told.
//!
//! The names of evaluation metrics are Flipt's, so that dashboards keep working; what is Yardarm's own begins with
//! `yardarm_`. No label takes a value that a caller can choose: environments and namespaces are those that exist
//! (counted together past [`limits::METRIC_NAMESPACES`]), storages those of the configuration. Flags have labels in one
//! metric, and no more than [`limits::METRIC_FLAGS`] of them: 100,000 flags would be 100,000 series.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::analytics::Series;
use crate::audit::{self, Event};
use crate::flags::evaluate::Reason;
use crate::flags::problem::Severity;
use crate::ingest::Outcome;
use crate::limits;
use crate::provider::Provider;
use crate::sync::status::{Mode, Storage};

/// Media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: a fetch, and the way from a delivery to its flags being live.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Milliseconds: one evaluation request.
const MILLISECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0, 100.0];

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
struct OfEnvironment {
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProblems {
    environment: String,
    severity: &'static str,
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

/// What was seen last of what is trusted.
#[derive(Debug, Clone, Copy, Default)]
struct Trust {
    certificate_end: Option<Timestamp>,
    issuer: Option<(usize, bool, Option<u64>)>,
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
        let labels = OfDelivery { storage, provider, outcome: name_of(outcome) };
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

const fn name_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Duplicate => "duplicate",
        Outcome::Ignored => "ignored",
        Outcome::OtherRepository => "other-repository",
        Outcome::Unauthorized => "unauthorized",
        Outcome::UnknownEndpoint => "unknown-endpoint",
        Outcome::Unsupported => "unsupported",
        Outcome::TooLarge => "too-large",
        Outcome::TooSlow => "too-slow",
        Outcome::Overloaded => "overloaded",
    }
}

impl Trust {
    /// Nothing of what there is not: a zero would be an alarm.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    fn gauges(self) -> Registry {
        let mut registry = Registry::default();
        if let Some(end) = self.certificate_end {
            let gauge: Gauge<f64, std::sync::atomic::AtomicU64> = Gauge::default();
            gauge.set(end.as_second() as f64);
            let help = "When the certificate that is served ends, in seconds since 1970";
            registry.register_with_unit("yardarm_tls_certificate_expiry", help, Unit::Seconds, gauge);
        }
        if let Some((count, failing, age)) = self.issuer {
            let gauge = |value: i64| {
                let gauge: Gauge = Gauge::default();
                gauge.set(value);
                gauge
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            registry.register("yardarm_jwt_keys", "Keys by URL that JWTs are verified with", gauge(count));
            let help = "Whether the last fetch of the keys failed";
            registry.register("yardarm_jwt_keys_failing", help, gauge(failing.into()));
            if let Some(age) = age {
                let help = "Time since the last fetch of the keys that succeeded";
                let age = gauge(i64::try_from(age).unwrap_or(i64::MAX));
                registry.register_with_unit("yardarm_jwt_keys_staleness", help, Unit::Seconds, age);
            }
        }
        registry
    }
}

/// What is true at the moment of a scrape.
fn gauges(storages: &[Storage], streams: usize, waiting: &[(Arc<str>, usize)]) -> Registry {
    let mut registry = Registry::default();
    let in_progress: Gauge = Gauge::default();
    in_progress.set(i64::try_from(streams).unwrap_or(i64::MAX));
    registry.register("flipt_evaluations_streams_in_progress", "Streams that are open", in_progress);

    let staleness: Family<OfStorage, Gauge<f64, std::sync::atomic::AtomicU64>> = Family::default();
    let failing: Family<OfStorage, Gauge> = Family::default();
    let webhook: Family<OfStorage, Gauge> = Family::default();
    let flags: Family<OfEnvironment, Gauge> = Family::default();
    let from_disk: Family<OfEnvironment, Gauge> = Family::default();
    let held: Family<OfEnvironment, Gauge> = Family::default();
    let problems: Family<OfProblems, Gauge> = Family::default();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    for storage in storages {
        let labels = OfStorage { storage: storage.name.to_string() };
        if let Some(seconds) = storage.staleness_seconds {
            staleness.get_or_create(&labels).set(seconds);
        }
        failing.get_or_create(&labels).set(storage.failure.is_some().into());
        webhook.get_or_create(&labels).set((storage.mode == Mode::Webhook).into());
        for environment in &storage.environments {
            let labels = OfEnvironment { environment: environment.name.to_string() };
            flags.get_or_create(&labels).set(environment.namespaces.iter().map(|(_, flags)| count(*flags)).sum());
            from_disk.get_or_create(&labels).set(environment.from_disk.into());
            held.get_or_create(&labels).set(count(environment.held.len()));
            let severities = [(Severity::Error, "error"), (Severity::Hazard, "hazard"), (Severity::Warning, "warning")];
            for (severity, name) in severities {
                let labels = OfProblems { environment: environment.name.to_string(), severity: name };
                let found = environment.problems.iter().filter(|problem| problem.severity == severity).count();
                problems.get_or_create(&labels).set(count(found));
            }
        }
    }
    let glass: Family<OfEnvironment, Gauge> = Family::default();
    for (environment, changes) in waiting {
        glass.get_or_create(&OfEnvironment { environment: environment.to_string() }).set(count(*changes));
    }
    registry.register("yardarm_break_glass", "Changes that are served and not pushed yet", glass);
    let since = "Time since the last fetch that succeeded";
    registry.register_with_unit("yardarm_storage_staleness", since, Unit::Seconds, staleness);
    registry.register("yardarm_storage_failing", "Whether the last fetch failed", failing);
    registry.register(
        "yardarm_storage_webhook_mode",
        "Whether webhooks prove healthy and polling is stretched",
        webhook,
    );
    registry.register("yardarm_environment_flags", "Flags that are served", flags);
    registry.register("yardarm_environment_from_disk", "Whether what is served was not synced in this run", from_disk);
    registry.register("yardarm_environment_held_namespaces", "Namespaces held at an earlier state", held);
    registry.register("yardarm_environment_problems", "Problems of the flag files", problems);
    registry
}

/// The counters of one namespace.
#[derive(Debug)]
pub struct Lane {
    requests: Counter,
    errors: Counter,
    results: [(Reason, Counter); 4],
    latency: Histogram,
    snapshots: Counter,
    streams: Counter,
    messages: Counter,
}

impl Default for Lane {
    fn default() -> Self {
        let reasons = [Reason::Unknown, Reason::Disabled, Reason::Match, Reason::Default];
        Self {
            requests: Counter::default(),
            errors: Counter::default(),
            results: reasons.map(|reason| (reason, Counter::default())),
            latency: Histogram::new(MILLISECONDS),
            snapshots: Counter::default(),
            streams: Counter::default(),
            messages: Counter::default(),
        }
    }
}

impl Lane {
    /// Evaluations that gave an answer for this reason.
    pub fn answered(&self, reason: Reason, count: u64) {
        self.requests.inc_by(count);
        if let Some((_, counter)) = self.results.iter().find(|(of, _)| *of == reason) {
            counter.inc_by(count);
        }
    }

    /// An evaluation that gave none.
    pub fn failed(&self) {
        self.requests.inc();
        self.errors.inc();
    }

    /// How long a request for evaluation took.
    pub fn took(&self, time: Duration) {
        self.latency.observe(time.as_secs_f64() * 1_000.0);
    }

    /// A snapshot was asked for.
    pub fn snapshot(&self) {
        self.snapshots.inc();
    }

    /// A stream began.
    pub fn stream(&self) {
        self.streams.inc();
    }

    /// A stream told its client of a state.
    pub fn message(&self) {
        self.messages.inc();
    }
}

/// What was counted of flags since the start: some of them, always the same, and all others together.
pub type CountsOfFlags = dyn Fn() -> (Vec<(Arc<Series>, u64)>, u64) + Send + Sync;

/// Evaluations by flag.
#[derive(Default)]
struct Flags(OnceLock<Box<CountsOfFlags>>);

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flags")
    }
}

impl Collector for Flags {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(counts) = self.0.get() else { return Ok(()) };
        let (named, others) = counts();
        if named.is_empty() && others == 0 {
            return Ok(());
        }
        let help = "Evaluations by flag and answer; those past a bound have no flag";
        let mut metric = encoder.encode_descriptor("yardarm_flag_evaluations", help, None, MetricType::Counter)?;
        let mut one = |of: [&str; 4], count: u64| {
            let [environment, namespace, flag, variant] = of;
            let labels = [("environment", environment), ("namespace", namespace), ("flag", flag), ("variant", variant)];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)
        };
        for (series, count) in &named {
            one([&series.environment, &series.namespace, &series.flag, &series.answer], *count)?;
        }
        if others > 0 { one(["", "", "", ""], others) } else { Ok(()) }
    }
}

/// Lanes by namespace.
type ByNamespace = HashMap<Arc<str>, Arc<Lane>>;
/// A counter of a lane: its name, what it counts, where it is.
type OfLane = (&'static str, &'static str, fn(&Lane) -> &Counter);

/// The lanes of all namespaces that were asked about, by environment.
#[derive(Default)]
struct Lanes(RwLock<HashMap<Arc<str>, ByNamespace>>);

impl Lanes {
    fn get(&self, environment: &Arc<str>, namespace: &Arc<str>) -> Arc<Lane> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = known.get(environment).and_then(|lanes| lanes.get(namespace)) {
            return lane.clone();
        }
        let full = known.values().map(HashMap::len).sum::<usize>() >= limits::METRIC_NAMESPACES;
        drop(known);
        let (environment, namespace): (Arc<str>, Arc<str>) =
            if full { ("other".into(), "other".into()) } else { (environment.clone(), namespace.clone()) };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(environment).or_default().entry(namespace).or_default().clone()
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let lanes = || {
            known.iter().flat_map(|(environment, lanes)| {
                lanes.iter().map(move |(namespace, lane)| {
                    ([("flipt_environment", &**environment), ("flipt_namespace", &**namespace)], lane)
                })
            })
        };
        let counters: [OfLane; 5] = [
            ("flipt_evaluations_requests", "Evaluations that were asked for", |lane| &lane.requests),
            ("flipt_evaluations_errors", "Evaluations that gave no answer", |lane| &lane.errors),
            ("flipt_evaluations_snapshot_requests", "Client snapshots that were asked for", |lane| &lane.snapshots),
            ("flipt_evaluations_stream_requests", "Streams that were begun", |lane| &lane.streams),
            ("flipt_evaluations_stream_messages", "States that streams told", |lane| &lane.messages),
        ];
        for (name, help, of) in counters {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, lane) in lanes() {
                of(lane).encode(metric.encode_family(&labels)?)?;
            }
        }
        let help = "Evaluations by reason of the answer";
        let mut metric = encoder.encode_descriptor("flipt_evaluations_results", help, None, MetricType::Counter)?;
        for ([environment, namespace], lane) in lanes() {
            for (reason, counter) in &lane.results {
                counter.encode(metric.encode_family(&[environment, namespace, ("flipt_reason", reason.name())])?)?;
            }
        }
        let help = "How long evaluation requests take";
        let name = "flipt_evaluations_latency_milliseconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, lane) in lanes() {
            lane.latency.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
