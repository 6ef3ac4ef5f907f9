//! Resources as the management API spells them: against what Flipt v2 answered, there and back, and what is refused.
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and the calls read better without borrows")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::document::format_of;
use super::super::resource::payload::{self, of_namespace, to_json};
use super::super::resource::view::{File, View};
use super::super::resource::{Kind, Resource, mistakes, new_mistake, revision};
use super::{fixtures, lines};

/// The flag files below a directory, declared.
fn view(root: &str) -> View {
    let root = fixtures(root);
    let (mut files, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name: Arc<str> = path.strip_prefix(&root).unwrap().to_str().unwrap().into();
            if let Some(format) = format_of(&name) {
                files.push(File::new(&name, &"".into(), format, &std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    View { files }
}

#[test]
fn every_read_answers_what_flipt_answered() {
    let view = view("golden/inputs/main/dev");
    let mut count = 0;
    // What comes later in the recording has been written to.
    for line in lines("golden/management.jsonl").iter().take_while(|line| line["request"]["method"] == "GET") {
        let path = line["request"]["path"].as_str().unwrap();
        let Some(path) = path.strip_prefix("/api/v2/environments/default/namespaces") else { continue };
        let body = &line["response"]["body"];
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            [] => {
                for item in body["items"].as_array().unwrap() {
                    // The second document of a namespace is listed there, too.
                    let listed = view.namespace(item["key"].as_str().unwrap()).unwrap();
                    let same = of_namespace(&listed) == *item;
                    assert!(same || item["key"] == "multi", "{item} {listed:?}");
                    count += 1;
                }
            }
            [key] if line["response"]["status"] == 200 => {
                assert_eq!(of_namespace(&view.namespace(key).unwrap()), body["namespace"]);
                count += 1;
            }
            // Read here and not there: a JSON file, one in a deeper directory.
            ["json" | "deep" | "nested" | "multi-other", ..] => {}
            [key, "resources", type_url] => match Kind::of_type_url(type_url) {
                Some(kind) => {
                    let found: Vec<Value> = view.resources(key, kind).iter().map(to_json).collect();
                    let mut told: Vec<Value> =
                        body["resources"].as_array().unwrap().iter().map(|r| r["payload"].clone()).collect();
                    // Flipt lists a flag that is defined twice twice, and finds the first; the last is the one that
                    // counts.
                    if *key == "multi" && kind == Kind::Flag {
                        assert_eq!(told.remove(0)["key"], "one");
                    }
                    // Lists in text are told without blanks, whichever version of the format they stand in.
                    if *key == "v1-5" && kind == Kind::Segment {
                        assert_eq!(told[0]["constraints"][0]["value"].take(), "[1, 2.5]");
                        told[0]["constraints"][0]["value"] = json!("[1,2.5]");
                    }
                    assert_eq!(found, told, "{path}");
                    count += found.len();
                }
                None => assert_eq!(line["response"]["status"], 404, "{path}"),
            },
            [key, "resources", type_url, name] if !type_url.contains('%') => {
                let found = Kind::of_type_url(type_url).and_then(|kind| view.get(key, kind, name));
                assert_eq!(found.as_ref().map_or(Value::Null, to_json), body["resource"]["payload"], "{path}");
                count += 1;
            }
            _ => {}
        }
    }
    assert!(count > 60, "only {count} were compared");
}

#[test]
fn what_is_answered_can_be_sent_back() {
    let mut count = 0;
    for root in ["golden/inputs", "evaluation", "flags"] {
        let view = view(root);
        for listed in view.namespaces() {
            let key = &listed.namespace.key;
            for resource in [Kind::Flag, Kind::Segment].into_iter().flat_map(|kind| view.resources(key, kind)) {
                let json = to_json(&resource);
                let text = serde_json::to_string(&json).unwrap();
                let back = payload::resource(resource.kind(), resource.key(), &serde_json::from_str(&text).unwrap());
                assert_eq!(back.as_ref(), Ok(&resource), "{text}");
                assert_eq!(revision(&back.unwrap()), revision(&resource));
                assert!(new_mistake(&resource, Some(&resource)).is_none());
                count += 1;
            }
        }
    }
    assert!(count > 300, "only {count} were tried");
}

fn parse(payload: Value) -> Result<Resource, String> {
    let kind = payload::kind(&payload).map_err(|error| error.to_string())?;
    payload::resource(kind, "k", &payload).map_err(|error| error.to_string())
}

/// A flag of a kind with some fields more.
fn flag(kind: &str, more: Value) -> Value {
    let mut flag = json!({"@type": "flipt.core.Flag", "key": "k", "name": "K", "type": kind});
    flag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    flag
}

fn constraint(more: Value) -> Value {
    let mut constraint = json!({"type": "STRING_COMPARISON_TYPE", "property": "p", "operator": "eq", "value": "v"});
    constraint.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"@type": "flipt.core.Segment", "name": "K", "constraints": [constraint]})
}

const VARIANT: &str = "VARIANT_FLAG_TYPE";
const BOOLEAN: &str = "BOOLEAN_FLAG_TYPE";

#[test]
fn spellings_and_defaults_are_those_of_protobuf() {
    let short = json!({"@type": "type.googleapis.com/flipt.core.Flag", "name": "K", "type": 0, "enabled": null,
        "variants": [{"key": "a", "id": "1", "attachment": {"n": 1.0, "big": 1e30}}], "default_variant": "a", "metadata": {},
        "metadata-key-0": "x", "metadata-value-0": "y",
        "rules": [{"id": "x", "rank": 3, "segments": ["s"], "segment_operator": 1,
            "distributions": [{"id": "y", "rank": 1, "variant": "a", "rollout": "33.3"}]}]});
    let long = flag(
        VARIANT,
        json!({"description": "", "enabled": false, "rollouts": [], "defaultVariant": "a",
        "variants": [{"key": "a", "name": "", "description": "", "attachment": {"n": 1, "big": 1e30}}],
        "rules": [{"segmentOperator": "AND_SEGMENT_OPERATOR", "segments": ["s"],
            "distributions": [{"variant": "a", "rollout": 33.3}]}]}),
    );
    let resource = parse(short).unwrap();
    assert_eq!(to_json(&resource), long);
    assert_eq!(serde_json::to_string(&to_json(&resource)["rules"][0]["distributions"][0]["rollout"]).unwrap(), "33.3");
    assert_eq!(resource.key(), "k");
    let segment = json!({"@type": "flipt.core.Segment", "name": "S", "match_type": 1, "constraints":
        [{"rank": 1, "type": 2, "property": "p", "operator": "isoneof", "value": " [ 1.0, 2e1 ] "}]});
    let segment = to_json(&parse(segment).unwrap());
    assert_eq!(
        (segment["matchType"].as_str(), &segment["constraints"][0]["value"]),
        (Some("ANY_MATCH_TYPE"), &json!("[1,20]"))
    );
    let ids = payload::namespace(&json!({"key": "a", "name": "", "protected": true, "revision": "x"})).unwrap();
    assert_eq!((&*ids.key, &*ids.name), ("a", "a"));
}

#[test]
fn what_cannot_be_stored_is_refused_with_its_place() {
    let rules = |distribution: Value| {
        flag(
            VARIANT,
            json!({"variants": [{"key": "a"}], "rules": [{"segments": ["s"], "distributions": [distribution]}]}),
        )
    };
    let rollout = |rollout: Value| flag(BOOLEAN, json!({ "rollouts": [rollout] }));
    let cases = [
        (json!({"name": "K"}), "Any JSON doesn't have '@type'"),
        (json!({"@type": "a.B"}), "could not resolve Any message type: a.B"),
        (flag(VARIANT, json!({"enabeld": true})), "unknown field \"enabeld\" of flag; did you mean \"enabled\"?"),
        (
            flag(VARIANT, json!({"colour": 1})),
            "unknown field \"colour\" of flag; it has key, type, name, description, enabled, variants, rules, rollouts, \
             defaultVariant, metadata",
        ),
        (
            flag(VARIANT, json!({"defaultVariant": "a", "default_variant": "b"})),
            "\"defaultVariant\" and \"default_variant\" are the same field",
        ),
        (
            flag(VARIANT, json!({"key": "other"})),
            "key: the payload has the key \"other\" and the request \"k\"; a key cannot be changed",
        ),
        (flag(VARIANT, json!({"name": ""})), "name: the name is missing or empty"),
        (flag(VARIANT, json!({"name": "a\nb"})), "name: the name has more than one line"),
        (flag(VARIANT, json!({"name": 1})), "name: 1 where text is expected"),
        (flag(VARIANT, json!({"enabled": "true"})), "enabled: \"true\" where true or false is expected"),
        (
            flag("BOOLEAN_FLAG_TYP", json!({})),
            "type: \"BOOLEAN_FLAG_TYP\" is not known here; did you mean BOOLEAN_FLAG_TYPE?",
        ),
        (flag(VARIANT, json!({"type": 7})), "type: 7 is not known here; one of VARIANT_FLAG_TYPE, BOOLEAN_FLAG_TYPE"),
        (flag(VARIANT, json!({"variants": {}})), "variants: an object where a list is expected"),
        (flag(VARIANT, json!({"variants": [{"name": "x"}]})), "variants[0].key: the key is missing or empty"),
        (
            flag(VARIANT, json!({"variants": [{"key": "a", "attachment": "t"}]})),
            "variants[0].attachment: \"t\" where an object or a list is expected",
        ),
        (flag(VARIANT, json!({"metadata": {"a": null}})), "metadata.a: metadata may not be null; leave the entry out"),
        (
            flag(VARIANT, json!({"variants": [{"key": "a"}], "defaultVariant": "b"})),
            "defaultVariant: the flag has no variant \"b\"",
        ),
        (
            flag(VARIANT, json!({"rules": [{"segment": ["s"]}]})),
            "rules[0]: unknown field \"segment\" of rule; did you mean \"segments\"?",
        ),
        (
            flag(VARIANT, json!({"rules": [{"segments": ["a b"]}]})),
            "rules[0].segments[0]: \"a b\" is no key; keys are made of ASCII letters, digits, \"-\", \"_\" and \",\"",
        ),
        (
            rules(json!({"variant": "b", "rollout": 1})),
            "rules[0].distributions[0].variant: the flag has no variant \"b\"",
        ),
        (
            rules(json!({"variant": "a", "rollout": 101})),
            "rules[0].distributions[0].rollout: 101 is not between 0 and 100",
        ),
        (
            rules(json!({"variant": "a", "rollout": "NaN"})),
            "rules[0].distributions[0].rollout: \"NaN\" where a finite number is expected",
        ),
        (
            rules(json!({"variant": "a", "rollout": 1e300})),
            "rules[0].distributions[0].rollout: 1e+300 where a finite number is expected",
        ),
        (
            flag(VARIANT, json!({"rollouts": [{}]})),
            "rollouts: rollouts belong to boolean flags; send rules, or the type BOOLEAN_FLAG_TYPE",
        ),
        (rollout(json!({"type": "THRESHOLD_ROLLOUT_TYPE"})), "rollouts[0].threshold: the threshold is missing"),
        (rollout(json!({"type": 1, "threshold": {}})), "rollouts[0].segment: the segment is missing"),
        (
            rollout(json!({"threshold": {}})),
            "rollouts[0].type: the type is missing; SEGMENT_ROLLOUT_TYPE or THRESHOLD_ROLLOUT_TYPE",
        ),
        (
            rollout(json!({"type": 1, "segment": {}, "threshold": {}})),
            "rollouts[0]: a rollout has a segment or a threshold, not both",
        ),
        (
            constraint(json!({"operator": "eqq"})),
            "constraints[0].operator: \"eqq\" is not known here; did you mean eq?",
        ),
        (
            constraint(json!({"operator": "lt"})),
            "constraints[0].operator: \"lt\" does not compare STRING_COMPARISON_TYPE; one of eq, neq, empty, notempty, prefix, suffix, contains, notcontains, isoneof, isnotoneof",
        ),
        (constraint(json!({"property": ""})), "constraints[0].property: the property is missing or empty"),
        (
            constraint(json!({"type": null})),
            "constraints[0].type: the type is missing; one of STRING_COMPARISON_TYPE, NUMBER_COMPARISON_TYPE, BOOLEAN_COMPARISON_TYPE, DATETIME_COMPARISON_TYPE, ENTITY_ID_COMPARISON_TYPE",
        ),
    ];
    for (payload, expected) in cases {
        assert_eq!(parse(payload.clone()).unwrap_err(), expected, "{payload}");
    }
    let odd = payload::resource(Kind::Flag, "a b", &flag(VARIANT, json!({"key": ""}))).unwrap_err();
    assert_eq!(odd.path, "key");
    let other = payload::resource(Kind::Segment, "k", &flag(VARIANT, json!({}))).unwrap_err();
    assert_eq!(other.to_string(), "@type: flipt.core.Flag where flipt.core.Segment is expected");
    assert!(payload::namespace(&json!({"key": "odd key"})).is_err());
    assert!(payload::namespace(&json!({"key": "a", "nmae": "x"})).unwrap_err().to_string().contains("\"name\""));
}

#[test]
fn what_flipt_stores_silently_is_a_mistake() {
    let of = |payload: Value| -> Vec<String> {
        mistakes(&parse(payload).unwrap()).iter().map(ToString::to_string).collect()
    };
    let rules = |rules: Value| flag(VARIANT, json!({"variants": [{"key": "a"}, {"key": "b"}], "rules": rules}));
    let share = |variant: &str, rollout: f64| json!({"variant": variant, "rollout": rollout});
    let rollout = |rollout: Value| flag(BOOLEAN, json!({ "rollouts": [rollout] }));
    assert_eq!(of(rules(json!([{}]))), ["rules[0].segments: a rule needs a segment"]);
    let sum = rules(json!([{"segments": ["s"], "distributions": [share("a", 60.0), share("b", 60.0)]}]));
    assert_eq!(of(sum), ["rules[0].distributions: the shares add up to 120, which is more than 100"]);
    let thirds = rules(json!([{"segments": ["s"], "distributions": [share("a", 66.7), share("b", 33.4)]}]));
    assert_eq!(of(thirds), [""; 0]);
    assert_eq!(
        of(flag(VARIANT, json!({"variants": [{"key": "a"}, {"key": "a"}]}))),
        ["variants[1].key: there is a variant \"a\" already"]
    );
    assert_eq!(
        of(rollout(json!({"type": 2, "threshold": {"percentage": 150}}))),
        ["rollouts[0].threshold.percentage: 150 is not between 0 and 100"]
    );
    assert_eq!(
        of(rollout(json!({"type": 1, "segment": {}}))),
        ["rollouts[0].segment.segments: a rollout needs a segment"]
    );
    assert_eq!(of(rollout(json!({}))).len(), 1);
    assert_eq!(of(flag(BOOLEAN, json!({"rules": [{"segments": ["s"]}]}))).len(), 1);
    for (kind, operator, value) in [
        ("STRING", "isoneof", "a,b"),
        ("STRING", "isoneof", "[1]"),
        ("NUMBER", "isnotoneof", "[\"1\"]"),
        ("NUMBER", "isoneof", "[12345678901234567890]"),
        ("NUMBER", "eq", "abc"),
        ("DATETIME", "gt", "soon"),
        ("BOOLEAN", "true", "maybe"),
    ] {
        let payload =
            constraint(json!({"type": format!("{kind}_COMPARISON_TYPE"), "operator": operator, "value": value}));
        assert_eq!(of(payload).len(), 1, "{kind} {operator} {value}");
    }
    // An old mistake does not keep a flag from being switched off, a new one is one.
    let before = parse(rules(json!([{}]))).unwrap();
    let mut after = rules(json!([{"segments": ["s"]}, {}]));
    after["enabled"] = json!(true);
    assert_eq!(new_mistake(&parse(after).unwrap(), Some(&before)), None);
    let twice = rules(json!([{}, {"segments": ["s"], "distributions": [share("a", 60.0), share("b", 60.0)]}]));
    assert_eq!(new_mistake(&parse(twice).unwrap(), Some(&before)).unwrap().path, "rules[1].distributions");
    assert_eq!(new_mistake(&before, None).unwrap().path, "rules[0].segments");
}

#[test]
fn a_revision_is_the_blob_of_the_canonical_json() {
    let resource = parse(flag(BOOLEAN, json!({"name": "Ü \"x\"", "metadata": {"b": 1.0, "a": [0.5]}}))).unwrap();
    // printf '%s' '…' | git hash-object --stdin
    assert_eq!(revision(&resource), "511cd190f16c7a612e62246fb1addbb11708819c");
    let other = parse(flag(BOOLEAN, json!({"name": "Ü \"x\"", "metadata": {"a": [0.5], "b": 1}}))).unwrap();
    assert_eq!(revision(&resource), revision(&other));
    let changed = parse(flag(BOOLEAN, json!({"name": "Ü \"x\"", "metadata": {"a": [0.5], "b": 2}}))).unwrap();
    assert_ne!(revision(&resource), revision(&changed));
}
