//! `/ui/palette?q=`: one field that finds flags, segments, places and pages, and takes one there.
//!
//! With the script it is asked for while somebody types, and answers with the list alone; without, it is a page with a
//! field. It looks at the environment that the page was of, in those of its namespaces that the person may read.

use std::cmp::Reverse;
use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::render::shown;
use super::shell::Shell;
use super::visit::is_partial;
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::limits;
use crate::serve::Environment;
use crate::view::list::cut;
use crate::view::palette::Query;
use crate::view::place::segment;

/// One thing that was found.
#[derive(Debug, Clone, Serialize)]
struct Found {
    name: String,
    /// Its key, where it has a name beside it.
    key: Option<String>,
    place: String,
    href: String,
    #[serde(skip)]
    rate: u32,
}

/// Those of a kind, the best first.
#[derive(Debug, Serialize)]
struct Group {
    kind: &'static str,
    found: Vec<Found>,
}

impl Group {
    fn of(kind: &'static str, mut found: Vec<Found>) -> Self {
        found.sort_by(|a, b| Reverse(a.rate).cmp(&Reverse(b.rate)).then_with(|| a.name.cmp(&b.name)));
        found.truncate(limits::UI_FOUND);
        Self { kind, found }
    }
}

/// `GET /ui/palette?q=&from=`
pub(super) async fn find(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, found(&state, &request))
}

fn found(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let (asked, from) = (visit.asked("q"), visit.asked("from"));
    let query = Query::of(&asked);
    let (environment, namespace) = from.split_once('/').unwrap_or_default();
    let mut groups = vec![Group { kind: "pages", found: pages(&visit, &query) }];
    let decoded = crate::http::environments::decoded;
    // What may not be seen is not there.
    let seen = |one: &Arc<Environment>| visit.reaches(Action::Read, &one.name);
    let environment = state.environments.get(&decoded(environment)).filter(seen);
    let environment = environment.or_else(|| state.environments.default_environment().filter(seen));
    if let Some(environment) = environment {
        let [flags, segments] = declared(&visit, &environment, &decoded(namespace), &query);
        groups.splice(0..0, [Group::of("flags", flags), Group::of("segments", segments)]);
    }
    groups.push(Group::of("environments", places(&visit, &query)));
    groups.retain(|group| !group.found.is_empty());
    // What goes best comes first; flags before segments before pages where they are as good.
    groups.sort_by_key(|group| Reverse(group.found.first().map_or(0, |best| best.rate / 200)));
    let template = if is_partial(request) { "palette/found.html" } else { "palette/page.html" };
    visit.page(template, context! { asked => asked, from => from, groups => shown(groups) })
}

/// Flags and segments of the namespaces that may be read. Where nothing was typed, none.
fn declared(visit: &Visit<'_>, environment: &Environment, namespace: &str, query: &Query) -> [Vec<Found>; 2] {
    let (mut flags, mut segments) = (Vec::new(), Vec::new());
    if query.is_empty() {
        return [flags, segments];
    }
    let served = environment.load();
    let mut left = limits::UI_FIND;
    let readable = |key: &str| visit.may(Action::Read, &environment.name, key);
    for (key, inside) in served.flags.namespaces.iter().filter(|(key, _)| readable(key)) {
        // Of two that go as well, the one that is nearer.
        let near = if **key == *namespace { 30 } else { 0 };
        let place = format!("/ui/e/{}/n/{}", segment(&environment.name), segment(key));
        let found = |section: &str, of: &str, name: &str| {
            if of.len() > limits::UI_KEY_BYTES {
                return None;
            }
            let rate = query.rate(&[of, name])? + near;
            let named = !name.trim().is_empty() && name != of;
            Some(Found {
                name: cut(if named { name } else { of }, limits::UI_CELL_CHARACTERS),
                key: named.then(|| cut(of, limits::UI_CELL_CHARACTERS)),
                place: key.to_string(),
                href: format!("{place}/{section}/{}", segment(of)),
                rate,
            })
        };
        flags.extend(inside.flags_by_key().take(left).filter_map(|flag| found("flags", &flag.key, &flag.name)));
        left = left.saturating_sub(inside.flags_by_key().len());
        segments.extend(inside.segments_by_key().take(left).filter_map(|one| found("segments", &one.key, &one.name)));
        left = left.saturating_sub(inside.segments_by_key().len());
    }
    [flags, segments]
}

/// Environments and branches.
fn places(visit: &Visit<'_>, query: &Query) -> Vec<Found> {
    let all = visit.state.environments.all();
    let seen = all.iter().filter(|one| !query.is_empty() && visit.reaches(Action::Read, &one.name));
    let found = |one: &Arc<Environment>| {
        Some(Found {
            name: one.name.to_string(),
            key: None,
            place: one.base.as_ref().map(ToString::to_string).unwrap_or_default(),
            href: visit.flags_of(one),
            rate: query.rate(&[&one.name])?,
        })
    };
    seen.filter_map(found).collect()
}

/// The pages of the navigation, in its order.
fn pages(visit: &Visit<'_>, query: &Query) -> Vec<Found> {
    let shell = Shell::of(visit);
    let page = |(section, href): (&'static str, String)| {
        let name = visit.state.ui.pages.text(&format!("shell.{section}"));
        Some(Found { rate: query.rate(&[&name, section])?, name, key: None, place: String::new(), href })
    };
    shell.pages().into_iter().filter_map(page).collect()
}
