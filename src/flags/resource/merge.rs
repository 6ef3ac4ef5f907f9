//! Two people's changes of the same resource made into one, where they do not touch the same field.
//!
//! Three-way: what only one of them changed is taken from that one. Fields are merged one by one; variants are known by
//! their key, the entries of ordered lists (rules, rollouts, constraints) by their place beside what stayed
//! ([`align`]). What both have changed in different ways is an overlap and is named, never decided; so is a result that
//! would not hold together, such as a share of a variant that the other one has removed.

mod align;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::snapshot::FlagKind;
use super::{Constraint, Flag, Resource, Rollout, RolloutTo, Rule, Segment, Variant};
use align::{Change, aligned};

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
    let merged = match (base, ours, theirs) {
        (Some(Resource::Flag(base)), Resource::Flag(ours), Resource::Flag(theirs)) => {
            Resource::Flag(overlaps.flag(Some(base), ours, theirs))
        }
        (Some(Resource::Segment(base)), Resource::Segment(ours), Resource::Segment(theirs)) => {
            Resource::Segment(overlaps.segment(Some(base), ours, theirs))
        }
        (_, Resource::Flag(ours), Resource::Flag(theirs)) => Resource::Flag(overlaps.flag(None, ours, theirs)),
        (_, Resource::Segment(ours), Resource::Segment(theirs)) => {
            Resource::Segment(overlaps.segment(None, ours, theirs))
        }
        _ => return Err(vec!["@type".to_owned()]),
    };
    if overlaps.0.is_empty() { Ok(merged) } else { Err(overlaps.0) }
}

/// What both have changed.
#[derive(Default)]
struct Overlaps(Vec<String>);

impl Overlaps {
    fn at(&mut self, path: impl Into<String>) {
        let path = path.into();
        if !self.0.contains(&path) {
            self.0.push(path);
        }
    }

    /// One field. Of an overlap the value is of no use.
    fn one<T: PartialEq + Clone>(&mut self, path: &str, base: Option<&T>, ours: &T, theirs: &T) -> T {
        if ours != theirs && base != Some(ours) && base != Some(theirs) {
            self.at(path);
        }
        if base == Some(ours) { theirs.clone() } else { ours.clone() }
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
            merged.extend(mine.iter().map(|item| (*item).clone()));
            if mine != other {
                if !T::ORDERED {
                    merged.extend(other.iter().filter(|item| !mine.contains(item)).map(|item| (*item).clone()));
                } else if mine.is_empty() {
                    merged.extend(other.iter().map(|item| (*item).clone()));
                } else if !other.is_empty() {
                    self.at(path);
                }
            }
            let Some(before) = before else { continue };
            let place = format!("{path}[{index}]");
            match (ours.change(index), theirs.change(index)) {
                (Change::Removed, Change::Removed) => {}
                (Change::Removed, Change::Became(item)) | (Change::Became(item), Change::Removed) => {
                    if item != before {
                        self.at(place);
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
trait Entry: PartialEq + Clone {
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
