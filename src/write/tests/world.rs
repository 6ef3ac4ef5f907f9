//! A storage that is written to: the world of `sync`, with writers.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::super::plan::{Done, Look, Planned};
use super::super::writer::{Fault, Step};
use super::super::writers::{Seams, Writers};
use super::super::{By, Change, Outcome, Refusal, Request, What, Written};
use crate::audit::log::Log;
use crate::auth::{Method, Person};
use crate::config::Config;
use crate::flags::resource::view::View;
use crate::flags::resource::{Flag, Kind, Resource};
use crate::flags::snapshot::FlagKind;
use crate::git;
use crate::sync::tests::world::{DEADLINE, Fake, World as Storage, config, two};

const PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

pub(super) struct World {
    pub(super) storage: Storage,
    pub(super) writers: Arc<Writers>,
    pub(super) log: Arc<Log>,
    /// The writer ends at this step.
    pub(super) ends_at: Arc<Mutex<Option<Step>>>,
}

impl World {
    /// Two environments, one flag in each, everything live.
    pub(super) async fn new() -> Self {
        Self::of(two().0, "", Arc::default()).await
    }

    pub(super) async fn of(fake: Fake, more: &str, log: Arc<Log>) -> Self {
        Self::with(fake, config(more), log).await
    }

    pub(super) async fn with(fake: Fake, config: Config, log: Arc<Log>) -> Self {
        let world = Self::start(fake, config, log);
        world.storage.told("fetch ok", 1).await;
        world
    }

    /// As [`Self::with`], of a remote that may be down.
    pub(super) fn start(fake: Fake, config: Config, log: Arc<Log>) -> Self {
        let storage = Storage::with(fake, crate::store::Store::none(), config);
        let ends_at = Arc::<Mutex<Option<Step>>>::default();
        let fault: Fault = {
            let ends_at = ends_at.clone();
            Arc::new(move |step| {
                let ends = *ends_at.lock().unwrap() == Some(step);
                assert!(!ends, "provoked at {step:?}");
            })
        };
        let seams = Seams {
            workers: storage.workers.clone(),
            environments: storage.environments.clone(),
            board: storage.board.clone(),
            audit: log.clone(),
            clock: storage.clock.clone(),
        };
        let writers = Arc::new(Writers::with(seams, &storage.config, plan, PATIENCE, fault));
        Self { storage, writers, log, ends_at }
    }

    /// A request that anybody may make.
    pub(super) fn request(&self, environment: &str, changes: Vec<What>) -> Request {
        let change = |what| Change { namespace: "default".to_owned(), what, revision: None };
        Request {
            environment: self.storage.environment(environment),
            changes: changes.into_iter().map(change).collect(),
            revision: None,
            message: None,
            co_authors: Vec::new(),
            by: by("ada"),
            dry_run: false,
            on_branch: None,
            break_glass: None,
        }
    }

    pub(super) async fn put(&self, environment: &str, key: &str, name: &str) -> Result<Outcome, Refusal> {
        self.writers.change(self.request(environment, vec![What::Put(flag(key, name))])).await
    }

    /// A file on the remote.
    pub(super) fn text(&self, branch: &str, path: &str) -> String {
        let remote = self.storage.fake.lock();
        remote.commits[&remote.branches[branch]][path].clone()
    }

    /// Messages of a branch of the remote, newest first; of what others pushed, the ids.
    pub(super) fn history(&self, branch: &str) -> Vec<String> {
        let remote = self.storage.fake.lock();
        let message = |id: String| {
            let made = remote.made.iter().find(|(made, _)| *made == id);
            made.map_or(id, |(_, commit)| commit.message.clone())
        };
        remote.history(&remote.branches[branch]).into_iter().map(message).collect()
    }

    pub(super) async fn stop(self) {
        assert!(self.writers.stop(Instant::now() + DEADLINE).await);
        self.storage.stop().await;
    }
}

pub(super) fn by(name: &str) -> By {
    let person = Person { name: Some(name.to_owned()), email: Some(format!("{name}@example.com")) };
    By { name: name.into(), method: Method::Token, person: Some(person), address: None }
}

pub(super) fn flag(key: &str, name: &str) -> Resource {
    Resource::Flag(Flag {
        key: key.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        kind: FlagKind::Boolean,
        enabled: true,
        metadata: None,
        variants: Vec::new(),
        default_variant: None,
        rules: Vec::new(),
        rollouts: Vec::new(),
    })
}

/// Name of a flag that makes a file bad.
pub(super) const BAD: &str = "[";

fn line(key: &str, name: &str) -> String {
    format!("- {{key: {key}, name: {name}, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n")
}

/// Plans changes of `default/features.yaml`, in which every flag is one line.
fn plan(
    view: &View,
    tip: &Arc<str>,
    changes: &[Change],
    seen: Option<&str>,
    look: &dyn Look,
) -> Result<Planned, Refusal> {
    const PATH: &str = "default/features.yaml";
    let known = view.files.iter().any(|file| *file.path == *PATH);
    let old =
        if known { String::from_utf8(look.text(PATH)?).unwrap() } else { "namespace: default\nflags:\n".to_owned() };
    let mut text = old.clone();
    let mut planned = Planned::default();
    for change in changes {
        let (verb, key, new) = match &change.what {
            What::Create(resource) => ("create", resource.key(), Some(resource)),
            What::Put(resource) | What::Update(resource) => ("update", resource.key(), Some(resource)),
            What::Delete { key, .. } => ("delete", key.as_str(), None),
            other => return Err(Refusal::Bug(format!("{other:?}"))),
        };
        let start = format!("- {{key: {key},");
        let there = text.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
        if let Some(seen) = seen
            && let Some(then) = look.at(seen)?
            && then.get("default", Kind::Flag, key) != view.get("default", Kind::Flag, key)
        {
            return Err(Refusal::Invalid {
                message: format!("{key} has changed since {seen}, now {tip}"),
                problems: Vec::new(),
            });
        }
        match (&there, new, verb) {
            (None, None, _) => {
                let (namespace, key) = ("default".to_owned(), key.to_owned());
                return Err(Refusal::UnknownResource { kind: Kind::Flag, namespace, key });
            }
            (Some(_), _, "create") => return Err(Refusal::AlreadyExists(format!("flag default/{key}"))),
            _ => {}
        }
        let name = |resource: &Resource| match resource {
            Resource::Flag(flag) => flag.name.clone(),
            Resource::Segment(_) => String::new(),
        };
        let line = new.map_or(String::new(), |resource| line(key, &name(resource)));
        match there {
            Some(there) => text = text.replace(&format!("{there}\n"), &line),
            None => write!(text, "{line}").unwrap(),
        }
        planned.written.push(Written {
            namespace: "default".to_owned(),
            resource: new.cloned(),
            revision: None,
            merged: false,
        });
        planned.done.push(Done { verb, kind: "flag", namespace: "default".to_owned(), key: key.to_owned() });
    }
    if text != old {
        planned.files.push((PATH.to_owned(), Some(text.into_bytes())));
    }
    Ok(planned)
}

/// What a refusal is, in one word.
pub(super) fn code<T: std::fmt::Debug>(result: &Result<T, Refusal>) -> &'static str {
    result.as_ref().map_or_else(Refusal::code, |_| "ok")
}

pub(super) fn unreachable() -> git::Error {
    git::Error::Unreachable("no route".to_owned())
}
