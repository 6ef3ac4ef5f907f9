//! `signature`: who commits where no person is known, and the key that commits are signed with.

use secrecy::{ExposeSecret, SecretString};

use super::check::Section;
use super::credentials::readable;
use super::report::Report;
use super::{Files, KeySource};

/// `signature`: who commits where no person is known, and whether commits are signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// What signs commits, where they are signed.
    pub signing: Option<Signing>,
}

/// What signs commits.
#[derive(Debug, Clone)]
pub struct Signing {
    /// In which form.
    pub kind: SigningKind,
    /// The private key.
    pub key: KeySource,
    /// Its passphrase.
    pub passphrase: Option<SecretString>,
    /// Which of several keys: an id, a fingerprint, a part of a user id. Only for GPG.
    pub key_id: Option<String>,
}

/// Forms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningKind {
    /// `OpenPGP`, made by `gpg`.
    Gpg,
    /// OpenSSH's, made by `ssh-keygen`.
    Ssh,
}

impl PartialEq for Signing {
    fn eq(&self, other: &Self) -> bool {
        let phrase = |signing: &Self| signing.passphrase.as_ref().map(|text| text.expose_secret().to_owned());
        (self.kind, &self.key, &self.key_id) == (other.kind, &other.key, &other.key_id) && phrase(self) == phrase(other)
    }
}

/// Flipt's author, so that a history begun there goes on.
const NAME: &str = "flipt";
const EMAIL: &str = "flipt[bot]@noreply.flipt.io";

/// What counts where the file says nothing.
pub(super) fn usual() -> Signature {
    Signature { name: NAME.to_owned(), email: EMAIL.to_owned(), signing: None }
}

/// Reads the section.
pub(super) fn read(section: Option<&Section>, files: &Files<'_>, report: &mut Report) -> Signature {
    let Some(section) = section else { return usual() };
    let mut text = |key: &str, usual: &str| {
        let text = section.text(key).map(str::trim).filter(|text| !text.is_empty()).unwrap_or(usual);
        if text.contains(['<', '>', '\n', '\r', '\0']) {
            report.error(&section.spot(key), "Git takes no angle brackets and no line ends in names and addresses");
        }
        text.to_owned()
    };
    let (name, email) = (text("name", NAME), text("email", EMAIL));
    Signature { name, email, signing: signing(section, files, report) }
}

fn signing(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<Signing> {
    if !section.flag("enabled") {
        for key in ["key_path", "key_bytes"] {
            if section.says(key) && !section.says("enabled") {
                report.warning(&section.spot(key), "commits are not signed without `enabled: true`");
            }
        }
        return None;
    }
    let (key, content) = key(section, files, report)?;
    let told = told(&content);
    let kind = match section.text("type") {
        Some("ssh") => SigningKind::Ssh,
        Some(_) => SigningKind::Gpg,
        None if section.says("type") => return None,
        None => match told {
            Some(Ok(kind)) => kind,
            // As in Flipt, which knows nothing else.
            _ => SigningKind::Gpg,
        },
    };
    let spot = section.spot(if matches!(key, KeySource::Path(_)) { "key_path" } else { "key_bytes" });
    match told {
        Some(Err(public)) => report.error(&spot, public),
        Some(Ok(SigningKind::Gpg)) if kind == SigningKind::Ssh => {
            report.error(&spot, "this is a key of GPG, and the type is `ssh`");
        }
        Some(Ok(SigningKind::Ssh)) if kind == SigningKind::Gpg => {
            report.error(&spot, "this is a key of ssh; say `type: ssh`");
        }
        _ => {}
    }
    let key_id = section.text("key_id").map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned);
    if key_id.is_some() && kind == SigningKind::Ssh {
        report.warning(&section.spot("key_id"), "does not count: a file of ssh holds one key");
    }
    let passphrase = section.secret("passphrase").filter(|text| !text.expose_secret().is_empty()).cloned();
    Some(Signing { kind, key, passphrase, key_id })
}

fn key(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<(KeySource, Vec<u8>)> {
    let path = section.text("key_path").filter(|path| !path.is_empty());
    let text = section.secret("key_bytes").filter(|text| !text.expose_secret().trim().is_empty());
    match (path, text) {
        (Some(path), None) => {
            let (path, content) = readable(path, section, "key_path", files, report)?;
            Some((KeySource::Path(path), content))
        }
        (None, Some(text)) => {
            // The programs that read it want its last line to end.
            let whole = format!("{}\n", text.expose_secret().trim_end());
            Some((KeySource::Text(SecretString::from(whole.clone())), whole.into_bytes()))
        }
        (Some(_), Some(_)) => {
            report.error(&section.spot("key_bytes"), "key_path and key_bytes exclude each other");
            None
        }
        (None, None) => {
            // A value that could not be read has been reported.
            let broken = |key| section.says(key) && section.text(key).is_none() && section.secret(key).is_none();
            if broken("key_path") || broken("key_bytes") {
                return None;
            }
            let message = if section.says("key_ref") {
                "no secret manager is asked for `key_ref`: let systemd (LoadCredential=), an agent or the orchestrator bring the \
                 key, and write `key_path: ${credential:NAME}` or `key_bytes: ${file:/path}`"
            } else {
                "commits are to be signed, and there is no key: give `key_path` or `key_bytes`, or take `enabled` away"
            };
            report.error(&section.spot(if section.says("key_ref") { "key_ref" } else { "key_path" }), message);
            None
        }
    }
}

/// What a key says of itself; the error is for a key that cannot sign. A keyring of GPG that is not in text form says
/// nothing.
fn told(content: &[u8]) -> Option<Result<SigningKind, &'static str>> {
    let text = String::from_utf8_lossy(content);
    let has = |mark: &str| text.contains(mark);
    if has("-----BEGIN PGP PRIVATE KEY BLOCK-----") {
        Some(Ok(SigningKind::Gpg))
    } else if has("-----BEGIN OPENSSH PRIVATE KEY-----") {
        Some(Ok(SigningKind::Ssh))
    } else if has("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        Some(Err("this is the public half of a key; `gpg --armor --export-secret-keys ID` writes the private one"))
    } else if ["ssh-", "ecdsa-", "sk-"].iter().any(|mark| text.starts_with(mark)) {
        Some(Err("this is the public half of a key; the private one is the file without `.pub`"))
    } else {
        None
    }
}
