//! `…/flags`: what there is, what it does, and what can be done to several of them at once.

use actix_web::http::header;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::listed::{Changed, Head, Pages, chosen, may_change, orders, patience, query, redirect};
use super::render::{segment, shown};
use super::visit::here;
use super::{Trouble, Visit, answered, copy, save};
use crate::auth::Action;
use crate::flags::resource::{Flag, Kind, Resource};
use crate::flags::snapshot::FlagKind;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::limits;
use crate::view::list::{By, Entry, Found, cut, find, offered};
use crate::view::plot::{Spark, spark};
use crate::view::summary::{self, Summary};
use crate::write::{Change, What};

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::resource("/ui/e/{environment}/n/{namespace}/flags").route(web::get().to(list)).route(web::post().to(act)),
    );
}

/// `GET /ui/`: the flags of the default environment.
pub(super) async fn first(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let first = || {
        let visit = Visit::admit(&state, &request, Need::READ)?;
        let all = state.environments.all();
        let seen = |one: &&std::sync::Arc<crate::serve::Environment>| visit.reaches(Action::Read, &one.name);
        let default = state.environments.default_environment();
        let found = default.iter().find(seen).or_else(|| all.iter().find(seen));
        let found = found.ok_or_else(|| Failure::not_found("there is no environment that you may see"))?;
        let place = format!("/ui/e/{}/n/{}/flags", segment(&found.name), segment(&visit.arrives_in(found, "default")));
        Ok(HttpResponse::Found().insert_header((header::LOCATION, place)).finish())
    };
    answered(&state, &request, first())
}

/// `GET /ui/e/{environment}/n/{namespace}/flags`
pub(super) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request).await)
}

/// `POST /ui/e/{environment}/n/{namespace}/flags`: switches, copies or deletes those that were chosen.
pub(super) async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// A flag as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    name: String,
    description: String,
    enabled: bool,
    boolean: bool,
    does: Summary,
    changed: Option<Changed>,
    /// How often it was asked for in the last day, where that is counted.
    spark: Option<Spark>,
}

impl Row {
    fn of(flag: &Flag, changed: Option<Changed>, spark: Option<Spark>) -> Self {
        Self {
            key: flag.key.clone(),
            name: cut(&flag.name, limits::UI_CELL_CHARACTERS),
            description: cut(&flag.description, limits::UI_CELL_CHARACTERS),
            enabled: flag.enabled,
            boolean: flag.kind == FlagKind::Boolean,
            does: summary::of_flag(flag),
            changed,
            spark,
        }
    }
}

/// What a list of flags is made of.
struct List {
    head: Head,
    rows: Vec<Row>,
    found: Found,
    total: usize,
    metadata: Vec<String>,
    /// Which changes were the last is not wholly known yet.
    waits: bool,
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (namespace, query) = (visit.named("namespace"), query(request));
    let (asked, now) = (query.clone(), state.clock.now());
    let list = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let flags = tip.view.flags(&namespace);
        let used = state.analytics.on().then(|| state.analytics.used(&environment.name, &namespace, now));
        let recent = state.writers.recent(&environment, patience(&asked))?;
        let last = |flag: &Flag| recent.of(&namespace, Kind::Flag, &flag.key);
        // What was evaluated in the last month was, however seldom.
        let times = |flag: &Flag| {
            let used = used.as_ref()?;
            Some(used.get(&*flag.key).map_or(0, |used| used.hours.iter().sum::<u64>().saturating_add(1)))
        };
        let at = |flag: &Flag| last(flag).map(|change| change.at);
        let entries: Vec<_> =
            flags.iter().map(|flag| Entry::of_flag(flag).changed(at(flag)).evaluated(times(flag))).collect();
        let hours = |flag: &Flag| used.as_ref().map(|used| used.get(&*flag.key).map_or([0; 24], |used| used.hours));
        let found = find(&entries, &asked, now);
        let row = |flag: &Flag| {
            Row::of(
                flag,
                last(flag).map(|change| Changed::of(change, now)),
                hours(flag).as_ref().map(|hours| spark(hours)),
            )
        };
        Ok(List {
            head: Head::of(&environment, &tip, &namespace),
            rows: found.rows.iter().filter_map(|at| flags.get(*at)).map(|flag| row(flag)).collect(),
            waits: !recent.whole,
            total: flags.len(),
            metadata: offered(&entries),
            found,
        })
    })
    .await?;
    let page = context! {
        head => shown(list.head.seen(&visit, &visit.named("environment"))), rows => shown(list.rows), total => list.total, metadata => list.metadata, waits => list.waits, counts => state.analytics.on(),
        query => shown(&query), narrow => query.is_narrow(), pages => shown(Pages::of(&query, &list.found)),
        by => shown(orders(&query, &[By::Key, By::Name, By::State, By::Changed, By::Evaluated])),
    };
    visit.page("flags/list.html", page)
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let form = visit.form(sent).await?;
    let (wanted, keys) = chosen(&form);
    if keys.is_empty() {
        return Ok(redirect(&here(request)));
    }
    if wanted == "copy" {
        return Ok(redirect(&copy::address(&environment.name, &namespace, Kind::Flag, &keys)));
    }
    may_change(&visit, &environment.name, &namespace)?;
    let of = environment.clone();
    let changes = blocking(state, move |state| {
        let tip = state.writers.tip(&of)?;
        let what = |key: String| match (&*wanted, tip.view.get(&namespace, Kind::Flag, &key)) {
            ("delete", _) => Some(What::Delete { kind: Kind::Flag, key }),
            ("on" | "off", Some(Resource::Flag(flag))) => {
                let enabled = wanted == "on";
                (flag.enabled != enabled).then_some(What::Update(Resource::Flag(Flag { enabled, ..flag })))
            }
            _ => None,
        };
        let revision = Some(tip.commit.to_string());
        let change = |what| Change { namespace: namespace.clone(), what, revision: revision.clone() };
        Ok(keys.into_iter().filter_map(what).map(change).collect::<Vec<_>>())
    })
    .await?;
    if changes.is_empty() {
        return Ok(redirect(&here(request)));
    }
    save::review(&visit, environment, changes).await
}
