//! Somebody wants to know why a flag answers what it does, and who changed it.

use serde_json::json;
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{Plan, SHOP, World};

const PLACE: &str = "/ui/e/production/n/shop/playground";

/// A flag that gives `first` to `share` percent of Europe, and one whose names would like to be markup.
fn shop(share: u32) -> String {
    format!(
        r#"version: "1.6"
namespace: shop
flags:
  - key: model
    name: Which model recommends
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants:
      - {{key: classic, default: true}}
      - {{key: graph, attachment: {{depth: 3}}}}
    rules:
      - segment: europe
        distributions: [{{variant: graph, rollout: {share}}}, {{variant: classic, rollout: {}}}]
  - key: checkout
    name: New checkout
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - threshold: {{percentage: 33.3, value: true}}
  - key: odd
    name: "<img src=x onerror=alert(1)>"
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants: [{{key: bold, name: "<b>bold</b>", default: true, attachment: {{text: "<script>alert(1)</script>"}}}}]
    rules: [{{segment: odd-ones, distributions: [{{variant: bold, rollout: 100}}]}}]
segments:
  - key: europe
    name: Europe
    match_type: ALL_MATCH_TYPE
    constraints:
      - {{type: STRING_COMPARISON_TYPE, property: country, operator: isoneof, value: [de, fr]}}
      - {{type: NUMBER_COMPARISON_TYPE, property: orders, operator: gte, value: "1"}}
  - key: odd-ones
    name: "<u>"
    match_type: ANY_MATCH_TYPE
    constraints: [{{type: STRING_COMPARISON_TYPE, property: "<em>", operator: eq, value: "</td><script>"}}]
"#,
        100 - share
    )
}

async fn world() -> (World, String) {
    let world = Plan::of(Sender::Github).start().await;
    let pushed = world.push(&[(SHOP, &shop(100))]).await;
    world.live(&pushed).await;
    let first = pushed.after.clone().unwrap();
    (world, first)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_asks_what_a_flag_answers_and_why() {
    let (world, first) = world().await;
    let browser = Browser::open(&world).await;

    // Without a question every flag is answered; one of them leads on.
    browser.go(PLACE).await;
    browser.see("3 flags").await;
    browser.accessible().await;
    browser.press("model").await;
    browser.see("the only rule does not match").await;

    // While the context is typed the answer follows, and the address with it.
    browser.see("the context has no \"country\"").await;
    browser.press("+ country").await;
    assert_eq!(browser.value("#context").await, "country=");
    browser.fill("#entity", "ada").await;
    browser.fill("#context", "country=de\norders=none").await;
    browser.see("\"none\" is no number").await;
    browser.fill("#context", "country=de\norders=2").await;
    browser.see("all 2 constraints match").await;
    browser.see("bucket").await;
    assert_eq!(browser.text(".said .chip").await, "graph");
    assert!(browser.text(".answer pre").await.contains("\"depth\":3"));
    browser.until("the address carries the question", "return location.search.includes('orders%3D2')").await;
    let link = browser.path().await;

    // The same question for other programs.
    let code = browser.script("return document.querySelector('#snippet-curl code').textContent").await;
    assert!(code.as_str().unwrap().contains("/evaluate/v1/variant"), "{code}");
    assert!(code.as_str().unwrap().contains(r#""orders":"2""#), "{code}");
    browser.accessible().await;

    // What is opened stays open, and what is closed closed, while the answer follows.
    browser.click("#snippet-curl summary").await;
    browser.click("#snippet-python summary").await;
    browser.fill("#context", "country=fr\norders=2").await;
    browser
        .until(
            "the code follows",
            "return document.querySelector('#snippet-python code').textContent.includes('\"fr\"')",
        )
        .await;
    let open =
        browser.script("return [...document.querySelectorAll('.snippet[open]')].map(one => one.id).join()").await;
    assert_eq!(open, "snippet-python");

    // What cannot be read is said, and nothing that was typed is gone.
    browser.fill("#context", "country de").await;
    browser.see("Line 1 of the context has no \"=\"").await;
    browser.fill("#context", "{\"country\": \"de\", \"orders\": 2}").await;
    browser.see("all 2 constraints match").await;

    // A push changes the open page, and nothing that was typed.
    let pushed = world.push(&[(SHOP, &shop(0))]).await;
    world.live(&pushed).await;
    browser.until("the new answer", "return document.querySelector('.said .chip').innerText === 'classic'").await;
    assert!(browser.value("#context").await.contains("\"orders\": 2"));

    // The link carries the question; beside the past the answer is another one now.
    browser.go(&link).await;
    browser.choose("#beside", "production").await;
    browser.fill("#beside_at", &first[..10]).await;
    browser.see("The answers differ.").await;
    let chips = "return [...document.querySelectorAll('.said .chip')].map(c => c.innerText).join() === 'classic,graph'";
    browser.until("both sides", chips).await;
    browser.accessible().await;
    browser.fill("#flag", "").await;
    browser.see("1 differs").await;
    browser.fill("#beside_at", "0123456789").await;
    browser.see("commit 0123456789 is not in the history").await;

    // A question that no link can carry is not put into two hundred of them.
    browser.expect_error("400");
    browser.go(&format!("{PLACE}?context=a%3D{}", "x".repeat(9_000))).await;
    browser.see("this question is longer than a link can carry").await;

    // Names are text, whatever they look like; and nothing of it needs a script.
    browser.without_scripts().await;
    browser.size(390, 800).await;
    browser.go(&format!("{PLACE}?flag=odd&entity=%3Cscript%3E&context=%3Cem%3E%3D%3C%2Ftd%3E%3Cscript%3E")).await;
    let source = browser.client().source().await.unwrap();
    for text in ["<em>", "</td><script>", "<script>alert(1)"] {
        assert!(!source.contains(text), "{text} stands in the page as it is");
    }
    assert_eq!(browser.text(".said .chip").await, "bold");
    assert!(browser.text(".answer pre").await.contains("<script>alert(1)</script>"));
    assert!(browser.text(".constraints").await.contains("<em> eq </td><script>"));
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_and_what_was_refused_is_found_again() {
    let (world, _) = world().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/audit").await;
    browser.see("Nothing has been written yet.").await;

    let change = |key: &str, message: &str| {
        json!({ "message": message, "changes": [
            { "action": "delete", "type": "flipt.core.Flag", "namespace": "shop", "key": key },
        ] })
    };
    let changes = "/api/v2/environments/production/changes";
    let done = world.outside.post(changes, &change("checkout", "Drop it <script>alert(1)</script>")).await.unwrap();
    assert_eq!(done.status, 200, "{}", done.text());
    let refused = world.outside.post(changes, &change("nope", "")).await.unwrap();
    assert_eq!(refused.status, 404, "{}", refused.text());

    browser.go("/ui/audit").await;
    browser.see("Drop it <script>alert(1)</script>").await;
    browser.see("flag shop/nope not found").await;
    browser.accessible().await;
    browser.choose("select[name=outcome]", "refused").await;
    browser.see_no("Drop it").await;
    browser.see("flag shop/nope not found").await;
    browser.until("the address carries the question", "return location.search.includes('outcome=refused')").await;
    browser.fill("input[name=key]", "other").await;
    browser.see("There is no such record.").await;
    // Who goes on while a filter is being asked for cuts that off, and htmx says so.
    browser.expect_error("htmx:afterRequest");
    browser.expect_error("htmx:sendAbort");
    browser.go("/ui/audit?key=checkout&from=2020-01-01&to=2999-12-31").await;
    browser.see("Drop it").await;
    browser.see_no("nope").await;
    let leads = browser.script("return document.querySelector('.changes a').getAttribute('href')").await;
    assert_eq!(leads, "/ui/e/production/n/shop/flags/checkout/history");
    browser.size(390, 800).await;
    browser.accessible().await;
    browser.end().await;
    world.end().await;
}
