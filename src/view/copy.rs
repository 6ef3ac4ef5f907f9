//! Flags and segments that are copied to another place, and what comes of that there.
//!
//! A flag that names a segment is of no use without it, so the segments that it names come along where they are missing.
//! What is there already stays as it is, unless somebody wants it replaced; what is the same already needs nothing.

use serde::Serialize;

use crate::flags::resource::view::{View, named};
use crate::flags::resource::{Flag, Kind, Resource};

/// What is to be copied, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Keys of flags.
    pub flags: Vec<String>,
    /// Keys of segments.
    pub segments: Vec<String>,
    /// Another key there, where one thing is copied alone.
    pub key: Option<String>,
    /// Replace what is there under the same key.
    pub replace: bool,
    /// Replace the segments, too, that come along.
    pub replace_along: bool,
}

/// What becomes of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is made there.
    New,
    /// It is there, other than here, and is replaced.
    Replaced,
    /// It is there, other than here, and stays.
    Kept,
    /// It is there as it is here.
    Same,
    /// It is not here (any more).
    Gone,
}

/// One thing that is copied.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// Which kind.
    pub kind: Kind,
    /// Its key here.
    pub key: String,
    /// Its key there.
    pub to: String,
    /// It comes along because a flag names it.
    pub along: bool,
    /// What becomes of it.
    pub fate: Fate,
    /// As it is to be there, where it is made or replaced.
    pub resource: Option<Resource>,
}

/// What comes of a wish: segments first, so that whoever reads it sees what flags stand on.
#[must_use]
pub fn plan(from: (&View, &str), to: (&View, &str), wish: &Wish) -> Vec<Copy> {
    let only = wish.flags.len() + wish.segments.len() == 1;
    let renamed = |key: &str| wish.key.as_ref().filter(|_| only).map_or_else(|| key.to_owned(), String::clone);
    let mut copies = Vec::new();
    let mut add = |kind: Kind, key: &str, along: bool| {
        let here = from.0.get(from.1, kind, key);
        let target = if along { key.to_owned() } else { renamed(key) };
        let wanted = here.map(|resource| under(resource, &target));
        let there = to.0.get(to.1, kind, &target);
        let replace = if along { wish.replace_along } else { wish.replace };
        let fate = match (&wanted, &there) {
            (None, _) => Fate::Gone,
            (Some(_), None) => Fate::New,
            (Some(wanted), Some(there)) if wanted == there => Fate::Same,
            (Some(_), Some(_)) if replace => Fate::Replaced,
            (Some(_), Some(_)) => Fate::Kept,
        };
        let resource = wanted.filter(|_| matches!(fate, Fate::New | Fate::Replaced));
        copies.push(Copy { kind, key: key.to_owned(), to: target, along, fate, resource });
    };
    wish.segments.iter().for_each(|key| add(Kind::Segment, key, false));
    let mut along: Vec<String> = Vec::new();
    for key in &wish.flags {
        let Some(Resource::Flag(flag)) = from.0.get(from.1, Kind::Flag, key) else { continue };
        for segment in segments_of(&flag) {
            if !wish.segments.contains(&segment) && !along.contains(&segment) {
                along.push(segment);
            }
        }
    }
    // What a flag names and nobody has is the flag's own fault, and its page says so.
    let there = |key: &String| from.0.get(from.1, Kind::Segment, key).is_some();
    along.iter().filter(|key| there(key)).for_each(|key| add(Kind::Segment, key, true));
    wish.flags.iter().for_each(|key| add(Kind::Flag, key, false));
    copies
}

fn segments_of(flag: &Flag) -> Vec<String> {
    named(flag).map(|(_, key)| key.to_owned()).collect()
}

fn under(resource: Resource, key: &str) -> Resource {
    match resource {
        Resource::Flag(flag) => Resource::Flag(Flag { key: key.to_owned(), ..flag }),
        Resource::Segment(segment) => {
            Resource::Segment(crate::flags::resource::Segment { key: key.to_owned(), ..segment })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::document::Format;
    use crate::flags::resource::view::File;

    fn view(text: &str) -> View {
        let text = format!("version: \"1.6\"\nnamespace: n\n{text}");
        let file = File::new(&"features.yaml".into(), &"b".into(), Format::Yaml, text.as_bytes());
        file.documents.as_ref().unwrap();
        View { files: vec![file] }
    }

    const HERE: &str = "flags:\n- {key: f, name: F, type: BOOLEAN_FLAG_TYPE, rollouts: [{segment: {keys: [s, t, gone], value: true}}, {segment: {key: s, value: true}}]}\nsegments:\n- {key: s, name: S, match_type: ALL_MATCH_TYPE}\n- {key: t, name: T, match_type: ALL_MATCH_TYPE}\n";

    fn told(there: &str, wish: &Wish) -> Vec<(String, bool, Fate)> {
        let told = plan((&view(HERE), "n"), (&view(there), "n"), wish);
        for copy in &told {
            assert_eq!(copy.resource.is_some(), matches!(copy.fate, Fate::New | Fate::Replaced));
            assert!(copy.resource.as_ref().is_none_or(|resource| resource.key() == copy.to));
        }
        told.into_iter().map(|copy| (copy.to, copy.along, copy.fate)).collect()
    }

    #[test]
    fn segments_come_along_where_they_are_missing() {
        let wish = Wish { flags: vec!["f".to_owned()], ..Wish::default() };
        let to = |key: &str, along, fate| (key.to_owned(), along, fate);
        let all = told("", &wish);
        assert_eq!(all, [to("s", true, Fate::New), to("t", true, Fate::New), to("f", false, Fate::New)]);
        let there = "segments:\n- {key: s, name: S, match_type: ALL_MATCH_TYPE}\n- {key: t, name: Other, match_type: ALL_MATCH_TYPE}\n";
        let some = told(there, &wish);
        assert_eq!(some, [to("s", true, Fate::Same), to("t", true, Fate::Kept), to("f", false, Fate::New)]);
        let replaced = told(there, &Wish { replace_along: true, ..wish.clone() });
        assert_eq!(replaced.get(1), Some(&to("t", true, Fate::Replaced)));
        assert_eq!(told(HERE, &wish).last(), Some(&to("f", false, Fate::Same)));
    }

    #[test]
    fn one_alone_can_have_another_key() {
        let wish = Wish { flags: vec!["f".to_owned()], key: Some("g".to_owned()), ..Wish::default() };
        assert_eq!(told(HERE, &wish).last(), Some(&("g".to_owned(), false, Fate::New)));
        let two = Wish { segments: vec!["s".to_owned()], ..wish };
        assert_eq!(told(HERE, &two).last(), Some(&("f".to_owned(), false, Fate::Same)), "of several none can");
    }

    #[test]
    fn what_is_there_is_replaced_only_if_somebody_wants_that() {
        let there = "flags:\n- {key: f, name: Other, type: BOOLEAN_FLAG_TYPE}\n";
        let wish = Wish { flags: vec!["f".to_owned(), "gone".to_owned()], ..Wish::default() };
        let fates = |wish: &Wish| told(there, wish).into_iter().map(|(_, _, fate)| fate).collect::<Vec<_>>();
        assert_eq!(fates(&wish), [Fate::New, Fate::New, Fate::Kept, Fate::Gone]);
        let replaced = fates(&Wish { replace: true, ..wish });
        assert_eq!(replaced, [Fate::New, Fate::New, Fate::Replaced, Fate::Gone]);
    }
}
