//! The whole way, at every provider: what a person does and what the daemon knows of it.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::provider::{Story, nothing};
use crate::scm::plain::Verdict;
use crate::world::{ENVIRONMENT, NAMESPACE, SHOP, features};

/// Every story at every provider, a test each.
macro_rules! everywhere {
    ($($sender:ident: $name:ident,)*) => {
        $(mod $name {
            use yardarm::demo::dialect::Sender;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn from_the_first_request_to_live() {
                super::whole_way(Sender::$sender).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn closed_and_opened_again() {
                super::closed_and_opened_again(Sender::$sender).await;
            }
        })*

        #[test]
        fn nobody_is_left_out() {
            assert_eq!([$(Sender::$sender,)*], Sender::ALL);
        }
    };
}

everywhere! {
    Github: github,
    GithubEnterprise: github_enterprise,
    GitlabSigned: gitlab,
    GitlabToken: gitlab_token,
    BitbucketCloud: bitbucket_cloud,
    BitbucketDataCenter: bitbucket_data_center,
    Azure: azure,
    Gitea: gitea,
    Forgejo: forgejo,
}

async fn whole_way(sender: Sender) {
    let story = Story::start(sender).await;
    let first = story.branch("discount", &[(SHOP, &features(NAMESPACE, "cheaper"))]).await;

    // Opened, by whoever asks first.
    let answer = story.propose("discount", &json!({ "title": "Cheaper", "body": "For a week." })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!((told["state"].as_str(), told["joined"].as_bool()), (Some("PROPOSAL_STATE_OPEN"), Some(false)));
    let (id, number) = (told["id"].as_str().unwrap().to_owned(), told["number"].as_u64().unwrap());
    story.tell().await;
    // Also where the provider abbreviates commits, all of the head is known here.
    let known =
        |p: &Value| p["ahead"] == 1 && !p["changes"].is_null() && p["headCommit"].as_str() == first.after.as_deref();
    let open = story.until(&id, "its head, how far it is, and what it changes", known).await;
    assert_eq!((open["title"].as_str(), open["body"].as_str()), (Some("Cheaper"), Some("For a week.")));
    assert_eq!(open["number"], number);
    assert!(open["url"].as_str().is_some_and(|url| url.starts_with("http") && url.contains("flags")), "{open:#}");
    let body = story.scm.world(|plain| plain.proposal(number).unwrap().body.clone());
    assert!(body.contains("For a week.") && body.contains(&id), "the marker: {body}");

    // Whoever asks next joins.
    let again = story.propose("discount", &nothing()).await.json();
    assert_eq!((again["id"].as_str(), again["joined"].as_bool()), (Some(&*id), Some(true)), "{again:#}");
    assert_eq!(story.scm.world(|plain| plain.proposals.len()), 1);

    // What it changes is said there, once.
    story.until_said(first.after.as_deref(), "valid: 1 flag changed").await;
    let comment = story.until_commented(number, "#### Namespace `shop`").await;
    assert!(comment.contains(&id), "{comment}");

    // Somebody approves.
    story.scm.world(|plain| plain.review(number, "rosa", Verdict::Approved)).unwrap();
    story.tell().await;
    let approved = |p: &Value| p["reviews"]["approvedBy"] == json!(["rosa"]) && p["stale"] == false;
    story.until(&id, "the approval", approved).await;

    // Whoever reads us asks nothing of the provider.
    let asked = story.scm.exchanges().len();
    for path in ["/api/v2/proposals".to_owned(), format!("/api/v2/environments/{ENVIRONMENT}/branches")] {
        story.get(&path).await;
    }
    story.proposal(&id).await;
    assert_eq!(story.scm.exchanges().len(), asked);

    // Merged there, and live here.
    let merged = story.merge(number, "merge").await;
    let live = story.until_state(&id, "live").await;
    assert_eq!(live["live"]["commit"].as_str(), Some(&*merged));
    assert!(live["mergeCommit"].as_str().is_some_and(|told| told.len() > 11 && merged.starts_with(told)), "{live:#}");
    assert_eq!(story.world.banner(ENVIRONMENT, NAMESPACE).await, "cheaper");
    story.world.until("the branch is gone", |storage| crate::world::environment(storage, "discount").is_none()).await;
    assert_eq!(story.world.forge.repository().tip("flipt/production/discount").unwrap(), None);
    let steps: Vec<&str> =
        live["history"].as_array().unwrap().iter().filter_map(|step| step["what"].as_str()).collect();
    let told = [
        format!("opened as #{number}"),
        "approved by rosa".to_owned(),
        "merged as ".to_owned(),
        "live with ".to_owned(),
    ];
    for wanted in told {
        assert!(steps.iter().any(|step| step.starts_with(&*wanted)), "no {wanted:?}: {steps:?}");
    }
    story.world.end().await;
}

/// Where nothing that was closed can be opened again, another one takes its place.
async fn closed_and_opened_again(sender: Sender) {
    let story = Story::start(sender).await;
    story.branch("a", &[(SHOP, &features(NAMESPACE, "a"))]).await;
    let told = story.propose("a", &json!({ "title": "Cheaper" })).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    let (id, number) = (told["id"].as_str().unwrap().to_owned(), told["number"].as_u64().unwrap());
    story.tell().await;
    // Closed by somebody there.
    story.until(&id, "it is read", |p| p["ahead"] == 1 && p["stale"] == false).await;
    story.scm.world(|plain| plain.close(number)).unwrap();
    story.tell().await;
    story.until_state(&id, "closed").await;

    let answer = story.post(&format!("/api/v2/proposals/{id}/reopen"), &nothing()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let now = answer.json();
    let (id_now, number_now) = (now["id"].as_str().unwrap().to_owned(), now["number"].as_u64().unwrap());
    assert_eq!(now["state"], "open", "{now:#}");
    story.tell().await;
    if sender == Sender::BitbucketCloud {
        assert!(id_now != id && number_now != number, "{now:#}");
        let before = story.until(&id, "who took its place", |p| p["succeededBy"].as_str() == Some(&*id_now)).await;
        assert_eq!(before["state"], "closed");
    } else {
        assert_eq!((&*id_now, number_now), (&*id, number), "{now:#}");
    }
    let open = story.until(&id_now, "it is read", |p| p["ahead"] == 1 && p["stale"] == false).await;
    assert_eq!((open["state"].as_str(), open["title"].as_str()), (Some("open"), Some("Cheaper")), "{open:#}");
    let again = story.propose("a", &nothing()).await.json();
    assert_eq!((again["id"].as_str(), again["joined"].as_bool()), (Some(&*id_now), Some(true)), "{again:#}");
    story.merge(number_now, "merge").await;
    story.until_state(&id_now, "live").await;
    story.world.end().await;
}
