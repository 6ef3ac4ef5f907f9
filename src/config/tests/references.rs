use super::*;

const TOKEN: &str = "credentials: {c: {type: access_token, access_token: '${VALUE}'}}\n\
    storage: {default: {remote: 'https://git.example/x.git', credentials: c}}\n";

fn token_of(world: &World, value: &str) -> Result<String, Vec<String>> {
    match world.load(&TOKEN.replace("${VALUE}", value)) {
        Ok(config) => match config.storages["default"].credential.as_ref().unwrap() {
            Credential::AccessToken(token) => Ok(token.expose_secret().to_owned()),
            other => panic!("{other:?}"),
        },
        Err(findings) => Err(shown(&findings, Severity::Error)),
    }
}

#[test]
fn whole_values_come_from_variables_files_and_credentials() {
    let world = World::with(
        &[("TOKEN", "t1"), ("CREDENTIALS_DIRECTORY", "/run/credentials/yardarm.service")],
        &[("/etc/token", "t2\n"), ("/run/credentials/yardarm.service/token", "t3\r\n"), ("/etc/two", "a\n\n")],
    );
    assert_eq!(token_of(&world, "${env:TOKEN}").unwrap(), "t1");
    assert_eq!(token_of(&world, "${file:/etc/token}").unwrap(), "t2");
    assert_eq!(token_of(&world, "${credential:token}").unwrap(), "t3");
    assert_eq!(token_of(&world, "${file:/etc/two}").unwrap(), "a\n");
    assert_eq!(token_of(&world, "$TOKEN").unwrap(), "$TOKEN");
}

#[test]
fn what_is_missing_is_named() {
    let world = World::with(&[("CREDENTIALS_DIRECTORY", "/run/c"), ("EMPTY", "")], &[("/run/c/binary", "x")]);
    for (value, told) in [
        ("${env:NOPE}", "the environment variable NOPE is not set"),
        ("${env:EMPTY}", "a value is required, and it may not be empty"),
        ("${file:/nope}", "cannot read /nope: entity not found"),
        ("${credential:nope}", "cannot read /run/c/nope: entity not found"),
        ("${credential:../x}", "a file name without slashes"),
        ("${secret:vault:x}", "${secret:vault:x} is not supported"),
        ("${vault:x}", "${vault:} is not known"),
    ] {
        let errors = token_of(&world, value).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(errors[0].starts_with("1:53 credentials.c.access_token: ") && errors[0].contains(told), "{errors:#?}");
    }
    let errors = token_of(&World::default(), "${credential:token}").unwrap_err();
    assert!(errors[0].contains("LoadCredential=token:/path"), "{errors:#?}");
}

#[test]
fn a_key_that_takes_a_path_gets_that_of_the_credential() {
    let world = World::with(
        &[("CREDENTIALS_DIRECTORY", "/run/c")],
        &[("/run/c/tls.key", "-----BEGIN PRIVATE KEY-----"), ("/etc/tls.pem", "-----BEGIN CERTIFICATE-----")],
    );
    let config =
        world.load("server: {protocol: https, cert_file: /etc/tls.pem, cert_key: '${credential:tls.key}'}").unwrap();
    let tls = config.server.tls.unwrap();
    assert_eq!(tls.key.to_str(), Some("/run/c/tls.key"));
    assert_eq!(config.server.port, 443);
    let findings =
        world.load("server: {protocol: https, cert_file: '${file:/etc/tls.pem}', cert_key: /nope}").unwrap_err();
    let errors = shown(&findings, Severity::Error);
    assert!(errors[0].contains("write /etc/tls.pem itself"), "{errors:#?}");
    assert!(errors[1].contains("cannot read /nope"), "{errors:#?}");
    assert_eq!(errors.len(), 2);
}

#[test]
fn a_reference_inside_a_value_is_told() {
    let world = World::with(&[("HOST", "git.example")], &[]);
    let config = world.load("storage: {default: {remote: 'https://git.example/${env:HOST}.git'}}").unwrap();
    assert!(warnings(&config)[0].contains("only where it is the whole value"));
}

#[test]
fn references_work_for_every_type_and_their_values_are_not_shown() {
    let world = World::with(&[("PORT", "0"), ("ON", "true"), ("BAD", "hunter2"), ("EVERY", "5s")], &[]);
    let text = "server: {http_port: '${env:PORT}'}\ncors: {enabled: '${env:ON}'}\nstorage: {default: {poll_interval: '${env:EVERY}'}}";
    let config = world.load(text).unwrap();
    assert_eq!((config.server.port, config.cors.enabled), (0, true));
    assert_eq!(config.storages["default"].poll_interval.as_secs(), 5);
    for text in [
        "server: {http_port: '${env:BAD}'}",
        "server: {protocol: '${env:BAD}'}",
        "cors: {enabled: '${env:BAD}'}",
        "storage: {default: {poll_interval: '${env:BAD}'}}",
    ] {
        let errors = shown(&world.load(text).unwrap_err(), Severity::Error).join("\n");
        assert!(errors.contains("the value of ${env:BAD}") && !errors.contains("hunter2"), "{errors}");
    }
}

#[test]
fn variables_override_keys() {
    let text = "storage: {My-Git: {remote: 'https://git.example/a.git', branch: main}}\n\
                environments: {prod: {storage: My-Git}}\nlog: {level: info}";
    let world = World::with(
        &[
            ("YARDARM_LOG_LEVEL", "debug"),
            ("FLIPT_LOG_LEVEL", "error"),
            ("FLIPT_STORAGE_MY_GIT_BRANCH", "release"),
            ("YARDARM_STORAGE_MY_GIT_POLL_INTERVAL", "5s"),
            ("YARDARM_STORAGE_MY_GIT_CREDENTIALS", "ci"),
            ("FLIPT_CREDENTIALS_CI_TYPE", "access_token"),
            ("FLIPT_CREDENTIALS_CI_ACCESS_TOKEN", "${env:SECRET}"),
            ("SECRET", "s3cret"),
            ("YARDARM_STORAGE_MY_GIT_WEBHOOK_PROVIDER", "gitea"),
            ("YARDARM_STORAGE_MY_GIT_WEBHOOK_SECRETS", "one two"),
            ("FLIPT_CORS_ALLOWED_ORIGINS", "https://a https://b"),
            ("FLIPT_URL", "http://a-client-uses-this"),
        ],
        &[],
    );
    let config = world.load(text).unwrap();
    assert_eq!(config.log.level, "debug");
    let storage = &config.storages["My-Git"];
    assert_eq!((&*storage.branch, storage.poll_interval.as_secs()), ("release", 5));
    assert!(
        matches!(storage.credential.as_ref().unwrap(), Credential::AccessToken(t) if t.expose_secret() == "s3cret")
    );
    let webhook = storage.webhook.as_ref().unwrap();
    assert_eq!((webhook.provider, webhook.secrets.len()), (Provider::Gitea, 2));
    assert_eq!(config.cors.allowed_origins, ["https://a", "https://b"]);
    assert_eq!(config.warnings, []);
}

/// As a container is configured: no file, and each setting a variable of its own.
#[test]
fn variables_that_ask_for_what_is_not_served_are_refused_like_the_file() {
    let oidc = [
        ("FLIPT_AUTHENTICATION_REQUIRED", "true"),
        ("FLIPT_AUTHENTICATION_METHODS_OIDC_ENABLED", "true"),
        ("FLIPT_AUTHENTICATION_METHODS_OIDC_PROVIDERS_X_ISSUER_URL", "https://x"),
    ];
    let refused = |world: World, text: &str| {
        let errors = shown(&world.load(text).unwrap_err(), Severity::Error);
        assert!(errors.len() == 1 && errors[0].contains("`oidc` is not supported"), "{errors:#?}");
    };
    refused(World::with(&oidc, &[]), "");
    let file = "authentication: {methods: {oidc: {enabled: true}}}";
    refused(World::with(&[oidc[0], oidc[2]], &[]), file);
}

#[test]
fn names_with_underscores_can_be_made_by_variables() {
    let world = World::with(
        &[
            ("FLIPT_STORAGE_TEAM_A_REMOTE", "https://git.example/a.git"),
            ("FLIPT_ENVIRONMENTS_DEFAULT_STORAGE", "team_a"),
        ],
        &[],
    );
    let config = world.load("").unwrap();
    assert_eq!(config.storages["team_a"].remote.as_deref(), Some("https://git.example/a.git"));
}

#[test]
fn problems_of_variables_name_them() {
    let world =
        World::with(&[("YARDARM_LOG_LEVEL", "loud"), ("YARDARM_SERVER_HTTP_PRT", "1"), ("YARDARM_TOKEN", "t")], &[]);
    let findings = world.load("").unwrap_err();
    assert_eq!(
        shown(&findings, Severity::Error),
        [
            "- log.level: `loud` is not one of trace, debug, info, warn, error, dpanic, panic, fatal (set by the variable YARDARM_LOG_LEVEL)"
        ]
    );
    assert_eq!(
        shown(&findings, Severity::Warning),
        [
            "- YARDARM_SERVER_HTTP_PRT: this variable names no key and changes nothing; did you mean YARDARM_SERVER_HTTP_PORT?"
        ]
    );
}

#[test]
fn without_secrets_everything_else_is_checked() {
    let text = "credentials: {c: {type: access_token, access_token: '${credential:t}'}, k: {type: ssh, ssh: {private_key_path: /nope}}}\n\
        storage: {default: {remote: 'https://github.com/a/b.git', credentials: c, ca_cert_path: /nope, webhook: {secrets: ['${env:X}']}}, \
          keys: {remote: 'ssh://git@github.com/a/b.git', credentials: k}}\n\
        environments: {default: {default: true}, k: {storage: keys}}\nserver: {protocol: https, cert_file: a, cert_key: b}";
    assert!(load_text(text).is_err());
    let config = load_without_secrets(text, "config.yml", &BTreeMap::new()).unwrap();
    assert_eq!(config.warnings, []);
    let from_outside = "storage: {default: {remote: '${env:REMOTE}', webhook: {secrets: ['${env:X}']}}}\nenvironments: {default: {scm: {}}}";
    assert_eq!(load_without_secrets(from_outside, "c", &BTreeMap::new()).unwrap().warnings, []);
    let errors = errors(from_outside);
    assert!(errors.len() == 2 && errors.iter().all(|e| e.contains("is not set")), "{errors:#?}");
    let broken = text.replace("cert_key: b", "cert_kex: b");
    assert_eq!(shown(&load_without_secrets(&broken, "c", &BTreeMap::new()).unwrap_err(), Severity::Error).len(), 2);
}

/// Whatever else is wrong with a file, its secrets are in no message, no excerpt and no debug output.
#[test]
fn secrets_are_never_shown() {
    let text = r#"
storage:
  flags:
    remote: https://user:MARK-url@git.example/team/flags.git
    webhook: {provider: nope, secrets: [MARK-hook, '${env:HOOK}'], secrts: [MARK-typo]}
  other: {remote: 'https://MARKMARKMARKMARKMARKMARK@git.example/x.git', branch: ''}
  bad: {remote: 'htp://user:MARK-scheme@git.example/x'}
  query: {remote: 'https://git.example/x?token=MARK-query'}
  fragment: {remote: https://git.example/x#MARK-fragment}
  open: {poll_interval: 1ms,
    remote: https://git.example/x?token=MARK-open}
  scp: {remote: 'user:MARK-scp@git.example:x'}
credentials:
  c: {type: magic, access_token: MARK-token, basic: {username: u, password: MARK-password, x: 1}}
  k:
    type: ssh
    ssh:
      private_key_bytes: |
        MARK-key-1
        MARK-key-2
      passwrd: MARK-typo2
  e: {type: nope, access_token: "MARK\"MARK", basic: {username: u, password: 'MARK''MARK'}} # nothing here
  f:
    type: nope
    access_token: >-
      MARK-folded
      MARK-more
    basic:
      password: "MARK-wrapped
        MARK-again \
        MARK-escaped"
  p: {type: ssh, ssh: {private_key_path: '-----BEGIN MARK-pem'}}
authentication: {methods: {token: {enabled: true, storage: {tokens: {a: {credential: MARK-static, crdential: MARK-typo3}}}}}}
environments: {default: {storage: flags, scm: {type: x, api_url: 'https://u:MARK-api@h/', webhook: {secret: MARK-scm, x: y}}}}
server: {host: '${file:/secret}', http_port: '${file:/secret}'}
"#;
    let world = World::with(&[("HOOK", "MARK-env")], &[("/secret", "MARK-file")]);
    let findings = world.load(text).unwrap_err();
    assert!(findings.len() > 12, "{findings:#?}");
    let excerpts = Excerpts::of(text);
    for finding in &findings {
        assert!(!finding.message.contains("MARK") && !finding.key.contains("MARK"), "{finding:?}");
        let shown = excerpts.show("c.yml", finding);
        assert!(!shown.contains("MARK"), "{shown}");
    }
    // A finding could stand in any line.
    for line in 1..=u32::try_from(text.lines().count()).unwrap() {
        let at = Some(yaml::Position { line, column: 1 });
        let finding = Finding { severity: Severity::Error, key: String::new(), at, message: String::new() };
        let shown = excerpts.show("c.yml", &finding);
        assert!(!shown.contains("MARK"), "{shown}");
    }
    // The same with a file that is no YAML at all, wherever the error stands.
    for (i, _) in text.match_indices('\n') {
        let mut broken = text.to_owned();
        broken.insert_str(i, "\n\t{[");
        let findings = world.load(&broken).unwrap_err();
        let excerpts = Excerpts::of(&broken);
        for finding in &findings {
            let shown = excerpts.show("c.yml", finding);
            assert!(!shown.contains("MARK"), "{shown}");
        }
    }
    let fine = "credentials: {c: {type: basic, basic: {username: u, password: MARK}}}\n\
        storage: {default: {remote: 'https://x:MARK@github.com/x/y', credentials: c, webhook: {secrets: [MARK]}}}\n\
        authentication: {required: true, methods: {token: {enabled: true, storage: {tokens: {a: {credential: MARK}}}}}}";
    let config = load_text(fine).unwrap();
    assert!(!format!("{config:?}").contains("MARK"));
}

#[test]
fn a_finding_shows_its_line_with_the_place_underlined() {
    let text = "storage:\n  flags: {remote: 'https://git.example/x', fetch_polcy: strict}\n";
    let findings = load_text(text).unwrap_err();
    let error = findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
    let shown = Excerpts::of(text).show("c.yml", error);
    assert_eq!(
        shown,
        "c.yml:2:44: error: storage.flags.fetch_polcy: there is no such key here; did you mean `fetch_policy`?\n\
         \u{20} 2 |   flags: {remote: 'https://git.example/x', fetch_polcy: strict}\n\
         \u{20}   |                                            ^^^^^^^^^^^\n"
    );
}

#[test]
fn an_excerpt_is_bounded_and_aligned() {
    let long = format!("log: {{level: {}}}\n", "x".repeat(10_000));
    let shown = Excerpts::of(&long).show("c", &load_text(&long).unwrap_err()[0]);
    assert!(shown.lines().skip(1).all(|line| line.chars().count() <= limits::EXCERPT_CHARACTERS + 8), "{shown}");
    let wide = "log: {file: 'ünï', level: lound}";
    let shown = Excerpts::of(wide).show("c", &load_text(wide).unwrap_err()[0]);
    assert!(
        shown.ends_with("  1 | log: {file: 'ünï', level: lound}\n    |                           ^^^^^\n"),
        "{shown}"
    );
}
