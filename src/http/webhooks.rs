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
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;

use crate::ingest::verdict::Head;
use crate::ingest::{Answer, Ingest, Target};
use crate::provider::headers::Headers;

/// Registers both addresses.
pub fn routes(ingest: Arc<Ingest>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |services| {
        let (storages, environments) = (Arc::clone(&ingest), Arc::clone(&ingest));
        services.route(
            "/webhooks/{storage}",
            web::route().to(move |request: HttpRequest, body: web::Payload| {
                let ingest = Arc::clone(&storages);
                async move {
                    let name = request.match_info().query("storage").to_owned();
                    deliver(&ingest, Target::Storage(&name), &request, body).await
                }
            }),
        );
        services.route(
            "/api/v2/webhooks/{environment}",
            web::route().to(move |request: HttpRequest, body: web::Payload| {
                let ingest = Arc::clone(&environments);
                async move {
                    let name = request.match_info().query("environment").to_owned();
                    deliver(&ingest, Target::Environment(&name), &request, body).await
                }
            }),
        );
    }
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
