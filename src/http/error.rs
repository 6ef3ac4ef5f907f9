//! What a caller is told when something does not work: a code and a sentence, nothing from inside.
//!
//! A [`Failure`] is made for the caller and for nobody else. What an operator needs to know is logged where it
//! happens, in its own words. Each protocol has its own shape for the same failure: Flipt's JSON (gRPC codes), OFREP's
//! `errorCode`, one line of a stream, one event of a stream.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::json;

use super::openapi::{EVENTS, Schemas, schema};
use crate::limits;

/// Kind of a failure: a gRPC code with the HTTP status that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// The request makes no sense.
    Invalid,
    /// The body took too long.
    TooSlow,
    /// No such thing.
    NotFound,
    /// The body is too large.
    TooLarge,
    /// Not with this method.
    Unimplemented,
    /// Not now.
    Unavailable,
    /// Not without a credential.
    Unauthenticated,
    /// Not with this one.
    Forbidden,
    /// Not so often.
    TooMany {
        /// When to come back.
        seconds: u32,
    },
    /// It is there already.
    AlreadyExists,
    /// Somebody else was faster.
    Conflict,
    /// Not here, or not by us: another request may.
    Precondition,
    /// Nobody knows yet whether it was done.
    Undecided,
    /// Not now, for a reason that has a time.
    Down {
        /// When to come back.
        seconds: u32,
    },
    /// A bug.
    Internal,
}

impl Code {
    const fn grpc(self) -> u8 {
        match self {
            Self::Invalid => 3,
            Self::TooSlow | Self::Undecided => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::Forbidden => 7,
            Self::TooLarge | Self::TooMany { .. } => 8,
            Self::Precondition => 9,
            Self::Conflict => 10,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable | Self::Down { .. } => 14,
            Self::Unauthenticated => 16,
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable | Self::Down { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::AlreadyExists | Self::Conflict | Self::Precondition => StatusCode::CONFLICT,
            Self::Undecided => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// What it means, in a sentence for callers.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Invalid => "The request makes no sense; the message says why.",
            Self::TooSlow => "The body did not arrive in time.",
            Self::NotFound => "No such thing; the message says what.",
            Self::TooLarge => "The body is too large.",
            Self::Unimplemented => "Not with this method.",
            Self::Unavailable | Self::Down { .. } => "Not at the moment.",
            Self::AlreadyExists => "It is there already (code 6).",
            Self::Conflict => "Somebody else has changed the same since (code 10); `details` says what.",
            Self::Precondition => {
                "It cannot be done here (code 9): the environment is protected, or the provider refuses it."
            }
            Self::Undecided => "Whether it was done is not known yet; look before it is tried again.",
            Self::Internal => "A bug; nothing was changed.",
            Self::Unauthenticated => "A credential is required, and this is none.",
            Self::Forbidden => "This credential may not do this.",
            Self::TooMany { .. } => "Too many requests; `Retry-After` says when to come back.",
        }
    }

    /// The name OFREP has for it.
    const fn ofrep(self) -> &'static str {
        match self {
            Self::NotFound => "FLAG_NOT_FOUND",
            Self::Invalid => "INVALID_CONTEXT",
            _ => "GENERAL",
        }
    }
}

/// The shapes of failures.
pub(super) const SCHEMAS: Schemas = &[
    ("Failure", || {
        json!({
            "type": "object",
            "description": "A failure, as Flipt spells it.",
            "required": ["code", "message", "details"],
            "properties": {
                "code": { "type": "integer", "minimum": 1, "maximum": 16, "description": "A gRPC code." },
                "message": { "type": "string", "minLength": 1, "description": "What is wrong, for the caller." },
                "details": {
                    "type": "array",
                    "description": "What a program may want to know; mostly nothing.",
                    "items": schema("Detail"),
                },
            },
        })
    }),
    ("FailureLine", || {
        json!({
            "type": "object",
            "description": "The only line of a stream that did not begin.",
            "required": ["error"],
            "properties": { "error": schema("Failure") },
        })
    }),
    ("FailureEvents", || {
        json!({
            "type": "string",
            "description": "The only event of a stream that did not begin.",
            "contentMediaType": EVENTS,
            "contentSchema": schema("FailureEvent"),
        })
    }),
    ("FailureEvent", || {
        json!({
            "type": "object",
            "description": "The data of an event that is a failure.",
            "required": ["type", "code", "message"],
            "properties": {
                "type": { "const": "error" },
                "code": { "type": "integer", "minimum": 1, "maximum": 16, "description": "A gRPC code." },
                "message": { "type": "string", "minLength": 1, "description": "What is wrong, for the caller." },
            },
        })
    }),
    ("OfrepFailure", || {
        json!({
            "type": "object",
            "description": "A failure, as OFREP spells it.",
            "required": ["errorCode", "errorDetails"],
            "properties": {
                "key": { "type": "string", "description": "The flag, where the request was about one." },
                "errorCode": { "enum": ["FLAG_NOT_FOUND", "INVALID_CONTEXT", "GENERAL"] },
                "errorDetails": { "type": "string", "minLength": 1, "description": "What is wrong, for the caller." },
            },
        })
    }),
];

/// A failure in words for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) message: Cow<'static, str>,
    /// What a program may want to know, each with its `@type`.
    pub(super) details: Vec<serde_json::Value>,
}

impl Failure {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into();
        // Messages repeat names of the request, which may be as long as a header.
        if let Some((end, _)) = message.char_indices().nth(limits::MESSAGE_CHARACTERS) {
            message.to_mut().truncate(end);
            message.to_mut().push('…');
        }
        Self { code, message, details: Vec::new() }
    }

    /// The same, with what a program may want to know.
    pub(super) fn with_details(self, details: Vec<serde_json::Value>) -> Self {
        Self { details, ..self }
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Invalid, message)
    }

    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "request was not authenticated")
    }

    /// Flipt's shape.
    pub(super) fn json(&self) -> HttpResponse {
        let mut response = self.response();
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, self.message.as_ref()));
        }
        response.content_type("application/json").body(self.object().to_string())
    }

    /// OFREP's shape; `key` where the request was about one flag: providers take no failure without it, but the one of a
    /// caller who may not ask.
    pub(super) fn ofrep(&self, key: Option<&str>) -> HttpResponse {
        let key = key.filter(|_| self.code != Code::Unauthenticated);
        let mut body = json!({ "errorCode": self.code.ofrep(), "errorDetails": self.message });
        if let (Some(key), Some(body)) = (key, body.as_object_mut()) {
            body.insert("key".to_owned(), key.into());
        }
        self.response().content_type("application/json").body(body.to_string())
    }

    /// The only line of a stream that did not begin.
    pub(super) fn line(&self) -> HttpResponse {
        let line = format!("{}\n", json!({ "error": self.object() }));
        self.response().content_type("application/json").body(line)
    }

    /// The only event of a stream that did not begin.
    pub(super) fn event(&self) -> HttpResponse {
        let data = json!({ "code": self.code.grpc(), "message": self.message, "type": "error" });
        self.response().content_type("text/event-stream").body(format!("data: {data}\n\n"))
    }

    fn object(&self) -> serde_json::Value {
        json!({ "code": self.code.grpc(), "message": self.message, "details": self.details })
    }

    fn response(&self) -> actix_web::HttpResponseBuilder {
        let mut response = HttpResponse::build(self.code.status());
        match self.code {
            Code::Unavailable => drop(response.insert_header((header::RETRY_AFTER, "5"))),
            Code::TooMany { seconds } | Code::Down { seconds } => {
                response.insert_header((header::RETRY_AFTER, seconds.to_string()));
            }
            _ => {}
        }
        response
    }
}
