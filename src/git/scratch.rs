//! Secrets in files, for programs that take them in no other way: never as an argument, which everybody on the machine
//! may read, and never in the environment, which their children inherit.
//!
//! The directory is ours alone and goes with its owner. Its name says which process made it, by a number that no other
//! process has; so what a crash leaves is known from what is in use, and swept up at the next start.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use super::place::local;
use super::{Error, place};

/// What the names of such directories have behind that of their mirror.
pub(super) const SUFFIXES: [&str; 3] = ["ssh", "sign", "push"];

/// This process, among all that were here before; a process id may come again.
fn ours() -> &'static str {
    static OURS: OnceLock<String> = OnceLock::new();
    OURS.get_or_init(|| uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect())
}

/// Removes the directories that earlier processes have left, whose names begin with `prefix`, a path.
pub(super) fn sweep(prefix: &Path) -> Result<(), Error> {
    let name = format!("{}-", prefix.file_name().unwrap_or_default().to_string_lossy());
    for path in place::directories(prefix.parent().unwrap_or(Path::new(".")))? {
        let found = path.file_name().and_then(|found| found.to_str());
        if found.and_then(|found| found.strip_prefix(&name)).is_some_and(|rest| !rest.starts_with(ours())) {
            place::remove(&path)?;
        }
    }
    Ok(())
}

/// A directory that only we can read.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

impl Scratch {
    /// Makes one whose name begins with `prefix`, a path.
    pub(super) fn new(prefix: &Path) -> Result<Self, Error> {
        let parent = prefix.parent().unwrap_or(Path::new("."));
        let mut name = prefix.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{}-", ours()));
        let only_us = std::fs::Permissions::from_mode(0o700);
        let made = std::fs::create_dir_all(parent)
            .and_then(|()| tempfile::Builder::new().prefix(&name).permissions(only_us).tempdir_in(parent));
        made.map(Self).map_err(|error| local(parent, &error))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A secret in a file, with a line end behind it: `ssh` insists on that behind a key.
    pub(super) fn secret(&self, name: &str, secret: &SecretString) -> Result<PathBuf, Error> {
        let text = secret.expose_secret().trim_end_matches(['\r', '\n']);
        self.file(name, format!("{text}\n").as_bytes(), 0o600)
    }

    /// A program that answers a question for a passphrase.
    pub(super) fn askpass(&self, passphrase: &SecretString) -> Result<PathBuf, Error> {
        let file = self.secret("passphrase", passphrase)?;
        let script = format!("#!/bin/sh\nexec cat {}\n", quoted(&file.to_string_lossy()));
        self.file("askpass", script.as_bytes(), 0o700)
    }

    pub(super) fn file(&self, name: &str, content: &[u8], mode: u32) -> Result<PathBuf, Error> {
        let path = self.path().join(name);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(content));
        written.map_err(|error| local(&path, &error))?;
        Ok(path)
    }
}

/// One word for a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
