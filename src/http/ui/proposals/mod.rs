//! `/ui/proposals`: where every merge proposal stands, and what can be done with it.
//!
//! A page follows what is known here; the provider is asked for nothing but what somebody does. Whatever is typed
//! (title, description, message) is typed on a page of its own, which nothing replaces meanwhile.

mod acts;
mod one;
mod typed;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

pub(super) use self::acts::lines;
pub(super) use self::one::told;
use super::render::shown;
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::proposals::Sight;
use crate::limits;
use crate::proposal::{Record, State as Stage};
use crate::track::records::Entry;
use crate::view::proposal::{Face, Group, Wanted};

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/ui/proposals").route(web::get().to(list)));
    let one = "/ui/proposals/{proposal}";
    config.service(web::resource(one).route(web::get().to(one::show)));
    for act in ["edit", "merge"] {
        let form = web::resource(format!("{one}/{act}"));
        config.service(form.route(web::get().to(typed::show)).route(web::post().to(acts::act)));
    }
    let other = web::resource(format!("{one}/{{act}}"));
    config.service(other.route(web::get().to(acts::back)).route(web::post().to(acts::act)));
}

/// `GET /ui/proposals?state=&environment=&author=&q=&from=`
async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request))
}

/// A proposal in the list.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    face: Face,
    behind: u32,
    trouble: bool,
}

/// A group of states, as it is offered.
#[derive(Debug, Serialize)]
struct Tab {
    name: &'static str,
    count: usize,
    href: String,
    current: bool,
}

fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let wanted = Wanted {
        group: Group::named(&visit.asked("state")),
        environment: visit.asked("environment"),
        author: visit.asked("author"),
        text: visit.asked("q"),
    };
    let mut sight = Sight::new(state, &visit.pass);
    let mut all: Vec<Entry> =
        state.tracker.read(|table| table.all().filter(|entry| sight.sees(&entry.record)).cloned().collect());
    // What is not at its end first, then the newest.
    let rank = |record: &Record| (record.state == Stage::Planned, record.since, record.number);
    all.sort_by_key(|entry| std::cmp::Reverse(rank(&entry.record)));
    let counts = wanted.counts(all.iter().map(|entry| &*entry.record));
    let tabs: Vec<Tab> = Group::ALL
        .into_iter()
        .zip(counts)
        .map(|(group, count)| Tab {
            name: group.name(),
            count,
            href: address(&wanted, group, 0),
            current: group == wanted.group,
        })
        .collect();
    let found: Vec<&Entry> = all.iter().filter(|entry| wanted.wants(&entry.record)).collect();
    let from: usize = visit.asked("from").parse().unwrap_or(0);
    let now = state.clock.now();
    let rows: Vec<Row> = found
        .iter()
        .skip(from)
        .take(limits::UI_PROPOSALS)
        .map(|entry| Row {
            face: Face::of(&entry.record, now),
            behind: entry.distance.map_or(0, |distance| distance.behind),
            trouble: entry.record.trouble.is_some(),
        })
        .collect();
    let end = from + rows.len();
    let page = context! {
        any => !all.is_empty(),
        tabs => shown(tabs),
        rows => shown(&rows),
        count => found.len(),
        from => if rows.is_empty() { 0 } else { from + 1 },
        end => end,
        next => (end < found.len()).then(|| address(&wanted, wanted.group, end)),
        previous => (from > 0).then(|| address(&wanted, wanted.group, from.saturating_sub(limits::UI_PROPOSALS))),
        state => wanted.group.name(),
        environment => wanted.environment,
        environments => shown(environments(&visit)),
        author => wanted.author,
        text => wanted.text,
        missing => missing(&visit),
    };
    visit.page("proposals/list.html", page)
}

/// The list with other states, or further on.
fn address(wanted: &Wanted, group: Group, from: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let from = if from == 0 { String::new() } else { from.to_string() };
    let fields = [
        ("state", if group == Group::default() { "" } else { group.name() }),
        ("environment", &*wanted.environment),
        ("author", &*wanted.author),
        ("q", &*wanted.text),
        ("from", &*from),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { "/ui/proposals".to_owned() } else { format!("/ui/proposals?{query}") }
}

/// The configured environments that they may see.
fn environments(visit: &Visit<'_>) -> Vec<Arc<str>> {
    let all = visit.state.environments.all();
    let configured = all.iter().filter(|one| one.base.is_none() && visit.reaches(Action::Read, &one.name));
    configured.map(|one| one.name.clone()).collect()
}

/// Why nothing can be proposed anywhere; nothing if it can be somewhere.
fn missing(visit: &Visit<'_>) -> Option<String> {
    let all = visit.state.environments.all();
    let mut why = None;
    for one in all.iter().filter(|one| one.base.is_none() && visit.reaches(Action::Read, &one.name)) {
        why = Some(visit.state.tracker.missing(&one.storage)?);
    }
    why
}
