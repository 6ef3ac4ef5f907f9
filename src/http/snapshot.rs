//! The snapshot of a namespace, from which client SDKs evaluate by themselves.
//!
//! The bytes, plain and compressed, are made once per snapshot. The `Etag` is the digest of the namespace, without
//! quotes, on a 304 too: clients compare it byte for byte and forget it where it is missing.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, json, select};
use crate::flags::snapshot::Namespace;
use crate::limits;

/// `GET /internal/v1/evaluation/snapshot/namespace/{namespace}`
pub(super) async fn internal(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let named = select::query(&request, ["environmentKey", "environment_key"]).unwrap_or_default();
    snapshot(&state, &request, &named).await.unwrap_or_else(|failure| failure.json())
}

/// `GET /client/v2/environments/{environment}/namespaces/{namespace}/snapshot`
pub(super) async fn client(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = match select::segment(&request, "environment") {
        Ok(named) => snapshot(&state, &request, &named).await,
        Err(failure) => Err(failure),
    };
    answer.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_internal() -> Operation {
    about("snapshot", "The snapshot of a namespace").environment().query(
        "environmentKey",
        json!({ "type": "string" }),
        "The environment. An unknown one is the one of the header.",
    )
}

pub(super) fn about_client() -> Operation {
    about("environmentSnapshot", "The snapshot of a namespace of an environment")
        .path("environment", "The environment. An unknown one is the one of the header.")
        .environment()
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Tag::Client, id, summary)
        .path("namespace", "The namespace.")
        .if_none_match()
        .ok("Everything that a client needs to evaluate by itself.", "Snapshot")
        .with_header(200, "Etag", "The digest of the namespace, without quotes.")
        .empty(304, "The client has it.")
        .with_header(304, "Etag", "The digest of the namespace, without quotes.")
        .guarded(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::NotFound, Code::Unavailable])
}

/// What client SDKs read. Descriptions and names are empty on purpose.
pub(super) const SCHEMAS: Schemas = &[
    ("Snapshot", || {
        json!({
            "type": "object",
            "required": ["namespace", "flags", "digest"],
            "properties": {
                "namespace": { "type": "object", "required": ["key"], "properties": { "key": { "type": "string" } } },
                "flags": { "type": "array", "items": schema("SnapshotFlag") },
                "digest": { "type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{32})$" },
            },
        })
    }),
    ("SnapshotFlag", || {
        json!({
            "type": "object",
            "required": ["key", "name", "description", "enabled", "type", "createdAt", "updatedAt", "rules", "rollouts"],
            "properties": {
                "key": { "type": "string" },
                "name": { "const": "" },
                "description": { "const": "" },
                "enabled": { "type": "boolean" },
                "type": schema("FlagType"),
                "createdAt": { "type": "string", "format": "date-time" },
                "updatedAt": { "type": "string", "format": "date-time" },
                "rules": { "type": "array", "items": schema("SnapshotRule") },
                "rollouts": { "type": "array", "items": schema("SnapshotRollout") },
                "defaultVariant": {
                    "type": "object",
                    "required": ["id", "key", "attachment"],
                    "properties": {
                        "id": { "type": "string" },
                        "key": { "type": "string" },
                        "attachment": { "type": "string", "description": "JSON in a string." },
                    },
                },
            },
        })
    }),
    ("SnapshotRule", || {
        json!({
            "type": "object",
            "required": ["id", "segments", "rank", "segmentOperator", "distributions"],
            "properties": {
                "id": { "type": "string" },
                "segments": { "type": "array", "items": schema("SnapshotSegment") },
                "rank": { "type": "integer", "minimum": 1 },
                "segmentOperator": schema("SegmentOperator"),
                "distributions": { "type": "array", "items": {
                    "type": "object",
                    "required": ["ruleId", "variantKey", "variantAttachment", "rollout"],
                    "properties": {
                        "ruleId": { "type": "string" },
                        "variantKey": { "type": "string" },
                        "variantAttachment": { "type": "string", "description": "JSON in a string." },
                        "rollout": { "type": "number" },
                    },
                } },
            },
        })
    }),
    ("SnapshotRollout", || {
        let one = |kind: &str, field: &str, of: serde_json::Value| {
            json!({
                "type": "object",
                "required": ["type", "rank", field],
                "properties": { "type": { "const": kind }, "rank": { "type": "integer", "minimum": 1 }, field: of },
            })
        };
        let segment = json!({
            "type": "object",
            "required": ["value", "segmentOperator", "segments"],
            "properties": {
                "value": { "type": "boolean" },
                "segmentOperator": schema("SegmentOperator"),
                "segments": { "type": "array", "items": schema("SnapshotSegment") },
            },
        });
        let threshold = json!({
            "type": "object",
            "required": ["percentage", "value"],
            "properties": { "percentage": { "type": "number" }, "value": { "type": "boolean" } },
        });
        json!({ "oneOf": [
            one("SEGMENT_ROLLOUT_TYPE", "segment", segment),
            one("THRESHOLD_ROLLOUT_TYPE", "threshold", threshold),
        ] })
    }),
    ("SnapshotSegment", || {
        let kinds = ["STRING", "NUMBER", "BOOLEAN", "DATETIME", "ENTITY_ID"];
        json!({
            "type": "object",
            "required": ["key", "name", "description", "matchType", "constraints"],
            "properties": {
                "key": { "type": "string" },
                "name": { "const": "" },
                "description": { "const": "" },
                "matchType": { "enum": ["ALL_SEGMENT_MATCH_TYPE", "ANY_SEGMENT_MATCH_TYPE"] },
                "constraints": { "type": "array", "items": {
                    "type": "object",
                    "required": ["type", "property", "operator", "value"],
                    "properties": {
                        "type": { "enum": kinds.map(|kind| format!("{kind}_CONSTRAINT_COMPARISON_TYPE")) },
                        "property": { "type": "string" },
                        "operator": { "type": "string" },
                        "value": { "type": "string" },
                    },
                } },
            },
        })
    }),
    ("SegmentOperator", || json!({ "enum": ["OR_SEGMENT_OPERATOR", "AND_SEGMENT_OPERATOR"] })),
];

async fn snapshot(state: &State, request: &HttpRequest, environment: &str) -> Result<HttpResponse, Failure> {
    let key = select::segment(request, "namespace")?;
    let pass = auth::admit(state, Need::EVALUATION, request)?;
    let environment = select::named_or_header(&state.environments, request.headers(), environment, &pass, &key)?;
    let Some(namespace) = environment.load().flags.namespaces.get(&*key).cloned() else {
        return Err(Failure::not_found(format!("evaluation snapshot for namespace \"{key}\" not found")));
    };
    state.metrics.lane(&environment.name, &namespace.key).snapshot();
    let tag = (header::ETAG, &*namespace.digest);
    if select::not_modified(request, &namespace.digest) {
        return Ok(HttpResponse::NotModified().insert_header(tag).finish());
    }
    let mut response = HttpResponse::Ok();
    response.content_type(json::mime()).insert_header(tag).insert_header((header::VARY, "Accept-Encoding"));
    if select::takes_gzip(request) {
        let compressed = bytes(&namespace, Namespace::client_snapshot_gzip).await?;
        // Empty only if compressing failed; the plain bytes are then the answer.
        if !compressed.is_empty() {
            return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(compressed));
        }
    }
    Ok(response.body(bytes(&namespace, Namespace::client_snapshot).await?))
}

/// The bytes of a snapshot. Those of a large one may still have to be made: then not on a thread that answers others.
async fn bytes(namespace: &Arc<Namespace>, form: fn(&Namespace) -> Bytes) -> Result<Bytes, Failure> {
    if namespace.flags_by_key().len() <= limits::SNAPSHOT_INLINE_FLAGS {
        return Ok(form(namespace));
    }
    let namespace = namespace.clone();
    web::block(move || form(&namespace)).await.map_err(|_| {
        // The pool refuses work only while the process shuts down.
        Failure::new(Code::Unavailable, "shutting down")
    })
}
