//! YAML as a tree that knows where each node stands.
//!
//! Flag files and the configuration are read through this one tree, so that every problem can name line and column.
//! It keeps scalars as text: what `yes` or `1_000` means is decided by the key that asks (Flipt's reader types a
//! scalar by its target, not by its look). Aliases are expanded and merge keys applied, both within [`Limits`].

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::limits;

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
        /// The text without quotes.
        text: Box<str>,
        /// Unquoted and untagged.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text. Keys are scalars; a repeated key is an error of the parse.
    Mapping(Vec<(Node, Node)>),
}

/// Why a text is no YAML that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Where.
    pub at: Position,
    /// What is wrong, for the person who wrote the text.
    pub message: String,
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
}

/// Reads every document of a text. An empty text, or one of comments only, has no document.
///
/// # Errors
/// The first place that is no YAML, repeats a key, or passes a limit.
pub fn parse(text: &str, limits: Limits) -> Result<Vec<Node>, Error> {
    let mut reader = Reader { limits, nodes: 0, anchors: HashMap::new(), open: Vec::new(), documents: Vec::new() };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|e| Error { at: position(*e.marker()), message: e.info().to_owned() })?;
        reader.take(event, position(span.start))?;
    }
    Ok(reader.documents)
}

fn position(marker: saphyr_parser::Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col().saturating_add(1)) }
}

struct Reader {
    limits: Limits,
    nodes: usize,
    anchors: HashMap<usize, (Node, usize)>,
    open: Vec<Open>,
    documents: Vec<Node>,
}

/// A collection whose end has not been read.
struct Open {
    at: Position,
    anchor: usize,
    first_node: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>, Option<Node>),
}

impl Reader {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, at)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = Node { at, value: Value::Scalar { text: text.into(), plain } };
                self.remember(anchor, &node, 1);
                self.place(node)
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(at, anchor, Content::Mapping(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((node, size)) => {
                    let (mut node, size) = (node.clone(), *size);
                    node.at = at;
                    self.count(size, at)?;
                    self.place(node)
                }
                None => Err(Error { at, message: "an alias inside its own anchor".to_owned() }),
            },
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
            return Err(Error { at, message: format!("more than {} nodes", self.limits.nodes) });
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, content: Content) -> Result<(), Error> {
        if self.open.len() >= self.limits.depth {
            return Err(Error { at, message: format!("nested deeper than {} levels", self.limits.depth) });
        }
        let first_node = self.nodes;
        self.count(1, at)?;
        self.open.push(Open { at, anchor, first_node, content });
        Ok(())
    }

    fn end(&mut self, at: Position) -> Result<(), Error> {
        let Some(open) = self.open.pop() else {
            return Err(Error { at, message: "an end without a beginning".to_owned() });
        };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping(pairs, _) => Value::Mapping(merge(pairs)?),
        };
        let node = Node { at: open.at, value };
        self.remember(open.anchor, &node, self.nodes.saturating_sub(open.first_node));
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Result<(), Error> {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(pairs, waiting) => match waiting.take() {
                Some(key) => pairs.push((key, node)),
                None if node.text().is_some() => *waiting = Some(node),
                None => return Err(Error { at: node.at, message: "a key must be plain text".to_owned() }),
            },
        }
        Ok(())
    }
}

/// Applies `<<` and refuses repeated keys. A key of the mapping itself wins over a merged one.
fn merge(pairs: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Error> {
    let mut own: HashMap<Box<str>, Position> = HashMap::with_capacity(pairs.len());
    let mut merges = Vec::new();
    let mut result = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let plain_merge = matches!(&key.value, Value::Scalar { text, plain: true } if &**text == "<<");
        if plain_merge {
            merges.push(value);
            continue;
        }
        let text: Box<str> = key.text().unwrap_or_default().into();
        if let Some(first) = own.get(&text) {
            let message = format!("key \"{text}\" is repeated; it stands first in line {}", first.line);
            return Err(Error { at: key.at, message });
        }
        own.insert(text, key.at);
        result.push((key, value));
    }
    for value in merges {
        let sources = match value.value {
            Value::Sequence(items) => items,
            _ => vec![value],
        };
        for source in sources {
            let Value::Mapping(pairs) = source.value else {
                return Err(Error { at: source.at, message: "<< takes a mapping or a list of mappings".to_owned() });
            };
            for (key, value) in pairs {
                let text: Box<str> = key.text().unwrap_or_default().into();
                if let std::collections::hash_map::Entry::Vacant(slot) = own.entry(text) {
                    slot.insert(key.at);
                    result.push((key, value));
                }
            }
        }
    }
    Ok(result)
}
