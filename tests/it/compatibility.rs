//! `docs/compatibility.md`, for a person who comes from Flipt: made of the tables of differences, and compared.
//! `YARDARM_UPDATE=1 cargo test --test it compatibility` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::differences::reasons::{Reason, TOPICS};
use crate::differences::{BEHAVIOUR, COMMITS, CONFIGURATIONS, CONVERSATIONS, LABELS, METRICS, OFREP, VALIDATIONS};

/// Compares a file of the repository with what it should hold, or writes it where that was asked for.
pub(crate) fn same_or_written(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("YARDARM_UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(text.lines()).position(|(found, wanted)| found != wanted);
    assert!(
        found == text,
        "{file} is stale from line {}; YARDARM_UPDATE=1 writes it anew",
        line.unwrap_or_else(|| found.lines().count().min(text.lines().count())) + 1
    );
}

/// Every reason, with what shows it.
fn reasons() -> Vec<(&'static Reason, String)> {
    let mut recorded: Vec<(&'static Reason, BTreeMap<&str, Vec<&str>>)> = Vec::new();
    let mut add = |reason: &'static Reason, file: &'static str, name: &'static str| {
        let at = recorded.iter().position(|(known, _)| known.here == reason.here).unwrap_or_else(|| {
            recorded.push((reason, BTreeMap::new()));
            recorded.len() - 1
        });
        recorded[at].1.entry(file).or_default().push(name);
    };
    for one in CONVERSATIONS {
        add(one.reason, one.file, one.name);
    }
    for (name, _, reason) in CONFIGURATIONS {
        add(reason, "configurations", name);
    }
    for (name, reason) in METRICS.iter().chain(LABELS) {
        add(reason, "metrics", name);
    }
    for one in VALIDATIONS {
        add(one.reason, "validate", one.case);
    }
    for (step, _, reason) in COMMITS {
        add(reason, "stream-commits", step);
    }
    for one in BEHAVIOUR {
        add(one.reason, one.shown.0, one.shown.1);
    }
    let shown = |places: BTreeMap<&str, Vec<&str>>| {
        let places = places.into_iter().map(|(file, names)| match &names[..] {
            [name] => format!("{file}: {name}"),
            names => format!("{file}: {} and {} more", names[0], names.len() - 1),
        });
        places.collect::<Vec<_>>().join("; ")
    };
    recorded.into_iter().map(|(reason, places)| (reason, shown(places))).collect()
}

fn page() -> String {
    let mut page = include_str!("compatibility.md").to_owned();
    let reasons = reasons();
    for topic in TOPICS {
        let _ = writeln!(page, "\n### {topic}\n\n| Yardarm | Flipt v2 | because | seen in |\n|---|---|---|---|");
        for (Reason { here, there, why, .. }, shown) in reasons.iter().filter(|(reason, _)| reason.topic == topic) {
            let _ = writeln!(page, "| {here} | {there} | {why} | {} |", shown.replace('|', "\\|"));
        }
    }
    page.push_str("\n## OFREP 0.3.0\n\nEvery answer is held against the specification's own document. Where it is otherwise:\n\n| answer | because |\n|---|---|\n");
    for deviation in OFREP {
        let _ = writeln!(page, "| {} | {} |", deviation.what, deviation.why);
    }
    page
}

#[test]
fn the_page_on_compatibility_is_made_of_the_tables() {
    same_or_written("docs/compatibility.md", &page());
}

#[test]
fn every_difference_has_a_heading_and_a_test_that_is_there() {
    for (reason, _) in reasons() {
        assert!(TOPICS.contains(&reason.topic), "{}", reason.here);
    }
    for one in BEHAVIOUR {
        let (file, test) = one.shown;
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}
