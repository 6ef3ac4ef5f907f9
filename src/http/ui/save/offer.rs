//! Where changes may go, for somebody who asks.

use std::sync::Arc;

use actix_web::web::Data;
use serde::Serialize;

use crate::auth::Action;
use crate::flags::resource::Kind;
use crate::http::State;
use crate::http::ui::render::segment;
use crate::http::ui::{Trouble, Visit};
use crate::serve::Environment;
use crate::view;
use crate::write::{Change, What};

/// Where they may go.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "ways that are open or not, each by itself")]
pub(super) struct Offer {
    /// To the environment itself.
    pub(super) here: bool,
    /// To a branch of it.
    pub(super) branch: bool,
    /// To the environment, also while the provider is down.
    pub(super) glass: bool,
    /// The environment takes no direct changes from anybody.
    pub(super) protected: bool,
    /// What goes to a branch is proposed by itself.
    pub(super) proposes: bool,
    /// Why nothing can be proposed.
    pub(super) cannot_propose: Option<String>,
    /// Why nothing can be written now.
    pub(super) read_only: Option<String>,
    /// A name for a new branch.
    pub(super) name: String,
    /// The branches that there are.
    pub(super) branches: Vec<String>,
}

impl Offer {
    /// What is offered; nothing at all is a failure that says which scope is missing.
    pub(super) fn of(visit: &Visit<'_>, environment: &Arc<Environment>, changes: &[Change]) -> Result<Self, Trouble> {
        let state: &Data<State> = visit.state;
        let may = |action: Action| changes.iter().all(|change| visit.may(action, &environment.name, &change.namespace));
        let standing = state.writers.standing(environment);
        let is_base = environment.base.is_none();
        let all = state.environments.all();
        let branches = all.iter().filter(|one| one.base.as_ref() == Some(&environment.name));
        let offer = Self {
            here: !standing.protected && may(Action::Write),
            branch: is_base && may(Action::Propose),
            glass: standing.break_glass && !standing.protected && may(Action::BreakGlass),
            protected: standing.protected,
            proposes: state.tracker.proposes_by_itself(environment),
            cannot_propose: state.tracker.missing(&environment.storage),
            read_only: standing.read_only,
            name: changes.first().map(|first| name(first, changes.len() - 1, &all)).unwrap_or_default(),
            branches: branches.map(|one| one.name.to_string()).collect(),
        };
        if !(offer.here || offer.branch || offer.glass) {
            let action = if is_base && standing.protected { Action::Propose } else { Action::Write };
            for change in changes {
                visit.pass.permit_to(action, &environment.name, &change.namespace)?;
            }
        }
        Ok(offer)
    }
}

/// What is done to what, as a commit message says it.
pub(super) fn named(change: &Change) -> (&'static str, &'static str, &str) {
    let of = |kind: Kind| kind.word();
    match &change.what {
        What::Create(resource) => ("create", of(resource.kind()), resource.key()),
        What::Update(resource) | What::Put(resource) => ("update", of(resource.kind()), resource.key()),
        What::Delete { kind, key } => ("delete", of(*kind), key),
        What::CreateNamespace(head) => ("create", "namespace", &head.key),
        What::UpdateNamespace(head) => ("update", "namespace", &head.key),
        What::DeleteNamespace => ("delete", "namespace", &change.namespace),
    }
}

/// Where one goes on after a change that makes or takes away the page that it was asked for on.
pub(super) fn next(environment: &str, changes: &[Change]) -> Option<String> {
    let [change] = changes else { return None };
    let (verb, kind, key) = named(change);
    let environment = format!("/ui/e/{}", segment(environment));
    let place = format!("{environment}/n/{}", segment(&change.namespace));
    match (verb, kind) {
        ("create", "namespace") => Some(format!("{place}/flags")),
        (_, "namespace") => Some(format!("{environment}/namespaces")),
        ("create", _) => Some(format!("{place}/{kind}s/{}", segment(key))),
        ("delete", _) => Some(format!("{place}/{kind}s")),
        _ => None,
    }
}

fn name(first: &Change, others: usize, all: &[Arc<Environment>]) -> String {
    let (verb, _, key) = named(first);
    view::branch::name(verb, key, others, |name| all.iter().any(|one| one.name.eq_ignore_ascii_case(name)))
}
