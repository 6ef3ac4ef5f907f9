//! That an explanation is true: its answer is the evaluation's, and its steps lead there.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::text::{printable, printable_json, render};
use super::*;
use crate::flags::constraint::{Constraint, Operator, Subject};
use crate::flags::document::{self, Format};
use crate::flags::evaluate::{self, Context};
use crate::flags::problem::HazardPolicy;
use crate::flags::snapshot::{self, Flag, FlagKind, Input, Namespace};
use crate::limits;

fn namespace(format: Format, text: &str) -> Arc<Namespace> {
    let file = Arc::new(document::read(format, text.as_bytes()));
    let input = Input { path: "default/features.yaml".into(), blob: "b".into(), file };
    let flags = snapshot::assemble(&[input], &snapshot::Environment::default(), HazardPolicy::Warn);
    assert!(flags.held.is_empty(), "{text}\n{:?}", flags.problems);
    Arc::clone(&flags.namespaces["default"])
}

fn context(pairs: &[(&str, &str)]) -> Context {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What the steps say, put together again by nothing but the rules of the format.
fn folded(told: &Explanation, flag: &Flag) -> Answer {
    let mut matched: Option<(&Step, Vec<String>)> = None;
    for step in &told.steps {
        if matched.is_some() || (flag.kind == FlagKind::Variant && !told.flag_enabled) {
            assert_eq!(step.outcome, Outcome::NotReached);
            continue;
        }
        let (yes, keys) = match &step.condition {
            Condition::Nothing => (false, Vec::new()),
            Condition::Threshold { percentage, hash } => {
                let hash = hash.as_ref().unwrap();
                assert_eq!(hash.modulus, 100);
                (f64::from(hash.bucket) < f64::from(*percentage), Vec::new())
            }
            Condition::Segments { operator, segments } => {
                let taking: Vec<_> = segments.iter().filter(|s| s.outcome != Outcome::LeftOut).collect();
                for segment in &taking {
                    check_segment(segment);
                }
                let keys: Vec<String> =
                    taking.iter().filter(|s| s.outcome == Outcome::Matched).map(|s| s.key.clone()).collect();
                let yes =
                    if operator == "AND_SEGMENT_OPERATOR" { keys.len() == taking.len() } else { !keys.is_empty() };
                (yes, keys)
            }
        };
        assert_eq!(step.outcome, Outcome::of(yes), "{step:?}");
        if yes {
            matched = Some((step, keys));
        }
    }
    let default = flag.default_variant.as_ref();
    let variant = |r#match, reason: &str, key: Option<&str>, segment_keys| Answer::Variant {
        r#match,
        reason: reason.to_owned(),
        variant_key: key.unwrap_or_default().to_owned(),
        variant_attachment: key
            .and_then(|key| match default {
                Some(default) if !r#match && &*default.key == key => Some(default),
                _ => flag.variants.iter().find(|variant| &*variant.key == key),
            })
            .map_or_else(String::new, |variant| variant.attachment.to_string()),
        segment_keys,
    };
    let default = default.map(|variant| &*variant.key);
    match (flag.kind, matched) {
        (FlagKind::Boolean, Some((Step { gives: Gives::Value { value }, .. }, segment_keys))) => {
            Answer::Boolean { enabled: *value, reason: "MATCH_EVALUATION_REASON".to_owned(), segment_keys }
        }
        (FlagKind::Boolean, _) => Answer::Boolean {
            enabled: told.flag_enabled,
            reason: "DEFAULT_EVALUATION_REASON".to_owned(),
            segment_keys: Vec::new(),
        },
        (FlagKind::Variant, Some((Step { gives: Gives::Shares { shares, hash }, .. }, keys))) => {
            let chosen: Vec<_> = shares.iter().filter(|share| share.chosen).collect();
            let key = match (&hash, &*chosen) {
                (Some(hash), [one]) => {
                    assert!((one.first.unwrap()..=one.last.unwrap()).contains(&hash.bucket) && hash.modulus == 1_000);
                    Some(&*one.variant_key)
                }
                (None, []) => default,
                other => panic!("{other:?}"),
            };
            variant(true, "MATCH_EVALUATION_REASON", key, keys)
        }
        (FlagKind::Variant, _) if !told.flag_enabled => {
            variant(false, "FLAG_DISABLED_EVALUATION_REASON", default, Vec::new())
        }
        (FlagKind::Variant, _) => {
            let reason = if default.is_some() { "DEFAULT_EVALUATION_REASON" } else { "UNKNOWN_EVALUATION_REASON" };
            variant(false, reason, default, Vec::new())
        }
    }
}

fn check_segment(segment: &SegmentLook) {
    if segment.constraints.len() != segment.constraint_count {
        return;
    }
    let all = segment.match_type == "ALL_MATCH_TYPE";
    let yes = |constraint: &&ConstraintLook| constraint.outcome == Outcome::Matched;
    let matching = segment.constraints.iter().filter(yes).count();
    let matches =
        if all || segment.constraints.is_empty() { matching == segment.constraint_count } else { matching > 0 };
    assert_eq!(segment.outcome, Outcome::of(matches), "{segment:?}");
    let decided: Vec<_> = segment.constraints.iter().filter(|c| c.decided).map(|c| c.number).collect();
    let first = segment.constraints.iter().find(|c| (c.outcome == Outcome::Matched) != all).map(|c| c.number);
    assert_eq!(decided, Vec::from_iter(first));
    for constraint in &segment.constraints {
        // Which sort of value never matches, whatever the operator, but for those that ask for presence.
        let presence = ["empty", "notempty", "present", "notpresent"].contains(&&*constraint.operator);
        if !presence && matches!(constraint.seen.state, State::Missing | State::Empty | State::Unparsable) {
            assert_eq!(constraint.outcome, Outcome::NotMatched, "{constraint:?}");
        }
        assert!(!constraint.why.is_empty());
    }
}

/// Everything that must hold of the explanation of one evaluation.
fn check(flag: &Flag, entity: &str, context: &Context) -> Explanation {
    let told = explain(flag, entity, context);
    let evaluated = match flag.kind {
        FlagKind::Boolean => {
            let answer = evaluate::boolean(flag, entity, context);
            json!({"enabled": answer.enabled, "reason": answer.reason.name(),
                   "segmentKeys": answer.segments.iter().map(ToString::to_string).collect::<Vec<_>>(),
                   "type": "BOOLEAN_FLAG_TYPE"})
        }
        FlagKind::Variant => {
            let answer = evaluate::variant(flag, entity, context);
            json!({"match": answer.matched, "reason": answer.reason.name(), "type": "VARIANT_FLAG_TYPE",
                   "variantKey": answer.variant.map_or("", |v| &v.key),
                   "variantAttachment": answer.variant.map_or("", |v| &v.attachment),
                   "segmentKeys": answer.segments.iter().map(ToString::to_string).collect::<Vec<_>>()})
        }
    };
    assert_eq!(serde_json::to_value(&told.answer).unwrap(), evaluated);
    assert_eq!(folded(&told, flag), told.answer, "{told:#?}");
    let first = told.steps.iter().find(|step| step.outcome == Outcome::Matched).map(|step| step.number);
    match told.decision {
        Decision::Rule { number } | Decision::Rollout { number } => assert_eq!(Some(number), first),
        Decision::Disabled | Decision::Default | Decision::Nothing => assert_eq!(first, None),
    }
    let again: Explanation = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
    assert_eq!(again, told);
    let text = render(&told);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && text.contains(&*printable(&told.why)), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()) && text.ends_with('\n'), "{text}");
    told
}

const TEXTS: &[&str] =
    &["", " ", "a", "A", " a", "ab", "ä", "1", "1.0", "01", "1_0", "true", "T", "2026-01-31", "\u{1b}[2J"];

fn a_text() -> impl Strategy<Value = String> {
    proptest::sample::select(TEXTS).prop_map(str::to_owned)
}

fn a_constraint() -> impl Strategy<Value = Value> {
    let kinds: Vec<(Subject, Operator)> =
        Subject::ALL.iter().flat_map(|subject| subject.operators().iter().map(|o| (*subject, *o))).collect();
    (proptest::sample::select(kinds), "[pq]", a_text(), proptest::collection::vec(a_text(), 0..3)).prop_map(
        |((subject, operator), property, value, list)| {
            let value = match (operator.takes_list(), subject) {
                (false, _) => json!(value),
                // One too large for 64 bits becomes text, and the segment is left out.
                (true, Subject::Number) if list.len() == 1 => json!([1, 18_446_744_073_709_551_615_u64]),
                (true, Subject::Number) => json!([1, 10, 2.5]),
                (true, _) => json!(list),
            };
            json!({"type": subject.name(), "property": property, "operator": operator.name(), "value": value})
        },
    )
}

fn a_document() -> impl Strategy<Value = Value> {
    let keys = || proptest::collection::vec("[s-v]", 0..4);
    let operator = || proptest::sample::select(vec!["OR_SEGMENT_OPERATOR", "AND_SEGMENT_OPERATOR"]);
    let segments = proptest::collection::vec((any::<bool>(), proptest::collection::vec(a_constraint(), 0..4)), 4);
    let percent = || proptest::sample::select(vec![0.0, 0.01, 1.0, 33.3, 50.0, 100.0]);
    let rule = (keys(), operator(), proptest::collection::vec(("[x-z]", percent()), 0..4)).prop_map(
        |(keys, operator, shares)| {
            let shares: Vec<_> =
                shares.iter().map(|(variant, rollout)| json!({"variant": variant, "rollout": rollout})).collect();
            json!({"segment": {"keys": keys, "operator": operator}, "distributions": shares})
        },
    );
    let rollout = prop_oneof![
        (keys(), operator(), any::<bool>()).prop_map(|(keys, operator, value)| {
            json!({"segment": {"keys": keys, "operator": operator, "value": value}})
        }),
        (prop_oneof![percent(), Just(-1.0), Just(100.5)], any::<bool>())
            .prop_map(|(percentage, value)| json!({"threshold": {"percentage": percentage, "value": value}})),
        Just(json!({})),
    ];
    let flags = (
        proptest::collection::vec(rule, 0..5),
        proptest::collection::vec(rollout, 0..5),
        any::<[bool; 2]>(),
        proptest::option::of(0..3_usize),
    );
    (segments, flags).prop_map(|(segments, (rules, rollouts, enabled, default))| {
        let segments: Vec<_> = ["s", "t", "u", "v"]
            .iter()
            .zip(segments)
            .map(|(key, (all, constraints))| {
                let how = if all { "ALL_MATCH_TYPE" } else { "ANY_MATCH_TYPE" };
                json!({"key": key, "name": key, "match_type": how, "constraints": constraints})
            })
            .collect();
        let variants: Vec<_> = ["x", "y", "z"]
            .iter()
            .enumerate()
            .map(|(at, key)| json!({"key": key, "attachment": {"n": at}, "default": Some(at) == default}))
            .collect();
        json!({"version": "1.6", "segments": segments, "flags": [
            {"key": "variant", "name": "v", "enabled": enabled[0], "variants": variants, "rules": rules},
            {"key": "boolean", "name": "b", "type": "BOOLEAN_FLAG_TYPE", "enabled": enabled[1], "rollouts": rollouts},
        ]})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_is_the_evaluation(
        document in a_document(),
        asked in proptest::collection::vec(
            (a_text(), proptest::collection::vec(("[pqr]", a_text()), 0..3)), 8),
    ) {
        let namespace = namespace(Format::Json, &document.to_string());
        for (entity, pairs) in asked {
            let context: Context = pairs.into_iter().collect();
            for flag in namespace.flags_by_key() {
                check(flag, &entity, &context);
            }
        }
    }

    #[test]
    fn whatever_is_printed_moves_no_cursor(text in "\\PC*|[\\x00-\\x20\\u{7f}-\\u{a0}\\u{200b}-\\u{206f}a]*") {
        let shown = printable(&text);
        let moves = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        prop_assert!(!shown.chars().any(|c| c.is_control() || moves(c)), "{shown:?}");
        prop_assert_eq!(printable(&shown), shown.clone());
        let json = serde_json::to_string_pretty(&[&text]).unwrap();
        let shown = printable_json(&json);
        prop_assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || moves(c)), "{shown:?}");
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), vec![text]);
    }
}

const FLAGS: &str = r#"
version: "1.6"
flags:
- key: checkout
  name: Checkout
  enabled: true
  variants:
  - key: old
  - key: new
    attachment: {theme: dark}
  rules:
  - segment: {keys: [beta, staff], operator: AND_SEGMENT_OPERATOR}
    distributions: [{variant: new, rollout: 100}]
  - segment: everyone
    distributions: [{variant: old, rollout: 10}, {variant: new, rollout: 90}]
  - segment: staff
segments:
- {key: everyone, name: e, match_type: ALL_MATCH_TYPE}
- key: staff
  name: s
  match_type: ANY_MATCH_TYPE
  constraints:
  - {type: ENTITY_ID_COMPARISON_TYPE, property: x, operator: suffix, value: "@example.com"}
- key: beta
  name: b
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: country, operator: isoneof, value: [de, at]}
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
  - {type: STRING_COMPARISON_TYPE, property: userPlan, operator: neq, value: free}
  - {type: DATETIME_COMPARISON_TYPE, property: since, operator: lt, value: "2026-01-31"}
"#;

#[test]
fn it_reads_well() {
    let namespace = namespace(Format::Yaml, FLAGS);
    let context =
        context(&[("country", "de"), ("age", "abc\u{1b}[1m"), ("user_plan", "free"), ("since", "2025-12-01")]);
    let told = check(namespace.flag("checkout").unwrap(), "kim@example.com", &context);
    let expected = r#"checkout (variant flag, enabled) for entity "kim@example.com"

= variant "new" {"theme":"dark"}  MATCH_EVALUATION_REASON  segments: everyone
  rule 2 of 3 matches, and bucket 182 is in its share

rule 1  no: segment "beta" does not match, and all have to
  asks for all of 2 segments
  segment beta: no, constraint 2 does not match, and all have to
    yes  country isoneof ["de","at"]  "de" is one of ["de","at"]
    no * age gte "18"                 "abc\u{1b}[1m" is no number
    no   userPlan neq "free"          the context has no "userPlan" (it has "user_plan"); a missing value never matches, not even neq
    yes  since lt "2026-01-31"        "2025-12-01" is before "2026-01-31"; client SDKs say no: they read RFC 3339 times only, and by the second
  segment staff: yes, constraint 1 matches, and one is enough
    yes* entity id suffix "@example.com"  "kim@example.com" ends with "@example.com"
rule 2  MATCH: segment "everyone" matches
  segment everyone: yes, it has no constraints, so everyone is in it
  bucket 182 = crc32("checkout" + "kim@example.com") mod 1000
     old      10 %    0..99
  -> new      90 %  100..999
rule 3  not looked at: rule 2 decided
"#;
    assert_eq!(render(&told), expected);
}

#[test]
fn what_surprises_is_said() {
    let namespace = namespace(
        Format::Yaml,
        r#"
version: "1.6"
flags:
- key: off
  name: o
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - segment: {keys: [broken], operator: OR_SEGMENT_OPERATOR, value: false}
  - threshold: {percentage: 0.5, value: false}
  - segment: {keys: [broken], operator: AND_SEGMENT_OPERATOR, value: true}
segments:
- key: broken
  name: b
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: n, operator: gt, value: "many"}
"#,
    );
    let told = check(namespace.flag("off").unwrap(), "", &Context::default());
    let codes = |notes: &[Note]| notes.iter().map(|note| note.code.clone()).collect::<Vec<_>>();
    assert_eq!(codes(&told.notes), ["disabled-flag-with-rollouts", "no-entity"]);
    assert_eq!(codes(&told.steps[0].notes), ["malformed-constraint", "matches-nobody"]);
    assert_eq!(codes(&told.steps[1].notes), ["whole-percentiles"]);
    assert_eq!(codes(&told.steps[2].notes), ["malformed-constraint", "matches-everyone"]);
    assert_eq!(told.decision, Decision::Rollout { number: 3 });
    let text = render(&told);
    assert!(text.contains("segment broken: LEFT OUT, a constraint is malformed: \"many\" is no number"), "{text}");
    assert!(text.contains("! AND of no segment matches everyone"), "{text}");
}

#[test]
fn each_value_is_told_as_it_was_seen() {
    let cases = [
        ("STRING", "eq", "a", None, State::Missing, "the context has no \"p\""),
        ("STRING", "empty", "", None, State::Missing, "the context has no \"p\", which counts as empty"),
        ("STRING", "neq", "a", Some(""), State::Empty, "\"p\" is empty; an empty value never matches, not even neq"),
        (
            "STRING",
            "notempty",
            "",
            Some(" "),
            State::Blank,
            "\"p\" is blank, which counts as empty; client SDKs say yes: to them blanks are not empty",
        ),
        (
            "STRING",
            "eq",
            "a",
            Some("A"),
            State::Value,
            "\"A\" does not equal \"a\": they differ in upper and lower case",
        ),
        (
            "STRING",
            "eq",
            "a",
            Some("a "),
            State::Value,
            "\"a \" does not equal \"a\": they differ in the blanks around them",
        ),
        ("STRING", "eq", "", Some("a"), State::Value, "the constraint compares with nothing and never matches"),
        (
            "STRING",
            "prefix",
            "a",
            Some(" ab"),
            State::Value,
            "\" ab\" begins with \"a\"; client SDKs say no: they take the blanks around it as a part of it",
        ),
        (
            "NUMBER",
            "neq",
            "1",
            Some("abc"),
            State::Unparsable,
            "\"abc\" is no number; what does not parse never matches, not even neq",
        ),
        ("NUMBER", "present", "", Some("abc"), State::Value, "\"p\" is \"abc\""),
        (
            "NUMBER",
            "eq",
            "1000",
            Some("1_000"),
            State::Value,
            "\"1_000\" equals \"1000\"; client SDKs say no: they read whole numbers of 32 bits only",
        ),
        ("BOOLEAN", "true", "", Some("yes"), State::Unparsable, "\"yes\" is neither true nor false"),
        ("BOOLEAN", "false", "", Some("T"), State::Value, "\"T\" does not read as false"),
        (
            "DATETIME",
            "gte",
            "2026-01-31",
            Some("31.1.2026"),
            State::Unparsable,
            "\"31.1.2026\" is no date and no RFC 3339 time",
        ),
    ];
    for (subject, operator, value, given, state, why) in cases {
        let subject = Subject::ALL.into_iter().find(|s| s.name().starts_with(subject)).unwrap();
        let operator = Operator::ALL.into_iter().find(|o| o.name() == operator).unwrap();
        let own = Constraint::new(subject, operator, "p", value).unwrap();
        let context: Context = given.iter().map(|value| ("p".to_owned(), (*value).to_owned())).collect();
        let look = compared::compare(1, &own, "e", &context);
        assert_eq!((look.seen.state, &*look.why), (state, why), "{look:?}");
        assert_eq!(look.seen.value.as_deref(), given);
    }
}

/// What was recorded of the engine of client SDKs: the column beside the server's.
#[test]
fn client_sdks_judge_as_recorded() {
    let read = |name: &str| -> Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evaluation").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut differing = 0;
    for row in read("operators.json").as_array().unwrap() {
        let word = |name: &str| row[name].as_str().unwrap_or_default();
        let subject = Subject::ALL.into_iter().find(|s| s.name() == format!("{}_COMPARISON_TYPE", word("type")));
        let subject = subject.or((word("type") == "ENTITY_ID").then_some(Subject::Entity)).unwrap();
        let operator = Operator::ALL.into_iter().find(|o| o.name() == word("operator")).unwrap();
        // A segment with a malformed constraint is in no snapshot.
        let Ok(own) = Constraint::new(subject, operator, "p", word("constraintValue")) else { continue };
        assert_eq!(engine::matches(&own, word("input")), row["engine"].as_bool().unwrap(), "{row}");
        let context: Context =
            row["input"].as_str().map(|value| ("p".to_owned(), value.to_owned())).into_iter().collect();
        let told = compared::compare(1, &own, word("input"), &context).why.contains("client SDKs say");
        assert_eq!(told, row["engine"] != row["server"], "{row}");
        differing += usize::from(told);
    }
    assert!(differing >= 50, "{differing}");
}

#[test]
fn another_answer_of_client_sdks_is_noted() {
    let namespace = namespace(
        Format::Yaml,
        r#"
version: "1.6"
flags:
- key: v
  name: v
  enabled: true
  variants: [{key: v1}, {key: v2}, {key: v3}]
  rules:
  - segment: adult
    distributions: [{variant: v1, rollout: 33.33}, {variant: v2, rollout: 33.33}, {variant: v3, rollout: 33.34}]
segments:
- key: adult
  name: a
  match_type: ALL_MATCH_TYPE
  constraints: [{type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}]
"#,
    );
    let flag = namespace.flag("v").unwrap();
    let note = |entity: &str, age: &str| {
        let told = check(flag, entity, &context(&[("age", age)]));
        told.notes.into_iter().find(|note| note.code == "client-engines").map(|note| note.message)
    };
    assert_eq!(note("e", "18"), None);
    assert!(note("e", "18.5").unwrap().ends_with("answer no variant"));
    // Bucket 666: recorded with a server and an SDK.
    assert!(note("u2360", "18").unwrap().ends_with("answer variant \"v2\""));
}

#[test]
fn large_things_are_cut() {
    use std::fmt::Write as _;
    let mut text =
        "version: \"1.6\"\nsegments:\n- key: s\n  name: s\n  match_type: ANY_MATCH_TYPE\n  constraints:\n".to_owned();
    for n in 0..1_000 {
        let long = "x".repeat(500);
        let _ = writeln!(text, "  - {{type: STRING_COMPARISON_TYPE, property: p, operator: eq, value: \"{long}{n}\"}}");
    }
    text.push_str("flags:\n- key: f\n  name: f\n  type: BOOLEAN_FLAG_TYPE\n  rollouts:\n");
    text.push_str(&"  - segment: {key: s, value: true}\n".repeat(50));
    let namespace = namespace(Format::Yaml, &text);
    let told = check(namespace.flag("f").unwrap(), &"e".repeat(1_000_000), &context(&[("p", &"v".repeat(1_000_000))]));
    let told_one_by_one: usize = told
        .steps
        .iter()
        .filter_map(|step| match &step.condition {
            Condition::Segments { segments, .. } => Some(segments[0].constraints.len()),
            _ => None,
        })
        .sum();
    assert_eq!(told_one_by_one, limits::EXPLAINED_CONSTRAINTS);
    assert!(serde_json::to_string(&told).unwrap().len() < 8 << 20);
    assert!(told.entity_id.chars().count() == limits::EXPLAINED_CHARACTERS + 1 && told.entity_id.ends_with('…'));
    let unfinished = explain(namespace.flag("f").unwrap(), "", &Context::default());
    assert!(unfinished.steps[49].outcome == Outcome::NotMatched);
}
