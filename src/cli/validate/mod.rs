//! `yardarm validate`: the checks of the daemon over a directory, a commit or a branch, before anybody serves it.
//!
//! The same code reads, parses and links here as in the daemon, so that what passes here is taken there. What is found
//! becomes one [`Report`], and each format is a function of it. It is never silently green: where nothing was found to
//! check, that is told and counts as "could not be done".

use std::ffi::OsString;

use super::source::{Reader, Source, Whence};
use super::{Exit, Process, print};
use crate::flags::problem::{Problem, Severity};
use crate::flags::snapshot::Environment;
use crate::yaml::{Position, excerpt};

mod github;
mod json;
mod sarif;
mod text;

pub(super) use text::one_line;

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
    /// Workflow commands of GitHub Actions, which become annotations.
    Github,
}

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Directories, files, `-`, or revisions (`main`, `HEAD~1:production`), each one environment. [default: the current
    /// directory; with --repo, HEAD]
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
    /// How to print.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Count hazards as errors, as `hazards: refuse` does for an environment.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    whence: Whence,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A problem, with its place as each format wants it.
struct Finding {
    level: Level,
    problem: Problem,
    /// For a person: a path from here, or `REV:PATH`.
    shown: String,
    /// For a code host: the path from the root of the repository.
    uri: String,
    /// The column right behind the word at its place.
    end: u32,
    /// The line with its mark, where it can be shown.
    excerpt: String,
}

/// Everything that was found, over all environments.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// What was passed over.
    notes: Vec<String>,
    files: usize,
    flags: usize,
    segments: usize,
    namespaces: usize,
    /// Namespaces with errors: what they hold is not counted.
    broken: usize,
}

impl Report {
    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    fn take(&mut self, source: &Source, environment: &Environment, strict: bool) {
        self.files += source.files.len();
        self.notes.extend(source.notes.iter().cloned());
        self.broken += environment.held.len();
        for namespace in environment.namespaces.values() {
            self.namespaces += 1;
            self.flags += namespace.flags_by_key().len();
            self.segments += namespace.segments_by_key().len();
        }
        if environment.problems.is_empty() {
            return;
        }
        let prefix = source.prefix();
        // They stand in the order of the files.
        for problems in environment.problems.chunk_by(|one, next| one.file == next.file) {
            let Some(first) = problems.first() else { continue };
            let file = source.file(&first.file);
            let text = file.and_then(|file| source.text(file)).unwrap_or_default();
            let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
            for problem in problems {
                let line = |at: Position| lines.get(usize::try_from(at.line).ok()?.checked_sub(1)?).copied();
                let placed = problem.at.and_then(|at| Some((line(at)?, at)));
                let mut shown = String::new();
                if let Some((line, at)) = placed {
                    excerpt::show(&mut shown, line, at);
                }
                let refused = if strict { Severity::Hazard } else { Severity::Error };
                self.findings.push(Finding {
                    level: if problem.severity < refused { Level::Warning } else { Level::Error },
                    shown: file.map_or_else(|| problem.file.to_string(), |file| file.shown.clone()),
                    uri: file.map_or_else(|| problem.file.to_string(), |file| file.uri(&prefix)),
                    end: placed.map_or(1, |(line, at)| excerpt::end(line, at.column)),
                    excerpt: shown,
                    problem: problem.clone(),
                });
            }
        }
    }
}

/// Checks what is named and prints what was found.
pub(super) fn run(arguments: &Arguments, process: &mut Process<'_>) -> Exit {
    let mut paths = arguments.paths.clone();
    if paths.is_empty() {
        paths.push(if arguments.whence.repo.is_some() { "HEAD" } else { "." }.into());
    }
    let mut report = Report::default();
    let mut failed = Vec::new();
    let mut reader = Reader::new(&arguments.whence, process.input);
    for path in &paths {
        match reader.read(path) {
            Ok(source) => {
                report.take(&source, &source.environment(), arguments.strict);
                failed.extend(source.nothing());
            }
            Err(error) => failed.push(error.to_string()),
        }
    }
    let written = match arguments.format {
        Format::Text => text::write(&report),
        Format::Json => json::write(&report, &failed),
        Format::Sarif => sarif::write(&report, &failed),
        Format::Github => github::write(&report),
    };
    print(process.out, &written);
    for note in &report.notes {
        print(process.err, &format!("yardarm: note: {}\n", text::one_line(note)));
    }
    for message in &failed {
        print(process.err, &format!("yardarm: {}\n", text::one_line(message)));
    }
    if matches!(arguments.format, Format::Text | Format::Github) && report.files > 0 {
        print(process.err, &format!("{}\n", text::summary(&report)));
    }
    if !failed.is_empty() {
        return Exit::Usage;
    }
    if report.count(Level::Error) > 0 { Exit::Failure } else { Exit::Success }
}
