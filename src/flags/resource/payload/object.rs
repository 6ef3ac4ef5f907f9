//! The fields of a message that came as JSON, by the rules of protobuf's JSON, but closed: a name that is not known is a
//! mistake of the client.

use serde_json::{Map, Value};

use super::super::super::field::{Path, nearest};
use super::Invalid;
use crate::yaml::{clip, quote};

/// One message.
pub(super) struct Object<'v, 'p> {
    map: &'v Map<String, Value>,
    pub(super) path: &'p Path<'p>,
}

/// The words of an enumeration with their numbers.
pub(super) type Words<'w, T> = &'w [(&'w str, u64, T)];

impl<'v, 'p> Object<'v, 'p> {
    /// A message of some word (`flag`), with the names that it may have in camel case, and what is dropped of it.
    pub(super) fn of(
        value: &'v Value,
        path: &'p Path<'p>,
        word: &str,
        names: &[&str],
        dropped: impl Fn(&str) -> bool,
    ) -> Result<Self, Invalid> {
        let Value::Object(map) = value else {
            return Err(at(path, format!("{} where a {word} is expected", described(value))));
        };
        for given in map.keys() {
            let camel = camel(given);
            if names.contains(&camel.as_str()) {
                if camel != *given && map.contains_key(&camel) {
                    return Err(at(path, format!("{} and {} are the same field", quote(&camel), quote(given))));
                }
            } else if !dropped(given) {
                let known = names.iter().copied().filter(|name| !name.starts_with('@')).collect::<Vec<_>>();
                let hint = nearest(&camel, &known)
                    .map_or_else(|| format!("it has {}", known.join(", ")), |near| format!("did you mean \"{near}\"?"));
                return Err(at(path, format!("unknown field {} of {word}; {hint}", quote(given))));
            }
        }
        Ok(Self { map, path })
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        let found = self.map.get(name).or_else(|| self.map.iter().find(|(key, _)| camel(key) == name).map(|(_, v)| v));
        found.filter(|value| !value.is_null())
    }

    /// A text; absent is empty.
    pub(super) fn text(&self, name: &str) -> Result<&'v str, Invalid> {
        match self.get(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong(name, other, "text")),
        }
    }

    /// Text of at least one character on one line.
    pub(super) fn line(&self, name: &str) -> Result<&'v str, Invalid> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Err(at(&self.path.key(name), format!("the {name} is missing or empty")));
        }
        self.one_line(name, text)
    }

    /// Text on one line, or none.
    pub(super) fn optional_line(&self, name: &str) -> Result<&'v str, Invalid> {
        self.one_line(name, self.text(name)?)
    }

    fn one_line(&self, name: &str, text: &'v str) -> Result<&'v str, Invalid> {
        if text.contains('\n') {
            return Err(at(&self.path.key(name), format!("the {name} has more than one line")));
        }
        Ok(text)
    }

    /// `true` or `false`; absent is false.
    pub(super) fn switch(&self, name: &str) -> Result<bool, Invalid> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(self.wrong(name, other, "true or false")),
        }
    }

    /// A 32-bit float, also in quotes; absent is 0.
    #[expect(clippy::cast_possible_truncation, reason = "32-bit floats are the rule")]
    pub(super) fn share(&self, name: &str) -> Result<f32, Invalid> {
        let Some(value) = self.get(name) else { return Ok(0.0) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.wrong(name, value, "a number"))? as f32;
        if number.is_finite() { Ok(number) } else { Err(self.wrong(name, value, "a finite number")) }
    }

    /// The items of a list; absent is empty.
    pub(super) fn list(&self, name: &str) -> Result<&'v [Value], Invalid> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(name, other, "a list")),
        }
    }

    /// The items of a list, each read at its place.
    pub(super) fn each<T>(
        &self,
        name: &str,
        read: impl Fn(&'v Value, &Path<'_>) -> Result<T, Invalid>,
    ) -> Result<Vec<T>, Invalid> {
        let path = self.path.key(name);
        let items = self.list(name)?.iter().enumerate();
        items.map(|(index, item)| read(item, &path.item(index))).collect()
    }

    /// One of a few words, or its number; absent is none.
    pub(super) fn choice<T: Copy>(&self, name: &str, words: Words<'_, T>) -> Result<Option<T>, Invalid> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = match value {
            Value::String(text) => words.iter().find(|(word, ..)| word == text),
            value => words.iter().find(|(_, number, _)| value.as_u64() == Some(*number)),
        };
        if let Some((.., found)) = found {
            return Ok(Some(*found));
        }
        let known: Vec<&str> = words.iter().map(|(word, ..)| *word).collect();
        let near = value.as_str().and_then(|text| nearest(text, &known));
        let hint = near.map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean {near}?"));
        Err(at(&self.path.key(name), format!("{} is not known here; {hint}", described(value))))
    }

    fn wrong(&self, name: &str, value: &Value, expected: &str) -> Invalid {
        at(&self.path.key(name), format!("{} where {expected} is expected", described(value)))
    }
}

/// Something wrong at a place.
pub(super) fn at(path: &Path<'_>, message: impl Into<String>) -> Invalid {
    Invalid::new(path.to_string(), message)
}

/// A value as messages name it.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => quote(text),
        other => clip(&other.to_string()).into_owned(),
    }
}

/// `match_type` -> `matchType`.
fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}
