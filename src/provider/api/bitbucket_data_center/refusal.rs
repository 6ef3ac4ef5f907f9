//! Why Bitbucket Data Center did not do what was asked: `{"errors": [{"context", "message", "exceptionName", …}]}`.
//! The name of the exception is what a program can go by; some carry more (the pull request that exists, vetoes).

use serde::Deserialize;

use super::super::failure::shown;
use super::super::{Answer, Failure};
use super::shape::Veto;

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default = "Vec::new")]
    errors: Vec<Wrong>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wrong {
    context: Option<String>,
    message: Option<String>,
    exception_name: Option<String>,
    existing_pull_request: Option<Known>,
    vetoes: Option<Vec<Veto>>,
}

#[derive(Debug, Deserialize)]
struct Known {
    id: Option<u64>,
}

/// An answer that is no success, read.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    html: bool,
    errors: Vec<Wrong>,
}

impl Refusal {
    pub(super) fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status,
            html: answer.header("content-type").is_some_and(|kind| kind.contains("html")),
            errors: serde_json::from_slice::<Envelope>(&answer.body).unwrap_or_default().errors,
        }
    }

    /// Whether an exception's name contains a word.
    fn has(&self, word: &str) -> bool {
        self.errors.iter().filter_map(|wrong| wrong.exception_name.as_deref()).any(|name| name.contains(word))
    }

    fn mentions(&self, word: &str) -> bool {
        self.errors.iter().filter_map(|wrong| wrong.message.as_ref()).any(|m| m.to_ascii_lowercase().contains(word))
    }

    fn said(&self) -> String {
        let mut said = Vec::new();
        for wrong in &self.errors {
            let message = wrong.message.as_deref().unwrap_or("no words");
            said.push(wrong.context.as_ref().map_or_else(|| message.to_owned(), |of| format!("{of}: {message}")));
            let vetoes = wrong.vetoes.iter().flatten();
            said.extend(
                vetoes.filter_map(|veto| veto.summary_message.clone().or_else(|| veto.detailed_message.clone())),
            );
        }
        if said.is_empty() { format!("status {} without words", self.status) } else { shown(&said.join("; "), 300) }
    }

    /// The version that was sent is not the current one, or that of a comment is not.
    pub(super) fn is_out_of_date(&self) -> bool {
        self.status == 409 && (self.has("OutOfDate") || self.mentions("out-of-date") || self.mentions("out of date"))
    }

    /// There is no such address at all, as opposed to no such thing: an older version.
    pub(super) fn is_no_such_function(&self) -> bool {
        matches!(self.status, 404 | 405) && self.errors.iter().all(|wrong| wrong.exception_name.is_none())
    }

    /// What it means. `needs`: the least permission that what was asked takes.
    pub(super) fn failure(&self, needs: &str) -> Failure {
        let said = self.said();
        if self.html && !matches!(self.status, 301..=308) {
            return Failure::Nonsense(format!("status {} with a page of HTML where JSON was asked for", self.status));
        }
        let existing = self.errors.iter().find_map(|wrong| wrong.existing_pull_request.as_ref());
        match self.status {
            301..=308 => {
                Failure::Moved("its address answers with a redirection; set the repository's new name".to_owned())
            }
            _ if self.has("Archived") || self.mentions("archived") => Failure::Archived(said),
            401 | 403 => Failure::Forbidden { needs: needs.to_owned(), said },
            404 | 410 => Failure::NotFound(said),
            _ if self.has("DuplicatePullRequest") => Failure::Exists { number: existing.and_then(|known| known.id) },
            _ if self.has("EmptyPullRequest") => Failure::Nothing(said),
            409 if self.is_out_of_date() => Failure::Stale(said),
            409 if self.has("MergeVetoed") || self.has("Merge") || self.mentions("conflict") => {
                Failure::NotMergeable(said)
            }
            409 if self.has("IllegalPullRequestState") => Failure::State(said),
            _ => Failure::Invalid(said),
        }
    }
}
