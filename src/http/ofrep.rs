//! The remote evaluation protocol of `OpenFeature` (OFREP), as Flipt speaks it, without its traps.
//!
//! Context values may be any JSON. No targeting key is the entity `""`, so that the same question has the same answer.
//! In a bulk evaluation a flag that fails does not fail the others, and the tag is a hash over the whole answer: it
//! changes whenever any of the answers does, attachments included.

use std::time::Instant;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::auth::{self, Need, Pass};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::request::{self, Ofrep};
use super::{State, body, json, select};
use crate::analytics;
use crate::flags::evaluate::{self, Context, Reason};
use crate::flags::snapshot::{Flag, FlagKind, Namespace};
use crate::limits;
use crate::telemetry::metrics::Lane;

/// What may stand in a segment of a path as it is.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b',');
/// Room for the answer of one flag without an attachment.
const ONE_ANSWER: usize = 128;

/// `POST /ofrep/v1/evaluate/flags/{key}`
pub(super) async fn single(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    match select::segment(&request, "key") {
        Ok(key) => one(&state, &request, payload, &key).await,
        Err(failure) => failure.ofrep(None),
    }
}

pub(super) fn about_single() -> Operation {
    about("evaluateFlag", "Evaluate one flag").path("key", "The flag.").ok("The answer.", "OfrepEvaluation")
}

/// `POST /ofrep/v1/evaluate/flags//`: the key is there and empty.
pub(super) async fn without_key() -> HttpResponse {
    Failure::invalid("flag key was not provided").ofrep(Some(""))
}

async fn one(state: &State, request: &HttpRequest, payload: Payload, key: &str) -> HttpResponse {
    let begun = Instant::now();
    let (pass, context) = match context(state, request, payload).await {
        Ok(context) => context,
        Err(failure) => return failure.ofrep(Some(key)),
    };
    let namespace = select::namespace_header(request.headers());
    let environment = match select::by_header(&state.environments, request.headers(), &pass, namespace) {
        Ok(environment) => environment,
        Err(failure) => return failure.ofrep(Some(key)),
    };
    let served = environment.load();
    let namespace = served.flags.namespaces.get(namespace);
    let lane = namespace.map(|namespace| state.metrics.lane(&environment.name, &namespace.key));
    let Some(flag) = namespace.and_then(|namespace| namespace.flag(key)) else {
        if let Some(lane) = lane {
            lane.failed();
        }
        return Failure::not_found(format!("flag was not found {key}")).ofrep(Some(key));
    };
    let mut out = Vec::with_capacity(ONE_ANSWER);
    let (reason, answer) = write_answer(&mut out, flag, entity(&context), &context);
    if let Some((lane, namespace)) = lane.zip(namespace) {
        lane.answered(reason, 1);
        lane.took(begun.elapsed());
        state.analytics.lane(&environment.name, &namespace.key).count(&flag.key, answer);
    }
    json::ok(out)
}

/// `POST /ofrep/v1/evaluate/flags`
pub(super) async fn bulk(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    several(&state, &request, payload).await.unwrap_or_else(|failure| failure.ofrep(None))
}

pub(super) fn about_bulk() -> Operation {
    let tag = "A tag of the whole answer: it changes whenever any of the answers does.";
    let fresh = "What an event said. The answer is always the newest, with it and without.";
    about("evaluateFlags", "Evaluate all flags")
        .describe(
            "All boolean flags and the variant flags that are on, by key; or those that the property `flags` of the \
             context names, separated by commas. A flag that fails does not fail the others.",
        )
        .if_none_match()
        .query("flagConfigEtag", json!({ "type": "string" }), fresh)
        .query("flagConfigLastModified", json!({ "type": ["integer", "string"] }), fresh)
        .ok("The answers, and where changes are told.", "OfrepBulk")
        .with_header(200, "ETag", tag)
        .empty(304, "The answer is the one that the client has.")
        .with_header(304, "ETag", tag)
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Tag::Ofrep, id, summary)
        .environment()
        .header("X-Flipt-Namespace", "The namespace; without it `default`.")
        .body("OfrepRequest", Shape::Ofrep)
        .guarded(&[Shape::Ofrep])
        .refuses(&[Shape::Ofrep], &[Code::NotFound])
}

/// What is asked, and what is answered.
pub(super) const SCHEMAS: Schemas = &[
    ("OfrepRequest", || {
        json!({
            "type": ["object", "null"],
            "properties": {
                "context": {
                    "type": ["object", "null"],
                    "description": "Values of any JSON. `targetingKey` is who is asked about; without it the empty entity.",
                    "additionalProperties": true,
                },
            },
        })
    }),
    ("OfrepEvaluation", || json!({ "oneOf": [schema("OfrepBoolean"), schema("OfrepVariant")] })),
    ("OfrepBoolean", || {
        json!({
            "type": "object",
            "required": ["key", "reason", "variant", "value"],
            "properties": {
                "key": { "type": "string" },
                "reason": schema("OfrepReason"),
                "variant": { "enum": ["true", "false"] },
                "value": { "type": "boolean" },
            },
        })
    }),
    ("OfrepVariant", || {
        json!({
            "type": "object",
            "required": ["key", "reason", "variant", "metadata", "value"],
            "properties": {
                "key": { "type": "string" },
                "reason": schema("OfrepReason"),
                "variant": { "type": "string", "description": "Empty where there is none." },
                "metadata": {
                    "type": "object",
                    "properties": {
                        "attachment": { "type": "string", "description": "JSON in a string." },
                        "segments": { "type": "string", "description": "Those that matched, separated by commas." },
                    },
                },
                "value": { "type": "string", "description": "The key of the variant." },
            },
        })
    }),
    ("OfrepReason", || {
        let all = [Reason::Unknown, Reason::Disabled, Reason::Match, Reason::Default].map(reason_name);
        json!({ "enum": all, "description": "Why the answer is what it is." })
    }),
    ("OfrepBulk", || {
        json!({
            "type": "object",
            "required": ["flags", "eventStreams"],
            "properties": {
                "flags": { "type": "array", "items": {
                    "oneOf": [schema("OfrepBoolean"), schema("OfrepVariant"), schema("OfrepFlagFailure")],
                } },
                "eventStreams": { "type": "array", "items": {
                    "type": "object",
                    "required": ["type", "endpoint"],
                    "properties": {
                        "type": { "const": "sse" },
                        "endpoint": {
                            "type": "object",
                            "required": ["requestUri"],
                            "properties": { "requestUri": { "type": "string", "pattern": "^/" } },
                        },
                    },
                } },
            },
        })
    }),
    ("OfrepFlagFailure", || {
        json!({
            "type": "object",
            "required": ["key", "errorCode", "errorDetails"],
            "properties": {
                "key": { "type": "string" },
                "errorCode": { "const": "FLAG_NOT_FOUND" },
                "errorDetails": { "type": "string" },
            },
        })
    }),
];

async fn several(state: &State, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let begun = Instant::now();
    let (pass, context) = context(state, request, payload).await?;
    let key = select::namespace_header(request.headers());
    let environment = select::by_header(&state.environments, request.headers(), &pass, key)?;
    let served = environment.load();
    let namespace = select::namespace(&served, key)?;
    let lane = state.metrics.lane(&environment.name, &namespace.key);
    let wanted = context.get("flags").map(|flags| named_flags(flags)).transpose()?;
    let mut answers = Answers {
        out: Vec::with_capacity(ONE_ANSWER * wanted.as_ref().map_or(namespace.flags_by_key().len(), Vec::len) + 256),
        counts: [Reason::Unknown, Reason::Disabled, Reason::Match, Reason::Default].map(|reason| (reason, 0)),
        analytics: state.analytics.lane(&environment.name, &namespace.key),
        first: true,
    };
    answers.out.extend_from_slice(b"{\"flags\":[");
    match &wanted {
        Some(keys) => keys.iter().for_each(|key| answers.named(namespace, key, &context, &lane)),
        None => namespace
            .flags_by_key()
            .filter(|flag| flag.kind == FlagKind::Boolean || flag.enabled)
            .for_each(|flag| answers.one(flag, &context)),
    }
    let Answers { mut out, counts, .. } = answers;
    out.extend_from_slice(b"],\"eventStreams\":[{\"type\":\"sse\",\"endpoint\":{\"requestUri\":\"/ofrep/v1/_stream/");
    for part in [&*environment.name, "/", &*namespace.key] {
        if part == "/" {
            out.push(b'/');
        } else {
            utf8_percent_encode(part, &SEGMENT).for_each(|piece| out.extend_from_slice(piece.as_bytes()));
        }
    }
    out.extend_from_slice(b"/events\"}}]}");
    for (reason, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        lane.answered(reason, count);
    }
    lane.took(begun.elapsed());
    let tag = format!("W/\"{:016x}\"", xxh3_64(&out));
    if select::not_modified(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().content_type(json::mime()).insert_header((header::ETAG, tag)).body(out))
}

/// The context of a request whose caller may ask.
async fn context<'s>(
    state: &'s State,
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Pass<'s>, Context), Failure> {
    let pass = auth::admit(state, Need::OFREP, request)?;
    let body = body::read(request, payload).await?;
    Ok((pass, request::parse::<Ofrep>(&request::text(&body))?.context))
}

fn entity(context: &Context) -> &str {
    context.get("targetingKey").map_or("", |key| key)
}

/// The flags that a context names: separated by commas, or a JSON list of strings.
fn named_flags(flags: &str) -> Result<Vec<String>, Failure> {
    let keys = if flags.starts_with('[') { serde_json::from_str::<Vec<String>>(flags).ok() } else { None };
    let keys = keys.unwrap_or_else(|| flags.split(',').map(str::to_owned).collect());
    if keys.iter().any(String::is_empty) {
        return Err(Failure::invalid("flag key was not provided"));
    }
    if keys.len() > limits::BULK_FLAGS {
        return Err(Failure::invalid(format!("more than {} flags", limits::BULK_FLAGS)));
    }
    Ok(keys)
}

/// The list of a bulk answer while it is written.
struct Answers<'s> {
    out: Vec<u8>,
    counts: [(Reason, u64); 4],
    analytics: analytics::Lane<'s>,
    first: bool,
}

impl Answers<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn one(&mut self, flag: &Flag, context: &Context) {
        self.separate();
        let (reason, answer) = write_answer(&mut self.out, flag, entity(context), context);
        self.analytics.count(&flag.key, answer);
        if let Some((_, count)) = self.counts.iter_mut().find(|(of, _)| *of == reason) {
            *count += 1;
        }
    }

    fn named(&mut self, namespace: &Namespace, key: &str, context: &Context, lane: &Lane) {
        if let Some(flag) = namespace.flag(key) {
            self.one(flag, context);
        } else {
            lane.failed();
            self.separate();
            self.out.extend_from_slice(b"{\"key\":");
            json::string(&mut self.out, key);
            self.out.extend_from_slice(b",\"errorCode\":\"FLAG_NOT_FOUND\",\"errorDetails\":");
            json::string(&mut self.out, &format!("flag was not found {key}"));
            self.out.push(b'}');
        }
    }
}

/// Writes the answer of one flag; why it is so, and the answer in a word.
fn write_answer<'f>(out: &mut Vec<u8>, flag: &'f Flag, entity: &str, context: &Context) -> (Reason, &'f str) {
    out.extend_from_slice(b"{\"key\":");
    json::string(out, &flag.key);
    out.extend_from_slice(b",\"reason\":\"");
    match flag.kind {
        FlagKind::Boolean => {
            let answer = evaluate::boolean(flag, entity, context);
            out.extend_from_slice(reason_name(answer.reason).as_bytes());
            let value = answer.name();
            for part in ["\",\"variant\":\"", value, "\",\"value\":", value, "}"] {
                out.extend_from_slice(part.as_bytes());
            }
            (answer.reason, value)
        }
        FlagKind::Variant => {
            let answer = evaluate::variant(flag, entity, context);
            out.extend_from_slice(reason_name(answer.reason).as_bytes());
            let key = answer.name();
            out.extend_from_slice(b"\",\"variant\":");
            json::string(out, key);
            out.extend_from_slice(b",\"metadata\":{");
            if let Some(variant) = answer.variant {
                out.extend_from_slice(b"\"attachment\":");
                json::string(out, &variant.attachment);
            }
            if !answer.segments.is_empty() {
                out.extend_from_slice(if answer.variant.is_some() { b",\"segments\":" } else { b"\"segments\":" });
                json::string(out, &answer.segments.join(","));
            }
            out.extend_from_slice(b"},\"value\":");
            json::string(out, key);
            out.push(b'}');
            (answer.reason, key)
        }
    }
}

/// As OFREP spells it.
const fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Unknown => "UNKNOWN",
        Reason::Disabled => "DISABLED",
        Reason::Match => "TARGETING_MATCH",
        Reason::Default => "DEFAULT",
    }
}
