//! What is said of the flag as a whole.

use super::compared::quoted;
use super::engine;
use super::{Answer, Condition, Decision, Gives, Note, Step};
use crate::flags::evaluate::Context;
use crate::flags::snapshot::{Flag, FlagKind};

/// What decided, in words.
pub(super) fn why(flag: &Flag, decision: Decision, steps: &[Step]) -> String {
    let (noun, count) = match flag.kind {
        FlagKind::Variant => ("rule", steps.len()),
        FlagKind::Boolean => ("rollout", steps.len()),
    };
    let none = match count {
        0 => format!("there is no {noun}"),
        1 => format!("the only {noun} does not match"),
        _ => format!("none of {} matches", plural(count, noun)),
    };
    match decision {
        Decision::Rule { number } | Decision::Rollout { number } => {
            let which = if count == 1 { format!("the only {noun}") } else { format!("{noun} {number} of {count}") };
            let step = steps.get(number.saturating_sub(1));
            let share = match step.map(|step| &step.gives) {
                Some(Gives::Shares { hash: Some(hash), shares }) if shares.len() > 1 => {
                    format!(", and bucket {} is in its share", hash.bucket)
                }
                Some(Gives::Shares { hash: None, .. }) if flag.default_variant.is_some() => {
                    ", and shares nothing out: the default variant".to_owned()
                }
                Some(Gives::Shares { hash: None, .. }) => ", and shares nothing out".to_owned(),
                _ => String::new(),
            };
            format!("{which} matches{share}")
        }
        Decision::Disabled if flag.default_variant.is_some() => {
            "the flag is disabled, and this is its default".to_owned()
        }
        Decision::Disabled => "the flag is disabled, and has no default variant".to_owned(),
        Decision::Default if flag.kind == FlagKind::Boolean => {
            format!("{none}, and the flag is {}", if flag.enabled { "enabled" } else { "disabled" })
        }
        Decision::Default => format!("{none}, and this is the default"),
        Decision::Nothing => format!("{none}, and there is no default variant"),
    }
}

/// What may surprise about the flag as a whole.
pub(super) fn notes(flag: &Flag, entity: &str, context: &Context, answer: &Answer, steps: &[Step]) -> Vec<Note> {
    let mut notes = Vec::new();
    if flag.kind == FlagKind::Boolean {
        if !flag.enabled && !steps.is_empty() {
            let message = "the flag is disabled, and its rollouts are tried all the same: enabled is only what it says \
                           when none matches";
            notes.push(note("disabled-flag-with-rollouts", message));
        }
        if !flag.rules.is_empty() {
            notes.push(note("ignored-rules", "the rules of a boolean flag are never looked at"));
        }
    }
    let hashed = steps.iter().any(|step| {
        matches!(&step.condition, Condition::Threshold { hash: Some(_), .. })
            || matches!(&step.gives, Gives::Shares { hash: Some(_), .. })
    });
    if entity.is_empty() && hashed {
        notes.push(note("no-entity", "there is no entity id: whoever asks without one falls into the same bucket"));
    }
    let elsewhere = match (engine::value(flag, entity, context), answer) {
        (engine::Value::Boolean(value), Answer::Boolean { enabled, .. }) => {
            (value != *enabled).then(|| value.to_string())
        }
        (engine::Value::Variant(key), Answer::Variant { variant_key, .. }) => {
            let shown = key.map_or_else(|| "no variant".to_owned(), |key| format!("variant {}", quoted(key)));
            (key.unwrap_or_default() != variant_key).then_some(shown)
        }
        _ => None,
    };
    if let Some(elsewhere) = elsewhere {
        let message = format!("Flipt's client SDKs, which evaluate by themselves, answer {elsewhere}");
        notes.push(note("client-engines", &message));
    }
    notes
}

/// One such thing.
pub(super) fn note(code: &str, message: &str) -> Note {
    Note { code: code.to_owned(), message: message.to_owned() }
}

/// So many of these.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
