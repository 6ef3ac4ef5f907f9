//! `/ui/proposals/{proposal}`: one, as it stands.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};
use serde::Serialize;

use super::super::render::shown;
use super::super::{Trouble, Visit, answered};
use crate::flags::change::{self, told::Told};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::proposals::{known, readable, rights, seen};
use crate::limits;
use crate::proposal::{Record, Source};
use crate::track::Refusal;
use crate::track::diff::{Changed, Comparison};
use crate::track::records::Entry;
use crate::view::diff;
use crate::view::moment::Moment;
use crate::view::proposal::{Acts, Face, checks, description, short, wants};

/// `GET /ui/proposals/{proposal}`
pub(super) async fn show(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, shown_one(&state, &request).await)
}

async fn shown_one(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let entry = known(state, &visit.pass, request)?;
    page(&visit, entry, None, None).await
}

/// The page of one; with why something was not done with it.
pub(super) async fn page(
    visit: &Visit<'_>,
    entry: Entry,
    failure: Option<&Failure>,
    clashes: Option<Value>,
) -> Result<HttpResponse, Trouble> {
    let about = about(visit, &entry).await?;
    let (response, failure) = match failure {
        None => (HttpResponse::Ok(), Value::from(())),
        Some(failure) => {
            let told = context! { message => &*failure.message };
            (HttpResponse::build(failure.code.status()), told)
        }
    };
    visit.page_as(response, "proposals/one.html", context! { failure, clashes, ..about })
}

/// Something that happened.
#[derive(Debug, Serialize)]
struct Happened {
    at: Moment,
    source: Source,
    by: String,
    what: String,
}

/// What every page about one shows.
pub(super) async fn about(visit: &Visit<'_>, entry: &Entry) -> Result<Value, Trouble> {
    let (state, record) = (visit.state, &entry.record);
    let now = state.clock.now();
    let (of, to) = (record.clone(), readable(state, &visit.pass));
    let changes = blocking(state, move |state| Ok(state.tracker.compare(&of, &to))).await?;
    let distance = entry.distance.unwrap_or_default();
    let (body, cut) = description(record);
    let history: Vec<Happened> = record
        .history
        .iter()
        .map(|entry| Happened {
            at: Moment::of(entry.at, now),
            source: entry.source,
            by: entry.by.as_deref().map(short).unwrap_or_default(),
            what: short(&entry.what),
        })
        .collect();
    let behind = distance.behind;
    let live = record.live.as_ref().map(|live| {
        let seen = seen(state, record).unwrap_or_default();
        context! { at => shown(Moment::of(live.at, now)), commit => &*live.commit, by => seen.by, of => seen.of }
    });
    Ok(context! {
        face => shown(Face::of(record, now)),
        acts => shown(acts(visit, record, behind)),
        wants => shown(wants(record, behind)),
        checks => shown(checks(record)),
        ahead => entry.distance.map(|distance| distance.ahead),
        behind => entry.distance.map(|distance| distance.behind),
        body,
        cut,
        history => shown(history),
        live,
        head_commit => head(record),
        merge_commit => record.seen.as_ref().and_then(|seen| seen.merge_commit.as_deref()),
        merged => shown(record.seen.as_ref().and_then(|seen| seen.ended).map(|at| Moment::of(at, now))),
        read => shown(record.read.map(|at| Moment::of(at, now))),
        stale => record.stale,
        trouble => record.trouble.as_ref().map(|trouble| short(&trouble.to_string())),
        unsaid => record.reported.as_ref().and_then(|told| told.trouble.as_ref()).map(|why| short(&why.to_string())),
        succeeded_by => record.succeeded_by.as_deref(),
        branch_is_there => record.branch_environment.as_ref().is_some_and(|key| state.environments.get(key).is_some()),
        changes => told(&changes),
    })
}

/// What one environment gets.
#[derive(Debug, Serialize)]
struct Part {
    environment: Arc<str>,
    told: Told,
}

/// What is different, environment by environment and as Git shows it, or why that cannot be told. A branch may be that of
/// several environments: of those that may not be read nothing is told.
pub(in super::super) fn told(compared: &Result<Comparison, Refusal>) -> Value {
    match compared {
        Ok(compared) => {
            let part = |one: &Changed| Part {
                environment: one.environment.clone(),
                told: change::told::told(&one.changes, limits::UI_CHANGES),
            };
            let parts: Vec<Part> = compared.changes.iter().map(part).collect();
            let diff = diff::read(&compared.text);
            context! { environments => shown(parts), diff => shown(diff), whole => compared.is_whole, trouble => () }
        }
        Err(refusal) => context! { trouble => short(&refusal.to_string()) },
    }
}

/// What can be done with it now.
pub(super) fn acts(visit: &Visit<'_>, record: &Record, behind: u32) -> Acts {
    let tracker = &visit.state.tracker;
    let Some(offers) = tracker.offers(&record.storage) else { return Acts::default() };
    let rights = rights(visit.state, &visit.pass, record);
    let rules = record.environment.as_ref().and_then(|name| tracker.rules(&record.storage, name));
    Acts::of(record, offers, rules.and_then(|rules| rules.merge_method), behind, rights)
}

/// The head that is looked at.
pub(super) fn head(record: &Record) -> Option<String> {
    let seen = record.seen.as_ref().and_then(|seen| seen.head_commit.as_deref());
    [record.head_commit.as_deref(), seen].into_iter().flatten().max_by_key(|commit| commit.len()).map(str::to_owned)
}
