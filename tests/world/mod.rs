//! A small world for whole stories: a forge with a real repository, the daemon in this process, clients that listen.
//!
//! The pieces are those of the demonstration (`yardarm::demo`). What is added here is the configuration, the words
//! that stories are told in, and the rule that nothing unexpected passes: requests that the forge does not know, a
//! failure that no story asked for and a daemon that is not well at the end fail the test. A test that fails keeps its
//! directory and says how to run it again.
//!
//! Nothing waits for time to pass. [`World::until`] asks the status API until it says what the story waits for;
//! listeners wake on frames; everything has a deadline.

#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;
use yardarm::app::Daemon;
use yardarm::clock::Clock;
use yardarm::config::{self, Config};
use yardarm::demo::dialect::{Commit, Delivery, Encoding, Hook, Person, Push, Sender};
use yardarm::demo::forge::{self, Forge};
use yardarm::demo::outside::{Answer, Form, Listener, Outside};
use yardarm::git::program;

/// Nothing here takes a second when all is well; a machine that is busy with other tests may take several.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Storage of every world.
pub const STORAGE: &str = "flags";
/// Environment of every world.
pub const ENVIRONMENT: &str = "production";
/// Namespace that stories are mostly about.
pub const NAMESPACE: &str = "shop";
/// Its file.
pub const SHOP: &str = "shop/features.yaml";
/// The secret of the webhook.
const SECRET: [u8; 32] = [42; 32];

/// How a world is set up.
pub struct Plan {
    sender: Sender,
    poll: &'static str,
    credential: Option<(String, String)>,
    has_webhook: bool,
    storage: String,
    environment: String,
    scm: String,
    rest: String,
    format: program::Format,
    empty: bool,
    token: Option<String>,
}

impl Plan {
    /// One storage, one environment, a webhook of this sender, and polling that stays out of the way.
    pub fn of(sender: Sender) -> Self {
        Self {
            sender,
            poll: "5m",
            credential: None,
            has_webhook: true,
            storage: String::new(),
            environment: String::new(),
            scm: String::new(),
            rest: String::new(),
            format: program::Format::Sha1,
            empty: false,
            token: None,
        }
    }

    /// Who sends its webhooks.
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// Polls at this interval, also when webhooks are healthy.
    pub fn poll(mut self, interval: &'static str) -> Self {
        self.poll = interval;
        self
    }

    /// The forge asks for a user and a password, and the storage has them.
    pub fn credential(mut self, user: &str, password: &str) -> Self {
        self.credential = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// The storage has no webhook, hence no secret.
    pub fn without_webhook(mut self) -> Self {
        self.has_webhook = false;
        self
    }

    /// More lines of the storage.
    pub fn storage(mut self, lines: &str) -> Self {
        let _ = writeln!(self.storage, "    {lines}");
        self
    }

    /// More lines of the environment.
    pub fn environment(mut self, lines: &str) -> Self {
        let _ = writeln!(self.environment, "    {lines}");
        self
    }

    /// More keys of its `scm`, each with a comma before it.
    pub fn scm(mut self, keys: &str) -> Self {
        self.scm.push_str(keys);
        self
    }

    /// Those keys.
    pub fn scm_keys(&self) -> &str {
        &self.scm
    }

    /// More top-level lines.
    pub fn rest(mut self, lines: &str) -> Self {
        let _ = writeln!(self.rest, "{lines}");
        self
    }

    /// Everybody needs a token; the story itself asks with this one, which may do everything. `others` are lines of YAML
    /// at the side of it: `name: {credential: …, scopes: […]}`.
    pub fn tokens(mut self, own: &str, others: &[&str]) -> Self {
        self.token = Some(own.to_owned());
        let own = format!("story: {{credential: {own}}}");
        let tokens = [&[own.as_str()], others].concat().join(", ");
        self.rest(&format!(
            "authentication:\n  required: true\n  methods: {{token: {{enabled: true, storage: {{tokens: {{{tokens}}}}}}}}}"
        ))
    }

    /// The repository has ids of SHA-256.
    pub fn sha256(mut self) -> Self {
        self.format = program::Format::Sha256;
        self
    }

    /// The repository has no commit yet.
    pub fn empty(mut self) -> Self {
        self.empty = true;
        self
    }

    /// The world with an empty daemon's place: the forge runs, the first commit is there.
    pub fn forge_only(self) -> World {
        let directory = tempfile::Builder::new().prefix("yardarm-world-").tempdir().unwrap();
        let options = forge::Options { credential: self.credential.clone(), format: self.format };
        let forge = Forge::start(&directory.path().join("forge"), options).unwrap();
        let mut world = World {
            text: String::new(),
            sender: self.sender,
            forge,
            daemon: None,
            outside: Outside::new("http://127.0.0.1:1").unwrap(),
            webhooks: None,
            deliveries: AtomicU64::new(0),
            seconds: AtomicU64::new(1_700_000_000),
            may_fail: false,
            token: self.token.clone(),
            clock: Arc::default(),
            directory: Some(directory),
        };
        world.text = self.text(&world);
        if !self.empty {
            world.commit("main", &[(SHOP, &features(NAMESPACE, "first"))]);
        }
        world
    }

    /// The world, with everything of the first commit live.
    pub async fn start(self) -> World {
        let mut world = self.forge_only();
        world.start_daemon().await;
        world.until("the first commit is live", |storage| served(storage).is_some()).await;
        world
    }

    fn text(&self, world: &World) -> String {
        let mut text = format!("state: {{directory: \"{}\"}}\n", world.path().join("state").display());
        if !self.rest.contains("server:") {
            text.push_str("server: {host: 127.0.0.1, http_port: 0}\n");
        }
        text.push_str(&self.rest);
        if let Some((user, password)) = &self.credential {
            let _ = writeln!(
                text,
                "credentials:\n  forge: {{type: basic, basic: {{username: {user:?}, password: {password:?}}}}}"
            );
        }
        let _ = writeln!(text, "storage:\n  {STORAGE}:\n    remote: {:?}", world.forge.url(self.sender));
        let _ = writeln!(text, "    poll_interval: {0}\n    poll_ceiling: {0}", self.poll);
        if self.credential.is_some() {
            text.push_str("    credentials: forge\n");
        }
        if self.has_webhook {
            let (provider, secret) = (self.sender.provider().name(), world.secret());
            let _ = writeln!(text, "    webhook: {{provider: {provider}, secrets: [{secret:?}]}}");
        }
        text.push_str(&self.storage);
        let _ = writeln!(text, "environments:\n  {ENVIRONMENT}:\n    storage: {STORAGE}\n    default: true");
        text.push_str(&self.environment);
        text
    }
}

/// A push that is on the remote.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub branch: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub forced: bool,
    pub at: Timestamp,
}

/// The whole world of one test.
pub struct World {
    pub forge: Forge,
    pub outside: Outside,
    /// The configuration, as an operator would have written it.
    pub text: String,
    pub sender: Sender,
    /// Where webhooks go if they have a listener of their own.
    pub webhooks: Option<Outside>,
    daemon: Option<Daemon>,
    deliveries: AtomicU64,
    seconds: AtomicU64,
    may_fail: bool,
    /// What the story itself asks with, where everybody needs a token.
    token: Option<String>,
    clock: Arc<Ahead>,
    directory: Option<TempDir>,
}

/// The machine's clock, put forward by so many seconds.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A flag file with one flag that everybody gets and whose text is `news`.
pub fn features(namespace: &str, news: &str) -> String {
    format!(
        "version: \"1.6\"\nnamespace: {namespace}\nflags:\n  - key: banner\n    name: Banner\n    type: \
         VARIANT_FLAG_TYPE\n    enabled: true\n    variants:\n      - {{key: news, default: true, attachment: {{text: \
         {news:?}}}}}\n"
    )
}

/// The digest of the snapshot that a file of one document makes.
pub fn digest(text: &str) -> String {
    hex::encode(Sha1::digest(text.as_bytes()))
}

/// The commit that the environment of a storage's status serves.
pub fn served(storage: &Value) -> Option<&str> {
    environment(storage, ENVIRONMENT)?.get("commit")?.as_str()
}

/// An environment of a storage's status.
pub fn environment<'v>(storage: &'v Value, name: &str) -> Option<&'v Value> {
    storage.get("environments")?.as_array()?.iter().find(|environment| environment["name"] == name)
}

/// The configuration of a text.
pub fn configuration(text: &str) -> Config {
    config::load(text, "world.yml", &BTreeMap::new(), &|path: &Path| std::fs::read(path)).unwrap_or_else(|findings| {
        panic!("the configuration of the world is refused: {findings:#?}\n{text}");
    })
}

impl World {
    /// Where everything of this world is.
    pub fn path(&self) -> PathBuf {
        self.directory.as_ref().expect("it is taken only at the end").path().to_owned()
    }

    /// The secret of the webhook, in the form of its provider.
    pub fn secret(&self) -> String {
        self.sender.secret(&SECRET)
    }

    /// Starts the daemon on what its state directory holds.
    pub async fn start_daemon(&mut self) {
        let daemon = Daemon::start(configuration(&self.text), self.clock.clone()).await.unwrap();
        self.outside = Outside::new(format!("http://{}", daemon.address())).unwrap();
        self.webhooks = daemon.webhook_address().map(|at| Outside::new(format!("http://{at}")).unwrap());
        self.daemon = Some(daemon);
    }

    /// Waits until it serves what it has, or knows why it cannot: as systemd waits for it.
    pub async fn settled(&self) {
        assert!(asking(async || self.daemon().settled()).await, "it does not serve what there is within {DEADLINE:?}");
    }

    /// Stops the daemon as SIGTERM does.
    pub async fn stop_daemon(&mut self) {
        in_time("the daemon stops", self.daemon.take().expect("it runs").stop()).await;
    }

    /// The running daemon.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it runs")
    }

    /// It is later now, for the daemon.
    pub fn put_forward(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::Relaxed);
    }

    /// At the end of this story a storage may be failing.
    pub fn may_fail(&mut self) {
        self.may_fail = true;
    }

    /// Puts a commit on a branch of the remote; nobody is told.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)]) -> Pushed {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))).collect();
        self.change(branch, &files)
    }

    /// Deletes a file on a branch of the remote.
    pub fn remove(&self, branch: &str, path: &str) -> Pushed {
        self.change(branch, &[(path, None)])
    }

    /// Puts a commit on a branch of the remote that writes files, and deletes those without bytes.
    pub fn change(&self, branch: &str, files: &[(&str, Option<&[u8]>)]) -> Pushed {
        let before = self.forge.repository().tip(branch).unwrap();
        let commit = program::Commit { branch, files, message: "Change flags", seconds: self.seconds() };
        let after = self.forge.repository().commit(&commit).unwrap();
        Self::pushed(branch, before, Some(after), false)
    }

    /// Replaces a branch by a commit that knows nothing of it.
    pub fn force(&self, branch: &str, files: &[(&str, &str)]) -> Pushed {
        let before = self.forge.repository().tip(branch).unwrap();
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))).collect();
        let commit = program::Commit { branch, files: &files, message: "Start over", seconds: self.seconds() };
        let after = self.forge.repository().rewrite(&commit, None).unwrap();
        Self::pushed(branch, before, Some(after), true)
    }

    /// Makes a branch at the tip of another one.
    pub fn branch(&self, branch: &str, from: &str) -> Pushed {
        let tip = self.forge.repository().tip(from).unwrap().expect("the branch is there");
        self.forge.repository().set_branch(branch, &tip).unwrap();
        Self::pushed(branch, None, Some(tip), false)
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, branch: &str) -> Pushed {
        let before = self.forge.repository().tip(branch).unwrap();
        self.forge.repository().delete_branch(branch).unwrap();
        Self::pushed(branch, before, None, false)
    }

    fn pushed(branch: &str, before: Option<String>, after: Option<String>, forced: bool) -> Pushed {
        Pushed { branch: branch.to_owned(), before, after, forced, at: Timestamp::now() }
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.seconds.fetch_add(60, Ordering::Relaxed)).unwrap()
    }

    /// What the provider sends for a push, each with an id of its own.
    pub fn deliveries(&self, pushed: &Pushed) -> Vec<Delivery> {
        self.deliveries_as(self.forge.place(), pushed, Encoding::Json)
    }

    /// The same for any repository and either encoding.
    pub fn deliveries_as(
        &self,
        place: &yardarm::demo::dialect::Repository,
        pushed: &Pushed,
        encoding: Encoding,
    ) -> Vec<Delivery> {
        let secret = self.secret();
        self.hooked(place, pushed, encoding, &secret, Sender::deliveries)
    }

    /// What the provider sends for a push when its webhook has another secret.
    pub fn deliveries_under(&self, secret: &str, pushed: &Pushed) -> Vec<Delivery> {
        let place = self.forge.place();
        self.hooked(place, pushed, Encoding::Json, secret, Sender::deliveries)
    }

    /// What the provider sends when somebody tries the webhook; nothing where it cannot be tried.
    pub fn test_delivery(&self, pushed: &Pushed) -> Option<Delivery> {
        let (place, secret) = (self.forge.place(), self.secret());
        self.hooked(place, pushed, Encoding::Json, &secret, Sender::test_delivery)
    }

    fn hooked<T>(
        &self,
        place: &yardarm::demo::dialect::Repository,
        pushed: &Pushed,
        encoding: Encoding,
        secret: &str,
        make: fn(Sender, &Hook<'_>, &Push<'_>) -> T,
    ) -> T {
        let id = format!("{:08}-world", self.deliveries.fetch_add(1, Ordering::Relaxed));
        let person = Person { name: "Ada".to_owned(), email: "ada@example.com".to_owned(), login: "ada".to_owned() };
        let commits: Vec<Commit> = pushed
            .after
            .iter()
            .map(|id| Commit {
                id: id.clone(),
                message: "Change flags".to_owned(),
                added: Vec::new(),
                modified: vec![SHOP.to_owned()],
                removed: Vec::new(),
            })
            .collect();
        let reference = format!("refs/heads/{}", pushed.branch);
        let push = Push {
            repository: place,
            reference: &reference,
            before: pushed.before.as_deref(),
            after: pushed.after.as_deref(),
            forced: pushed.forced,
            commits: &commits,
            pusher: &person,
            at: pushed.at,
        };
        let hook = Hook { secret, id: &id, encoding, at: Timestamp::now() };
        make(self.sender, &hook, &push)
    }

    /// Sends a delivery to the storage's endpoint.
    pub async fn send(&self, delivery: &Delivery) -> Answer {
        self.send_to(&format!("/webhooks/{STORAGE}"), delivery).await
    }

    /// Sends a delivery to a path.
    pub async fn send_to(&self, path: &str, delivery: &Delivery) -> Answer {
        let outside = self.webhooks.as_ref().unwrap_or(&self.outside);
        in_time("a delivery is answered", outside.deliver(path, delivery)).await.unwrap()
    }

    /// Announces a push as its provider does: the delivery that tells of the refs has to be accepted, another one
    /// beside it (a branch was made) may be of no use.
    pub async fn announce(&self, pushed: &Pushed) {
        let mut answers = Vec::new();
        for delivery in self.deliveries(pushed) {
            answers.push(self.send(&delivery).await.status);
        }
        assert!(answers.contains(&202) && answers.iter().all(|status| matches!(status, 200 | 202)), "{answers:?}");
    }

    /// Commits to `main`, announces it, and waits until it is served.
    pub async fn push(&self, files: &[(&str, &str)]) -> Pushed {
        let pushed = self.commit("main", files);
        self.announce(&pushed).await;
        self.live(&pushed).await;
        pushed
    }

    /// Waits until a push is served.
    pub async fn live(&self, pushed: &Pushed) {
        let commit = pushed.after.as_deref();
        self.until("the push is live", |storage| served(storage) == commit).await;
    }

    /// Asks the API, as somebody who may do everything.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
        headers.extend(body.map(|_| ("Content-Type", "application/json")));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.outside.send(method, path, &headers, body).await.unwrap()
    }

    /// The storage's status.
    pub async fn status(&self) -> Value {
        let answer = self.ask("GET", &format!("/api/v2/storages/{STORAGE}"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The records of the storage's deliveries.
    pub async fn records(&self) -> Vec<Value> {
        let answer = self.ask("GET", &format!("/api/v2/storages/{STORAGE}/deliveries"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["deliveries"].as_array().expect("a list of deliveries").clone()
    }

    /// Asks the storage's status until it is as the story wants it, and answers it.
    pub async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = asking(async || {
            last = self.status().await;
            holds(&last)
        })
        .await;
        assert!(found, "not within {DEADLINE:?}: {what}\n{last:#}\n{:#?}", self.forge.seen());
        last
    }

    /// Asks the records of deliveries until one is as the story wants it, and answers that one.
    pub async fn until_record(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        let mut last = Vec::new();
        asking(async || {
            last = self.records().await;
            found = last.iter().find(|record| wanted(record)).cloned();
            found.is_some()
        })
        .await;
        found.unwrap_or_else(|| panic!("no such record within {DEADLINE:?}: {what}\n{last:#?}"))
    }

    /// Listens to the environment's namespace.
    pub async fn listen(&self, form: Form) -> Listener {
        self.listen_to(form, ENVIRONMENT, NAMESPACE).await
    }

    /// Listens to any namespace of any environment.
    pub async fn listen_to(&self, form: Form, environment: &str, namespace: &str) -> Listener {
        self.outside.listen(form, environment, namespace).await.unwrap()
    }

    /// Expects a listener to hear a file's state.
    pub async fn heard(&self, listener: &Listener, text: &str) {
        let frame = listener.digest(&digest(text), DEADLINE).await;
        assert!(frame.is_some(), "a client never heard of it: {:#?}", listener.frames());
    }

    /// What the banner of a namespace says to somebody who asks.
    pub async fn banner(&self, environment: &str, namespace: &str) -> String {
        let question = serde_json::json!({
            "environmentKey": environment, "namespaceKey": namespace, "flagKey": "banner", "entityId": "ada",
        });
        let answer = self.ask("POST", "/evaluate/v1/variant", Some(&question)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let attachment: Value = serde_json::from_str(answer.json()["variantAttachment"].as_str().unwrap()).unwrap();
        attachment["text"].as_str().unwrap().to_owned()
    }

    /// The value of a series in `/metrics`, summed over the label sets that contain all of `labels`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.outside.get("/metrics").await.unwrap().text();
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// The end of every story: nothing unexpected has happened, and everything stops in time.
    pub async fn end(mut self) {
        assert_eq!(self.forge.strays(), [""; 0], "requests that the forge does not know");
        if self.daemon.is_some() {
            assert_eq!(self.outside.get("/health").await.unwrap().status, 200);
            let failure = self.status().await["failure"].clone();
            assert!(failure.is_null() || self.may_fail, "a failure that the story does not tell: {failure:#}");
            self.stop_daemon().await;
        }
    }
}

#[expect(clippy::print_stderr, reason = "the person at the terminal has to find the directory")]
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            let (kept, target) = (directory.keep(), env!("CARGO_CRATE_NAME"));
            eprintln!("kept: {}\nagain: cargo test --test {target} -- --exact {name}", kept.display());
        }
    }
}

/// Repeats a question until its answer is yes; false when time is up.
pub async fn asking(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    tokio::time::timeout(DEADLINE, async {
        while !holds().await {
            tick.tick().await;
        }
    })
    .await
    .is_ok()
}

/// A thing that must not take long.
pub async fn in_time<T>(what: &str, thing: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, thing).await;
    done.unwrap_or_else(|late| panic!("not within {DEADLINE:?}: {what} ({late})"))
}
