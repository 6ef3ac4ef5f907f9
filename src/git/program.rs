//! The `git` program, with an environment of its own: nothing that the user or the machine has configured reaches it,
//! so that the same commits come out everywhere.
//!
//! The daemon needs it only for remotes that are paths (`git upload-pack`). The demo and the tests make their
//! repositories with it, so that what is fetched from is real Git and not our own idea of it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use super::Error;
use super::transport::Patience;
use crate::limits;

/// What every program inherits. Nothing else: the daemon's own environment holds secrets (`${env:…}`), and a variable of
/// Git's would make it look somewhere else than it is told.
const INHERITED: [&str; 6] = ["PATH", "TMPDIR", "USER", "LOGNAME", "LD_LIBRARY_PATH", "GIT_EXEC_PATH"];

/// What tells a program what the operator has configured for it: where Git and ssh look for their own files, and an
/// agent that holds keys.
const CONFIGURED: [&str; 3] = ["HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"];

/// The variables of the clean environment.
const OWN: [(&str, &str); 4] =
    [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")];

fn inherited(names: &'static [&'static str]) -> impl Iterator<Item = (&'static str, OsString)> {
    names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)))
}

/// A program that does what the operator has configured for it, and speaks English, because what it says is read.
pub(super) fn configured(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().envs(inherited(&INHERITED)).envs(inherited(&CONFIGURED)).env("LC_ALL", "C");
    command
}

/// Settings of Git's for this one run, in its environment: they count more than those of files.
pub(super) fn set(command: &mut Command, settings: &[(&str, &str)]) {
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (number, (name, value)) in settings.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{number}"), name).env(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
}

/// A program that nobody has configured anything for, and that speaks English.
pub(super) fn plain(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().envs(inherited(&INHERITED)).env("LC_ALL", "C");
    command
}

/// How a program has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) ok: bool,
    pub(super) out: Vec<u8>,
    pub(super) said: String,
}

/// Runs a program to its end, for as long as there is patience: neither one that hangs nor a child of its own that keeps
/// its output open can hold us. Of what it says the beginning is kept.
pub(super) fn run_within(command: &mut Command, input: Vec<u8>, patience: &Patience) -> Result<Ended, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Local(format!("the program {name} is not installed")),
        _ => Error::Local(format!("the program {name}: {error}")),
    };
    patience.check()?;
    let mut child =
        Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?);
    if let Some(mut stdin) = child.0.stdin.take() {
        // Ends with the program; one that does not want to know is not told.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let out = child.0.stdout.take().map(|pipe| listen(pipe, limits::GIT_PROGRAM_BYTES));
    let said = child.0.stderr.take().map(|pipe| listen(pipe, limits::GIT_STDERR_BYTES));
    let (Some(out), Some(said)) = (out, said) else { return Err(Error::Local(format!("{name} has no pipes"))) };
    let bytes = loop {
        patience.check()?;
        match out.recv_timeout(limits::NET_STOP_LOOK) {
            Ok(bytes) => break bytes,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Vec::new(),
        }
    };
    let said = said.recv_timeout(limits::NET_STOP_LOOK * 8).unwrap_or_default();
    let status = loop {
        if let Some(status) = child.0.try_wait().map_err(failed)? {
            break status;
        }
        patience.check()?;
        // Its output has ended, and so it will have in a moment.
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    };
    Ok(Ended { ok: status.success(), out: bytes, said: String::from_utf8_lossy(&said).into_owned() })
}

/// A program that does not outlive whoever waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a pipe to its end on a thread of its own, and keeps the beginning.
fn listen(mut pipe: impl Read + Send + 'static, keep: usize) -> Receiver<Vec<u8>> {
    let (sender, heard) = sync_channel(1);
    std::thread::spawn(move || {
        let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = pipe.read(&mut chunk) {
            let room = keep.saturating_sub(kept.len());
            kept.extend_from_slice(chunk.get(..read.min(room)).unwrap_or_default());
        }
        let _ = sender.send(kept);
    });
    heard
}

/// `git` in the clean environment, with nothing on its standard input.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("git");
    command.env_clear().envs(inherited(&INHERITED)).envs(OWN).stdin(Stdio::null());
    command
}

/// How ids are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// What nearly every repository has.
    #[default]
    Sha1,
    /// `git init --object-format=sha256`.
    Sha256,
}

/// A commit to make: everything that its id follows from.
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// Short name of the branch that it goes on top of.
    pub branch: &'a str,
    /// Path -> new content; `None` deletes the file (or the directory).
    pub files: &'a [(&'a str, Option<&'a [u8]>)],
    /// Message.
    pub message: &'a str,
    /// Author's and committer's date, seconds since 1970, UTC.
    pub seconds: i64,
}

/// A bare repository on this machine that somebody else serves, pushes to and fetches from.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes a bare repository whose `HEAD` names `main`, which a smart-HTTP server may export and push to.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn init(path: &Path, format: Format) -> Result<Self, Error> {
        let mut init = command();
        init.args(["init", "--quiet", "--bare", "--initial-branch=main", "--template="]);
        if format == Format::Sha256 {
            init.arg("--object-format=sha256");
        }
        run(init.arg("--").arg(path), &[])?;
        let repository = Self::at(path);
        // Any commit may be asked for by its id, as the large providers allow; and what is pushed is served.
        for (key, value) in [("http.receivepack", "true"), ("uploadpack.allowAnySHA1InWant", "true"), ("gc.auto", "0")]
        {
            repository.git(["config", key, value])?;
        }
        Ok(repository)
    }

    /// A repository that is there.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a commit on top of its branch, which is made if it is not there, and answers its id. Whoever pushes in between
    /// is not overwritten: the commit goes on top of theirs.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<String, Error> {
        loop {
            let tip = self.tip(commit.branch)?;
            match self.import(commit, tip.as_deref(), false) {
                // Git has refused because the branch is not where it was read.
                Err(_) if self.tip(commit.branch)? != tip => {}
                answer => return answer,
            }
        }
    }

    /// Replaces the branch by a commit on top of `parent`, or by one without history: a force push.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn rewrite(&self, commit: &Commit<'_>, parent: Option<&str>) -> Result<String, Error> {
        self.import(commit, parent, true)
    }

    /// The commit that a branch is at.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn tip(&self, branch: &str) -> Result<Option<String>, Error> {
        let listed = self.git(["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{branch}")])?;
        Ok(listed.lines().next().map(str::to_owned))
    }

    /// Points a branch at a commit, whatever it was at before.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn set_branch(&self, branch: &str, commit: &str) -> Result<(), Error> {
        self.git(["update-ref", &format!("refs/heads/{branch}"), commit]).map(drop)
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn delete_branch(&self, branch: &str) -> Result<(), Error> {
        self.git(["update-ref", "-d", &format!("refs/heads/{branch}")]).map(drop)
    }

    /// `git push`: real client, real receive-pack. `refspecs` as Git has them: `main`, `+main` by force, `:topic` deletes.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn push(&self, url: &str, refspecs: &[&str]) -> Result<(), Error> {
        self.git(["push", "--quiet", "--", url].into_iter().chain(refspecs.iter().copied())).map(drop)
    }

    /// Runs `git` in the repository and answers its standard output.
    ///
    /// # Errors
    /// [`Error::Local`] with what `git` said.
    pub fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<String, Error> {
        let mut git = command();
        git.arg("--git-dir").arg(&self.path).args(arguments);
        let output = run(&mut git, &[])?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// One `git fast-import`: no index, no work tree, one process however many files.
    fn import(&self, commit: &Commit<'_>, parent: Option<&str>, force: bool) -> Result<String, Error> {
        const PERSON: &str = "Ada Lovelace <ada@example.com>";
        let mut head = String::new();
        let reference = format!("refs/heads/{}", commit.branch);
        // Writing to a `String` does not fail.
        let _ = writeln!(head, "commit {reference}\nmark :1");
        let _ = writeln!(head, "author {PERSON} {0} +0000\ncommitter {PERSON} {0} +0000", commit.seconds);
        let _ = writeln!(head, "data {}\n{}", commit.message.len(), commit.message);
        if let Some(parent) = parent {
            let _ = writeln!(head, "from {parent}");
        }
        // A branch that is rewritten without a parent must not take its old tip as one.
        let mut stream = if parent.is_none() { format!("reset {reference}\n\n{head}") } else { head }.into_bytes();
        for (path, content) in commit.files {
            match content {
                Some(content) => {
                    stream.extend_from_slice(format!("M 100644 inline {path}\ndata {}\n", content.len()).as_bytes());
                    stream.extend_from_slice(content);
                    stream.push(b'\n');
                }
                None => stream.extend_from_slice(format!("D {path}\n").as_bytes()),
            }
        }
        stream.extend_from_slice(b"\nget-mark :1\ndone\n");
        let mut import = command();
        import.arg("--git-dir").arg(&self.path).args(["fast-import", "--quiet", "--done"]);
        if force {
            import.arg("--force");
        }
        let answer = run(&mut import, &stream)?;
        Ok(String::from_utf8_lossy(&answer).trim().to_owned())
    }
}

/// Runs to the end and answers standard output.
fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, Error> {
    let said = |what: &str| Error::Local(format!("git: {what}"));
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| said(&format!("the program could not be started: {error}")))?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().map_err(|error| said(&error.to_string()))?;
    if !output.status.success() {
        return Err(said(String::from_utf8_lossy(&output.stderr).trim()));
    }
    written.map_err(|error| said(&error.to_string()))?;
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_inherits_a_few_names_and_nothing_else() {
        assert!(std::env::vars_os().count() > INHERITED.len() + CONFIGURED.len(), "there is something to keep back");
        let output = configured("env").output().unwrap();
        let names: Vec<&str> =
            std::str::from_utf8(&output.stdout).unwrap().lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.contains(&"PATH") && names.contains(&"LC_ALL"));
        for name in names {
            assert!(INHERITED.contains(&name) || CONFIGURED.contains(&name) || name == "LC_ALL", "{name}");
        }
    }
}
