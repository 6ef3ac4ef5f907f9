//! `…/branches/{branch}`: what a branch has that its base has not.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use super::super::proposals::told;
use super::super::render::shown;
use super::super::{Trouble, Visit, answered};
use super::{Commit, May, base, standing};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::proposals::{Sight, readable};
use crate::limits;
use crate::serve::Environment;
use crate::view::proposal::Face;
use crate::write::Refusal;

/// `GET …/branches/{branch}`
pub(super) async fn show(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, asked(&state, &request, "branches/one.html").await)
}

/// `GET …/branches/{branch}/delete`: whether it is meant.
pub(super) async fn ask(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, asked(&state, &request, "branches/delete.html").await)
}

async fn asked(state: &Data<State>, request: &HttpRequest, template: &str) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let base = base(&visit, Action::Read)?;
    let about = about(&visit, &base).await?;
    visit.page(template, context! { failure => (), clashes => (), ..about })
}

/// The page of a branch, and why something was not done with it.
pub(super) async fn again(
    visit: &Visit<'_>,
    base: &Arc<Environment>,
    failure: &Failure,
    clashes: Option<Value>,
) -> Result<HttpResponse, Trouble> {
    let about = about(visit, base).await?;
    let told = context! { message => &*failure.message };
    let response = HttpResponse::build(failure.code.status());
    visit.page_as(response, "branches/one.html", context! { failure => told, clashes, ..about })
}

async fn about(visit: &Visit<'_>, base: &Arc<Environment>) -> Result<Value, Trouble> {
    let (state, key) = (visit.state, visit.named("branch"));
    let now = state.clock.now();
    let unknown = || Failure::not_found(format!("environment: \"{key}\" not found"));
    let environment = state.environments.get(&key).filter(|one| one.base.as_ref() == Some(&base.name));
    let environment = environment.ok_or_else(unknown)?;
    // The differences and commits may be about any namespace.
    let whole = visit.reads_all_of(&base.name);
    let (of, from, name) = (base.clone(), environment.clone(), key.clone());
    let to = readable(state, &visit.pass);
    let (branch, has) = blocking(state, move |state| {
        let gone = || Refusal::UnknownEnvironment(name.clone());
        let branch = state.writers.branches(&of)?.into_iter().find(|branch| *branch.key == *name).ok_or_else(gone)?;
        if !whole {
            return Ok((branch, None));
        }
        let commits = state.writers.commits(&of, &name, None, limits::UI_COMMITS)?;
        let changes = state.tracker.compare_branch(&of.storage, &from.branch, &of.branch, &to);
        Ok((branch, Some((commits, changes))))
    })
    .await?;
    let proposal = state.tracker.of_branches(&base.storage, &base.branch).remove(&branch.branch);
    let is_open = proposal.as_ref().is_some_and(|entry| entry.record.is_open());
    let proposal = proposal.filter(|entry| Sight::new(state, &visit.pass).sees(&entry.record));
    let (commits, changes) = has.unzip();
    let listed = commits.iter().flat_map(|found| &found.commits).map(|commit| Commit::of(commit, now));
    Ok(context! {
        base => &*base.name,
        key => key,
        branch => &*branch.branch,
        commit => &*branch.commit,
        ahead => branch.ahead,
        behind => branch.behind,
        flags => visit.flags_of(&environment),
        is_open,
        proposal => shown(proposal.map(|entry| Face::of(&entry.record, now))),
        whole,
        commits => shown(listed.collect::<Vec<_>>()),
        more => commits.as_ref().is_some_and(|found| found.more),
        changes => changes.map(|changes| told(&changes)),
        may => shown(May::of(visit, base)),
        missing => state.tracker.missing(&base.storage),
        standing => standing(visit, base),
    })
}
