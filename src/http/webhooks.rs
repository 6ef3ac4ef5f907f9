//! `POST /webhooks/{storage}` and `POST /api/v2/webhooks/{environment}`: bytes in, a status out.
//!
//! Everything that is decided is decided in [`crate::ingest`]. This file hands it the head, then the body as it comes,
//! within the deadline, and writes the answer. Answers are never a redirect, whose target would get the signature, nor
//! 410 or 500, which switch hooks off. They take an `Arc<Ingest>` and nothing else, so that they can be bound to a
//! listener of their own.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;
use serde_json::json;

use super::openapi::{Operation, TEXT, Tag};
use super::routes::Listener;
use crate::ingest::verdict::Head;
use crate::ingest::{Answer, Ingest, Target};
use crate::provider::headers::Headers;

/// Registers both addresses.
pub fn routes(ingest: Arc<Ingest>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |services| {
        services.app_data(Data::from(Arc::clone(&ingest)));
        super::routes::webhooks(&mut Listener { config: services, end: "" });
    }
}

/// `POST /webhooks/{storage}`
pub(super) async fn storage(ingest: Data<Ingest>, request: HttpRequest, body: web::Payload) -> HttpResponse {
    let name = request.match_info().query("storage").to_owned();
    deliver(&ingest, Target::Storage(&name), &request, body).await
}

pub(super) fn about_storage() -> Operation {
    about("deliver", "Take a delivery of a storage's Git provider").path("storage", "The storage.")
}

/// `POST /api/v2/webhooks/{environment}`
pub(super) async fn environment(ingest: Data<Ingest>, request: HttpRequest, body: web::Payload) -> HttpResponse {
    let name = request.match_info().query("environment").to_owned();
    deliver(&ingest, Target::Environment(&name), &request, body).await
}

pub(super) fn about_environment() -> Operation {
    about("deliverToEnvironment", "Take a delivery, at the address that Flipt has for it")
        .path("environment", "An environment of the storage.")
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    let sentence = || json!({ "type": "string" });
    Operation::new(Tag::Webhooks, id, summary)
        .describe(
            "Verified by the provider's own scheme, and no more than a hint to look at the remote. Whoever has not \
             proved to be the provider is told a status and nothing else.",
        )
        .raw_body(
            "What the provider sends; a form only where it can send one.",
            &["application/json", "application/x-www-form-urlencoded"],
        )
        .empty(200, "Authentic, and nothing to do, or seen before.")
        .answers(200, "", TEXT, sentence())
        .answers(202, "Accepted: the remote is looked at.", TEXT, sentence())
        .empty(401, "The signature is bad, missing, empty or doubled.")
        .empty(404, "No such endpoint, or one without a secret.")
        .empty(408, "The body did not come in time.")
        .empty(413, "The body is too large.")
        .empty(415, "Another content type or encoding.")
        .empty(503, "Too much at the moment, or shutting down.")
        .with_header(503, "Retry-After", "Seconds until it is worth another try.")
}

/// One delivery.
async fn deliver(
    ingest: &Arc<Ingest>,
    target: Target<'_>,
    request: &HttpRequest,
    mut body: web::Payload,
) -> HttpResponse {
    let fields = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let head = Head { method: Cow::Borrowed(request.method().as_str()), headers: Headers::new(fields) };
    let mut intake = match ingest.open(target, head) {
        Ok(intake) => intake,
        Err(answer) => return respond(&answer, body),
    };
    let deadline = tokio::time::Instant::now() + ingest.deadline();
    loop {
        match tokio::time::timeout_at(deadline, body.next()).await {
            Ok(Some(Ok(chunk))) => {
                if let Err(answer) = intake.push(&chunk) {
                    return respond(&answer, body);
                }
            }
            Ok(None) => break,
            Ok(Some(Err(_))) => return respond(&intake.broke_off(), body),
            Err(_) => return respond(&intake.too_slow(), body),
        }
    }
    if !intake.is_large() {
        return respond(&intake.close(), body);
    }
    let intake = intake.into_owned();
    match web::block(move || intake.close()).await {
        Ok(answer) => respond(&answer, body),
        // The runtime is going away.
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

fn respond(answer: &Answer, body: web::Payload) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = HttpResponse::build(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.insert_header((ALLOW, "POST"));
    }
    if let Some(after) = answer.retry_after {
        response.insert_header((RETRY_AFTER, after.as_secs().to_string()));
    }
    let mut response = if answer.text.is_empty() {
        response.finish()
    } else {
        response.content_type("text/plain; charset=utf-8").body(answer.text.clone())
    };
    if answer.unread {
        // The server drains a chunked body that was dropped, for as long as it comes. One that is still held when the
        // answer goes out makes it close the connection instead, after giving the sender a moment to read the answer.
        response.extensions_mut().insert(Unread(body));
    }
    response
}

/// A body that nobody will read.
struct Unread(#[expect(dead_code, reason = "held, never read")] web::Payload);
