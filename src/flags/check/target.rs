//! For whom a rule or rollout is: the segments that it names, and how they combine.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::document::{Foreign, Format};
use super::super::field::{Finding, Path, finding};
use super::super::snapshot::{Segment, SegmentOperator, Targets};
use super::Reader;
use crate::yaml::{Node, Position, Value};

const OPERATORS: [(&str, SegmentOperator); 2] =
    [("OR_SEGMENT_OPERATOR", SegmentOperator::Or), ("AND_SEGMENT_OPERATOR", SegmentOperator::And)];

/// Which rule or rollout of which flag is being read.
pub(super) struct Place {
    pub(super) flag: usize,
    pub(super) rollout: bool,
    pub(super) index: usize,
}

impl Reader<'_> {
    pub(super) fn rule_targets(&mut self, node: &Node, path: &Path<'_>, place: &Place) -> Option<Targets> {
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

    pub(super) fn segment_keys(&mut self, node: Option<&Node>, path: &Path<'_>) -> Vec<(Position, Box<str>)> {
        let items = self.report.list(node, path);
        let texts = items.iter().enumerate();
        texts.filter_map(|(at, item)| Some((item.at, self.report.text(item, &path.item(at))?.into()))).collect()
    }

    pub(super) fn segment_operator(&mut self, node: Option<&Node>, path: &Path<'_>) -> Option<SegmentOperator> {
        match node {
            Some(node) if !node.is_null() => self.report.choice(node, path, &OPERATORS),
            _ => Some(SegmentOperator::Or),
        }
    }

    /// Resolves segments of this document; if one is missing here, all of them are left to the linking of files.
    pub(super) fn targets(
        &mut self,
        keys: Vec<(Position, Box<str>)>,
        operator: SegmentOperator,
        node: &Node,
        path: &Path<'_>,
        place: &Place,
    ) -> Targets {
        let Some(targets) = resolve(&keys, operator, |key| self.segments.get(key)) else {
            let Place { flag, rollout, index } = *place;
            // Without the index of the flag, which may be another in the next version.
            let key_path = path.to_string().split_once("].").map_or("", |(_, inner)| inner).into();
            self.foreign.push(Foreign { flag, rollout, index, operator, line: 0, keys: keys.into(), key_path });
            return Targets { operator, ..Targets::default() };
        };
        if let Some(what) = empty_targets(&targets, &keys) {
            self.report.hazard(node.at, path, what);
        }
        targets
    }
}

/// The segments of keys: each once, in order, without the malformed ones. None if one is not known.
pub(in crate::flags) fn resolve<'s>(
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
pub(in crate::flags) fn empty_targets(targets: &Targets, keys: &[(Position, Box<str>)]) -> Option<Finding> {
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
