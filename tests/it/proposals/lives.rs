//! What happens to proposals outside, and how it comes to be known.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use yardarm::demo::dialect::Sender;

use crate::provider::{Story, nothing};
use crate::scm::plain::Verdict;
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, features};

/// A story with one proposal that is open; its id and number.
pub(super) async fn with_one(plan: Plan) -> (Story, String, u64) {
    let story = Story::with(plan).await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    let told = story.propose("a", &nothing()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    story.tell().await;
    let (id, number) = (told["id"].as_str().unwrap().to_owned(), told["number"].as_u64().unwrap());
    (story, id, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_order_and_twice_it_ends_where_the_provider_is() {
    let (story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.scm.world(|plain| {
        plain.review(number, "rosa", Verdict::Approved).unwrap();
        plain.edit(number, Some("Another title"), None).unwrap();
        plain.close(number).unwrap();
        plain.reopen(number).unwrap();
    });
    let mut deliveries = story.webhooks();
    deliveries.reverse();
    for delivery in deliveries.iter().chain(&deliveries) {
        let answer = story.world.send(delivery).await;
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
    }
    let open = story.until(&id, "the new title", |p| p["title"] == "Another title" && p["stale"] == false).await;
    assert_eq!(open["state"], "open");
    assert_eq!(open["reviews"]["approvedBy"], json!(["rosa"]));
    let record = story
        .world
        .until_record("the delivery is done", |r| r["event"] == "pull_request" && !r["steps"]["live"].is_null());
    assert!(record.await["error"].is_null());
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opened_by_hand_it_is_known_with_its_changes() {
    let story = Story::start(Sender::Gitea).await;
    story.world.branch("topic", "main");
    let first = story.world.commit("topic", &[(SHOP, &features(NAMESPACE, "by hand"))]);
    let number = story.scm.world(|plain| plain.open("rosa", "topic", "main", "By hand", "", false, false)).unwrap();
    story.tell().await;
    let mut id = String::new();
    let known = crate::world::asking(async || {
        let all = story.proposals().await;
        id = all.first().and_then(|p| p["id"].as_str()).unwrap_or_default().to_owned();
        !id.is_empty()
    });
    assert!(known.await);
    // Its branch is fetched although nothing is served of it.
    let open = story.until(&id, "what it changes", |p| !p["changes"].is_null() && p["ahead"] == 1).await;
    assert_eq!((open["number"].as_u64(), open["author"].as_str()), (Some(number), Some("rosa")));
    assert_eq!(open["openedBy"], Value::Null);
    assert_eq!(open["environmentKey"], ENVIRONMENT);
    assert_eq!(open["headCommit"].as_str(), first.after.as_deref());
    // A push to it is taken by its branch.
    let second = story.world.commit("topic", &[(SHOP, &features(NAMESPACE, "again"))]);
    story.world.announce(&second).await;
    story.scm.world(|plain| plain.pushed("topic"));
    story.tell().await;
    let moved = story.until(&id, "the new head", |p| p["headCommit"].as_str() == second.after.as_deref()).await;
    assert_eq!(moved["state"], "open");
    story.merge(number, "squash").await;
    story.until_state(&id, "live").await;
    assert!(story.world.forge.repository().tip("topic").unwrap().is_some(), "what is not ours is not removed");
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_the_state_directory_loses_nothing() {
    let (mut story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.until(&id, "it is read", |p| p["ahead"] == 1).await;
    story.world.stop_daemon().await;
    std::fs::remove_dir_all(story.world.path().join("state")).unwrap();
    story.world.start_daemon().await;
    let known = crate::world::asking(async || story.proposals().await.len() == 1).await;
    assert!(known);
    let open = story.until(&id, "the same under the same id", |p| p["state"] == "open" && p["ahead"] == 1).await;
    assert_eq!((open["number"].as_u64(), open["environmentKey"].as_str()), (Some(number), Some(ENVIRONMENT)));
    let again = story.propose("a", &nothing()).await.json();
    assert_eq!((again["id"].as_str(), again["joined"].as_bool()), (Some(&*id), Some(true)));
    assert_eq!(story.asked("POST", "pulls"), 1);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_webhooks_lose_is_found_after_a_restart() {
    let (mut story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.world.stop_daemon().await;
    story.merge_untold(number, "merge");
    drop(story.scm.messages());
    story.world.start_daemon().await;
    story.until_state(&id, "live").await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_asks_the_provider_nothing() {
    let count = 300;
    let story = Story::prepared(Plan::of(Sender::Gitea), |plain| crate::provider::past(plain, count)).await;
    let asked = story.scm.exchanges().len();
    assert_eq!(story.proposals().await.len(), count);
    let mut from = String::new();
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let page = story.get(&format!("/api/v2/proposals?state=closed&author=rosa&limit=120{from}")).await;
        seen.extend(page["proposals"].as_array().unwrap().iter().map(|p| p["number"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert_eq!(seen.len(), count);
    assert_eq!(story.get("/api/v2/proposals?state=open").await["proposals"], json!([]));
    assert_eq!(story.scm.exchanges().len(), asked);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_every_change() {
    let story = Story::start(Sender::Gitea).await;
    let address = story.world.daemon().address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/v2/proposals/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    let until = async |stream: &mut tokio::net::TcpStream, read: &mut Vec<u8>, wanted: &str| {
        while !String::from_utf8_lossy(read).contains(wanted) {
            let some = crate::world::in_time(wanted, stream.read_buf(read)).await.unwrap();
            assert!(some > 0, "the stream ended before {wanted}: {}", String::from_utf8_lossy(read));
        }
    };
    until(&mut stream, &mut read, "retry: ").await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    let told = story.propose("a", &nothing()).await.json();
    until(&mut stream, &mut read, "\"state\":\"open\"").await;
    story.scm.world(|plain| plain.close(told["number"].as_u64().unwrap())).unwrap();
    story.tell().await;
    until(&mut stream, &mut read, "\"state\":\"closed\"").await;
    assert!(String::from_utf8_lossy(&read).contains("event: proposal"));
    drop(stream);
    story.world.end().await;
}
