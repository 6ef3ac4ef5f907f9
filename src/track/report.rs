//! Says at the provider what a proposal changes: a commit status and one comment, whoever opened it.
//!
//! What it changes is read from the mirror, between where it parted from its base and its head: the provider is asked for
//! nothing but to take the words. They are said again only when they are others; a comment is rewritten in place. A
//! proposal that touches no flag file of an environment gets neither, and one that did and does no more is told so.
//! Nothing is ever said on a proposal of a fork.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::schedule::pause_after;
use super::storage::Tracked;
use super::{Inner, Rules};
use crate::fault::Class;
use crate::flags::change::{self, Changes};
use crate::flags::problem::HazardPolicy;
use crate::flags::snapshot;
use crate::proposal::report::{self, Between, Part};
use crate::proposal::{Event, Id, Record, Reported, State, marker};
use crate::provider::api::{self, CheckState, Failure, Status};
use crate::serve::Environment;
use crate::sync::Repository;
use crate::sync::share::Share;
use crate::write::writers::chance;
use crate::{git, limits};

/// What one environment is on both sides.
struct Sides {
    environment: Arc<Environment>,
    rules: Rules,
    before: snapshot::Environment,
    after: snapshot::Environment,
    changes: Changes,
    refuses_hazards: bool,
}

impl Sides {
    fn part(&self) -> Part<'_> {
        Part {
            environment: &self.environment.name,
            directory: &self.environment.directory,
            changes: &self.changes,
            before: &self.before.problems,
            after: &self.after.problems,
            refuses_hazards: self.refuses_hazards,
        }
    }
}

/// A proposal as the mirror has it.
enum Compared {
    /// Its head, or its base, is not there yet.
    NotHere,
    /// There is nothing that could be compared.
    Nothing,
    /// Both are there.
    Here { head: String, parted: String, sides: Vec<Sides> },
}

/// What is to be said, in each of the two ways that are wanted.
struct Words {
    digest: Arc<str>,
    head: String,
    status: Option<(CheckState, String)>,
    comment: Option<String>,
}

impl Inner {
    /// Says at the provider what it changes. Answers when to try again.
    pub(super) fn report(&self, storage: &Tracked, id: &Id) -> Option<Duration> {
        let record = self.record(id).filter(|record| record.state == State::Open && !record.is_fork())?;
        let number = record.number?;
        if !self.concerned(storage, &record).any(|(_, rules)| rules.report.status || rules.report.comment) {
            return None;
        }
        let compared = self.compare(storage, &record).unwrap_or_else(|error| {
            tracing::warn!(storage = &*storage.name, proposal = &**id, %error, "what a proposal changes cannot be read");
            Compared::Nothing
        });
        let now = self.seams.clock.now();
        let (words, again) = match compared {
            Compared::Nothing => return None,
            Compared::NotHere => {
                let since = waiting(&record, now);
                let again = (since / 2).clamp(limits::REPORT_LOOK, limits::REPORT_LOOK_MAX);
                (self.patience(storage, &record, since), Some(again))
            }
            Compared::Here { head, parted, sides } => (self.words(storage, &record, head, &parted, &sides), None),
        };
        let Some(words) = words.filter(|words| is_news(&record, words, now)) else { return again };
        let trouble = say(storage, &record, number, &words).err();
        let pause = match &trouble {
            None => {
                storage.went_well();
                again
            }
            Some(failure) => {
                if record.reported.as_ref().and_then(|reported| reported.trouble.as_ref()) != Some(failure) {
                    let (class, number) = (failure.class().name(), number);
                    tracing::warn!(
                        storage = &*storage.name, proposal = &**id, number, class, %failure,
                        "what a proposal changes is not said at the provider"
                    );
                }
                let later = matches!(failure.class(), Class::Retry | Class::Wait);
                later.then(|| pause_after(failure, storage.went_wrong(), chance())).or(again)
            }
        };
        self.happened(storage, id, Event::Reported(Reported { digest: words.digest, at: now, trouble }));
        pause
    }

    /// The configured environments that are served from the base of a proposal, with what they say about proposals.
    fn concerned<'a>(
        &'a self,
        storage: &'a Tracked,
        record: &'a Record,
    ) -> impl Iterator<Item = (Arc<Environment>, Rules)> + 'a {
        let known = storage.environments.iter().filter_map(|name| self.seams.environments.get(name));
        let of_base = known.filter(|environment| environment.base.is_none() && environment.branch == record.base);
        of_base.filter_map(|environment| {
            let rules = *storage.scm.rules.get(&environment.name)?;
            Some((environment, rules))
        })
    }

    fn compare(&self, storage: &Tracked, record: &Record) -> Result<Compared, git::Error> {
        let share = self.seams.workers.share(&storage.name);
        let Some((share, repository)) = share.and_then(|share| Some((share.clone(), share.repository()?))) else {
            return Ok(Compared::NotHere);
        };
        let head = match record.head_commit.as_deref() {
            Some(head) => repository.whole(head)?,
            None => share.tip(&record.head),
        };
        let (Some(head), Some(base)) = (head, share.tip(&record.base)) else { return Ok(Compared::NotHere) };
        let Some(parted) = repository.merge_base(&head, &base)? else { return Ok(Compared::Nothing) };
        // The same between the same commits: a base that moves is no reason to read all files of all proposals again.
        let said = record.reported.as_ref().filter(|said| said.trouble.is_none());
        if said.is_some_and(|said| said.digest.starts_with(&place(&head, &parted))) {
            return Ok(Compared::Nothing);
        }
        let mut sides = Vec::new();
        for (environment, rules) in self.concerned(storage, record) {
            sides.extend(self::sides(&share, &*repository, (&parted, &head), environment, rules)?);
        }
        Ok(Compared::Here { head, parted, sides })
    }

    /// What to say where the commits are not here: for a while nothing, a fetch is under way.
    fn patience(&self, storage: &Tracked, record: &Record, since: Duration) -> Option<Words> {
        if let Some(share) = self.seams.workers.share(&storage.name) {
            share.slot().ring();
        }
        let head = record.head_commit.as_deref().filter(|head| head.len() >= 40)?;
        let wanted = self.concerned(storage, record).any(|(_, rules)| rules.report.status);
        (wanted && since >= limits::REPORT_PENDING).then(|| {
            let line = "waiting for its commits: they are not fetched yet".to_owned();
            Words::new(head.to_owned(), "", Some((CheckState::Pending, line)), None)
        })
    }

    /// What to say of what it touches.
    fn words(&self, storage: &Tracked, record: &Record, head: String, parted: &str, sides: &[Sides]) -> Option<Words> {
        let wants = |way: fn(&Rules) -> bool| -> Option<Vec<Part<'_>>> {
            let parts: Vec<Part<'_>> = sides.iter().filter(|side| way(&side.rules)).map(Sides::part).collect();
            // Nothing touched, and something said: then that has to be taken back.
            let said = record.reported.is_some() && self.concerned(storage, record).any(|(_, rules)| way(&rules));
            (!parts.is_empty() || said).then_some(parts)
        };
        let status = wants(|rules| rules.report.status).map(|parts| report::status(&parts));
        let provider = storage.scm.provider;
        let between = Between { head: &head, base: &record.base, parted };
        let comment = wants(|rules| rules.report.comment);
        let comment = comment.map(|parts| report::comment(&record.id, &parts, &between, report::room(provider)));
        (status.is_some() || comment.is_some()).then(|| Words::new(head, parted, status, comment))
    }
}

/// What an environment is on both sides; nothing if no file of it is another one.
fn sides(
    share: &Share,
    repository: &dyn Repository,
    (parted, head): (&str, &str),
    environment: Arc<Environment>,
    rules: Rules,
) -> Result<Option<Sides>, git::Error> {
    let directory = &environment.directory;
    if repository.tree_id(parted, directory)? == repository.tree_id(head, directory)? {
        return Ok(None);
    }
    let (old, new) = (share.inputs(repository, parted, directory)?, share.inputs(repository, head, directory)?);
    if old.iter().map(|file| (&file.path, &file.blob)).eq(new.iter().map(|file| (&file.path, &file.blob))) {
        return Ok(None);
    }
    let hazards = share.hazards(&environment);
    let before = snapshot::assemble(&old, &snapshot::Environment::default(), hazards);
    let after = snapshot::assemble(&new, &before, hazards);
    let changes = change::between(&before, &after);
    Ok(Some(Sides { environment, rules, before, after, changes, refuses_hazards: hazards == HazardPolicy::Refuse }))
}

/// How long it has stood as it was last seen.
fn waiting(record: &Record, now: Timestamp) -> Duration {
    let since = record.read.unwrap_or(record.since);
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Whether the words are others than those that were said last, or could not be said, and it is time to try again.
fn is_news(record: &Record, words: &Words, now: Timestamp) -> bool {
    let Some(said) = record.reported.as_ref().filter(|said| said.digest == words.digest) else { return true };
    match &said.trouble {
        None => false,
        Some(failure) if matches!(failure.class(), Class::Retry | Class::Wait) => true,
        Some(_) => now.duration_since(said.at).unsigned_abs() >= limits::REPORT_REFUSED,
    }
}

/// Says it in both ways; of two failures the first is answered.
fn say(storage: &Tracked, record: &Record, number: u64, words: &Words) -> Result<(), Failure> {
    let (api, ask) = (&*storage.scm.api, &*storage.scm.background);
    let status = words.status.as_ref().map_or(Ok(()), |(state, description)| {
        let status = Status {
            context: report::CONTEXT.to_owned(),
            state: *state,
            description: description.clone(),
            url: None,
            number,
            branch: Some(record.head.to_string()),
        };
        api.set_status(ask, &words.head, &status)
    });
    let marker = marker::of_comment(&record.id);
    let comment = words.comment.as_ref().map_or(Ok(()), |text| api::say(api, ask, number, &marker, text));
    status.and(comment)
}

impl Words {
    fn new(head: String, parted: &str, status: Option<(CheckState, String)>, comment: Option<String>) -> Self {
        let mut hash = Sha256::new();
        let line = status.as_ref().map(|(state, line)| format!("{state:?} {line}"));
        for text in [Some(&*head), Some(parted), line.as_deref(), comment.as_deref()] {
            hash.update([u8::from(text.is_some())]);
            hash.update(text.map_or(0, str::len).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        let digest = hex::encode(hash.finalize().iter().take(8).copied().collect::<Vec<u8>>());
        Self { digest: format!("{}{digest}", place(&head, parted)).into(), head, status, comment }
    }
}

/// What a digest begins with.
fn place(head: &str, parted: &str) -> String {
    let short = |commit: &str| commit.chars().take(16).collect::<String>();
    format!("{}-{}-", short(head), short(parted))
}
