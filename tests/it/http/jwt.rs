//! JWTs over HTTP, with keys of an issuer that rotates them, is slow, is down or publishes nonsense.

#![allow(clippy::similar_names, reason = "who signs and what is signed, who publishes and what")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yardarm::app::Daemon;
use yardarm::auth::jwt::{Grant, KeySet, Rules};
use yardarm::auth::{Scopes, Verifier};
use yardarm::http::{Authentication, Settings};
use yardarm::issuer::{Issuer, Keys, Pace, Published, Source};
use yardarm::{clock, config, limits};

use super::issuer::{Publisher, Reply, Signer, b64, now, wait_until};
use super::server::{Server, environment, publish, token_of};
use super::wire::{self, Answer};

const FLAGS: &str = "version: \"1.6\"\nflags: [{key: on, name: on, type: BOOLEAN_FLAG_TYPE, enabled: true}]\n";

/// Everything at a pace at which a test can see it happen.
const QUICK: Pace = Pace {
    interval: Duration::from_millis(200),
    bounds: (Duration::from_millis(50), Duration::from_secs(3_600)),
    pause: Duration::from_millis(50),
    deadline: Duration::from_millis(300),
    kept: Duration::from_secs(3_600),
};

fn rules() -> Rules {
    Rules { issuer: Some("https://issuer.test".to_owned()), audiences: vec!["flags".to_owned()], ..Rules::default() }
}

fn server(keys: Keys, rules: Rules) -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", FLAGS)]);
    let tokens = Authentication::from(&config::Authentication {
        required: Some(true),
        tokens: vec![token_of("ci", "golden-token"), token_of("odd", "eyJ.looks.like-one")],
        ..config::Authentication::default()
    });
    let issuer: Arc<dyn Verifier> = Arc::new(Issuer::new(keys, rules));
    Server::start(vec![main], Settings { authentication: tokens.with_jwt(issuer), ..Settings::default() })
}

/// A server with the keys of a publisher, which are being renewed.
fn following(publisher: &Publisher, pace: Pace) -> (Server, Arc<Published>) {
    let source = Source { url: publisher.url().parse().unwrap(), ca_certificate: None };
    let published = Arc::new(Published::new(source, pace));
    let server = server(Keys::Published(published.clone()), rules());
    let renewed = published.clone();
    server.runtime.spawn(async move { renewed.renew().await });
    (server, published)
}

fn asked_with(server: &Server, authorization: &str) -> Answer {
    server.send("GET", "/api/v2/storages", &[("Authorization", authorization)], None)
}

fn status(server: &Server, token: &str) -> u16 {
    asked_with(server, &format!("JWT {token}")).status
}

#[test]
fn a_token_is_taken_by_either_name_and_a_static_one_is_never_taken_for_it() {
    let signer = Signer::new("one");
    let keys = KeySet::of_jwks(signer.keys().as_bytes()).unwrap();
    let server = server(Keys::Fixed(Arc::new(keys)), rules());
    let token = signer.token(&json!({}));
    for good in [
        format!("JWT {token}"),
        format!("Bearer {token}"),
        "Bearer golden-token".to_owned(),
        // A static token may look like anything.
        "Bearer eyJ.looks.like-one".to_owned(),
    ] {
        assert_eq!(asked_with(&server, &good).status, 200, "{good}");
        assert_eq!(asked_with(&server, &good).status, 200, "{good}: kept");
    }
    let none = server.get("/api/v2/storages");
    for bad in [
        format!("jwt {token}"),
        format!("JWT  {token}"),
        format!("JWT{token}"),
        format!("Bearer JWT {token}"),
        format!("bearer {token}"),
        format!("Token {token}"),
        format!("JWT {token}, JWT {token}"),
        token.clone(),
        "JWT golden-token".to_owned(),
        "JWT eyJ.looks.like-one".to_owned(),
        "JWT ".to_owned(),
        "JWT ..".to_owned(),
    ] {
        let answer = asked_with(&server, &bad);
        assert_eq!((answer.status, &answer.body), (401, &none.body), "{bad}");
    }
    let cookie = server.send("GET", "/api/v2/storages", &[("Cookie", &format!("flipt_client_token={token}"))], None);
    assert_eq!(cookie.status, 401, "a cookie is sent by whoever makes a browser send it");
}

/// Every way to be wrong, on every surface: one answer, which is that to no credential at all.
#[test]
fn whatever_is_wrong_with_a_token_its_bearer_learns_nothing() {
    let (signer, stranger) = (Signer::new("one"), Signer::new("one"));
    let keys = KeySet::of_jwks(signer.keys().as_bytes()).unwrap();
    let server = server(Keys::Fixed(Arc::new(keys)), rules());
    let good = signer.token(&json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let payload = signed.split_once('.').unwrap().1;
    let headed = |header: &Value| format!("{}.{payload}.{signature}", b64(header.to_string()));
    let bad = [
        signer.token(&json!({"exp": now() - 3_600})),
        signer.token(&json!({"exp": 0})),
        signer.token(&json!({"exp": "never"})),
        signer.token(&json!({"exp": null})),
        signer.token(&json!({"nbf": now() + 3_600})),
        signer.token(&json!({"iss": "https://evil.test"})),
        signer.token(&json!({"aud": ["others"]})),
        stranger.token(&json!({})),
        Signer::new("two").token(&json!({})),
        format!("{signed}."),
        format!("{signed}.AAAA"),
        signed.to_owned(),
        format!("{}.{payload}.", b64(r#"{"alg":"none"}"#)),
        headed(&json!({"alg": "none", "kid": "one"})),
        headed(&json!({"alg": "None", "kid": "one"})),
        headed(&json!({"alg": "HS256", "kid": "one"})),
        headed(&json!({"alg": "ES256", "kid": "../../etc/passwd"})),
        headed(&json!({"alg": "ES256", "kid": "one", "crit": ["exp"]})),
        headed(&json!({"alg": "ES256", "jku": "http://127.0.0.1:1/keys", "jwk": stranger.jwk()})),
        signer.token(&json!({"pad": "x".repeat(limits::JWT_BYTES)})),
        "a".repeat(100 * 1024),
        format!("{}.a.a", "e".repeat(50 * 1024)),
        "\u{fc}.\u{fc}.\u{fc}".to_owned(),
        "%00.%00.%00".to_owned(),
    ];
    let surfaces: [(&str, &str, Option<&str>); 8] = [
        ("POST", "/evaluate/v1/boolean", Some(r#"{"flagKey":"on","entityId":"e"}"#)),
        ("POST", "/evaluate/v1/batch", Some(r#"{"requests":[{"flagKey":"on","entityId":"e"}]}"#)),
        ("GET", "/internal/v1/evaluation/snapshot/namespace/default", None),
        ("GET", "/client/v2/environments/main/namespaces/default/stream", None),
        ("POST", "/ofrep/v1/evaluate/flags/on", Some("{}")),
        ("POST", "/ofrep/v1/evaluate/flags", Some("{}")),
        ("GET", "/api/v1/namespaces/default/flags", None),
        ("GET", "/api/v2/storages", None),
    ];
    for (method, path, body) in surfaces {
        let none = server.send(method, path, &[], body);
        assert_eq!(none.status, 401, "{path}");
        let headers = |answer: &Answer| {
            let kept = answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
            kept.cloned().collect::<std::collections::BTreeSet<_>>()
        };
        // All of them on one surface; on the others some, for it is one place that judges.
        let all = path == "/api/v2/storages";
        for token in bad.iter().step_by(if all { 1 } else { 5 }) {
            for scheme in ["JWT", "Bearer"].into_iter().take(if all { 2 } else { 1 }) {
                let answer = server.send(method, path, &[("Authorization", &format!("{scheme} {token}"))], body);
                let shown = token.get(..60).unwrap_or(token);
                assert_eq!((answer.status, &answer.body), (401, &none.body), "{path}: {scheme} {shown}");
                assert_eq!(headers(&answer), headers(&none), "{path}: {scheme} {shown}");
            }
        }
    }
    assert_eq!(status(&server, &good), 200, "and the good one is good still");
}

#[test]
fn what_a_token_may_do_is_what_its_claims_say() {
    let signer = Signer::new("one");
    let keys = Arc::new(KeySet::of_jwks(signer.keys().as_bytes()).unwrap());
    let grant = Grant { claim: Some("/flags/scopes".to_owned()), scopes: Some(Scopes::default()) };
    let server = server(Keys::Fixed(keys), Rules { grant, ..rules() });
    let with = |claims: &Value, method: &str, path: &str, body: Option<&str>| {
        let header = format!("JWT {}", signer.token(claims));
        server.send(method, path, &[("Authorization", &header)], body).status
    };
    let evaluate = |claims: &Value| {
        with(claims, "POST", "/evaluate/v1/boolean", Some(r#"{"flagKey":"on","entityId":"e","environmentKey":"main"}"#))
    };
    let list = |claims: &Value| with(claims, "GET", "/api/v2/storages", None);
    let scopes = |scopes: &[&str]| json!({"flags": {"scopes": scopes}});
    assert_eq!((evaluate(&scopes(&["read"])), list(&scopes(&["read"]))), (200, 200));
    assert_eq!((evaluate(&scopes(&["evaluate:main"])), list(&scopes(&["evaluate:main"]))), (200, 403));
    assert_eq!(evaluate(&scopes(&["evaluate:other"])), 403);
    assert_eq!(evaluate(&scopes(&["nonsense"])), 403);
    assert_eq!(evaluate(&json!({})), 403);
}

#[test]
fn keys_rotate_and_whoever_asks_with_an_unknown_one_wakes_one_fetch() {
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let publisher = Publisher::start(Reply::good(one.keys()));
    let quiet = Pace { interval: Duration::from_secs(3_600), ..QUICK };
    let (server, published) = following(&publisher, quiet);
    let (old, new) = (one.token(&json!({})), two.token(&json!({})));
    wait_until("the first keys", || status(&server, &old) == 200);
    assert_eq!(status(&server, &new), 401);

    // Both keys, as an issuer publishes them while the one replaces the other.
    publisher.say(Reply::good(json!({"keys": [one.jwk(), two.jwk()]}).to_string()));
    wait_until("the new key", || status(&server, &new) == 200);
    assert_eq!(status(&server, &old), 200);

    // The old one is taken back. Nobody tells; the next fetch does.
    publisher.say(Reply::good(two.keys()));
    let three = Signer::new("three").token(&json!({}));
    wait_until("the end of the old key", || {
        status(&server, &three);
        status(&server, &old) == 401
    });
    assert_eq!(status(&server, &new), 200);

    // A flood of unknown keys: one fetch a pause.
    let (before, begun) = (publisher.asked(), Instant::now());
    for _ in 0..300 {
        assert_eq!(status(&server, &three), 401);
    }
    let pauses = begun.elapsed().as_millis() / QUICK.pause.as_millis();
    let fetches = publisher.asked() - before;
    assert!(fetches as u128 <= pauses + 2, "{fetches} fetches in {pauses} pauses");
    assert_eq!((published.health().keys, published.health().failure), (1, None));
}

#[test]
fn an_issuer_in_trouble_costs_its_clients_nothing() {
    let signer = Signer::new("one");
    let publisher = Publisher::start(Reply::good(signer.keys()));
    let (server, published) = following(&publisher, QUICK);
    let token = signer.token(&json!({}));
    wait_until("the first keys", || status(&server, &token) == 200);
    let text = |head: &'static str, body: &str| Reply::Text(head, body.to_owned());
    let deep = format!("{{\"keys\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for (reply, reason) in [
        (text("500 Internal Server Error", ""), "HTTP status 500"),
        (text("503 Service Unavailable\r\nRetry-After: 86400", ""), "HTTP status 503"),
        (text("302 Found\r\nLocation: http://127.0.0.1:1/keys", ""), "HTTP status 302"),
        (text("404 Not Found", &signer.keys()), "HTTP status 404"),
        (text("200 OK", "<html>Sign in</html>"), "no JSON Web Key Set"),
        (text("200 OK", ""), "no JSON Web Key Set"),
        (text("200 OK", &deep), "no JSON Web Key Set"),
        (text("200 OK", &format!("{}{}", signer.keys(), signer.keys())), "no JSON Web Key Set"),
        (text("200 OK", r#"{"keys":[]}"#), "no usable key"),
        (text("200 OK", r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"one"}]}"#), "no usable key"),
        (Reply::Blanks(limits::JWKS_BYTES + 1), "larger than"),
        (Reply::Half, "no answer in time"),
        (Reply::Silence, "no answer in time"),
        (Reply::Hangup, ""),
    ] {
        publisher.say(reply);
        wait_until(&format!("{reason:?}"), || {
            // However long the issuer takes, nobody waits for it.
            let begun = Instant::now();
            assert_eq!(status(&server, &token), 200, "{reason}");
            assert_eq!(status(&server, &Signer::new("two").token(&json!({}))), 401);
            assert!(begun.elapsed() < Duration::from_secs(5), "{reason}: {:?}", begun.elapsed());
            published.health().failure.is_some_and(|failure| failure.contains(reason))
        });
    }
    publisher.say(Reply::good(signer.keys()));
    wait_until("the recovery", || published.health().failure.is_none());
    assert_eq!(status(&server, &token), 200);
}

#[test]
fn an_issuer_that_is_down_at_the_start_is_awaited_behind_the_requests() {
    let signer = Signer::new("one");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let source = Source { url: format!("http://{address}/keys").parse().unwrap(), ca_certificate: None };
    let published = Arc::new(Published::new(source, QUICK));
    let server = server(Keys::Published(published.clone()), rules());
    let renewed = published.clone();
    server.runtime.spawn(async move { renewed.renew().await });
    let token = signer.token(&json!({}));
    wait_until("the failure", || published.health().failure.is_some());
    assert_eq!((status(&server, &token), published.health().age_seconds), (401, None));
    assert_eq!(asked_with(&server, "Bearer golden-token").status, 200, "tokens do not need the issuer");

    // Somebody else may have taken the port meanwhile; then there is nothing to see.
    let Ok(listener) = std::net::TcpListener::bind(address) else { return };
    let _publisher = Publisher::on(listener, Reply::good(signer.keys()));
    wait_until("the keys", || status(&server, &token) == 200);
}

#[test]
fn keys_that_cannot_be_renewed_do_not_count_for_ever() {
    let signer = Signer::new("one");
    let publisher = Publisher::start(Reply::good(signer.keys()));
    let (server, published) = following(&publisher, Pace { kept: Duration::from_millis(500), ..QUICK });
    let token = signer.token(&json!({}));
    wait_until("the first keys", || status(&server, &token) == 200);
    publisher.say(Reply::Hangup);
    wait_until("the end of the keys", || status(&server, &token) == 401);
    assert_eq!(published.health().keys, 0);
    publisher.say(Reply::good(signer.keys()));
    wait_until("their return", || status(&server, &token) == 200);
}

#[test]
fn keys_come_over_tls_from_whom_the_file_trusts() {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::io::{Read as _, Write as _};
    let signer = Signer::new("one");
    let (certificate, key) = (super::tls::file("certificate.pem"), super::tls::file("key.pem"));
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
        .unwrap();
    let (config, keys) = (Arc::new(config), signer.keys());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the process; nothing waits for it.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut head = [0; 2_048];
            if stream.read(&mut head).is_ok() {
                let length = keys.len();
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{keys}");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    let following = |ca_certificate| {
        let url = format!("https://localhost:{}/keys", address.port()).parse().unwrap();
        let published = Arc::new(Published::new(Source { url, ca_certificate }, QUICK));
        let server = server(Keys::Published(published.clone()), rules());
        let renewed = published.clone();
        server.runtime.spawn(async move { renewed.renew().await });
        (server, published)
    };
    let (server, published) = following(None);
    wait_until("the refusal", || published.health().failure.is_some_and(|why| why.starts_with("TLS: ")));
    assert_eq!(status(&server, &signer.token(&json!({}))), 401);
    let (server, _) = following(Some(std::fs::read(certificate).unwrap()));
    wait_until("the keys", || status(&server, &signer.token(&json!({}))) == 200);
}

#[test]
fn the_issuer_says_how_long_its_keys_are_fresh_within_bounds() {
    let signer = Signer::new("one");
    let head = "200 OK\r\nCache-Control: public, max-age=0";
    let publisher = Publisher::start(Reply::Text(head, signer.keys()));
    let lazy = Pace { interval: Duration::from_secs(3_600), ..QUICK };
    let (_server, _) = following(&publisher, lazy);
    wait_until("the next fetches", || publisher.asked() >= 3);
}

#[test]
fn a_daemon_serves_jwts_as_its_file_says_and_keeps_the_keys_over_a_reload() {
    let signer = Signer::new("one");
    let publisher = Publisher::start(Reply::good(signer.keys()));
    let directory = tempfile::tempdir().unwrap();
    let config = |more: &str| {
        let text = format!(
            "server: {{host: 127.0.0.1, http_port: 0}}\nstate: {{directory: {}}}\nauthentication: {{required: true, \
             methods: {{jwt: {{enabled: true, jwks_url: '{}', validate_claims: {{audiences: [flags]{more}}}}}}}}}\n",
            directory.path().display(),
            publisher.url()
        );
        config::load(&text, "config.yml", &std::collections::BTreeMap::new(), &|path| std::fs::read(path)).unwrap()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let daemon = runtime.block_on(Daemon::start(config(""), Arc::new(clock::System))).unwrap();
    let asked = |token: &str| {
        let header = format!("JWT {token}");
        wire::send(daemon.address(), "GET", "/api/v2/storages", &[("Authorization", &header)], None).status
    };
    let token = signer.token(&json!({}));
    wait_until("the keys", || asked(&token) == 200);
    let metrics = || wire::send(daemon.address(), "GET", "/metrics", &[], None).text();
    wait_until("the metrics", || metrics().contains("yardarm_jwt_keys 1\n"));
    assert!(metrics().contains("yardarm_jwt_keys_failing 0\n"));

    runtime.block_on(daemon.reload(config(", issuer: 'https://another.test'")));
    assert_eq!(asked(&token), 401, "another rule, with the keys that are there");
    assert_eq!(asked(&signer.token(&json!({"iss": "https://another.test"}))), 200);
    assert_eq!(publisher.asked(), 1, "nothing was fetched again");
    runtime.block_on(daemon.stop());
}
