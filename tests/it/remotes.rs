//! Stories of remotes that fail: what is served stays served, the reason is shown, and recovery needs nobody.

use std::time::Duration;

use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind};
use yardarm::demo::outside::Form;

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World, features, served};

/// Announces a change that the remote cannot give now; shows the failure; recovers; the change is live.
async fn fails_and_recovers(world: &World, fault: Fault, class: &str) {
    let text = features(NAMESPACE, &format!("through {fault:?}").replace(['"', '\\'], " "));
    let client = world.listen(Form::Lines).await;
    let before = world.banner(ENVIRONMENT, NAMESPACE).await;
    world.forge.misbehave(Kind::Any, fault.clone());
    let pushed = world.commit("main", &[(SHOP, &text)]);
    world.announce(&pushed).await;
    let status = world.until("the failure is shown", |storage| storage["failure"].is_object()).await;
    assert_eq!(status["failure"]["class"], class, "{fault:?}: {status:#}");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, before, "{fault:?}: what was served is gone");
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 200, "{fault:?}");
    world.forge.recover();
    world.heard(&client, &text).await;
    world.until("the failure is over", |storage| storage["failure"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_that_is_down_is_tried_again() {
    let world = Plan::of(Sender::Github).start().await;
    fails_and_recovers(&world, Fault::Status(503), "retry").await;
    fails_and_recovers(&world, Fault::CutAfter(10), "retry").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_that_asks_to_wait_is_waited_for() {
    let world = Plan::of(Sender::GitlabToken).start().await;
    fails_and_recovers(&world, Fault::Throttle(429, 1), "wait").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_credential_is_for_the_operator_and_polling_goes_on() {
    let world = Plan::of(Sender::Github).poll("1s").credential("ada", "correct-horse-battery").start().await;
    fails_and_recovers(&world, Fault::Refuse, "operator").await;
    assert!(world.forge.seen().iter().all(|seen| seen.user.as_deref().is_none_or(|user| user == "ada")));
    for path in ["/api/v2/storages", "/metrics", "/ready", "/api/v2/storages/flags/deliveries"] {
        let text = world.outside.get(path).await.unwrap().text();
        assert!(!text.contains("correct-horse") && !text.contains(&world.secret()), "{path} tells a secret");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_that_says_nothing_holds_up_nothing() {
    let world = Plan::of(Sender::Github).start().await;
    let client = world.listen(Form::Events).await;
    world.forge.misbehave(Kind::Any, Fault::Stall);
    let text = features(NAMESPACE, "after the silence");
    let pushed = world.commit("main", &[(SHOP, &text)]);
    let mut asked = world.forge.subscribe();
    world.announce(&pushed).await;
    let waits = |world: &World| world.forge.seen().iter().any(|seen| seen.fault == Some(Fault::Stall));
    crate::world::in_time("the remote is asked", asked.wait_for(|_| waits(&world))).await.unwrap();
    // A fetch is under way and stands still; everything else goes on.
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first");
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 200);
    world.announce(&pushed).await;
    world.forge.recover();
    world.heard(&client, &text).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_remote_and_a_moved_one_are_followed() {
    let world = Plan::of(Sender::Gitea).start().await;
    world.forge.misbehave_times(Kind::Fetch, Fault::Trickle { bytes: 64, pause: Duration::from_millis(1) }, 1);
    world.push(&[(SHOP, &features(NAMESPACE, "drop by drop"))]).await;
    world.forge.recover();
    world.forge.misbehave_times(Kind::Advertise, Fault::Redirect(world.forge.url(Sender::Azure)), 1);
    world.push(&[(SHOP, &features(NAMESPACE, "round the corner"))]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_pack_is_fetched_again() {
    let world = Plan::of(Sender::Azure).start().await;
    world.forge.misbehave_times(Kind::Fetch, Fault::CutAfter(60), 1);
    world.push(&[(SHOP, &features(NAMESPACE, "in two pieces"))]).await;
    let cut = world.forge.seen().iter().filter(|seen| seen.fault.is_some()).count();
    assert_eq!(cut, 1, "the story did not meet the cut");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_force_push_is_followed() {
    let world = Plan::of(Sender::BitbucketDataCenter).start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "second")), ("extra/features.yaml", &features("extra", "more"))]).await;
    assert_eq!(world.banner(ENVIRONMENT, "extra").await, "more");
    let text = features(NAMESPACE, "another history");
    let forced = world.force("main", &[(SHOP, &text)]);
    world.announce(&forced).await;
    world.live(&forced).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "another history");
    let gone = world.outside.get("/internal/v1/evaluation/snapshot/namespace/extra").await.unwrap();
    assert_eq!(gone.status, 404, "a namespace of the old history is still there");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_branch_is_an_error_that_a_person_sees_and_its_return_is_live() {
    let world = Plan::of(Sender::Forgejo).poll("1s").start().await;
    world.branch("other", "main");
    let deleted = world.delete_branch("main");
    world.announce(&deleted).await;
    let status = world.until("the branch is missed", |storage| storage["failure"].is_object()).await;
    assert_eq!(status["failure"]["class"], "operator", "{status:#}");
    assert!(status["failure"]["message"].as_str().unwrap().contains("main"), "{status:#}");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first", "the last good state is gone");
    assert_eq!(world.forge.repository().tip("main").unwrap(), None, "the branch was made again");

    let again = world.force("main", &[(SHOP, &features(NAMESPACE, "back"))]);
    world.announce(&again).await;
    let status = world.until("it is back", |storage| served(storage) == again.after.as_deref()).await;
    assert!(status["failure"].is_null(), "{status:#}");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "back");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_of_sha256_is_served_too() {
    let world = Plan::of(Sender::Gitea).sha256().start().await;
    let pushed = world.push(&[(SHOP, &features(NAMESPACE, "long ids"))]).await;
    assert_eq!(pushed.after.unwrap().len(), 64);
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "long ids");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_repository_waits_for_its_first_push() {
    let mut world = Plan::of(Sender::Gitea).empty().forge_only();
    world.start_daemon().await;
    let status = world.until("that it is empty is shown", |storage| storage["failure"].is_object()).await;
    assert!(status["failure"]["message"].as_str().unwrap().contains("empty"), "{status:#}");
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 503);
    let first = world.commit("main", &[(SHOP, &features(NAMESPACE, "the very first"))]);
    world.announce(&first).await;
    world.live(&first).await;
    world.until("the failure is over", |storage| storage["failure"].is_null()).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "the very first");
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_never_was_is_named_with_its_like_and_never_made() {
    let mut world = Plan::of(Sender::Github).poll("1s").storage("branch: mian").forge_only();
    world.start_daemon().await;
    let status = world.until("the branch is missed", |storage| storage["failure"].is_object()).await;
    let message = status["failure"]["message"].as_str().unwrap();
    assert!(message.contains("\"mian\"") && message.contains("there is main"), "{message}");
    assert_eq!(world.outside.get("/ready").await.unwrap().status, 503);
    // Asked for again and again, and still nowhere.
    world.until("it is looked for again", |storage| storage["failure"]["attempts"].as_u64() > Some(1)).await;
    let branches = world.forge.repository().git(["for-each-ref", "--format=%(refname)"]).unwrap();
    assert_eq!(branches.trim(), "refs/heads/main");
    let made = world.branch("mian", "main");
    world.live(&made).await;
    world.until("the failure is over", |storage| storage["failure"].is_null()).await;
    world.end().await;
}
