//! `…/flags`: what there is, what it does, and what can be done to several of them at once.

use std::ops::ControlFlow;

use actix_web::http::header;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::listed::{self, Changed, Head, List, Named, patience, query, redirect};
use super::visit::here;
use super::{Trouble, Visit, answered, save};
use crate::auth::Action;
use crate::flags::resource::{Flag, Kind, Resource};
use crate::flags::snapshot::FlagKind;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::view::list::{By, Entry, find, offered};
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
        Ok(HttpResponse::Found().insert_header((header::LOCATION, visit.flags_of(found))).finish())
    };
    answered(&state, &request, first())
}

/// `GET /ui/e/{environment}/n/{namespace}/flags`
pub(super) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, shown(&state, &request).await)
}

/// `POST /ui/e/{environment}/n/{namespace}/flags`: switches, copies or deletes those that were chosen.
pub(super) async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// A flag as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    named: Named,
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
            named: Named::of(&flag.key, &flag.name, &flag.description),
            enabled: flag.enabled,
            boolean: flag.kind == FlagKind::Boolean,
            does: summary::of_flag(flag),
            changed,
            spark,
        }
    }
}

async fn shown(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (namespace, query) = (visit.named("namespace"), query(request));
    let (asked, now, whole) = (query.clone(), state.clock.now(), visit.reads_all_of(&environment.name));
    let patience = patience(&visit, &query);
    let (list, metadata) = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let flags = tip.view.flags(&namespace);
        let used = state.analytics.on().then(|| state.analytics.used(&environment.name, &namespace, now));
        let recent = state.writers.recent(&environment, patience)?;
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
        let page = List {
            head: Head::of(&environment, &tip, &namespace, whole),
            rows: found.rows.iter().filter_map(|at| flags.get(*at)).map(|flag| row(flag)).collect(),
            waits: !recent.is_whole(&tip.commit),
            total: flags.len(),
            found,
        };
        Ok((page, offered(&entries)))
    })
    .await?;
    let page = list.page(&query, &[By::Key, By::Name, By::State, By::Changed, By::Evaluated]);
    visit.page("flags/list.html", context! { metadata, counts => state.analytics.on(), ..page })
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let (wanted, keys) = match listed::wanted(&visit, &environment, Kind::Flag, sent).await? {
        ControlFlow::Break(answered) => return Ok(answered),
        ControlFlow::Continue(wanted) => wanted,
    };
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
