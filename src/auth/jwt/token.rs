//! The text of a token, taken apart (RFC 7515, compact serialization). Nothing of it is believed yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Algorithm, Refusal};
use crate::{json, limits};

/// Media types of tokens that are made to be shown to a service like this one, or that do not say what they are made
/// for (RFC 8725, section 3.11). The same keys sign others: the notice of a logout, the proof that a key is held.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// The parts of a token.
pub(super) struct Token<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// What the signature is over: header, dot, payload.
    pub(super) signed: &'t str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > limits::JWT_BYTES {
            return Err(Refusal::TooLarge);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Form)?;
        // A further dot is no letter of base64url.
        let [header, payload, signature] =
            [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Form));
        let (payload, signature) = (payload?, signature?);
        let header =
            json::object(&header?).ok_or(Refusal::Header("is not one JSON object in which no member occurs twice"))?;
        let (algorithm, key_id) = judge(&header)?;
        if signature.is_empty() {
            return Err(Refusal::Form);
        }
        Ok(Self { algorithm, key_id, signed, payload, signature })
    }
}

fn judge(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), Refusal> {
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Refusal::Header("names a critical extension, and we know none"));
    }
    match header.get("typ").map(Value::as_str) {
        None => {}
        Some(Some(kind)) => {
            let kind = kind.to_ascii_lowercase();
            if !TYPES.contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
                return Err(Refusal::Header("says by `typ` that it is made for something else"));
            }
        }
        Some(None) => return Err(Refusal::Header("has a `typ` that is no text")),
    }
    if header.contains_key("cty") || header.contains_key("enc") || header.contains_key("zip") {
        return Err(Refusal::Header("says that another token, or something compressed or encrypted, is inside"));
    }
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(Refusal::Header("has a `kid` that is no text")),
    };
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::of_name).ok_or(Refusal::Algorithm)?;
    Ok((algorithm, key_id))
}
