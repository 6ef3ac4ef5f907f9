//! What is done for one proposal, on a thread that may block.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Inner;
use super::pace::Jobs;
use super::schedule::pause_after;
use super::storage::{Subject, Tracked};
use crate::auth::Method;
use crate::fault::Class;
use crate::git;
use crate::proposal::{Event, Id, Record, State};
use crate::provider::api::{self, Failure, Proposal};
use crate::sync::Repository;
use crate::write::By;
use crate::write::writers::chance;

impl Inner {
    /// Does what is wished for. Answers what is left, and how long that has to wait.
    pub(super) fn work(&self, storage: &Arc<Tracked>, subject: &Subject, jobs: Jobs) -> (Jobs, Duration) {
        let mut left = (Jobs::NONE, Duration::ZERO);
        let mut leave = |jobs: Jobs, later: Duration| left = (left.0.with(jobs), left.1.max(later));
        let id = self.id_of(storage, subject);
        if jobs.has(Jobs::OPEN)
            && let Some(id) = &id
            && let Err(failure) = self.open(storage, id)
            && matches!(failure.class(), Class::Retry | Class::Wait)
        {
            leave(Jobs::OPEN, pause_after(&failure, storage.went_wrong(), chance()));
        }
        if jobs.has(Jobs::READ)
            && let Subject::Number(number) = subject
            && let Err(failure) = self.read(storage, *number, subject)
        {
            leave(Jobs::READ, pause_after(&failure, storage.went_wrong(), chance()));
        }
        // It may be known only now.
        let Some(id) = self.id_of(storage, subject) else { return left };
        if jobs.has(Jobs::MEASURE) {
            self.measure(storage, &id);
        }
        if jobs.has(Jobs::LOOK) {
            self.look_for(storage, &id);
        }
        if jobs.has(Jobs::REPORT)
            && let Some(later) = self.report(storage, &id)
        {
            leave(Jobs::REPORT, later);
        }
        if jobs.has(Jobs::CLEAN) {
            self.clean(storage, &id);
        }
        left
    }

    pub(super) fn id_of(&self, storage: &Tracked, subject: &Subject) -> Option<Id> {
        let library = self.library();
        let book = library.books.get(&storage.name)?;
        let record = match subject {
            Subject::Plan(id) => book.get(id),
            Subject::Number(number) => book.numbered(*number),
        };
        record.map(|record| record.id.clone())
    }

    pub(super) fn record(&self, id: &str) -> Option<Arc<Record>> {
        self.library().table.get(id).map(|entry| entry.record.clone())
    }

    /// Opens what is planned, or joins what is open for the same branches.
    /// Answers whether it was there before.
    pub(super) fn open(&self, storage: &Arc<Tracked>, id: &Id) -> Result<bool, Failure> {
        let Some(record) = self.record(id).filter(|record| record.state == State::Planned) else { return Ok(true) };
        let new = self.words_of(storage, &record);
        match api::open_or_join(&*storage.scm.api, &*storage.scm.ask, &new) {
            Ok(opened) => {
                storage.went_well();
                storage.fulfilled(id);
                self.opened(storage, id, opened.proposal);
                Ok(opened.joined)
            }
            Err(failure) => {
                self.happened(storage, id, Event::Failed(failure.clone()));
                Err(failure)
            }
        }
    }

    /// What was planned stands at the provider, perhaps as somebody else's: then it is kept under the id that it would
    /// have after everything here was lost.
    fn opened(&self, storage: &Arc<Tracked>, id: &Id, proposal: Proposal) {
        let number = proposal.number;
        self.took(storage, Jobs::NONE, |book, now| book.take(id, Event::Listed(Box::new(proposal)), now));
        self.follow_heads(storage);
        storage.want(&Subject::Number(number), Jobs::READ.with(Jobs::MEASURE), self.elapsed());
    }

    /// Reads one from the provider.
    fn read(&self, storage: &Arc<Tracked>, number: u64, subject: &Subject) -> Result<(), Failure> {
        // Those that come while the provider answers are for the next read.
        let awaiting = storage.awaiting(subject);
        match self.read_now(storage, number) {
            Ok(()) => {
                let at = self.seams.clock.now();
                for one in awaiting {
                    self.seams.told.read(&storage.name, &one.delivery, one.received, at);
                }
                Ok(())
            }
            Err(failure) => {
                for one in &awaiting {
                    self.seams.told.failed(&one.delivery, &failure.to_string());
                }
                storage.await_again(subject, awaiting);
                if let Some(id) = self.id_of(storage, subject) {
                    self.happened(storage, &id, Event::Failed(failure.clone()));
                }
                Err(failure)
            }
        }
    }

    /// Reads one, and takes in what the provider says.
    pub(super) fn read_now(&self, storage: &Arc<Tracked>, number: u64) -> Result<(), Failure> {
        let known = self.id_of(storage, &Subject::Number(number));
        match storage.scm.api.read(&*storage.scm.ask, number) {
            Ok(proposal) => {
                storage.went_well();
                if known.is_none() {
                    // What it comes to, if it is ours, is under the id that its marker or its number says.
                    self.took(storage, Jobs::READ, |book, now| book.listed(&proposal, now).unwrap_or_default());
                }
                let Some(id) = self.id_of(storage, &Subject::Number(number)) else { return Ok(()) };
                self.happened(storage, &id, Event::Read(Box::new(proposal)));
                self.follow_heads(storage);
                storage.want(&Subject::Number(number), Jobs::MEASURE, self.elapsed());
                Ok(())
            }
            Err(failure @ Failure::NotFound(_)) => {
                let Some(record) = known.as_ref().and_then(|id| self.record(id)) else { return Ok(()) };
                // The repository may be out of sight as a whole; that is no news of this proposal.
                let found = storage.scm.api.find(&*storage.scm.ask, &record.head, &record.base)?;
                if found.iter().any(|found| found.number == number) {
                    return Err(failure);
                }
                storage.went_well();
                self.happened(storage, &record.id, Event::Missing);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Looks whether what is served contains the merge.
    fn look_for(&self, storage: &Tracked, id: &Id) {
        let Some(record) = self.record(id).filter(|record| record.state == State::Merged) else { return };
        let Some(share) = self.seams.workers.share(&storage.name) else { return };
        let Some(repository) = share.repository() else { return };
        match self.live(storage, &record, &*repository) {
            Ok(Some((commit, at))) => self.happened(storage, id, Event::Served { commit, at }),
            // The push may have told nobody, or is on its way.
            Ok(None) => share.slot().ring(),
            Err(error) => {
                tracing::warn!(storage = &*storage.name, proposal = &*record.id, %error, "whether it is live cannot be told");
            }
        }
    }

    /// The served commit that contains the merge of a proposal, and since when: of every environment that it is about.
    fn live(
        &self,
        storage: &Tracked,
        record: &Record,
        repository: &dyn Repository,
    ) -> Result<Option<(Arc<str>, jiff::Timestamp)>, git::Error> {
        let seen = record.seen.as_ref();
        let merge = seen.and_then(|seen| seen.merge_commit.as_deref());
        // Without a merge commit the head itself was taken over, or nobody knows.
        let merge = merge.or_else(|| seen.and_then(|seen| seen.head_commit.as_deref()));
        let Some(merge) = merge else { return Ok(None) };
        let Some(merge) = repository.whole(merge)? else { return Ok(None) };
        let mut newest: Option<(Arc<str>, jiff::Timestamp)> = None;
        for name in storage.environments.iter().filter(|name| record.environment.as_ref().is_none_or(|e| e == *name)) {
            let Some(environment) = self.seams.environments.get(name) else { continue };
            if environment.branch != record.base {
                continue;
            }
            let served = environment.load();
            let Some(commit) = served.commit.clone() else { return Ok(None) };
            if !repository.contains(&commit, &merge)? {
                return Ok(None);
            }
            let since = served.since;
            if newest.as_ref().is_none_or(|(_, at)| *at < since) {
                newest = Some((commit, since));
            }
        }
        Ok(newest)
    }

    /// How far it is from its base, and what it is about.
    fn measure(&self, storage: &Tracked, id: &Id) {
        let Some(record) = self.record(id).filter(|record| record.is_open() && !record.is_fork()) else { return };
        let Some(share) = self.seams.workers.share(&storage.name) else { return };
        let (Some(repository), Some(base)) = (share.repository(), share.tip(&record.base)) else { return };
        let head = share.tip(&record.head).or_else(|| record.head_commit.as_deref().map(str::to_owned));
        let Some(head) = head.and_then(|head| repository.whole(&head).ok().flatten()) else { return };
        if let Ok(distance) = repository.distance(&head, &base)
            && self.library().table.measured(id, distance)
        {
            self.place.wake();
        }
        if record.environment.is_none() {
            self.find_environment(storage, &record, &*repository, &head, &base);
        }
        // Bitbucket Cloud tells twelve digits of a commit; here all of them are known.
        let told = record.head_commit.as_deref().filter(|told| told.len() < head.len());
        if let Some(whole) = told.and_then(|told| repository.whole(told).ok().flatten()) {
            self.happened(storage, id, Event::Moved { head: true, commit: Some(whole.into()) });
        }
    }

    /// The one environment whose directory a proposal touches.
    fn find_environment(
        &self,
        storage: &Tracked,
        record: &Record,
        repository: &dyn Repository,
        head: &str,
        base: &str,
    ) {
        let Ok(Some(from)) = repository.merge_base(head, base) else { return };
        let Ok(paths) = repository.changed_paths(Some(&from), head) else { return };
        let mut touched = storage.environments.iter().filter(|name| {
            let environment = self.seams.environments.get(name);
            environment.is_some_and(|environment| paths.iter().any(|difference| environment.holds(&difference.path)))
        });
        let (Some(only), None) = (touched.next(), touched.next()) else { return };
        self.took(storage, Jobs::NONE, |book, _| book.concerns(&record.id, only));
    }

    /// Removes the branch of what is merged and live, if nobody has pushed to it since.
    fn clean(&self, storage: &Tracked, id: &Id) {
        let Some(record) = self.record(id).filter(|record| record.state == State::Live && !record.is_fork()) else {
            return;
        };
        let (Some(environment), Some(key)) = (&record.environment, &record.branch_environment) else { return };
        if !storage.scm.rules.get(environment).is_some_and(|rules| rules.removes_merged) {
            return;
        }
        let merged = record.seen.as_ref().and_then(|seen| seen.head_commit.clone());
        let (Some(base), Some(merged)) = (self.seams.environments.get(environment), merged) else { return };
        let by = By { name: "yardarm".into(), method: Method::Anonymous, person: None, address: None };
        // This thread may block.
        let removed = Handle::current().block_on(self.seams.writers.delete_merged_branch(&base, key, &merged, &by));
        let (name, branch) = (&*storage.name, &*record.head);
        match removed {
            Ok(true) => tracing::info!(storage = name, proposal = &**id, branch, "merged and live: branch removed"),
            Ok(false) => {
                tracing::info!(storage = name, proposal = &**id, branch, "live, and pushed to since: branch kept");
            }
            Err(why) => tracing::warn!(storage = name, proposal = &**id, branch, %why, "live: branch not removed"),
        }
    }
}
