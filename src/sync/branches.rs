//! Branch environments: the git branch `flipt/<base>/<key>` is an environment `<key>` of its own, with the storage and
//! the directory of its base.
//!
//! It is known by (base, key). Names are one flat space in the API, though, so a branch whose key is taken, by a
//! configured environment above all, does not become an environment: whoever may push a branch must not be able to
//! replace production. Such a branch is shown as a problem of its base.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pipeline::Plan;
use crate::flags::problem::{Problem, Severity};
use crate::limits;
use crate::serve::{self, Environments};

/// What the branches of a storage come to.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    /// Environments, with the place of their base in the plan.
    pub(super) environments: Vec<(usize, Arc<serve::Environment>)>,
    /// Branches that are none, as problems of their base.
    pub(super) refused: BTreeMap<Arc<str>, Vec<Problem>>,
}

/// What the branches of the branch environments of `base` begin with.
pub(super) fn prefix(base: &str) -> String {
    format!("flipt/{base}/")
}

/// The branch environments of a storage. One that is known already (same base, branch and directory) stays the same
/// object, so that its streams go on.
pub(super) fn discover(plan: &Plan, heads: &BTreeMap<String, String>, table: &Environments) -> Discovered {
    let known = table.all();
    let mut discovered = Discovered::default();
    for (place, planned) in plan.environments.iter().enumerate() {
        let base = &planned.environment;
        let prefix = prefix(&base.name);
        for branch in heads.range(prefix.clone()..).map(|(branch, _)| branch).take_while(|b| b.starts_with(&prefix)) {
            let Some(key) = branch.strip_prefix(&prefix).filter(|key| !key.is_empty()) else { continue };
            let taken = known.iter().find(|e| {
                *e.name == *key && (e.base.is_none() || e.storage != base.storage || !plan.has(e.base.as_ref()))
            });
            let twice = discovered.environments.iter().find(|(_, e)| *e.name == *key).map(|(_, e)| e);
            if let Some(other) = taken.or(twice) {
                let whose = other
                    .base
                    .as_ref()
                    .map_or("a configured environment".to_owned(), |b| format!("a branch environment of \"{b}\""));
                refuse(&mut discovered, base, branch, &format!("the name \"{key}\" belongs to {whose}"));
                continue;
            }
            if discovered.environments.len() >= limits::BRANCH_ENVIRONMENTS {
                let why = format!("there are more than {} branch environments", limits::BRANCH_ENVIRONMENTS);
                refuse(&mut discovered, base, branch, &why);
                continue;
            }
            let same = known.iter().find(|e| {
                e.base.as_ref() == Some(&base.name)
                    && e.storage == base.storage
                    && *e.branch == **branch
                    && e.directory == base.directory
            });
            let environment = same.cloned().unwrap_or_else(|| {
                Arc::new(serve::Environment::new(
                    key.into(),
                    Some(base.name.clone()),
                    false,
                    base.storage.clone(),
                    base.directory.clone(),
                    branch.as_str().into(),
                ))
            });
            discovered.environments.push((place, environment));
        }
    }
    discovered
}

fn refuse(discovered: &mut Discovered, base: &serve::Environment, branch: &str, why: &str) {
    let problems = discovered.refused.entry(base.name.clone()).or_default();
    // As many as there can be environments: the list is for a person.
    if problems.len() < limits::BRANCH_ENVIRONMENTS {
        problems.push(Problem {
            severity: Severity::Hazard,
            code: "branch-environment-refused",
            file: "".into(),
            at: None,
            key_path: String::new(),
            namespace: None,
            message: format!("the branch \"{branch}\" is not served as an environment: {why}"),
            help: "rename or delete the branch".to_owned(),
        });
    }
}
