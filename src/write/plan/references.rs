//! Flags and the segments that they name: a reference that leads nowhere would hold the whole namespace back.

use std::collections::HashSet;

use super::draft::Draft;
use super::{Refusal, invalid};
use crate::flags::resource::Kind;
use crate::flags::resource::view::{Use, View, named};

/// A segment that is named and not known there.
struct Dangling<'v> {
    at: Use<'v>,
    segment: &'v str,
}

/// Refuses references that lead nowhere, and did not lead nowhere before: what is broken already may be repaired bit by
/// bit.
///
/// # Errors
/// The first one, in Flipt's words.
pub(super) fn check(draft: &Draft<'_>, after: &View) -> Result<(), Refusal> {
    let mut checked: HashSet<&str> = HashSet::new();
    let changed = draft.resources().keys().map(|(namespace, ..)| namespace.as_str());
    for namespace in changed.chain(draft.heads().keys().map(String::as_str)) {
        if !checked.insert(namespace) {
            continue;
        }
        let known = dangling(draft.before(), namespace);
        let is_new = |found: &Dangling<'_>| {
            !known.iter().any(|old| old.at.flag == found.at.flag && old.segment == found.segment)
        };
        let Some(Dangling { at, segment }) = dangling(after, namespace).into_iter().find(is_new) else { continue };
        let step = if at.rollout { "rollout" } else { "rule" };
        let (flag, rank) = (at.flag, at.rank);
        let gone =
            matches!(draft.resources().get(&(namespace.to_owned(), Kind::Segment, segment.to_owned())), Some(None));
        return Err(invalid(if gone {
            format!("segment \"{segment}\" is in use by flag \"{flag}\" {step} {rank}")
        } else if after.get(namespace, Kind::Segment, segment).is_some() {
            format!(
                "flag {namespace}/{flag} {step} {rank} references segment \"{segment}\", which stands in a later document \
                 than the flag; a flag sees the segments of its own document and of those before it"
            )
        } else {
            format!("flag {namespace}/{flag} {step} {rank} references unknown segment \"{segment}\"")
        }));
    }
    Ok(())
}

/// Every reference of a namespace that leads nowhere: documents see themselves and those that are loaded before them.
fn dangling<'v>(view: &'v View, namespace: &str) -> Vec<Dangling<'v>> {
    let mut known: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for document in view.documents(namespace) {
        known.extend(document.segments.iter().map(|segment| &*segment.key));
        for (at, segment) in document.flags.iter().flat_map(named) {
            if !known.contains(segment) {
                found.push(Dangling { at, segment });
            }
        }
    }
    found
}
