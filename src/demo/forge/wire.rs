//! The thin HTTP dialect over the forge's data: finds the repository, asks the book, answers honestly or not.

use std::io;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tokio::time::Duration;

use super::fault::{Fault, Kind};
use super::{REPLICA, REPOSITORY, State};
use crate::demo::dialect::Sender;
use crate::git::backend;

/// What a request path ends in, by service.
const SERVICES: [&str; 3] = ["/info/refs", "/git-upload-pack", "/git-receive-pack"];

/// Answers one request.
pub(super) async fn answer(request: HttpRequest, body: Bytes, state: web::Data<State>) -> HttpResponse {
    let path = request.path();
    let Some((place, service)) =
        SERVICES.iter().find_map(|service| Some((path.strip_suffix(service)?, *service))).filter(|(place, _)| {
            // Providers take a clone URL with and without its ending.
            let named = |s: Sender| s.path(&state.place).trim_end_matches(".git") == place.trim_end_matches(".git");
            Sender::ALL.into_iter().any(named)
        })
    else {
        state.with(|book| book.stray(path));
        return plain(StatusCode::NOT_FOUND, "no such repository");
    };
    let credential = credential(request.headers());
    let user = credential.as_ref().map(|(user, _)| user.clone());
    let kind = kind(service, &body);
    let mut changed = state.changed.subscribe();
    let (fault, age) = state.with(|book| (book.meet(kind, place, user.clone()), book.age()));
    if state.credential.is_some() && credential != state.credential {
        return unauthorized();
    }
    let root = if fault == Some(Fault::Lag) { REPLICA } else { REPOSITORY };
    let honest = || async {
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        state
            .backend
            .serve(backend::Request {
                method: request.method().to_string(),
                path: format!("/{root}{service}"),
                query: request.query_string().to_owned(),
                content_type: text("content-type"),
                content_encoding: text("content-encoding"),
                git_protocol: text("git-protocol"),
                remote_user: user.clone(),
                body: body.clone(),
            })
            .await
    };
    if fault == Some(Fault::Stall) {
        // Ends with the faults, or with the client, whose leaving drops this future.
        while state.age() == age && changed.changed().await.is_ok() {}
    }
    match fault {
        None | Some(Fault::Lag | Fault::Stall) => respond(honest().await, |body| Box::pin(whole(body))),
        Some(Fault::CutAfter(bytes)) => respond(honest().await, |body| Box::pin(cut(body, bytes))),
        Some(Fault::Trickle { bytes, pause }) => {
            respond(honest().await, |body| Box::pin(trickle(body, bytes.max(1), pause)))
        }
        Some(Fault::Refuse) => unauthorized(),
        Some(Fault::Status(status)) => plain(code(status), "the forge is not well"),
        Some(Fault::Throttle(status, seconds)) => {
            HttpResponse::build(code(status)).insert_header((header::RETRY_AFTER, seconds.to_string())).body("later")
        }
        Some(Fault::Redirect(to)) => {
            let query = request.query_string();
            let mark = if query.is_empty() { "" } else { "?" };
            HttpResponse::Found().insert_header((header::LOCATION, format!("{to}{service}{mark}{query}"))).finish()
        }
    }
}

impl State {
    fn age(&self) -> u64 {
        self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner).age()
    }
}

/// What protocol version 2 says in its body; version 0 has one request, the fetch.
fn kind(service: &str, body: &[u8]) -> Kind {
    match service {
        "/info/refs" => Kind::Advertise,
        "/git-receive-pack" => Kind::Push,
        _ if body.get(4..).is_some_and(|b| b.starts_with(b"command=ls-refs")) => Kind::List,
        _ => Kind::Fetch,
    }
}

fn credential(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(value).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"forge\"")).body("who are you?")
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status).body(text)
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

type Body = mpsc::Receiver<io::Result<Bytes>>;
type Pieces = std::pin::Pin<Box<dyn Stream<Item = io::Result<Bytes>>>>;

fn respond(
    answer: Result<backend::Response, crate::git::Error>,
    shape: impl FnOnce(Body) -> Pieces,
) -> HttpResponse<BoxBody> {
    match answer {
        Ok(answer) => {
            let mut response = HttpResponse::build(code(answer.status));
            for (name, value) in answer.headers {
                response.append_header((name, value));
            }
            response.streaming(shape(answer.body))
        }
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn whole(body: Body) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(body, |mut body| async move { body.recv().await.map(|piece| (piece, body)) })
}

/// An error in a streamed body ends the connection without the last chunk, which is what a cut looks like.
fn cut(body: Body, bytes: usize) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((body, bytes)), |left| async move {
        let (mut body, left) = left?;
        let broken = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
        if left == 0 {
            return Some((broken(), None));
        }
        match body.recv().await {
            Some(Ok(piece)) => {
                let kept = piece.slice(..piece.len().min(left));
                let rest = left.saturating_sub(kept.len());
                Some((Ok(kept), Some((body, rest))))
            }
            _ => Some((broken(), None)),
        }
    })
}

fn trickle(body: Body, bytes: usize, pause: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((body, Bytes::new()), move |(mut body, mut held)| async move {
        if held.is_empty() {
            match body.recv().await? {
                Ok(piece) => held = piece,
                broken => return Some((broken, (body, held))),
            }
        }
        tokio::time::sleep(pause).await;
        let piece = held.split_to(held.len().min(bytes));
        Some((Ok(piece), (body, held)))
    })
}
