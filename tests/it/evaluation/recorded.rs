//! The reference evaluator answers as a running Flipt did; without this, agreeing with it would prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::reference::{self, Answer, Constraint, Mode, Namespace, Request, values};

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures(path)).unwrap()).unwrap()
}

/// The flag files below a directory, in the order in which Flipt walks it.
fn tree(root: &str) -> BTreeMap<String, Namespace> {
    fn walk(at: &Path, depth: usize, texts: &mut Vec<String>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                walk(&path, depth + 1, texts);
            } else if depth > 0 && ["features.yaml", "features.yml", "features.json"].contains(&name) {
                texts.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    walk(&fixtures("golden/inputs").join(root), 0, &mut texts);
    reference::files(texts.iter().map(String::as_str))
}

fn request(body: &Value) -> Request {
    let pairs = body["context"].as_object().into_iter().flatten();
    Request {
        entity: field(body, "entityId", "entity_id").to_owned(),
        context: pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
    }
}

fn field<'v>(body: &'v Value, camel: &str, snake: &str) -> &'v str {
    body[camel].as_str().or(body[snake].as_str()).unwrap_or_default()
}

fn or_default(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

/// Compares a recorded answer with ours.
fn compare(answer: &Answer, recorded: &Value, what: &Value) {
    let keys: BTreeSet<String> =
        recorded["segmentKeys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
    let word = recorded["reason"].as_str().unwrap();
    match answer {
        Answer::Boolean { enabled, reason, segments } => {
            assert_eq!(
                (Value::from(*enabled), *reason, segments),
                (recorded["enabled"].clone(), word, &keys),
                "{what}"
            );
        }
        Answer::Variant { matched, reason, segments, key, attachment } => {
            assert_eq!((Value::from(*matched), *reason, segments), (recorded["match"].clone(), word, &keys), "{what}");
            assert_eq!(key, recorded["variantKey"].as_str().unwrap(), "{what}");
            let text = recorded["variantAttachment"].as_str().unwrap();
            if !key.is_empty() {
                let recorded: Value = serde_json::from_str(text).unwrap();
                assert_eq!(floats(attachment), floats(&recorded), "{what}");
            }
        }
    }
}

/// Flipt keeps numbers of attachments as floats.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_reference_answers_random_cases_as_recorded() {
    let namespaces = tree("random");
    let packed = std::fs::File::open(fixtures("golden/evaluation-random.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let flag = &namespaces[case["ns"].as_str().unwrap()][case["flag"].as_str().unwrap()];
        let asked = Request { entity: case["entity"].as_str().unwrap().to_owned(), ..request(&case) };
        compare(&reference::evaluate(Mode::Server, flag, &asked), &case["want"], &case);
        compared += 1;
    }
    assert!(compared >= 2_500, "only {compared} cases compared");
}

#[test]
fn the_reference_answers_batches_as_recorded() {
    let environments: BTreeMap<&str, _> =
        [("default", "main/dev"), ("production", "main/production"), ("canary", "canary")]
            .into_iter()
            .map(|(name, root)| (name, tree(root)))
            .collect();
    let mut compared = 0;
    for line in std::fs::read_to_string(fixtures("golden/evaluation-batch.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (asked, answered) = (&line["request"], &line["response"]["body"]["responses"]);
        // `?pretty` leaves out what is zero.
        if asked["path"].as_str().unwrap().contains("pretty") {
            continue;
        }
        let header = asked["headers"]["X-Flipt-Environment"].as_str().unwrap_or_default();
        let items = asked["body"]["requests"].as_array().into_iter().flatten();
        for (item, recorded) in items.zip(answered.as_array().into_iter().flatten()) {
            let keys = [field(item, "environmentKey", "environment_key"), header, "default"];
            let environment = keys.into_iter().find_map(|key| environments.get(key)).unwrap();
            let namespace = environment.get(or_default(field(item, "namespaceKey", "namespace_key")));
            let flag = namespace.and_then(|flags| flags.get(field(item, "flagKey", "flag_key")));
            if recorded.get("errorResponse").is_some() {
                assert!(flag.is_none(), "{item}");
            } else {
                let recorded = recorded.get("booleanResponse").or(recorded.get("variantResponse")).unwrap();
                compare(&reference::evaluate(Mode::Server, flag.unwrap(), &request(item)), recorded, item);
            }
            compared += 1;
        }
    }
    assert!(compared >= 2_200, "only {compared} recordings compared");
}

#[test]
fn the_reference_holds_the_truth_table_in_both_modes() {
    let rows = json("evaluation/operators.json");
    for row in rows.as_array().unwrap() {
        let word = |name: &str| row[name].as_str().unwrap_or_default();
        let constraint = Constraint {
            subject: word("type").to_owned(),
            property: "p".to_owned(),
            operator: word("operator").to_owned(),
            value: word("constraintValue").to_owned(),
        };
        for (mode, column) in [(Mode::Server, "server"), (Mode::Client, "engine")] {
            let dropped = mode == Mode::Server && values::is_malformed(&constraint);
            let found = !dropped && values::fulfils(mode, &constraint, word("input"));
            assert_eq!(Value::from(found), row[column], "{column}: {row}");
        }
    }
    assert_eq!(rows.as_array().unwrap().len(), 280);
}

#[test]
fn the_reference_hashes_and_divides_as_recorded() {
    let vectors = json("evaluation/hash-vectors.json");
    for vector in vectors["hash"].as_array().unwrap() {
        let (flag, entity) = (vector["flagKey"].as_str().unwrap(), vector["entityId"].as_str().unwrap());
        assert_eq!(values::crc32(&format!("{flag}{entity}")), vector["variantCrc32"], "{vector}");
        assert_eq!(values::crc32(&format!("{entity}{flag}")), vector["booleanCrc32"], "{vector}");
    }
    for vector in vectors["boundaries"].as_array().unwrap() {
        #[expect(clippy::cast_possible_truncation)]
        let rollouts = vector["rollouts"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32);
        let rollouts: Vec<f32> = rollouts.filter(|rollout| *rollout > 0.0).collect();
        for (mode, column) in [(Mode::Server, "serverBoundaries"), (Mode::Client, "engineBoundaries")] {
            assert_eq!(Value::from(values::boundaries(mode, &rollouts)), vector[column], "{column}: {vector}");
        }
    }
}
