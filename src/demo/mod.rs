//! The demonstration: `yardarm demo` shows the whole way from a push to every client, on one machine, with nothing but
//! Git.
//!
//! One flag repository stands behind a real Git server on loopback. Every provider has a branch of it, a storage, an
//! environment and a handful of streaming clients. Then each branch is pushed to and the push announced exactly as
//! that provider would, signed; one announcement gets lost, one comes twice, one is forged. A table says what each one
//! took, measured from outside: by the clients' clocks and by the daemon's own record of the delivery.
//!
//! A row is only right if every client got the very bytes that were pushed (the digest of a snapshot is the SHA-1 of
//! its file, which is computed here, apart from the daemon), and if an evaluation answers with the new text.
//!
//! Beside them stands a shop with two environments and a forge that has proposals, for whoever opens the pages: as long as
//! the demonstration is up, applications ask there and people push, propose, approve and merge.

pub mod dialect;
pub mod forge;
pub mod outside;

mod acts;
mod desk;
mod flags;
mod herald;
mod life;
mod loopback;
mod stage;
mod table;

use std::io::{self, Write};
use std::process::Command;

use self::acts::Row;
use self::stage::Stage;
use crate::app;
use crate::git::program;

/// How the demonstration runs.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// End after the table.
    pub once: bool,
    /// Port of the daemon; 0 takes a free one.
    pub port: u16,
}

/// Why the demonstration fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no `git`.
    #[error("the demonstration needs the program `git` {OLDEST_GIT} or newer, and it could not be started")]
    NoGit(#[source] io::Error),
    /// It is too old.
    #[error("the demonstration needs `git` {OLDEST_GIT} or newer; this is {0}")]
    OldGit(String),
    /// Some distributions have it in a package of its own.
    #[error(
        "`git` has no `http-backend` here ({0}): it may be in a package of its own, such as git-daemon or git-core"
    )]
    NoBackend(String),
    /// No directory for it.
    #[error("no temporary directory")]
    Directory(#[source] io::Error),
    /// The Git server.
    #[error("the Git server of the demonstration does not start")]
    Forge(#[from] forge::Error),
    /// A push.
    #[error("a push of the demonstration failed")]
    Git(#[from] crate::git::Error),
    /// The embedded configuration: a defect.
    #[error("the configuration of the demonstration is refused: {0}")]
    Config(String),
    /// The daemon.
    #[error("the daemon does not start")]
    Start(#[from] app::StartError),
    /// The daemon does not answer.
    #[error("the daemon does not answer")]
    Outside(#[from] outside::Error),
    /// It started, and serves nothing.
    #[error("environment {0} has no flags within the deadline")]
    NotReady(&'static str),
    /// The stream that the table is written to.
    #[error("the table cannot be written")]
    Out(#[from] io::Error),
    /// What the table shows too.
    #[error("{} of the demonstration did not do what it should: {}", .0.len(), .0.join("; "))]
    Rows(Vec<String>),
}

/// `git init --initial-branch` came with it; the newest thing that is used.
const OLDEST_GIT: Version = Version(2, 28);

/// Runs the demonstration and writes to standard output.
///
/// # Errors
/// What keeps it from running; with `once` also what did not arrive.
pub async fn run(options: Options) -> Result<(), Error> {
    run_to(options, &mut io::stdout()).await
}

/// Runs the demonstration and writes to `out`.
///
/// # Errors
/// As [`run`].
pub async fn run_to(options: Options, out: &mut dyn Write) -> Result<(), Error> {
    check_git()?;
    let stage = Stage::set_up(options.port).await?;
    let played = play(&stage, options, out).await;
    stage.tear_down().await;
    let rows = played?;
    let failed: Vec<String> = rows.iter().filter_map(Row::complaint).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::Rows(failed)) }
}

async fn play(stage: &Stage, options: Options, out: &mut dyn Write) -> Result<Vec<Row>, Error> {
    table::introduce(out, stage)?;
    let rows = acts::all(stage).await?;
    table::write(out, &rows, stage.listeners())?;
    if !options.once {
        table::addresses(out, stage)?;
        tokio::select! {
            told = until_told() => told?,
            () = life::go_on(stage) => {}
        }
    }
    Ok(rows)
}

/// Ctrl-C, or the signal that service managers send.
async fn until_told() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

/// A version of Git, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// Reads what `git --version` prints: `git version 2.39.5`, `git version 2.45.1 (Apple Git-154)`.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
    Some(Version(numbers.next()?.trim().parse().ok()?, numbers.next()?.trim().parse().ok()?))
}

/// Says precisely what is missing, before anything is made.
fn check_git() -> Result<(), Error> {
    let said = |command: &mut Command| -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&command.output().map_err(Error::NoGit)?.stdout).trim().to_owned())
    };
    let text = said(program::command().arg("--version"))?;
    if version(&text).is_none_or(|version| version < OLDEST_GIT) {
        return Err(Error::OldGit(text));
    }
    let programs = said(program::command().arg("--exec-path"))?;
    if std::path::Path::new(&programs).join("git-http-backend").exists() {
        Ok(())
    } else {
        Err(Error::NoBackend(programs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git_are_read_as_it_prints_them() {
        assert_eq!(version("git version 2.39.5"), Some(Version(2, 39)));
        assert_eq!(version("git version 2.45.1 (Apple Git-154)"), Some(Version(2, 45)));
        assert_eq!(version("git version 3.0-rc1"), Some(Version(3, 0)));
        assert_eq!(version("zsh: command not found"), None);
        assert!(version("git version 2.9.0").is_some_and(|version| version < OLDEST_GIT));
    }
}
