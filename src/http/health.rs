//! Whether the process lives, whether it can serve, and what it counts. None of it asks for a credential: probes and
//! scrapers have none, and none of it shows a flag.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpResponse, http::StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::openapi::{JSON, Operation, Schemas, Tag, schema};
use super::{State, json};
use crate::telemetry::metrics;

/// `GET /health`: alive.
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(json::mime()).body("{\"status\":\"SERVING\"}")
}

pub(super) fn about_health() -> Operation {
    Operation::new(Tag::Probes, "health", "Whether the process lives").ok("It does.", "Health")
}

/// `GET /metrics`
pub(super) async fn scrape(state: Data<State>) -> HttpResponse {
    let storages = state.board.all(state.clock.now());
    let text = state.metrics.encode(&storages, state.environments.streams().open(), &waiting(&state));
    HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text)
}

/// Changes that wait behind glass, by environment: a zero for the others, so that the series is there.
fn waiting(state: &State) -> Vec<(Arc<str>, usize)> {
    let told = state.writers.glass();
    let all = told.iter().flat_map(|told| &told.broken);
    let waits = |name: &str| all.clone().find(|broken| *broken.environment == *name).map_or(0, |broken| broken.changes);
    state.environments.all().iter().map(|e| (e.name.clone(), waits(&e.name))).collect()
}

pub(super) fn about_scrape() -> Operation {
    let text = json!({ "type": "string" });
    Operation::new(Tag::Probes, "metrics", "What the process counts").answers(
        200,
        "OpenMetrics.",
        metrics::CONTENT_TYPE,
        text,
    )
}

/// What `/ready` says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    draining: bool,
    environments: Vec<EnvironmentReadiness>,
}

/// What `/ready` says of one configured environment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentReadiness {
    name: String,
    storage: String,
    /// It has a snapshot.
    ready: bool,
    /// Commit that is served.
    commit: Option<String>,
    /// When that commit was taken.
    since: Option<Timestamp>,
    /// It was read from disk and not confirmed by the remote in this run.
    from_disk: bool,
    /// Seconds since the remote was last fetched from, in this run or in an earlier one; absent if it never was.
    staleness_seconds: Option<f64>,
}

/// `GET /ready`: 200 when every configured environment has a snapshot, and the process is not going down.
pub(super) async fn ready(state: Data<State>) -> HttpResponse {
    let storages = state.board.all(state.clock.now());
    let mut environments = Vec::new();
    for environment in state.environments.all().iter().filter(|environment| environment.base.is_none()) {
        let served = environment.load();
        let storage = storages.iter().find(|storage| storage.name == environment.storage);
        let entry = storage.and_then(|s| s.environments.iter().find(|entry| entry.name == environment.name));
        let ready = served.commit.is_some() || storage.is_some_and(|storage| storage.serves(environment));
        environments.push(EnvironmentReadiness {
            name: environment.name.to_string(),
            storage: environment.storage.to_string(),
            ready,
            commit: served.commit.as_ref().map(ToString::to_string),
            since: served.commit.is_some().then_some(served.since),
            // What is served before its worker has told the board comes from the disk.
            from_disk: entry.map_or(served.commit.is_some(), |entry| entry.from_disk),
            staleness_seconds: storage.and_then(|storage| storage.staleness_seconds),
        });
    }
    let draining = state.draining();
    let ready = !draining && environments.iter().all(|environment| environment.ready);
    let body = Readiness { ready, draining, environments };
    HttpResponse::build(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }).json(body)
}

pub(super) fn about_ready() -> Operation {
    Operation::new(Tag::Probes, "ready", "Whether everything that is configured can be served")
        .ok("Every configured environment has a snapshot.", "Readiness")
        .answers(503, "Not every one has, or the process is going down.", JSON, schema("Readiness"))
}

/// What probes are told.
pub(super) const SCHEMAS: Schemas = &[
    (
        "Health",
        || json!({ "type": "object", "required": ["status"], "properties": { "status": { "const": "SERVING" } } }),
    ),
    ("Readiness", || {
        json!({
            "type": "object",
            "required": ["ready", "draining", "environments"],
            "properties": {
                "ready": { "type": "boolean" },
                "draining": { "type": "boolean", "description": "The process is going down." },
                "environments": { "type": "array", "items": schema("EnvironmentReadiness") },
            },
        })
    }),
    ("EnvironmentReadiness", || {
        json!({
            "type": "object",
            "required": ["name", "storage", "ready", "commit", "since", "fromDisk", "stalenessSeconds"],
            "properties": {
                "name": { "type": "string" },
                "storage": { "type": "string" },
                "ready": { "type": "boolean", "description": "It has a snapshot." },
                "commit": { "type": ["string", "null"], "description": "The commit that is served." },
                "since": { "type": ["string", "null"], "format": "date-time", "description": "When it was taken." },
                "fromDisk": { "type": "boolean", "description": "Not confirmed by the remote in this run." },
                "stalenessSeconds": { "type": ["number", "null"], "minimum": 0, "description": "Since the last fetch." },
            },
        })
    }),
];
