//! `GET /ui/audit`: who changed what, or tried to.
//!
//! The same records, for the same eyes, as `GET /api/v2/audit`, by the same names in the query; only a day may be asked
//! for as a day. Each leads on to what it was about.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::ToSpan as _;
use jiff::civil::Date;
use minijinja::context;
use serde::Serialize;

use super::render::{segment, shown};
use super::{Trouble, Visit, answered};
use crate::audit::{Changed, Event, Outcome};
use crate::auth::Action;
use crate::http::auth::Need;
use crate::http::{State, audit};
use crate::limits;

/// The fields that one may filter by, as the query names them.
const FIELDS: [&str; 7] = ["environment", "namespace", "key", "by", "outcome", "from", "to"];

/// A record as it is shown.
#[derive(Debug, Serialize)]
struct Record {
    id: String,
    at: String,
    /// `2026-11-23 11:04:07`, in UTC.
    time: String,
    /// The person, the caller, or nobody in particular.
    who: Option<String>,
    /// The name of the caller, where a person is told.
    caller: Option<String>,
    email: Option<String>,
    method: String,
    address: Option<String>,
    by: String,
    request: &'static str,
    environment: String,
    branch: String,
    changes: Vec<Change>,
    more: usize,
    commit: Option<String>,
    commit_href: Option<String>,
    message: Option<String>,
    outcome: &'static str,
    good: bool,
    bad: bool,
    code: Option<String>,
    why: Option<String>,
    glass: Option<String>,
}

/// One thing that a record is about.
#[derive(Debug, Serialize)]
struct Change {
    verb: String,
    kind: String,
    namespace: String,
    key: String,
    href: Option<String>,
}

/// `GET /ui/audit?environment=&namespace=&key=&by=&outcome=&from=&to=&cursor=`
pub(super) async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, paged(&state, &request))
}

fn paged(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let text = |name: &str| Some(visit.asked(name).trim().to_owned()).filter(|text| !text.is_empty());
    let asked = |name: &str| text(name).map(|text| moment(name, &text).unwrap_or(text));
    let filter = audit::filter(&asked)?;
    let (events, next) = audit::page(state, &visit.pass, &filter, limits::AUDIT_PAGE);
    let mut environments: Vec<String> = state.environments.all().iter().map(|one| one.name.to_string()).collect();
    environments.retain(|name| visit.reaches(Action::Read, name));
    environments.truncate(limits::UI_ENVIRONMENTS);
    let fields: std::collections::BTreeMap<&str, String> =
        FIELDS.into_iter().map(|name| (name, visit.asked(name))).collect();
    let filtered = fields.values().any(|value| !value.is_empty());
    let later = !visit.asked("cursor").is_empty();
    visit.page(
        "audit/page.html",
        context! {
            records => shown(events.iter().map(record).collect::<Vec<_>>()),
            older => next.map(|cursor| query(&fields, Some(&cursor))),
            newest => later.then(|| query(&fields, None)),
            fields => shown(&fields),
            filtered => filtered,
            environments => environments,
            outcomes => Outcome::ALL.map(Outcome::name).to_vec(),
        },
    )
}

/// A day as the moment at which it begins; of `to` the one at which it has ended.
fn moment(name: &str, text: &str) -> Option<String> {
    let day: Date = text.parse().ok()?;
    let day = match name {
        "from" => day,
        "to" => day.checked_add(1.day()).ok()?,
        _ => return None,
    };
    Some(format!("{day}T00:00:00Z"))
}

/// The same question, from another place on.
fn query(fields: &std::collections::BTreeMap<&str, String>, cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()));
    query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
    format!("/ui/audit?{}", query.finish())
}

fn record(event: &Arc<Event>) -> Record {
    let Event { by, environment, .. } = &**event;
    let name = Some(by.name.to_string()).filter(|name| !name.is_empty());
    let person = by.person.clone().or_else(|| by.email.clone());
    let done = event.outcome != Outcome::Refused;
    let changes = event.changes.iter().map(|change| shown_change(environment, change, done)).collect();
    let commit = event.after.as_ref().map(ToString::to_string);
    let at = |commit: &String| {
        let resource = event.changes.iter().find(|change| &*change.kind != "namespace" && change.after.is_some())?;
        Some(format!("{}?at={commit}", place(environment, resource)))
    };
    Record {
        id: event.id.to_string(),
        at: event.at.to_string(),
        time: event.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        by: person.clone().or_else(|| name.clone()).unwrap_or_default(),
        caller: name.clone().filter(|name| person.as_ref().is_some_and(|person| person != name)),
        who: person.or(name),
        email: by.email.clone().filter(|_| by.person.is_some()),
        method: by.method.to_string(),
        address: by.address.map(|address| address.to_string()),
        request: event.request.name(),
        environment: environment.to_string(),
        branch: event.branch.to_string(),
        more: event.more_changes,
        commit_href: commit.as_ref().and_then(at),
        commit,
        changes,
        message: event.message.clone(),
        outcome: event.outcome.name(),
        good: matches!(event.outcome, Outcome::Accepted | Outcome::Landed),
        bad: matches!(event.outcome, Outcome::Refused | Outcome::Forgotten | Outcome::BreakGlass),
        code: event.refusal.as_ref().map(|refused| refused.code.to_string()),
        why: event.refusal.as_ref().map(|refused| refused.message.clone()),
        glass: event.break_glass.clone(),
    }
}

fn shown_change(environment: &str, change: &Changed, done: bool) -> Change {
    let resource = &*change.kind != "namespace";
    let gone = done && &*change.verb == "delete";
    let href = match (resource, gone) {
        // What is gone has a past.
        (true, true) => Some(format!("{}/history", place(environment, change))),
        (true, false) => Some(place(environment, change)),
        (false, false) => Some(format!("/ui/e/{}/n/{}/flags", segment(environment), segment(&change.key))),
        (false, true) => None,
    };
    Change {
        verb: change.verb.to_string(),
        kind: change.kind.to_string(),
        namespace: change.namespace.to_string(),
        key: change.key.to_string(),
        href,
    }
}

/// Where a flag or a segment is.
fn place(environment: &str, change: &Changed) -> String {
    let kind = if &*change.kind == "segment" { "segments" } else { "flags" };
    format!("/ui/e/{}/n/{}/{kind}/{}", segment(environment), segment(&change.namespace), segment(&change.key))
}
