//! `POST …/commit`: what was looked at is done.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded::Serializer;

use super::conflict::{self, Met};
use super::review::{self, Said, Wish, Wrong};
use crate::auth::Action;
use crate::http::State;
use crate::http::environments::{Done, changes_of, done, options_checked};
use crate::http::error::Failure;
use crate::http::ui::render::segment;
use crate::http::ui::{Trouble, answered};
use crate::write::{Refusal, Request};

/// `POST /ui/e/{environment}/commit`
pub(super) async fn make(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, made(&state, &request, sent).await)
}

async fn made(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let Said { visit, form, environment, wish } = Said::read(state, request, sent).await?;
    let changes = changes_of(form.text("changes"))?;
    let (action, on_branch, reason) = match &*wish.to {
        "branch" => (Action::Propose, Some(wish.branch.clone()), None),
        "glass" => (Action::BreakGlass, None, Some(wish.reason.clone())),
        _ => (Action::Write, None, None),
    };
    for change in &changes {
        if !visit.may(action, &environment.name, &change.namespace) {
            visit.pass.permit_to(action, &environment.name, &change.namespace)?;
        }
    }
    if wish.to == "glass" && wish.reason.is_empty() {
        let why = Failure::invalid("say why the glass is broken; everybody will read it");
        return review::page(&visit, environment, changes, wish, Some(Wrong::from(why))).await;
    }
    if let Err(failure) = options_checked(&wish.message, reason.as_deref()) {
        return review::page(&visit, environment, changes, wish, Some(Wrong::from(failure))).await;
    }
    let tried = wish.dry_run(&visit, &environment, &changes);
    let asked = Request { dry_run: false, on_branch, break_glass: reason, ..tried };
    match done(state, asked, wish.propose).await {
        Ok(done) => Ok(led_on(&environment.name, &done, &wish)),
        Err(Refusal::Conflict(met)) => conflict::page(&visit, &changes, &wish, &Met::of(*met)),
        Err(refusal) => review::page(&visit, environment, changes, wish, Some(refusal.into())).await,
    }
}

/// To the page that says what was done: whoever loads that again does nothing twice.
fn led_on(asked: &str, done: &Done, wish: &Wish) -> HttpResponse {
    let Done { outcome, proposal } = done;
    let mut query = Serializer::new(String::new());
    query.append_pair("commit", &outcome.commit);
    if !outcome.made {
        query.append_pair("made", "no");
    }
    if outcome.written.iter().any(|one| one.merged) {
        query.append_pair("merged", "yes");
    }
    if let Some(id) = proposal.as_ref().and_then(|told| told.get("id")?.as_str()) {
        query.append_pair("proposal", id);
    }
    if let Some(why) = proposal.as_ref().and_then(|told| told.get("trouble")?.as_str()) {
        query.append_pair("trouble", why);
    }
    query.append_pair("next", &wish.next).append_pair("from", &wish.from);
    if *outcome.environment != *asked {
        query.append_pair("base", asked);
    }
    if wish.gathered {
        query.append_pair("gathered", "yes");
    }
    let place = format!("/ui/e/{}/saved?{}", segment(&outcome.environment), query.finish());
    HttpResponse::SeeOther().insert_header((header::LOCATION, place)).finish()
}
