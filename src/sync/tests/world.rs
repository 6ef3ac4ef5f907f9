//! A storage whose repository is plain data, on a clock that jumps to the next thing that is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
pub(crate) struct Remote {
    /// What the remote has.
    pub(crate) branches: BTreeMap<String, String>,
    /// Commits: path -> text. They never go away.
    pub(crate) commits: BTreeMap<String, BTreeMap<String, String>>,
    /// What the mirror has.
    pub(crate) heads: BTreeMap<String, String>,
    /// Errors of the next fetches.
    pub(crate) faults: Vec<git::Error>,
    /// Errors of every fetch until it is taken away.
    pub(crate) down: Option<fn() -> git::Error>,
    /// Fetches show the remote as of before this many of them.
    pub(crate) lag: usize,
    pub(crate) lagging: Option<BTreeMap<String, String>>,
    /// Fetches wait while this is set.
    pub(crate) gate: bool,
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) most_running: usize,
    pub(crate) fetches: usize,
    pub(crate) expected: Vec<Option<String>>,
    pub(crate) blobs_read: Vec<String>,
    pub(crate) kept: BTreeMap<String, String>,
    pub(crate) opened: usize,
    pub(crate) poisoned: bool,
    /// Reads fail until a fetch makes the mirror anew, which it does once a read has found it.
    pub(crate) damaged: bool,
    pub(crate) noted: bool,
    /// Parents of commits.
    pub(crate) parents: BTreeMap<String, Vec<String>>,
    /// Texts by the ids of their blobs.
    pub(crate) texts: BTreeMap<String, String>,
    /// What the next pushes meet.
    pub(crate) pushes: VecDeque<Meets>,
    /// Pushes that were tried.
    pub(crate) pushed: usize,
    /// Commits that were made here, with author and message.
    pub(crate) made: Vec<(String, NewCommit)>,
    /// What a hook of the remote refuses: a commit whose message has this.
    pub(crate) refuses: Option<String>,
    /// It is of this process alone: it may begin here.
    pub(crate) own: bool,
}

/// What a push meets.
#[derive(Debug, Clone)]
pub(crate) enum Meets {
    /// Somebody else's commit that comes first: branch, files.
    Other(String, Vec<(String, String)>),
    /// It lands, and the connection is lost before the answer.
    LostAfter,
    /// It does not land, and the connection is lost.
    LostBefore,
    /// The remote cannot be reached.
    Down,
}

#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) remote: Arc<(Mutex<Remote>, Condvar)>,
}

impl Remote {
    fn other(&mut self, branch: &str, files: Vec<(String, String)>) -> String {
        let tip = self.branches.get(branch).cloned();
        let mut tree = tip.as_ref().and_then(|tip| self.commits.get(tip).cloned()).unwrap_or_default();
        tree.extend(files);
        let commit = format!("c{:039x}", self.commits.len());
        self.parents.insert(commit.clone(), tip.into_iter().collect());
        self.commits.insert(commit.clone(), tree);
        self.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    /// Every commit of a history, newest first.
    pub(crate) fn history(&self, tip: &str) -> Vec<String> {
        let (mut found, mut open) = (Vec::new(), VecDeque::from([tip.to_owned()]));
        while let Some(commit) = open.pop_front() {
            if !found.contains(&commit) {
                open.extend(self.parents.get(&commit).into_iter().flatten().cloned());
                found.push(commit);
            }
        }
        found
    }
}

/// The id that Git gives a text.
fn blob_id(text: &str) -> String {
    use sha1::Digest as _;
    hex::encode(sha1::Sha1::new().chain_update(format!("blob {}\0", text.len())).chain_update(text).finalize())
}

impl Fake {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Remote> {
        self.remote.0.lock().unwrap()
    }

    /// Commits files to a branch, on top of what is there.
    pub(crate) fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        self.lock().other(branch, files.collect())
    }

    pub(crate) fn delete(&self, branch: &str) {
        self.lock().branches.remove(branch);
    }

    /// Sets how the remote is, and opens the gate.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Remote)) {
        change(&mut self.lock());
        self.remote.1.notify_all();
    }

    /// Waits until a fetch stands at the gate.
    pub(crate) async fn at_gate(&self) {
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

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

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
        if heads.is_empty() && !remote.own {
            return Err(git::Error::EmptyRemote);
        }
        if !remote.own && !heads.contains_key(main) {
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
        let found = |commit: &String| heads.values().any(|head| remote.history(head).contains(commit));
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
            (Entry { path: path.to_string_lossy().into_owned(), blob: blob_id(text), size }, text.clone())
        };
        let entries: Vec<_> = below.map(entry).filter(|(entry, _)| wanted(&entry.path)).collect();
        remote.texts.extend(entries.iter().map(|(entry, text)| (entry.blob.clone(), text.clone())));
        Ok(entries.into_iter().map(|(entry, _)| entry).collect())
    }

    fn blob(&self, id: &str, _limit: usize) -> Result<Vec<u8>, git::Error> {
        let mut remote = self.lock();
        remote.blobs_read.push(id.to_owned());
        let text = remote.texts.get(id).ok_or_else(|| git::Error::Damaged(id.to_owned()))?;
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

    fn commit(&self, base: Option<&str>, new: &NewCommit) -> Result<Committed, git::Error> {
        let mut remote = self.lock();
        let mut tree = base.and_then(|base| remote.commits.get(base).cloned()).unwrap_or_default();
        let mut blobs = Vec::new();
        for (path, bytes) in &new.files {
            match bytes {
                Some(bytes) => {
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    let id = blob_id(&text);
                    remote.texts.insert(id.clone(), text.clone());
                    blobs.push((path.clone(), id));
                    tree.insert(path.clone(), text);
                }
                None => drop(tree.remove(path)),
            }
        }
        // Equal values make equal ids.
        let id = blob_id(&format!("{new:?}"));
        remote.parents.insert(id.clone(), new.parents.clone());
        remote.commits.insert(id.clone(), tree);
        remote.made.push((id.clone(), new.clone()));
        Ok(Committed { id, tree: String::new(), blobs })
    }

    fn push(&self, push: &Push, _: &Arc<AtomicBool>) -> Result<(), PushError> {
        let mut remote = self.lock();
        remote.pushed += 1;
        let lost = || git::Error::Unreachable("connection reset".to_owned());
        let meets = remote.pushes.pop_front();
        match &meets {
            Some(Meets::Down) => return Err(PushError::Failed(lost())),
            Some(Meets::LostBefore) => return Err(PushError::Unknown(lost())),
            Some(Meets::Other(branch, files)) => drop(remote.other(branch, files.clone())),
            _ => {}
        }
        let actual = remote.branches.get(&push.branch).cloned();
        if actual != push.old {
            return Err(PushError::Stale { actual });
        }
        let new: Vec<String> = push.new.as_ref().map(|new| remote.history(new)).unwrap_or_default();
        let refused = remote.refuses.clone().is_some_and(|text| {
            remote.made.iter().any(|(id, commit)| new.contains(id) && commit.message.contains(&text))
        });
        if refused {
            let message = "pre-receive hook declined".to_owned();
            return Err(PushError::Rejected(git::Rejection { kind: git::RejectionKind::Hook, message }));
        }
        match &push.new {
            Some(new) => remote.branches.insert(push.branch.clone(), new.clone()),
            None => remote.branches.remove(&push.branch),
        };
        if matches!(meets, Some(Meets::LostAfter)) { Err(PushError::Unknown(lost())) } else { Ok(()) }
    }

    fn adopt(&self, branch: &str, commit: Option<&str>) -> Result<(), git::Error> {
        let mut remote = self.lock();
        match commit {
            Some(commit) => remote.heads.insert(branch.to_owned(), commit.to_owned()),
            None => remote.heads.remove(branch),
        };
        Ok(())
    }

    fn may_begin(&self) -> bool {
        self.lock().own
    }

    fn contains(&self, tip: &str, commit: &str) -> Result<bool, git::Error> {
        let remote = self.lock();
        let is_there = remote.commits.contains_key(tip);
        Ok(is_there && remote.history(tip).iter().any(|known| known == commit))
    }
}

/// Wall-clock time that goes with the runtime's.
pub(crate) struct Ticking {
    pub(crate) origin: Instant,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.origin.elapsed()
    }
}

/// What was told, in order; whoever waits is woken.
pub(crate) struct Told {
    pub(crate) lines: watch::Sender<Vec<String>>,
}

impl Told {
    pub(crate) fn add(&self, line: String) {
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
pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) workers: Arc<Workers>,
    pub(crate) environments: Arc<Environments>,
    pub(crate) board: Arc<Board>,
    pub(crate) told: Arc<Told>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
}

pub(crate) fn config(more: &str) -> Config {
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
    pub(crate) fn of(fake: Fake) -> Self {
        Self::with(fake, Store::none(), config(""))
    }

    pub(crate) fn with(fake: Fake, store: Store, config: Config) -> Self {
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

    pub(crate) fn apply(&self) {
        let source: Arc<dyn Source> = Arc::new(self.fake.clone());
        self.workers.apply_from(&self.config, &|_| Some(source.clone()));
    }

    pub(crate) fn hint(&self, id: &str, commit: Option<&str>) {
        self.workers.set(Hint {
            storage: "flags".into(),
            delivery: Some(id.into()),
            commit: commit.map(str::to_owned),
            received: self.clock.now(),
        });
    }

    pub(crate) fn environment(&self, name: &str) -> Arc<serve::Environment> {
        self.environments.get(name).unwrap_or_else(|| panic!("no environment {name}"))
    }

    /// Waits until `name` serves `commit` and the run that brought it is over.
    pub(crate) async fn serves(&self, name: &str, commit: &str) {
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

    pub(crate) fn last_lines(&self) -> Vec<String> {
        let lines = self.told.lines.borrow();
        lines.iter().rev().take(20).rev().cloned().collect()
    }

    /// Waits until `line` was told `times` times.
    pub(crate) async fn told(&self, line: &str, times: usize) {
        let mut lines = self.told.lines.subscribe();
        let enough = |lines: &Vec<String>| lines.iter().filter(|told| told.starts_with(line)).count() >= times;
        let waited = timeout(Duration::from_secs(24 * 3_600), lines.wait_for(enough)).await;
        assert!(waited.is_ok(), "never told {line:?} {times} times: {:?}", self.last_lines());
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.told.lines.borrow().iter().filter(|told| told.starts_with(line)).count()
    }

    pub(crate) fn status(&self) -> status::Storage {
        self.board.get("flags", self.clock.now()).unwrap()
    }

    pub(crate) fn flags(&self, environment: &str, namespace: &str) -> Vec<String> {
        let served = self.environment(environment).load().flags.clone();
        let namespace = served.namespaces.get(namespace);
        namespace.map(|ns| ns.flags_by_key().map(|flag| flag.key.to_string()).collect()).unwrap_or_default()
    }

    pub(crate) async fn stop(self) {
        assert!(self.workers.stop(Instant::now() + DEADLINE).await);
    }
}

pub(crate) fn yaml(namespace: &str, flags: &[&str]) -> String {
    let mut text = format!("namespace: {namespace}\nflags:\n");
    for flag in flags {
        writeln!(text, "- {{key: {flag}, name: {flag}, type: BOOLEAN_FLAG_TYPE, enabled: true}}").unwrap();
    }
    text
}

pub(crate) const BAD: &str = "namespace: [\n";

/// A remote with one flag in production and one in staging.
pub(crate) fn two() -> (Fake, String) {
    let fake = Fake::default();
    let (production, staging) = (yaml("default", &["a"]), yaml("default", &["s"]));
    let commit = fake.push(
        "main",
        &[("production/default/features.yaml", &production), ("staging/default/features.yaml", &staging)],
    );
    (fake, commit)
}
