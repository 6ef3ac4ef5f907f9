//! `…/{environment}/branches`: branch environments of a base.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::access::{self, by, segment};
use super::fields::Fields;
use super::list::shown;
use super::refusal::{self, Asked};
use super::tip;
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::git::Logged;
use crate::http::auth::{self, Need};
use crate::http::error::{Code, Failure};
use crate::http::proposals::{self, Brief, Sight};
use crate::http::{State, body};
use crate::track::records::Entry;
use crate::track::{Proposed, Wish};
use crate::write::writers::{Branch, Strategy};

/// `GET /api/v2/environments/{environment}/branches`
pub(in crate::http) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `POST /api/v2/environments/{environment}/branches`
pub(in crate::http) async fn create(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    created(&state, &request, sent).await.unwrap_or_else(|failure| failure.json())
}

/// `DELETE /api/v2/environments/{environment}/branches/{branch}`
pub(in crate::http) async fn delete(state: Data<State>, request: HttpRequest) -> HttpResponse {
    deleted(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

/// `POST /api/v2/environments/{environment}/branches/{branch}/update`
pub(in crate::http) async fn update(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    updated(&state, &request, sent).await.unwrap_or_else(|failure| failure.json())
}

/// `POST /api/v2/environments/{environment}/branches/{branch}`: proposes it, or answers the proposal that is open.
pub(in crate::http) async fn propose(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    proposed(&state, &request, sent).await.unwrap_or_else(|failure| failure.json())
}

/// `GET /api/v2/environments/{environment}/branches/{branch}/changes?from=&limit=`
pub(in crate::http) async fn changes(state: Data<State>, request: HttpRequest) -> HttpResponse {
    changed(&state, &request).await.unwrap_or_else(|failure| failure.json())
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let name = segment(request, "environment");
    let base = access::some_of(state, &pass, Action::Read, &name)?;
    let (of, into) = (base.storage.clone(), base.branch.clone());
    let branches = tip::blocking(state, move |state| state.writers.branches(&base)).await?;
    // Who reads one namespace may read branches, and no proposal: it may be about any.
    let (proposals, mut sight) = (state.tracker.of_branches(&of, &into), Sight::new(state, &pass));
    let mut proposal = |branch: &Branch| proposals.get(&branch.branch).filter(|entry| sight.sees(&entry.record));
    let branches: Vec<_> = branches.iter().map(|branch| with_proposal(one(branch), proposal(branch))).collect();
    Ok(HttpResponse::Ok().json(json!({ "branches": branches })))
}

/// A branch as Flipt lists it, and how far it is from its base.
fn one(branch: &Branch) -> serde_json::Value {
    json!({
        "environmentKey": branch.base,
        "key": branch.key,
        "ref": branch.branch,
        "revision": branch.commit,
        "ahead": branch.ahead,
        "behind": branch.behind,
    })
}

/// The same with its proposal, as Flipt has it; nothing where there is none.
fn with_proposal(mut branch: serde_json::Value, proposal: Option<&Entry>) -> serde_json::Value {
    if let (Some(branch), Some(proposal)) = (branch.as_object_mut(), proposal) {
        branch.insert("proposal".to_owned(), json!(Brief::of(proposal)));
    }
    branch
}

async fn proposed(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "branch").into_owned());
    let body = body::read(request, sent).await?;
    let base = access::some_of(state, &pass, Action::Propose, &name)?;
    if let Some(missing) = state.tracker.missing(&base.storage) {
        return Err(Failure::new(Code::Unimplemented, format!("nothing can be proposed here: {missing}")));
    }
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &["title", "body", "draft", "environmentKey", "key"])?;
    let draft = match fields.value("draft") {
        None => None,
        Some(serde_json::Value::Bool(draft)) => Some(draft),
        Some(_) => return Err(fields.wrong("draft", "true or false")),
    };
    let wish = Wish { title: fields.text("title")?, body: fields.text("body")?, draft };
    let proposed = state.tracker.propose(&base, &key, wish, &by(state, &pass, request)).await;
    let Proposed { entry, joined } = proposed.map_err(proposals::refused)?;
    let mut answer = json!(Brief::of(&entry));
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("joined".to_owned(), joined.into());
    }
    Ok(HttpResponse::Ok().json(answer))
}

async fn changed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "branch").into_owned());
    // The commits may be about any namespace.
    let base = access::environment(state, &pass, Action::Read, &name, ANY)?;
    let mut fields = Fields::of_query(request, &["from", "limit"])?;
    let from = fields.filled("from")?;
    let limit = fields.page()?;
    let (found, texts) = tip::blocking(state, move |state| {
        let found = state.writers.commits(&base, &key, from.as_deref(), limit)?;
        Ok((found, state.tracker.texts(&base, &key)))
    })
    .await?;
    let next = found.commits.last().filter(|_| found.more).map(|commit| &commit.id);
    let changes: Vec<_> = found.commits.iter().map(commit).collect();
    let mut answer = json!({ "changes": changes, "next": next });
    // What a form for a proposal is filled in with.
    if let (Some(answer), Some((title, body))) = (answer.as_object_mut(), texts) {
        answer.insert("proposalTitle".to_owned(), title.into());
        answer.insert("proposalBody".to_owned(), body.into());
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// A commit as Flipt tells it.
fn commit(commit: &Logged) -> serde_json::Value {
    json!({
        "revision": commit.id,
        "message": commit.message.trim_end(),
        "authorName": commit.author.name,
        "authorEmail": commit.author.email,
        "timestamp": commit.authored,
    })
}

async fn created(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let name = segment(request, "environment");
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &["key", "environmentKey"])?;
    let key = fields.text("key")?;
    let base = access::some_of(state, &pass, Action::Propose, &name)?;
    // With or without `flipt/<base>/`; without any, the writers make one up.
    let key = key.trim();
    let environment = state.writers.create_branch(&base, key, by(state, &pass, request)).await;
    let environment = environment.map_err(|refusal| refusal::failure(refusal, Asked::Branch(key)))?;
    Ok(HttpResponse::Ok().json(shown(state, &environment)))
}

async fn deleted(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "branch"));
    Fields::of_query(request, &[])?;
    // What is removed may be the work of others: a scope for one namespace is not enough.
    let base = access::environment(state, &pass, Action::Propose, &name, ANY)?;
    let deleted = state.writers.delete_branch(&base, &key, by(state, &pass, request)).await;
    deleted.map_err(|refusal| refusal::failure(refusal, Asked::Branch(&key)))?;
    Ok(HttpResponse::Ok().json(json!({})))
}

async fn updated(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let (name, key) = (segment(request, "environment"), segment(request, "branch"));
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &["strategy"])?;
    let strategy = match &*fields.text("strategy")? {
        "" | "merge" => Strategy::Merge,
        "rebase" => Strategy::Rebase,
        _ => return Err(fields.wrong("strategy", "merge or rebase")),
    };
    let base = access::some_of(state, &pass, Action::Propose, &name)?;
    let updated = state.writers.update_branch(&base, &key, strategy, by(state, &pass, request)).await;
    let updated = updated.map_err(|refusal| refusal::failure(refusal, Asked::Branch(&key)))?;
    let updated = updated.map_err(|conflicts| refusal::conflicts(&conflicts))?;
    let mut answer = one(&updated.branch);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("made".to_owned(), updated.made.into());
        answer.insert("live".to_owned(), json!(updated.live));
    }
    Ok(HttpResponse::Ok().json(answer))
}
