//! What is wrong with a flag file, in words for the person who wrote it.

use std::sync::Arc;

use serde::Serialize;

use crate::yaml::Position;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Flipt's server and the client SDKs that evaluate by themselves read it differently. Served whatever the
    /// environment says of hazards: who evaluates on one side only is not concerned.
    Warning,
    /// Accepted by Flipt in silence, but it does not mean what it seems to say. Served as Flipt serves it, unless the
    /// environment says `hazards: refuse`.
    Hazard,
    /// The file cannot be taken: its namespaces stay at their last good state.
    Error,
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Short, stable name for machines: `unknown-segment`, `malformed-constraint`, `duplicate-key`, …
    pub code: &'static str,
    /// Path of the file below the environment's directory.
    pub file: Arc<str>,
    /// Line and column, from 1; absent where the whole file is meant.
    #[serde(flatten)]
    pub at: Option<Position>,
    /// Where in the document: `flags[3].rules[0].segment`.
    pub key_path: String,
    /// Namespace it concerns, if that could be told.
    pub namespace: Option<Arc<str>>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What becomes of hazards (`environments.<e>.hazards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HazardPolicy {
    /// Evaluate exactly as Flipt and show them.
    #[default]
    Warn,
    /// Treat each as an error: the namespace keeps its last good state.
    Refuse,
}
