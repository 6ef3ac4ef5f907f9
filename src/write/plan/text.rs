//! The files of a draft: each edited once, read again, and held against the draft.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, Sheet, Step};
use super::{Look, Refusal, invalid};
use crate::flags::document::{self, Format};
use crate::flags::edit::{self, Edit, Rewritten};
use crate::flags::problem::{Problem, Severity};
use crate::flags::resource::view::{File, View};
use crate::flags::resource::{Kind, Resource};

/// The files as they would be.
#[derive(Default)]
pub(super) struct Edited {
    /// Path and bytes, or none if it goes. Only what differs.
    pub(super) files: Vec<(String, Option<Vec<u8>>)>,
    pub(super) rewritten: Vec<(String, Rewritten)>,
    /// What all files say then.
    pub(super) view: View,
}

/// Edits the files of a draft.
///
/// # Errors
/// A file cannot be edited, would have an error, or would not say what the draft says.
pub(super) fn edited(draft: &Draft<'_>, look: &dyn Look) -> Result<Edited, Refusal> {
    let before = draft.before();
    let mut edited = Edited { view: View { files: Vec::with_capacity(before.files.len() + 1) }, ..Edited::default() };
    let mut changed: BTreeMap<&str, Option<File>> = BTreeMap::new();
    for (path, sheet) in draft.files() {
        if sheet.goes {
            changed.insert(path, None);
            edited.files.push((path.to_string(), None));
            continue;
        }
        let old = if sheet.is_new { None } else { Some(look.text(path)?) };
        let new = self::sheet(path, sheet, old.as_deref(), &mut edited.rewritten)?;
        if let Some(new) = new.filter(|new| old.as_ref() != Some(new)) {
            changed.insert(path, Some(read(path, &new)?));
            edited.files.push((path.to_string(), Some(new)));
        }
    }
    for file in &before.files {
        match changed.remove(&*file.path) {
            Some(file) => edited.view.files.extend(file),
            None => edited.view.files.push(file.clone()),
        }
    }
    for file in changed.into_values().flatten() {
        let order = |other: &File| other.path.split('/').lt(file.path.split('/'));
        let place = edited.view.files.partition_point(order);
        edited.view.files.insert(place, file);
    }
    faithful(draft, &edited)?;
    Ok(edited)
}

/// One file after its steps.
fn sheet(
    path: &str,
    sheet: &Sheet,
    old: Option<&[u8]>,
    rewritten: &mut Vec<(String, Rewritten)>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let mut bytes = old.map(<[u8]>::to_vec);
    let mut steps = sheet.steps.as_slice();
    while let Some((namespace, first)) = steps.first() {
        if matches!(first, Step::Remove) {
            steps = steps.get(1..).unwrap_or_default();
            bytes = Some(edit::without(bytes.as_deref().unwrap_or_default(), namespace).map_err(|why| {
                invalid(format!("the documents of namespace \"{namespace}\" cannot be taken out of {path}: {why}"))
            })?);
            continue;
        }
        let edits: Vec<Edit> = steps
            .iter()
            .map_while(|(other, step)| match step {
                Step::Edit(edit) if other == namespace => Some((**edit).clone()),
                Step::Edit(_) | Step::Remove => None,
            })
            .collect();
        steps = steps.get(edits.len()..).unwrap_or_default();
        let step = edit::apply(bytes.as_deref(), namespace, &edits).map_err(|error| refused(path, error))?;
        bytes = Some(step.bytes);
        rewritten.extend(step.rewritten.into_iter().map(|what| (path.to_owned(), what)));
    }
    Ok(bytes)
}

fn refused(path: &str, error: edit::Error) -> Refusal {
    match error {
        edit::Error::Invalid(message) => invalid(message),
        edit::Error::Unreadable(why) => invalid(format!("{path} cannot be edited until it is repaired: {why}")),
        error @ (edit::Error::NoNamespace(_) | edit::Error::Unfaithful(_)) => Refusal::Bug(format!("{path}: {error}")),
    }
}

/// Reads a file again. Hazards may stand in it; an error may not.
fn read(path: &Arc<str>, bytes: &[u8]) -> Result<File, Refusal> {
    let source = document::read(Format::Yaml, bytes);
    let errors = source.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let problems: Vec<Problem> = errors.map(|problem| Problem { file: Arc::clone(path), ..problem.clone() }).collect();
    if let Some(first) = problems.first() {
        let line = first.at.map_or_else(String::new, |at| format!(" line {}", at.line));
        let message = format!("{path}{line} would have an error: {}: {}", first.key_path, first.message);
        return Err(Refusal::Invalid { message, problems });
    }
    Ok(File::checked(path, &"".into(), Format::Yaml, bytes, &source))
}

/// Whether the files say what the draft says, in every namespace that they could have changed.
fn faithful(draft: &Draft<'_>, edited: &Edited) -> Result<(), Refusal> {
    let (before, after) = (draft.before(), &edited.view);
    let mut namespaces: BTreeSet<&str> = draft.heads().keys().map(String::as_str).collect();
    namespaces.extend(draft.resources().keys().map(|(namespace, ..)| namespace.as_str()));
    let touched = |file: &&File| draft.files().contains_key(&file.path);
    let documents = before.files.iter().filter(touched).chain(after.files.iter().filter(touched));
    namespaces.extend(documents.flat_map(File::documents).map(|document| &*document.namespace.key));
    for namespace in namespaces {
        let wrong = |what: &str| {
            Refusal::Bug(format!(
                "{what} of namespace {namespace} would not be what was asked for; nothing was changed"
            ))
        };
        let head = after.namespace(namespace).map(|listed| listed.namespace);
        if head != draft.namespace(namespace) {
            return Err(wrong("the head"));
        }
        let gone = head.is_none();
        let mut flags: BTreeMap<&str, _> =
            before.flags(namespace).into_iter().filter(|_| !gone).map(|flag| (&*flag.key, flag)).collect();
        let mut segments: BTreeMap<&str, _> =
            before.segments(namespace).into_iter().filter(|_| !gone).map(|found| (&*found.key, found)).collect();
        for ((of, kind, key), resource) in draft.resources() {
            match resource {
                _ if of != namespace || gone => {}
                Some(Resource::Flag(flag)) => drop(flags.insert(key, flag)),
                Some(Resource::Segment(segment)) => drop(segments.insert(key, segment)),
                None if *kind == Kind::Flag => drop(flags.remove(&**key)),
                None => drop(segments.remove(&**key)),
            }
        }
        if flags != after.flags(namespace).into_iter().map(|flag| (&*flag.key, flag)).collect() {
            return Err(wrong("a flag"));
        }
        if segments != after.segments(namespace).into_iter().map(|found| (&*found.key, found)).collect() {
            return Err(wrong("a segment"));
        }
    }
    Ok(())
}
