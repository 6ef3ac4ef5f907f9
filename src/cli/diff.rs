//! `yardarm diff`: what is different between two commits, branches or directories, in the terms of those who own flags.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::source::{Error, Reader, Source, Whence};
use super::validate::one_line;
use super::{Exit, Process, print};
use crate::flags::change;
use crate::flags::problem::{HazardPolicy, Severity};
use crate::flags::snapshot::{self, Environment};

/// How the differences are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For a terminal.
    Text,
    /// For a program.
    Json,
    /// For a comment.
    Markdown,
}

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A and B: directories, files or revisions; or A..B; or A...B, from where B went its own way. Of one name alone, B
    /// is the current directory.
    #[arg(value_name = "A B", required = true, num_args = 1..=2)]
    names: Vec<OsString>,
    /// How to print.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// End with 1 if there is a difference.
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    whence: Whence,
}

/// Compares and prints.
pub(super) fn run(arguments: &Arguments, process: &mut Process<'_>) -> Exit {
    let mut reader = Reader::new(&arguments.whence, process.input);
    let sides = sides(&arguments.names, &reader).and_then(|(old, new)| Ok((reader.read(&old)?, reader.read(&new)?)));
    let (old, new) = match sides {
        Ok(sides) => sides,
        Err(error) => {
            print(process.err, &format!("yardarm: {}\n", one_line(&error.to_string())));
            return Exit::Usage;
        }
    };
    for note in old.notes.iter().chain(&new.notes) {
        print(process.err, &format!("yardarm: note: {}\n", one_line(note)));
    }
    // One empty side is an environment that is new or gone; two are a name that means something else.
    if let (Some(nothing), Some(_)) = (old.nothing(), new.nothing()) {
        print(process.err, &format!("yardarm: {}\n", one_line(&nothing)));
        return Exit::Usage;
    }
    for nothing in old.nothing().into_iter().chain(new.nothing()) {
        print(process.err, &format!("yardarm: note: {}\n", one_line(&nothing)));
    }
    let before = old.environment();
    // As in a daemon that serves the old one and sees the new one: a file that cannot be read holds what it fed.
    let after = snapshot::assemble(&new.inputs, &before, HazardPolicy::Warn);
    tell_errors(&old, &before, process);
    tell_errors(&new, &after, process);
    let changes = change::between(&before, &after);
    let written = match arguments.format {
        Format::Text => change::text(&changes),
        Format::Markdown => change::markdown(&changes),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&changes).unwrap_or_default()),
    };
    print(process.out, &written);
    if !changes.not_compared.is_empty() {
        return Exit::Usage;
    }
    if arguments.exit_code && !changes.is_empty() { Exit::Failure } else { Exit::Success }
}

/// The first errors of a side, one line each; `validate` tells them all.
fn tell_errors(source: &Source, environment: &Environment, process: &mut Process<'_>) {
    const SHOWN: usize = 5;
    let errors: Vec<_> = environment.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    for problem in errors.iter().take(SHOWN) {
        let file = source.file(&problem.file).map_or(&*problem.file, |file| &file.shown);
        let at = problem.at.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
        let text = format!("{file}{at}: error[{}]: {}: {}", problem.code, problem.key_path, problem.message);
        print(process.err, &format!("{}\n", one_line(&text)));
    }
    if errors.len() > SHOWN {
        let more = errors.len() - SHOWN;
        print(
            process.err,
            &format!("yardarm: {more} more errors; see `yardarm validate {}`\n", one_line(&source.name)),
        );
    }
}

/// What is compared with what.
fn sides(names: &[OsString], reader: &Reader<'_>) -> Result<(OsString, OsString), Error> {
    match names {
        [one, two, ..] => Ok((one.clone(), two.clone())),
        [one] => match range(one) {
            Some((one, two, true)) => Ok((reader.merge_base(&one, &two)?.into(), two.into())),
            Some((one, two, false)) => Ok((one.into(), two.into())),
            None => Ok((one.clone(), ".".into())),
        },
        [] => Ok((".".into(), ".".into())),
    }
}

/// `A..B` and `A...B`, unless it is the name of a path (`../flags`). What is left out is HEAD.
fn range(name: &OsStr) -> Option<(String, String, bool)> {
    let text = name.to_str()?;
    if Path::new(name).exists() || text.starts_with("../") {
        return None;
    }
    // With a colon a name is a revision, whatever lies in the current directory.
    let head = |side: &str| match side {
        "" => "HEAD:".to_owned(),
        side if side.contains(':') => side.to_owned(),
        side => format!("{side}:"),
    };
    let three = text.split_once("...").map(|(one, two)| (head(one), head(two), true));
    three.or_else(|| text.split_once("..").map(|(one, two)| (head(one), head(two), false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_ends() {
        let of = |text: &str| range(OsStr::new(text));
        let ends = |one: &str, two: &str, base| Some((one.to_owned(), two.to_owned(), base));
        assert_eq!(of("main..HEAD~1"), ends("main:", "HEAD~1:", false));
        assert_eq!(of("origin/main...topic"), ends("origin/main:", "topic:", true));
        assert_eq!(of("main.."), ends("main:", "HEAD:", false));
        assert_eq!(of("v1.0:a..v1.1:a"), ends("v1.0:a", "v1.1:a", false));
        assert_eq!((of("main"), of("src"), of("../other"), of("..")), (None, None, None, None));
    }
}
