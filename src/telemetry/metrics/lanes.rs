//! Evaluations, by namespace, under the names that Flipt has for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::flags::evaluate::Reason;
use crate::limits;

/// Milliseconds: one evaluation request.
const MILLISECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0, 100.0];

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

/// Lanes by namespace.
type ByNamespace = HashMap<Arc<str>, Arc<Lane>>;
/// A counter of a lane: its name, what it counts, where it is.
type OfLane = (&'static str, &'static str, fn(&Lane) -> &Counter);

/// The lanes of all namespaces that were asked about, by environment.
#[derive(Default)]
pub(super) struct Lanes(RwLock<HashMap<Arc<str>, ByNamespace>>);

impl Lanes {
    pub(super) fn get(&self, environment: &Arc<str>, namespace: &Arc<str>) -> Arc<Lane> {
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
