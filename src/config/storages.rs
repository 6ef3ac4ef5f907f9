//! `storage`: one Git repository each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::check::Section;
use super::credentials::{Credentials, readable};
use super::duration::show;
use super::place::Remote;
use super::report::Report;
use super::{Credential, FetchPolicy, Files, PushWith, Storage, signature};
use crate::limits;

/// A storage before its webhook is known, which needs the environments.
pub(super) struct Draft {
    pub(super) storage: Storage,
    /// Its remote, taken apart.
    pub(super) place: Option<Remote>,
    /// It has one that could not be read, which has been reported: nothing follows from its absence.
    pub(super) unreadable: bool,
}

/// Reads one entry.
pub(super) fn read(
    name: &str,
    section: &Section,
    credentials: &Credentials,
    files: &Files<'_>,
    report: &mut Report,
) -> Draft {
    check_name(name, section, report);
    let named = credentials.named(section, "credentials", report);
    let (remote, place, credential) = remote(section, named, report);
    let credential = credential.filter(|_| remote.is_some());
    let in_clear =
        place.as_ref().filter(|place| place.scheme == "http" && !place.is_loopback() && credential.is_some());
    if let Some(place) = in_clear {
        report
            .warning(&section.spot("remote"), format!("the credential travels to {} in clear; use https", place.host));
    }
    if matches!((&place, &credential), (Some(place), Some(Credential::Ssh { .. })) if place.scheme == "file") {
        report.warning(&section.spot("credentials"), "a repository on this disk needs no credential");
    }
    let (poll_interval, poll_ceiling) = polling(section, report);
    let insecure_skip_tls = section.flag("insecure_skip_tls");
    if insecure_skip_tls {
        report.warning(
            &section.spot("insecure_skip_tls"),
            "any server can pass itself off as the Git server; give ca_cert_path instead",
        );
    }
    let storage = Storage {
        name: Arc::from(name),
        remote,
        branch: Arc::from(branch(section, report)),
        poll_interval,
        poll_ceiling,
        credential,
        ca_certificate: authority(section, files, report),
        insecure_skip_tls,
        fetch_policy: match section.text("fetch_policy") {
            Some("lenient") => FetchPolicy::Lenient,
            _ => FetchPolicy::Strict,
        },
        path: backend(section, report),
        signature: signature::read(section.section("signature"), files, report),
        push_with: if section.text("push_with") == Some("git") { PushWith::Git } else { PushWith::Builtin },
        webhook: None,
    };
    let unreadable =
        place.is_none() && section.says("remote") && section.text("remote").is_none_or(|text| !text.trim().is_empty());
    Draft { storage, place, unreadable }
}

/// What counts where the file has no storage at all: one in memory.
pub(super) fn in_memory(name: &str) -> Draft {
    let storage = Storage {
        name: Arc::from(name),
        remote: None,
        branch: Arc::from("main"),
        poll_interval: limits::POLL_INTERVAL,
        poll_ceiling: limits::POLL_CEILING,
        credential: None,
        ca_certificate: None,
        insecure_skip_tls: false,
        fetch_policy: FetchPolicy::Strict,
        path: None,
        signature: signature::usual(),
        push_with: PushWith::Builtin,
        webhook: None,
    };
    Draft { storage, place: None, unreadable: false }
}

/// A name becomes a segment of a URL and a directory on disk.
fn check_name(name: &str, section: &Section, report: &mut Report) {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty()
        || name.starts_with('.')
        || name.chars().count() > limits::NAME_CHARACTERS
        || !name.chars().all(fits)
    {
        report.error(&section.spot, "a storage is named by letters, digits, `-`, `_` and `.`, and not first by a dot: its name is part of a URL and of a file name");
    }
}

fn remote(
    section: &Section,
    named: Option<Credential>,
    report: &mut Report,
) -> (Option<String>, Option<Remote>, Option<Credential>) {
    let spot = section.spot("remote");
    let Some(text) = section.text("remote").map(str::trim).filter(|text| !text.is_empty()) else {
        if named.is_some() && !section.says("remote") {
            report.warning(&section.spot("credentials"), "a storage without `remote` uses no credential");
        }
        return (None, None, None);
    };
    let (text, credential) = without_userinfo(text, named, section, report);
    // As in Flipt: an ssh credential turns every spelling of the place into one of ssh.
    if let Some(Credential::Ssh { user, .. }) = &credential {
        return match over_ssh(&text, user) {
            Ok((url, place)) => {
                if url != text {
                    report.warning(&spot, format!("reached as {url}, because the credential is an ssh key"));
                }
                (Some(url), Some(place), credential)
            }
            Err(message) => {
                report.error(&spot, message);
                (None, None, credential)
            }
        };
    }
    match Remote::read(&text) {
        Ok(place) => {
            if place.scheme == "ssh" && credential.is_some() {
                report.error(&section.spot("credentials"), "a remote of ssh takes a credential of type `ssh`");
            }
            (Some(text), Some(place), credential)
        }
        Err(message) => {
            report.error(&spot, message);
            (None, None, credential)
        }
    }
}

/// Takes userinfo out of a URL. A secret that stands in a URL ends in logs, process lists and error messages.
fn without_userinfo(
    text: &str,
    named: Option<Credential>,
    section: &Section,
    report: &mut Report,
) -> (String, Option<Credential>) {
    let Ok(mut url) = Url::parse(text) else { return (text.to_owned(), named) };
    let ssh = url.scheme().contains("ssh");
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decode(url.username()), url.password().map(decode));
    if (user.is_empty() || ssh) && password.is_none() {
        return (text.to_owned(), named);
    }
    let spot = section.spot("remote");
    let kept = if ssh { user.clone() } else { String::new() };
    if url.set_username(&kept).is_err() || url.set_password(None).is_err() {
        report.error(&spot, "this URL cannot hold a user name");
        return (String::new(), named);
    }
    let password = password.filter(|password| !password.is_empty());
    let (credential, said) = match (named, password) {
        (Some(named), _) => {
            (Some(named), "the user and password in this URL do not count, because `credentials` is given; remove them")
        }
        (None, _) if ssh => (None, "ssh takes no password in a URL; use a credential of type `ssh`"),
        (None, Some(password)) if user.is_empty() => (
            Some(Credential::AccessToken(SecretString::from(password))),
            "the token in this URL is used as a credential; move it to `credentials`",
        ),
        (None, Some(password)) => (
            Some(Credential::Basic { username: user, password: SecretString::from(password) }),
            "the user and password in this URL are used as a credential; move them to `credentials`",
        ),
        (None, None) if looks_like_token(&user) => (
            Some(Credential::AccessToken(SecretString::from(user))),
            "the token in this URL is used as a credential; move it to `credentials`",
        ),
        (None, None) => (None, "the user in this URL does not count without a password; give `credentials`"),
    };
    report.warning(&spot, said);
    (url.to_string(), credential)
}

/// A user name without a password is a token where it is as long as one; clone URLs of Azure and Bitbucket carry short
/// names there.
fn looks_like_token(user: &str) -> bool {
    user.len() >= 20 && user.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
}

fn over_ssh(text: &str, user: &str) -> Result<(String, Remote), String> {
    let web = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let bare = !text.contains("://") && !text.contains(':') && !text.starts_with('/');
    let text = match web {
        // The port of a web server is not that of ssh.
        Some(_) => {
            let place = Remote::read(text)?;
            format!("ssh://{user}@{}/{}", place.host, place.path)
        }
        None if bare => match text.split_once('/') {
            Some((host, path)) if !host.is_empty() && !path.is_empty() => format!("ssh://{user}@{host}/{path}"),
            _ => return Err("neither a URL nor host/path".to_owned()),
        },
        None => text.to_owned(),
    };
    let place = Remote::read(&text)?;
    if place.scheme != "ssh" {
        return Ok((text, place));
    }
    match &place.user {
        Some(other) if other != user => Err(format!("the URL says user `{other}`, the credential says `{user}`")),
        Some(_) => Ok((text, place)),
        None => {
            let text = match text.split_once("://") {
                Some((scheme, rest)) => format!("{scheme}://{user}@{rest}"),
                None => format!("{user}@{text}"),
            };
            Ok((text, Remote { user: Some(user.to_owned()), ..place }))
        }
    }
}

fn branch(section: &Section, report: &mut Report) -> String {
    let spot = section.spot("branch");
    let Some(branch) = section.text("branch") else { return "main".to_owned() };
    if let Some(short) = branch.strip_prefix("refs/heads/") {
        report.error(&spot, format!("write the short name of the branch: {short}"));
    } else if !is_branch_name(branch) {
        report.error(&spot, "Git takes no such name for a branch");
    }
    branch.to_owned()
}

/// Git's rules for the name of a branch (`git check-ref-format --branch`).
fn is_branch_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\' | '\u{7f}');
    let component = |s: &str| !s.is_empty() && !s.starts_with('.') && s.strip_suffix(".lock").is_none();
    name.split('/').all(component)
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name != "HEAD"
        && !name.contains(forbidden)
}

fn polling(section: &Section, report: &mut Report) -> (Duration, Duration) {
    let interval = section.duration("poll_interval").unwrap_or(limits::POLL_INTERVAL);
    let spot = section.spot("poll_interval");
    if interval < limits::POLL_INTERVAL_MIN {
        report.error(&spot, "the poll interval is at least 1s");
    } else if interval > limits::POLL_INTERVAL_MAX {
        report.error(&spot, format!("the poll interval is at most {}", show(limits::POLL_INTERVAL_MAX)));
    }
    let usual = interval.saturating_mul(limits::POLL_CEILING_FACTOR).min(limits::POLL_CEILING).max(interval);
    let ceiling = section.duration("poll_ceiling").unwrap_or(usual);
    let spot = section.spot("poll_ceiling");
    if ceiling < interval {
        report.error(&spot, format!("the ceiling is not below the poll interval, which is {}", show(interval)));
    } else if section.says("poll_ceiling") && ceiling > limits::POLL_INTERVAL_MAX {
        report.error(&spot, format!("the ceiling is at most {}", show(limits::POLL_INTERVAL_MAX)));
    }
    (interval, ceiling)
}

fn authority(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<Vec<u8>> {
    let path = section.text("ca_cert_path").filter(|path| !path.is_empty());
    let text = section.text("ca_cert_bytes").filter(|text| !text.is_empty());
    let (key, content) = match (path, text) {
        (Some(_), Some(_)) => {
            report.error(&section.spot("ca_cert_bytes"), "ca_cert_path and ca_cert_bytes exclude each other");
            return None;
        }
        (Some(path), None) => ("ca_cert_path", readable(path, section, "ca_cert_path", files, report)?.1),
        (None, Some(text)) => ("ca_cert_bytes", text.as_bytes().to_vec()),
        (None, None) => return None,
    };
    if !String::from_utf8_lossy(&content).contains("-----BEGIN CERTIFICATE-----") {
        report.error(&section.spot(key), "there is no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        return None;
    }
    Some(content)
}

fn backend(section: &Section, report: &mut Report) -> Option<PathBuf> {
    let backend = section.section("backend")?;
    let path = backend.text("path").filter(|path| !path.is_empty());
    match (backend.text("type"), path) {
        (Some("local"), Some(path)) => Some(PathBuf::from(path)),
        (Some("local"), None) => {
            report.warning(
                &backend.spot("path"),
                "a local backend without `path` lives in the directory that Yardarm is started in",
            );
            Some(PathBuf::from("."))
        }
        (_, Some(_)) => {
            report.warning(&backend.spot("path"), "does not count, because the type of the backend is `memory`");
            None
        }
        (_, None) => None,
    }
}
