//! Branch environments: made, listed, removed, brought up to date with their base.
//!
//! A branch environment is known by its base and its key together, so that nothing here can touch a configured
//! environment or the branch of another base. Making and removing are pushes like any other: the remote decides.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::writer::{Storage, unreachable};
use super::writers::{Branch, Conflicts, Inner, Job, Strategy, Updated, branch_of, panicked};
use super::{By, Conflict, Refusal, audit as records, branch_name};
use crate::audit::{Event, Kind, Outcome as End, Pending};
use crate::git::{self, Push, PushError};
use crate::sync::share::Pushed;
use crate::{limits, serve};

impl Inner {
    /// See [`Writers::branches`](super::writers::Writers::branches).
    pub(super) fn branches(&self, base: &serve::Environment) -> Result<Vec<Branch>, Refusal> {
        let storage = self.storage(&base.storage)?;
        let heads = storage.share.heads();
        let Some(tip) = heads.get(&*base.branch) else {
            return if storage.may_begin() { Ok(Vec::new()) } else { Err(storage.no_branch(&base.branch)) };
        };
        let mut branches: Vec<Branch> = Vec::new();
        for environment in self.core.environments.all().iter().filter(|e| e.base.as_ref() == Some(&base.name)) {
            if let Some(commit) = heads.get(&*environment.branch) {
                branches.push(storage.branch(environment, commit, tip));
            }
        }
        branches.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(branches)
    }

    /// Runs something on a branch in the storage's turn, with a record of it.
    pub(super) async fn on_branch<T: Send + 'static>(
        self: &Arc<Self>,
        base: &Arc<serve::Environment>,
        kind: Kind,
        key: &str,
        by: &By,
        run: impl FnOnce(&Storage, &mut Event) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let now = self.core.clock.now();
        let mut event = records::branch(base, kind, &branch_name::branch(&base.name, key), by, now);
        let (answer, answered) = oneshot::channel();
        let (core, failed) = (self.core.clone(), event.clone());
        let task = move |storage: Result<&Storage, Refusal>| {
            core.open().insert(event.id.clone());
            let result = storage.and_then(|storage| run(storage, &mut event));
            let (id, now) = (event.id.clone(), core.clock.now());
            let record = match &result {
                Ok(_) => Event { outcome: End::Accepted, settled: Some(now), ..event },
                Err(refusal) => records::refused(event, refusal, now),
            };
            super::writer::tell(&record);
            core.audit.record(record);
            core.open().remove(&id);
            // Whoever has gone away learns it from the record.
            drop(answer.send(result));
        };
        if let Err(refusal) = self.enqueue(&base.storage, Job::Task(Box::new(task))) {
            return Err(self.refused(failed, false, refusal));
        }
        answered.await.unwrap_or_else(|_| Err(panicked()))
    }

    pub(super) async fn create_branch(
        self: &Arc<Self>,
        base: &Arc<serve::Environment>,
        asked: &str,
        by: &By,
    ) -> Result<Arc<serve::Environment>, Refusal> {
        let checked = self.key(base, asked).and_then(|key| self.is_free(&key).map(|()| key));
        let key = checked.map_err(|refusal| {
            let event = records::branch(base, Kind::CreateBranch, asked, by, self.core.clock.now());
            self.refused(event, false, refusal)
        })?;
        let (inner, from, name) = (self.clone(), base.clone(), key.clone());
        self.on_branch(base, Kind::CreateBranch, &key, by, move |storage, event| {
            // Somebody may have been faster while this one waited.
            inner.is_free(&name)?;
            let branch = branch_of(&from, &name).branch;
            if storage.share.tip(&branch).is_some() {
                return Err(Refusal::AlreadyExists(format!("branch \"{branch}\"")));
            }
            let tip = storage.tip(&from.branch)?;
            event.after = Some(tip.clone());
            storage.move_branch(event, &branch, None, Some(&tip), false)?;
            let gone = || Refusal::Unknown(format!("the branch \"{branch}\" was made, and is gone already"));
            inner.branch_of(&from, &name).ok_or_else(gone)
        })
        .await
    }

    pub(super) async fn delete_branch(
        self: &Arc<Self>,
        base: &Arc<serve::Environment>,
        key: &str,
        by: &By,
    ) -> Result<(), Refusal> {
        let (from, name) = (base.clone(), branch_name::key(&base.name, key).to_owned());
        self.on_branch(base, Kind::DeleteBranch, &name.clone(), by, move |storage, event| {
            let unknown = || storage.no_environment(&name);
            if from.base.is_some() || branch_name::fault(&name).is_some() {
                return Err(unknown());
            }
            let branch = branch_name::branch(&from.name, &name);
            let tip: Arc<str> = storage.share.tip(&branch).ok_or_else(unknown)?.into();
            event.before = Some(tip.clone());
            storage.move_branch(event, &branch, Some(&tip), None, false)
        })
        .await
    }

    pub(super) async fn delete_merged_branch(
        self: &Arc<Self>,
        base: &Arc<serve::Environment>,
        key: &str,
        merged: &str,
        by: &By,
    ) -> Result<bool, Refusal> {
        let branch = branch_name::branch(&base.name, branch_name::key(&base.name, key));
        let is_merged = |tip: &str| !merged.is_empty() && tip.starts_with(merged);
        match self.storage(&base.storage)?.share.tip(&branch) {
            None => return Ok(true),
            Some(tip) if !is_merged(&tip) => return Ok(false),
            Some(_) => {}
        }
        let (name, merged) = (branch_name::key(&base.name, key).to_owned(), merged.to_owned());
        let removed = self.on_branch(base, Kind::DeleteBranch, &name, by, move |storage, event| {
            let Some(tip) = storage.share.tip(&branch).filter(|tip| tip.starts_with(&merged)) else { return Ok(()) };
            let tip: Arc<str> = tip.into();
            event.before = Some(tip.clone());
            // The remote checks that it is there still: whoever was faster keeps what was pushed.
            storage.move_branch(event, &branch, Some(&tip), None, false)
        });
        match removed.await {
            Ok(()) => Ok(true),
            Err(Refusal::Conflict(_)) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) async fn update_branch(
        self: &Arc<Self>,
        base: &Arc<serve::Environment>,
        key: &str,
        strategy: Strategy,
        by: &By,
    ) -> Result<Result<Updated, Conflicts>, Refusal> {
        let (inner, from, name) = (self.clone(), base.clone(), branch_name::key(&base.name, key).to_owned());
        let author = by.clone();
        let at = self.core.clock.now();
        self.on_branch(base, Kind::UpdateBranch, &name.clone(), by, move |storage, event| {
            let environment = inner.branch_of(&from, &name).ok_or_else(|| storage.no_environment(&name))?;
            super::update::update(storage, event, &from, &environment, strategy, &author, at)
        })
        .await
    }
}

impl Storage {
    /// A branch as its base lists it.
    pub(super) fn branch(&self, environment: &serve::Environment, commit: &str, base: &str) -> Branch {
        let distance = self.repository.distance(commit, base).unwrap_or_else(|error| {
            tracing::warn!(storage = %self.share.storage(), branch = %environment.branch, %error, "no distance");
            git::Distance::default()
        });
        Branch {
            key: environment.name.clone(),
            base: environment.base.clone().unwrap_or_default(),
            branch: environment.branch.clone(),
            commit: commit.into(),
            ahead: distance.ahead,
            behind: distance.behind,
        }
    }

    /// Why there is no such branch environment: before the first fetch nobody can say that there is none.
    pub(super) fn no_environment(&self, key: &str) -> Refusal {
        if self.share.heads().is_empty() && !self.repository.may_begin() {
            return self.no_branch(key);
        }
        Refusal::UnknownEnvironment(key.to_owned())
    }

    /// Moves, makes or removes a branch as a whole, and serves what comes of it.
    pub(super) fn move_branch(
        &self,
        event: &mut Event,
        branch: &str,
        old: Option<&Arc<str>>,
        new: Option<&Arc<str>>,
        rewrites: bool,
    ) -> Result<(), Refusal> {
        event.branch = branch.into();
        self.core.audit.intend(vec![Pending { event: event.clone(), tip: new.cloned(), until: None, wish: None }]);
        let push = Push {
            branch: branch.to_owned(),
            old: old.map(ToString::to_string),
            new: new.map(ToString::to_string),
            rewrites,
            deadline: limits::WRITE_PUSH_DEADLINE,
        };
        match self.repository.push(&push, &self.core.halt) {
            Ok(()) => {
                let (old, new, checked) = (old.map(|id| &**id), new.map(|id| &**id), std::collections::HashMap::new());
                let wrote =
                    self.share.wrote(&*self.repository, &Pushed { branch, old, new, files: &[], checked: &checked });
                self.share.show(&self.core.board);
                if let Err(error) = wrote {
                    tracing::error!(storage = %self.share.storage(), branch, %error, "pushed, and cannot be served");
                }
                Ok(())
            }
            Err(PushError::Stale { .. }) => {
                self.share.fetch(&*self.repository, &self.core.halt).map_err(|error| unreachable(&error))?;
                match (self.share.tip(branch), new) {
                    (None, None) => Ok(()),
                    (Some(tip), Some(new)) if *tip == **new => Ok(()),
                    // Servers call it the same whether somebody was faster or they never take it.
                    (Some(tip), Some(_)) if rewrites && old.is_some_and(|old| **old == *tip) => {
                        Err(not_rewritten(branch))
                    }
                    (Some(_), _) if old.is_none() => Err(Refusal::AlreadyExists(format!("branch \"{branch}\""))),
                    (tip, _) => Err(moved(branch, tip)),
                }
            }
            Err(PushError::Rejected(git::Rejection { kind, message })) => Err(Refusal::Rejected { kind, message }),
            Err(PushError::Failed(error)) => Err(unreachable(&error)),
            Err(PushError::Unknown(error)) => {
                self.look(&error)?;
                match (self.share.tip(branch), new) {
                    (None, None) => Ok(()),
                    (Some(tip), Some(new)) if self.has(branch, new) || *tip == **new => Ok(()),
                    _ => Err(unreachable(&error)),
                }
            }
        }
    }
}

/// The remote takes no branch that has lost a commit.
fn not_rewritten(branch: &str) -> Refusal {
    let message = format!(
        "the remote lets nobody rewrite the branch \"{branch}\" (receive.denyNonFastForwards, or a rule that forbids \
         force pushes); update it by a merge"
    );
    Refusal::Rejected { kind: git::RejectionKind::Protected, message }
}

/// Somebody has pushed to a branch while it was being removed or brought up to date.
fn moved(branch: &str, tip: Option<String>) -> Refusal {
    Refusal::Conflict(Box::new(Conflict {
        message: format!("somebody has pushed to the branch \"{branch}\" meanwhile; look at it and ask again"),
        namespace: String::new(),
        kind: None,
        key: String::new(),
        base: None,
        ours: None,
        theirs: None,
        overlaps: Vec::new(),
        revision: None,
        commit: tip.unwrap_or_default().into(),
    }))
}
