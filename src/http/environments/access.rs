//! Who may do what with which environment, by names alone, before anything is told of what is there.
//!
//! A branch environment may be read by whoever may read its base, and written to by whoever may `propose` there: what
//! stands on a branch is a proposal until somebody merges it. A scope may name the branch environment itself as well.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::auth::Pass;
use crate::http::error::Failure;
use crate::serve::Environment;
use crate::write::By;

/// A segment of the path, decoded: names of branch environments may have a slash in them.
pub(in crate::http) fn segment<'r>(request: &'r HttpRequest, name: &str) -> Cow<'r, str> {
    decoded(request.match_info().get(name).unwrap_or_default())
}

/// The same of a segment by itself.
pub(in crate::http) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// What a caller is told of an environment that is not there.
pub(super) fn unknown(name: &str) -> Failure {
    Failure::not_found(format!("environment: \"{name}\" not found"))
}

/// An environment, for `action` on one of its namespaces.
pub(super) fn environment(
    state: &State,
    pass: &Pass<'_>,
    action: Action,
    name: &str,
    namespace: &str,
) -> Result<Arc<Environment>, Failure> {
    permit(state, pass, action, name, namespace)?;
    state.environments.get(name).ok_or_else(|| unknown(name))
}

/// Whether the caller may do this, as an error that says which scope is missing.
pub(super) fn permit(
    state: &State,
    pass: &Pass<'_>,
    action: Action,
    name: &str,
    namespace: &str,
) -> Result<(), Failure> {
    if allows(state, pass, action, name, namespace) { Ok(()) } else { pass.permit_to(action, name, namespace) }
}

/// Whether the caller may do this.
pub(in crate::http) fn allows(state: &State, pass: &Pass<'_>, action: Action, name: &str, namespace: &str) -> bool {
    pass.allows_to(action, name, namespace)
        || base(state, name).is_some_and(|base| pass.allows_to(on_base(action), &base, namespace))
}

/// An environment, for `action` on some of its namespaces, be it one alone.
pub(super) fn some_of(state: &State, pass: &Pass<'_>, action: Action, name: &str) -> Result<Arc<Environment>, Failure> {
    if !reaches(state, pass, action, name) {
        pass.permit_to(action, name, ANY)?;
    }
    state.environments.get(name).ok_or_else(|| unknown(name))
}

/// Whether the caller may do this with some of its namespaces.
pub(in crate::http) fn reaches(state: &State, pass: &Pass<'_>, action: Action, name: &str) -> bool {
    pass.reaches(action, name) || base(state, name).is_some_and(|base| pass.reaches(on_base(action), &base))
}

fn base(state: &State, name: &str) -> Option<Arc<str>> {
    state.environments.get(name)?.base.clone()
}

/// What somebody has to be let do with the base, to do this on one of its branches.
const fn on_base(action: Action) -> Action {
    match action {
        Action::Write => Action::Propose,
        other => other,
    }
}

/// Who it is, for the commit and the audit.
pub(in crate::http) fn by(state: &State, pass: &Pass<'_>, request: &HttpRequest) -> By {
    let caller = pass.caller();
    let address: Option<IpAddr> = state.settings.load().rates.origin(request);
    By { name: caller.name.clone(), method: caller.method, person: caller.person.clone(), address }
}
