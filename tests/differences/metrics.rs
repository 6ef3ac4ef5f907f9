//! Recorded metrics that are not here, and labels.

use super::reasons::{self, Reason};

/// Name of a recorded metric without its unit's or counter's end, a `*` at its end standing for anything, and why.
#[rustfmt::skip]
pub const METRICS: &[(&str, &Reason)] = &[
    ("flipt_evaluations_snapshot_errors", &reasons::UNTIMED),
    ("flipt_evaluations_snapshot_latency_milliseconds", &reasons::UNTIMED),
    ("flipt_evaluations_stream_latency_milliseconds", &reasons::UNTIMED),
    ("flipt_server_errors", &reasons::UNTIMED),
    ("flipt_git_*", &reasons::GIT_METRICS),
    ("go_*", &reasons::RUNTIME_METRICS),
    ("grpc_*", &reasons::RUNTIME_METRICS),
    ("process_*", &reasons::RUNTIME_METRICS),
    ("promhttp_*", &reasons::RUNTIME_METRICS),
    ("target_info", &reasons::RUNTIME_METRICS),
];

/// Labels of the evaluation metrics that are not here, and why.
#[rustfmt::skip]
pub const LABELS: &[(&str, &Reason)] = &[
    ("flipt_flag", &reasons::LABELS),
    ("flipt_flag_type", &reasons::LABELS),
    ("flipt_segments", &reasons::LABELS),
    ("flipt_value", &reasons::LABELS),
    ("otel_*", &reasons::LABELS),
];
