//! Storages that are on this machine alone: one in memory, and a repository of the operator's.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use yardarm::app::Daemon;
use yardarm::clock;
use yardarm::flags::resource::{Namespace, Resource};
use yardarm::write::writers::Strategy;
use yardarm::write::{Change, Outcome, Refusal, Request, What};

use crate::world::{asking, configuration};
use crate::writes::{by, flag};

fn git(at: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let output = Command::new("git").arg("-C").arg(at).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn text(home: &TempDir, storage: &str) -> String {
    let state = home.path().join("state");
    format!(
        "state: {{directory: {state:?}}}\nserver: {{host: 127.0.0.1, http_port: 0}}\n{storage}environments: {{default: \
         {{default: true}}}}\n"
    )
}

fn at_path(home: &TempDir, repository: &Path) -> String {
    text(
        home,
        &format!("storage: {{default: {{backend: {{type: local, path: {repository:?}}}, poll_interval: 1s}}}}\n"),
    )
}

async fn start(text: &str) -> Daemon {
    let daemon = Daemon::start(configuration(text), Arc::new(clock::System)).await.unwrap();
    assert!(asking(async || daemon.settled()).await, "it knows what there is");
    daemon
}

async fn change(daemon: &Daemon, environment: &str, what: What) -> Result<Outcome, Refusal> {
    let request = Request {
        environment: daemon.environments().get(environment).expect("it is there"),
        changes: vec![Change { namespace: "default".to_owned(), what, revision: None }],
        revision: None,
        message: None,
        co_authors: Vec::new(),
        by: by("ada"),
        dry_run: false,
        on_branch: None,
        break_glass: None,
    };
    daemon.writers().change(request).await
}

async fn put(daemon: &Daemon, environment: &str, key: &str, name: &str) -> Result<Outcome, Refusal> {
    change(daemon, environment, What::Put(flag(key, name))).await
}

fn served(daemon: &Daemon, environment: &str) -> Vec<String> {
    let environment = daemon.environments().get(environment).expect("it is there");
    let flags = environment.load().flags.clone();
    let Some(namespace) = flags.namespaces.get("default") else { return Vec::new() };
    namespace.flags_by_key().map(|flag| flag.key.to_string()).collect()
}

/// What both kinds can do alike, from nothing on.
async fn from_nothing(daemon: &Daemon) {
    assert_eq!(served(daemon, "default"), Vec::<String>::new());
    let first = put(daemon, "default", "a", "A").await.unwrap();
    assert!(first.made && first.live.is_some());
    assert_eq!(served(daemon, "default"), ["a"]);
    assert!(!put(daemon, "default", "a", "A").await.unwrap().made);
    let second = put(daemon, "default", "b", "B").await.unwrap();
    assert_ne!(first.commit, second.commit);
    let again = change(daemon, "default", What::Create(flag("a", "A"))).await.unwrap_err();
    assert!(matches!(again, Refusal::AlreadyExists(_)), "{again:?}");
    let key = String::from("a");
    change(daemon, "default", What::Delete { kind: flag("a", "").kind(), key }).await.unwrap();
    assert_eq!(served(daemon, "default"), ["b"]);

    let base = daemon.environments().get("default").unwrap();
    let writers = daemon.writers();
    writers.create_branch(&base, "topic", by("ada")).await.unwrap();
    put(daemon, "topic", "c", "C").await.unwrap();
    put(daemon, "default", "d", "D").await.unwrap();
    assert_eq!(
        (served(daemon, "default"), served(daemon, "topic")),
        (vec!["b".into(), "d".into()], vec!["b".into(), "c".into()])
    );
    for strategy in [Strategy::Rebase, Strategy::Merge] {
        let updated = writers.update_branch(&base, "topic", strategy, by("ada")).await.unwrap().unwrap();
        assert_eq!(updated.branch.behind, 0, "{strategy:?}");
        put(daemon, "default", "e", &format!("{strategy:?}")).await.unwrap();
    }
    assert_eq!(served(daemon, "topic"), ["b", "c", "d", "e"]);
    writers.delete_branch(&base, "topic", by("ada")).await.unwrap();
    assert!(daemon.environments().get("topic").is_none());
    let head = Namespace { key: "default".to_owned(), name: "All".to_owned(), description: String::new() };
    change(daemon, "default", What::UpdateNamespace(head)).await.unwrap();
    let same = |resource: &Resource| resource.key() == "e";
    let tip = tokio::task::spawn_blocking({
        let (writers, base) = (writers.clone(), base.clone());
        move || writers.tip(&base).unwrap()
    });
    let view = tip.await.unwrap().view;
    assert!(view.resources("default", flag("e", "").kind()).iter().any(same));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_in_memory_takes_everything_and_forgets_it_with_the_process() {
    let home = tempfile::tempdir().unwrap();
    let text = text(&home, "");
    let daemon = start(&text).await;
    from_nothing(&daemon).await;
    assert_eq!(served(&daemon, "default"), ["b", "d", "e"]);
    daemon.stop().await;
    let daemon = start(&text).await;
    assert_eq!(served(&daemon, "default"), Vec::<String>::new());
    put(&daemon, "default", "a", "A").await.unwrap();
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_repository_without_a_commit_gets_its_first_and_keeps_all() {
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["init", "-q", "--bare", "-b", "main"],
        &["init", "-q", "-b", "main", "--object-format=sha256"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let repository = home.path().join("flags");
        std::fs::create_dir(&repository).unwrap();
        git(&repository, arguments);
        let daemon = start(&at_path(&home, &repository)).await;
        from_nothing(&daemon).await;
        daemon.stop().await;
        if !arguments.contains(&"--bare") {
            assert_eq!(git(&repository, &["status", "--porcelain"]), "", "the files follow");
            assert!(std::fs::read_to_string(repository.join("default/features.yaml")).unwrap().contains("key: e"));
        }
        git(&repository, &["fsck", "--strict", "--no-dangling"]);
        let daemon = start(&at_path(&home, &repository)).await;
        assert_eq!(served(&daemon, "default"), ["b", "d", "e"], "{arguments:?}");
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_work_tree_follows_if_nobody_works_in_it_and_is_not_touched_otherwise() {
    let home = tempfile::tempdir().unwrap();
    let repository = home.path().join("flags");
    let file = repository.join("default/features.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "# ours\nnamespace: default\nflags: []\n").unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-q", "-m", "first"]);
    let daemon = start(&at_path(&home, &repository)).await;
    put(&daemon, "default", "a", "A").await.unwrap();
    let followed = std::fs::read_to_string(&file).unwrap();
    assert!(followed.contains("# ours") && followed.contains("key: a"), "{followed}");
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");

    // Somebody is at work.
    let before = git(&repository, &["rev-parse", "HEAD"]);
    let dirty = format!("{followed}# not committed\n");
    std::fs::write(&file, &dirty).unwrap();
    let refused = put(&daemon, "default", "b", "B").await.unwrap_err();
    let Refusal::Rejected { message, .. } = &refused else { panic!("{refused:?}") };
    assert!(message.contains("work tree has changes that are not committed"), "{message}");
    assert_eq!((std::fs::read_to_string(&file).unwrap(), git(&repository, &["rev-parse", "HEAD"])), (dirty, before));
    assert_eq!(served(&daemon, "default"), ["a"]);

    // They commit it, and nobody has told us.
    git(&repository, &["commit", "-q", "-a", "-m", "theirs"]);
    put(&daemon, "default", "b", "B").await.unwrap();
    let now = std::fs::read_to_string(&file).unwrap();
    assert!(now.contains("# not committed") && now.contains("key: b"), "{now}");
    assert_eq!(git(&repository, &["log", "--format=%s"]).lines().count(), 4);
    daemon.stop().await;
}
