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
use yardarm::http::serve::BindError;

use super::server::{Server, environment, state};
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

    put("renewed.pem", "renewed-key.pem");
    assert!(presented("certificate.pem"), "nobody asked for a reload");
    runtime.block_on(daemon.reload(config("two")));
    assert!(presented("renewed.pem"));
    assert!(daemon.environments().get("two").is_some());

    put("certificate.pem", "renewed-key.pem");
    runtime.block_on(daemon.reload(config("three")));
    assert!(presented("renewed.pem"), "a certificate was taken with the key of another");
    assert!(daemon.environments().get("two").is_some() && daemon.environments().get("three").is_none());
    runtime.block_on(daemon.stop());
}
