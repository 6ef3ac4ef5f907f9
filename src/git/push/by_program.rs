//! The same push by the `git` program: the way out for servers that want something which only it can.
//!
//! `--force-with-lease` has it compare the branch with the old id, and the server compares it again. The credential is
//! in a file that only we can read; a credential helper, which Git asks for this one origin and no other, prints it:
//! nothing of it is an argument, in the environment or in a URL. What the operator has configured for Git counts
//! otherwise: a proxy, authorities. Git tells less than a protocol does, so more failures are of unknown outcome.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::rejection::{Complaint, explain};
use super::{Checked, PushError};
use crate::clock::{Clock as _, System};
use crate::git::mirror::lock;
use crate::git::program::{self, Ended};
use crate::git::scratch::{Scratch, quoted};
use crate::git::transport::{Address, Patience, explain_program, ssh_for_git};
use crate::git::{Error, Mirror, Remote, place};

/// What Git holds in memory of a request before it sends it in pieces, which some servers do not take.
const POST_BUFFER: &str = "16777216";

pub(super) fn push(
    mirror: &Mirror,
    address: &Address,
    remote: &Remote,
    push: &Checked,
    patience: &Patience,
) -> Result<(), PushError> {
    let mut git = program::configured("git");
    git.env("GIT_TERMINAL_PROMPT", "0");
    let mut settings: Vec<(String, String)> = [
        ("core.hooksPath", "/dev/null"),
        ("core.askPass", ""),
        ("credential.helper", ""),
        ("http.postBuffer", POST_BUFFER),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    // Held until Git has ended.
    let mut files = None;
    let mut login = None;
    match address {
        Address::Http(url) => {
            let authorization = {
                let mut pool = lock(&mirror.pushing);
                pool.start(url, remote, patience, System.now())?.authorization()
            };
            let scratch = Scratch::new(&place::beside(&mirror.directory, "push"))?;
            if let Some((user, password)) = authorization.and_then(|basic| pair(&basic)) {
                let text = format!("username={user}\npassword={}\n", password.expose_secret());
                let file = scratch.file("credential", text.as_bytes(), 0o600)?;
                let script = format!("#!/bin/sh\n[ \"$1\" != get ] || exec cat {}\n", quoted(&file.to_string_lossy()));
                let helper = scratch.file("helper", script.as_bytes(), 0o700)?;
                let origin = url.origin().ascii_serialization();
                let helper = format!("!{}", quoted(&helper.to_string_lossy()));
                settings.push((format!("credential.{origin}.helper"), helper));
            }
            if let Some(authority) = &remote.ca_certificate {
                let file = scratch.file("authority", authority, 0o600)?;
                settings.push(("http.sslCAInfo".to_owned(), file.to_string_lossy().into_owned()));
            }
            if remote.insecure_skip_tls {
                settings.push(("http.sslVerify".to_owned(), "false".to_owned()));
            }
            files = Some(scratch);
        }
        Address::Ssh(place) => {
            let scratch = place::beside(&mirror.directory, "ssh");
            login = Some(ssh_for_git(place, remote.credential.as_ref(), &scratch, &mut git)?);
        }
        Address::Path(_) => {}
    }
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    program::set(&mut git, &settings);
    arguments(&mut git, remote, push);
    let ended = program::run_within(&mut git, Vec::new(), patience);
    drop((files, login));
    match ended {
        Ok(ended) => outcome(&ended, push),
        // It may have been at any point.
        Err(error @ (Error::Deadline(_) | Error::Stopped)) => Err(PushError::Unknown(error)),
        Err(error) => Err(PushError::Failed(error)),
    }
}

fn arguments(git: &mut Command, remote: &Remote, push: &Checked) {
    let hex = |id: Option<gix::ObjectId>| id.map(|id| id.to_string()).unwrap_or_default();
    let reference = &push.reference;
    git.arg("--git-dir").arg(push.repository.git_dir());
    git.args(["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"]);
    git.arg(format!("--force-with-lease={reference}:{}", hex(push.old)));
    git.args(["--", &remote.url]).arg(format!("{}:{reference}", hex(push.new)));
}

/// User and password of a header for Basic authentication.
fn pair(header: &SecretString) -> Option<(String, SecretString)> {
    let bytes = STANDARD.decode(header.expose_secret().strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    // Helpers speak in lines.
    let fits = |text: &str| !text.contains(['\n', '\r', '\0']);
    (fits(user) && fits(password)).then(|| (user.to_owned(), password.to_owned().into()))
}

/// What `git push --porcelain` says of the one reference: a flag, the names, a summary with the reason.
fn outcome(ended: &Ended, push: &Checked) -> Result<(), PushError> {
    let out = String::from_utf8_lossy(&ended.out);
    let line = out.lines().find_map(|line| {
        let mut parts = line.splitn(3, '\t');
        let (flag, names) = (parts.next()?, parts.next()?);
        let of_ours = names.ends_with(&format!(":{}", push.reference));
        of_ours.then(|| (flag.to_owned(), parts.next().unwrap_or_default().to_owned()))
    });
    match line {
        Some((flag, _)) if matches!(flag.as_str(), " " | "+" | "*" | "-") && ended.ok => Ok(()),
        // It is there already, and it was not we who put it there.
        Some((flag, _)) if flag == "=" => Err(PushError::Stale { actual: push.new.map(|id| id.to_string()) }),
        Some((_, summary)) if summary.starts_with("[remote failure]") => {
            Err(PushError::Unknown(Error::Protocol("it did not report what became of the push".to_owned())))
        }
        Some((_, summary)) => {
            let reason = summary.split_once('(').map_or(summary.as_str(), |(_, rest)| rest.trim_end_matches(')'));
            let said: Vec<&str> = ended.said.lines().filter(|line| line.starts_with("remote:")).collect();
            Err(explain(&Complaint { reason, said: &said.join("\n"), status: None }))
        }
        None => Err(failure(&ended.said)),
    }
}

/// A push that came to no report.
fn failure(said: &str) -> PushError {
    let lower = said.to_lowercase();
    let number = |before: &str| {
        let digits = lower.split(before).nth(1)?.get(..3)?;
        digits.parse::<u16>().ok()
    };
    let words = || said.lines().filter(|line| line.starts_with("remote:")).collect::<Vec<_>>().join("\n");
    let answered = number("the requested url returned error: ");
    let sent = lower.contains("rpc failed") || lower.contains("unexpected disconnect") || lower.contains("early eof");
    let status = number("rpc failed; http ").or(answered.filter(|_| !sent));
    match status {
        Some(status @ (401 | 403 | 404 | 410 | 413)) => {
            return explain(&Complaint { reason: "", said: &words(), status: Some(status) });
        }
        Some(429) => return PushError::Failed(Error::Throttled(crate::limits::GIT_THROTTLED)),
        Some(status) if !sent => return PushError::Failed(Error::Unreachable(format!("HTTP status {status}"))),
        _ => {}
    }
    if lower.contains("fatal: repository '") && lower.contains("' not found") {
        return PushError::Failed(Error::NotFound(
            "there is no such repository, or the credential may not see it".to_owned(),
        ));
    }
    if lower.contains("authentication failed") || lower.contains("could not read username") {
        return explain(&Complaint { reason: "", said: "authentication failed", status: Some(401) });
    }
    let before = ["could not read from remote repository", "unable to access", "not found", "could not connect"];
    if !sent && before.iter().any(|words| lower.contains(words)) {
        let error = explain_program(said);
        return match (explain(&Complaint { reason: "", said: &words(), status: None }), error) {
            (PushError::Rejected(told), _) if told.kind != super::RejectionKind::Other => PushError::Rejected(told),
            (_, Error::Refused(why)) => explain(&Complaint { reason: &why, said: "", status: Some(403) }),
            (_, Error::Unreachable(why)) => PushError::Failed(Error::Unreachable(without_urls(&why))),
            (_, error) => PushError::Failed(error),
        };
    }
    PushError::Unknown(Error::Unreachable(without_urls(said.lines().next_back().unwrap_or("git said nothing"))))
}

fn without_urls(line: &str) -> String {
    line.split_whitespace().filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(said: &str) -> String {
        match failure(said) {
            PushError::Rejected(told) => format!("{:?}", told.kind),
            PushError::Failed(Error::NotFound(_)) => "NotFound".to_owned(),
            PushError::Failed(Error::Throttled(_)) => "Throttled".to_owned(),
            PushError::Failed(_) => "Failed".to_owned(),
            PushError::Unknown(_) => "Unknown".to_owned(),
            PushError::Stale { .. } => "Stale".to_owned(),
        }
    }

    #[test]
    fn a_push_without_a_report_is_told_by_what_git_says() {
        let cases = [
            ("fatal: unable to access 'https://h/x/': The requested URL returned error: 403", "Permission"),
            (
                "remote: This repository was archived so it is read-only.\nfatal: unable to access 'https://h/x/': The \
                 requested URL returned error: 403",
                "ReadOnly",
            ),
            ("fatal: Authentication failed for 'https://h/x/'", "Permission"),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", "Permission"),
            ("fatal: repository 'https://h/x/' not found", "NotFound"),
            ("fatal: unable to access 'https://h/x/': The requested URL returned error: 503", "Failed"),
            ("fatal: unable to access 'https://h/x/': The requested URL returned error: 429", "Throttled"),
            ("fatal: unable to access 'https://h/x/': Could not resolve host: h", "Failed"),
            (
                "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413\nfatal: the remote end hung up",
                "Quota",
            ),
            (
                "error: RPC failed; curl 56 Recv failure\nfatal: the remote end hung up unexpectedly\nEverything up-to-date",
                "Unknown",
            ),
            ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", "Unknown"),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", "Permission"),
            (
                "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
                "Failed",
            ),
            ("fatal: the remote end hung up unexpectedly", "Unknown"),
            ("", "Unknown"),
        ];
        for (said, expected) in cases {
            assert_eq!(kind(said), expected, "{said}");
            let shown = failure(said).to_string();
            assert!(!shown.contains("://"), "{shown}");
        }
    }
}
