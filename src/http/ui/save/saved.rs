//! `…/saved?commit=`: what became of a change.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;

use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::proposals::Sight;
use crate::http::ui::{Trouble, Visit, answered};

/// `GET /ui/e/{environment}/saved?commit=&made=&proposal=&next=`
pub(super) async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, shown(&state, &request))
}

fn shown(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (commit, proposal, next) = (visit.asked("commit"), visit.asked("proposal"), visit.asked("next"));
    let served = environment.load();
    let live = served.commit.as_deref() == Some(&*commit);
    let standing = state.writers.standing(&environment);
    let page = context! {
        commit => commit,
        made => visit.asked("made") != "no",
        merged => visit.asked("merged") == "yes",
        live => live.then(|| served.since.strftime("%H:%M:%S UTC").to_string()),
        waiting => (standing.waiting > 0).then_some(standing.waiting),
        branch => &*environment.branch,
        proposed => !proposal.is_empty(),
        proposal => Some(proposal).filter(|id| is_seen(&visit, id)),
        trouble => Some(visit.asked("trouble")).filter(|why| !why.is_empty()),
        from => visit.asked("from"),
        gathered => visit.asked("gathered") == "yes",
        base => Some(visit.asked("base")).filter(|base| !base.is_empty()).unwrap_or_else(|| environment.name.to_string()),
        next => crate::http::ui::session::own(&next),
    };
    visit.page("save/saved.html", page)
}

/// Whether they may see a proposal.
fn is_seen(visit: &Visit<'_>, id: &str) -> bool {
    let entry = visit.state.tracker.get(id);
    entry.is_some_and(|entry| Sight::new(visit.state, &visit.pass).sees(&entry.record))
}
