//! The difference of texts as lines that a page can colour, number and cut.

use serde::Serialize;

use crate::limits;

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its path now; of one that is gone, as it was.
    pub path: String,
    /// `new`, `gone`, or nothing.
    pub state: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `add`, `del`, `same`, or `at` between two places.
    pub kind: &'static str,
    /// What stands there, without its sign.
    pub text: String,
    /// Its number before.
    pub old: Option<usize>,
    /// Its number now.
    pub new: Option<usize>,
}

/// Files, and whether something was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// In their order.
    pub files: Vec<File>,
    /// There is more than a page shows.
    pub cut: bool,
}

/// Reads what `git diff` writes.
#[must_use]
pub fn read(text: &str) -> Diff {
    let mut diff = Diff::default();
    let (mut old, mut new) = (0, 0);
    for (at, line) in text.lines().enumerate() {
        if at >= limits::UI_DIFF_LINES {
            diff.cut = true;
            break;
        }
        if let Some(paths) = line.strip_prefix("diff --git a/") {
            // Both are the same, with ` b/` between.
            let path = paths.get(..paths.len().saturating_sub(3) / 2).unwrap_or(paths);
            diff.files.push(File { path: path.to_owned(), state: "", lines: Vec::new() });
            (old, new) = (0, 0);
            continue;
        }
        let Some(file) = diff.files.last_mut() else { continue };
        if let Some(head) = line.strip_prefix("@@ -") {
            (old, new) = places(head);
            if !file.lines.is_empty() {
                file.lines.push(Line { kind: "at", text: String::new(), old: None, new: None });
            }
            continue;
        }
        if (old, new) == (0, 0) {
            match line {
                _ if line.starts_with("new file") => file.state = "new",
                _ if line.starts_with("deleted file") => file.state = "gone",
                _ if line.starts_with("--- ") || line.starts_with("+++ ") => {}
                _ => file.lines.push(Line { kind: "at", text: shown(line), old: None, new: None }),
            }
            continue;
        }
        let next = |counter: &mut usize| {
            let number = *counter;
            *counter += 1;
            Some(number)
        };
        let rest = line.get(1..).unwrap_or_default();
        file.lines.push(match line.as_bytes().first() {
            Some(b'+') => Line { kind: "add", text: shown(rest), old: None, new: next(&mut new) },
            Some(b'-') => Line { kind: "del", text: shown(rest), old: next(&mut old), new: None },
            Some(b' ') | None => Line { kind: "same", text: shown(rest), old: next(&mut old), new: next(&mut new) },
            _ => {
                diff.cut |= line.starts_with('…');
                Line { kind: "at", text: shown(line.trim_start_matches("\\ ")), old: None, new: None }
            }
        });
    }
    diff
}

/// Where a hunk begins: `12,7 +12,8 @@`. Never 0, which says that no hunk was seen.
fn places(head: &str) -> (usize, usize) {
    let number = |text: &str| text.split([',', ' ']).next().and_then(|text| text.parse().ok()).unwrap_or(1).max(1);
    let (old, new) = head.split_once(" +").unwrap_or((head, ""));
    (number(old), number(new))
}

fn shown(line: &str) -> String {
    match line.char_indices().nth(limits::UI_DIFF_CHARACTERS).and_then(|(at, _)| line.get(..at)) {
        Some(cut) => format!("{cut}…"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_numbers_and_kinds() {
        let text = "diff --git a/shop/f.yaml b/shop/f.yaml\n--- a/shop/f.yaml\n+++ b/shop/f.yaml\n@@ -2,3 +2,3 @@\n a\n\
                    -b\n+c\n@@ -20 +20,2 @@\n-x\n+--- y\n+z\n\\ No newline at end of file\n\
                    diff --git a/new.yaml b/new.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/new.yaml\n@@ -0,0 +1 @@\n+1\n";
        let diff = read(text);
        let told: Vec<String> = diff.files[0]
            .lines
            .iter()
            .map(|line| format!("{} {:?} {:?} {}", line.kind, line.old, line.new, line.text))
            .collect();
        assert_eq!(
            told,
            [
                "same Some(2) Some(2) a",
                "del Some(3) None b",
                "add None Some(3) c",
                "at None None ",
                "del Some(20) None x",
                "add None Some(20) --- y",
                "add None Some(21) z",
                "at None None No newline at end of file",
            ]
        );
        assert_eq!((diff.files[0].path.as_str(), diff.files[1].state), ("shop/f.yaml", "new"));
        assert_eq!(diff.files[1].lines[0].new, Some(1));
        assert!(!diff.cut);
    }

    #[test]
    fn whatever_comes_is_cut_and_breaks_nothing() {
        let long = format!("diff --git a/x b/x\n@@ -1 +1 @@\n+{}\n", "é".repeat(100_000));
        assert_eq!(read(&long).files[0].lines[0].text.chars().count(), limits::UI_DIFF_CHARACTERS + 1);
        let many = format!("diff --git a/x b/x\n@@ -1 +1 @@\n{}", "+a\n".repeat(limits::UI_DIFF_LINES));
        assert!(read(&many).cut);
        for odd in ["", "@@", "diff --git a/", "diff --git a/x b/x\n@@ -é +ü @@\n+é\né\n\n", "+x\n"] {
            let _ = read(odd);
        }
        assert!(read("diff --git a/x b/x\n@@ -1 +1 @@\n+a\n\n… and more\n").cut);
    }
}
