//! Files of a commit -> namespaces: what moves, what is held, what is taken over, and in which order files count.

use std::sync::Arc;

use super::super::evaluate::{self, Context};
use super::super::problem::{HazardPolicy, Severity};
use super::super::snapshot::{Environment, assemble};
use super::{inputs, start};

const SEGMENT_X: &str = "{key: s, name: s, match_type: ALL_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: p, operator: eq, value: x}]}";
const SEGMENT_Y: &str = "{key: s, name: s, match_type: ALL_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: p, operator: eq, value: y}]}";

fn boolean(namespace: &str, key: &str, enabled: bool) -> String {
    format!("namespace: {namespace}\nflags: [{{key: {key}, name: n, type: BOOLEAN_FLAG_TYPE, enabled: {enabled}}}]\n")
}

fn for_segment(key: &str) -> String {
    format!("{{key: {key}, name: n, type: BOOLEAN_FLAG_TYPE, rollouts: [{{segment: {{key: s, value: true}}}}]}}")
}

fn next(files: &[(&str, &str)], previous: &Environment) -> Environment {
    assemble(&inputs(files), previous, HazardPolicy::Warn)
}

fn is_on(environment: &Environment, namespace: &str, flag: &str, p: &str) -> bool {
    let context: Context = [("p".to_owned(), p.to_owned())].into_iter().collect();
    evaluate::boolean(environment.namespaces[namespace].flag(flag).unwrap(), "e", &context).enabled
}

fn held(environment: &Environment) -> Vec<&str> {
    environment.held.iter().map(|key| &**key).collect()
}

fn codes(environment: &Environment) -> Vec<(&str, &str, Severity)> {
    environment.problems.iter().map(|p| (&*p.file, p.code, p.severity)).collect()
}

#[test]
fn a_bad_file_holds_its_namespace_and_no_other() {
    let (a, b) = (boolean("a", "f", true), boolean("b", "f", true));
    let first = start(&[("a/features.yaml", &a), ("b/features.yaml", &b)]);
    assert!(is_on(&first, "a", "f", "") && is_on(&first, "b", "f", "") && first.held.is_empty());
    let broken = a.replace("name: n", "nam: n");
    let second = next(&[("a/features.yaml", &broken), ("b/features.yaml", &boolean("b", "f", false))], &first);
    assert!(is_on(&second, "a", "f", ""));
    assert!(!is_on(&second, "b", "f", ""));
    assert_eq!(held(&second), ["a"]);
    assert!(Arc::ptr_eq(&first.namespaces["a"], &second.namespaces["a"]));
    assert!(codes(&second).contains(&("a/features.yaml", "unknown-field", Severity::Error)));
    // Still held a commit later, and free again once repaired.
    let third = next(&[("a/features.yaml", &broken), ("b/features.yaml", &b)], &second);
    assert_eq!((held(&third), is_on(&third, "b", "f", "")), (vec!["a"], true));
    let fourth = next(&[("a/features.yaml", &boolean("a", "f", false)), ("b/features.yaml", &b)], &third);
    assert!(fourth.held.is_empty() && fourth.problems.is_empty() && !is_on(&fourth, "a", "f", ""));
}

#[test]
fn a_file_that_cannot_be_read_holds_what_it_fed() {
    let both = format!("{}---\n{}", boolean("a", "f", true), boolean("b", "f", true));
    let first = start(&[("x/features.yaml", &both), ("y/features.yaml", &boolean("c", "f", true))]);
    for broken in ["flags: [\n", "namespace: [a]\n---\nnamespace: b\n", "\u{0}"] {
        let second = next(&[("x/features.yaml", broken), ("y/features.yaml", &boolean("c", "f", false))], &first);
        assert_eq!(held(&second), ["a", "b"], "{broken:?}");
        assert_eq!(second.namespaces.len(), 3);
        assert!(is_on(&second, "b", "f", "") && !is_on(&second, "c", "f", ""));
    }
    // Without a state to hold there is nothing to serve, and it is told.
    let cold = start(&[("x/features.yaml", "flags: [\n")]);
    assert!(cold.namespaces.is_empty() && codes(&cold)[0].1 == "yaml-syntax");
    // Gone is gone, bad is bad.
    let gone = next(&[("y/features.yaml", &boolean("c", "f", true))], &first);
    assert!(gone.namespaces.len() == 1 && gone.held.is_empty());
}

#[test]
fn unchanged_namespaces_are_taken_over() {
    let (a, b) = (boolean("a", "f", true), boolean("b", "f", true));
    let first = start(&[("a/features.yaml", &a), ("b/features.yaml", &b)]);
    let second = next(&[("b/features.yaml", &boolean("b", "f", false)), ("a/features.yaml", &a)], &first);
    assert!(Arc::ptr_eq(&first.namespaces["a"], &second.namespaces["a"]));
    assert!(!Arc::ptr_eq(&first.namespaces["b"], &second.namespaces["b"]));
    // The same file under another name is another source.
    let moved = next(&[("z/features.yaml", &a)], &first);
    assert!(!Arc::ptr_eq(&first.namespaces["a"], &moved.namespaces["a"]));
    // One file more for the namespace.
    let more = next(&[("a/features.yaml", &a), ("c/features.yaml", &boolean("a", "g", true))], &first);
    assert_eq!(more.namespaces["a"].flags_by_key().count(), 2);
}

#[test]
fn files_count_in_the_order_of_a_walk() {
    // "a" comes before "a-b", although "a-b/" sorts before "a/".
    let (early, late) = (boolean("n", "f", false), boolean("n", "f", true));
    let environment = start(&[("a-b/features.yaml", &late), ("a/features.yaml", &early)]);
    assert!(is_on(&environment, "n", "f", ""));
    let sources: Vec<&str> = environment.namespaces["n"].sources.iter().map(|(path, _)| &**path).collect();
    assert_eq!(sources, ["a/features.yaml", "a-b/features.yaml"]);
    assert_eq!(codes(&environment), [("a-b/features.yaml", "duplicate-key", Severity::Hazard)]);
    assert_eq!(environment.problems[0].key_path, "flags[0].key");
}

#[test]
fn a_flag_sees_the_segments_of_its_moment() {
    let segments = |segment: &str| format!("namespace: n\nsegments: [{segment}]\n");
    let flags = |key: &str| format!("namespace: n\nflags: [{}]\n", for_segment(key));
    let environment = start(&[
        ("a/features.yaml", &segments(SEGMENT_X)),
        ("b/features.yaml", &flags("before")),
        ("c/features.yaml", &segments(SEGMENT_Y)),
        ("d/features.yaml", &format!("{}segments: [{SEGMENT_X}]\n", flags("own"))),
        ("e/features.yaml", &segments(SEGMENT_Y)),
        ("f/features.yaml", &flags("after")),
    ]);
    assert!(is_on(&environment, "n", "before", "x") && !is_on(&environment, "n", "before", "y"));
    assert!(is_on(&environment, "n", "own", "x") && !is_on(&environment, "n", "own", "y"));
    assert!(is_on(&environment, "n", "after", "y") && !is_on(&environment, "n", "after", "x"));
    let redefined = [
        ("c/features.yaml", "duplicate-key"),
        ("d/features.yaml", "duplicate-key"),
        ("e/features.yaml", "duplicate-key"),
    ];
    assert_eq!(codes(&environment).into_iter().map(|(file, code, _)| (file, code)).collect::<Vec<_>>(), redefined);
    // Clients get the same segments.
    let snapshot = String::from_utf8(environment.namespaces["n"].client_snapshot().to_vec()).unwrap();
    assert_eq!(snapshot.matches(r#""value":"x""#).count(), 2);
    assert_eq!(snapshot.matches(r#""value":"y""#).count(), 1);
    // Told again when nothing changed.
    let again = next(
        &[
            ("a/features.yaml", &segments(SEGMENT_X)),
            ("b/features.yaml", &flags("before")),
            ("c/features.yaml", &segments(SEGMENT_Y)),
            ("d/features.yaml", &format!("{}segments: [{SEGMENT_X}]\n", flags("own"))),
            ("e/features.yaml", &segments(SEGMENT_Y)),
            ("f/features.yaml", &flags("after")),
        ],
        &environment,
    );
    assert_eq!(again.problems, environment.problems);
}

#[test]
fn a_segment_of_a_later_document_is_unknown() {
    let flags = format!("namespace: n\nflags: [{}]\n", for_segment("f"));
    let segments = format!("namespace: n\nsegments: [{SEGMENT_X}]\n");
    let two_files = start(&[("a/features.yaml", &flags), ("b/features.yaml", &segments)]);
    let one_file = start(&[("a/features.yaml", &format!("{flags}---\n{segments}"))]);
    for environment in [two_files, one_file] {
        assert_eq!(codes(&environment), [("a/features.yaml", "unknown-segment", Severity::Error)]);
        assert_eq!(held(&environment), ["n"]);
        assert!(environment.namespaces.is_empty());
    }
    // If a document that may define it is broken itself, that is the problem.
    let broken = start(&[("a/features.yaml", &format!("{segments}flgas: []\n")), ("b/features.yaml", &flags)]);
    assert_eq!(codes(&broken), [("a/features.yaml", "unknown-field", Severity::Error)]);
}

#[test]
fn linking_leaves_the_flag_of_the_file_alone() {
    let flags = format!("namespace: n\nflags: [{}]\n", for_segment("f"));
    let segments = |segment: &str| format!("namespace: n\nsegments: [{segment}]\n");
    let shared = inputs(&[("b/features.yaml", &flags)]);
    let with = |segment: &str| {
        let mut inputs = inputs(&[("a/features.yaml", &segments(segment))]);
        inputs.extend(shared.iter().cloned());
        assemble(&inputs, &Environment::default(), HazardPolicy::Warn)
    };
    let (x, y) = (with(SEGMENT_X), with(SEGMENT_Y));
    assert!(is_on(&x, "n", "f", "x") && !is_on(&x, "n", "f", "y"));
    assert!(is_on(&y, "n", "f", "y") && !is_on(&y, "n", "f", "x"));
}

#[test]
fn hazards_are_served_or_refused_as_the_environment_says() {
    let malformed = "namespace: n\nflags: [{key: f, name: n, type: BOOLEAN_FLAG_TYPE, rollouts: [{segment: {key: s, operator: AND_SEGMENT_OPERATOR, value: true}}]}]\nsegments: [{key: s, name: s, match_type: ALL_MATCH_TYPE, constraints: [{type: NUMBER_COMPARISON_TYPE, property: p, operator: eq, value: five}]}]\n";
    let files = inputs(&[("a/features.yaml", malformed)]);
    let warned = assemble(&files, &Environment::default(), HazardPolicy::Warn);
    // As in Flipt: everyone.
    assert!(is_on(&warned, "n", "f", "anything") && warned.held.is_empty());
    assert_eq!(warned.problems.len(), 2);
    let good = start(&[("a/features.yaml", &boolean("n", "f", false))]);
    let refused = assemble(&files, &good, HazardPolicy::Refuse);
    assert_eq!(held(&refused), ["n"]);
    assert!(!is_on(&refused, "n", "f", "anything"));
    assert_eq!(refused.problems, warned.problems);
    // Hazards that only linking sees.
    let linked =
        inputs(&[("a/features.yaml", &boolean("n", "f", false)), ("b/features.yaml", &boolean("n", "f", true))]);
    let refused = assemble(&linked, &good, HazardPolicy::Refuse);
    assert_eq!((held(&refused), is_on(&refused, "n", "f", "")), (vec!["n"], false));
    assert!(is_on(&assemble(&linked, &good, HazardPolicy::Warn), "n", "f", ""));
}

#[test]
fn what_clients_read_otherwise_is_told_and_served_under_either_policy() {
    let flags = "namespace: n\nflags: [{key: f, name: n, enabled: true, variants: [{key: a}, {key: b}], rules: [{segment: s, distributions: [{variant: a, rollout: 53}, {variant: b, rollout: 47}]}]}]\nsegments: [{key: s, name: s, match_type: ALL_MATCH_TYPE}]\n";
    for policy in [HazardPolicy::Warn, HazardPolicy::Refuse] {
        let environment =
            assemble(&[super::input("a/features.yaml", flags.as_bytes())], &Environment::default(), policy);
        assert_eq!(codes(&environment), [("a/features.yaml", "clients-share", Severity::Warning)]);
        assert!(environment.namespaces["n"].flag("f").is_some() && environment.held.is_empty());
    }
}

#[test]
fn an_and_that_loses_its_segment_to_another_document_is_a_hazard() {
    let segments = "namespace: n\nsegments: [{key: s, name: s, match_type: ALL_MATCH_TYPE, constraints: [{type: NUMBER_COMPARISON_TYPE, property: p, operator: eq, value: five}]}]\n";
    let flags = "namespace: n\nflags: [{key: f, name: n, enabled: true, rules: [{segment: {keys: [s], operator: AND_SEGMENT_OPERATOR}}]}]\n";
    let environment = start(&[("a/features.yaml", segments), ("b/features.yaml", flags)]);
    let hazard = Severity::Hazard;
    assert_eq!(
        codes(&environment),
        [("a/features.yaml", "malformed-constraint", hazard), ("b/features.yaml", "matches-everyone", hazard)]
    );
    assert_eq!(environment.problems[1].key_path, "flags[0].rules[0].segment");
    let flag = environment.namespaces["n"].flag("f").unwrap();
    assert!(evaluate::variant(flag, "e", &Context::default()).matched);
}

#[test]
fn digests_are_chained_over_documents() {
    let hash = |text: &str| hex::encode(<sha1::Sha1 as sha1::Digest>::digest(text));
    let first_32 = |mut digest: String| {
        digest.truncate(32);
        digest
    };
    let (a, b) = (boolean("n", "f", true), boolean("n", "g", true));
    let one = start(&[("a/features.yaml", &a)]);
    assert_eq!(*one.namespaces["n"].digest, *hash(&a));
    let two = start(&[("a/features.yaml", &a), ("b/features.yaml", &b)]);
    assert_eq!(*two.namespaces["n"].digest, first_32(hash(&(hash(&a) + &hash(&b)))));
    // A published vector: three documents whose files hash to "1", "2" and "3".
    assert_eq!(
        super::super::link::chained(&super::super::link::chained("1", "2"), "3"),
        "dc26c96ddf6430ed603862ffe5d3ac9a"
    );
    let twice = format!("{a}---\n{b}");
    let one_file = start(&[("a/features.yaml", &twice)]);
    assert_eq!(*one_file.namespaces["n"].digest, first_32(hash(&(hash(&twice) + &hash(&twice)))));
}

#[test]
fn namespaces_without_flags_are_served() {
    let environment = start(&[("a/features.yaml", "namespace: empty\n"), ("b/features.yaml", "# nothing\n")]);
    assert_eq!(environment.namespaces.len(), 1);
    let snapshot: serde_json::Value =
        serde_json::from_slice(&environment.namespaces["empty"].client_snapshot()).unwrap();
    assert_eq!(snapshot["flags"], serde_json::json!([]));
}

#[test]
fn flags_are_found_by_key_and_the_last_of_equal_ones_counts() {
    let flags = [3, 1, 2, 1, 3]
        .iter()
        .enumerate()
        .map(|(at, key)| format!("- {{key: f{key}, name: n{at}}}\n"))
        .collect::<Vec<_>>()
        .concat();
    let environment = start(&[("a/features.yaml", &format!("flags:\n{flags}"))]);
    let namespace = &environment.namespaces["default"];
    let listed: Vec<(&str, &str)> = namespace.flags_by_key().map(|flag| (&*flag.key, &*flag.name)).collect();
    assert_eq!(listed, [("f1", "n3"), ("f2", "n2"), ("f3", "n4")]);
    assert_eq!(namespace.flag("f3").map(|flag| &*flag.name), Some("n4"));
    assert!(namespace.flag("f").is_none() && namespace.flag("").is_none() && namespace.flag("f4").is_none());
}
