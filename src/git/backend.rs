//! A Git smart-HTTP server for the demo and the tests: `git http-backend` run as the CGI program that it is.
//!
//! It takes a request as values and answers one, so that any HTTP server can stand in front of it. It checks nobody's
//! credential and is not for the network at large: it belongs on loopback.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Error, program};

/// Lines of a CGI head; `http-backend` sends about six.
const HEAD_LINES: usize = 64;
/// Bytes of the answer that are read at one time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bare repositories below one directory, served over smart HTTP.
#[derive(Debug, Clone)]
pub struct Backend {
    root: PathBuf,
    deadline: Duration,
}

/// A request as the HTTP server has it. The body is whole: pushes of flags are small.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Percent-decoded path below the root: `/flags.git/info/refs`.
    pub path: String,
    /// Behind the `?`, without it.
    pub query: String,
    /// Header `Content-Type`.
    pub content_type: Option<String>,
    /// Header `Content-Encoding`; `git` compresses large requests.
    pub content_encoding: Option<String>,
    /// Header `Git-Protocol`: `version=2`.
    pub git_protocol: Option<String>,
    /// Who pushes, once the server in front has checked it; without a name a push is refused by Git.
    pub remote_user: Option<String>,
    /// Body.
    pub body: Bytes,
}

/// The answer; the body comes as it is made.
#[derive(Debug)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers, among them `Content-Type` and those against caches.
    pub headers: Vec<(String, String)>,
    /// Ends with an error if Git's program failed or took too long; dropping it ends the program.
    pub body: mpsc::Receiver<io::Result<Bytes>>,
}

impl Response {
    /// The whole body.
    ///
    /// # Errors
    /// What ended it early.
    pub async fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.recv().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole)
    }
}

impl Backend {
    /// Serves the bare repositories below `root`; no request takes longer than `deadline`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, deadline: Duration) -> Self {
        Self { root: root.into(), deadline }
    }

    /// Answers one request. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Local`] if there is no `git` program, [`Error::Deadline`], [`Error::Protocol`] if it answers no CGI.
    pub async fn serve(&self, request: Request) -> Result<Response, Error> {
        let until = Instant::now() + self.deadline;
        let local = |error: io::Error| Error::Local(format!("git http-backend: {error}"));
        let mut child = self.command(&request).spawn().map_err(local)?;
        if let Some(mut stdin) = child.stdin.take() {
            let body = request.body;
            // Beside the reading: a program that answers before it has read everything would block both.
            tokio::spawn(async move {
                let _ = timeout_at(until, stdin.write_all(&body)).await;
            });
        }
        let stdout = child.stdout.take().ok_or_else(|| Error::Local("git http-backend has no output".to_owned()))?;
        let mut output = BufReader::with_capacity(CHUNK_BYTES, stdout);
        let (status, headers) =
            timeout_at(until, head(&mut output)).await.map_err(|_| Error::Deadline(self.deadline))??;
        let (sender, body) = mpsc::channel(4);
        tokio::spawn(relay(child, output, sender, until));
        Ok(Response { status, headers, body })
    }

    fn command(&self, request: &Request) -> Command {
        let mut command = Command::from(program::command());
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("SERVER_PROTOCOL", "HTTP/1.1")
            .env("REMOTE_ADDR", "127.0.0.1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        for (name, value) in [
            ("CONTENT_TYPE", &request.content_type),
            ("HTTP_CONTENT_ENCODING", &request.content_encoding),
            ("GIT_PROTOCOL", &request.git_protocol),
            ("HTTP_GIT_PROTOCOL", &request.git_protocol),
            ("REMOTE_USER", &request.remote_user),
        ] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }
}

/// `Status:` and the other headers, up to the empty line.
async fn head(output: &mut BufReader<ChildStdout>) -> Result<(u16, Vec<(String, String)>), Error> {
    let odd = |what: &str| Error::Protocol(format!("git http-backend: {what}"));
    let mut status = 200;
    let mut headers = Vec::new();
    for _ in 0..HEAD_LINES {
        let mut line = String::new();
        let read = output.read_line(&mut line).await.map_err(|error| odd(&error.to_string()))?;
        if read == 0 {
            return Err(odd("it ended without an answer"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| odd("a line of its head is no header"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            status = code.parse().map_err(|_| odd("its status is no number"))?;
        } else {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Err(odd("its head does not end"))
}

/// Passes the body on until the program ends, the reader is gone or time is up; the program ends with it.
async fn relay(
    mut child: Child,
    mut output: BufReader<ChildStdout>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    until: Instant,
) {
    let passed = timeout_at(until, async {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = output.read(&mut chunk).await?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return child.wait().await;
            };
            if sender.send(Ok(Bytes::copy_from_slice(bytes))).await.is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    })
    .await;
    let failed = match passed {
        Ok(Ok(status)) if status.success() => return,
        Ok(Ok(status)) => io::Error::other(format!("git http-backend: {status}")),
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    let _ = sender.send(Err(failed)).await;
}

#[cfg(test)]
mod tests {
    use super::program::{Commit, Format, Repository};
    use super::*;

    fn get(path: &str) -> Request {
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: "service=git-upload-pack".to_owned(),
            git_protocol: Some("version=2".to_owned()),
            ..Request::default()
        }
    }

    #[tokio::test]
    async fn it_speaks_smart_http_of_version_2_for_a_real_repository() {
        let root = tempfile::tempdir().unwrap();
        let repository = Repository::init(&root.path().join("flags.git"), Format::Sha1).unwrap();
        let files = [("features.yaml", Some(&b"version: \"1.4\"\n"[..]))];
        let commit = Commit { branch: "main", files: &files, message: "first", seconds: 1_700_000_000 };
        let id = repository.commit(&commit).unwrap();
        assert_eq!(repository.tip("main").unwrap().as_deref(), Some(id.as_str()));

        let backend = Backend::new(root.path(), Duration::from_secs(20));
        let response = backend.serve(get("/flags.git/info/refs")).await.unwrap();
        assert_eq!(response.status, 200);
        let kind = ("Content-Type".to_owned(), "application/x-git-upload-pack-advertisement".to_owned());
        assert!(response.headers.contains(&kind), "{:?}", response.headers);
        let body = response.bytes().await.unwrap();
        assert!(body.windows(9).any(|bytes| bytes == b"version 2"), "{}", String::from_utf8_lossy(&body));

        let missing = backend.serve(get("/other.git/info/refs")).await.unwrap();
        assert_eq!(missing.status, 404);
    }

    #[tokio::test]
    async fn the_deadline_ends_the_program() {
        let root = tempfile::tempdir().unwrap();
        let backend = Backend::new(root.path(), Duration::ZERO);
        assert!(matches!(backend.serve(get("/flags.git/info/refs")).await, Err(Error::Deadline(_))));
    }
}
