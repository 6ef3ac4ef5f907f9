//! Public keys in PEM form: as OpenSSL writes them (SPKI, PKCS#1), and in certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{Key, KeySet, KeysError, Material};
use super::public;
use crate::limits;

/// Every public key of a file, in its order. They have no ids, so that a token of any id is tried against them.
///
/// # Errors
/// A block that is no public key that we know: the operator chose the file, and nothing of it is passed over.
pub(super) fn keys(file: &[u8]) -> Result<KeySet, KeysError> {
    let text = std::str::from_utf8(file).map_err(|_| KeysError::NoPem)?;
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or(KeysError::NoPem)?;
        let (body, after) = after.split_once("-----END ").ok_or(KeysError::NoPem)?;
        rest = after.split_once("-----").map(|(_, rest)| rest).ok_or(KeysError::NoPem)?;
        keys.push(key(label, body)?);
    }
    match keys.len() {
        0 => Err(KeysError::NoPem),
        1..=limits::JWT_KEYS_TRIED => Ok(KeySet::new(keys)),
        _ => Err(KeysError::TooMany),
    }
}

fn key(label: &str, body: &str) -> Result<Key, KeysError> {
    if label.contains("PRIVATE KEY") {
        return Err(KeysError::Private);
    }
    let base64: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(base64).map_err(|_| KeysError::NoPem)?;
    let public = match label {
        "PUBLIC KEY" => public::spki(&der),
        "RSA PUBLIC KEY" => public::pkcs1(&der),
        "CERTIFICATE" => public::certificate(&der),
        _ => None,
    };
    let (material, only) = Material::of_der(&public.ok_or(KeysError::Kind)?)?;
    Ok(Key::new(None, only, material))
}
