//! `GET /api/v2/environments`: what there is, for whoever may see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::access;
use crate::auth::Action;
use crate::config::{self, Config};
use crate::http::State;
use crate::http::auth::{self, Need};
use crate::http::error::Failure;
use crate::provider::Provider;
use crate::serve::Environment;

/// `GET /api/v2/environments`
pub(in crate::http) async fn environments(state: Data<State>, request: HttpRequest) -> HttpResponse {
    listed(&state, &request).unwrap_or_else(|failure| failure.json())
}

fn listed(state: &State, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let seen = |environment: &Environment| access::reaches(state, &pass, Action::Read, &environment.name);
    let all = state.environments.all();
    let environments: Vec<_> = all.iter().filter(|one| seen(one)).map(|one| shown(state, one)).collect();
    Ok(HttpResponse::Ok().json(json!({ "environments": environments })))
}

/// An environment, as Flipt shows it: `configuration.base` on branches and nowhere else.
pub(super) fn shown(state: &State, environment: &Environment) -> Value {
    let mut configuration = Map::new();
    configuration.insert("ref".to_owned(), (*environment.branch).into());
    if !environment.directory.is_empty() {
        configuration.insert("directory".to_owned(), (*environment.directory).into());
    }
    if let Some(remote) = state.board.get(&environment.storage, state.clock.now()).and_then(|storage| storage.remote) {
        configuration.insert("remote".to_owned(), remote.into());
    }
    if let Some(base) = &environment.base {
        configuration.insert("base".to_owned(), (**base).into());
    }
    let configured = environment.base.as_deref().unwrap_or(&environment.name);
    if let Some(scm) = state.settings.load().scm.get(configured) {
        configuration.insert("scm".to_owned(), (*scm).into());
    }
    json!({
        "key": environment.name,
        "name": environment.name,
        "default": environment.default,
        "configuration": configuration,
    })
}

/// The provider of every configured environment that has one, in Flipt's words.
pub(in crate::http) fn providers(config: &Config) -> BTreeMap<Arc<str>, &'static str> {
    let named = |environment: &config::Environment| {
        let word = match environment.scm.as_ref()?.provider {
            Provider::Github => "SCM_GITHUB",
            Provider::Gitlab => "SCM_GITLAB",
            Provider::BitbucketCloud | Provider::BitbucketDataCenter => "SCM_BITBUCKET",
            Provider::Azure => "SCM_AZURE",
            Provider::Gitea | Provider::Forgejo => "SCM_GITEA",
        };
        Some((environment.name.clone(), word))
    };
    config.environments.iter().filter_map(named).collect()
}
