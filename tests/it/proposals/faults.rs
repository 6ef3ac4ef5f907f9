//! What goes wrong at the provider, and what comes of it.

use serde_json::json;
use yardarm::demo::dialect::Sender;

use super::lives::with_one;
use crate::provider::{Story, nothing};
use crate::scm::Fault;
use crate::world::{NAMESPACE, Plan, SHOP, features};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_after_the_proposal_was_made_makes_one_proposal() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    story.scm.misbehave("POST", "pulls", Fault::Lost, 1);
    let told = story.propose("a", &nothing()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(story.scm.world(|plain| plain.proposals.len()), 1);
    story.tell().await;
    let id = told.json()["id"].as_str().unwrap().to_owned();
    story.until_state(&id, "open").await;
    assert_eq!(story.proposals().await.len(), 1);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_is_asked_again_and_one_comes_of_it() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    story.scm.misbehave("GET", "pulls", Fault::Down, 3);
    let told = story.propose("a", &nothing()).await;
    assert_eq!(told.status, 503, "{}", told.text());
    assert!(told.header("retry-after").is_some());
    story.scm.behave();
    let told = story.propose("a", &json!({ "title": "Now" })).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(story.scm.world(|plain| plain.proposals.len()), 1);
    assert_eq!(story.proposals().await.len(), 1);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_revoked_midway_is_told_and_mended() {
    let (story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.until(&id, "it is read", |p| p["ahead"] == 1 && p["stale"] == false).await;
    let people = story.scm.world(|plain| std::mem::take(&mut plain.people));
    story.scm.world(|plain| plain.edit(number, Some("While nobody may look"), None)).unwrap();
    story.tell().await;
    let told = story.until(&id, "the trouble", |p| p["trouble"]["class"] == "operator").await;
    assert!(told["trouble"]["message"].as_str().unwrap().contains("credential"), "{told:#}");
    assert_eq!(told["state"], "open", "what was known stays");
    story.scm.world(|plain| plain.people = people);
    story.scm.world(|plain| plain.edit(number, Some("Again"), None)).unwrap();
    story.tell().await;
    let mended = story.until(&id, "the new title", |p| p["title"] == "Again").await;
    assert!(mended["trouble"].is_null());
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_out_of_sight_is_no_news_of_its_proposals() {
    let (story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.scm.world(|plain| plain.edit(number, Some("x"), None)).unwrap();
    story.scm.world(|plain| plain.gone = true);
    story.tell().await;
    let told = story.until(&id, "the trouble", |p| !p["trouble"].is_null()).await;
    assert_eq!(told["state"], "open", "{told:#}");
    story.world.end().await;
}

/// A burst on some proposals: few reads, and the end is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_few_reads_and_right_at_the_end() {
    let (story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.until(&id, "it is read", |p| p["stale"] == false && !p["read"].is_null()).await;
    let path = format!("pulls/{number}");
    let before = story.asked("GET", &path);
    let began = std::time::Instant::now();
    for n in 0..100 {
        story.scm.world(|plain| plain.edit(number, Some(&format!("title {n}")), None)).unwrap();
        story.tell().await;
    }
    story.until(&id, "the last title", |p| p["title"] == "title 99" && p["stale"] == false).await;
    // A read of Gitea's takes the proposal, its reviews and its statuses; the first is at once, then one a second.
    let reads = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    let asked = story.asked("GET", &path) - before;
    assert!(asked <= reads * 4, "{asked} requests in {:?}", began.elapsed());
    story.world.end().await;
}

/// The change is made whatever becomes of its proposal, and the proposal comes as soon as it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_to_a_protected_environment_waits_for_no_provider() {
    let story = Story::with(Plan::of(Sender::Gitea).environment("protected: true")).await;
    story.scm.misbehave("GET", "pulls", Fault::Answer(502, "<html>Bad gateway</html>".to_owned(), Vec::new()), 1);
    let change = json!({
        "branch": "soon",
        "changes": [{
            "action": "put", "namespace": NAMESPACE,
            "payload": { "@type": "flipt.core.Flag", "key": "sale", "name": "Sale", "type": "BOOLEAN_FLAG_TYPE", "enabled": true },
        }],
    });
    let answer = story.post("/api/v2/environments/production/changes", &change).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json()["proposal"].clone();
    assert_eq!(told["stage"], "planned", "{told:#}");
    assert!(told["trouble"].as_str().unwrap().contains("502"), "{told:#}");
    story.until_state(told["id"].as_str().unwrap(), "open").await;
    assert_eq!(story.scm.world(|plain| plain.proposals.len()), 1);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_is_deleted_at_the_provider_takes_its_proposal_along() {
    let (story, id, number) = with_one(Plan::of(Sender::Gitea)).await;
    story.until(&id, "it is read", |p| p["ahead"] == 1).await;
    let gone = story.world.delete_branch("flipt/production/a");
    story.scm.world(|plain| plain.close(number)).unwrap();
    story.world.announce(&gone).await;
    story.tell().await;
    story.until_state(&id, "closed").await;
    let answer = story.post(&format!("/api/v2/proposals/{id}/reopen"), &nothing()).await;
    assert!(matches!(answer.status, 404 | 409 | 503), "{}: {}", answer.status, answer.text());
    assert_eq!(story.proposal(&id).await["state"], "closed");
    story.world.end().await;
}
