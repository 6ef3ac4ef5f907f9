//! What of a storage is read, checked and served: the environments of its branches, at the commits that they were read
//! from.
//!
//! Each environment is built aside and then swapped as a whole, one after the other; one that cannot be taken stays as it
//! is and does not hold back the next. Work follows what changed: an environment whose tree is the same is left alone, a
//! file whose blob is known is not read, a namespace whose files are the same is taken over. Nothing here asks the
//! network, so whoever brings news of a branch, a fetch or a write, may wait for its turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::Repository;
use super::branches::{self, Discovered};
use super::files::Files;
use super::last_good;
use super::pipeline::Plan;
use crate::clock::Clock;
use crate::flags::document;
use crate::flags::problem::{HazardPolicy, Problem, Severity};
use crate::flags::snapshot::{self, Input};
use crate::git;
use crate::limits;
use crate::serve::{self, Environments, Served};
use crate::store::Store;

/// The environments of one storage, and what is remembered of them from one look to the next.
pub(super) struct Followed {
    plan: Plan,
    table: Arc<Environments>,
    store: Store,
    clock: Arc<dyn Clock>,
    tracked: Vec<Tracked>,
    refused: BTreeMap<Arc<str>, Vec<Problem>>,
    files: Files,
    /// Commits that the mirror was told to keep, by name.
    kept: BTreeMap<String, Arc<str>>,
}

/// The state of one environment as the status shows it.
#[derive(Debug)]
struct Tracked {
    environment: Arc<serve::Environment>,
    hazards: HazardPolicy,
    /// The tree that was read last.
    tree: Tree,
    /// The files it is made of; holding them keeps them from being read again.
    inputs: Vec<Input>,
    /// Where each namespace's sources stand in the mirror.
    origins: BTreeMap<Arc<str>, Arc<str>>,
    /// Nothing of this process's fetches was seen by it.
    from_disk: bool,
}

/// What an environment's directory was when it was read last.
#[derive(Debug, PartialEq, Eq)]
enum Tree {
    /// It was not read yet.
    Unread,
    /// It was not there.
    Absent,
    /// This tree.
    Id(String),
}

impl Followed {
    /// What nothing was read of yet.
    pub(super) fn new(plan: Plan, table: Arc<Environments>, store: Store, clock: Arc<dyn Clock>) -> Self {
        let tracked =
            plan.environments.iter().map(|p| Tracked::new(p.environment.clone(), p.hazards, &store)).collect();
        Self {
            plan,
            table,
            store,
            clock,
            tracked,
            refused: BTreeMap::new(),
            files: Files::default(),
            kept: BTreeMap::new(),
        }
    }

    /// Makes every environment equal to its branch, and answers since when: what is tidied up afterwards is not on the
    /// way.
    ///
    /// # Errors
    /// [`git::Error`] if the repository cannot be read: then what could be followed is, and the others stay.
    pub(super) fn follow(
        &mut self,
        repository: &dyn Repository,
        heads: &BTreeMap<String, String>,
        from_disk: bool,
    ) -> Result<Timestamp, git::Error> {
        self.discover(heads);
        for place in 0..self.tracked.len() {
            self.follow_one(repository, place, heads, from_disk, None)?;
        }
        let live_at = self.clock.now();
        self.files.forget_unused();
        self.keep(repository);
        Ok(live_at)
    }

    /// Makes the environments of one branch equal to it. `checked` are states of environments by name that were put
    /// together already: what of them is made of the same files is taken over.
    pub(super) fn follow_branch(
        &mut self,
        repository: &dyn Repository,
        heads: &BTreeMap<String, String>,
        branch: &str,
        checked: &HashMap<Arc<str>, Arc<snapshot::Environment>>,
    ) -> Result<Timestamp, git::Error> {
        self.discover(heads);
        for place in 0..self.tracked.len() {
            let Some(environment) = self.tracked.get(place).map(|tracked| tracked.environment.clone()) else {
                continue;
            };
            if *environment.branch == *branch {
                self.follow_one(repository, place, heads, false, checked.get(&environment.name).map(|flags| &**flags))?;
            }
        }
        let live_at = self.clock.now();
        self.files.forget_unused();
        self.keep(repository);
        Ok(live_at)
    }

    /// The files of a directory at a commit, read where they are not known.
    pub(super) fn inputs(
        &mut self,
        repository: &dyn Repository,
        commit: &str,
        directory: &str,
    ) -> Result<Vec<Input>, git::Error> {
        let entries = repository.entries(commit, directory, &|path| document::format_of(path).is_some())?;
        let before = self.tracked.iter().find(|tracked| *tracked.environment.directory == *directory);
        self.files.inputs(repository, &entries, before.map_or(&[], |tracked| &tracked.inputs))
    }

    /// The files that are known, by blob.
    pub(super) fn files(&mut self) -> &mut Files {
        &mut self.files
    }

    /// What the configuration makes of the storage.
    pub(super) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What becomes of an environment's hazards.
    pub(super) fn hazards(&self, environment: &serve::Environment) -> HazardPolicy {
        let base = environment.base.as_ref().unwrap_or(&environment.name);
        let planned = self.plan.environments.iter().find(|planned| planned.environment.name == *base);
        planned.map(|planned| planned.hazards).unwrap_or_default()
    }

    fn follow_one(
        &mut self,
        repository: &dyn Repository,
        place: usize,
        heads: &BTreeMap<String, String>,
        from_disk: bool,
        checked: Option<&snapshot::Environment>,
    ) -> Result<(), git::Error> {
        let Some(tracked) = self.tracked.get_mut(place) else { return Ok(()) };
        let environment = tracked.environment.clone();
        // A branch that is gone leaves the last good state served; the fetch has said so.
        let Some(commit) = heads.get(&*environment.branch) else { return Ok(()) };
        let commit: Arc<str> = commit.as_str().into();
        let before = environment.load().clone();
        let tree = repository.tree_id(&commit, &environment.directory)?.map_or(Tree::Absent, Tree::Id);

        // Skip: what is below the directory did not change.
        if tracked.tree == tree {
            tracked.from_disk &= from_disk;
            if before.commit.as_ref() != Some(&commit) {
                tracing::debug!(storage = %self.plan.name, environment = %environment.name, revision = %commit,
                    "nothing changed below the directory");
                tracked.publish(Served { flags: before.flags.clone(), commit: Some(commit), since: self.clock.now() });
                self.store.put_manifest(&self.plan.name, &environment.name, tracked.manifest());
            }
            return Ok(());
        }

        // Read: only blobs that are not known.
        let wanted = |path: &str| document::format_of(path).is_some();
        let entries = match repository.entries(&commit, &environment.directory, &wanted) {
            Ok(entries) if entries.len() > limits::FLAG_FILES => {
                Err(format!("the directory has {} flag files, more than {}", entries.len(), limits::FLAG_FILES))
            }
            Ok(entries) => Ok(entries),
            Err(git::Error::TooLarge(why)) => Err(why),
            Err(error) => return Err(error),
        };
        let inputs = self.files.inputs(repository, entries.as_deref().unwrap_or_default(), &tracked.inputs)?;

        // Check: the namespaces that can be taken move, the others stay.
        let mut flags = snapshot::assemble(&inputs, checked.unwrap_or(&before.flags), tracked.hazards);
        let remembered = self.store.manifest(&self.plan.name, &environment.name).filter(|_| before.commit.is_none());
        if let Err(why) = entries {
            flags = last_good::hold_all(&before.flags, why);
        } else if let Some(manifest) = &remembered
            && last_good::is_partial(&flags, tracked.hazards)
        {
            let last = last_good::rebuild(manifest, repository, &mut self.files);
            flags = snapshot::assemble(&inputs, &last, tracked.hazards);
        }

        // Swap, then tell.
        tracked.origins = last_good::origins(&flags, &commit, &tracked.origins);
        // What was served before a restart is as old as it was then.
        let since = remembered.filter(|manifest| manifest.commit == commit).map(|manifest| manifest.since);
        let since = since.unwrap_or_else(|| self.clock.now());
        tracked.publish(Served { flags: Arc::new(flags), commit: Some(commit), since });
        tracked.tree = tree;
        tracked.inputs = inputs;
        tracked.from_disk = from_disk;
        tracked.tell(&self.plan.name);
        self.store.put_manifest(&self.plan.name, &environment.name, tracked.manifest());
        Ok(())
    }

    /// Lets branch environments come and go with their branches.
    fn discover(&mut self, heads: &BTreeMap<String, String>) {
        let Discovered { environments, refused } = branches::discover(&self.plan, heads, &self.table);
        for problem in refused.iter().filter(|(base, now)| self.refused.get(*base) != Some(now)).flat_map(|(_, p)| p) {
            tracing::warn!(storage = %self.plan.name, code = problem.code, "{}", problem.message);
        }
        self.refused = refused;

        let storage = &self.plan.name;
        let gone = |t: &Tracked| t.is_branch() && !environments.iter().any(|(_, e)| Arc::ptr_eq(e, &t.environment));
        let mut changed = false;
        for tracked in self.tracked.iter().filter(|t| gone(t)) {
            changed = true;
            self.store.put_manifest(storage, &tracked.environment.name, None);
            tracing::info!(%storage, environment = %tracked.environment.name, "branch environment gone");
        }
        self.tracked.retain(|t| !gone(t));
        for (place, environment) in &environments {
            if self.tracked.iter().any(|t| Arc::ptr_eq(&t.environment, environment)) {
                continue;
            }
            changed = true;
            tracing::info!(%storage, environment = %environment.name, "branch environment discovered");
            let hazards = self.plan.environments.get(*place).map(|base| base.hazards).unwrap_or_default();
            self.tracked.push(Tracked::new(environment.clone(), hazards, &self.store));
        }
        if changed {
            let all: Vec<_> = environments.into_iter().map(|(_, environment)| environment).collect();
            self.table.set_branches(storage, &all);
        }
    }

    /// The environments as the status shows them.
    pub(super) fn status(&self) -> Vec<super::status::Environment> {
        let status = |tracked: &Tracked| {
            let mut status = tracked.status();
            if let Some(refused) = self.refused.get(&status.name).filter(|_| !tracked.is_branch()) {
                status.problems.extend(refused.iter().cloned());
            }
            status
        };
        self.tracked.iter().map(status).collect()
    }

    /// Lets the mirror keep the commits that what is served was read from, whatever becomes of their branches. New
    /// names first: at no moment is a commit without one that is still needed.
    fn keep(&mut self, repository: &dyn Repository) {
        let wanted: BTreeMap<String, Arc<str>> = self.tracked.iter().flat_map(Tracked::kept).collect();
        for (name, commit) in &wanted {
            if self.kept.get(name) != Some(commit) {
                tell_kept(repository.keep(name, Some(commit)), name);
            }
        }
        for name in self.kept.keys().filter(|name| !wanted.contains_key(*name)) {
            tell_kept(repository.keep(name, None), name);
        }
        self.kept = wanted;
    }

    /// Forgets everything that can be read again: what a look that broke off may have left is not built upon.
    pub(super) fn forget(&mut self) {
        self.files = Files::default();
        for tracked in &mut self.tracked {
            tracked.tree = Tree::Unread;
            tracked.inputs = Vec::new();
        }
    }
}

fn tell_kept(kept: Result<(), git::Error>, name: &str) {
    if let Err(error) = kept {
        // It costs the last good state after a forced push and a restart, nothing now.
        tracing::warn!(name, %error, "a commit that is served could not be kept");
    }
}

impl Tracked {
    fn new(environment: Arc<serve::Environment>, hazards: HazardPolicy, store: &Store) -> Self {
        let manifest = store.manifest(&environment.storage, &environment.name).unwrap_or_default();
        let origins = manifest.namespaces.into_iter().map(|good| (good.namespace, good.commit)).collect();
        Self { environment, hazards, tree: Tree::Unread, inputs: Vec::new(), origins, from_disk: false }
    }

    fn is_branch(&self) -> bool {
        self.environment.base.is_some()
    }

    fn publish(&self, served: Served) {
        self.environment.publish(served);
    }

    /// The commits to keep: the one that is served, and those where held namespaces stand.
    fn kept(&self) -> Vec<(String, Arc<str>)> {
        let served = self.environment.load();
        let environment = &self.environment.name;
        let held = served.flags.held.iter().filter_map(|key| Some((key, self.origins.get(key)?)));
        let held = held.map(|(key, commit)| (format!("held\0{environment}\0{key}"), commit.clone()));
        held.chain(served.commit.clone().map(|commit| (format!("served\0{environment}"), commit))).collect()
    }

    fn manifest(&self) -> Option<crate::store::Manifest> {
        last_good::manifest(&self.environment.load(), &self.origins)
    }

    /// One line for what is served now, one for each of the first problems.
    fn tell(&self, storage: &str) {
        let served = self.environment.load();
        let (environment, revision) = (&*self.environment.name, served.commit.as_deref());
        let (namespaces, problems) = (served.flags.namespaces.len(), served.flags.problems.len());
        if served.flags.held.is_empty() {
            tracing::info!(storage, environment, revision, namespaces, problems, "serving");
        } else {
            let held = served.flags.held.join(", ");
            tracing::error!(
                storage,
                environment,
                revision,
                namespaces,
                problems,
                held,
                "serving; some namespaces stay at their last good state"
            );
        }
        for problem in served.flags.problems.iter().take(limits::PROBLEMS_LOGGED) {
            let (file, line, key_path) = (&*problem.file, problem.at.map(|at| at.line), &*problem.key_path);
            let (code, message) = (problem.code, &*problem.message);
            if problem.severity == Severity::Error {
                tracing::error!(storage, environment, file, line, key_path, code, "{message}");
            } else {
                tracing::warn!(storage, environment, file, line, key_path, code, "{message}");
            }
        }
    }

    fn status(&self) -> super::status::Environment {
        let served = self.environment.load();
        let namespaces = &served.flags.namespaces;
        super::status::Environment {
            name: self.environment.name.clone(),
            base: self.environment.base.clone(),
            commit: served.commit.clone(),
            from_disk: self.from_disk,
            since: served.commit.is_some().then_some(served.since),
            namespaces: namespaces.iter().map(|(key, ns)| (key.clone(), ns.flags_by_key().len())).collect(),
            held: served.flags.held.clone(),
            problems: served.flags.problems.clone(),
        }
    }
}
