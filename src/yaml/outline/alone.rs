//! One part read by itself, between a line that leads to it and one that follows, as in its place.

use super::Follows;
use crate::yaml::{Limits, Node, Position, Stream, Value, read};

/// A part that was read by itself. Lines count from 1 at the first line of the part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The item; of an entry the value.
    pub node: Node,
    /// Where the key of an entry stands; of an item, where a list that begins with it stands.
    pub at: Position,
    /// Lines of the part.
    pub lines: u32,
    /// Nodes of it, aliases expanded.
    pub nodes: usize,
    /// What its anchors and aliases have copied, in nodes; 0 if it has none.
    pub copied: usize,
}

/// Reads one item by itself.
///
/// `text` is the item with its head as [`of`] tells it, `column` that of its dash. None: it is not one item, or has
/// an error, a limit passed and a repeated key among them; the whole text will tell it in its place.
#[must_use]
pub fn item(text: &str, column: usize, follows: Follows) -> Option<Part> {
    let indent = if follows == Follows::Item { column } else { 0 };
    let (mut stream, lines) = alone("a:\n", text, indent, follows)?;
    let Value::Mapping(pairs) = stream.documents.drain(..).next()?.value else { return None };
    let mut pairs = pairs.into_iter();
    let (_, list) = pairs.next()?;
    let Value::Sequence(items) = list.value else { return None };
    let mut items = items.into_iter();
    let mut node = items.next()?;
    let after = match follows {
        Follows::Item => items.next(),
        Follows::Key => pairs.next().map(|(_, value)| value),
        Follows::Marker | Follows::End => None,
    };
    if items.next().is_some() || pairs.next().is_some() || !is_after(after.as_ref(), follows, lines + 2, indent) {
        return None;
    }
    move_lines(&mut node, -1);
    if !is_within(&node, number(text.lines().count())) {
        return None;
    }
    let at = Position { line: list.at.line.saturating_sub(1), ..list.at };
    Some(Part { node, at, lines, nodes: stream.nodes.saturating_sub(3 + after_nodes(follows)), copied: stream.copied })
}

/// Reads one entry of the top by itself; as [`item`].
#[must_use]
pub fn entry(text: &str, follows: Follows) -> Option<Part> {
    if follows == Follows::Item {
        return None;
    }
    let (mut stream, lines) = alone("a b:\n", text, 0, follows)?;
    let Value::Mapping(pairs) = stream.documents.drain(..).next()?.value else { return None };
    let mut pairs = pairs.into_iter();
    let (_, first) = pairs.next()?;
    let (key, mut node) = pairs.next()?;
    let after = if follows == Follows::Key { pairs.next().map(|(_, value)| value) } else { None };
    if !first.is_null() || pairs.next().is_some() || !is_after(after.as_ref(), follows, lines + 2, 0) {
        return None;
    }
    move_lines(&mut node, -1);
    if !is_within(&node, number(text.lines().count())) {
        return None;
    }
    let at = Position { line: key.at.line.saturating_sub(1), column: key.at.column };
    Some(Part { node, at, lines, nodes: stream.nodes.saturating_sub(3 + after_nodes(follows)), copied: stream.copied })
}

/// Reads a part between the line that leads to it and the one that follows, and counts its lines.
fn alone(before: &str, text: &str, indent: usize, follows: Follows) -> Option<(Stream, u32)> {
    // A break that is not counted as one here.
    if text.contains('\r') && text.split('\r').skip(1).any(|rest| !rest.starts_with('\n')) {
        return None;
    }
    if follows != Follows::End && !text.ends_with('\n') {
        return None;
    }
    let after = match follows {
        Follows::Item => "- 0\n",
        // No key of the top that is read has a blank in it.
        Follows::Key => "b c: 0\n",
        Follows::Marker => "---\n",
        Follows::End => "",
    };
    let mut whole = String::with_capacity(before.len() + text.len() + indent + after.len());
    whole.push_str(before);
    whole.push_str(text);
    whole.extend(std::iter::repeat_n(' ', indent));
    whole.push_str(after);
    let stream = read(&whole, Limits::default()).ok().filter(|stream| stream.repeated.is_empty())?;
    let mut others = stream.documents.iter().skip(1);
    let marked = others.next().is_some_and(Node::is_null);
    if others.next().is_some() || marked != (follows == Follows::Marker) || stream.documents.len() > 2 {
        return None;
    }
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    Some((stream, number(lines)))
}

/// Whether what follows is whole and in its place.
fn is_after(after: Option<&Node>, follows: Follows, line: u32, indent: usize) -> bool {
    let column = match follows {
        Follows::Item => indent + 3,
        Follows::Key => 6,
        Follows::Marker | Follows::End => return after.is_none(),
    };
    let at = Position { line, column: number(column) };
    after.is_some_and(|node| node.at == at && node.text() == Some("0"))
}

/// Whether every node stands within the part. An empty value that nothing announces (`? key` without one) stands where
/// the next thing does, which is for the next part to know.
fn is_within(node: &Node, lines: u32) -> bool {
    node.at.line <= lines
        && match &node.value {
            Value::Scalar { .. } => true,
            Value::Sequence(items) => items.iter().all(|item| is_within(item, lines)),
            Value::Mapping(pairs) => pairs.iter().all(|(key, value)| is_within(key, lines) && is_within(value, lines)),
        }
}

const fn after_nodes(follows: Follows) -> usize {
    match follows {
        Follows::Item | Follows::Marker => 1,
        Follows::Key => 2,
        Follows::End => 0,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Moves a tree to where it stands in a whole text.
pub fn move_lines(node: &mut Node, by: i64) {
    let moved = i64::from(node.at.line).saturating_add(by);
    node.at.line = u32::try_from(moved.max(0)).unwrap_or(u32::MAX);
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| move_lines(item, by)),
        Value::Mapping(pairs) => {
            for (key, value) in pairs {
                move_lines(key, by);
                move_lines(value, by);
            }
        }
    }
}
