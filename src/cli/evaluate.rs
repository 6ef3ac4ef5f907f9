//! `yardarm evaluate`: what a flag answers and why, from files, from a commit, or from a server.
//!
//! The answer goes to standard output, what is wrong to standard error. Nothing of a flag file, a context or a server
//! reaches the terminal unescaped. A token is never an argument: whoever lists processes would read it.

mod files;
mod server;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::source::Whence;
use super::{Exit, Process, print, read_all, read_bounded};
use crate::flags::evaluate::Context;
use crate::flags::explain::text::{self, printable};
use crate::flags::explain::{Answer, Explained};
use crate::{http, limits};

/// What `yardarm evaluate` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Key of the flag.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    flag: Option<String>,
    /// Every flag of the namespace.
    #[arg(long)]
    all: bool,
    /// The namespace.
    #[arg(long, short, value_name = "KEY", default_value = "default")]
    namespace: String,
    /// Whom to evaluate for: what is hashed for shares and percentages.
    #[arg(long = "entity", visible_alias = "entity-id", short, value_name = "ID", default_value = "")]
    entity: String,
    /// A property of the context; may be given again. It goes before one of --context-file.
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// The context as one JSON object, in a file, or - for standard input. Values of any type are taken as text.
    #[arg(long, value_name = "FILE")]
    context_file: Option<PathBuf>,
    /// Tell rule by rule and constraint by constraint why.
    #[arg(long)]
    explain: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Where the flags are: a directory, a file, - for standard input, or a revision like HEAD~2 or main:production.
    /// The current directory by default.
    #[arg(long, value_name = "PATH|REV", conflicts_with = "server")]
    from: Option<OsString>,
    #[command(flatten)]
    whence: Whence,
    #[command(flatten)]
    server: server::Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE"),
    }
}

/// What is asked, wherever the flags are.
struct Asked<'a> {
    /// None: all of them.
    flag: Option<&'a str>,
    namespace: &'a str,
    entity: &'a str,
    context: Context,
    explain: bool,
}

/// What came back, in the order of the keys.
enum Answers {
    Bare(Vec<(String, Answer)>),
    Explained(Vec<Explained>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It was asked wrongly.
    #[error("{0}")]
    Usage(String),
    /// It could not be answered.
    #[error("{0}")]
    NoAnswer(String),
}

/// Evaluates and prints.
pub(super) fn run(arguments: &Arguments, process: &mut Process<'_>) -> Exit {
    match answers(arguments, process) {
        Ok(answers) => {
            let out = match arguments.format {
                Format::Text => text(&answers),
                Format::Json => json(&answers, arguments.all),
            };
            print(process.out, &out);
            Exit::Success
        }
        Err(failure) => {
            let shown: Vec<_> = failure.to_string().lines().map(|line| printable(line).into_owned()).collect();
            print(process.err, &format!("yardarm: {}\n", shown.join("\n")));
            match failure {
                Failure::Usage(_) => Exit::Usage,
                Failure::NoAnswer(_) => Exit::Failure,
            }
        }
    }
}

fn answers(arguments: &Arguments, process: &mut Process<'_>) -> Result<Answers, Failure> {
    let reads_input = |path: Option<&Path>| path.is_some_and(|path| path.as_os_str() == "-");
    if reads_input(arguments.context_file.as_deref()) && arguments.from.as_ref().is_some_and(|from| from == "-") {
        return Err(Failure::Usage("standard input can be the flags or the context, not both".to_owned()));
    }
    let mut context = match arguments.context_file.as_deref() {
        None => Context::default(),
        Some(path) => read_context(path, process)?,
    };
    for (name, value) in &arguments.context {
        context.insert(name.clone(), value.clone());
    }
    let asked = Asked {
        flag: arguments.flag.as_deref(),
        namespace: &arguments.namespace,
        entity: &arguments.entity,
        context,
        explain: arguments.explain,
    };
    match server::Server::of(&arguments.server, process)? {
        Some(server) => server.answers(&asked),
        None => files::answers(&asked, arguments.from.as_deref(), &arguments.whence, process),
    }
}

fn read_context(path: &Path, process: &mut Process<'_>) -> Result<Context, Failure> {
    let most = u64::try_from(limits::EVALUATION_BODY_BYTES).unwrap_or(u64::MAX);
    let given = path.as_os_str() == "-";
    let name = if given { "of standard input".into() } else { path.to_string_lossy() };
    let read = if given { read_all(process.input, most) } else { read_bounded(path, most) };
    let bytes = read.map_err(|error| Failure::Usage(format!("cannot read the context {name}: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
        Failure::Usage(format!("the context {name} is not UTF-8 in line {line}"))
    })?;
    http::context(text.trim_start_matches('\u{feff}'))
        .map_err(|error| Failure::Usage(format!("the context {name} is no JSON object: {error}")))
}

fn text(answers: &Answers) -> String {
    match answers {
        Answers::Bare(answers) => {
            let width = answers.iter().map(|(key, _)| printable(key).chars().count()).max().unwrap_or_default();
            let line = |(key, answer): &(String, Answer)| {
                format!("{:<1$} {2}\n", format!("{}:", printable(key)), width + 1, text::answer(answer))
            };
            answers.iter().map(line).collect()
        }
        Answers::Explained(explained) => {
            let one = |told: &Explained| format!("{}{}", origin(told), text::render(&told.explanation));
            explained.iter().map(one).collect::<Vec<_>>().join("\n\n")
        }
    }
}

/// Which state an explanation is of.
fn origin(told: &Explained) -> String {
    let mut parts = Vec::new();
    if let Some(environment) = &told.environment_key {
        parts.push(format!("environment {environment}"));
    }
    parts.push(format!("namespace {}", told.namespace_key));
    if let Some(commit) = &told.commit {
        parts.push(format!("commit {commit}"));
    }
    format!("{}\n", printable(&parts.join(", ")))
}

/// One object, or with `--all` a list of them.
fn json(answers: &Answers, all: bool) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Bare<'a> {
        flag_key: &'a str,
        #[serde(flatten)]
        answer: &'a Answer,
    }
    fn form<T: Serialize>(list: &[T], all: bool) -> String {
        // A tree of texts and numbers always has a JSON form.
        match list {
            [one] if !all => serde_json::to_string_pretty(one),
            list => serde_json::to_string_pretty(list),
        }
        .unwrap_or_default()
    }
    let mut out = match answers {
        Answers::Bare(answers) => {
            let list: Vec<_> = answers.iter().map(|(flag_key, answer)| Bare { flag_key, answer }).collect();
            form(&list, all)
        }
        Answers::Explained(explained) => form(explained, all),
    };
    out.push('\n');
    text::printable_json(&out).into_owned()
}

/// That something is not there, and what is called nearly so.
fn missing<'k>(what: &str, key: &str, names: impl Iterator<Item = &'k str>) -> String {
    const TOLD: usize = 3;
    const LONGEST: usize = 64;
    let lower = key.to_lowercase();
    // The distance costs the product of the lengths.
    let names = names.filter(|name| lower.len() <= LONGEST && name.len() <= LONGEST);
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::normalized_damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(likeness, name)| *likeness >= 0.6 || (lower.len() > 2 && name.to_lowercase().contains(&lower)))
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.truncate(TOLD);
    let near: Vec<String> = near.iter().map(|(_, name)| format!("\"{}\"", printable(name))).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    format!("there is no {what}{hint}")
}
