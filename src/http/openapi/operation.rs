//! What is said of a route to those who call it: one operation of the document, built beside its handler.
//!
//! Failures are named by the same [`Code`] that the handler answers with, so that a status and its shape are written
//! once.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::http::error::Code;

/// The media type of most answers.
pub(in crate::http) const JSON: &str = "application/json";
/// The media type of server-sent events.
pub(in crate::http) const EVENTS: &str = "text/event-stream";
/// The media type of sentences.
pub(in crate::http) const TEXT: &str = "text/plain; charset=utf-8";

/// Which of the protocols an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Tag {
    /// Evaluation on the server.
    Evaluation,
    /// Snapshots and streams, for clients that evaluate by themselves.
    Client,
    /// The remote evaluation protocol of `OpenFeature`.
    Ofrep,
    /// Environments, namespaces, flags, segments, branches: as they are in Git, and changes to them.
    Management,
    /// Merge proposals, from opened to live.
    Proposals,
    /// Flags as a list, storages, deliveries.
    Status,
    /// What the server is, and who asks.
    Session,
    /// Deliveries of Git providers.
    Webhooks,
    /// Probes, metrics and this document.
    Probes,
}

impl Tag {
    /// All of them, with what is said of each.
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::Evaluation, "Evaluation on the server, as Flipt's server SDKs ask for it."),
        (Self::Client, "Snapshots and streams, for client SDKs that evaluate by themselves."),
        (Self::Ofrep, "The OpenFeature Remote Evaluation Protocol."),
        (
            Self::Management,
            "Flags as they are in Git, and changes to them: Flipt v2's API, and what is ours beside it.",
        ),
        (Self::Proposals, "Merge proposals at the provider, from opened to live. No read asks the provider."),
        (Self::Session, "What the web interface of Flipt asks first."),
        (Self::Status, "What is served, what each storage is doing, and what became of each delivery."),
        (Self::Webhooks, "Where Git providers say that something moved."),
        (Self::Probes, "Whether the process lives and can serve, what it counts, and this document."),
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Client => "client",
            Self::Ofrep => "ofrep",
            Self::Management => "management",
            Self::Proposals => "proposals",
            Self::Session => "session",
            Self::Status => "status",
            Self::Webhooks => "webhooks",
            Self::Probes => "probes",
        }
    }
}

/// The shape that a protocol gives to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Shape {
    /// Flipt's JSON.
    Json,
    /// OFREP's JSON.
    Ofrep,
    /// The only line of a stream.
    Line,
    /// The only event of a stream.
    Event,
}

impl Shape {
    const fn content(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => (JSON, "Failure"),
            Self::Ofrep => (JSON, "OfrepFailure"),
            Self::Line => (JSON, "FailureLine"),
            Self::Event => (EVENTS, "FailureEvents"),
        }
    }
}

/// One operation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Operation {
    tags: [&'static str; 1],
    #[serde(rename = "operationId")]
    id: String,
    summary: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
    parameters: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Value>,
    responses: BTreeMap<String, Response>,
    security: Vec<Value>,
}

/// What an operation may answer under one status.
#[derive(Debug, Default, Serialize)]
struct Response {
    description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    content: BTreeMap<&'static str, Value>,
}

/// A reference to a schema of the document.
pub(in crate::http) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl Operation {
    /// An operation that anybody may ask for.
    pub(in crate::http) fn new(tag: Tag, id: &'static str, summary: &'static str) -> Self {
        Self {
            tags: [tag.name()],
            id: id.to_owned(),
            summary,
            description: "",
            parameters: Vec::new(),
            request_body: None,
            responses: BTreeMap::new(),
            security: Vec::new(),
        }
    }

    /// What a caller should know beside the summary, in `CommonMark`.
    pub(in crate::http) const fn describe(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    /// Asks for a credential where the configuration does, and refuses without one, with one that may not, and whoever
    /// comes too often.
    pub(in crate::http) fn guarded(self, shapes: &[Shape]) -> Self {
        self.asks_who(shapes).refuses(shapes, &[Code::Forbidden])
    }

    /// The same, where what the credential may is a matter of each part of the request.
    pub(in crate::http) fn asks_who(mut self, shapes: &[Shape]) -> Self {
        self.security = vec![json!({}), json!({ "bearer": [] }), json!({ "cookie": [] })];
        self.refuses(shapes, &[Code::Unauthenticated, Code::TooMany { seconds: 1 }])
    }

    /// A segment of the path.
    pub(in crate::http) fn path(self, name: &str, description: &str) -> Self {
        self.parameter(json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": { "type": "string" },
        }))
    }

    /// A parameter of the query, with its schema.
    #[expect(clippy::needless_pass_by_value, reason = "a schema is made for the one place where it stands")]
    pub(in crate::http) fn query(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter(json!({ "name": name, "in": "query", "description": description, "schema": schema }))
    }

    /// A header of the request.
    pub(in crate::http) fn header(self, name: &str, description: &str) -> Self {
        let schema = json!({ "type": "string" });
        self.parameter(json!({ "name": name, "in": "header", "description": description, "schema": schema }))
    }

    /// The header that names the environment.
    pub(in crate::http) fn environment(self) -> Self {
        self.header("X-Flipt-Environment", "The environment; without it the default one.")
    }

    /// The header with which a client asks whether its copy is still good.
    pub(in crate::http) fn if_none_match(self) -> Self {
        self.header("If-None-Match", "The `Etag` of an earlier answer: as it was, quoted, weak, or in a list.")
    }

    fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// A JSON body, and what a body that cannot be taken is answered. The content type is not looked at: clients in
    /// use send JSON as text.
    pub(in crate::http) fn body(mut self, name: &str, shape: Shape) -> Self {
        let content = json!({ "schema": schema(name) });
        let content = json!({ JSON: content, "text/plain": content });
        self.request_body = Some(json!({ "required": false, "content": content }));
        self.refuses(&[shape], &[Code::Invalid, Code::TooSlow, Code::TooLarge, Code::Unavailable])
    }

    /// A body that is taken as it is.
    pub(in crate::http) fn raw_body(mut self, description: &str, media_types: &[&str]) -> Self {
        let content: BTreeMap<_, _> = media_types.iter().map(|media_type| (media_type, json!({}))).collect();
        self.request_body = Some(json!({ "required": true, "description": description, "content": content }));
        self
    }

    /// An answer of this status without a body.
    pub(in crate::http) fn empty(mut self, status: u16, description: &str) -> Self {
        self.response(status, description);
        self
    }

    /// An answer of this status, of this media type, by this schema.
    pub(in crate::http) fn answers(
        mut self,
        status: u16,
        description: &str,
        media_type: &'static str,
        schema: Value,
    ) -> Self {
        let mut content = serde_json::Map::new();
        content.insert("schema".to_owned(), schema);
        self.response(status, description).content.insert(media_type, Value::Object(content));
        self
    }

    /// A JSON answer of status 200.
    pub(in crate::http) fn ok(self, description: &str, name: &str) -> Self {
        self.answers(200, description, JSON, schema(name))
    }

    /// A header that answers of this status have.
    pub(in crate::http) fn with_header(mut self, status: u16, name: &'static str, description: &str) -> Self {
        let schema = json!({ "type": "string" });
        let header = json!({ "required": true, "description": description, "schema": schema });
        self.response(status, "").headers.insert(name, header);
        self
    }

    /// What it refuses, in these shapes.
    pub(in crate::http) fn refuses(mut self, shapes: &[Shape], codes: &[Code]) -> Self {
        for code in codes {
            let status = code.status().as_u16();
            for shape in shapes {
                let (media_type, name) = shape.content();
                self = self.answers(status, code.meaning(), media_type, schema(name));
            }
            if *code == Code::Unauthenticated && shapes.contains(&Shape::Json) {
                self = self.with_header(status, "WWW-Authenticate", "Why.");
            }
            if matches!(code, Code::Unavailable | Code::TooMany { .. } | Code::Down { .. }) {
                self = self.with_header(status, "Retry-After", "Seconds until it is worth another try.");
            }
        }
        self
    }

    /// The response of a status, made when it is first spoken of.
    fn response(&mut self, status: u16, description: &str) -> &mut Response {
        let response = self.responses.entry(status.to_string()).or_default();
        if response.description.is_empty() {
            description.clone_into(&mut response.description);
        }
        response
    }

    /// The same operation under another method, where that is the one without a body.
    pub(super) fn named_for(mut self, method: &str) -> Self {
        if method == "head" {
            let (first, rest) = (method.get(..1).unwrap_or_default(), method.get(1..).unwrap_or_default());
            self.id = format!("{}{}{rest}", self.id, first.to_uppercase());
            for response in self.responses.values_mut() {
                response.content.clear();
            }
        }
        self
    }
}
