//! The files of a draft: each edited once, read again, and held against the draft.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, Sheet, Step};
use super::{Look, Refusal, invalid};
use crate::flags::document::{self, Format, SourceFile};
use crate::flags::edit::{self, Edit, Rewritten};
use crate::flags::problem::{Problem, Severity};
use crate::flags::resource::view::{File, View};
use crate::flags::resource::{Flag, Kind, Resource, Segment};

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
            let former = before.files.iter().find(|file| file.path == *path).zip(old.as_deref());
            changed.insert(path, Some(read(path, former, &new, look.source(path).as_deref())?));
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
fn read(
    path: &Arc<str>,
    former: Option<(&File, &[u8])>,
    bytes: &[u8],
    source: Option<&SourceFile>,
) -> Result<File, Refusal> {
    let source = document::read_after(source, Format::Yaml, bytes);
    let errors = source.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let problems: Vec<Problem> = errors.map(|problem| Problem { file: Arc::clone(path), ..problem.clone() }).collect();
    if let Some(first) = problems.first() {
        let line = first.at.map_or_else(String::new, |at| format!(" line {}", at.line));
        let message = format!("{path}{line} would have an error: {}: {}", first.key_path, first.message);
        return Err(Refusal::Invalid { message, problems });
    }
    Ok(match former {
        Some((file, old)) => file.after(&"".into(), old, bytes, &source),
        None => File::checked(path, &"".into(), Format::Yaml, bytes, &source),
    })
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
        let mine = |kind: Kind| {
            let of = draft.resources().iter().filter(move |((of, other, _), _)| of == namespace && *other == kind);
            of.map(|((.., key), resource)| (key.as_str(), resource.as_ref().filter(|_| !gone)))
        };
        let flags: BTreeMap<&str, Option<&Resource>> = mine(Kind::Flag).collect();
        let (old, new) = (if gone { Vec::new() } else { before.flags(namespace) }, after.flags(namespace));
        let asked = |flag: &Flag| matches!(flags.get(&*flag.key), Some(Some(Resource::Flag(asked))) if asked == flag);
        if !says(&old, &new, |flag| &flag.key, &flags, asked) {
            return Err(wrong("a flag"));
        }
        let segments: BTreeMap<&str, Option<&Resource>> = mine(Kind::Segment).collect();
        let (old, new) = (if gone { Vec::new() } else { before.segments(namespace) }, after.segments(namespace));
        let asked = |found: &Segment| matches!(segments.get(&*found.key), Some(Some(Resource::Segment(asked))) if asked == found);
        if !says(&old, &new, |found| &found.key, &segments, asked) {
            return Err(wrong("a segment"));
        }
    }
    Ok(())
}

/// Whether a list is what was asked for where something was asked, and as it was everywhere else.
fn says<T: PartialEq>(
    old: &[&T],
    new: &[&T],
    key: impl Fn(&T) -> &str,
    wanted: &BTreeMap<&str, Option<&Resource>>,
    asked: impl Fn(&T) -> bool,
) -> bool {
    let other = |item: &&&T| !wanted.contains_key(key(item));
    let as_it_was = old.iter().filter(other).eq(new.iter().filter(other));
    let done = new.iter().filter(|item| !other(item)).filter(|item| asked(item)).count();
    let to_do = wanted.values().filter(|resource| resource.is_some()).count();
    let there = new.iter().filter(|item| !other(item)).count();
    as_it_was && done == to_do && there == to_do
}
