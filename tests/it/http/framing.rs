//! How requests are cut out of a connection: what is ambiguous is refused, by whatever version of HTTP it comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use yardarm::config;
use yardarm::http::Settings;
use yardarm::ingest::{Endpoint, Outcome};
use yardarm::limits;
use yardarm::provider::{Provider, remote};

use super::server::{Server, environment, state};
use super::tls;
use super::wire;

const KEY: &str = "a key for tests";
const MAIN: &str = r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/flags"}}"#;

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The daemon's listener, with one endpoint.
fn server(config: &config::Server) -> Server {
    let state = state(vec![environment("main", true)], Settings::default());
    state.ingest.set_endpoints(vec![Endpoint {
        storage: "flags".into(),
        provider: Provider::Github,
        secrets: vec![SecretString::from(KEY)],
        repository: remote::parse("https://git.example.com/acme/flags"),
        branches: vec!["main".into()],
        environments: vec!["main".into()],
    }]);
    Server::on(state, config)
}

fn plain() -> Server {
    server(&config::Server { host: "127.0.0.1".to_owned(), port: 0, tls: None, webhook: None })
}

/// Sends bytes and reads until the connection ends: every answer that they bring about.
fn answers(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut read = Vec::new();
    // What it did not read makes the system reset the connection behind the last answer.
    let _ = stream.read_to_end(&mut read);
    let text = String::from_utf8_lossy(&read);
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

#[test]
fn a_body_of_two_lengths_is_nobodys() {
    let server = plain();
    let signed = format!(
        "Host: h\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: {}\r\n",
        sign(MAIN.as_bytes())
    );
    let length = MAIN.len();
    let chunks = format!("{length:x}\r\n{MAIN}\r\n0\r\n\r\n");
    let hidden = "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    for path in ["/webhooks/flags", "/api/v2/webhooks/main", "/evaluate/v1/boolean", "/nothing"] {
        for (lines, body) in [
            (format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), MAIN),
            (format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), MAIN),
            (format!("Content-Length: {length}, {length}\r\n"), MAIN),
            (format!("Content-Length: +{length}\r\n"), MAIN),
            ("Content-Length: -1\r\n".to_owned(), MAIN),
            ("Content-Length: 99999999999999999999\r\n".to_owned(), MAIN),
            (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), chunks.as_str()),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(), chunks.as_str()),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(), chunks.as_str()),
            ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), chunks.as_str()),
            ("Transfer-Encoding: xchunked\r\n".to_owned(), chunks.as_str()),
            (format!("Content-Length : {length}\r\n"), MAIN),
        ] {
            let sent = format!("POST {path} HTTP/1.1\r\n{signed}{lines}\r\n{body}{hidden}");
            assert_eq!(answers(&server, sent.as_bytes()), [400], "{path}: {lines:?}");
        }
    }
    assert!(server.state.deliveries.list("flags", 9).is_empty(), "a delivery came of it");
    // Each of the two lengths by itself is right, and what follows is a request of its own.
    let by_length = format!("POST /webhooks/flags HTTP/1.1\r\n{signed}Content-Length: {length}\r\n\r\n{MAIN}{hidden}");
    assert_eq!(answers(&server, by_length.as_bytes()), [202, 200]);
    let by_chunks =
        format!("POST /webhooks/flags HTTP/1.1\r\n{signed}Transfer-Encoding: chunked\r\n\r\n{chunks}{hidden}");
    assert_eq!(answers(&server, by_chunks.as_bytes()), [202, 200]);
}

#[test]
fn heads_that_are_no_heads_end_their_connection() {
    let server = plain();
    let long = "x".repeat(1024 * 1024);
    for sent in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "POST /webhooks/flags\r\n\r\n".to_owned(),
        "POST /webhooks/flags HTTP/9.9\r\n\r\n".to_owned(),
        "POST /webhooks/flags HTTP/1.1\r\nno colon\r\n\r\n".to_owned(),
        format!("POST /webhooks/{long} HTTP/1.1\r\n\r\n"),
        format!("POST /webhooks/flags HTTP/1.1\r\nx: {long}\r\n\r\n"),
        format!("POST /webhooks/flags HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(10_000)),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot really".to_owned(),
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(wire::DEADLINE)).unwrap();
        let _ = stream.write_all(sent.as_bytes());
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        let answer = String::from_utf8_lossy(&read);
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or("");
        assert!(matches!(status, "" | "400" | "404" | "431" | "505"), "{status}: {:?}", sent.get(..60));
    }
    for path in
        ["/webhooks/..%2fflags", "/webhooks/flags/", "/webhooks//flags", "/webhooks/%00", "/webhooks/%ff", "/webhooks/"]
    {
        let answer = server.post(path, MAIN);
        assert_eq!(answer.status, 404, "{path}");
    }
    assert!(server.state.deliveries.list("flags", 9).is_empty());
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn webhooks_come_by_http_2_over_tls() {
    let server = server(&tls::config("certificate.pem", "key.pem"));
    yardarm::net::crypto();
    let pem = std::fs::read(tls::file("certificate.pem")).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .https_only(true)
        .timeout(Duration::from_secs(30))
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/webhooks/flags", server.address.port());
    let post = |id: usize, body: Vec<u8>, signature: String| {
        client
            .post(&url)
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", format!("id-{id}"))
            .header("x-hub-signature-256", signature)
            .body(body)
            .send()
    };
    server.runtime.block_on(async {
        let first = post(0, MAIN.into(), sign(MAIN.as_bytes())).await.unwrap();
        assert_eq!((first.version(), first.status().as_u16()), (reqwest::Version::HTTP_2, 202));
        assert_eq!(post(0, MAIN.into(), sign(MAIN.as_bytes())).await.unwrap().status(), 200, "again");
        assert_eq!(post(1, MAIN.into(), sign(b"another")).await.unwrap().status(), 401);
        // Many on one connection, large ones among them.
        let large = format!(r#"{{"x":"{}",{}"#, "x".repeat(512 * 1024), &MAIN[1..]).into_bytes();
        let bodies = (2..34).map(|id| if id % 8 == 0 { large.clone() } else { MAIN.into() });
        let all = bodies.enumerate().map(|(id, body)| post(id + 2, body.clone(), sign(&body)));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.unwrap().status(), 202);
        }
        // Over the cap: refused by what is declared, before it is sent; a connection that goes on is not asked for.
        let over = vec![b' '; limits::WEBHOOK_BODY_BYTES + 1];
        if let Ok(answer) = post(90, over, sign(b"")).await {
            assert_eq!(answer.status(), 413);
        }
        assert_eq!(post(91, MAIN.into(), sign(MAIN.as_bytes())).await.unwrap().status(), 202);
    });
    let refused: Vec<Outcome> =
        server.state.deliveries.list("flags", 200).iter().map(|record| record.outcome).collect();
    assert_eq!(refused.iter().filter(|outcome| **outcome == Outcome::TooLarge).count(), 1, "{refused:?}");
}
