//! `GET /api/v2/storages` and below: what each storage is doing, and what became of each delivery.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, select};
use crate::audit::Event;
use crate::audit::log::Filter;
use crate::flags::problem::{Problem, Severity};
use crate::ingest::Outcome;
use crate::limits;
use crate::write::glass;
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
    ("ProposalTracking", || {
        let time = |what: &str| json!({ "type": ["string", "null"], "format": "date-time", "description": what });
        let count = |what: &str| json!({ "type": "integer", "minimum": 0, "description": what });
        json!({
            "type": ["object", "null"],
            "description": "How the tracking of its merge proposals goes; absent where no environment of it has an `scm`.",
            "required": ["mode", "open", "merged", "waiting", "lastReconcile", "nextReconcile", "missed", "trouble"],
            "properties": {
                "mode": { "enum": ["poll", "webhook"], "description": "`poll`: there is no webhook, or it has missed something; the provider is asked every minute." },
                "open": count("Proposals that are open."),
                "merged": count("Merged, and not live yet."),
                "waiting": count("Something is to be done about them at the provider."),
                "lastReconcile": time("When the provider's list was looked at last."),
                "nextReconcile": time("When it is going to be."),
                "missed": count("Looks that found what no webhook had told."),
                "trouble": {
                    "type": ["object", "null"],
                    "description": "Why the provider cannot be asked.",
                    "required": ["class", "message", "since"],
                    "properties": {
                        "class": { "enum": ["retry", "wait", "operator", "caller", "bug"] },
                        "message": { "type": "string" },
                        "since": { "type": ["string", "null"], "format": "date-time" },
                    },
                },
            },
        })
    }),
    ("Storage", || {
        json!({
            "type": "object",
            "required": [
                "name", "remote", "branch", "mode", "head", "lastFetch", "stalenessSeconds", "fetchMilliseconds",
                "nextPoll", "lastDelivery", "missedDeliveries", "failure", "environments", "proposals",
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
                "proposals": schema("ProposalTracking"),
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
                "breakGlass": schema("BreakGlass"),
            },
        })
    }),
    ("BreakGlass", || {
        json!({
            "type": "object",
            "required": ["enabled", "waiting", "until", "since", "by", "reason", "givenUp"],
            "properties": {
                "enabled": { "type": "boolean", "description": "It can be changed while the provider is down." },
                "waiting": { "type": "integer", "minimum": 0, "description": "Changes that are served and not pushed yet." },
                "until": { "type": ["string", "null"], "format": "date-time", "description": "When the first of them ends to be served." },
                "since": { "type": ["string", "null"], "format": "date-time", "description": "When the first of them was made." },
                "by": { "type": ["string", "null"], "description": "Who made it." },
                "reason": { "type": ["string", "null"], "description": "Why." },
                "givenUp": {
                    "type": "array",
                    "description": "What was served and could not be pushed after all: done once more by a person, or not at all.",
                    "items": {
                        "type": "object",
                        "required": ["id", "at", "by", "reason", "settled", "code", "message", "changes", "commit"],
                        "properties": {
                            "id": { "type": "string", "description": "Of its record." },
                            "at": { "type": "string", "format": "date-time" },
                            "by": { "type": "string" },
                            "reason": { "type": ["string", "null"] },
                            "settled": { "type": ["string", "null"], "format": "date-time" },
                            "code": { "enum": [glass::CONFLICT, glass::EXPIRED] },
                            "message": { "type": "string" },
                            "changes": { "type": "array", "items": { "type": "object" } },
                            "commit": { "type": ["string", "null"] },
                        },
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
    let mut whole = json!(storage);
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("proposals".to_owned(), json!(state.tracker.status(&storage.name)));
    }
    let environments = whole.get_mut("environments").and_then(Value::as_array_mut);
    for environment in environments.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = environment.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let standing = match state.environments.get(&name) {
            Some(environment) => state.writers.standing(&environment),
            None => Standing::default(),
        };
        let last = state.audit.last_write(&storage.name, &name);
        let broken = state.writers.glass();
        let broken = broken.iter().flat_map(|told| &told.broken).find(|broken| *broken.environment == *name);
        let given_up = given_up(state, &storage.name, &name);
        let told = json!({
            "enabled": standing.break_glass,
            "waiting": standing.waiting,
            "until": standing.until,
            "since": broken.map(|broken| broken.since),
            "by": broken.map(|broken| &broken.by),
            "reason": broken.map(|broken| &broken.reason),
            "givenUp": given_up.iter().map(|event| of_given_up(event)).collect::<Vec<_>>(),
        });
        if let Some(problems) = environment.get_mut("problems").and_then(Value::as_array_mut) {
            problems.extend(given_up.iter().map(|event| json!(problem(event))));
        }
        environment.insert("protected".to_owned(), standing.protected.into());
        environment.insert("readOnly".to_owned(), json!(standing.read_only));
        environment.insert("lastWrite".to_owned(), json!(last));
        environment.insert("templateWarnings".to_owned(), standing.warnings.into());
        environment.insert("breakGlass".to_owned(), told);
    }
    whole
}

/// Changes of an environment that were served behind glass and could not be pushed after all, newest first, for as long
/// as somebody may have to do them again.
fn given_up(state: &State, storage: &str, environment: &str) -> Vec<Arc<Event>> {
    let from = state.clock.now().checked_sub(limits::GLASS_TOLD).ok();
    let outcome = Some(crate::audit::Outcome::Forgotten);
    let filter = Filter { environment: Some(environment.to_owned()), outcome, from, ..Filter::default() };
    let is_one = |event: &Event| *event.storage == *storage && event.break_glass.is_some() && event.refusal.is_some();
    state.audit.list(&filter, &is_one, limits::GLASS_GIVEN_UP).0
}

fn of_given_up(event: &Event) -> Value {
    let refusal = event.refusal.as_ref();
    json!({
        "id": event.id, "at": event.at, "by": event.by.name, "reason": event.break_glass, "settled": event.settled,
        "code": refusal.map(|refused| &refused.code), "message": refusal.map(|refused| &refused.message),
        "changes": event.changes, "commit": event.after,
    })
}

/// The same as problems of the environment.
pub(super) fn given_up_problems(state: &State, storage: &str, environment: &str) -> Vec<Problem> {
    given_up(state, storage, environment).iter().map(|event| problem(event)).collect()
}

/// One of them.
fn problem(event: &Event) -> Problem {
    let one = |c: &crate::audit::Changed| format!("{} {} {}/{}", c.verb, c.kind, c.namespace, c.key);
    let changes = event.changes.iter().map(one).collect::<Vec<_>>().join(", ");
    let refusal = event.refusal.as_ref();
    let expired = refusal.is_some_and(|refused| *refused.code == *glass::EXPIRED);
    let (by, why) = (&event.by.name, refusal.map_or("", |refused| &*refused.message));
    Problem {
        severity: Severity::Error,
        code: if expired { glass::EXPIRED } else { glass::CONFLICT },
        file: "".into(),
        at: None,
        key_path: String::new(),
        namespace: event.changes.first().map(|change| change.namespace.clone()),
        message: format!("what \"{by}\" changed behind glass at {} was given up ({changes}): {why}", event.at),
        help: "look at the audit; if it is still wanted, do it once more".to_owned(),
    }
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
