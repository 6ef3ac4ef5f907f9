//! I1 on the whole daemon: whatever happens to the state directory between two runs costs time, never truth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use yardarm::app::{Daemon, StartError};
use yardarm::clock;
use yardarm::config::{self, Config};
use yardarm::git::program::{Commit, Format, Repository};

struct World {
    directory: TempDir,
    remote: Repository,
    seconds: i64,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let remote = Repository::init(&directory.path().join("remote.git"), Format::Sha1).unwrap();
        Self { directory, remote, seconds: 1_700_000_000 }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn config(&self, more: &str) -> Config {
        let text = format!(
            "storage: {{flags: {{remote: 'file://{}', poll_interval: 1s}}}}\n\
             environments: {{production: {{storage: flags, directory: production}}}}\n\
             server: {{host: 127.0.0.1, http_port: 0}}\nstate: {{directory: '{}'}}\n{more}",
            self.remote.path().display(),
            self.state().display()
        );
        load(&text)
    }

    fn commit(&mut self, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))).collect();
        self.seconds += 60;
        let commit = Commit { branch: "main", files: &files, message: "Change flags", seconds: self.seconds };
        self.remote.commit(&commit).unwrap()
    }

    async fn start(&self) -> Daemon {
        Daemon::start(self.config(""), Arc::new(clock::System)).await.unwrap()
    }
}

fn load(text: &str) -> Config {
    let none = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    config::load(text, "test.yml", &BTreeMap::new(), &none).unwrap_or_else(|findings| panic!("{findings:?}\n{text}"))
}

fn flags(namespace: &str, key: &str) -> String {
    format!("namespace: {namespace}\nflags:\n- {{key: {key}, name: {key}, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n")
}

/// Waits until `commit` is served, and answers what clients get: namespace -> (digest, snapshot).
async fn answers(daemon: &Daemon, commit: &str) -> BTreeMap<String, (String, Vec<u8>)> {
    let environment = daemon.environments().get("production").unwrap();
    let mut generation = environment.subscribe();
    let wait = async {
        while environment.load().commit.as_deref() != Some(commit) {
            generation.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("{commit} is not served: {}", daemon.summary()));
    let served = environment.load();
    let answer = |namespace: &yardarm::flags::snapshot::Namespace| {
        (namespace.digest.to_string(), namespace.client_snapshot().to_vec())
    };
    served.flags.namespaces.iter().map(|(key, namespace)| (key.to_string(), answer(namespace))).collect()
}

/// What may happen to a file between two runs.
type Damage = (&'static str, fn(&Path));

/// Every file below a directory.
fn files(below: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { open.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_to_any_file_of_the_state_costs_time_and_no_answer() {
    let mut world = World::new();
    world.commit(&[("production/one/features.yaml", &flags("one", "a"))]);
    let tip = world.commit(&[("production/two/features.yaml", &flags("two", "b"))]);
    let daemon = world.start().await;
    let good = answers(&daemon, &tip).await;
    assert_eq!(good.keys().collect::<Vec<_>>(), ["one", "two"]);
    daemon.stop().await;

    // All files that a run leaves, each damaged in each way; the next run starts on what the one before has left.
    let all = files(&world.state());
    assert!(all.len() > 5, "{all:?}");
    let damages: [Damage; 3] = [
        ("deleted", |path| std::fs::remove_file(path).unwrap()),
        ("cut in half", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("flipped", |path| {
            let flipped: Vec<u8> = std::fs::read(path).unwrap().iter().map(|byte| byte ^ 0xa5).collect();
            std::fs::write(path, flipped).unwrap();
        }),
    ];
    for (how, damage) in damages {
        for path in &all {
            // Git's files are read-only, and some are made by one run and not by the next.
            let Ok(meta) = std::fs::metadata(path) else { continue };
            let mut permissions = meta.permissions();
            #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test's own directory")]
            permissions.set_readonly(false);
            std::fs::set_permissions(path, permissions).unwrap();
            damage(path);
            let daemon = world.start().await;
            assert_eq!(answers(&daemon, &tip).await, good, "{how}: {}", path.display());
            daemon.stop().await;
        }
    }
    std::fs::remove_dir_all(world.state()).unwrap();
    let daemon = world.start().await;
    assert_eq!(answers(&daemon, &tip).await, good);
    let next = world.commit(&[("production/one/features.yaml", &flags("one", "c"))]);
    assert_ne!(answers(&daemon, &next).await, good, "and it goes on");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_do_not_share_a_state_directory() {
    let mut world = World::new();
    let tip = world.commit(&[("production/one/features.yaml", &flags("one", "a"))]);
    let first = world.start().await;
    let second = Daemon::start(world.config(""), Arc::new(clock::System)).await;
    assert!(matches!(second, Err(StartError::InUse(_))), "{second:?}");
    answers(&first, &tip).await;
    first.stop().await;
    let again = world.start().await;
    answers(&again, &tip).await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_over_environments_while_the_process_goes_on() {
    let mut world = World::new();
    let tip = world.commit(&[
        ("production/one/features.yaml", &flags("one", "a")),
        ("staging/one/features.yaml", &flags("one", "s")),
    ]);
    let daemon = world.start().await;
    let (good, address) = (answers(&daemon, &tip).await, daemon.address());
    let before = daemon.environments().get("production").unwrap();
    let text = format!(
        "storage: {{flags: {{remote: 'file://{}', poll_interval: 1s}}}}\n\
         environments:\n  production: {{storage: flags, directory: production, default: true}}\n  \
         staging: {{storage: flags, directory: staging}}\n\
         server: {{host: 127.0.0.1, http_port: 1}}\nstate: {{directory: /nowhere}}\n",
        world.remote.path().display()
    );
    daemon.reload(load(&text)).await;
    assert_eq!(daemon.address(), address);
    assert_eq!(answers(&daemon, &tip).await, good);
    assert!(Arc::ptr_eq(&before, &daemon.environments().get("production").unwrap()), "its streams go on");
    let staging = daemon.environments().get("staging").unwrap();
    let mut generation = staging.subscribe();
    let wait = async {
        while staging.load().commit.is_none() {
            generation.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(30), wait).await.unwrap();
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_own_repository_is_read_where_it_stands_and_left_as_it_is() {
    let mut world = World::new();
    let tip = world.commit(&[("production/one/features.yaml", &flags("one", "a"))]);
    let text = format!(
        "storage: {{flags: {{backend: {{type: local, path: '{}'}}, poll_interval: 1s}}}}\n\
         environments: {{production: {{storage: flags, directory: production}}}}\n\
         server: {{host: 127.0.0.1, http_port: 0}}\nstate: {{directory: '{}'}}\n",
        world.remote.path().display(),
        world.state().display()
    );
    let before = files(world.remote.path());
    let daemon = Daemon::start(load(&text), Arc::new(clock::System)).await.unwrap();
    assert_eq!(answers(&daemon, &tip).await.len(), 1);
    assert_eq!(files(world.remote.path()), before);
    let next = world.commit(&[("production/two/features.yaml", &flags("two", "b"))]);
    assert_eq!(answers(&daemon, &next).await.len(), 2, "a poll finds what others commit");
    daemon.stop().await;
}
