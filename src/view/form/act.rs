//! What the buttons within a form do to it: `add:rules.3.segments`, `up:rules.3`, `even:rules.3`.

use super::{Item, Items};

/// A button that was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What is to be done.
    pub verb: Verb,
    /// The parts of the name of what it is done to.
    pub at: Vec<String>,
    /// Which sort of thing is added.
    pub sort: String,
}

/// What can be done to a part of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One more, at the end of a list.
    Add,
    /// It goes.
    Remove,
    /// Before the one before it.
    Up,
    /// Behind the one behind it.
    Down,
    /// Everybody the same share.
    Even,
    /// All of a list go.
    Clear,
}

impl Act {
    /// What a button says; nothing of one that is not about the form's own parts.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (verb, at) = text.split_once(':')?;
        let (at, sort) = at.split_once('=').unwrap_or((at, ""));
        let verb = match verb {
            "add" => Verb::Add,
            "remove" => Verb::Remove,
            "up" => Verb::Up,
            "down" => Verb::Down,
            "even" => Verb::Even,
            "clear" => Verb::Clear,
            _ => return None,
        };
        Some(Self { verb, at: at.split('.').map(str::to_owned).collect(), sort: sort.to_owned() })
    }
}

/// Adds one at the end, with the next number.
pub(super) fn add<T>(items: &mut Items<T>, of: T) -> u32 {
    let id = items.iter().map(|item| item.id).max().map_or(0, |last| last.saturating_add(1));
    items.push(Item { id, of });
    id
}

/// Does to a list what can be done to any; answers what has the focus then: the item, or the one that took its place.
pub(super) fn change<T>(items: &mut Items<T>, verb: Verb, id: Option<&str>) -> Option<u32> {
    if verb == Verb::Clear {
        items.clear();
        return None;
    }
    let id: u32 = id?.parse().ok()?;
    let at = items.iter().position(|item| item.id == id)?;
    match verb {
        Verb::Remove => {
            items.remove(at);
            return items.get(at).or(items.last()).map(|item| item.id);
        }
        Verb::Up => items.swap(at, at.saturating_sub(1)),
        Verb::Down if at + 1 < items.len() => items.swap(at, at + 1),
        Verb::Down | Verb::Add | Verb::Even | Verb::Clear => {}
    }
    Some(id)
}

/// The item with a number in a name.
pub(super) fn find<'i, T>(items: &'i mut Items<T>, id: &str) -> Option<&'i mut T> {
    let id: u32 = id.parse().ok()?;
    items.iter_mut().find(|item| item.id == id).map(|item| &mut item.of)
}
