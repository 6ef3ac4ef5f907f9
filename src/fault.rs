//! What is to be done about an error: the one word that every module's error type can answer.

use serde::Serialize;

/// Who acts on an error, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It may go away by itself: try again with backoff.
    Retry,
    /// The other side said when to come back, or needs time: try again, not sooner.
    Wait,
    /// A person has to change something (credential, branch name, file): retrying alone is no use, and polling goes on.
    Operator,
    /// The caller of an API sent something that cannot be done.
    Caller,
    /// It should not be possible.
    Bug,
}

impl Class {
    /// The name as logs, metrics and the status API spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Operator => "operator",
            Self::Caller => "caller",
            Self::Bug => "bug",
        }
    }
}
