//! Rules with their distributions, and rollouts: who gets what share.

use std::collections::HashMap;

use super::super::bucket;
use super::super::document::Format;
use super::super::field::{Path, finding};
use super::super::snapshot::{Distribution, Rollout, Rule, Variant};
use super::target::Place;
use super::{Reader, clients};
use crate::yaml::{Kind, Node, clip, quote};

/// A sum of rollouts this near to 100 was meant to be 100: thirds are written as 33.3.
const SUM_TOLERANCE: f64 = 0.101;

impl Reader<'_> {
    pub(super) fn rules(
        &mut self,
        node: Option<&Node>,
        path: &Path<'_>,
        variants: &[Variant],
        flag: usize,
    ) -> Box<[Rule]> {
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
            let distributions = self.distributions(distributions, &path.key("distributions"), variants, &by_key);
            if let Some(targets) = targets.flatten() {
                rules.push(Rule { targets, distributions });
            }
        }
        rules.into()
    }

    fn distributions(
        &mut self,
        node: Option<&Node>,
        path: &Path<'_>,
        variants: &[Variant],
        by_key: &HashMap<&str, u32>,
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
                let found = by_key.get(key).copied();
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
        if let Some(node) = node
            && self.report.errors == errors
            && let Some(what) = clients::shares(&distributions, variants)
        {
            self.report.warning(node.at, path, what);
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

    pub(super) fn rollouts(&mut self, node: Option<&Node>, path: &Path<'_>, flag: usize) -> Box<[Rollout]> {
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

/// Two digits after the point, without trailing zeros.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
