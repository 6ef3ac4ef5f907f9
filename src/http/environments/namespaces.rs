//! `…/{environment}/namespaces`: what there is, and making, renaming and removing one.

use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::access::{self, by, segment};
use super::fields::Fields;
use super::options::{self, Options};
use super::refusal::Asked;
use super::tip;
use super::writing::{Asking, Named, carried_out, with_outcome};
use super::{Verb, action};
use crate::auth::Action;
use crate::flags::resource::view::DEFAULT;
use crate::flags::resource::{Namespace, payload};
use crate::http::auth::{self, Need};
use crate::http::error::Failure;
use crate::http::{State, body};
use crate::write::{Change, What};

/// `GET /api/v2/environments/{environment}/namespaces`
pub(in crate::http) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `GET /api/v2/environments/{environment}/namespaces/{namespace}`
pub(in crate::http) async fn get(state: Data<State>, request: HttpRequest) -> HttpResponse {
    one(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `POST /api/v2/environments/{environment}/namespaces`
pub(in crate::http) async fn create(state: Data<State>, request: HttpRequest, sent: Body) -> HttpResponse {
    put(&state, &request, sent, Verb::Create).await.unwrap_or_else(|failure| failure.json())
}

/// `PUT /api/v2/environments/{environment}/namespaces`
pub(in crate::http) async fn update(state: Data<State>, request: HttpRequest, sent: Body) -> HttpResponse {
    put(&state, &request, sent, Verb::Update).await.unwrap_or_else(|failure| failure.json())
}

/// `DELETE /api/v2/environments/{environment}/namespaces/{namespace}?revision=`
pub(in crate::http) async fn delete(state: Data<State>, request: HttpRequest) -> HttpResponse {
    deleted(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let name = segment(request, "environment");
    let environment = access::some_of(state, &pass, Action::Read, &name)?;
    let all = access::allows(state, &pass, Action::Read, &name, crate::auth::scope::ANY);
    let tip = {
        let environment = environment.clone();
        tip::blocking(state, move |state| state.writers.tip(&environment)).await?
    };
    let may = |key: &str| all || access::allows(state, &pass, Action::Read, &name, key);
    let items: Vec<_> = tip.view.namespaces().into_iter().filter(|one| may(&one.namespace.key)).collect();
    let items: Vec<_> = items.iter().map(|one| shown(&one.namespace)).collect();
    Ok(HttpResponse::Ok().json(json!({ "items": items, "revision": tip.commit })))
}

async fn one(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let environment = access::environment(state, &pass, Action::Read, &name, &key)?;
    tip::answer(state, request, environment, move |tip| {
        let found = tip.view.namespace(&key).ok_or_else(|| not_found(&key))?;
        Ok(json!({ "namespace": shown(&found.namespace), "revision": tip.commit }).into())
    })
    .await
}

fn not_found(key: &str) -> Failure {
    Failure::not_found(format!("namespace \"{key}\" not found"))
}

async fn put(state: &Data<State>, request: &HttpRequest, sent: Body, verb: Verb) -> Result<HttpResponse, Failure> {
    const KNOWN: &[&str] = &["key", "name", "description", "protected", "revision", "environmentKey"];
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let name = segment(request, "environment");
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &[KNOWN, &options::NAMES].concat())?;
    let key = fields.text("key")?;
    if key.is_empty() {
        return Err(Failure::invalid("key must not be empty"));
    }
    let (name_of, description) = (fields.text("name")?, fields.text("description")?);
    // Only `default` is protected, whatever a request says: as in Flipt.
    fields.truth("protected")?;
    let revision = options::revision(request, fields.text("revision")?)?;
    let options = Options::take(&mut fields)?;
    let environment = access::environment(state, &pass, action(&options), &name, &key)?;
    let head = read(&key, &name_of, &description)?;
    let asked = Asked::Namespace { verb: verb.word(), key: &key };
    let what = match verb {
        Verb::Create => What::CreateNamespace(head.clone()),
        Verb::Update => What::UpdateNamespace(head.clone()),
    };
    let change = Change { namespace: key.clone(), what, revision: None };
    let (asking, named) = (Asking::from(&options), [Named::from(&change)]);
    let by = by(state, &pass, request);
    let outcome = carried_out(state, environment, by, vec![change], revision, options, asked).await?;
    let answer = json!({ "namespace": shown(&head), "revision": outcome.commit });
    Ok(HttpResponse::Ok().json(with_outcome(answer, &outcome, &named, asking)))
}

async fn deleted(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let mut fields = Fields::of_query(request, &[&["revision"], &options::NAMES[..]].concat())?;
    let revision = options::revision(request, fields.text("revision")?)?;
    let options = Options::take(&mut fields)?;
    let environment = access::environment(state, &pass, action(&options), &name, &key)?;
    if key == DEFAULT {
        return Err(Failure::invalid(format!("namespace \"{key}\" is protected")));
    }
    let change = Change { namespace: key.clone(), what: What::DeleteNamespace, revision: None };
    let (asking, named) = (Asking::from(&options), [Named::from(&change)]);
    let asked = Asked::Namespace { verb: "delete", key: &key };
    let by = by(state, &pass, request);
    let outcome = carried_out(state, environment, by, vec![change], revision, options, asked).await?;
    let answer = json!({ "revision": outcome.commit });
    Ok(HttpResponse::Ok().json(with_outcome(answer, &outcome, &named, asking)))
}

/// A namespace of a request. One without a name has its key, as in a file.
pub(super) fn read(key: &str, name: &str, description: &str) -> Result<Namespace, Failure> {
    let name = if name.is_empty() { key } else { name };
    let read = payload::namespace(&json!({ "key": key, "name": name, "description": description }));
    read.map_err(|error| Failure::invalid(error.to_string()))
}

/// A namespace as Flipt shows it.
fn shown(namespace: &Namespace) -> Value {
    json!({
        "key": namespace.key,
        "name": namespace.name,
        "description": namespace.description,
        "protected": namespace.key == DEFAULT,
    })
}
