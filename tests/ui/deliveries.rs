//! Somebody sets up a webhook, and later wants to know why nothing moves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use yardarm::demo::dialect::Sender;
use yardarm::provider::Provider;

use crate::browser::Browser;
use crate::scm::git::Memory;
use crate::scm::github::Github;
use crate::scm::plain::{Hook, Plain};
use crate::scm_http::Server;
use crate::world::{NAMESPACE, Plan, Pushed, SHOP, asking, features};

const CONNECTED: &str = "return 'connected' in document.documentElement.dataset";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_watched_and_what_holds_is_named() {
    let mut world = Plan::of(Sender::Github).start().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/deliveries").await;
    browser.see("Nothing was delivered yet.").await;
    browser.see("the first of storage.flags.webhook.secrets").await;
    browser.see("/webhooks/flags").await;
    browser.until("it listens", CONNECTED).await;

    // A push, and somebody who does not know the secret.
    let pushed = world.push(&[(SHOP, &features(NAMESPACE, "second"))]).await;
    browser.find("tr .chip.good").await;
    let row = browser.text("tr .fate").await;
    assert!(row.contains("live") && row.contains("verified by hmac-sha256"), "{row}");
    for forged in world.deliveries_under("not-the-secret", &pushed) {
        assert_eq!(world.send(&forged).await.status, 401);
    }
    browser.see("the signature fits none of the configured secrets").await;
    browser.press("Trouble (1)").await;
    browser.see_no("verified by hmac-sha256").await;
    browser.accessible().await;

    // A file that cannot be read: the page of the storages says which line, and goes on serving.
    browser.go("/ui/sync").await;
    browser.see("the one storage is in step").await;
    browser.until("it listens", CONNECTED).await;
    let broken = world.commit("main", &[(SHOP, "namespace: shop\nflags:\n  - key: banner\n    type: <b>odd</b>\n")]);
    world.announce(&broken).await;
    browser.see("held back").await;
    browser.see("shop/features.yaml:4").await;
    browser.see("<b>odd</b>").await;
    for width in [390, 820, 1280] {
        browser.size(width, 900).await;
        let wide = browser.script("return document.documentElement.scrollWidth > innerWidth + 1").await;
        assert_eq!(wide, false, "the page is wider than {width}");
    }
    browser.accessible().await;
    browser.prefers("dark").await;
    browser.accessible().await;
    browser.end().await;
    world.may_fail();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_looked_at_and_checked_from_end_to_end() {
    let plain = Plain::new(Box::new(Memory::new()));
    let provider = Server::start(Provider::Github, "/api/v3", Box::new(Github), plain);
    let scm = format!(
        "scm: {{type: github, api_url: '{}', owner: acme, repository: flags, credentials: api}}",
        provider.root
    );
    let credential = "credentials: {api: {type: access_token, access_token: token-of-yardarm}}";
    let world = Plan::of(Sender::Github).environment(&scm).rest(credential).start().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/deliveries").await;
    browser.press("Ask the provider").await;
    browser.see("No webhook at the provider leads to this storage.").await;
    browser.press("Check from end to end").await;
    browser.see("no webhook at the provider leads to this storage").await;

    // Somebody makes it. The test that the provider is asked for is sent here, as it does.
    provider.scm.world(|plain| {
        let hook = Hook {
            id: plain.id(),
            url: format!("{}/webhooks/flags", world.outside.base()),
            secret: Some(world.secret()),
            events: vec!["*".to_owned()],
            active: true,
            json: true,
            verifies_tls: true,
            more: BTreeMap::new(),
            attempts: Vec::new(),
        };
        plain.hooks.push(hook);
    });
    let tip = world.forge.repository().tip("main").unwrap();
    let test = Pushed { branch: "main".to_owned(), before: None, after: tip, forced: false, at: Timestamp::now() };
    let answered = async {
        let asked = || provider.scm.world(|plain| !plain.hooks[0].attempts.is_empty());
        assert!(asking(async || asked()).await, "a test is asked for");
        world.send(&world.test_delivery(&test).unwrap()).await
    };
    let ((), answer) = tokio::join!(browser.press("Check from end to end"), answered);
    assert_eq!(answer.status, 200);
    browser.see("The test arrived here and was verified.").await;
    browser.see("The webhook sends everything that is used").await;
    assert_eq!(browser.script("return document.querySelectorAll('.legs .chip.good').length").await, 3);
    browser.accessible().await;
    let page = browser.script("return document.documentElement.outerHTML").await;
    for secret in [world.secret().as_str(), "token-of-yardarm"] {
        assert!(!page.as_str().unwrap().contains(secret), "a secret on the page");
    }
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_nobody_announced_is_told_as_missed() {
    let world = Plan::of(Sender::Github).poll("1s").start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "announced"))]).await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/deliveries").await;
    browser.until("it listens", CONNECTED).await;
    world.commit("main", &[(SHOP, &features(NAMESPACE, "not announced"))]);
    browser.see("Polling found this commit; no delivery had announced it.").await;
    browser.press("Trouble (1)").await;
    browser.see("missed").await;
    browser.accessible().await;
    browser.end().await;
    world.end().await;
}
