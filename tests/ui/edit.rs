//! The pages of a flag and a segment, as people edit them.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{Plan, SHOP, World};

const FLAG: &str = "/ui/e/production/n/shop/flags/checkout";
const BOOLEAN: &str = "/ui/e/production/n/shop/flags/refund";
const SEGMENT: &str = "/ui/e/production/n/shop/segments/staff";

const FILE: &str = r#"version: "1.6"
namespace: shop
flags:
  # The checkout team's.
  - key: checkout
    name: Checkout
    type: VARIANT_FLAG_TYPE
    enabled: true
    metadata: {owner: checkout}
    variants:
      - {key: classic, name: Classic, default: true}
      - {key: wide, name: Wide, attachment: {columns: 2}}
    rules:
      - segment: staff
        distributions:
          - {variant: classic, rollout: 40}
          - {variant: wide, rollout: 60}
  - key: refund
    name: Refund
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - segment: {key: staff, value: true}
      - {description: a few, threshold: {percentage: 10, value: true}}
      - {description: "<img src=x onerror=alert(1)> \u202e🏴", threshold: {percentage: 20, value: false}}
segments:
  - key: staff
    name: Staff
    match_type: ALL_MATCH_TYPE
    constraints:
      - {type: STRING_COMPARISON_TYPE, property: plan, operator: isoneof, value: [pro, team]}
      - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
"#;

async fn shop() -> World {
    let world = Plan::of(Sender::Github).start().await;
    world.push(&[(SHOP, FILE)]).await;
    world
}

async fn resource(world: &World, kind: &str, key: &str) -> Value {
    let path = format!("/api/v2/environments/production/namespaces/shop/resources/flipt.core.{kind}/{key}");
    let answer = world.outside.get(&path).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["resource"]["payload"].clone()
}

fn text_of_file(world: &World) -> String {
    let tip = world.forge.repository().tip("main").unwrap().unwrap();
    let git = std::process::Command::new("git")
        .arg("--git-dir")
        .arg(world.forge.repository().path())
        .args(["show", &format!("{tip}:{SHOP}")])
        .output()
        .unwrap();
    String::from_utf8(git.stdout).unwrap()
}

/// The names of the items of a list, in their order on the page.
async fn order(browser: &Browser, list: &str) -> String {
    let script = format!(
        "return [...document.querySelectorAll('#{list} > [data-item]')].map(one => one.id.split('.')[1]).join(' ')"
    );
    browser.script(&script).await.as_str().unwrap().to_owned()
}

async fn until_order(browser: &Browser, list: &str, wanted: &str) {
    let script = format!(
        "return [...document.querySelectorAll('#{list} > [data-item]')].map(one => one.id.split('.')[1]).join(' ') \
         === '{wanted}'"
    );
    browser.until(&format!("{list} are {wanted}"), &script).await;
}

async fn save(browser: &Browser) {
    browser.press("Review changes").await;
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variant_flag_is_edited_to_its_last_field() {
    let world = shop().await;
    let browser = Browser::open(&world).await;
    browser.size(1280, 2400).await;
    browser.go(FLAG).await;
    browser.see("100 % in all").await;
    browser.see("lines 5 to 17, branch main").await;
    browser.accessible().await;

    // A variant is renamed, and its rule knows; another one is added, and gets what is left.
    browser.fill("[id='variants.1.key']", "broad").await;
    browser.until("the rule knows", "return document.querySelector('#rules').textContent.includes('broad')").await;
    browser.press("Add a variant").await;
    browser.until("it has the focus", "return document.activeElement.id === 'variants.2.key'").await;
    browser.keys("narrow").await;
    browser.press("Add a share").await;
    browser
        .until(
            "narrow gets nothing yet",
            "return document.getElementById('rules.0.distributions.2.rollout')?.value === '0'",
        )
        .await;
    browser.fill("[id='rules.0.distributions.0.rollout']", "50").await;
    browser.see("110 % in all, which is more than 100 %").await;
    browser.press("Split evenly").await;
    browser.see("100 % in all").await;
    assert_eq!(browser.value("[id='rules.0.distributions.2.rollout']").await, "33.4");

    // JSON is checked while it is typed, and nothing typed is lost.
    browser.fill("[id='variants.1.attachment']", "{\"columns\": 3,").await;
    browser.see("this is no JSON").await;
    assert_eq!(browser.value("[id='variants.1.attachment']").await, "{\"columns\": 3,");
    browser.press("Review changes").await;
    browser.see("One thing has to be put right first.").await;
    browser.accessible().await;
    assert_eq!(browser.value("[id='variants.2.key']").await, "narrow");
    browser.fill("[id='variants.1.attachment']", "{\"columns\": 3}").await;
    browser.see_no("this is no JSON").await;
    browser.click("[name=default][value='2']").await;
    browser.fill("[id='description']", "Three looks.").await;
    browser.press("Add an entry").await;
    browser.fill("[id='metadata.1.key']", "since").await;
    browser.choose("[id='metadata.1.sort']", "number").await;
    browser.fill("[id='metadata.1.value']", "2026").await;
    save(&browser).await;

    let saved = resource(&world, "Flag", "checkout").await;
    assert_eq!(saved["defaultVariant"], "narrow");
    assert_eq!(saved["metadata"], json!({ "owner": "checkout", "since": 2026 }));
    assert_eq!(saved["variants"][1]["attachment"], json!({ "columns": 3 }));
    assert_eq!(saved["description"], "Three looks.");
    let shares: Vec<_> = saved["rules"][0]["distributions"].as_array().unwrap().iter().collect();
    assert_eq!(shares[1], &json!({ "variant": "broad", "rollout": 33.3 }));
    assert_eq!(shares[2], &json!({ "variant": "narrow", "rollout": 33.4 }));
    assert!(text_of_file(&world).contains("# The checkout team's."), "the rest of the file is as it was");
    browser.expect_error("422");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts_are_ordered_by_keyboard_and_mouse() {
    let world = shop().await;
    let browser = Browser::open(&world).await;
    browser.size(1280, 2400).await;
    browser.go(BOOLEAN).await;
    browser.see("<img src=x onerror=alert(1)>").await;
    assert_eq!(order(&browser, "rollouts").await, "0 1 2");
    // The focus stays with what moves, so that it can be moved on.
    browser.click("[id='rollouts.2.percentage']").await;
    let up = format!("{}{}{}", '\u{e00a}', '\u{e013}', '\u{e000}');
    browser.keys(&up).await;
    until_order(&browser, "rollouts", "0 2 1").await;
    browser.until("the focus is there", "return document.activeElement.id === 'rollouts.2.percentage'").await;
    browser.keys(&up).await;
    until_order(&browser, "rollouts", "2 0 1").await;
    browser.click("[id='down-rollouts.2']").await;
    until_order(&browser, "rollouts", "0 2 1").await;

    // By mouse: the first one to the end.
    let place = "const at = document.querySelector(\"[id='rollouts.0'] .grip\").getBoundingClientRect(); \
                 const end = document.querySelector(\"[id='rollouts.1']\").getBoundingClientRect(); \
                 return [at.x + 5, at.y + 5, end.bottom - 2]";
    browser.script("document.querySelector(\"[id='rollouts']\").scrollIntoView()").await;
    let place = browser.script(place).await;
    for (kind, y) in [("mousePressed", &place[1]), ("mouseMoved", &place[2]), ("mouseReleased", &place[2])] {
        let event = json!({ "type": kind, "x": place[0], "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
        browser.devtools("Input.dispatchMouseEvent", event).await;
    }
    until_order(&browser, "rollouts", "2 1 0").await;
    browser.until("the server knows", "return !document.getElementById('down-rollouts.0')").await;
    browser.press("Add for a segment").await;
    browser.until("it has the focus", "return document.activeElement.id === 'rollouts.3.segments.0'").await;
    browser.keys("staff").await;
    browser.choose("[id='type']", "variant").await;
    browser.see("a variant flag cannot be saved with them").await;
    browser.choose("[id='type']", "boolean").await;
    browser.see_no("a variant flag cannot be saved with them").await;
    browser.click("#enabled").await;
    browser.accessible().await;
    save(&browser).await;
    let saved = resource(&world, "Flag", "refund").await;
    let kinds: Vec<_> = saved["rollouts"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["THRESHOLD_ROLLOUT_TYPE", "THRESHOLD_ROLLOUT_TYPE", "SEGMENT_ROLLOUT_TYPE", "SEGMENT_ROLLOUT_TYPE"]
    );
    assert_eq!(saved["enabled"], true);
    assert_eq!(saved["rollouts"][0]["description"], "<img src=x onerror=alert(1)> \u{202e}🏴");

    // On a phone nothing is wider than the page.
    browser.size(390, 800).await;
    browser.go(FLAG).await;
    browser.see("Where it stands").await;
    assert_eq!(browser.script("return document.documentElement.scrollWidth").await, 390);
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_made_and_edited_by_what_its_constraints_compare() {
    let world = shop().await;
    let browser = Browser::open(&world).await;
    browser.size(1280, 2400).await;
    browser.go(SEGMENT).await;
    browser.see("Flags that use it").await;
    browser.see("checkout").await;
    assert_eq!(browser.value("[id='constraints.0.value']").await, "pro\nteam");
    browser.fill("[id='constraints.1.value']", "old").await;
    browser.see("\"old\" is no number").await;
    browser.choose("[id='constraints.1.type']", "datetime").await;
    browser.see("\"old\" is no date and no RFC 3339 time").await;
    browser.fill("[id='constraints.1.value']", "2026-01-31").await;
    browser.see_no("\"old\" is no date").await;
    browser.press("Add a constraint").await;
    browser.choose("[id='constraints.2.type']", "boolean").await;
    browser.find("[id='constraints.2.operator'] option[value='false']").await;
    browser.fill("[id='constraints.2.property']", "guest").await;
    browser.choose("[id='constraints.2.operator']", "false").await;
    browser.choose("#match", "any").await;
    browser.accessible().await;
    save(&browser).await;
    let saved = resource(&world, "Segment", "staff").await;
    assert_eq!(saved["matchType"], "ANY_MATCH_TYPE");
    assert_eq!(saved["constraints"][0]["value"], "[\"pro\",\"team\"]");
    assert_eq!(saved["constraints"][1]["type"], "DATETIME_COMPARISON_TYPE");
    assert_eq!(saved["constraints"][2]["operator"], "false");

    // Without scripts the same, by the same buttons.
    browser.without_scripts().await;
    browser.go("/ui/e/production/n/shop/new-flag").await;
    browser.press("Add a share of everybody").await;
    browser.find("[id='rollouts.0.percentage']").await;
    browser.fill("[id='rollouts.0.percentage']", "much").await;
    browser.press("Review changes").await;
    browser.find("[id='rollouts.0.percentage-wrong']").await;
    browser.fill("[id='rollouts.0.percentage']", "12,5").await;
    browser.fill("#key", "fresh").await;
    save(&browser).await;
    let saved = resource(&world, "Flag", "fresh").await;
    assert_eq!(saved["name"], "fresh", "what has no name is called by its key");
    assert_eq!(saved["rollouts"][0]["threshold"], json!({ "percentage": 12.5, "value": true }));
    browser.press("Go on").await;
    browser.find("[id='rollouts.0.percentage']").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags/fresh");
    browser.expect_error("422");
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_not_overwritten_and_the_way_back_is_open() {
    let world = shop().await;
    let browser = Browser::open(&world).await;
    browser.size(1280, 2400).await;
    browser.go(FLAG).await;
    browser.until("it listens", "return 'connected' in document.documentElement.dataset").await;
    browser.fill("#description", "Typed here.").await;
    // Somebody pushes a change of another field meanwhile.
    world.push(&[(SHOP, &FILE.replace("name: Checkout", "name: Cash desk"))]).await;
    browser.see("Somebody else has changed this flag since you began.").await;
    assert_eq!(browser.value("#description").await, "Typed here.");
    assert_eq!(browser.value("#name").await, "Checkout");
    save(&browser).await;
    let saved = resource(&world, "Flag", "checkout").await;
    assert_eq!((&saved["name"], &saved["description"]), (&json!("Cash desk"), &json!("Typed here.")));

    // What it was, commit by commit, and back.
    browser.go(FLAG).await;
    browser.see("Last changes").await;
    browser.press("History").await;
    browser.see("created").await;
    browser.accessible().await;
    assert_eq!(browser.script("return document.querySelectorAll('.steps > li').length").await, 3);
    browser.click(".steps > li:nth-child(3) a").await;
    browser.see("This is the flag as of commit").await;
    assert_eq!(browser.value("#name").await, "Checkout");
    assert_eq!(browser.script("return document.querySelector('#name').matches(':disabled')").await, true);
    browser.accessible().await;
    browser.press("Bring this back").await;
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    let saved = resource(&world, "Flag", "checkout").await;
    assert_eq!((&saved["name"], &saved["description"]), (&json!("Checkout"), &json!("")));
    browser.press("Go on").await;
    browser.press("Delete…").await;
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("Go on").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags");
    browser.end().await;
    world.end().await;
}
