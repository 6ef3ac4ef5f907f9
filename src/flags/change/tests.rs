//! Generated environments and their mutations: each is seen, and nothing else is.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::problem::HazardPolicy;
use super::super::snapshot::{Environment, Input, assemble};
use super::super::{document, evaluate};
use super::{Answer, Changes, Edit, Presence, SegmentEdit, Side, StepChange, Whom, between, markdown, text};

fn environment(files: &[(&str, &str)]) -> Environment {
    after(&Environment::default(), files)
}

fn after(previous: &Environment, files: &[(&str, &str)]) -> Environment {
    let input = |(path, text): &(&str, &str)| {
        let file = document::read(document::Format::Yaml, text.as_bytes());
        Input { path: (*path).into(), blob: (&*file.sha1).into(), file: file.into() }
    };
    assemble(&files.iter().map(input).collect::<Vec<_>>(), previous, HazardPolicy::Warn)
}

fn one(text: &str) -> Environment {
    let environment = environment(&[("default/features.yaml", text)]);
    assert!(environment.held.is_empty(), "{:#?}\n{text}", environment.problems);
    environment
}

fn diff(old: &str, new: &str) -> Changes {
    between(&one(old), &one(new))
}

/// A file as data, so that it can be mutated in one place.
#[derive(Debug, Clone)]
struct File {
    flags: Vec<Flag>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
struct Flag {
    boolean: bool,
    name: u8,
    description: u8,
    enabled: bool,
    owner: u8,
    /// Attachment, and whether it is the default.
    variants: Vec<(u8, bool)>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    segments: Vec<u8>,
    all: bool,
    /// Of a boolean flag without segments.
    percentage: u8,
    value: bool,
    /// Of a variant flag: to the first variant, the rest to the second.
    share: u8,
}

#[derive(Debug, Clone)]
struct Segment {
    name: u8,
    all: bool,
    constraints: Vec<(u8, bool, u8)>,
}

impl File {
    fn write(&self) -> String {
        let mut out = "version: \"1.6\"\nflags:\n".to_owned();
        for (at, flag) in self.flags.iter().enumerate() {
            let kind = if flag.boolean { "BOOLEAN" } else { "VARIANT" };
            write!(
                out,
                "- key: f{at}\n  name: n{}\n  description: d{}\n  enabled: {}\n  type: {kind}_FLAG_TYPE\n  metadata: {{o: {}}}\n  variants:\n",
                flag.name, flag.description, flag.enabled, flag.owner
            )
            .unwrap();
            for (at, (attachment, default)) in flag.variants.iter().enumerate() {
                writeln!(out, "  - {{key: v{at}, attachment: {{a: {attachment}}}, default: {default}}}").unwrap();
            }
            out.push_str(if flag.boolean { "  rollouts:\n" } else { "  rules:\n" });
            for step in &flag.steps {
                let keys: Vec<String> =
                    step.segments.iter().map(|s| format!("s{}", usize::from(*s) % self.segments.len())).collect();
                let keys = keys.join(", ");
                let operator = if step.all { "AND" } else { "OR" };
                if !flag.boolean {
                    writeln!(out, "  - {{segment: {{keys: [{keys}], operator: {operator}_SEGMENT_OPERATOR}}, distributions: [{{variant: v0, rollout: {}}}, {{variant: v1, rollout: {}}}]}}", step.share, 100 - step.share).unwrap();
                } else if step.segments.is_empty() {
                    writeln!(out, "  - {{threshold: {{percentage: {}, value: {}}}}}", step.percentage, step.value)
                        .unwrap();
                } else {
                    writeln!(
                        out,
                        "  - {{segment: {{keys: [{keys}], operator: {operator}_SEGMENT_OPERATOR, value: {}}}}}",
                        step.value
                    )
                    .unwrap();
                }
            }
        }
        out.push_str("segments:\n");
        for (at, segment) in self.segments.iter().enumerate() {
            let all = if segment.all { "ALL" } else { "ANY" };
            write!(out, "- key: s{at}\n  name: n{}\n  match_type: {all}_MATCH_TYPE\n  constraints:\n", segment.name)
                .unwrap();
            for (property, equal, value) in &segment.constraints {
                let operator = if *equal { "eq" } else { "neq" };
                writeln!(out, "  - {{type: STRING_COMPARISON_TYPE, property: p{property}, operator: {operator}, value: \"{value}\"}}").unwrap();
            }
        }
        // Lists without an item are left out, as null is none.
        let lines: Vec<&str> = out.lines().collect();
        let empty = |at: usize| {
            let line = lines[at];
            let indent = |line: &str| line.len() - line.trim_start().len();
            let next = lines.get(at + 1).map_or("", |line| *line);
            line.ends_with(':') && !(next.trim_start().starts_with('-') && indent(next) == indent(line))
        };
        (0..lines.len()).filter(|at| !empty(*at)).fold(String::new(), |out, at| out + lines[at] + "\n")
    }
}

fn files() -> impl Strategy<Value = File> {
    let step = (proptest::collection::vec(0..6_u8, 0..3), any::<bool>(), 1..100_u8, any::<bool>(), 1..100_u8);
    let step = step.prop_map(|(segments, all, percentage, value, share)| {
        let mut segments = segments;
        segments.sort_unstable();
        segments.dedup();
        Step { segments, all, percentage, value, share }
    });
    let flag = (
        any::<(bool, u8, u8, bool, u8)>(),
        proptest::collection::vec(any::<u8>(), 2..4),
        proptest::collection::vec(step, 0..5),
    )
        .prop_map(|((boolean, name, description, enabled, owner), attachments, steps)| Flag {
            boolean,
            name,
            description,
            enabled,
            owner,
            variants: attachments.into_iter().map(|a| (a, false)).collect(),
            steps,
        });
    let segment = (any::<(u8, bool)>(), proptest::collection::vec((0..3_u8, any::<bool>(), any::<u8>()), 0..4))
        .prop_map(|((name, all), constraints)| Segment { name, all, constraints });
    (proptest::collection::vec(flag, 1..5), proptest::collection::vec(segment, 6..7))
        .prop_map(|(flags, segments)| File { flags, segments })
}

/// One mutation; whether it was possible, and whose it was.
fn mutate(file: &mut File, what: usize, flag: usize, at: usize) -> Option<String> {
    let flag_at = flag % file.flags.len();
    let segment_at = flag % file.segments.len();
    let key = Some(format!("f{flag_at}"));
    let segment_key = Some(format!("s{segment_at}"));
    let segments = file.segments.len();
    let flag = &mut file.flags[flag_at];
    let segment = &mut file.segments[segment_at];
    let (steps, constraints) = (flag.steps.len(), segment.constraints.len());
    match what {
        0 => flag.name = flag.name.wrapping_add(1),
        1 => flag.description = flag.description.wrapping_add(1),
        2 => flag.enabled = !flag.enabled,
        3 => flag.owner = flag.owner.wrapping_add(1),
        4 => {
            let variants = flag.variants.len();
            flag.variants[at % variants].0 = flag.variants[at % variants].0.wrapping_add(1);
        }
        5 => {
            let variants = flag.variants.len();
            flag.variants[at % variants].1 = true;
        }
        6 => flag.variants.push((0, false)),
        7 => flag.boolean = !flag.boolean,
        8 if steps > 0 => drop(flag.steps.remove(at % steps)),
        9 => flag.steps.push(Step { segments: vec![0], all: false, percentage: 1, value: true, share: 7 }),
        10 if steps > 1 && flag.steps[0] != flag.steps[steps - 1] && flag.boolean => {
            let (one, two) = (&flag.steps[0], &flag.steps[steps - 1]);
            let same = |s: &Step| {
                (
                    s.segments.clone(),
                    s.all && !s.segments.is_empty(),
                    s.value,
                    if s.segments.is_empty() { s.percentage } else { 0 },
                )
            };
            if same(one) == same(two) {
                return None;
            }
            flag.steps.swap(0, steps - 1);
        }
        11 if steps > 0 => {
            let boolean = flag.boolean;
            let step = &mut flag.steps[at % steps];
            match (boolean, step.segments.is_empty()) {
                (true, true) => step.percentage = step.percentage % 99 + 1,
                (true, false) => step.value = !step.value,
                (false, _) => step.share = step.share % 99 + 1,
            }
        }
        12 if steps > 0 && !flag.steps[at % steps].segments.is_empty() => {
            let step = &mut flag.steps[at % steps];
            let next = (0..6).find(|s| usize::from(*s) < segments && !step.segments.contains(s))?;
            step.segments.push(next);
        }
        13 => {
            segment.name = segment.name.wrapping_add(1);
            return segment_key;
        }
        14 => {
            segment.all = !segment.all;
            return segment_key;
        }
        15 => {
            segment.constraints.push((2, true, 255));
            return segment_key;
        }
        16 if constraints > 0 => {
            segment.constraints.remove(at % constraints);
            return segment_key;
        }
        17 if constraints > 0 => {
            let constraint = &mut segment.constraints[at % constraints];
            constraint.2 = constraint.2.wrapping_add(1);
            return segment_key;
        }
        18 if constraints > 0 => {
            let constraint = &mut segment.constraints[at % constraints];
            constraint.1 = !constraint.1;
            return segment_key;
        }
        19 => {
            file.flags.push(file.flags[flag_at].clone());
            return Some(format!("f{}", file.flags.len() - 1));
        }
        20 if file.flags.len() > 1 => {
            file.flags.pop();
            return Some(format!("f{}", file.flags.len()));
        }
        _ => return None,
    }
    key
}

const MUTATIONS: usize = 21;

/// The keys of everything that is told.
fn told(changes: &Changes) -> Vec<String> {
    let of = |n: &super::NamespaceChange| {
        n.flags
            .iter()
            .map(|f| f.key.to_string())
            .chain(n.segments.iter().map(|s| s.key.to_string()))
            .collect::<Vec<_>>()
    };
    changes.namespaces.iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_mutation_is_seen_and_nothing_else(file in files(), what in 0..MUTATIONS, flag in 0..8_usize, at in 0..8_usize) {
        let before = file.write();
        prop_assert_eq!(between(&one(&before), &one(&before)), Changes::default());
        let mut mutated = file;
        let Some(whose) = mutate(&mut mutated, what, flag, at) else { return Ok(()) };
        let after = mutated.write();
        let changes = diff(&before, &after);
        prop_assert_eq!(told(&changes), vec![whose], "{}\n{}\n{:#?}", before, after, changes);
        // And back: the same things, the other way round.
        let back = diff(&after, &before);
        prop_assert_eq!(told(&back), told(&changes));
        let rendered = (text(&changes), markdown(&changes), serde_json::to_string(&changes).unwrap());
        let again = diff(&before, &after);
        prop_assert_eq!(rendered, (text(&again), markdown(&again), serde_json::to_string(&again).unwrap()));
    }

    #[test]
    fn the_order_in_which_changes_were_made_does_not_matter(
        file in files(), one_what in 0..8_usize, two_what in 13..19_usize, flag in 0..8_usize, at in 0..8_usize,
    ) {
        let before = file.write();
        let (mut ab, mut ba) = (file.clone(), file);
        mutate(&mut ab, one_what, flag, at);
        mutate(&mut ab, two_what, flag, at);
        mutate(&mut ba, two_what, flag, at);
        mutate(&mut ba, one_what, flag, at);
        prop_assert_eq!(diff(&before, &ab.write()), diff(&before, &ba.write()));
    }

    /// The counts are what the evaluation answers, for entities that are in no segment.
    #[test]
    fn effects_are_what_evaluation_answers(file in files(), what in 2..13_usize, flag in 0..8_usize, at in 0..8_usize) {
        let mut mutated = file.clone();
        if mutate(&mut mutated, what, flag, at).is_none() || what == 7 {
            return Ok(());
        }
        let (old, new) = (one(&file.write()), one(&mutated.write()));
        let changes = between(&old, &new);
        let context = evaluate::Context::default();
        for change in changes.namespaces.iter().flat_map(|n| &n.flags).filter(|f| f.change == Presence::Changed) {
            let effect = change.effects.iter().find(|e| matches!(e.whom, Whom::Everyone | Whom::InNoSegment));
            let (old, new) = (&old.namespaces["default"], &new.namespaces["default"]);
            let (old, new) = (old.flag(&change.key).unwrap(), new.flag(&change.key).unwrap());
            // Without a context only segments without constraints match: no value is equal to nothing, nor unequal.
            let answer = |flag, entity: &str| match change.kind {
                super::FlagKind::Boolean => evaluate::boolean(flag, entity, &context).enabled.to_string(),
                super::FlagKind::Variant => {
                    evaluate::variant(flag, entity, &context).variant.map_or_else(String::new, |v| v.key.to_string())
                }
            };
            let mut differ = 0_u32;
            let entities = 1_500;
            for n in 0..entities {
                let entity = format!("e{n}");
                differ += u32::from(answer(old, &entity) != answer(new, &entity));
            }
            let share = f64::from(differ) / f64::from(entities);
            let expected = effect.map_or(0.0, |e| f64::from(e.changed) / f64::from(e.of));
            prop_assert!((share - expected).abs() < 0.06, "{share} {expected} {changes:#?}");
            prop_assert!(expected > 0.0 || differ == 0);
        }
    }
}

const ROLLOUT: &str = "flags:\n- key: checkout\n  name: Checkout\n  type: BOOLEAN_FLAG_TYPE\n  rollouts:\n  - {segment: {key: beta, value: true}}\n  - {threshold: {percentage: 10, value: true}}\nsegments:\n- {key: beta, name: Beta, match_type: ALL_MATCH_TYPE, constraints: [{type: STRING_COMPARISON_TYPE, property: plan, operator: eq, value: beta}]}\n";

#[test]
fn a_rollout_reads_as_what_it_does() {
    let plain = ROLLOUT.replace("  - {segment: {key: beta, value: true}}\n", "");
    assert_eq!(
        text(&diff(&plain, &plain.replace("percentage: 10", "percentage: 100"))),
        "namespace default\n\
         \u{20} ~ flag checkout (Checkout), boolean\n\
         \u{20}     ~ rollout 1 (everyone by percentage): 10 % → 100 %\n\
         \u{20}     → everyone: on for 10 % → 100 %: 90 % of entities more get on\n\
         \n\
         1 flag changed\n"
    );
    let narrower = ROLLOUT.replace(
        "value: beta}]",
        "value: beta}, {type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: CH}]",
    );
    assert_eq!(
        text(&diff(ROLLOUT, &narrower)),
        "namespace default\n\
         \u{20} ~ segment beta (Beta)\n\
         \u{20}     + now also requires country = CH\n\
         \u{20}     → touches the flag checkout\n\
         \n\
         1 segment changed\n"
    );
}

#[test]
fn a_rule_that_moved_is_no_new_one() {
    let rules = |order: [usize; 4]| {
        let mut rules = String::new();
        let mut segments = String::new();
        for n in order {
            writeln!(rules, "  - {{segment: s{n}, distributions: [{{variant: a, rollout: 100}}]}}").unwrap();
            writeln!(segments, "- {{key: s{n}, name: s, match_type: ALL_MATCH_TYPE}}").unwrap();
        }
        format!("flags:\n- key: f\n  name: f\n  variants: [{{key: a}}]\n  rules:\n{rules}segments:\n{segments}")
    };
    let changes = diff(&rules([0, 1, 2, 3]), &rules([3, 0, 1, 2]));
    let [Edit::Step(step)] = &*changes.namespaces[0].flags[0].edits else { panic!("{changes:#?}") };
    assert_eq!((step.change, step.old_rank, step.new_rank), (StepChange::Moved, Some(4), Some(1)));
}

#[test]
fn what_has_errors_is_not_compared() {
    let good = "namespace: a\nflags:\n- {key: x, name: x}\n";
    let other = "namespace: b\nflags:\n- {key: y, name: y}\n";
    let old = environment(&[("a/features.yaml", good), ("b/features.yaml", other)]);
    let reference =
        after(&old, &[("a/features.yaml", "namespace: a\nflags:\n- {key: x}\n"), ("b/features.yaml", other)]);
    let changes = between(&old, &reference);
    assert!(changes.namespaces.is_empty(), "{changes:#?}");
    assert_eq!((changes.not_compared[0].side, changes.not_compared[0].namespace.as_deref()), (Side::New, Some("a")));
    // No YAML at all: what it fed is not gone, and that it cannot be read is told.
    let broken = after(&old, &[("a/features.yaml", "flags: [\n"), ("b/features.yaml", other)]);
    let changes = between(&old, &broken);
    assert!(changes.namespaces.is_empty() && changes.not_compared.len() == 2, "{changes:#?}");
    assert!(
        text(&changes).contains("! namespace a is not compared: its new files have errors\n"),
        "{}",
        text(&changes)
    );
    // A file that is gone is gone.
    let gone = between(&old, &after(&old, &[("b/features.yaml", other)]));
    assert_eq!((gone.namespaces[0].change, &*gone.namespaces[0].flags[0].key), (Presence::Removed, "x"));
}

#[test]
fn nobody_writes_markup_through_a_name() {
    let evil =
        "\\u0060\\u0060 <img src=x onerror=alert(1)> @everyone #1 [x](http://x) **b** | \\n# h \\u202e \\u001b[31m";
    let file =
        format!("flags:\n- key: f\n  name: \"n\"\n  description: \"{evil}\"\n  metadata: {{\"{evil}\": \"{evil}\"}}\n");
    let plain = "flags:\n- key: f\n  name: n\n";
    let changes = diff(plain, &file);
    for rendered in [text(&changes), markdown(&changes)] {
        assert!(!rendered.contains(['\u{1b}', '\u{202e}']) && !rendered.contains("\n# h"), "{rendered}");
    }
    // Outside of code spans there is nothing of it.
    let page = markdown(&changes);
    for line in page.lines() {
        // Runs of backticks, and what is between them; a span ends at the next run of its length.
        let mut outside = String::new();
        let mut fence = None;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            if c == '`' {
                let mut run = 1;
                while rest.next_if_eq(&'`').is_some() {
                    run += 1;
                }
                match fence {
                    None => fence = Some(run),
                    Some(open) if open == run => fence = None,
                    Some(_) => {}
                }
            } else if fence.is_none() {
                outside.push(c);
            }
        }
        assert_eq!(fence, None, "a span that does not end: {line}");
        assert!(!outside.contains(['<', '@', '#', '[', '|']) || outside.starts_with("#### "), "{line}\n{outside}");
    }
}

#[test]
fn numbers_and_texts_of_an_attachment_are_told_apart() {
    let with = |value: &str| {
        format!("flags:\n- key: f\n  name: f\n  variants: [{{key: a, attachment: {{n: {value}, same: [1]}}}}]\n")
    };
    assert!(diff(&with("1"), &with("1.0")).is_empty());
    let changes = diff(&with("1"), &with("\"1\""));
    assert!(text(&changes).contains("variant a, attachment /n: 1 → \"1\"\n"), "{}", text(&changes));
    // Order of keys means nothing.
    assert!(
        diff(
            "flags:\n- {key: f, name: f, metadata: {a: 1, b: 2}}\n",
            "flags:\n- {name: f, key: f, metadata: {b: 2, a: 1}}\n"
        )
        .is_empty()
    );
}

#[test]
fn many_differences_of_one_value_are_bounded() {
    let list = |n: u32| (0..200).map(|i| format!("k{i}: {n}")).collect::<Vec<_>>().join(", ");
    let file = |n| format!("flags:\n- {{key: f, name: f, metadata: {{{}}}}}\n", list(n));
    let changes = diff(&file(1), &file(2));
    let [Edit::Metadata(edit)] = &*changes.namespaces[0].flags[0].edits else { panic!() };
    assert_eq!((edit.changes.len(), edit.more), (50, 150));
    let mut many = String::new();
    for n in 0..5_000 {
        writeln!(many, "- {{key: f{n}, name: f}}").unwrap();
    }
    let page = markdown(&diff("flags: []\n", &format!("flags:\n{many}")));
    assert!(page.len() < 40_000 && page.contains("too many to show here"), "{}", page.len());
}

#[test]
fn json_says_what_kind_of_change_it_is() {
    let changes = diff(ROLLOUT, &ROLLOUT.replace("percentage: 10", "percentage: 20"));
    let value = serde_json::to_value(&changes).unwrap();
    let flag = &value["namespaces"][0]["flags"][0];
    assert_eq!(flag["edits"][0]["what"], "step");
    assert_eq!(
        (&flag["edits"][0]["oldRank"], &flag["edits"][0]["new"]["target"]["percentage"]),
        (&2.into(), &20.0.into())
    );
    assert_eq!(
        (&flag["effects"][0]["whom"]["group"], &flag["effects"][0]["changed"]),
        (&"inNoSegment".into(), &10.into())
    );
    assert_eq!(changes.namespaces[0].flags[0].effects[0].moves[0].to, Answer::On);
    let renamed = diff(ROLLOUT, &ROLLOUT.replace("name: Beta", "name: Gamma"));
    assert!(matches!(renamed.namespaces[0].segments[0].edits[0], SegmentEdit::Name(_)));
}
