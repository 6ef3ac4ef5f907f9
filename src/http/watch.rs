//! Whether a stream may still go on: the right to it was shown once, and may be taken away.
//!
//! A stream looks again whenever it is woken and the rules are no longer those it was let in by. Whoever changes the
//! rules wakes every stream, and so does the clock when somebody's time is over; a stream that may no longer go on
//! ends, and its client, coming back, is told why.

use actix_web::HttpRequest;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::State;
use super::auth::{Authentication, Credential, Need, Pass, is_loopback};
use crate::auth::tokens::Digest;
use crate::auth::{Decision, decide};
use crate::limits;

/// The right to one stream.
#[derive(Debug)]
pub(super) struct Watch {
    need: Need,
    loopback: bool,
    credential: Held,
    /// The names of the environment by which it was asked for and is answered.
    environments: [Box<str>; 2],
    namespace: Box<str>,
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
        let credential = match Credential::of(request.headers()) {
            Credential::Token(token) => Held::Token(Digest::of(token)),
            Credential::Jwt(jwt) | Credential::TokenOrJwt(jwt) if jwt.len() <= limits::HELD_CREDENTIAL_BYTES => {
                Held::Jwt(jwt.into())
            }
            _ => Held::Nothing,
        };
        // These may be newer rules than those that let it in: they are looked at as soon as the stream is asked.
        let seen = pass.rules().clone();
        let named = if matches!(named, "" | "default") { answering } else { named };
        let watch = Self {
            need,
            loopback: is_loopback(request),
            credential,
            environments: [named.into(), answering.into()],
            namespace: namespace.into(),
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
        self.until = None;
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
        let may = |environment: &str| decide(Some(&caller), action, environment, &self.namespace, now);
        self.environments.iter().all(|environment| may(environment) == Decision::Allowed)
    }

    /// Has the stream woken when its time is over.
    fn announce(&self, state: &State) {
        if let Some(until) = self.until {
            state.environments.streams().wake_at(until);
        }
    }
}
