use serde_json::{Value, json};

use super::*;
use crate::flags::document::Format;
use crate::flags::resource::view::View;
use crate::flags::resource::{Kind, Resource};

/// The declared resource of a text.
fn read(kind: Kind, text: &str) -> Resource {
    let (list, key) = match kind {
        Kind::Flag => ("flags", "f"),
        Kind::Segment => ("segments", "s"),
    };
    let whole = format!("version: \"1.6\"\n{list}:\n- {text}");
    let file =
        crate::flags::resource::view::File::new(&"features.yaml".into(), &"b".into(), Format::Yaml, whole.as_bytes());
    file.documents.as_ref().unwrap();
    View { files: vec![file] }.get("default", kind, key).unwrap()
}

fn told(text: &str) -> String {
    let Resource::Flag(flag) = read(Kind::Flag, text) else { unreachable!() };
    let Summary { off, parts, more, rest } = of_flag(&flag);
    let mut words: Vec<String> = parts
        .iter()
        .map(|part| {
            let whom: Vec<String> = part.whom.iter().map(whom).collect();
            format!("{} for {}", gets(&part.gets), whom.join(" or "))
        })
        .collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.push(format!("else {}", gets(&rest)));
    format!("{}{}", if off { "off: " } else { "" }, words.join("; "))
}

fn whom(whom: &Whom) -> String {
    match whom {
        Whom::Share { percent } => format!("{percent} %"),
        Whom::Segments { keys, more, all } => {
            format!("{}{}", keys.join(if *all { "&" } else { "|" }), if *more > 0 { "…" } else { "" })
        }
    }
}

fn gets(gets: &Gets) -> String {
    match gets {
        Gets::Value { on } => if *on { "on" } else { "off" }.to_owned(),
        Gets::Nothing => "nothing".to_owned(),
        Gets::Variants { shares, more } => {
            let share = |share: &Share| {
                share.percent.as_ref().map_or(share.variant.clone(), |percent| format!("{} {percent} %", share.variant))
            };
            shares.iter().map(share).collect::<Vec<_>>().join(", ") + if *more > 0 { "…" } else { "" }
        }
    }
}

#[test]
fn a_boolean_flag() {
    let flag = |rest: &str| told(&format!("{{key: f, name: F, type: BOOLEAN_FLAG_TYPE, {rest}}}"));
    assert_eq!(flag("enabled: true"), "else on");
    assert_eq!(flag("enabled: false"), "else off");
    let both =
        "enabled: false, rollouts: [{threshold: {percentage: 30, value: true}}, {segment: {key: beta, value: true}}]";
    assert_eq!(flag(both), "on for 30 % or beta; else off");
    let mixed = "enabled: false, rollouts: [{segment: {key: staff, value: false}}, {threshold: {percentage: 33.34, value: true}}]";
    assert_eq!(flag(mixed), "off for staff; on for 33.34 %; else off");
    let all = "enabled: true, rollouts: [{segment: {keys: [a, b], operator: AND_SEGMENT_OPERATOR, value: false}}]";
    assert_eq!(flag(all), "off for a&b; else on");
    let many = "enabled: false, rollouts: [{segment: {keys: [a, b, c, d], value: true}}]";
    assert_eq!(flag(many), "on for a|b|c…; else off");
}

#[test]
fn what_changes_no_answer_is_not_told() {
    let flag = |rest: &str| told(&format!("{{key: f, name: F, type: BOOLEAN_FLAG_TYPE, {rest}}}"));
    let everybody =
        "enabled: false, rollouts: [{threshold: {percentage: 100, value: true}}, {segment: {key: a, value: false}}]";
    assert_eq!(flag(everybody), "else on");
    let nobody = "enabled: false, rollouts: [{threshold: {percentage: 0, value: true}}, {}]";
    assert_eq!(flag(nobody), "else off");
    let same = "enabled: true, rollouts: [{segment: {key: a, value: true}}]";
    assert_eq!(flag(same), "else on");
    let wider = "enabled: false, rollouts: [{threshold: {percentage: 10, value: true}}, {threshold: {percentage: 20, value: true}}, {threshold: {percentage: 15, value: true}}]";
    assert_eq!(flag(wider), "on for 20 %; else off");
}

#[test]
fn a_variant_flag() {
    let flag = |rest: &str| {
        told(&format!(
            "{{key: f, name: F, type: VARIANT_FLAG_TYPE, variants: [{{key: a, default: true}}, {{key: b}}], {rest}}}"
        ))
    };
    assert_eq!(flag("enabled: true"), "else a");
    assert_eq!(told("{key: f, name: F, type: VARIANT_FLAG_TYPE, enabled: true}"), "else nothing");
    let rule = "rules: [{segment: s, distributions: [{variant: b, rollout: 100}]}]";
    assert_eq!(flag(&format!("enabled: true, {rule}")), "b for s; else a");
    assert_eq!(flag(&format!("enabled: false, {rule}")), "off: else a");
    let shares = "enabled: true, rules: [{segment: s, distributions: [{variant: a, rollout: 50}, {variant: b, rollout: 50}]}, {segment: t}]";
    assert_eq!(flag(shares), "a 50 %, b 50 % for s; else a");
}

#[test]
fn no_more_than_fits_is_told() {
    let rollout = |n: usize| format!("{{segment: {{key: s{n}, value: {}}}}}", n.is_multiple_of(2));
    let rollouts: Vec<String> = (0..9).map(rollout).collect();
    let text = format!("{{key: f, name: F, type: BOOLEAN_FLAG_TYPE, rollouts: [{}]}}", rollouts.join(", "));
    assert_eq!(told(&text), "on for s0; off for s1; on for s2; 6 more; else off");
}

#[test]
fn who_is_in_a_segment() {
    let who = |constraints: &str| {
        let text = format!("{{key: s, name: S, match_type: ALL_MATCH_TYPE, constraints: [{constraints}]}}");
        let Resource::Segment(segment) = read(Kind::Segment, &text) else { unreachable!() };
        serde_json::to_value(of_segment(&segment)).unwrap()
    };
    assert_eq!(who(""), json!({ "all": true, "asks": [], "more": 0 }));
    let told = who("{type: STRING_COMPARISON_TYPE, property: plan, operator: isoneof, value: [pro, team]}, \
                    {type: ENTITY_ID_COMPARISON_TYPE, property: entity, operator: eq, value: ada}, \
                    {type: STRING_COMPARISON_TYPE, property: plan, operator: notempty}, \
                    {type: BOOLEAN_COMPARISON_TYPE, property: paid, operator: \"true\"}");
    assert_eq!(told["asks"][0], json!({ "property": "plan", "operator": "isoneof", "value": "pro, team" }));
    assert_eq!(told["asks"][1], json!({ "property": Value::Null, "operator": "eq", "value": "ada" }));
    assert_eq!(told["asks"][2], json!({ "property": "plan", "operator": "notempty", "value": Value::Null }));
    assert_eq!(told["more"], 1);
}
