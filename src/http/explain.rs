//! `POST /api/v2/explain`: why one flag answers what it does, of the flags that are served at this moment.
//!
//! The body is that of `/evaluate/v1/…`, the answer [`Explained`]. It tells what the files say (segments, values that
//! are compared with), so it belongs to the API and not to evaluation, which applications may be let do alone. Nothing
//! is counted: who asks why is no user of the flag.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::request::{self, Evaluation};
use super::{State, body, evaluation, json, select};
use crate::flags::explain::{self, Explained};

/// `POST /api/v2/explain`
pub(super) async fn explain(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    explained(&state, &request, payload).await.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about() -> Operation {
    Operation::new(Tag::Evaluation, "explain", "Why a flag answers what it does")
        .describe("Step by step, segment by segment, constraint by constraint. Nothing is counted.")
        .environment()
        .body("EvaluationRequest", Shape::Json)
        .ok("The answer, and why.", "Explained")
        .guarded(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::NotFound])
}

/// The explanation, as [`explain`](crate::flags::explain) makes it.
pub(super) const SCHEMAS: Schemas = &[
    ("Explained", || {
        json!({
            "type": "object",
            "required": ["environmentKey", "namespaceKey", "commit", "digest", "explanation"],
            "properties": {
                "environmentKey": { "type": "string" },
                "namespaceKey": { "type": "string" },
                "commit": { "type": ["string", "null"] },
                "digest": { "type": "string", "description": "The `Etag` of the snapshot of the namespace." },
                "explanation": schema("Explanation"),
            },
        })
    }),
    ("Explanation", || {
        let by =
            |name: &str| json!({ "type": "object", "required": ["by"], "properties": { "by": { "const": name } } });
        let numbered = |name: &str| {
            json!({
                "type": "object",
                "required": ["by", "number"],
                "properties": { "by": { "const": name }, "number": { "type": "integer", "minimum": 1 } },
            })
        };
        json!({
            "type": "object",
            "required": [
                "flagKey", "flagType", "flagEnabled", "entityId", "answer", "decision", "why", "steps", "notes",
            ],
            "properties": {
                "flagKey": { "type": "string" },
                "flagType": schema("FlagType"),
                "flagEnabled": { "type": "boolean" },
                "entityId": { "type": "string" },
                "answer": schema("ExplainedAnswer"),
                "decision": {
                    "description": "What decided.",
                    "oneOf": [
                        numbered("rule"), numbered("rollout"), by("disabled"), by("default"), by("nothing"),
                    ],
                },
                "why": { "type": "string", "description": "The same in words." },
                "steps": { "type": "array", "items": schema("ExplainedStep") },
                "notes": { "type": "array", "items": schema("ExplainedNote") },
            },
        })
    }),
    ("ExplainedAnswer", || {
        let keys = json!({ "type": "array", "items": { "type": "string" } });
        json!({ "oneOf": [
            {
                "type": "object",
                "required": ["type", "enabled", "reason", "segmentKeys"],
                "properties": {
                    "type": { "const": "BOOLEAN_FLAG_TYPE" },
                    "enabled": { "type": "boolean" },
                    "reason": schema("Reason"),
                    "segmentKeys": keys,
                },
            },
            {
                "type": "object",
                "required": ["type", "match", "reason", "variantKey", "variantAttachment", "segmentKeys"],
                "properties": {
                    "type": { "const": "VARIANT_FLAG_TYPE" },
                    "match": { "type": "boolean" },
                    "reason": schema("Reason"),
                    "variantKey": { "type": "string" },
                    "variantAttachment": { "type": "string" },
                    "segmentKeys": keys,
                },
            },
        ] })
    }),
    ("ExplainedStep", || {
        json!({
            "type": "object",
            "description": "One rule or rollout.",
            "required": ["number", "outcome", "why", "condition", "gives", "notes"],
            "properties": {
                "number": { "type": "integer", "minimum": 1 },
                "outcome": schema("ExplainedOutcome"),
                "why": { "type": "string" },
                "condition": { "oneOf": [
                    {
                        "type": "object",
                        "required": ["type", "operator", "segments"],
                        "properties": {
                            "type": { "const": "segments" },
                            "operator": schema("SegmentOperator"),
                            "segments": { "type": "array", "items": schema("ExplainedSegment") },
                        },
                    },
                    {
                        "type": "object",
                        "required": ["type", "percentage", "hash"],
                        "properties": {
                            "type": { "const": "threshold" },
                            "percentage": { "type": "number" },
                            "hash": schema("ExplainedHash"),
                        },
                    },
                    { "type": "object", "required": ["type"], "properties": { "type": { "const": "nothing" } } },
                ] },
                "gives": { "oneOf": [
                    {
                        "type": "object",
                        "required": ["type", "value"],
                        "properties": { "type": { "const": "value" }, "value": { "type": "boolean" } },
                    },
                    {
                        "type": "object",
                        "required": ["type", "shares", "hash"],
                        "properties": {
                            "type": { "const": "shares" },
                            "shares": { "type": "array", "items": {
                                "type": "object",
                                "required": ["variantKey", "rollout", "first", "last", "chosen"],
                                "properties": {
                                    "variantKey": { "type": "string" },
                                    "rollout": { "type": "number" },
                                    "first": { "type": ["integer", "null"], "description": "First bucket." },
                                    "last": { "type": ["integer", "null"], "description": "Last bucket." },
                                    "chosen": { "type": "boolean" },
                                },
                            } },
                            "hash": schema("ExplainedHash"),
                        },
                    },
                ] },
                "notes": { "type": "array", "items": schema("ExplainedNote") },
            },
        })
    }),
    ("ExplainedSegment", || {
        json!({
            "type": "object",
            "required": ["key", "matchType", "outcome", "why", "constraintCount", "constraints"],
            "properties": {
                "key": { "type": "string" },
                "matchType": { "enum": ["ALL_MATCH_TYPE", "ANY_MATCH_TYPE"] },
                "outcome": schema("ExplainedOutcome"),
                "why": { "type": "string" },
                "constraintCount": { "type": "integer", "minimum": 0 },
                "constraints": {
                    "type": "array",
                    "description": "All; none where the segment was not looked at, or was too large to tell.",
                    "items": schema("ExplainedConstraint"),
                },
            },
        })
    }),
    ("ExplainedConstraint", || {
        json!({
            "type": "object",
            "required": [
                "number", "type", "property", "operator", "value", "seen", "outcome", "decided", "why",
            ],
            "properties": {
                "number": { "type": "integer", "minimum": 1 },
                "type": { "type": "string", "pattern": "_COMPARISON_TYPE$" },
                "property": { "type": "string" },
                "operator": { "type": "string" },
                "value": { "type": "string" },
                "seen": {
                    "type": "object",
                    "description": "What stands on the other side.",
                    "required": ["state", "value"],
                    "properties": {
                        "state": { "enum": ["missing", "empty", "blank", "unparsable", "value"] },
                        "value": { "type": ["string", "null"] },
                    },
                },
                "outcome": schema("ExplainedOutcome"),
                "decided": { "type": "boolean", "description": "The segment was decided here." },
                "why": { "type": "string" },
            },
        })
    }),
    ("ExplainedHash", || {
        json!({
            "type": ["object", "null"],
            "description": "CRC-32 over the two texts, modulo; absent where it was not looked at.",
            "required": ["input", "modulus", "bucket"],
            "properties": {
                "input": { "type": "array", "minItems": 2, "maxItems": 2, "items": { "type": "string" } },
                "modulus": { "type": "integer" },
                "bucket": { "type": "integer", "minimum": 0 },
            },
        })
    }),
    ("ExplainedOutcome", || json!({ "enum": ["matched", "notMatched", "notReached", "leftOut"] })),
    ("ExplainedNote", || {
        json!({
            "type": "object",
            "description": "Something that is as in Flipt, and not what one would think.",
            "required": ["code", "message"],
            "properties": { "code": { "type": "string" }, "message": { "type": "string" } },
        })
    }),
];

async fn explained(state: &State, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let body = body::read(request, payload).await?;
    let text = request::text(&body);
    let asked: Evaluation<'_> = request::parse(&text)?;
    let key = select::namespace_or_default(&asked.namespace);
    let environment = select::for_explanation(&state.environments, request.headers(), &asked.environment, &pass, key)?;
    let served = environment.load();
    let namespace = select::namespace(&served, key)?;
    let flag = evaluation::known(namespace, &asked.flag)?;
    let told = Explained {
        environment_key: Some(environment.name.to_string()),
        namespace_key: namespace.key.to_string(),
        commit: served.commit.as_ref().map(ToString::to_string),
        digest: namespace.digest.to_string(),
        explanation: explain::explain(flag, &asked.entity, &asked.context),
    };
    // A tree of texts and numbers always has a JSON form.
    let answer = serde_json::to_vec(&told).map_err(|_| Failure::new(Code::Unavailable, "no answer could be made"))?;
    Ok(json::ok(answer))
}
