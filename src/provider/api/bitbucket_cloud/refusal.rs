//! Why Bitbucket Cloud did not do what was asked: `{"type": "error", "error": {"message", "detail", "fields"}}`.

use serde::Deserialize;
use serde_json::Value;

use super::super::failure::shown;
use super::super::{Answer, Failure};

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    message: Option<String>,
    detail: Option<String>,
    /// Field -> what is wrong with it.
    fields: Option<Value>,
}

impl Words {
    fn of(answer: &Answer) -> Option<String> {
        let words = serde_json::from_slice::<Envelope>(&answer.body).ok()?.error;
        let mut said: Vec<String> = words.message.into_iter().chain(words.detail).collect();
        for (field, wrong) in words.fields.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let texts = wrong.as_array().map_or_else(|| vec![wrong], |all| all.iter().collect());
            said.extend(texts.into_iter().filter_map(Value::as_str).map(|text| format!("{field}: {text}")));
        }
        (!said.is_empty()).then(|| shown(&said.join("; "), 300))
    }
}

/// What an answer that is no success means. `needs`: the least scopes that what was asked takes.
pub(super) fn of(answer: &Answer, needs: &str) -> Failure {
    let html = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
    if html && !matches!(answer.status, 301..=308) {
        return Failure::Nonsense(format!("status {} with a page of HTML where JSON was asked for", answer.status));
    }
    let said = Words::of(answer).unwrap_or_else(|| format!("status {} without words", answer.status));
    let has = |part: &str| said.to_ascii_lowercase().contains(part);
    match answer.status {
        301..=308 => Failure::Moved("its address answers with a redirection; set the repository's new name".to_owned()),
        _ if has("archived") => Failure::Archived(said),
        400 if has("no changes") => Failure::Nothing(said),
        400 if has("already exists") || has("already an open") => Failure::Exists { number: None },
        403 => Failure::Forbidden { needs: needs.to_owned(), said },
        404 | 410 => Failure::NotFound(said),
        409 => Failure::Stale(said),
        555 => Failure::Provider(said),
        _ => Failure::Invalid(said),
    }
}

/// The same of a change. One that took too long may have been done all the same.
pub(super) fn of_change(answer: &Answer, needs: &str) -> Failure {
    match of(answer, needs) {
        Failure::Provider(said) => Failure::Lost(said),
        failure => failure,
    }
}

/// The same of a wish to merge, where 400 is what stands in the way: conflicts, missing approvals, failing builds.
pub(super) fn of_merge(answer: &Answer, needs: &str) -> Failure {
    match of_change(answer, needs) {
        Failure::Invalid(said) | Failure::Nothing(said) => Failure::NotMergeable(said),
        failure => failure,
    }
}
