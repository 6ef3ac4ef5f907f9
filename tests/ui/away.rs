//! The session ends, the server restarts, or the provider goes away under an open page: it says so, and nothing that was
//! typed is lost.

use std::time::Duration;

use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::provider::Story;
use crate::scm::Fault;
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World, asking, configuration, features, in_time};

const FLAG: &str = "/ui/e/production/n/shop/flags/banner";
const CONNECTED: &str = "return 'connected' in document.documentElement.dataset";

/// Signs in where the notice of the open page leads, and comes back to that page.
async fn sign_in_beside(browser: &Browser, token: &str) {
    let client = browser.client();
    let open = client.window().await.unwrap();
    browser.press("Sign in again").await;
    let mut other = None;
    let found = asking(async || {
        other = client.windows().await.unwrap().into_iter().find(|one| *one != open);
        other.is_some()
    });
    assert!(found.await, "no other page was opened");
    client.switch_to_window(other.unwrap()).await.unwrap();
    browser.sign_in(token).await;
    browser.see("Review changes").await;
    client.close_window().await.unwrap();
    client.switch_to_window(open).await.unwrap();
}

/// The flag's page with something typed into it.
async fn half_typed(world: &World, token: &str) -> Browser {
    let browser = Browser::open(world).await;
    browser.expect_error("401");
    browser.go(FLAG).await;
    browser.sign_in(token).await;
    browser.until("it listens", CONNECTED).await;
    browser.fill("#description", "Typed at length").await;
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_under_a_form_takes_nothing_with_it() {
    let tokens = ["ada: {credential: her-first}", "again: {credential: her-second}"];
    let world = Plan::of(Sender::Gitea).tokens("every-thing", &tokens).start().await;
    let browser = half_typed(&world, "her-first").await;
    let cookies = browser.client().get_all_cookies().await.unwrap();
    let first = cookies.iter().find(|one| one.name().starts_with("yardarm_session")).unwrap().clone();
    let proof = browser.value("#edit input[name=proof]").await;

    // Its time is over: the page says so by itself, and nothing is sent.
    world.put_forward(Duration::from_secs(25 * 60 * 60));
    browser.see("You are signed out. Nothing on this page is lost.").await;
    browser.accessible().await;
    browser.press("Review changes").await;
    browser.press("Add a variant").await;
    browser.see("You are signed out. Nothing on this page is lost.").await;
    assert_eq!(browser.path().await, FLAG);
    assert_eq!(browser.value("#description").await, "Typed at length");
    sign_in_beside(&browser, "her-first").await;
    browser.see_no("You are signed out.").await;
    assert_eq!(browser.value("#description").await, "Typed at length", "the form is as it was");

    // The token is taken away: the same. It ends the session for good, also where it comes back.
    let without = world.text.replace(", ada: {credential: her-first}", "");
    assert_ne!(without, world.text);
    world.daemon().reload(configuration(&without)).await;
    browser.see("You are signed out. Nothing on this page is lost.").await;
    browser.press("Review changes").await;
    assert_eq!(browser.value("#description").await, "Typed at length");
    sign_in_beside(&browser, "her-second").await;
    browser.see_no("You are signed out.").await;
    browser.press("Review changes").await;
    browser.see("What it will do").await;
    // And once more on the page that reviews it.
    browser.fill("#message", "Said at length").await;
    world.put_forward(Duration::from_secs(25 * 60 * 60));
    browser.see("You are signed out. Nothing on this page is lost.").await;
    browser.press("Save").await;
    browser.see("You are signed out. Nothing on this page is lost.").await;
    browser.accessible().await;
    // The page is left, and what was typed there is found again where one wanted to go.
    browser.go("/ui/e/production/review").await;
    browser.sign_in("her-second").await;
    browser.see("What you typed here was not saved").await;
    assert_eq!(browser.value("#message").await, "Said at length");
    browser.accessible().await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    let message = world.forge.repository().git(["log", "-1", "--format=%B", "main"]).unwrap();
    assert_eq!(message.trim(), "Said at length");

    // Signed out: whoever kept a cookie and a proof has nothing.
    let cookies = browser.client().get_all_cookies().await.unwrap();
    let last = cookies.iter().find(|one| one.name().starts_with("yardarm_session")).unwrap().clone();
    browser.press("Go on").await;
    browser.find("#edit").await;
    let mine = browser.value("#edit input[name=proof]").await;
    // Nor has who sits down at this browser next anything of what was typed.
    browser.fill("#description", "Nobody else's business").await;
    let left = "return Object.keys(localStorage).filter(key => /draft|tray/.test(key)).length";
    browser.until("what is typed is kept", &format!("{left} > 0")).await;
    browser.click("details.menu.account summary").await;
    browser.press("Sign out").await;
    browser.find("#token").await;
    assert_eq!(browser.script(left).await, 0);
    for (cookie, proof) in [(first, proof), (last, mine)] {
        let cookie = format!("{}={}", cookie.name(), cookie.value());
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        for (method, path, body, status) in [
            ("GET", FLAG, String::new(), 303),
            ("GET", "/ui/events", String::new(), 401),
            ("GET", "/ui/glass", String::new(), 303),
            ("POST", FLAG, format!("do=delete&proof={proof}"), 401),
            ("POST", "/ui/e/production/commit", format!("changes=%5B%5D&to=here&proof={proof}"), 401),
        ] {
            let headers = [("Cookie", cookie.as_str()), form];
            let asked = world.outside.send(method, path, &headers, body.into_bytes());
            let answer = in_time(path, asked).await.unwrap();
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        }
    }
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_a_form_takes_nothing_with_it() {
    let mut world = Plan::of(Sender::Gitea).tokens("every-thing", &[]).start().await;
    let browser = half_typed(&world, "every-thing").await;
    for expected in ["net::ERR", "htmx:afterRequest", "htmx:sendError"] {
        browser.expect_error(expected);
    }
    browser.script("window.same = true").await;
    let port = world.outside.base().rsplit(':').next().unwrap().to_owned();
    world.stop_daemon().await;
    browser.press("Review changes").await;
    browser.see("Not sent: the server does not answer.").await;
    browser.see("The connection to the server is lost").await;
    assert_eq!(browser.value("#description").await, "Typed at length");
    browser.accessible().await;
    world.text = world.text.replace("http_port: 0", &format!("http_port: {port}"));
    world.start_daemon().await;
    // It is another process, which knows nobody: that is said, and signing in beside is enough.
    browser.see("You are signed out. Nothing on this page is lost.").await;
    browser.see_no("The connection to the server is lost").await;
    sign_in_beside(&browser, "every-thing").await;
    browser.see_no("You are signed out.").await;
    browser.press("Review changes").await;
    browser.see("What it will do").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    let file = world.forge.repository().git(["show", &format!("main:{SHOP}")]).unwrap();
    assert!(file.contains("Typed at length"), "{file}");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_goes_away_in_the_middle_of_a_proposal_loses_nothing() {
    let story = Story::start(Sender::Gitea).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    let browser = Browser::open(&story.world).await;
    browser.go("/ui/e/production/branches/discount/propose").await;
    browser.fill("#title", "Cheaper, for a week").await;
    browser.fill("#body", "Typed at length.").await;
    story.scm.misbehave("POST", "pulls", Fault::Down, usize::MAX);
    browser.press("Propose").await;
    browser.see("Planned. It is opened as soon as the provider can be asked.").await;
    browser.accessible().await;
    browser.script("window.same = true").await;
    story.scm.behave();
    // It is opened with what was typed, and the page follows.
    browser.see("#1 Cheaper, for a week").await;
    browser.see("Typed at length.").await;
    assert_eq!(browser.script("return window.same").await, true, "nothing was loaded anew");
    story.tell().await;

    // Away once more, while other words are typed: they come back with the reason, and are taken when it is back.
    browser.press("Edit").await;
    browser.fill("#title", "Cheaper, for two weeks").await;
    browser.fill("#body", "Typed at greater length.").await;
    story.scm.misbehave("PATCH", "pulls", Fault::Down, usize::MAX);
    browser.press("Save").await;
    browser.find(".notice.bad[role=alert]").await;
    assert_eq!(browser.value("#title").await, "Cheaper, for two weeks");
    assert_eq!(browser.value("#body").await, "Typed at greater length.");
    browser.expect_error("/edit - Failed to load resource: the server responded with a status of 504");
    browser.accessible().await;
    story.scm.behave();
    browser.press("Save").await;
    browser.see("#1 Cheaper, for two weeks").await;
    // What was taken is not offered once more.
    assert!(!browser.path().await.contains('#'));
    story.scm.world(|plain| plain.edit(1, Some("Said by rosa"), None)).unwrap();
    story.tell().await;
    browser.see("#1 Said by rosa").await;
    browser.press("Edit").await;
    browser.find("#title").await;
    browser
        .until("its words are the provider's", "return document.querySelector('#title').value === 'Said by rosa'")
        .await;
    browser.see_no("What you typed here").await;

    // The same of a merge; and a branch of another name begins with an empty form.
    browser.go("/ui/e/production/new-branch").await;
    browser.fill("#key", "winter").await;
    browser.press("Make it").await;
    browser.see("0 ahead").await;
    browser.press("Branches of production").await;
    browser.press("New branch").await;
    browser.find("#key").await;
    assert_eq!(browser.value("#key").await, "");
    browser.see_no("What you typed here").await;
    let id = story.proposals().await[0]["id"].as_str().unwrap().to_owned();
    browser.go(&format!("/ui/proposals/{id}/merge")).await;
    browser.fill("#message", "Merged with care").await;
    story.scm.misbehave("POST", "merge", Fault::Down, usize::MAX);
    browser.press("Merge now").await;
    browser.find(".notice.bad[role=alert]").await;
    assert_eq!(browser.value("#message").await, "Merged with care");
    browser.expect_error("/merge - Failed to load resource: the server responded with a status of 504");
    browser.accessible().await;
    story.scm.behave();
    browser.press("Merge now").await;
    browser.see("Merged").await;
    browser.see("live since").await;
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    browser.end().await;
    story.world.end().await;
}
