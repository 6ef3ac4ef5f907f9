//! YAML as a tree that knows where each node stands.
//!
//! Flag files and the configuration are read through this one tree, so that every problem can name line and column.
//! It keeps scalars as text: what `yes` or `1_000` means is decided by the key that asks (Flipt's reader types a
//! scalar by its target, not by its look; [`Node::kind`] answers what an unquoted scalar looks like). Aliases are
//! expanded and merge keys applied, all within [`Limits`]: what a text can cost is bounded by its length, never by
//! what its aliases multiply it to. JSON is read into the same tree by [`json`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use smol_str::SmolStr;

use crate::limits;

pub mod excerpt;
pub mod json;
pub mod outline;
pub mod scalar;
pub mod spans;
mod text;

pub use scalar::Kind;
pub use text::decode;

#[cfg(test)]
mod tests;

/// A place in a text; both numbers count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One node of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// Its content.
    pub value: Value,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, and whether it stood unquoted (only then can it mean a number, a boolean or null).
    Scalar {
        /// The text without quotes. Nearly all are shorter than the 24 bytes that need no allocation of their own.
        text: SmolStr,
        /// Unquoted and untagged.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text. Keys are scalars; a repeated key is an error of the parse.
    Mapping(Vec<(Node, Node)>),
}

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Where.
    pub at: Position,
    /// What is wrong, for the person who wrote the text.
    pub message: String,
    /// Of which sort it is.
    pub reason: Reason,
    /// The key that was being read: `flags[3].rules`; empty at the top of the text.
    pub key_path: String,
}

/// The sorts of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The bytes are no UTF-8.
    Encoding,
    /// A character that may not stand in a text.
    Character,
    /// Not the grammar of the format.
    Syntax,
    /// A mapping has the same key twice.
    RepeatedKey,
    /// A limit of the parse is passed.
    Limit,
}

/// Bounds of one parse.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: usize,
    /// Most nodes, each expansion of an alias counted anew.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: limits::YAML_DEPTH, nodes: limits::YAML_NODES }
    }
}

/// What a text holds, and the repeated keys that a reader who wants every problem at once does not stop at.
#[derive(Debug, Default)]
pub struct Stream {
    /// The documents. Of a repeated key the first value is kept.
    pub documents: Vec<Node>,
    /// The repeated keys, each with the index of its document.
    pub repeated: Vec<(usize, Error)>,
    /// Nodes read, aliases expanded: what [`Limits::nodes`] bounds. (Of YAML.)
    pub nodes: usize,
    /// What anchors and aliases have copied, in nodes: 0 if there are none.
    pub copied: usize,
}

impl Node {
    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(pairs) => pairs.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether this is YAML's null: an empty plain scalar, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What a scalar looks like where nothing says what it has to be; none for lists and mappings.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(scalar::kind(text)),
            Value::Scalar { plain: false, .. } => Some(Kind::Text),
            _ => None,
        }
    }
}

/// Reads every document of a text. An empty text, or one of comments only, has no document.
///
/// # Errors
/// The first place that is no YAML, repeats a key, or passes a limit.
pub fn parse(text: &str, limits: Limits) -> Result<Vec<Node>, Error> {
    let mut stream = read(text, limits)?;
    if stream.repeated.is_empty() { Ok(stream.documents) } else { Err(stream.repeated.swap_remove(0).1) }
}

/// Reads every document of a text, and goes on after a repeated key.
///
/// # Errors
/// The first place that is no YAML or passes a limit.
pub fn read(text: &str, limits: Limits) -> Result<Stream, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text::characters(text)?;
    let mut reader = Reader {
        limits,
        nodes: 0,
        copied: 0,
        anchors: HashMap::new(),
        open: Vec::new(),
        nested: Vec::new(),
        stream: Stream::default(),
    };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|e| {
            // The scanner has a limit of its own for brackets in brackets.
            let deep = e.info().starts_with("recursion limit");
            reader.error(position(*e.marker()), if deep { Reason::Limit } else { Reason::Syntax }, e.info())
        })?;
        reader.take(event, position(span.start))?;
    }
    Ok(Stream { nodes: reader.nodes, copied: reader.copied, ..reader.stream })
}

fn position(marker: saphyr_parser::Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col().saturating_add(1)) }
}

struct Reader {
    limits: Limits,
    nodes: usize,
    /// What anchors and aliases have copied so far, in nodes ([`weight`]).
    copied: usize,
    anchors: HashMap<usize, (Node, Size)>,
    open: Vec<Open>,
    /// The nodes of all open collections, innermost last; of a mapping keys and values in turn. A collection takes its
    /// own from the end: one allocation of the right size each.
    nested: Vec<Node>,
    stream: Stream,
}

/// How large a copy of a node is.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    weight: usize,
    /// Levels below the node itself: an alias deep down must not build a deeper tree than the text could.
    depth: usize,
}

impl Size {
    /// Adds what a collection contains.
    fn hold(&mut self, inner: Self) {
        self.nodes = self.nodes.saturating_add(inner.nodes);
        self.weight = self.weight.saturating_add(inner.weight);
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// A collection whose end has not been read.
struct Open {
    at: Position,
    anchor: usize,
    is_mapping: bool,
    /// Where its nodes begin in [`Reader::nested`].
    first: usize,
    size: Size,
}

/// A long text weighs as much as the nodes that the same memory would hold.
fn weight(text: &str) -> usize {
    1 + text.len() / 64
}

fn size_of(node: &Node) -> Size {
    let mut size = Size { nodes: 1, weight: 1, depth: 0 };
    match &node.value {
        Value::Scalar { text, .. } => size.weight = weight(text),
        Value::Sequence(items) => items.iter().for_each(|item| size.hold(size_of(item))),
        Value::Mapping(pairs) => return size_of_mapping(pairs),
    }
    size
}

fn size_of_mapping(pairs: &[(Node, Node)]) -> Size {
    let mut size = Size { nodes: 1, weight: 1, depth: 0 };
    for (key, value) in pairs {
        size.hold(size_of(key));
        size.hold(size_of(value));
    }
    size
}

/// Whether a scalar says by itself what it is: unquoted, without a tag that makes it text.
fn is_plain(style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> bool {
    match tag {
        None => style == ScalarStyle::Plain,
        Some(tag) => {
            tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "int" | "float" | "bool" | "null" | "merge")
        }
    }
}

impl Reader {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = is_plain(style, tag.as_ref());
                let size = Size { nodes: 1, weight: weight(&text), depth: 0 };
                let node = Node { at, value: Value::Scalar { text: text.into(), plain } };
                self.count(1, at)?;
                self.remember(anchor, &node, size)?;
                self.place(node, size)
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(at, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => {
                let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
                    return Err(self.error(at, Reason::Syntax, "an alias inside its own anchor"));
                };
                self.count(size.nodes, at)?;
                self.copy(size.weight, at)?;
                if self.open.len() + size.depth > self.limits.depth {
                    return Err(self.too_deep(at));
                }
                match self.anchors.get(&anchor) {
                    Some((node, _)) => {
                        let node = Node { at, value: node.value.clone() };
                        self.place(node, size)
                    }
                    None => Ok(()),
                }
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message = format!("more than {} nodes", self.limits.nodes);
            return Err(self.error(at, Reason::Limit, &message));
        }
        Ok(())
    }

    /// Books a copy that an anchor or alias makes, before it is made.
    fn copy(&mut self, weight: usize, at: Position) -> Result<(), Error> {
        self.copied = self.copied.saturating_add(weight);
        if self.copied > limits::YAML_COPIED {
            let message = format!("anchors and aliases expand to more than {} nodes", limits::YAML_COPIED);
            return Err(self.error(at, Reason::Limit, &message));
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: Size) -> Result<(), Error> {
        if anchor != 0 {
            self.copy(size.weight, node.at)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn begin(&mut self, at: Position, anchor: usize, is_mapping: bool) -> Result<(), Error> {
        if self.open.len() >= self.limits.depth {
            return Err(self.too_deep(at));
        }
        self.count(1, at)?;
        let size = Size { nodes: 1, weight: 1, depth: 0 };
        self.open.push(Open { at, anchor, is_mapping, first: self.nested.len(), size });
        Ok(())
    }

    fn end(&mut self, at: Position) -> Result<(), Error> {
        let Some(Open { at: began, anchor, is_mapping, first, mut size }) = self.open.pop() else {
            return Err(self.error(at, Reason::Syntax, "an end without a beginning"));
        };
        let value = if is_mapping {
            let mut pairs = Vec::with_capacity((self.nested.len() - first) / 2);
            let mut nodes = self.nested.drain(first..);
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                pairs.push((key, value));
            }
            drop(nodes);
            let pairs = self.merge(pairs)?;
            // What merging dropped again does not count for what contains it.
            if anchor != 0 {
                size = size_of_mapping(&pairs);
            }
            Value::Mapping(pairs)
        } else {
            Value::Sequence(self.nested.drain(first..).collect())
        };
        let node = Node { at: began, value };
        self.remember(anchor, &node, size)?;
        self.place(node, size)
    }

    fn place(&mut self, node: Node, size: Size) -> Result<(), Error> {
        let Some(open) = self.open.last_mut() else {
            self.stream.documents.push(node);
            return Ok(());
        };
        let is_key = open.is_mapping && (self.nested.len() - open.first).is_multiple_of(2);
        if is_key && node.text().is_none() {
            return Err(self.error(node.at, Reason::Syntax, "a key must be plain text"));
        }
        open.size.hold(size);
        self.nested.push(node);
        Ok(())
    }

    /// Applies `<<` and notes repeated keys. A key of the mapping itself wins over a merged one, an earlier source
    /// over a later one.
    fn merge(&mut self, mut pairs: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Error> {
        let is_merge = |key: &Node| matches!(&key.value, Value::Scalar { text, plain: true } if &**text == "<<");
        self.drop_repeated(&mut pairs);
        if !pairs.iter().any(|(key, _)| is_merge(key)) {
            return Ok(pairs);
        }
        let mut merges = Vec::new();
        let mut result = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            if is_merge(&key) { merges.push(value) } else { result.push((key, value)) }
        }
        let mut known: HashSet<Box<str>> = result.iter().filter_map(|(key, _)| key.text()).map(Into::into).collect();
        for value in merges {
            let sources = match value.value {
                Value::Sequence(items) => items,
                _ => vec![value],
            };
            for source in sources {
                let Value::Mapping(pairs) = source.value else {
                    return Err(self.error(source.at, Reason::Syntax, "<< takes a mapping or a list of mappings"));
                };
                for (key, value) in pairs {
                    if known.insert(key.text().unwrap_or_default().into()) {
                        result.push((key, value));
                    }
                }
            }
        }
        Ok(result)
    }

    /// Keeps the first of equal keys. Small mappings, which is nearly all of them, are compared pair by pair.
    fn drop_repeated(&mut self, pairs: &mut Vec<(Node, Node)>) {
        const SMALL: usize = 16;
        let text = |pair: &(Node, Node)| pair.0.text().unwrap_or_default().to_owned();
        let unique = if pairs.len() <= SMALL {
            pairs.iter().enumerate().all(|(at, (key, _))| pairs.iter().take(at).all(|(k, _)| k.text() != key.text()))
        } else {
            let mut seen = HashSet::with_capacity(pairs.len());
            pairs.iter().all(|(key, _)| seen.insert(key.text()))
        };
        if unique {
            return;
        }
        let mut first: HashMap<String, Position> = HashMap::new();
        let mut repeated = Vec::new();
        pairs.retain(|pair| match first.entry(text(pair)) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                repeated.push((pair.0.at, *entry.get(), entry.key().clone()));
                false
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(pair.0.at);
                true
            }
        });
        let document = self.stream.documents.len();
        for (at, first, key) in repeated {
            if self.stream.repeated.len() < limits::FLAG_PROBLEMS {
                let key = quote(&key);
                let message = format!("the key {key} is repeated; it stands first in line {}", first.line);
                let error = self.error(at, Reason::RepeatedKey, &message);
                self.stream.repeated.push((document, error));
            }
        }
    }

    fn too_deep(&self, at: Position) -> Error {
        self.error(at, Reason::Limit, &format!("nested deeper than {} levels", self.limits.depth))
    }

    fn error(&self, at: Position, reason: Reason, message: &str) -> Error {
        let mut key_path = String::new();
        // A path as deep as the limit helps nobody; its first levels do.
        let ends = self.open.iter().skip(1).map(|inner| inner.first).chain([self.nested.len()]);
        for (open, end) in self.open.iter().zip(ends).take(12) {
            let count = end.saturating_sub(open.first);
            if !open.is_mapping {
                _ = write!(key_path, "[{count}]");
            } else if count % 2 == 1 {
                if !key_path.is_empty() {
                    key_path.push('.');
                }
                let key = self.nested.get(end - 1).and_then(Node::text);
                key_path.push_str(&clip(key.unwrap_or_default()));
            }
        }
        Error { at, message: message.to_owned(), reason, key_path }
    }
}

/// At most the first 60 characters of a text that a message repeats.
pub(crate) fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// A value as messages repeat it: quoted, escaped, clipped.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", clip(text).escape_debug())
}
