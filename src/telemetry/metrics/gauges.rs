//! What is true at the moment of a scrape.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::OfStorage;
use crate::flags::problem::Severity;
use crate::sync::status::{Mode, Storage};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEnvironment {
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProblems {
    environment: String,
    severity: &'static str,
}

/// What was seen last of what is trusted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trust {
    pub(super) certificate_end: Option<Timestamp>,
    pub(super) issuer: Option<(usize, bool, Option<u64>)>,
}

impl Trust {
    /// Nothing of what there is not: a zero would be an alarm.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    pub(super) fn gauges(self) -> Registry {
        let mut registry = Registry::default();
        if let Some(end) = self.certificate_end {
            let gauge: Gauge<f64, AtomicU64> = Gauge::default();
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

/// Storages and environments, open streams, and changes that wait behind glass, by environment.
pub(super) fn gauges(storages: &[Storage], streams: usize, waiting: &[(Arc<str>, usize)]) -> Registry {
    let mut registry = Registry::default();
    let in_progress: Gauge = Gauge::default();
    in_progress.set(i64::try_from(streams).unwrap_or(i64::MAX));
    registry.register("flipt_evaluations_streams_in_progress", "Streams that are open", in_progress);

    let staleness: Family<OfStorage, Gauge<f64, AtomicU64>> = Family::default();
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
