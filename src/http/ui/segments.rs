//! `…/segments`: whom flags can name, who is in each, and which flags name it.

use std::collections::HashMap;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::listed::{Head, Pages, chosen, may_change, orders, place, query, redirect};
use super::render::shown;
use super::{Trouble, Visit, answered, copy, save};
use crate::auth::Action;
use crate::flags::resource::view::named;
use crate::flags::resource::{Flag, Kind, Segment};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::limits;
use crate::view::list::{By, Entry, Found, cut, find};
use crate::view::summary::{self, Who};
use crate::write::{Change, What};

/// Flags that a row names; its page names all.
const NAMED: usize = 3;

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let all = web::resource("/ui/e/{environment}/n/{namespace}/segments");
    config.service(all.route(web::get().to(list)).route(web::post().to(act)));
}

/// `GET /ui/e/{environment}/n/{namespace}/segments`
async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request).await)
}

/// `POST /ui/e/{environment}/n/{namespace}/segments`: copies or deletes those that were chosen.
async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// A segment as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    name: String,
    description: String,
    who: Who,
    /// The first flags that name it.
    flags: Vec<String>,
    /// Further ones.
    more: usize,
}

impl Row {
    fn of(segment: &Segment, flags: &[&str]) -> Self {
        Self {
            key: segment.key.clone(),
            name: cut(&segment.name, limits::UI_CELL_CHARACTERS),
            description: cut(&segment.description, limits::UI_CELL_CHARACTERS),
            who: summary::of_segment(segment),
            flags: flags.iter().take(NAMED).map(ToString::to_string).collect(),
            more: flags.len().saturating_sub(NAMED),
        }
    }
}

/// The flags that name a segment, each once.
fn uses<'v>(flags: &[&'v Flag]) -> HashMap<&'v str, Vec<&'v str>> {
    let mut uses: HashMap<&str, Vec<&str>> = HashMap::new();
    for flag in flags {
        for (_, segment) in named(flag) {
            let known = uses.entry(segment).or_default();
            if known.last() != Some(&&*flag.key) {
                known.push(&flag.key);
            }
        }
    }
    uses
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (namespace, query) = (visit.named("namespace"), query(request));
    let (asked, now) = (query.clone(), state.clock.now());
    let (head, rows, found, total): (Head, Vec<Row>, Found, usize) = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let (flags, segments) = (tip.view.flags(&namespace), tip.view.segments(&namespace));
        let uses = uses(&flags);
        let of = |key: &str| uses.get(key).map(Vec::as_slice).unwrap_or_default();
        let entries: Vec<_> =
            segments.iter().map(|segment| Entry::of_segment(segment, of(&segment.key).len())).collect();
        let found = find(&entries, &asked, now);
        let rows = found.rows.iter().filter_map(|at| segments.get(*at));
        let rows = rows.map(|segment| Row::of(segment, of(&segment.key))).collect();
        Ok((Head::of(&environment, &tip, &namespace), rows, found, segments.len()))
    })
    .await?;
    let page = context! {
        head => shown(head), rows => shown(rows), total => total,
        query => shown(&query), narrow => query.is_narrow(), pages => shown(Pages::of(&query, &found)),
        by => shown(orders(&query, &[By::Key, By::Name, By::Used, By::Changed])),
    };
    visit.page("segments/list.html", page)
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let form = visit.form(sent).await?;
    let (wanted, keys) = chosen(&form);
    if keys.is_empty() || !matches!(&*wanted, "copy" | "delete") {
        return Ok(redirect(&place(&environment.name, &namespace, "segments")));
    }
    if wanted == "copy" {
        return Ok(redirect(&copy::address(&environment.name, &namespace, Kind::Segment, &keys)));
    }
    may_change(&visit, &environment.name, &namespace)?;
    let of = environment.clone();
    let commit = blocking(state, move |state| Ok(state.writers.tip(&of)?.commit.to_string())).await?;
    let delete = |key| Change {
        namespace: namespace.clone(),
        what: What::Delete { kind: Kind::Segment, key },
        revision: Some(commit.clone()),
    };
    save::review(&visit, environment, keys.into_iter().map(delete).collect()).await
}
