//! The real daemon, killed while the forge holds its push: the remote has the old state or the new one, and the audit of
//! the next start says which.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind};
use yardarm::demo::outside::Outside;

use crate::git_push::hook;
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World, asking};
use crate::writes::text;

struct Process {
    child: Child,
    log: PathBuf,
    outside: Outside,
}

impl Process {
    async fn start(world: &World, name: &str) -> Self {
        let at = |name: &str| world.path().join(name);
        std::fs::write(at("config.yml"), &world.text).unwrap();
        let log = at(&format!("{name}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_yardarm"));
        command.args(["serve", "--config"]).arg(at("config.yml")).env_clear();
        command.env("YARDARM_LOG_FILE", &log).env("YARDARM_LOG_ENCODING", "json");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process =
            Self { child: command.spawn().unwrap(), log, outside: Outside::new("http://127.0.0.1:1").unwrap() };
        let mut address = None;
        let listens = asking(async || {
            address = process.address();
            address.is_some()
        });
        assert!(listens.await, "{}", process.said());
        process.outside = Outside::new(format!("http://{}", address.unwrap())).unwrap();
        process
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn address(&self) -> Option<String> {
        let said = self.said();
        let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == "listening")?["address"].as_str().map(str::to_owned)
    }

    /// What the audit says of the writes, oldest first.
    async fn outcomes(&self) -> Vec<String> {
        let Ok(answer) = self.outside.get("/api/v2/audit").await else { return Vec::new() };
        let events = answer.json()["events"].as_array().cloned().unwrap_or_default();
        events.iter().rev().map(|event| event["outcome"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn says(&self, wanted: &[&str]) {
        let mut last = Vec::new();
        let said = asking(async || {
            last = self.outcomes().await;
            last == wanted
        });
        assert!(said.await, "{wanted:?} was to be said, {last:?} is:\n{}", self.said());
    }

    async fn is_live(&self) {
        let live = asking(async || self.outside.get("/ready").await.is_ok_and(|answer| answer.status == 200));
        assert!(live.await, "{}", self.said());
    }

    /// Asks for a flag that is not there yet, and waits for no answer.
    fn ask(&self, key: &str) {
        let outside = Outside::new(self.outside.base()).unwrap();
        let payload =
            json!({"@type": "flipt.core.Flag", "key": key, "name": key, "type": "BOOLEAN_FLAG_TYPE", "enabled": true});
        let body = json!({"key": key, "payload": payload});
        let path = format!("/api/v2/environments/{ENVIRONMENT}/namespaces/{NAMESPACE}/resources");
        tokio::spawn(async move { drop(outside.post(&path, &body).await) });
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ours.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn there(file: &Path) {
    assert!(asking(async || file.exists()).await, "{} never came", file.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_a_push_leaves_the_old_or_the_new_and_the_next_start_says_which() {
    let mut world = Plan::of(Sender::Gitea).without_webhook().poll("1s").forge_only();
    let repository = world.forge.repository().path().to_owned();
    let old = world.forge.repository().tip("main").unwrap();

    // It hangs before the server has anything of it.
    let mut process = Process::start(&world, "first").await;
    process.is_live().await;
    world.forge.misbehave(Kind::Push, Fault::Stall);
    process.ask("stalled");
    assert!(asking(async || world.forge.count(Kind::Push) > 0).await, "{}", process.said());
    process.kill();
    assert_eq!(world.forge.repository().tip("main").unwrap(), old);

    let mut process = Process::start(&world, "second").await;
    process.says(&["forgotten"]).await;
    // Nobody does it once more behind anybody's back, and the forge has let go of it with its client.
    world.forge.recover();
    assert_eq!(world.forge.repository().tip("main").unwrap(), old);

    // The server has taken it, and has not said so.
    process.is_live().await;
    let (held, go) = (repository.join("held"), repository.join("go"));
    let wait = "[ -f go ] || touch held; n=0; while [ ! -f go ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done";
    hook(world.forge.repository(), "post-receive", wait);
    process.ask("taken");
    there(&held).await;
    process.kill();
    std::fs::write(&go, "").unwrap();
    let new = world.forge.repository().tip("main").unwrap();
    assert_ne!(new, old);
    assert!(text(&world, "main", SHOP).contains("key: taken"));

    let mut process = Process::start(&world, "third").await;
    process.says(&["forgotten", "landed"]).await;

    // The server is still thinking about it when the next process looks.
    process.is_live().await;
    std::fs::remove_file(repository.join("hooks/post-receive")).unwrap();
    std::fs::remove_file(&held).unwrap();
    std::fs::remove_file(&go).unwrap();
    hook(world.forge.repository(), "pre-receive", wait);
    process.ask("late");
    there(&held).await;
    process.kill();
    assert_eq!(world.forge.repository().tip("main").unwrap(), new);
    let process = Process::start(&world, "fourth").await;
    process.says(&["forgotten", "landed", "forgotten"]).await;
    std::fs::write(&go, "").unwrap();
    let moved = asking(async || world.forge.repository().tip("main").unwrap() != new).await;
    // Servers may notice that the other end has gone; then it stays as it is.
    if moved {
        process.says(&["forgotten", "landed", "landed"]).await;
        assert!(text(&world, "main", SHOP).contains("key: late"));
    }
    process.ask("after");
    assert!(asking(async || text(&world, "main", SHOP).contains("key: after")).await, "{}", process.said());
    world.forge.repository().git(["fsck", "--strict", "--no-dangling"]).unwrap();
    world.may_fail();
}
