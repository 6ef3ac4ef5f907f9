//! A request as it is kept on the disk until the provider is back: what is needed to make it once more, on other text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::{Event, Who};
use crate::auth::{Method, Person};
use crate::flags::resource::{Kind, Resource, payload};
use crate::git::Identity;
use crate::serve;
use crate::write::{By, Change, Outcome, Request, What};

/// The request, without what its record says already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its place among those that wait.
    pub(super) place: u32,
    /// The commit that it was planned on: what its author has seen.
    pub(super) seen: Option<Arc<str>>,
    pub(super) message: Option<String>,
    pub(super) co_authors: Vec<(String, String)>,
    pub(super) changes: Vec<Value>,
}

impl Kept {
    /// What is to be kept of a request that came to `outcome` on top of `seen`. Where it was merged with what others had
    /// changed, the merged resource is kept: it is what is served.
    pub(super) fn of(request: &Request, outcome: Option<&Outcome>, place: u32, seen: Option<Arc<str>>) -> Self {
        let written = |place: usize| outcome?.written.get(place)?.resource.as_ref();
        let changes = request.changes.iter().enumerate().map(|(place, change)| to_json(change, written(place)));
        Self {
            place,
            seen,
            message: request.message.clone(),
            co_authors: request.co_authors.iter().map(|i| (i.name.clone(), i.email.clone())).collect(),
            changes: changes.collect(),
        }
    }

    /// The request once more; nothing if it cannot be read, which a newer version's may not.
    pub(super) fn request(&self, event: &Event, environment: Arc<serve::Environment>) -> Option<Request> {
        let identity = |(name, email): &(String, String)| Identity { name: name.clone(), email: email.clone() };
        Some(Request {
            environment,
            changes: self.changes.iter().map(from_json).collect::<Option<_>>()?,
            revision: self.seen.as_deref().map(str::to_owned),
            message: self.message.clone(),
            co_authors: self.co_authors.iter().map(identity).collect(),
            by: by(&event.by),
            dry_run: false,
            on_branch: None,
            break_glass: event.break_glass.clone(),
        })
    }
}

fn to_json(change: &Change, written: Option<&Resource>) -> Value {
    let (verb, value) = match &change.what {
        What::Create(resource) => ("create", payload::to_json(written.unwrap_or(resource))),
        What::Update(resource) => ("update", payload::to_json(written.unwrap_or(resource))),
        What::Put(resource) => ("put", payload::to_json(written.unwrap_or(resource))),
        What::Delete { kind, key } => ("delete", json!({ "@type": kind.type_url(), "key": key })),
        What::CreateNamespace(head) => ("create-namespace", of_head(head)),
        What::UpdateNamespace(head) => ("update-namespace", of_head(head)),
        What::DeleteNamespace => ("delete-namespace", Value::Null),
    };
    json!({ "namespace": change.namespace, "verb": verb, "value": value })
}

fn of_head(head: &crate::flags::resource::Namespace) -> Value {
    json!({ "key": head.key, "name": head.name, "description": head.description })
}

fn from_json(kept: &Value) -> Option<Change> {
    let value = kept.get("value")?;
    let key = || value.get("key").and_then(Value::as_str);
    let kind = || Kind::of_type_url(value.get("@type")?.as_str()?);
    let resource = || payload::resource(kind()?, key()?, value).ok();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let head =
        || crate::flags::resource::Namespace { key: text("key"), name: text("name"), description: text("description") };
    let what = match kept.get("verb")?.as_str()? {
        "create" => What::Create(resource()?),
        "update" => What::Update(resource()?),
        "put" => What::Put(resource()?),
        "delete" => What::Delete { kind: kind()?, key: key()?.to_owned() },
        "create-namespace" => What::CreateNamespace(head()),
        "update-namespace" => What::UpdateNamespace(head()),
        "delete-namespace" => What::DeleteNamespace,
        _ => return None,
    };
    Some(Change { namespace: kept.get("namespace")?.as_str()?.to_owned(), what, revision: None })
}

fn by(who: &Who) -> By {
    let Who { name, method, person, email, address } = who.clone();
    let methods = [Method::Anonymous, Method::Token, Method::Jwt];
    By {
        name,
        method: methods.into_iter().find(|known| known.name() == &*method).unwrap_or(Method::Anonymous),
        person: (person.is_some() || email.is_some()).then_some(Person { name: person, email }),
        address,
    }
}
