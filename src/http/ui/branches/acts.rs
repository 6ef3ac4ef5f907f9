//! What people do with branches, by the same way as the API.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::form::{Form, TAKEN};
use super::super::proposals::lines;
use super::super::render::segment;
use super::super::{Trouble, Visit, answered};
use super::{base, clashes, one, place, typed};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::{conflicts, refused_write};
use crate::http::proposals::refused;
use crate::track::{Refusal, Wish};
use crate::write::writers::Strategy;

fn see(place: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, place)).finish()
}

/// `GET …/update`: somebody loads anew what a refused update has answered.
pub(super) async fn back(request: HttpRequest) -> HttpResponse {
    let named = |name: &str| crate::http::environments::segment(&request, name).into_owned();
    see(&place(&named("environment"), &named("branch")))
}

/// `POST …/new-branch`
pub(super) async fn create(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, created(&state, &request, sent).await)
}

async fn created(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let form = visit.form(sent).await?;
    let base = base(&visit, Action::Propose)?;
    let key = form.text("key").trim();
    match state.writers.create_branch(&base, key, visit.by()).await {
        Ok(branch) => Ok(see(&(place(&base.name, &branch.name) + TAKEN))),
        Err(refusal) => typed::new_page(&visit, &base, key, Some(&refused_write(refusal))),
    }
}

/// `POST …/branches/{branch}/delete`
pub(super) async fn delete(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, deleted(&state, &request, sent).await)
}

async fn deleted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    visit.form(sent).await?;
    let base = base(&visit, Action::Propose)?;
    if !visit.may(Action::Propose, &base.name, ANY) {
        // What is removed may be the work of others: a scope for one namespace is not enough.
        visit.pass.permit_to(Action::Propose, &base.name, ANY)?;
    }
    match state.writers.delete_branch(&base, &visit.named("branch"), visit.by()).await {
        Ok(()) => Ok(see(&format!("/ui/e/{}/branches", segment(&base.name)))),
        Err(refusal) => one::again(&visit, &base, &refused_write(refusal), None).await,
    }
}

/// `POST …/branches/{branch}/update`
pub(super) async fn update(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, updated(&state, &request, sent).await)
}

async fn updated(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let form = visit.form(sent).await?;
    let base = base(&visit, Action::Propose)?;
    let key = visit.named("branch");
    let strategy = if form.text("strategy") == "rebase" { Strategy::Rebase } else { Strategy::Merge };
    match state.writers.update_branch(&base, &key, strategy, visit.by()).await {
        Ok(Ok(_)) => Ok(see(&place(&base.name, &key))),
        Ok(Err(both)) => one::again(&visit, &base, &conflicts(&both), Some(clashes(&visit, &base.name, &both))).await,
        Err(refusal) => one::again(&visit, &base, &refused_write(refusal), None).await,
    }
}

/// `POST …/branches/{branch}/propose`
pub(super) async fn propose(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, proposed(&state, &request, sent).await)
}

async fn proposed(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let form = visit.form(sent).await?;
    let base = base(&visit, Action::Propose)?;
    let key = visit.named("branch");
    let id = match state.tracker.propose(&base, &key, wish(&form), &visit.by()).await {
        Ok(proposed) => proposed.entry.record.id.to_string(),
        // It is opened as soon as the provider can be asked: its page says so.
        Err(Refusal::Planned { id, .. }) => id.to_string(),
        Err(refusal) => return typed::propose_page(&visit, &base, &typed::typed(&form), Some(&refused(refusal))).await,
    };
    // Who may not see all that a proposal may be about stays with the branch.
    let next = if visit.reads_all_of(&base.name) {
        format!("/ui/proposals/{}", segment(&id))
    } else {
        place(&base.name, &key)
    };
    Ok(see(&(next + TAKEN)))
}

fn wish(form: &Form) -> Wish {
    Wish {
        title: form.text("title").to_owned(),
        body: lines(form.text("body")),
        draft: Some(form.filled("draft").is_some()),
    }
}
