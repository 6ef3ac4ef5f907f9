//! Changes in place: what is wanted of a node -> the few bytes that have to be others.
//!
//! Nothing is moved that stays, and nothing is written that is there. What belongs to a list item or an entry of a
//! mapping goes with it: the comment lines right above it, and those below that are indented deeper.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::lines;
use super::scalar::{self, Place};
use super::style::Style;
use super::value::Value;
use super::want::{Slot, Want};
use super::write::Writer;
use crate::yaml::spans::{Form, Item, Pair, Spot};

/// A range of the text and what is to stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Why something cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck(pub(super) String);

pub(super) type Done = Result<(), Stuck>;

fn stuck<T>(why: &str) -> Result<T, Stuck> {
    Err(Stuck(why.to_owned()))
}

/// Collects the splices of one edit.
pub(super) struct Splicer<'t> {
    /// It ends with a line end.
    pub(super) text: &'t str,
    pub(super) style: &'t Style,
    pub(super) splices: Vec<Splice>,
    /// Nodes that were changed or taken away: if an anchor is in them, its aliases have to be looked after.
    pub(super) touched: Vec<Spot>,
}

impl<'t> Splicer<'t> {
    pub(super) const fn new(text: &'t str, style: &'t Style) -> Self {
        Self { text, style, splices: Vec::new(), touched: Vec::new() }
    }

    pub(super) fn push(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.splices.push(Splice { range, text: text.into() });
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    fn touch(&mut self, spot: &Spot) {
        self.touched.push(spot.clone());
    }

    /// The column in which what begins at a place is indented; only blanks and dashes may be before it.
    fn column(&self, at: usize) -> Result<usize, Stuck> {
        let before = self.slice(lines::start(self.text, at)..at);
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        if before.bytes().all(|byte| matches!(byte, b' ' | b'-')) && !before.starts_with("---") {
            Ok(before.len())
        } else {
            stuck("it is not indented with blanks alone")
        }
    }

    fn place_of(spot: &Spot) -> Place {
        let quoted = |pair: &Pair| matches!(pair.key.form, Form::Scalar { style: ScalarStyle::DoubleQuoted, .. });
        let json = !spot.pairs().is_empty() && spot.pairs().iter().all(quoted);
        if json { Place::Json } else { Place::Flow }
    }

    fn flow(&self, key: &str, value: &Value, place: Place, at: usize) -> String {
        let mut writer = Writer::new(self.style, lines::eol(self.text, at));
        writer.flow(key, value, place);
        writer.out
    }

    /// Changes the entries of a mapping.
    pub(super) fn map(&mut self, spot: &Spot, fields: &[(std::borrow::Cow<'static, str>, Want)]) -> Done {
        let Form::Map { flow, odd, pairs } = &spot.form else { return stuck("it is no mapping") };
        if *odd {
            return stuck("its keys are written in a form that is not edited");
        }
        let merges = pairs.iter().any(|pair| pair.key.text() == Some("<<"));
        let place = Self::place_of(spot);
        // The entry behind which a new one goes.
        let mut before: Option<&Pair> = None;
        let mut new: Vec<(Option<&Pair>, &str, &Value)> = Vec::new();
        let mut gone: Vec<usize> = Vec::new();
        for (key, want) in fields {
            let own = pairs.iter().enumerate().find(|(_, pair)| pair.key.text() == Some(key));
            match (own, want) {
                (Some((_, pair)), Want::Keep) => before = Some(pair),
                (Some((at, pair)), Want::Remove(_)) if !merges => {
                    gone.push(at);
                    // What comes instead stands in its place.
                    let begins_line = lines::content(self.text, pair.key.start).trim_start().len()
                        == lines::content(self.text, pair.key.start)
                            .len()
                            .saturating_sub(lines::column(self.text, pair.key.start));
                    if !*flow && begins_line {
                        before = Some(pair);
                    }
                }
                (Some((_, pair)), want) => {
                    self.pair(pair, want, *flow, place)?;
                    before = Some(pair);
                }
                (None, Want::Remove(empty)) if merges => new.push((before, key, empty)),
                (None, Want::Keep | Want::Remove(_)) => {}
                (None, want) => new.extend(want.whole().map(|whole| (before, &**key, whole))),
            }
        }
        self.touch_outside(spot);
        if !*flow {
            return self.block_entries(pairs, &new, &gone);
        }
        self.flow_entries(spot, pairs, &new, &gone, place);
        Ok(())
    }

    /// Something below this node changes; what else is in it does not.
    fn touch_outside(&mut self, spot: &Spot) {
        if spot.anchor != 0 {
            let Spot { start, body, end, tail, anchor, tag, .. } = *spot;
            self.touched.push(Spot { start, body, end, tail, anchor, tag, form: Form::Alias(0) });
        }
    }

    fn block_entries(&mut self, pairs: &[Pair], new: &[(Option<&Pair>, &str, &Value)], gone: &[usize]) -> Done {
        let Some(first) = pairs.first() else { return stuck("it is empty") };
        if gone.len() == pairs.len() && new.is_empty() {
            return stuck("nothing is left in it");
        }
        let column = if new.is_empty() && gone.is_empty() { 0 } else { self.column(first.key.start)? };
        for (before, key, value) in new {
            let at = before.map_or(first.key.start, |pair| self.chunk(pair.key.start, pair.value.tail, column).end);
            let mut writer = Writer::new(self.style, lines::eol(self.text, first.key.start));
            writer.pairs(&[(std::borrow::Cow::Owned((*key).to_owned()), (*value).clone())], column, before.is_none());
            if before.is_none() {
                // It begins where the first entry began, which goes on below it.
                let out = format!("{}{}", writer.out, " ".repeat(column));
                self.push(at..at, out);
            } else {
                self.push(at..at, writer.out);
            }
        }
        for at in gone {
            let Some(pair) = pairs.get(*at) else { continue };
            self.touch(&pair.value);
            self.touch(&pair.key);
            let shared = lines::start(self.text, pair.key.start) + column != pair.key.start
                || self.slice(lines::start(self.text, pair.key.start)..pair.key.start).contains('-');
            if !shared {
                let chunk = self.chunk(pair.key.start, pair.value.tail, column);
                self.push(chunk, "");
                continue;
            }
            // It stands behind a dash: what comes next takes its place.
            let next = pairs.iter().enumerate().skip(at + 1).find(|(next, _)| !gone.contains(next));
            let Some((next_at, next)) = next else { return stuck("nothing is left behind the dash") };
            let end = lines::end(self.text, pair.value.tail.saturating_sub(1).max(pair.key.start));
            if next_at == at + 1 && self.slice(end..next.key.start).trim().is_empty() {
                self.push(pair.key.start..next.key.start, "");
            } else if gone.contains(&(at + 1)) {
                // The ones between go by themselves; the dash stays alone on its line.
                self.push(self.past_blanks_before(pair.key.start)..self.line_content_end(pair.value.tail), "");
            } else {
                self.push(self.past_blanks_before(pair.key.start)..self.line_content_end(pair.value.tail), "");
            }
        }
        Ok(())
    }

    fn past_blanks_before(&self, at: usize) -> usize {
        self.slice(0..at).trim_end_matches(' ').len()
    }

    /// Where the content of the line ends that holds the last byte before `at`.
    fn line_content_end(&self, at: usize) -> usize {
        let start = lines::start(self.text, at.saturating_sub(1));
        start + lines::content(self.text, start).len()
    }

    /// The lines of an entry or item that begins at `start`, in a column, and ends at `tail`: from the comments right
    /// above it to those below that are indented deeper.
    pub(super) fn chunk(&self, start: usize, tail: usize, column: usize) -> Range<usize> {
        let mut from = lines::start(self.text, start);
        let comment = |at: usize| {
            let line = lines::content(self.text, at);
            let inner = line.trim_start_matches([' ', '\t']);
            inner.starts_with('#').then(|| line.len() - inner.len())
        };
        let own = self.slice(from..start);
        // Behind another dash it has no lines of its own above.
        while own.trim().is_empty() && from > 0 {
            let above = lines::start(self.text, from - 1);
            match comment(above) {
                Some(depth) if depth == column => from = above,
                _ => break,
            }
        }
        let last = tail.saturating_sub(1).max(start);
        let mut to = if self.slice(start..tail).ends_with('\n') { tail } else { lines::end(self.text, last) };
        while to < self.text.len() {
            match comment(to) {
                Some(depth) if depth > column => to = lines::end(self.text, to),
                _ => break,
            }
        }
        from..to
    }

    fn flow_entries(
        &mut self,
        spot: &Spot,
        pairs: &[Pair],
        new: &[(Option<&Pair>, &str, &Value)],
        gone: &[usize],
        place: Place,
    ) {
        let write = |key: &str, value: &Value| {
            let mut writer = Writer::new(self.style, "\n");
            writer.flow_pair(key, value, place);
            writer.out
        };
        let separator =
            self.separator(spot.body + 1, pairs.iter().map(|pair| (pair.key.start, pair.value.end.max(pair.colon))));
        let mut additions: Vec<(usize, String)> = Vec::new();
        let left: Vec<&Pair> =
            pairs.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, pair)| pair).collect();
        if left.is_empty() {
            let all: Vec<String> = new.iter().map(|(_, key, value)| write(key, value)).collect();
            for pair in pairs {
                self.touch(&pair.value);
            }
            self.push(spot.body + 1..spot.end.saturating_sub(1), all.join(", "));
            return;
        }
        for (before, key, value) in new {
            if let Some(pair) = before {
                additions.push((pair.value.end.max(pair.colon), format!("{separator}{}", write(key, value))));
            } else if let Some(first) = left.first() {
                additions.push((first.key.start, format!("{}{separator}", write(key, value))));
            }
        }
        for (at, text) in additions {
            self.push(at..at, text);
        }
        for at in gone {
            let Some(pair) = pairs.get(*at) else { continue };
            self.touch(&pair.value);
            let end = pair.value.end.max(pair.colon);
            // With the comma behind it; the last of those that stay loses its own.
            let later = pairs.iter().enumerate().skip(at + 1).find(|(next, _)| !gone.contains(next));
            if later.is_some() {
                let next = pairs.get(at + 1).map_or(end, |next| next.key.start);
                self.push(pair.key.start..next, "");
            } else {
                let before = at
                    .checked_sub(1)
                    .and_then(|at| pairs.get(at))
                    .map_or(pair.key.start, |before| before.value.end.max(before.colon));
                self.push(before..end, "");
            }
        }
    }

    /// What stands between the entries of a collection in brackets.
    fn separator(&self, open: usize, entries: impl Iterator<Item = (usize, usize)>) -> String {
        let entries: Vec<(usize, usize)> = entries.collect();
        let mut between = entries.windows(2).rev().filter_map(|pair| match pair {
            [(_, end), (start, _)] => self.text.get(*end..*start),
            _ => None,
        });
        match between.find(|between| !between.contains('#') && between.starts_with(',')) {
            Some(between) => between.to_owned(),
            None => {
                // Of a single one that stands on a line of its own, the next does so too.
                let first = entries.first().map_or(open, |(start, _)| *start);
                let lead = self.slice(open..first);
                let own_line = entries.len() == 1 && lead.contains('\n') && lead.trim().is_empty();
                format!(",{}", if own_line { lead } else { " " })
            }
        }
    }

    /// Changes the value of an entry.
    fn pair(&mut self, pair: &Pair, want: &Want, flow: bool, place: Place) -> Done {
        let key = pair.key.text().unwrap_or_default();
        match (want, &pair.value.form) {
            (Want::Keep, _) => Ok(()),
            (Want::Map(fields, _), Form::Map { .. }) => self.map(&pair.value, fields),
            (Want::List(slots, _), Form::List { items, .. }) if !items.is_empty() => {
                let key_column = if flow { 0 } else { self.column(pair.key.start)? };
                self.list(key, &pair.value, slots, key_column, place)
            }
            (Want::Remove(value) | Want::Set(value) | Want::Map(_, value) | Want::List(_, value), _) => {
                self.value(pair, key, value, flow, place)
            }
        }
    }

    /// Writes another value behind a key.
    pub(super) fn value(&mut self, pair: &Pair, key: &str, value: &Value, flow: bool, place: Place) -> Done {
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

    /// Changes the items of a list that is not empty, below a key in a column.
    pub(super) fn list(&mut self, key: &str, spot: &Spot, slots: &[Slot], key_column: usize, place: Place) -> Done {
        let Form::List { flow, items } = &spot.form else { return stuck("it is no list") };
        if slots.iter().any(|slot| slot.old.is_some_and(|old| old >= items.len())) {
            return stuck("its items cannot be told apart");
        }
        let old: Vec<Option<usize>> = slots.iter().map(|slot| slot.old).collect();
        let all_stay = slots.len() == items.len() && old.iter().enumerate().all(|(at, old)| *old == Some(at));
        self.touch_outside(spot);
        if *flow {
            self.flow_list(key, spot.body + 1, items, slots, all_stay, place)
        } else {
            self.block_list(key, items, slots, key_column)
        }
    }

    fn flow_list(
        &mut self,
        key: &str,
        open: usize,
        items: &[Item],
        slots: &[Slot],
        all_stay: bool,
        place: Place,
    ) -> Done {
        let place =
            items.iter().map(|item| Self::place_of(&item.node)).find(|place| *place == Place::Json).unwrap_or(place);
        if all_stay {
            for (slot, item) in slots.iter().zip(items) {
                self.flow_item(key, &item.node, &slot.want, place)?;
            }
            return Ok(());
        }
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return stuck("it is empty") };
        let quoted =
            items.iter().all(|item| matches!(item.node.form, Form::Scalar { style: ScalarStyle::DoubleQuoted, .. }));
        let place = if quoted { Place::Json } else { place };
        let usual = self.separator(open, items.iter().map(|item| (item.node.start, item.node.end)));
        let mut out = String::new();
        for (at, slot) in slots.iter().enumerate() {
            if at > 0 {
                let between = items.get(at - 1).zip(items.get(at)).map(|(a, b)| self.slice(a.node.end..b.node.start));
                out.push_str(between.unwrap_or(&usual));
            }
            match slot.old.and_then(|old| items.get(old)) {
                Some(item) => {
                    let mark = self.splices.len();
                    self.flow_item(key, &item.node, &slot.want, place)?;
                    let inner = self.splices.split_off(mark);
                    let text = self.slice(item.node.start..item.node.end);
                    out.push_str(&apply(text, item.node.start, inner).map_err(Stuck)?);
                }
                None => out.extend(slot.want.whole().map(|value| self.flow(key, value, place, first.node.start))),
            }
        }
        let kept: std::collections::HashSet<usize> = slots.iter().filter_map(|slot| slot.old).collect();
        for (_, item) in items.iter().enumerate().filter(|(at, _)| !kept.contains(at)) {
            self.touch(&item.node);
        }
        self.push(first.node.start..last.node.end, out);
        Ok(())
    }

    fn flow_item(&mut self, key: &str, node: &Spot, want: &Want, place: Place) -> Done {
        match (want, &node.form) {
            (Want::Keep, _) => Ok(()),
            (Want::Map(fields, _), Form::Map { .. }) => self.map(node, fields),
            (Want::List(slots, _), Form::List { items, .. }) if !items.is_empty() => {
                self.list(key, node, slots, 0, place)
            }
            (Want::Remove(value) | Want::Set(value) | Want::Map(_, value) | Want::List(_, value), form) => {
                self.touch(node);
                let style = match form {
                    Form::Scalar { style, .. } => *style,
                    _ => ScalarStyle::Plain,
                };
                let text = match value {
                    Value::Text(text) => scalar::inline(text, style, place),
                    value => self.flow(key, value, place, node.start),
                };
                self.push(if node.tag { node.start } else { node.body }..node.end, text);
                Ok(())
            }
        }
    }

    fn block_list(&mut self, key: &str, items: &[Item], slots: &[Slot], key_column: usize) -> Done {
        let Some(first) = items.first() else { return stuck("it is empty") };
        let dash = self.column(first.dash)?;
        let structure = slots.len() != items.len() || slots.iter().enumerate().any(|(at, slot)| slot.old != Some(at));
        if structure && !self.slice(lines::start(self.text, first.dash)..first.dash).trim().is_empty() {
            return stuck("a list begins on the line of another");
        }
        _ = key_column;
        let stays = super::pairing::staying(&slots.iter().map(|slot| slot.old).collect::<Vec<_>>());
        let chunks: Vec<Range<usize>> =
            items.iter().map(|item| self.chunk(item.dash, item.node.tail.max(item.dash + 1), dash)).collect();
        let blank = self.is_spaced(&chunks);
        let eol = lines::eol(self.text, first.dash);
        let begin = chunks.first().map_or(first.dash, |chunk| chunk.start);
        // Where the next one that comes goes: behind the last that stays.
        let mut at = begin;
        let mut any_stays = false;
        for (slot, stays) in slots.iter().zip(&stays) {
            let item = slot.old.and_then(|old| items.get(old).zip(chunks.get(old)));
            match item {
                Some((item, chunk)) if *stays => {
                    self.block_item(key, item, &slot.want, dash)?;
                    at = chunk.end;
                    any_stays = true;
                }
                Some((item, chunk)) => {
                    let mark = self.splices.len();
                    self.block_item(key, item, &slot.want, dash)?;
                    let inner = self.splices.split_off(mark);
                    let text = apply(self.slice(chunk.clone()), chunk.start, inner).map_err(Stuck)?;
                    self.insert(at, &text, eol, blank, any_stays);
                }
                None => {
                    let Some(value) = slot.want.whole() else { continue };
                    let text = self.new_item(key, value, items, dash, eol);
                    self.insert(at, &text, eol, blank, any_stays);
                }
            }
        }
        let staying: std::collections::HashSet<usize> =
            slots.iter().zip(&stays).filter(|(_, stays)| **stays).filter_map(|(slot, _)| slot.old).collect();
        let kept: std::collections::HashSet<usize> = slots.iter().filter_map(|slot| slot.old).collect();
        for (place, (item, chunk)) in items.iter().zip(&chunks).enumerate() {
            if staying.contains(&place) {
                continue;
            }
            if !kept.contains(&place) {
                self.touch(&item.node);
            }
            let range = self.with_blank_lines(chunk, place, &chunks);
            self.push(range, "");
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, text: &str, eol: &str, blank: bool, behind: bool) {
        let text = match (blank, behind) {
            (false, _) => text.to_owned(),
            (true, true) => format!("{eol}{text}"),
            (true, false) => format!("{text}{eol}"),
        };
        self.push(at..at, text);
    }

    /// A chunk with the blank lines that set it off: those above it, or below if it is the first.
    fn with_blank_lines(&self, chunk: &Range<usize>, place: usize, chunks: &[Range<usize>]) -> Range<usize> {
        let blank = |range: Range<usize>| {
            let between = self.slice(range);
            !between.is_empty() && between.trim().is_empty()
        };
        let above = place.checked_sub(1).and_then(|at| chunks.get(at)).map_or(chunk.start, |before| before.end);
        if above < chunk.start && blank(above..chunk.start) {
            return above..chunk.end;
        }
        let below = chunks.get(place + 1).map_or(chunk.end, |next| next.start);
        if place == 0 && chunk.end < below && blank(chunk.end..below) {
            return chunk.start..below;
        }
        chunk.clone()
    }

    /// Whether blank lines stand between all items.
    fn is_spaced(&self, chunks: &[Range<usize>]) -> bool {
        let mut gaps = chunks.windows(2).filter_map(|pair| match pair {
            [before, after] => self.text.get(before.end..after.start),
            _ => None,
        });
        let spaced = |gap: &str| gap.split_inclusive('\n').any(|line| line.trim().is_empty());
        chunks.len() > 1 && gaps.all(spaced)
    }

    /// A new item, in brackets if its neighbours are.
    fn new_item(&self, key: &str, value: &Value, items: &[Item], dash: usize, eol: &'static str) -> String {
        let flow = !items.is_empty() && items.iter().rev().take(8).all(|item| item.node.is_flow());
        let mut writer = Writer::new(self.style, eol);
        if let (true, Some(last)) = (flow, items.last()) {
            let gap = self.slice(last.dash + 1..last.node.start);
            let gap = if gap.trim_matches(' ').is_empty() { gap } else { " " };
            let text = self.flow(key, value, Self::place_of(&last.node), last.dash);
            return format!("{}-{gap}{text}{eol}", " ".repeat(dash));
        }
        if let (Value::Text(text), Some(Item { node: Spot { form: Form::Scalar { style, .. }, .. }, .. })) =
            (value, items.last())
        {
            return format!(
                "{}-{}{}{eol}",
                " ".repeat(dash),
                " ".repeat(self.style.gap),
                scalar::inline(text, *style, Place::Block)
            );
        }
        writer.item(value, dash);
        writer.out
    }

    fn block_item(&mut self, key: &str, item: &Item, want: &Want, dash: usize) -> Done {
        let node = &item.node;
        match (want, &node.form) {
            (Want::Keep, _) => Ok(()),
            (Want::Map(fields, _), Form::Map { .. }) => self.map(node, fields),
            (Want::List(slots, _), Form::List { items, .. }) if !items.is_empty() => {
                self.list(key, node, slots, dash, Place::Flow)
            }
            (Want::Remove(value) | Want::Set(value) | Want::Map(_, value) | Want::List(_, value), _) => {
                self.item_anew(key, item, value, dash);
                Ok(())
            }
        }
    }

    /// Writes an item anew behind its dash.
    pub(super) fn item_anew(&mut self, key: &str, item: &Item, value: &Value, dash: usize) {
        let node = &item.node;
        self.touch(node);
        let eol = lines::eol(self.text, item.dash);
        if node.is_flow() {
            let text = self.flow(key, value, Self::place_of(node), node.start);
            self.push(node.start..node.end, text);
            return;
        }
        if let (Value::Text(text), Form::Scalar { style, .. }) = (value, &node.form) {
            let text = scalar::inline(text, *style, Place::Block);
            let range = if node.tag { node.start } else { node.body }..node.end;
            let text = if range.is_empty() { format!(" {text}") } else { text };
            self.push(range, text);
            return;
        }
        let mut writer = Writer::new(self.style, eol);
        writer.item(value, dash);
        let text = writer.out.get(dash..).unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned();
        let end = if self.slice(node.start..node.tail).ends_with('\n') { node.end } else { node.tail };
        self.push(item.dash..end.max(item.dash + 1), text);
    }
}

/// A text, which begins at `offset`, with its splices done.
///
/// # Errors
/// Two of them meet.
pub(super) fn apply(text: &str, offset: usize, mut splices: Vec<Splice>) -> Result<String, String> {
    splices.sort_by_key(|splice| (splice.range.start, !splice.range.is_empty()));
    let mut out = String::with_capacity(text.len() + splices.iter().map(|splice| splice.text.len()).sum::<usize>());
    let mut at = offset;
    for Splice { range, text: new } in splices {
        let between =
            range.start.checked_sub(offset).zip(at.checked_sub(offset)).and_then(|(to, from)| text.get(from..to));
        let Some(between) = between else { return Err("two changes meet in one place".to_owned()) };
        out.push_str(between);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(at.checked_sub(offset).and_then(|from| text.get(from..)).unwrap_or_default());
    Ok(out)
}
