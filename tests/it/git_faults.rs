//! What a fetch does when the remote, or the way to it, is at fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use yardarm::config::{Credential, KeySource};
use yardarm::fault::Class;
use yardarm::git::program::{Format, Repository};
use yardarm::git::{Error, Mirror, Remote};
use yardarm::provider::Provider;

use crate::git_server::{Fault, Server, fetch, fetch_within, flags, mirror, push, remote, request};

/// Well above what a deadline of 300 ms may become on a machine that is busy, and far below what the faults would take.
const PROMPT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn leftovers(home: &std::path::Path) -> Vec<String> {
    let packs = std::fs::read_dir(home.join("mirror/objects/pack")).unwrap();
    let names = packs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("pack-") || name.contains(".keep")).collect()
}

#[test]
fn every_status_has_its_meaning() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let cases: [(u16, Option<&str>, &str, Class); 9] = [
        (401, None, "refused the credential", Class::Operator),
        (403, None, "refused the credential", Class::Operator),
        (404, None, "not found", Class::Operator),
        (418, None, "does not answer as a Git server", Class::Operator),
        (500, None, "could not be reached: HTTP status 500", Class::Retry),
        (502, None, "could not be reached", Class::Retry),
        (503, Some("7"), "asks to wait 7 s", Class::Wait),
        (429, Some("90"), "asks to wait 90 s", Class::Wait),
        (429, None, "asks to wait 60 s", Class::Wait),
    ];
    for what in ["capabilities", "ls-refs", "fetch"] {
        for (status, wait, text, class) in &cases {
            let headers = wait.iter().map(|wait| ("retry-after", (*wait).to_owned())).collect();
            server.fault(what, Fault::Status(*status, headers));
            let error = fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap_err();
            assert!(error.to_string().contains(text), "{what} {status}: {error}");
            assert_eq!(error.class(), *class, "{what} {status}");
            server.clear();
        }
    }
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
}

/// Every deadline of gix and of most clients is one of a single read, which a byte now and then satisfies for ever.
#[test]
fn a_server_that_trickles_ends_at_the_total_deadline() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "flags.git");
    let mirror = mirror(home.path());
    for what in ["capabilities", "ls-refs", "fetch"] {
        server.fault(what, Fault::Trickle(Duration::from_millis(100)));
        let started = Instant::now();
        let ended = fetch_within(&mirror, &server.remote("flags.git"), &["main"], SHORT);
        assert!(matches!(ended, Err(Error::Deadline(SHORT))), "{what}: {ended:?}");
        assert!(started.elapsed() >= SHORT && started.elapsed() < PROMPT, "{what}: {:?}", started.elapsed());
        server.clear();
    }
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    assert!(leftovers(home.path()).is_empty(), "{:?}", leftovers(home.path()));
}

#[test]
fn a_server_that_says_nothing_ends_at_the_deadline_or_when_told() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    server.fault("", Fault::Stall);
    let started = Instant::now();
    assert!(matches!(fetch_within(&mirror, &remote, &["main"], SHORT), Err(Error::Deadline(_))));
    assert!(started.elapsed() < PROMPT);

    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let seen = server.seen().len();
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| mirror.fetch(&remote, &request(&["main"], None, Duration::from_secs(60)), &stop));
        while server.seen().len() == seen {
            assert!(started.elapsed() < PROMPT, "no request came");
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        let ended = fetching.join().unwrap();
        assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
    });
    assert!(started.elapsed() < PROMPT);
}

/// A name that resolves and a host that drops what is sent to it; and one that connects and never says a word of TLS.
#[test]
fn a_connection_that_does_not_come_about_ends_at_the_deadline() {
    let home = tempfile::tempdir().unwrap();
    let mirror = mirror(home.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let full = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(1).unwrap()
    });
    let address = full.local_addr().unwrap();
    // Nobody accepts: once its queue is full, the kernel drops what comes.
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, SHORT) {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the queue never gets full");
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let urls = [
        format!("http://localhost:{}/flags.git", address.port()),
        format!("https://{address}/flags.git"),
        format!("https://{}/flags.git", silent.local_addr().unwrap()),
        format!("ssh://git@{address}/flags.git"),
    ];
    for url in urls {
        let started = Instant::now();
        let ended = fetch_within(&mirror, &remote(&url), &["main"], SHORT);
        assert!(matches!(ended, Err(Error::Deadline(SHORT))), "{url}: {ended:?}");
        assert!(started.elapsed() < PROMPT, "{url}: {:?}", started.elapsed());
    }
}

#[test]
fn a_program_that_hangs_ends_at_the_deadline() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), Format::Sha1).unwrap();
    push(&repository, "main", 1);
    // `upload-pack` reads this reference and waits for a writer that never comes.
    let pipe = repository.path().join("refs/heads/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mirror = mirror(home.path());
    let started = Instant::now();
    let ended = fetch_within(&mirror, &remote(&repository.path().display().to_string()), &["main", "pi*"], SHORT);
    assert!(matches!(ended, Err(Error::Deadline(_))), "{ended:?}");
    assert!(started.elapsed() < PROMPT);
}

#[test]
fn an_answer_that_is_cut_changes_nothing() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    fetch(&mirror, &remote, &["main"]).unwrap();
    let second = push(&repository, "main", 2);
    for (what, cuts) in [("ls-refs", &[0, 1, 10, 50][..]), ("fetch", &[0, 1, 10, 60, 200])] {
        for &after in cuts {
            server.fault(what, Fault::Cut(after));
            let cut = fetch(&mirror, &remote, &["main"]);
            assert!(matches!(cut, Err(Error::Unreachable(_) | Error::Protocol(_))), "{what} {after}: {cut:?}");
            server.clear();
            assert_eq!(mirror.heads().unwrap()["main"], first, "{what} {after}");
            assert!(leftovers(home.path()).is_empty(), "{what} {after}: {:?}", leftovers(home.path()));
        }
    }
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], second);
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "flags.git");
    server.fault("capabilities", Fault::Endless);
    let error = fetch(&mirror(home.path()), &server.remote("flags.git"), &["main"]).unwrap_err();
    assert!(matches!(&error, Error::Protocol(why) if why.contains("larger than")), "{error:?}");
}

#[test]
fn a_page_for_people_is_named_as_one() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    server.fault("", Fault::Instead("text/html; charset=utf-8", "<html>sign in</html>".to_owned()));
    let error = fetch(&mirror(home.path()), &server.remote("flags"), &["main"]).unwrap_err();
    assert!(matches!(&error, Error::Protocol(why) if why.contains("text/html")), "{error:?}");
    server.clear();
    let nonsense = "application/x-git-upload-pack-advertisement";
    for body in ["", "0000", "zzzz", "001e# service=git-upload-pack\n0000", "000eversion 2\n0000", "fff0x"] {
        server.fault("capabilities", Fault::Instead(nonsense, body.to_owned()));
        let error = fetch(&mirror(home.path()), &server.remote("flags"), &["main"]).unwrap_err();
        assert_ne!(error.class(), Class::Bug, "{body}: {error:?}");
        server.clear();
    }
}

#[test]
fn a_connection_that_died_while_it_was_idle_is_made_again() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    server.close_idle();
    let second = push(&repository, "main", 2);
    assert_eq!(fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap().heads["main"], second);
    assert!(server.connections() >= 2);
}

fn with(remote: Remote, credential: Credential, provider: Option<Provider>) -> Remote {
    Remote { credential: Some(credential), provider, ..remote }
}

#[test]
fn the_credential_goes_along_unasked_as_its_provider_wants_it() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "flags.git");
    let token = |text: &str| Credential::AccessToken(text.to_owned().into());
    let basic = Credential::Basic { username: "ada".to_owned(), password: "p:w".to_owned().into() };
    let cases = [
        (token("t"), Some(Provider::Github), "x-access-token:t"),
        (token("t"), Some(Provider::Gitlab), "oauth2:t"),
        (token("t"), Some(Provider::BitbucketCloud), "x-token-auth:t"),
        (token("ATATT3x"), Some(Provider::BitbucketCloud), "x-bitbucket-api-token-auth:ATATT3x"),
        (token("t"), Some(Provider::BitbucketDataCenter), "x-token-auth:t"),
        (token("t"), Some(Provider::Azure), "x-token-auth:t"),
        (token("t"), Some(Provider::Gitea), "x-token-auth:t"),
        (token("t"), Some(Provider::Forgejo), "x-token-auth:t"),
        (token("t"), None, "x-token-auth:t"),
        (basic, Some(Provider::Github), "ada:p:w"),
    ];
    for (number, (credential, provider, pair)) in cases.into_iter().enumerate() {
        let expected = format!("Basic {}", STANDARD.encode(pair));
        server.demand(&expected);
        let mirror = Mirror::open(&home.path().join(number.to_string())).unwrap().0;
        let remote = with(server.remote("flags.git"), credential, provider);
        fetch(&mirror, &remote, &["main"]).unwrap();
        let seen = server.seen();
        assert!(seen.iter().all(|seen| seen.authorization.as_ref() == Some(&expected)), "{provider:?}");
        assert!(seen.iter().all(|seen| !seen.target.contains(pair)));
        assert_eq!(server.asked(), ["capabilities", "ls-refs", "fetch"], "no round trip of a refusal");
    }
    let wrong = with(server.remote("flags.git"), token("secret-of-mine"), None);
    let error = fetch(&mirror(home.path()), &wrong, &["main"]).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret-of-mine"));
}

#[test]
fn a_redirect_is_followed_at_home_and_no_credential_leaves() {
    let (server, other, home) = (Server::start(), Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "renamed.git");
    flags(&other, "renamed.git");
    let credential = Credential::AccessToken("t".to_owned().into());
    let remote = with(server.remote("flags.git"), credential, None);
    let tail = "renamed.git/info/refs?service=git-upload-pack";

    server.fault("capabilities", Fault::Status(302, vec![("location", other.url(tail))]));
    let away = fetch(&mirror(home.path()), &remote, &["main"]).unwrap_err();
    assert!(matches!(&away, Error::Protocol(why) if why.contains("redirects to http://127.0.0.1")), "{away:?}");
    assert!(other.seen().is_empty());
    server.clear();

    for elsewhere in ["/sign-in", "/renamed.git/info/refs", "https://", ""] {
        server.fault("capabilities", Fault::Status(302, vec![("location", elsewhere.to_owned())]));
        let error = fetch(&mirror(home.path()), &remote, &["main"]).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{elsewhere}: {error:?}");
        server.clear();
    }
    server.fault("capabilities", Fault::Status(301, vec![("location", server.url(tail).replace("renamed", "flags"))]));
    let circle = fetch(&mirror(home.path()), &remote, &["main"]).unwrap_err();
    assert!(matches!(&circle, Error::Protocol(why) if why.contains("circle")), "{circle:?}");
    server.clear();
    server.fault("ls-refs", Fault::Status(307, vec![("location", "/renamed.git/git-upload-pack".to_owned())]));
    let late = fetch(&mirror(home.path()), &server.remote("renamed.git"), &["main"]).unwrap_err();
    assert!(matches!(&late, Error::Protocol(why) if why.contains("in the middle")), "{late:?}");
    server.clear();

    // The project was renamed on the same host.
    let mirror = Mirror::open(&home.path().join("renamed")).unwrap().0;
    server.asked();
    server.redirect("/flags.git/info/refs", &format!("/{tail}"));
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], first);
    let second = push(&repository, "main", 2);
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], second);
    let seen = server.seen();
    assert!(seen[1..].iter().all(|seen| seen.target.starts_with("/renamed.git/")), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.authorization.is_some()));
}

#[test]
fn an_own_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let (server, home) = (Server::start_tls(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let url = server.url("flags.git").replace("127.0.0.1", "localhost");
    let unknown = fetch(&mirror(home.path()), &remote(&url), &["main"]).unwrap_err();
    assert!(matches!(&unknown, Error::Tls(why) if why.contains("UnknownIssuer")), "{unknown:?}");
    assert!(server.seen().is_empty(), "nothing was sent before the server was known");

    let pem = server.certificate.clone().unwrap().into_bytes();
    let trusted = Remote { ca_certificate: Some(pem.clone()), ..remote(&url) };
    let mirror = mirror(home.path());
    assert_eq!(fetch(&mirror, &trusted, &["main"]).unwrap().heads["main"], first);
    push(&repository, "main", 2);
    fetch(&mirror, &trusted, &["main"]).unwrap();
    // A connection goes back to the pool on a thread of its own: on a busy machine the next fetch may come before it.
    let is_warm = || {
        let connections = server.connections();
        for _ in 0..8 {
            fetch(&mirror, &trusted, &["main"]).unwrap();
        }
        server.connections() <= connections + 1
    };
    assert!((0..5).any(|_| is_warm()), "the connection is warm");

    let unchecked = Remote { insecure_skip_tls: true, ..remote(&url) };
    fetch(&mirror, &unchecked, &["main"]).unwrap();

    // From http to https of the same host, with a credential.
    let plain = Server::start();
    let target = format!("{}/info/refs?service=git-upload-pack", server.url("flags.git"));
    plain.fault("", Fault::Status(301, vec![("location", target)]));
    let credential = Credential::AccessToken("t".to_owned().into());
    let upgraded = Remote { ca_certificate: Some(pem), ..with(plain.remote("flags.git"), credential, None) };
    let aside = Mirror::open(&home.path().join("upgraded")).unwrap().0;
    fetch(&aside, &upgraded, &["main"]).unwrap();
    assert_eq!(plain.asked(), ["capabilities"]);
}

#[test]
fn an_app_signs_for_a_token_and_uses_it_until_shortly_before_its_end() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    let pem = include_str!("../../fixtures/git/github-app-key.pem");
    let app = |key: KeySource| Credential::GithubApp {
        client_id: "Iv1.flags".to_owned(),
        installation_id: 7,
        key,
        api_url: Some(format!("{}/api/v3/", server.origin())),
    };
    let remote = with(server.remote("flags.git"), app(KeySource::Text(pem.to_owned().into())), Some(Provider::Github));
    let path = "/api/v3/app/installations/7/access_tokens";
    let issue = |token: &str, end: &str| server.answer(path, format!(r#"{{"token":"{token}","expires_at":"{end}"}}"#));
    let pair = |token: &str| format!("Basic {}", STANDARD.encode(format!("x-access-token:{token}")));
    let mirror = mirror(home.path());

    issue("ghs_one", "2999-01-01T00:00:00Z");
    fetch(&mirror, &remote, &["main"]).unwrap();
    let seen = server.seen();
    let jwt = seen[0].authorization.clone().unwrap();
    let jwt = jwt.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let PrivateKeyDer::Pkcs1(whole) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap() else { panic!("{pem}") };
    let der = RsaKeyPair::from_der(whole.secret_pkcs1_der()).unwrap().public().clone();
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, der);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "Iv1.flags");
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 600);
    assert_eq!(seen[1].authorization, Some(pair("ghs_one")));
    assert_eq!(server.asked(), [path, "capabilities", "ls-refs", "fetch"]);

    // Still good; then revoked, and a new one is asked for at once.
    push(&repository, "main", 2);
    fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(server.asked(), ["ls-refs", "fetch"]);
    server.demand(&pair("ghs_two"));
    issue("ghs_two", "2001-01-01T00:00:00Z");
    fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(server.asked(), ["ls-refs", path, "capabilities", "ls-refs"]);

    // That one had ended when it came: it is not used again.
    issue("ghs_two", "2999-01-01T00:00:00Z");
    fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(server.asked(), [path, "ls-refs"]);

    let file = home.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let aside = Mirror::open(&home.path().join("aside")).unwrap().0;
    issue("ghs_two", "2999-01-01T00:00:00Z");
    let remote = with(server.remote("flags.git"), app(KeySource::Path(file)), Some(Provider::Github));
    fetch(&aside, &remote, &["main"]).unwrap();
    let fresh = Mirror::open(&home.path().join("fresh")).unwrap().0;
    for key in ["nonsense", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"] {
        let remote = with(server.remote("flags.git"), app(KeySource::Text(key.to_owned().into())), None);
        let error = fetch(&fresh, &remote, &["main"]).unwrap_err();
        assert!(matches!(&error, Error::Local(why) if why.contains("private key")), "{error:?}");
    }
}

#[test]
fn a_key_is_no_credential_for_http_and_a_token_none_for_ssh() {
    let home = tempfile::tempdir().unwrap();
    let key = Credential::Ssh {
        user: "git".to_owned(),
        passphrase: None,
        key: KeySource::Path("/none".into()),
        ignore_host_key: true,
        known_hosts: None,
    };
    let http = with(remote("http://127.0.0.1:1/flags.git"), key.clone(), None);
    let mirror = mirror(home.path());
    assert!(matches!(fetch(&mirror, &http, &["main"]), Err(Error::Local(_))));
    let token = Credential::AccessToken("t".to_owned().into());
    let ssh = with(remote("ssh://git@127.0.0.1:1/flags.git"), token, None);
    assert!(matches!(fetch(&mirror, &ssh, &["main"]), Err(Error::Local(_))));
    // Nobody listens there.
    let nobody = with(remote("ssh://git@127.0.0.1:1/flags.git"), key, None);
    let error = fetch(&mirror, &nobody, &["main"]).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(why) if why.contains("refused")), "{error:?}");
    let nobody = fetch(&mirror, &remote("http://127.0.0.1:1/flags.git"), &["main"]).unwrap_err();
    assert!(matches!(&nobody, Error::Unreachable(why) if why.contains("refused")), "{nobody:?}");
    for url in ["ftp://host/flags.git", "http://ada:secret@127.0.0.1/flags.git", "https://", "git://host/x", ""] {
        let error = fetch(&mirror, &remote(url), &["main"]).unwrap_err();
        assert!(matches!(&error, Error::Local(why) if !why.contains("secret")), "{url}: {error:?}");
    }
    assert!(mirror.heads().unwrap().is_empty());
}
