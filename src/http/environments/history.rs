//! `…/resources/{type}/{key}/history` and `…/revert`: what became of a flag or a segment, and the way back.

use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::access::{self, by, segment};
use super::fields::Fields;
use super::options::{self, Options};
use super::refusal::Asked;
use super::resources::{kind, unknown_type};
use super::writing::{self, Named, carried_out};
use super::{action, tip};
use crate::auth::Action;
use crate::flags::resource::{payload, revision as revision_of};
use crate::http::auth::{self, Need};
use crate::http::error::Failure;
use crate::http::{State, body};
use crate::write::history::{Back, Entry, Named as Resource};

/// `GET …/resources/{type}/{key}/history?from=&limit=`
pub(in crate::http) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `POST …/resources/{type}/{key}/revert`
pub(in crate::http) async fn revert(state: Data<State>, request: HttpRequest, sent: Body) -> HttpResponse {
    reverted(&state, &request, sent).await.unwrap_or_else(|failure| failure.json())
}

fn named(request: &HttpRequest) -> Result<Resource, Failure> {
    let kind = kind(request).map_err(|name| unknown_type(&name))?;
    let text = |name: &str| segment(request, name).into_owned();
    Ok(Resource { namespace: text("namespace"), kind, key: text("key") })
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace"));
    let environment = access::environment(state, &pass, Action::Read, &name, &namespace)?;
    let named = named(request)?;
    let mut fields = Fields::of_query(request, &["from", "limit"])?;
    let from = fields.filled("from")?;
    let limit = fields.page()?;
    let page = tip::blocking(state, move |state| state.writers.history(&environment, &named, from.as_deref(), limit));
    let page = page.await?;
    let entries: Vec<Value> = page.entries.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "entries": entries, "next": page.next })))
}

fn shown(entry: &Entry) -> Value {
    let Entry { commit, verb, fields, resource } = entry;
    json!({
        "commit": commit.id,
        "message": commit.message,
        "authorName": commit.author.name,
        "authorEmail": commit.author.email,
        "timestamp": commit.authored,
        "verb": verb,
        "fields": fields,
        "payload": resource.as_ref().map(payload::to_json),
        "resourceRevision": resource.as_ref().map(revision_of),
    })
}

async fn reverted(state: &Data<State>, request: &HttpRequest, sent: Body) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, namespace) = (segment(request, "environment"), segment(request, "namespace").into_owned());
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &[&["to", "commit", "revision"], &options::NAMES[..]].concat())?;
    let (to, commit) = (fields.filled("to")?, fields.filled("commit")?);
    let revision = options::revision(request, fields.text("revision")?)?;
    let mut options = Options::take(&mut fields)?;
    let environment = access::environment(state, &pass, action(&options), &name, &namespace)?;
    let back = match (to, commit) {
        (Some(to), None) => Back::To(to),
        (None, Some(commit)) => Back::Undo(commit),
        _ => {
            return Err(Failure::invalid(
                "either `to` (as it was at a commit) or `commit` (the one to undo) is needed",
            ));
        }
    };
    let named = named(request)?;
    let (of, at, to) = (environment.clone(), named.clone(), back.clone());
    let (mut change, _) = tip::blocking(state, move |state| state.writers.back(&of, &at, &to)).await?;
    if let Some(revision) = revision {
        change.revision = Some(revision);
    }
    options.message = Some(options.message.unwrap_or_else(|| message(&named, &back)));
    let (dry_run, about) = (options.dry_run, [Named::from(&change)]);
    let by = by(state, &pass, request);
    let asked = Asked::Resource { verb: "update", kind: named.kind, namespace: &named.namespace, key: &named.key };
    let outcome = carried_out(state, environment, by, vec![change], None, options, asked).await?;
    Ok(HttpResponse::Ok().json(writing::outcome(&outcome, &about, dry_run)))
}

/// As `git revert` words it.
fn message(named: &Resource, back: &Back) -> String {
    let what = format!("{} {}/{}", named.kind.word(), named.namespace, named.key);
    match back {
        Back::To(commit) => format!("revert {what}\n\nIt is as it was at commit {commit}."),
        Back::Undo(commit) => format!("revert {what}\n\nThis undoes what commit {commit} did to it."),
    }
}
