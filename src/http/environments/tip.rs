//! What management reads: an environment at the tip of its branch, away from the threads that answer requests.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::refusal::{self, Asked};
use crate::flags::resource::{Resource, payload, revision};
use crate::http::error::Failure;
use crate::http::{State, json as written, select};
use crate::serve::Environment;
use crate::write::Refusal;
use crate::write::writers::Tip;

/// An answer that was made of a tip.
#[derive(Debug)]
pub(super) struct Made {
    body: Value,
    tag: Option<String>,
}

impl From<Value> for Made {
    fn from(body: Value) -> Self {
        Self { body, tag: None }
    }
}

impl Made {
    /// The same, with the revision that it is of.
    pub(super) fn tagged(body: Value, revision: &str) -> Self {
        Self { body, tag: Some(format!("\"{revision}\"")) }
    }
}

/// Answers from the tip of an environment.
pub(super) async fn answer(
    state: &Data<State>,
    request: &HttpRequest,
    environment: Arc<Environment>,
    make: impl FnOnce(&Tip) -> Result<Made, Failure> + Send + 'static,
) -> Result<HttpResponse, Failure> {
    answer_at(state, request, environment, None, make).await
}

/// Answers from the tip of an environment, or as of a commit in its history.
pub(super) async fn answer_at(
    state: &Data<State>,
    request: &HttpRequest,
    environment: Arc<Environment>,
    at: Option<String>,
    make: impl FnOnce(&Tip) -> Result<Made, Failure> + Send + 'static,
) -> Result<HttpResponse, Failure> {
    let answered = blocking(state, move |state| {
        let tip = match at {
            None => state.writers.tip(&environment)?,
            Some(commit) => {
                let Some(tip) = state.writers.at(&environment, &commit)? else {
                    let branch = &environment.branch;
                    let message = format!("commit {commit} is not in the history of branch \"{branch}\"");
                    return Ok(Err(Failure::not_found(message)));
                };
                tip
            }
        };
        Ok(make(&tip).map(|made| (Bytes::from(made.body.to_string()), made.tag)))
    });
    let (bytes, tag) = answered.await??;
    let Some(tag) = tag else { return Ok(HttpResponse::Ok().content_type(written::mime()).body(bytes)) };
    let etag = (header::ETAG, tag.as_str());
    if select::not_modified(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header(etag).finish());
    }
    Ok(HttpResponse::Ok().content_type(written::mime()).insert_header(etag).body(bytes))
}

/// Asks the writers for something that blocks.
pub(in crate::http) async fn blocking<T: Send + 'static>(
    state: &Data<State>,
    ask: impl FnOnce(&State) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Failure> {
    let state = state.clone();
    let asked = web::block(move || ask(&state)).await;
    let asked = asked.unwrap_or_else(|_| Err(Refusal::Bug("a thread that reads a repository has died".to_owned())));
    asked.map_err(|refusal| refusal::failure(refusal, Asked::Ours))
}

/// A resource as Flipt shows it, with its revision.
pub(super) fn shown(namespace: &str, resource: &Resource) -> Value {
    json!({
        "namespaceKey": namespace,
        "key": resource.key(),
        "payload": payload::to_json(resource),
        "resourceRevision": revision(resource),
    })
}
