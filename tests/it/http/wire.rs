//! HTTP/1.1 by hand: every byte of a request is the test's, and an answer can be read as it comes.
//!
//! Every answer and every frame of a stream that passes here is held against the daemon's own `OpenAPI` document, and
//! those of OFREP against the specification.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::openapi;

/// How long a test waits for anything.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// All values of a header, joined.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

pub(super) fn joined(headers: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// One request on a connection of its own.
pub(super) fn send(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
    let mut open = open(to, method, path, headers, body);
    let mut body = Vec::new();
    if method != "HEAD" && open.status != 304 {
        open.read_to_end(&mut body);
    }
    let answer = Answer { status: open.status, headers: open.headers, body };
    openapi::check(method, path, headers, &answer);
    answer
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    chunked: bool,
    put_back: String,
    asked: (String, String),
}

/// Sends a request and reads the head of the answer.
pub(super) fn open(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Open {
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None).unwrap();
    // Little room, so that a test that stops reading is felt by the server.
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if let Some(body) = body {
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.unwrap_or_default()));
    let mut reader = BufReader::new(stream);
    let asked = (method.to_owned(), path.to_owned());
    let mut line = String::new();
    if let Err(error) = reader.read_line(&mut line) {
        // The answer can be lost to the reset that follows it: see below.
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        return Open { status: 0, headers: Vec::new(), reader, chunked: false, put_back: String::new(), asked };
    }
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let chunked = joined(&headers, "transfer-encoding").as_deref() == Some("chunked");
    Open { status, headers, reader, chunked, put_back: String::new(), asked }
}

impl Open {
    /// The next chunk; nothing at the end.
    pub(super) fn chunk(&mut self) -> Option<Vec<u8>> {
        assert!(self.chunked, "{:?}", self.headers);
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no chunk size in {line:?}"));
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        assert_eq!(chunk.split_off(size), b"\r\n");
        (size > 0).then_some(chunk)
    }

    /// Text up to and with this end; what came with it is kept for the next time.
    pub(super) fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.put_back.find(end) {
                let rest = self.put_back.split_off(at + end.len());
                let frame = std::mem::replace(&mut self.put_back, rest);
                let (method, path) = &self.asked;
                openapi::check_frame(method, path, self.status, &self.headers, &frame);
                return frame;
            }
            let chunk = self.chunk().unwrap_or_else(|| panic!("the stream ended after {:?}", self.put_back));
            self.put_back.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    pub(super) fn read_to_end(&mut self, body: &mut Vec<u8>) {
        if self.chunked {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        } else {
            // What a server did not read of a request that it refused resets the connection behind its answer.
            let _ = self.reader.read_to_end(body);
        }
    }
}
