//! Branches and merge proposals, from the first click to live.

use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Form;

use crate::browser::Browser;
use crate::provider::Story;
use crate::scm::plain::Verdict;
use crate::world::{ENVIRONMENT, NAMESPACE, SHOP, features};

const DISCOUNT: &str = "flipt/production/discount";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_click_to_live() {
    let story = Story::start(Sender::Gitea).await;
    let browser = Browser::open(&story.world).await;
    let listener = story.world.listen(Form::Lines).await;

    // A branch, and something on it.
    browser.go("/ui/e/production/branches").await;
    browser.see("There is no branch.").await;
    browser.press("New branch").await;
    browser.fill("#key", "no good").await;
    browser.script("document.querySelector('#key').removeAttribute('pattern')").await;
    browser.press("Make it").await;
    browser.see("only letters, digits").await;
    assert_eq!(browser.value("#key").await, "no good", "what was typed is there still");
    browser.accessible().await;
    browser.fill("#key", "discount").await;
    browser.press("Make it").await;
    browser.see("0 ahead").await;
    browser.see("There is nothing to propose yet.").await;
    let pushed = story.world.commit(DISCOUNT, &[(SHOP, &features(NAMESPACE, "cheaper"))]);
    story.world.announce(&pushed).await;
    browser.see("1 ahead").await;
    browser.see("attachment /text: \"first\" → \"cheaper\"").await;
    browser.accessible().await;

    // Proposed: what it says is filled in by whoever proposes.
    browser.press("Propose").await;
    browser.see("Change flags of production: discount").await;
    browser.accessible().await;
    browser.fill("#title", "Cheaper").await;
    browser.fill("#body", "For a week.").await;
    browser.press("Propose").await;
    browser.see("#1 Cheaper").await;
    browser.see("For a week.").await;
    story.tell().await;
    browser.see("yardarm/flags").await;
    browser.accessible().await;

    // Rosa wants something else, and then likes it; the page follows her without being loaded anew.
    browser.script("window.here = true").await;
    story.scm.world(|plain| plain.review(1, "rosa", Verdict::ChangesRequested)).unwrap();
    assert!(story.tell().await > 0, "a review is told");
    browser.see("changes, requested by rosa").await;
    story.scm.world(|plain| plain.review(1, "rosa", Verdict::Approved)).unwrap();
    assert!(story.tell().await > 0, "an approval is told");
    browser.see("Open, and nothing that is known here keeps it back.").await;
    browser.see("approved by rosa").await;
    browser.until("it is the same page", "return window.here === true").await;

    // Merged from here, and live in the client that listens.
    browser.press("Merge").await;
    browser.see("Merged, and live since").await;
    browser.see("seen by 1 client").await;
    browser.see("merged as ").await;
    story.world.heard(&listener, &features(NAMESPACE, "cheaper")).await;
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    browser.accessible().await;

    // The list knows where it has gone, and the branch is no more.
    browser.go("/ui/proposals").await;
    browser.see("No proposal is like that.").await;
    browser.press("Merged 1").await;
    browser.see("#1 Cheaper").await;
    browser.accessible().await;
    browser.go("/ui/e/production/branches").await;
    browser.see("There is no branch.").await;
    browser.end().await;
    story.world.end().await;
}
