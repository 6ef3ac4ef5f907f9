//! The first cases; the corpus is in `fixtures/edits`.

use super::super::document::Format;
use super::super::resource::{self, Document, Flag, Kind, Resource, Rollout, RolloutTo};
use super::super::snapshot::FlagKind;
use super::{Edit, Error, apply};
use crate::yaml;

const FILE: &str = "\
# orders, production
version: \"1.5\"
namespace:
  key: orders
  name: 'Orders'   # single quotes
flags:

  # first
  - key: refund
    name: \"Refunds\"   # of money
    enabled: true
    type: VARIANT_FLAG_TYPE
    variants:
      - {key: \"on\", attachment: {limit: 100, currency: EUR}}
      - key: \"off\"
        default: true
    rules:
      - segment: vip
        rank: 1
        distributions:
          - {variant: \"on\", rollout: 100}
  - {key: express, name: Express, type: BOOLEAN_FLAG_TYPE, enabled: true, rollouts: [{threshold: {percentage: 12.5, value: false}}, {segment: {key: vip, value: true}}]}

segments:
  - &vip
    key: vip
    name: VIP
    match_type: ANY_MATCH_TYPE
    constraints:
      - {type: STRING_COMPARISON_TYPE, property: tier, operator: isoneof, value: '[\"gold\",\"platinum\"]', description: tiers}
";

fn documents(text: &str) -> Vec<Document> {
    let nodes = yaml::parse(text, yaml::Limits::default()).expect("YAML");
    nodes.iter().filter(|node| !node.is_null()).map(|node| resource::read(node, Format::Yaml)).collect()
}

fn flag(text: &str, key: &str) -> Flag {
    documents(text).iter().flat_map(|it| &it.flags).rfind(|flag| flag.key == key).expect("the flag").clone()
}

fn put(text: &str, flag: Flag) -> String {
    let edited = apply(Some(text.as_bytes()), "orders", &[Edit::Put(Resource::Flag(flag))]).expect("an edit");
    assert_eq!(edited.rewritten, []);
    String::from_utf8(edited.bytes).expect("UTF-8")
}

fn diff(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - first;
    let last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let minus = old[first..old.len() - last].iter().map(|line| format!("-{line}"));
    minus.chain(new[first..new.len() - last].iter().map(|line| format!("+{line}"))).collect()
}

#[test]
fn a_switch_a_name_and_a_share_cost_their_own_bytes() {
    let toggled = put(FILE, Flag { enabled: false, ..flag(FILE, "refund") });
    assert_eq!(diff(FILE, &toggled), ["-    enabled: true", "+    enabled: false"]);
    let renamed = put(FILE, Flag { name: "Refunds, all".to_owned(), ..flag(FILE, "refund") });
    assert_eq!(
        diff(FILE, &renamed),
        ["-    name: \"Refunds\"   # of money", "+    name: \"Refunds, all\"   # of money"]
    );
    let mut express = flag(FILE, "express");
    express.rollouts[0].to = RolloutTo::Threshold { percentage: 33.3, value: true };
    let shared = put(FILE, express);
    assert!(diff(FILE, &shared)[1].contains("{percentage: 33.3, value: true}"), "{:?}", diff(FILE, &shared));
}

#[test]
fn a_new_flag_stands_behind_the_others_and_goes_without_a_trace() {
    let new = Flag {
        key: "new".to_owned(),
        name: "New".to_owned(),
        description: String::new(),
        kind: FlagKind::Boolean,
        enabled: false,
        metadata: None,
        variants: Vec::new(),
        default_variant: None,
        rules: Vec::new(),
        rollouts: vec![Rollout {
            description: String::new(),
            to: RolloutTo::Threshold { percentage: 50.0, value: true },
        }],
    };
    let added = put(FILE, new.clone());
    assert_eq!(
        diff(FILE, &added),
        [
            "+  - key: new",
            "+    name: New",
            "+    type: BOOLEAN_FLAG_TYPE",
            "+    enabled: false",
            "+    rollouts:",
            "+      - threshold:",
            "+          percentage: 50",
            "+          value: true"
        ]
    );
    let delete = Edit::Delete { kind: Kind::Flag, key: "new".to_owned() };
    let back = apply(Some(added.as_bytes()), "orders", &[delete]).expect("an edit");
    assert_eq!(String::from_utf8(back.bytes).expect("UTF-8"), FILE);
}

#[test]
fn a_delete_takes_the_comment_of_the_flag_with_it() {
    let delete = Edit::Delete { kind: Kind::Flag, key: "refund".to_owned() };
    let edited = apply(Some(FILE.as_bytes()), "orders", &[delete]).expect("an edit");
    let text = String::from_utf8(edited.bytes).expect("UTF-8");
    assert!(text.contains("flags:\n\n  - {key: express"), "{text}");
    assert!(!text.contains("# first"), "{text}");
}

#[test]
fn nothing_is_done_to_a_file_that_says_it_already() {
    let same = apply(Some(FILE.as_bytes()), "orders", &[Edit::Put(Resource::Flag(flag(FILE, "refund")))]);
    assert_eq!(same.expect("an edit").bytes, FILE.as_bytes());
    let other = apply(Some(FILE.as_bytes()), "billing", &[Edit::Put(Resource::Flag(flag(FILE, "refund")))]);
    assert_eq!(other, Err(Error::NoNamespace("billing".to_owned())));
}

/// A file of 120 flags in a plain style.
fn large() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("# many\nversion: \"1.6\"\nnamespace:\n  key: orders\nflags:\n");
    for at in 0..120 {
        _ = write!(
            text,
            "  # flag {at}\n  - key: flag-{at}\n    name: \"Flag {at}\"\n    enabled: true\n    description: |\n      key: flag-7\n      \"open\n    \
             variants: [{{key: \"on\"}}, {{key: 'off'}}]\n    rules:\n      - segment: s1\n        distributions:\n          \
             - {{variant: \"on\", rollout: 50}} # half\n          - {{variant: 'off', rollout: 50}}\n\n"
        );
    }
    text.push_str("segments:\n");
    for at in 0..30 {
        _ = write!(text, "  - key: s{at}\n    name: S\n    match_type: ALL_MATCH_TYPE\n");
    }
    text
}

#[test]
fn a_large_file_is_edited_by_its_parts_as_it_would_be_as_a_whole() {
    let text = large();
    let flag = |key: &str| flag(&text, key);
    let segment =
        |key: &str| documents(&text)[0].segments.iter().find(|it| it.key == key).expect("the segment").clone();
    let edits = [
        Edit::Put(Resource::Flag(Flag { enabled: false, ..flag("flag-0") })),
        Edit::Put(Resource::Flag(Flag { name: "It's".to_owned(), ..flag("flag-7") })),
        Edit::Put(Resource::Flag(Flag { rules: Vec::new(), ..flag("flag-119") })),
        Edit::Put(Resource::Flag(Flag { key: "new".to_owned(), ..flag("flag-3") })),
        Edit::Put(Resource::Flag(flag("flag-3"))),
        Edit::Delete { kind: Kind::Flag, key: "flag-60".to_owned() },
        Edit::Delete { kind: Kind::Flag, key: "flag-119".to_owned() },
        Edit::Delete { kind: Kind::Flag, key: "unknown".to_owned() },
        Edit::Put(Resource::Segment(resource::Segment { all: false, ..segment("s29") })),
        Edit::Put(Resource::Segment(resource::Segment { key: "new".to_owned(), ..segment("s1") })),
        Edit::Delete { kind: Kind::Segment, key: "s0".to_owned() },
    ];
    for edit in edits {
        let whole = super::page::edit(text.as_bytes(), "orders", &edit).expect("an edit");
        let parts = super::large::by_parts(text.as_bytes(), "orders", &edit);
        if matches!(&edit, Edit::Delete { key, .. } if key == "unknown") {
            assert!(parts.is_none() && whole.bytes.is_none());
            continue;
        }
        let parts = parts.expect("an edit by parts");
        assert_eq!(parts.rewritten, []);
        let text = |step: super::page::Step| String::from_utf8(step.bytes.unwrap_or_default()).expect("UTF-8");
        let (parts, whole) = (text(parts), text(whole));
        assert!(parts == whole, "{edit:?}\n{:?}", diff(&parts, &whole));
    }
    let doubtful = text.replace("name: \"Flag 5\"", "name: \"Flag\n      5\"");
    let toggled = Edit::Put(Resource::Flag(Flag { enabled: false, ..flag("flag-0") }));
    assert!(super::large::by_parts(doubtful.as_bytes(), "orders", &toggled).is_none());
}
