//! `POST …/{environment}/changes`: several changes in one commit, all of them or none.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::access::{self, by, segment};
use super::fields::Fields;
use super::options::{self, Options};
use super::refusal::Asked;
use super::writing::{Named, carried_out, outcome};
use super::{action, namespaces, resources};
use crate::flags::resource::view::DEFAULT;
use crate::flags::resource::{Kind, Namespace, Resource, payload};
use crate::http::auth::{self, Need};
use crate::http::error::Failure;
use crate::http::{State, body};
use crate::write::{Change, What};
use crate::{json, limits};

/// `POST /api/v2/environments/{environment}/changes`
pub(in crate::http) async fn change(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    changed(&state, &request, sent).await.unwrap_or_else(|failure| failure.json())
}

async fn changed(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let name = segment(request, "environment");
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &[&["changes", "revision"], &options::NAMES[..]].concat())?;
    let changes = listed(fields.list("changes")?)?;
    let revision = options::revision(request, fields.text("revision")?)?;
    let options = Options::take(&mut fields)?;
    let mut environment = None;
    for change in &changes {
        environment = Some(access::environment(state, &pass, action(&options), &name, &change.namespace)?);
    }
    let environment = environment.ok_or_else(|| access::unknown(&name))?;
    let (named, dry_run): (Vec<Named>, _) = (changes.iter().map(Named::from).collect(), options.dry_run);
    let by = by(state, &pass, request);
    let told = carried_out(state, environment, by, changes, revision, options, Asked::Ours).await?;
    Ok(HttpResponse::Ok().json(outcome(&told, &named, dry_run)))
}

/// The changes of a list, which has some.
fn listed(list: Vec<Value>) -> Result<Vec<Change>, Failure> {
    if list.is_empty() {
        return Err(Failure::invalid("changes must not be empty"));
    }
    if list.len() > limits::CHANGES {
        return Err(Failure::invalid(format!("one request has at most {} changes", limits::CHANGES)));
    }
    list.into_iter().enumerate().map(|(at, value)| read(at, value)).collect()
}

/// The changes of a text: a list as the field `changes` has it.
pub(in crate::http) fn of_text(text: &str) -> Result<Vec<Change>, Failure> {
    match json::value(text.as_bytes()) {
        Ok(Value::Array(list)) => listed(list),
        _ => Err(Failure::invalid("the changes are to be a list, as JSON")),
    }
}

/// Changes as such a text.
pub(in crate::http) fn text(changes: &[Change]) -> String {
    Value::Array(changes.iter().map(written).collect()).to_string()
}

/// A change as it is read.
fn written(change: &Change) -> Value {
    let Named { kind, key } = Named::from(change);
    let (action, payload) = match &change.what {
        What::Create(resource) => ("create", Some(payload::to_json(resource))),
        What::Update(resource) => ("update", Some(payload::to_json(resource))),
        What::Put(resource) => ("put", Some(payload::to_json(resource))),
        What::Delete { .. } | What::DeleteNamespace => ("delete", None),
        What::CreateNamespace(head) => ("create", Some(of_head(head))),
        What::UpdateNamespace(head) => ("update", Some(of_head(head))),
    };
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("action", action.into());
    put("type", kind.map_or("namespace", Kind::type_url).into());
    put("namespace", change.namespace.as_str().into());
    put("key", key.into());
    if let Some(payload) = payload {
        put("payload", payload);
    }
    if let Some(revision) = &change.revision {
        put("revision", revision.as_str().into());
    }
    Value::Object(object)
}

fn of_head(head: &Namespace) -> Value {
    json!({ "key": head.key, "name": head.name, "description": head.description })
}

/// One change.
fn read(at: usize, value: Value) -> Result<Change, Failure> {
    const KNOWN: &[&str] = &["action", "type", "namespace", "key", "payload", "revision"];
    let Value::Object(object) = value else {
        return Err(Failure::invalid(format!("changes[{at}] is to be an object")));
    };
    let place = format!("changes[{at}].");
    let told = |failure: Failure| Failure::invalid(format!("changes[{at}]: {}", failure.message));
    let mut fields = Fields::of(object, place, KNOWN)?;
    let (action, kind) = (fields.text("action")?, fields.text("type")?);
    let (namespace, key) = (fields.text("namespace")?, fields.text("key")?);
    let (payload, revision) = (fields.value("payload"), fields.filled("revision")?);
    let (namespace, what) = if kind == "namespace" {
        let key = match (namespace.as_str(), key.as_str()) {
            (namespace, "") => namespace,
            ("", key) => key,
            (namespace, key) if namespace == key => key,
            _ => return Err(fields.wrong("key", "the namespace itself")),
        };
        (key.to_owned(), of_namespace(&fields, &action, key, payload).map_err(told)?)
    } else {
        let namespace = if namespace.is_empty() { DEFAULT.to_owned() } else { namespace };
        (namespace, of_resource(&fields, &action, &kind, &key, payload.as_ref()).map_err(told)?)
    };
    Ok(Change { namespace, what, revision })
}

fn of_namespace(fields: &Fields, action: &str, key: &str, payload: Option<Value>) -> Result<What, Failure> {
    if key.is_empty() {
        return Err(Failure::invalid("key must not be empty"));
    }
    let head = || {
        let object = match payload {
            Some(Value::Object(object)) => object,
            Some(_) => return Err(fields.wrong("payload", "an object")),
            None => serde_json::Map::new(),
        };
        let mut head = Fields::of(object, "payload.".to_owned(), &["key", "name", "description", "protected"])?;
        let (name, description) = (head.text("name")?, head.text("description")?);
        namespaces::read(key, &name, &description)
    };
    match action {
        "create" => Ok(What::CreateNamespace(head()?)),
        "update" => Ok(What::UpdateNamespace(head()?)),
        "delete" if key == DEFAULT => Err(Failure::invalid(format!("namespace \"{key}\" is protected"))),
        "delete" => Ok(What::DeleteNamespace),
        _ => Err(fields.wrong("action", "create, update or delete, for a namespace")),
    }
}

fn of_resource(fields: &Fields, action: &str, kind: &str, key: &str, value: Option<&Value>) -> Result<What, Failure> {
    let kind = match kind {
        "" => None,
        url => Some(
            Kind::of_type_url(url)
                .ok_or_else(|| fields.wrong("type", "flipt.core.Flag, flipt.core.Segment or namespace"))?,
        ),
    };
    let resource = || -> Result<Resource, Failure> {
        let value = value.ok_or_else(|| Failure::invalid("payload is missing"))?;
        let within = value.get("key").and_then(Value::as_str).unwrap_or_default();
        if !key.is_empty() && !within.is_empty() && key != within {
            return Err(fields.wrong("key", "that of the payload"));
        }
        let key = if key.is_empty() { within } else { key };
        if key.is_empty() {
            return Err(Failure::invalid("key must not be empty"));
        }
        // Beside a type the payload needs none.
        let mut value = value.clone();
        if let (Some(kind), Some(object)) = (kind, value.as_object_mut()) {
            object.entry("@type").or_insert_with(|| kind.type_url().into());
        }
        resources::read(Some(&value), key)
    };
    let of_kind = |resource: Resource| match kind {
        Some(kind) if kind != resource.kind() => Err(fields.wrong("type", "that of the payload")),
        _ => Ok(resource),
    };
    match action {
        "create" => Ok(What::Create(of_kind(resource()?)?)),
        "update" => Ok(What::Update(of_kind(resource()?)?)),
        "put" => Ok(What::Put(of_kind(resource()?)?)),
        "delete" if key.is_empty() => Err(Failure::invalid("key must not be empty")),
        "delete" => {
            let kind = kind.ok_or_else(|| fields.wrong("type", "flipt.core.Flag, flipt.core.Segment or namespace"))?;
            Ok(What::Delete { kind, key: key.to_owned() })
        }
        _ => Err(fields.wrong("action", "create, update, put or delete")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: Value) -> Result<Change, String> {
        read(2, value).map_err(|failure| failure.message.into_owned())
    }

    #[test]
    fn every_action_on_everything() {
        let segment = json!({ "@type": "flipt.core.Segment", "key": "s", "name": "S" });
        let flag = json!({ "key": "w", "name": "W", "type": "BOOLEAN_FLAG_TYPE" });
        let change = told(json!({ "action": "create", "namespace": "shop", "payload": segment })).unwrap();
        assert!(matches!(&change.what, What::Create(made) if made.key() == "s") && change.namespace == "shop");
        let change = told(json!({ "action": "put", "type": "flipt.core.Flag", "payload": flag })).unwrap();
        assert!(matches!(&change.what, What::Put(put) if put.key() == "w") && change.namespace == "default");
        let change =
            told(json!({ "action": "delete", "type": "flipt.core.Flag", "key": "w", "revision": "ab" })).unwrap();
        assert_eq!(change.what, What::Delete { kind: Kind::Flag, key: "w".to_owned() });
        assert_eq!(change.revision.as_deref(), Some("ab"));
        let change = told(json!({ "action": "create", "type": "namespace", "key": "n" })).unwrap();
        assert!(matches!(&change.what, What::CreateNamespace(head) if head.name == "n"));
        let change = told(json!({ "action": "delete", "type": "namespace", "namespace": "n" })).unwrap();
        assert_eq!((change.what, change.namespace.as_str()), (What::DeleteNamespace, "n"));
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let list = json!([
            { "action": "create", "namespace": "shop", "payload": { "@type": "flipt.core.Segment", "key": "s", "name": "S",
                "description": "<b>", "constraints": [{ "type": "STRING_COMPARISON_TYPE", "property": "p", "operator":
                "isoneof", "value": "[\"a\"]" }] } },
            { "action": "put", "type": "flipt.core.Flag", "payload": { "key": "w", "name": "W", "type":
                "BOOLEAN_FLAG_TYPE", "metadata": { "n": 1.5 }, "rollouts": [{ "type": "THRESHOLD_ROLLOUT_TYPE", "threshold": { "percentage": 12.5,
                "value": true } }] }, "revision": "ab12" },
            { "action": "delete", "type": "flipt.core.Flag", "namespace": "shop", "key": "w" },
            { "action": "create", "type": "namespace", "key": "n", "payload": { "name": "N", "description": "d" } },
            { "action": "update", "type": "namespace", "key": "n" },
            { "action": "delete", "type": "namespace", "namespace": "n" },
        ]);
        let read = of_text(&list.to_string()).unwrap();
        assert_eq!(read.len(), 6);
        assert_eq!(of_text(&text(&read)).unwrap(), read);
        for nothing in ["", "[]", "{}", "[{\"action\":1,\"action\":2}]", "[1"] {
            assert!(of_text(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let flag = json!({ "@type": "flipt.core.Flag", "key": "a", "name": "A", "type": "BOOLEAN_FLAG_TYPE" });
        for (value, why) in [
            (json!(1), "changes[2] is to be an object"),
            (json!({ "acton": "put" }), "\"changes[2].acton\" is not known here; did you mean \"action\"?"),
            (
                json!({ "action": "remove", "payload": flag }),
                "\"changes[2].action\" is to be create, update, put or delete",
            ),
            (json!({ "action": "put" }), "changes[2]: payload is missing"),
            (
                json!({ "action": "put", "key": "b", "payload": flag }),
                "\"changes[2].key\" is to be that of the payload",
            ),
            (json!({ "action": "put", "type": "flipt.core.Segment", "payload": flag }), "is to be that of the payload"),
            (json!({ "action": "delete", "key": "b" }), "\"changes[2].type\" is to be"),
            (json!({ "action": "put", "type": "namespace", "key": "n" }), "create, update or delete, for a namespace"),
            (json!({ "action": "delete", "type": "namespace", "key": "default" }), "is protected"),
        ] {
            let failure = told(value.clone()).unwrap_err();
            assert!(failure.contains(why), "{value}: {failure}");
        }
    }
}
