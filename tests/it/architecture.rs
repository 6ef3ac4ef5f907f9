//! Keeps the walls of `docs/ARCHITECTURE.md`: which module may see which, which library stands where, and that the
//! pure core knows no clock, disk, network, runtime or log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each top-level module of `src/` may use of the others. `app`, `cli` and `demo` stand above all.
const ARROWS: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("limits", &[]),
    ("clock", &[]),
    ("bell", &[]),
    ("disk", &[]),
    ("der", &[]),
    ("json", &[]),
    ("yaml", &["limits"]),
    ("analytics", &["limits"]),
    ("auth", &["der", "json", "limits", "fault"]),
    ("flags", &["yaml", "limits", "fault"]),
    ("provider", &["limits", "fault"]),
    ("template", &["limits"]),
    ("proposal", &["provider", "flags", "limits", "fault"]),
    ("view", &["proposal", "provider", "flags", "json", "yaml", "limits", "fault"]),
    ("scm", &["config", "provider", "net", "clock", "limits", "fault"]),
    ("config", &["yaml", "template", "flags", "provider", "auth", "limits", "fault"]),
    ("net", &["limits", "fault"]),
    ("issuer", &["auth", "net", "provider", "limits", "fault"]),
    ("git", &["config", "provider", "net", "clock", "limits", "fault"]),
    ("audit", &["disk", "bell", "limits", "fault"]),
    ("store", &["analytics", "audit", "proposal", "disk", "ingest", "provider", "limits", "fault", "clock"]),
    ("serve", &["flags", "bell", "limits", "clock"]),
    ("ingest", &["config", "provider", "bell", "limits", "fault", "clock"]),
    (
        "sync",
        &[
            "git",
            "store",
            "serve",
            "ingest",
            "config",
            "provider",
            "flags",
            "telemetry",
            "bell",
            "clock",
            "limits",
            "fault",
        ],
    ),
    (
        "write",
        &[
            "audit",
            "bell",
            "template",
            "yaml",
            "auth",
            "git",
            "store",
            "serve",
            "sync",
            "config",
            "provider",
            "flags",
            "telemetry",
            "clock",
            "limits",
            "fault",
        ],
    ),
    (
        "track",
        &[
            "audit",
            "template",
            "auth",
            "git",
            "store",
            "serve",
            "sync",
            "write",
            "scm",
            "proposal",
            "config",
            "provider",
            "ingest",
            "flags",
            "telemetry",
            "clock",
            "limits",
            "fault",
        ],
    ),
    ("webhook", &["scm", "ingest", "config", "provider", "net", "clock", "limits", "fault"]),
    (
        "telemetry",
        &["analytics", "audit", "sync", "serve", "ingest", "config", "provider", "flags", "clock", "limits", "fault"],
    ),
    (
        "http",
        &[
            "analytics",
            "webhook",
            "bell",
            "auth",
            "json",
            "disk",
            "der",
            "ingest",
            "serve",
            "sync",
            "telemetry",
            "config",
            "provider",
            "flags",
            "view",
            "write",
            "track",
            "proposal",
            "git",
            "audit",
            "clock",
            "limits",
            "fault",
        ],
    ),
];

/// Where a library (or a part of the standard library) may be named.
const HOMES: &[(&str, &[&str])] = &[
    ("gix::", &["git"]),
    ("gix_transport::", &["git"]),
    ("sled::", &["store"]),
    ("actix_web::", &["http", "demo"]),
    ("p521::", &["auth"]),
    ("gotmpl::", &["template"]),
    ("minijinja::", &["http"]),
    ("rust_embed::", &["http"]),
    ("reqwest::", &["net", "git", "demo"]),
    ("process::Command", &["git", "demo"]),
];

/// Files and directories of `src/` that are pure, and what none of them may name.
const PURE: &[&str] = &[
    "analytics/book",
    "analytics/row",
    "analytics/span",
    "auth",
    "der",
    "json",
    "yaml",
    "flags",
    "provider",
    "proposal",
    "view",
    "template",
    "config",
    "fault",
    "limits",
    "sync/slot",
    "track/pace",
    "track/schedule",
    "sync/schedule",
    "write/plan",
    "scm/pace",
    "scm/kept",
    "git/push/wire",
    "git/push/rejection",
];
const IMPURE: &[&str] = &[
    "std::fs::",
    "std::net::Tcp",
    "std::net::Udp",
    "ToSocketAddrs",
    "std::thread",
    "std::env::",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "tokio::",
    "tracing::",
    "actix",
];

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 20, "the source tree was not found");
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (name, code(&std::fs::read_to_string(&path).unwrap()))
        })
        .collect()
}

/// The text without comments and without what stands behind the first `#[cfg(test)]` (tests stand last in a file).
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

fn module(name: &str) -> &str {
    name.split(['/', '.']).next().unwrap()
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// The top-level modules that a text names behind `crate::`.
fn used(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // `use crate::{a, b::{c}}`: names at the first depth.
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => modules.push(std::mem::take(&mut name)),
                    _ if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            modules.push(name);
        } else {
            modules.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    modules.iter().map(|m| m.trim().split("::").next().unwrap().to_owned()).filter(|m| !m.is_empty()).collect()
}

#[test]
fn arrows_run_downward_only() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        let from = module(name);
        let Some(allowed) = arrows.get(from) else {
            assert!(
                matches!(from, "app" | "cli" | "demo" | "main" | "lib"),
                "src/{name} is in no layer: add it to ARROWS"
            );
            continue;
        };
        for to in used(text) {
            if to != from && !allowed.contains(&to.as_str()) {
                wrong.push(format!("src/{name} uses crate::{to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the arrows:\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        for (library, homes) in HOMES {
            let root = library.trim_end_matches("::");
            let named = text
                .match_indices(library)
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
                || (library.contains("Command") && text.contains(library));
            if named && !homes.contains(&module(name)) {
                wrong.push(format!("src/{name} names {root}"));
            }
        }
    }
    assert!(wrong.is_empty(), "out of place:\n{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        if !PURE.iter().any(|p| *name == format!("{p}.rs") || name.starts_with(&format!("{p}/"))) {
            continue;
        }
        seen += 1;
        wrong.extend(IMPURE.iter().filter(|i| text.contains(**i)).map(|i| format!("src/{name} names {i}")));
    }
    assert!(seen > 8, "the pure files were not found");
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn the_checks_can_fail() {
    assert_eq!(used("use crate::{git, flags::{a, b}};"), ["git", "flags"]);
    assert_eq!(used("crate::store::open()"), ["store"]);
    assert!(!code("// std::fs::read\nlet a = 1;\n#[cfg(test)]\nstd::fs::read").contains("std::fs"));
}
