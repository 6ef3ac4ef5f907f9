//! The file and the variables of the environment, as one tree.
//!
//! A variable names a key by its path in upper case: `YARDARM_STORAGE_FLAGS_POLL_INTERVAL` is
//! `storage.flags.poll_interval`. Names that the operator chose are matched without regard to case, and `-` and `.` in
//! them as `_`. Flipt's prefix `FLIPT_` is read too; where both set a key, `YARDARM_` wins.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::keys::{self, Key, Shape};
use super::report::{Report, Spot};
use super::table::FILE;
use crate::yaml;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The file, at this place.
    File(yaml::Position),
    /// This variable.
    Variable(Arc<str>),
}

/// A node of the merged tree.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) from: Source,
    pub(super) value: Raw,
}

/// What stands at a node.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Null,
    Scalar(String),
    List(Vec<Item>),
    Map(Vec<Pair>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) name: String,
    /// Where the key stands.
    pub(super) from: Source,
    pub(super) item: Item,
}

/// Takes over what was read from the file.
pub(super) fn from_file(node: &yaml::Node) -> Item {
    let value = match &node.value {
        _ if node.is_null() => Raw::Null,
        yaml::Value::Scalar { text, .. } => Raw::Scalar(text.to_string()),
        yaml::Value::Sequence(items) => Raw::List(items.iter().map(from_file).collect()),
        yaml::Value::Mapping(pairs) => Raw::Map(
            pairs
                .iter()
                .map(|(key, value)| Pair {
                    name: key.text().unwrap_or_default().to_owned(),
                    from: Source::File(key.at),
                    item: from_file(value),
                })
                .collect(),
        ),
    };
    Item { from: Source::File(node.at), value }
}

/// One step of a path that a variable names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Known(&'static str),
    Chosen(String),
}

/// `YARDARM_TOKEN` is of `yardarm evaluate`, and no key.
const EVALUATE_TOKEN: &str = "TOKEN";

/// Lays the variables over the tree of the file.
pub(super) fn overlay(tree: &mut Item, environment: &BTreeMap<String, String>, report: &mut Report) {
    for prefix in ["FLIPT_", "YARDARM_"] {
        for (variable, value) in environment {
            let Some(rest) = variable.strip_prefix(prefix) else { continue };
            if let Some(path) = resolve(FILE, rest, Some(tree)) {
                set(tree, &path, value, &Arc::from(variable.as_str()));
            } else if prefix == "YARDARM_" && rest != EVALUATE_TOKEN {
                let mut message = "this variable names no key and changes nothing".to_owned();
                let names = variable_names(tree);
                if let Some(near) = keys::nearest(rest, names.iter().map(String::as_str)) {
                    let _ = write!(message, "; did you mean YARDARM_{near}?");
                }
                report.warning(&Spot { key: variable.clone(), at: None, variable: None }, message);
            }
        }
    }
}

fn variable_form(name: &str) -> String {
    name.to_uppercase().replace(['-', '.'], "_")
}

fn resolve(keys: &'static [Key], rest: &str, item: Option<&Item>) -> Option<Vec<Step>> {
    let mut candidates: Vec<&'static Key> = keys.iter().collect();
    candidates.sort_by_key(|key| std::cmp::Reverse(key.name.len()));
    candidates.into_iter().find_map(|key| {
        let after = rest.strip_prefix(&key.name.to_uppercase())?;
        let here = Step::Known(key.name);
        let child = item.and_then(|item| child(item, key.name));
        let below = match (key.shape, after.strip_prefix('_')) {
            (Shape::Section(_) | Shape::Map(_), None) => None,
            (Shape::Section(below), Some(after)) => resolve(below, after, child),
            (Shape::Map(below), Some(after)) => resolve_name(below, after, child),
            // What stands below is looked at for `enabled` alone, which one variable more must not take away.
            (Shape::Any, Some(after)) => Some(vec![Step::Chosen(after.to_lowercase())]),
            (_, _) if after.is_empty() => Some(Vec::new()),
            (_, _) => None,
        }?;
        Some(std::iter::once(here).chain(below).collect())
    })
}

/// A chosen name and what follows it: one that the tree has, the longest first, else the shortest that makes sense.
fn resolve_name(keys: &'static [Key], rest: &str, item: Option<&Item>) -> Option<Vec<Step>> {
    let mut present: Vec<&Pair> = match item.map(|item| &item.value) {
        Some(Raw::Map(pairs)) => pairs.iter().collect(),
        _ => Vec::new(),
    };
    present.sort_by_key(|pair| std::cmp::Reverse(pair.name.len()));
    let known = present.into_iter().find_map(|pair| {
        let after = rest.strip_prefix(&variable_form(&pair.name))?.strip_prefix('_')?;
        let below = resolve(keys, after, Some(&pair.item))?;
        Some(std::iter::once(Step::Chosen(pair.name.clone())).chain(below).collect())
    });
    known.or_else(|| {
        rest.match_indices('_').find_map(|(i, _)| {
            let name = rest.get(..i).filter(|name| !name.is_empty())?;
            let below = resolve(keys, rest.get(i + 1..)?, None)?;
            Some(std::iter::once(Step::Chosen(name.to_lowercase())).chain(below).collect())
        })
    })
}

fn child<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    match &item.value {
        Raw::Map(pairs) => pairs
            .iter()
            .find(|pair| pair.name == name)
            .or_else(|| pairs.iter().find(|pair| pair.name.eq_ignore_ascii_case(name)))
            .map(|pair| &pair.item),
        _ => None,
    }
}

fn set(item: &mut Item, path: &[Step], value: &str, variable: &Arc<str>) {
    let from = Source::Variable(Arc::clone(variable));
    let Some((step, below)) = path.split_first() else {
        *item = Item { from, value: Raw::Scalar(value.to_owned()) };
        return;
    };
    if !matches!(item.value, Raw::Map(_)) {
        *item = Item { from: from.clone(), value: Raw::Map(Vec::new()) };
    }
    let Raw::Map(pairs) = &mut item.value else { return };
    let name = match step {
        Step::Known(name) => *name,
        Step::Chosen(name) => name,
    };
    let place = pairs
        .iter()
        .position(|pair| pair.name == name)
        .or_else(|| pairs.iter().position(|pair| pair.name.eq_ignore_ascii_case(name)));
    let place = place.unwrap_or_else(|| {
        let item = Item { from: from.clone(), value: Raw::Null };
        pairs.push(Pair { name: name.to_owned(), from: from.clone(), item });
        pairs.len() - 1
    });
    if let Some(pair) = pairs.get_mut(place) {
        set(&mut pair.item, below, value, variable);
    }
}

/// Every name that a variable could have, for the names that the tree has.
fn variable_names(tree: &Item) -> Vec<String> {
    fn walk(keys: &'static [Key], item: Option<&Item>, above: &str, names: &mut Vec<String>) {
        for key in keys {
            let name = format!("{above}{}", key.name.to_uppercase());
            let below = item.and_then(|item| child(item, key.name));
            match key.shape {
                Shape::Section(keys) => walk(keys, below, &format!("{name}_"), names),
                Shape::Map(keys) => {
                    if let Some(Item { value: Raw::Map(pairs), .. }) = below {
                        for pair in pairs {
                            walk(keys, Some(&pair.item), &format!("{name}_{}_", variable_form(&pair.name)), names);
                        }
                    }
                }
                _ => names.push(name),
            }
        }
    }
    let mut names = Vec::new();
    walk(FILE, Some(tree), "", &mut names);
    names
}
