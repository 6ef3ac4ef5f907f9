//! What it means that GitHub does not do what was asked.
//!
//! Its answers have a `message`, and with 422 a list of `errors`, whose own messages are what a person can use. One
//! status means several things, so each operation says which it expects.

use serde::Deserialize;

use super::super::failure::shown;
use super::super::{Answer, Failure, New};

/// An answer that is no success, read.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    /// All that it says, in one line.
    said: String,
    needs: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    message: String,
    errors: Vec<Part>,
}

/// GitHub sends objects at most places and text at some.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Object {
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        field: Option<String>,
        #[serde(default)]
        code: Option<String>,
    },
}

impl Part {
    fn said(&self) -> String {
        match self {
            Self::Text(text) | Self::Object { message: Some(text), .. } => text.clone(),
            Self::Object { field, code, .. } => {
                let code = code.as_deref().unwrap_or("not taken").replace('_', " ");
                format!("{}: {code}", field.as_deref().unwrap_or("a field"))
            }
        }
    }
}

impl Refusal {
    /// `needs`: what the operation takes at least, unless the answer says it itself.
    pub(super) fn of(answer: &Answer, needs: &str) -> Self {
        let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
        let parts: Vec<String> = body.errors.iter().map(Part::said).collect();
        let said = match (body.message.as_str(), parts.is_empty()) {
            ("", true) => format!("status {}", answer.status),
            ("" | "Validation Failed", false) => parts.join("; "),
            (message, true) => message.to_owned(),
            (message, false) => format!("{message}: {}", parts.join("; ")),
        };
        // Fine-grained tokens and Apps are told what would do: `pull_requests=write`.
        let told = answer.header("x-accepted-github-permissions").filter(|told| !told.trim().is_empty());
        let needs =
            told.map_or_else(|| needs.to_owned(), |told| format!("{needs}; GitHub names `{}`", shown(told, 100)));
        Self { status: answer.status, said: shown(&said, 300), needs }
    }

    fn says(&self, words: &str) -> bool {
        self.said.to_ascii_lowercase().contains(words)
    }

    /// Where the status means the same everywhere.
    pub(super) fn failure(self) -> Failure {
        let archived = self.says("archived") && self.says("read-only");
        let Self { status, said, needs } = self;
        match status {
            301 | 302 | 307 | 308 => Failure::Moved(format!("{said}; put its new name into the remote")),
            403 if archived => Failure::Archived(said),
            403 if said.contains("locked") => Failure::State(said),
            403 => Failure::Forbidden { needs, said },
            404 => {
                Failure::NotFound(format!("{said}, which GitHub also says of what may not be seen; that takes {needs}"))
            }
            410 => Failure::NotFound(said),
            409 => Failure::Stale(said),
            _ => Failure::Invalid(said),
        }
    }

    /// Of a proposal that was to be opened.
    pub(super) fn of_create(self, new: &New) -> Failure {
        let no_branch = |name: &str| Failure::Invalid(format!("there is no branch `{}`", shown(name, 100)));
        match self.status {
            422 if self.said == "head: invalid" => no_branch(&new.head),
            422 if self.said == "base: invalid" => no_branch(&new.base),
            422 if self.says("a pull request already exists") => Failure::Exists { number: None },
            422 if self.says("no commits between") => Failure::Nothing(self.said),
            422 if self.says("draft pull requests are not supported") => Failure::Unsupported(self.said),
            _ => self.failure(),
        }
    }

    /// Of one that was to be closed or opened again.
    pub(super) fn of_state(self) -> Failure {
        match self.status {
            422 if self.says("already exists") => Failure::Exists { number: None },
            422 => Failure::State(self.said),
            _ => self.failure(),
        }
    }

    /// Of one that was to be merged.
    pub(super) fn of_merge(self) -> Failure {
        match self.status {
            405 if self.says("base branch was modified") => Failure::Stale(self.said),
            405 => Failure::NotMergeable(self.said),
            _ => self.failure(),
        }
    }

    /// The repository does not allow this way to merge.
    pub(super) fn is_of_the_method(&self) -> bool {
        self.status == 405 && self.says("not allowed on this repository")
    }
}
