//! Whether a stream may still go on: the right to it was shown once, and may be taken away.
//!
//! A stream looks again whenever it is woken and the rules are no longer those it was let in by. Whoever changes the
//! rules wakes every stream, and so does the clock when somebody's time is over; a stream that may no longer go on
//! ends, and its client, coming back, is told why.

use std::sync::Arc;

use actix_web::HttpRequest;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::State;
use super::auth::{Authentication, Credential, Need, Pass, is_loopback};
use crate::auth::scope::ANY;
use crate::auth::tokens::Digest;
use crate::auth::{Caller, Decision, decide};
use crate::limits;

/// The right to one stream.
#[derive(Debug)]
pub(super) struct Watch {
    need: Need,
    loopback: bool,
    credential: Held,
    /// The names of the environment by which it was asked for and is answered, and the namespace; nothing of a stream
    /// about no one of them, which asks by itself ([`Self::sees`]).
    place: Option<([Box<str>; 2], Box<str>)>,
    /// Who it is; nobody where anybody may.
    caller: Option<Arc<Caller>>,
    /// The rules that were looked at last, and until when what they said holds.
    seen: Authentication,
    until: Option<Timestamp>,
}

/// What is kept of a credential, so that it can be looked at again.
#[derive(Debug)]
enum Held {
    Nothing,
    Token(Digest),
    Jwt(SecretString),
}

impl Watch {
    /// Watches the right by which a stream was let in just now. `named` is what the request calls the environment that
    /// is called `answering`.
    pub(super) fn new(
        state: &State,
        need: Need,
        request: &HttpRequest,
        pass: &Pass<'_>,
        [named, answering, namespace]: [&str; 3],
    ) -> Self {
        let named = if matches!(named, "" | "default") { answering } else { named };
        let place = ([named.into(), answering.into()], namespace.into());
        Self::over(state, need, request, pass, Credential::of(request.headers()), Some(place))
    }

    /// Watches the right to a stream about whatever its caller may see: [`Self::holds`] says whether there still is a
    /// caller, [`Self::sees`] what that is.
    pub(super) fn anywhere(state: &State, need: Need, request: &HttpRequest, pass: &Pass<'_>) -> Self {
        Self::anywhere_as(state, need, request, pass, Credential::of(request.headers()))
    }

    /// The same, where a credential was shown in another way than by the request itself.
    pub(super) fn anywhere_as(
        state: &State,
        need: Need,
        request: &HttpRequest,
        pass: &Pass<'_>,
        credential: Credential<'_>,
    ) -> Self {
        Self::over(state, need, request, pass, credential, None)
    }

    fn over(
        state: &State,
        need: Need,
        request: &HttpRequest,
        pass: &Pass<'_>,
        credential: Credential<'_>,
        place: Option<([Box<str>; 2], Box<str>)>,
    ) -> Self {
        let credential = match credential {
            Credential::Token(token) => Held::Token(Digest::of(token)),
            Credential::Jwt(jwt) | Credential::TokenOrJwt(jwt) if jwt.len() <= limits::HELD_CREDENTIAL_BYTES => {
                Held::Jwt(jwt.into())
            }
            _ => Held::Nothing,
        };
        // These may be newer rules than those that let it in: they are looked at as soon as the stream is asked.
        let seen = pass.rules().clone();
        let watch = Self {
            need,
            loopback: is_loopback(request),
            credential,
            place,
            caller: (!pass.is_open()).then(|| pass.caller().clone()),
            seen,
            until: pass.until(),
        };
        watch.announce(state);
        watch
    }

    /// Whether the stream may go on.
    pub(super) fn holds(&mut self, state: &State) -> bool {
        let settings = state.settings.load();
        let rules = &settings.authentication;
        let is_over = self.until.is_some_and(|until| until <= state.clock.now());
        if is_over || !rules.same(&self.seen) {
            if !self.judge(rules, state.clock.now()) {
                return false;
            }
            self.seen = rules.clone();
        }
        self.announce(state);
        true
    }

    fn judge(&mut self, rules: &Authentication, now: Timestamp) -> bool {
        (self.until, self.caller) = (None, None);
        if rules.open(self.need, self.loopback) {
            return true;
        }
        let caller = match &self.credential {
            Held::Nothing => return false,
            Held::Token(digest) => rules.identify_token(digest, now),
            Held::Jwt(jwt) => rules.identify(Credential::TokenOrJwt(jwt.expose_secret()), now),
        };
        let Ok(caller) = caller else { return false };
        self.until = caller.expires;
        let action = self.need.action();
        let may = |environment: &str, namespace: &str| decide(Some(&caller), action, environment, namespace, now);
        let place = self.place.as_ref();
        let holds = place.is_none_or(|(environments, namespace)| {
            environments.iter().all(|environment| may(environment, namespace) == Decision::Allowed)
        });
        self.caller = Some(caller);
        holds
    }

    /// Whether its caller may see all of an environment.
    pub(super) fn sees(&self, state: &State, environment: &str) -> bool {
        self.sees_in(state, environment, ANY)
    }

    /// Whether its caller may see a namespace of it.
    pub(super) fn sees_in(&self, state: &State, environment: &str, namespace: &str) -> bool {
        let Some(caller) = &self.caller else { return true };
        decide(Some(caller), self.need.action(), environment, namespace, state.clock.now()) == Decision::Allowed
    }

    /// Has the stream woken when its time is over.
    fn announce(&self, state: &State) {
        if let Some(until) = self.until {
            state.environments.streams().wake_at(until);
        }
    }
}
