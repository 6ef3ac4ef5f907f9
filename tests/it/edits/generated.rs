//! Generated files and edits: parse(edit(text)) is edit(parse(text)), and an edit followed by its inverse is nothing,
//! where the form of what is changed can be known from what stands there.
//!
//! It cannot where something goes that only the text had (comments of what is taken out, `rank`, a short form that
//! became a long one, quotes that a text needed) or where an absent field is set (taking it out again would be a guess);
//! so the inverse is asked for of names, switches that are there, shares, descriptions and whole items.

use proptest::prelude::*;

use super::*;

/// How a generated file is written.
#[derive(Debug, Clone)]
struct Style {
    list: usize,
    map: usize,
    flow: bool,
    quotes: &'static str,
    comments: bool,
    spaced: bool,
    crlf: bool,
    open: bool,
    bom: bool,
    version: &'static str,
}

fn styles() -> impl Strategy<Value = Style> {
    let booleans = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let quotes = prop_oneof![Just(""), Just("'"), Just("\"")];
    let version = prop_oneof![Just("1.0"), Just("1.2"), Just("1.5"), Just("1.6")];
    (0..5_usize, 1..5_usize, quotes, version, booleans).prop_map(
        |(list, map, quotes, version, (flow, comments, spaced, crlf, open, bom))| Style {
            list,
            map: map.max(list).max(1),
            flow,
            quotes,
            comments,
            spaced,
            crlf,
            open,
            bom,
            version,
        },
    )
}

/// A flag of a generated file: name, switch, shares of its two variants.
type Row = (String, bool, u8);

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z][A-Za-z ]{0,12}[a-z]",
        "[ -~]{1,12}".prop_filter("a name has a letter", |text| !text.trim().is_empty()),
        "[äöü日本🚩]{1,4}",
        Just("yes".to_owned()),
        Just("1.0".to_owned()),
        Just("a: b # c".to_owned()),
        Just("it's \"so\"".to_owned()),
    ]
}

fn write(style: &Style, rows: &[Row]) -> String {
    let quote = style.quotes;
    let name = |text: &str| match quote {
        "'" => format!("'{}'", text.replace('\'', "''")),
        _ => serde_json::to_string(text).expect("JSON"),
    };
    let dash = " ".repeat(style.list);
    let inner = " ".repeat(style.list + 2);
    let deep = " ".repeat(style.list + 2 + style.list);
    let mut out =
        format!("version: \"{}\"\nnamespace:\n{}key: {quote}ns{quote}\nflags:\n", style.version, " ".repeat(style.map));
    for (at, (text, enabled, share)) in rows.iter().enumerate() {
        if style.spaced {
            out.push('\n');
        }
        if style.comments {
            _ = writeln!(out, "{dash}# flag {at}");
        }
        let (text, rest) = (name(text), 100 - u16::from(*share));
        if style.flow {
            _ = writeln!(
                out,
                "{dash}- {{key: f{at}, name: {text}, enabled: {enabled}, variants: [{{key: a}}, {{key: b}}], rules: [{{segment: s, distributions: [{{variant: a, rollout: {share}}}, {{variant: b, rollout: {rest}}}]}}]}}"
            );
            continue;
        }
        _ = writeln!(
            out,
            "{dash}- key: {quote}f{at}{quote}\n{inner}name: {text}{}",
            if style.comments { " # n" } else { "" }
        );
        _ = writeln!(
            out,
            "{inner}enabled: {enabled}\n{inner}variants:\n{deep}- key: a\n{deep}- key: b\n{inner}rules:\n{deep}- segment: s"
        );
        let last = " ".repeat(style.list + 2 + style.list + 2 + style.list);
        _ = writeln!(
            out,
            "{deep}  distributions:\n{last}- variant: a\n{last}  rollout: {share}\n{last}- variant: b\n{last}  rollout: {rest}"
        );
    }
    if style.comments {
        out.push_str("# the end\n");
    }
    if style.open {
        out.truncate(out.trim_end().len());
    }
    if style.crlf {
        out = out.replace('\n', "\r\n");
    }
    if style.bom { format!("\u{feff}{out}") } else { out }
}

fn cases() -> ProptestConfig {
    // Fixed, so that every run tries the same; more with PROPTEST_CASES.
    let fixed = std::env::var_os("PROPTEST_CASES").is_none();
    let seed = if fixed { RngSeed::Fixed(5) } else { RngSeed::Random };
    ProptestConfig {
        rng_seed: seed,
        failure_persistence: None,
        ..ProptestConfig::with_cases(if fixed { 48 } else { 48.max(ProptestConfig::default().cases) })
    }
}

use proptest::test_runner::RngSeed;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_edit_says_what_was_asked_for(style in styles(), rows in prop::collection::vec((texts(), any::<bool>(), 0..=100_u8), 1..4)) {
        let text = write(&style, &rows);
        let bytes = text.as_bytes();
        prop_assert_eq!(errors(bytes), [] as [String; 0], "{}", text);
        for case in super::cases::of(&declared(bytes)) {
            let out = checked("generated", bytes, &case);
            prop_assert!(out.rewritten.is_empty(), "{}: {:?}\n{}", case.name, out.rewritten, text);
        }
    }

    #[test]
    fn an_edit_and_its_inverse_leave_the_bytes(
        style in styles(),
        rows in prop::collection::vec((texts(), any::<bool>(), 0..=100_u8), 2..4),
        name in "[A-Za-z][A-Za-z ]{0,12}[a-z]",
        share in 0..=100_u8,
        which in 0..4_usize,
    ) {
        // Quotes that a text needed say nothing of those that another has.
        let rows: Vec<Row> = rows.into_iter().enumerate().map(|(at, (_, on, share))| (format!("Name {at}"), on, share)).collect();
        let text = write(&style, &rows);
        let old = declared(text.as_bytes())[0].flags[rows.len() - 1].clone();
        let mut new = old.clone();
        match which {
            0 => new.name = name,
            1 => new.enabled = !new.enabled,
            2 => new.rules[0].distributions[0].rollout = f32::from(share),
            _ => new.key = "another".to_owned(),
        }
        let inverse = if which == 3 {
            Edit::Delete { kind: Kind::Flag, key: new.key.clone() }
        } else {
            Edit::Put(Resource::Flag(old))
        };
        let there = apply(Some(text.as_bytes()), "ns", &[Edit::Put(Resource::Flag(new))]).expect("an edit");
        let back = apply(Some(&there.bytes), "ns", &[inverse]).expect("an edit");
        prop_assert_eq!(String::from_utf8_lossy(&back.bytes), text.as_str());
    }

    #[test]
    fn no_text_makes_it_panic_or_lie(
        mut text in Just(()).prop_map(|()| String::new()),
        lines in prop::collection::vec(prop_oneof![
            "[ ]{0,4}(- )?(key|name|flags|segments|version|namespace|enabled|<<): ?[&*!|>\"'{\\[#]?[a-z0-9]{0,3}[\"'}\\]]?",
            "[ \\t]{0,3}[-#?:,\\[\\]{}&*!|>'\"%@`a-z ]{0,8}",
            Just("flags:".to_owned()),
            Just("  - key: a".to_owned()),
            Just("    name: A".to_owned()),
        ], 0..14),
        crlf in any::<bool>(),
    ) {
        for line in lines {
            text.push_str(&line);
            text.push_str(if crlf { "\r\n" } else { "\n" });
        }
        let flag = Flag { key: "a".to_owned(), ..super::cases::boolean() };
        for edit in [Edit::Put(Resource::Flag(flag)), Edit::Delete { kind: Kind::Flag, key: "a".to_owned() }] {
            if let Ok(out) = apply(Some(text.as_bytes()), "default", std::slice::from_ref(&edit)) {
                let old = declared(text.as_bytes());
                if old.is_empty() {
                    continue;
                }
                let mut wanted = edited(old, "default", &edit);
                let new = declared(&out.bytes);
                for (new, wanted) in new.iter().zip(&mut wanted) {
                    wanted.version.clone_from(&new.version);
                }
                prop_assert_eq!(new, wanted, "{}\n---\n{}", text, String::from_utf8_lossy(&out.bytes));
            }
        }
    }
}
