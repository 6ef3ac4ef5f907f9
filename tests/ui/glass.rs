//! The provider is away, and somebody who may serves a change before it is pushed: nobody can miss that while it lasts.

use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind};

use crate::browser::Browser;
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World, features};

const FLAG: &str = "/ui/e/production/n/shop/flags/banner";
const CONNECTED: &str = "return 'connected' in document.documentElement.dataset";

/// Every page that there is, one of each kind.
const PAGES: [&str; 22] = [
    "/ui/e/production/n/shop/flags",
    FLAG,
    "/ui/e/production/n/shop/flags/banner/history",
    "/ui/e/production/n/shop/flags/banner/beside",
    "/ui/e/production/n/shop/segments",
    "/ui/e/production/n/shop/new-flag",
    "/ui/e/production/n/shop/new-segment",
    "/ui/e/production/n/shop/playground?flag=banner&entity=ada",
    "/ui/e/production/n/shop/analytics",
    "/ui/e/production/n/shop/copy?flag=banner",
    "/ui/e/production/namespaces",
    "/ui/e/production/new-namespace",
    "/ui/e/production/branches",
    "/ui/e/production/new-branch",
    "/ui/e/production/review",
    "/ui/e/production/saved?commit=0",
    "/ui/proposals",
    "/ui/sync",
    "/ui/deliveries",
    "/ui/audit",
    "/ui/palette?q=ban",
    "/ui/nowhere/at/all",
];

/// The banner is there, it is seen, and it stays where it is seen when one scrolls.
const BANNER: &str = "scrollTo(0, document.body.scrollHeight); const banner = document.querySelector('.glass'); \
                      if (!banner) return false; const at = banner.getBoundingClientRect(); \
                      return at.top >= 0 && at.bottom <= innerHeight && at.height > 30 && at.width > 200 && \
                      banner.checkVisibility() && banner.contains(document.elementFromPoint(at.left + 20, at.top + 12))";

async fn world() -> World {
    let tokens = [
        "ops: {credential: breaks-glass, scopes: ['break-glass']}",
        "rosa: {credential: only-writes, scopes: ['write']}",
        "narrow: {credential: only-pay, scopes: ['read:production/pay']}",
    ];
    let plan = Plan::of(Sender::Github).environment("break_glass: {enabled: true}").tokens("every-thing", &tokens);
    let world = plan.start().await;
    world.push(&[("pay/features.yaml", &features("pay", "pays"))]).await;
    world
}

/// Edits the banner's text up to the page that reviews it.
async fn reviewed(browser: &Browser, text: &str) {
    browser.go(FLAG).await;
    browser.fill("[id='variants.0.attachment']", &format!("{{\"text\": \"{text}\"}}")).await;
    browser.press("Review changes").await;
    browser.find("form.review").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_before_it_is_pushed_is_live_at_once_and_nobody_misses_it() {
    let mut world = world().await;
    world.may_fail();
    let (ops, rosa) = (Browser::open(&world).await, Browser::open(&world).await);
    // Rosa is in the middle of something, on a page whose address answers nothing but forms.
    rosa.go("/ui/e/production/n/pay/flags/banner/history").await;
    rosa.sign_in("only-writes").await;
    rosa.press("Undo this change").await;
    rosa.find("form.review").await;
    assert!(rosa.path().await.ends_with("/revert"));
    rosa.fill("#message", "Half typed").await;
    rosa.until("it listens", CONNECTED).await;
    rosa.script("window.same = true").await;

    ops.go(FLAG).await;
    ops.sign_in("breaks-glass").await;
    ops.see("Review changes").await;
    reviewed(&ops, "second").await;
    world.forge.misbehave(Kind::Any, Fault::Status(502));
    ops.press("Save").await;
    ops.see("The provider does not answer. Try again in a moment, or serve it before it is pushed.").await;
    ops.accessible().await;
    // A reason is asked for, and what was chosen stays chosen.
    ops.click("input[name=to][value=glass]").await;
    ops.press("Save").await;
    ops.see("everybody will read it").await;
    ops.find("input[name=to][value=glass]:checked").await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first");
    ops.fill("#reason", "the forge is down, <b>checkout</b> is on fire").await;
    ops.press("Save").await;
    ops.see("Saved.").await;
    ops.see("One change is served and waits for the provider.").await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "second", "it is live at once");
    for browser in [&ops, &rosa] {
        browser.see("Break-glass: production is served as the Git provider does not have it.").await;
        browser.see("the forge is down, <b>checkout</b> is on fire").await;
        browser.see("1 change waits to be pushed").await;
        browser.see("Broken by ops").await;
        browser.until("nobody misses it", BANNER).await;
        browser.accessible().await;
    }
    assert_eq!(rosa.script("return window.same").await, true, "nothing was loaded anew");
    assert_eq!(rosa.value("#message").await, "Half typed");

    // On every page, the one that is none included, and on a phone.
    ops.expect_error("404");
    for page in PAGES {
        ops.go(page).await;
        ops.until(&format!("nobody misses it on {page}"), BANNER).await;
    }
    ops.size(390, 800).await;
    ops.go(FLAG).await;
    ops.until("nobody misses it on a phone", BANNER).await;
    ops.accessible().await;
    ops.size(1280, 900).await;

    // Who may not break it is not offered to, and refused; the provider is still away.
    assert_eq!(rosa.script("return document.querySelector('[value=glass]')").await, serde_json::Value::Null);
    rosa.press("Save").await;
    rosa.see("The provider does not answer. Nothing was changed; try again in a moment.").await;
    assert_eq!(rosa.value("#message").await, "Half typed");
    rosa.expect_error("403");
    let changes = rosa.value("form.review input[name=changes]").await;
    let forged = [("to", "glass"), ("reason", "because"), ("changes", &*changes)];
    assert_eq!(rosa.forge("/ui/e/production/commit", &forged).await, 403);
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "second");

    // A second change on top; the page that was led to afterwards tells of both.
    reviewed(&ops, "third").await;
    ops.press("Break the glass").await;
    // Whoever gives a reason has chosen.
    ops.fill("#reason", "still down").await;
    ops.find("input[name=to][value=glass]:checked").await;
    ops.press("Save").await;
    ops.see("2 changes are served and wait for the provider.").await;
    ops.script("window.same = true").await;
    rosa.see("2 changes wait to be pushed").await;

    // Who may read one namespace, which is not the one, is told that it is so; who is nobody yet, no more than that.
    let narrow = Browser::open(&world).await;
    narrow.go("/ui/e/production/n/pay/flags").await;
    narrow.see("Break-glass: production").await;
    assert!(!narrow.source().await.contains("on fire"));
    narrow.until("nobody misses it while signing in", BANNER).await;
    narrow.accessible().await;
    narrow.sign_in("only-pay").await;
    narrow.see("Banner").await;
    narrow.see("2 changes wait to be pushed; the first ends to be served at").await;
    let page = narrow.source().await;
    assert!(!page.contains("on fire") && !page.contains("ops"), "{page}");
    narrow.accessible().await;
    narrow.end().await;

    // The provider is back: it is pushed, and goes by itself, from every page that is open.
    world.forge.recover();
    for browser in [&ops, &rosa] {
        browser.until("it is gone", "return !document.querySelector('.glass')").await;
    }
    ops.see_no("wait for the provider").await;
    assert_eq!(ops.script("return window.same").await, true, "nothing was loaded anew");
    let file = world.forge.repository().git(["show", &format!("main:{SHOP}")]).unwrap();
    assert!(file.contains("third"), "{file}");
    ops.end().await;
    rosa.end().await;
    world.end().await;
}
