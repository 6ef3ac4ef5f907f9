//! JSON into the same tree, so that a `features.json` is judged by the same reader and named by line and column.
//!
//! The grammar is RFC 8259's, with what Go's reader adds: an escaped half of a surrogate pair stands for U+FFFD.
//! Strings are quoted scalars, everything else (numbers, `true`, `null`) plain ones.

use std::cell::Cell;
use std::collections::HashMap;

use smol_str::SmolStr;

use super::{Error, Limits, Node, Position, Reason, Stream, Value, clip, quote};

/// Reads the one value of a text; a repeated key is noted and its first value kept.
///
/// # Errors
/// The first place that is no JSON, or passes a limit.
pub fn read(text: &str, limits: Limits) -> Result<Stream, Error> {
    let counted = Cell::new((0, 1));
    let mut reader = Reader { text, at: 0, line: 1, counted, limits, nodes: 0, depth: 0, repeated: Vec::new() };
    reader.blanks();
    let document = reader.value()?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.error("text after the end of the value; a JSON file holds one document"));
    }
    Ok(Stream { documents: vec![document], repeated: reader.repeated, ..Stream::default() })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    /// A byte offset in the current line and its column: where counting characters goes on.
    counted: Cell<(usize, u32)>,
    limits: Limits,
    nodes: usize,
    depth: usize,
    repeated: Vec<(usize, Error)>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.counted.set((self.at, 1));
            }
        }
    }

    /// Where the reader stands. Each character of a line is counted once, however long the line.
    fn position(&self) -> Position {
        let (from, column) = self.counted.get();
        let more = self.text.get(from..self.at).map_or(0, |part| part.chars().count());
        let column = column.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.counted.set((self.at, column));
        Position { line: self.line, column }
    }

    fn error(&self, message: &str) -> Error {
        error(self.position(), Reason::Syntax, message)
    }

    /// One value. It recurses as deep as [`Limits::depth`] and no deeper.
    fn value(&mut self) -> Result<Node, Error> {
        let at = self.position();
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(error(at, Reason::Limit, &format!("more than {} nodes", self.limits.nodes)));
        }
        let value = match self.peek() {
            Some(b'{') => self.nested(at, Self::object)?,
            Some(b'[') => self.nested(at, Self::array)?,
            Some(b'"') => Value::Scalar { text: self.string()?, plain: false },
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(_) => return Err(self.unexpected("a value")),
            None => return Err(self.error("the text ends where a value is expected")),
        };
        Ok(Node { at, value })
    }

    fn nested(&mut self, at: Position, read: fn(&mut Self) -> Result<Value, Error>) -> Result<Value, Error> {
        if self.depth >= self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            return Err(error(at, Reason::Limit, &message));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// A value of a collection; what is wrong in it is told with the step that leads to it.
    fn inside(&mut self, step: impl Fn(&mut String)) -> Result<Node, Error> {
        let before = self.repeated.len();
        let result = self.value().map_err(|mut error| {
            step(&mut error.key_path);
            error
        });
        for (_, error) in self.repeated.iter_mut().skip(before) {
            step(&mut error.key_path);
        }
        result
    }

    fn array(&mut self) -> Result<Value, Error> {
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Ok(Value::Sequence(items));
        }
        loop {
            self.blanks();
            let item = self.inside(|path| under(path, &format!("[{}]", items.len())))?;
            items.push(item);
            self.blanks();
            if self.eat(b']') {
                return Ok(Value::Sequence(items));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("\",\" or \"]\""));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Error> {
        const SMALL: usize = 16;
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut index: HashMap<SmolStr, Position> = HashMap::new();
        self.blanks();
        if self.eat(b'}') {
            return Ok(Value::Mapping(pairs));
        }
        loop {
            self.blanks();
            let at = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let text = self.string()?;
            self.blanks();
            if !self.eat(b':') {
                return Err(self.unexpected("\":\""));
            }
            self.blanks();
            let value = self.inside(|path| under(path, &text))?;
            // Small objects, which is nearly all of them, are compared pair by pair.
            if pairs.len() == SMALL {
                index = pairs.iter().map(|(key, _)| (key.text().unwrap_or_default().into(), key.at)).collect();
            }
            let first = if pairs.len() < SMALL {
                pairs.iter().find(|(key, _)| key.text() == Some(&text)).map(|(key, _)| key.at)
            } else {
                index.insert(text.clone(), at)
            };
            if let Some(first) = first {
                let message = format!("the key {} is repeated; it stands first in line {}", quote(&text), first.line);
                let mut repeated = error(at, Reason::RepeatedKey, &message);
                under(&mut repeated.key_path, &text);
                if self.repeated.len() < crate::limits::FLAG_PROBLEMS {
                    self.repeated.push((0, repeated));
                }
            } else {
                pairs.push((Node { at, value: Value::Scalar { text, plain: false } }, value));
            }
            self.blanks();
            if self.eat(b'}') {
                return Ok(Value::Mapping(pairs));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("\",\" or \"}\""));
            }
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, expected: &str) -> Error {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => {
                self.error(&format!("{} where {expected} is expected", quote(found.encode_utf8(&mut [0; 4]))))
            }
            None => self.error(&format!("the text ends where {expected} is expected")),
        }
    }

    fn word(&mut self, word: &str) -> Result<Value, Error> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(Value::Scalar { text: word.into(), plain: true })
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && self.digits() == 0 {
            return Err(self.unexpected("a digit"));
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(self.unexpected("a digit"));
        }
        if self.eat(b'e') || self.eat(b'E') {
            _ = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Value::Scalar { text: text.into(), plain: true })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<SmolStr, Error> {
        self.at += 1;
        let mut out: Option<String> = None;
        let mut start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match out {
                        Some(mut out) => {
                            out.push_str(rest);
                            out.into()
                        }
                        None => rest.into(),
                    });
                }
                Some(b'\\') => {
                    let out = out.get_or_insert_default();
                    out.push_str(self.text.get(start..self.at).unwrap_or_default());
                    self.at += 1;
                    let c = self.escape()?;
                    out.push(c);
                    start = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("a control character in a string; write it as an escape")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some_and(|b| b.is_ascii()));
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex()?;
                if (0xd800..0xdc00).contains(&high) {
                    let after = self.at;
                    if self.eat(b'\\') && self.eat(b'u') {
                        let low = self.hex()?;
                        if (0xdc00..0xe000).contains(&low) {
                            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        }
                    }
                    self.at = after;
                }
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.error("an unknown escape in a string")),
        })
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(value) = digits.and_then(|d| u32::from_str_radix(d, 16).ok()) else {
            return Err(self.error("\\u takes four hexadecimal digits"));
        };
        self.at += 4;
        Ok(value)
    }
}

fn error(at: Position, reason: Reason, message: &str) -> Error {
    Error { at, message: message.to_owned(), reason, key_path: String::new() }
}

/// Puts a step before a path.
fn under(path: &mut String, key: &str) {
    if !path.is_empty() && !path.starts_with('[') {
        path.insert(0, '.');
    }
    path.insert_str(0, &clip(key));
}
