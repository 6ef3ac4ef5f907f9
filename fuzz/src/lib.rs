//! What each fuzz target does with its input, and what must hold whatever the input is.
//!
//! The first rule needs no line here: nothing panics, overflows or runs away.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use yardarm::flags::document::{self, Format};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{Environment, Input, assemble};
use yardarm::limits;
use yardarm::provider::headers::Headers;
use yardarm::provider::signature::{self, Scheme};
use yardarm::provider::{Event, Provider, RepositoryName, classify, payload, remote};
use yardarm::yaml::outline::{self, Follows};
use yardarm::yaml::{self, Value};

/// Splits an input at its first line break: what a header says, and the rest.
fn line(input: &[u8]) -> (&[u8], &[u8]) {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..at], input.get(at + 1..).unwrap_or_default())
}

/// The first line is the event's header, the rest the payload.
pub fn webhook(provider: Provider, input: &[u8]) {
    let (event, body) = line(input);
    let names = [
        "x-github-event",
        "x-gitlab-event",
        "x-event-key",
        "x-gitea-event",
        "x-gitea-event-type",
        "x-forgejo-event",
        "x-forgejo-event-type",
    ];
    let headers = Headers::new(names.into_iter().map(|name| (name, event)));
    let notice = classify(provider, &headers, body);
    let shown = |text: &str| assert!(text.len() <= limits::PAYLOAD_TEXT_SHOWN && !text.chars().any(char::is_control));
    shown(&notice.name);
    notice.id.iter().for_each(|id| shown(id));
    let repository: RepositoryName = match notice.event {
        Event::Push(push) => {
            assert!(push.changes.len() <= limits::PAYLOAD_LIST);
            for change in &push.changes {
                assert!(change.name.starts_with("refs/"));
                for id in change.before.iter().chain(&change.after) {
                    assert!(matches!(id.len(), 40 | 64) && !payload::is_zero(id));
                }
            }
            push.repository
        }
        Event::Proposal(event) => {
            shown(&event.action);
            event.repository
        }
        Event::Ping | Event::Other { .. } => return,
    };
    // A place that a payload names by a URL is that place.
    for url in &repository.urls {
        if let Some(place) = remote::parse(url) {
            assert_eq!(place.is_named(provider, &repository), remote::Named::Same);
        }
    }
    // Forms: whatever the bytes are.
    let _ = payload::of_form(body);
}

/// Two lines of header values, then the body. Whatever they are, nobody without the secret gets in; the secret is not
/// in the corpus.
pub fn signature(input: &[u8]) {
    let (first, rest) = line(input);
    let (second, body) = line(rest);
    let names = [
        ("x-hub-signature-256", first),
        ("x-hub-signature", first),
        ("x-gitea-signature", first),
        ("x-forgejo-signature", first),
        ("x-gitlab-token", first),
        ("authorization", first),
        ("webhook-signature", first),
        ("webhook-id", second),
        ("webhook-timestamp", second),
    ];
    let headers = Headers::new(names);
    let now = Timestamp::from_second(1_614_265_330).unwrap_or_default();
    let secret = || SecretString::from("whsec_y3uHfTIyLBxKp2n9H1mVQ0sT6aZ8rWcE4oJdGkN5vXM=");
    for provider in Provider::ALL {
        for secrets in [vec![], vec![SecretString::from("")], vec![secret(), SecretString::from("another")]] {
            if let Ok(claim) = signature::claim(Scheme::of(provider, &secrets), &headers, now) {
                assert!(claim.verify(&secrets, body).is_err());
            }
        }
    }
}

/// A remote URL.
pub fn remote_url(input: &[u8]) {
    let Ok(url) = std::str::from_utf8(input) else { return };
    let Some(place) = remote::parse(url) else { return };
    assert!(!place.host.is_empty() && !place.path.is_empty());
    assert!(!remote::without_userinfo(url).is_empty());
    let name = RepositoryName { full_name: None, urls: vec![url.to_owned()] };
    for provider in Provider::ALL {
        assert_eq!(place.is_named(provider, &name), remote::Named::Same);
    }
}

/// A flag file in either format. The same bytes have the same digest and the same problems.
pub fn flag_document(input: &[u8]) {
    for format in [Format::Yaml, Format::Json] {
        let (one, two) = (document::read(format, input), document::read(format, input));
        assert_eq!((&one.sha1, &one.problems), (&two.sha1, &two.problems));
    }
}

/// A flag file and edits of it: each says what was asked for and nothing else, or is refused. The first line names the
/// flag.
pub fn edit(input: &[u8]) {
    use yardarm::flags::edit::{Edit, apply};
    use yardarm::flags::resource::{self, Document, Kind, Resource};
    use yardarm::yaml;
    let (name, file) = line(input);
    let name = String::from_utf8_lossy(name);
    let declared = |bytes: &[u8]| -> Option<Vec<Document>> {
        let nodes = yaml::parse(yaml::decode(bytes).ok()?, yaml::Limits::default()).ok()?;
        let nodes = nodes.iter().filter(|node| !node.is_null());
        Some(nodes.map(|node| resource::read(node, Format::Yaml)).collect())
    };
    let Some(old) = declared(file) else {
        return;
    };
    let Some(document) = old.last() else { return };
    let namespace = document.namespace.key.clone();
    let last = || old.iter().enumerate().rev().filter(|(_, it)| it.namespace.key == namespace);
    if let Some((at, flag)) = last().find_map(|(at, it)| Some((at, it.flags.last()?))) {
        let mut new = flag.clone();
        new.enabled = !new.enabled;
        new.name = format!("{name}!");
        let place = old[at].flags.len() - 1;
        if let Ok(out) = apply(Some(file), &namespace, &[Edit::Put(Resource::Flag(new.clone()))]) {
            let mut wanted = old.clone();
            wanted[at].flags[place] = new;
            let mut found = declared(&out.bytes).expect("what was written can be read");
            // The version may rise.
            found[at].version.clone_from(&wanted[at].version);
            assert_eq!(found, wanted);
        }
    }
    if let Ok(out) = apply(Some(file), &namespace, &[Edit::Delete { kind: Kind::Flag, key: name.clone().into_owned() }])
    {
        let mut wanted = old.clone();
        for it in wanted.iter_mut().filter(|it| it.namespace.key == namespace) {
            it.flags.retain(|flag| flag.key != name);
        }
        assert_eq!(declared(&out.bytes).expect("what was written can be read"), wanted);
    }
}

/// Two versions of a text, with a line of `=====` between them. What is read by its parts is what the whole is, and a
/// flag file that is read after its former version is what it is alone.
pub fn outline(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (before, after) = text.split_once("=====\n").unwrap_or((text, text));
    for text in [before, after] {
        by_parts(text);
    }
    // Long enough to be kept: a comment that no flag cares for.
    let long = |text: &str| format!("# {}\n{text}", "-".repeat(limits::PARTS_BYTES));
    let (before, after) = (long(before), long(after));
    let former = document::read(Format::Yaml, before.as_bytes());
    let read = document::read_after(Some(&former), Format::Yaml, after.as_bytes());
    let whole = document::read(Format::Yaml, after.as_bytes());
    assert_eq!((&read.sha1, &read.problems), (&whole.sha1, &whole.problems));
    let served = |file: document::SourceFile| {
        let input = Input { path: "a/features.yaml".into(), blob: "b".into(), file: Arc::new(file) };
        let state = assemble(&[input], &Environment::default(), HazardPolicy::Warn);
        let snapshots = state.namespaces.values().map(|namespace| namespace.client_snapshot());
        (state.problems.clone(), snapshots.collect::<Vec<_>>())
    };
    assert_eq!(served(read), served(whole));
}

/// Every part that reads alone, against the same place of the whole.
fn by_parts(text: &str) {
    let Some(found) = outline::of(text) else { return };
    let lines = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() as i64;
    let mut documents = Vec::new();
    for document in &found.documents {
        let mut values = Vec::new();
        for (index, entry) in document.entries.iter().enumerate() {
            let follows = document.follows(index);
            let Some((items, column)) = entry.items() else {
                let Some(mut part) = outline::entry(&text[entry.range.clone()], follows) else { return };
                outline::move_lines(&mut part.node, lines(entry.range.start));
                values.push(vec![part.node]);
                continue;
            };
            let mut nodes = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let follows = if index + 1 < items.len() { Follows::Item } else { follows };
                let Some(mut part) = outline::item(&text[item.start..item.end], column, follows) else { return };
                outline::move_lines(&mut part.node, lines(item.start));
                nodes.push(part.node);
            }
            values.push(nodes);
        }
        documents.push((document, values));
    }
    // All of them read alone: then so does the whole, and it is the same.
    let whole = yaml::parse(text, yaml::Limits::default()).expect("what reads by its parts reads as a whole");
    assert_eq!(whole.len(), documents.len());
    for (node, (document, values)) in whole.iter().zip(documents) {
        let pairs = match &node.value {
            Value::Mapping(pairs) => pairs.as_slice(),
            _ => &[],
        };
        assert_eq!(pairs.len(), values.len());
        assert!(!pairs.is_empty() || node.is_null());
        for ((entry, (key, value)), parts) in document.entries.iter().zip(pairs).zip(values) {
            assert_eq!(key.text(), text.get(entry.key.clone()));
            match (&value.value, entry.items()) {
                (Value::Sequence(items), Some(_)) => assert_eq!(*items, parts),
                (_, None) => assert_eq!(parts, [value.clone()]),
                _ => panic!("a list that is none: {text:?}"),
            }
        }
    }
}

/// A token: good only under a key that nobody has, and never the same token twice in another text. The first line is
/// the token, the rest a key set or a file of keys.
pub fn jwt(input: &[u8]) {
    use yardarm::auth::jwt::{KeySet, Rules, looks_like_one, verify};
    let (token, keys) = line(input);
    let now = Timestamp::from_second(1_760_000_000).unwrap_or_default();
    let Ok(token) = std::str::from_utf8(token) else { return };
    // Keys whose private halves are gone: what was signed by them is in the seeds, and nothing else is ever good.
    let known = KeySet::of_jwks(include_bytes!("../seeds/jwks.json")).expect("a key set");
    if let Ok(claims) = verify(token, &known, &Rules::default(), now) {
        assert!(include_str!("../../fixtures/jwt/tokens.jsonl").contains(token), "a forgery: {token}");
        assert!(looks_like_one(token) && claims.hold(now));
    }
    for found in [KeySet::of_jwks(keys), KeySet::of_pem(keys)].into_iter().flatten() {
        assert!(!found.is_empty() && found.len() <= limits::JWT_KEYS);
        if let Err(why) = verify(token, &found, &Rules::default(), now) {
            assert!(why.to_string().len() < 1_024 && !why.to_string().chars().any(char::is_control));
        }
    }
}

/// A scope: what is read is what is shown, and it allows nothing that its parts do not name.
pub fn scope(input: &[u8]) {
    use yardarm::auth::{Action, Scope};
    let (text, place) = line(input);
    let (Ok(text), Ok(place)) = (std::str::from_utf8(text), std::str::from_utf8(place)) else { return };
    let Ok(scope) = text.parse::<Scope>() else { return };
    assert_eq!(scope.to_string().parse::<Scope>().as_ref(), Ok(&scope));
    let (environment, namespace) = place.split_once('\n').unwrap_or((place, "default"));
    for action in Action::ALL {
        let allowed = scope.allows(action, environment, namespace);
        assert!(!allowed || scope.action.includes(action));
        // Who may do it everywhere may do it here.
        assert!(allowed || !scope.allows(action, "*", "*"));
    }
}

/// A provider's API that answers anything. The first line is two digits, provider and operation; then answers one after
/// the other, between lines of `=====`, each with its status on a line of its own; the last one is given for ever. What is
/// asked for stays below the root, an end is found, and what is told of it can be shown.
pub fn answers(input: &[u8]) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use yardarm::provider::api::{self, Answer, Ask, Edit, Failure, Merge, MergeMethod, New, Place, Request, Status};

    const ROOT: &str = "https://git.example.com/ctx/api";
    struct Anything<'i> {
        answers: Vec<(u16, &'i [u8])>,
        asked: AtomicUsize,
    }
    impl Ask for Anything<'_> {
        fn ask(&self, request: &Request) -> Result<Answer, Failure> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            assert!(asked < 2 * limits::PROPOSALS_LISTED, "asks without an end");
            // GitHub's GraphQL and the builds of Data Center stand beside the root.
            let below = request.url.strip_prefix("https://git.example.com/ctx/");
            assert!(below.is_some_and(|below| !below.contains("/../")), "{}", request.url);
            let (status, body) = self.answers.get(asked).or(self.answers.last()).copied().unwrap_or((200, b"{}"));
            let at = Timestamp::from_second(1_760_000_000).unwrap_or_default();
            let answer = Answer { status, headers: Vec::new(), body: body.to_vec(), at };
            Failure::common(&answer).map_or(Ok(answer), Err)
        }
    }

    let (what, rest) = line(input);
    let digit = |at: usize| usize::from(what.get(at).copied().unwrap_or(b'0').wrapping_sub(b'0'));
    let provider = Provider::ALL[digit(0) % Provider::ALL.len()];
    let (owner, repository) = ("a/b c".to_owned(), "~f%lags".to_owned());
    let api = api::of(Place { provider, root: ROOT.to_owned(), owner, repository });
    let text = String::from_utf8_lossy(rest);
    let parts: Vec<&str> = text.split("\n=====\n").take(32).collect();
    let answers = parts.iter().map(|part| {
        let (status, body) = part.split_once('\n').unwrap_or((part, ""));
        (status.trim().parse().unwrap_or(200), body.as_bytes())
    });
    let ask = Anything { answers: answers.collect(), asked: AtomicUsize::new(0) };
    let new = New { title: "t".into(), body: "b".into(), head: "h/x".into(), base: "main".into(), draft: true };
    let proposals = match digit(1) {
        0 => api::open_or_join(&*api, &ask, &new).map(|opened| vec![opened.proposal]),
        1 => api.find(&ask, "h/x", "main"),
        2 => api.list(&ask, Some(Timestamp::UNIX_EPOCH)),
        3 => {
            let (method, message) = (Some(MergeMethod::Squash), Some("m".to_owned()));
            let merge = Merge { head_commit: "0".repeat(40), method, message, delete_branch: true };
            api.merge(&ask, 7, &merge).map(|_| Vec::new())
        }
        4 => api.set_draft(&ask, 7, digit(2) == 1).map(|()| Vec::new()),
        5 => {
            let status = Status {
                context: "yardarm/flags".into(),
                state: api::CheckState::Success,
                description: "d".into(),
                url: None,
                number: 7,
                branch: Some("h/x".into()),
            };
            api.set_status(&ask, &"0".repeat(40), &status).map(|()| Vec::new())
        }
        6 => api::say(&*api, &ask, 7, "<!-- marker -->", "text <!-- marker -->").map(|()| Vec::new()),
        7 => api.edit(&ask, 7, &Edit { title: Some("t".into()), body: None }).map(|()| Vec::new()),
        8 => api.close(&ask, 7).and_then(|()| api.reopen(&ask, 7)).map(|()| Vec::new()),
        _ => api.read(&ask, 7).map(|proposal| vec![proposal]),
    };
    match proposals {
        Ok(proposals) => {
            for proposal in proposals {
                // It becomes a link on a page.
                assert!(
                    proposal.url.is_empty()
                        || proposal.url.starts_with("https://")
                        || proposal.url.starts_with("http://"),
                    "{}",
                    proposal.url
                );
                assert!(proposal.merge_commit.is_none() || proposal.state == api::State::Merged);
            }
        }
        Err(failure) => {
            let said = failure.to_string();
            assert!(said.chars().count() < 2_000 && !said.chars().any(char::is_control), "{said:?}");
        }
    }
}
