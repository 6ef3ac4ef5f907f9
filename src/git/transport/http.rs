//! Git's smart HTTP over our own client.
//!
//! The capabilities of a server of protocol version 2 say nothing about refs, so they are remembered: a fetch that finds
//! nothing new is then one request. The credential is sent without being asked for, which saves the round trip of a
//! refusal, and goes to the origin of the configured URL only (see [`net::may_follow`]).

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use gix_transport::Protocol;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse, Transport};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Client, Method, Response};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Conversation, Lost, Patience};
use crate::git::credential;
use crate::git::{Error, Remote};
use crate::net::installation::Exchange;
use crate::{limits, net};

/// What is wanted of a server: `git-upload-pack` or `git-receive-pack`, and the types of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Service {
    name: &'static str,
    advertisement: &'static str,
    result: &'static str,
}

const UPLOAD: Service = Service {
    name: "git-upload-pack",
    advertisement: "application/x-git-upload-pack-advertisement",
    result: "application/x-git-upload-pack-result",
};

const RECEIVE: Service = Service {
    name: "git-receive-pack",
    advertisement: "application/x-git-receive-pack-advertisement",
    result: "application/x-git-receive-pack-result",
};

/// What is kept from one fetch to the next: warm connections, the server's capabilities, the token of an app
/// that went along.
#[derive(Debug, Default)]
pub(in crate::git) struct Pool {
    client: Option<(net::Trust, Client)>,
    capabilities: Option<Capabilities>,
    token: Option<credential::Token>,
    /// An earlier conversation has left connections.
    warm: bool,
}

#[derive(Debug, Clone)]
struct Capabilities {
    asked: Url,
    /// Where redirects led, if they led anywhere.
    base: Option<String>,
    body: Bytes,
    until: Instant,
}

impl Pool {
    /// Makes ready for conversations.
    pub(in crate::git) fn start(
        &mut self,
        url: &Url,
        remote: &Remote,
        patience: &Patience,
        now: Timestamp,
    ) -> Result<Start, Error> {
        let trust = net::Trust { ca_certificate: remote.ca_certificate.clone(), insecure: remote.insecure_skip_tls };
        let client = match &self.client {
            Some((known, client)) if *known == trust => client.clone(),
            _ => {
                let client = net::client(&trust).map_err(|error| Error::of_net(error, patience.total))?;
                self.client = Some((trust, client.clone()));
                client
            }
        };
        let exchange = Exchange { client: &client, now, until: patience.until, stop: &patience.stop };
        let (credential, provider) = (remote.credential.as_ref(), remote.provider);
        let authorization =
            credential::authorization(credential, provider, &mut self.token, &exchange, patience.total)?;
        let authorization = authorization.as_ref().map(header).transpose()?;
        let remembered = self.capabilities.clone().filter(|known| known.asked == *url && known.until > Instant::now());
        Ok(Start { client, url: url.clone(), authorization, now, remembered })
    }

    /// Takes over what a conversation that went well has learned.
    pub(in crate::git) fn learn(&mut self, conversation: &Conversation) {
        let super::Side::Http(talk) = &conversation.side else { return };
        self.warm = true;
        if let Some(learned) = talk.0.borrow_mut().learned.take() {
            self.capabilities = Some(learned);
        }
    }

    /// An errand has left a connection.
    pub(in crate::git) fn warmed(&mut self) {
        self.warm = true;
    }

    /// Forgets what may have gone stale, and says whether there was anything: then a second try is worth it. The
    /// connections go too, all of them: a server that has closed one has closed the others.
    pub(in crate::git) fn forget(&mut self) -> bool {
        self.client = None;
        let token = self.token.take();
        if let Some(token) = &token {
            token.forget();
        }
        let known = token.is_some() | self.capabilities.take().is_some();
        std::mem::take(&mut self.warm) || known
    }
}

/// All that a conversation begins with. Several may be had at once, on threads of their own.
#[derive(Clone)]
pub(in crate::git) struct Start {
    client: Client,
    url: Url,
    authorization: Option<HeaderValue>,
    now: Timestamp,
    remembered: Option<Capabilities>,
}

impl Start {
    /// Whether the server's capabilities are known: then a conversation begins with its first question.
    pub(in crate::git) fn is_warm(&self) -> bool {
        self.remembered.is_some()
    }

    /// Begins a conversation.
    pub(in crate::git) fn converse(&self, patience: &Patience) -> Result<Conversation, Error> {
        let talk = Talk(Rc::new(RefCell::new(self.state(UPLOAD, patience))));
        let address = gix::url::parse(gix::bstr::BStr::new(self.url.as_str()))
            .map_err(|error| Error::Local(format!("the remote's URL: {}", crate::git::error::chain(&error))))?;
        let wire = Transport::new_http(Wire(talk.clone()), address, Protocol::V2, false);
        Ok(Conversation::over_http(Box::new(wire), talk))
    }
}

impl Start {
    /// The header that carries the credential.
    pub(in crate::git) fn authorization(&self) -> Option<SecretString> {
        self.authorization.as_ref().and_then(|value| value.to_str().ok()).map(|text| text.to_owned().into())
    }

    /// Begins a push.
    pub(in crate::git) fn errand(&self, patience: &Patience) -> super::Errand {
        // What is remembered is about fetching.
        let state = State { remembered: None, ..self.state(RECEIVE, patience) };
        super::Errand::Http(Errand(Box::new(state)))
    }

    fn state(&self, service: Service, patience: &Patience) -> State {
        State {
            client: self.client.clone(),
            service,
            asked: self.url.clone(),
            authorization: self.authorization.clone(),
            patience: patience.clone(),
            now: self.now,
            remembered: self.remembered.clone(),
            learned: None,
            base: None,
            current: None,
            received: 0,
            limit: limits::GIT_LIST_BYTES,
            failure: None,
            refusal: None,
        }
    }
}

fn header(secret: &SecretString) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| Error::Local("the credential has characters that a header cannot carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// One conversation, shared by what gix holds of it and by who explains it.
#[derive(Clone)]
pub(super) struct Talk(Rc<RefCell<State>>);

struct State {
    client: Client,
    service: Service,
    asked: Url,
    authorization: Option<HeaderValue>,
    patience: Patience,
    now: Timestamp,
    remembered: Option<Capabilities>,
    learned: Option<Capabilities>,
    base: Option<String>,
    current: Option<Response>,
    received: u64,
    /// What `received` may grow to with the current answer.
    limit: u64,
    failure: Option<Error>,
    /// Status and text of an answer that was no success.
    refusal: Option<(u16, String)>,
}

impl Talk {
    pub(super) fn failure(&self) -> Option<Error> {
        self.0.borrow_mut().failure.take()
    }

    /// Reads what is left of the last answer, which is an end and no more, so that its connection can be used again.
    pub(super) fn finish(self) -> u64 {
        let mut state = self.0.borrow_mut();
        while state.current.is_some() && state.chunk().is_ok_and(|chunk| !chunk.is_empty()) {}
        state.received
    }
}

impl State {
    /// Waits for `future`, as long as the conversation may take.
    fn wait<T>(&self, future: impl Future<Output = reqwest::Result<T>>) -> Result<T, Error> {
        let waited = net::drive(future, self.patience.until, &self.patience.stop);
        let done = waited.and_then(|done| done.map_err(|error| net::Error::of(&error)));
        done.map_err(|error| Error::of_net(error, self.patience.total))
    }

    /// Keeps the account of a failure, and gives gix something to give up on.
    fn fail(&mut self, error: Error) -> io::Error {
        let text = error.to_string();
        self.failure.get_or_insert(error);
        io::Error::other(text)
    }

    fn send(&mut self, method: Method, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Response, Error> {
        self.wait(self.request(method, url, headers, body).send())
    }

    fn request(&self, method: Method, url: Url, headers: HeaderMap, body: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.client.request(method, url).headers(headers).body(body);
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.clone()),
            None => request,
        }
    }

    /// The part of an answer that comes next; empty at its end.
    fn chunk(&mut self) -> Result<Bytes, Error> {
        let Some(mut response) = self.current.take() else { return Ok(Bytes::new()) };
        while let Some(chunk) = self.wait(response.chunk())? {
            self.received = self.received.saturating_add(chunk.len() as u64);
            if self.received > self.limit {
                return Err(Error::Protocol(format!("its answers are larger than {} bytes", self.limit)));
            }
            if !chunk.is_empty() {
                self.current = Some(response);
                return Ok(chunk);
            }
        }
        Ok(Bytes::new())
    }

    /// The capabilities, whole: remembered, or asked for and redirects followed.
    fn capabilities(&mut self, url: &str, base: &str, headers: &HeaderMap) -> Result<Bytes, Error> {
        if let Some(known) = &self.remembered {
            self.base.clone_from(&known.base);
            return Ok(known.body.clone());
        }
        let tail = url.strip_prefix(base).unwrap_or_default().to_owned();
        let mut url: Url = url.parse().map_err(|error| Error::Local(format!("the remote's URL: {error}")))?;
        for _ in 0..=limits::GIT_REDIRECTS {
            let response = self.send(Method::GET, url.clone(), headers.clone(), Vec::new())?;
            if response.status().is_redirection() {
                url = target(&url, &response, &tail)?;
                self.base = url.as_str().strip_suffix(&tail).map(str::to_owned);
                continue;
            }
            self.accept(response, self.service.advertisement)?;
            let mut body = Vec::new();
            loop {
                let chunk = self.chunk()?;
                if chunk.is_empty() {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            let body = Bytes::from(body);
            // Of version 0 and 1 the refs are a part, and those must be fresh.
            if body.get(..64).unwrap_or(&body).windows(9).any(|bytes| bytes == b"version 2") {
                self.learned = Some(Capabilities {
                    asked: self.asked.clone(),
                    base: self.base.clone(),
                    body: body.clone(),
                    until: Instant::now() + limits::GIT_CAPABILITIES_FRESH,
                });
            }
            return Ok(body);
        }
        Err(Error::Protocol("it redirects in a circle".to_owned()))
    }

    /// Makes an answer the current one if its status and its type are what they must be.
    fn accept(&mut self, response: Response, wanted: &str) -> Result<(), Error> {
        let status = response.status();
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status.is_redirection() {
            return Err(Error::Protocol("it redirects in the middle of a conversation".to_owned()));
        }
        if !status.is_success() {
            let retry_after = text("retry-after").and_then(|value| net::retry_after(value, self.now));
            let error = net::Error::Status { status: status.as_u16(), retry_after };
            if self.service == RECEIVE {
                let text = text("content-type").is_none_or(|kind| kind.starts_with("text/plain"));
                self.refusal = Some((status.as_u16(), if text { self.text(response) } else { String::new() }));
            }
            return Err(Error::of_net(error, self.patience.total));
        }
        let kind = text("content-type").unwrap_or("nothing");
        if kind.split(';').next().unwrap_or_default().trim() != wanted {
            let kind: String = kind.chars().filter(char::is_ascii_graphic).take(80).collect();
            let text = format!("it sends {kind} and not {wanted}; is the URL that of a repository?");
            return Err(Error::Protocol(text));
        }
        self.current = Some(response);
        Ok(())
    }
}

impl State {
    /// The beginning of an answer that is meant for people.
    fn text(&mut self, response: Response) -> String {
        self.current = Some(response);
        self.limit = self.received.saturating_add(limits::GIT_REFUSAL_BYTES);
        let mut text = Vec::new();
        while let Ok(chunk) = self.chunk() {
            if chunk.is_empty() {
                break;
            }
            text.extend_from_slice(&chunk);
        }
        self.current = None;
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Where a redirect leads, if it may be followed.
fn target(from: &Url, response: &Response, tail: &str) -> Result<Url, Error> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let to = location.and_then(|location| from.join(location).ok());
    let to = to.ok_or_else(|| Error::Protocol("it redirects to nowhere".to_owned()))?;
    if !net::may_follow(from, &to) {
        let host = to.host_str().unwrap_or("another place");
        let text = format!(
            "it redirects to {}://{host}, where its credential does not belong; if the repository has moved, change the remote",
            to.scheme()
        );
        return Err(Error::Protocol(text));
    }
    if !to.as_str().ends_with(tail) {
        return Err(Error::Protocol("it redirects to something that is no repository; a sign-in page?".to_owned()));
    }
    Ok(to)
}

/// What gix speaks HTTP with.
struct Wire(Talk);

impl Http for Wire {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Headers, Body>> {
        let mut state = self.0.0.borrow_mut();
        match state.capabilities(url, base_url, &map(headers)) {
            Ok(body) => Ok(GetResponse {
                headers: Headers::known(state.service.advertisement),
                body: Body { talk: self.0.clone(), chunk: body },
            }),
            Err(error) => Err(gix::Error::from_error(state.fail(error))),
        }
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Headers, Body, PostBody>> {
        let mut state = self.0.0.borrow_mut();
        let url = match url.parse() {
            Ok(url) => url,
            Err(error) => {
                let error = Error::Local(format!("the remote's URL: {error}"));
                return Err(gix::Error::from_error(state.fail(error)));
            }
        };
        let request = Rc::new(RefCell::new(Some(Pending { url, headers: map(headers), body: Vec::new() })));
        Ok(PostResponse {
            post_body: PostBody(Rc::clone(&request)),
            headers: Headers { request: Some((self.0.clone(), request)), text: Bytes::new() },
            body: Body { talk: self.0.clone(), chunk: Bytes::new() },
        })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result<()> {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.0.0.borrow().base.clone()
    }
}

fn map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let parsed = lines.into_iter().filter_map(|line| {
        let (name, value) = line.as_ref().split_once(':')?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value.trim()).ok()?))
    });
    parsed.collect()
}

struct Pending {
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Collects the request: those of a fetch are a few kilobytes.
pub(super) struct PostBody(Rc<RefCell<Option<Pending>>>);

impl Write for PostBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.borrow_mut().as_mut() {
            Some(request) => request.body.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one header that gix looks at. Reading it sends the request, which is complete by then.
pub(super) struct Headers {
    request: Option<(Talk, Rc<RefCell<Option<Pending>>>)>,
    text: Bytes,
}

impl Headers {
    fn known(kind: &str) -> Self {
        Self { request: None, text: Bytes::from(format!("content-type: {kind}\n")) }
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some((talk, request)) = self.request.take()
            && let Some(Pending { url, headers, body }) = request.borrow_mut().take()
        {
            let mut state = talk.0.borrow_mut();
            let kind = state.service.result;
            let lists = body.get(4..).is_some_and(|line| line.starts_with(b"command=ls-refs"));
            state.limit = state.received + if lists { limits::GIT_LIST_BYTES } else { limits::GIT_PACK_BYTES };
            let sent = state.send(Method::POST, url, headers, body);
            sent.and_then(|response| state.accept(response, kind)).map_err(|error| state.fail(error))?;
            self.text = Self::known(kind).text;
        }
        Ok(&self.text)
    }

    fn consume(&mut self, amount: usize) {
        self.text.advance(amount.min(self.text.len()));
    }
}

impl Read for Headers {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// The answer as it comes in.
pub(super) struct Body {
    talk: Talk,
    chunk: Bytes,
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() {
            let mut state = self.talk.0.borrow_mut();
            self.chunk = state.chunk().map_err(|error| state.fail(error))?;
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.advance(amount.min(self.chunk.len()));
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// A push over HTTP: one request for what the server says first, and one with everything in it, whose length is told
/// beforehand. Proxies that know no chunks are still about.
pub(in crate::git) struct Errand(Box<State>);

impl Errand {
    pub(super) fn advertisement(&mut self) -> Result<Vec<u8>, Error> {
        let base = self.0.asked.as_str().trim_end_matches('/').to_owned();
        let url = format!("{base}/info/refs?service={}", self.0.service.name);
        self.0.capabilities(&url, &base, &own_headers()).map(|body| body.to_vec())
    }

    pub(super) fn deliver(
        &mut self,
        request: Vec<u8>,
        take: &mut dyn FnMut(&[u8]) -> Result<bool, String>,
    ) -> Result<(), Lost> {
        let state = &mut self.0;
        let unsent = |error| Lost { error, sent: false };
        state.patience.check().map_err(unsent)?;
        let base = state.base.as_deref().unwrap_or(state.asked.as_str()).trim_end_matches('/');
        let url = format!("{base}/{}", state.service.name)
            .parse()
            .map_err(|error| unsent(Error::Local(format!("the remote's URL: {error}"))))?;
        let mut headers = own_headers();
        for (name, kind) in [(CONTENT_TYPE, "request"), (ACCEPT, "result")] {
            let value = format!("application/x-{}-{kind}", state.service.name);
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
        state.limit = state.received.saturating_add(limits::GIT_LIST_BYTES);
        let request = state.request(Method::POST, url, headers, request);
        let total = state.patience.total;
        let response = match net::drive(request.send(), state.patience.until, &state.patience.stop) {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let sent = !error.is_connect() && !error.is_builder();
                return Err(Lost { error: Error::of_net(net::Error::of(&error), total), sent });
            }
            Err(error) => return Err(Lost { error: Error::of_net(error, total), sent: true }),
        };
        // A server, or a gate before it, that answers so has not taken the push; one that broke down may have.
        let status = response.status().as_u16();
        let wait = response.headers().contains_key("retry-after");
        let untouched = (300..500).contains(&status) && status != 408 || status == 503 && wait;
        state.accept(response, state.service.result).map_err(|error| Lost { error, sent: !untouched })?;
        let lost = |error| Lost { error, sent: true };
        loop {
            let chunk = state.chunk().map_err(lost)?;
            if chunk.is_empty() {
                return Ok(());
            }
            if take(&chunk).map_err(|why| lost(Error::Protocol(why)))? {
                // Only its end is missing, so that the connection can be used again.
                let _ = state.chunk();
                return Ok(());
            }
        }
    }

    pub(super) fn said(&mut self) -> (Option<u16>, String) {
        self.0.refusal.take().map_or((None, String::new()), |(status, text)| (Some(status), text))
    }
}

fn own_headers() -> HeaderMap {
    const AGENT: HeaderValue = HeaderValue::from_static(crate::git::list::AGENT);
    HeaderMap::from_iter([(USER_AGENT, AGENT)])
}
