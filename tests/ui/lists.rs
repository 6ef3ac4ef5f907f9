//! Lists of flags, segments and namespaces: what is found, and what is done to several at once.

use std::fmt::Write as _;

use serde_json::json;
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{Plan, World};

const SHOP: &str = r#"version: "1.6"
namespace: {key: shop, name: Shop}
flags:
  - {key: banner, name: Banner, type: VARIANT_FLAG_TYPE, enabled: true, metadata: {owner: web}, variants: [{key: news, default: true}]}
  - key: checkout
    name: New checkout
    description: Staff, and one in four
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    metadata: {owner: pay}
    rollouts: [{threshold: {percentage: 25, value: true}}, {segment: {key: staff, value: true}}]
  - {key: "odd", name: "<script>alert(1)</script>\u202e", type: BOOLEAN_FLAG_TYPE, enabled: true}
segments:
  - key: staff
    name: Our own people
    match_type: ALL_MATCH_TYPE
    constraints: [{type: STRING_COMPARISON_TYPE, property: email, operator: suffix, value: "@acme.example"}]
  - {key: nobody, name: Named by no flag, match_type: ANY_MATCH_TYPE}
"#;

/// So many flags in a namespace of their own.
fn many(count: usize) -> String {
    let mut text = "version: \"1.6\"\nnamespace: many\nflags:\n".to_owned();
    for n in 0..count {
        let _ =
            writeln!(text, "- {{key: flag-{n:04}, name: Flag {n}, type: BOOLEAN_FLAG_TYPE, enabled: {}}}", n % 2 == 0);
    }
    text
}

async fn world() -> World {
    let world = Plan::of(Sender::Github).start().await;
    let pushed = world.commit("main", &[("shop/features.yaml", SHOP), ("many/features.yaml", &many(230))]);
    world.announce(&pushed).await;
    let tip = pushed.after.clone();
    world.until("the flags are live", |storage| crate::world::served(storage) == tip.as_deref()).await;
    world
}

/// The keys of the rows, in order.
async fn keys(browser: &Browser) -> Vec<String> {
    let rows = "return [...document.querySelectorAll('#found tbody input[name=key]')].map(box => box.value)";
    let rows = browser.script(rows).await;
    rows.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

async fn rows_are(browser: &Browser, keys: &str) {
    let script =
        "return [...document.querySelectorAll('#found tbody input[name=key]')].map(box => box.value).join(' ')";
    browser.until(&format!("the rows are {keys}"), &format!("{script} === '{keys}'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_are_found_as_one_types_and_switched() {
    let world = world().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/e/production/n/shop/flags").await;
    browser.see("on for 25 %, and for segment staff").await;
    browser.see("<script>alert(1)</script>").await;
    assert_eq!(keys(&browser).await, ["banner", "checkout", "odd"]);
    browser.accessible().await;
    // Which commit was the last of each is found out by itself, while somebody has begun to choose.
    browser.until("each says when it was changed", "const rows = [...document.querySelectorAll('td.when')]; return rows.length === 3 && rows.every(row => row.querySelector('time'))").await;

    // What is typed is looked for, and the address says it.
    browser.fill("#q", "check").await;
    rows_are(&browser, "checkout").await;
    browser.until("the address says it", "return location.search === '?q=check'").await;
    browser.fill("#q", "nothing like that").await;
    browser.see("No flag is like that.").await;
    browser.press("Show all").await;
    rows_are(&browser, "banner checkout odd").await;
    browser.choose("select[name=state]", "off").await;
    rows_are(&browser, "checkout").await;
    browser.go("/ui/e/production/n/shop/flags?meta=owner%3Dweb").await;
    assert_eq!(keys(&browser).await, ["banner"]);
    browser.go("/ui/e/production/n/shop/flags?type=boolean&sort=-key").await;
    assert_eq!(keys(&browser).await, ["odd", "checkout"]);
    // The commits of a world are years old.
    browser.go("/ui/e/production/n/shop/flags?changed=month").await;
    browser.see("0 of 3").await;

    // A switch is looked at before it is made.
    browser.go("/ui/e/production/n/shop/flags?q=checkout").await;
    browser.click("button[value='on:checkout']").await;
    browser.find("form.review").await;
    browser.see("the answer where no rollout matches: off → on").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("Go on").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags?q=checkout");
    browser.find("button[value='off:checkout']").await;
    browser.go("/ui/e/production/n/shop/flags?changed=day").await;
    assert_eq!(keys(&browser).await, ["checkout"], "and only that was changed");

    // Several at once.
    browser.go("/ui/e/production/n/shop/flags").await;
    browser.click("input[data-all]").await;
    browser.click("button[name=do][value=off]").await;
    browser.find("form.review").await;
    let told = browser.text("main").await;
    assert!(["banner", "checkout", "odd"].iter().all(|key| told.contains(key)), "{told}");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_has_pages_and_is_read_without_scripts() {
    let world = world().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/e/production/n/many/flags").await;
    browser.see("1–100 of 230").await;
    browser.press("Next").await;
    browser.see("101–200 of 230").await;
    // The page alone: a build for development lets a browser keep no style and no script.
    let bytes = browser.script("return performance.getEntriesByType('navigation')[0].transferSize").await;
    let bytes = bytes.as_u64().unwrap();
    assert!((1..20_000).contains(&bytes), "{bytes} bytes");
    browser.size(390, 844).await;
    let wide = browser.script("return document.documentElement.scrollWidth").await;
    assert!(wide.as_u64().unwrap() <= 390, "{wide} pixels on a phone");
    browser.accessible().await;
    browser.size(1280, 900).await;
    browser.without_scripts().await;
    browser.go("/ui/e/production/n/many/flags?q=flag-02&page=9").await;
    let source = browser.client().source().await.unwrap();
    assert!(source.contains("flag-0229") && source.contains("1–30 of 30"), "{source}");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_and_namespaces_are_listed_copied_and_deleted() {
    let world = world().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/e/production/n/shop/segments").await;
    browser.see("email ends with @acme.example").await;
    browser.see("everybody").await;
    browser.choose("select[name=used]", "unused").await;
    rows_are(&browser, "nobody").await;
    browser.accessible().await;

    // A flag and what it stands on, to a namespace that is not there yet.
    browser.go("/ui/e/production/n/shop/flags").await;
    browser.click("input[value=checkout]").await;
    browser.click("button[name=do][value=copy]").await;
    browser.see("Choose where to.").await;
    browser.fill("input[name=into]", "a b").await;
    browser.see("A key of a namespace has").await;
    browser.fill("input[name=into]", "orders").await;
    browser.see("The namespace orders is not there yet").await;
    browser.see("segment staff (a flag names it)").await;
    browser.accessible().await;
    browser.press("Go on").await;
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("Go on").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/orders/flags");
    assert_eq!(keys(&browser).await, ["checkout"]);

    browser.go("/ui/e/production/namespaces").await;
    browser.see("orders").await;
    browser.accessible().await;
    browser.press("New namespace").await;
    browser.fill("#key", "no key").await;
    browser.press("Go on").await;
    browser.find("#wrong").await;
    assert_eq!(browser.value("#key").await, "no key", "nothing that was typed is lost");
    browser.accessible().await;
    browser.go("/ui/e/production/namespaces").await;
    browser.click("button[value=orders]").await;
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.go("/ui/e/production/namespaces").await;
    browser.see_no("orders").await;
    let answer = world.outside.get("/api/v2/environments/production/namespaces").await.unwrap().json();
    let keys: Vec<_> = answer["items"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["default", "many", "shop"]));
    browser.expect_error("422");
    browser.end().await;
    world.end().await;
}
