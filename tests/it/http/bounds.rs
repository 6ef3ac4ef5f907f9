//! Bad input, limits, readiness, and the answers that differ from Flipt's on purpose.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use yardarm::config;
use yardarm::http::Settings;
use yardarm::ingest::{Delivery, Outcome, Steps};
use yardarm::limits;
use yardarm::serve::Served;
use yardarm::sync::status;

use super::server::{Server, cors, environment, publish, tokens};
use super::wire;

const FLAGS: &str = r#"
version: "1.6"
flags:
- key: adults
  name: adults
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - segment: {key: adult, value: true}
- key: colour
  name: colour
  enabled: true
  variants:
  - key: red
    default: true
    attachment: {hex: "ATTACHED"}
- key: grey
  name: grey
  variants: [{key: x, default: true}]
segments:
- key: adult
  name: adult
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
"#;

fn server(settings: Settings) -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", FLAGS)]);
    Server::start(vec![main], settings)
}

#[test]
fn native_context_values_are_evaluated() {
    let server = server(Settings::default());
    for (age, enabled) in
        [("17", false), ("18", true), ("18.5", true), ("\"21\"", true), ("true", false), ("[18]", false)]
    {
        let body = format!(r#"{{"flagKey":"adults","entityId":"e","context":{{"age":{age}}}}}"#);
        assert_eq!(server.post("/evaluate/v1/boolean", &body).json()["enabled"], enabled, "{age}");
        let body = format!(r#"{{"context":{{"targetingKey":5,"age":{age}}}}}"#);
        assert_eq!(server.post("/ofrep/v1/evaluate/flags/adults", &body).json()["value"], enabled, "{age}");
    }
}

#[test]
fn the_tag_of_a_bulk_answer_moves_with_any_answer() {
    let server = server(Settings::default());
    let tag = |body: &str| server.post("/ofrep/v1/evaluate/flags", body).header("etag").unwrap();
    let minor = tag(r#"{"context":{"age":1}}"#);
    assert_eq!(tag(r#"{"context":{"age":2}}"#), minor);
    assert_eq!(tag(""), minor, "no targeting key is a defined entity");
    let adult = tag(r#"{"context":{"age":18}}"#);
    assert_ne!(adult, minor);
    publish(&server.environment("main"), &[("default/features.yaml", &FLAGS.replace("ATTACHED", "changed"))]);
    assert_ne!(tag(r#"{"context":{"age":1}}"#), minor, "an attachment is part of the answer");
    let known = [("If-None-Match", adult.as_str())];
    let again =
        server.send("POST", "/ofrep/v1/evaluate/flags?flagConfigEtag=x", &known, Some(r#"{"context":{"age":18}}"#));
    assert_eq!(again.status, 200, "the attachment changed for adults too");
}

#[test]
fn a_bulk_evaluation_names_its_flags_as_text_or_as_a_list_and_keeps_its_failures_apart() {
    let server = server(Settings::default());
    for flags in [r#""grey,nope""#, r#"["grey","nope"]"#] {
        let answer = server.post("/ofrep/v1/evaluate/flags", &format!(r#"{{"context":{{"flags":{flags}}}}}"#)).json();
        assert_eq!(answer["flags"][0]["reason"], "DISABLED");
        assert_eq!(
            answer["flags"][1],
            json!({"key": "nope", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "flag was not found nope"})
        );
    }
    let keys: Vec<_> = server.post("/ofrep/v1/evaluate/flags", "").json()["flags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| flag["key"].clone())
        .collect();
    assert_eq!(keys, ["adults", "colour"], "variant flags that are off are left out");
}

#[test]
fn a_list_of_flags_tells_what_published_clients_require() {
    let server = server(Settings::default());
    let answer = server.get("/api/v1/namespaces/default/flags?limit=1&pageToken=1").json();
    let flag = &answer["flags"][0];
    assert_eq!((&flag["key"], &flag["namespaceKey"]), (&json!("colour"), &json!("default")));
    for field in ["createdAt", "updatedAt"] {
        flag[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    assert_eq!((&answer["nextPageToken"], &answer["totalCount"]), (&json!("2"), &json!(3)));
}

#[test]
fn large_requests_are_answered_and_too_large_ones_refused() {
    let server = server(Settings::default());
    let wide: Vec<String> = (0..10_000).map(|n| format!("\"key-{n}\":\"{}\"", "v".repeat(100))).collect();
    let wide = wide.join(",");
    let body = format!(r#"{{"flagKey":"adults","entityId":"e","context":{{{wide},"age":"20"}}}}"#);
    assert_eq!(server.post("/evaluate/v1/boolean", &body).json()["enabled"], true);
    let items =
        |n: usize| format!(r#"{{"requests":[{}{{"flagKey":"adults"}}]}}"#, r#"{"flagKey":"adults"},"#.repeat(n - 1));
    let full = server.post("/evaluate/v1/batch", &items(limits::BATCH_ITEMS));
    assert_eq!(full.json()["responses"].as_array().unwrap().len(), limits::BATCH_ITEMS);
    let over = server.post("/evaluate/v1/batch", &items(limits::BATCH_ITEMS + 1));
    assert_eq!((over.status, &over.json()["code"]), (400, &json!(3)));
    let huge = format!(r#"{{"entityId":"{}"}}"#, "a".repeat(limits::EVALUATION_BODY_BYTES));
    for path in ["/evaluate/v1/boolean", "/ofrep/v1/evaluate/flags"] {
        // The answer may be lost when the rest of the body meets a closed connection.
        let status = server.post(path, &huge).status;
        assert!(matches!(status, 413 | 0), "{status}");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_declared_length_is_judged_before_the_body_comes_and_chunks_as_they_come() {
    let server = server(Settings::default());
    let mut declared = TcpStream::connect(server.address).unwrap();
    declared.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    write!(declared, "POST /evaluate/v1/variant HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n{{").unwrap();
    let mut answer = [0; 12];
    declared.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    for head in ["POST /evaluate/v1/variant", "GET /health", "POST /nope", "DELETE /evaluate/v1/batch"] {
        let mut endless = TcpStream::connect(server.address).unwrap();
        endless.set_read_timeout(Some(wire::DEADLINE)).unwrap();
        write!(endless, "{head} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
        let deadline = std::time::Instant::now() + wire::DEADLINE;
        while endless.write_all(chunk.as_bytes()).is_ok() {
            assert!(std::time::Instant::now() < deadline, "nobody stopped {head}");
        }
    }
    let mut whole = TcpStream::connect(server.address).unwrap();
    whole.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    for _ in 0..2 {
        write!(whole, "POST /evaluate/v1/batch HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
            .unwrap();
        let mut answer = [0; 15];
        whole.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK", "a body that was read keeps its connection");
        let mut rest = Vec::new();
        while !rest.ends_with(b"}") {
            let mut byte = [0];
            whole.read_exact(&mut byte).unwrap();
            rest.extend(byte);
        }
    }
}

#[test]
fn nobody_unknown_has_a_body_read() {
    let server = server(Settings { authentication: tokens(false), ..Settings::default() });
    let mut unknown = TcpStream::connect(server.address).unwrap();
    unknown.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    write!(unknown, "POST /evaluate/v1/variant HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n{{").unwrap();
    let mut answer = [0; 12];
    unknown.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    assert_eq!(server.get("/api/v2/storages").status, 401);
    for path in ["/health", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn any_origin_is_not_any_origin_with_credentials() {
    let server = server(Settings { cors: Some(cors("*")), ..Settings::default() });
    let answer = server.send("GET", "/health", &[("Origin", "http://evil.example")], None);
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn a_compressed_snapshot_is_the_same_snapshot() {
    let server = server(Settings::default());
    let path = "/internal/v1/evaluation/snapshot/namespace/default";
    let plain = server.get(path);
    let packed = server.send("GET", path, &[("Accept-Encoding", "br, gzip")], None);
    assert_eq!(packed.header("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(packed.header("etag"), plain.header("etag"));
    assert!(packed.header("vary").unwrap().contains("Accept-Encoding"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
}

#[test]
fn ready_when_every_configured_environment_has_something_to_serve() {
    let (main, second) = (environment("main", true), environment("second", false));
    publish(&main, &[("default/features.yaml", FLAGS)]);
    let server = Server::start(vec![main, second.clone()], Settings::default());
    let ready = server.get("/ready");
    assert_eq!(ready.status, 503);
    let json = ready.json();
    assert_eq!(
        (&json["ready"], &json["environments"][0]["ready"], &json["environments"][1]["ready"]),
        (&json!(false), &json!(true), &json!(false))
    );
    second.publish(Served { commit: Some("abc".into()), ..Served::default() });
    assert_eq!(server.get("/ready").status, 200);
    server.state.draining.store(true, std::sync::atomic::Ordering::Release);
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(server.get("/health").status, 200, "alive until the end");
}

#[test]
fn a_listener_for_webhooks_has_nothing_else_and_the_main_one_then_has_none() {
    let listener = config::Listener { host: "127.0.0.1".to_owned(), port: 0 };
    let server = Server::with_webhook_listener(vec![environment("main", true)], Settings::default(), Some(listener));
    let webhooks = server.listening.as_ref().unwrap().webhook_address().unwrap();
    let status = |to, path| wire::send(to, "POST", path, &[], Some(b"{}")).status;
    for path in ["/webhooks/flags", "/api/v2/webhooks/main"] {
        // An endpoint that does not exist is told apart from a path that does not by its empty body.
        assert_eq!(wire::send(webhooks, "POST", path, &[], Some(b"{}")).text(), "");
        assert_eq!(server.post(path, "{}").json()["code"], 5);
    }
    for path in ["/evaluate/v1/boolean", "/health", "/metrics", "/api/v2/storages"] {
        assert_eq!(status(webhooks, path), 404, "{path}");
    }
}

#[test]
fn deliveries_are_listed_newest_first() {
    let server = server(Settings::default());
    server.state.board.set(vec![status::Storage::new("flags".into(), None, "main".into())]);
    let delivery = |id: &str| Delivery {
        id: id.into(),
        storage: "flags".into(),
        provider: "gitea",
        delivery_id: Some(format!("g-{id}")),
        event: Some("push".to_owned()),
        received: jiff::Timestamp::UNIX_EPOCH,
        verified: Some("hmac-sha256"),
        outcome: Outcome::Accepted,
        status: 202,
        detail: String::new(),
        commit: None,
        steps: Steps::default(),
        error: None,
    };
    server.state.deliveries.push(delivery("one"));
    server.state.deliveries.push(delivery("two"));
    let list = server.get("/api/v2/storages/flags/deliveries").json();
    assert_eq!((&list["deliveries"][0]["id"], &list["deliveries"][1]["deliveryId"]), (&json!("two"), &json!("g-one")));
    let one = server.get("/api/v2/storages/flags/deliveries?limit=1").json();
    assert_eq!(one["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/api/v2/storages/flags/deliveries?limit=x").status, 400);
    assert_eq!(server.get("/api/v2/storages/nope/deliveries").status, 404);
}

#[test]
fn storages_tell_what_they_do() {
    let server = server(Settings::default());
    server.state.board.set(vec![status::Storage::new(
        "flags".into(),
        Some("https://git.example/f.git".into()),
        "main".into(),
    )]);
    assert_eq!(server.get("/api/v2/storages").json()["storages"][0]["name"], "flags");
    let one = server.get("/api/v2/storages/flags").json();
    assert_eq!((&one["mode"], &one["stalenessSeconds"]), (&json!("poll"), &json!(null)));
    assert_eq!(server.get("/api/v2/storages/nope").status, 404);

    // Served from the disk, and the worker has not told of it yet.
    let ready = || server.get("/ready").json()["environments"][0].clone();
    let (name, storage) =
        (ready()["name"].as_str().unwrap().to_owned(), ready()["storage"].as_str().unwrap().to_owned());
    assert_eq!((&*storage, ready()["fromDisk"].clone()), ("flags", json!(true)));
    server.state.board.update("flags", |storage| {
        storage.environments.push(status::Environment {
            name: name.into(),
            base: None,
            commit: Some("c0ffee".into()),
            from_disk: false,
            since: None,
            namespaces: vec![("shop".into(), 12), ("default".into(), 1)],
            held: Vec::new(),
            problems: Vec::new(),
        });
    });
    assert_eq!(ready()["fromDisk"], false);
    let one = server.get("/api/v2/storages/flags").json();
    assert_eq!(one["environments"][0]["namespaces"], json!({"shop": 12, "default": 1}));
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains("yardarm_storage_failing{storage=\"flags\"} 0\n"), "{}", metrics.text());
    assert!(metrics.text().ends_with("# EOF\n"));
}
