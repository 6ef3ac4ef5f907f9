//! Keys, and which algorithms each may be used with: its kind says, never the token.

use std::fmt;

use p521::ecdsa::signature::Verifier as _;
use ring::signature::{self as sign, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

use super::public::Public;
use super::{jwk, pem};
use crate::limits;

/// How a token may be signed: every asymmetric algorithm of RFC 7518, and `EdDSA` of RFC 8037 with Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, PKCS#1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS#1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS#1 v1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// RSA, PSS, SHA-384.
    Ps384,
    /// RSA, PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// ECDSA on P-521.
    Es512,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The algorithm of a name, letter by letter.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// Which of the algorithms of its kind a key is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    One(Algorithm),
    Pss,
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// No block of PEM.
    #[error("there is no public key in PEM form (`-----BEGIN PUBLIC KEY-----`)")]
    NoPem,
    /// A private key, where it should never have come.
    #[error("it is a private key: take it away from there, and only its public half here")]
    Private,
    /// Neither RSA nor one of the curves.
    #[error("it is no key of RSA, P-256, P-384, P-521 or Ed25519")]
    Kind,
    /// RSA out of range.
    #[error("an RSA key has to have 2048 to 8192 bits, and an odd exponent from 3 to 2^33")]
    Size,
    /// Not what its kind asks for.
    #[error("its numbers cannot be read, or are no point of its curve")]
    Broken,
    /// A key for encryption.
    #[error("it is not made for signatures")]
    Purpose,
    /// An algorithm that is none of its kind's.
    #[error("its `alg` does not go with its kind, or is not known")]
    Algorithm,
    /// No key set.
    #[error("it is no JSON Web Key Set: an object with a list `keys`, in which no member occurs twice")]
    NoSet,
    /// More than are tried.
    #[error("there are more than {} keys in it", limits::JWT_KEYS_TRIED)]
    TooMany,
    /// A key set without a key for us.
    #[error("there is no usable key in it{}", of(.passed_over))]
    Empty {
        /// What is wrong with each.
        passed_over: Vec<String>,
    },
}

fn of(passed_over: &[String]) -> String {
    if passed_over.is_empty() { String::new() } else { format!(": {}", passed_over.join("; ")) }
}

/// The key itself, in the form that it is used in.
#[derive(Clone, PartialEq)]
pub(super) enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Vec<u8>),
}

impl Material {
    /// Numbers as unsigned bytes, the highest first.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeysError> {
        let plain = |number: &[u8]| -> Vec<u8> { number.iter().copied().skip_while(|byte| *byte == 0).collect() };
        let (modulus, exponent) = (plain(modulus), plain(exponent));
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let value = exponent.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
        let good = value.is_some_and(|value| (3..1 << 33).contains(&value) && value % 2 == 1);
        if !(2048..=8192).contains(&bits) || !good {
            return Err(KeysError::Size);
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Coordinates of exactly the curve's length.
    pub(super) fn point(curve: &str, x: &[u8], y: &[u8]) -> Result<Self, KeysError> {
        let length = match curve {
            "P-256" => 32,
            "P-384" => 48,
            "P-521" => 66,
            _ => return Err(KeysError::Kind),
        };
        if x.len() != length || y.len() != length {
            return Err(KeysError::Broken);
        }
        let point = [&[4][..], x, y].concat();
        match length {
            32 => Ok(Self::P256(point)),
            48 => Ok(Self::P384(point)),
            _ => Self::p521(&point),
        }
    }

    fn p521(point: &[u8]) -> Result<Self, KeysError> {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeysError::Broken)?;
        Ok(Self::P521(Box::new(key)))
    }

    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, KeysError> {
        if bytes.len() == 32 { Ok(Self::Ed25519(bytes.to_vec())) } else { Err(KeysError::Broken) }
    }

    pub(super) fn of_der(public: &Public<'_>) -> Result<(Self, Option<Family>), KeysError> {
        let uncompressed = |point: &[u8], length: usize| point.first() == Some(&4) && point.len() == length;
        let material = match *public {
            Public::Rsa { modulus, exponent, only_pss } => {
                let only = only_pss.then_some(Family::Pss);
                return Ok((Self::rsa(modulus, exponent)?, only));
            }
            Public::P256(point) if uncompressed(point, 65) => Self::P256(point.to_vec()),
            Public::P384(point) if uncompressed(point, 97) => Self::P384(point.to_vec()),
            Public::P521(point) if uncompressed(point, 133) => Self::p521(point)?,
            Public::Ed25519(bytes) => Self::ed25519(bytes)?,
            _ => return Err(KeysError::Broken),
        };
        Ok((material, None))
    }

    /// Whether keys of this kind are used with an algorithm.
    pub(super) const fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Self::P256(_) => matches!(algorithm, Es256),
            Self::P384(_) => matches!(algorithm, Es384),
            Self::P521(_) => matches!(algorithm, Es512),
            Self::Ed25519(_) => matches!(algorithm, EdDsa),
        }
    }
}

/// A public key.
#[derive(Clone, PartialEq)]
pub struct Key {
    id: Option<String>,
    only: Option<Family>,
    material: Material,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    pub(super) const fn new(id: Option<String>, only: Option<Family>, material: Material) -> Self {
        Self { id, only, material }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{Ps256, Ps384, Ps512};
        self.material.fits(algorithm)
            && match self.only {
                None => true,
                Some(Family::One(only)) => only == algorithm,
                Some(Family::Pss) => matches!(algorithm, Ps256 | Ps384 | Ps512),
            }
    }

    /// Whether this signature of this message is this key's. ECDSA is two numbers of fixed length, never DER.
    pub(super) fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let of = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        self.fits(algorithm)
            && match &self.material {
                Material::Rsa { modulus, exponent } => rsa(algorithm).is_some_and(|parameters| {
                    RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
                }),
                Material::P256(point) => of(&sign::ECDSA_P256_SHA256_FIXED, point),
                Material::P384(point) => of(&sign::ECDSA_P384_SHA384_FIXED, point),
                Material::P521(key) => p521::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
                Material::Ed25519(key) => of(&sign::ED25519, key),
            }
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &sign::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &sign::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &sign::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &sign::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &sign::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &sign::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => return None,
    })
}

/// Public keys that tokens are verified with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeySet {
    pub(super) keys: Vec<Key>,
    /// What of a published set is not used, and why: for the log.
    pub passed_over: Vec<String>,
}

impl KeySet {
    pub(super) const fn new(keys: Vec<Key>) -> Self {
        Self { keys, passed_over: Vec::new() }
    }

    /// The keys of a file: SPKI, PKCS#1 or certificates, in PEM form.
    ///
    /// # Errors
    /// Any block that is no public key of a kind that we know.
    pub fn of_pem(file: &[u8]) -> Result<Self, KeysError> {
        pem::keys(file)
    }

    /// The keys of a JSON Web Key Set; the number of them is bounded by [`limits::JWT_KEYS`].
    ///
    /// # Errors
    /// No set, or none with a usable key in it.
    pub fn of_jwks(text: &[u8]) -> Result<Self, KeysError> {
        jwk::keys(text)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Their ids, in their order.
    #[must_use]
    pub fn ids(&self) -> Vec<Option<&str>> {
        self.keys.iter().map(|key| key.id.as_deref()).collect()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keys that a token may have been signed with: those of its id before those that have none; all of them where it
    /// names none.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> + use<'_> {
        let (named, others): (Vec<_>, Vec<_>) = self.keys.iter().partition(|key| key.id.as_deref() == id);
        let named_none = id.is_none();
        let others = others.into_iter().filter(move |key| named_none || key.id.is_none());
        named.into_iter().chain(others).filter(move |key| key.fits(algorithm))
    }

    /// Whether a key has this id.
    pub(super) fn know(&self, id: Option<&str>) -> bool {
        id.is_some() && self.keys.iter().any(|key| key.id.as_deref() == id)
    }
}
