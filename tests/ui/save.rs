//! What is looked at before it is saved, and how it is saved.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::pages::sent;
use crate::provider::Story;
use crate::world::{Plan, World, asking};

async fn reviewed(browser: &Browser, environment: &str, changes: &Value) {
    sent(browser, environment, changes).await;
    browser.find("form.review").await;
}

fn banner(text: &str) -> Value {
    json!({ "action": "update", "type": "flipt.core.Flag", "namespace": "shop", "key": "banner", "payload": {
        "key": "banner", "name": "Banner", "type": "VARIANT_FLAG_TYPE", "enabled": true, "defaultVariant": "news",
        "variants": [{ "key": "news", "attachment": { "text": text } }],
    } })
}

fn segment(key: &str) -> Value {
    json!({ "action": "create", "namespace": "shop",
        "payload": { "@type": "flipt.core.Segment", "key": key, "name": "<b>Beta</b>" } })
}

fn message(world: &World, branch: &str) -> String {
    let tip = world.forge.repository().tip(branch).unwrap().unwrap();
    let output = std::process::Command::new("git")
        .arg("--git-dir")
        .arg(world.forge.repository().path())
        .args(["log", "-1", "--format=%B", &tip])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_is_seen_before_it_is_saved() {
    let world = Plan::of(Sender::Github).start().await;
    let browser = Browser::open(&world).await;
    reviewed(&browser, "production", &json!([banner("second"), segment("beta")])).await;
    browser.see("variant news, attachment /text").await;
    browser.see("Commit to production").await;
    let diff = browser.text("table.lines").await;
    assert!(diff.contains("first") && diff.contains("second"), "{diff}");
    assert!(browser.text(".changes").await.contains("<b>Beta</b>"), "markup is text");
    browser.accessible().await;
    browser.fill("#message", "Tell the news").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.see("since ").await;
    browser.accessible().await;
    assert_eq!(message(&world, "main"), "Tell the news");
    assert_eq!(world.banner("production", "shop").await, "second");
    browser.press("Go on").await;
    browser.see("Banner").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_was_faster_and_nothing_is_lost() {
    let world = Plan::of(Sender::Github).start().await;
    let browser = Browser::open(&world).await;
    let mine = |text: &str| {
        let mut change = banner(text);
        change["payload"]["description"] = json!("For everybody");
        json!([change])
    };
    reviewed(&browser, "production", &mine("mine")).await;
    browser.fill("#message", "Mine").await;
    let file = crate::world::features("shop", "theirs").replace("name: Banner", "name: Their banner");
    world.push(&[(crate::world::SHOP, &file)]).await;
    browser.press("Save").await;
    browser.see("Somebody else was faster").await;
    let versions = browser.text("table.versions").await;
    for version in ["first", "mine", "theirs", "Their banner", "For everybody"] {
        assert!(versions.contains(version), "{version}: {versions}");
    }
    browser.see("2 changes of only one of you are merged by themselves.").await;
    browser.accessible().await;
    browser.click("tr.overlap input[value=ours]").await;
    browser.press("Review this").await;
    browser.find("form.review").await;
    assert_eq!(browser.value("#message").await, "Mine");
    // It happens again, to another part: it is joined, and told.
    let file = file.replace("enabled: true", "enabled: false");
    world.push(&[(crate::world::SHOP, &file)]).await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.see("Somebody else has changed other parts").await;
    let file = world.forge.repository().git(["show", &format!("main:{}", crate::world::SHOP)]).unwrap();
    for part in ["mine", "Their banner", "For everybody", "enabled: false"] {
        assert!(file.contains(part), "{part}: {file}");
    }
    // What is to be deleted was changed; what is to be changed was deleted.
    let gone = json!([{ "action": "delete", "type": "flipt.core.Flag", "namespace": "shop", "key": "banner" }]);
    reviewed(&browser, "production", &gone).await;
    world.push(&[(crate::world::SHOP, &crate::world::features("shop", "again"))]).await;
    browser.press("Save").await;
    browser.see("look at it before it is deleted").await;
    browser.press("Leave it as it is now").await;
    browser.see("New flag").await;
    browser.see("Banner").await;
    browser.end().await;
    world.end().await;
}

/// Everybody needs the token, and the daemon comes back where it was.
const GUARDED: &str = "authentication:\n  required: true\n  methods: {token: {enabled: true, storage: {tokens: {ada: \
                       {credential: every-thing}}}}}";

async fn ready(world: &World) {
    assert!(asking(async || world.outside.get("/ready").await.unwrap().status == 200).await, "it is never ready");
}

async fn sign_in(browser: &Browser) {
    browser.fill("#token", "every-thing").await;
    browser.press("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_outlives_the_network_the_server_and_the_session() {
    const FLAG: &str = "/ui/e/production/n/shop/flags/banner";
    let mut world = Plan::of(Sender::Gitea).without_webhook().rest(GUARDED).forge_only();
    world.start_daemon().await;
    ready(&world).await;
    let browser = Browser::open(&world).await;
    for expected in [
        "ERR_INTERNET_DISCONNECTED",
        "ERR_CONNECTION_REFUSED",
        "401",
        "ERR_INCOMPLETE",
        "ERR_CONNECTION_RESET",
        "ERR_EMPTY",
        "htmx:afterRequest",
        "htmx:sendError",
    ] {
        browser.expect_error(expected);
    }
    browser.go(FLAG).await;
    sign_in(&browser).await;
    browser.fill("#description", "Typed at length").await;
    browser.press("Add a variant").await;
    browser.until("a second variant is there", "return document.querySelectorAll('[id$=\".key\"]').length === 2").await;
    browser.fill("form .item:last-of-type [id$='.key'], [data-item]:last-of-type [id$='.key']", "second").await;
    // The network goes away.
    browser.offline(true).await;
    browser.press("Review changes").await;
    browser.see("Not sent: the server does not answer.").await;
    assert_eq!(browser.value("#description").await, "Typed at length");
    browser.offline(false).await;
    // The server restarts, and knows nobody any more.
    let port = world.outside.base().rsplit(':').next().unwrap().to_owned();
    world.stop_daemon().await;
    world.text = world.text.replace("http_port: 0", &format!("http_port: {port}"));
    world.start_daemon().await;
    ready(&world).await;
    browser.press("Review changes").await;
    browser.see("You are signed out.").await;
    assert_eq!(browser.value("#description").await, "Typed at length");
    browser.accessible().await;
    // The page is left as well, and found again.
    browser.go(FLAG).await;
    sign_in(&browser).await;
    browser.see("What you typed here was not saved").await;
    browser
        .until(
            "it is as it was",
            "return document.querySelector('#description').value === 'Typed at length' && \
        [...document.querySelectorAll('[id$=\".key\"]')].some(field => field.value === 'second')",
        )
        .await;
    browser.accessible().await;
    browser.press("Review changes").await;
    browser.see("What it will do").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("Go on").await;
    browser.find("#description").await;
    browser.see_no("What you typed here").await;
    browser.end().await;
    world.stop_daemon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_changes_are_gathered_and_a_protected_environment_takes_a_proposal_alone() {
    let plan = Plan::of(Sender::Gitea).environment("protected: true");
    let story = Story::with(plan).await;
    let browser = Browser::open(&story.world).await;
    reviewed(&browser, "production", &json!([banner("second")])).await;
    browser.see("production is protected").await;
    assert_eq!(browser.value("#branch").await, "update-banner");
    browser.press("Gather").await;
    browser.until("1 gathered", "return document.querySelector('[data-tray] [data-count]')?.textContent === '1'").await;
    reviewed(&browser, "production", &json!([segment("beta")])).await;
    browser.press("Gather").await;
    browser.until("2 gathered", "return document.querySelector('[data-tray] [data-count]')?.textContent === '2'").await;
    // A link that says that they are saved is no more than that.
    browser.go("/ui/e/production/saved?commit=0&gathered=yes&base=production&trouble=Sign%20in%20elsewhere").await;
    browser.see("Go on").await;
    assert_eq!(browser.text("[data-tray] [data-count]").await, "2");
    reviewed(&browser, "production", &json!([segment("gamma")])).await;
    browser.press("Gather").await;
    browser.press("Gathered changes 3").await;
    browser.see("3 changes in production").await;
    browser.accessible().await;
    browser.click("button[aria-label='Take away: gamma']").await;
    browser.see("2 changes in production").await;
    assert_eq!(browser.text("[data-tray] [data-count]").await, "2");
    browser.fill("#branch", "news-and-beta").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.see("See where it stands").await;
    let file =
        story.world.forge.repository().git(["show", "flipt/production/news-and-beta:shop/features.yaml"]).unwrap();
    assert!(file.contains("second") && file.contains("beta") && !file.contains("gamma"), "{file}");
    let main = story.world.forge.repository().git(["show", "main:shop/features.yaml"]).unwrap();
    assert!(!main.contains("second"), "{main}");
    browser.go("/ui/e/production/review").await;
    browser.see("Nothing is gathered here.").await;
    browser.accessible().await;
    browser.end().await;
    let Story { world, .. } = story;
    world.end().await;
}
