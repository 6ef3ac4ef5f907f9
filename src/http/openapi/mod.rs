//! `GET /openapi.json`: everything that can be asked of the daemon, as an `OpenAPI` 3.1 document.
//!
//! The document is made from the table of routes ([`super::routes`]), the one that requests are answered from: a
//! route comes with its operation or not at all. The schemas stand beside the code that writes what they describe, and
//! the tests hold every answer they get against them. It names no environment, no storage and no setting, so it is the
//! same for everybody and asks for no credential.

mod operation;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::dev::Handler;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

pub(super) use self::operation::{EVENTS, JSON, Operation, Shape, TEXT, Tag, schema};
use super::routes::{self, Methods, Table};
use super::{
    analytics, audit, environments, error, evaluation, explain, health, json as written, list, meta, ofrep, proposals,
    select, session, snapshot, status, stream,
};

/// Schemas by name, as the files of the handlers list theirs.
pub(super) type Schemas = &'static [(&'static str, fn() -> Value)];

const SCHEMAS: &[Schemas] = &[
    analytics::SCHEMAS,
    audit::SCHEMAS,
    environments::SCHEMAS,
    error::SCHEMAS,
    evaluation::SCHEMAS,
    explain::SCHEMAS,
    health::SCHEMAS,
    list::SCHEMAS,
    meta::SCHEMAS,
    ofrep::SCHEMAS,
    proposals::SCHEMAS,
    session::SCHEMAS,
    snapshot::SCHEMAS,
    status::SCHEMAS,
    stream::SCHEMAS,
];

const ABOUT: &str = "\
Feature flags from Git, live when the push is. The evaluation and client routes are Flipt v2's, the OFREP routes those \
of OpenFeature.\n\n\
One slash at the end of a path is passed over. An unknown path is answered 404 and a known one with a wrong method 501 \
(webhooks: 405), in the shape of the protocol that the path belongs to. `HEAD` and `OPTIONS` are wrong methods too, but \
where they are listed, and for preflights where `cors` is on. A head that is no HTTP, takes too long or is larger than \
128 KiB is answered 400, 408 or 431 without a body, before any route.\n\n\
`x-yardarm-break-glass` is in every answer while something is served that the provider does not have yet, because it \
could not be reached and somebody was allowed to break the glass: \
`<environment>; until=<RFC 3339>; changes=<number>`, several parted by commas.\n\n\
`authentication` decides who has to send a credential; where it is not required, none is looked at. Where webhooks have \
a listener of their own, only their routes are there, and not here.";

/// The bytes and their tag, made once.
static DOCUMENT: LazyLock<(Bytes, String)> = LazyLock::new(|| {
    let bytes = Bytes::from(document().to_string());
    let tag = format!("\"{:016x}\"", xxh3_64(&bytes));
    (bytes, tag)
});

/// `GET /openapi.json`
pub(super) async fn serve(request: HttpRequest) -> HttpResponse {
    let (bytes, tag) = &*DOCUMENT;
    let tag = (header::ETAG, tag.as_str());
    if select::not_modified(&request, tag.1) {
        return HttpResponse::NotModified().insert_header(tag).finish();
    }
    HttpResponse::Ok().content_type(written::mime()).insert_header(tag).body(bytes.clone())
}

pub(super) fn about() -> Operation {
    Operation::new(Tag::Probes, "describe", "This document")
        .if_none_match()
        .answers(200, "An OpenAPI 3.1 document.", JSON, json!({ "type": "object" }))
        .with_header(200, "ETag", "A tag of the document.")
        .empty(304, "It is the one that the client has.")
        .with_header(304, "ETag", "A tag of the document.")
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Paths::default();
    routes::api(&mut paths);
    routes::webhooks(&mut paths);
    let schemas: BTreeMap<_, _> = SCHEMAS.iter().copied().flatten().map(|(name, schema)| (*name, schema())).collect();
    let tags = Tag::ALL.map(|(tag, description)| json!({ "name": tag.name(), "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Yardarm",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths.0,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "flipt_client_token", "description": "The same token in a cookie." },
            },
        },
    })
}

/// The table of routes as the paths of the document.
#[derive(Default)]
struct Paths(BTreeMap<&'static str, BTreeMap<String, Operation>>);

impl Table for Paths {
    fn route<H, A>(&mut self, methods: Methods, path: &'static str, _: H, about: fn() -> Operation)
    where
        H: Handler<A>,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        for method in methods.described() {
            let method = method.as_str().to_lowercase();
            let operation = about().named_for(&method);
            self.0.entry(path).or_default().insert(method, operation);
        }
    }
}
