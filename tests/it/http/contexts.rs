//! Contexts, keys, names and headers that nobody would send: an answer of the protocol each, and the server goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use yardarm::http::Settings;
use yardarm::limits;

use super::server::{Server, environment, publish};
use super::wire::{self, Answer};

/// Keys of flags are plain; what a context calls its properties is anybody's choice.
const FLAGS: &str = r#"
version: "1.6"
flags:
- {key: on, name: on, type: BOOLEAN_FLAG_TYPE, enabled: true}
- key: adults
  name: adults
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - segment: {key: adult, value: true}
- key: odd
  name: odd
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - segment: {key: odd, value: true}
segments:
- key: adult
  name: adult
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
- key: odd
  name: odd
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: "a/b ü", operator: eq, value: "ß/\u2603"}
"#;

fn server() -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", FLAGS)]);
    Server::start(vec![main], Settings::default())
}

/// Every way to ask about one flag, with this text as the context.
fn ask(server: &Server, flag: &str, context: &str) -> Vec<(&'static str, Answer)> {
    let one = format!(r#"{{"flagKey":{},"entityId":"e","context":{context}}}"#, json!(flag));
    let path = percent_encoding::utf8_percent_encode(flag, percent_encoding::NON_ALPHANUMERIC);
    let ofrep = format!(r#"{{"context":{context}}}"#);
    vec![
        ("boolean", server.post("/evaluate/v1/boolean", &one)),
        ("batch", server.post("/evaluate/v1/batch", &format!(r#"{{"requests":[{one}]}}"#))),
        ("explain", server.post("/api/v2/explain", &one)),
        ("ofrep", server.post(&format!("/ofrep/v1/evaluate/flags/{path}"), &ofrep)),
        ("bulk", server.post("/ofrep/v1/evaluate/flags", &ofrep)),
    ]
}

/// A mistake of the caller, told in the protocol's words.
fn is_refusal(surface: &str, answer: &Answer) -> bool {
    let body = answer.json();
    let told = match surface {
        "ofrep" | "bulk" => body["errorCode"].is_string() || body["errorDetails"].is_string(),
        _ => body["code"] == 3 && body["message"].as_str().is_some_and(|message| !message.is_empty()),
    };
    answer.status == 400 && told && answer.body.len() < 4_096
}

/// What `adults` is for this context, wherever it is asked; nothing where it is refused everywhere.
fn adult(server: &Server, context: &str) -> Option<bool> {
    let shown = context.get(..80).unwrap_or(context);
    let told = ask(server, "adults", context).into_iter().map(|(surface, answer)| {
        if is_refusal(surface, &answer) {
            return None;
        }
        assert_eq!(answer.status, 200, "{surface}: {shown}: {}", answer.text());
        let body = answer.json();
        let value = match surface {
            "boolean" => &body["enabled"],
            "batch" => &body["responses"][0]["booleanResponse"]["enabled"],
            "explain" => &body["explanation"]["answer"]["enabled"],
            "ofrep" => &body["value"],
            _ => &body["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == "adults").unwrap()["value"],
        };
        Some(value.as_bool().unwrap_or_else(|| panic!("{surface}: {shown}: {body}")))
    });
    let told: Vec<_> = told.collect();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{shown}: {told:?}");
    told[0]
}

#[test]
fn contexts_of_every_size_and_shape() {
    let server = server();
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|n| format!("\"key/{n}\":{n}")).collect();
        format!("{{{},\"age\":20}}", keys.join(","))
    };
    let megabyte = "x".repeat(1 << 20);
    let deep = |levels: usize| format!("{{\"a\":{}1{},\"age\":20}}", "[".repeat(levels), "]".repeat(levels));
    for (context, told) in [
        ("{}".to_owned(), Some(false)),
        (format!("{{\"pad\":\"{megabyte}\",\"age\":20}}"), Some(true)),
        (format!("{{\"{megabyte}\":1,\"age\":20}}"), Some(true)),
        (format!("{{\"age\":\"{megabyte}\"}}"), Some(false)),
        (format!("{{\"age\":20,\"list\":[{}1]}}", "1,".repeat(1 << 19)), Some(true)),
        (keys(10_000), Some(true)),
        (keys(limits::CONTEXT_PROPERTIES - 1), Some(true)),
        (keys(limits::CONTEXT_PROPERTIES + 1), None),
        (keys(100_000), None),
        (deep(100), Some(true)),
        // What nothing looks at is passed over, however deep.
        (deep(100_000), Some(true)),
        (format!("{{\"o\":{}1{},\"age\":20}}", "{\"o\":".repeat(50), "}".repeat(50)), Some(true)),
    ] {
        assert_eq!(adult(&server, &context), told, "{}", context.get(..60).unwrap_or(&context));
    }
    assert_eq!(adult(&server, r#"{"age":20}"#), Some(true), "and it goes on");
}

#[test]
fn numbers_and_texts_at_the_edge() {
    let server = server();
    for (context, told) in [
        (r#"{"age":99999999999999999999}"#, Some(true)),
        (r#"{"age":-99999999999999999999}"#, Some(false)),
        (r#"{"age":123456789012345678901234567890.5}"#, Some(true)),
        (r#"{"age":1e308}"#, Some(true)),
        (r#"{"age":1e-400}"#, Some(false)),
        (r#"{"age":-0.0}"#, Some(false)),
        (r#"{"age":1.8e1}"#, Some(true)),
        (r#"{"age":"\u0000"}"#, Some(false)),
        (r#"{"age":"20\u0000"}"#, Some(false)),
        (r#"{"age":{"n":20}}"#, Some(false)),
        (r#"{"":1,"\u0000":2,"../..":3,"a\r\nX-Evil: 1":4,"\u202eega":5,"age":20}"#, Some(true)),
    ] {
        assert_eq!(adult(&server, context), told, "{context}");
    }
    // Whether a reader takes these is its own matter; it is the same everywhere, and no fault.
    for context in [
        r#"{"age":1e400}"#,
        r#"{"age":-1e400}"#,
        r#"{"age":"\ud800"}"#,
        r#"{"\udc00":1,"age":20}"#,
        r#"{"age":1,"age":20}"#,
        r#"{"age":NaN}"#,
        r#"{"age":01}"#,
        r#"{"age":+1}"#,
        r#"{"age":0x14}"#,
        r#"{"age":20,}"#,
    ] {
        adult(&server, context);
    }
}

#[test]
fn keys_with_slashes_and_letters_of_all_languages() {
    let server = server();
    for (surface, answer) in ask(&server, "odd", r#"{"a/b ü":"ß/☃"}"#) {
        assert!(answer.status == 200 && answer.text().contains("true"), "{surface}: {}", answer.text());
    }
    for key in
        ["no/such", "..", "../../etc/passwd", "\u{0}", "ü\u{202e}", "a\r\nX-Evil: 1", " ", "%2F", &"k".repeat(4_000)]
    {
        for (surface, answer) in ask(&server, key, "{}").into_iter().filter(|(surface, _)| *surface != "bulk") {
            // A batch tells of an unknown flag beside the answers to the others.
            let statuses: &[u16] = if surface == "batch" { &[200, 404] } else { &[404, 400] };
            assert!(statuses.contains(&answer.status), "{surface} {key:?}: {} {}", answer.status, answer.text());
            assert!(answer.header("x-evil").is_none(), "{surface} {key:?}");
            let _: Value = answer.json();
        }
    }
    for path in ["%ff", "%", "%2", "%00", "%c3%28", "a%2Fb%2F", "%2e%2e%2f"] {
        let answer = server.post(&format!("/ofrep/v1/evaluate/flags/{path}"), "{}");
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(answer.json()["errorCode"].is_string(), "{path}: {}", answer.text());
    }
}

#[test]
fn names_that_there_are_not_on_every_surface() {
    let server = server();
    let evaluate = |name: &str| json!({"flagKey": "on", "entityId": "e", "namespaceKey": name}).to_string();
    let odd = ["nope", "../main", "MAIN", "main\u{0}", "ü", " ", "%00", "a\r\nX-Evil: 1", &"n".repeat(3_000)];
    for name in odd {
        let path = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string();
        for (method, path, body) in [
            ("POST", "/evaluate/v1/boolean".to_owned(), Some(evaluate(name))),
            ("POST", "/evaluate/v1/variant".to_owned(), Some(evaluate(name))),
            ("GET", format!("/internal/v1/evaluation/snapshot/namespace/{path}"), None),
            ("GET", format!("/client/v2/environments/main/namespaces/{path}/snapshot"), None),
            ("GET", format!("/api/v1/namespaces/{path}/flags"), None),
            ("GET", format!("/api/v2/storages/{path}"), None),
            ("GET", format!("/api/v2/storages/{path}/deliveries"), None),
            ("POST", format!("/webhooks/{path}"), Some("{}".to_owned())),
        ] {
            let answer = server.send(method, &path, &[], body.as_deref());
            assert!(matches!(answer.status, 400 | 404), "{method} {path}: {} {}", answer.status, answer.text());
            assert!(answer.header("x-evil").is_none() && answer.body.len() < 16 * 1024, "{method} {path}");
        }
    }
    for name in ["nope", "../main", "MAIN", "%00", &"n".repeat(3_000)] {
        let header = [("X-Flipt-Environment", name)];
        let surfaces = [
            ("POST", "/evaluate/v1/boolean", Some(r#"{"flagKey":"on","entityId":"e"}"#)),
            ("GET", "/internal/v1/evaluation/snapshot/namespace/default", None),
            ("POST", "/ofrep/v1/evaluate/flags/on", Some("{}")),
            ("POST", "/ofrep/v1/evaluate/flags", Some("{}")),
            ("GET", "/api/v1/namespaces/default/flags", None),
        ];
        for (method, path, body) in surfaces {
            let answer = server.send(method, path, &header, body);
            assert!(matches!(answer.status, 400 | 404), "{path}: {name}: {}", answer.status);
            let _: Value = answer.json();
        }
    }
}

#[test]
fn headers_that_are_none_or_far_too_many() {
    let server = server();
    let raw = |head: &[u8]| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(wire::DEADLINE)).unwrap();
        let _ = stream.write_all(head);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let request = |line: &[u8]| {
        [
            &b"GET /internal/v1/evaluation/snapshot/namespace/default HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"[..],
            line,
            b"\r\n\r\n",
        ]
        .concat()
    };
    for line in [
        &b"X-Flipt-Environment: a\rX-Evil: 1"[..],
        b"X-Flipt-Environment: a\0b",
        b"X-Flipt-Environment : main",
        b"X Y: z",
        b": nameless",
        b"Authorization: Bearer \x01\x02",
    ] {
        let answer = raw(&request(line));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{line:?}: {answer}");
    }
    // Bytes beyond ASCII are allowed in a value. They name an environment that there is not, never the default one.
    for name in [&b"\xff\xfe"[..], "\u{e4}".as_bytes(), b"\xc3"] {
        let answer = raw(&request(&[b"X-Flipt-Environment: ", name].concat()));
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    }
    let large = "x".repeat(100 * 1024);
    for (name, value) in [
        ("Authorization", format!("Bearer {large}")),
        ("Authorization", format!("JWT eyJ{large}.a.b")),
        ("Cookie", format!("flipt_client_token={large}")),
        ("If-None-Match", format!("\"{large}\"")),
        ("X-Flipt-Environment", large.clone()),
    ] {
        let header = [(name, value.as_str())];
        let answer = server.send("GET", "/internal/v1/evaluation/snapshot/namespace/default", &header, None);
        assert!(matches!(answer.status, 200 | 400 | 404 | 431), "{name}: {}", answer.status);
        assert!(answer.body.len() < 16 * 1024, "{name}: {} bytes come back", answer.body.len());
    }
    let answer = raw(&request(format!("X-Long: {}", "y".repeat(8 << 20)).as_bytes()));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{}", answer.get(..80).unwrap_or(&answer));
    assert_eq!(server.get("/health").status, 200);
}
