//! The last good state across a restart.
//!
//! An environment is rebuilt from its branch like in any run. Only where a file of that commit cannot be taken does
//! the state of before matter, and then it is put together again from the blobs that the store's manifest names; the
//! texts are in the mirror. Without the manifest those namespaces wait for a good commit: the store costs time, never
//! truth.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Repository;
use super::files::Files;
use crate::flags::problem::{HazardPolicy, Problem, Severity};
use crate::flags::snapshot::{self, Environment};
use crate::git::Entry;
use crate::serve::Served;
use crate::store::{Good, Manifest};

/// Whether something in `flags` could not be taken, so that the state of before counts.
pub(super) fn is_partial(flags: &Environment, hazards: HazardPolicy) -> bool {
    let refused = match hazards {
        HazardPolicy::Warn => Severity::Error,
        HazardPolicy::Refuse => Severity::Hazard,
    };
    flags.problems.iter().any(|problem| problem.severity >= refused)
}

/// The state of before, because a commit has more than is read.
pub(super) fn hold_all(before: &Environment, why: String) -> Environment {
    let problem = Problem {
        severity: Severity::Error,
        code: "too-much",
        file: "".into(),
        at: None,
        key_path: String::new(),
        namespace: None,
        message: why,
        help: "several namespaces can stand in one file; or set `directory` to a smaller one".to_owned(),
    };
    Environment {
        namespaces: before.namespaces.clone(),
        problems: vec![problem],
        held: before.namespaces.keys().cloned().collect(),
    }
}

/// What `manifest` says was served, namespace by namespace. One whose blobs are gone is left out.
pub(super) fn rebuild(manifest: &Manifest, repository: &dyn Repository, files: &mut Files) -> Environment {
    let mut flags = Environment::default();
    for good in &manifest.namespaces {
        let entries: Vec<Entry> = good
            .sources
            .iter()
            .map(|(path, blob)| Entry { path: path.to_string(), blob: blob.to_string(), size: None })
            .collect();
        match files.inputs(repository, &entries, &[]) {
            Ok(inputs) => {
                // It was taken when it was new; what is thought of hazards today does not take it away.
                let alone = snapshot::assemble(&inputs, &Environment::default(), HazardPolicy::Warn);
                flags.namespaces.extend(alone.namespaces.into_iter().filter(|(key, _)| *key == good.namespace));
            }
            Err(error) => tracing::warn!(namespace = %good.namespace, %error, "last good state not found"),
        }
    }
    flags
}

/// Where each namespace of a state stands: those that moved at `commit`, the held ones where they stood before.
pub(super) fn origins(
    flags: &Environment,
    commit: &Arc<str>,
    before: &BTreeMap<Arc<str>, Arc<str>>,
) -> BTreeMap<Arc<str>, Arc<str>> {
    let origin = |key: &Arc<str>| if flags.held.contains(key) { before.get(key).unwrap_or(commit) } else { commit };
    flags.namespaces.keys().map(|key| (key.clone(), origin(key).clone())).collect()
}

/// The manifest of what is served.
pub(super) fn manifest(served: &Served, origins: &BTreeMap<Arc<str>, Arc<str>>) -> Option<Manifest> {
    let commit = served.commit.clone()?;
    let namespaces = served.flags.namespaces.iter().map(|(key, namespace)| Good {
        namespace: key.clone(),
        commit: origins.get(key).unwrap_or(&commit).clone(),
        sources: namespace.sources.clone(),
    });
    Some(Manifest { namespaces: namespaces.collect(), since: served.since, commit })
}
