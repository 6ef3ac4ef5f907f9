//! The recorded conversation with Flipt's management API, replayed in its order against the daemon, with a real remote.
//!
//! Beside each answer, what it did to the remote is compared: branches, messages and files. What is ours beside Flipt's
//! (the `resourceRevision`, the `ETag` of a resource, how far a branch is) is taken off first. Whatever a request
//! answers, a `GET` and a refusal change nothing on the remote.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use yardarm::demo::dialect::Sender;

use super::golden::{ask, compare, judge, recorded_conversations};
use super::wire;
use crate::differences::CONVERSATIONS;
use crate::world::{Plan, World};

/// The remote of the recordings, with the daemon on it.
pub(super) async fn recorded_world(rest: &str) -> World {
    let mut world = Plan::of(Sender::Github).without_webhook().empty().forge_only();
    for branch in ["main", "canary"] {
        let files = tree(branch);
        let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), Some(bytes.as_slice()))).collect();
        world.change(branch, &files);
    }
    let (state, remote) = (world.path().join("state").display().to_string(), world.forge.url(world.sender));
    world.text = format!(
        "state: {{directory: {state:?}}}\nserver: {{host: 127.0.0.1, http_port: 0}}\n{rest}storage:\n  flags: {{remote: \
         {remote:?}, branch: main, poll_interval: 5m}}\n  canary: {{remote: {remote:?}, branch: canary, poll_interval: \
         5m}}\nenvironments:\n  default: {{name: default, storage: flags, directory: dev, default: true}}\n  production: \
         {{name: production, storage: flags, directory: production}}\n  canary: {{name: canary, storage: canary}}\n"
    );
    world.start_daemon().await;
    world.settled().await;
    world
}

/// A daemon whose remote cannot be reached, and never could.
pub(super) async fn unreachable_world() -> World {
    let mut world = Plan::of(Sender::Github).without_webhook().empty().forge_only();
    let state = world.path().join("state").display().to_string();
    world.text = format!(
        "state: {{directory: {state:?}}}\nserver: {{host: 127.0.0.1, http_port: 0}}\nstorage:\n  flags: {{remote: \
         \"http://127.0.0.1:1/flags.git\", branch: main, poll_interval: 5m}}\nenvironments:\n  default: {{storage: \
         flags, default: true}}\n"
    );
    world.start_daemon().await;
    world.settled().await;
    world
}

/// The files of a branch.
fn tree(branch: &str) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type().unwrap().is_dir() {
                walk(root, &path, files);
            } else {
                files.push((path, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/inputs").join(branch), "", &mut files);
    files
}

/// Every branch of the remote, with its tip.
fn tips(world: &World) -> BTreeMap<String, String> {
    let listed =
        world.forge.repository().git(["for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"]);
    let listed = listed.unwrap();
    listed.lines().map(|line| line.split_once(' ').unwrap()).map(|(b, tip)| (b.to_owned(), tip.to_owned())).collect()
}

/// What happened on the remote between two moments, as the recordings say it.
fn happened(world: &World, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Value> {
    let git = |arguments: &[&str]| world.forge.repository().git(arguments.iter().copied()).unwrap();
    let mut happened = Vec::new();
    for (branch, tip) in after {
        let Some(old) = before.get(branch) else {
            happened.push(json!({ "branch": branch }));
            continue;
        };
        if old == tip {
            continue;
        }
        for commit in git(&["rev-list", "--reverse", &format!("{old}..{tip}")]).lines() {
            let told = git(&["log", "-1", "--format=%an <%ae>%x00%B", commit]);
            let (author, message) = told.split_once('\0').unwrap();
            let files = git(&["diff-tree", "-r", "--no-commit-id", "--name-status", commit]);
            happened.push(json!({
                "branch": branch,
                "author": author,
                "message": message.trim_end(),
                "files": files.lines().collect::<Vec<_>>(),
            }));
        }
        assert_eq!(git(&["merge-base", old, tip]).trim(), old, "the branch {branch} was replaced");
    }
    for branch in before.keys().filter(|branch| !after.contains_key(*branch)) {
        happened.push(json!({ "branch": branch, "deleted": true }));
    }
    happened
}

/// What is recorded of that.
fn expected(line: &Value) -> Vec<Value> {
    let recorded = line["commits"].as_array().cloned().unwrap_or_default();
    let ours = |commit: Value| {
        let mut commit = commit.as_object().unwrap().clone();
        commit.remove("committer");
        commit.remove("onTopOfPrevious");
        Value::Object(commit)
    };
    recorded.into_iter().map(ours).collect()
}

/// A text with every commit called the same.
fn without_hashes(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() == 40 { "<commit>" } else { &run });
        run.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// A text with every name that was made up the same: `quiet-fox-4605`.
fn without_chance(text: &str) -> String {
    let is_made_up = |word: &str| {
        let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let parts: Vec<_> = word.split('-').collect();
        matches!(parts[..], [how, who, hex] if letters(how) && letters(who) && hex.len() == 4 && u16::from_str_radix(hex, 16).is_ok())
    };
    let words = text.split('/').map(|word| if is_made_up(word) { "<made up>" } else { word });
    words.collect::<Vec<_>>().join("/")
}

/// An answer without what differs each time, and without what is ours beside Flipt's.
pub(super) fn normal(value: Value, remote: &str) -> Value {
    match value {
        Value::String(text) => without_chance(&without_hashes(&text.replace(remote, "REMOTE_URL"))).into(),
        Value::Array(list) => {
            let mut list: Vec<_> = list.into_iter().map(|value| normal(value, remote)).collect();
            if list.iter().all(|item| item["configuration"].is_object() || item["environmentKey"].is_string()) {
                list.sort_by_key(|item| item["key"].to_string());
            }
            list.into()
        }
        Value::Object(object) => {
            let branch = object.contains_key("environmentKey");
            let ours =
                |name: &str| name == "resourceRevision" || branch && matches!(name, "revision" | "ahead" | "behind");
            object
                .into_iter()
                .filter(|(name, _)| !ours(name))
                .map(|(name, value)| (name, normal(value, remote)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other,
    }
}

/// The revisions of branch `main` that were answered, each once.
#[derive(Default)]
struct Revisions(Vec<String>);

impl Revisions {
    fn note(&mut self, path: &str, answer: &wire::Answer) {
        let main = ["default", "production"].iter().any(|e| path.starts_with(&format!("/api/v2/environments/{e}/")));
        if !main || answer.status != 200 {
            return;
        }
        let told = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        if let Some(revision) = told["revision"].as_str()
            && self.0.last().is_none_or(|last| last != revision)
        {
            self.0.push(revision.to_owned());
        }
    }

    fn fill_in(&self, request: &Value) -> Value {
        let at = |back: usize| self.0.len().checked_sub(back).and_then(|at| self.0.get(at)).map_or("", String::as_str);
        let first = self.0.first().map_or("", String::as_str);
        let text = request.to_string().replace("{{revision}}", at(1));
        serde_json::from_str(&text.replace("{{previous}}", at(2)).replace("{{first}}", first)).unwrap()
    }
}

/// Replays all of it; what is otherwise than it should be.
fn replay(world: &World) -> Vec<String> {
    let text = recorded_conversations("management");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 260);
    let remote = world.forge.url(world.sender);
    let (mut failures, mut used) = (Vec::new(), vec![false; CONVERSATIONS.len()]);
    let mut revisions = Revisions::default();
    let mut before = tips(world);
    for line in &lines {
        let (name, path) = (line["name"].as_str().unwrap(), line["request"]["path"].as_str().unwrap());
        let mut got = ask(world.daemon().address(), &revisions.fill_in(&line["request"]), "");
        revisions.note(path, &got);
        let after = tips(world);
        let happened = happened(world, &before, &after);
        let reads = line["request"]["method"] == "GET" || path.starts_with("/evaluate/");
        if (reads || got.status != 200) && !happened.is_empty() {
            failures.push(format!("{name}: {} {happened:?}", got.status));
        }
        before = after;

        if path.starts_with("/api/v2/") {
            got.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("etag"));
        }
        if let Ok(body) = serde_json::from_slice::<Value>(&got.body) {
            got.body = normal(body, &remote).to_string().into_bytes();
        }
        let mut want = line["response"].clone();
        want["body"] = normal(want["body"].take(), &remote);
        let mut differences = compare(&want, &got);
        let expected = normal(expected(line).into(), &remote);
        let happened = normal(happened.into(), &remote);
        if expected != happened {
            differences.push(format!("commits {expected}, now {happened}"));
        }
        judge("management", name, &differences, &got, &mut used, &mut failures);
    }
    for (difference, used) in CONVERSATIONS.iter().zip(&used) {
        if difference.file == "management" && !used && lines.iter().any(|line| line["name"] == difference.name) {
            failures.push(format!("{} does not differ any more", difference.name));
        }
    }
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_whole_conversation() {
    let world = recorded_world("").await;
    let (mut world, failures) = tokio::task::spawn_blocking(move || {
        let failures = replay(&world);
        (world, failures)
    })
    .await
    .unwrap();
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
    world.stop_daemon().await;
}
