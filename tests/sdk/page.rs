//! The clients' part of `docs/sdks.md`: made of what was seen, so that it stays true.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::client::Client;
use crate::script::{Arrival, Kit, SCRIPTS, STEPS, Script};

const BEGIN: &str = "<!-- made by tests/sdk; not to be edited -->\n";
const END: &str = "<!-- end -->\n";

/// Compares the page with what these clients have shown, or writes it. Where a language is missing, what the others
/// have shown still has to stand there.
pub fn compare(clients: &[Client], write: bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sdks.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has a place for the clients");
    let (old, tail) = rest.split_once(END).expect("the clients' part of the page ends");
    let (rows, quirks): (Vec<_>, Vec<_>) = clients.iter().map(|client| (row(client), quirks(client))).unzip();
    if clients.len() < SCRIPTS.len() {
        for part in rows.iter().chain(&quirks) {
            assert!(old.contains(part), "docs/sdks.md does not say what was seen now:\n{part}");
        }
        return;
    }
    let new = format!("{}{}\n{}", header(), rows.concat(), quirks.concat());
    if write {
        std::fs::write(&path, format!("{head}{BEGIN}{new}{END}{tail}")).unwrap();
    } else {
        assert!(
            old == new,
            "docs/sdks.md is out of date. It would be written anew by\n  YARDARM_TEST_SDK=write cargo test --test sdk\n{new}"
        );
    }
}

fn header() -> String {
    let mut text = "| client | version | a change is there |".to_owned();
    for step in STEPS {
        let _ = write!(text, " {step} |");
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&":-:|".repeat(STEPS.len()));
    text.push('\n');
    text
}

fn row(client: &Client) -> String {
    let arrival = match client.script.arrival {
        Arrival::Request => "at the next request",
        Arrival::Poll => "at the next poll",
        Arrival::Stream => "at once, by its stream",
    };
    let mut text = format!("| {} | {} | {arrival} |", client.script.title(), version(client.script));
    for step in STEPS {
        let _ = write!(text, " {} |", if client.lacks(step) { "–" } else { "✓" });
    }
    text.push('\n');
    text
}

fn quirks(client: &Client) -> String {
    let mut text = format!("### {}\n\n", client.script.title());
    for quirk in client.quirks() {
        let _ = writeln!(text, "- {quirk}");
    }
    if client.quirks().is_empty() {
        text.push_str("Nothing odd.\n");
    }
    text.push('\n');
    text
}

/// The version in the lock file, which is what was installed.
fn version(script: &Script) -> String {
    let found = match script.kit {
        Kit::Npm => {
            let lock: Value = serde_json::from_str(include_str!("npm/package-lock.json")).unwrap();
            lock["packages"][format!("node_modules/{}", script.package)]["version"].as_str().map(str::to_owned)
        }
        Kit::Python => include_str!("python/requirements.txt").lines().find_map(|line| {
            let (name, rest) = line.split_once("==")?;
            (name == script.package).then(|| rest.trim_end_matches([' ', '\\']).to_owned())
        }),
        Kit::Rust => {
            let (_, rest) = include_str!("rust/Cargo.lock")
                .split_once(&format!("name = \"{}\"\nversion = \"", script.package))
                .unwrap_or_default();
            rest.split_once('"').map(|(version, _)| version.to_owned())
        }
    };
    found.unwrap_or_else(|| panic!("{} is not locked", script.package))
}
