//! Evaluation, exactly as Flipt v2's server does it: hash, float32 boundaries, operators.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::bucket;
use super::constraint::{Constraint, Subject};
use super::snapshot::{Flag, Rollout, Segment, SegmentOperator, Targets, Variant};

/// What a request says about the one it asks for, besides its entity id: values by key.
///
/// A few keys are the rule, asked for again and again by one flag after the other of a bulk request. They are compared
/// one by one, which is several times as fast as a hash that is safe against chosen keys; many keys get that hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    few: Vec<(String, String)>,
    /// All of them, once they are more than [`Self::FEW`].
    many: HashMap<String, String>,
}

impl Context {
    const FEW: usize = 12;

    /// Sets a value; of a repeated key the last one counts.
    pub fn insert(&mut self, key: String, value: String) {
        if !self.many.is_empty() {
            self.many.insert(key, value);
        } else if let Some(pair) = self.few.iter_mut().find(|(known, _)| *known == key) {
            pair.1 = value;
        } else if self.few.len() < Self::FEW {
            self.few.push((key, value));
        } else {
            self.many = self.few.drain(..).chain([(key, value)]).collect();
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&String> {
        if self.many.is_empty() {
            return self.few.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        }
        self.many.get(key)
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.few.iter().map(|(key, _)| &**key).chain(self.many.keys().map(|key| &**key))
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<(String, String)> for Context {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut context = Self::default();
        pairs.into_iter().for_each(|(key, value)| context.insert(key, value));
        context
    }
}

impl IntoIterator for Context {
    type Item = (String, String);
    type IntoIter =
        std::iter::Chain<std::vec::IntoIter<Self::Item>, std::collections::hash_map::IntoIter<String, String>>;

    fn into_iter(self) -> Self::IntoIter {
        self.few.into_iter().chain(self.many)
    }
}

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

/// The keys of the segments that matched, in document order. A condition of up to eight segments, which is nearly every
/// one, is answered without an allocation.
pub type Segments<'f> = SmallVec<[&'f str; 8]>;

/// Answer of a boolean flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooleanAnswer<'f> {
    /// The value.
    pub enabled: bool,
    /// Why.
    pub reason: Reason,
    /// Of the rollout or rule that matched.
    pub segments: Segments<'f>,
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
    /// Of the rollout or rule that matched.
    pub segments: Segments<'f>,
}

impl BooleanAnswer<'_> {
    /// The answer in a word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.enabled { "true" } else { "false" }
    }
}

impl<'f> VariantAnswer<'f> {
    /// The answer in a word: the key of the variant, or nothing.
    #[must_use]
    pub fn name(&self) -> &'f str {
        self.variant.map_or("", |variant| &variant.key)
    }
}

/// Evaluates a boolean flag. The caller has checked [`Flag::kind`]; for a variant flag the answer is its default.
///
/// Rollouts are tried in order, also those of a disabled flag: `enabled` is only the value if none matches.
#[must_use]
pub fn boolean<'f>(flag: &'f Flag, entity: &str, context: &Context) -> BooleanAnswer<'f> {
    let answer = |enabled, reason, segments| BooleanAnswer { enabled, reason, segments };
    let mut percentile = None;
    for rollout in &flag.rollouts {
        match rollout {
            Rollout::Threshold { percentage, value } => {
                let percentile = *percentile.get_or_insert_with(|| bucket::of_boolean(&flag.key, entity));
                if f32::from(percentile) < *percentage {
                    return answer(*value, Reason::Match, Segments::new());
                }
            }
            Rollout::Segment { targets, value } => {
                if let Some(segments) = matching(targets, entity, context) {
                    return answer(*value, Reason::Match, segments);
                }
            }
            Rollout::Empty => {}
        }
    }
    answer(flag.enabled, Reason::Default, Segments::new())
}

/// Evaluates a variant flag. The caller has checked [`Flag::kind`].
///
/// The first rule that matches decides, also if it distributes nothing: then the default variant is the answer.
#[must_use]
pub fn variant<'f>(flag: &'f Flag, entity: &str, context: &Context) -> VariantAnswer<'f> {
    let default = flag.default_variant.as_ref();
    let unmatched = |reason| VariantAnswer { matched: false, reason, variant: default, segments: Segments::new() };
    if !flag.enabled {
        return unmatched(Reason::Disabled);
    }
    for rule in &flag.rules {
        let Some(segments) = matching(&rule.targets, entity, context) else { continue };
        let variant = match &*rule.distributions {
            [] => default,
            // The usual release to a segment needs no hash.
            [only] if only.end == bucket::BUCKETS => flag.variant_of(only),
            several => {
                let bucket = bucket::of_variant(&flag.key, entity);
                // All rollouts zero: nobody's share, so the default.
                several.iter().find(|share| bucket < share.end).map_or(default, |share| flag.variant_of(share))
            }
        };
        return VariantAnswer { matched: true, reason: Reason::Match, variant, segments };
    }
    unmatched(if default.is_some() { Reason::Default } else { Reason::Unknown })
}

/// The keys of the segments that match, if together they fulfil the condition. (Every segment is asked, also after
/// the first match of an OR: the answer names them all.)
fn matching<'f>(targets: &'f Targets, entity: &str, context: &Context) -> Option<Segments<'f>> {
    let mut keys = Segments::new();
    for segment in &targets.segments {
        if is_in(segment, entity, context) {
            keys.push(&*segment.key);
        } else if targets.operator == SegmentOperator::And {
            return None;
        }
    }
    (targets.operator == SegmentOperator::And || !keys.is_empty()).then_some(keys)
}

/// Whether an entity is in a segment; everyone is in one without constraints.
#[must_use]
pub fn is_in(segment: &Segment, entity: &str, context: &Context) -> bool {
    let fulfilled = |constraint: &Constraint| {
        let value = match constraint.subject {
            Subject::Entity => entity,
            _ => context.get(&constraint.property).map_or("", String::as_str),
        };
        constraint.matches(value)
    };
    if segment.all || segment.constraints.is_empty() {
        segment.constraints.iter().all(fulfilled)
    } else {
        segment.constraints.iter().any(fulfilled)
    }
}
