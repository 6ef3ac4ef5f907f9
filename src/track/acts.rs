//! What people do with a proposal through Yardarm. Each act is done at the provider, and then the provider is read: what
//! is shown is never what was asked for, but what came of it.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::pace::Jobs;
use super::propose::name_of;
use super::records::Entry;
use super::storage::{Subject, Tracked};
use super::{Inner, Refusal, Rules, Tracker, cut};
use crate::audit::Kind;
use crate::limits;
use crate::proposal::marker::{self, Marker};
use crate::proposal::record::same_commit;
use crate::proposal::{Event, Id, Record, State};
use crate::provider::api::{self, Edit, Failure, Merge, MergeMethod, New, Offers};
use crate::write::writers::Strategy;
use crate::write::{By, audit as records};

/// What can be done with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Close it.
    Close,
    /// Open it again; a new one in its place, where the provider cannot.
    Reopen,
    /// It is ready for review.
    Ready,
    /// It is not.
    Draft,
    /// Give it another title or description; what is absent stays.
    Edit {
        /// Title.
        title: Option<String>,
        /// Description, without our marker.
        body: Option<String>,
    },
    /// Merge it.
    Merge {
        /// In which way; what the configuration says, where nothing is said.
        method: Option<MergeMethod>,
        /// Message of the commit.
        message: Option<String>,
        /// The head that was looked at: another one is not merged.
        head: Option<String>,
    },
    /// Let its branch take up what the base has got.
    Update(Strategy),
}

impl Act {
    const fn kind(&self) -> Kind {
        match self {
            Self::Close => Kind::CloseProposal,
            Self::Reopen => Kind::ReopenProposal,
            Self::Ready => Kind::ReadyProposal,
            Self::Draft => Kind::DraftProposal,
            Self::Edit { .. } => Kind::EditProposal,
            Self::Merge { .. } => Kind::MergeProposal,
            Self::Update(_) => Kind::UpdateBranch,
        }
    }

    const fn done(&self) -> &'static str {
        match self {
            Self::Close => "closed",
            Self::Reopen => "reopened",
            Self::Ready => "marked ready",
            Self::Draft => "made a draft",
            Self::Edit { .. } => "edited",
            Self::Merge { .. } => "merged",
            Self::Update(_) => "updated",
        }
    }
}

impl Refusal {
    /// A short, stable name, for records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoProvider(_) => "no-provider",
            Self::Unknown(_) => "not-found",
            Self::Invalid(_) => "invalid",
            Self::State(_) => "state",
            Self::Provider(_) | Self::Planned { .. } => "provider",
            Self::Write(refusal) => refusal.code(),
            Self::Conflicts(_) => "conflict",
            Self::Draining => "unavailable",
        }
    }
}

impl Tracker {
    /// What the provider of a storage has at all; nothing where there is none.
    #[must_use]
    pub fn offers(&self, storage: &str) -> Option<Offers> {
        Some(self.inner.as_ref()?.storage(storage)?.scm.api.offers())
    }

    /// What an environment of a storage says about its proposals; of one without a provider nothing.
    #[must_use]
    pub fn rules(&self, storage: &str, environment: &str) -> Option<Rules> {
        self.inner.as_ref()?.storage(storage)?.scm.rules.get(environment).copied()
    }

    /// Does something with a proposal, and answers it as the provider shows it afterwards. Goes on to its end if the
    /// caller goes away.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn act(&self, id: &str, act: Act, by: &By) -> Result<Entry, Refusal> {
        let inner = self.inner()?;
        let unknown = || Refusal::Unknown(format!("there is no proposal \"{id}\""));
        let record = inner.record(id).ok_or_else(unknown)?;
        let storage = inner.storage(&record.storage).ok_or_else(unknown)?;
        let base = record.environment.as_ref().and_then(|name| inner.seams.environments.get(name));
        let event = base.as_ref().map(|base| {
            let now = inner.seams.clock.now();
            records::branch(base, act.kind(), &record.head, by, now)
        });
        let updates = matches!(act, Act::Update(_));
        let (run, by) = (inner.clone(), by.clone());
        let done = tokio::spawn(async move { run.act(&storage, &record, act, &by).await }).await;
        let done = done.unwrap_or_else(|error| {
            tracing::error!(%error, "bug: an act broke off");
            Err(Refusal::State("a bug: it broke off; the log says why".to_owned()))
        });
        // Of an update the writers keep the record.
        if let Some(event) = event.filter(|_| !updates) {
            inner.record_act(event, done.as_ref().map(|_| ()).map_err(ToString::to_string), done.as_ref().err());
        }
        let id = done?;
        self.get(&id).ok_or_else(unknown)
    }
}

impl Inner {
    async fn act(self: &Arc<Self>, storage: &Arc<Tracked>, record: &Record, act: Act, by: &By) -> Result<Id, Refusal> {
        let id = record.id.clone();
        let claim = storage.claim(&Subject::of(record), self.origin).await;
        // Somebody else may have done something while this one waited.
        let gone = || Refusal::Unknown(format!("there is no proposal \"{id}\" any more"));
        let record = self.record(&id).ok_or_else(gone)?;
        if let Act::Update(strategy) = act {
            drop(claim);
            return self.update(&record, strategy, by).await;
        }
        let (run, of, by) = (self.clone(), storage.clone(), name_of(by));
        let done = spawn_blocking(move || run.act_now(&of, &record, &act, &by)).await;
        drop(claim);
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "bug: an act broke off");
            Err(Refusal::State("a bug: it broke off; the log says why".to_owned()))
        })
    }

    fn act_now(
        self: &Arc<Self>,
        storage: &Arc<Tracked>,
        record: &Record,
        act: &Act,
        by: &Arc<str>,
    ) -> Result<Id, Refusal> {
        let id = record.id.clone();
        let Some(number) = record.number else {
            if *act == Act::Close && record.state == State::Planned {
                self.happened(storage, &id, Event::Failed(Failure::State(format!("given up by {by}"))));
                return Ok(id);
            }
            return Err(Refusal::State("it was not opened at the provider yet".to_owned()));
        };
        match (act, record.state) {
            (Act::Close, State::Closed)
            | (Act::Reopen, State::Open)
            | (Act::Merge { .. }, State::Merged | State::Live) => {
                return Ok(id);
            }
            (_, State::Merged | State::Live) => return Err(Refusal::State("it is merged already".to_owned())),
            (_, State::Gone) => return Err(Refusal::State("the provider has no such proposal any more".to_owned())),
            (Act::Ready | Act::Draft | Act::Edit { .. } | Act::Merge { .. }, State::Closed) => {
                return Err(Refusal::State("it is closed; reopen it first".to_owned()));
            }
            _ => {}
        }
        let (api, ask) = (&*storage.scm.api, &*storage.scm.ask);
        let done = match act {
            Act::Close => api.close(ask, number),
            Act::Reopen => match api.reopen(ask, number) {
                Err(Failure::Unsupported(_)) => return self.succeed(storage, record, by),
                done => done,
            },
            Act::Ready => api.set_draft(ask, number, false),
            Act::Draft => api.set_draft(ask, number, true),
            Act::Edit { title, body } => api.edit(ask, number, &edit(record, title.as_deref(), body.as_deref())?),
            Act::Merge { method, message, head } => {
                let merge = Self::merge(storage, record, *method, message.clone(), head.as_deref())?;
                api.merge(ask, number, &merge).map(drop)
            }
            Act::Update(_) => Ok(()),
        };
        if let Err(failure) = done {
            // It may have been done all the same, or cannot be because things are not as they are shown here.
            self.happened(storage, &id, Event::Failed(failure.clone()));
            storage.want(&Subject::Number(number), Jobs::READ, self.elapsed());
            return Err(failure.into());
        }
        let event = Event::Done { by: by.clone(), what: act.done().to_owned() };
        self.took(storage, Jobs::READ, |book, now| book.take(&id, event, now));
        if let Err(failure) = self.read_now(storage, number) {
            tracing::debug!(%failure, "done, and not read yet");
            storage.want(&Subject::Number(number), Jobs::READ, self.elapsed());
        }
        if matches!(act, Act::Merge { .. }) && self.record(&id).is_some_and(|record| record.state == State::Open) {
            // The provider does it later.
            storage.want(&Subject::Number(number), Jobs::READ, self.elapsed());
        }
        Ok(id)
    }

    /// What is asked of the provider: exactly the head that is known here is merged.
    fn merge(
        storage: &Tracked,
        record: &Record,
        method: Option<MergeMethod>,
        message: Option<String>,
        head: Option<&str>,
    ) -> Result<Merge, Refusal> {
        if record.is_fork() {
            return Err(Refusal::State(
                "it comes from a fork: it is merged at the provider, by somebody who has read it".to_owned(),
            ));
        }
        let said = record.seen.as_ref().and_then(|seen| seen.head_commit.as_deref());
        let known = record.head_commit.as_deref().filter(|known| said.is_none_or(|said| same_commit(known, said)));
        let commit = [said, known].into_iter().flatten().max_by_key(|commit| commit.len());
        let commit =
            commit.ok_or_else(|| Refusal::State("its head is not known yet; try again in a moment".to_owned()))?;
        if let Some(head) = head.filter(|head| !same_commit(head, commit)) {
            return Err(Failure::Stale(format!("its head is {commit}, and not {head}")).into());
        }
        let rules =
            record.environment.as_ref().and_then(|name| storage.scm.rules.get(name)).copied().unwrap_or_default();
        let method = method.or(rules.merge_method);
        if let Some(method) = method.filter(|method| !storage.scm.api.offers().methods.contains(method)) {
            return Err(Refusal::Invalid(format!("the provider does not merge by {}", word(method))));
        }
        // Its branch is removed by us, when it is live and if nobody has pushed to it since.
        Ok(Merge { head_commit: commit.to_owned(), method, message, delete_branch: false })
    }

    /// Opens another one in the place of one that cannot be reopened.
    fn succeed(self: &Arc<Self>, storage: &Arc<Tracked>, record: &Record, by: &Arc<str>) -> Result<Id, Refusal> {
        let wish = crate::proposal::book::Wish {
            environment: record.environment.clone(),
            head: record.head.clone(),
            base: record.base.clone(),
            by: by.clone(),
        };
        let next = self.took(storage, Jobs::OPEN, |book, now| book.ask(&wish, now)).id;
        let seen = record.seen.clone().unwrap_or_default();
        let marker = Marker { id: next.clone(), environment: record.environment.clone() };
        let new = New {
            title: seen.title,
            body: marker.put(marker::without(&seen.body)),
            head: record.head.to_string(),
            base: record.base.to_string(),
            draft: seen.draft,
        };
        match api::open_or_join(&*storage.scm.api, &*storage.scm.ask, &new) {
            Ok(opened) => {
                let number = opened.proposal.number;
                self.happened(storage, &next, Event::Listed(Box::new(opened.proposal)));
                let at = self.id_of(storage, &Subject::Number(number)).unwrap_or(next);
                self.happened(storage, &record.id, Event::Succeeded { by: at.clone() });
                storage.want(&Subject::Number(number), Jobs::READ.with(Jobs::MEASURE), self.elapsed());
                Ok(at)
            }
            Err(failure) => {
                self.happened(storage, &next, Event::Failed(failure.clone()));
                Err(failure.into())
            }
        }
    }

    async fn update(self: &Arc<Self>, record: &Record, strategy: Strategy, by: &By) -> Result<Id, Refusal> {
        let (Some(environment), Some(key)) = (&record.environment, &record.branch_environment) else {
            return Err(Refusal::State(format!(
                "\"{}\" is no branch environment; bring it up to date with Git, or at the provider",
                record.head
            )));
        };
        let base = self.seams.environments.get(environment);
        let base = base.ok_or_else(|| Refusal::Unknown(format!("environment: \"{environment}\" not found")))?;
        let updated = self.seams.writers.update_branch(&base, key, strategy, by.clone()).await;
        match updated {
            Ok(Ok(_)) => Ok(record.id.clone()),
            Ok(Err(conflicts)) => Err(Refusal::Conflicts(Box::new(conflicts))),
            Err(refusal) => Err(Refusal::Write(refusal)),
        }
    }
}

/// What is asked of the provider: the marker stays, by which the proposal is found again.
fn edit(record: &Record, title: Option<&str>, body: Option<&str>) -> Result<Edit, Refusal> {
    let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    if title.as_deref() == Some("") {
        return Err(Refusal::Invalid("a proposal needs a title".to_owned()));
    }
    let marker = Marker { id: record.id.clone(), environment: record.environment.clone() };
    Ok(Edit {
        title: title.map(|title| cut(&title, limits::PROPOSAL_TITLE_CHARACTERS)),
        body: body.map(|body| marker.put(&cut(body.trim(), limits::PROPOSAL_BODY_CHARACTERS))),
    })
}

const fn word(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Merge => "a merge commit",
        MergeMethod::Squash => "squashing",
        MergeMethod::Rebase => "rebasing",
    }
}
