//! The record of a delivery: what it was, and what became of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A fetch was asked for (202).
    Accepted,
    /// Seen before and done (200).
    Duplicate,
    /// Authentic, but nothing to do: ping, other event, other ref (200).
    Ignored,
    /// Authentic, but for another repository (200).
    OtherRepository,
    /// Signature bad, missing or doubled (401).
    Unauthorized,
    /// No such endpoint (404).
    UnknownEndpoint,
    /// Method, content type or encoding that is not taken (405, 415).
    Unsupported,
    /// Body over the cap (413).
    TooLarge,
    /// Body did not come in time (408).
    TooSlow,
    /// Full or shutting down (503).
    Overloaded,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Ignored,
        Self::OtherRepository,
        Self::Unauthorized,
        Self::UnknownEndpoint,
        Self::Unsupported,
        Self::TooLarge,
        Self::TooSlow,
        Self::Overloaded,
    ];

    /// The name as metrics and logs spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::OtherRepository => "other-repository",
            Self::Unauthorized => "unauthorized",
            Self::UnknownEndpoint => "unknown-endpoint",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::Overloaded => "overloaded",
        }
    }
}

/// The record of one delivery, as `GET /api/v2/storages/{s}/deliveries` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Our id of the record.
    pub id: Arc<str>,
    /// Storage of the endpoint.
    pub storage: Arc<str>,
    /// Provider of the endpoint.
    pub provider: &'static str,
    /// The provider's id of the delivery, bounded and printable.
    pub delivery_id: Option<String>,
    /// The provider's name of the event, bounded and printable.
    pub event: Option<String>,
    /// When its head came in.
    pub received: Timestamp,
    /// How it was verified: `hmac-sha256`, `standard-webhooks`, `token`, `basic`; absent if it was not.
    pub verified: Option<&'static str>,
    /// What became of it.
    pub outcome: Outcome,
    /// Status that was answered.
    pub status: u16,
    /// One sentence: what matched, or why nothing did.
    pub detail: String,
    /// Commit announced for the tracked branch.
    pub commit: Option<String>,
    /// Milliseconds from `received` to each step, as far as it got.
    pub steps: Steps,
    /// Why the fetch that it asked for failed, if it did.
    pub error: Option<String>,
}

/// Milliseconds from the head of a delivery to each step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    /// Signature checked.
    pub verified: Option<f64>,
    /// Answered.
    pub answered: Option<f64>,
    /// The fetch that covers it has ended.
    pub fetched: Option<f64>,
    /// Its commit (or a newer one) is being served.
    pub live: Option<f64>,
}
