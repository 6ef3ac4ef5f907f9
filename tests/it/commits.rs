//! The recorded story of thirteen commits: what six streams of a Flipt server got at each, told to our daemon.
//!
//! Flipt ends a stream after ten seconds, so the recording has new ones at each commit. Here those of every commit stay
//! open to the end, and in the end each must have got exactly what follows from the recording: nothing is missing, and
//! nothing came twice or too much. What differs stands in [`COMMITS`](crate::differences::COMMITS).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use yardarm::demo::dialect::Sender;
use yardarm::demo::outside::{Form, Listener};

use crate::differences::COMMITS;
use crate::differences::reasons;
use crate::world::{DEADLINE, Plan, World, environment};

/// A namespace of an environment.
type Place = (String, String);

/// What a recorded frame says that is served.
fn digest(frame: &Value) -> Option<String> {
    let text = frame.as_str()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(text);
    let json: Value = serde_json::from_str(data).ok()?;
    json.pointer("/result/digest").or_else(|| json.get("etag"))?.as_str().map(str::to_owned)
}

fn place(path: &str) -> (Form, Place) {
    let parts: Vec<_> = path.split('/').collect();
    match parts[..] {
        ["", "ofrep", _, _, environment, namespace, _] => (Form::Ofrep, (environment.into(), namespace.into())),
        ["", "client", _, _, environment, _, namespace, _] => (Form::Lines, (environment.into(), namespace.into())),
        _ => panic!("{path}"),
    }
}

/// Every file of the recorded repository, by its path there.
fn files() -> Vec<(String, String)> {
    fn walk(root: &Path, below: &str, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{below}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(root, &path, found);
            } else {
                found.push((path, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/inputs/main");
    let mut found = Vec::new();
    for directory in ["dev", "production"] {
        walk(&root, directory, &mut found);
    }
    found
}

/// What a stream that was opened before commit `from` gets until the end; `None` is "it is gone".
fn expected(form: Form, states: &[Option<String>], from: usize) -> Vec<Option<String>> {
    let mut told = states[from].clone();
    let mut got: Vec<_> = told.iter().cloned().map(Some).collect();
    for pair in states[from..].windows(2) {
        match (&pair[0], &pair[1]) {
            (before, after) if before == after => {}
            (_, Some(after)) => {
                // A line carries a state; who has it already is not sent it again.
                if form != Form::Lines || told.as_ref() != Some(after) {
                    got.push(Some(after.clone()));
                }
                told = Some(after.clone());
            }
            (_, None) if form == Form::Lines => {}
            (_, None) => got.push(None),
        }
    }
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirteen_commits_reach_every_stream_as_recorded() {
    let recording =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/stream-commits.jsonl"));
    let story: Value = serde_json::from_str(recording.unwrap().lines().next().unwrap()).unwrap();
    let requests = story["requests"].as_array().unwrap();
    let streams: Vec<(Form, Place)> = requests
        .iter()
        .map(|request| match place(request["path"].as_str().unwrap()) {
            (Form::Lines, place) if request["headers"]["Accept"].is_string() => (Form::Events, place),
            other => other,
        })
        .collect();
    let commits = story["commits"].as_array().unwrap();
    assert_eq!((commits.len(), streams.len()), (13, 6));
    let states = states(&story, &streams);

    let mut world = Plan::of(Sender::Gitea)
        .environment("directory: production")
        .environment("\n  default: {storage: flags, directory: dev}")
        .forge_only();
    let inputs = files();
    let inputs: Vec<_> = inputs.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let first = world.commit("main", &inputs);
    world.start_daemon().await;
    live(&world, first.after.as_deref()).await;

    let mut open: Vec<(usize, usize, Listener)> = Vec::new();
    for (n, commit) in commits.iter().enumerate() {
        for (which, (form, (environment, namespace))) in streams.iter().enumerate() {
            let listener = world.listen_to(*form, environment, namespace).await;
            if let Some(now) = &states[&streams[which].1][n] {
                assert!(listener.digest(now, DEADLINE).await.is_some(), "{}: {form:?}", commit["step"]);
            }
            open.push((n, which, listener));
        }
        let files = commit["files"].as_object().unwrap();
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str().map(str::as_bytes))).collect();
        let pushed = world.change("main", &files);
        world.announce(&pushed).await;
        live(&world, pushed.after.as_deref()).await;
        // Each hears of this commit before the next one: a stream may skip what is no longer true.
        for (from, which, listener) in &open {
            let wanted = expected(streams[*which].0, &states[&streams[*which].1][..=n + 1], *from).len();
            let heard = wanted == 0 || listener.first(DEADLINE, |_| listener.frames().len() >= wanted).await.is_some();
            assert!(heard, "{}: {:?} {:#?}", commit["step"], streams[*which], listener.frames());
        }
    }
    // What came too much has come by now: another commit is heard of on each kind of stream.
    let last = "version: \"1.6\"\nnamespace: live-a\nflags: []\n";
    let pushed = world.commit("main", &[("dev/live-a/features.yaml", last)]);
    world.announce(&pushed).await;
    let last = crate::world::digest(last);
    for (from, which, listener) in &open {
        let (form, place) = &streams[*which];
        let mut wanted = expected(*form, &states[place], *from);
        if place.1 == "live-a" {
            wanted.push(Some(last.clone()));
            assert!(listener.digest(&last, DEADLINE).await.is_some());
        }
        let got: Vec<_> = listener.frames().into_iter().map(|frame| frame.digest).collect();
        assert_eq!(got, wanted, "opened before {}: {form:?} of {place:?}", commits[*from]["step"]);
    }
    world.end().await;
}

/// What is served of each place before the first commit and after each: as recorded, but for the wanted differences.
fn states(story: &Value, streams: &[(Form, Place)]) -> BTreeMap<Place, Vec<Option<String>>> {
    let mut states: BTreeMap<Place, Vec<Option<String>>> = BTreeMap::new();
    let steps = story["received"].as_array().unwrap();
    for (which, (form, place)) in streams.iter().enumerate() {
        let mut served = Vec::new();
        for step in steps {
            let stream = &step["streams"][which];
            let before = digest(&stream["before"][0]);
            let after = stream["after"].as_array().unwrap().last().and_then(digest);
            if served.is_empty() {
                served.push(before.clone());
            }
            // The recording shows a namespace that goes only by what the next stream is not told.
            let known: &mut Option<String> = served.last_mut().unwrap();
            known.clone_from(&before);
            served.push(after.or(before));
        }
        let ends_gone = steps.last().unwrap()["step"] == "both go" && place.1.starts_with("live-");
        if ends_gone {
            *served.last_mut().unwrap() = None;
        }
        let before = states.insert(place.clone(), served.clone());
        assert!(before.is_none_or(|before| before == served), "{form:?} of {place:?} was told otherwise");
    }
    for (step, namespace, reason) in COMMITS {
        assert_eq!(reason.here, reasons::HELD.here, "only this one is known how to apply");
        let n = steps.iter().position(|known| known["step"] == *step).unwrap();
        let served = states.get_mut(&("default".to_owned(), (*namespace).to_owned())).unwrap();
        assert_ne!(served[n + 1], served[n + 2], "{step} does not differ any more");
        let (before, after) = served.split_at_mut(n + 2);
        before[n + 1].clone_from(&after[0]);
    }
    states
}

/// Waits until both environments have looked at a commit.
async fn live(world: &World, commit: Option<&str>) {
    let at = |status: &Value, name| environment(status, name).and_then(|e| e["commit"].as_str().map(str::to_owned));
    world
        .until("both environments have the commit", |status| {
            ["production", "default"].iter().all(|name| at(status, name).as_deref() == commit)
        })
        .await;
}
