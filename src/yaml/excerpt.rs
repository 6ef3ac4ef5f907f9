//! The line that a message is about, with a mark below its place, for a terminal or the log of a CI job.
//!
//! Whatever stands in the line, it stays one line: control characters, and those that turn the direction of writing
//! around, are replaced. The mark stands below its place also behind characters that take two cells or none, and of a
//! long line a window around the place is shown.

use std::fmt::Write as _;

use super::Position;
use crate::limits;

/// Characters shown before the place where the line is too long to be shown from its start.
const BEFORE: usize = 40;

/// Adds the line and its mark, each on a line of its own:
///
/// ```text
///   12 |   enabled: yes
///      |            ^^^
/// ```
pub fn show(out: &mut String, line: &str, at: Position) {
    let Some((line, mark)) = of(line, at.column) else { return };
    let number = at.line.to_string();
    let _ = writeln!(out, "  {number} | {line}");
    let _ = writeln!(out, "  {} | {mark}", " ".repeat(number.len()));
}

/// The column right behind the word that begins at a column.
#[must_use]
pub fn end(line: &str, column: u32) -> u32 {
    let start = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let width = if line.len() > limits::EXCERPT_LINE_BYTES { 1 } else { token(line, start) };
    column.saturating_add(u32::try_from(width).unwrap_or(1))
}

/// What is shown of a line, and the mark below. None of a line so long that finding the place in it takes time.
fn of(line: &str, column: u32) -> Option<(String, String)> {
    if line.len() > limits::EXCERPT_LINE_BYTES {
        return None;
    }
    let start = usize::try_from(column).ok()?.saturating_sub(1);
    let token = token(line, start);
    let first = if start + BEFORE > limits::EXCERPT_CHARACTERS { start - BEFORE } else { 0 };
    let mut rest = line.chars().skip(first);
    let kept: String = rest.by_ref().take(limits::EXCERPT_CHARACTERS).map(plain).collect();
    let mut shown = if first > 0 { format!("…{kept}") } else { kept.trim_end().to_owned() };
    if rest.next().is_some() {
        shown.push('…');
    }
    let before = kept.chars().take(start - first);
    let indent = usize::from(first > 0) + before.clone().map(cells).sum::<usize>();
    // A place behind the end of the line: that of a bracket that is missing, say.
    let indent = indent + (start - first).saturating_sub(before.count());
    let marked: usize = kept.chars().skip(start - first).take(token).map(cells).sum();
    Some((shown, format!("{}{}", " ".repeat(indent), "^".repeat(marked.max(1)))))
}

/// How many characters the word has that begins at this column.
fn token(line: &str, start: usize) -> usize {
    let mut rest = line.chars().skip(start).peekable();
    let quote = rest.peek().copied().filter(|c| matches!(c, '"' | '\''));
    let mut width = 0;
    while let Some(c) = rest.next() {
        if let Some(quote) = quote {
            width += 1;
            if width > 1 && c == quote {
                break;
            }
            continue;
        }
        let ends = c.is_whitespace()
            || matches!(c, ',' | '}' | ']')
            || (c == ':' && rest.peek().is_none_or(|c| c.is_whitespace()));
        if ends {
            break;
        }
        width += 1;
    }
    width.max(1)
}

/// A character as a terminal may have it.
fn plain(c: char) -> char {
    match c {
        c if c.is_control() => ' ',
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        c => c,
    }
}

/// Cells of a terminal that a character takes: the blocks that Unicode calls wide, and marks that stand on another
/// character. Near enough for a mark below a line.
const fn cells(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, column: u32) -> (String, String) {
        of(line, column).unwrap()
    }

    #[test]
    fn the_mark_stands_below_its_place() {
        let lines = [
            ("enabled: yes", 10, "enabled: yes", "         ^^^"),
            ("\tkey:\tx y", 7, " key: x y", "      ^"),
            ("名前: \"旗 旗\" # x", 5, "名前: \"旗 旗\" # x", "      ^^^^^^^"),
            ("e\u{301}: x", 5, "e\u{301}: x", "   ^"),
            ("a\u{202e}b: c", 1, "a\u{fffd}b: c", "^^^"),
            ("x", 4, "x", "   ^"),
            ("", 1, "", "^"),
        ];
        for (line, column, line_shown, mark) in lines {
            assert_eq!(shown(line, column), (line_shown.to_owned(), mark.to_owned()), "{line}");
        }
    }

    #[test]
    fn of_a_long_line_a_window_is_shown() {
        let line = format!("{}, wrong: yes, {}", "a: 1, ".repeat(1_000), "b: 2, ".repeat(1_000));
        let column = u32::try_from(line.find("yes").unwrap()).unwrap() + 1;
        let (window, mark) = shown(&line, column);
        assert!(window.starts_with('…') && window.ends_with('…'), "{window}");
        assert!(window.chars().count() <= limits::EXCERPT_CHARACTERS + 2);
        let at = mark.find('^').unwrap();
        assert_eq!(window.chars().skip(at).take(mark.len() - at).collect::<String>(), "yes");
        assert_eq!(of(&"x".repeat(limits::EXCERPT_LINE_BYTES + 1), 3), None);
    }

    #[test]
    fn a_word_ends_where_it_ends() {
        assert_eq!((end("a: [b, c]", 5), end("key: 'a b' x", 6), end("x", 9)), (6, 11, 10));
    }
}
