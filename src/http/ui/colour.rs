//! The colour of the bar at the top as a style: a page has none of its own, and a colour is the operator's choice.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::render::{secured, squeezed};
use crate::config::Colour;

/// `GET /ui/colour/{digits}.css`. The path says all of it, so it is kept for good.
pub(super) async fn style(request: HttpRequest) -> HttpResponse {
    let Some(colour) = request.match_info().get("digits").and_then(Colour::read) else {
        return HttpResponse::NotFound().finish();
    };
    let text = format!(":root {{ --topbar: #{}; --topbar-ink: #{}; }}\n", colour.digits(), colour.ink().digits());
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    secured(&mut response);
    squeezed(&request, response, text.into_bytes())
}
