//! RFC 8725 as a table: everything that has ever been done to a token, and the answer to it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::auth::Scopes;

const NOW: i64 = 1_760_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key on P-256 of the id `one`.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": b64(x), "y": b64(y)})
    }

    fn keys(&self) -> KeySet {
        set(&[self.jwk()])
    }

    fn sign(&self, signed: &str) -> String {
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature))
    }

    /// A token of exactly this text for its header and its payload.
    fn raw(&self, header: &str, payload: &str) -> String {
        self.sign(&format!("{}.{}", b64(header), b64(payload)))
    }

    fn token(&self, claims: &Value) -> String {
        self.raw(r#"{"alg":"ES256","kid":"one"}"#, &claims.to_string())
    }
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::of_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://issuer", "sub": "7", "aud": "flags", "exp": NOW + 600})
}

fn rsa() -> RsaKeyPair {
    let pem = include_str!("../../../fixtures/git/github-app-key.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    RsaKeyPair::from_der(&STANDARD.decode(base64).unwrap()).unwrap()
}

fn rsa_token(key: &RsaKeyPair, algorithm: &str, encoding: &'static dyn RsaEncoding) -> String {
    let signed = format!("{}.{}", b64(json!({ "alg": algorithm }).to_string()), b64(claims().to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", b64(signature))
}

/// The key as a PKCS#1 file, which is what somebody who confuses algorithms hashes with.
fn rsa_pem(key: &RsaKeyPair) -> String {
    format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        STANDARD.encode(key.public().as_ref())
    )
}

/// Tokens and keys that OpenSSL made.
fn foreign() -> Vec<Value> {
    let lines = include_str!("../../../fixtures/jwt/tokens.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_algorithm_as_another_implementation_signs_it() {
    let rules = Rules {
        issuer: Some("https://issuer.example".to_owned()),
        subject: Some("7".to_owned()),
        audiences: vec!["another".to_owned(), "flags".to_owned()],
        ..Rules::default()
    };
    let all = foreign();
    assert_eq!(all.len(), 10);
    let everyone: Vec<Value> = all.iter().map(|entry| entry["jwk"].clone()).collect();
    for entry in &all {
        let (algorithm, token) = (entry["alg"].as_str().unwrap(), entry["token"].as_str().unwrap());
        let mut sets = vec![("jwk", set(&[entry["jwk"].clone()])), ("jwks", set(&everyone))];
        for (form, pem) in entry["pem"].as_object().unwrap() {
            sets.push((form, KeySet::of_pem(pem.as_str().unwrap().as_bytes()).unwrap()));
        }
        for (form, keys) in &sets {
            let claims = verify(token, keys, &rules, now()).unwrap_or_else(|why| panic!("{algorithm} {form}: {why}"));
            let person = claims.person.clone().unwrap();
            assert_eq!((claims.subject.as_deref(), person.name.as_deref()), (Some("7"), Some("Ada")));
            assert_eq!(person.email.as_deref(), Some("ada@example.com"));
            // Any bit of the signature, and any letter of what is signed.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut other = bytes.clone();
                other[at] ^= 4;
                assert!(verify(&format!("{signed}.{}", b64(&other)), keys, &rules, now()).is_err(), "{algorithm} {at}");
            }
            for other in [&bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[0; 64], &[0; 132]] {
                assert!(verify(&format!("{signed}.{}", b64(other)), keys, &rules, now()).is_err(), "{algorithm}");
            }
            let payload = token.split('.').nth(1).unwrap();
            let other = token.replace(payload, &b64(r#"{"exp":4000000000,"sub":"8"}"#));
            assert!(verify(&other, keys, &rules, now()).is_err(), "{algorithm}");
        }
        // With the key of another algorithm, and with the same key under another name.
        for (other, jwk) in all.iter().map(|other| (&other["alg"], &other["jwk"])) {
            let mut jwk = jwk.clone();
            jwk["alg"] = other.clone();
            assert_eq!(
                verify(token, &set(&[jwk]), &rules, now()).is_ok(),
                other == algorithm,
                "{algorithm} by {other}"
            );
        }
    }
}

/// RFC 7515, appendix A.3.
#[test]
fn the_example_of_the_standard() {
    let keys = set(&[json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })]);
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let at = |second| verify(token, &keys, &Rules::default(), Timestamp::from_second(second).unwrap());
    let claims = at(1_300_819_379).unwrap();
    assert_eq!(
        (claims.issuer.as_deref(), claims.at("/http:~1~1example.com~1is_root")),
        (Some("joe"), Some(&json!(true)))
    );
    assert_eq!(at(1_300_819_380 + 60), Err(Refusal::Expired(0)));
}

#[test]
fn what_a_header_may_not_do() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let judged = |header: &str| verify(&issuer.raw(header, &claims().to_string()), &keys, &Rules::default(), now());
    for header in [
        r#"{"alg":"ES256","kid":"one"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"jwt","x5t":"abc"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","typ":"application/at+JWT"}"#,
        // A place or a key that the token brings along is not looked at.
        r#"{"alg":"ES256","kid":"one","jku":"https://evil.example/keys","x5u":"file:///etc/passwd","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"]}"#,
    ] {
        assert!(judged(header).is_ok(), "{header}: {:?}", judged(header));
    }
    let header = |why: &Refusal| matches!(why, Refusal::Header(_));
    for bad in [
        "",
        "[]",
        "null",
        "\"ES256\"",
        "{}{}",
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
        r#"{"alg":"ES256","kid":"one","kid":"two"}"#,
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"ES256","b64":true}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":["one"]}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","typ":1}"#,
        r#"{"alg":"ES256","typ":"logout+jwt"}"#,
        r#"{"alg":"ES256","typ":"dpop+jwt"}"#,
        r#"{"alg":"ES256","typ":"secevent+jwt"}"#,
        r#"{"alg":"ES256","cty":"JWT"}"#,
        r#"{"alg":"ES256","enc":"A256GCM"}"#,
        r#"{"alg":"ES256","zip":"DEF"}"#,
    ] {
        assert!(judged(bad).is_err_and(|why| header(&why)), "{bad}: {:?}", judged(bad));
    }
    for name in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "es256", "ES256 ", " ES256", "ES256K", "RSA-OAEP", "dir",
        "EdDsa", "Ed448", "ES256\0",
    ] {
        let bad = json!({ "alg": name, "kid": "one" }).to_string();
        assert_eq!(judged(&bad), Err(Refusal::Algorithm), "{name:?}");
    }
    for bad in [r#"{"kid":"one"}"#, r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"alg":{"name":"ES256"}}"#] {
        assert_eq!(judged(bad), Err(Refusal::Algorithm), "{bad}");
    }
    for id in ["two", "ONE", "one ", "", "../../etc/passwd", "/dev/null", "' OR 1=1 --", "one\u{0}", "\u{202e}eno"] {
        let bad = json!({ "alg": "ES256", "kid": id }).to_string();
        assert!(matches!(judged(&bad), Err(Refusal::UnknownKey { id: Some(_) })), "{id:?}: {:?}", judged(&bad));
    }
    let long = json!({ "alg": "ES256", "kid": "k".repeat(5_000) }).to_string();
    assert!(judged(&long).unwrap_err().to_string().len() < 200);
    for name in ["RS256", "PS256", "ES384", "ES512", "EdDSA"] {
        let bad = json!({ "alg": name, "kid": "one" }).to_string();
        assert_eq!(judged(&bad), Err(Refusal::Signature), "a key is used with its own algorithm only: {name}");
    }
}

#[test]
fn an_algorithm_is_the_keys_and_never_the_tokens() {
    let key = rsa();
    let keys = KeySet::of_pem(rsa_pem(&key).as_bytes()).unwrap();
    let judged = |token: &str| verify(token, &keys, &Rules::default(), now());
    assert!(judged(&rsa_token(&key, "RS256", &RSA_PKCS1_SHA256)).is_ok());
    assert!(judged(&rsa_token(&key, "PS256", &RSA_PSS_SHA256)).is_ok());
    // The signature of the one is none of the other.
    assert!(judged(&rsa_token(&key, "PS256", &RSA_PKCS1_SHA256)).is_err());
    assert!(judged(&rsa_token(&key, "RS256", &RSA_PSS_SHA256)).is_err());
    assert!(judged(&rsa_token(&key, "RS384", &RSA_PKCS1_SHA256)).is_err());
    // A key that is public, as the secret of an HMAC: as the file, without its last line break, and as DER.
    let pem = rsa_pem(&key);
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), key.public().as_ref(), b""] {
        for name in ["HS256", "RS256", "PS256"] {
            let signed =
                format!("{}.{}", b64(json!({"alg": name, "typ": "JWT"}).to_string()), b64(claims().to_string()));
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(signed.as_bytes());
            assert!(judged(&format!("{signed}.{}", b64(mac.finalize().into_bytes()))).is_err(), "{name}");
        }
    }
    // Nothing is signed by nobody.
    for name in ["none", "RS256", "ES256"] {
        let signed = format!("{}.{}", b64(json!({ "alg": name }).to_string()), b64(claims().to_string()));
        for signature in ["", "AA", &b64([0; 256]), &b64([0; 64])] {
            assert!(judged(&format!("{signed}.{signature}")).is_err(), "{name}");
        }
        assert!(judged(&signed).is_err());
    }
    // ECDSA with the zeros that once were good for everything (CVE-2022-21449), and in DER.
    let issuer = Issuer::new();
    let signed = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(claims().to_string()));
    for signature in [vec![0; 64], vec![0xff; 64], [&[0x30, 6, 2, 1, 1, 2, 1, 1][..], &[0; 56]].concat()] {
        let token = format!("{signed}.{}", b64(signature));
        assert!(verify(&token, &issuer.keys(), &Rules::default(), now()).is_err());
    }
}

#[test]
fn texts_that_are_no_token() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let good = issuer.token(&claims());
    let judged = |text: &str| verify(text, &keys, &Rules::default(), now());
    assert!(judged(&good).is_ok() && looks_like_one(&good));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}.a.b"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}\n.{payload}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{signature}.{payload}.{header}"),
        good.replace('.', "-"),
        good.replace('.', "%2E"),
        format!("{header}.{payload}.{}", STANDARD.encode([0xfb; 64])),
        format!("ü{good}"),
        format!("Bearer {good}"),
    ] {
        assert!(judged(&bad).is_err(), "{bad:?}");
    }
    // The bits behind the last letter's are zero: one signature has one text.
    let mut sibling = signature.to_owned();
    let last = sibling.pop().unwrap();
    sibling.push(char::from(last as u8 + 1));
    assert!(judged(&format!("{signed}.{sibling}")).is_err());

    let long = |size: usize| issuer.token(&json!({"exp": NOW + 1, "pad": "x".repeat(size)}));
    assert!(judged(&long(11_000)).is_ok());
    let too_long = long(13_000);
    assert!(too_long.len() > limits::JWT_BYTES);
    assert_eq!(judged(&too_long), Err(Refusal::TooLarge));
    assert_eq!(judged(&"a".repeat(10_000_000)), Err(Refusal::TooLarge));
    assert!(!looks_like_one("golden-token") && !looks_like_one("eyJ.a") && !looks_like_one("a.b.c"));
}

#[test]
fn payloads() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let judged =
        |payload: &str| verify(&issuer.raw(r#"{"alg":"ES256","kid":"one"}"#, payload), &keys, &Rules::default(), now());
    let exp = NOW + 600;
    for payload in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        format!("{{\"exp\":{exp}"),
        format!("{{\"exp\":{exp}}} {{}}"),
        format!("{{\"exp\":1,\"exp\":{exp}}}"),
        format!("{{\"exp\":{exp},\"a\":{{\"b\":1,\"b\":2}}}}"),
        format!("{{\"exp\":{exp},\"a\":1e400}}"),
        format!("{{\"exp\":{exp},\"a\":\"\\ud800\"}}"),
        format!("{{\"exp\":{exp},\"a\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000)),
    ] {
        assert_eq!(judged(&payload), Err(Refusal::Payload), "{payload}");
    }
    for (claim, value) in [
        ("exp", r#""1760000600""#),
        ("exp", "null"),
        ("exp", "-1"),
        ("exp", "true"),
        ("exp", "[1760000600]"),
        ("exp", "1e300"),
        ("exp", "99999999999999999999"),
        ("exp", "1760000600000"),
        ("nbf", r#""0""#),
        ("nbf", "-5"),
        ("iat", "{}"),
        ("iss", "1"),
        ("sub", "7"),
        ("sub", r#"["7"]"#),
        ("aud", "1"),
        ("aud", r#"["flags",1]"#),
        ("aud", "{}"),
    ] {
        let rest = if claim == "exp" { String::new() } else { format!(",\"exp\":{exp}") };
        assert_eq!(judged(&format!("{{\"{claim}\":{value}{rest}}}")), Err(Refusal::Malformed(claim)), "{value}");
    }
    assert_eq!(judged("{}"), Err(Refusal::Endless));
    assert!(judged(r#"{"exp":1760000600.5}"#).is_ok() && judged(r#"{"exp":1.7600006e9}"#).is_ok());
}

#[test]
fn times_with_a_little_leeway() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let judged = |claims: Value| verify(&issuer.token(&claims), &keys, &Rules::default(), now());
    let leeway = limits::JWT_LEEWAY.as_secs().cast_signed();
    assert_eq!(judged(json!({"exp": NOW - leeway})), Err(Refusal::Expired(0)));
    assert_eq!(judged(json!({"exp": NOW - leeway - 7})), Err(Refusal::Expired(7)));
    assert_eq!(judged(json!({"exp": 0})).map_err(|why| why.name()), Err("expired"));
    assert!(judged(json!({"exp": NOW - leeway + 1})).is_ok());
    for claim in ["nbf", "iat"] {
        assert!(judged(json!({"exp": NOW + 600, claim: NOW + leeway})).is_ok());
        assert_eq!(judged(json!({"exp": NOW + 600, claim: NOW + leeway + 1})), Err(Refusal::Early(1)), "{claim}");
    }
    // What was good once is asked again when it is kept.
    let claims = judged(json!({"exp": NOW + 600, "nbf": NOW, "iat": NOW - 5})).unwrap();
    let holds = |second| claims.hold(Timestamp::from_second(second).unwrap());
    assert!(holds(NOW) && holds(NOW + 600 + leeway - 1) && !holds(NOW + 600 + leeway));
    assert!(holds(NOW - leeway) && !holds(NOW - leeway - 1));
    let farthest = judged(json!({"exp": 253_402_207_200_i64})).unwrap();
    assert!(farthest.hold(now()));
}

#[test]
fn claims_that_are_asked_for() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let rules = Rules {
        issuer: Some("https://issuer".to_owned()),
        subject: Some("7".to_owned()),
        audiences: vec!["flags".to_owned(), "more".to_owned()],
        ..Rules::default()
    };
    let judged = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        verify(&issuer.token(&claims), &keys, &rules, now())
    };
    assert!(judged(&|_| {}).is_ok());
    assert!(judged(&|claims| claims["aud"] = json!(["x", "more"])).is_ok());
    for (claim, value) in [
        ("iss", json!("https://issuer/")),
        ("iss", json!("HTTPS://issuer")),
        ("iss", json!("")),
        ("iss", json!("https://issuer.evil")),
        ("sub", json!("77")),
        ("sub", json!("")),
        ("aud", json!("flag")),
        ("aud", json!("flags ")),
        ("aud", json!("flags,more")),
        ("aud", json!([])),
        ("aud", json!("")),
    ] {
        let refused = judged(&|claims| claims[claim] = value.clone());
        assert!(
            matches!(&refused, Err(Refusal::Claim { claim: which, .. }) if *which == claim),
            "{value}: {refused:?}"
        );
    }
    for claim in ["iss", "sub", "aud"] {
        let refused = judged(&|claims| drop(claims.as_object_mut().unwrap().remove(claim)));
        assert_eq!(refused, Err(Refusal::Claim { claim, is: None }));
    }
    assert!(!rules.are_wide() && Rules::default().are_wide());
}

#[test]
fn people_and_what_they_may() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let claims = json!({
        "exp": NOW + 600, "sub": "7", "name": "  Ada\r\nLovelace\u{0}", "email": "",
        "user": {"id": 42, "mail/main": ["a@b"], "~": "tilde"}, "roles": ["write:staging", "nonsense", "read", 5],
        "scope": "openid evaluate:production  profile",
    });
    let with = |mapping: Mapping, grant: Grant| {
        let rules = Rules { mapping, grant, ..Rules::default() };
        verify(&issuer.token(&claims), &keys, &rules, now())
            .map(|claims| (rules.grant.scopes(&claims), claims))
            .unwrap()
    };
    let (scopes, usual) = with(Mapping::default(), Grant::default());
    assert_eq!((scopes, usual.subject.as_deref()), (Scopes::all(), Some("7")));
    let person = usual.person.unwrap();
    assert_eq!((person.name.as_deref(), person.email), (Some("AdaLovelace"), None));

    let pointers = |subject: &str, name: &str, email: &str| Mapping {
        subject: subject.to_owned(),
        name: name.to_owned(),
        email: email.to_owned(),
    };
    let (_, mapped) = with(pointers("/user/id", "/user/~0", "/user/mail~1main/0"), Grant::default());
    let person = mapped.person.unwrap();
    assert_eq!(mapped.subject.as_deref(), Some("42"));
    assert_eq!((person.name.as_deref(), person.email.as_deref()), (Some("tilde"), Some("a@b")));
    let (_, nobody) = with(pointers("sub", "", "/user/mail"), Grant::default());
    assert_eq!((nobody.subject, nobody.person), (None, None));

    let scopes = |claim: Option<&str>, scopes: Option<&[&str]>| {
        let scopes = scopes.map(|all| Scopes::of(all.iter().map(|scope| scope.parse().unwrap())));
        with(Mapping::default(), Grant { claim: claim.map(str::to_owned), scopes }).0.to_string()
    };
    assert_eq!(scopes(Some("/roles"), None), "write:staging/* read");
    assert_eq!(scopes(Some("/scope"), Some(&["admin"])), "evaluate:production/*");
    assert_eq!(scopes(Some("/sub"), Some(&["admin"])), "", "a claim that is there counts alone");
    assert_eq!(scopes(Some("/none"), Some(&["read"])), "read");
    assert_eq!(scopes(Some("/none"), None), "", "nothing is said, and nothing is open");
    assert_eq!(scopes(None, Some(&["read"])), "read");
}

#[test]
fn key_sets() {
    let issuer = Issuer::new();
    let good = issuer.jwk();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut jwk = good.clone();
        change(&mut jwk);
        jwk
    };
    let big = b64([0xff; 256]);
    let odd = [
        json!({"kty": "oct", "k": "AAAA", "kid": "one", "alg": "HS256"}),
        json!({"kty": "oct", "k": "AAAA", "kid": "one", "alg": "ES256"}),
        json!({"kty": "OKP", "crv": "X25519", "x": b64([1; 32])}),
        json!({"kty": "OKP", "crv": "Ed448", "x": b64([1; 57])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64([1; 31])}),
        json!({"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"}),
        json!({"kty": "RSA", "n": b64([0xff; 1_025]), "e": "AQAB"}),
        json!({"kty": "RSA", "n": big, "e": "AQ"}),
        json!({"kty": "RSA", "n": big, "e": "Ag"}),
        json!({"kty": "RSA", "n": big, "e": ""}),
        json!({"kty": "RSA", "n": big, "e": b64([0xff; 9])}),
        json!({"kty": "RSA", "n": big}),
        json!({"kty": "RSA", "n": big, "e": "AQAB", "alg": "ES256"}),
        json!({"kty": "RSA", "n": big, "e": "AQAB", "alg": "HS256"}),
        json!({"kty": "RSA", "n": big, "e": "AQAB", "alg": "none"}),
        json!({"kty": "RSA", "n": big, "e": "AQAB", "d": "AQAB"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": b64([1; 32]), "y": b64([1; 32])}),
        json!({"kty": "EC", "crv": "P-521", "x": b64([1; 66]), "y": b64([1; 66])}),
        with(&|jwk| jwk["crv"] = json!("P-384")),
        with(&|jwk| jwk["use"] = json!("enc")),
        with(&|jwk| jwk["use"] = json!(1)),
        with(&|jwk| jwk["key_ops"] = json!(["encrypt"])),
        with(&|jwk| jwk["key_ops"] = json!("verify")),
        with(&|jwk| jwk["kid"] = json!(1)),
        with(&|jwk| jwk["x"] = json!(format!("{}=", jwk["x"].as_str().unwrap()))),
        with(&|jwk| jwk["d"] = json!("AA")),
        json!({}),
        json!(null),
        json!("key"),
    ];
    for jwk in &odd {
        let alone = KeySet::of_jwks(json!({ "keys": [jwk] }).to_string().as_bytes());
        assert!(matches!(&alone, Err(KeysError::Empty { passed_over }) if passed_over.len() == 1), "{jwk}");
    }
    // Among all of them the good one is found, and with many more.
    let mut all = odd.to_vec();
    all.push(with(&|jwk| {
        jwk["use"] = json!("sig");
        jwk["key_ops"] = json!(["verify"]);
        jwk["alg"] = json!("ES256");
    }));
    let keys = set(&all);
    assert_eq!((keys.len(), keys.passed_over.len()), (1, odd.len()));
    assert!(verify(&issuer.token(&claims()), &keys, &Rules::default(), now()).is_ok());
    let many = set(&vec![good.clone(); 10_000]);
    assert_eq!((many.len(), many.passed_over.len()), (limits::JWT_KEYS, 1));

    for text in ["", "null", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", "{\"keys\":[]", "\u{0}"] {
        assert!(matches!(KeySet::of_jwks(text.as_bytes()), Err(KeysError::NoSet)), "{text}");
    }
    let twice = format!("{{\"keys\":[{good}],\"keys\":[{good}]}}");
    assert!(matches!(KeySet::of_jwks(twice.as_bytes()), Err(KeysError::NoSet)));
    assert!(matches!(KeySet::of_jwks(br#"{"keys":[]}"#), Err(KeysError::Empty { .. })));
}

#[test]
fn keys_with_and_without_ids() {
    let (one, two) = (Issuer::new(), Issuer::new());
    let named = |issuer: &Issuer, id: Option<&str>| {
        let mut jwk = issuer.jwk();
        match id {
            Some(id) => jwk["kid"] = json!(id),
            None => drop(jwk.as_object_mut().unwrap().remove("kid")),
        }
        jwk
    };
    let judged = |token: &str, keys: &[Value]| verify(token, &set(keys), &Rules::default(), now()).map(|_| ());
    let token = one.token(&claims());
    assert_eq!(judged(&token, &[named(&two, Some("two")), named(&one, Some("one"))]), Ok(()));
    assert_eq!(judged(&token, &[named(&two, Some("one")), named(&one, Some("one"))]), Ok(()), "two of one id");
    assert_eq!(judged(&token, &[named(&two, Some("one")), named(&one, Some("two"))]), Err(Refusal::Signature));
    assert_eq!(judged(&token, &[named(&two, None), named(&one, None)]), Ok(()), "keys without ids are for all");
    let unknown = Err(Refusal::UnknownKey { id: Some("one".to_owned()) });
    assert_eq!(judged(&token, &[named(&one, Some("two"))]), unknown, "a key is used for its own id only");
    assert_eq!(judged(&token, &[named(&two, None)]), unknown);
    let nameless = one.raw(r#"{"alg":"ES256"}"#, &claims().to_string());
    assert_eq!(judged(&nameless, &[named(&two, Some("two")), named(&one, Some("one"))]), Ok(()));
    assert_eq!(judged(&nameless, &[named(&two, Some("two"))]), Err(Refusal::UnknownKey { id: None }));
    // As many are tried as it says, and those of the id first.
    let mut crowd = vec![named(&two, None); limits::JWT_KEYS_TRIED];
    crowd.push(named(&one, Some("one")));
    assert_eq!(judged(&token, &crowd), Ok(()));
    assert_eq!(judged(&nameless, &crowd), Err(Refusal::UnknownKey { id: None }));
    assert_eq!(verify(&token, &KeySet::default(), &Rules::default(), now()), unknown.map(|()| unreachable!()));
}

#[test]
fn key_files() {
    let key = rsa();
    let pem = rsa_pem(&key);
    let of = |text: &str| KeySet::of_pem(text.as_bytes()).map(|keys| keys.len());
    assert_eq!(of(&pem), Ok(1));
    assert_eq!(of(&format!("A comment\n{pem}\n{}", pem.replace('\n', "\r\n"))), Ok(2));
    assert_eq!(of(&pem.repeat(limits::JWT_KEYS_TRIED + 1)), Err(KeysError::TooMany));
    let private = include_str!("../../../fixtures/git/github-app-key.pem");
    for (text, why) in [
        ("", KeysError::NoPem),
        ("ssh-ed25519 AAAAC3Nza", KeysError::NoPem),
        ("-----BEGIN PUBLIC KEY-----\nAAAA", KeysError::NoPem),
        ("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----", KeysError::NoPem),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeysError::Kind),
        ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", KeysError::Kind),
        ("-----BEGIN DSA PARAMETERS-----\nAAAA\n-----END DSA PARAMETERS-----", KeysError::Kind),
        (private, KeysError::Private),
    ] {
        assert_eq!(of(text), Err(why), "{text}");
    }
    // Every byte of every form cut off or changed: another key or none, and never a fault.
    for entry in foreign() {
        for (form, pem) in entry["pem"].as_object().unwrap() {
            let pem = pem.as_str().unwrap();
            let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let label = pem.split("-----").nth(1).unwrap();
            let der = STANDARD.decode(base64).unwrap();
            let wrap = |der: &[u8]| format!("-----{label}-----\n{}\n-----END X-----\n", STANDARD.encode(der));
            for at in 0..der.len() {
                assert!(of(&wrap(&der[..at])).is_err(), "{form} {at}");
                for flip in [0x80, 0x01, 0xff] {
                    let mut other = der.clone();
                    other[at] ^= flip;
                    let _ = of(&wrap(&other));
                }
            }
            if form != "certificate" {
                assert!(of(&wrap(&[&der[..], &[0]].concat())).is_err(), "{form} with something behind it");
            }
        }
    }
}

#[test]
fn debug_output_and_reasons_repeat_nothing_secret() {
    let issuer = Issuer::new();
    let token = issuer.raw(r#"{"alg":"ES256","kid":"two\u001b[31m"}"#, &claims().to_string());
    let why = verify(&token, &issuer.keys(), &Rules::default(), now()).unwrap_err();
    assert_eq!(why.to_string(), r#"no key has its `kid` "two\u{1b}[31m", and no other key has signed it"#);
    assert!(!format!("{why:?}").contains(token.rsplit('.').next().unwrap()));
    assert_eq!(format!("{:?}", issuer.keys().keys), r#"[Key { id: Some("one"), .. }]"#);
}
