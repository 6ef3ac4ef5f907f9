//! Every namespace of an environment at one commit, declared: what management lists and edits start from.
//!
//! A namespace is known by the key in its documents, never by the name of a directory, and may be spread over several
//! of them. What two of them define counts as for evaluation: the last in load order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::document::{self, Format, SourceFile};
use super::super::problem::Severity;
use super::{Document, Flag, Kind, Namespace, Resource, Segment, read};
use crate::yaml::{self, json};

/// Key of the namespace that is always there.
pub const DEFAULT: &str = "default";

/// One flag file of the environment.
#[derive(Debug, Clone)]
pub struct File {
    /// Path below the environment's directory.
    pub path: Arc<str>,
    /// Id of the blob, hex.
    pub blob: Arc<str>,
    /// Its documents, in order; of a file in error nothing can be shown, and this says why.
    pub documents: Result<Arc<[Document]>, Arc<str>>,
}

/// The declared state of an environment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// In path order, which is load order.
    pub files: Vec<File>,
}

/// A namespace as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its head.
    pub namespace: Namespace,
    /// It cannot be deleted.
    pub protected: bool,
    /// It stands in JSON files alone, which are read and not written.
    pub read_only: bool,
}

/// One use of a segment, as sentences name it: `flag "f" rule 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use<'v> {
    /// Key of the flag.
    pub flag: &'v str,
    /// A rollout, not a rule.
    pub rollout: bool,
    /// Which of them, from 1.
    pub rank: usize,
}

impl File {
    /// Reads a file and checks it.
    #[must_use]
    pub fn new(path: &Arc<str>, blob: &Arc<str>, format: Format, bytes: &[u8]) -> Self {
        Self::checked(path, blob, format, bytes, &document::read(format, bytes))
    }

    /// Reads a file that was checked already, when it was compiled: `source` is what came of the same bytes.
    #[must_use]
    pub fn checked(path: &Arc<str>, blob: &Arc<str>, format: Format, bytes: &[u8], source: &SourceFile) -> Self {
        let documents = match first_error(source) {
            Some(why) => Err(why.into()),
            None => declared(format, bytes).map(Into::into).map_err(Into::into),
        };
        Self { path: Arc::clone(path), blob: Arc::clone(blob), documents }
    }

    /// Whether it can be edited: JSON files are only read.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        document::format_of(&self.path) == Some(Format::Yaml)
    }

    /// Its directory below that of the environment.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// Its documents; none of a file in error.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        self.documents.as_deref().unwrap_or_default()
    }

    /// Its documents of a namespace.
    #[must_use]
    pub fn documents_of(&self, namespace: &str) -> impl DoubleEndedIterator<Item = &Document> {
        self.documents().iter().filter(move |document| document.namespace.key == namespace)
    }

    /// Whether it adds to a namespace.
    #[must_use]
    pub fn holds(&self, namespace: &str) -> bool {
        self.documents_of(namespace).next().is_some()
    }
}

/// The first error of a file with its line, in words.
fn first_error(source: &SourceFile) -> Option<String> {
    let error = source.problems.iter().find(|problem| problem.severity == Severity::Error)?;
    let line = error.at.map_or_else(String::new, |at| format!("line {}: ", at.line));
    let path = if error.key_path.is_empty() { String::new() } else { format!("{}: ", error.key_path) };
    Some(format!("{line}{path}{}", error.message))
}

/// The documents of a file without errors; one of nothing, as after a last `---`, is left out.
pub(super) fn declared(format: Format, bytes: &[u8]) -> Result<Vec<Document>, String> {
    let stream = yaml::decode(bytes).and_then(|text| match format {
        Format::Yaml => yaml::read(text, yaml::Limits::default()),
        Format::Json => json::read(text, yaml::Limits::default()),
    });
    let stream = stream.map_err(|error| format!("line {}: {error}", error.at.line))?;
    Ok(stream.documents.iter().filter(|node| !node.is_null()).map(|node| read::read(node, format)).collect())
}

impl View {
    /// The documents of a namespace, in load order.
    #[must_use]
    pub fn documents(&self, namespace: &str) -> impl DoubleEndedIterator<Item = &Document> {
        self.files.iter().flat_map(move |file| file.documents_of(namespace))
    }

    /// The files of a namespace, in load order.
    #[must_use]
    pub fn files_of(&self, namespace: &str) -> impl DoubleEndedIterator<Item = &File> {
        self.files.iter().filter(move |file| file.holds(namespace))
    }

    /// The files in error, with the reason.
    pub fn broken(&self) -> impl Iterator<Item = (&File, &str)> {
        self.files.iter().filter_map(|file| Some((file, &**file.documents.as_ref().err()?)))
    }

    /// Every namespace by key. `default` is always there, also without a file.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Listed> {
        let mut listed: BTreeMap<&str, Listed> = BTreeMap::new();
        for file in &self.files {
            for document in file.documents() {
                let head = &document.namespace;
                let read_only = !file.is_writable();
                match listed.get_mut(&*head.key) {
                    // The first that can be edited speaks for the namespace.
                    Some(known) if known.read_only && !read_only => {
                        (known.namespace, known.read_only) = (head.clone(), false);
                    }
                    Some(_) => {}
                    None => {
                        let protected = head.key == DEFAULT;
                        listed.insert(&head.key, Listed { namespace: head.clone(), protected, read_only });
                    }
                }
            }
        }
        listed.entry(DEFAULT).or_insert_with(|| Listed {
            namespace: virtual_default(),
            protected: true,
            read_only: false,
        });
        listed.into_values().collect()
    }

    /// One namespace.
    #[must_use]
    pub fn namespace(&self, key: &str) -> Option<Listed> {
        let mut writable = self.files_of(key).filter(|file| file.is_writable());
        let first = |file: &File| file.documents_of(key).next().map(|document| document.namespace.clone());
        let (namespace, read_only) = match writable.find_map(first) {
            Some(namespace) => (namespace, false),
            None => match self.files_of(key).find_map(first) {
                Some(namespace) => (namespace, true),
                None if key == DEFAULT => (virtual_default(), false),
                None => return None,
            },
        };
        Some(Listed { namespace, protected: key == DEFAULT, read_only })
    }

    /// The flags of a namespace in load order; of equal keys the last.
    #[must_use]
    pub fn flags(&self, namespace: &str) -> Vec<&Flag> {
        last_of_each(self.documents(namespace).flat_map(|document| &document.flags).collect(), |flag| &flag.key)
    }

    /// The segments of a namespace in load order; of equal keys the last.
    #[must_use]
    pub fn segments(&self, namespace: &str) -> Vec<&Segment> {
        last_of_each(self.documents(namespace).flat_map(|document| &document.segments).collect(), |found| &found.key)
    }

    /// All resources of a kind, as [`Self::flags`] and [`Self::segments`].
    #[must_use]
    pub fn resources(&self, namespace: &str, kind: Kind) -> Vec<Resource> {
        match kind {
            Kind::Flag => self.flags(namespace).into_iter().cloned().map(Resource::Flag).collect(),
            Kind::Segment => self.segments(namespace).into_iter().cloned().map(Resource::Segment).collect(),
        }
    }

    /// One resource; of equal keys the last, which counts.
    #[must_use]
    pub fn get(&self, namespace: &str, kind: Kind, key: &str) -> Option<Resource> {
        self.documents(namespace).rev().find_map(|document| in_document(document, kind, key))
    }

    /// The file with the definition of a resource that counts.
    #[must_use]
    pub fn home(&self, namespace: &str, kind: Kind, key: &str) -> Option<&File> {
        self.definitions(namespace, kind, key).next_back()
    }

    /// Every file that defines a resource, in load order.
    #[must_use]
    pub fn definitions(&self, namespace: &str, kind: Kind, key: &str) -> impl DoubleEndedIterator<Item = &File> {
        self.files_of(namespace)
            .filter(move |file| file.documents_of(namespace).any(|document| in_document(document, kind, key).is_some()))
    }

    /// The rules and rollouts that name a segment.
    #[must_use]
    pub fn uses_of(&self, namespace: &str, segment: &str) -> Vec<Use<'_>> {
        let flags = self.flags(namespace);
        let uses = flags
            .into_iter()
            .flat_map(|flag| named(flag).filter(|(_, key)| *key == segment).map(|(at, _)| at).collect::<Vec<_>>());
        uses.collect()
    }
}

/// Every segment that a flag names, and where.
pub(crate) fn named(flag: &Flag) -> impl Iterator<Item = (Use<'_>, &str)> {
    let rules = flag.rules.iter().enumerate().map(|(at, rule)| (false, at + 1, Some(&rule.segments)));
    let rollouts = flag.rollouts.iter().enumerate().map(|(at, rollout)| (true, at + 1, rollout.segments()));
    rules.chain(rollouts).flat_map(move |(rollout, rank, segments)| {
        let keys = segments.map(|segments| segments.keys.as_slice()).unwrap_or_default();
        keys.iter().map(move |key| (Use { flag: &flag.key, rollout, rank }, key.as_str()))
    })
}

fn in_document(document: &Document, kind: Kind, key: &str) -> Option<Resource> {
    match kind {
        Kind::Flag => document.flags.iter().rfind(|flag| flag.key == key).cloned().map(Resource::Flag),
        Kind::Segment => document.segments.iter().rfind(|found| found.key == key).cloned().map(Resource::Segment),
    }
}

/// Of equal keys the last stays, where it is.
fn last_of_each<'v, T>(items: Vec<&'v T>, key: impl Fn(&'v T) -> &'v str) -> Vec<&'v T> {
    let last: HashMap<&str, usize> = items.iter().enumerate().map(|(at, item)| (key(item), at)).collect();
    items.into_iter().enumerate().filter(|(at, item)| last.get(key(item)) == Some(at)).map(|(_, item)| item).collect()
}

/// `default` without a file, as Flipt shows it.
fn virtual_default() -> Namespace {
    Namespace { key: DEFAULT.to_owned(), name: DEFAULT.to_owned(), description: "The default namespace".to_owned() }
}
