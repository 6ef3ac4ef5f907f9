//! `GET /api/v2/storages` and below: what each storage is doing, and what became of each delivery.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Need};
use super::error::Failure;
use super::{State, select};
use crate::limits;

/// `GET /api/v2/storages`
pub(super) async fn storages(state: Data<State>, request: HttpRequest) -> HttpResponse {
    match admit(&state, &request) {
        Ok(()) => HttpResponse::Ok().json(json!({ "storages": state.board.all(state.clock.now()) })),
        Err(failure) => failure.json(),
    }
}

/// `GET /api/v2/storages/{storage}`
pub(super) async fn storage(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = known(&state, &request).map(|storage| HttpResponse::Ok().json(storage));
    answer.unwrap_or_else(|failure| failure.json())
}

/// `GET /api/v2/storages/{storage}/deliveries?limit=`: the newest first.
pub(super) async fn deliveries(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = known(&state, &request).and_then(|storage| {
        let limit = match select::query(&request, ["limit", "limit"]) {
            None => limits::DELIVERIES_KEPT,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Failure::invalid("limit is not a number"))?
                .min(limits::DELIVERIES_KEPT),
        };
        Ok(HttpResponse::Ok().json(json!({ "deliveries": state.deliveries.list(&storage.name, limit) })))
    });
    answer.unwrap_or_else(|failure| failure.json())
}

/// A storage is no environment's own: who may see it may see all.
fn admit(state: &State, request: &HttpRequest) -> Result<(), Failure> {
    auth::admit(state, Need::READ, request)?.permit_everything()
}

fn known(state: &State, request: &HttpRequest) -> Result<crate::sync::status::Storage, Failure> {
    let name = select::segment(request, "storage")?;
    admit(state, request)?;
    state.board.get(&name, state.clock.now()).ok_or_else(|| Failure::not_found(format!("storage \"{name}\" not found")))
}
