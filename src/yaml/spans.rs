//! A text as a tree of byte ranges: where each node begins and ends, how it is written, and what stands around it.
//!
//! [`super::read`] says what a text means; this says where it says so, without expanding aliases or applying merge
//! keys, for whoever changes a text in place. Places are bytes, although the parser counts characters. Comments are in
//! no node: what lies between nodes is left to the reader of the ranges.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use smol_str::SmolStr;

use super::{Error, Limits, Position, Reason, position};

/// One document of a text.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where its content may begin: behind `---`, or behind what was before.
    pub start: usize,
    /// Where it ends: at the next `---`, at `...`, or at the end of the text.
    pub end: usize,
    /// Its content; an empty document has an empty scalar.
    pub root: Spot,
}

/// One node.
#[derive(Debug, Clone)]
pub struct Spot {
    /// First byte, an anchor or tag included.
    pub start: usize,
    /// First byte without anchor and tag: of a quoted scalar its quote, of a block scalar its `|`, of a block list its
    /// first dash.
    pub body: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Behind the last byte that counts: blank lines that a block scalar keeps (`|+`) are in it.
    pub tail: usize,
    /// The number of its anchor, if it has one.
    pub anchor: usize,
    /// Whether it has a tag.
    pub tag: bool,
    /// What it is.
    pub form: Form,
}

/// What a node is, as it is written.
#[derive(Debug, Clone)]
pub enum Form {
    /// Text with its quotes resolved.
    Scalar {
        /// The text.
        text: SmolStr,
        /// How it is written.
        style: ScalarStyle,
    },
    /// The node of this number.
    Alias(usize),
    /// A list.
    List {
        /// In brackets.
        flow: bool,
        /// Items.
        items: Vec<Item>,
    },
    /// A mapping, repeated and merge keys as they stand.
    Map {
        /// In braces.
        flow: bool,
        /// It has `?` or no braces of its own (`[a: b]`): nothing is to be changed in it.
        odd: bool,
        /// Keys and values.
        pairs: Vec<Pair>,
    },
}

/// One item of a list.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where its dash stands; in brackets where it begins.
    pub dash: usize,
    /// The item.
    pub node: Spot,
}

/// One entry of a mapping.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Key.
    pub key: Spot,
    /// Behind the colon; behind the key where it has none.
    pub colon: usize,
    /// Value; an empty scalar behind the colon where there is none.
    pub value: Spot,
}

impl Spot {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.form {
            Form::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        match &self.form {
            Form::Map { pairs, .. } => pairs,
            _ => &[],
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        match &self.form {
            Form::List { items, .. } => items,
            _ => &[],
        }
    }

    /// The entry of a key, the first if it is repeated.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs().iter().find(|pair| pair.key.text() == Some(key))
    }

    /// Whether it is written in brackets or braces.
    #[must_use]
    pub fn is_flow(&self) -> bool {
        matches!(self.form, Form::List { flow: true, .. } | Form::Map { flow: true, .. })
    }

    /// The nodes right below, in the order of the text.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let pairs = self.pairs().iter().flat_map(|pair| [&pair.key, &pair.value]);
        pairs.chain(self.items().iter().map(|item| &item.node))
    }
}

/// The pages of a text, one for each document of [`super::read`]. The text has no byte order mark.
///
/// # Errors
/// The first place that is no YAML, that passes a limit, or whose ranges cannot be told.
pub fn read(text: &str, limits: Limits) -> Result<Vec<Page>, Error> {
    let mut builder = Builder {
        text,
        limits,
        nodes: 0,
        cursor: 0,
        bytes: Bytes { text, ascii: text.is_ascii(), character: 0, byte: 0 },
        open: Vec::new(),
        pages: Vec::new(),
        start: 0,
    };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|e| error(position(*e.marker()), Reason::Syntax, e.info()))?;
        builder.take(event, span)?;
    }
    Ok(builder.pages)
}

fn error(at: Position, reason: Reason, message: &str) -> Error {
    Error { at, message: message.to_owned(), reason, key_path: String::new() }
}

/// Characters to bytes; places come nearly in order.
struct Bytes<'t> {
    text: &'t str,
    ascii: bool,
    character: usize,
    byte: usize,
}

impl Bytes<'_> {
    fn at(&mut self, character: usize) -> usize {
        if self.ascii {
            return character.min(self.text.len());
        }
        while self.character < character {
            let Some(next) = self.text.get(self.byte..).and_then(|rest| rest.chars().next()) else { break };
            self.byte += next.len_utf8();
            self.character += 1;
        }
        while self.character > character {
            let Some(last) = self.text.get(..self.byte).and_then(|before| before.chars().next_back()) else { break };
            self.byte -= last.len_utf8();
            self.character -= 1;
        }
        self.byte
    }
}

struct Open {
    spot: Spot,
    /// Of a mapping: the key whose value comes next, and the place behind its colon.
    key: Option<(Spot, usize)>,
    /// Of a list: where the dash of the item that is being read stands.
    dash: usize,
}

struct Builder<'t> {
    text: &'t str,
    limits: Limits,
    nodes: usize,
    /// Behind the last thing that was read.
    cursor: usize,
    bytes: Bytes<'t>,
    open: Vec<Open>,
    pages: Vec<Page>,
    start: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let (from, to) = (self.bytes.at(span.start.index()), self.bytes.at(span.end.index()));
        let at = position(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(at)?;
                self.lead(at)?;
                let has = anchor != 0 || tag.is_some();
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let (start, body, end, tail) = if block {
                    self.block_scalar(to)
                } else if text.is_empty() && style == ScalarStyle::Plain && !has {
                    (self.cursor, self.cursor, self.cursor, self.cursor)
                } else {
                    let body = if has { self.past_properties(from).min(to) } else { from };
                    // The span of a quoted scalar may reach over a comment behind it.
                    let to = self.closing_quote(body, style).unwrap_or(to);
                    (from, body, to, to)
                };
                let form = Form::Scalar { text: text.into(), style };
                self.cursor = tail.max(self.cursor);
                self.place(Spot { start, body, end, tail, anchor, tag: tag.is_some(), form }, at)
            }
            Event::Alias(number) => {
                self.count(at)?;
                self.lead(at)?;
                self.cursor = to;
                let form = Form::Alias(number);
                self.place(Spot { start: from, body: from, end: to, tail: to, anchor: 0, tag: false, form }, at)
            }
            Event::SequenceStart(anchor, tag) => {
                let flow = self.opens(from, to, b'[');
                self.begin(Form::List { flow, items: Vec::new() }, flow, anchor, tag.is_some(), (from, to), at)
            }
            Event::MappingStart(anchor, tag) => {
                let flow = self.opens(from, to, b'{');
                let odd = !flow && self.open.last().is_some_and(|open| open.spot.is_flow());
                let form = Form::Map { flow: flow || odd, odd, pairs: Vec::new() };
                self.begin(form, flow, anchor, tag.is_some(), (from, to), at)
            }
            Event::SequenceEnd => self.end(from, b']', at),
            Event::MappingEnd => self.end(from, b'}', at),
            Event::DocumentStart(explicit) => {
                if explicit {
                    self.cursor = to;
                }
                self.start = self.cursor;
                Ok(())
            }
            Event::DocumentEnd => {
                if let Some(page) = self.pages.last_mut() {
                    page.end = from;
                }
                self.cursor = self.cursor.max(to);
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => Ok(()),
        }
    }

    fn count(&mut self, at: Position) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes || self.open.len() > self.limits.depth {
            return Err(error(at, Reason::Limit, "too many or too deep nodes"));
        }
        Ok(())
    }

    /// Whether a collection is in brackets; the span of a block has nothing but its anchor and tag.
    fn opens(&self, from: usize, to: usize, bracket: u8) -> bool {
        to > from && self.text.as_bytes().get(self.past_properties(from)) == Some(&bracket)
    }

    /// The first byte from `at` on that is neither blank nor part of a comment.
    fn next(&self, mut at: usize) -> usize {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(at) {
            let begins =
                at == 0 || matches!(bytes.get(at - 1), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b'[' | b'{'));
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                b'#' if begins || at == self.cursor => {
                    while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                        at += 1;
                    }
                }
                _ => break,
            }
        }
        at
    }

    fn past_properties(&self, mut at: usize) -> usize {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(at), Some(b'&' | b'!')) {
            while bytes.get(at).is_some_and(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
                at += 1;
            }
            at = self.next(at);
        }
        at
    }

    fn closing_quote(&self, open: usize, style: ScalarStyle) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = open + 1;
        loop {
            match (style, bytes.get(at)?) {
                (ScalarStyle::DoubleQuoted, b'\\') => at += 2,
                (ScalarStyle::SingleQuoted, b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                (ScalarStyle::DoubleQuoted, b'"') | (ScalarStyle::SingleQuoted, b'\'') => return Some(at + 1),
                (ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted, _) => at += 1,
                _ => return None,
            }
        }
    }

    /// Passes the dash, colon or comma before the node that comes.
    fn lead(&mut self, at: Position) -> Result<(), Error> {
        let next = self.next(self.cursor);
        let byte = self.text.as_bytes().get(next).copied();
        let cursor = self.cursor;
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        match &mut open.spot.form {
            Form::List { flow: false, items } => {
                if byte != Some(b'-') {
                    return Err(error(at, Reason::Syntax, "an item without a dash"));
                }
                if items.is_empty() {
                    open.spot.body = next;
                }
                open.dash = next;
                self.cursor = next + 1;
            }
            Form::List { flow: true, .. } => {
                if byte == Some(b',') {
                    self.cursor = next + 1;
                }
            }
            Form::Map { flow, odd, .. } => match (&mut open.key, byte) {
                (Some((_, colon)), Some(b':')) => {
                    *colon = next + 1;
                    self.cursor = next + 1;
                }
                (Some((_, colon)), _) => {
                    *colon = cursor;
                    *odd |= !*flow;
                }
                (None, Some(b',')) if *flow => {
                    self.cursor = next + 1;
                    let next = self.next(next + 1);
                    if self.text.as_bytes().get(next) == Some(&b'?') {
                        self.odd();
                    }
                }
                (None, Some(b'?')) => {
                    let after = self.text.as_bytes().get(next + 1);
                    if after.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
                        *odd = true;
                        self.cursor = next + 1;
                    }
                }
                (None, Some(b':')) => *odd = true,
                (None, _) => {}
            },
            Form::Scalar { .. } | Form::Alias(_) => {}
        }
        Ok(())
    }

    fn odd(&mut self) {
        if let Some(Open { spot: Spot { form: Form::Map { odd, .. }, .. }, .. }) = self.open.last_mut() {
            *odd = true;
        }
    }

    /// Begin, header, end and tail of a block scalar, whose span is its content only.
    fn block_scalar(&self, to: usize) -> (usize, usize, usize, usize) {
        let bytes = self.text.as_bytes();
        let start = self.next(self.cursor);
        let body = self.past_properties(start);
        let mut header = body;
        while bytes.get(header).is_some_and(|byte| *byte != b'\n') {
            header += 1;
        }
        let header_end = if header > body && bytes.get(header - 1) == Some(&b'\r') { header - 1 } else { header };
        let content = self.text.get(header..to.max(header)).unwrap_or_default();
        let trimmed = header + content.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let end = trimmed.max(header_end);
        let indicator = self.text.get(body..header_end).unwrap_or_default();
        let keeps = indicator.split(['#', ' ']).next().unwrap_or_default().contains('+');
        let lines = header + content.trim_end_matches([' ', '\t']).len();
        (start, body, end, if keeps { lines.max(end) } else { end })
    }

    fn begin(
        &mut self,
        form: Form,
        brackets: bool,
        anchor: usize,
        tag: bool,
        (from, to): (usize, usize),
        at: Position,
    ) -> Result<(), Error> {
        self.count(at)?;
        self.lead(at)?;
        let body = if brackets { self.past_properties(from) } else { self.next(to) };
        let has = anchor != 0 || tag;
        // Of a list without indentation the parser tells the place behind its first dash.
        let start = if has || brackets { from } else { self.next(self.cursor) };
        if brackets {
            self.cursor = body + 1;
        } else if has {
            self.cursor = self.past_properties(from).min(to.max(from));
        }
        let spot = Spot { start, body, end: start, tail: start, anchor, tag, form };
        self.open.push(Open { spot, key: None, dash: start });
        Ok(())
    }

    fn end(&mut self, from: usize, bracket: u8, at_position: Position) -> Result<(), Error> {
        let Some(Open { mut spot, key, .. }) = self.open.pop() else {
            return Err(error(at_position, Reason::Syntax, "an end without a beginning"));
        };
        if key.is_some() {
            return Err(error(at_position, Reason::Syntax, "a key without a value"));
        }
        let bare =
            matches!(spot.form, Form::Map { odd: true, .. }) && self.text.as_bytes().get(spot.body) != Some(&b'{');
        if spot.is_flow() && !bare {
            // The parser's place is another behind a last comma.
            let bytes = self.text.as_bytes();
            let mut at = self.next(self.cursor);
            for sign in [b':', b','] {
                if bytes.get(at) == Some(&sign) {
                    at = self.next(at + 1);
                }
            }
            let found = [at, from].into_iter().find(|at| bytes.get(*at) == Some(&bracket));
            let Some(found) = found else {
                return Err(error(at_position, Reason::Syntax, "a bracket that cannot be found"));
            };
            (spot.end, spot.tail) = (found + 1, found + 1);
            self.cursor = found + 1;
        } else if let Some((end, tail)) = spot.children().last().map(|last| (last.end, last.tail)) {
            let colon = spot.pairs().last().map_or(0, |pair| pair.colon);
            (spot.end, spot.tail) = (end.max(colon), tail.max(colon));
            if !spot.is_flow() && spot.anchor == 0 && !spot.tag {
                let first = spot.children().next().map_or(spot.start, |first| first.start);
                spot.start = spot.items().first().map_or(first, |item| item.dash);
                spot.body = spot.start;
            }
        }
        self.place(spot, at_position)
    }

    fn place(&mut self, spot: Spot, at: Position) -> Result<(), Error> {
        let Some(open) = self.open.last_mut() else {
            let end = self.text.len();
            self.pages.push(Page { start: self.start, end, root: spot });
            return Ok(());
        };
        let dash = open.dash;
        match &mut open.spot.form {
            Form::List { flow, items } => {
                let dash = if *flow { spot.start } else { dash };
                items.push(Item { dash, node: spot });
            }
            Form::Map { pairs, odd, .. } => {
                if let Some((key, colon)) = open.key.take() {
                    pairs.push(Pair { key, colon, value: spot });
                } else {
                    *odd |= spot.text().is_none();
                    let end = spot.end;
                    open.key = Some((spot, end));
                }
            }
            Form::Scalar { .. } | Form::Alias(_) => return Err(error(at, Reason::Syntax, "a node in a scalar")),
        }
        Ok(())
    }
}
