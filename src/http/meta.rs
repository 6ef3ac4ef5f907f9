//! `GET /meta/info`: what the server is, for the web interface of Flipt.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::State;
use super::auth::{self, Need};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use crate::config::Interface;

/// `GET /meta/info`. The interface takes a refusal for the word that it has to sign in.
pub(super) async fn info(state: Data<State>, request: HttpRequest) -> HttpResponse {
    if let Err(failure) = auth::admit(&state, Need::READ, &request) {
        return failure.json();
    }
    HttpResponse::Ok().json(json!({
        "build": { "version": env!("CARGO_PKG_VERSION"), "updateAvailable": false, "isRelease": true },
        "authentication": { "required": state.settings.load().authentication.required() },
        "analytics": { "enabled": state.analytics.on() },
        "ui": ui(&state.settings.load().look),
        "product": "oss",
    }))
}

/// The theme, and the colour of the bar where it has one.
fn ui(look: &Interface) -> serde_json::Map<String, Value> {
    let colour = look.colour.map(|colour| Value::from(format!("#{}", colour.digits())));
    let theme = ("theme".to_owned(), Value::from(look.theme.name()));
    std::iter::once(theme).chain(colour.map(|colour| ("topbarColor".to_owned(), colour))).collect()
}

pub(super) fn about_info() -> Operation {
    Operation::new(Tag::Session, "info", "What the server is")
        .ok("Names of a build and of what is switched on.", "Info")
        .asks_who(&[Shape::Json])
}

/// What it says.
pub(super) const SCHEMAS: Schemas = &[
    ("Info", || {
        json!({
            "type": "object",
            "required": ["build", "authentication", "analytics", "ui", "product"],
            "properties": {
                "build": schema("Build"),
                "authentication": {
                    "type": "object",
                    "required": ["required"],
                    "properties": { "required": { "type": "boolean", "description": "Everybody has to show a credential." } },
                },
                "analytics": {
                    "type": "object",
                    "required": ["enabled"],
                    "properties": { "enabled": { "type": "boolean", "description": "Evaluations are counted." } },
                },
                "ui": {
                    "type": "object",
                    "required": ["theme"],
                    "properties": { "theme": { "enum": ["system", "light", "dark"] }, "topbarColor": { "type": "string" } },
                },
                "product": { "const": "oss", "description": "The word by which the interface knows what to show." },
            },
        })
    }),
    ("Build", || {
        json!({
            "type": "object",
            "required": ["version", "updateAvailable", "isRelease"],
            "properties": {
                "version": { "type": "string" },
                "updateAvailable": { "const": false, "description": "Nobody is asked." },
                "isRelease": { "type": "boolean" },
            },
        })
    }),
];
