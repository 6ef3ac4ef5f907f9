//! The difference of two texts as `git diff` shows it. Pure.
//!
//! Edits are small: what both have at their beginning and their end is put aside first, and only what is left between is
//! compared line by line. Where that is more than a person would read, it is shown as one replacement.

use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use crate::limits;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// One file's difference; nothing if both are the same. `None`: there is no such file.
pub(crate) fn of_file(path: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> String {
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
        let _ = writeln!(text, "Binary files {was} and {is} differ");
        return text;
    };
    if old.is_empty() && new.is_empty() {
        return text;
    }
    let _ = writeln!(text, "--- {was}\n+++ {is}");
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    hunks(&old, &new, &mut text);
    text
}

fn hunks(old: &[&str], new: &[&str], text: &mut String) {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_mid, old_tail) = old_rest.split_at(old_rest.len() - tail);
    let (new_mid, _) = new_rest.split_at(new_rest.len() - tail);
    let mut steps = vec![DiffOp::Equal { old_index: 0, new_index: 0, len: head }];
    for mut step in middle(old_mid, new_mid) {
        let (DiffOp::Equal { old_index, new_index, .. }
        | DiffOp::Delete { old_index, new_index, .. }
        | DiffOp::Insert { old_index, new_index, .. }
        | DiffOp::Replace { old_index, new_index, .. }) = &mut step;
        (*old_index, *new_index) = (*old_index + head, *new_index + head);
        steps.push(step);
    }
    let ends = (head + old_mid.len(), head + new_mid.len());
    steps.push(DiffOp::Equal { old_index: ends.0, new_index: ends.1, len: old_tail.len() });
    for hunk in group_diff_ops(steps, CONTEXT) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let (olds, news) =
            (first.old_range().start..last.old_range().end, first.new_range().start..last.new_range().end);
        let _ = writeln!(text, "@@ -{} +{} @@", range(olds.start, olds.len()), range(news.start, news.len()));
        for step in &hunk {
            if let DiffOp::Equal { .. } = step {
                lines(' ', old.get(step.old_range()), text);
            } else {
                lines('-', old.get(step.old_range()), text);
                lines('+', new.get(step.new_range()), text);
            }
        }
    }
}

fn lines(sign: char, lines: Option<&[&str]>, text: &mut String) {
    for line in lines.unwrap_or_default() {
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// The steps from one to the other, the fewest where that is affordable.
fn middle(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    if old.len().saturating_mul(new.len()) > limits::TEXT_DIFF_CELLS {
        return vec![DiffOp::Replace { old_index: 0, old_len: old.len(), new_index: 0, new_len: new.len() }];
    }
    capture_diff_slices(Algorithm::Myers, old, new)
}

/// Lines as a hunk's head numbers them.
fn range(skipped: usize, lines: usize) -> String {
    match lines {
        0 => format!("{skipped},0"),
        1 => (skipped + 1).to_string(),
        _ => format!("{},{lines}", skipped + 1),
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
