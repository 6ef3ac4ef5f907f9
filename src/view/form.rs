//! A flag or a segment as a form has it: texts that somebody is still typing, in lists that somebody is still ordering.
//!
//! ```text
//! Resource -> form -> fields of a page -> what a browser sends -> form -> Resource
//!                                              act: add, remove, up, down
//! ```
//!
//! A field is named by where it stands: `rules.3.distributions.0.rollout`. The numbers are no places but names: an item
//! keeps its own while it is moved, so that the focus, a half-typed number and the script's idea of what moved stay with
//! it; the order is the one in which the fields arrive. A variant is meant by its number, not by its key, so that it can
//! be renamed in one place.
//!
//! What makes no sense yet stays in its field, and [`Wrong`] says which one it is about. What does make sense is read by
//! [`payload`], which the API's requests go through too: there is one opinion of what a flag may be. A form that nobody
//! touched gives back the resource that it was made of (`tests` look).

mod act;
mod constraint;
mod flag;
mod metadata;
mod rollout;
mod segment;
mod sent;
mod show;
#[cfg(test)]
mod tests;
mod whom;

pub use self::act::Act;
pub use self::flag::FlagForm;
pub use self::segment::SegmentForm;
pub use self::sent::Sent;

use serde::Serialize;
use serde_json::Value;

use crate::flags::resource::payload::{self, Invalid};
use crate::flags::resource::{Kind, Resource, mistakes};

/// Something that cannot be saved as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Name of the field; of a list where it is about all of it; empty for the whole.
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Wrong {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// One of a list, with the number that it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item<T> {
    /// The number in the names of its fields.
    pub id: u32,
    /// What it is.
    pub of: T,
}

/// A list.
pub type Items<T> = Vec<Item<T>>;

/// Numbers a list as it comes.
fn items<T>(all: impl IntoIterator<Item = T>) -> Items<T> {
    (0..).zip(all).map(|(id, of)| Item { id, of }).collect()
}

/// Either of the two.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A flag's.
    Flag(FlagForm),
    /// A segment's.
    Segment(SegmentForm),
}

impl Form {
    /// The form of what is there.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        match resource {
            Resource::Flag(flag) => Self::Flag(FlagForm::of(flag)),
            Resource::Segment(segment) => Self::Segment(SegmentForm::of(segment)),
        }
    }

    /// The form of something new.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Flag => Self::Flag(FlagForm::new()),
            Kind::Segment => Self::Segment(SegmentForm::new()),
        }
    }

    /// What was sent.
    #[must_use]
    pub fn read(kind: Kind, sent: &Sent) -> Self {
        match kind {
            Kind::Flag => Self::Flag(FlagForm::read(sent)),
            Kind::Segment => Self::Segment(SegmentForm::read(sent)),
        }
    }

    /// The key that stands in it.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Flag(form) => &form.key,
            Self::Segment(form) => &form.key,
        }
    }

    /// Of something that is there the key is not up to the form.
    pub fn set_key(&mut self, key: &str) {
        key.clone_into(match self {
            Self::Flag(form) => &mut form.key,
            Self::Segment(form) => &mut form.key,
        });
    }

    /// What has no name yet is called by its key.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(match self {
            Self::Flag(form) => &mut form.name,
            Self::Segment(form) => &mut form.name,
        });
    }

    /// Does what a button says; answers the name of the item that it was about, for the focus.
    pub fn act(&mut self, act: &Act) -> Option<String> {
        match self {
            Self::Flag(form) => form.act(act),
            Self::Segment(form) => form.act(act),
        }
    }

    /// What it says, if it can be saved; `before` is what is there, whose old mistakes may stay.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be told.
    pub fn resource(&self, before: Option<&Resource>) -> Result<Resource, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        let (kind, payload) = match self {
            Self::Flag(form) => (Kind::Flag, form.payload(&mut wrongs)),
            Self::Segment(form) => (Kind::Segment, form.payload(&mut wrongs)),
        };
        if !wrongs.is_empty() {
            return Err(wrongs);
        }
        let resource = payload::resource(kind, self.key(), &payload).map_err(|invalid| vec![self.wrong(invalid)])?;
        let known = before.map(mistakes).unwrap_or_default();
        let is_new = |mistake: &Invalid| !known.iter().any(|known| known.message == mistake.message);
        let found: Vec<_> = mistakes(&resource).into_iter().filter(is_new).map(|found| self.wrong(found)).collect();
        if found.is_empty() { Ok(resource) } else { Err(found) }
    }

    /// What is wrong with what it says and may be saved all the same, because it stood there before.
    #[must_use]
    pub fn standing(&self, said: &Resource) -> Vec<Wrong> {
        mistakes(said).into_iter().map(|found| self.wrong(found)).collect()
    }

    /// What a template shows: every field with its name, what stands in it, and what is wrong with it.
    #[must_use]
    pub fn shown(&self, wrongs: &[Wrong]) -> Value {
        match self {
            Self::Flag(form) => show::flag(form, wrongs),
            Self::Segment(form) => show::segment(form, wrongs),
        }
    }

    /// A mistake of a resource as one of the form: `rules[1].distributions[0].rollout` -> `rules.3.distributions.0.rollout`.
    fn wrong(&self, invalid: Invalid) -> Wrong {
        let mut field = String::new();
        let mut whole = true;
        for part in invalid.path.split('.') {
            let (name, index) = part.strip_suffix(']').and_then(|part| part.split_once('[')).unwrap_or((part, ""));
            // The form has what a rollout is for in the rollout itself.
            if !matches!(name, "segment" | "threshold") {
                push(&mut field, if name == "defaultVariant" { "default" } else { name });
            }
            let Ok(index) = index.parse::<usize>() else { continue };
            match self.ids(&field).get(index) {
                Some(id) => push(&mut field, &id.to_string()),
                None => whole = false,
            }
        }
        if let (Self::Flag(form), Some(key)) = (self, invalid.path.strip_prefix("metadata.")) {
            let entry = form.metadata.iter().find(|entry| entry.of.key == key);
            field = entry.map_or_else(|| "metadata".to_owned(), |entry| format!("metadata.{}.value", entry.id));
        }
        Wrong::new(if whole { field } else { String::new() }, invalid.message)
    }

    /// The numbers of the items of a list, by its name.
    fn ids(&self, list: &str) -> Vec<u32> {
        match self {
            Self::Flag(form) => form.ids(list),
            Self::Segment(form) => {
                if list == "constraints" {
                    ids(&form.constraints)
                } else {
                    Vec::new()
                }
            }
        }
    }
}

fn push(name: &mut String, part: &str) {
    if !name.is_empty() && !part.is_empty() {
        name.push('.');
    }
    name.push_str(part);
}

fn ids<T>(items: &[Item<T>]) -> Vec<u32> {
    items.iter().map(|item| item.id).collect()
}

/// A number between 0 and 100, as people write it.
fn share(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('%').trim_end();
    let text = text.replacen(',', ".", 1);
    text.parse().ok().filter(|share| (0.0..=100.0).contains(share))
}
