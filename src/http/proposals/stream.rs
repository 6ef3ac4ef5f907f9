//! `GET /api/v2/proposals/stream`: every change of every proposal that the caller may see, as server-sent events.
//!
//! An event carries the proposal as it is now. Nothing is queued for a slow reader: it goes on with the next proposal
//! that has changed since what it was told last, and gets that one's newest state. The id of an event says where it
//! stands; a client that comes back with it is told what it missed. One that comes back after a restart of the process is
//! told of every proposal, and one that comes for the first time of what happens from now on: it asks for the list after
//! the stream is open, and misses nothing.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::Shown;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::{self, Need};
use crate::http::environments::Fields;
use crate::http::error::{Code, Failure};
use crate::http::feed::{Feed, Tells};
use crate::http::openapi::EVENTS;
use crate::http::stream::retry;
use crate::http::watch::Watch;
use crate::serve::streams::Seat;
use crate::track::records::{Entry, Table};

pub(super) async fn open(state: Data<State>, request: HttpRequest) -> HttpResponse {
    match begin(&state, &request) {
        Ok(feed) => HttpResponse::Ok()
            .content_type(EVENTS)
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header(("X-Accel-Buffering", "no"))
            .body(feed),
        Err(failure) => failure.event(),
    }
}

fn begin(state: &Data<State>, request: &HttpRequest) -> Result<Feed<Changes>, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let mut fields = Fields::of_query(request, &["environment"])?;
    let environment = fields.filled("environment")?.map(Into::into);
    let Some(ticket) = state.environments.streams().enter() else {
        state.metrics.stream_refused();
        return Err(Failure::new(Code::Unavailable, "no more streams at the moment"));
    };
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let told = match last.map(str::trim).filter(|last| !last.is_empty()) {
        None => state.tracker.read(Table::last),
        // Of another life of the process: anything may have changed.
        Some(last) => last
            .split_once('-')
            .filter(|(life, _)| *life == state.tracker.life())
            .map_or(0, |(_, number)| number.parse().unwrap_or(0)),
    };
    if let Some(place) = state.tracker.place() {
        place.sit(ticket.seat());
    }
    let watch = Watch::anywhere(state, Need::READ, request, &pass);
    Ok(Feed::new(Changes { watch, state: state.clone().into_inner(), told, environment }, ticket, retry()))
}

/// What one stream tells.
#[derive(Debug)]
struct Changes {
    state: Arc<State>,
    watch: Watch,
    /// Number of the change that was told last.
    told: u64,
    /// Those of this environment alone.
    environment: Option<Box<str>>,
}

impl Tells for Changes {
    fn holds(&mut self) -> bool {
        self.watch.holds(&self.state)
    }

    /// The next change that the caller may see.
    fn news(&mut self, _: &Seat) -> Option<Bytes> {
        let found = self.state.tracker.read(|table| {
            let mut at = self.told;
            loop {
                let Some(entry) = table.after(at) else { return (at, None) };
                at = entry.version;
                if self.wants(entry) {
                    return (at, Some(entry.clone()));
                }
            }
        });
        self.told = found.0;
        let entry = found.1?;
        let data = serde_json::to_string(&Shown::of(&entry)).unwrap_or_default();
        let id = self.state.tracker.life();
        Some(Bytes::from(format!("id: {id}-{}\nevent: proposal\ndata: {data}\n\n", entry.version)))
    }
}

impl Changes {
    fn wants(&self, entry: &Entry) -> bool {
        let environment = entry.record.environment.as_deref();
        self.environment.as_deref().is_none_or(|wanted| environment == Some(wanted))
            && self.watch.sees(&self.state, environment.unwrap_or(ANY))
    }
}
