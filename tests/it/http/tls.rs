//! The main listener with a certificate of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
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

#[test]
fn requests_and_streams_are_served_over_tls() {
    let server =
        Server::on(state(vec![environment("main", true)], Settings::default()), &config("certificate.pem", "key.pem"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(client), name).unwrap();
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
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
