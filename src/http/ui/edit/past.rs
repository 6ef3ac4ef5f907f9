//! Where a flag or segment stands in Git, who changed it, and the way back.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::{About, tip};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::ui::listed::{may_change, redirect};
use crate::http::ui::render::shown;
use crate::http::ui::{Trouble, Visit, answered, save};
use crate::limits;
use crate::view::proposal::short;
use crate::write::What;
use crate::write::history::{Back, Entry};
use crate::write::source::Source;

/// `GET …/{key}/beside`: the lines that it stands in, and its last changes.
pub(super) async fn beside(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, stood(&state, &request).await)
}

/// `GET …/{key}/history?from=`
pub(super) async fn history(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, told(&state, &request).await)
}

/// `POST …/{key}/revert`, with `to` or `commit`
pub(super) async fn revert(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, reverted(&state, &request, sent).await)
}

/// `GET …/{key}/revert`: somebody loads anew what a revert has shown.
pub(super) async fn back(request: HttpRequest) -> HttpResponse {
    let path = request.path();
    redirect(&format!("{}/history", path.strip_suffix("/revert").unwrap_or(path)))
}

/// A change, as it is listed.
#[derive(Debug, Serialize)]
struct Step {
    commit: String,
    short: String,
    subject: String,
    author: String,
    email: String,
    at: String,
    verb: &'static str,
    fields: Vec<String>,
    /// How many more.
    more: usize,
    there: bool,
}

impl Step {
    fn of(entry: &Entry) -> Self {
        let Entry { commit, verb, fields, resource } = entry;
        Self {
            short: commit.id.chars().take(10).collect(),
            commit: commit.id.clone(),
            subject: commit.message.lines().next().unwrap_or_default().chars().take(limits::UI_SUBJECT).collect(),
            author: short(&commit.author.name),
            email: short(&commit.author.email),
            at: commit.authored.to_string(),
            verb,
            fields: fields.iter().take(limits::UI_FIELDS).cloned().collect(),
            more: fields.len().saturating_sub(limits::UI_FIELDS),
            there: resource.is_some(),
        }
    }
}

async fn stood(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let about = About::of(&visit);
    let at = Some(visit.asked("at")).filter(|at| !at.is_empty());
    let named = about.named.clone();
    let (of, when) = (environment.clone(), at.clone());
    let (source, page) = blocking(state, move |state| {
        let tip = tip(state, &of, when.as_deref())?;
        let source = state.writers.source(&of, &tip, &named)?;
        let page = state.writers.history(&of, &named, None, limits::UI_LAST_CHANGES)?;
        Ok((source, page))
    })
    .await?;
    let Some(Source { path, place }) = source else { return Err(about.missing(at.as_deref()).into()) };
    let text = place.as_ref().map(|place| place.text.as_str()).unwrap_or_default();
    let cut: String = text.chars().take(limits::UI_SOURCE).collect();
    let page = context! {
        kind => about.named.kind.word(),
        key => &about.named.key,
        href => about.href(&environment.name),
        branch => &*environment.branch,
        path => path,
        first => place.as_ref().map(|place| place.first),
        last => place.as_ref().map(|place| place.last),
        is_cut => cut.len() < text.len(),
        text => cut,
        steps => page.entries.iter().map(|entry| shown(Step::of(entry))).collect::<Vec<_>>(),
        more => page.next.is_some(),
    };
    visit.page("edit/beside.html", page)
}

async fn told(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let about = About::of(&visit);
    let from = Some(visit.asked("from")).filter(|from| !from.is_empty());
    let (of, named, begin) = (environment.clone(), about.named.clone(), from.clone());
    let page = blocking(state, move |state| state.writers.history(&of, &named, begin.as_deref(), limits::HISTORY_PAGE))
        .await?;
    let namespace = &about.named.namespace;
    let may = |action| visit.may(action, &environment.name, namespace);
    let page = context! {
        kind => about.named.kind.word(),
        key => &about.named.key,
        href => about.href(&environment.name),
        from => from,
        may => may(Action::Write) || may(Action::Propose),
        steps => page.entries.iter().map(|entry| shown(Step::of(entry))).collect::<Vec<_>>(),
        next => page.next,
    };
    visit.page("edit/history.html", page)
}

async fn reverted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let fields = visit.form(sent).await?;
    let back = match (fields.filled("to"), fields.filled("commit")) {
        (Some(to), None) => Back::To(to.to_owned()),
        (None, Some(commit)) => Back::Undo(commit.to_owned()),
        _ => return Err(Failure::invalid("one commit to go back to, or to undo, is needed").into()),
    };
    let about = About::of(&visit);
    may_change(&visit, &environment.name, &about.named.namespace)?;
    let (of, named) = (environment.clone(), about.named.clone());
    let (change, _) = blocking(state, move |state| state.writers.back(&of, &named, &back)).await?;
    let next = match change.what {
        What::Delete { .. } => about.list(&environment.name),
        _ => about.href(&environment.name),
    };
    save::review_then(&visit, environment, vec![change], next).await
}
