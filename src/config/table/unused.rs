//! Sections of Flipt that change nothing here.

use super::super::keys::{Key, Shape};
use super::unused;

pub(super) static AUTHORIZATION: &[Key] = &[
    unused("required", Shape::Bool, ""),
    unused("backend", Shape::Any, ""),
    unused("local", Shape::Any, ""),
    unused("bundle", Shape::Any, ""),
];

pub(super) static METRICS: &[Key] = &[
    unused("enabled", Shape::Bool, ""),
    unused("exporter", Shape::Word(&["prometheus", "otlp"]), ""),
    unused("otlp", Shape::Any, ""),
];

pub(super) static TRACING: &[Key] = &[
    unused("enabled", Shape::Bool, ""),
    unused("exporter", Shape::Text, ""),
    unused("sampling_ratio", Shape::Any, ""),
    unused("propagators", Shape::Any, ""),
    unused("otlp", Shape::Any, ""),
];

pub(super) static META: &[Key] = &[
    unused("check_for_updates", Shape::Bool, ""),
    unused("telemetry_enabled", Shape::Bool, ""),
    unused("state_directory", Shape::Path, ""),
];

pub(super) static DIAGNOSTICS: &[Key] = &[unused("profiling", Shape::Any, "")];

pub(super) static LICENSE: &[Key] =
    &[unused("key", Shape::Secret, ""), unused("file", Shape::Path, ""), unused("machine_id", Shape::Text, "")];

pub(super) static SECRETS: &[Key] = &[unused("providers", Shape::Section(SECRET_PROVIDERS), "")];

static SECRET_PROVIDERS: &[Key] = &[
    unused("file", Shape::Section(SECRET_FILES), ""),
    unused("vault", Shape::Any, ""),
    unused("gcp", Shape::Any, ""),
    unused("aws", Shape::Any, ""),
    unused("azure", Shape::Any, ""),
];

static SECRET_FILES: &[Key] = &[unused("enabled", Shape::Bool, ""), unused("base_path", Shape::Path, "")];
