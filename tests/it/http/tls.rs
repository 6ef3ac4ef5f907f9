//! The main listener with a certificate of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use yardarm::app::Daemon;
use yardarm::clock;
use yardarm::config;
use yardarm::fault::Class;
use yardarm::http::Settings;
use yardarm::http::certificate::{Certificate, Look};
use yardarm::http::serve::BindError;

use super::issuer::wait_until;
use super::server::{Server, environment, publish, state};
use super::wire;

pub(super) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name)
}

pub(super) fn config(certificate: &str, key: &str) -> config::Server {
    let tls = config::Tls { certificate: file(certificate), key: file(key) };
    config::Server { host: "127.0.0.1".to_owned(), port: 0, tls: Some(tls), webhook: None }
}

/// A connection that trusts both certificates of the fixtures.
fn connect(address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    for name in ["certificate.pem", "renewed.pem"] {
        roots.add(CertificateDer::from_pem_file(file(name)).unwrap()).unwrap();
    }
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(client), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    StreamOwned::new(connection, socket)
}

#[test]
fn requests_and_streams_are_served_over_tls() {
    let server =
        Server::on(state(vec![environment("main", true)], Settings::default()), &config("certificate.pem", "key.pem"));
    let mut stream = connect(server.address);
    write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The server may close without a farewell.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{\"status\":\"SERVING\"}"), "{answer}");
}

#[test]
fn what_cannot_be_bound_says_what_is_wrong_with_it() {
    let state = state(vec![environment("main", true)], Settings::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bind = |config: &config::Server| {
        runtime.block_on(async { yardarm::http::serve::bind(&state, config) }).map(|listening| {
            runtime.block_on(listening.stop());
        })
    };
    let error = bind(&config("missing.pem", "key.pem")).unwrap_err();
    assert!(matches!(&error, BindError::Pem { path, .. } if path.ends_with("missing.pem")), "{error}");
    let error = bind(&config("certificate.pem", "certificate.pem")).unwrap_err();
    assert!(matches!(&error, BindError::Pem { path, .. } if path.ends_with("certificate.pem")), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = bind(&config::Server { host: "127.0.0.1".to_owned(), port, tls: None, webhook: None }).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{port}"));
    assert_eq!(error.class(), Class::Operator);
}

#[test]
fn a_reload_renews_the_certificate_and_takes_nothing_over_with_a_bad_one() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let put = |certificate: &str, key: &str| {
        std::fs::copy(file(certificate), place("c.pem")).unwrap();
        std::fs::copy(file(key), place("k.pem")).unwrap();
    };
    let config = |environment: &str| {
        let at = directory.path().display();
        let text = format!(
            "server: {{host: 127.0.0.1, protocol: https, https_port: 0, cert_file: {at}/c.pem, cert_key: {at}/k.pem}}\n\
             state: {{directory: {at}/state}}\nenvironments: {{{environment}: {{}}}}\n"
        );
        config::load(&text, "config.yml", &std::collections::BTreeMap::new(), &|path| std::fs::read(path)).unwrap()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    put("certificate.pem", "key.pem");
    let daemon = runtime.block_on(Daemon::start(config("one"), Arc::new(clock::System))).unwrap();
    let presented = |name: &str| {
        let mut stream = connect(daemon.address());
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let expected = CertificateDer::from_pem_file(file(name)).unwrap();
        stream.conn.peer_certificates().unwrap() == [expected]
    };
    assert!(presented("certificate.pem"));

    // Not at the next look at the files, which may come at any moment: at once.
    put("renewed.pem", "renewed-key.pem");
    runtime.block_on(daemon.reload(config("two")));
    assert!(presented("renewed.pem"));
    assert!(daemon.environments().get("two").is_some());

    put("certificate.pem", "renewed-key.pem");
    runtime.block_on(daemon.reload(config("three")));
    assert!(presented("renewed.pem"), "a certificate was taken with the key of another");
    assert!(daemon.environments().get("two").is_some() && daemon.environments().get("three").is_none());
    runtime.block_on(daemon.stop());
}

/// A directory in which a certificate and its key are put and changed.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.put("certificate.pem", "c.pem");
        place.put("key.pem", "k.pem");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, fixture: &str, name: &str) {
        std::fs::copy(file(fixture), self.at(name)).unwrap();
    }

    fn config(&self) -> config::Server {
        let tls = config::Tls { certificate: self.at("c.pem"), key: self.at("k.pem") };
        config::Server { tls: Some(tls), ..config("certificate.pem", "key.pem") }
    }
}

fn serving(place: &Place) -> (Server, Arc<Certificate>) {
    let server = Server::on(state(vec![environment("main", true)], Settings::default()), &place.config());
    let certificate = server.listening.as_ref().unwrap().certificate().unwrap();
    (server, certificate)
}

/// Whether new handshakes are answered with this certificate.
fn presents(address: SocketAddr, name: &str) -> bool {
    let mut stream = connect(address);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    stream.conn.peer_certificates().unwrap() == [CertificateDer::from_pem_file(file(name)).unwrap()]
}

#[test]
fn a_half_written_pair_is_never_taken_and_told_of_once() {
    let place = Place::new();
    let (server, certificate) = serving(&place);
    assert!(matches!(certificate.look(), Look::Same));
    // The certificate comes first, and the key a while after it.
    place.put("renewed.pem", "c.pem");
    assert!(matches!(certificate.look(), Look::Same), "it may be that the key is on its way");
    assert!(presents(server.address, "certificate.pem"));
    assert!(matches!(certificate.look(), Look::Unusable(_)), "now it has been so for a while");
    assert!(matches!((certificate.look(), certificate.look()), (Look::Same, Look::Same)), "once");
    assert!(presents(server.address, "certificate.pem"));
    place.put("renewed-key.pem", "k.pem");
    assert!(matches!(certificate.look(), Look::Renewed));
    assert!(presents(server.address, "renewed.pem"));
    assert!(matches!(certificate.look(), Look::Same));

    // Cut off, empty, gone, and back again.
    let whole = std::fs::read(file("certificate.pem")).unwrap();
    for half in [&whole[..whole.len() / 2], b"", b"-----BEGIN CERTIFICATE-----\n"] {
        std::fs::write(place.at("c.pem"), half).unwrap();
        assert!(matches!(certificate.look(), Look::Same));
        assert!(matches!(certificate.look(), Look::Unusable(BindError::Pem { .. } | BindError::Tls(_))));
    }
    std::fs::remove_file(place.at("c.pem")).unwrap();
    assert!(matches!((certificate.look(), certificate.look()), (Look::Same, Look::Unusable(_))));
    place.put("certificate.pem", "c.pem");
    assert!(matches!(certificate.look(), Look::Same), "with the key of the other");
    place.put("key.pem", "k.pem");
    assert!(matches!(certificate.look(), Look::Renewed));
    assert!(presents(server.address, "certificate.pem"));
}

/// As Kubernetes mounts a secret: links into a directory that is itself a link, which is turned in one step.
#[test]
fn a_turned_link_is_a_renewal() {
    use std::os::unix::fs::symlink;
    let place = Place(tempfile::tempdir().unwrap());
    for (version, certificate, key) in [("v1", "certificate.pem", "key.pem"), ("v2", "renewed.pem", "renewed-key.pem")]
    {
        std::fs::create_dir(place.at(version)).unwrap();
        place.put(certificate, &format!("{version}/c.pem"));
        place.put(key, &format!("{version}/k.pem"));
    }
    symlink("v1", place.at("..data")).unwrap();
    symlink("..data/c.pem", place.at("c.pem")).unwrap();
    symlink("..data/k.pem", place.at("k.pem")).unwrap();
    let (server, certificate) = serving(&place);
    assert!(presents(server.address, "certificate.pem") && matches!(certificate.look(), Look::Same));
    symlink("v2", place.at("..tmp")).unwrap();
    std::fs::rename(place.at("..tmp"), place.at("..data")).unwrap();
    assert!(matches!(certificate.look(), Look::Renewed));
    assert!(presents(server.address, "renewed.pem"));
}

#[test]
fn a_daemon_renews_its_certificate_by_itself_and_connections_go_on() {
    let place = Place::new();
    let at = place.0.path().display();
    let text = format!(
        "server: {{host: 127.0.0.1, protocol: https, https_port: 0, cert_file: {at}/c.pem, cert_key: {at}/k.pem}}\n\
         state: {{directory: {at}/state}}\n"
    );
    let config =
        config::load(&text, "config.yml", &std::collections::BTreeMap::new(), &|path| std::fs::read(path)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let daemon = runtime.block_on(Daemon::start(config, Arc::new(clock::System))).unwrap();
    let mut old = connect(daemon.address());
    let mut ask = |path: &str| {
        write!(old, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        let mut buffer = [0; 8_192];
        while !answer.ends_with("{\"status\":\"SERVING\"}") && !answer.contains("# EOF") {
            let read = old.read(&mut buffer).unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        answer
    };
    ask("/health");
    place.put("renewed.pem", "c.pem");
    place.put("renewed-key.pem", "k.pem");
    wait_until("the renewal", || presents(daemon.address(), "renewed.pem"));
    assert!(ask("/health").starts_with("HTTP/1.1 200 OK"));
    // 2126, in seconds since 1970.
    wait_until("the metric", || ask("/metrics").contains("\nyardarm_tls_certificate_expiry_seconds 49"));
    runtime.block_on(daemon.stop());
}

#[test]
fn http_2_carries_evaluations_and_streams_at_one_time() {
    let main = environment("main", true);
    let flags =
        |on| format!("version: \"1.6\"\nflags: [{{key: on, name: on, type: BOOLEAN_FLAG_TYPE, enabled: {on}}}]\n");
    publish(&main, &[("default/features.yaml", &flags(true))]);
    let server = Server::on(state(vec![main], Settings::default()), &config("certificate.pem", "key.pem"));
    let ca_certificate = Some(std::fs::read(file("certificate.pem")).unwrap());
    let client = yardarm::net::client(&yardarm::net::Trust { ca_certificate, insecure: false }).unwrap();
    let base = format!("https://localhost:{}", server.address.port());
    server.runtime.block_on(async {
        let within = |what| async move { tokio::time::timeout(wire::DEADLINE, what).await.unwrap() };
        let mut streams = Vec::new();
        for _ in 0..3 {
            let url = format!("{base}/client/v2/environments/main/namespaces/default/stream");
            let mut stream = within(client.get(url).send()).await.unwrap();
            assert_eq!((stream.status().as_u16(), stream.version()), (200, reqwest::Version::HTTP_2));
            let first = within_chunk(&mut stream).await;
            assert!(first.contains("\"enabled\":true"), "{first}");
            streams.push(stream);
        }
        for _ in 0..50 {
            let request = client.post(format!("{base}/evaluate/v1/boolean"));
            let answer = within(request.body(r#"{"flagKey":"on","entityId":"e"}"#).send()).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
        }
        publish(&server.environment("main"), &[("default/features.yaml", &flags(false))]);
        for stream in &mut streams {
            while !within_chunk(stream).await.contains("\"enabled\":false") {}
        }
    });
}

async fn within_chunk(stream: &mut reqwest::Response) -> String {
    let chunk = tokio::time::timeout(wire::DEADLINE, stream.chunk()).await.unwrap().unwrap().unwrap();
    String::from_utf8(chunk.to_vec()).unwrap()
}

#[test]
fn old_versions_of_tls_are_not_spoken() {
    let place = Place::new();
    let (server, _) = serving(&place);
    for (version, spoken) in [(&rustls::version::TLS12, true), (&rustls::version::TLS13, true)] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.set_read_timeout(Some(wire::DEADLINE)).unwrap();
        assert_eq!(connection.complete_io(&mut socket).is_ok(), spoken);
    }
    // The greeting of a client of TLS 1.0.
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    let hello = [&[0x03, 0x01][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    socket.write_all(&record).unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert_eq!(answer.first(), Some(&0x15), "an alert: {answer:?}");
}
