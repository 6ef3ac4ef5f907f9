//! Who may ask: static tokens, as a bearer token or a cookie.
//!
//! A credential is compared as its SHA-256, with every token and in constant time, so that neither its length nor a
//! prefix of it can be told from the answer. The answer to a wrong one and to none is the same.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::error::Failure;
use crate::config;

/// Flipt's cookie.
const COOKIE: &str = "flipt_client_token";

/// A group of routes that is opened and closed as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// `/evaluate`, `/internal/v1/evaluation`, `/client`.
    Evaluation,
    /// `/ofrep`.
    Ofrep,
    /// Everything else that is not public.
    Api,
}

/// The rules, compiled. Holds digests of tokens, never a token.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    required: bool,
    exclude_evaluation: bool,
    exclude_ofrep: bool,
    tokens: Vec<[u8; 32]>,
}

impl From<&config::Authentication> for Authentication {
    fn from(config: &config::Authentication) -> Self {
        let digest = |token: &secrecy::SecretString| Sha256::digest(token.expose_secret().as_bytes()).into();
        Self {
            required: config.required,
            exclude_evaluation: config.exclude_evaluation,
            exclude_ofrep: config.exclude_ofrep,
            // An empty token would let everybody in who sends an empty credential.
            tokens: config.tokens.values().filter(|token| !token.expose_secret().is_empty()).map(digest).collect(),
        }
    }
}

impl Authentication {
    /// Whether this request may go on.
    pub(super) fn check(&self, surface: Surface, request: &HttpRequest) -> Result<(), Failure> {
        let open = match surface {
            Surface::Evaluation => self.exclude_evaluation,
            Surface::Ofrep => self.exclude_ofrep,
            Surface::Api => false,
        };
        if !self.required || open || self.known(request) { Ok(()) } else { Err(Failure::unauthenticated()) }
    }

    fn known(&self, request: &HttpRequest) -> bool {
        static METADATA: HeaderName = HeaderName::from_static("grpc-metadata-authorization");
        let headers = request.headers();
        let credential = match headers.get(header::AUTHORIZATION).or_else(|| headers.get(&METADATA)) {
            Some(value) => value.to_str().ok().and_then(|value| value.trim_end().strip_prefix("Bearer ")),
            None => headers.get_all(header::COOKIE).find_map(|value| cookie(value.to_str().ok()?)),
        };
        let Some(credential) = credential.filter(|credential| !credential.is_empty()) else { return false };
        let digest: [u8; 32] = Sha256::digest(credential.as_bytes()).into();
        let matching = self.tokens.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(&digest));
        matching.into()
    }
}

/// Flipt's token in a `Cookie` header.
fn cookie(header: &str) -> Option<&str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rules(required: bool) -> Authentication {
        let tokens = [("ci", "golden-token"), ("other", "other-token"), ("empty", "")];
        let config = config::Authentication {
            required,
            exclude_ofrep: true,
            tokens: tokens.map(|(name, token)| (name.to_owned(), token.into())).into(),
            ..config::Authentication::default()
        };
        Authentication::from(&config)
    }

    #[test]
    fn credentials() {
        let may = |name: &str, value: &str| {
            let request = TestRequest::get().insert_header((name, value)).to_http_request();
            rules(true).check(Surface::Api, &request).is_ok()
        };
        for (name, value) in [
            ("Authorization", "Bearer golden-token"),
            ("Authorization", "Bearer golden-token "),
            ("Authorization", "Bearer other-token"),
            ("Grpc-Metadata-Authorization", "Bearer golden-token"),
            ("Cookie", "flipt_client_token=golden-token"),
            ("Cookie", "a=b; flipt_client_token=golden-token; c=d"),
        ] {
            assert!(may(name, value), "{name}: {value}");
        }
        for (name, value) in [
            ("Authorization", ""),
            ("Authorization", "Bearer"),
            ("Authorization", "Bearer "),
            ("Authorization", "Bearer  golden-token"),
            ("Authorization", "bearer golden-token"),
            ("Authorization", "golden-token"),
            ("Authorization", "Bearer GOLDEN-TOKEN"),
            ("Authorization", "JWT golden-token"),
            ("Cookie", "flipt_client_token="),
            ("Cookie", "xflipt_client_token=golden-token"),
            ("X-API-Key", "golden-token"),
        ] {
            assert!(!may(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn exclusions_and_open_servers_look_at_nothing() {
        let request = TestRequest::get().insert_header(("Authorization", "Bearer nope")).to_http_request();
        assert!(rules(true).check(Surface::Ofrep, &request).is_ok());
        assert!(rules(true).check(Surface::Evaluation, &request).is_err());
        assert!(rules(false).check(Surface::Api, &request).is_ok());
    }

    #[test]
    fn debug_output_holds_no_token() {
        assert!(!format!("{:?}", rules(true)).contains("golden"));
    }
}
