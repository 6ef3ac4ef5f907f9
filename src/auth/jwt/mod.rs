//! JSON Web Tokens of others: told good or not, from the text, the keys, the rules and the time.
//!
//! What makes a token good is the operator's, never the token's (RFC 8725). The key decides which algorithm it is used
//! with, so that a token that names another (`none`, or an HMAC over the public key) finds no key. Keys come from the
//! configuration: `jku`, `jwk`, `x5u` and `x5c` in a header are not even read, and a `kid` is a text that is compared,
//! never a path or a query. An extension that a header calls critical is one that we do not know. A member that occurs
//! twice makes the whole token unreadable, for two readers might believe different ones.
//!
//! A [`Refusal`] is for the log. No caller is told more than that there was no good credential.

mod claims;
mod jwk;
mod key;
mod pem;
mod public;
mod token;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

pub use claims::{Claims, Grant, Mapping, Rules};
pub use key::{Algorithm, Key, KeySet, KeysError};

use token::Token;

use crate::{json, limits};

/// Judges a token: its form, its signature by one of `keys`, and then what it claims, at the time `now`.
///
/// # Errors
/// The first reason against it.
pub fn verify(text: &str, keys: &KeySet, rules: &Rules, now: Timestamp) -> Result<Claims, Refusal> {
    let token = Token::parse(text)?;
    let id = token.key_id.as_deref();
    let mut candidates = keys.candidates(id, token.algorithm).take(limits::JWT_KEYS_TRIED);
    if !candidates.any(|key| key.signed(token.algorithm, token.signed.as_bytes(), &token.signature)) {
        return Err(if keys.know(id) { Refusal::Signature } else { Refusal::UnknownKey { id: id.map(shown) } });
    }
    rules.judge(json::object(&token.payload).ok_or(Refusal::Payload)?, now)
}

/// Whether a text has the outer form of such a token: what tells it from a token of another kind.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    // `{"` in base64, which is how every header begins.
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Why a token is not taken. `Display` is for the operator; what it repeats of the token is bounded and printable, and
/// but for the key's id it is only repeated once the signature was good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than any honest one.
    #[error("it is longer than {} bytes", limits::JWT_BYTES)]
    TooLarge,
    /// Not three parts of base64url.
    #[error("it is not three parts of unpadded base64url with dots between them")]
    Form,
    /// A header that cannot be read, or asks for what we do not do.
    #[error("its header {0}")]
    Header(&'static str),
    /// An algorithm that is none of ours.
    #[error("its algorithm is none of RS, PS and ES with 256, 384 or 512, nor EdDSA")]
    Algorithm,
    /// No key of ours, and newer keys may know it: none has its id, or it names none.
    #[error("{}, and no other key has signed it", of_id(.id.as_deref()))]
    UnknownKey {
        /// The id that the token names.
        id: Option<String>,
    },
    /// Not signed by the key that it names, or not in a way that the key is used in.
    #[error("its signature is not that of the key with its `kid`")]
    Signature,
    /// Signed, but no JSON object, or one with a repeated member.
    #[error("its payload is not one JSON object in which no member occurs twice")]
    Payload,
    /// A claim that is there, and is not what it has to be.
    #[error("its claim `{0}` is not of the right type, or out of range")]
    Malformed(&'static str),
    /// It never ends.
    #[error("it has no `exp`: a token that never expires is not taken")]
    Endless,
    /// It is over.
    #[error("it expired {0} s ago")]
    Expired(i64),
    /// It is not good yet.
    #[error("it is not good before {0} s from now (`nbf` or `iat`): is a clock wrong?")]
    Early(i64),
    /// Another claim than the rules ask for.
    #[error("its `{claim}` is {}, not what `validate_claims` asks for", of_claim(.is.as_deref()))]
    Claim {
        /// `iss`, `sub` or `aud`.
        claim: &'static str,
        /// What stands there.
        is: Option<String>,
    },
}

impl Refusal {
    /// A word for it, as metrics have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Form | Self::Header(_) | Self::Payload | Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey { .. } => "unknown-key",
            Self::Signature => "signature",
            Self::Endless => "endless",
            Self::Expired(_) => "expired",
            Self::Early(_) => "early",
            Self::Claim { .. } => "claim",
        }
    }
}

fn of_id(id: Option<&str>) -> String {
    id.map_or_else(|| "it has no `kid`".to_owned(), |id| format!("no key has its `kid` {id:?}"))
}

fn of_claim(is: Option<&str>) -> String {
    is.map_or_else(|| "absent".to_owned(), |is| format!("{is:?}"))
}

/// A text of a token as the log may repeat it.
fn shown(text: &str) -> String {
    let mut start: String = text.chars().take(limits::QUOTED_CHARACTERS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
