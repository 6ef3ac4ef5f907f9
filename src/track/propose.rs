//! From a branch to a proposal: its words, and how it is opened.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::pace::Jobs;
use super::records::Entry;
use super::storage::{Subject, Tracked};
use super::{Inner, Refusal, Tracker, cut};
use crate::audit::{self, Kind};
use crate::config::Config;
use crate::limits;
use crate::proposal::marker::Marker;
use crate::proposal::{Id, Record, State, book};
use crate::provider::api::{Failure, New};
use crate::serve::Environment;
use crate::template::Template;
use crate::template::context::{self, Place};
use crate::write::{By, audit as records, own_templates};

/// What somebody says about a proposal that is to be opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Title; the template's, where it is empty.
    pub title: String,
    /// Description, likewise.
    pub body: String,
    /// Not ready for review; what the configuration says, where nothing is said.
    pub draft: Option<bool>,
}

/// A branch that is proposed.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// Its proposal.
    pub entry: Entry,
    /// It was open before.
    pub joined: bool,
}

/// Templates of proposals, and where the storages are, as templates know it.
#[derive(Debug, Default)]
pub(super) struct Words {
    title: Option<Template>,
    body: Option<Template>,
    remotes: HashMap<Arc<str>, String>,
}

impl Words {
    pub(super) fn of(config: &Config) -> Self {
        let parse = |text: &Option<String>| text.as_deref().and_then(|text| Template::parse(text).ok());
        let remote = |storage: &crate::config::Storage| Some((storage.name.clone(), storage.remote.clone()?));
        Self {
            title: parse(&config.templates.proposal_title),
            body: parse(&config.templates.proposal_body),
            remotes: config.storages.values().filter_map(remote).collect(),
        }
    }
}

impl Tracker {
    /// Proposes a branch environment of `base`: opens a proposal, or answers the one that is open. Goes on to its end if
    /// the caller goes away.
    ///
    /// # Errors
    /// See [`Refusal`]. One whose provider could not be asked is planned, and opened as soon as it can.
    pub async fn propose(&self, base: &Arc<Environment>, key: &str, wish: Wish, by: &By) -> Result<Proposed, Refusal> {
        let inner = self.inner()?;
        let storage = self.storage_of(base)?;
        let key =
            key.strip_prefix("flipt/").and_then(|k| k.strip_prefix(&*base.name)?.strip_prefix('/')).unwrap_or(key);
        let head: Arc<str> = format!("flipt/{}/{key}", base.name).into();
        let at = inner.seams.clock.now();
        let event = records::branch(base, Kind::Propose, &head, by, at);
        let (run, base, by) = (inner.clone(), base.clone(), by.clone());
        let proposed = tokio::spawn(async move { run.propose(&storage, &base, head, wish, &by).await }).await;
        let proposed = proposed.unwrap_or_else(|error| {
            tracing::error!(%error, "bug: proposing broke off");
            Err(Refusal::State("a bug: proposing broke off; the log says why".to_owned()))
        });
        inner.record_act(event, proposed.as_ref().map(|_| ()).map_err(ToString::to_string), proposed.as_ref().err());
        proposed
    }

    /// The title and the description that a branch of `base` would be proposed with, for whoever is about to. None where
    /// nothing can be proposed. Reads the branch's own templates: blocks.
    #[must_use]
    pub fn texts(&self, base: &Environment, key: &str) -> Option<(String, String)> {
        let (inner, storage) = (self.inner().ok()?, self.storage_of(base).ok()?);
        let head = format!("flipt/{}/{key}", base.name);
        Some(inner.texts(&storage, Some(&base.name), [&head, key, &base.branch], &Wish::default()))
    }

    /// Whether a write to a branch of this environment opens a proposal by itself.
    #[must_use]
    pub fn proposes_by_itself(&self, base: &Environment) -> bool {
        let storage = self.inner.as_ref().and_then(|inner| inner.storage(&base.storage));
        storage.is_some_and(|storage| storage.scm.rules.get(&base.name).is_some_and(|rules| rules.protected))
    }

    fn storage_of(&self, base: &Environment) -> Result<Arc<Tracked>, Refusal> {
        let inner = self.inner()?;
        let missing = |why: String| Refusal::NoProvider(why);
        let storage = inner.storage(&base.storage);
        let storage = storage.ok_or_else(|| missing(self.missing(&base.storage).unwrap_or_default()))?;
        if base.base.is_some() {
            return Err(Refusal::Invalid(format!("\"{}\" is a branch itself, and has no branches", base.name)));
        }
        if !storage.scm.rules.contains_key(&base.name) {
            return Err(missing(format!(
                "environment \"{}\" has no `scm`: give it one, with the provider's type and a credential",
                base.name
            )));
        }
        Ok(storage)
    }
}

impl Inner {
    async fn propose(
        self: &Arc<Self>,
        storage: &Arc<Tracked>,
        base: &Environment,
        head: Arc<str>,
        wish: Wish,
        by: &By,
    ) -> Result<Proposed, Refusal> {
        self.has_something(storage, base, &head).await?;
        let who = name_of(by);
        let asked =
            book::Wish { environment: Some(base.name.clone()), head: head.clone(), base: base.branch.clone(), by: who };
        // Opening it is what is done below, with an answer.
        let id = self.took(storage, Jobs::OPEN, |book, now| book.ask(&asked, now)).id;
        let entry = |id: &Id| self.library().table.get(id).cloned();
        let unknown = || Refusal::State("the proposal is gone again; ask once more".to_owned());
        let before = entry(&id).ok_or_else(unknown)?;
        if before.record.state == State::Open {
            return Ok(Proposed { entry: before, joined: true });
        }
        storage.wishes(&id, wish);
        let claim = storage.claim(&Subject::Plan(id.clone()), self.origin).await;
        let (run, of, plan) = (self.clone(), storage.clone(), id.clone());
        let opened = spawn_blocking(move || run.open(&of, &plan)).await;
        drop(claim);
        match opened {
            Ok(Ok(joined)) => {
                let found = entry(&id).or_else(|| {
                    let library = self.library();
                    let open = library.books.get(&storage.name)?.open(&head, &base.branch)?.id.clone();
                    library.table.get(&open).cloned()
                });
                Ok(Proposed { entry: found.ok_or_else(unknown)?, joined })
            }
            Ok(Err(failure)) => {
                if entry(&id).is_some_and(|entry| entry.record.state == State::Planned) {
                    // Nobody waits any more; it is opened as soon as the provider lets it.
                    storage.want_later(&Subject::Plan(id.clone()), Jobs::OPEN, &failure, self.elapsed());
                    return Err(Refusal::Planned { failure, id });
                }
                Err(failure.into())
            }
            Err(error) => {
                tracing::error!(%error, "bug: opening a proposal broke off");
                Err(Refusal::State("a bug: proposing broke off; the log says why".to_owned()))
            }
        }
    }

    /// Whether the branch is there and has something that its base has not.
    async fn has_something(
        self: &Arc<Self>,
        storage: &Arc<Tracked>,
        base: &Environment,
        head: &Arc<str>,
    ) -> Result<(), Refusal> {
        let (inner, storage, base, head) = (self.clone(), storage.clone(), base.branch.clone(), head.clone());
        let looked = spawn_blocking(move || {
            let later = |why: &str| Refusal::Provider(Failure::Unreachable(why.to_owned()));
            let share = inner.seams.workers.share(&storage.name).ok_or_else(|| later("the storage is not there"))?;
            let repository = share.repository().ok_or_else(|| later("the storage was not fetched yet"))?;
            let Some(base) = share.tip(&base) else { return Err(later("the storage was not fetched yet")) };
            let Some(tip) = share.tip(&head) else {
                return Err(Refusal::Unknown(format!("environment: \"{head}\" not found")));
            };
            match repository.distance(&tip, &base) {
                Ok(distance) if distance.ahead == 0 => Err(Refusal::Provider(Failure::Nothing(format!(
                    "the branch \"{head}\" has no commit that its base has not"
                )))),
                _ => Ok(()),
            }
        });
        looked.await.unwrap_or(Ok(()))
    }

    /// What a planned proposal is opened with.
    pub(super) fn words_of(&self, storage: &Tracked, record: &Record) -> New {
        let wish = storage.wish(&record.id).unwrap_or_default();
        let rules = record.environment.as_ref().and_then(|name| storage.scm.rules.get(name)).copied();
        let key = record.branch_environment.as_deref().unwrap_or(&record.head);
        let (title, body) =
            self.texts(storage, record.environment.as_deref(), [&record.head, key, &record.base], &wish);
        let marker = Marker { id: record.id.clone(), environment: record.environment.clone() };
        New {
            title,
            body: marker.put(&body),
            head: record.head.to_string(),
            base: record.base.to_string(),
            draft: wish.draft.unwrap_or_else(|| rules.unwrap_or_default().draft),
        }
    }

    /// Title and description of a proposal of `head`, the branch environment `key`, into `base`: what was asked for, else a
    /// template's, else ours.
    fn texts(
        &self,
        storage: &Tracked,
        environment: Option<&str>,
        [head, key, base]: [&str; 3],
        wish: &Wish,
    ) -> (String, String) {
        let words = self.words.load();
        let directory = environment.and_then(|name| self.seams.environments.get(name)).map(|it| it.directory.clone());
        let directory = directory.unwrap_or_default();
        let own = self.seams.workers.share(&storage.name).and_then(|share| {
            let tip = share.tip(head)?;
            own_templates(&*share.repository()?, &tip, &directory)
        });
        let own = own.as_ref();
        let onto = Place {
            reference: base,
            directory: Some(&*directory).filter(|directory| !directory.is_empty()),
            remote: words.remotes.get(&storage.name).map(String::as_str),
            base: None,
        };
        let context = context::proposal(onto, Place { reference: head, base: environment, ..onto });
        let made = |asked: &str, templates: [Option<&Template>; 2], what: &str| {
            let asked = (!asked.trim().is_empty()).then(|| asked.trim().to_owned());
            asked.or_else(|| {
                templates.into_iter().flatten().find_map(|template| match template.render(&context) {
                    Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                    Err(error) => {
                        tracing::warn!(storage = &*storage.name, branch = head, %error, "`templates.{what}` cannot be filled in");
                        None
                    }
                })
            })
        };
        let titles = [own.and_then(|own| own.proposal_title.as_ref()), words.title.as_ref()];
        let bodies = [own.and_then(|own| own.proposal_body.as_ref()), words.body.as_ref()];
        let title = made(&wish.title, titles, "proposal_title");
        let title = title.unwrap_or_else(|| our_title(environment, key));
        let body = made(&wish.body, bodies, "proposal_body");
        let body = body.unwrap_or_else(|| our_body(environment, head, base));
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        (cut(&title, limits::PROPOSAL_TITLE_CHARACTERS), cut(&body, limits::PROPOSAL_BODY_CHARACTERS))
    }

    /// Writes down what somebody did with a proposal, or was refused.
    pub(super) fn record_act(&self, event: audit::Event, done: Result<(), String>, refusal: Option<&Refusal>) {
        let now = self.seams.clock.now();
        let refused = refusal.zip(done.err()).map(|(refusal, message)| audit::Refused {
            code: refusal.code().into(),
            message: cut(&message, limits::AUDIT_MESSAGE_CHARACTERS),
        });
        let outcome = if refused.is_some() { audit::Outcome::Refused } else { audit::Outcome::Accepted };
        self.seams.audit.record(audit::Event { outcome, refusal: refused, settled: Some(now), ..event });
    }
}

fn our_title(environment: Option<&str>, key: &str) -> String {
    let of = environment.map(|name| format!(" of {name}")).unwrap_or_default();
    format!("Change flags{of}: {key}")
}

fn our_body(environment: Option<&str>, head: &str, base: &str) -> String {
    let of = environment.map(|name| format!(" of **{name}**")).unwrap_or_default();
    format!("Changes flags{of}.\n\nFrom the branch `{head}`. It is live as soon as it is merged into `{base}`.")
}

/// Who it is, for the history.
pub(super) fn name_of(by: &By) -> Arc<str> {
    if !by.name.is_empty() {
        return by.name.clone();
    }
    let person = by.person.as_ref().and_then(|person| person.name.as_deref().or(person.email.as_deref()));
    person.unwrap_or("anybody").into()
}
