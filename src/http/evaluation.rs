//! `POST /evaluate/v1/{boolean,variant,batch}`: evaluation on the server, as Flipt's server SDKs ask for it.

use std::time::{Duration, Instant};

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::request::{self, Batch, Evaluation};
use super::{State, body, json, select};
use crate::flags::evaluate::{self, BooleanAnswer, Reason, VariantAnswer};
use crate::flags::snapshot::{Flag, FlagKind, Namespace};
use crate::limits;
use crate::serve::Served;

/// Room for the answer of one evaluation without an attachment.
const ONE_ANSWER: usize = 512;

/// `POST /evaluate/v1/boolean`
pub(super) async fn boolean(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    one(&state, &request, payload, FlagKind::Boolean).await.unwrap_or_else(|failure| failure.json())
}

/// `POST /evaluate/v1/variant`
pub(super) async fn variant(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    one(&state, &request, payload, FlagKind::Variant).await.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_boolean() -> Operation {
    about("evaluateBoolean", "Evaluate a boolean flag", "EvaluationRequest")
        .ok("What the flag is for this entity.", "BooleanEvaluation")
        .refuses(&[Shape::Json], &[Code::NotFound, Code::Forbidden])
}

pub(super) fn about_variant() -> Operation {
    about("evaluateVariant", "Evaluate a variant flag", "EvaluationRequest")
        .ok("The variant of this entity.", "VariantEvaluation")
        .refuses(&[Shape::Json], &[Code::NotFound, Code::Forbidden])
}

pub(super) fn about_batch() -> Operation {
    about("evaluateBatch", "Evaluate several flags", "BatchRequest")
        .describe("A flag that is not there, or that this credential may not evaluate, is an item that says so. An environment that is not there fails the call.")
        .ok("An answer for each item, in their order.", "BatchEvaluation")
        .refuses(&[Shape::Json], &[Code::NotFound])
}

fn about(id: &'static str, summary: &'static str, body: &str) -> Operation {
    Operation::new(Tag::Evaluation, id, summary).environment().body(body, Shape::Json).asks_who(&[Shape::Json])
}

/// What is asked, and what is answered.
pub(super) const SCHEMAS: Schemas = &[
    ("EvaluationRequest", || {
        json!({
            "type": ["object", "null"],
            "description": "Every field may be missing, and may be spelled with underscores (`flag_key`).",
            "properties": {
                "requestId": { "type": ["string", "null"], "description": "Comes back in the answer." },
                "environmentKey": { "type": ["string", "null"], "description": "Before the header." },
                "namespaceKey": { "type": ["string", "null"], "description": "Without it `default`." },
                "flagKey": { "type": ["string", "null"] },
                "entityId": { "type": ["string", "null"], "description": "Who is asked about." },
                "context": {
                    "type": ["object", "null"],
                    "description": "What constraints look at. A value that is no string is taken as the JSON that it is.",
                    "additionalProperties": true,
                },
            },
        })
    }),
    ("BatchRequest", || {
        json!({
            "type": ["object", "null"],
            "properties": {
                "requestId": { "type": ["string", "null"] },
                "requests": {
                    "type": ["array", "null"],
                    "maxItems": limits::BATCH_ITEMS,
                    "items": schema("EvaluationRequest"),
                },
            },
        })
    }),
    ("BooleanEvaluation", || {
        json!({
            "type": "object",
            "required": ["enabled", "reason", "requestId", "requestDurationMillis", "timestamp", "flagKey", "segmentKeys"],
            "properties": {
                "enabled": { "type": "boolean" },
                "reason": schema("Reason"),
                "requestId": { "type": "string" },
                "requestDurationMillis": { "type": "number", "minimum": 0 },
                "timestamp": { "type": "string", "format": "date-time" },
                "flagKey": { "type": "string" },
                "segmentKeys": { "type": "array", "items": { "type": "string" } },
            },
        })
    }),
    ("VariantEvaluation", || {
        json!({
            "type": "object",
            "required": [
                "match", "segmentKeys", "variantKey", "variantAttachment", "reason", "requestId",
                "requestDurationMillis", "timestamp", "flagKey",
            ],
            "properties": {
                "match": { "type": "boolean", "description": "A rule matched." },
                "segmentKeys": { "type": "array", "items": { "type": "string" } },
                "variantKey": { "type": "string", "description": "Empty where there is none." },
                "variantAttachment": { "type": "string", "description": "JSON in a string: `null` without one, empty without a variant." },
                "reason": schema("Reason"),
                "requestId": { "type": "string" },
                "requestDurationMillis": { "type": "number", "minimum": 0 },
                "timestamp": { "type": "string", "format": "date-time" },
                "flagKey": { "type": "string" },
            },
        })
    }),
    ("BatchEvaluation", || {
        let one = |kind: &str, field: &str, of: serde_json::Value| {
            json!({
                "type": "object",
                "required": ["type", field],
                "properties": { "type": { "const": format!("{kind}_EVALUATION_RESPONSE_TYPE") }, field: of },
            })
        };
        json!({
            "type": "object",
            "required": ["requestId", "responses", "requestDurationMillis"],
            "properties": {
                "requestId": { "type": "string" },
                "responses": { "type": "array", "items": { "oneOf": [
                    one("BOOLEAN", "booleanResponse", schema("BooleanEvaluation")),
                    one("VARIANT", "variantResponse", schema("VariantEvaluation")),
                    one("ERROR", "errorResponse", schema("FailedItem")),
                ] } },
                "requestDurationMillis": { "type": "number", "minimum": 0 },
            },
        })
    }),
    ("FailedItem", || {
        json!({
            "type": "object",
            "required": ["flagKey", "namespaceKey", "reason"],
            "properties": {
                "flagKey": { "type": "string" },
                "namespaceKey": { "type": "string", "description": "As it was sent." },
                "reason": {
                    "enum": ["NOT_FOUND_ERROR_EVALUATION_REASON", "UNKNOWN_ERROR_EVALUATION_REASON"],
                    "description": "Unknown: this credential may not.",
                },
            },
        })
    }),
    ("Reason", || {
        let all = [Reason::Unknown, Reason::Disabled, Reason::Match, Reason::Default].map(Reason::name);
        json!({ "enum": all, "description": "Why the answer is what it is." })
    }),
    ("FlagType", || json!({ "enum": [kind_name(FlagKind::Variant), kind_name(FlagKind::Boolean)] })),
];

async fn one(state: &State, request: &HttpRequest, payload: Payload, kind: FlagKind) -> Result<HttpResponse, Failure> {
    let begun = Instant::now();
    let pass = auth::admit(state, Need::EVALUATION, request)?;
    let body = body::read(request, payload).await?;
    let text = request::text(&body);
    let asked: Evaluation<'_> = request::parse(&text)?;
    let key = select::namespace_or_default(&asked.namespace);
    let environment = select::for_evaluation(&state.environments, request.headers(), &asked.environment, &pass, key)?;
    let served = environment.load();
    let namespace = select::namespace(&served, key)?;
    let lane = state.metrics.lane(&environment.name, &namespace.key);
    let flag = match flag(namespace, &asked.flag, kind) {
        Ok(flag) => flag,
        Err(failure) => {
            lane.failed();
            return Err(failure);
        }
    };
    let answer = Answer::of(flag, &asked);
    lane.answered(answer.reason(), 1);
    state.analytics.lane(&environment.name, &namespace.key).count(&flag.key, answer.name());
    let mut out = Vec::with_capacity(ONE_ANSWER);
    let took = begun.elapsed();
    let request_id = RequestId { given: &asked.request_id, or_new: true };
    answer.write(&mut out, flag, &request_id, took, state.clock.now());
    lane.took(took);
    Ok(json::ok(out))
}

/// `POST /evaluate/v1/batch`
pub(super) async fn batch(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    several(&state, &request, payload).await.unwrap_or_else(|failure| failure.json())
}

async fn several(state: &State, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let begun = Instant::now();
    let pass = auth::admit(state, Need::EVALUATION, request)?;
    let body = body::read(request, payload).await?;
    let text = request::text(&body);
    let asked: Batch<'_> = request::parse(&text)?;
    let now = state.clock.now();
    let mut out = Vec::with_capacity(ONE_ANSWER * (asked.items.len() + 1));
    out.extend_from_slice(b"{\"requestId\":");
    RequestId { given: &asked.request_id, or_new: true }.write(&mut out);
    out.extend_from_slice(b",\"responses\":[");
    for (n, item) in asked.items.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let namespace = select::namespace_or_default(&item.namespace);
        let headers = request.headers();
        let environment =
            match select::named_or_header(&state.environments, headers, &item.environment, &pass, namespace) {
                Ok(environment) => environment,
                Err(failure) if failure.code == Code::Forbidden => {
                    write_failed(&mut out, item, "UNKNOWN");
                    continue;
                }
                Err(failure) => return Err(failure),
            };
        let served = environment.load();
        match namespace_and_flag(&served, namespace, &item.flag) {
            Some((namespace, flag)) => {
                let answer = Answer::of(flag, item);
                state.metrics.lane(&environment.name, &namespace.key).answered(answer.reason(), 1);
                state.analytics.lane(&environment.name, &namespace.key).count(&flag.key, answer.name());
                out.extend_from_slice(match answer {
                    Answer::Boolean(_) => b"{\"type\":\"BOOLEAN_EVALUATION_RESPONSE_TYPE\",\"booleanResponse\":",
                    Answer::Variant(_) => b"{\"type\":\"VARIANT_EVALUATION_RESPONSE_TYPE\",\"variantResponse\":",
                });
                let request_id = RequestId { given: &item.request_id, or_new: false };
                answer.write(&mut out, flag, &request_id, begun.elapsed(), now);
                out.push(b'}');
            }
            None => write_failed(&mut out, item, "NOT_FOUND"),
        }
    }
    out.extend_from_slice(b"],\"requestDurationMillis\":");
    json::milliseconds(&mut out, begun.elapsed());
    out.push(b'}');
    Ok(json::ok(out))
}

fn namespace_and_flag<'s>(served: &'s Served, namespace: &str, flag: &str) -> Option<(&'s Namespace, &'s Flag)> {
    let namespace = served.flags.namespaces.get(namespace)?;
    Some((namespace, namespace.flag(flag)?))
}

/// The flag, if it is there.
pub(super) fn known<'n>(namespace: &'n Namespace, key: &str) -> Result<&'n Flag, Failure> {
    namespace.flag(key).ok_or_else(|| {
        let separator = if key.is_empty() { "" } else { "/" };
        Failure::not_found(format!("flag \"{}{separator}{key}\" not found", namespace.key))
    })
}

/// The flag, if it is there and of this kind.
fn flag<'n>(namespace: &'n Namespace, key: &str, kind: FlagKind) -> Result<&'n Flag, Failure> {
    let flag = known(namespace, key)?;
    if flag.kind == kind {
        Ok(flag)
    } else {
        Err(Failure::new(Code::Invalid, format!("flag type {} invalid", kind_name(flag.kind))))
    }
}

/// As Flipt's JSON spells it.
pub(super) const fn kind_name(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Variant => "VARIANT_FLAG_TYPE",
        FlagKind::Boolean => "BOOLEAN_FLAG_TYPE",
    }
}

/// The answer of either kind of flag.
enum Answer<'f> {
    Boolean(BooleanAnswer<'f>),
    Variant(VariantAnswer<'f>),
}

impl<'f> Answer<'f> {
    fn of(flag: &'f Flag, asked: &Evaluation<'_>) -> Self {
        match flag.kind {
            FlagKind::Boolean => Self::Boolean(evaluate::boolean(flag, &asked.entity, &asked.context)),
            FlagKind::Variant => Self::Variant(evaluate::variant(flag, &asked.entity, &asked.context)),
        }
    }

    /// The answer in a word: that of a boolean, or the key of the variant.
    fn name(&self) -> &'f str {
        match self {
            Self::Boolean(answer) => answer.name(),
            Self::Variant(answer) => answer.name(),
        }
    }

    const fn reason(&self) -> Reason {
        match self {
            Self::Boolean(answer) => answer.reason,
            Self::Variant(answer) => answer.reason,
        }
    }

    fn write(&self, out: &mut Vec<u8>, flag: &Flag, request_id: &RequestId<'_>, took: Duration, now: Timestamp) {
        let meta = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"\",\"requestId\":");
            request_id.write(out);
            out.extend_from_slice(b",\"requestDurationMillis\":");
            json::milliseconds(out, took);
            out.extend_from_slice(b",\"timestamp\":");
            json::timestamp(out, now);
            out.extend_from_slice(b",\"flagKey\":");
            json::string(out, &flag.key);
        };
        match self {
            Self::Boolean(answer) => {
                out.extend_from_slice(b"{\"enabled\":");
                json::boolean(out, answer.enabled);
                out.extend_from_slice(b",\"reason\":\"");
                out.extend_from_slice(answer.reason.name().as_bytes());
                meta(out);
                out.extend_from_slice(b",\"segmentKeys\":");
                json::strings(out, answer.segments.iter().copied());
            }
            Self::Variant(answer) => {
                out.extend_from_slice(b"{\"match\":");
                json::boolean(out, answer.matched);
                out.extend_from_slice(b",\"segmentKeys\":");
                json::strings(out, answer.segments.iter().copied());
                out.extend_from_slice(b",\"variantKey\":");
                json::string(out, answer.variant.map_or("", |variant| &variant.key));
                out.extend_from_slice(b",\"variantAttachment\":");
                json::string(out, answer.variant.map_or("", |variant| &variant.attachment));
                out.extend_from_slice(b",\"reason\":\"");
                out.extend_from_slice(answer.reason.name().as_bytes());
                meta(out);
            }
        }
        out.push(b'}');
    }
}

/// The id that an answer carries.
struct RequestId<'r> {
    given: &'r str,
    /// Make one where none was given.
    or_new: bool,
}

impl RequestId<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        if self.given.is_empty() && self.or_new {
            json::new_id(out);
        } else {
            json::string(out, self.given);
        }
    }
}

/// An item that has no answer. `UNKNOWN` is one that the caller may not ask about, whether or not it is there.
fn write_failed(out: &mut Vec<u8>, item: &Evaluation<'_>, reason: &str) {
    out.extend_from_slice(b"{\"type\":\"ERROR_EVALUATION_RESPONSE_TYPE\",\"errorResponse\":{\"flagKey\":");
    json::string(out, &item.flag);
    out.extend_from_slice(b",\"namespaceKey\":");
    json::string(out, &item.namespace);
    for part in [",\"reason\":\"", reason, "_ERROR_EVALUATION_REASON\"}}"] {
        out.extend_from_slice(part.as_bytes());
    }
}
