//! What Flipt's metrics and its choice of environments were, and what ours are.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use yardarm::http::Settings;

use super::server::{Server, environment, of_directory, publish};
use super::wire;
use crate::differences::{LABELS, METRICS};

fn recorded(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden").join(file)).unwrap()
}

/// Names of the metrics of a scrape, without the end that a counter has in one format and not in the other.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(|name| name.strip_suffix("_total").unwrap_or(name))
        .collect()
}

/// Names of the labels that stand at metrics of evaluation.
fn labels(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter(|line| line.starts_with("flipt_evaluations_"))
        .filter_map(|line| line.split_once('{')?.1.rsplit_once('}'))
        .flat_map(|(labels, _)| labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)))
        .collect()
}

fn stands_for(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |begin| name.starts_with(begin))
}

#[test]
fn metrics_have_the_names_that_they_had() {
    let server = Server::start(vec![of_directory("default", true, "main/dev")], Settings::default());
    assert_eq!(server.post("/evaluate/v1/boolean", r#"{"flagKey":"all"}"#).status, 200);
    let ours = server.get("/metrics").text();
    let theirs = recorded("metrics.txt");
    for (what, table, theirs, ours) in
        [("metric", METRICS, names(&theirs), names(&ours)), ("label", LABELS, labels(&theirs), labels(&ours))]
    {
        let missing: BTreeSet<_> = theirs.difference(&ours).copied().collect();
        for name in &missing {
            assert!(table.iter().any(|(pattern, _)| stands_for(pattern, name)), "the {what} {name} is missing");
        }
        for (pattern, _) in table {
            let seen = missing.iter().any(|name| stands_for(pattern, name));
            assert!(seen, "the {what} {pattern} is not missing any more");
        }
    }
}

/// One flag, on or off.
fn serving(name: &str, default: bool, on: bool) -> std::sync::Arc<yardarm::serve::Environment> {
    let environment = environment(name, default);
    let flag = format!("version: \"1.6\"\nflags:\n- {{key: a, name: a, type: BOOLEAN_FLAG_TYPE, enabled: {on}}}\n");
    publish(&environment, &[("default/features.yaml", &flag)]);
    environment
}

/// What each surface takes for the default environment, where another one has that name: both as recorded.
#[test]
fn an_environment_that_is_called_default_and_the_default_one_are_told_apart_as_recorded() {
    let text = recorded("environments.jsonl");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (both, neither) = (lines.next().unwrap(), lines.next().unwrap());
    let named: &[(&str, &str)] = &[("X-Flipt-Environment", "default")];
    let one = r#"{"flagKey":"a"}"#;
    let several = r#"{"requests":[{"flagKey":"a"}]}"#;
    let snapshot = "/internal/v1/evaluation/snapshot/namespace/default";
    let client = |name: &str| format!("/client/v2/environments/{name}/namespaces/default/snapshot");

    let server =
        Server::start(vec![serving("main", true, true), serving("default", false, false)], Settings::default());
    let post = |path: &str, headers: &[(&str, &str)], body: &str| server.send("POST", path, headers, Some(body)).json();
    let get = |path: &str, headers: &[(&str, &str)]| {
        wire::send(server.address, "GET", path, headers, None).json()["flags"][0]["enabled"].clone()
    };
    let ofrep = |headers| post("/ofrep/v1/evaluate/flags/a", headers, "{}")["value"].clone();
    let batch =
        |headers| post("/evaluate/v1/batch", headers, several)["responses"][0]["booleanResponse"]["enabled"].clone();
    let ours = json!({
        "boolean": post("/evaluate/v1/boolean", &[], one)["enabled"],
        "booleanHeaderDefault": post("/evaluate/v1/boolean", named, one)["enabled"],
        "batch": batch(&[]),
        "batchHeaderDefault": batch(named),
        "ofrep": ofrep(&[]),
        "ofrepHeaderDefault": ofrep(named),
        "snapshot": get(snapshot, &[]),
        "snapshotHeaderDefault": get(snapshot, named),
        "clientPathDefault": get(&client("default"), &[]),
        "clientPathUnknown": get(&client("nope"), &[]),
    });
    for (surface, ours) in ours.as_object().unwrap() {
        assert_eq!(*ours, both[surface], "{surface}");
    }

    let server = Server::start(vec![serving("main", true, true)], Settings::default());
    let header = server.send("POST", "/evaluate/v1/boolean", named, Some(one)).json();
    assert_eq!(header["enabled"], neither["headerDefault"]);
    assert_eq!(server.post("/evaluate/v1/boolean", one).json()["enabled"], neither["bodyless"]);
    let list = server.send("GET", "/api/v1/namespaces/default/flags", named, None);
    assert_eq!(json!(list.status), neither["listHeaderDefault"]);
    assert_eq!(json!(server.get(&client("default")).status), neither["clientPath"]);
}
