//! What a webhook can be sent to: one endpoint a storage that has a secret. A storage without one has none.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::config::Config;
use crate::provider::Provider;
use crate::provider::remote::{self, Place};
use crate::provider::signature::Scheme;

/// The address that one provider sends the deliveries of one storage to, and what it is believed for.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The storage; the endpoint is `/webhooks/{storage}`.
    pub storage: Arc<str>,
    /// Who sends.
    pub provider: Provider,
    /// All valid at once, for rotation.
    pub secrets: Vec<SecretString>,
    /// Where the storage's remote points; absent for a remote that is a path, which no payload can name.
    pub repository: Option<Place>,
    /// Short names of the branches that are served. A name that ends in `/*` stands for all below it.
    pub branches: Vec<Arc<str>>,
    /// Names of the environments that live in the storage: each is `/api/v2/webhooks/{environment}`.
    pub environments: Vec<Arc<str>>,
}

impl Endpoint {
    /// The endpoints of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Vec<Self> {
        let storages = config.storages.values();
        storages
            .filter_map(|storage| {
                let webhook = storage.webhook.as_ref()?;
                let mut branches = vec![Arc::clone(&storage.branch)];
                let mut environments = Vec::new();
                for environment in config.environments.iter().filter(|one| one.storage == storage.name) {
                    for name in [&environment.name, &environment.key] {
                        if !environments.contains(name) {
                            environments.push(Arc::clone(name));
                            branches.push(format!("flipt/{name}/*").into());
                        }
                    }
                }
                Some(Self {
                    storage: Arc::clone(&storage.name),
                    provider: webhook.provider,
                    secrets: webhook.secrets.clone(),
                    repository: storage.remote.as_deref().and_then(remote::parse),
                    branches,
                    environments,
                })
            })
            .collect()
    }

    /// How its deliveries are verified.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        Scheme::of(self.provider, &self.secrets)
    }

    /// Whether any secret can verify anything. If not, the endpoint does not exist.
    #[must_use]
    pub fn can_verify(&self) -> bool {
        let scheme = self.scheme();
        self.secrets.iter().any(|secret| scheme.takes(secret))
    }

    /// How a ref is served: not at all, below a pattern, or as the branch itself.
    #[must_use]
    pub(super) fn tracks(&self, name: &str) -> Tracked {
        let Some(branch) = name.strip_prefix("refs/heads/") else { return Tracked::No };
        if self.branches.iter().any(|known| &**known == branch) {
            return Tracked::Exactly;
        }
        let below = |pattern: &Arc<str>| {
            let rest = pattern.strip_suffix('*').and_then(|prefix| branch.strip_prefix(prefix));
            pattern.ends_with("/*") && rest.is_some_and(|rest| !rest.is_empty())
        };
        if self.branches.iter().any(below) { Tracked::ByPattern } else { Tracked::No }
    }
}

/// How a ref is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracked {
    No,
    ByPattern,
    Exactly,
}

/// What a request was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'t> {
    /// `/webhooks/{storage}`.
    Storage(&'t str),
    /// `/api/v2/webhooks/{environment}`.
    Environment(&'t str),
}

/// All endpoints, by both of their names.
#[derive(Debug, Default)]
pub(super) struct Table {
    storages: HashMap<Arc<str>, Arc<Endpoint>>,
    environments: HashMap<Arc<str>, Arc<Endpoint>>,
}

impl Table {
    /// Endpoints that can verify nothing are left out: they do not exist.
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        let mut table = Self::default();
        for endpoint in endpoints.into_iter().filter(Endpoint::can_verify).map(Arc::new) {
            for name in &endpoint.environments {
                table.environments.insert(Arc::clone(name), Arc::clone(&endpoint));
            }
            table.storages.insert(Arc::clone(&endpoint.storage), endpoint);
        }
        table
    }

    pub(super) fn get(&self, target: Target<'_>) -> Option<&Arc<Endpoint>> {
        match target {
            Target::Storage(name) => self.storages.get(name),
            Target::Environment(name) => self.environments.get(name),
        }
    }
}
