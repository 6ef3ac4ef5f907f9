//! What is known after a push when the remote, or the way to it, is at fault.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use yardarm::config::{Credential, PushWith};
use yardarm::git::program::Repository;
use yardarm::git::{Error, Mirror, Push, PushError, Remote};

use crate::git_push::{BOTH, edit, hook, moving, push};
use crate::git_server::{Fault, Server, fetch, fetch_within, flags, mirror, remote};

/// The one request that carries the push.
const SEND: &str = "/flags.git/git-receive-pack";
const SHORT: Duration = Duration::from_millis(400);
/// A pipe that nobody reads is not waited for.
const O_NONBLOCK: i32 = 0o4000;
/// Far above that, on a machine that is busy.
const PROMPT: Duration = Duration::from_secs(30);

/// A server with one repository, its mirror, and a commit that is to be pushed.
struct Scene {
    server: Server,
    home: tempfile::TempDir,
    repository: Repository,
    mirror: Mirror,
    remote: Remote,
    tip: String,
    new: String,
}

impl Scene {
    fn new() -> Self {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
        fetch(&mirror, &remote, &["main"]).unwrap();
        let new = edit(&mirror, &tip, "ours: 1\n");
        Self { server, home, repository, mirror, remote, tip, new }
    }

    fn main(&self) -> Push {
        moving("main", Some(&self.tip), Some(&self.new))
    }

    fn push(&self, with: PushWith) -> Result<(), PushError> {
        push(&self.mirror, &self.remote, self.main(), with)
    }

    fn within(&self, deadline: Duration, with: PushWith) -> Result<(), PushError> {
        push(&self.mirror, &self.remote, Push { deadline, ..self.main() }, with)
    }

    fn at(&self) -> String {
        self.repository.tip("main").unwrap().unwrap()
    }
}

fn kind(error: &PushError) -> String {
    match error {
        PushError::Rejected(told) => format!("{:?}", told.kind),
        PushError::Failed(Error::Throttled(wait)) => format!("Throttled {}", wait.as_secs()),
        PushError::Failed(Error::NotFound(_)) => "NotFound".to_owned(),
        PushError::Failed(_) => "Failed".to_owned(),
        PushError::Unknown(_) => "Unknown".to_owned(),
        PushError::Stale { .. } => "Stale".to_owned(),
    }
}

#[test]
fn every_status_says_what_is_known() {
    let scene = Scene::new();
    let cases: [(&str, u16, Option<&str>, &str, &str); 14] = [
        ("capabilities", 401, None, "Permission", "Permission"),
        ("capabilities", 403, None, "Permission", "Permission"),
        ("capabilities", 404, None, "NotFound", "NotFound"),
        ("capabilities", 413, None, "Quota", "Quota"),
        ("capabilities", 429, Some("7"), "Throttled 7", "Throttled 60"),
        ("capabilities", 503, Some("7"), "Throttled 7", "Failed"),
        ("capabilities", 500, None, "Failed", "Failed"),
        (SEND, 403, None, "Permission", "Permission"),
        (SEND, 413, None, "Quota", "Quota"),
        (SEND, 429, Some("9"), "Throttled 9", "Throttled 60"),
        // A gate that says when to come back has not let it through; one that only failed may have.
        (SEND, 503, Some("9"), "Throttled 9", "Unknown"),
        (SEND, 503, None, "Unknown", "Unknown"),
        (SEND, 500, None, "Unknown", "Unknown"),
        (SEND, 504, None, "Unknown", "Unknown"),
    ];
    for with in BOTH {
        for (what, status, wait, builtin, git) in cases {
            let headers = wait.iter().map(|wait| ("retry-after", (*wait).to_owned())).collect();
            scene.server.fault(what, Fault::Status(status, headers));
            let error = scene.push(with).unwrap_err();
            let expected = if with == PushWith::Builtin { builtin } else { git };
            assert_eq!(kind(&error), expected, "{with:?} {what} {status}: {error:?}");
            assert!(!error.to_string().contains("://"), "{error}");
            scene.server.clear();
            assert_eq!(scene.at(), scene.tip);
        }
    }
    scene.push(PushWith::Builtin).unwrap();
}

#[test]
fn what_a_gate_says_reaches_the_caller() {
    let scene = Scene::new();
    let kinds = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
    scene.server.fault("capabilities", Fault::Status(403, kinds));
    let error = scene.push(PushWith::Builtin).unwrap_err();
    assert!(error.to_string().contains("HTTP status 403; a body that nobody reads"), "{error}");
}

/// The server takes the push, and its answer is lost: nobody may say that it failed.
#[test]
fn an_answer_that_is_lost_is_an_outcome_that_is_not_known() {
    for with in BOTH {
        for cut in [0, 10] {
            let scene = Scene::new();
            scene.server.fault(SEND, Fault::Cut(cut));
            let error = scene.push(with).unwrap_err();
            assert!(matches!(error, PushError::Unknown(_)), "{with:?} {cut}: {error:?}");
            assert_eq!(scene.at(), scene.new, "it was taken");
            scene.server.clear();
            let fetched = fetch(&scene.mirror, &scene.remote, &["main"]).unwrap();
            assert_eq!(fetched.heads["main"], scene.new, "and is found");
            assert!(scene.mirror.contains(&fetched.heads["main"], &scene.new).unwrap());
        }
    }
}

#[test]
fn an_answer_that_is_none_is_an_outcome_that_is_not_known() {
    let scene = Scene::new();
    for (kind, body) in [
        ("text/html", "<html>sign in</html>"),
        ("application/x-git-receive-pack-result", "0000"),
        ("application/x-git-receive-pack-result", "nonsense"),
        ("application/x-git-receive-pack-result", ""),
    ] {
        scene.server.fault(SEND, Fault::Instead(kind, body.to_owned()));
        let error = scene.push(PushWith::Builtin).unwrap_err();
        assert!(matches!(error, PushError::Unknown(_)), "{kind} {body}: {error:?}");
        scene.server.clear();
    }
    for body in ["", "nonsense", "0000", "001f# service=git-receive-pack\n0000"] {
        let kind = "application/x-git-receive-pack-advertisement";
        scene.server.fault("capabilities", Fault::Instead(kind, body.to_owned()));
        let error = scene.push(PushWith::Builtin).unwrap_err();
        assert!(matches!(error, PushError::Failed(Error::Protocol(_))), "{body}: {error:?}");
        scene.server.clear();
    }
    scene.push(PushWith::Builtin).unwrap();
}

#[test]
fn a_server_that_hangs_ends_at_the_deadline() {
    for with in BOTH {
        for (what, fault) in
            [("capabilities", Fault::Stall), (SEND, Fault::Stall), (SEND, Fault::Trickle(Duration::from_millis(100)))]
        {
            let scene = Scene::new();
            scene.server.fault(what, fault);
            let started = Instant::now();
            let error = scene.within(SHORT, with).unwrap_err();
            assert!(started.elapsed() < PROMPT, "{with:?} {what}: {:?}", started.elapsed());
            match &error {
                PushError::Failed(Error::Deadline(SHORT)) if what != SEND && with == PushWith::Builtin => {}
                PushError::Unknown(Error::Deadline(SHORT)) if what == SEND || with == PushWith::Git => {}
                _ => panic!("{with:?} {what}: {error:?}"),
            }
        }
    }
}

#[test]
fn a_push_is_given_up_when_told() {
    for with in BOTH {
        let scene = Scene::new();
        scene.server.fault(SEND, Fault::Stall);
        let stop = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        std::thread::scope(|scope| {
            let pushing = scope.spawn(|| scene.mirror.push(&scene.remote, &scene.main(), with, &stop));
            while !scene.server.seen().iter().any(|seen| seen.target == SEND) {
                assert!(started.elapsed() < PROMPT, "no push came");
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
            let error = pushing.join().unwrap().unwrap_err();
            assert!(matches!(error, PushError::Unknown(Error::Stopped)), "{error:?}");
        });
        assert!(started.elapsed() < PROMPT);
    }
}

#[test]
fn who_cannot_be_reached_has_got_nothing() {
    let scene = Scene::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = scene.home.path().join("gone.git");
    for with in BOTH {
        for url in [format!("http://127.0.0.1:{port}/flags.git"), gone.display().to_string()] {
            let error = push(&scene.mirror, &remote(&url), scene.main(), with).unwrap_err();
            assert!(matches!(error, PushError::Failed(_)), "{with:?} {url}: {error:?}");
            assert!(!error.to_string().contains("://"), "{error}");
        }
    }
}

#[test]
fn a_local_program_that_hangs_ends_at_the_deadline() {
    let scene = Scene::new();
    let gate = scene.home.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    hook(&scene.repository, "pre-receive", &format!("cat '{}'; exit 1", gate.display()));
    let here = remote(&scene.repository.path().display().to_string());
    for with in BOTH {
        let started = Instant::now();
        let error = push(&scene.mirror, &here, Push { deadline: SHORT * 8, ..scene.main() }, with).unwrap_err();
        assert!(matches!(error, PushError::Unknown(Error::Deadline(_))), "{with:?}: {error:?}");
        assert!(started.elapsed() < PROMPT);
        assert_eq!(scene.at(), scene.tip);
        // A hook outlives whoever started it; it waits for somebody to open the other end.
        let _ = fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&gate);
    }
}

/// A fetch that hangs has locks and connections of its own.
#[test]
fn a_fetch_that_hangs_does_not_hold_up_a_push() {
    let scene = Scene::new();
    scene.server.fault("ls-refs", Fault::Stall);
    std::thread::scope(|scope| {
        let started = Instant::now();
        scene.server.asked();
        let fetching = scope.spawn(|| fetch_within(&scene.mirror, &scene.remote, &["main"], Duration::from_secs(5)));
        while scene.server.seen().is_empty() {
            assert!(started.elapsed() < PROMPT, "no fetch came");
            std::thread::yield_now();
        }
        for with in BOTH {
            scene.repository.set_branch("main", &scene.tip).unwrap();
            scene.push(with).unwrap();
        }
        assert!(!fetching.is_finished(), "a push waited for the fetch");
        scene.mirror.adopt("main", Some(&scene.new)).unwrap();
        assert!(matches!(fetching.join().unwrap(), Err(Error::Deadline(_))));
    });
    assert_eq!(scene.mirror.heads().unwrap()["main"], scene.new);
}

/// A fetch has been told where the branches are; then we push; then it goes on with what it knows.
#[test]
fn a_fetch_that_asked_before_does_not_turn_a_push_back() {
    let scene = Scene::new();
    let other = crate::git_server::push(&scene.repository, "flipt/production/x", 9);
    scene.server.fault("fetch", Fault::Trickle(Duration::from_millis(3)));
    std::thread::scope(|scope| {
        let started = Instant::now();
        scene.server.asked();
        let fetching = scope.spawn(|| fetch(&scene.mirror, &scene.remote, &["main", "flipt/*"]));
        while !scene.server.seen().iter().any(|seen| seen.what() == "fetch") {
            assert!(started.elapsed() < PROMPT, "no fetch came");
            std::thread::yield_now();
        }
        scene.push(PushWith::Builtin).unwrap();
        scene.mirror.adopt("main", Some(&scene.new)).unwrap();
        assert!(!fetching.is_finished(), "the fetch was too fast to prove anything");
        let fetched = fetching.join().unwrap().unwrap();
        assert_eq!(fetched.heads["main"], scene.new);
        assert_eq!(fetched.heads["flipt/production/x"], other);
        assert!(fetched.moved.iter().all(|moved| moved.branch != "main"), "{:?}", fetched.moved);
    });
    scene.server.clear();
    assert_eq!(scene.mirror.heads().unwrap()["main"], scene.new);
    let fetched = fetch(&scene.mirror, &scene.remote, &["main", "flipt/*"]).unwrap();
    assert_eq!((fetched.heads["main"].clone(), fetched.moved.len()), (scene.new.clone(), 0));
}

/// Everything that other processes of this machine can see of a push that is under way.
fn seen_by_others(secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        if !process.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        for what in ["cmdline", "environ"] {
            let Ok(bytes) = fs::read(process.path().join(what)) else { continue };
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                found.push(format!("{} {what}", process.path().display()));
            }
        }
    }
    found
}

#[test]
fn the_credential_goes_to_its_server_and_nowhere_else() {
    let secret = format!("s3cr3t-{}", std::process::id());
    let encoded = STANDARD.encode(format!("ada:{secret}"));
    for with in BOTH {
        let scene = Scene::new();
        let credential = Credential::Basic { username: "ada".to_owned(), password: secret.clone().into() };
        let remote = Remote { credential: Some(credential), ..scene.remote.clone() };
        scene.server.demand(&format!("Basic {encoded}"));
        let refused = scene.push(with).unwrap_err();
        assert_eq!(kind(&refused), "Permission", "{refused:?}");
        let wrong = Credential::Basic { username: "ada".to_owned(), password: "wrong".to_owned().into() };
        let wrong = Remote { credential: Some(wrong), ..scene.remote.clone() };
        let refused = push(&scene.mirror, &wrong, scene.main(), with).unwrap_err();
        assert_eq!(kind(&refused), "Permission", "{refused:?}");

        scene.server.fault(SEND, Fault::Stall);
        scene.server.asked();
        let (stop, started) = (Arc::new(AtomicBool::new(false)), Instant::now());
        std::thread::scope(|scope| {
            let pushing = scope.spawn(|| scene.mirror.push(&remote, &scene.main(), with, &stop));
            while !scene.server.seen().iter().any(|seen| seen.target == SEND) {
                assert!(started.elapsed() < PROMPT && !pushing.is_finished(), "no push came");
                std::thread::yield_now();
            }
            let seen: Vec<String> = [seen_by_others(&secret), seen_by_others(&encoded)].concat();
            stop.store(true, Ordering::Relaxed);
            let error = pushing.join().unwrap().unwrap_err();
            assert!(seen.is_empty(), "{with:?}: {seen:?}");
            assert!(!format!("{error:?} {error}").contains(&secret));
        });
        assert!(scene.server.seen().iter().all(|seen| !seen.target.contains(&secret)));
        scene.server.clear();
        push(&scene.mirror, &remote, scene.main(), with).unwrap();
        let left: Vec<_> = fs::read_dir(scene.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["mirror"], "{with:?}");
    }
}

#[test]
fn a_redirect_elsewhere_gets_no_credential() {
    for with in BOTH {
        let (scene, elsewhere) = (Scene::new(), Server::start());
        flags(&elsewhere, "flags.git");
        let credential = Credential::Basic { username: "ada".to_owned(), password: "pw".to_owned().into() };
        let remote = Remote { credential: Some(credential), ..scene.remote.clone() };
        let to = format!("{}/info/refs?service=git-receive-pack", elsewhere.url("flags.git"));
        scene.server.redirect("/flags.git/info/refs", &to);
        elsewhere.demand("Basic something else");
        let error = push(&scene.mirror, &remote, scene.main(), with).unwrap_err();
        assert!(matches!(error, PushError::Failed(_) | PushError::Rejected(_)), "{with:?}: {error:?}");
        assert!(elsewhere.seen().iter().all(|seen| seen.authorization.is_none()), "{with:?}: {:?}", elsewhere.seen());
    }
}

#[test]
fn an_own_authority_is_trusted_for_pushing_too() {
    for with in BOTH {
        let (server, home) = (Server::start_tls(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        let mirror = mirror(home.path());
        let plain = server.remote("flags.git");
        let trusted = Remote { ca_certificate: server.certificate.clone().map(String::into_bytes), ..plain.clone() };
        fetch(&mirror, &trusted, &["main"]).unwrap();
        let new = edit(&mirror, &tip, "ours: 1\n");
        let refused = push(&mirror, &plain, moving("main", Some(&tip), Some(&new)), with).unwrap_err();
        assert!(matches!(refused, PushError::Failed(_)), "{with:?}: {refused:?}");
        push(&mirror, &trusted, moving("main", Some(&tip), Some(&new)), with).unwrap();
        assert_eq!(repository.tip("main").unwrap(), Some(new));
    }
}
