//! `POST /api/v2/explain`: why one flag answers what it does, of the flags that are served at this moment.
//!
//! The body is that of `/evaluate/v1/…`, the answer [`Explained`]. It tells what the files say (segments, values that
//! are compared with), so it belongs to the API and not to evaluation, which applications may be let do alone. Nothing
//! is counted: who asks why is no user of the flag.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::request::{self, Evaluation};
use super::{State, body, evaluation, json, select};
use crate::flags::explain::{self, Explained};

/// `POST /api/v2/explain`
pub(super) async fn explain(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    explained(&state, &request, payload).await.unwrap_or_else(|failure| failure.json())
}

async fn explained(state: &State, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let body = body::read(request, payload).await?;
    let text = request::text(&body);
    let asked: Evaluation<'_> = request::parse(&text)?;
    let key = select::namespace_or_default(&asked.namespace);
    let environment = select::for_explanation(&state.environments, request.headers(), &asked.environment, &pass, key)?;
    let served = environment.load();
    let namespace = select::namespace(&served, key)?;
    let flag = evaluation::known(namespace, &asked.flag)?;
    let told = Explained {
        environment_key: Some(environment.name.to_string()),
        namespace_key: namespace.key.to_string(),
        commit: served.commit.as_ref().map(ToString::to_string),
        digest: namespace.digest.to_string(),
        explanation: explain::explain(flag, &asked.entity, &asked.context),
    };
    // A tree of texts and numbers always has a JSON form.
    let answer = serde_json::to_vec(&told).map_err(|_| Failure::new(Code::Unavailable, "no answer could be made"))?;
    Ok(json::ok(answer))
}
