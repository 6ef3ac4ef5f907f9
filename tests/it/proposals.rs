//! Merge proposals from opened to live, with a provider's API over HTTP beside the forge.

mod everywhere;
mod faults;
mod lives;
mod reports;

use serde_json::json;
use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Form;

use crate::provider::{Story, nothing};
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, features};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_branch_to_live_by_webhooks_alone() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    let answer = story.propose("discount", &json!({ "title": "Cheaper", "body": "For a week." })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!((told["state"].as_str(), told["joined"].as_bool()), (Some("PROPOSAL_STATE_OPEN"), Some(false)));
    let id = told["id"].as_str().unwrap().to_owned();
    let number = told["number"].as_u64().unwrap();
    story.tell().await;

    let open =
        story.until(&id, "how far it is, and what it changes", |p| p["ahead"] == 1 && !p["changes"].is_null()).await;
    assert_eq!((open["title"].as_str(), open["body"].as_str()), (Some("Cheaper"), Some("For a week.")));
    assert_eq!((open["environmentKey"].as_str(), open["branchKey"].as_str()), (Some(ENVIRONMENT), Some("discount")));
    assert_eq!(open["changes"][0]["changes"]["namespaces"][0]["flags"][0]["key"], "banner");
    let again = story.propose("discount", &nothing()).await.json();
    assert_eq!((again["id"].as_str(), again["joined"].as_bool()), (Some(&*id), Some(true)));
    let branches = story.get(&format!("/api/v2/environments/{ENVIRONMENT}/branches")).await;
    assert_eq!(branches["branches"][0]["proposal"]["number"], number);

    let client = story.world.listen(Form::Events).await;
    let merged = story.merge(number, "merge").await;
    let live = story.until_state(&id, "live").await;
    assert_eq!(live["live"]["commit"].as_str(), Some(&*merged));
    let seen = json!({ "by": 1, "of": 1 });
    story.until(&id, "its one client has it", |proposal| proposal["live"]["seen"] == seen).await;
    assert_eq!(story.proposals().await[0]["live"].get("seen"), None, "a list looks at no streams");
    drop(client);
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    // Its branch has no use any more, and goes.
    story.world.until("the branch is gone", |storage| crate::world::environment(storage, "discount").is_none()).await;
    assert_eq!(story.world.forge.repository().tip("flipt/production/discount").unwrap(), None);
    assert!(live["history"].as_array().unwrap().len() >= 3, "{live:#}");
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squashed_or_rebased_it_is_live_all_the_same() {
    for (sender, method) in [(Sender::Gitea, "squash"), (Sender::GithubEnterprise, "rebase")] {
        let story = Story::start(sender).await;
        story.branch("a", &[(SHOP, &features(NAMESPACE, method))]).await;
        let told = story.propose("a", &nothing()).await;
        assert_eq!(told.status, 200, "{}", told.text());
        let told = told.json();
        story.merge(told["number"].as_u64().unwrap(), method).await;
        let live = story.until_state(told["id"].as_str().unwrap(), "live").await;
        assert_eq!(live["title"], "Change flags of production: a");
        assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, method);
        story.world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_to_a_protected_environment_proposes_by_itself() {
    let story = Story::with(Plan::of(Sender::Gitea).environment("protected: true")).await;
    let change = json!({
        "branch": "soon",
        "changes": [{
            "action": "put", "namespace": NAMESPACE,
            "payload": { "@type": "flipt.core.Flag", "key": "sale", "name": "Sale", "type": "BOOLEAN_FLAG_TYPE", "enabled": true },
        }],
    });
    let path = format!("/api/v2/environments/{ENVIRONMENT}/changes");
    let answer = story.post(&path, &change).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let proposal = answer.json()["proposal"].clone();
    assert_eq!(proposal["state"], "PROPOSAL_STATE_OPEN", "{proposal:#}");
    // The next write joins it.
    let mut other = change.clone();
    other["changes"][0]["payload"]["enabled"] = false.into();
    let answer = story.post(&path, &other).await;
    assert_eq!(answer.json()["proposal"]["id"], proposal["id"]);
    assert_eq!(story.asked("POST", "pulls"), 1);
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_closing_and_reopening() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    let told = story.propose("a", &json!({ "draft": true })).await.json();
    let id = told["id"].as_str().unwrap();
    assert_eq!(told["draft"], true);
    let act = async |act: &str| {
        let answer = story.post(&format!("/api/v2/proposals/{id}/{act}"), &nothing()).await;
        assert_eq!(answer.status, 200, "{act}: {}", answer.text());
        answer.json()
    };
    assert_eq!(act("ready").await["draft"], false);
    assert_eq!(act("draft").await["draft"], true);
    assert_eq!(act("close").await["state"], "closed");
    assert_eq!(act("close").await["state"], "closed", "what is closed already is no error");
    assert_eq!(act("reopen").await["state"], "open");
    assert_eq!(act("ready").await["draft"], false);
    let merged = act("merge").await;
    assert!(matches!(merged["state"].as_str(), Some("merged" | "live")), "{merged:#}");
    // Nobody told of the push: whoever merged has it fetched.
    story.until_state(id, "live").await;
    let refused = story.post(&format!("/api/v2/proposals/{id}/close"), &nothing()).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_what_is_missing() {
    let world = Plan::of(Sender::Gitea).start().await;
    world.outside.post(&format!("/api/v2/environments/{ENVIRONMENT}/branches"), &json!({ "key": "a" })).await.unwrap();
    let path = format!("/api/v2/environments/{ENVIRONMENT}/branches/a");
    let answer = world.outside.post(&path, &nothing()).await.unwrap();
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("scm"), "{}", answer.text());
    assert_eq!(world.outside.get("/api/v2/proposals/0123456789abcdef").await.unwrap().status, 404);
    assert_eq!(world.outside.get("/api/v2/proposals").await.unwrap().json(), json!({ "proposals": [], "next": null }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_without_anything_of_its_own_is_not_proposed() {
    let story = Story::start(Sender::Gitea).await;
    let made = story.post(&format!("/api/v2/environments/{ENVIRONMENT}/branches"), &json!({ "key": "empty" })).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let answer = story.propose("empty", &nothing()).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    let answer = story.propose("nowhere", &nothing()).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!(story.asked("POST", "pulls"), 0);
    story.world.end().await;
}
