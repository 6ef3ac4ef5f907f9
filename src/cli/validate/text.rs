//! The report for a person: each finding with its line, and one line of sums.

use std::fmt::Write as _;

use super::{Level, Report};

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let problem = &finding.problem;
        out.push_str(&one_line(&finding.shown));
        if let Some(at) = problem.at {
            let _ = write!(out, ":{}:{}", at.line, at.column);
        }
        let _ = write!(out, ": {}[{}]: ", finding.level.name(), problem.code);
        if !problem.key_path.is_empty() {
            let _ = write!(out, "{}: ", one_line(&problem.key_path));
        }
        let _ = writeln!(out, "{}", one_line(&problem.message));
        out.push_str(&finding.excerpt);
        let _ = writeln!(out, "  help: {}", one_line(&problem.help));
        out.push('\n');
    }
    out
}

/// `3 files, 12 flags, 4 segments, 2 namespaces: 1 error, 2 warnings`.
pub(super) fn summary(report: &Report) -> String {
    let broken = match report.broken {
        0 => String::new(),
        broken => format!(", and {} with errors, not counted", many(broken, "namespace")),
    };
    let sum = |level| report.count(level);
    let verdict = match (sum(Level::Error), sum(Level::Warning)) {
        (0, 0) => "no problem".to_owned(),
        (errors, 0) => many(errors, "error"),
        (0, warnings) => many(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", many(errors, "error"), many(warnings, "warning")),
    };
    format!(
        "{}, {}, {}, {}{broken}: {verdict}",
        many(report.files, "file"),
        many(report.flags, "flag"),
        many(report.segments, "segment"),
        many(report.namespaces, "namespace")
    )
}

fn many(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A text that stays on its line, whoever chose it: the name of a file may hold a line break, and a log obeys commands
/// that begin a line.
pub(in crate::cli) fn one_line(text: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if odd(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}
