//! Every route, once: method, path, handler, and what is said of it to callers.
//!
//! The listeners ([`super::routes`]) and the document ([`super::openapi`]) are both made from these two functions.

use actix_web::dev::Handler;
use actix_web::guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Responder};

use super::openapi::{self, Operation};
use super::{
    analytics, audit, environments, evaluation, explain, health, list, meta, ofrep, proposals, session, snapshot,
    status, stream, webhooks as deliveries, wrong_method,
};

/// Whatever takes routes.
pub(super) trait Table {
    /// Takes one route.
    fn route<H, A>(&mut self, methods: Methods, path: &'static str, handler: H, about: fn() -> Operation)
    where
        H: Handler<A>,
        A: FromRequest + 'static,
        H::Output: Responder + 'static;
}

/// The methods of a route.
#[derive(Debug, Clone, Copy)]
pub(super) enum Methods {
    /// These; others are refused for it.
    Only(&'static [Method]),
    /// These; the next route of the same path takes others.
    Among(&'static [Method]),
    /// `POST`; the handler itself refuses others.
    Post,
}

impl Methods {
    /// Those that callers are told of.
    pub(super) const fn described(self) -> &'static [Method] {
        match self {
            Self::Only(methods) | Self::Among(methods) => methods,
            Self::Post => &[Method::POST],
        }
    }
}

pub(super) const GET: Methods = Methods::Only(&[Method::GET]);
pub(super) const POST: Methods = Methods::Only(&[Method::POST]);
pub(super) const PUT: Methods = Methods::Only(&[Method::PUT]);
pub(super) const DELETE: Methods = Methods::Only(&[Method::DELETE]);
pub(super) const GET_AMONG: Methods = Methods::Among(&[Method::GET]);
pub(super) const POST_AMONG: Methods = Methods::Among(&[Method::POST]);
/// Some scrapers look whether there is something before they ask for it.
const GET_AND_HEAD: Methods = Methods::Only(&[Method::GET, Method::HEAD]);

/// The routes of the main listener. The router looks at one after the other: first what is asked for most.
pub(super) fn api(table: &mut impl Table) {
    table.route(POST, "/evaluate/v1/boolean", evaluation::boolean, evaluation::about_boolean);
    table.route(POST, "/evaluate/v1/variant", evaluation::variant, evaluation::about_variant);
    table.route(POST, "/evaluate/v1/batch", evaluation::batch, evaluation::about_batch);
    let internal = "/internal/v1/evaluation/snapshot/namespace/{namespace}";
    table.route(GET, internal, snapshot::internal, snapshot::about_internal);
    table.route(POST, "/ofrep/v1/evaluate/flags", ofrep::bulk, ofrep::about_bulk);
    table.route(POST, "/ofrep/v1/evaluate/flags/{key}", ofrep::single, ofrep::about_single);
    let client = "/client/v2/environments/{environment}/namespaces/{namespace}/snapshot";
    table.route(GET, client, snapshot::client, snapshot::about_client);
    let lines = "/client/v2/environments/{environment}/namespaces/{namespace}/stream";
    table.route(GET, lines, stream::client, stream::about_client);
    let events = "/ofrep/v1/_stream/{environment}/{namespace}/events";
    table.route(GET, events, stream::ofrep, stream::about_ofrep);
    table.route(GET, "/api/v1/namespaces/{namespace}/flags", list::in_namespace, list::about_in_namespace);
    table.route(GET, "/api/v1/flags", list::by_query, list::about_by_query);
    table.route(GET, "/health", health::health, health::about_health);
    table.route(GET, "/ready", health::ready, health::about_ready);
    table.route(GET_AND_HEAD, "/metrics", health::scrape, health::about_scrape);
    table.route(POST, "/api/v2/explain", explain::explain, explain::about);
    table.route(GET, "/api/v2/storages", status::storages, status::about_storages);
    table.route(GET, "/api/v2/storages/{storage}", status::storage, status::about_storage);
    table.route(GET, "/api/v2/storages/{storage}/deliveries", status::deliveries, status::about_deliveries);
    table.route(GET, "/api/v2/audit", audit::list, audit::about_list);
    let counts = "/internal/v2/analytics/environments/{environment}/namespaces/{namespace}/flags/{key}";
    table.route(GET, counts, analytics::one, analytics::about_one);
    let counts = "/internal/v2/analytics/environments/{environment}/namespaces/{namespace}/batch";
    table.route(POST, counts, analytics::batch, analytics::about_batch);
    environments::routes(table);
    proposals::routes(table);
    table.route(GET, "/meta/info", meta::info, meta::about_info);
    table.route(GET, "/auth/v1/method", session::methods, session::about_methods);
    table.route(GET, "/auth/v1/self", session::who, session::about_who);
    table.route(DELETE, "/auth/v1/self/revoke", session::revoke, session::about_revoke);
    table.route(GET_AND_HEAD, "/openapi.json", openapi::serve, openapi::about);
}

/// The routes that may have a listener of their own.
pub(super) fn webhooks(table: &mut impl Table) {
    table.route(Methods::Post, "/webhooks/{storage}", deliveries::storage, deliveries::about_storage);
    let environment = "/api/v2/webhooks/{environment}";
    table.route(Methods::Post, environment, deliveries::environment, deliveries::about_environment);
}

/// The table as the routes of a listener, every path ending so.
pub(super) struct Listener<'c> {
    pub(super) config: &'c mut ServiceConfig,
    pub(super) end: &'static str,
}

impl Table for Listener<'_> {
    fn route<H, A>(&mut self, methods: Methods, path: &'static str, handler: H, _: fn() -> Operation)
    where
        H: Handler<A>,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let path = format!("{path}{}", self.end);
        let resource = web::resource(path);
        let resource = match methods {
            Methods::Post => resource.default_service(web::to(handler)),
            Methods::Among(methods) => methods
                .iter()
                .fold(resource, |resource, method| resource.route(web::method(method.clone()).to(handler.clone())))
                .guard(guard::fn_guard(|asked| methods.contains(&asked.head().method))),
            Methods::Only(methods) => methods
                .iter()
                .fold(resource, |resource, method| resource.route(web::method(method.clone()).to(handler.clone())))
                .default_service(web::to(wrong_method)),
        };
        self.config.service(resource);
    }
}
