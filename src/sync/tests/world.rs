//! A storage whose repository is plain data, on a clock that jumps to the next thing that is due.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::super::status::Board;
use super::super::workers::{Seams, Workers};
use super::super::*;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::git::Moved;
use crate::ingest::{Hint, Hints as _};
use crate::serve::{self, Environments};
use crate::store::Store;

/// A remote as data, with knobs for faults, and the mirror of it.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
pub(super) struct Remote {
    /// What the remote has.
    pub(super) branches: BTreeMap<String, String>,
    /// Commits: path -> text. They never go away.
    pub(super) commits: BTreeMap<String, BTreeMap<String, String>>,
    /// What the mirror has.
    pub(super) heads: BTreeMap<String, String>,
    /// Errors of the next fetches.
    pub(super) faults: Vec<git::Error>,
    /// Errors of every fetch until it is taken away.
    pub(super) down: Option<fn() -> git::Error>,
    /// Fetches show the remote as of before this many of them.
    pub(super) lag: usize,
    pub(super) lagging: Option<BTreeMap<String, String>>,
    /// Fetches wait while this is set.
    pub(super) gate: bool,
    pub(super) waiting: usize,
    pub(super) running: usize,
    pub(super) most_running: usize,
    pub(super) fetches: usize,
    pub(super) expected: Vec<Option<String>>,
    pub(super) blobs_read: Vec<String>,
    pub(super) kept: BTreeMap<String, String>,
    pub(super) opened: usize,
    pub(super) poisoned: bool,
    /// Reads fail until a fetch makes the mirror anew, which it does once a read has found it.
    pub(super) damaged: bool,
    pub(super) noted: bool,
}

#[derive(Clone, Default)]
pub(super) struct Fake {
    pub(super) remote: Arc<(Mutex<Remote>, Condvar)>,
}

impl Fake {
    pub(super) fn lock(&self) -> MutexGuard<'_, Remote> {
        self.remote.0.lock().unwrap()
    }

    /// Commits files to a branch, on top of what is there.
    pub(super) fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let mut remote = self.lock();
        let tip = remote.branches.get(branch).cloned();
        let mut tree = tip.and_then(|tip| remote.commits.get(&tip).cloned()).unwrap_or_default();
        tree.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let commit = format!("c{:04}", remote.commits.len());
        remote.commits.insert(commit.clone(), tree);
        remote.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    pub(super) fn delete(&self, branch: &str) {
        self.lock().branches.remove(branch);
    }

    /// Sets how the remote is, and opens the gate.
    pub(super) fn change(&self, change: impl FnOnce(&mut Remote)) {
        change(&mut self.lock());
        self.remote.1.notify_all();
    }

    /// Waits until a fetch stands at the gate.
    pub(super) async fn at_gate(&self) {
        let mine = self.clone();
        let wait = move || {
            let held = mine.lock();
            let (held, ended) = mine.remote.1.wait_timeout_while(held, DEADLINE, |remote| remote.waiting == 0).unwrap();
            drop(held);
            assert!(!ended.timed_out(), "no fetch came to the gate");
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
}

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

impl Source for Fake {
    fn open(&self) -> Result<(Arc<dyn Repository>, Opened), git::Error> {
        self.lock().opened += 1;
        Ok((Arc::new(self.clone()), Opened::Existing))
    }
}

impl Repository for Fake {
    fn fetch(&self, request: &FetchRequest, stop: &Arc<AtomicBool>) -> Result<Fetched, git::Error> {
        let mut remote = self.lock();
        remote.fetches += 1;
        remote.expected.push(request.expected.clone());
        remote.running += 1;
        remote.most_running = remote.most_running.max(remote.running);
        while remote.gate {
            remote.waiting += 1;
            self.remote.1.notify_all();
            let poll = Duration::from_millis(5);
            remote = self.remote.1.wait_timeout(remote, poll).unwrap().0;
            remote.waiting -= 1;
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                remote.running -= 1;
                return Err(git::Error::Stopped);
            }
        }
        remote.running -= 1;
        if remote.poisoned {
            drop(remote);
            panic!("provoked");
        }
        if let Some(down) = remote.down {
            return Err(down());
        }
        if !remote.faults.is_empty() {
            return Err(remote.faults.remove(0));
        }
        let noted = std::mem::take(&mut remote.noted) && std::mem::take(&mut remote.damaged);
        let renewed = noted.then(|| git::Renewed { to: "aside".into(), why: "a pack".to_owned() });
        if noted {
            remote.heads.clear();
        }
        let shown = if remote.lag > 0 {
            remote.lag -= 1;
            remote.lagging.clone().unwrap_or_default()
        } else {
            remote.branches.clone()
        };
        let wanted = |name: &str| {
            request.branches.iter().any(|p| p.strip_suffix('*').map_or(*p == *name, |start| name.starts_with(start)))
        };
        let heads: BTreeMap<String, String> = shown.into_iter().filter(|(name, _)| wanted(name)).collect();
        let main = &request.branches[0];
        if heads.is_empty() {
            return Err(git::Error::EmptyRemote);
        }
        if !heads.contains_key(main) {
            return Err(git::Error::MissingBranch { branch: main.clone(), similar: Vec::new() });
        }
        let names: BTreeSet<&String> = remote.heads.keys().chain(heads.keys()).collect();
        let moved = names.into_iter().map(|name| Moved {
            branch: name.clone(),
            old: remote.heads.get(name).cloned(),
            new: heads.get(name).cloned(),
            forced: false,
        });
        let moved = moved.filter(|moved| moved.old != moved.new).collect();
        let position = |commit: &String| remote.commits.keys().position(|known| known == commit);
        let found =
            |commit: &String| position(commit).is_some() && heads.values().any(|h| position(h) >= position(commit));
        let expected_found = request.expected.as_ref().map(found);
        remote.heads.clone_from(&heads);
        Ok(Fetched { heads, moved, pack_bytes: 1, expected_found, renewed })
    }

    fn heads(&self) -> Result<BTreeMap<String, String>, git::Error> {
        let remote = self.lock();
        if remote.damaged { Err(git::Error::Damaged("a ref".to_owned())) } else { Ok(remote.heads.clone()) }
    }

    fn tree_id(&self, commit: &str, directory: &str) -> Result<Option<String>, git::Error> {
        let entries = self.entries(commit, directory, &|_| true)?;
        Ok((!entries.is_empty()).then(|| format!("{entries:?}")))
    }

    fn entries(&self, commit: &str, directory: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, git::Error> {
        let mut remote = self.lock();
        if remote.damaged {
            remote.noted = true;
            return Err(git::Error::Damaged("a tree".to_owned()));
        }
        let tree = remote.commits.get(commit).ok_or_else(|| git::Error::Damaged(commit.to_owned()))?;
        let below = tree.iter().filter_map(|(path, text)| Some((Path::new(path).strip_prefix(directory).ok()?, text)));
        let entry = |(path, text): (&Path, &String)| {
            let size = Some(text.len() as u64);
            Entry { path: path.to_string_lossy().into_owned(), blob: format!("blob:{text}"), size }
        };
        Ok(below.map(entry).filter(|entry| wanted(&entry.path)).collect())
    }

    fn blob(&self, id: &str, _limit: usize) -> Result<Vec<u8>, git::Error> {
        self.lock().blobs_read.push(id.to_owned());
        let text = id.strip_prefix("blob:").ok_or_else(|| git::Error::Damaged(id.to_owned()))?;
        Ok(text.as_bytes().to_vec())
    }

    fn compact(&self, _stop: &AtomicBool) -> Result<(), git::Error> {
        Ok(())
    }

    fn keep(&self, name: &str, commit: Option<&str>) -> Result<(), git::Error> {
        let mut remote = self.lock();
        match commit {
            Some(commit) => remote.kept.insert(name.to_owned(), commit.to_owned()),
            None => remote.kept.remove(name),
        };
        Ok(())
    }
}

/// Wall-clock time that goes with the runtime's.
pub(super) struct Ticking {
    pub(super) origin: Instant,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.origin.elapsed()
    }
}

/// What was told, in order; whoever waits is woken.
pub(super) struct Told {
    pub(super) lines: watch::Sender<Vec<String>>,
}

impl Told {
    pub(super) fn add(&self, line: String) {
        self.lines.send_modify(|lines| lines.push(line));
    }
}

impl Observer for Told {
    fn fetch_ended(&self, _storage: &str, ok: bool, _took: Duration) {
        self.add(format!("fetch {}", if ok { "ok" } else { "failed" }));
    }
    fn missed(&self, _storage: &str, commits: &[String]) {
        self.add(format!("missed {}", commits.join(" ")));
    }
    fn delivery_done(&self, _: &str, delivery: &Covered, fetched: Timestamp, live: Timestamp, held: Option<&str>) {
        assert!(delivery.received <= fetched && fetched <= live);
        self.add(format!("done {}{}", delivery.id, held.map_or(String::new(), |held| format!(" but {held}"))));
    }
    fn delivery_failed(&self, _storage: &str, delivery: &Covered, error: &str) {
        self.add(format!("failed {}: {error}", delivery.id));
    }
}

/// One storage `flags` with the environments `production` (default) and `staging`, each in its directory.
pub(super) struct World {
    pub(super) fake: Fake,
    pub(super) workers: Arc<Workers>,
    pub(super) environments: Arc<Environments>,
    pub(super) board: Arc<Board>,
    pub(super) told: Arc<Told>,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Config,
}

pub(super) fn config(more: &str) -> Config {
    let text = format!(
        "storage:\n  flags:\n    remote: https://git.example/team/flags.git\n    poll_interval: 30s\n    \
         poll_ceiling: 5m\n    webhook: {{provider: gitea, secrets: [s]}}\n\
         environments:\n  production: {{storage: flags, directory: production, default: true}}\n  \
         staging: {{storage: flags, directory: staging}}\n{more}"
    );
    let none = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    config::load(&text, "test.yml", &BTreeMap::new(), &none).unwrap_or_else(|findings| panic!("{findings:?}"))
}

impl World {
    pub(super) fn of(fake: Fake) -> Self {
        Self::with(fake, Store::none(), config(""))
    }

    pub(super) fn with(fake: Fake, store: Store, config: Config) -> Self {
        let environments = Arc::new(Environments::default());
        let board = Arc::new(Board::default());
        let told = Arc::new(Told { lines: watch::Sender::default() });
        let clock: Arc<dyn Clock> = Arc::new(Ticking { origin: Instant::now() });
        let workers = Arc::new(Workers::new(Seams {
            environments: environments.clone(),
            board: board.clone(),
            store: store.clone(),
            observer: told.clone(),
            clock: clock.clone(),
        }));
        let world = Self { fake, workers, environments, board, told, store, clock, config };
        world.apply();
        world
    }

    pub(super) fn apply(&self) {
        let source: Arc<dyn Source> = Arc::new(self.fake.clone());
        self.workers.apply_from(&self.config, &|_| Some(source.clone()));
    }

    pub(super) fn hint(&self, id: &str, commit: Option<&str>) {
        self.workers.set(Hint {
            storage: "flags".into(),
            delivery: Some(id.into()),
            commit: commit.map(str::to_owned),
            received: self.clock.now(),
        });
    }

    pub(super) fn environment(&self, name: &str) -> Arc<serve::Environment> {
        self.environments.get(name).unwrap_or_else(|| panic!("no environment {name}"))
    }

    /// Waits until `name` serves `commit` and the run that brought it is over.
    pub(super) async fn serves(&self, name: &str, commit: &str) {
        let environment = self.environment(name);
        let (mut generation, mut lines) = (environment.subscribe(), self.told.lines.subscribe());
        let over = || {
            let status = self.status();
            let shown = status.environments.iter().find(|shown| *shown.name == *name);
            environment.load().commit.as_deref() == Some(commit)
                && shown.is_some_and(|shown| shown.commit.as_deref() == Some(commit))
        };
        let wait = async {
            while !over() {
                tokio::select! {
                    changed = generation.changed() => changed.unwrap(),
                    changed = lines.changed() => changed.unwrap(),
                }
            }
        };
        let hour = Duration::from_secs(3_600);
        let waited = timeout(hour, wait).await;
        assert!(waited.is_ok(), "{name} never served {commit}: {:?}", self.last_lines());
    }

    pub(super) fn last_lines(&self) -> Vec<String> {
        let lines = self.told.lines.borrow();
        lines.iter().rev().take(20).rev().cloned().collect()
    }

    /// Waits until `line` was told `times` times.
    pub(super) async fn told(&self, line: &str, times: usize) {
        let mut lines = self.told.lines.subscribe();
        let enough = |lines: &Vec<String>| lines.iter().filter(|told| told.starts_with(line)).count() >= times;
        let waited = timeout(Duration::from_secs(24 * 3_600), lines.wait_for(enough)).await;
        assert!(waited.is_ok(), "never told {line:?} {times} times: {:?}", self.last_lines());
    }

    pub(super) fn count(&self, line: &str) -> usize {
        self.told.lines.borrow().iter().filter(|told| told.starts_with(line)).count()
    }

    pub(super) fn status(&self) -> status::Storage {
        self.board.get("flags", self.clock.now()).unwrap()
    }

    pub(super) fn flags(&self, environment: &str, namespace: &str) -> Vec<String> {
        let served = self.environment(environment).load().flags.clone();
        let namespace = served.namespaces.get(namespace);
        namespace.map(|ns| ns.flags_by_key().map(|flag| flag.key.to_string()).collect()).unwrap_or_default()
    }

    pub(super) async fn stop(self) {
        assert!(self.workers.stop(Instant::now() + DEADLINE).await);
    }
}

pub(super) fn yaml(namespace: &str, flags: &[&str]) -> String {
    let mut text = format!("namespace: {namespace}\nflags:\n");
    for flag in flags {
        writeln!(text, "- {{key: {flag}, name: {flag}, type: BOOLEAN_FLAG_TYPE, enabled: true}}").unwrap();
    }
    text
}

pub(super) const BAD: &str = "namespace: [\n";

/// A remote with one flag in production and one in staging.
pub(super) fn two() -> (Fake, String) {
    let fake = Fake::default();
    let (production, staging) = (yaml("default", &["a"]), yaml("default", &["s"]));
    let commit = fake.push(
        "main",
        &[("production/default/features.yaml", &production), ("staging/default/features.yaml", &staging)],
    );
    (fake, commit)
}
