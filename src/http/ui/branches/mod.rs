//! `…/branches`: what is being prepared beside an environment, how far it is from it, and what becomes of it.

mod acts;
mod clash;
mod one;
mod typed;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

pub(super) use self::clash::told as clashes;
use super::render::{segment, shown};
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::proposals::Sight;
use crate::limits;
use crate::serve::Environment;
use crate::view::moment::Moment;
use crate::view::proposal::{Face, short};
use crate::write::writers::Branch;

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let all = "/ui/e/{environment}/branches";
    config.service(web::resource(all).route(web::get().to(list)));
    let new = web::resource("/ui/e/{environment}/new-branch");
    config.service(new.route(web::get().to(typed::new)).route(web::post().to(acts::create)));
    let one = format!("{all}/{{branch}}");
    config.service(web::resource(one.clone()).route(web::get().to(one::show)));
    let propose = web::resource(format!("{one}/propose"));
    config.service(propose.route(web::get().to(typed::propose)).route(web::post().to(acts::propose)));
    let delete = web::resource(format!("{one}/delete"));
    config.service(delete.route(web::get().to(one::ask)).route(web::post().to(acts::delete)));
    let update = web::resource(format!("{one}/update"));
    config.service(update.route(web::get().to(acts::back)).route(web::post().to(acts::update)));
}

/// The environment whose branches are meant: of a branch, its base. Who may see one branch may not see the others for
/// that.
fn base(visit: &Visit<'_>, action: Action) -> Result<Arc<Environment>, Trouble> {
    let environment = visit.environment(action)?;
    let Some(base) = &environment.base else { return Ok(environment) };
    if !visit.reaches(action, base) {
        visit.pass.permit_to(action, base, ANY)?;
    }
    let gone = || Failure::not_found(format!("environment: \"{base}\" not found"));
    Ok(visit.state.environments.get(base).ok_or_else(gone)?)
}

/// What somebody may do with the branches of an environment.
#[derive(Debug, Clone, Copy, Serialize)]
struct May {
    change: bool,
    delete: bool,
    propose: bool,
}

impl May {
    fn of(visit: &Visit<'_>, base: &Environment) -> Self {
        let change = visit.reaches(Action::Propose, &base.name);
        let delete = visit.may(Action::Propose, &base.name, ANY);
        Self { change, delete, propose: change && visit.state.tracker.missing(&base.storage).is_none() }
    }
}

/// The page of a branch.
fn place(base: &str, key: &str) -> String {
    format!("/ui/e/{}/branches/{}", segment(base), segment(key))
}

/// A branch in the list.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    branch: String,
    href: String,
    flags: Option<String>,
    ahead: u32,
    behind: u32,
    /// Its newest commit that the base has not.
    last: Option<Commit>,
    proposal: Option<Face>,
}

/// A commit.
#[derive(Debug, Serialize)]
struct Commit {
    id: String,
    subject: String,
    author: String,
    at: Moment,
}

impl Commit {
    fn of(commit: &crate::git::Logged, now: jiff::Timestamp) -> Self {
        let subject = commit.message.lines().next().unwrap_or_default();
        Self {
            id: commit.id.clone(),
            subject: short(subject),
            author: short(&commit.author.name),
            at: Moment::of(commit.authored, now),
        }
    }
}

/// `GET /ui/e/{environment}/branches`
async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request).await)
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let base = base(&visit, Action::Read)?;
    let now = state.clock.now();
    // A commit may be about any namespace.
    let (of, whole) = (base.clone(), visit.reads_all_of(&base.name));
    let (branches, count) = blocking(state, move |state| {
        let branches = state.writers.branches(&of)?;
        let count = branches.len();
        let with_commit = |branch: Branch| {
            let newest = whole.then(|| state.writers.commits(&of, &branch.key, None, 1).ok()).flatten();
            (branch, newest.and_then(|found| found.commits.into_iter().next()))
        };
        Ok((branches.into_iter().take(limits::UI_BRANCHES).map(with_commit).collect::<Vec<_>>(), count))
    })
    .await?;
    let mut sight = Sight::new(state, &visit.pass);
    let proposals = state.tracker.of_branches(&base.storage, &base.branch);
    let rows: Vec<Row> = branches
        .into_iter()
        .map(|(branch, last)| Row {
            href: place(&base.name, &branch.key),
            flags: state.environments.get(&branch.key).map(|one| visit.flags_of(&one)),
            key: branch.key.to_string(),
            branch: branch.branch.to_string(),
            ahead: branch.ahead,
            behind: branch.behind,
            last: last.map(|commit| Commit::of(&commit, now)),
            proposal: proposals
                .get(&branch.branch)
                .filter(|entry| sight.sees(&entry.record))
                .map(|entry| Face::of(&entry.record, now)),
        })
        .collect();
    let page = context! {
        base => &*base.name,
        more => count - rows.len(),
        whole,
        rows => shown(rows),
        may => shown(May::of(&visit, &base)),
        standing => standing(&visit, &base),
    };
    visit.page("branches/list.html", page)
}

/// Why nothing can be made there; nothing if it can.
fn standing(visit: &Visit<'_>, base: &Environment) -> Option<String> {
    visit.state.writers.standing(base).read_only
}
