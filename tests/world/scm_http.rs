//! A provider's API over HTTP, on loopback: the simulators as the daemon and its commands meet them.

#![allow(dead_code, unreachable_pub)]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scm::plain::Plain;
use super::scm::{Asked, Dialect, Scm};
use yardarm::provider::Provider;

/// It serves until it is dropped.
pub struct Server {
    pub scm: Arc<Scm>,
    /// Root of the API.
    pub root: String,
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves a world below a path (`/api/v3`).
    pub fn start(provider: Provider, path: &'static str, dialect: Box<dyn Dialect>, plain: Plain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let origin = format!("http://{address}");
        let root = format!("{origin}{path}");
        let scm = Arc::new(Scm::new(provider, &root, dialect, plain));
        let over = Arc::<AtomicBool>::default();
        let (served, ended) = (scm.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (scm, origin) = (served.clone(), origin.clone());
                // A client that goes away in the middle is its own affair.
                std::thread::spawn(move || stream.and_then(|stream| converse(&scm, &origin, stream)));
            }
        });
        Self { scm, root, address, over, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers what comes over one connection, one request after another.
fn converse(scm: &Scm, origin: &str, stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method);
        let method = known.unwrap_or("OTHER");
        let mut headers = std::collections::BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let whole = format!("{origin}{target}");
        let Some(rest) = scm.below(&whole) else {
            reader.get_mut().write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        };
        let url = url::Url::parse(&format!("http://world{rest}")).map_err(io::Error::other)?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credential = headers.get("authorization").or_else(|| headers.get("private-token"));
        let credential = credential.map(|credential| basic(credential).unwrap_or_else(|| credential.clone()));
        let asked = Asked {
            method,
            path: url.path().split('/').filter(|segment| !segment.is_empty()).map(decoded).collect(),
            query: url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            headers,
            body: serde_json::from_slice(&body).ok(),
            credential,
        };
        // No answer is a connection that ends.
        let Some(answer) = scm.answer(&asked) else { return Ok(()) };
        let mut head = format!("HTTP/1.1 {} Answer\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !matches!(answer.status, 204 | 304) {
            head.extend(["content-length: ", &answer.body.len().to_string(), "\r\n"]);
        }
        let out = reader.get_mut();
        out.write_all(head.as_bytes())?;
        out.write_all(b"\r\n")?;
        out.write_all(&answer.body)?;
        out.flush()?;
    }
}

/// User and password of `Basic`, as the worlds look for a token in it.
fn basic(credential: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(credential.strip_prefix("Basic ")?).ok()?).ok()
}
