//! Segments in words.

use super::super::{Condition, Presence, SegmentChange, SegmentEdit};
use super::{CHANGED, Line, Mark, key, list, said, text, texts};

pub(in super::super) fn segment_head(segment: &SegmentChange) -> Line {
    let mut line = vec![said("segment "), key(&segment.key)];
    if segment.name != segment.key {
        line.extend([said(" ("), text(&segment.name), said(")")]);
    }
    line
}

pub(in super::super) fn segment_lines(segment: &SegmentChange) -> Vec<(Mark, Line)> {
    let new = segment.change == Presence::Added;
    let mut lines: Vec<(Mark, Line)> = segment.edits.iter().map(|edit| segment_line(segment, edit)).collect();
    if new && lines.is_empty() {
        lines.push((Mark::Edit(Presence::Added), vec![said("everyone is in it: it has no constraint")]));
    }
    if !segment.flags.is_empty() {
        let words = if segment.flags.len() == 1 { "touches the flag " } else { "touches the flags " };
        lines.push((Mark::Effect, [vec![said(words)], list(&segment.flags)].concat()));
    } else if segment.change == Presence::Changed {
        lines.push((Mark::Effect, vec![said("touches no flag: none names it")]));
    }
    lines
}

fn segment_line(segment: &SegmentChange, edit: &SegmentEdit) -> (Mark, Line) {
    let line = match edit {
        SegmentEdit::Name(edit) => texts("name: ", edit),
        SegmentEdit::Description(edit) => texts("description: ", edit),
        SegmentEdit::Match { all: true } => vec![said("now every constraint has to match; one was enough")],
        SegmentEdit::Match { all: false } => {
            vec![said("now one matching constraint is enough; every one had to match")]
        }
        SegmentEdit::Order => vec![said("the constraints stand in another order, which changes no answer")],
        SegmentEdit::Malformed { malformed: true } => {
            vec![said("now left out of every rule and rollout: a value of it does not parse")]
        }
        SegmentEdit::Malformed { malformed: false } => vec![said("takes part again: all its values parse")],
        SegmentEdit::Constraint { change, old, new } => {
            let verb = match (segment.change, change, segment.all) {
                (Presence::Added, _, true) => "requires ",
                (Presence::Added, _, false) => "has those with ",
                (_, Presence::Added, true) => "now also requires ",
                (_, Presence::Added, false) => "now also has those with ",
                (_, Presence::Removed, true) => "no longer requires ",
                (_, Presence::Removed, false) => "no longer has those with ",
                (_, Presence::Changed, true) => "now requires ",
                (_, Presence::Changed, false) => "now has those with ",
            };
            let mut line = vec![said(verb)];
            line.extend(new.as_ref().or(old.as_ref()).map(condition).unwrap_or_default());
            if let (Some(old), Some(_)) = (old, new) {
                line.push(said(", instead of "));
                line.extend(condition(old));
            }
            return (Mark::Edit(*change), line);
        }
    };
    (CHANGED, line)
}

fn condition(condition: &Condition) -> Line {
    let (subject, kind) = match condition.subject {
        "ENTITY_ID_COMPARISON_TYPE" => (said("the entity id"), ""),
        "NUMBER_COMPARISON_TYPE" => (key(&condition.property), " (number)"),
        "DATETIME_COMPARISON_TYPE" => (key(&condition.property), " (time)"),
        "BOOLEAN_COMPARISON_TYPE" => (key(&condition.property), " (boolean)"),
        _ => (key(&condition.property), ""),
    };
    let (words, valued) = match condition.operator {
        "eq" => ("=", true),
        "neq" => ("≠", true),
        "lt" => ("<", true),
        "lte" => ("≤", true),
        "gt" => (">", true),
        "gte" => ("≥", true),
        "prefix" => ("begins with", true),
        "suffix" => ("ends with", true),
        "contains" => ("contains", true),
        "notcontains" => ("does not contain", true),
        "isoneof" => ("is one of", true),
        "isnotoneof" => ("is none of", true),
        "empty" => ("is empty", false),
        "notempty" => ("is not empty", false),
        "present" => ("is present", false),
        "notpresent" => ("is not present", false),
        "true" => ("is true", false),
        "false" => ("is false", false),
        other => (other, true),
    };
    let mut line = vec![subject, said(format!(" {words}"))];
    if valued {
        line.extend([said(" "), text(&condition.value)]);
    }
    line.push(said(kind));
    line
}
