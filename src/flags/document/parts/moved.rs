//! Which segments of a document are others than in its former version, and what that is for its flags.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Foreign, Segments};
use crate::flags::snapshot::{Flag, Rollout, Segment, Targets};

/// The difference of two scopes.
pub(in crate::flags) struct Moved {
    /// By key; none where a flag that names it has to be read again: it is new, gone, or began or ceased to take part.
    others: HashMap<Box<str>, Option<Arc<Segment>>>,
}

impl Moved {
    /// What is another segment now.
    pub(in crate::flags) fn between(old: &Segments, new: &Segments) -> Self {
        let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), None));
        let moved = new.iter().filter_map(|(key, segment)| match old.get(key) {
            Some(before) if Arc::ptr_eq(before, segment) => None,
            Some(before) if !before.malformed && !segment.malformed => Some((key.clone(), Some(Arc::clone(segment)))),
            _ => Some((key.clone(), None)),
        });
        Self { others: gone.chain(moved).collect() }
    }

    /// A flag of the former version with the segments of now. None: it has to be read again.
    pub(in crate::flags) fn take_over(&self, flag: &Arc<Flag>, foreign: &[Foreign]) -> Option<Arc<Flag>> {
        if self.others.is_empty() {
            return Some(Arc::clone(flag));
        }
        // What another document is to resolve may have come into this one.
        if foreign.iter().flat_map(|other| other.keys.iter()).any(|(_, key)| self.others.contains_key(key)) {
            return None;
        }
        let mut changed = false;
        for targets in targets(flag) {
            for segment in targets.segments.iter().chain(&targets.left_out) {
                match self.others.get(&segment.key) {
                    None => {}
                    Some(Some(_)) => changed = true,
                    Some(None) => return None,
                }
            }
        }
        if !changed {
            return Some(Arc::clone(flag));
        }
        let mut flag = Flag::clone(flag);
        let rollouts = flag.rollouts.iter_mut().filter_map(|rollout| match rollout {
            Rollout::Segment { targets, .. } => Some(targets),
            Rollout::Threshold { .. } | Rollout::Empty => None,
        });
        for targets in flag.rules.iter_mut().map(|rule| &mut rule.targets).chain(rollouts) {
            let lists = [Some(&mut targets.segments), targets.repeated.as_mut()];
            for segment in lists.into_iter().flatten().flat_map(|list| list.iter_mut()) {
                if let Some(Some(other)) = self.others.get(&segment.key) {
                    *segment = Arc::clone(other);
                }
            }
        }
        Some(Arc::new(flag))
    }
}

fn targets(flag: &Flag) -> impl Iterator<Item = &Targets> {
    let rollouts = flag.rollouts.iter().filter_map(|rollout| match rollout {
        Rollout::Segment { targets, .. } => Some(targets),
        Rollout::Threshold { .. } | Rollout::Empty => None,
    });
    flag.rules.iter().map(|rule| &rule.targets).chain(rollouts)
}
