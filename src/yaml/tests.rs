use super::*;

fn error(text: &str) -> Error {
    read(text, Limits::default()).map(|stream| stream.documents.len()).expect_err("the text is read")
}

fn one(text: &str) -> Node {
    let mut documents = parse(text, Limits::default()).unwrap_or_else(|e| panic!("{text:?}: {e} at {:?}", e.at));
    assert_eq!(documents.len(), 1, "{text:?}");
    documents.remove(0)
}

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

#[test]
fn every_node_knows_its_place() {
    let node = one("a: 1\nb:\n  - ü: x\n    d: \"y\"\n");
    let item = match &node.get("b").unwrap().value {
        Value::Sequence(items) => &items[0],
        other => panic!("{other:?}"),
    };
    assert_eq!(node.get("a").unwrap().at, at(1, 4));
    assert_eq!(item.at, at(3, 5));
    assert_eq!(item.get("ü").unwrap().at, at(3, 8));
    assert_eq!(item.get("d").unwrap().at, at(4, 8));
    assert_eq!(item.get("d").unwrap().kind(), Some(Kind::Text));
}

#[test]
fn line_ends_and_byte_order_marks_change_nothing() {
    let plain = "a: 1\nb: [x, y]\n";
    for other in [plain.replace('\n', "\r\n"), format!("\u{feff}{plain}"), plain.replace('\n', "\r")] {
        assert_eq!(one(plain), one(&other), "{other:?}");
    }
    assert_eq!(decode(b"\xef\xbb\xbfa: 1").unwrap(), "a: 1");
}

#[test]
fn documents_are_told_apart() {
    for (text, count) in
        [("", 0), ("# x\n", 0), ("a: 1\n---\nb: 2\n", 2), ("---\na: 1\n...\n---\nb: 2\n", 2), ("a: 1\n---\n", 2)]
    {
        assert_eq!(parse(text, Limits::default()).unwrap().len(), count, "{text:?}");
    }
}

#[test]
fn merges_and_anchors_are_applied() {
    let node = one("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [{a: 4}, *x]}\n");
    let text = |outer: &str, inner: &str| node.get(outer).unwrap().get(inner).and_then(Node::text).unwrap().to_owned();
    assert_eq!([text("y", "a"), text("y", "b"), text("z", "a"), text("z", "b")], ["1", "3", "4", "2"]);
    assert_eq!(error("x: {<<: 1}\n").reason, Reason::Syntax);
    // In quotes it is a key like any other.
    assert_eq!(one("x: {\"<<\": 1}\n").get("x").unwrap().get("<<").and_then(Node::text), Some("1"));
    assert_eq!(error("a: &a [*a]\n").reason, Reason::Syntax);
    assert_eq!(error("a: *b\n").reason, Reason::Syntax);
}

#[test]
fn all_repeated_keys_are_told_with_their_path() {
    let stream = read("a: 1\nb:\n  - {c: 1, c: 2}\na: 3\n---\nd: 1\nd: 2\n", Limits::default()).unwrap();
    let told: Vec<_> = stream.repeated.iter().map(|(d, e)| (*d, e.at, e.key_path.as_str(), e.reason)).collect();
    let reason = Reason::RepeatedKey;
    assert_eq!(told, [(0, at(3, 12), "b[0]", reason), (0, at(4, 1), "", reason), (1, at(7, 1), "", reason)]);
    assert_eq!(stream.documents[0].get("a").and_then(Node::text), Some("1"));
    assert_eq!(parse("a: 1\na: 2\n", Limits::default()).unwrap_err().at, at(2, 1));
    // Past the size that is compared pair by pair, the same.
    let many = (0..100).map(|n| format!("k{n}: 1\n")).collect::<Vec<_>>().concat();
    assert_eq!(error_of_repeated(&format!("{many}k7: 2\n")), at(101, 1));
}

fn error_of_repeated(text: &str) -> Position {
    parse(text, Limits::default()).unwrap_err().at
}

#[test]
fn characters_that_yaml_refuses_are_named_with_their_place() {
    for (text, place) in [
        ("a: \0b\n", at(1, 4)),
        ("a: 1\nü: \u{7}\n", at(2, 4)),
        ("a: \u{80}", at(1, 4)),
        ("\u{fffe}", at(1, 1)),
        ("a: \u{7f}", at(1, 4)),
    ] {
        let error = error(text);
        assert_eq!((error.reason, error.at), (Reason::Character, place), "{text:?}");
    }
    assert!(parse("a: \u{85}\n", Limits::default()).is_ok());
}

#[test]
fn other_encodings_are_named() {
    for (bytes, name) in [
        (&b"\xff\xfea\0:\0"[..], "UTF-16"),
        (b"\xfe\xff\0a\0:", "UTF-16"),
        (b"a\0:\0 \0", "UTF-16"),
        (b"\0a\0:\0 ", "UTF-16"),
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
    ] {
        let error = decode(bytes).unwrap_err();
        assert_eq!(error.reason, Reason::Encoding);
        assert!(error.message.contains(name), "{}", error.message);
    }
    let error = decode(b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!((error.at, error.reason), (at(2, 4), Reason::Encoding));
    assert!(error.message.contains("0xff"));
}

#[test]
fn depth_and_nodes_are_bounded() {
    let limits = Limits { depth: 4, nodes: 20 };
    assert!(parse("[[[[x]]]]", limits).is_ok());
    assert_eq!(parse("[[[[[x]]]]]", limits).unwrap_err().reason, Reason::Limit);
    assert_eq!(parse(&"- x\n".repeat(20), limits).unwrap_err().reason, Reason::Limit);
    // Neither do aliases build what the text could not.
    assert_eq!(parse("a: &a [[x]]\nb: [[*a]]\n", limits).unwrap_err().reason, Reason::Limit);
    assert_eq!(json::read("[[[[[1]]]]]", limits).unwrap_err().reason, Reason::Limit);
    assert_eq!(json::read(&format!("[{}1]", "1,".repeat(20)), limits).unwrap_err().reason, Reason::Limit);
}

#[test]
fn what_aliases_copy_is_bounded() {
    let bomb = (1..40).map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0}]\n", n - 1)).collect::<Vec<_>>().concat();
    let wide = format!("a0: &a0 x\n{bomb}");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(100_000));
    let nested = format!(
        "{}x{}",
        (0..100).map(|n| format!("&a{n} [")).collect::<Vec<_>>().concat() + &"y,".repeat(10_000),
        "]".repeat(100)
    );
    for text in [wide, long, nested] {
        let error = error(&text);
        assert_eq!(error.reason, Reason::Limit, "{}", error.message);
    }
}

#[test]
fn scalars_look_as_to_the_reader_of_flipt() {
    for (text, expected) in [
        ("", Kind::Null),
        ("~", Kind::Null),
        ("null", Kind::Null),
        ("NULL", Kind::Null),
        ("nULL", Kind::Text),
        ("true", Kind::Bool(true)),
        ("False", Kind::Bool(false)),
        ("yes", Kind::Text),
        ("on", Kind::Text),
        ("off", Kind::Text),
        ("12", Kind::Int(12)),
        ("-12", Kind::Int(-12)),
        ("+1_000", Kind::Int(1_000)),
        ("0x1f", Kind::Int(31)),
        ("0o17", Kind::Int(15)),
        ("017", Kind::Int(15)),
        ("0b11", Kind::Int(3)),
        ("-9223372036854775808", Kind::Int(i64::MIN)),
        ("9223372036854775808", Kind::Unsigned(1 << 63)),
        ("18446744073709551616", Kind::Float(18_446_744_073_709_551_616.0)),
        ("08", Kind::Float(8.0)),
        ("1.", Kind::Float(1.0)),
        (".5", Kind::Float(0.5)),
        ("1e3", Kind::Float(1e3)),
        ("-.inf", Kind::Float(f64::NEG_INFINITY)),
        ("1.5.2", Kind::Text),
        ("1e", Kind::Text),
        ("-", Kind::Text),
        ("+", Kind::Text),
        (".", Kind::Text),
        ("0x", Kind::Text),
        ("--1", Kind::Text),
        ("2026-01-01", Kind::Text),
        ("1:30", Kind::Text),
        ("0b12", Kind::Text),
        ("+-1", Kind::Text),
    ] {
        assert_eq!(scalar::kind(text), expected, "{text:?}");
    }
    assert!(matches!(scalar::kind(".NaN"), Kind::Float(n) if n.is_nan()));
}

#[test]
fn tags_decide_what_a_scalar_is() {
    let kind = |text: &str| one(text).kind().unwrap();
    assert_eq!(kind("!!str 5"), Kind::Text);
    assert_eq!(kind("!!int \"5\""), Kind::Int(5));
    assert_eq!(kind("!own 5"), Kind::Text);
    assert_eq!(kind("|\n  5\n"), Kind::Text);
}

#[test]
fn json_errors_name_place_and_path() {
    for (text, place, path) in [
        ("{\"flags\":[],}", at(1, 13), ""),
        ("{\"a\": [1, {\"b\": tru}]}", at(1, 17), "a[1].b"),
        ("{\"a\": 1}\n{\"b\": 2}", at(2, 1), ""),
        ("{\"ü\": \"x", at(1, 9), "ü"),
        ("{a: 1}", at(1, 2), ""),
        ("[1 2]", at(1, 4), ""),
        ("[01]", at(1, 3), ""),
        ("[\"\t\"]", at(1, 3), "[0]"),
        ("[\"\\x\"]", at(1, 5), "[0]"),
        ("", at(1, 1), ""),
        ("// x\n{}", at(1, 1), ""),
        ("'a'", at(1, 1), ""),
    ] {
        let error = json::read(text, Limits::default()).unwrap_err();
        assert_eq!(
            (error.at, error.key_path.as_str(), error.reason),
            (place, path, Reason::Syntax),
            "{text:?}: {error}"
        );
    }
    let stream = json::read(r#"{"a": {"b": 1, "b": 2}}"#, Limits::default()).unwrap();
    let (_, error) = &stream.repeated[0];
    assert_eq!((error.at, error.key_path.as_str()), (at(1, 16), "a.b"));
    let many = (0..40).map(|n| format!("\"k{n}\":1,")).collect::<Vec<_>>().concat();
    assert_eq!(json::read(&format!("{{{many}\"k39\":1}}"), Limits::default()).unwrap().repeated.len(), 1);
}

/// The tree as a plain JSON value.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Sequence(items) => items.iter().map(plain).collect(),
        Value::Mapping(pairs) => pairs.iter().map(|(k, v)| (k.text().unwrap().to_owned(), plain(v))).collect(),
        Value::Scalar { text, .. } => match node.kind().unwrap() {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(value) => value.into(),
            Kind::Int(n) => n.into(),
            Kind::Unsigned(n) => n.into(),
            Kind::Float(n) => n.into(),
            Kind::Text => (**text).into(),
        },
    }
}

fn fixtures() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Another reader of YAML finds the same values in every file that we have.
#[test]
fn another_reader_finds_the_same() {
    fn walk(at: &std::path::Path, compared: &mut usize) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
            if path.is_dir() && !path.ends_with("invalid") {
                walk(&path, compared);
            } else if yaml {
                let bytes = std::fs::read(&path).unwrap();
                let text = decode(&bytes).unwrap();
                let theirs = |text: &str| -> Result<Vec<serde_json::Value>, serde_yaml::Error> {
                    let mut documents = Vec::new();
                    for document in serde_yaml::Deserializer::from_str(text) {
                        let mut value = <serde_yaml::Value as serde::Deserialize>::deserialize(document)?;
                        value.apply_merge()?;
                        documents.push(serde_json::to_value(value).unwrap());
                    }
                    documents.retain(|value| !value.is_null());
                    Ok(documents)
                };
                let Ok(own) = parse(text, Limits::default()) else {
                    // The recorded trees hold files on purpose that are no YAML.
                    assert!(theirs(text).is_err(), "{}", path.display());
                    continue;
                };
                let own: Vec<serde_json::Value> = own.iter().filter(|n| !n.is_null()).map(plain).collect();
                assert_eq!(own, theirs(text).unwrap(), "{}", path.display());
                *compared += 1;
            }
        }
    }
    let fixtures = fixtures();
    let mut compared = 0;
    walk(&fixtures.join("golden"), &mut compared);
    walk(&fixtures.join("flags"), &mut compared);
    assert!(compared > 60, "only {compared} files compared");
}

/// Whatever `serde_json` writes or refuses, so do we.
fn agrees_with_serde_json(text: &str) {
    let own = json::read(text, Limits::default());
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => {
            let stream = own.unwrap_or_else(|e| panic!("{text:?}: {e}"));
            if stream.repeated.is_empty() {
                let tree = plain(&stream.documents[0]);
                assert_eq!(as_floats(&tree), as_floats(&value), "{text:?}");
            }
        }
        // Too large a number is the business of whoever reads it, half a surrogate pair stands for U+FFFD.
        Err(e)
            if e.to_string().contains("surrogate")
                || e.to_string().contains("out of range")
                || text.contains("\\u") => {}
        Err(_) => assert!(own.is_err(), "{text:?}"),
    }
}

fn as_floats(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(n) => n.as_f64().into(),
        serde_json::Value::Array(items) => items.iter().map(as_floats).collect(),
        serde_json::Value::Object(pairs) => pairs.iter().map(|(k, v)| (k.clone(), as_floats(v))).collect(),
        other => other.clone(),
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        if let Ok(text) = decode(&bytes) {
            _ = read(text, Limits::default());
            _ = json::read(text, Limits::default());
        }
    }

    #[test]
    fn no_text_that_looks_like_yaml_panics(text in "[-a0 \n:,&*!|>'\"#%?{}\\[\\]<.~\t]{0,120}") {
        _ = read(&text, Limits::default());
    }

    #[test]
    fn json_is_what_another_reader_says(text in "[ \\[\\]{}:,\"a0-9.eE+nulltrfase\\\\-]{0,24}") {
        agrees_with_serde_json(&text);
    }

    #[test]
    fn nested_json_is_read_back(text in r#"(\[|\{"[a-z]{1,3}":)?(\{"k\\n":[0-9]{1,6}(\.[0-9]{1,3})?,"l":"[ -!#-\[\]-~ü]{0,9}"\}|null|true|\[\]|\{\})(\]|\})?"#) {
        agrees_with_serde_json(&text);
    }
}
