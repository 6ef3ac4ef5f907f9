//! A JSON Web Key Set (RFC 7517, 7518, 8037), as an issuer publishes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::key::{Family, Key, KeySet, KeysError, Material};
use super::{Algorithm, shown};
use crate::{json, limits};

/// Every key of a set that can verify a token. One of a kind that we do not know is passed over, as the standard asks,
/// and so is one that is made for something else, or broken: one bad key must not lock out the users of the others.
pub(super) fn keys(text: &[u8]) -> Result<KeySet, KeysError> {
    let set = json::object(text).ok_or(KeysError::NoSet)?;
    let Some(Value::Array(all)) = set.get("keys") else { return Err(KeysError::NoSet) };
    let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
    for (at, jwk) in all.iter().enumerate() {
        let members = jwk.as_object();
        let id = members.and_then(|jwk| jwk.get("kid")).and_then(Value::as_str);
        if keys.len() >= limits::JWT_KEYS {
            passed_over.push(format!("the keys from the {}th on: there are too many", at + 1));
            break;
        }
        match members.ok_or(KeysError::NoSet).and_then(key) {
            Ok(key) => keys.push(key),
            Err(why) if passed_over.len() < limits::JWT_KEYS => {
                passed_over.push(format!("{:?}: {why}", id.map_or_else(|| format!("number {}", at + 1), shown)));
            }
            Err(_) => {}
        }
    }
    if keys.is_empty() { Err(KeysError::Empty { passed_over }) } else { Ok(KeySet { keys, passed_over }) }
}

fn key(jwk: &Map<String, Value>) -> Result<Key, KeysError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let for_signatures = match (jwk.get("use"), jwk.get("key_ops")) {
        (Some(made_for), _) if made_for != "sig" => false,
        (_, Some(Value::Array(operations))) => operations.iter().any(|operation| operation == "verify"),
        (_, Some(_)) => false,
        (_, None) => true,
    };
    if !for_signatures {
        return Err(KeysError::Purpose);
    }
    let kind = text("kty");
    // A symmetric key in a public place is no key.
    if !matches!(kind, Some("RSA" | "EC" | "OKP")) {
        return Err(KeysError::Kind);
    }
    if jwk.contains_key("d") {
        return Err(KeysError::Private);
    }
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(KeysError::Broken);
    let material = match (kind, text("crv")) {
        (Some("RSA"), _) => Material::rsa(&bytes("n")?, &bytes("e")?)?,
        (Some("EC"), Some(curve)) => Material::point(curve, &bytes("x")?, &bytes("y")?)?,
        (Some("OKP"), Some("Ed25519")) => Material::ed25519(&bytes("x")?)?,
        _ => return Err(KeysError::Kind),
    };
    let only = match jwk.get("alg") {
        None => None,
        Some(name) => {
            let algorithm = name.as_str().and_then(Algorithm::of_name).ok_or(KeysError::Algorithm)?;
            if !material.fits(algorithm) {
                return Err(KeysError::Algorithm);
            }
            Some(Family::One(algorithm))
        }
    };
    let id = match jwk.get("kid") {
        None => None,
        Some(id) => Some(id.as_str().ok_or(KeysError::Broken)?.to_owned()),
    };
    Ok(Key::new(id, only, material))
}
