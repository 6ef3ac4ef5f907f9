//! What is different between two states of an environment, in the terms of those who own flags: which flag, what of it,
//! and who is affected.
//!
//! [`between`] gives values; [`text`] and [`markdown`] write them for people, and as JSON they are their own
//! serialization (fields are added, never renamed). Everything is in a fixed order, so that equal inputs give equal
//! bytes. What is not part of a compiled flag is not compared: comments, ranks, descriptions of rollouts, of constraints
//! and of namespaces, and how a file is written or which file it is.
//!
//! A namespace that one of the two cannot tell, because a file of it is in error, is named and not compared: its flags
//! are neither gone nor new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::problem::Severity;
use super::snapshot::{Environment, Flag, FlagKind, Namespace, Variant};

mod effect;
mod markdown;
mod segment;
mod step;
mod text;
pub mod told;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use effect::{Answer, Effect, Move, Share, Whom};
pub use markdown::{code, markdown, markdown_within};
pub use segment::{Condition, SegmentChange, SegmentEdit};
pub use step::{Portion, Step, StepChange, StepEdit, StepKind, Target};
pub use text::text;
pub use value::{ValueChange, ValueEdit};
pub use words::summary;

/// All that is different.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Namespaces with a difference, by key.
    pub namespaces: Vec<NamespaceChange>,
    /// What could not be compared, because it has errors.
    pub not_compared: Vec<NotCompared>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// What was.
    Old,
    /// What is to be.
    New,
}

/// A namespace with an error, or a file of which it cannot even be told what it feeds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotCompared {
    /// Where the error is.
    pub side: Side,
    /// The namespace, if it is known.
    pub namespace: Option<Arc<str>>,
    /// The file, if the namespace is not.
    pub file: Option<Arc<str>>,
}

/// Whether something is new, gone or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Only the new one has it.
    Added,
    /// Only the old one has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

/// The differences of one namespace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceChange {
    /// Its key.
    pub key: Arc<str>,
    /// Of the namespace itself.
    pub change: Presence,
    /// By key.
    pub flags: Vec<FlagChange>,
    /// By key.
    pub segments: Vec<SegmentChange>,
}

/// The differences of one flag.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagChange {
    /// Its key.
    pub key: Box<str>,
    /// Its name now; of a flag that is gone, as it was.
    pub name: Box<str>,
    /// As the name.
    #[serde(serialize_with = "kind_name")]
    pub kind: FlagKind,
    /// As the name.
    pub enabled: bool,
    /// Of the flag itself.
    pub change: Presence,
    /// What of it; none if it is new or gone.
    pub edits: Vec<Edit>,
    /// Who gets another answer. Of a new flag, what it answers; of one that is gone, what it did.
    pub effects: Vec<Effect>,
}

/// An old and a new text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextEdit {
    /// Before.
    pub old: Box<str>,
    /// Now.
    pub new: Box<str>,
}

/// One part of a flag that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Edit {
    /// Its name.
    Name(TextEdit),
    /// Its description.
    Description(TextEdit),
    /// What kind of answers it gives: callers of the other kind get an error from now on.
    Kind {
        /// Before.
        #[serde(serialize_with = "kind_name")]
        old: FlagKind,
        /// Now.
        #[serde(serialize_with = "kind_name")]
        new: FlagKind,
    },
    /// Its switch.
    Enabled {
        /// Before.
        old: bool,
        /// Now.
        new: bool,
    },
    /// Its metadata.
    Metadata(ValueEdit),
    /// One of its variants.
    Variant {
        /// Which.
        key: Box<str>,
        /// Of the variant itself.
        change: Presence,
        /// Its name.
        name: Option<TextEdit>,
        /// Its description.
        description: Option<TextEdit>,
        /// Its attachment.
        attachment: Option<ValueEdit>,
    },
    /// The same variants in another order, which changes no answer.
    VariantOrder,
    /// Which variant is the answer where no rule matches.
    DefaultVariant {
        /// Before.
        old: Option<Box<str>>,
        /// Now.
        new: Option<Box<str>>,
    },
    /// One of its rules or rollouts.
    Step(StepEdit),
}

impl Changes {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.not_compared.is_empty()
    }
}

/// Compares two states. Costs the flags that are not shared between them.
#[must_use]
pub fn between(old: &Environment, new: &Environment) -> Changes {
    let mut not_compared = BTreeSet::new();
    for (side, environment) in [(Side::Old, old), (Side::New, new)] {
        for namespace in &environment.held {
            not_compared.insert(NotCompared { side, namespace: Some(Arc::clone(namespace)), file: None });
        }
        let errors = environment.problems.iter().filter(|problem| problem.severity == Severity::Error);
        for problem in errors.filter(|problem| problem.namespace.is_none()) {
            not_compared.insert(NotCompared { side, namespace: None, file: Some(Arc::clone(&problem.file)) });
        }
    }
    let is_held = |key: &Arc<str>| old.held.contains(key) || new.held.contains(key);
    let keys: BTreeSet<&Arc<str>> = old.namespaces.keys().chain(new.namespaces.keys()).collect();
    let compared = keys.into_iter().filter(|key| !is_held(key));
    let namespaces = compared.filter_map(|key| namespace(key, old.namespaces.get(key), new.namespaces.get(key)));
    Changes { namespaces: namespaces.collect(), not_compared: not_compared.into_iter().collect() }
}

fn namespace(key: &Arc<str>, old: Option<&Arc<Namespace>>, new: Option<&Arc<Namespace>>) -> Option<NamespaceChange> {
    if let (Some(old), Some(new)) = (old, new)
        && Arc::ptr_eq(old, new)
    {
        return None;
    }
    let (old, new) = (old.map(|namespace| &**namespace), new.map(|namespace| &**namespace));
    let old_flags: Vec<&Flag> = old.into_iter().flat_map(Namespace::flags_by_key).collect();
    let new_flags: Vec<&Flag> = new.into_iter().flat_map(Namespace::flags_by_key).collect();
    let flags: Vec<FlagChange> =
        pairs(&old_flags, &new_flags, |flag| &flag.key).filter_map(|(old, new)| flag(old, new)).collect();
    let segments = segment::changes(old, new);
    let change = presence(old.is_some(), new.is_some());
    let told = change != Presence::Changed || !flags.is_empty() || !segments.is_empty();
    told.then(|| NamespaceChange { key: Arc::clone(key), change, flags, segments })
}

const fn presence(old: bool, new: bool) -> Presence {
    match (old, new) {
        (false, _) => Presence::Added,
        (_, false) => Presence::Removed,
        _ => Presence::Changed,
    }
}

/// Two lists that are sorted by key, side by side.
fn pairs<'t, T>(
    old: &[&'t T],
    new: &[&'t T],
    key: impl Fn(&T) -> &str,
) -> impl Iterator<Item = (Option<&'t T>, Option<&'t T>)> {
    let mut both: BTreeMap<String, (Option<&'t T>, Option<&'t T>)> = BTreeMap::new();
    for item in old {
        both.entry(key(item).to_owned()).or_default().0 = Some(*item);
    }
    for item in new {
        both.entry(key(item).to_owned()).or_default().1 = Some(*item);
    }
    both.into_values()
}

fn flag(old: Option<&Flag>, new: Option<&Flag>) -> Option<FlagChange> {
    let shown = new.or(old)?;
    let change = presence(old.is_some(), new.is_some());
    let edits = match (old, new) {
        (Some(old), Some(new)) if std::ptr::eq(old, new) => return None,
        (Some(old), Some(new)) => edits(old, new),
        _ => Vec::new(),
    };
    // No answer changes by itself. (One that changes with a segment is told there.)
    if change == Presence::Changed && edits.is_empty() {
        return None;
    }
    let effects = effect::of(old, new);
    Some(FlagChange {
        key: shown.key.clone(),
        name: shown.name.clone(),
        kind: shown.kind,
        enabled: shown.enabled,
        change,
        edits,
        effects,
    })
}

fn text_edit(old: &str, new: &str) -> Option<TextEdit> {
    (old != new).then(|| TextEdit { old: old.into(), new: new.into() })
}

fn edits(old: &Flag, new: &Flag) -> Vec<Edit> {
    let mut edits = Vec::new();
    edits.extend(text_edit(&old.name, &new.name).map(Edit::Name));
    edits.extend(text_edit(&old.description, &new.description).map(Edit::Description));
    if old.kind != new.kind {
        edits.push(Edit::Kind { old: old.kind, new: new.kind });
    }
    if old.enabled != new.enabled {
        edits.push(Edit::Enabled { old: old.enabled, new: new.enabled });
    }
    let metadata = |flag: &Flag| flag.metadata.as_deref().unwrap_or("null").to_owned();
    edits.extend(value::edit(&metadata(old), &metadata(new)).map(Edit::Metadata));
    let before = edits.len();
    variants(&old.variants, &new.variants, &mut edits);
    let default = |flag: &Flag| flag.default_variant.as_ref().map(|variant| variant.key.clone());
    let attached = |flag: &Flag| flag.default_variant.as_ref().map(|variant| variant.attachment.clone());
    // Of two variants with one key another one may be meant.
    if default(old) != default(new) || (edits.len() == before && attached(old) != attached(new)) {
        edits.push(Edit::DefaultVariant { old: default(old), new: default(new) });
    }
    edits.extend(step::edits(StepKind::Rule, &step::rules(old), &step::rules(new)).into_iter().map(Edit::Step));
    let rollouts = step::edits(StepKind::Rollout, &step::rollouts(old), &step::rollouts(new));
    edits.extend(rollouts.into_iter().map(Edit::Step));
    edits
}

fn variants(old: &[Variant], new: &[Variant], edits: &mut Vec<Edit>) {
    // Keys may be repeated: the second of a key is compared with the second.
    fn numbered(variants: &[Variant]) -> BTreeMap<(&str, usize), &Variant> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut number = |key| {
            let count = seen.entry(key).or_default();
            *count += 1;
            *count
        };
        variants.iter().map(|variant| ((&*variant.key, number(&variant.key)), variant)).collect()
    }
    let before = edits.len();
    let (olds, news) = (numbered(old), numbered(new));
    let keys: BTreeSet<_> = olds.keys().chain(news.keys()).collect();
    for key in keys {
        let (old, new) = (olds.get(key), news.get(key));
        let change = presence(old.is_some(), new.is_some());
        let both = old.zip(new);
        let name = both.and_then(|(old, new)| text_edit(&old.name, &new.name));
        let description = both.and_then(|(old, new)| text_edit(&old.description, &new.description));
        let attachment = both.and_then(|(old, new)| value::edit(&old.attachment, &new.attachment));
        let same = name.is_none() && description.is_none() && attachment.is_none();
        if change != Presence::Changed || !same {
            edits.push(Edit::Variant { key: key.0.into(), change, name, description, attachment });
        }
    }
    let order = |variants: &[Variant]| variants.iter().map(|variant| variant.key.clone()).collect::<Vec<_>>();
    if edits.len() == before && order(old) != order(new) {
        edits.push(Edit::VariantOrder);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the interface of serde")]
fn kind_name<S: serde::Serializer>(kind: &FlagKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(words::kind(*kind))
}
