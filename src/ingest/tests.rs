use std::sync::atomic::AtomicI64;

use secrecy::SecretString;

use super::*;
use crate::provider::headers::Headers;
use crate::provider::{Provider, remote};

/// A clock that says what it is told.
#[derive(Default)]
struct Told(AtomicI64);

impl Clock for Told {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Keeps what it is hinted.
#[derive(Default)]
struct Kept(Mutex<Vec<Hint>>);

impl Hints for Kept {
    fn set(&self, hint: Hint) {
        self.0.lock().unwrap().push(hint);
    }
}

struct World {
    ingest: Arc<Ingest>,
    log: Arc<deliveries::Log>,
    hints: Arc<Kept>,
    clock: Arc<Told>,
}

fn endpoint(storage: &str, provider: Provider, secrets: &[&str]) -> Endpoint {
    Endpoint {
        storage: storage.into(),
        provider,
        secrets: secrets.iter().map(|secret| SecretString::from(*secret)).collect(),
        repository: remote::parse("https://git.example.com/acme/flags.git"),
        branches: vec!["main".into(), "flipt/production/*".into()],
        environments: vec!["production".into()],
    }
}

fn world_with(endpoints: Vec<Endpoint>, bounds: Bounds) -> World {
    let (log, hints, clock) = (Arc::new(deliveries::Log::new()), Arc::new(Kept::default()), Arc::new(Told::default()));
    let ingest = Ingest::with_bounds(endpoints, log.clone(), hints.clone(), clock.clone(), bounds);
    World { ingest: Arc::new(ingest), log, hints, clock }
}

/// A storage of each kind of proof: signature, token, password.
fn world() -> World {
    let endpoints = vec![
        endpoint("flags", Provider::Gitea, &["new", "old"]),
        endpoint("lab", Provider::Gitlab, &["token"]),
        endpoint("azure", Provider::Azure, &["pass"]),
        endpoint("center", Provider::BitbucketDataCenter, &["key"]),
        endpoint("none", Provider::Github, &[]),
        endpoint("empty", Provider::Github, &[""]),
    ];
    world_with(endpoints, Bounds::default())
}

fn sign(key: &str, message: &[u8]) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

fn post<'h>(fields: &[(&'h str, &'h str)]) -> Head<'h> {
    Head { method: "POST".into(), headers: Headers::new(fields.iter().map(|(name, value)| (*name, value.as_bytes()))) }
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A delivery of Gitea's to the storage `flags`.
fn gitea(world: &World, event: &str, id: &str, body: &str) -> Answer {
    let signature = sign("old", body.as_bytes());
    let head =
        post(&[JSON, ("x-gitea-event", event), ("x-gitea-delivery", id), ("x-gitea-signature", signature.as_str())]);
    let mut intake = world.ingest.open(Target::Storage("flags"), head).unwrap();
    for chunk in body.as_bytes().chunks(7) {
        intake.push(chunk).unwrap();
    }
    intake.close()
}

const MAIN: &str = r#"{"ref":"refs/heads/main","after":"20b8debff955245a23fc5f39fa0e0fc70dd91a34","repository":{"full_name":"acme/flags"}}"#;

fn newest(world: &World, storage: &str) -> Arc<Delivery> {
    world.log.list(storage, 1).pop().unwrap()
}

#[test]
fn a_push_of_the_branch_is_accepted_recorded_and_hinted() {
    let world = world();
    world.clock.0.store(1_000, Ordering::Relaxed);
    let answer = gitea(&world, "push", "uuid-1", MAIN);
    assert_eq!((answer.status, answer.unread), (202, false));
    let record = newest(&world, "flags");
    assert_eq!(record.outcome, Outcome::Accepted);
    assert_eq!(record.verified, Some("hmac-sha256"));
    assert_eq!(record.delivery_id.as_deref(), Some("uuid-1"));
    assert_eq!(record.event.as_deref(), Some("push"));
    assert_eq!(record.commit.as_deref(), Some("20b8debff955245a23fc5f39fa0e0fc70dd91a34"));
    let hints = world.hints.0.lock().unwrap();
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].delivery.as_deref(), Some(&*record.id));
    assert_eq!((&*hints[0].storage, &hints[0].commit), ("flags", &record.commit));
    assert_eq!(hints[0].received, Timestamp::from_second(1).unwrap());
}

#[test]
fn what_moves_nothing_that_is_served_is_200() {
    let world = world();
    let cases = [
        ("push", r#"{"ref":"refs/heads/other","repository":{"full_name":"acme/flags"}}"#, 200, Outcome::Ignored),
        ("push", r#"{"ref":"refs/tags/main"}"#, 200, Outcome::Ignored),
        ("push", r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/x"}}"#, 200, Outcome::OtherRepository),
        ("push", r#"{"ref":"refs/heads/flipt/production/try"}"#, 202, Outcome::Accepted),
        ("push", r#"{"ref":"refs/heads/flipt/production"}"#, 200, Outcome::Ignored),
        ("push", r#"{"ref":"refs/heads/flipt/production/"}"#, 200, Outcome::Ignored),
        ("delete", r#"{"ref":"main","ref_type":"branch"}"#, 202, Outcome::Accepted),
        ("delete", r#"{"ref":"main","ref_type":"tag"}"#, 200, Outcome::Ignored),
        ("create", r#"{"ref":"refs/heads/main","ref_type":"branch"}"#, 202, Outcome::Accepted),
        ("pull_request", r#"{"action":"opened"}"#, 200, Outcome::Ignored),
        ("pull_request", r#"{"repository":{"full_name":"acme/x"}}"#, 200, Outcome::OtherRepository),
        ("", "{}", 200, Outcome::Ignored),
        ("unheard_of", "{}", 200, Outcome::Ignored),
        // A push that cannot be read still says that something moved.
        ("push", "", 202, Outcome::Accepted),
        ("push", "[[[", 202, Outcome::Accepted),
        ("push", r#"{"ref":7}"#, 202, Outcome::Accepted),
    ];
    let mut hints = 0;
    for (number, (event, body, status, outcome)) in cases.into_iter().enumerate() {
        let answer = gitea(&world, event, &number.to_string(), body);
        assert_eq!((answer.status, newest(&world, "flags").outcome), (status, outcome), "{event} {body}");
        world.clock.0.fetch_add(1, Ordering::Relaxed);
        hints += usize::from(status == 202);
    }
    assert_eq!(world.hints.0.lock().unwrap().len(), hints);
}

#[test]
fn the_same_delivery_runs_once_unless_it_failed() {
    let world = world();
    let run = |expected: u16| {
        world.clock.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(gitea(&world, "push", "uuid-1", MAIN).status, expected);
        newest(&world, "flags")
    };
    let first = run(202);
    assert_eq!(run(200).outcome, Outcome::Duplicate);
    world.ingest.finished(&first.id, Err("the remote said 503"));
    let again = run(202);
    world.ingest.finished(&again.id, Ok(()));
    assert_eq!(run(200).outcome, Outcome::Duplicate);
    assert_eq!(world.hints.0.lock().unwrap().len(), 2);
    let all = world.log.list("flags", 9);
    let failed = all.iter().find(|record| record.id == first.id).unwrap();
    assert_eq!(failed.error.as_deref(), Some("the remote said 503"));

    // A restart: what was fetched is a duplicate, what failed or was cut is not.
    let mut done = (**all.iter().find(|record| record.id == again.id).unwrap()).clone();
    done.steps.fetched = Some(1.0);
    let world = self::world();
    world.ingest.seed([&done, &**failed]);
    assert_eq!(gitea(&world, "push", "uuid-1", MAIN).status, 200);
    let world = self::world();
    world.ingest.seed([&**failed]);
    assert_eq!(gitea(&world, "push", "uuid-1", MAIN).status, 202);
}

#[test]
fn an_event_without_an_id_is_never_a_duplicate() {
    let world = world();
    assert_eq!(gitea(&world, "push", "", MAIN).status, 202);
    assert_eq!(gitea(&world, "push", "", MAIN).status, 202);
}

#[test]
fn the_head_decides_what_it_can() {
    let world = world();
    let digest = "0".repeat(64);
    let signed = ("x-gitea-signature", digest.as_str());
    let open = |target: Target<'_>, head: Head<'_>| match world.ingest.open(target, head) {
        Ok(_) => 0,
        Err(answer) => {
            assert_eq!(answer.text, "", "a stranger is told nothing");
            assert!(answer.unread);
            answer.status
        }
    };
    let flags = |fields: &[(&str, &str)]| open(Target::Storage("flags"), post(fields));
    assert_eq!(flags(&[JSON, signed]), 0);
    assert_eq!(flags(&[("content-type", "application/json; charset=utf-8"), signed]), 0);
    assert_eq!(flags(&[("content-type", "APPLICATION/JSON"), signed]), 0);
    assert_eq!(flags(&[("content-type", "application/x-www-form-urlencoded"), signed]), 0);
    assert_eq!(flags(&[signed]), 415);
    assert_eq!(flags(&[JSON, JSON, signed]), 415);
    assert_eq!(flags(&[("content-type", "text/plain"), signed]), 415);
    assert_eq!(flags(&[("content-type", "multipart/form-data"), signed]), 415);
    assert_eq!(flags(&[JSON, signed, ("content-encoding", "gzip")]), 415);
    assert_eq!(flags(&[JSON, signed, ("content-encoding", "identity")]), 0);
    assert_eq!(flags(&[JSON, signed, ("content-length", "26214400")]), 0);
    assert_eq!(flags(&[JSON, signed, ("content-length", "26214401")]), 413);
    assert_eq!(flags(&[JSON, signed, ("content-length", "99999999999999999999")]), 0, "no number: counted as it comes");
    assert_eq!(flags(&[JSON]), 401);
    assert_eq!(flags(&[JSON, signed, signed]), 401);
    assert_eq!(flags(&[JSON, ("x-gitea-signature", "")]), 401);

    // A token or a password is judged before the body is read; these providers send no forms.
    let lab = |fields: &[(&str, &str)]| open(Target::Storage("lab"), post(fields));
    assert_eq!(lab(&[JSON, ("x-gitlab-token", "token")]), 0);
    assert_eq!(lab(&[JSON, ("x-gitlab-token", "nekot")]), 401);
    assert_eq!(lab(&[("content-type", "application/x-www-form-urlencoded"), ("x-gitlab-token", "token")]), 415);
    let azure = |value| open(Target::Storage("azure"), post(&[JSON, ("authorization", value)]));
    assert_eq!((azure("Basic OnBhc3M="), azure("Basic OnBhc3Q=")), (0, 401));

    for unknown in ["nothing", "none", "empty", "", "FLAGS"] {
        assert_eq!(open(Target::Storage(unknown), post(&[JSON, signed])), 404, "{unknown}");
        let mut get = post(&[JSON]);
        get.method = "GET".into();
        assert_eq!(open(Target::Storage(unknown), get), 404, "{unknown}");
    }
    assert_eq!(open(Target::Environment("nothing"), post(&[JSON, signed])), 404);
    assert_eq!(open(Target::Environment("flags"), post(&[JSON, signed])), 404);
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "post"] {
        let mut head = post(&[JSON, signed]);
        head.method = method.into();
        assert_eq!(open(Target::Storage("flags"), head), 405, "{method}");
    }
    world.ingest.drain();
    assert_eq!(flags(&[JSON, signed]), 503);
}

#[test]
fn an_unsigned_ping_of_data_center_is_answered_and_inert() {
    let world = world();
    let answer = world.ingest.open(Target::Storage("center"), post(&[JSON, ("x-event-key", "diagnostics:ping")]));
    let answer = answer.unwrap_err();
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(newest(&world, "center").outcome, Outcome::Ignored);
    assert_eq!(newest(&world, "center").verified, None);
    for other in ["repo:refs_changed", "diagnostics:ping2", ""] {
        let answer = world.ingest.open(Target::Storage("center"), post(&[JSON, ("x-event-key", other)]));
        assert_eq!(answer.unwrap_err().status, 401, "{other}");
    }
    let flags = world.ingest.open(Target::Storage("flags"), post(&[JSON, ("x-event-key", "diagnostics:ping")]));
    assert_eq!(flags.unwrap_err().status, 401, "only that provider's endpoint");
    assert!(world.hints.0.lock().unwrap().is_empty());
}

#[test]
fn bodies_are_bounded_one_by_one_and_together() {
    let bounds = Bounds { body: 10, in_flight: 15, ..Bounds::default() };
    let world = world_with(vec![endpoint("flags", Provider::Gitea, &["key"])], bounds);
    let digest = "0".repeat(64);
    let open = || {
        let head = post(&[JSON, ("x-gitea-signature", digest.as_str())]);
        world.ingest.open(Target::Storage("flags"), head)
    };
    let mut one = open().unwrap();
    one.push(b"0123456789").unwrap();
    assert_eq!(one.push(b"x").unwrap_err().status, 413);
    let mut two = open().unwrap();
    two.push(b"01234").unwrap();
    let full = open().unwrap_err();
    assert_eq!((full.status, full.retry_after), (503, Some(limits::WEBHOOK_RETRY_AFTER)));
    drop(one);
    let mut three = open().unwrap();
    assert_eq!(three.push(b"0123456789").map(|()| 0), Ok(0));
    assert_eq!(two.push(b"x").unwrap_err().status, 503);
    assert_eq!(two.too_slow().status, 408);
    assert_eq!(three.broke_off().status, 408);
    let mut four = open().unwrap();
    four.push(b"0123456789").unwrap();
    assert_eq!(four.close().status, 401);
}

#[test]
fn a_reload_changes_secrets_and_endpoints() {
    let world = world();
    assert_eq!(gitea(&world, "push", "1", MAIN).status, 202);
    world
        .ingest
        .set_endpoints(vec![endpoint("flags", Provider::Gitea, &["new"]), endpoint("none", Provider::Github, &["x"])]);
    assert_eq!(gitea(&world, "push", "2", MAIN).status, 401);
    assert_eq!(world.ingest.open(Target::Storage("none"), post(&[JSON])).unwrap_err().status, 401);
    assert_eq!(world.ingest.open(Target::Storage("lab"), post(&[JSON])).unwrap_err().status, 404);
}

#[test]
fn no_record_holds_a_secret_a_body_or_a_header() {
    let world = world();
    let head = post(&[JSON, ("x-gitlab-token", "a-wrong-but-secret-token"), ("x-gitlab-event", "Push Hook")]);
    world.ingest.open(Target::Storage("lab"), head).unwrap_err();
    gitea(&world, "push", "1", r#"{"ref":"refs/heads/main","message":"body text"}"#);
    for storage in ["lab", "flags"] {
        let record = serde_json::to_string(&*newest(&world, storage)).unwrap();
        assert!(!record.contains("secret-token") && !record.contains("body text"), "{record}");
    }
    assert!(!format!("{:?}", world.ingest).contains("old"));
}
