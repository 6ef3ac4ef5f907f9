//! Webhooks over a real socket: what strangers and providers can do to the listener, and what it answers.
//!
//! The client writes bytes, so that it can send what no HTTP library would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix_web::{App, HttpServer};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::SecretString;
use yardarm::http::webhooks;
use yardarm::ingest::deliveries::Log;
use yardarm::ingest::{Bounds, Endpoint, Hint, Hints, Ingest, Outcome};
use yardarm::provider::{Provider, remote};
use yardarm::{clock, limits};

use super::webhooks_fixtures::{Fixture, fixtures};

#[derive(Default)]
struct Kept(Mutex<Vec<Hint>>);

impl Hints for Kept {
    fn set(&self, hint: Hint) {
        self.0.lock().unwrap().push(hint);
    }
}

/// A listener with an endpoint of each kind, until it is dropped.
struct Listener {
    address: SocketAddr,
    ingest: Arc<Ingest>,
    log: Arc<Log>,
    hints: Arc<Kept>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

const KEY: &str = "a key for tests";

fn listener(bounds: Bounds) -> Listener {
    listener_of(endpoints(), bounds, Arc::new(clock::System))
}

fn endpoints() -> Vec<Endpoint> {
    let endpoint = |storage: &str, provider, secret: &str| Endpoint {
        storage: storage.into(),
        provider,
        secrets: vec![SecretString::from(secret.to_owned())],
        repository: remote::parse("https://git.example.com/acme/flags"),
        branches: vec!["main".into()],
        environments: vec![format!("{storage} environment").into()],
    };
    vec![
        endpoint("flags", Provider::Github, KEY),
        endpoint("gitea", Provider::Gitea, KEY),
        endpoint("lab", Provider::Gitlab, KEY),
        endpoint("center", Provider::BitbucketDataCenter, KEY),
        endpoint("none", Provider::Github, ""),
    ]
}

fn listener_of(endpoints: Vec<Endpoint>, bounds: Bounds, clock: Arc<dyn clock::Clock>) -> Listener {
    let (log, hints) = (Arc::new(Log::new()), Arc::new(Kept::default()));
    let ingest = Ingest::with_bounds(endpoints, log.clone(), hints.clone(), clock, bounds);
    let ingest = Arc::new(ingest);
    let (sender, receiver) = mpsc::channel();
    let takes = Arc::clone(&ingest);
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().configure(webhooks::routes(Arc::clone(&takes))))
                .workers(1)
                .shutdown_timeout(0)
                .bind(("127.0.0.1", 0))
                .unwrap();
            let address = server.addrs()[0];
            let running = server.run();
            sender.send((address, running.handle())).unwrap();
            running.await.unwrap();
        });
    });
    let (address, handle) = receiver.recv().unwrap();
    Listener { address, ingest, log, hints, handle, thread: Some(thread) }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Headers that a webhook's answer may have: nothing that says what stands behind it, and nowhere to go.
const ALLOWED: [&str; 6] = ["content-length", "content-type", "date", "connection", "allow", "retry-after"];

impl Listener {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes and reads one answer.
    fn send(&self, bytes: &[u8]) -> Answered {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_answer(&mut stream)
    }

    /// A POST of a signed JSON body, with more header lines.
    fn post(&self, path: &str, lines: &str, body: &str) -> Answered {
        self.send(request("POST", path, &format!("content-type: application/json\r\n{lines}"), body).as_bytes())
    }
}

fn request(method: &str, path: &str, lines: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n{lines}\r\n{body}", body.len())
}

fn read_answer(stream: &mut TcpStream) -> Answered {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let (head, mut body) = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            break (String::from_utf8(bytes).unwrap(), body);
        }
        let read = stream.read(&mut chunk).expect("an answer in time");
        assert!(read > 0, "an answer, not only an end: {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..read]);
    };
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    for (name, value) in &headers {
        assert!(ALLOWED.contains(&name.as_str()), "{name}: {value}");
    }
    let length: usize = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
    while body.len() < length {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the whole answer");
        body.extend_from_slice(&chunk[..read]);
    }
    Answered { status, headers, body: String::from_utf8(body).unwrap() }
}

fn digest(message: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

fn push_of(event: &str, id: &str, body: &str) -> String {
    let digest = digest(body.as_bytes());
    format!("x-github-event: {event}\r\nx-github-delivery: {id}\r\nx-hub-signature-256: sha256={digest}\r\n")
}

const MAIN: &str = r#"{"ref":"refs/heads/main","after":"20b8debff955245a23fc5f39fa0e0fc70dd91a34","repository":{"full_name":"acme/flags"}}"#;

#[test]
fn the_table_of_answers() {
    let listener = listener(Bounds::default());
    let other = MAIN.replace("acme/flags", "acme/other");

    let accepted = listener.post("/webhooks/flags", &push_of("push", "1", MAIN), MAIN);
    assert_eq!(accepted.status, 202);
    assert!(accepted.body.contains("refs/heads/main"), "the provider is told what matched: {}", accepted.body);
    let hint = listener.hints.0.lock().unwrap().pop().unwrap();
    assert_eq!(hint.commit.as_deref(), Some("20b8debff955245a23fc5f39fa0e0fc70dd91a34"));

    let by_environment = "/api/v2/webhooks/flags%20environment";
    assert_eq!(listener.post("/webhooks/flags", &push_of("push", "1", MAIN), MAIN).status, 200, "again");
    assert_eq!(listener.post(by_environment, &push_of("push", "1", MAIN), MAIN).status, 200, "by its other name");
    assert_eq!(listener.post(by_environment, &push_of("push", "2", MAIN), MAIN).status, 202);
    assert_eq!(listener.post("/webhooks/flags", &push_of("ping", "3", "{}"), "{}").status, 200);
    let another = listener.post("/webhooks/flags", &push_of("push", "4", &other), &other);
    assert_eq!(another.status, 200);
    assert!(another.body.contains("acme/other") && another.body.contains("acme/flags"), "{}", another.body);

    let unsigned = listener.post("/webhooks/flags", "x-github-event: push\r\n", MAIN);
    assert_eq!((unsigned.status, unsigned.body.as_str()), (401, ""));
    let wrong = listener.post("/webhooks/flags", &push_of("push", "5", "x"), MAIN);
    assert_eq!((wrong.status, wrong.body.as_str()), (401, ""));
    for path in
        ["/webhooks/unknown", "/webhooks/none", "/api/v2/webhooks/unknown", "/api/v2/webhooks/none%20environment"]
    {
        let answer = listener.post(path, &push_of("push", "6", MAIN), MAIN);
        assert_eq!((answer.status, answer.body.as_str(), answer.headers.len()), (404, "", 3), "{path}: {answer:?}");
    }
    let ping = listener.post("/webhooks/center", "x-event-key: diagnostics:ping\r\n", r#"{"test":true}"#);
    assert_eq!((ping.status, ping.body.as_str()), (200, ""));

    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"] {
        let answer = listener.send(request(method, "/webhooks/flags", "", "").as_bytes());
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    listener.ingest.drain();
    let drained = listener.post("/webhooks/flags", &push_of("push", "7", MAIN), MAIN);
    assert_eq!((drained.status, drained.header("retry-after")), (503, Some("5")));
}

#[test]
fn bad_signatures_over_the_wire() {
    let listener = listener(Bounds::default());
    let good = digest(MAIN.as_bytes());
    let sent = |lines: &str| listener.post("/webhooks/flags", &format!("x-github-event: push\r\n{lines}"), MAIN).status;
    assert_eq!(sent(&format!("x-hub-signature-256: sha256={good}\r\n")), 202);
    for lines in [
        String::new(),
        "x-hub-signature-256:\r\n".to_owned(),
        "x-hub-signature-256: sha256=\r\n".to_owned(),
        format!("x-hub-signature-256: {good}\r\n"),
        format!("x-hub-signature-256: sha256={}\r\n", good.to_uppercase()),
        format!("x-hub-signature-256: sha256={}\r\n", good.strip_suffix(|_: char| true).unwrap()),
        format!("x-hub-signature-256: sha256={good}\r\nx-hub-signature-256: sha256={good}\r\n"),
        format!("x-hub-signature-256: sha256={good}, sha256={good}\r\n"),
        format!("x-hub-signature: sha256={good}\r\n"),
        format!("x-hub-signature: sha1={}\r\n", "0".repeat(40)),
        format!("x-gitea-signature: {good}\r\n"),
        "x-hub-signature-256: sha256=\u{e4}\r\n".to_owned(),
    ] {
        assert_eq!(sent(&lines), 401, "{lines:?}");
    }
    let records = listener.log.list("flags", usize::MAX);
    assert_eq!(records.iter().filter(|record| record.outcome == Outcome::Unauthorized).count(), 12);
}

#[test]
fn forms_are_taken_where_the_provider_sends_them() {
    let listener = listener(Bounds::default());
    let form = format!("payload={}", MAIN.replace('{', "%7B").replace('"', "%22").replace('}', "%7D"));
    let send = |path: &str, lines: &str| {
        let lines = format!("content-type: application/x-www-form-urlencoded\r\n{lines}");
        listener.send(request("POST", path, &lines, &form).as_bytes()).status
    };
    let (wire, payload) = (digest(form.as_bytes()), digest(MAIN.as_bytes()));
    let github = |digest: &str| format!("x-github-event: push\r\nx-hub-signature-256: sha256={digest}\r\n");
    let gitea = |digest: &str| format!("x-gitea-event: push\r\nx-gitea-signature: {digest}\r\n");
    assert_eq!((send("/webhooks/flags", &github(&wire)), send("/webhooks/flags", &github(&payload))), (202, 401));
    assert_eq!((send("/webhooks/gitea", &gitea(&payload)), send("/webhooks/gitea", &gitea(&wire))), (202, 401));
    assert_eq!(send("/webhooks/lab", &format!("x-gitlab-token: {KEY}\r\n")), 415);
}

#[test]
fn content_that_is_not_taken() {
    let listener = listener(Bounds::default());
    for lines in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/xml\r\n",
        "content-type: application/json\r\ncontent-type: application/json\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
        "content-type: application/json\r\ncontent-encoding: br\r\n",
    ] {
        let lines = format!("{lines}{}", push_of("push", "1", MAIN));
        let answer = listener.send(request("POST", "/webhooks/flags", &lines, MAIN).as_bytes());
        assert_eq!(answer.status, 415, "{lines:?}");
    }
}

#[test]
fn a_body_over_the_cap_is_refused_before_and_while_it_comes() {
    let bounds = Bounds { body: 1_000, ..Bounds::default() };
    let listener = listener(bounds);
    let lines = format!("content-type: application/json\r\n{}", push_of("push", "1", "x"));

    // Declared: answered without a byte of it.
    let head = format!("POST /webhooks/flags HTTP/1.1\r\nhost: h\r\ncontent-length: 1001\r\n{lines}\r\n");
    assert_eq!(listener.send(head.as_bytes()).status, 413);

    // Endless: answered once it is over, whatever follows.
    let mut stream = listener.connect();
    let head = format!("POST /webhooks/flags HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("80\r\n{}\r\n", "x".repeat(128));
    let mut writer = stream.try_clone().unwrap();
    let endless = std::thread::spawn(move || {
        let patience = std::time::Instant::now() + Duration::from_secs(30);
        while std::time::Instant::now() < patience {
            if writer.write_all(chunk.as_bytes()).is_err() {
                return true;
            }
        }
        false
    });
    assert_eq!(read_answer(&mut stream).status, 413);
    drop(stream);
    assert!(endless.join().unwrap(), "the sender is stopped from the other side, not by the end of its patience");

    let outcomes: Vec<Outcome> = listener.log.list("flags", 9).iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::TooLarge, Outcome::TooLarge]);

    let exact = format!("\"{}\"", "x".repeat(998));
    assert_eq!(listener.post("/webhooks/flags", &push_of("ping", "2", &exact), &exact).status, 200);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let listener = listener(Bounds { deadline: Duration::from_millis(50), ..Bounds::default() });
    let lines = format!("content-type: application/json\r\n{}", push_of("push", "1", MAIN));
    let whole = request("POST", "/webhooks/flags", &lines, MAIN);
    let mut stream = listener.connect();
    stream.write_all(&whole.as_bytes()[..whole.len() - 10]).unwrap();
    assert_eq!(read_answer(&mut stream).status, 408);
    assert_eq!(listener.log.list("flags", 1)[0].outcome, Outcome::TooSlow);
    assert!(listener.hints.0.lock().unwrap().is_empty());
}

#[test]
fn a_token_is_judged_before_the_body() {
    let listener = listener(Bounds::default());
    // Only heads: an answer can come only if the body is not waited for.
    let head = |token: &str| {
        format!(
            "POST /webhooks/lab HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\ncontent-type: application/json\r\nx-gitlab-token: {token}\r\n\r\n"
        )
    };
    assert_eq!(listener.send(head("wrong").as_bytes()).status, 401);
    assert_eq!(listener.send(head("").as_bytes()).status, 401);
    let body = r#"{"object_kind":"push","ref":"refs/heads/main"}"#;
    assert_eq!(listener.post("/webhooks/lab", &format!("x-gitlab-token: {KEY}\r\n"), body).status, 202);
}

#[test]
fn bodies_together_are_bounded() {
    let listener = listener(Bounds { in_flight: 1_000, ..Bounds::default() });
    let lines = format!("content-type: application/json\r\n{}", push_of("push", "1", "x"));
    let head = format!("POST /webhooks/flags HTTP/1.1\r\nhost: h\r\ncontent-length: 2000\r\n{lines}\r\n");
    let mut first = listener.connect();
    first.write_all(head.as_bytes()).unwrap();
    first.write_all(&[b' '; 1_000]).unwrap();
    // The first fills the gate as soon as it is read; until then a second one with a body may be refused or read.
    let mut refused = None;
    for _ in 0..1_000 {
        let answer = listener.post("/webhooks/flags", &push_of("ping", "2", "{}"), "{}");
        if answer.status == 503 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200);
    }
    assert_eq!(refused.expect("the gate is full").header("retry-after"), Some("5"));
    drop(first);
    let opened =
        (0..100_000).any(|_| listener.post("/webhooks/flags", &push_of("ping", "3", "{}"), "{}").status == 200);
    assert!(opened, "what a broken connection held is given back");
}

#[test]
fn a_large_delivery_is_taken_whole() {
    let listener = listener(Bounds::default());
    let filler = "x".repeat(2 * limits::WEBHOOK_INLINE_BYTES);
    let body =
        format!(r#"{{"commits":["{filler}"],"ref":"refs/heads/main","repository":{{"full_name":"acme/flags"}}}}"#);
    let answer = listener.post("/webhooks/flags", &push_of("push", "1", &body), &body);
    assert_eq!(answer.status, 202);
    let digest = digest(b"another body");
    let lines = format!("x-github-event: push\r\nx-hub-signature-256: sha256={digest}\r\n");
    assert_eq!(listener.post("/webhooks/flags", &lines, &body).status, 401);
}

#[test]
fn a_connection_is_kept_for_the_next_delivery() {
    let listener = listener(Bounds::default());
    let mut stream = listener.connect();
    for id in 0..3 {
        let lines = format!("content-type: application/json\r\n{}", push_of("push", &id.to_string(), MAIN));
        stream.write_all(request("POST", "/webhooks/flags", &lines, MAIN).as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).status, 202, "delivery {id}");
    }
    let records = listener.log.list("flags", 9);
    assert_eq!(records.len(), 3);
    for record in records {
        assert!(record.steps.verified.unwrap() >= 0.0 && record.steps.answered >= record.steps.verified);
    }
}

/// A clock that stands where it is put.
#[derive(Default)]
struct Still(AtomicI64);

impl clock::Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Every recorded and made delivery, by HTTP and as its headers were: what is recorded of it is what it is, pushes,
/// events of proposals and all the rest of every provider.
#[test]
fn every_fixture_over_the_wire() {
    let clock = Arc::new(Still::default());
    let listener = listener_of(Vec::new(), Bounds::default(), clock.clone());
    let by_hand = ["content-length", "host", "connection"];
    for provider in Provider::ALL {
        let (mut proposals, mut pushes) = (0, 0);
        for (number, fixture) in fixtures(provider).into_iter().enumerate() {
            let what = format!("{}/{}", provider.name(), fixture.name);
            // A storage of its own, so that its records and ids are.
            let storage = format!("{}-{number}", provider.name());
            let endpoint = Endpoint { storage: storage.as_str().into(), ..fixture.endpoint(provider) };
            listener.ingest.set_endpoints(vec![endpoint.clone()]);
            clock.0.store(fixture.at, Ordering::Relaxed);
            let lines = fixture.headers.iter().filter(|(name, _)| !by_hand.contains(&&*name.to_ascii_lowercase()));
            let lines = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
            let expected = fixture.decide(&endpoint, fixture.body.as_bytes());
            let answer =
                listener.send(request("POST", &format!("/webhooks/{storage}"), &lines, &fixture.body).as_bytes());
            assert_eq!(answer.status, expected.status, "{what}: {}", expected.detail);
            assert_eq!(answer.body.is_empty(), expected.verified.is_none(), "{what}: {}", answer.body);
            let records = listener.log.list(&storage, 9);
            let [record] = records.as_slice() else { panic!("{what}: {records:?}") };
            assert_eq!((record.outcome, &record.event), (expected.outcome, &expected.event), "{what}");
            assert_eq!((&record.delivery_id, record.verified), (&expected.delivery_id, expected.verified), "{what}");
            if fixture.is_proposal() {
                assert_eq!(record.status, 200, "{what}");
                assert!(matches!(record.outcome, Outcome::Ignored | Outcome::OtherRepository), "{what}: {record:?}");
                assert!(record.detail.contains("proposal") || record.outcome == Outcome::OtherRepository, "{what}");
                proposals += 1;
            }
            let hints = std::mem::take(&mut *listener.hints.0.lock().unwrap());
            assert_eq!(hints.len(), usize::from(record.outcome == Outcome::Accepted), "{what}");
            pushes += hints.len();
            // Sent again, a push that has an id is known.
            if record.outcome == Outcome::Accepted && record.delivery_id.is_some() {
                let again =
                    listener.send(request("POST", &format!("/webhooks/{storage}"), &lines, &fixture.body).as_bytes());
                assert_eq!(again.status, 200, "{what}: again");
            }
        }
        assert!(proposals >= 5 && pushes >= 3, "{}: {proposals} proposals, {pushes} pushes", provider.name());
    }
}

/// A captured delivery of the signed form is worth nothing once it was used, nor once it is old.
#[test]
fn a_signed_delivery_cannot_be_replayed() {
    let clock = Arc::new(Still::default());
    let listener = listener_of(Vec::new(), Bounds::default(), clock.clone());
    let is_signed = |fixture: &Fixture| fixture.headers().get("webhook-signature").value().is_some();
    let mut replayed = 0;
    for fixture in fixtures(Provider::Gitlab).into_iter().filter(is_signed) {
        let endpoint = fixture.endpoint(Provider::Gitlab);
        if fixture.decide(&endpoint, fixture.body.as_bytes()).status != 202
            || endpoint.scheme().name() != "standard-webhooks"
        {
            continue;
        }
        listener.ingest.set_endpoints(vec![Endpoint { storage: fixture.name.as_str().into(), ..endpoint }]);
        let path = format!("/webhooks/{}", fixture.name);
        let send = |at: i64, id: &str| {
            clock.0.store(at, Ordering::Relaxed);
            let by_hand = ["content-length", "host", "connection"];
            let lines = fixture.headers.iter().filter(|(name, _)| !by_hand.contains(&&*name.to_ascii_lowercase()));
            let own =
                lines.map(|(name, value)| (name, if name.eq_ignore_ascii_case("webhook-id") { id } else { value }));
            let lines = own.map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
            listener.send(request("POST", &path, &lines, &fixture.body).as_bytes()).status
        };
        let headers = fixture.headers();
        let id = headers.get("webhook-id").value().unwrap();
        let stamp: i64 = headers.get("webhook-timestamp").value().unwrap().parse().unwrap();
        assert_eq!(send(stamp + 301, id), 401, "stale");
        assert_eq!(send(stamp - 301, id), 401, "from the future");
        assert_eq!(send(stamp, "another-id"), 401, "the id is signed");
        assert_eq!(send(stamp, id), 202, "what was refused before did not use up the id");
        assert_eq!(send(stamp, id), 200, "while it is worked on");
        let records = listener.log.list(&fixture.name, 9);
        let ran = records.iter().find(|record| record.outcome == Outcome::Accepted).unwrap();
        listener.ingest.finished(&ran.id, Ok(()));
        for later in [0, 1, 299, 300] {
            assert_eq!(send(stamp + later, id), 200, "replayed after {later} s");
        }
        assert_eq!(send(stamp + 301, id), 401);
        assert_eq!(listener.hints.0.lock().unwrap().drain(..).count(), 1);
        replayed += 1;
    }
    assert!(replayed > 0, "no signed push among the fixtures");
}
