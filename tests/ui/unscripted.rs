//! Scripts are off: one signs in, reads everything, and makes a change, by links and forms alone.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::provider::Story;
use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, features};

const FLAGS: &str = "/ui/e/production/n/shop/flags";
const FLAG: &str = "/ui/e/production/n/shop/flags/banner";

/// What of the page works by a script alone and is seen all the same.
const DEAD: &str = "return [...document.querySelectorAll('button[type=button], dialog, [data-opens]:not(a), .scripted-only')] \
                    .filter(one => one.checkVisibility()).map(one => one.outerHTML)";

/// As it is without scripts; what looks at it is one itself.
async fn accessible(browser: &Browser) {
    assert_eq!(browser.script(DEAD).await, json!([]), "{}", browser.path().await);
    assert_eq!(browser.script("return document.documentElement.classList.contains('scripted')").await, false);
    browser.scripts(true).await;
    browser.accessible().await;
    browser.scripts(false).await;
}

async fn reads(browser: &Browser, page: &str, says: &str) {
    browser.go(page).await;
    let text = browser.text("#main").await;
    assert!(text.contains(says), "{page} does not say \"{says}\": {text}");
    accessible(browser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signs_in_reads_everything_and_changes_a_flag_by_forms_alone() {
    let story = Story::with(Plan::of(Sender::Gitea).tokens("every-thing", &[])).await;
    story.branch("work", &[(SHOP, &features(NAMESPACE, "on a branch"))]).await;
    assert_eq!(story.propose("work", &json!({ "title": "Work" })).await.status, 200);
    let id = story.proposals().await[0]["id"].as_str().unwrap().to_owned();
    story.tell().await;
    let browser = Browser::open(&story.world).await;
    browser.without_scripts().await;
    browser.go(FLAG).await;
    accessible(&browser).await;
    browser.expect_error("401");
    browser.sign_in("wrong").await;
    browser.see("This token is not known").await;
    browser.sign_in("every-thing").await;
    browser.see("Review changes").await;
    assert_eq!(browser.path().await, FLAG);

    let (proposal, edit, merge) =
        (format!("/ui/proposals/{id}"), format!("/ui/proposals/{id}/edit"), format!("/ui/proposals/{id}/merge"));
    for (page, says) in [
        (FLAGS, "Banner"),
        (FLAG, "Where it stands"),
        ("/ui/e/production/n/shop/flags/banner/history", "created"),
        ("/ui/e/production/n/shop/flags/banner/beside", "key: banner"),
        ("/ui/e/production/n/shop/segments", "Segments"),
        ("/ui/e/production/n/shop/new-flag", "New flag"),
        ("/ui/e/production/n/shop/new-segment", "New segment"),
        ("/ui/e/production/n/shop/playground?flag=banner&entity=ada", "news"),
        ("/ui/e/production/n/shop/analytics", "Analytics"),
        ("/ui/e/production/n/shop/copy?flag=banner&to=production&into=shop", "Key there"),
        ("/ui/e/production/namespaces", "shop"),
        ("/ui/e/production/new-namespace", "Key"),
        ("/ui/e/production/branches", "work"),
        ("/ui/e/production/branches/work", "on a branch"),
        ("/ui/e/production/branches/work/delete", "Delete it for good"),
        ("/ui/e/production/new-branch", "Name"),
        ("/ui/e/production/review", "Nothing is gathered here."),
        ("/ui/proposals", "Work"),
        (&*proposal, "on a branch"),
        (&*edit, "Title"),
        (&*merge, "Merge now"),
        ("/ui/sync", "flags"),
        ("/ui/deliveries", "/webhooks/flags"),
        ("/ui/audit", "Audit"),
        ("/ui/palette?q=banner", "Banner"),
    ] {
        reads(&browser, page, says).await;
    }

    // The menus open, and lead on.
    browser.click("details.menu.place summary").await;
    browser.click("details.menu.place a[href*='/e/work/']").await;
    browser.see("Banner").await;
    assert!(browser.path().await.starts_with("/ui/e/work/"));

    // A switch, looked at and committed.
    browser.go(FLAGS).await;
    browser.click("button.turn").await;
    browser.see("What it will do").await;
    accessible(&browser).await;
    browser.fill("#message", "Switched by hand").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    accessible(&browser).await;
    browser.press("Go on").await;
    let file = || story.world.forge.repository().git(["show", &format!("main:{SHOP}")]).unwrap();
    assert!(file().contains("enabled: false"), "{}", file());

    // A field; meanwhile somebody else is faster, and it is decided.
    browser.go(FLAG).await;
    browser.fill("#name", "Mine").await;
    let theirs = file().replace("name: Banner", "name: Theirs");
    story.world.push(&[(SHOP, &theirs)]).await;
    browser.press("Review changes").await;
    browser.see("Somebody else was faster").await;
    accessible(&browser).await;
    browser.click("tr.overlap input[value=ours]").await;
    browser.press("Review this").await;
    browser.find("form.review").await;
    browser.click("input[name=to][value=branch]").await;
    browser.fill("#branch", "by-hand").await;
    browser.press("Save").await;
    browser.see("See where it stands").await;
    let branch = story.world.forge.repository().git(["show", &format!("flipt/production/by-hand:{SHOP}")]).unwrap();
    assert!(branch.contains("name: Mine") && file().contains("name: Theirs"), "{branch}");
    let asked =
        json!({ "environmentKey": ENVIRONMENT, "namespaceKey": NAMESPACE, "flagKey": "banner", "entityId": "ada" });
    let answer = story.world.ask("POST", "/evaluate/v1/variant", Some(&asked)).await.json();
    assert_eq!(answer["reason"], Value::from("FLAG_DISABLED_EVALUATION_REASON"), "{answer}");
    browser.click("details.menu.account summary").await;
    browser.press("Sign out").await;
    browser.find("#token").await;
    browser.end().await;
    story.world.end().await;
}
