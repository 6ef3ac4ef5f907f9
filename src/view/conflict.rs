//! Three versions of a flag or segment side by side, and what somebody decides between them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::flags::resource::{Compared, Field, Side};
use crate::limits;

/// In front of the name of a field that says which side is taken.
pub const PREFIX: &str = "side.";

/// A field that somebody has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name in the form.
    pub name: String,
    /// Its path, for people: each part by its kind, and which one.
    pub parts: Vec<Part>,
    /// As it was, as one wants it, as it is; each cut where it is too long.
    pub base: Option<String>,
    /// See there.
    pub ours: Option<String>,
    /// See there.
    pub theirs: Option<String>,
    /// Both have changed it, and somebody has to decide.
    pub overlaps: bool,
    /// Which is taken.
    pub taken: Option<Side>,
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What is known by a word of its own; empty otherwise.
    pub kind: &'static str,
    /// Which one, or the part itself.
    pub which: String,
}

/// The words that pages have.
const KNOWN: [&str; 18] = [
    "attachment",
    "constraints",
    "defaultVariant",
    "description",
    "distributions",
    "enabled",
    "matchType",
    "metadata",
    "name",
    "percentage",
    "rollouts",
    "rules",
    "segment",
    "segments",
    "threshold",
    "type",
    "value",
    "variants",
];

/// The rows: what is to be decided stands first.
#[must_use]
pub fn rows(compared: &Compared) -> Vec<Row> {
    let (overlaps, others): (Vec<&Field>, Vec<&Field>) = compared.fields.iter().partition(|field| field.overlaps);
    overlaps.into_iter().chain(others).map(row).collect()
}

fn row(field: &Field) -> Row {
    let is_match = field.path == "matchType";
    let cut = |text: &Option<String>| {
        text.as_deref().map(|text| match text {
            "on" if is_match => "ALL".to_owned(),
            "off" if is_match => "ANY".to_owned(),
            text => cut(text),
        })
    };
    Row {
        name: format!("{PREFIX}{}", field.path),
        parts: parts(&field.path),
        base: cut(&field.base),
        ours: cut(&field.ours),
        theirs: cut(&field.theirs),
        overlaps: field.overlaps,
        taken: field.taken,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(limits::UI_VERSION_CHARACTERS).and_then(|(at, _)| text.get(..at)) {
        Some(cut) => format!("{cut}…"),
        None => text.to_owned(),
    }
}

/// The path of a field, part by part.
fn parts(path: &str) -> Vec<Part> {
    // Keys of metadata may have dots in them.
    if let Some(key) = path.strip_prefix("metadata.") {
        return vec![Part { kind: "metadata", which: cut(key) }];
    }
    let part = |part: &str| {
        let (name, which) = part.split_once('[').unwrap_or((part, ""));
        let which = which.trim_end_matches(']');
        // Rules are counted from one, as everywhere on a page.
        let which = which.parse::<usize>().map_or_else(|_| which.to_owned(), |index| (index + 1).to_string());
        match KNOWN.iter().find(|known| **known == name) {
            Some(kind) => Part { kind, which },
            None => Part { kind: "", which: cut(part) },
        }
    };
    path.split('.').map(part).collect()
}

/// What somebody has decided, of the fields of a form.
pub fn decided<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> BTreeMap<String, Side> {
    let side = |(name, value): (&str, &str)| {
        let side = match value {
            "ours" => Side::Ours,
            "theirs" => Side::Theirs,
            _ => return None,
        };
        Some((name.strip_prefix(PREFIX)?.to_owned(), side))
    };
    fields.filter_map(side).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flags::resource::{Kind, Resource, compare, payload};

    fn flag(value: &serde_json::Value) -> Resource {
        let mut value = value.clone();
        value["@type"] = Kind::Flag.type_url().into();
        payload::resource(Kind::Flag, "f", &value).unwrap()
    }

    #[test]
    fn what_overlaps_is_decided_and_what_does_not_is_taken() {
        let of = |enabled: bool, name: &str, percentage: f32, more: &str| {
            flag(
                &json!({ "key": "f", "name": name, "description": more, "type": "BOOLEAN_FLAG_TYPE", "enabled": enabled,
                "rollouts": [{ "type": "THRESHOLD_ROLLOUT_TYPE", "threshold": { "percentage": percentage, "value": true } }] }),
            )
        };
        let (base, ours, theirs) = (of(false, "F", 10.0, ""), of(true, "F", 20.0, ""), of(false, "F", 30.0, "more"));
        let looked = compare(Some(&base), &ours, &theirs, &BTreeMap::new());
        assert_eq!(
            (looked.result.is_none(), &*looked.left),
            (true, &["rollouts[0].threshold.percentage".to_owned()][..])
        );
        let rows = rows(&looked);
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.overlaps, row.taken)).collect();
        assert_eq!(
            told,
            [
                ("side.rollouts[0].threshold.percentage", true, None),
                ("side.description", false, Some(Side::Theirs)),
                ("side.enabled", false, Some(Side::Ours)),
            ]
        );
        assert_eq!(rows[0].parts[0], Part { kind: "rollouts", which: "1".to_owned() });
        assert_eq!(rows[0].theirs.as_deref(), Some("30 %"));
        for (side, percentage) in [("ours", 20.0), ("theirs", 30.0)] {
            let sent = [("side.rollouts[0].threshold.percentage", side), ("side.x", "both"), ("proof", "ours")];
            let made = compare(Some(&base), &ours, &theirs, &decided(sent.into_iter()));
            assert_eq!(made.result, Some(of(true, "F", percentage, "more")));
        }
    }

    #[test]
    fn whole_entries_are_decided_too() {
        let of = |segments: &[&str]| {
            let rollouts: Vec<_> = segments
                .iter()
                .map(|key| json!({ "type": "SEGMENT_ROLLOUT_TYPE", "segment": { "segments": [key], "value": true } }))
                .collect();
            flag(&json!({ "key": "f", "name": "F", "type": "BOOLEAN_FLAG_TYPE", "rollouts": rollouts }))
        };
        let sides = |side: &str, path: &str| decided([(&*format!("{PREFIX}{path}"), side)].into_iter());
        // Both have added another one at the same place.
        let (base, ours, theirs) = (of(&["a"]), of(&["b", "a"]), of(&["c", "a"]));
        let made = |side| compare(Some(&base), &ours, &theirs, &sides(side, "rollouts")).result;
        assert_eq!((made("ours"), made("theirs")), (Some(ours.clone()), Some(theirs.clone())));
        // One has removed what the other one has changed.
        let change = |value: bool| {
            flag(&json!({ "key": "f", "name": "F", "type": "BOOLEAN_FLAG_TYPE",
                "rollouts": [{ "type": "SEGMENT_ROLLOUT_TYPE", "segment": { "segments": ["a"], "value": value } }] }))
        };
        let (base, gone, changed) = (change(true), of(&[]), change(false));
        let looked = compare(Some(&base), &gone, &changed, &BTreeMap::new());
        let path = looked.left[0].clone();
        let made = |side| compare(Some(&base), &gone, &changed, &sides(side, &path)).result;
        assert_eq!((made("ours"), made("theirs")), (Some(gone.clone()), Some(changed.clone())));
    }

    #[test]
    fn names_of_anything_are_shown_as_they_are() {
        assert_eq!(parts("metadata.a.b[0]"), [Part { kind: "metadata", which: "a.b[0]".to_owned() }]);
        let told = |path: &str| parts(path).iter().map(|p| format!("{}:{}", p.kind, p.which)).collect::<Vec<_>>();
        assert_eq!(told("variants[<b>].attachment"), ["variants:<b>", "attachment:"]);
        assert_eq!(told("@type"), [":@type"]);
        assert!(cut(&"é".repeat(100_000)).chars().count() <= limits::UI_VERSION_CHARACTERS + 1);
    }
}
