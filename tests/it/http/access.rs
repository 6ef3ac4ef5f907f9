//! Who may ask what, on every surface: nobody unknown, nothing beyond a scope, and no word about what is behind it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use yardarm::auth::Scopes;
use yardarm::auth::rate::Rate;
use yardarm::auth::tokens::Token;
use yardarm::config;
use yardarm::http::{Authentication, Rates, Settings};

use super::server::{Server, cors, environment, publish, token_of};
use super::wire::{self, Answer};

fn token(name: &str, scopes: &[&str]) -> Token {
    let scopes = Scopes::of(scopes.iter().map(|scope| scope.parse().unwrap()));
    Token { scopes, ..token_of(name, &format!("{name}-token")) }
}

fn settings(required: Option<bool>, tokens: Vec<Token>) -> Settings {
    let config = config::Authentication { required, tokens, ..config::Authentication::default() };
    Settings { authentication: Authentication::from(&config), ..Settings::default() }
}

/// Two environments with two namespaces each, and nothing else; `production` is the default.
fn server(settings: Settings) -> Server {
    let flags = "version: \"1.6\"\nflags:\n- {key: a, name: a, type: BOOLEAN_FLAG_TYPE, enabled: true}\n";
    let environments = ["production", "staging"].map(|name| {
        let environment = environment(name, name == "production");
        let files =
            ["shop", "default"].map(|key| (format!("{key}/features.yaml"), format!("namespace: {key}\n{flags}")));
        publish(&environment, &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
        environment
    });
    Server::start(environments.into(), settings)
}

/// Every surface, asked about one flag of one namespace of one environment.
struct Asked<'a> {
    server: &'a Server,
    token: Option<&'a str>,
}

const EVENTS: (&str, &str) = ("Accept", "text/event-stream");

impl Asked<'_> {
    fn head(&self, method: &str, path: &str, more: &[(&str, &str)], body: Option<&str>) -> (u16, Option<Answer>) {
        let bearer = self.token.map(|token| format!("Bearer {token}"));
        let mut headers = more.to_vec();
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        if path.contains("stream") {
            // One that begins does not end.
            let open = wire::open(self.server.address, method, path, &headers, None);
            return (open.status, None);
        }
        let answer = self.server.send(method, path, &headers, body);
        (answer.status, Some(answer))
    }

    /// The status of every surface that evaluates, by its name.
    fn evaluates(&self, environment: &str, namespace: &str) -> Vec<(&'static str, u16)> {
        let here = [("X-Flipt-Environment", environment), ("X-Flipt-Namespace", namespace)];
        let body = format!(
            r#"{{"environmentKey":"{environment}","namespaceKey":"{namespace}","flagKey":"a","entityId":"e"}}"#
        );
        let context = Some(r#"{"context":{"targetingKey":"e"}}"#);
        let client = format!("/client/v2/environments/{environment}/namespaces/{namespace}");
        let internal = format!("/internal/v1/evaluation/snapshot/namespace/{namespace}?environmentKey={environment}");
        let stream = format!("/ofrep/v1/_stream/{environment}/{namespace}/events");
        let (boolean, bulk) = ("/evaluate/v1/boolean", "/ofrep/v1/evaluate/flags");
        vec![
            ("boolean", self.head("POST", boolean, &[], Some(&body)).0),
            ("snapshot", self.head("GET", &format!("{client}/snapshot"), &[], None).0),
            ("internal", self.head("GET", &internal, &[], None).0),
            ("lines", self.head("GET", &format!("{client}/stream"), &[], None).0),
            ("events", self.head("GET", &format!("{client}/stream"), &[EVENTS], None).0),
            ("ofrep events", self.head("GET", &stream, &[EVENTS], None).0),
            ("ofrep single", self.head("POST", "/ofrep/v1/evaluate/flags/a", &here, context).0),
            ("ofrep bulk", self.head("POST", bulk, &here, context).0),
        ]
    }

    fn lists(&self, environment: &str, namespace: &str) -> Vec<(&'static str, u16)> {
        let query = format!("/api/v1/flags?namespaceKey={namespace}&environmentKey={environment}");
        let path = format!("/api/v1/namespaces/{namespace}/flags");
        let body = format!(r#"{{"environmentKey":"{environment}","namespaceKey":"{namespace}","flagKey":"a"}}"#);
        vec![
            ("explain", self.head("POST", "/api/v2/explain", &[], Some(&body)).0),
            ("list", self.head("GET", &path, &[("X-Flipt-Environment", environment)], None).0),
            ("list by query", self.head("GET", &query, &[], None).0),
        ]
    }
}

fn all(answers: &[(&'static str, u16)], status: u16) {
    let others: Vec<_> = answers.iter().filter(|(_, got)| *got != status).collect();
    assert!(others.is_empty(), "not {status}: {others:?}");
}

#[test]
fn every_surface_asks_who_it_is() {
    let over = Token { expires: Some(Timestamp::from_second(1).unwrap()), ..token("over", &["admin"]) };
    let server = server(settings(Some(true), vec![token("all", &["admin"]), over]));
    for nobody in [None, Some("wrong"), Some("over-token")] {
        let asked = Asked { server: &server, token: nobody };
        all(&asked.evaluates("production", "shop"), 401);
        all(&asked.evaluates("nope", "nope"), 401);
        all(&asked.lists("production", "shop"), 401);
        for path in ["/api/v2/storages", "/api/v2/storages/x", "/api/v2/storages/x/deliveries"] {
            assert_eq!(asked.head("GET", path, &[], None).0, 401, "{path}");
        }
        let batch = r#"{"requests":[{"flagKey":"a","namespaceKey":"shop"}]}"#;
        assert_eq!(asked.head("POST", "/evaluate/v1/batch", &[], Some(batch)).0, 401);
    }
    let asked = Asked { server: &server, token: Some("all-token") };
    all(&asked.evaluates("production", "shop"), 200);
    all(&asked.lists("production", "shop"), 200);
    assert_eq!(asked.head("GET", "/api/v2/storages", &[], None).0, 200);
    assert_eq!(asked.head("GET", "/api/v2/storages/x", &[], None).0, 404);
}

#[test]
fn a_scope_opens_what_it_says_on_every_surface() {
    let server = server(settings(
        Some(true),
        vec![token("web", &["evaluate:production/shop"]), token("reader", &["read:staging"]), token("ops", &["read"])],
    ));
    let web = Asked { server: &server, token: Some("web-token") };
    all(&web.evaluates("production", "shop"), 200);
    all(&web.lists("production", "shop"), 403);
    let reader = Asked { server: &server, token: Some("reader-token") };
    all(&reader.evaluates("staging", "shop"), 200);
    all(&reader.lists("staging", "default"), 200);
    assert_eq!(reader.head("GET", "/api/v2/storages", &[], None).0, 403, "a storage is no environment's own");
    let ops = Asked { server: &server, token: Some("ops-token") };
    all(&ops.evaluates("staging", "shop"), 200);
    assert_eq!(ops.head("GET", "/api/v2/storages", &[], None).0, 200);
}

/// Whether there is an environment, a namespace or a flag is not told to whom it is closed.
#[test]
fn a_refusal_says_nothing_about_what_is_there() {
    let server = server(settings(Some(true), vec![token("web", &["evaluate:production/shop"])]));
    let web = Asked { server: &server, token: Some("web-token") };
    for (environment, namespace) in
        [("staging", "shop"), ("nope", "shop"), ("production", "default"), ("production", "nope"), ("nope", "nope")]
    {
        all(&web.evaluates(environment, namespace), 403);
        all(&web.lists(environment, namespace), 403);
    }
    let message = |environment: &str| {
        let path = format!("/client/v2/environments/{environment}/namespaces/shop/snapshot");
        web.head("GET", &path, &[], None).1.unwrap().text().replace(environment, "?")
    };
    assert_eq!(message("staging"), message("nope"));
    let body = r#"{"namespaceKey":"default","flagKey":"a"}"#;
    let text = web.head("POST", "/evaluate/v1/boolean", &[], Some(body)).1.unwrap().text();
    assert!(text.contains("the default environment") && !text.contains("production"), "{text}");
}

/// Flipt answers for an environment that is not there from the default one. That is no way around a scope.
#[test]
fn the_default_environment_answers_in_place_of_another_to_whom_it_is_open() {
    let server = server(settings(
        Some(true),
        vec![
            token("branches", &["evaluate:feature-*"]),
            token("all", &["evaluate"]),
            token("web", &["evaluate:production"]),
        ],
    ));
    let status = |token: &str, body: &str| {
        Asked { server: &server, token: Some(token) }.head("POST", "/evaluate/v1/boolean", &[], Some(body)).0
    };
    let of = |environment: &str| {
        format!(r#"{{"environmentKey":"{environment}","namespaceKey":"shop","flagKey":"a","entityId":"e"}}"#)
    };
    assert_eq!(status("all-token", &of("feature-x")), 200, "as in Flipt");
    assert_eq!(status("branches-token", &of("feature-x")), 404);
    assert_eq!(status("branches-token", &of("")), 403);
    assert_eq!(status("web-token", &of("")), 200);
    assert_eq!(status("web-token", &of("default")), 200, "SDKs say so where nobody said anything");
    assert_eq!(status("web-token", &of("feature-x")), 403);
}

#[test]
fn an_item_of_a_batch_that_is_closed_fails_by_itself() {
    let server = server(settings(Some(true), vec![token("web", &["evaluate:production/shop"])]));
    let item = |namespace: &str, flag: &str| format!(r#"{{"namespaceKey":"{namespace}","flagKey":"{flag}"}}"#);
    let items =
        [item("shop", "a"), item("default", "a"), item("default", "nope"), item("nope", "a"), item("shop", "nope")];
    let body = format!(r#"{{"requests":[{}]}}"#, items.join(","));
    let token = ("Authorization", "Bearer web-token");
    let answer = server.send("POST", "/evaluate/v1/batch", &[token], Some(&body));
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    let reasons: Vec<_> =
        answer["responses"].as_array().unwrap().iter().map(|r| r["errorResponse"]["reason"].as_str()).collect();
    let unknown = Some("UNKNOWN_ERROR_EVALUATION_REASON");
    assert_eq!(reasons, [None, unknown, unknown, unknown, Some("NOT_FOUND_ERROR_EVALUATION_REASON")]);
}

#[test]
fn each_protocol_has_its_shape_for_a_refusal() {
    let server = server(settings(Some(true), vec![token("web", &["evaluate:staging/shop"])]));
    let token = ("Authorization", "Bearer web-token");
    let environment = ("X-Flipt-Environment", "production");
    let send = |method: &str, path: &str, more: &[(&str, &str)], body| {
        server.send(method, path, &[&[token], more].concat(), body)
    };
    let flipt = send("GET", "/api/v1/namespaces/shop/flags", &[], None);
    let body = flipt.json();
    assert_eq!((flipt.status, &body["code"], &body["details"]), (403, &7.into(), &Value::Array(vec![])));
    let ofrep = send("POST", "/ofrep/v1/evaluate/flags/a", &[environment], Some("{}"));
    assert_eq!((ofrep.status, &ofrep.json()["errorCode"]), (403, &"GENERAL".into()));
    assert!(ofrep.json()["errorDetails"].as_str().unwrap().starts_with("permission denied"));
    let client = "/client/v2/environments/production/namespaces/shop/stream";
    let line = send("GET", client, &[], None);
    assert_eq!(line.status, 403);
    assert!(line.text().starts_with("{\"error\":{\"code\":7,") && line.text().ends_with("}}\n"), "{}", line.text());
    let event = send("GET", client, &[EVENTS], None);
    assert_eq!((event.status, event.header("content-type").as_deref()), (403, Some("text/event-stream")));
    assert!(event.text().starts_with("data: {\"code\":7,"), "{}", event.text());
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let origin = ("Origin", "http://app.example");
    let rates = config::Rates {
        requests: Some(Rate { every: Duration::from_secs(3_600), burst: 2 }),
        ..config::Rates::default()
    };
    let settings = settings(Some(true), vec![token("web", &["evaluate:staging"])]);
    let server = server(Settings { cors: Some(cors(origin.1)), rates: Rates::from(&rates), ..settings });
    let path = "/client/v2/environments/production/namespaces/shop/snapshot";
    for (token, status) in [("wrong", 401), ("web-token", 403), ("web-token", 403), ("web-token", 429)] {
        let bearer = format!("Bearer {token}");
        let answer = server.send("GET", path, &[origin, ("Authorization", &bearer)], None);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(origin.1), "{status}");
        assert_eq!(answer.header("access-control-allow-credentials").as_deref(), Some("true"), "{status}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert_eq!(exposed.contains("Retry-After"), status == 429, "{exposed}");
    }
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let rates =
        config::Rates { requests: Some(Rate { every: Duration::from_secs(60), burst: 3 }), ..config::Rates::default() };
    let settings = settings(Some(true), vec![token("one", &["read"]), token("two", &["read"])]);
    let server = server(Settings { rates: Rates::from(&rates), ..settings });
    let ask = |token: &str, method: &str, path: &str, more: &[(&str, &str)]| {
        let bearer = format!("Bearer {token}");
        server.send(method, path, &[&[("Authorization", &*bearer)], more].concat(), (method == "POST").then_some("{}"))
    };
    for _ in 0..3 {
        assert_eq!(ask("one-token", "GET", "/api/v1/flags", &[]).status, 200);
    }
    let flipt = ask("one-token", "GET", "/api/v1/flags", &[]);
    assert_eq!((flipt.status, &flipt.json()["code"]), (429, &8.into()));
    let wait: u64 = flipt.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let ofrep = ask("one-token", "POST", "/ofrep/v1/evaluate/flags/a", &[]);
    assert_eq!((ofrep.status, &ofrep.json()["errorCode"]), (429, &"GENERAL".into()));
    assert!(ofrep.header("retry-after").is_some());
    let stream = ask("one-token", "GET", "/ofrep/v1/_stream/production/shop/events", &[EVENTS]);
    assert_eq!((stream.status, stream.header("retry-after").is_some()), (429, true));
    assert!(stream.text().starts_with("data: {\"code\":8,"), "{}", stream.text());
    assert_eq!(ask("two-token", "GET", "/api/v1/flags", &[]).status, 200, "nobody waits for another");
    for path in ["/health", "/ready", "/metrics"] {
        for _ in 0..5 {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("yardarm_requests_refused_total{reason=\"rate\"} 3"), "{metrics}");
}

#[test]
fn whoever_guesses_is_not_listened_to_for_a_while() {
    let trusted = vec!["127.0.0.0/8".parse().unwrap()];
    let failures = Some(Rate { every: Duration::from_secs(3_600), burst: 2 });
    let rates = config::Rates { requests: None, failures, trusted_proxies: trusted };
    let settings = settings(Some(true), vec![token("web", &["read"])]);
    let server = server(Settings { rates: Rates::from(&rates), ..settings });
    let ask = |token: &str, from: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer), ("X-Forwarded-For", from)];
        server.send("GET", "/api/v1/flags", &headers, None).status
    };
    assert_eq!([ask("a", "192.0.2.1"), ask("b", "192.0.2.1")], [401, 401]);
    assert_eq!(ask("c", "192.0.2.1"), 429);
    assert_eq!(ask("web-token", "192.0.2.1"), 429, "else it could go on guessing");
    assert_eq!(ask("web-token", "192.0.2.2"), 200);
    assert_eq!(ask("web-token", "203.0.113.9, 192.0.2.1"), 429, "what the client wrote itself does not count");
    assert_eq!(server.get("/api/v1/flags").status, 401, "who shows nothing guesses nothing");
    assert_eq!([ask("a", "2001:db8::1"), ask("b", "2001:db8::2"), ask("c", "2001:db8::3")], [401, 401, 429]);
}

#[test]
fn without_a_word_about_authentication_everybody_may_look() {
    for required in [None, Some(false)] {
        let server = server(settings(required, Vec::new()));
        for token in [None, Some("whatever")] {
            let asked = Asked { server: &server, token };
            all(&asked.evaluates("production", "shop"), 200);
            all(&asked.lists("production", "shop"), 200);
        }
    }
}

/// A stream whose right is taken away ends; the others do not notice.
#[test]
fn a_stream_ends_with_the_right_to_it() {
    let server = server(settings(Some(true), vec![token("kept", &["evaluate"])]));
    let with_file = |tokens: &[Token]| {
        let settings = server.state.settings.load();
        let authentication = settings.authentication.with_token_file(tokens);
        server.state.settings.store(Arc::new(Settings { authentication, ..Settings::clone(&settings) }));
        server.state.environments.streams().wake_all();
    };
    let revoked = token("revoked", &["evaluate:production/shop"]);
    with_file(&[revoked.clone(), token("narrowed", &["evaluate"])]);
    let open = |token: &str, accept: &str| {
        let bearer = format!("Bearer {token}");
        let path = "/client/v2/environments/production/namespaces/shop/stream";
        let mut open = wire::open(server.address, "GET", path, &[("Authorization", &bearer), ("Accept", accept)], None);
        assert_eq!(open.status, 200);
        open.until("\n");
        open
    };
    let mut streams = [open("revoked-token", "*/*"), open("revoked-token", EVENTS.1), open("narrowed-token", "*/*")];
    let mut kept = open("kept-token", "*/*");
    // What changes nothing for a stream leaves it alone.
    with_file(&[revoked, token("narrowed", &["evaluate"]), token("another", &["read"])]);
    let [first, ..] = &mut streams;
    let later = Duration::from_millis(1_500);
    let soon = Timestamp::now().checked_add(jiff::SignedDuration::try_from(later).unwrap()).unwrap();
    with_file(&[
        Token { expires: Some(soon), ..token("revoked", &["evaluate:production/shop"]) },
        token("narrowed", &["evaluate"]),
    ]);
    let mut end = Vec::new();
    first.read_to_end(&mut end);
    assert!(Timestamp::now() >= soon, "it ended with its time, and not before");
    with_file(&[token("narrowed", &["evaluate:staging"])]);
    for stream in &mut streams[1..] {
        stream.read_to_end(&mut end);
    }
    publish(
        &server.environment("production"),
        &[("shop/features.yaml", "version: \"1.6\"\nnamespace: shop\nflags: []\n")],
    );
    assert!(kept.until("\n").contains("\"flags\":[]"));
}
