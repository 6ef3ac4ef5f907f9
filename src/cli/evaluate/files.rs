//! Flags of a directory, a file or a commit, evaluated here.

use std::ffi::OsStr;
use std::fmt::Write as _;

use super::{Answers, Asked, Failure, missing};
use crate::cli::Process;
use crate::cli::source::{Error, Reader, Source, Whence};
use crate::flags::explain::{self, Explained};
use crate::flags::problem::Severity;
use crate::flags::snapshot::{Environment, Flag, Namespace};
use crate::limits;

pub(super) fn answers(
    asked: &Asked<'_>,
    from: Option<&OsStr>,
    whence: &Whence,
    process: &mut Process<'_>,
) -> Result<Answers, Failure> {
    let mut reader = Reader::new(whence, process.input);
    let source = reader.read(from.unwrap_or(OsStr::new("."))).map_err(|error| match error {
        Error::Neither { .. } | Error::Disk { .. } => Failure::Usage(error.to_string()),
        Error::Git { .. } | Error::TooMuch(_) => Failure::NoAnswer(error.to_string()),
    })?;
    if let Some(nothing) = source.nothing() {
        let notes = source.notes.iter().map(|note| format!("\n{note}"));
        return Err(Failure::NoAnswer(nothing + &notes.collect::<String>()));
    }
    let environment = source.environment();
    let namespace = namespace(asked, &source, &environment)?;
    let flags: Vec<&Flag> = match asked.flag {
        None => namespace.flags_by_key().collect(),
        Some(key) => vec![namespace.flag(key).ok_or_else(|| {
            let names = namespace.flags_by_key().map(|flag| &*flag.key);
            let what = format!("flag \"{key}\" in namespace \"{}\" of {}", namespace.key, name(&source));
            Failure::NoAnswer(missing(&what, key, names))
        })?],
    };
    if !asked.explain {
        let answer = |flag: &Flag| (flag.key.to_string(), explain::answer(flag, asked.entity, &asked.context));
        return Ok(Answers::Bare(flags.into_iter().map(answer).collect()));
    }
    let told = |flag: &Flag| Explained {
        environment_key: None,
        namespace_key: namespace.key.to_string(),
        commit: source.commit.clone(),
        digest: namespace.digest.to_string(),
        explanation: explain::explain(flag, asked.entity, &asked.context),
    };
    Ok(Answers::Explained(flags.into_iter().map(told).collect()))
}

fn namespace<'e>(asked: &Asked<'_>, source: &Source, environment: &'e Environment) -> Result<&'e Namespace, Failure> {
    let key = asked.namespace;
    if let Some(namespace) = environment.namespaces.get(key) {
        return Ok(namespace);
    }
    let errors = environment.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let held = environment.held.iter().any(|held| **held == *key);
    // A file of which nobody knows what it feeds may feed this one.
    let concerned: Vec<_> = errors.filter(|problem| problem.namespace.as_deref().is_none_or(|of| of == key)).collect();
    let mut message = if held || !concerned.is_empty() {
        let what = if held { "has errors and is not evaluated" } else { "is not there, and there are files in error" };
        format!("namespace \"{key}\" of {} {what}:", name(source))
    } else {
        let names = environment.namespaces.keys().map(|name| &**name);
        missing(&format!("namespace \"{key}\" in {}", name(source)), key, names)
    };
    for problem in concerned.iter().take(limits::PROBLEMS_LOGGED) {
        let shown = source.file(&problem.file).map_or(&*problem.file, |file| &file.shown);
        let at = problem.at.map_or_else(String::new, |at| format!("{}:{}:", at.line, at.column));
        let _ = write!(message, "\n{shown}:{at} error: {}; {}", problem.message, problem.help);
    }
    if let Some(more) = concerned.len().checked_sub(limits::PROBLEMS_LOGGED).filter(|more| *more > 0) {
        let _ = write!(message, "\nand {more} more");
    }
    Err(Failure::NoAnswer(message))
}

/// What a source is called in a sentence.
fn name(source: &Source) -> &str {
    match &*source.name {
        "." => "the current directory",
        "-" => "standard input",
        name => name,
    }
}
