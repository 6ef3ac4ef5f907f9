use super::*;

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Both steps, for a JSON body.
fn check(
    provider: Provider,
    keys: &[&str],
    headers: &[(&str, &str)],
    body: &[u8],
    now: i64,
) -> Result<&'static str, Refusal> {
    let keys = secrets(keys);
    let headers = Headers::new(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    claim(Scheme::of(provider, &keys), &headers, at(now))?.verify(&keys, body)
}

/// The published test values of GitHub's documentation and of Standard Webhooks.
const GITHUB_KEY: &str = "It's a Secret to Everybody";
const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const STANDARD_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD: [(&str, &str); 3] = [
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ("webhook-timestamp", "1614265330"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
];
const STANDARD_BODY: &[u8] = br#"{"test": 2432232314}"#;

#[test]
fn published_vectors() {
    let github = [("X-Hub-Signature-256", GITHUB)];
    assert_eq!(check(Provider::Github, &[GITHUB_KEY], &github, b"Hello, World!", 0), Ok("hmac-sha256"));
    assert_eq!(
        check(Provider::Gitlab, &[STANDARD_KEY], &STANDARD, STANDARD_BODY, 1_614_265_330),
        Ok("standard-webhooks")
    );
}

#[test]
fn every_provider_has_its_header_and_no_other() {
    let digest = hex::encode(hmac(b"key", b"{}"));
    let prefixed = format!("sha256={digest}");
    let all = [
        (Provider::Github, "X-Hub-Signature-256", prefixed.as_str()),
        (Provider::BitbucketCloud, "X-Hub-Signature", prefixed.as_str()),
        (Provider::BitbucketDataCenter, "X-Hub-Signature", prefixed.as_str()),
        (Provider::Gitea, "X-Gitea-Signature", digest.as_str()),
        (Provider::Forgejo, "X-Forgejo-Signature", digest.as_str()),
        (Provider::Gitlab, "X-Gitlab-Token", "key"),
        (Provider::Azure, "Authorization", "Basic YW55Om9uZQ=="),
    ];
    for (provider, header, value) in all {
        let key = if provider == Provider::Azure { "one" } else { "key" };
        let result = check(provider, &[key], &[(header, value)], b"{}", 0);
        assert!(result.is_ok(), "{}", provider.name());
        for (other, foreign, its) in all {
            if foreign != header {
                let result = check(provider, &[key], &[(foreign, its)], b"{}", 0);
                assert_eq!(result, Err(Refusal::Missing), "{} takes {}", provider.name(), other.name());
            }
        }
    }
}

#[test]
fn the_form_of_a_digest_is_exact() {
    let digest = hex::encode(hmac(b"key", b"{}"));
    let good = format!("sha256={digest}");
    let cases: Vec<(String, Refusal)> = vec![
        (String::new(), Refusal::Missing),
        ("sha256=".into(), Refusal::Missing),
        (digest.clone(), Refusal::Malformed),
        (format!("sha256={}", digest.to_uppercase()), Refusal::Malformed),
        (format!("SHA256={digest}"), Refusal::Malformed),
        (good.strip_suffix(|_| true).unwrap().to_owned(), Refusal::Malformed),
        (format!("sha256={}", hex::encode(&hmac(b"key", b"{}")[..31])), Refusal::Malformed),
        (format!("{good}00"), Refusal::Malformed),
        (format!("{good}, {good}"), Refusal::Malformed),
        (format!("sha256= {digest}"), Refusal::Malformed),
        (format!("sha256={}", "g".repeat(64)), Refusal::Malformed),
        (format!("sha256={}", "ä".repeat(32)), Refusal::Malformed),
        (format!("sha1={}", "0".repeat(40)), Refusal::Malformed),
        (format!("sha512={}", "0".repeat(128)), Refusal::Malformed),
        (format!("sha256={}", "0".repeat(64)), Refusal::Mismatch),
    ];
    for (value, refusal) in cases {
        let result = check(Provider::Github, &["key"], &[("x-hub-signature-256", &value)], b"{}", 0);
        assert_eq!(result, Err(refusal), "{value:?}");
    }
    // Gitea writes the digest bare; with GitHub's prefix it is not Gitea's.
    assert_eq!(check(Provider::Gitea, &["key"], &[("x-gitea-signature", &good)], b"{}", 0), Err(Refusal::Malformed));
    assert!(check(Provider::Github, &["key"], &[("x-hub-signature-256", &good)], b"{}", 0).is_ok());
}

#[test]
fn sha1_alone_is_refused_and_a_second_header_too() {
    let good = format!("sha256={}", hex::encode(hmac(b"key", b"{}")));
    let sha1 = "sha1=cf93f9ba3c8d3a789e61f91e1e5c6a360d036e98";
    let github = |headers: &[(&str, &str)]| check(Provider::Github, &["key"], headers, b"{}", 0);
    assert_eq!(github(&[("x-hub-signature", sha1)]), Err(Refusal::Missing));
    assert_eq!(github(&[("x-hub-signature", &good)]), Err(Refusal::Missing));
    assert_eq!(github(&[]), Err(Refusal::Missing));
    assert_eq!(github(&[("x-hub-signature-256", &good), ("X-Hub-Signature-256", &good)]), Err(Refusal::Doubled));
    assert_eq!(github(&[("x-hub-signature-256", ""), ("x-hub-signature-256", &good)]), Err(Refusal::Doubled));
    let bitbucket = check(Provider::BitbucketCloud, &["key"], &[("x-hub-signature", sha1)], b"{}", 0);
    assert_eq!(bitbucket, Err(Refusal::Malformed));
}

#[test]
fn any_active_secret_will_do_and_an_empty_one_never_does() {
    let empty = format!("sha256={}", hex::encode(hmac(b"", b"{}")));
    let good = format!("sha256={}", hex::encode(hmac(b"old", b"{}")));
    let github =
        |keys: &[&str], value: &str| check(Provider::Github, keys, &[("x-hub-signature-256", value)], b"{}", 0).is_ok();
    assert!(github(&["old"], &good) && github(&["new", "old"], &good) && github(&["old", "new"], &good));
    assert!(!github(&["new"], &good) && !github(&[], &good));
    assert!(!github(&[""], &empty) && !github(&["", "new"], &empty));

    let gitlab =
        |keys: &[&str], value: &str| check(Provider::Gitlab, keys, &[("x-gitlab-token", value)], b"", 0).is_ok();
    assert!(gitlab(&["a", "b"], "b") && !gitlab(&["a", "b"], "c") && !gitlab(&["a"], "A") && !gitlab(&[""], ""));
    assert!(!gitlab(&["whsec_"], "whsec_") && !gitlab(&["whsec_", "a"], "whsec_"));

    for key in ["", "whsec_", "whsec_%"] {
        assert!(!Scheme::StandardWebhooks.takes(&SecretString::from(key)), "{key}");
    }
    assert!(Scheme::StandardWebhooks.takes(&SecretString::from(STANDARD_KEY)));
    assert!(!Scheme::Basic.takes(&SecretString::from("")));
}

#[test]
fn a_flipped_bit_anywhere_is_seen() {
    let body = br#"{"ref":"refs/heads/main"}"#;
    let good = format!("sha256={}", hex::encode(hmac(b"key", body)));
    for position in 0..body.len() {
        let mut other = body.to_vec();
        other[position] ^= 1;
        let result = check(Provider::Github, &["key"], &[("x-hub-signature-256", &good)], &other, 0);
        assert_eq!(result, Err(Refusal::Mismatch), "byte {position}");
    }
}

#[test]
fn standard_webhooks_binds_id_and_time_and_takes_a_list() {
    let now = 1_614_265_330;
    let standard =
        |keys: &[&str], headers: &[(&str, &str)], now: i64| check(Provider::Gitlab, keys, headers, STANDARD_BODY, now);
    for (offset, expected) in [
        (300, Ok("standard-webhooks")),
        (-300, Ok("standard-webhooks")),
        (301, Err(Refusal::Stale)),
        (-301, Err(Refusal::Stale)),
    ] {
        assert_eq!(standard(&[STANDARD_KEY], &STANDARD, now + offset), expected, "{offset}");
    }
    for (at, field) in STANDARD.iter().enumerate() {
        let mut headers = STANDARD.to_vec();
        headers.remove(at);
        assert_eq!(standard(&[STANDARD_KEY], &headers, now), Err(Refusal::Missing), "without {}", field.0);
        let mut headers = STANDARD.to_vec();
        headers.push(*field);
        assert_eq!(standard(&[STANDARD_KEY], &headers, now), Err(Refusal::Doubled), "twice {}", field.0);
    }
    let with = |name: &str, value: &str| {
        let headers = STANDARD.map(|(known, old)| (known, if known == name { value } else { old }));
        standard(&[STANDARD_KEY], &headers, now)
    };
    assert_eq!(with("webhook-id", "msg_other"), Err(Refusal::Mismatch));
    assert_eq!(with("webhook-timestamp", "1614265331"), Err(Refusal::Mismatch));
    assert_eq!(with("webhook-timestamp", "+1614265330"), Err(Refusal::Mismatch));
    for stamp in ["x", "1614265330.0", "99999999999999999999", "1614265330,1614265330"] {
        assert_eq!(with("webhook-timestamp", stamp), Err(Refusal::Malformed), "{stamp}");
    }
    for extreme in [i64::MIN.to_string(), i64::MAX.to_string()] {
        assert_eq!(with("webhook-timestamp", &extreme), Err(Refusal::Stale), "{extreme}");
    }
    let good = STANDARD[2].1;
    let wrong = format!("v1,{}", BASE64.encode([7; 32]));
    assert!(with("webhook-signature", &format!("{wrong} v1a,xxx v2,{good} {good}")).is_ok());
    assert_eq!(with("webhook-signature", &wrong), Err(Refusal::Mismatch));
    for none in ["v1", "v1,", "v1,%%", "v1a,AAAA", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,AAAA"] {
        assert_eq!(with("webhook-signature", none), Err(Refusal::Malformed), "{none}");
    }
    let many = [wrong.as_str(); limits::SIGNATURES_PER_HEADER].join(" ");
    assert_eq!(with("webhook-signature", &format!("{many} {good}")), Err(Refusal::Mismatch));

    let unpadded = good.trim_end_matches('=');
    assert!(with("webhook-signature", unpadded).is_ok());
}

#[test]
fn a_signing_token_is_never_taken_in_the_clear_nor_walked_around() {
    let signed_only: &[&str] = &[STANDARD_KEY];
    let both: &[&str] = &[STANDARD_KEY, "plain"];
    for keys in [signed_only, both] {
        for token in [STANDARD_KEY, "plain", ""] {
            let result = check(Provider::Gitlab, keys, &[("x-gitlab-token", token)], STANDARD_BODY, 1_614_265_330);
            assert_eq!(result, Err(Refusal::Missing), "{token}");
        }
        let headers = [STANDARD[0], STANDARD[1], STANDARD[2], ("x-gitlab-token", "whatever")];
        assert!(check(Provider::Gitlab, keys, &headers, STANDARD_BODY, 1_614_265_330).is_ok());
    }
    // Only a plain token is configured, and GitLab signs as well: the token decides.
    let headers = [STANDARD[0], STANDARD[1], STANDARD[2], ("x-gitlab-token", "plain")];
    assert_eq!(check(Provider::Gitlab, &["plain"], &headers, STANDARD_BODY, 0), Ok("token"));
}

#[test]
fn basic_takes_any_user_and_the_whole_password() {
    let azure = |credentials: &str, keys: &[&str]| {
        let value = format!("Basic {}", BASE64.encode(credentials));
        check(Provider::Azure, keys, &[("authorization", &value)], b"", 0)
    };
    assert_eq!(azure("hook:pass", &["pass"]), Ok("basic"));
    assert_eq!(azure(":pass", &["pass"]), Ok("basic"));
    assert_eq!(azure("hook:pa:ss", &["pa:ss"]), Ok("basic"));
    assert_eq!(azure("hook:", &[""]), Err(Refusal::Mismatch));
    assert_eq!(azure("hook:pas", &["pass"]), Err(Refusal::Mismatch));
    assert_eq!(azure("pass", &["pass"]), Err(Refusal::Malformed));
    let raw = |value: &str| check(Provider::Azure, &["pass"], &[("authorization", value)], b"", 0);
    assert_eq!(raw("basic OnBhc3M="), Ok("basic"));
    for value in ["Bearer OnBhc3M=", "Basic", "OnBhc3M=", "Basic !!"] {
        assert_eq!(raw(value), Err(Refusal::Malformed), "{value}");
    }
    assert_eq!(raw("Basic  OnBhc3M="), Ok("basic"));
}

#[test]
fn nothing_secret_is_in_debug_texts() {
    let headers = Headers::new([("x-gitlab-token", b"very-secret".as_slice())]);
    let claim = claim(Scheme::Token { header: "x-gitlab-token" }, &headers, at(0)).unwrap();
    assert!(!format!("{claim:?}").contains("very"));
}

#[test]
fn what_we_send_ourselves_is_what_the_providers_send() {
    let made = |provider, key: &str, id: &str, now, body: &[u8]| {
        let scheme = Scheme::of(provider, &secrets(&[key]));
        let made = prove(scheme, &key.into(), id, at(now), body)?;
        Some(made.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect::<Vec<_>>())
    };
    let github = made(Provider::Github, GITHUB_KEY, "", 0, b"Hello, World!").unwrap();
    assert_eq!(github, [("x-hub-signature-256", GITHUB.to_owned())]);
    let standard = made(Provider::Gitlab, STANDARD_KEY, STANDARD[0].1, 1_614_265_330, STANDARD_BODY).unwrap();
    assert_eq!(standard, STANDARD.map(|(name, value)| (name, value.to_owned())));
    for provider in Provider::ALL {
        let headers = made(provider, "key", "1", 7, b"{}").unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert!(check(provider, &["other", "key"], &headers, b"{}", 7).is_ok(), "{provider:?}");
        assert!(check(provider, &["other"], &headers, b"{}", 7).is_err(), "{provider:?}");
    }
    assert!(prove(Scheme::StandardWebhooks, &"whsec_%".into(), "1", at(0), b"").is_none());
}
