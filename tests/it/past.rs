//! Stories of the past: what became of a flag, the way back, and the record of who did what.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World};

const FLAG: &str = "/api/v2/environments/production/namespaces/shop/resources/flipt.core.Flag/checkout";

/// A file of two flags.
fn two(checkout: Option<(bool, &str)>, other: &str) -> String {
    let head = "version: \"1.6\"\nnamespace: shop\nflags:\n";
    let flag = |key: &str, enabled: bool, text: &str| {
        format!(
            "  - key: {key}\n    name: {key}\n    description: {text}\n    type: BOOLEAN_FLAG_TYPE\n    enabled: {enabled}\n"
        )
    };
    let checkout = checkout.map_or_else(String::new, |(enabled, text)| flag("checkout", enabled, text));
    format!("{head}{checkout}{}", flag("other", true, other))
}

async fn get(world: &World, path: &str) -> (u16, Value) {
    let answer = world.outside.get(path).await.unwrap();
    (answer.status, answer.json())
}

async fn told(world: &World, path: &str) -> Value {
    let (status, body) = get(world, path).await;
    assert_eq!(status, 200, "{path}: {body:#}");
    body
}

fn texts<'v>(entries: &'v Value, field: &str) -> Vec<&'v str> {
    entries["entries"].as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_flag_and_the_way_back() {
    let world = Plan::of(Sender::Github).start().await;
    let made = world.push(&[(SHOP, &two(Some((false, "new")), "a"))]).await.after.unwrap();
    world.push(&[(SHOP, &two(Some((false, "new")), "b"))]).await;
    let enabled = world.push(&[(SHOP, &two(Some((true, "new")), "b"))]).await.after.unwrap();
    // The file is renamed, and nothing in it changes.
    let text = two(Some((true, "new")), "b");
    world.change("main", &[(SHOP, None), ("shop/features.yml", Some(text.as_bytes()))]);
    let told_later = world.push(&[("shop/features.yml", &two(Some((true, "told")), "c"))]).await.after.unwrap();

    let history = told(&world, &format!("{FLAG}/history")).await;
    assert_eq!(texts(&history, "commit"), [&told_later, &enabled, &made], "{history:#}");
    assert_eq!(texts(&history, "verb"), ["update", "update", "create"]);
    assert_eq!(history["entries"][0]["fields"], json!(["description"]));
    assert_eq!(history["entries"][1]["fields"], json!(["enabled"]));
    assert_eq!(history["entries"][2]["payload"]["enabled"], false);
    assert_eq!(history["next"], Value::Null);

    // In pages of one.
    let mut seen = Vec::new();
    let mut from = String::new();
    loop {
        let page = told(&world, &format!("{FLAG}/history?limit=1{from}")).await;
        seen.extend(texts(&page, "commit").into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert_eq!(seen, [told_later.clone(), enabled.clone(), made.clone()]);

    let then = told(&world, &format!("{FLAG}?at={made}")).await;
    assert_eq!((&then["resource"]["payload"]["enabled"], &then["revision"]), (&json!(false), &json!(made)));
    let unknown = "0123456789".repeat(4);
    assert_eq!(get(&world, &format!("{FLAG}?at={unknown}")).await.0, 404);
    assert_eq!(get(&world, &format!("{FLAG}?at=main")).await.0, 404);
    assert_eq!(get(&world, &format!("{FLAG}/history?from={unknown}")).await.0, 400);
    assert_eq!(get(&world, &FLAG.replace("checkout", "nothing/history")).await.0, 404);

    // What enabling it did is undone, and what was told of it since is kept.
    let post = async |body: Value| {
        let answer = world.outside.post(&format!("{FLAG}/revert"), &body).await.unwrap();
        (answer.status, answer.json())
    };
    let (status, undone) = post(json!({ "commit": enabled, "dryRun": true })).await;
    assert_eq!(status, 200, "{undone:#}");
    let payload = &undone["resources"][0]["payload"];
    assert_eq!((&payload["enabled"], &payload["description"]), (&json!(false), &json!("told")), "{undone:#}");
    assert!(undone["textDiff"].as_str().unwrap().contains("-    enabled: true\n+    enabled: false\n"), "{undone:#}");
    let (status, back) = post(json!({ "to": made, "dryRun": true })).await;
    assert_eq!((status, &back["resources"][0]["payload"]["description"]), (200, &json!("new")), "{back:#}");
    // It was made and changed since: making it cannot be undone by itself.
    assert_eq!(post(json!({ "commit": made, "dryRun": true })).await.0, 409);
    for wrong in [json!({}), json!({ "to": made, "commit": made }), json!({ "to": unknown }), json!({ "ot": made })] {
        assert_eq!(post(wrong.clone()).await.0, 400, "{wrong}");
    }

    // It is removed, and can be had back.
    let removed = world.push(&[("shop/features.yml", &two(None, "c"))]).await.after.unwrap();
    let history = told(&world, &format!("{FLAG}/history?limit=2")).await;
    assert_eq!(
        (texts(&history, "commit"), texts(&history, "verb")),
        (vec![&*removed, &*told_later], vec!["delete", "update"])
    );
    assert_eq!(history["entries"][0]["payload"], Value::Null);
    let (status, back) = post(json!({ "commit": removed, "dryRun": true })).await;
    assert_eq!((status, &back["resources"][0]["payload"]["description"]), (200, &json!("told")), "{back:#}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_says_what_was_done_and_what_was_refused_and_survives_a_restart() {
    let plan = Plan::of(Sender::Github).without_webhook();
    let mut world = plan.environment("protected: true").start().await;
    let file = world.path().join("audit.jsonl");
    world.stop_daemon().await;
    world.text = world.text.replace("server:", &format!("audit: {{file: {file:?}}}\nserver:"));
    world.start_daemon().await;
    world.until("it is live", |storage| crate::world::served(storage).is_some()).await;

    let payload =
        json!({ "@type": "flipt.core.Flag", "key": "checkout", "name": "Checkout", "type": "BOOLEAN_FLAG_TYPE" });
    let body = json!({ "key": "checkout", "payload": payload, "message": "try it" });
    let path = format!("/api/v2/environments/{ENVIRONMENT}/namespaces/{NAMESPACE}/resources");
    let answer = world.outside.post(&path, &body).await.unwrap();
    assert_eq!(answer.status, 409, "{}", answer.text());

    let status = world.status().await;
    let shown = crate::world::environment(&status, ENVIRONMENT).unwrap();
    assert_eq!(
        (&shown["protected"], &shown["readOnly"], &shown["lastWrite"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_eq!(
        shown["breakGlass"],
        json!({ "enabled": false, "waiting": 0, "until": null, "since": null, "by": null, "reason": null, "givenUp": [] })
    );

    let audit = told(&world, "/api/v2/audit").await;
    let [event] = audit["events"].as_array().unwrap().as_slice() else { panic!("{audit:#}") };
    assert_eq!((&event["outcome"], &event["refusal"]["code"]), (&json!("refused"), &json!("protected")), "{event:#}");
    assert_eq!((&event["environment"], &event["message"]), (&json!(ENVIRONMENT), &json!("try it")));
    let change = json!({ "verb": "create", "kind": "flag", "namespace": NAMESPACE, "key": "checkout", "before": null, "after": null });
    assert_eq!(event["changes"], json!([change]));
    assert_eq!((&event["by"]["method"], &event["by"]["address"]), (&json!("anonymous"), &json!("127.0.0.1")));
    for (query, found) in
        [("key=checkout&outcome=refused", 1), ("key=other", 0), ("outcome=accepted", 0), ("by=ada", 0)]
    {
        let audit = told(&world, &format!("/api/v2/audit?{query}")).await;
        assert_eq!(audit["events"].as_array().unwrap().len(), found, "{query}");
    }
    assert!(world.metric("yardarm_writes_total", &["outcome=\"refused\"", "reason=\"protected\""]).await > 0.0);
    let before = event.clone();

    world.stop_daemon().await;
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>(),
        std::slice::from_ref(&before)
    );
    world.start_daemon().await;
    assert_eq!(told(&world, "/api/v2/audit").await["events"], json!([before]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_worded_recorded_and_can_be_taken_back() {
    let world = Plan::of(Sender::Github).start().await;
    let template = "version: '1.0'\ntemplates:\n  commit_message: '{{ .Environment.Name }}: {{ index .Changes 0 }}'\n";
    world.push(&[(SHOP, &two(Some((false, "new")), "a")), ("flipt.yaml", template)]).await;
    let mut payload = told(&world, FLAG).await["resource"]["payload"].clone();
    payload["enabled"] = json!(true);
    let resources = FLAG.strip_suffix("/flipt.core.Flag/checkout").unwrap();
    let body = json!({ "key": "checkout", "payload": payload, "coAuthors": ["Bob <bob@example.com>"] });
    let json = [("Content-Type", "application/json")];
    let put = world.outside.send("PUT", resources, &json, body.to_string().into_bytes()).await.unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    let commit = put.json()["revision"].as_str().unwrap().to_owned();
    let git = |arguments: &[&str]| world.forge.repository().git(arguments.iter().copied()).unwrap();
    assert_eq!(git(&["rev-parse", "main"]).trim(), commit);
    let message = git(&["log", "-1", "--format=%an <%ae>%n%B", "main"]);
    let worded = "production: update flag shop/checkout\n\nCo-authored-by: Bob <bob@example.com>";
    assert_eq!(message.trim(), format!("flipt <flipt[bot]@noreply.flipt.io>\n{worded}"));

    let audit = told(&world, "/api/v2/audit?outcome=accepted").await;
    let event = &audit["events"][0];
    assert_eq!((&event["after"], &event["branch"]), (&json!(commit), &json!("main")), "{audit:#}");
    assert!(event["changes"][0]["after"].is_string() && event["before"].is_string(), "{event:#}");
    let status = world.status().await;
    assert!(crate::world::environment(&status, ENVIRONMENT).unwrap()["lastWrite"].is_string(), "{status:#}");
    assert!(world.metric("yardarm_pushes_total", &["result=\"ok\""]).await > 0.0);

    let history = told(&world, &format!("{FLAG}/history?limit=1")).await;
    assert_eq!((texts(&history, "commit"), &history["entries"][0]["fields"]), (vec![&*commit], &json!(["enabled"])));
    let back = world.outside.post(&format!("{FLAG}/revert"), &json!({ "commit": commit })).await.unwrap();
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(told(&world, FLAG).await["resource"]["payload"]["enabled"], false);
    assert_eq!(git(&["diff", &format!("{commit}^"), "main"]), "");
    // Once more changes nothing, and makes no commit.
    let tip = git(&["rev-parse", "main"]);
    let again = world.outside.post(&format!("{FLAG}/revert"), &json!({ "to": tip.trim() })).await;
    assert_eq!(again.unwrap().json()["made"], false);
    world.end().await;
}
