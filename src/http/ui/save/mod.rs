//! What a person sees before anything is saved, and how it is saved.
//!
//! ```text
//! a form -> changes -> review: a dry run, in words and as text, and where it may go
//!                        |-> commit: done as the API does it -> saved: what became of it
//!                        '-> somebody else was faster -> conflict: three versions, decided -> review
//! ```
//!
//! Nothing is kept here between two of these pages: the changes go along with each form, as the API spells them, each
//! with the revision that its author had seen.

mod commit;
mod conflict;
mod offer;
mod proof;
mod review;
mod saved;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use self::review::Wish;
use super::{Trouble, Visit};
use crate::serve::Environment;
use crate::write::Change;

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let at = |path: &str| web::resource(format!("/ui/e/{{environment}}/{path}"));
    config.service(at("review").route(web::get().to(review::gathered)).route(web::post().to(review::asked)));
    config.service(at("commit").route(web::get().to(review::gathered)).route(web::post().to(commit::make)));
    config.service(at("resolve").route(web::get().to(review::gathered)).route(web::post().to(conflict::decide)));
    config.service(web::resource("/ui/proof").route(web::get().to(proof::give)));
    config.service(at("saved").route(web::get().to(saved::page)));
}

/// The page that says what changes will do, and offers to make them. Whoever calls it has read a form; a refusal that
/// is about a field of it is a [`Trouble`], which the form may be shown with again.
pub(super) async fn review(
    visit: &Visit<'_>,
    environment: Arc<Environment>,
    changes: Vec<Change>,
) -> Result<HttpResponse, Trouble> {
    let from = came_from(visit);
    let next = offer::next(&environment.name, &changes).unwrap_or_else(|| from.clone());
    let wish = Wish { from, next, ..Wish::default() };
    review::page(visit, environment, changes, wish, None).await
}

/// The page that asked; of one that only answers forms, the page that it belongs to.
fn came_from(visit: &Visit<'_>) -> String {
    let here = super::visit::here(visit.request);
    here.strip_suffix("/revert").unwrap_or(&here).to_owned()
}

/// The same, with another page to go on to.
pub(super) async fn review_then(
    visit: &Visit<'_>,
    environment: Arc<Environment>,
    changes: Vec<Change>,
    next: String,
) -> Result<HttpResponse, Trouble> {
    let wish = Wish { from: came_from(visit), next, ..Wish::default() };
    review::page(visit, environment, changes, wish, None).await
}
