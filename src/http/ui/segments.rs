//! `…/segments`: whom flags can name, who is in each, and which flags name it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::listed::{self, Changed, Head, List, Named, patience, query, redirect};
use super::visit::here;
use super::{Trouble, Visit, answered, save};
use crate::auth::Action;
use crate::flags::resource::view::named;
use crate::flags::resource::{Flag, Kind, Segment};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::view::list::{By, Entry, find};
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
    answered(&state, &request, shown(&state, &request).await)
}

/// `POST /ui/e/{environment}/n/{namespace}/segments`: copies or deletes those that were chosen.
async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// A segment as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    named: Named,
    who: Who,
    /// The first flags that name it.
    flags: Vec<String>,
    /// Further ones.
    more: usize,
    changed: Option<Changed>,
}

impl Row {
    fn of(segment: &Segment, flags: &[&str], changed: Option<Changed>) -> Self {
        Self {
            named: Named::of(&segment.key, &segment.name, &segment.description),
            who: summary::of_segment(segment),
            flags: flags.iter().take(NAMED).map(ToString::to_string).collect(),
            more: flags.len().saturating_sub(NAMED),
            changed,
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

async fn shown(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (namespace, query) = (visit.named("namespace"), query(request));
    let (asked, now, whole) = (query.clone(), state.clock.now(), visit.reads_all_of(&environment.name));
    let patience = patience(&visit, &query);
    let list = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let recent = state.writers.recent(&environment, patience)?;
        let (flags, segments) = (tip.view.flags(&namespace), tip.view.segments(&namespace));
        let uses = uses(&flags);
        let of = |key: &str| uses.get(key).map(Vec::as_slice).unwrap_or_default();
        let last = |segment: &Segment| recent.of(&namespace, Kind::Segment, &segment.key);
        let mut entries = Vec::with_capacity(segments.len());
        for segment in &segments {
            let changed = last(segment).map(|change| change.at);
            entries.push(Entry::of_segment(segment, of(&segment.key).len()).changed(changed));
        }
        let found = find(&entries, &asked, now);
        let row = |segment: &Segment| {
            Row::of(segment, of(&segment.key), last(segment).map(|change| Changed::of(change, now)))
        };
        Ok(List {
            head: Head::of(&environment, &tip, &namespace, whole),
            rows: found.rows.iter().filter_map(|at| segments.get(*at)).map(|segment| row(segment)).collect(),
            total: segments.len(),
            waits: !recent.is_whole(&tip.commit),
            found,
        })
    })
    .await?;
    visit.page("segments/list.html", list.page(&query, &[By::Key, By::Name, By::Used, By::Changed]))
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let keys = match listed::wanted(&visit, &environment, Kind::Segment, sent).await? {
        ControlFlow::Break(answered) => return Ok(answered),
        ControlFlow::Continue((wanted, keys)) if wanted == "delete" => keys,
        ControlFlow::Continue(_) => return Ok(redirect(&here(request))),
    };
    let of = environment.clone();
    let commit = blocking(state, move |state| Ok(state.writers.tip(&of)?.commit.to_string())).await?;
    let delete = |key| Change {
        namespace: namespace.clone(),
        what: What::Delete { kind: Kind::Segment, key },
        revision: Some(commit.clone()),
    };
    save::review(&visit, environment, keys.into_iter().map(delete).collect()).await
}
