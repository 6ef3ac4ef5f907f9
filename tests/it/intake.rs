//! Stories of webhooks: tried from the provider's page, sent again, signed with a new secret.

use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind};

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, configuration, features, served};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_button_of_every_provider_is_answered() {
    for sender in Sender::ALL {
        let world = Plan::of(sender).start().await;
        let asked = world.forge.seen().len();
        let tip = world.forge.repository().tip("main").unwrap();
        let pushed = crate::world::Pushed {
            branch: "main".to_owned(),
            before: tip.clone(),
            after: tip,
            forced: false,
            at: jiff::Timestamp::now(),
        };
        let Some(delivery) = world.test_delivery(&pushed) else {
            assert_eq!(sender, Sender::BitbucketCloud, "all others have a button");
            world.end().await;
            continue;
        };
        let answer = world.send(&delivery).await;
        let (status, outcome, verified) = match sender {
            Sender::Github | Sender::GithubEnterprise => (200, "ignored", Some("hmac-sha256")),
            // It is not signed, and nobody but its sender is told anything.
            Sender::BitbucketDataCenter => (200, "ignored", None),
            // A sample of a repository that is nobody's.
            Sender::Azure => (200, "other-repository", Some("basic")),
            // An ordinary push of where the branch stands.
            _ => (202, "accepted", Some(sender.scheme())),
        };
        assert_eq!(answer.status, status, "{sender:?}: {}", answer.text());
        assert_eq!(answer.text().is_empty(), verified.is_none(), "{sender:?}: {}", answer.text());
        let record = world.until_record("it is recorded", |record| record["outcome"] == outcome).await;
        assert_eq!(record["verified"].as_str(), verified, "{sender:?}: {record:#}");
        if outcome == "accepted" {
            let done = |record: &serde_json::Value| record["steps"]["live"].is_number();
            let record = world.until_record("its run is over", done).await;
            assert!(record["error"].is_null(), "{sender:?}: {record:#}");
        } else {
            assert_eq!(world.forge.seen().len(), asked, "{sender:?}: the remote was asked");
        }
        assert_eq!(world.status().await["missedDeliveries"], 0);
        // The webhook that was tried works.
        world.push(&[(SHOP, &features(NAMESPACE, "for real"))]).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_changed_without_a_gap_at_every_provider() {
    for sender in Sender::ALL {
        let world = Plan::of(sender).start().await;
        let (old, new) = (world.secret(), sender.secret(&[7; 32]));
        let with = |secrets: &str| configuration(&world.text.replace(&format!("secrets: [{old:?}]"), secrets));
        let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "rotated"))]);
        let sent = async |secret: &str| {
            let delivery = world.deliveries_under(secret, &pushed).pop().unwrap();
            world.send(&delivery).await.status
        };
        assert_eq!((sent(&old).await, sent(&new).await), (202, 401), "{sender:?}: before");
        world.daemon().reload(with(&format!("secrets: [{new:?}, {old:?}]"))).await;
        assert_eq!((sent(&old).await, sent(&new).await), (202, 202), "{sender:?}: both");
        assert_eq!(sent(&sender.secret(&[8; 32])).await, 401, "{sender:?}: neither");
        world.daemon().reload(with(&format!("secrets: [{new:?}]"))).await;
        assert_eq!((sent(&old).await, sent(&new).await), (401, 202), "{sender:?}: after");
        world.live(&pushed).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_delivery_may_run_again_and_one_that_succeeded_after_all_may_not() {
    for sender in [Sender::Github, Sender::GitlabSigned, Sender::Azure] {
        let world = Plan::of(sender).start().await;
        let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "at the third try"))]);
        let delivery = world.deliveries(&pushed).pop().unwrap();
        world.forge.misbehave(Kind::Any, Fault::Status(503));
        assert_eq!(world.send(&delivery).await.status, 202);
        let failed = world.until_record("its run failed", |record| record["error"].is_string()).await;
        assert_eq!(failed["deliveryId"], delivery.id, "{sender:?}");

        // Sent again under the same id, while the remote is still down: it is worked on, not called a duplicate.
        assert_eq!(world.send(&delivery).await.status, 202, "{sender:?}: a failed delivery may run again");
        world.until("it was tried again", |storage| storage["failure"]["attempts"].as_u64() > Some(1)).await;
        world.forge.recover();
        world.live(&pushed).await;
        for record in [&failed["id"], &world.records().await[0]["id"]] {
            let live = |r: &serde_json::Value| r["id"] == *record && r["steps"]["live"].is_number();
            let record = world.until_record("both are answered for", live).await;
            assert!(record["error"].is_null(), "{sender:?}: what it failed with is over: {record:#}");
        }
        // The third time there is nothing left to do, whoever brought it about.
        let asked = world.forge.seen().len();
        assert_eq!(world.send(&delivery).await.status, 200, "{sender:?}: it is done");
        assert_eq!(world.forge.seen().len(), asked, "{sender:?}: a duplicate asked the remote");
        assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "at the third try");
        assert_eq!(served(&world.status().await), pushed.after.as_deref());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_succeeds_by_itself_leaves_nothing_to_run_again() {
    let world = Plan::of(Sender::Forgejo).start().await;
    let pushed = world.commit("main", &[(SHOP, &features(NAMESPACE, "by itself"))]);
    let delivery = world.deliveries(&pushed).pop().unwrap();
    world.forge.misbehave(Kind::Any, Fault::Status(503));
    assert_eq!(world.send(&delivery).await.status, 202);
    world.until_record("its run failed", |record| record["error"].is_string()).await;
    world.forge.recover();
    world.until_record("it is live", |r| r["steps"]["live"].is_number() && r["error"].is_null()).await;
    let asked = world.forge.seen().len();
    let again = world.send(&delivery).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(world.forge.seen().len(), asked, "a duplicate asked the remote");
    world.end().await;
}
