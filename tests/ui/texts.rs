//! The files in `ui/` among themselves: nothing is written into a page unescaped, and every text is said somewhere.

use std::collections::BTreeSet;
use std::path::Path;

/// Every file below a folder of `ui/` with this ending: name and text.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    below(&format!("ui/{folder}"), ending)
}

/// Every source below a folder: name and text.
pub(crate) fn sources_of(folder: &str) -> Vec<(String, String)> {
    below(folder, "rs")
}

fn below(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut open, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn nothing_is_written_into_a_page_unescaped() {
    for (name, text) in files("templates", "html") {
        let squeezed: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // An end tag is `</script>`, and a policy that allows nothing inline would only hide what stands there.
        for forbidden in
            ["|safe", "| safe", "autoescape", " style=", " onclick=", " onload=", "hx-on", "<script>", "<style", "js:"]
        {
            assert!(!squeezed.contains(forbidden), "ui/templates/{name} has {forbidden}");
        }
    }
}

/// The names of texts that a template or a source says: whole ones, and the beginnings of those that are put together.
fn said() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut whole, mut beginnings) = (BTreeSet::new(), BTreeSet::new());
    for (_, text) in files("templates", "html") {
        for quote in ['"', '\''] {
            for (at, _) in text.match_indices(&format!("t({quote}")) {
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let (key, rest) = text[at + 3..].split_once(quote).unwrap();
                let joined = rest.trim_start().starts_with('~');
                if joined {
                    beginnings.insert(key.to_owned())
                } else {
                    whole.insert(key.to_owned())
                };
            }
        }
    }
    (whole, beginnings)
}

#[test]
fn every_text_is_said_and_every_text_that_is_said_is_there() {
    let (whole, beginnings) = said();
    let mut there = BTreeSet::new();
    for (name, text) in files("text", "yaml") {
        let read: serde_json::Map<String, serde_json::Value> = serde_yaml::from_str(&text).unwrap();
        there.extend(read.keys().map(|key| format!("{}.{key}", name.trim_end_matches(".yaml"))));
    }
    let missing: Vec<_> = whole.difference(&there).collect();
    assert!(missing.is_empty(), "said, and not in ui/text: {missing:#?}");
    // What a source names is said by way of a value.
    let sources = sources();
    let unsaid: Vec<_> = there
        .iter()
        .filter(|key| !whole.contains(*key) && !beginnings.iter().any(|beginning| key.starts_with(beginning)))
        .filter(|key| !sources.contains(&format!("\"{key}\"")))
        .collect();
    assert!(unsaid.is_empty(), "in ui/text, and never said: {unsaid:#?}");
}

fn sources() -> String {
    ["src/http/ui", "src/view"].into_iter().flat_map(sources_of).map(|(_, text)| text).collect()
}
