//! The immutable, indexed state of an environment at one commit, and the bytes that clients get of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

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
#[derive(Debug)]
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

impl Namespace {
    /// A flag by key; of several with one key the last counts.
    #[must_use]
    pub fn flag(&self, _key: &str) -> Option<&Flag> {
        None
    }

    /// Every flag once, in key order.
    #[must_use]
    pub fn flags_by_key(&self) -> impl ExactSizeIterator<Item = &Flag> {
        std::iter::empty()
    }

    /// The client snapshot as JSON (what `…/snapshot` answers and every `{"result":…}` line of a stream carries).
    #[must_use]
    pub fn client_snapshot(&self) -> Bytes {
        Bytes::new()
    }

    /// The same, compressed.
    #[must_use]
    pub fn client_snapshot_gzip(&self) -> Bytes {
        Bytes::new()
    }
}

/// Links the files of a commit to namespaces.
///
/// A namespace fed only by files that `previous` was also made of, in the same order, is taken over as it is. A
/// namespace one of whose files is in error (or, with [`HazardPolicy::Refuse`], has a hazard) stays as in `previous`;
/// so do the namespaces that a file fed in `previous` and that can no longer be read at all. The others move.
#[must_use]
pub fn assemble(_inputs: &[Input], _previous: &Environment, _hazards: HazardPolicy) -> Environment {
    Environment::default()
}
