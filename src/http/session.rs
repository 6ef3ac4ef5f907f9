//! `/auth/v1`: how one signs in, who one is, and signing out, as far as the web interface of Flipt asks.
//!
//! There are no sessions: a token is a token until an operator takes it away, and a JWT until its time is over.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::State;
use super::auth::{self, COOKIE, Need};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use crate::auth::Method;

/// `GET /auth/v1/method`: for everybody, as one has to know it before one is known.
pub(super) async fn methods(state: Data<State>) -> HttpResponse {
    let (tokens, jwt) = state.settings.load().authentication.methods();
    let method = |name: &str, enabled: bool, session: bool| json!({ "method": name, "enabled": enabled, "sessionCompatible": session });
    let with = |mut method: Value, metadata: Value| {
        if let Some(method) = method.as_object_mut() {
            method.insert("metadata".to_owned(), metadata);
        }
        method
    };
    // As Flipt lists those that are switched off.
    let github = json!({
        "authorize_url": "/auth/v1/method/github/authorize",
        "callback_url": "/auth/v1/method/github/callback",
    });
    HttpResponse::Ok().json(json!({ "methods": [
        method("METHOD_TOKEN", tokens, false),
        with(method("METHOD_GITHUB", false, true), github),
        with(method("METHOD_OIDC", false, true), json!({ "providers": {} })),
        method("METHOD_KUBERNETES", false, false),
        method("METHOD_JWT", jwt, false),
    ] }))
}

pub(super) fn about_methods() -> Operation {
    Operation::new(Tag::Session, "methods", "How one may prove who one is")
        .ok("Flipt's methods, and which of them are switched on.", "Methods")
}

/// `GET /auth/v1/self`: who shows this credential. Where nobody needs one, and this shows none, Flipt's answer for
/// authentication that is switched off.
pub(super) async fn who(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let told = auth::admit(&state, Need::WHO, &request).and_then(|pass| {
        let caller = pass.caller();
        let (method, prefix) = match caller.method {
            Method::Anonymous => {
                let message = "service flipt.auth.AuthenticationService not implemented";
                return Err(Failure::new(Code::Unimplemented, message));
            }
            Method::Token => ("METHOD_TOKEN", "io.flipt.auth.token"),
            Method::Jwt => ("METHOD_JWT", "io.flipt.auth.jwt"),
        };
        let mut metadata = Map::new();
        if let Some(person) = &caller.person {
            for (field, value) in [("name", &person.name), ("email", &person.email)] {
                metadata.extend(value.as_ref().map(|value| (format!("{prefix}.{field}"), Value::from(value.as_str()))));
            }
        }
        let mut told = Map::new();
        told.insert("id".to_owned(), (*caller.name).into());
        told.insert("method".to_owned(), method.into());
        told.extend(caller.expires.map(|at| ("expiresAt".to_owned(), Value::from(at.to_string()))));
        told.insert("metadata".to_owned(), Value::Object(metadata));
        told.insert("name".to_owned(), (*caller.name).into());
        let scopes: Vec<_> = caller.scopes.iter().map(ToString::to_string).collect();
        told.insert("scopes".to_owned(), scopes.into());
        Ok(HttpResponse::Ok().json(told))
    });
    told.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_who() -> Operation {
    Operation::new(Tag::Session, "self", "Who shows this credential")
        .ok("Name, method and scopes.", "Self")
        .asks_who(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::Unimplemented])
}

/// `DELETE /auth/v1/self/revoke`: the browser forgets its cookie. The token in it stays what it is.
pub(super) async fn revoke(state: Data<State>, request: HttpRequest) -> HttpResponse {
    if let Err(failure) = auth::admit(&state, Need::WHO, &request) {
        return failure.json();
    }
    let gone = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    HttpResponse::Ok().insert_header((header::SET_COOKIE, gone)).json(json!({}))
}

pub(super) fn about_revoke() -> Operation {
    Operation::new(Tag::Session, "signOut", "Signs a browser out")
        .describe("Its cookie goes. A token ends only where an operator takes it away: `yardarm token revoke`.")
        .ok("Done.", "Nothing")
        .with_header(200, "Set-Cookie", "Takes Flipt's cookie away.")
        .asks_who(&[Shape::Json])
}

/// What they say.
pub(super) const SCHEMAS: Schemas = &[
    ("Methods", || {
        json!({
            "type": "object",
            "required": ["methods"],
            "properties": { "methods": { "type": "array", "items": schema("Method") } },
        })
    }),
    ("Method", || {
        json!({
            "type": "object",
            "required": ["method", "enabled", "sessionCompatible"],
            "properties": {
                "method": { "enum": ["METHOD_TOKEN", "METHOD_GITHUB", "METHOD_OIDC", "METHOD_KUBERNETES", "METHOD_JWT"] },
                "enabled": { "type": "boolean" },
                "sessionCompatible": { "type": "boolean" },
                "metadata": { "type": "object" },
            },
        })
    }),
    ("Self", || {
        json!({
            "type": "object",
            "required": ["id", "method", "metadata", "name", "scopes"],
            "properties": {
                "id": { "type": "string" },
                "method": { "enum": ["METHOD_TOKEN", "METHOD_JWT"] },
                "expiresAt": { "type": "string", "format": "date-time" },
                "metadata": {
                    "type": "object",
                    "description": "The person, in Flipt's names: `io.flipt.auth.jwt.name`, `io.flipt.auth.jwt.email`.",
                    "additionalProperties": { "type": "string" },
                },
                "name": { "type": "string", "description": "Name of the token, subject of the JWT." },
                "scopes": { "type": "array", "items": { "type": "string" } },
            },
        })
    }),
    ("Nothing", || json!({ "type": "object", "properties": {} })),
];
