//! `${env:NAME}`, `${file:/path}` and `${credential:NAME}`: values that stand somewhere else.
//!
//! Only a whole value is replaced, never a part of one: what comes out can then not change the shape of a URL or of
//! a line. What is missing is named by its reference, never by its content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Files;

/// Where systemd puts the files of `LoadCredential=`.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The places that values may come from.
pub(super) struct Sources<'a> {
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) files: &'a Files<'a>,
    /// Take references as given, without looking.
    pub(super) assumed: bool,
}

/// What a text stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Itself.
    Literal,
    /// Itself, though it holds something that looks like a reference.
    Partly,
    /// This text, by a reference.
    Text(String),
    /// Something, by a reference that is not looked at.
    Assumed,
}

/// The name and argument of a reference that is the whole of a text.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (kind, argument) = text.strip_prefix("${")?.strip_suffix('}')?.split_once(':')?;
    let word = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_lowercase());
    (word && !argument.contains(['{', '}', '$'])).then_some((kind, argument))
}

/// Whether a text is a reference and holds no secret itself.
pub(super) fn is_reference(text: &str) -> bool {
    reference(text).is_some()
}

/// Finds what a value stands for; `path` is set for keys that take a file name.
pub(super) fn resolve(text: &str, path: bool, sources: &Sources<'_>) -> Result<Found, String> {
    let Some((kind, argument)) = reference(text) else {
        let partly = ["${env:", "${file:", "${credential:", "${secret:"].iter().any(|start| text.contains(start));
        return Ok(if partly { Found::Partly } else { Found::Literal });
    };
    match kind {
        "env" | "file" | "credential" if sources.assumed => Ok(Found::Assumed),
        "env" => match sources.environment.get(argument) {
            Some(value) => Ok(Found::Text(value.clone())),
            None => Err(format!("the environment variable {argument} is not set")),
        },
        "file" if path => Err(format!("this key takes a file name: write {argument} itself, without ${{file:}}")),
        "file" => read(Path::new(argument), sources).map(Found::Text),
        "credential" => {
            let file = credential(argument, sources.environment)?;
            if path {
                let name = file.to_str().ok_or("the directory of credentials is not UTF-8")?;
                return Ok(Found::Text(name.to_owned()));
            }
            read(&file, sources).map(Found::Text)
        }
        "secret" => Err(format!(
            "${{secret:{argument}}} is not supported: no secret manager is asked. Let systemd (LoadCredential=), an agent or the \
             orchestrator bring the secret, and write ${{credential:NAME}}, ${{file:/path}} or ${{env:NAME}}"
        )),
        _ => {
            Err(format!("${{{kind}:}} is not known; there are ${{env:NAME}}, ${{file:/path}} and ${{credential:NAME}}"))
        }
    }
}

fn credential(name: &str, environment: &BTreeMap<String, String>) -> Result<PathBuf, String> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(format!(
            "a credential is named by a file name without slashes, as in LoadCredential={}:/path",
            "NAME"
        ));
    }
    match environment.get(CREDENTIALS_DIRECTORY) {
        Some(directory) => Ok(Path::new(directory).join(name)),
        None => Err(format!(
            "${{credential:{name}}} needs systemd's $CREDENTIALS_DIRECTORY, which is not set: give the unit LoadCredential={name}:/path, \
             or set the variable to a directory that holds a file {name}"
        )),
    }
}

fn read(path: &Path, sources: &Sources<'_>) -> Result<String, String> {
    let bytes = (sources.files)(path).map_err(|e| format!("cannot read {}: {}", path.display(), e.kind()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(text.to_owned())
}
