//! What nobody may miss: an environment is served as its provider does not have it.
//!
//! That it is so and until when is in the header of every answer, and stands on every page. Who did it and why may be
//! about any namespace that it changes: that is told to whoever may read all of those.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::{Visit, answered};
use crate::auth::Action;
use crate::http::State;
use crate::http::auth::Need;
use crate::view::moment::Moment;
use crate::write::glass::Broken;

/// An environment that is served as the provider does not have it.
#[derive(Debug, Serialize)]
pub(super) struct Glass {
    environment: String,
    until: String,
    told: Option<Told>,
}

/// How that came about.
#[derive(Debug, Serialize)]
struct Told {
    changes: usize,
    /// Empty where nobody in particular did it.
    by: String,
    reason: String,
}

impl Glass {
    fn of(broken: &Broken, told: bool) -> Self {
        let told =
            told.then(|| Told { changes: broken.changes, by: broken.by.to_string(), reason: broken.reason.clone() });
        let until = Moment::of(broken.until, broken.until).whole;
        Self { environment: broken.environment.to_string(), until, told }
    }

    /// For somebody who looks at a page: of the environments that they may see something of.
    pub(super) fn seen(visit: &Visit<'_>) -> Vec<Self> {
        let all = visit.state.writers.glass();
        let seen = all.iter().flat_map(|told| &told.broken).filter(|one| visit.reaches(Action::Read, &one.environment));
        let whole = |one: &Broken| one.namespaces.iter().all(|key| visit.may(Action::Read, &one.environment, key));
        seen.map(|one| Self::of(one, whole(one))).collect()
    }

    /// For whoever it is: what the header says.
    pub(super) fn at_all(state: &State) -> Vec<Self> {
        state.writers.glass().iter().flat_map(|told| &told.broken).map(|one| Self::of(one, false)).collect()
    }
}

/// `GET /ui/glass`: the banner alone, for a page that is open.
pub(super) async fn banner(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let banner = || Visit::admit(&state, &request, Need::READ)?.page("glass.html", context! {});
    answered(&state, &request, banner())
}
