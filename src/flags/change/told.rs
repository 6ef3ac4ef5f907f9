//! The differences for a page: lines of pieces, so that a page can show what somebody else wrote as what it is.

use serde::Serialize;

use super::text::tamed;
use super::words::{Line, Mark, Piece, flag_head, flag_lines, not_compared, segment_head, segment_lines, summary};
use super::{Changes, Presence};
use crate::limits;

/// All of them, as far as anybody reads on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// In one line.
    pub summary: String,
    /// What could not be compared.
    pub not_compared: Vec<Vec<Part>>,
    /// By namespace.
    pub namespaces: Vec<Namespace>,
    /// Flags and segments that are too many to be told.
    pub left_out: usize,
}

/// Those of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Its key.
    pub key: String,
    /// Of itself.
    pub change: Presence,
    /// Its flags, then its segments.
    pub items: Vec<Item>,
}

/// Those of one flag or segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// `flag` or `segment`.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// Of itself.
    pub change: Presence,
    /// What it is.
    pub head: Vec<Part>,
    /// What of it.
    pub edits: Vec<Edited>,
    /// Who is affected.
    pub effects: Vec<Vec<Part>>,
}

/// One thing that is new, gone or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edited {
    /// Which of these.
    pub change: Presence,
    /// In words.
    pub line: Vec<Part>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `said` for our words, `key` for a key, `text` for what else somebody wrote.
    pub kind: &'static str,
    /// What it says.
    pub text: String,
}

/// Tells at most `most` flags and segments, each with as many lines at most.
#[must_use]
pub fn told(changes: &Changes, most: usize) -> Told {
    let mut room = most;
    let mut left_out = 0;
    let mut namespaces = Vec::new();
    for namespace in &changes.namespaces {
        let flags = namespace.flags.iter().map(|flag| ("flag", &flag.key, flag.change, Of::Flag(flag)));
        let segments =
            namespace.segments.iter().map(|segment| ("segment", &segment.key, segment.change, Of::Segment(segment)));
        let all = flags.chain(segments);
        let count = namespace.flags.len() + namespace.segments.len();
        let items: Vec<Item> =
            all.take(room).map(|(kind, key, change, of)| item(kind, key, change, &of, most)).collect();
        room -= items.len();
        left_out += count - items.len();
        if !items.is_empty() || count == 0 {
            namespaces.push(Namespace { key: short(&namespace.key), change: namespace.change, items });
        }
    }
    Told {
        summary: summary(changes),
        not_compared: changes.not_compared.iter().take(most).map(|not| parts(not_compared(not))).collect(),
        namespaces,
        left_out,
    }
}

enum Of<'c> {
    Flag(&'c super::FlagChange),
    Segment(&'c super::SegmentChange),
}

fn item(kind: &'static str, key: &str, change: Presence, of: &Of<'_>, most: usize) -> Item {
    let (head, lines) = match of {
        Of::Flag(flag) => (flag_head(flag), flag_lines(flag)),
        Of::Segment(segment) => (segment_head(segment), segment_lines(segment)),
    };
    let (mut edits, mut effects) = (Vec::new(), Vec::new());
    for (mark, line) in lines.into_iter().take(most) {
        match mark {
            Mark::Edit(change) => edits.push(Edited { change, line: parts(line) }),
            Mark::Effect => effects.push(parts(line)),
        }
    }
    Item { kind, key: key.to_owned(), change, head: parts(head), edits, effects }
}

fn parts(line: Line) -> Vec<Part> {
    let part = |piece| match piece {
        Piece::Said(words) => Part { kind: "said", text: words },
        Piece::Key(key) => Part { kind: "key", text: short(&key) },
        Piece::Text(text) if text.is_empty() => Part { kind: "text", text: "\"\"".to_owned() },
        Piece::Text(text) => Part { kind: "text", text: tamed(&text, limits::UI_QUOTED_CHARACTERS) },
    };
    line.into_iter().map(part).collect()
}

fn short(text: &str) -> String {
    tamed(text, limits::QUOTED_CHARACTERS)
}
