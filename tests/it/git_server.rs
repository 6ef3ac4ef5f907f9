//! A real Git server on loopback, over HTTP or TLS, that fails when it is told to.
#![allow(unreachable_pub)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use yardarm::git::backend::{Backend, Request};
use yardarm::git::program::{Commit, Format, Repository};
use yardarm::git::{Error, FetchRequest, Fetched, Mirror, Remote};

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another status, with headers.
    Status(u16, Vec<(&'static str, String)>),
    /// A status of success with another body.
    Instead(&'static str, String),
    /// The right answer, a byte at a time.
    Trickle(Duration),
    /// No answer.
    Stall,
    /// The right answer, cut after so many bytes of its body.
    Cut(usize),
    /// An answer without end.
    Endless,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub target: String,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

impl Seen {
    /// `capabilities`, `ls-refs`, `fetch` or the path.
    pub fn what(&self) -> String {
        let says = |text: &str| self.body.windows(text.len()).any(|part| part == text.as_bytes());
        if self.target.contains("/info/refs") {
            "capabilities".to_owned()
        } else if says("command=ls-refs") {
            "ls-refs".to_owned()
        } else if says("command=fetch") {
            "fetch".to_owned()
        } else {
            self.target.clone()
        }
    }
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Vec<(&'static str, Fault)>>,
    answers: Mutex<VecDeque<(String, String)>>,
    redirects: Mutex<Vec<(String, String)>>,
    authorization: Mutex<Option<String>>,
    connections: AtomicUsize,
    close: AtomicUsize,
}

/// The server; its repositories are below `root`.
pub struct Server {
    pub root: TempDir,
    pub address: SocketAddr,
    shared: Arc<Shared>,
    scheme: &'static str,
    pub certificate: Option<String>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// With a certificate of its own authority.
    pub fn start_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        Self::start_with(Some((made.cert.pem(), made.cert.der().to_vec(), made.signing_key.serialize_der())))
    }

    fn start_with(certificate: Option<(String, Vec<u8>, Vec<u8>)>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::default());
        let backend = Backend::new(root.path(), Duration::from_secs(30));
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let acceptor = certificate.as_ref().map(|(_, der, key)| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![CertificateDer::from(der.clone())],
                    PrivateKeyDer::try_from(key.clone()).unwrap(),
                )
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        });
        let (told, address) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let known = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, acceptor, known, backend) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address.recv().unwrap();
        let certificate = certificate.map(|(pem, ..)| pem);
        Self { root, address, shared, scheme, certificate, _stop: stop }
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.origin())
    }

    pub fn remote(&self, name: &str) -> Remote {
        remote(&self.url(name))
    }

    /// From now on, requests of this kind (`Seen::what`, or `""` for all) fail so; `clear` ends it.
    pub fn fault(&self, what: &'static str, fault: Fault) {
        self.shared.faults.lock().unwrap().push((what, fault));
    }

    pub fn clear(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// Answers a path with JSON, status 201.
    pub fn answer(&self, path: &str, json: String) {
        self.shared.answers.lock().unwrap().push_back((path.to_owned(), json));
    }

    /// Sends whoever asks for this path somewhere else.
    pub fn redirect(&self, path: &str, to: &str) {
        self.shared.redirects.lock().unwrap().push((path.to_owned(), to.to_owned()));
    }

    /// Refuses whoever does not send this.
    pub fn demand(&self, authorization: &str) {
        *self.shared.authorization.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Closes every connection once it has been idle: whoever uses it again finds it dead.
    pub fn close_idle(&self) {
        self.shared.close.fetch_add(1, Ordering::SeqCst);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// What was asked for since the last call.
    pub fn asked(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().drain(..).map(|seen| seen.what()).collect()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>, backend: Backend) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, shared, backend) = (acceptor.clone(), Arc::clone(&shared), backend.clone());
        tokio::spawn(async move {
            match acceptor {
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = connection(stream, shared, backend).await;
                    }
                }
                None => {
                    let _ = connection(stream, shared, backend).await;
                }
            }
        });
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    shared: Arc<Shared>,
    backend: Backend,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    let close = shared.close.load(Ordering::SeqCst);
    while let Some((seen, request)) = read(&mut stream, &mut buffer).await? {
        // Told to close in the meantime: as a server does whose patience ended while the request was under way.
        if shared.close.load(Ordering::SeqCst) != close {
            return Ok(());
        }
        let what = seen.what();
        let authorization = seen.authorization.clone();
        let path = request.path.clone();
        shared.seen.lock().unwrap().push(seen);
        let fault = {
            let faults = shared.faults.lock().unwrap();
            faults.iter().find(|(kind, _)| kind.is_empty() || *kind == what).map(|(_, fault)| fault.clone())
        };
        let json = {
            let mut answers = shared.answers.lock().unwrap();
            let at = answers.iter().position(|(known, _)| *known == path);
            at.and_then(|at| answers.remove(at)).map(|(_, json)| json)
        };
        if let Some(json) = json {
            send(&mut stream, 201, &[("content-type", "application/json".to_owned())], json.as_bytes()).await?;
            continue;
        }
        let demanded = shared.authorization.lock().unwrap().clone();
        if demanded.is_some() && authorization != demanded {
            send(&mut stream, 401, &[("www-authenticate", "Basic realm=\"test\"".to_owned())], b"").await?;
            continue;
        }
        let redirect = shared.redirects.lock().unwrap().iter().find(|(known, _)| *known == path).cloned();
        if let Some((_, to)) = redirect {
            send(&mut stream, 301, &[("location", to)], b"").await?;
            continue;
        }
        match fault {
            Some(Fault::Status(status, headers)) => {
                send(&mut stream, status, &headers, b"a body that nobody reads").await?;
                continue;
            }
            Some(Fault::Instead(kind, body)) => {
                send(&mut stream, 200, &[("content-type", kind.to_owned())], body.as_bytes()).await?;
                continue;
            }
            Some(Fault::Stall) => {
                // Until the other side gives up.
                let mut rest = [0; 1];
                let _ = stream.read(&mut rest).await;
                return Ok(());
            }
            Some(Fault::Endless) => {
                let kind = "application/x-git-upload-pack-advertisement";
                head(&mut stream, 200, &[("content-type", kind.to_owned())], "transfer-encoding: chunked").await?;
                let chunk = vec![b'x'; 65536];
                loop {
                    stream.write_all(b"10000\r\n").await?;
                    stream.write_all(&chunk).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
            _ => {}
        }
        let response = backend.serve(request).await.map_err(std::io::Error::other)?;
        let (status, headers) = (response.status, response.headers.clone());
        let body = response.bytes().await.unwrap_or_default();
        let headers: Vec<(&str, String)> = headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let length = format!("content-length: {}", body.len());
        match fault {
            Some(Fault::Trickle(every)) => {
                head(&mut stream, status, &headers, &length).await?;
                let mut tick = tokio::time::interval(every);
                for byte in body {
                    tick.tick().await;
                    stream.write_all(&[byte]).await?;
                    stream.flush().await?;
                }
            }
            Some(Fault::Cut(after)) => {
                head(&mut stream, status, &headers, &length).await?;
                stream.write_all(&body[..after.min(body.len())]).await?;
                stream.flush().await?;
                return Ok(());
            }
            _ => send(&mut stream, status, &headers, &body).await?,
        }
    }
    Ok(())
}

async fn head<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &[(&str, String)],
    framing: &str,
) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} -\r\n{framing}\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value.as_str(), "\r\n"]);
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await
}

async fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<()> {
    head(stream, status, headers, &format!("content-length: {}", body.len())).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> std::io::Result<Option<(Seen, Request)>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default().to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some() {
        loop {
            let line = loop {
                if let Some(at) = buffer.windows(2).position(|part| part == b"\r\n") {
                    break String::from_utf8_lossy(&buffer.drain(..at + 2).collect::<Vec<_>>()).trim().to_owned();
                }
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            };
            let size = usize::from_str_radix(&line, 16).map_err(std::io::Error::other)?;
            while buffer.len() < size + 2 {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            body.extend(buffer.drain(..size));
            buffer.drain(..2);
            if size == 0 {
                break;
            }
        }
    } else {
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while buffer.len() < length {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        body.extend(buffer.drain(..length));
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        git_protocol: header("git-protocol"),
        remote_user: Some("ada".to_owned()),
        body: body.clone().into(),
    };
    Ok(Some((Seen { target: target.clone(), authorization: header("authorization"), body }, request)))
}

/// A remote without a credential.
pub fn remote(url: &str) -> Remote {
    Remote { url: url.to_owned(), credential: None, provider: None, ca_certificate: None, insecure_skip_tls: false }
}

/// A repository of the server with one commit on `main`, and its id.
pub fn flags(server: &Server, name: &str) -> (Repository, String) {
    let repository = Repository::init(&server.root.path().join(name), Format::Sha1).unwrap();
    let id = push(&repository, "main", 1);
    (repository, id)
}

/// A commit whose content follows from `number`.
pub fn push(repository: &Repository, branch: &str, number: i64) -> String {
    let text = format!("version: \"1.4\"\nnamespace: default\nflags:\n  - key: flag\n    name: Flag {number}\n");
    let files = [("production/features.yaml", Some(text.as_bytes())), ("README.md", Some(&b"flags\n"[..]))];
    let message = format!("change {number}");
    let commit = Commit { branch, files: &files, message: &message, seconds: 1_700_000_000 + number };
    repository.commit(&commit).unwrap()
}

/// A fetch of these branches with time enough.
pub fn fetch(mirror: &Mirror, remote: &Remote, branches: &[&str]) -> Result<Fetched, Error> {
    fetch_within(mirror, remote, branches, Duration::from_secs(30))
}

pub fn fetch_within(mirror: &Mirror, remote: &Remote, branches: &[&str], deadline: Duration) -> Result<Fetched, Error> {
    mirror.fetch(remote, &request(branches, None, deadline), &Arc::default())
}

pub fn request(branches: &[&str], expected: Option<&str>, deadline: Duration) -> FetchRequest {
    FetchRequest {
        branches: branches.iter().map(|branch| (*branch).to_owned()).collect(),
        expected: expected.map(str::to_owned),
        deadline,
    }
}

/// A mirror that is not there yet.
pub fn mirror(directory: &Path) -> Mirror {
    Mirror::open(&directory.join("mirror")).unwrap().0
}

/// The flag file of a commit.
pub fn features(mirror: &Mirror, commit: &str) -> String {
    let entries = mirror.entries(commit, "production", &|path| path == "features.yaml").unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    String::from_utf8(mirror.blob(&entries[0].blob, 1 << 20).unwrap()).unwrap()
}
