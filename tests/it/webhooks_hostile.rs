//! Payloads that were never sent: every member of every fixture missing, null, of a wrong type, huge, deeply nested.
//! Authentic as they are, none of them may panic or be answered with an error; a push stays a push.

use secrecy::SecretString;
use serde_json::{Value, json};
use yardarm::ingest::Outcome;
use yardarm::ingest::verdict::{self, Head};
use yardarm::limits;
use yardarm::provider::headers::Headers;
use yardarm::provider::signature::Scheme;
use yardarm::provider::{Event, Notice, Provider, classify};

use super::webhooks_fixtures::{Fixture, fixtures};

/// One step into a JSON value.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Item(usize),
}

/// Every path of a value; of a list only the first item, since the others are of the same shape.
fn paths(value: &Value, at: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
    out.push(at.clone());
    let steps: Vec<(Step, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (Step::Member(name.clone()), value)).collect(),
        Value::Array(items) => items.iter().take(1).enumerate().map(|(at, value)| (Step::Item(at), value)).collect(),
        _ => return,
    };
    for (step, value) in steps {
        at.push(step);
        paths(value, at, out);
        at.pop();
    }
}

fn find<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Member(name) => &mut value[name.as_str()],
        Step::Item(at) => &mut value[at],
    })
}

fn remove(value: &mut Value, path: &[Step]) {
    let Some((last, parent)) = path.split_last() else { return };
    match (find(value, parent), last) {
        (Value::Object(members), Step::Member(name)) => drop(members.remove(name)),
        (Value::Array(items), Step::Item(at)) => drop(items.remove(*at)),
        _ => unreachable!("the path was found in the value"),
    }
}

/// What a member is replaced by, as JSON text. The first few are for where it hardly matters.
fn replacements() -> Vec<String> {
    let deep = "[{\"ref\":".repeat(100) + "1" + &"}]".repeat(100);
    let odd =
        [json!([[], null, 0, "main"]), json!(true), json!(-1), json!(1.5e300), json!(u64::MAX), json!(""), json!([])];
    let texts = [
        json!("\u{0}\u{1b}[31m\u{202e}"),
        json!("refs/heads/../../../etc/passwd"),
        json!({}),
        json!("x".repeat(limits::PAYLOAD_TEXT + 1)),
    ];
    let all = odd.iter().chain(&texts).map(Value::to_string);
    ["null".to_owned(), deep].into_iter().chain(all).collect()
}

/// The smallest of each kind that a provider sends.
fn samples(provider: Provider) -> Vec<Fixture> {
    let mut all: Vec<Fixture> = fixtures(provider).into_iter().filter(Fixture::is_authentic).collect();
    all.sort_by_key(|fixture| fixture.body.len());
    let mut kinds = std::collections::BTreeSet::new();
    all.retain(|fixture| {
        let notice = classify(provider, &fixture.headers(), &fixture.payload());
        let kind = match notice.event {
            Event::Push(_) => format!("push as {}", notice.name),
            Event::Proposal(_) if notice.name.contains("comment") => "comment".to_owned(),
            Event::Proposal(_) => "proposal".to_owned(),
            Event::Other { .. } => "other".to_owned(),
            Event::Ping => "ping".to_owned(),
        };
        kinds.insert(kind)
    });
    all
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
        }
    }
}

fn every_change_of(provider: Provider) {
    let replacements = replacements();
    for fixture in samples(provider) {
        let original = classify(provider, &fixture.headers(), &fixture.payload());
        let value: Value = serde_json::from_slice(&fixture.payload()).unwrap();
        let mut all = Vec::new();
        paths(&value, &mut Vec::new(), &mut all);
        for path in all {
            let what = format!("{}/{} {path:?}", provider.name(), fixture.name);
            let mut changed = value.clone();
            // Serialised once: the replacements are set into the text.
            *find(&mut changed, &path) = json!(MARK);
            let text = changed.to_string();
            let (before, after) = text.split_once(&format!("{MARK:?}")).unwrap();
            let count = if path.len() > 2 { 3 } else { replacements.len() };
            for replacement in replacements.iter().take(count) {
                let text = [before, replacement, after].concat();
                check(provider, &fixture, &original, text.as_bytes(), &what);
            }
            remove(&mut changed, &path);
            check(provider, &fixture, &original, changed.to_string().as_bytes(), &what);
        }
    }
}

/// Stands where a replacement goes.
const MARK: &str = "here goes the replacement";

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
                let verdict = verdict::judge(&endpoint, &head, &admitted, body);
                let what = format!("{} {event:?} {} bytes: {verdict:?}", provider.name(), body.len());
                assert!(matches!(verdict.status, 200 | 202), "{what}");
                assert!(matches!(verdict.outcome, Outcome::Accepted | Outcome::Ignored), "{what}");
                assert!(verdict.detail.len() < 2_000, "{what}");
            }
        }
    }
}
