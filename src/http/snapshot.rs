//! The snapshot of a namespace, from which client SDKs evaluate by themselves.
//!
//! The bytes, plain and compressed, are made once per snapshot. The `Etag` is the digest of the namespace, without
//! quotes, on a 304 too: clients compare it byte for byte and forget it where it is missing.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::auth::{self, Need};
use super::error::Failure;
use super::{State, json, select};
use crate::flags::snapshot::Namespace;
use crate::limits;

/// `GET /internal/v1/evaluation/snapshot/namespace/{namespace}`
pub(super) async fn internal(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let named = select::query(&request, ["environmentKey", "environment_key"]).unwrap_or_default();
    snapshot(&state, &request, &named).await.unwrap_or_else(|failure| failure.json())
}

/// `GET /client/v2/environments/{environment}/namespaces/{namespace}/snapshot`
pub(super) async fn client(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = match select::segment(&request, "environment") {
        Ok(named) => snapshot(&state, &request, &named).await,
        Err(failure) => Err(failure),
    };
    answer.unwrap_or_else(|failure| failure.json())
}

async fn snapshot(state: &State, request: &HttpRequest, environment: &str) -> Result<HttpResponse, Failure> {
    let key = select::segment(request, "namespace")?;
    let pass = auth::admit(state, Need::EVALUATION, request)?;
    let environment = select::named_or_header(&state.environments, request.headers(), environment, &pass, &key)?;
    let Some(namespace) = environment.load().flags.namespaces.get(&*key).cloned() else {
        return Err(Failure::not_found(format!("evaluation snapshot for namespace \"{key}\" not found")));
    };
    state.metrics.lane(&environment.name, &namespace.key).snapshot();
    let tag = (header::ETAG, &*namespace.digest);
    if select::not_modified(request, &namespace.digest) {
        return Ok(HttpResponse::NotModified().insert_header(tag).finish());
    }
    let mut response = HttpResponse::Ok();
    response.content_type(json::mime()).insert_header(tag).insert_header((header::VARY, "Accept-Encoding"));
    if select::takes_gzip(request) {
        let compressed = bytes(&namespace, Namespace::client_snapshot_gzip).await?;
        // Empty only if compressing failed; the plain bytes are then the answer.
        if !compressed.is_empty() {
            return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(compressed));
        }
    }
    Ok(response.body(bytes(&namespace, Namespace::client_snapshot).await?))
}

/// The bytes of a snapshot. Those of a large one may still have to be made: then not on a thread that answers others.
async fn bytes(namespace: &Arc<Namespace>, form: fn(&Namespace) -> Bytes) -> Result<Bytes, Failure> {
    if namespace.flags_by_key().len() <= limits::SNAPSHOT_INLINE_FLAGS {
        return Ok(form(namespace));
    }
    let namespace = namespace.clone();
    web::block(move || form(&namespace)).await.map_err(|_| {
        // The pool refuses work only while the process shuts down.
        Failure::new(super::error::Code::Unavailable, "shutting down")
    })
}
