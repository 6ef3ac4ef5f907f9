//! Which environment has a link, and where its repository is at the provider. Links are shared by root and credential,
//! and outlive a reload that leaves both as they are, so that no budget begins anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Counts;
use super::link::{Key, Link};
use crate::clock::Clock;
use crate::config::{Config, Credential, Environment, ScmReport, Storage};
use crate::net::Trust;
use crate::provider::api::{self, Api, MergeMethod, Place};

/// An environment's repository at its provider.
#[derive(Debug)]
pub struct Linked {
    /// The way there.
    pub link: Arc<Link>,
    /// What is asked over it.
    pub api: Box<dyn Api>,
    /// Where it is.
    pub place: Place,
    /// What is said on proposals.
    pub report: ScmReport,
    /// Our branches are removed there once they are merged.
    pub delete_merged_branches: bool,
    /// Proposals begin as drafts.
    pub draft: bool,
    /// How they are merged.
    pub merge_method: Option<MergeMethod>,
}

type ByEnvironment = BTreeMap<Arc<str>, Result<Arc<Linked>, String>>;

/// The links of a configuration.
pub struct Links {
    clock: Arc<dyn Clock>,
    counts: Arc<dyn Counts>,
    stop: Arc<AtomicBool>,
    /// By the name of the environment in the API; an error says what is missing.
    linked: RwLock<ByEnvironment>,
    applying: Mutex<()>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

impl Links {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config, clock: Arc<dyn Clock>, counts: Arc<dyn Counts>) -> Self {
        let links = Self { clock, counts, stop: Arc::default(), linked: RwLock::default(), applying: Mutex::default() };
        links.apply(config);
        links
    }

    /// Takes over another configuration. Requests that are under way end by the old one.
    pub fn apply(&self, config: &Config) {
        let _one = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut links: Vec<Arc<Link>> = self.all().into_iter().map(|(_, linked)| linked.link.clone()).collect();
        let mut linked = BTreeMap::new();
        for environment in config.environments.iter().filter(|environment| environment.scm.is_some()) {
            let one = self.linked(environment, config, &mut links);
            linked.insert(environment.name.clone(), one.map(Arc::new));
        }
        *self.linked.write().unwrap_or_else(PoisonError::into_inner) = linked;
    }

    fn linked(&self, environment: &Environment, config: &Config, links: &mut Vec<Arc<Link>>) -> Result<Linked, String> {
        let missing = || format!("environment `{}` has no scm", environment.name);
        let scm = environment.scm.as_ref().ok_or_else(missing)?;
        let Target { place, key } = of_environment(environment, config)?;
        let link = if let Some(link) = links.iter().find(|link| *link.key() == key) {
            link.clone()
        } else {
            let (clock, counts, stop) = (self.clock.clone(), self.counts.clone(), self.stop.clone());
            let link = Arc::new(Link::new(key, clock, counts, stop)?);
            links.push(link.clone());
            link
        };
        Ok(Linked {
            link,
            api: api::of(place.clone()),
            place,
            report: scm.report,
            delete_merged_branches: scm.delete_merged_branches,
            draft: scm.draft,
            merge_method: scm.merge_method,
        })
    }

    /// That of an environment, by its name in the API. `None` where the environment has no `scm` at all.
    ///
    /// # Errors
    /// What is missing, in words for the operator.
    #[must_use]
    pub fn of(&self, environment: &str) -> Option<Result<Arc<Linked>, String>> {
        self.linked.read().unwrap_or_else(PoisonError::into_inner).get(environment).cloned()
    }

    /// All that can be used, by the names of their environments.
    #[must_use]
    pub fn all(&self) -> Vec<(Arc<str>, Arc<Linked>)> {
        let linked = self.linked.read().unwrap_or_else(PoisonError::into_inner);
        linked.iter().filter_map(|(name, one)| Some((name.clone(), one.as_ref().ok()?.clone()))).collect()
    }

    /// Ends what is under way, at the end of the process.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Where a repository is at its provider, and how it may be asked there.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub place: Place,
    key: Key,
}

impl Target {
    /// The way there.
    ///
    /// # Errors
    /// Why there is none, in words for the operator.
    pub fn link(self, clock: Arc<dyn Clock>, counts: Arc<dyn Counts>) -> Result<(Link, Place), String> {
        Ok((Link::new(self.key, clock, counts, Arc::default())?, self.place))
    }
}

/// Where the repository of an environment is at its provider.
///
/// # Errors
/// What the configuration does not tell.
pub fn place(environment: &Environment) -> Result<Place, String> {
    let name = &environment.name;
    let scm = environment.scm.as_ref().ok_or_else(|| format!("environment `{name}` has no scm"))?;
    let root = scm.api_url.clone().ok_or_else(|| {
        format!("where the provider's API is cannot be told: write `environments.{}.scm.api_url`", environment.key)
    })?;
    let repository = scm.repository.clone().ok_or_else(|| {
        format!("owner and repository cannot be told from the remote: write `environments.{0}.scm.owner` and `environments.{0}.scm.repository`", environment.key)
    })?;
    Ok(Place { provider: scm.provider, root, owner: repository.owner, repository: repository.name })
}

fn of_environment(environment: &Environment, config: &Config) -> Result<Target, String> {
    let place = place(environment)?;
    let credential = environment.scm.as_ref().and_then(|scm| scm.credential.clone()).ok_or_else(|| {
        format!(
            "the API of {} wants a credential: write `environments.{}.scm.credentials`",
            place.provider.name(),
            environment.key
        )
    })?;
    if matches!(credential, Credential::Ssh { .. }) {
        return Err(format!(
            "a key of ssh opens no API: `environments.{}.scm.credentials` has to name another credential",
            environment.key
        ));
    }
    let storage = config.storages.get(&environment.storage);
    Ok(Target { key: key(&place, credential, storage), place })
}

fn key(place: &Place, credential: Credential, storage: Option<&Storage>) -> Key {
    let trust = Trust {
        ca_certificate: storage.and_then(|storage| storage.ca_certificate.clone()),
        insecure: storage.is_some_and(|storage| storage.insecure_skip_tls),
    };
    Key { provider: place.provider, root: place.root.clone(), credential, trust }
}

/// Where the repository of a storage is at its provider, for what concerns all of its environments: what one of them says
/// in its `scm`, else what remote and credential of the storage tell.
///
/// # Errors
/// What is missing.
pub fn target(storage: &Storage, config: &Config) -> Result<Target, String> {
    let of_storage = config.environments.iter().filter(|environment| environment.storage == storage.name);
    let mut why = None;
    for environment in of_storage.filter(|environment| environment.scm.is_some()) {
        match of_environment(environment, config) {
            Ok(target) => return Ok(target),
            Err(missing) => why = why.or(Some(missing)),
        }
    }
    if let Some(why) = why {
        return Err(why);
    }
    Err(format!("storage `{}` has no environment with `scm`", storage.name))
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
