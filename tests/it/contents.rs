//! Stories of what is in a commit: bad files, hazards, namespaces that come and go, branch environments.

use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Form;

use crate::world::{DEADLINE, ENVIRONMENT, NAMESPACE, Plan, SHOP, digest, environment, features, served};

const PAYMENTS: &str = "payments/features.yaml";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_holds_its_namespace_and_no_other() {
    let world = Plan::of(Sender::Github).start().await;
    world.push(&[(SHOP, &features(NAMESPACE, "good")), (PAYMENTS, &features("payments", "good"))]).await;
    let client = world.listen(Form::Lines).await;
    let heard = client.first(DEADLINE, |_| true).await.unwrap();

    let bad = "version: \"1.6\"\nnamespace: shop\nflags:\n  - key: banner\n    name: Banner\n    type: NO_SUCH_TYPE\n";
    let pushed = world.push(&[(SHOP, bad), (PAYMENTS, &features("payments", "better"))]).await;
    assert_eq!(world.banner(ENVIRONMENT, "payments").await, "better");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "good");
    let status = world.status().await;
    let production = environment(&status, ENVIRONMENT).unwrap();
    assert_eq!(production["held"], serde_json::json!([NAMESPACE]), "{production:#}");
    let problem = &production["problems"][0];
    assert_eq!((&problem["file"], &problem["severity"]), (&SHOP.into(), &"error".into()), "{production:#}");
    assert_eq!(problem["line"], 6, "{production:#}");
    assert!(problem["keyPath"].as_str().unwrap().contains("flags[0]"), "{production:#}");
    assert!(!problem["help"].as_str().unwrap().is_empty(), "{production:#}");
    let record = world.until_record("it is answered for", |r| r["commit"] == *pushed.after.as_ref().unwrap()).await;
    assert_eq!(record["outcome"], "accepted");

    let text = features(NAMESPACE, "repaired");
    world.push(&[(SHOP, &text)]).await;
    world.heard(&client, &text).await;
    let digests: Vec<_> = client.frames().into_iter().filter_map(|frame| frame.digest).collect();
    assert_eq!(digests, [heard.digest.unwrap(), digest(&text)], "a client heard of the bad file");
    let status = world.status().await;
    let production = environment(&status, ENVIRONMENT).unwrap();
    assert_eq!(production["held"], serde_json::json!([]), "{production:#}");
    assert_eq!(production["problems"], serde_json::json!([]), "{production:#}");
    world.end().await;
}

/// A number that is none: Flipt drops the segment from the rule in silence.
fn hazardous(news: &str) -> String {
    let segment = "  - {key: all, name: All, match_type: ALL_MATCH_TYPE, constraints: [{type: NUMBER_COMPARISON_TYPE, property: age, operator: gt, value: many}]}\n";
    format!("{}    rules: [{{segment: all}}]\nsegments:\n{segment}", features(NAMESPACE, news))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hazard_is_served_and_shown() {
    let world = Plan::of(Sender::Github).start().await;
    world.push(&[(SHOP, &hazardous("with a hazard"))]).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "with a hazard");
    let status = world.status().await;
    let production = environment(&status, ENVIRONMENT).unwrap();
    assert_eq!(production["problems"][0]["severity"], "hazard", "{production:#}");
    assert_eq!(production["held"], serde_json::json!([]), "{production:#}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hazard_is_refused_where_the_operator_says_so() {
    let world = Plan::of(Sender::Github).environment("hazards: refuse").start().await;
    world.push(&[(SHOP, &hazardous("with a hazard"))]).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first");
    let status = world.status().await;
    let production = environment(&status, ENVIRONMENT).unwrap();
    assert_eq!(production["held"], serde_json::json!([NAMESPACE]), "{production:#}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_deleted_is_gone_and_comes_back_to_its_listeners() {
    let world = Plan::of(Sender::Gitea).start().await;
    world.push(&[(PAYMENTS, &features("payments", "here"))]).await;
    let client = world.listen_to(Form::Lines, ENVIRONMENT, "payments").await;
    world.heard(&client, &features("payments", "here")).await;
    let removed = world.remove("main", PAYMENTS);
    world.announce(&removed).await;
    world.live(&removed).await;
    let gone = world.outside.get("/internal/v1/evaluation/snapshot/namespace/payments").await.unwrap();
    assert_eq!(gone.status, 404, "{}", gone.text());
    let text = features("payments", "and back");
    world.push(&[(PAYMENTS, &text)]).await;
    world.heard(&client, &text).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_environment_appears_is_streamed_and_goes() {
    let world = Plan::of(Sender::Forgejo).start().await;
    let branch = format!("flipt/{ENVIRONMENT}/trial");
    world.announce(&world.branch(&branch, "main")).await;
    let status = world.until("it is an environment", |storage| environment(storage, "trial").is_some()).await;
    assert_eq!(environment(&status, "trial").unwrap()["base"], ENVIRONMENT);
    assert_eq!(world.banner("trial", NAMESPACE).await, "first");

    let client = world.listen_to(Form::Lines, "trial", NAMESPACE).await;
    world.heard(&client, &features(NAMESPACE, "first")).await;
    let text = features(NAMESPACE, "on trial");
    world.announce(&world.commit(&branch, &[(SHOP, &text)])).await;
    world.heard(&client, &text).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first", "the trial reached production");

    world.announce(&world.delete_branch(&branch)).await;
    let status = world.until("it is gone", |storage| environment(storage, "trial").is_none()).await;
    assert!(served(&status).is_some() && status["failure"].is_null(), "{status:#}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_environments_directory_counts() {
    let world = Plan::of(Sender::Github).environment("directory: live").forge_only();
    world.commit("main", &[("live/shop/features.yaml", &features(NAMESPACE, "inside"))]);
    let mut world = world;
    world.start_daemon().await;
    world.until("it is live", |storage| served(storage).is_some()).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "inside");
    let client = world.listen(Form::Events).await;
    world.push(&[(SHOP, &features(NAMESPACE, "outside")), ("README.md", "# Flags\n")]).await;
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "inside");
    let text = features(NAMESPACE, "inside again");
    world.push(&[("live/shop/features.yaml", &text)]).await;
    world.heard(&client, &text).await;
    assert_eq!(client.frames().len(), 2, "a client was told of what does not concern it: {:#?}", client.frames());
    world.end().await;
}
