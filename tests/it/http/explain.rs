//! `POST /api/v2/explain`: the answer of the evaluation, and the way to it.

use serde_json::{Value, json};
use yardarm::flags::explain::{Explained, text};
use yardarm::http::Settings;
use yardarm::limits;

use super::server::{Server, environment, of_directory, publish, tokens};

const EXPLAIN: &str = "/api/v2/explain";

const FLAGS: &str = r#"
version: "1.6"
flags:
- key: colour
  name: colour
  enabled: true
  variants:
  - {key: red, attachment: {hex: "f00"}}
  - {key: blue, default: true}
  rules:
  - segment: {keys: [adult, broken], operator: AND_SEGMENT_OPERATOR}
    distributions: [{variant: red, rollout: 100}]
- key: dark
  name: dark
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - threshold: {percentage: 100, value: true}
  - segment: {key: adult, value: false}
segments:
- key: adult
  name: adult
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
- key: broken
  name: broken
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "many"}
"#;

fn server(settings: Settings) -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", FLAGS)]);
    let other = environment("other", false);
    publish(&other, &[("a/features.yaml", "namespace: a\nflags: [{key: x, name: x}]\n")]);
    Server::start(vec![main, other], settings)
}

fn explain(server: &Server, body: &Value) -> Value {
    let answer = server.post(EXPLAIN, &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    answer.json()
}

#[test]
fn it_tells_what_was_compared_with_what() {
    let server = server(Settings::default());
    let told = explain(&server, &json!({"flagKey": "colour", "entityId": "e", "context": {"age": "abc\u{1b}"}}));
    let etag = server.get("/internal/v1/evaluation/snapshot/namespace/default").header("etag").unwrap();
    for (member, value) in
        [("environmentKey", "main"), ("namespaceKey", "default"), ("commit", "c0ffee"), ("digest", &etag)]
    {
        assert_eq!(told[member], value, "{told}");
    }
    let explanation = &told["explanation"];
    assert_eq!(explanation["flagType"], "VARIANT_FLAG_TYPE");
    assert_eq!(explanation["decision"], json!({"by": "default"}));
    assert_eq!(
        explanation["answer"],
        json!({"type": "VARIANT_FLAG_TYPE", "match": false, "reason": "DEFAULT_EVALUATION_REASON", "variantKey": "blue",
               "variantAttachment": "null", "segmentKeys": []})
    );
    let step = &explanation["steps"][0];
    assert_eq!((&step["number"], &step["outcome"]), (&json!(1), &json!("notMatched")));
    let segments = &step["condition"]["segments"];
    assert_eq!(segments[0]["matchType"], "ALL_MATCH_TYPE");
    assert_eq!(
        segments[0]["constraints"],
        json!([{
            "number": 1, "type": "NUMBER_COMPARISON_TYPE", "property": "age", "operator": "gte", "value": "18",
            "seen": {"state": "unparsable", "value": "abc\u{1b}"}, "outcome": "notMatched", "decided": true,
            "why": "\"abc\\u{1b}\" is no number",
        }])
    );
    assert_eq!((&segments[1]["key"], &segments[1]["outcome"]), (&json!("broken"), &json!("leftOut")));
    assert_eq!(step["notes"][0]["code"], "malformed-constraint");
    let read: Explained = serde_json::from_value(told).unwrap();
    assert!(text::render(&read.explanation).contains("no * age gte \"18\""));
}

#[test]
fn it_is_asked_like_an_evaluation() {
    let server = server(Settings::default());
    let decision = |body: Value| explain(&server, &body)["explanation"]["decision"].clone();
    for body in [
        json!({"flagKey": "colour", "context": {"age": 18}}),
        json!({"flag_key": "colour", "entity_id": "e", "namespace_key": "", "context": {"age": "18.5"}, "x": [1]}),
        json!({"flagKey": "colour", "environmentKey": "main", "namespaceKey": "default", "context": {"age": "2e1"}}),
        json!({"flagKey": "colour", "environmentKey": "default", "context": {"age": "0x1p5"}}),
    ] {
        assert_eq!(decision(body.clone()), json!({"by": "rule", "number": 1}), "{body}");
    }
    assert_eq!(decision(json!({"flagKey": "colour", "context": null})), json!({"by": "default"}));
    let told = explain(&server, &json!({"flagKey": "dark", "entityId": "e"}));
    assert_eq!(told["explanation"]["steps"][0]["condition"]["hash"]["input"], json!(["e", "dark"]));
    assert_eq!(told["explanation"]["steps"][1]["outcome"], "notReached");
    let other = r#"{"flagKey":"x","namespaceKey":"a"}"#;
    let by_header = server.send("POST", &format!("{EXPLAIN}/"), &[("X-Flipt-Environment", "other")], Some(other));
    assert_eq!((by_header.status, &by_header.json()["environmentKey"]), (200, &json!("other")));
    let told = explain(&server, &json!({"flagKey": "x", "namespaceKey": "a", "environmentKey": "other"}));
    assert_eq!(told["explanation"]["decision"], json!({"by": "disabled"}));
}

#[test]
fn what_is_not_there_is_an_error() {
    let server = server(Settings::default());
    for (body, message) in [
        (r#"{"flagKey":"nope"}"#, "flag \"default/nope\" not found"),
        ("", "flag \"default\" not found"),
        (r#"{"flagKey":"colour","namespaceKey":"a"}"#, "namespace \"a\" not found"),
        // An evaluation would fall back to the default environment.
        (r#"{"flagKey":"colour","environmentKey":"mian"}"#, "environment: \"mian\" not found"),
    ] {
        let answer = server.post(EXPLAIN, body);
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!(5)), "{body}");
        assert!(answer.json()["message"].as_str().unwrap().contains(message), "{}", answer.text());
    }
    let unknown = server.send("POST", EXPLAIN, &[("X-Flipt-Environment", "x")], Some(r#"{"flagKey":"colour"}"#));
    assert_eq!(unknown.status, 404);
    for body in ["{", "[]", r#"{"flagKey":1}"#, r#"{"flagKey":"colour","context":[]}"#] {
        assert_eq!((server.post(EXPLAIN, body).status, server.get(EXPLAIN).status), (400, 501), "{body}");
    }
    let large = format!(r#"{{"flagKey":"colour","entityId":"{}"}}"#, "e".repeat(limits::EVALUATION_BODY_BYTES));
    assert_eq!(server.post(EXPLAIN, &large).status, 413);
}

#[test]
fn evaluation_without_a_token_does_not_open_it() {
    let settings = Settings { authentication: tokens(true), ..Settings::default() };
    let server = server(settings);
    let body = Some(r#"{"flagKey":"colour"}"#);
    let with = |token: &str| server.send("POST", EXPLAIN, &[("Authorization", token)], body).status;
    assert_eq!(server.send("POST", "/evaluate/v1/variant", &[], body).status, 200);
    assert_eq!((server.send("POST", EXPLAIN, &[], body).status, with("Bearer no")), (401, 401));
    assert_eq!(with("Bearer golden-token"), 200);
}

#[test]
fn a_large_request_has_a_small_answer() {
    let server = server(Settings::default());
    let context: serde_json::Map<String, Value> = (0..10_000)
        .map(|n| (format!("k{n}"), json!("v".repeat(90))))
        .chain([("age".into(), json!("1".repeat(1 << 20)))])
        .collect();
    let answer = server
        .post(EXPLAIN, &json!({"flagKey": "colour", "entityId": "e".repeat(1 << 20), "context": context}).to_string());
    assert!(answer.status == 200 && answer.body.len() < 10_000, "{} {}", answer.status, answer.body.len());
}

#[test]
fn the_example_of_the_page_is_real() {
    let page = crate::evaluate::page();
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", crate::evaluate::blocks(&page, "yaml")[0])]);
    let server = Server::start(vec![main], Settings::default());
    let asked = page.split("`{").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let expected: Value = serde_json::from_str(crate::evaluate::blocks(&page, "json")[0]).unwrap();
    let told = server.post(EXPLAIN, &format!("{{{asked}"));
    assert_eq!(told.json(), expected, "{}", told.text());
}

/// Over the flags that were recorded with a real server, and every segment, rule and rollout of them.
#[test]
fn it_says_what_the_evaluation_says() {
    let server = Server::start(vec![of_directory("main", true, "main")], Settings::default());
    let environment = server.environment("main");
    let state = environment.load();
    let contexts =
        [json!({}), json!({"age": "25", "plan": "gold", "country": "de"}), json!({"email": "a@b", "n": 1.5})];
    let mut seen = 0;
    for (namespace, flags) in &state.flags.namespaces {
        for flag in flags.flags_by_key() {
            for (n, context) in contexts.iter().enumerate() {
                let body = json!({"namespaceKey": &**namespace, "flagKey": &*flag.key, "entityId": format!("e{n}"), "context": context});
                let told = explain(&server, &body);
                let batch = server.post("/evaluate/v1/batch", &json!({"requests": [body]}).to_string()).json();
                let item = &batch["responses"][0];
                let answer = told["explanation"]["answer"].as_object().unwrap();
                let evaluated =
                    if answer["type"] == "BOOLEAN_FLAG_TYPE" { "booleanResponse" } else { "variantResponse" };
                for (member, value) in answer.iter().filter(|(member, _)| *member != "type") {
                    assert_eq!(&item[evaluated][member], value, "{member} of {body}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}
