//! `credentials`: how to authenticate, by name.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::Files;
use super::check::Section;
use super::report::{Report, Spot};

/// A checked credential.
#[derive(Debug, Clone)]
pub enum Credential {
    /// User and password (or token).
    Basic {
        /// User.
        username: String,
        /// Password.
        password: SecretString,
    },
    /// A token; which user name goes with it is the provider's convention.
    AccessToken(SecretString),
    /// A key.
    Ssh {
        /// User, `git` by default.
        user: String,
        /// Passphrase of the key.
        passphrase: Option<SecretString>,
        /// The key.
        key: KeySource,
        /// `insecure_ignore_host_key`.
        ignore_host_key: bool,
        /// The one file of host keys that counts; absent = those of the user that the process runs as, and the machine's.
        known_hosts: Option<PathBuf>,
    },
    /// A GitHub App installation.
    GithubApp {
        /// Client id.
        client_id: String,
        /// Installation.
        installation_id: u64,
        /// Private key of the app, PEM.
        key: KeySource,
        /// Base of the API; absent = github.com.
        api_url: Option<String>,
    },
}

/// A private key.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file.
    Path(PathBuf),
    /// Its text.
    Text(SecretString),
}

// Whether a reload changed them. Both sides are our own: nobody measures how long it takes.
impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &SecretString, two: &SecretString| one.expose_secret() == two.expose_secret();
        match (self, other) {
            (Self::Basic { username, password }, Self::Basic { username: other, password: theirs }) => {
                username == other && same(password, theirs)
            }
            (Self::AccessToken(token), Self::AccessToken(theirs)) => same(token, theirs),
            (
                Self::Ssh { user, passphrase, key, ignore_host_key, known_hosts },
                Self::Ssh {
                    user: their_user,
                    passphrase: their_passphrase,
                    key: their_key,
                    ignore_host_key: they_ignore,
                    known_hosts: they_know,
                },
            ) => {
                let phrase = passphrase.as_ref().map(ExposeSecret::expose_secret);
                phrase == their_passphrase.as_ref().map(ExposeSecret::expose_secret)
                    && (user, key, ignore_host_key, known_hosts) == (their_user, their_key, they_ignore, they_know)
            }
            (
                Self::GithubApp { client_id, installation_id, key, api_url },
                Self::GithubApp { client_id: their_id, installation_id: theirs, key: their_key, api_url: their_url },
            ) => (client_id, installation_id, key, api_url) == (their_id, theirs, their_key, their_url),
            _ => false,
        }
    }
}

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(path), Self::Path(other)) => path == other,
            (Self::Text(text), Self::Text(other)) => text.expose_secret() == other.expose_secret(),
            _ => false,
        }
    }
}

/// Every entry, usable or not, so that a reference to a broken one is not reported as missing.
pub(super) struct Credentials {
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    spot: Spot,
    credential: Option<Credential>,
    used: Cell<bool>,
}

impl Credentials {
    /// Reads the section.
    pub(super) fn read(entries: &[(String, Section)], files: &Files<'_>, report: &mut Report) -> Self {
        let entries = entries.iter().map(|(name, section)| Entry {
            name: name.clone(),
            spot: section.spot.clone(),
            credential: read(section, files, report),
            used: Cell::new(false),
        });
        Self { entries: entries.collect() }
    }

    /// What a key that names a credential means.
    pub(super) fn named(&self, section: &Section, key: &str, report: &mut Report) -> Option<Credential> {
        let name = section.text(key).filter(|name| !name.is_empty())?;
        let names = || self.entries.iter().map(|entry| entry.name.as_str());
        let spot = section.spot(key);
        let found = pick(names(), name, "credentials", &spot, report)?;
        let entry = self.entries.iter().find(|entry| entry.name == found)?;
        entry.used.set(true);
        entry.credential.clone()
    }

    /// Says which ones nothing refers to.
    pub(super) fn tell_unused(&self, report: &mut Report) {
        for entry in self.entries.iter().filter(|entry| !entry.used.get()) {
            report.warning(&entry.spot, "no storage and no environment uses this credential");
        }
    }
}

/// The entry that a reference means: the one of this name, else the one whose name differs by case alone.
pub(super) fn pick<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
    section: &str,
    spot: &Spot,
    report: &mut Report,
) -> Option<&'a str> {
    if let Some(name) = names.clone().find(|name| *name == wanted) {
        return Some(name);
    }
    if let Some(name) = names.clone().find(|name| name.eq_ignore_ascii_case(wanted)) {
        report.warning(
            spot,
            format!("`{wanted}` is read as `{name}`, which differs by case alone; write it the same in both places"),
        );
        return Some(name);
    }
    let near = super::keys::nearest(wanted, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    report.error(spot, format!("`{section}` has no entry `{wanted}`{near}"));
    None
}

fn read(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<Credential> {
    let Some(kind) = section.text("type") else {
        if !section.says("type") {
            report.error(&section.spot("type"), "a type is required: basic, ssh, access_token or github_app");
        }
        return None;
    };
    for other in ["access_token", "basic", "ssh", "github_app"] {
        if other != kind && section.says(other) {
            report.warning(&section.spot(other), format!("does not count, because the type is `{kind}`"));
        }
    }
    match kind {
        "access_token" => {
            let token = required(section, "access_token", report)?;
            Some(Credential::AccessToken(token))
        }
        "basic" => {
            let Some(basic) = section.section("basic") else {
                // Both empty is no authentication, as in Flipt.
                report.warning(&section.spot("basic"), "neither user nor password: requests go without authentication");
                return None;
            };
            let username = basic.text("username").unwrap_or_default();
            let password = basic.secret("password").map_or("", |p| p.expose_secret());
            match (username.is_empty(), password.is_empty()) {
                (false, false) => Some(Credential::Basic {
                    username: username.to_owned(),
                    password: SecretString::from(password.to_owned()),
                }),
                (true, true) if !basic.says("password") && !basic.says("username") => {
                    report.warning(&basic.spot, "neither user nor password: requests go without authentication");
                    None
                }
                (no_user, _) => {
                    for (missing, name) in [(no_user, "username"), (password.is_empty(), "password")] {
                        // A value that could not be read has been reported.
                        let unreadable = basic.says(name) && basic.text(name).is_none() && basic.secret(name).is_none();
                        if missing && !unreadable {
                            report.error(
                                &basic.spot(name),
                                "user and password are required together, neither of them empty",
                            );
                        }
                    }
                    None
                }
            }
        }
        "ssh" => {
            let Some(ssh) = section.section("ssh") else {
                report.error(&section.spot("ssh"), "a key is required: `ssh: {private_key_path: …}`");
                return None;
            };
            let ignore_host_key = ssh.flag("insecure_ignore_host_key");
            if ignore_host_key {
                report
                    .warning(&ssh.spot("insecure_ignore_host_key"), "any server can pass itself off as the Git server");
            }
            let user = ssh.text("user").filter(|user| !user.is_empty()).unwrap_or("git").to_owned();
            let passphrase = ssh.secret("password").filter(|p| !p.expose_secret().is_empty()).cloned();
            let known_hosts = ssh.text("known_hosts").filter(|path| !path.is_empty()).map(PathBuf::from);
            if known_hosts.is_some() && ignore_host_key {
                report.error(&ssh.spot("known_hosts"), "no host key is looked at with `insecure_ignore_host_key`");
            }
            // `ssh` takes it in quotation marks, and knows no way to write one inside of them.
            if known_hosts.as_ref().is_some_and(|path| path.to_string_lossy().contains(['"', '\n'])) {
                report.error(&ssh.spot("known_hosts"), "a path with quotation marks cannot be handed to `ssh`");
            }
            let key = key(ssh, files, report)?;
            Some(Credential::Ssh { user, passphrase, key, ignore_host_key, known_hosts })
        }
        _ => {
            let Some(app) = section.section("github_app") else {
                report.error(
                    &section.spot("github_app"),
                    "the app is required: client_id, installation_id and its private key",
                );
                return None;
            };
            let key = key(app, files, report);
            let client_id = app.text("client_id").filter(|id| !id.is_empty());
            if client_id.is_none() {
                report.error(&app.spot("client_id"), "a client id is required");
            }
            if !app.says("installation_id") {
                report.error(&app.spot("installation_id"), "the number of the installation is required");
            }
            let installation_id = app.integer("installation_id").and_then(|id| u64::try_from(id).ok());
            let api_url = app.text("api_url").filter(|url| !url.is_empty());
            if let Some(Err(message)) = api_url.map(super::environments::api_base) {
                report.error(&app.spot("api_url"), message);
            }
            Some(Credential::GithubApp {
                client_id: client_id?.to_owned(),
                installation_id: installation_id?,
                key: key?,
                api_url: api_url.map(|url| url.trim_end_matches('/').to_owned()),
            })
        }
    }
}

/// A secret that has to be there and not empty.
pub(super) fn required(section: &Section, key: &str, report: &mut Report) -> Option<SecretString> {
    match section.secret(key) {
        Some(secret) if !secret.expose_secret().trim().is_empty() => Some(secret.clone()),
        None if section.says(key) => None,
        _ => {
            report.error(&section.spot(key), "a value is required, and it may not be empty");
            None
        }
    }
}

fn key(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<KeySource> {
    let path = section.text("private_key_path").filter(|path| !path.is_empty());
    let text = section.secret("private_key_bytes").filter(|text| !text.expose_secret().is_empty());
    match (path, text) {
        (Some(path), None) => {
            let path = readable(path, section, "private_key_path", files, report).map(|(path, _)| path)?;
            Some(KeySource::Path(path))
        }
        (None, Some(text)) => Some(KeySource::Text(text.clone())),
        (Some(_), Some(_)) => {
            report
                .error(&section.spot("private_key_bytes"), "private_key_path and private_key_bytes exclude each other");
            None
        }
        (None, None) => {
            let broken = |key| section.says(key) && section.text(key).is_none() && section.secret(key).is_none();
            if !broken("private_key_path") && !broken("private_key_bytes") {
                report.error(
                    &section.spot("private_key_path"),
                    "a key is required: private_key_path or private_key_bytes",
                );
            }
            None
        }
    }
}

/// A file that has to be readable, with its content.
pub(super) fn readable(
    path: &str,
    section: &Section,
    key: &str,
    files: &Files<'_>,
    report: &mut Report,
) -> Option<(PathBuf, Vec<u8>)> {
    let spot = section.spot(key);
    if path.contains("-----BEGIN") {
        report.error(&spot, "this key takes the name of a file, not its content");
        return None;
    }
    match files(Path::new(path)) {
        Ok(content) => Some((PathBuf::from(path), content)),
        Err(e) => {
            report.error(&spot, format!("cannot read {path}: {}", e.kind()));
            None
        }
    }
}
