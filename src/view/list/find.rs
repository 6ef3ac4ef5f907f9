//! What of a list is found, and in which order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::cut;
use super::query::{By, Evaluated, Query, Turned, Used};
use crate::flags::resource::{Flag, Namespace, Segment};
use crate::flags::snapshot::FlagKind;
use crate::limits;

/// What can be found: a flag, a segment, or a namespace.
#[derive(Debug, Clone, Default)]
pub struct Entry<'v> {
    key: &'v str,
    name: &'v str,
    description: &'v str,
    /// Keys of variants, properties of constraints.
    parts: Vec<&'v str>,
    kind: Option<FlagKind>,
    on: bool,
    metadata: Option<&'v Map<String, Value>>,
    changed: Option<Timestamp>,
    evaluated: Option<u64>,
    uses: usize,
}

impl<'v> Entry<'v> {
    /// A flag.
    #[must_use]
    pub fn of_flag(flag: &'v Flag) -> Self {
        Self {
            key: &flag.key,
            name: &flag.name,
            description: &flag.description,
            parts: flag.variants.iter().map(|variant| &*variant.key).collect(),
            kind: Some(flag.kind),
            on: flag.enabled,
            metadata: flag.metadata.as_ref(),
            ..Self::default()
        }
    }

    /// The same, last changed then, where that is known.
    #[must_use]
    pub fn changed(self, changed: Option<Timestamp>) -> Self {
        Self { changed, ..self }
    }

    /// The same, asked for so often lately, where that is counted.
    #[must_use]
    pub fn evaluated(self, evaluated: Option<u64>) -> Self {
        Self { evaluated, ..self }
    }

    /// A namespace.
    #[must_use]
    pub fn of_namespace(namespace: &'v Namespace) -> Self {
        Self { key: &namespace.key, name: &namespace.name, description: &namespace.description, ..Self::default() }
    }

    /// A segment that so many flags name.
    #[must_use]
    pub fn of_segment(segment: &'v Segment, uses: usize) -> Self {
        Self {
            key: &segment.key,
            name: &segment.name,
            description: &segment.description,
            parts: segment.constraints.iter().map(|constraint| &*constraint.property).collect(),
            uses,
            ..Self::default()
        }
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The places of the entries on this page, in order.
    pub rows: Vec<usize>,
    /// How many were found.
    pub matching: usize,
    /// Which page this is, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
}

/// Finds what a query asks for. A page behind the last one is the last one.
#[must_use]
pub fn find(entries: &[Entry<'_>], query: &Query, now: Timestamp) -> Found {
    let words: Vec<String> = query.q.split_whitespace().map(str::to_lowercase).collect();
    let meta = (!query.meta.is_empty())
        .then(|| query.meta.split_once('=').map_or((&*query.meta, None), |(k, v)| (k, Some(v))));
    let since = query.changed.map(|within| now.saturating_sub(within.time()).unwrap_or(Timestamp::MIN));
    let mut fits: Vec<(usize, u8)> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let of_kind = query.kind.is_none_or(|kind| entry.kind.is_some_and(|of| kind.is(of)));
        let turned = query.state.is_none_or(|state| (state == Turned::On) == entry.on);
        let lately = since.is_none_or(|since| entry.changed.is_some_and(|changed| changed >= since));
        let asked = query
            .evaluated
            .is_none_or(|asked| entry.evaluated.is_none_or(|count| (asked == Evaluated::Lately) == (count > 0)));
        let used = query.used.is_none_or(|used| (used == Used::Used) == (entry.uses > 0));
        let told = meta.is_none_or(|(key, value)| has(entry.metadata, key.trim(), value.map(str::trim)));
        if of_kind
            && turned
            && lately
            && asked
            && used
            && told
            && let Some(fit) = fit(entry, &words)
        {
            fits.push((at, fit));
        }
    }
    order(entries, &mut fits, query);
    let (matching, pages) = (fits.len(), fits.len().div_ceil(limits::UI_ROWS).max(1));
    let page = query.page.clamp(1, pages);
    let rows = fits.into_iter().skip((page - 1) * limits::UI_ROWS).take(limits::UI_ROWS).map(|(at, _)| at).collect();
    Found { rows, matching, page, pages }
}

/// How well an entry fits: 0 is best, none is not at all. The worst of its words counts.
fn fit(entry: &Entry<'_>, words: &[String]) -> Option<u8> {
    let mut worst = 0;
    if words.is_empty() {
        return Some(worst);
    }
    let (key, name) = (entry.key.to_lowercase(), entry.name.to_lowercase());
    for word in words {
        let fit = match (key.find(word.as_str()), name.find(word.as_str())) {
            (Some(0), _) if key.len() == word.len() => 0,
            (Some(0), _) => 1,
            (_, Some(0)) => 2,
            (Some(_), _) | (_, Some(_)) => 3,
            (None, None) if holds(entry, word) => 4,
            (None, None) => return None,
        };
        worst = worst.max(fit);
    }
    Some(worst)
}

fn holds(entry: &Entry<'_>, word: &str) -> bool {
    entry.description.to_lowercase().contains(word) || entry.parts.iter().any(|part| part.to_lowercase().contains(word))
}

fn has(metadata: Option<&Map<String, Value>>, key: &str, value: Option<&str>) -> bool {
    let Some(there) = metadata.and_then(|metadata| metadata.get(key)) else { return false };
    value.is_none_or(|value| match there {
        Value::String(text) => text == value,
        // A number or a truth value, as it would be typed.
        other => format!("{other}") == value,
    })
}

fn order(entries: &[Entry<'_>], fits: &mut [(usize, u8)], query: &Query) {
    let key = |at: usize| entries.get(at).map_or("", |entry| entry.key);
    match query.sort.by {
        By::Fit => fits.sort_by(|(a, fit), (b, other)| fit.cmp(other).then_with(|| key(*a).cmp(key(*b)))),
        By::Key => fits.sort_by_key(|(at, _)| key(*at)),
        By::Name => fits.sort_by_cached_key(|(at, _)| entries.get(*at).map(|entry| entry.name.to_lowercase())),
        By::State => sorted(fits, key, |at| Reverse(entries.get(at).is_some_and(|entry| entry.on))),
        By::Changed => sorted(fits, key, |at| Reverse(entries.get(at).and_then(|entry| entry.changed))),
        By::Evaluated => sorted(fits, key, |at| Reverse(entries.get(at).and_then(|entry| entry.evaluated))),
        By::Used => sorted(fits, key, |at| Reverse(entries.get(at).map(|entry| entry.uses))),
    }
    if query.sort.back {
        fits.reverse();
    }
}

fn sorted<'v, K: Ord>(fits: &mut [(usize, u8)], key: impl Fn(usize) -> &'v str, by: impl Fn(usize) -> K) {
    fits.sort_by(|(a, _), (b, _)| by(*a).cmp(&by(*b)).then_with(|| key(*a).cmp(key(*b))));
}

/// What can be asked of metadata here, to choose from: `owner`, `owner=checkout`.
#[must_use]
pub fn offered(entries: &[Entry<'_>]) -> Vec<String> {
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in entries.iter().filter_map(|entry| entry.metadata).flatten() {
        if known.len() >= limits::UI_OFFERED && !known.contains_key(key.as_str()) {
            continue;
        }
        let values = known.entry(key).or_default();
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        if values.len() < limits::UI_OFFERED && text.chars().count() <= limits::UI_SEARCH_CHARACTERS / 4 {
            values.insert(text);
        }
    }
    let spread = known.iter().flat_map(|(key, values)| {
        let key = cut(key, limits::UI_SEARCH_CHARACTERS / 4);
        let with: Vec<String> = values.iter().map(|value| format!("{key}={value}")).collect();
        std::iter::once(key).chain(with)
    });
    spread.take(limits::UI_OFFERED).collect()
}
