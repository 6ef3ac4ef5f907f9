use super::*;

fn storage(text: &str) -> (Storage, Vec<String>) {
    let config = load_text(text).unwrap_or_else(|findings| panic!("{findings:#?}"));
    (config.storages["default"].clone(), warnings(&config))
}

#[test]
fn defaults_are_those_of_flipt() {
    let (storage, warnings) = storage(REMOTE);
    assert_eq!((&*storage.branch, storage.poll_interval.as_secs(), storage.poll_ceiling.as_secs()), ("main", 30, 300));
    assert_eq!(storage.fetch_policy, FetchPolicy::Strict);
    assert!(
        storage.path.is_none()
            && storage.webhook.is_none()
            && storage.credential.is_none()
            && !storage.insecure_skip_tls
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn the_ceiling_follows_the_interval() {
    for (text, ceiling) in [
        ("poll_interval: 5s", 50),
        ("poll_interval: 2m", 300),
        ("poll_interval: 10m", 600),
        ("poll_interval: 5s, poll_ceiling: 1h", 3600),
    ] {
        let (storage, _) = storage(&format!("storage: {{default: {{remote: 'https://git.example/x', {text}}}}}"));
        assert_eq!(storage.poll_ceiling.as_secs(), ceiling, "{text}");
    }
}

#[test]
fn remotes_of_every_form_are_read() {
    for remote in [
        "https://git.example/team/flags.git",
        "http://127.0.0.1:3000/team/flags",
        "ssh://git@git.example:2222/team/flags.git",
        "git@git.example:team/flags.git",
        "file:///srv/flags.git",
        "/srv/flags.git",
    ] {
        let (storage, warnings) = storage(&format!("storage: {{default: {{remote: '{remote}'}}}}"));
        assert_eq!((storage.remote.as_deref(), warnings.len()), (Some(remote), 0));
    }
    for remote in [
        "git://git.example/x",
        "ftp://x/y",
        "nonsense",
        "https://",
        "https://git.example",
        "a b:c",
        "https://[::1/x",
        "ext::sh -c x",
        "https://git.example/x.git?private_token=t",
        "https://git.example/x.git#t",
        "user:password@git.example:x.git",
    ] {
        one_error(&format!("storage: {{default: {{remote: '{remote}'}}}}"));
    }
}

#[test]
fn userinfo_of_a_url_becomes_a_credential() {
    let of = |remote: &str| {
        let (storage, warnings) = storage(&format!("storage: {{default: {{remote: '{remote}'}}}}"));
        assert_eq!(storage.remote.as_deref(), Some("https://git.example/x.git"), "{remote}");
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        match storage.credential {
            None => "none".to_owned(),
            Some(Credential::Basic { username, password }) => format!("{username}:{}", password.expose_secret()),
            Some(Credential::AccessToken(token)) => format!("token {}", token.expose_secret()),
            Some(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(of("https://u:p%40ss@git.example/x.git"), "u:p@ss");
    assert_eq!(of("https://:tok@git.example/x.git"), "token tok");
    assert_eq!(of("https://ghp_0123456789abcdefghij@git.example/x.git"), "token ghp_0123456789abcdefghij");
    assert_eq!(of("https://organisation@git.example/x.git"), "none");
    let (storage, warnings) = storage(
        "storage: {default: {remote: 'https://u:p@git.example/x.git', credentials: c}}\ncredentials: {c: {type: access_token, access_token: t}}",
    );
    assert!(matches!(storage.credential, Some(Credential::AccessToken(_))));
    assert!(warnings[0].contains("do not count, because `credentials` is given"), "{warnings:#?}");
}

#[test]
fn a_credential_in_clear_is_told_but_not_on_this_machine() {
    let of = |host: &str| {
        storage(&format!(
            "storage: {{default: {{remote: 'http://{host}/x.git', credentials: c}}}}\ncredentials: {{c: {{type: access_token, access_token: t}}}}"
        ))
        .1
    };
    assert_eq!(
        of("git.example"),
        ["1:29 storage.default.remote: the credential travels to git.example in clear; use https"]
    );
    for host in ["127.0.0.1:3000", "localhost", "[::1]:80"] {
        assert_eq!(of(host), [""; 0], "{host}");
    }
}

#[test]
fn a_key_of_ssh_turns_urls_into_ssh() {
    let of = |remote: &str, user: &str| {
        load_text(&format!(
            "storage: {{default: {{remote: '{remote}', credentials: c}}}}\ncredentials: {{c: {{type: ssh, ssh: {{user: {user}, private_key_bytes: k}}}}}}"
        ))
        .map(|config| config.storages["default"].remote.clone().unwrap())
        .map_err(|findings| shown(&findings, Severity::Error).join("\n"))
    };
    assert_eq!(of("https://git.example:8443/a/b.git", "git").unwrap(), "ssh://git@git.example/a/b.git");
    assert_eq!(of("git.example/a/b.git", "git").unwrap(), "ssh://git@git.example/a/b.git");
    assert_eq!(of("git@git.example:a/b.git", "git").unwrap(), "git@git.example:a/b.git");
    assert_eq!(of("git.example:a/b.git", "deploy").unwrap(), "deploy@git.example:a/b.git");
    assert_eq!(of("ssh://git.example:7999/a/b.git", "git").unwrap(), "ssh://git@git.example:7999/a/b.git");
    assert!(
        of("ssh://git@git.example/a", "other")
            .unwrap_err()
            .contains("the URL says user `git`, the credential says `other`")
    );
    assert!(one_error("storage: {default: {remote: 'git@h.example:a', credentials: c}}\ncredentials: {c: {type: access_token, access_token: t}}")
        .contains("takes a credential of type `ssh`"));
}

#[test]
fn credentials_are_checked() {
    let broken = |text: &str, told: &str| {
        let errors = errors(&format!("credentials: {{c: {text}}}"));
        assert_eq!(errors.len(), 1, "{text}: {errors:#?}");
        assert!(errors[0].contains(told), "{text}: {errors:#?}");
    };
    broken("{}", "a type is required");
    broken("{type: magic}", "`magic` is not one of basic, ssh, access_token, github_app");
    broken("{type: acess_token}", "did you mean `access_token`?");
    broken("{type: access_token}", "a value is required");
    broken("{type: access_token, access_token: ' '}", "a value is required");
    broken(
        "{type: basic, basic: {username: u}}",
        "credentials.c.basic.password: user and password are required together",
    );
    broken(
        "{type: basic, basic: {password: p}}",
        "credentials.c.basic.username: user and password are required together",
    );
    broken("{type: ssh}", "a key is required");
    broken("{type: ssh, ssh: {}}", "private_key_path or private_key_bytes");
    broken("{type: ssh, ssh: {private_key_path: /a, private_key_bytes: b}}", "exclude each other");
    broken("{type: ssh, ssh: {private_key_path: /nope}}", "cannot read /nope");
    broken("{type: github_app, github_app: {client_id: a, private_key_bytes: k}}", "number of the installation");
    broken(
        "{type: github_app, github_app: {client_id: a, installation_id: 0, private_key_bytes: k}}",
        "`0` is below 1",
    );
    broken("{type: github_app, github_app: {installation_id: 1, private_key_bytes: k}}", "a client id is required");
    broken(
        "{type: github_app, github_app: {client_id: a, installation_id: 1, private_key_bytes: k, api_url: x}}",
        "no URL",
    );
    let world = World::with(&[], &[("/key", "KEY")]);
    let text = "storage: {default: {remote: 'git@h.example:x', credentials: C}}\ncredentials: {c: {type: ssh, ssh: {private_key_path: /key, insecure_ignore_host_key: true}}, d: {type: access_token, access_token: x, basic: {}}}";
    let config = world.load(text).unwrap();
    let told = warnings(&config).join("\n");
    assert!(told.contains("`C` is read as `c`, which differs by case alone"), "{told}");
    assert!(told.contains("any server can pass itself off"), "{told}");
    assert!(told.contains("credentials.d: no storage and no environment uses this credential"), "{told}");
    assert!(told.contains("credentials.d.basic: does not count, because the type is `access_token`"), "{told}");
    let Some(Credential::Ssh {
        user,
        passphrase: None,
        key: KeySource::Path(path),
        ignore_host_key: true,
        known_hosts: None,
    }) = &config.storages["default"].credential
    else {
        panic!("{config:?}")
    };
    assert_eq!((user.as_str(), path.to_str()), ("git", Some("/key")));

    let pinned = text.replace("insecure_ignore_host_key: true", "known_hosts: /hosts");
    let config = world.load(&pinned).unwrap();
    let credential = &config.storages["default"].credential;
    assert!(
        matches!(credential, Some(Credential::Ssh { known_hosts: Some(file), .. }) if file == std::path::Path::new("/hosts")),
        "{credential:?}"
    );
    for (keys, told) in
        [("known_hosts: /hosts", "no host key is looked at"), ("known_hosts: '/a\"b'", "quotation marks")]
    {
        let text = text.replace("private_key_path: /key", &format!("private_key_path: /key, {keys}"));
        let findings = world.load(&text).unwrap_err();
        assert!(findings.iter().any(|finding| finding.message.contains(told)), "{findings:?}");
    }
}

#[test]
fn a_reload_sees_whether_a_credential_is_another() {
    let ssh = |keys: &str| format!("{{type: ssh, ssh: {{{keys}}}}}");
    let app =
        |keys: &str| format!("{{type: github_app, github_app: {{private_key_bytes: k, installation_id: 1, {keys}}}}}");
    let all = [
        "{type: access_token, access_token: a}".to_owned(),
        "{type: access_token, access_token: b}".to_owned(),
        "{type: basic, basic: {username: a, password: a}}".to_owned(),
        "{type: basic, basic: {username: a, password: b}}".to_owned(),
        "{type: basic, basic: {username: b, password: a}}".to_owned(),
        ssh("private_key_path: /a"),
        ssh("private_key_path: /b"),
        ssh("private_key_bytes: /a"),
        ssh("private_key_bytes: /b"),
        ssh("private_key_path: /a, password: a"),
        ssh("private_key_path: /a, password: b"),
        ssh("private_key_path: /a, user: b"),
        ssh("private_key_path: /a, known_hosts: /b"),
        ssh("private_key_path: /a, insecure_ignore_host_key: true"),
        app("client_id: a"),
        app("client_id: b"),
        app("client_id: a, api_url: 'https://github.example/api/v3'"),
    ];
    let world = World::with(&[], &[("/a", "KEY"), ("/b", "KEY")]);
    let load = |credential: &String| {
        let remote = if credential.contains("type: ssh") { "ssh://git.example/x" } else { "https://git.example/x" };
        let text =
            format!("storage: {{default: {{remote: '{remote}', credentials: c}}}}\ncredentials: {{c: {credential}}}");
        let config = world.load(&text).unwrap_or_else(|findings| panic!("{credential}: {findings:?}"));
        config.storages["default"].credential.clone().unwrap()
    };
    for (a, left) in all.iter().enumerate() {
        for (b, right) in all.iter().enumerate() {
            assert_eq!(load(left) == load(right), a == b, "{left} {right}");
        }
    }
}

#[test]
fn certificate_authorities_are_read() {
    let world = World::with(&[], &[("/ca.pem", "x\n-----BEGIN CERTIFICATE-----\n"), ("/not.pem", "x")]);
    let load = |keys: &str| world.load(&format!("storage: {{default: {{remote: 'https://git.example/x', {keys}}}}}"));
    assert!(load("ca_cert_path: /ca.pem").unwrap().storages["default"].ca_certificate.is_some());
    assert!(load("ca_cert_bytes: '-----BEGIN CERTIFICATE-----'").unwrap().storages["default"].ca_certificate.is_some());
    for (keys, told) in [
        ("ca_cert_path: /not.pem", "no certificate in PEM form"),
        ("ca_cert_path: /nope", "cannot read /nope"),
        ("ca_cert_path: /ca.pem, ca_cert_bytes: x", "exclude each other"),
        ("ca_cert_bytes: x", "no certificate in PEM form"),
    ] {
        let errors = shown(&load(keys).unwrap_err(), Severity::Error);
        assert!(errors.len() == 1 && errors[0].contains(told), "{errors:#?}");
    }
    assert!(warnings(&load("insecure_skip_tls: true").unwrap())[0].contains("pass itself off"));
}

#[test]
fn branches_and_names_are_those_that_git_and_urls_take() {
    for branch in ["main", "release/1.0", "feature-x", "ü"] {
        load_text(&format!("storage: {{default: {{branch: '{branch}'}}}}")).unwrap();
    }
    for branch in [
        "",
        "a b",
        "a..b",
        "-x",
        "x.lock",
        "a//b",
        "/a",
        "a/",
        "a~1",
        "a:b",
        "refs/heads/main",
        "@",
        "x.",
        ".x",
        "a\\b",
        "HEAD",
    ] {
        one_error(&format!("storage: {{default: {{branch: '{branch}'}}}}"));
    }
    for name in ["a/b", ".", "..", ".x", "a b", "%2f"] {
        let errors = errors(&format!("storage: {{'{name}': {{}}, default: {{}}}}"));
        assert!(errors[0].contains("a storage is named by letters"), "{errors:#?}");
    }
}

#[test]
fn backends_and_signatures() {
    let (local, _) = storage(
        "storage: {default: {backend: {type: local, path: /srv/mirror}, signature: {name: Ann, email: a@b.example}}}",
    );
    assert_eq!(local.path.as_deref(), Some(Path::new("/srv/mirror")));
    assert_eq!((local.signature.name.as_str(), local.signature.email.as_str()), ("Ann", "a@b.example"));
    let (here, told) = storage("storage: {default: {backend: {type: local}}}");
    assert_eq!((here.path.as_deref(), told.len()), (Some(Path::new(".")), 1));
    let (memory, told) = storage("storage: {default: {backend: {path: /x}}}");
    assert!(memory.path.is_none() && told[0].contains("because the type of the backend is `memory`"));
    one_error("storage: {default: {backend: {type: disk}}}");
}

const SSH_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nMARK\n-----END OPENSSH PRIVATE KEY-----\n";
const GPG_KEY: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nMARK\n-----END PGP PRIVATE KEY BLOCK-----\n";

fn signature(text: &str) -> Result<(Signature, Vec<String>), String> {
    let files = [
        ("/ssh", SSH_KEY),
        ("/gpg", GPG_KEY),
        ("/ring", "\u{1}\u{2}"),
        ("/ssh.pub", "ssh-ed25519 AAAA ann@host"),
        ("/gpg.pub", "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
    ];
    World::with(&[("PHRASE", "MARK")], &files)
        .load(&format!("storage: {{default: {{signature: {{{text}}}}}}}"))
        .map(|config| (config.storages["default"].signature.clone(), warnings(&config)))
        .map_err(|findings| shown(&findings, Severity::Error).join("\n"))
}

#[test]
fn the_author_is_that_of_flipt_unless_it_is_named() {
    let (usual, told) = signature("").unwrap();
    assert_eq!((usual.name.as_str(), usual.email.as_str()), ("flipt", "flipt[bot]@noreply.flipt.io"));
    assert!(usual.signing.is_none() && told.is_empty());
    for wrong in ["name: 'a <b>'", "email: \"a\\nb\""] {
        assert!(signature(wrong).unwrap_err().contains("angle brackets"), "{wrong}");
    }
}

#[test]
fn keys_that_sign() {
    let kind = |text: &str| signature(&format!("enabled: true, {text}")).map(|(s, _)| s.signing.unwrap());
    for (text, want) in [
        ("key_path: /ssh", SigningKind::Ssh),
        ("key_path: /gpg", SigningKind::Gpg),
        ("type: gpg, key_path: /ring", SigningKind::Gpg),
        ("key_path: /ring", SigningKind::Gpg),
        ("type: ssh, key_bytes: '${file:/ssh}', passphrase: '${env:PHRASE}'", SigningKind::Ssh),
    ] {
        assert_eq!(kind(text).unwrap().kind, want, "{text}");
    }
    let whole = kind("type: ssh, key_bytes: '${file:/ssh}', passphrase: '${env:PHRASE}'").unwrap();
    let KeySource::Text(text) = &whole.key else { panic!("{whole:?}") };
    assert_eq!(text.expose_secret(), SSH_KEY, "its last line ends again");
    assert_eq!(whole.passphrase.as_ref().unwrap().expose_secret(), "MARK");
    assert!(!format!("{whole:?}").contains("MARK"));
    assert_eq!(whole, whole.clone());
    assert_ne!(whole, Signing { passphrase: None, ..whole.clone() });
    let (_, told) = signature("enabled: true, key_path: /ssh, key_id: ABCD").unwrap();
    assert!(told[0].contains("a file of ssh holds one key"), "{told:#?}");
    assert_eq!(kind("key_path: /gpg, key_id: ABCD").unwrap().key_id.as_deref(), Some("ABCD"));
}

#[test]
fn what_cannot_sign_says_what_to_do() {
    for (text, why) in [
        ("enabled: true", "there is no key: give `key_path` or `key_bytes`"),
        ("enabled: true, type: gpg, key_ref: {provider: vault, path: a, key: b}", "no secret manager is asked"),
        ("enabled: true, key_path: /ssh, key_bytes: x", "exclude each other"),
        ("enabled: true, key_path: /nowhere", "cannot read /nowhere"),
        ("enabled: true, key_path: /ssh.pub", "the private one is the file without `.pub`"),
        ("enabled: true, key_path: /gpg.pub", "--export-secret-keys"),
        ("enabled: true, key_path: /ssh, type: gpg", "say `type: ssh`"),
        ("enabled: true, key_path: /gpg, type: ssh", "this is a key of GPG"),
        ("enabled: true, key_path: /gpg, type: x509", "not one of gpg, ssh"),
    ] {
        let error = signature(text).unwrap_err();
        assert!(error.contains(why) && error.lines().count() == 1, "{text}: {error}");
    }
    // Flipt's key of a secret manager stops nothing while nothing is signed.
    let (off, told) = signature("key_ref: {provider: vault, path: a, key: b}, type: gpg").unwrap();
    assert!(off.signing.is_none() && told.len() == 1, "{told:#?}");
    let (_, told) = signature("key_path: /ssh").unwrap();
    assert!(told[0].contains("without `enabled: true`"), "{told:#?}");
}

#[test]
fn what_pushes() {
    let with = |text: &str| storage(&format!("storage: {{default: {{{text}}}}}")).0.push_with;
    assert_eq!(
        (with(""), with("push_with: git"), with("push_with: builtin")),
        (PushWith::Builtin, PushWith::Git, PushWith::Builtin)
    );
}
