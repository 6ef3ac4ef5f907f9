//! What moves is seen to move, on every page that is open.

use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{NAMESPACE, Plan, SHOP, features};

const FLAGS: &str = "/ui/e/production/n/shop/flags";
const CONNECTED: &str = "return 'connected' in document.documentElement.dataset";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_seen_in_every_browser_and_a_restart_is_lived_through() {
    let mut world = Plan::of(Sender::Github).start().await;
    let (ada, rosa) = (Browser::open(&world).await, Browser::open(&world).await);
    for browser in [&ada, &rosa] {
        browser.go(FLAGS).await;
        browser.until("it listens", CONNECTED).await;
    }
    // Where it stays one can see that the page is the same one.
    ada.script("window.same = true").await;
    let text = features(NAMESPACE, "second").replace("Banner", "A banner that moved");
    world.push(&[(SHOP, &text)]).await;
    for browser in [&ada, &rosa] {
        browser.see("A banner that moved").await;
    }
    assert_eq!(ada.script("return window.same").await, true, "nothing was loaded anew");
    // So is what somebody edits.
    rosa.go(&format!("{FLAGS}/banner")).await;
    rosa.fill("#name", "A banner that rosa named").await;
    rosa.press("Review changes").await;
    rosa.find("form.review").await;
    rosa.press("Save").await;
    ada.see("A banner that rosa named").await;
    rosa.see("Saved.").await;
    assert_eq!(ada.script("return window.same").await, true, "nothing was loaded anew");
    rosa.end().await;

    // It moves, and the page cannot be fetched just then: it is when the stream is there again.
    let once = "const real = window.fetch; window.fetch = (at, how) => String(at) === location.href && !window.failed \
                ? (window.failed = true, Promise.reject(new Error('away'))) : real(at, how)";
    ada.script(once).await;
    world.push(&[(SHOP, &text.replace("A banner that moved", "A banner in a tunnel"))]).await;
    ada.until("it cannot be fetched", "return window.failed === true").await;
    ada.see("A banner that rosa named").await;
    ada.script("dispatchEvent(new Event('pagehide'))").await;
    ada.script("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    ada.see("A banner in a tunnel").await;
    assert_eq!(ada.script("return window.same").await, true, "nothing was loaded anew");

    // What is gathered is known to the browser alone.
    let gathered =
        serde_json::json!([{ "action": "delete", "type": "flipt.core.Flag", "namespace": NAMESPACE, "key": "banner" }]);
    let put = format!(
        "localStorage.setItem('yardarm.tray.production', {}); dispatchEvent(new Event('storage'))",
        serde_json::Value::from(gathered.to_string())
    );
    ada.script(&put).await;

    // The server goes away and comes back; what was pushed meanwhile is seen, though nobody could tell.
    let port = world.outside.base().rsplit(':').next().unwrap().to_owned();
    world.text = world.text.replace("http_port: 0", &format!("http_port: {port}"));
    ada.expect_error("net::ERR");
    world.stop_daemon().await;
    ada.see("The connection to the server is lost").await;
    ada.see("A banner in a tunnel").await;
    world.commit("main", &[(SHOP, &features(NAMESPACE, "third").replace("Banner", "Pushed in the dark"))]);
    world.start_daemon().await;
    ada.see("Pushed in the dark").await;
    ada.see_no("The connection to the server is lost").await;
    assert_eq!(ada.script("return window.same").await, true, "nothing was loaded anew");
    ada.accessible().await;
    // Its proof is of another life: it is renewed, and nothing is refused.
    ada.press("Gathered changes 1").await;
    ada.find("form.review").await;
    ada.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_cut_off_is_no_error_and_one_that_fails_is() {
    let world = Plan::of(Sender::Github).start().await;
    let browser = Browser::open(&world).await;
    // Under way for as long as the page is there.
    let begin = "htmx.ajax('GET', '/ui/events', { source: '#q', target: '#found', swap: 'none' }).catch(() => {})";
    for end in ["location.assign('/ui/audit')", "location.reload()", "document.querySelector('.side a').click()"] {
        browser.go(FLAGS).await;
        browser.until("it listens", CONNECTED).await;
        browser.script(begin).await;
        browser.find("#q.htmx-request").await;
        browser.script(end).await;
        browser.until("it was left", "return !document.querySelector('.htmx-request')").await;
    }
    // A newer one takes its place.
    browser.go(FLAGS).await;
    browser.until("it listens", CONNECTED).await;
    browser.script(begin).await;
    browser.script("htmx.trigger('form[data-filter]', 'htmx:abort')").await;
    browser.until("it was given up", "return !document.querySelector('.htmx-request')").await;
    assert_eq!(browser.errors().await, [""; 0]);
    // What fails is still told.
    browser.offline(true).await;
    browser.script(begin).await;
    browser.until("it has failed", "return !document.querySelector('.htmx-request')").await;
    let told = browser.errors().await;
    assert!(told.iter().any(|line| line.contains("htmx:sendError")), "{told:?}");
    browser.offline(false).await;
    browser.expect_error("ERR_INTERNET_DISCONNECTED");
    browser.end().await;
    world.end().await;
}
