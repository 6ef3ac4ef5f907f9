//! What is to be entered at the provider of a storage, what it has, and whether a delivery comes through.
//!
//! The provider is asked by a button, and the page then shows what came of it. To look takes the right to see everything;
//! to have something sent, the right to change everything.

use actix_web::http::header;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::ui::render::segment;
use crate::http::ui::{Trouble, Visit, answered};
use crate::view::moment::Moment;
use crate::view::took::took;
use crate::webhook::{Checked, Seen, Site, wrong};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/ui/deliveries/{storage}/look").route(web::post().to(look)));
    config.service(web::resource("/ui/deliveries/{storage}/check").route(web::post().to(check)));
}

/// `POST /ui/deliveries/{storage}/look`: asks the provider what it has.
async fn look(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, asked(&state, &request, sent, Need::READ).await)
}

/// `POST /ui/deliveries/{storage}/check`: has the provider send a test, and waits for it.
async fn check(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, asked(&state, &request, sent, Need::CHANGE).await)
}

async fn asked(state: &Data<State>, request: &HttpRequest, sent: Payload, need: Need) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, need)?;
    visit.pass.permit_to(Action::Read, ANY, ANY)?;
    if need == Need::CHANGE {
        visit.pass.permit_to(Action::Write, ANY, ANY)?;
    }
    visit.form(sent).await?;
    let storage = visit.named("storage");
    let unknown = || Failure::not_found(format!("storage \"{storage}\" has no webhook"));
    let site = state.webhooks.site(&storage).ok_or_else(unknown)?;
    let to = format!("/ui/deliveries?storage={}#setting", segment(&storage));
    blocking(state, move |state| {
        if need == Need::CHANGE {
            site.check(&state.deliveries, &*state.clock);
        } else {
            site.look(&*state.clock);
        }
        Ok(())
    })
    .await?;
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish())
}

/// The webhook of a storage.
#[derive(Debug, Serialize)]
pub(super) struct Setting {
    storage: String,
    provider: Option<&'static str>,
    /// Where the provider sends to: what it has, or what this page is reached by.
    url: String,
    /// It was told by the provider.
    known: bool,
    paths: Vec<String>,
    secrets: usize,
    steps: Vec<String>,
    /// Why the provider cannot be asked.
    missing: Option<String>,
    /// They may have a test sent.
    may_check: bool,
    seen: Option<Told>,
    checked: Option<Went>,
}

/// What the provider has.
#[derive(Debug, Serialize)]
struct Told {
    at: Moment,
    right: bool,
    url: Option<String>,
    wrong: Vec<String>,
    last: Vec<Tried>,
    lost: usize,
    failure: Option<String>,
}

/// What the provider tried to deliver.
#[derive(Debug, Serialize)]
struct Tried {
    at: Option<Moment>,
    event: String,
    status: Option<u16>,
    ok: bool,
}

/// What came of a check.
#[derive(Debug, Serialize)]
struct Went {
    at: Moment,
    legs: Vec<Leg>,
}

#[derive(Debug, Serialize)]
struct Leg {
    name: &'static str,
    /// `yes`, `no`, `unknown`.
    ok: &'static str,
    words: String,
    took: Option<String>,
}

impl Setting {
    /// That of a storage, for somebody who sees it; none for a storage without a remote.
    pub(super) fn of(visit: &Visit<'_>, storage: &str, now: Timestamp) -> Option<Self> {
        let site = visit.state.webhooks.site(storage)?;
        let seen = site.seen();
        let known = seen.as_ref().and_then(|seen| seen.url.clone());
        let url = known.clone().unwrap_or_else(|| guessed(visit, &site));
        Some(Self {
            storage: storage.to_owned(),
            provider: site.provider.map(crate::provider::Provider::name),
            steps: site.by_hand(&url),
            known: known.is_some(),
            url,
            paths: site.paths.clone(),
            secrets: site.secrets(),
            missing: site.missing().map(ToOwned::to_owned),
            may_check: visit.pass.allows_to(Action::Write, ANY, ANY),
            seen: seen.map(|seen| Told::of(&seen, now)),
            checked: site.checked().map(|checked| Went::of(&checked, now)),
        })
    }
}

/// Where the provider may reach the endpoint: by the name that the browser has for us.
fn guessed(visit: &Visit<'_>, site: &Site) -> String {
    let connection = visit.request.connection_info();
    let path = site.paths.first().map_or("", String::as_str);
    format!("{}://{}{path}", connection.scheme(), connection.host())
}

impl Told {
    fn of(seen: &Seen, now: Timestamp) -> Self {
        let tried = seen.last.iter().map(|attempt| Tried {
            at: attempt.at.map(|at| Moment::of(at, now)),
            event: attempt.event.clone(),
            status: attempt.status,
            ok: attempt.ok,
        });
        Self {
            at: Moment::of(seen.at, now),
            right: seen.is_right(),
            url: seen.url.clone(),
            wrong: seen.steps.iter().filter_map(wrong).collect(),
            last: tried.collect(),
            lost: seen.lost,
            failure: seen.failure.clone(),
        }
    }
}

impl Went {
    fn of(checked: &Checked, now: Timestamp) -> Self {
        let legs = checked.legs.iter().map(|leg| Leg {
            name: leg.name.name(),
            ok: match leg.ok {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            },
            words: leg.words.clone(),
            took: leg.took.map(took),
        });
        Self { at: Moment::of(checked.at, now), legs: legs.collect() }
    }
}
