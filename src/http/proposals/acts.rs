//! `POST /api/v2/proposals/{proposal}/…`: what people do with a proposal.
//!
//! With one's own (opened by the same caller) one may do everything but merge with `propose`; with others', and to merge,
//! it takes `write` for the environment, as for the change itself.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Shown, answered, known, refused};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::auth::{self, Need, Pass};
use crate::http::environments::{Fields, by, may};
use crate::http::error::Failure;
use crate::http::{State, body};
use crate::proposal::Record;
use crate::provider::api::MergeMethod;
use crate::track::Act;
use crate::view::proposal::Rights;
use crate::write::writers::Strategy;

/// `POST …/close`
pub(super) async fn close(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    plain(&state, &request, sent, Act::Close).await
}

/// `POST …/reopen`
pub(super) async fn reopen(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    plain(&state, &request, sent, Act::Reopen).await
}

/// `POST …/ready`
pub(super) async fn ready(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    plain(&state, &request, sent, Act::Ready).await
}

/// `POST …/draft`
pub(super) async fn draft(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    plain(&state, &request, sent, Act::Draft).await
}

/// `POST …/edit`
pub(super) async fn edit(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    let read = |fields: &mut Fields| {
        let mut text = |name: &str| match fields.value(name) {
            None => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(fields.wrong(name, "a text")),
        };
        Ok(Act::Edit { title: text("title")?, body: text("body")? })
    };
    done(&state, &request, sent, &["title", "body"], read).await.unwrap_or_else(|failure| failure.json())
}

/// `POST …/merge`
pub(super) async fn merge(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    let read = |fields: &mut Fields| {
        let method = match &*fields.text("method")? {
            "" => None,
            "merge" => Some(MergeMethod::Merge),
            "squash" => Some(MergeMethod::Squash),
            "rebase" => Some(MergeMethod::Rebase),
            _ => return Err(fields.wrong("method", "merge, squash or rebase")),
        };
        Ok(Act::Merge { method, message: fields.filled("message")?, head: fields.filled("head")? })
    };
    done(&state, &request, sent, &["method", "message", "head"], read).await.unwrap_or_else(|failure| failure.json())
}

/// `POST …/update`
pub(super) async fn update(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    let read = |fields: &mut Fields| match &*fields.text("strategy")? {
        "" | "merge" => Ok(Act::Update(Strategy::Merge)),
        "rebase" => Ok(Act::Update(Strategy::Rebase)),
        _ => Err(fields.wrong("strategy", "merge or rebase")),
    };
    done(&state, &request, sent, &["strategy"], read).await.unwrap_or_else(|failure| failure.json())
}

async fn plain(state: &Data<State>, request: &HttpRequest, sent: Payload, act: Act) -> HttpResponse {
    done(state, request, sent, &[], |_| Ok(act)).await.unwrap_or_else(|failure| failure.json())
}

async fn done(
    state: &Data<State>,
    request: &HttpRequest,
    sent: Payload,
    names: &[&str],
    read: impl FnOnce(&mut Fields) -> Result<Act, Failure>,
) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::CHANGE, request)?;
    let body = body::read(request, sent).await?;
    Fields::of_query(request, &[])?;
    let mut fields = Fields::of_body(&body, names)?;
    let act = read(&mut fields)?;
    let entry = known(state, &pass, request)?;
    permit(state, &pass, &entry.record, &act)?;
    let by = by(state, &pass, request);
    let done = state.tracker.act(&entry.record.id, act, &by).await.map_err(refused)?;
    Ok(answered(&Shown::of(&done)))
}

/// Whether a caller may do this with a proposal, as an error that says which scope is missing.
pub(in crate::http) fn permit(state: &State, pass: &Pass<'_>, record: &Record, act: &Act) -> Result<(), Failure> {
    let rights = rights(state, pass, record);
    let allowed = if matches!(act, Act::Merge { .. }) { rights.merge } else { rights.change };
    if allowed {
        return Ok(());
    }
    pass.permit_to(Action::Write, record.environment.as_deref().unwrap_or(ANY), ANY)
}

/// What a caller may do with a proposal.
pub(in crate::http) fn rights(state: &State, pass: &Pass<'_>, record: &Record) -> Rights {
    let environment = record.environment.as_deref().unwrap_or(ANY);
    let own = record.opened_by.as_deref().is_some_and(|by| !by.is_empty() && *by == *pass.caller().name);
    let merge = may(state, pass, Action::Write, environment, ANY);
    Rights { merge, change: merge || (own && may(state, pass, Action::Propose, environment, ANY)) }
}
