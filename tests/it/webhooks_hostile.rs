//! Payloads that were never sent: every member of every fixture missing, null, of a wrong type, huge, deeply nested.
//! Authentic as they are, none of them may panic or be answered with an error; and no push of the branch that is
//! served may be lost: whatever one member of it has become, it is fetched, unless that member now says something else.

use secrecy::SecretString;
use serde_json::{Value, json};
use yardarm::ingest::verdict::{self, Head, Verdict};
use yardarm::ingest::{Endpoint, Outcome};
use yardarm::limits;
use yardarm::provider::headers::Headers;
use yardarm::provider::signature::Scheme;
use yardarm::provider::{Event, Notice, Provider, classify, remote};

use super::webhooks_fixtures::{Fixture, fixtures};

/// One step into a JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Member(String),
    Item(usize),
}

/// Every path of a value, with so many items of each list.
pub(crate) fn paths(value: &Value, at: &mut Vec<Step>, out: &mut Vec<Vec<Step>>, most: usize) {
    out.push(at.clone());
    let steps: Vec<(Step, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (Step::Member(name.clone()), value)).collect(),
        Value::Array(items) => items.iter().take(most).enumerate().map(|(at, value)| (Step::Item(at), value)).collect(),
        _ => return,
    };
    for (step, value) in steps {
        at.push(step);
        paths(value, at, out, most);
        at.pop();
    }
}

pub(crate) fn find<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Member(name) => &mut value[name.as_str()],
        Step::Item(at) => &mut value[at],
    })
}

pub(crate) fn remove(value: &mut Value, path: &[Step]) {
    let Some((last, parent)) = path.split_last() else { return };
    match (find(value, parent), last) {
        (Value::Object(members), Step::Member(name)) => drop(members.remove(name)),
        (Value::Array(items), Step::Item(at)) => drop(items.remove(*at)),
        _ => unreachable!("the path was found in the value"),
    }
}

/// What a member is replaced by, as JSON text: what says nothing, and what says something else.
fn replacements() -> (Vec<String>, Vec<String>) {
    let deep = "[{\"ref\":".repeat(100) + "1" + &"}]".repeat(100);
    let deeper = "[".repeat(10_000) + &"]".repeat(10_000);
    let huge = json!("x".repeat(limits::PAYLOAD_TEXT + 1));
    let silent = [json!(null), json!([[], null, 0, "main"]), huge, json!(-1), json!(1.5e300), json!(""), json!({})];
    let telling = [
        json!(true),
        json!([]),
        json!(u64::MAX),
        json!("\u{0}\u{1b}[31m\u{202e}"),
        json!("refs/heads/../../../etc/passwd"),
        json!("https://user:password@evil.example/x.git"),
    ];
    let text = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>();
    (text(&silent).into_iter().chain([deep, deeper]).collect(), text(&telling))
}

/// One of each kind that a provider sends, the smallest: of each event, with each set of members.
fn samples(provider: Provider) -> Vec<Fixture> {
    let mut all: Vec<Fixture> = fixtures(provider).into_iter().filter(Fixture::is_authentic).collect();
    all.sort_by_key(|fixture| fixture.body.len());
    let mut kinds = std::collections::BTreeSet::new();
    all.retain(|fixture| {
        let notice = classify(provider, &fixture.headers(), &fixture.payload());
        let value: Value = serde_json::from_slice(&fixture.payload()).unwrap();
        // The recordings are many, and differ in what nobody looks at.
        let recorded = matches!(provider, Provider::Gitea | Provider::Forgejo);
        let kind = match (&notice.event, recorded) {
            (Event::Proposal(_), true) => "proposal".to_owned(),
            (Event::Other { .. } | Event::Ping, true) => "other".to_owned(),
            (Event::Push(push), true) => {
                format!("{} {}", notice.name, push.changes.iter().any(|change| change.name == "refs/heads/main"))
            }
            (_, false) => format!("{} {}", notice.name, shape(&value)),
        };
        kinds.insert(kind)
    });
    all
}

/// The members of a value, without what they are.
fn shape(value: &Value) -> String {
    let mut all = Vec::new();
    paths(value, &mut Vec::new(), &mut all, 1);
    format!("{all:?}")
}

/// The decision on a payload that is authentic as it is.
fn decide(provider: Provider, fixture: &Fixture, endpoint: &Endpoint, text: &[u8]) -> Verdict {
    let own = fixture.headers();
    // Signed anew, under the fixture's own event and id.
    let mut fields = signed(provider, "", text);
    fields.retain(|(_, value)| !value.is_empty());
    let kept = own.fields().filter(|(name, _)| !fields.iter().any(|(new, _)| new.eq_ignore_ascii_case(name)));
    let kept = kept.filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    let new = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    let headers = Headers::new(new.chain(kept).collect::<Vec<_>>());
    let head = Head { method: "POST".into(), headers };
    let admitted = verdict::admit(endpoint, &head, limits::WEBHOOK_BODY_BYTES, jiff::Timestamp::UNIX_EPOCH);
    verdict::judge(endpoint, &head, &admitted.unwrap(), text, &yardarm::ingest::NoProposals)
}

fn check(provider: Provider, fixture: &Fixture, original: &Notice, text: &[u8], what: &str) {
    let notice = classify(provider, &fixture.headers(), text);
    assert!(notice.name.len() <= limits::PAYLOAD_TEXT_SHOWN, "{what}");
    // Where a header tells the event, no body can make a push something else.
    if matches!(original.event, Event::Push(_)) && !matches!(provider, Provider::Azure | Provider::Gitlab) {
        assert!(matches!(notice.event, Event::Push(_)), "{what}: {notice:?}");
    }
    if let Event::Push(push) = &notice.event {
        for change in &push.changes {
            assert!(change.name.starts_with("refs/") && change.name.len() <= limits::PAYLOAD_TEXT_SHOWN + 16, "{what}");
            assert!(!change.name.chars().any(char::is_control), "{what}");
            for id in change.before.iter().chain(&change.after) {
                assert!(matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{what}");
            }
        }
        assert!(push.repository.urls.iter().all(|url| !url.contains("password")), "{what}");
    }
}

fn every_change_of(provider: Provider) {
    let (silent, telling) = replacements();
    let mut pushes = 0;
    for fixture in samples(provider) {
        let original = classify(provider, &fixture.headers(), &fixture.payload());
        let mut endpoint = fixture.endpoint(provider);
        endpoint.secrets = vec![SecretString::from("key")];
        if let (Provider::Gitea | Provider::Forgejo, Event::Push(push)) = (provider, &original.event) {
            // The recordings are of several repositories.
            endpoint.repository = push.repository.urls.first().and_then(|url| remote::parse(url));
        }
        let decide = |text: &[u8]| decide(provider, &fixture, &endpoint, text);
        let is_push_of_ours = decide(&fixture.payload()).outcome == Outcome::Accepted;
        pushes += usize::from(is_push_of_ours);
        let value: Value = serde_json::from_slice(&fixture.payload()).unwrap();
        let mut all = Vec::new();
        paths(&value, &mut Vec::new(), &mut all, 2);
        for path in all {
            let what = |with: &str| {
                let with = with.get(..60).unwrap_or(with);
                format!("{}/{} {path:?} is {with}", provider.name(), fixture.name)
            };
            let mut changed = value.clone();
            // Serialised once: the replacements are set into the text.
            *find(&mut changed, &path) = json!(MARK);
            let text = changed.to_string();
            let (before, after) = text.split_once(&format!("{MARK:?}")).unwrap();
            remove(&mut changed, &path);
            let missing = changed.to_string();
            let with = |replacement: &String| ([before, replacement, after].concat(), what(replacement));
            // Far down, where hardly anything is looked at, a few of them.
            let count = if path.len() > 2 { 3 } else { usize::MAX };
            let silent = silent.iter().take(count).map(with).chain([(missing, what("missing"))]);
            for (text, what) in silent {
                check(provider, &fixture, &original, text.as_bytes(), &what);
                if !is_push_of_ours {
                    continue;
                }
                let verdict = decide(text.as_bytes());
                assert!(verdict.verified.is_some() && matches!(verdict.status, 200 | 202), "{what}: {verdict:?}");
                // A list without one of its items says something else.
                let is_item = matches!(path.last(), Some(Step::Item(_)));
                if !is_item && !tells_the_event(provider, &fixture, &path) {
                    assert_eq!(verdict.outcome, Outcome::Accepted, "{what}: a push is lost: {}", verdict.detail);
                }
            }
            for (text, what) in telling.iter().take(count).map(with) {
                check(provider, &fixture, &original, text.as_bytes(), &what);
            }
        }
    }
    assert!(pushes > 0, "no push of the served branch among the samples");
}

/// Where only the body says what happened, a body that does not say it is no push that could be lost.
fn tells_the_event(provider: Provider, fixture: &Fixture, path: &[Step]) -> bool {
    let name = match path {
        [] => "",
        [Step::Member(name)] => name.as_str(),
        _ => return false,
    };
    match provider {
        Provider::Azure => matches!(name, "" | "eventType"),
        Provider::Gitlab => {
            let header = fixture.headers().get("x-gitlab-event").value() == Some("System Hook");
            header && matches!(name, "" | "object_kind" | "event_name")
        }
        // A list that is cut and does not say so.
        Provider::BitbucketDataCenter => name == "refLimitExceeded",
        _ => false,
    }
}

/// Stands where a replacement goes.
pub(crate) const MARK: &str = "here goes the replacement";

#[test]
fn every_member_of_github() {
    every_change_of(Provider::Github);
}

#[test]
fn every_member_of_gitlab() {
    every_change_of(Provider::Gitlab);
}

#[test]
fn every_member_of_bitbucket_cloud() {
    every_change_of(Provider::BitbucketCloud);
}

#[test]
fn every_member_of_bitbucket_data_center() {
    every_change_of(Provider::BitbucketDataCenter);
}

#[test]
fn every_member_of_azure() {
    every_change_of(Provider::Azure);
}

#[test]
fn every_member_of_gitea() {
    every_change_of(Provider::Gitea);
}

#[test]
fn every_member_of_forgejo() {
    every_change_of(Provider::Forgejo);
}

/// Signs what a provider would send.
fn signed(provider: Provider, event: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"key").unwrap();
    mac.update(body);
    let digest = hex::encode(mac.finalize().into_bytes());
    let mut headers = vec![("content-type", "application/json".to_owned())];
    headers.extend(match provider {
        Provider::Github => {
            vec![("x-github-event", event.to_owned()), ("x-hub-signature-256", format!("sha256={digest}"))]
        }
        Provider::BitbucketCloud | Provider::BitbucketDataCenter => {
            vec![("x-event-key", event.to_owned()), ("x-hub-signature", format!("sha256={digest}"))]
        }
        Provider::Gitea => vec![("x-gitea-event", event.to_owned()), ("x-gitea-signature", digest)],
        Provider::Forgejo => vec![("x-forgejo-event", event.to_owned()), ("x-forgejo-signature", digest)],
        Provider::Gitlab => vec![("x-gitlab-event", event.to_owned()), ("x-gitlab-token", "key".to_owned())],
        Provider::Azure => vec![("authorization", "Basic OmtleQ==".to_owned())],
    });
    headers
}

#[test]
fn an_authentic_body_of_any_kind_is_never_an_error() {
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        "[".repeat(20_000).into_bytes(),
        r#"{"repository":"#.repeat(10_000).into_bytes(),
        format!("{{\"ref\":\"{}\"}}", "x".repeat(200_000)).into_bytes(),
        format!("{{\"changes\":[{}0]}}", "{},".repeat(10_000)).into_bytes(),
        br#"{"ref":"refs/heads/main","ref":7,"ref":"refs/heads/main"}"#.to_vec(),
    ];
    for provider in Provider::ALL {
        let endpoint = yardarm::ingest::Endpoint {
            storage: "flags".into(),
            provider,
            secrets: vec![SecretString::from("key")],
            repository: None,
            branches: vec!["main".into()],
            environments: Vec::new(),
        };
        assert!(matches!(endpoint.scheme(), Scheme::HmacSha256 { .. } | Scheme::Token { .. } | Scheme::Basic));
        let push = match provider {
            Provider::Gitlab => "Push Hook",
            Provider::BitbucketCloud => "repo:push",
            Provider::BitbucketDataCenter => "repo:refs_changed",
            _ => "push",
        };
        for body in &bodies {
            for event in [push, "pull_request", "unheard_of", ""] {
                let fields = signed(provider, event, body);
                let headers = Headers::new(fields.iter().map(|(name, value)| (*name, value.as_bytes())));
                let head = Head { method: "POST".into(), headers };
                let now = jiff::Timestamp::UNIX_EPOCH;
                let admitted = verdict::admit(&endpoint, &head, limits::WEBHOOK_BODY_BYTES, now).unwrap();
                let verdict = verdict::judge(&endpoint, &head, &admitted, body, &yardarm::ingest::NoProposals);
                let what = format!("{} {event:?} {} bytes: {verdict:?}", provider.name(), body.len());
                assert!(matches!(verdict.status, 200 | 202), "{what}");
                assert!(matches!(verdict.outcome, Outcome::Accepted | Outcome::Ignored), "{what}");
                assert!(verdict.detail.len() < 2_000, "{what}");
            }
        }
    }
}
