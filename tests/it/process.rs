//! The daemon as systemd runs it: the real binary, its signals, its words, its log.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The time in which anything has to happen; a test that waits for it fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running daemon with a service manager that listens.
struct Service {
    child: Child,
    manager: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Service {
    fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yml"), config).unwrap();
        let manager = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_yardarm"))
            .args(["serve", "--config"])
            .arg(directory.path().join("config.yml"))
            .env_clear()
            .env("NOTIFY_SOCKET", directory.path().join("notify"))
            .env("STATE_DIRECTORY", directory.path().join("state"))
            .env("YARDARM_LOG_FILE", directory.path().join("log"))
            .env("YARDARM_LOG_ENCODING", "json")
            .env("WATCHDOG_USEC", "200000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, manager, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits for the next word that begins so; what else is said before it falls away.
    fn hear(&self, word: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.manager.recv(&mut buffer).unwrap_or_else(|e| panic!("{word}: {e}; log:\n{}", self.log()));
            let heard = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if heard.starts_with(word) {
                return heard;
            }
        }
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// What it ends with; one that does not is ended, and the answer is none.
    fn end(&mut self) -> Option<i32> {
        let process = self.child.id().to_string();
        let (ended, waiting) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            if waiting.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                Command::new("kill").args(["-s", "KILL", &process]).status().unwrap();
            }
        });
        let code = self.child.wait().unwrap().code();
        drop(ended);
        watch.join().unwrap();
        code
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn messages(&self) -> Vec<(String, String)> {
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let lines = self.log();
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        lines.map(|line| (text(&line, "level"), text(&line, "message"))).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ours, and only if the test did not see its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(directory: &str) -> String {
    format!(
        "server: {{host: 127.0.0.1, http_port: 0}}\nenvironments: {{default: {{directory: {directory}}}}}\nmeta: {{check_for_updates: false}}\n"
    )
}

#[test]
fn the_service_manager_follows_start_reload_and_end() {
    let mut service = Service::start(&config("a"));
    assert!(service.hear("READY=1").contains("STATUS="));
    service.hear("WATCHDOG=1");
    let warned = service
        .messages()
        .into_iter()
        .filter(|(level, message)| level == "WARN" && message.contains("no use for this key"));
    assert_eq!(warned.count(), 1, "{}", service.log());

    // A bad file changes nothing, and says why; in the new log, for that is opened all the same.
    std::fs::rename(service.path("log"), service.path("log.0")).unwrap();
    std::fs::write(service.path("config.yml"), "environments: {default: {drectory: b}}").unwrap();
    service.signal("HUP");
    service.hear("RELOADING=1\nMONOTONIC_USEC=");
    service.hear("READY=1");
    let refused =
        |(level, message): &(String, String)| level == "ERROR" && message.contains("did you mean `directory`?");
    assert!(service.messages().iter().any(refused), "{}", service.log());

    // A good one is taken over; the log moves with it.
    std::fs::rename(service.path("log"), service.path("log.1")).unwrap();
    std::fs::write(service.path("config.yml"), config("b")).unwrap();
    service.signal("HUP");
    service.hear("RELOADING=1");
    service.hear("READY=1");
    assert!(service.path("log").exists(), "the log was not opened anew");
    assert!(service.messages().iter().all(|(level, _)| level != "ERROR"), "{}", service.log());

    service.signal("TERM");
    service.hear("STOPPING=1");
    assert_eq!(service.end(), Some(0), "{}", service.log());
    assert!(Path::new(&service.path("state")).exists());
}

/// A configuration on a disk that does not answer: a pipe that nobody writes to.
#[test]
fn a_file_that_is_slow_to_read_holds_nothing_up() {
    let mut service = Service::start(&config("a"));
    service.hear("READY=1");
    let path = service.path("config.yml");
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    service.signal("HUP");
    service.hear("RELOADING=1");
    service.hear("WATCHDOG=1");
    service.hear("WATCHDOG=1");
    // A second one while the first is under way comes after it.
    service.signal("HUP");
    service.hear("WATCHDOG=1");
    let (written, done) = mpsc::channel();
    let pipe = path.clone();
    std::thread::spawn(move || written.send(std::fs::write(pipe, config("b"))));
    done.recv_timeout(DEADLINE).unwrap().unwrap();
    service.hear("READY=1");
    service.hear("RELOADING=1");
    service.signal("TERM");
    service.hear("STOPPING=1");
    assert_eq!(service.end(), Some(0), "{}", service.log());
}

#[test]
fn ready_means_that_flags_are_served() {
    let repository = tempfile::tempdir().unwrap();
    std::fs::write(repository.path().join("features.yaml"), "version: \"1.6\"\nnamespace: default\n").unwrap();
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "flags"]] {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let git = Command::new("git").arg("-C").arg(repository.path()).args(identity).args(arguments).status();
        assert!(git.unwrap().success(), "{arguments:?}");
    }
    let config = |remote: &str| format!("{}storage: {{default: {{remote: '{remote}'}}}}\n", config("''"));
    let service = Service::start(&config(&format!("file://{}", repository.path().display())));
    let ready = service.hear("READY=1");
    assert!(ready.contains("serving 1 of 1 environments"), "{ready}");

    // A remote that is away holds nothing up: why it is not served is known.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = Service::start(&config(&format!("http://{nobody}/flags.git")));
    let ready = service.hear("READY=1");
    assert!(ready.contains("serving 0 of 1 environments") && ready.contains("failing: default"), "{ready}");
}

#[test]
fn an_address_in_use_ends_with_1_and_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yml");
    let port = taken.local_addr().unwrap().port();
    std::fs::write(&path, format!("server: {{host: 127.0.0.1, http_port: {port}}}")).unwrap();
    let state = directory.path().join("state");
    let run = super::cli::yardarm(
        &["serve", "--config", path.to_str().unwrap()],
        &[("STATE_DIRECTORY", state.to_str().unwrap())],
    );
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains(&port.to_string()), "{}", run.err);
}
