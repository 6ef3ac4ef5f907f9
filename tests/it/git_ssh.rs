//! Remotes over ssh: the real `ssh` against a real `sshd`, where this machine has one that can be used.
//!
//! What `ssh` is told is tested beside the code that tells it, on every machine. Here it is seen whether a real server
//! takes it. Where no `sshd` can be used these tests say so and why, and are content, unless `YARDARM_TEST_SSHD` is
//! `required`, as it is in CI.
//!
//! The server is started for each connection, as inetd does, on a socket of this process: no port is guessed, nothing
//! of the machine's configuration is read, and it ends with its connection.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use yardarm::config::{Credential, KeySource};
use yardarm::git::program::{Format, Repository};
use yardarm::git::{Error, Mirror, PushError, RejectionKind, Remote};

use crate::git_server::{features, fetch, fetch_within, push, remote};

const PASSPHRASE: &str = "correct horse 'battery' $taple";

/// An ssh server for one user: the one that the tests run as.
struct Sshd {
    home: TempDir,
    address: SocketAddr,
    user: String,
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said.trim().to_owned()) } else { Err(format!("{command:?}: {}", said.trim())) }
}

fn key(file: &Path, passphrase: &str) -> Result<String, String> {
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"]).arg(file))
}

/// `sshd` starts itself again by its whole path.
fn program() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path).map(|directory| directory.join("sshd"));
    let usual = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].map(PathBuf::from);
    named.chain(usual).find(|file| file.is_file()).ok_or_else(|| "no sshd is installed".to_owned())
}

impl Sshd {
    /// The server, or nothing where there can be none, which is then said.
    fn start() -> Option<Self> {
        Self::start_at("127.0.0.1:0")
    }

    #[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
    fn start_at(address: &str) -> Option<Self> {
        match Self::try_start(address) {
            Ok(server) => Some(server),
            Err(why) => {
                assert!(std::env::var_os("YARDARM_TEST_SSHD").is_none_or(|word| word != "required"), "{why}");
                eprintln!("not tested against a real sshd: {why}");
                None
            }
        }
    }

    fn try_start(address: &str) -> Result<Self, String> {
        let program = program()?;
        let home = tempfile::tempdir().map_err(|error| error.to_string())?;
        let at = |name: &str| home.path().join(name);
        key(&at("host"), "")?;
        key(&at("plain"), "")?;
        key(&at("locked"), PASSPHRASE)?;
        key(&at("stranger"), "")?;
        let public = |name: &str| fs::read_to_string(at(name)).map_err(|error| error.to_string());
        let authorized = public("plain.pub")? + &public("locked.pub")?;
        fs::write(at("authorized"), authorized).map_err(|error| error.to_string())?;
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nAcceptEnv GIT_PROTOCOL\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
            at("host").display(),
            at("authorized").display()
        );
        fs::write(at("config"), config).map_err(|error| error.to_string())?;
        run(Command::new(&program).arg("-t").arg("-f").arg(at("config")))?;

        let listener = TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let log = fs::File::create(at("log")).map_err(|error| error.to_string())?;
        let config = at("config");
        // Ends with the process; each server ends with its connection.
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (Ok(other), Ok(log)) = (stream.try_clone(), log.try_clone()) else { return };
                let mut sshd = Command::new(&program);
                sshd.args(["-i", "-e", "-f"]).arg(&config);
                sshd.stdin(OwnedFd::from(stream)).stdout(OwnedFd::from(other)).stderr(log);
                if let Ok(mut sshd) = sshd.spawn() {
                    std::thread::spawn(move || sshd.wait());
                }
            }
        });

        let name = match address.port() {
            22 => address.ip().to_string(),
            port => format!("[{}]:{port}", address.ip()),
        };
        let known = format!("{name} {}", public("host.pub")?);
        fs::write(at("known_hosts"), known).map_err(|error| error.to_string())?;
        let server = Self { home, address, user: run(Command::new("id").arg("-un"))? };
        // Whether this user may come in at all is a question to the machine, not to what is tested.
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=yes"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", server.at("known_hosts").display()));
        ssh.arg("-i").arg(server.at("plain")).args(["-p", &address.port().to_string()]);
        run(ssh.arg(format!("{}@{}", server.user, address.ip())).arg("git --version"))
            .map_err(|why| format!("{why}\n{}", server.log()))?;
        Ok(server)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn key(&self, name: &str) -> KeySource {
        KeySource::Path(self.at(name))
    }

    fn text(&self, name: &str) -> KeySource {
        KeySource::Text(fs::read_to_string(self.at(name)).unwrap().into())
    }

    /// The repository of this name, with a port in the URL.
    fn remote(&self, name: &str, login: Login) -> Remote {
        let path = self.at(name);
        self.remote_at(&format!("ssh://{}@{}{}", self.user, self.address, path.display()), login)
    }

    fn remote_at(&self, url: &str, login: Login) -> Remote {
        let known_hosts = match login.hosts {
            Hosts::Pinned(file) => Some(self.at(file)),
            Hosts::Any => None,
        };
        let credential = Credential::Ssh {
            user: self.user.clone(),
            passphrase: login.passphrase.map(|passphrase| passphrase.to_owned().into()),
            key: login.key,
            ignore_host_key: known_hosts.is_none(),
            known_hosts,
        };
        Remote { credential: Some(credential), ..remote(url) }
    }
}

/// What is wrong, and what it must be called.
type Case = (&'static str, Login, fn(&Error) -> bool);

enum Hosts {
    Pinned(&'static str),
    Any,
}

struct Login {
    key: KeySource,
    passphrase: Option<&'static str>,
    hosts: Hosts,
}

impl Login {
    fn with(key: KeySource) -> Self {
        Self { key, passphrase: None, hosts: Hosts::Pinned("known_hosts") }
    }

    fn passphrase(self, passphrase: &'static str) -> Self {
        Self { passphrase: Some(passphrase), ..self }
    }

    fn hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }
}

#[test]
fn a_key_opens_whether_a_file_or_text_and_with_or_without_a_passphrase() {
    let Some(server) = Sshd::start() else { return };
    let repository = Repository::init(&server.at("it's flags.git"), Format::Sha1).unwrap();
    let logins = [
        Login::with(server.key("plain")),
        Login::with(server.text("plain")),
        Login::with(server.key("locked")).passphrase(PASSPHRASE),
        Login::with(server.text("locked")).passphrase(PASSPHRASE),
        Login::with(server.key("plain")).hosts(Hosts::Any),
    ];
    let mirror = Mirror::open(&server.at("mirror")).unwrap().0;
    for (number, login) in (1..).zip(logins) {
        let tip = push(&repository, "main", number);
        let fetched = fetch(&mirror, &server.remote("it's%20flags.git", login), &["main", "flipt/*"]);
        let fetched = fetched.unwrap_or_else(|error| panic!("login {number}: {error}\n{}", server.log()));
        assert_eq!(fetched.heads["main"], tip, "login {number}");
        assert!(features(&mirror, &tip).contains(&format!("Flag {number}")));
        let left = fs::read_dir(server.home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("mirror.ssh")).collect();
        assert!(left.is_empty(), "secrets are left: {left:?}");
    }
}

/// `user@host:path` has no place for a port, so this is the usual one, on an address of the loopback network that
/// nobody else has.
#[test]
fn the_short_form_is_the_same_place() {
    let number = std::process::id();
    let host = format!("127.77.{}.{}", number >> 8 & 0xff, (number & 0xff).clamp(1, 254));
    let Some(server) = Sshd::start_at(&format!("{host}:22")) else { return };
    let repository = Repository::init(&server.at("flags.git"), Format::Sha256).unwrap();
    let tip = push(&repository, "main", 1);
    let url = format!("{}@{host}:{}", server.user, repository.path().display());
    let mirror = Mirror::open(&server.at("mirror")).unwrap().0;
    let remote = server.remote_at(&url, Login::with(server.key("plain")));
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], tip, "{}", server.log());
}

#[test]
fn a_path_may_begin_at_home() {
    let Some(server) = Sshd::start() else { return };
    let repository = Repository::init(&server.at("flags.git"), Format::Sha1).unwrap();
    let tip = push(&repository, "main", 1);
    let up = "../".repeat(16);
    let path = server.at("flags.git").display().to_string();
    let url = format!("ssh://{}@{}/~/{up}{}", server.user, server.address, path.trim_start_matches('/'));
    let mirror = Mirror::open(&server.at("mirror")).unwrap().0;
    let remote = server.remote_at(&url, Login::with(server.key("plain")));
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], tip, "{}", server.log());
}

#[test]
fn what_goes_wrong_over_ssh_is_named_and_no_secret_is() {
    let Some(server) = Sshd::start() else { return };
    let repository = Repository::init(&server.at("flags.git"), Format::Sha1).unwrap();
    push(&repository, "main", 1);
    fs::write(server.at("nobody"), "").unwrap();
    let stranger = fs::read_to_string(server.at("stranger.pub")).unwrap();
    fs::write(server.at("another"), format!("[127.0.0.1]:{} {stranger}", server.address.port())).unwrap();
    let mirror = Mirror::open(&server.at("mirror")).unwrap().0;
    let refused = |error: &Error| matches!(error, Error::Refused(_));
    let host = |error: &Error| matches!(error, Error::Local(why) if why.contains("known_hosts"));
    let cases: [Case; 8] = [
        ("a key that nobody knows", Login::with(server.key("stranger")), refused),
        ("a wrong passphrase", Login::with(server.key("locked")).passphrase("wrong"), refused),
        ("no passphrase", Login::with(server.key("locked")), refused),
        ("no such key", Login::with(server.key("none")), refused),
        ("a text that is no key", Login::with(KeySource::Text("nonsense".to_owned().into())), refused),
        ("an unknown host", Login::with(server.key("plain")).hosts(Hosts::Pinned("nobody")), host),
        ("no such file of hosts", Login::with(server.key("plain")).hosts(Hosts::Pinned("none")), host),
        ("another host's key", Login::with(server.key("plain")).hosts(Hosts::Pinned("another")), host),
    ];
    for (what, login, expected) in cases {
        let error = fetch(&mirror, &server.remote("flags.git", login), &["main"]).unwrap_err();
        assert!(expected(&error), "{what}: {error:?}");
        assert!(!error.to_string().contains("battery"), "{what}: {error}");
    }
    let good = || Login::with(server.key("plain"));
    let none = fetch(&mirror, &server.remote("none.git", good()), &["main"]).unwrap_err();
    assert!(matches!(none, Error::NotFound(_)), "{none:?}");
    let missing = fetch(&mirror, &server.remote("flags.git", good()), &["mian"]).unwrap_err();
    assert!(matches!(&missing, Error::MissingBranch { similar, .. } if similar == &["main"]), "{missing:?}");
    assert_eq!(repository.git(["for-each-ref"]).unwrap().lines().count(), 1, "a branch was made on the remote");
    Repository::init(&server.at("empty.git"), Format::Sha1).unwrap();
    let empty = fetch(&mirror, &server.remote("empty.git", good()), &["main"]).unwrap_err();
    assert!(matches!(empty, Error::EmptyRemote), "{empty:?}");
    fetch(&mirror, &server.remote("flags.git", good()), &["main"]).unwrap();
}

#[test]
fn a_branch_is_pushed_over_ssh_and_the_server_compares() {
    let Some(server) = Sshd::start() else { return };
    for (number, with) in (1..).zip(crate::git_push::BOTH) {
        let name = format!("it's {number}.git");
        let repository = Repository::init(&server.at(&name), Format::Sha1).unwrap();
        let tip = push(&repository, "main", 1);
        let mirror = Mirror::open(&server.at(&format!("mirror{number}"))).unwrap().0;
        let url = name.replace(' ', "%20");
        let remote = || server.remote(&url, Login::with(server.text("locked")).passphrase(PASSPHRASE));
        fetch(&mirror, &remote(), &["main"]).unwrap();
        let new = crate::git_push::edit(&mirror, &tip, "ours: 1\n");
        let send = |old: Option<&str>, new: Option<&str>, branch: &str| {
            crate::git_push::push(&mirror, &remote(), crate::git_push::moving(branch, old, new), with)
        };
        send(Some(&tip), Some(&new), "main").unwrap_or_else(|error| panic!("{with:?}: {error}\n{}", server.log()));
        assert_eq!(repository.tip("main").unwrap(), Some(new.clone()));
        let stale = send(Some(&tip), Some(&new), "main").unwrap_err();
        assert!(matches!(stale, PushError::Stale { .. }), "{with:?}: {stale:?}");
        send(None, Some(&new), "flipt/production/x").unwrap();
        send(Some(&new), None, "flipt/production/x").unwrap();
        crate::git_push::hook(&repository, "pre-receive", "echo 'not on Fridays' >&2; exit 1");
        let next = crate::git_push::edit(&mirror, &new, "ours: 2\n");
        let refused = send(Some(&new), Some(&next), "main").unwrap_err();
        assert!(
            matches!(&refused, PushError::Rejected(told) if told.message.contains("not on Fridays")),
            "{with:?}: {refused:?}"
        );
        let stranger = server.remote(&url, Login::with(server.key("stranger")));
        let main = crate::git_push::moving("main", Some(&new), Some(&next));
        let refused = crate::git_push::push(&mirror, &stranger, main.clone(), with).unwrap_err();
        assert!(
            matches!(&refused, PushError::Rejected(told) if told.kind == RejectionKind::Permission),
            "{with:?}: {refused:?}"
        );
        let none = server.remote("none.git", Login::with(server.key("plain")));
        let missing = crate::git_push::push(&mirror, &none, main, with).unwrap_err();
        assert!(matches!(missing, PushError::Failed(Error::NotFound(_))), "{with:?}: {missing:?}");
        let left = fs::read_dir(server.home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".ssh")).collect();
        assert!(left.is_empty(), "secrets are left: {left:?}");
    }
}

/// A server that takes the connection and says nothing. No `sshd` is needed for that, only `ssh`.
#[test]
fn an_ssh_server_that_says_nothing_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(&home.path().join("mirror")).unwrap().0;
    let url = format!("ssh://git@{}/flags.git", listener.local_addr().unwrap());
    let deadline = Duration::from_millis(400);
    let started = Instant::now();
    let ended = fetch_within(&mirror, &remote(&url), &["main"], deadline);
    assert!(matches!(ended, Err(Error::Deadline(_))), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
