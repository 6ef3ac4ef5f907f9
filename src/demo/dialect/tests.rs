use super::*;

const AT: &str = "2026-11-22T20:36:48Z";
const OLD: &str = "0a434d84acf3c78b15339d02113901c603ea5a53";
const NEW: &str = "20b8debff955245a23fc5f39fa0e0fc70dd91a34";

fn repository() -> Repository {
    Repository { base: "http://127.0.0.1:3000".to_owned(), owner: "acme".to_owned(), name: "flags".to_owned() }
}

fn story(sender: Sender, before: Option<&str>, after: Option<&str>, encoding: Encoding) -> (Vec<Delivery>, String) {
    let repository = repository();
    let person = Person { name: "Ada Push".to_owned(), email: "ada@example.com".to_owned(), login: "ada".to_owned() };
    let commits: Vec<Commit> = after
        .map(|id| Commit {
            id: id.to_owned(),
            message: "Turn it on".to_owned(),
            added: Vec::new(),
            modified: vec!["shop/features.yaml".to_owned()],
            removed: Vec::new(),
        })
        .into_iter()
        .collect();
    let secret = sender.secret(&[7; 32]);
    let at = AT.parse().unwrap();
    let push = Push {
        repository: &repository,
        reference: "refs/heads/main",
        before,
        after,
        forced: false,
        commits: &commits,
        pusher: &person,
        at,
    };
    (sender.deliveries(&Hook { secret: &secret, id: "id-1", encoding, at }, &push), secret)
}

/// What each sender calls the id of a delivery.
fn id_of(delivery: &Delivery) -> Option<&str> {
    ["X-GitHub-Delivery", "Idempotency-Key", "X-Request-UUID", "X-Request-Id", "X-VSS-ActivityId"]
        .iter()
        .find_map(|name| delivery.header(name))
}

#[test]
fn every_push_names_both_commits_and_carries_id_and_proof() {
    for sender in Sender::ALL {
        let (deliveries, _) = story(sender, Some(OLD), Some(NEW), Encoding::Json);
        assert_eq!(deliveries.len(), 1, "{sender:?}");
        let body = String::from_utf8(deliveries[0].body.clone()).unwrap();
        serde_json::from_str::<Value>(&body).unwrap();
        assert!(body.contains(OLD) && body.contains(NEW), "{sender:?}: {body}");
        assert_eq!(id_of(&deliveries[0]), Some("id-1"), "{sender:?}");
        assert!(deliveries[0].headers.iter().any(|(name, _)| is_proof(name)), "{sender:?}");
    }
}

#[test]
fn a_new_branch_and_a_lost_one_as_each_provider_says_it() {
    let events = |sender, before, after| -> Vec<String> {
        let (deliveries, _) = story(sender, before, after, Encoding::Json);
        deliveries.iter().map(|d| d.header("X-GitHub-Event").unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(events(Sender::Github, None, Some(NEW)), ["create", "push"]);
    assert_eq!(events(Sender::Github, Some(OLD), None), ["push", "delete"]);
    assert_eq!(events(Sender::Forgejo, None, Some(NEW)), ["create", "push"]);
    assert_eq!(events(Sender::Forgejo, Some(OLD), None), ["delete"]);
    let (deliveries, _) = story(Sender::BitbucketCloud, Some(OLD), None, Encoding::Json);
    let payload: Value = serde_json::from_slice(&deliveries[0].body).unwrap();
    assert_eq!(payload["push"]["changes"][0]["new"], Value::Null);
    assert_eq!(payload["push"]["changes"][0]["closed"], true);
    let (deliveries, _) = story(Sender::Azure, None, Some(NEW), Encoding::Json);
    let payload: Value = serde_json::from_slice(&deliveries[0].body).unwrap();
    assert_eq!(payload["resource"]["refUpdates"][0]["oldObjectId"], "0".repeat(40));
}

/// GitHub signs what is on the wire, Gitea and Forgejo the JSON inside it.
#[test]
fn a_form_is_signed_as_each_provider_does() {
    let (deliveries, secret) = story(Sender::Github, Some(OLD), Some(NEW), Encoding::Form);
    let wire = format!("sha256={}", sign::sha256(secret.as_bytes(), &deliveries[0].body));
    assert_eq!(deliveries[0].header("X-Hub-Signature-256"), Some(wire.as_str()));
    for sender in [Sender::Gitea, Sender::Forgejo] {
        let (deliveries, secret) = story(sender, Some(OLD), Some(NEW), Encoding::Form);
        let (name, json) = url::form_urlencoded::parse(&deliveries[0].body).next().unwrap();
        assert_eq!(name, "payload");
        let inside = sign::sha256(secret.as_bytes(), json.as_bytes());
        assert_eq!(deliveries[0].header("X-Gitea-Signature"), Some(inside.as_str()), "{sender:?}");
    }
}

#[test]
fn sha256_repositories_have_sixty_four_zeros() {
    let (deliveries, _) = story(Sender::Gitea, None, Some(&"ab".repeat(32)), Encoding::Json);
    let payload: Value = serde_json::from_slice(&deliveries[1].body).unwrap();
    assert_eq!(payload["before"], "0".repeat(64));
}

#[test]
fn a_forged_delivery_differs_in_nothing_but_its_proof() {
    for sender in Sender::ALL {
        let (deliveries, _) = story(sender, Some(OLD), Some(NEW), Encoding::Json);
        let forged = deliveries[0].clone().forged();
        assert_eq!(forged.body, deliveries[0].body);
        for ((name, honest), (_, fake)) in deliveries[0].headers.iter().zip(&forged.headers) {
            assert_eq!(honest != fake, is_proof(name), "{sender:?} {name}");
        }
    }
}

/// The two halves were written apart; here they meet.
#[test]
fn the_receiving_side_believes_and_understands_every_sender() {
    use crate::provider::signature::{Refusal, Scheme, Signed, claim};
    use crate::provider::{Event, classify, headers::Headers, payload, remote};

    for (sender, encoding) in
        Sender::ALL.into_iter().flat_map(|sender| [(sender, Encoding::Json), (sender, Encoding::Form)])
    {
        for (before, after) in [(Some(OLD), Some(NEW)), (None, Some(NEW)), (Some(OLD), None)] {
            let (deliveries, secret) = story(sender, before, after, encoding);
            let secrets = [secrecy::SecretString::from("an older secret"), secrecy::SecretString::from(secret)];
            let scheme = Scheme::of(sender.provider(), &secrets);
            let mut moves = 0;
            for delivery in deliveries {
                let what = format!("{sender:?} {encoding:?} {before:?} {after:?}");
                let is_form = delivery.header("Content-Type") == Some("application/x-www-form-urlencoded");
                let json = if is_form {
                    payload::of_form(&delivery.body).unwrap().into_owned()
                } else {
                    delivery.body.clone()
                };
                let signed = if is_form && scheme.form() == Signed::Payload { &json } else { &delivery.body };
                let check = |delivery: &Delivery| {
                    let headers = delivery.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
                    claim(scheme, &Headers::new(headers), AT.parse().unwrap()).and_then(|c| c.verify(&secrets, signed))
                };
                assert_eq!(check(&delivery), Ok(sender.scheme()), "{what}");
                assert_eq!(check(&delivery.clone().forged()), Err(Refusal::Mismatch), "{what}");
                let headers = Headers::new(delivery.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
                let notice = classify(sender.provider(), &headers, &json);
                assert!(notice.id.is_some(), "{what}");
                let Event::Push(push) = notice.event else { continue };
                let place = remote::parse(&sender.clone_url(&repository())).unwrap();
                assert_eq!(
                    place.is_named(sender.provider(), &push.repository),
                    remote::Named::Same,
                    "{what}: {push:?}"
                );
                assert_eq!(push.changes[0].name, "refs/heads/main", "{what}");
                assert_eq!(push.changes[0].deleted, after.is_none(), "{what}");
                moves += 1;
            }
            assert!(moves > 0, "{sender:?} {before:?} {after:?}: nothing moved");
        }
    }
}
