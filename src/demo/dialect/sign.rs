//! The proofs that senders attach, from the providers' own descriptions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

/// What marks a signing token of Standard Webhooks.
const SIGNING_TOKEN: &str = "whsec_";

/// HMAC-SHA-256 in lower hex.
pub(super) fn sha256(key: &[u8], message: &[u8]) -> String {
    hex::encode(hmac_sha256(key, message))
}

/// HMAC-SHA-1 in lower hex: still sent beside the other for receivers of long ago.
pub(super) fn sha1(key: &[u8], message: &[u8]) -> String {
    // HMAC takes a key of any length; the empty answer of the impossible arm would be refused by every receiver.
    Hmac::<Sha1>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(message);
            hex::encode(mac.finalize().into_bytes())
        },
    )
}

/// `v1,<base64>` over `id.timestamp.body` (Standard Webhooks).
pub(super) fn standard_webhooks(token: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = STANDARD.decode(token.strip_prefix(SIGNING_TOKEN).unwrap_or(token)).unwrap_or_default();
    let mut message = format!("{id}.{timestamp}.").into_bytes();
    message.extend_from_slice(body);
    format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &message)))
}

/// A signing token that carries `bytes`.
pub(super) fn signing_token(bytes: &[u8]) -> String {
    format!("{SIGNING_TOKEN}{}", STANDARD.encode(bytes))
}

/// `Basic <base64>`.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A value of the same form that another secret would have given.
pub(super) fn forge(header: &str, value: &str) -> String {
    let guess = b"a guess";
    match value.split_once(['=', ',', ' ']) {
        Some(("sha256", _)) => format!("sha256={}", sha256(guess, value.as_bytes())),
        Some(("sha1", _)) => format!("sha1={}", sha1(guess, value.as_bytes())),
        Some(("v1", _)) => format!("v1,{}", STANDARD.encode(hmac_sha256(guess, value.as_bytes()))),
        Some(("Basic", _)) => basic(super::azure::USER, "a guess"),
        _ if header.eq_ignore_ascii_case("x-gitlab-token") => "a guess".to_owned(),
        _ => sha256(guess, value.as_bytes()),
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    // See `sha1`.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    /// GitHub's page "Validating webhook deliveries".
    #[test]
    fn github_documents_this_value() {
        assert_eq!(
            super::sha256(b"It's a Secret to Everybody", b"Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn standard_webhooks_documents_this_value() {
        assert_eq!(
            super::standard_webhooks(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    /// RFC 2202, case 2.
    #[test]
    fn hmac_sha1_as_its_rfc_says() {
        assert_eq!(super::sha1(b"Jefe", b"what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn a_forged_proof_keeps_its_form_and_loses_its_worth() {
        for (header, value) in [
            ("X-Hub-Signature-256", format!("sha256={}", super::sha256(b"s", b"m"))),
            ("X-Hub-Signature", format!("sha1={}", super::sha1(b"s", b"m"))),
            ("X-Gitea-Signature", super::sha256(b"s", b"m")),
            ("webhook-signature", super::standard_webhooks(&super::signing_token(b"k"), "i", 1, b"m")),
            ("Authorization", super::basic("yardarm", "s")),
            ("X-Gitlab-Token", "s".to_owned()),
        ] {
            let forged = super::forge(header, &value);
            assert_ne!(forged, value, "{header}");
            if header.contains("ignature") {
                assert_eq!(forged.len(), value.len(), "{header}");
            }
        }
    }
}
