//! Where a question is put: environments as they are served, or as of a commit.

use std::sync::Arc;

use actix_web::web::Data;
use serde::Serialize;

use super::Asked;
use crate::auth::Action;
use crate::flags::resource::Kind;
use crate::flags::snapshot::Namespace;
use crate::http::State;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::ui::{Trouble, Visit};
use crate::limits;
use crate::serve::Environment;
use crate::write::Refusal;
use crate::write::history::Named;

/// Where it is asked: an environment as it is served, or as of a commit.
pub(super) struct Place {
    pub(super) environment: Arc<Environment>,
    pub(super) at: String,
}

/// A place as it was found: its flags, or why there are none.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) commit: Option<Arc<str>>,
    pub(super) namespace: Result<Arc<Namespace>, String>,
}

/// A commit that one may look back to.
#[derive(Debug, Serialize)]
pub(super) struct Commit {
    id: String,
    subject: String,
    author: String,
    at: String,
}

/// What is asked beside it, if anything is.
pub(super) fn beside(
    visit: &Visit<'_>,
    environment: &Arc<Environment>,
    key: &str,
    asked: &Asked,
) -> Result<Option<Place>, Trouble> {
    if asked.beside.is_empty() && asked.beside_at.is_empty() {
        return Ok(None);
    }
    let at = asked.beside_at.clone();
    if asked.beside.is_empty() || asked.beside == *environment.name {
        return Ok(Some(Place { environment: environment.clone(), at }));
    }
    let name = &asked.beside;
    if !visit.may(Action::Read, name, key) {
        visit.pass.permit_to(Action::Read, name, key)?;
    }
    let unknown = || Failure::not_found(format!("environment: \"{name}\" not found"));
    let environment = visit.state.environments.get(name).ok_or_else(unknown)?;
    Ok(Some(Place { environment, at }))
}

/// The flags of every place.
pub(super) async fn found(state: &Data<State>, places: Vec<Place>, key: &str) -> Result<Vec<Found>, Failure> {
    let mut all = Vec::with_capacity(places.len());
    for place in places {
        if place.at.is_empty() {
            let served = place.environment.load();
            let namespace = served.flags.namespaces.get(key).cloned();
            let (commit, name) = (served.commit.clone(), &place.environment.name);
            let namespace = namespace.ok_or_else(|| format!("namespace \"{key}\" of \"{name}\" is not served"));
            drop(served);
            all.push(Found { place, commit, namespace });
            continue;
        }
        let (environment, at) = (place.environment.clone(), place.at.clone());
        let compiled = blocking(state, move |state| state.writers.compiled(&environment, &at)).await?;
        let (branch, at) = (&place.environment.branch, &place.at);
        let (commit, namespace) = match compiled {
            None => (None, Err(format!("commit {at} is not in the history of branch \"{branch}\""))),
            Some((commit, flags)) => {
                let problem = flags.problems.first().filter(|_| flags.held.iter().any(|held| **held == *key));
                let namespace = flags.namespaces.get(key).cloned().ok_or_else(|| match problem {
                    Some(problem) => format!("{}: {}", problem.file, problem.message),
                    None => format!("commit {at} has no namespace \"{key}\""),
                });
                (Some(commit), namespace)
            }
        };
        all.push(Found { place, commit, namespace });
    }
    Ok(all)
}

/// The commits that changed the flag, to look back to. Where they cannot be had the page does without.
pub(super) async fn commits(
    state: &Data<State>,
    environment: &Arc<Environment>,
    namespace: &str,
    asked: &Asked,
) -> Vec<Commit> {
    if asked.flag.is_empty() {
        return Vec::new();
    }
    let named = Named { namespace: namespace.to_owned(), kind: Kind::Flag, key: asked.flag.clone() };
    let environment = environment.clone();
    let page = blocking(state, move |state| {
        let found = state.writers.history(&environment, &named, None, limits::UI_PLAYGROUND_COMMITS);
        match found {
            Err(Refusal::UnknownResource { .. }) => Ok(None),
            found => found.map(Some),
        }
    });
    let entries = page.await.ok().flatten().map(|page| page.entries).unwrap_or_default();
    let commit = |entry: crate::write::history::Entry| Commit {
        subject: entry.commit.message.lines().next().unwrap_or_default().chars().take(80).collect(),
        author: entry.commit.author.name.chars().take(40).collect(),
        at: entry.commit.committed.to_string(),
        id: entry.commit.id,
    };
    entries.into_iter().map(commit).collect()
}

/// What may be asked beside this one: its branches, its base and the others.
pub(super) fn environments(visit: &Visit<'_>, environment: &Environment, namespace: &str) -> Vec<String> {
    let all = visit.state.environments.all();
    let seen = all.iter().filter(|one| one.name != environment.name && visit.may(Action::Read, &one.name, namespace));
    let mut names: Vec<(bool, String)> = seen
        .map(|one| {
            let kin = one.base.as_deref() == Some(&*environment.name) || environment.base.as_ref() == Some(&one.name);
            (!kin, one.name.to_string())
        })
        .collect();
    names.sort();
    names.into_iter().take(limits::UI_ENVIRONMENTS).map(|(_, name)| name).collect()
}
