//! `GET /ui/glass`: the banner of a broken glass alone, for a page that is open.
//!
//! It has an address of its own: that of a page that shows a form which was sent may answer nothing but forms.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;

use super::{Visit, answered};
use crate::http::State;
use crate::http::auth::Need;

/// `GET /ui/glass`
pub(super) async fn banner(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let banner = || Visit::admit(&state, &request, Need::READ)?.page("glass.html", context! {});
    answered(&state, &request, banner())
}
