//! The differences in words, one line each, with what somebody else wrote kept apart from what we say about it.

use serde_json::Value;

use super::{
    Changes, Edit, FlagChange, NamespaceChange, NotCompared, Portion, Presence, Side, Step, StepChange, StepEdit,
    StepKind, Target, TextEdit, ValueEdit,
};
use crate::flags::snapshot::FlagKind;

mod effect;
mod segment;

pub(super) use segment::{segment_head, segment_lines};

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Our words.
    Said(String),
    /// A key.
    Key(String),
    /// Free text: a name, a value.
    Text(String),
}

/// One line.
pub(super) type Line = Vec<Piece>;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Something of the file.
    Edit(Presence),
    /// Who is affected.
    Effect,
}

fn said(text: impl Into<String>) -> Piece {
    Piece::Said(text.into())
}

fn key(text: &str) -> Piece {
    Piece::Key(text.to_owned())
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

pub(super) const fn kind(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Boolean => "boolean",
        FlagKind::Variant => "variant",
    }
}

pub(super) const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Added => "added",
        Presence::Removed => "removed",
        Presence::Changed => "changed",
    }
}

const fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

/// `1 flag added, 2 changed; 1 segment changed`.
#[must_use]
pub fn summary(changes: &Changes) -> String {
    let count = |what: &str, list: Vec<Presence>| {
        let of = |wanted| list.iter().filter(|one| **one == wanted).count();
        let mut parts = Vec::new();
        for wanted in [Presence::Added, Presence::Removed, Presence::Changed] {
            let number = of(wanted);
            if number > 0 {
                let noun = match (parts.is_empty(), number) {
                    (false, _) => String::new(),
                    (true, 1) => format!(" {what}"),
                    (true, _) => format!(" {what}s"),
                };
                parts.push(format!("{number}{noun} {}", presence(wanted)));
            }
        }
        parts.join(", ")
    };
    let of = |list: &dyn Fn(&NamespaceChange) -> Vec<Presence>| changes.namespaces.iter().flat_map(list).collect();
    let whole = |namespace: &NamespaceChange| match namespace.change {
        Presence::Changed => Vec::new(),
        change => vec![change],
    };
    let parts = [
        count("namespace", of(&whole)),
        count("flag", of(&|namespace| namespace.flags.iter().map(|flag| flag.change).collect())),
        count("segment", of(&|namespace| namespace.segments.iter().map(|segment| segment.change).collect())),
    ];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let told = if told.is_empty() { "no difference".to_owned() } else { told.join("; ") };
    if changes.not_compared.is_empty() { told } else { format!("{told}, of what could be compared") }
}

pub(super) fn not_compared(not: &NotCompared) -> Line {
    let side = match not.side {
        Side::Old => "old",
        Side::New => "new",
    };
    match (&not.namespace, &not.file) {
        (Some(namespace), _) => {
            vec![said("namespace "), key(namespace), said(format!(" is not compared: its {side} files have errors"))]
        }
        (_, file) => {
            let file = file.as_deref().unwrap_or_default();
            vec![said(format!("the {side} file ")), text(file), said(" cannot be read, and what it feeds not compared")]
        }
    }
}

pub(super) fn flag_head(flag: &FlagChange) -> Line {
    let mut line = vec![said("flag "), key(&flag.key)];
    if flag.name != flag.key {
        line.extend([said(" ("), text(&flag.name), said(")")]);
    }
    line.push(said(format!(", {}", kind(flag.kind))));
    if flag.change != Presence::Changed && flag.kind == FlagKind::Variant {
        line.push(said(format!(", {}", on_off(flag.enabled))));
    }
    line
}

pub(super) fn flag_lines(flag: &FlagChange) -> Vec<(Mark, Line)> {
    let mut lines = Vec::new();
    for edit in &flag.edits {
        edit_lines(flag, edit, &mut lines);
    }
    lines.extend(flag.effects.iter().map(|effect| (Mark::Effect, effect::line(flag, effect))));
    lines
}

const CHANGED: Mark = Mark::Edit(Presence::Changed);

fn edit_lines(flag: &FlagChange, edit: &Edit, lines: &mut Vec<(Mark, Line)>) {
    let line = match edit {
        Edit::Name(edit) => texts("name: ", edit),
        Edit::Description(edit) => texts("description: ", edit),
        Edit::Kind { old, new } => {
            let words = format!("type: {} → {}; who asks for the old one gets an error", kind(*old), kind(*new));
            vec![said(words)]
        }
        Edit::Enabled { old, new } => {
            let of = match flag.kind {
                FlagKind::Boolean => "the answer where no rollout matches",
                FlagKind::Variant => "the switch",
            };
            vec![said(format!("{of}: {} → {}", on_off(*old), on_off(*new)))]
        }
        Edit::Metadata(edit) => return values(&[said("metadata")], edit, lines),
        Edit::Variant { key: variant, change, name, description, attachment } => {
            let head = vec![said("variant "), key(variant)];
            if *change != Presence::Changed {
                lines.push((Mark::Edit(*change), head));
                return;
            }
            for (of, edit) in [(", name: ", name), (", description: ", description)] {
                if let Some(edit) = edit {
                    lines.push((CHANGED, [head.clone(), texts(of, edit)].concat()));
                }
            }
            if let Some(edit) = attachment {
                values(&[head, vec![said(", attachment")]].concat(), edit, lines);
            }
            return;
        }
        Edit::VariantOrder => vec![said("the variants stand in another order, which changes no answer")],
        Edit::DefaultVariant { old, new } => {
            let name = |variant: &Option<Box<str>>| variant.as_deref().map_or_else(|| said("none"), key);
            vec![said("default variant: "), name(old), said(" → "), name(new)]
        }
        Edit::Step(edit) => {
            let mark = match edit.change {
                StepChange::Added => Presence::Added,
                StepChange::Removed => Presence::Removed,
                StepChange::Moved | StepChange::Changed => Presence::Changed,
            };
            lines.push((Mark::Edit(mark), step_line(edit)));
            return;
        }
    };
    lines.push((CHANGED, line));
}

fn texts(of: &str, edit: &TextEdit) -> Line {
    vec![said(of), text(&edit.old), said(" → "), text(&edit.new)]
}

fn values(of: &[Piece], edit: &ValueEdit, lines: &mut Vec<(Mark, Line)>) {
    // A text in quotes, so that "1" and 1 are told apart.
    let shown = |value: &Value| text(&value.to_string());
    for change in &edit.changes {
        let mut line = of.to_vec();
        if !change.path.is_empty() {
            line.extend([said(" "), key(&change.path)]);
        }
        line.push(said(": "));
        let mark = match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                line.extend([shown(old), said(" → "), shown(new)]);
                Presence::Changed
            }
            (None, Some(new)) => {
                line.extend([said("now "), shown(new)]);
                Presence::Added
            }
            (old, _) => {
                line.push(said("no longer "));
                line.extend(old.as_ref().map(shown));
                Presence::Removed
            }
        };
        lines.push((Mark::Edit(mark), line));
    }
    if edit.more > 0 {
        let mut line = of.to_vec();
        line.push(said(format!(": {} more places", edit.more)));
        lines.push((CHANGED, line));
    }
}

fn step_line(edit: &StepEdit) -> Line {
    let list = match edit.list {
        StepKind::Rule => "rule",
        StepKind::Rollout => "rollout",
    };
    let mut line = vec![said(format!("{list} {}", edit.new_rank.or(edit.old_rank).unwrap_or_default()))];
    match (&edit.old, &edit.new) {
        (Some(old), Some(new)) => {
            let was = edit.old_rank.filter(|_| edit.old_rank != edit.new_rank);
            if edit.change == StepChange::Moved {
                line.push(said(format!(", was {}: ", was.unwrap_or_default())));
                line.extend(step(new));
                return line;
            }
            let was = was.map_or_else(String::new, |rank| format!(", was {rank}"));
            match (&old.target, &new.target) {
                (Target::Percentage { percentage: from }, Target::Percentage { percentage: to }) => {
                    line.push(said(format!(" (everyone by percentage{was}): ")));
                    let same = old.target == new.target;
                    if !same {
                        line.push(said(format!("{from} % → {to} %")));
                    }
                    if old.value != new.value {
                        let comma = if same { "" } else { ", " };
                        let value = |step: &Step| on_off(step.value.unwrap_or_default());
                        line.push(said(format!("{comma}{} → {}", value(old), value(new))));
                    }
                }
                (from, to) if from == to => {
                    line.push(said(" ("));
                    line.extend(target(to));
                    line.push(said(format!("{was}): ")));
                    line.extend([outcome(old), vec![said(" → ")], outcome(new)].concat());
                }
                _ => {
                    line.push(said(if was.is_empty() {
                        ": ".to_owned()
                    } else {
                        format!(" ({}): ", &was.trim_start_matches(", "))
                    }));
                    line.extend([step(old), vec![said(" → ")], step(new)].concat());
                }
            }
        }
        (old, new) => {
            line.push(said(": "));
            line.extend(new.as_ref().or(old.as_ref()).map(step).unwrap_or_default());
        }
    }
    line
}

fn step(step: &Step) -> Line {
    let mut line = match &step.target {
        Target::Percentage { percentage } => vec![said(format!("{percentage} % of everyone"))],
        other => target(other),
    };
    if step.target != Target::Nobody {
        line.push(said(": "));
        line.extend(outcome(step));
    }
    line
}

fn target(target: &Target) -> Line {
    match target {
        Target::Percentage { .. } => vec![said("everyone by percentage")],
        Target::Nobody => vec![said("nobody")],
        Target::Segments { keys, all } => {
            let words = match (keys.len(), all) {
                (0, true) => return vec![said("everyone (all of no segment)")],
                (0, false) => return vec![said("nobody (any of no segment)")],
                (1, _) => "segment ",
                (_, true) => "all of the segments ",
                (_, false) => "any of the segments ",
            };
            [vec![said(words)], list(keys)].concat()
        }
    }
}

fn outcome(step: &Step) -> Line {
    match step.value {
        Some(value) => vec![said(on_off(value))],
        None if step.variants.is_empty() => vec![said("the default variant")],
        None => {
            let portion = |portion: &Portion| vec![key(&portion.variant), said(format!(" {} %", portion.rollout))];
            step.variants.iter().map(portion).collect::<Vec<_>>().join(&said(", "))
        }
    }
}

/// Keys with commas; of many the first ones.
fn list(keys: &[Box<str>]) -> Line {
    const SHOWN: usize = 20;
    let shown: Vec<Line> = keys.iter().take(SHOWN).map(|one| vec![key(one)]).collect();
    let mut line = shown.join(&said(", "));
    if keys.len() > SHOWN {
        line.push(said(format!(" and {} more", keys.len() - SHOWN)));
    }
    line
}
