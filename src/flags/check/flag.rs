//! Flags, their variants and what is attached to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::document::Foreign;
use super::super::document::parts::{List, Moved, Spent};
use super::super::field::{Path, Report, finding};
use super::super::json;
use super::super::snapshot::{Flag, FlagKind, Variant};
use super::{Compiled, Reader, Segments, Trace, duplicate, since};
use crate::yaml::{Node, Position, Value, clip, quote};

const FLAG_KINDS: [(&str, FlagKind); 2] =
    [("VARIANT_FLAG_TYPE", FlagKind::Variant), ("BOOLEAN_FLAG_TYPE", FlagKind::Boolean)];

/// Tells every flag that has the key of one before.
pub(super) fn repeated(report: &mut Report, flags: &Compiled<Flag>) {
    let path = Path::Root.key("flags");
    let mut places: HashMap<&str, Position> = HashMap::with_capacity(flags.values.len());
    for (flag, trace) in flags.values.iter().zip(&flags.traces) {
        if let Some(first) = places.insert(&flag.key, trace.at) {
            let what = duplicate("flag", &flag.key, first, "the last one counts");
            report.hazard(trace.at, &path.item(trace.item).key("key"), what);
        }
    }
}

impl Reader<'_> {
    pub(super) fn all_flags(&mut self, node: Option<&Node>, path: &Path<'_>) -> Compiled<Flag> {
        let items = self.report.list(node, path);
        let mut flags = Compiled::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.next_flag(&mut flags, index, item, path);
        }
        flags
    }

    /// The flags of a list that is read by its items; `scope` are the segments that those of the former version were
    /// resolved with, `foreign` their references to others. None: one of them does not read.
    pub(super) fn listed_flags(
        &mut self,
        list: &mut List<'_, Flag>,
        scope: &Segments,
        foreign: &[Foreign],
        path: &Path<'_>,
        spent: &mut Spent,
    ) -> Option<Compiled<Flag>> {
        let moved = Moved::between(scope, &self.segments);
        let mut flags = Compiled::with_capacity(list.len());
        for item in 0..list.len() {
            let others = list.foreign_of(item, foreign);
            let known = list.known(item).and_then(|(at, flag)| Some((at, moved.take_over(flag, others)?)));
            if let Some((at, flag)) = known {
                list.take(item, spent)?;
                let by = list.moved_by(item);
                let index = flags.values.len();
                self.foreign.extend(others.iter().map(|other| other.moved(index, by)));
                flags.push(flag, Trace { item, at, clean: true });
            } else {
                let node = list.read(item, spent)?;
                self.next_flag(&mut flags, item, &node, path);
            }
        }
        Some(flags)
    }

    fn next_flag(&mut self, flags: &mut Compiled<Flag>, item: usize, node: &Node, path: &Path<'_>) {
        let before = self.report.found();
        if let Some((at, flag)) = self.flag(node, &path.item(item), flags.values.len()) {
            flags.push(Arc::new(flag), Trace { item, at, clean: self.report.found() == before });
        }
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
}
