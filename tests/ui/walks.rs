//! Every page, with nothing to show, with one thing of each kind, and with very many: in the light and in the dark, on a
//! laptop, a tablet and a phone, and how much of it comes over the wire. `YARDARM_PICTURES` names a folder for pictures
//! of all of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Form;

use crate::browser::Browser;
use crate::pages::{Places, SIZES, open, sent, too_wide};
use crate::provider::{Story, nothing, past};
use crate::world::{ENVIRONMENT, Plan, SHOP, World};

/// Bytes over the wire: whoever comes for the first time, and each page after that.
const FIRST: u64 = 150_000;
const AFTER: u64 = 60_000;

/// What axe looks at: rows of a list and items of a form are alike, so of many the first.
const FIRST_ROWS: &str = "{ include: document, exclude: [['tbody > tr:nth-child(n+6)'], ['ol > li:nth-child(n+6)'], ['ul > li:nth-child(n+12)'], \
     ['[data-item]:nth-child(n+4)'], ['.entry:nth-child(n+4)']] }";

/// What is wrong with the pages that were looked at: all of it is told at the end, and not only what came first.
#[derive(Default)]
struct Walk {
    wrong: Vec<String>,
    pages: usize,
}

impl Walk {
    /// Looks at the page that is open.
    async fn look(&mut self, browser: &Browser, what: &str) {
        let mut wrong = too_wide(browser).await;
        for (theme, options) in [("light", "{}"), ("dark", "{ runOnly: ['color-contrast'] }")] {
            browser.prefers(theme).await;
            wrong.extend(
                browser.barriers(FIRST_ROWS, options).await.iter().map(|broken| format!("{theme}: {broken:#}")),
            );
        }
        browser.prefers("light").await;
        self.wrong.extend(wrong.into_iter().map(|wrong| format!("{what}: {wrong}")));
        self.pages += 1;
    }

    /// Opens a page, weighs it, and looks at it.
    async fn visit(&mut self, browser: &Browser, address: &str) {
        browser.transferred().await;
        open(browser, address).await;
        let (bytes, _) = browser.transferred().await;
        if bytes >= if self.pages == 0 { FIRST } else { AFTER } {
            self.wrong.push(format!("{address}: {bytes} bytes over the wire"));
        }
        self.look(browser, address).await;
        if let Some(folder) = pictures() {
            taken(browser, &folder, address).await;
        }
    }

    /// All pages that a link leads to.
    async fn everywhere(&mut self, browser: &Browser, places: &Places<'_>) {
        for address in places.addresses() {
            self.visit(browser, &address).await;
        }
    }

    /// The two pages that only a form leads to.
    async fn by_forms(&mut self, browser: &Browser, world: &World, (namespace, flag): (&str, &str), before: &str) {
        let path =
            format!("/api/v2/environments/{ENVIRONMENT}/namespaces/{namespace}/resources/flipt.core.Flag/{flag}");
        let mut payload = world.outside.get(&path).await.unwrap().json()["resource"]["payload"].clone();
        payload["name"] = json!("Another name");
        let mut change = json!({ "action": "update", "type": "flipt.core.Flag", "namespace": namespace, "key": flag });
        change["payload"] = payload;
        for (revision, form) in [("", "form.review"), (before, "form.conflict")] {
            if !revision.is_empty() {
                change["revision"] = json!(revision);
            }
            browser.transferred().await;
            sent(browser, ENVIRONMENT, &json!([change])).await;
            browser.find(form).await;
            let (bytes, _) = browser.transferred().await;
            if bytes >= 2 * AFTER {
                self.wrong.push(format!("{form}, with the page before it: {bytes} bytes over the wire"));
            }
            self.look(browser, form).await;
            if let Some(folder) = pictures() {
                taken(browser, &folder, form).await;
            }
        }
    }

    fn end(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n\n"));
    }
}

/// Where somebody wants to have pictures of every page, to look at them.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("YARDARM_PICTURES").map(PathBuf::from)
}

async fn taken(browser: &Browser, folder: &Path, what: &str) {
    let world = std::thread::current().name().unwrap_or_default().rsplit('_').next().unwrap_or_default().to_owned();
    let name: String = what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(90).collect();
    for theme in ["light", "dark"] {
        browser.prefers(theme).await;
        for (width, height) in SIZES {
            browser.size(width, height).await;
            browser.picture(&folder.join(format!("{world}{name}.{width}.{theme}.png"))).await;
        }
    }
    browser.prefers("light").await;
}

/// Proposes the branch, and waits until all that a page tells of it is known.
async fn proposed(story: &Story) -> String {
    let proposal = story.propose("sale", &nothing()).await.json()["id"].as_str().unwrap().to_owned();
    story.tell().await;
    story.until(&proposal, "it is read", |p| p["ahead"] == 1 && p["stale"] == false).await;
    proposal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_with_nothing_to_show() {
    let mut world = Plan::of(Sender::Gitea).empty().forge_only();
    world.start_daemon().await;
    world.until("that it is empty is known", |storage| storage["failure"].is_object()).await;
    let browser = Browser::open(&world).await;
    for status in ["404", "409", "503"] {
        browser.expect_error(&format!("the server responded with a status of {status}"));
    }
    let mut walk = Walk::default();
    walk.everywhere(&browser, &Places { environment: ENVIRONMENT, namespace: "default", ..Places::default() }).await;
    walk.end();
    browser.end().await;
    world.may_fail();
    world.end().await;
}

const ONE: &str = r#"version: "1.6"
namespace: {key: shop, name: Shop}
flags:
  - key: banner
    name: Banner
    description: What the first page says
    type: VARIANT_FLAG_TYPE
    enabled: true
    metadata: {owner: web}
    variants:
      - {key: news, name: The news, default: true, attachment: {text: first}}
      - {key: sale, name: The sale}
    rules: [{segment: staff, distributions: [{variant: news, rollout: 30}, {variant: sale, rollout: 70}]}]
segments:
  - key: staff
    name: Staff
    match_type: ALL_MATCH_TYPE
    constraints: [{type: STRING_COMPARISON_TYPE, property: email, operator: suffix, value: "@acme.example"}]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_with_one_thing_of_each_kind() {
    let story = Story::start(Sender::Github).await;
    let first = story.world.push(&[(SHOP, ONE), ("empty/features.yaml", "version: \"1.6\"\nnamespace: empty\n")]).await;
    story
        .branch("sale", &[(SHOP, &ONE.replace("rollout: 30", "rollout: 40").replace("rollout: 70", "rollout: 60"))])
        .await;
    let proposal = proposed(&story).await;
    let commit = first.after.unwrap();
    let asked =
        json!({ "environmentKey": ENVIRONMENT, "namespaceKey": "shop", "flagKey": "banner", "entityId": "ada" });
    assert_eq!(story.post("/evaluate/v1/variant", &asked).await.status, 200);
    let listener = story.world.listen(Form::Lines).await;
    let browser = Browser::open(&story.world).await;
    browser.expect_error("the server responded with a status of 404");
    let places = Places {
        environment: ENVIRONMENT,
        namespace: "shop",
        flag: "banner",
        segment: "staff",
        branch: "sale",
        commit: &commit,
        proposal: &proposal,
    };
    let mut walk = Walk::default();
    walk.everywhere(&browser, &places).await;
    story.world.push(&[(SHOP, &ONE.replace("name: Banner", "name: The banner"))]).await;
    walk.by_forms(&browser, &story.world, ("shop", "banner"), &commit).await;
    // A namespace that is there, and holds nothing.
    for page in ["flags", "segments", "playground", "analytics"] {
        walk.visit(&browser, &format!("/ui/e/{ENVIRONMENT}/n/empty/{page}")).await;
    }
    walk.end();
    browser.end().await;
    drop(listener);
    story.world.end().await;
}

const FLAGS: usize = 5_000;
const SEGMENTS: usize = 400;
const NAMESPACES: usize = 300;
const PROPOSALS: usize = 400;

/// Many flags, one of which has much of everything, and many segments.
fn many() -> String {
    let mut text = "version: \"1.6\"\nnamespace: many\nflags:\n".to_owned();
    text.push_str(
        "- key: large\n  name: Has much of everything\n  type: VARIANT_FLAG_TYPE\n  enabled: true\n  metadata:\n",
    );
    for n in 0..12 {
        let _ = writeln!(text, "    note-{n}: what somebody has noted about number {n}");
    }
    text.push_str("  variants:\n");
    for n in 0..12 {
        let _ = writeln!(text, "  - {{key: look-{n}, name: Look {n}, attachment: {{columns: {n}, theme: plain}}}}");
    }
    text.push_str("  rules:\n");
    for n in 0..12 {
        let _ = writeln!(
            text,
            "  - segment: {{keys: [segment-{n:03}, segment-{:03}], operator: AND_SEGMENT_OPERATOR}}\n    distributions: \
             [{{variant: look-{n}, rollout: 25}}, {{variant: look-0, rollout: 25}}, {{variant: look-1, rollout: 50}}]",
            n + 100
        );
    }
    for n in 0..FLAGS {
        let _ = writeln!(
            text,
            "- {{key: flag-{n:04}, name: What number {n} is called, description: And what it is good for, type: \
             BOOLEAN_FLAG_TYPE, enabled: {}, metadata: {{owner: team-{}}}, rollouts: [{{segment: {{key: segment-{:03}, \
             value: true}}}}, {{threshold: {{percentage: {}, value: true}}}}]}}",
            n % 2 == 0,
            n % 70,
            n % SEGMENTS,
            n % 100
        );
    }
    text.push_str("segments:\n");
    for n in 0..SEGMENTS {
        let _ =
            writeln!(text, "- key: segment-{n:03}\n  name: Segment {n}\n  match_type: ANY_MATCH_TYPE\n  constraints:");
        for one in 0..if n == 0 { 20 } else { 2 } {
            let _ = writeln!(
                text,
                "  - {{type: STRING_COMPARISON_TYPE, property: property-{one}, operator: isoneof, value: [a, b, c]}}"
            );
        }
    }
    text
}

/// Everything that a busy installation has come to have.
async fn busy() -> (Story, String) {
    let plan = Plan::of(Sender::Github);
    let story = Story::prepared(plan, |plain| past(plain, PROPOSALS)).await;
    let world = &story.world;
    let changes = format!("/api/v2/environments/{ENVIRONMENT}/changes");
    for n in 0..70 {
        let change =
            json!({ "action": "delete", "type": "flipt.core.Flag", "namespace": "shop", "key": format!("gone-{n}") });
        let refused = story.post(&changes, &json!({ "message": "Tidy up", "changes": [change] })).await;
        assert_eq!(refused.status, 404, "{}", refused.text());
    }
    let mut files = vec![("many/features.yaml".to_owned(), many())];
    for n in 0..NAMESPACES {
        files.push((
            format!("team-{n:03}/features.yaml"),
            format!(
                "version: \"1.6\"\nnamespace: {{key: team-{n:03}, name: Team number {n}}}\nflags:\n- {{key: own, name: \
                 Its own, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n"
            ),
        ));
    }
    let mut broken = "version: \"1.6\"\nnamespace: broken\nflags:\n".to_owned();
    for n in 0..300 {
        let _ = writeln!(broken, "- {{key: wrong-{n}, name: Wrong, type: NO_TYPE, enabled: true}}");
    }
    files.push(("broken/features.yaml".to_owned(), broken));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let first = world.push(&files).await;
    for n in 0..12 {
        world.branch(&format!("flipt/{ENVIRONMENT}/idea-{n:02}"), "main");
    }
    story.branch("sale", &[(SHOP, ONE)]).await;
    let asked: Vec<Value> = (0..900)
        .map(|n| json!({ "environmentKey": ENVIRONMENT, "namespaceKey": "many", "flagKey": format!("flag-{n:04}"), "entityId": "ada" }))
        .collect();
    assert_eq!(story.post("/evaluate/v1/batch", &json!({ "requests": asked })).await.status, 200);
    for _ in 0..130 {
        for delivery in world.deliveries_under("not-the-secret", &first) {
            world.send(&delivery).await;
        }
    }
    (story, first.after.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_with_very_many() {
    let (story, commit) = busy().await;
    let proposal = proposed(&story).await;
    let browser = Browser::open(&story.world).await;
    browser.expect_error("the server responded with a status of 404");
    let places = Places {
        environment: ENVIRONMENT,
        namespace: "many",
        flag: "large",
        segment: "segment-000",
        branch: "sale",
        commit: &commit,
        proposal: &proposal,
    };
    let mut walk = Walk::default();
    walk.everywhere(&browser, &places).await;
    story.world.push(&[("many/features.yaml", &many().replace("Has much of everything", "Has all of it"))]).await;
    walk.by_forms(&browser, &story.world, ("many", "large"), &commit).await;
    walk.end();
    // What a page does not show is said, and found.
    open(&browser, "/ui/sync").await;
    browser.see("more are not shown here; the status API has them").await;
    open(&browser, &format!("/ui/e/{ENVIRONMENT}/namespaces")).await;
    browser.see("Page 1 of 4").await;
    browser.fill("#q", "team-29").await;
    browser.see("Team number 299").await;
    browser.see_no("Page 1 of 4").await;
    browser.until("ten of them", "return document.querySelectorAll('#found tbody tr').length === 10").await;
    browser.end().await;
    story.world.end().await;
}
