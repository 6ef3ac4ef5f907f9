//! One document against the format: closed structures, the gates of versions 1.0 to 1.6, required fields, references
//! inside the document; and its compiled flags and segments.
//!
//! Errors are what Flipt refuses. Hazards are what it takes in silence although it does not mean what it seems to say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::bucket;
use super::constraint::{self, Constraint, Operator, Subject};
use super::document::{Document, Foreign, Format};
use super::field::{Finding, Path, Report, finding};
use super::json;
use super::snapshot::{Distribution, Flag, FlagKind, Rollout, Rule, Segment, SegmentOperator, Targets, Variant};
use crate::yaml::{Kind, Node, Position, Value, clip, quote};

/// Minor versions from which a field or form is known.
mod since {
    pub(super) const TYPE: u8 = 1;
    pub(super) const METADATA: u8 = 3;
    pub(super) const DEFAULT_VARIANT: u8 = 3;
    pub(super) const LISTS: u8 = 6;
}

/// A sum of rollouts this near to 100 was meant to be 100: thirds are written as 33.3.
const SUM_TOLERANCE: f64 = 0.101;

const VERSIONS: [(&str, u8); 7] = [("1.0", 0), ("1.1", 1), ("1.2", 2), ("1.3", 3), ("1.4", 4), ("1.5", 5), ("1.6", 6)];
const FLAG_KINDS: [(&str, FlagKind); 2] =
    [("VARIANT_FLAG_TYPE", FlagKind::Variant), ("BOOLEAN_FLAG_TYPE", FlagKind::Boolean)];
const OPERATORS: [(&str, SegmentOperator); 2] =
    [("OR_SEGMENT_OPERATOR", SegmentOperator::Or), ("AND_SEGMENT_OPERATOR", SegmentOperator::And)];
const MATCH_TYPES: [(&str, bool); 2] = [("ALL_MATCH_TYPE", true), ("ANY_MATCH_TYPE", false)];

type Segments = HashMap<Box<str>, Arc<Segment>>;

struct Reader<'r> {
    report: &'r mut Report,
    format: Format,
    version: u8,
    segments: Segments,
    foreign: Vec<Foreign>,
}

/// Checks and compiles one document. Problems and their number go to the report.
pub(super) fn document(report: &mut Report, format: Format, node: &Node) -> Document {
    let root = Path::Root;
    let first = report.problems.len();
    let Some([version, namespace, flags, segments]) =
        report.fields(node, &root, ["version", "namespace", "flags", "segments"])
    else {
        return Document::default();
    };
    let mut reader = Reader { report, format, version: since::LISTS, segments: Segments::new(), foreign: Vec::new() };
    let namespace = reader.namespace(namespace, &root.key("namespace"));
    reader.report.namespace.clone_from(&namespace);
    for problem in reader.report.problems.iter_mut().skip(first) {
        problem.namespace.clone_from(&namespace);
    }
    reader.version(version, &root.key("version"));
    let segments = reader.all_segments(segments, &root.key("segments"));
    let flags = reader.all_flags(flags, &root.key("flags"));
    Document { namespace, segments, flags, foreign: reader.foreign, ..Document::default() }
}

impl Reader<'_> {
    fn version(&mut self, node: Option<&Node>, path: &Path<'_>) {
        let Some(node) = node else { return };
        let found = (node.kind() == Some(Kind::Text)).then(|| node.text()).flatten();
        if let Some((_, minor)) = VERSIONS.iter().find(|(name, _)| Some(*name) == found) {
            self.version = *minor;
            return;
        }
        let text = node.text().unwrap_or_default();
        let what = if VERSIONS.iter().any(|(name, _)| *name == text) {
            finding("version", format!("the version {text} is not quoted"), format!("write version: \"{text}\""))
        } else {
            let what = format!("the version {} is not known", quote(text));
            finding("version", what, "write \"1.6\", or an older one down to \"1.0\"")
        };
        self.report.error(node.at, path, what);
    }

    /// The namespace, or none if it cannot be told.
    fn namespace(&mut self, node: Option<&Node>, path: &Path<'_>) -> Option<Arc<str>> {
        let Some(node) = node else { return Some("default".into()) };
        if !matches!(node.value, Value::Mapping(_)) {
            return self.report.key(node, path).map(Into::into);
        }
        let [key, name, description] = self.report.fields(node, path, ["key", "name", "description"])?;
        if let Some(name) = name {
            self.report.line(name, &path.key("name"));
        }
        self.report.description(description, path);
        let Some(key) = key else {
            self.report.namespace = Some("".into());
            let what = "the namespace has no key: it is served under an empty one, not as \"default\"";
            self.report.hazard(node.at, &path.key("key"), finding("namespace-without-key", what, "add key: default"));
            return Some("".into());
        };
        self.report.key(key, &path.key("key")).map(Into::into)
    }

    /// Reports a field that the document's version does not know.
    fn gate(&mut self, field: Option<&Node>, path: &Path<'_>, name: &str, since: u8) -> bool {
        if let Some(node) = field.filter(|_| self.version < since) {
            let what = format!("\"{name}\" is not known in version 1.{}", self.version);
            let help = format!("set version: \"1.{since}\" or later, or remove \"{name}\"");
            self.report.error(node.at, &path.key(name), finding("not-in-version", what, help));
            return false;
        }
        true
    }

    fn all_segments(&mut self, node: Option<&Node>, path: &Path<'_>) -> Vec<(Position, Arc<Segment>)> {
        let items = self.report.list(node, path);
        let mut segments = Vec::with_capacity(items.len());
        let mut places: HashMap<Box<str>, Position> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let Some((at, segment)) = self.segment(item, &path) else { continue };
            if let Some(first) = places.insert(segment.key.clone(), at) {
                self.report.hazard(
                    at,
                    &path.key("key"),
                    duplicate("segment", &segment.key, first, "the last one counts"),
                );
            }
            let segment = Arc::new(segment);
            self.segments.insert(segment.key.clone(), Arc::clone(&segment));
            segments.push((at, segment));
        }
        segments
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
            Ok(_) => {}
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

    fn all_flags(&mut self, node: Option<&Node>, path: &Path<'_>) -> Vec<(Position, Arc<Flag>)> {
        let items = self.report.list(node, path);
        let mut flags = Vec::with_capacity(items.len());
        let mut places: HashMap<Box<str>, Position> = HashMap::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let Some((at, flag)) = self.flag(item, &path, flags.len()) else { continue };
            if let Some(first) = places.insert(flag.key.clone(), at) {
                self.report.hazard(at, &path.key("key"), duplicate("flag", &flag.key, first, "the last one counts"));
            }
            flags.push((at, Arc::new(flag)));
        }
        flags
    }

    fn flag(&mut self, node: &Node, path: &Path<'_>, index: usize) -> Option<(Position, Flag)> {
        let [key, name, kind, description, enabled, metadata, variants, rules, rollouts] = self.report.fields(
            node,
            path,
            ["key", "name", "type", "description", "enabled", "metadata", "variants", "rules", "rollouts"],
        )?;
        let key = self.report.required(key, node, path, "key");
        let text = key.and_then(|key| self.report.key(key, &path.key("key")));
        let name = self.report.required(name, node, path, "name");
        let name = name.and_then(|name| self.report.line(name, &path.key("name")));
        let description = self.report.description(description, path);
        let enabled = self.report.flag_of(enabled, &path.key("enabled"));
        let gated = self.gate(kind, path, "type", since::TYPE);
        let kind = match kind.filter(|_| gated) {
            Some(node) => self.report.choice(node, &path.key("type"), &FLAG_KINDS),
            None => Some(FlagKind::Variant),
        };
        let gated = self.gate(metadata, path, "metadata", since::METADATA);
        let metadata = metadata.filter(|_| gated).and_then(|node| self.metadata(node, &path.key("metadata")));
        let (variants, default) = self.variants(variants, &path.key("variants"));
        let rules_at = rules.map(|node| node.at);
        let rules = self.rules(rules, &path.key("rules"), &variants, index);
        if let (Some(at), Some(FlagKind::Boolean), false) = (rules_at, kind, rules.is_empty()) {
            let what = "the rules of a boolean flag are never looked at";
            let help = "write rollouts, or make it a VARIANT_FLAG_TYPE";
            self.report.hazard(at, &path.key("rules"), finding("ignored-rules", what, help));
        }
        if let (Some(node), Some(FlagKind::Variant)) = (rollouts, kind) {
            let what = "\"rollouts\" belong to boolean flags";
            let help = "set type: BOOLEAN_FLAG_TYPE, or write rules";
            self.report.error(node.at, &path.key("rollouts"), finding("rollouts-on-variant-flag", what, help));
        }
        let rollouts = self.rollouts(rollouts, &path.key("rollouts"), index);
        let flag = Flag {
            key: text?.into(),
            name: name?.into(),
            description: description.into(),
            kind: kind?,
            enabled,
            metadata,
            default_variant: default.and_then(|index| variants.get(index)).cloned(),
            variants,
            rules,
            rollouts,
        };
        Some((key?.at, flag))
    }

    fn metadata(&mut self, node: &Node, path: &Path<'_>) -> Option<Box<str>> {
        let Value::Mapping(pairs) = &node.value else {
            self.report.wrong_type(node, path, "a mapping");
            return None;
        };
        for (key, value) in pairs.iter().filter(|(_, value)| value.is_null()) {
            let path = path.key(key.text().unwrap_or_default());
            self.report.error(
                value.at,
                &path,
                finding("wrong-type", "metadata may not be null", "leave the entry out"),
            );
        }
        self.json(node, path)
    }

    fn json(&mut self, node: &Node, path: &Path<'_>) -> Option<Box<str>> {
        let mut out = String::new();
        match json::write_tree(&mut out, node) {
            Ok(()) => Some(out.into()),
            Err(json::NotJson { node, message }) => {
                let help = "only what JSON can hold may stand here, with text as keys";
                self.report.error(node.at, path, finding("not-json", message, help));
                None
            }
        }
    }

    /// The variants, and the index of the default: the last that says so.
    fn variants(&mut self, node: Option<&Node>, path: &Path<'_>) -> (Box<[Variant]>, Option<usize>) {
        let items = self.report.list(node, path);
        let mut variants: Vec<Variant> = Vec::with_capacity(items.len());
        let mut places: HashMap<Box<str>, Position> = HashMap::with_capacity(items.len());
        let mut default: Option<usize> = None;
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let names = ["key", "name", "description", "attachment", "default"];
            let Some([key, name, description, attachment, is_default]) = self.report.fields(item, &path, names) else {
                continue;
            };
            let at = key.map_or(item.at, |key| key.at);
            let key = self.report.required(key, item, &path, "key");
            let key = key.and_then(|key| self.report.line(key, &path.key("key")));
            let name = name.and_then(|name| self.report.line(name, &path.key("name")));
            let description = self.report.description(description, &path);
            let gated = self.gate(is_default, &path, "default", since::DEFAULT_VARIANT);
            let is_default = is_default.filter(|_| gated);
            let says_so = self.report.flag_of(is_default, &path.key("default"));
            let attachment = self.attachment(attachment, &path.key("attachment"));
            let (Some(key), Some(attachment)) = (key, attachment) else { continue };
            if let Some(first) = places.get(key) {
                let rule = "distributions take the first one";
                self.report.hazard(at, &path.key("key"), duplicate("variant", key, *first, rule));
            } else {
                places.insert(key.into(), at);
            }
            if says_so && let Some(before) = default.replace(variants.len()).and_then(|i| variants.get(i)) {
                let what = format!("\"{}\" is already the default; the last one counts", clip(&before.key));
                let at = is_default.map_or(at, |node| node.at);
                self.report.hazard(
                    at,
                    &path.key("default"),
                    finding("several-defaults", what, "keep one default: true"),
                );
            }
            variants.push(Variant {
                key: key.into(),
                name: name.unwrap_or_default().into(),
                description: description.into(),
                attachment,
            });
        }
        (variants.into(), default)
    }

    fn attachment(&mut self, node: Option<&Node>, path: &Path<'_>) -> Option<Box<str>> {
        match node {
            None => Some("null".into()),
            Some(node) if node.is_null() => Some("null".into()),
            Some(node @ Node { value: Value::Scalar { text, .. }, .. }) => {
                let what = format!("{} where a mapping, a list or null is expected", quote(text));
                let help = "write the attachment as YAML, not as JSON in text";
                self.report.error(node.at, path, finding("wrong-type", what, help));
                None
            }
            Some(node) => self.json(node, path),
        }
    }

    fn rules(&mut self, node: Option<&Node>, path: &Path<'_>, variants: &[Variant], flag: usize) -> Box<[Rule]> {
        let items = self.report.list(node, path);
        // Of equal keys the first is the one.
        let mut by_key: HashMap<&str, u32> = HashMap::new();
        for (variant, index) in variants.iter().zip(0_u32..).filter(|_| !items.is_empty()) {
            by_key.entry(&variant.key).or_insert(index);
        }
        let mut rules = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let names = ["segment", "rank", "distributions"];
            let Some([segment, rank, distributions]) = self.report.fields(item, &path, names) else { continue };
            if let Some(rank) = rank
                && !matches!(rank.kind(), Some(Kind::Int(_) | Kind::Unsigned(_)))
            {
                let what = "\"rank\" is no whole number";
                self.report.error(
                    rank.at,
                    &path.key("rank"),
                    finding("wrong-type", what, "remove it: the order of the list counts"),
                );
            }
            let segment = self.report.required(segment, item, &path, "segment");
            let place = Place { flag, rollout: false, index: rules.len() };
            let targets = segment.map(|node| self.rule_targets(node, &path.key("segment"), &place));
            let distributions = self.distributions(distributions, &path.key("distributions"), &by_key);
            if let Some(targets) = targets.flatten() {
                rules.push(Rule { targets, distributions });
            }
        }
        rules.into()
    }

    fn rule_targets(&mut self, node: &Node, path: &Path<'_>, place: &Place) -> Option<Targets> {
        if let Value::Scalar { .. } = node.value {
            let key = self.report.key(node, path)?;
            if self.format == Format::Json {
                let what = "a segment as text is not read from JSON files";
                let help = format!("write {{\"keys\": [\"{key}\"]}}");
                self.report.error(node.at, path, finding("segment-as-text", what, help));
                return None;
            }
            return Some(self.targets(vec![(node.at, key.into())], SegmentOperator::Or, node, path, place));
        }
        if let Value::Sequence(_) = node.value {
            let what = "a list where a segment key or a mapping with keys is expected";
            self.report.error(node.at, path, finding("wrong-type", what, "write segment: {keys: […]}"));
            return None;
        }
        let [keys, operator] = self.report.fields(node, path, ["keys", "operator"])?;
        let keys = self.segment_keys(keys, &path.key("keys"));
        let operator = self.segment_operator(operator, &path.key("operator"))?;
        Some(self.targets(keys, operator, node, path, place))
    }

    fn segment_keys(&mut self, node: Option<&Node>, path: &Path<'_>) -> Vec<(Position, Box<str>)> {
        let items = self.report.list(node, path);
        let texts = items.iter().enumerate();
        texts.filter_map(|(at, item)| Some((item.at, self.report.text(item, &path.item(at))?.into()))).collect()
    }

    fn segment_operator(&mut self, node: Option<&Node>, path: &Path<'_>) -> Option<SegmentOperator> {
        match node {
            Some(node) if !node.is_null() => self.report.choice(node, path, &OPERATORS),
            _ => Some(SegmentOperator::Or),
        }
    }

    /// Resolves segments of this document; if one is missing here, all of them are left to the linking of files.
    fn targets(
        &mut self,
        keys: Vec<(Position, Box<str>)>,
        operator: SegmentOperator,
        node: &Node,
        path: &Path<'_>,
        place: &Place,
    ) -> Targets {
        let Some(targets) = resolve(&keys, operator, |key| self.segments.get(key)) else {
            let Place { flag, rollout, index } = *place;
            let key_path = path.to_string();
            self.foreign.push(Foreign { flag, rollout, index, operator, keys, key_path });
            return Targets { operator, ..Targets::default() };
        };
        if let Some(what) = empty_targets(&targets, &keys) {
            self.report.hazard(node.at, path, what);
        }
        targets
    }

    fn distributions(
        &mut self,
        node: Option<&Node>,
        path: &Path<'_>,
        variants: &HashMap<&str, u32>,
    ) -> Box<[Distribution]> {
        let items = self.report.list(node, path);
        let mut distributions = Vec::with_capacity(items.len());
        let mut sum = 0.0;
        let errors = self.report.errors;
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let Some([variant, rollout]) = self.report.fields(item, &path, ["variant", "rollout"]) else { continue };
            let variant = self.report.required(variant, item, &path, "variant");
            let variant = variant.and_then(|node| {
                let key = self.report.line(node, &path.key("variant"))?;
                let found = variants.get(key).copied();
                if found.is_none() {
                    let what = format!("the flag has no variant {}", quote(key));
                    let help = "add it to the variants of the flag, or name one of them";
                    self.report.error(node.at, &path.key("variant"), finding("unknown-variant", what, help));
                }
                found
            });
            let rollout = self.report.required(rollout, item, &path, "rollout");
            let rollout = rollout.and_then(|node| {
                let number = self.report.number(node, &path.key("rollout"))?;
                if !(0.0..=100.0).contains(&number) {
                    let what = format!("the rollout {number} is not between 0 and 100");
                    self.report.error(
                        node.at,
                        &path.key("rollout"),
                        finding("out-of-range", what, "rollouts are percent"),
                    );
                }
                sum += number;
                Some(self.single(node, number))
            });
            if let (Some(variant), Some(rollout)) = (variant, rollout) {
                distributions.push(Distribution { variant, rollout, end: 0 });
            }
        }
        if let Some(node) = node
            && !distributions.is_empty()
            && self.report.errors == errors
            && (sum - 100.0).abs() > SUM_TOLERANCE
        {
            let what = if sum > 0.0 {
                format!("the rollouts add up to {}, and are scaled to 100", rounded(sum))
            } else {
                "all rollouts are 0: who matches gets the default variant, or none".to_owned()
            };
            self.report.hazard(node.at, path, finding("distribution-sum", what, "let them add up to 100"));
        }
        let rollouts: Vec<f32> = distributions.iter().map(|distribution| distribution.rollout).collect();
        for (distribution, end) in distributions.iter_mut().zip(bucket::boundaries(&rollouts)) {
            distribution.end = end;
        }
        distributions.into()
    }

    /// A number as 32-bit float: from YAML by way of 64 bits, from JSON at once, as the two readers of Flipt do.
    #[expect(clippy::cast_possible_truncation, reason = "32-bit floats are the rule")]
    fn single(&self, node: &Node, number: f64) -> f32 {
        match self.format {
            Format::Json => node.text().and_then(|text| text.parse().ok()).unwrap_or(number as f32),
            Format::Yaml => number as f32,
        }
    }

    fn rollouts(&mut self, node: Option<&Node>, path: &Path<'_>, flag: usize) -> Box<[Rollout]> {
        let items = self.report.list(node, path);
        let mut rollouts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = path.item(index);
            let names = ["segment", "threshold", "description"];
            let Some([segment, threshold, description]) = self.report.fields(item, &path, names) else { continue };
            self.report.description(description, &path);
            let place = Place { flag, rollout: true, index: rollouts.len() };
            rollouts.extend(match (segment, threshold) {
                (Some(segment), Some(_)) => {
                    let what = "a rollout has a segment or a threshold, not both";
                    self.report.error(
                        segment.at,
                        &path,
                        finding("segment-and-threshold", what, "make two rollouts of it"),
                    );
                    None
                }
                (Some(node), None) => self.segment_rollout(node, &path.key("segment"), &place),
                (None, Some(node)) => self.threshold(node, &path.key("threshold")),
                (None, None) => {
                    let what = "the rollout has neither segment nor threshold and does nothing";
                    self.report.hazard(item.at, &path, finding("empty-rollout", what, "remove it"));
                    Some(Rollout::Empty)
                }
            });
        }
        rollouts.into()
    }

    fn segment_rollout(&mut self, node: &Node, path: &Path<'_>, place: &Place) -> Option<Rollout> {
        let [key, keys, operator, value] = self.report.fields(node, path, ["key", "keys", "operator", "value"])?;
        let value = self.report.flag_of(value, &path.key("value"));
        let operator = self.segment_operator(operator, &path.key("operator"));
        let keys = match (key, keys) {
            (Some(key), Some(_)) => {
                let what = "\"key\" and \"keys\" exclude each other";
                self.report.error(key.at, &path.key("key"), finding("key-and-keys", what, "write all of them in keys"));
                return None;
            }
            (Some(node), None) => vec![(node.at, self.report.key(node, &path.key("key"))?.into())],
            (None, keys) => self.segment_keys(keys, &path.key("keys")),
        };
        let targets = self.targets(keys, operator?, node, path, place);
        Some(Rollout::Segment { targets, value })
    }

    fn threshold(&mut self, node: &Node, path: &Path<'_>) -> Option<Rollout> {
        let [percentage, value] = self.report.fields(node, path, ["percentage", "value"])?;
        let value = self.report.flag_of(value, &path.key("value"));
        let node = self.report.required(percentage, node, path, "percentage")?;
        let path = path.key("percentage");
        let number = self.report.number(node, &path)?;
        let percentage = self.single(node, number);
        if !percentage.is_finite() {
            let what = format!("{} is too large a number", clip(node.text().unwrap_or_default()));
            self.report.error(node.at, &path, finding("out-of-range", what, "percentages are between 0 and 100"));
        } else if !(0.0..=100.0).contains(&percentage) {
            let whom = if percentage > 0.0 { "everyone" } else { "nobody" };
            let what = format!("the percentage {percentage} is not between 0 and 100; it matches {whom}");
            self.report.hazard(node.at, &path, finding("percentage-range", what, "write a percentage from 0 to 100"));
        }
        Some(Rollout::Threshold { percentage, value })
    }
}

/// Which rule or rollout of which flag is being read.
struct Place {
    flag: usize,
    rollout: bool,
    index: usize,
}

/// The segments of keys: each once, in order, without the malformed ones. None if one is not known.
pub(super) fn resolve<'s>(
    keys: &[(Position, Box<str>)],
    operator: SegmentOperator,
    segment: impl Fn(&str) -> Option<&'s Arc<Segment>>,
) -> Option<Targets> {
    let mut segments = Vec::with_capacity(keys.len());
    let mut left_out = Vec::new();
    for (_, key) in keys {
        let segment = segment(key)?;
        if segment.malformed { &mut left_out } else { &mut segments }.push(Arc::clone(segment));
    }
    let left_out = left_out.into();
    let mut seen = HashSet::new();
    if segments.len() < 2 || segments.iter().all(|segment| seen.insert(&*segment.key)) {
        return Some(Targets { segments: segments.into(), operator, repeated: None, left_out });
    }
    seen.clear();
    let distinct = segments.iter().filter(|segment| seen.insert(&*segment.key)).cloned().collect();
    Some(Targets { segments: distinct, operator, repeated: Some(segments.into()), left_out })
}

/// The hazard of a condition that is left with no segment.
pub(super) fn empty_targets(targets: &Targets, keys: &[(Position, Box<str>)]) -> Option<Finding> {
    if !targets.segments.is_empty() {
        return None;
    }
    let why = if keys.is_empty() { "no segment is named" } else { "every segment named has a malformed constraint" };
    Some(match targets.operator {
        SegmentOperator::And => finding(
            "matches-everyone",
            format!("{why}, and AND of nothing matches everyone"),
            "name a segment whose constraints are all valid",
        ),
        SegmentOperator::Or => finding(
            "matches-nobody",
            format!("{why}, and OR of nothing matches nobody"),
            "name a segment whose constraints are all valid, or remove the entry",
        ),
    })
}

/// The hazard of a second definition.
pub(super) fn duplicate(what: &str, key: &str, first: Position, rule: &str) -> Finding {
    let message = format!("the {what} \"{}\" is defined again, first in line {}; {rule}", clip(key), first.line);
    finding("duplicate-key", message, "keep one of them, or rename it")
}

/// Two digits after the point, without trailing zeros.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
