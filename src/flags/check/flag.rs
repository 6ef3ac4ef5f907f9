//! Flags, their variants and what is attached to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::field::{Path, finding};
use super::super::json;
use super::super::snapshot::{Flag, FlagKind, Variant};
use super::{Reader, duplicate, since};
use crate::yaml::{Node, Position, Value, clip, quote};

const FLAG_KINDS: [(&str, FlagKind); 2] =
    [("VARIANT_FLAG_TYPE", FlagKind::Variant), ("BOOLEAN_FLAG_TYPE", FlagKind::Boolean)];

impl Reader<'_> {
    pub(super) fn all_flags(&mut self, node: Option<&Node>, path: &Path<'_>) -> Vec<(Position, Arc<Flag>)> {
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
}
