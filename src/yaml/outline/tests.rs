use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::yaml::{Limits, Node, Position, Reason, Stream, Value, parse, read};

fn cut(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap()
}

fn line_number(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

/// Every document, put together of parts that were read alone. None: one of them does not read.
fn together(text: &str, outline: &Outline) -> Option<Vec<Node>> {
    let line_of = |at: usize| i64::from(line_number(cut(text, 0..at).matches('\n').count()));
    let mut documents = Vec::new();
    for document in &outline.documents {
        let mut pairs = Vec::new();
        for (index, one) in document.entries.iter().enumerate() {
            let follows = document.follows(index);
            let key_at =
                Position { line: line_number(usize::try_from(line_of(one.key.start)).unwrap() + 1), column: 1 };
            let value = if let Some((items, column)) = one.items() {
                let mut nodes = Vec::new();
                let mut begin = Position::default();
                for (index, place) in items.iter().enumerate() {
                    let follows = if index + 1 < items.len() { Follows::Item } else { follows };
                    let part = item(cut(text, place.start..place.end), column, follows)?;
                    let mut node = part.node;
                    move_lines(&mut node, line_of(place.start));
                    if index == 0 {
                        let line = part.at.line + line_number(usize::try_from(line_of(place.start)).unwrap());
                        begin = Position { line, ..part.at };
                    }
                    nodes.push(node);
                }
                Node { at: begin, value: Value::Sequence(nodes) }
            } else {
                let mut part = entry(cut(text, one.range.clone()), follows)?;
                move_lines(&mut part.node, line_of(one.range.start));
                part.node
            };
            let key = Value::Scalar { text: cut(text, one.key.clone()).into(), plain: true };
            pairs.push((Node { at: key_at, value: key }, value));
        }
        let at = pairs.first().map_or(Position::default(), |(key, _)| key.at);
        documents.push(Node { at, value: Value::Mapping(pairs) });
    }
    Some(documents)
}

/// Whether it was read by its parts; then it is the same as the whole.
fn compared(text: &str) -> bool {
    let Some(outline) = of(text) else { return false };
    let mut last = 0;
    for document in &outline.documents {
        for entry in &document.entries {
            assert!(
                entry.range.start >= last && entry.range.end <= document.end && entry.key.start >= entry.range.start
            );
            last = entry.range.end;
            let mut from = None;
            for item in entry.items().into_iter().flat_map(|(items, _)| items) {
                assert!(from.is_none_or(|from| from == item.start) && item.start <= item.dash && item.dash < item.end);
                from = Some(item.end);
            }
            assert!(from.is_none_or(|from| from == entry.range.end), "{text:?}");
        }
    }
    let Some(parts) = together(text, &outline) else { return false };
    let whole = read(text, Limits::default()).unwrap_or_else(|e| panic!("{text:?} is no YAML: {e} at {:?}", e.at));
    assert!(whole.repeated.is_empty(), "{text:?}");
    assert_eq!(whole.documents.len(), parts.len(), "{text:?}");
    for (whole, part) in whole.documents.iter().zip(&parts) {
        match &part.value {
            Value::Mapping(pairs) if pairs.is_empty() => assert!(whole.is_null(), "{text:?}"),
            _ => assert_eq!(whole, part, "{text:?}"),
        }
    }
    true
}

#[test]
fn parts_are_found() {
    let text = "# about\nversion: \"1.6\"\n\n# all flags\nflags:\n# first\n- key: a\n  on: true\n\n# second\n# of two\n- key: b\n\
                # the rest\nsegments:\n  - x\n";
    let outline = of(text).unwrap();
    let [document] = &outline.documents[..] else { panic!("{outline:?}") };
    let entries: Vec<&str> = document.entries.iter().map(|entry| cut(text, entry.range.clone())).collect();
    assert_eq!(entries[0], "# about\nversion: \"1.6\"\n\n");
    assert!(entries[1].starts_with("# all flags\nflags:") && entries[1].ends_with("- key: b\n"), "{entries:?}");
    assert_eq!(entries[2], "# the rest\nsegments:\n  - x\n");
    let (items, column) = document.entries[1].items().unwrap();
    let items: Vec<&str> = items.iter().map(|item| cut(text, item.start..item.end)).collect();
    assert_eq!(items, ["# first\n- key: a\n  on: true\n\n", "# second\n# of two\n- key: b\n"]);
    assert_eq!((column, document.entries[2].items().unwrap().1), (0, 2));
    assert!(compared(text));
    let crlf = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(of(&crlf).unwrap().documents[0].entries.len(), 3);
    assert!(compared(&crlf));
}

#[test]
fn only_what_is_plain_is_taken_apart() {
    for text in [
        "%YAML 1.2\n---\na: 1\n",
        "{a: 1}\n",
        "- a\n",
        "text\n",
        "\"a\": 1\n",
        "? a\n: b\n",
        "a: 1\na: 2\n",
        "a:\n\t- b\n",
        "a:\n-\tb\n",
        "\ta: 1\n",
        "--- a\n",
        "a: 1\n...\nb: 2\n",
        "...\n",
        "*a : 1\n",
        "&a a: 1\n",
        "<<: 1\n",
        "a: [\n]\n",
        "a: 1\rb: 2\n",
        "# \u{7}\na: 1\n",
        "a:\n# \u{feff}\n- b\n",
    ] {
        assert_eq!(of(text), None, "{text:?}");
    }
}

#[test]
fn every_plain_form_is_read_by_its_parts() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "---\n---\n",
        "---\n...\n---\n# x\n",
        "a: 1",
        "a:\n",
        "a:\nb:\n",
        "a:\n- b",
        "a:\n-\n-\n- \n",
        "a:\n-\n  b: 1\n",
        "a: # x\n  # y\n\n- b\n# z\n- c\n",
        "a:\n  - |\n    text\n    # no comment\n\n  # head\n  - b\n",
        "a:\n- |+\n text\n\n\n- b\n",
        "a:\n- >-\n  folded\n  more\n- b\n",
        "a:\n- \"b\n  - c\"\n- 'd\n\n  e'\n",
        "a:\n- [b,\n   c]\n- {d: 1,\n   e: 2}\n",
        "a:\n- - b\n  - c\n- - d\n",
        "a:\n- b\n  c\n- d: e\n   f\n",
        "a:\n- ? b\n  : c\n- ? d\n  : e\n- f\n",
        "a:\n- &x b\n- &x c\n- [&y d, *y]\n",
        "a: |\n  text\n # x\nb: >\n\n  more\n# y\nc: &x [1,\n 2]\n",
        "a: b\n  c\nd: {e:\n  f}\n",
        "a: 1\n---\na: 2\n...\n---\n- b\n".split("---\n- b").next().unwrap(),
        "a:\n - b\n# x\n\n - c\n   # deeper\n - d\n",
        "a:\n- b\n...\n# end\n",
        "a:\n- b # c\n- d#e\n- \"#\"\n# \n#\n- f\n",
        "a:\r\n- b\r\n\r\n# x\r\n- |\r\n  y\r\n\r\n- z\r\n",
    ] {
        assert!(compared(text), "{text:?} {:?}", of(text));
    }
}

#[test]
fn what_cannot_stand_alone_is_not_believed() {
    for text in [
        "a:\n- \"b\n- c\"\n",
        "a:\n- [b,\n- c]\n",
        "a:\n- \"b\n- c\"\n- \"d\n- e\"\n",
        "a:\n- &x b\n- *x\n",
        "a: \"b\nc: d\"\n",
        "a: 'b\n---\nc: d'\n",
        "a:\n- b: 1\n  b: 2\n",
        "a:\n- b\r- c\n",
        "a:\n- b\n c\n - d: e: f\n",
    ] {
        let outline = of(text).unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(together(text, &outline), None, "{text:?}");
    }
}

#[test]
fn a_part_tells_what_it_costs() {
    let whole = read("a b:\nc: 1\nx:\n- {a: 1, b: [2, 3]}\n- &x [4]\n", Limits::default()).unwrap();
    let Stream { nodes, copied, .. } = whole;
    let parts =
        [item("- {a: 1, b: [2, 3]}\n", 0, Follows::Item), item("- &x [4]\n", 0, Follows::End)].map(Option::unwrap);
    let one = entry("c: 1\n", Follows::Key).unwrap();
    assert_eq!(nodes, 1 + 2 + one.nodes + 2 + parts[0].nodes + parts[1].nodes);
    assert_eq!((copied, copied), (parts[1].copied, 2));
    assert_eq!((parts[0].copied, parts[0].lines), (0, 1));
    // The levels above an item count.
    let deep = |levels: usize| format!("- {}{}\n", "[".repeat(levels), "]".repeat(levels));
    let levels = Limits::default().depth;
    let error = |levels| parse(&format!("a:\n{}", deep(levels)), Limits::default()).map_err(|e| e.reason).err();
    assert_eq!((error(levels - 2), error(levels - 1)), (None, Some(Reason::Limit)));
    assert!(item(&deep(levels - 2), 0, Follows::End).is_some() && item(&deep(levels - 1), 0, Follows::End).is_none());
}

/// A text of lines as flag files have them, and of others that get in the way.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => "( {0,4})(- )?(- )?[a-c]: ?(x|\"y\"|'z'|\\[1, 2\\]|\\{k: v\\}|1)?( # c)?",
        3 => "( {0,4})- ?(x|\"y\"|&x 1|\\*x|[a-c]: 1)?",
        2 => " {0,4}#.?",
        2 => " {0,3}",
        2 => "( {0,4})(- )?([a-c]: )?[|>][+-]?[1-3]?",
        1 => "( {0,4})(- )?([a-c]: )?[\"'\\[{}\\],]",
        1 => "(---|\\.\\.\\.)( # x)?",
        1 => "( {0,4})[x?:,!%&*<>|'\"\\]}@\t-]{1,3}",
        2 => "( {0,4})(x y|text|x\\]|y\"|z')",
    ];
    let ending = prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let body = prop::collection::vec((line, ending), 0..14);
    (prop::bool::weighted(0.7), prop::bool::weighted(0.8), body).prop_map(|(key, ended, lines)| {
        let mut text = String::from(if key { "a:\n" } else { "" });
        for (line, ending) in lines {
            text.extend([line.as_str(), ending]);
        }
        if !ended && text.ends_with('\n') {
            text.pop();
        }
        text
    })
}

/// Lines that nearly always make a list that can be taken apart.
fn list() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("x"),
        Just("|\n  @ text\n\n  @ # text"),
        Just("|+\n  @ text\n\n"),
        Just(">-\n\n  @   text\n  @ b"),
        Just("\"q\n  @ - r\""),
        Just("'q # r'"),
        Just("[1,\n  @ 2]"),
        Just("x\n  @ y"),
        Just(""),
        Just("&x {k: *x}"),
        Just("&x 1"),
        Just("*x"),
        Just("\"q\n@- r\""),
        Just("[1,\n@- 2]"),
        Just("\"q\nb: r\""),
        Just("|2\n  @  text"),
        Just("|1\n@   text"),
        Just("x # c\n@# d"),
        Just("\n  @ k: v\n  @ l:\n  @ - m"),
        Just("{k: v\n  @}"),
        Just("!t x"),
        Just("? k\n  @: v"),
        Just("- k\n  @- l"),
    ];
    let lead = prop_oneof![4 => Just(""), 1 => Just("\n"), 1 => Just("@# c\n"), 1 => Just("@  # deep\n"), 1 => Just("# c\n\n@# d\n")];
    let item = (lead, prop::bool::ANY, value);
    let list = (0_usize..4, prop::collection::vec(item, 0..5));
    let other = prop::sample::select(vec![
        "",
        "c: 1\n",
        "# c\nc: |\n  t\n",
        "---\n",
        "...\n",
        "c: {\n d: 1}\n",
        "\n# c\n\nc:\n",
    ]);
    prop::collection::vec((list, other, prop::bool::weighted(0.1)), 1..3).prop_map(|lists| {
        let mut text = String::new();
        for (name, ((column, items), other, crlf)) in ["a", "b", "d"].into_iter().zip(lists) {
            let indent = " ".repeat(column);
            let mut part = format!("{name}:\n");
            for (lead, key, value) in items {
                part.push_str(&lead.replace('@', &indent));
                let value = value.replace('@', &indent);
                part.extend([indent.as_str(), "- ", if key { "k: " } else { "" }, value.as_str(), "\n"]);
            }
            part.push_str(other);
            text.push_str(&if crlf { part.replace('\n', "\r\n") } else { part });
        }
        text
    })
}

/// The same cases every time; with `PROPTEST_CASES=N` new ones.
fn cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig {
            cases: 600,
            rng_seed: RngSeed::Fixed(0x5eed),
            failure_persistence: None,
            ..ProptestConfig::default()
        },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn lines_of_any_kind_read_as_a_whole(text in lines()) {
        compared(&text);
    }

    #[test]
    fn lists_read_as_a_whole(text in list()) {
        compared(&text);
    }

    #[test]
    fn damaged_lists_read_as_a_whole(text in list(), at in any::<prop::sample::Index>(), with in "[-a \n:&*|>'\"#\\[\\]{},\t\r]{0,2}") {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let at = places[at.index(places.len())];
        let rest = cut(&text, at..text.len()).char_indices().nth(1).map_or(text.len(), |(next, _)| at + next);
        compared(&format!("{}{with}{}", cut(&text, 0..at), cut(&text, rest..text.len())));
        compared(&format!("{}{with}{}", cut(&text, 0..at), cut(&text, at..text.len())));
    }
}

/// Nearly all flag files of the fixtures are of the form that can be taken apart.
#[test]
fn flag_files_read_as_a_whole() {
    fn walk(at: &std::path::Path, seen: &mut (usize, usize)) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
            } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                let bytes = std::fs::read(&path).unwrap();
                let Ok(text) = std::str::from_utf8(&bytes) else { continue };
                seen.0 += 1;
                seen.1 += usize::from(compared(text));
            }
        }
    }
    let mut seen = (0, 0);
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut seen);
    assert!(seen.0 > 60 && seen.1 * 2 > seen.0, "{seen:?}");
}
