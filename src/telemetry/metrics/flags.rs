//! Evaluations by flag and answer, as they are counted elsewhere.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::analytics::Series;

/// What was counted of flags since the start: some of them, always the same, and all others together.
pub type CountsOfFlags = dyn Fn() -> (Vec<(Arc<Series>, u64)>, u64) + Send + Sync;

/// Evaluations by flag.
#[derive(Default)]
pub(super) struct Flags(pub(super) OnceLock<Box<CountsOfFlags>>);

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
