//! `/api/v2/proposals`: where every merge proposal stands, and what can be done with it.
//!
//! Reads are of what is known here; no provider is ever asked for one. A proposal is shown to whoever may `read` the
//! whole environment that it would change, because it may be about any namespace of it; to others it is not there.

mod about;
mod acts;
mod asked;
mod schemas;
mod shown;
mod stream;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

pub(super) use self::acts::{permit, rights};
use self::asked::{Asked, cursor};
pub(super) use self::schemas::SCHEMAS;
pub(super) use self::shown::{Brief, Shown, refused};
use super::auth::{self, Need, Pass};
use super::environments::{may, segment};
use super::error::{Code, Failure};
use super::routes::{GET, POST, Table};
use super::{State, json as written};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::proposal::Record;
use crate::serve::Seen;
use crate::track::diff::Readable;
use crate::track::records::Entry;

/// The routes.
pub(super) fn routes(table: &mut impl Table) {
    table.route(GET, "/api/v2/proposals", list, about::list);
    table.route(GET, "/api/v2/proposals/stream", stream::open, about::stream);
    table.route(GET, "/api/v2/proposals/{proposal}", one, about::one);
    table.route(POST, "/api/v2/proposals/{proposal}/close", acts::close, about::close);
    table.route(POST, "/api/v2/proposals/{proposal}/reopen", acts::reopen, about::reopen);
    table.route(POST, "/api/v2/proposals/{proposal}/ready", acts::ready, about::ready);
    table.route(POST, "/api/v2/proposals/{proposal}/draft", acts::draft, about::draft);
    table.route(POST, "/api/v2/proposals/{proposal}/edit", acts::edit, about::edit);
    table.route(POST, "/api/v2/proposals/{proposal}/merge", acts::merge, about::merge);
    table.route(POST, "/api/v2/proposals/{proposal}/update", acts::update, about::update);
}

/// `GET /api/v2/proposals?environment=&state=&author=&limit=&from=`
async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).unwrap_or_else(|failure| failure.json())
}

/// `GET /api/v2/proposals/{proposal}`
async fn one(state: Data<State>, request: HttpRequest) -> HttpResponse {
    got(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// A page of proposals.
#[derive(Serialize)]
struct Page<'p> {
    proposals: Vec<Shown<'p>>,
    next: Option<String>,
}

fn listed(state: &State, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let asked = Asked::of(request)?;
    let mut seen = Sight::new(state, &pass);
    let mut found: Vec<Entry> = state.tracker.read(|table| {
        let wanted = |entry: &&Entry| asked.wants(&entry.record) && seen.sees(&entry.record);
        table.all().filter(wanted).cloned().collect()
    });
    // The newest first.
    found.sort_unstable_by(|one, other| asked::place(&other.record).cmp(&asked::place(&one.record)));
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next = found.last().filter(|_| more).map(|last| cursor(&last.record));
    let page = Page { proposals: found.iter().map(Shown::of).collect(), next };
    Ok(answered(&page))
}

async fn got(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let entry = known(state, &pass, request)?;
    let (of, to) = (state.clone(), readable(state, &pass));
    let read = web::block(move || {
        let changes = of.tracker.changes(&entry.record, &to);
        let mut shown = Shown::of(&entry);
        shown.tell_all(&entry, &changes, seen(&of, &entry.record));
        serde_json::to_vec(&shown).unwrap_or_default()
    });
    let bytes = read.await.map_err(|_| Failure::new(Code::Internal, "a thread that reads a repository has died"))?;
    Ok(HttpResponse::Ok().content_type(written::mime()).body(bytes))
}

/// Of which environments a caller may know what changes in them.
pub(super) fn readable(state: &State, pass: &Pass<'_>) -> Readable {
    let reads = |name: &str| may(state, pass, Action::Read, name, ANY);
    if reads(ANY) {
        return Readable::All;
    }
    let all = state.environments.all().into_iter();
    Readable::Of(all.filter(|it| it.base.is_none() && reads(&it.name)).map(|it| it.name.clone()).collect())
}

/// How many of those who listen to its environment have what it brought; nothing where it is not live. Looks at every
/// stream that is open.
pub(super) fn seen(state: &State, record: &Record) -> Option<Seen> {
    let (live, name) = (record.live.as_ref()?, record.environment.as_deref()?);
    Some(state.environments.get(name)?.seen(&live.commit))
}

/// A proposal that the caller may see.
pub(super) fn known(state: &State, pass: &Pass<'_>, request: &HttpRequest) -> Result<Entry, Failure> {
    let id = segment(request, "proposal");
    let unknown = || Failure::not_found(format!("there is no proposal \"{id}\""));
    let entry = state.tracker.get(&id).ok_or_else(unknown)?;
    // Whoever may not see it is not told that it is there.
    if Sight::new(state, pass).sees(&entry.record) { Ok(entry) } else { Err(unknown()) }
}

fn answered(value: &impl Serialize) -> HttpResponse {
    let bytes = Bytes::from(serde_json::to_vec(value).unwrap_or_default());
    HttpResponse::Ok().content_type(written::mime()).body(bytes)
}

/// Which proposals a caller sees: asked once for each environment.
pub(super) struct Sight<'s> {
    state: &'s State,
    pass: &'s Pass<'s>,
    known: HashMap<Option<Arc<str>>, bool>,
}

impl<'s> Sight<'s> {
    pub(super) fn new(state: &'s State, pass: &'s Pass<'s>) -> Self {
        Self { state, pass, known: HashMap::new() }
    }

    pub(super) fn sees(&mut self, record: &Record) -> bool {
        if let Some(known) = self.known.get(&record.environment) {
            return *known;
        }
        let name = record.environment.as_deref().unwrap_or(ANY);
        let sees = may(self.state, self.pass, Action::Read, name, ANY);
        self.known.insert(record.environment.clone(), sees);
        sees
    }
}
