//! Signatures of commits, made by the programs that verify them: `ssh-keygen` and `gpg`.
//!
//! The key is in a directory of our own for as long as the signer is: an agent that has to be started and told the key
//! for each commit takes a quarter of a second each time. `gpg` gets a home of its own there, so that neither the keys
//! nor the configuration of whoever runs us matter, and asks nobody for anything. With the signer its files and its
//! agent go; what a crash leaves is swept up at the next start.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret as _, SecretString};

use super::mirror::lock;
use super::scratch::Scratch;
use super::transport::Patience;
use super::{Error, program, scratch};
use crate::config::{KeySource, Signing, SigningKind};
use crate::limits;

/// Signs commits.
pub struct Signer {
    signing: Signing,
    beside: PathBuf,
    /// Made when the first commit is signed.
    home: Mutex<Option<Home>>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kind", &self.signing.kind).finish_non_exhaustive()
    }
}

/// Where the key is.
struct Home {
    files: Scratch,
    key: Option<PathBuf>,
    askpass: Option<PathBuf>,
    passphrase: Option<PathBuf>,
    has_agent: bool,
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.has_agent {
            let mut kill = program::plain("gpgconf");
            kill.arg("--homedir").arg(self.files.path()).args(["--kill", "gpg-agent"]);
            // An agent whose home is gone ends by itself; this is sooner.
            let _ = program::run_within(&mut kill, Vec::new(), &patience());
        }
    }
}

fn patience() -> Patience {
    Patience::new(limits::GIT_SIGN_DEADLINE, &Arc::default())
}

impl Signer {
    /// Signs as it is configured. What is needed for it is kept beside `mirror`, the directory of the storage's mirror.
    #[must_use]
    pub fn new(signing: Signing, mirror: &Path) -> Self {
        let beside = super::place::beside(mirror, "sign");
        // What cannot be removed is in nobody's way.
        let _ = scratch::sweep(&beside);
        Self { signing, beside, home: Mutex::default() }
    }

    /// The signature of these bytes, in the form that a commit carries.
    pub(super) fn sign(&self, payload: &[u8]) -> Result<String, Error> {
        let mut home = lock(&self.home);
        // Somebody may have tidied up the directory of temporary files.
        if home.as_ref().is_none_or(|home| !home.files.path().is_dir()) {
            *home = Some(self.move_in()?);
        }
        let Some(ready) = home.as_ref() else { return Err(cannot("there is no key")) };
        let mut command = match self.signing.kind {
            SigningKind::Ssh => ssh(ready),
            SigningKind::Gpg => {
                let mut gpg = gpg(ready);
                if let Some(file) = &ready.passphrase {
                    gpg.arg("--passphrase-file").arg(file);
                }
                if let Some(id) = &self.signing.key_id {
                    gpg.arg(format!("--local-user={id}"));
                }
                gpg.args(["--armor", "--detach-sign", "--output", "-"]);
                gpg
            }
        };
        let ended = program::run_within(&mut command, payload.to_vec(), &patience()).map_err(cannot)?;
        let signature = String::from_utf8(ended.out).unwrap_or_default();
        if !ended.ok || !signature.starts_with("-----BEGIN ") {
            return Err(cannot(last_line(&ended.said)));
        }
        Ok(signature)
    }

    fn move_in(&self) -> Result<Home, Error> {
        let long = self.beside.as_os_str().len() > limits::GIT_SIGN_PATH_BYTES;
        let place = if long && self.signing.kind == SigningKind::Gpg {
            std::env::temp_dir().join("yardarm.sign")
        } else {
            self.beside.clone()
        };
        let files = Scratch::new(&place)?;
        let mut home = Home { files, key: None, askpass: None, passphrase: None, has_agent: false };
        match self.signing.kind {
            SigningKind::Ssh => {
                home.key = Some(match &self.signing.key {
                    KeySource::Path(path) => path.clone(),
                    KeySource::Text(text) => home.files.secret("key", text)?,
                });
                home.askpass = match &self.signing.passphrase {
                    Some(passphrase) => Some(home.files.askpass(passphrase)?),
                    None => None,
                };
            }
            SigningKind::Gpg => {
                home.passphrase = match &self.signing.passphrase {
                    Some(passphrase) => Some(home.files.secret("passphrase", passphrase)?),
                    None => None,
                };
                home.has_agent = true;
                let key = self.key_text()?;
                let mut import = gpg(&home);
                import.arg("--import");
                let key = key.expose_secret().as_bytes().to_vec();
                let ended = program::run_within(&mut import, key, &patience()).map_err(cannot)?;
                if !ended.ok {
                    return Err(cannot(last_line(&ended.said)));
                }
            }
        }
        Ok(home)
    }

    fn key_text(&self) -> Result<SecretString, Error> {
        match &self.signing.key {
            KeySource::Text(text) => Ok(text.clone()),
            KeySource::Path(path) => {
                let odd = |why: &dyn fmt::Display| cannot(format!("{}: {why}", path.display()));
                let size = path.metadata().map_err(|error| odd(&error))?.len();
                if size > limits::REFERRED_FILE_BYTES {
                    return Err(odd(&"it is too large to be a key"));
                }
                // A key that is not in the form of text, as `gpg --export-secret-keys` writes it without `--armor`, is none
                // that a configuration could hold either.
                let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::InvalidData => odd(&"it is no text; export it with --armor"),
                    _ => odd(&error),
                })?;
                Ok(text.into())
            }
        }
    }
}

fn ssh(home: &Home) -> Command {
    let mut ssh = program::plain("ssh-keygen");
    ssh.args(["-Y", "sign", "-n", "git", "-f"]).arg(home.key.as_deref().unwrap_or(Path::new("")));
    // Without a passphrase a key that has one is an error and no question to whoever started us.
    let askpass = home.askpass.as_deref().unwrap_or(Path::new("false"));
    ssh.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":0");
    ssh
}

fn gpg(home: &Home) -> Command {
    let mut gpg = program::plain("gpg");
    gpg.arg("--homedir").arg(home.files.path());
    gpg.args(["--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback"]);
    gpg
}

fn cannot(why: impl fmt::Display) -> Error {
    Error::Local(format!("the commit cannot be signed: {why}"))
}

/// The end of what a program said; before it are only warnings.
fn last_line(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line: String =
        line.unwrap_or("the program said nothing").chars().filter(|c| !c.is_control()).take(200).collect();
    line
}
