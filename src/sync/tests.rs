//! The workers against a repository that is plain data, on a clock that jumps to the next thing that is due.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::status::{Board, Mode};
use super::workers::{Seams, Workers};
use super::*;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::fault::Class;
use crate::git::Moved;
use crate::ingest::{Hint, Hints as _};
use crate::limits;
use crate::serve::{self, Environments};
use crate::store::Store;

/// A remote as data, with knobs for faults, and the mirror of it.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
struct Remote {
    /// What the remote has.
    branches: BTreeMap<String, String>,
    /// Commits: path -> text. They never go away.
    commits: BTreeMap<String, BTreeMap<String, String>>,
    /// What the mirror has.
    heads: BTreeMap<String, String>,
    /// Errors of the next fetches.
    faults: Vec<git::Error>,
    /// Errors of every fetch until it is taken away.
    down: Option<fn() -> git::Error>,
    /// Fetches show the remote as of before this many of them.
    lag: usize,
    lagging: Option<BTreeMap<String, String>>,
    /// Fetches wait while this is set.
    gate: bool,
    waiting: usize,
    running: usize,
    most_running: usize,
    fetches: usize,
    expected: Vec<Option<String>>,
    blobs_read: Vec<String>,
    kept: BTreeMap<String, String>,
    opened: usize,
    poisoned: bool,
    /// Reads fail until a fetch makes the mirror anew, which it does once a read has found it.
    damaged: bool,
    noted: bool,
}

#[derive(Clone, Default)]
struct Fake {
    remote: Arc<(Mutex<Remote>, Condvar)>,
}

impl Fake {
    fn lock(&self) -> MutexGuard<'_, Remote> {
        self.remote.0.lock().unwrap()
    }

    /// Commits files to a branch, on top of what is there.
    fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let mut remote = self.lock();
        let tip = remote.branches.get(branch).cloned();
        let mut tree = tip.and_then(|tip| remote.commits.get(&tip).cloned()).unwrap_or_default();
        tree.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let commit = format!("c{:04}", remote.commits.len());
        remote.commits.insert(commit.clone(), tree);
        remote.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    fn delete(&self, branch: &str) {
        self.lock().branches.remove(branch);
    }

    /// Sets how the remote is, and opens the gate.
    fn change(&self, change: impl FnOnce(&mut Remote)) {
        change(&mut self.lock());
        self.remote.1.notify_all();
    }

    /// Waits until a fetch stands at the gate.
    async fn at_gate(&self) {
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

const DEADLINE: Duration = Duration::from_secs(20);

impl Source for Fake {
    fn open(&self) -> Result<(Box<dyn Repository>, Opened), git::Error> {
        self.lock().opened += 1;
        Ok((Box::new(self.clone()), Opened::Existing))
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
struct Ticking {
    origin: Instant,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.origin.elapsed()
    }
}

/// What was told, in order; whoever waits is woken.
struct Told {
    lines: watch::Sender<Vec<String>>,
}

impl Told {
    fn add(&self, line: String) {
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
struct World {
    fake: Fake,
    workers: Arc<Workers>,
    environments: Arc<Environments>,
    board: Arc<Board>,
    told: Arc<Told>,
    store: Store,
    clock: Arc<dyn Clock>,
    config: Config,
}

fn config(more: &str) -> Config {
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
    fn of(fake: Fake) -> Self {
        Self::with(fake, Store::none(), config(""))
    }

    fn with(fake: Fake, store: Store, config: Config) -> Self {
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

    fn apply(&self) {
        let source: Arc<dyn Source> = Arc::new(self.fake.clone());
        self.workers.apply_from(&self.config, &|_| Some(source.clone()));
    }

    fn hint(&self, id: &str, commit: Option<&str>) {
        self.workers.set(Hint {
            storage: "flags".into(),
            delivery: Some(id.into()),
            commit: commit.map(str::to_owned),
            received: self.clock.now(),
        });
    }

    fn environment(&self, name: &str) -> Arc<serve::Environment> {
        self.environments.get(name).unwrap_or_else(|| panic!("no environment {name}"))
    }

    /// Waits until `name` serves `commit` and the run that brought it is over.
    async fn serves(&self, name: &str, commit: &str) {
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

    fn last_lines(&self) -> Vec<String> {
        let lines = self.told.lines.borrow();
        lines.iter().rev().take(20).rev().cloned().collect()
    }

    /// Waits until `line` was told `times` times.
    async fn told(&self, line: &str, times: usize) {
        let mut lines = self.told.lines.subscribe();
        let enough = |lines: &Vec<String>| lines.iter().filter(|told| told.starts_with(line)).count() >= times;
        let waited = timeout(Duration::from_secs(24 * 3_600), lines.wait_for(enough)).await;
        assert!(waited.is_ok(), "never told {line:?} {times} times: {:?}", self.last_lines());
    }

    fn count(&self, line: &str) -> usize {
        self.told.lines.borrow().iter().filter(|told| told.starts_with(line)).count()
    }

    fn status(&self) -> status::Storage {
        self.board.get("flags", self.clock.now()).unwrap()
    }

    fn flags(&self, environment: &str, namespace: &str) -> Vec<String> {
        let served = self.environment(environment).load().flags.clone();
        let namespace = served.namespaces.get(namespace);
        namespace.map(|ns| ns.flags_by_key().map(|flag| flag.key.to_string()).collect()).unwrap_or_default()
    }

    async fn stop(self) {
        assert!(self.workers.stop(Instant::now() + DEADLINE).await);
    }
}

fn yaml(namespace: &str, flags: &[&str]) -> String {
    let mut text = format!("namespace: {namespace}\nflags:\n");
    for flag in flags {
        writeln!(text, "- {{key: {flag}, name: {flag}, type: BOOLEAN_FLAG_TYPE, enabled: true}}").unwrap();
    }
    text
}

const BAD: &str = "namespace: [\n";

/// A remote with one flag in production and one in staging.
fn two() -> (Fake, String) {
    let fake = Fake::default();
    let (production, staging) = (yaml("default", &["a"]), yaml("default", &["s"]));
    let commit = fake.push(
        "main",
        &[("production/default/features.yaml", &production), ("staging/default/features.yaml", &staging)],
    );
    (fake, commit)
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_announced_is_served_at_once_and_its_delivery_is_told() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.told("fetch ok", 1).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a", "b"]))]);
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(1), "no poll was waited for");
    assert_eq!(world.flags("production", "default"), ["a", "b"]);
    assert_eq!(world.flags("staging", "default"), ["s"]);
    assert_eq!(world.fake.lock().expected, [None, Some(second.clone())]);
    let status = world.status();
    assert_eq!((status.mode, status.head.as_deref()), (Mode::Webhook, Some(&*second)));
    assert_eq!(status.environments[0].commit.as_deref(), Some(&*second));
    assert!(status.last_delivery.is_some() && status.failure.is_none());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_read_and_only_who_changed_is_told() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("staging", &first).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 2);
    let staging = world.environment("staging").load().flags.clone();
    let second = world.fake.push(
        "main",
        &[("production/default/features.yaml", &yaml("default", &["b"])), ("README.md", "not a flag file")],
    );
    world.hint("d1", Some(&second));
    world.serves("staging", &second).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 3, "{:?}", world.fake.lock().blobs_read);
    assert!(Arc::ptr_eq(&staging, &world.environment("staging").load().flags), "the same flags, at a newer commit");
    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a"]))]);
    world.hint("d2", Some(&third));
    world.serves("production", &third).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 4, "what nobody uses is not kept in memory");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_running_fetch_and_one_that_covers_the_rest() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.told("fetch ok", 1).await;
    world.fake.change(|remote| remote.gate = true);
    world.hint("d0", Some(&first));
    world.fake.at_gate().await;
    let mut last = first;
    for n in 1..50 {
        last = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &[&format!("f{n}")]))]);
        world.hint(&format!("d{n}"), Some(&last));
    }
    world.fake.change(|remote| remote.gate = false);
    world.told("done d", 50).await;
    world.serves("production", &last).await;
    let counts = |remote: &Remote| (remote.fetches, remote.most_running);
    assert_eq!(counts(&world.fake.lock()), (3, 1));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_delivery_costs_a_poll_and_is_counted() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    let before = Instant::now();
    world.serves("production", &second).await;
    assert!(before.elapsed() <= Duration::from_secs(34), "{:?}", before.elapsed());
    assert_eq!(world.count("missed"), 0, "it may be late");
    world.told(&format!("missed {second}"), 1).await;
    world.told("fetch ok", 6).await;
    assert_eq!(world.count("missed"), 1);
    assert_eq!((world.status().missed_deliveries, world.status().mode), (1, Mode::Poll));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_a_replica_does_not_show_yet_is_awaited() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    let old = BTreeMap::from([("main".to_owned(), first)]);
    world.fake.change(|remote| (remote.lag, remote.lagging) = (3, Some(old)));
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    assert_eq!(world.environment("production").load().commit.as_deref(), Some(&*second));
    assert_eq!(world.fake.lock().fetches, 5);

    world.hint("d2", Some("zzzz"));
    world.told("failed d2: the announced commit zzzz did not appear", 1).await;
    assert!(before.elapsed() >= limits::COMMIT_AWAITED);
    assert_eq!(world.count("done d2"), 0);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_fails_is_tried_again_and_its_deliveries_learn_both() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.fake.change(|remote| {
        remote.faults = (0..3).map(|_| git::Error::Unreachable("connection reset".to_owned())).collect();
    });
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("fetch failed", 2).await;
    let failure = world.status().failure.unwrap();
    assert_eq!(failure.class, Class::Retry);
    assert_eq!(world.environment("production").load().commit.as_deref(), Some(&*first), "the last good is served");
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!((world.count("failed d1"), world.count("fetch failed")), (1, 3));
    assert_eq!(world.status().failure, None);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_asks_to_wait_is_not_asked_sooner_whoever_hints() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.change(|remote| remote.faults = vec![git::Error::Throttled(Duration::from_secs(120))]);
    world.hint("d1", None);
    world.told("fetch failed", 1).await;
    let before = Instant::now();
    for n in 2..20 {
        world.hint(&format!("d{n}"), None);
        tokio::task::yield_now().await;
    }
    world.told("done d19", 1).await;
    assert!(before.elapsed() >= Duration::from_secs(119), "{:?}", before.elapsed());
    assert_eq!(world.fake.lock().fetches, 3);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_for_a_person_and_polling_goes_on() {
    let (fake, first) = two();
    fake.change(|remote| remote.down = Some(|| git::Error::Refused("401".to_owned())));
    let world = World::of(fake);
    let before = Instant::now();
    world.told("fetch failed", 3).await;
    assert!(before.elapsed() >= Duration::from_secs(54), "not hammered");
    let failure = world.status().failure.unwrap();
    assert_eq!((failure.class, failure.attempts), (Class::Operator, 3));
    assert_eq!(failure.since, Timestamp::UNIX_EPOCH, "since the first");
    assert_eq!(world.environment("production").load().commit, None);
    world.fake.change(|remote| remote.down = None);
    world.serves("production", &first).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_holds_its_namespace_and_nothing_else() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push(
        "main",
        &[("production/default/features.yaml", BAD), ("production/other/features.yaml", &yaml("other", &["o"]))],
    );
    world.hint("d1", Some(&second));
    world.told("done d1 but production: default held at the last good state", 1).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    assert_eq!(world.flags("production", "other"), ["o"]);
    let production = &world.status().environments[0];
    assert_eq!(production.held, ["default".into()]);
    assert!(!production.problems.is_empty());
    assert_eq!(world.fake.lock().kept.get("held\0production\0default"), Some(&first), "its blobs are not lost");

    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["c"]))]);
    world.hint("d2", Some(&third));
    world.told("done d2", 1).await;
    assert_eq!(world.flags("production", "default"), ["c"]);
    assert!(world.status().environments[0].held.is_empty());
    assert_eq!(world.fake.lock().kept.get("held\0production\0default"), None);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_serves_the_last_good_state_before_the_network_answers() {
    let directory = tempfile::tempdir().unwrap();
    let (fake, _) = two();
    let (store, ..) = Store::open(directory.path());
    let world = World::with(fake.clone(), store, config(""));
    let second = world.fake.push("main", &[("production/other/features.yaml", &yaml("other", &["o"]))]);
    world.serves("production", &second).await;
    let bad = world.fake.push("main", &[("production/default/features.yaml", BAD)]);
    world.serves("production", &bad).await;
    let since = world.environment("production").load().since;
    let store = world.store.clone();
    world.stop().await;
    store.flush();
    drop(store);

    // The process is gone, the remote too.
    fake.change(|remote| remote.down = Some(|| git::Error::Unreachable("no route".to_owned())));
    let (store, _, opened) = Store::open(directory.path());
    assert_eq!(opened, crate::store::Opened::Existing);
    let world = World::with(fake.clone(), store, config(""));
    world.serves("production", &bad).await;
    assert_eq!(world.flags("production", "default"), ["a"], "held since before the restart");
    assert_eq!(world.flags("production", "other"), ["o"]);
    world.told("fetch failed", 1).await;
    let status = world.status();
    assert!(status.environments[0].from_disk && status.failure.is_some());
    assert_eq!(status.environments[0].held, ["default".into()]);
    assert_eq!(status.environments[0].since, Some(since), "as old as it is");
    world.fake.change(|remote| remote.down = None);
    world.told("fetch ok", 1).await;
    assert!(!world.status().environments[0].from_disk);
    world.stop().await;

    // Without the store, the same answers come back as far as Git has them at the tip (I1).
    let world = World::with(fake, Store::none(), config(""));
    let fixed = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a"]))]);
    world.serves("production", &fixed).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    assert_eq!(world.flags("production", "other"), ["o"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn branches_make_environments_that_never_take_a_name() {
    let (fake, first) = two();
    fake.push("flipt/production/try", &[("production/default/features.yaml", &yaml("default", &["t"]))]);
    fake.push("flipt/production/staging", &[("production/default/features.yaml", &yaml("default", &["evil"]))]);
    fake.push("flipt/staging/try", &[("staging/default/features.yaml", &yaml("default", &["late"]))]);
    fake.push("flipt/elsewhere/x", &[("production/default/features.yaml", &yaml("default", &["x"]))]);
    let world = World::of(fake);
    world.serves("staging", &first).await;
    world.told("fetch ok", 1).await;
    let branch = world.environment("try");
    assert_eq!(branch.base.as_deref(), Some("production"));
    assert_eq!(world.flags("try", "default"), ["t"]);
    assert_eq!(world.flags("staging", "default"), ["s"], "not shadowed");
    assert!(world.environments.get("x").is_none());
    let status = world.status();
    let refused = |place: usize| status.environments[place].problems.iter().map(|p| p.code).collect::<Vec<_>>();
    assert_eq!(refused(0), ["branch-environment-refused"]);
    assert_eq!(refused(1), ["branch-environment-refused"]);

    let next =
        world.fake.push("flipt/production/try", &[("production/default/features.yaml", &yaml("default", &["u"]))]);
    world.hint("d1", Some(&next));
    world.told("done d1", 1).await;
    assert!(Arc::ptr_eq(&branch, &world.environment("try")), "its streams go on");
    assert_eq!(world.flags("try", "default"), ["u"]);

    world.fake.delete("flipt/production/try");
    world.hint("d2", None);
    world.told("done d2", 1).await;
    assert_eq!(world.environment("try").base.as_deref(), Some("staging"), "the name is free for the other");
    assert_eq!(world.store.manifest(&"flags".into(), &"try".into()).unwrap().namespaces.len(), 1);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_is_gone_leaves_the_last_good_state_and_comes_back() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.push("other", &[]);
    world.fake.delete("main");
    world.hint("d1", None);
    world.told("failed d1: ", 1).await;
    assert_eq!(world.status().failure.unwrap().class, Class::Operator);
    assert_eq!(world.flags("production", "default"), ["a"]);
    let new = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["n"]))]);
    world.serves("production", &new).await;
    assert_eq!(world.flags("production", "default"), ["n"]);
    // One environment is swapped after the other.
    world.serves("staging", &new).await;
    assert_eq!(world.flags("staging", "default"), Vec::<String>::new(), "the directory is gone in the new history");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_mirror_is_made_anew_while_the_last_good_state_is_served() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.fake.change(|remote| remote.damaged = true);
    world.hint("d1", Some(&second));
    world.told("failed d1", 1).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    world.told("done d1", 1).await;
    assert_eq!(world.flags("production", "default"), ["b"]);
    assert_eq!(world.fake.lock().opened, 1);
    for _ in 0..3 {
        let fetches = world.count("fetch ok");
        world.told("fetch ok", fetches + 1).await;
    }
    assert_eq!(world.count("missed"), 0, "that all its branches are new was nobody's to announce");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_run_is_shown_and_the_next_run_goes_on() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.change(|remote| remote.poisoned = true);
    world.hint("d1", None);
    world.told("failed d1: bug: a run panicked", 1).await;
    assert_eq!(world.status().failure.unwrap().class, Class::Bug);
    assert!(world.workers.alive());
    assert_eq!(world.flags("production", "default"), ["a"]);
    world.fake.change(|remote| remote.poisoned = false);
    world.told("done d1", 1).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_breaks_off_a_fetch_that_hangs() {
    let (fake, _) = two();
    fake.change(|remote| remote.gate = true);
    let world = World::of(fake);
    world.fake.at_gate().await;
    assert!(world.workers.alive());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_served_and_changes_what_changed() {
    let (fake, first) = two();
    let mut world = World::of(fake);
    world.serves("staging", &first).await;
    let (production, staging) = (world.environment("production"), world.environment("staging"));
    world.config = config("  third: {storage: flags, directory: production/third}\n");
    world.config.environments.retain(|environment| &*environment.name != "staging");
    world.apply();
    assert!(Arc::ptr_eq(&production, &world.environment("production")));
    assert!(world.environments.get("staging").is_none());
    assert_eq!(staging.load().commit.as_deref(), Some(&*first), "whoever still holds it reads on");
    world.serves("third", &first).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    let second = world.fake.push("main", &[("production/third/features.yaml", &yaml("third", &["t"]))]);
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert_eq!(world.fake.lock().most_running, 1, "one worker at a time");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_a_worker_alone_whose_job_stays_the_same() {
    let (fake, first) = two();
    let mut world = World::of(fake);
    world.serves("staging", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    world.serves("staging", &second).await;
    assert_eq!(world.status().mode, Mode::Webhook);
    let opened = || world.fake.lock().opened;
    let before = opened();
    world.apply();
    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["c"]))]);
    world.hint("d2", Some(&third));
    world.told("done d2", 1).await;
    assert_eq!(opened(), before, "the worker started anew for nothing");
    assert_eq!(world.status().mode, Mode::Webhook);

    // One that fails starts anew: perhaps what it failed of is mended. A first success comes before the backoff's end.
    world.fake.change(|remote| remote.down = Some(|| git::Error::Throttled(Duration::from_secs(3_000))));
    world.hint("d3", None);
    world.told("failed d3", 1).await;
    world.fake.change(|remote| remote.down = None);
    let asked = Instant::now();
    world.apply();
    world.told("done d3", 1).await;
    assert!(asked.elapsed() < Duration::from_secs(1_000), "{:?}", asked.elapsed());
    assert_eq!(opened(), before + 1);

    // And so does one whose interval is another.
    for storage in world.config.storages.values_mut() {
        storage.poll_interval = Duration::from_secs(7);
    }
    world.apply();
    world.told("fetch ok", world.count("fetch ok") + 1).await;
    assert_eq!(world.fake.lock().opened, before + 2);
    assert_eq!(world.fake.lock().most_running, 1, "one worker at a time");
    world.stop().await;
}

mod any_order {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// A commit, and whether its delivery is lost, comes once, or comes twice.
        Push { times: usize },
        /// Deliveries that wait are swapped.
        Swap(usize, usize),
        /// Some of what waits is delivered.
        Deliver(usize),
        /// The next fetch fails.
        Fault,
        /// Time passes.
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..3).prop_map(|times| Step::Push { times }),
            (0_usize..8, 0_usize..8).prop_map(|(a, b)| Step::Swap(a, b)),
            (0_usize..5).prop_map(Step::Deliver),
            Just(Step::Fault),
            (0_u64..40).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// I6: any loss, repetition or reordering of deliveries ends in the same state.
        #[test]
        fn ends_in_the_same_state(steps in prop::collection::vec(step(), 0..25)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let (fake, mut tip) = two();
                let world = World::of(fake);
                let mut waiting: Vec<(String, String)> = Vec::new();
                for (number, step) in steps.into_iter().enumerate() {
                    match step {
                        Step::Push { times } => {
                            let text = yaml("default", &[&format!("f{number}")]);
                            tip = world.fake.push("main", &[("production/default/features.yaml", &text)]);
                            waiting.extend((0..times).map(|time| (format!("d{number}-{time}"), tip.clone())));
                        }
                        Step::Swap(a, b) if a < waiting.len() && b < waiting.len() => waiting.swap(a, b),
                        Step::Swap(..) => {}
                        Step::Deliver(some) => for (id, commit) in waiting.drain(..some.min(waiting.len())) {
                            world.hint(&id, Some(&commit));
                        },
                        Step::Fault => world.fake.change(|remote| {
                            remote.faults.push(git::Error::Unreachable("provoked".to_owned()));
                        }),
                        Step::Wait(seconds) => tokio::time::advance(Duration::from_secs(seconds)).await,
                    }
                }
                world.serves("production", &tip).await;
                world.serves("staging", &tip).await;
                assert_eq!(world.fake.lock().most_running, 1);
                world.stop().await;
            });
        }
    }
}
