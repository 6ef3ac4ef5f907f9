//! The file of tokens, from the command that writes it to the running daemon that follows it.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use yardarm::app::Daemon;
use yardarm::clock;
use yardarm::demo::outside::Outside;

use crate::cli::{Run, yardarm};
use crate::world::{asking, configuration};

/// A daemon without a repository, that needs a token for everything.
struct Guarded {
    directory: TempDir,
    daemon: Daemon,
    outside: Outside,
}

impl Guarded {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("tokens.json"), "").unwrap();
        let daemon = Daemon::start(configuration(&text(directory.path())), Arc::new(clock::System)).await.unwrap();
        let outside = Outside::new(format!("http://{}", daemon.address())).unwrap();
        Self { directory, daemon, outside }
    }

    fn file(&self) -> String {
        self.directory.path().join("tokens.json").to_str().unwrap().to_owned()
    }

    /// Makes a token and gives its text.
    fn create(&self, name: &str) -> String {
        let run = token(&["create", "--name", name, "--scope", "read", "--file", &self.file()]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        run.out.trim_end().to_owned()
    }

    fn revoke(&self, name: &str) {
        let run = token(&["revoke", name, "--file", &self.file()]);
        assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{}", run.err);
    }

    async fn status(&self, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        self.outside.send("GET", "/api/v2/storages", &headers, Vec::new()).await.unwrap().status
    }

    /// Waits until a token is answered so.
    async fn until(&self, token: &str, status: u16) {
        assert!(asking(async || self.status(token).await == status).await, "never answered {status}");
    }
}

fn text(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "state: {{directory: \"{directory}/state\"}}\nserver: {{host: 127.0.0.1, http_port: 0}}\nauthentication:\n  \
         required: true\n  methods: {{token: {{enabled: true, storage: {{file: \"{directory}/tokens.json\"}}}}}}\n"
    )
}

fn token(arguments: &[&str]) -> Run {
    yardarm(&[&["token"], arguments].concat(), &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_and_ends_without_a_restart() {
    let guarded = Guarded::start().await;
    let one = guarded.create("one");
    let two = guarded.create("two");
    guarded.until(&one, 200).await;
    guarded.until(&two, 200).await;
    guarded.revoke("one");
    guarded.until(&one, 401).await;
    assert_eq!(guarded.status(&two).await, 200);
    let renewed = guarded.create("one");
    assert_ne!(renewed, one);
    guarded.until(&renewed, 200).await;
    assert_eq!(guarded.status(&one).await, 401);
    guarded.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_names_another_file_forgets_the_first() {
    let guarded = Guarded::start().await;
    let one = guarded.create("one");
    guarded.until(&one, 200).await;
    let other = guarded.directory.path().join("other.json");
    let run = token(&["create", "--name", "other", "--scope", "read", "--file", other.to_str().unwrap()]);
    let another = text(guarded.directory.path()).replace("tokens.json", "other.json");
    guarded.daemon.reload(configuration(&another)).await;
    assert_eq!(guarded.status(&one).await, 401);
    assert_eq!(guarded.status(run.out.trim_end()).await, 200);
    let two = guarded.create("two");
    guarded.daemon.reload(configuration(&text(guarded.directory.path()))).await;
    assert_eq!(guarded.status(&two).await, 200);
    guarded.daemon.stop().await;
}

#[test]
fn a_start_without_a_good_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yml");
    std::fs::write(&config, text(directory.path())).unwrap();
    let check = || yardarm(&["config", "check", config.to_str().unwrap()], &[]);
    let run = check();
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("authentication.methods.token.storage.file: cannot read"), "{}", run.out);
    std::fs::write(directory.path().join("tokens.json"), "{\"version\": 1,\n  nope").unwrap();
    let run = check();
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("is no file of tokens") && run.out.contains("line 2, column 3"), "{}", run.out);
    let serve = yardarm(&["serve", "--config", config.to_str().unwrap()], &[]);
    assert_eq!(serve.code, Some(2));
}

#[test]
fn what_the_commands_print() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens.json");
    let file = file.to_str().unwrap();
    let run = token(&["create", "--name", "ci", "--scope", "write:staging", "--expires", "never", "--file", file]);
    assert_eq!(run.code, Some(0));
    let secret = run.out.trim_end();
    assert!(secret.len() == 80 && secret.starts_with("yardarm_") && run.out.lines().count() == 1);
    assert!(run.err.contains("write:staging/*; never expires") && !run.err.contains(secret));
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(!kept.contains(&secret["yardarm_".len()..]) && kept.contains("write:staging/*"));
    // One that has expired is shown as such.
    std::fs::write(file, kept.replace("\"name\"", "\"expires\": \"2026-01-01T00:00:00Z\", \"name\"")).unwrap();
    let list = token(&["list", "--file", file]);
    assert!(list.out.starts_with("NAME  CREATED") && list.out.contains("2026-01-01 00:00 expired"), "{}", list.out);
    assert_eq!(list.err, "");
    for (arguments, code) in [
        (&["create", "--name", "ci", "--scope", "read"][..], 1),
        (&["create", "--name", "", "--scope", "read"], 2),
        (&["create", "--name", "x"], 2),
        (&["create", "--name", "x", "--scope", "reads"], 2),
        (&["create", "--name", "x", "--scope", "read", "--expires", "2020-01-01"], 2),
        (&["revoke", "nobody"], 1),
    ] {
        let run = token(&[arguments, &["--file", file]].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{arguments:?} {}", run.err);
        assert!(!run.err.is_empty());
    }
    assert_eq!(token(&["list", "--file", "/nowhere/tokens.json"]).code, Some(1));
}
