//! Signing in with a token, and what a browser shows afterwards: a cookie that scripts cannot read, other sites cannot
//! send along with a form, and that means nothing outside this process.
//!
//! A session holds the credential in memory and shows it anew at every visit: a token that an operator takes away ends
//! its sessions at once. Restarting ends all of them. Every form carries a proof that it was made for the cookie that it
//! is sent with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use minijinja::context;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::form::{self, Form};
use super::render::{html, shown};
use super::shell::Shell;
use super::trouble::{Trouble, answered, bug};
use crate::http::auth::{self, Credential, Need};
use crate::http::error::{Code, Failure};
use crate::http::{State, body};
use crate::limits;

/// The cookie's name; where the address has a port, that follows. A browser sends the cookies of a host to every port of
/// it, and whoever looks at two installations through two tunnels is signed in to both.
const COOKIE: &str = "yardarm_session";

/// Everybody who is signed in.
pub(super) struct Sessions {
    key: [u8; 32],
    table: Mutex<HashMap<String, Session>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { key: random(), table: Mutex::default() }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

struct Session {
    credential: SecretString,
    until: Timestamp,
}

/// A credential that a session shows.
pub(super) struct Shown(SecretString);

impl Shown {
    pub(super) fn borrowed(&self) -> Credential<'_> {
        Credential::bearer(self.0.expose_secret())
    }
}

/// What a browser is known by: its cookie, or the one that it is about to get.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    id: String,
    fresh: bool,
}

impl Seat {
    /// The cookie, where the browser has none yet.
    pub(super) fn cookie(&self, state: &State, request: &HttpRequest) -> Option<String> {
        self.fresh.then(|| cookie(state, request, &self.id).to_string())
    }
}

fn cookie<'c>(state: &State, request: &HttpRequest, id: &'c str) -> Cookie<'c> {
    let rules = &state.settings.load().look.session;
    let mut cookie = Cookie::build(name(request), id)
        .path("/ui")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(rules.secure)
        .finish();
    if let Some(domain) = &rules.domain {
        cookie.set_domain(domain.clone());
    }
    cookie
}

fn name(request: &HttpRequest) -> String {
    let host = request.connection_info().host().to_owned();
    let port = host.rsplit_once(':').map(|(_, port)| port);
    match port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(port) => format!("{COOKIE}_{port}"),
        None => COOKIE.to_owned(),
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    for (half, id) in bytes.chunks_exact_mut(16).zip([uuid::Uuid::new_v4(), uuid::Uuid::new_v4()]) {
        half.copy_from_slice(id.as_bytes());
    }
    bytes
}

impl Sessions {
    /// What this browser is known by.
    pub(super) fn seat(request: &HttpRequest) -> Seat {
        let known = request.cookie(&name(request)).map(|cookie| cookie.value().to_owned());
        match known.filter(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(id) => Seat { id, fresh: false },
            None => Seat { id: hex::encode(random()), fresh: true },
        }
    }

    /// The credential of a session that has not ended.
    pub(super) fn credential(&self, seat: &Seat, now: Timestamp) -> Option<Shown> {
        self.living(seat, now, |session| Shown(session.credential.clone()))
    }

    /// When a session ends that has not ended.
    pub(super) fn until(&self, seat: &Seat, now: Timestamp) -> Option<Timestamp> {
        self.living(seat, now, |session| session.until)
    }

    fn living<T>(&self, seat: &Seat, now: Timestamp, of: impl FnOnce(&Session) -> T) -> Option<T> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let session = table.get(&seat.id)?;
        if session.until <= now {
            table.remove(&seat.id);
            return None;
        }
        Some(of(session))
    }

    /// Whether somebody is signed in here.
    pub(super) fn is_signed_in(&self, seat: &Seat) -> bool {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&seat.id)
    }

    /// A new session for a credential that is good. Where there are too many, the one that would end first ends.
    fn begin(&self, credential: &str, now: Timestamp, lifetime: Duration) -> Seat {
        let seat = Seat { id: hex::encode(random()), fresh: true };
        let until = now.checked_add(lifetime).unwrap_or(now);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, session| session.until > now);
        if table.len() >= limits::UI_SESSIONS {
            let first = table.iter().min_by_key(|(_, session)| session.until).map(|(id, _)| id.clone());
            first.and_then(|id| table.remove(&id));
        }
        table.insert(seat.id.clone(), Session { credential: credential.into(), until });
        seat
    }

    fn end(&self, seat: &Seat) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&seat.id);
    }

    /// A proof for a form that is sent with this cookie; another one each time, so that a compressed page tells nothing.
    pub(super) fn proof(&self, seat: &Seat) -> String {
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let sum = self.sum(seat, &nonce);
        nonce + &sum
    }

    /// Whether it is one.
    pub(super) fn is_proof(&self, seat: &Seat, proof: &str) -> bool {
        let Some((nonce, sum)) = proof.split_at_checked(32) else { return false };
        !seat.fresh && bool::from(self.sum(seat, nonce).as_bytes().ct_eq(sum.as_bytes()))
    }

    fn sum(&self, seat: &Seat, nonce: &str) -> String {
        let Ok(mut sum) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        sum.update(seat.id.as_bytes());
        sum.update(nonce.as_bytes());
        hex::encode(sum.finalize().into_bytes())
    }
}

/// `GET /ui/login?next=`
pub(super) async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let next = url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, next)| next.into_owned());
    asked(&state, &request, HttpResponse::Ok(), next.as_deref().unwrap_or_default(), "")
}

fn asked(
    state: &Data<State>,
    request: &HttpRequest,
    mut response: actix_web::HttpResponseBuilder,
    next: &str,
    wrong: &str,
) -> HttpResponse {
    let seat = Sessions::seat(request);
    if let Some(cookie) = seat.cookie(state, request) {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    let page = context! {
        shell => shown(Shell::of_nobody(state, request)),
        page => context! { next => own(next), wrong => wrong, proof => state.ui.sessions.proof(&seat) },
    };
    match state.ui.pages.render("login.html", page) {
        Ok(body) => html(request, response, body),
        Err(error) => bug(&error),
    }
}

/// `POST /ui/login`
pub(super) async fn sign_in(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, signed_in(&state, &request, sent).await)
}

async fn signed_in(state: &Data<State>, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Trouble> {
    form::is_own(request)?;
    let form = Form::read(&body::read(request, payload).await?);
    let (seat, next) = (Sessions::seat(request), form.text("next"));
    if !state.ui.sessions.is_proof(&seat, form.text(form::PROOF)) {
        return Ok(asked(state, request, HttpResponse::Forbidden(), next, "stale"));
    }
    let token = form.text("token").trim();
    let shown = if token.is_empty() { Credential::Strange } else { Credential::bearer(token) };
    match auth::admit_as(state, Need::WHO, request, shown) {
        Ok(_) => {}
        Err(Failure { code: Code::Unauthenticated | Code::Forbidden, .. }) => {
            return Ok(asked(state, request, HttpResponse::Unauthorized(), next, "unknown"));
        }
        Err(failure) => return Err(failure.into()),
    }
    state.ui.sessions.end(&seat);
    let lifetime = state.settings.load().look.session.lifetime;
    let seat = state.ui.sessions.begin(token, state.clock.now(), lifetime);
    let mut cookie = cookie(state, request, &seat.id);
    cookie.set_max_age(actix_web::cookie::time::Duration::try_from(lifetime).ok());
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, own(next)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::SET_COOKIE, cookie.to_string()))
        .finish())
}

/// `POST /ui/logout`
pub(super) async fn sign_out(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, signed_out(&state, &request, sent).await)
}

async fn signed_out(state: &Data<State>, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Trouble> {
    form::is_own(request)?;
    let form = Form::read(&body::read(request, payload).await?);
    let seat = Sessions::seat(request);
    if state.ui.sessions.is_proof(&seat, form.text(form::PROOF)) {
        state.ui.sessions.end(&seat);
        // The other pages of this browser are told as well.
        state.environments.streams().pages().wake();
    }
    let mut gone = cookie(state, request, "");
    gone.make_removal();
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/ui/login"))
        .insert_header((header::SET_COOKIE, gone.to_string()))
        .finish())
}

/// Where one goes on: a page of ours, whatever a link says.
pub(super) fn own(next: &str) -> &str {
    let inside = next.starts_with("/ui/") && !next.contains(['\\', '\r', '\n']);
    if inside { next } else { "/ui/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(id: char) -> Seat {
        Seat { id: id.to_string().repeat(64), fresh: false }
    }

    #[test]
    fn a_proof_is_of_one_browser_and_one_process() {
        let (sessions, others) = (Sessions::default(), Sessions::default());
        let proof = sessions.proof(&seat('a'));
        assert!(sessions.is_proof(&seat('a'), &proof));
        assert!(!sessions.is_proof(&seat('b'), &proof), "another browser's");
        assert!(!others.is_proof(&seat('a'), &proof), "another process's");
        assert!(!sessions.is_proof(&Seat { fresh: true, ..seat('a') }, &proof), "a browser that sent no cookie");
        assert_ne!(sessions.proof(&seat('a')), proof, "none is made twice");
        let changed = proof.replace(|c: char| c.is_ascii_digit(), "f");
        for wrong in ["", "f", proof.get(1..).unwrap_or_default(), &changed, &"é".repeat(60)] {
            assert!(!sessions.is_proof(&seat('a'), wrong), "{wrong}");
        }
    }

    #[test]
    fn a_session_ends_by_time_by_hand_and_where_there_are_too_many() {
        let sessions = Sessions::default();
        let now = Timestamp::from_second(1_000).unwrap();
        let later = |seconds| now.checked_add(Duration::from_secs(seconds)).unwrap();
        let mine = sessions.begin("t", now, Duration::from_secs(60));
        assert!(sessions.credential(&mine, later(59)).is_some());
        assert!(sessions.credential(&mine, later(60)).is_none());
        assert!(sessions.credential(&mine, now).is_none(), "and does not come back");
        let mine = sessions.begin("t", now, Duration::from_secs(60));
        sessions.end(&mine);
        assert!(sessions.credential(&mine, now).is_none());
        let first = sessions.begin("t", now, Duration::from_secs(30));
        for _ in 0..limits::UI_SESSIONS {
            sessions.begin("t", now, Duration::from_secs(60));
        }
        assert!(!sessions.is_signed_in(&first));
        assert_eq!(sessions.table.lock().unwrap().len(), limits::UI_SESSIONS);
    }

    #[test]
    fn one_goes_on_inside() {
        assert_eq!(own("/ui/e/a/n/b/flags?q=1"), "/ui/e/a/n/b/flags?q=1");
        for foreign in
            ["", "/", "//evil", "https://evil/ui/", "/ui", "/ui/\\evil", "/ui/\r\nSet-Cookie: a", "javascript:1"]
        {
            assert_eq!(own(foreign), "/ui/", "{foreign}");
        }
    }
}
