//! The immutable, indexed state of an environment at one commit, and the bytes that clients get of it.
//!
//! Flags and segments are made by [`super::document::read`] and shared from there: a snapshot is little more than
//! lists of references into its files, so that the next one costs what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::client;
use super::constraint::{self, Constraint};
use super::document::SourceFile;
use super::problem::{HazardPolicy, Problem};

/// One flag file of a commit: where it stands, its blob, and its content.
#[derive(Debug, Clone)]
pub struct Input {
    /// Path below the environment's directory.
    pub path: Arc<str>,
    /// Id of the blob, hex.
    pub blob: Arc<str>,
    /// What [`super::document::read`] made of it.
    pub file: Arc<SourceFile>,
}

/// Everything that is served of one environment at one commit.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// By key.
    pub namespaces: BTreeMap<Arc<str>, Arc<Namespace>>,
    /// Errors and hazards of all files, in path order.
    pub problems: Vec<Problem>,
    /// Namespaces that stay at an earlier state, because a file that feeds them is in error.
    pub held: Vec<Arc<str>>,
}

/// One namespace, compiled.
#[derive(Debug, Default)]
pub struct Namespace {
    /// Its key.
    pub key: Arc<str>,
    /// Flipt's digest of the namespace: the `ETag` of its client snapshot.
    pub digest: Arc<str>,
    /// The blobs it was made of, in load order: (path, blob id). What is kept to find the last good state again.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
    /// In load order, also those that a later one of the same key replaces.
    pub(super) flags: Arc<[Arc<Flag>]>,
    /// The last of each key, sorted by key: indices of the flags. A list of its own, since most changes leave it as it is.
    by_key: Arc<[u32]>,
    /// The last of each key, sorted by key.
    segments: Box<[Arc<Segment>]>,
    /// Hazards that only show when files are linked; told again whenever the namespace is taken over.
    pub(super) hazards: Vec<Problem>,
    client: Encoded,
}

/// What kind of answers a flag gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// One of several variants.
    Variant,
    /// On or off.
    Boolean,
}

/// One flag, compiled.
#[derive(Debug, Clone)]
pub struct Flag {
    /// Its key.
    pub key: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// For people.
    pub description: Box<str>,
    /// What it answers.
    pub kind: FlagKind,
    /// For booleans the value if nothing matches; for variants whether rules are looked at.
    pub enabled: bool,
    /// `metadata` as compact JSON with sorted keys.
    pub metadata: Option<Box<str>>,
    /// The variant of `default: true`.
    pub default_variant: Option<Variant>,
    /// In the order of the file.
    pub variants: Box<[Variant]>,
    /// Of a variant flag, in the order in which they are tried. (Rules of a boolean flag are kept too: the snapshot
    /// of clients carries them.)
    pub rules: Box<[Rule]>,
    /// Of a boolean flag, in the order in which they are tried.
    pub rollouts: Box<[Rollout]>,
}

/// A variant as answers carry it.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its key.
    pub key: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// For people.
    pub description: Box<str>,
    /// Compact JSON with sorted keys; `null` where the file has none.
    pub attachment: Box<str>,
}

/// How several segments make one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SegmentOperator {
    /// One of them matches.
    #[default]
    Or,
    /// All of them match; of no segments that is everyone.
    And,
}

/// The segments of a rule or rollout that take part: each key once, those with a malformed constraint left out.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// In the order of the file.
    pub segments: Box<[Arc<Segment>]>,
    /// How they combine.
    pub operator: SegmentOperator,
    /// The list with its repeated keys, if it has any: the snapshot of clients carries them.
    pub(super) repeated: Option<Box<[Arc<Segment>]>>,
    /// Those that are named and take no part, because of a malformed constraint: an explanation tells them.
    pub(super) left_out: Box<[Arc<Segment>]>,
}

/// One rule of a variant flag.
#[derive(Debug, Clone)]
pub struct Rule {
    /// For whom.
    pub targets: Targets,
    /// What they get.
    pub distributions: Box<[Distribution]>,
}

/// The share of one variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// Index into [`Flag::variants`].
    pub variant: u32,
    /// As the file has it, in percent.
    pub rollout: f32,
    /// The bucket at which the share ends ([`super::bucket::boundaries`]).
    pub end: u32,
}

/// One step of a boolean flag.
#[derive(Debug, Clone)]
pub enum Rollout {
    /// A share of all entities.
    Threshold {
        /// In percent; entities below it match.
        percentage: f32,
        /// What they get.
        value: bool,
    },
    /// The entities of segments.
    Segment {
        /// For whom.
        targets: Targets,
        /// What they get.
        value: bool,
    },
    /// `{}`: nothing, but it counts for the ranks of the others.
    Empty,
}

/// A segment, compiled.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its key.
    pub key: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// For people.
    pub description: Box<str>,
    /// Whether every constraint has to match, not only one.
    pub all: bool,
    /// In the order of the file.
    pub constraints: Box<[Constraint]>,
    /// A constraint's value does not parse: the segment takes no part.
    pub malformed: bool,
    /// Which values those are, in words.
    pub faults: Box<[constraint::Malformed]>,
}

/// A body with its compressed form, each made once, when first asked for.
#[derive(Debug, Default)]
pub struct Encoded {
    identity: std::sync::OnceLock<Bytes>,
    gzip: std::sync::OnceLock<Bytes>,
}

impl Encoded {
    /// The plain bytes; `make` runs at most once.
    pub fn identity(&self, make: impl FnOnce() -> Vec<u8>) -> Bytes {
        self.identity.get_or_init(|| Bytes::from(make())).clone()
    }

    /// The same in gzip; `make` runs at most once, and only if the plain bytes were never asked for.
    pub fn gzip(&self, make: impl FnOnce() -> Vec<u8>) -> Bytes {
        self.gzip
            .get_or_init(|| {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                // Writing to memory cannot fail; if it ever did, the plain bytes would be missing their end, so an
                // empty body is never served instead: the caller falls back to identity.
                let plain = self.identity(make);
                match std::io::Write::write_all(&mut out, &plain).and_then(|()| out.finish()) {
                    Ok(bytes) => Bytes::from(bytes),
                    Err(_) => Bytes::new(),
                }
            })
            .clone()
    }
}

impl Flag {
    /// The variant of a distribution.
    #[must_use]
    pub fn variant_of(&self, distribution: &Distribution) -> Option<&Variant> {
        self.variants.get(usize::try_from(distribution.variant).ok()?)
    }
}

impl Namespace {
    pub(super) fn new(
        key: Arc<str>,
        digest: Arc<str>,
        sources: Vec<(Arc<str>, Arc<str>)>,
        (flags, by_key): (Arc<[Arc<Flag>]>, Arc<[u32]>),
        segments: &[Arc<Segment>],
        hazards: Vec<Problem>,
    ) -> Self {
        let order = last_of_each(segments, |segment| &segment.key);
        let segments = order.iter().filter_map(|index| at(segments, *index)).map(Arc::clone).collect();
        Self { key, digest, sources, flags, by_key, segments, hazards, client: Encoded::default() }
    }

    /// A flag by key; of several with one key the last counts.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        let key_of = |index: &u32| at(&self.flags, *index).map_or("", |flag| &*flag.key);
        let found = self.by_key.binary_search_by(|index| key_of(index).cmp(key)).ok()?;
        self.by_key.get(found).and_then(|index| at(&self.flags, *index)).map(|flag| &**flag)
    }

    /// Every flag once, in key order.
    #[must_use]
    pub fn flags_by_key(&self) -> impl ExactSizeIterator<Item = &Flag> {
        Flags { namespace: self, order: self.by_key.iter() }
    }

    /// Every segment once, in key order, also those that no flag names.
    #[must_use]
    pub fn segments_by_key(&self) -> impl ExactSizeIterator<Item = &Segment> {
        self.segments.iter().map(|segment| &**segment)
    }

    /// The client snapshot as JSON (what `…/snapshot` answers and every `{"result":…}` line of a stream carries).
    #[must_use]
    pub fn client_snapshot(&self) -> Bytes {
        self.client.identity(|| client::encode(self))
    }

    /// The same, compressed.
    #[must_use]
    pub fn client_snapshot_gzip(&self) -> Bytes {
        self.client.gzip(|| client::encode(self))
    }
}

/// The flags of a namespace in the order of their keys.
struct Flags<'n> {
    namespace: &'n Namespace,
    order: std::slice::Iter<'n, u32>,
}

impl<'n> Iterator for Flags<'n> {
    type Item = &'n Flag;

    fn next(&mut self) -> Option<Self::Item> {
        self.order.next().and_then(|index| at(&self.namespace.flags, *index)).map(|flag| &**flag)
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.order.nth(n).and_then(|index| at(&self.namespace.flags, *index)).map(|flag| &**flag)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.order.size_hint()
    }
}

impl ExactSizeIterator for Flags<'_> {}

fn at<T>(items: &[T], index: u32) -> Option<&T> {
    items.get(usize::try_from(index).ok()?)
}

/// The last of each key, sorted by key: indices.
pub(super) fn last_of_each<T>(items: &[Arc<T>], key: impl Fn(&T) -> &str) -> Arc<[u32]> {
    // The sort is stable: from the end, the last of equal keys comes first and survives.
    let mut sorted: Vec<(&str, u32)> = items.iter().zip(0..).map(|(item, index)| (key(item), index)).collect();
    sorted.reverse();
    sorted.sort_by_key(|(key, _)| *key);
    sorted.dedup_by(|later, first| later.0 == first.0);
    sorted.into_iter().map(|(_, index)| index).collect()
}

/// Links the files of a commit to namespaces.
///
/// A namespace fed only by files that `previous` was also made of, in the same order, is taken over as it is. A
/// namespace one of whose files is in error (or, with [`HazardPolicy::Refuse`], has a hazard) stays as in `previous`;
/// so do the namespaces that a file fed in `previous` and that can no longer be read at all. The others move.
#[must_use]
pub fn assemble(inputs: &[Input], previous: &Environment, hazards: HazardPolicy) -> Environment {
    super::link::assemble(inputs, previous, hazards)
}
