//! A branch takes up what its base has got since, and a change is undone.

use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::{NAMESPACE, Plan, SHOP, World, asking, features};

const BRANCH: &str = "flipt/production/discount";
const PAGE: &str = "/ui/e/production/branches/discount";

fn git(world: &World, arguments: &[&str]) -> String {
    world.forge.repository().git(arguments).unwrap().trim().to_owned()
}

/// Somebody pushes a change of something else to the base.
async fn base_goes_on(world: &World, news: &str) -> String {
    world.push(&[("other/features.yaml", &features("other", news))]).await.after.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_takes_up_its_base_by_rebase_and_by_merge() {
    let world = Plan::of(Sender::Github).start().await;
    world.branch(BRANCH, "main");
    world.commit(BRANCH, &[(SHOP, &features(NAMESPACE, "cheaper"))]);
    let pushed = world.commit(BRANCH, &[("third/features.yaml", &features("third", "three"))]);
    world.announce(&pushed).await;
    let base = base_goes_on(&world, "one").await;
    let browser = Browser::open(&world).await;
    browser.go(PAGE).await;
    browser.see("2 ahead").await;
    browser.see("1 behind").await;
    browser.accessible().await;

    // Its commits once more, on top of the base: as many as before, in a line.
    browser.press("Update from base by a rebase").await;
    browser.see("0 behind").await;
    browser.see("2 ahead").await;
    browser.see("It has everything that its base has.").await;
    assert_eq!(git(&world, &["rev-parse", &format!("{BRANCH}~2")]), base, "its commits stand on the base");
    assert_eq!(git(&world, &["rev-list", "--merges", "--count", BRANCH]), "0");
    assert_eq!(world.banner("discount", "other").await, "one");
    assert_eq!(world.banner("discount", NAMESPACE).await, "cheaper");

    // A commit that joins both: what was there stays as it is. The open page knows that the base went on.
    let before = git(&world, &["rev-parse", BRANCH]);
    let base = base_goes_on(&world, "two").await;
    browser.see("1 behind").await;
    browser.press("Update from base by a merge").await;
    browser.see("0 behind").await;
    browser.see("3 ahead").await;
    let parents = git(&world, &["log", "-1", "--format=%P", BRANCH]);
    assert_eq!(parents, format!("{before} {base}"));
    assert_eq!(world.banner("discount", "other").await, "two");
    browser.accessible().await;

    // Both have changed the same: neither way does anything, and the page says where.
    world.push(&[(SHOP, &features(NAMESPACE, "dearer"))]).await;
    let before = git(&world, &["rev-parse", BRANCH]);
    browser.press("Update from base by a merge").await;
    browser.see("Both have changed the same").await;
    browser.see("\"dearer\"").await;
    browser.accessible().await;
    browser.go(PAGE).await;
    browser.press("Update from base by a rebase").await;
    browser.see("the branch has merge commits").await;
    browser.expect_error("/update - Failed to load resource: the server responded with a status of 4");
    assert_eq!(git(&world, &["rev-parse", BRANCH]), before);
    browser.end().await;
    world.end().await;
}

const BANNER: &str = "/ui/e/production/n/shop/flags/banner";

/// Saves what the page that reviews a change shows, and goes on from there.
async fn save(browser: &Browser) {
    browser.find("form.review").await;
    browser.press("Save").await;
    browser.see("Saved.").await;
    browser.press("Go on").await;
    browser.find("#edit, .list, .empty").await;
}

/// What the file has now.
async fn says(world: &World, wanted: &[&str]) {
    let place = format!("main:{SHOP}");
    let all = asking(async || {
        let text = git(world, &["show", &place]);
        wanted.iter().all(|part| text.contains(part))
    });
    assert!(all.await, "{wanted:?}: {}", git(world, &["show", &place]));
}

/// The button of a change in the history, the newest being number one.
async fn undo(browser: &Browser, number: usize) {
    browser.go(&format!("{BANNER}/history")).await;
    browser.click(&format!(".steps > li:nth-child({number}) button[name=commit]")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_undone_and_what_came_after_it_stays() {
    let world = Plan::of(Sender::Gitea).start().await;
    let first = features(NAMESPACE, "first");
    let second = first.replace("name: Banner", "name: A better banner");
    let third = second.replace("\"first\"", "\"third\"");
    let fourth = third.replace("name: A better banner", "name: The best banner");
    for text in [&second, &third, &fourth] {
        world.push(&[(SHOP, text)]).await;
    }
    let browser = Browser::open(&world).await;
    browser.go(BANNER).await;
    browser.see("The best banner").await;
    browser.press("History").await;
    browser.see("created").await;
    assert_eq!(browser.script("return document.querySelectorAll('.steps > li').length").await, 4);

    // The change in the middle: what it did is taken back, what came after it stays.
    undo(&browser, 2).await;
    browser.see("attachment /text: \"third\" → \"first\"").await;
    browser.accessible().await;
    save(&browser).await;
    says(&world, &["name: The best banner", "\"first\""]).await;
    assert_eq!(browser.path().await, BANNER);

    // What somebody has changed again since is not overwritten; the page says so, and leads back.
    browser.expect_error("/revert - Failed to load resource: the server responded with a status of 409");
    undo(&browser, 4).await;
    browser.see("was changed since that commit, so that it cannot be undone by itself").await;
    browser.accessible().await;
    browser.press("Back").await;
    browser.see("History of banner").await;

    // It is loaded anew: the address is one of a page.
    undo(&browser, 2).await;
    browser.find("form.review").await;
    browser.go(&format!("{BANNER}/revert")).await;
    browser.see("History of banner").await;
    browser.end().await;
    world.end().await;
}
