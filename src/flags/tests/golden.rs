//! What a running Flipt v2 answered to 5,000 evaluations, for which snapshots it sent, and which files it refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::{Value, json};

use super::super::evaluate::{self, Context};
use super::super::problem::{HazardPolicy, Severity};
use super::super::snapshot::{Environment, Flag, FlagKind, assemble};
use super::{input, lines, tree};

fn environments() -> BTreeMap<&'static str, Environment> {
    [("default", "main/dev"), ("production", "main/production"), ("canary", "canary"), ("random", "random")]
        .into_iter()
        .map(|(name, root)| {
            let environment =
                assemble(&tree(&format!("golden/inputs/{root}")), &Environment::default(), HazardPolicy::Warn);
            let errors: Vec<_> = environment.problems.iter().filter(|p| p.severity == Severity::Error).collect();
            assert!(errors.is_empty() && environment.held.is_empty(), "{name}: {errors:#?}");
            (name, environment)
        })
        .collect()
}

/// A field by its camel-case or snake-case name.
fn field<'v>(body: &'v Value, camel: &str, snake: &str) -> &'v str {
    let value = &body[camel];
    let value = if value.is_null() { &body[snake] } else { value };
    value.as_str().unwrap_or_default()
}

fn context(body: &Value) -> Context {
    let pairs = body["context"].as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn or_default(text: &str) -> &str {
    if text.is_empty() { "default" } else { text }
}

/// The answer without its volatile fields, segment keys as a set, the attachment as JSON.
fn answer(flag: &Flag, entity: &str, context: &Context) -> Value {
    match flag.kind {
        FlagKind::Boolean => {
            let answer = evaluate::boolean(flag, entity, context);
            let segments: BTreeSet<&str> = answer.segments.into_iter().collect();
            json!({"enabled": answer.enabled, "reason": answer.reason.name(), "segmentKeys": segments, "flagKey": &*flag.key})
        }
        FlagKind::Variant => {
            let answer = evaluate::variant(flag, entity, context);
            let segments: BTreeSet<&str> = answer.segments.into_iter().collect();
            let (key, attachment) = answer.variant.map_or(("", ""), |v| (&v.key, &v.attachment));
            json!({
                "match": answer.matched, "reason": answer.reason.name(), "segmentKeys": segments, "variantKey": key,
                "variantAttachment": parsed(attachment), "flagKey": &*flag.key,
            })
        }
    }
}

fn parsed(attachment: &str) -> Value {
    if attachment.is_empty() { Value::Null } else { serde_json::from_str(attachment).unwrap() }
}

/// A recorded answer in the same form.
fn recorded(body: &Value) -> Value {
    let mut body = body.as_object().unwrap().clone();
    for volatile in ["requestId", "requestDurationMillis", "timestamp"] {
        body.remove(volatile);
    }
    let segments: BTreeSet<&str> =
        body["segmentKeys"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
    let segments = json!(segments);
    body.insert("segmentKeys".to_owned(), segments);
    if let Some(attachment) = body.get("variantAttachment") {
        let attachment = parsed(attachment.as_str().unwrap());
        body.insert("variantAttachment".to_owned(), attachment);
    }
    Value::Object(body)
}

fn single(kind: FlagKind, recording: &str, expected: usize) {
    let environments = environments();
    let mut compared = 0;
    for line in lines(recording) {
        let (request, response) = (&line["request"], &line["response"]);
        // Other methods, and bodies that are no JSON object, are the business of the HTTP surface.
        let body = match &request["body"] {
            Value::Object(body) if !body.contains_key("$repeat") && !body.contains_key("$hex") => &request["body"],
            _ => continue,
        };
        let camel_wins = |camel: &str| body.get(camel).is_none_or(|v| v.is_string() || v.is_null());
        if request["method"] != "POST" || !["flagKey", "entityId"].iter().all(|k| camel_wins(k)) {
            continue;
        }
        let header = request["headers"]
            .as_object()
            .and_then(|h| h.iter().find(|(k, _)| k.to_ascii_lowercase().ends_with("x-flipt-environment")))
            .map_or("", |(_, v)| v.as_str().unwrap());
        let key = field(body, "environmentKey", "environment_key");
        let environment = [key.trim(), header.trim(), "default"].into_iter().find_map(|key| environments.get(key));
        let namespace = or_default(field(body, "namespaceKey", "namespace_key"));
        let flag = environment
            .and_then(|environment| environment.namespaces.get(namespace))
            .and_then(|namespace| namespace.flag(field(body, "flagKey", "flag_key")));
        let name = &line["name"];
        // `?pretty` leaves out what is zero.
        let pretty = name.as_str().unwrap().contains("pretty") || request["path"].as_str().unwrap().contains("pretty");
        match response["status"].as_u64().unwrap() {
            200 if !pretty => {
                let flag = flag.unwrap_or_else(|| panic!("{name}: no such flag"));
                let answer = answer(flag, field(body, "entityId", "entity_id"), &context(body));
                assert_eq!(answer, recorded(&response["body"]), "{name}");
                compared += 1;
            }
            404 if key == header => {
                assert!(flag.is_none() || !environments.contains_key(or_default(header)), "{name}");
                compared += 1;
            }
            400 if response["body"]["message"].as_str().unwrap().contains("flag type") => {
                assert_ne!(flag.unwrap().kind, kind, "{name}");
                compared += 1;
            }
            _ => {}
        }
    }
    assert!(compared >= expected, "only {compared} recordings compared");
}

#[test]
fn boolean_flags_answer_as_recorded() {
    single(FlagKind::Boolean, "golden/evaluation-boolean.jsonl", 80);
}

#[test]
fn variant_flags_answer_as_recorded() {
    single(FlagKind::Variant, "golden/evaluation-variant.jsonl", 100);
}

#[test]
fn batches_answer_as_recorded() {
    let environments = environments();
    let mut compared = 0;
    for line in lines("golden/evaluation-batch.jsonl") {
        let (request, response) = (&line["request"], &line["response"]);
        let (Some(items), Some(answers)) = (
            request["body"].get("requests").and_then(Value::as_array),
            response["body"].get("responses").and_then(Value::as_array),
        ) else {
            continue;
        };
        let header = request["headers"]["X-Flipt-Environment"].as_str().unwrap_or_default();
        assert_eq!(items.len(), answers.len());
        for (item, expected) in items.iter().zip(answers) {
            let keys = [field(item, "environmentKey", "environment_key"), header, "default"];
            let environment = keys.into_iter().find_map(|key| environments.get(key)).unwrap();
            let namespace = environment.namespaces.get(or_default(field(item, "namespaceKey", "namespace_key")));
            let flag = namespace.and_then(|namespace| namespace.flag(field(item, "flagKey", "flag_key")));
            let name = &line["name"];
            if request["path"].as_str().unwrap().contains("pretty") {
                continue;
            }
            if expected.get("errorResponse").is_some() {
                assert!(flag.is_none(), "{name}: {item}");
            } else {
                let expected = expected.get("booleanResponse").or(expected.get("variantResponse")).unwrap();
                let flag = flag.unwrap_or_else(|| panic!("{name}: {item}"));
                let answer = answer(flag, field(item, "entityId", "entity_id"), &context(item));
                assert_eq!(answer, recorded(expected), "{name}: {item}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 2_200, "only {compared} recordings compared");
}

#[test]
fn random_cases_answer_as_recorded() {
    let environments = environments();
    let random = &environments["random"];
    let packed = std::fs::File::open(super::fixtures("golden/evaluation-random.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let flag = random.namespaces[case["ns"].as_str().unwrap()].flag(case["flag"].as_str().unwrap());
        let answer = answer(flag.unwrap(), case["entity"].as_str().unwrap(), &context(&case));
        assert_eq!(answer, recorded(&case["want"]), "{case}");
        compared += 1;
    }
    assert!(compared >= 2_500, "only {compared} cases compared");
}

/// Takes out what differs from build to build, and writes lists in text as JSON.
fn settled(snapshot: &mut Value) {
    let id = json!("");
    for flag in snapshot["flags"].as_array_mut().unwrap() {
        for time in ["createdAt", "updatedAt"] {
            assert!(flag[time].is_string());
            flag[time] = id.clone();
        }
        if let Some(default) = flag.get_mut("defaultVariant") {
            default["attachment"] = parsed(default["attachment"].as_str().unwrap());
        }
        for rule in flag["rules"].as_array_mut().unwrap() {
            let own = rule["id"].take();
            rule["id"] = id.clone();
            for distribution in rule["distributions"].as_array_mut().unwrap() {
                assert_eq!(distribution["ruleId"], own);
                distribution["ruleId"] = id.clone();
                distribution["variantAttachment"] = parsed(distribution["variantAttachment"].as_str().unwrap());
                distribution["rollout"] = single_precision(&distribution["rollout"]);
            }
            settle_segments(&mut rule["segments"]);
        }
        for rollout in flag["rollouts"].as_array_mut().unwrap() {
            if let Some(segment) = rollout.get_mut("segment") {
                settle_segments(&mut segment["segments"]);
            }
            if let Some(threshold) = rollout.get_mut("threshold") {
                threshold["percentage"] = single_precision(&threshold["percentage"]);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "32-bit floats are what is compared")]
fn single_precision(number: &Value) -> Value {
    json!(number.as_f64().unwrap() as f32)
}

fn settle_segments(segments: &mut Value) {
    for segment in segments.as_array_mut().unwrap() {
        for constraint in segment["constraints"].as_array_mut().unwrap() {
            if constraint["operator"].as_str().unwrap().ends_with("oneof") {
                constraint["value"] = serde_json::from_str(constraint["value"].as_str().unwrap()).unwrap();
            }
        }
    }
}

#[test]
fn snapshots_are_as_recorded() {
    let environments = environments();
    let mut seen = BTreeSet::new();
    for line in lines("golden/snapshots.jsonl") {
        let (request, response) = (&line["request"], &line["response"]);
        let path = request["path"].as_str().unwrap().split('?').next().unwrap();
        let plain = request["headers"].as_object().unwrap().is_empty() && response["status"] == 200;
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let (environment, namespace) = match parts.as_slice() {
            _ if !plain => continue,
            ["", "internal", "v1", "evaluation", "snapshot", "namespace", namespace] => {
                if request["path"].as_str().unwrap().contains('?') {
                    continue;
                }
                ("default", *namespace)
            }
            ["", "client", "v2", "environments", environment, "namespaces", namespace, "snapshot"] => {
                (*environment, *namespace)
            }
            _ => continue,
        };
        let Some(environment) = environments.get(environment) else { continue };
        let ours = &environment.namespaces[namespace];
        assert_eq!(*ours.digest, *response["headers"]["Etag"].as_str().unwrap(), "{path}");
        let bytes = ours.client_snapshot();
        let mut own: Value = serde_json::from_slice(&bytes).unwrap();
        let mut expected = response["body"].clone();
        settled(&mut own);
        settled(&mut expected);
        if namespace == "multi" {
            // There a segment of an earlier document is missing from what clients get: we resolve it.
            let rollout = |snapshot: &mut Value| snapshot["flags"][1]["rollouts"][0]["segment"]["segments"].take();
            assert_eq!(rollout(&mut expected), json!([]));
            assert_eq!(rollout(&mut own)[0]["key"], "shared");
        }
        for (own, expected) in own["flags"].as_array().unwrap().iter().zip(expected["flags"].as_array().unwrap()) {
            assert!(own == expected, "{path}:\n{own}\n{expected}");
        }
        assert!(own == expected, "{path}");
        seen.insert((parts.len(), namespace.to_owned()));
    }
    assert!(seen.len() >= 15, "only {seen:?} compared");
}

#[test]
fn a_snapshot_is_made_once_and_its_gzip_holds_the_same() {
    let environments = environments();
    let namespace = &environments["default"].namespaces["default"];
    let mut plain = Vec::new();
    let packed = namespace.client_snapshot_gzip();
    flate2::read::GzDecoder::new(&*packed).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, namespace.client_snapshot());
    assert_eq!(namespace.client_snapshot().as_ptr(), namespace.client_snapshot().as_ptr());
    assert_eq!(packed.as_ptr(), namespace.client_snapshot_gzip().as_ptr());
}

#[test]
fn lists_of_flags_are_as_recorded() {
    let environments = environments();
    let mut compared = 0;
    for line in lines("golden/list-flags.jsonl") {
        let (request, response) = (&line["request"], &line["response"]);
        let path = request["path"].as_str().unwrap();
        let Some(namespace) = path.strip_prefix("/api/v1/namespaces/").and_then(|p| p.strip_suffix("/flags")) else {
            continue;
        };
        let environment = request["headers"].get("X-Flipt-Environment").and_then(Value::as_str);
        let Some(environment) = environment.and_then(|key| environments.get(key)) else { continue };
        let Some(namespace) = environment.namespaces.get(namespace).filter(|_| response["status"] == 200) else {
            continue;
        };
        let recorded = response["body"]["flags"].as_array().unwrap();
        assert_eq!(recorded.len(), namespace.flags_by_key().len(), "{path}");
        for (flag, recorded) in namespace.flags_by_key().zip(recorded) {
            assert_eq!(*flag.key, *recorded["key"].as_str().unwrap());
            assert_eq!(*flag.name, *recorded["name"].as_str().unwrap());
            assert_eq!(*flag.description, *recorded["description"].as_str().unwrap());
            assert_eq!(flag.enabled, recorded["enabled"].as_bool().unwrap());
            let default =
                flag.default_variant.as_ref().map(|v| (&*v.key, &*v.name, &*v.description, parsed(&v.attachment)));
            let expected = recorded.get("defaultVariant").map(|v| {
                let text = |name: &str| v[name].as_str().unwrap();
                (text("key"), text("name"), text("description"), parsed(text("attachment")))
            });
            assert_eq!(default, expected, "{}", flag.key);
            if let Some(metadata) = recorded.get("metadata") {
                let own: Value = serde_json::from_str(flag.metadata.as_deref().unwrap()).unwrap();
                assert_eq!(own, *metadata);
            }
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} flags compared");
}

#[test]
fn files_are_accepted_and_refused_as_recorded() {
    let mut compared = 0;
    for line in lines("golden/validate.jsonl") {
        let name = line["name"].as_str().unwrap();
        // Arguments of the command line, its own configuration and schema are not the format.
        if !line["args"].as_array().unwrap().is_empty() || name.starts_with("flipt.yaml") {
            continue;
        }
        let files =
            line["files"].as_object().unwrap().iter().filter(|(path, _)| super::document::format_of(path).is_some());
        let inputs: Vec<_> = files
            .map(|(path, text)| match text.as_str() {
                Some(text) => input(path, text.as_bytes()),
                None => input(path, &hex::decode(text["$hex"].as_str().unwrap()).unwrap()),
            })
            .collect();
        let environment = assemble(&inputs, &Environment::default(), HazardPolicy::Warn);
        let refused = environment.problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(refused, line["exit"] != 0, "{name}: {:#?}", environment.problems);
        if let Some(first) = line["json"]["stdout"].get(0) {
            let at = environment.problems.iter().filter_map(|p| p.at).map(|at| at.line).min().unwrap();
            let theirs = first["location"]["line"].as_u64().unwrap();
            // An unknown field is placed there at the end of the file.
            assert!(u64::from(at) == theirs || name == "unknown top field", "{name}: line {at}, not {theirs}");
        }
        compared += 1;
    }
    assert!(compared >= 85, "only {compared} files compared");
}
