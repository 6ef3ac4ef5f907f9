//! The examples in `config/`, as an operator would use them.

use super::*;

/// Which provider an example is for, and where its REST interface begins.
#[rustfmt::skip]
const EXAMPLES: &[(&str, Option<(Provider, &str)>)] = &[
    ("authentication.yml", None),
    ("azure-devops-server.yml", Some((Provider::Azure, "https://azure.company.com/tfs/DefaultCollection"))),
    ("azure-devops.yml", Some((Provider::Azure, "https://dev.azure.com/acme"))),
    ("bitbucket-cloud.yml", Some((Provider::BitbucketCloud, "https://api.bitbucket.org/2.0"))),
    ("bitbucket-data-center.yml", Some((Provider::BitbucketDataCenter, "https://bitbucket.company.com/rest/api/latest"))),
    ("forgejo.yml", Some((Provider::Forgejo, "https://forgejo.company.com/api/v1"))),
    ("gitea.yml", Some((Provider::Gitea, "https://gitea.company.com/api/v1"))),
    ("github-enterprise.yml", Some((Provider::Github, "https://github.company.com/api/v3"))),
    ("github.yml", Some((Provider::Github, "https://api.github.com"))),
    ("gitlab-self-managed.yml", Some((Provider::Gitlab, "https://gitlab.company.com/api/v4"))),
    ("gitlab.yml", Some((Provider::Gitlab, "https://gitlab.com/api/v4"))),
    ("minimal.yml", None),
    ("writing.yml", None),
];

/// A file of one token.
const TOKENS: &str = r#"{"version": 1, "tokens": [{"name": "web", "scopes": ["evaluate"],
    "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}"#;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn example(name: &str) -> (String, Config) {
    let world = World::with(
        &[("CREDENTIALS_DIRECTORY", "/run/credentials/yardarm.service")],
        &[
            ("/run/credentials/yardarm.service/git-token", "t0ken\n"),
            ("/run/credentials/yardarm.service/webhook-secret", "s3cret\n"),
            ("/etc/yardarm/tokens.json", TOKENS),
        ],
    );
    let text = std::fs::read_to_string(directory().join(name)).unwrap();
    let config = world.load(&text).unwrap_or_else(|findings| panic!("{name}: {findings:#?}"));
    assert_eq!(config.warnings, [], "{name}");
    let without = load_without_secrets(&text, name, &BTreeMap::new()).unwrap();
    assert_eq!(without.warnings, [], "{name}");
    (text, config)
}

#[test]
fn every_example_is_listed_and_every_provider_has_one() {
    let mut found: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "yml"))
        .collect();
    found.sort();
    assert_eq!(found, EXAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for provider in Provider::ALL {
        assert!(
            EXAMPLES.iter().any(|(_, p)| p.is_some_and(|(p, _)| p == provider)),
            "{} has no example",
            provider.name()
        );
    }
}

#[test]
fn examples_load_without_a_word() {
    for (name, provider) in EXAMPLES {
        let (text, config) = example(name);
        assert!(config.environments.iter().all(|e| e.hazards == HazardPolicy::Refuse), "{name}");
        let storage = config.storages.values().next().unwrap();
        let Some((provider, root)) = provider else { continue };
        let webhook = storage.webhook.as_ref().unwrap();
        assert_eq!(webhook.provider, *provider, "{name}");
        assert_eq!(webhook.secrets[0].expose_secret(), "s3cret", "{name}");
        assert!(
            matches!(&storage.credential, Some(Credential::AccessToken(t)) if t.expose_secret() == "t0ken"),
            "{name}"
        );
        for environment in &config.environments {
            let scm = environment.scm.as_ref().unwrap();
            assert_eq!((scm.provider, scm.api_url.as_deref()), (*provider, Some(*root)), "{name}");
        }
        assert!(text.contains(&format!("https://YARDARM/webhooks/{}", storage.name)), "{name} does not tell the URL");
        // What is commented out has to work as well.
        assert!(text.contains("  # webhook: {host: 0.0.0.0, port: 8081}"), "{name}");
        load_without_secrets(
            &text.replace("# webhook: {", "webhook: {").replace("# ca_cert_path", "ca_cert_path"),
            name,
            &BTreeMap::new(),
        )
        .unwrap_or_else(|findings| panic!("{name}: {findings:#?}"));
    }
}

#[test]
fn the_example_of_authentication_means_what_it_says() {
    let (text, config) = example("authentication.yml");
    assert_eq!(config.authentication.required, Some(true));
    let file = config.authentication.token_file.unwrap();
    assert_eq!((file.path.to_str(), file.tokens.len()), (Some("/etc/yardarm/tokens.json"), 1));
    assert_eq!(config.rates.requests.unwrap().burst, 1000);
    // What is commented out has to work as well.
    let text = text.replace("# tokens:", "tokens:").replace("# exclude:", "exclude:").replace("# trusted", "trusted");
    let text = text.replace("# cors:", "cors:");
    let world = World::with(&[("CI_TOKEN", "t")], &[("/etc/yardarm/tokens.json", TOKENS)]);
    let config = world.load(&text).unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(config.authentication.tokens[0].scopes.to_string(), "read write:staging/*");
    assert!(config.authentication.exclude_ofrep && config.cors.enabled && config.rates.trusted_proxies.len() == 1);
    assert_eq!(config.warnings, []);
}

#[test]
fn the_webhook_of_the_minimal_example_works() {
    let (text, _) = example("minimal.yml");
    let config = World::with(&[("WEBHOOK_SECRET", "s")], &[]).load(&text.replace("# scm:", "scm:")).unwrap();
    assert_eq!(config.storages["default"].webhook.as_ref().unwrap().provider, Provider::Github);
    assert_eq!(config.warnings, []);
}

proptest::proptest! {
    /// Whatever becomes of a file: an answer, findings that can be shown, and no panic.
    #[test]
    fn a_damaged_file_is_a_finding_at_worst(
        example in 0..EXAMPLES.len(),
        at in 0.0..1.0f64,
        cut in 0..40usize,
        with in "\\PC{0,12}|[\\[\\]{}:,&*!|>'\"%@`#\\-\\t\\r\\n ]{1,6}|\\$\\{(env|file|credential|secret|x):[^}]{0,5}\\}?",
    ) {
        let text = std::fs::read_to_string(directory().join(EXAMPLES[example].0)).unwrap();
        let characters: Vec<char> = text.chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small text")]
        let start = (at * characters.len() as f64) as usize;
        let end = (start + cut).min(characters.len());
        let damaged: String = characters[..start].iter().copied().chain(with.chars()).chain(characters[end..].iter().copied()).collect();
        let world = World::with(&[("CREDENTIALS_DIRECTORY", "/c")], &[("/c/git-token", "hunter2"), ("/c/webhook-secret", "hunter2")]);
        let findings = match world.load(&damaged) {
            Ok(config) => config.warnings,
            Err(findings) => {
                assert!(findings.iter().any(|finding| finding.severity == Severity::Error));
                findings
            }
        };
        let excerpts = Excerpts::of(&damaged);
        for finding in findings {
            assert!(!excerpts.show("c.yml", &finding).contains("hunter2"));
        }
    }
}
