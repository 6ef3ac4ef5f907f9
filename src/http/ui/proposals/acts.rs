//! `POST /ui/proposals/{proposal}/{act}`: what people do with one, by the same way as the API.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::super::branches::clashes;
use super::super::form::{Form, TAKEN};
use super::super::render::segment;
use super::super::{Trouble, Visit, answered};
use super::{one, typed};
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::Failure;
use crate::http::proposals::{known, permit, refused};
use crate::track::{Act, Refusal};
use crate::view::proposal::Way;
use crate::write::writers::Strategy;

/// `POST /ui/proposals/{proposal}/{act}`
pub(super) async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// `GET` of the same: somebody loads anew what a refused act has answered.
pub(super) async fn back(request: HttpRequest) -> HttpResponse {
    let id = crate::http::environments::segment(&request, "proposal");
    see(&format!("/ui/proposals/{}", segment(&id)))
}

fn see(place: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, place)).finish()
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let form = visit.form(sent).await?;
    let entry = known(state, &visit.pass, request)?;
    // The last segment names it; of a page with a form that is the page's own.
    let name = request.path().rsplit('/').next().unwrap_or_default();
    let act = of(name, &form)?;
    permit(state, &visit.pass, &entry.record, &act)?;
    match state.tracker.act(&entry.record.id, act, &visit.by()).await {
        Ok(done) => {
            let taken = if typed::is_typed(&form) { TAKEN } else { "" };
            Ok(see(&format!("/ui/proposals/{}{taken}", segment(&done.record.id))))
        }
        Err(refusal) => {
            // Of a proposal of no environment nothing is known that it would be about.
            let environment = entry.record.environment.as_deref().unwrap_or(ANY);
            let clashes = match &refusal {
                Refusal::Conflicts(both) => Some(clashes(&visit, environment, both)),
                _ => None,
            };
            let failure = refused(refusal);
            if typed::is_typed(&form) {
                return typed::again(&visit, &entry, name, &form, &failure).await;
            }
            let entry = state.tracker.get(&entry.record.id).unwrap_or(entry);
            one::page(&visit, entry, Some(&failure), clashes).await
        }
    }
}

fn of(name: &str, form: &Form) -> Result<Act, Failure> {
    Ok(match name {
        "close" => Act::Close,
        "reopen" => Act::Reopen,
        "ready" => Act::Ready,
        "draft" => Act::Draft,
        "update" if form.text("strategy") == "rebase" => Act::Update(Strategy::Rebase),
        "update" => Act::Update(Strategy::Merge),
        "edit" => Act::Edit { title: Some(form.text("title").to_owned()), body: Some(lines(form.text("body"))) },
        "merge" => Act::Merge {
            method: Way::named(form.text("method")),
            message: form.filled("message").map(str::to_owned),
            head: form.filled("head").map(str::to_owned),
        },
        _ => return Err(Failure::not_found(format!("nothing is done with a proposal by the name \"{name}\""))),
    })
}

/// A text with the ends of lines that Git and providers have: forms send others.
pub(in super::super) fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
