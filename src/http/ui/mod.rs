//! The web interface: pages for people, rendered here and made alive by a small script and one event stream.
//!
//! It stands on the same functions as the API: what is shown comes from the [tips](crate::write::writers::Writers::tip),
//! the board, the tracker; what is changed becomes a [`write::Request`](crate::write::Request) like any other. Templates,
//! texts, styles and scripts are files in `ui/`, embedded in the binary; a build for development reads them from there at
//! every request. Everything can be read without the script.
//!
//! ```text
//! request -> Visit: who, within which rights and session    -> a page's values -> template -> HttpResponse
//!            Form: what was sent, if it comes from our page
//! ```

mod analytics;
mod assets;
mod audit;
mod branches;
mod colour;
mod copy;
mod deliveries;
mod edit;
mod flags;
mod form;
mod glass;
mod listed;
mod live;
mod namespaces;
mod palette;
mod playground;
mod proposals;
mod render;
mod save;
mod segments;
mod session;
mod shell;
mod sync;
mod trouble;
mod visit;

use actix_web::http::header;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use self::render::Pages;
use self::trouble::{Trouble, answered};
use self::visit::Visit;
use super::State;
use super::error::Failure;

/// What the interface keeps: pages, and who is signed in.
#[derive(Debug, Default)]
pub struct Ui {
    pages: Pages,
    sessions: session::Sessions,
    /// What the marks of this process begin with.
    salt: live::Salt,
}

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig, state: &State) {
    live::connect(state);
    let get = |config: &mut ServiceConfig, path: &str, handler: actix_web::Route| {
        config.service(web::resource(path).route(handler));
    };
    get(config, "/", web::get().to(home));
    get(config, "/ui", web::get().to(home));
    get(config, "/ui/", web::get().to(flags::first));
    get(config, "/ui/assets/{version}/{file:.*}", web::get().to(assets::serve));
    get(config, "/ui/colour/{digits}.css", web::get().to(colour::style));
    get(config, "/ui/events", web::get().to(live::open));
    get(config, "/ui/glass", web::get().to(glass::banner));
    config.service(
        web::resource("/ui/login").route(web::get().to(session::page)).route(web::post().to(session::sign_in)),
    );
    get(config, "/ui/logout", web::post().to(session::sign_out));
    get(config, "/ui/palette", web::get().to(palette::find));
    sync::routes(config);
    deliveries::routes(config);
    edit::routes(config);
    proposals::routes(config);
    branches::routes(config);
    save::routes(config);
    flags::routes(config);
    segments::routes(config);
    copy::routes(config);
    namespaces::routes(config);
    analytics::routes(config);
    get(config, "/ui/e/{environment}/n/{namespace}/playground", web::get().to(playground::page));
    get(config, "/ui/audit", web::get().to(audit::page));
}

/// There is no such page.
pub(super) fn unknown_path(state: &Data<State>, request: &HttpRequest) -> HttpResponse {
    answered(state, request, Err(Failure::not_found("there is no page at this address").into()))
}

/// Everybody who comes to the root wants the pages.
async fn home() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, "/ui/")).finish()
}
