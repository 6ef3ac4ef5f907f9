//! Collects every finding of one load.

use std::fmt::Write as _;
use std::sync::Arc;

use super::tree::Source;
use crate::yaml::Position;

/// One thing to say about a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it stops the start.
    pub severity: Severity,
    /// Dotted path of the key: `storage.flags.poll_interval`.
    pub key: String,
    /// Where in the file; absent for values from the environment.
    pub at: Option<Position>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, and the operator should know.
    Warning,
}

impl Severity {
    /// The word that is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What a finding is about: the path of a key, and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spot {
    pub(super) key: String,
    pub(super) at: Option<Position>,
    pub(super) variable: Option<Arc<str>>,
}

impl Spot {
    /// The key `name` below this one, which comes from there.
    pub(super) fn below(&self, name: &str, from: &Source) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        match from {
            Source::File(at) => Self { key, at: Some(*at), variable: None },
            Source::Variable(variable) => Self { key, at: None, variable: Some(Arc::clone(variable)) },
        }
    }

    /// A key below this one that the file does not have: shown at the place of this one.
    pub(super) fn absent(&self, name: &str) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        Self { key, at: self.at, variable: self.variable.clone() }
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn error(&mut self, spot: &Spot, message: impl Into<String>) {
        self.say(Severity::Error, spot, message.into());
    }

    pub(super) fn warning(&mut self, spot: &Spot, message: impl Into<String>) {
        self.say(Severity::Warning, spot, message.into());
    }

    fn say(&mut self, severity: Severity, spot: &Spot, mut message: String) {
        if let Some(variable) = &spot.variable {
            let _ = write!(message, " (set by the variable {variable})");
        }
        let finding = Finding { severity, key: spot.key.clone(), at: spot.at, message };
        self.findings.push(finding);
    }

    /// Everything that was found, in the order of the file, and whether any of it is an error.
    pub(super) fn finish(mut self) -> (Vec<Finding>, bool) {
        self.findings.sort_by_key(|finding| (finding.at.is_none(), finding.at));
        self.findings.dedup();
        let failed = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        (self.findings, failed)
    }
}
