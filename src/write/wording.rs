//! What the configuration and the repository say about messages, at hand for the writer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Request;
use super::message::own::{FILES, Own};
use super::message::{self, Texts};
use super::plan::Done;
use crate::config::Config;
use crate::sync::Repository;
use crate::template::context::{Environment, Scm};
use crate::{limits, serve};

/// The words of one configuration.
#[derive(Debug, Default)]
pub(super) struct Wording {
    texts: Texts,
    /// By name of the environment: type and root of the provider's API.
    providers: HashMap<Arc<str>, (&'static str, String)>,
    /// What was warned of last, by environment: the same is not told with every commit.
    told: Mutex<HashMap<Arc<str>, Vec<String>>>,
}

impl Wording {
    pub(super) fn of(config: &Config) -> Self {
        let provider = |environment: &crate::config::Environment| {
            let scm = environment.scm.as_ref()?;
            Some((environment.name.clone(), (scm.provider.name(), scm.api_url.clone().unwrap_or_default())))
        };
        Self {
            texts: Texts::of(&config.templates),
            providers: config.environments.iter().filter_map(provider).collect(),
            told: Mutex::default(),
        }
    }

    /// The message of a commit on top of `tip`. A `flipt.yaml` that cannot be read now is as none.
    pub(super) fn message(
        &self,
        repository: &dyn Repository,
        tip: Option<&str>,
        environment: &serve::Environment,
        request: &Request,
        done: &[Done],
    ) -> String {
        let own =
            tip.filter(|_| request.message.is_none()).and_then(|tip| own(repository, tip, &environment.directory));
        let provider = self.providers.get(environment.base.as_ref().unwrap_or(&environment.name));
        let facts = Environment {
            name: &environment.name,
            default: environment.default,
            storage: &environment.storage,
            directory: &environment.directory,
            scm: provider.map(|(kind, api_url)| Scm { kind, api_url }),
        };
        let asked = request.message.as_deref();
        let message = message::commit(&self.texts, own.as_ref(), facts, done, asked, &request.co_authors);
        self.tell(environment, message.warnings);
        message.text
    }

    /// Why messages of an environment are not what a template says, as of its last commit.
    pub(super) fn warnings(&self, environment: &str) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(environment).cloned().unwrap_or_default()
    }

    fn tell(&self, environment: &serve::Environment, warnings: Vec<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&environment.name).is_some_and(|before| *before == warnings) {
            return;
        }
        for warning in &warnings {
            tracing::warn!(storage = &*environment.storage, environment = &*environment.name, "{warning}");
        }
        if told.len() > limits::BRANCH_ENVIRONMENTS {
            told.clear();
        }
        told.insert(environment.name.clone(), warnings);
    }
}

/// The templates that a directory brings along.
pub(crate) fn own(repository: &dyn Repository, tip: &str, directory: &str) -> Option<Own> {
    FILES.into_iter().find_map(|name| {
        let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        match repository.read_file(tip, &path, limits::OWN_TEMPLATES_BYTES) {
            Ok(found) => found.map(|(_, bytes)| Own::read(&path, &bytes)),
            Err(error) => Some(Own { warnings: vec![format!("{path} is not used: {error}")], path, ..Own::default() }),
        }
    })
}
