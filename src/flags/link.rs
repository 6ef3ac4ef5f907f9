//! The files of a commit -> namespaces.
//!
//! Files are loaded in the order in which Flipt walks a tree, documents in the order of their file. A flag sees the
//! segments of its own document and of those before it, as they were at that moment; later documents do not reach it.
//! A namespace moves as a whole or not at all.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use super::check::{duplicate, empty_targets, resolve};
use super::document::{Document, Foreign};
use super::field::Finding;
use super::problem::{HazardPolicy, Problem, Severity};
use super::snapshot::{Environment, Flag, Input, Namespace, Rollout, Segment, last_of_each};
use crate::limits;
use crate::yaml::{Position, quote};

pub(super) fn assemble(inputs: &[Input], previous: &Environment, policy: HazardPolicy) -> Environment {
    let mut order: Vec<&Input> = inputs.iter().collect();
    order.sort_by(|a, b| walk_order(&a.path, &b.path));

    let mut problems: Vec<Problem> = Vec::new();
    let mut held: BTreeSet<Arc<str>> = BTreeSet::new();
    // Held because something of them could not be read: then linking them would tell of references that are fine.
    let mut broken: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut fed: BTreeMap<Arc<str>, Vec<(&Input, &Document)>> = BTreeMap::new();
    let mut unreadable: Vec<&Arc<str>> = Vec::new();
    for input in order {
        let named = input.file.problems.iter().map(|p| Problem { file: Arc::clone(&input.path), ..p.clone() });
        problems.extend(named);
        let documents = input.file.documents.iter();
        for (namespace, document) in documents.filter_map(|d| d.namespace.as_ref().map(|namespace| (namespace, d))) {
            if document.failed || input.file.unreadable {
                broken.insert(Arc::clone(namespace));
            } else if policy == HazardPolicy::Refuse && document.hazardous {
                held.insert(Arc::clone(namespace));
            }
            fed.entry(Arc::clone(namespace)).or_default().push((input, document));
        }
        if input.file.unreadable {
            unreadable.push(&input.path);
        }
    }
    // What an unreadable file fed before, it may still feed.
    if !unreadable.is_empty() {
        unreadable.sort_unstable();
        for (key, namespace) in &previous.namespaces {
            if namespace.sources.iter().any(|(path, _)| unreadable.binary_search(&path).is_ok()) {
                broken.insert(Arc::clone(key));
            }
        }
    }

    let mut namespaces = BTreeMap::new();
    for (key, documents) in fed {
        if broken.contains(&key) {
            continue;
        }
        let before = previous.namespaces.get(&key);
        let linked = match before {
            Some(before) if same_sources(before, &documents) => {
                problems.extend(before.hazards.iter().cloned());
                Ok(Arc::clone(before))
            }
            _ => link(&key, &documents).map(|namespace| {
                problems.extend(namespace.hazards.iter().cloned());
                Arc::new(namespace)
            }),
        };
        match linked {
            Ok(namespace) if policy == HazardPolicy::Refuse && !namespace.hazards.is_empty() => {
                held.insert(Arc::clone(&key));
            }
            Ok(namespace) if !held.contains(&key) => {
                namespaces.insert(Arc::clone(&key), namespace);
            }
            Ok(_) => {}
            Err(errors) => {
                problems.extend(errors);
                held.insert(Arc::clone(&key));
            }
        }
    }
    held.append(&mut broken);
    for key in &held {
        if let Some(before) = previous.namespaces.get(key) {
            namespaces.insert(Arc::clone(key), Arc::clone(before));
        }
    }
    problems.sort_by(|a, b| walk_order(&a.file, &b.file).then(a.at.cmp(&b.at)));
    Environment { namespaces, problems, held: held.into_iter().collect() }
}

/// A directory's entries in the order of their names, each directory followed into where it stands.
fn walk_order(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

fn same_sources(namespace: &Namespace, documents: &[(&Input, &Document)]) -> bool {
    let mut files = sources(documents);
    namespace
        .sources
        .iter()
        .all(|source| files.next().is_some_and(|(path, blob)| source.0 == *path && source.1 == *blob))
        && files.next().is_none()
}

/// The files of documents, each once.
fn sources<'i>(documents: &[(&'i Input, &Document)]) -> impl Iterator<Item = (&'i Arc<str>, &'i Arc<str>)> {
    let mut last: Option<&Arc<str>> = None;
    documents.iter().filter_map(move |(input, _)| {
        let again = last.is_some_and(|path| *path == input.path);
        last = Some(&input.path);
        (!again).then_some((&input.path, &input.blob))
    })
}

/// Links the documents of one namespace, or tells every reference that leads nowhere.
fn link(key: &Arc<str>, documents: &[(&Input, &Document)]) -> Result<Namespace, Vec<Problem>> {
    let mut digest = String::new();
    let mut segments: HashMap<&str, (&Arc<Segment>, &Input, Position)> = HashMap::new();
    let mut places: HashMap<&str, (&Input, &Document, Position)> = HashMap::new();
    let several = documents.len() > 1;
    // The flags of one document by itself are taken as they are.
    let alone = match documents {
        [(_, document)] if document.foreign.is_empty() => Some(document),
        _ => None,
    };
    let counted = documents.iter().filter(|_| alone.is_none());
    let mut flags: Vec<Arc<Flag>> = Vec::with_capacity(counted.map(|(_, document)| document.flags.len()).sum());
    let mut told = Told { namespace: key, errors: Vec::new(), hazards: Vec::new() };
    for (input, document) in documents {
        digest = chained(&digest, &input.file.sha1);
        let listed = document.segments.iter().enumerate();
        for (index, (at, segment)) in listed.filter(|_| several || !document.foreign.is_empty()) {
            if let Some((_, first, place)) = segments.insert(&segment.key, (segment, input, *at))
                && !std::ptr::eq(first, *input)
            {
                let what = duplicate("segment", &segment.key, place, "the last one counts");
                told.again(input, *at, format!("segments[{index}].key"), what, first);
            }
        }
        let start = flags.len();
        let with_places = document.places.iter().zip(document.flags.iter());
        for (index, (at, flag)) in with_places.enumerate().filter(|_| several) {
            if let Some((first, other, place)) = places.insert(&flag.key, (input, document, *at))
                && !std::ptr::eq(other, *document)
            {
                let what = duplicate("flag", &flag.key, place, "the last one counts");
                told.again(input, *at, format!("flags[{index}].key"), what, first);
            }
        }
        if alone.is_none() {
            flags.extend(document.flags.iter().map(Arc::clone));
        }
        for foreign in document.foreign.iter() {
            let Some(targets) = resolve(&foreign.keys, foreign.operator, |key| segments.get(key).map(|(s, ..)| *s))
            else {
                told.unknown(input, document, foreign, |key| segments.contains_key(key));
                continue;
            };
            if let Some(what) = empty_targets(&targets, &foreign.keys) {
                let at = foreign.keys.first().map(|(at, _)| foreign.place(*at));
                told.tell(Severity::Hazard, input, at, foreign.key_path(), what);
            }
            // The flag of the file stays as it is: other commits share it.
            let Some(flag) = flags.get_mut(start + foreign.flag).map(Arc::make_mut) else { continue };
            if foreign.rollout {
                if let Some(Rollout::Segment { targets: slot, .. }) = flag.rollouts.get_mut(foreign.index) {
                    *slot = targets;
                }
            } else if let Some(rule) = flag.rules.get_mut(foreign.index) {
                rule.targets = targets;
            }
        }
    }
    if !told.errors.is_empty() {
        told.errors.append(&mut told.hazards);
        return Err(told.errors);
    }
    let sources = sources(documents).map(|(path, blob)| (Arc::clone(path), Arc::clone(blob))).collect();
    let segments = documents.iter().flat_map(|(_, document)| &document.segments);
    let segments: Vec<Arc<Segment>> = segments.map(|(_, segment)| Arc::clone(segment)).collect();
    let (flags, order) = if let Some(document) = alone {
        (Arc::clone(&document.flags), Arc::clone(&document.order))
    } else {
        let order = last_of_each(&flags, |flag| &flag.key);
        (flags.into(), order)
    };
    Ok(Namespace::new(Arc::clone(key), digest.into(), sources, (flags, order), &segments, told.hazards))
}

/// Flipt's digest: the hash of the file for the first document; each further one hashes the digest so far together
/// with the hash of its file, and keeps 32 digits.
pub(super) fn chained(digest: &str, file: &str) -> String {
    if digest.is_empty() {
        return file.to_owned();
    }
    let mut chained = hex::encode(Sha1::new().chain_update(digest).chain_update(file).finalize());
    chained.truncate(32);
    chained
}

/// What linking one namespace finds.
struct Told<'k> {
    namespace: &'k Arc<str>,
    errors: Vec<Problem>,
    hazards: Vec<Problem>,
}

impl Told<'_> {
    fn tell(&mut self, severity: Severity, input: &Input, at: Option<Position>, key_path: String, what: Finding) {
        let problems = match severity {
            Severity::Error => &mut self.errors,
            Severity::Hazard | Severity::Warning => &mut self.hazards,
        };
        if problems.len() < limits::FLAG_PROBLEMS {
            problems.push(Problem {
                severity,
                code: what.code,
                file: Arc::clone(&input.path),
                at,
                key_path,
                namespace: Some(Arc::clone(self.namespace)),
                message: what.message,
                help: what.help,
            });
        }
    }

    /// A key that an earlier document has too.
    fn again(&mut self, input: &Input, at: Position, key_path: String, mut what: Finding, first: &Input) {
        if first.path != input.path {
            what.message = format!("{} (the other one is in {})", what.message, first.path);
        }
        self.tell(Severity::Hazard, input, Some(at), key_path, what);
    }

    fn unknown(&mut self, input: &Input, document: &Document, foreign: &Foreign, known: impl Fn(&str) -> bool) {
        let flag = document.flags.get(foreign.flag).map_or("", |flag| &flag.key);
        let what = if foreign.rollout { "rollout" } else { "rule" };
        for (at, key) in foreign.keys.iter().filter(|(_, key)| !known(key)) {
            let message = format!(
                "{what} {} of flag \"{flag}\" names the segment {}, which is not known",
                foreign.index + 1,
                quote(key)
            );
            let help = "define it in this document, or in one that is loaded before it";
            let found = super::field::finding("unknown-segment", message, help);
            self.tell(Severity::Error, input, Some(foreign.place(*at)), foreign.key_path(), found);
        }
    }
}
