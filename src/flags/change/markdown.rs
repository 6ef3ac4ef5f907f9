//! The differences for a comment on a merge proposal.
//!
//! Everything that somebody else wrote stands in a code span: there neither Markdown nor HTML means anything, nobody is
//! mentioned, and nothing becomes a link. A comment has a bound of its own everywhere; what is past ours is left out,
//! and said so.

use std::fmt::Write as _;

use super::text::tamed;
use super::words::{
    Line, Mark, Piece, flag_head, flag_lines, not_compared, presence, segment_head, segment_lines, summary,
};
use super::{Changes, Presence};
use crate::limits;

/// Writes all of them, up to [`limits::DIFF_MARKDOWN_BYTES`].
#[must_use]
pub fn markdown(changes: &Changes) -> String {
    markdown_within(changes, limits::DIFF_MARKDOWN_BYTES)
}

/// Writes as many of them as `most` bytes hold, and how many are left out.
#[must_use]
pub fn markdown_within(changes: &Changes, most: usize) -> String {
    let mut page = Page { out: format!("**{}**\n", summary(changes)), left_out: 0, most };
    if !changes.not_compared.is_empty() {
        page.add("\n");
    }
    for not in &changes.not_compared {
        page.add(&format!("- :warning: {}\n", line(&not_compared(not))));
    }
    for namespace in &changes.namespaces {
        let whole = match namespace.change {
            Presence::Added => " (new)",
            Presence::Removed => " (gone)",
            Presence::Changed => "",
        };
        page.add(&format!("\n#### Namespace {}{whole}\n\n", code(&namespace.key, limits::QUOTED_CHARACTERS)));
        for flag in &namespace.flags {
            page.item(flag.change, &flag_head(flag), &flag_lines(flag));
        }
        for segment in &namespace.segments {
            page.item(segment.change, &segment_head(segment), &segment_lines(segment));
        }
    }
    if page.left_out > 0 {
        let _ = write!(page.out, "\n… and {} more that are too many to show here.\n", page.left_out);
    }
    page.out
}

struct Page {
    out: String,
    left_out: usize,
    most: usize,
}

impl Page {
    fn add(&mut self, text: &str) -> bool {
        let fits = self.left_out == 0 && self.out.len() + text.len() <= self.most;
        if fits {
            self.out.push_str(text);
        }
        fits
    }

    fn item(&mut self, change: Presence, head: &Line, lines: &[(Mark, Line)]) {
        let mut text = format!("- **{}** {}\n", presence(change), line(head));
        for (mark, words) in lines {
            let words = line(words);
            let _ = match mark {
                Mark::Edit(Presence::Added) => writeln!(text, "  - added: {words}"),
                Mark::Edit(Presence::Removed) => writeln!(text, "  - removed: {words}"),
                Mark::Edit(Presence::Changed) => writeln!(text, "  - {words}"),
                Mark::Effect => writeln!(text, "  - → {words}"),
            };
        }
        if !self.add(&text) {
            self.left_out += 1;
        }
    }
}

fn line(pieces: &Line) -> String {
    let piece = |piece: &Piece| match piece {
        // Ours, but `<` would begin a tag.
        Piece::Said(words) => words.replace('<', "&lt;").replace('>', "&gt;"),
        Piece::Key(text) | Piece::Text(text) => code(text, limits::QUOTED_CHARACTERS),
    };
    pieces.iter().map(piece).collect()
}

/// A code span that its content, of which `most` characters are shown, cannot end.
#[must_use]
pub fn code(text: &str, most: usize) -> String {
    let text = tamed(text, most);
    let mut run = 0;
    let mut longest = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    // Blanks at both ends are taken away by the reader, and keep a backtick from the fence.
    let pad = if text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    format!("{fence}{pad}{text}{pad}{fence}")
}
