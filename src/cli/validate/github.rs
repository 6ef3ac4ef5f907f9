//! The report as workflow commands of GitHub Actions: each becomes an annotation of the line.

use std::fmt::Write as _;

use super::Report;

pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let problem = &finding.problem;
        let _ = write!(out, "::{} file={}", finding.level.name(), property(&finding.uri));
        if let Some(at) = problem.at {
            let (line, end) = (at.line, finding.end.saturating_sub(1).max(at.column));
            let _ = write!(out, ",line={line},endLine={line},col={},endColumn={end}", at.column);
        }
        let path = if problem.key_path.is_empty() { String::new() } else { format!("{}: ", problem.key_path) };
        let message = format!("{path}{}\nhelp: {}", problem.message, problem.help);
        let _ = writeln!(out, ",title={}::{}", property(problem.code), data(&message));
    }
    out
}

/// A text behind `::`. What ends the command is written as a number.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which a comma or a colon ends too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(super::data("100 %\r\n::stop::"), "100 %25%0D%0A::stop::");
        assert_eq!(super::property("a,b:c%\n"), "a%2Cb%3Ac%25%0A");
    }
}
