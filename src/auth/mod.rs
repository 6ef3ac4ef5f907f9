//! Who may do what: the pure part, without a clock, a disk or a request.
//!
//! A credential becomes a [`Caller`] (a token by [`tokens`], anything else by a [`Verifier`]), and [`decide`] says
//! whether that caller may do one [`Action`] with one namespace of one environment. Every surface asks it, and nothing
//! else decides.
//!
//! Actions are steps of one stair, each with everything below it:
//!
//! | scope         | evaluate, snapshots, streams | lists, status, deliveries | propose a change | change | change while the provider is down | tokens, settings |
//! |---------------|:---:|:---:|:---:|:---:|:---:|:---:|
//! | `evaluate`    | yes |     |     |     |     |     |
//! | `read`        | yes | yes |     |     |     |     |
//! | `propose`     | yes | yes | yes |     |     |     |
//! | `write`       | yes | yes | yes | yes |     |     |
//! | `break-glass` | yes | yes | yes | yes | yes |     |
//! | `admin`       | yes | yes | yes | yes | yes | yes |
//!
//! What is about no environment (the status of storages, deliveries) needs a scope for all of them.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

pub mod file;
pub mod jwt;
pub mod peer;
pub mod rate;
pub mod scope;
pub mod tokens;

pub use scope::{Pattern, Scope, ScopeError, Scopes};

/// What a caller wants to do; each holds everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Ask what a flag is for somebody; snapshots and streams, from which clients evaluate by themselves; OFREP.
    Evaluate,
    /// See what is there: lists of flags, the status of storages, deliveries.
    Read,
    /// Put a change before others: on a branch environment, as a merge proposal.
    Propose,
    /// Change what is served.
    Write,
    /// Change what is served before anybody else can see it in Git, while the provider is down.
    BreakGlass,
    /// Change who may do what.
    Admin,
}

impl Action {
    /// All of them, the least first.
    pub const ALL: [Self; 6] = [Self::Evaluate, Self::Read, Self::Propose, Self::Write, Self::BreakGlass, Self::Admin];

    /// As a scope spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Read => "read",
            Self::Propose => "propose",
            Self::Write => "write",
            Self::BreakGlass => "break-glass",
            Self::Admin => "admin",
        }
    }

    /// Whether who may do this may do `other`.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self >= other
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not at all.
    Anonymous,
    /// A token.
    Token,
    /// A JSON Web Token.
    Jwt,
}

impl Method {
    /// One word for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Token => "token",
            Self::Jwt => "jwt",
        }
    }
}

/// A person, as commits name one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Name.
    pub name: Option<String>,
    /// Address.
    pub email: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token, subject of the JWT; empty for anybody. With [`Self::method`] it is the key of rate limits.
    pub name: Arc<str>,
    /// How that is known.
    pub method: Method,
    /// What it may do.
    pub scopes: Scopes,
    /// Who it is, where that is known.
    pub person: Option<Person>,
    /// From this moment on it is nobody.
    pub expires: Option<Timestamp>,
}

impl Caller {
    /// Somebody of whom nothing is known, who may do this.
    #[must_use]
    pub fn anonymous(scopes: Scopes) -> Self {
        Self { name: "".into(), method: Method::Anonymous, scopes, person: None, expires: None }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Tells who a credential is that is no token: JWTs.
///
/// It is asked on the way of every request, so it answers at once, from what it has: a verifier that needs keys of
/// somebody else fetches them on a task of its own.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// Who presents this credential (what stands behind `JWT ` in the header), now.
    ///
    /// # Errors
    /// Nobody that is known. Why is for the log; callers are told the same whatever it was.
    fn verify(&self, credential: &str, now: Timestamp) -> Result<Arc<Caller>, Unknown>;
}

/// Why a credential is nobody's, in words for the log: never any part of the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub &'static str);

/// Whether somebody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allowed,
    /// Nobody has said who is asking.
    Unauthenticated,
    /// This caller may not; a scope like this would be needed.
    Forbidden {
        /// The narrowest one that would do.
        missing: Scope,
    },
}

/// Whether `caller` may do `action` with `namespace` of `environment`. The names are those that were asked for: what
/// is decided does not depend on whether they exist.
#[must_use]
pub fn decide(caller: Option<&Caller>, action: Action, environment: &str, namespace: &str, now: Timestamp) -> Decision {
    match caller.filter(|caller| !caller.expired(now)) {
        None => Decision::Unauthenticated,
        Some(caller) if caller.scopes.allow(action, environment, namespace) => Decision::Allowed,
        Some(_) => Decision::Forbidden { missing: Scope::exactly(action, environment, namespace) },
    }
}

/// What a listener lets anybody do who has not said who they are. `required` is `authentication.required` as the file
/// has it: absent is not the same as `false`. Only the listener counts, not who connects to it: what a proxy on this
/// machine passes on came from anywhere.
///
/// A file that says nothing about authentication is served as Flipt serves it, to everybody; but nobody has decided
/// that everybody may also change what is served, so that is left to this machine.
#[must_use]
pub const fn open_to_anybody(required: Option<bool>, loopback: bool, action: Action) -> bool {
    match (required, action) {
        (Some(required), _) => !required,
        (None, Action::Evaluate | Action::Read) => true,
        (None, Action::Propose | Action::Write | Action::BreakGlass | Action::Admin) => loopback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scopes: &[&str], expires: Option<i64>) -> Caller {
        let expires = expires.map(|at| Timestamp::from_second(at).unwrap());
        let scopes = Scopes::of(scopes.iter().map(|scope| scope.parse().unwrap()));
        Caller { name: "ci".into(), method: Method::Token, scopes, person: None, expires }
    }

    #[test]
    fn actions_are_a_stair() {
        for (n, low) in Action::ALL.into_iter().enumerate() {
            for (m, high) in Action::ALL.into_iter().enumerate() {
                assert_eq!(high.includes(low), m >= n, "{high} {low}");
            }
        }
    }

    #[test]
    fn decisions() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ci = caller(&["evaluate:production/*", "write:staging/payments"], Some(100));
        let decided = |action, environment, namespace| decide(Some(&ci), action, environment, namespace, at(99));
        for (action, environment, namespace) in [
            (Action::Evaluate, "production", "anything"),
            (Action::Evaluate, "staging", "payments"),
            (Action::Read, "staging", "payments"),
            (Action::Write, "staging", "payments"),
        ] {
            assert_eq!(decided(action, environment, namespace), Decision::Allowed, "{action} {environment}");
        }
        for (action, environment, namespace, missing) in [
            (Action::Read, "production", "shop", "read:production/shop"),
            (Action::Evaluate, "staging", "shop", "evaluate:staging/shop"),
            (Action::Admin, "staging", "payments", "admin:staging/payments"),
            (Action::Evaluate, "Production", "shop", "evaluate:Production/shop"),
            (Action::Read, "*", "*", "read"),
        ] {
            let Decision::Forbidden { missing: told } = decided(action, environment, namespace) else {
                panic!("{action} {environment}/{namespace}")
            };
            assert_eq!(told.to_string(), missing);
        }
        for second in [100, 101, i64::from(u32::MAX)] {
            let late = decide(Some(&ci), Action::Evaluate, "production", "shop", at(second));
            assert_eq!(late, Decision::Unauthenticated, "{second}");
        }
        assert_eq!(decide(None, Action::Evaluate, "production", "shop", at(0)), Decision::Unauthenticated);
    }

    #[test]
    fn what_is_open_without_a_credential() {
        for action in Action::ALL {
            for loopback in [false, true] {
                assert!(!open_to_anybody(Some(true), loopback, action));
                assert!(open_to_anybody(Some(false), loopback, action));
                assert_eq!(open_to_anybody(None, loopback, action), loopback || action <= Action::Read, "{action}");
            }
        }
    }
}
