//! `…/new-branch` and `…/branches/{branch}/propose`: what is typed about a branch. Refused, it comes back as it was
//! typed.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use super::super::form::Form;
use super::super::proposals::told;
use super::super::{Trouble, Visit, answered};
use super::{base, standing};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::proposals::readable;
use crate::limits;
use crate::serve::Environment;

/// `GET …/new-branch`
pub(super) async fn new(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let asked = || {
        let visit = Visit::admit(&state, &request, Need::READ)?;
        let base = base(&visit, Action::Propose)?;
        new_page(&visit, &base, &visit.asked("key"), None)
    };
    answered(&state, &request, asked())
}

/// The form for a new branch, as it was sent.
pub(super) fn new_page(
    visit: &Visit<'_>,
    base: &Environment,
    key: &str,
    failure: Option<&Failure>,
) -> Result<HttpResponse, Trouble> {
    let page = context! {
        base => &*base.name,
        from => &*base.branch,
        key,
        failure => failure.map(shown_failure),
        standing => standing(visit, base),
        most => limits::NAME_CHARACTERS,
    };
    visit.page_as(response(failure), "branches/new.html", page)
}

/// `GET …/branches/{branch}/propose`
pub(super) async fn propose(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, asked(&state, &request).await)
}

async fn asked(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let base = base(&visit, Action::Propose)?;
    let (of, key) = (base.clone(), visit.named("branch"));
    let (title, body) = blocking(state, move |state| Ok(state.tracker.texts(&of, &key))).await?.unwrap_or_default();
    let draft = state.tracker.rules(&base.storage, &base.name).is_some_and(|rules| rules.draft);
    propose_page(&visit, &base, &context! { title, body, draft }, None).await
}

/// What was typed into a proposal.
pub(super) fn typed(form: &Form) -> Value {
    context! { title => form.text("title"), body => form.text("body"), draft => form.filled("draft").is_some() }
}

/// The form for a proposal, as it was sent.
pub(super) async fn propose_page(
    visit: &Visit<'_>,
    base: &Arc<Environment>,
    typed: &Value,
    failure: Option<&Failure>,
) -> Result<HttpResponse, Trouble> {
    let key = visit.named("branch");
    let unknown = || Failure::not_found(format!("environment: \"{key}\" not found"));
    let branch = visit.state.environments.get(&key).filter(|one| one.base.as_ref() == Some(&base.name));
    let branch = branch.ok_or_else(unknown)?;
    let (of, head, to) = (base.clone(), branch.branch.clone(), readable(visit.state, &visit.pass));
    // They may be about any namespace.
    let whole = visit.reads_all_of(&base.name);
    let changes = blocking(visit.state, move |state| {
        Ok(whole.then(|| state.tracker.compare_branch(&of.storage, &head, &of.branch, &to)))
    });
    let changes = changes.await?;
    let page = context! {
        base => &*base.name,
        into => &*base.branch,
        key,
        branch => &*branch.branch,
        typed,
        drafts => visit.state.tracker.offers(&base.storage).is_some_and(|offers| offers.draft),
        failure => failure.map(shown_failure),
        missing => visit.state.tracker.missing(&base.storage),
        whole,
        changes => changes.map(|changes| told(&changes)),
        title_most => limits::PROPOSAL_TITLE_CHARACTERS,
        body_most => limits::PROPOSAL_BODY_CHARACTERS,
    };
    visit.page_as(response(failure), "branches/propose.html", page)
}

fn response(failure: Option<&Failure>) -> actix_web::HttpResponseBuilder {
    failure.map_or_else(HttpResponse::Ok, |failure| HttpResponse::build(failure.code.status()))
}

fn shown_failure(failure: &Failure) -> Value {
    context! { message => &*failure.message }
}
