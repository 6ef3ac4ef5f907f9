//! Why an answer is what it is: step by step, segment by segment, constraint by constraint.
//!
//! An explanation is made beside the evaluation and not in its place. Its answer is that of [`evaluate`](super::evaluate),
//! asked once more, and its steps are made of the same pieces (the same constraint, the same bucket), so the hot way
//! knows nothing of it and the two cannot say different things; that the steps fold to the answer is tested over
//! generated flags. It looks at more than an evaluation does: every constraint of a segment that is reached is told,
//! also behind the one that decided, because whoever repairs a context wants to know all that is wrong with it.
//!
//! It serialises to the JSON of `POST /api/v2/explain` (`docs/evaluate.md`), reads back from it, and renders as
//! [text] for a terminal. Long texts are cut and end in `…`; only the answer is whole.

mod compared;
mod engine;
mod look;
pub mod text;
mod whole;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::look::{answer, explain};

/// An explanation, and what it was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The environment; absent where flags were read without a daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_key: Option<String>,
    /// The namespace.
    pub namespace_key: String,
    /// The commit, hex; absent where the flags are of none.
    pub commit: Option<String>,
    /// Digest of the namespace: the `ETag` of its client snapshot.
    pub digest: String,
    /// Why.
    pub explanation: Explanation,
}

/// Why one flag answers what it does to one entity with one context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The flag.
    pub flag_key: String,
    /// What it answers.
    pub flag_type: FlagType,
    /// As the file has it.
    pub flag_enabled: bool,
    /// For whom.
    pub entity_id: String,
    /// What the evaluation answers.
    pub answer: Answer,
    /// What decided.
    pub decision: Decision,
    /// The same in words.
    pub why: String,
    /// The rules of a variant flag or the rollouts of a boolean one, in the order in which they are tried.
    pub steps: Vec<Step>,
    /// What may surprise about the flag as a whole.
    pub notes: Vec<Note>,
}

/// What a flag answers, as Flipt spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlagType {
    /// On or off.
    #[serde(rename = "BOOLEAN_FLAG_TYPE")]
    Boolean,
    /// One of several variants.
    #[serde(rename = "VARIANT_FLAG_TYPE")]
    Variant,
}

/// An answer, with the members that Flipt's evaluation has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Answer {
    /// Of a boolean flag.
    #[serde(rename = "BOOLEAN_FLAG_TYPE")]
    Boolean {
        /// The value.
        enabled: bool,
        /// `…_EVALUATION_REASON`.
        reason: String,
        /// Segments that matched.
        segment_keys: Vec<String>,
    },
    /// Of a variant flag.
    #[serde(rename = "VARIANT_FLAG_TYPE")]
    Variant {
        /// Whether a rule matched.
        r#match: bool,
        /// `…_EVALUATION_REASON`.
        reason: String,
        /// The variant; empty if there is none.
        variant_key: String,
        /// Compact JSON; empty if there is no variant.
        variant_attachment: String,
        /// Segments that matched.
        segment_keys: Vec<String>,
    },
}

/// What an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Decision {
    /// This rule matched first.
    Rule {
        /// From 1.
        number: usize,
    },
    /// This rollout matched first.
    Rollout {
        /// From 1.
        number: usize,
    },
    /// The flag is disabled, and no rule is looked at.
    Disabled,
    /// Nothing matched: the default variant, or what `enabled` says.
    Default,
    /// Nothing matched, and there is no default variant.
    Nothing,
}

/// How one part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It matched.
    Matched,
    /// It did not.
    NotMatched,
    /// It was not looked at: something before it had decided.
    NotReached,
    /// It takes no part: a segment with a malformed constraint.
    LeftOut,
}

impl Outcome {
    const fn of(matched: bool) -> Self {
        if matched { Self::Matched } else { Self::NotMatched }
    }
}

/// Something that is as it is in Flipt too, and not what one would think. The codes are those of
/// `docs/flag-problems.md`, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Short and stable.
    pub code: String,
    /// In words.
    pub message: String,
}

/// One rule or rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// From 1, in the order of the file.
    pub number: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: String,
    /// What it asks.
    pub condition: Condition,
    /// What it gives to those who match.
    pub gives: Gives,
    /// What may surprise about it.
    pub notes: Vec<Note>,
}

/// What a step asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Condition {
    /// To be in segments.
    Segments {
        /// `OR_SEGMENT_OPERATOR` or `AND_SEGMENT_OPERATOR`.
        operator: String,
        /// Each key once, and those that are left out.
        segments: Vec<SegmentLook>,
    },
    /// To be below a percentage.
    Threshold {
        /// As the file has it.
        percentage: f32,
        /// Where the entity falls, 0 to 99: it matches below the percentage. Absent if it was not looked at.
        hash: Option<Hash>,
    },
    /// `{}`: nothing, and it never matches.
    Nothing,
}

/// Where an entity falls: CRC-32 over the two texts, one after the other, modulo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hash {
    /// What is hashed, in this order.
    pub input: [String; 2],
    /// 1000 for the shares of variants, 100 for thresholds.
    pub modulus: u32,
    /// From 0.
    pub bucket: u32,
}

/// What a step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Gives {
    /// On or off.
    Value {
        /// Which.
        value: bool,
    },
    /// A variant by its share.
    Shares {
        /// In the order of the file; none at all gives the default variant.
        shares: Vec<Share>,
        /// Where the entity falls. Absent if it was not looked at, or nothing is shared.
        hash: Option<Hash>,
    },
}

/// The share of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Its variant.
    pub variant_key: String,
    /// As the file has it, in percent.
    pub rollout: f32,
    /// First bucket of the share; absent if no bucket is in it.
    pub first: Option<u32>,
    /// Last bucket of the share.
    pub last: Option<u32>,
    /// Whether the entity falls into it.
    pub chosen: bool,
}

/// One segment of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentLook {
    /// Its key.
    pub key: String,
    /// `ALL_MATCH_TYPE` or `ANY_MATCH_TYPE`.
    pub match_type: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: String,
    /// How many constraints it has.
    pub constraint_count: usize,
    /// All of them; none where the segment was not looked at, or was too large to tell.
    pub constraints: Vec<ConstraintLook>,
}

/// One constraint, and what it was asked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConstraintLook {
    /// From 1, in the order of the file.
    pub number: usize,
    /// `…_COMPARISON_TYPE`.
    #[serde(rename = "type")]
    pub subject: String,
    /// The property of the context; not looked at where the entity id is compared.
    pub property: String,
    /// `eq`, `prefix`, …
    pub operator: String,
    /// What the file compares with; lists as JSON.
    pub value: String,
    /// What stands on the other side.
    pub seen: Seen,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the segment was decided here: the first that fails where all have to match, or the first that matches
    /// where one is enough. The others are told all the same.
    pub decided: bool,
    /// Why, in words.
    pub why: String,
}

/// What a constraint was asked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// What sort of value.
    pub state: State,
    /// As it came; absent if it is missing.
    pub value: Option<String>,
}

/// What sort of value a constraint was asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The context has no such property. For the comparison it is empty.
    Missing,
    /// The empty text.
    Empty,
    /// Nothing but blanks.
    Blank,
    /// The text is no number, no truth value or no date, and so never matches.
    Unparsable,
    /// A value.
    Value,
}
