//! `…/namespaces/{namespace}/resources`: flags and segments, as their files declare them.
//!
//! Flipt's interface asks for an empty namespace before it knows one (`…/namespaces//resources/{type}`): there is
//! nothing in it.

use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::access::{self, by, segment};
use super::fields::Fields;
use super::options::{self, Options};
use super::refusal::Asked;
use super::tip::{self, Made};
use super::writing::{Asking, Named, carried_out, with_outcome};
use super::{Verb, action};
use crate::auth::Action;
use crate::flags::resource::{Kind, Resource, payload, revision as revision_of};
use crate::http::auth::{self, Need};
use crate::http::error::Failure;
use crate::http::{State, body};
use crate::write::{Change, What};

/// `GET …/namespaces/{namespace}/resources/{type}`
pub(in crate::http) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `GET …/namespaces/{namespace}/resources/{type}/{key}`
pub(in crate::http) async fn get(state: Data<State>, request: HttpRequest) -> HttpResponse {
    one(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `POST …/namespaces/{namespace}/resources`
pub(in crate::http) async fn create(state: Data<State>, request: HttpRequest, sent: Body) -> HttpResponse {
    put(&state, &request, sent, Verb::Create).await.unwrap_or_else(|failure| failure.json())
}

/// `PUT …/namespaces/{namespace}/resources`
pub(in crate::http) async fn update(state: Data<State>, request: HttpRequest, sent: Body) -> HttpResponse {
    put(&state, &request, sent, Verb::Update).await.unwrap_or_else(|failure| failure.json())
}

/// `DELETE …/namespaces/{namespace}/resources/{type}/{key}?revision=`
pub(in crate::http) async fn delete(state: Data<State>, request: HttpRequest) -> HttpResponse {
    deleted(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// The kind that a path names.
pub(super) fn kind(request: &HttpRequest) -> Result<Kind, String> {
    let name = segment(request, "type");
    let found = [Kind::Flag, Kind::Segment].into_iter().find(|kind| kind.type_url() == name);
    // Flipt splits at the last dot.
    found.ok_or_else(|| if name.contains('.') { name.into_owned() } else { format!(".{name}") })
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let environment = access::environment(state, &pass, Action::Read, &name, &namespace)?;
    let kind = kind(request).map_err(|name| unknown_type(&name))?;
    tip::answer(state, request, environment, move |tip| {
        let resources = tip.view.resources(&namespace, kind);
        let resources: Vec<_> = resources.iter().map(|resource| tip::shown(&namespace, resource)).collect();
        Ok(json!({ "resources": resources, "revision": tip.commit }).into())
    })
    .await
}

async fn one(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let environment = access::environment(state, &pass, Action::Read, &name, &namespace)?;
    let kind = kind(request).map_err(|name| unknown_type(&name))?;
    let key = segment(request, "key").into_owned();
    let at = Fields::of_query(request, &["at"])?.filled("at")?;
    tip::answer_at(state, request, environment, at, move |tip| {
        let found = tip.view.get(&namespace, kind, &key).ok_or_else(|| {
            let word = kind.word();
            Failure::not_found(format!("getting {word} {namespace}/{key}: {word} {namespace}/{key} not found"))
        })?;
        let body = json!({ "resource": tip::shown(&namespace, &found), "revision": tip.commit });
        Ok(Made::tagged(body, &revision_of(&found)))
    })
    .await
}

pub(super) fn unknown_type(name: &str) -> Failure {
    if name.contains('/') {
        return Failure::not_found("Not Found");
    }
    Failure::not_found(format!("git storage view: resource type \"{name}\" not found"))
}

/// A flag or segment of a request. The key beside the payload counts, as in Flipt.
pub(super) fn read(value: Option<&Value>, key: &str) -> Result<Resource, Failure> {
    let value = value.ok_or_else(|| Failure::invalid("payload is missing"))?;
    let read = payload::kind(value).and_then(|kind| payload::resource(kind, key, value));
    read.map_err(|error| Failure::invalid(error.to_string()))
}

async fn put(state: &Data<State>, request: &HttpRequest, sent: Body, verb: Verb) -> Result<HttpResponse, Failure> {
    const KNOWN: &[&str] = &["key", "payload", "revision", "environmentKey", "namespaceKey"];
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &[KNOWN, &options::NAMES].concat())?;
    let key = fields.text("key")?;
    let value = fields.value("payload");
    let revision = options::revision(request, fields.text("revision")?)?;
    let options = Options::take(&mut fields)?;
    let environment = access::environment(state, &pass, action(&options), &name, &namespace)?;
    if key.is_empty() {
        return Err(Failure::invalid("key must not be empty"));
    }
    let resource = read(value.as_ref(), &key)?;
    let asked = Asked::Resource { verb: verb.word(), kind: resource.kind(), namespace: &namespace, key: &key };
    let what = match verb {
        Verb::Create => What::Create(resource.clone()),
        Verb::Update => What::Update(resource.clone()),
    };
    let change = Change { namespace: namespace.clone(), what, revision: None };
    let (asking, named) = (Asking::from(&options), [Named::from(&change)]);
    let by = by(state, &pass, request);
    let outcome = carried_out(state, environment, by, vec![change], revision, options, asked).await?;
    let stored = outcome.written.first().and_then(|written| written.resource.as_ref()).unwrap_or(&resource);
    let answer = json!({ "resource": tip::shown(&namespace, stored), "revision": outcome.commit });
    Ok(HttpResponse::Ok().json(with_outcome(answer, &outcome, &named, asking)))
}

async fn deleted(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let mut fields = Fields::of_query(request, &[&["revision"], &options::NAMES[..]].concat())?;
    let revision = options::revision(request, fields.text("revision")?)?;
    let options = Options::take(&mut fields)?;
    let environment = access::environment(state, &pass, action(&options), &name, &namespace)?;
    let kind = kind(request).map_err(|name| {
        let message = format!("resource type \"{name}\": git storage update: resource type \"{name}\" not found");
        Failure::not_found(message)
    })?;
    let key = segment(request, "key").into_owned();
    let change = Change { namespace: namespace.clone(), what: What::Delete { kind, key: key.clone() }, revision: None };
    let (asking, named) = (Asking::from(&options), [Named::from(&change)]);
    let asked = Asked::Resource { verb: "delete", kind, namespace: &namespace, key: &key };
    let by = by(state, &pass, request);
    let outcome = carried_out(state, environment, by, vec![change], revision, options, asked).await?;
    let answer = json!({ "revision": outcome.commit });
    Ok(HttpResponse::Ok().json(with_outcome(answer, &outcome, &named, asking)))
}
