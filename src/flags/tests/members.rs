//! Every member of a file that has everything: missing, null, of a wrong type, huge, deeply nested. What is wrong is
//! told with its place and what to do, the namespace stays at its last good state, and whatever is served is whole.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::problem::{HazardPolicy, Severity};
use super::super::snapshot::{Environment, Input, assemble};
use super::{input, text};

const MARK: &str = "here goes the replacement";

/// JSON pointers of all values below, lists with their first two items.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            pointers(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out);
        }),
        Value::Array(items) => {
            items.iter().take(2).enumerate().for_each(|(n, value)| pointers(value, &format!("{at}/{n}"), out));
        }
        _ => {}
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
        _ => unreachable!("the pointer was found in the value"),
    }
}

fn replacements() -> Vec<String> {
    let deep = |open: &str, close: &str| open.repeat(200) + "1" + &close.repeat(200);
    let plain = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("x"),
        json!("\u{1b}[31m\u{202e}"),
        json!("a\nb"),
        json!([]),
        json!({}),
        json!([null, [], {}]),
        json!({"key": null, "keys": [1]}),
        json!("x".repeat(10_000)),
    ];
    plain.iter().map(Value::to_string).chain([deep("[", "]"), deep("{\"key\":", "}")]).collect()
}

#[test]
fn every_member_of_a_file_that_has_everything() {
    let mut whole = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&text("flags/valid/everything.yaml")) {
        let mut value = <serde_yaml::Value as serde::Deserialize>::deserialize(document).unwrap();
        value.apply_merge().unwrap();
        whole.push(serde_json::to_value(value).unwrap());
    }
    let (mut refused, mut taken) = (0, 0);
    for value in whole.iter().filter(|value| value.is_object()) {
        let good = assemble(&[read(&value.to_string())], &Environment::default(), HazardPolicy::Warn);
        assert!(good.held.is_empty(), "{:#?}", good.problems);
        let mut all = Vec::new();
        pointers(value, "", &mut all);
        for pointer in all {
            let mut changed = value.clone();
            *changed.pointer_mut(&pointer).unwrap() = json!(MARK);
            let text = changed.to_string();
            let (before, after) = text.split_once(&format!("{MARK:?}")).unwrap();
            remove(&mut changed, &pointer);
            let texts = replacements().into_iter().map(|replacement| [before, &replacement, after].concat());
            for text in texts.chain([changed.to_string()]) {
                let what = || format!("{pointer}: {}", text.get(..200).unwrap_or(&text));
                let state = assemble(&[read(&text)], &good, HazardPolicy::Warn);
                let errors = state.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
                for problem in &state.problems {
                    assert!(problem.at.is_some() && !problem.help.is_empty(), "{}: {problem:?}", what());
                    assert!(problem.message.len() < 400 && problem.key_path.len() < 400, "{}: {problem:?}", what());
                    assert!(!problem.message.chars().any(char::is_control), "{}: {problem:?}", what());
                }
                assert_eq!(errors > 0, !state.held.is_empty(), "{}: {:?}", what(), state.problems);
                for key in &state.held {
                    let (now, before) = (state.namespaces.get(key), good.namespaces.get(key));
                    assert_eq!(
                        now.map(Arc::as_ptr),
                        before.map(Arc::as_ptr),
                        "{}: `{key}` is held and not what it was",
                        what()
                    );
                }
                for namespace in state.namespaces.values() {
                    serde_json::from_slice::<Value>(&namespace.client_snapshot()).unwrap();
                }
                // A strict operator serves none of what is only tolerated.
                let strict = assemble(&[read(&text)], &good, HazardPolicy::Refuse);
                let hazardous = state.problems.iter().any(|problem| problem.severity >= Severity::Hazard);
                assert_eq!(hazardous, !strict.held.is_empty(), "{}: {:?}", what(), strict.problems);
                if errors > 0 { refused += 1 } else { taken += 1 }
            }
        }
    }
    assert!(refused > 500 && taken > 50, "{refused} refused, {taken} taken");
}

fn read(text: &str) -> Input {
    // JSON is YAML, where more forms are known.
    input("a/features.yaml", text.as_bytes())
}
