//! Generated flag files and requests.
//!
//! A case is a tree of small numbers, each an index into a list of values, taken modulo its length: any numbers make a
//! valid file, and shrinking a number comes nearer to the plain values, which stand first.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::reference::Request;

/// Subjects, and the operators that each knows.
pub(crate) const SUBJECTS: [(&str, &[&str]); 5] = [
    ("STRING", TEXT_OPERATORS),
    ("NUMBER", &["eq", "neq", "lt", "lte", "gt", "gte", "present", "notpresent", "isoneof", "isnotoneof"]),
    ("BOOLEAN", &["true", "false", "present", "notpresent"]),
    ("DATETIME", &["eq", "neq", "lt", "lte", "gt", "gte", "present", "notpresent"]),
    ("ENTITY_ID", TEXT_OPERATORS),
];
const TEXT_OPERATORS: &[&str] =
    &["eq", "neq", "empty", "notempty", "prefix", "suffix", "contains", "notcontains", "isoneof", "isnotoneof"];

#[rustfmt::skip]
pub(crate) const TEXTS: &[&str] = &[
    "a", "b", "ab", "abc", "", "A", "bc", "1", " a", "a ", " ", "  ", "\u{a0}a", "a\u{3000}", "\u{2028}ab\u{85}",
    "\u{200b}a", "\u{1c}a", "\u{feff}", "é", "e\u{301}", "日本", "a\"b", "a\\b", "a\nb", "a\tb ", "🦀", "null",
    "[\"a\"]",
];

#[rustfmt::skip]
pub(crate) const NUMBERS: &[&str] = &[
    "1", "0", "2", "-1", "10", "1000", "16", "007", "+5", "5", "-0", "1.0", "1.5", "0.1", ".5", "5.", "1e3", "1E-2",
    "1e400", "-1e400", "1e-400", "1_000", "1__0", "_1", "1_", "0x1p4", "0x10", "0X1P-2", "0x_1p0", "0x1.8p1", "inf",
    "-Inf", "+infinity", "nan", "+nan", "2147483647", "2147483648", "-2147483648", "-2147483649", "9007199254740993",
    "", " 5", "5 ", "abc", "1e", "--1", "1,5", "٥", "0b1", "1.5.5",
];

#[rustfmt::skip]
pub(crate) const TIMES: &[&str] = &[
    "2024-01-01T00:00:00Z", "2024-01-02T03:04:05Z", "2023-12-31T23:59:59Z", "2024-01-01T01:00:00+01:00",
    "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00,5Z", "2024-01-01", "2024-01-02",
    "2024-02-29", "2023-02-29", "2024-02-30", "2024-01-01T1:00:00Z", "2024-01-01T01:00:00Z",
    "2024-01-02T00:00:00+24:00", "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00-23:59", "0000-01-01T00:00:00Z",
    "10000-01-01", "2024-01-01T24:00:00Z", "2024-01-01T23:59:60Z", "2024-01-01t00:00:00z",
    "2024-01-01T00:00:00.1234567891Z", "2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00",
    "2024-01-01 00:00:00Z", " 2024-01-01", "", "today", "1704067200", "2024-1-1", "2024-13-01",
];

#[rustfmt::skip]
pub(crate) const TRUTHS: &[&str] = &[
    "true", "false", "True", "TRUE", "1", "t", "T", "False", "FALSE", "0", "f", "F", "", "tRUE", "yes", " true", "2",
    " ",
];

#[rustfmt::skip]
const LIST_NUMBERS: &[&str] = &[
    "1", "0", "2", "1000", "-1", "5", "1.0", "1.5", "0.1", "2147483647", "2147483648", "-2147483649", "1000000.0",
    "9223372036854775808", "9223372036854775807",
];

/// JSON arrays in text, as versions before 1.6 have them.
#[rustfmt::skip]
const TEXT_LISTS: &[&str] = &[
    r#"["a","b"]"#, "[]", r#"["a"]"#, r#" [ "ab" , "1" ] "#, "null", "[null]", r#"["a\"b","a"]"#, r#"["\u0061",null]"#, r#"["\u0061"]"#,
    r#"["é"]"#, "", "a", "[1]", r#"["a",]"#, r#"["a"] x"#, r#"["a",null]"#, r#"{"a":1}"#, r#"[["a"]]"#,
];

#[rustfmt::skip]
const NUMBER_LISTS: &[&str] = &[
    "[1,2]", "[]", "[5]", " [ 1000 , 16 ] ", "null", "[null]", "[1.0]", "[1.5,2]", "[1e3]", "[-0]", "[1e400]",
    "[\"1\"]", "", "1", "[1] x", "[01]", "[2147483648,1]", "[true]", "[1.5]",
];

#[rustfmt::skip]
const ROLLOUTS: &[&str] = &[
    "50", "100", "0", "25", "33.33", "33.34", "1", "14.28", "14.32", "0.5", "0.05", "99.99", "66.6", "12.5", "0.01",
    "33.3",
];
const PERCENTAGES: &[&str] = &["50", "0", "100", "0.5", "33.3", "100.1", "-1", "1", "99", "99.5", "1000"];
const ATTACHMENTS: &[&str] = &["", "{a: 1}", "[1, x, null]", "{z: \"\\\"\", a: {b: true}}", "null"];
const ENTITIES: &[&str] = &["u1", "u2", "", "u3", "a", "ab", " a", "日本", "u2360", "🦀", "a\"b", "a ", "\u{85}"];
pub(crate) const PROPERTIES: [&str; 3] = ["p", "q", "città"];

type Constraint = (u8, u8, u8, u8, Vec<u8>);
type Segment = (u8, bool, Vec<Constraint>);
/// How the condition is written, and the segments that it names.
type Condition = (u8, Vec<u8>);
type Rule = (Condition, Vec<(u8, u8)>);
type Rollout = (u8, Condition, u8, bool);
type Flag = (u8, bool, bool, Vec<(u8, u8)>, Vec<Rule>, Vec<Rollout>);

/// One document: version, namespace, segments, flags.
type Document = (u8, u8, Vec<Segment>, Vec<Flag>);

#[derive(Debug, Clone)]
pub(crate) struct Case {
    documents: Vec<Document>,
    entities: Vec<u8>,
    contexts: Vec<Vec<(u8, u8, u8)>>,
}

/// Any case.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let n = any::<u8>;
    let constraint = (n(), n(), n(), n(), vec(n(), 0..4));
    let segment = (n(), any::<bool>(), vec(constraint, 0..4));
    let condition = || (n(), vec(n(), 0..4));
    let rule = (condition(), vec((n(), n()), 0..4));
    let rollout = (n(), condition(), n(), any::<bool>());
    let flag =
        (n(), any::<bool>(), prop::bool::weighted(0.85), vec((n(), n()), 0..4), vec(rule, 0..4), vec(rollout, 0..4));
    let document = (n(), n(), vec(segment, 0..5), vec(flag, 1..5));
    let contexts = vec(vec((n(), n(), n()), 0..4), 6);
    (vec(document, 1..4), vec(n(), 4), contexts).prop_map(|(documents, entities, contexts)| Case {
        documents,
        entities,
        contexts,
    })
}

fn of<T: Copy>(list: &[T], index: u8) -> T {
    list[usize::from(index) % list.len()]
}

/// A text in double quotes. Everything but plain ASCII is escaped: readers of YAML differ about some of it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(c @ ('"' | '\\')) => out.extend(['\\', c]),
            Some(c @ ' '..='~') => out.push(c),
            _ => _ = write!(out, "\\u{unit:04x}"),
        }
    }
    // A pair of surrogates is one character in YAML.
    if text.chars().any(|c| u32::from(c) > 0xffff) {
        out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                ' '..='~' => out.push(c),
                c => _ = write!(out, "\\U{:08x}", u32::from(c)),
            }
        }
    }
    out.push('"');
    out
}

impl Case {
    /// One file with every document.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        // What each namespace knows so far: references must lead somewhere.
        let mut known: [Vec<u8>; 2] = Default::default();
        for (version, namespace, segments, flags) in &self.documents {
            let version = of(&[6_u8, 6, 3, 5], *version);
            let namespace = of(&[0_usize, 0, 1], *namespace);
            _ = write!(out, "---\nversion: \"1.{version}\"\n{}", ["", "namespace: other\n"][namespace]);
            if !segments.is_empty() {
                out.push_str("segments:\n");
            }
            for (key, any, constraints) in segments {
                let key = key % 6;
                known[namespace].push(key);
                let all = if *any { "ANY" } else { "ALL" };
                _ = write!(out, "- key: s{key}\n  name: s\n  match_type: {all}_MATCH_TYPE\n");
                if !constraints.is_empty() {
                    out.push_str("  constraints:\n");
                }
                for constraint in constraints {
                    write_constraint(&mut out, version, constraint);
                }
            }
            out.push_str("flags:\n");
            for flag in flags {
                write_flag(&mut out, &known[namespace], flag);
            }
        }
        out
    }

    /// What the constraints ask for: a property, and a value of which they speak.
    fn asked(&self) -> Vec<(&'static str, &'static str)> {
        let segments = self.documents.iter().flat_map(|(_, _, segments, _)| segments);
        let asked = segments.flat_map(|(_, _, constraints)| constraints).map(|(subject, _, property, value, items)| {
            let values = [TEXTS, NUMBERS, TRUTHS, TIMES, TEXTS][usize::from(*subject) % SUBJECTS.len()];
            (of(&PROPERTIES, *property), of(values, *items.first().unwrap_or(value)))
        });
        asked.collect()
    }

    /// Every entity with every context.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        let asked = self.asked();
        for context in &self.contexts {
            // Half of the values are those of which a constraint speaks, the others are any.
            let pairs = context.iter().map(|(property, kind, value)| {
                if kind % 2 == 0 && !asked.is_empty() {
                    let (property, value) = of(&asked, *value);
                    return (property.to_owned(), value.to_owned());
                }
                let list = [TEXTS, NUMBERS, TRUTHS, TIMES][usize::from(kind / 2 % 4)];
                (of(&PROPERTIES, *property).to_owned(), of(list, *value).to_owned())
            });
            let context: std::collections::BTreeMap<String, String> = pairs.collect();
            for entity in &self.entities {
                requests.push(Request { entity: of(ENTITIES, *entity).to_owned(), context: context.clone() });
            }
        }
        requests
    }
}

fn write_constraint(out: &mut String, version: u8, (subject, operator, property, value, items): &Constraint) {
    let (subject, operators) = of(&SUBJECTS, *subject);
    let operator = of(operators, *operator);
    _ = write!(
        out,
        "  - type: {subject}_COMPARISON_TYPE\n    property: {}\n    operator: {}\n",
        quoted(of(&PROPERTIES, *property)),
        quoted(operator)
    );
    let is_list = operator.ends_with("oneof");
    let items = items.iter().map(|item| match subject {
        "NUMBER" => of(LIST_NUMBERS, *item).to_owned(),
        _ => quoted(of(TEXTS, *item)),
    });
    match (is_list, version, subject) {
        (true, 6, _) => _ = writeln!(out, "    value: [{}]", items.collect::<Vec<_>>().join(", ")),
        (true, _, "NUMBER") => _ = writeln!(out, "    value: {}", quoted(of(NUMBER_LISTS, *value))),
        (true, ..) => _ = writeln!(out, "    value: {}", quoted(of(TEXT_LISTS, *value))),
        (false, _, subject) => {
            let list = match subject {
                "NUMBER" => NUMBERS,
                "DATETIME" => TIMES,
                "BOOLEAN" => TRUTHS,
                _ => TEXTS,
            };
            _ = writeln!(out, "    value: {}", quoted(of(list, *value)));
        }
    }
}

fn write_flag(out: &mut String, known: &[u8], (key, boolean, enabled, variants, rules, rollouts): &Flag) {
    let kind = if *boolean { "BOOLEAN" } else { "VARIANT" };
    _ = write!(out, "- key: f{}\n  name: f\n  type: ", key % 8);
    // A boolean flag is of no version before 1.1; the oldest here is 1.3.
    _ = write!(out, "{kind}_FLAG_TYPE\n  enabled: {enabled}\n");
    if !variants.is_empty() {
        out.push_str("  variants:\n");
    }
    for (key, form) in variants {
        _ = writeln!(out, "  - key: v{}", key % 4);
        let attachment = of(ATTACHMENTS, form / 4);
        if !attachment.is_empty() {
            _ = writeln!(out, "    attachment: {attachment}");
        }
        if form % 4 == 3 {
            out.push_str("    default: true\n");
        }
    }
    let rules: Vec<&Rule> = rules.iter().filter(|(condition, _)| can_be_written(known, condition)).collect();
    if !rules.is_empty() {
        out.push_str("  rules:\n");
    }
    for (condition, shares) in rules {
        out.push_str("  - segment: ");
        write_condition(out, known, condition, None);
        let shares: Vec<_> = shares.iter().filter(|_| !variants.is_empty()).collect();
        if !shares.is_empty() {
            out.push_str("    distributions:\n");
        }
        for (variant, rollout) in shares {
            let (key, _) = variants[usize::from(*variant) % variants.len()];
            _ = write!(out, "    - variant: v{}\n      rollout: {}\n", key % 4, of(ROLLOUTS, *rollout));
        }
    }
    if !boolean || rollouts.is_empty() {
        return;
    }
    out.push_str("  rollouts:\n");
    for (form, condition, percentage, value) in rollouts {
        match form % 4 {
            0 => out.push_str("  - {}\n"),
            1 | 2 if can_be_written(known, condition) => {
                out.push_str("  - segment: ");
                write_condition(out, known, condition, Some(*value));
            }
            _ => {
                let percentage = of(PERCENTAGES, *percentage);
                _ = writeln!(out, "  - threshold: {{percentage: {percentage}, value: {value}}}");
            }
        }
    }
}

/// A condition names segments, if there are any; of none it needs the form that has a list.
fn can_be_written(known: &[u8], (form, keys): &Condition) -> bool {
    form % 4 != 0 || !(known.is_empty() || keys.is_empty())
}

fn write_condition(out: &mut String, known: &[u8], (form, keys): &Condition, value: Option<bool>) {
    let keys: Vec<String> = keys
        .iter()
        .filter(|_| !known.is_empty())
        .map(|key| format!("s{}", known[usize::from(*key) % known.len()]))
        .collect();
    let value_field = value.map_or(String::new(), |value| format!(", value: {value}"));
    let text = match (form % 4, value) {
        (0, None) => keys[0].clone(),
        (0, Some(_)) => format!("{{key: {}{value_field}}}", keys[0]),
        (form, _) => {
            let operator =
                ["", ", operator: null", ", operator: AND_SEGMENT_OPERATOR", ", operator: OR_SEGMENT_OPERATOR"];
            format!("{{keys: [{}]{}{value_field}}}", keys.join(", "), operator[usize::from(form)])
        }
    };
    _ = writeln!(out, "{text}");
}
