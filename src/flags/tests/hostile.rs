//! Texts that want to break the reader: each gets its precise problem, quickly and without a panic.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::document::{Format, read};
use super::super::problem::{HazardPolicy, Severity};
use super::super::snapshot::{Environment, assemble};
use super::{input, problems};

/// The one problem of a text: its code, line and column.
fn only(format: Format, bytes: &[u8]) -> (&'static str, u32, u32) {
    let problems = read(format, bytes).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.len() < 300, "{}", problems[0].message);
    assert_eq!(problems[0].severity, Severity::Error);
    let at = problems[0].at.unwrap();
    (problems[0].code, at.line, at.column)
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..20 {
        let before = format!("*a{},", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
    }
    assert_eq!(only(Format::Yaml, bomb.as_bytes()).0, "too-large");
    let merges = (1..30)
        .map(|n| format!("m{n}: &m{n} {{<<: [*m{0}, *m{0}, *m{0}], k{n}: 1}}\n", n - 1))
        .collect::<Vec<_>>()
        .concat();
    // Merging the same keys over and over multiplies nothing; that the fields are unknown is what is wrong here.
    let merges = problems(&format!("m0: &m0 {{k0: 1}}\n{merges}"));
    assert_eq!(merges.len(), 30, "{merges:?}");
    assert!(merges.iter().all(|problem| problem.code == "unknown-field"));
}

#[test]
fn depth_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let text = format!("{}x{}\n", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(only(Format::Yaml, text.as_bytes()).0, "too-large", "{open}");
    }
    let block: String = (0..2_000).map(|n| " ".repeat(n) + "a:\n").collect();
    assert_eq!(only(Format::Yaml, block.as_bytes()).0, "too-large");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(only(Format::Json, text.as_bytes()).0, "too-large");
    }
    // Unclosed, as a truncated file is.
    assert_eq!(only(Format::Yaml, "[".repeat(100_000).as_bytes()).0, "too-large");
    assert_eq!(only(Format::Json, "[".repeat(100_000).as_bytes()).0, "too-large");
}

#[test]
fn encodings_are_refused_by_name() {
    let text = "version: \"1.6\"\n";
    let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    for bytes in [little, big] {
        for format in [Format::Yaml, Format::Json] {
            assert_eq!(only(format, &bytes), ("encoding", 1, 1));
        }
    }
    assert_eq!(only(Format::Yaml, b"flags: []\nnamespace: \"\xc3\x28\"\n"), ("encoding", 2, 13));
    assert_eq!(only(Format::Yaml, b"flags: []\nnamespace: a\0b\n"), ("control-character", 2, 13));
    assert_eq!(only(Format::Yaml, &[0; 4096]), ("control-character", 1, 1));
    assert_eq!(only(Format::Json, b"{\"a\": \"\0\"}"), ("json-syntax", 1, 8));
    for same in ["\u{feff}flags: []\n", "flags: []\r\n", "\u{feff}flags: []\r\n"] {
        assert!(problems(same).is_empty(), "{same:?}");
    }
}

#[test]
fn large_scalars_are_kept_once_and_told_shortly() {
    let long = "x".repeat(1_000_000);
    for (text, code) in [
        (format!("flags:\n- {{key: {long}, name: {long}}}\n"), None),
        (format!("version: \"{long}\"\n"), Some("version")),
        // YAML itself bounds a key to 1,024 characters.
        (format!("{long}: 1\n"), Some("yaml-syntax")),
        (format!("flags:\n- {{key: a, name: a, enabled: {long}}}\n"), Some("wrong-type")),
    ] {
        let problems = problems(&text);
        assert_eq!(problems.first().map(|problem| problem.code), code);
        assert!(problems.iter().all(|problem| problem.message.len() < 300 && problem.key_path.len() < 200));
    }
    let long = "x".repeat(10_000_000);
    let name = format!("flags:\n- {{key: a, name: \"{long}\"}}\n");
    let environment =
        assemble(&[input("a/features.yaml", name.as_bytes())], &Environment::default(), HazardPolicy::Warn);
    assert_eq!(environment.namespaces["default"].flag("a").unwrap().name.len(), long.len());
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let bytes = vec![b'#'; crate::limits::FLAG_FILE_BYTES + 1];
    assert_eq!(only(Format::Yaml, &bytes), ("too-large", 1, 1));
}

/// Many of everything: what is compared with each other must not cost its square.
#[test]
fn many_equal_things_cost_their_number() {
    let many = 6_000;
    let variants = "{key: v},".repeat(many);
    let distributions = "{variant: v, rollout: 1},".repeat(many);
    let keys = "s,".repeat(many);
    let text = format!(
        "flags:\n- {{key: f, name: f, variants: [{variants}], rules: [{{segment: {{keys: [{keys}]}}, distributions: [{distributions}]}}]}}\n\
         segments: [{}]\n",
        "{key: s, name: s, match_type: ALL_MATCH_TYPE},".repeat(many)
    );
    let file = read(Format::Yaml, text.as_bytes());
    assert_eq!(file.problems.len(), crate::limits::FLAG_PROBLEMS);
    let fields = (0..many).map(|n| format!("f{n}: 1\n")).collect::<Vec<_>>().concat();
    assert_eq!(problems(&fields).len(), crate::limits::FLAG_PROBLEMS);
    let repeated = "a: 1\n".repeat(many);
    assert!(problems(&repeated).len() <= crate::limits::FLAG_PROBLEMS);
}

/// Pieces of which a file could be made; joined at random they reach further into the checks than random bytes.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "version: \"1.6\"\n",
        "version: 1.0\n",
        "namespace: a\n",
        "namespace: {key: a}\n",
        "flags:\n",
        "segments:\n",
        "---\n",
        "- key: a\n",
        "- {key: b, name: b, type: BOOLEAN_FLAG_TYPE}\n",
        "  name: n\n",
        "  enabled: true\n",
        "  enabled: on\n",
        "  variants: [{key: x, attachment: {a: 1}, default: true}]\n",
        "  rules: [{segment: s, distributions: [{variant: x, rollout: 50}]}]\n",
        "  rules: [{segment: {keys: [s, t], operator: AND_SEGMENT_OPERATOR}}]\n",
        "  rollouts: [{threshold: {percentage: 1e9}}, {}]\n",
        "  type: BOOLEAN_FLAG_TYPE\n",
        "  metadata: {a: [~, 1]}\n",
        "- {key: s, name: s, match_type: ANY_MATCH_TYPE, constraints: [{type: NUMBER_COMPARISON_TYPE, property: p, operator: isoneof, value: [1, x]}]}\n",
        "  match_type: ALL_MATCH_TYPE\n",
        "  constraints:\n",
        "  - {type: STRING_COMPARISON_TYPE, property: p, operator: eq, value: 1}\n",
        "&a ",
        "*a ",
        "<<: *a\n",
        "\t",
        "\u{0}",
        "\u{feff}",
        "]",
        "{",
        "\"",
        "'",
        "|\n",
        "? ",
        ": ",
        "!!int ",
        "\r\n",
        "ü",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Yaml, Format::Json] {
            let file = read(format, &bytes);
            prop_assert!(file.problems.iter().all(|problem| !problem.help.is_empty()));
        }
    }

    #[test]
    fn no_pieces_panic_and_what_is_served_is_whole(text in pieces(), other in pieces()) {
        let inputs = [input("a/features.yaml", text.as_bytes()), input("b/features.yaml", other.as_bytes())];
        let environment = assemble(&inputs, &Environment::default(), HazardPolicy::Warn);
        // What is held has no earlier state here, and so is not served; what is served is a snapshot that parses.
        for (key, namespace) in &environment.namespaces {
            prop_assert!(!environment.held.contains(key));
            serde_json::from_slice::<serde_json::Value>(&namespace.client_snapshot()).unwrap();
            for flag in namespace.flags_by_key() {
                _ = super::super::evaluate::boolean(flag, "e", &super::super::evaluate::Context::default());
                _ = super::super::evaluate::variant(flag, "e", &super::super::evaluate::Context::default());
            }
        }
        let failed = environment.problems.iter().any(|p| p.severity == Severity::Error && p.namespace.is_some());
        prop_assert!(!failed || !environment.held.is_empty());
        // The same files give the same state, and nothing is made anew.
        let again = assemble(&inputs, &environment, HazardPolicy::Warn);
        prop_assert_eq!(&again.problems, &environment.problems);
        prop_assert_eq!(&again.held, &environment.held);
        for (key, namespace) in &environment.namespaces {
            prop_assert!(std::sync::Arc::ptr_eq(namespace, &again.namespaces[key]));
        }
        prop_assert_eq!(again.namespaces.len(), environment.namespaces.len());
    }
}
