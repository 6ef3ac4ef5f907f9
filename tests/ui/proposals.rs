//! Branches and merge proposals, from the first click to live.

use serde_json::json;
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::provider::Story;
use crate::world::{NAMESPACE, SHOP, features};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_click_to_live() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    story.propose("discount", &json!({ "title": "Cheaper", "body": "For a week." })).await;
    let browser = Browser::open(&story.world).await;
    browser.go("/ui/proposals").await;
    browser.see("Cheaper").await;
    browser.accessible().await;
    browser.picture(std::path::Path::new("/tmp/proposals-list.png")).await;
    browser.press("#1 Cheaper").await;
    browser.see("What it changes").await;
    browser.picture(std::path::Path::new("/tmp/proposals-one.png")).await;
    browser.accessible().await;
    browser.end().await;
    story.world.end().await;
}
