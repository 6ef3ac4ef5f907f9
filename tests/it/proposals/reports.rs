//! What is said at the provider: a commit status and one comment, on whoever's proposal.

use serde_json::Value;
use yardarm::demo::dialect::Sender;

use super::lives::with_one;
use crate::provider::Story;
use crate::scm::Fault;
use crate::scm::plain::Status;
use crate::world::{NAMESPACE, Plan, Pushed, SHOP, asking, features};

impl Story {
    /// What was said of a commit under our name.
    fn said(&self, commit: Option<&str>) -> Option<Status> {
        let ours = |status: &&Status| Some(&*status.commit) == commit && status.context == "yardarm/flags";
        self.scm.world(|plain| plain.statuses.iter().find(ours).cloned())
    }

    pub(super) async fn until_said(&self, commit: Option<&str>, wanted: &str) -> Status {
        let holds = asking(async || self.said(commit).is_some_and(|status| status.description.contains(wanted)));
        assert!(holds.await, "no status {wanted:?}: {:?}", self.said(commit));
        self.said(commit).unwrap()
    }

    /// The comments on a proposal.
    fn comments(&self, number: u64) -> Vec<String> {
        let of = |plain: &mut crate::scm::plain::Plain| plain.proposal(number).unwrap().comments.clone();
        self.scm.world(of).into_iter().map(|comment| comment.text).collect()
    }

    pub(super) async fn until_commented(&self, number: u64, wanted: &str) -> String {
        let holds = asking(async || self.comments(number).iter().any(|text| text.contains(wanted)));
        assert!(holds.await, "no comment {wanted:?}: {:#?}", self.comments(number));
        let mut comments = self.comments(number);
        comments.retain(|text| !text.starts_with("> "));
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments[0].clone()
    }

    /// Somebody pushes to the branch of a proposal; both are told.
    async fn pushed(&self, branch: &str, files: &[(&str, &str)]) -> Pushed {
        let pushed = self.world.commit(branch, files);
        self.world.announce(&pushed).await;
        self.scm.world(|plain| plain.pushed(branch));
        self.tell().await;
        pushed
    }

    /// Somebody opens a proposal by hand, from a branch with one commit.
    async fn by_hand(&self, branch: &str, files: &[(&str, &str)]) -> (u64, Pushed) {
        self.world.branch(branch, "main");
        let pushed = self.world.commit(branch, files);
        let number = self.scm.world(|plain| plain.open("rosa", branch, "main", "By hand", "", false, false)).unwrap();
        self.tell().await;
        (number, pushed)
    }

    /// How often something was said, in any way.
    fn words(&self) -> usize {
        self.asked("POST", "statuses") + self.asked("POST", "comments") + self.asked("PATCH", "comments")
    }

    async fn of_number(&self, number: u64) -> Value {
        let mut found = Value::Null;
        let known = asking(async || {
            let all = self.proposals().await;
            found = all.into_iter().find(|p| p["number"] == number).unwrap_or_default();
            !found.is_null()
        });
        assert!(known.await);
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_changes_is_said_once_and_kept_up_to_date() {
    for sender in [Sender::Gitea, Sender::GithubEnterprise] {
        let story = Story::start(sender).await;
        let first = story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
        let told = story.propose("a", &crate::provider::nothing()).await.json();
        let (id, number) = (told["id"].as_str().unwrap().to_owned(), told["number"].as_u64().unwrap());
        story.tell().await;
        let status = story.until_said(first.after.as_deref(), "valid: 1 flag changed").await;
        assert_eq!(status.state.to_lowercase(), "success");
        let comment = story.until_commented(number, "#### Namespace `shop`").await;
        assert!(comment.starts_with(&format!("<!-- yardarm:report id={id} -->\n")), "{comment}");
        assert!(comment.contains("`banner`") && comment.contains("### Environment `production`"), "{comment}");

        // What changes nothing of it is no reason to say it again; and what others quote of it is theirs.
        let quote = format!("> {}\n\nWhy this?", comment.lines().next().unwrap());
        story.scm.world(|plain| plain.comment(number, "rosa", &quote)).unwrap();
        let said = story.words();
        story.scm.world(|plain| plain.edit(number, Some("Other words"), None)).unwrap();
        let base = story.world.commit("main", &[("README.md", "of no interest\n")]);
        story.world.announce(&base).await;
        story.tell().await;
        story.until(&id, "it is read again", |p| p["title"] == "Other words" && p["behind"] == 1).await;
        assert_eq!(story.words(), said);

        let second = story.pushed("flipt/production/a", &[(SHOP, "flags: []\n")]).await;
        story.until_said(second.after.as_deref(), "valid: 1 namespace added, 1 removed").await;
        let after = second.after.clone().unwrap();
        let comment = story.until_commented(number, &format!("`{}`", &after[..7])).await;
        assert!(comment.contains("**removed** flag `banner`"), "{comment}");
        assert_eq!(story.comments(number).iter().filter(|text| **text == quote).count(), 1);
        story.world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_hand_and_wrong_it_is_told_where() {
    let mut story = Story::start(Sender::Gitea).await;
    story.world.may_fail();
    let wrong = features(NAMESPACE, "x").replace("VARIANT_FLAG_TYPE", "NO_TYPE");
    let (number, first) = story.by_hand("topic", &[(SHOP, &wrong)]).await;
    let status = story.until_said(first.after.as_deref(), "shop/features.yaml:6:").await;
    assert_eq!(status.state.to_lowercase(), "failure");
    let comment = story.until_commented(number, "cannot be served as it is").await;
    assert!(comment.contains("- **error, not served** `shop/features.yaml:6:"), "{comment}");
    let second = story.pushed("topic", &[(SHOP, &features(NAMESPACE, "right"))]).await;
    let status = story.until_said(second.after.as_deref(), "valid").await;
    assert_eq!(status.state.to_lowercase(), "success");
    story.until_commented(number, "### Flags: 1 flag changes").await;
    // It touches nothing any more: what was said is taken back.
    let third = story.pushed("topic", &[(SHOP, &features(NAMESPACE, "first")), ("README.md", "words\n")]).await;
    story.until_said(third.after.as_deref(), "valid: no flag changes").await;
    story.until_commented(number, "### Flags: no flag changes").await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_touches_no_flags_and_of_forks_nothing_is_said() {
    let story = Story::start(Sender::Gitea).await;
    let (fork, (other, _)) = (
        story.scm.world(|plain| plain.open_from_fork("mallory/flags", "main", "main", "Trust me")),
        story.by_hand("docs", &[("README.md", "words\n")]).await,
    );
    let shown = story.of_number(other).await;
    story.until(shown["id"].as_str().unwrap(), "it is known", |p| p["ahead"] == 1 && p["stale"] == false).await;
    // What follows it is said, so what came before would have been.
    let (third, pushed) = story.by_hand("topic", &[(SHOP, &features(NAMESPACE, "x"))]).await;
    story.until_said(pushed.after.as_deref(), "valid").await;
    story.until_commented(third, "banner").await;
    assert_eq!(story.comments(fork), [""; 0]);
    assert_eq!(story.comments(other), [""; 0]);
    assert_eq!(story.scm.world(|plain| plain.statuses.len()), 1);
    assert!(story.proposals().await.iter().all(|p| p["number"] != fork));
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_said_is_told_and_the_rest_is_said() {
    let story = Story::start(Sender::Gitea).await;
    let scope = r#"{"message":"token does not have at least one of required scope(s): [write:repository]"}"#;
    let refused =
        Fault::Answer(403, scope.to_owned(), vec![("content-type".to_owned(), "application/json".to_owned())]);
    story.scm.misbehave("POST", "statuses", refused, usize::MAX);
    let (number, first) = story.by_hand("topic", &[(SHOP, &features(NAMESPACE, "x"))]).await;
    story.until_commented(number, "banner").await;
    let id = story.of_number(number).await["id"].as_str().unwrap().to_owned();
    let told = story.until(&id, "the trouble", |p| !p["trouble"].is_null()).await;
    assert_eq!(told["trouble"]["class"], "operator", "{told:#}");
    assert!(story.said(first.after.as_deref()).is_none());
    story.scm.behave();
    // Another push is another try.
    let second = story.pushed("topic", &[(SHOP, &features(NAMESPACE, "y"))]).await;
    story.until_said(second.after.as_deref(), "valid").await;
    story.until(&id, "no trouble any more", |p| p["trouble"].is_null()).await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_fails_is_told_later() {
    let story = Story::start(Sender::Gitea).await;
    story.scm.misbehave("POST", "statuses", Fault::Down, 1);
    story.scm.misbehave("POST", "comments", Fault::Lost, 1);
    let (number, first) = story.by_hand("topic", &[(SHOP, &features(NAMESPACE, "x"))]).await;
    story.until_said(first.after.as_deref(), "valid").await;
    story.until_commented(number, "banner").await;
    story.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_the_two_can_be_switched_off() {
    let (story, _, number) = with_one(Plan::of(Sender::Gitea).scm(", report: {status: false}")).await;
    story.until_commented(number, "banner").await;
    assert_eq!(story.asked("POST", "statuses"), 0);
    story.world.end().await;
    let (story, _, number) = with_one(Plan::of(Sender::Gitea).scm(", report: {comment: false}")).await;
    let head = story.scm.world(|plain| plain.proposal(number).unwrap().head_commit.clone());
    story.until_said(Some(&head), "valid").await;
    assert_eq!(story.asked("GET", "comments") + story.asked("POST", "comments"), 0);
    story.world.end().await;
}
