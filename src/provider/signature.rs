//! Who sent a delivery: the providers' schemes as data, and the one function that checks them all.
//!
//! Two steps, so that a stranger costs as little as possible. [`claim`] looks at the head alone: the header that has
//! to be there, once, in its exact form; a scheme that does not sign the body is decided here, before a byte of the
//! body is read. [`Claim::verify`] then takes the signed bytes.
//!
//! What it promises:
//! - The algorithm is pinned by the configured provider. Nothing of the request chooses it, and no other provider's
//!   header is looked at: Gitea and Forgejo also send GitHub's.
//! - Every active secret is tried, in constant time, without stopping at the first that fits. Both sides of a plain
//!   comparison are hashed first, so that not even a length is told.
//! - An empty secret verifies nothing, although Gitea sends an (empty) signature for one.
//! - The form is exact. Digests are lower-case hex, as every provider sends them; upper case, white space inside, a
//!   second value and SHA-1 are refused.
//! - Once a signing token (`whsec_…`, GitLab 19.0) is configured, only signed deliveries count: a plain token beside
//!   it is not a way around the signature. To move over without a gap, set both at GitLab first, then change the
//!   secret here.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Provider;
use super::headers::{Field, Headers};
use crate::limits;

/// How a provider proves that it sent a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HMAC-SHA256 under the bytes of the secret, lower-case hex behind a fixed prefix.
    HmacSha256 {
        /// Header with the digest.
        header: &'static str,
        /// What stands before the digest.
        prefix: &'static str,
        /// Which bytes are signed when the body is a form.
        form: Signed,
    },
    /// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64, several in one header.
    StandardWebhooks,
    /// The secret itself is the value of the header.
    Token {
        /// Header with the secret.
        header: &'static str,
    },
    /// HTTP Basic with the secret as password, and any user.
    Basic,
}

/// Which bytes of a form delivery are signed. For JSON it is always the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The body as it came.
    Body,
    /// The decoded value of the field `payload`.
    Payload,
}

/// Prefix of a signing token.
const SIGNING_TOKEN: &str = "whsec_";
/// Of the Standard Webhooks specification.
const WEBHOOK_ID: &str = "webhook-id";
const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// Base64 as written by anybody: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Scheme {
    /// The scheme that a provider's deliveries must satisfy under these secrets.
    #[must_use]
    pub fn of(provider: Provider, secrets: &[SecretString]) -> Self {
        let signing = |secret: &SecretString| secret.expose_secret().starts_with(SIGNING_TOKEN);
        match provider {
            Provider::Github => {
                Self::HmacSha256 { header: "x-hub-signature-256", prefix: "sha256=", form: Signed::Body }
            }
            Provider::BitbucketCloud | Provider::BitbucketDataCenter => {
                Self::HmacSha256 { header: "x-hub-signature", prefix: "sha256=", form: Signed::Body }
            }
            Provider::Gitea => Self::HmacSha256 { header: "x-gitea-signature", prefix: "", form: Signed::Payload },
            Provider::Forgejo => Self::HmacSha256 { header: "x-forgejo-signature", prefix: "", form: Signed::Payload },
            Provider::Gitlab if secrets.iter().any(signing) => Self::StandardWebhooks,
            Provider::Gitlab => Self::Token { header: "x-gitlab-token" },
            Provider::Azure => Self::Basic,
        }
    }

    /// The name as records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 { .. } => "hmac-sha256",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Token { .. } => "token",
            Self::Basic => "basic",
        }
    }

    /// Whether the head alone decides.
    #[must_use]
    pub const fn is_decided_by_head(self) -> bool {
        matches!(self, Self::Token { .. } | Self::Basic)
    }

    /// Whether the proof is the secret itself: whoever gets one delivery has it.
    #[must_use]
    pub const fn shows_the_secret(self) -> bool {
        matches!(self, Self::Token { .. } | Self::Basic)
    }

    /// Which bytes of a form delivery are signed.
    #[must_use]
    pub const fn form(self) -> Signed {
        match self {
            Self::HmacSha256 { form, .. } => form,
            _ => Signed::Body,
        }
    }

    /// Whether a secret can verify anything under this scheme: an empty one never does, nor a signing token whose
    /// base64 is broken.
    #[must_use]
    pub fn takes(self, secret: &SecretString) -> bool {
        self.key(secret).is_some()
    }

    /// The bytes that stand for a secret under this scheme.
    fn key(self, secret: &SecretString) -> Option<Vec<u8>> {
        let secret = secret.expose_secret();
        let key = match self {
            Self::StandardWebhooks => BASE64.decode(secret.strip_prefix(SIGNING_TOKEN)?).ok()?,
            _ => secret.as_bytes().to_vec(),
        };
        (!key.is_empty()).then_some(key)
    }
}

/// The headers that prove a body which we send ourselves, to see whether a running daemon takes a secret. `None` for a
/// secret that this scheme cannot use.
#[must_use]
pub fn prove(
    scheme: Scheme,
    secret: &SecretString,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Option<Vec<(&'static str, SecretString)>> {
    let key = scheme.key(secret)?;
    let digest = |parts: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        for part in parts {
            mac.update(part);
        }
        Some(mac.finalize().into_bytes())
    };
    let open = |text: String| SecretString::from(text);
    Some(match scheme {
        Scheme::HmacSha256 { header, prefix, .. } => {
            vec![(header, open(format!("{prefix}{}", hex::encode(digest(&[body])?))))]
        }
        Scheme::Token { header } => vec![(header, secret.clone())],
        Scheme::Basic => {
            let pair = format!("yardarm:{}", secret.expose_secret());
            vec![("authorization", open(format!("Basic {}", BASE64.encode(pair))))]
        }
        Scheme::StandardWebhooks => {
            let stamp = now.as_second().to_string();
            let signed = digest(&[id.as_bytes(), b".", stamp.as_bytes(), b".", body])?;
            vec![
                (WEBHOOK_ID, open(id.to_owned())),
                (WEBHOOK_TIMESTAMP, open(stamp)),
                (WEBHOOK_SIGNATURE, open(format!("v1,{}", BASE64.encode(signed)))),
            ]
        }
    })
}

/// Why a delivery was not verified. For records and logs; the sender only ever sees 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The header that proves the sender is missing or empty.
    #[error("the signature is missing or empty: is a secret set on the provider's side?")]
    Missing,
    /// A header that has to be there once is there more often.
    #[error("a header of the signature is there more than once")]
    Doubled,
    /// The header does not have the form of the scheme.
    #[error("the signature does not have this provider's form (lower-case hex SHA-256 where it is a digest)")]
    Malformed,
    /// The signed time is too far from now.
    #[error("the signed time is more than five minutes from this machine's clock")]
    Stale,
    /// No active secret fits.
    #[error("the signature fits none of the configured secrets")]
    Mismatch,
}

/// What the head of a delivery claims about its sender; not believed until [`Claim::verify`] says so.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    scheme: Scheme,
    /// What is signed before the body.
    prologue: Vec<u8>,
    /// Any one of these has to fit; for a scheme without a signature: what was presented.
    proofs: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Claim {
    /// Proofs may be secrets.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Claim").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Reads the claim of a delivery from its head.
///
/// # Errors
/// The head alone says that this cannot be verified.
pub fn claim(scheme: Scheme, headers: &Headers<'_>, now: Timestamp) -> Result<Claim, Refusal> {
    let mut prologue = Vec::new();
    let proofs = match scheme {
        Scheme::HmacSha256 { header, prefix, .. } => {
            let digest = once(headers, header)?.strip_prefix(prefix).ok_or(Refusal::Malformed)?;
            if digest.is_empty() {
                return Err(Refusal::Missing);
            }
            vec![hex_digest(digest).ok_or(Refusal::Malformed)?]
        }
        Scheme::Token { header } => vec![once(headers, header)?.as_bytes().to_vec()],
        Scheme::Basic => vec![basic_password(once(headers, "authorization")?).ok_or(Refusal::Malformed)?],
        Scheme::StandardWebhooks => {
            let signatures = once(headers, WEBHOOK_SIGNATURE)?;
            let id = once(headers, WEBHOOK_ID)?;
            let stamp = once(headers, WEBHOOK_TIMESTAMP)?;
            let seconds: i64 = stamp.parse().map_err(|_| Refusal::Malformed)?;
            let age = i128::from(now.as_second()) - i128::from(seconds);
            if age.unsigned_abs() > u128::from(limits::SIGNATURE_WINDOW.as_secs()) {
                return Err(Refusal::Stale);
            }
            prologue = format!("{id}.{stamp}.").into_bytes();
            signatures
                .split_ascii_whitespace()
                .filter_map(|entry| BASE64.decode(entry.strip_prefix("v1,")?).ok())
                .filter(|digest| digest.len() == 32)
                .take(limits::SIGNATURES_PER_HEADER)
                .collect()
        }
    };
    if proofs.is_empty() {
        return Err(Refusal::Malformed);
    }
    Ok(Claim { scheme, prologue, proofs })
}

impl Claim {
    /// Whether one of the secrets made this claim, over this message (the signed bytes; not looked at where the head
    /// alone decides). Takes the same time whichever secret fits, or none.
    ///
    /// # Errors
    /// None does.
    pub fn verify(&self, secrets: &[SecretString], message: &[u8]) -> Result<&'static str, Refusal> {
        let mut fits = Choice::from(0);
        for key in secrets.iter().filter_map(|secret| self.scheme.key(secret)) {
            let expected = if self.scheme.is_decided_by_head() {
                Sha256::digest(&key)
            } else {
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { continue };
                mac.update(&self.prologue);
                mac.update(message);
                mac.finalize().into_bytes()
            };
            for proof in &self.proofs {
                fits |= if self.scheme.is_decided_by_head() {
                    expected.ct_eq(&Sha256::digest(proof))
                } else {
                    expected.as_slice().ct_eq(proof)
                };
            }
        }
        if bool::from(fits) { Ok(self.scheme.name()) } else { Err(Refusal::Mismatch) }
    }
}

/// The one value of a header.
fn once<'h>(headers: &'h Headers<'_>, name: &str) -> Result<&'h str, Refusal> {
    match headers.get(name) {
        Field::Is("") | Field::Absent => Err(Refusal::Missing),
        Field::Is(value) => Ok(value),
        Field::Doubled => Err(Refusal::Doubled),
    }
}

/// A SHA-256 in lower-case hex.
fn hex_digest(text: &str) -> Option<Vec<u8>> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hex::decode(text).ok().filter(|digest| lower && digest.len() == 32)
}

/// The password of an `Authorization: Basic` header.
fn basic_password(value: &str) -> Option<Vec<u8>> {
    let (scheme, credentials) = value.split_once(' ')?;
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(credentials.trim()).ok())??;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..).map(<[u8]>::to_vec)
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
