//! The real binary: what it prints, and what it ends with.

use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use yardarm::telemetry::systemd;

/// What a run left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the binary with these arguments and nothing but these variables.
pub(crate) fn yardarm(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_yardarm"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn file(directory: &Path, text: &str) -> String {
    let path = directory.join("config.yml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_that_can_be_used_ends_with_0_and_its_warnings() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "meta: {telemetry_enabled: false}\n");
    let run = yardarm(&["config", "check", &path], &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let expected = format!(
        "{path}:1:1: warning: meta: Yardarm has no use for this key of Flipt: Yardarm neither looks for updates nor reports its use\n\
         \u{20} 1 | meta: {{telemetry_enabled: false}}\n\
         \u{20}   | ^^^^\n\
         {path}: can be used, 1 warning\n"
    );
    assert_eq!(run.out, expected);
}

#[test]
fn a_file_with_errors_ends_with_1_and_all_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let path =
        file(directory.path(), "log: {level: lound}\nserver: {http_port: x}\nstorage: {default: {pol_interval: 1s}}\n");
    let run = yardarm(&["config", "check", &path], &[]);
    assert_eq!(run.code, Some(1));
    for line in [
        format!("{path}:1:14: error: log.level: `lound` is not one of"),
        format!("{path}:2:21: error: server.http_port: `x` is not a whole number"),
        format!(
            "{path}:3:21: error: storage.default.pol_interval: there is no such key here; did you mean `poll_interval`?"
        ),
        format!("{path}: 3 errors"),
    ] {
        assert!(run.out.contains(&line), "{line}\n{}", run.out);
    }
}

#[test]
fn a_file_that_cannot_be_read_or_asked_for_ends_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("nope.yml");
    let run = yardarm(&["config", "check", missing.to_str().unwrap()], &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.err.contains("cannot read") && run.err.contains("nope.yml"), "{}", run.err);
    assert_eq!(yardarm(&["config", "check", directory.path().to_str().unwrap()], &[]).code, Some(2));
    let latin = directory.path().join("latin.yml");
    std::fs::write(&latin, b"log:\n  file: \xe4\n").unwrap();
    let run = yardarm(&["config", "check", latin.to_str().unwrap()], &[]);
    assert!(run.code == Some(2) && run.err.contains("latin.yml:2: not UTF-8"), "{}", run.err);
    assert_eq!(yardarm(&["config", "check", "/dev/zero"], &[]).code, Some(2));
    for arguments in [&["nonsense"][..], &[], &["config"], &["serve", "--port", "x"], &["demo", "--port", "70000"]] {
        let run = yardarm(arguments, &[]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!run.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_daemon_does_not_start_on_a_file_with_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(
        directory.path(),
        "storage: {default: {branch: ''}}\ncredentials: {c: {type: access_token, access_token: hunter2, x: 1}}\n",
    );
    let run = yardarm(&["serve", "--config", &path], &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(
        run.err.contains(&format!("{path}:1:29: error: storage.default.branch: Git takes no such name for a branch")),
        "{}",
        run.err
    );
    assert!(run.err.contains("credentials.c.x") && !run.err.contains("hunter2"), "{}", run.err);
    let run = yardarm(&["serve", "-c", "/nope/config.yml"], &[]);
    assert!(run.code == Some(2) && run.err.contains("cannot read /nope/config.yml"), "{}", run.err);
    // The same word as Flipt's, and a file that is found at home.
    let home = directory.path().join("yardarm");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("config.yml"), "server: {host: [x]}").unwrap();
    let run = yardarm(&["server"], &[("XDG_CONFIG_HOME", directory.path().to_str().unwrap())]);
    assert!(run.code == Some(2) && run.err.contains("yardarm/config.yml:1:16: error: server.host"), "{}", run.err);
    let run = yardarm(&["serve"], &[("YARDARM_SERVER_HTTP_PORT", "x"), ("XDG_CONFIG_HOME", "/nope")]);
    assert!(run.code == Some(2) && run.err.contains("set by the variable YARDARM_SERVER_HTTP_PORT"), "{}", run.err);
}

#[test]
fn schema_reference_version_and_help_are_printed() {
    let schema: serde_json::Value = serde_json::from_str(&yardarm(&["config", "schema"], &[]).out).unwrap();
    assert_eq!(schema, yardarm::config::schema());
    assert!(yardarm(&["config", "reference"], &[]).out.starts_with("### The file\n"));
    assert_eq!(yardarm(&["--version"], &[]).out, format!("yardarm {}\n", env!("CARGO_PKG_VERSION")));
    let help = yardarm(&["--help"], &[]);
    assert_eq!(help.code, Some(0));
    for word in ["serve", "config", "demo"] {
        assert!(help.out.contains(word), "{}", help.out);
    }
    assert!(!help.out.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yardarm"))
        .args(["config", "schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

/// The child of the test below; by itself it tells nobody.
#[test]
fn words_to_the_service_manager() {
    systemd::ready("serving 2 environments\nREADY=0");
    systemd::reloading();
    systemd::watchdog();
    systemd::status("fetching");
    systemd::stopping("draining");
}

#[test]
fn the_service_manager_hears_each_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cli::words_to_the_service_manager"])
        .env("NOTIFY_SOCKET", &path)
        .output()
        .unwrap();
    assert!(child.status.success());
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..5 {
        let length = socket.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert_eq!(heard[0], "READY=1\nSTATUS=serving 2 environments READY=0\n");
    assert!(heard[1].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{}", heard[1]);
    assert_eq!(heard[2..], ["WATCHDOG=1\n", "STATUS=fetching\n", "STOPPING=1\nSTATUS=draining\n"]);
}
