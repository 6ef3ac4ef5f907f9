//! A file that is read after its former version is what it is when it is read alone.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::flags::document::{Format, read_from};
use crate::flags::snapshot::Flag;

/// Reads by parts whatever the size.
fn after(previous: Option<&SourceFile>, text: &str) -> SourceFile {
    read_from(0, previous, Format::Yaml, text.as_bytes())
}

fn alone(text: &str) -> SourceFile {
    read_from(usize::MAX, None, Format::Yaml, text.as_bytes())
}

/// The flags of all documents that are the very ones of the former version.
fn shared(before: &SourceFile, now: &SourceFile) -> usize {
    let flags = |file: &SourceFile| -> Vec<Arc<Flag>> {
        file.documents.iter().flat_map(|document| document.flags.iter().cloned()).collect()
    };
    let before = flags(before);
    flags(now).iter().filter(|flag| before.iter().any(|known| Arc::ptr_eq(known, flag))).count()
}

fn flag(n: usize, rest: &str) -> String {
    format!("- key: flag-{n}\n  name: Flag {n}\n  enabled: true\n{rest}")
}

const RULE: &str = "  variants:\n  - key: on\n  rules:\n  - segment: beta\n    distributions:\n    - variant: on\n      rollout: 100\n";
const FOREIGN: &str =
    "  type: BOOLEAN_FLAG_TYPE\n  rollouts:\n  - segment:\n      keys: [beta, elsewhere]\n      value: true\n";

fn segments(value: &str) -> String {
    let segment = |key: &str, value: &str| {
        format!(
            "- key: {key}\n  name: S\n  match_type: ALL_MATCH_TYPE\n  constraints:\n  - type: NUMBER_COMPARISON_TYPE\n    \
             property: p\n    operator: eq\n    value: \"{value}\"\n"
        )
    };
    format!("segments:\n{}{}", segment("beta", value), segment("other", "1"))
}

fn file(flags: &[String], segments: &str) -> String {
    format!("version: \"1.6\"\nnamespace: shop\nflags:\n{}{segments}", flags.concat())
}

#[test]
fn one_change_reads_one_flag() {
    let mut flags: Vec<String> = (0..20).map(|n| flag(n, if n % 2 == 0 { RULE } else { "" })).collect();
    let first = after(None, &file(&flags, &segments("7")));
    assert!(first.is_kept() && first.problems.is_empty(), "{:?}", first.problems);

    flags[4] = flags[4].replace("enabled: true", "enabled: false # off\n  description: longer");
    let text = file(&flags, &segments("7"));
    let second = after(Some(&first), &text);
    assert_eq!((shared(&first, &second), second.shown()), (19, alone(&text).shown()));
    // The order of the keys is the same list.
    let order = |file: &SourceFile| Arc::clone(&file.documents[0].order);
    assert!(Arc::ptr_eq(&order(&first), &order(&second)));

    // One added, one gone, two that changed places.
    flags.insert(2, flag(100, ""));
    flags.remove(10);
    flags.swap(15, 16);
    let text = file(&flags, &segments("7"));
    let third = after(Some(&second), &text);
    assert_eq!((shared(&second, &third) >= 18, third.shown()), (true, alone(&text).shown()));

    // Another segment: flags without it stay, the others get it.
    let text = file(&flags, &segments("8"));
    let fourth = after(Some(&third), &text);
    let without = flags.iter().filter(|flag| !flag.contains("beta")).count();
    assert_eq!((shared(&third, &fourth), fourth.shown()), (without, alone(&text).shown()));
    // One that takes no part any more, and one that is gone, are told of every flag.
    for segments in [segments("x"), "segments: []\n".to_owned(), segments("9")] {
        let text = file(&flags, &segments);
        let fifth = after(Some(&fourth), &text);
        assert_eq!(fifth.shown(), alone(&text).shown());
    }
}

#[test]
fn a_file_that_is_broken_for_a_while_costs_one_flag_when_it_is_repaired() {
    let mut flags: Vec<String> = (0..20).map(|n| flag(n, FOREIGN)).collect();
    let good = file(&flags, &segments("7"));
    let first = after(None, &good);
    for broken in ["- key: [\n", "- key: x\n  nme: X\n", "- key: x\n  key: y\n", "\tx\n"] {
        flags[7] = broken.to_owned();
        let text = file(&flags, &segments("7"));
        let second = after(Some(&first), &text);
        assert_eq!(second.shown(), alone(&text).shown());
        assert!(second.is_kept());
        let third = after(Some(&second), &good);
        assert_eq!((shared(&first, &third) >= 19, third.shown()), (true, alone(&good).shown()), "{broken:?}");
    }
}

#[test]
fn what_others_of_the_namespace_define_is_told_where_the_flag_stands_now() {
    let elsewhere = "namespace: shop\nsegments:\n- {key: elsewhere, name: E, match_type: ANY_MATCH_TYPE}\n";
    let mut flags: Vec<String> = (0..6).map(|n| flag(n, FOREIGN)).collect();
    let first = after(None, &file(&flags, &segments("7")));
    flags.insert(0, flag(10, "").replace("  name", "  # one\n  # two\n  name"));
    let text = file(&flags, &segments("7"));
    let second = after(Some(&first), &text);
    assert_eq!(shared(&first, &second), 6);
    let served = |file: SourceFile, others: &[(&str, &str)]| {
        let mut inputs = inputs(others);
        inputs.push(Input { path: "b/features.yaml".into(), blob: "blob".into(), file: Arc::new(file) });
        format!("{:#?}", snapshot::assemble(&inputs, &Environment::default(), HazardPolicy::Warn))
    };
    for others in [&[][..], &[("a/features.yaml", elsewhere)]] {
        assert_eq!(served(second.clone(), others), served(alone(&text), others));
    }
    assert!(served(second, &[]).contains("flags[6].rollouts[0].segment"));
}

/// An item of a flag file, sound or not.
fn item() -> impl Strategy<Value = String> {
    let rest = prop::sample::select(vec![
        "",
        "",
        RULE,
        RULE,
        FOREIGN,
        "  metadata: {a: 1}\n",
        "  # comment\n",
        "  description: |\n    text\n    # no comment\n\n",
        "  description: \"a\n    b\"\n",
        "  enabled: yes\n",
        "  metadata: &m {a: [1, 2]}\n",
        "  metadata: *m\n",
        "  variants:\n  - &v {key: a}\n  - *v\n",
        "  variants:\n  - key: a\n  - key: a\n",
        "  rules:\n  - segment: unknown\n",
        "  rules:\n  - segment: {keys: [beta, other, beta]}\n",
        "  type: BOOLEAN_FLAG_TYPE\n",
        "\n",
        "  description: \"a\n",
        "  x: [\n",
    ]);
    let lead =
        prop::sample::select(vec!["", "", "", "# head\n", "\n# head\n# of two\n", "  # deeper\n", "# apart\n\n"]);
    (0_usize..12, rest, lead).prop_map(|(n, rest, lead)| format!("{lead}{}", flag(n, rest)))
}

fn document() -> impl Strategy<Value = String> {
    let version =
        prop::sample::select(vec!["", "version: \"1.6\"\n", "version: \"1.2\"\n", "# about\n\nversion: \"1.6\"\n"]);
    let namespace = prop::sample::select(vec!["", "namespace: shop\n", "namespace:\n  key: team\n  name: Team\n"]);
    let segments =
        prop::sample::select(vec![String::new(), segments("7"), segments("8"), segments("x"), segments("3.5")]);
    let shape = (prop::bool::ANY, prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    (version, namespace, segments, prop::collection::vec(item(), 0..9), shape).prop_map(
        |(version, namespace, segments, flags, (first, deeper, crlf))| {
            let mut list = if flags.is_empty() { String::new() } else { format!("flags:\n{}", flags.concat()) };
            if deeper {
                list = list.replace('\n', "\n  ").trim_end_matches(' ').to_owned();
            }
            let lists = if first { [list, segments] } else { [segments, list] };
            let text = format!("{version}{namespace}{}", lists.concat());
            if crlf { text.replace('\n', "\r\n") } else { text }
        },
    )
}

/// What a person or a program does to a file.
#[derive(Debug, Clone)]
enum Step {
    Replace(prop::sample::Index, String),
    Insert(prop::sample::Index, String),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, prop::sample::Index, usize),
    Word(prop::sample::Index, &'static str, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let words = prop::sample::select(vec![
        ("true", "false"),
        ("false", "true"),
        ("Flag", "A flag"),
        ("\"7\"", "\"9\""),
        ("beta", "other"),
        ("flag-1", "flag-2"),
        ("1.6", "1.5"),
        ("shop", "team"),
        ("segments:", "flags:"),
        ("- key", "-  key"),
        ("\n", "\n\n"),
    ]);
    let index = || any::<prop::sample::Index>();
    prop_oneof![
        3 => (index(), item()).prop_map(|(at, item)| Step::Insert(at, item)),
        3 => (index(), words).prop_map(|(at, (from, to))| Step::Word(at, from, to)),
        2 => (index(), 1_usize..8).prop_map(|(at, lines)| Step::Remove(at, lines)),
        2 => (index(), index(), 1_usize..8).prop_map(|(from, to, lines)| Step::Repeat(from, to, lines)),
        2 => (index(), "[-a :#&*|>\"'\\[\\]{}]{0,4}(\n)?").prop_map(|(at, text)| Step::Replace(at, text)),
    ]
}

fn edited(text: &str, step: &Step) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let place = |index: &prop::sample::Index| index.index(lines.len() + 1);
    match step {
        Step::Insert(at, item) => {
            let mut at = place(at);
            while at < lines.len() && !lines[at].trim_start().starts_with("- key: flag") {
                at += 1;
            }
            lines.insert(at, item);
            return lines.concat();
        }
        Step::Remove(at, count) => {
            let at = place(at);
            lines.drain(at..(at + count).min(lines.len()));
        }
        Step::Repeat(from, to, count) => {
            let (from, to) = (place(from), place(to));
            let moved: Vec<&str> = lines.iter().skip(from).take(*count).copied().collect();
            lines.splice(to..to, moved);
        }
        Step::Replace(at, with) => {
            let at = place(at);
            if at < lines.len() {
                lines[at] = with;
            }
            return lines.concat();
        }
        Step::Word(at, from, to) => {
            let found: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
            if let Some(at) = (!found.is_empty()).then(|| found[at.index(found.len())]) {
                let (before, rest) = text.split_at(at);
                return format!("{before}{}", rest.replacen(from, to, 1));
            }
        }
    }
    lines.concat()
}

/// The same cases every time; with `PROPTEST_CASES=N` new ones.
fn cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig {
            cases: 400,
            rng_seed: RngSeed::Fixed(0x5eed),
            failure_persistence: None,
            ..ProptestConfig::default()
        },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_version_is_what_it_is_alone(
        documents in prop::collection::vec(document(), 1..4),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let mut text = documents.join("---\n");
        let mut file = after(None, &text);
        prop_assert_eq!(file.shown(), alone(&text).shown(), "{}", text);
        let mut environment = snapshot::assemble(&served(&file), &Environment::default(), HazardPolicy::Warn);
        for step in &steps {
            let next = edited(&text, step);
            let read = after(Some(&file), &next);
            let whole = alone(&next);
            prop_assert_eq!(read.shown(), whole.shown(), "{}\n=== {:?} ===>\n{}", text, step, next);
            let whole = snapshot::assemble(&served(&whole), &environment, HazardPolicy::Warn);
            environment = snapshot::assemble(&served(&read), &environment, HazardPolicy::Warn);
            prop_assert_eq!(format!("{environment:#?}"), format!("{whole:#?}"), "{}", next);
            (text, file) = (next, read);
        }
    }
}

fn served(file: &SourceFile) -> [Input; 1] {
    [Input { path: "a/features.yaml".into(), blob: (&*file.sha1).into(), file: Arc::new(file.clone()) }]
}
