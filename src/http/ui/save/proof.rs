//! `GET /ui/proof`: whether a form would be taken now, and the proof that it needs.
//!
//! A page asks before it sends what somebody has typed: a server or a session that is gone is told while the form is
//! still there. Other origins cannot read the answer, as they cannot read the pages that carry the same.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::State;
use crate::http::auth::Need;
use crate::http::ui::render::secured;
use crate::http::ui::{Trouble, Visit, answered, form};

/// `GET /ui/proof`
pub(super) async fn give(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, given(&state, &request))
}

fn given(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    form::is_own(request)?;
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let mut response = HttpResponse::Ok();
    response.content_type("text/plain; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(cookie) = visit.seat.cookie(state, request) {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    secured(&mut response);
    Ok(response.body(state.ui.sessions.proof(&visit.seat)))
}
