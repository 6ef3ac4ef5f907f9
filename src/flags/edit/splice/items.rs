//! The items of a list, on lines of their own and in brackets.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::super::scalar::{self, Place};
use super::super::value::Value;
use super::super::want::{Slot, Want};
use super::super::write::Writer;
use super::super::{lines, pairing};
use super::{Done, Splicer, Stuck, apply, stuck};
use crate::yaml::spans::{Form, Item, Spot};

impl Splicer<'_> {
    /// Changes the items of a list that is not empty.
    pub(in crate::flags::edit) fn list(&mut self, key: &str, spot: &Spot, slots: &[Slot], place: Place) -> Done {
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
            self.block_list(key, items, slots)
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
            (Want::List(slots, _), Form::List { items, .. }) if !items.is_empty() => self.list(key, node, slots, place),
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

    fn block_list(&mut self, key: &str, items: &[Item], slots: &[Slot]) -> Done {
        let Some(first) = items.first() else { return stuck("it is empty") };
        let dash = self.column(first.dash)?;
        let structure = slots.len() != items.len() || slots.iter().enumerate().any(|(at, slot)| slot.old != Some(at));
        if structure && !self.slice(lines::start(self.text, first.dash)..first.dash).trim().is_empty() {
            return stuck("a list begins on the line of another");
        }
        let stays = pairing::staying(&slots.iter().map(|slot| slot.old).collect::<Vec<_>>());
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
                self.list(key, node, slots, Place::Flow)
            }
            (Want::Remove(value) | Want::Set(value) | Want::Map(_, value) | Want::List(_, value), _) => {
                self.item_anew(key, item, value, dash);
                Ok(())
            }
        }
    }

    /// Writes an item anew behind its dash.
    pub(in crate::flags::edit) fn item_anew(&mut self, key: &str, item: &Item, value: &Value, dash: usize) {
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
