use super::*;
use crate::auth::rate::Rate;

#[test]
fn one_environment_is_the_default() {
    let config = load_text(&format!("{REMOTE}environments: {{only: {{}}}}")).unwrap();
    assert!(config.environments[0].default && &*config.environments[0].name == "only");
    let two = |a: &str, b: &str| format!("{REMOTE}environments: {{a: {{directory: a{a}}}, b: {{directory: b{b}}}}}");
    assert!(one_error(&two("", "")).contains("one environment has to be the default"));
    assert!(
        one_error(&two(", default: true", ", default: true"))
            .contains("only one environment can be the default, and `a` is")
    );
    let config = load_text(&two("", ", default: true")).unwrap();
    assert_eq!(config.environments.iter().map(|e| e.default).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn environments_do_not_share_names_or_places() {
    let text = |a: &str, b: &str| format!("{REMOTE}environments: {{a: {{default: true, {a}}}, b: {{{b}}}}}");
    assert!(
        one_error(&text("directory: x", "directory: /x/"))
            .contains("environment `a` has directory `x` of storage `default` already")
    );
    assert!(one_error(&text("directory: ''", "directory: .")).contains("environment `a` has the root"));
    assert!(
        one_error(&text("name: x, directory: a", "name: X, directory: b"))
            .contains("environment `a` has the name `x` already")
    );
    assert!(one_error(&text("directory: a", "name: a, directory: b")).contains("has the name `a` already"));
    assert!(one_error(&text("directory: ../a", "directory: b")).contains("without `..`"));
    assert!(one_error(&text("directory: .git/x", "directory: b")).contains("a directory of the repository"));
    assert!(one_error(&text("directory: a, name: 'x/y'", "directory: b")).contains("one segment of a URL"));
    let config = load_text(&text("directory: /a//b/./", "hazards: refuse")).unwrap();
    assert_eq!((&*config.environments[0].directory, &*config.environments[1].directory), ("a/b", ""));
    assert_eq!(config.environments[0].hazards, HazardPolicy::Warn);
    assert_eq!(config.environments[1].hazards, HazardPolicy::Refuse);
}

#[test]
fn names_keep_their_case_and_references_are_found_in_any() {
    let config = load_text("storage: {Flags: {}}\nenvironments: {Prod: {storage: flags}, Dev: {name: dev, storage: Flags, directory: d, default: true}}").unwrap();
    assert_eq!(
        config.environments.iter().map(|e| (&*e.name, &*e.storage)).collect::<Vec<_>>(),
        [("Prod", "Flags"), ("dev", "Flags")]
    );
    let warnings = warnings(&config);
    assert!(warnings[0].contains("Flipt would serve it as `prod`"), "{warnings:#?}");
    assert!(warnings[1].contains("`flags` is read as `Flags`"), "{warnings:#?}");
    assert_eq!(warnings.len(), 2);
}

#[test]
fn a_storage_that_nothing_uses_is_not_opened() {
    let config = load_text("storage: {default: {}, other: {}}").unwrap();
    assert_eq!(config.storages.len(), 1);
    assert_eq!(warnings(&config), ["1:24 storage.other: no environment uses this storage; it is not opened"]);
}

/// `scm` as users of every provider write it: what is meant, and where its REST interface begins.
#[test]
fn providers_and_their_roots() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, Provider, Option<&str>)] = &[
        ("https://github.com/o/r.git", "type: github", Provider::Github, Some("https://api.github.com")),
        ("git@github.com:o/r.git", "type: github", Provider::Github, Some("https://api.github.com")),
        ("https://github.com/o/r.git", "type: github, api_url: 'https://api.github.com/'", Provider::Github, Some("https://api.github.com")),
        ("https://acme.ghe.com/o/r.git", "type: github", Provider::Github, Some("https://api.acme.ghe.com")),
        ("https://acme.ghe.com/o/r.git", "type: github, api_url: 'https://api.acme.ghe.com'", Provider::Github, Some("https://api.acme.ghe.com")),
        ("https://git.corp/o/r.git", "type: github", Provider::Github, Some("https://git.corp/api/v3")),
        ("https://git.corp/o/r.git", "type: github, api_url: 'https://git.corp'", Provider::Github, Some("https://git.corp/api/v3")),
        ("https://git.corp/o/r.git", "type: github, api_url: 'https://git.corp/api/v3/'", Provider::Github, Some("https://git.corp/api/v3")),
        ("https://git.corp/o/r.git", "type: github, api_url: 'https://api.git.corp'", Provider::Github, Some("https://api.git.corp")),
        ("https://gitlab.com/g/s/r.git", "type: gitlab", Provider::Gitlab, Some("https://gitlab.com/api/v4")),
        ("https://gitlab.company.com/g/r.git", "type: gitlab, api_url: 'https://gitlab.company.com/api/v4'", Provider::Gitlab, Some("https://gitlab.company.com/api/v4")),
        ("https://host/gitlab/g/r.git", "type: gitlab, api_url: 'https://host/gitlab'", Provider::Gitlab, Some("https://host/gitlab/api/v4")),
        ("ssh://git@gitlab.company.com:2222/g/r.git", "type: gitlab", Provider::Gitlab, Some("https://gitlab.company.com/api/v4")),
        ("https://bitbucket.org/w/r.git", "type: bitbucket", Provider::BitbucketCloud, Some("https://api.bitbucket.org/2.0")),
        ("https://bitbucket.org/w/r.git", "type: bitbucket, api_url: 'https://api.bitbucket.org/2.0'", Provider::BitbucketCloud, Some("https://api.bitbucket.org/2.0")),
        ("https://bitbucket.org/w/r.git", "type: bitbucket-cloud, api_url: 'http://127.0.0.1:8080/bitbucket'", Provider::BitbucketCloud, Some("http://127.0.0.1:8080/bitbucket/2.0")),
        ("https://bitbucket.company.com/scm/proj/r.git", "type: bitbucket, api_url: 'https://bitbucket.company.com/api/v2.0'", Provider::BitbucketDataCenter, Some("https://bitbucket.company.com/rest/api/latest")),
        ("https://host/stash/scm/proj/r.git", "type: bitbucket", Provider::BitbucketDataCenter, Some("https://host/stash/rest/api/latest")),
        ("ssh://git@bitbucket.company.com:7999/proj/r.git", "type: bitbucket", Provider::BitbucketDataCenter, Some("https://bitbucket.company.com/rest/api/latest")),
        ("https://host/stash/scm/proj/r.git", "type: bitbucket, api_url: 'https://host/stash/rest/api/1.0'", Provider::BitbucketDataCenter, Some("https://host/stash/rest/api/1.0")),
        ("https://host/scm/proj/r.git", "type: bitbucket-data-center, api_url: 'https://host/rest'", Provider::BitbucketDataCenter, Some("https://host/rest/api/latest")),
        ("https://notbitbucket.org/scm/p/r.git", "type: bitbucket", Provider::BitbucketDataCenter, Some("https://notbitbucket.org/rest/api/latest")),
        ("https://dev.azure.com/org/proj/_git/r", "type: azure", Provider::Azure, Some("https://dev.azure.com/org")),
        ("https://org@dev.azure.com/org/proj/_git/r", "type: azure, api_url: 'https://dev.azure.com'", Provider::Azure, Some("https://dev.azure.com/org")),
        ("git@ssh.dev.azure.com:v3/org/proj/r", "type: azure", Provider::Azure, Some("https://dev.azure.com/org")),
        ("https://org.visualstudio.com/proj/_git/r", "type: azure", Provider::Azure, Some("https://dev.azure.com/org")),
        ("https://dev.azure.com/org/proj/_git/r", "type: azure, api_url: 'https://dev.azure.com/org/_apis'", Provider::Azure, Some("https://dev.azure.com/org")),
        ("https://server/tfs/DefaultCollection/proj/_git/r", "type: azure, api_url: 'https://server/tfs/{collection}/_apis'", Provider::Azure, Some("https://server/tfs/DefaultCollection")),
        ("https://server/tfs/DefaultCollection/proj/_git/r", "type: azure, api_url: 'https://server/tfs/DefaultCollection/_apis'", Provider::Azure, Some("https://server/tfs/DefaultCollection")),
        ("https://server/tfs/DefaultCollection/proj/_git/r", "type: azure", Provider::Azure, Some("https://server/tfs/DefaultCollection")),
        ("https://server/DefaultCollection/proj/_git/r", "type: azure", Provider::Azure, Some("https://server/DefaultCollection")),
        ("https://server:8443/tfs/C/p/_git/r", "type: azure, api_url: 'https://server:8443/tfs'", Provider::Azure, Some("https://server:8443/tfs/C")),
        ("https://gitea.company.com/o/r.git", "type: gitea, api_url: 'https://gitea.company.com'", Provider::Gitea, Some("https://gitea.company.com/api/v1")),
        ("https://host/git/o/r.git", "type: gitea", Provider::Gitea, Some("https://host/git/api/v1")),
        ("https://gitea.company.com/o/r.git", "type: gitea, api_url: 'https://gitea.company.com/api/v1'", Provider::Gitea, Some("https://gitea.company.com/api/v1")),
        ("https://codeberg.org/o/r.git", "type: gitea", Provider::Forgejo, Some("https://codeberg.org/api/v1")),
        ("https://code.company.com/o/r.git", "type: forgejo", Provider::Forgejo, Some("https://code.company.com/api/v1")),
        ("http://127.0.0.1:3000/o/r.git", "type: gitea", Provider::Gitea, Some("http://127.0.0.1:3000/api/v1")),
        ("https://github.com/o/r.git", "credentials: ''", Provider::Github, Some("https://api.github.com")),
        ("/srv/r.git", "type: github", Provider::Github, None),
    ];
    for (remote, scm, provider, root) in cases {
        let text =
            format!("storage: {{default: {{remote: '{remote}'}}}}\nenvironments: {{default: {{scm: {{{scm}}}}}}}");
        let config = load_text(&text).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
        let scm = config.environments[0].scm.as_ref().unwrap();
        assert_eq!((scm.provider, scm.api_url.as_deref()), (*provider, *root), "{text}");
    }
}

#[test]
fn scm_blocks_that_cannot_work_are_refused() {
    let broken = |remote: &str, scm: &str, told: &str| {
        let error = one_error(&format!(
            "storage: {{default: {{remote: '{remote}'}}}}\nenvironments: {{default: {{scm: {{{scm}}}}}}}\ncredentials: {{app: {{type: github_app, github_app: {{client_id: a, installation_id: 1, private_key_bytes: k}}}}}}"
        ));
        assert!(error.contains(told), "{error}");
    };
    broken("https://git.example/r", "type: svn", "`svn` is not one of github, gitlab, gitea, azure, bitbucket");
    broken("https://git.example/o/r", "api_url: 'https://git.example'", "a type is required");
    broken("https://git.example/o/r", "type: gitea, api_url: git.example", "no URL");
    broken("https://git.example/o/r", "type: gitea, api_url: 'ftp://git.example'", "a URL of https");
    broken("https://git.example/o/r", "type: gitea, api_url: 'https://u:p@git.example'", "belong into `credentials`");
    broken("https://git.example/o/r", "type: gitea, credentials: nope", "`credentials` has no entry `nope`");
    broken("https://git.example/o/r", "type: gitea, credentials: app", "a GitHub App does not authenticate to gitea");
    broken(
        "https://server/x.git",
        "type: azure, api_url: 'https://server/tfs/{collection}/_apis'",
        "not told by `remote`",
    );
    broken("https://server/x.git", "type: azure, api_url: 'https://server/tfs'", "the collection is missing");
    broken("https://server/x.git", "type: azure, api_url: 'https://dev.azure.com'", "the organisation is missing");
    broken("https://github.com/o/r", "webhook: {}", "environments.default.scm.webhook.secret: a value is required");
    for (remote, scm, told) in [
        ("https://github.com/o/r", "project: p", "environments.default.scm.project: github has no projects here"),
        ("https://gitlab.com/g/r", "project: p", "environments.default.scm.project: the whole path of the project"),
        (
            "https://gitlab.com/g/r",
            "project: g/r, owner: g",
            "environments.default.scm.project: `project` is owner and",
        ),
        (
            "https://h/scm/p/r.git",
            "project: P, owner: P",
            "environments.default.scm.project: `project` and `owner` mean",
        ),
        ("https://github.com/o/r", "owner: a/b", "environments.default.scm.owner: one name without slashes"),
        ("https://github.com/o/r", "repository: a/b", "environments.default.scm.repository: one name without slashes"),
        ("https://github.com/o/r", "merge_method: fast", "environments.default.scm.merge_method: `fast` is not one of"),
    ] {
        broken(remote, scm, told);
    }
}

fn webhook(text: &str) -> Option<(Provider, Vec<String>)> {
    let config = load_text(text).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
    let webhook = config.storages["default"].webhook.clone()?;
    Some((webhook.provider, webhook.secrets.iter().map(|s| s.expose_secret().to_owned()).collect()))
}

#[test]
fn secrets_of_storage_and_environments_are_all_valid() {
    let text = "storage: {default: {remote: 'https://git.example/o/r.git', webhook: {secrets: [one, two]}}}\n\
        environments: {a: {default: true, directory: a, scm: {type: gitlab, webhook: {secret: three}}}, b: {directory: b, scm: {type: gitlab, webhook: {secret: one}}}}";
    assert_eq!(webhook(text), Some((Provider::Gitlab, vec!["one".to_owned(), "two".to_owned(), "three".to_owned()])));
    let text = "storage: {default: {remote: 'https://git.example/o/r.git'}}\nenvironments: {a: {scm: {type: gitea, webhook: {secret: s}}}}";
    assert_eq!(webhook(text), Some((Provider::Gitea, vec!["s".to_owned()])));
    let text = "storage: {default: {remote: 'https://github.com/o/r.git', webhook: {secrets: s p}}}";
    assert_eq!(webhook(text), Some((Provider::Github, vec!["s p".to_owned()])));
    let text = "storage: {default: {remote: 'https://git.example/o/r.git', webhook: {provider: forgejo, secrets: [s]}}}\nenvironments: {a: {scm: {type: gitea}}}";
    assert_eq!(webhook(text), Some((Provider::Forgejo, vec!["s".to_owned()])));
    let text =
        "storage: {default: {remote: 'https://git.example/scm/o/r.git', webhook: {provider: bitbucket, secrets: [s]}}}";
    assert_eq!(webhook(text), Some((Provider::BitbucketDataCenter, vec!["s".to_owned()])));
    assert_eq!(webhook(REMOTE), None);
}

#[test]
fn webhooks_that_cannot_work_are_refused() {
    let broken = |webhook: &str, told: &str| {
        let error =
            one_error(&format!("storage: {{default: {{remote: 'https://git.example/o/r.git', webhook: {webhook}}}}}"));
        assert!(error.contains(told), "{error}");
    };
    broken("{}", "a webhook needs a secret");
    broken("{provider: gitea}", "a webhook needs a secret");
    broken("{provider: gitea, secrets: []}", "at least one secret");
    broken("{provider: gitea, secrets: [a, '']}", "may not be empty");
    broken("{secrets: [a]}", "who sends is not told by the remote");
    broken("{provider: subversion, secrets: [a]}", "`subversion` is not one of github");
    broken("{provider: gitea, secrets: [a,b,c,d,e,f,g,h,i]}", "more than 8 secrets");
    let text = "storage: {default: {remote: 'https://git.example/o/r.git', webhook: {secrets: [s]}}}\n\
        environments: {a: {default: true, directory: a, scm: {type: gitlab}}, b: {directory: b, scm: {type: gitea}}}";
    assert!(one_error(text).contains("name several providers (gitlab, gitea)"));
    let text = "storage: {default: {remote: 'https://git.example/o/r.git', webhook: {provider: github, secrets: [s]}}}\nenvironments: {a: {scm: {type: gitlab}}}";
    assert!(one_error(text).contains("the environment's scm says gitlab, this says github"));
    let config = load_text("storage: {default: {webhook: {provider: gitea, secrets: [s]}}}").unwrap();
    assert!(warnings(&config)[0].contains("nothing to fetch"));
}

#[test]
fn listeners() {
    let server = |text: &str| {
        load_text(&format!("server: {{{text}}}")).map(|c| c.server).map_err(|f| shown(&f, Severity::Error))
    };
    let webhook = server("host: 10.0.0.1, webhook: {port: 9000}").unwrap().webhook;
    assert_eq!(webhook, Some(Listener { host: "10.0.0.1".to_owned(), port: 9000 }));
    let webhook = server("webhook: {host: 0.0.0.0, port: 0}, http_port: 0").unwrap().webhook;
    assert_eq!(webhook, Some(Listener { host: "0.0.0.0".to_owned(), port: 0 }));
    assert!(server("webhook: {host: 1.2.3.4}").unwrap_err()[0].contains("a port is required"));
    assert!(server("webhook: {port: 8080}").unwrap_err()[0].contains("has the address of the main one"));
    assert!(server("protocol: https").unwrap_err().len() == 2);
}

#[test]
fn authentication_is_served_or_refused_never_passed_over() {
    let load = |text: &str| load_text(&format!("authentication: {{{text}}}"));
    let tokens =
        "methods: {token: {enabled: true, storage: {type: static, tokens: {ci: {credential: s3, metadata: {a: b}}}}}}";
    let config = load(&format!("required: true, exclude: {{ofrep: true}}, {tokens}")).unwrap();
    let authentication = &config.authentication;
    assert!(
        authentication.required == Some(true) && authentication.exclude_ofrep && !authentication.exclude_evaluation
    );
    let token = &authentication.tokens[0];
    assert_eq!((&*token.name, token.digest, &token.scopes), ("ci", Digest::of("s3"), &Scopes::all()));
    assert_eq!(warnings(&config).len(), 1, "{:#?}", warnings(&config));
    for method in ["oidc", "github", "kubernetes"] {
        let text = format!("methods: {{{method}: {{enabled: true, x: y}}}}");
        let errors = shown(&load(&format!("required: true, {text}")).unwrap_err(), Severity::Error);
        assert!(
            errors.len() == 1 && errors[0].contains(&format!("the method `{method}` is not supported")),
            "{errors:#?}"
        );
        let config = load(&text).unwrap();
        assert!(warnings(&config)[0].contains("only tokens and JWTs are served"), "{:#?}", warnings(&config));
        load(&format!("required: true, methods: {{{method}: {{enabled: false}}}}")).unwrap();
    }
    assert!(warnings(&load("required: true").unwrap())[0].contains("every request but health"));
    assert!(warnings(&load(tokens).unwrap()).iter().any(|w| w.contains("everybody may evaluate and read without one")));
    let off = tokens.replace("enabled: true", "enabled: false");
    let config = load(&format!("required: true, {off}")).unwrap();
    assert!(config.authentication.tokens.is_empty());
    assert!(shown(&load(&tokens.replace("s3", "''")).unwrap_err(), Severity::Error)[0].contains("a value is required"));
    assert!(one_error("authorization: {required: true}").contains("policies are not supported yet"));
    assert_eq!(load_text("authorization: {required: false, backend: local}").unwrap().warnings.len(), 1);
}

#[test]
fn tokens_have_scopes_and_an_end() {
    let tokens = |tokens: &str| {
        format!(
            "authentication: {{required: true, methods: {{token: {{enabled: true, storage: {{tokens: {{{tokens}}}}}}}}}}}"
        )
    };
    let config = load_text(&tokens(
        "a: {credential: x, scopes: [read, 'write:staging/pay-*'], expires: 2027-01-30}, b: {credential: y, scopes: evaluate read:dev}",
    ))
    .unwrap();
    let [a, b] = &*config.authentication.tokens else { panic!("two") };
    assert_eq!(
        (a.scopes.to_string(), a.expires.unwrap().to_string()),
        ("read write:staging/pay-*".into(), "2027-01-30T00:00:00Z".into())
    );
    assert_eq!((b.scopes.to_string(), b.expires), ("evaluate read:dev/*".into(), None));
    for (text, why) in [
        ("a: {credential: x, scopes: [read, reads]}", "scope 2: a scope begins with one of"),
        ("a: {credential: x, scopes: []}", "a token without a scope may do nothing"),
        ("a: {credential: x, expires: soon}", "no time like"),
        ("a: {credential: x}, b: {credential: x, scopes: read}", "the credential is that of `a`"),
    ] {
        let error = one_error(&tokens(text));
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(warnings(&load_text(&tokens("a: {credential: x}, b: {credential: x}")).unwrap()).len(), 1);
    // Nobody said whether it is required, or said no: not the same.
    let required = |text: &str| load_text(&format!("authentication: {{{text}}}")).unwrap().authentication.required;
    assert_eq!(
        [required(""), required("required: false"), required("required: true")],
        [None, Some(false), Some(true)]
    );
}

#[test]
fn the_file_of_tokens_is_read_at_the_start() {
    let text = "authentication: {required: true, methods: {token: {enabled: true, storage: {file: /t.json}}}}";
    let load = |content: &str| World::with(&[], &[("/t.json", content)]).load(text);
    assert_eq!(load("").unwrap().warnings.len(), 1, "there is no token yet");
    let error = |content: &str| shown(&load(content).unwrap_err(), Severity::Error).join("\n");
    assert!(error("{").contains("authentication.methods.token.storage.file: /t.json is no file of tokens"));
    assert!(error(r#"{"version":1,"tokens":[{"name":"MARK","sha256":"MARK-secret"}]}"#).contains("token 1 (`MARK`)"));
    assert!(!error(r#"{"version":1,"tokens":[{"name":"a","sha256":"MARK-secret"}]}"#).contains("MARK"));
    assert!(one_error(text).contains("cannot read /t.json"));
    let off = text.replace("enabled: true", "enabled: false");
    assert!(load_text(&off).unwrap().authentication.token_file.is_none());
}

#[test]
fn rates() {
    let rates = |text: &str| load_text(&format!("server: {{{text}}}")).map(|config| config.rates);
    assert_eq!(rates("").unwrap(), Rates::default());
    assert_eq!(rates("rate_limit: {requests_per_second: 0, failures_per_minute: 0}").unwrap(), Rates::default());
    let found = rates("rate_limit: {requests_per_second: 50, failures_per_minute: 6}, trusted_proxies: 10.0.0.0/8 ::1")
        .unwrap();
    assert_eq!(found.requests, Some(Rate { every: Duration::from_millis(20), burst: 50 }));
    assert_eq!(found.failures, Some(Rate { every: Duration::from_secs(10), burst: 6 }));
    assert_eq!(found.trusted_proxies.len(), 2);
    let burst = rates("rate_limit: {requests_per_second: 1, burst: 9}").unwrap().requests.unwrap();
    assert_eq!((burst.every, burst.burst), (Duration::from_secs(1), 9));
    assert!(one_error("server: {trusted_proxies: [10.0.0.0/8, proxy]}").contains("entry 2: no address like"));
    assert!(one_error("server: {rate_limit: {requests_per_second: -1}}").contains("not between 0 and"));
    assert_eq!(load_text("server: {rate_limit: {burst: 9}}").unwrap().warnings.len(), 1);
}

#[test]
fn templates_are_checked() {
    let config = load_text("templates: {proposal_title: 'x {{ .Base.Ref }}', commit_message: '{{ len .Changes }}'}");
    let config = config.unwrap();
    assert_eq!(config.templates.proposal_title.as_deref(), Some("x {{ .Base.Ref }}"));
    assert_eq!(warnings(&config), [""; 0]);
    assert!(
        one_error("templates: {proposal_title: '{{ nope }}'}")
            .contains("templates.proposal_title: no template: line 1: there is no function `nope`")
    );
    let told = warnings(&load_text("templates: {commit_message: '{{ .Base.Ref }}'}").unwrap());
    assert!(told[0].contains("there is no field `Base` there"), "{told:#?}");
}

#[test]
fn what_follows_from_another_problem_is_not_told() {
    let findings = load_text("environments: {e: {storage: nothing}}").unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn protection_and_broken_glass() {
    let load = |text: &str| load_text(&format!("{REMOTE}environments: {{e: {{{text}}}}}"));
    let environment = |text: &str| load(text).unwrap().environments.remove(0);
    let glass = |text: &str| environment(text).break_glass.map(|glass| glass.expires_after.as_secs());
    assert!(environment("protected: true").protected && !environment("").protected);
    assert_eq!(glass(""), None);
    assert_eq!(glass("break_glass: {enabled: true}"), Some(4 * 3600));
    assert_eq!(glass("break_glass: {enabled: true, expires_after: 168h}"), Some(168 * 3600));
    assert_eq!(glass("break_glass: {expires_after: 1h}"), None);
    for wrong in ["59s", "0", "169h"] {
        let findings = load(&format!("break_glass: {{enabled: true, expires_after: {wrong}}}")).unwrap_err();
        assert!(shown(&findings, Severity::Error)[0].contains("between 1m and 168h"), "{wrong}");
    }
    let told = warnings(&load_text("environments: {e: {break_glass: {enabled: true}}}").unwrap());
    assert!(told[0].contains("no remote that could be down"), "{told:#?}");
}

#[test]
fn the_file_of_the_audit() {
    let file = |text: &str| load_text(text).unwrap().audit_file;
    assert_eq!(file(""), None);
    assert_eq!(file("audit: {file: ''}"), None);
    assert_eq!(file("audit: {file: /var/log/audit.jsonl}"), Some(PathBuf::from("/var/log/audit.jsonl")));
}
