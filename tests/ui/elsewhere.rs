//! Merge proposals at the other providers: the same pages, and what each of them has not, with the reason.

use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::provider::Story;
use crate::scm::plain::{Status, Verdict};
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, features};

const BANNER: &str = "/ui/e/production/n/shop/flags/banner";

/// Whoever is at a flag's page gets from there to *live* without ever opening another one by its address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_flags_page_to_live_on_github() {
    let story = Story::with(Plan::of(Sender::Github).environment("protected: true")).await;
    let browser = Browser::open(&story.world).await;
    browser.size(1280, 2000).await;
    browser.go(BANNER).await;
    browser.fill("[id='variants.0.attachment']", "{\"text\": \"cheaper\"}").await;
    browser.press("Review changes").await;
    browser.see("production is protected").await;
    browser.see("It is proposed by itself.").await;
    browser.fill("#branch", "discount").await;
    browser.fill("#message", "Cheaper for a week").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("See where it stands").await;
    browser.see("Change flags of production: discount").await;
    story.tell().await;
    browser.see("attachment /text: \"first\" → \"cheaper\"").await;
    browser.see("yardarm/flags").await;
    browser.accessible().await;
    browser.script("window.here = true").await;

    // GitHub's checks, a draft, a review; the page follows.
    let head = story.world.forge.repository().tip("flipt/production/discount").unwrap().unwrap();
    let check = |state: &str| Status {
        commit: head.clone(),
        context: "actions/build".to_owned(),
        state: state.to_owned(),
        description: String::new(),
        url: None,
    };
    story.scm.world(|plain| {
        plain.set_status(check("failure"));
        plain.review(1, "rosa", Verdict::ChangesRequested).unwrap();
    });
    assert!(story.tell().await > 0, "a review is told");
    browser.see("checks that failed: actions/build").await;
    browser.see("changes, requested by rosa").await;
    browser.press("Make it a draft").await;
    browser.see("being marked ready").await;
    browser.see_no("Squash and merge").await;
    browser.press("Ready for review").await;
    browser.see("Squash and merge").await;
    story.scm.world(|plain| {
        plain.set_status(check("success"));
        plain.review(1, "rosa", Verdict::Approved).unwrap();
    });
    assert!(story.tell().await > 0, "an approval is told");
    browser.see("Open, and nothing that is known here keeps it back.").await;

    // Merged with words of one's own, in GitHub's way of one commit.
    browser.press("Merge with a message of your own").await;
    browser.choose("#method", "squash").await;
    browser.fill("#message", "Cheaper, as agreed").await;
    browser.accessible().await;
    browser.press("Merge now").await;
    browser.see("Merged, and live since").await;
    browser.accessible().await;
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    let message = story.world.forge.repository().git(["log", "-1", "--format=%B", "main"]).unwrap();
    assert!(message.starts_with("Cheaper, as agreed"), "{message}");
    browser.go("/ui/e/production/branches").await;
    browser.see("There is no branch.").await;
    browser.end().await;
    story.world.end().await;
}

/// What is offered of a proposal, and what closing and opening it again comes to.
async fn offered(sender: Sender) {
    let story = Story::start(sender).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    let browser = Browser::open(&story.world).await;
    browser.go("/ui/e/production/branches/discount").await;
    browser.press("Propose").await;
    browser.fill("#title", "Cheaper").await;
    browser.press("Propose").await;
    browser.see("Cheaper").await;
    story.tell().await;
    for offered in ["Merge", "Squash and merge", "Rebase and merge", "Make it a draft", "Close", "Edit"] {
        browser.see(offered).await;
    }
    browser.see("1 ahead, 0 behind").await;
    browser.see_no("Reopen").await;
    browser.accessible().await;
    browser.press("Make it a draft").await;
    browser.see("being marked ready").await;
    browser.see_no("Rebase and merge").await;
    browser.press("Ready for review").await;
    browser.see("Rebase and merge").await;

    browser.press("Close").await;
    browser.see("Closed without a merge.").await;
    browser.see_no("Rebase and merge").await;
    if sender == Sender::BitbucketCloud {
        browser.see("The provider opens no closed one again; another one is opened in its place.").await;
    } else {
        browser.see_no("another one is opened in its place").await;
    }
    let before = browser.path().await;
    browser.press("Reopen").await;
    browser.see("Rebase and merge").await;
    if sender == Sender::BitbucketCloud {
        assert_ne!(browser.path().await, before, "one is at the one that took its place");
        browser.go(&before).await;
        browser.see("Another one was opened in its place.").await;
        browser.see_no("Reopen").await;
        browser.press("To that one").await;
        browser.see("Rebase and merge").await;
    } else {
        assert_eq!(browser.path().await, before);
    }
    story.tell().await;
    browser.accessible().await;
    browser.press("Rebase and merge").await;
    browser.see("Merged, and live since").await;
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");

    // Whether a delivery comes through is found out where the provider can be asked to send one.
    browser.go("/ui/deliveries").await;
    browser.see("What the provider has").await;
    browser.press("Ask the provider").await;
    browser.see("No webhook at the provider leads to this storage.").await;
    browser.accessible().await;
    browser.end().await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_on_bitbucket_cloud() {
    offered(Sender::BitbucketCloud).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_on_bitbucket_data_center() {
    offered(Sender::BitbucketDataCenter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_on_azure_devops() {
    offered(Sender::Azure).await;
}

/// A stranger's is not taken in, whatever it says; and where no provider is known, that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_from_a_fork_and_what_has_no_provider() {
    let story = Story::start(Sender::Github).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    let browser = Browser::open(&story.world).await;
    story.scm.world(|plain| plain.open_from_fork("mallory/flags", "main", "main", "Trust me"));
    story.tell().await;
    browser.go("/ui/proposals").await;
    browser.see("Nothing has been proposed yet.").await;
    browser.see("Proposals that come from forks are not taken in").await;
    browser.until("it listens", "return 'connected' in document.documentElement.dataset").await;
    // One of the team's, after it: it alone is seen, also in the open page.
    story.scm.world(|plain| {
        plain.open("rosa", "flipt/production/discount", "main", "One of ours", "", false, false).unwrap()
    });
    story.tell().await;
    browser.see("#2 One of ours").await;
    for state in ["", "?state=all", "?q=trust"] {
        browser.go(&format!("/ui/proposals{state}")).await;
        browser.see_no("Trust me").await;
        browser.see_no("mallory").await;
    }
    browser.accessible().await;
    browser.end().await;
    let asked = story.world.forge.seen();
    assert!(!format!("{asked:?}").contains("mallory"), "nothing of a fork is fetched");
    story.world.end().await;

    let world = Plan::of(Sender::Github).start().await;
    world.branch("flipt/production/discount", "main");
    let pushed = world.commit("flipt/production/discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]);
    world.announce(&pushed).await;
    world.until("the branch is served", |storage| crate::world::environment(storage, "discount").is_some()).await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/proposals").await;
    browser.see("Nothing can be proposed yet.").await;
    browser.see("scm").await;
    browser.go("/ui/e/production/branches/discount").await;
    browser.see("1 ahead").await;
    browser.see("scm").await;
    browser.see_no("Propose").await;
    browser.accessible().await;
    browser.end().await;
    world.end().await;
}
