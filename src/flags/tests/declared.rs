//! What is declared of a file and what is compiled of it say the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::super::document::{Format, format_of};
use super::super::problem::HazardPolicy;
use super::super::resource::view::{File, View};
use super::super::resource::{Constraint, Kind, Resource, RolloutTo, Segments};
use super::super::snapshot::{self, Environment, Flag, Rollout, Segment, Targets, assemble};
use super::{fixtures, input};

fn files(root: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![fixtures(root)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no file below {root}");
    found
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Equal as 64-bit floats: a number that a float cannot hold is written in another way by each of the two.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn targets(declared: &Segments, compiled: &Targets, name: &str) {
    assert_eq!(declared.operator, compiled.operator, "{name}");
    let declared: BTreeSet<&str> = declared.keys.iter().map(String::as_str).collect();
    let compiled = compiled.segments.iter().chain(&compiled.left_out).map(|segment| &*segment.key).collect();
    assert_eq!(declared, compiled, "{name}");
}

fn flag(declared: &Resource, compiled: &Flag, name: &str) {
    let Resource::Flag(declared) = declared else { panic!("{name}: no flag") };
    assert_eq!((&*declared.name, &*declared.description), (&*compiled.name, &*compiled.description), "{name}");
    assert_eq!((declared.kind, declared.enabled), (compiled.kind, compiled.enabled), "{name}");
    let metadata = compiled.metadata.as_deref().map(json).filter(|metadata| metadata != &json("{}"));
    match (&declared.metadata, metadata) {
        (None, None) => {}
        (Some(declared), Some(compiled)) => assert!(same(&Value::Object(declared.clone()), &compiled), "{name}"),
        (declared, compiled) => panic!("{name}: {declared:?} {compiled:?}"),
    }
    let default = compiled.default_variant.as_ref().map(|variant| &*variant.key);
    assert_eq!(declared.default_variant.as_deref(), default, "{name}");
    assert_eq!(declared.variants.len(), compiled.variants.len(), "{name}");
    for (declared, compiled) in declared.variants.iter().zip(&compiled.variants) {
        assert_eq!(
            (&*declared.key, &*declared.name, &*declared.description),
            (&*compiled.key, &*compiled.name, &*compiled.description)
        );
        let attachment = declared.attachment.clone().unwrap_or_default();
        assert!(same(&attachment, &json(&compiled.attachment)), "{name}: {attachment}");
    }
    assert_eq!(declared.rules.len(), compiled.rules.len(), "{name}");
    for (rule, other) in declared.rules.iter().zip(&compiled.rules) {
        targets(&rule.segments, &other.targets, name);
        let shares: Vec<(&str, f32)> = rule.distributions.iter().map(|d| (&*d.variant, d.rollout)).collect();
        let others = other.distributions.iter();
        let others: Vec<(&str, f32)> = others.map(|d| (&*compiled.variant_of(d).unwrap().key, d.rollout)).collect();
        assert_eq!(shares, others, "{name}");
    }
    assert_eq!(declared.rollouts.len(), compiled.rollouts.len(), "{name}");
    for (declared, compiled) in declared.rollouts.iter().zip(&compiled.rollouts) {
        match (&declared.to, compiled) {
            (RolloutTo::Nobody, Rollout::Empty) => {}
            (
                RolloutTo::Threshold { percentage, value },
                Rollout::Threshold { percentage: other, value: other_value },
            ) => assert_eq!((percentage, value), (other, other_value), "{name}"),
            (RolloutTo::Segment { segments, value }, Rollout::Segment { targets: other, value: other_value }) => {
                targets(segments, other, name);
                assert_eq!(value, other_value, "{name}");
            }
            (declared, compiled) => panic!("{name}: {declared:?} {compiled:?}"),
        }
    }
}

fn segment(declared: &Resource, compiled: &Segment, name: &str) {
    let Resource::Segment(declared) = declared else { panic!("{name}: no segment") };
    assert_eq!((&*declared.name, &*declared.description), (&*compiled.name, &*compiled.description), "{name}");
    assert_eq!(declared.all, compiled.all, "{name}");
    assert_eq!(declared.constraints.len(), compiled.constraints.len() + compiled.faults.len(), "{name}");
    if compiled.malformed {
        return;
    }
    for (Constraint { subject, property, operator, value, .. }, other) in
        declared.constraints.iter().zip(&compiled.constraints)
    {
        assert_eq!(
            (*subject, &**property, &**operator),
            (other.subject, &*other.property, other.operator.name()),
            "{name}"
        );
        if other.operator.takes_list() {
            assert!(same(&json(value), &json(&other.value)), "{name}: {value} {}", other.value);
        } else {
            assert_eq!(&**value, &*other.value, "{name}");
        }
    }
}

fn agree(name: &str, bytes: &[u8]) -> Option<usize> {
    let path: Arc<str> = format!("d/features.{}", name.rsplit('.').next().unwrap()).into();
    let environment: Environment = assemble(&[input(&path, bytes)], &Environment::default(), HazardPolicy::Warn);
    if !environment.held.is_empty() || environment.namespaces.is_empty() {
        return None;
    }
    let file = File::new(&path, &"".into(), format_of(&path).unwrap(), bytes);
    let view = View { files: vec![file] };
    let keys: Vec<String> = view.namespaces().into_iter().map(|listed| listed.namespace.key).collect();
    let mut count = 0;
    for (key, namespace) in &environment.namespaces {
        let namespace: &snapshot::Namespace = namespace;
        assert!(keys.iter().any(|known| **known == **key), "{name}: {key}");
        assert_eq!(view.flags(key).len(), namespace.flags_by_key().len(), "{name}");
        assert_eq!(view.segments(key).len(), namespace.segments_by_key().len(), "{name}");
        for compiled in namespace.flags_by_key() {
            flag(&view.get(key, Kind::Flag, &compiled.key).unwrap(), compiled, name);
            count += 1;
        }
        for compiled in namespace.segments_by_key() {
            segment(&view.get(key, Kind::Segment, &compiled.key).unwrap(), compiled, name);
            count += 1;
        }
    }
    Some(count)
}

#[test]
fn declared_and_compiled_agree_on_every_file_without_an_error() {
    let mut count = 0;
    for root in ["flags", "golden", "evaluation"] {
        for (name, bytes) in files(root) {
            count += agree(&name, &bytes).unwrap_or_default();
        }
    }
    assert!(count > 300, "only {count} were compared");
}

#[test]
fn a_file_in_error_is_not_shown_and_says_why() {
    let view = |text: &str| {
        let path: Arc<str> = "a/features.yaml".into();
        View { files: vec![File::new(&path, &"".into(), Format::Yaml, text.as_bytes())] }
    };
    let why = |text: &str| view(text).broken().next().map(|(_, why)| why.to_owned());
    assert_eq!(why("flags:\n- {key: a}\n").unwrap(), "line 2: flags[0].name: \"name\" is missing");
    assert!(why("flags: [").unwrap().starts_with("line "));
    assert_eq!(why("flags: [{key: a, name: A, enabled: true}]"), None);
    assert!(view("flags: [").files_of("default").next().is_none());
}

#[test]
fn default_is_always_there_and_the_last_of_equal_keys_counts() {
    let file = |path: &str, text: &str| {
        let path: Arc<str> = path.into();
        File::new(&path, &"".into(), format_of(&path).unwrap(), text.as_bytes())
    };
    let none = View::default();
    let default = &none.namespaces()[0];
    assert_eq!((&*default.namespace.name, default.protected), ("default", true));
    assert_eq!(default.namespace.description, "The default namespace");
    let view = View {
        files: vec![
            file("a/features.json", r#"{"namespace":{"key":"a","name":"Json"},"flags":[{"key":"j","name":"J"}]}"#),
            file(
                "b/features.yaml",
                "namespace: {key: a, name: Yaml}\nflags: [{key: f, name: one}, {key: g, name: G}, {key: f, name: two}]\n---\nnamespace: j\n",
            ),
            file(
                "c/features.json",
                r#"{"namespace":"only","flags":[{"key":"o","name":"O","rules":[{"segment":{"keys":["s"]}}],"type":"VARIANT_FLAG_TYPE"}],"segments":[{"key":"s","name":"S","match_type":"ALL_MATCH_TYPE"}]}"#,
            ),
        ],
    };
    let listed: Vec<(String, String, bool)> =
        view.namespaces().into_iter().map(|l| (l.namespace.key, l.namespace.name, l.read_only)).collect();
    let expected = [("a", "Yaml", false), ("default", "default", false), ("j", "j", false), ("only", "only", true)];
    assert_eq!(listed, expected.map(|(key, name, read_only)| (key.to_owned(), name.to_owned(), read_only)));
    for listed in view.namespaces() {
        assert_eq!(view.namespace(&listed.namespace.key), Some(listed));
    }
    assert_eq!(view.namespace("nope"), None);
    let names: Vec<&str> = view.flags("a").into_iter().map(|flag| &*flag.name).collect();
    assert_eq!(names, ["J", "G", "two"]);
    assert_eq!(&*view.home("a", Kind::Flag, "f").unwrap().path, "b/features.yaml");
    assert!(!view.home("only", Kind::Flag, "o").unwrap().is_writable());
    assert!(view.get("a", Kind::Flag, "s").is_none());
    let uses = view.uses_of("only", "s");
    assert_eq!((uses.len(), uses[0].flag, uses[0].rank, uses[0].rollout), (1, "o", 1, false));
}
