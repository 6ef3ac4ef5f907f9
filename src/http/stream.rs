//! Streams: clients hear of a change in the moment when it is live.
//!
//! Two forms of one thing. A line of JSON carries a whole snapshot; a server-sent event only says that there is a new
//! one. Either way the current state comes first, and afterwards whatever is current when the client is ready for
//! more: nothing is queued for a slow reader, and nobody waits for one.
//!
//! A line is never blank (the clients' engines take that for a broken one): the keep-alive between lines is a single
//! space, between events a comment. Both also find the clients that are gone.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::feed::{Feed, Tells};
use super::openapi::{EVENTS as EVENT_STREAM, JSON, Operation, Schemas, Shape, TEXT, Tag, schema};
use super::watch::Watch;
use super::{State, json, select};
use crate::limits;
use crate::serve::Environment;
use crate::serve::streams::{Place, Seat};
use crate::telemetry::metrics::Lane;

/// What an event stream says of a namespace that is gone: look again.
const GONE: &[u8] = b"data: {\"type\":\"refetchEvaluation\"}\n\n";

/// How a stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Events,
}

/// `GET /client/v2/environments/{environment}/namespaces/{namespace}/stream`
pub(super) async fn client(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let accepted = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    // Alone in the list, as event sources send it: who takes JSON as well is told in lines, as by Flipt.
    let alone = accepted.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENT_STREAM);
    let form = if alone && !accepted.contains(',') { Form::Events } else { Form::Lines };
    stream(&state, &request, Need::EVALUATION, form)
}

pub(super) fn about_client() -> Operation {
    Operation::new(Tag::Client, "stream", "The snapshot of a namespace whenever it changes")
        .describe(
            "JSON, a line for each state, the current one first; between them single blanks keep the connection \
             alive. With `Accept: text/event-stream` events that say that there is a new state.",
        )
        .path("environment", "The environment. An unknown one is the one of the header.")
        .path("namespace", "The namespace. One that is not there yet is waited for.")
        .environment()
        .query("digest", json!({ "type": "string" }), "The digest of the state that the client has.")
        .answers(200, "A stream.", JSON, schema("SnapshotLine"))
        .answers(200, "", EVENT_STREAM, schema("ChangeEvents"))
        .guarded(&[Shape::Line, Shape::Event])
        .refuses(&[Shape::Line, Shape::Event], &[Code::NotFound, Code::Unavailable])
}

pub(super) fn about_ofrep() -> Operation {
    Operation::new(Tag::Ofrep, "events", "An event whenever the answers of a namespace may have changed")
        .path("environment", "The environment. An unknown one is the one of the header.")
        .path("namespace", "The namespace. One that is not there yet is waited for.")
        .header("Accept", "Has to have `text/event-stream` in it.")
        .environment()
        .answers(200, "A stream.", EVENT_STREAM, schema("ChangeEvents"))
        .answers(406, "The client does not take events.", TEXT, json!({ "type": "string" }))
        .guarded(&[Shape::Event])
        .refuses(&[Shape::Event], &[Code::NotFound, Code::Unavailable])
}

/// What streams tell.
pub(super) const SCHEMAS: Schemas = &[
    ("SnapshotLine", || {
        json!({
            "type": "object",
            "description": "One line of the stream.",
            "required": ["result"],
            "properties": { "result": schema("Snapshot") },
        })
    }),
    ("ChangeEvents", || {
        json!({
            "type": "string",
            "description": "Server-sent events. The first one sets `retry`, comments keep the connection alive.",
            "contentMediaType": EVENT_STREAM,
            "contentSchema": schema("ChangeEvent"),
        })
    }),
    ("ChangeEvent", || {
        json!({
            "type": "object",
            "description": "The data of an event: ask again.",
            "required": ["type"],
            "properties": {
                "type": { "const": "refetchEvaluation" },
                "etag": { "type": "string", "description": "Digest of the new state; none where the namespace is gone." },
            },
        })
    }),
];

/// `GET /ofrep/v1/_stream/{environment}/{namespace}/events`
pub(super) async fn ofrep(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let accepted = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accepted.contains(EVENT_STREAM) {
        return HttpResponse::NotAcceptable()
            .content_type(TEXT)
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body("text/event-stream is the only supported content type for this endpoint\n");
    }
    stream(&state, &request, Need::OFREP, Form::Events)
}

fn stream(state: &Data<State>, request: &HttpRequest, need: Need, form: Form) -> HttpResponse {
    match begin(state, request, need, form) {
        Ok(feed) => {
            let mut response = HttpResponse::Ok();
            match form {
                Form::Lines => response.content_type(json::mime()),
                Form::Events => response.content_type(EVENT_STREAM),
            };
            response
                .insert_header((header::CACHE_CONTROL, "no-cache"))
                .insert_header(("X-Accel-Buffering", "no"))
                .body(feed)
        }
        Err(failure) if form == Form::Events => failure.event(),
        Err(failure) => failure.line(),
    }
}

fn begin(state: &Data<State>, request: &HttpRequest, need: Need, form: Form) -> Result<Feed<States>, Failure> {
    let named = select::segment(request, "environment")?;
    let namespace = select::segment(request, "namespace")?;
    let pass = auth::admit(state, need, request)?;
    let environment = select::named_or_header(&state.environments, request.headers(), &named, &pass, &namespace)?;
    let Some(ticket) = state.environments.streams().enter() else {
        state.metrics.stream_refused();
        return Err(Failure::new(Code::Unavailable, "no more streams at the moment"));
    };
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let ticket = ticket.of(agent.unwrap_or_default());
    let digest = select::query(request, ["digest", "digest"]).filter(|digest| !digest.is_empty());
    let place = environment.sit(&namespace, &ticket);
    // Only a namespace that exists has counters: a caller could otherwise make them without end.
    let lane = environment.load().flags.namespaces.get(&*namespace).map(|namespace| {
        let lane = state.metrics.lane(&environment.name, &namespace.key);
        lane.stream();
        lane
    });
    let watch = Watch::new(state, need, request, &pass, [&named, &environment.name, &namespace]);
    let first = if form == Form::Events { retry() } else { Bytes::new() };
    let states = States {
        watch,
        wanted: (*environment.name != *named).then(|| named.into_owned().into()),
        state: state.clone().into_inner(),
        environment,
        place,
        lane,
        told: digest.map_or(Told::Nothing, |digest| Told::Digest(digest.into())),
        form,
    };
    Ok(Feed::new(states, ticket, first))
}

/// The pause that an event stream's client makes before it comes back, different for each.
pub(super) fn retry() -> Bytes {
    let (least, most) = limits::STREAM_RETRY_MILLISECONDS;
    let random = uuid::Uuid::new_v4().as_u64_pair().1;
    let milliseconds = u64::from(least) + random % u64::from(most - least + 1);
    Bytes::from(format!("retry: {milliseconds}\n\n"))
}

/// What the client knows.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Digest(Arc<str>),
    Gone,
}

/// What one stream tells.
#[derive(Debug)]
struct States {
    state: Arc<State>,
    watch: Watch,
    environment: Arc<Environment>,
    place: Arc<Place>,
    lane: Option<Arc<Lane>>,
    /// The environment that was asked for, where another one answers in its place.
    wanted: Option<Box<str>>,
    told: Told,
    form: Form,
}

impl Tells for States {
    fn holds(&mut self) -> bool {
        !self.environment.retired() && self.watch.holds(&self.state)
    }

    /// The frame of the current state, if the client does not know that state.
    fn news(&mut self, seat: &Seat) -> Option<Bytes> {
        // Asked for before the state: what is told is at least as new.
        let generation = self.environment.generation();
        let served = self.environment.load();
        match served.flags.namespaces.get(&self.place.namespace) {
            Some(namespace) => {
                seat.told(generation);
                if matches!(&self.told, Told::Digest(digest) if **digest == *namespace.digest) {
                    return None;
                }
                let frames = self.place.frames(namespace);
                self.told = Told::Digest(namespace.digest.clone());
                if let Some(lane) = &self.lane {
                    lane.message();
                }
                Some(if self.form == Form::Events { frames.event() } else { frames.line() })
            }
            None if self.form == Form::Events && matches!(self.told, Told::Digest(_)) => {
                self.told = Told::Gone;
                Some(Bytes::from_static(GONE))
            }
            None => None,
        }
    }

    fn silence(&self) -> Option<Bytes> {
        // The environment that was wanted has come: the client finds it when it comes back.
        if self.wanted.as_ref().is_some_and(|wanted| self.state.environments.get(wanted).is_some()) {
            return None;
        }
        Some(Bytes::from_static(match self.form {
            Form::Lines => b" ",
            Form::Events => b":\n\n",
        }))
    }
}
