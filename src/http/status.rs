//! `GET /api/v2/storages` and below: what each storage is doing, and what became of each delivery.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, select};
use crate::ingest::Outcome;
use crate::limits;
use crate::write::standing::Standing;

/// `GET /api/v2/storages`
pub(super) async fn storages(state: Data<State>, request: HttpRequest) -> HttpResponse {
    match admit(&state, &request) {
        Ok(()) => {
            let storages = state.board.all(state.clock.now());
            let storages: Vec<_> = storages.iter().map(|storage| with_writing(&state, storage)).collect();
            HttpResponse::Ok().json(json!({ "storages": storages }))
        }
        Err(failure) => failure.json(),
    }
}

pub(super) fn about_storages() -> Operation {
    Operation::new(Tag::Status, "storages", "What each storage is doing")
        .ok("Every storage by name.", "StorageList")
        .guarded(&[Shape::Json])
}

/// `GET /api/v2/storages/{storage}`
pub(super) async fn storage(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = known(&state, &request).map(|storage| HttpResponse::Ok().json(with_writing(&state, &storage)));
    answer.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_storage() -> Operation {
    about("storage", "What a storage is doing").ok("The storage.", "Storage")
}

/// `GET /api/v2/storages/{storage}/deliveries?limit=`: the newest first.
pub(super) async fn deliveries(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = known(&state, &request).and_then(|storage| {
        let limit = match select::query(&request, ["limit", "limit"]) {
            None => limits::DELIVERIES_KEPT,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Failure::invalid("limit is not a number"))?
                .min(limits::DELIVERIES_KEPT),
        };
        Ok(HttpResponse::Ok().json(json!({ "deliveries": state.deliveries.list(&storage.name, limit) })))
    });
    answer.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_deliveries() -> Operation {
    let limit = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    about("deliveries", "What became of the deliveries of a storage")
        .query("limit", limit, "How many at most.")
        .ok("The newest first.", "DeliveryList")
        .refuses(&[Shape::Json], &[Code::Invalid])
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Tag::Status, id, summary)
        .path("storage", "The storage.")
        .guarded(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::NotFound])
}

/// Storages and deliveries.
pub(super) const SCHEMAS: Schemas = &[
    ("StorageList", || {
        json!({
            "type": "object",
            "required": ["storages"],
            "properties": { "storages": { "type": "array", "items": schema("Storage") } },
        })
    }),
    ("Storage", || {
        json!({
            "type": "object",
            "required": [
                "name", "remote", "branch", "mode", "head", "lastFetch", "stalenessSeconds", "fetchMilliseconds",
                "nextPoll", "lastDelivery", "missedDeliveries", "failure", "environments",
            ],
            "properties": {
                "name": { "type": "string" },
                "remote": { "type": ["string", "null"], "description": "Without userinfo." },
                "branch": { "type": "string" },
                "mode": { "enum": ["poll", "webhook"], "description": "What makes it move." },
                "head": { "type": ["string", "null"], "description": "Tip of the branch as last seen on the remote." },
                "lastFetch": { "type": ["string", "null"], "format": "date-time" },
                "stalenessSeconds": { "type": ["number", "null"], "minimum": 0 },
                "fetchMilliseconds": { "type": ["number", "null"], "minimum": 0 },
                "nextPoll": { "type": ["string", "null"], "format": "date-time" },
                "lastDelivery": { "type": ["string", "null"], "format": "date-time" },
                "missedDeliveries": { "type": "integer", "minimum": 0, "description": "Commits that no webhook announced." },
                "failure": {
                    "type": ["object", "null"],
                    "description": "Why the last fetch failed, if it did.",
                    "required": ["class", "message", "since", "attempts"],
                    "properties": {
                        "class": { "enum": ["retry", "wait", "operator", "caller", "bug"] },
                        "message": { "type": "string" },
                        "since": { "type": "string", "format": "date-time" },
                        "attempts": { "type": "integer", "minimum": 0 },
                    },
                },
                "environments": { "type": "array", "items": schema("StorageEnvironment") },
            },
        })
    }),
    ("StorageEnvironment", || {
        json!({
            "type": "object",
            "required": [
                "name", "base", "commit", "fromDisk", "since", "namespaces", "held", "problems", "protected", "readOnly",
                "lastWrite", "templateWarnings", "breakGlass",
            ],
            "properties": {
                "name": { "type": "string" },
                "base": { "type": ["string", "null"], "description": "Its base, for a branch environment." },
                "commit": { "type": ["string", "null"], "description": "The commit that is served." },
                "fromDisk": { "type": "boolean" },
                "since": { "type": ["string", "null"], "format": "date-time" },
                "namespaces": {
                    "type": "object",
                    "description": "Number of flags by namespace.",
                    "additionalProperties": { "type": "integer", "minimum": 0 },
                },
                "held": {
                    "type": "array",
                    "description": "Namespaces held at an earlier state.",
                    "items": { "type": "string" },
                },
                "problems": { "type": "array", "items": schema("Problem") },
                "protected": { "type": "boolean", "description": "It takes no direct changes." },
                "readOnly": { "type": ["string", "null"], "description": "Why nothing can be written to it now." },
                "lastWrite": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "The last write through this server, as far as its records go back.",
                },
                "templateWarnings": {
                    "type": "array",
                    "description": "Why the message of the last commit is not what a template says.",
                    "items": { "type": "string" },
                },
                "breakGlass": {
                    "type": "object",
                    "required": ["enabled", "waiting", "until"],
                    "properties": {
                        "enabled": { "type": "boolean", "description": "It can be changed while the provider is down." },
                        "waiting": { "type": "integer", "minimum": 0, "description": "Changes that are served and not pushed yet." },
                        "until": { "type": ["string", "null"], "format": "date-time", "description": "When the first of them ends to be served." },
                    },
                },
            },
        })
    }),
    ("Problem", || {
        json!({
            "type": "object",
            "description": "What is wrong with a flag file.",
            "required": ["severity", "code", "file", "keyPath", "namespace", "message", "help"],
            "properties": {
                "severity": { "enum": ["warning", "hazard", "error"] },
                "code": { "type": "string", "description": "A short, stable name." },
                "file": { "type": "string", "description": "Below the environment's directory." },
                "line": { "type": "integer", "minimum": 1 },
                "column": { "type": "integer", "minimum": 1 },
                "keyPath": { "type": "string" },
                "namespace": { "type": ["string", "null"] },
                "message": { "type": "string" },
                "help": { "type": "string" },
            },
        })
    }),
    ("DeliveryList", || {
        json!({
            "type": "object",
            "required": ["deliveries"],
            "properties": { "deliveries": { "type": "array", "items": schema("Delivery") } },
        })
    }),
    ("Delivery", || {
        let step = json!({ "type": ["number", "null"], "minimum": 0 });
        json!({
            "type": "object",
            "required": [
                "id", "storage", "provider", "deliveryId", "event", "received", "verified", "outcome", "status",
                "detail", "commit", "steps", "error",
            ],
            "properties": {
                "id": { "type": "string" },
                "storage": { "type": "string" },
                "provider": { "type": "string" },
                "deliveryId": { "type": ["string", "null"], "description": "The provider's own." },
                "event": { "type": ["string", "null"] },
                "received": { "type": "string", "format": "date-time" },
                "verified": { "type": ["string", "null"], "description": "How; absent if it was not." },
                "outcome": { "enum": Outcome::ALL.map(Outcome::name) },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "What matched, or why nothing did." },
                "commit": { "type": ["string", "null"] },
                "steps": {
                    "type": "object",
                    "description": "Milliseconds from the head of the delivery to each step.",
                    "required": ["verified", "answered", "fetched", "live"],
                    "properties": { "verified": step, "answered": step, "fetched": step, "live": step },
                },
                "error": { "type": ["string", "null"], "description": "Why the fetch that it asked for failed." },
            },
        })
    }),
];

/// A storage, with what is to be said of writing to its environments.
fn with_writing(state: &State, storage: &crate::sync::status::Storage) -> Value {
    let mut told = json!(storage);
    let environments = told.get_mut("environments").and_then(Value::as_array_mut);
    for environment in environments.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = environment.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let standing = match state.environments.get(&name) {
            Some(environment) => state.writers.standing(&environment),
            None => Standing::default(),
        };
        let last = state.audit.last_write(&storage.name, &name);
        let glass = json!({ "enabled": standing.break_glass, "waiting": standing.waiting, "until": standing.until });
        environment.insert("protected".to_owned(), standing.protected.into());
        environment.insert("readOnly".to_owned(), json!(standing.read_only));
        environment.insert("lastWrite".to_owned(), json!(last));
        environment.insert("templateWarnings".to_owned(), standing.warnings.into());
        environment.insert("breakGlass".to_owned(), glass);
    }
    told
}

/// A storage is no environment's own: who may see it may see all.
fn admit(state: &State, request: &HttpRequest) -> Result<(), Failure> {
    auth::admit(state, Need::READ, request)?.permit_everything()
}

fn known(state: &State, request: &HttpRequest) -> Result<crate::sync::status::Storage, Failure> {
    let name = select::segment(request, "storage")?;
    admit(state, request)?;
    state.board.get(&name, state.clock.now()).ok_or_else(|| Failure::not_found(format!("storage \"{name}\" not found")))
}
