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
use crate::http::auth::{self, Need};
use crate::http::error::{Code, Failure};
use crate::http::{State, body};
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

/// `POST /api/v2/environments/{environment}/branches/{branch}`: what Flipt answers without a provider to propose to.
/// Nothing is made.
pub(in crate::http) async fn propose(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let message = "Propose not implemented in non-commercial version";
    without_provider(&state, &request, Need::CHANGE, message).json()
}

/// `GET /api/v2/environments/{environment}/branches/{branch}/changes`: likewise.
pub(in crate::http) async fn changes(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let message = "ListBranchedChanges not implemented in non-commercial version";
    without_provider(&state, &request, Need::READ, message).json()
}

fn without_provider(state: &State, request: &HttpRequest, need: Need, message: &'static str) -> Failure {
    let found = auth::admit(state, need, request)
        .and_then(|pass| access::some_of(state, &pass, need.action(), &segment(request, "environment")));
    found.map_or_else(|failure| failure, |_| Failure::new(Code::Unimplemented, message))
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let name = segment(request, "environment");
    let base = access::some_of(state, &pass, Action::Read, &name)?;
    let branches = tip::blocking(state, move |state| state.writers.branches(&base)).await?;
    let branches: Vec<_> = branches.iter().map(one).collect();
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

async fn created(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let name = segment(request, "environment");
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, &["key", "environmentKey"])?;
    let key = fields.text("key")?;
    let base = access::some_of(state, &pass, Action::Propose, &name)?;
    let key = key.trim();
    // As Flipt does: the whole name of the branch means its last part, and none at all one that is made up.
    let key = key.strip_prefix(&format!("flipt/{name}/")).unwrap_or(key);
    let key = if key.is_empty() { made_up() } else { key.to_owned() };
    let environment = state.writers.create_branch(&base, &key, by(state, &pass, request)).await;
    let environment = environment.map_err(|refusal| refusal::failure(refusal, Asked::Branch(&key)))?;
    Ok(HttpResponse::Ok().json(shown(state, &environment)))
}

/// A name that nobody else is likely to have come upon: `quiet-fox-4605`.
fn made_up() -> String {
    const HOW: [&str; 12] =
        ["bright", "calm", "clever", "early", "gentle", "keen", "lucky", "patient", "quiet", "steady", "swift", "warm"];
    const WHO: [&str; 12] =
        ["badger", "crane", "falcon", "fox", "heron", "lynx", "marten", "otter", "raven", "seal", "swan", "wolf"];
    let [how, who, a, b, ..] = *uuid::Uuid::new_v4().as_bytes();
    let word = |words: [&'static str; 12], at: u8| words.get(usize::from(at) % 12).copied().unwrap_or_default();
    format!("{}-{}-{a:02x}{b:02x}", word(HOW, how), word(WHO, who))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_made_up_have_three_parts() {
        for _ in 0..100 {
            let name = made_up();
            let parts: Vec<_> = name.split('-').collect();
            assert!(
                matches!(parts[..], [how, who, hex] if !how.is_empty() && !who.is_empty() && hex.len() == 4),
                "{name}"
            );
        }
    }
}
