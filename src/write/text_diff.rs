//! The difference of two texts as `git diff` shows it. Pure.
//!
//! Edits are small: what both have at their beginning and their end is put aside first, and only what is left between is
//! compared line by line. Where that is more than a person would read, it is shown as one replacement.

use crate::limits;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// One file's difference; nothing if both are the same. `None`: there is no such file.
pub(super) fn of_file(path: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> String {
    if old == new {
        return String::new();
    }
    let mut text = format!("diff --git a/{path} b/{path}\n");
    match (old, new) {
        (None, _) => text.push_str("new file mode 100644\n"),
        (_, None) => text.push_str("deleted file mode 100644\n"),
        _ => {}
    }
    let name = |side: &str, there: bool| if there { format!("{side}/{path}") } else { "/dev/null".to_owned() };
    let (was, is) = (name("a", old.is_some()), name("b", new.is_some()));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        text.push_str(&format!("Binary files {was} and {is} differ\n"));
        return text;
    };
    if old.is_empty() && new.is_empty() {
        return text;
    }
    text.push_str(&format!("--- {was}\n+++ {is}\n"));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    hunks(&old, &new, &mut text);
    text
}

/// One line of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Same(&'t str),
    Old(&'t str),
    New(&'t str),
}

fn hunks(old: &[&str], new: &[&str], text: &mut String) {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_mid, old_tail) = old_rest.split_at(old_rest.len() - tail);
    let (new_mid, _) = new_rest.split_at(new_rest.len() - tail);
    let before = head.saturating_sub(CONTEXT);
    let mut lines: Vec<Line<'_>> =
        old.get(before..head).unwrap_or_default().iter().map(|line| Line::Same(line)).collect();
    lines.extend(middle(old_mid, new_mid));
    lines.extend(old_tail.iter().take(CONTEXT).map(|line| Line::Same(line)));

    let (mut at_old, mut at_new, mut place) = (before, before, 0);
    while let Some(first) = lines.iter().skip(place).position(|line| !matches!(line, Line::Same(_))) {
        let start = place + first.saturating_sub(CONTEXT);
        at_old += start - place;
        at_new += start - place;
        // A hunk goes on as long as changes are near each other.
        let (mut end, mut same) = (place + first, 0);
        for (n, line) in lines.iter().enumerate().skip(end) {
            match line {
                Line::Same(_) if same == CONTEXT * 2 => break,
                Line::Same(_) => same += 1,
                _ => (end, same) = (n + 1, 0),
            }
        }
        let end = (end + CONTEXT).min(lines.len());
        let hunk = lines.get(start..end).unwrap_or_default();
        let olds = hunk.iter().filter(|line| !matches!(line, Line::New(_))).count();
        let news = hunk.iter().filter(|line| !matches!(line, Line::Old(_))).count();
        text.push_str(&format!("@@ -{} +{} @@\n", range(at_old, olds), range(at_new, news)));
        for line in hunk {
            let (sign, line) = match line {
                Line::Same(line) => (' ', line),
                Line::Old(line) => ('-', line),
                Line::New(line) => ('+', line),
            };
            text.push(sign);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
        (at_old, at_new, place) = (at_old + olds, at_new + news, end);
    }
}

/// Lines as a hunk's head numbers them.
fn range(skipped: usize, lines: usize) -> String {
    match lines {
        0 => format!("{skipped},0"),
        1 => (skipped + 1).to_string(),
        _ => format!("{},{lines}", skipped + 1),
    }
}

/// The longest common subsequence, where that is affordable.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let all = || old.iter().map(|line| Line::Old(line)).chain(new.iter().map(|line| Line::New(line))).collect();
    if old.is_empty() || new.is_empty() || old.len().saturating_mul(new.len()) > limits::TEXT_DIFF_CELLS {
        return all();
    }
    // lengths[i][j]: of what is common to old[i..] and new[j..].
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or_default();
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let length = if one == other {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(cell) = lengths.get_mut(i * width + j) {
                *cell = length;
            }
        }
    }
    let (mut lines, mut i, mut j) = (Vec::with_capacity(old.len() + new.len()), 0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                lines.push(Line::Same(one));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                lines.push(Line::Old(one));
                i += 1;
            }
            (_, Some(other)) => {
                lines.push(Line::New(other));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        of_file("a/features.yaml", Some(old.as_bytes()), Some(new.as_bytes()))
    }

    #[test]
    fn a_change_with_its_context() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let expected = "diff --git a/a/features.yaml b/a/features.yaml\n--- a/a/features.yaml\n+++ b/a/features.yaml\n\
                        @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n";
        assert_eq!(diff(old, &old.replace('5', "five")), expected);
        assert_eq!(diff(old, old), "");
    }

    #[test]
    fn changes_that_are_far_apart_are_hunks_of_their_own() {
        let old: Vec<String> = (1..=30).map(|n| format!("{n}\n")).collect();
        let mut new = old.clone();
        new[4] = "five\n".to_owned();
        new.remove(24);
        let text = diff(&old.concat(), &new.concat());
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(heads, ["@@ -2,7 +2,7 @@", "@@ -22,7 +22,6 @@"]);
    }

    #[test]
    fn files_that_come_and_go_and_have_no_last_line_end() {
        let made = of_file("x", None, Some(b"a\nb"));
        assert!(made.contains("new file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline"));
        let gone = of_file("x", Some(b"a\n"), None);
        assert!(gone.contains("deleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"), "{gone}");
        assert!(of_file("x", Some(&[0xff]), Some(b"a")).contains("Binary files"));
    }

    #[test]
    fn git_applies_what_comes_out() {
        use proptest::prelude::*;
        // Applying is what a reader does: context and old lines must be there, in order.
        fn apply(old: &str, text: &str) -> String {
            let old: Vec<&str> = old.split_inclusive('\n').collect();
            let (mut out, mut at) = (String::new(), 0);
            for line in text.split_inclusive('\n').skip(3) {
                if let Some(head) = line.strip_prefix("@@ -") {
                    let start: usize = head.split([',', ' ']).next().unwrap().parse().unwrap();
                    let skipped = if head.split(' ').next().unwrap().ends_with(",0") { start } else { start - 1 };
                    out.extend(old[at..skipped].iter().copied());
                    at = skipped;
                } else if let Some(line) = line.strip_prefix([' ', '-']) {
                    assert_eq!(old[at], line);
                    at += 1;
                }
                if let Some(line) = line.strip_prefix([' ', '+']) {
                    out.push_str(line);
                }
            }
            out.extend(old[at..].iter().copied());
            out
        }
        let lines = prop::collection::vec(prop::sample::select(vec!["a\n", "b\n", "c\n", "d\n"]), 0..30);
        proptest!(|(old in lines.clone(), new in lines)| {
            let (old, new) = (old.concat(), new.concat());
            if old != new {
                prop_assert_eq!(apply(&old, &diff(&old, &new)), new);
            }
        });
    }
}
