//! A client at work: a process of its own, the lines that it says, the words that it is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use crate::kit::Ready;
use crate::script::Script;

/// Longer than what a client's engine waits between two attempts (30 s), and than what a script gives it (60 s).
const DEADLINE: Duration = Duration::from_secs(150);

/// A line of a client, and when it came.
#[derive(Debug)]
struct Line {
    at: Instant,
    said: Value,
}

/// A running client. It ends with its input, so it cannot outlive this process.
#[derive(Debug)]
pub struct Client {
    pub script: &'static Script,
    /// When the push was made that it should hear of.
    pub pushed: Option<Instant>,
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<Line>,
    found: Vec<Line>,
    errors: PathBuf,
    failed: Option<String>,
}

impl Client {
    pub fn start(script: &'static Script, kit: &Ready, home: &Path, variables: &[(&str, String)]) -> Self {
        let errors = home.join(format!("{}.err", script.title().replace(|c: char| !c.is_ascii_alphanumeric(), "-")));
        let mut command = Command::new(&kit.program);
        // Nothing of the environment, above all no proxy: what it speaks with is here.
        command.args(script.run).current_dir(&kit.directory).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
        command.env("PYTHONDONTWRITEBYTECODE", "1").envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(std::fs::File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", kit.program.display()));
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = mpsc::channel(256);
        tokio::spawn(async move {
            while let Ok(Some(text)) = said.next_line().await {
                let said = serde_json::from_str(&text).unwrap_or(Value::String(text));
                if sender.send(Line { at: Instant::now(), said }).await.is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { script, pushed: None, child, input, lines, found: Vec::new(), errors, failed: None }
    }

    /// Waits until every client is ready for an act. One that does not come so far has failed; the others go on.
    pub async fn all_await(clients: &mut [Self], act: &str) {
        let end = tokio::time::Instant::now() + DEADLINE;
        for client in clients.iter_mut().filter(|client| client.failed.is_none()) {
            let reached = tokio::time::timeout_at(end, client.reach(act)).await;
            if reached != Ok(true) {
                let how = if reached.is_ok() { "it ended before" } else { "not in time" };
                let errors = std::fs::read_to_string(&client.errors).unwrap_or_default();
                client.failed = Some(format!("{}: not ready for `{act}`: {how}\n{errors}", client.script.title()));
            }
        }
    }

    /// Tells every client that an act has been played.
    pub async fn tell_all(clients: &mut [Self], act: &str) {
        for client in clients.iter_mut().filter(|client| client.failed.is_none()) {
            let Some(input) = &mut client.input else { continue };
            if let Err(error) = input.write_all(format!("{act}\n").as_bytes()).await {
                client.failed = Some(format!("{}: does not listen: {error}", client.script.title()));
            }
        }
    }

    /// Whether it has not failed so far.
    pub fn goes_on(&self) -> bool {
        self.failed.is_none()
    }

    /// False if it ends before.
    async fn reach(&mut self, act: &str) -> bool {
        while let Some(line) = self.lines.recv().await {
            let reached = line.said.get("awaits").is_some_and(|word| word == act);
            self.found.push(line);
            if reached {
                return true;
            }
        }
        false
    }

    pub async fn end(&mut self) {
        self.input = None;
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        if self.failed.is_none() && !matches!(&ended, Ok(Ok(status)) if status.success()) {
            self.failed = Some(format!("{}: ended with {ended:?}", self.script.title()));
        }
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = (&str, &Line)> {
        self.found.iter().filter_map(move |line| Some((line.said.get(key)?.as_str()?, line)))
    }

    /// Whether it took this step, or has no way to.
    pub fn took(&self, step: &str) -> bool {
        self.texts("step").any(|(taken, _)| taken == step) || self.lacks(step)
    }

    pub fn lacks(&self, step: &str) -> bool {
        self.texts("lacks").any(|(lacking, _)| lacking == step)
    }

    /// What is odd about it, in its own order.
    pub fn quirks(&self) -> Vec<&str> {
        self.texts("quirk").map(|(says, _)| says).collect()
    }

    /// The time from the push until it saw the change.
    pub fn seen_after_push(&self) -> Option<Duration> {
        let (_, line) = self.texts("step").find(|(step, _)| *step == "change")?;
        Some(line.at.duration_since(self.pushed?))
    }

    /// Everything that was not as it should be.
    pub fn complaints(&self) -> Vec<String> {
        let title = self.script.title();
        let mut complaints = Vec::new();
        let mut taken = BTreeMap::new();
        for line in &self.found {
            let said = &line.said;
            if let Some(step) = said.get("step").and_then(Value::as_str) {
                *taken.entry(step).or_insert(0) += 1;
            }
            let known = ["awaits", "lacks"].iter().any(|key| said.get(key).is_some());
            if !known && said.get("ok") != Some(&Value::Bool(true)) {
                let what = said.get("step").or(said.get("quirk")).unwrap_or(said);
                complaints.push(format!("{title}: {what}\n  saw  {}\n  want {}", said["saw"], said["want"]));
            }
        }
        complaints
            .extend(taken.iter().filter(|(_, times)| **times > 1).map(|(step, _)| format!("{title}: {step} twice")));
        complaints.extend(self.failed.clone());
        complaints
    }
}
