//! The command line. Arguments, variables and streams are values, so that a test runs a command as a function; only
//! `main` touches the process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::limits;

mod check;
mod diff;
mod evaluate;
mod serve;
mod source;
mod token;
mod validate;
mod webhook;

/// What a command ends with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    #[default]
    Success,
    /// It could not be done; of `config check` and `validate`: there are errors. Trying again may help.
    Failure,
    /// It was asked wrongly: unknown arguments, a file that cannot be read or is not there, and of `serve` a
    /// configuration that cannot be used. A person has to change something; the unit of systemd does not start again on this one.
    Usage,
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
        }
    }
}

/// What a command has of the process.
pub struct Process<'a> {
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

/// Feature flags from Git, live when the push is.
#[derive(Debug, Parser)]
#[command(name = "yardarm", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "these comments are the help that is printed")]
enum Command {
    /// Run the daemon.
    ///
    /// Without --config the file is looked for at $XDG_CONFIG_HOME/yardarm/config.yml (~/.config/yardarm/config.yml),
    /// then at /etc/yardarm/config.yml. Without any file one storage in memory is served on 127.0.0.1:8080.
    ///
    /// Ends with 0 after SIGTERM or SIGINT, 1 if it cannot start or goes on no longer, 2 if the configuration cannot be
    /// used. SIGHUP reads the configuration anew; one that cannot be used changes nothing.
    #[command(visible_alias = "server")]
    Serve {
        /// The configuration file.
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Check flag files as the daemon does: a directory, a file, a commit or a branch.
    ///
    /// Each PATH is one environment: the directory that holds <namespace>/features.yaml (or .yml, .json), at any depth.
    /// A path that exists is a path; anything else is a revision of the Git repository at hand: main, HEAD~2,
    /// origin/main, an id, and with a directory, main:production. ./main is always a path, main: always a revision.
    ///
    /// Ends with 0 if there is no error (warnings are printed too), 1 if there are errors, 2 if it could not be done:
    /// a path or revision that is not there, or no flag file below it.
    Validate(validate::Arguments),
    /// Show what is different between two commits, branches or directories: which flags, what of them, who is affected.
    ///
    /// Names are read as by validate; A..B and A...B as by Git. With -d, the directory of the environment on both sides.
    ///
    /// Ends with 0 whether or not there is a difference (with --exit-code, 1 if there is one), 2 if it could not be
    /// done, or not wholly: a namespace with errors is named and not compared.
    Diff(diff::Arguments),
    /// Say what a flag answers, and why: from files, a commit, or a server.
    ///
    /// The answer is that of the daemon, for the same flags, entity and context. --explain adds the way to it: every
    /// rule, segment and constraint, what was compared with what, and where the entity falls.
    ///
    /// Ends with 0 if there is an answer; 1 if the flag or the namespace is not there or has errors, or the server does
    /// not answer; 2 if it was asked wrongly: unknown arguments, a file or revision that cannot be read.
    Evaluate(Box<evaluate::Arguments>),
    /// Look at configurations.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make, list and revoke the tokens that callers show.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make, look at and change the webhooks at the provider.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Show the whole way from push to client: a Git server on loopback, signed webhooks, streaming clients.
    Demo {
        /// End after the table, with 0 if everything arrived.
        #[arg(long)]
        once: bool,
        /// Port of the daemon; a free one by default.
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every error and warning of a file as `file:line:column: error: key: message`.
    ///
    /// Ends with 0 if the file can be used (warnings are printed too), 1 if it has errors, 2 if it cannot be read.
    Check {
        /// The configuration file.
        file: PathBuf,
        /// Take every ${env:…}, ${file:…} and ${credential:…} as given, where the secrets are not at hand.
        #[arg(long)]
        without_secrets: bool,
    },
    /// Print the JSON schema of the file, for editors.
    Schema,
    /// Print every key with its default, as Markdown.
    Reference,
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, process: &mut Process<'_>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for, and come on standard output.
            let text = error.render().to_string();
            let asked_for = !error.use_stderr();
            print(if asked_for { &mut *process.out } else { &mut *process.err }, &text);
            return if asked_for { Exit::Success } else { Exit::Usage };
        }
    };
    match arguments.command {
        Command::Serve { config } => serve::run(config, process),
        Command::Diff(arguments) => diff::run(&arguments, process),
        Command::Validate(arguments) => validate::run(&arguments, process),
        Command::Evaluate(arguments) => evaluate::run(&arguments, process),
        Command::Config(ConfigCommand::Check { file, without_secrets }) => check::run(&file, without_secrets, process),
        Command::Config(ConfigCommand::Schema) => {
            let schema = serde_json::to_string_pretty(&crate::config::schema()).unwrap_or_default();
            print(process.out, &format!("{schema}\n"));
            Exit::Success
        }
        Command::Config(ConfigCommand::Reference) => {
            print(process.out, &crate::config::reference());
            Exit::Success
        }
        Command::Token(command) => token::run(command, process),
        Command::Webhook(command) => webhook::run(command, process),
        Command::Demo { once, port } => serve::demo(once, port, process),
    }
}

/// Writes to a stream of the process. Nobody is left to tell that it is closed (`yardarm config schema | head`).
fn print(stream: &mut dyn Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Reads a file that the operator names, up to a bound: a device or a log given by mistake must not fill memory.
fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_all(&mut std::fs::File::open(path)?, most)
}

/// Reads what there is, up to a bound.
fn read_all(input: &mut dyn Read, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = input.take(most.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(read).is_ok_and(|read| read > most) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {most} bytes")));
    }
    Ok(content)
}

/// What a configuration refers to.
fn referred(path: &Path) -> io::Result<Vec<u8>> {
    read_bounded(path, limits::REFERRED_FILE_BYTES)
}

/// The text of a configuration file.
fn read_config(path: &Path) -> Result<String, String> {
    let most = u64::try_from(limits::CONFIG_FILE_BYTES).unwrap_or(u64::MAX);
    let bytes = read_bounded(path, most).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count();
        format!("{}:{line}: not UTF-8", path.display())
    })
}
