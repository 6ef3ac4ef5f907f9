//! `authentication.methods.jwt`.

use super::*;

/// A key on P-256, of nobody.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----\n";

fn load_jwt(text: &str) -> Result<Config, Vec<Finding>> {
    World::with(&[], &[("/keys.pem", KEY), ("/odd.pem", "odd"), ("/ca.pem", "-----BEGIN CERTIFICATE-----\n")])
        .load(&format!("authentication: {{required: true, methods: {{jwt: {{{text}}}}}}}"))
}

fn read(text: &str) -> (Jwt, Vec<String>) {
    let config = load_jwt(&format!("enabled: true, {text}")).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
    let warnings = warnings(&config);
    (config.authentication.jwt.unwrap(), warnings)
}

#[test]
fn a_whole_one() {
    let (jwt, warnings) = read(
        "jwks_url: 'https://issuer.test/keys?a=b', ca_cert_path: /ca.pem, validate_claims: {issuer: https://issuer.test, \
         subject: s, audiences: [flags, more]}, claims_mapping: {sub: /oid, name: /user/name, email: /user/mail}, \
         scopes: [read, 'write:staging'], scopes_claim: /flags",
    );
    assert_eq!(warnings, Vec::<String>::new());
    let JwtKeys::Url { url, ca_certificate } = jwt.keys else { panic!("{jwt:?}") };
    assert_eq!((url.as_str(), ca_certificate.is_some()), ("https://issuer.test/keys?a=b", true));
    let rules = jwt.rules;
    assert_eq!((rules.issuer.as_deref(), rules.subject.as_deref()), (Some("https://issuer.test"), Some("s")));
    assert_eq!(rules.audiences, ["flags", "more"]);
    let mapping = &rules.mapping;
    assert_eq!((&*mapping.subject, &*mapping.name, &*mapping.email), ("/oid", "/user/name", "/user/mail"));
    assert_eq!(rules.grant.claim.as_deref(), Some("/flags"));
    assert_eq!(rules.grant.scopes.unwrap().to_string(), "read write:staging/*");
}

#[test]
fn the_usual_ones() {
    let (jwt, warnings) = read("public_key_file: /keys.pem");
    assert!(matches!(jwt.keys, JwtKeys::File { keys, .. } if keys.len() == 1));
    assert_eq!((jwt.rules.mapping.email.as_str(), jwt.rules.grant.scopes), ("/email", None));
    assert!(warnings.len() == 1 && warnings[0].contains("every token under these keys is taken"), "{warnings:?}");
    assert_eq!(read("jwks_url: 'http://127.0.0.1:1/k', validate_claims: {audiences: a}").1, Vec::<String>::new());
    let (_, warnings) = read("jwks_url: 'http://issuer.test/k', validate_claims: {audiences: a}");
    assert!(warnings.len() == 1 && warnings[0].contains("use https"), "{warnings:?}");
    let (_, warnings) = read("public_key_file: /keys.pem, ca_cert_path: /ca.pem, validate_claims: {audiences: a}");
    assert!(warnings.len() == 1 && warnings[0].contains("does not count without `jwks_url`"), "{warnings:?}");
    let off = load_jwt("enabled: false, jwks_url: 'https://issuer.test/k'").unwrap();
    assert!(off.authentication.jwt.is_none() && warnings_of(&off).contains("not taken without `enabled: true`"));
}

fn warnings_of(config: &Config) -> String {
    warnings(config).join("\n")
}

#[test]
fn mistakes() {
    for (text, told) in [
        ("", "one of `jwks_url` and `public_key_file` is required"),
        ("jwks_url: ''", "one of `jwks_url` and `public_key_file` is required"),
        ("jwks_url: 'https://a.test/k', public_key_file: /keys.pem", "not both"),
        ("jwks_url: issuer.test/keys", "no URL like"),
        ("jwks_url: 'file:///etc/passwd'", "no URL like"),
        ("jwks_url: 'https://user:s3cret@issuer.test/keys'", "no URL like"),
        ("jwks_url: 'https://a.test/k', ca_cert_path: /keys.pem", "no certificate in PEM form in /keys.pem"),
        ("jwks_url: 'https://a.test/k', ca_cert_path: /none.pem", "/none.pem"),
        ("public_key_file: /none.pem", "/none.pem"),
        ("public_key_file: /odd.pem", "/odd.pem: there is no public key in PEM form"),
        ("public_key_file: /keys.pem, claims_mapping: {email: email}", "no JSON pointer"),
        ("public_key_file: /keys.pem, scopes_claim: scope", "no JSON pointer"),
        ("public_key_file: /keys.pem, scopes: [write, everything]", "scope 2"),
        ("public_key_file: /keys.pem, jwks: x", "no such key"),
    ] {
        let errors = shown(&load_jwt(&format!("enabled: true, {text}")).unwrap_err(), Severity::Error);
        assert!(errors.len() == 1 && errors[0].contains(told), "{text}: {errors:#?}");
        assert!(!errors[0].contains("s3cret"), "{errors:?}");
    }
}
