//! The value behind a key.

use saphyr_parser::ScalarStyle;

use super::super::lines;
use super::super::scalar::{self, Place};
use super::super::value::Value;
use super::super::want::Want;
use super::super::write::Writer;
use super::{Done, Splicer, stuck};
use crate::yaml::spans::{Form, Pair, Spot};

impl Splicer<'_> {
    /// Changes the value of an entry.
    pub(super) fn pair(&mut self, pair: &Pair, want: &Want, flow: bool, place: Place) -> Done {
        let key = pair.key.text().unwrap_or_default();
        match (want, &pair.value.form) {
            (Want::Keep, _) => Ok(()),
            (Want::Map(fields, _), Form::Map { .. }) => self.map(&pair.value, fields),
            (Want::List(slots, _), Form::List { items, .. }) if !items.is_empty() => {
                self.list(key, &pair.value, slots, place)
            }
            (Want::Remove(value) | Want::Set(value) | Want::Map(_, value) | Want::List(_, value), _) => {
                self.value(pair, key, value, flow, place)
            }
        }
    }

    /// Writes another value behind a key.
    pub(in crate::flags::edit) fn value(
        &mut self,
        pair: &Pair,
        key: &str,
        value: &Value,
        flow: bool,
        place: Place,
    ) -> Done {
        let old = &pair.value;
        self.touch(old);
        // An anchor that nobody shares stays; a tag said what the old value was.
        let from = if old.tag { old.start } else { old.body };
        let empty = old.start == old.end;
        if flow {
            let text = self.flow(key, value, place, old.start);
            if empty {
                let colon = if pair.colon > pair.key.end { " " } else { ": " };
                self.push(pair.colon..pair.colon, format!("{colon}{text}"));
            } else {
                self.push(from..old.end, text);
            }
            return Ok(());
        }
        let column = self.column(pair.key.start)?;
        let eol = lines::eol(self.text, pair.key.start);
        let collection = matches!(value, Value::List(_) | Value::Map(_)) && !value.is_empty_collection();
        let block = matches!(old.form, Form::List { flow: false, .. } | Form::Map { flow: false, .. });
        if block && (old.anchor != 0 || old.tag) {
            return stuck("it has an anchor or a tag");
        }
        let head_end = lines::end(self.text, pair.colon);
        if block {
            let chunk = self.chunk(pair.key.start, old.tail, column);
            if old.start < head_end {
                return stuck("its value begins behind the key");
            }
            if collection {
                let mut writer = Writer::new(self.style, eol);
                writer.value(key, value, column);
                let body = writer.out.strip_prefix(eol).unwrap_or(&writer.out).to_owned();
                self.push(head_end..chunk.end, body);
            } else {
                let mut writer = Writer::new(self.style, eol);
                writer.value(key, value, column);
                self.push(pair.colon..pair.colon, writer.out.trim_end_matches(['\r', '\n']));
                self.push(head_end..chunk.end, "");
            }
            return Ok(());
        }
        if collection && old.is_flow() && old.children().next().is_some() {
            let text = self.flow(key, value, Self::place_of(old), old.start);
            self.push(from..old.end, text);
            return Ok(());
        }
        if collection {
            let mut writer = Writer::new(self.style, eol);
            writer.value(key, value, column);
            let body = writer.out.strip_prefix(eol).unwrap_or(&writer.out).to_owned();
            let start = if empty { pair.colon } else { from.max(pair.colon) };
            let blanks = self.past_blanks_before(start).max(pair.colon);
            if !empty {
                self.push(blanks..old.end, "");
            }
            let line_end = lines::end(self.text, old.tail.max(pair.colon).saturating_sub(1).max(pair.key.start));
            self.push(line_end..line_end, body);
            return Ok(());
        }
        self.scalar(pair, key, value, column, eol, from);
        Ok(())
    }

    fn scalar(&mut self, pair: &Pair, key: &str, value: &Value, column: usize, eol: &'static str, from: usize) {
        let old = &pair.value;
        let style = match &old.form {
            Form::Scalar { style, text } if !text.is_empty() || *style != ScalarStyle::Plain => *style,
            _ => self.style.quotes_of(key),
        };
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if let Value::Text(text) = value
            && (is_block || text.contains('\n'))
            && let Some((header, body)) = scalar::literal(if is_block && !text.contains('\n') { "" } else { text })
        {
            let indent = self.block_indent(old, column);
            let mut out = header.to_owned();
            for line in body {
                out.push_str(eol);
                if !line.is_empty() {
                    out.extend(std::iter::repeat_n(' ', indent));
                    out.push_str(line);
                }
            }
            let after = self.slice(old.end..lines::end(self.text, old.end));
            if is_block || after.trim().is_empty() {
                if header == "|+" {
                    out.push_str(eol);
                }
                self.push_value(pair, from, old.end, out);
                return;
            }
        }
        let text = match value {
            Value::Text(text) => scalar::inline(text, self.quotes(key, text, style, old), Place::Block),
            Value::Bare(text) => text.clone(),
            Value::List(_) => "[]".to_owned(),
            Value::Map(_) => "{}".to_owned(),
        };
        self.push_value(pair, from, old.end, text);
    }

    /// The quotes of a new text: the old ones, if they were a choice.
    fn quotes(&self, key: &str, text: &str, style: ScalarStyle, old: &Spot) -> ScalarStyle {
        let usual = self.style.quotes_of(key);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return usual;
        }
        let free = |text: &str| scalar::inline(text, ScalarStyle::Plain, Place::Block) == text;
        let chosen = style == ScalarStyle::Plain || old.text().is_none_or(free);
        if chosen || !free(text) { style } else { usual }
    }

    fn push_value(&mut self, pair: &Pair, from: usize, end: usize, text: String) {
        if from == end && self.slice(pair.colon..from).is_empty() {
            self.push(pair.colon..pair.colon, format!(" {text}"));
        } else {
            self.push(from..end, text);
        }
    }

    /// The column of the lines of a block scalar, or the one that a new one below a key gets.
    fn block_indent(&self, old: &Spot, column: usize) -> usize {
        let body = self.slice(old.body..old.end);
        let line = body.split('\n').skip(1).find(|line| !line.trim().is_empty());
        match (&old.form, line) {
            (Form::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. }, Some(line)) => {
                line.len() - line.trim_start_matches(' ').len()
            }
            _ => self.style.indent.map(column),
        }
    }
}
