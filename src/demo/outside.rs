//! Everybody outside of the daemon, speaking HTTP to it: the provider that delivers, the application that evaluates,
//! and the one that listens to a stream and keeps what it heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dialect::Delivery;
use crate::{limits, net};

/// Why an answer could not be had at all. An answer with any status is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it was cut, or it took too long.
    #[error("{what}: no answer from the daemon")]
    Http {
        /// Method and path.
        what: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer has another form than its route promises.
    #[error("{what}: {text}")]
    Answer {
        /// Method and path.
        what: String,
        /// What is odd.
        text: String,
    },
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Somebody outside, with connections of their own.
#[derive(Debug, Clone)]
pub struct Outside {
    base: String,
    http: reqwest::Client,
}

impl Outside {
    /// Speaks to the daemon at this address: `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`Error::Http`], if no client can be made at all.
    pub fn new(base: impl Into<String>) -> Result<Self, Error> {
        net::crypto();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(limits::DEMO_ANSWER_DEADLINE)
            .build()
            .map_err(|source| Error::Http { what: "a client".to_owned(), source })?;
        Ok(Self { base: base.into(), http })
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a delivery to an endpoint (`/webhooks/…`), as its provider would.
    ///
    /// # Errors
    /// [`Error::Http`].
    pub async fn deliver(&self, path: &str, delivery: &Delivery) -> Result<Answer, Error> {
        let headers: Vec<(&str, &str)> = delivery.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send("POST", path, &headers, delivery.body.clone()).await
    }

    /// `GET`.
    ///
    /// # Errors
    /// [`Error::Http`].
    pub async fn get(&self, path: &str) -> Result<Answer, Error> {
        self.send("GET", path, &[], Vec::new()).await
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    /// [`Error::Http`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().into_bytes()).await
    }

    /// `PUT` of JSON.
    ///
    /// # Errors
    /// [`Error::Http`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send("PUT", path, &[("Content-Type", "application/json")], body.to_string().into_bytes()).await
    }

    /// Any request, with the headers as they are given.
    ///
    /// # Errors
    /// [`Error::Http`].
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        let failed = |source| Error::Http { what: format!("{method} {path}"), source };
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or(reqwest::Method::GET);
        let mut request =
            self.http.request(verb, format!("{}{path}", self.base)).timeout(limits::DEMO_ANSWER_DEADLINE).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()));
        let headers = headers.collect();
        Ok(Answer { status, headers, body: response.bytes().await.map_err(failed)?.to_vec() })
    }

    /// Opens a stream; the answer's head is there when this returns.
    ///
    /// # Errors
    /// [`Error::Http`]; [`Error::Answer`] if the stream is refused.
    pub async fn listen(&self, form: Form, environment: &str, namespace: &str) -> Result<Listener, Error> {
        let path = match form {
            Form::Ofrep => format!("/ofrep/v1/_stream/{environment}/{namespace}/events"),
            _ => format!("/client/v2/environments/{environment}/namespaces/{namespace}/stream"),
        };
        let what = || format!("GET {path}");
        let mut request = self.http.get(format!("{}{path}", self.base));
        if form != Form::Lines {
            request = request.header("Accept", "text/event-stream");
        }
        let opened = tokio::time::timeout(limits::DEMO_ANSWER_DEADLINE, request.send()).await;
        let response = opened
            .map_err(|_| Error::Answer { what: what(), text: "no head within the deadline".to_owned() })?
            .map_err(|source| Error::Http { what: what(), source })?;
        if !response.status().is_success() {
            return Err(Error::Answer { what: what(), text: format!("status {}", response.status()) });
        }
        let heard = Arc::new(Heard::default());
        let task = tokio::spawn(hear(response, form, Arc::clone(&heard)));
        Ok(Listener { form, heard, task })
    }
}

/// How a listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The client stream: a line of JSON for each snapshot.
    Lines,
    /// The client stream as server-sent events.
    Events,
    /// OFREP's server-sent events.
    Ofrep,
}

/// One thing that came over a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When its last byte was here.
    pub at: Timestamp,
    /// Digest of the snapshot that it carries or announces.
    pub digest: Option<String>,
    /// The line, or the event's `data`.
    pub text: String,
}

#[derive(Debug, Default)]
struct Heard {
    frames: Mutex<Vec<Frame>>,
    /// Number of frames so far; its sender lives here, so that a stream's end is a change too.
    changed: watch::Sender<(usize, bool)>,
}

/// An open stream, and everything that came over it. Dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    /// How it listens.
    pub form: Form,
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Everything so far, oldest first.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.heard.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the daemon has ended it.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.heard.changed.borrow().1
    }

    /// The first frame with this digest, as soon as it is here; `None` when the stream ends or time is up before.
    pub async fn digest(&self, digest: &str, deadline: Duration) -> Option<Frame> {
        self.first(deadline, |frame| frame.digest.as_deref() == Some(digest)).await
    }

    /// The first frame that is `wanted`, as soon as it is here; `None` when the stream ends or time is up before.
    pub async fn first(&self, deadline: Duration, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let mut changed = self.heard.changed.subscribe();
        let found = || self.frames().into_iter().find(&wanted);
        tokio::time::timeout(deadline, async {
            loop {
                let ended = changed.borrow_and_update().1;
                match found() {
                    Some(frame) => return Some(frame),
                    None if ended => return None,
                    None => changed.changed().await.ok()?,
                }
            }
        })
        .await
        .ok()
        .flatten()
    }

    /// Waits until the daemon ends it; false if it does not in time.
    pub async fn end(&self, deadline: Duration) -> bool {
        let mut changed = self.heard.changed.subscribe();
        tokio::time::timeout(deadline, changed.wait_for(|(_, ended)| *ended)).await.is_ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(mut response: reqwest::Response, form: Form, heard: Arc<Heard>) {
    let end: &[u8] = if form == Form::Lines { b"\n" } else { b"\n\n" };
    let mut held = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let at = Timestamp::now();
        held.extend_from_slice(&piece);
        if held.len() > limits::DEMO_FRAME_BYTES {
            break;
        }
        while let Some(length) = held.windows(end.len()).position(|window| window == end) {
            let whole: Vec<u8> = held.drain(..length + end.len()).collect();
            if let Some(frame) = frame(&whole, form, at) {
                let mut frames = heard.frames.lock().unwrap_or_else(PoisonError::into_inner);
                frames.push(frame);
                let overflow = frames.len().saturating_sub(limits::DEMO_FRAMES);
                frames.drain(..overflow);
            }
            heard.changed.send_modify(|(count, _)| *count = count.wrapping_add(1));
        }
    }
    heard.changed.send_modify(|(_, ended)| *ended = true);
}

/// A keep-alive carries nothing: blanks between lines, comments between events.
fn frame(bytes: &[u8], form: Form, at: Timestamp) -> Option<Frame> {
    let text = String::from_utf8_lossy(bytes);
    let text = if form == Form::Lines {
        text.trim().to_owned()
    } else {
        let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
        data.join("\n")
    };
    if text.is_empty() {
        return None;
    }
    let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let path = if form == Form::Lines { "/result/digest" } else { "/etag" };
    let digest = json.pointer(path).and_then(Value::as_str).map(str::to_owned);
    Some(Frame { at, digest, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_keep_alives() {
        let frame = |bytes: &[u8], form| frame(bytes, form, Timestamp::UNIX_EPOCH);
        assert_eq!(frame(b"  \n", Form::Lines), None);
        assert_eq!(frame(b": still here\n\n", Form::Events), None);
        assert_eq!(frame(b"retry: 1200\n\n", Form::Events), None);
        let line = frame(b" {\"result\":{\"digest\":\"ab\"}}\n", Form::Lines).unwrap();
        assert_eq!(line.digest.as_deref(), Some("ab"));
        let event = frame(b"id: ab\ndata: {\"etag\":\"ab\",\"type\":\"refetchEvaluation\"}\n\n", Form::Ofrep).unwrap();
        assert_eq!(event.digest.as_deref(), Some("ab"));
    }
}
