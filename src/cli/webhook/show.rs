//! What became of a command on one storage, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::Exit;
use crate::provider::api::hooks::plan::Step;
use crate::provider::api::hooks::{Attempt, Hook};

/// One storage.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) storage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// All is as it should be.
    pub(super) ok: bool,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) dry_run: bool,
    pub(super) steps: Vec<Step>,
    /// Hooks that lead here by another address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) elsewhere: Vec<Hook>,
    pub(super) deliveries: Vec<Deliveries>,
    /// Further things to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    /// What to do by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) by_hand: Vec<String>,
    #[serde(skip)]
    pub(super) exit: Exit,
}

/// What a hook delivered lately.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deliveries {
    pub(super) hook: String,
    /// The newest first.
    pub(super) last: Vec<Attempt>,
    /// Deliveries that failed and were not taken since.
    pub(super) lost: usize,
    /// Of these, how many the provider was asked to send again.
    pub(super) sent_again: usize,
}

impl Account {
    /// One that could not be begun.
    pub(super) fn unusable(storage: &str, why: String) -> Self {
        Self { storage: storage.to_owned(), failure: Some(why), exit: Exit::Usage, ..Self::default() }
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.storage.clone();
        if let (Some(provider), Some(repository)) = (self.provider, &self.repository) {
            let _ = write!(text, ": {provider} {repository}");
        }
        if let Some(url) = &self.url {
            let _ = write!(text, " -> {url}");
        }
        text.push('\n');
        let mut line = |line: &str| {
            for part in line.lines() {
                let _ = writeln!(text, "  {part}");
            }
        };
        for step in &self.steps {
            line(&told(step, self.dry_run));
        }
        for hook in &self.elsewhere {
            line(&format!(
                "webhook {} leads to {}: remove it with `uninstall --url`, if it is of no use",
                hook.id, hook.url
            ));
        }
        for deliveries in &self.deliveries {
            for attempt in &deliveries.last {
                let at = attempt.at.map_or_else(|| "at some time".to_owned(), |at| at.to_string());
                let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                line(&format!("webhook {}: {at} {} {status}", deliveries.hook, attempt.event));
            }
            if deliveries.lost > 0 {
                let again = match deliveries.sent_again {
                    0 => String::new(),
                    number => format!("; {number} are sent again"),
                };
                line(&format!("webhook {}: {} deliveries failed for good{again}", deliveries.hook, deliveries.lost));
            }
        }
        for note in &self.notes {
            line(note);
        }
        if let Some(failure) = &self.failure {
            line(&format!("error: {failure}"));
        }
        if !self.by_hand.is_empty() {
            line("By hand:");
            for (n, step) in self.by_hand.iter().enumerate() {
                line(&format!("{:>2}. {step}", n + 1));
            }
        }
        text
    }
}

fn told(step: &Step, dry_run: bool) -> String {
    let will = |done: &str, todo: &str| if dry_run { format!("would {todo}") } else { done.to_owned() };
    match step {
        Step::Keep { hook } => {
            let trouble = hook.trouble.as_ref().map_or_else(String::new, |trouble| format!("; {trouble}"));
            format!("webhook {} is as it should be{trouble}", hook.id)
        }
        Step::Create { events } => format!("{} one for {}", will("made", "make"), events.join(", ")),
        Step::Repair { hook, why, .. } => {
            format!("{} webhook {}: {}", will("mended", "mend"), hook.id, why.join("; "))
        }
        Step::Delete { hook, why } => format!("{} webhook {}: {why}", will("removed", "remove"), hook.id),
    }
}
