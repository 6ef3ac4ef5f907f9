//! The real binary, as an operator runs it: a configuration file, a state directory, a log. It can be killed and
//! started again on the same port.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::Outside;

use crate::world::{DEADLINE, Pushed, STORAGE, World, asking, in_time, served};

/// The token that opens it.
pub const TOKEN: &str = "an-sdk-of-the-shop";

/// A daemon that serves the world's repository.
pub struct Daemon {
    sender: Sender,
    directory: PathBuf,
    /// The configuration, but for the port.
    text: String,
    port: u16,
    outside: Outside,
    child: Child,
}

impl Daemon {
    /// Starts one on a free port. `authentication` has more keys of that name.
    pub async fn start(world: &World, name: &str, sender: Sender, authentication: &str) -> Self {
        let directory = world.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        // Polling stays out of the way, so that what is seen came by webhook. The environment has a name of its own:
        // clients say "default" when they are told nothing.
        let text = format!(
            "server: {{host: 127.0.0.1, http_port: PORT}}\n\
             authentication:\n  required: true\n  {authentication}\n  methods:\n    token:\n      enabled: true\n      \
             storage: {{type: static, tokens: {{shop: {{credential: {TOKEN}}}}}}}\n\
             storage:\n  {STORAGE}:\n    remote: {:?}\n    poll_interval: 10m\n    poll_ceiling: 10m\n    \
             webhook: {{provider: {}, secrets: [{:?}]}}\n\
             environments:\n  production: {{storage: {STORAGE}, default: true}}\n",
            world.forge.url(sender),
            sender.provider().name(),
            world.secret(),
        );
        let child = spawn(&directory, &text, 0);
        let mut daemon =
            Self { sender, directory, text, port: 0, outside: Outside::new("http://127.0.0.1:1").unwrap(), child };
        daemon.listens().await;
        daemon
    }

    /// Kills it, as a machine that loses its power does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
        self.is_content();
    }

    /// Starts it again, on the port that its clients know.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.directory, &self.text, self.port);
        self.listens().await;
    }

    /// Waits until it listens. A port that somebody else took in between is waited for.
    async fn listens(&mut self) {
        let mut address = None;
        let listens = asking(async || {
            address = self.address();
            if address.is_none() && self.child.try_wait().unwrap().is_some() {
                assert_ne!(self.port, 0, "the daemon ended:\n{}", self.log());
                self.child = spawn(&self.directory, &self.text, self.port);
            }
            address.is_some()
        })
        .await;
        assert!(listens, "the daemon does not listen within {DEADLINE:?}:\n{}", self.log());
        let address = address.unwrap();
        self.port = address.rsplit(':').next().unwrap().parse().unwrap();
        self.outside = Outside::new(format!("http://{address}")).unwrap();
    }

    pub fn url(&self) -> &str {
        self.outside.base()
    }

    /// Waits until so many streams are open. That they are not is the fault of a client, or may be.
    pub async fn has_streams(&self, wanted: usize) -> Result<(), String> {
        let mut open = String::new();
        let all = asking(async || {
            let metrics = in_time("metrics", self.outside.get("/metrics")).await.unwrap().text();
            let count = metrics.lines().find_map(|line| line.strip_prefix("flipt_evaluations_streams_in_progress "));
            count.expect("the number of streams is a metric").clone_into(&mut open);
            open == wanted.to_string()
        })
        .await;
        if all { Ok(()) } else { Err(format!("{wanted} streams were to be open within {DEADLINE:?}, {open} are")) }
    }

    /// Opens a stream beside those of the clients, and waits until it has been kept alive: so have theirs, which are
    /// older.
    pub async fn keeps_a_stream_alive(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let path = "/client/v2/environments/production/namespaces/shop/stream";
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let kept = async {
            // A chunk with one blank.
            while !heard.ends_with(b"\r\n1\r\n \r\n") {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
            }
        };
        in_time("a stream is kept alive", kept).await;
    }

    /// Sends what the provider sends for a push. One delivery has to be accepted.
    pub async fn announce(&self, world: &mut World, pushed: &Pushed) {
        world.sender = self.sender;
        let mut answers = Vec::new();
        for delivery in world.deliveries(pushed) {
            let path = format!("/webhooks/{STORAGE}");
            answers.push(in_time("a delivery", self.outside.deliver(&path, &delivery)).await.unwrap().status);
        }
        assert!(answers.contains(&202), "{answers:?}");
    }

    /// Waits until it serves a push.
    pub async fn serves(&self, pushed: &Pushed) {
        let path = format!("/api/v2/storages/{STORAGE}");
        let bearer = format!("Bearer {TOKEN}");
        let mut last = Value::Null;
        let live = asking(async || {
            let answer = self.outside.send("GET", &path, &[("Authorization", &bearer)], Vec::new()).await;
            last = answer.map_or_else(|error| Value::String(error.to_string()), |answer| answer.json());
            served(&last) == pushed.after.as_deref()
        })
        .await;
        assert!(live, "not served within {DEADLINE:?}: {pushed:?}\n{last:#}\n{}", self.log());
    }

    /// Ends it as its service manager does.
    pub async fn stop(mut self) {
        let process = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &process]).status().await.unwrap().success());
        let status = in_time("the daemon stops", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}:\n{}", self.log());
        self.is_content();
    }

    /// Nothing in its log asks for a person.
    fn is_content(&self) {
        assert!(self.lines().all(|line| line["level"] != "ERROR"), "{}", self.log());
    }

    /// Where the last start listens.
    fn address(&self) -> Option<String> {
        let listening = self.lines().find(|line| line["message"] == "listening")?;
        Some(listening["address"].as_str()?.to_owned())
    }

    fn lines(&self) -> impl Iterator<Item = Value> {
        let lines: Vec<_> = self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

/// Starts the binary with nothing of this process's environment, and a log of its own.
fn spawn(directory: &std::path::Path, text: &str, port: u16) -> Child {
    let at = |name: &str| directory.join(name);
    std::fs::write(at("config.yml"), text.replace("PORT", &port.to_string())).unwrap();
    if at("log").exists() {
        std::fs::rename(at("log"), at("log.before")).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_yardarm"));
    command.args(["serve", "--config"]).arg(at("config.yml")).env_clear();
    command.env("STATE_DIRECTORY", at("state")).env("YARDARM_LOG_FILE", at("log")).env("YARDARM_LOG_ENCODING", "json");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}
