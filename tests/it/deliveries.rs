//! Stories of deliveries: announced, lost, repeated, reordered, late, forged, of another repository, in a burst.

use yardarm::demo::dialect::{Encoding, Repository, Sender};
use yardarm::demo::forge::{Fault, Kind};
use yardarm::demo::outside::Form;

use crate::world::{DEADLINE, ENVIRONMENT, NAMESPACE, Plan, SHOP, World, digest, features, served};

/// Both routes, and both encodings where a provider has them.
async fn push_is_live(sender: Sender) {
    let world = Plan::of(sender).start().await;
    let clients = [world.listen(Form::Lines).await, world.listen(Form::Events).await, world.listen(Form::Ofrep).await];
    let own = format!("/webhooks/{}", crate::world::STORAGE);
    let flipt = format!("/api/v2/webhooks/{ENVIRONMENT}");
    for (news, path, encoding) in
        [("one", &own, Encoding::Json), ("two", &flipt, Encoding::Json), ("three", &own, Encoding::Form)]
    {
        let text = features(NAMESPACE, news);
        let pushed = world.commit("main", &[(SHOP, &text)]);
        let delivery = world.deliveries_as(world.forge.place(), &pushed, encoding).pop().unwrap();
        let answer = world.send_to(path, &delivery).await;
        assert_eq!(answer.status, 202, "{sender:?} {news}: {}", answer.text());
        for client in &clients {
            world.heard(client, &text).await;
        }
        assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, news);
        let record = world
            .until_record("it is live", |r| r["deliveryId"] == delivery.id && r["steps"]["live"].is_number())
            .await;
        assert_eq!(record["verified"], sender.scheme(), "{record:#}");
        assert_eq!(record["outcome"], "accepted", "{record:#}");
        assert_eq!(record["commit"], *pushed.after.as_ref().unwrap(), "{record:#}");
        assert_eq!(record["error"], serde_json::Value::Null, "{record:#}");
    }
    assert_eq!(world.status().await["missedDeliveries"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_github_is_live() {
    push_is_live(Sender::Github).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_github_enterprise_is_live() {
    push_is_live(Sender::GithubEnterprise).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_gitlab_with_a_signing_token_is_live() {
    push_is_live(Sender::GitlabSigned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_gitlab_with_a_secret_token_is_live() {
    push_is_live(Sender::GitlabToken).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_bitbucket_cloud_is_live() {
    push_is_live(Sender::BitbucketCloud).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_bitbucket_data_center_is_live() {
    push_is_live(Sender::BitbucketDataCenter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_azure_is_live() {
    push_is_live(Sender::Azure).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_gitea_is_live() {
    push_is_live(Sender::Gitea).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_forgejo_is_live() {
    push_is_live(Sender::Forgejo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_delivery_is_found_by_polling_and_counted() {
    let world = Plan::of(Sender::Gitea).poll("1s").start().await;
    let client = world.listen(Form::Lines).await;
    let text = features(NAMESPACE, "nobody told");
    let pushed = world.commit("main", &[(SHOP, &text)]);
    world.heard(&client, &text).await;
    world.until("it counts as missed", |storage| storage["missedDeliveries"] == 1).await;

    // Late, but authentic: there is nothing left to do, and nothing is counted twice.
    world.announce(&pushed).await;
    let status = world.status().await;
    assert_eq!(served(&status), pushed.after.as_deref());
    assert_eq!(status["missedDeliveries"], 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_delivery_is_known_again_also_after_a_restart() {
    let mut world = Plan::of(Sender::Github).start().await;
    let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "once"))]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    assert_eq!(world.send(&delivery).await.status, 202);
    world.live(&pushed).await;
    world.until_record("it is done", |r| r["deliveryId"] == delivery.id && r["steps"]["live"].is_number()).await;

    let asked = world.forge.seen().len();
    assert_eq!(world.send(&delivery).await.status, 200);
    let again = world.until_record("it is known", |r| r["outcome"] == "duplicate").await;
    assert_eq!(again["deliveryId"], delivery.id);
    assert_eq!(world.forge.seen().len(), asked, "a duplicate asked the remote");

    world.stop_daemon().await;
    world.start_daemon().await;
    assert_eq!(world.send(&delivery).await.status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reordered_deliveries_end_at_the_newest_state_and_never_go_back() {
    let world = Plan::of(Sender::GitlabToken).start().await;
    let client = world.listen(Form::Lines).await;
    let (old, new) = (features(NAMESPACE, "older"), features(NAMESPACE, "newer"));
    let first = world.commit("main", &[(SHOP, &old)]);
    let second = world.commit("main", &[(SHOP, &new)]);
    world.announce(&second).await;
    world.heard(&client, &new).await;
    world.announce(&first).await;
    let last = features(NAMESPACE, "the end");
    world.push(&[(SHOP, &last)]).await;
    world.heard(&client, &last).await;
    let heard: Vec<_> = client.frames().into_iter().filter_map(|frame| frame.digest).collect();
    assert!(!heard.contains(&digest(&old)), "a client went back: {heard:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_delivery_is_refused_without_a_word() {
    for sender in Sender::ALL {
        let world = Plan::of(sender).start().await;
        let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "not announced"))]);
        let asked = world.forge.seen().len();
        let genuine = world.deliveries(&pushed).pop().unwrap();
        let answer = world.send(&genuine.clone().forged()).await;
        assert_eq!((answer.status, answer.text().as_str()), (401, ""), "{sender:?}");
        let mut naked = genuine.clone();
        naked.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !name.contains("signature") && name != "x-gitlab-token" && name != "authorization"
        });
        let answer = world.send(&naked).await;
        assert_eq!((answer.status, answer.text().as_str()), (401, ""), "{sender:?}");
        assert_eq!(world.forge.seen().len(), asked, "{sender:?}: a forger moved something");
        // A refused delivery does not use up its id.
        assert_eq!(world.send(&genuine).await.status, 202, "{sender:?}");
        world.live(&pushed).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_the_remote_does_not_show_yet_is_awaited() {
    let world = Plan::of(Sender::Github).start().await;
    let client = world.listen(Form::Events).await;
    world.forge.freeze_replica().unwrap();
    let text = features(NAMESPACE, "behind a replica");
    let pushed = world.commit("main", &[(SHOP, &text)]);
    // Four requests are two whole looks at the remote.
    world.forge.misbehave_times(Kind::Any, Fault::Lag, 4);
    world.announce(&pushed).await;
    world.heard(&client, &text).await;
    let lagged = world.forge.seen().iter().filter(|seen| seen.fault == Some(Fault::Lag)).count();
    assert_eq!(lagged, 4, "the story did not meet the lag");
    assert_eq!(world.status().await["missedDeliveries"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_pushes_at_once_are_one_or_two_fetches() {
    let world = Plan::of(Sender::Forgejo).start().await;
    let client = world.listen(Form::Lines).await;
    let asked = world.forge.count(Kind::Fetch);
    // The first look at the remote is held until all are announced; so it covers the first, and one more the rest.
    world.forge.misbehave(Kind::Any, Fault::Stall);
    let mut last = None;
    for n in 0..50 {
        let text = features(NAMESPACE, &format!("push {n}"));
        let pushed = world.commit("main", &[(SHOP, &text)]);
        world.announce(&pushed).await;
        last = Some((pushed, text));
    }
    let (pushed, text) = last.unwrap();
    world.forge.recover();
    world.heard(&client, &text).await;
    world.live(&pushed).await;
    let fetches = world.forge.count(Kind::Fetch) - asked;
    assert!((1..=2).contains(&fetches), "{fetches} fetches");
    // Each announcement is answered for, though most had no fetch of their own.
    for n in 1..=50 {
        let what = format!("delivery {n} is live");
        world
            .until_record(&what, |r| r["deliveryId"] == format!("{:08}-world", n - 1) && r["steps"]["live"].is_number())
            .await;
    }
    assert_eq!(world.status().await["missedDeliveries"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authentic_delivery_for_another_repository_is_taken_and_does_nothing() {
    for sender in Sender::ALL {
        let world = Plan::of(sender).start().await;
        let asked = world.forge.seen().len();
        let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "elsewhere"))]);
        let elsewhere = Repository { name: "other".to_owned(), ..world.forge.place().clone() };
        let delivery = world.deliveries_as(&elsewhere, &pushed, Encoding::Json).pop().unwrap();
        assert_eq!(world.send(&delivery).await.status, 200, "{sender:?}");
        let record = world.until_record("it is recorded", |r| r["deliveryId"] == delivery.id).await;
        assert_eq!(record["outcome"], "other-repository", "{sender:?}");
        assert_eq!(world.forge.seen().len(), asked, "{sender:?}: the remote was asked");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_branch_and_a_test_delivery_do_nothing() {
    let world = Plan::of(Sender::Gitea).start().await;
    let pushed = world.branch("topic", "main");
    let asked = world.forge.seen().len();
    for delivery in world.deliveries(&pushed) {
        assert_eq!(world.send(&delivery).await.status, 200, "{:?}", delivery.header("X-Gitea-Event"));
    }
    assert_eq!(world.forge.seen().len(), asked);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_secret_there_is_no_endpoint() {
    let world = Plan::of(Sender::Github).without_webhook().poll("1s").start().await;
    let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "polled"))]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    for path in ["/webhooks/flags", "/api/v2/webhooks/production", "/webhooks/nothing"] {
        let answer = world.send_to(path, &delivery).await;
        assert_eq!((answer.status, answer.text().as_str()), (404, ""), "{path}");
    }
    // No webhook can be missed where there is none.
    let status = world.until("polling finds it", |storage| served(storage) == pushed.after.as_deref()).await;
    assert_eq!(status["missedDeliveries"], 0);
    assert_eq!(status["mode"], "poll");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_can_have_a_listener_of_their_own() {
    let rest = "server: {host: 127.0.0.1, http_port: 0, webhook: {host: 127.0.0.1, port: 0}}";
    let world = Plan::of(Sender::BitbucketCloud).rest(rest).start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "by the side door"))]).await;
    let webhooks = world.webhooks.as_ref().expect("a second listener");
    for path in ["/health", "/metrics", "/api/v2/storages", "/evaluate/v1/boolean"] {
        assert_eq!(webhooks.get(path).await.unwrap().status, 404, "{path} is public");
    }
    let delivery = world.deliveries(&world.commit("main", &[(SHOP, "x")])).pop().unwrap();
    assert_eq!(world.outside.deliver("/webhooks/flags", &delivery).await.unwrap().status, 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_delays_nobody() {
    let world = Plan::of(Sender::Github).start().await;
    let quick = world.listen(Form::Lines).await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        slow.push(stuck(&world).await);
    }
    for n in 0..5 {
        let text = features(NAMESPACE, &format!("{n} {}", "long ".repeat(50_000)));
        world.push(&[(SHOP, &text)]).await;
        assert!(quick.digest(&digest(&text), DEADLINE).await.is_some());
    }
    drop(slow);
    world.end().await;
}

/// A client that asks for a stream and never reads.
async fn stuck(world: &World) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt as _;
    let address = world.outside.base().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let path = format!("/client/v2/environments/{ENVIRONMENT}/namespaces/{NAMESPACE}/stream");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    stream
}
