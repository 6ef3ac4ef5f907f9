//! Files and the problems that they are told: each file of `fixtures/flags/invalid` begins with what is expected.

use std::collections::BTreeSet;

use super::super::document::{Format, format_of, read};
use super::super::problem::{HazardPolicy, Problem, Severity};
use super::super::snapshot::{Environment, assemble};
use super::{fixtures, input, problems, start};

fn told(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Hazard => "hazard",
        Severity::Warning => "warning",
    };
    let at = problem.at.map_or("-".to_owned(), |at| format!("{}:{}", at.line, at.column));
    let path = if problem.key_path.is_empty() { "-" } else { &problem.key_path };
    format!("{severity} {} {at} {path} {}", problem.code, problem.namespace.as_deref().unwrap_or("-"))
}

fn files(directory: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    let entries = std::fs::read_dir(fixtures(directory)).unwrap();
    entries.map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())
    })
}

#[test]
fn every_invalid_file_is_told_its_problems_with_their_places() {
    let mut codes = BTreeSet::new();
    for (name, bytes) in files("flags/invalid") {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let expected: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# expect: ")).collect();
        assert!(!expected.is_empty(), "{name} does not say what is expected of it");
        let environment = assemble(&[input("d/features.yaml", &bytes)], &Environment::default(), HazardPolicy::Warn);
        let found: Vec<String> = environment.problems.iter().map(told).collect();
        assert_eq!(found, expected, "{name}: {:#?}", environment.problems);
        for problem in &environment.problems {
            assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{name}");
            assert_eq!(&*problem.file, "d/features.yaml");
            codes.insert(problem.code);
        }
        let failed = environment.problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(
            environment.namespaces.is_empty(),
            failed || environment.problems.iter().all(|p| p.namespace.is_none()),
            "{name}"
        );
    }
    assert!(codes.len() >= 29, "only {codes:?}");
    let page = std::fs::read_to_string(fixtures("../docs/flag-problems.md")).unwrap();
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code} is not explained in docs/flag-problems.md");
    }
}

#[test]
fn every_valid_file_has_no_problem_but_what_it_says() {
    let mut count = 0;
    for (name, bytes) in files("flags/valid") {
        let format = format_of(&format!("d/features.{}", name.rsplit('.').next().unwrap())).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let expected: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# expect: ")).collect();
        let problems = read(format, &bytes).problems;
        assert!(problems.iter().all(|problem| problem.severity < Severity::Error), "{name}: {problems:#?}");
        let found: Vec<String> = problems.iter().map(told).collect();
        assert_eq!(found, expected, "{name}: {problems:#?}");
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn flag_files_are_known_by_their_path() {
    for path in ["a/features.yaml", "a/b/c/features.yml", ".hidden/features.json"] {
        assert!(format_of(path).is_some(), "{path}");
    }
    for path in [
        "features.yaml",
        "a/x.features.yaml",
        "a/features.yaml.bak",
        "a/features.toml",
        "a/features",
        "a/Features.yaml",
    ] {
        assert!(format_of(path).is_none(), "{path}");
    }
}

#[test]
fn json_is_judged_by_the_same_rules() {
    let codes = |text: &str| -> Vec<String> { read(Format::Json, text.as_bytes()).problems.iter().map(told).collect() };
    assert_eq!(codes(r#"{"version":"1.6","flags":[{"key":"a","name":"a"}]}"#), [""; 0]);
    assert_eq!(codes("{\"flags\":[\n {\"key\":\"a\",\"name\":1}]}"), ["error wrong-type 2:20 flags[0].name default"]);
    assert_eq!(codes(r#"{"version":1.6}"#), ["error version 1:12 version default"]);
    assert_eq!(codes("{\"flags\":[],}"), ["error json-syntax 1:13 - -"]);
    assert_eq!(codes("{\"namespace\":\"a\"}\n{}"), ["error json-syntax 2:1 - -"]);
    assert_eq!(codes(r#"{"flags":[],"flags":[]}"#), ["error duplicate-field 1:13 flags default"]);
    assert_eq!(codes("{'flags':[]}"), ["error json-syntax 1:2 - -"]);
    assert_eq!(codes(""), ["error json-syntax 1:1 - -"]);
    let rule = r#"{"flags":[{"key":"a","name":"a","rules":[{"segment":"s"}]}],"segments":[{"key":"s","name":"s","match_type":"ALL_MATCH_TYPE"}]}"#;
    assert_eq!(codes(rule), ["error segment-as-text 1:53 flags[0].rules[0].segment default"]);
}

#[test]
fn a_long_value_is_not_repeated_in_full() {
    let text = format!(
        "version: \"{}\"\n{}: 1\nflags: [{{key: \"{}\", name: a}}]\n",
        "v".repeat(5_000),
        "f".repeat(900),
        "ü ".repeat(5_000)
    );
    let problems = problems(&text);
    assert_eq!(problems.len(), 3);
    for problem in problems {
        assert!(problem.message.len() + problem.key_path.len() < 400, "{}", problem.message);
    }
}

#[test]
fn attachments_and_metadata_are_compact_json_with_sorted_keys() {
    let environment = start(&[(
        "a/features.yaml",
        "flags: [{key: f, name: f, metadata: {z: 1, a: {c: 2, b: [0x10, 1_000, 1.50, 1e21, 1e-7, 0.000001, -0.0, 12345678901234567890]}}, variants: [{key: v, default: true, attachment: {on: yes, t: \"<\\\"\\u0001ü\\n\"}}]}]",
    )]);
    let flag = environment.namespaces["default"].flag("f").unwrap();
    let metadata = r#"{"a":{"b":[16,1000,1.5,1e+21,1e-7,0.000001,-0,12345678901234567000],"c":2},"z":1}"#;
    assert_eq!(flag.metadata.as_deref(), Some(metadata));
    assert_eq!(&*flag.default_variant.as_ref().unwrap().attachment, "{\"on\":\"yes\",\"t\":\"<\\\"\\u0001ü\\n\"}");
}

#[test]
fn a_file_with_more_problems_than_are_told_says_so() {
    let text = format!("flags:\n{}", "- {key: a b, name: x}\n".repeat(5_000));
    let problems = problems(&text);
    assert_eq!(problems.len(), crate::limits::FLAG_PROBLEMS);
    assert_eq!(problems.iter().filter(|problem| problem.code == "more-problems").count(), 1);
}
