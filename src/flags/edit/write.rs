//! Values in block or flow form, in the style of what stands around them.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;

use super::scalar::{self, Place};
use super::style::Style;
use super::value::Value;

/// Writes values in a style.
pub(super) struct Writer<'s> {
    pub(super) style: &'s Style,
    pub(super) eol: &'static str,
    pub(super) out: String,
}

type Pairs = [(Cow<'static, str>, Value)];

impl<'s> Writer<'s> {
    pub(super) fn new(style: &'s Style, eol: &'static str) -> Self {
        Self { style, eol, out: String::new() }
    }

    /// An item of a list whose dash stands in a column, with its line's end.
    pub(super) fn item(&mut self, value: &Value, dash: usize) {
        self.indent(dash);
        self.out.push('-');
        let inner = dash + 1 + self.style.gap;
        match value {
            Value::Map(pairs) if !pairs.is_empty() => {
                self.spaces(self.style.gap);
                self.pairs(pairs, inner, true);
            }
            Value::List(items) if !items.is_empty() => {
                self.spaces(self.style.gap);
                self.items(items, inner, true);
            }
            _ => {
                self.spaces(self.style.gap);
                self.end_of_line(value, "", inner);
            }
        }
    }

    /// The entries of a mapping in a column; the first may follow what stands on its line.
    pub(super) fn pairs(&mut self, pairs: &Pairs, column: usize, inline: bool) {
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 || !inline {
                self.indent(column);
            }
            self.key(key, Place::Block);
            self.value(key, value, column);
        }
    }

    fn items(&mut self, items: &[Value], dash: usize, inline: bool) {
        for (at, item) in items.iter().enumerate() {
            if at == 0 && inline {
                let rest = std::mem::take(&mut self.out);
                self.item(item, dash);
                let own = std::mem::replace(&mut self.out, rest);
                self.out.push_str(own.get(dash..).unwrap_or_default());
            } else {
                self.item(item, dash);
            }
        }
    }

    fn key(&mut self, key: &str, place: Place) {
        let style = if place == Place::Flow { ScalarStyle::Plain } else { self.style.usual.1 };
        let text = scalar::inline(key, style, place);
        self.out.push_str(&text);
        self.out.push(':');
    }

    /// What follows the colon of a key that stands in a column, to the end of its last line.
    pub(super) fn value(&mut self, key: &str, value: &Value, column: usize) {
        match value {
            Value::List(items) if !items.is_empty() => {
                self.out.push_str(self.eol);
                let dash = self.style.indent.list(column);
                self.items(items, dash, false);
            }
            Value::Map(pairs) if !pairs.is_empty() => {
                self.out.push_str(self.eol);
                self.pairs(pairs, self.style.indent.map(column), false);
            }
            _ => {
                self.out.push(' ');
                self.end_of_line(value, key, self.style.indent.map(column));
            }
        }
    }

    /// A scalar or an empty collection to the end of its line, or lines.
    fn end_of_line(&mut self, value: &Value, key: &str, column: usize) {
        if let Value::Text(text) = value
            && let Some((header, lines)) = scalar::literal(text)
        {
            self.out.push_str(header);
            for line in lines {
                self.out.push_str(self.eol);
                if !line.is_empty() {
                    self.indent(column);
                    self.out.push_str(line);
                }
            }
            self.out.push_str(self.eol);
            return;
        }
        self.scalar(key, value, Place::Block);
        self.out.push_str(self.eol);
    }

    fn scalar(&mut self, key: &str, value: &Value, place: Place) {
        match value {
            Value::Text(text) => {
                let style = self.style.quotes_of(key);
                let text = scalar::inline(text, style, place);
                self.out.push_str(&text);
            }
            Value::Bare(text) => self.out.push_str(text),
            Value::List(_) => self.out.push_str("[]"),
            Value::Map(_) => self.out.push_str("{}"),
        }
    }

    /// A value on one line.
    pub(super) fn flow(&mut self, key: &str, value: &Value, place: Place) {
        match value {
            Value::Map(pairs) if !pairs.is_empty() => {
                self.out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    self.flow_pair(key, value, place);
                }
                self.out.push('}');
            }
            Value::List(items) if !items.is_empty() => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    self.flow("", item, place);
                }
                self.out.push(']');
            }
            _ => self.scalar(key, value, place),
        }
    }

    /// `key: value` on one line.
    pub(super) fn flow_pair(&mut self, key: &str, value: &Value, place: Place) {
        self.key(key, place);
        self.out.push(' ');
        self.flow(key, value, place);
    }

    fn indent(&mut self, column: usize) {
        self.spaces(column);
    }

    fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }
}
