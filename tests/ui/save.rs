//! What is looked at before it is saved, and how it is saved.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{Plan, World};

/// Sends changes to the page that reviews them, as a form of another page does.
async fn reviewed(browser: &Browser, environment: &str, changes: &Value) {
    browser.go(&format!("/ui/e/{environment}/review")).await;
    let script = format!(
        "const form = Object.assign(document.createElement('form'), {{ method: 'post' }}); \
         const put = (name, value) => {{ const input = document.createElement('input'); input.name = name; \
         input.value = value; form.append(input); }}; \
         put('proof', JSON.parse(document.body.getAttribute('hx-headers'))['X-Proof']); \
         put('changes', {}); put('next', '/ui/e/production/n/shop/flags'); document.body.append(form); form.submit();",
        Value::from(changes.to_string())
    );
    browser.script(&script).await;
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

async fn message(world: &World, branch: &str) -> String {
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
    assert_eq!(message(&world, "main").await, "Tell the news");
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
    let file = world.forge.repository().read("main", crate::world::SHOP);
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
    browser.see("again").await;
    browser.end().await;
    world.end().await;
}
