//! Whose JWTs are taken: the verifier that requests ask, with keys from a file or by URL.
//!
//! A request is judged at once, from the keys that are there. It never waits for the issuer: not for keys that have not
//! come yet, and not for newer ones that might know its key ([`Published`] looks for those behind it). So an issuer
//! that is slow or away costs the holders of new keys a while, and nobody else anything.
//!
//! A client sends the same token with thousands of requests. Its verdict is kept by the hash of the whole text, for the
//! keys that gave it, and its times are looked at every time.

mod kept;
mod published;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

pub use published::{Health, Pace, Published, Source};

use self::kept::Kept;
use crate::auth::jwt::{self, Claims, KeySet, Refusal, Rules};
use crate::auth::{Caller, Method, Unknown, Verifier};
use crate::limits;

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Keys {
    /// In the configuration: they change with it.
    Fixed(Arc<KeySet>),
    /// By URL.
    Published(Arc<Published>),
}

impl Keys {
    fn load(&self) -> Arc<KeySet> {
        match self {
            Self::Fixed(keys) => keys.clone(),
            Self::Published(published) => published.keys(),
        }
    }
}

/// Knows whose JWTs are whose.
pub struct Issuer {
    keys: Keys,
    rules: Rules,
    kept: Kept,
    told: Mutex<Told>,
}

/// What the log was told of refusals.
#[derive(Debug, Default)]
struct Told {
    last: Option<Timestamp>,
    since: u64,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("keys", &self.keys).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Issuer {
    /// With these keys and rules.
    #[must_use]
    pub fn new(keys: Keys, rules: Rules) -> Self {
        Self { keys, rules, kept: Kept::default(), told: Mutex::default() }
    }

    fn caller(&self, claims: Claims) -> Caller {
        Caller {
            scopes: self.rules.grant.scopes(&claims),
            name: claims.subject.as_deref().unwrap_or("nobody").into(),
            method: Method::Jwt,
            expires: Some(claims.until),
            person: claims.person,
        }
    }

    /// One line in a while: whoever asks can make as many as they like.
    fn tell(&self, why: &Refusal, now: Timestamp) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = SignedDuration::try_from(limits::REFUSAL_LOG_INTERVAL).unwrap_or(SignedDuration::ZERO);
        if told.last.is_some_and(|last| now.duration_since(last).abs() < pause) {
            told.since = told.since.saturating_add(1);
            return;
        }
        let others = std::mem::take(&mut told.since);
        told.last = Some(now);
        drop(told);
        tracing::warn!(%why, others, "a JWT was refused");
    }
}

impl Verifier for Issuer {
    fn verify(&self, credential: &str, now: Timestamp) -> Result<Arc<Caller>, Unknown> {
        let keys = self.keys.load();
        let digest = if credential.len() <= limits::JWT_BYTES { Some(kept::digest(credential)) } else { None };
        if let Some(caller) = digest.and_then(|digest| self.kept.get(&digest, &keys, now)) {
            return Ok(caller);
        }
        match jwt::verify(credential, &keys, &self.rules, now) {
            Ok(claims) => {
                let (from, until) = (claims.from, claims.until);
                let caller = Arc::new(self.caller(claims));
                if let Some(digest) = digest {
                    self.kept.put(digest, &keys, (from, until), caller.clone());
                }
                Ok(caller)
            }
            Err(why) => {
                if let (Refusal::UnknownKey { .. }, Keys::Published(published)) = (&why, &self.keys) {
                    published.want();
                }
                self.tell(&why, now);
                Err(Unknown(word(&why)))
            }
        }
    }
}

/// A refusal for lists of refusals.
const fn word(why: &Refusal) -> &'static str {
    match why {
        Refusal::Expired(_) => "a JWT that has expired",
        Refusal::Early(_) => "a JWT that is not good yet",
        Refusal::UnknownKey { .. } => "a JWT of an unknown key",
        Refusal::Signature | Refusal::Algorithm => "a JWT with a wrong signature",
        Refusal::Claim { .. } => "a JWT that is for or from somebody else",
        _ => "a JWT that cannot be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_that_is_kept_holds_for_its_time_and_its_keys_only() {
        let line = include_str!("../../fixtures/jwt/tokens.jsonl").lines().find(|line| line.contains("ES256"));
        let entry: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
        let set = |jwk: &serde_json::Value| {
            let set = serde_json::json!({ "keys": [jwk] }).to_string();
            Arc::new(KeySet::of_jwks(set.as_bytes()).unwrap())
        };
        let token = entry["token"].as_str().unwrap();
        let keys = set(&entry["jwk"]);
        let issuer = Issuer::new(Keys::Fixed(keys.clone()), Rules::default());
        let at = |second| issuer.verify(token, Timestamp::from_second(second).unwrap());
        let first = at(1_760_000_000).unwrap();
        assert_eq!((&*first.name, first.method), ("7", Method::Jwt));
        assert_eq!(first.person.as_ref().and_then(|person| person.email.as_deref()), Some("ada@example.com"));
        assert!(Arc::ptr_eq(&first, &at(1_760_000_001).unwrap()), "it was kept");
        // Over, and not begun: a clock can be set back.
        assert_eq!(at(4_000_000_061), Err(Unknown("a JWT that has expired")));
        assert_eq!(at(1_600_000_000), Err(Unknown("a JWT that is not good yet")));
        assert!(at(1_760_000_000).is_ok());
        let digest = kept::digest(token);
        let now = Timestamp::from_second(1_760_000_000).unwrap();
        assert!(issuer.kept.get(&digest, &keys, now).is_some());
        assert!(issuer.kept.get(&digest, &set(&entry["jwk"]), now).is_none(), "of other keys");
        assert!(issuer.kept.get(&kept::digest(&format!("{token}=")), &keys, now).is_none());
        for n in 0..limits::JWT_KEPT {
            issuer.kept.put(kept::digest(&n.to_string()), &keys, (None, now), first.clone());
        }
        assert!(issuer.kept.get(&digest, &keys, now).is_none(), "there is an end to what is kept");
    }
}
