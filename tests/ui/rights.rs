//! What somebody may not do is not offered to them, and refused whoever asks for it; what they may not see is nowhere.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::provider::Story;
use crate::world::{Plan, features};

const FLAGS: &str = "/ui/e/production/n/shop/flags";
const FLAG: &str = "/ui/e/production/n/shop/flags/banner";

/// A form that no page has offered: where to, and its fields.
type Forged<'f> = (&'f str, &'f [(&'f str, &'f str)]);

/// A change of the banner, as pages send it along.
fn change(namespace: &str) -> String {
    let payload = json!({ "key": "banner", "name": "Forged", "type": "BOOLEAN_FLAG_TYPE" });
    let change = json!({ "action": "update", "type": "flipt.core.Flag", "namespace": namespace, "key": "banner",
        "payload": payload });
    json!([change]).to_string()
}

/// Buttons, links and fields of the page that change something.
const OFFERS: &str = "return [...document.querySelectorAll('#main form[method=post] :is(button, input:not([type=hidden])), \
                      #main a[href*=\"/new-\"], #main a[href$=\"/delete\"], #main a[href$=\"/propose\"], \
                      #main a[href$=\"/edit\"], #main a[href$=\"/merge\"]')].filter(one => !one.matches(':disabled')) \
                      .map(one => one.outerHTML)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_reads_is_offered_nothing_and_gets_nothing_done() {
    let tokens = ["reader: {credential: only-reads, scopes: ['read']}"];
    let story = Story::with(Plan::of(Sender::Gitea).tokens("every-thing", &tokens)).await;
    story.branch("work", &[("shop/features.yaml", &features("shop", "second"))]).await;
    assert_eq!(story.propose("work", &json!({ "title": "Work" })).await.status, 200);
    let id = story.proposals().await[0]["id"].as_str().unwrap().to_owned();
    let proposal = format!("/ui/proposals/{id}");
    let before = story.world.forge.repository().tip("main").unwrap();

    let browser = Browser::open(&story.world).await;
    browser.go(FLAGS).await;
    browser.sign_in("only-reads").await;
    browser.see("Banner").await;
    for page in [
        FLAGS,
        FLAG,
        "/ui/e/production/n/shop/flags/banner/history",
        "/ui/e/production/n/shop/segments",
        "/ui/e/production/namespaces",
        "/ui/e/production/branches",
        "/ui/e/production/branches/work",
        "/ui/proposals",
        &proposal,
        "/ui/sync",
        "/ui/audit",
    ] {
        browser.go(page).await;
        browser.find("#main h1").await;
        let offers = browser.script(OFFERS).await;
        assert_eq!(offers, json!([]), "{page}");
        browser.accessible().await;
    }
    browser.go(FLAG).await;
    browser.see("You may look at this and not change it").await;
    assert_eq!(browser.script("return document.querySelector('#name').matches(':disabled')").await, true);
    assert_eq!(
        browser.script("return document.querySelector('#edit button[value=review].primary')").await,
        json!(null)
    );

    // Forged, with a good proof: every form that there is.
    browser.expect_error("403");
    let changes = change("shop");
    let forged: [Forged<'_>; 20] = [
        (FLAGS, &[("turn", "off:banner")]),
        (FLAGS, &[("do", "delete"), ("key", "banner")]),
        ("/ui/e/production/n/shop/segments", &[("do", "delete"), ("key", "beta")]),
        (FLAG, &[("do", "delete")]),
        ("/ui/e/production/n/shop/new-flag", &[("do", "review"), ("key", "forged"), ("type", "boolean")]),
        ("/ui/e/production/n/shop/flags/banner/revert", &[("to", before.as_deref().unwrap())]),
        ("/ui/e/production/n/shop/copy", &[("flag", "banner"), ("into", "shop"), ("as", "forged")]),
        ("/ui/e/production/namespaces", &[("delete", "shop")]),
        ("/ui/e/production/new-namespace", &[("key", "forged")]),
        ("/ui/e/production/review", &[("changes", &changes)]),
        ("/ui/e/production/commit", &[("changes", &changes), ("to", "here")]),
        ("/ui/e/production/commit", &[("changes", &changes), ("to", "branch"), ("branch", "work")]),
        ("/ui/e/production/commit", &[("changes", &changes), ("to", "glass"), ("reason", "because")]),
        ("/ui/e/production/new-branch", &[("key", "forged")]),
        ("/ui/e/production/branches/work/update", &[]),
        ("/ui/e/production/branches/work/delete", &[]),
        ("/ui/e/production/branches/work/propose", &[("title", "Forged")]),
        (&format!("{proposal}/merge"), &[]),
        (&format!("{proposal}/edit"), &[("title", "Forged"), ("typed", "1")]),
        ("/ui/deliveries/flags/check", &[]),
    ];
    for (path, fields) in forged {
        assert_eq!(browser.forge(path, fields).await, 403, "{path} {fields:?}");
    }
    assert_eq!(story.world.forge.repository().tip("main").unwrap(), before);
    assert_eq!(
        story.scm.world(|plain| (plain.proposals.len(), plain.proposal(1).unwrap().title.clone())),
        (1, "Work".into())
    );
    browser.end().await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_proposes_is_offered_to_propose_and_cannot_commit() {
    let tokens = [
        "narrow: {credential: proposes-shop, scopes: ['propose:production/shop']}",
        "rosa: {credential: proposes, scopes: ['propose:production']}",
    ];
    let plan = Plan::of(Sender::Gitea).environment("break_glass: {enabled: true}").tokens("every-thing", &tokens);
    let story = Story::with(plan).await;
    let pay = story.world.push(&[("pay/features.yaml", &features("pay", "pays"))]).await;
    let browser = Browser::open(&story.world).await;
    browser.go(FLAGS).await;
    browser.sign_in("proposes-shop").await;
    browser.click("button.turn").await;
    browser.find("form.review").await;
    let choices = "return [...document.querySelectorAll('[name=to]')].map(one => one.value).join()";
    assert_eq!(browser.script(choices).await, "branch", "neither to commit nor to break the glass");
    assert_eq!(browser.value("#branch").await, "update-banner");
    browser.accessible().await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.see("proposed; shown to who may see every namespace").await;
    browser.accessible().await;
    assert_eq!(story.world.forge.repository().tip("main").unwrap(), pay.after);

    // Its branch, and that it is proposed; what else may be in it is not told.
    browser.go("/ui/e/production/branches/update-banner").await;
    browser.see("It is proposed.").await;
    browser.see("You may see some of them, so it is not shown.").await;
    browser.accessible().await;
    browser.go("/ui/e/production/branches").await;
    browser.see("update-banner").await;
    browser.see_no("Newest commit").await;
    browser.expect_error("403");
    browser.expect_error("404");
    let id = story.proposals().await[0]["id"].as_str().unwrap().to_owned();
    let (changes, elsewhere) = (change("shop"), change("pay"));
    let merge = format!("/ui/proposals/{id}/merge");
    let forged: [(Forged<'_>, u64); 6] = [
        (("/ui/e/production/commit", &[("changes", &changes), ("to", "here")]), 403),
        (("/ui/e/production/commit", &[("changes", &changes), ("to", "glass"), ("reason", "because")]), 403),
        (("/ui/e/production/commit", &[("changes", &elsewhere), ("to", "branch"), ("branch", "update-banner")]), 403),
        (("/ui/e/production/review", &[("changes", &elsewhere)]), 403),
        (("/ui/e/production/branches/update-banner/delete", &[]), 403),
        // What they may not see is not there.
        ((&merge, &[]), 404),
    ];
    for ((path, fields), status) in forged {
        assert_eq!(browser.forge(path, fields).await, status, "{path} {fields:?}");
    }

    // Somebody who proposes for all of it sees where it stands, and does not merge.
    browser.click("details.menu.account summary").await;
    browser.press("Sign out").await;
    browser.find("#token").await;
    browser.go(&format!("/ui/proposals/{id}")).await;
    browser.sign_in("proposes").await;
    browser.see("update-banner").await;
    browser.see("As it stands").await;
    let merges = "return document.querySelector('#main form[action$=\"/merge\"], #main a[href$=\"/merge\"]')";
    assert_eq!(browser.script(merges).await, json!(null));
    assert_eq!(browser.forge(&merge, &[]).await, 403);
    assert_eq!(story.world.forge.repository().tip("main").unwrap(), pay.after);
    browser.end().await;
    story.world.end().await;
}

/// Everything of it that others may not see has this in its name.
const HIDDEN: &str = "classified";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_one_namespace_finds_nothing_of_the_others() {
    let tokens = ["narrow: {credential: only-shop, scopes: ['read:production/shop']}"];
    let mut story = Story::with(Plan::of(Sender::Gitea).tokens("every-thing", &tokens)).await;
    story.world.may_fail();
    // It comes before the one that they may read, and has everything that a page could tell of.
    let file = |news: &str| {
        let flags = features(HIDDEN, &format!("{HIDDEN} {news}")).replace("banner", "classified-banner");
        format!("{flags}segments:\n  - {{key: classified-segment, name: Classified, match_type: ALL_MATCH_TYPE}}\n")
    };
    let path = format!("{HIDDEN}/features.yaml");
    story.world.push(&[(&path, &file("first"))]).await;
    let payload =
        json!({ "@type": "flipt.core.Flag", "key": "classified-other", "name": "Other", "type": "BOOLEAN_FLAG_TYPE" });
    let resources = format!("/api/v2/environments/production/namespaces/{HIDDEN}/resources");
    let body = json!({ "key": "classified-other", "payload": payload, "message": "A classified change" });
    let made = story.post(&resources, &body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    story.branch("work", &[(&path, &file("second"))]).await;
    assert_eq!(story.propose("work", &json!({ "title": "Classified" })).await.status, 200);
    let id = story.proposals().await[0]["id"].as_str().unwrap().to_owned();
    let pushed = story
        .world
        .commit("main", &[(&format!("{HIDDEN}/more/features.yaml"), "namespace: classified\nflags: [classified")]);
    story.world.announce(&pushed).await;
    story.world.until("the bad file is known", |storage| storage.to_string().contains("more/features.yaml")).await;

    let browser = Browser::open(&story.world).await;
    browser.go("/ui/").await;
    browser.sign_in("only-shop").await;
    browser.see("Banner").await;
    assert_eq!(browser.path().await, FLAGS, "one arrives where one may be");
    for page in [
        FLAGS,
        FLAG,
        "/ui/e/production/n/shop/flags/banner/history",
        "/ui/e/production/n/shop/flags/banner/beside",
        "/ui/e/production/n/shop/segments",
        "/ui/e/production/n/shop/playground",
        "/ui/e/production/n/shop/playground?flag=banner&entity=ada",
        "/ui/e/production/n/shop/analytics",
        "/ui/e/production/namespaces",
        "/ui/e/production/branches",
        "/ui/e/production/branches/work",
        "/ui/e/work/n/shop/flags",
        "/ui/e/production/saved?commit=0",
        "/ui/proposals",
        "/ui/audit",
        "/ui/palette?q=clas&from=production/shop",
        "/ui/palette?q=production",
    ] {
        browser.go(page).await;
        browser.find("#main h1").await;
        let source = browser.source().await;
        assert!(!source.contains(HIDDEN), "{page}: {source}");
        // Neither is anything offered that leads to where they may not be.
        for closed in ["/ui/sync", "/ui/deliveries"] {
            assert!(!source.contains(closed), "{page} leads to {closed}");
        }
    }
    browser.go("/ui/e/production/namespaces").await;
    assert_eq!(browser.script("return document.querySelectorAll('#main table tbody tr').length").await, 1);
    browser.go("/ui/proposals").await;
    browser.see("Nothing has been proposed yet.").await;
    browser.go("/ui/e/production/branches").await;
    browser.see("work").await;
    browser.see_no("Newest commit").await;
    browser.accessible().await;
    browser.click("#main table a.small").await;
    browser.see("Banner").await;
    assert_eq!(browser.path().await, "/ui/e/work/n/shop/flags");

    // By its address it is as little there as what is not there at all.
    browser.expect_error("403");
    browser.expect_error("404");
    for address in [
        format!("/ui/e/production/n/{HIDDEN}/flags"),
        format!("/ui/e/production/n/{HIDDEN}/flags/classified-banner"),
        "/ui/e/production/n/nothing/flags".to_owned(),
        "/ui/sync".to_owned(),
        "/ui/deliveries".to_owned(),
        "/ui/e/staging/n/shop/flags".to_owned(),
    ] {
        browser.go(&address).await;
        browser.see("this needs the scope read").await;
        assert!(!browser.source().await.contains("classified-"), "{address}");
    }
    browser.accessible().await;
    browser.go(&format!("/ui/proposals/{id}")).await;
    browser.see("there is no proposal").await;
    // The API tells as little: the branch, and not what is proposed of it.
    let theirs = [("Authorization", "Bearer only-shop")];
    let branches = "/api/v2/environments/production/branches";
    let told = story.world.outside.send("GET", branches, &theirs, Vec::new()).await.unwrap().json();
    assert_eq!((&told["branches"][0]["key"], &told["branches"][0]["proposal"]), (&json!("work"), &Value::Null));
    let told = story.world.ask("GET", branches, None).await.json();
    assert_eq!(told["branches"][0]["proposal"]["id"], id.as_str(), "{told}");
    browser.end().await;
    story.world.end().await;
}
