//! A look at everything that the provider has: what webhooks have lost is found by it, and what was lost here.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Inner;
use super::pace::Jobs;
use super::storage::{Subject, Tracked, lock};
use crate::limits;
use crate::proposal::book::Book;
use crate::proposal::record::same_commit;
use crate::proposal::{Record, State};
use crate::provider::api::Proposal;
use crate::write::writers::chance;

impl Inner {
    /// Lists what there is, and takes in what is news. Blocks.
    pub(super) fn look(&self, storage: &Arc<Tracked>) {
        let began = self.seams.clock.now();
        let earlier = lock(&storage.looks).last;
        // Clocks differ, and a list may come from a copy that is behind.
        let since = earlier
            .map_or_else(|| before(began, limits::PROPOSALS_BACK), |last| before(last, limits::PROPOSALS_OVERLAP));
        let listed = storage.scm.api.list(&*storage.scm.background, Some(since));
        self.seams.told.looked(&storage.name, listed.is_ok());
        let chance = chance();
        match listed {
            Ok(list) => {
                storage.went_well();
                let missed = self.take_list(storage, &list) && earlier.is_some();
                if missed {
                    self.seams.told.missed(&storage.name);
                    tracing::warn!(
                        storage = &*storage.name,
                        "the provider had news of proposals that no webhook told; looking more often"
                    );
                }
                let mut schedule = lock(&storage.schedule);
                schedule.looked(missed, chance, self.elapsed());
                let pause = schedule.next().saturating_sub(self.elapsed());
                drop(schedule);
                let mut looks = lock(&storage.looks);
                looks.last = Some(began);
                looks.missed += u64::from(missed);
                looks.next = after(self.seams.clock.now(), pause);
                if looks.trouble.take().is_some() {
                    tracing::info!(storage = &*storage.name, "the provider's proposals can be listed again");
                }
            }
            Err(failure) => {
                let mut schedule = lock(&storage.schedule);
                schedule.failed(&failure, chance, self.elapsed());
                let pause = schedule.next().saturating_sub(self.elapsed());
                drop(schedule);
                let now = self.seams.clock.now();
                let mut looks = lock(&storage.looks);
                looks.next = after(now, pause);
                let since =
                    looks.trouble.as_ref().filter(|(known, _)| known.class() == failure.class()).map(|(_, at)| *at);
                if since.is_none() {
                    let class = failure.class().name();
                    tracing::warn!(storage = &*storage.name, class, %failure, "the provider's proposals cannot be listed");
                }
                looks.trouble = Some((failure, since.unwrap_or(now)));
            }
        }
    }

    /// Takes a list in. Answers whether it had news that a webhook should have told.
    fn take_list(&self, storage: &Arc<Tracked>, list: &[Proposal]) -> bool {
        let mut missed = false;
        for proposal in list {
            let known = self.id_of(storage, &Subject::Number(proposal.number)).and_then(|id| self.record(&id));
            let expected = storage.expects(proposal.number) || known.as_ref().is_some_and(|record| record.stale);
            let outcome = self.took(storage, Jobs::NONE, |book, now| book.listed(proposal, now).unwrap_or_default());
            let is_ours = self.record(&outcome.id).is_some();
            missed |= is_ours && !expected && known.as_ref().is_none_or(|record| is_news(record, proposal));
        }
        if list.len() < limits::PROPOSALS_LISTED {
            // What is open here and not listed has ended, or is gone.
            let listed: HashSet<u64> = list.iter().map(|proposal| proposal.number).collect();
            let unlisted: Vec<u64> = {
                let library = self.library();
                let records = library.books.get(&storage.name).into_iter().flat_map(Book::records);
                let open = records.filter(|record| record.state == State::Open).filter_map(|record| record.number);
                open.filter(|number| !listed.contains(number)).collect()
            };
            for number in unlisted {
                storage.want(&Subject::Number(number), Jobs::READ, self.elapsed());
            }
        }
        self.follow_heads(storage);
        missed
    }
}

/// Whether a list tells of something that a webhook tells as well. (What changes only when a comment is written, or by
/// ourselves, is none.)
fn is_news(record: &Record, listed: &Proposal) -> bool {
    let Some(seen) = &record.seen else { return false };
    let head = match (&seen.head_commit, &listed.head_commit) {
        (Some(one), Some(other)) => !same_commit(one, other),
        _ => false,
    };
    head || (seen.state, seen.draft, &seen.title, &seen.base)
        != (listed.state, listed.draft, &listed.title, &listed.base)
}

fn before(at: Timestamp, pause: Duration) -> Timestamp {
    SignedDuration::try_from(pause).ok().and_then(|pause| at.checked_sub(pause).ok()).unwrap_or(at)
}

fn after(at: Timestamp, pause: Duration) -> Option<Timestamp> {
    at.checked_add(SignedDuration::try_from(pause).ok()?).ok()
}
