//! The differences for a terminal: `+`, `-` and `~` for what is new, gone and another, `→` for who is affected.

use super::words::{Line, Mark, Piece, flag_head, flag_lines, not_compared, segment_head, segment_lines, summary};
use super::{Changes, Presence};
use crate::limits;

/// Writes all of them; the last line sums them up.
#[must_use]
pub fn text(changes: &Changes) -> String {
    let mut out = String::new();
    for not in &changes.not_compared {
        line(&mut out, "", '!', &not_compared(not));
    }
    for namespace in &changes.namespaces {
        let whole = match namespace.change {
            Presence::Added => " (new)",
            Presence::Removed => " (gone)",
            Presence::Changed => "",
        };
        out.push_str("namespace ");
        push(&mut out, &namespace.key);
        out.push_str(whole);
        out.push('\n');
        for flag in &namespace.flags {
            line(&mut out, "  ", sign(Mark::Edit(flag.change)), &flag_head(flag));
            for (mark, words) in flag_lines(flag) {
                line(&mut out, "      ", sign(mark), &words);
            }
        }
        for segment in &namespace.segments {
            line(&mut out, "  ", sign(Mark::Edit(segment.change)), &segment_head(segment));
            for (mark, words) in segment_lines(segment) {
                line(&mut out, "      ", sign(mark), &words);
            }
        }
        out.push('\n');
    }
    out.push_str(&summary(changes));
    out.push('\n');
    out
}

const fn sign(mark: Mark) -> char {
    match mark {
        Mark::Edit(Presence::Added) => '+',
        Mark::Edit(Presence::Removed) => '-',
        Mark::Edit(Presence::Changed) => '~',
        Mark::Effect => '→',
    }
}

fn line(out: &mut String, indent: &str, sign: char, pieces: &Line) {
    out.push_str(indent);
    out.push(sign);
    out.push(' ');
    for piece in pieces {
        match piece {
            Piece::Said(words) => out.push_str(words),
            Piece::Key(key) => push(out, key),
            Piece::Text(text) if text.is_empty() => out.push_str("\"\""),
            Piece::Text(text) => push(out, text),
        }
    }
    out.push('\n');
}

/// A text that stays on its line, and not without end.
fn push(out: &mut String, text: &str) {
    out.push_str(&tamed(text, limits::QUOTED_CHARACTERS));
}

/// Without control characters and those that turn the direction of writing around, clipped.
pub(super) fn tamed(text: &str, most: usize) -> String {
    let odd = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut tamed = String::new();
    for c in text.chars().take(most) {
        if odd(c) { tamed.extend(c.escape_default()) } else { tamed.push(c) }
    }
    if text.chars().nth(most).is_some() {
        tamed.push('…');
    }
    tamed
}
