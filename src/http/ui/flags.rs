//! `…/flags`: what there is.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::render::{segment, shown};
use super::visit::first_namespace;
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::flags::snapshot::FlagKind;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;

/// `GET /ui/`: the flags of the default environment.
pub(super) async fn first(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let first = || {
        let visit = Visit::admit(&state, &request, Need::READ)?;
        let all = state.environments.all();
        let seen = |one: &&std::sync::Arc<crate::serve::Environment>| visit.reaches(Action::Read, &one.name);
        let default = state.environments.default_environment();
        let found = default.iter().find(seen).or_else(|| all.iter().find(seen));
        let found = found.ok_or_else(|| Failure::not_found("there is no environment that you may see"))?;
        let place = format!("/ui/e/{}/n/{}/flags", segment(&found.name), segment(&first_namespace(found, "default")));
        Ok(HttpResponse::Found().insert_header((header::LOCATION, place)).finish())
    };
    answered(&state, &request, first())
}

/// A flag as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    name: String,
    enabled: bool,
    boolean: bool,
}

/// `GET /ui/e/{environment}/n/{namespace}/flags`
pub(super) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request).await)
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let rows: Vec<Row> = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let row = |flag: &crate::flags::resource::Flag| Row {
            key: flag.key.clone(),
            name: flag.name.clone(),
            enabled: flag.enabled,
            boolean: flag.kind == FlagKind::Boolean,
        };
        Ok(tip.view.flags(&namespace).into_iter().map(row).collect())
    })
    .await?;
    visit.page("flags/list.html", context! { rows => shown(rows) })
}
