//! The HTTP surface: Flipt's evaluation and client routes, OFREP, and the status of the daemon itself.
//!
//! One file a surface, and one table of all routes ([`routes`](mod@routes)), from which the document at `/openapi.json`
//! is made as well. Handlers read what is current from [`serve`](crate::serve), write the answer into one buffer
//! and hold nothing afterwards. They authenticate before they read a body, and they tell a caller what is wrong with
//! the request and nothing about the inside ([`error`]).
//!
//! A known path with a wrong method is 501, an unknown one 404, each in the shape of its protocol, as Flipt's clients
//! know it. One slash at the end of a path is passed over. `?pretty` is accepted and ignored.

mod analytics;
mod audit;
mod auth;
mod body;
pub mod certificate;
mod cors;
mod environments;
mod error;
mod evaluation;
mod explain;
mod feed;
mod health;
mod json;
mod list;
mod meta;
mod ofrep;
pub mod openapi;
mod proposals;
mod rate;
mod request;
mod routes;
mod select;
pub mod serve;
mod session;
mod snapshot;
mod status;
mod stream;
mod ui;
mod unread;
mod watch;
pub mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::HeaderName;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;

pub use self::auth::Authentication;
use self::error::{Code, Failure};
pub use self::rate::Rates;
pub use self::request::context;
use self::routes::Listener;
pub use self::ui::Ui;
use crate::analytics::Analytics;
use crate::clock::Clock;
use crate::config::{Config, Cors, Interface};
use crate::ingest::Ingest;
use crate::ingest::deliveries::Log;
use crate::serve::Environments;
use crate::sync::status::Board;
use crate::telemetry::metrics::Metrics;
use crate::track::Tracker;
use crate::write::writers::Writers;

/// The header of every answer while something is served that the provider does not have.
pub(crate) const BREAK_GLASS: HeaderName = HeaderName::from_static("x-yardarm-break-glass");

/// Everything that handlers look at. Shared by all workers and all listeners.
pub struct State {
    /// What is served.
    pub environments: Arc<Environments>,
    /// What the storages are doing.
    pub board: Arc<Board>,
    /// Where webhooks go.
    pub ingest: Arc<Ingest>,
    /// What became of them.
    pub deliveries: Arc<Log>,
    /// What the providers have of them.
    pub webhooks: Arc<crate::webhook::Desk>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What a reload may change.
    pub settings: ArcSwap<Settings>,
    /// Who writes.
    pub writers: Arc<Writers>,
    /// Where merge proposals stand.
    pub tracker: Arc<Tracker>,
    /// What became of writes.
    pub audit: Arc<crate::audit::log::Log>,
    /// How often which flag was answered what.
    pub analytics: Arc<Analytics>,
    /// The web interface.
    pub ui: Ui,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Set when the process begins to shut down.
    pub draining: Arc<AtomicBool>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("draining", &self.draining()).finish_non_exhaustive()
    }
}

impl State {
    /// Whether the process is shutting down.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// What of the configuration concerns requests, compiled. Replaced as a whole by a reload.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Who may ask.
    pub authentication: Authentication,
    /// How often.
    pub rates: Rates,
    /// Cross-origin requests; absent where they are not answered.
    pub cors: Option<Arc<Cors>>,
    /// Whether a list of flags carries their metadata.
    pub include_flag_metadata: bool,
    /// The provider of configured environments that have one, in Flipt's words.
    pub scm: Arc<BTreeMap<Arc<str>, &'static str>>,
    /// What the web interface looks like.
    pub look: Arc<Interface>,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            authentication: Authentication::from(&config.authentication),
            rates: Rates::from(&config.rates),
            cors: config.cors.enabled.then(|| Arc::new(config.cors.clone())),
            include_flag_metadata: config.include_flag_metadata,
            scm: Arc::new(environments::providers(config)),
            look: Arc::new(config.interface.clone()),
        }
    }
}

/// The routes of the main listener, webhooks apart.
pub fn routes(state: Arc<State>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    // Asked once: every thread has the same routes, whatever a reload brings.
    let has_pages = !state.settings.load().look.disabled;
    move |config| {
        config.app_data(Data::from(state.clone()));
        // First as almost everybody asks, then everything once more with a slash at its end.
        for end in ["", "/"] {
            routes::api(&mut Listener { config, end });
        }
        // The key is there and empty: no path of the document, and an answer of its own.
        let without_key = web::post().to(ofrep::without_key);
        config.service(
            web::resource("/ofrep/v1/evaluate/flags//").route(without_key).default_service(web::to(wrong_method)),
        );
        // The web interface of Flipt, before it knows a namespace: there is nothing in none.
        for end in ["", "/"] {
            let path = format!("/api/v2/environments/{{environment}}/namespaces//resources/{{type}}{end}");
            let list = web::get().to(environments::resources_of_nothing);
            config.service(web::resource(path).route(list).default_service(web::to(wrong_method)));
        }
        if has_pages {
            ui::routes(config, &state);
            config.default_service(web::to(unknown_page_or_path));
        } else {
            config.default_service(web::to(unknown_path));
        }
    }
}

/// Who has mistyped the address of a page is told so in one.
async fn unknown_page_or_path(state: Data<State>, request: HttpRequest) -> HttpResponse {
    if request.path().starts_with("/ui/") {
        return ui::unknown_path(&state, &request);
    }
    unknown_path(request).await
}

async fn unknown_path(request: HttpRequest) -> HttpResponse {
    refuse(&request, &Failure::not_found("Not Found"))
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    refuse(&request, &Failure::new(Code::Unimplemented, "Method Not Allowed"))
}

/// A refusal in the shape of the protocol that the path belongs to.
fn refuse(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    if request.path().starts_with("/ofrep/") { failure.ofrep(None) } else { failure.json() }
}
