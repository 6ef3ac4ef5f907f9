//! Somebody wants to know which flags are in use, and what they answer.

use serde_json::json;
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{Plan, SHOP, World};

const PLACE: &str = "/ui/e/production/n/shop/analytics";

/// Three flags: one whose names would like to be markup, one that nobody asks for, and one that is evaluated.
const FLAGS: &str = r#"version: "1.6"
namespace: shop
flags:
  - key: checkout
    name: New checkout
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - threshold: {percentage: 50, value: true}
  - key: odd
    name: "<img src=x onerror=alert(1)> \u202Egnitset"
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants: [{key: "<b>bold</b>", default: true}]
  - key: forgotten
    name: Nobody asks
    type: BOOLEAN_FLAG_TYPE
    enabled: true
"#;

async fn evaluate(world: &World, flag: &str, times: u32) {
    let one = |n: u32| json!({ "environmentKey": "production", "namespaceKey": "shop", "flagKey": flag, "entityId": n.to_string() });
    let requests: Vec<_> = (0..times).map(one).collect();
    let answer = world.outside.post("/evaluate/v1/batch", &json!({ "requests": requests })).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// As the browser does when a person comes back to the page.
const COME_BACK: &str = "document.dispatchEvent(new Event('visibilitychange'))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_which_flags_are_in_use() {
    let mut world = Plan::of(Sender::Github).start().await;
    world.push(&[(SHOP, FLAGS)]).await;
    let browser = Browser::open(&world).await;
    browser.go(&format!("{PLACE}?span=hour")).await;
    browser.see("Nothing was evaluated here in this time.").await;
    browser.accessible().await;

    // An open page shows what is evaluated, without a reload.
    browser.script("window.open_since_then = true").await;
    evaluate(&world, "checkout", 40).await;
    evaluate(&world, "odd", 1_234).await;
    browser.script(COME_BACK).await;
    browser.see("1,274 evaluations in the last hour").await;
    assert_eq!(browser.script("return window.open_since_then").await, true);
    browser.find("svg.plot path.bars").await;

    // The flags, the most used first; those that nobody asks for; the search.
    browser.go(&format!("{PLACE}?span=hour")).await;
    let first = browser.text("#used tbody tr").await;
    assert!(first.contains("<img src=x onerror=alert(1)>") && first.contains("1,234"), "{first}");
    assert!(first.contains("<b>bold</b> 100 %") && first.contains("just now"), "{first}");
    browser.fill("input[name=q]", "checkout").await;
    browser.see_no("1,234").await;
    browser.see("New checkout").await;
    browser.accessible().await;
    browser.press("Not evaluated (1)").await;
    browser.see("Nobody asks").await;
    browser.see("not in 30 days").await;

    // One of them, by its answers.
    browser.press("Evaluated (2)").await;
    browser.press("New checkout").await;
    browser.see("40 evaluations in the last hour").await;
    let parts: Vec<String> = browser.text(".parts tbody").await.lines().map(str::to_owned).collect();
    assert!(parts.iter().any(|line| line.contains("true")) && parts.iter().any(|line| line.contains("false")));
    browser.press("The same as a table").await;
    browser.find("details[open] td.number").await;
    browser.press("Month").await;
    browser.see("40 evaluations in the last 30 days").await;
    browser.accessible().await;
    browser.size(390, 800).await;
    let wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.script(wide).await, true, "it goes beyond the edge of a phone");
    browser.go(PLACE).await;
    browser.see("1,274 evaluations in the last 24 hours").await;
    assert_eq!(browser.script(wide).await, true, "it goes beyond the edge of a phone");
    browser.end().await;

    // The numbers are where Prometheus and Flipt's interface look for them.
    let counted = world.metric("yardarm_flag_evaluations_total", &["flag=\"odd\"", "variant=\"<b>bold</b>\""]).await;
    assert!((counted - 1_234.0).abs() < f64::EPSILON, "{counted}");
    let asked = json!({ "flagKeys": ["odd", "forgotten"] });
    let place = "/internal/v2/analytics/environments/production/namespaces/shop";
    let sum = |values: &serde_json::Value| values.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    let answer = world.outside.post(&format!("{place}/batch"), &asked).await.unwrap().json();
    assert_eq!(sum(&answer["flagEvaluations"]["odd"]["values"]), 1_234);
    assert_eq!(sum(&answer["flagEvaluations"]["forgotten"]["values"]), 0);

    // They outlive the process, and can be read without a script.
    world.stop_daemon().await;
    world.start_daemon().await;
    world.until("the environment is served", |storage| crate::world::served(storage).is_some()).await;
    let again =
        async || sum(&world.outside.get(&format!("{place}/flags/odd")).await.unwrap().json()["values"]) == 1_234;
    assert!(crate::world::asking(again).await, "what was counted before is read again");
    let browser = Browser::open(&world).await;
    browser.without_scripts().await;
    browser.go(&format!("{PLACE}?span=day&q=odd")).await;
    let page = browser.client().source().await.unwrap();
    assert!(page.contains("1,274 evaluations in the last 24 hours") && page.contains("class=\"bars k0\""), "{page}");
    assert!(!page.contains("New checkout") && !page.contains("<img src=x"), "{page}");
    browser.end().await;
    world.end().await;
}
