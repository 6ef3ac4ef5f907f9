//! Segments and their constraints, compiled.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::constraint::{self, Constraint, Operator, Subject};
use super::super::document::Format;
use super::super::document::parts::{List, Spent};
use super::super::field::{Path, finding};
use super::super::snapshot::Segment;
use super::{Compiled, Reader, Trace, clients, duplicate, since};
use crate::yaml::{Kind, Node, Position, Value};

const MATCH_TYPES: [(&str, bool); 2] = [("ALL_MATCH_TYPE", true), ("ANY_MATCH_TYPE", false)];

impl Reader<'_> {
    pub(super) fn all_segments(&mut self, node: Option<&Node>, path: &Path<'_>) -> Compiled<Segment> {
        let items = self.report.list(node, path);
        let mut segments = Compiled::with_capacity(items.len());
        let mut places = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            self.next_segment(&mut segments, &mut places, index, item, path);
        }
        segments
    }

    /// The segments of a list that is read by its items. None: one of them does not read.
    pub(super) fn listed_segments(
        &mut self,
        list: &mut List<'_, Segment>,
        path: &Path<'_>,
        spent: &mut Spent,
    ) -> Option<Compiled<Segment>> {
        let mut segments = Compiled::with_capacity(list.len());
        let mut places = HashMap::new();
        for item in 0..list.len() {
            if let Some((at, segment)) = list.known(item) {
                list.take(item, spent)?;
                let trace = Trace { item, at, clean: true };
                self.add_segment(&mut segments, &mut places, trace, Arc::clone(segment), path);
            } else {
                let node = list.read(item, spent)?;
                self.next_segment(&mut segments, &mut places, item, &node, path);
            }
        }
        Some(segments)
    }

    fn next_segment(
        &mut self,
        segments: &mut Compiled<Segment>,
        places: &mut HashMap<Box<str>, Position>,
        item: usize,
        node: &Node,
        path: &Path<'_>,
    ) {
        let before = self.report.found();
        if let Some((at, segment)) = self.segment(node, &path.item(item)) {
            let trace = Trace { item, at, clean: self.report.found() == before };
            self.add_segment(segments, places, trace, Arc::new(segment), path);
        }
    }

    fn add_segment(
        &mut self,
        segments: &mut Compiled<Segment>,
        places: &mut HashMap<Box<str>, Position>,
        trace: Trace,
        segment: Arc<Segment>,
        path: &Path<'_>,
    ) {
        if let Some(first) = places.insert(segment.key.clone(), trace.at) {
            let what = duplicate("segment", &segment.key, first, "the last one counts");
            self.report.hazard(trace.at, &path.item(trace.item).key("key"), what);
        }
        self.segments.insert(segment.key.clone(), Arc::clone(&segment));
        segments.push(segment, trace);
    }

    fn segment(&mut self, node: &Node, path: &Path<'_>) -> Option<(Position, Segment)> {
        let [key, name, match_type, description, constraints] =
            self.report.fields(node, path, ["key", "name", "match_type", "description", "constraints"])?;
        let key = self.report.required(key, node, path, "key");
        let text = key.and_then(|key| self.report.key(key, &path.key("key")));
        let name = self.report.required(name, node, path, "name");
        let name = name.and_then(|name| self.report.line(name, &path.key("name"))).unwrap_or_default().into();
        let description = self.report.description(description, path).into();
        let match_type = self.report.required(match_type, node, path, "match_type");
        let all = match_type.and_then(|node| self.report.choice(node, &path.key("match_type"), &MATCH_TYPES));
        let path = path.key("constraints");
        let items = self.report.list(constraints, &path);
        let mut constraints = Vec::with_capacity(items.len());
        let mut faults = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.constraint(item, &path.item(index), text.unwrap_or_default()) {
                Some(Ok(constraint)) => constraints.push(constraint),
                Some(Err(malformed)) => faults.push(malformed),
                None => {}
            }
        }
        let (key_text, constraints, malformed) = (text?.into(), constraints.into(), !faults.is_empty());
        let faults = faults.into();
        let segment = Segment { key: key_text, name, description, all: all?, constraints, malformed, faults };
        Some((key?.at, segment))
    }

    fn constraint(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        segment: &str,
    ) -> Option<Result<Constraint, constraint::Malformed>> {
        let [subject, property, operator, value, description] =
            self.report.fields(node, path, ["type", "property", "operator", "value", "description"])?;
        self.report.description(description, path);
        let property = self.report.required(property, node, path, "property");
        let property = property.and_then(|node| self.report.line(node, &path.key("property")));
        let subjects = Subject::ALL.map(|subject| (subject.name(), subject));
        let subject = self.report.required(subject, node, path, "type");
        let subject = subject.and_then(|node| self.report.choice(node, &path.key("type"), &subjects));
        let operator = self.report.required(operator, node, path, "operator");
        let (subject, operator_node) = (subject?, operator?);
        let operator = self.operator(subject, operator_node, &path.key("operator"))?;
        let value_path = path.key("value");
        let text = if operator.takes_list() {
            self.list_value(subject, value, node, &value_path)?
        } else {
            value.map_or(Some(""), |node| self.report.text(node, &value_path))?.to_owned()
        };
        let at = value.map_or(operator_node.at, |node| node.at);
        let constraint = Constraint::new(subject, operator, property?, &text);
        match &constraint {
            Err(malformed) => {
                let what = format!(
                    "{malformed}; the segment \"{segment}\" is left out of every rule and rollout that names it"
                );
                let help = match subject {
                    Subject::Number if operator.takes_list() => "write a list of numbers: [1, 2.5]",
                    _ if operator.takes_list() => "write a list of texts: [\"a\", \"b\"]",
                    Subject::DateTime => "write a date or a time: \"2026-01-31\", \"2026-01-31T12:00:00Z\"",
                    _ => "write a number in quotes: \"1.5\"",
                };
                self.report.hazard(at, &value_path, finding("malformed-constraint", what, help));
            }
            Ok(constraint) if constraint.never_matches() => {
                let what = format!("\"{}\" is compared with nothing and never matches", operator.name());
                let help = "give it a value, or use empty, notempty, present or notpresent";
                self.report.hazard(at, &value_path, finding("empty-value", what, help));
            }
            Ok(constraint) => {
                if let Some(what) = clients::constraint(constraint) {
                    self.report.warning(at, &value_path, what);
                }
            }
        }
        Some(constraint)
    }

    fn operator(&mut self, subject: Subject, node: &Node, path: &Path<'_>) -> Option<Operator> {
        let known: Vec<(&str, Operator)> = subject.operators().iter().map(|o| (o.name(), *o)).collect();
        let text = self.report.text(node, path)?;
        if !known.iter().any(|(name, _)| *name == text) && Operator::ALL.iter().any(|o| o.name() == text) {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let what = format!("\"{text}\" does not compare {}", subject.name());
            self.report.error(node.at, path, finding("wrong-operator", what, format!("one of {}", names.join(", "))));
            return None;
        }
        self.report.choice(node, path, &known)
    }

    /// The value of `isoneof`: a JSON array in text up to version 1.5, a list from 1.6 on. As JSON array in text.
    fn list_value(&mut self, subject: Subject, value: Option<&Node>, owner: &Node, path: &Path<'_>) -> Option<String> {
        if self.version < since::LISTS {
            if let Some(Node { value: Value::Sequence(_), at }) = value {
                let what = format!("a list where version 1.{} has a JSON array in text", self.version);
                let help = "set version: \"1.6\", or write the list as text: '[\"a\",\"b\"]'";
                self.report.error(*at, path, finding("not-in-version", what, help));
                return None;
            }
            let Some(value) = value else {
                let what = "\"value\" is missing";
                self.report.error(owner.at, path, finding("missing-field", what, "write the list as text: '[\"a\"]'"));
                return None;
            };
            return self.report.text(value, path).map(str::to_owned);
        }
        if let Some(value) = value
            && value.kind().is_some_and(|kind| kind == Kind::Text)
        {
            let what = format!("text where version 1.{} has a list", self.version);
            let help = "write a list: [\"a\", \"b\"]; JSON arrays in text belong to version 1.5 and before";
            self.report.error(value.at, path, finding("wrong-type", what, help));
            return None;
        }
        let Some(node) = value else { return Some(String::new()) };
        let errors = self.report.errors;
        let items = self.report.list(Some(node), path);
        let list = if subject == Subject::Number {
            let mut numbers = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let path = path.item(index);
                if self.report.number(item, &path).is_some() {
                    let text = item.text().unwrap_or_default();
                    numbers.extend(constraint::list_number(text, self.format == Format::Json));
                }
            }
            format!("[{}]", numbers.join(","))
        } else {
            let mut texts = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                texts.extend(self.report.text(item, &path.item(index)));
            }
            constraint::list_of_texts(texts.into_iter())
        };
        (self.report.errors == errors).then_some(list)
    }
}
