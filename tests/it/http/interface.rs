//! What Flipt's web interface asks, call by call, with the payloads that it sends: what a resource was read as goes back
//! with fields that only the interface knows, and every list is read anew after each write.

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use super::wire::{self, Answer};
use crate::world::{ENVIRONMENT, Plan, World};

/// A browser with the interface open.
struct Browser<'w> {
    world: &'w World,
}

/// What the interface sends with every call.
const HEADERS: [(&str, &str); 3] =
    [("Content-Type", "application/json"), ("Accept", "application/json"), ("Cache-Control", "no-store")];

impl Browser<'_> {
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        wire::send(self.world.daemon().address(), method, path, &HEADERS, body.as_deref())
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, None);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    fn done(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// The names of the environments; as the interface does, those with a base are branches.
    fn environments(&self) -> Vec<(String, Option<String>)> {
        let listed = self.get("/api/v2/environments");
        let listed = listed["environments"].as_array().unwrap().iter().map(|one| {
            assert_eq!(one["key"], one["name"]);
            let base = one["configuration"]["base"].as_str().map(str::to_owned);
            (one["key"].as_str().unwrap().to_owned(), base)
        });
        listed.collect()
    }

    /// The revision of the last answer for an environment, which goes with the next write.
    fn revision(&self, environment: &str) -> String {
        let listed = self.get(&format!("/api/v2/environments/{environment}/namespaces"));
        listed["revision"].as_str().unwrap().to_owned()
    }
}

fn walk(world: &World) {
    let browser = Browser { world };
    // Cold start, in the order in which it is asked.
    let info = browser.get("/meta/info");
    assert_eq!(info["authentication"]["required"], false);
    assert!(info["build"].is_object() && info["ui"].is_object());
    assert_eq!(info["analytics"]["enabled"], true);
    let missing = browser.call("GET", "/api/v2/environments/default/namespaces", None);
    assert_eq!(missing.status, 404, "it is asked for before the environments are known");
    assert!(browser.get("/auth/v1/method")["methods"].is_array());
    let nobody = browser.call("GET", "/auth/v1/self", None);
    assert_eq!((nobody.status, nobody.json()["code"].as_u64()), (501, Some(12)));
    assert_eq!(browser.environments(), [(ENVIRONMENT.to_owned(), None)]);
    let before = browser.get("/api/v2/environments/production/namespaces//resources/flipt.core.Flag");
    assert_eq!(before["resources"], json!([]), "no namespace is chosen yet");

    // A namespace.
    let namespaces = "/api/v2/environments/production/namespaces";
    let (key, name) = ("team-ui", "Team UI");
    let made = json!({ "key": key, "name": name, "description": "d", "protected": false, "revision": browser.revision(ENVIRONMENT) });
    let made = browser.done("POST", namespaces, Some(&made));
    assert_eq!(made["namespace"], json!({ "key": key, "name": name, "description": "d", "protected": false }));
    let listed = browser.get(namespaces);
    assert!(listed["items"].as_array().unwrap().contains(&made["namespace"]));
    assert_eq!(listed["revision"], made["revision"]);
    let renamed =
        json!({ "key": key, "name": "Renamed", "description": "", "protected": false, "revision": listed["revision"] });
    let renamed = browser.done("PUT", namespaces, Some(&renamed));
    assert_eq!(renamed["namespace"]["name"], "Renamed");

    // A segment, then a flag with capitals, extras and absent lists.
    let resources = format!("{namespaces}/{key}/resources");
    let segment = json!({
        "key": "beta", "revision": renamed["revision"],
        "payload": {
            "@type": "flipt.core.Segment", "key": "beta", "name": "Beta", "description": "", "matchType": "ALL_MATCH_TYPE",
            "constraints": [{
                "id": "0", "rank": 0, "type": "STRING_COMPARISON_TYPE", "property": "plan", "operator": "eq",
                "value": "gold", "description": "",
            }],
        },
    });
    let segment = browser.done("POST", &resources, Some(&segment));
    assert!(segment["resource"]["payload"]["constraints"][0].get("id").is_none(), "{segment:#}");
    let flag = json!({
        "key": "Test-Flag", "revision": segment["revision"],
        "payload": {
            "@type": "flipt.core.Flag", "key": "Test-Flag", "name": "Test Flag", "description": "", "type": "VARIANT_FLAG_TYPE",
            "enabled": false, "metadata": { "foo": "bar", "baz": { "boz": "1" } },
            "metadata-key-0": "foo", "metadata-value-0": "bar", "metadata-key-1": "baz",
        },
    });
    let flag = browser.done("POST", &resources, Some(&flag));
    let payload = &flag["resource"]["payload"];
    assert_eq!(payload["variants"], json!([]));
    assert_eq!(payload["metadata"].to_string(), r#"{"baz":{"boz":"1"},"foo":"bar"}"#);
    assert!(!payload.to_string().contains("metadata-key"), "{payload}");

    // An edit, with everything as it was read, ids of the interface, and without a revision.
    let one = format!("{resources}/flipt.core.Flag/Test-Flag");
    let mut edited = browser.get(&one)["resource"]["payload"].clone();
    edited["enabled"] = true.into();
    edited["variants"] = json!([{ "id": "v", "key": "on", "name": "", "description": "", "attachment": { "a": 1 } }]);
    edited["rules"] = json!([{
        "id": "r", "rank": 0, "segments": ["beta"], "segmentOperator": "OR_SEGMENT_OPERATOR",
        "distributions": [{ "id": "x", "rank": 0, "variant": "on", "rollout": 100 }],
    }]);
    edited["defaultVariant"] = "on".into();
    let answer = browser.done("PUT", &resources, Some(&json!({ "key": "Test-Flag", "payload": edited })));
    let stored = browser.get(&one);
    assert_eq!(stored["resource"], answer["resource"]);
    assert_eq!(stored["resource"]["payload"]["rules"][0]["segments"], json!(["beta"]));
    assert!(stored["resource"]["payload"]["rules"][0].get("rank").is_none());

    // The playground, at once.
    let asked = json!({
        "environmentKey": ENVIRONMENT, "namespaceKey": key, "flagKey": "Test-Flag", "entityId": "e",
        "context": { "plan": "gold" },
    });
    assert_eq!(browser.done("POST", "/evaluate/v1/variant", Some(&asked))["variantKey"], "on");

    // A branch: it is listed among the environments from then on.
    let branches = "/api/v2/environments/production/branches";
    let branch = browser.done("POST", branches, Some(&json!({ "key": "copy-here" })));
    assert_eq!(branch["key"], "copy-here");
    let configuration = &branch["configuration"];
    assert_eq!(
        (&configuration["ref"], &configuration["base"]),
        (&"flipt/production/copy-here".into(), &ENVIRONMENT.into())
    );
    let both = [(ENVIRONMENT.to_owned(), None), ("copy-here".to_owned(), Some(ENVIRONMENT.to_owned()))];
    assert_eq!(browser.environments(), both);
    let listed = browser.get(branches);
    assert_eq!(listed["branches"][0]["key"], "copy-here");
    assert_eq!(listed["branches"][0]["environmentKey"], ENVIRONMENT);

    // Copying a flag to another environment: read here, its revision there, the payload as it was read.
    let payload = browser.get(&one)["resource"]["payload"].clone();
    let there = format!("/api/v2/environments/copy-here/namespaces/{key}/resources");
    let again = browser.call(
        "POST",
        &there,
        Some(&json!({ "key": "Test-Flag", "payload": payload, "revision": browser.revision("copy-here") })),
    );
    assert_eq!((again.status, again.json()["code"].as_u64()), (409, Some(6)), "the branch has it already");
    let mut copy = payload.clone();
    copy["key"] = "Copied".into();
    let copied = browser.done(
        "POST",
        &there,
        Some(&json!({ "key": "Copied", "payload": copy, "revision": browser.revision("copy-here") })),
    );
    assert_eq!(copied["resource"]["payload"]["variants"], payload["variants"]);
    let here = browser.call("GET", &format!("{resources}/flipt.core.Flag/Copied"), None);
    assert_eq!(here.status, 404, "the base has nothing of it");
    assert_eq!(browser.get(branches)["branches"][0]["ahead"], 1);
    let commits = browser.get(&format!("{branches}/copy-here/changes"));
    assert_eq!(commits["changes"][0]["message"], format!("create flag {key}/Copied"));
    assert_eq!(commits["changes"][1], serde_json::Value::Null);

    // Everything goes again.
    let revision = browser.revision(ENVIRONMENT);
    let in_use = browser.call("DELETE", &format!("{resources}/flipt.core.Segment/beta?revision={revision}"), None);
    assert_eq!(in_use.status, 400, "{}", in_use.text());
    assert!(in_use.json()["message"].as_str().unwrap().contains("in use"), "{}", in_use.text());
    let gone = browser.done("DELETE", &format!("{one}?revision={revision}"), None);
    let revision = gone["revision"].as_str().unwrap();
    let gone = browser.done("DELETE", &format!("{resources}/flipt.core.Segment/beta?revision={revision}"), None);
    let revision = gone["revision"].as_str().unwrap();
    browser.done("DELETE", &format!("{namespaces}/{key}?revision={revision}"), None);
    assert!(!browser.get(namespaces).to_string().contains(key));
    assert_eq!(browser.done("DELETE", &format!("{branches}/copy-here"), None), json!({}));
    assert_eq!(browser.environments(), both[..1]);
    assert_eq!(browser.get(branches)["branches"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_web_interface_of_flipt_works() {
    let world = Plan::of(Sender::Github).start().await;
    let world = tokio::task::spawn_blocking(move || {
        walk(&world);
        world
    });
    world.await.unwrap().end().await;
}
