//! An explanation for a terminal.
//!
//! The answer first, then the way to it in the order of the file. What comes from flag files, contexts or another
//! machine is escaped here, whatever was done to it before: no text of theirs moves a cursor or hides a line.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Answer, Condition, ConstraintLook, Explanation, FlagType, Gives, Hash, Outcome, SegmentLook, Step};

/// Renders an explanation, with a line break at the end of each line.
#[must_use]
pub fn render(explanation: &Explanation) -> String {
    let mut out = String::new();
    let (kind, noun) = match explanation.flag_type {
        FlagType::Boolean => ("boolean", "rollout"),
        FlagType::Variant => ("variant", "rule"),
    };
    let enabled = if explanation.flag_enabled { "enabled" } else { "disabled" };
    line(
        &mut out,
        0,
        &format!("{} ({kind} flag, {enabled}) for entity {:?}", explanation.flag_key, explanation.entity_id),
    );
    out.push('\n');
    line(&mut out, 0, &format!("= {}", answer(&explanation.answer)));
    line(&mut out, 2, &explanation.why);
    for note in &explanation.notes {
        line(&mut out, 2, &format!("! {}", note.message));
    }
    if !explanation.steps.is_empty() {
        out.push('\n');
    }
    for step in &explanation.steps {
        self::step(&mut out, noun, step);
    }
    out
}

/// An answer in one line.
#[must_use]
pub fn answer(answer: &Answer) -> String {
    let (value, reason, segments) = match answer {
        Answer::Boolean { enabled, reason, segment_keys } => (enabled.to_string(), reason, segment_keys),
        Answer::Variant { reason, variant_key, variant_attachment, segment_keys, .. } => {
            let variant =
                if variant_key.is_empty() { "no variant".to_owned() } else { format!("variant {variant_key:?}") };
            let bare = matches!(variant_attachment.as_str(), "" | "null");
            let attachment = if bare { String::new() } else { format!(" {variant_attachment}") };
            (variant + &attachment, reason, segment_keys)
        }
    };
    let mut out = format!("{value}  {reason}");
    if !segments.is_empty() {
        let _ = write!(out, "  segments: {}", segments.join(", "));
    }
    printable(&out).into_owned()
}

fn step(out: &mut String, noun: &str, step: &Step) {
    let verdict = match step.outcome {
        Outcome::Matched => "MATCH: ",
        Outcome::NotMatched => "no: ",
        Outcome::NotReached | Outcome::LeftOut => "not looked at: ",
    };
    line(out, 0, &format!("{noun} {}  {verdict}{}", step.number, step.why));
    let looked_at = step.outcome != Outcome::NotReached;
    match &step.condition {
        Condition::Segments { operator, segments } => {
            if looked_at && segments.len() > 1 {
                let how = if operator.starts_with("AND") { "all of" } else { "one of" };
                line(out, 2, &format!("asks for {how} {} segments", segments.len()));
            }
            for segment in segments.iter().filter(|_| looked_at) {
                self::segment(out, segment);
            }
        }
        Condition::Threshold { hash: Some(hash), .. } => line(out, 2, &format!("percentile {}", formula(hash))),
        Condition::Threshold { .. } | Condition::Nothing => {}
    }
    for note in step.notes.iter().filter(|_| looked_at) {
        line(out, 2, &format!("! {}", note.message));
    }
    if step.outcome != Outcome::Matched {
        return;
    }
    match &step.gives {
        Gives::Value { value } => line(out, 2, &format!("gives {value}")),
        Gives::Shares { hash: Some(hash), shares } => {
            line(out, 2, &format!("bucket {}", formula(hash)));
            let width = shares.iter().map(|share| width(&share.variant_key)).max().unwrap_or_default();
            for share in shares {
                let mark = if share.chosen { "->" } else { "  " };
                let name = padded(&share.variant_key, width);
                let buckets = match (share.first, share.last) {
                    (Some(first), Some(last)) => format!("{first:>3}..{last}"),
                    _ => "  nobody".to_owned(),
                };
                line(out, 2, &format!("{mark} {name}  {:>6} %  {buckets}", share.rollout));
            }
        }
        Gives::Shares { hash: None, .. } => {}
    }
}

fn formula(hash: &Hash) -> String {
    let [first, second] = &hash.input;
    format!("{} = crc32({first:?} + {second:?}) mod {}", hash.bucket, hash.modulus)
}

fn segment(out: &mut String, segment: &SegmentLook) {
    let verdict = match segment.outcome {
        Outcome::Matched => "yes",
        Outcome::NotMatched => "no",
        Outcome::LeftOut => "LEFT OUT",
        Outcome::NotReached => "not looked at",
    };
    line(out, 2, &format!("segment {}: {verdict}, {}", segment.key, segment.why));
    let asked: Vec<String> = segment.constraints.iter().map(asked).collect();
    // A column as wide as most need; what is longer pushes its own line only.
    let width = asked.iter().map(|text| width(text)).filter(|width| *width <= WIDEST).max().unwrap_or_default();
    for (constraint, asked) in segment.constraints.iter().zip(&asked) {
        let verdict = if constraint.outcome == Outcome::Matched { "yes" } else { "no " };
        let mark = if constraint.decided { "*" } else { " " };
        line(out, 4, &format!("{verdict}{mark} {}  {}", padded(asked, width), constraint.why));
    }
}

/// Characters up to which what constraints ask is set as a column.
const WIDEST: usize = 44;

fn asked(constraint: &ConstraintLook) -> String {
    let what = if constraint.subject.starts_with("ENTITY_ID") { "entity id" } else { &constraint.property };
    let operator = &constraint.operator;
    match operator.as_str() {
        "isoneof" | "isnotoneof" => format!("{what} {operator} {}", constraint.value),
        "empty" | "notempty" | "present" | "notpresent" | "true" | "false" => format!("{what} {operator}"),
        _ => format!("{what} {operator} {:?}", constraint.value),
    }
}

fn width(text: &str) -> usize {
    printable(text).chars().count()
}

fn padded(text: &str, width: usize) -> String {
    format!("{:<width$}", printable(text))
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{}", "", printable(text).trim_end());
}

/// A text that can be written to a terminal: what is not to be seen, or would do something, is escaped.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match escaped(c) {
            None => out.push(c),
            Some(escaped) => out.push_str(&escaped),
        }
    }
    Cow::Owned(out)
}

/// JSON that can be written to a terminal: the same value, with everything escaped that [`printable`] escapes. (JSON
/// itself wants only the first 32 characters escaped.)
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || escaped(c).is_none() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// The escape of a character that is not to be seen as it is.
fn escaped(c: char) -> Option<String> {
    if (' '..='~').contains(&c) {
        return None;
    }
    // Behind another character, so that a combining mark stays what it is.
    let shown = format!("{:?}", ["a", c.encode_utf8(&mut [0; 4])].concat());
    let shown = shown.get(2..shown.len() - 1).unwrap_or_default();
    shown.starts_with('\\').then(|| shown.to_owned())
}
