//! `GET /ui/events`: tells an open page that something has moved.
//!
//! What can move has a [mark](Marks), a number that is another one afterwards. A page carries the marks of when it was
//! made; its stream begins with them, so nothing that happened in between is missed, and neither is what happens while
//! the browser is away: it comes back with the marks that it was told last. An event names what has moved since, and
//! brings the marks of now; the page then asks for itself again. Nothing is queued: a slow browser is told once of
//! everything.
//!
//! Marks are made with a secret of the process, so that they tell nothing but "the same" and "another", and after a
//! restart everything counts as moved. What somebody may not see never moves for them. A stream ends with the session or
//! the token that it was opened with.

use std::fmt;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::session::Seat;
use super::session::Sessions;
use super::{Trouble, Visit};
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::{Code, Failure};
use crate::http::feed::{Feed, Tells};
use crate::http::openapi::EVENTS;
use crate::http::stream::retry;
use crate::http::watch::Watch;
use crate::serve::{Environment, streams};

/// What can move, by the names that pages follow it with.
const MOVING: [&str; 7] = ["environment", "environments", "proposals", "deliveries", "sync", "audit", "glass"];

/// Has the streams of pages woken by whatever moves. May be called more than once.
pub(super) fn connect(state: &State) {
    let wake = || {
        let streams = state.environments.streams().clone();
        move || streams.pages().wake()
    };
    state.environments.bell().hear(wake());
    state.board.bell().hear(wake());
    state.deliveries.bell().hear(wake());
    state.audit.bell().hear(wake());
    if let Some(bell) = state.writers.glass_bell() {
        bell.hear(wake());
    }
}

/// What the marks of a process begin with.
#[derive(Debug)]
pub(super) struct Salt(u64);

impl Default for Salt {
    fn default() -> Self {
        Self(uuid::Uuid::new_v4().as_u64_pair().1)
    }
}

impl Salt {
    fn mark(&self) -> Xxh3 {
        Xxh3::with_seed(self.0)
    }
}

/// Where a page is: what it shows of environments is shown of these.
#[derive(Debug, Clone, Default)]
pub(super) struct Spot {
    /// Name of the environment; empty for a page that is of none.
    pub(super) environment: String,
    /// Key of the namespace, likewise.
    pub(super) namespace: String,
}

/// How things stand, to be compared with how they stand later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks([u32; MOVING.len()]);

impl Marks {
    /// As of now, for somebody who may see what `sees` says of an environment and a namespace.
    pub(super) fn of(state: &State, spot: &Spot, sees: &dyn Fn(&str, &str) -> bool) -> Self {
        let environments = &state.environments;
        let may_see = |environment: &Environment, namespace: &str| {
            sees(&environment.name, namespace) || environment.base.as_ref().is_some_and(|base| sees(base, namespace))
        };
        let everything = sees(ANY, ANY);
        let mark = |count: Option<u64>| {
            let mut mark = state.ui.salt.mark();
            mark.update(&count.unwrap_or_default().to_le_bytes());
            mark
        };
        let whole = |count: u64| finished(&mark(everything.then_some(count)));

        let namespace = if spot.namespace.is_empty() { ANY } else { &spot.namespace };
        let here = environments.get(&spot.environment).filter(|here| may_see(here, namespace));
        let mut one = mark(here.map(|here| here.generation()));
        one.update(spot.environment.as_bytes());

        let mut all = mark(None);
        for environment in environments.all().iter().filter(|environment| may_see(environment, ANY)) {
            all.update(environment.name.as_bytes());
            all.update(&environment.generation().to_le_bytes());
        }

        let proposals = state.tracker.read(|table| {
            table.last_of(|entry| {
                let environment = entry.record.environment.as_deref().unwrap_or(ANY);
                sees(environment, ANY)
            })
        });

        let mut glass = mark(None);
        for broken in state.writers.glass().iter().flat_map(|told| &told.broken) {
            glass.update(broken.environment.as_bytes());
            glass.update(broken.until.as_second().to_le_bytes().as_slice());
            glass.update(&broken.changes.to_le_bytes());
        }

        Self([
            finished(&one),
            finished(&all),
            finished(&mark(Some(proposals))),
            whole(state.deliveries.bell().rung()),
            whole(state.board.bell().rung()),
            whole(state.audit.bell().rung()),
            finished(&glass),
        ])
    }

    fn read(text: &str) -> Option<Self> {
        let mut marks = [0; MOVING.len()];
        let mut parts = text.trim().split('-');
        for mark in &mut marks {
            *mark = u32::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(marks))
    }

    /// What has moved since.
    fn moved(self, since: Option<Self>) -> impl Iterator<Item = &'static str> {
        let since = since.map(|since| since.0);
        MOVING.iter().zip(self.0).enumerate().filter_map(move |(at, (name, mark))| {
            let same = since.is_some_and(|since| since.get(at) == Some(&mark));
            (!same).then_some(*name)
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of it tells as well whether two are the same")]
fn finished(mark: &Xxh3) -> u32 {
    mark.digest() as u32
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mark) in self.0.iter().enumerate() {
            write!(f, "{}{mark:x}", if at == 0 { "" } else { "-" })?;
        }
        Ok(())
    }
}

impl Serialize for Marks {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

pub(super) async fn open(state: Data<State>, request: HttpRequest) -> HttpResponse {
    match begin(&state, &request) {
        Ok(feed) => HttpResponse::Ok()
            .content_type(EVENTS)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(("X-Accel-Buffering", "no"))
            .body(feed),
        Err(Trouble::Answered(response)) => *response,
        Err(Trouble::Failure(failure)) => failure.json(),
    }
}

fn begin(state: &Data<State>, request: &HttpRequest) -> Result<Feed<Moves>, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let spot = Spot { environment: visit.asked("environment"), namespace: visit.asked("namespace") };
    let told = request.headers().get("last-event-id").and_then(|value| value.to_str().ok()).and_then(Marks::read);
    let Some(ticket) = state.environments.streams().enter() else {
        state.metrics.stream_refused();
        return Err(Failure::new(Code::Unavailable, "no more streams at the moment").into());
    };
    state.environments.streams().pages().sit(ticket.seat());
    if let Some(place) = state.tracker.place() {
        place.sit(ticket.seat());
    }
    let seat = Sessions::seat(request);
    let session = state.ui.sessions.credential(&seat, state.clock.now());
    let watch = match &session {
        Some(shown) => Watch::anywhere_as(state, Need::READ, request, &visit.pass, shown.borrowed()),
        None => Watch::anywhere(state, Need::READ, request, &visit.pass),
    };
    let session = session.map(|_| seat);
    Ok(Feed::new(Moves { watch, session, state: state.clone().into_inner(), spot, told }, ticket, retry()))
}

/// What one stream tells.
#[derive(Debug)]
struct Moves {
    watch: Watch,
    /// The session that it lives in, where there is one.
    session: Option<Seat>,
    state: Arc<State>,
    spot: Spot,
    /// The marks that the page knows.
    told: Option<Marks>,
}

impl Tells for Moves {
    fn holds(&mut self) -> bool {
        if let Some(seat) = &self.session {
            match self.state.ui.sessions.until(seat, self.state.clock.now()) {
                // Nothing else would wake it then.
                Some(until) => self.state.environments.streams().wake_at(until),
                None => return false,
            }
        }
        self.watch.holds(&self.state)
    }

    /// What has moved since the page was told last.
    fn news(&mut self, _: &streams::Seat) -> Option<Bytes> {
        let sees = |environment: &str, namespace: &str| self.watch.sees_in(&self.state, environment, namespace);
        let now = Marks::of(&self.state, &self.spot, &sees);
        if self.told == Some(now) {
            return None;
        }
        let moved: Vec<_> = now.moved(self.told).collect();
        self.told = Some(now);
        Some(Bytes::from(format!("id: {now}\nevent: moved\ndata: {}\n\n", moved.join(" "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written_and_tell_what_has_moved() {
        let marks = Marks([1, 0xffff_ffff, 3, 4, 5, 6, 7]);
        assert_eq!(Marks::read(&marks.to_string()), Some(marks));
        for text in ["", "1-2", "1-2-3-4-5-6-x", "1-2-3-4-5-6-7-8", "1-2-3-4-5-6-fffffffff"] {
            assert_eq!(Marks::read(text), None, "{text}");
        }
        let later = Marks([1, 2, 3, 9, 5, 6, 7]);
        assert_eq!(later.moved(Some(marks)).collect::<Vec<_>>(), ["environments", "deliveries"]);
        assert_eq!(later.moved(None).count(), MOVING.len(), "of another life");
    }
}
