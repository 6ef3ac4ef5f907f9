//! Two people's changes of the same resource made into one, where they do not touch the same field.
//!
//! Three-way: what only one of them changed is taken from that one. Fields are merged one by one; variants are known by
//! their key, the entries of ordered lists (rules, rollouts, constraints) by their place beside what stayed
//! ([`align`]). What both have changed in different ways is an overlap and is named, never decided; so is a result that
//! would not hold together, such as a share of a variant that the other one has removed.

mod align;
mod said;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use serde_json::{Map, Value};

use super::super::snapshot::FlagKind;
use super::{Constraint, Flag, Resource, Rollout, RolloutTo, Rule, Segment, Variant};
use align::{Change, aligned};
use said::Said;

/// Which of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The caller's.
    Ours,
    /// What is there.
    Theirs,
}

/// A field that somebody has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as an overlap is named.
    pub path: String,
    /// In words, as it was; nothing where it was not there.
    pub base: Option<String>,
    /// As the caller wants it.
    pub ours: Option<String>,
    /// As it is.
    pub theirs: Option<String>,
    /// Both have changed it, in different ways.
    pub overlaps: bool,
    /// Which one is taken; nothing of an overlap that nobody has decided.
    pub taken: Option<Side>,
}

/// Three versions beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What comes of them; nothing as long as something is to be decided.
    pub result: Option<Resource>,
    /// Every field that somebody has changed.
    pub fields: Vec<Field>,
    /// What is still to be decided, and what does not hold together.
    pub left: Vec<String>,
}

/// As [`merge`], for somebody who decides overlaps by their names, and looks at what has been changed.
#[must_use]
pub fn compare(
    base: Option<&Resource>,
    ours: &Resource,
    theirs: &Resource,
    decided: &BTreeMap<String, Side>,
) -> Compared {
    let mut overlaps = Overlaps { found: Vec::new(), decided: decided.clone(), fields: Some(Vec::new()) };
    let result = overlaps.resource(base, ours, theirs);
    let Overlaps { found: left, fields, .. } = overlaps;
    let result = result.filter(|_| left.is_empty());
    Compared { result, fields: fields.unwrap_or_default(), left }
}

/// Makes one resource of two, or names the fields that both have changed: `enabled`, `rules[1].distributions` (counted
/// in `base`), `variants[blue].attachment`, `metadata.team`. Without a base every field that differs is an overlap.
///
/// # Errors
/// The overlaps, each once.
pub fn merge(base: Option<&Resource>, ours: &Resource, theirs: &Resource) -> Result<Resource, Vec<String>> {
    if ours == theirs || base == Some(ours) {
        return Ok(theirs.clone());
    }
    if base == Some(theirs) {
        return Ok(ours.clone());
    }
    let mut overlaps = Overlaps::default();
    match overlaps.resource(base, ours, theirs) {
        Some(merged) if overlaps.found.is_empty() => Ok(merged),
        _ => Err(overlaps.found),
    }
}

/// What both have changed.
#[derive(Default)]
struct Overlaps {
    /// Those that nobody has decided.
    found: Vec<String>,
    /// What somebody has.
    decided: BTreeMap<String, Side>,
    /// What was changed by whom, for somebody who looks at it.
    fields: Option<Vec<Field>>,
}

impl Overlaps {
    fn resource(&mut self, base: Option<&Resource>, ours: &Resource, theirs: &Resource) -> Option<Resource> {
        Some(match (base, ours, theirs) {
            (Some(Resource::Flag(base)), Resource::Flag(ours), Resource::Flag(theirs)) => {
                Resource::Flag(self.flag(Some(base), ours, theirs))
            }
            (Some(Resource::Segment(base)), Resource::Segment(ours), Resource::Segment(theirs)) => {
                Resource::Segment(self.segment(Some(base), ours, theirs))
            }
            (_, Resource::Flag(ours), Resource::Flag(theirs)) => Resource::Flag(self.flag(None, ours, theirs)),
            (_, Resource::Segment(ours), Resource::Segment(theirs)) => {
                Resource::Segment(self.segment(None, ours, theirs))
            }
            _ => {
                self.at("@type");
                return None;
            }
        })
    }

    fn at(&mut self, path: impl Into<String>) {
        let path = path.into();
        if !self.found.contains(&path) {
            self.found.push(path);
        }
    }

    /// What somebody has decided of an overlap; nothing where nobody has.
    fn decide(&mut self, path: &str) -> Option<Side> {
        let side = self.decided.get(path).copied();
        if side.is_none() {
            self.at(path);
        }
        side
    }

    fn seen(&mut self, path: &str, said: impl FnOnce() -> [Option<String>; 3], overlaps: bool, taken: Option<Side>) {
        let Some(fields) = &mut self.fields else { return };
        let [base, ours, theirs] = said();
        fields.push(Field { path: path.to_owned(), base, ours, theirs, overlaps, taken });
    }

    /// One field. Of an overlap that nobody has decided the value is of no use.
    fn one<T: PartialEq + Clone + Said>(&mut self, path: &str, base: Option<&T>, ours: &T, theirs: &T) -> T {
        if ours == theirs && base.is_none_or(|base| base == ours) {
            return ours.clone();
        }
        let overlaps = ours != theirs && base != Some(ours) && base != Some(theirs);
        let taken =
            if overlaps { self.decide(path) } else { Some(if base == Some(ours) { Side::Theirs } else { Side::Ours }) };
        self.seen(path, || [base.and_then(Said::said), ours.said(), theirs.said()], overlaps, taken);
        if taken == Some(Side::Theirs) { theirs.clone() } else { ours.clone() }
    }

    fn flag(&mut self, base: Option<&Flag>, ours: &Flag, theirs: &Flag) -> Flag {
        let flag = Flag {
            key: self.one("key", base.map(|b| &b.key), &ours.key, &theirs.key),
            name: self.one("name", base.map(|b| &b.name), &ours.name, &theirs.name),
            description: self.one("description", base.map(|b| &b.description), &ours.description, &theirs.description),
            kind: self.one("type", base.map(|b| &b.kind), &ours.kind, &theirs.kind),
            enabled: self.one("enabled", base.map(|b| &b.enabled), &ours.enabled, &theirs.enabled),
            metadata: self.metadata(base, ours, theirs),
            variants: self.variants(base.map(|b| &*b.variants), &ours.variants, &theirs.variants),
            default_variant: self.one(
                "defaultVariant",
                base.map(|b| &b.default_variant),
                &ours.default_variant,
                &theirs.default_variant,
            ),
            rules: self.list("rules", base.map(|b| &*b.rules), &ours.rules, &theirs.rules),
            rollouts: self.list("rollouts", base.map(|b| &*b.rollouts), &ours.rollouts, &theirs.rollouts),
        };
        let keys: HashSet<&str> = flag.variants.iter().map(|variant| &*variant.key).collect();
        let shares = flag.rules.iter().flat_map(|rule| &rule.distributions).map(|share| &*share.variant);
        if shares.chain(flag.default_variant.as_deref()).any(|key| !keys.contains(key)) {
            self.at("variants");
        }
        if flag.kind == FlagKind::Variant && !flag.rollouts.is_empty() {
            self.at("type");
        }
        flag
    }

    fn segment(&mut self, base: Option<&Segment>, ours: &Segment, theirs: &Segment) -> Segment {
        Segment {
            key: self.one("key", base.map(|b| &b.key), &ours.key, &theirs.key),
            name: self.one("name", base.map(|b| &b.name), &ours.name, &theirs.name),
            description: self.one("description", base.map(|b| &b.description), &ours.description, &theirs.description),
            all: self.one("matchType", base.map(|b| &b.all), &ours.all, &theirs.all),
            constraints: self.list(
                "constraints",
                base.map(|b| &*b.constraints),
                &ours.constraints,
                &theirs.constraints,
            ),
        }
    }

    /// Entry by entry.
    fn metadata(&mut self, base: Option<&Flag>, ours: &Flag, theirs: &Flag) -> Option<Map<String, Value>> {
        let of = |flag: &Flag| flag.metadata.clone().unwrap_or_default();
        let (base, ours, theirs) = (base.map(of), of(ours), of(theirs));
        let mut merged = Map::new();
        let only = theirs.keys().filter(|key| !ours.contains_key(*key));
        for key in ours.keys().chain(only) {
            let before = base.as_ref().map(|base| base.get(key));
            let value = self.one(&format!("metadata.{key}"), before.as_ref(), &ours.get(key), &theirs.get(key));
            merged.extend(value.map(|value| (key.clone(), value.clone())));
        }
        Some(merged).filter(|map| !map.is_empty())
    }

    /// Variants by key, in the order of the one who changed it.
    fn variants(&mut self, base: Option<&[Variant]>, ours: &[Variant], theirs: &[Variant]) -> Vec<Variant> {
        let unique = |list: &[Variant]| {
            let mut seen = HashSet::new();
            list.iter().all(|variant| seen.insert(&variant.key))
        };
        let (Some(base), true) = (base, unique(ours) && unique(theirs) && base.is_none_or(unique)) else {
            return self.one("variants", base.map(<[_]>::to_vec).as_ref(), &ours.to_vec(), &theirs.to_vec());
        };
        let keys = |list: &[Variant]| list.iter().map(|variant| variant.key.clone()).collect::<Vec<_>>();
        let (base_keys, our_keys, their_keys) = (keys(base), keys(ours), keys(theirs));
        let shared = |list: &[String]| -> Vec<String> {
            let everywhere = |key: &&String| [&base_keys, &our_keys, &their_keys].iter().all(|l| l.contains(key));
            list.iter().filter(everywhere).cloned().collect()
        };
        let before = shared(&base_keys);
        let order = self.one("variants", Some(&before), &shared(&our_keys), &shared(&their_keys));
        // Whoever kept the order of what all have gives in to the other one, and adds to it what is new there.
        let (mut order, other) =
            if order == shared(&their_keys) { (their_keys, our_keys) } else { (our_keys, their_keys) };
        for (at, key) in other.iter().enumerate().filter(|(_, key)| !base_keys.contains(key)) {
            if !order.contains(key) {
                let ahead = other.iter().take(at).rev().find_map(|key| order.iter().position(|known| known == key));
                order.insert(ahead.map_or(0, |ahead| ahead + 1), key.clone());
            }
        }
        let find = |list: &[Variant], key: &str| list.iter().find(|variant| variant.key == key).cloned();
        let mut merged = Vec::with_capacity(order.len());
        let gone = base_keys.iter().filter(|key| !order.contains(key)).cloned().collect::<Vec<_>>();
        for key in order.iter().chain(&gone) {
            let path = format!("variants[{key}]");
            let (base, ours, theirs) = (find(base, key), find(ours, key), find(theirs, key));
            merged.extend(match (&base, &ours, &theirs) {
                (base, Some(ours), Some(theirs)) => Some(ours.merged(self, &path, base.as_ref(), theirs)),
                _ => self.one(&path, Some(&base), &ours, &theirs),
            });
        }
        merged
    }

    /// Entries of an ordered list.
    fn list<T: Entry>(&mut self, path: &str, base: Option<&[T]>, ours: &[T], theirs: &[T]) -> Vec<T> {
        let Some(base) = base.filter(|base| ours != theirs && *base != ours && *base != theirs) else {
            return self.one(path, base.map(<[_]>::to_vec).as_ref(), &ours.to_vec(), &theirs.to_vec());
        };
        let (ours, theirs) = (aligned(base, ours), aligned(base, theirs));
        let mut merged = Vec::new();
        for (index, before) in base.iter().map(Some).chain([None]).enumerate() {
            let (mine, other) = (ours.added(index), theirs.added(index));
            let overlaps = T::ORDERED && mine != other && !mine.is_empty() && !other.is_empty();
            let decided = if overlaps { self.decide(path) } else { None };
            let (mine, other) = match decided {
                Some(Side::Ours) => (mine, &[][..]),
                Some(Side::Theirs) => (&[][..], other),
                None => (mine, other),
            };
            merged.extend(mine.iter().map(|item| (*item).clone()));
            if mine != other && !(overlaps && decided.is_none()) {
                merged
                    .extend(other.iter().filter(|item| T::ORDERED || !mine.contains(item)).map(|item| (*item).clone()));
            }
            let (mine, other) = (ours.added(index), theirs.added(index));
            if !(mine.is_empty() && other.is_empty()) {
                let taken = match (mine.is_empty(), overlaps) {
                    (_, true) => decided,
                    (true, _) => Some(Side::Theirs),
                    (false, _) => Some(Side::Ours),
                };
                let said = |items: &[&T]| Some(items.to_vec()).filter(|items| !items.is_empty()).said();
                self.seen(path, || [None, said(mine), said(other)], overlaps, taken);
            }
            let Some(before) = before else { continue };
            let place = format!("{path}[{index}]");
            match (ours.change(index), theirs.change(index)) {
                (Change::Removed, Change::Removed) => {}
                (mine @ Change::Removed, Change::Became(item)) | (mine @ Change::Became(item), Change::Removed) => {
                    let ours_is_gone = matches!(mine, Change::Removed);
                    let overlaps = item != before;
                    let gone = if ours_is_gone { Side::Ours } else { Side::Theirs };
                    let taken = if overlaps { self.decide(&place) } else { Some(gone) };
                    let (was, is) = (before.said(), item.said());
                    let sides = if ours_is_gone { [was, None, is] } else { [was, is, None] };
                    self.seen(&place, || sides, overlaps, taken);
                    if taken.is_some_and(|taken| taken != gone) {
                        merged.push(item.clone());
                    }
                }
                (Change::Became(mine), Change::Became(other)) => {
                    merged.push(mine.merged(self, &place, Some(before), other));
                }
            }
        }
        merged
    }
}

/// An entry of a list.
trait Entry: PartialEq + Clone + Said {
    /// Whether the order of the list means anything.
    const ORDERED: bool;
    /// Whether two states are of one entry, even if nothing else stayed.
    fn is_same(&self, other: &Self) -> bool;
    /// Merges what both have made of it.
    fn merged(&self, overlaps: &mut Overlaps, path: &str, base: Option<&Self>, theirs: &Self) -> Self;
}

impl Entry for Rule {
    const ORDERED: bool = true;

    fn is_same(&self, other: &Self) -> bool {
        self.segments == other.segments
    }

    fn merged(&self, overlaps: &mut Overlaps, path: &str, base: Option<&Self>, theirs: &Self) -> Self {
        let (segments, shares) = (format!("{path}.segments"), format!("{path}.distributions"));
        Self {
            segments: overlaps.one(&segments, base.map(|b| &b.segments), &self.segments, &theirs.segments),
            distributions: overlaps.one(
                &shares,
                base.map(|b| &b.distributions),
                &self.distributions,
                &theirs.distributions,
            ),
        }
    }
}

impl Entry for Rollout {
    const ORDERED: bool = true;

    fn is_same(&self, other: &Self) -> bool {
        match (&self.to, &other.to) {
            (RolloutTo::Segment { segments, .. }, RolloutTo::Segment { segments: other, .. }) => segments == other,
            (RolloutTo::Threshold { value, .. }, RolloutTo::Threshold { value: other, .. }) => value == other,
            (RolloutTo::Nobody, RolloutTo::Nobody) => true,
            _ => false,
        }
    }

    fn merged(&self, overlaps: &mut Overlaps, path: &str, base: Option<&Self>, theirs: &Self) -> Self {
        let description = format!("{path}.description");
        let description =
            overlaps.one(&description, base.map(|b| &b.description), &self.description, &theirs.description);
        let (segment, threshold) = (format!("{path}.segment"), format!("{path}.threshold"));
        let at = |field: &str, of: &str| format!("{of}.{field}");
        let to = match (base.map(|base| &base.to), &self.to, &theirs.to) {
            (
                Some(RolloutTo::Segment { segments: b, value: v }),
                RolloutTo::Segment { segments, value },
                RolloutTo::Segment { segments: s, value: w },
            ) => RolloutTo::Segment {
                segments: overlaps.one(&at("segments", &segment), Some(b), segments, s),
                value: overlaps.one(&at("value", &segment), Some(v), value, w),
            },
            (
                Some(RolloutTo::Threshold { percentage: b, value: v }),
                RolloutTo::Threshold { percentage, value },
                RolloutTo::Threshold { percentage: p, value: w },
            ) => RolloutTo::Threshold {
                percentage: overlaps.one(&at("percentage", &threshold), Some(b), percentage, p),
                value: overlaps.one(&at("value", &threshold), Some(v), value, w),
            },
            (base, ours, theirs) => overlaps.one(path, base, ours, theirs),
        };
        Self { description, to }
    }
}

impl Entry for Constraint {
    const ORDERED: bool = false;

    fn is_same(&self, other: &Self) -> bool {
        self.subject == other.subject && self.property == other.property
    }

    /// Type, property, operator and value make one condition: two halves of two people are no condition of either.
    fn merged(&self, overlaps: &mut Overlaps, path: &str, base: Option<&Self>, theirs: &Self) -> Self {
        let condition = |c: &Self| (c.subject, c.property.clone(), c.operator.clone(), c.value.clone());
        let before = base.map(condition);
        let (subject, property, operator, value) =
            overlaps.one(path, before.as_ref(), &condition(self), &condition(theirs));
        let description = format!("{path}.description");
        let description =
            overlaps.one(&description, base.map(|b| &b.description), &self.description, &theirs.description);
        Self { subject, property, operator, value, description }
    }
}

impl Variant {
    fn merged(&self, overlaps: &mut Overlaps, path: &str, base: Option<&Self>, theirs: &Self) -> Self {
        let at = |field: &str| format!("{path}.{field}");
        Self {
            key: self.key.clone(),
            name: overlaps.one(&at("name"), base.map(|b| &b.name), &self.name, &theirs.name),
            description: overlaps.one(
                &at("description"),
                base.map(|b| &b.description),
                &self.description,
                &theirs.description,
            ),
            attachment: overlaps.one(
                &at("attachment"),
                base.map(|b| &b.attachment),
                &self.attachment,
                &theirs.attachment,
            ),
        }
    }
}
