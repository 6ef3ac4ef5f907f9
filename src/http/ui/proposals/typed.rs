//! `/ui/proposals/{proposal}/edit` and `…/merge`: what is typed about one. Refused, it comes back as it was typed.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use super::super::form::Form;
use super::super::render::shown;
use super::super::{Trouble, Visit, answered};
use super::one;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::Failure;
use crate::http::proposals::known;
use crate::limits;
use crate::proposal::marker;
use crate::track::records::Entry;

/// The field that says that something was typed.
const TYPED: &str = "typed";

/// `GET /ui/proposals/{proposal}/edit`, `…/merge`
pub(super) async fn show(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, asked(&state, &request).await)
}

async fn asked(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let entry = known(state, &visit.pass, request)?;
    let name = request.path().rsplit('/').next().unwrap_or_default();
    if name == "merge" {
        let about = one::about(&visit, &entry).await?;
        let typed = context! { method => visit.asked("method"), message => "" };
        return visit.page("proposals/merge.html", context! { typed, failure => (), ..about });
    }
    let seen = entry.record.seen.as_ref();
    let typed = context! {
        title => seen.map(|seen| &*seen.title).unwrap_or_default(),
        body => seen.map(|seen| marker::without(&seen.body)).unwrap_or_default(),
    };
    visit.page("proposals/edit.html", page(&visit, &entry, typed, None))
}

/// Whether something was typed, which must not be lost.
pub(super) fn is_typed(form: &Form) -> bool {
    !form.text(TYPED).is_empty()
}

/// The form as it was sent, and why nothing came of it.
pub(super) async fn again(
    visit: &Visit<'_>,
    entry: &Entry,
    name: &str,
    form: &Form,
    failure: &Failure,
) -> Result<HttpResponse, Trouble> {
    let response = HttpResponse::build(failure.code.status());
    if name == "merge" {
        let about = one::about(visit, entry).await?;
        let typed = context! { method => form.text("method"), message => form.text("message") };
        let failure = context! { message => &*failure.message };
        return visit.page_as(response, "proposals/merge.html", context! { typed, failure, ..about });
    }
    let typed = context! { title => form.text("title"), body => form.text("body") };
    visit.page_as(response, "proposals/edit.html", page(visit, entry, typed, Some(failure)))
}

fn page(visit: &Visit<'_>, entry: &Entry, typed: Value, failure: Option<&Failure>) -> Value {
    let failure = failure.map(|failure| context! { message => &*failure.message });
    context! {
        face => shown(crate::view::proposal::Face::of(&entry.record, visit.state.clock.now())),
        typed,
        failure,
        title_most => limits::PROPOSAL_TITLE_CHARACTERS,
        body_most => limits::PROPOSAL_BODY_CHARACTERS,
    }
}
