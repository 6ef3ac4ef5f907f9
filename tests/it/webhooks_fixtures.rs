//! Every recorded and made delivery: its signature verifies, a changed one does not, and it is read as what happened.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use yardarm::ingest::verdict::{self, Head, Verdict};
use yardarm::ingest::{Endpoint, Outcome};
use yardarm::provider::headers::Headers;
use yardarm::provider::{Event, Provider, RefChange, RepositoryName, classify, payload, remote};

/// One line of a file of fixtures; `fixtures/webhooks/README.md` says what is what.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    secret: String,
    #[serde(default)]
    pub(crate) at: i64,
    expect: Expect,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

#[expect(clippy::struct_excessive_bools, reason = "the marks of a fixture, each by itself")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    push: Option<Vec<Moved>>,
    proposal: Option<Proposal>,
    other: Option<String>,
    ping: bool,
    unsigned_ping: bool,
    refused: bool,
    no_id: bool,
    unnamed: bool,
    elsewhere: bool,
    server: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Moved {
    #[serde(rename = "ref")]
    name: String,
    before: Option<String>,
    after: Option<String>,
    deleted: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Proposal {
    action: String,
    number: u64,
    source: Option<String>,
    target: Option<String>,
}

/// The fixtures of a provider, of all its files.
pub(crate) fn fixtures(provider: Provider) -> Vec<Fixture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks").join(provider.name());
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let lines = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Fixture>>()
    });
    lines.collect()
}

impl Fixture {
    pub(crate) fn headers(&self) -> Headers<'_> {
        Headers::new(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head { method: "POST".into(), headers: self.headers() }
    }

    pub(crate) fn is_form(&self) -> bool {
        self.headers().get("content-type").value() == Some("application/x-www-form-urlencoded")
    }

    pub(crate) fn is_proposal(&self) -> bool {
        self.expect.proposal.is_some()
    }

    pub(crate) fn is_authentic(&self) -> bool {
        !self.expect.refused && !self.expect.unsigned_ping
    }

    /// An endpoint that takes this delivery: its secret, and the repository of its neighbours.
    pub(crate) fn endpoint(&self, provider: Provider) -> Endpoint {
        let remote = match provider {
            Provider::Github => "https://github.com/acme/flags.git",
            Provider::Gitlab => "git@gitlab.example.com:acme/platform/flags.git",
            Provider::BitbucketCloud => "git@bitbucket.org:acme/flags.git",
            Provider::BitbucketDataCenter => "https://git.example.com/bitbucket/scm/prj/flags.git",
            Provider::Azure if self.expect.server => "https://tfs.example.com/tfs/Collection/My%20Platform/_git/Flags",
            Provider::Azure => "git@ssh.dev.azure.com:v3/acme/My%20Platform/Flags",
            Provider::Gitea | Provider::Forgejo => "http://127.0.0.1:13000/forge/flags.git",
        };
        Endpoint {
            storage: "flags".into(),
            provider,
            secrets: vec![SecretString::from("another-secret"), SecretString::from(self.secret.clone())],
            repository: remote::parse(remote),
            branches: vec!["main".into(), "flipt/production/*".into()],
            environments: Vec::new(),
        }
    }

    /// The whole decision, as for the bytes of `body`.
    pub(crate) fn decide(&self, endpoint: &Endpoint, body: &[u8]) -> Verdict {
        let now = Timestamp::from_second(self.at).unwrap();
        match verdict::admit(endpoint, &self.head(), usize::MAX, now) {
            Ok(admitted) => verdict::judge(endpoint, &self.head(), &admitted, body, &yardarm::ingest::NoProposals),
            Err(verdict) => verdict,
        }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        if self.is_form() {
            payload::of_form(self.body.as_bytes()).unwrap().into_owned()
        } else {
            self.body.clone().into_bytes()
        }
    }
}

#[test]
fn every_provider_has_fixtures() {
    let counts: BTreeMap<_, _> =
        Provider::ALL.map(|provider| (provider.name(), fixtures(provider).len())).into_iter().collect();
    assert_eq!((counts["forgejo"], counts["gitea"]), (207, 133), "all recordings are here");
    assert!(counts.values().all(|count| *count >= 12), "{counts:?}");
}

#[test]
fn signatures_verify_and_changed_ones_do_not() {
    for provider in Provider::ALL {
        for fixture in fixtures(provider) {
            let name = format!("{}/{}", provider.name(), fixture.name);
            let endpoint = fixture.endpoint(provider);
            let verdict = fixture.decide(&endpoint, fixture.body.as_bytes());
            if fixture.expect.refused {
                assert_eq!((verdict.status, verdict.outcome), (401, Outcome::Unauthorized), "{name}");
                continue;
            }
            if fixture.expect.unsigned_ping {
                assert_eq!((verdict.status, verdict.verified), (200, None), "{name}");
                continue;
            }
            assert!(verdict.verified.is_some(), "{name}: {}", verdict.detail);
            assert_eq!(verdict.delivery_id.is_none(), fixture.expect.no_id, "{name}");

            let mut stranger = endpoint.clone();
            stranger.secrets.pop();
            assert_eq!(fixture.decide(&stranger, fixture.body.as_bytes()).status, 401, "{name}: another secret");
            if endpoint.scheme().is_decided_by_head() {
                continue;
            }
            let mut flipped = fixture.body.clone().into_bytes();
            let middle = flipped.len() / 2;
            flipped[middle] ^= 1;
            assert_eq!(fixture.decide(&endpoint, &flipped).status, 401, "{name}: a flipped bit");
            let cut = &fixture.body.as_bytes()[..fixture.body.len() - 1];
            assert_eq!(fixture.decide(&endpoint, cut).status, 401, "{name}: cut");
        }
    }
}

#[test]
fn every_delivery_is_read_as_what_happened() {
    for provider in Provider::ALL {
        for fixture in fixtures(provider) {
            let name = format!("{}/{}", provider.name(), fixture.name);
            let Expect { push, proposal, other, ping, unsigned_ping, refused, .. } = fixture.expect.clone();
            let event = classify(provider, &fixture.headers(), &fixture.payload()).event;
            match event {
                Event::Push(read) => {
                    let read: Vec<Moved> = read.changes.into_iter().map(moved).collect();
                    // A hook without a secret delivers what it would with one.
                    assert!(push == Some(read.clone()) || refused, "{name}: {read:?} is not {push:?}");
                }
                Event::Proposal(read) => {
                    let expected = proposal.unwrap_or_else(|| panic!("{name} is a proposal's event"));
                    assert_eq!((read.action, read.number), (expected.action, Some(expected.number)), "{name}");
                    let branches = (expected.source, expected.target);
                    assert!(branches == (None, None) || branches == (read.source, read.target), "{name}");
                }
                Event::Other { name: read } => assert_eq!(Some(read), other, "{name}"),
                Event::Ping => assert!(ping || unsigned_ping, "{name}"),
            }
        }
    }
}

fn moved(change: RefChange) -> Moved {
    Moved { name: change.name, before: change.before, after: change.after, deleted: change.deleted }
}

/// What the README of the recordings says that the servers send for what was done, as kinds of events.
#[test]
fn live_servers_send_what_their_table_says() {
    for provider in [Provider::Forgejo, Provider::Gitea] {
        for fixture in fixtures(provider) {
            let name = format!("{}/{}", provider.name(), fixture.name);
            let notice = classify(provider, &fixture.headers(), &fixture.payload());
            let (after_number, kind) = (fixture.name.get(4..).unwrap(), kind_in(&fixture.name));
            match (kind, &notice.event) {
                ("push" | "create" | "delete", Event::Push(push)) => {
                    let change = push.changes.first().unwrap_or_else(|| panic!("{name} names its ref"));
                    assert!(change.name.starts_with("refs/heads/") || change.name.starts_with("refs/tags/"), "{name}");
                    assert_eq!(change.deleted, kind == "delete" || is_tag_deletion(&fixture), "{name}");
                    if kind == "delete" || kind == "create" {
                        assert_eq!(change.before, None, "{name}: no old id anywhere");
                    }
                    if after_number.starts_with("tag-") && change.name.starts_with("refs/tags/") && !change.deleted {
                        assert_eq!(change.before, None, "{name}: a tag's `before` is zeros, moved or new");
                    }
                }
                ("pull_request", Event::Proposal(event)) => assert!(!event.action.is_empty(), "{name}"),
                ("status" | "release" | "fork" | "issues" | "issue_comment" | "wiki", Event::Other { name: read }) => {
                    assert_eq!(read, kind, "{name}: by its exact name, also where the event is empty");
                }
                (kind, event) => panic!("{name}: {kind} is read as {event:?}"),
            }
            let full = match &notice.event {
                Event::Push(push) => push.repository.full_name.clone(),
                Event::Proposal(event) => event.repository.full_name.clone(),
                _ => continue,
            };
            let full = full.unwrap_or_else(|| panic!("{name} names its repository"));
            let verdict = fixture.decide(&fixture.endpoint(provider), fixture.body.as_bytes());
            let is_other = verdict.outcome == Outcome::OtherRepository;
            assert_eq!(is_other, fixture.is_authentic() && full != "forge/flags", "{name}: {}", verdict.detail);
        }
    }
}

/// The event in a recording's name: `001-push-one-commit-forgejo-json-push`, `…-json-pull_request_sync-synchronized`.
fn kind_in(name: &str) -> &'static str {
    const HOOKS: [&str; 8] = [
        "-json-",
        "-form-",
        "-filter-main-",
        "-filter-glob-",
        "-auth-header-",
        "-no-secret-",
        "-no-events-given-",
        "-",
    ];
    let after = HOOKS.iter().find_map(|hook| name.rsplit_once(hook)).map_or("", |(_, after)| after);
    let kinds =
        ["push", "create", "delete", "pull_request", "status", "release", "fork", "issues", "issue_comment", "wiki"];
    let kind = kinds.iter().find(|kind| {
        after == **kind
            || after.starts_with(&format!("{kind}-"))
            || (**kind == "pull_request" && after.starts_with(*kind))
    });
    kind.unwrap_or_else(|| panic!("{name} has a kind"))
}

/// A deleted tag is a push as well, whose `after` is zeros.
fn is_tag_deletion(fixture: &Fixture) -> bool {
    let payload: serde_json::Value = serde_json::from_slice(&fixture.payload()).unwrap();
    payload["after"].as_str().is_some_and(|after| after.bytes().all(|byte| byte == b'0'))
}

#[test]
fn every_payload_names_its_repository() {
    for provider in Provider::ALL {
        for fixture in fixtures(provider) {
            let name = format!("{}/{}", provider.name(), fixture.name);
            let repository: RepositoryName = match classify(provider, &fixture.headers(), &fixture.payload()).event {
                Event::Push(push) => push.repository,
                Event::Proposal(event) => event.repository,
                _ => continue,
            };
            assert_eq!(repository == RepositoryName::default(), fixture.expect.unnamed, "{name}");
            // The recordings have repositories of other names; their test knows them.
            let made = !matches!(provider, Provider::Gitea | Provider::Forgejo);
            if made && !fixture.expect.unnamed {
                let here = fixture.endpoint(provider).repository.unwrap();
                let same = here.is_named(provider, &repository) == remote::Named::Same;
                assert_eq!(same, !fixture.expect.elsewhere, "{name}: {repository:?}, {here}");
            }
        }
    }
}
