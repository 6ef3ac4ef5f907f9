//! The real binary: its arguments, its signals, its end.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};
use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::{Form, Outside};

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, STORAGE, World, asking, digest, features, in_time};

/// A daemon in a process of its own.
struct Process {
    child: Child,
    outside: Outside,
}

impl Process {
    async fn start(world: &World, file: &Path) -> Self {
        // A port that was free a moment ago; nothing else on this machine asks for one by number.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(file, world.text.replace("http_port: 0", &format!("http_port: {port}"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_yardarm"))
            .args(["serve", "--config"])
            .arg(file)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(world.path().join("stdout")).unwrap())
            .stderr(std::fs::File::create(world.path().join("stderr")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let outside = Outside::new(format!("http://127.0.0.1:{port}")).unwrap();
        let ready = asking(async || outside.get("/ready").await.is_ok_and(|answer| answer.status == 200)).await;
        assert!(ready, "it never got ready:\n{}", said(world));
        Self { child, outside }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    async fn end(mut self) -> Option<i32> {
        in_time("the process ends", self.child.wait()).await.unwrap().code()
    }
}

fn said(world: &World) -> String {
    let read = |name| std::fs::read_to_string(world.path().join(name)).unwrap_or_default();
    format!("{}{}", read("stdout"), read("stderr"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_and_ends_with_success() {
    let world = Plan::of(Sender::Github).forge_only();
    let process = Process::start(&world, &world.path().join("config.yml")).await;
    let client = process.outside.listen(Form::Lines, ENVIRONMENT, NAMESPACE).await.unwrap();
    let text = features(NAMESPACE, "the last one");
    let pushed = world.commit("main", &[(SHOP, &text)]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    let answer = process.outside.deliver(&format!("/webhooks/{STORAGE}"), &delivery).await.unwrap();
    assert_eq!(answer.status, 202);
    assert!(client.digest(&digest(&text), crate::world::DEADLINE).await.is_some(), "{}", said(&world));
    process.signal("TERM");
    assert!(client.end(crate::world::DEADLINE).await, "the stream outlives the drain");
    assert_eq!(process.end().await, Some(0), "{}", said(&world));
    let log = said(&world);
    assert!(!log.contains(&world.secret()) && !log.contains("panick"), "{log}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_takes_a_good_file_and_leaves_a_bad_one_alone() {
    let world = Plan::of(Sender::Github).forge_only();
    let file = world.path().join("config.yml");
    let process = Process::start(&world, &file).await;
    let client = process.outside.listen(Form::Lines, ENVIRONMENT, NAMESPACE).await.unwrap();
    let good = std::fs::read_to_string(&file).unwrap();
    let names = async || -> Vec<String> {
        let ready = process.outside.get("/ready").await.unwrap().json();
        let list = ready["environments"].as_array().unwrap().iter();
        list.map(|environment| environment["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names().await, [ENVIRONMENT]);

    std::fs::write(&file, good.replace("environments:", "environmental:")).unwrap();
    process.signal("HUP");
    let told = asking(async || said(&world).contains("environmental")).await;
    assert!(told, "nobody was told of the bad file:\n{}", said(&world));
    assert_eq!(names().await, [ENVIRONMENT]);

    std::fs::write(&file, format!("{good}  staging:\n    storage: {STORAGE}\n    directory: staging\n")).unwrap();
    process.signal("HUP");
    let both = asking(async || names().await == [ENVIRONMENT, "staging"]).await;
    assert!(both, "{}", said(&world));

    // The reload cut nobody off.
    let text = features(NAMESPACE, "after the reload");
    let staging = features("staging", "staged");
    let pushed = world.commit("main", &[(SHOP, &text), ("staging/all/features.yaml", &staging)]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    let answer = process.outside.deliver(&format!("/webhooks/{STORAGE}"), &delivery).await.unwrap();
    assert_eq!(answer.status, 202);
    assert!(client.digest(&digest(&text), crate::world::DEADLINE).await.is_some(), "{}", said(&world));

    // An environment that is taken away ends its streams, and those alone.
    let staged = process.outside.listen(Form::Lines, "staging", "staging").await.unwrap();
    assert!(staged.digest(&digest(&staging), crate::world::DEADLINE).await.is_some(), "{}", said(&world));
    std::fs::write(&file, &good).unwrap();
    process.signal("HUP");
    assert!(staged.end(crate::world::DEADLINE).await, "the stream of an environment that is gone goes on");
    assert_eq!(names().await, [ENVIRONMENT]);
    let text = features(NAMESPACE, "after another reload");
    let pushed = world.commit("main", &[(SHOP, &text)]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    assert_eq!(process.outside.deliver(&format!("/webhooks/{STORAGE}"), &delivery).await.unwrap().status, 202);
    assert!(client.digest(&digest(&text), crate::world::DEADLINE).await.is_some(), "{}", said(&world));
    process.signal("TERM");
    assert_eq!(process.end().await, Some(0), "{}", said(&world));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_used_ends_the_start_with_every_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yml");
    std::fs::write(
        &file,
        "storage:\n  flags:\n    remot: https://example.com/a/b.git\nenvironments:\n  e:\n    storage: nothing\n",
    )
    .unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_yardarm")).args(["serve", "--config"]).arg(&file).env_clear().output();
    let output = in_time("it ends", output).await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("config.yml:3:") && text.contains("remote"), "{text}");
    assert!(text.contains("nothing"), "{text}");
}
