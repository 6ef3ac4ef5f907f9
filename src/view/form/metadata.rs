//! What is noted about a flag: a table of names and values, each value of the sort that its row says.

use serde_json::{Map, Value};

use super::sent::Sent;
use super::{Items, Wrong, items};
use crate::yaml::quote;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryForm {
    /// Its name.
    pub key: String,
    /// `text`, `number`, `truth`, `json`.
    pub sort: String,
    /// Its value, as that sort is typed.
    pub value: String,
}

/// The sorts that there are.
pub(super) const SORTS: [&str; 4] = ["text", "number", "truth", "json"];

impl EntryForm {
    pub(super) fn read(sent: &Sent) -> Self {
        let sort = sent.text("sort");
        let sort = if SORTS.contains(&sort.as_str()) { sort } else { "text".to_owned() };
        Self { key: sent.text("key"), sort, value: sent.text("value") }
    }

    fn of(key: &str, value: &Value) -> Self {
        let (sort, value) = match value {
            Value::String(text) => ("text", text.clone()),
            Value::Number(number) => ("number", number.to_string()),
            Value::Bool(truth) => ("truth", truth.to_string()),
            other => ("json", pretty(other)),
        };
        Self { key: key.to_owned(), sort: sort.to_owned(), value }
    }

    fn json(&self) -> Result<Value, String> {
        let typed = self.value.trim();
        match self.sort.as_str() {
            "number" => match serde_json::from_str(typed) {
                Ok(Value::Number(number)) => Ok(Value::Number(number)),
                _ => Err(format!("{} is no number", quote(typed))),
            },
            "truth" => Ok(Value::Bool(typed == "true")),
            "json" => json(typed),
            _ => Ok(Value::String(self.value.clone())),
        }
    }
}

pub(super) fn of(map: Option<&Map<String, Value>>) -> Items<EntryForm> {
    items(map.into_iter().flatten().map(|(key, value)| EntryForm::of(key, value)))
}

/// The table as JSON; nothing for an empty one.
pub(super) fn payload(entries: &Items<EntryForm>, wrongs: &mut Vec<Wrong>) -> Value {
    let mut map = Map::new();
    for entry in entries {
        let name = format!("metadata.{}", entry.id);
        if entry.of.key.is_empty() && entry.of.value.trim().is_empty() {
            // A row that somebody added and left alone.
            continue;
        }
        if map.contains_key(&entry.of.key) {
            wrongs.push(Wrong::new(format!("{name}.key"), "there is an entry of this name already"));
        }
        match entry.of.json() {
            Ok(value) => _ = map.insert(entry.of.key.clone(), value),
            Err(message) => wrongs.push(Wrong::new(format!("{name}.value"), message)),
        }
    }
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

/// A text as JSON, or why it is none.
pub(super) fn json(text: &str) -> Result<Value, String> {
    crate::json::value(text.as_bytes()).map_err(|error| format!("this is no JSON: {error}"))
}

/// JSON for people.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
