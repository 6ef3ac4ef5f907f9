//! Flags, segments and namespaces as a file declares them: what an editor shows and what a write stores.
//!
//! A compiled [`Flag`](super::snapshot::Flag) holds what evaluation needs and nothing else; these hold everything that
//! a person may have written, in the order of the file, and nothing of how it was written. They are what the management
//! API reads and takes, what an [`edit`](super::edit) puts into a text, and what two people's changes are merged as.

mod after;
mod merge;
mod mistakes;
pub mod payload;
pub mod place;
mod read;
mod revision;
mod value;
pub mod view;

pub use merge::{Compared, Field, Side, compare, merge};
pub use mistakes::{mistakes, new_mistake};
pub use read::read;
pub use revision::revision;

use serde_json::{Map, Value};

use super::constraint::Subject;
use super::snapshot::{FlagKind, SegmentOperator};

/// What can be edited by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `flipt.core.Flag`.
    Flag,
    /// `flipt.core.Segment`.
    Segment,
}

impl Kind {
    /// As the management API spells it.
    #[must_use]
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Flag => "flipt.core.Flag",
            Self::Segment => "flipt.core.Segment",
        }
    }

    /// As sentences and commit messages spell it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Segment => "segment",
        }
    }
}

/// A flag or a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A flag.
    Flag(Flag),
    /// A segment.
    Segment(Segment),
}

impl Resource {
    /// Which of the two.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Flag(_) => Kind::Flag,
            Self::Segment(_) => Kind::Segment,
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Flag(flag) => &flag.key,
            Self::Segment(segment) => &segment.key,
        }
    }
}

/// The head of a namespace. Every document of a namespace has one; they may differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespace {
    /// Key.
    pub key: String,
    /// For people; the key, where the file has none.
    pub name: String,
    /// For people.
    pub description: String,
}

/// A flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it answers.
    pub kind: FlagKind,
    /// The switch.
    pub enabled: bool,
    /// Anything that JSON can hold, but null.
    pub metadata: Option<Map<String, Value>>,
    /// In the order of the file.
    pub variants: Vec<Variant>,
    /// Key of the variant with `default: true`; the last that says so.
    pub default_variant: Option<String>,
    /// In the order in which they are tried.
    pub rules: Vec<Rule>,
    /// In the order in which they are tried.
    pub rollouts: Vec<Rollout>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variant {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What callers get with it.
    pub attachment: Option<Value>,
}

/// Whom a rule or rollout is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segments {
    /// Keys of segments.
    pub keys: Vec<String>,
    /// How they combine.
    pub operator: SegmentOperator,
}

/// A rule of a variant flag.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    /// For whom.
    pub segments: Segments,
    /// What they get.
    pub distributions: Vec<Distribution>,
}

/// The share of one variant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distribution {
    /// Key of the variant.
    pub variant: String,
    /// In percent.
    pub rollout: f32,
}

/// A rollout of a boolean flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// For people.
    pub description: String,
    /// For whom, and what they get.
    pub to: RolloutTo,
}

impl Rollout {
    /// The segments that it is for, if it is for segments.
    #[must_use]
    pub const fn segments(&self) -> Option<&Segments> {
        match &self.to {
            RolloutTo::Segment { segments, .. } => Some(segments),
            RolloutTo::Threshold { .. } | RolloutTo::Nobody => None,
        }
    }
}

/// For whom a rollout is.
#[derive(Debug, Clone, PartialEq)]
pub enum RolloutTo {
    /// The entities of segments.
    Segment {
        /// For whom.
        segments: Segments,
        /// What they get.
        value: bool,
    },
    /// A share of all entities.
    Threshold {
        /// In percent.
        percentage: f32,
        /// What they get.
        value: bool,
    },
    /// Nobody: a file may have `{}` there.
    Nobody,
}

/// A segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether every constraint has to match (`ALL_MATCH_TYPE`), not only one.
    pub all: bool,
    /// In the order of the file.
    pub constraints: Vec<Constraint>,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// What it compares.
    pub subject: Subject,
    /// Property of the context.
    pub property: String,
    /// As the file spells it: `eq`, `isoneof`.
    pub operator: String,
    /// As the API carries it: lists as a JSON text.
    pub value: String,
    /// For people.
    pub description: String,
}

/// One document of a file, declared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// `1.0` to `1.6`; the newest where the file has none.
    pub version: String,
    /// The namespace that it is part of; `default` where the file has none.
    pub namespace: Namespace,
    /// In the order of the file.
    pub flags: Vec<Flag>,
    /// In the order of the file.
    pub segments: Vec<Segment>,
}
