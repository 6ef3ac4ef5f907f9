//! The `ssh` program: what it is told, and what it says when it fails.
//!
//! Every option that decides whom we trust is given explicitly; nothing secret is an argument. A key that the
//! configuration holds as text, and the passphrase of one, are files of our own that only we can read, for as long as
//! the conversation lasts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::{Credential, KeySource};
use crate::git::Error;
use crate::git::scratch::{Scratch, quoted};
use crate::limits;

/// What sends objects.
pub(super) const UPLOAD: &str = "git-upload-pack";
/// What takes them.
pub(super) const RECEIVE: &str = "git-receive-pack";

/// Where on which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::git) struct Place {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Place {
    pub(super) fn of(url: &gix::url::Url) -> Result<Self, Error> {
        let odd = |why: &str| Error::Local(format!("the remote's URL: {why}"));
        if url.password().is_some() {
            return Err(odd("it must not carry a password"));
        }
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let user = url.user().map(str::to_owned);
        let path = url.path.to_string();
        // `ssh://host/~ada/flags` means a home directory, as Git reads it.
        let path = path.strip_prefix("/~").map(|home| format!("~{home}")).unwrap_or(path);
        let plain = |text: &str| !text.starts_with('-') && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if host.is_empty() || !plain(&host) || !user.as_deref().is_none_or(|user| plain(user) && !user.contains('@')) {
            return Err(odd("its host or user is none"));
        }
        if path.is_empty() || path.starts_with('-') || path.contains(['\0', '\n', '\r']) {
            return Err(odd("its path is none"));
        }
        Ok(Self { user, host, port: url.port, path })
    }

    /// `ssh`, ready to run a program of Git's there: `git-upload-pack`, of the newest protocol, or `git-receive-pack`,
    /// which has but one.
    pub(super) fn command(&self, login: &Login, program: &str) -> Command {
        let mut ssh = crate::git::program::configured("ssh");
        if program == UPLOAD {
            ssh.env("GIT_PROTOCOL", "version=2").args(["-o", "SendEnv=GIT_PROTOCOL"]);
        }
        login.options(&mut ssh);
        if let Some(port) = self.port {
            ssh.args(["-p", &port.to_string()]);
        }
        let user = self.user.as_deref().or(login.user.as_deref()).unwrap_or("git");
        ssh.arg("--").arg(format!("{user}@{}", self.host)).arg(format!("{program} {}", quoted(&self.path)));
        ssh
    }

    /// Has a `git` program start `ssh` so; where and what it adds by itself.
    pub(super) fn lend(&self, login: &Login, git: &mut Command) {
        let mut ssh = Command::new("ssh");
        login.options(&mut ssh);
        if self.user.is_none() {
            ssh.args(["-l", login.user.as_deref().unwrap_or("git")]);
        }
        let words = ssh.get_args().map(|word| quoted(&word.to_string_lossy()));
        let line = std::iter::once("ssh".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        git.env("GIT_SSH_COMMAND", line).env("GIT_SSH_VARIANT", "ssh");
        git.envs(ssh.get_envs().filter_map(|(name, value)| Some((name, value?))));
    }
}

/// Who we are there. The files that it needs are gone when it is.
#[derive(Debug, Default)]
pub(in crate::git) struct Login {
    user: Option<String>,
    key: Option<PathBuf>,
    askpass: Option<PathBuf>,
    ignore_host_key: bool,
    known_hosts: Option<PathBuf>,
    files: Option<Scratch>,
}

impl Login {
    /// Every option that decides whom we trust and who we are.
    fn options(&self, ssh: &mut Command) {
        ssh.args(["-T", "-x"]);
        let seconds = limits::GIT_CONNECT_DEADLINE.as_secs();
        ssh.args(["-o", &format!("ConnectTimeout={seconds}"), "-o", "ConnectionAttempts=1"]);
        ssh.args(["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=2"]);
        ssh.args(["-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no"]);
        ssh.args(["-o", "ForwardAgent=no", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"]);
        if self.ignore_host_key {
            ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        } else {
            ssh.args(["-o", "StrictHostKeyChecking=yes"]);
            if let Some(file) = &self.known_hosts {
                // Percent signs are `ssh`'s own variables.
                let file = file.to_string_lossy().replace('%', "%%");
                ssh.args(["-o", &format!("UserKnownHostsFile=\"{file}\""), "-o", "GlobalKnownHostsFile=/dev/null"]);
            }
        }
        if let Some(key) = &self.key {
            ssh.args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-i"]).arg(key);
        }
        match &self.askpass {
            // Asks exactly once; a wrong passphrase then fails instead of being asked for again.
            Some(askpass) => ssh
                .args(["-o", "NumberOfPasswordPrompts=1"])
                .env("SSH_ASKPASS", askpass)
                .env("SSH_ASKPASS_REQUIRE", "force")
                .env("DISPLAY", ":0"),
            None => ssh.args(["-o", "BatchMode=yes"]),
        };
    }
}

impl Login {
    /// Without a credential, `ssh` uses what it finds configured for the user that we run as. The names of what is made
    /// begin with `scratch`.
    pub(super) fn prepare(credential: Option<&Credential>, scratch: &Path) -> Result<Self, Error> {
        let Some(credential) = credential else { return Ok(Self::default()) };
        let Credential::Ssh { user, passphrase, key, ignore_host_key, known_hosts } = credential else {
            return Err(Error::Local("the remote is reached over ssh, but its credential is no ssh key".to_owned()));
        };
        let mut login = Self {
            user: Some(user.clone()),
            ignore_host_key: *ignore_host_key,
            known_hosts: known_hosts.clone(),
            ..Self::default()
        };
        let files = match (passphrase, key) {
            (None, KeySource::Path(_)) => None,
            _ => Some(Scratch::new(scratch)?),
        };
        login.key = match (key, &files) {
            (KeySource::Text(text), Some(files)) => Some(files.secret("key", text)?),
            (KeySource::Path(path), _) => Some(path.clone()),
            (KeySource::Text(_), None) => None,
        };
        if let (Some(passphrase), Some(files)) = (passphrase, &files) {
            login.askpass = Some(files.askpass(passphrase)?);
        }
        login.files = files;
        Ok(login)
    }
}

/// What `ssh`, or the Git program behind it, said on its standard error.
pub(super) fn explain(said: &str) -> Error {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let has = |words: &[&str]| {
        let found = |line: &&str| {
            let line = line.to_ascii_lowercase();
            words.iter().any(|word| line.contains(word))
        };
        lines().find(found).map(str::to_owned)
    };
    if let Some(line) =
        has(&["host key verification failed", "remote host identification has changed", "no matching host key"])
    {
        return Error::Local(format!("ssh: {line} Its host key must be in known_hosts"));
    }
    if let Some(line) = has(&["dubious ownership"]) {
        // Git's own advice follows over several lines; it is for the user that we run as.
        let advice = "git config --system --add safe.directory <path> lets Git read what belongs to another user";
        return Error::Local(format!("{line}; {advice}"));
    }
    if let Some(line) = has(&[
        "permission denied",
        "too many authentication failures",
        "error in libcrypto",
        "invalid format",
        "incorrect passphrase",
        "access denied",
    ]) {
        return Error::Refused(line);
    }
    if let Some(line) = has(&[
        "not appear to be a git repository",
        "not a git repository",
        "repository not found",
        "does not exist",
        "no such project",
        "could not be found",
    ]) {
        return Error::NotFound(line);
    }
    Error::Unreachable(lines().next_back().unwrap_or("the program ended without a word").to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn place(url: &str) -> Result<Place, Error> {
        Place::of(&gix::url::parse(gix::bstr::BStr::new(url)).unwrap())
    }

    fn arguments(command: &Command) -> Vec<String> {
        command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn both_forms_of_a_url_name_the_same_place() {
        let long = place("ssh://git@git.example.com:7999/team/flags.git").unwrap();
        let line = arguments(&long.command(&Login::default(), UPLOAD));
        assert_eq!(
            &line[line.len() - 5..],
            ["-p", "7999", "--", "git@git.example.com", "git-upload-pack '/team/flags.git'"]
        );
        let short = place("ada@git.example.com:team/flags.git").unwrap();
        let line = arguments(&short.command(&Login::default(), UPLOAD));
        assert_eq!(&line[line.len() - 3..], ["--", "ada@git.example.com", "git-upload-pack 'team/flags.git'"]);
        let home = place("ssh://git.example.com/~/it's.git").unwrap();
        let line = arguments(&home.command(&Login::default(), UPLOAD));
        assert_eq!(line.last().unwrap(), r"git-upload-pack '~/it'\''s.git'");
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_refused() {
        for url in ["ssh://-oProxyCommand=touch/x", "ssh://-l@host/x", "ssh://a:secret@host/x", "host:-x"] {
            if let Ok(parsed) = gix::url::parse(gix::bstr::BStr::new(url)) {
                let refused = Place::of(&parsed);
                assert!(matches!(refused, Err(Error::Local(ref why)) if !why.contains("secret")), "{url}: {refused:?}");
            }
        }
    }

    #[test]
    fn secrets_are_in_files_of_our_own_and_not_in_the_arguments() {
        let scratch = tempfile::tempdir().unwrap();
        let credential = Credential::Ssh {
            user: "git".to_owned(),
            passphrase: Some("open sesame".to_owned().into()),
            key: KeySource::Text("-----BEGIN KEY-----\nsecret\n-----END KEY-----".to_owned().into()),
            ignore_host_key: false,
            known_hosts: Some("/keys of hosts/100%".into()),
        };
        let login = Login::prepare(Some(&credential), &scratch.path().join("flags.ssh")).unwrap();
        let command = place("ssh://git.example.com/flags.git").unwrap().command(&login, UPLOAD);
        let line = format!("{:?} {:?}", arguments(&command), command.get_envs().collect::<Vec<_>>());
        assert!(!line.contains("secret") && !line.contains("sesame"), "{line}");
        assert!(line.contains("StrictHostKeyChecking=yes") && line.contains("IdentitiesOnly=yes"), "{line}");
        assert!(!line.contains("BatchMode"), "a passphrase could not be asked for: {line}");
        let known = r#"UserKnownHostsFile="/keys of hosts/100%%""#;
        assert!(arguments(&command).iter().any(|argument| argument == known), "{line}");
        assert!(line.contains("GlobalKnownHostsFile=/dev/null"), "{line}");
        assert!(!format!("{login:?}").contains("sesame"));

        let directory = login.files.as_ref().unwrap().path().to_owned();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!((mode(&directory.join("key")), mode(&directory.join("passphrase"))), (0o600, 0o600));
        assert!(std::fs::read_to_string(directory.join("key")).unwrap().ends_with("-----END KEY-----\n"));
        let asked = Command::new(login.askpass.as_ref().unwrap()).output().unwrap();
        assert_eq!(asked.stdout, b"open sesame\n");
        drop(login);
        assert!(!directory.exists());
    }

    #[test]
    fn a_host_key_is_taken_blindly_only_when_told() {
        let scratch = tempfile::tempdir().unwrap();
        let credential = Credential::Ssh {
            user: "flags".to_owned(),
            passphrase: None,
            key: KeySource::Path("/keys/flags".into()),
            ignore_host_key: true,
            known_hosts: None,
        };
        let login = Login::prepare(Some(&credential), &scratch.path().join("flags.ssh")).unwrap();
        let line = arguments(&place("ssh://git.example.com/flags.git").unwrap().command(&login, UPLOAD)).join(" ");
        assert!(line.contains("StrictHostKeyChecking=no") && line.contains("UserKnownHostsFile=/dev/null"), "{line}");
        assert!(line.contains("-i /keys/flags") && line.contains("BatchMode=yes"), "{line}");
        assert!(line.contains("flags@git.example.com"), "{line}");
        let wrong = Credential::AccessToken("t".to_owned().into());
        assert!(matches!(Login::prepare(Some(&wrong), &scratch.path().join("flags.ssh")), Err(Error::Local(_))));
    }

    #[test]
    fn what_ssh_says_has_a_class() {
        let classes = [
            ("git@github.com: Permission denied (publickey).", "refused"),
            ("Load key \"/x\": error in libcrypto\r\ngit@h: Permission denied (publickey).", "refused"),
            ("No ED25519 host key is known for h\nHost key verification failed.", "local"),
            (
                "fatal: detected dubious ownership in repository at '/x'\nTo add an exception, call:\n\tgit config",
                "local",
            ),
            ("ssh: connect to host h port 22: Connection refused", "unreachable"),
            ("ssh: Could not resolve hostname h: Name or service not known", "unreachable"),
            ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "missing"),
            ("fatal: '/x' does not appear to be a git repository", "missing"),
            ("", "unreachable"),
        ];
        for (said, class) in classes {
            let found = match explain(said) {
                Error::Refused(_) => "refused",
                Error::Local(_) => "local",
                Error::Unreachable(_) => "unreachable",
                Error::NotFound(_) => "missing",
                _ => "another",
            };
            assert_eq!(found, class, "{said}");
        }
    }
}
