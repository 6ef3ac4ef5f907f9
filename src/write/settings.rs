//! What the configuration says about writing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::wording::Wording;
use crate::config::Config;
use crate::git::{Identity, Signer};
use crate::serve;
use crate::sync::workers::mirror_directory;

/// Of every storage and environment.
#[derive(Debug, Default)]
pub(super) struct Settings {
    storages: HashMap<Arc<str>, Storage>,
    environments: HashMap<Arc<str>, Environment>,
}

/// Of one storage.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    /// Who commits, and who is the author where no person is known.
    pub(super) committer: Identity,
    /// Signs commits.
    pub(super) signer: Option<Arc<Signer>>,
    /// Words of commits.
    pub(super) wording: Arc<Wording>,
}

/// Of one configured environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    /// It takes no direct changes.
    pub(super) protected: bool,
    /// How long a change is served that the provider has not got, where that is allowed.
    pub(super) break_glass: Option<Duration>,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        let wording = Arc::new(Wording::of(config));
        let storage = |storage: &crate::config::Storage| Storage {
            committer: Identity { name: storage.signature.name.clone(), email: storage.signature.email.clone() },
            signer: signer(config, storage),
            wording: wording.clone(),
        };
        let environment = |environment: &crate::config::Environment| Environment {
            protected: environment.protected,
            break_glass: environment.break_glass.map(|glass| glass.expires_after),
        };
        Self {
            storages: config.storages.iter().map(|(name, of)| (name.clone(), storage(of))).collect(),
            environments: config.environments.iter().map(|e| (e.name.clone(), environment(e))).collect(),
        }
    }

    /// Names of the storages.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Arc<str>> {
        self.storages.keys()
    }

    pub(super) fn storage(&self, name: &str) -> Option<&Storage> {
        self.storages.get(name)
    }

    /// Whether an environment takes no direct changes. A branch of it does: that is what it is for.
    pub(super) fn is_protected(&self, environment: &serve::Environment) -> bool {
        environment.base.is_none() && self.environments.get(&environment.name).is_some_and(|of| of.protected)
    }

    /// How long a change may be served that waits for the provider, where that is allowed; a branch does as its base.
    pub(super) fn break_glass(&self, environment: &serve::Environment) -> Option<Duration> {
        self.environments.get(environment.base.as_ref().unwrap_or(&environment.name))?.break_glass
    }
}

/// What signs the commits of a storage. A reload makes a new one, which reads the key anew.
fn signer(config: &Config, storage: &crate::config::Storage) -> Option<Arc<Signer>> {
    let state = &config.state_directory;
    let mirror = match (&storage.remote, &storage.path) {
        (Some(url), _) => mirror_directory(state, storage, url),
        (None, Some(path)) => path.clone(),
        (None, None) => state.join("mirrors").join("memory.git"),
    };
    storage.signature.signing.clone().map(|signing| Arc::new(Signer::new(signing, &mirror)))
}
