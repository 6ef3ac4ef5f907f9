//! Branches and merge proposals, from the first click to live.

use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Form;

use crate::browser::Browser;
use crate::provider::Story;
use crate::scm::plain::Verdict;
use crate::world::{ENVIRONMENT, NAMESPACE, SHOP, features};

const DISCOUNT: &str = "flipt/production/discount";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_click_to_live() {
    let story = Story::start(Sender::Gitea).await;
    let browser = Browser::open(&story.world).await;
    let listener = story.world.listen(Form::Lines).await;

    // A branch, and something on it.
    browser.go("/ui/e/production/branches").await;
    browser.see("There is no branch.").await;
    browser.press("New branch").await;
    browser.fill("#key", "no good").await;
    browser.script("document.querySelector('#key').removeAttribute('pattern')").await;
    browser.press("Make it").await;
    browser.see("only letters, digits").await;
    browser.expect_error("new-branch - Failed to load resource: the server responded with a status of 400");
    assert_eq!(browser.value("#key").await, "no good", "what was typed is there still");
    browser.accessible().await;
    browser.fill("#key", "discount").await;
    browser.press("Make it").await;
    browser.see("0 ahead").await;
    browser.see("There is nothing to propose yet.").await;
    let pushed = story.world.commit(DISCOUNT, &[(SHOP, &features(NAMESPACE, "cheaper"))]);
    story.world.announce(&pushed).await;
    browser.see("1 ahead").await;
    browser.see("attachment /text: \"first\" → \"cheaper\"").await;
    browser.accessible().await;

    // Proposed: what it says is filled in by whoever proposes.
    browser.press("Propose").await;
    assert_eq!(browser.value("#title").await, "Change flags of production: discount");
    browser.accessible().await;
    browser.fill("#title", "Cheaper").await;
    browser.fill("#body", "For a week.").await;
    browser.press("Propose").await;
    browser.see("#1 Cheaper").await;
    browser.see("For a week.").await;
    story.tell().await;
    browser.see("yardarm/flags").await;
    browser.accessible().await;

    // Rosa wants something else, and then likes it; the page follows her without being loaded anew.
    browser.script("window.here = true").await;
    story.scm.world(|plain| plain.review(1, "rosa", Verdict::ChangesRequested)).unwrap();
    assert!(story.tell().await > 0, "a review is told");
    browser.see("changes, requested by rosa").await;
    story.scm.world(|plain| plain.review(1, "rosa", Verdict::Approved)).unwrap();
    assert!(story.tell().await > 0, "an approval is told");
    browser.see("Open, and nothing that is known here keeps it back.").await;
    browser.see("approved by rosa").await;
    browser.until("it is the same page", "return window.here === true").await;

    // Merged from here, and live in the client that listens.
    browser.press("Merge").await;
    browser.see("Merged, and live since").await;
    browser.see("seen by 1 client").await;
    browser.see("merged as ").await;
    story.world.heard(&listener, &features(NAMESPACE, "cheaper")).await;
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    browser.accessible().await;

    // The list knows where it has gone, and the branch is no more.
    browser.go("/ui/proposals").await;
    browser.see("No proposal is like that.").await;
    browser.press("Merged 1").await;
    browser.see("#1 Cheaper").await;
    browser.accessible().await;
    browser.go("/ui/e/production/branches").await;
    browser.see("There is no branch.").await;
    browser.end().await;
    story.world.end().await;
}

/// Everything that a provider lets people do, where it is not merged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_else_is_done_with_one() {
    let story = Story::start(Sender::GitlabSigned).await;
    story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;
    let browser = Browser::open(&story.world).await;
    browser.go("/ui/e/production/branches").await;
    browser.press("Propose").await;
    browser.click("input[name=draft]").await;
    browser.press("Propose").await;
    browser.see("being marked ready").await;
    browser.press("Ready for review").await;
    browser.see("nothing that is known here keeps it back").await;

    // Other words; somebody else's are text, whatever they are.
    browser.press("Edit").await;
    browser.fill("#title", "<script>alert(1)</script> & \"more\"").await;
    browser.fill("#body", "<img src=x onerror=alert(1)>\n\nFor two weeks.").await;
    browser.accessible().await;
    browser.press("Save").await;
    browser.see("<script>alert(1)</script> & \"more\"").await;
    browser.see("<img src=x onerror=alert(1)>").await;
    story.tell().await;
    let (title, body) = story.scm.world(|plain| {
        let proposal = plain.proposal(1).unwrap();
        (proposal.title.clone(), proposal.body.clone())
    });
    assert!(title.ends_with("& \"more\"") && body.ends_with("onerror=alert(1)>\n\nFor two weeks."), "{title} {body}");
    assert!(body.contains("yardarm:proposal"), "the marker is there still: {body}");
    browser.accessible().await;

    // The base goes on, somewhere else: the branch takes it up.
    story.world.push(&[("flags/blog.yaml", &features("blog", "news"))]).await;
    browser.see("which is 1 ahead of it").await;
    browser.press("Update from base by a merge").await;
    browser.see_no("which is 1 ahead of it").await;
    browser.see("2 ahead, 0 behind").await;

    // On a phone what can be done comes before what it changes; where there is room it stands beside that.
    let top = "document.getElementById(id).getBoundingClientRect().top";
    let first =
        format!("const top = id => {top}; return top('acts') < top('changes') && top('changes') < top('facts')");
    let beside =
        format!("const top = id => {top}; return top('acts') === top('changes') && top('acts') < top('facts')");
    browser.until("they are side by side", &beside).await;
    browser.size(390, 844).await;
    browser.until("what can be done comes first", &first).await;
    browser.size(1280, 900).await;

    // And then where the branch has changed the same: nothing is done, and both are shown.
    story.world.push(&[(SHOP, &features(NAMESPACE, "dearer"))]).await;
    browser.see("which is 1 ahead of it").await;
    browser.press("Update from base by a merge").await;
    browser.see("Both have changed the same").await;
    browser.expect_error("/update - Failed to load resource: the server responded with a status of 409");
    browser.see("\"dearer\"").await;
    browser.accessible().await;

    // Closed, and opened again.
    browser.go("/ui/proposals").await;
    browser.click("table.list a").await;
    browser.press("Close").await;
    browser.see("Closed without a merge.").await;
    browser.press("Reopen").await;
    browser.see("Open. It waits for:").await;
    story.tell().await;

    // Somebody closes it there.
    story.scm.world(|plain| plain.close(1)).unwrap();
    assert!(story.tell().await > 0, "its end is told");
    browser.see("Closed without a merge.").await;

    // The branch goes, after a question.
    browser.go("/ui/e/production/branches/discount").await;
    browser.press("Delete").await;
    browser.see("2 commits are on this branch and not in its base.").await;
    browser.accessible().await;
    browser.press("Delete it for good").await;
    browser.see("There is no branch.").await;
    browser.end().await;
    story.world.end().await;
}
