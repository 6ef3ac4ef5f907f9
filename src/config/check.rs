//! The tree against the table of keys: unknown keys, types, references, keys without use. What is left is a tree of
//! typed values, in which every value knows its place.

use std::fmt::Write as _;
use std::time::Duration;

use secrecy::SecretString;

use super::duration;
use super::keys::{self, Key, Shape, Status};
use super::report::{Report, Spot};
use super::substitute::{self, Found, Sources};
use super::tree::{Item, Pair, Raw};
use crate::limits;

/// A value of the type that its key asks for.
#[derive(Debug)]
pub(super) enum Value {
    /// Not usable; said already.
    Bad,
    Text(String),
    Secret(SecretString),
    Bool(bool),
    Integer(i64),
    Duration(Duration),
    Texts(Vec<String>),
    /// One that could not be read stands as none, and has been reported.
    Secrets(Vec<(Spot, Option<SecretString>)>),
    Section(Section),
    Map(Vec<(String, Section)>),
    /// Not looked at, but for whether it says `enabled: true`.
    Any {
        enabled: bool,
    },
}

/// The known keys of one mapping.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Its own place.
    pub(super) spot: Spot,
    entries: Vec<(&'static str, Spot, Value)>,
}

impl Section {
    /// One that says nothing.
    pub(super) fn empty(spot: Spot) -> Self {
        Self { spot, entries: Vec::new() }
    }

    fn entry(&self, name: &str) -> Option<(&Spot, &Value)> {
        self.entries.iter().find(|(key, ..)| *key == name).map(|(_, spot, value)| (spot, value))
    }

    /// Whether the file says anything for this key, usable or not.
    pub(super) fn says(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The place of a key; that of the section where the key is absent.
    pub(super) fn spot(&self, name: &str) -> Spot {
        self.entry(name).map_or_else(|| self.spot.absent(name), |(spot, _)| spot.clone())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.entry(name)? {
            (_, Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn secret(&self, name: &str) -> Option<&SecretString> {
        match self.entry(name)? {
            (_, Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.entry(name), Some((_, Value::Bool(true))))
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.entry(name)? {
            (_, Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        match self.entry(name)? {
            (_, Value::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    pub(super) fn texts(&self, name: &str) -> Option<&[String]> {
        match self.entry(name)? {
            (_, Value::Texts(texts)) => Some(texts),
            _ => None,
        }
    }

    pub(super) fn secrets(&self, name: &str) -> &[(Spot, Option<SecretString>)] {
        match self.entry(name) {
            Some((_, Value::Secrets(secrets))) => secrets,
            _ => &[],
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.entry(name)? {
            (_, Value::Section(section)) => Some(section),
            _ => None,
        }
    }

    pub(super) fn map(&self, name: &str) -> &[(String, Self)] {
        match self.entry(name) {
            Some((_, Value::Map(entries))) => entries,
            _ => &[],
        }
    }

    /// Whether a mapping whose other keys are not looked at says `enabled: true`.
    pub(super) fn enables(&self, name: &str) -> bool {
        matches!(self.entry(name), Some((_, Value::Any { enabled: true })))
    }
}

/// One walk through the tree.
pub(super) struct Check<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) report: &'a mut Report,
    /// Below a key without use: nothing more is said about use, and references are left alone.
    pub(super) unused: bool,
}

impl Check<'_> {
    /// Checks a mapping of known keys.
    pub(super) fn section(&mut self, keys: &'static [Key], item: &Item, spot: Spot) -> Section {
        let pairs: &[Pair] = match &item.value {
            Raw::Map(pairs) => pairs,
            Raw::Null => &[],
            Raw::List(_) => {
                self.report.error(&spot, format!("a mapping (`key: value`) stands here, not a list{}", known(keys)));
                &[]
            }
            Raw::Scalar(_) => {
                self.report.error(&spot, format!("a mapping (`key: value`) stands here, not a text{}", known(keys)));
                &[]
            }
        };
        let mut section = Section { spot, entries: Vec::new() };
        for pair in pairs {
            let place = section.spot.below(&pair.name, &pair.from);
            let Some(key) = keys::find(keys, &pair.name) else {
                self.unknown(keys, &pair.name, &place);
                continue;
            };
            if section.says(key.name) {
                self.report.error(&place, format!("`{}` stands here twice, in different case", key.name));
                continue;
            }
            if key.name != pair.name {
                self.report.warning(&place, format!("read as `{}`; write it in lower case", key.name));
            }
            let mut spot = section.spot.below(key.name, &pair.item.from);
            if matches!(key.shape, Shape::Section(_) | Shape::Map(_)) {
                spot.at = place.at;
            }
            let value = self.key(key, &pair.item, &place, &spot);
            if !matches!(pair.item.value, Raw::Null) {
                section.entries.push((key.name, spot, value));
            }
        }
        section
    }

    fn key(&mut self, key: &'static Key, item: &Item, place: &Spot, spot: &Spot) -> Value {
        let Status::Unused(why) = key.status else { return self.value(key.shape, item, spot) };
        if !self.unused {
            self.report.warning(place, format!("Yardarm has no use for this key of Flipt: {why}"));
        }
        let outer = std::mem::replace(&mut self.unused, true);
        let value = self.value(key.shape, item, spot);
        self.unused = outer;
        value
    }

    fn unknown(&mut self, keys: &'static [Key], name: &str, place: &Spot) {
        let mut message = "there is no such key here".to_owned();
        let elsewhere = keys::paths_of(name);
        if let Some(near) = keys::nearest(name, keys.iter().map(|k| k.name)) {
            let _ = write!(message, "; did you mean `{near}`?");
        } else if let Some(path) = elsewhere.first() {
            let _ = write!(message, "; it belongs to `{path}`");
        } else {
            message.push_str(&known(keys));
        }
        self.report.error(place, message);
    }

    fn value(&mut self, shape: Shape, item: &Item, spot: &Spot) -> Value {
        match (shape, &item.value) {
            (Shape::Any, _) => Value::Any { enabled: self.enabled(item) },
            (Shape::Section(keys), _) => Value::Section(self.section(keys, item, spot.clone())),
            (Shape::Map(keys), _) => self.map(keys, item, spot),
            (_, Raw::Null) => Value::Bad,
            (Shape::Texts | Shape::Secrets, Raw::List(items)) => self.list(shape, items, spot),
            (_, Raw::List(_)) => self.bad(spot, "one value stands here, not a list"),
            (_, Raw::Map(_)) => self.bad(spot, "one value stands here, not a mapping"),
            (_, Raw::Scalar(text)) => self.scalar(shape, text, spot),
        }
    }

    /// Anything but a clear no counts as a yes: what is asked is whether to warn or to refuse.
    fn enabled(&self, item: &Item) -> bool {
        let Raw::Map(pairs) = &item.value else { return false };
        pairs.iter().filter(|pair| pair.name.eq_ignore_ascii_case("enabled")).any(|pair| match &pair.item.value {
            Raw::Scalar(text) => {
                let text = match substitute::resolve(text, false, self.sources) {
                    Ok(Found::Text(value)) => value,
                    _ => text.clone(),
                };
                !matches!(text.as_str(), "" | "0" | "f" | "F" | "FALSE" | "false" | "False")
            }
            _ => false,
        })
    }

    fn bad(&mut self, spot: &Spot, message: impl Into<String>) -> Value {
        self.report.error(spot, message);
        Value::Bad
    }

    fn map(&mut self, keys: &'static [Key], item: &Item, spot: &Spot) -> Value {
        let pairs: &[Pair] = match &item.value {
            Raw::Map(pairs) => pairs,
            Raw::Null => &[],
            Raw::List(_) | Raw::Scalar(_) => {
                return self.bad(spot, "names with their keys stand here: `name: {key: value}`");
            }
        };
        let mut entries: Vec<(String, Section)> = Vec::new();
        for pair in pairs {
            let place = spot.below(&pair.name, &pair.from);
            if let Some((first, _)) = entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(&pair.name)) {
                let message =
                    format!("differs from `{first}` by case alone; Flipt takes them for one, and so do variables");
                self.report.error(&place, message);
            }
            let section = self.section(keys, &pair.item, place);
            entries.push((pair.name.clone(), section));
        }
        Value::Map(entries)
    }

    fn list(&mut self, shape: Shape, items: &[Item], spot: &Spot) -> Value {
        let mut texts = Vec::new();
        let mut secrets = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let mut spot = spot.below("", &item.from);
            spot.key = format!("{}[{i}]", spot.key.trim_end_matches('.'));
            let Raw::Scalar(text) = &item.value else {
                self.report.error(&spot, "a text stands here");
                continue;
            };
            match (shape, self.resolved(text, false, &spot)) {
                (Shape::Secrets, Some((text, _))) => secrets.push((spot, Some(SecretString::from(text)))),
                (Shape::Secrets, None) if self.assumes(text) => secrets.push((spot, Some(assumed()))),
                (Shape::Secrets, None) => secrets.push((spot, None)),
                (_, Some((text, _))) => texts.push(text),
                (_, None) => {}
            }
        }
        if matches!(shape, Shape::Secrets) { Value::Secrets(secrets) } else { Value::Texts(texts) }
    }

    /// What a text stands for, and how a message may name it: what came by a reference is not shown.
    fn resolved(&mut self, text: &str, path: bool, spot: &Spot) -> Option<(String, String)> {
        if self.unused {
            return Some((text.to_owned(), quoted(text)));
        }
        match substitute::resolve(text, path, self.sources) {
            Ok(Found::Literal) => Some((text.to_owned(), quoted(text))),
            Ok(Found::Partly) => {
                self.report.warning(
                    spot,
                    "a reference is replaced only where it is the whole value; this one is taken as it stands",
                );
                Some((text.to_owned(), "the value".to_owned()))
            }
            Ok(Found::Text(value)) => Some((value, format!("the value of {text}"))),
            Ok(Found::Assumed) => None,
            Err(message) => {
                self.report.error(spot, message);
                None
            }
        }
    }

    /// Whether this is a reference that is taken as given.
    fn assumes(&self, text: &str) -> bool {
        self.sources.assumed && matches!(substitute::resolve(text, false, self.sources), Ok(Found::Assumed))
    }

    fn scalar(&mut self, shape: Shape, text: &str, spot: &Spot) -> Value {
        let by_reference = substitute::is_reference(text);
        let Some((value, shown)) = self.resolved(text, matches!(shape, Shape::Path), spot) else {
            return if self.assumes(text) && matches!(shape, Shape::Secret) {
                Value::Secret(assumed())
            } else {
                Value::Bad
            };
        };
        if self.unused && by_reference {
            return Value::Bad;
        }
        match shape {
            Shape::Text | Shape::Path => Value::Text(value),
            Shape::Secret => Value::Secret(SecretString::from(value)),
            Shape::Texts => Value::Texts(value.split_whitespace().map(str::to_owned).collect()),
            // One secret may hold blanks; only what a variable sets is a list in one text.
            Shape::Secrets if spot.variable.is_some() && !by_reference => {
                Value::Secrets(value.split_whitespace().map(|s| (spot.clone(), Some(SecretString::from(s)))).collect())
            }
            Shape::Secrets => Value::Secrets(vec![(spot.clone(), Some(SecretString::from(value)))]),
            Shape::Bool => match value.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Value::Bool(true),
                "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Value::Bool(false),
                _ => self.bad(spot, format!("{shown} is neither true nor false")),
            },
            Shape::Integer(least, most) => match value.trim().parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Value::Integer(number),
                Ok(_) if most == i64::MAX => self.bad(spot, format!("{shown} is below {least}")),
                Ok(_) => self.bad(spot, format!("{shown} is not between {least} and {most}")),
                Err(_) => self.bad(spot, format!("{shown} is not a whole number")),
            },
            Shape::Duration => match duration::parse(&value) {
                Ok(duration) => Value::Duration(duration),
                Err(message) => self.bad(spot, format!("{shown} is {message}")),
            },
            Shape::Word(words) => {
                if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(value.trim())) {
                    return Value::Text((*word).to_owned());
                }
                let near = keys::nearest(&value, words.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                self.bad(spot, format!("{shown} is not one of {}{near}", words.join(", ")))
            }
            Shape::Section(_) | Shape::Map(_) | Shape::Any => Value::Bad,
        }
    }
}

/// A value as a message shows it: bounded, whatever the file holds.
fn quoted(text: &str) -> String {
    let mut start: String = text.chars().take(limits::QUOTED_CHARACTERS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("`{start}`")
}

/// Stands for a secret that is not looked at.
fn assumed() -> SecretString {
    SecretString::from("assumed")
}

fn known(keys: &'static [Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|k| k.name).collect();
    format!("; known keys: {}", names.join(", "))
}
