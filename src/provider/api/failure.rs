//! Why an operation on a provider did not do what was asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::fault::Class;
use crate::limits;

/// `Display` is for people: it says what is wrong and what to do, and carries no secret. The provider's own words in it
/// are bounded and printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "kebab-case")]
pub enum Failure {
    /// No connection, no answer, and nothing can have been done: try again.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It was asked to change something, and no answer came: it may or may not have been done. Look first.
    #[error("the provider's answer was lost ({0}); whether it was done is looked for")]
    Lost(String),
    /// A rate limit, or "not now".
    #[error("the provider asks to wait {} s: {why}", .after.as_secs())]
    Wait {
        /// For how long.
        after: Duration,
        /// In words.
        why: String,
    },
    /// It fails itself (5xx).
    #[error("the provider fails: {0}")]
    Provider(String),
    /// What it answered makes no sense: HTML, a cut answer, another shape.
    #[error("the provider's answer cannot be read: {0}")]
    Nonsense(String),
    /// The credential is wrong, expired or revoked.
    #[error("the provider does not take the credential: {0}")]
    Credential(String),
    /// The credential may not do this.
    #[error("the credential may not do this: {said}; it needs {needs}")]
    Forbidden {
        /// The least scopes or rights that would do.
        needs: String,
        /// What the provider said.
        said: String,
    },
    /// No such repository or proposal, or it may not be seen with this credential.
    #[error("not found at the provider: {0}")]
    NotFound(String),
    /// The repository is elsewhere now.
    #[error("the repository was renamed or moved: {0}")]
    Moved(String),
    /// The repository takes no changes.
    #[error("the repository is archived: {0}")]
    Archived(String),
    /// A proposal for this pair of branches is open already.
    #[error("a proposal for these branches is open already")]
    Exists {
        /// Its number, where the provider says.
        number: Option<u64>,
    },
    /// The branch has nothing that the base has not.
    #[error("there is nothing to merge: {0}")]
    Nothing(String),
    /// It has changed since it was looked at: another head, another version.
    #[error("it has changed meanwhile: {0}")]
    Stale(String),
    /// It cannot be merged now.
    #[error("it cannot be merged: {0}")]
    NotMergeable(String),
    /// It is in a state that does not allow this.
    #[error("{0}")]
    State(String),
    /// Something in the request is not taken.
    #[error("the provider does not take it: {0}")]
    Invalid(String),
    /// The provider has no such function.
    #[error("{0}")]
    Unsupported(String),
}

impl Failure {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Lost(_) | Self::Provider(_) | Self::Nonsense(_) => Class::Retry,
            Self::Wait { .. } => Class::Wait,
            Self::Credential(_) | Self::Forbidden { .. } | Self::NotFound(_) | Self::Moved(_) | Self::Archived(_) => {
                Class::Operator
            }
            Self::Exists { .. }
            | Self::Nothing(_)
            | Self::Stale(_)
            | Self::NotMergeable(_)
            | Self::State(_)
            | Self::Invalid(_)
            | Self::Unsupported(_) => Class::Caller,
        }
    }

    /// An answer that cannot be read.
    #[must_use]
    pub fn nonsense(answer: &Answer, error: &serde_json::Error) -> Self {
        let what = if is_page(answer) {
            format!("status {} with a page of HTML where JSON was asked for", answer.status)
        } else if error.is_eof() {
            format!("status {}, cut after {} bytes", answer.status, answer.body.len())
        } else {
            format!("status {}, {} at line {}", answer.status, category(error), error.line())
        };
        Self::Nonsense(what)
    }

    /// What means the same at every provider, whatever was asked: see [`super::Ask`]. A 403 is one of these only if it
    /// is a rate limit, and a page of HTML is no success: that is a proxy or a login page, and nothing was done.
    #[must_use]
    pub fn common(answer: &Answer) -> Option<Self> {
        let wait = wait(answer);
        let why = || said(answer);
        match answer.status {
            // Bitbucket Data Center's 403.
            401 if says_no_right(answer) => None,
            401 => Some(Self::Credential("status 401: it is wrong, has expired or was revoked".to_owned())),
            429 => Some(Self::Wait { after: wait.unwrap_or(limits::PROVIDER_PAUSE), why: why() }),
            403 if wait.is_some() || says_rate_limit(answer) => {
                Some(Self::Wait { after: wait.unwrap_or(limits::PROVIDER_PAUSE), why: why() })
            }
            503 if wait.is_some() => Some(Self::Wait { after: wait.unwrap_or(limits::PROVIDER_PAUSE), why: why() }),
            // Bitbucket Cloud's own: it took too long, and may have been done.
            555 => None,
            500..=599 => Some(Self::Provider(format!("status {}", answer.status))),
            203 if is_page(answer) => Some(Self::Credential(
                "status 203 with a page to sign in: it is wrong, has expired or was revoked".to_owned(),
            )),
            200..=299 if is_page(answer) => {
                Some(Self::Nonsense(format!("status {} with a page of HTML where JSON was asked for", answer.status)))
            }
            _ => None,
        }
    }
}

/// Bitbucket Data Center answers 401 to a good credential that may not do this, and names another exception then.
fn says_no_right(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("bitbucket.AuthorisationException")
}

/// HTML; JSON never begins with `<`.
fn is_page(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.contains("html"))
        || answer.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn category(error: &serde_json::Error) -> &'static str {
    if error.is_syntax() { "no JSON" } else { "JSON of another shape" }
}

/// What an answer says about when to come back: `Retry-After` in seconds, or a limit that is used up and its end.
fn wait(answer: &Answer) -> Option<Duration> {
    let number = |name: &str| answer.header(name)?.trim().parse::<i64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(bounded(seconds));
    }
    let used_up = |name: &str| number(name) == Some(0);
    let reset = ["x-ratelimit-reset", "ratelimit-reset"].into_iter().find_map(number)?;
    (used_up("x-ratelimit-remaining") || used_up("ratelimit-remaining"))
        .then(|| bounded(reset.saturating_sub(answer.at.as_second())))
}

/// At least a second: clocks differ, and a limit that has ended by ours is asked for no faster than that.
fn bounded(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1)).min(limits::NET_RETRY_AFTER_MAX)
}

/// GitHub's secondary limits may come without a header.
fn says_rate_limit(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).to_ascii_lowercase().contains("rate limit")
}

/// The words of an answer, without the JSON around them where that is of a known shape.
fn said(answer: &Answer) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let words = json.as_ref().and_then(|json| {
        let places = ["/message", "/error/message", "/errors/0/message", "/error"];
        places.iter().find_map(|place| json.pointer(place)?.as_str())
    });
    let words = match words {
        Some(words) => shown(words, 200),
        None if is_page(answer) => String::new(),
        None => shown(&String::from_utf8_lossy(&answer.body), 200),
    };
    if words.is_empty() { format!("status {}", answer.status) } else { words }
}

/// A provider's words as they may be shown: printable, in one line, at most `most` characters.
#[must_use]
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    match line.char_indices().nth(most) {
        Some((at, _)) => {
            line.truncate(at);
            line + "…"
        }
        None => line,
    }
}
