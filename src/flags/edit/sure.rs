//! Whether every line of a text is what it looks like.
//!
//! A line may stand inside quotes or brackets that were opened on an earlier one, and then it is no item, however much it
//! looks like one. [`lines`] goes through a text once and is sure of it only if nothing that is opened is open at the end
//! of its line, and if there is nothing that reaches from one place to another: no anchor, alias, tag or merge key. Then,
//! line by line, what a scanner knows at the start of a line is the indents alone, so a dash in the column of a list's
//! dashes begins an item of it, and what is not touched means afterwards what it meant before. (A block scalar's lines
//! and those on which a plain scalar goes on are deeper than that column, and open nothing.)
//!
//! It is a check, not a reader: where it is not sure the whole file is read, which costs more and knows everything.

/// Whether it is sure of a text.
pub(super) fn lines(text: &str) -> bool {
    // Lines deeper than this are a block scalar's.
    let mut block: Option<usize> = None;
    // And not deeper than its first one they are doubtful.
    let mut inner: Option<usize> = None;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let bare = line.trim_start_matches(' ');
        let column = line.len() - bare.len();
        if bare.is_empty() {
            continue;
        }
        if let Some(parent) = block {
            if column > parent {
                let first = *inner.get_or_insert(column);
                if column < first {
                    return false;
                }
                continue;
            }
            (block, inner) = (None, None);
        }
        if bare.starts_with('#') {
            continue;
        }
        match content(bare, column) {
            Some(Some(parent)) => block = Some(parent),
            Some(None) => {}
            None => return false,
        }
    }
    true
}

/// What a line says: the column below which a block scalar begins here, if one does. None: it is not sure.
fn content(line: &str, column: usize) -> Option<Option<usize>> {
    if line.contains(['\t', '\r', '\u{feff}']) {
        return None;
    }
    if let Some(rest) = line.strip_prefix("---").or(line.strip_prefix("...")) {
        return (column == 0 && is_over(rest)).then_some(None);
    }
    let (mut rest, mut column) = (line, column);
    let mut parent = None;
    while let Some(item) = rest.strip_prefix('-').filter(|item| item.is_empty() || item.starts_with(' ')) {
        parent = Some(column);
        let inner = item.trim_start_matches(' ');
        column += rest.len() - inner.len();
        rest = inner;
    }
    if rest.is_empty() || rest.starts_with('#') {
        return parent.map(|_| None);
    }
    if let Some((key, value)) = entry(rest) {
        if key == "<<" {
            return None;
        }
        return self::value(value, column, key == "key");
    }
    // A scalar as an item; what is neither may go on with a plain one.
    value(rest, parent?, false)
}

/// `key: value` of a plain key, or one in quotes without escapes.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = match line.as_bytes().first()? {
        quote @ (b'"' | b'\'') => {
            let quote = char::from(*quote);
            let (key, rest) = line.get(1..)?.split_once(quote)?;
            (!key.contains('\\') && !rest.starts_with(quote)).then_some((key, rest))?
        }
        _ => {
            let end = line
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'<'))
                .count();
            line.split_at_checked(end).filter(|(key, _)| !key.is_empty())?
        }
    };
    let value = rest.strip_prefix(':')?;
    (value.is_empty() || value.starts_with(' ')).then(|| (key, value.trim_start_matches(' ')))
}

fn value(value: &str, parent: usize, is_key: bool) -> Option<Option<usize>> {
    match value.as_bytes().first() {
        None | Some(b'#') => Some(None),
        Some(b'|' | b'>') => {
            let rest = value.get(1..)?;
            let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            is_over(rest).then_some(Some(parent))
        }
        Some(b'"' | b'\'') => {
            let end = quoted(value.as_bytes(), 0)?;
            let text = value.get(..end)?;
            // A key with escapes would not be found by its letters.
            let hidden = is_key && text.contains('\\');
            (is_over(value.get(end..)?) && !hidden).then_some(None)
        }
        Some(b'[' | b'{') => is_over(value.get(brackets(value.as_bytes())?..)?).then_some(None),
        Some(b'&' | b'*' | b'!' | b'%' | b'@' | b'`' | b'?') => None,
        Some(_) => Some(None),
    }
}

/// Whether nothing but a comment follows.
fn is_over(rest: &str) -> bool {
    let bare = rest.trim_start_matches(' ');
    bare.is_empty() || (bare.len() < rest.len() && bare.starts_with('#'))
}

/// Behind the quote that closes the one at `at`.
fn quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let mut at = at + 1;
    loop {
        let byte = *bytes.get(at)?;
        if byte == b'\\' && quote == b'"' {
            at += 2;
        } else if byte != quote {
            at += 1;
        } else if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
}

/// Behind the bracket that closes the first.
fn brackets(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    // Whether a scalar may begin here.
    let mut begins = true;
    // Whether a scalar in quotes, which may be a key, ended here.
    let mut quote = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                begins = true;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
                begins = false;
            }
            b'"' | b'\'' if begins => {
                at = quoted(bytes, at)?;
                (begins, quote) = (false, true);
                continue;
            }
            b'&' | b'*' | b'!' | b'?' | b'<' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' if begins => return None,
            b'#' if bytes.get(at.checked_sub(1)?) == Some(&b' ') => return None,
            b',' => begins = true,
            // Behind a key in quotes no blank is needed.
            b':' if quote || bytes.get(at + 1) == Some(&b' ') => begins = true,
            b' ' => {}
            _ => begins = false,
        }
        quote = false;
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::lines;
    use crate::yaml::{self, Node, Value, outline};

    fn items(node: &Node) -> usize {
        match &node.value {
            Value::Sequence(items) => items.len(),
            _ => 0,
        }
    }

    fn cases() -> ProptestConfig {
        let fixed = std::env::var_os("PROPTEST_CASES").is_none();
        let seed = if fixed { RngSeed::Fixed(9) } else { RngSeed::Random };
        let cases = if fixed { 4_000 } else { ProptestConfig::default().cases };
        ProptestConfig { rng_seed: seed, failure_persistence: None, ..ProptestConfig::with_cases(cases) }
    }

    proptest! {
        #![proptest_config(cases())]

        /// Of a text that it is sure of, and that is YAML, the outline finds the items that a reader finds.
        #[test]
        fn what_it_is_sure_of_is_so(found in prop::collection::vec(prop_oneof![
            Just("flags:".to_owned()),
            Just("segments:".to_owned()),
            Just("  - key: a".to_owned()),
            Just("  -".to_owned()),
            "  - [\\[{\"'|>][a-z:'\" ,]{0,5}[\\]}\"']?",
            "    [a-z]: [\\[{\"'|>]?[-a-z:,'\" #]{0,6}[\\]}\"']?",
            "    [a-z]: [|>][-+]?",
            " {3,7}[-\"'a-z#\\]}:]{0,4} ?[\"'}\\]]?",
            "  [\"'}\\]]",
            "  # [a-z\"']{0,3}",
        ], 0..10)) {
            let text = format!("flags:\n{}\n", found.join("\n"));
            let (Ok(nodes), Some(outline)) = (yaml::parse(&text, yaml::Limits::default()), outline::of(&text)) else {
                return Ok(());
            };
            if !lines(&text) {
                return Ok(());
            }
            for (node, document) in nodes.iter().zip(&outline.documents) {
                for entry in &document.entries {
                    let value = text.get(entry.key.clone()).and_then(|key| node.get(key));
                    let counted = entry.items().map_or(0, |(items, _)| items.len());
                    prop_assert!(counted == 0 || value.map_or(0, items) == counted, "{}", text);
                }
            }
        }
    }

    #[test]
    fn it_is_sure_of_plain_files_only() {
        for text in [
            "a: 1\nb:\n  - c: \"x\" # y\n    d: it's\n  - {e: 'f', \"g\": [1, \"2\"]} # h\n  - \n",
            "a: |\n  \"open\n  [open\n\n    deeper\nb: >-\n  x\n# \"\n---\nc: d\n...\n",
            "a:\n- b:\r\n  - 'it''s'\r\n",
        ] {
            assert!(lines(text), "{text}");
        }
        for text in [
            "a: \"open\n  - b: c\n  \"\n",
            "a: 'open\n  '\n",
            "a: [1,\n  2]\n",
            "a: {b: \"c\n",
            "a: &b c\n",
            "a: [*b]\n",
            "a:\n  <<: b\n",
            "a: \"b\" \"c\n",
            "a: {b: c:', d: 'e}\n",
            "a: b\n  goes on\n",
            "? a\n: b\n",
            "a:\t\"b\"\n",
            "a: |2\n  b\n",
            "a: |\n    b\n  \"c\n",
            "a: [b #c\n]\n",
            "- key: \"\\x61\"\n",
        ] {
            assert!(!lines(text), "{text}");
        }
    }
}
