//! Stories of the daemon's own life: cold starts, lost state, and the demonstration.

use yardarm::demo;
use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind};

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, features, served};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_start_without_the_remote_serves_the_last_good_state_and_says_how_old_it_is() {
    let mut world = Plan::of(Sender::Github).start().await;
    let pushed = world.push(&[(SHOP, &features(NAMESPACE, "kept"))]).await;
    world.stop_daemon().await;
    world.forge.misbehave(Kind::Any, Fault::Status(502));
    let started = jiff::Timestamp::now();
    world.start_daemon().await;
    // From disk, before the network is asked, and after its failure.
    world.settled().await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "kept");
    let status = world.until("the failure is shown", |storage| storage["failure"].is_object()).await;
    assert_eq!(served(&status), pushed.after.as_deref());
    let ready = world.outside.get("/ready").await.unwrap();
    assert_eq!(ready.status, 200, "{}", ready.text());
    let production = &ready.json()["environments"][0];
    assert_eq!(production["fromDisk"], true, "{production:#}");
    assert_eq!(production["commit"], *pushed.after.as_ref().unwrap(), "{production:#}");
    assert!(production["since"].is_string(), "{production:#}");
    // How old it is: the remote was last fetched from in the run before.
    let stale = production["stalenessSeconds"].as_f64().unwrap_or_else(|| panic!("{production:#}"));
    let fetched: jiff::Timestamp = status["lastFetch"].as_str().unwrap().parse().unwrap();
    assert!(stale > 0.0 && fetched < started, "{fetched} {started} {production:#}");
    assert!(world.metric("yardarm_storage_staleness_seconds", &[]).await > 0.0);

    world.forge.recover();
    let confirmed = |ready: &serde_json::Value| ready["environments"][0]["fromDisk"] == false;
    let mut last = serde_json::Value::Null;
    let done = crate::world::asking(async || {
        last = world.outside.get("/ready").await.unwrap().json();
        confirmed(&last)
    });
    assert!(done.await, "{last:#}");
    world.until("the failure is over", |storage| storage["failure"].is_null()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_nothing_and_no_remote_is_alive_but_not_ready() {
    let mut world = Plan::of(Sender::Github).storage("fetch_policy: lenient").forge_only();
    world.forge.misbehave(Kind::Any, Fault::Status(502));
    world.start_daemon().await;
    world.until("the failure is shown", |storage| storage["failure"].is_object()).await;
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 503);
    assert_eq!(world.outside.get("/health").await.unwrap().status, 200);
    world.forge.recover();
    world.until("it is live", |storage| served(storage).is_some()).await;
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_the_state_costs_time_and_nothing_else() {
    let mut world = Plan::of(Sender::Github).start().await;
    let pushed = world.push(&[(SHOP, &features(NAMESPACE, "the truth"))]).await;
    let snapshot = "/internal/v1/evaluation/snapshot/namespace/shop";
    let before = world.outside.get(snapshot).await.unwrap();
    world.stop_daemon().await;
    std::fs::remove_dir_all(world.path().join("state")).unwrap();
    world.start_daemon().await;
    world.live(&pushed).await;
    let after = world.outside.get(snapshot).await.unwrap();
    assert_eq!((after.status, after.text()), (200, before.text()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_mirror_is_made_anew_while_the_last_good_state_is_served() {
    let mut world = Plan::of(Sender::Github).start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "before the damage"))]).await;
    world.stop_daemon().await;
    let mut damaged = 0;
    spoil(&world.path().join("state"), &mut damaged);
    assert!(damaged > 0, "no pack or object was found below the state directory");
    world.start_daemon().await;
    let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "after the damage"))]);
    world.announce(&pushed).await;
    world.live(&pushed).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "after the damage");
    world.end().await;
}

/// The same under the feet of a running daemon: whoever asks meanwhile gets the last good state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_is_damaged_while_the_daemon_runs_is_made_anew_and_nobody_notices() {
    let world = Plan::of(Sender::Forgejo).start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "before the damage"))]).await;
    let state = world.path().join("state");
    let mut damaged = 0;
    spoil(&state, &mut damaged);
    assert!(damaged > 0, "no pack or object was found below the state directory");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "before the damage");
    // The first clone of the new mirror fails, too.
    world.forge.misbehave_times(Kind::Fetch, Fault::CutAfter(60), 2);
    let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "after the damage"))]);
    world.announce(&pushed).await;
    let said = crate::world::asking(async || {
        let said = world.banner(ENVIRONMENT, NAMESPACE).await;
        assert!(said == "before the damage" || said == "after the damage", "{said}");
        said == "after the damage"
    });
    assert!(said.await, "{:#}", world.status().await);
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 200);
    world.until("the failure is over", |storage| storage["failure"].is_null()).await;
    let aside = std::fs::read_dir(state.join("mirrors")).unwrap().map(|entry| entry.unwrap().file_name());
    let aside: Vec<_> = aside.filter(|name| name.to_string_lossy().contains(".bad-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    world.end().await;
}

/// Overwrites every pack and object below a directory.
fn spoil(directory: &std::path::Path, count: &mut usize) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            spoil(&path, count);
        } else if path.components().any(|part| part.as_os_str() == "objects") {
            // Git makes its objects read-only.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, b"not what it was").unwrap();
            *count += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_does_what_it_says() {
    let mut out = Vec::new();
    let done = demo::run_to(demo::Options { once: true, port: 0 }, &mut out).await;
    let text = String::from_utf8(out).unwrap();
    assert!(done.is_ok(), "{done:?}\n{text}");
    for sender in Sender::ALL {
        assert!(text.contains(sender.title()), "{text}");
    }
    assert!(text.contains("14 of 14 as they should be"), "{text}");
}
