//! Bodies of evaluation requests that nobody would send: every member of every kind of request missing, null, of a
//! wrong type, huge, deeply nested, and every way to break the text. Each has an answer of its protocol's form.

use serde_json::{Value, json};
use yardarm::http::Settings;

use super::server::{Server, environment, publish};
use super::wire::{self, Answer};
use crate::webhooks_hostile::{MARK, find, paths, remove};

const FLAGS: &str = r#"
version: "1.6"
flags:
- key: on
  name: on
  type: BOOLEAN_FLAG_TYPE
  enabled: true
  rollouts:
  - segment: {key: adult, value: false}
  - threshold: {percentage: 50, value: true}
- key: colour
  name: colour
  enabled: true
  variants:
  - {key: red, attachment: {a: [1]}}
  - {key: blue, default: true}
  rules:
  - segment: adult
    distributions: [{variant: red, rollout: 100}]
segments:
- key: adult
  name: adult
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
"#;

fn server() -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", FLAGS)]);
    Server::start(vec![main], Settings::default())
}

/// Every kind of request, with every member that is looked at.
fn requests() -> Vec<(&'static str, Value)> {
    let context = json!({"age": "20", "plan": "gold", "n": 1, "list": [1, {"a": null}]});
    let one = |flag: &str| {
        json!({
            "requestId": "r", "environmentKey": "main", "namespaceKey": "default", "flagKey": flag, "entityId": "e",
            "context": context, "reference": "x",
        })
    };
    let of_ofrep = json!({"context": {"targetingKey": "e", "age": 20, "flags": ["on", "colour"], "o": {"p": [true]}}});
    vec![
        ("/evaluate/v1/boolean", one("on")),
        ("/evaluate/v1/variant", one("colour")),
        ("/api/v2/explain", one("colour")),
        ("/evaluate/v1/batch", json!({"requestId": "b", "requests": [one("on"), one("colour"), one("none")]})),
        ("/ofrep/v1/evaluate/flags/colour", of_ofrep.clone()),
        ("/ofrep/v1/evaluate/flags", of_ofrep),
    ]
}

fn replacements() -> Vec<String> {
    let deep = |open: &str, close: &str| open.repeat(10_000) + "1" + &close.repeat(10_000);
    let plain = [
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{1b}[31m\u{202e}"),
        json!([]),
        json!({}),
        json!([[], null, {"k": [0]}]),
        json!("x".repeat(100_000)),
    ];
    let odd = ["null", "1e400", "-0.0", "123456789012345678901234567890", r#""\ud800""#].map(str::to_owned);
    let deep = [deep("[", "]"), deep("{\"a\":", "}")];
    plain.iter().map(Value::to_string).chain(odd).chain(deep).collect()
}

/// An answer is one of the protocol's: a result, or an error that says what is wrong.
fn check(path: &str, answer: &Answer, what: &str) {
    assert!(matches!(answer.status, 200 | 400 | 404), "{path} {}: {what}", answer.status);
    let json = answer.json();
    let told = if path.starts_with("/ofrep") && answer.status != 200 {
        json["errorCode"].is_string() || json["errorDetails"].is_string()
    } else if answer.status == 200 {
        json.is_object()
    } else {
        json["code"].is_number() && json["message"].as_str().is_some_and(|text| !text.is_empty())
    };
    assert!(told, "{path} {}: {what}\n{json}", answer.status);
    assert!(answer.body.len() < 1_000_000, "{path}: {} bytes: {what}", answer.body.len());
}

#[test]
fn every_member_of_every_request() {
    let server = server();
    let post = |path: &str, body: &str| wire::send(server.address, "POST", path, &[], Some(body.as_bytes()));
    let replacements = replacements();
    for (path, value) in requests() {
        let whole = post(path, &value.to_string());
        assert_eq!(whole.status, 200, "{path}: {}", whole.text());
        let mut all = Vec::new();
        paths(&value, &mut Vec::new(), &mut all, usize::MAX);
        for at in all {
            let mut changed = value.clone();
            *find(&mut changed, &at) = json!(MARK);
            let text = changed.to_string();
            let (before, after) = text.split_once(&format!("{MARK:?}")).unwrap();
            for replacement in &replacements {
                let shown = replacement.get(..40).unwrap_or(replacement);
                let answer = post(path, &[before, replacement, after].concat());
                check(path, &answer, &format!("{at:?} is {shown}"));
            }
            remove(&mut changed, &at);
            check(path, &post(path, &changed.to_string()), &format!("{at:?} is missing"));
        }
        // The last request is answered as the first.
        assert_eq!(post(path, &value.to_string()).status, 200);
    }
}

#[test]
fn every_way_to_break_the_text() {
    let server = server();
    let post = |path: &str, body: &[u8]| wire::send(server.address, "POST", path, &[], Some(body));
    for (path, value) in requests() {
        let text = value.to_string();
        // Cut anywhere.
        for end in (1..text.len()).step_by(7) {
            let answer = post(path, &text.as_bytes()[..end]);
            assert_eq!(answer.status, 400, "{path}: {}", &text[..end]);
            check(path, &answer, "cut");
        }
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec();
        let unclosed = b"[".repeat(200_000);
        for body in [utf16, bom, gzip, unclosed, b"\0".repeat(100), b"flagKey=on&entityId=e".to_vec(), b"<a/>".to_vec()]
        {
            let answer = post(path, &body);
            assert_eq!(answer.status, 400, "{path}: {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
            check(path, &answer, "no JSON");
        }
        let crlf = serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n");
        assert_eq!(post(path, crlf.as_bytes()).status, 200, "{path}");
    }
    for (path, _) in requests() {
        for method in ["GET", "PUT", "DELETE", "PATCH", "HEAD"] {
            let status = wire::send(server.address, method, path, &[], None).status;
            assert!(matches!(status, 404 | 405 | 501), "{method} {path}: {status}");
        }
    }
}
