//! `GET /ui/events`: tells an open page that something has moved.

use actix_web::HttpResponse;

/// Nothing yet: 204 tells a browser not to come back.
pub(super) async fn open() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
