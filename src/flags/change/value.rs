//! Attachments and metadata compared as JSON: which places of the tree differ, whatever the order of keys was.

use serde::Serialize;
use serde_json::Value;

use crate::limits;

/// The places that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueEdit {
    /// The first of them.
    pub changes: Vec<ValueChange>,
    /// How many more there are.
    pub more: usize,
}

/// One place that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueChange {
    /// JSON pointer (RFC 6901); empty for the whole.
    pub path: String,
    /// Before; absent if there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// Now; absent if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Compares two JSON texts.
pub(super) fn edit(old: &str, new: &str) -> Option<ValueEdit> {
    if old == new {
        return None;
    }
    // Nested deeper than the reader goes, a tree is compared as text.
    let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let mut edit = ValueEdit::default();
    let (old, new): (Value, Value) = (parse(old), parse(new));
    compare(&mut edit, &mut String::new(), &old, &new);
    (edit != ValueEdit::default()).then_some(edit)
}

fn compare(edit: &mut ValueEdit, path: &mut String, old: &Value, new: &Value) {
    match (old, new) {
        (old, new) if old == new => {}
        (Value::Object(before), Value::Object(after)) => {
            for (key, old) in before {
                inside(path, &key.replace('~', "~0").replace('/', "~1"), |path| match after.get(key) {
                    Some(new) => compare(edit, path, old, new),
                    None => tell(edit, path, Some(old), None),
                });
            }
            for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                let name = key.replace('~', "~0").replace('/', "~1");
                inside(path, &name, |path| tell(edit, path, None, Some(new)));
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (old, new)) in before.iter().zip(after).enumerate() {
                inside(path, &index.to_string(), |path| compare(edit, path, old, new));
            }
        }
        (old, new) => tell(edit, path, Some(old), Some(new)),
    }
}

fn inside(path: &mut String, name: &str, work: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(name);
    work(path);
    path.truncate(length);
}

fn tell(edit: &mut ValueEdit, path: &str, old: Option<&Value>, new: Option<&Value>) {
    if edit.changes.len() >= limits::DIFF_VALUES {
        edit.more += 1;
        return;
    }
    edit.changes.push(ValueChange { path: path.to_owned(), old: old.cloned(), new: new.cloned() });
}
